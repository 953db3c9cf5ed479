//! Where a comment belongs: enough of the cell and its neighbours to find it again in any later notebook, also after a
//! rebase, a squash, a move or a tool that rewrote every id.
use serde::{Deserialize, Serialize};

use crate::model::{
    diff::{CellView, Document, align::align},
    textdiff::{Lines, RowKind, TextDiff},
};

/// Most bytes kept of a cell; of a longer one the beginning.
const KEPT: usize = 8_000;
/// Lines of a text file kept at either side of one that is spoken of.
const AROUND: usize = 3;
/// The kind of an anchor in a file that is no notebook.
const TEXT: &str = "text";

/// A cell as it was when somebody spoke of it; or, where `kind` is `text`, a line of any other file with the lines around
/// it (the whole file when nothing is spoken of but the file).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellAnchor {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub source: String,
    /// Sources of the neighbours, empty at the ends.
    #[serde(default)]
    pub before: String,
    #[serde(default)]
    pub after: String,
    /// Position, from 0.
    pub index: usize,
}

/// Where it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Place {
    /// In a cell with the same source; the line is the one it was written for.
    Here { cell: usize, line: Option<usize> },
    /// The cell was edited; the line is where the old one went, `None` when it is gone.
    Edited { cell: usize, line: Option<usize> },
    /// No cell of the notebook is it any more.
    Orphan,
}

impl Place {
    /// The cell it is in.
    pub fn cell(self) -> Option<usize> {
        match self {
            Self::Here { cell, .. } | Self::Edited { cell, .. } => Some(cell),
            Self::Orphan => None,
        }
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(KEPT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

impl CellAnchor {
    /// The anchor of a line of a text file; `None` for the file as a whole.
    pub fn of_text(lines: &Lines, line: Option<usize>) -> Self {
        let Some(at) = line else { return Self { kind: TEXT.to_owned(), ..Self::default() } };
        let join = |range: std::ops::Range<usize>| range.map(|n| cut(lines.line(n))).collect::<Vec<_>>().join("\n");
        Self {
            id: None,
            kind: TEXT.to_owned(),
            source: cut(lines.line(at)),
            before: join(at.saturating_sub(AROUND)..at),
            after: join(at + 1..lines.len().min(at + 1 + AROUND)),
            index: at,
        }
    }
    /// True in a file that is no notebook.
    pub fn is_text(&self) -> bool {
        self.kind == TEXT
    }

    /// Finds the line in a text file by itself and the lines around it.
    pub fn find_line(&self, lines: &Lines, line: Option<usize>) -> Place {
        if line.is_none() {
            return Place::Here { cell: 0, line: None };
        }
        // How many lines in a row are the same above and below.
        let above = |at: usize| {
            let mut near = self.before.split('\n').rev().filter(|_| !self.before.is_empty());
            (0..at).rev().take_while(|n| near.next() == Some(lines.line(*n))).count()
        };
        let below = |at: usize| {
            let mut near = self.after.split('\n').filter(|_| !self.after.is_empty());
            (at + 1..lines.len()).take_while(|n| near.next() == Some(lines.line(*n))).count()
        };
        let is_it = |text: &str| text == self.source || (self.source.len() >= KEPT && text.starts_with(&self.source));
        // A blank or a bracket alone could stand anywhere.
        let weak = self.source.chars().filter(|c| c.is_alphanumeric()).count() < 2;
        let near = |at: usize| std::cmp::Reverse(at.abs_diff(self.index));
        let same = (0..lines.len()).filter(|n| is_it(lines.line(*n)));
        let best = same.map(|n| (above(n) + below(n), near(n), n)).max();
        let best = best.filter(|(around, ..)| !weak || *around >= 2);
        // Rewritten in place: what stood above and below it still does.
        let edited = (0..lines.len()).filter(|n| !is_it(lines.line(*n))).filter_map(|n| {
            let (up, down) = (above(n), below(n));
            let first = self.before.is_empty() && n == 0;
            let last = self.after.is_empty() && n + 1 == lines.len();
            let close = (up > 0 || first) && (down > 0 || last) && up + down >= 2;
            close.then(|| (up + down, near(n), n))
        });
        let edited = edited.max();
        // A twin elsewhere is not it when everything around speaks for another line.
        let at = match (best, edited) {
            (Some((around, _, at)), other) if other.is_none_or(|o| o.0 <= around + 1) => {
                return Place::Here { cell: 0, line: Some(at) };
            }
            (_, other) => other.map(|o| o.2),
        };
        Place::Edited { cell: 0, line: at }
    }

    /// The anchor of the cell at `index`.
    pub fn of(doc: &Document, index: usize) -> Option<Self> {
        let cell = doc.cells.get(index)?;
        let near = |at: Option<usize>| at.and_then(|n| doc.cells.get(n)).map(|c| cut(&c.source)).unwrap_or_default();
        Some(Self {
            id: cell.id.clone(),
            kind: word(cell).to_owned(),
            source: cut(&cell.source),
            before: near(index.checked_sub(1)),
            after: near(Some(index + 1)),
            index,
        })
    }

    /// Finds the cell in a notebook, and the line in the cell.
    ///
    /// The anchor is aligned as a small notebook of three cells, by the same rules as any two versions: content first,
    /// then neighbours, ids only where content agrees.
    pub fn find(&self, doc: &Document, line: Option<usize>) -> Place {
        let Some(cell) = self.cell(doc) else { return Place::Orphan };
        let Some(now) = doc.cells.get(cell) else { return Place::Orphan };
        let source = &*now.source;
        if source == self.source || (self.source.len() >= KEPT && source.starts_with(&self.source)) {
            return Place::Here { cell, line };
        }
        let line = line.and_then(|at| {
            let diff = TextDiff::new(self.source.as_str(), now.source.clone());
            let row = diff.rows.into_iter().find(|r| r.old == Some(at as u32))?;
            matches!(row.kind, RowKind::Same | RowKind::Changed).then_some(row.new? as usize)
        });
        Place::Edited { cell, line }
    }

    fn cell(&self, doc: &Document) -> Option<usize> {
        let same = |c: &CellView| word(c) == self.kind && *c.source == *self.source;
        // The same id and the same text leave no doubt.
        let by_id = |c: &CellView| self.id.is_some() && c.id == self.id;
        let mut certain = doc.cells.iter().enumerate().filter(|(_, c)| same(c) && by_id(c));
        if let (Some((at, _)), None) = (certain.next(), certain.next()) {
            return Some(at);
        }
        // Twins: the one with the same neighbours, else the nearest.
        let twins: Vec<usize> = doc.cells.iter().enumerate().filter(|(_, c)| same(c)).map(|(n, _)| n).collect();
        if !twins.is_empty() {
            let near = |n: Option<usize>| n.and_then(|n| doc.cells.get(n)).map_or("", |c| &c.source);
            let score = |n: usize| {
                usize::from(near(n.checked_sub(1)) == self.before) + usize::from(near(Some(n + 1)) == self.after)
            };
            return twins.into_iter().max_by_key(|n| (score(*n), std::cmp::Reverse(n.abs_diff(self.index))));
        }
        self.aligned(doc)
    }

    fn aligned(&self, doc: &Document) -> Option<usize> {
        let cells = [(&self.before, None), (&self.source, self.id.as_deref()), (&self.after, None)];
        let kind = |n: usize| if n == 1 { self.kind.as_str() } else { "code" };
        let json: Vec<serde_json::Value> = cells
            .iter()
            .enumerate()
            .map(|(n, (source, id))| {
                serde_json::json!({"cell_type": kind(n), "id": id, "metadata": {}, "outputs": [], "source": source})
            })
            .collect();
        let all = serde_json::json!({"cells": json, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
        let small = Document::parse("anchor", serde_json::to_vec(&all).ok()?).ok()?;
        let found = align(&small, doc).to_new.get(1).copied().flatten().map(|j| j as usize);
        // The id alone is a hint: enough when a neighbour is still the same.
        found.or_else(|| {
            let at = doc.cells.iter().position(|c| self.id.is_some() && c.id == self.id)?;
            let near = |n: Option<usize>| n.and_then(|n| doc.cells.get(n)).map_or("", |c| &c.source);
            (near(at.checked_sub(1)) == self.before || near(Some(at + 1)) == self.after).then_some(at)
        })
    }
}

fn word(cell: &CellView) -> &'static str {
    match cell.kind {
        crate::model::diff::CellType::Code => "code",
        crate::model::diff::CellType::Markdown => "markdown",
        crate::model::diff::CellType::Raw => "raw",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diff::tests::{Cell as Gen, Ids, Rng, cell as made, line as word_line, notebook as written};

    fn doc(cells: &[Gen]) -> Document {
        Document::parse("a.ipynb", written(cells)).unwrap()
    }

    #[test]
    fn anchors_are_found_again_after_edits_moves_and_new_ids() {
        let (mut right, mut all) = (0, 0);
        for ids in [Ids::Kept, Ids::None, Ids::Rewritten] {
            for seed in 0..12 {
                let mut rng = Rng(seed);
                let mut old: Vec<Gen> = (0..40).map(|n| made(&mut rng, n)).collect();
                old.retain(|c| !c.source.is_empty());
                if ids == Ids::None {
                    old.iter_mut().for_each(|c| c.id = None);
                }
                let mut new = old.clone();
                for c in &mut new {
                    if rng.chance(15) {
                        c.source = format!("{}\n{}", c.source, word_line(&mut rng));
                    }
                }
                for _ in 0..3 {
                    new.remove(rng.below(new.len()));
                    let moved = new.remove(rng.below(new.len()));
                    new.insert(rng.below(new.len()), moved);
                    let fresh = made(&mut rng, 10_000);
                    new.insert(rng.below(new.len()), fresh);
                }
                if ids == Ids::Rewritten {
                    new.iter_mut().for_each(|c| c.id = Some(format!("new-{:x}", rng.next())));
                }
                let (before, after) = (doc(&old), doc(&new));
                for (n, cell) in old.iter().enumerate() {
                    let place = CellAnchor::of(&before, n).unwrap().find(&after, Some(0));
                    let truth = new.iter().position(|c| c.name == cell.name);
                    all += 1;
                    right += usize::from(place.cell() == truth);
                }
            }
        }
        assert!(right * 100 >= all * 97, "{right} of {all}");
    }

    #[test]
    fn a_line_is_followed_inside_its_cell() {
        let cell = |source: &str| {
            let mut rng = Rng(1);
            Gen { source: source.to_owned(), kind: "code", outputs: "[]".into(), ..made(&mut rng, 0) }
        };
        let before = doc(&[cell("import polars\nframe = load()\nframe.plot()")]);
        let anchor = CellAnchor::of(&before, 0).unwrap();
        let find = |source: &str, line| anchor.find(&doc(&[cell(source)]), Some(line));
        assert_eq!(find("import polars\nframe = load()\nframe.plot()", 1), Place::Here { cell: 0, line: Some(1) });
        let longer = "# first\nimport polars\nframe = load(path)\nframe.plot()";
        assert_eq!(find(longer, 1), Place::Edited { cell: 0, line: Some(2) });
        assert_eq!(find("import polars\nframe.plot()", 1), Place::Edited { cell: 0, line: None });
        let other = doc(&[Gen { kind: "markdown", id: None, ..cell("# Nothing of it is left here at all") }]);
        assert_eq!(anchor.find(&other, Some(1)), Place::Orphan);
    }

    #[test]
    fn a_line_of_a_text_file_is_found_by_itself_and_its_surroundings() {
        let text = "[suite]\nname = \"a\"\n\n[[check]]\nmax = 3\n\n[[check]]\nmax = 3\nmin = 1\n";
        let lines = Lines::new(text);
        let second = CellAnchor::of_text(&lines, Some(7));
        assert!(second.is_text());
        assert_eq!(second.find_line(&lines, Some(7)), Place::Here { cell: 0, line: Some(7) });
        let moved = Lines::new(format!("# first\n{text}"));
        assert_eq!(second.find_line(&moved, Some(7)), Place::Here { cell: 0, line: Some(8) }, "of twins the right one");
        let edited = Lines::new(text.replace("max = 3\nmin", "max = 4\nmin"));
        assert_eq!(second.find_line(&edited, Some(7)), Place::Edited { cell: 0, line: Some(7) }, "not its twin");
        let first = CellAnchor::of_text(&lines, Some(1));
        let renamed = Lines::new(text.replace("\"a\"", "\"b\""));
        assert_eq!(first.find_line(&renamed, Some(1)), Place::Edited { cell: 0, line: Some(1) });
        assert_eq!(first.find_line(&Lines::new("x\ny\n"), Some(1)), Place::Edited { cell: 0, line: None });
        let whole = CellAnchor::of_text(&lines, None);
        assert_eq!(whole.find_line(&Lines::new(""), None), Place::Here { cell: 0, line: None });
        let blank = CellAnchor::of_text(&lines, Some(2));
        assert_eq!(blank.find_line(&Lines::new("\n\n\n"), Some(2)), Place::Edited { cell: 0, line: None });
    }
}

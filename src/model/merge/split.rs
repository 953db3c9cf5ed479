//! Cells that one side split or joined while the other edited them.
//!
//! Cell by cell such a pair would conflict: the text that was edited is gone from its cell. So the split or join is made
//! in the other two versions as well, by lines, and the merge goes on from there: the edit finds its part.
use std::collections::BTreeMap;

use imara_diff::{Algorithm, Diff, InternedInput};

use super::{
    Version3,
    object::with_member,
    order::{self, Order, Side},
};
use crate::{
    base::Result,
    model::{
        diff::{
            CellView, Document, Link,
            align::{Matching, align},
            linked,
        },
        json::Bytes,
        notebook::Cell,
        textdiff::Slice,
    },
};

/// Cells put in the place of one; none where it goes into another.
type Changes = BTreeMap<usize, Vec<Bytes>>;

/// Versions that are ready to be merged: base, one side, the other.
pub(super) struct Carried {
    pub versions: [Version3; 3],
    /// From the base to each side.
    pub matchings: [Matching; 2],
    /// Splits and joins that were carried over.
    pub count: usize,
}

impl Carried {
    pub fn order(&self) -> Order {
        let [base, one, other] = &self.versions;
        let [to_one, to_other] = &self.matchings;
        let (one, other) = (Side { doc: &one.doc, matching: to_one }, Side { doc: &other.doc, matching: to_other });
        order::merge(&base.doc, one, other)
    }
}

/// Matches both sides with the base, and carries splits and joins over where the other side edited the cell.
pub(super) fn carried(versions: [Version3; 3]) -> Carried {
    let matchings = matched(&versions);
    let mut out = Carried { versions, matchings, count: 0 };
    for side in [1, 2] {
        let found = Finder::new(&out, side).and_then(Finder::all);
        let Some((base, other, count)) = found else { continue };
        let [b, x, y] = &out.versions;
        let across = if side == 1 { y } else { x };
        // What cannot be written so merges as it stands.
        let (Ok(base), Ok(across)) = (rewritten(b, &base), rewritten(across, &other)) else { continue };
        let [_, x, y] = out.versions;
        out.versions = if side == 1 { [base, x, across] } else { [base, across, y] };
        out.matchings = matched(&out.versions);
        out.count += count;
    }
    out
}

fn matched([base, one, other]: &[Version3; 3]) -> [Matching; 2] {
    [align(&base.doc, &one.doc), align(&base.doc, &other.doc)]
}

struct Finder<'a> {
    base: &'a Version3,
    /// The side that split or joined, and the one that may have edited.
    side: &'a Version3,
    other: &'a Version3,
    to_side: &'a Matching,
    to_other: &'a Matching,
    in_base: Changes,
    in_other: Changes,
    count: usize,
}

impl<'a> Finder<'a> {
    /// `None` when the side has no cell that could come from a split, and the base none that could have been joined.
    fn new(all: &'a Carried, side: usize) -> Option<Self> {
        let [base, x, y] = &all.versions;
        let [to_x, to_y] = &all.matchings;
        let (side, other, to_side, to_other) = if side == 1 { (x, y, to_x, to_y) } else { (y, x, to_y, to_x) };
        let free = to_side.to_old.iter().chain(&to_side.to_new).any(Option::is_none);
        let (in_base, in_other) = (Changes::new(), Changes::new());
        free.then_some(Self { base, side, other, to_side, to_other, in_base, in_other, count: 0 })
    }

    fn all(mut self) -> Option<(Changes, Changes, usize)> {
        let (mut splits, mut joins): (BTreeMap<usize, Vec<usize>>, BTreeMap<usize, Vec<usize>>) = Default::default();
        for (old, new, link) in linked(&self.base.doc, &self.side.doc, self.to_side) {
            match (old, new, link) {
                (None, Some(j), Link::SplitFrom(i)) => splits.entry(i).or_default().push(j),
                (Some(i), None, Link::JoinedInto(j)) => joins.entry(j).or_default().push(i),
                _ => {}
            }
        }
        for (i, pieces) in splits {
            self.count += usize::from(self.split(i, pieces).is_some());
        }
        for (j, members) in joins {
            self.count += usize::from(self.join(j, members).is_some());
        }
        (self.count > 0).then_some((self.in_base, self.in_other, self.count))
    }

    /// A cell that is split and joined at once is changed once: the second change would take text away that the first
    /// put elsewhere.
    fn untouched(&self, base: &[usize], other: &[usize]) -> Option<()> {
        let free =
            base.iter().all(|i| !self.in_base.contains_key(i)) && other.iter().all(|i| !self.in_other.contains_key(i));
        free.then_some(())
    }

    /// Cell `i` of the base became these pieces and the cell it is matched with.
    fn split(&mut self, i: usize, pieces: Vec<usize>) -> Option<()> {
        let own = at(&self.to_side.to_new, i)?;
        let pieces = run(pieces, own)?;
        let k = at(&self.to_other.to_new, i)?;
        self.untouched(&[i], &[k])?;
        let (base, other) = (self.base.doc.cells.get(i)?, self.other.doc.cells.get(k)?);
        let texts = texts(&self.side.doc, &pieces, base)?;
        if base.source == other.source || base.kind != other.kind {
            return None;
        }
        let before = cut(&base.source, &texts)?;
        let after = cut(&other.source, &before.iter().map(String::as_str).collect::<Vec<_>>())?;
        let made = |whole: &CellView, parts: &[String]| -> Option<Vec<Bytes>> {
            let raw = |j: &usize| if *j == own { Some(&whole.raw) } else { Some(&self.side.doc.cells.get(*j)?.raw) };
            pieces.iter().zip(parts).map(|(j, text)| with_source(raw(j)?, text)).collect()
        };
        let (b, o) = (made(base, &before)?, made(other, &after)?);
        self.in_base.insert(i, b);
        self.in_other.insert(k, o);
        Some(())
    }

    /// These cells of the base became one with the cell that is matched with `j`.
    fn join(&mut self, j: usize, members: Vec<usize>) -> Option<()> {
        let own = at(&self.to_side.to_old, j)?;
        let members = run(members, own)?;
        let across: Vec<usize> = members.iter().map(|i| at(&self.to_other.to_new, *i)).collect::<Option<_>>()?;
        if !across.iter().zip(across.iter().skip(1)).all(|(a, b)| a + 1 == *b) {
            return None;
        }
        self.untouched(&members, &across)?;
        let joined = self.side.doc.cells.get(j)?;
        let (before, after) = (texts(&self.base.doc, &members, joined)?, texts(&self.other.doc, &across, joined)?);
        if before == after {
            return None;
        }
        // Programs that join cells put an empty line between them or do not.
        let apart = joined.source.contains(&before.join("\n\n"));
        let between = if apart { "\n\n" } else { "\n" };
        let k = at(&self.to_other.to_new, own)?;
        let b = with_source(&self.base.doc.cells.get(own)?.raw, &before.join(between))?;
        let o = with_source(&self.other.doc.cells.get(k)?.raw, &after.join(between))?;
        self.in_base.extend(members.iter().map(|i| (*i, Vec::new())));
        self.in_other.extend(across.iter().map(|i| (*i, Vec::new())));
        self.in_base.insert(own, vec![b]);
        self.in_other.insert(k, vec![o]);
        Some(())
    }
}

fn at(map: &[Option<u32>], i: usize) -> Option<usize> {
    map.get(i).copied().flatten().map(|j| j as usize)
}

/// The cells and `own` in order, when they stand beside each other.
fn run(mut cells: Vec<usize>, own: usize) -> Option<Vec<usize>> {
    cells.push(own);
    cells.sort_unstable();
    cells.dedup();
    let (first, last) = (*cells.first()?, *cells.last()?);
    (cells.len() > 1 && last - first + 1 == cells.len()).then_some(cells)
}

/// Their sources, when they are all of the kind of `like`.
fn texts<'a>(doc: &'a Document, cells: &[usize], like: &CellView) -> Option<Vec<&'a str>> {
    cells.iter().map(|i| doc.cells.get(*i).filter(|c| c.kind == like.kind).map(|c| &*c.source)).collect()
}

/// The text cut where the pieces of its other version are: `None` where a change goes across a cut.
fn cut(text: &str, pieces: &[&str]) -> Option<Vec<String>> {
    let whole = pieces.join("\n");
    let (old, new): (Vec<&str>, Vec<&str>) = (whole.split('\n').collect(), text.split('\n').collect());
    let input = InternedInput::new(Slice(&old), Slice(&new));
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_no_heuristic(&input);
    let hunks: Vec<_> = diff.hunks().collect();
    let mut parts = Vec::new();
    let (mut from, mut line) = (0, 0);
    for piece in pieces.iter().take(pieces.len() - 1) {
        line += piece.split('\n').count();
        let to = carry(line as u32, &hunks)? as usize;
        parts.push(new.get(from..to)?.join("\n"));
        from = to;
    }
    parts.push(new.get(from..)?.join("\n"));
    Some(parts)
}

/// Where a place between two lines is after the change.
fn carry(line: u32, hunks: &[imara_diff::Hunk]) -> Option<u32> {
    let mut moved = i64::from(line);
    for hunk in hunks {
        let (before, after) = (&hunk.before, &hunk.after);
        if line < before.start {
            break;
        }
        if line >= before.end {
            // What was put in at the very place stays with what stands before it.
            moved += after.len() as i64 - before.len() as i64;
        } else if line == before.start {
            break;
        } else if before.len() == after.len() || after.is_empty() {
            // Lines changed one by one, or all gone.
            let inside = if after.is_empty() { 0 } else { line - before.start };
            return Some(after.start + inside);
        } else {
            return None;
        }
    }
    u32::try_from(moved).ok()
}

fn with_source(raw: &Bytes, text: &str) -> Option<Bytes> {
    let cell = Cell::read(raw.clone()).ok()?;
    if *cell.source == *text {
        return Some(raw.clone());
    }
    Some(with_member(raw, "source", Some(&cell.source_bytes(text, raw.is_ascii()))))
}

/// The version with these cells in the place of its own.
fn rewritten(version: &Version3, changes: &Changes) -> Result<Version3> {
    let (head, gaps, tail) = version.book.pieces();
    let between = gaps.get(1).filter(|_| version.book.cells().len() > 1).map_or(&b",\n  "[..], |g| &g[..]);
    let gap = |i: usize| gaps.get(i).map_or(&[][..], |g| &g[..]);
    let mut out = head.to_vec();
    let mut places = Vec::new();
    for (i, cell) in version.book.cells().iter().enumerate() {
        let own = std::slice::from_ref(cell.raw());
        for (n, raw) in changes.get(&i).map_or(own, Vec::as_slice).iter().enumerate() {
            out.extend_from_slice(match (places.is_empty(), n) {
                (true, _) => gap(0),
                (false, 0) => gap(i),
                _ => between,
            });
            out.extend_from_slice(raw);
            places.push(version.place(i));
        }
    }
    out.extend_from_slice(gap(gaps.len().saturating_sub(1)));
    out.extend_from_slice(tail);
    Ok(Version3 { places: Some(places), ..Version3::read("merged", out)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::merge::{Merged, Names, Part, merge};

    fn notebook(cells: &[(&str, &str)]) -> Vec<u8> {
        let cells: Vec<_> = cells
            .iter()
            .map(|(id, source)| {
                serde_json::json!({"cell_type": "code", "execution_count": null, "id": id, "metadata": {}, "outputs": [], "source": source})
            })
            .collect();
        serde_json::to_vec_pretty(
            &serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}),
        )
        .unwrap()
    }

    fn sources(merged: &Merged) -> Vec<String> {
        Document::parse("n", &merged.bytes).unwrap().cells.iter().map(|c| c.source.to_string()).collect()
    }

    /// Both ways around.
    fn both(base: &[(&str, &str)], one: &[(&str, &str)], other: &[(&str, &str)]) -> Merged {
        let [b, l, r] = [base, one, other].map(notebook);
        let names = Names { local: "local", remote: "remote" };
        let there = merge(&b, &l, &r, names).unwrap();
        let back = merge(&b, &r, &l, names).unwrap();
        assert!(!there.conflicts.is_empty() || sources(&there) == sources(&back));
        assert_eq!(there.conflicts.len(), back.conflicts.len());
        there
    }

    const LONG: &str = "raw = load(\"delays.csv\")\nraw = raw.drop_nulls()\n\nclean = raw.filter(raw.delay > 0)\nclean = clean.sort(\"day\")\nclean.mean()";
    const FIRST: &str = "raw = load(\"delays.csv\")\nraw = raw.drop_nulls()";
    const SECOND: &str = "clean = raw.filter(raw.delay > 0)\nclean = clean.sort(\"day\")\nclean.mean()";

    #[test]
    fn an_edit_finds_its_part_of_a_cell_that_was_split() {
        let base = [("a", "import polars as pl"), ("b", LONG), ("c", "plot(clean)")];
        let split = [("a", "import polars as pl"), ("b", FIRST), ("n", SECOND), ("c", "plot(clean)")];
        let edited = LONG.replace("delay > 0", "delay > 15").replace(".csv", ".parquet");
        let other = [("a", "import polars as pl"), ("b", edited.as_str()), ("c", "plot(clean, bins=9)")];
        let merged = both(&base, &split, &other);
        assert_eq!(merged.conflicts, []);
        let want = [
            "import polars as pl".to_owned(),
            FIRST.replace(".csv", ".parquet"),
            SECOND.replace("delay > 0", "delay > 15"),
            "plot(clean, bins=9)".to_owned(),
        ];
        assert_eq!(sources(&merged), want);
        assert!(merged.notes.iter().any(|n| n.contains("split or joined")), "{:?}", merged.notes);
    }

    #[test]
    fn an_edit_goes_along_when_cells_are_joined() {
        let base = [("a", "import polars as pl"), ("b", FIRST), ("d", SECOND), ("c", "plot(clean)")];
        let edited = SECOND.replace("delay > 0", "delay > 15");
        let other = [("a", "import polars as pl"), ("b", FIRST), ("d", edited.as_str()), ("c", "plot(clean)")];
        for between in ["\n", "\n\n"] {
            let whole = format!("{FIRST}{between}{SECOND}");
            let joined = [("a", "import polars as pl"), ("b", whole.as_str()), ("c", "plot(clean)")];
            let merged = both(&base, &joined, &other);
            assert_eq!(merged.conflicts, []);
            let want = format!("{FIRST}{between}{edited}");
            assert_eq!(sources(&merged), ["import polars as pl", want.as_str(), "plot(clean)"]);
        }
    }

    #[test]
    fn no_edit_is_lost_where_a_cell_is_split_and_its_end_joined_with_the_next() {
        let last = "plot(clean)\nshow()";
        let base = [("a", "import polars as pl"), ("b", LONG), ("c", last)];
        let tail = format!("{SECOND}\n{last}");
        for (id, other_id) in [("n", "c"), ("c", "n")] {
            let mixed = [("a", "import polars as pl"), ("b", FIRST), (id, tail.as_str())];
            let edited = LONG.replace("delay > 0", "delay > 15").replace(".csv", ".parquet");
            let shown = last.replace("plot(clean)", "plot(clean, bins=9)");
            let other = [("a", "import polars as pl"), ("b", edited.as_str()), (other_id, shown.as_str())];
            let all = sources(&both(&base, &mixed, &other)).join("\n");
            for edit in ["delay > 15", ".parquet", "bins=9"] {
                assert!(all.contains(edit), "{edit} is lost: {all}");
            }
        }
    }

    #[test]
    fn a_true_conflict_in_a_part_is_one_and_names_the_cells_of_the_files() {
        let base = [("a", "import polars as pl"), ("b", LONG)];
        let changed = SECOND.replace("delay > 0", "delay > 30");
        let split = [("a", "import polars as pl"), ("b", FIRST), ("n", changed.as_str())];
        let edited = LONG.replace("delay > 0", "delay > 15");
        let other = [("a", "import polars as pl"), ("b", edited.as_str())];
        let merged = both(&base, &split, &other);
        let [conflict] = merged.conflicts.as_slice() else { panic!("{:?}", merged.conflicts) };
        assert_eq!((conflict.part, conflict.base, conflict.merged), (Part::Source, Some(1), Some(2)));
        assert_eq!([conflict.local, conflict.remote], [Some(2), Some(1)]);
        let b = crate::model::merge::take(&merged.bytes, crate::model::merge::Take::Remote).unwrap();
        assert_eq!(b, notebook(&other));
    }

    #[test]
    fn places_between_lines_are_carried_over() {
        let parts = |text: &str, pieces: &[&str]| cut(text, pieces);
        let of = |all: &[&str]| Some(all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(parts("a\n\nb", &["a", "b"]), of(&["a\n", "b"]));
        assert_eq!(parts("A\nB", &["a", "b"]), of(&["A", "B"]));
        assert_eq!(parts("a\nx\nb", &["a", "b"]), of(&["a\nx", "b"]));
        assert_eq!(parts("p\nq\nr", &["a", "b"]), None);
        assert_eq!(parts("a\nb\nc", &["a", "b", "c"]), of(&["a", "b", "c"]));
    }
}

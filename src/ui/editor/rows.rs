//! Rows on the screen: where lines are wrapped, and which row a line begins in.
use std::ops::Range;

use super::folds::Folds;
use crate::model::editor::{Buffer, Editor, Splice, column};

/// Characters of a line that are shown; the rest is counted.
pub const LONGEST: usize = 4_000;

/// Behind which characters a line is wrapped, so that no row is wider than `columns`: after a space or a sign where
/// there is one.
pub fn breaks(line: &str, columns: usize) -> Vec<usize> {
    let mut out = Vec::new();
    if columns == 0 || (line.len() <= columns && !line.contains('\t')) {
        return out;
    }
    // Column in the row, column in the line (tabs count there), and where the row could end.
    let (mut x, mut total, mut start) = (0, 0, 0);
    let mut fit: Option<(usize, usize)> = None;
    let mut filled = false;
    for (i, c) in line.chars().enumerate() {
        let width = column::width(c, total);
        // A space may hang over the edge.
        if x + width > columns && i > start && c != ' ' {
            let (at, kept) = fit.filter(|(at, _)| *at > start).unwrap_or((i, x));
            out.push(at);
            start = at;
            x -= kept;
            fit = None;
        }
        x += width;
        total += width;
        filled |= !c.is_whitespace();
        // Indentation alone is no row.
        if filled && (c.is_whitespace() || ",;.)]}/-".contains(c)) {
            fit = Some((i + 1, x));
        }
    }
    out
}

/// How many rows each line takes.
#[derive(Debug, Default)]
pub struct Rows {
    /// Columns of a row; 0: lines are not wrapped.
    columns: usize,
    counts: Vec<u16>,
    /// The first row of each line, and the number of all.
    firsts: Vec<u32>,
    lines: usize,
    of: Option<(u64, u64)>,
    /// What is folded away.
    folds: u64,
}

impl Rows {
    /// Brings it up to the text.
    pub fn update(&mut self, editor: &Editor, columns: usize, folds: &Folds) {
        let of = (editor.serial(), editor.revision());
        if self.of == Some(of) && self.columns == columns && self.folds == folds.version() {
            return;
        }
        self.folds = folds.version();
        let hidden = folds.hidden();
        let buffer = editor.buffer();
        self.lines = buffer.lines();
        if columns == 0 && hidden.is_empty() {
            (self.counts, self.firsts) = (Vec::new(), Vec::new());
        } else {
            let same = self.of.filter(|o| o.0 == of.0 && self.columns == columns && !self.counts.is_empty());
            match same.and_then(|o| editor.splices_since(o.1)) {
                Some(splices) => self.splice(buffer, columns, &splices),
                None => self.counts = (0..self.lines).map(|l| count(buffer, l, columns)).collect(),
            }
            let mut row = 0;
            self.firsts.clear();
            self.firsts.reserve(self.counts.len() + 1);
            let mut hidden = hidden.iter().peekable();
            for (line, n) in self.counts.iter().enumerate() {
                self.firsts.push(row);
                while hidden.next_if(|h| h.end <= line).is_some() {}
                if !hidden.peek().is_some_and(|h| h.contains(&line)) {
                    row += u32::from(*n);
                }
            }
            self.firsts.push(row);
        }
        self.columns = columns;
        self.of = Some(of);
    }

    fn splice(&mut self, buffer: &Buffer, columns: usize, splices: &[Splice]) {
        let mut touched: Vec<usize> = Vec::new();
        for s in splices {
            let end = (s.line + 1 + s.removed).min(self.counts.len());
            let from = (s.line + 1).min(end);
            self.counts.splice(from..end, std::iter::repeat_n(1, s.added));
            for line in &mut touched {
                if *line > s.line {
                    *line = (*line + s.added).saturating_sub(s.removed).max(s.line);
                }
            }
            touched.extend(s.line..=s.line + s.added);
        }
        self.counts.resize(self.lines, 1);
        for line in touched {
            if let Some(n) = self.counts.get_mut(line) {
                *n = count(buffer, line, columns);
            }
        }
    }

    /// True when lines are wrapped.
    pub fn wraps(&self) -> bool {
        self.columns > 0
    }
    /// True when lines and rows are not the same.
    fn counted(&self) -> bool {
        !self.firsts.is_empty()
    }
    /// Number of rows.
    pub fn total(&self) -> usize {
        if self.counted() { self.firsts.last().map_or(1, |n| *n as usize) } else { self.lines.max(1) }
    }
    /// The first row of a line.
    pub fn first(&self, line: usize) -> usize {
        if self.counted() { self.firsts.get(line).map_or_else(|| self.total(), |n| *n as usize) } else { line }
    }
    /// The line a row belongs to, and which of its rows it is.
    pub fn line_of(&self, row: usize) -> (usize, usize) {
        if !self.counted() {
            return (row.min(self.lines.saturating_sub(1)), 0);
        }
        let line =
            self.firsts.partition_point(|f| *f as usize <= row).saturating_sub(1).min(self.lines.saturating_sub(1));
        (line, row.saturating_sub(self.first(line)))
    }
    /// Where a line is wrapped.
    pub fn breaks(&self, buffer: &Buffer, line: usize) -> Vec<usize> {
        if !self.wraps() {
            return Vec::new();
        }
        breaks(&buffer.line_cut(line, LONGEST).0, self.columns)
    }
    /// The characters of each row of a line, as places in the text. What is too long to be shown belongs to the last.
    pub fn parts(&self, buffer: &Buffer, line: usize) -> Vec<Range<usize>> {
        let (start, end) = (buffer.line_start(line), buffer.line_end(line));
        let mut from = start;
        let mut out = Vec::new();
        for b in self.breaks(buffer, line) {
            out.push(from..start + b);
            from = start + b;
        }
        out.push(from..end);
        out
    }
    /// The row a place stands in.
    pub fn row_of(&self, buffer: &Buffer, at: usize) -> usize {
        let line = buffer.line_of(at);
        let inside = at - buffer.line_start(line);
        self.first(line) + self.breaks(buffer, line).iter().filter(|b| **b <= inside).count()
    }
}

fn count(buffer: &Buffer, line: usize, columns: usize) -> u16 {
    (breaks(&buffer.line_cut(line, LONGEST).0, columns).len() + 1).min(usize::from(u16::MAX)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::editor::{Act, Language, Selections};

    #[test]
    fn lines_are_wrapped_behind_spaces_and_signs() {
        assert_eq!(breaks("SELECT a, b FROM t", 8), [7, 12]);
        assert_eq!(breaks("abcdefghij", 4), [4, 8]);
        assert_eq!(breaks("ab", 4), Vec::<usize>::new());
        assert_eq!(breaks("\tab cd", 6), [4]);
        assert_eq!(breaks("\u{65e5}\u{672c}\u{8a9e}", 4), [2], "wide letters take two columns");
        assert_eq!(breaks("anything", 0), Vec::<usize>::new());
    }

    #[test]
    fn rows_follow_changes_of_the_text() {
        let text = (0..50).map(|n| "word ".repeat(n % 7)).collect::<Vec<_>>().join("\n");
        let mut editor = Editor::new(&text, Language::of(None));
        let mut rows = Rows::default();
        rows.update(&editor, 12, &Folds::default());
        for (n, act) in [
            Act::Paste("x\ny y y y y y y y y y\nz".into()),
            Act::NewLine,
            Act::Replace(vec![crate::model::editor::Change { range: 30..90, text: "q".into() }]),
            Act::DeleteLines,
            Act::Type("long words in a line".into()),
        ]
        .into_iter()
        .enumerate()
        {
            editor.act(&Act::Select(Selections::at(n * 40)), 0);
            editor.act(&act, 0);
            rows.update(&editor, 12, &Folds::default());
            let mut fresh = Rows::default();
            fresh.update(&editor, 12, &Folds::default());
            assert_eq!(rows.firsts, fresh.firsts, "{act:?}");
        }
        for row in 0..rows.total() {
            let (line, part) = rows.line_of(row);
            let range = rows.parts(editor.buffer(), line)[part].clone();
            assert_eq!(rows.row_of(editor.buffer(), range.start), row);
        }
        rows.update(&editor, 0, &Folds::default());
        assert_eq!((rows.total(), rows.line_of(3)), (editor.buffer().lines(), (3, 0)));
    }

    #[test]
    fn folded_lines_take_no_row() {
        let editor = Editor::new("a:\n  b\n  c\nd d d d d d\ne:\n  f", Language::of(None));
        let (mut rows, mut folds) = (Rows::default(), Folds::default());
        folds.follow(&editor);
        folds.every(&editor, true);
        for columns in [0, 8] {
            rows.update(&editor, columns, &folds);
            let wrapped = usize::from(columns > 0);
            assert_eq!(rows.total(), 3 + wrapped);
            assert_eq!([0, 1].map(|r| rows.line_of(r)), [(0, 0), (3, 0)]);
            assert_eq!(rows.line_of(2 + wrapped), (4, 0));
            assert_eq!((rows.first(1), rows.first(3), rows.first(5)), (1, 1, 3 + wrapped));
        }
        folds.every(&editor, false);
        rows.update(&editor, 0, &folds);
        assert_eq!((rows.total(), rows.line_of(3)), (6, (3, 0)));
    }
}

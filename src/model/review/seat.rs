//! Where threads stand in a comparison: the row, and the line or output below which they are shown.
use std::collections::HashMap;

use super::{CellAnchor, Place};
use crate::model::{
    diff::{FileDiff, FileShape, NotebookDiff},
    textdiff::TextDiff,
};

/// Below what of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// A line of the cell, or of the file; of the old side where `old`.
    Line { old: bool, line: usize },
    /// An output of the cell as it is now.
    Output(usize),
    /// The cell or the file as a whole.
    Whole,
}

/// How well the place is still what was spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    Same,
    /// It was edited since.
    Edited,
    /// The line is there no more; of the cell the rest is.
    LineGone,
}

/// A place in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Row of the comparison: a cell of a notebook, a line of a text; 0 for what is about a whole file.
    pub row: usize,
    pub at: At,
    pub fit: Fit,
}

/// Finds the places of many threads in one comparison.
pub struct Seats<'a> {
    diff: &'a FileDiff,
    /// Rows by cell or line of the new and the old side.
    new: HashMap<usize, usize>,
    old: HashMap<usize, usize>,
}

impl std::fmt::Debug for Seats<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seats").finish_non_exhaustive()
    }
}

impl<'a> Seats<'a> {
    /// Of this comparison.
    pub fn new(diff: &'a FileDiff) -> Self {
        let (mut new, mut old) = (HashMap::new(), HashMap::new());
        match &diff.shape {
            FileShape::Notebook(book) => {
                for (n, row) in book.cells.iter().enumerate() {
                    row.new.and_then(|j| new.insert(j, n));
                    row.old.and_then(|i| old.insert(i, n));
                }
            }
            FileShape::Text(text) => {
                for (n, row) in text.rows.iter().enumerate() {
                    row.new.and_then(|j| new.insert(j as usize, n));
                    row.old.and_then(|i| old.insert(i as usize, n));
                }
            }
            _ => {}
        }
        Self { diff, new, old }
    }

    /// The row of a cell or line of the new side.
    pub fn row_of_new(&self, index: usize) -> Option<usize> {
        self.new.get(&index).copied()
    }
    /// The row of a cell or line of the old side.
    pub fn row_of_old(&self, index: usize) -> Option<usize> {
        self.old.get(&index).copied()
    }

    /// Where something said of `cell`, its line or output stands; none when neither side has what it is about.
    pub fn find(&self, cell: &CellAnchor, line: Option<usize>, output: Option<usize>) -> Option<Seat> {
        match &self.diff.shape {
            FileShape::Notebook(book) if !cell.is_text() => self.in_notebook(book, cell, line, output),
            FileShape::Text(text) if cell.is_text() => self.in_text(text, cell, line),
            FileShape::Missing => None,
            _ if cell.is_text() && line.is_none() => Some(Seat { row: 0, at: At::Whole, fit: Fit::Same }),
            _ => None,
        }
    }

    fn in_notebook(
        &self,
        book: &NotebookDiff,
        cell: &CellAnchor,
        line: Option<usize>,
        output: Option<usize>,
    ) -> Option<Seat> {
        let whole = output.map_or(At::Whole, At::Output);
        let was = || self.on_old_side(book, cell, line);
        match cell.find(&book.new, line) {
            Place::Here { cell, line } => {
                let at = line.map_or(whole, |line| At::Line { old: false, line });
                Some(Seat { row: self.row_of_new(cell)?, at, fit: Fit::Same })
            }
            Place::Edited { cell, line: Some(line) } => {
                // The very line on the other side is a better place than where it went.
                let at = At::Line { old: false, line };
                Some(Seat { row: self.row_of_new(cell)?, at, fit: Fit::Edited })
            }
            Place::Edited { cell, line: None } if line.is_some() => {
                let row = self.row_of_new(cell)?;
                was().filter(|s| s.row == row && s.at != At::Whole).or(Some(Seat {
                    row,
                    at: At::Whole,
                    fit: Fit::LineGone,
                }))
            }
            Place::Edited { cell, line: None } => {
                Some(Seat { row: self.row_of_new(cell)?, at: whole, fit: Fit::Edited })
            }
            Place::Orphan => was(),
        }
    }

    fn on_old_side(&self, book: &NotebookDiff, cell: &CellAnchor, line: Option<usize>) -> Option<Seat> {
        let place = cell.find(&book.old, line);
        let row = self.row_of_old(place.cell()?)?;
        let (at, fit) = match place {
            Place::Here { line: Some(line), .. } | Place::Edited { line: Some(line), .. } => {
                (At::Line { old: true, line }, Fit::Same)
            }
            Place::Here { .. } => (At::Whole, Fit::Same),
            _ if line.is_some() => (At::Whole, Fit::LineGone),
            _ => (At::Whole, Fit::Edited),
        };
        Some(Seat { row, at, fit })
    }

    fn in_text(&self, text: &TextDiff, cell: &CellAnchor, line: Option<usize>) -> Option<Seat> {
        let at = |old: bool, place: Place| match place {
            Place::Here { line: Some(line), .. } => Some((At::Line { old, line }, Fit::Same)),
            Place::Edited { line: Some(line), .. } => Some((At::Line { old, line }, Fit::Edited)),
            Place::Here { line: None, .. } => Some((At::Whole, Fit::Same)),
            _ => None,
        };
        let new = at(false, cell.find_line(&text.new, line));
        // What is as it was on the old side was spoken of there.
        let old = at(true, cell.find_line(&text.old, line)).filter(|(_, fit)| *fit == Fit::Same);
        let (at, fit) = match (new, old) {
            (Some((_, Fit::Edited)) | None, Some(old)) => old,
            (Some(new), _) => new,
            (None, None) => return None,
        };
        let row = match at {
            At::Line { old: true, line } => self.row_of_old(line)?,
            At::Line { old: false, line } => self.row_of_new(line)?,
            _ => 0,
        };
        Some(Seat { row, at, fit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{diff::compare_files, textdiff::Lines};

    fn notebook(sources: &[&str]) -> Vec<u8> {
        let cells: Vec<_> = sources
            .iter()
            .map(|s| serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "source": s}))
            .collect();
        serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).to_string().into_bytes()
    }

    #[test]
    fn comments_stand_at_the_line_the_old_line_or_the_removed_cell() {
        let old = ["import polars as pl", "a = load('x')\nb = clean(a)\nprint(b.describe())", "total = 1 + 2 + 3"];
        let new = ["import polars as pl", "a = load('x')\nprint(b.describe())", "import matplotlib.pyplot as plt"];
        let diff = compare_files("a.ipynb", Some(notebook(&old).into()), Some(notebook(&new).into()));
        let FileShape::Notebook(book) = &diff.shape else { panic!() };
        let seats = Seats::new(&diff);
        let on_new = CellAnchor::of(&book.new, 1).unwrap();
        let found = seats.find(&on_new, Some(1), None).unwrap();
        assert_eq!((found.at, found.fit), (At::Line { old: false, line: 1 }, Fit::Same));
        assert_eq!(Some(found.row), seats.row_of_new(1));
        let on_old = CellAnchor::of(&book.old, 1).unwrap();
        let found = seats.find(&on_old, Some(1), None).unwrap();
        assert_eq!(found.at, At::Line { old: true, line: 1 }, "the line that is only there");
        let removed = CellAnchor::of(&book.old, 2).unwrap();
        let found = seats.find(&removed, None, None).unwrap();
        assert_eq!((Some(found.row), found.at), (seats.row_of_old(2), At::Whole));
        let elsewhere = CellAnchor { kind: "code".into(), source: "nothing_like_it(at, all)".into(), ..removed };
        assert_eq!(seats.find(&elsewhere, Some(0), None), None);
    }

    #[test]
    fn comments_on_a_text_stand_at_their_line_on_either_side() {
        let (old, new) = ("SELECT a\nFROM t\nWHERE x = 1\nLIMIT 5\n", "SELECT a\nFROM t\nWHERE x = 2\n");
        let diff = compare_files("q.sql", Some(old.into()), Some(new.into()));
        let seats = Seats::new(&diff);
        let find = |text: &str, line| seats.find(&CellAnchor::of_text(&Lines::new(text), line), line, None).unwrap();
        assert_eq!(find(new, Some(2)).at, At::Line { old: false, line: 2 });
        assert_eq!(find(old, Some(2)).at, At::Line { old: true, line: 2 });
        assert_eq!(find(old, Some(3)).at, At::Line { old: true, line: 3 });
        assert_eq!(find(new, None), Seat { row: 0, at: At::Whole, fit: Fit::Same });
    }
}

//! Tables compared by rows: columns by name, rows by content, changed rows by their first cell.
use std::collections::HashMap;

use imara_diff::{Algorithm, Diff, InternedInput, TokenSource};

use crate::model::{output::Table, textdiff::RowKind};

/// A small table as text, as an output shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableData {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Columns that hold numbers stand at the right.
    pub numbers: Vec<bool>,
}

/// One row of the comparison. Cells stand under [`TableDiff::columns`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    pub kind: RowKind,
    pub old: Option<Vec<String>>,
    pub new: Option<Vec<String>>,
    /// Of a changed row, which cells differ.
    pub changed: Vec<bool>,
}

/// A comparison of two tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDiff {
    /// Names, with where each column is: on both sides, added or removed.
    pub columns: Vec<(String, RowKind)>,
    /// Columns that hold numbers on either side.
    pub numbers: Vec<bool>,
    pub rows: Vec<TableRow>,
    pub changed: usize,
    pub added: usize,
    pub removed: usize,
}

struct Keys<'a>(&'a [String]);

impl<'a> TokenSource for Keys<'a> {
    type Token = &'a str;
    type Tokenizer = std::iter::Map<std::slice::Iter<'a, String>, fn(&'a String) -> &'a str>;
    fn tokenize(&self) -> Self::Tokenizer {
        self.0.iter().map(String::as_str)
    }
    fn estimate_tokens(&self) -> u32 {
        self.0.len() as u32
    }
}

impl TableDiff {
    /// Compares two tables.
    pub fn new(old: &TableData, new: &TableData) -> Self {
        let (columns, from_old, from_new) = columns(old, new);
        let spread = |table: &TableData, from: &[Option<usize>]| -> Vec<Vec<String>> {
            let cell = |row: &Vec<String>, at: &Option<usize>| at.and_then(|c| row.get(c)).cloned().unwrap_or_default();
            table.rows.iter().map(|r| from.iter().map(|at| cell(r, at)).collect()).collect()
        };
        let (a, b) = (spread(old, &from_old), spread(new, &from_new));
        // Rows are the same when their common columns are.
        let common: Vec<usize> =
            columns.iter().enumerate().filter(|(_, c)| c.1 == RowKind::Same).map(|(i, _)| i).collect();
        let keys = |rows: &[Vec<String>]| -> Vec<String> {
            let key = |r: &Vec<String>| {
                common.iter().filter_map(|c| r.get(*c)).map(String::as_str).collect::<Vec<_>>().join("\u{1f}")
            };
            rows.iter().map(key).collect()
        };
        let (keys_a, keys_b) = (keys(&a), keys(&b));
        let input = InternedInput::new(Keys(&keys_a), Keys(&keys_b));
        let mut diff = Diff::compute(Algorithm::Histogram, &input);
        diff.postprocess_no_heuristic(&input);
        let is_number = |(x, y): (&Option<usize>, &Option<usize>)| {
            let at = |t: &TableData, i: &Option<usize>| i.and_then(|i| t.numbers.get(i).copied()).unwrap_or(false);
            at(old, x) || at(new, y)
        };
        let numbers = from_old.iter().zip(&from_new).map(is_number).collect();
        let mut out = Self { columns, numbers, rows: Vec::new(), changed: 0, added: 0, removed: 0 };
        let (mut i, mut j) = (0, 0);
        for hunk in diff.hunks() {
            let (x, y) = (hunk.before.start as usize, hunk.after.start as usize);
            out.pairs((i..x).zip(j..y).map(|(i, j)| (Some(i), Some(j))), &a, &b);
            (i, j) = (hunk.before.end as usize, hunk.after.end as usize);
            out.pairs(by_first_cell(&a, x..i, &b, y..j).into_iter(), &a, &b);
        }
        out.pairs((i..a.len()).zip(j..b.len()).map(|(i, j)| (Some(i), Some(j))), &a, &b);
        out
    }

    fn pairs(
        &mut self,
        pairs: impl Iterator<Item = (Option<usize>, Option<usize>)>,
        a: &[Vec<String>],
        b: &[Vec<String>],
    ) {
        for (i, j) in pairs {
            let old = i.and_then(|i| a.get(i)).cloned();
            let new = j.and_then(|j| b.get(j)).cloned();
            let (kind, changed) = match (&old, &new) {
                (Some(x), Some(y)) => {
                    let differs =
                        |c: usize| self.columns.get(c).is_some_and(|c| c.1 == RowKind::Same) && x.get(c) != y.get(c);
                    let changed: Vec<bool> = (0..self.columns.len()).map(differs).collect();
                    if changed.contains(&true) { (RowKind::Changed, changed) } else { (RowKind::Same, Vec::new()) }
                }
                (None, _) => (RowKind::Added, Vec::new()),
                (_, None) => (RowKind::Removed, Vec::new()),
            };
            match kind {
                RowKind::Changed => self.changed += 1,
                RowKind::Added => self.added += 1,
                RowKind::Removed => self.removed += 1,
                RowKind::Same => {}
            }
            self.rows.push(TableRow { kind, old, new, changed });
        }
    }

    /// `4 of 5 rows`, and columns that came or went.
    pub fn words(&self) -> String {
        let rows = self.changed + self.added + self.removed;
        let mut words = format!("{rows} of {} rows", self.rows.len());
        for (kind, word) in [(RowKind::Added, "added"), (RowKind::Removed, "removed")] {
            let n = self.columns.iter().filter(|c| c.1 == kind).count();
            if n > 0 {
                words.push_str(&format!(", {} {word}", crate::base::text::count(n as u64, "column")));
            }
        }
        words
    }
}

type Places = Vec<Option<usize>>;

/// The columns of both sides in one order, and where each is on either side.
fn columns(old: &TableData, new: &TableData) -> (Vec<(String, RowKind)>, Places, Places) {
    let named = |t: &TableData| -> Vec<String> {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        t.columns
            .iter()
            .map(|c| {
                let n = seen.entry(c).or_default();
                *n += 1;
                if *n > 1 { format!("{c} ({n})") } else { c.clone() }
            })
            .collect()
    };
    let (a, b) = (named(old), named(new));
    let input = InternedInput::new(Keys(&a), Keys(&b));
    let diff = Diff::compute(Algorithm::Myers, &input);
    let mut all = Vec::new();
    let (mut i, mut j) = (0, 0);
    let same = |all: &mut Vec<(Option<usize>, Option<usize>)>, i: &mut usize, j: &mut usize, to: usize| {
        while *i < to {
            all.push((Some(*i), Some(*j)));
            (*i, *j) = (*i + 1, *j + 1);
        }
    };
    for hunk in diff.hunks() {
        same(&mut all, &mut i, &mut j, hunk.before.start as usize);
        all.extend((hunk.before.start..hunk.before.end).map(|c| (Some(c as usize), None)));
        all.extend((hunk.after.start..hunk.after.end).map(|c| (None, Some(c as usize))));
        (i, j) = (hunk.before.end as usize, hunk.after.end as usize);
    }
    same(&mut all, &mut i, &mut j, a.len());
    let names = all
        .iter()
        .map(|(x, y)| {
            let kind = match (x, y) {
                (Some(_), Some(_)) => RowKind::Same,
                (Some(_), None) => RowKind::Removed,
                _ => RowKind::Added,
            };
            let name = y.and_then(|y| b.get(y)).or_else(|| x.and_then(|x| a.get(x)));
            (name.cloned().unwrap_or_default(), kind)
        })
        .collect();
    (names, all.iter().map(|p| p.0).collect(), all.iter().map(|p| p.1).collect())
}

/// Within a changed stretch: rows with the same first cell belong together, in order; the rest came or went. Where
/// no first cell is found again and both stretches are equally long, rows belong together as they stand.
fn by_first_cell(
    a: &[Vec<String>],
    old: std::ops::Range<usize>,
    b: &[Vec<String>],
    new: std::ops::Range<usize>,
) -> Vec<(Option<usize>, Option<usize>)> {
    let first = |rows: &[Vec<String>], i: usize| rows.get(i).and_then(|r| r.first()).cloned().unwrap_or_default();
    let known = old.clone().any(|i| new.clone().any(|j| first(a, i) == first(b, j)));
    if !known && old.len() == new.len() {
        return old.zip(new).map(|(i, j)| (Some(i), Some(j))).collect();
    }
    let (mut all, mut from) = (Vec::new(), new.start);
    for i in old {
        let partner = (from..new.end).find(|j| first(a, i) == first(b, *j));
        if let Some(j) = partner {
            all.extend((from..j).map(|j| (None, Some(j))));
            from = j + 1;
        }
        all.push((Some(i), partner));
    }
    all.extend((from..new.end).map(|j| (None, Some(j))));
    all
}

/// Most cells of a table that is compared as one.
const MAX_CELLS: usize = 100_000;

impl TableData {
    /// A table as an output shows it; none when it is too large. Cells are written in full, so that no digit that
    /// differs is rounded away.
    pub fn from_output(table: &Table) -> Option<Self> {
        let page = &table.page;
        if page.rows.is_empty() || page.rows.len() * page.columns.len() > MAX_CELLS {
            return None;
        }
        Some(Self {
            columns: page.columns.iter().map(|c| c.name.clone()).collect(),
            rows: page.rows.iter().map(|r| r.iter().map(|c| c.plain().into_owned()).collect()).collect(),
            numbers: page.columns.iter().map(|c| c.kind.is_number()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], rows: &[&[&str]]) -> TableData {
        let text = |v: &[&str]| v.iter().map(|s| (*s).to_owned()).collect();
        TableData { columns: text(columns), rows: rows.iter().map(|r| text(r)).collect(), numbers: Vec::new() }
    }

    #[test]
    fn rows_are_paired_by_their_first_cell_and_changed_cells_are_marked() {
        let old = table(&["", "delay"], &[&["rows", "18,732"], &["mean", "134.2"], &["max", "2,358"]]);
        let new = table(&["", "delay"], &[&["rows", "18,732"], &["mean", "11.8"], &["p95", "74"], &["max", "1,438"]]);
        let diff = TableDiff::new(&old, &new);
        let kinds: Vec<_> = diff.rows.iter().map(|r| r.kind).collect();
        assert_eq!(kinds, [RowKind::Same, RowKind::Changed, RowKind::Added, RowKind::Changed]);
        assert_eq!(diff.rows[1].changed, [false, true]);
        assert_eq!(diff.words(), "3 of 4 rows");
    }

    #[test]
    fn an_added_column_does_not_change_every_row() {
        let diff = TableDiff::new(&table(&["a"], &[&["1"], &["2"]]), &table(&["a", "b"], &[&["1", "x"], &["2", "y"]]));
        assert!(diff.rows.iter().all(|r| r.kind == RowKind::Same));
        assert_eq!(diff.words(), "0 of 2 rows, 1 column added");
    }
}

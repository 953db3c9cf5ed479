//! Tables compared by rows: columns by name, or by content where a name changed; rows by key where there is one, else
//! by content; numbers by value, within a tolerance.
use std::collections::{HashMap, HashSet, VecDeque};

use imara_diff::{Algorithm, Diff, InternedInput, TokenSource};

use super::{
    moves,
    number::{self, Delta},
};
use crate::{
    base::text::count,
    model::{output::Table, textdiff::RowKind},
};

/// A small table as text, as an output shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableData {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Columns that hold numbers stand at the right.
    pub numbers: Vec<bool>,
    /// Leading columns that name the rows.
    pub index: usize,
    /// Types of the columns, where the tool tells them.
    pub types: Vec<String>,
    /// What the tool said about the whole: `1000 rows × 2 columns`.
    pub note: Option<String>,
}

/// One row of the comparison. Cells stand under [`TableDiff::columns`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    pub kind: RowKind,
    pub old: Option<Vec<String>>,
    pub new: Option<Vec<String>>,
    /// Of a changed row, which cells differ.
    pub changed: Vec<bool>,
    /// It stands elsewhere among the other rows.
    pub moved: bool,
}

impl TableRow {
    /// How the number in a column changed; none where it did not, or is no number.
    pub fn delta(&self, column: usize) -> Option<Delta> {
        if self.changed.get(column) != Some(&true) {
            return None;
        }
        Delta::of(self.old.as_ref()?.get(column)?, self.new.as_ref()?.get(column)?)
    }
    /// Nothing to look at.
    pub fn is_same(&self) -> bool {
        self.kind == RowKind::Same && !self.moved
    }
}

/// A comparison of two tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDiff {
    /// Names, with where each column is: on both sides, added, removed, or on both with another name.
    pub columns: Vec<(String, RowKind)>,
    /// Old names of columns that have another name now.
    pub renamed: Vec<Option<String>>,
    /// Columns that hold numbers on either side.
    pub numbers: Vec<bool>,
    /// Columns that tell which row is which; none where rows were found by content.
    pub key: Vec<usize>,
    pub rows: Vec<TableRow>,
    pub changed: usize,
    pub added: usize,
    pub removed: usize,
    pub moved: usize,
    /// Cells that changed in rows both sides have.
    pub cells: usize,
    /// Cells whose numbers differ by less than the tolerance: they count as the same.
    pub within: u64,
    /// What no cell shows: other types, another size of the whole table.
    pub notes: Vec<String>,
}

struct Keys<'a, T>(&'a [T]);

impl<'a, T: std::hash::Hash + Eq> TokenSource for Keys<'a, T> {
    type Token = &'a T;
    type Tokenizer = std::slice::Iter<'a, T>;
    fn tokenize(&self) -> Self::Tokenizer {
        self.0.iter()
    }
    fn estimate_tokens(&self) -> u32 {
        self.0.len() as u32
    }
}

/// Least share of common cells in which two rows without a common key must agree to be one changed row.
const ALIKE: f64 = 0.6;
/// A value that more rows share than this says nothing about which row is which.
const RARE: usize = 16;
/// Most rows that are looked at as partners of one.
const CANDIDATES: usize = 64;
/// Most columns on one side whose names are looked for on the other by content.
const MAX_RENAMED: usize = 40;
/// Relative difference of two decimal numbers that is no change.
const TOLERANCE: f64 = 1e-9;

impl TableDiff {
    /// Compares two tables; decimal numbers that differ by less than a billionth of them are the same.
    pub fn new(old: &TableData, new: &TableData) -> Self {
        Self::within(old, new, TOLERANCE)
    }

    /// Compares two tables with a relative tolerance for decimal numbers.
    pub fn within(old: &TableData, new: &TableData, tolerance: f64) -> Self {
        let mut columns = columns(old, new);
        let mut matcher = Matcher::new(old, new, &columns);
        let mut pairs = matcher.rows();
        // A column known by its content helps to find the rows where no name was kept.
        if rename(&mut columns, old, new, &pairs) && matcher.common.is_empty() {
            matcher = Matcher::new(old, new, &columns);
            pairs = matcher.rows();
        }
        let number = |t: &TableData, i: Option<usize>| i.and_then(|i| t.numbers.get(i).copied()).unwrap_or(false);
        let place = |k: &usize| columns.iter().position(|c| c.old == matcher.common.get(*k).map(|c| c.old));
        let mut out = Self {
            numbers: columns.iter().map(|c| number(old, c.old) || number(new, c.new)).collect(),
            renamed: columns.iter().map(|c| c.was.clone()).collect(),
            key: matcher.key.iter().filter_map(place).collect(),
            columns: columns.iter().map(|c| (c.name.clone(), c.kind())).collect(),
            rows: Vec::with_capacity(new.rows.len()),
            changed: 0,
            added: 0,
            removed: 0,
            moved: 0,
            cells: 0,
            within: 0,
            notes: notes(old, new, &columns),
        };
        let rules = (matcher.positional, tolerance);
        for (i, j, moved) in order(&pairs, old.rows.len(), new.rows.len()) {
            out.row(i.and_then(|i| old.rows.get(i)), j.and_then(|j| new.rows.get(j)), &columns, rules);
            if let (true, Some(row)) = (moved, out.rows.last_mut()) {
                row.moved = true;
                out.moved += 1;
            }
        }
        out
    }

    fn row(
        &mut self,
        old: Option<&Vec<String>>,
        new: Option<&Vec<String>>,
        columns: &[ColumnPair],
        (positional, tolerance): (bool, f64),
    ) {
        let cell = |row: &Vec<String>, at: Option<usize>| at.and_then(|at| row.get(at)).cloned().unwrap_or_default();
        let old = old.map(|r| columns.iter().map(|c| cell(r, c.old)).collect::<Vec<_>>());
        let new = new.map(|r| columns.iter().map(|c| cell(r, c.new)).collect::<Vec<_>>());
        let mut changed = Vec::new();
        let kind = match (&old, &new) {
            (Some(x), Some(y)) => {
                for ((a, b), c) in x.iter().zip(y).zip(columns) {
                    // A count of rows moves with every row that comes or goes.
                    let known = c.old.is_some() && c.new.is_some() && !(positional && c.old == Some(0));
                    let near = known && a != b && number::within(a, b, tolerance);
                    self.within += u64::from(near);
                    changed.push(known && a != b && !near);
                }
                if changed.contains(&true) { RowKind::Changed } else { RowKind::Same }
            }
            (None, _) => RowKind::Added,
            (_, None) => RowKind::Removed,
        };
        match kind {
            RowKind::Changed => {
                self.changed += 1;
                self.cells += changed.iter().filter(|c| **c).count();
            }
            RowKind::Added => self.added += 1,
            RowKind::Removed => self.removed += 1,
            RowKind::Same => changed.clear(),
        }
        self.rows.push(TableRow { kind, old, new, changed, moved: false });
    }

    /// True when both tables say the same.
    pub fn is_same(&self) -> bool {
        self.rows.iter().all(TableRow::is_same)
            && self.columns.iter().all(|c| c.1 == RowKind::Same)
            && self.notes.is_empty()
    }

    /// `4 of 5 rows`, and columns that came, went or have another name.
    pub fn words(&self) -> String {
        let rows = self.changed + self.added + self.removed;
        let mut words = format!("{rows} of {} rows", self.rows.len());
        if self.moved > 0 {
            words.push_str(&format!(", {} moved", self.moved));
        }
        let kinds = [(RowKind::Added, "added"), (RowKind::Removed, "removed"), (RowKind::Changed, "renamed")];
        for (kind, word) in kinds {
            let n = self.columns.iter().filter(|c| c.1 == kind).count();
            if n > 0 {
                words.push_str(&format!(", {} {word}", count(n as u64, "column")));
            }
        }
        words
    }
}

/// A column of the comparison and where it is on either side.
#[derive(Debug, Clone)]
struct ColumnPair {
    name: String,
    /// Its old name, when it has another now.
    was: Option<String>,
    old: Option<usize>,
    new: Option<usize>,
}

impl ColumnPair {
    fn kind(&self) -> RowKind {
        match (self.old, self.new) {
            (None, _) => RowKind::Added,
            (_, None) => RowKind::Removed,
            _ if self.was.is_some() => RowKind::Changed,
            _ => RowKind::Same,
        }
    }
}

/// Names of columns, each once.
fn names(t: &TableData) -> Vec<String> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut all = Vec::with_capacity(t.columns.len());
    for name in &t.columns {
        let n = seen.entry(name).or_default();
        *n += 1;
        all.push(if *n > 1 { format!("{name} ({n})") } else { name.clone() });
    }
    all
}

/// Columns of both sides by name, in new order, removed ones behind their old neighbour.
fn columns(old: &TableData, new: &TableData) -> Vec<ColumnPair> {
    let (a, b) = (names(old), names(new));
    let places: HashMap<&String, usize> = b.iter().enumerate().map(|(n, name)| (name, n)).collect();
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); b.len() + 1];
    let mut partners = vec![None; b.len()];
    let mut anchor = 0;
    for (i, name) in a.iter().enumerate() {
        if let Some(j) = places.get(name) {
            partners.get_mut(*j).into_iter().for_each(|slot| *slot = Some(i));
            anchor = j + 1;
        } else if let Some(list) = behind.get_mut(anchor) {
            list.push(i);
        }
    }
    let mut all = Vec::new();
    for (n, removed) in behind.iter().enumerate() {
        if let Some((j, name)) = n.checked_sub(1).and_then(|j| Some((j, b.get(j)?))) {
            let old = partners.get(j).copied().flatten();
            all.push(ColumnPair { name: name.clone(), was: None, old, new: Some(j) });
        }
        let gone = |i: &usize| Some(ColumnPair { name: a.get(*i)?.clone(), was: None, old: Some(*i), new: None });
        all.extend(removed.iter().filter_map(gone));
    }
    all
}

/// Joins columns that went with columns that came and hold the same; true when there were any.
fn rename(columns: &mut Vec<ColumnPair>, old: &TableData, new: &TableData, pairs: &[(usize, usize)]) -> bool {
    let gone: Vec<usize> = columns.iter().filter(|c| c.new.is_none()).filter_map(|c| c.old).collect();
    let come: Vec<usize> = columns.iter().filter(|c| c.old.is_none()).filter_map(|c| c.new).collect();
    if gone.is_empty() || come.is_empty() || gone.len() > MAX_RENAMED || come.len() > MAX_RENAMED {
        return false;
    }
    // A sample is enough to know a column by.
    let step = pairs.len().div_ceil(2_000).max(1);
    let sample: Vec<_> = pairs.iter().step_by(step).copied().collect();
    let mut scores = Vec::new();
    for &x in &gone {
        for &y in &come {
            let cell = |t: &'_ TableData, r: usize, c: usize| t.rows.get(r).and_then(|r| r.get(c)).cloned();
            let same = sample.iter().filter(|(i, j)| cell(old, *i, x) == cell(new, *j, y)).count();
            if same * 10 >= sample.len() * 7 && same > 0 {
                scores.push((std::cmp::Reverse(same), x.abs_diff(y), x, y));
            }
        }
    }
    scores.sort_unstable();
    let mut found = false;
    for (_, _, x, y) in scores {
        let free = columns.iter().any(|c| c.old == Some(x) && c.new.is_none())
            && columns.iter().any(|c| c.new == Some(y) && c.old.is_none());
        if free {
            let was = columns.iter().find(|c| c.old == Some(x)).map(|c| c.name.clone());
            columns.retain(|c| c.old != Some(x));
            if let Some(column) = columns.iter_mut().find(|c| c.new == Some(y)) {
                (column.old, column.was) = (Some(x), was);
            }
            found = true;
        }
    }
    found
}

/// What no cell shows.
fn notes(old: &TableData, new: &TableData, columns: &[ColumnPair]) -> Vec<String> {
    let mut notes = Vec::new();
    for c in columns {
        let of = |t: &TableData, at: Option<usize>| at.and_then(|i| t.types.get(i).cloned()).filter(|t| !t.is_empty());
        if let (Some(a), Some(b)) = (of(old, c.old), of(new, c.new))
            && a != b
        {
            notes.push(format!("{}: {a} became {b}", c.name));
        }
    }
    if let (Some(a), Some(b)) = (&old.note, &new.note)
        && a != b
    {
        notes.push(format!("{a} became {b}"));
    }
    notes
}

/// A column both sides have.
#[derive(Debug, Clone, Copy)]
struct Common {
    old: usize,
    new: usize,
}

/// Finds which row is which.
struct Matcher<'a> {
    old: &'a TableData,
    new: &'a TableData,
    common: Vec<Common>,
    /// The first column only counts the rows.
    positional: bool,
    /// Of `common`, the columns that name rows.
    key: Vec<usize>,
    /// Numbers that stand for the values of common columns, row by row.
    a: Vec<Vec<u32>>,
    b: Vec<Vec<u32>>,
}

impl<'a> Matcher<'a> {
    fn new(old: &'a TableData, new: &'a TableData, columns: &[ColumnPair]) -> Self {
        let positional = counts_rows(old) && counts_rows(new) && old.columns.first() == new.columns.first();
        let common: Vec<Common> = columns
            .iter()
            .filter_map(|c| Some(Common { old: c.old?, new: c.new? }))
            .filter(|c| !(positional && c.old == 0))
            .collect();
        let mut values: HashMap<&'a str, u32> = HashMap::new();
        let mut ids = |t: &'a TableData, side: fn(&Common) -> usize| -> Vec<Vec<u32>> {
            let mut all = Vec::with_capacity(t.rows.len());
            for row in &t.rows {
                let mut one = Vec::with_capacity(common.len());
                for c in &common {
                    let next = values.len() as u32;
                    one.push(*values.entry(row.get(side(c)).map_or("", String::as_str)).or_insert(next));
                }
                all.push(one);
            }
            all
        };
        let (a, b) = (ids(old, |c| c.old), ids(new, |c| c.new));
        let mut matcher = Self { old, new, common, positional, key: Vec::new(), a, b };
        matcher.key = matcher.find_key();
        matcher
    }

    /// The index when it names rows, else the first column that does.
    fn find_key(&self) -> Vec<usize> {
        let indexed = |c: &Common| c.old < self.old.index && c.new < self.new.index;
        let index: Vec<usize> = self.common.iter().enumerate().filter(|(_, c)| indexed(c)).map(|(k, _)| k).collect();
        if !self.positional && !index.is_empty() && self.is_key(&index) {
            return index;
        }
        let number = |t: &TableData, c: usize| {
            t.numbers.get(c) == Some(&true) && t.rows.iter().any(|r| r.get(c).is_some_and(|v| v.contains('.')))
        };
        // A measured value may well be unique and names nothing.
        let names = |c: &Common| !number(self.old, c.old) && !number(self.new, c.new);
        let found = self.common.iter().enumerate().find(|(k, c)| names(c) && self.is_key(&[*k]));
        found.map(|(k, _)| vec![k]).unwrap_or_default()
    }

    /// Every row has another value, and most of the smaller side are found on the other.
    fn is_key(&self, key: &[usize]) -> bool {
        let set = |rows: &[Vec<u32>]| -> Option<HashSet<Vec<u32>>> {
            let mut seen = HashSet::with_capacity(rows.len());
            rows.iter().all(|r| seen.insert(part(r, key))).then_some(seen)
        };
        let (Some(a), Some(b)) = (set(&self.a), set(&self.b)) else { return false };
        let (small, large) = if a.len() < b.len() { (a, b) } else { (b, a) };
        let found = small.iter().filter(|k| large.contains(*k)).count();
        found > 0 && found * 2 >= small.len()
    }

    /// Pairs of old and new rows, by old.
    fn rows(&self) -> Vec<(usize, usize)> {
        let mut links = Links { to_new: vec![None; self.a.len()], to_old: vec![None; self.b.len()] };
        if self.key.is_empty() {
            self.by_content(&mut links);
        } else {
            let places: HashMap<Vec<u32>, usize> =
                self.b.iter().enumerate().map(|(j, r)| (part(r, &self.key), j)).collect();
            for (i, row) in self.a.iter().enumerate() {
                places.get(&part(row, &self.key)).into_iter().for_each(|j| links.take(i, *j));
            }
        }
        for (i, j) in self.alike(&Links::left(&links.to_new), &Links::left(&links.to_old)) {
            links.take(i, j);
        }
        // With a key another value is another row.
        if self.key.is_empty() {
            self.in_gaps(&mut links);
        }
        links.to_new.into_iter().enumerate().filter_map(|(i, j)| Some((i, j?))).collect()
    }

    /// Rows that are equal: in order where they are, then wherever they are.
    fn by_content(&self, links: &mut Links) {
        if self.common.is_empty() {
            // Nothing in common: rows belong together as they stand.
            (0..self.a.len().min(self.b.len())).for_each(|i| links.take(i, i));
            return;
        }
        let input = InternedInput::new(Keys(&self.a), Keys(&self.b));
        let diff = Diff::compute(Algorithm::Histogram, &input);
        let (mut i, mut j) = (0, 0);
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for hunk in diff.hunks() {
            (i..hunk.before.start as usize).zip(j..hunk.after.start as usize).for_each(|(i, j)| links.take(i, j));
            (i, j) = (hunk.before.end as usize, hunk.after.end as usize);
            gone.extend(hunk.before.map(|n| n as usize));
            come.extend(hunk.after.map(|n| n as usize));
        }
        (i..self.a.len()).zip(j..self.b.len()).for_each(|(i, j)| links.take(i, j));
        let mut places: HashMap<&Vec<u32>, VecDeque<usize>> = HashMap::new();
        for j in come {
            self.b.get(j).into_iter().for_each(|row| places.entry(row).or_default().push_back(j));
        }
        for i in gone {
            let place = self.a.get(i).and_then(|row| places.get_mut(row)).and_then(VecDeque::pop_front);
            place.into_iter().for_each(|j| links.take(i, j));
        }
    }

    /// Cells two rows agree in.
    fn agree(&self, i: usize, j: usize) -> usize {
        self.a.get(i).zip(self.b.get(j)).map_or(0, |(x, y)| x.iter().zip(y).filter(|(x, y)| x == y).count())
    }

    /// Cells in which two rows must agree.
    fn least(&self) -> usize {
        // Of two columns one would decide.
        ((self.common.len() as f64 * ALIKE).ceil() as usize).max(2)
    }

    /// Rows left over that agree in most cells, the most alike first. Partners are looked up by values that few rows
    /// share, so that the cost stays linear.
    fn alike(&self, old: &[usize], new: &[usize]) -> Vec<(usize, usize)> {
        if old.is_empty() || new.is_empty() || self.common.len() < 2 {
            return Vec::new();
        }
        let mut places: HashMap<(usize, u32), Vec<usize>> = HashMap::new();
        for j in new {
            for (c, value) in self.b.get(*j).into_iter().flatten().enumerate() {
                let list = places.entry((c, *value)).or_default();
                if list.len() <= RARE {
                    list.push(*j);
                }
            }
        }
        let (mut scores, mut seen) = (Vec::new(), Vec::new());
        for i in old {
            seen.clear();
            for (c, value) in self.a.get(*i).into_iter().flatten().enumerate() {
                if let Some(list) = places.get(&(c, *value)).filter(|l| l.len() <= RARE) {
                    seen.extend(list.iter().copied().take(CANDIDATES.saturating_sub(seen.len())));
                }
            }
            seen.sort_unstable();
            seen.dedup();
            for j in &seen {
                let same = self.agree(*i, *j);
                if same >= self.least() {
                    scores.push((std::cmp::Reverse(same), i.abs_diff(*j), *i, *j));
                }
            }
        }
        scores.sort_unstable();
        let (mut used_old, mut used_new) = (HashSet::new(), HashSet::new());
        let mut pairs = Vec::new();
        for (_, _, i, j) in scores {
            if !used_old.contains(&i) && !used_new.contains(&j) {
                used_old.insert(i);
                used_new.insert(j);
                pairs.push((i, j));
            }
        }
        pairs
    }

    /// Between rows that were found: as many on either side, and alike enough, belong together as they stand.
    fn in_gaps(&self, links: &mut Links) {
        let few = self.common.len() <= 2;
        let long = |to: &[Option<usize>], from: usize| to.iter().skip(from).take_while(|p| p.is_none()).count();
        let (mut i, mut j) = (0, 0);
        while i < self.a.len() && j < self.b.len() {
            if let Some(n) = links.to_new.get(i).copied().flatten() {
                (i, j) = (i + 1, n + 1);
                continue;
            }
            let (p, q) = (long(&links.to_new, i), long(&links.to_old, j));
            for n in 0..p {
                if p == q && (few || self.agree(i + n, j + n) >= self.least()) {
                    links.take(i + n, j + n);
                }
            }
            (i, j) = (i + p, j + q);
        }
    }
}

/// Which row is which, both ways.
struct Links {
    to_new: Vec<Option<usize>>,
    to_old: Vec<Option<usize>>,
}

impl Links {
    /// Joins two rows that have no partner.
    fn take(&mut self, i: usize, j: usize) {
        if let (Some(x @ None), Some(y @ None)) = (self.to_new.get_mut(i), self.to_old.get_mut(j)) {
            (*x, *y) = (Some(j), Some(i));
        }
    }
    fn left(to: &[Option<usize>]) -> Vec<usize> {
        to.iter().enumerate().filter(|(_, p)| p.is_none()).map(|(n, _)| n).collect()
    }
}

fn part(row: &[u32], key: &[usize]) -> Vec<u32> {
    key.iter().filter_map(|k| row.get(*k).copied()).collect()
}

fn is_gap(text: &str) -> bool {
    matches!(text, "..." | "\u{2026}" | "..")
}

/// An index that nobody gave: 0, 1, 2 and so on, perhaps with a gap where rows are left out.
fn counts_rows(t: &TableData) -> bool {
    let numbers: Vec<&str> = t.rows.iter().filter_map(|r| r.first()).map(String::as_str).collect();
    if t.index != 1 || numbers.first().is_none_or(|n| *n != "0") {
        return false;
    }
    numbers.windows(2).all(|pair| match pair {
        [a, b] if is_gap(a) => b.parse::<u64>().is_ok(),
        [_, b] if is_gap(b) => true,
        [a, b] => matches!((a.parse::<u64>(), b.parse::<u64>()), (Ok(a), Ok(b)) if b == a + 1),
        _ => true,
    })
}

type Placed = (Option<usize>, Option<usize>, bool);

/// All rows in new order, removed ones behind their old neighbour, with which of them moved.
fn order(pairs: &[(usize, usize)], old: usize, new: usize) -> Vec<Placed> {
    let list: Vec<moves::Pair> =
        pairs.iter().map(|(i, j)| moves::Pair { old: *i as u32, new: *j as u32, weight: 1 }).collect();
    let staying = moves::staying(&list);
    let (mut to_old, mut to_new) = (vec![None; new], vec![None; old]);
    for ((i, j), stays) in pairs.iter().zip(&staying) {
        if let (Some(x), Some(y)) = (to_old.get_mut(*j), to_new.get_mut(*i)) {
            (*x, *y) = (Some((*i, !stays)), Some((*j, *stays)));
        }
    }
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); new + 1];
    let mut anchor = 0;
    for (i, place) in to_new.iter().enumerate() {
        match place {
            Some((j, true)) => anchor = j + 1,
            Some(_) => {}
            None => behind.get_mut(anchor).into_iter().for_each(|l| l.push(i)),
        }
    }
    let mut all = Vec::with_capacity(new);
    for (n, removed) in behind.into_iter().enumerate() {
        if let Some(j) = n.checked_sub(1) {
            let partner = to_old.get(j).copied().flatten();
            all.push((partner.map(|p| p.0), Some(j), partner.is_some_and(|p| p.1)));
        }
        all.extend(removed.into_iter().map(|i| (Some(i), None, false)));
    }
    all
}

/// Most cells of a table that is compared as one.
const MAX_CELLS: usize = 500_000;

impl TableData {
    /// A table as an output shows it; none when it is too large. Cells are written in full, so that no digit that
    /// differs is rounded away.
    pub fn from_output(table: &Table) -> Option<Self> {
        let page = &table.page;
        if page.rows.is_empty() || page.rows.len() * page.columns.len() > MAX_CELLS {
            return None;
        }
        let unread = (table.dropped_rows > 0).then(|| format!("{} not read", count(table.dropped_rows as u64, "row")));
        // Only what the tool itself wrote; else the type is a guess from the cells.
        let typed = table.head.len() > 1 && page.columns.iter().all(|c| !c.dtype.is_empty());
        Some(Self {
            columns: page.columns.iter().map(|c| c.name.clone()).collect(),
            rows: page.rows.iter().map(|r| r.iter().map(|c| c.plain().into_owned()).collect()).collect(),
            numbers: page.columns.iter().map(|c| c.kind.is_number()).collect(),
            index: table.index_columns,
            types: if typed { page.columns.iter().map(|c| c.dtype.clone()).collect() } else { Vec::new() },
            note: table.note.clone().or(unread),
        })
    }

    /// Finds the columns that hold nothing but numbers.
    pub(super) fn with_numbers(mut self) -> Self {
        let missing = |t: &str| is_gap(t) || matches!(t, "" | "NaN" | "None" | "null" | "NaT" | "<NA>");
        let number = |c: usize| {
            let mut cells = self.rows.iter().filter_map(|r| r.get(c)).filter(|t| !missing(t)).peekable();
            cells.peek().is_some() && cells.all(|t| number::parse(t).is_some())
        };
        self.numbers = (0..self.columns.len()).map(number).collect();
        self
    }
}

#[cfg(test)]
#[path = "table_test.rs"]
mod tests;

//! Headings fold away what stands below them, until the next heading of the same or a higher level.
//!
//! Folding is how a person looks at a notebook, not what is in it: it is kept with the open document and never written.
//! What is folded belongs to its heading: moving, copying, deleting or running the heading takes it along.
use std::collections::{HashMap, HashSet};

use super::{Doc, Step};
use crate::model::notebook::{CellKey, CellKind};

/// Which headings are folded and what they hide.
#[derive(Debug, Default)]
pub struct Folds {
    folded: HashSet<CellKey>,
    /// Level of the first heading of each text cell that has one.
    levels: HashMap<CellKey, usize>,
    /// Hidden cells by the heading nearest above that hides them.
    hidden: HashMap<CellKey, CellKey>,
    /// How many cells each folded heading hides, those below inner headings included.
    counts: HashMap<CellKey, usize>,
}

impl Folds {
    /// Level of the heading a cell starts a part with.
    pub fn level(&self, key: CellKey) -> Option<usize> {
        self.levels.get(&key).copied()
    }
    /// True when the cell's part is folded away.
    pub fn is_folded(&self, key: CellKey) -> bool {
        self.folded.contains(&key)
    }
    /// True when the cell is folded away.
    pub fn is_hidden(&self, key: CellKey) -> bool {
        self.hidden.contains_key(&key)
    }
    /// Cells a folded heading hides.
    pub fn count(&self, key: CellKey) -> usize {
        self.counts.get(&key).copied().unwrap_or(0)
    }
}

impl Doc {
    /// Works out what is hidden; `levels` are the headings of the cells as they are now.
    pub(super) fn refold(&mut self, levels: HashMap<CellKey, usize>) {
        self.folds.levels = levels;
        let (levels, folded) = (&self.folds.levels, &mut self.folds.folded);
        folded.retain(|k| levels.contains_key(k));
        let (mut hidden, mut counts) = (HashMap::new(), HashMap::new());
        if !folded.is_empty() {
            // Folded headings that are open at this place, outermost first.
            let mut open: Vec<(usize, CellKey)> = Vec::new();
            let keys: Vec<CellKey> = self.cells().iter().map(|c| c.key).collect();
            for key in keys {
                let level = self.folds.levels.get(&key).copied();
                if let Some(level) = level {
                    open.retain(|(l, _)| *l < level);
                }
                if let Some((_, by)) = open.first() {
                    hidden.insert(key, *by);
                    for (_, heading) in &open {
                        *counts.entry(*heading).or_insert(0) += 1;
                    }
                }
                if let Some(level) = level.filter(|_| self.folds.folded.contains(&key)) {
                    open.push((level, key));
                }
            }
        }
        (self.folds.hidden, self.folds.counts) = (hidden, counts);
    }

    fn refold_same(&mut self) {
        let levels = std::mem::take(&mut self.folds.levels);
        self.refold(levels);
        // What is selected stays in sight.
        while let Some(by) = self.folds.hidden.get(&self.selected).copied() {
            (self.selected, self.anchor) = (by, by);
        }
    }

    /// Folds a heading, or unfolds it.
    pub(super) fn fold(&mut self, key: CellKey, fold: bool) {
        let changed = match (fold, self.folds.levels.contains_key(&key)) {
            (true, true) => self.folds.folded.insert(key),
            _ => self.folds.folded.remove(&key),
        };
        if changed {
            self.refold_same();
        }
    }

    /// Folds or unfolds every heading.
    pub(super) fn fold_all(&mut self, fold: bool) {
        self.folds.folded = if fold { self.folds.levels.keys().copied().collect() } else { HashSet::new() };
        self.refold_same();
        self.reveal += 1;
    }

    /// Unfolds whatever hides a cell.
    pub(super) fn unfold_to(&mut self, key: CellKey) {
        while let Some(by) = self.folds.hidden.get(&key).copied() {
            self.folds.folded.remove(&by);
            let levels = std::mem::take(&mut self.folds.levels);
            self.refold(levels);
        }
    }

    /// The heading a cell stands below, or is.
    pub(super) fn heading_above(&self, at: usize) -> Option<(usize, CellKey, usize)> {
        let cells = self.cells();
        (0..=at.min(cells.len().checked_sub(1)?)).rev().find_map(|i| {
            let key = cells[i].key;
            self.folds.level(key).map(|level| (i, key, level))
        })
    }

    /// First place after the part of a heading.
    pub(super) fn part_end(&self, at: usize, level: usize) -> usize {
        let cells = self.cells();
        let ends = |i: &usize| self.folds.level(cells[*i].key).is_some_and(|l| l <= level);
        (at + 1..cells.len()).find(ends).unwrap_or(cells.len())
    }

    /// Cells with those that are folded away below them.
    pub(super) fn with_hidden(&self, keys: Vec<CellKey>) -> Vec<CellKey> {
        if self.folds.hidden.is_empty() {
            return keys;
        }
        let cells = self.cells();
        let Some(last) = keys.last().and_then(|k| self.notebook()?.index_of(*k)) else { return keys };
        let after = cells.iter().skip(last + 1).map(|c| c.key).take_while(|k| self.folds.is_hidden(*k));
        let more: Vec<CellKey> = after.collect();
        keys.into_iter().chain(more).collect()
    }

    /// The next visible place in a direction, or `at` itself at the end.
    pub(super) fn next_visible(&self, at: usize, step: Step) -> usize {
        let cells = self.cells();
        let seen = |i: &usize| cells.get(*i).is_some_and(|c| !self.folds.is_hidden(c.key));
        match step {
            Step::Up => (0..at).rev().find(seen),
            Step::Down => (at + 1..cells.len()).find(seen),
            Step::First => (0..cells.len()).find(seen),
            Step::Last => (0..cells.len()).rev().find(seen),
        }
        .unwrap_or(at)
    }

    /// Left: folds the heading, else goes to the one above. Right: unfolds it, else goes to the one below.
    pub(super) fn left_right(&mut self, left: bool) {
        let (at, key) = (self.index(), self.selected);
        if self.folds.level(key).is_some() && self.folds.is_folded(key) != left {
            self.fold(key, left);
            return;
        }
        let heading = |i: &usize| {
            self.cells().get(*i).is_some_and(|c| self.folds.level(c.key).is_some() && !self.folds.is_hidden(c.key))
        };
        let to = if left { (0..at).rev().find(heading) } else { (at + 1..self.cells().len()).find(heading) };
        if let Some(to) = to {
            self.select_index(to);
        }
    }
}

/// Level of the first heading in a text cell.
pub(super) fn first_level(kind: CellKind, source: &str) -> Option<usize> {
    let first = source.lines().find(|l| !l.trim().is_empty()).filter(|_| kind == CellKind::Markdown)?;
    let level = first.bytes().take_while(|b| *b == b'#').count();
    ((1..=6).contains(&level) && first[level..].starts_with(' ')).then_some(level)
}

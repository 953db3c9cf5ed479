//! Pages of rows in memory: the most recently used ones of the present view.
use std::{collections::BTreeMap, ops::Range, sync::Arc};

use crate::model::table::{Cell, Page};

/// Rows of a page.
pub const PAGE_ROWS: u64 = 200;
const KEPT: usize = 48;

/// Loaded pages of one revision.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    pages: BTreeMap<u64, (u64, Arc<Page>)>,
    pending: Vec<u64>,
    used: u64,
}

impl Pages {
    /// Forgets everything: another view.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
    /// A job ended without bringing what it was asked for.
    pub fn forget_pending(&mut self) {
        self.pending.clear();
    }
    /// Keeps a page; the longest unused one goes when there are too many.
    pub fn put(&mut self, page: Arc<Page>) {
        let number = page.first_row / PAGE_ROWS;
        self.used += 1;
        self.pending.retain(|p| *p != number);
        self.pages.insert(number, (self.used, page));
        while self.pages.len() > KEPT {
            let oldest = self.pages.iter().min_by_key(|(_, (used, _))| *used).map(|(n, _)| *n);
            if let Some(oldest) = oldest {
                self.pages.remove(&oldest);
            }
        }
    }
    /// A cell, if its page is loaded.
    pub fn cell(&self, row: u64, column: usize) -> Option<&Cell> {
        self.pages.get(&(row / PAGE_ROWS))?.1.cell(row, column)
    }
    /// Rows known to be there from the pages alone.
    pub fn seen(&self) -> u64 {
        self.pages.values().map(|(_, p)| p.total_rows).max().unwrap_or(0)
    }
    /// Pages to load so that these rows and those next to them are there; `None` when nothing new is needed.
    pub fn want(&mut self, rows: &Range<u64>, total: u64) -> Option<Vec<u64>> {
        if total == 0 || rows.is_empty() {
            return None;
        }
        let last = (total - 1) / PAGE_ROWS;
        let (from, to) = (rows.start / PAGE_ROWS, ((rows.end - 1) / PAGE_ROWS).min(last));
        for number in from..=to {
            self.used += 1;
            if let Some((used, _)) = self.pages.get_mut(&number) {
                *used = self.used;
            }
        }
        let mut wanted: Vec<u64> = (from..=to).filter(|n| !self.pages.contains_key(n)).collect();
        if wanted.iter().all(|n| self.pending.contains(n)) {
            return None;
        }
        // The neighbours come too, so that slow scrolling never shows a grey row.
        let near = [to + 1, from.wrapping_sub(1)].into_iter().filter(|n| *n <= last && !self.pages.contains_key(n));
        wanted.extend(near);
        self.pending.clone_from(&wanted);
        Some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u64) -> Arc<Page> {
        Arc::new(Page {
            first_row: number * PAGE_ROWS,
            rows: vec![vec![Cell::Int(1)]],
            total_rows: 10_000_000,
            ..Page::default()
        })
    }

    #[test]
    fn visible_pages_come_first_and_are_asked_for_once() {
        let mut pages = Pages::default();
        assert_eq!(pages.want(&(390..410), 10_000_000), Some(vec![1, 2, 3, 0]));
        assert_eq!(pages.want(&(391..411), 10_000_000), None, "already on its way");
        [0, 1, 2, 3].map(page).into_iter().for_each(|p| pages.put(p));
        assert_eq!(pages.want(&(391..411), 10_000_000), None);
        assert_eq!(pages.want(&(9_999_990..10_000_010), 10_000_000), Some(vec![49_999, 49_998]));
        assert_eq!(pages.cell(200, 0), Some(&Cell::Int(1)));
        assert_eq!(pages.cell(2000, 0), None);
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_is_visible() {
        let mut pages = Pages::default();
        pages.put(page(0));
        for n in 1..200 {
            pages.want(&(0..10), 10_000_000);
            pages.put(page(n));
        }
        assert_eq!(pages.pages.len(), KEPT);
        assert!(pages.cell(0, 0).is_some());
    }
}

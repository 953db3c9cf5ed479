//! The log being looked at: an index of all of it, the pages in sight, what is searched, where the eye is led.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    base::{Error, ids::RunId},
    model::run::{
        Level, LogLine,
        logindex::{LogIndex, PAGE},
    },
};

/// Pages kept in memory; the file has them all.
const MOST_PAGES: usize = 64;
/// Hits whose places are kept; all are counted.
pub(super) const MOST_HITS: usize = 100_000;

/// A log: whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogId {
    pub run: RunId,
    pub task: String,
    pub attempt: u32,
}

/// The log of one attempt.
#[derive(Debug, Default)]
pub struct LogView {
    pub run: Option<RunId>,
    pub task: String,
    pub attempt: u32,
    pub index: Arc<LogIndex>,
    /// The index has reached the end of what was there.
    pub complete: bool,
    pub loaded: bool,
    pub error: Option<Error>,
    /// Stays at the end while it grows.
    pub follow: bool,
    pub search: String,
    /// Lines that contain the search, the first [`MOST_HITS`] of them.
    pub hits: Vec<u64>,
    pub hits_total: u64,
    /// Searched so far: byte and line.
    pub(super) searched: (u64, u64),
    /// A search is under way.
    pub searching: bool,
    /// Which of the hits is the current one.
    pub hit: usize,
    /// Only lines this loud or louder.
    pub only_from: Option<Level>,
    /// Places of the lines that are shown, where not all are.
    pub shown: Option<Vec<u64>>,
    /// A line to bring into view, with a number that changes with each wish.
    pub goto: Option<(u64, u64)>,
    wishes: u64,
    /// The first error was asked for before it was found.
    wants_error: bool,
    pages: BTreeMap<u64, Vec<LogLine>>,
    /// Pages asked for last.
    asked: BTreeSet<u64>,
}

impl LogView {
    /// Begins with another log.
    pub(super) fn open(&mut self, run: &RunId, task: &str, attempt: u32, follow: bool) {
        let (search, wishes) = (std::mem::take(&mut self.search), self.wishes);
        *self =
            Self { run: Some(run.clone()), task: task.to_owned(), attempt, follow, search, wishes, ..Self::default() };
    }
    /// True when it shows this attempt.
    pub fn shows(&self, run: &RunId, task: &str, attempt: u32) -> bool {
        self.run.as_ref() == Some(run) && self.task == task && self.attempt == attempt
    }
    /// Whose log it is.
    pub fn id(&self) -> Option<LogId> {
        Some(LogId { run: self.run.clone()?, task: self.task.clone(), attempt: self.attempt })
    }
    pub(super) fn is(&self, id: &LogId) -> bool {
        self.shows(&id.run, &id.task, id.attempt)
    }
    /// A line, when its page is in memory.
    pub fn line(&self, at: u64) -> Option<&LogLine> {
        self.pages.get(&(at / PAGE))?.get(usize::try_from(at % PAGE).ok()?)
    }
    /// Lines that are shown.
    pub fn rows(&self) -> u64 {
        self.shown.as_ref().map_or(self.index.lines, |s| s.len() as u64)
    }
    /// The line at a place among those shown.
    pub fn line_at(&self, place: u64) -> u64 {
        let at = self.shown.as_ref().and_then(|s| s.get(usize::try_from(place).ok()?).copied());
        at.unwrap_or(place)
    }
    /// Pages that these places need and that are not in memory or have grown; empty when they were asked for already.
    pub fn missing(&self, from: u64, to: u64) -> Vec<u64> {
        let pages: BTreeSet<u64> = (from..to.min(self.rows())).map(|p| self.line_at(p) / PAGE).collect();
        let wanted: Vec<u64> = pages.into_iter().filter(|p| !self.has(*p)).collect();
        if wanted.iter().all(|p| self.asked.contains(p)) { Vec::new() } else { wanted }
    }
    fn has(&self, page: u64) -> bool {
        let n = self.index.page(page).map_or(0, |(_, _, n)| n);
        self.pages.get(&page).is_some_and(|p| p.len() as u64 >= n)
    }
    /// Byte ranges of pages.
    pub(super) fn ask(&mut self, pages: &[u64]) -> Vec<(u64, u64, u64)> {
        self.asked = pages.iter().copied().collect();
        pages.iter().filter_map(|p| self.index.page(*p).map(|(from, to, _)| (*p, from, to))).collect()
    }
    /// Takes pages that were read.
    pub(super) fn put(&mut self, pages: Vec<(u64, Vec<LogLine>)>) {
        let near = pages.first().map_or(0, |(p, _)| *p);
        for (page, lines) in pages {
            self.asked.remove(&page);
            self.pages.insert(page, lines);
        }
        // Far from what is read now is what is needed last.
        while self.pages.len() > MOST_PAGES {
            let far = self.pages.keys().copied().max_by_key(|p| p.abs_diff(near));
            far.map(|p| self.pages.remove(&p));
        }
    }
    /// Takes a further state of the index. Of two readers of one log the one that is further counts.
    pub(super) fn grow(&mut self, index: Arc<LogIndex>, complete: bool) {
        if index.bytes < self.index.bytes {
            return;
        }
        self.loaded = true;
        self.complete = complete;
        self.index = index;
        self.asked.clear();
        self.filter();
        if self.wants_error && (self.index.first_error().is_some() || complete) {
            self.first_error();
        }
    }
    pub(super) fn set_level(&mut self, level: Level) {
        self.only_from = (level > Level::Info).then_some(level);
        self.filter();
    }
    fn filter(&mut self) {
        self.shown = self.only_from.map(|l| self.index.at_least(l));
    }
    /// Begins to search for text; false when that is searched for already.
    pub(super) fn set_search(&mut self, text: String) -> bool {
        if text == self.search {
            return false;
        }
        self.search = text;
        self.begin_search();
        true
    }
    pub(super) fn begin_search(&mut self) {
        self.hits.clear();
        self.hits_total = 0;
        self.searched = (0, 0);
        self.searching = false;
        self.hit = 0;
    }
    /// Takes hits found from where the search was.
    pub(super) fn found(&mut self, from: u64, hits: Vec<u64>, total: u64, next: (u64, u64), done: bool) {
        if from != self.searched.0 {
            return;
        }
        let first = self.hits.is_empty();
        self.searched = next;
        self.searching = !done;
        self.hits_total += total;
        let room = MOST_HITS.saturating_sub(self.hits.len());
        self.hits.extend(hits.into_iter().take(room));
        if first && let Some(line) = self.hits.first() {
            self.go(*line);
        }
    }
    /// To another hit, around the ends.
    pub(super) fn step(&mut self, by: i32) {
        let n = i64::try_from(self.hits.len()).unwrap_or(i64::MAX);
        if n == 0 {
            return;
        }
        let at = (i64::try_from(self.hit).unwrap_or(0) + i64::from(by)).rem_euclid(n);
        self.hit = usize::try_from(at).unwrap_or(0);
        if let Some(line) = self.hits.get(self.hit) {
            self.go(*line);
        }
    }
    /// Brings the first error into view, as soon as it is found.
    pub(super) fn first_error(&mut self) {
        self.wants_error = false;
        match self.index.first_error() {
            Some(line) => self.go(line),
            None => self.wants_error = !self.complete,
        }
    }
    /// Brings a line into view.
    pub(super) fn go(&mut self, line: u64) {
        self.follow = false;
        self.wishes += 1;
        self.goto = Some((line, self.wishes));
        if self.shown.as_ref().is_some_and(|s| s.binary_search(&line).is_err()) {
            self.only_from = None;
            self.shown = None;
        }
    }
    /// Lines in memory, to show that it does not grow with the log.
    pub fn in_memory(&self) -> usize {
        self.pages.values().map(Vec::len).sum()
    }
}

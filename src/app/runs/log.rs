//! The log being looked at: lines, what is searched, where the eye is led.
use crate::{
    base::{Error, ids::RunId},
    engine::store::LogChunk,
    model::run::{Level, LogLine},
};

/// More lines are not kept; the file has them all.
const MOST_LINES: usize = 400_000;

/// The log of one attempt.
#[derive(Debug, Default)]
pub struct LogView {
    pub run: Option<RunId>,
    pub task: String,
    pub attempt: u32,
    pub lines: Vec<LogLine>,
    /// Bytes before the first line shown.
    pub skipped_bytes: u64,
    /// Bytes read so far.
    pub next: u64,
    pub loaded: bool,
    pub error: Option<Error>,
    /// Stays at the end while it grows.
    pub follow: bool,
    pub search: String,
    /// Places in `lines` that contain the search.
    pub hits: Vec<usize>,
    /// Which of the hits is the current one.
    pub hit: usize,
    /// Only lines this loud or louder.
    pub only_from: Option<Level>,
    /// A line to bring into view, with a number that changes with each wish.
    pub goto: Option<(usize, u64)>,
    wishes: u64,
    pub errors: usize,
    pub warnings: usize,
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
    /// Adds what was read from byte `from`; a piece read twice is added once.
    pub(super) fn add(&mut self, from: u64, chunk: LogChunk) {
        self.loaded = true;
        if from != self.next && from != 0 || from == 0 && !self.lines.is_empty() {
            return;
        }
        if from == 0 {
            self.skipped_bytes = chunk.skipped_bytes;
        }
        self.next = chunk.next;
        let first = self.lines.len();
        self.errors += chunk.lines.iter().filter(|l| l.level == Level::Error).count();
        self.warnings += chunk.lines.iter().filter(|l| l.level == Level::Warn).count();
        self.lines.extend(chunk.lines);
        self.find_hits(first);
        if self.lines.len() > MOST_LINES {
            let over = self.lines.len() - MOST_LINES;
            self.lines.drain(..over);
            self.skipped_bytes = self.skipped_bytes.max(1);
            self.find_hits(0);
        }
    }
    fn find_hits(&mut self, first: usize) {
        if first == 0 {
            self.hits.clear();
        }
        if self.search.is_empty() {
            return;
        }
        let wanted = self.search.to_lowercase();
        let found = self.lines.iter().enumerate().skip(first).filter(|(_, l)| contains(&l.text, &wanted));
        self.hits.extend(found.map(|(i, _)| i));
    }
    /// Searches for text without regard to case.
    pub(super) fn set_search(&mut self, text: String) {
        if text == self.search {
            return;
        }
        self.search = text;
        self.find_hits(0);
        self.hit = 0;
        if let Some(line) = self.hits.first() {
            self.go(*line);
        }
    }
    /// To another hit, around the ends.
    pub(super) fn step(&mut self, by: i32) {
        let n = i32::try_from(self.hits.len()).unwrap_or(i32::MAX);
        if n == 0 {
            return;
        }
        let at = (i32::try_from(self.hit).unwrap_or(0) + by).rem_euclid(n);
        self.hit = usize::try_from(at).unwrap_or(0);
        if let Some(line) = self.hits.get(self.hit) {
            self.go(*line);
        }
    }
    /// Brings the first error into view.
    pub(super) fn first_error(&mut self) {
        if let Some(line) = self.first_error_line() {
            self.go(line);
        }
    }
    /// The place of the first error of the task's own, else of the first at all.
    pub fn first_error_line(&self) -> Option<usize> {
        let errors = || self.lines.iter().enumerate().filter(|(_, l)| l.level == Level::Error);
        errors().find(|(_, l)| l.source != "runner").or_else(|| errors().next()).map(|(i, _)| i)
    }
    fn go(&mut self, line: usize) {
        self.follow = false;
        self.wishes += 1;
        self.goto = Some((line, self.wishes));
        if self.only_from.is_some_and(|l| self.lines.get(line).is_some_and(|x| x.level < l)) {
            self.only_from = None;
        }
    }
    /// Places of the lines that are shown.
    pub fn shown(&self) -> Option<Vec<usize>> {
        let from = self.only_from?;
        Some(self.lines.iter().enumerate().filter(|(_, l)| l.level >= from).map(|(i, _)| i).collect())
    }
}

/// Whether `text` contains `wanted`, which is in lower case.
fn contains(text: &str, wanted: &str) -> bool {
    if wanted.is_ascii() {
        let (hay, needle) = (text.as_bytes(), wanted.as_bytes());
        return hay.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle));
    }
    text.to_lowercase().contains(wanted)
}

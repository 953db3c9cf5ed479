//! A text being edited, without a window: the rope, cursors, what keys do to it, undo.
//!
//! [`Buffer`] is the text, [`Transaction`] the one way to change it, [`Selections`] its cursors. An [`Editor`] holds
//! them together and carries out an [`Act`]; copying one is cheap, so that a window can show what an act does while the
//! document is still to be told. A [`Document`] is an editor with its own undo.
pub mod bracket;
mod buffer;
mod change;
pub mod column;
pub mod find;
pub mod fold;
mod history;
pub mod language;
mod lines;
pub mod motion;
mod selection;
mod typing;

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

pub use buffer::{Buffer, for_editor};
pub use change::{Change, Splice, Transaction};
pub use history::{Done, History, Joint, Kind, PAUSE_MS};
pub use language::Language;
pub use lines::Indent;
pub use motion::Motion;
pub use selection::{Selection, Selections};

/// Changes whose lines are remembered, so that what was worked out for other lines stays.
const LOG: usize = 256;

/// What a person does to a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Typed letters; brackets and quotes come in pairs.
    Type(String),
    /// From the clipboard: one line for each cursor when there are as many.
    Paste(String),
    /// Put in as it is: an input method, a dropped name.
    Put(String),
    /// One part replaced: a chosen name.
    Fill {
        range: Range<usize>,
        text: String,
    },
    /// Many parts replaced.
    Replace(Vec<Change>),
    /// The whole text, set by another program.
    SetText(String),
    NewLine,
    Indent,
    Outdent,
    /// Deletes what is selected, or up to where the motion leads.
    Delete(Motion),
    /// Characters around the cursor, asked for by an input method.
    DeleteAround {
        before: usize,
        after: usize,
    },
    /// Deletes what is selected, or whole lines.
    Cut,
    DeleteLines,
    MoveLines {
        up: bool,
    },
    DoubleLines {
        up: bool,
    },
    JoinLines,
    Comment,
    BlockComment,
    Move {
        motion: Motion,
        extend: bool,
    },
    Select(Selections),
    /// The beginning of a line, from 0.
    GoToLine(usize),
    SelectAll,
    SelectLine,
    /// The word at the cursor, then each further place where it stands.
    NextOccurrence,
    AllOccurrences,
    AddCursor {
        up: bool,
    },
    /// The primary cursor alone.
    Single,
}

/// Numbers of editors, so that what a window remembers of one is never taken for another's.
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A text with its cursors.
#[derive(Debug, Clone)]
pub struct Editor {
    serial: u64,
    pub(super) buffer: Buffer,
    pub(super) selections: Selections,
    pub(super) language: &'static Language,
    pub(super) indent: Indent,
    /// Closing brackets and quotes that came by themselves: typing one steps over it.
    pub(super) closers: Vec<usize>,
    /// Those that come with the change being made.
    pub(super) pending: Vec<usize>,
    revision: u64,
    log: Arc<VecDeque<(u64, Vec<Splice>)>>,
}

impl Default for Editor {
    fn default() -> Self {
        Self::new("", Language::of(None))
    }
}

impl Editor {
    /// A text with the cursor at its beginning.
    pub fn new(text: &str, language: &'static Language) -> Self {
        let buffer = Buffer::from(text);
        let indent = Indent::of(&buffer);
        let (selections, closers, pending) = Default::default();
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self { serial, buffer, selections, language, indent, closers, pending, revision: 0, log: Arc::default() }
    }
    /// The text.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }
    /// The cursors.
    pub fn selections(&self) -> &Selections {
        &self.selections
    }
    /// The rules of its language.
    pub fn language(&self) -> &'static Language {
        self.language
    }
    /// Other rules from now on.
    pub fn set_language(&mut self, language: &'static Language) {
        self.language = language;
    }
    /// How it is indented.
    pub fn indentation(&self) -> Indent {
        self.indent
    }
    /// Tells this editor and its copies from others.
    pub fn serial(&self) -> u64 {
        self.serial
    }
    /// Counts changes of the text.
    pub fn revision(&self) -> u64 {
        self.revision
    }
    /// Lines changed since a revision, in order; none when that is too long ago.
    pub fn splices_since(&self, revision: u64) -> Option<Vec<Splice>> {
        if revision == self.revision {
            return Some(Vec::new());
        }
        let first = self.log.front()?.0;
        if revision + 1 < first || revision > self.revision {
            return None;
        }
        Some(self.log.iter().filter(|(r, _)| *r > revision).flat_map(|(_, s)| s.iter().copied()).collect())
    }
    /// Puts the cursors elsewhere.
    pub fn select(&mut self, selections: Selections) {
        self.selections = selections.fitted(&self.buffer);
        // Whoever goes to another line means what is typed there.
        if !self.closers.is_empty() {
            let buffer = &self.buffer;
            let lines: Vec<usize> = self.selections.iter().map(|s| buffer.line_of(s.head)).collect();
            self.closers.retain(|c| lines.contains(&buffer.line_of(*c)));
        }
    }
    /// Line and column of the primary cursor, from 1, the column in letters.
    pub fn place(&self) -> (usize, usize) {
        let head = self.selections.primary().head;
        (self.buffer.line_of(head) + 1, self.buffer.column(head) + 1)
    }
    /// What the cursors select, or the lines they stand in: what is copied.
    pub fn copied(&self) -> String {
        if self.selections.are_empty() {
            let lines = lines::blocks(&self.buffer, &self.selections).into_iter().flatten();
            let mut all: String = lines.map(|l| format!("{}\n", self.buffer.line(l))).collect();
            if all.is_empty() {
                all.push('\n');
            }
            return all;
        }
        let parts: Vec<_> =
            self.selections.iter().filter(|s| !s.is_empty()).map(|s| self.buffer.slice(s.range())).collect();
        parts.join("\n")
    }
    /// What the primary cursor selects.
    pub fn selected(&self) -> String {
        self.buffer.slice(self.selections.primary().range()).into_owned()
    }

    /// Changes the text; cursors move along. Returns what takes the change back.
    pub fn apply(&mut self, transaction: &Transaction) -> Transaction {
        let (back, splices) = transaction.apply(&mut self.buffer);
        self.revision += 1;
        let log = Arc::make_mut(&mut self.log);
        log.push_back((self.revision, splices));
        if log.len() > LOG {
            log.pop_front();
        }
        self.closers = self.closers.iter().map(|c| transaction.map(*c, true)).collect();
        self.selections = self.selections.moved(transaction).fitted(&self.buffer);
        back
    }
    /// Takes over a text that changed elsewhere; what is equal keeps its cursors.
    pub fn sync(&mut self, text: &str) {
        if !self.buffer.is(text) {
            let change = Transaction::between(&self.buffer, text);
            self.apply(&change);
            self.closers.clear();
        }
    }

    fn commit(&mut self, transaction: Transaction, after: Selections, kind: Kind, now_ms: i64) -> Option<Done> {
        if transaction.is_empty() {
            self.select(after);
            return None;
        }
        let before = self.selections.clone();
        let pending = std::mem::take(&mut self.pending);
        let back = self.apply(&transaction);
        self.closers.extend(pending);
        self.select(after);
        let cursors = self.selections.count();
        let joint =
            Joint { kind, from: before.primary().head, to: self.selections.primary().head, cursors, at_ms: now_ms };
        Some(Done { back, before, after: self.selections.clone(), joint })
    }

    /// Carries out an act; says what was changed.
    pub fn act(&mut self, act: &Act, now_ms: i64) -> Option<Done> {
        let (transaction, after, kind) = match act {
            Act::Type(text) => self.typed(text),
            Act::Paste(text) => self.pasted(text),
            Act::Put(text) => self.put(text),
            Act::Fill { range, text } => {
                let t = Transaction::one(range.clone(), text.as_str());
                let at = range.start + text.chars().count();
                (t, Selections::at(at), Kind::Other)
            }
            Act::Replace(changes) => {
                let t = Transaction::new(changes.clone());
                let after = self.selections.moved(&t);
                (t, after, Kind::Other)
            }
            Act::SetText(text) => {
                let t = Transaction::between(&self.buffer, text);
                let after = self.selections.moved(&t);
                (t, after, Kind::Other)
            }
            Act::NewLine => self.new_line(),
            Act::Delete(motion) => self.delete(*motion),
            Act::DeleteAround { before, after } => self.delete_around(*before, *after),
            Act::Cut if self.selections.are_empty() => other(self.delete_lines())?,
            Act::Cut => self.put(""),
            Act::Indent => other(self.indent())?,
            Act::Outdent => other(self.outdent())?,
            Act::DeleteLines => other(self.delete_lines())?,
            Act::MoveLines { up } => other(self.move_lines(*up))?,
            Act::DoubleLines { up } => other(self.double_lines(*up))?,
            Act::JoinLines => other(self.join_lines())?,
            Act::Comment => other(self.comment())?,
            Act::BlockComment => other(self.block_comment())?,
            _ => {
                self.move_cursors(act);
                return None;
            }
        };
        self.commit(transaction, after, kind, now_ms)
    }

    fn move_cursors(&mut self, act: &Act) {
        let buffer = &self.buffer;
        let new = match act {
            Act::Move { motion, extend } => self.selections.map(|s| motion::go(buffer, s, *motion, *extend)),
            Act::Select(selections) => selections.clone(),
            Act::GoToLine(line) => Selections::at(motion::first_sign(buffer, (*line).min(buffer.lines() - 1))),
            Act::SelectAll => Selections::one(Selection::span(0, buffer.len())),
            Act::SelectLine => self.selections.map(|s| {
                let (a, b) = (motion::line_at(buffer, s.start()), motion::line_at(buffer, s.end()));
                // A selection that ends at a margin ends with the line before; whole lines take one more.
                let end = if s.end() == b.start && s.start() != a.start { s.end() } else { b.end };
                Selection::span(a.start, end)
            }),
            Act::NextOccurrence => self.next_occurrence(),
            Act::AllOccurrences => self.all_occurrences(),
            Act::AddCursor { up } => self.add_cursor(*up),
            Act::Single if self.selections.are_many() => Selections::one(self.selections.primary()),
            Act::Single => Selections::at(self.selections.primary().head),
            _ => return,
        };
        self.select(new);
    }

    /// The word at the primary cursor, or what it selects.
    fn wanted(&self) -> Range<usize> {
        let s = self.selections.primary();
        if s.is_empty() { motion::word_at(&self.buffer, s.head) } else { s.range() }
    }

    fn next_occurrence(&self) -> Selections {
        let range = self.wanted();
        if self.selections.primary().is_empty() {
            let word = Selection::span(range.start, range.end);
            let mut all: Vec<_> = self.selections.iter().copied().collect();
            if let Some(s) = all.get_mut(self.selections.primary_index()) {
                *s = word;
            }
            return Selections::new(all, self.selections.primary_index());
        }
        let places = self.places_of(range.clone());
        let taken = |at: usize| self.selections.iter().any(|s| s.start() == at);
        let from = places.partition_point(|p| *p <= range.start);
        let next = places.iter().skip(from).chain(places.iter().take(from)).find(|p| !taken(**p));
        match next {
            Some(at) => self.selections.with(Selection::span(*at, at + range.len())),
            None => self.selections.clone(),
        }
    }

    fn all_occurrences(&self) -> Selections {
        let range = self.wanted();
        if range.is_empty() {
            return self.selections.clone();
        }
        let places = self.places_of(range.clone());
        let primary = places.iter().position(|p| *p == range.start).unwrap_or(0);
        Selections::new(places.into_iter().map(|p| Selection::span(p, p + range.len())).collect(), primary)
    }

    /// Where else the text of a part stands; a whole word is looked for among whole words.
    fn places_of(&self, range: Range<usize>) -> Vec<usize> {
        let text = self.buffer.slice(range.clone()).into_owned();
        let word = !text.is_empty()
            && motion::word_at(&self.buffer, range.start) == range
            && text.chars().all(motion::is_word);
        let query = find::Query { text, regex: false, case: true, word };
        let finder = query.compile().ok().flatten();
        finder.map(|f| f.find(&self.buffer.to_string())).unwrap_or_default().into_iter().map(|r| r.start).collect()
    }

    fn add_cursor(&self, up: bool) -> Selections {
        let edge = if up { self.selections.iter().next() } else { self.selections.iter().next_back() };
        let Some(edge) = edge else { return self.selections.clone() };
        let motion = if up { Motion::Up(1) } else { Motion::Down(1) };
        let (line, next) = (self.buffer.line_of(edge.head), motion::go(&self.buffer, edge, motion, false));
        if self.buffer.line_of(next.head) == line { self.selections.clone() } else { self.selections.with(next) }
    }
}

fn other(change: Option<(Transaction, Selections)>) -> Option<(Transaction, Selections, Kind)> {
    change.map(|(t, s)| (t, s, Kind::Other))
}

/// An editor with its own undo.
#[derive(Debug, Clone, Default)]
pub struct Document {
    pub editor: Editor,
    pub history: History,
}

impl Document {
    /// A text nobody has changed yet.
    pub fn new(text: &str, language: &'static Language) -> Self {
        Self { editor: Editor::new(text, language), history: History::default() }
    }
    /// Carries out an act; true when the text changed.
    pub fn act(&mut self, act: &Act, now_ms: i64) -> bool {
        match self.editor.act(act, now_ms) {
            Some(done) => {
                self.history.record(done);
                true
            }
            None => false,
        }
    }
    /// Takes the last step back.
    pub fn undo(&mut self) -> bool {
        self.history.undo(&mut self.editor)
    }
    /// Does it again.
    pub fn redo(&mut self) -> bool {
        self.history.redo(&mut self.editor)
    }
}

#[cfg(test)]
mod tests;

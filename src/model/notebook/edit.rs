//! Changes as invertible steps, and the one history they go into.
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    super::{json::Bytes, script::Script},
    Cell, CellKey, Envelope, Field, Notebook,
};
use crate::{
    base::{Error, Result},
    model::editor::{Done, Selections},
};

/// The smallest changes; each one's inverse is made from the state it meets, so that results of a run which arrive
/// in between are never taken back by accident.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Puts `cells` in the place of `remove` cells at `at`; `gaps` replace the gaps around them.
    Cells { at: usize, remove: usize, cells: Vec<Arc<Cell>>, gaps: Vec<Bytes> },
    /// Takes `count` cells at `from` out and puts them in at `to`, counted without them. Gaps stay where they are.
    Move { from: usize, count: usize, to: usize },
    /// Replaces, adds or takes out a field's value.
    Field { key: CellKey, field: Field, value: Option<Bytes> },
    /// Replaces a whole cell's bytes.
    Raw { key: CellKey, raw: Bytes },
    /// Replaces what stands around the cells.
    Envelope { head: Bytes, tail: Bytes },
    /// Puts all cells in another order, takes some out and others in. Those that stay are as they are by then.
    Order { cells: Vec<Slot>, gaps: Vec<Bytes> },
    /// How the file as a whole is written.
    Look { script: Option<Arc<Script>>, ascii: bool, notes: Vec<String> },
}

/// A place of a new order.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    Stay(CellKey),
    Come(Arc<Cell>),
}

/// A named group of steps that happens and is undone as one.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub(super) label: &'static str,
    pub(super) steps: Vec<Step>,
    pub(super) focus: Option<CellKey>,
}

/// What undo or redo did.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// `Delete 2 cells`.
    pub label: &'static str,
    /// The cell to look at afterwards.
    pub focus: Option<CellKey>,
    /// Where its cursors were.
    pub cursors: Option<Selections>,
}

/// What was done to a cell's text: what joins into one step of the history, and the cursors around it.
#[derive(Debug, Clone)]
pub(super) struct Typing {
    pub key: CellKey,
    pub done: Done,
}

#[derive(Debug, Clone)]
struct Entry {
    transaction: Transaction,
    typing: Option<Typing>,
    /// The next change is no part of this one whatever it is.
    ended: bool,
    /// Names of the document's states around this entry.
    before: u64,
    after: u64,
}

/// Undo and redo, and which state was saved.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    undo: Vec<Entry>,
    redo: Vec<Entry>,
    state: u64,
    newest: u64,
    saved: u64,
}

/// Entries kept; older ones cannot be undone any more.
const DEPTH: usize = 2_000;

impl History {
    fn fresh(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }
    fn record(&mut self, inverse: Transaction, typing: Option<Typing>) {
        let before = self.state;
        self.state = self.fresh();
        self.redo.clear();
        if let (Some(now), Some(last)) = (&typing, self.undo.last_mut())
            && let Some(then) = &mut last.typing
            && !last.ended
            && last.after == before
            && self.saved != before
            && then.key == now.key
            && then.done.joint.joins(&now.done.joint)
        {
            last.after = self.state;
            then.done.joint = now.done.joint;
            then.done.after = now.done.after.clone();
            return;
        }
        self.undo.push(Entry { transaction: inverse, typing, ended: false, before, after: self.state });
        if self.undo.len() > DEPTH {
            self.undo.remove(0);
        }
    }
}

impl Notebook {
    /// True when it differs from what was opened or saved last.
    pub fn is_dirty(&self) -> bool {
        self.history.state != self.history.saved
    }
    /// Names the present state; every change gives another one.
    pub fn revision(&self) -> u64 {
        self.history.state
    }
    /// The state `revision` is on disk now.
    pub fn mark_saved(&mut self, revision: u64) {
        self.history.saved = revision;
    }
    /// No state that undo leads to is on disk any more.
    pub fn mark_changed(&mut self) {
        self.history.saved = u64::MAX;
    }
    /// The next typed letter starts a new step of the history.
    pub fn end_typing(&mut self) {
        if let Some(last) = self.history.undo.last_mut() {
            last.ended = true;
        }
    }
    /// What undo would take back.
    pub fn undo_label(&self) -> Option<&'static str> {
        self.history.undo.last().map(|e| e.transaction.label)
    }
    /// What redo would do again.
    pub fn redo_label(&self) -> Option<&'static str> {
        self.history.redo.last().map(|e| e.transaction.label)
    }

    /// Carries out a transaction and records it.
    pub(super) fn commit(&mut self, transaction: Transaction, typing: Option<Typing>) -> Result<()> {
        if transaction.steps.is_empty() {
            return Ok(());
        }
        let inverse = self.apply(transaction)?;
        self.history.record(inverse, typing);
        Ok(())
    }

    /// Something changed that undo never takes back: what a run produced.
    pub(super) fn happened(&mut self) {
        self.history.state = self.history.fresh();
    }

    /// Says why it cannot be changed, if so.
    pub(super) fn can_change(&self) -> Result<()> {
        match self.read_only() {
            Some(why) => {
                Err(Error::user("This notebook cannot be changed").because_of(why).hint("Convert it to format 4 first"))
            }
            None => Ok(()),
        }
    }

    /// All or nothing; returns the inverse.
    fn apply(&mut self, transaction: Transaction) -> Result<Transaction> {
        self.can_change()?;
        let kept = (self.cells.clone(), self.gaps.clone(), self.envelope.clone());
        let Transaction { label, steps, focus } = transaction;
        let mut inverse = Vec::with_capacity(steps.len());
        for step in steps {
            match self.step(step) {
                Ok(back) => inverse.push(back),
                Err(e) => {
                    (self.cells, self.gaps, self.envelope) = kept;
                    return Err(e);
                }
            }
        }
        inverse.reverse();
        Ok(Transaction { label, steps: inverse, focus })
    }

    fn step(&mut self, step: Step) -> Result<Step> {
        let lost = || Error::bug("An edit does not fit the notebook");
        match step {
            Step::Cells { at, remove, cells, gaps } => {
                if at + remove > self.cells.len() || gaps.len() != cells.len() + 1 {
                    return Err(lost());
                }
                let added = cells.len();
                let cells: Vec<_> = self.cells.splice(at..at + remove, cells).collect();
                let gaps: Vec<_> = self.gaps.splice(at..=at + remove, gaps).collect();
                Ok(Step::Cells { at, remove: added, cells, gaps })
            }
            Step::Move { from, count, to } => {
                if from + count > self.cells.len() || to > self.cells.len() - count {
                    return Err(lost());
                }
                let moved: Vec<_> = self.cells.drain(from..from + count).collect();
                self.cells.splice(to..to, moved);
                Ok(Step::Move { from: to, count, to: from })
            }
            Step::Field { key, field, value } => {
                let ascii = self.ascii;
                let slot = self.cells.iter_mut().find(|c| c.key == key).ok_or_else(lost)?;
                // A copy of its own: a slice would keep all of the cell, with its outputs, for as long as the history.
                let old = slot.field(field);
                let old = if field == Field::Source { old.map(|b| Bytes::from(b.to_vec())) } else { old };
                *slot = Arc::new(slot.with_field(field, value.as_deref(), ascii)?);
                Ok(Step::Field { key, field, value: old })
            }
            Step::Raw { key, raw } => {
                let slot = self.cells.iter_mut().find(|c| c.key == key).ok_or_else(lost)?;
                let old = slot.raw().clone();
                *slot = Arc::new(Cell::from_raw(key, raw)?);
                Ok(Step::Raw { key, raw: old })
            }
            Step::Envelope { head, tail } => {
                let new = Envelope::read(head, tail)?;
                let old = std::mem::replace(&mut self.envelope, new);
                Ok(Step::Envelope { head: old.head, tail: old.tail })
            }
            Step::Order { cells, gaps } => self.reorder(cells, gaps),
            Step::Look { script, ascii, notes } => {
                let script = std::mem::replace(&mut self.script, script);
                let ascii = std::mem::replace(&mut self.ascii, ascii);
                let notes = std::mem::replace(&mut self.notes, notes);
                Ok(Step::Look { script, ascii, notes })
            }
        }
    }

    fn reorder(&mut self, slots: Vec<Slot>, gaps: Vec<Bytes>) -> Result<Step> {
        let lost = || Error::bug("An edit does not fit the notebook");
        if gaps.len() != slots.len() + 1 {
            return Err(lost());
        }
        let known: HashMap<CellKey, &Arc<Cell>> = self.cells.iter().map(|c| (c.key, c)).collect();
        let mut cells = Vec::with_capacity(slots.len());
        for slot in slots {
            cells.push(match slot {
                Slot::Stay(key) => (*known.get(&key).ok_or_else(lost)?).clone(),
                Slot::Come(cell) => cell,
            });
        }
        let stays: HashSet<CellKey> = cells.iter().map(|c| c.key).collect();
        let old = std::mem::replace(&mut self.cells, cells);
        let slot = |c: Arc<Cell>| if stays.contains(&c.key) { Slot::Stay(c.key) } else { Slot::Come(c) };
        let cells = old.into_iter().map(slot).collect();
        Ok(Step::Order { cells, gaps: std::mem::replace(&mut self.gaps, gaps) })
    }

    /// Takes the last change back.
    pub fn undo(&mut self) -> Result<Option<Applied>> {
        let Some(entry) = self.history.undo.pop() else { return Ok(None) };
        self.take_back(entry).map(Some)
    }

    fn take_back(&mut self, entry: Entry) -> Result<Applied> {
        let Entry { transaction, before, after, typing, .. } = entry;
        let cursors = typing.as_ref().map(|t| t.done.before.clone());
        let done = Applied { label: transaction.label, focus: transaction.focus, cursors };
        let again = self.apply(transaction)?;
        let state = if self.history.state == after { before } else { self.history.fresh() };
        self.history.state = state;
        self.history.redo.push(Entry { transaction: again, typing, ended: true, before, after });
        Ok(done)
    }

    /// Takes back the last typing in this cell, also when other cells were changed since; `None` when there is none.
    pub fn undo_in_cell(&mut self, key: CellKey) -> Result<Option<Applied>> {
        let touches = |e: &Entry| e.transaction.steps.iter().any(|s| s.concerns(key));
        let Some(at) = self.history.undo.iter().rposition(touches) else { return Ok(None) };
        let typed = self.history.undo.get(at).is_some_and(|e| e.transaction.steps.iter().all(Step::is_typing));
        if !typed {
            return Ok(None);
        }
        let entry = self.history.undo.remove(at);
        self.take_back(entry).map(Some)
    }

    /// Does again what undo took back.
    pub fn redo(&mut self) -> Result<Option<Applied>> {
        let Some(entry) = self.history.redo.pop() else { return Ok(None) };
        self.do_again(entry).map(Some)
    }

    fn do_again(&mut self, entry: Entry) -> Result<Applied> {
        let Entry { transaction, before, after, typing, .. } = entry;
        let cursors = typing.as_ref().map(|t| t.done.after.clone());
        let done = Applied { label: transaction.label, focus: transaction.focus, cursors };
        let back = self.apply(transaction)?;
        let state = if self.history.state == before { after } else { self.history.fresh() };
        self.history.state = state;
        self.history.undo.push(Entry { transaction: back, typing, ended: true, before, after });
        Ok(done)
    }

    /// Does again what was taken back last in this cell, if that was typing.
    pub fn redo_in_cell(&mut self, key: CellKey) -> Result<Option<Applied>> {
        let touches = |e: &Entry| e.transaction.steps.iter().any(|s| s.concerns(key));
        let Some(at) = self.history.redo.iter().rposition(touches) else { return Ok(None) };
        let typed = self.history.redo.get(at).is_some_and(|e| e.transaction.steps.iter().all(Step::is_typing));
        if !typed {
            return Ok(None);
        }
        let entry = self.history.redo.remove(at);
        self.do_again(entry).map(Some)
    }
}

impl Step {
    /// True when the step may change this cell's bytes or whether it exists.
    fn concerns(&self, key: CellKey) -> bool {
        match self {
            Self::Field { key: k, .. } | Self::Raw { key: k, .. } => *k == key,
            Self::Cells { cells, .. } => cells.is_empty() || cells.iter().any(|c| c.key == key),
            Self::Order { cells, .. } => !cells.iter().any(|s| matches!(s, Slot::Stay(k) if *k == key)),
            Self::Move { .. } | Self::Envelope { .. } | Self::Look { .. } => false,
        }
    }
    fn is_typing(&self) -> bool {
        matches!(self, Self::Field { field: Field::Source | Field::Id, .. })
    }
}

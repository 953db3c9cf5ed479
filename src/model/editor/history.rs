//! Undo in steps a person would name: a word typed, a word deleted, a paste.
use super::{Editor, Selections, Transaction};

/// What a change was, as far as it matters to what joins with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A letter of a word.
    Type,
    /// A space behind one.
    Space,
    /// Deleting backwards.
    Delete,
    /// Deleting forwards.
    DeleteForward,
    /// A step of its own.
    Other,
}

/// What a later change must match to be one step with this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joint {
    pub kind: Kind,
    /// Where it began and where it left off.
    pub from: usize,
    pub to: usize,
    /// Cursors that took part.
    pub cursors: usize,
    pub at_ms: i64,
}

/// Changes join while pauses are shorter.
pub const PAUSE_MS: i64 = 1_000;

impl Joint {
    /// True when `next` goes on with what this one began: the same kind of change in the same place, without a pause,
    /// and not a new word.
    pub fn joins(&self, next: &Self) -> bool {
        let same = match (self.kind, next.kind) {
            (Kind::Other, _) | (_, Kind::Other) => false,
            (Kind::Type, Kind::Space) => true,
            (a, b) => a == b,
        };
        same && self.cursors == next.cursors && self.to == next.from && next.at_ms - self.at_ms < PAUSE_MS
    }
}

/// A change that has been made.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// Takes it back.
    pub back: Transaction,
    pub before: Selections,
    pub after: Selections,
    pub joint: Joint,
}

#[derive(Debug, Clone)]
struct Step {
    /// To be carried out from the last to the first.
    parts: Vec<Transaction>,
    before: Selections,
    after: Selections,
    joint: Option<Joint>,
    /// Names of the states around it.
    from: u64,
    to: u64,
}

/// Undo and redo of one text, and which state was saved.
#[derive(Debug, Clone, Default)]
pub struct History {
    undo: Vec<Step>,
    redo: Vec<Step>,
    state: u64,
    newest: u64,
    saved: u64,
}

/// Steps kept; older ones cannot be undone any more.
const DEPTH: usize = 2_000;

impl History {
    /// Notes a change.
    pub fn record(&mut self, done: Done) {
        let from = self.state;
        self.newest += 1;
        self.state = self.newest;
        self.redo.clear();
        if let Some(last) = self.undo.last_mut()
            && last.to == from
            && self.saved != from
            && last.joint.is_some_and(|j| j.joins(&done.joint))
        {
            last.parts.push(done.back);
            last.after = done.after;
            last.joint = Some(done.joint);
            last.to = self.state;
            return;
        }
        let joint = Some(done.joint);
        let step = Step { parts: vec![done.back], before: done.before, after: done.after, joint, from, to: self.state };
        self.undo.push(step);
        if self.undo.len() > DEPTH {
            self.undo.remove(0);
        }
    }
    /// What is typed next is a new step.
    pub fn pause(&mut self) {
        if let Some(last) = self.undo.last_mut() {
            last.joint = None;
        }
    }
    /// Takes the last step back; false when there is none.
    pub fn undo(&mut self, editor: &mut Editor) -> bool {
        let Some(mut step) = self.undo.pop() else { return false };
        step.parts = turn(editor, &step.parts);
        editor.select(step.before.clone());
        self.state = step.from;
        step.joint = None;
        self.redo.push(step);
        true
    }
    /// Does it again.
    pub fn redo(&mut self, editor: &mut Editor) -> bool {
        let Some(mut step) = self.redo.pop() else { return false };
        step.parts = turn(editor, &step.parts);
        editor.select(step.after.clone());
        self.state = step.to;
        self.undo.push(step);
        true
    }
    /// True when there is something to undo.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }
    /// True when there is something to do again.
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }
    /// Names the present state; undo comes back to the name it had.
    pub fn state(&self) -> u64 {
        self.state
    }
    /// The state that is on disk.
    pub fn saved(&self) -> u64 {
        self.saved
    }
    /// A state is on disk now.
    pub fn mark_saved(&mut self, state: u64) {
        self.saved = state;
    }
    /// The text is no longer what is on disk, whatever was changed.
    pub fn mark_changed(&mut self) {
        self.newest += 1;
        self.saved = self.newest;
        self.newest += 1;
    }
}

/// Carries out from the last to the first; what takes that back is in the same order again.
fn turn(editor: &mut Editor, parts: &[Transaction]) -> Vec<Transaction> {
    parts.iter().rev().map(|t| editor.apply(t)).collect()
}

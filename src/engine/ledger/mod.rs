//! The ledger on disk: a branch of its own in a git repository, a folder elsewhere.
//!
//! [`Ledger::append`] puts operations into a journal in .andon/ at once, durable and seen by every process that has the
//! workspace open; [`Ledger::flush`] moves the journal into `log/<month>/<writer>.jsonl` and the readable files beside it,
//! as one commit on the branch `andon/board`, without touching the working tree. A commit that somebody else makes
//! meanwhile is noticed by comparing the reference, and the flush is made again on top of it. In a folder without git
//! the same files lie in .andon/ledger/ and move to the branch when the folder has become a repository.
mod branch;
mod files;
mod journal;
mod sync;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub use sync::{SyncReport, Synced};

use self::journal::Journal;
use crate::{
    base::{Result, ids::WriterId},
    model::ledger::{Damage, Hlc, Op, Projection, Stamper, merge, project},
};

/// Name of the ledger's branch in a repository whose top folder is the workspace.
pub const BRANCH: &str = "andon/board";

/// The name of a person whom git does not know.
pub const NOBODY: &str = "Somebody";

/// Where the ledger's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// On a branch, never checked out.
    Branch { git_dir: PathBuf, branch: String },
    /// In .andon/ledger/ of a folder without git.
    Folder(PathBuf),
}

/// The ledger of one workspace. Cheap to open; holds no file open.
#[derive(Debug, Clone)]
pub struct Ledger {
    home: Home,
    journal: Journal,
    by: String,
}

/// Everything the ledger holds.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// In order, each once, those of the journal too.
    pub ops: Vec<Op>,
    pub projection: Projection,
    /// Lines that cannot be read; they stay where they are.
    pub damage: Vec<Damage>,
    /// The branch's commit.
    pub head: Option<String>,
    /// Operations in the journal, not yet on the branch.
    pub pending: usize,
}

impl Ledger {
    /// Opens the ledger of the workspace at `root`. Writes nothing.
    pub fn open(root: &Path) -> Result<Self> {
        let home = branch::home(root)?;
        let journal = Journal::new(root);
        let by = branch::person(root);
        Ok(Self { home, journal, by })
    }
    /// Where the files are.
    pub fn home(&self) -> &Home {
        &self.home
    }
    /// The person's name as git knows it.
    pub fn person(&self) -> &str {
        &self.by
    }
    /// True when git knows a name.
    pub fn knows_person(&self) -> bool {
        self.by != NOBODY
    }
    /// Stamps new operations of this clone; knows every stamp of `loaded`.
    pub fn stamper(&self, loaded: &Loaded, now: Timestamp) -> Result<Stamper> {
        let mut stamper = Stamper::new(self.journal.writer()?, self.by.clone());
        observe(&mut stamper, &loaded.ops, now);
        Ok(stamper)
    }
    /// Puts operations into the journal, durable when this returns.
    pub fn append(&self, ops: &[Op]) -> Result<()> {
        self.journal.append(ops)
    }
    /// Reads everything. Edits made by hand in the readable files are taken over first.
    pub fn load(&self) -> Result<Loaded> {
        self.settle()?;
        // The journal first: a flush between the two reads then shows an operation twice, never not at all.
        let (pending, mut damage) = self.journal.read()?;
        let stored = match &self.home {
            Home::Branch { git_dir, branch } => branch::load(git_dir, branch)?,
            Home::Folder(dir) => files::load(dir)?,
        };
        damage.extend(stored.damage);
        let count = pending.len();
        let ops = merge(stored.ops, pending);
        let projection = project(&ops);
        Ok(Loaded { projection, ops, damage, head: stored.head, pending: count })
    }
    /// Moves the journal into the log, as one commit. Gives the commit's id, `None` when there was nothing to do.
    pub fn flush(&self) -> Result<Option<String>> {
        self.settle()?;
        let locked = self.journal.lock()?;
        let lines = self.journal.lines()?;
        if lines.is_empty() {
            return Ok(None);
        }
        let commit = match &self.home {
            Home::Branch { git_dir, branch } => Some(branch::flush(git_dir, branch, &lines, &self.journal)?),
            Home::Folder(dir) => {
                files::flush(dir, &lines)?;
                None
            }
        };
        self.journal.clear()?;
        drop(locked);
        Ok(commit)
    }
    /// Operations about some kinds of subjects (`review`) that `remote` did not have when it was last fetched from or
    /// pushed to. `None` where nothing can be pushed.
    pub fn unsent<'a>(&self, remote: &str, kinds: &[&str], loaded: &'a Loaded) -> Result<Option<Vec<&'a Op>>> {
        let Home::Branch { git_dir, branch } = &self.home else { return Ok(None) };
        let ours: Vec<&Op> =
            loaded.ops.iter().filter(|o| kinds.contains(&crate::model::ledger::kind(&o.subject))).collect();
        let Some((same, known)) = branch::known_to(git_dir, branch, remote, loaded.head.as_deref(), ours.is_empty())?
        else {
            return Ok(None);
        };
        // With the same commit on both sides only the journal can hold more.
        if same && loaded.pending == 0 {
            return Ok(Some(Vec::new()));
        }
        Ok(Some(ours.into_iter().filter(|o| !known.contains(&o.id)).collect()))
    }
    /// Operations in the journal.
    pub fn pending(&self) -> Result<usize> {
        Ok(self.journal.read()?.0.len())
    }
    /// Moves a folder's ledger to the branch once there is a repository, and takes over hand edits.
    fn settle(&self) -> Result<()> {
        match &self.home {
            Home::Branch { git_dir, branch } => {
                files::adopt_folder(&self.journal)?;
                branch::adopt_edits(git_dir, branch, &self.journal)
            }
            Home::Folder(dir) => files::adopt_edits(dir, &self.journal, &self.by),
        }
    }
}

/// Lets a stamper see operations: its own without limit, those of others as far as their clocks can be believed.
fn observe(stamper: &mut Stamper, ops: &[Op], now: Timestamp) {
    for op in ops {
        if op.writer == stamper.writer {
            stamper.last = stamper.last.max(op.hlc);
        } else {
            stamper.observe(op.hlc, now);
        }
    }
}

/// What a place holds.
#[derive(Debug, Default)]
struct Stored {
    ops: Vec<Op>,
    damage: Vec<Damage>,
    head: Option<String>,
}

/// The id of an operation made from a hand edit: the same in every clone that finds the edit, so it counts once.
fn hand_op(source: &str, by: &str, hlc: Hlc, subject: String, action: crate::model::ledger::Action) -> Op {
    let told = format!("{source}\n{subject}\n{action:?}");
    let id = format!("hand{:012x}", crate::base::fsx::hash(told.as_bytes()) & 0xffff_ffff_ffff);
    Op { id, hlc, writer: WriterId("hand".to_owned()), by: by.to_owned(), subject, action }
}

#[cfg(test)]
mod test;

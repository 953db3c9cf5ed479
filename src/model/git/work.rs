//! What can be done with versions, and what it would mean: plans that are shown before, reports that are shown after.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where to go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// A branch here.
    Branch(String),
    /// `origin/fix`: a branch of its name is made here that follows it, or the one that is here is taken.
    Remote(String),
    /// A tag or a commit; no branch follows what is committed there.
    Detached(String),
}

impl Target {
    /// As git names it.
    pub fn name(&self) -> &str {
        match self {
            Self::Branch(name) | Self::Remote(name) | Self::Detached(name) => name,
        }
    }
    /// As a person reads it.
    pub fn label(&self) -> &str {
        match self {
            Self::Detached(name) if name.len() == 40 => super::short(name),
            other => other.name(),
        }
    }
}

/// What switching would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchPlan {
    pub to: Target,
    /// Files with changes that are not committed; paths from the top of the repository.
    pub dirty: Vec<String>,
    /// Those of them that are not the same there: git would not switch with them.
    pub blocked: Vec<String>,
    /// New files that stand where the other side has one.
    pub covered: Vec<String>,
    /// Files that differ there from what they are here.
    pub differ: Vec<String>,
    /// Commits that no branch and no tag reaches once one leaves.
    pub orphans: u64,
}

impl SwitchPlan {
    /// Nothing needs a word before.
    pub fn is_plain(&self) -> bool {
        self.dirty.is_empty() && self.covered.is_empty() && self.orphans == 0
    }
    /// The changes can come along.
    pub fn can_carry(&self) -> bool {
        self.blocked.is_empty() && self.covered.is_empty()
    }
}

/// A branch about to be deleted, or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    pub name: String,
    pub commit: String,
    /// `origin/fix`, to be set again when it comes back.
    pub upstream: Option<String>,
    /// Summaries of commits that nothing else reaches, newest first; the first few.
    pub only_here: Vec<String>,
    pub only_here_count: u64,
}

/// Changes put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stash {
    /// Place in the list, 0 the newest.
    pub index: usize,
    pub id: String,
    /// What was typed, or what git says by itself.
    pub message: String,
    /// The branch it was made on.
    pub branch: Option<String>,
    /// The commit it was made on.
    pub base: String,
    /// New files are in it.
    pub untracked: bool,
    pub at: Timestamp,
    pub files: u64,
}

/// What merging would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergePlan {
    pub from: String,
    pub into: String,
    /// Commits that would come in.
    pub commits: u64,
    pub files: u64,
    /// The branch can simply move forward.
    pub fast_forward: bool,
}

/// How a merge ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    UpToDate,
    FastForward,
    Commit,
    /// These files need a decision; paths of the workspace.
    Conflicts(Vec<String>),
}

/// A move of the current branch that can be taken back while nothing came after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub before: String,
    pub after: String,
}

/// How a fetch went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub remotes: Vec<String>,
    /// Branches of the remotes that moved or are new.
    pub news: Vec<String>,
    /// Upstream of the current branch, commits ahead and behind.
    pub upstream: Option<(String, u64, u64)>,
}

/// How a pull went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    Same {
        upstream: String,
    },
    Forward {
        upstream: String,
        commits: u64,
        moved: Moved,
    },
    /// Both sides went on: nothing was done yet.
    Diverged {
        upstream: String,
        ahead: u64,
        behind: u64,
    },
}

/// How a push went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// `origin/main`.
    pub to: String,
    pub commits: u64,
    /// The branch had no upstream before.
    pub first: bool,
}

/// Changes that were discarded and can be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discarded {
    /// Names the folder they are kept in.
    pub id: String,
    pub at: Timestamp,
    /// Paths of the workspace.
    pub paths: Vec<String>,
}

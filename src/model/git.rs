//! What a repository says, as plain data: state of files, commits, branches, revisions.
use std::fmt;

mod work;

pub use work::{Deleted, Discarded, Fetched, MergePlan, Merged, Moved, Pulled, Pushed, Stash, SwitchPlan, Target};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened to a file between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Added,
    Modified,
    Deleted,
    Renamed,
    /// A file became a link or the other way round.
    Retyped,
}

impl Change {
    /// The word a person reads.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "changed",
            Self::Deleted => "deleted",
            Self::Renamed => "renamed",
            Self::Retyped => "type changed",
        }
    }
    /// The letter git prints.
    pub fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Modified => 'M',
            Self::Deleted => 'D',
            Self::Renamed => 'R',
            Self::Retyped => 'T',
        }
    }
}

/// A file that is not as the last commit has it. Paths are below the workspace, with `/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileState {
    pub path: String,
    /// Where it was, for a rename.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// Last commit against the index.
    pub staged: Option<Change>,
    /// Index against the working tree.
    pub changed: Option<Change>,
    /// Not known to git.
    pub untracked: bool,
    /// Both sides of a merge changed it and nobody has decided yet.
    pub conflicted: bool,
}

impl FileState {
    /// The change against the last commit, in one word.
    pub fn word(&self) -> &'static str {
        if self.conflicted {
            "conflict"
        } else if self.untracked {
            "new"
        } else {
            self.changed.or(self.staged).map_or("same", Change::word)
        }
    }
}

/// Where HEAD stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Head {
    /// No repository around the workspace.
    #[default]
    None,
    /// A branch without a commit.
    Unborn { branch: String },
    /// A branch.
    Branch { branch: String, commit: String },
    /// A commit that no branch follows.
    Detached { commit: String },
}

impl Head {
    /// What the status bar shows; empty without a repository.
    pub fn label(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Unborn { branch } | Self::Branch { branch, .. } => branch.clone(),
            Self::Detached { commit } => format!("detached at {}", short(commit)),
        }
    }
    /// The commit, when there is one.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Branch { commit, .. } | Self::Detached { commit } => Some(commit),
            _ => None,
        }
    }
}

/// The first seven digits of a commit's name.
pub fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// Something git has begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Underway {
    #[default]
    Nothing,
    Merge,
    Rebase,
    CherryPick,
    Revert,
    Bisect,
    ApplyMailbox,
}

impl Underway {
    /// The word a person reads.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Merge => "merge",
            Self::Rebase => "rebase",
            Self::CherryPick => "cherry-pick",
            Self::Revert => "revert",
            Self::Bisect => "bisect",
            Self::ApplyMailbox => "git am",
        }
    }
}

/// The workspace seen from its repository.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Status {
    pub head: Head,
    /// No working tree: nothing can be changed or committed here.
    pub bare: bool,
    pub underway: Underway,
    /// Sorted by path.
    pub files: Vec<FileState>,
    /// Files left out of `files` because there are too many.
    pub more: u64,
    /// Commits here that the upstream branch lacks, and the other way round; empty without an upstream.
    pub ahead_behind: Option<(u64, u64)>,
    /// Name of the upstream branch: `origin/main`.
    pub upstream: Option<String>,
    /// What a commit here starts besides git itself: `pre-commit hook`, `signing`. Empty: nothing.
    pub commit_runs: Vec<String>,
    /// Who would be the author; empty when git has not been told.
    pub author: Option<Author>,
}

impl Status {
    /// True inside a repository.
    pub fn in_repository(&self) -> bool {
        self.head != Head::None
    }
    /// The state of one file, when it differs from the last commit.
    pub fn file(&self, path: &str) -> Option<&FileState> {
        self.files.binary_search_by(|f| f.path.as_str().cmp(path)).ok().and_then(|i| self.files.get(i))
    }
    /// Number of files that differ, with those left out of the list.
    pub fn count(&self) -> u64 {
        self.files.len() as u64 + self.more
    }
}

/// A person in a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Author {
    pub name: String,
    pub email: String,
}

/// A commit without its tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommitInfo {
    /// All 40 digits.
    pub id: String,
    pub summary: String,
    /// The message below its first line.
    pub body: String,
    pub author: Author,
    pub at: Timestamp,
    pub parents: Vec<String>,
}

impl CommitInfo {
    /// The first seven digits.
    pub fn short(&self) -> &str {
        short(&self.id)
    }
}

/// One step in the history of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileVersion {
    pub commit: CommitInfo,
    /// Its path at that commit.
    pub path: String,
    pub change: Change,
    /// Its path before, for a rename.
    pub old_path: Option<String>,
}

/// A branch or a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefInfo {
    /// `main`, `origin/main`, `v1.0`.
    pub name: String,
    pub kind: RefKind,
    pub current: bool,
    pub commit: String,
    pub at: Timestamp,
    pub summary: String,
    /// For a local branch with an upstream.
    pub ahead_behind: Option<(u64, u64)>,
    /// `origin/main`, for a local branch.
    pub upstream: Option<String>,
    /// Who made its last commit.
    pub author: String,
}

/// Kinds of names for commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefKind {
    Branch,
    Remote,
    Tag,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rev {
    /// The files on disk.
    WorkingTree,
    /// What git calls a revision: a branch, a tag, a commit, `HEAD~2`.
    At(String),
    /// Nothing at all, as before the first commit.
    Empty,
    /// What is staged for the next commit.
    Index,
    /// A stash by its commit, new files included.
    Stash(String),
    /// The files on disk with the edits that are not saved.
    Draft,
    /// The notebooks that a run executed, by the id of the run.
    Run(String),
    /// A file anywhere, by its full path.
    File(String),
}

impl Rev {
    /// The last commit.
    pub fn head() -> Self {
        Self::At("HEAD".to_owned())
    }
    /// The executed copies that a stored run kept.
    pub fn of_run(id: &str) -> Self {
        Self::Run(id.to_owned())
    }
    /// The stored run this is about.
    pub fn run(&self) -> Option<&str> {
        match self {
            Self::Run(id) => Some(id),
            _ => None,
        }
    }
    /// Changes with the files on disk.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::WorkingTree | Self::Index | Self::Draft)
    }
}

impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkingTree => f.write_str("working tree"),
            Self::At(name) if name.len() == 40 && name.bytes().all(|b| b.is_ascii_hexdigit()) => {
                f.write_str(short(name))
            }
            Self::At(name) => f.write_str(name),
            Self::Empty => f.write_str("nothing"),
            Self::Index => f.write_str("staged changes"),
            Self::Stash(id) => write!(f, "stash {}", short(id)),
            Self::Draft => f.write_str("unsaved edits"),
            Self::Run(id) => write!(f, "run {id}"),
            Self::File(path) => f.write_str(path.rsplit(['/', '\\']).next().unwrap_or(path)),
        }
    }
}

/// A file that differs between two sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedFile {
    pub path: String,
    pub old_path: Option<String>,
    pub change: Change,
    /// Not in any commit yet.
    pub untracked: bool,
}

impl ChangedFile {
    /// The path on the old side.
    pub fn before(&self) -> &str {
        self.old_path.as_deref().unwrap_or(&self.path)
    }
}

/// The files that differ between two sides, below the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ChangedFiles {
    /// Sorted by path.
    pub files: Vec<ChangedFile>,
    /// Files left out because there are too many.
    pub more: u64,
}

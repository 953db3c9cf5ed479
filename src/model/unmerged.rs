//! A repository in which two sides met and not everything went together, as plain data.
use serde::Serialize;

use super::git::{CommitInfo, Underway};

/// One of the two sides, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SideName {
    /// `main`, `stash`, the first digits of a commit.
    pub label: String,
    /// The commit this side stands at, where there is one.
    pub commit: Option<CommitInfo>,
}

/// A file that git could not merge. The path is below the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unmerged {
    pub path: String,
    /// Whether it exists in the base, on our side, on theirs.
    pub has: [bool; 3],
}

impl Unmerged {
    /// What happened, in words.
    pub fn words(&self) -> &'static str {
        match self.has {
            [_, true, true] if !self.has.first().copied().unwrap_or_default() => "added on both sides",
            [_, true, true] => "changed on both sides",
            [true, true, false] => "changed here, deleted there",
            [true, false, true] => "deleted here, changed there",
            [false, true, false] => "added here",
            [false, false, true] => "added there",
            _ => "deleted on both sides",
        }
    }
}

/// What is under way and what is left to decide.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Situation {
    pub underway: Underway,
    pub ours: SideName,
    pub theirs: SideName,
    /// Where the two parted.
    pub base: Option<CommitInfo>,
    /// Sorted by path.
    pub files: Vec<Unmerged>,
    /// Unmerged files outside the workspace's folder.
    pub elsewhere: u64,
}

impl Situation {
    /// git can take back what it has begun.
    pub fn can_abort(&self) -> bool {
        self.verb().is_some()
    }
    /// The git command that began it.
    pub fn verb(&self) -> Option<&'static str> {
        match self.underway {
            Underway::Merge => Some("merge"),
            Underway::Rebase => Some("rebase"),
            Underway::CherryPick => Some("cherry-pick"),
            Underway::Revert => Some("revert"),
            Underway::ApplyMailbox => Some("am"),
            Underway::Nothing | Underway::Bisect => None,
        }
    }
    /// Everything is decided and git waits for its end: a commit, or to go on.
    pub fn waits_for_end(&self) -> bool {
        self.can_abort() && self.files.is_empty() && self.elsewhere == 0
    }
    /// `Merge main into fix/units`.
    pub fn title(&self) -> String {
        let (ours, theirs) = (self.ours.label.as_str(), self.theirs.label.as_str());
        match self.underway {
            Underway::Merge => format!("Merge {theirs} into {ours}"),
            Underway::Rebase => format!("Rebase {theirs} onto {ours}"),
            Underway::CherryPick => format!("Cherry-pick {theirs} onto {ours}"),
            Underway::Revert => format!("Revert {theirs} on {ours}"),
            Underway::ApplyMailbox => format!("Apply a patch on {ours}"),
            _ if !self.files.is_empty() => format!("Apply {theirs} on {ours}"),
            _ => "Conflicts".to_owned(),
        }
    }
}

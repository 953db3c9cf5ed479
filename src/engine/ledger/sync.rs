//! Bringing two clones together: union of the logs, then the files of what it touched.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use git2::{Commit, Oid, Repository};

use super::{
    Home, Ledger,
    branch::{self, blobs, commit, grow, head, ops, pause, reference, signature, swap, text, tree},
};
use crate::{
    base::{Error, Result, error::Context, job::JobCtx},
    engine::git::command,
    model::ledger::merge_text,
};

/// What a merge or sync did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// No remote, or it has no board yet.
    NoRemote,
    /// Both sides had the same.
    Same,
    /// Theirs came in.
    Received,
    /// Ours went out.
    Sent,
    /// Both.
    Merged,
}

/// Result of [`Ledger::sync`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncReport {
    pub outcome: Synced,
    /// Operations that came from elsewhere.
    pub received: usize,
}

impl Ledger {
    /// Merges what was last fetched of the board from `remote` into ours, without the network.
    pub fn merge_remote(&self, remote: &str) -> Result<SyncReport> {
        let Home::Branch { git_dir, branch } = &self.home else {
            return Ok(SyncReport { outcome: Synced::NoRemote, received: 0 });
        };
        self.flush()?;
        let repo = branch::open(git_dir)?;
        let theirs = head(&repo, &format!("refs/remotes/{remote}/{branch}"))?;
        match theirs {
            Some(theirs) => self.merge_commit(&repo, &reference(branch), theirs),
            None => Ok(SyncReport { outcome: Synced::NoRemote, received: 0 }),
        }
    }

    /// Union of our branch with a commit.
    fn merge_commit(&self, repo: &Repository, name: &str, theirs: Oid) -> Result<SyncReport> {
        branch::not_checked_out(repo, name)?;
        let _locked = self.journal.lock()?;
        let failed = || "Could not merge the board".to_owned();
        for attempt in 0..12 {
            let ours = head(repo, name)?;
            if ours == Some(theirs) {
                return Ok(SyncReport { outcome: Synced::Same, received: 0 });
            }
            let ancestor = |a: Oid, b: Oid| repo.graph_descendant_of(b, a).io(failed);
            let Some(ours_id) = ours else {
                if swap(repo, name, None, theirs, "board: take theirs")? {
                    let received = ops(repo, &tree(&commit(repo, theirs)?)?)?.ops.len();
                    return Ok(SyncReport { outcome: Synced::Received, received });
                }
                continue;
            };
            if ancestor(theirs, ours_id)? {
                return Ok(SyncReport { outcome: Synced::Same, received: 0 });
            }
            if ancestor(ours_id, theirs)? {
                let received = self.news(repo, ours_id, theirs)?;
                if swap(repo, name, ours, theirs, "board: fast-forward")? {
                    return Ok(SyncReport { outcome: Synced::Received, received });
                }
                continue;
            }
            let merged = self.union(repo, ours_id, theirs)?;
            if swap(repo, name, ours, merged.0, "board: merge")? {
                branch::note_checked(&self.journal, ours, merged.0)?;
                return Ok(SyncReport { outcome: Synced::Merged, received: merged.1 });
            }
            pause(attempt);
        }
        Err(Error::io("The board's branch was busy").hint("Sync again"))
    }

    fn news(&self, repo: &Repository, ours: Oid, theirs: Oid) -> Result<usize> {
        let count = |id| Ok::<_, Error>(ops(repo, &tree(&commit(repo, id)?)?)?.ops.len());
        Ok(count(theirs)?.saturating_sub(count(ours)?))
    }

    /// A commit with both logs; ours or theirs itself when one holds all of the other.
    fn union(&self, repo: &Repository, ours: Oid, theirs: Oid) -> Result<(Oid, usize)> {
        let failed = || "Could not merge the board".to_owned();
        let (our_commit, their_commit) = (commit(repo, ours)?, commit(repo, theirs)?);
        let (our_tree, their_tree) = (tree(&our_commit)?, tree(&their_commit)?);
        // Their hand edits would be lost when their files are made again from the log.
        let base = repo.merge_base(ours, theirs).ok();
        let by_hand = branch::hand_edits(repo, base, theirs)?;
        let our_logs: BTreeMap<String, Oid> = blobs(&our_tree, "log/")?.into_iter().collect();
        let known: BTreeSet<String> = ops(repo, &our_tree)?.ops.into_iter().map(|o| o.id).collect();
        let mut lines = String::new();
        for (path, id) in blobs(&their_tree, "log/")? {
            if our_logs.get(&path) == Some(&id) {
                continue;
            }
            // Only what we do not have: one line more or less must not touch every card.
            for line in text(repo, id)?.lines() {
                let have = crate::model::ledger::Op::parse(line).is_ok_and(|op| known.contains(&op.id));
                if !have {
                    lines.push_str(line);
                    lines.push('\n');
                }
            }
        }
        for op in by_hand.iter().filter(|o| !known.contains(&o.id)) {
            lines.push_str(&op.to_line());
            lines.push('\n');
        }
        let lines = merge_text(&lines, "");
        let received = lines.lines().count();
        // Files of theirs that no log speaks of are kept.
        let foreign = self.foreign(repo, &our_tree, &their_tree)?;
        let (tree, _, _) = grow(repo, Some(&foreign), &lines, &BTreeSet::new())?;
        if tree.id() == their_tree.id() {
            return Ok((theirs, received));
        }
        let sign = signature(repo)?;
        let parents: [&Commit<'_>; 2] = [&our_commit, &their_commit];
        let message = format!("Merge {} of the board", crate::base::text::count(received as u64, "change"));
        let id = repo.commit(None, &sign, &sign, &message, &tree, &parents).io(failed)?;
        Ok((id, received))
    }

    /// Our tree with the files that only theirs has and that are neither log nor made from it.
    fn foreign<'r>(
        &self,
        repo: &'r Repository,
        ours: &git2::Tree<'r>,
        theirs: &git2::Tree<'r>,
    ) -> Result<git2::Tree<'r>> {
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, id) in blobs(theirs, "")? {
            let made = path.starts_with("log/") || crate::model::ledger::file::subject(&path).is_some();
            if !made && ours.get_path(std::path::Path::new(&path)).is_err() {
                update.upsert(path.as_str(), id, git2::FileMode::Blob);
            }
        }
        let made = update.create_updated(repo, ours).and_then(|id| repo.find_tree(id));
        made.io(|| "Could not merge the board".to_owned())
    }

    /// Fetches, merges and pushes, again while others push at the same time.
    pub fn sync(&self, remote: &str, cx: &JobCtx) -> Result<SyncReport> {
        let Home::Branch { git_dir, branch } = &self.home else {
            return Ok(SyncReport { outcome: Synced::NoRemote, received: 0 });
        };
        let repo = branch::open(git_dir)?;
        if repo.find_remote(remote).is_err() {
            return Ok(SyncReport { outcome: Synced::NoRemote, received: 0 });
        }
        let mut received = 0;
        for attempt in 0..8 {
            cx.check()?;
            cx.progress(None, format!("Fetching the board from {remote}"));
            fetch(git_dir, remote, branch, cx)?;
            let merged = self.merge_remote(remote)?;
            received += merged.received;
            let ours = head(&repo, &reference(branch))?;
            let theirs = head(&repo, &format!("refs/remotes/{remote}/{branch}"))?;
            let Some(ours) = ours else { return Ok(SyncReport { outcome: Synced::NoRemote, received }) };
            if theirs == Some(ours) {
                let outcome = if received > 0 { Synced::Received } else { Synced::Same };
                return Ok(SyncReport { outcome, received });
            }
            cx.check()?;
            if push(git_dir, remote, branch, cx)? {
                // The remote-tracking reference follows without another fetch.
                let _ = repo.reference(&format!("refs/remotes/{remote}/{branch}"), ours, true, "board: pushed");
                let outcome = if received > 0 { Synced::Merged } else { Synced::Sent };
                return Ok(SyncReport { outcome, received });
            }
            pause(attempt);
        }
        Err(Error::remote(format!("Could not push the board to {remote}: others were faster 8 times"))
            .hint("Sync again; nothing is lost"))
    }
}

/// Both directions go through the git command: it knows the person's keys, helpers and proxies.
const NEEDS_GIT: &str = "the board is fetched and pushed by git, with your own keys";
const KEPT: &str = "Your edits are kept here and go out with the next sync";

fn fetch(git_dir: &Path, remote: &str, branch: &str, cx: &JobCtx) -> Result<()> {
    let spec = format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}");
    let words =
        ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--", remote, &spec];
    let answer = command::run(git_dir, &words, b"", NEEDS_GIT, cx)?;
    // The remote has no board yet.
    if answer.ok || answer.err.contains("couldn't find remote ref") {
        return Ok(());
    }
    let what = format!("Could not fetch the board from {remote}");
    Err(Error::remote(what).because_of(answer.last_words()).hint(KEPT))
}

/// False when the remote's branch had moved on.
fn push(git_dir: &Path, remote: &str, branch: &str, cx: &JobCtx) -> Result<bool> {
    let spec = format!("refs/heads/{branch}:refs/heads/{branch}");
    // Hooks before a push look at code; this branch holds none.
    let words = ["push", "--porcelain", "--no-verify", "--no-recurse-submodules", "--", remote, &spec];
    let answer = command::run(git_dir, &words, b"", NEEDS_GIT, cx)?;
    if answer.ok {
        return Ok(true);
    }
    // `!` stands before a reference that was refused; these three say that another was faster.
    let busy = ["(fetch first)", "(non-fast-forward)", "(failed to update ref)", "cannot lock ref"];
    let refused = answer.out.lines().any(|l| l.starts_with('!') && busy.iter().any(|why| l.contains(why)));
    if refused {
        return Ok(false);
    }
    Err(Error::remote("Could not push the board").because_of(answer.last_words()).hint(KEPT))
}

//! Changes put aside and taken out again.
use git2::Oid;
use jiff::Timestamp;

use super::{GitContext, Repo, refusal::refusal};
use crate::{
    base::{Error, Result, job::JobCtx},
    model::git::{Rev, Stash},
};

/// What became of the changes that were taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    Clean,
    /// These files need a decision; the stash is kept.
    Conflicts(Vec<String>),
}

impl Repo {
    /// The stashes, newest first.
    pub fn stashes(&self, cx: &JobCtx) -> Result<Vec<Stash>> {
        let what = || "Could not read the stashes".to_owned();
        let Ok(log) = self.git.reflog("refs/stash") else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for (index, entry) in log.iter().enumerate() {
            cx.check()?;
            let Ok(commit) = self.git.find_commit(entry.id_new()) else { continue };
            let Ok(base) = commit.parent_id(0) else { continue };
            let said = entry.message_bytes().map(|m| String::from_utf8_lossy(m).into_owned()).unwrap_or_default();
            let (branch, message) = named(&said);
            let (old, new) = (self.git.find_commit(base).and_then(|c| c.tree()), commit.tree());
            let changed = match (old, new) {
                (Ok(old), Ok(new)) => {
                    self.git.diff_tree_to_tree(Some(&old), Some(&new), None).git(what)?.deltas().len()
                }
                _ => 0,
            };
            let fresh = commit.parent(2).and_then(|c| c.tree()).ok();
            let new_files = match &fresh {
                Some(tree) => self.git.diff_tree_to_tree(None, Some(tree), None).git(what)?.deltas().len(),
                None => 0,
            };
            all.push(Stash {
                index,
                id: commit.id().to_string(),
                message,
                branch,
                base: base.to_string(),
                untracked: fresh.is_some(),
                at: Timestamp::from_second(commit.time().seconds()).unwrap_or(Timestamp::UNIX_EPOCH),
                files: (changed + new_files) as u64,
            });
        }
        Ok(all)
    }

    /// Puts the changes aside; `untracked`: new files too. Gives none when there was nothing.
    pub fn stash(&self, message: &str, untracked: bool, cx: &JobCtx) -> Result<Option<Stash>> {
        let what = "Could not stash the changes";
        self.need_work()?;
        self.need_calm(what)?;
        if self.is_unborn()? {
            return Err(Error::user(what)
                .because_of("There is no commit yet to keep them against")
                .hint("Make a first commit, then stash"));
        }
        self.need_author()?;
        let before = self.stash_top();
        let mut words = vec!["stash", "push", "--quiet"];
        if untracked {
            words.push("--include-untracked");
        }
        let message = message.trim();
        if !message.is_empty() {
            words.extend(["-m", message]);
        }
        let answer = self.act(what, &words, cx)?;
        if self.stash_top() == before {
            tracing::debug!("nothing was stashed: {}", answer.last_words());
            return Ok(None);
        }
        Ok(self.stashes(cx)?.into_iter().next())
    }

    fn stash_top(&self) -> Option<Oid> {
        self.git.refname_to_id("refs/stash").ok()
    }

    /// The name git knows a stash by now: others may have come or gone since it was listed.
    fn stash_name(&self, id: &str, cx: &JobCtx) -> Result<String> {
        let found = self.stashes(cx)?.into_iter().find(|s| s.id == id);
        let stash = found.ok_or_else(|| Error::user("This stash is not in the list any more"))?;
        Ok(format!("stash@{{{}}}", stash.index))
    }

    /// Takes the changes out again; `keep`: the stash stays in the list.
    pub fn unstash(&self, id: &str, keep: bool, cx: &JobCtx) -> Result<Taken> {
        let what = "Could not take the changes out of the stash";
        self.need_work()?;
        self.need_calm(what)?;
        let name = self.stash_name(id, cx)?;
        let verb = if keep { "apply" } else { "pop" };
        // What was staged is staged again, where that is possible.
        let mut answer = self.call_merging(&["stash", verb, "--quiet", "--index", &name], cx)?;
        let open = |repo: &Self| repo.undecided();
        if !answer.ok && open(self)?.is_empty() {
            answer = self.call_merging(&["stash", verb, "--quiet", &name], cx)?;
        }
        if answer.ok {
            return Ok(Taken::Clean);
        }
        let files = open(self)?;
        if files.is_empty() { Err(refusal(what, &answer)) } else { Ok(Taken::Conflicts(files)) }
    }

    /// Takes a stash off the list; [`Repo::store_stash`] brings it back.
    pub fn drop_stash(&self, id: &str, cx: &JobCtx) -> Result<()> {
        let name = self.stash_name(id, cx)?;
        self.act("Could not drop the stash", &["stash", "drop", "--quiet", &name], cx).map(drop)
    }

    /// Puts a dropped stash back on the list.
    pub fn store_stash(&self, stash: &Stash, cx: &JobCtx) -> Result<()> {
        if self.stashes(cx)?.iter().any(|s| s.id == stash.id) {
            return Ok(());
        }
        let message = match &stash.branch {
            Some(branch) => format!("On {branch}: {}", stash.message),
            None => stash.message.clone(),
        };
        let words = ["stash", "store", "--quiet", "-m", &message, &stash.id];
        self.act("Could not bring the stash back", &words, cx).map(drop)
    }

    /// The two sides that show what a stash holds.
    pub fn stash_sides(stash: &Stash) -> (Rev, Rev) {
        (Rev::At(stash.base.clone()), Rev::Stash(stash.id.clone()))
    }
}

/// `On main: half done` or `WIP on main: 1a2b3c4 Summary`, as branch and words.
fn named(said: &str) -> (Option<String>, String) {
    let rest = said.strip_prefix("On ").or_else(|| said.strip_prefix("WIP on "));
    match rest.and_then(|r| r.split_once(": ")) {
        Some((branch, words)) if said.starts_with("WIP") => {
            let summary = words.split_once(' ').map_or(words, |(_, s)| s);
            (Some(branch.to_owned()), format!("Work on top of \u{201c}{summary}\u{201d}"))
        }
        Some((branch, words)) => (Some(branch.to_owned()), words.to_owned()),
        None => (None, said.to_owned()),
    }
}

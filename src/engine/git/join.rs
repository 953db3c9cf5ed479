//! Merging a branch into the current one.
use super::{GitContext, Repo, refusal::refusal};
use crate::{
    base::{Error, Result, job::JobCtx},
    model::git::{Head, MergePlan, Merged, Moved, Underway},
};

impl Repo {
    /// What merging `from` into the current branch would bring.
    pub fn merge_plan(&self, from: &str, cx: &JobCtx) -> Result<MergePlan> {
        let what = || format!("Could not look at {from}");
        self.need_work()?;
        self.need_calm(&format!("Could not merge {from}"))?;
        let theirs = self.commit_at(from)?.ok_or_else(|| Error::user(format!("{from} has no commit yet")))?;
        let ours = self.commit_at("HEAD")?;
        let into = self.head()?.label();
        let Some(ours) = ours else {
            let commits = self.log(from, 10_000, cx)?.len() as u64;
            return Ok(MergePlan { from: from.to_owned(), into, commits, files: 0, fast_forward: true });
        };
        let (_, behind) = self.git.graph_ahead_behind(ours.id(), theirs.id()).git(what)?;
        let base = self.git.merge_base(ours.id(), theirs.id()).ok();
        if base.is_none() {
            return Err(Error::user(format!("{from} has nothing in common with {into}"))
                .because_of("Their histories have no commit in common")
                .hint("If it is meant, merge on the command line: git merge --allow-unrelated-histories"));
        }
        let tree = |id| self.git.find_commit(id).and_then(|c| c.tree());
        let files = match base {
            Some(base) if behind > 0 => {
                let (old, new) = (tree(base).git(what)?, theirs.tree().git(what)?);
                self.git.diff_tree_to_tree(Some(&old), Some(&new), None).git(what)?.deltas().len() as u64
            }
            _ => 0,
        };
        let fast_forward = base == Some(ours.id());
        Ok(MergePlan { from: from.to_owned(), into, commits: behind as u64, files, fast_forward })
    }

    /// Merges `from` into the current branch. `commit`: with a merge commit even where the branch could move forward.
    pub fn merge(&self, from: &str, commit: bool, cx: &JobCtx) -> Result<(Merged, Option<Moved>)> {
        let what = format!("Could not merge {from}");
        self.need_work()?;
        self.need_calm(&what)?;
        let before = self.resolve("HEAD")?;
        let theirs = self.resolve(from)?.ok_or_else(|| Error::user(format!("{from} has no commit yet")))?;
        if matches!(self.head()?, Head::Detached { .. }) {
            return Err(Error::user(what)
                .because_of("HEAD is detached: no branch would follow the merge")
                .hint("Switch to a branch first"));
        }
        let forward = before.as_deref().is_none_or(|b| self.is_ancestor(b, &theirs));
        if commit || !forward {
            self.need_author()?;
        }
        let how = if commit { "--no-ff" } else { "--ff" };
        let answer = self.call_merging(&["merge", "--no-edit", "--quiet", "--no-squash", "--commit", how, from], cx)?;
        let after = self.resolve("HEAD")?;
        if !answer.ok {
            let open = self.undecided()?;
            if self.underway() == Underway::Merge && !open.is_empty() {
                return Ok((Merged::Conflicts(open), None));
            }
            if self.underway() == Underway::Merge {
                // A hook or a signature said no after all was merged: nothing half-done is left behind.
                let _ = self.call(&["merge", "--abort"], cx);
            }
            return Err(refusal(&what, &answer));
        }
        if before == after {
            return Ok((Merged::UpToDate, None));
        }
        let moved = before.zip(after.clone()).map(|(before, after)| Moved { before, after });
        Ok((if after == Some(theirs) { Merged::FastForward } else { Merged::Commit }, moved))
    }

    fn is_ancestor(&self, a: &str, b: &str) -> bool {
        let id = |s| git2::Oid::from_str(s).ok();
        id(a).zip(id(b)).is_some_and(|(a, b)| a == b || self.git.graph_descendant_of(b, a).unwrap_or(false))
    }
}

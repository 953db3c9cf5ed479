//! Branches made, switched, renamed, deleted. All of it by the git command, so that hooks, filters and what the person
//! has configured apply as they do on the command line.
use git2::{ErrorCode, Oid, StatusOptions};

use super::{
    GitContext, Repo,
    command::{Answer, Call},
    commit::bare,
    refusal::refusal,
};
use crate::{
    base::{Error, Result, job::JobCtx},
    model::git::{Deleted, Head, Moved, SwitchPlan, Target, Underway},
};

/// Why git is needed at all, for a machine without it.
pub(super) const BECAUSE: &str = "Branches, stashes, merges and remotes are left to git, with its hooks and filters";

/// Lines of a list that a dialog can show.
const SHOWN: usize = 200;

impl Repo {
    /// Runs git in the working tree; what it refuses becomes an error that begins with `what`.
    pub(super) fn act(&self, what: &str, words: &[&str], cx: &JobCtx) -> Result<Answer> {
        let answer = self.call(words, cx)?;
        if answer.ok { Ok(answer) } else { Err(refusal(what, &answer)) }
    }

    /// Runs git in the working tree.
    pub(super) fn call(&self, words: &[&str], cx: &JobCtx) -> Result<Answer> {
        let dir = self.git.workdir().unwrap_or(self.git.path());
        Call::new(dir, words, BECAUSE).run(cx)
    }

    /// An error while git is in the middle of something.
    pub(super) fn need_calm(&self, what: &str) -> Result<()> {
        let (name, way) = match self.underway() {
            Underway::Nothing | Underway::Bisect => return Ok(()),
            Underway::Merge => ("merge", "Commit the merge or abort it first"),
            Underway::Rebase => {
                ("rebase", "End it first, on the command line: git rebase --continue, or git rebase --abort")
            }
            Underway::CherryPick => {
                ("cherry-pick", "End it first, on the command line: git cherry-pick --continue, or --abort")
            }
            Underway::Revert => ("revert", "End it first, on the command line: git revert --continue, or --abort"),
            Underway::ApplyMailbox => ("git am", "End it first, on the command line: git am --continue, or --abort"),
        };
        Err(Error::user(what).because_of(format!("A {name} is underway here")).hint(way))
    }

    /// An error for a name git would not take.
    pub fn check_branch_name(&self, name: &str) -> Result<()> {
        let taken = self.git.find_branch(name, git2::BranchType::Local).is_ok();
        if taken {
            return Err(Error::user(format!("There already is a branch {name}")).hint("Choose another name"));
        }
        if name.starts_with(super::OWN_BRANCHES) {
            return Err(Error::user(format!("{name} cannot be a branch of yours"))
                .because_of(format!("Names below {} hold Andon's own board", super::OWN_BRANCHES)));
        }
        if name == "HEAD" || !git2::Branch::name_is_valid(name).unwrap_or(false) {
            return Err(Error::user(format!("{name} cannot be the name of a branch"))
                .because_of("A name has no spaces, no \"..\", none of ~ ^ : ? * [ \\, and does not begin with -")
                .hint("For example: fix/units"));
        }
        Ok(())
    }

    /// Makes a branch at `from` (a revision; empty: here) and, if wanted, switches to it.
    pub fn create_branch(&self, name: &str, from: &str, switch: bool, cx: &JobCtx) -> Result<()> {
        let what = format!("Could not make the branch {name}");
        self.check_branch_name(name)?;
        let unborn = matches!(self.head()?, Head::Unborn { .. });
        if unborn && (from.is_empty() || from == "HEAD") {
            if self.git.is_bare() {
                return Err(bare());
            }
            // Nothing to branch off yet: HEAD itself takes the name.
            return self.act(&what, &["symbolic-ref", "HEAD", &format!("refs/heads/{name}")], cx).map(drop);
        }
        let from = if from.is_empty() { "HEAD" } else { from };
        let commit = self.resolve(from)?.ok_or_else(|| Error::user(format!("{from} has no commit yet")))?;
        if switch {
            self.need_work()?;
            self.need_calm(&what)?;
            return self.act(&what, &["switch", "--quiet", "--no-track", "-c", name, &commit], cx).map(drop);
        }
        self.act(&what, &["branch", "--no-track", "--", name, &commit], cx).map(drop)
    }

    /// Gives a branch another name; what it follows stays.
    pub fn rename_branch(&self, from: &str, to: &str, cx: &JobCtx) -> Result<()> {
        if from == to {
            return Ok(());
        }
        self.check_branch_name(to)?;
        self.act(&format!("Could not rename {from}"), &["branch", "-m", "--", from, to], cx).map(drop)
    }

    /// What would be lost with a branch.
    pub fn delete_plan(&self, name: &str, cx: &JobCtx) -> Result<Deleted> {
        let what = || format!("Could not look at the branch {name}");
        let branch = match self.git.find_branch(name, git2::BranchType::Local) {
            Ok(branch) => branch,
            Err(e) if e.code() == ErrorCode::NotFound => {
                return Err(Error::user(format!("There is no branch {name} any more")));
            }
            Err(e) => return Err(super::wrap(what(), &e)),
        };
        if branch.is_head() {
            return Err(Error::user(format!("{name} is the current branch")).hint("Switch to another one first"));
        }
        let commit = branch.get().peel_to_commit().git(what)?.id();
        let upstream = branch.upstream().ok().and_then(|u| u.name().ok().flatten().map(str::to_owned));
        let own = format!("refs/heads/{name}");
        let lost = self.only_reached_by(commit, &own, cx)?;
        let mut only_here = Vec::new();
        for id in lost.iter().take(5) {
            only_here.push(self.info(&self.git.find_commit(*id).git(what)?)?.summary);
        }
        let only_here_count = lost.len() as u64;
        Ok(Deleted { name: name.to_owned(), commit: commit.to_string(), upstream, only_here, only_here_count })
    }

    /// Commits below `from` that no reference but `own` reaches, newest first; HEAD counts as one unless it is `own`.
    fn only_reached_by(&self, from: Oid, own: &str, cx: &JobCtx) -> Result<Vec<Oid>> {
        let what = || "Could not read the history".to_owned();
        let mut walk = self.git.revwalk().git(what)?;
        walk.push(from).git(what)?;
        for reference in self.git.references().git(what)?.flatten() {
            let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
            if name != own
                && name != "refs/stash"
                && let Ok(commit) = reference.peel_to_commit()
            {
                let _ = walk.hide(commit.id());
            }
        }
        if own != "HEAD"
            && let Some(head) = self.commit_at("HEAD")?
        {
            let _ = walk.hide(head.id());
        }
        let mut all = Vec::new();
        for id in walk.take(10_000) {
            cx.check()?;
            all.push(id.git(what)?);
        }
        Ok(all)
    }

    /// Deletes a branch that stands at `commit`; elsewhere it stays, since somebody has worked on it.
    pub fn delete_branch(&self, plan: &Deleted, cx: &JobCtx) -> Result<()> {
        let now = self.delete_plan(&plan.name, cx)?;
        if now.commit != plan.commit {
            return Err(Error::user(format!("{} has moved since you were asked", plan.name)).hint("Look again"));
        }
        self.act(&format!("Could not delete {}", plan.name), &["branch", "-D", "--", &plan.name], cx).map(drop)
    }

    /// Brings a deleted branch back as it was.
    pub fn restore_branch(&self, plan: &Deleted, cx: &JobCtx) -> Result<()> {
        self.check_branch_name(&plan.name)?;
        let what = format!("Could not bring {} back", plan.name);
        self.act(&what, &["branch", "--no-track", "--", &plan.name, &plan.commit], cx)?;
        if let Some(upstream) = &plan.upstream {
            // Its remote branch may be gone by now; the branch itself is what matters.
            let _ = self.call(&["branch", &format!("--set-upstream-to={upstream}"), "--", &plan.name], cx)?;
        }
        Ok(())
    }

    /// What switching would do to the files.
    pub fn switch_plan(&self, to: &Target, cx: &JobCtx) -> Result<SwitchPlan> {
        let what = || format!("Could not look at {}", to.label());
        self.need_work()?;
        self.need_calm(&format!("Could not switch to {}", to.label()))?;
        let there = self.commit_at(self.local_of(to).as_deref().unwrap_or(to.name()))?;
        let there = there.ok_or_else(|| Error::user(format!("{} has no commit yet", to.label())))?;
        let here = self.commit_at("HEAD")?;
        let (old, new) = (here.as_ref().map(|c| c.tree().git(what)).transpose()?, there.tree().git(what)?);
        let diff = self.git.diff_tree_to_tree(old.as_ref(), Some(&new), None).git(what)?;
        let path = |f: git2::DiffFile<'_>| f.path_bytes().map(|b| String::from_utf8_lossy(b).into_owned());
        let mut differ: Vec<String> =
            diff.deltas().filter_map(|d| path(d.new_file()).or_else(|| path(d.old_file()))).collect();
        differ.sort();
        differ.dedup();
        let mut plan = SwitchPlan {
            to: to.clone(),
            dirty: Vec::new(),
            blocked: Vec::new(),
            covered: Vec::new(),
            differ: Vec::new(),
            orphans: 0,
        };
        for (file, untracked) in self.dirty_files(cx)? {
            let touched = differ.binary_search(&file).is_ok();
            match (untracked, touched) {
                (true, true) => plan.covered.push(file),
                (true, false) => {}
                (false, touched) => {
                    if touched {
                        plan.blocked.push(file.clone());
                    }
                    plan.dirty.push(file);
                }
            }
        }
        plan.differ = differ.iter().filter_map(|p| self.outer(p).map(str::to_owned)).take(5_000).collect();
        for list in [&mut plan.dirty, &mut plan.blocked, &mut plan.covered] {
            list.truncate(SHOWN);
        }
        if let (Head::Detached { .. }, Some(here)) = (self.head()?, &here)
            && here.id() != there.id()
        {
            let left = self.only_reached_by(here.id(), "HEAD", cx)?;
            let kept = |id: &Oid| *id == there.id() || self.git.graph_descendant_of(there.id(), *id).unwrap_or(false);
            plan.orphans = left.iter().filter(|id| !kept(id)).count() as u64;
        }
        Ok(plan)
    }

    /// Files of the whole repository that are not as the last commit has them, and whether git does not know them.
    pub(super) fn dirty_files(&self, cx: &JobCtx) -> Result<Vec<(String, bool)>> {
        cx.check()?;
        let mut options = StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).exclude_submodules(true).include_ignored(false);
        let list = self.git.statuses(Some(&mut options)).git(|| "Could not read the state of the files".into())?;
        let own = |p: &str| p == ".andon" || p.starts_with(".andon/") || p.contains("/.andon/");
        let all = list.iter().map(|e| (String::from_utf8_lossy(e.path_bytes()).into_owned(), e.status().is_wt_new()));
        Ok(all.filter(|(p, _)| !own(p)).collect())
    }

    /// The branch here that a remote one stands for, when there is one already.
    fn local_of(&self, to: &Target) -> Option<String> {
        let Target::Remote(name) = to else { return None };
        let local = name.split_once('/').map_or(name.as_str(), |(_, rest)| rest);
        self.git.find_branch(local, git2::BranchType::Local).is_ok().then(|| local.to_owned())
    }

    /// Switches; gives where one was before.
    pub fn switch(&self, to: &Target, cx: &JobCtx) -> Result<Target> {
        let what = format!("Could not switch to {}", to.label());
        self.need_work()?;
        self.need_calm(&what)?;
        let back = match self.head()? {
            Head::Branch { branch, .. } | Head::Unborn { branch } => Target::Branch(branch),
            Head::Detached { commit } => Target::Detached(commit),
            Head::None => return Err(Error::user("There is no repository here")),
        };
        let local = self.local_of(to);
        match (to, &local) {
            (Target::Branch(name), _) | (Target::Remote(_), Some(name)) => {
                self.act(&what, &["switch", "--quiet", "--no-guess", name], cx)?
            }
            (Target::Remote(name), None) => self.act(&what, &["switch", "--quiet", "--track", name], cx)?,
            (Target::Detached(name), _) => self.act(&what, &["switch", "--quiet", "--detach", name], cx)?,
        };
        Ok(back)
    }

    /// Takes a move of the current branch back, if nothing came after; changes that are not committed stay, or git
    /// refuses.
    pub fn move_back(&self, moved: &Moved, cx: &JobCtx) -> Result<()> {
        let what = "Could not take it back";
        self.need_work()?;
        self.need_calm(what)?;
        if self.resolve("HEAD")?.as_deref() != Some(moved.after.as_str()) {
            return Err(Error::user(what).because_of("The branch has moved on since"));
        }
        self.act(what, &["reset", "--quiet", "--keep", &moved.before], cx).map(drop)
    }

    pub(super) fn need_work(&self) -> Result<()> {
        if self.git.is_bare() { Err(bare()) } else { Ok(()) }
    }
}

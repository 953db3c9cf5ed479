//! Staging and committing chosen files, leaving everything else that is staged as it is.
use std::{fs, io::Write, path::Path};

use git2::{ErrorCode, Index, IndexEntry};

use super::{Asks, GitContext, Repo, command, refusal::refusal, wrap};
use crate::{
    base::{Error, Result, error::Context, job::JobCtx},
    model::{
        git::{CommitInfo, Head, Underway},
        merge::is_marked,
    },
};

impl Repo {
    /// Puts the present state of these files into the index: additions, changes, deletions, decided conflicts.
    pub fn stage(&self, paths: &[String], cx: &JobCtx) -> Result<()> {
        self.need_work_tree()?;
        if !self.commit_runs_filters(paths).is_empty() {
            return self.git_command(&["add", "--all"], paths, None, cx).map(drop);
        }
        let mut index = self.index()?;
        for path in paths {
            cx.check()?;
            let inner = self.inner(path);
            let inner = Path::new(&inner);
            if fs::symlink_metadata(self.root.join(path)).is_ok() {
                index.add_path(inner).git(|| format!("Could not stage {path}"))?;
            } else {
                index.remove_path(inner).git(|| format!("Could not stage the deletion of {path}"))?;
            }
        }
        index.write().git(|| "Could not write the index".into())
    }

    /// Takes these files back out of the index; the files on disk stay as they are.
    pub fn unstage(&self, paths: &[String]) -> Result<()> {
        self.need_work_tree()?;
        let inner: Vec<String> = paths.iter().map(|p| self.inner(p)).collect();
        match self.commit_at("HEAD")? {
            Some(commit) => self
                .git
                .reset_default(Some(commit.as_object()), inner.iter())
                .git(|| "Could not unstage the files".into()),
            None => {
                let mut index = self.index()?;
                for path in &inner {
                    index.remove_path(Path::new(path)).git(|| format!("Could not unstage {path}"))?;
                }
                index.write().git(|| "Could not write the index".into())
            }
        }
    }

    /// Commits the present state of these files and of no others, whatever else is staged. Hooks, filters and
    /// signing run as `git commit` runs them.
    pub fn commit(&self, message: &str, paths: &[String], cx: &JobCtx) -> Result<CommitInfo> {
        self.commit_asking(message, paths, None, cx)
    }

    /// The same, with somebody who unlocks a signing key.
    pub fn commit_asking(
        &self,
        message: &str,
        paths: &[String],
        asks: Option<&Asks>,
        cx: &JobCtx,
    ) -> Result<CommitInfo> {
        self.need_work_tree()?;
        let message = git2::message_prettify(message.trim(), None).git(|| "The message cannot be used".into())?;
        if message.trim().is_empty() {
            return Err(Error::user("A commit needs a message").hint("Say in a line what changed and why"));
        }
        if paths.is_empty() && self.underway() != Underway::Merge {
            return Err(Error::user("No file is chosen for the commit").hint("Tick at least one file"));
        }
        let paths = self.with_old_names(paths, cx)?;
        self.check_undecided(&paths)?;
        self.need_author()?;
        match self.underway() {
            Underway::Nothing | Underway::Bisect => {}
            Underway::Merge => return self.commit_merge(&message, &paths, asks, cx),
            other => {
                return Err(Error::user(format!("A {} is underway here", other.word()))
                    .hint("Finish or abort it on the command line, then commit"));
            }
        }
        if !self.commit_runs(paths.iter().map(String::as_str)).is_empty() {
            return self.commit_by_command(&message, &paths, asks, cx);
        }
        self.stage(&paths, cx)?;
        let tree = self.tree_with(&paths)?;
        let head = self.commit_at("HEAD")?;
        if head.as_ref().is_some_and(|c| c.tree_id() == tree) {
            return Err(nothing_to_commit());
        }
        let tree = self.git.find_tree(tree).git(|| "Could not read the new tree".into())?;
        let author = self.git.author_from_env().git(|| "Could not read the author".into())?;
        let committer = self.git.committer_from_env().git(|| "Could not read the committer".into())?;
        let parents: Vec<_> = head.iter().collect();
        let id = self.git.commit(Some("HEAD"), &author, &committer, &message, &tree, &parents).map_err(|e| match e
            .code()
        {
            ErrorCode::Modified => {
                wrap("The branch moved while the commit was made", &e).hint("Look at the new state, then commit")
            }
            _ => wrap("Could not make the commit", &e),
        })?;
        self.info(&self.git.find_commit(id).git(|| "Could not read the new commit".into())?)
    }

    /// The tree of the last commit with these paths as the index has them.
    fn tree_with(&self, paths: &[String]) -> Result<git2::Oid> {
        let what = || "Could not build the new tree".to_owned();
        let mut next = Index::new().git(what)?;
        if let Some(commit) = self.commit_at("HEAD")? {
            next.read_tree(&commit.tree().git(what)?).git(what)?;
        }
        let index = self.index()?;
        for path in paths {
            let inner = self.inner(path);
            match index.get_path(Path::new(&inner), 0) {
                Some(entry) => next.add(&IndexEntry { flags: 0, flags_extended: 0, ..entry }).git(what)?,
                None => next.remove_path(Path::new(&inner)).git(what)?,
            }
        }
        next.write_tree_to(&self.git).git(what)
    }

    /// A merge is committed whole: git knows no commit of a part of it.
    fn commit_merge(&self, message: &str, paths: &[String], asks: Option<&Asks>, cx: &JobCtx) -> Result<CommitInfo> {
        if !paths.is_empty() {
            self.stage(paths, cx)?;
        }
        if self.index()?.has_conflicts() {
            return Err(Error::user("Some files still have conflicts")
                .hint("Decide them, then commit; git commits a merge as a whole"));
        }
        self.run_commit(message, &["commit"], &[], asks, cx)
    }

    fn commit_by_command(
        &self,
        message: &str,
        paths: &[String],
        asks: Option<&Asks>,
        cx: &JobCtx,
    ) -> Result<CommitInfo> {
        // `commit --only` refuses paths that git does not know, so new files are added first, and taken back if
        // a hook says no.
        let index = self.index()?;
        let fresh: Vec<String> =
            paths.iter().filter(|p| index.get_path(Path::new(&self.inner(p)), 0).is_none()).cloned().collect();
        let present: Vec<String> =
            fresh.iter().filter(|p| fs::symlink_metadata(self.root.join(p)).is_ok()).cloned().collect();
        if !present.is_empty() {
            self.git_command(&["add", "--force"], &present, None, cx)?;
        }
        // A deletion that is staged already is unknown to the index, but known to the last commit.
        let result = self.run_commit(message, &["commit", "--only"], paths, asks, cx);
        if result.is_err() && !present.is_empty() {
            let _ = self.unstage(&present);
        }
        result
    }

    fn run_commit(
        &self,
        message: &str,
        words: &[&str],
        paths: &[String],
        asks: Option<&Asks>,
        cx: &JobCtx,
    ) -> Result<CommitInfo> {
        let mut file = tempfile::NamedTempFile::new().io(|| "Could not write the message to a file".into())?;
        file.write_all(message.as_bytes()).io(|| "Could not write the message to a file".into())?;
        let name = file.path().to_string_lossy().into_owned();
        let mut words = words.to_vec();
        words.extend(["--quiet", "--cleanup=whitespace", "-F", &name]);
        self.git_command(&words, paths, asks, cx)?;
        let commit = self.commit_at("HEAD")?.ok_or_else(|| Error::bug("git committed, but HEAD has no commit"))?;
        self.info(&commit)
    }

    /// Runs the git command in the working tree; the paths go in on stdin, so that any number and any letter is
    /// safe. Gives what it printed.
    fn git_command(&self, words: &[&str], paths: &[String], asks: Option<&Asks>, cx: &JobCtx) -> Result<String> {
        let work = self.git.workdir().ok_or_else(bare)?;
        let mut all = vec!["--literal-pathspecs"];
        all.extend(words);
        let mut list = Vec::new();
        if !paths.is_empty() {
            all.extend(["--pathspec-from-file=-", "--pathspec-file-nul"]);
            list.extend(paths.iter().flat_map(|p| [self.inner(p).as_bytes(), b"\0"].concat()));
        }
        let because = "this commit has hooks, filters or a signature, which git itself must run";
        let answer = command::Call::new(work, &all, because).input(&list).asks(asks).run(cx)?;
        if answer.ok {
            return Ok(answer.out);
        }
        let said = answer.last_words();
        if said.contains("nothing to commit") || said.contains("no changes added to commit") {
            return Err(nothing_to_commit());
        }
        let what = if words.first() == Some(&"commit") { "git refused the commit" } else { "git refused" };
        let error = refusal(what, &answer);
        Err(if error.hint.is_some() { error } else { error.hint("Mend what it names, then try again") })
    }

    /// Files that take part in a rename bring their old name, so that the deletion is committed too.
    pub(super) fn with_old_names(&self, paths: &[String], cx: &JobCtx) -> Result<Vec<String>> {
        let mut all: Vec<String> = paths.to_vec();
        if paths.iter().any(|p| p.split('/').any(|part| part == ".git" || part == "..") || p.starts_with('/')) {
            return Err(Error::user("Only files of the workspace can be meant"));
        }
        for file in self.status(cx)?.files {
            if let Some(old) = file.old_path
                && paths.contains(&file.path)
            {
                all.push(old);
            }
        }
        all.sort();
        all.dedup();
        Ok(all)
    }

    fn check_undecided(&self, paths: &[String]) -> Result<()> {
        let index = self.index()?;
        if !index.has_conflicts() {
            return Ok(());
        }
        for path in paths {
            let text = fs::read(self.root.join(path)).unwrap_or_default();
            let inner = self.inner(path);
            if is_marked(&text) && (1..=3).any(|stage| index.get_path(Path::new(&inner), stage).is_some()) {
                return Err(Error::user(format!("{path} still has conflict marks"))
                    .hint("Decide the conflicts in it, then commit"));
            }
        }
        Ok(())
    }

    pub(super) fn need_author(&self) -> Result<()> {
        let missing = |key: &str, example: &str| {
            Error::user(format!("git does not know your {}", if key == "user.name" { "name" } else { "address" }))
                .because_of(format!("{key} is not set"))
                .hint(format!("Set it once with: git config --global {key} \"{example}\""))
        };
        match self.git.author_from_env() {
            Ok(s) if s.name().is_ok_and(|n| !n.trim().is_empty()) => {
                if s.email().is_ok_and(|e| !e.trim().is_empty()) {
                    Ok(())
                } else {
                    Err(missing("user.email", "mara@example.org"))
                }
            }
            _ => {
                let config = self.git.config().ok();
                let has = |key: &str| {
                    config.as_ref().and_then(|c| c.get_string(key).ok()).is_some_and(|v| !v.trim().is_empty())
                };
                if has("user.name") {
                    Err(missing("user.email", "mara@example.org"))
                } else {
                    Err(missing("user.name", "Mara Okafor"))
                }
            }
        }
    }

    fn commit_runs_filters(&self, paths: &[String]) -> Vec<String> {
        let mut runs = self.commit_runs(paths.iter().map(String::as_str));
        runs.retain(|r| r.ends_with(" filter") || r.ends_with(" encoding filter"));
        runs
    }

    fn need_work_tree(&self) -> Result<()> {
        if self.git.is_bare() { Err(bare()) } else { Ok(()) }
    }

    pub(super) fn index(&self) -> Result<Index> {
        let mut index = self.git.index().git(|| "Could not read the index".into())?;
        // git itself may have written it since this repository was opened.
        index.read(false).git(|| "Could not read the index".into())?;
        Ok(index)
    }

    /// True before the first commit.
    pub fn is_unborn(&self) -> Result<bool> {
        Ok(matches!(self.head()?, Head::Unborn { .. }))
    }
}

fn nothing_to_commit() -> Error {
    Error::user("There is nothing to commit").because_of("the chosen files are as the last commit has them")
}

pub(super) fn bare() -> Error {
    Error::user("This repository is bare: it has no files to work on").hint("Open a clone of it")
}

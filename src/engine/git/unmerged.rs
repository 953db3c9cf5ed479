//! Files in conflict: their three versions, who the sides are, taking a merge back and bringing it to its end.
use std::fs;

use git2::{IndexConflict, IndexEntry, MergeFileInput, MergeFileOptions};

use super::{GitContext, Repo, command};
use crate::{
    base::{Error, Result, job::JobCtx},
    model::{
        diff::is_notebook,
        git::{CommitInfo, Underway, short},
        merge::{Merged, Names, merge, without_names},
        notebook::Notebook,
        settle,
        unmerged::{SideName, Situation, Unmerged},
    },
};

/// A file in the base, on our side and on theirs; none where it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stages {
    pub base: Option<Vec<u8>>,
    pub ours: Option<Vec<u8>>,
    pub theirs: Option<Vec<u8>>,
    /// A link or a submodule: no file whose contents could be merged.
    pub special: bool,
}

impl Repo {
    /// What is under way here and which files wait for a decision.
    pub fn situation(&self) -> Result<Situation> {
        let underway = self.underway();
        let mut all = Situation { underway, ..Situation::default() };
        (all.files, all.elsewhere) = self.unmerged()?;
        if underway == Underway::Nothing && all.files.is_empty() {
            return Ok(all);
        }
        all.ours = self.our_side(underway)?;
        all.theirs = self.their_side(underway)?;
        let commits = all.ours.commit.as_ref().zip(all.theirs.commit.as_ref());
        if let Some((ours, theirs)) = commits {
            let base = match underway {
                // What such a commit changed is measured against the commit before it.
                Underway::CherryPick | Underway::Rebase => theirs.parents.first().cloned(),
                Underway::Revert => Some(theirs.id.clone()),
                _ => self.merge_base(&ours.id, &theirs.id)?,
            };
            all.base = base.and_then(|id| self.commit_info(&id));
        }
        Ok(all)
    }

    /// Files of the workspace whose conflict nobody has decided, sorted by path, and how many there are outside of it.
    fn unmerged(&self) -> Result<(Vec<Unmerged>, u64)> {
        let (mut files, mut elsewhere) = (Vec::new(), 0);
        for conflict in self.conflicts()? {
            let Some(path) = path_of(&conflict) else { continue };
            let has = [conflict.ancestor.is_some(), conflict.our.is_some(), conflict.their.is_some()];
            match self.outer(&path) {
                Some(path) => files.push(Unmerged { path: path.to_owned(), has }),
                None => elsewhere += 1,
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok((files, elsewhere))
    }

    /// Paths of the workspace whose conflict nobody has decided; where there is one outside of it only, its path in the
    /// repository.
    pub(super) fn undecided(&self) -> Result<Vec<String>> {
        let (files, elsewhere) = self.unmerged()?;
        if files.is_empty() && elsewhere > 0 {
            return Ok(self.conflicts()?.iter().filter_map(path_of).collect());
        }
        Ok(files.into_iter().map(|f| f.path).collect())
    }

    fn conflicts(&self) -> Result<Vec<IndexConflict>> {
        if self.git.is_bare() {
            return Ok(Vec::new());
        }
        let what = || "Could not read the conflicts from the index".to_owned();
        let index = self.index()?;
        if !index.has_conflicts() {
            return Ok(Vec::new());
        }
        index.conflicts().git(what)?.map(|c| c.git(what)).collect()
    }

    /// The three versions of a file in conflict; none when git has no conflict in it.
    pub fn stages(&self, path: &str) -> Result<Option<Stages>> {
        let inner = self.inner(path);
        let found = self.conflicts()?.into_iter().find(|c| path_of(c).as_deref() == Some(inner.as_str()));
        let Some(conflict) = found else { return Ok(None) };
        let all = [&conflict.ancestor, &conflict.our, &conflict.their];
        let special = all.iter().filter_map(|e| e.as_ref()).any(|e| !matches!(e.mode, 0o100_644 | 0o100_755));
        let read = |entry: &Option<IndexEntry>| -> Result<Option<Vec<u8>>> {
            let Some(entry) = entry else { return Ok(None) };
            if entry.mode == 0o160_000 {
                return Ok(Some(entry.id.to_string().into_bytes()));
            }
            let blob = self.git.find_blob(entry.id).git(|| format!("Could not read {path}"))?;
            self.out_of_lfs(path, blob.content()).map(Some)
        };
        let (base, ours, theirs) = (read(&conflict.ancestor)?, read(&conflict.our)?, read(&conflict.their)?);
        Ok(Some(Stages { base, ours, theirs, special }))
    }

    /// A notebook of the working tree that git's own marks tear, as its three versions merge by cells; none for whatever
    /// else a file holds, and where git has no versions of it.
    pub fn untorn(&self, path: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        if !is_notebook(path) || !settle::is_torn(bytes) {
            return None;
        }
        let stages = self.stages(path).ok().flatten()?;
        self.merged_stages(stages).ok().map(|m| m.bytes)
    }

    /// The versions of a notebook in conflict, merged by cells.
    pub fn merged_stages(&self, stages: Stages) -> Result<Merged> {
        let (Some(ours), Some(theirs)) = (stages.ours, stages.theirs) else {
            return Err(
                Error::user("One side deleted the notebook").hint("Take one side: andon merge --take local FILE")
            );
        };
        let base = stages.base.unwrap_or_else(|| Notebook::new_empty().to_bytes());
        merge(base, ours, theirs, Names { local: "ours", remote: "theirs" })
    }

    fn commit_info(&self, spec: &str) -> Option<CommitInfo> {
        self.commit_at(spec).ok().flatten().and_then(|c| self.info(&c).ok())
    }

    fn our_side(&self, underway: Underway) -> Result<SideName> {
        let commit = self.commit_info("HEAD");
        if underway == Underway::Rebase
            && let Some(onto) = self.note("rebase-merge/onto").or_else(|| self.note("rebase-apply/onto"))
        {
            return Ok(SideName { label: self.name_of(&onto), commit });
        }
        let mut label = self.head()?.label();
        if label.starts_with("detached") {
            label = commit.as_ref().map_or(label, |c| c.short().to_owned());
        }
        Ok(SideName { label, commit })
    }

    fn their_side(&self, underway: Underway) -> Result<SideName> {
        let at = |file: &str| self.note(file).and_then(|id| id.lines().next().map(str::to_owned));
        let id = match underway {
            Underway::Merge => at("MERGE_HEAD"),
            Underway::CherryPick => at("CHERRY_PICK_HEAD"),
            Underway::Revert => at("REVERT_HEAD"),
            Underway::Rebase => at("REBASE_HEAD").or_else(|| at("rebase-merge/stopped-sha")),
            _ => {
                // Popping a stash leaves no word of itself but the stash.
                let stash = self.commit_info("refs/stash");
                let label = if stash.is_some() { "the stash" } else { "the other version" };
                return Ok(SideName { label: label.to_owned(), commit: stash });
            }
        };
        let Some(id) = id else { return Ok(SideName { label: "the other version".to_owned(), commit: None }) };
        let commit = self.commit_info(&id);
        let label = match underway {
            Underway::Merge => self.merged_name().unwrap_or_else(|| self.name_of(&id)),
            Underway::Rebase => {
                let branch = self.note("rebase-merge/head-name");
                let branch = branch.as_deref().and_then(|b| b.trim().strip_prefix("refs/heads/"));
                branch.map_or_else(|| short(&id).to_owned(), str::to_owned)
            }
            _ => short(&id).to_owned(),
        };
        Ok(SideName { label, commit })
    }

    /// The name in git's own proposal: `Merge branch 'x'`, `Merge remote-tracking branch 'origin/x'`.
    fn merged_name(&self) -> Option<String> {
        let message = self.git.message().ok()?;
        let first = message.lines().next()?;
        let (_, rest) = first.strip_prefix("Merge ")?.split_once('\'')?;
        rest.split_once('\'').map(|(name, _)| name.to_owned())
    }

    /// A branch that stands at this commit, or its first digits.
    fn name_of(&self, id: &str) -> String {
        let id = id.trim();
        let refs = self.refs().unwrap_or_default();
        refs.into_iter().find(|r| r.commit == id).map_or_else(|| short(id).to_owned(), |r| r.name)
    }

    /// A line that git notes about what is under way.
    fn note(&self, file: &str) -> Option<String> {
        let text = fs::read_to_string(self.git.path().join(file)).ok()?;
        Some(text.trim().to_owned()).filter(|t| !t.is_empty())
    }

    /// The message git proposes for what is under way, without its comments.
    pub fn proposed_message(&self) -> Option<String> {
        let text = self.git.message().ok()?;
        // git's own comments only: a heading of a person begins with a # as well.
        let lines = text.lines().take_while(|l| !l.starts_with("# Conflicts:") && !l.starts_with("#\t"));
        let text = git2::message_prettify(lines.collect::<Vec<_>>().join("\n"), None).ok()?;
        Some(text.trim().to_owned()).filter(|t| !t.is_empty())
    }

    /// Takes one side of a link or a submodule, as git does it.
    pub fn take_side(&self, path: &str, ours: bool, cx: &JobCtx) -> Result<()> {
        let Some(work) = self.git.workdir() else { return Err(Error::user("This repository is bare")) };
        let inner = self.inner(path);
        let side = if ours { "--ours" } else { "--theirs" };
        for words in [&["checkout", side, "--", &inner][..], &["add", "--", &inner]] {
            let answer = command::run(work, words, b"", "taking a link is git's own work", cx)?;
            if !answer.ok {
                return Err(Error::user(format!("git could not take {path}")).because_of(answer.last_words()));
            }
        }
        Ok(())
    }

    /// Takes back what git has begun: the files go back to how they were before it.
    pub fn abort(&self, cx: &JobCtx) -> Result<()> {
        self.by_command("--abort", cx)
    }

    /// Goes on with a rebase, a cherry-pick or a revert whose conflicts are decided.
    pub fn go_on(&self, cx: &JobCtx) -> Result<()> {
        self.by_command("--continue", cx)
    }

    fn by_command(&self, word: &str, cx: &JobCtx) -> Result<()> {
        let situation = Situation { underway: self.underway(), ..Situation::default() };
        let Some(verb) = situation.verb() else {
            return Err(
                Error::user("Nothing is under way here").because_of("git knows of no merge, rebase or the like")
            );
        };
        if self.git.workdir().is_none() {
            return Err(Error::user("This repository is bare"));
        }
        let answer = self.call_merging(&[verb, word], cx)?;
        if answer.ok {
            return Ok(());
        }
        // The next commit of a rebase may have conflicts of its own: that is how it goes on.
        if word == "--continue" && !self.conflicts()?.is_empty() {
            return Ok(());
        }
        Err(Error::user(format!("git {verb} {word} failed")).because_of(answer.last_words()))
    }
}

/// True when a text with marks is, but for the names in them, what git makes of the three versions. What git makes
/// depends on its version and settings, so that the opposite says less.
pub fn is_as_git_left_it(now: &str, [base, ours, theirs]: [&str; 3]) -> bool {
    fn input(text: &str) -> MergeFileInput<'_> {
        let mut input = MergeFileInput::new();
        input.content(text.as_bytes());
        input
    }
    let now = without_names(now);
    let all = [input(base), input(ours), input(theirs)];
    let ways = [false, true].into_iter().flat_map(|alnum| [false, true].map(|patience| (alnum, patience)));
    ways.into_iter().any(|(alnum, patience)| {
        (0..3).any(|style| {
            let mut options = MergeFileOptions::new();
            options.simplify_alnum(alnum).patience(patience);
            options.style_diff3(style == 1).style_zdiff3(style == 2);
            let [base, ours, theirs] = &all;
            let made = git2::merge_file(base, ours, theirs, Some(&mut options));
            made.is_ok_and(|m| std::str::from_utf8(m.content()).is_ok_and(|text| without_names(text) == now))
        })
    })
}

fn path_of(conflict: &IndexConflict) -> Option<String> {
    let entry = conflict.our.as_ref().or(conflict.their.as_ref()).or(conflict.ancestor.as_ref())?;
    Some(String::from_utf8_lossy(&entry.path).into_owned())
}

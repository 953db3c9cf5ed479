//! Commits, the history of a file, branches and tags.
use std::{
    collections::{BinaryHeap, HashMap},
    path::Path,
    sync::Arc,
};

use git2::{BranchType, Commit, Oid, Sort};
use jiff::Timestamp;

use super::{GitContext, OWN_BRANCHES, Repo};
use crate::{
    base::{Result, job::JobCtx},
    model::{
        blame::Version,
        diff::{Document, NotebookDiff, is_notebook},
        git::{Author, Change, CommitInfo, FileVersion, RefInfo, RefKind, Rev},
    },
};

/// A version of a notebook and the commit that made it.
#[derive(Debug, Clone)]
pub struct NotebookVersion {
    pub file: FileVersion,
    pub version: Version,
}

impl Repo {
    /// The commits that `rev` reaches, newest first; none before the first commit.
    pub fn log(&self, rev: &str, limit: usize, cx: &JobCtx) -> Result<Vec<CommitInfo>> {
        let Some(from) = self.commit_at(rev)? else { return Ok(Vec::new()) };
        self.walk(from.id(), None, limit, cx)
    }

    /// The commits that `to` reaches and `from` does not, newest first.
    pub fn commits_between(&self, from: &str, to: &str, limit: usize, cx: &JobCtx) -> Result<Vec<CommitInfo>> {
        let Some(to) = self.commit_at(to)? else { return Ok(Vec::new()) };
        let hide = self.commit_at(from)?.map(|c| c.id());
        self.walk(to.id(), hide, limit, cx)
    }

    fn walk(&self, from: Oid, hide: Option<Oid>, limit: usize, cx: &JobCtx) -> Result<Vec<CommitInfo>> {
        let what = || "Could not read the history".to_owned();
        let mut walk = self.git.revwalk().git(what)?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME).git(what)?;
        walk.push(from).git(what)?;
        if let Some(hide) = hide {
            walk.hide(hide).git(what)?;
        }
        let mut all = Vec::new();
        for id in walk.take(limit) {
            cx.check()?;
            let commit = self.git.find_commit(id.git(what)?).git(what)?;
            all.push(self.info(&commit)?);
        }
        Ok(all)
    }

    /// Commits of any branch or tag whose subject or author has these words, or whose name begins with them; newest
    /// first. Of a long history the newest part is searched.
    pub fn find_commits(&self, words: &str, limit: usize, cx: &JobCtx) -> Result<Vec<CommitInfo>> {
        const SEARCHED: usize = 50_000;
        let what = || "Could not search the history".to_owned();
        let words = words.trim().to_lowercase();
        let hash = words.len() >= 4 && words.bytes().all(|b| b.is_ascii_hexdigit());
        let mut walk = self.git.revwalk().git(what)?;
        walk.set_sorting(Sort::TIME).git(what)?;
        // Neither stashes nor the board's own commits are anybody's history.
        for glob in ["refs/heads/*", "refs/remotes/*", "refs/tags/*"] {
            for reference in self.git.references_glob(glob).git(what)?.flatten() {
                let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
                if !name.contains(&format!("/{OWN_BRANCHES}"))
                    && let Ok(commit) = reference.peel_to_commit()
                {
                    walk.push(commit.id()).git(what)?;
                }
            }
        }
        let _ = walk.push_head();
        let mut all = Vec::new();
        for id in walk.take(SEARCHED) {
            cx.check()?;
            let id = id.git(what)?;
            let commit = self.git.find_commit(id).git(what)?;
            let has = |bytes: Option<&[u8]>| lossy(bytes).to_lowercase().contains(&words);
            let fits = (hash && id.to_string().starts_with(&words))
                || has(commit.summary_bytes())
                || has(Some(commit.author().name_bytes()));
            if fits {
                all.push(self.info(&commit)?);
                if all.len() >= limit {
                    break;
                }
            }
        }
        Ok(all)
    }

    /// The commit where two revisions parted, when they have one in common.
    pub fn merge_base(&self, a: &str, b: &str) -> Result<Option<String>> {
        let (Some(a), Some(b)) = (self.commit_at(a)?, self.commit_at(b)?) else { return Ok(None) };
        Ok(self.git.merge_base(a.id(), b.id()).ok().map(|id| id.to_string()))
    }

    /// The commits that changed a file, newest first, followed through renames.
    ///
    /// Only the entry of the file is looked up in each tree, so that a commit costs as much as its path is deep;
    /// a full comparison is made only where the file appears, to see whether it came from another name.
    pub fn file_history(&self, rev: &str, path: &str, limit: usize, cx: &JobCtx) -> Result<Vec<FileVersion>> {
        let what = || format!("Could not read the history of {path}");
        let Some(start) = self.commit_at(rev)? else { return Ok(Vec::new()) };
        let mut names: HashMap<Oid, String> = HashMap::from([(start.id(), self.inner(path))]);
        let mut queue = BinaryHeap::from([(start.time().seconds(), start.id())]);
        let mut seen = std::collections::HashSet::from([start.id()]);
        let mut versions = Vec::new();
        while let Some((_, id)) = queue.pop() {
            cx.check()?;
            if versions.len() >= limit {
                break;
            }
            let commit = self.git.find_commit(id).git(what)?;
            let Some(name) = names.remove(&id) else { continue };
            let here = self.entry(&commit, &name);
            let parents: Vec<Commit<'_>> = commit.parents().collect();
            let before: Vec<_> = parents.iter().map(|p| self.entry(p, &name)).collect();
            // A parent with the same file tells the whole story; the others came to the same by another way.
            let same = before.iter().position(|b| *b == here);
            let follow: Vec<(usize, String)> = match same {
                Some(_) if here.is_none() => Vec::new(),
                Some(i) => vec![(i, name)],
                None => self.version(&commit, &parents, &before, here, name, &mut versions)?,
            };
            for (i, name) in follow {
                let Some(parent) = parents.get(i) else { continue };
                if seen.insert(parent.id()) {
                    names.insert(parent.id(), name);
                    queue.push((parent.time().seconds(), parent.id()));
                }
            }
        }
        Ok(versions)
    }

    /// The versions of a notebook that `rev` reaches, oldest first, each with those it was made from, and their commits.
    /// Versions that are no notebook are passed over.
    pub fn notebook_versions(&self, rev: &str, path: &str, limit: usize, cx: &JobCtx) -> Result<Vec<NotebookVersion>> {
        let what = || format!("Could not read the history of {path}");
        let mut all: Vec<NotebookVersion> = Vec::new();
        let mut by_blob: HashMap<Oid, usize> = HashMap::new();
        for file in self.file_history(rev, path, limit, cx)?.into_iter().rev() {
            cx.check()?;
            let commit = self.git.find_commit(Oid::from_str(&file.commit.id).git(what)?).git(what)?;
            let Some(blob) = self.entry(&commit, &self.inner(&file.path)) else { continue };
            let Some(bytes) = self.read(&Rev::At(file.commit.id.clone()), &file.path)? else { continue };
            let Ok(doc) = Document::parse(&file.path, bytes) else { continue };
            let before = file.old_path.as_deref().unwrap_or(&file.path);
            let mut parents: Vec<usize> = commit
                .parents()
                .filter_map(|p| self.entry(&p, &self.inner(before)).or_else(|| self.entry(&p, &self.inner(&file.path))))
                .filter_map(|blob| by_blob.get(&blob).copied())
                .collect();
            parents.dedup();
            by_blob.insert(blob, all.len());
            all.push(NotebookVersion { file, version: Version { doc: Arc::new(doc), parents } });
        }
        Ok(all)
    }

    /// Notes what `commit` did to the file and says under which name each parent has it.
    fn version(
        &self,
        commit: &Commit<'_>,
        parents: &[Commit<'_>],
        before: &[Option<Oid>],
        here: Option<Oid>,
        name: String,
        versions: &mut Vec<FileVersion>,
    ) -> Result<Vec<(usize, String)>> {
        let mut follow: Vec<(usize, String)> =
            before.iter().enumerate().filter(|(_, b)| b.is_some()).map(|(i, _)| (i, name.clone())).collect();
        let mut old_path = None;
        let change = match (here, follow.is_empty()) {
            (None, true) => return Ok(follow),
            (None, false) => Change::Deleted,
            (Some(_), false) => Change::Modified,
            (Some(id), true) => {
                for (i, parent) in parents.iter().enumerate() {
                    if let Some(old) = self.renamed_from(parent, commit, &name, id)? {
                        old_path = self.outer(&old).map(str::to_owned);
                        follow.push((i, old));
                    }
                }
                if follow.is_empty() { Change::Added } else { Change::Renamed }
            }
        };
        let path = self.outer(&name).unwrap_or(&name).to_owned();
        versions.push(FileVersion { commit: self.info(commit)?, path, change, old_path });
        Ok(follow)
    }

    fn entry(&self, commit: &Commit<'_>, inner: &str) -> Option<Oid> {
        commit.tree().ok()?.get_path(Path::new(inner)).ok().map(|e| e.id())
    }

    /// The name under which `parent` has the file that `commit` shows as `name`.
    fn renamed_from(&self, parent: &Commit<'_>, commit: &Commit<'_>, name: &str, id: Oid) -> Result<Option<String>> {
        let what = || "Could not look for a rename".to_owned();
        let (old, new) = (parent.tree().git(what)?, commit.tree().git(what)?);
        let mut diff = self.git.diff_tree_to_tree(Some(&old), Some(&new), None).git(what)?;
        let text = |f: git2::DiffFile<'_>| f.path_bytes().map(|b| String::from_utf8_lossy(b).into_owned());
        // The same bytes under another name need no reading at all.
        let twin = diff.deltas().find(|d| d.status() == git2::Delta::Deleted && d.old_file().id() == id);
        if let Some(twin) = twin {
            return Ok(text(twin.old_file()));
        }
        if diff.deltas().len() > 1_000 {
            return Ok(None);
        }
        if is_notebook(name) {
            let gone: Vec<_> = diff
                .deltas()
                .filter(|d| d.status() == git2::Delta::Deleted)
                .filter_map(|d| Some((text(d.old_file())?, d.old_file().id())))
                .filter(|(path, _)| is_notebook(path))
                .collect();
            if let Some(old) = self.notebook_renamed(&gone, id) {
                return Ok(Some(old));
            }
        }
        diff.find_similar(Some(git2::DiffFindOptions::new().renames(true).rename_limit(200))).git(what)?;
        let found = diff
            .deltas()
            .find(|d| d.status() == git2::Delta::Renamed && text(d.new_file()).as_deref() == Some(name))
            .and_then(|d| text(d.old_file()));
        Ok(found)
    }

    /// The deleted notebook of which most cells are in this one. Lines say little here: a notebook may be one line, or
    /// its pictures outweigh its sources.
    fn notebook_renamed(&self, gone: &[(String, Oid)], id: Oid) -> Option<String> {
        let read = |id: Oid| Document::parse("", self.git.find_blob(id).ok()?.content().to_vec()).ok().map(Arc::new);
        let new = read(id)?;
        let likeness = |old: Arc<Document>| {
            let diff = NotebookDiff::new(old, new.clone());
            let kept = diff.cells.iter().filter(|c| c.old.is_some() && c.new.is_some()).count();
            kept * 100 / diff.cells.len().max(1)
        };
        let all = gone.iter().take(20).filter_map(|(path, id)| Some((likeness(read(*id)?), path)));
        all.filter(|(share, _)| *share >= 50).max().map(|(_, path)| path.clone())
    }

    /// Branches and tags, the current branch first, then by kind and age. Andon's own branches are left out.
    pub fn refs(&self) -> Result<Vec<RefInfo>> {
        let what = || "Could not list the branches".to_owned();
        let mut all = Vec::new();
        for branch in self.git.branches(None).git(what)? {
            let (branch, kind) = branch.git(what)?;
            let name = String::from_utf8_lossy(branch.name_bytes().git(what)?).into_owned();
            let Ok(commit) = branch.get().peel_to_commit() else { continue };
            let bare_name = name.split_once('/').map_or(name.as_str(), |(_, rest)| rest);
            let own = if kind == BranchType::Remote { bare_name } else { &name };
            if own.starts_with(OWN_BRANCHES) || own == "HEAD" {
                continue;
            }
            let upstream = branch.upstream().ok().and_then(|u| u.get().target());
            let ahead_behind = upstream.and_then(|u| self.git.graph_ahead_behind(commit.id(), u).ok());
            let kind = if kind == BranchType::Remote { RefKind::Remote } else { RefKind::Branch };
            let mut info = self.ref_info(name, kind, &commit);
            info.current = branch.is_head();
            info.ahead_behind = ahead_behind.map(|(a, b)| (a as u64, b as u64));
            info.upstream = branch.upstream().ok().and_then(|u| u.name().ok().flatten().map(str::to_owned));
            all.push(info);
        }
        for reference in self.git.references_glob("refs/tags/*").git(what)?.flatten() {
            let Ok(commit) = reference.peel_to_commit() else { continue };
            let name = String::from_utf8_lossy(reference.shorthand_bytes()).into_owned();
            all.push(self.ref_info(name, RefKind::Tag, &commit));
        }
        all.sort_by(|a, b| {
            (!a.current, a.kind).cmp(&(!b.current, b.kind)).then(b.at.cmp(&a.at)).then(a.name.cmp(&b.name))
        });
        Ok(all)
    }

    fn ref_info(&self, name: String, kind: RefKind, commit: &Commit<'_>) -> RefInfo {
        RefInfo {
            name,
            kind,
            current: false,
            commit: commit.id().to_string(),
            at: time_of(commit),
            summary: lossy(commit.summary_bytes()),
            ahead_behind: None,
            upstream: None,
            author: lossy(Some(commit.author().name_bytes())),
        }
    }

    /// A commit as plain data.
    pub(super) fn info(&self, commit: &Commit<'_>) -> Result<CommitInfo> {
        let author = commit.author();
        Ok(CommitInfo {
            id: commit.id().to_string(),
            summary: lossy(commit.summary_bytes()),
            body: lossy(commit.body_bytes()),
            author: Author { name: lossy(Some(author.name_bytes())), email: lossy(Some(author.email_bytes())) },
            at: time_of(commit),
            parents: commit.parent_ids().map(|p| p.to_string()).collect(),
        })
    }
}

fn time_of(commit: &Commit<'_>) -> Timestamp {
    Timestamp::from_second(commit.time().seconds()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn lossy(bytes: Option<&[u8]>) -> String {
    bytes.map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default()
}

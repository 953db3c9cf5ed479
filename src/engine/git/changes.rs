//! Which files differ between two sides, and what a file holds on one of them.
use std::{fs, io::ErrorKind, path::Path};

use git2::{Delta, DiffOptions};

use super::{GitContext, MAX_FILES, Repo};
use crate::{
    base::{Error, Result, fsx, job::JobCtx},
    model::{
        git::{Change, ChangedFile, ChangedFiles, Rev},
        lfs::Pointer,
    },
};

/// Largest sum of new files that is searched for renames.
const RENAME_BYTES: u64 = 64_000_000;

impl Repo {
    /// The files that differ between two sides, renames found, below the workspace.
    pub fn changed_files(&self, base: &Rev, compare: &Rev, cx: &JobCtx) -> Result<ChangedFiles> {
        let what = || format!("Could not compare {base} with {compare}");
        if base == compare {
            return Ok(ChangedFiles::default());
        }
        // git compares towards the index and the disk; the other way round is the same turned about.
        let rank = |rev: &Rev| match rev {
            Rev::WorkingTree => 2,
            Rev::Index => 1,
            _ => 0,
        };
        if rank(base) > rank(compare) {
            let mut turned = self.changed_files(compare, base, cx)?;
            turned.files.iter_mut().for_each(turn);
            turned.files.sort_by(|a, b| a.path.cmp(&b.path));
            return Ok(turned);
        }
        if self.git.is_bare() && *compare == Rev::WorkingTree {
            return Err(Error::user("This repository is bare: it has no files to work on")
                .hint("Compare two commits, or open a clone of it"));
        }
        let mut options = DiffOptions::new();
        options.include_typechange(true).ignore_submodules(true).skip_binary_check(true);
        options.include_untracked(true).recurse_untracked_dirs(true);
        if !self.prefix.is_empty() {
            options.disable_pathspec_match(true).pathspec(self.prefix.trim_end_matches('/'));
        }
        let (old, new) = (self.tree_at(base)?, self.tree_at(compare)?);
        let mut diff = match compare {
            Rev::WorkingTree if *base == Rev::Index => self.git.diff_index_to_workdir(None, Some(&mut options)),
            Rev::Index => self.git.diff_tree_to_index(old.as_ref(), Some(&self.index()?), Some(&mut options)),
            Rev::WorkingTree => self.git.diff_tree_to_workdir_with_index(old.as_ref(), Some(&mut options)),
            _ => self.git.diff_tree_to_tree(old.as_ref(), new.as_ref(), Some(&mut options)),
        }
        .git(what)?;
        cx.check()?;
        if worth_a_rename_search(&diff) {
            let mut find = git2::DiffFindOptions::new();
            find.renames(true).for_untracked(true).rename_limit(200);
            diff.find_similar(Some(&mut find)).git(what)?;
        }
        let mut files: Vec<ChangedFile> = diff.deltas().filter_map(|d| self.changed_file(&d)).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        let more = files.len().saturating_sub(MAX_FILES) as u64;
        files.truncate(MAX_FILES);
        Ok(ChangedFiles { files, more })
    }

    fn changed_file(&self, delta: &git2::DiffDelta<'_>) -> Option<ChangedFile> {
        let text = |f: git2::DiffFile<'_>| f.path_bytes().map(|b| String::from_utf8_lossy(b).into_owned());
        let (old, new) = (text(delta.old_file()), text(delta.new_file()));
        let change = match delta.status() {
            Delta::Added | Delta::Untracked | Delta::Copied => Change::Added,
            Delta::Deleted => Change::Deleted,
            Delta::Modified | Delta::Conflicted => Change::Modified,
            Delta::Renamed => Change::Renamed,
            Delta::Typechange => Change::Retyped,
            Delta::Unmodified | Delta::Ignored | Delta::Unreadable => return None,
        };
        let inner = if change == Change::Deleted { old.clone().or(new)? } else { new.or_else(|| old.clone())? };
        let old_path =
            if change == Change::Renamed { old.and_then(|o| self.outer(&o).map(str::to_owned)) } else { None };
        Some(ChangedFile {
            path: self.outer(&inner)?.to_owned(),
            old_path,
            change,
            untracked: delta.status() == Delta::Untracked,
        })
    }

    /// What a file holds on one side; none when it does not exist there. A file that Git LFS keeps elsewhere is
    /// read from its local store.
    pub fn read(&self, rev: &Rev, path: &str) -> Result<Option<Vec<u8>>> {
        match rev {
            Rev::WorkingTree => read_work_file(&fsx::inside(&self.root, path)?),
            _ => self.raw(rev, path)?.map(|content| self.out_of_lfs(path, &content)).transpose(),
        }
    }

    /// What git has stored for a file.
    fn raw(&self, rev: &Rev, path: &str) -> Result<Option<Vec<u8>>> {
        fsx::inside(&self.root, path)?;
        match rev {
            Rev::Empty => Ok(None),
            Rev::WorkingTree | Rev::Draft | Rev::Run(_) | Rev::File(_) => Err(super::not_in_git(rev)),
            Rev::Index => {
                let entry = self.index()?.get_path(Path::new(&self.inner(path)), 0);
                entry.map(|e| self.blob(e.id, path, rev)).transpose()
            }
            Rev::At(_) | Rev::Stash(_) => {
                let Some(tree) = self.tree_at(rev)? else { return Ok(None) };
                match (self.file_of(&tree, path, rev)?, rev) {
                    (Some(id), _) => self.blob(id, path, rev).map(Some),
                    // New files have a tree of their own in a stash.
                    (None, Rev::Stash(id)) => {
                        let Some(fresh) = self.fresh_of_stash(id) else { return Ok(None) };
                        self.file_of(&fresh, path, rev)?.map(|id| self.blob(id, path, rev)).transpose()
                    }
                    (None, _) => Ok(None),
                }
            }
        }
    }

    fn file_of(&self, tree: &git2::Tree<'_>, path: &str, rev: &Rev) -> Result<Option<git2::Oid>> {
        match tree.get_path(Path::new(&self.inner(path))) {
            Ok(entry) => Ok((entry.kind() == Some(git2::ObjectType::Blob)).then(|| entry.id())),
            Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(e) => Err(super::wrap(format!("Could not read {path} at {rev}"), &e)),
        }
    }

    fn blob(&self, id: git2::Oid, path: &str, rev: &Rev) -> Result<Vec<u8>> {
        let blob = self.git.find_blob(id).git(|| format!("Could not read {path} at {rev}"))?;
        Ok(blob.content().to_vec())
    }

    fn fresh_of_stash(&self, id: &str) -> Option<git2::Tree<'_>> {
        self.commit_at(id).ok()??.parent(2).ok()?.tree().ok()
    }

    /// Files that git did not know when they were stashed; paths of the workspace.
    pub fn new_files_of_stash(&self, id: &str) -> Result<Vec<String>> {
        let Some(tree) = self.fresh_of_stash(id) else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        let walked = tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
            if entry.kind() == Some(git2::ObjectType::Blob) {
                let path = format!("{folder}{}", String::from_utf8_lossy(entry.name_bytes()));
                all.extend(self.outer(&path).map(str::to_owned));
            }
            git2::TreeWalkResult::Ok
        });
        walked.git(|| "Could not read the stash".into())?;
        all.truncate(MAX_FILES);
        Ok(all)
    }

    pub(super) fn out_of_lfs(&self, path: &str, content: &[u8]) -> Result<Vec<u8>> {
        match self.stored(content)? {
            None => Ok(content.to_vec()),
            Some((_, Some(bytes))) => Ok(bytes),
            Some((pointer, None)) => {
                Err(Error::user(format!("This version of {path} is kept by Git LFS and is not on this machine"))
                    .because_of(pointer.words())
                    .hint("Fetch it with: git lfs fetch"))
            }
        }
    }

    /// What Git LFS keeps in place of this content, if it does; the bytes where they are on this machine.
    fn stored(&self, content: &[u8]) -> Result<Option<(Pointer, Option<Vec<u8>>)>> {
        let Some(pointer) = Pointer::read(content) else { return Ok(None) };
        let (a, b) = (pointer.oid.get(..2).unwrap_or_default(), pointer.oid.get(2..4).unwrap_or_default());
        let file = self.git.commondir().join("lfs/objects").join(a).join(b).join(&pointer.oid);
        match fs::read(&file) {
            Ok(bytes) => Ok(Some((pointer, Some(bytes)))),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Some((pointer, None))),
            Err(e) => Err(Error::io(format!("Could not read {}", file.display())).because(&e)),
        }
    }

    /// What a file holds on one side, to be looked at: where Git LFS keeps the content and it is not on this machine, what
    /// git has in its place.
    pub fn read_to_show(&self, rev: &Rev, path: &str) -> Result<Option<Vec<u8>>> {
        let content = match rev {
            Rev::WorkingTree => self.read(rev, path)?,
            _ => self.raw(rev, path)?,
        };
        let Some(content) = content else { return Ok(None) };
        Ok(Some(match self.stored(&content)? {
            Some((_, Some(bytes))) => bytes,
            _ => content,
        }))
    }
}

/// The same change seen from the other side.
fn turn(file: &mut ChangedFile) {
    file.change = match file.change {
        Change::Added => Change::Deleted,
        Change::Deleted => Change::Added,
        other => other,
    };
    if let Some(old) = file.old_path.as_mut() {
        std::mem::swap(old, &mut file.path);
    }
}

/// A file of the working tree as git sees it: of a link, the link itself.
fn read_work_file(path: &Path) -> Result<Option<Vec<u8>>> {
    let error = |e: std::io::Error| Error::io(format!("Could not read {}", path.display())).because(&e);
    match fs::symlink_metadata(path) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(error(e)),
        Ok(meta) if meta.is_symlink() => {
            let target = fs::read_link(path).map_err(error)?;
            Ok(Some(target.to_string_lossy().into_owned().into_bytes()))
        }
        Ok(meta) if meta.is_dir() => Ok(None),
        Ok(_) => fs::read(path).map(Some).map_err(error),
    }
}

/// The search reads files, so it is made only where a rename can be and little has to be read.
fn worth_a_rename_search(diff: &git2::Diff<'_>) -> bool {
    let (mut gone, mut new, mut bytes) = (0, 0, 0);
    for delta in diff.deltas() {
        match delta.status() {
            Delta::Deleted => gone += 1,
            Delta::Added | Delta::Untracked => {
                new += 1;
                bytes += delta.new_file().size();
            }
            _ => {}
        }
    }
    gone > 0 && new > 0 && new <= 200 && bytes <= RENAME_BYTES
}

//! Changes discarded, and brought back byte for byte: what lay on disk is moved below `.andon/`, not deleted.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{GitContext, Repo, branch::BECAUSE, command::Call, refusal::refusal};
use crate::{
    base::{Error, Result, error::Context, fsx, ids, job::JobCtx},
    engine::workspace::dot_andon,
    model::git::{Discarded, Head, Rev},
};

/// How long discarded changes are kept.
const KEPT_DAYS: i64 = 30;

/// What is kept of a discard.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    #[serde(flatten)]
    what: Discarded,
    files: Vec<Kept>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    path: String,
    /// Name of the file that was moved here; none when there was none on disk.
    held: Option<String>,
    /// What the index had: mode and blob; none when it had nothing.
    index: Option<(u32, String)>,
    /// Hash of what was left in its place; none when nothing was.
    left: Option<u64>,
}

impl Repo {
    /// Makes these files as the last commit has them; new ones go away. Gives what it takes to bring all of it back.
    pub fn discard(&self, paths: &[String], at: Timestamp, cx: &JobCtx) -> Result<Discarded> {
        let what = "Could not discard the changes";
        self.need_work()?;
        let paths = self.with_old_names(paths, cx)?;
        if paths.is_empty() {
            return Err(Error::user("There is nothing to discard"));
        }
        if let Some(open) = self.undecided()?.iter().find(|p| paths.contains(p)) {
            return Err(Error::user(format!("{open} has conflicts that are not decided"))
                .hint("Decide them, or abort the merge"));
        }
        let id = ids::random(12);
        let dir = self.room()?.join(&id);
        fs::create_dir_all(&dir).io(|| format!("Could not make {}", dir.display()))?;
        let index = self.index()?;
        let mut files = Vec::new();
        for (n, path) in paths.iter().enumerate() {
            let full = fsx::inside(&self.root, path)?;
            let there = fs::symlink_metadata(&full).is_ok_and(|m| !m.is_dir());
            let entry = index.get_path(Path::new(&self.inner(path)), 0);
            files.push(Kept {
                path: path.clone(),
                held: there.then(|| n.to_string()),
                index: entry.map(|e| (e.mode, e.id.to_string())),
                left: None,
            });
        }
        let known: Vec<String> = self.known(&paths)?;
        let mut manifest = Manifest { what: Discarded { id, at, paths }, files };
        // Written first: whatever happens now, what was moved can be found and put back.
        write_manifest(&dir, &manifest)?;
        let moved = self.move_away(&dir, &manifest);
        let done = moved.and_then(|()| self.to_last_commit(what, &known, cx));
        if let Err(e) = done {
            self.put_back(&dir, &manifest)?;
            let _ = fs::remove_dir_all(&dir);
            return Err(e);
        }
        for file in &mut manifest.files {
            file.left = self.read(&Rev::WorkingTree, &file.path)?.map(|b| fsx::hash(&b));
        }
        write_manifest(&dir, &manifest)?;
        self.forget_old(at);
        Ok(manifest.what)
    }

    /// Writes `bytes` in place of a file that still is the version `expected`, and keeps what it held before.
    pub fn discard_into(&self, path: &str, bytes: &[u8], expected: u64, at: Timestamp) -> Result<Discarded> {
        self.need_work()?;
        let id = ids::random(12);
        let dir = self.room()?.join(&id);
        fs::create_dir_all(&dir).io(|| format!("Could not make {}", dir.display()))?;
        let full = fsx::inside(&self.root, path)?;
        fs::copy(&full, dir.join("0")).io(|| format!("Could not keep {path}"))?;
        let index = self.index()?.get_path(Path::new(&self.inner(path)), 0).map(|e| (e.mode, e.id.to_string()));
        let what = Discarded { id, at, paths: vec![path.to_owned()] };
        let left = Some(fsx::hash(bytes));
        let files = vec![Kept { path: path.to_owned(), held: Some("0".to_owned()), index, left }];
        write_manifest(&dir, &Manifest { what: what.clone(), files })?;
        if let Err(e) = fsx::write_guarded(&full, bytes, Some(expected)) {
            let _ = fs::remove_dir_all(&dir);
            return Err(e);
        }
        self.forget_old(at);
        Ok(what)
    }

    /// Keeps what a file held before it was written over and staged, to be brought back as a discard is.
    pub fn keep_old(&self, path: &str, old: &[u8], at: Timestamp) -> Result<Discarded> {
        let id = ids::random(12);
        let dir = self.room()?.join(&id);
        fs::create_dir_all(&dir).io(|| format!("Could not make {}", dir.display()))?;
        fsx::write_atomic(&dir.join("0"), old)?;
        let index = self.index()?.get_path(Path::new(&self.inner(path)), 0).map(|e| (e.mode, e.id.to_string()));
        let left = self.read(&Rev::WorkingTree, path)?.map(|b| fsx::hash(&b));
        let what = Discarded { id, at, paths: vec![path.to_owned()] };
        let files = vec![Kept { path: path.to_owned(), held: Some("0".to_owned()), index, left }];
        write_manifest(&dir, &Manifest { what: what.clone(), files })?;
        self.forget_old(at);
        Ok(what)
    }

    /// Brings discarded changes back. A file that was changed since is not written over.
    pub fn undo_discard(&self, id: &str) -> Result<Discarded> {
        let dir = self.room()?.join(id);
        let manifest = read_manifest(&dir)?;
        for file in &manifest.files {
            let now = self.read(&Rev::WorkingTree, &file.path)?.map(|b| fsx::hash(&b));
            if now.is_some() && now != file.left {
                return Err(Error::user(format!("{} was changed since", file.path))
                    .because_of("Bringing the discarded changes back would write over that")
                    .hint("Commit or stash it first; the discarded changes are kept"));
            }
        }
        self.put_back(&dir, &manifest)?;
        let _ = fs::remove_dir_all(&dir);
        Ok(manifest.what)
    }

    /// Discards that can still be taken back, newest first.
    pub fn discards(&self) -> Vec<Discarded> {
        let Ok(list) = fs::read_dir(self.root.join(".andon/discarded")) else { return Vec::new() };
        let mut all: Vec<Discarded> =
            list.flatten().filter_map(|e| read_manifest(&e.path()).ok()).map(|m| m.what).collect();
        all.sort_by_key(|d| std::cmp::Reverse(d.at));
        all
    }

    fn room(&self) -> Result<PathBuf> {
        Ok(dot_andon(&self.root)?.join("discarded"))
    }

    /// Paths that the index or the last commit has: the others are unknown to git.
    fn known(&self, paths: &[String]) -> Result<Vec<String>> {
        let index = self.index()?;
        let tree = self.tree_at(&Rev::head())?;
        let has = |path: &String| {
            let inner = self.inner(path);
            index.get_path(Path::new(&inner), 0).is_some()
                || tree.as_ref().is_some_and(|t| t.get_path(Path::new(&inner)).is_ok())
        };
        Ok(paths.iter().filter(|p| has(p)).cloned().collect())
    }

    fn move_away(&self, dir: &Path, manifest: &Manifest) -> Result<()> {
        for file in &manifest.files {
            let Some(held) = &file.held else { continue };
            let full = fsx::inside(&self.root, &file.path)?;
            carry(&full, &dir.join(held)).io(|| format!("Could not put {} aside", file.path))?;
        }
        Ok(())
    }

    fn to_last_commit(&self, what: &str, known: &[String], cx: &JobCtx) -> Result<()> {
        if known.is_empty() {
            return Ok(());
        }
        let list: Vec<u8> = known.iter().flat_map(|p| [self.inner(p).as_bytes(), b"\0"].concat()).collect();
        let from_file = ["--pathspec-from-file=-", "--pathspec-file-nul"];
        let unborn = matches!(self.head()?, Head::Unborn { .. });
        let verb: &[&str] = if unborn {
            &["--literal-pathspecs", "rm", "--quiet", "--cached", "-f"]
        } else {
            &["--literal-pathspecs", "restore", "--quiet", "--source=HEAD", "--staged", "--worktree"]
        };
        let words = [verb, &from_file].concat();
        let dir = self.git.workdir().unwrap_or(self.git.path());
        let answer = Call::new(dir, &words, BECAUSE).input(&list).run(cx)?;
        if answer.ok { Ok(()) } else { Err(refusal(what, &answer)) }
    }

    /// Everything on disk and in the index as the manifest has it.
    fn put_back(&self, dir: &Path, manifest: &Manifest) -> Result<()> {
        for file in &manifest.files {
            let full = fsx::inside(&self.root, &file.path)?;
            match &file.held {
                Some(held) => {
                    let from = dir.join(held);
                    if fs::symlink_metadata(&from).is_err() {
                        // It never left its place.
                        continue;
                    }
                    if let Some(parent) = full.parent() {
                        fs::create_dir_all(parent).io(|| format!("Could not make {}", parent.display()))?;
                    }
                    carry(&from, &full).io(|| format!("Could not bring {} back", file.path))?;
                }
                None => match fs::remove_file(&full) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => {
                        return Err(Error::io(format!("Could not bring {} back", file.path)).because(&e));
                    }
                    _ => {}
                },
            }
        }
        let mut index = self.index()?;
        let failed = || "Could not bring the staged state back".to_owned();
        for file in &manifest.files {
            let inner = self.inner(&file.path);
            match &file.index {
                Some((mode, id)) => {
                    let id = git2::Oid::from_str(id).git(failed)?;
                    index.add(&entry(inner.into_bytes(), *mode, id)).git(failed)?;
                }
                None if index.get_path(Path::new(&inner), 0).is_some() => {
                    index.remove_path(Path::new(&inner)).git(failed)?;
                }
                None => {}
            }
        }
        index.write().git(failed)
    }

    fn forget_old(&self, now: Timestamp) {
        for old in self.discards() {
            if now.as_second() - old.at.as_second() > KEPT_DAYS * 86_400 && !old.id.contains(['/', '.']) {
                let _ = fs::remove_dir_all(self.root.join(".andon/discarded").join(&old.id));
            }
        }
    }
}

fn entry(path: Vec<u8>, mode: u32, id: git2::Oid) -> git2::IndexEntry {
    let zero = git2::IndexTime::new(0, 0);
    git2::IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path,
    }
}

fn write_manifest(dir: &Path, manifest: &Manifest) -> Result<()> {
    let text = serde_json::to_vec_pretty(manifest)
        .map_err(|e| Error::bug("The list of discarded changes could not be written").because(&e))?;
    fsx::write_atomic(&dir.join("manifest.json"), &text)
}

fn read_manifest(dir: &Path) -> Result<Manifest> {
    let gone = || Error::user("These discarded changes are not kept any more");
    let bytes = fs::read(dir.join("manifest.json")).map_err(|e| gone().because(&e))?;
    serde_json::from_slice(&bytes).map_err(|e| gone().because(&e))
}

/// Moves a file, in place of what is there; copies it where it would have to leave its disk.
fn carry(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
            fs::copy(from, to)?;
            fs::remove_file(from)
        }
        other => other,
    }
}

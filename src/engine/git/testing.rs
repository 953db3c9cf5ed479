//! What tests with real repositories have in common: the git command, hooks, clones of a bare repository on disk.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Repo;
use crate::base::job::JobCtx;

/// Runs git and gives what it printed.
#[track_caller]
pub fn git(dir: &Path, words: &[&str]) -> String {
    let out = Command::new("git").arg("-C").arg(dir).args(words).output().unwrap();
    assert!(out.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// Gives a repository an author, and nothing of what the machine's own settings do.
pub fn set_up(root: &Path) {
    for (key, value) in [
        ("user.name", "Mara Okafor"),
        ("user.email", "mara@example.org"),
        ("commit.gpgsign", "false"),
        ("core.hooksPath", ".git/hooks"),
        ("core.autocrlf", "false"),
    ] {
        git(root, &["config", key, value]);
    }
}

/// A new repository on the branch `main`, set up.
pub fn fresh(root: &Path) -> Repo {
    fs::create_dir_all(root).unwrap();
    git(root, &["init", "--quiet", "-b", "main"]);
    set_up(root);
    Repo::open(root).unwrap()
}

/// Writes a program.
pub fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// Writes a hook.
pub fn hook(root: &Path, name: &str, text: &str) {
    script(&root.join(".git/hooks").join(name), text);
}

/// Writes a file and commits it as Andon does.
pub fn save(repo: &Repo, path: &str, text: &str, message: &str) -> String {
    fs::write(repo.root().join(path), text).unwrap();
    repo.commit(message, &[path.to_owned()], &JobCtx::detached()).unwrap().id
}

/// A bare repository on disk, and clones of it.
pub struct World {
    pub dir: tempfile::TempDir,
}

impl World {
    /// A bare repository without a commit.
    #[allow(clippy::new_without_default, reason = "only tests make one")]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "--quiet", "--bare", "-b", "main", "origin.git"]);
        Self { dir }
    }
    /// A path beside it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name).canonicalize().unwrap_or_else(|_| self.dir.path().join(name))
    }
    /// A clone with a first commit, pushed by whoever is first.
    pub fn clone(&self, name: &str) -> Repo {
        git(self.dir.path(), &["clone", "--quiet", "origin.git", name]);
        let root = self.path(name);
        set_up(&root);
        let repo = Repo::open(&root).unwrap();
        if repo.is_unborn().unwrap() {
            save(&repo, "a.txt", "one\n", "First");
            git(&root, &["push", "--quiet", "origin", "HEAD:main"]);
            git(&root, &["branch", "--quiet", "--set-upstream-to=origin/main"]);
        }
        repo
    }
}

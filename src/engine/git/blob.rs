//! A file of a revision by git's own words: `HEAD~1:notebooks/a.ipynb`, `:a.ipynb` for the index.
use std::path::Path;

use git2::{ErrorCode, ObjectType};

use super::{Repo, wrap};
use crate::base::{Error, Result, text};

impl Repo {
    /// What `spec` (`REV:PATH`) names. As in git, the path is meant from the top of the repository; one that begins
    /// with `./` or `../` is meant from the workspace's folder.
    pub fn read_spec(&self, spec: &str) -> Result<Vec<u8>> {
        let (rev, path) = spec.split_once(':').ok_or_else(|| Error::bug(format!("{spec} has no colon")))?;
        if rev.is_empty() {
            return self.read_staged(path);
        }
        let path = self.in_repository(path)?;
        let found = match self.git.revparse_single(&format!("{rev}:{path}")) {
            Ok(object) => object,
            Err(e) if matches!(e.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {
                return Err(self.no_file_at(rev, &path));
            }
            Err(e) => return Err(wrap(format!("Could not read {spec}"), &e)),
        };
        match found.kind() {
            Some(ObjectType::Blob) => {}
            Some(ObjectType::Tree) => return Err(Error::user(format!("{path} is a folder at {rev}"))),
            _ => return Err(Error::user(format!("{spec} is no file"))),
        }
        let blob = found.peel_to_blob().map_err(|e| wrap(format!("Could not read {spec}"), &e))?;
        self.out_of_lfs(&path, blob.content())
    }

    /// A file of the index; `2:PATH` is the local side of a conflict, `3:PATH` the remote one, `1:PATH` the base.
    fn read_staged(&self, spec: &str) -> Result<Vec<u8>> {
        let (stage, path) = match spec.split_once(':') {
            Some((n, path)) if matches!(n, "0" | "1" | "2" | "3") => (n.parse().unwrap_or(0), path),
            _ => (0, spec),
        };
        let path = self.in_repository(path)?;
        let Some(entry) = self.index()?.get_path(Path::new(&path), stage) else {
            return Err(self.no_file_at("", &path));
        };
        let blob = self.git.find_blob(entry.id).map_err(|e| wrap(format!("Could not read {path}"), &e))?;
        self.out_of_lfs(&path, blob.content())
    }

    fn in_repository(&self, path: &str) -> Result<String> {
        if !path.starts_with("./") && !path.starts_with("../") {
            return Ok(path.to_owned());
        }
        let mut parts: Vec<&str> = self.prefix.split('/').filter(|p| !p.is_empty()).collect();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." if parts.pop().is_none() => {
                    return Err(Error::user(format!("{path} leads out of the repository")));
                }
                ".." => {}
                part => parts.push(part),
            }
        }
        Ok(parts.join("/"))
    }

    fn no_file_at(&self, rev: &str, path: &str) -> Error {
        let tree = if rev.is_empty() {
            let names = self.index().map(|i| i.iter().map(|e| String::from_utf8_lossy(&e.path).into_owned()).collect());
            names.unwrap_or_else(|_| Vec::new())
        } else {
            let tree = match self.commit_at(rev) {
                Ok(Some(commit)) => commit.tree(),
                Ok(None) => return Error::user(format!("{rev} has no commit yet")),
                Err(e) => return e,
            };
            tree.map(|t| names_below(&t)).unwrap_or_default()
        };
        let side = if rev.is_empty() { "in the index".to_owned() } else { format!("at {rev}") };
        let error = Error::user(format!("There is no {path} {side}"));
        let name = Path::new(path).file_name();
        let elsewhere = tree.iter().find(|p| Path::new(p).file_name() == name);
        match elsewhere.map(String::as_str).or_else(|| text::nearest(path, tree.iter().map(String::as_str))) {
            Some(near) => error.hint(format!("Did you mean {rev}:{near}?")),
            None => error.hint("The path is meant from the top of the repository; REV:./PATH from this folder"),
        }
    }
}

/// The notebooks of a tree.
fn names_below(tree: &git2::Tree<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let _ = tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
        let name = entry.name().unwrap_or_default();
        if name.ends_with(".ipynb") {
            all.push(format!("{folder}{name}"));
        }
        git2::TreeWalkResult::Ok
    });
    all.truncate(10_000);
    all
}

//! Notebooks that git merged by lines, in the middle of a merge: no notebooks any more, but git's index has the versions.
use std::path::Path;

use super::out::say;
use crate::{
    base::{Error, Result, fsx},
    engine::git::{Repo, Stages},
    model::settle::is_torn,
};

/// What is said of a notebook that is read in this way.
pub fn told(path: &str) {
    say(&format!(
        "andon: git's marks tear {path}: read as its versions in the index merge by cells \
         (:1 is the base, :2 ours, :3 theirs)"
    ));
}

/// The file; a torn notebook as its versions merge, which is said.
pub fn read(path: &Path, name: &str) -> Result<Vec<u8>> {
    let bytes = fsx::read(path)?;
    if !is_torn(&bytes) {
        return Ok(bytes);
    }
    match place(path).ok().and_then(|(repo, below)| repo.untorn(&below, &bytes)) {
        Some(whole) => {
            told(name);
            Ok(whole)
        }
        None => Ok(bytes),
    }
}

/// The repository around a file, and the file's path in it.
fn place(path: &Path) -> Result<(Repo, String)> {
    let full = path.canonicalize().map_err(|e| Error::io(format!("Could not find {}", path.display())).because(&e))?;
    let folder = full.parent().unwrap_or(Path::new("/"));
    let repo = Repo::open(folder)?;
    let name = full.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Ok((repo, name))
}

/// The versions of a file in conflict, from git's index; none where git has none.
pub fn stages(path: &Path) -> Option<(Repo, Stages)> {
    let (repo, below) = place(path).ok()?;
    let stages = repo.stages(&below).ok().flatten()?;
    Some((repo, stages))
}

/// Adds the way out to an error about a file that is torn.
pub fn way_out(error: Error, path: &Path) -> Error {
    if !fsx::read(path).is_ok_and(|bytes| is_torn(&bytes)) {
        return error;
    }
    let name = path.display();
    let error = error.because_of(format!("git's marks of a merge tear {name}"));
    match stages(path) {
        Some(_) => error.hint(format!(
            "Put it together by cells with: andon merge {name} -o {name}; or decide it with: andon merge --window {name}"
        )),
        None => error.hint("No merge is under way that knows its versions: take it from an older commit"),
    }
}

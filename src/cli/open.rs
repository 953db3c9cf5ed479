//! `andon open PATH` and `andon PATH`: the window.
use std::path::{Path, PathBuf};

use super::out;
use crate::{
    app::shell::Page,
    base::{Error, Result, error::Context, fsx},
    engine::{
        dirs::Dirs,
        git::Repo,
        workspace::{self, folder_of},
    },
    model::{git::Rev, settle::is_noted},
    ui::run::{Start, run as show},
};

/// Arguments of `andon open`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With --describe the file holds one JSON document, andon.window/1: every control that is shown, \
                        with its role, name, value and place, as a screen reader is told. It is replaced whenever the \
                        window changes, so that a script can see what a person sees."
)]
pub struct Args {
    /// Folder, notebook or data file; the sample workspace when left out
    pub path: Option<PathBuf>,
    /// Keep a file that says what the window shows, for scripts and tests
    #[arg(long, value_name = "FILE")]
    pub describe: Option<PathBuf>,
    /// Show what is in conflict, with the file in front; exit code 1 when it still is at the end
    #[arg(long)]
    pub conflicts: bool,
}

/// Opens the window and gives the exit code.
pub fn run(args: &Args) -> i32 {
    out::finish(false, open(args))
}

fn open(args: &Args) -> Result<i32> {
    let describe = args.describe.as_ref().map(std::path::absolute).transpose();
    let describe = describe.map_err(|e| Error::user("The path after --describe is wrong").because(&e))?;
    if !args.conflicts {
        return show(Start { path: args.path.clone(), describe, ..Start::default() }).map(|()| 0);
    }
    let path = args.path.clone().map_or_else(std::env::current_dir, Ok);
    let path = path.map_err(|e| Error::io("The present folder is gone").because(&e))?;
    let (folder, file) = folder_of(&path);
    if let Some(file) = &file
        && !in_conflict(&folder, file)?
    {
        return Err(Error::user(format!("{file} is not in conflict"))
            .because_of("git does not list it as unmerged, and no merge noted anything in it"));
    }
    show(Start { path: Some(folder.clone()), describe, resolve: Some(file.clone()), ..Start::default() })?;
    let left = match file {
        Some(file) => in_conflict(&folder, &file)?,
        None => Repo::discover(&folder)?.is_some_and(|r| r.situation().is_ok_and(|s| !s.files.is_empty())),
    };
    Ok(i32::from(left))
}

/// Decides a file's conflicts in the window: 0 when they are decided once it is closed, 1 when not.
pub(super) fn resolve(file: &Path) -> Result<i32> {
    open(&Args { path: Some(file.to_path_buf()), describe: None, conflicts: true })
}

/// git has the file as unmerged, or a merge left its notes in it.
pub(super) fn in_conflict(folder: &Path, file: &str) -> Result<bool> {
    let unmerged = match Repo::discover(folder)? {
        Some(repo) => repo.situation()?.files.iter().any(|f| f.path == file),
        None => false,
    };
    Ok(unmerged || fsx::read(&folder.join(file)).is_ok_and(|bytes| is_noted(&bytes)))
}

/// Opens the window on `path`, or on the sample workspace.
pub fn window(path: Option<PathBuf>) -> i32 {
    run(&Args { path, describe: None, conflicts: false })
}

/// Opens the window on a comparison and comes back when it is closed. `root`: the workspace both sides belong to; none
/// for files that lie outside any.
pub fn compare(root: Option<PathBuf>, sides: (Rev, Rev), path: Option<String>) -> Result<i32> {
    let dirs = Dirs::from_env();
    let alone = dirs.cache.join("compare");
    let place = match &root {
        Some(root) => root.clone(),
        None => {
            // A window needs a folder: an empty one, so that nothing of where the files happen to lie is listed.
            std::fs::create_dir_all(&alone).io(|| format!("Could not make {}", alone.display()))?;
            alone.clone()
        }
    };
    let compare = Some((sides.0, sides.1, path));
    let shown = show(Start { path: Some(place), page: Some(Page::Review), compare, ..Start::default() });
    if root.is_none() {
        let key = alone.canonicalize().unwrap_or(alone);
        let _ = workspace::forget(&dirs, &key.to_string_lossy());
    }
    shown.map(|()| 0)
}

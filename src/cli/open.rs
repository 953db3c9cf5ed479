//! `andon open PATH` and `andon PATH`: the window.
use std::path::PathBuf;

use super::out;

/// Arguments of `andon open`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder, notebook or data file; the sample workspace when left out
    pub path: Option<PathBuf>,
}

/// Opens the window and gives the exit code.
pub fn run(args: &Args) -> i32 {
    window(args.path.clone())
}

/// Opens the window on `path`, or on the sample workspace.
pub fn window(path: Option<PathBuf>) -> i32 {
    out::finish(false, crate::ui::run::run(crate::ui::run::Start { path, ..Default::default() }).map(|()| 0))
}

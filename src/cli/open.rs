//! `andon open PATH` and `andon PATH`: the window.
use std::path::PathBuf;

use super::out;
use crate::{
    base::{Error, Result},
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
}

/// Opens the window and gives the exit code.
pub fn run(args: &Args) -> i32 {
    out::finish(false, open(args))
}

fn open(args: &Args) -> Result<i32> {
    let describe = args.describe.as_ref().map(std::path::absolute).transpose();
    let describe = describe.map_err(|e| Error::user("The path after --describe is wrong").because(&e))?;
    show(Start { path: args.path.clone(), describe, ..Start::default() }).map(|()| 0)
}

/// Opens the window on `path`, or on the sample workspace.
pub fn window(path: Option<PathBuf>) -> i32 {
    run(&Args { path, describe: None })
}

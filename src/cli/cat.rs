//! `andon cat`: a notebook through the lossless model and out again, with one source changed if asked.
use std::{io::Write, path::PathBuf};

use super::out::finish;
use crate::{
    base::{Error, Result, fsx, text::count},
    model::notebook::Notebook,
};

/// Arguments of `andon cat`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every byte that was not asked to change is written as it was read.
Exit code: 0 done, 2 trouble.")]
pub struct Args {
    /// The notebook
    pub file: PathBuf,
    /// Give the cell at INDEX, counted from 0, this source
    #[arg(long, value_name = "INDEX=TEXT")]
    pub set_source: Vec<String>,
    /// Write here instead of on stdout
    #[arg(long, short, value_name = "OUT")]
    pub output: Option<PathBuf>,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(false, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let mut notebook = Notebook::parse(fsx::read(&args.file)?)?;
    for change in &args.set_source {
        let (index, text) = change
            .split_once('=')
            .and_then(|(i, text)| Some((i.trim().parse::<usize>().ok()?, text)))
            .ok_or_else(|| Error::user(format!("{change:?} is not INDEX=TEXT, such as 0=print(1)")))?;
        let key = notebook.cells().get(index).map(|c| c.key).ok_or_else(|| {
            Error::user(format!("There is no cell {index}")).because_of(format!(
                "The notebook has {}, counted from 0",
                count(notebook.cells().len() as u64, "cell")
            ))
        })?;
        notebook.set_source(key, text)?;
    }
    let bytes = notebook.to_bytes();
    match &args.output {
        Some(out) => fsx::write_atomic(out, &bytes)?,
        None => {
            // A reader that has seen enough closes the pipe.
            let _ = std::io::stdout().lock().write_all(&bytes);
        }
    }
    Ok(0)
}

//! `andon patch`: applies a difference that `andon diff --json` wrote, or takes it back.
use std::path::PathBuf;

use serde_json::json;

use super::out::{document, finish, say};
use crate::{
    base::{Error, Result, fsx},
    model::patch::Patch,
};

/// Arguments of `andon patch`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  andon diff a.ipynb b.ipynb --json -o change.json
  andon patch a.ipynb change.json -o b2.ipynb              b2 is b, byte for byte
  andon patch --invert b.ipynb change.json -o a2.ipynb     a2 is a
Exit code: 0 done, 2 trouble, nothing written.")]
pub struct Args {
    /// The file the difference was made from
    pub file: PathBuf,
    /// The document of `andon diff --json`
    pub diff: PathBuf,
    /// Where the result goes
    #[arg(long, short, value_name = "OUT")]
    pub output: PathBuf,
    /// Take the difference back
    #[arg(long)]
    pub invert: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let name = args.diff.display();
    let wrong = || {
        Error::config(format!("{name} holds no difference that can be applied"))
            .hint("andon diff A B --json -o FILE writes one")
    };
    let mut whole: serde_json::Value =
        serde_json::from_slice(&fsx::read(&args.diff)?).map_err(|e| wrong().because(&e))?;
    let patch: Patch = whole
        .get_mut("apply")
        .map(serde_json::Value::take)
        .and_then(|apply| serde_json::from_value(apply).ok())
        .ok_or_else(wrong)?;
    let bytes = fsx::read(&args.file)?;
    let made = if args.invert { patch.take_back(&bytes)? } else { patch.apply(&bytes)? };
    fsx::write_atomic(&args.output, &made)?;
    if args.json {
        document("andon.patch/1", json!({ "output": args.output, "bytes": made.len() }));
    } else {
        say(&format!("{} written", args.output.display()));
    }
    Ok(0)
}

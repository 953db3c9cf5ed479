//! `andon diff`
use super::out::{Common, finish};
use crate::base::Result;

/// Arguments of `andon diff`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(_args: &Args) -> Result<i32> {
    Ok(2)
}

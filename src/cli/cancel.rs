//! `andon cancel`: ends a run, wherever it runs.
use serde_json::json;

use super::{
    out::{Common, document, finish, say},
    remote::{How, Target, asked, cancel, context},
    run::{body, open},
};
use crate::base::{Error, Result};

/// Arguments of `andon cancel`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the run or the beginning of one, PIPELINE#NUMBER, a pipeline for its newest run, or latest
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Wait until it has ended
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let store = open(&args.common.root()?)?;
    let run = store.find(&args.run)?;
    let cx = context();
    if let Some(target) = Target::of(&args.common, &store, &run, &cx)? {
        let how = How { wait: args.wait, json: args.common.json, ..How::default() };
        // The end that was asked for is no failure of this command.
        return asked(args.common.json, cancel(&target, &store, &how, &cx).map(|_| 0));
    }
    if !store.request_cancel(&run.id)? {
        return Err(Error::user(format!("{} is over: {}", run.title(), run.state.word().to_lowercase())));
    }
    say(&format!("{} is told to stop", run.title()));
    let mut now = run;
    while args.wait && !now.state.is_final() {
        crate::engine::connect::http::pause(std::time::Duration::from_millis(200), &cx)?;
        now = store.run(&now.id)?.ok_or_else(|| Error::user("The run is gone from the history"))?;
    }
    if args.common.json {
        let now = store.run(&now.id)?.unwrap_or(now);
        document("andon.run/1", body(&store, &now, json!({ "cancelled": true }))?);
    }
    Ok(0)
}

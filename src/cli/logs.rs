//! `andon logs`: what a task of a run printed, wherever it ran.
use std::time::Duration;

use serde_json::json;

use super::{
    out::{Common, document, finish, say},
    remote::{Target, context, fetch, print_log},
    run::open,
};
use crate::{
    base::{Error, Result, text},
    engine::{connect::http::pause, store::Store},
    model::run::{LogLine, Run},
};

/// How often a log that grows is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Arguments of `andon logs`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "RUN is an id or the beginning of one, PIPELINE#NUMBER, the name of a pipeline for its newest run, or \
latest."
)]
pub struct Args {
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The task; when left out the one that failed first, else the only one, else a list of them
    #[arg(value_name = "TASK")]
    pub task: Option<String>,
    /// Which try of the task; the newest when left out
    #[arg(long = "try", value_name = "N")]
    pub attempt: Option<u32>,
    /// Go on until the task is over
    #[arg(short, long, conflicts_with = "json")]
    pub follow: bool,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let store = open(&args.common.root()?)?;
    let mut run = store.find(&args.run)?;
    let cx = context();
    let mut target = None;
    // What is over and fetched needs nobody; a system that is down has not taken what is here.
    match Target::of(&args.common, &store, &run, &cx) {
        Ok(Some(found)) => {
            run = found.run.clone();
            target = Some(found);
        }
        Ok(None) => {}
        Err(e) if e.is_cancelled() => return Err(e),
        Err(e) => say(&format!("andon: {e}\n  This is what was seen before")),
    }
    let Some(task) = which(&run, args.task.as_deref())? else { return Ok(0) };
    let mut printed = 0;
    loop {
        let number = args.attempt.or_else(|| run.task(&task).and_then(|t| t.last()).map(|a| a.number));
        let Some(number) = number else {
            return Err(Error::user(format!("{task} did not start in {}", run.title())));
        };
        if let Some(target) = &target {
            fetch(target, &store, &task, number, &cx)?;
        }
        if args.common.json {
            let lines = all(&store, &run, &task, number)?;
            document("andon.log/1", json!({ "run": run.id, "task": task, "attempt": number, "lines": lines }));
            return Ok(0);
        }
        printed = print_log(&store, &run, &task, number, printed)?;
        let over = run.task(&task).is_none_or(|t| t.state.is_final()) || args.attempt.is_some_and(|n| n < number);
        if !args.follow || over {
            return Ok(0);
        }
        pause(LOOK, &cx)?;
        run = match Target::of(&args.common, &store, &run, &cx)? {
            Some(found) => {
                let run = found.run.clone();
                target = Some(found);
                run
            }
            None => store.run(&run.id)?.unwrap_or(run),
        };
    }
}

/// The task that is meant; none when only the names were asked for.
fn which(run: &Run, wanted: Option<&str>) -> Result<Option<String>> {
    let known: Vec<&str> = run.tasks.iter().map(|t| t.id.as_str()).collect();
    if let Some(task) = wanted {
        if known.contains(&task) {
            return Ok(Some(task.to_owned()));
        }
        let near = text::nearest(task, known.iter().copied()).map_or_else(|| known.join(", "), str::to_owned);
        return Err(Error::user(format!("{} has no task {task}", run.title())).hint(format!("Did you mean {near}?")));
    }
    if let Some(bad) = run.first_bad() {
        return Ok(Some(bad.id.clone()));
    }
    match known.as_slice() {
        [] => Err(Error::user(format!("{} has no tasks yet", run.title()))),
        [one] => Ok(Some((*one).to_owned())),
        many => Err(Error::user(format!("{} has {} tasks", run.title(), many.len()))
            .hint(format!("Name one: {}", many.join(", ")))),
    }
}

fn all(store: &Store, run: &Run, task: &str, attempt: u32) -> Result<Vec<LogLine>> {
    let (mut lines, mut from) = (Vec::new(), 0);
    loop {
        let chunk = store.read_log_from_start(&run.id, task, attempt, from, 1 << 22)?;
        if chunk.lines.is_empty() {
            return Ok(lines);
        }
        from = chunk.next;
        lines.extend(chunk.lines);
    }
}

//! `andon runs`: the history of runs.
use std::{
    fs,
    io::{BufReader, Write},
    path::PathBuf,
};

use serde_json::{Value, json};

use super::{
    out::{Common, document, finish, line, say},
    remote,
    run::{body, open},
};
use crate::{
    base::{Error, Result, error::Context, fsx, text, time},
    engine::store::{RunQuery, Store},
    model::run::{Run, RunState},
};

/// Arguments of `andon runs`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "RUN is an id or the beginning of one, PIPELINE#NUMBER, the name of a pipeline for its newest run, or \
    latest."
)]
pub struct Args {
    /// Show this run with its tasks
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Print the log of this task of RUN
    #[arg(long, value_name = "TASK", requires = "run")]
    pub log: Option<String>,
    /// Which try of the task; the newest when left out
    #[arg(long, value_name = "N", requires = "log")]
    pub attempt: Option<u32>,
    /// Only runs of this pipeline
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// Only runs of this connection; local is Andon itself
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Only runs queued from then on: a date, a time, or how long ago (90m, 12h, 7d)
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// Look at all connections once, or at the one named, before listing
    #[arg(long)]
    pub refresh: bool,
    /// Only runs in this state: queued, running, success, failed, cancelled, interrupted
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Write the whole history as NDJSON to FILE, - for stdout
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "import"])]
    pub export: Option<PathBuf>,
    /// Read history that was written with --export; what is here already stays as it is
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    pub import: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let store = open(&args.common.root()?)?;
    if let Some(path) = &args.export {
        return export(&store, path, args.common.json);
    }
    if let Some(path) = &args.import {
        return import(&store, path, args.common.json);
    }
    let good = if args.refresh {
        remote::refresh_all(&args.common, &store, args.connection.as_deref(), &remote::context())?
    } else {
        true
    };
    let Some(name) = &args.run else { return list(&store, args, good) };
    let run = store.find(name)?;
    if let Some(task) = &args.log {
        return log(&store, &run, task, args);
    }
    if args.common.json {
        document("andon.run/1", body(&store, &run, json!({}))?);
    } else {
        show(&run);
    }
    Ok(0)
}

fn list(store: &Store, args: &Args, good: bool) -> Result<i32> {
    let states = match &args.state {
        None => Vec::new(),
        Some(word) => vec![RunState::parse(word).ok_or_else(|| {
            let known: Vec<_> = RunState::ALL.iter().map(|s| s.name()).collect();
            Error::user(format!("No state is called {word}")).hint(format!("It is one of {}", known.join(", ")))
        })?],
    };
    let query = RunQuery {
        pipeline: args.pipeline.clone(),
        connection: args.connection.clone(),
        since: args.since.as_deref().map(super::metrics::instant).transpose()?,
        states,
        limit: Some(args.limit),
        ..RunQuery::default()
    };
    if let Some(name) = args.connection.as_deref().filter(|n| *n != crate::model::run::LOCAL) {
        // A name with a typing error has no runs, which would say something else.
        crate::engine::connect::config::find(&args.common.root()?, &crate::engine::dirs::Dirs::from_env(), name)?;
    }
    // What could not be asked is said above; the list is what was seen before.
    let code = if good { 0 } else { 2 };
    let runs = store.runs(&query)?;
    if args.common.json {
        let all: Vec<Value> = runs.iter().map(summary).collect();
        document("andon.runs/1", json!({ "runs": all }));
        return Ok(code);
    }
    if runs.is_empty() {
        say("No runs yet");
    }
    let now = jiff::Timestamp::now();
    let width = runs.iter().map(|r| r.title().chars().count()).max().unwrap_or(0);
    for run in &runs {
        let lasted = run.duration_ms(now).map(time::duration_ms).unwrap_or_default();
        let error = run.error.as_deref().map(|e| text::shorten(e, 80)).unwrap_or_default();
        let (title, state, when) = (run.title(), run.state.word(), time::when(run.queued_at, now));
        line(format!("{}  {title:<width$}  {state:<11}  {when:<16}  {lasted:<12}  {error}", run.id).trim_end());
    }
    Ok(code)
}

/// A run without its tasks' attempts.
fn summary(run: &Run) -> Value {
    let tasks: Vec<Value> = run
        .tasks
        .iter()
        .map(|t| json!({ "id": t.id, "state": t.state, "attempts": t.attempts.len(), "error": t.error }))
        .collect();
    json!({
        "id": run.id, "number": run.number, "pipeline": run.pipeline, "source": run.source, "kind": run.kind,
        "connection": run.connection, "remote_id": run.remote_id, "state": run.state, "trigger": run.trigger,
        "round": run.round, "queued_at": run.queued_at, "started_at": run.started_at, "ended_at": run.ended_at,
        "cancelling": run.cancelling,
        "duration_ms": run.duration_ms(jiff::Timestamp::now()), "data_time": run.data_time, "params": run.params,
        "error": run.error, "tasks": tasks,
    })
}

fn show(run: &Run) {
    let now = jiff::Timestamp::now();
    line(&format!("{} ({}), {}", run.title(), run.id, run.state.word().to_lowercase()));
    line(&format!("  {} at {}, round {}", run.trigger.word(), time::day_hhmm(run.queued_at), run.round));
    for (name, value) in &run.params {
        line(&format!("  {name} = {}", crate::model::pipeline::show(value)));
    }
    if let Some(commit) = &run.record.commit {
        let dirty = if run.record.dirty.is_some() { ", with uncommitted changes" } else { "" };
        line(&format!("  at {} {}{dirty}", commit.short(), commit.summary));
    }
    let width = run.tasks.iter().map(|t| t.id.chars().count()).max().unwrap_or(0);
    for task in &run.tasks {
        let lasted = task.duration_ms(now).map(time::duration_ms).unwrap_or_default();
        let tries = text::count(task.attempts.len() as u64, "try").replace("trys", "tries");
        let error = task.error.as_deref().unwrap_or_default();
        line(format!("  {:<width$}  {:<15}  {tries:<8}  {lasted:<12}  {error}", task.id, task.state.word()).trim_end());
    }
}

fn log(store: &Store, run: &Run, task: &str, args: &Args) -> Result<i32> {
    let Some(found) = run.task(task) else {
        let known: Vec<&str> = run.tasks.iter().map(|t| t.id.as_str()).collect();
        let near = text::nearest(task, known.iter().copied()).map_or_else(|| known.join(", "), str::to_owned);
        return Err(Error::user(format!("{} has no task {task}", run.title())).hint(format!("Did you mean {near}?")));
    };
    let number = args.attempt.or_else(|| found.last().map(|a| a.number));
    let Some(number) = number else {
        return Err(Error::user(format!("{task} did not start in {}", run.title())));
    };
    let mut from = 0;
    let mut all = Vec::new();
    loop {
        // Read from the beginning in pieces: a piece of a long log from 0 would be its end.
        let chunk = store.read_log_from_start(&run.id, task, number, from, 1 << 22)?;
        if chunk.lines.is_empty() {
            break;
        }
        from = chunk.next;
        if args.common.json {
            all.extend(chunk.lines);
        } else {
            chunk.lines.iter().for_each(|l| line(&l.to_text()));
        }
    }
    if args.common.json {
        document("andon.log/1", json!({ "run": run.id, "task": task, "attempt": number, "lines": all }));
    }
    Ok(0)
}

fn export(store: &Store, path: &PathBuf, as_json: bool) -> Result<i32> {
    let mut bytes = Vec::new();
    store.export(&mut bytes, true)?;
    if path.as_os_str() == "-" {
        // A closed pipe ends the program quietly, as everywhere.
        let _ = std::io::stdout().lock().write_all(&bytes);
        return Ok(0);
    }
    fsx::write_atomic(path, &bytes)?;
    if as_json {
        document("andon.export/1", json!({ "file": path, "bytes": bytes.len() }));
    }
    say(&format!("Wrote {}, {}", path.display(), text::bytes(bytes.len() as u64)));
    Ok(0)
}

fn import(store: &Store, path: &PathBuf, as_json: bool) -> Result<i32> {
    let file = fs::File::open(path).io(|| format!("Could not read {}", path.display()))?;
    let added = store.import(&mut BufReader::new(file))?;
    if as_json {
        document("andon.import/1", json!({ "added": added }));
    }
    let (runs, metrics) = (text::count(added.runs, "run"), text::count(added.metrics, "metric"));
    say(&format!("Added {runs}, {metrics} and {}", text::count(added.checks, "check result")));
    Ok(0)
}

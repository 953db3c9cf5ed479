//! `andon metrics`: the numbers that runs reported, as series.
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    out::{Common, document, finish, line, say},
    run::open,
};
use crate::{
    base::{Error, Result, text, time},
    engine::store::{Series, Store},
};

/// Arguments of `andon metrics`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub sub: Sub,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Sub {
    /// List series: CONNECTION/PIPELINE/TASK/NAME
    List(List),
    /// Print the points of a series
    Show(Show),
}

/// Arguments of `andon metrics list`.
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `andon metrics show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// A series as `andon metrics list` names it, or the end of its name when no other ends so
    #[arg(value_name = "SERIES")]
    pub series: String,
    /// Only points from then on: a date, a time, or how long ago (90m, 12h, 7d)
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    match &args.sub {
        Sub::List(args) => finish(args.common.json, list(args)),
        Sub::Show(args) => finish(args.common.json, show(args)),
    }
}

fn list(args: &List) -> Result<i32> {
    let all = open(&args.common.root()?)?.series()?;
    if args.common.json {
        let rows: Vec<Value> = all
            .iter()
            .map(|s| {
                json!({
                    "series": s.path(), "connection": s.connection, "pipeline": s.pipeline, "task": s.task,
                    "name": s.name, "unit": s.unit, "points": s.points, "last_at": s.last_at, "last": s.last,
                })
            })
            .collect();
        document("andon.metrics/1", json!({ "series": rows }));
        return Ok(0);
    }
    if all.is_empty() {
        say("No run has reported a number yet");
    }
    let now = Timestamp::now();
    let width = all.iter().map(|s| s.path().chars().count()).max().unwrap_or(0);
    for s in &all {
        let when = time::when(s.last_at, now);
        line(&format!("{:<width$}  {:>7}  {when:<16}  {}", s.path(), text::count(s.points, "point"), s.last));
    }
    Ok(0)
}

fn show(args: &Show) -> Result<i32> {
    let store = open(&args.common.root()?)?;
    let series = find(&store, &args.series)?;
    let since = args.since.as_deref().map(instant).transpose()?;
    let points = store.points(&series, since)?;
    if args.common.json {
        let rows: Vec<Value> = points
            .iter()
            .map(|p| {
                json!({
                    "at": p.metric.at, "value": p.metric.value, "run": p.run, "attempt": p.attempt,
                    "data_time": p.metric.data_time,
                })
            })
            .collect();
        document("andon.series/1", json!({ "series": series.path(), "unit": series.unit, "points": rows }));
        return Ok(0);
    }
    for p in &points {
        line(&format!("{}  {}  {}", p.metric.at, p.metric.value, p.run));
    }
    Ok(0)
}

fn find(store: &Store, wanted: &str) -> Result<Series> {
    let all = store.series()?;
    if let Some(found) = all.iter().find(|s| s.path() == wanted) {
        return Ok(found.clone());
    }
    let end = format!("/{wanted}");
    let ending: Vec<&Series> = all.iter().filter(|s| s.path().ends_with(&end)).collect();
    match ending.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let paths: Vec<String> = all.iter().map(Series::path).collect();
            let error = Error::user(format!("No series is called {wanted}"));
            Err(match text::nearest(wanted, paths.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("Did you mean {near}?")),
                None => error.hint("andon metrics list names them"),
            })
        }
        many => {
            let names: Vec<String> = many.iter().map(|s| s.path()).collect();
            Err(Error::user(format!("Several series end with {wanted}")).hint(names.join("\n")))
        }
    }
}

/// A date, a time, or how long ago.
pub(super) fn instant(text: &str) -> Result<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(at) = text.parse::<jiff::civil::DateTime>() {
        return at
            .to_zoned(time::local_zone())
            .map(|z| z.timestamp())
            .map_err(|e| Error::user("No such time").because(&e));
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => 0,
    };
    number
        .parse::<i64>()
        .ok()
        .filter(|_| seconds > 0)
        .and_then(|n| Timestamp::now().checked_sub(jiff::SignedDuration::from_secs(n.checked_mul(seconds)?)).ok())
        .ok_or_else(|| {
            Error::user(format!("{text:?} is no time"))
                .hint("Write 2026-11-21, 2026-11-21T09:00, or how long ago: 90m, 12h, 7d")
        })
}

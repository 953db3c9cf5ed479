//! Runs, their tasks and attempts: states, what may follow what, what it takes to repeat and to explain one.
//!
//! One model serves the embedded runner and remote systems alike. A **run** is one execution of a pipeline; a
//! **task** of it has numbered **attempts** (a try in Airflow, a state history in Prefect). Rerunning keeps the run:
//! its `round` counts up, the tasks in scope get further attempts, successful ones outside it keep theirs.
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{Error, Result, ids::RunId, text::nearest};

mod changes;
pub mod durations;
pub mod grid;
mod log;
pub mod logindex;

pub use changes::{Change, ChangeKind, Verdict, what_changed};
pub use log::{Level, LogLine, strip_ansi};

/// Parameters in the order of their declaration.
pub type Params = serde_json::Map<String, Value>;

/// The connection of runs that Andon itself carries out.
pub const LOCAL: &str = "local";

/// What tells a pipeline from those of other systems: `nightly` of Andon's own runner, `nightly@airflow` of a connection.
pub fn pipeline_key(connection: &str, pipeline: &str) -> String {
    if connection == LOCAL { pipeline.to_owned() } else { format!("{pipeline}@{connection}") }
}

/// State of a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Queued,
    Running,
    Success,
    Failed,
    Cancelled,
    /// Its owner died in mid-run.
    Interrupted,
}

/// State of a task, and of an attempt (which is never `Retrying`, `Skipped` or `UpstreamFailed`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    Queued,
    Running,
    Success,
    Failed,
    /// An attempt failed and the next one waits for its time.
    Retrying,
    Cancelled,
    Skipped,
    Interrupted,
    /// Not started, because a task before it did not succeed.
    UpstreamFailed,
}

macro_rules! names {
    ($type:ident { $($variant:ident $name:literal $word:literal),* $(,)? }) => {
        impl $type {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            /// The name in files and documents.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
            /// The word a person reads.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
            /// Reads [`Self::name`].
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
names!(RunState {
    Queued "queued" "Queued", Running "running" "Running", Success "success" "Success", Failed "failed" "Failed",
    Cancelled "cancelled" "Cancelled", Interrupted "interrupted" "Interrupted",
});
names!(TaskState {
    Queued "queued" "Queued", Running "running" "Running", Success "success" "Success", Failed "failed" "Failed",
    Retrying "retrying" "Retrying", Cancelled "cancelled" "Cancelled", Skipped "skipped" "Skipped",
    Interrupted "interrupted" "Interrupted", UpstreamFailed "upstream_failed" "Upstream failed",
});
names!(RunKind { Pipeline "pipeline" "Pipeline", Notebook "notebook" "Notebook" });
names!(Trigger {
    Window "window" "started here", Cli "cli" "command line", Schedule "schedule" "scheduled", Remote "remote" "remote",
});

impl RunState {
    /// True when nothing more happens by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
    /// True for what a person has to look at.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::Interrupted)
    }
    /// Whether `next` may follow; a rerun leads from any final state back to the queue.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued => next != Self::Queued,
            Self::Running => next.is_final(),
            _ => next == Self::Queued,
        }
    }
}

impl TaskState {
    /// True when nothing more happens by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Retrying)
    }
    /// True for what a person has to look at.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::Interrupted)
    }
    /// True when the tasks after it may start.
    pub fn lets_pass(self) -> bool {
        matches!(self, Self::Success | Self::Skipped)
    }
    /// Whether `next` may follow; a rerun leads from any final state back to the queue.
    pub fn may_become(self, next: Self) -> bool {
        use TaskState::{Cancelled, Failed, Interrupted, Queued, Retrying, Running, Skipped, Success, UpstreamFailed};
        match self {
            Queued => matches!(next, Running | Failed | Cancelled | Skipped | Interrupted | UpstreamFailed),
            Running => matches!(next, Success | Failed | Retrying | Cancelled | Interrupted),
            Retrying => matches!(next, Running | Cancelled | Interrupted | Failed),
            Success | Failed | Cancelled | Skipped | Interrupted | UpstreamFailed => matches!(next, Queued | Skipped),
        }
    }
}

/// What was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    Pipeline,
    Notebook,
}

/// Who asked for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    Window,
    Cli,
    Schedule,
    Remote,
}

/// One execution of a pipeline or a notebook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Andon's own id.
    pub id: RunId,
    /// Counts the runs of a pipeline in this workspace, from 1.
    pub number: u64,
    /// Which system runs it; [`LOCAL`] for Andon itself.
    pub connection: String,
    /// What that system calls the run.
    pub remote_id: Option<String>,
    /// Name of the pipeline, or path of the notebook.
    pub pipeline: String,
    /// Workspace path of the pipeline file or the notebook.
    pub source: String,
    pub kind: RunKind,
    pub trigger: Trigger,
    pub state: RunState,
    /// 1 for the first execution, counted up by each rerun.
    pub round: u32,
    pub queued_at: Timestamp,
    /// Start of the present round.
    pub started_at: Option<Timestamp>,
    /// End of the present round.
    pub ended_at: Option<Timestamp>,
    /// The date or time of the data, where a parameter names it; text as the parameter has it.
    pub data_time: Option<String>,
    pub params: Params,
    /// What it takes to reproduce the present round.
    pub record: Record,
    /// Why a person started or reran it.
    pub note: Option<String>,
    /// The first error, one line.
    pub error: Option<String>,
    /// A person asked to cancel and the owner has not yet obeyed.
    #[serde(default)]
    pub cancelling: bool,
    pub tasks: Vec<TaskRun>,
}

/// One task of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRun {
    pub id: String,
    /// `notebook`, `sql`, `command`, `check`, or what a remote system calls its operator.
    pub kind: String,
    pub state: TaskState,
    /// Ids of the tasks before it.
    pub after: Vec<String>,
    /// The last error, one line.
    pub error: Option<String>,
    /// When the next attempt is due, while `Retrying`.
    pub retry_at: Option<Timestamp>,
    /// Attempts allowed a round: retries + 1.
    #[serde(default = "one")]
    pub max_attempts: u32,
    pub attempts: Vec<Attempt>,
}

fn one() -> u32 {
    1
}

/// One try of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1, counted on over reruns.
    pub number: u32,
    /// The round it belongs to.
    pub round: u32,
    pub state: TaskState,
    /// When it could have started.
    pub queued_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub exit_code: Option<i32>,
    pub error: Option<String>,
    /// Workspace path of the log.
    pub log: Option<String>,
    pub log_lines: u64,
    /// Line number, from 1, of the first error in the log.
    pub first_error: Option<u64>,
    /// Workspace path of the executed notebook.
    pub artifact: Option<String>,
    /// Workspace path to content hash of what was read.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// Workspace path to content hash of what was written.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// Kernel that executed it.
    pub kernel: Option<String>,
    /// Commit that was checked out.
    pub commit: Option<String>,
}

/// What it takes to reproduce a run, taken when the round starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub commit: Option<Commit>,
    pub branch: Option<String>,
    /// Hash of all uncommitted changes; `None` when there are none or no repository.
    pub dirty: Option<String>,
    /// Files with uncommitted changes, at most a hundred.
    pub dirty_files: Vec<String>,
    /// Hash of the pipeline file or the notebook.
    pub source_hash: Option<String>,
    /// Name to value: program version, system, interpreter, lock files.
    pub environment: BTreeMap<String, String>,
}

/// A commit as a run remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Full hexadecimal id.
    pub id: String,
    pub summary: String,
    pub author: String,
    pub at: Timestamp,
}

impl Commit {
    /// The first seven digits.
    pub fn short(&self) -> &str {
        self.id.get(..7).unwrap_or(&self.id)
    }
}

/// A number a task reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    pub name: String,
    pub value: f64,
    pub unit: Option<String>,
    /// When it was measured.
    pub at: Timestamp,
    /// The date or time of the data it describes.
    pub data_time: Option<String>,
}

/// A [`Metric`] with where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricPoint {
    pub run: RunId,
    pub pipeline: String,
    pub task: String,
    pub attempt: u32,
    #[serde(flatten)]
    pub metric: Metric,
}

/// Result of one data-quality check as the store keeps it; `detail` is the quality feature's own document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// The run it was part of; `None` for a suite evaluated by itself.
    pub run: Option<RunId>,
    pub task: Option<String>,
    /// Joins the results of one evaluation.
    pub evaluation: String,
    /// Workspace path of the suite.
    pub suite: String,
    pub check: String,
    pub dataset: String,
    /// `pass`, `warn`, `fail`, `error`.
    pub state: String,
    /// `critical`, `warning`.
    pub severity: String,
    /// What was measured.
    pub value: Option<f64>,
    pub failed_rows: Option<u64>,
    pub total_rows: Option<u64>,
    pub message: String,
    pub at: Timestamp,
    pub data_time: Option<String>,
    #[serde(default)]
    pub detail: Value,
}

/// What a rerun runs again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// What did not succeed, and what follows it.
    Failed,
    /// This task and what follows it.
    From(String),
    /// This task alone.
    Only(String),
    /// Every task.
    All,
}

impl Scope {
    /// Stable text for request keys.
    pub fn key(&self) -> String {
        match self {
            Self::Failed => "failed".to_owned(),
            Self::From(task) => format!("from:{task}"),
            Self::Only(task) => format!("only:{task}"),
            Self::All => "all".to_owned(),
        }
    }
}

impl Attempt {
    /// Milliseconds from start to end, or to `now` while it runs; `None` when it never started.
    pub fn duration_ms(&self, now: Timestamp) -> Option<u64> {
        let start = self.started_at?;
        Some(millis(start, self.ended_at.unwrap_or(now)))
    }
}

impl TaskRun {
    /// The newest attempt.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }
    /// Milliseconds of the newest attempt.
    pub fn duration_ms(&self, now: Timestamp) -> Option<u64> {
        self.last()?.duration_ms(now)
    }
    /// True when it succeeded only after a failed attempt in the same round.
    pub fn is_flaky(&self) -> bool {
        let Some(last) = self.last() else { return false };
        self.state == TaskState::Success && self.attempts.iter().filter(|a| a.round == last.round).count() > 1
    }
}

impl Run {
    /// The task with this id.
    pub fn task(&self, id: &str) -> Option<&TaskRun> {
        self.tasks.iter().find(|t| t.id == id)
    }
    /// What tells its pipeline from those of other systems: the name alone for Andon's own runner.
    pub fn key(&self) -> String {
        pipeline_key(&self.connection, &self.pipeline)
    }
    /// `nightly #412`.
    pub fn title(&self) -> String {
        format!("{} #{}", self.pipeline, self.number)
    }
    /// Milliseconds something ran, over all rounds; pauses between a failure and its rerun do not count.
    pub fn duration_ms(&self, now: Timestamp) -> Option<u64> {
        let mut rounds: BTreeMap<u32, (Timestamp, Timestamp)> = BTreeMap::new();
        for a in self.tasks.iter().flat_map(|t| &t.attempts) {
            let Some(start) = a.started_at else { continue };
            let end = a.ended_at.unwrap_or(now);
            let span = rounds.entry(a.round).or_insert((start, end));
            *span = (span.0.min(start), span.1.max(end));
        }
        if rounds.is_empty() {
            return self.started_at.map(|s| millis(s, self.ended_at.unwrap_or(now)));
        }
        Some(rounds.values().map(|(s, e)| millis(*s, *e)).sum())
    }
    /// The task whose failure a person should read first: the earliest one that went bad.
    pub fn first_bad(&self) -> Option<&TaskRun> {
        self.tasks
            .iter()
            .filter(|t| t.state.is_bad())
            .min_by_key(|t| t.last().and_then(|a| a.ended_at).unwrap_or(Timestamp::MAX))
    }
    /// What the newest attempts have read from outside: files that a task of the run itself wrote are left out, as
    /// they change with what they were made of.
    pub fn inputs(&self) -> BTreeMap<&str, &str> {
        let last = || self.tasks.iter().filter_map(TaskRun::last);
        let made: BTreeSet<&str> = last().flat_map(|a| a.outputs.keys()).map(String::as_str).collect();
        let read = last().flat_map(|a| &a.inputs).map(|(p, h)| (p.as_str(), h.as_str()));
        read.filter(|(p, _)| !made.contains(p)).collect()
    }
    /// Share of tasks that are over.
    pub fn share_done(&self) -> f32 {
        if self.tasks.is_empty() {
            return 0.0;
        }
        self.tasks.iter().filter(|t| t.state.is_final()).count() as f32 / self.tasks.len() as f32
    }
    /// The state that follows from the tasks once nothing runs any more.
    pub fn outcome(&self) -> RunState {
        let any = |s: TaskState| self.tasks.iter().any(|t| t.state == s);
        if any(TaskState::Interrupted) {
            RunState::Interrupted
        } else if any(TaskState::Failed) {
            RunState::Failed
        } else if any(TaskState::Cancelled) {
            RunState::Cancelled
        } else if any(TaskState::UpstreamFailed) {
            RunState::Failed
        } else {
            RunState::Success
        }
    }
    /// The ids of the tasks a rerun would run, in the order of the pipeline. An error says why nothing would.
    pub fn rerun_plan(&self, scope: &Scope) -> Result<Vec<String>> {
        let seeds: BTreeSet<&str> = match scope {
            Scope::All => self.tasks.iter().map(|t| t.id.as_str()).collect(),
            Scope::From(id) | Scope::Only(id) => {
                let task = self.task(id).ok_or_else(|| self.no_task(id))?;
                BTreeSet::from([task.id.as_str()])
            }
            Scope::Failed => self.tasks.iter().filter(|t| !t.state.lets_pass()).map(|t| t.id.as_str()).collect(),
        };
        if seeds.is_empty() {
            return Err(Error::user(format!("Nothing failed in {}", self.title()))
                .hint("Rerun everything with --all, or one task and what follows it with --from TASK"));
        }
        let chosen = if matches!(scope, Scope::Only(_)) { seeds } else { self.with_downstream(seeds) };
        Ok(self.tasks.iter().filter(|t| chosen.contains(t.id.as_str())).map(|t| t.id.clone()).collect())
    }
    fn no_task(&self, id: &str) -> Error {
        let known: Vec<_> = self.tasks.iter().map(|t| t.id.as_str()).collect();
        let hint = match nearest(id, known.iter().copied()) {
            Some(near) => format!("Did you mean {near}?"),
            None => format!("Its tasks: {}", known.join(", ")),
        };
        Error::user(format!("{} has no task {id}", self.title())).hint(hint)
    }
    fn with_downstream<'a>(&'a self, mut chosen: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
        loop {
            let more: Vec<_> = self
                .tasks
                .iter()
                .filter(|t| !chosen.contains(t.id.as_str()) && t.after.iter().any(|a| chosen.contains(a.as_str())))
                .map(|t| t.id.as_str())
                .collect();
            if more.is_empty() {
                return chosen;
            }
            chosen.extend(more);
        }
    }
}

/// The text of the parameter whose name says that it is the date or time of the data.
pub fn named_data_time(values: &Params) -> Option<String> {
    let named = ["day", "date", "data_date", "data_time", "month", "hour"];
    named.iter().find_map(|n| values.get(*n).and_then(Value::as_str)).map(str::to_owned)
}

/// Milliseconds between two instants, never negative.
pub fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}

/// Reads the metrics in a line of output: `{"andon.metric": {"name": "rows", "value": 12, "unit": "rows"}}`, a list of
/// such objects, or names with numbers: `{"andon.metric": {"rows": 12, "share": 0.5}}`. `data_time` and `at` may be
/// given too. `None` for any other line.
pub fn parse_metrics(line: &str, at: Timestamp, data_time: Option<&str>) -> Option<Vec<Metric>> {
    let line = line.trim();
    if !line.starts_with('{') || !line.contains("andon.metric") {
        return None;
    }
    let value: Value = serde_json::from_str(line).ok()?;
    Some(metrics_in(value.get("andon.metric")?, at, data_time))
}

/// As [`parse_metrics`], for a metric object without its wrapper.
pub fn metrics_in(value: &Value, at: Timestamp, data_time: Option<&str>) -> Vec<Metric> {
    match value {
        Value::Array(items) => items.iter().flat_map(|v| metrics_in(v, at, data_time)).collect(),
        Value::Object(map) if map.get("name").is_some_and(Value::is_string) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
            let measured = map.get("at").and_then(Value::as_str).and_then(|s| s.parse().ok());
            let (Some(name), Some(value)) = (text("name"), map.get("value").and_then(number)) else {
                return Vec::new();
            };
            let data_time = text("data_time").or_else(|| data_time.map(str::to_owned));
            vec![Metric { name, value, unit: text("unit"), at: measured.unwrap_or(at), data_time }]
        }
        Value::Object(map) => map
            .iter()
            .filter_map(|(name, v)| Some((name, number(v)?)))
            .map(|(name, value)| Metric {
                name: name.clone(),
                value,
                unit: None,
                at,
                data_time: data_time.map(str::to_owned),
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        Value::String(s) => s.parse().ok(),
        other => other.as_f64(),
    }
    .filter(|n| n.is_finite())
}

#[cfg(test)]
pub(crate) mod tests;

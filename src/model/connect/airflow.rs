//! What Airflow's REST interface (v2, Airflow 3; seen on 3.3) answers, as runs, tasks and attempts.
//!
//! A DAG run is a run and keeps its id when it is cleared; a task instance is a task, one of a mapped task has its
//! index behind its name (`quality.measure[3]`); a try is an attempt.
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Connection, RemotePipeline, Seen,
    normal::{count_at, number, time_at, word},
};
use crate::model::run::{
    Attempt, Level, LogLine, Metric, Params, Record, Run, RunKind, RunState, TaskRun, TaskState, Trigger,
};

/// The list under a key; empty where there is none.
pub fn list<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    answer.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// One row of `GET /dags`.
pub fn pipeline(dag: &Value) -> Option<RemotePipeline> {
    Some(RemotePipeline {
        name: word(dag, "dag_id")?,
        description: word(dag, "description"),
        paused: dag.get("is_paused").and_then(Value::as_bool).unwrap_or(false),
        tags: list(dag, "tags").iter().filter_map(|t| word(t, "name")).collect(),
        schedule: word(dag, "timetable_description").or_else(|| word(dag, "timetable_summary")),
        next_run: time_at(dag, "next_dagrun_run_after").or_else(|| time_at(dag, "next_dagrun_logical_date")),
        broken: dag.get("has_import_errors").and_then(Value::as_bool).unwrap_or(false),
    })
}

/// The tasks of a DAG before anything ran: in the order in which they can run, each with those before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    pub order: Vec<String>,
    pub after: BTreeMap<String, Vec<String>>,
    pub operator: BTreeMap<String, String>,
}

impl Graph {
    /// Reads `GET /dags/{d}/tasks`.
    pub fn read(answer: &Value) -> Self {
        let mut graph = Self::default();
        let mut next: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for task in list(answer, "tasks") {
            let Some(id) = word(task, "task_id") else { continue };
            graph.after.entry(id.clone()).or_default();
            if let Some(operator) = word(task, "operator_name") {
                graph.operator.insert(id.clone(), operator);
            }
            for below in list(task, "downstream_task_ids").iter().filter_map(Value::as_str) {
                graph.after.entry(below.to_owned()).or_default().push(id.clone());
                next.entry(id.clone()).or_default().push(below.to_owned());
            }
        }
        let mut open: BTreeMap<&str, usize> = graph.after.iter().map(|(id, a)| (id.as_str(), a.len())).collect();
        // By name among those that could run at the same time, so that the order is the same each time.
        while let Some(id) = open.iter().filter(|(_, n)| **n == 0).map(|(id, _)| (*id).to_owned()).next() {
            open.remove(id.as_str());
            for below in next.get(&id).into_iter().flatten() {
                if let Some(n) = open.get_mut(below.as_str()) {
                    *n = n.saturating_sub(1);
                }
            }
            graph.order.push(id);
        }
        // A circle cannot be; should a server send one, its tasks are shown all the same.
        graph.order.extend(open.into_keys().map(str::to_owned).collect::<Vec<_>>());
        graph
    }
    fn place(&self, id: &str) -> usize {
        self.order.iter().position(|o| o == id).unwrap_or(usize::MAX)
    }
}

/// State of a DAG run; none for one that only a newer version knows.
pub fn run_state(state: &str) -> Option<RunState> {
    Some(match state {
        "queued" => RunState::Queued,
        "running" | "restarting" => RunState::Running,
        "success" => RunState::Success,
        "failed" => RunState::Failed,
        _ => return None,
    })
}

/// State of a task instance; none for one that only a newer version knows. An instance without a state waits.
pub fn task_state(state: Option<&str>) -> Option<TaskState> {
    Some(match state {
        None | Some("scheduled" | "queued" | "none") => TaskState::Queued,
        Some("running" | "restarting" | "deferred" | "up_for_reschedule") => TaskState::Running,
        Some("success") => TaskState::Success,
        Some("failed" | "shutdown") => TaskState::Failed,
        Some("up_for_retry") => TaskState::Retrying,
        Some("upstream_failed") => TaskState::UpstreamFailed,
        Some("skipped" | "removed") => TaskState::Skipped,
        Some(_) => return None,
    })
}

/// One row of `GET /dags/~/dagRuns`. `now` stands in where the server gives no time at all.
pub fn run(to: &Connection, row: &Value, now: Timestamp) -> Option<Seen> {
    let (pipeline, remote) = (word(row, "dag_id")?, word(row, "dag_run_id")?);
    let said = word(row, "state").unwrap_or_default();
    let ended_at = time_at(row, "end_date");
    // What is not known is neither good nor bad, but it is over or not.
    let unknown = if ended_at.is_some() { RunState::Interrupted } else { RunState::Running };
    let state = run_state(&said).unwrap_or(unknown);
    let times = ["queued_at", "run_after", "start_date", "logical_date"];
    // When it is cleared, Airflow queues it anew; the first time it was due is what places it in the history.
    let due = time_at(row, "run_after").or_else(|| time_at(row, "logical_date"));
    let queued_at = due.or_else(|| times.iter().find_map(|k| time_at(row, k))).unwrap_or(now);
    let trigger =
        if word(row, "run_type").as_deref() == Some("scheduled") { Trigger::Schedule } else { Trigger::Remote };
    let mut environment = BTreeMap::new();
    if let Some(version) = list(row, "dag_versions").last() {
        if let Some(n) = count_at(version, "version_number") {
            environment.insert("DAG version".to_owned(), n.to_string());
        }
        if let Some(bundle) = word(version, "bundle_version") {
            environment.insert("bundle".to_owned(), bundle);
        }
    }
    if let Some(who) = word(row, "triggering_user_name") {
        environment.insert("started by".to_owned(), who);
    }
    let params: Params = row.get("conf").and_then(Value::as_object).cloned().unwrap_or_default();
    let run = Run {
        id: to.run_id(&pipeline, &remote),
        number: 0,
        connection: to.name.clone(),
        source: pipeline.clone(),
        pipeline,
        remote_id: Some(remote),
        kind: RunKind::Pipeline,
        trigger,
        state,
        round: 1,
        queued_at,
        started_at: time_at(row, "start_date"),
        ended_at: if state.is_final() { ended_at } else { None },
        data_time: word(row, "logical_date").map(|t| t.get(..10).map_or_else(|| t.clone(), str::to_owned)),
        params,
        record: Record { environment, ..Record::default() },
        note: word(row, "note"),
        error: run_state(&said).is_none().then(|| unknown_state(&said)),
        cancelling: false,
        tasks: Vec::new(),
    };
    Some(Seen { run, tasks: None, updated: time_at(row, "updated_at"), cancelled_is_failed: true })
}

fn unknown_state(said: &str) -> String {
    let said = crate::base::text::visible(&crate::base::text::shorten(said, 40));
    format!("Airflow says {said:?}, a state that this version of Andon does not know")
}

/// Id of a task instance: its task, of a mapped one with its index.
pub fn instance_id(row: &Value) -> Option<String> {
    let task = word(row, "task_id")?;
    let index = row.get("map_index").and_then(Value::as_i64).unwrap_or(-1);
    Some(if index < 0 { task } else { format!("{task}[{index}]") })
}

/// The task instances of one run; `tries` are the rows of `/tries` of those that have several.
pub fn tasks(rows: &[Value], tries: &HashMap<String, Vec<Value>>, graph: &Graph, now: Timestamp) -> Vec<TaskRun> {
    let mut all: Vec<(usize, i64, TaskRun)> = Vec::with_capacity(rows.len());
    for row in rows {
        let (Some(id), Some(task)) = (instance_id(row), word(row, "task_id")) else { continue };
        let index = row.get("map_index").and_then(Value::as_i64).unwrap_or(-1);
        let said = word(row, "state");
        let over = time_at(row, "end_date").is_some();
        let unknown = if over { TaskState::Interrupted } else { TaskState::Running };
        let state = task_state(said.as_deref()).unwrap_or(unknown);
        let mut attempts: BTreeMap<u32, Attempt> = BTreeMap::new();
        for row in tries.get(&id).into_iter().flatten().chain([row]) {
            if let Some(attempt) = attempt(row, now) {
                attempts.insert(attempt.number, attempt);
            }
        }
        let attempts: Vec<Attempt> = attempts.into_values().collect();
        let error = match (task_state(said.as_deref()), attempts.last()) {
            (None, _) => Some(unknown_state(said.as_deref().unwrap_or_default())),
            (_, Some(last)) if state == TaskState::Failed => last.error.clone(),
            _ => None,
        };
        let kind = word(row, "operator_name").or_else(|| graph.operator.get(&task).cloned()).unwrap_or_default();
        let task_run = TaskRun {
            id,
            kind,
            state,
            after: graph.after.get(&task).cloned().unwrap_or_default(),
            error,
            retry_at: None,
            max_attempts: count_at(row, "max_tries").map_or(1, |n| u32::try_from(n).unwrap_or(0) + 1),
            attempts,
        };
        all.push((graph.place(&task), index, task_run));
    }
    all.sort_by(|a, b| (a.0, a.1, &a.2.id).cmp(&(b.0, b.1, &b.2.id)));
    all.into_iter().map(|(_, _, task)| task).collect()
}

/// What a failed task without a start is: Airflow's scheduler gave it up, and there is no log either.
pub const NEVER_STARTED: &str = "It was never started: Airflow gave it up before it began, so there is no log";

fn attempt(row: &Value, now: Timestamp) -> Option<Attempt> {
    let number = u32::try_from(count_at(row, "try_number")?).ok().filter(|n| *n > 0)?;
    // A cleared instance keeps number and times of the try that is over until the scheduler takes it up again.
    let said = Some(word(row, "state")?);
    let (started_at, ended_at) = (time_at(row, "start_date"), time_at(row, "end_date"));
    let queued = time_at(row, "queued_when").or_else(|| time_at(row, "scheduled_when"));
    let state = match task_state(said.as_deref()) {
        Some(TaskState::Retrying) => TaskState::Failed,
        // Nothing was tried, although Airflow notes times.
        Some(TaskState::UpstreamFailed | TaskState::Skipped) => return None,
        Some(state) => state,
        None if ended_at.is_some() => TaskState::Interrupted,
        None => TaskState::Running,
    };
    let error = (state == TaskState::Failed && started_at.is_none()).then(|| NEVER_STARTED.to_owned());
    Some(Attempt {
        number,
        round: 1,
        state,
        queued_at: queued.or(started_at).unwrap_or(now),
        started_at,
        ended_at: if state.is_final() { ended_at } else { None },
        exit_code: None,
        error,
        log: None,
        log_lines: 0,
        first_error: None,
        artifact: None,
        inputs: BTreeMap::new(),
        outputs: BTreeMap::new(),
        kernel: None,
        commit: None,
    })
}

/// The instances that clearing would run again, from a dry run.
pub fn cleared(answer: &Value) -> Vec<String> {
    list(answer, "task_instances").iter().filter_map(instance_id).collect()
}

/// One line of a log's NDJSON: its lines, for an event with a traceback several.
pub fn log_lines(line: &str) -> Vec<LogLine> {
    let Ok(value) = serde_json::from_str::<Value>(line) else {
        return text_lines(None, None, "task", line);
    };
    let at = time_at(&value, "timestamp");
    let level = word(&value, "level").map(|l| level(&l));
    let source = word(&value, "logger").unwrap_or_else(|| "task".to_owned());
    let event = match value.get("event") {
        Some(Value::String(s)) => s.clone(),
        Some(other) => other.to_string(),
        None => value.to_string(),
    };
    let mut all = text_lines(at, level, &source, &event);
    for error in list(&value, "error_detail") {
        let (kind, text) = (word(error, "exc_type"), word(error, "exc_value"));
        for frame in list(error, "frames") {
            let (file, line) = (word(frame, "filename").unwrap_or_default(), count_at(frame, "lineno").unwrap_or(0));
            let name = word(frame, "name").unwrap_or_default();
            all.extend(text_lines(
                at,
                Some(Level::Error),
                &source,
                &format!("  File \"{file}\", line {line}, in {name}"),
            ));
        }
        let said = [kind, text].into_iter().flatten().collect::<Vec<_>>().join(": ");
        all.extend(text_lines(at, Some(Level::Error), &source, &said));
    }
    all
}

fn text_lines(at: Option<Timestamp>, known: Option<Level>, source: &str, text: &str) -> Vec<LogLine> {
    let lines = text.lines().map(|line| LogLine {
        at,
        // What a program prints arrives as INFO; the words in it say more.
        level: known.filter(|l| *l != Level::Info).unwrap_or_else(|| Level::guess(line)),
        source: source.to_owned(),
        text: line.to_owned(),
    });
    lines.collect()
}

fn level(name: &str) -> Level {
    match name.to_ascii_lowercase().as_str() {
        "debug" | "trace" => Level::Debug,
        "warn" | "warning" => Level::Warn,
        "error" | "critical" | "fatal" | "exception" => Level::Error,
        _ => Level::Info,
    }
}

/// The numbers in an `XCom`: a number by itself, or those of an object one level deep, each under `prefix.key`; what is
/// called `return_value` needs no prefix.
pub fn metrics(key: &str, value: &Value, at: Timestamp, data_time: Option<&str>) -> Vec<Metric> {
    let one =
        |name: String, value: f64| Metric { name, value, unit: None, at, data_time: data_time.map(str::to_owned) };
    let numeric = |v: &Value| if v.is_string() { None } else { number(v) };
    match value {
        Value::Object(map) => map
            .iter()
            .filter_map(|(name, v)| Some((name, numeric(v)?)))
            .map(|(name, v)| one(if key == "return_value" { name.clone() } else { format!("{key}.{name}") }, v))
            .collect(),
        other => numeric(other).map(|v| one(key.to_owned(), v)).into_iter().collect(),
    }
}

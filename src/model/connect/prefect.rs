//! What Prefect's REST interface (3.x; seen on 3.8) answers, as runs, tasks and attempts.
//!
//! A flow run is a run and keeps its id when it is retried. A deployment is a pipeline (`flow/deployment`), and so is a
//! flow that has none. The body of a flow is a task of its own: it logs and fails by itself, and a flow needs no tasks.
//! Each retry of a flow run gives its tasks new rows, which belong together by the name and order of the tasks; a retry
//! of a task inside a run is a state of the same row.
use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Connection, RemotePipeline, Seen,
    airflow::list,
    normal::{count_at, number, time_at, word},
};
use crate::{
    base::text,
    model::run::{
        Attempt, Level, LogLine, Metric, Params, Record, Run, RunKind, RunState, TaskRun, TaskState, Trigger,
        named_data_time,
    },
};

/// What a task is whose end was never heard of, so long after the end of its run.
const SETTLED: SignedDuration = SignedDuration::from_secs(20);
/// Numbers that are taken from one artifact.
const MOST_NUMBERS: usize = 200;

/// What comes behind the address of a server: its interface and the pages of its window.
pub const PAGES: &[&str] = &[
    "api",
    "dashboard",
    "runs",
    "flow-runs",
    "flow-run",
    "task-run",
    "flows",
    "flow",
    "deployments",
    "deployment",
    "work-pools",
    "work-pool",
    "work-queues",
    "blocks",
    "variables",
    "automations",
    "events",
    "event-feed",
    "settings",
    "notifications",
    "concurrency-limits",
    "artifacts",
    "artifact",
    "v2",
    "login",
    "docs",
];

/// The address of a workspace of Prefect Cloud, from that of its interface or of its window.
pub fn cloud(host: &str, parts: &[&str]) -> Option<String> {
    let after = |names: [&str; 2]| {
        let at = parts.iter().position(|p| names.contains(p))?;
        parts.get(at + 1).copied()
    };
    let (account, space) = (after(["accounts", "account"])?, after(["workspaces", "workspace"])?);
    let host = if host == "app.prefect.cloud" { "api.prefect.cloud" } else { host };
    Some(format!("https://{host}/api/accounts/{account}/workspaces/{space}/"))
}

/// Where the interface begins below a connection's address: a workspace in the cloud is one already.
pub fn base_path(url: &str) -> &'static str {
    if url.contains("/workspaces/") { "" } else { "api/" }
}

/// What flows and deployments are called, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    pub flows: HashMap<String, String>,
    /// Name of the deployment alone, and the flow it is of.
    pub deployments: HashMap<String, (String, String)>,
}

impl Names {
    /// Adds rows of `POST /flows/filter`.
    pub fn add_flows(&mut self, rows: &[Value]) {
        self.flows.extend(rows.iter().filter_map(|r| Some((word(r, "id")?, word(r, "name")?))));
    }
    /// Adds rows of `POST /deployments/filter`.
    pub fn add_deployments(&mut self, rows: &[Value]) {
        let read = |r: &Value| Some((word(r, "id")?, (word(r, "name")?, word(r, "flow_id")?)));
        self.deployments.extend(rows.iter().filter_map(read));
    }
    /// The name of the flow of a row of a flow run.
    pub fn flow(&self, row: &Value) -> String {
        let id = word(row, "flow_id").unwrap_or_default();
        self.flows.get(&id).cloned().unwrap_or_else(|| if id.is_empty() { "flow".to_owned() } else { id })
    }
    /// The pipeline of a row of a flow run: `flow/deployment`, or the flow where there is no deployment (any more).
    pub fn pipeline(&self, row: &Value) -> String {
        let flow = self.flow(row);
        match word(row, "deployment_id").and_then(|d| self.deployments.get(&d)) {
            Some((deployment, _)) => format!("{flow}/{deployment}"),
            None => flow,
        }
    }
}

/// One row of `POST /deployments/filter`.
pub fn pipeline(row: &Value, names: &Names) -> Option<RemotePipeline> {
    let schedules: Vec<String> = list(row, "schedules")
        .iter()
        .filter(|s| s.get("active").and_then(Value::as_bool) != Some(false))
        .filter_map(|s| schedule(s.get("schedule")?))
        .collect();
    Some(RemotePipeline {
        name: format!("{}/{}", names.flow(row), word(row, "name")?),
        // A flow without a description has this one.
        description: word(row, "description").filter(|d| d != "None"),
        paused: row.get("paused").and_then(Value::as_bool).unwrap_or(false),
        tags: list(row, "tags").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        schedule: (!schedules.is_empty()).then(|| schedules.join("; ")),
        next_run: None,
        broken: false,
    })
}

/// `0 6 * * * Europe/Berlin`, `every 5 min`, or the rule as it is.
fn schedule(row: &Value) -> Option<String> {
    let zone = word(row, "timezone").map(|z| format!(" {z}")).unwrap_or_default();
    if let Some(cron) = word(row, "cron") {
        return Some(format!("{cron}{zone}"));
    }
    if let Some(seconds) = row.get("interval").and_then(number) {
        let whole = seconds.max(0.0).round() as u64;
        let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
        let unit = units.iter().find(|(n, _)| whole >= *n && whole.is_multiple_of(*n));
        return Some(
            unit.map_or_else(|| format!("every {whole} s"), |(n, unit)| format!("every {} {unit}", whole / n)),
        );
    }
    word(row, "rrule").map(|r| format!("{r}{zone}"))
}

/// A parameter that a deployment does not take, with those it takes. The server lets it pass, and the flow fails.
pub fn unknown_param<'a>(deployment: &'a Value, params: &'a Params) -> Option<(&'a str, Vec<&'a str>)> {
    let strict = deployment.get("enforce_parameter_schema").and_then(Value::as_bool).unwrap_or(false);
    let known = deployment.pointer("/parameter_openapi_schema/properties").filter(|_| strict)?.as_object()?;
    let unknown = params.keys().find(|k| !known.contains_key(*k))?;
    Some((unknown, known.keys().map(String::as_str).collect()))
}

/// A state as a row of a run or a state says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// `SCHEDULED`, `RUNNING` and so on.
    pub kind: String,
    /// `Late`, `AwaitingRetry`, `Cached` and so on.
    pub name: String,
    pub message: Option<String>,
    pub at: Option<Timestamp>,
    /// When what is scheduled is due.
    pub due: Option<Timestamp>,
}

impl Said {
    /// The state of a row of a flow run or a task run.
    pub fn of(row: &Value) -> Self {
        let state = row.get("state").filter(|s| s.is_object());
        let mut said = state.map(Self::state).unwrap_or_default();
        said.kind = word(row, "state_type").unwrap_or(said.kind);
        said.name = word(row, "state_name").unwrap_or(said.name);
        said
    }
    /// A state by itself.
    pub fn state(state: &Value) -> Self {
        Self {
            kind: word(state, "type").unwrap_or_default(),
            name: word(state, "name").unwrap_or_default(),
            message: word(state, "message"),
            at: time_at(state, "timestamp"),
            due: state.get("state_details").and_then(|d| time_at(d, "scheduled_time")),
        }
    }
    /// True for what leads nowhere by itself.
    pub fn is_final(&self) -> bool {
        matches!(self.kind.as_str(), "COMPLETED" | "FAILED" | "CRASHED" | "CANCELLED")
    }
    /// The message in one line, without what every message begins with.
    fn error(&self) -> Option<String> {
        let message = self.message.as_deref()?.trim();
        let begin = [
            "Flow run encountered an exception: ",
            "Task run encountered an exception: ",
            "Task run encountered an exception ",
        ];
        let message = begin.iter().find_map(|b| message.strip_prefix(b)).unwrap_or(message);
        let line = message.lines().map(str::trim).find(|l| !l.is_empty())?;
        Some(text::shorten(&text::visible(line), 300))
    }
}

/// State of a flow run; none for one that only a newer version knows.
pub fn run_state(said: &Said) -> Option<RunState> {
    Some(match said.kind.as_str() {
        "SCHEDULED" | "PENDING" => RunState::Queued,
        // Its process is gone until somebody resumes it.
        "PAUSED" if said.name == "Suspended" => RunState::Queued,
        "RUNNING" | "CANCELLING" | "PAUSED" => RunState::Running,
        "COMPLETED" => RunState::Success,
        "FAILED" => RunState::Failed,
        "CRASHED" => RunState::Interrupted,
        "CANCELLED" => RunState::Cancelled,
        _ => return None,
    })
}

/// State of a task run; none for one that only a newer version knows.
pub fn task_state(said: &Said) -> Option<TaskState> {
    Some(match said.kind.as_str() {
        "SCHEDULED" if said.name == "AwaitingRetry" => TaskState::Retrying,
        // A task waits in vain for one before it that did not succeed.
        "PENDING"
            if said.name == "NotReady" && said.message.as_deref().is_some_and(|m| m.contains("did not reach")) =>
        {
            TaskState::UpstreamFailed
        }
        "SCHEDULED" | "PENDING" => TaskState::Queued,
        "RUNNING" | "CANCELLING" | "PAUSED" => TaskState::Running,
        "COMPLETED" => TaskState::Success,
        "FAILED" => TaskState::Failed,
        "CRASHED" => TaskState::Interrupted,
        "CANCELLED" => TaskState::Cancelled,
        _ => return None,
    })
}

/// One row of `POST /flow_runs/filter`. `now` stands in where the server gives no time at all.
pub fn run(to: &Connection, row: &Value, names: &Names, now: Timestamp) -> Option<Seen> {
    let remote = word(row, "id")?;
    let said = Said::of(row);
    let (started_at, ended_at) = (start(row), time_at(row, "end_time"));
    // What is not known is neither good nor bad, but it is over or not.
    let unknown = if ended_at.is_some() { RunState::Interrupted } else { RunState::Running };
    let state = run_state(&said).unwrap_or(unknown);
    let due = ["expected_start_time", "next_scheduled_start_time", "created"].iter().find_map(|k| time_at(row, k));
    let queued_at = match (due, started_at) {
        (Some(due), Some(start)) => due.min(start),
        (due, start) => due.or(start).unwrap_or(now),
    };
    let scheduled = row.get("auto_scheduled").and_then(Value::as_bool).unwrap_or(false);
    let mut environment = BTreeMap::new();
    let mut put = |key: &str, value: Option<String>| drop(value.map(|v| environment.insert(key.to_owned(), v)));
    put("name in Prefect", word(row, "name"));
    put("flow version", word(row, "flow_version"));
    put("deployment version", word(row, "deployment_version"));
    put("work pool", word(row, "work_pool_name"));
    put("started by", row.get("created_by").and_then(|c| word(c, "display_value")));
    let params: Params = row.get("parameters").and_then(Value::as_object).cloned().unwrap_or_default();
    let pipeline = names.pipeline(row);
    let run = Run {
        id: to.run_id(&pipeline, &remote),
        number: 0,
        connection: to.name.clone(),
        source: pipeline.clone(),
        pipeline,
        remote_id: Some(remote),
        kind: RunKind::Pipeline,
        trigger: if scheduled { Trigger::Schedule } else { Trigger::Remote },
        state,
        round: u32::try_from(count_at(row, "run_count").unwrap_or(1)).unwrap_or(1).max(1),
        queued_at,
        started_at,
        ended_at: if state.is_final() { ended_at } else { None },
        data_time: named_data_time(&params),
        params,
        record: Record { environment, ..Record::default() },
        note: None,
        error: trouble(&said, state),
        cancelling: said.kind == "CANCELLING",
        tasks: Vec::new(),
    };
    Some(Seen { run, tasks: None, updated: time_at(row, "updated"), cancelled_is_failed: false })
}

/// What a person should know of a run in this state.
fn trouble(said: &Said, state: RunState) -> Option<String> {
    if run_state(said).is_none() {
        return Some(unknown_state(said));
    }
    match (state, said.name.as_str()) {
        (RunState::Failed | RunState::Interrupted, _) => {
            Some(said.error().unwrap_or_else(|| format!("Prefect says {} and no more", said.name)))
        }
        (RunState::Queued, "Late") => Some("It is late: no runner or worker has taken it up".to_owned()),
        (_, "Suspended") => Some("It is suspended until somebody resumes it in Prefect".to_owned()),
        (_, "Paused") => Some("It is paused until somebody resumes it in Prefect".to_owned()),
        _ => None,
    }
}

fn unknown_state(said: &Said) -> String {
    let name =
        if said.kind.is_empty() { "no state".to_owned() } else { format!("{:?}", text::shorten(&said.kind, 40)) };
    format!("Prefect says {}, a state that this version of Andon does not know", text::visible(&name))
}

/// Where the lines and numbers of an attempt are in Prefect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    /// The task run; none for the body of the flow.
    pub row: Option<String>,
    /// Lines from then on, where several attempts share a row.
    pub from: Option<Timestamp>,
    /// Lines before then.
    pub until: Option<Timestamp>,
}

/// A task with the places of its attempts, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    pub task: TaskRun,
    pub places: Vec<Place>,
    /// Its result is kept, so that a retry of the run does not run it again.
    pub kept: bool,
}

/// What is known of one flow run.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Row of the flow run.
    pub run: Value,
    /// Its states, where it ran more than once.
    pub states: Vec<Value>,
    /// Its task runs.
    pub tasks: Vec<Value>,
    /// The states of those that ran more than once, by their ids.
    pub task_states: HashMap<String, Vec<Value>>,
}

/// One attempt as states tell it.
#[derive(Debug, Clone)]
struct Bout {
    queued: Option<Timestamp>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    state: TaskState,
    error: Option<String>,
}

impl Bout {
    fn attempt(self, number: u32, round: u32, now: Timestamp) -> Attempt {
        let over = self.state.is_final();
        Attempt {
            number,
            round,
            state: self.state,
            queued_at: self.queued.or(self.start).or(self.end).unwrap_or(now),
            started_at: self.start,
            ended_at: if over { self.end } else { None },
            exit_code: None,
            error: self.error,
            log: None,
            log_lines: 0,
            first_error: None,
            artifact: None,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            kernel: None,
            commit: None,
        }
    }
}

/// A history of states, taken apart into attempts.
fn bouts(states: &[Value]) -> Vec<Bout> {
    let mut all: Vec<Said> = states.iter().map(Said::state).collect();
    all.sort_by_key(|s| s.at);
    let (mut done, mut open, mut queued): (Vec<Bout>, Option<Bout>, Option<Timestamp>) = (Vec::new(), None, None);
    for said in all {
        let again = said.kind == "SCHEDULED" && said.name == "AwaitingRetry";
        if said.kind == "RUNNING" {
            // After a pause it goes on where it was.
            if open.is_none() {
                open = Some(Bout {
                    queued: queued.take(),
                    start: said.at,
                    end: None,
                    state: TaskState::Running,
                    error: None,
                });
            }
        } else if said.is_final() || again {
            let state = if again { TaskState::Failed } else { task_state(&said).unwrap_or(TaskState::Interrupted) };
            let error = if state.is_bad() { said.error() } else { None };
            match open.take() {
                Some(bout) => done.push(Bout { end: said.at, state, error, ..bout }),
                // It ended without having begun: only what went wrong is an attempt.
                None if state.is_bad() && !again => {
                    done.push(Bout { queued: queued.take(), start: None, end: said.at, state, error });
                }
                None => {}
            }
            if again {
                queued = said.at;
            }
        } else if matches!(said.kind.as_str(), "SCHEDULED" | "PENDING") && queued.is_none() {
            queued = said.due.or(said.at);
        }
    }
    done.extend(open);
    done
}

/// When it began. What ended without having begun has its end as its start in Prefect.
fn start(row: &Value) -> Option<Timestamp> {
    let never = count_at(row, "run_count") == Some(0) && time_at(row, "end_time").is_some();
    time_at(row, "start_time").filter(|_| !never)
}

/// The attempt that a row alone tells of.
fn single(row: &Value, said: &Said, state: TaskState) -> Option<Bout> {
    let (start, end) = (start(row), time_at(row, "end_time"));
    let queued = ["expected_start_time", "created"].iter().find_map(|k| time_at(row, k));
    let queued = match (queued, start) {
        (Some(q), Some(s)) => Some(q.min(s)),
        (q, s) => q.or(s),
    };
    let state = match state {
        TaskState::Retrying => TaskState::Failed,
        TaskState::Queued | TaskState::Skipped | TaskState::UpstreamFailed if start.is_none() => return None,
        // Stopped before it began.
        TaskState::Cancelled if start.is_none() => return None,
        TaskState::Queued | TaskState::Skipped | TaskState::UpstreamFailed => TaskState::Running,
        other => other,
    };
    let error = if state.is_bad() { said.error() } else { None };
    let end = end.or(said.at.filter(|_| state.is_final()));
    // What was found in the cache took no time.
    let start = start.or_else(|| end.filter(|_| state == TaskState::Success));
    Some(Bout { queued, start, end, state, error })
}

/// The tasks of a flow run: its body first, then the others in the order in which they came up.
pub fn tasks(rows: &Rows, flow: &str, now: Timestamp) -> Vec<Placed> {
    let run = Said::of(&rows.run);
    let count = |row: &Value, key: &str| u32::try_from(count_at(row, key).unwrap_or(1)).unwrap_or(1).max(1);
    let run_count = count(&rows.run, "run_count");
    let mut named: Vec<(String, u32, &Value)> =
        rows.tasks.iter().filter_map(|r| Some((base(r)?, count(r, "flow_run_run_count"), r))).collect();
    named.sort_by_cached_key(|(_, round, row)| (*round, came(row), word(row, "name")));
    // The nth of its name in each round is one task.
    let mut nth: HashMap<(&str, u32), usize> = HashMap::new();
    let mut widest: HashMap<&str, usize> = HashMap::new();
    let mut order: Vec<(&str, usize)> = Vec::new();
    let mut of: HashMap<(&str, usize), Vec<(u32, &Value)>> = HashMap::new();
    for (base, round, row) in &named {
        let n = nth.entry((base, *round)).or_default();
        let key = (base.as_str(), *n);
        *n += 1;
        let width = widest.entry(base).or_default();
        *width = (*width).max(*n);
        let all = of.entry(key).or_default();
        if all.is_empty() {
            order.push(key);
        }
        all.push((*round, *row));
    }
    let id = |key: &(&str, usize)| match widest.get(key.0) {
        Some(n) if *n > 1 => format!("{}[{}]", key.0, key.1),
        _ => key.0.to_owned(),
    };
    let ids: HashMap<String, String> =
        of.iter().flat_map(|(key, all)| all.iter().filter_map(|(_, row)| Some((word(row, "id")?, id(key))))).collect();
    let whole = Whole {
        run: &run,
        run_count,
        ended: time_at(&rows.run, "end_time"),
        ids: &ids,
        histories: &rows.task_states,
        now,
    };
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (place, key) in order.iter().enumerate() {
        first.entry(key.0).or_insert(place);
    }
    order.sort_by_key(|key| (first.get(key.0).copied(), key.1));
    let mut all: Vec<Placed> = order.iter().filter_map(|key| whole.task(id(key), of.get(key)?)).collect();
    let taken = |name: &str| all.iter().any(|p| p.task.id == name);
    let own = if taken(flow) { format!("{flow} (flow)") } else { flow.to_owned() };
    all.insert(0, body(rows, own, &run, run_count, now));
    all
}

/// The name of a task: as it is shown, without what makes it unique in a run.
fn base(row: &Value) -> Option<String> {
    let name = word(row, "name");
    let key = word(row, "dynamic_key").unwrap_or_default();
    let short: String = key.chars().take(3).collect();
    let plain = name.as_deref().and_then(|n| {
        [key.as_str(), short.as_str()]
            .iter()
            .filter(|k| !k.is_empty())
            .find_map(|k| n.strip_suffix(k)?.strip_suffix('-'))
    });
    if let Some(plain) = plain.filter(|p| !p.is_empty()) {
        return Some(plain.to_owned());
    }
    // A name made for each run says nothing across runs; the function's does.
    let function = word(row, "task_key").map(|k| match k.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => name.to_owned(),
        _ => k,
    });
    function.map(|f| f.rsplit('.').next().map_or_else(|| f.clone(), str::to_owned)).or(name)
}

fn came(row: &Value) -> Option<Timestamp> {
    ["expected_start_time", "created", "start_time"].iter().find_map(|k| time_at(row, k))
}

/// What the tasks of one run share.
struct Whole<'a> {
    run: &'a Said,
    run_count: u32,
    ended: Option<Timestamp>,
    ids: &'a HashMap<String, String>,
    histories: &'a HashMap<String, Vec<Value>>,
    now: Timestamp,
}

impl Whole<'_> {
    fn task(&self, id: String, rows: &[(u32, &Value)]) -> Option<Placed> {
        let (newest, row) = *rows.last()?;
        let (mut attempts, mut places): (Vec<Attempt>, Vec<Place>) = (Vec::new(), Vec::new());
        for (round, row) in rows {
            let said = Said::of(row);
            let state = self.state(row, &said);
            if said.name == "Cached" && attempts.iter().any(|a| a.state == TaskState::Success) {
                continue;
            }
            let row_id = word(row, "id");
            let history = row_id.as_ref().and_then(|id| self.histories.get(id));
            let mut found = history.map(|h| bouts(h)).unwrap_or_default();
            if found.is_empty() {
                found.extend(single(row, &said, state));
            } else if let Some(last) = found.last_mut().filter(|b| !b.state.is_final() && state.is_final()) {
                (last.state, last.end) = (state, self.ended);
            }
            let starts: Vec<Option<Timestamp>> = found.iter().map(|b| b.start).collect();
            for (n, bout) in found.into_iter().enumerate() {
                let number = u32::try_from(attempts.len()).unwrap_or(0) + 1;
                let (from, until) =
                    (starts.get(n).copied().flatten().filter(|_| n > 0), starts.get(n + 1).copied().flatten());
                places.push(Place { row: row_id.clone(), from, until });
                attempts.push(bout.attempt(number, *round, self.now));
            }
        }
        let said = Said::of(row);
        let mut state = self.state(row, &said);
        // The run goes again and has not come here yet.
        if newest < self.run_count && !self.run.is_final() && !state.lets_pass() {
            state = TaskState::Queued;
        }
        let error = match state {
            TaskState::Failed | TaskState::Interrupted => {
                let unheard = || "Its run ended, and Prefect never heard how it ended".to_owned();
                let last = attempts.last().and_then(|a| a.error.clone());
                Some(last.or_else(|| said.error().filter(|_| said.is_final())).unwrap_or_else(unheard))
            }
            _ if task_state(&said).is_none() => Some(unknown_state(&said)),
            TaskState::UpstreamFailed => said.error(),
            TaskState::Success if said.name == "RolledBack" => Some("What it did was rolled back".to_owned()),
            _ => None,
        };
        let kind = if row.pointer("/state/state_details/child_flow_run_id").is_some_and(Value::is_string) {
            "flow"
        } else {
            "task"
        };
        let task = TaskRun {
            after: self.after(row, &id),
            id,
            kind: kind.to_owned(),
            state,
            error,
            retry_at: said.due.filter(|_| state == TaskState::Retrying),
            max_attempts: retries(row) + 1,
            attempts,
        };
        Some(Placed { kept: task.state == TaskState::Success && is_kept(row), task, places })
    }

    /// The state, as it can be when the run is over: what was killed with its run stays as it was in Prefect.
    fn state(&self, row: &Value, said: &Said) -> TaskState {
        let over = time_at(row, "end_time").is_some();
        let unknown = if over { TaskState::Interrupted } else { TaskState::Running };
        let state = task_state(said).unwrap_or(unknown);
        if state.is_final() || !self.run.is_final() {
            return state;
        }
        match self.run.kind.as_str() {
            "CANCELLED" => TaskState::Cancelled,
            "CRASHED" => TaskState::Interrupted,
            _ if self.ended.is_some_and(|e| self.now.duration_since(e) > SETTLED) => TaskState::Interrupted,
            _ => state,
        }
    }

    fn after(&self, row: &Value, own: &str) -> Vec<String> {
        let mut all = Vec::new();
        let inputs = row.get("task_inputs").and_then(Value::as_object);
        for input in inputs.into_iter().flat_map(serde_json::Map::values).filter_map(Value::as_array).flatten() {
            let Some(id) = word(input, "id").and_then(|i| self.ids.get(&i)) else { continue };
            if id != own && !all.contains(id) {
                all.push(id.clone());
            }
        }
        all
    }
}

fn retries(row: &Value) -> u32 {
    let policy = row.get("empirical_policy");
    let n = ["retries", "max_retries"].iter().find_map(|k| count_at(policy?, k));
    u32::try_from(n.unwrap_or(0)).unwrap_or(0)
}

/// True when the result of a state lies where a later retry finds it.
pub fn is_kept(row: &Value) -> bool {
    let data = row.pointer("/state/data").filter(|d| !d.is_null());
    data.is_some_and(|d| d.get("type").and_then(Value::as_str) != Some("unpersisted"))
}

/// The body of the flow as a task.
fn body(rows: &Rows, id: String, said: &Said, run_count: u32, now: Timestamp) -> Placed {
    let unknown = if time_at(&rows.run, "end_time").is_some() { TaskState::Interrupted } else { TaskState::Running };
    let mut state = task_state(said).unwrap_or(unknown);
    // The run as a whole waits to be tried again: Prefect does that by itself only where it has retries left.
    if state == TaskState::Retrying && run_count > retries(&rows.run) {
        state = TaskState::Queued;
    }
    let mut found = bouts(&rows.states);
    if found.is_empty() && (run_count <= 1 || state.is_final()) {
        found.extend(single(&rows.run, said, state).filter(|b| b.state.is_final() || state == TaskState::Running));
    }
    let (mut attempts, mut places): (Vec<Attempt>, Vec<Place>) = (Vec::new(), Vec::new());
    // A runner says something of an attempt before it begins, and of the one before it after its end.
    let begins: Vec<Option<Timestamp>> = found.iter().map(|b| b.queued.or(b.start)).collect();
    let last = begins.len();
    for (n, bout) in found.into_iter().enumerate() {
        let number = u32::try_from(n).unwrap_or(0) + 1;
        let next = if n + 1 < last { begins.get(n + 1).copied().flatten() } else { None };
        places.push(Place { row: None, from: begins.get(n).copied().flatten().filter(|_| n > 0), until: next });
        attempts.push(bout.attempt(number, number, now));
    }
    let error = match state {
        TaskState::Failed | TaskState::Interrupted => said.error(),
        _ => None,
    };
    let task = TaskRun {
        id,
        kind: "flow".to_owned(),
        state,
        after: Vec::new(),
        error,
        retry_at: said.due.filter(|_| state == TaskState::Retrying),
        max_attempts: retries(&rows.run) + 1,
        attempts,
    };
    Placed { task, places, kept: false }
}

/// Start of the present round, of a run that ran more than once.
pub fn restarted(placed: &[Placed]) -> Option<Timestamp> {
    placed.first()?.task.attempts.last()?.started_at
}

/// What a retry of the run runs again, and what is to be known of it. A kept result is used again as long as what the
/// task is given is the same; what comes after a task that runs again may be given something else.
pub fn retried(placed: &[Placed]) -> (Vec<String>, Vec<String>) {
    let mut again: HashSet<&str> = placed.iter().filter(|p| !p.kept).map(|p| p.task.id.as_str()).collect();
    let own = placed.first().map(|p| p.task.id.as_str());
    loop {
        let more: Vec<&str> = placed
            .iter()
            .filter(|p| !again.contains(p.task.id.as_str()))
            .filter(|p| p.task.after.iter().any(|a| again.contains(a.as_str())))
            .map(|p| p.task.id.as_str())
            .collect();
        if more.is_empty() {
            break;
        }
        again.extend(more);
    }
    let ids: Vec<String> = placed.iter().map(|p| p.task.id.clone()).filter(|id| again.contains(id.as_str())).collect();
    let mut notes = Vec::new();
    let unkept = placed
        .iter()
        .filter(|p| p.task.state == TaskState::Success && !p.kept && Some(p.task.id.as_str()) != own)
        .count();
    if unkept > 0 {
        notes.push(format!(
            "{} succeeded and runs again, because Prefect keeps no result of it",
            text::count(unkept as u64, "task")
        ));
    }
    if placed.iter().any(|p| p.kept && again.contains(p.task.id.as_str())) {
        notes.push("A task with a kept result is left out when it is given the same as before".to_owned());
    }
    (ids, notes)
}

/// One row of `POST /logs/filter`: its lines.
pub fn log_lines(row: &Value) -> Vec<LogLine> {
    let at = time_at(row, "timestamp");
    let known = row.get("level").and_then(Value::as_i64).map(level);
    let source = word(row, "name").unwrap_or_else(|| "flow".to_owned());
    let message = word(row, "message").unwrap_or_default();
    let line = |text: &str| LogLine {
        at,
        // What a program prints arrives as INFO; the words in it say more.
        level: known.filter(|l| *l != Level::Info).unwrap_or_else(|| Level::guess(text)),
        source: source.clone(),
        text: text.to_owned(),
    };
    if message.is_empty() { vec![line("")] } else { message.lines().map(line).collect() }
}

fn level(number: i64) -> Level {
    match number {
        40.. => Level::Error,
        30.. => Level::Warn,
        20.. => Level::Info,
        _ => Level::Debug,
    }
}

/// The numbers in an artifact that has a key: of a table those of its rows, of a progress how far it is.
pub fn metrics(row: &Value, data_time: Option<&str>) -> Vec<Metric> {
    let (Some(key), Some(kind)) = (word(row, "key"), word(row, "type")) else { return Vec::new() };
    let at = time_at(row, "updated").or_else(|| time_at(row, "created"));
    let Some(at) = at else { return Vec::new() };
    // A table is text inside of JSON.
    let parsed = row.get("data").and_then(Value::as_str).and_then(|s| serde_json::from_str::<Value>(s).ok());
    let data = parsed.as_ref().or_else(|| row.get("data"));
    let values: Vec<(String, f64)> = match (kind.as_str(), data) {
        ("progress", Some(data)) => number(data).map(|n| (key.clone(), n)).into_iter().collect(),
        ("table", Some(data)) => table(data).into_iter().map(|(name, n)| (format!("{key}.{name}"), n)).collect(),
        _ => Vec::new(),
    };
    let unit = (kind == "progress").then(|| "%".to_owned());
    let metric =
        |(name, value)| Metric { name, value, unit: unit.clone(), at, data_time: data_time.map(str::to_owned) };
    values.into_iter().take(MOST_NUMBERS).map(metric).collect()
}

/// Numbers of a table under their names: rows of a name and a value, one row of columns, or rows with a name of their own.
fn table(data: &Value) -> Vec<(String, f64)> {
    let rows = match data {
        Value::Array(rows) => rows.clone(),
        Value::Object(columns) => turned(columns),
        _ => return Vec::new(),
    };
    let numeric = |v: &Value| if v.is_string() { None } else { number(v) };
    let mut all: Vec<(String, f64)> = Vec::new();
    let one = rows.len() == 1;
    for row in &rows {
        match row {
            Value::Object(row) => {
                let name = ["metric", "name", "key", "measure"].iter().find_map(|k| row.get(*k)?.as_str());
                if let (Some(name), Some(value)) = (name, row.get("value")) {
                    all.extend(numeric(value).map(|n| (name.to_owned(), n)));
                    continue;
                }
                let label = row.values().find_map(Value::as_str);
                if !one && label.is_none() {
                    continue;
                }
                let name = |column: &str| match label {
                    Some(label) if !one => format!("{label}.{column}"),
                    _ => column.to_owned(),
                };
                all.extend(row.iter().filter_map(|(column, v)| Some((name(column), numeric(v)?))));
            }
            Value::Array(row) => {
                if let [Value::String(name), value] = row.as_slice() {
                    all.extend(numeric(value).map(|n| (name.clone(), n)));
                }
            }
            _ => {}
        }
    }
    // Which of two equal names is meant, nobody can tell: the first.
    let mut seen = HashSet::new();
    all.retain(|(name, _)| seen.insert(name.clone()));
    all
}

/// Columns as rows.
fn turned(columns: &serde_json::Map<String, Value>) -> Vec<Value> {
    let height = columns.values().filter_map(Value::as_array).map(Vec::len).max().unwrap_or(0);
    let row = |i: usize| {
        let cells = columns.iter().filter_map(|(name, c)| Some((name.clone(), c.as_array()?.get(i)?.clone())));
        Value::Object(cells.collect())
    };
    (0..height.min(MOST_NUMBERS)).map(row).collect()
}

/// What became of a request to change a state: Prefect answers 201 also when it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// Why not.
    Refused(String),
}

/// Reads the answer of `POST /flow_runs/{id}/set_state`. `wanted` are the types of states that fulfil the wish, also when
/// the server chose another one than was asked for.
pub fn verdict(answer: &Value, wanted: &[&str]) -> Verdict {
    let status = word(answer, "status").unwrap_or_default();
    let state = answer.get("state").map(Said::state).unwrap_or_default();
    if status == "ACCEPT" || (status == "REJECT" && wanted.contains(&state.kind.as_str())) {
        return Verdict::Accepted;
    }
    let reason = answer.get("details").and_then(|d| word(d, "reason"));
    let status = if status.is_empty() { "nothing".to_owned() } else { status };
    Verdict::Refused(text::visible(&reason.unwrap_or_else(|| format!("it answers {status} without a reason"))))
}

#[cfg(test)]
mod tests;

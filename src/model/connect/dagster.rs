//! What Dagster's GraphQL interface (seen on 1.13) answers, as runs, tasks and attempts.
//!
//! A job is a pipeline and a step is a task; a retry inside a run is an attempt. Running again makes a new run, which
//! names the one it comes from; how often a run was run again is its round.
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Connection, RemotePipeline, Seen,
    airflow::list,
    normal::{number, time_at, word},
};
use crate::{
    base::text,
    model::run::{
        Attempt, Level, LogLine, Metric, Params, Record, Run, RunKind, RunState, TaskRun, TaskState, Trigger,
        named_data_time,
    },
};

/// What comes behind the address of a server: its interface and the pages of its window.
pub const PAGES: &[&str] = &[
    "graphql",
    "server_info",
    "overview",
    "runs",
    "jobs",
    "assets",
    "asset-groups",
    "catalog",
    "locations",
    "deployment",
    "automation",
    "settings",
    "instance",
    "health",
    "guess",
    "selection",
    "lineage",
    "graphiql",
];
/// Tag with the key of the request that made a run.
pub const REQUEST: &str = "andon/request";
/// Tag with the reason that a person gave.
pub const NOTE: &str = "andon/note";
/// Tag with the run that a run comes from.
pub const PARENT: &str = "dagster/parent_run_id";
/// Tag with the first run of a row of reruns.
pub const ROOT: &str = "dagster/root_run_id";

/// The task that stands for what happened before any step began, where none ever did.
pub const START: &str = "start of the job";

/// Fields of a run in every question.
const RUN: &str = "fragment run on Run { runId jobName status creationTime startTime endTime updateTime rootRunId \
    parentRunId runConfig stepKeysToExecute repositoryOrigin { repositoryName repositoryLocationName } \
    assetSelection { path } tags { key value } }";

/// Asks for runs.
pub fn runs_query() -> String {
    format!(
        "query Runs($filter: RunsFilter, $cursor: String, $limit: Int) {{ runsOrError(filter: $filter, cursor: $cursor, \
         limit: $limit) {{ __typename ... on Runs {{ results {{ ...run }} }} ... on Error {{ message }} }} }} {RUN}"
    )
}

/// Asks for runs with their steps.
pub fn steps_query() -> String {
    format!(
        "query Steps($filter: RunsFilter, $limit: Int) {{ runsOrError(filter: $filter, limit: $limit) {{ __typename ... on \
         Runs {{ results {{ ...run stepStats {{ stepKey status startTime endTime attempts {{ startTime endTime }} }} \
         executionPlan {{ steps {{ key kind inputs {{ dependsOn {{ key }} }} }} }} }} }} ... on Error {{ message }} }} }} {RUN}"
    )
}

/// Asks for events of a run.
pub const EVENTS: &str = "query Events($run: ID!, $after: String, $limit: Int) { logsForRun(runId: $run, afterCursor: \
    $after, limit: $limit) { __typename ... on EventConnection { cursor hasMore events { __typename ... on MessageEvent { \
    message timestamp level stepKey eventType } ... on ExecutionStepFailureEvent { error { ...error } } ... on \
    ExecutionStepUpForRetryEvent { error { ...error } } ... on RunFailureEvent { error { ...error } } ... on EngineEvent { \
    error { ...error } } ... on MaterializationEvent { assetKey { path } partition metadataEntries { ...entry } } ... on \
    ObservationEvent { assetKey { path } partition metadataEntries { ...entry } } ... on AssetCheckEvaluationEvent { \
    evaluation { checkName assetKey { path } success metadataEntries { ...entry } } } } } ... on Error { message } } } \
    fragment error on PythonError { message className stack causes { message className stack } } fragment entry on \
    MetadataEntry { __typename label ... on IntMetadataEntry { intValue intRepr } ... on FloatMetadataEntry { floatValue } \
    ... on BoolMetadataEntry { boolValue } }";

/// Asks for the jobs of all code locations.
pub const JOBS: &str = "query Jobs { repositoriesOrError { __typename ... on RepositoryConnection { nodes { name location { \
    name } jobs { name description tags { key value } schedules { name cronSchedule executionTimezone scheduleState { status } \
    } } } } ... on Error { message } } }";

/// Launches a job.
pub const LAUNCH: &str = "mutation Launch($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename ... on \
    LaunchRunSuccess { run { runId } } ... on RunConfigValidationInvalid { errors { message } } ... on Error { message } } }";

/// Runs a run again by a strategy.
pub const AGAIN: &str = "mutation Again($p: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $p) { __typename \
    ... on LaunchRunSuccess { run { runId } } ... on RunConfigValidationInvalid { errors { message } } ... on Error { message \
    } } }";

/// Runs some steps of a run again.
pub const STEPS_AGAIN: &str = "mutation StepsAgain($p: ExecutionParams!) { launchRunReexecution(executionParams: $p) { \
    __typename ... on LaunchRunSuccess { run { runId } } ... on RunConfigValidationInvalid { errors { message } } ... on \
    Error { message } } }";

/// Ends a run.
pub const STOP: &str = "mutation Stop($run: String!) { terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) { \
    __typename ... on TerminateRunSuccess { run { runId } } ... on TerminateRunFailure { message } ... on Error { message } \
    } }";

/// What this account may do, whether the code is there, and what has to run beside the server.
pub const ABOUT: &str = "query About { permissions { permission value disabledReason } workspaceOrError { __typename ... on \
    Workspace { locationEntries { name locationOrLoadError { __typename ... on PythonError { message } } } } } instance { \
    runQueuingSupported daemonHealth { allDaemonStatuses { daemonType required healthy } } } }";

/// Rows of [`JOBS`], with the place of each: repository and code location.
pub fn jobs(answer: &Value) -> Vec<(RemotePipeline, Selector)> {
    let mut all = Vec::new();
    for repository in list(answer, "nodes") {
        let Some(name) = word(repository, "name") else { continue };
        let location = repository.get("location").and_then(|l| word(l, "name")).unwrap_or_default();
        for job in list(repository, "jobs") {
            let Some(job_name) = word(job, "name") else { continue };
            let running = |s: &&Value| s.pointer("/scheduleState/status").and_then(Value::as_str) == Some("RUNNING");
            let schedules: Vec<String> = list(job, "schedules")
                .iter()
                .filter(running)
                .filter_map(|s| {
                    let zone = word(s, "executionTimezone").map(|z| format!(" {z}")).unwrap_or_default();
                    Some(format!("{}{zone}", word(s, "cronSchedule")?))
                })
                .collect();
            let tags = tags(job).into_iter().map(|(k, v)| if v.is_empty() { k } else { format!("{k}: {v}") });
            let pipeline = RemotePipeline {
                name: job_name.clone(),
                description: word(job, "description"),
                tags: tags.collect(),
                schedule: (!schedules.is_empty()).then(|| schedules.join("; ")),
                ..RemotePipeline::default()
            };
            all.push((pipeline, Selector { location: location.clone(), repository: name.clone(), job: job_name }));
        }
    }
    all.sort_by(|a, b| (&a.0.name, &a.1.location).cmp(&(&b.0.name, &b.1.location)));
    all
}

/// Where a job is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    pub location: String,
    pub repository: String,
    pub job: String,
}

impl Selector {
    /// Of a row of a run.
    pub fn of(row: &Value) -> Option<Self> {
        let origin = row.get("repositoryOrigin")?;
        Some(Self {
            location: word(origin, "repositoryLocationName")?,
            repository: word(origin, "repositoryName")?,
            job: word(row, "jobName")?,
        })
    }
    /// As Dagster takes it.
    pub fn json(&self) -> Value {
        json!({ "repositoryLocationName": self.location, "repositoryName": self.repository, "jobName": self.job })
    }
}

fn tags(row: &Value) -> Vec<(String, String)> {
    list(row, "tags").iter().filter_map(|t| Some((word(t, "key")?, word(t, "value").unwrap_or_default()))).collect()
}

/// The value of a tag.
pub fn tag(row: &Value, key: &str) -> Option<String> {
    tags(row).into_iter().find(|(k, _)| k == key).map(|(_, v)| v).filter(|v| !v.is_empty())
}

/// State of a run; none for one that only a newer version knows.
pub fn run_state(status: &str) -> Option<RunState> {
    Some(match status {
        "QUEUED" | "NOT_STARTED" | "MANAGED" | "STARTING" | "SUSPENDED" => RunState::Queued,
        "STARTED" | "CANCELING" => RunState::Running,
        "SUCCESS" => RunState::Success,
        "FAILURE" => RunState::Failed,
        "CANCELED" => RunState::Cancelled,
        _ => return None,
    })
}

fn step_state(status: &str) -> Option<TaskState> {
    Some(match status {
        "IN_PROGRESS" => TaskState::Running,
        "SUCCESS" => TaskState::Success,
        "FAILURE" => TaskState::Failed,
        "SKIPPED" => TaskState::Skipped,
        _ => return None,
    })
}

/// One run. `now` stands in where the server gives no time at all.
pub fn run(to: &Connection, row: &Value, now: Timestamp) -> Option<Seen> {
    let (remote, pipeline) = (word(row, "runId")?, word(row, "jobName")?);
    let status = word(row, "status").unwrap_or_default();
    let ended_at = time_at(row, "endTime");
    // What is not known is neither good nor bad, but it is over or not.
    let unknown = if ended_at.is_some() { RunState::Interrupted } else { RunState::Running };
    let state = run_state(&status).unwrap_or(unknown);
    let began = time_at(row, "startTime");
    let queued_at = time_at(row, "creationTime").or(began).unwrap_or(now);
    let mut environment = BTreeMap::new();
    let mut put = |key: &str, value: Option<String>| drop(value.map(|v| environment.insert(key.to_owned(), v)));
    put("code location", Selector::of(row).map(|s| s.location));
    put("rerun of", word(row, "parentRunId"));
    put("schedule", tag(row, "dagster/schedule_name"));
    put("sensor", tag(row, "dagster/sensor_name"));
    put("backfill", tag(row, "dagster/backfill"));
    put("started by", tag(row, "user"));
    let assets: Vec<String> = list(row, "assetSelection").iter().map(path).collect();
    put("assets", (!assets.is_empty()).then(|| text::shorten(&assets.join(", "), 300)));
    let scheduled = tag(row, "dagster/schedule_name").is_some() || tag(row, "dagster/sensor_name").is_some();
    let mut params = Params::new();
    flat(row.get("runConfig").unwrap_or(&Value::Null), "", &mut params);
    let error = match (run_state(&status), state) {
        (None, _) => Some(format!(
            "Dagster says {:?}, a state that this version of Andon does not know",
            text::visible(&text::shorten(&status, 40))
        )),
        (_, RunState::Failed) => tag(row, "dagster/failure_reason").map(|r| match r.as_str() {
            "STEP_FAILURE" => "A step failed".to_owned(),
            "JOB_INITIALIZATION_FAILURE" => "The job could not be started".to_owned(),
            other => other.to_lowercase().replace('_', " "),
        }),
        _ => None,
    };
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
        round: 1,
        queued_at,
        started_at: began,
        ended_at: if state.is_final() { ended_at } else { None },
        data_time: tag(row, "dagster/partition").or_else(|| named_data_time(&params)),
        params,
        record: Record { environment, ..Record::default() },
        note: tag(row, NOTE),
        error,
        cancelling: status == "CANCELING",
        tasks: Vec::new(),
    };
    Some(Seen { run, tasks: None, updated: time_at(row, "updateTime"), cancelled_is_failed: false })
}

fn path(row: &Value) -> String {
    list(row, "path").iter().filter_map(Value::as_str).collect::<Vec<_>>().join("/")
}

/// Configuration as parameters: `ops.sleeper.config.seconds`.
pub fn flat(value: &Value, under: &str, into: &mut Params) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let name = if under.is_empty() { key.clone() } else { format!("{under}.{key}") };
                flat(value, &name, into);
            }
        }
        Value::Null | Value::Object(_) if under.is_empty() => {}
        other if !under.is_empty() => drop(into.insert(under.to_owned(), other.clone())),
        _ => {}
    }
}

/// Parameters as configuration.
pub fn deep(params: &Params) -> Value {
    fn put(at: &mut serde_json::Map<String, Value>, name: &str, value: &Value) {
        let Some((first, rest)) = name.split_once('.') else {
            at.insert(name.to_owned(), value.clone());
            return;
        };
        let below = at.entry(first).or_insert_with(|| json!({}));
        if !below.is_object() {
            *below = json!({});
        }
        if let Some(below) = below.as_object_mut() {
            put(below, rest, value);
        }
    }
    let mut config = serde_json::Map::new();
    params.iter().for_each(|(name, value)| put(&mut config, name, value));
    Value::Object(config)
}

/// The steps of one run, in the order in which they can run.
pub fn tasks(row: &Value, errors: &HashMap<String, String>, now: Timestamp) -> Vec<TaskRun> {
    let status = word(row, "status").unwrap_or_default();
    let run = run_state(&status);
    let over = run.is_none_or(RunState::is_final) && time_at(row, "endTime").is_some();
    let mut after: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut kinds: HashMap<String, String> = HashMap::new();
    for step in row.get("executionPlan").map_or(&[][..], |p| list(p, "steps")) {
        let Some(key) = word(step, "key") else { continue };
        let mut before: Vec<String> = Vec::new();
        for on in list(step, "inputs").iter().flat_map(|i| list(i, "dependsOn")).filter_map(|d| word(d, "key")) {
            if !before.contains(&on) {
                before.push(on);
            }
        }
        kinds.insert(key.clone(), word(step, "kind").unwrap_or_default());
        after.insert(key, before);
    }
    // A step that ran and is in no plan: the code has changed or is not there.
    let mut stats: HashMap<String, &Value> = HashMap::new();
    for stat in list(row, "stepStats") {
        if let Some(key) = word(stat, "stepKey") {
            after.entry(key.clone()).or_default();
            stats.insert(key, stat);
        }
    }
    let inside: Vec<String> = after.keys().cloned().collect();
    after.values_mut().for_each(|a| a.retain(|on| inside.contains(on)));
    if stats.is_empty() && over && matches!(run, None | Some(RunState::Failed)) {
        return vec![never_began(row, errors.get("").cloned(), now)];
    }
    let failed = |key: &str| stats.get(key).and_then(|s| word(s, "status")).as_deref() == Some("FAILURE");
    let mut all: Vec<TaskRun> = Vec::with_capacity(after.len());
    for id in ordered(&after) {
        let stat = stats.get(&id);
        let said = stat.and_then(|s| word(s, "status"));
        let state = match (said.as_deref().map(step_state), run) {
            (Some(Some(TaskState::Running)), _) if over => match run {
                Some(RunState::Cancelled) => TaskState::Cancelled,
                _ => TaskState::Interrupted,
            },
            (Some(Some(state)), _) => state,
            (Some(None), _) => TaskState::Interrupted,
            (None, Some(RunState::Cancelled)) => TaskState::Cancelled,
            (None, Some(RunState::Success)) => TaskState::Skipped,
            (None, Some(RunState::Failed)) => TaskState::UpstreamFailed,
            (None, _) if over => TaskState::Interrupted,
            (None, _) => TaskState::Queued,
        };
        let attempts = stat.map(|s| attempts(s, state, errors.get(&id), now)).unwrap_or_default();
        let error = match state {
            TaskState::Failed | TaskState::Interrupted => attempts.last().and_then(|a| a.error.clone()),
            TaskState::UpstreamFailed => {
                let before = after.get(&id).into_iter().flatten().find(|a| failed(a));
                before.map(|b| format!("{b} failed before it"))
            }
            _ => None,
        };
        all.push(TaskRun {
            kind: kinds
                .get(&id)
                .map(|k| k.to_lowercase())
                .filter(|k| k != "compute")
                .unwrap_or_else(|| "step".to_owned()),
            after: after.get(&id).cloned().unwrap_or_default(),
            id,
            state,
            error,
            retry_at: None,
            max_attempts: u32::try_from(attempts.len()).unwrap_or(1).max(1),
            attempts,
        });
    }
    all
}

fn never_began(row: &Value, error: Option<String>, now: Timestamp) -> TaskRun {
    let span = json!({ "startTime": row.get("creationTime"), "endTime": row.get("endTime") });
    let mut attempts = attempts(&span, TaskState::Failed, error.as_ref(), now);
    attempts.truncate(1);
    TaskRun {
        id: START.to_owned(),
        kind: "job".to_owned(),
        state: TaskState::Failed,
        after: Vec::new(),
        error,
        retry_at: None,
        max_attempts: 1,
        attempts,
    }
}

/// Each step after those that it depends on; by name among those that could run at the same time.
fn ordered(after: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut done: Vec<String> = Vec::new();
    let mut open: Vec<&String> = after.keys().collect();
    while !open.is_empty() {
        let ready = |id: &&String| after.get(*id).is_none_or(|a| a.iter().all(|b| done.contains(b)));
        // A circle cannot be; should a server send one, its steps are shown all the same.
        let at = open.iter().position(ready).unwrap_or(0);
        done.push(open.remove(at).clone());
    }
    done
}

fn attempts(stat: &Value, state: TaskState, error: Option<&String>, now: Timestamp) -> Vec<Attempt> {
    let mut spans: Vec<(Option<Timestamp>, Option<Timestamp>)> =
        list(stat, "attempts").iter().map(|a| (time_at(a, "startTime"), time_at(a, "endTime"))).collect();
    let whole = (time_at(stat, "startTime"), time_at(stat, "endTime"));
    if spans.is_empty() && whole.0.is_some() {
        spans.push(whole);
    }
    let newest = spans.len();
    let attempt = |(n, (start, end)): (usize, (Option<Timestamp>, Option<Timestamp>))| {
        let last = n + 1 == newest;
        let state = if last { state } else { TaskState::Failed };
        Attempt {
            number: u32::try_from(n).unwrap_or(0) + 1,
            round: 1,
            state,
            queued_at: start.unwrap_or(now),
            started_at: start,
            ended_at: if state.is_final() { end.or(whole.1) } else { None },
            exit_code: None,
            error: error.filter(|_| last && state.is_bad()).cloned(),
            log: None,
            log_lines: 0,
            first_error: None,
            artifact: None,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            kernel: None,
            commit: None,
        }
    };
    spans.into_iter().enumerate().map(attempt).collect()
}

/// What went wrong, by the steps it went wrong in; the key is empty for the run as a whole.
pub fn errors(events: &[Value]) -> HashMap<String, String> {
    let mut all = HashMap::new();
    for event in events {
        let kind = word(event, "__typename").unwrap_or_default();
        if kind == "ExecutionStepFailureEvent" || kind == "RunFailureEvent" {
            let said = event.get("error").and_then(cause).or_else(|| word(event, "message"));
            if let Some(said) = said {
                all.insert(word(event, "stepKey").unwrap_or_default(), said);
            }
        }
    }
    all
}

/// The error that was raised, in one line: what Dagster wraps around it says only where.
fn cause(error: &Value) -> Option<String> {
    let inner = list(error, "causes").last().unwrap_or(error);
    let message = word(inner, "message")?;
    let line = message.lines().map(str::trim).find(|l| !l.is_empty())?;
    // Of its own errors Dagster names the module, too.
    let own = line.split_once(": ").filter(|(class, _)| class.starts_with("dagster.") && !class.contains(' '));
    let line = own.map_or_else(
        || line.to_owned(),
        |(class, said)| format!("{}: {said}", class.rsplit('.').next().unwrap_or(class)),
    );
    Some(text::shorten(&text::visible(&line), 300))
}

/// A step of a plan that needs one outside of it which did not succeed.
pub fn unfed<'a>(run: &'a Run, plan: &'a [String]) -> Option<(&'a str, &'a str)> {
    plan.iter().filter_map(|id| run.task(id)).find_map(|task| {
        let missing = |on: &&String| !plan.contains(on) && run.task(on).is_some_and(|t| t.state != TaskState::Success);
        task.after.iter().find(missing).map(|on| (task.id.as_str(), on.as_str()))
    })
}

/// The lines of an event, with the traceback of an error behind it.
pub fn log_lines(event: &Value) -> Vec<LogLine> {
    let at = time_at(event, "timestamp");
    let level = match word(event, "level").as_deref() {
        Some("CRITICAL" | "ERROR") => Level::Error,
        Some("WARNING") => Level::Warn,
        Some("DEBUG") => Level::Debug,
        _ => Level::Info,
    };
    let source = match word(event, "eventType") {
        Some(kind) => kind.to_lowercase(),
        None => "log".to_owned(),
    };
    let line = |level: Level, text: &str| LogLine { at, level, source: source.clone(), text: text.to_owned() };
    let message = word(event, "message").unwrap_or_default();
    let mut lines: Vec<LogLine> = message.lines().map(|l| line(level, l)).collect();
    if let Some(error) = event.get("error").filter(|e| e.is_object()) {
        for one in std::iter::once(error).chain(list(error, "causes")) {
            let said = word(one, "message").unwrap_or_default();
            let stack = list(one, "stack").iter().filter_map(Value::as_str);
            lines.extend(said.lines().chain(stack.flat_map(str::lines)).map(|l| line(Level::Error, l)));
        }
    }
    lines
}

/// The numbers in an event: those of what was made or seen of an asset, and those of a check with whether it passed.
pub fn metrics(event: &Value, partition: Option<&str>) -> Vec<(String, Metric)> {
    let Some(step) = word(event, "stepKey") else { return Vec::new() };
    let Some(at) = time_at(event, "timestamp") else { return Vec::new() };
    let data_time = word(event, "partition").or_else(|| partition.map(str::to_owned));
    let one =
        |name: String, value: f64| (step.clone(), Metric { name, value, unit: None, at, data_time: data_time.clone() });
    let entries = |of: &Value, prefix: &str| -> Vec<(String, Metric)> {
        let named = |e: &Value| Some(one(format!("{prefix}{}", word(e, "label")?), entry(e)?));
        list(of, "metadataEntries").iter().filter_map(named).collect()
    };
    match word(event, "__typename").as_deref() {
        Some("MaterializationEvent" | "ObservationEvent") => {
            let asset = event.get("assetKey").map(path).unwrap_or_default();
            // A step that makes one asset has its name.
            let prefix = if asset == step || asset.is_empty() { String::new() } else { format!("{asset}.") };
            entries(event, &prefix)
        }
        Some("AssetCheckEvaluationEvent") => {
            let Some(check) = event.get("evaluation") else { return Vec::new() };
            let Some(name) = word(check, "checkName") else { return Vec::new() };
            let mut all = entries(check, &format!("{name}."));
            if let Some(passed) = check.get("success").and_then(number) {
                all.push(one(format!("{name}.passed"), passed));
            }
            all
        }
        _ => Vec::new(),
    }
}

fn entry(row: &Value) -> Option<f64> {
    // A whole number beyond 32 bits is null here and right as text.
    ["intValue", "intRepr", "floatValue", "boolValue"].iter().find_map(|k| number(row.get(*k)?))
}

/// Whether an answer under this field is of the kind that is wanted; else what it says.
pub fn of_kind<'a>(answer: &'a Value, field: &str, wanted: &str) -> Result<&'a Value, (String, String)> {
    let found = answer.get("data").and_then(|d| d.get(field)).unwrap_or(&Value::Null);
    let kind = word(found, "__typename").unwrap_or_default();
    if kind == wanted {
        return Ok(found);
    }
    let errors: Vec<String> = list(found, "errors").iter().filter_map(|e| word(e, "message")).take(5).collect();
    let outer = || list(answer, "errors").first().and_then(|e| word(e, "message"));
    let said =
        if errors.is_empty() { word(found, "message").or_else(outer).unwrap_or_default() } else { errors.join("; ") };
    let line = said.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    Err((kind, text::shorten(&text::visible(line), 300)))
}

/// How many of these runs are over.
pub fn over(rows: &[Value]) -> u32 {
    let over = rows.iter().filter(|r| word(r, "status").and_then(|s| run_state(&s)).is_some_and(RunState::is_final));
    u32::try_from(over.count()).unwrap_or(u32::MAX)
}

/// What is wrong with code locations and daemons, in an answer to [`ABOUT`].
pub fn ailments(answer: &Value) -> (Vec<String>, Vec<String>) {
    let entries = answer.pointer("/data/workspaceOrError/locationEntries").and_then(Value::as_array);
    let broken = entries.into_iter().flatten().filter_map(|e| {
        let error = e.get("locationOrLoadError").filter(|l| word(l, "__typename").as_deref() == Some("PythonError"))?;
        let said = word(error, "message").unwrap_or_default();
        let line = said.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default().to_owned();
        Some(format!("{}: {}", word(e, "name")?, text::shorten(&text::visible(&line), 160)))
    });
    let daemons = answer.pointer("/data/instance/daemonHealth/allDaemonStatuses").and_then(Value::as_array);
    let sick = daemons.into_iter().flatten().filter_map(|d| {
        let bad = d.get("required").and_then(Value::as_bool) == Some(true)
            && d.get("healthy").and_then(Value::as_bool) != Some(true);
        bad.then(|| word(d, "daemonType")).flatten().map(|n| n.to_lowercase().replace('_', " "))
    });
    (broken.collect(), sick.collect())
}

/// Why a permission is not given, in an answer to [`ABOUT`]; a server that knows none gives all.
pub fn forbidden(answer: &Value, permission: &str) -> Option<String> {
    let all = answer.pointer("/data/permissions").and_then(Value::as_array)?;
    let row = all.iter().find(|p| word(p, "permission").as_deref() == Some(permission))?;
    let no = row.get("value").and_then(Value::as_bool) == Some(false);
    no.then(|| word(row, "disabledReason").unwrap_or_else(|| "the account has no right to".to_owned()))
}

#[cfg(test)]
mod tests;

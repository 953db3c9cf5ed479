//! Dagster over its GraphQL interface, of a server of one's own or of a deployment in the cloud.
use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Connector, Fault, LogPage, Mark, Sent,
    http::{self, Http},
};
use crate::{
    base::{Error, Result, ids::RunId, job::JobCtx, text},
    engine::secrets::Secret,
    model::{
        connect::{
            Ask, Capabilities, Connection, Preview, Probe, RemotePipeline, Seen, Step, System,
            airflow::list,
            dagster::{self as read, Selector},
            normal::{time_at, word},
        },
        pipeline::Param,
        run::{MetricPoint, Run, RunState, Scope, TaskState},
    },
};

/// Runs that are asked for at once, and those that are asked for with their steps.
const PAGE: usize = 100;
const WITH_STEPS: usize = 20;
/// Events that are asked for at once, and of a run in all where its numbers are looked for.
const EVENTS: usize = 1000;
const MOST_EVENTS: usize = 50_000;
/// What changed so long before the last look is asked for again.
const OVERLAP: SignedDuration = SignedDuration::from_secs(10);
/// A run that ended so long ago has reported all its steps.
const SETTLED: SignedDuration = SignedDuration::from_secs(20);

pub(super) struct Dagster {
    http: Http,
    secret: Option<Secret>,
}

/// The version, which is told to everybody.
pub(super) fn version(http: &Http, cx: &JobCtx) -> Result<String> {
    let answer = http.json(&http::Ask::get("server_info"), cx)?;
    let found = word(&answer, "dagster_version").or_else(|| word(&answer, "dagster_webserver_version"));
    found.ok_or_else(|| {
        Error::remote(format!("There is no Dagster at {}", http.to().url))
            .because_of("its answer names no version")
            .hint("Check the address")
    })
}

/// What is asked of a run that is run again.
enum Again {
    /// `FROM_FAILURE`, `ALL_STEPS`.
    Strategy(&'static str),
    Steps(Vec<String>),
}

impl Dagster {
    pub(super) fn new(mut http: Http, secret: Option<Secret>) -> Result<Self> {
        let cloud = http.to().url.split('/').nth(2).is_some_and(|host| host.ends_with("dagster.cloud"));
        if cloud {
            http.carried_by("dagster-cloud-api-token");
        }
        if let Some(secret) = &secret {
            let secret = secret.0.trim();
            // Dagster itself asks nobody; a proxy before it does.
            let value = match (cloud, secret.contains(':')) {
                (true, _) => secret.to_owned(),
                (false, true) => format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(secret)),
                (false, false) => format!("Bearer {secret}"),
            };
            http.authorize(Some(&value))?;
        }
        Ok(Self { http, secret })
    }

    fn ask(&self, query: &str, variables: &Value, cx: &JobCtx) -> Result<Value, Fault> {
        self.http.json(&http::Ask::post("graphql", &json!({ "query": query, "variables": variables })), cx)
    }

    /// Asks, and gives what stands under `field` where it is of the kind that is wanted.
    fn field(&self, query: &str, variables: &Value, field: &str, wanted: &str, cx: &JobCtx) -> Result<Value> {
        let answer = self.ask(query, variables, cx)?;
        match read::of_kind(&answer, field, wanted) {
            Ok(found) => Ok(found.clone()),
            Err((kind, said)) => Err(self.no(&kind, &said)),
        }
    }

    /// The sentence of a no that Dagster says with a success.
    fn no(&self, kind: &str, said: &str) -> Error {
        let name = &self.to().name;
        let error = match kind {
            "UnauthorizedError" => Error::remote(format!("{name} does not allow this to you"))
                .hint("Ask who runs this Dagster for the right, or use another account"),
            "RunNotFoundError" => Error::remote(format!("{name} does not know this run"))
                .hint("It may be gone there since it was last seen here: refresh"),
            "PipelineNotFoundError" | "RepositoryNotFoundError" => Error::user(format!("{name} has no such job"))
                .hint("Its code location may not be loaded: andon connect test says"),
            "RunConfigValidationInvalid" => Error::user(format!("{name} refuses these parameters"))
                .hint("Write them as Dagster's configuration has them: -p ops.NAME.config.FIELD=VALUE"),
            "" => Error::remote(format!("The answer of {name} is not what Dagster answers"))
                .hint("A proxy or a page to sign in at may stand in between"),
            _ => Error::remote(format!("{name} failed to do this")).hint("The log of that Dagster says more"),
        };
        let error = if said.is_empty() { error } else { error.because_of(said.to_owned()) };
        if kind.is_empty() { error } else { error.because_of(kind.to_owned()) }
    }

    fn rows(&self, filter: &Value, most: usize, cx: &JobCtx) -> Result<Vec<Value>> {
        let query = read::runs_query();
        let mut rows: Vec<Value> = Vec::new();
        while rows.len() < most {
            cx.check()?;
            let limit = PAGE.min(most - rows.len());
            let cursor = rows.last().and_then(|r| word(r, "runId"));
            let variables = json!({ "filter": filter, "cursor": cursor, "limit": limit });
            let found = self.field(&query, &variables, "runsOrError", "Runs", cx)?;
            let page = list(&found, "results");
            rows.extend(page.iter().cloned());
            if page.len() < limit {
                break;
            }
        }
        Ok(rows)
    }

    fn with_steps(&self, ids: &[&str], cx: &JobCtx) -> Result<Vec<Value>> {
        let variables = json!({ "filter": { "runIds": ids }, "limit": ids.len() });
        let found = self.field(&read::steps_query(), &variables, "runsOrError", "Runs", cx)?;
        Ok(list(&found, "results").to_vec())
    }

    fn tagged(&self, key: &str, value: &str, most: usize, cx: &JobCtx) -> Result<Vec<Value>> {
        self.rows(&json!({ "tags": [{ "key": key, "value": value }] }), most, cx)
    }

    /// Events from a place on, and where to go on.
    fn events(&self, run: &str, after: Option<&str>, cx: &JobCtx) -> Result<(Vec<Value>, Option<String>)> {
        let variables = json!({ "run": run, "after": after, "limit": EVENTS });
        let found = self.field(read::EVENTS, &variables, "logsForRun", "EventConnection", cx)?;
        let more = found.get("hasMore").and_then(Value::as_bool).unwrap_or(false);
        let next = word(&found, "cursor").filter(|c| more && after != Some(c));
        Ok((list(&found, "events").to_vec(), next))
    }

    fn all_events(&self, run: &str, cx: &JobCtx) -> Result<Vec<Value>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            cx.check()?;
            let (events, next) = self.events(run, after.as_deref(), cx)?;
            all.extend(events);
            after = next;
            if after.is_none() || all.len() >= MOST_EVENTS {
                return Ok(all);
            }
        }
    }

    /// The job of a name; `LOCATION/JOB` where several code locations have one.
    fn selector(&self, pipeline: &str, cx: &JobCtx) -> Result<Selector> {
        let found = self.field(read::JOBS, &json!({}), "repositoriesOrError", "RepositoryConnection", cx)?;
        let all = read::jobs(&found);
        let named = |s: &Selector| s.job == pipeline || format!("{}/{}", s.location, s.job) == pipeline;
        let fitting: Vec<&Selector> = all.iter().map(|(_, s)| s).filter(|s| named(s)).collect();
        match fitting.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                let near = text::nearest(pipeline, all.iter().map(|(p, _)| p.name.as_str()));
                let error = Error::user(format!("{} has no pipeline {pipeline}", self.to().name));
                Err(match near {
                    Some(near) => error.hint(format!("Did you mean {near}?")),
                    None => error.hint("andon runs --refresh lists what it has"),
                })
            }
            many => {
                let names: Vec<String> = many.iter().map(|s| format!("{}/{}", s.location, s.job)).collect();
                Err(Error::user(format!("Several code locations have a job {pipeline}"))
                    .hint(format!("Name one: {}", names.join(", "))))
            }
        }
    }

    fn present(&self, run: &Run, cx: &JobCtx) -> Result<Value> {
        let gone = || Error::user(format!("{} is gone there", run.title())).hint("Refresh");
        self.with_steps(&[remote(run)?], cx)?.pop().ok_or_else(gone)
    }

    /// How a scope is said to Dagster.
    fn again(run: &Run, row: &Value, scope: &Scope) -> Result<Again> {
        let status = word(row, "status").unwrap_or_default();
        let state = read::run_state(&status).unwrap_or(RunState::Interrupted);
        if !state.is_final() {
            return Err(
                Error::user(format!("{} is under way", run.title())).hint("Wait for its end or cancel it first")
            );
        }
        Ok(match scope {
            Scope::All => Again::Strategy("ALL_STEPS"),
            Scope::Failed if status == "FAILURE" => {
                run.rerun_plan(scope)?;
                Again::Strategy("FROM_FAILURE")
            }
            // Of what was cancelled Dagster knows no strategy.
            Scope::Failed | Scope::From(_) | Scope::Only(_) => {
                let plan = run.rerun_plan(scope)?;
                if let Some((task, needs)) = read::unfed(run, &plan) {
                    return Err(Error::user(format!("{task} cannot run without {needs}"))
                        .because_of(format!("{needs} did not succeed, so there is nothing to give to it"))
                        .hint(format!("Rerun from there on with --from {needs}")));
                }
                Again::Steps(plan)
            }
        })
    }

    /// Launches. When Dagster fails in the middle of it, the run may be there: it is looked up.
    fn launch(&self, query: &str, params: &Value, field: &str, key: &str, cx: &JobCtx) -> Result<String, Fault> {
        let answer = self.ask(query, &json!({ "p": params }), cx)?;
        match read::of_kind(&answer, field, "LaunchRunSuccess") {
            Ok(found) => found.get("run").and_then(|r| word(r, "runId")).ok_or_else(|| {
                Fault::Unknown(Error::remote(format!("{} names no run that it started", self.to().name)))
            }),
            Err((kind, said)) => {
                let error = self.no(&kind, &said);
                if !matches!(kind.as_str(), "PythonError" | "RunConflict" | "") {
                    return Err(Fault::NotSent(error));
                }
                match self.tagged(read::REQUEST, key, 1, cx) {
                    Ok(rows) => rows.first().and_then(|r| word(r, "runId")).ok_or(Fault::NotSent(error)),
                    Err(_) => Err(Fault::Unknown(error)),
                }
            }
        }
    }
}

fn remote(run: &Run) -> Result<&str> {
    let none = || Error::bug(format!("{} has no id of another system", run.title()));
    run.remote_id.as_deref().ok_or_else(none)
}

/// Tags of a run that is asked for. That it has no reason is said, too: a rerun would have the reason of the run before.
fn marks(key: &str, note: Option<&String>) -> Vec<Value> {
    let note = note.map_or("", String::as_str);
    vec![json!({ "key": read::REQUEST, "value": key }), json!({ "key": read::NOTE, "value": note })]
}

impl Connector for Dagster {
    fn to(&self) -> &Connection {
        self.http.to()
    }

    fn capabilities(&self) -> Capabilities {
        let all = Capabilities::all();
        if self.to().read_only { all.reading("the connection is set to read only") } else { all }
    }

    fn version(&self, cx: &JobCtx) -> Result<String> {
        version(&self.http, cx)
    }

    fn probe(&self, cx: &JobCtx) -> Result<Probe> {
        let version = version(&self.http, cx)?;
        let mut steps = vec![
            Step { name: "Reachable".into(), ok: true, note: self.to().url.clone() },
            Step { name: "Version".into(), ok: true, note: format!("Dagster {version}, GraphQL") },
        ];
        let who = if self.secret.is_some() { "with a secret" } else { "without a secret" };
        let about = self.ask(read::ABOUT, &json!({}), cx).map_err(Fault::into_error);
        steps.push(Step::tried("Signed in", about.as_ref().map(|_| who.to_owned()).map_err(Clone::clone)));
        if let Ok(about) = about {
            let jobs = self.pipelines(cx).map(|all| text::count(all.len() as u64, "job"));
            steps.push(Step::tried("May read", jobs));
            let (broken, sick) = read::ailments(&about);
            steps.push(Step::tried(
                "Code locations",
                match broken.as_slice() {
                    [] => Ok("loaded".to_owned()),
                    broken => Err(Error::remote(broken.join("; ")).hint("Their jobs can neither be listed nor run")),
                },
            ));
            // Launches need no daemon unless runs are queued; schedules and sensors do.
            let queued = about.pointer("/data/instance/runQueuingSupported").and_then(Value::as_bool).unwrap_or(false);
            steps.push(Step::tried(
                "Daemon",
                match (sick.is_empty(), queued) {
                    (true, _) => Ok("healthy".to_owned()),
                    (false, true) => Err(Error::remote(format!("Not healthy: {}", sick.join(", ")))
                        .hint("What is started waits in the queue until the daemon runs")),
                    (false, false) => {
                        Ok(format!("not running ({}): schedules and sensors wait, launches do not", sick.join(", ")))
                    }
                },
            ));
            let wants = ["launch_pipeline_execution", "launch_pipeline_reexecution", "terminate_pipeline_execution"];
            let lacking: Vec<String> = wants
                .iter()
                .filter_map(|w| read::forbidden(&about, w).map(|why| format!("{}: {why}", w.replace('_', " "))))
                .collect();
            steps.push(Step::tried(
                "May rerun",
                match (self.to().read_only, lacking.is_empty()) {
                    (true, _) => Err(Error::user("Not tried: the connection is set to read only")),
                    (false, true) => Ok("runs can be launched, run again and ended".to_owned()),
                    (false, false) => Err(Error::remote(lacking.join("; ")).hint("The account needs these rights")),
                },
            ));
        }
        Ok(Probe { system: System::Dagster, version, steps })
    }

    fn pipelines(&self, cx: &JobCtx) -> Result<Vec<RemotePipeline>> {
        let found = self.field(read::JOBS, &json!({}), "repositoriesOrError", "RepositoryConnection", cx)?;
        let mut all: Vec<RemotePipeline> = read::jobs(&found).into_iter().map(|(p, _)| p).collect();
        all.dedup_by(|a, b| a.name == b.name);
        Ok(all)
    }

    /// Dagster describes configuration as a type and not as a schema of fields.
    fn params(&self, _pipeline: &str, _cx: &JobCtx) -> Result<Vec<Param>> {
        Ok(Vec::new())
    }

    fn runs(&self, since: Option<Timestamp>, most: usize, cx: &JobCtx) -> Result<Vec<Seen>> {
        let seconds = |t: Timestamp| (t - OVERLAP).as_microsecond() as f64 / 1e6;
        let (filter, most) = match since {
            Some(since) => (json!({ "updatedAfter": seconds(since) }), usize::MAX),
            None => (json!({}), most),
        };
        let rows = self.rows(&filter, most, cx)?;
        let now = Timestamp::now();
        // A list that grows while it is read gives some rows twice.
        let mut ids = HashSet::new();
        let seen = rows.iter().filter_map(|r| read::run(self.to(), r, now));
        Ok(seen.filter(|s| ids.insert(s.run.id.clone())).collect())
    }

    fn run(&self, _pipeline: &str, remote_id: &str, cx: &JobCtx) -> Result<Option<Seen>> {
        let rows = self.rows(&json!({ "runIds": [remote_id] }), 1, cx)?;
        let Some(mut seen) = rows.first().and_then(|r| read::run(self.to(), r, Timestamp::now())) else {
            return Ok(None);
        };
        // A wish to run it again is another one once what came of the last is over.
        let again = self.tagged(read::PARENT, remote_id, PAGE, cx)?;
        seen.run.round = 1 + read::over(&again);
        Ok(Some(seen))
    }

    fn tasks(&self, seen: &mut [Seen], known: &HashMap<RunId, Run>, cx: &JobCtx) -> Result<()> {
        let now = Timestamp::now();
        let mut open: Vec<&mut Seen> = Vec::new();
        for one in seen {
            // What ended a while ago and was seen whole cannot have changed since: running it again makes another run.
            match known.get(&one.run.id).filter(|k| same(k, &one.run, now)) {
                Some(known) => {
                    one.run.error = one.run.error.take().and(known.error.clone());
                    one.tasks = Some(known.tasks.clone());
                }
                None => open.push(one),
            }
        }
        for portion in open.chunks_mut(WITH_STEPS) {
            cx.check()?;
            let ids: Vec<&str> = portion.iter().filter_map(|s| s.run.remote_id.as_deref()).collect();
            let rows = self.with_steps(&ids, cx)?;
            for row in &rows {
                let id = word(row, "runId");
                let Some(one) = portion.iter_mut().find(|s| s.run.remote_id == id) else { continue };
                let round = one.run.round;
                // As it is now: between the list and this it may have ended, and its steps with it.
                if let Some(newer) = read::run(self.http.to(), row, now) {
                    (one.run, one.updated) = (newer.run, newer.updated);
                    one.run.round = round;
                }
                let errors = match (one.run.state, &id) {
                    (RunState::Failed | RunState::Interrupted, Some(id)) => read::errors(&self.all_events(id, cx)?),
                    _ => HashMap::new(),
                };
                let tasks = read::tasks(row, &errors, now);
                if one.run.state == RunState::Failed {
                    let bad = tasks.iter().find(|t| t.state == TaskState::Failed).and_then(|t| t.error.clone());
                    one.run.error = bad.or_else(|| errors.get("").cloned()).or(one.run.error.take());
                }
                one.tasks = Some(tasks);
            }
        }
        Ok(())
    }

    fn log(&self, run: &Run, task: &str, attempt: u32, from: Option<&str>, cx: &JobCtx) -> Result<LogPage> {
        let starts: Vec<Option<Timestamp>> =
            run.task(task).map(|t| t.attempts.iter().map(|a| a.started_at).collect()).unwrap_or_default();
        let index = (attempt as usize).saturating_sub(1);
        // Where a step was tried several times, its lines are told apart by time.
        let (begin, end) =
            (starts.get(index).copied().flatten().filter(|_| index > 0), starts.get(index + 1).copied().flatten());
        let (events, next) = self.events(remote(run)?, from, cx)?;
        let ms = |t: Timestamp| t.as_millisecond();
        let of = |e: &&Value| match word(e, "stepKey") {
            Some(step) => step == task,
            None => task == read::START,
        };
        let mine = events.iter().filter(of).filter(|e| {
            let at = time_at(e, "timestamp").map(ms);
            at.is_none_or(|at| begin.is_none_or(|b| at >= ms(b)) && end.is_none_or(|e| at < ms(e)))
        });
        Ok(LogPage { lines: mine.flat_map(read::log_lines).collect(), next })
    }

    fn metrics(&self, run: &Run, cx: &JobCtx) -> Result<Vec<MetricPoint>> {
        let events = self.all_events(remote(run)?, cx)?;
        let mut points = Vec::new();
        for (task, metric) in events.iter().flat_map(|e| read::metrics(e, run.data_time.as_deref())) {
            let begun = run
                .task(&task)
                .map(|t| t.attempts.iter().filter(|a| a.started_at.is_none_or(|s| s <= metric.at)).count());
            let attempt = u32::try_from(begun.unwrap_or(1).max(1)).unwrap_or(1);
            points.push(MetricPoint { run: run.id.clone(), pipeline: run.pipeline.clone(), task, attempt, metric });
        }
        Ok(points)
    }

    fn preview(&self, run: &Run, scope: &Scope, cx: &JobCtx) -> Result<Preview> {
        let row = self.present(run, cx)?;
        Self::again(run, &row, scope)?;
        let ids = run.rerun_plan(scope)?;
        let mut preview = Preview::of(run, &ids, false);
        preview.notes.push("Dagster makes a new run for this; the old one stays as it is".to_owned());
        Ok(preview)
    }

    fn check(&self, ask: &Ask, cx: &JobCtx) -> Result<()> {
        match ask {
            Ask::Rerun { run, scope, .. } => Self::again(run, &self.present(run, cx)?, scope).map(drop),
            Ask::Cancel { run } => {
                let status = word(&self.present(run, cx)?, "status").unwrap_or_default();
                match read::run_state(&status).filter(|s| s.is_final()) {
                    Some(state) => {
                        Err(Error::user(format!("{} is over: {}", run.title(), state.word().to_lowercase())))
                    }
                    None => Ok(()),
                }
            }
            Ask::Trigger { pipeline, .. } => {
                if pipeline.starts_with("__") {
                    return Err(Error::user(format!("{pipeline} cannot be started by its name"))
                        .because_of("it stands for assets that somebody chose")
                        .hint("Rerun a run of it with --all, or start a job of these assets"));
                }
                self.selector(pipeline, cx).map(drop)
            }
        }
    }

    /// The key stands in the run that comes of a request, so nothing has to be compared.
    fn mark(&self, ask: &Ask, _cx: &JobCtx) -> Result<Mark> {
        Ok(match ask {
            Ask::Rerun { run, .. } => json!({ "of": remote(run)? }),
            Ask::Trigger { .. } | Ask::Cancel { .. } => Value::Null,
        })
    }

    fn act(&self, ask: &Ask, key: &str, cx: &JobCtx) -> Result<Sent, Fault> {
        match ask {
            Ask::Rerun { run, scope, note } => {
                let row = self.present(run, cx).map_err(Fault::NotSent)?;
                let id = word(&row, "runId").unwrap_or_default();
                let mut tags = marks(key, note.as_ref());
                let made = match Self::again(run, &row, scope).map_err(Fault::NotSent)? {
                    Again::Strategy(strategy) => {
                        let params = json!({ "parentRunId": id, "strategy": strategy, "extraTags": tags, "useParentRunTags": true });
                        self.launch(read::AGAIN, &params, "launchRunReexecution", key, cx)?
                    }
                    Again::Steps(steps) => {
                        let selector = Selector::of(&row).ok_or_else(|| {
                            Fault::NotSent(Error::user(format!("{} belongs to no code location", run.title())))
                        })?;
                        let mut selector = selector.json();
                        if row.get("assetSelection").is_some_and(Value::is_array) && run.pipeline.starts_with("__") {
                            selector["assetSelection"] = row["assetSelection"].clone();
                        }
                        let root = word(&row, "rootRunId").unwrap_or_else(|| id.clone());
                        tags.push(json!({ "key": read::PARENT, "value": id }));
                        tags.push(json!({ "key": read::ROOT, "value": root }));
                        let params = json!({
                            "selector": selector, "runConfigData": row.get("runConfig"), "stepKeys": steps,
                            "executionMetadata": { "parentRunId": id, "rootRunId": root, "tags": tags },
                        });
                        self.launch(read::STEPS_AGAIN, &params, "launchRunReexecution", key, cx)?
                    }
                };
                Ok(Sent { pipeline: run.pipeline.clone(), remote_id: made })
            }
            Ask::Trigger { pipeline, params, note } => {
                let selector = self.selector(pipeline, cx).map_err(Fault::NotSent)?;
                let params = json!({
                    "selector": selector.json(), "runConfigData": read::deep(params),
                    "executionMetadata": { "tags": marks(key, note.as_ref()) },
                });
                let made = self.launch(read::LAUNCH, &params, "launchRun", key, cx)?;
                Ok(Sent { pipeline: selector.job, remote_id: made })
            }
            Ask::Cancel { run } => {
                let id = remote(run).map_err(Fault::NotSent)?;
                let sent = Sent { pipeline: run.pipeline.clone(), remote_id: id.to_owned() };
                let answer = self.ask(read::STOP, &json!({ "run": id }), cx)?;
                match read::of_kind(&answer, "terminateRun", "TerminateRunSuccess") {
                    Ok(_) => Ok(sent),
                    // It is on its way already.
                    Err((_, said)) if said.contains("CANCELING") || said.contains("CANCELED") => Ok(sent),
                    Err((kind, said)) => Err(Fault::NotSent(self.no(&kind, &said))),
                }
            }
        }
    }

    fn find(&self, ask: &Ask, key: &str, _before: &Mark, cx: &JobCtx) -> Result<Option<Sent>> {
        match ask {
            Ask::Rerun { .. } | Ask::Trigger { .. } => {
                let rows = self.tagged(read::REQUEST, key, 1, cx)?;
                let sent = |r: &Value| Some(Sent { pipeline: word(r, "jobName")?, remote_id: word(r, "runId")? });
                Ok(rows.first().and_then(sent))
            }
            Ask::Cancel { run } => {
                let id = remote(run)?;
                let rows = self.rows(&json!({ "runIds": [id] }), 1, cx)?;
                let status = rows.first().and_then(|r| word(r, "status")).unwrap_or_default();
                let done = status == "CANCELING" || read::run_state(&status).is_none_or(RunState::is_final);
                Ok(done.then(|| Sent { pipeline: run.pipeline.clone(), remote_id: id.to_owned() }))
            }
        }
    }
}

/// A busy or unknown step would change; a run that is over and known with all its steps is what it is.
fn same(known: &Run, seen: &Run, now: Timestamp) -> bool {
    let old = seen.ended_at.is_some_and(|e| now.duration_since(e) > SETTLED);
    let ms = |t: Option<Timestamp>| t.map(Timestamp::as_millisecond);
    old && known.state == seen.state
        && ms(known.ended_at) == ms(seen.ended_at)
        && !known.tasks.is_empty()
        && known.tasks.iter().all(|t| t.state.is_final())
}

#[cfg(test)]
mod tests;

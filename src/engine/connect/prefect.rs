//! Prefect 3 over its REST interface, of a server of one's own or of a workspace in the cloud.
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Connector, Fault, LogPage, Mark, Sent,
    http::{self, Http, pause},
};
use crate::{
    base::{Error, Result, ids::RunId, job::JobCtx, text},
    engine::secrets::Secret,
    model::{
        connect::{
            Act, Ask, Capabilities, Connection, Preview, Probe, RemotePipeline, Seen, Step, System,
            fault::{Reason, Refused},
            normal::{count_at, segment, time_at, word},
            prefect::{self as read, Names, Placed, Rows, Said, Verdict, base_path},
            schema,
        },
        pipeline::Param,
        run::{MetricPoint, Run, RunState, Scope, TaskState},
    },
};

/// The server refuses to give more rows at once.
const PAGE: usize = 200;
/// What changed so long before the last look is asked for again: tasks are reported a while after their runs.
const OVERLAP: SignedDuration = SignedDuration::from_secs(60);
/// Runs that are due within so long are shown; those scheduled for later are not runs yet.
const SOON: SignedDuration = SignedDuration::from_secs(60);
/// Histories of single tasks that are asked for of one run.
const MOST_HISTORIES: usize = 200;
/// A busy server is asked again after so long each: SQLite below it says no when two write at once.
const BUSY: [Duration; 3] = [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(3)];
/// Tasks of a run that has just ended are waited for so often, this long each.
const SETTLING: (u32, Duration) = (4, Duration::from_millis(400));
/// A run that ended so long ago has all its tasks.
const SETTLED: SignedDuration = SignedDuration::from_secs(20);

pub(super) struct Prefect {
    http: Http,
    /// Where the interface begins below the connection's address.
    base: &'static str,
    secret: Option<Secret>,
    names: Mutex<Names>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True where a Prefect answers, whether it lets this person in or not. An address of the cloud says it by itself.
pub(super) fn detect(http: &Http, cx: &JobCtx) -> Result<()> {
    let none = |why: &str| {
        Error::remote(format!("There is no Prefect at {}", http.to().url)).because_of(why).hint("Check the address")
    };
    if base_path(&http.to().url).is_empty() {
        return Ok(());
    }
    match http.json(&http::Ask::get("api/admin/version"), cx) {
        Ok(Value::String(_)) => Ok(()),
        Ok(_) => Err(none("its answer names no version")),
        // A server with a password tells its version to nobody, and that it is well to everybody.
        Err(fault) if fault.reason() == Some(Reason::Login) => {
            let health = http.json(&http::Ask::get("api/health"), cx)?;
            if health == json!(true) { Ok(()) } else { Err(none("it asks who you are, as others do, too")) }
        }
        Err(fault) => Err(fault.into_error()),
    }
}

impl Prefect {
    pub(super) fn new(http: Http, secret: Option<Secret>) -> Result<Self> {
        let base = base_path(&http.to().url);
        let made = Self { http, base, secret, names: Mutex::default() };
        if let Some(secret) = &made.secret {
            let secret = secret.0.trim();
            // A server of one's own has one name and password for everybody; the cloud has keys.
            let header = if secret.contains(':') && !base.is_empty() {
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(secret))
            } else {
                format!("Bearer {secret}")
            };
            made.http.authorize(Some(&header))?;
        }
        Ok(made)
    }

    fn get(&self, path: &str, cx: &JobCtx) -> Result<Value, Fault> {
        self.patiently(&http::Ask::get(&format!("{}{path}", self.base)), cx)
    }

    /// Only for what changes nothing, or changes it once however often it is sent.
    fn post(&self, path: &str, body: &Value, cx: &JobCtx) -> Result<Value, Fault> {
        self.patiently(&http::Ask::post(&format!("{}{path}", self.base), body), cx)
    }

    fn patiently(&self, ask: &http::Ask<'_>, cx: &JobCtx) -> Result<Value, Fault> {
        for wait in BUSY {
            match self.http.json(ask, cx) {
                Err(fault @ Fault::Refused(Refused { reason: Reason::Busy, .. }, _)) => {
                    pause(wait, cx).map_err(|_| fault)?;
                }
                other => return other,
            }
        }
        self.http.json(ask, cx)
    }

    /// Rows of a list, page by page.
    fn pages(&self, path: &str, body: &Value, most: usize, cx: &JobCtx) -> Result<Vec<Value>> {
        let mut rows: Vec<Value> = Vec::new();
        while rows.len() < most {
            cx.check()?;
            let mut body = body.clone();
            (body["limit"], body["offset"]) = (json!(PAGE.min(most - rows.len())), json!(rows.len()));
            let asked = PAGE.min(most - rows.len());
            let answer = self.post(path, &body, cx)?;
            let Some(page) = answer.as_array() else {
                return Err(Error::remote(format!("The answer of {} is not what Prefect answers", self.to().name))
                    .hint("A proxy or a page to sign in at may stand in between"));
            };
            rows.extend(page.iter().cloned());
            if page.len() < asked {
                break;
            }
        }
        Ok(rows)
    }

    /// Learns what the flows and deployments of these rows of flow runs are called.
    fn learn(&self, rows: &[Value], cx: &JobCtx) -> Result<Names> {
        let known = locked(&self.names).clone();
        let of = |key: &str, has: &dyn Fn(&String) -> bool| {
            let ids: HashSet<String> = rows.iter().filter_map(|r| word(r, key)).filter(|id| !has(id)).collect();
            ids.into_iter().collect::<Vec<_>>()
        };
        let flows = of("flow_id", &|id| known.flows.contains_key(id));
        let deployments = of("deployment_id", &|id| known.deployments.contains_key(id));
        for ids in flows.chunks(PAGE) {
            let found = self.pages("flows/filter", &json!({ "flows": { "id": { "any_": ids } } }), PAGE, cx)?;
            locked(&self.names).add_flows(&found);
        }
        for ids in deployments.chunks(PAGE) {
            let body = json!({ "deployments": { "id": { "any_": ids } } });
            let found = self.pages("deployments/filter", &body, PAGE, cx)?;
            locked(&self.names).add_deployments(&found);
        }
        Ok(locked(&self.names).clone())
    }

    fn row(&self, remote: &str, cx: &JobCtx) -> Result<Option<Value>> {
        match self.get(&format!("flow_runs/{}", segment(remote)), cx) {
            Ok(row) => Ok(Some(row)),
            Err(fault) if fault.reason() == Some(Reason::Missing) => Ok(None),
            Err(fault) => Err(fault.into_error()),
        }
    }

    /// The row of a run that is asked to do something.
    fn present(&self, run: &Run, cx: &JobCtx) -> Result<Value> {
        let gone = || Error::user(format!("{} is gone there", run.title())).hint("Refresh");
        self.row(remote(run)?, cx)?.ok_or_else(gone)
    }

    fn task_rows(&self, remotes: &[String], cx: &JobCtx) -> Result<Vec<Value>> {
        let body = json!({
            "flow_runs": { "id": { "any_": remotes } },
            "sort": "EXPECTED_START_TIME_ASC",
        });
        self.pages("task_runs/filter", &body, usize::MAX, cx)
    }

    /// All that is known of these flow runs, in their order. Tasks are reported behind their runs: those of a run that has
    /// just ended are waited for, for a moment.
    fn rows(&self, runs: Vec<Value>, cx: &JobCtx) -> Result<Vec<Rows>> {
        let remotes: Vec<String> = runs.iter().filter_map(|r| word(r, "id")).collect();
        let mut tasks = self.task_rows(&remotes, cx)?;
        for _ in 0..SETTLING.0 {
            if !runs.iter().any(|run| unsettled(run, &tasks)) {
                break;
            }
            pause(SETTLING.1, cx)?;
            tasks = self.task_rows(&remotes, cx)?;
        }
        let mut of: HashMap<String, Vec<Value>> = HashMap::new();
        for task in tasks {
            if let Some(id) = word(&task, "flow_run_id") {
                of.entry(id).or_default().push(task);
            }
        }
        runs.into_iter()
            .map(|run| {
                let id = word(&run, "id").unwrap_or_default();
                let tasks = of.remove(&id).unwrap_or_default();
                let mut rows = Rows { run, tasks, ..Rows::default() };
                if count_at(&rows.run, "run_count").unwrap_or(0) > 1 {
                    rows.states = self.states("flow_run", &id, cx)?;
                }
                let tried = rows.tasks.iter().filter(|t| count_at(t, "run_count").unwrap_or(0) > 1);
                let tried: Vec<String> = tried.filter_map(|t| word(t, "id")).take(MOST_HISTORIES).collect();
                for task in tried {
                    let states = self.states("task_run", &task, cx)?;
                    rows.task_states.insert(task, states);
                }
                Ok(rows)
            })
            .collect()
    }

    fn states(&self, of: &str, id: &str, cx: &JobCtx) -> Result<Vec<Value>> {
        let path = format!("{}{of}_states/", self.base);
        let key = format!("{of}_id");
        match self.patiently(&http::Ask::get(&path).with(&key, id), cx) {
            Ok(answer) => Ok(answer.as_array().cloned().unwrap_or_default()),
            // Its history may have been cleaned away.
            Err(fault) if fault.reason() == Some(Reason::Missing) => Ok(Vec::new()),
            Err(fault) => Err(fault.into_error()),
        }
    }

    /// The tasks of one run with their places.
    fn placed(&self, row: Value, cx: &JobCtx) -> Result<Vec<Placed>> {
        let names = self.learn(std::slice::from_ref(&row), cx)?;
        let flow = names.flow(&row);
        let rows = self.rows(vec![row], cx)?;
        Ok(rows.first().map(|r| read::tasks(r, &flow, Timestamp::now())).unwrap_or_default())
    }

    /// The deployment of a pipeline, with its full name: `flow/deployment`, or the flow where it has one deployment alone.
    fn deployment(&self, pipeline: &str, cx: &JobCtx) -> Result<(Value, String)> {
        let (flow, name) = pipeline.split_once('/').map_or((pipeline, None), |(f, d)| (f, Some(d)));
        let mut body = json!({ "flows": { "name": { "any_": [flow] } } });
        if let Some(name) = name {
            body["deployments"] = json!({ "name": { "any_": [name] } });
        }
        let found = self.pages("deployments/filter", &body, PAGE, cx)?;
        let full = |row: Value| word(&row, "name").map(|name| (row, format!("{flow}/{name}")));
        let found: Vec<(Value, String)> = found.into_iter().filter_map(full).collect();
        if let [one] = found.as_slice() {
            return Ok(one.clone());
        }
        if !found.is_empty() {
            let names: Vec<&str> = found.iter().map(|f| f.1.as_str()).collect();
            return Err(
                Error::user(format!("{flow} has several deployments")).hint(format!("Name one: {}", names.join(", ")))
            );
        }
        let all = self.pipelines(cx).unwrap_or_default();
        if all.iter().any(|p| p.name == pipeline) {
            return Err(Error::user(format!("{pipeline} has no deployment in {}", self.to().name))
                .because_of("Prefect starts deployments alone")
                .hint("Deploy the flow there first"));
        }
        // A deployment is often called by its flow alone.
        let named = |p: &RemotePipeline| {
            if name.is_some() { p.name.clone() } else { p.name.split('/').next().unwrap_or_default().to_owned() }
        };
        let names: Vec<String> = all.iter().map(named).collect();
        let near = text::nearest(pipeline, names.iter().map(String::as_str));
        let error = Error::user(format!("{} has no pipeline {pipeline}", self.to().name));
        Err(match near {
            Some(near) => error.hint(format!("Did you mean {near}?")),
            None => error.hint("andon runs --refresh lists what it has"),
        })
    }

    /// Why this run cannot be run again where it is; a new one always can.
    fn may_rerun(run: &Run, row: &Value, scope: &Scope) -> Result<()> {
        let said = Said::of(row);
        let no = |what: &str, why: &str| {
            Err(Error::user(format!("{} cannot be rerun{what}", run.title()))
                .because_of(why)
                .hint(format!("A new run with the same parameters: andon rerun {} --new", run.id)))
        };
        if !said.is_final() {
            return Err(
                Error::user(format!("{} is under way", run.title())).hint("Wait for its end or cancel it first")
            );
        }
        if word(row, "deployment_id").is_none() {
            return no("", "it was started without a deployment, so nobody would take it up");
        }
        match (said.kind.as_str(), scope) {
            ("CANCELLED", _) => no("", "Prefect lets a cancelled run stay cancelled"),
            ("COMPLETED", Scope::Failed) => Err(Error::user(format!("Nothing failed in {}", run.title()))
                .hint("Rerun everything with --all, or make a new run with --new")),
            ("COMPLETED", _) if read::is_kept(row) => no("", "Prefect keeps its result and with it the run as it is"),
            (_, Scope::From(_) | Scope::Only(_)) => no(" in part", IN_PART),
            _ => Ok(()),
        }
    }

    fn set_state(&self, remote: &str, state: &Value, wanted: &[&str], cx: &JobCtx) -> Result<Verdict, Fault> {
        let path = format!("flow_runs/{}/set_state", segment(remote));
        let body = json!({ "state": state, "force": false });
        match self.http.json(&http::Ask::post(&format!("{}{path}", self.base), &body), cx) {
            Ok(answer) => Ok(read::verdict(&answer, wanted)),
            // A proxy may be what is busy: whether the state was set is looked up before it is sent again.
            Err(Fault::Refused(r, error)) if r.reason == Reason::Busy => Err(Fault::Unknown(error)),
            Err(fault) => Err(fault),
        }
    }

    fn said_no(&self, run: &Run, why: String) -> Fault {
        Fault::NotSent(
            Error::user(format!("{} refuses to do this with {}", self.to().name, run.title()))
                .because_of(why)
                .hint("Refresh to see how it stands"),
        )
    }
}

const IN_PART: &str =
    "Prefect cannot begin a flow in its middle: --failed keeps the results that it has, --new makes a new run";
/// Answer to a change of state that was made already.
const MADE_ALREADY: &str = "already made this state transition";

/// True while something of a run that has just ended may still be on its way.
fn unsettled(run: &Value, tasks: &[Value]) -> bool {
    let said = Said::of(run);
    let Some(ended) = time_at(run, "end_time").filter(|_| said.is_final() && said.kind != "CANCELLED") else {
        return false;
    };
    // A run of another clock is as old as it says.
    let age = Timestamp::now().duration_since(ended);
    if age > SETTLED || age < -SETTLED {
        return false;
    }
    let id = word(run, "id");
    let mut mine = tasks.iter().filter(|t| word(t, "flow_run_id") == id);
    mine.any(|t| {
        matches!(read::task_state(&Said::of(t)), Some(TaskState::Running | TaskState::Queued | TaskState::Retrying))
    })
}

fn remote(run: &Run) -> Result<&str> {
    let none = || Error::bug(format!("{} has no id of another system", run.title()));
    run.remote_id.as_deref().ok_or_else(none)
}

fn sent(run: &Run) -> Result<Sent> {
    Ok(Sent { pipeline: run.pipeline.clone(), remote_id: remote(run)?.to_owned() })
}

/// The same request is the same change of state: the server makes it once as long as nothing else has happened.
fn transition_id(key: &str) -> String {
    let hash = xxhash_rust::xxh3::xxh3_128(key.as_bytes());
    uuid::Builder::from_random_bytes(hash.to_be_bytes()).into_uuid().to_string()
}

fn launch_key(key: &str) -> String {
    format!("andon:{key}")
}

/// Where to read a log on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Cursor {
    row: Option<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    /// Lines of that very instant that were read already.
    skip: usize,
}

impl Connector for Prefect {
    fn to(&self) -> &Connection {
        self.http.to()
    }

    fn capabilities(&self) -> Capabilities {
        let all = Capabilities::all().without(Act::RerunTask, IN_PART).without(Act::RerunFrom, IN_PART);
        if self.to().read_only { all.reading("the connection is set to read only") } else { all }
    }

    fn version(&self, cx: &JobCtx) -> Result<String> {
        if self.base.is_empty() {
            return Ok("Cloud".to_owned());
        }
        let answer = self.get("admin/version", cx)?;
        let none = || Error::remote(format!("There is no Prefect at {}", self.to().url)).hint("Check the address");
        answer.as_str().map(str::to_owned).ok_or_else(none)
    }

    fn probe(&self, cx: &JobCtx) -> Result<Probe> {
        let cloud = self.base.is_empty();
        if !cloud {
            // Told to everybody: an error means that nothing is there.
            let health = self.get("health", cx)?;
            if health != json!(true) {
                return Err(Error::remote(format!("There is no Prefect at {}", self.to().url))
                    .because_of("it does not say that it is well")
                    .hint("Check the address"));
            }
        }
        let mut steps = vec![Step { name: "Reachable".into(), ok: true, note: self.to().url.clone() }];
        let mut version = String::new();
        let who = match &self.secret {
            Some(s) => match s.0.split_once(':').filter(|_| !cloud) {
                Some((user, _)) => format!("as {user}"),
                None => "with a key".to_owned(),
            },
            None => "without a secret".to_owned(),
        };
        let flows = self.post("flows/count", &json!({}), cx).map_err(Fault::into_error);
        let signed = flows.is_ok();
        steps.push(Step::tried("Signed in", flows.map(|_| who)));
        if signed {
            let said = self.version(cx).map(|v| {
                version = v;
                format!("Prefect {version}, REST API")
            });
            let old = version.split('.').next().and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| n < 3);
            let said = said.and_then(|note| {
                if old { Err(Error::remote(note).hint("Andon speaks with Prefect 3 and newer")) } else { Ok(note) }
            });
            steps.push(Step::tried("Version", said));
            let all = self.pages("deployments/filter", &json!({ "sort": "NAME_ASC" }), 10_000, cx);
            let count = |all: &Vec<Value>| text::count(all.len() as u64, "deployment");
            steps.push(Step::tried("May read", all.as_ref().map(count).map_err(Clone::clone)));
            if let Ok(all) = &all {
                steps.push(Step::tried("Runners", Ok(listening(all))));
            }
            let rerun = if self.to().read_only {
                Err(Error::user("Not tried: the connection is set to read only"))
            } else {
                self.may_change(cx)
            };
            steps.push(Step::tried("May rerun", rerun));
        }
        Ok(Probe { system: System::Prefect, version, steps })
    }

    fn pipelines(&self, cx: &JobCtx) -> Result<Vec<RemotePipeline>> {
        let flows = self.pages("flows/filter", &json!({ "sort": "NAME_ASC" }), 10_000, cx)?;
        let rows = self.pages("deployments/filter", &json!({ "sort": "NAME_ASC" }), 10_000, cx)?;
        let names = {
            let mut names = locked(&self.names);
            names.add_flows(&flows);
            names.add_deployments(&rows);
            names.clone()
        };
        let mut all: Vec<(Option<String>, RemotePipeline)> =
            rows.iter().filter_map(|r| Some((word(r, "id"), read::pipeline(r, &names)?))).collect();
        if all.iter().any(|(_, p)| p.schedule.is_some() && !p.paused) {
            let body = json!({
                "flow_runs": { "state": { "type": { "any_": ["SCHEDULED"] } } },
                "sort": "NEXT_SCHEDULED_START_TIME_ASC",
            });
            for run in self.pages("flow_runs/filter", &body, PAGE, cx)? {
                let of = word(&run, "deployment_id");
                let found = all.iter_mut().find(|(id, p)| *id == of && p.next_run.is_none());
                if let Some((_, pipeline)) = found.filter(|(id, _)| id.is_some()) {
                    pipeline.next_run = time_at(&run, "next_scheduled_start_time");
                }
            }
        }
        let deployed: HashSet<String> = rows.iter().filter_map(|r| word(r, "flow_id")).collect();
        let alone = flows.iter().filter(|f| word(f, "id").is_some_and(|id| !deployed.contains(&id)));
        let bare = |f: &Value| Some((None, RemotePipeline { name: word(f, "name")?, ..RemotePipeline::default() }));
        all.extend(alone.filter_map(bare));
        let mut all: Vec<RemotePipeline> = all.into_iter().map(|(_, p)| p).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    fn params(&self, pipeline: &str, cx: &JobCtx) -> Result<Vec<Param>> {
        let (row, _) = self.deployment(pipeline, cx)?;
        Ok(schema::params(row.pointer("/parameter_openapi_schema/properties").unwrap_or(&Value::Null)))
    }

    fn runs(&self, since: Option<Timestamp>, most: usize, cx: &JobCtx) -> Result<Vec<Seen>> {
        let now = Timestamp::now();
        let filter = match since {
            None => json!({ "expected_start_time": { "before_": now + SOON } }),
            // There is no time of change to ask for: what began, ended, is due or under way is all that can change.
            Some(since) => json!({
                "operator": "or_",
                "start_time": { "after_": since - OVERLAP },
                "end_time": { "after_": since - OVERLAP },
                "next_scheduled_start_time": { "before_": now + SOON },
                "state": { "type": { "any_": ["RUNNING", "PENDING", "PAUSED", "CANCELLING"] } },
            }),
        };
        let most = if since.is_some() { usize::MAX } else { most };
        let body = json!({ "flow_runs": filter, "sort": "EXPECTED_START_TIME_DESC" });
        let rows = self.pages("flow_runs/filter", &body, most, cx)?;
        let names = self.learn(&rows, cx)?;
        // A list that grows while it is read gives some rows twice.
        let mut ids = HashSet::new();
        let seen = rows.iter().filter_map(|r| read::run(self.to(), r, &names, now));
        Ok(seen.filter(|s| ids.insert(s.run.id.clone())).collect())
    }

    fn run(&self, _pipeline: &str, remote_id: &str, cx: &JobCtx) -> Result<Option<Seen>> {
        let Some(row) = self.row(remote_id, cx)? else { return Ok(None) };
        let names = self.learn(std::slice::from_ref(&row), cx)?;
        Ok(read::run(self.to(), &row, &names, Timestamp::now()))
    }

    fn tasks(&self, seen: &mut [Seen], known: &HashMap<RunId, Run>, cx: &JobCtx) -> Result<()> {
        let mut open: Vec<&mut Seen> = Vec::new();
        let now = Timestamp::now();
        for one in seen {
            // What ended a while ago and was seen whole cannot have changed since.
            match known.get(&one.run.id).filter(|k| same(k, &one.run, now)) {
                Some(known) => {
                    one.run.started_at = known.started_at;
                    one.tasks = Some(known.tasks.clone());
                }
                None => open.push(one),
            }
        }
        for portion in open.chunks_mut(50) {
            let remotes: Vec<&str> = portion.iter().filter_map(|s| s.run.remote_id.as_deref()).collect();
            // As they are now: between the list and this a run may have ended, and its tasks with it.
            let body = json!({ "flow_runs": { "id": { "any_": remotes } } });
            let rows = self.pages("flow_runs/filter", &body, PAGE, cx)?;
            let names = self.learn(&rows, cx)?;
            let all = self.rows(rows, cx)?;
            for rows in &all {
                let id = word(&rows.run, "id");
                let Some(one) = portion.iter_mut().find(|s| s.run.remote_id == id) else { continue };
                if let Some(newer) = read::run(self.http.to(), &rows.run, &names, now) {
                    (one.run, one.updated) = (newer.run, newer.updated);
                }
                let placed = read::tasks(rows, &names.flow(&rows.run), Timestamp::now());
                if one.run.round > 1 && one.run.state != RunState::Queued {
                    one.run.started_at = read::restarted(&placed).or(one.run.started_at);
                }
                one.tasks = Some(placed.into_iter().map(|p| p.task).collect());
            }
        }
        Ok(())
    }

    fn log(&self, run: &Run, task: &str, attempt: u32, from: Option<&str>, cx: &JobCtx) -> Result<LogPage> {
        let mut cursor: Cursor = match from {
            Some(from) => {
                serde_json::from_str(from).map_err(|e| Error::bug("A place in a log cannot be read").because(&e))?
            }
            None => {
                let placed = self.placed(self.present(run, cx)?, cx)?;
                let found = placed.iter().find(|p| p.task.id == task);
                let index = (attempt as usize).checked_sub(1);
                let place = found.zip(index).and_then(|(p, i)| p.places.get(i)).ok_or_else(|| {
                    Error::remote(format!("There is no log of try {attempt} of {task}"))
                        .hint("A task that was never started has none, and old ones are cleaned away")
                })?;
                Cursor { row: place.row.clone(), after: place.from, before: place.until, skip: 0 }
            }
        };
        let mut filter = json!({ "flow_run_id": { "any_": [remote(run)?] } });
        filter["task_run_id"] = match &cursor.row {
            Some(row) => json!({ "any_": [row] }),
            None => json!({ "is_null_": true }),
        };
        if cursor.after.is_some() || cursor.before.is_some() {
            filter["timestamp"] = json!({ "after_": cursor.after, "before_": cursor.before });
        }
        let body = json!({ "logs": filter, "sort": "TIMESTAMP_ASC", "limit": PAGE, "offset": cursor.skip });
        let answer = self.post("logs/filter", &body, cx)?;
        let rows = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        let at = |row: &Value| time_at(row, "timestamp");
        // The end of an attempt is not part of it.
        let mine = rows.iter().filter(|r| cursor.before.is_none_or(|b| at(r).is_none_or(|t| t < b)));
        let lines = mine.flat_map(read::log_lines).collect();
        if rows.len() < PAGE {
            return Ok(LogPage { lines, next: None });
        }
        // On by time: the further an offset is, the longer the server takes.
        let last = rows.last().and_then(at);
        let same = rows.iter().filter(|r| at(r) == last).count();
        cursor.skip = if last == cursor.after { cursor.skip + same } else { same };
        cursor.after = last;
        Ok(LogPage { lines, next: serde_json::to_string(&cursor).ok() })
    }

    fn metrics(&self, run: &Run, cx: &JobCtx) -> Result<Vec<MetricPoint>> {
        let id = remote(run)?.to_owned();
        let body = json!({
            "artifacts": { "flow_run_id": { "any_": [id] }, "key": { "exists_": true } },
            "sort": "CREATED_DESC",
        });
        let rows = self.pages("artifacts/filter", &body, 1000, cx)?;
        let with: Vec<_> = rows.iter().map(|r| (r, read::metrics(r, run.data_time.as_deref()))).collect();
        let with: Vec<_> = with.into_iter().filter(|(_, m)| !m.is_empty()).collect();
        if with.is_empty() {
            return Ok(Vec::new());
        }
        let placed = self.placed(self.present(run, cx)?, cx)?;
        let mut points = Vec::new();
        for (row, metrics) in with {
            let Some((task, attempt)) = whose(row, &placed) else { continue };
            let point = |metric| MetricPoint {
                run: run.id.clone(),
                pipeline: run.pipeline.clone(),
                task: task.clone(),
                attempt,
                metric,
            };
            points.extend(metrics.into_iter().map(point));
        }
        Ok(points)
    }

    fn preview(&self, run: &Run, scope: &Scope, cx: &JobCtx) -> Result<Preview> {
        let row = self.present(run, cx)?;
        Self::may_rerun(run, &row, scope)?;
        let placed = self.placed(row, cx)?;
        if *scope == Scope::All
            && let Some(kept) = placed.iter().find(|p| p.kept)
        {
            return Err(keeps(run, &kept.task.id));
        }
        let (ids, notes) = read::retried(&placed);
        let mut preview = Preview::of(run, &ids, false);
        preview.notes = notes;
        Ok(preview)
    }

    fn check(&self, ask: &Ask, cx: &JobCtx) -> Result<()> {
        match ask {
            Ask::Rerun { run, scope, .. } => {
                let row = self.present(run, cx)?;
                Self::may_rerun(run, &row, scope)?;
                if *scope == Scope::All {
                    let placed = self.placed(row, cx)?;
                    return placed.iter().find(|p| p.kept).map_or(Ok(()), |kept| Err(keeps(run, &kept.task.id)));
                }
                Ok(())
            }
            Ask::Cancel { run } => {
                let row = self.present(run, cx)?;
                let said = Said::of(&row);
                if said.is_final() {
                    let state = read::run_state(&said).map_or(said.name, |s| s.word().to_lowercase());
                    return Err(Error::user(format!("{} is over: {state}", run.title())));
                }
                if word(&row, "deployment_id").is_none() && said.kind != "SCHEDULED" {
                    return Err(Error::user(format!("{} cannot be cancelled from here", run.title()))
                        .because_of("it was started without a deployment, so no runner listens for that")
                        .hint("End the program that runs it"));
                }
                Ok(())
            }
            Ask::Trigger { pipeline, params, .. } => {
                let (row, name) = self.deployment(pipeline, cx)?;
                read::unknown_param(&row, params).map_or(Ok(()), |(param, known)| {
                    let near = text::nearest(param, known.iter().copied());
                    let all = if known.is_empty() {
                        "It takes none".to_owned()
                    } else {
                        format!("It takes {}", known.join(", "))
                    };
                    Err(Error::user(format!("{name} has no parameter {param}"))
                        .hint(near.map_or(all, |n| format!("Did you mean {n}?"))))
                })
            }
        }
    }

    fn mark(&self, ask: &Ask, cx: &JobCtx) -> Result<Mark> {
        match ask {
            Ask::Rerun { run, .. } => Ok(position(&self.present(run, cx)?)),
            Ask::Trigger { .. } | Ask::Cancel { .. } => Ok(Value::Null),
        }
    }

    fn act(&self, ask: &Ask, key: &str, cx: &JobCtx) -> Result<Sent, Fault> {
        match ask {
            Ask::Rerun { run, note, .. } => {
                let sent = sent(run).map_err(Fault::NotSent)?;
                let state = json!({
                    "type": "SCHEDULED", "name": "AwaitingRetry", "message": note,
                    "state_details": { "transition_id": transition_id(key) },
                });
                match self.set_state(&sent.remote_id, &state, &["SCHEDULED"], cx)? {
                    Verdict::Accepted => Ok(sent),
                    Verdict::Refused(why) if why.contains(MADE_ALREADY) => Ok(sent),
                    Verdict::Refused(why) => Err(self.said_no(run, why)),
                }
            }
            Ask::Trigger { pipeline, params, note } => {
                let (row, pipeline) = self.deployment(pipeline, cx).map_err(Fault::NotSent)?;
                let id = word(&row, "id").unwrap_or_default();
                let mut body = json!({ "parameters": params, "idempotency_key": launch_key(key) });
                if let Some(note) = note {
                    body["state"] = json!({ "type": "SCHEDULED", "name": "Scheduled", "message": note });
                }
                // The key makes it safe to be sent again.
                match self.post(&format!("deployments/{}/create_flow_run", segment(&id)), &body, cx) {
                    Ok(row) => {
                        let remote_id = word(&row, "id").ok_or_else(|| {
                            Fault::Unknown(Error::remote(format!("{} names no run that it started", self.to().name)))
                        })?;
                        Ok(Sent { pipeline, remote_id })
                    }
                    // Parameters that do not fit are a conflict here.
                    Err(Fault::Refused(r, _)) if r.status == 409 => {
                        let refused = Refused { reason: Reason::Invalid, ..r };
                        let error = refused.error(self.to(), true);
                        Err(Fault::Refused(refused, error))
                    }
                    Err(fault) => Err(fault),
                }
            }
            Ask::Cancel { run } => {
                let sent = sent(run).map_err(Fault::NotSent)?;
                let now = self.present(run, cx).map_err(Fault::NotSent)?;
                // What has no process yet is cancelled at once: no runner would do it, and it would be cancelling for ever.
                let waits = matches!(Said::of(&now).kind.as_str(), "SCHEDULED" | "PENDING");
                let (kind, name) = if waits { ("CANCELLED", "Cancelled") } else { ("CANCELLING", "Cancelling") };
                let state = json!({
                    "type": kind, "name": name, "state_details": { "transition_id": transition_id(key) },
                });
                match self.set_state(&sent.remote_id, &state, &["CANCELLING", "CANCELLED"], cx)? {
                    Verdict::Accepted => Ok(sent),
                    Verdict::Refused(why) if why.contains(MADE_ALREADY) => Ok(sent),
                    Verdict::Refused(why) => Err(self.said_no(run, why)),
                }
            }
        }
    }

    fn find(&self, ask: &Ask, key: &str, before: &Mark, cx: &JobCtx) -> Result<Option<Sent>> {
        match ask {
            Ask::Rerun { run, .. } => {
                let sent = sent(run)?;
                let now = self.row(&sent.remote_id, cx)?;
                Ok(now.is_some_and(|row| position(&row) != *before).then_some(sent))
            }
            Ask::Trigger { .. } => {
                let body = json!({ "flow_runs": { "idempotency_key": { "any_": [launch_key(key)] } } });
                let rows = self.pages("flow_runs/filter", &body, 1, cx)?;
                let names = self.learn(&rows, cx)?;
                let found = |row: &Value| Some(Sent { pipeline: names.pipeline(row), remote_id: word(row, "id")? });
                Ok(rows.first().and_then(found))
            }
            Ask::Cancel { run } => {
                let sent = sent(run)?;
                let now = self.row(&sent.remote_id, cx)?.map(|row| Said::of(&row));
                Ok(now.is_none_or(|s| s.is_final() || s.kind == "CANCELLING").then_some(sent))
            }
        }
    }
}

/// What changes with each change of state and each execution.
fn position(row: &Value) -> Value {
    json!([row.get("state_id"), row.get("run_count")])
}

fn keeps(run: &Run, task: &str) -> Error {
    Error::user(format!("{} cannot be rerun as a whole", run.title()))
        .because_of(format!("Prefect keeps the result of {task} and would use it again"))
        .hint(format!("Rerun what failed with --failed, or make a new run: andon rerun {} --new", run.id))
}

/// The run as it is known is whole, and this is it.
fn same(known: &Run, seen: &Run, now: Timestamp) -> bool {
    let old = seen.ended_at.is_some_and(|e| now.duration_since(e) > SETTLED);
    let ms = |t: Option<Timestamp>| t.map(Timestamp::as_millisecond);
    old && known.state == seen.state
        && ms(known.ended_at) == ms(seen.ended_at)
        && !known.tasks.is_empty()
        && known.tasks.iter().all(|t| t.state.is_final())
}

/// The task and attempt that made an artifact; what no task made is of the body.
fn whose(row: &Value, placed: &[Placed]) -> Option<(String, u32)> {
    let (made_by, at) = (word(row, "task_run_id"), time_at(row, "created"));
    let of = placed.iter().find(|p| p.places.iter().any(|place| place.row == made_by))?;
    let mine = of.task.attempts.iter().zip(&of.places).rev().filter(|(_, place)| place.row == made_by);
    let mut begun = mine.filter(|(a, _)| at.is_none_or(|at| a.started_at.is_none_or(|s| s <= at)));
    let number = begun.next().map_or(1, |(a, _)| a.number);
    Some((of.task.id.clone(), number))
}

fn listening(deployments: &[Value]) -> String {
    let ready = deployments.iter().filter(|d| word(d, "status").as_deref() == Some("READY")).count();
    match (deployments.len(), ready) {
        (0, _) => "not needed: there is no deployment".to_owned(),
        // Right after the start of a runner it is not known yet, so this is no fault of the connection.
        (_, 0) => "none listens now: what is started waits until a runner or worker is there".to_owned(),
        (all, ready) => format!("{ready} of {all} deployments have one that listens"),
    }
}

impl Prefect {
    /// Whether this account may rerun: asked for a run that cannot exist, which changes nothing.
    fn may_change(&self, cx: &JobCtx) -> Result<String> {
        let nobody = uuid::Uuid::nil().to_string();
        let state = json!({ "type": "SCHEDULED", "name": "AwaitingRetry" });
        match self.set_state(&nobody, &state, &["SCHEDULED"], cx) {
            Ok(_) => Ok("states can be set".to_owned()),
            Err(fault) if fault.reason() == Some(Reason::Missing) => Ok("states can be set".to_owned()),
            Err(fault) if fault.reason() == Some(Reason::Forbidden) => {
                Err(Error::remote("Reruns are not allowed to this account").hint("It needs the right to run flows"))
            }
            Err(fault) => Err(fault.into_error()),
        }
    }
}

#[cfg(test)]
mod tests;

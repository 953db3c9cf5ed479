//! Airflow 3 over its REST interface v2.
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

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
            airflow::{self as read, Graph, list},
            fault::Reason,
            instance,
            normal::{segment, word},
            schema,
        },
        pipeline::Param,
        run::{MetricPoint, Run, RunState, Scope, TaskState},
    },
};

/// The server gives at most so many rows, whatever is asked.
const PAGE: usize = 100;
/// Values of `XCom`s that are read of one run.
const MOST_VALUES: usize = 200;
/// What changed so long before the last look is asked for again: the server's clock and its transactions may lag.
const OVERLAP: SignedDuration = SignedDuration::from_secs(10);

pub(super) struct Airflow {
    http: Http,
    secret: Option<Secret>,
    signed_in: Mutex<bool>,
    /// How far the server's clock is ahead of ours.
    ahead: Mutex<SignedDuration>,
    graphs: Mutex<HashMap<String, Arc<Graph>>>,
}

/// The version, which is told to everybody.
pub(super) fn version(http: &Http, cx: &JobCtx) -> Result<String> {
    let answer = http.json(&http::Ask::get("api/v2/version"), cx);
    let version = match answer {
        Ok(answer) => word(&answer, "version"),
        Err(fault) if fault.reason() == Some(Reason::Missing) => {
            let old = http.json(&http::Ask::get("api/v1/version"), cx).ok().and_then(|a| word(&a, "version"));
            return Err(match old {
                Some(old) => Error::remote(format!("{} is Airflow {old}", http.to().name))
                    .because_of("Andon speaks with Airflow 3 and newer")
                    .hint("Connect an Airflow 3"),
                None => fault.into_error(),
            });
        }
        Err(fault) => return Err(fault.into_error()),
    };
    version.ok_or_else(|| {
        Error::remote(format!("There is no Airflow at {}", http.to().url))
            .because_of("its answer names no version")
            .hint("Check the address")
    })
}

impl Airflow {
    pub(super) fn new(http: Http, secret: Option<Secret>) -> Self {
        Self { http, secret, signed_in: Mutex::default(), ahead: Mutex::default(), graphs: Mutex::default() }
    }

    /// Gets a token for a name and password; a token is used as it is.
    fn sign_in(&self, cx: &JobCtx) -> Result<(), Fault> {
        let Some(secret) = &self.secret else { return Ok(()) };
        let refused = |e: Error| Fault::NotSent(e);
        let Some((user, password)) = secret.0.trim().split_once(':') else {
            return self.http.authorize(Some(&format!("Bearer {}", secret.0.trim()))).map_err(refused);
        };
        self.http.authorize(None).map_err(refused)?;
        let body = json!({ "username": user, "password": password });
        let answer = self.http.json(&http::Ask::post("auth/token", &body), cx).map_err(|fault| match fault {
            Fault::Refused(r, _) if matches!(r.reason, Reason::Login | Reason::Invalid) => {
                let error = r.error(self.http.to(), true);
                Fault::Refused(r, error)
            }
            other => Fault::NotSent(other.into_error()),
        })?;
        let token = word(&answer, "access_token").ok_or_else(|| {
            Fault::NotSent(
                Error::remote(format!("{} gave no token", self.http.to().name))
                    .hint("Its way to sign in may be another one: give a token instead of user:password"),
            )
        })?;
        self.http.authorize(Some(&format!("Bearer {token}"))).map_err(refused)
    }

    fn ready(&self, anew: bool, cx: &JobCtx) -> Result<(), Fault> {
        let mut done = self.signed_in.lock().unwrap_or_else(PoisonError::into_inner);
        if !*done || anew {
            self.sign_in(cx)?;
            *done = true;
        }
        Ok(())
    }

    /// Sends; a token that has run out is replaced once.
    fn send(&self, ask: &http::Ask<'_>, cx: &JobCtx) -> Result<http::Answer, Fault> {
        self.ready(false, cx)?;
        match self.http.send(ask, cx) {
            Err(fault) if fault.reason() == Some(Reason::Login) && self.secret.is_some() => {
                self.ready(true, cx)?;
                self.http.send(ask, cx)
            }
            other => other,
        }
    }

    fn json(&self, ask: &http::Ask<'_>, cx: &JobCtx) -> Result<Value, Fault> {
        let answer = self.send(ask, cx)?;
        let there = answer.header("date").and_then(|d| jiff::fmt::rfc2822::parse(&d).ok());
        if let Some(there) = there {
            let ahead = there.timestamp().duration_since(Timestamp::now());
            *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
        }
        serde_json::from_slice(&answer.body).map_err(|_| {
            let name = &self.http.to().name;
            let error = Error::remote(format!("The answer of {name} is not what Airflow answers"))
                .hint("A proxy or a page to sign in at may stand in between");
            Fault::Unknown(error)
        })
    }

    /// All rows of a list, page by page, by what came back: the server gives fewer than asked without a word.
    fn pages(&self, ask: &http::Ask<'_>, key: &str, most: usize, cx: &JobCtx) -> Result<Vec<Value>> {
        let mut rows: Vec<Value> = Vec::new();
        while rows.len() < most {
            cx.check()?;
            let answer = self.json(&ask.clone().with("limit", PAGE).with("offset", rows.len()), cx)?;
            let page = list(&answer, key);
            let total = answer.get("total_entries").and_then(Value::as_u64);
            rows.extend(page.iter().cloned());
            let all = total.is_some_and(|t| rows.len() as u64 >= t);
            if page.is_empty() || all {
                break;
            }
        }
        rows.truncate(most);
        Ok(rows)
    }

    fn graph(&self, dag: &str, version: Option<&str>, cx: &JobCtx) -> Result<Arc<Graph>> {
        let key = format!("{dag}\0{}", version.unwrap_or_default());
        if let Some(graph) = self.graphs.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(graph.clone());
        }
        let path = format!("api/v2/dags/{}/tasks", segment(dag));
        let graph = match self.json(&http::Ask::get(&path), cx) {
            Ok(answer) => Graph::read(&answer),
            // A DAG that was deleted has runs, and no tasks any more.
            Err(fault) if fault.reason() == Some(Reason::Missing) => Graph::default(),
            Err(fault) => return Err(fault.into_error()),
        };
        let graph = Arc::new(graph);
        self.graphs.lock().unwrap_or_else(PoisonError::into_inner).insert(key, graph.clone());
        Ok(graph)
    }

    fn instances(&self, pipeline: &str, remote: &str, cx: &JobCtx) -> Result<Vec<Value>> {
        let path = format!("{}/taskInstances", run_path(pipeline, remote));
        self.pages(&http::Ask::get(&path), "task_instances", usize::MAX, cx)
    }

    /// Rows of earlier tries, for instances with several that are not known yet.
    fn tries(
        &self,
        run: &Run,
        rows: &[Value],
        known: Option<&Run>,
        cx: &JobCtx,
    ) -> Result<HashMap<String, Vec<Value>>> {
        let mut all = HashMap::new();
        let Some(remote) = &run.remote_id else { return Ok(all) };
        for row in rows {
            let (Some(id), Some(task)) = (read::instance_id(row), word(row, "task_id")) else { continue };
            let waits = word(row, "state").is_none();
            // Of one that waits to be tried again, the number is that of the try before.
            let newest = row.get("try_number").and_then(Value::as_u64).unwrap_or(0) + u64::from(waits);
            let old: HashSet<u32> = known
                .and_then(|k| k.task(&id))
                .map(|t| t.attempts.iter().filter(|a| a.state.is_final()).map(|a| a.number).collect())
                .unwrap_or_default();
            let missing = (1..newest).any(|n| !old.contains(&u32::try_from(n).unwrap_or(u32::MAX)));
            if !missing {
                continue;
            }
            let base = format!("{}/taskInstances/{}", run_path(&run.pipeline, remote), segment(&task));
            let path = match instance(&id).1 {
                Some(index) => format!("{base}/{index}/tries"),
                None => format!("{base}/tries"),
            };
            match self.json(&http::Ask::get(&path), cx) {
                Ok(answer) => drop(all.insert(id, list(&answer, "task_instances").to_vec())),
                // Tries may have been cleaned away while the instance stayed.
                Err(fault) if fault.reason() == Some(Reason::Missing) => {}
                Err(fault) => return Err(fault.into_error()),
            }
        }
        Ok(all)
    }

    fn fill(&self, seen: &mut Seen, rows: &[Value], known: Option<&Run>, cx: &JobCtx) -> Result<()> {
        let version = seen.run.record.environment.get("DAG version").cloned();
        let graph = self.graph(&seen.run.pipeline, version.as_deref(), cx)?;
        let tries = self.tries(&seen.run, rows, known, cx)?;
        let tasks = read::tasks(rows, &tries, &graph, Timestamp::now());
        if seen.run.state == RunState::Failed && seen.run.error.is_none() {
            let bad = tasks.iter().find(|t| t.state == TaskState::Failed);
            seen.run.error = bad.map(|t| t.error.clone().unwrap_or_else(|| format!("{} failed", t.id)));
        }
        seen.tasks = Some(tasks);
        Ok(())
    }

    /// Body of the request that clears what a scope covers, and where it goes.
    fn clearing(run: &Run, scope: &Scope, dry: bool) -> Result<(String, Value)> {
        let remote = remote(run)?;
        let path = format!("api/v2/dags/{}/clearTaskInstances", segment(&run.pipeline));
        let mut body = json!({
            "dry_run": dry, "dag_run_id": remote, "reset_dag_runs": true,
            "only_failed": false, "only_running": false,
            "include_upstream": false, "include_downstream": false, "include_past": false, "include_future": false,
        });
        match scope {
            Scope::Failed => body["only_failed"] = json!(true),
            Scope::All => {}
            Scope::From(task) | Scope::Only(task) => {
                if run.task(task).is_none() && !run.tasks.iter().any(|t| instance(&t.id).0 == task) {
                    return Err(run.rerun_plan(scope).err().unwrap_or_else(|| Error::user(format!("No task {task}"))));
                }
                let (id, index) = instance(task);
                body["task_ids"] = json!([index.map_or_else(|| json!(id), |i| json!([id, i]))]);
                body["include_downstream"] = json!(matches!(scope, Scope::From(_)));
            }
        }
        Ok((path, body))
    }

    /// Number and state of each of these instances.
    fn positions(rows: &[Value], of: Option<&HashSet<String>>) -> Value {
        let rows = rows.iter().filter_map(|row| {
            let id = read::instance_id(row).filter(|id| of.is_none_or(|of| of.contains(id)))?;
            Some((id, json!([row.get("try_number"), row.get("state"), row.get("start_date")])))
        });
        Value::Object(rows.collect())
    }
}

fn run_path(pipeline: &str, remote: &str) -> String {
    format!("api/v2/dags/{}/dagRuns/{}", segment(pipeline), segment(remote))
}

fn remote(run: &Run) -> Result<&str> {
    let none = || Error::bug(format!("{} has no id of another system", run.title()));
    run.remote_id.as_deref().ok_or_else(none)
}

/// Id of a run that this request makes: the same key makes the same run, which the server refuses to make twice.
fn launch_id(key: &str) -> String {
    format!("andon__{key}")
}

impl Connector for Airflow {
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
            Step { name: "Version".into(), ok: true, note: format!("Airflow {version}, REST API v2") },
        ];
        let mut step = |name: &str, result: Result<String>| {
            let ok = result.is_ok();
            let note = result.unwrap_or_else(|e| e.hint.as_ref().map_or(e.to_string(), |h| format!("{e}. {h}")));
            steps.push(Step { name: name.to_owned(), ok, note });
            ok
        };
        let who = match &self.secret {
            Some(s) => s.0.split_once(':').map_or_else(|| "with a token".to_owned(), |(user, _)| format!("as {user}")),
            None => "without a secret".to_owned(),
        };
        let signed = step("Signed in", self.ready(true, cx).map(|()| who).map_err(Fault::into_error));
        if signed {
            let dags = self.json(&http::Ask::get("api/v2/dags").with("limit", 1), cx);
            let count = |v: &Value| v.get("total_entries").and_then(Value::as_u64).unwrap_or(0);
            step("May read", dags.map(|d| text::count(count(&d), "pipeline")).map_err(Fault::into_error));
            let health = self.json(&http::Ask::get("api/v2/monitor/health"), cx);
            let sick = health.map_err(Fault::into_error).and_then(|h| sick(&h));
            step("Scheduler", sick);
            if self.to().read_only {
                step("May rerun", Err(Error::user("Not tried: the connection is set to read only")));
            } else {
                step("May rerun", self.may_change(cx));
            }
        }
        Ok(Probe { system: System::Airflow, version, steps })
    }

    fn pipelines(&self, cx: &JobCtx) -> Result<Vec<RemotePipeline>> {
        let rows = self.pages(&http::Ask::get("api/v2/dags").with("order_by", "dag_id"), "dags", 10_000, cx)?;
        Ok(rows.iter().filter_map(read::pipeline).collect())
    }

    fn params(&self, pipeline: &str, cx: &JobCtx) -> Result<Vec<Param>> {
        let details = self.json(&http::Ask::get(&format!("api/v2/dags/{}/details", segment(pipeline))), cx)?;
        Ok(schema::params(details.get("params").unwrap_or(&Value::Null)))
    }

    fn runs(&self, since: Option<Timestamp>, most: usize, cx: &JobCtx) -> Result<Vec<Seen>> {
        let ask = http::Ask::get("api/v2/dags/~/dagRuns").with("order_by", "-run_after");
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let (ask, most) = match since {
            Some(since) => (ask.with("updated_at_gte", since + ahead - OVERLAP), usize::MAX),
            None => (ask, most),
        };
        let now = Timestamp::now();
        let rows = self.pages(&ask, "dag_runs", most, cx)?;
        // A list that grows while it is read gives some rows twice.
        let mut ids = HashSet::new();
        Ok(rows.iter().filter_map(|r| read::run(self.to(), r, now)).filter(|s| ids.insert(s.run.id.clone())).collect())
    }

    fn run(&self, pipeline: &str, remote_id: &str, cx: &JobCtx) -> Result<Option<Seen>> {
        match self.json(&http::Ask::get(&run_path(pipeline, remote_id)), cx) {
            Ok(row) => Ok(read::run(self.to(), &row, Timestamp::now())),
            Err(fault) if fault.reason() == Some(Reason::Missing) => Ok(None),
            Err(fault) => Err(fault.into_error()),
        }
    }

    /// The server tells its clock.
    fn margin(&self) -> SignedDuration {
        SignedDuration::ZERO
    }

    fn tasks(&self, seen: &mut [Seen], known: &HashMap<RunId, Run>, cx: &JobCtx) -> Result<()> {
        for one in seen {
            cx.check()?;
            let Some(remote) = one.run.remote_id.clone() else { continue };
            let rows = self.instances(&one.run.pipeline, &remote, cx)?;
            let known = known.get(&one.run.id);
            self.fill(one, &rows, known, cx)?;
        }
        Ok(())
    }

    /// The whole log each time: the server gives a token to go on with, and then all of it again.
    fn log(&self, run: &Run, task: &str, attempt: u32, _from: Option<&str>, cx: &JobCtx) -> Result<LogPage> {
        let (id, index) = instance(task);
        let path = format!("{}/taskInstances/{}/logs/{attempt}", run_path(&run.pipeline, remote(run)?), segment(id));
        let mut ask = http::Ask { accept: "application/x-ndjson", ..http::Ask::get(&path) };
        if let Some(index) = index {
            ask = ask.with("map_index", index);
        }
        let answer = match self.send(&ask, cx) {
            Ok(answer) => answer,
            Err(fault) if fault.reason() == Some(Reason::Missing) => {
                return Err(Error::remote(format!("There is no log of try {attempt} of {task}"))
                    .because(&fault.into_error())
                    .hint("A task that was never started has none, and old ones are cleaned away"));
            }
            Err(fault) => return Err(fault.into_error()),
        };
        let text = String::from_utf8_lossy(&answer.body);
        Ok(LogPage { lines: text.lines().filter(|l| !l.is_empty()).flat_map(read::log_lines).collect(), next: None })
    }

    fn metrics(&self, run: &Run, cx: &JobCtx) -> Result<Vec<MetricPoint>> {
        let path = format!("{}/taskInstances/~/xcomEntries", run_path(&run.pipeline, remote(run)?));
        let rows = self.pages(&http::Ask::get(&path), "xcom_entries", MOST_VALUES, cx)?;
        let mut points = Vec::new();
        let mut whole: HashSet<(String, String)> = HashSet::new();
        // What a task returned first: a dictionary's values lie there once more under keys of their own.
        let mut rows: Vec<&Value> = rows.iter().collect();
        rows.sort_by_key(|r| word(r, "key").as_deref() != Some("return_value"));
        for row in rows {
            cx.check()?;
            let (Some(key), Some(task), Some(id)) = (word(row, "key"), word(row, "task_id"), read::instance_id(row))
            else {
                continue;
            };
            if whole.contains(&(id.clone(), key.clone())) {
                continue;
            }
            let base =
                format!("{}/taskInstances/{}/xcomEntries", run_path(&run.pipeline, remote(run)?), segment(&task));
            let entry = format!("{base}/{}", segment(&key));
            let ask = http::Ask::get(&entry).with("map_index", instance(&id).1.unwrap_or(-1));
            let entry = match self.json(&ask, cx) {
                Ok(entry) => entry,
                Err(fault) if fault.reason().is_some() => continue,
                Err(fault) => return Err(fault.into_error()),
            };
            let value = entry.get("value").unwrap_or(&Value::Null);
            let at =
                crate::model::connect::normal::time_at(&entry, "timestamp").or(run.ended_at).unwrap_or(run.queued_at);
            for metric in read::metrics(&key, value, at, run.data_time.as_deref()) {
                if key == "return_value" {
                    whole.insert((id.clone(), metric.name.clone()));
                }
                let attempt = run.task(&id).and_then(|t| t.last()).map_or(1, |a| a.number);
                let (run, pipeline) = (run.id.clone(), run.pipeline.clone());
                points.push(MetricPoint { run, pipeline, task: id.clone(), attempt, metric });
            }
        }
        Ok(points)
    }

    fn preview(&self, run: &Run, scope: &Scope, cx: &JobCtx) -> Result<Preview> {
        let (path, body) = Self::clearing(run, scope, true)?;
        let answer = self.json(&http::Ask::post(&path, &body), cx)?;
        let ids = read::cleared(&answer);
        if ids.is_empty() {
            return Err(Error::user(format!("Nothing would run again in {}", run.title()))
                .because_of("Airflow names no task instance for this choice")
                .hint("Rerun everything with --all, or one task and what follows it with --from TASK"));
        }
        let mut preview = Preview::of(run, &ids, true);
        let dag = self.json(&http::Ask::get(&format!("api/v2/dags/{}", segment(&run.pipeline))), cx)?;
        if read::pipeline(&dag).is_some_and(|p| p.paused) {
            preview.notes.push(format!("{} is paused: the tasks wait until somebody unpauses it", run.pipeline));
        }
        Ok(preview)
    }

    fn check(&self, ask: &Ask, cx: &JobCtx) -> Result<()> {
        match ask {
            Ask::Rerun { run, .. } | Ask::Cancel { run } => {
                let now = self.run(&run.pipeline, remote(run)?, cx)?;
                let now = now.ok_or_else(|| Error::user(format!("{} is gone there", run.title())).hint("Refresh"))?;
                let over = now.run.state.is_final();
                match ask {
                    Ask::Rerun { .. } if !over => Err(Error::user(format!("{} is under way", run.title()))
                        .hint("Wait for its end or cancel it first")),
                    Ask::Cancel { .. } if over => {
                        Err(Error::user(format!("{} is over: {}", run.title(), now.run.state.word().to_lowercase())))
                    }
                    _ => Ok(()),
                }
            }
            Ask::Trigger { pipeline, .. } => {
                let path = format!("api/v2/dags/{}", segment(pipeline));
                let dag = match self.json(&http::Ask::get(&path), cx) {
                    Ok(dag) => read::pipeline(&dag).unwrap_or_default(),
                    Err(fault) if fault.reason() == Some(Reason::Missing) => {
                        let all = self.pipelines(cx).unwrap_or_default();
                        let near = text::nearest(pipeline, all.iter().map(|p| p.name.as_str()));
                        let error = Error::user(format!("{} has no pipeline {pipeline}", self.to().name));
                        return Err(match near {
                            Some(near) => error.hint(format!("Did you mean {near}?")),
                            None => error.hint("andon runs --refresh lists what it has"),
                        });
                    }
                    Err(fault) => return Err(fault.into_error()),
                };
                if dag.paused {
                    // The server takes it and lets it wait for ever.
                    return Err(Error::user(format!("{pipeline} is paused in {}", self.to().name))
                        .because_of("a run would wait until somebody unpauses it")
                        .hint("Unpause it there first"));
                }
                Ok(())
            }
        }
    }

    fn mark(&self, ask: &Ask, cx: &JobCtx) -> Result<Mark> {
        match ask {
            Ask::Rerun { run, scope, .. } => {
                let (path, body) = Self::clearing(run, scope, true)?;
                let ids: HashSet<String> =
                    read::cleared(&self.json(&http::Ask::post(&path, &body), cx)?).into_iter().collect();
                let rows = self.instances(&run.pipeline, remote(run)?, cx)?;
                Ok(Self::positions(&rows, Some(&ids)))
            }
            Ask::Trigger { .. } | Ask::Cancel { .. } => Ok(Value::Null),
        }
    }

    fn act(&self, ask: &Ask, key: &str, cx: &JobCtx) -> Result<Sent, Fault> {
        match ask {
            Ask::Rerun { run, scope, note } => {
                let (path, body) = Self::clearing(run, scope, false).map_err(Fault::NotSent)?;
                let sent = sent(run).map_err(Fault::NotSent)?;
                let answer = self.json(&http::Ask::post(&path, &body), cx)?;
                if read::cleared(&answer).is_empty() {
                    let error = Error::user(format!("Nothing runs again in {}", run.title()))
                        .because_of("Airflow names no task instance for this choice")
                        .hint("Refresh: it may have been rerun by somebody else");
                    return Err(Fault::NotSent(error));
                }
                if let Some(note) = note {
                    self.note(&sent, note, cx);
                }
                Ok(sent)
            }
            Ask::Trigger { pipeline, params, note } => {
                let path = format!("api/v2/dags/{}/dagRuns", segment(pipeline));
                let id = launch_id(key);
                let body = json!({ "dag_run_id": id, "logical_date": null, "conf": params, "note": note });
                let sent = Sent { pipeline: pipeline.clone(), remote_id: id };
                match self.json(&http::Ask::post(&path, &body), cx) {
                    Ok(_) => Ok(sent),
                    // There is one of this id, and nobody else makes such ids: this request was carried out before.
                    Err(Fault::Refused(r, _)) if r.status == 409 => Ok(sent),
                    Err(fault) => Err(fault),
                }
            }
            Ask::Cancel { run } => {
                let sent = sent(run).map_err(Fault::NotSent)?;
                let path = run_path(&sent.pipeline, &sent.remote_id);
                let body = json!({ "state": "failed" });
                self.json(&http::Ask { method: reqwest::Method::PATCH, ..http::Ask::post(&path, &body) }, cx)?;
                Ok(sent)
            }
        }
    }

    fn find(&self, ask: &Ask, key: &str, before: &Mark, cx: &JobCtx) -> Result<Option<Sent>> {
        match ask {
            Ask::Rerun { run, .. } => {
                let sent = sent(run)?;
                let rows = self.instances(&sent.pipeline, &sent.remote_id, cx)?;
                let of: HashSet<String> = before.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default();
                Ok((Self::positions(&rows, Some(&of)) != *before).then_some(sent))
            }
            Ask::Trigger { pipeline, .. } => {
                let id = launch_id(key);
                let found = self.run(pipeline, &id, cx)?;
                Ok(found.map(|_| Sent { pipeline: pipeline.clone(), remote_id: id }))
            }
            Ask::Cancel { run } => {
                let sent = sent(run)?;
                let now = self.run(&sent.pipeline, &sent.remote_id, cx)?;
                Ok(now.is_none_or(|n| n.run.state.is_final()).then_some(sent))
            }
        }
    }
}

fn sent(run: &Run) -> Result<Sent> {
    Ok(Sent { pipeline: run.pipeline.clone(), remote_id: remote(run)?.to_owned() })
}

fn sick(health: &Value) -> Result<String> {
    let parts = [("scheduler", "scheduler"), ("dag_processor", "DAG processor"), ("metadatabase", "database")];
    let bad: Vec<&str> = parts
        .iter()
        .filter(|(key, _)| health.pointer(&format!("/{key}/status")).and_then(Value::as_str) == Some("unhealthy"))
        .map(|(_, name)| *name)
        .collect();
    if bad.is_empty() {
        return Ok("healthy".to_owned());
    }
    Err(Error::remote(format!("Not healthy: {}", bad.join(", "))).hint("Nothing new runs there until it is"))
}

impl Airflow {
    /// Whether this account may rerun: asked with a dry run, which changes nothing.
    fn may_change(&self, cx: &JobCtx) -> Result<String> {
        let newest = self.runs(None, 1, cx)?;
        let Some(seen) = newest.first() else { return Ok("not tried: there is no run yet".to_owned()) };
        let (path, body) = Self::clearing(&seen.run, &Scope::All, true)?;
        match self.json(&http::Ask::post(&path, &body), cx) {
            Ok(_) => Ok("task instances can be cleared".to_owned()),
            Err(fault) if fault.reason() == Some(Reason::Forbidden) => {
                Err(Error::remote("Reruns are not allowed to this account").hint("It needs edit access to DAG runs"))
            }
            Err(fault) => Err(fault.into_error()),
        }
    }

    /// Writes why; a rerun that has begun is not undone because a note could not be written.
    fn note(&self, sent: &Sent, note: &str, cx: &JobCtx) {
        let path = run_path(&sent.pipeline, &sent.remote_id);
        let body = json!({ "note": note });
        let _ = self.json(&http::Ask { method: reqwest::Method::PATCH, ..http::Ask::post(&path, &body) }, cx);
    }
}

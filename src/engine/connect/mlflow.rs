//! MLflow tracking over its REST interface.
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
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
            Act, Ask, Capabilities, Connection, Preview, Probe, RemotePipeline, Seen, Step, System, airflow::list,
            fault::Reason, mlflow as read, normal::word,
        },
        pipeline::Param,
        run::{MetricPoint, Run, Scope},
    },
};

/// Rows of one page.
const PAGE: usize = 200;
/// Experiments that are named in one search for runs.
const AT_ONCE: usize = 100;
/// What began so long before the last look is asked for again: the clock that wrote the time is that of the client.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// Why nothing can be started.
const RECORDS: &str = "MLflow records runs and starts none; run the code itself, from a pipeline of the folder for one";

pub(super) struct Mlflow {
    http: Http,
    secret: Option<Secret>,
    /// Names of experiments by id.
    names: Mutex<HashMap<String, String>>,
}

/// The version, which is told to everybody who may look at all.
pub(super) fn version(http: &Http, cx: &JobCtx) -> Result<String> {
    let ask = http::Ask { accept: "text/plain, */*", ..http::Ask::get("version") };
    let answer = http.send(&ask, cx).map_err(Fault::into_error)?;
    let version = String::from_utf8_lossy(&answer.body).trim().to_owned();
    let is_one = version.len() < 40 && version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.');
    if is_one {
        return Ok(version);
    }
    Err(Error::remote(format!("There is no MLflow at {}", http.to().url))
        .because_of("its answer names no version")
        .hint("Check the address"))
}

impl Mlflow {
    pub(super) fn new(http: Http, secret: Option<Secret>) -> Result<Self> {
        if let Some(secret) = &secret {
            let secret = secret.0.trim();
            let header = match secret.split_once(':') {
                Some(_) => format!("Basic {}", base64(secret)),
                None => format!("Bearer {secret}"),
            };
            http.authorize(Some(&header))?;
        }
        Ok(Self { http, secret, names: Mutex::default() })
    }

    fn get(&self, path: &str, query: &[(&str, &str)], cx: &JobCtx) -> Result<Value, Fault> {
        let path = format!("api/2.0/mlflow/{path}");
        let ask = query.iter().fold(http::Ask::get(&path), |ask, (k, v)| ask.with(k, v));
        self.http.json(&ask, cx)
    }

    fn post(&self, path: &str, body: &Value, cx: &JobCtx) -> Result<Value, Fault> {
        // A search is a question, whatever its verb: what fails may be asked again.
        self.http.json(&http::Ask::post(&format!("api/2.0/mlflow/{path}"), body), cx)
    }

    /// All rows of a search; a page that shifts because something was added gives a row twice, which changes nothing.
    fn pages(&self, path: &str, body: &Value, key: &str, most: usize, cx: &JobCtx) -> Result<Vec<Value>> {
        let (mut rows, mut token) = (Vec::new(), None::<String>);
        while rows.len() < most {
            cx.check()?;
            let mut body = body.clone();
            body["max_results"] = json!(PAGE.min(most - rows.len()));
            if let Some(token) = &token {
                body["page_token"] = json!(token);
            }
            let answer = self.post(path, &body, cx)?;
            rows.extend(list(&answer, key).iter().cloned());
            token = word(&answer, "next_page_token");
            if token.is_none() {
                break;
            }
        }
        Ok(rows)
    }

    fn experiments(&self, cx: &JobCtx) -> Result<Vec<Value>> {
        let body = json!({ "view_type": "ACTIVE_ONLY", "order_by": ["name ASC"] });
        let rows = self.pages("experiments/search", &body, "experiments", 10_000, cx)?;
        let named = rows.iter().filter_map(|e| Some((read::experiment_id(e)?, word(e, "name")?)));
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = named.collect();
        Ok(rows)
    }

    fn names(&self, cx: &JobCtx) -> Result<HashMap<String, String>> {
        let known = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_empty() {
            self.experiments(cx)?;
            return Ok(self.names.lock().unwrap_or_else(PoisonError::into_inner).clone());
        }
        Ok(known)
    }

    fn row(&self, remote: &str, cx: &JobCtx) -> Result<Option<Value>> {
        match self.get("runs/get", &[("run_id", remote)], cx) {
            Ok(answer) => {
                let row = answer.get("run").cloned();
                let deleted = |r: &Value| r.pointer("/info/lifecycle_stage").and_then(Value::as_str) == Some("deleted");
                Ok(row.filter(|r| !deleted(r)))
            }
            Err(fault) if fault.reason() == Some(Reason::Missing) => Ok(None),
            Err(fault) => Err(fault.into_error()),
        }
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn cannot() -> Error {
    Error::user("This cannot be asked of MLflow").because_of(RECORDS)
}

impl Connector for Mlflow {
    fn to(&self) -> &Connection {
        self.http.to()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all().reading(RECORDS).without(Act::Logs, "MLflow keeps no logs of its own")
    }

    fn version(&self, cx: &JobCtx) -> Result<String> {
        version(&self.http, cx)
    }

    fn probe(&self, cx: &JobCtx) -> Result<Probe> {
        let version = version(&self.http, cx)?;
        let mut steps = vec![
            Step { name: "Reachable".into(), ok: true, note: self.to().url.clone() },
            Step { name: "Version".into(), ok: true, note: format!("MLflow {version}") },
        ];
        let who = match &self.secret {
            Some(s) => s.0.split_once(':').map_or_else(|| "with a token".to_owned(), |(user, _)| format!("as {user}")),
            None => "without a secret".to_owned(),
        };
        let note = |e: Error| e.hint.as_ref().map_or_else(|| e.to_string(), |h| format!("{e}. {h}"));
        match self.experiments(cx) {
            Ok(all) => {
                steps.push(Step { name: "Signed in".into(), ok: true, note: who });
                let note = text::count(all.len() as u64, "experiment");
                steps.push(Step { name: "May read".into(), ok: true, note });
            }
            Err(e) => steps.push(Step { name: "May read".into(), ok: false, note: note(e) }),
        }
        Ok(Probe { system: System::Mlflow, version, steps })
    }

    fn pipelines(&self, cx: &JobCtx) -> Result<Vec<RemotePipeline>> {
        Ok(self.experiments(cx)?.iter().filter_map(read::pipeline).collect())
    }

    fn params(&self, _: &str, _: &JobCtx) -> Result<Vec<Param>> {
        Err(cannot())
    }

    fn runs(&self, since: Option<Timestamp>, most: usize, cx: &JobCtx) -> Result<Vec<Seen>> {
        let names = self.names(cx)?;
        let mut ids: Vec<&String> = names.keys().collect();
        ids.sort();
        let (now, mut all) = (Timestamp::now(), Vec::new());
        for ids in ids.chunks(AT_ONCE) {
            let mut body = json!({ "experiment_ids": ids, "order_by": ["attributes.start_time DESC"] });
            if let Some(since) = since {
                let from = (since - OVERLAP).as_millisecond();
                body["filter"] = json!(format!("attributes.start_time >= {from}"));
            }
            let most = if since.is_some() { 100_000 } else { most };
            let rows = self.pages("runs/search", &body, "runs", most, cx)?;
            all.extend(rows.iter().filter_map(|r| read::run(self.to(), r, |id| names.get(id).cloned(), now)));
        }
        Ok(all)
    }

    fn run(&self, _: &str, remote_id: &str, cx: &JobCtx) -> Result<Option<Seen>> {
        let names = self.names(cx)?;
        let row = self.row(remote_id, cx)?;
        Ok(row.and_then(|r| read::run(self.to(), &r, |id| names.get(id).cloned(), Timestamp::now())))
    }

    /// A run has none.
    fn tasks(&self, seen: &mut [Seen], _: &HashMap<RunId, Run>, _: &JobCtx) -> Result<()> {
        seen.iter_mut().for_each(|s| s.tasks = Some(Vec::new()));
        Ok(())
    }

    fn log(&self, _: &Run, _: &str, _: u32, _: Option<&str>, _: &JobCtx) -> Result<LogPage> {
        Err(Error::user("MLflow keeps no logs of its own"))
    }

    fn metrics(&self, run: &Run, cx: &JobCtx) -> Result<Vec<MetricPoint>> {
        let row = self.row(run.remote_id.as_deref().unwrap_or_default(), cx)?.unwrap_or_default();
        let point = |metric| MetricPoint {
            run: run.id.clone(),
            pipeline: run.pipeline.clone(),
            task: String::new(),
            attempt: 1,
            metric,
        };
        Ok(read::metrics(&row).into_iter().map(point).collect())
    }

    fn preview(&self, _: &Run, _: &Scope, _: &JobCtx) -> Result<Preview> {
        Err(cannot())
    }
    fn check(&self, _: &Ask, _: &JobCtx) -> Result<()> {
        Err(cannot())
    }
    fn mark(&self, _: &Ask, _: &JobCtx) -> Result<Mark> {
        Err(cannot())
    }
    fn act(&self, _: &Ask, _: &str, _: &JobCtx) -> Result<Sent, Fault> {
        Err(Fault::NotSent(cannot()))
    }
    fn find(&self, _: &Ask, _: &str, _: &Mark, _: &JobCtx) -> Result<Option<Sent>> {
        Err(cannot())
    }
}

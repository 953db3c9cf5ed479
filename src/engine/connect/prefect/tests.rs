//! Against a small server that answers what a real Prefect 3.8 has answered; the real one is in tests/slow.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    super::{
        answers::{Answers, Asked, Says},
        detect as find_out, fetch_log, open_with, refresh, send,
    },
    *,
};
use crate::{
    engine::{connect::Outcome, store::Store},
    model::connect::Ask,
};

fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/prefect/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

const FLAKY: &str = "101d11a2-677a-4ed4-b2df-d17fdf3a7836";

fn rows(names: &[&str]) -> Vec<Value> {
    names.iter().flat_map(|n| recorded(n).as_array().unwrap().clone()).collect()
}

/// Rows whose `key` is among those that are asked for; all where none is.
fn among(rows: Vec<Value>, key: &str, wanted: Option<&Value>) -> Value {
    match wanted.and_then(Value::as_array) {
        Some(wanted) => rows.into_iter().filter(|r| wanted.contains(&r[key])).collect(),
        None => Value::Array(rows),
    }
}

/// As the real one answered when the flaky run had failed.
fn answer(asked: &Asked) -> Says {
    let ids = asked.body.pointer("/flow_runs/id/any_");
    let place = asked.path.trim_start_matches("/api/");
    match place {
        "flow_runs/filter" => among(rows(&["runs"]), "id", ids).into(),
        "task_runs/filter" => {
            let all = rows(&["tasks_failed", "tasks_mapped", "tasks_retries", "tasks_success"]);
            among(all, "flow_run_id", ids).into()
        }
        "flows/filter" => recorded("flows").into(),
        "deployments/filter" => {
            let names = asked.body.pointer("/flows/name/any_/0").and_then(Value::as_str);
            let flow = recorded("flows")
                .as_array()
                .unwrap()
                .iter()
                .find(|f| f["name"].as_str() == names)
                .map(|f| f["id"].clone());
            let all = rows(&["deployments"]);
            match names {
                Some(_) => all.into_iter().filter(|d| Some(&d["flow_id"]) == flow.as_ref()).collect::<Value>().into(),
                None => Value::Array(all).into(),
            }
        }
        "artifacts/filter" => {
            among(rows(&["artifacts"]), "flow_run_id", asked.body.pointer("/artifacts/flow_run_id/any_")).into()
        }
        "logs/filter" => recorded("logs").into(),
        "task_run_states/" => recorded("task_states").into(),
        "health" => json!(true).into(),
        "admin/version" => json!("3.8.8").into(),
        _ if place == format!("flow_runs/{FLAKY}") => recorded("run_failed").into(),
        _ if place.starts_with("flow_runs/") => {
            let one = rows(&["runs"]).into_iter().find(|r| place.ends_with(r["id"].as_str().unwrap()));
            one.map_or_else(|| Says::Json(404, json!({ "detail": "Flow run not found" })), Says::from)
        }
        _ => Says::Json(404, json!({ "detail": "Not Found" })),
    }
}

fn connected(url: &str, secret: Option<&str>) -> Box<dyn Connector> {
    let to = Connection::new("pre", System::Prefect, url).unwrap();
    open_with(&to, std::path::Path::new("."), secret.map(|s| Secret(s.to_owned()))).unwrap()
}

fn bench() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn flaky(connector: &dyn Connector, store: &Store) -> Run {
    let cx = JobCtx::detached();
    super::super::refresh_run(connector, store, "", FLAKY, &cx).unwrap().unwrap()
}

#[test]
fn a_look_brings_runs_tasks_and_numbers_and_the_second_one_changes_nothing() {
    let server = Answers::serve(answer);
    let (_dir, store) = bench();
    let cx = JobCtx::detached();
    let connector = connected(&server.url(), None);
    let first = refresh(connector.as_ref(), &store, &cx).unwrap();
    assert_eq!(first.changed.len(), 6);
    let run = first.changed.iter().find(|r| r.pipeline == "andon-retries/fixture").unwrap();
    assert_eq!(run.task("wobbly").unwrap().attempts.len(), 3);
    let series: Vec<String> = store.series().unwrap().iter().map(|s| s.path()).collect();
    assert!(series.contains(&"pre/andon-success/fixture/dq_check/dq-orders.null_ratio".to_owned()), "{series:?}");
    let asked = server.asked("task_runs/filter").len();
    assert!(refresh(connector.as_ref(), &store, &cx).unwrap().changed.is_empty());
    // What is known whole is not asked for again.
    assert_eq!(server.asked("task_runs/filter").len(), asked);
    let since = server.asked("flow_runs/filter").last().unwrap().body["flow_runs"].clone();
    assert_eq!((&since["operator"], since["end_time"]["after_"].is_string()), (&json!("or_"), true));
    let unknown = connected("http://127.0.0.1:1", None);
    assert!(refresh(unknown.as_ref(), &store, &cx).is_err());
}

#[test]
fn it_is_found_out_even_where_it_asks_who_one_is() {
    let cx = JobCtx::detached();
    let open = Answers::serve(answer);
    assert_eq!(find_out(&open.url(), None, None, std::path::Path::new("."), &cx).unwrap(), System::Prefect);
    let closed = Answers::serve(|asked| match (asked.path.as_str(), &asked.authorization) {
        ("/api/health", _) => json!(true).into(),
        (p, None) if p.starts_with("/api/admin") => Says::Json(401, json!({ "exception_message": "Unauthorized" })),
        (_, None) => Says::Json(401, json!({ "exception_message": "Unauthorized" })),
        _ => answer(asked),
    });
    let to = Connection::new("new", System::Prefect, &closed.url()).unwrap();
    detect(&Http::new(&to, std::path::Path::new(".")).unwrap(), &cx).unwrap();
    let probe = connected(&closed.url(), None).probe(&cx).unwrap();
    let bad = probe.steps.iter().find(|s| !s.ok).unwrap();
    assert!(bad.name == "Signed in" && bad.note.contains("asks who you are"), "{bad:?}");
    let signed = connected(&closed.url(), Some("admin:pass"));
    signed.pipelines(&cx).unwrap();
    // admin:pass
    assert_eq!(closed.asked("deployments/filter")[0].authorization.as_deref(), Some("Basic YWRtaW46cGFzcw=="));
}

#[test]
fn a_busy_server_is_asked_again() {
    let times = Arc::new(AtomicUsize::new(0));
    let count = times.clone();
    let server = Answers::serve(move |asked| match count.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Says::Json(503, json!({ "exception_message": "Service Unavailable" })),
        _ => answer(asked),
    });
    let connector = connected(&server.url(), None);
    let cx = JobCtx::detached();
    assert_eq!(connector.pipelines(&cx).unwrap().len(), 6);
    assert_eq!(connector.version(&cx).unwrap(), "3.8.8");
    let params: Vec<String> = connector.params("andon-params", &cx).unwrap().into_iter().map(|p| p.name).collect();
    assert_eq!(params, ["dataset", "sample", "strict", "thresholds"]);
}

#[test]
fn a_log_is_read_by_time_and_no_line_twice() {
    // 450 lines, many at one instant.
    let all: Vec<Value> = (0..450)
        .map(|n| {
            json!({"message": format!("line {n}"), "level": 20, "name": "prefect.flow_runs",
            "timestamp": format!("2026-11-22T07:10:{:02}.5Z", n / 150)})
        })
        .collect();
    let server = Answers::serve(move |asked| match asked.path.as_str() {
        "/api/logs/filter" => {
            let after =
                asked.body.pointer("/logs/timestamp/after_").and_then(Value::as_str).unwrap_or_default().to_owned();
            let after: Option<Timestamp> = after.parse().ok();
            let skip = asked.body["offset"].as_u64().unwrap() as usize;
            let later = all.iter().filter(|r| after.is_none_or(|a| time_at(r, "timestamp").unwrap() >= a));
            later.skip(skip).take(200).cloned().collect::<Value>().into()
        }
        _ => answer(asked),
    });
    let (_dir, store) = bench();
    let connector = connected(&server.url(), None);
    let run = flaky(connector.as_ref(), &store);
    let cx = JobCtx::detached();
    assert_eq!(fetch_log(connector.as_ref(), &store, &run, "andon-flaky", 1, &cx).unwrap(), 450);
    let chunk = store.read_log_from_start(&run.id, "andon-flaky", 1, 0, 1 << 20).unwrap();
    let texts: Vec<String> = chunk.lines.iter().map(|l| l.text.clone()).collect();
    assert_eq!(texts, (0..450).map(|n| format!("line {n}")).collect::<Vec<_>>());
    let filters = server.asked("logs/filter");
    assert_eq!(filters[0].body["logs"]["task_run_id"], json!({ "is_null_": true }));
    assert!(filters.iter().all(|f| f.body["offset"].as_u64().unwrap() <= 200), "{filters:?}");
}

/// A server that keeps launches by their keys, as the real one does, and cuts the line as it is told.
fn launching(cuts: &'static [&'static str]) -> (Answers, Arc<Mutex<Vec<String>>>) {
    let made: Arc<Mutex<Vec<String>>> = Arc::default();
    let (kept, call) = (made.clone(), AtomicUsize::new(0));
    let server = Answers::serve(move |asked| {
        if asked.path.ends_with("/create_flow_run") {
            let cut = cuts.get(call.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or_default();
            if cut == "before" {
                return Says::Nothing;
            }
            let key = asked.body["idempotency_key"].as_str().unwrap().to_owned();
            let mut kept = kept.lock().unwrap();
            if !kept.contains(&key) {
                kept.push(key);
            }
            return if cut == "after" { Says::Nothing } else { Says::Json(201, recorded("run_failed")) };
        }
        if let Some(key) = asked.body.pointer("/flow_runs/idempotency_key/any_/0").and_then(Value::as_str) {
            let there = kept.lock().unwrap().iter().any(|k| k == key);
            return Value::Array(if there { vec![recorded("run_failed")] } else { Vec::new() }).into();
        }
        answer(asked)
    });
    (server, made)
}

#[test]
fn a_launch_happens_once_wherever_the_line_is_cut() {
    for cuts in [&["before"] as &'static [&'static str], &["after"], &["before", "after"], &["before", "before"]] {
        let (server, made) = launching(cuts);
        let (_dir, store) = bench();
        let connector = connected(&server.url(), None);
        let ask =
            Ask::Trigger { pipeline: "andon-flaky".into(), params: serde_json::Map::new(), note: Some("why".into()) };
        let cx = JobCtx::detached();
        let outcome = send(connector.as_ref(), &store, &ask, "k1", &cx).unwrap();
        assert_eq!(outcome.run().remote_id.as_deref(), Some(FLAKY), "{cuts:?}");
        assert_eq!(*made.lock().unwrap(), ["andon:k1"], "{cuts:?}");
        assert!(matches!(send(connector.as_ref(), &store, &ask, "k1", &cx).unwrap(), Outcome::Already(_)));
        let sent = server.asked("create_flow_run");
        assert_eq!(sent[0].body["state"]["message"], "why");
        assert_eq!(made.lock().unwrap().len(), 1);
    }
}

/// A server that sets the state of the flaky run.
fn stating(cuts: &'static [&'static str], first: Value) -> (Answers, Arc<AtomicUsize>) {
    let done = Arc::new(AtomicUsize::new(0));
    let (count, call, row) = (done.clone(), AtomicUsize::new(0), Mutex::new(first));
    let server = Answers::serve(move |asked| {
        let mut row = row.lock().unwrap();
        if asked.path.ends_with("/set_state") {
            let cut = cuts.get(call.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or_default();
            match cut {
                "before" => return Says::Nothing,
                "busy" => return Says::Json(503, json!({ "exception_message": "Service Unavailable" })),
                _ => {}
            }
            let state = &asked.body["state"];
            let n = count.fetch_add(1, Ordering::SeqCst) + 1;
            (row["state_id"], row["state_type"], row["state_name"]) =
                (json!(n), state["type"].clone(), state["name"].clone());
            (row["state"]["type"], row["state"]["name"]) = (state["type"].clone(), state["name"].clone());
            return if cut == "after" { Says::Nothing } else { Says::Json(201, recorded("set_state")) };
        }
        if asked.path.ends_with(FLAKY) {
            return row.clone().into();
        }
        if asked.path.ends_with("flow_runs/filter") && asked.body.pointer("/flow_runs/id").is_some() {
            return json!([row.clone()]).into();
        }
        answer(asked)
    });
    (server, done)
}

#[test]
fn a_retry_happens_once_wherever_the_line_is_cut() {
    for cuts in [&["before"] as &'static [&'static str], &["after"], &["busy"], &["before", "after"]] {
        let (server, done) = stating(cuts, recorded("run_failed"));
        let (_dir, store) = bench();
        let connector = connected(&server.url(), None);
        let run = flaky(connector.as_ref(), &store);
        let ask = Ask::Rerun { run: Box::new(run), scope: Scope::Failed, note: None };
        let cx = JobCtx::detached();
        let outcome = send(connector.as_ref(), &store, &ask, "k", &cx).unwrap();
        assert_eq!((outcome.run().state, outcome.run().round), (RunState::Queued, 2), "{cuts:?}");
        assert_eq!(done.load(Ordering::SeqCst), 1, "{cuts:?}");
        let sent = server.asked("set_state");
        let ids: HashSet<&Value> = sent.iter().map(|s| &s.body["state"]["state_details"]["transition_id"]).collect();
        assert_eq!(ids.len(), 1, "the same wish has the same id each time");
    }
}

#[test]
fn what_prefect_cannot_do_is_refused_before_anything_is_sent() {
    let mut done = recorded("run_retried");
    let cx = JobCtx::detached();
    let refusal = |row: &Value, scope: Scope| {
        let (server, count) = stating(&[], row.clone());
        let (_dir, store) = bench();
        let connector = connected(&server.url(), None);
        let run = flaky(connector.as_ref(), &store);
        let ask = Ask::Rerun { run: Box::new(run), scope, note: None };
        let error = send(connector.as_ref(), &store, &ask, "k", &cx).unwrap_err();
        assert_eq!(count.load(Ordering::SeqCst), 0);
        error.to_string()
    };
    assert!(refusal(&done, Scope::Failed).contains("Nothing failed"));
    assert!(refusal(&done, Scope::All).contains("keeps its result"));
    assert!(refusal(&done, Scope::Only("fragile".into())).contains("in its middle"));
    done["state_type"] = json!("CANCELLED");
    assert!(refusal(&done, Scope::Failed).contains("stay cancelled"));
    done["state_type"] = json!("RUNNING");
    assert!(refusal(&done, Scope::Failed).contains("under way"));
    let mut failed = recorded("run_failed");
    assert!(refusal(&failed, Scope::All).contains("result of before"));
    failed["deployment_id"] = Value::Null;
    assert!(refusal(&failed, Scope::Failed).contains("without a deployment"));
}

#[test]
fn what_waits_is_cancelled_at_once_and_what_runs_is_told_to_stop() {
    for (kind, wanted) in [("SCHEDULED", "CANCELLED"), ("PENDING", "CANCELLED"), ("RUNNING", "CANCELLING")] {
        let mut row = recorded("run_failed");
        (row["state_type"], row["end_time"]) = (json!(kind), Value::Null);
        let (server, _) = stating(&[], row);
        let (_dir, store) = bench();
        let connector = connected(&server.url(), None);
        let run = flaky(connector.as_ref(), &store);
        let ask = Ask::Cancel { run: Box::new(run) };
        send(connector.as_ref(), &store, &ask, "k", &JobCtx::detached()).unwrap();
        assert_eq!(server.asked("set_state")[0].body["state"]["type"], wanted, "{kind}");
    }
}

#[test]
fn parameters_that_do_not_fit_are_named_and_nothing_is_launched() {
    let server = Answers::serve(|asked| {
        if asked.path.ends_with("/create_flow_run") { Says::Json(409, recorded("conflict")) } else { answer(asked) }
    });
    let (_dir, store) = bench();
    let connector = connected(&server.url(), None);
    let launch = |pipeline: &str, name: &str| {
        let params = serde_json::Map::from_iter([(name.to_owned(), json!("nope"))]);
        let ask = Ask::Trigger { pipeline: pipeline.into(), params, note: None };
        send(connector.as_ref(), &store, &ask, "k", &JobCtx::detached()).unwrap_err()
    };
    let bad = launch("andon-params/fixture", "dataset").to_string();
    assert!(bad.contains("refuses what was asked") && bad.contains("'nope' is not one of"), "{bad}");
    let unknown = launch("andon-params", "datasett");
    assert_eq!(unknown.hint.as_deref(), Some("Did you mean dataset?"));
    assert_eq!(server.asked("create_flow_run").len(), 1);
    let nowhere = launch("andon-parms", "dataset");
    assert_eq!(nowhere.hint.as_deref(), Some("Did you mean andon-params?"));
}

//! Against a small server that answers what a real Dagster 1.13 has answered; the real one is in tests/slow.
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    super::{
        Outcome,
        answers::{Answers, Asked, Says},
        detect, fetch_log, open_with, refresh, refresh_run, send,
    },
    *,
};
use crate::{engine::store::Store, model::connect::Ask};

const FAILED: &str = "20a4b11f-b63f-4522-a0c3-ad0f00f4d307";
const AGAIN: &str = "3ebf5c93-9da6-4af8-a2e0-5b6485a7da9b";

fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/dagster/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Recorded runs that a filter lets through.
fn runs(name: &str, keep: impl Fn(&Value) -> bool) -> Says {
    let mut answer = recorded(name);
    let rows = answer.pointer_mut("/data/runsOrError/results").unwrap().as_array_mut().unwrap();
    rows.retain(keep);
    answer.into()
}

fn question(asked: &Asked) -> String {
    asked.body["query"].as_str().unwrap_or_default().to_owned()
}

/// As the real one answered.
fn answer(asked: &Asked) -> Says {
    if asked.path == "/server_info" {
        return json!({ "dagster_version": "1.13.27", "dagster_webserver_version": "1.13.27" }).into();
    }
    let (query, variables) = (question(asked), &asked.body["variables"]);
    let filter = &variables["filter"];
    let wanted = |r: &Value| filter["runIds"].as_array().is_none_or(|ids| ids.contains(&r["runId"]));
    let tagged = |r: &Value| match filter["tags"].as_array() {
        None => true,
        Some(tags) => tags.iter().all(|t| r["tags"].as_array().unwrap().contains(t)),
    };
    if query.starts_with("query Runs") {
        return runs("runs", |r| wanted(r) && tagged(r));
    }
    if query.starts_with("query Steps") {
        return runs("steps", |r| wanted(r) && tagged(r));
    }
    if query.starts_with("query Events") {
        return recorded(if variables["run"] == FAILED { "events_failed" } else { "events_assets" }).into();
    }
    if query.starts_with("query Jobs") {
        return recorded("jobs").into();
    }
    if query.starts_with("query About") {
        return recorded("about").into();
    }
    Says::Json(400, json!({ "data": null, "errors": [{ "message": "Must provide query string." }] }))
}

fn connected(url: &str, secret: Option<&str>) -> Box<dyn Connector> {
    let to = Connection::new("dag", System::Dagster, url).unwrap();
    open_with(&to, std::path::Path::new("."), secret.map(|s| Secret(s.to_owned()))).unwrap()
}

fn bench() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn failed(connector: &dyn Connector, store: &Store) -> Run {
    refresh_run(connector, store, "flaky_job", FAILED, &JobCtx::detached()).unwrap().unwrap()
}

#[test]
fn a_look_brings_runs_steps_and_numbers_and_the_second_one_changes_nothing() {
    let server = Answers::serve(answer);
    let (_dir, store) = bench();
    let cx = JobCtx::detached();
    assert_eq!(detect(&server.url(), None, None, std::path::Path::new("."), &cx).unwrap(), System::Dagster);
    let connector = connected(&server.url(), Some("user:pass"));
    let first = refresh(connector.as_ref(), &store, &cx).unwrap();
    assert_eq!(first.changed.len(), 4);
    let run = first.changed.iter().find(|r| r.remote_id.as_deref() == Some(FAILED)).unwrap();
    assert_eq!(run.error.as_deref(), Some("Failure: first run fails by design"));
    let series: Vec<String> = store.series().unwrap().iter().map(|s| s.path()).collect();
    assert!(series.contains(&"dag/assets_job/raw_orders/null_fraction".to_owned()), "{series:?}");
    let asked = server.asked("graphql").len();
    assert!(refresh(connector.as_ref(), &store, &cx).unwrap().changed.is_empty());
    let after: Vec<String> = server.asked("graphql").iter().skip(asked).map(question).collect();
    assert!(!after.iter().any(|q| q.starts_with("query Steps") || q.starts_with("query Events")), "{after:?}");
    let header = server.asked("graphql")[0].authorization.clone();
    assert_eq!(header.as_deref(), Some("Basic dXNlcjpwYXNz"));
    // It has been run again, and that is over.
    assert_eq!(failed(connector.as_ref(), &store).round, 2);
    let probe = connector.probe(&cx).unwrap();
    assert!(probe.steps.iter().all(|s| s.ok), "{probe:?}");
}

#[test]
fn a_log_has_the_lines_of_its_step_alone() {
    let server = Answers::serve(answer);
    let (_dir, store) = bench();
    let connector = connected(&server.url(), None);
    let run = failed(connector.as_ref(), &store);
    let cx = JobCtx::detached();
    let lines = fetch_log(connector.as_ref(), &store, &run, "extract", 1, &cx).unwrap();
    let chunk = store.read_log_from_start(&run.id, "extract", 1, 0, 1 << 20).unwrap();
    assert_eq!(chunk.lines.len() as u64, lines);
    assert!(chunk.lines.iter().any(|l| l.text == "extracted 3 rows"));
    assert!(!chunk.lines.iter().any(|l| l.text.contains("by design")));
}

/// A server that launches, keeps what it launched by its key, and cuts the line as it is told.
fn launching(cuts: &'static [&'static str]) -> (Answers, Arc<Mutex<Vec<Value>>>) {
    let made: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (kept, call) = (made.clone(), AtomicUsize::new(0));
    let server = Answers::serve(move |asked| {
        let query = question(asked);
        if query.starts_with("mutation") {
            let cut = cuts.get(call.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or_default();
            if cut == "before" {
                return Says::Nothing;
            }
            kept.lock().unwrap().push(asked.body["variables"]["p"].clone());
            let field = if query.starts_with("mutation Launch") { "launchRun" } else { "launchRunReexecution" };
            return match cut {
                "after" => Says::Nothing,
                "error" => json!({ "data": { field: { "__typename": "PythonError", "message": "boom" } } }).into(),
                _ => {
                    json!({ "data": { field: { "__typename": "LaunchRunSuccess", "run": { "runId": AGAIN } } } }).into()
                }
            };
        }
        if asked.body["variables"]["filter"]["tags"][0]["key"] == read::REQUEST {
            let there = !kept.lock().unwrap().is_empty();
            return runs("runs", |r| there && r["runId"] == AGAIN);
        }
        answer(asked)
    });
    (server, made)
}

#[test]
fn a_launch_and_a_rerun_happen_once_wherever_the_line_is_cut() {
    for cuts in [&["before"] as &'static [&'static str], &["after"], &["before", "after"], &["error"]] {
        for again in [false, true] {
            let (server, made) = launching(cuts);
            let (_dir, store) = bench();
            let connector = connected(&server.url(), None);
            let cx = JobCtx::detached();
            let ask = if again {
                let run = Box::new(failed(connector.as_ref(), &store));
                Ask::Rerun { run, scope: Scope::Failed, note: None }
            } else {
                let params = serde_json::Map::from_iter([("ops.a.config.n".to_owned(), json!(1))]);
                Ask::Trigger { pipeline: "flaky_job".into(), params, note: Some("why".into()) }
            };
            let outcome = send(connector.as_ref(), &store, &ask, "k1", &cx).unwrap();
            assert_eq!(outcome.run().remote_id.as_deref(), Some(AGAIN), "{cuts:?}");
            assert!(matches!(send(connector.as_ref(), &store, &ask, "k1", &cx).unwrap(), Outcome::Already(_)));
            let made = made.lock().unwrap();
            assert_eq!(made.len(), 1, "{cuts:?} {again}");
            let tags = if again { &made[0]["extraTags"] } else { &made[0]["executionMetadata"]["tags"] };
            assert_eq!(tags[0], json!({ "key": read::REQUEST, "value": "k1" }));
            if again {
                assert_eq!((&made[0]["strategy"], &made[0]["parentRunId"]), (&json!("FROM_FAILURE"), &json!(FAILED)));
                assert_eq!(tags[1]["value"], "", "the reason of the run before is not that of this one");
            } else {
                assert_eq!(
                    (&made[0]["runConfigData"], &tags[1]["value"]),
                    (&json!({"ops": {"a": {"config": {"n": 1}}}}), &json!("why"))
                );
            }
        }
    }
}

#[test]
fn parts_of_a_run_are_named_by_their_steps_and_what_cannot_run_is_refused() {
    let (server, made) = launching(&[]);
    let (_dir, store) = bench();
    let connector = connected(&server.url(), None);
    let run = failed(connector.as_ref(), &store);
    let cx = JobCtx::detached();
    let ask = |scope: Scope| Ask::Rerun { run: Box::new(run.clone()), scope, note: None };
    let alone = send(connector.as_ref(), &store, &ask(Scope::Only("load".into())), "a", &cx).unwrap_err();
    assert!(alone.to_string().contains("load cannot run without transform"), "{alone}");
    assert!(made.lock().unwrap().is_empty());
    send(connector.as_ref(), &store, &ask(Scope::From("transform".into())), "b", &cx).unwrap();
    let params = made.lock().unwrap()[0].clone();
    assert_eq!(params["stepKeys"], json!(["transform", "load"]));
    assert_eq!(params["selector"]["jobName"], "flaky_job");
    assert_eq!(params["executionMetadata"]["rootRunId"], FAILED);
    let adhoc = Ask::Trigger { pipeline: "__ASSET_JOB".into(), params: serde_json::Map::new(), note: None };
    assert!(send(connector.as_ref(), &store, &adhoc, "c", &cx).unwrap_err().to_string().contains("by its name"));
    let near = Ask::Trigger { pipeline: "flaky_jb".into(), params: serde_json::Map::new(), note: None };
    assert_eq!(
        send(connector.as_ref(), &store, &near, "d", &cx).unwrap_err().hint.as_deref(),
        Some("Did you mean flaky_job?")
    );
    let preview = connector.preview(&run, &Scope::Failed, &cx).unwrap();
    assert_eq!(
        (preview.tasks, preview.stay),
        (vec!["transform".to_owned(), "load".into()], vec!["extract".to_owned()])
    );
}

#[test]
fn a_no_is_one_sentence_and_nothing_is_left_open() {
    let server = Answers::serve(|asked| {
        if question(asked).starts_with("mutation") { recorded("invalid").into() } else { answer(asked) }
    });
    let (_dir, store) = bench();
    let connector = connected(&server.url(), None);
    let ask = Ask::Trigger { pipeline: "slow_job".into(), params: serde_json::Map::new(), note: None };
    for _ in 0..2 {
        let error = send(connector.as_ref(), &store, &ask, "k", &JobCtx::detached()).unwrap_err();
        assert!(
            error.to_string().starts_with("dag refuses these parameters: Received unexpected config entry"),
            "{error}"
        );
    }
    // A question that the server does not understand.
    let old = Answers::serve(|asked| match asked.path.as_str() {
        "/server_info" => answer(asked),
        _ => Says::Json(400, json!({ "data": null, "errors": [{ "message": "Cannot query field \"jobs\"" }] })),
    });
    let error = connected(&old.url(), None).pipelines(&JobCtx::detached()).unwrap_err();
    assert!(error.to_string().contains("Cannot query field"), "{error}");
}

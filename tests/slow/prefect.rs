//! A real Prefect by command: connect, look, launch, retry, cancel, logs and numbers, and a line that is cut.
use std::{
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    proxy::{Cut, Proxy},
    services::{Desk, Service},
};

/// How often the line is cut; a longer run is asked for with `ANDON_CUTS=200`.
fn cuts() -> usize {
    std::env::var("ANDON_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

fn counts(method: &str, path: &str, _: &str) -> bool {
    method == "POST" && (path.ends_with("/create_flow_run") || path.ends_with("/set_state"))
}

fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap()
}

fn tries(run: &Value, task: &str) -> usize {
    let found = run["tasks"].as_array().unwrap().iter().find(|t| t["id"] == task);
    found.unwrap_or_else(|| panic!("{task} in {run}"))["attempts"].as_array().unwrap().len()
}

/// Rows as the server itself has them, asked past Andon.
fn server(pre: &Service, path: &str, body: &Value) -> Value {
    let url = format!("{}/{path}", pre.fact("api_url"));
    let mut curl = Command::new("curl");
    curl.args(["-sf", "-m", "20", "--retry", "5", "--retry-all-errors", &url]);
    if !body.is_null() {
        curl.args(["-H", "content-type: application/json", "-d", &body.to_string()]);
    }
    serde_json::from_slice(&curl.output().unwrap().stdout).unwrap()
}

#[test]
fn prefect_is_connected_retried_once_and_never_twice() {
    let Some(pre) = Service::start("prefect") else { return };
    let desk = Desk::new();
    let page = format!("{}/runs?tab=flow-runs", pre.fact("base_url"));
    // What a browser shows; the system is found out.
    desk.andon(&["connect", "add", "pre", &page]).code(0);
    let test = desk.json(0, &["connect", "test", "pre"]);
    assert_eq!((&test["ok"], &test["system"]), (&true.into(), &"prefect".into()), "{test}");
    desk.andon(&["runs", "--refresh"]).code(0);
    numbers(&desk);
    let failed = failing(&desk);
    refusals(&desk, &failed);
    cancelling(&desk);
    cut_lines(&desk, &pre);
    let again = desk.andon(&["runs", "--refresh", "--connection", "pre"]).code(0);
    let again = if again.err.contains(" 0 runs new") {
        again
    } else {
        desk.andon(&["runs", "--refresh", "--connection", "pre"]).code(0)
    };
    assert!(again.err.contains("0 runs new or changed"), "{}", again.err);
}

fn numbers(desk: &Desk) {
    let run = desk.json(0, &["trigger", "andon-success", "--connection", "pre", "--wait"]);
    assert_eq!((&run["pipeline"], &run["state"]), (&"andon-success/fixture".into(), &"success".into()), "{run}");
    let shown = desk.json(0, &["metrics", "show", "pre/andon-success/fixture/dq_check/dq-orders.null_ratio"]);
    assert!(shown["points"][0]["value"].as_f64().is_some_and(|v| (0.0..0.1).contains(&v)), "{shown}");
    let mapped = desk.json(0, &["trigger", "andon-mapped/fixture", "-p", "n=7", "--wait"]);
    let parts =
        mapped["tasks"].as_array().unwrap().iter().filter(|t| t["id"].as_str().unwrap().starts_with("measure["));
    assert_eq!(parts.count(), 7, "{mapped}");
    let retried = desk.json(0, &["trigger", "andon-retries/fixture", "--wait"]);
    assert_eq!(tries(&retried, "wobbly"), 3, "{retried}");
    let second = desk.andon(&["logs", id(&retried), "wobbly", "--try", "2"]).code(0).out;
    assert!(second.contains("on try 2") && !second.contains("on try 1"), "{second}");
}

fn failing(desk: &Desk) -> Value {
    let failed = desk.json(1, &["trigger", "andon-flaky/fixture", "--wait", "--note", "first"]);
    assert_eq!(failed["state"], "failed", "{failed}");
    let log = desk.andon(&["logs", id(&failed), "fragile"]).code(0).out;
    assert!(log.contains("upstream partition missing"), "{log}");
    let body = desk.andon(&["logs", id(&failed), "andon-flaky"]).code(0).out;
    assert!(body.contains("Beginning flow run"), "{body}");
    let plan = desk.json(0, &["rerun", id(&failed), "--failed", "--dry-run"]);
    assert_eq!((&plan["rerun"], &plan["stay"]), (&json!(["andon-flaky", "fragile"]), &json!(["before"])), "{plan}");
    let done = desk.json(0, &["rerun", id(&failed), "--failed", "--wait"]);
    assert_eq!((&done["state"], &done["id"], &done["round"]), (&"success".into(), &failed["id"], &2.into()), "{done}");
    assert_eq!((tries(&done, "fragile"), tries(&done, "before"), tries(&done, "andon-flaky")), (2, 1, 2));
    let old = desk.andon(&["logs", id(&failed), "fragile", "--try", "1"]).code(0).out;
    assert!(old.contains("upstream partition missing"), "{old}");
    let new = desk.andon(&["logs", id(&failed), "fragile"]).code(0).out;
    assert!(!new.contains("upstream partition missing"), "{new}");
    done
}

fn refusals(desk: &Desk, done: &Value) {
    for args in [["--failed", "", ""], ["--all", "", ""], ["--task", "fragile", ""], ["--from", "fragile", ""]] {
        let args: Vec<&str> = ["rerun", id(done)].into_iter().chain(args).filter(|a| !a.is_empty()).collect();
        assert_ne!(desk.andon(&args).code, 0, "{args:?}");
    }
    let bad = desk.andon(&["trigger", "andon-params/fixture", "-p", "dataset=nope"]);
    assert!(bad.code != 0 && bad.err.contains("'nope' is not one of"), "{}", bad.err);
    let unknown = desk.andon(&["trigger", "andon-params/fixture", "-p", "smaple=1"]);
    assert!(unknown.code != 0 && unknown.err.contains("Did you mean sample"), "{}", unknown.err);
}

fn cancelling(desk: &Desk) {
    let run = desk.json(0, &["trigger", "andon-long/fixture", "-p", "seconds=120"]);
    let begin = Instant::now();
    while desk.json(0, &["runs", id(&run), "--refresh"])["state"] != "running" {
        assert!(begin.elapsed() < Duration::from_secs(90));
        std::thread::sleep(Duration::from_secs(1));
    }
    let early = desk.andon(&["rerun", id(&run), "--all", "--yes"]);
    assert!(early.code != 0 && early.err.contains("under way"), "{}", early.err);
    assert_eq!(desk.json(0, &["cancel", id(&run), "--wait"])["state"], "cancelled");
    let again = desk.andon(&["cancel", id(&run)]);
    assert!(again.code != 0 && again.err.contains("is over"), "{}", again.err);
    let soon = desk.json(0, &["trigger", "andon-long/fixture", "-p", "seconds=120"]);
    assert_eq!(desk.json(0, &["cancel", id(&soon), "--wait"])["state"], "cancelled");
}

/// Every second cut is before the server hears of the request, every second one after it has carried it out.
fn cut_lines(desk: &Desk, pre: &Service) {
    let proxy = Proxy::to(pre.fact("base_url").trim_start_matches("http://"), counts);
    desk.andon(&["connect", "add", "line", &proxy.url(), "--system", "prefect"]).code(0);
    desk.andon(&["runs", "--refresh", "--connection", "line"]).code(0);
    let flow = json!({ "flows": { "name": { "any_": ["andon-params"] } } });
    let count = || server(pre, "flow_runs/count", &flow).as_u64().unwrap() as usize;
    let (before, launches) = (count(), cuts() / 2);
    for n in 0..launches {
        proxy.cut(&[if n % 2 == 0 { Cut::Before } else { Cut::After }]);
        let key = format!("cut-{n}");
        desk.andon(&["trigger", "andon-params/fixture", "--connection", "line", "--request", &key]).code(0);
        // A second click of the same kind.
        desk.andon(&["trigger", "andon-params/fixture", "--connection", "line", "--request", &key]).code(0);
        assert_eq!(count(), before + n + 1, "launch {n}");
    }
    for n in 0..cuts() - launches {
        let failed = desk.json(1, &["trigger", "andon-flaky/fixture", "--connection", "line", "--wait"]);
        proxy.cut(&[if n % 2 == 0 { Cut::After } else { Cut::Before }]);
        desk.andon(&["rerun", id(&failed), "--failed", "--wait"]).code(0);
        let row = server(pre, &format!("flow_runs/{}", failed["remote_id"].as_str().unwrap()), &Value::Null);
        assert_eq!((&row["run_count"], &row["state_type"]), (&2.into(), &"COMPLETED".into()), "retry {n}: {row}");
    }
    assert_eq!(proxy.made(), cuts());
}

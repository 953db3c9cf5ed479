//! A real Dagster by command: connect, look, launch, run again, cancel, logs and numbers, and a line that is cut.
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

fn counts(_: &str, _: &str, body: &str) -> bool {
    body.contains("mutation ")
}

fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap()
}

fn task<'a>(run: &'a Value, id: &str) -> &'a Value {
    let found = run["tasks"].as_array().unwrap().iter().find(|t| t["id"] == id);
    found.unwrap_or_else(|| panic!("{id} in {run}"))
}

/// The next run of the flaky job fails.
fn spoil(dag: &Service) {
    let _ = std::fs::remove_file(std::path::Path::new(dag.fact("flags")).join("flaky.ok"));
}

/// Runs as the server itself counts them, asked past Andon.
fn launched(dag: &Service, job: &str) -> usize {
    let query = format!("{{ runsOrError(filter: {{ pipelineName: {job:?} }}) {{ ... on Runs {{ count }} }} }}");
    let url = format!("{}/graphql", dag.fact("base_url"));
    let body = json!({ "query": query }).to_string();
    let output = Command::new("curl")
        .args(["-sf", "-m", "20", &url, "-H", "content-type: application/json", "-d", &body])
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["data"]["runsOrError"]["count"].as_u64().unwrap() as usize
}

#[test]
fn dagster_is_connected_run_again_once_and_never_twice() {
    let Some(dag) = Service::start("dagster") else { return };
    let desk = Desk::new();
    desk.andon(&["connect", "add", "dag", &format!("{}/overview/activity/timeline", dag.fact("base_url"))]).code(0);
    let test = desk.json(0, &["connect", "test", "dag"]);
    assert_eq!((&test["ok"], &test["system"]), (&true.into(), &"dagster".into()), "{test}");
    desk.andon(&["runs", "--refresh"]).code(0);
    let assets = desk.json(0, &["trigger", "assets_job", "--wait"]);
    assert_eq!(assets["state"], "success", "{assets}");
    for (series, value) in
        [("raw_orders/null_fraction", 0.025), ("raw_orders_null_fraction_ok/null_fraction_ok.passed", 0.0)]
    {
        let shown = desk.json(0, &["metrics", "show", &format!("dag/assets_job/{series}")]);
        assert_eq!(shown["points"][0]["value"].as_f64(), Some(value), "{shown}");
    }
    failing(&desk, &dag);
    cancelling(&desk);
    cut_lines(&desk, &dag);
    desk.andon(&["runs", "--refresh", "--connection", "dag"]).code(0);
    let again = desk.andon(&["runs", "--refresh", "--connection", "dag"]).code(0);
    assert!(again.err.contains("0 runs new or changed"), "{}", again.err);
}

fn failing(desk: &Desk, dag: &Service) {
    spoil(dag);
    let failed = desk.json(1, &["trigger", "flaky_job", "--wait", "--note", "why"]);
    assert_eq!((&failed["state"], &failed["note"]), (&"failed".into(), &"why".into()), "{failed}");
    assert_eq!(task(&failed, "load")["state"], "upstream_failed", "{failed}");
    let log = desk.andon(&["logs", id(&failed)]).code(0).out;
    assert!(log.contains("first run fails by design"), "{log}");
    let out = desk.andon(&["logs", id(&failed), "extract"]).code(0).out;
    assert!(out.contains("extracted 3 rows"), "{out}");
    let early = desk.andon(&["rerun", id(&failed), "--task", "load"]);
    assert!(early.code != 0 && early.err.contains("transform"), "{}", early.err);
    let plan = desk.json(0, &["rerun", id(&failed), "--failed", "--dry-run"]);
    assert_eq!((&plan["rerun"], &plan["stay"]), (&json!(["transform", "load"]), &json!(["extract"])), "{plan}");
    let done = desk.json(0, &["rerun", id(&failed), "--failed", "--wait"]);
    assert_eq!((&done["state"], &done["note"]), (&"success".into(), &Value::Null), "{done}");
    assert_ne!(done["id"], failed["id"]);
    assert_eq!(done["tasks"].as_array().unwrap().len(), 2, "{done}");
    let part = desk.json(0, &["rerun", id(&failed), "--from", "transform", "--wait"]);
    assert_eq!(part["state"], "success", "{part}");
    let bad = desk.andon(&["trigger", "slow_job", "-p", "ops.sleeper.config.secs=1"]);
    assert!(bad.code != 0 && bad.err.contains("secs"), "{}", bad.err);
}

fn cancelling(desk: &Desk) {
    let run = desk.json(0, &["trigger", "slow_job", "-p", "ops.sleeper.config.seconds=120"]);
    assert_eq!(run["params"]["ops.sleeper.config.seconds"], 120, "{run}");
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
}

/// Every second cut is before the server hears of the request, every second one after it has carried it out.
fn cut_lines(desk: &Desk, dag: &Service) {
    let proxy = Proxy::to(dag.fact("base_url").trim_start_matches("http://"), counts);
    desk.andon(&["connect", "add", "line", &proxy.url(), "--system", "dagster"]).code(0);
    desk.andon(&["runs", "--refresh", "--connection", "line"]).code(0);
    let (before, launches) = (launched(dag, "slow_job"), cuts() / 2);
    for n in 0..launches {
        proxy.cut(&[if n % 2 == 0 { Cut::Before } else { Cut::After }]);
        let key = format!("cut-{n}");
        let args =
            ["trigger", "slow_job", "-p", "ops.sleeper.config.seconds=0", "--connection", "line", "--request", &key];
        desk.andon(&args).code(0);
        // A second click of the same kind.
        desk.andon(&args).code(0);
        assert_eq!(launched(dag, "slow_job"), before + n + 1, "launch {n}");
    }
    spoil(dag);
    let failed = desk.json(1, &["trigger", "flaky_job", "--connection", "line", "--wait"]);
    let before = launched(dag, "flaky_job");
    for n in 0..cuts() - launches {
        proxy.cut(&[if n % 2 == 0 { Cut::After } else { Cut::Before }]);
        // What came of the last wish is over, so this is another one.
        desk.andon(&["rerun", id(&failed), "--failed", "--wait"]).code(0);
        assert_eq!(launched(dag, "flaky_job"), before + n + 1, "rerun {n}");
    }
    assert_eq!(proxy.made(), cuts());
}

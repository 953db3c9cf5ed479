//! A real Airflow by command: connect, look, launch, rerun, cancel, logs and numbers, and a line that is cut.
use std::{
    collections::HashMap,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use andon::{
    app::{
        connections,
        env::NoWaker,
        host::Host,
        runs,
        shell::{self, Page},
        workspace,
    },
    base::time::SystemClock,
    engine::{dirs::Dirs, secrets::Secret},
    model::{
        connect::{Connection, System},
        run::{RunState, Scope, pipeline_key},
    },
};
use serde_json::Value;

use super::{
    proxy::{Cut, Proxy},
    services::{Desk, Service},
};

/// How often the line is cut; a longer run is asked for with `ANDON_CUTS=200`.
fn cuts() -> usize {
    std::env::var("ANDON_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

fn counts(method: &str, path: &str, body: &str) -> bool {
    let change = path.ends_with("/clearTaskInstances") || path.ends_with("/dagRuns") || method == "PATCH";
    method != "GET" && change && !body.contains("\"dry_run\":true")
}

fn tries(run: &Value) -> HashMap<String, usize> {
    let tasks = run["tasks"].as_array().unwrap();
    tasks.iter().map(|t| (t["id"].as_str().unwrap().to_owned(), t["attempts"].as_array().unwrap().len())).collect()
}

fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap()
}

fn until(desk: &Desk, what: &str, good: impl Fn(&Value) -> bool) -> Value {
    let begin = Instant::now();
    loop {
        let runs = desk.json(0, &["runs", "--refresh", "--connection", "air"]);
        if let Some(run) = runs["runs"].as_array().unwrap().iter().find(|r| good(r)) {
            return run.clone();
        }
        assert!(begin.elapsed() < Duration::from_mins(4), "{what}: {runs}");
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// Rows as the server itself counts them, asked past Andon.
fn server_runs(air: &Service, dag: &str) -> Vec<Value> {
    let curl = |args: &[&str]| {
        let output = Command::new("curl").args(["-sf", "-m", "20"]).args(args).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let who = serde_json::json!({ "username": air.fact("username"), "password": air.fact("password") }).to_string();
    let token = curl(&[air.fact("token_url"), "-H", "content-type: application/json", "-d", &who]);
    let bearer = format!("authorization: Bearer {}", token["access_token"].as_str().unwrap());
    let url = format!("{}/dags/{dag}/dagRuns?limit=100", air.fact("api_url"));
    curl(&[&url, "-H", &bearer])["dag_runs"].as_array().unwrap().clone()
}

#[test]
fn airflow_is_connected_rerun_once_and_never_twice() {
    let Some(air) = Service::start("airflow") else { return };
    let mut desk = Desk::new();
    desk.secret("air", &format!("{}:{}", air.fact("username"), air.fact("password")));
    connecting(&mut desk, &air);
    let success = until(&desk, "the scheduled run", |r| r["pipeline"] == "andon_success" && r["state"] == "success");
    rights(&mut desk, &air);
    numbers(&desk);
    failing(&desk);
    mapped(&desk);
    refusals(&desk);
    cancelling(&desk);
    let again = desk.andon(&["runs", "--refresh", "--connection", "air", "--json"]).code(0);
    let again = desk.andon(&["runs", "--refresh", "--connection", "air", "--json"]).code(again.code);
    assert!(again.err.contains("0 runs new or changed"), "the same answer changes nothing: {}", again.err);
    in_the_window(&air);
    cut_lines(&mut desk, &air, id(&success));
}

fn connecting(desk: &mut Desk, air: &Service) {
    let base = air.fact("base_url");
    // What a browser shows, with a page behind the address; the system is found out.
    desk.andon(&["connect", "add", "air", &format!("{base}/dags?tags=andon")]).code(0);
    let test = desk.json(0, &["connect", "test", "air"]);
    assert_eq!((&test["ok"], &test["system"]), (&true.into(), &"airflow".into()), "{test}");
}

/// Which right is missing is said: asked once there is a run that could be rerun.
fn rights(desk: &mut Desk, air: &Service) {
    let base = air.fact("base_url");
    desk.andon(&["connect", "add", "viewer", base, "--system", "airflow"]).code(0);
    desk.secret("viewer", &format!("viewer:{}", air.facts["users"]["viewer"].as_str().unwrap()));
    let test = desk.json(1, &["connect", "test", "viewer"]);
    let steps = test["steps"].as_array().unwrap();
    let ok = |name: &str| steps.iter().find(|s| s["name"] == name).map(|s| s["ok"].clone());
    assert_eq!((ok("Signed in"), ok("May read")), (Some(true.into()), Some(true.into())), "{test}");
    assert_eq!(ok("May rerun").unwrap_or(false.into()), false, "{test}");
    desk.secret("viewer", "viewer:wrong");
    let wrong = desk.andon(&["connect", "test", "viewer"]).code(1);
    assert!(wrong.out.contains("no  Signed in"), "{}", wrong.out);
    desk.andon(&["connect", "remove", "viewer"]).code(0);
    let gone = desk.andon(&["connect", "add", "gone", "http://127.0.0.1:1"]);
    assert_ne!(gone.code, 0, "{gone:?}");
}

fn numbers(desk: &Desk) {
    let list = desk.json(0, &["metrics", "list"]);
    let all = list["series"].as_array().unwrap();
    let ratio = all.iter().find(|s| s["name"].as_str() == Some("null_ratio")).unwrap_or_else(|| panic!("{list}"));
    assert_eq!((&ratio["pipeline"], &ratio["task"]), (&"andon_success".into(), &"dq_check".into()));
    let shown = desk.json(0, &["metrics", "show", ratio["series"].as_str().unwrap_or("null_ratio")]);
    assert!(shown["points"][0]["value"].as_f64().is_some_and(|v| (0.0..0.1).contains(&v)), "{shown}");
}

fn failing(desk: &Desk) {
    let failed = desk.json(1, &["trigger", "andon_flaky", "--wait", "--note", "first"]);
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(failed["remote_id"].as_str().is_some_and(|r| !r.is_empty()));
    let log = desk.andon(&["logs", id(&failed)]).code(0).out;
    assert!(log.contains("upstream partition missing"), "{log}");
    let before = tries(&failed);
    let plan = desk.json(0, &["rerun", id(&failed), "--failed", "--dry-run"]);
    let again: Vec<&str> = plan["rerun"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
    assert!(again.contains(&"fragile") && again.contains(&"after"), "{plan}");
    assert!(!again.contains(&"sibling") && !again.contains(&"before"), "{plan}");
    let done = desk.json(0, &["rerun", id(&failed), "--failed", "--wait"]);
    assert_eq!((&done["state"], &done["id"]), (&"success".into(), &failed["id"]), "{done}");
    let after = tries(&done);
    assert_eq!((after["fragile"], after["sibling"]), (before["fragile"] + 1, before["sibling"]), "{done}");
    // There is nothing to rerun any more, and that is no success.
    desk.andon(&["rerun", id(&failed), "--failed"]).code(1);
    let old = desk.andon(&["logs", id(&failed), "fragile", "--try", "1"]).code(0).out;
    assert!(old.contains("upstream partition missing"), "{old}");
    let new = desk.andon(&["logs", id(&failed), "fragile"]).code(0).out;
    assert!(!new.contains("upstream partition missing"), "{new}");
    let retried = desk.json(0, &["trigger", "andon_retries", "--wait"]);
    assert_eq!(tries(&retried)["wobbly"], 3, "{retried}");
}

fn mapped(desk: &Desk) {
    let run = desk.json(0, &["trigger", "andon_mapped", "-p", "n=25", "--wait"]);
    let parts =
        run["tasks"].as_array().unwrap().iter().filter(|t| t["id"].as_str().unwrap().contains("measure[")).count();
    assert_eq!(parts, 25, "{run}");
    let asks = desk.andon(&["rerun", id(&run), "--all"]).code(1);
    assert!(asks.err.contains("--yes"), "{}", asks.err);
    let one = desk.json(0, &["rerun", id(&run), "--task", "quality.measure[7]", "--dry-run"]);
    assert_eq!(one["rerun"].as_array().unwrap().len(), 1, "{one}");
    let done = desk.json(0, &["rerun", id(&run), "--task", "quality.measure[7]", "--wait"]);
    let after = tries(&done);
    assert_eq!((after["quality.measure[7]"], after["quality.measure[8]"]), (2, 1));
}

fn refusals(desk: &Desk) {
    let bad = desk.andon(&["trigger", "andon_params", "--connection", "air", "-p", "sample=5000"]).code(1);
    assert!(bad.err.contains("5000") || bad.err.contains("1000"), "{}", bad.err);
    let unknown = desk.andon(&["trigger", "andon_parms", "--connection", "air"]).code(1);
    assert!(unknown.err.contains("Did you mean andon_params"), "{}", unknown.err);
    desk.andon(&["rerun", "nothere"]).code(2);
}

fn cancelling(desk: &Desk) {
    let run = desk.json(0, &["trigger", "andon_long", "--connection", "air"]);
    let going = until(desk, "the nap", |r| r["id"] == run["id"] && r["state"] == "running");
    let early = desk.andon(&["rerun", id(&going), "--all", "--yes"]).code(1);
    assert!(early.err.contains("under way"), "{}", early.err);
    let over = desk.json(0, &["cancel", id(&run), "--wait"]);
    assert_eq!(over["state"], "cancelled", "{over}");
    desk.andon(&["cancel", id(&run)]).code(1);
}

/// Every second cut is before the server hears of the request, every second one after it has carried it out.
fn cut_lines(desk: &mut Desk, air: &Service, success: &str) {
    let upstream = air.fact("base_url").trim_start_matches("http://").to_owned();
    let proxy = Proxy::to(&upstream, counts);
    desk.secret("line", &format!("{}:{}", air.fact("username"), air.fact("password")));
    desk.andon(&["connect", "add", "line", &proxy.url()]).code(0);
    desk.andon(&["runs", "--refresh", "--connection", "line"]).code(0);
    let count = || {
        server_runs(air, "andon_params")
            .iter()
            .filter(|r| r["dag_run_id"].as_str().unwrap().starts_with("andon__"))
            .count()
    };
    let (before, launches) = (count(), cuts() * 7 / 10);
    for n in 0..launches {
        proxy.cut(&[if n % 2 == 0 { Cut::Before } else { Cut::After }]);
        let key = format!("cut-{n}");
        desk.andon(&["trigger", "andon_params", "--connection", "line", "--request", &key]).code(0);
        // A second click of the same kind.
        desk.andon(&["trigger", "andon_params", "--connection", "line", "--request", &key]).code(0);
        assert_eq!(count(), before + n + 1, "launch {n}");
    }
    let line = desk.json(0, &["runs", "--connection", "line", "--pipeline", "andon_success"]);
    let remote = desk.json(0, &["runs", success])["remote_id"].clone();
    let run = line["runs"].as_array().unwrap().iter().find(|r| r["remote_id"] == remote).unwrap().clone();
    for n in 0..cuts() - launches {
        let before = tries(&desk.json(0, &["runs", id(&run)]))["load"];
        proxy.cut(&[if n % 2 == 0 { Cut::After } else { Cut::Before }]);
        let done = desk.json(0, &["rerun", id(&run), "--task", "load", "--wait"]);
        assert_eq!((tries(&done)["load"], &done["state"]), (before + 1, &"success".into()), "rerun {n}: {done}");
    }
    assert_eq!(proxy.made(), cuts());
}

/// The same in the window's own terms: nothing of it waits on the window's thread.
fn in_the_window(air: &Service) {
    let home = tempfile::tempdir().unwrap();
    let work = home.path().join("work");
    std::fs::create_dir_all(&work).unwrap();
    let proxy = Proxy::to(air.fact("base_url").trim_start_matches("http://"), counts);
    let to = Connection::new("air", System::Airflow, &proxy.url()).unwrap();
    andon::engine::connect::config::save(&work, &to).unwrap();
    let mut host = Host::new(Dirs::below(home.path()), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    let secret = Secret(format!("{}:{}", air.fact("username"), air.fact("password")));
    host.env.connections.secrets().remember(&to.secret_key(), &secret);
    host.send(workspace::Command::Open(work.clone()));
    let wait = |host: &mut Host, what: &str, good: &dyn Fn(&Host) -> bool| {
        let begin = Instant::now();
        while !good(host) {
            host.drain(Duration::from_millis(5));
            std::thread::sleep(Duration::from_millis(5));
            assert!(begin.elapsed() < Duration::from_mins(2), "{what}");
        }
    };
    wait(&mut host, "the folder", &|h| h.state.runs.loaded);
    // A stranger's andon.toml is not looked at.
    assert!(connections::all(&host.state).is_empty() && connections::untrusted(&host.state) == 1);
    host.send(workspace::Command::Trust { then: None });
    host.send(shell::Command::Focused(true));
    host.send(shell::Command::Go(Page::Runs));
    let key = pipeline_key("air", "andon_flaky");
    wait(&mut host, "its pipelines", &|h| h.state.runs.entry(&key).is_some_and(|e| e.remote.is_some()));
    host.send(runs::Command::Run(key.clone()));
    wait(&mut host, "the failure", &|h| runs::latest(&h.state, &key).is_some_and(|r| r.state == RunState::Failed));
    let failed = runs::latest(&host.state, &key).unwrap().clone();
    host.send(runs::Command::OpenRun(failed.id.clone()));
    host.send(runs::Command::OpenLog { task: "fragile".to_owned(), attempt: None });
    wait(&mut host, "its log", &|h| h.state.runs.log.complete && h.state.runs.log.index.lines > 3);
    host.send(runs::Command::AskRerun { run: failed.id.clone(), scope: Scope::Failed });
    let asked = |h: &Host| match &h.state.runs.dialog {
        Some(runs::Dialog::Rerun(d)) => d.preview.clone(),
        _ => None,
    };
    wait(&mut host, "the preview", &|h| asked(h).is_some());
    assert_eq!(asked(&host).unwrap().unwrap().tasks, ["fragile", "after"]);
    // Twice, as an impatient person does.
    host.send(runs::Command::Confirm);
    host.send(runs::Command::RerunFailed(failed.id.clone()));
    wait(&mut host, "its end", &|h| runs::latest(&h.state, &key).is_some_and(|r| r.state == RunState::Success));
    let done = runs::latest(&host.state, &key).unwrap();
    assert_eq!((&done.id, done.task("fragile").unwrap().attempts.len()), (&failed.id, 2), "{done:?}");
    at_rest(&mut host, &proxy);
    host.send(runs::Command::AskRun(pipeline_key("air", "andon_params")));
    wait(&mut host, "its parameters", &|h| match &h.state.runs.dialog {
        Some(runs::Dialog::Run(d)) => d.fields.len() == 5,
        _ => false,
    });
}

/// With nothing under way: one small request in five seconds.
fn at_rest(host: &mut Host, proxy: &Proxy) {
    host.send(runs::Command::CloseDialog);
    // What changed in the last ten seconds is asked for once more.
    std::thread::sleep(Duration::from_secs(17));
    host.drain(Duration::from_millis(50));
    let idle = runs::history(&host.state, &pipeline_key("air", "andon_flaky")).iter().all(|r| r.state.is_final());
    assert!(idle);
    proxy.passed();
    std::thread::sleep(Duration::from_secs(16));
    let passed = proxy.passed();
    assert!((1..=4).contains(&passed.len()), "{passed:?}");
    assert!(passed.iter().all(|(_, bytes)| *bytes < 1024), "{passed:?}");
}

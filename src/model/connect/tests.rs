use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{airflow as af, mlflow as ml, *};
use crate::model::run::{Level, Run, RunState, TaskRun, TaskState, Trigger};

fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/airflow/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn to() -> Connection {
    Connection::new("lab", System::Airflow, "http://127.0.0.1:8080").unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().unwrap()
}

/// To the millisecond, as times are kept.
fn at(text: &str) -> Option<Timestamp> {
    let exact: Timestamp = text.parse().unwrap();
    Timestamp::from_millisecond(exact.as_millisecond()).ok()
}

fn rows(name: &str, key: &str) -> Vec<Value> {
    af::list(&recorded(name), key).to_vec()
}

/// The run that failed, as it was recorded before it was cleared.
fn failed(rows: &[Value], tries: &HashMap<String, Vec<Value>>) -> Vec<TaskRun> {
    af::tasks(rows, tries, &af::Graph::read(&recorded("tasks")), now())
}

#[test]
fn a_table_of_connections_is_read_and_says_what_is_wrong() {
    let table: toml::Table = r#"
        [a]
        kind = "airflow"
        url = "https://af.example.org/team/home?x=1"
        environment = "production"
        read_only = true
        [j]
        kind = "jupyter"
        url = "http://h:8888"
        [b]
        kind = "airflow"
        [c]
        kind = "airlfow"
        url = "http://h"
        [d]
        url = "http://h"
        [local]
        kind = "airflow"
        url = "http://h"
    "#
    .parse()
    .unwrap();
    let (all, problems) = Connection::all(&table, true);
    assert_eq!(all.len(), 1);
    let a = &all[0];
    assert_eq!((a.url.as_str(), a.environment, a.read_only), ("https://af.example.org/team/", Environment::Prod, true));
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("connections.b: it needs a url")), "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("connections.c: no system is called airlfow")), "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("connections.d: kind is missing")), "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("cannot name a connection")), "{problems:?}");
}

#[test]
fn an_address_is_taken_as_people_have_it_and_never_with_a_secret() {
    let read = |text: &str| address(text, System::Airflow);
    for text in [
        "127.0.0.1:8080",
        "http://127.0.0.1:8080/",
        "http://127.0.0.1:8080/api/v2",
        "http://127.0.0.1:8080/dags/x/runs#y",
    ] {
        assert_eq!(read(text).unwrap(), "http://127.0.0.1:8080/", "{text}");
    }
    assert_eq!(read("https://H.example/a/b/home").unwrap(), "https://h.example/a/b/");
    assert_eq!(read("http://[::1]:8080").unwrap(), "http://[::1]:8080/");
    for bad in ["ftp://h", "http://", "http://h:port", "http://u:p@h", "http://a b"] {
        assert!(read(bad).is_err(), "{bad}");
    }
    assert!(read("http://u:p@h").unwrap_err().to_string().contains("user name or password"));
}

#[test]
fn the_id_of_a_run_is_the_same_everywhere_and_differs_between_runs() {
    let (a, b) = (to().run_id("p", "r"), to().run_id("p", "r"));
    assert_eq!((a.0.len(), &a), (12, &b));
    assert_ne!(a, to().run_id("p", "r2"));
    assert_ne!(a, to().run_id("pr", ""));
    // The name is the person's own; the place is what the run belongs to.
    let renamed = Connection { name: "other".into(), ..to() };
    assert_eq!(renamed.run_id("p", "r"), a);
}

#[test]
fn pipelines_and_their_graph_are_read() {
    let all: Vec<RemotePipeline> = rows("dags", "dags").iter().filter_map(af::pipeline).collect();
    assert_eq!(all.len(), 6);
    let flaky = all.iter().find(|p| p.name == "andon_flaky").unwrap();
    assert!(!flaky.paused && flaky.tags.contains(&"fixture".to_owned()), "{flaky:?}");
    assert_eq!(flaky.schedule.as_deref(), Some("Never, external triggers only"));
    let graph = af::Graph::read(&recorded("tasks"));
    assert_eq!(graph.order, ["before", "fragile", "after", "sibling"]);
    assert_eq!(graph.after["after"], ["fragile"]);
    let circle = json!({"tasks": [
        {"task_id": "a", "downstream_task_ids": ["b"]}, {"task_id": "b", "downstream_task_ids": ["a", "c"]}]});
    assert_eq!(af::Graph::read(&circle).order, ["a", "b", "c"]);
}

#[test]
fn a_failed_run_has_its_tasks_in_order_with_what_was_never_tried() {
    let tasks = failed(&rows("instances", "task_instances"), &HashMap::new());
    let states: Vec<_> = tasks.iter().map(|t| (t.id.as_str(), t.state, t.attempts.len())).collect();
    use TaskState::{Failed, Success, UpstreamFailed};
    assert_eq!(
        states,
        [("before", Success, 1), ("fragile", Failed, 1), ("after", UpstreamFailed, 0), ("sibling", Success, 1)]
    );
    let attempt = &tasks[1].attempts[0];
    assert_eq!(attempt.started_at, at("2026-11-22T04:46:43.615017Z"));
    assert_eq!(attempt.duration_ms(now()), Some(644));
    assert_eq!(tasks[1].after, ["before"]);
}

#[test]
fn tries_become_attempts_and_a_cleared_task_keeps_those_it_had() {
    let mut instances = rows("instances", "task_instances");
    let tries = HashMap::from([("fragile".to_owned(), rows("tries", "task_instances"))]);
    let fragile = instances.iter_mut().find(|r| r["task_id"] == "fragile").unwrap();
    *fragile = rows("tries", "task_instances").pop().unwrap();
    let tasks = failed(&instances, &tries);
    let attempts: Vec<_> = tasks[1].attempts.iter().map(|a| (a.number, a.state)).collect();
    assert_eq!(attempts, [(1, TaskState::Failed), (2, TaskState::Success)]);
    // Between clearing and the next try: no state, and the number and times of the try that is over.
    let fragile = instances.iter_mut().find(|r| r["task_id"] == "fragile").unwrap();
    fragile["state"] = Value::Null;
    let tasks = failed(&instances, &tries);
    assert_eq!(tasks[1].state, TaskState::Queued);
    assert_eq!(tasks[1].attempts.len(), 2);
}

#[test]
fn mapped_tasks_have_their_index_and_stand_in_its_order() {
    let graph = af::Graph::read(&recorded("mapped_tasks"));
    let tasks = af::tasks(&rows("mapped", "task_instances"), &HashMap::new(), &graph, now());
    let ids: Vec<&str> = tasks.iter().map(|t| t.id.as_str()).collect();
    assert_eq!(ids, ["quality.partitions", "quality.measure[0]", "quality.measure[1]", "summarize"]);
    assert_eq!(instance("quality.measure[1]"), ("quality.measure", Some(1)));
    assert_eq!(instance("odd[name"), ("odd[name", None));
    assert_eq!(instance("odd[x]"), ("odd[x]", None));
}

#[test]
fn a_task_that_was_never_started_says_so() {
    let mut row = rows("instances", "task_instances").remove(1);
    row["start_date"] = Value::Null;
    let tasks = failed(&[row], &HashMap::new());
    assert_eq!(tasks[0].error.as_deref(), Some(af::NEVER_STARTED));
    assert_eq!(tasks[0].attempts[0].duration_ms(now()), None);
}

#[test]
fn states_of_a_newer_version_are_neither_good_nor_bad_but_over_or_not() {
    let mut row = rows("runs", "dag_runs").remove(0);
    row["state"] = json!("pondering\u{1b}[2J");
    let seen = af::run(&to(), &row, now()).unwrap();
    assert_eq!(seen.run.state, RunState::Interrupted);
    let said = seen.run.error.unwrap();
    assert!(said.contains("pondering") && !said.contains('\u{1b}'), "{said}");
    row["end_date"] = Value::Null;
    assert_eq!(af::run(&to(), &row, now()).unwrap().run.state, RunState::Running);
    let mut task = rows("instances", "task_instances").remove(0);
    task["state"] = json!("dreaming");
    assert_eq!(failed(&[task], &HashMap::new())[0].state, TaskState::Interrupted);
}

#[test]
fn rows_without_what_a_run_needs_are_passed_over() {
    for row in [json!({}), json!(null), json!({"dag_id": 1, "dag_run_id": "x"}), json!([])] {
        assert!(af::run(&to(), &row, now()).is_none(), "{row}");
    }
    let bare = af::run(&to(), &json!({"dag_id": "d", "dag_run_id": "r"}), now()).unwrap();
    assert_eq!((bare.run.queued_at, bare.run.state), (now(), RunState::Running));
    assert!(af::tasks(&[json!(null), json!({"task_id": 3})], &HashMap::new(), &af::Graph::default(), now()).is_empty());
}

fn seen(tasks: bool) -> Seen {
    let row = rows("runs", "dag_runs").into_iter().find(|r| r["dag_run_id"] == "andon__rec+1").unwrap();
    let mut seen = af::run(&to(), &row, now()).unwrap();
    if tasks {
        seen.tasks = Some(failed(&rows("instances", "task_instances"), &HashMap::new()));
        seen.run.state = RunState::Failed;
    }
    seen
}

#[test]
fn the_same_answer_twice_is_the_same_run() {
    let first = absorb(None, seen(true));
    assert_eq!((first.round, first.tasks.len()), (1, 4));
    assert_eq!(absorb(Some(&first), seen(true)), first);
    // An answer without tasks takes none away.
    let without = absorb(Some(&first), seen(false));
    assert_eq!(without.tasks, first.tasks);
}

#[test]
fn a_rerun_is_a_new_round_of_the_same_run_and_old_tries_stay() {
    let mut known: Run = absorb(None, seen(true));
    (known.number, known.trigger, known.note) = (7, Trigger::Cli, Some("why".into()));
    let mut again = seen(true);
    again.run.state = RunState::Running;
    let tasks = again.tasks.as_mut().unwrap();
    // The server shows the new try alone.
    let fragile = tasks.iter_mut().find(|t| t.id == "fragile").unwrap();
    fragile.state = TaskState::Running;
    (fragile.attempts[0].number, fragile.attempts[0].state) = (2, TaskState::Running);
    let run = absorb(Some(&known), again.clone());
    assert_eq!((run.number, run.round, run.trigger), (7, 2, Trigger::Cli));
    assert_eq!(run.note.as_deref(), Some("why"));
    let rounds: Vec<_> = run.task("fragile").unwrap().attempts.iter().map(|a| (a.number, a.round)).collect();
    assert_eq!(rounds, [(1, 1), (2, 2)]);
    // Once it is known as running, the next look is no further round.
    assert_eq!(absorb(Some(&run), again).round, 2);
}

#[test]
fn a_rerun_that_was_over_between_two_looks_is_seen_by_its_tries() {
    let known = absorb(None, seen(true));
    let mut again = seen(true);
    again.run.state = RunState::Success;
    let fragile = again.tasks.as_mut().unwrap().iter_mut().find(|t| t.id == "fragile").unwrap();
    fragile.state = TaskState::Success;
    let mut second = fragile.attempts[0].clone();
    (second.number, second.state) = (2, TaskState::Success);
    fragile.attempts.push(second);
    assert_eq!(absorb(Some(&known), again).round, 2);
}

#[test]
fn a_log_is_read_line_by_line_with_the_traceback_behind_its_event() {
    let path = format!("{}/tests/fixtures/airflow/log.ndjson", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<_> = text.lines().flat_map(af::log_lines).collect();
    let bad = lines.iter().position(|l| l.level == Level::Error).unwrap();
    assert_eq!(lines[bad].text, "Task failed with exception");
    assert!(lines[bad..].iter().any(|l| l.text.starts_with("  File \"/srv/venv") && l.text.contains("in wrapper")));
    let said = "RuntimeError: upstream partition missing (fails on the first try of each run)";
    assert!(lines.iter().any(|l| l.text == said && l.level == Level::Error));
    assert_eq!(lines[3].at, at("2026-11-22T04:46:43.745036Z"));
    assert_eq!(af::log_lines("no json")[0].text, "no json");
    assert_eq!(af::log_lines(r#"{"event": "a\nb", "level": "warning"}"#).len(), 2);
}

#[test]
fn numbers_come_out_of_values_one_level_deep() {
    let entry = recorded("xcom");
    let all = af::metrics("return_value", &entry["value"], now(), Some("2026-11-22"));
    let found: Vec<_> = all.iter().map(|m| (m.name.as_str(), m.value)).collect();
    assert_eq!(
        found,
        [
            ("row_count", 10441.0),
            ("null_ratio", 0.010_057),
            ("duplicate_ratio", 0.000_342),
            ("freshness_s", 781.0),
            ("passed", 1.0)
        ]
    );
    assert_eq!(af::metrics("rows", &json!(3), now(), None)[0].name, "rows");
    assert_eq!(af::metrics("m", &json!({"a": 1}), now(), None)[0].name, "m.a");
    assert!(af::metrics("m", &json!("12"), now(), None).is_empty());
    assert!(af::metrics("m", &json!({"a": [1], "b": null}), now(), None).is_empty());
}

#[test]
fn what_would_be_cleared_is_named_and_so_is_what_stays() {
    let run = absorb(None, seen(true));
    let preview = Preview::of(&run, &af::cleared(&recorded("clear")), true);
    assert_eq!(
        (preview.tasks, preview.stay, preview.instances),
        (vec!["fragile".to_owned(), "after".to_owned()], vec!["before".to_owned(), "sibling".to_owned()], 2)
    );
}

#[test]
fn what_cannot_be_done_says_why() {
    let all = Capabilities::all();
    assert_eq!(all.words(), "Read, trigger, rerun, cancel, logs, metrics");
    let reading = all.reading("the connection is set to read only");
    assert_eq!(reading.words(), "Read, logs, metrics");
    assert_eq!(reading.refusal(Act::Cancel), Some("the connection is set to read only"));
    assert_eq!(reading.refusal(Act::Read), None);
}

fn mlflow(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/mlflow/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn experiments_and_runs_of_mlflow_are_pipelines_and_runs() {
    let to = Connection::new("ml", System::Mlflow, "http://127.0.0.1:5000/#/experiments/1").unwrap();
    assert_eq!(to.url, "http://127.0.0.1:5000/");
    let experiments = mlflow("experiments");
    let all = af::list(&experiments, "experiments");
    let names: HashMap<String, String> =
        all.iter().filter_map(|e| Some((ml::experiment_id(e)?, ml::pipeline(e)?.name))).collect();
    assert!(names.values().any(|n| n == "churn"), "{names:?}");
    let answer = mlflow("runs");
    let seen: Vec<Seen> = af::list(&answer, "runs")
        .iter()
        .map(|r| ml::run(&to, r, |id| names.get(id).cloned(), now()).unwrap())
        .collect();
    assert_eq!(seen.len(), 6);
    let states = |s: RunState| seen.iter().filter(|r| r.run.state == s).count();
    assert_eq!((states(RunState::Success), states(RunState::Failed)), (5, 1));
    let named =
        |name: &str| seen.iter().find(|s| s.run.record.environment.get("run").is_some_and(|n| n == name)).unwrap();
    let third = &named("train-2").run;
    assert_eq!((third.pipeline.as_str(), third.params.get("depth")), ("churn", Some(&json!("5"))));
    assert!(third.ended_at.is_some() && third.tasks.is_empty());
    assert!(named("fold-0").run.record.environment.contains_key("parent run"));
    let row = |name: &str| {
        let is = |r: &&Value| r.pointer("/info/run_name").and_then(Value::as_str) == Some(name);
        af::list(&answer, "runs").iter().find(is).unwrap()
    };
    let metrics = ml::metrics(row("train-2"));
    let auc = metrics.iter().find(|m| m.name == "val/auc").unwrap();
    assert!((auc.value - 0.769).abs() < 1e-9, "{auc:?}");
    // The last value of this one is infinite, which MLflow writes as the largest number there is.
    assert!(ml::metrics(row("train-3")).iter().all(|m| m.name != "loss"));
}

#[test]
fn what_mlflow_leaves_out_and_what_is_new_to_us_is_no_failure() {
    let to = Connection::new("ml", System::Mlflow, "http://h").unwrap();
    let bare = json!({ "info": {"run_id": "a", "experiment_id": 7, "status": "PAUSED", "start_time": "0"} });
    let seen = ml::run(&to, &bare, |_| None, now()).unwrap();
    assert_eq!(
        (seen.run.pipeline.as_str(), seen.run.state, seen.run.queued_at),
        ("experiment 7", RunState::Running, now())
    );
    assert!(seen.run.error.unwrap().contains("PAUSED"));
    assert!(ml::metrics(&bare).is_empty());
    for broken in [json!(null), json!({"info": {}}), json!({"info": {"run_id": "a"}}), json!([])] {
        assert!(ml::run(&to, &broken, |_| None, now()).is_none(), "{broken}");
    }
}

#[test]
fn a_run_that_was_cancelled_is_no_failure_where_the_system_knows_no_other_word() {
    let mut known = absorb(None, seen(true));
    known.state = RunState::Running;
    (known.cancelling, known.ended_at) = (true, None);
    let mut ended = seen(true);
    (ended.run.state, ended.run.ended_at) = (RunState::Failed, at("2026-11-22T04:59:00Z"));
    let run = absorb(Some(&known), ended.clone());
    assert_eq!((run.state, run.cancelling, run.error.as_deref()), (RunState::Cancelled, false, None));
    assert_eq!(absorb(Some(&run), ended.clone()), run, "the same answer changes nothing");
    // One that is run again and fails has failed.
    let mut later = ended.clone();
    later.run.ended_at = at("2026-11-22T04:59:30Z");
    assert_eq!(absorb(Some(&run), later).state, RunState::Failed);
    ended.cancelled_is_failed = false;
    assert_eq!(absorb(Some(&known), ended).state, RunState::Failed, "this system would have said so");
}

//! On answers of a real Prefect 3.8.
use serde_json::json;

use super::{
    super::{Preview, System, absorb, address},
    *,
};

fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/prefect/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn rows(name: &str) -> Vec<Value> {
    recorded(name).as_array().unwrap().clone()
}

fn to() -> Connection {
    Connection::new("lab", System::Prefect, "http://127.0.0.1:4200").unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

/// To the millisecond, as times are kept.
fn at(text: &str) -> Option<Timestamp> {
    let exact: Timestamp = text.parse().unwrap();
    Timestamp::from_millisecond(exact.as_millisecond()).ok()
}

fn names() -> Names {
    let mut names = Names::default();
    names.add_flows(&rows("flows"));
    names.add_deployments(&rows("deployments"));
    names
}

/// The run that failed and was retried, as it was recorded at both times.
fn flaky(time: &str) -> Rows {
    Rows {
        run: recorded(&format!("run_{time}")),
        tasks: rows(&format!("tasks_{time}")),
        states: if time == "retried" { rows("states") } else { Vec::new() },
        ..Rows::default()
    }
}

fn seen(time: &str) -> Seen {
    let rows = flaky(time);
    let mut seen = run(&to(), &rows.run, &names(), now()).unwrap();
    seen.tasks = Some(tasks(&rows, "andon-flaky", now()).into_iter().map(|p| p.task).collect());
    seen
}

fn states(placed: &[Placed]) -> Vec<(&str, TaskState, usize)> {
    placed.iter().map(|p| (p.task.id.as_str(), p.task.state, p.task.attempts.len())).collect()
}

/// A task run as the server has it, shortened.
fn task_row(id: &str, name: &str, kind: &str, state: &str) -> Value {
    json!({
        "id": id, "name": format!("{name}-abc"), "dynamic_key": "abcdef", "task_key": format!("{name}-0123abcd"),
        "state_type": kind, "state_name": state, "run_count": 1, "flow_run_run_count": 1,
        "expected_start_time": "2026-11-22T07:00:00Z", "start_time": "2026-11-22T07:00:01Z",
    })
}

#[test]
fn an_address_is_taken_as_people_have_it() {
    let read = |text: &str| address(text, System::Prefect).unwrap();
    for text in ["127.0.0.1:4200", "http://127.0.0.1:4200/api", "http://127.0.0.1:4200/runs/flow-run/x?y=1"] {
        assert_eq!(read(text), "http://127.0.0.1:4200/", "{text}");
    }
    assert_eq!(read("https://h.example/prefect/api"), "https://h.example/prefect/");
    let space = "https://api.prefect.cloud/api/accounts/a1/workspaces/w1/";
    assert_eq!(read(space), space);
    assert_eq!(read("https://app.prefect.cloud/account/a1/workspace/w1/dashboard"), space);
    assert_eq!((base_path(space), base_path("http://h/")), ("", "api/"));
}

#[test]
fn deployments_are_pipelines_with_their_schedules() {
    let all: Vec<RemotePipeline> = rows("deployments").iter().filter_map(|r| pipeline(r, &names())).collect();
    let known: Vec<&str> = all.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(known.len(), 6);
    assert!(known.contains(&"andon-flaky/fixture"), "{known:?}");
    assert!(all.iter().all(|p| !p.paused && p.schedule.is_none() && p.description.is_none() && p.tags == ["andon"]));
    let mut row = rows("deployments").remove(0);
    row["schedules"] = json!([
        {"active": true, "schedule": {"cron": "0 6 * * *", "timezone": "Europe/Berlin"}},
        {"active": true, "schedule": {"interval": 300.0, "anchor_date": "2026-01-01T00:00:00Z", "timezone": "UTC"}},
        {"active": false, "schedule": {"rrule": "FREQ=DAILY"}},
    ]);
    let schedule = pipeline(&row, &names()).unwrap().schedule.unwrap();
    assert_eq!(schedule, "0 6 * * * Europe/Berlin; every 5 min");
}

#[test]
fn a_run_belongs_to_its_deployment_and_keeps_its_id_under_any_name() {
    let row = recorded("run_failed");
    let one = run(&to(), &row, &names(), now()).unwrap();
    assert_eq!((one.run.pipeline.as_str(), one.run.state), ("andon-flaky/fixture", RunState::Failed));
    assert_eq!(
        one.run.error.as_deref(),
        Some("RuntimeError: upstream partition missing (fails on the first try of each flow run)")
    );
    assert_eq!(one.run.queued_at, at("2026-11-22T07:09:56.441461Z").unwrap());
    assert_eq!(
        (one.run.started_at, one.run.ended_at),
        (at("2026-11-22T07:10:06.205932Z"), at("2026-11-22T07:10:07.299639Z"))
    );
    assert_eq!(one.run.record.environment["name in Prefect"], "denim-barnacle");
    assert!(one.updated.is_some());
    // The deployment is gone.
    let mut fewer = names();
    fewer.deployments.clear();
    let bare = run(&to(), &row, &fewer, now()).unwrap();
    assert_eq!((bare.run.pipeline.as_str(), &bare.run.id), ("andon-flaky", &one.run.id));
    assert_eq!(absorb(Some(&one.run), bare).pipeline, "andon-flaky/fixture");
}

#[test]
fn every_state_has_its_meaning() {
    let said = |kind: &str, name: &str| Said { kind: kind.into(), name: name.into(), ..Said::default() };
    let cases = [
        ("SCHEDULED", "Scheduled", Some(RunState::Queued)),
        ("SCHEDULED", "Late", Some(RunState::Queued)),
        ("SCHEDULED", "AwaitingRetry", Some(RunState::Queued)),
        ("PENDING", "Submitting", Some(RunState::Queued)),
        ("RUNNING", "Retrying", Some(RunState::Running)),
        ("PAUSED", "Paused", Some(RunState::Running)),
        ("PAUSED", "Suspended", Some(RunState::Queued)),
        ("CANCELLING", "Cancelling", Some(RunState::Running)),
        ("COMPLETED", "Cached", Some(RunState::Success)),
        ("FAILED", "TimedOut", Some(RunState::Failed)),
        ("CRASHED", "Crashed", Some(RunState::Interrupted)),
        ("CANCELLED", "Cancelled", Some(RunState::Cancelled)),
        ("PONDERING", "Pondering", None),
    ];
    for (kind, name, wanted) in cases {
        assert_eq!(run_state(&said(kind, name)), wanted, "{kind} {name}");
    }
    assert_eq!(task_state(&said("SCHEDULED", "AwaitingRetry")), Some(TaskState::Retrying));
    let waits = Said {
        message: Some("Upstream task run 'a' did not reach a 'COMPLETED' state.".into()),
        ..said("PENDING", "NotReady")
    };
    assert_eq!(task_state(&waits), Some(TaskState::UpstreamFailed));
    assert_eq!(task_state(&said("CRASHED", "Crashed")), Some(TaskState::Interrupted));
}

#[test]
fn what_a_person_should_know_of_a_run_is_said() {
    let with = |kind: &str, name: &str, over: bool| {
        let mut row = recorded("run_failed");
        (row["state_type"], row["state_name"]) = (json!(kind), json!(name));
        (row["state"]["type"], row["state"]["name"], row["state"]["message"]) = (json!(kind), json!(name), Value::Null);
        if !over {
            row["end_time"] = Value::Null;
        }
        run(&to(), &row, &names(), now()).unwrap().run
    };
    assert!(with("SCHEDULED", "Late", false).error.unwrap().contains("no runner or worker"));
    assert!(with("PAUSED", "Suspended", false).error.unwrap().contains("until somebody resumes it"));
    assert!(with("CRASHED", "Crashed", true).error.unwrap().contains("Crashed"));
    let stopping = with("CANCELLING", "Cancelling", false);
    assert_eq!((stopping.state, stopping.cancelling, stopping.error), (RunState::Running, true, None));
    let unknown = with("PONDERING\u{1b}[2J", "x", true);
    assert_eq!(unknown.state, RunState::Interrupted);
    assert!(!unknown.error.clone().unwrap().contains('\u{1b}') && unknown.error.unwrap().contains("PONDERING"));
    assert_eq!(with("PONDERING", "x", false).state, RunState::Running);
}

#[test]
fn rows_without_what_a_run_needs_are_passed_over() {
    for row in [json!({}), json!(null), json!([]), json!({"id": 3})] {
        assert!(run(&to(), &row, &names(), now()).is_none(), "{row}");
    }
    let bare = run(&to(), &json!({"id": "r"}), &names(), now()).unwrap();
    assert_eq!((bare.run.queued_at, bare.run.state, bare.run.pipeline.as_str()), (now(), RunState::Running, "flow"));
    let odd = Rows {
        run: json!({"id": "r"}),
        tasks: vec![json!(null), json!({"name": 3}), json!({"name": "x"})],
        ..Rows::default()
    };
    assert_eq!(states(&tasks(&odd, "f", now())), [("f", TaskState::Running, 1), ("x", TaskState::Running, 1)]);
}

#[test]
fn a_failed_run_shows_its_body_and_its_tasks() {
    let placed = tasks(&flaky("failed"), "andon-flaky", now());
    use TaskState::{Failed, Success};
    assert_eq!(states(&placed), [("andon-flaky", Failed, 1), ("before", Success, 1), ("fragile", Failed, 1)]);
    assert_eq!(placed[0].task.kind, "flow");
    let fragile = &placed[2].task;
    assert_eq!(
        fragile.error.as_deref(),
        Some("RuntimeError: upstream partition missing (fails on the first try of each flow run)")
    );
    assert_eq!(fragile.attempts[0].started_at, at("2026-11-22T07:10:06.345957Z"));
    assert!(placed[1].kept && !placed[2].kept);
    // The task is what a person reads first, and not the flow that fails because of it.
    let run = absorb(None, seen("failed"));
    assert_eq!(run.first_bad().unwrap().id, "fragile");
}

#[test]
fn a_retried_run_puts_the_rows_of_its_rounds_together() {
    let placed = tasks(&flaky("retried"), "andon-flaky", now());
    use TaskState::{Failed, Success};
    // What was found in the cache was not tried again.
    assert_eq!(states(&placed), [("andon-flaky", Success, 2), ("before", Success, 1), ("fragile", Success, 2)]);
    let fragile = &placed[2];
    let tries: Vec<_> = fragile.task.attempts.iter().map(|a| (a.number, a.round, a.state)).collect();
    assert_eq!(tries, [(1, 1, Failed), (2, 2, Success)]);
    assert_ne!(fragile.places[0].row, fragile.places[1].row);
    let body = &placed[0];
    let tries: Vec<_> = body.task.attempts.iter().map(|a| (a.round, a.state, a.started_at)).collect();
    assert_eq!(
        tries,
        [(1, Failed, at("2026-11-22T07:10:06.205932Z")), (2, Success, at("2026-11-22T07:11:05.696586Z"))]
    );
    assert_eq!(body.places[0].until, body.places[1].from);
    assert_eq!(restarted(&placed), at("2026-11-22T07:11:05.696586Z"));
}

#[test]
fn a_retry_is_a_new_round_of_the_same_run() {
    let failed = absorb(None, seen("failed"));
    assert_eq!(absorb(Some(&failed), seen("failed")), failed, "the same answer twice is the same run");
    // Asked for and not begun.
    let mut waits = seen("failed");
    (waits.run.state, waits.run.ended_at) = (RunState::Queued, None);
    let waiting = absorb(Some(&failed), waits);
    assert_eq!(waiting.round, 2);
    let done = absorb(Some(&waiting), seen("retried"));
    assert_eq!((done.round, done.state), (2, RunState::Success));
    // It was not looked at meanwhile, or never before.
    assert_eq!(absorb(Some(&failed), seen("retried")).round, 2);
    let late = absorb(None, seen("retried"));
    assert_eq!((late.round, late.task("fragile").unwrap().attempts[1].round), (2, 2));
    assert!(!late.task("fragile").unwrap().is_flaky());
}

#[test]
fn a_task_that_failed_before_waits_while_its_run_goes_again() {
    let mut rows = flaky("failed");
    (rows.run["state_type"], rows.run["state_name"], rows.run["run_count"]) =
        (json!("RUNNING"), json!("Running"), json!(2));
    rows.run["end_time"] = Value::Null;
    let placed = tasks(&rows, "andon-flaky", now());
    assert_eq!((placed[1].task.state, placed[2].task.state), (TaskState::Success, TaskState::Queued));
}

#[test]
fn retries_inside_a_run_are_attempts_with_their_own_times_and_lines() {
    let tasks_row = rows("tasks_retries");
    let id = word(&tasks_row[0], "id").unwrap();
    let run = json!({"id": "r", "state_type": "COMPLETED", "state_name": "Completed", "run_count": 1,
        "start_time": "2026-11-22T07:09:56.036129Z", "end_time": "2026-11-22T07:10:00.272870Z"});
    let rows = Rows {
        run,
        tasks: tasks_row,
        task_states: HashMap::from([(id.clone(), rows("task_states"))]),
        ..Rows::default()
    };
    let placed = tasks(&rows, "andon-retries", now());
    let wobbly = &placed[1];
    assert_eq!((wobbly.task.id.as_str(), wobbly.task.max_attempts, wobbly.task.is_flaky()), ("wobbly", 3, true));
    let tries: Vec<_> = wobbly.task.attempts.iter().map(|a| (a.number, a.state, a.duration_ms(now()))).collect();
    use TaskState::{Failed, Success};
    assert_eq!(tries, [(1, Failed, Some(14)), (2, Failed, Some(14)), (3, Success, Some(12))]);
    assert_eq!(wobbly.places[1].from, at("2026-11-22T07:09:58.213980Z"));
    assert_eq!((wobbly.places[0].until, wobbly.places[2].until), (wobbly.places[1].from, None));
    assert!(wobbly.places.iter().all(|p| p.row.as_deref() == Some(&id)));
}

#[test]
fn mapped_tasks_have_their_index_in_the_order_in_which_they_came() {
    let run = rows("runs").into_iter().find(|r| r["id"] == "8054e0b0-8361-442a-bed8-3a99cd6d9a2b").unwrap();
    let placed = tasks(&Rows { run, tasks: rows("tasks_mapped"), ..Rows::default() }, "andon-mapped", now());
    let ids: Vec<&str> = placed.iter().map(|p| p.task.id.as_str()).collect();
    assert_eq!(ids, ["andon-mapped", "measure[0]", "measure[1]", "measure[2]"]);
}

#[test]
fn what_comes_before_a_task_is_known_from_what_it_was_given() {
    let run = rows("runs").into_iter().find(|r| r["id"] == "048498d4-8989-4481-be17-9cbb8d7e9856").unwrap();
    let placed = tasks(&Rows { run, tasks: rows("tasks_success"), ..Rows::default() }, "andon-success", now());
    let after: Vec<_> = placed.iter().map(|p| (p.task.id.as_str(), p.task.after.clone())).collect();
    let one = |id: &str| vec![id.to_owned()];
    assert_eq!(
        after,
        [("andon-success", vec![]), ("extract", vec![]), ("dq_check", one("extract")), ("load", one("dq_check"))]
    );
}

#[test]
fn names_of_tasks_are_those_that_people_gave_them() {
    let name =
        |name: &str, key: &str, dynamic: &str| base(&json!({"name": name, "task_key": key, "dynamic_key": dynamic}));
    assert_eq!(name("extract-01e", "extract-6231ac72", "01ec8f3b-e5be").as_deref(), Some("extract"));
    assert_eq!(name("Load all-0", "load_all-6231ac72", "0").as_deref(), Some("Load all"));
    // Made for this run alone: the function's name is the same in all.
    assert_eq!(name("load of 2026-11-22", "jobs.load-6231ac72", "7d1").as_deref(), Some("load"));
    assert_eq!(base(&json!({"name": "x"})).as_deref(), Some("x"));
    assert_eq!(base(&json!({})), None);
}

#[test]
fn a_flow_and_a_task_of_the_same_name_are_two() {
    let rows = Rows {
        run: recorded("run_failed"),
        tasks: vec![task_row("1", "load", "COMPLETED", "Completed")],
        ..Rows::default()
    };
    let ids: Vec<String> = tasks(&rows, "load", now()).into_iter().map(|p| p.task.id).collect();
    assert_eq!(ids, ["load (flow)", "load"]);
}

#[test]
fn what_was_killed_with_its_run_does_not_run_for_ever() {
    let with = |kind: &str| {
        let mut rows = Rows {
            run: recorded("run_failed"),
            tasks: vec![task_row("1", "t", "RUNNING", "Running")],
            ..Rows::default()
        };
        (rows.run["state_type"], rows.run["state_name"]) = (json!(kind), json!(kind));
        tasks(&rows, "f", now()).remove(1).task
    };
    assert_eq!(with("CANCELLED").state, TaskState::Cancelled);
    assert_eq!(with("CRASHED").state, TaskState::Interrupted);
    let lost = with("FAILED");
    assert_eq!((lost.state, lost.attempts[0].state), (TaskState::Interrupted, TaskState::Interrupted));
    assert!(lost.error.unwrap().contains("never heard"));
    assert_eq!(with("RUNNING").state, TaskState::Running);
    // A run that has just ended: the task's own end is on its way.
    let rows =
        Rows { run: recorded("run_failed"), tasks: vec![task_row("1", "t", "RUNNING", "Running")], ..Rows::default() };
    let soon = "2026-11-22T07:10:08Z".parse().unwrap();
    assert_eq!(tasks(&rows, "f", soon)[1].task.state, TaskState::Running);
}

#[test]
fn a_run_cancelled_before_it_began_has_no_attempt() {
    // As Prefect has it: the start is the end.
    let run = json!({"id": "r", "state_type": "CANCELLED", "state_name": "Cancelled", "run_count": 0,
        "expected_start_time": "2026-11-22T07:00:00Z", "start_time": "2026-11-22T07:00:05Z", "end_time": "2026-11-22T07:00:05Z"});
    assert_eq!(super::run(&to(), &run, &names(), now()).unwrap().run.started_at, None);
    let placed = tasks(&Rows { run, ..Rows::default() }, "f", now());
    assert_eq!(states(&placed), [("f", TaskState::Cancelled, 0)]);
    let run = json!({"id": "r", "state_type": "CRASHED", "state_name": "Crashed", "run_count": 0,
        "state": {"type": "CRASHED", "name": "Crashed", "message": "no image"}, "end_time": "2026-11-22T07:00:05Z"});
    let never = tasks(&Rows { run, ..Rows::default() }, "f", now()).remove(0).task;
    let attempt = &never.attempts[0];
    assert_eq!(
        (attempt.state, attempt.duration_ms(now()), attempt.error.as_deref()),
        (TaskState::Interrupted, None, Some("no image"))
    );
}

#[test]
fn a_preview_keeps_what_prefect_keeps() {
    let placed = tasks(&flaky("failed"), "andon-flaky", now());
    let (ids, notes) = retried(&placed);
    let run = absorb(None, seen("failed"));
    let preview = Preview::of(&run, &ids, false);
    assert_eq!(
        (preview.tasks, preview.stay),
        (vec!["andon-flaky".to_owned(), "fragile".into()], vec!["before".to_owned()])
    );
    assert!(notes.is_empty(), "{notes:?}");
    // Without its result kept it runs again, and what comes after it may.
    let mut rows = flaky("failed");
    rows.tasks[0]["state"]["data"] = Value::Null;
    rows.tasks[1]["task_inputs"] = json!({"x": [{"input_type": "task_run", "id": rows.tasks[0]["id"]}]});
    let (ids, notes) = retried(&tasks(&rows, "andon-flaky", now()));
    assert_eq!(ids, ["andon-flaky", "before", "fragile"]);
    assert!(notes.iter().any(|n| n.contains("keeps no result")), "{notes:?}");
}

#[test]
fn a_log_has_levels_and_its_traceback_line_by_line() {
    let lines: Vec<LogLine> = rows("logs").iter().flat_map(log_lines).collect();
    let bad = lines.iter().position(|l| l.level == Level::Error).unwrap();
    assert!(lines[bad].text.starts_with("Task run failed with exception"), "{:?}", lines[bad]);
    assert_eq!(lines[bad + 1].text, "Traceback (most recent call last):");
    assert_eq!((lines[bad + 1].level, lines[bad + 1].at), (Level::Error, lines[bad].at));
    assert_eq!(lines[0].source, "prefect.flow_runs");
    assert_eq!(log_lines(&json!({"message": "", "level": 30}))[0].level, Level::Warn);
}

#[test]
fn numbers_come_out_of_keyed_artifacts() {
    let all: Vec<Metric> = rows("artifacts").iter().flat_map(|r| metrics(r, None)).collect();
    let found: Vec<_> = all.iter().map(|m| (m.name.as_str(), m.value, m.unit.as_deref())).collect();
    assert_eq!(
        found,
        [
            ("andon-long-progress", 87.5, Some("%")),
            ("dq-orders.row_count", 10400.0, None),
            ("dq-orders.null_ratio", 0.010_192, None),
            ("dq-orders.duplicate_ratio", 0.001_275, None),
            ("dq-orders.freshness_s", 713.0, None),
            ("dq-orders.passed", 1.0, None)
        ]
    );
    let names = |data: Value| table(&data).into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>();
    assert_eq!(names(json!([{"rows": 3, "share": 0.5, "who": "x"}])), ["rows=3", "share=0.5"]);
    assert_eq!(names(json!([{"part": "a", "n": 1}, {"part": "b", "n": 2}])), ["a.n=1", "b.n=2"]);
    assert_eq!(names(json!({"metric": ["a", "b"], "value": [1, "x"]})), ["a=1"]);
    assert_eq!(names(json!([["a", 1], ["b", 2], [3, 4]])), ["a=1", "b=2"]);
    assert_eq!(names(json!([{"n": 1}, {"n": 2}])), Vec::<String>::new());
    assert_eq!(names(json!("text")), Vec::<String>::new());
    assert!(
        metrics(&json!({"key": "k", "type": "table", "data": "not json", "created": "2026-11-22T07:00:00Z"}), None)
            .is_empty()
    );
}

#[test]
fn an_answer_of_201_can_be_a_no() {
    assert_eq!(verdict(&recorded("set_state"), &["SCHEDULED"]), Verdict::Accepted);
    assert_eq!(
        verdict(&recorded("abort"), &["CANCELLING", "CANCELLED"]),
        Verdict::Refused("Run is already in terminal state COMPLETED.".into())
    );
    let instead = json!({"status": "REJECT", "state": {"type": "CANCELLED"}, "details": {"reason": "no process"}});
    assert_eq!(verdict(&instead, &["CANCELLING", "CANCELLED"]), Verdict::Accepted);
    assert!(matches!(verdict(&json!({}), &[]), Verdict::Refused(_)));
}

#[test]
fn a_parameter_that_nobody_takes_is_found() {
    let row = rows("deployments")
        .into_iter()
        .find(|r| r["parameter_openapi_schema"]["properties"].get("sample").is_some())
        .unwrap();
    let given = |name: &str| serde_json::Map::from_iter([(name.to_owned(), json!(1))]);
    assert_eq!(unknown_param(&row, &given("sample")), None);
    let bad = given("smaple");
    let (name, known) = unknown_param(&row, &bad).unwrap();
    assert_eq!((name, known.contains(&"sample")), ("smaple", true));
    let free = json!({"enforce_parameter_schema": false});
    assert_eq!(unknown_param(&free, &bad), None);
}

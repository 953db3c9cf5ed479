//! On answers of a real Dagster 1.13.
use super::{
    super::{System, absorb, address},
    *,
};

fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/dagster/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn rows(name: &str) -> Vec<Value> {
    list(of_kind(&recorded(name), "runsOrError", "Runs").unwrap(), "results").to_vec()
}

fn events(name: &str) -> Vec<Value> {
    list(of_kind(&recorded(name), "logsForRun", "EventConnection").unwrap(), "events").to_vec()
}

fn to() -> Connection {
    Connection::new("lab", System::Dagster, "http://127.0.0.1:3000").unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

fn row(job: &str, status: &str) -> Value {
    rows("steps").into_iter().find(|r| r["jobName"] == job && r["status"] == status).unwrap()
}

fn failed() -> (Value, Vec<TaskRun>) {
    let row = row("flaky_job", "FAILURE");
    let tasks = tasks(&row, &errors(&events("events_failed")), now());
    (row, tasks)
}

fn states(tasks: &[TaskRun]) -> Vec<(&str, TaskState, usize)> {
    tasks.iter().map(|t| (t.id.as_str(), t.state, t.attempts.len())).collect()
}

#[test]
fn an_address_is_taken_as_people_have_it() {
    let read = |text: &str| address(text, System::Dagster).unwrap();
    for text in [
        "127.0.0.1:3000",
        "http://127.0.0.1:3000/overview/activity",
        "http://127.0.0.1:3000/graphql",
        "http://127.0.0.1:3000/runs/x",
    ] {
        assert_eq!(read(text), "http://127.0.0.1:3000/", "{text}");
    }
    assert_eq!(read("https://org.dagster.cloud/prod/runs"), "https://org.dagster.cloud/prod/");
}

#[test]
fn jobs_are_pipelines_and_know_where_they_are() {
    let answer = recorded("jobs");
    let all = jobs(of_kind(&answer, "repositoriesOrError", "RepositoryConnection").unwrap());
    let names: Vec<&str> = all.iter().map(|(p, _)| p.name.as_str()).collect();
    assert_eq!(names, ["__ASSET_JOB", "assets_job", "flaky_job", "slow_job"]);
    let (flaky, place) = &all[2];
    assert_eq!((flaky.tags.as_slice(), flaky.schedule.as_deref()), (&["team: dataops".to_owned()][..], None));
    assert_eq!(
        (place.location.as_str(), place.repository.as_str(), place.job.as_str()),
        ("defs.py", "__repository__", "flaky_job")
    );
    assert_eq!(all[1].0.schedule, None, "a schedule that is off runs nothing");
    let mut running = answer;
    let jobs_at = running.pointer_mut("/data/repositoriesOrError/nodes/0/jobs").unwrap().as_array_mut().unwrap();
    let nightly = jobs_at.iter_mut().find(|j| j["name"] == "assets_job").unwrap();
    nightly["schedules"][0]["scheduleState"]["status"] = json!("RUNNING");
    let all = jobs(&running["data"]["repositoriesOrError"]);
    assert_eq!(all[1].0.schedule.as_deref(), Some("0 2 * * * UTC"));
}

#[test]
fn a_run_has_its_times_its_configuration_and_where_it_comes_from() {
    let slow = run(&to(), &row("slow_job", "SUCCESS"), now()).unwrap();
    assert_eq!(slow.run.params["ops.sleeper.config.seconds"], 3.0);
    assert_eq!(slow.run.duration_ms(now()), Some(3374));
    assert!(slow.updated.is_some());
    let (row, _) = failed();
    let one = run(&to(), &row, now()).unwrap().run;
    assert_eq!((one.state, one.error.as_deref()), (RunState::Failed, Some("A step failed")));
    let again = run(&to(), &self::row("flaky_job", "SUCCESS"), now()).unwrap().run;
    assert_eq!(again.record.environment["rerun of"], one.remote_id.unwrap());
    let mut tagged = row;
    tagged["tags"] = json!([{"key": "dagster/schedule_name", "value": "nightly"}, {"key": "dagster/partition", "value": "2026-11-21"},
        {"key": "andon/note", "value": "why"}]);
    let one = run(&to(), &tagged, now()).unwrap().run;
    assert_eq!(
        (one.trigger, one.data_time.as_deref(), one.note.as_deref()),
        (Trigger::Schedule, Some("2026-11-21"), Some("why"))
    );
}

#[test]
fn every_state_has_its_meaning() {
    let cases = [
        ("QUEUED", Some(RunState::Queued)),
        ("NOT_STARTED", Some(RunState::Queued)),
        ("STARTING", Some(RunState::Queued)),
        ("STARTED", Some(RunState::Running)),
        ("CANCELING", Some(RunState::Running)),
        ("CANCELED", Some(RunState::Cancelled)),
        ("SUCCESS", Some(RunState::Success)),
        ("FAILURE", Some(RunState::Failed)),
        ("PONDERING", None),
    ];
    for (status, wanted) in cases {
        assert_eq!(run_state(status), wanted, "{status}");
    }
    let with = |status: &str, over: bool| {
        let (mut row, _) = failed();
        row["status"] = json!(status);
        if !over {
            row["endTime"] = Value::Null;
        }
        run(&to(), &row, now()).unwrap().run
    };
    assert!(with("CANCELING", false).cancelling);
    let unknown = with("PONDERING\u{1b}", true);
    assert_eq!(unknown.state, RunState::Interrupted);
    assert!(unknown.error.as_ref().is_some_and(|e| e.contains("PONDERING") && !e.contains('\u{1b}')), "{unknown:?}");
    assert_eq!(with("PONDERING", false).state, RunState::Running);
}

#[test]
fn rows_without_what_a_run_needs_are_passed_over() {
    for row in [json!({}), json!(null), json!({"runId": "x"}), json!({"runId": 1, "jobName": "j"})] {
        assert!(run(&to(), &row, now()).is_none(), "{row}");
    }
    let bare = run(&to(), &json!({"runId": "r", "jobName": "j"}), now()).unwrap().run;
    assert_eq!((bare.queued_at, bare.state), (now(), RunState::Running));
    assert!(tasks(&json!({"stepStats": [null, {}]}), &HashMap::new(), now()).is_empty());
}

#[test]
fn steps_stand_in_their_order_with_what_was_never_tried() {
    let (_, tasks) = failed();
    use TaskState::{Failed, Success, UpstreamFailed};
    assert_eq!(states(&tasks), [("extract", Success, 1), ("transform", Failed, 1), ("load", UpstreamFailed, 0)]);
    assert_eq!(tasks[1].error.as_deref(), Some("Failure: first run fails by design"));
    assert_eq!(
        (tasks[2].after.as_slice(), tasks[2].error.as_deref()),
        (&["transform".to_owned()][..], Some("transform failed before it"))
    );
    assert_eq!(tasks[1].attempts[0].duration_ms(now()), Some(95));
    let again = super::tasks(&row("flaky_job", "SUCCESS"), &HashMap::new(), now());
    assert_eq!(states(&again), [("transform", Success, 1), ("load", Success, 1)]);
    assert!(again[0].after.is_empty(), "what is not in this run is nothing to wait for");
}

#[test]
fn a_step_that_was_tried_again_has_several_attempts() {
    let (mut row, _) = failed();
    row["stepStats"][1]["attempts"] = json!([{"startTime": 1_795_332_585.1, "endTime": 1_795_332_585.2}, {"startTime": 1_795_332_586.1, "endTime": 1_795_332_586.2}]);
    let tasks = tasks(&row, &HashMap::from([("transform".to_owned(), "no".to_owned())]), now());
    let tries: Vec<_> = tasks[1].attempts.iter().map(|a| (a.number, a.state, a.error.as_deref())).collect();
    assert_eq!(tries, [(1, TaskState::Failed, None), (2, TaskState::Failed, Some("no"))]);
}

#[test]
fn what_went_on_when_its_run_ended_does_not_run_for_ever() {
    let with = |status: &str, step: &str| {
        let (mut row, _) = failed();
        row["status"] = json!(status);
        row["stepStats"][1]["status"] = json!(step);
        tasks(&row, &HashMap::new(), now())[1].state
    };
    assert_eq!(with("CANCELED", "IN_PROGRESS"), TaskState::Cancelled);
    assert_eq!(with("FAILURE", "IN_PROGRESS"), TaskState::Interrupted);
    assert_eq!(with("STARTED", "IN_PROGRESS"), TaskState::Running);
    assert_eq!(with("STARTED", "DREAMING"), TaskState::Interrupted);
}

#[test]
fn a_run_that_failed_before_its_first_step_says_why() {
    let (mut row, _) = failed();
    row["stepStats"] = json!([]);
    let errors = HashMap::from([(String::new(), "DagsterUserCodeUnreachableError: gone".to_owned())]);
    let tasks = tasks(&row, &errors, now());
    assert_eq!(states(&tasks), [(START, TaskState::Failed, 1)]);
    assert!(tasks[0].error.as_deref().unwrap().contains("gone"));
}

#[test]
fn a_run_that_was_run_again_is_in_a_new_round_and_lists_do_not_undo_that() {
    let (row, tasks) = failed();
    let seen = |round: u32| {
        let mut seen = run(&to(), &row, now()).unwrap();
        seen.run.round = round;
        seen.tasks = Some(tasks.clone());
        seen
    };
    let first = absorb(None, seen(1));
    let again = absorb(Some(&first), seen(2));
    assert_eq!((first.round, again.round), (1, 2));
    assert_eq!(absorb(Some(&again), seen(1)).round, 2);
    assert_eq!(over(&rows("runs")), 4);
}

#[test]
fn a_step_cannot_run_without_what_it_needs() {
    let (row, tasks) = failed();
    let mut seen = run(&to(), &row, now()).unwrap();
    seen.tasks = Some(tasks);
    let run = absorb(None, seen);
    assert_eq!(unfed(&run, &["load".to_owned()]), Some(("load", "transform")));
    assert_eq!(unfed(&run, &["transform".to_owned(), "load".to_owned()]), None);
}

#[test]
fn configuration_goes_there_and_back() {
    let config =
        json!({"ops": {"a": {"config": {"n": 1, "list": [1, 2], "none": {}}}}, "execution": {"config": {"x": "y"}}});
    let mut params = Params::new();
    flat(&config, "", &mut params);
    assert_eq!(
        params.keys().collect::<Vec<_>>(),
        ["ops.a.config.n", "ops.a.config.list", "ops.a.config.none", "execution.config.x"]
    );
    assert_eq!(deep(&params), config);
    let mut none = Params::new();
    flat(&json!({}), "", &mut none);
    flat(&json!(null), "", &mut none);
    assert!(none.is_empty());
    let odd = Params::from_iter([("a".to_owned(), json!(1)), ("a.b".to_owned(), json!(2))]);
    assert_eq!(deep(&odd), json!({"a": {"b": 2}}));
}

#[test]
fn events_are_lines_with_the_traceback_behind_them() {
    let failure = events("events_failed").into_iter().find(|e| e["__typename"] == "ExecutionStepFailureEvent").unwrap();
    let lines = log_lines(&failure);
    assert_eq!((lines[0].level, lines[0].source.as_str()), (Level::Error, "step_failure"));
    assert!(lines.iter().any(|l| l.text.contains("first run fails by design") && l.level == Level::Error));
    assert!(lines.iter().any(|l| l.text.trim_start().starts_with("File \"/srv/dagster/defs.py\"")), "{lines:?}");
    assert!(lines[0].at.is_some());
}

#[test]
fn numbers_come_out_of_assets_and_checks() {
    let all: Vec<(String, Metric)> =
        events("events_assets").iter().flat_map(|e| metrics(e, Some("2026-11-21"))).collect();
    let found: Vec<String> = all.iter().map(|(task, m)| format!("{task}/{}={}", m.name, m.value)).collect();
    assert!(found.contains(&"raw_orders/row_count=120".to_owned()), "{found:?}");
    assert!(found.contains(&"raw_orders_null_fraction_ok/null_fraction_ok.passed=0".to_owned()), "{found:?}");
    assert!(found.contains(&"clean_orders_row_count_ok/row_count_ok.passed=1".to_owned()), "{found:?}");
    assert!(all.iter().all(|(_, m)| m.data_time.as_deref() == Some("2026-11-21")));
    let big = json!({"__typename": "MaterializationEvent", "stepKey": "s", "timestamp": "1795332589948", "assetKey": {"path": ["db", "t"]},
        "metadataEntries": [{"label": "n", "intValue": null, "intRepr": "9007199254740993"}, {"label": "nan", "floatValue": null}, {"label": "x"}]});
    let all = metrics(&big, None);
    assert_eq!((all.len(), all[0].1.name.as_str(), all[0].1.value), (1, "db/t.n", 9_007_199_254_740_992.0));
}

#[test]
fn a_no_that_comes_with_a_success_is_read() {
    let (kind, said) = of_kind(&recorded("invalid"), "launchRun", "LaunchRunSuccess").unwrap_err();
    assert_eq!(kind, "RunConfigValidationInvalid");
    assert!(said.contains("unexpected config entry \"secs\""), "{said}");
    let (kind, said) = of_kind(&recorded("nojob"), "launchRun", "LaunchRunSuccess").unwrap_err();
    assert!(kind == "PipelineNotFoundError" && said.contains("nope_job"), "{kind} {said}");
    let (_, said) = of_kind(&recorded("stopped"), "terminateRun", "TerminateRunSuccess").unwrap_err();
    assert!(said.contains("status FAILURE"), "{said}");
    let outer = json!({"data": null, "errors": [{"message": "boom\ntrace"}]});
    assert_eq!(of_kind(&outer, "x", "Y").unwrap_err(), (String::new(), "boom".to_owned()));
}

#[test]
fn what_is_wrong_with_an_installation_is_named() {
    let about = recorded("about");
    let (broken, sick) = ailments(&about);
    assert!(broken.is_empty() && sick.contains(&"scheduler".to_owned()), "{broken:?} {sick:?}");
    assert_eq!(forbidden(&about, "launch_pipeline_execution"), None);
    let mut bad = about;
    bad["data"]["workspaceOrError"]["locationEntries"][0]["locationOrLoadError"] =
        json!({"__typename": "PythonError", "message": "\nImportError: no module\n  File x"});
    bad["data"]["permissions"][0]["value"] = json!(false);
    assert_eq!(ailments(&bad).0, ["defs.py: ImportError: no module"]);
    assert!(forbidden(&bad, "launch_pipeline_execution").is_some());
}

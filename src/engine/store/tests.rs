use std::io::Write as _;

use super::*;
use crate::model::run::{CheckRecord, Metric, MetricPoint, Run, RunState, Scope, TaskState, tests as sample};

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn begun(store: &Store, key: &str, lease: &Lease) -> Run {
    let mut run = sample::run([TaskState::Queued; 4]);
    run.state = RunState::Queued;
    run.id = RunId(crate::base::ids::random(8));
    (run.started_at, run.ended_at) = (None, None);
    match store.begin(&run, key, lease).unwrap() {
        Begun::Started(run) => run,
        Begun::Already(id) => panic!("already {id}"),
    }
}

#[test]
fn the_folder_is_kept_out_of_git_by_itself() {
    let (dir, _store) = store();
    assert_eq!(fs::read_to_string(dir.path().join(".andon/.gitignore")).unwrap(), "*\n");
    assert!(Store::open(&dir.path().join("gone")).is_err());
}

#[test]
fn a_run_comes_back_as_it_was_written() {
    let (_dir, store) = store();
    let lease = Lease::new();
    let mut run = begun(&store, "a", &lease);
    assert_eq!(run.number, 1);
    run.state = RunState::Failed;
    run.started_at = Some(run.queued_at);
    run.ended_at = Some(run.queued_at);
    run.tasks[1].state = TaskState::Failed;
    run.tasks[1].attempts = vec![sample::attempt(1, 1, TaskState::Failed, 1, 2)];
    run.tasks[1].attempts[0].inputs.insert("data/a.csv".into(), "12".into());
    store.save(&run, &lease, &[0, 1, 2, 3]).unwrap();
    assert_eq!(store.run(&run.id).unwrap().unwrap(), run);
    assert_eq!(store.find("nightly").unwrap().id, run.id);
    assert_eq!(store.find("nightly#1").unwrap().id, run.id);
    assert_eq!(store.find(&run.id.0[..5]).unwrap().id, run.id);
    assert!(store.find("zzzzzzzz").unwrap_err().what.contains("No run"));
    let again = begun(&store, "b", &lease);
    assert_eq!(again.number, 2);
    assert_eq!(store.runs(&RunQuery { per_pipeline: Some(1), ..RunQuery::default() }).unwrap().len(), 1);
}

#[test]
fn one_request_starts_one_run_however_often_it_is_sent() {
    let (_dir, store) = store();
    let lease = Lease::new();
    let run = begun(&store, "same", &lease);
    assert_eq!(store.begin(&run, "same", &Lease::new()).unwrap(), Begun::Already(run.id));
}

#[test]
fn twenty_reruns_at_once_start_one_round() {
    let (dir, store) = store();
    let lease = Lease::new();
    let mut run = begun(&store, "a", &lease);
    run.state = RunState::Failed;
    run.tasks[0].state = TaskState::Failed;
    store.save(&run, &lease, &[0]).unwrap();
    let answers: Vec<_> = std::thread::scope(|s| {
        let all: Vec<_> = (0..20)
            .map(|n| {
                let (root, run) = (dir.path().to_path_buf(), &run);
                s.spawn(move || {
                    let store = Store::open(&root).unwrap();
                    let wish = Rerun {
                        run: run.id.clone(),
                        scope: Scope::Failed,
                        seen_round: 1,
                        tasks: Vec::new(),
                        params: run.params.clone(),
                        note: None,
                    };
                    // Even requests that do not share a key start only one.
                    store.begin_rerun(&wish, &format!("k{}", n % 3), &Lease::new(), Timestamp::now()).unwrap()
                })
            })
            .collect();
        all.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let started = answers.iter().filter(|a| matches!(a, Begun::Started(_))).count();
    assert_eq!(started, 1);
    assert_eq!(store.run(&run.id).unwrap().unwrap().round, 2);
}

#[test]
fn a_dead_owner_leaves_an_interrupted_run_and_a_living_one_does_not() {
    let (_dir, store) = store();
    let alive = Lease::new();
    let dead = Lease { pid: 4_000_000_000, ..Lease::new() };
    let (kept, lost) = (begun(&store, "a", &alive), begun(&store, "b", &dead));
    let mut running = lost.clone();
    running.state = RunState::Running;
    running.tasks[0].state = TaskState::Running;
    running.tasks[0].attempts = vec![sample::attempt(1, 1, TaskState::Running, 0, 0)];
    store.save(&running, &dead, &[0]).unwrap();
    store.set_process(&lost.id, "extract", 1, 77, 5).unwrap();
    let gone = store.interrupt_abandoned(Timestamp::now()).unwrap();
    assert_eq!(gone, [Abandoned { run: lost.id.clone(), processes: vec![(77, 5)] }]);
    let lost = store.run(&lost.id).unwrap().unwrap();
    assert_eq!(
        (lost.state, lost.tasks[0].state, lost.tasks[3].state),
        (RunState::Interrupted, TaskState::Interrupted, TaskState::Interrupted)
    );
    assert_eq!(lost.tasks[0].attempts[0].state, TaskState::Interrupted);
    assert!(lost.tasks[0].attempts[0].ended_at.is_some());
    assert_eq!(store.run(&kept.id).unwrap().unwrap().state, RunState::Queued);
    assert!(store.save(&running, &dead, &[0]).unwrap_err().what.contains("taken over"));
    assert!(store.heartbeat(&running.id, &dead, Timestamp::now()).unwrap(), "a lost owner is told to stop");
}

#[test]
fn a_damaged_database_is_set_aside_with_a_message() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(".andon")).unwrap();
    fs::write(dir.path().join(".andon/andon.db"), vec![b'x'; 9000]).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let error = store.set_aside().unwrap();
    assert!(error.what.contains("damaged") && error.hint.as_ref().unwrap().contains("kept as"), "{error:?}");
    let kept: Vec<_> = fs::read_dir(dir.path().join(".andon"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.starts_with("andon.damaged-"))
        .collect();
    assert_eq!(kept.len(), 1);
    drop(store);
    assert!(Store::open(dir.path()).unwrap().set_aside().is_none());
}

#[test]
fn a_database_of_a_newer_program_is_left_alone() {
    let (dir, store) = store();
    store.db().pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    assert!(Store::open(dir.path()).unwrap_err().what.contains("newer Andon"));
}

#[test]
fn history_moves_as_text_and_only_once() {
    let (_dir, from) = store();
    let lease = Lease::new();
    let mut run = begun(&from, "a", &lease);
    let mut log = LogWriter::create(from.root(), &run.id, "extract", 1).unwrap();
    log.write(&crate::model::run::LogLine::new(run.queued_at, crate::model::run::Level::Info, "stdout", "hello"))
        .unwrap();
    log.flush().unwrap();
    run.state = RunState::Success;
    run.tasks.iter_mut().for_each(|t| t.state = TaskState::Success);
    run.tasks[0].attempts = vec![sample::attempt(1, 1, TaskState::Success, 1, 2)];
    run.tasks[0].attempts[0].log = Some(log.path.clone());
    run.tasks[0].attempts[0].log_lines = 1;
    from.save(&run, &lease, &[0, 1, 2, 3]).unwrap();
    let at = run.queued_at;
    from.add_metrics(&[MetricPoint {
        run: run.id.clone(),
        pipeline: "nightly".into(),
        task: "extract".into(),
        attempt: 1,
        metric: Metric { name: "rows".into(), value: 12.0, unit: None, at, data_time: Some("2026-11-16".into()) },
    }])
    .unwrap();
    from.add_check_results(&[CheckRecord {
        run: Some(run.id.clone()),
        task: None,
        evaluation: "e1".into(),
        suite: "checks/delays.toml".into(),
        check: "range".into(),
        dataset: "data/a.csv".into(),
        state: "fail".into(),
        severity: "critical".into(),
        value: Some(3.0),
        failed_rows: Some(3),
        total_rows: Some(12),
        message: "3 of 12 rows".into(),
        at,
        data_time: None,
        detail: serde_json::json!({ "column": "delay" }),
    }])
    .unwrap();
    let mut text = Vec::new();
    from.export(&mut text, true).unwrap();
    let (_dir2, to) = store();
    // The same number is taken by another run there.
    begun(&to, "x", &lease);
    assert_eq!(to.import(&mut text.as_slice()).unwrap(), Imported { runs: 1, metrics: 1, checks: 1 });
    assert_eq!(to.import(&mut text.as_slice()).unwrap(), Imported::default());
    let back = to.run(&run.id).unwrap().unwrap();
    assert_eq!(Run { number: 1, ..back.clone() }, run);
    assert_eq!(back.number, 2);
    assert_eq!(to.read_log(&run.id, "extract", 1, 0, 1000).unwrap().lines[0].text, "hello");
    assert_eq!(to.metrics(&MetricQuery { name: Some("rows".into()), ..MetricQuery::default() }).unwrap().len(), 1);
    let checks = to.check_results(&CheckQuery { newest: true, ..CheckQuery::default() }).unwrap();
    assert_eq!(checks[0].detail["column"], "delay");
    assert!(to.import(&mut "{\"type\":\"what\"}\n".as_bytes()).unwrap_err().what.contains("Line 1"));
}

#[test]
fn a_growing_log_is_read_in_whole_lines() {
    let (_dir, store) = store();
    let id = RunId::from("abc");
    let mut log = LogWriter::create(store.root(), &id, "t", 1).unwrap();
    let line =
        |s: &str| crate::model::run::LogLine::new(Timestamp::UNIX_EPOCH, crate::model::run::Level::Error, "x", s);
    log.write(&line("one")).unwrap();
    log.flush().unwrap();
    assert_eq!((log.first_error, log.lines), (Some(1), 1));
    let first = store.read_log(&id, "t", 1, 0, 1000).unwrap();
    fs::OpenOptions::new().append(true).open(store.kept(&log.path)).unwrap().write_all(b"half").unwrap();
    assert!(store.read_log(&id, "t", 1, first.next, 1000).unwrap().lines.is_empty());
    let mut more = fs::OpenOptions::new().append(true).open(store.kept(&log.path)).unwrap();
    std::io::Write::write_all(&mut more, b" a line\n").unwrap();
    assert_eq!(store.read_log(&id, "t", 1, first.next, 1000).unwrap().lines[0].text, "half a line");
    let tail = store.read_log(&id, "t", 1, 0, 20).unwrap();
    assert_eq!((tail.lines.len(), tail.skipped_bytes > 0), (1, true));
    assert_eq!(store.read_log(&id, "none", 1, 0, 20).unwrap(), LogChunk::default());
}

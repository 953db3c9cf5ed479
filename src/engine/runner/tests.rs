use std::sync::Mutex;

use super::*;
use crate::{
    base::{job::Cancel, time::SystemClock},
    engine::store::MetricQuery,
    model::run::Level,
};

struct Bench {
    dir: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new(pipeline: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("pipelines")).unwrap();
        fs::write(dir.path().join("pipelines/p.toml"), pipeline).unwrap();
        let store = Store::open(dir.path()).unwrap();
        Self { dir, store }
    }
    fn launch(&self, params: &[(&str, &str)]) -> Launch {
        let params = params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Launch { params, ..Launch::new("pipelines/p.toml", Trigger::Cli) }
    }
    fn begin(&self, params: &[(&str, &str)]) -> Execution {
        match begin(&self.store, &self.launch(params), &JobCtx::detached()).unwrap() {
            Begin::Started(e) => *e,
            Begin::Already(r) => panic!("already {}", r.id),
        }
    }
    fn run(&self, params: &[(&str, &str)]) -> Run {
        self.begin(params).execute(&JobCtx::detached(), &quiet()).unwrap()
    }
    fn rerun(&self, run: &Run, scope: &Scope) -> Run {
        match begin_rerun(&self.store, run, scope, None, &JobCtx::detached()).unwrap() {
            Begin::Started(e) => e.execute(&JobCtx::detached(), &quiet()).unwrap(),
            Begin::Already(r) => panic!("already {}", r.id),
        }
    }
    fn log(&self, run: &Run, task: &str, attempt: u32) -> Vec<LogLine> {
        self.store.read_log(&run.id, task, attempt, 0, 1 << 20).unwrap().lines
    }
}

fn quiet() -> Sink {
    Arc::new(|_| {})
}

fn states(run: &Run) -> Vec<TaskState> {
    run.tasks.iter().map(|t| t.state).collect()
}

#[test]
fn a_good_run_records_states_logs_metrics_and_files() {
    let b = Bench::new(
        r#"
name = "good"
[params]
day = "2026-11-16"
[[task]]
id = "make"
kind = "command"
run = '''printf "day ${day} in ${HOME:+home}\n"; mkdir -p out; echo ${day} > out/a.txt; echo '{"andon.metric": {"name": "rows", "value": 12, "unit": "rows"}}'
echo '{"size": 3}' >> "$ANDON_METRICS"; echo "WARNING: late" >&2; echo $ANDON_PARAM_day $ANDON_PARAM_DAY $ANDON_TASK'''
outputs = ["out/a.txt"]
[[task]]
id = "use"
kind = "command"
run = "cat out/a.txt"
after = ["make"]
inputs = ["out/*.txt"]
"#,
    );
    let seen: Arc<Mutex<Vec<RunState>>> = Arc::default();
    let sink: Sink = {
        let seen = seen.clone();
        Arc::new(move |e| {
            if let RunEvent::Changed(run) = e {
                seen.lock().unwrap().push(run.state);
            }
        })
    };
    let run = b.begin(&[("day", "2026-11-15")]).execute(&JobCtx::detached(), &sink).unwrap();
    assert_eq!((run.state, states(&run)), (RunState::Success, vec![TaskState::Success; 2]), "{run:?}");
    assert_eq!(seen.lock().unwrap().last(), Some(&RunState::Success));
    assert_eq!(b.store.run(&run.id).unwrap().unwrap(), run, "what is kept is what was told");
    assert_eq!(run.data_time.as_deref(), Some("2026-11-15"));
    let text: Vec<_> = b.log(&run, "make", 1).into_iter().map(|l| (l.level, l.source, l.text)).collect();
    let has = |level: Level, source: &str, t: &str| text.contains(&(level, source.to_owned(), t.to_owned()));
    assert!(has(Level::Info, "stdout", "day 2026-11-15 in home"), "{text:?}");
    assert!(has(Level::Warn, "stderr", "WARNING: late"), "{text:?}");
    assert!(has(Level::Info, "stdout", "2026-11-15 2026-11-15 make"), "{text:?}");
    assert!(has(Level::Info, "metric", "rows = 12 rows"), "{text:?}");
    let metrics = b.store.metrics(&MetricQuery::default()).unwrap();
    let names: Vec<_> = metrics.iter().map(|m| (m.metric.name.as_str(), m.metric.value)).collect();
    assert_eq!(names, [("rows", 12.0), ("size", 3.0)]);
    assert_eq!(metrics[0].metric.data_time.as_deref(), Some("2026-11-15"));
    assert_eq!(run.tasks[0].attempts[0].outputs, run.tasks[1].attempts[0].inputs);
    assert_eq!(run.tasks[0].attempts[0].exit_code, Some(0));
}

#[test]
fn a_task_that_fails_first_succeeds_when_tried_again() {
    let b = Bench::new(
        r#"
name = "flaky"
[[task]]
id = "t"
kind = "command"
run = "if [ -e seen ]; then echo fine; else touch seen; echo 'ValueError: bad unit' >&2; exit 3; fi"
retries = 2
backoff_secs = 0.05
"#,
    );
    let run = b.run(&[]);
    let t = &run.tasks[0];
    assert_eq!((run.state, t.state, t.attempts.len(), t.is_flaky()), (RunState::Success, TaskState::Success, 2, true));
    assert_eq!(t.attempts[0].error.as_deref(), Some("Exit code 3: ValueError: bad unit"));
    assert_eq!((t.attempts[0].exit_code, t.attempts[0].state), (Some(3), TaskState::Failed));
    assert!(t.attempts[0].first_error.is_some());
    let pause = crate::model::run::millis(t.attempts[0].ended_at.unwrap(), t.attempts[1].started_at.unwrap());
    assert!((40..2_000).contains(&pause), "{pause}");
}

#[test]
fn a_failure_stops_what_follows_and_a_rerun_mends_it_with_attempts_numbered_on() {
    let b = Bench::new(
        r#"
name = "mend"
[[task]]
id = "first"
kind = "command"
run = "echo x >> count"
[[task]]
id = "bad"
kind = "command"
run = "test -e mended"
after = ["first"]
[[task]]
id = "last"
kind = "command"
run = "true"
after = ["bad"]
[[task]]
id = "beside"
kind = "command"
run = "true"
"#,
    );
    let run = b.run(&[]);
    use TaskState::{Failed, Success, UpstreamFailed};
    assert_eq!((run.state, states(&run)), (RunState::Failed, vec![Success, Failed, UpstreamFailed, Success]));
    assert_eq!(run.error.as_deref(), Some("bad: Exit code 1"));
    assert_eq!(run.tasks[2].error.as_deref(), Some("Not started: bad did not succeed"));
    fs::write(b.dir.path().join("mended"), "").unwrap();
    let again = b.rerun(&run, &Scope::Failed);
    assert_eq!((again.id.clone(), again.state, again.round), (run.id.clone(), RunState::Success, 2));
    let tries: Vec<_> = again.tasks.iter().map(|t| t.attempts.len()).collect();
    assert_eq!(tries, [1, 2, 1, 1]);
    assert_eq!(again.tasks[1].last().map(|a| (a.number, a.round)), Some((2, 2)));
    assert_eq!(fs::read_to_string(b.dir.path().join("count")).unwrap(), "x\n", "a success is kept, not run again");
    let e = begin_rerun(&b.store, &again, &Scope::Failed, None, &JobCtx::detached()).unwrap_err();
    assert!(e.what.starts_with("Nothing failed"), "{e}");
    // Who saw the first round and asks again starts nothing.
    assert!(matches!(
        begin_rerun(&b.store, &run, &Scope::Failed, None, &JobCtx::detached()).unwrap(),
        Begin::Already(_)
    ));
    let all = b.rerun(&again, &Scope::From("bad".into()));
    assert_eq!(all.tasks.iter().map(|t| t.attempts.len()).collect::<Vec<_>>(), [1, 3, 2, 1]);
}

#[test]
fn a_task_over_its_time_is_ended_with_its_children() {
    let b = Bench::new(
        "name = 'slow'\n[[task]]\nid = 't'\nkind = 'command'\nrun = 'sleep 60 & echo $! > child; wait'\ntimeout_secs = 0.3\n",
    );
    let run = b.run(&[]);
    assert_eq!((run.state, run.tasks[0].error.as_deref()), (RunState::Failed, Some("Timed out after 0.3 s")));
    assert!(run.duration_ms(Timestamp::now()).unwrap() < 4_000);
    let child: i64 = fs::read_to_string(b.dir.path().join("child")).unwrap().trim().parse().unwrap();
    assert_eq!(crate::engine::store::process_started(child), None);
}

#[test]
fn cancelling_ends_the_run_within_seconds_by_flag_or_from_elsewhere() {
    let text = "name = 'c'\n[[task]]\nid = 'a'\nkind = 'command'\nrun = 'sleep 60'\n[[task]]\nid = 'b'\nkind = 'command'\nrun = 'true'\nafter = ['a']\n";
    for elsewhere in [false, true] {
        let b = Bench::new(text);
        let cancel = Cancel::default();
        let cx = JobCtx::new(cancel.clone(), Arc::new(SystemClock), Arc::new(|_| {}));
        let exec = b.begin(&[]);
        let (id, store) = (exec.run().id.clone(), Store::open(b.dir.path()).unwrap());
        let run = std::thread::scope(|s| {
            let run = s.spawn(|| exec.execute(&cx, &quiet()).unwrap());
            std::thread::sleep(std::time::Duration::from_millis(150));
            if elsewhere {
                assert!(store.request_cancel(&id).unwrap());
            } else {
                cancel.cancel();
            }
            run.join().unwrap()
        });
        assert_eq!((run.state, states(&run)), (RunState::Cancelled, vec![TaskState::Cancelled; 2]));
        assert!(run.duration_ms(Timestamp::now()).unwrap() < 5_000);
        assert!(!store.request_cancel(&id).unwrap());
    }
}

#[test]
fn tasks_that_do_not_wait_for_each_other_run_side_by_side() {
    let task = |id: &str| {
        format!(
            "[[task]]\nid = '{id}'\nkind = 'command'\nrun = 'touch {id}; for i in $(seq 100); do [ -e a ] && [ -e b ] && exit 0; sleep 0.05; done; exit 1'\n"
        )
    };
    let b = Bench::new(&format!("name = 'par'\nparallel = 2\n{}{}", task("a"), task("b")));
    assert_eq!(b.run(&[]).state, RunState::Success);
}

#[test]
fn an_execution_that_breaks_off_leaves_an_interrupted_run() {
    let b = Bench::new("name = 'x'\n[[task]]\nid = 't'\nkind = 'command'\nrun = 'true'\n");
    let exec = b.begin(&[]);
    let id = exec.run().id.clone();
    drop(exec);
    let run = b.store.run(&id).unwrap().unwrap();
    assert_eq!(run.state, RunState::Interrupted);
    let again = b.rerun(&run, &Scope::Failed);
    assert_eq!((again.state, again.round), (RunState::Success, 2));
}

#[test]
fn one_request_key_starts_one_run() {
    let b = Bench::new("name = 'x'\n[[task]]\nid = 't'\nkind = 'command'\nrun = 'true'\n");
    let launch = b.launch(&[]);
    let first = begin(&b.store, &launch, &JobCtx::detached()).unwrap();
    let Begin::Already(run) = begin(&b.store, &launch, &JobCtx::detached()).unwrap() else { panic!("twice") };
    let Begin::Started(exec) = first else { panic!("not at all") };
    assert_eq!(run.id, exec.run().id);
}

#[test]
fn what_lies_in_a_repository_is_recorded() {
    let b = Bench::new(
        "name = 'x'\n[[task]]\nid = 't'\nkind = 'command'\nrun = 'echo 1 > data.csv'\noutputs = ['data.csv']\n",
    );
    let git = |args: &[&str]| {
        let ok = std::process::Command::new("git").args(args).current_dir(b.dir.path()).output().unwrap();
        assert!(ok.status.success(), "{ok:?}");
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "pipelines"]);
    git(&["-c", "user.name=Mara", "-c", "user.email=m@x", "commit", "-qm", "New feed"]);
    let first = b.run(&[]);
    let commit = first.record.commit.clone().unwrap();
    assert_eq!((commit.summary.as_str(), commit.author.as_str()), ("New feed", "Mara"));
    assert_eq!((first.record.branch.as_deref(), &first.record.dirty), (Some("main"), &None));
    let second = b.run(&[]);
    assert_eq!(second.record.dirty, None, "what the pipeline writes is no change of the code");
    fs::write(b.dir.path().join("clean.py"), "x = 1").unwrap();
    let third = b.run(&[]);
    assert_eq!(third.record.dirty_files, ["clean.py"]);
    assert!(third.record.dirty.is_some());
}

/// A notebook with these code cells at notebooks/n.ipynb.
fn notebook(b: &Bench, cells: &[&str]) {
    let cells: Vec<_> = cells
        .iter()
        .enumerate()
        .map(|(i, source)| {
            serde_json::json!({ "cell_type": "code", "id": format!("c{i}"), "metadata": {}, "outputs": [],
                "execution_count": null, "source": source })
        })
        .collect();
    let doc = serde_json::json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 });
    fs::create_dir_all(b.dir.path().join("notebooks")).unwrap();
    fs::write(b.dir.path().join("notebooks/n.ipynb"), doc.to_string()).unwrap();
}

#[test]
fn a_metric_of_a_notebook_counts_once() {
    let b = Bench::new("name = 'n'\n[[task]]\nid = 't'\nkind = 'notebook'\nrun = 'notebooks/n.ipynb'\n");
    notebook(&b, &["%%sql metrics <<\nSELECT 3 AS rows, 40.0 AS worst"]);
    let run = b.run(&[]);
    assert_eq!(run.state, RunState::Success, "{run:?}");
    let found = |b: &Bench| -> Vec<(String, f64)> {
        let all = b.store.metrics(&MetricQuery::default()).unwrap();
        let mut all: Vec<_> = all.into_iter().map(|m| (m.metric.name, m.metric.value)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    assert_eq!(found(&b), [("rows".to_owned(), 3.0), ("worst".to_owned(), 40.0)]);
    let told = b.log(&run, "t", 1).into_iter().filter(|l| l.source == "metric").count();
    assert_eq!(told, 2, "and is told once");
}

#[test]
fn a_printed_metric_is_recorded_with_its_line() {
    use crate::engine::exec::Progress;
    let b = Bench::new("name = 'n'\n[[task]]\nid = 't'\nkind = 'command'\nrun = 'true'\n");
    let run = b.run(&[]);
    let log = log::TaskLog::create(&b.store, &run, "t", 2, &quiet(), Arc::new(SystemClock)).unwrap();
    let text = "{\"andon.metric\": {\"name\": \"rows\", \"value\": 12}}\nplain\n".to_owned();
    task::notebook_news(&log, Progress::Printed { index: 0, stderr: false, text });
    let all = b.store.metrics(&MetricQuery::default()).unwrap();
    assert_eq!(all.iter().map(|m| m.metric.value).collect::<Vec<_>>(), [12.0]);
}

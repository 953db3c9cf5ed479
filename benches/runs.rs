//! The history of a large pipeline: what comes from a system goes in, and the grid of the page comes out.
#![allow(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]
use std::{hint::black_box, time::Duration};

use andon::{
    engine::store::{RunQuery, Store},
    model::{
        connect::{Connection, Seen, System},
        run::{Attempt, Run, RunKind, RunState, TaskRun, TaskState, Trigger},
    },
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};

const TASKS: usize = 1_000;

fn seen(to: &Connection, n: usize) -> Seen {
    let at: Timestamp = "2026-11-01T05:40:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(n as i64);
    let tasks: Vec<TaskRun> = (0..TASKS)
        .map(|t| TaskRun {
            id: format!("group_{}.task_{t}", t / 50),
            kind: "PythonOperator".to_owned(),
            state: TaskState::Success,
            after: if t == 0 { Vec::new() } else { vec![format!("group_{}.task_{}", (t - 1) / 50, t - 1)] },
            error: None,
            retry_at: None,
            max_attempts: 2,
            attempts: vec![Attempt {
                state: TaskState::Success,
                started_at: Some(at + SignedDuration::from_secs(t as i64)),
                ended_at: Some(at + SignedDuration::from_secs(t as i64 + 9)),
                number: 1,
                round: 1,
                queued_at: at,
                exit_code: None,
                error: None,
                log: None,
                log_lines: 0,
                first_error: None,
                artifact: None,
                inputs: Default::default(),
                outputs: Default::default(),
                kernel: None,
                commit: None,
            }],
        })
        .collect();
    let remote = format!("scheduled__{at}");
    let run = Run {
        id: to.run_id("nightly", &remote),
        number: 0,
        connection: to.name.clone(),
        remote_id: Some(remote),
        pipeline: "nightly".to_owned(),
        source: "nightly".to_owned(),
        kind: RunKind::Pipeline,
        trigger: Trigger::Schedule,
        state: RunState::Success,
        round: 1,
        queued_at: at,
        started_at: Some(at),
        ended_at: Some(at + SignedDuration::from_mins(30)),
        data_time: None,
        params: andon::model::run::Params::new(),
        record: andon::model::run::Record::default(),
        note: None,
        error: None,
        cancelling: false,
        tasks: Vec::new(),
    };
    Seen { run, tasks: Some(tasks), updated: Some(at), cancelled_is_failed: false }
}

fn runs(c: &mut Criterion) {
    let to = Connection::new("air", System::Airflow, "http://127.0.0.1:8080").unwrap();
    let mut group = c.benchmark_group("runs");
    group.sample_size(10).measurement_time(Duration::from_secs(8));
    let portion: Vec<Seen> = (0..20).map(|n| seen(&to, n)).collect();
    group.throughput(Throughput::Elements((portion.len() * TASKS) as u64));
    group.bench_function("take in 20 runs of 1,000 tasks", |b| {
        b.iter_batched(
            || (tempfile::tempdir().unwrap(), portion.clone()),
            |(dir, portion)| {
                let store = Store::open(dir.path()).unwrap();
                black_box(store.absorb(portion).unwrap());
                dir
            },
            BatchSize::PerIteration,
        );
    });
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for from in (0..200).step_by(20) {
        store.absorb((from..from + 20).map(|n| seen(&to, n)).collect()).unwrap();
    }
    for limit in [60, 200] {
        group.throughput(Throughput::Elements((limit * TASKS) as u64));
        group.bench_function(format!("read {limit} runs of 1,000 tasks"), |b| {
            let query =
                RunQuery { connection: Some("air".into()), limit: Some(limit), ..RunQuery::of("nightly", limit) };
            b.iter(|| black_box(store.runs(&query).unwrap().len()));
        });
    }
    group.bench_function("the same answer again", |b| {
        b.iter_batched(
            || portion.clone(),
            |portion| assert!(store.absorb(portion).unwrap().is_empty()),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, runs);
criterion_main!(benches);

use super::*;

fn t(s: i64) -> Timestamp {
    Timestamp::from_second(1_763_000_000 + s).unwrap()
}

pub(crate) fn attempt(number: u32, round: u32, state: TaskState, start: i64, end: i64) -> Attempt {
    Attempt {
        number,
        round,
        state,
        queued_at: t(start),
        started_at: Some(t(start)),
        ended_at: state.is_final().then(|| t(end)),
        exit_code: None,
        error: (state == TaskState::Failed).then(|| "ValueError: unit".to_owned()),
        log: None,
        log_lines: 0,
        first_error: None,
        artifact: None,
        inputs: BTreeMap::new(),
        outputs: BTreeMap::new(),
        kernel: None,
        commit: None,
    }
}

pub(crate) fn task(id: &str, after: &[&str], state: TaskState) -> TaskRun {
    TaskRun {
        id: id.to_owned(),
        kind: "command".to_owned(),
        state,
        after: after.iter().map(|s| (*s).to_owned()).collect(),
        error: None,
        retry_at: None,
        max_attempts: 1,
        attempts: Vec::new(),
    }
}

/// extract -> clean -> report, publish beside report.
pub(crate) fn run(states: [TaskState; 4]) -> Run {
    let [a, b, c, d] = states;
    Run {
        id: RunId::from("k3m9xq2a"),
        number: 412,
        connection: LOCAL.to_owned(),
        remote_id: None,
        pipeline: "nightly".to_owned(),
        source: "pipelines/nightly.toml".to_owned(),
        kind: RunKind::Pipeline,
        trigger: Trigger::Cli,
        state: RunState::Failed,
        round: 1,
        queued_at: t(0),
        started_at: Some(t(0)),
        ended_at: Some(t(60)),
        data_time: Some("2026-11-16".to_owned()),
        params: [("day".to_owned(), Value::from("2026-11-16"))].into_iter().collect(),
        record: Record::default(),
        note: None,
        error: None,
        cancelling: false,
        tasks: vec![
            task("extract", &[], a),
            task("clean", &["extract"], b),
            task("report", &["clean"], c),
            task("publish", &["clean"], d),
        ],
    }
}

#[test]
fn rerun_of_failed_takes_what_follows_and_leaves_successes() {
    use TaskState::{Failed, Success, UpstreamFailed};
    let r = run([Success, Failed, UpstreamFailed, UpstreamFailed]);
    assert_eq!(r.rerun_plan(&Scope::Failed).unwrap(), ["clean", "report", "publish"]);
    assert_eq!(r.rerun_plan(&Scope::From("report".into())).unwrap(), ["report"]);
    assert_eq!(r.rerun_plan(&Scope::Only("clean".into())).unwrap(), ["clean"]);
    assert_eq!(r.rerun_plan(&Scope::All).unwrap().len(), 4);
    let e = r.rerun_plan(&Scope::From("reprot".into())).unwrap_err();
    assert_eq!(e.hint.unwrap(), "Did you mean report?");
    assert!(run([Success; 4]).rerun_plan(&Scope::Failed).is_err());
}

#[test]
fn outcome_follows_from_the_worst_task() {
    use TaskState::{Cancelled, Failed, Interrupted, Skipped, Success, UpstreamFailed};
    assert_eq!(run([Success, Success, Skipped, Success]).outcome(), RunState::Success);
    assert_eq!(run([Success, Failed, UpstreamFailed, Cancelled]).outcome(), RunState::Failed);
    assert_eq!(run([Success, Cancelled, UpstreamFailed, Success]).outcome(), RunState::Cancelled);
    assert_eq!(run([Success, Failed, Interrupted, Success]).outcome(), RunState::Interrupted);
}

#[test]
fn no_state_leads_nowhere_and_final_states_only_back_to_the_queue() {
    for from in TaskState::ALL {
        assert!(TaskState::ALL.iter().any(|to| from.may_become(*to)), "{from:?}");
        assert_eq!(TaskState::parse(from.name()), Some(*from));
        assert!(!from.is_final() || !from.may_become(TaskState::Running), "{from:?}");
    }
    assert!(!RunState::Success.may_become(RunState::Running));
    assert!(RunState::Failed.may_become(RunState::Queued));
}

#[test]
fn duration_leaves_out_the_pause_before_a_rerun() {
    let mut r = run([TaskState::Success; 4]);
    r.tasks[0].attempts = vec![attempt(1, 1, TaskState::Success, 0, 10)];
    r.tasks[1].attempts =
        vec![attempt(1, 1, TaskState::Failed, 10, 20), attempt(2, 2, TaskState::Success, 5_000, 5_007)];
    assert_eq!(r.duration_ms(t(9_000)), Some(27_000));
    assert!(!r.tasks[1].is_flaky(), "a rerun is not a retry");
}

#[test]
fn what_changed_names_code_inputs_and_parameters() {
    let commit = |id: &str, summary: &str| {
        Some(Commit { id: id.repeat(10), summary: summary.into(), author: "Mara Okafor".into(), at: t(0) })
    };
    let (mut last, mut this) = (run([TaskState::Success; 4]), run([TaskState::Failed; 4]));
    last.params.insert("day".into(), Value::from("2026-11-15"));
    last.data_time = Some("2026-11-15".into());
    (last.record.commit, this.record.commit) = (commit("b1b1", "Old"), commit("a41c", "New feed for G7"));
    this.record.environment.insert("python".into(), "3.11.2".into());
    last.record.environment.insert("python".into(), "3.11.2".into());
    for r in [&mut last, &mut this] {
        r.tasks.iter_mut().for_each(|t| t.attempts = vec![attempt(1, 1, TaskState::Success, 0, 1)]);
    }
    last.tasks[0].attempts[0].inputs.insert("data/airports.csv".into(), "1111".into());
    this.tasks[0].attempts[0].inputs.insert("data/airports.csv".into(), "2222".into());
    last.tasks[0].attempts[0].inputs.insert("data/2026-11-15.csv".into(), "3".into());
    this.tasks[0].attempts[0].inputs.insert("data/2026-11-16.csv".into(), "4".into());
    let all = what_changed(&last, &this);
    let rows: Vec<_> = all.iter().map(|c| (c.kind, c.name.as_str(), c.verdict)).collect();
    use {
        ChangeKind::{Environment, Input, Parameter},
        Verdict::*,
    };
    assert_eq!(
        rows,
        [
            (ChangeKind::Commit, "", Changed),
            (Input, "data/2026-11-15.csv", Expected),
            (Input, "data/2026-11-16.csv", Expected),
            (Input, "data/airports.csv", Changed),
            (Parameter, "day", Expected),
            (Environment, "", Same),
        ]
    );
    assert_eq!(all[4].words(), "2026-11-15 \u{2192} 2026-11-16");
}

#[test]
fn metric_lines_are_read_in_three_shapes() {
    let read = |line: &str| parse_metrics(line, t(0), Some("2026-11-16"));
    let one = read(r#"{"andon.metric": {"name": "rows", "value": 12, "unit": "rows"}}"#).unwrap();
    assert_eq!((one[0].name.as_str(), one[0].value, one[0].data_time.as_deref()), ("rows", 12.0, Some("2026-11-16")));
    assert_eq!(read(r#"{"andon.metric": {"rows": 12, "share": 0.5, "note": "x"}}"#).unwrap().len(), 2);
    assert_eq!(read(r#"{"andon.metric": [{"name": "a", "value": 1}, {"name": "b", "value": 2}]}"#).unwrap().len(), 2);
    assert!(read("rows = 12").is_none());
    assert!(read(r#"{"a": 1}"#).is_none());
    assert!(read(r#"{"andon.metric": {"name": "x", "value": "NaN"}}"#).unwrap().is_empty());
}

use std::{collections::BTreeMap, fs};

use jiff::Timestamp;

use super::{
    chart::{Context, Origin},
    *,
};
use crate::{
    app::env::{Envelope, NoWaker},
    base::time::{FixedClock, SystemClock},
    engine::dirs::Dirs,
    model::{
        quality::{CheckResult, Severity, Unit},
        run::{CheckRecord, Metric, MetricPoint},
        spc::Rule,
    },
};

const DAY: i64 = 86_400;

fn t(day: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + day * DAY).unwrap()
}

/// One evaluation of the suite `delays` with a share and a row count.
fn evaluation(day: i64, share: f64, data_time: Option<&str>) -> Vec<CheckRecord> {
    let check = |id: &str, unit, observed, status: Status| CheckResult {
        id: id.into(),
        kind: if unit == Unit::Share { "in_range" } else { "row_count" }.into(),
        columns: vec!["delay".into()],
        severity: Severity::Critical,
        status,
        unit,
        observed: Some(observed),
        low: (unit == Unit::Share).then_some(0.985),
        high: None,
        element_count: 1000,
        missing_count: 0,
        unexpected_count: (1000.0 * (1.0 - share)).round() as u64,
        share: Some(share),
        examples: vec!["1284".into()],
        rows_sql: (status != Status::Passed).then(|| "SELECT 1".to_owned()),
        message: format!("found {observed}"),
        error: None,
    };
    let status = if share < 0.985 { Status::Failed } else { Status::Passed };
    let result = SuiteResult {
        evaluation: format!("e{day}"),
        suite: "delays".into(),
        path: "checks/delays.toml".into(),
        data: "data/d.csv".into(),
        params: BTreeMap::new(),
        at: t(day),
        data_time: data_time.map(str::to_owned),
        rows: 1000,
        duration_ms: 1,
        checks: vec![
            check("rows", Unit::Rows, 1000.0 + (day % 3) as f64, Status::Passed),
            check("in_range", Unit::Share, share, status),
        ],
    };
    result.records(None, None)
}

fn metric(day: i64, value: f64) -> MetricPoint {
    MetricPoint {
        run: format!("run{day}").as_str().into(),
        pipeline: "nightly".into(),
        task: "load".into(),
        attempt: 1,
        metric: Metric { name: "rows".into(), value, unit: Some("k/min".into()), at: t(day), data_time: None },
    }
}

fn thirty_days() -> History {
    let mut records = Vec::new();
    for day in (0..30).filter(|d| *d != 17) {
        let share = if day == 29 { 0.931 } else { 0.995 + (day % 4) as f64 * 0.001 };
        records.extend(evaluation(day, share, None));
    }
    let metrics: Vec<_> = (0..30).map(|d| metric(d, 41.0 + (d % 5) as f64)).collect();
    History::new(&records, &metrics)
}

fn opened() -> AppState {
    let mut state = AppState::default();
    state.workspace.root = Some("/w".into());
    state.workspace.trusted = true;
    let clock = FixedClock(t(29));
    let suite = Suite::parse(
        "checks/delays.toml",
        "data = \"data/d.csv\"\n[[check]]\nid = \"rows\"\nkind = \"row_count\"\nmin = 1\n[[check]]\nid = \"in_range\"\nkind = \"in_range\"\ncolumn = \"delay\"\nmin = 0",
    );
    let suites = vec![SuiteFile { path: "checks/delays.toml".into(), suite }];
    let loaded = Event::Loaded { suites, history: Arc::new(thirty_days()) };
    event(&mut state, loaded, &Cx { clock: &clock });
    state
}

fn send(state: &mut AppState, command: Command) -> Vec<Effect> {
    let clock = FixedClock(t(29));
    super::command(state, command, &Cx { clock: &clock })
}

fn in_range() -> Subject {
    Subject::Check { path: "checks/delays.toml".into(), id: "in_range".into() }
}

#[test]
fn the_page_opens_on_what_failed_and_on_the_range_that_has_data() {
    let state = opened();
    let q = &state.quality;
    assert_eq!(q.selected, Some(in_range()));
    assert_eq!((q.range, q.axis()), (Range::Days30, Axis::Run));
    assert_eq!(q.check_ids("checks/delays.toml"), ["in_range", "rows"], "failing first");
    let chart = q.chart().unwrap();
    assert_eq!((chart.title.as_str(), chart.dots.len(), chart.low), ("delays.in_range", 29, Some(0.985)));
    assert_eq!(chart.note, "share of rows that pass, individuals chart, one point a run");
    let (from, to) = q.window(chart, t(29));
    assert!(chart.dots.iter().all(|d| d.x >= from && d.x <= to));
}

#[test]
fn metrics_of_one_name_are_told_apart_by_their_task() {
    let mut other = metric(3, 2.0);
    other.task = "clean".into();
    let history = History::new(&evaluation(3, 0.99, None), &[metric(3, 1.0), other]);
    let mut state = opened();
    state.quality.history = Arc::new(history);
    let titles: Vec<String> = actions(&state).into_iter().map(|a| a.title).filter(|t| t.starts_with("Plot")).collect();
    let expected = ["delays.in_range", "delays.rows", "nightly.clean.rows", "nightly.load.rows"];
    assert_eq!(titles, expected.map(|t| format!("Plot {t}")));
}

#[test]
fn the_line_of_passing_checks_follows_the_evaluations() {
    let mut records = evaluation(1, 0.99, None);
    records.extend(evaluation(2, 0.5, None));
    records.extend(evaluation(3, 0.99, None));
    assert_eq!(History::new(&records, &[]).passing, [Some(2.0), Some(1.0), Some(2.0)]);
}

#[test]
fn the_verdict_names_rule_run_and_limit_in_words() {
    let state = opened();
    let chart = state.quality.chart().unwrap();
    let verdict = chart.verdict(None);
    assert_eq!((verdict.tone, verdict.bold.as_str()), (Tone::Fail, "One point more than 3 sigma below the mean"));
    assert_eq!(verdict.rest, " (Nelson rule 1), first in 29 runs; also under the limit of 98.5 %");
    let good = chart.verdict(Some(10));
    assert_eq!((good.tone, good.bold.as_str()), (Tone::Good, "In control"));
    assert!(chart.summary().contains("29 points, 1 marked, last 93.1 %"), "{}", chart.summary());
    assert!(chart.limits[28].lower > 0.98 && chart.limits[28].upper <= 1.0);
}

#[test]
fn a_run_that_observed_nothing_is_a_gap_and_a_short_series_says_why_it_has_no_limits() {
    let mut records: Vec<_> = (0..5).flat_map(|d| evaluation(d, 0.99, None)).collect();
    records.iter_mut().filter(|r| r.evaluation == "e3" && r.check == "in_range").for_each(|r| {
        r.value = None;
        r.state = "error".into();
    });
    let history = History::new(&records, &[]);
    let chart = history.chart(&in_range(), Axis::Run).unwrap();
    assert!(chart.dots[3].value.is_nan());
    let verdict = chart.verdict(None);
    assert_eq!((verdict.bold.as_str(), verdict.tone), ("Passed", Tone::Good));
    assert!(verdict.rest.ends_with("; control limits are drawn from 8 runs on, 4 so far"), "{verdict:?}");
    assert_eq!(chart.verdict(Some(3)).bold, "Could not be evaluated");
    assert_eq!(chart.spark(10)[3], None);
}

#[test]
fn runs_made_in_one_hour_over_thirty_dates_open_on_the_dates() {
    let mut records = Vec::new();
    for day in 0..30_i64 {
        let date = format!("2010-03-{:02}", day + 1);
        let mut one = evaluation(day, 0.99, Some(&date));
        for record in &mut one {
            record.at = Timestamp::from_second(1_790_000_000 + day * 60).unwrap();
        }
        records.extend(one);
    }
    let history = History::new(&records, &[]);
    assert_eq!((history.axis, history.has_data_time), (Axis::Data, true));
    let mut state = AppState::default();
    let clock = FixedClock(t(0));
    event(&mut state, Event::Loaded { suites: Vec::new(), history: Arc::new(history) }, &Cx { clock: &clock });
    let q = &state.quality;
    assert_eq!(q.range, Range::Days30);
    let (from, to) = q.window(q.chart().unwrap(), t(0));
    assert!(q.chart().unwrap().dots.iter().all(|d| d.x >= from && d.x <= to), "the window lies where the data is");
    send(&mut state, Command::SetAxis(Axis::Run));
    assert_eq!(state.quality.range, Range::All, "half an hour is not shown on thirty days");
    send(&mut state, Command::SetRange(Range::Days90));
    send(&mut state, Command::Select(Subject::Check { path: "checks/delays.toml".into(), id: "rows".into() }));
    assert_eq!(state.quality.range, Range::Days90, "a range that was chosen stays");
}

#[test]
fn running_checks_asks_for_trust_starts_once_and_reports() {
    let mut state = opened();
    let wish = || Command::RunChecks { paths: Vec::new(), params: BTreeMap::new() };
    state.workspace.trusted = false;
    assert!(send(&mut state, wish()).is_empty() && state.shell.dialog.is_some());
    assert!(state.quality.running.is_empty());
    state.workspace.trusted = true;
    let effects = send(&mut state, wish());
    let [Effect::Start(job)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((job.key.as_str(), job.title.as_str(), job.policy), (CHECK_JOB, "Checking delays", Policy::Reject));
    assert!(send(&mut state, wish()).is_empty(), "a second click starts nothing");
    let clock = FixedClock(t(30));
    let cx = Cx { clock: &clock };
    let error = Error::user("no");
    event(&mut state, Event::NotEvaluated { path: "checks/delays.toml".into(), error: error.clone() }, &cx);
    assert_eq!(state.quality.failed.get("checks/delays.toml"), Some(&error));
    event(&mut state, Event::Ended, &cx);
    assert!(state.quality.running.is_empty());
}

#[test]
fn a_change_of_the_store_during_a_load_is_read_too() {
    let mut state = AppState::default();
    assert_eq!(store_changed(&mut state).len(), 1);
    assert!(store_changed(&mut state).is_empty() && store_changed(&mut state).is_empty());
    let clock = FixedClock(t(0));
    let loaded = || Event::Loaded { suites: Vec::new(), history: Arc::default() };
    assert_eq!(event(&mut state, loaded(), &Cx { clock: &clock }).len(), 1);
    assert!(event(&mut state, loaded(), &Cx { clock: &clock }).is_empty());
}

#[test]
fn failing_rows_are_read_and_late_ones_of_another_check_dropped() {
    let mut state = opened();
    let effects = send(&mut state, Command::ShowRows);
    assert!(matches!(effects.as_slice(), [Effect::Start(job)] if job.key == "quality.rows"));
    let clock = FixedClock(t(0));
    let cx = Cx { clock: &clock };
    event(&mut state, Event::Rows { sql: "SELECT other".into(), page: Err(Error::user("x")) }, &cx);
    assert!(state.quality.rows.as_ref().unwrap().page.is_none());
    event(&mut state, Event::Rows { sql: "SELECT 1".into(), page: Err(Error::user("x")) }, &cx);
    assert!(state.quality.rows.as_ref().unwrap().page.is_some());
    send(&mut state, Command::Select(Subject::Check { path: "checks/delays.toml".into(), id: "rows".into() }));
    assert!(state.quality.rows.is_none());
    assert!(send(&mut state, Command::ShowRows).is_empty(), "a check that passed has no failing rows");
}

#[test]
fn home_gets_failed_checks_and_signals_with_their_action() {
    let state = opened();
    let rows = attention(&state);
    let titles: Vec<_> = rows.iter().map(|r| (r.level, r.title.as_str())).collect();
    assert_eq!(titles, [(home::Level::Red, "delays.in_range")]);
    assert_eq!(rows[0].evidence, "found 0.931");
    assert_eq!(rows[0].action.1, Command::Open(in_range()).into());
    let metrics: Vec<_> = (0..30).map(|d| metric(d, if d == 29 { 90.0 } else { 41.0 + (d % 5) as f64 })).collect();
    let mut state = AppState::default();
    state.quality.history = Arc::new(History::new(&[], &metrics));
    let rows = attention(&state);
    assert_eq!(rows[0].evidence, "One point more than 3 sigma above the mean: 90 k/min");
    assert_eq!(state.quality.history.metrics(Axis::Run).next().unwrap().signals[0].rule, Rule::Nelson1);
}

#[test]
fn a_check_taken_out_of_its_file_is_history_and_no_problem() {
    let mut state = opened();
    let suite =
        Suite::parse("checks/delays.toml", "data = \"d\"\n[[check]]\nid = \"rows\"\nkind = \"row_count\"\nmin = 1");
    state.quality.suites = vec![SuiteFile { path: "checks/delays.toml".into(), suite }];
    assert!(attention(&state).is_empty());
    assert_eq!(state.quality.check_ids("checks/delays.toml"), ["rows"]);
}

#[test]
fn evaluating_keeps_results_and_the_page_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("checks")).unwrap();
    fs::write(dir.path().join("d.csv"), "x\n1\n2\n99\n").unwrap();
    let suite = "data = \"d.csv\"\n[[check]]\nid = \"small\"\nkind = \"in_range\"\ncolumn = \"x\"\nmax = 10";
    fs::write(dir.path().join("checks/a.toml"), suite).unwrap();
    fs::write(dir.path().join("checks/b.toml"), "nonsense").unwrap();
    let (tx, rx) = crossbeam_channel::bounded(100);
    let env = Arc::new(Env::new(Dirs::below(dir.path()), Arc::new(SystemClock)));
    env.set_root(Some(dir.path().to_path_buf()));
    let out = Out::new(tx, Arc::new(NoWaker), 0);
    let cx = JobCtx::detached();
    super::run(Task::Load, &env, &cx, &out).unwrap();
    assert!(!dir.path().join(".andon").exists(), "looking makes no database");
    let paths = vec!["checks/a.toml".to_owned(), "checks/b.toml".to_owned()];
    super::run(Task::Evaluate { paths, params: BTreeMap::new() }, &env, &cx, &out).unwrap();
    super::run(Task::Load, &env, &cx, &out).unwrap();
    let mut state = AppState::default();
    let clock = SystemClock;
    for Envelope { event, .. } in rx.try_iter() {
        let crate::app::Event::Quality(e) = event else { continue };
        super::event(&mut state, e, &Cx { clock: &clock });
    }
    let q = &state.quality;
    assert_eq!(q.selected, Some(Subject::Check { path: "checks/a.toml".into(), id: "small".into() }));
    assert!(q.failed["checks/b.toml"].what.contains("checks/b.toml:1"), "{:?}", q.failed);
    let sql = q.result().unwrap().rows_sql.clone().unwrap();
    let (tx, rx) = crossbeam_channel::bounded(10);
    super::run(Task::Rows { sql }, &env, &cx, &Out::new(tx, Arc::new(NoWaker), 0)).unwrap();
    let Ok(Envelope { event: crate::app::Event::Quality(Event::Rows { page, .. }), .. }) = rx.try_recv() else {
        panic!()
    };
    assert_eq!(page.unwrap().total_rows, 1);
}

#[test]
fn data_of_other_years_does_not_push_a_chart_out_of_its_window() {
    let mut records: Vec<_> =
        (0..20).flat_map(|d| evaluation(d, 0.99, Some(&format!("2010-03-{:02}", d + 1)))).collect();
    let mut other = evaluation(40, 0.99, Some("2026-11-20"));
    for record in &mut other {
        record.suite = "checks/other.toml".into();
    }
    records.extend(other);
    let history = History::new(&records, &[]);
    let mut state = AppState::default();
    let clock = FixedClock(t(41));
    event(&mut state, Event::Loaded { suites: Vec::new(), history: Arc::new(history) }, &Cx { clock: &clock });
    send(&mut state, Command::SetAxis(Axis::Data));
    send(&mut state, Command::Select(in_range()));
    let q = &state.quality;
    let chart = q.chart().unwrap();
    let (from, to) = q.window(chart, t(41));
    assert!(chart.dots.iter().all(|d| d.x >= from && d.x <= to), "{from} {to}");
}

#[test]
fn a_pattern_is_told_of_when_it_begins_and_metrics_of_two_tasks_stay_apart() {
    let shifted = |last: i64| -> Vec<MetricPoint> {
        (0..last).map(|d| metric(d, if d >= 28 { 90.0 } else { 41.0 + (d % 5) as f64 })).collect()
    };
    let news = |points: &[MetricPoint]| {
        let history = History::new(&[], points);
        history.metrics(Axis::Run).next().unwrap().signal_now().is_some()
    };
    assert!(news(&shifted(29)) && !news(&shifted(31)));
    let mut both = shifted(20);
    both.extend(shifted(20).into_iter().map(|p| MetricPoint { task: "clean".into(), ..p }));
    assert_eq!(History::new(&[], &both).metrics(Axis::Run).count(), 2);
}

/// Thirty days of a metric that steps from 41 to 60 on day 20, with the note and commits of `context`.
fn stepped(context: &Context) -> Chart {
    let level = |d: i64| if d < 20 { 41.0 } else { 60.0 };
    let points: Vec<_> = (0..30).map(|d| metric(d, level(d) + (d % 5) as f64)).collect();
    Chart::of_metric(&points.iter().collect::<Vec<_>>(), Axis::Run, context).unwrap()
}

#[test]
fn a_note_begins_new_limits_and_those_before_stay() {
    let plain = stepped(&Context::default());
    assert_eq!(plain.signals.iter().filter(|s| s.rule == Rule::Nelson1).count(), 10);
    let mut context = Context::default();
    let key = plain.subject.key();
    assert_eq!(key, "metric:nightly/load/rows");
    let note = Note { on: key.clone(), at: t(20), text: "Twice the workers".into(), new_limits: true };
    context.notes.insert(key.clone(), vec![note.clone()]);
    let anew = stepped(&context);
    assert!(anew.signals.is_empty(), "{:?}", anew.signals);
    assert_eq!(anew.limits[0], plain.limits[0]);
    assert!(anew.limits[20].center > 60.0 && anew.last_limits().unwrap().center > 60.0);
    assert_eq!(anew.note_at(20), Some(("Twice the workers", true)));
    // A note that only says something changes no limits, and one at the end says what is still missing.
    context.notes.insert(key.clone(), vec![Note { new_limits: false, ..note.clone() }]);
    assert_eq!(stepped(&context).signals, plain.signals);
    context.notes.insert(key, vec![Note { at: t(27), ..note }]);
    let late = stepped(&context);
    assert_eq!(late.last_limits(), None);
    let words = late.verdict(None);
    assert!(words.rest.contains("3 so far after"), "{words:?}");
}

#[test]
fn a_commit_has_a_line_where_it_changed_the_pipeline_or_came_before_a_break() {
    let commit = |id: &str, source: &str| Origin {
        commit: Some((id.to_owned(), format!("Change {id}"))),
        source: Some(source.to_owned()),
    };
    let mut context = Context::default();
    for day in 0..30 {
        // A commit a day that changes other files; the pipeline itself changed on day 5, the break is on day 20.
        let source = if day < 5 { "one" } else { "two" };
        context.origins.insert(format!("run{day}").as_str().into(), commit(&format!("c{day}"), source));
    }
    let chart = stepped(&context);
    let lines: Vec<_> = chart.events.iter().map(|e| (e.dot, e.words.as_str(), e.kind)).collect();
    assert_eq!(lines, [(5, "c5 Change c5", EventKind::Commit), (20, "c20 Change c20", EventKind::Commit)]);
}

#[test]
fn a_note_is_written_to_its_file_and_shown_and_taken_away_again() {
    let (dir, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dirs = Dirs::below(home.path());
    dirs.create().unwrap();
    let store = store::Store::open(dir.path()).unwrap();
    for day in 0..12 {
        store.add_check_results(&evaluation(day, 0.995, None)).unwrap();
    }
    let mut host = crate::app::host::Host::new(dirs, Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    host.send(workspace::Command::Open(dir.path().to_path_buf()));
    let settle = |h: &mut crate::app::host::Host| assert!(h.settle(std::time::Duration::from_secs(30)));
    settle(&mut host);
    let subject = Subject::Check { path: "checks/delays.toml".into(), id: "rows".into() };
    let note = Note { on: subject.key(), at: t(4), text: "New feed".into(), new_limits: false };
    host.send(Command::Annotate(note.clone()));
    settle(&mut host);
    let chart = |h: &crate::app::host::Host| h.state.quality.history.chart(&subject, Axis::Run).unwrap().clone();
    assert_eq!(chart(&host).note_at(4), Some(("New feed", false)));
    host.send(Command::Annotate(Note { text: String::new(), ..note }));
    settle(&mut host);
    assert_eq!(chart(&host).note_at(4), None);
    // A file nobody can read is said on the page, and the charts stand all the same.
    fs::write(dir.path().join(NOTES), "[[note").unwrap();
    host.send(Command::Reload);
    settle(&mut host);
    assert!(host.state.quality.history.notes_error.is_some() && chart(&host).dots.len() == 12);
}

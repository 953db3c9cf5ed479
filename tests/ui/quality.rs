//! The quality page: chart, suite grid, checks, failing rows.
use std::sync::Arc;

use andon::{
    app::{
        AppState, Command as AnyCommand, Cx, Effect,
        quality::{self, Command, Event, History, Range, Subject, SuiteFile, View},
        runs, shell,
    },
    base::time::FixedClock,
    model::{
        quality::{CheckResult, Severity, Status, Suite, SuiteResult, Unit},
        run::{CheckRecord, Metric, MetricPoint},
        table::{Cell, Column, Kind, Page as Rows},
    },
    ui::theme::Theme,
};
use egui::accesskit::Role;
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};

use crate::support::{Stage, morning, stage, stage_with};

const SUITE: &str = r#"name = "delays"
description = "A day of flights"
data = "data/flights.csv"
[[check]]
id = "rows"
kind = "row_count"
min = 500
[[check]]
id = "dep_delay_in_range"
kind = "in_range"
column = "dep_delay"
min = -60
max = 1440
mostly = 0.985
[[check]]
id = "temp_not_null"
kind = "not_null"
column = "temp"
severity = "warning"
"#;

fn day(n: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(morning().as_second() - (29 - n) * 86_400).unwrap()
}

fn evaluation(n: i64) -> Vec<CheckRecord> {
    let share = if n == 29 { 0.931 } else { 0.995 + (n % 4) as f64 * 0.001 };
    let check = |id: &str, unit, observed: f64, status, low| CheckResult {
        id: id.into(),
        kind: "in_range".into(),
        columns: vec!["dep_delay".into()],
        severity: Severity::Critical,
        status,
        unit,
        observed: Some(observed),
        low,
        high: None,
        element_count: 1000,
        missing_count: 0,
        unexpected_count: 69,
        share: Some(share),
        examples: vec!["2315".into(), "1845".into()],
        rows_sql: (status != Status::Passed).then(|| "SELECT * FROM 'data/flights.csv'".to_owned()),
        message: format!("{id} found {observed}"),
        error: None,
    };
    let failed = if n == 29 { Status::Failed } else { Status::Passed };
    let result = SuiteResult {
        evaluation: format!("e{n}"),
        suite: "delays".into(),
        path: "checks/delays.toml".into(),
        data: "data/flights.csv".into(),
        params: Default::default(),
        at: day(n),
        data_time: None,
        rows: 1000,
        duration_ms: 4,
        checks: vec![
            check("rows", Unit::Rows, 1000.0 + (n % 7) as f64, Status::Passed, Some(500.0)),
            check("dep_delay_in_range", Unit::Share, share, failed, Some(0.985)),
            check("temp_not_null", Unit::Share, 0.99, Status::Passed, Some(1.0)),
        ],
    };
    result.records(Some(&format!("run{n}").as_str().into()), Some("check"))
}

fn state() -> AppState {
    let records: Vec<_> = (0..30).filter(|n| *n != 17).flat_map(evaluation).collect();
    let metric = |n: i64| MetricPoint {
        run: format!("run{n}").as_str().into(),
        pipeline: "nightly".into(),
        task: "load".into(),
        attempt: 1,
        metric: Metric {
            name: "rows_per_minute".into(),
            value: 41.0 + (n % 5) as f64,
            unit: Some("k/min".into()),
            at: day(n),
            data_time: None,
        },
    };
    let metrics: Vec<_> = (0..30).map(metric).collect();
    let mut state = AppState::default();
    state.workspace.root = Some("/w".into());
    state.workspace.trusted = true;
    state.shell.page = shell::Page::Quality;
    let suites =
        vec![SuiteFile { path: "checks/delays.toml".into(), suite: Suite::parse("checks/delays.toml", SUITE) }];
    give(&mut state, Event::Loaded { suites, history: Arc::new(History::new(&records, &metrics)) });
    state
}

fn give(state: &mut AppState, event: Event) -> Vec<Effect> {
    let clock = FixedClock(morning());
    quality::event(state, event, &Cx { clock: &clock })
}

fn sent(harness: &Harness<'_, Stage>) -> Vec<Command> {
    let all = harness.state().sent.iter();
    all.filter_map(|c| if let AnyCommand::Quality(c) = c { Some(c.clone()) } else { None }).collect()
}

fn subject(id: &str) -> Subject {
    Subject::Check { path: "checks/delays.toml".into(), id: id.into() }
}

#[test]
fn the_overview_shows_the_failed_check_with_its_rule_in_words() {
    let harness = stage(state());
    let chart = harness.get_all_by_role(Role::Image).find(|n| {
        n.accesskit_node().label().is_some_and(|l| l.starts_with("delays.dep_delay_in_range: 29 points, 1 marked"))
    });
    let label = chart.expect("the chart has a summary").accesskit_node().label().unwrap_or_default();
    assert!(label.contains("last 93.1 %") && label.contains("3 sigma below the mean"), "{label}");
    harness.get_by_label("Suite delays");
    harness.get_by_label("dep_delay_in_range: failed, 93.1 %");
    harness.get_by_label("Failing rows");
    harness.get_by_label("Open run");
}

#[test]
fn choosing_a_check_range_or_view_sends_it() {
    let mut harness = stage(state());
    harness.get_by_label("rows: passed, 1,001").click();
    harness.run();
    harness.get_by_role_and_label(Role::RadioButton, "7 days").click();
    harness.run();
    harness.get_by_role_and_label(Role::RadioButton, "Checks").click();
    harness.run();
    let expected = [
        // The middle of the row is the cell of one run.
        Command::LookAt { subject: subject("rows"), evaluation: Some("e21".into()) },
        Command::SetRange(Range::Days7),
        Command::Show(View::Checks),
    ];
    assert_eq!(sent(&harness), expected);
    assert_eq!(harness.state().state.quality.view, View::Checks);
    harness.get_by_label("Run this suite");
}

#[test]
fn the_run_behind_a_point_is_one_click_away() {
    let mut harness = stage(state());
    harness.get_by_label("Open run").click();
    harness.run();
    let open = AnyCommand::from(runs::Command::OpenRun("run29".into()));
    assert!(harness.state().sent.contains(&open), "{:?}", harness.state().sent);
}

#[test]
fn the_plot_can_be_read_as_a_table() {
    let mut harness = stage(state());
    harness.get_by_label("Show as table").click();
    harness.run();
    assert!(
        harness.query_all_by_role(Role::ListItem).any(|n| {
            n.accesskit_node().label().is_some_and(|l| l.contains("93.1 %") && l.contains("3 sigma below"))
        })
    );
    harness.get_by_label("Show as plot").click();
    harness.run();
    assert!(!harness.state().state.quality.as_table);
}

#[test]
fn failing_rows_open_below_and_close_again() {
    let mut harness = stage(state());
    harness.get_by_label("Failing rows").click();
    harness.run();
    let sql = "SELECT * FROM 'data/flights.csv'".to_owned();
    let page = Rows {
        columns: vec![Column::new("dep_delay", "i64", Kind::Int)].into(),
        first_row: 0,
        rows: vec![vec![Cell::Int(2315)]; 3],
        total_rows: 3,
    };
    give(&mut harness.state_mut().state, Event::Rows { sql, page: Ok(page) });
    harness.run();
    harness.get_by_label("Failing rows of delays.dep_delay_in_range");
    harness.get_by_label("3 rows");
    harness.get_by_label("Open in Data");
    harness.get_by_label("Close the failing rows").click();
    harness.run();
    assert!(harness.state().state.quality.rows.is_none());
}

#[test]
fn running_checks_starts_one_job_and_shows_it() {
    let mut harness = stage(state());
    harness.get_by_label("Run 1 suite").click();
    harness.run();
    let jobs = harness.state().effects.iter().filter(|e| matches!(e, Effect::Start(j) if j.key == quality::CHECK_JOB));
    assert_eq!(jobs.count(), 1);
    harness.get_by_label("Cancel");
    assert!(harness.query_by_label("Run 1 suite").is_none());
}

#[test]
fn checks_one_by_one_say_what_they_ask_and_found() {
    let mut state = state();
    state.quality.view = View::Checks;
    let mut harness = stage(state);
    harness.get_by_label("delays, 1 of 3 checks needs a look");
    harness.get_by_label_contains("dep_delay is between -60 and 1440");
    harness.get_by_label("2315");
    harness.get_by_label("temp_not_null, passed, temp_not_null found 0.99").click();
    harness.run();
    assert_eq!(sent(&harness), [Command::Select(subject("temp_not_null"))]);
}

#[test]
fn a_broken_suite_and_an_empty_workspace_say_what_to_do() {
    let mut broken = state();
    let suite = Suite::parse("checks/delays.toml", "data = 7");
    let suites = vec![SuiteFile { path: "checks/delays.toml".into(), suite }];
    give(&mut broken, Event::Loaded { suites, history: Arc::default() });
    let harness = stage(broken);
    harness.get_by_label("checks/delays.toml:1: data must be text, not a TOML integer");
    let mut empty = AppState::default();
    empty.workspace.root = Some("/w".into());
    empty.shell.page = shell::Page::Quality;
    give(&mut empty, Event::Loaded { suites: Vec::new(), history: Arc::default() });
    let mut harness = stage(empty);
    harness.get_by_label("Copy an example suite").click();
    harness.run();
    let copied =
        harness.state().effects.iter().find_map(|e| if let Effect::Copy(text) = e { Some(text.clone()) } else { None });
    Suite::parse("checks/flights.toml", &copied.unwrap()).expect("the example is a suite");
}

#[test]
fn nothing_reaches_over_the_edge_at_1024_in_the_light_theme() {
    for view in [View::Overview, View::Checks] {
        let mut state = state();
        state.quality.view = view;
        let harness = stage_with(state, Theme::light(), egui::vec2(1024.0, 700.0));
        let right = harness
            .root()
            .children_recursive()
            .filter_map(|n| n.accesskit_node().bounding_box())
            .map(|r| r.x1)
            .fold(0.0, f64::max);
        assert!(right <= 1025.0, "{view:?} reaches to {right}");
    }
}

#[test]
fn every_tile_is_whole_beside_the_bar_of_the_list() {
    for size in [egui::vec2(1024.0, 700.0), egui::vec2(1440.0, 900.0)] {
        let mut state = state();
        let metric = |n: i64, task: &str| MetricPoint {
            run: format!("run{n}").as_str().into(),
            pipeline: "nightly".into(),
            task: task.into(),
            attempt: 1,
            metric: Metric { name: "rows".into(), value: n as f64, unit: None, at: day(n), data_time: None },
        };
        let metrics: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h"].iter().map(|t| metric(29, t)).collect();
        let history = Arc::new(History::new(&evaluation(29), &metrics));
        give(&mut state, Event::Loaded { suites: Vec::new(), history });
        let harness = stage_with(state, Theme::dark(), size);
        let tiles = harness
            .get_all_by_role(Role::Button)
            .filter(|n| n.accesskit_node().label().is_some_and(|l| l.starts_with("Plot nightly.")));
        let edges: Vec<f32> = tiles.map(|n| n.rect().right()).collect();
        assert!(!edges.is_empty() && edges.iter().all(|x| *x <= size.x - 28.0), "{edges:?}");
    }
}

#[test]
fn the_other_suites_stand_below_the_one_in_front() {
    let mut records = evaluation(28);
    let other = evaluation(29).into_iter().map(|mut r| {
        r.suite = "checks/places.toml".into();
        r.evaluation = "p29".into();
        r
    });
    records.extend(other);
    let mut state = state();
    give(&mut state, Event::Loaded { suites: Vec::new(), history: Arc::new(History::new(&records, &[])) });
    state.quality.suite = Some("checks/delays.toml".into());
    let mut harness = stage(state);
    harness.get_by_label("Show suite places, 2 of 3").click();
    harness.run();
    assert!(sent(&harness).contains(&Command::SelectSuite("checks/places.toml".into())));
}

#[test]
fn a_point_is_annotated_and_begins_new_limits() {
    let mut h = stage(state());
    h.get_by_label("Annotate this point").click();
    h.run_steps(3);
    h.get_by_label("Note").type_text("New feed for G7");
    h.run_steps(2);
    h.get_by_label("New limits from here").click();
    h.run_steps(2);
    h.get_by_role_and_label(Role::Button, "Save note").click();
    h.run_steps(2);
    let note = h.state().sent.iter().find_map(|c| match c {
        AnyCommand::Quality(Command::Annotate(note)) => Some(note.clone()),
        _ => None,
    });
    let note = note.unwrap();
    assert_eq!((note.text.as_str(), note.new_limits), ("New feed for G7", true));
    assert_eq!(note.on, "check:checks/delays.toml:dep_delay_in_range");
    assert_eq!(note.at, day(29));
    assert!(h.query_by_label("Save note").is_none(), "the verdict is back");
}

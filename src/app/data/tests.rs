use std::sync::Arc;

use super::*;
use crate::{
    app::{Task as AnyTask, effect::Policy},
    base::time::FixedClock,
    model::table::{Bin, Cell, Kind, Op, Shape, Sort, Top},
};

const CLOCK: FixedClock = FixedClock(Timestamp::UNIX_EPOCH);

fn cx() -> Cx<'static> {
    Cx { clock: &CLOCK }
}

fn send(state: &mut AppState, c: Command) -> Vec<Effect> {
    command(state, c, &cx())
}

fn tasks(effects: Vec<Effect>) -> Vec<Task> {
    effects
        .into_iter()
        .filter_map(|e| match e {
            Effect::Start(Job { task: AnyTask::Data(task), .. }) => Some(task),
            _ => None,
        })
        .collect()
}

fn columns() -> Arc<[Column]> {
    Arc::from([
        Column::new("unit", "str", Kind::Text),
        Column::new("dep_delay", "i64", Kind::Int),
        Column::new("temp", "f64", Kind::Float),
    ])
}

fn table(rows: Option<u64>) -> OpenedTable {
    let row = vec![Cell::Text("min".into()), Cell::Int(3), Cell::Null];
    let page = Page { columns: columns(), first_row: 0, rows: vec![row; 200], total_rows: rows.unwrap_or(201) };
    OpenedTable { columns: columns(), rows, notes: vec![], page: Arc::new(page), elapsed_ms: 9, needs_prepare: false }
}

/// A state with one opened table of 18,732 rows.
fn opened_state() -> (AppState, TabId) {
    let mut state = AppState::default();
    let started = tasks(send(&mut state, Command::Open("data/a.parquet".into())));
    let Some(Task::Open { tab, .. }) = started.first() else { panic!("{started:?}") };
    let tab = *tab;
    event(&mut state, Event::Opened { tab, table: table(Some(18_732)) }, &cx());
    (state, tab)
}

fn filter() -> Filter {
    Filter::new("unit", Kind::Text, Op::Eq, &["hhmm"])
}

#[test]
fn a_file_is_opened_once() {
    let (mut state, tab) = opened_state();
    assert_eq!(state.shell.page, ShellPage::Data);
    assert_eq!(state.data.active().unwrap().title, "a.parquet");
    assert!(send(&mut state, Command::Open("data/a.parquet".into())).is_empty());
    assert_eq!(state.data.tabs.len(), 1);
    assert_eq!(state.data.active().unwrap().shown_rows(), 18_732);
    let ended = send(&mut state, Command::Close(tab));
    assert!(ended.iter().any(|e| matches!(e, Effect::Cancel(key) if key.starts_with("data.profile"))));
    assert!(state.data.active().is_none());
}

#[test]
fn a_file_that_failed_is_tried_again_when_opened_again() {
    let mut state = AppState::default();
    send(&mut state, Command::Open("data/a.csv".into()));
    let tab = state.data.tabs[0].id;
    event(&mut state, Event::OpenFailed { tab, error: Error::user("data/a.csv is empty") }, &cx());
    assert_eq!(state.data.active().unwrap().error.as_ref().unwrap().what, "data/a.csv is empty");
    assert_eq!(tasks(send(&mut state, Command::Open("data/a.csv".into()))).len(), 1);
}

#[test]
fn steps_make_revisions_and_late_answers_are_dropped() {
    let (mut state, tab) = opened_state();
    let asked = tasks(send(&mut state, Command::AddFilter { tab, filter: filter() }));
    assert!(matches!(&asked[0], Task::View { revision: 1, .. }), "{asked:?}");
    send(&mut state, Command::SortBy { tab, column: 1 });
    send(&mut state, Command::SortBy { tab, column: 1 });
    let now = state.data.active().unwrap();
    assert_eq!(now.revision, 3);
    assert_eq!(now.sql, "SELECT * FROM 'data/a.parquet'\nWHERE unit = 'hhmm' ORDER BY dep_delay DESC NULLS LAST");
    assert_eq!(now.sort(), [(1, true)]);
    let viewed = |revision, rows| Event::Viewed {
        tab,
        revision,
        rows,
        step_rows: vec![Some(rows); 2],
        page: table(Some(rows)).page,
        elapsed_ms: 1,
        needs_prepare: false,
    };
    event(&mut state, viewed(1, 7), &cx());
    assert!(state.data.active().unwrap().loading, "an answer to an older question");
    event(&mut state, viewed(3, 1_284), &cx());
    assert_eq!(state.data.active().unwrap().shown_rows(), 1_284);
    send(&mut state, Command::SortBy { tab, column: 1 });
    assert_eq!(state.data.active().unwrap().steps.len(), 1, "the third click takes the sort away");
    for _ in 0..4 {
        send(&mut state, Command::UndoSteps(tab));
    }
    assert!(state.data.active().unwrap().steps.is_empty());
}

#[test]
fn steps_are_switched_off_moved_and_deleted() {
    let (mut state, tab) = opened_state();
    send(&mut state, Command::SortBy { tab, column: 0 });
    send(&mut state, Command::AddFilter { tab, filter: filter() });
    assert!(matches!(state.data.tabs[0].steps[0], Step::Filter { .. }), "filters stand before sorts");
    send(&mut state, Command::ToggleStep { tab, index: 0 });
    assert_eq!(state.data.tabs[0].spec().filters.len(), 0);
    send(&mut state, Command::MoveStep { tab, index: 0, up: false });
    assert!(matches!(state.data.tabs[0].steps[1], Step::Filter { on: false, .. }));
    send(&mut state, Command::DeleteStep { tab, index: 1 });
    send(&mut state, Command::DeleteStep { tab, index: 9 });
    assert_eq!(state.data.tabs[0].steps.len(), 1);
}

#[test]
fn an_edited_query_becomes_steps_or_a_query() {
    let (mut state, tab) = opened_state();
    let sql = "select * from 'data/a.parquet' where dep_delay between 1 and 5 order by temp desc";
    let asked = tasks(send(&mut state, Command::RunSql { tab, sql: sql.into() }));
    assert!(matches!(&asked[0], Task::View { steps, .. } if steps.len() == 2), "{asked:?}");
    let by = Sort { column: "temp".into(), descending: true };
    assert_eq!(state.data.tabs[0].steps[1], Step::Sort { by, on: true });
    let sql = "SELECT unit, COUNT(*) FROM 'data/a.parquet' GROUP BY unit";
    let asked = tasks(send(&mut state, Command::RunSql { tab, sql: sql.into() }));
    assert!(matches!(&asked[0], Task::Query { .. }), "{asked:?}");
    let error = Error::user("There is no column unti");
    event(&mut state, Event::QueryFailed { tab, error }, &cx());
    let now = state.data.active().unwrap();
    assert!(now.view_error.is_some() && now.error.is_none() && now.rows == Some(18_732), "old rows stay");
    event(&mut state, Event::Queried { tab, sql: sql.into(), table: table(Some(2)) }, &cx());
    let now = state.data.active().unwrap();
    assert_eq!((now.steps.len(), now.shown_rows(), &now.origin), (0, 2, &Origin::Query(sql.into())));
    send(&mut state, Command::AddFilter { tab, filter: filter() });
    assert!(state.data.active().unwrap().sql.starts_with("SELECT * FROM (\nSELECT unit"));
}

#[test]
fn rows_are_asked_for_once_and_belong_to_their_revision() {
    let (mut state, tab) = opened_state();
    assert!(send(&mut state, Command::NeedRows { tab, rows: 0..40 }).is_empty(), "the first page came with the table");
    let asked = tasks(send(&mut state, Command::NeedRows { tab, rows: 5_000..5_040 }));
    assert!(matches!(&asked[0], Task::Pages { pages, .. } if pages[0] == 25), "{asked:?}");
    assert!(send(&mut state, Command::NeedRows { tab, rows: 5_001..5_041 }).is_empty());
    let page = Page { columns: columns(), first_row: 5_000, rows: vec![vec![Cell::Int(1)]], total_rows: 18_732 };
    event(&mut state, Event::Page { tab, revision: 9, page: Arc::new(page.clone()) }, &cx());
    assert!(state.data.tabs[0].pages.cell(5_000, 0).is_none());
    event(&mut state, Event::Page { tab, revision: 0, page: Arc::new(page) }, &cx());
    assert!(state.data.tabs[0].pages.cell(5_000, 0).is_some());
}

#[test]
fn a_bar_of_a_histogram_is_a_filter() {
    let (mut state, tab) = opened_state();
    let mut delays = ColumnProfile::empty(columns()[1].clone());
    delays.shape = Shape::Histogram(vec![Bin { from: 0.0, to: 7.5, count: 3 }, Bin { from: 7.5, to: 15.0, count: 4 }]);
    let mut units = ColumnProfile::empty(columns()[0].clone());
    units.shape = Shape::Top(vec![Top { value: Cell::Text("hhmm".into()), count: 3 }]);
    event(&mut state, Event::Profiles { tab, profiles: vec![units, delays] }, &cx());
    send(&mut state, Command::FilterBar { tab, column: 1, bar: 0 });
    send(&mut state, Command::FilterBar { tab, column: 1, bar: 1 });
    send(&mut state, Command::FilterBar { tab, column: 0, bar: 0 });
    let filters = state.data.tabs[0].spec().filters;
    let labels: Vec<_> = filters.iter().map(Filter::label).collect();
    assert_eq!(labels, ["dep_delay in 0\u{2026}7", "dep_delay in 8\u{2026}15", "unit is hhmm"]);
}

#[test]
fn a_changed_file_is_marked_and_its_steps_survive_reading_it_again() {
    let (mut state, tab) = opened_state();
    send(&mut state, Command::AddFilter { tab, filter: filter() });
    files_changed(&mut state, &["data/b.csv".into()], &cx());
    assert!(!state.data.tabs[0].stale);
    files_changed(&mut state, &["data/a.parquet".into()], &cx());
    assert!(state.data.tabs[0].stale);
    send(&mut state, Command::Reload(tab));
    let effects = event(&mut state, Event::Opened { tab, table: table(Some(5)) }, &cx());
    assert!(!state.data.tabs[0].stale);
    assert!(tasks(effects).iter().any(|t| matches!(t, Task::View { steps, .. } if steps.len() == 1)));
}

#[test]
fn one_export_at_a_time() {
    let (mut state, tab) = opened_state();
    let effects = send(&mut state, Command::Export { tab, path: "out.csv".into() });
    assert!(matches!(&effects[0], Effect::Start(job) if job.policy == Policy::Reject));
}

#[test]
fn a_chart_follows_the_rows_and_a_step_its_place() {
    use crate::model::table::chart::Mark;
    let (mut state, tab) = opened_state();
    let asked = tasks(send(&mut state, Command::Show { tab, face: Face::Chart }));
    let [Task::Chart { revision: 0, spec, .. }] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((spec.mark, spec.x.as_str()), (Mark::Histogram, "dep_delay"), "the focused column");
    send(&mut state, Command::AddFilter { tab, filter: filter() });
    let viewed = Event::Viewed {
        tab,
        revision: 1,
        rows: 1_284,
        step_rows: vec![Some(1_284)],
        page: table(Some(1_284)).page,
        elapsed_ms: 1,
        needs_prepare: false,
    };
    let asked = tasks(event(&mut state, viewed, &cx()));
    assert!(asked.iter().any(|t| matches!(t, Task::Chart { revision: 1, .. })), "{asked:?}");
    let other = Filter::new("dep_delay", Kind::Int, Op::Gt, &["10"]);
    send(&mut state, Command::AddFilter { tab, filter: other });
    send(&mut state, Command::SortBy { tab, column: 2 });
    send(&mut state, Command::MoveStepTo { tab, index: 2, to: 0 });
    let steps = &state.data.active().unwrap().steps;
    assert!(matches!(steps[0], Step::Sort { .. }) && steps.len() == 3, "{steps:?}");
    send(&mut state, Command::UndoSteps(tab));
    assert!(matches!(state.data.active().unwrap().steps[2], Step::Sort { .. }));
}

//! The data page and its table widget.
use std::sync::Arc;

use andon::{
    app::{AppState, Command as AnyCommand, Cx, data, shell::Page as ShellPage},
    base::{Error, time::FixedClock},
    model::table::{
        Cell, Column, ColumnProfile, Filter, Kind, Op, Page, Step,
        chart::{Chart, Point},
    },
    ui::{
        theme::{Theme, install_fonts},
        widgets::grid::{DataGrid, GridView, Rows, Shown},
    },
};
use egui::{Key, Modifiers, accesskit::Role};
use egui_kittest::{Harness, kittest::Queryable};

use crate::support::{Stage, morning, stage, stage_with};

const CTRL: Modifiers = Modifiers { ctrl: true, command: true, ..Modifiers::NONE };

/// Ten million rows that say their own place.
struct Endless {
    cells: Vec<Cell>,
    total: u64,
    read: std::cell::Cell<usize>,
}

impl Rows for Endless {
    fn total(&self) -> u64 {
        self.total
    }
    fn cell(&self, row: u64, column: usize) -> Option<&Cell> {
        self.read.set(self.read.get() + 1);
        self.cells.get((row as usize * 31 + column * 7) % self.cells.len())
    }
}

struct Table {
    rows: Endless,
    columns: Vec<Column>,
    view: GridView,
    shown: Shown,
    theme: Theme,
    ready: bool,
}

fn table(total: u64) -> Harness<'static, Table> {
    let columns = (0..20).map(|i| Column::new(format!("column_{i}"), "i64", Kind::Int)).collect();
    let cells = (0..997).map(|i| Cell::Int(i * 7919)).collect();
    let (view, shown) = Default::default();
    let state = Table {
        rows: Endless { cells, total, read: Default::default() },
        columns,
        view,
        shown,
        theme: Theme::dark(),
        ready: false,
    };
    let draw = |ui: &mut egui::Ui, t: &mut Table| {
        if !std::mem::replace(&mut t.ready, true) {
            install_fonts(ui.ctx());
            t.theme.apply(ui.ctx());
            ui.ctx().request_repaint();
            return;
        }
        t.shown = DataGrid::new("Flights", &t.columns, &t.rows).show(ui, &t.theme, &mut t.view);
    };
    let mut harness = Harness::builder().with_size(egui::vec2(1400.0, 900.0)).build_ui_state(draw, state);
    harness.run_steps(3);
    harness
}

#[test]
fn keys_reach_every_row_of_ten_million_exactly() {
    let mut h = table(10_000_000);
    assert_eq!(h.state().shown.rows.start, 0);
    let fit = h.state().shown.rows.end;
    h.get_by_role_and_label(Role::Grid, "Flights").focus();
    h.run_steps(2);
    h.key_press_modifiers(CTRL, Key::End);
    h.run_steps(2);
    assert_eq!(h.state().view.cursor(), Some((9_999_999, 19)));
    assert_eq!(h.state().shown.rows.end, 10_000_000);
    assert!(h.state().shown.rows.start >= 10_000_000 - fit - 1);
    let node = h.get_by_role_and_label(Role::Grid, "Flights");
    assert!(node.value().unwrap().starts_with("Row 10,000,000, column_19: "), "{:?}", node.value());
    h.key_press(Key::ArrowUp);
    h.key_press_modifiers(Modifiers::SHIFT, Key::PageUp);
    h.run_steps(2);
    let selected = h.state().view.selection().unwrap();
    assert_eq!((selected.rows.end, selected.columns), (9_999_999, 19..20));
    h.key_press_modifiers(CTRL, Key::Home);
    h.run_steps(2);
    assert_eq!((h.state().view.cursor(), h.state().view.top()), (Some((0, 0)), 0.0));
}

#[test]
fn going_to_a_row_shows_that_row_whole() {
    let mut h = table(10_000_000);
    for row in [1_000_000, 8_388_609, 9_999_999, 0] {
        h.state_mut().view.go_to(row, 3);
        h.run_steps(2);
        let (top, shown) = (h.state().view.top(), h.state().shown.rows.clone());
        assert!(shown.contains(&row) && top <= row as f64, "{row}: {shown:?} from {top}");
    }
}

#[test]
fn a_frame_reads_only_what_is_visible() {
    let mut h = table(10_000_000);
    for row in [5, 5_000_000, 9_999_999] {
        h.state_mut().view.go_to(row, 0);
        h.run_steps(2);
        h.state().rows.read.set(0);
        h.step();
        let rows = (h.state().shown.rows.end - h.state().shown.rows.start) as usize;
        // Every visible cell once, and the selected one again for screen readers.
        let read = h.state().rows.read.get();
        assert!(read > rows && read <= rows * 20 + 2, "{read} cells read for {rows} rows");
    }
}

#[test]
fn heads_sort_and_say_so() {
    let mut h = table(100);
    h.get_by_label("column_3").click();
    h.run_steps(1);
    let mut sorted = h.state().shown.sort;
    for _ in 0..2 {
        if sorted.is_none() {
            h.step();
            sorted = h.state().shown.sort;
        }
    }
    assert!(sorted == Some(3) || h.state().view.cursor() == Some((0, 3)));
}

fn columns() -> Arc<[Column]> {
    Arc::from([
        Column::new("carrier", "str", Kind::Text),
        Column::new("dep_delay", "i64", Kind::Int),
        Column::new("temp_c", "f64", Kind::Float),
    ])
}

fn opened(rows: u64) -> AppState {
    let mut state = AppState::default();
    state.workspace.root = Some("/w/demo".into());
    state.workspace.name = "demo".into();
    state.workspace.trusted = true;
    state.shell.page = ShellPage::Data;
    let clock = FixedClock(morning());
    let cx = Cx { clock: &clock };
    data::command(&mut state, data::Command::Open("data/flights.parquet".into()), &cx);
    let tab = state.data.active.unwrap();
    let row = |i: u64| vec![Cell::Text(format!("G{i}")), Cell::Int(i as i64 * 100), Cell::Null];
    let page = Page { columns: columns(), first_row: 0, rows: (0..rows.min(200)).map(row).collect(), total_rows: rows };
    let table = data::OpenedTable {
        columns: columns(),
        rows: Some(rows),
        notes: vec!["No header row was found: columns are numbered".into()],
        page: Arc::new(page),
        elapsed_ms: 9,
        needs_prepare: false,
    };
    data::event(&mut state, data::Event::Opened { tab, table }, &cx);
    let profiles = columns().iter().map(|c| ColumnProfile { rows, ..ColumnProfile::empty(c.clone()) }).collect();
    data::event(&mut state, data::Event::Profiles { tab, profiles }, &cx);
    state
}

fn sent(h: &Harness<'_, Stage>) -> Vec<data::Command> {
    let data = |c: &AnyCommand| match c {
        AnyCommand::Data(data::Command::NeedRows { .. }) => None,
        AnyCommand::Data(c) => Some(c.clone()),
        _ => None,
    };
    h.state().sent.iter().filter_map(data).collect()
}

#[test]
fn a_table_shows_its_query_steps_and_count() {
    for (theme, size) in [(Theme::dark(), (1440.0, 900.0)), (Theme::light(), (1024.0, 700.0))] {
        let mut h = stage_with(opened(18_732), theme, size.into());
        h.run_steps(3);
        h.get_by_role_and_label(Role::Grid, "Rows of flights.parquet");
        assert!(h.query_all_by_label_contains("of 18,732").next().is_some());
        h.get_by_role_and_label(Role::Button, "To notebook").click();
        h.run_steps(2);
        assert!(sent(&h).iter().any(|c| matches!(c, data::Command::ToNotebook(_))));
    }
}

#[test]
fn f_opens_a_filter_and_enter_adds_it() {
    let mut h = stage(opened(18_732));
    h.run_steps(3);
    h.key_press(Key::F);
    h.run_steps(3);
    let value = h.get_by_label("Value");
    value.focus();
    value.type_text("1440");
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(2);
    let filter = Filter::new("dep_delay", Kind::Int, Op::Eq, &["1440"]);
    let added = sent(&h).into_iter().find(|c| matches!(c, data::Command::AddFilter { .. }));
    let Some(data::Command::AddFilter { filter: got, .. }) = added else { panic!("{:?}", sent(&h)) };
    assert_eq!(got, filter);
    assert_eq!(h.state().state.data.active().unwrap().steps, [Step::Filter { filter, on: true }]);
    h.run_steps(2);
    h.get_by_label("Remove the filter dep_delay is 1440").click();
    h.run_steps(2);
    assert!(h.state().state.data.active().unwrap().steps.is_empty());
}

#[test]
fn a_file_that_cannot_be_read_says_why_in_place() {
    let mut state = opened(3);
    let tab = state.data.active.unwrap();
    let error = Error::user("data/flights.csv is not a table: it is a PNG image").hint("Open a data file");
    let clock = FixedClock(morning());
    data::event(&mut state, data::Event::OpenFailed { tab, error }, &Cx { clock: &clock });
    let mut h = stage(state);
    h.run_steps(2);
    h.get_by_label("data/flights.csv is not a table: it is a PNG image");
    h.get_by_role_and_label(Role::Button, "Try again").click();
    h.run_steps(2);
    assert!(sent(&h).contains(&data::Command::Reload(tab)));
}

#[test]
fn without_data_the_page_says_what_to_do() {
    let mut state = opened(3);
    state.data = data::State::default();
    let h = stage(state);
    assert!(h.query_all_by_label_contains("no data files yet").next().is_some());
}

#[test]
fn a_wrong_query_keeps_the_rows_and_offers_to_undo() {
    let mut state = opened(18_732);
    let tab = state.data.active.unwrap();
    let error = Error::user("There is no column dep_dely").hint("Did you mean dep_delay?");
    let clock = FixedClock(morning());
    data::event(&mut state, data::Event::QueryFailed { tab, error }, &Cx { clock: &clock });
    let mut h = stage(state);
    h.run_steps(2);
    h.get_by_label("Did you mean dep_delay?");
    h.get_by_role_and_label(Role::Grid, "Rows of flights.parquet");
}

#[test]
fn a_check_is_written_from_a_profile_after_a_look_at_its_lines() {
    for size in [(1440.0, 900.0), (1024.0, 700.0)] {
        let mut h = stage_with(opened(18_732), Theme::dark(), size.into());
        h.run_steps(3);
        h.get_by_role_and_label(Role::Button, "Add as check").click();
        h.run_steps(3);
        assert!(h.query_all_by_label_contains("column = \"dep_delay\"").next().is_some(), "the lines are shown");
        h.get_by_role_and_label(Role::Button, "Add to a new file").click();
        h.run_steps(2);
        let added = sent(&h).into_iter().find_map(|c| match c {
            data::Command::AddCheck { path, head, block, .. } => Some((path, head, block)),
            _ => None,
        });
        let (path, head, block) = added.expect("the check is added");
        assert_eq!((path.as_str(), head.contains("data/flights.parquet")), ("checks/flights.toml", true));
        assert!(block.starts_with("[[check]]\n"), "{block}");
    }
}

#[test]
fn the_chart_follows_the_columns() {
    let mut h = stage(opened(18_732));
    h.run_steps(3);
    h.get_by_role_and_label(Role::RadioButton, "Chart").click();
    h.run_steps(3);
    let tab = h.state().state.data.active().unwrap();
    assert_eq!(tab.face, data::Face::Chart);
    let spec = tab.chart_spec.clone().unwrap();
    let (id, point) = (tab.id, |x: f64| Point { x, to: x + 10.0, y: x + 1.0, low: 0.0, high: 0.0 });
    let points = (0..24).map(|i| point(f64::from(i) * 10.0)).collect();
    let chart =
        Chart { spec: spec.clone(), points, labels: vec![], x_kind: Kind::Int, rows: 18_732, note: String::new() };
    let clock = FixedClock(morning());
    let charted = data::Event::Charted { tab: id, revision: 0, spec, chart: Ok(Arc::new(chart)) };
    data::event(&mut h.state_mut().state, charted, &Cx { clock: &clock });
    h.run_steps(3);
    h.get_by_label("Rows by dep_delay");
    h.get_by_role_and_label(Role::Image, "Histogram of Rows by dep_delay");
    h.get_by_role_and_label(Role::RadioButton, "Bars").click();
    h.run_steps(2);
    assert!(sent(&h).iter().any(|c| matches!(c, data::Command::SetChart { .. })));
}

#[test]
fn escape_gives_up_an_export() {
    let mut h = stage(opened(18_732));
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(2);
    h.get_by_label("Export 18,732 rows");
    h.key_press(Key::Escape);
    h.run_steps(2);
    assert!(h.query_by_label("Export 18,732 rows").is_none());
}

#[test]
fn the_foot_speaks_of_rows_in_sight_only_where_rows_are() {
    let mut h = stage(opened(18_732));
    h.run_steps(3);
    h.get_by_role_and_label(Role::RadioButton, "Profile").click();
    h.run_steps(3);
    h.get_by_label("18,732 rows, 3 columns");
}

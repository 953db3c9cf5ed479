//! The quality page: control charts, suites over runs, metrics of the latest runs, and what each check found.
mod checks;
mod overview;
mod plot;
mod rows;
mod scale;
mod suite_grid;

use std::collections::BTreeMap;

use egui::{Align, Layout, Ui};

use super::{PageCx, widgets::grid::GridView};
use crate::{
    app::{
        quality::{CHECK_JOB, Command, Range, View as PageView},
        shell,
    },
    model::{
        quality::{Status, note::Note},
        series::Axis,
    },
    ui::{
        theme::Mark,
        widgets::{Btn, empty_state, error_box, page_head, progress_bar, segmented},
    },
};

/// What only the page itself needs to remember.
#[derive(Debug, Default)]
pub struct View {
    /// Instant under the pointer, shown on every plot; the axis it counts on.
    cursor: Option<(f64, Axis)>,
    /// Point of the chart in front that keys have reached.
    dot: Option<(String, usize)>,
    /// Values being typed for parameters that a suite needs.
    params: BTreeMap<(String, String), String>,
    /// The note being written.
    note: Option<Draft>,
    rows: GridView,
    /// The query whose rows `rows` scrolls.
    rows_of: String,
}

/// A note being written on a chart.
#[derive(Debug)]
struct Draft {
    note: Note,
    /// It is there already, so that it may be taken away.
    exists: bool,
    /// It has just been opened and takes the keys.
    fresh: bool,
}

/// A suite to begin with, for the clipboard.
const EXAMPLE: &str = "\
# checks/flights.toml
name = \"flights\"
data = \"data/flights.parquet\"

[[check]]
id = \"enough_rows\"
kind = \"row_count\"
min = 1000

[[check]]
id = \"delay_in_range\"
kind = \"in_range\"
column = \"delay\"
min = -60
max = 1440
mostly = 0.99
";

/// Draws the page.
pub fn page_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    head_ui(ui, cx);
    let q = &cx.state.quality;
    if let Some(error) = &q.error {
        egui::Frame::NONE.inner_margin(16).show(ui, |ui| {
            if error_box(ui, cx.theme, error, &["Read again"]) == Some(0) {
                cx.send(Command::Reload);
            }
        });
        return;
    }
    if !q.loaded {
        return;
    }
    if q.suites.is_empty() && q.history.is_empty() {
        let sentence = "No checks and no metrics yet: a suite is one TOML file in checks/, metrics come from runs";
        if empty_state(ui, cx.theme, "activity", sentence, &["Copy an example suite"]) == Some(0) {
            cx.send(shell::Command::Copy(EXAMPLE.to_owned()));
        }
        return;
    }
    match q.view {
        PageView::Overview => overview::overview_ui(ui, cx, view),
        PageView::Checks => checks::checks_ui(ui, cx, view),
    }
}

fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    page_head(ui, theme, "Quality & metrics", "", |ui| {
        let q = &cx.state.quality;
        let views = [(PageView::Overview, "Overview"), (PageView::Checks, "Checks")];
        if let Some(chosen) = segmented(ui, theme, q.view, &views) {
            cx.send(Command::Show(chosen));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            run_button(ui, cx);
            if cx.state.quality.view == PageView::Overview {
                range_ui(ui, cx);
            }
        });
    });
}

fn run_button(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let (theme, q) = (cx.theme, &cx.state.quality);
    if q.running.is_empty() {
        let none = q.suites.is_empty().then_some("There is no suite in checks/");
        let label = match q.suites.len() {
            1 => "Run 1 suite".to_owned(),
            n if n > 1 => format!("Run {n} suites"),
            _ => "Run checks".to_owned(),
        };
        if Btn::new(&label).icon("play").primary().disabled(none).show(ui, theme).clicked() {
            cx.send(Command::RunChecks { paths: Vec::new(), params: BTreeMap::new() });
        }
        return;
    }
    let job = cx.state.jobs.iter().find(|j| j.key == CHECK_JOB);
    let share = job.and_then(|j| j.share);
    let note = job.map(|j| j.note.clone()).filter(|n| !n.is_empty());
    if Btn::new("Cancel").icon("x").show(ui, theme).clicked() {
        cx.send(Command::CancelChecks);
    }
    progress_bar(ui, theme, share, 96.0);
    ui.label(theme.small(note.unwrap_or_else(|| "Checking".to_owned())));
}

fn range_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let (theme, q) = (cx.theme, &cx.state.quality);
    let ranges =
        [(Range::Days7, "7 days"), (Range::Days30, "30 days"), (Range::Days90, "90 days"), (Range::All, "All")];
    if let Some(range) = segmented(ui, theme, q.range, &ranges) {
        cx.send(Command::SetRange(range));
    }
    if q.history.has_data_time {
        let axes = [(Axis::Data, "By data date"), (Axis::Run, "By run time")];
        if let Some(axis) = segmented(ui, theme, q.axis(), &axes) {
            cx.send(Command::SetAxis(axis));
        }
    }
}

/// The mark of a status.
fn mark_of(status: Status) -> Mark {
    match status {
        Status::Passed | Status::Info => Mark::Success,
        Status::Warning => Mark::Warning,
        Status::Failed => Mark::Failed,
        Status::Error => Mark::Unknown,
    }
}

/// Opens a check file with the system's editor.
fn open_file(cx: &mut PageCx<'_>, path: &str) {
    if let Some(root) = &cx.state.workspace.root {
        let file = root.join(path).display().to_string();
        cx.send(shell::Command::OpenUrl(file));
    }
}

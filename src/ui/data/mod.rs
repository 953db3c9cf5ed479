//! The data page: sources at the left, the open table with its chips and query, steps and profile at the right.
mod chart;
mod check;
mod filter;
mod foot;
mod inspector;
mod profile;
mod query;
mod sources;
mod tabs;

use std::collections::HashMap;

use egui::{CentralPanel, Frame, Ui};

use super::{
    PageCx,
    widgets::{
        self,
        grid::{DataGrid, GridView, Rows, selection_text},
    },
};
use crate::{
    app::{
        data::{Command, Face, Tab, TabId},
        shell::Command as ShellCommand,
    },
    model::table::Cell,
};

/// What only the page itself needs to remember.
#[derive(Debug, Default)]
pub struct View {
    sources: sources::View,
    grids: HashMap<TabId, GridView>,
    profile_grid: GridView,
    queries: HashMap<TabId, query::Draft>,
    adding: Option<filter::Draft>,
    exporting: Option<String>,
    /// A check being written.
    checking: Option<check::Pending>,
    /// Steps being dragged start at this one.
    dragging: Option<usize>,
    /// The inspector was asked for in a window too narrow to show it by itself.
    inspect: bool,
}

/// The rows of a tab as the grid reads them.
struct TabRows<'a>(&'a Tab);

impl Rows for TabRows<'_> {
    fn total(&self) -> u64 {
        self.0.shown_rows()
    }
    fn cell(&self, row: u64, column: usize) -> Option<&Cell> {
        self.0.pages.cell(row, column)
    }
}

/// Draws the page.
pub fn page_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let width = ui.available_width();
    let narrow = width < 1100.0;
    if !cx.state.shell.hide_navigator {
        let wide = if narrow { 212.0 } else { 264.0 };
        let id = if narrow { "data-sources-narrow" } else { "data-sources" };
        widgets::left_panel(ui, cx.theme, id, wide, |ui| sources::sources_ui(ui, cx, &mut view.sources));
    }
    let state = cx.state;
    let Some(tab) = state.data.active() else {
        CentralPanel::no_frame().frame(Frame::NONE.fill(cx.theme.bg)).show(ui, |ui| empty_ui(ui, cx));
        return;
    };
    let shown = if narrow { view.inspect } else { !state.shell.hide_inspector };
    if shown && tab.error.is_none() {
        let grid = view.grids.entry(tab.id).or_default();
        widgets::right_panel(ui, cx.theme, "data-inspector", 280.0, |ui| {
            inspector::inspector_ui(ui, cx, tab, grid, &mut view.dragging);
        });
    }
    CentralPanel::no_frame().frame(Frame::NONE.fill(cx.theme.bg)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        table_ui(ui, cx, view, tab, narrow);
    });
    view.grids.retain(|id, _| state.data.tab(*id).is_some());
    view.queries.retain(|id, _| state.data.tab(*id).is_some());
}

fn empty_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let first = cx.state.workspace.files(crate::model::workspace::FileKind::Data).next().map(|e| e.path.clone());
    let Some(path) = first else {
        let sentence = "This folder has no data files yet: put CSV, Parquet, JSON or Arrow files below data/";
        widgets::empty_state(ui, cx.theme, "table-2", sentence, &[]);
        return;
    };
    let label = format!("Open {}", path.rsplit('/').next().unwrap_or(&path));
    let sentence = "Choose a file at the left to see its rows and the shape of every column";
    if widgets::empty_state(ui, cx.theme, "table-2", sentence, &[&label]).is_some() {
        cx.send(Command::Open(path));
    }
}

fn table_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, tab: &Tab, narrow: bool) {
    tabs::tabs_ui(ui, cx);
    if let Some(error) = &tab.error {
        ui.add_space(16.0);
        Frame::NONE.inner_margin(16).show(ui, |ui| {
            match widgets::error_box(ui, cx.theme, error, &["Try again", "Close"]) {
                Some(0) => cx.send(Command::Reload(tab.id)),
                Some(_) => cx.send(Command::Close(tab.id)),
                None => {}
            }
        });
        return;
    }
    filter::chips_ui(ui, cx, view, tab, narrow);
    query::query_ui(ui, cx, view.queries.entry(tab.id).or_default(), tab);
    if let Some(error) = &tab.view_error {
        Frame::NONE.inner_margin(12).show(ui, |ui| {
            let actions: &[&str] = if tab.past.is_empty() { &[] } else { &["Undo the last step"] };
            if widgets::error_box(ui, cx.theme, error, actions).is_some() {
                cx.send(Command::UndoSteps(tab.id));
            }
        });
    }
    check::check_ui(ui, cx, view, tab);
    let body = egui::vec2(ui.available_width(), ui.available_height() - 28.0);
    ui.allocate_ui(body, |ui| {
        ui.set_min_size(body);
        match tab.face {
            Face::Profile => profile::profile_ui(ui, cx, &mut view.profile_grid, tab),
            Face::Chart => chart::chart_ui(ui, cx, tab),
            Face::Grid => grid_ui(ui, cx, view.grids.entry(tab.id).or_default(), tab),
        }
    });
    foot::foot_ui(ui, cx, view.grids.entry(tab.id).or_default(), tab);
}

fn grid_ui(ui: &mut Ui, cx: &mut PageCx<'_>, grid: &mut GridView, tab: &Tab) {
    if tab.columns.is_empty() {
        if tab.loading {
            waiting_ui(ui, cx, tab);
        } else {
            widgets::empty_state(ui, cx.theme, "table-2", "This table has no columns", &[]);
        }
        return;
    }
    let rows = TabRows(tab);
    let sort = tab.sort();
    let name = format!("Rows of {}", tab.title);
    let shown = DataGrid::new(&name, &tab.columns, &rows).profiles(&tab.profiles).sort(&sort).show(ui, cx.theme, grid);
    cx.send(Command::NeedRows { tab: tab.id, rows: shown.rows });
    if let Some(column) = shown.sort {
        cx.send(Command::SortBy { tab: tab.id, column });
        grid.reset();
    }
    if let Some((column, bar)) = shown.bar {
        cx.send(Command::FilterBar { tab: tab.id, column, bar });
    }
    if let Some((_, column)) = grid.cursor()
        && shown.moved
        && tab.focus != Some(column)
    {
        cx.send(Command::Focus { tab: tab.id, column });
    }
    if let Some(selection) = shown.copy {
        match selection_text(&rows, &tab.columns, &selection) {
            Some(text) => cx.send(ShellCommand::Copy(text)),
            None => cx.send(Command::CopyRows { tab: tab.id, rows: selection.rows, columns: selection.columns }),
        }
    }
    if tab.shown_rows() == 0 && !tab.loading {
        let rect = ui.min_rect();
        let sentence = if tab.steps.is_empty() { "The table has no rows" } else { "No row is left after the filters" };
        let font = cx.theme.font(13.0);
        ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, sentence, font, cx.theme.muted);
    }
}

fn waiting_ui(ui: &mut Ui, cx: &mut PageCx<'_>, tab: &Tab) {
    // Anything that comes within a tenth of a second needs no word.
    let waited = tab.since.map_or(0, |s| cx.now.as_millisecond() - s.as_millisecond());
    if waited < 100 {
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(100));
        return;
    }
    ui.add_space(48.0);
    ui.vertical_centered(|ui| {
        ui.label(cx.theme.muted(format!("Opening {}", tab.title)));
        ui.add_space(8.0);
        widgets::progress_bar(ui, cx.theme, None, 160.0);
        ui.add_space(12.0);
        if widgets::Btn::new("Stop").quiet().show(ui, cx.theme).clicked() {
            cx.send(Command::Stop(tab.id));
            cx.send(Command::Close(tab.id));
        }
    });
}

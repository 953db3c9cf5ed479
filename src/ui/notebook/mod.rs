//! The notebook page: files and outline at the left, tabs, toolbar and cells in the middle, facts at the right.
//!
//! `cells` lays out only what is visible, `cell` draws one, `outputs` what it put out, `keys` turns keys into
//! commands, `find` is the bar that finds and replaces, `banner` asks what to do about conflicts, drafts and errors.
mod assist;
mod banner;
mod cell;
mod cells;
pub mod dropping;
mod find;
mod history;
mod inspector;
pub mod kernels;
mod keys;
mod line;
mod marks;
mod menu;
mod metadata;
mod navigator;
mod outputs;
mod tabs;
mod tested;
mod text_file;

use std::collections::HashMap;

use egui::{CentralPanel, Frame, Id, Ui};

use super::{
    PageCx, search,
    theme::Mark,
    widgets::{empty_state, error_box, left_panel, right_panel},
};
use crate::{
    app::notebook::{Body, CellState, Command, Doc, DocId},
    model::notebook::CellKey,
};

/// A cell of a document.
type Place = (DocId, CellKey);

/// What only the page itself needs to remember.
#[derive(Default)]
pub struct View {
    /// The editor that got the focus last.
    focus_given: Option<Place>,
    /// The cell that was edited in the last frame.
    edited: Option<Place>,
    texts: HashMap<Place, cell::Text>,
    files: HashMap<DocId, text_file::Shown>,
    find: find::Bar,
    spot: marks::Spot,
    line: line::Bar,
    history: history::View,
    search: search::View,
    /// The requests for the keyboard that were done last.
    grabbed: HashMap<DocId, u64>,
    heights: HashMap<Place, f32>,
    /// Width the heights were measured for.
    width: f32,
    /// Where the list is to be scrolled with the next frame, so that growing cells above move nothing.
    offset: Option<f32>,
    /// How much has grown inside of a cell, above what is seen.
    grown: f32,
    /// The request to bring a cell into view that was done last.
    revealed: HashMap<DocId, u64>,
    /// Frames for which the selected cell is still brought into view, while heights settle.
    reveal_frames: u8,
    outputs: outputs::Cache,
    /// First key of a pair such as D D, and when it was pressed.
    first_key: Option<(egui::Key, f64)>,
    /// The answer being typed for `input()`.
    answer: String,
    save_as: Option<(DocId, String)>,
    assist: assist::View,
    dialogs: super::runs::Dialogs,
    places: dropping::Places,
    metadata: metadata::Shown,
    /// The inspector was asked for in a window too narrow to show it by itself.
    inspect: bool,
    /// Whether the options of tests were open, and how many tests of the notebook in front there were.
    tested: (bool, Option<(DocId, u64)>),
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

/// Id of a cell's editor, the same whether it is painted or edited.
fn editor_id((doc, key): Place) -> Id {
    Id::unique(("notebook-cell", doc, key.0))
}

/// Mark of a cell's state.
fn mark_of(state: CellState) -> Option<Mark> {
    Some(match state {
        CellState::Plain => return None,
        CellState::Never => Mark::Skipped,
        CellState::Earlier => Mark::Unknown,
        CellState::Queued => Mark::Queued,
        CellState::Running => Mark::Running,
        CellState::Fresh => Mark::Success,
        CellState::Edited | CellState::Stale(_) => Mark::Warning,
        CellState::Failed => Mark::Failed,
    })
}

/// Draws the page.
pub fn page_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    keys::page_keys(ui, cx, view);
    view.places.begin();
    let narrow = ui.available_width() < 1060.0;
    // A test was begun, or its options were asked for: they are in the inspector.
    let tested = (cx.state.notebook.tests.options, cx.state.notebook.doc().map(|d| (d.id, d.tests)));
    let before = std::mem::replace(&mut view.tested, tested);
    view.inspect |= tested.0 && !before.0
        || matches!((before.1, tested.1), (Some((old, m)), Some((new, n))) if old == new && n > m);
    if !cx.state.shell.hide_navigator {
        if cx.state.search.open {
            let width = if narrow { 280.0 } else { 340.0 };
            left_panel(ui, theme, "notebook-search", width, |ui| search::panel_ui(ui, cx, &mut view.search));
        } else {
            let width = if narrow { 200.0 } else { 232.0 };
            left_panel(ui, theme, "notebook-left", width, |ui| navigator::navigator_ui(ui, cx));
        }
    }
    let notebook = cx.state.notebook.doc().is_some_and(|d| d.notebook().is_some());
    let shown = if narrow { view.inspect } else { !cx.state.shell.hide_inspector };
    if notebook && shown {
        let (id, width) = if narrow { ("notebook-drawer", 264.0) } else { ("notebook-right", 304.0) };
        right_panel(ui, theme, id, width, |ui| inspector::inspector_ui(ui, cx, view));
    }
    CentralPanel::no_frame().frame(Frame::NONE.fill(theme.bg)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        middle_ui(ui, cx, view, narrow);
    });
    dropping::drop_ui(ui, cx, view);
    super::runs::dialogs_ui(ui.ctx(), cx, &mut view.dialogs);
}

fn middle_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, narrow: bool) {
    let theme = cx.theme;
    let state = cx.state;
    if !state.notebook.docs.is_empty() {
        let top = ui.cursor().min;
        tabs::tabs_ui(ui, cx);
        view.places.tabs = Some(egui::Rect::from_min_max(top, egui::pos2(ui.max_rect().right(), ui.cursor().top())));
    }
    let Some(doc) = state.notebook.doc() else {
        nothing_open(ui, cx);
        return;
    };
    match &doc.body {
        Body::Loading => {
            // Usually gone before it can be read; no spinner, so nothing flickers.
            ui.add_space(24.0);
            ui.vertical_centered(|ui| ui.label(theme.small(format!("Opening {}", doc.title()))));
        }
        Body::Failed(error) => failed_ui(ui, cx, doc, error),
        Body::Text(text) => {
            banner::banners_ui(ui, cx, doc, view);
            text_file::text_ui(ui, cx, doc, text, view);
        }
        Body::Notebook(_) => {
            tabs::toolbar_ui(ui, cx, doc, view, narrow);
            banner::banners_ui(ui, cx, doc, view);
            find::bar_ui(ui, cx, doc, &mut view.find);
            line::bar_ui(ui, cx, doc, &mut view.line);
            cells::cells_ui(ui, cx, doc, view);
        }
    }
}

fn nothing_open(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let first = cx.state.workspace.files(crate::model::workspace::FileKind::Notebook).next().map(|e| e.path.clone());
    let open = first.as_ref().map(|p| format!("Open {p}"));
    let mut actions = vec!["New notebook"];
    if let Some(open) = &open {
        actions.insert(0, open.as_str());
    }
    let sentence = if first.is_some() {
        "A notebook holds text, SQL that runs inside Andon, and code for any Jupyter kernel"
    } else {
        "There is no notebook in this folder yet"
    };
    let clicked = empty_state(ui, cx.theme, "notebook-text", sentence, &actions);
    match (clicked, first) {
        (Some(0), Some(path)) => cx.send(Command::Open(path)),
        (Some(_), _) => cx.send(Command::New),
        _ => {}
    }
}

fn failed_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, error: &crate::base::Error) {
    ui.add_space(16.0);
    let mut clicked = None;
    Frame::NONE.inner_margin(egui::Margin::symmetric(16, 0)).show(ui, |ui| {
        clicked = error_box(ui, cx.theme, error, &["Try again", "Close the tab"]);
    });
    match clicked {
        Some(0) => cx.send(Command::Reload(doc.id)),
        Some(_) => cx.send(Command::Close(doc.id)),
        None => {}
    }
}

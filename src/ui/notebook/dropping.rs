//! Files and results dragged over the notebook: where they would go, and what happens when they are let go.
use std::path::PathBuf;

use egui::{DragAndDrop, Id, Pos2, Rect, Stroke, Ui, pos2};

use super::View;
use crate::{
    app::{
        Command as AnyCommand,
        data::{self, TabId},
        notebook::{
            Command, Doc, Mode,
            files::{self, At, Pixels},
        },
    },
    model::notebook::{CellKey, CellKind},
    ui::{PageCx, theme::Theme},
};

/// What is being dragged.
#[derive(Debug, Clone, PartialEq)]
pub enum Dragged {
    /// A file of the workspace, from the root.
    File(String),
    /// A result on the data page: its tab, its name and the query that gives it.
    Result { tab: TabId, title: String, sql: String },
}

impl Dragged {
    /// What stands beside the pointer.
    fn name(&self) -> &str {
        match self {
            Self::File(path) => path.rsplit('/').next().unwrap_or(path),
            Self::Result { title, .. } => title,
        }
    }
    /// What letting it go does.
    fn drop_at(&self, at: At) -> AnyCommand {
        match self {
            Self::File(path) => Command::Files(files::Command::Drop { at, paths: vec![PathBuf::from(path)] }).into(),
            // Beside the cells a file is opened; a result becomes a notebook there.
            Self::Result { tab, .. } if at == At::Tabs => data::Command::ToNotebook(*tab).into(),
            Self::Result { title, sql, .. } => {
                Command::Files(files::Command::DropQuery { at, title: title.clone(), sql: sql.clone() }).into()
            }
        }
    }
}

/// Where things lie in this frame, so that what is dropped finds its place.
#[derive(Debug, Default)]
pub struct Places {
    /// Top and bottom of each cell that is seen: its place in the notebook, and its key.
    pub cells: Vec<(usize, CellKey, Rect)>,
    /// All of the list.
    pub list: Option<Rect>,
    pub tabs: Option<Rect>,
}

impl Places {
    /// Forgets the last frame.
    pub fn begin(&mut self) {
        self.cells.clear();
        (self.list, self.tabs) = (None, None);
    }
    /// What a drop at a place means.
    fn at(&self, doc: Option<&Doc>, pos: Option<Pos2>) -> At {
        if doc.is_none() {
            return At::Tabs;
        }
        // Desktops do not tell where the pointer is while files of theirs are dragged.
        let Some(pos) = pos else { return At::Selected };
        if self.tabs.is_some_and(|r| r.contains(pos)) || !self.list.is_some_and(|r| r.contains(pos)) {
            return At::Tabs;
        }
        for (_, key, rect) in &self.cells {
            let edited = doc.is_some_and(|d| d.mode == Mode::Edit && d.selected == *key);
            if edited && rect.shrink2(egui::vec2(0.0, 8.0)).contains(pos) {
                return At::Text(*key);
            }
        }
        let below = self.cells.iter().find(|(_, _, r)| pos.y < r.center().y).map(|c| c.0);
        At::Cell(below.unwrap_or_else(|| self.cells.last().map_or(0, |c| c.0 + 1)))
    }
    /// The height of the line that shows it.
    fn line(&self, at: At) -> Option<f32> {
        let At::Cell(place) = at else { return None };
        let next = self.cells.iter().find(|c| c.0 >= place).map(|c| c.2.top());
        next.or_else(|| self.cells.last().map(|c| c.2.bottom() + 2.0)).or_else(|| self.list.map(|r| r.top() + 8.0))
    }
}

/// A row of files that can be dragged into a notebook.
pub fn drag_file(ui: &Ui, response: &egui::Response, path: &str, theme: &Theme) {
    drag(ui, response, theme, || Dragged::File(path.to_owned()));
}

/// A row that can be dragged into a notebook.
pub fn drag(ui: &Ui, response: &egui::Response, theme: &Theme, what: impl FnOnce() -> Dragged) {
    let ctx = ui.ctx();
    // By where the button went down: in a slow frame the pointer is over another row before anything is drawn.
    let (origin, pos, dragging) = ctx.input(|i| {
        let dragging = i.pointer.primary_down() && i.pointer.is_decidedly_dragging();
        (i.pointer.press_origin(), i.pointer.latest_pos(), dragging)
    });
    let on_it =
        |p: Pos2| response.rect.contains(p) && ui.clip_rect().contains(p) && ctx.layer_id_at(p) == Some(ui.layer_id());
    let (Some(pos), true) = (pos, dragging && origin.is_some_and(on_it)) else { return };
    let what = what();
    if !DragAndDrop::has_any_payload(ctx) {
        DragAndDrop::set_payload(ctx, what.clone());
    }
    // A row of another page may lie where the drag began.
    if DragAndDrop::payload::<Dragged>(ctx).is_some_and(|d| *d == what) {
        label_ui(ctx, theme, what.name(), pos);
    }
}

/// The name of what is dragged, beside the pointer.
fn label_ui(ctx: &egui::Context, theme: &Theme, name: &str, pos: Pos2) {
    let painter = ctx.layer_painter(egui::LayerId::new(egui::Order::Tooltip, Id::unique("dragged-file")));
    let galley = painter.layout_no_wrap(name.to_owned(), theme.font(12.0), theme.text);
    let rect = Rect::from_min_size(pos + egui::vec2(12.0, 8.0), galley.size() + egui::vec2(16.0, 8.0));
    painter.rect_filled(rect, 4.0, theme.panel);
    painter.rect_stroke(rect, 4.0, theme.hairline(), egui::StrokeKind::Inside);
    painter.galley(rect.min + egui::vec2(8.0, 4.0), galley, theme.text);
}

/// Shows where a dragged file would go, and lets it go there; after everything else is drawn.
pub(super) fn drop_ui(ui: &Ui, cx: &mut PageCx<'_>, view: &View) {
    let ctx = ui.ctx();
    if cx.state.shell.dialog.is_some() {
        return;
    }
    let pointer = ctx.input(|i| i.pointer.latest_pos());
    let doc = cx.state.notebook.doc();
    let dragged = DragAndDrop::payload::<Dragged>(ctx);
    let (hovered, dropped): (bool, Vec<PathBuf>) = ctx.input(|i| {
        let dropped = i.raw.dropped_files.iter().map(|f| f.path().to_path_buf()).filter(|p| !p.as_os_str().is_empty());
        (!i.raw.hovered_files.is_empty(), dropped.collect())
    });
    let at = view.places.at(doc, pointer);
    if !dropped.is_empty() {
        cx.send(Command::Files(files::Command::Drop { at, paths: dropped }));
    }
    if let Some(dragged) = dragged {
        if let Some(pos) = pointer {
            label_ui(ctx, cx.theme, dragged.name(), pos);
        }
        let over = pointer.is_some_and(|p| view.places.list.is_some_and(|r| r.contains(p)));
        if over || pointer.is_some_and(|p| view.places.tabs.is_some_and(|r| r.contains(p))) {
            show(ui, cx, view, at);
            if ctx.input(|i| i.pointer.any_released()) {
                DragAndDrop::clear_payload(ctx);
                cx.send.push(dragged.drop_at(at));
            }
        }
        ctx.request_repaint();
    } else if hovered {
        show(ui, cx, view, at);
        ctx.request_repaint();
    }
    paste(ui, cx, doc);
}

/// The line between two cells, or the frame around what takes the file.
fn show(ui: &Ui, cx: &PageCx<'_>, view: &View, at: At) {
    let theme = cx.theme;
    let painter = ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Foreground, Id::unique("drop-place")));
    let stroke = Stroke::new(2.0, theme.accent);
    match at {
        At::Cell(_) => {
            if let (Some(y), Some(list)) = (view.places.line(at), view.places.list) {
                let y = y.clamp(list.top() + 1.0, list.bottom() - 1.0);
                let (left, right) = (list.left() + 52.0, list.right() - 16.0);
                painter.line_segment([pos2(left, y), pos2(right, y)], stroke);
                painter.circle_filled(pos2(left, y), 4.0, theme.accent);
            }
        }
        At::Text(key) => {
            if let Some((_, _, rect)) = view.places.cells.iter().find(|c| c.1 == key) {
                painter.rect_stroke(*rect, 6.0, stroke, egui::StrokeKind::Inside);
            }
        }
        At::Tabs => {
            if let Some(rect) = view.places.tabs {
                painter.rect_stroke(rect.shrink(1.0), 2.0, stroke, egui::StrokeKind::Inside);
            }
        }
        At::Selected => {
            let key = cx.state.notebook.doc().map(|d| d.selected);
            if let Some((_, _, rect)) = view.places.cells.iter().find(|c| Some(c.1) == key) {
                let y = rect.bottom() + 1.0;
                painter.line_segment([pos2(rect.left() + 52.0, y), pos2(rect.right() - 16.0, y)], stroke);
            }
        }
    }
}

/// A picture from the clipboard goes into the text being edited, or becomes a cell.
fn paste(ui: &Ui, cx: &mut PageCx<'_>, doc: Option<&Doc>) {
    let Some(doc) = doc.filter(|d| d.notebook().is_some_and(|n| n.read_only().is_none())) else { return };
    let code = doc.mode == Mode::Edit && doc.cell().is_some_and(|c| c.kind == CellKind::Code);
    let foreign = doc.mode == Mode::Command && ui.ctx().memory(|m| m.focused().is_some());
    if cx.state.shell.dialog.is_some() || cx.state.shell.palette.is_some() || foreign || code {
        return;
    }
    let pasted = ui.input(|i| {
        i.events.iter().find_map(|e| match e {
            egui::Event::PasteImage(image) => Some(image.clone()),
            _ => None,
        })
    });
    if let Some(image) = pasted {
        let rgba: Vec<u8> = image.pixels.iter().flat_map(egui::Color32::to_srgba_unmultiplied).collect();
        let pixels = Pixels { width: image.width(), height: image.height(), rgba: rgba.into() };
        cx.send(Command::Files(files::Command::Paste(pixels)));
    }
}

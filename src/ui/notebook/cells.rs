//! The list of cells: heights are remembered, and only what is visible is laid out.
use egui::{Align, Layout, Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};

use super::{View, cell};
use crate::{
    app::notebook::{Command, Doc, DocId, Mode},
    model::notebook::{Cell, CellKey, CellKind},
    ui::{PageCx, widgets::Btn},
};

/// Space laid out beyond the edges, so that scrolling meets measured cells.
const OVERSCAN: f32 = 240.0;
/// Heights settle within this many frames after a jump.
const REVEAL_FRAMES: u8 = 3;

/// A first guess from the text and the outputs, until the cell has been seen.
fn guess(cell: &Cell) -> f32 {
    let lines = cell.source.matches('\n').count() as f32 + 1.0;
    match cell.kind {
        CellKind::Markdown => 24.0 + lines * 20.0,
        _ => 48.0 + lines * 18.0 + if cell.has_outputs() { 120.0 } else { 0.0 },
    }
}

/// As measured, or as guessed once.
fn height_of(view: &mut View, (doc, cell): (DocId, &Cell)) -> f32 {
    *view.heights.entry((doc, cell.key)).or_insert_with(|| guess(cell))
}

/// Draws the cells.
pub fn cells_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, view: &mut View) {
    let width = ui.available_width();
    if (view.width - width).abs() > 0.5 {
        view.width = width;
        view.heights.clear();
    }
    if view.heights.len() > 20_000 {
        view.heights.clear();
    }
    view.spot.begin(doc);
    let salt = ("cells", doc.id);
    let mut area = ScrollArea::vertical().id_salt(salt).auto_shrink(false);
    if let Some(offset) = view.offset.take() {
        area = area.vertical_scroll_offset(offset);
    }
    let mut correction = 0.0;
    view.places.list = Some(ui.available_rect_before_wrap());
    let output = area.show_viewport(ui, |ui, viewport| {
        ui.set_width(ui.available_width());
        correction = list_ui(ui, cx, doc, view, viewport);
    });
    if correction != 0.0 {
        // What changed above the window must not move what is read.
        view.offset = Some((output.state.unclamped_offset().y + correction).max(0.0));
        ui.ctx().request_repaint();
    }
}

/// Lays out the visible cells; returns how much the cells above the window have grown.
fn list_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, view: &mut View, viewport: Rect) -> f32 {
    let origin = ui.max_rect().min;
    let cells = doc.cells();
    let mut y = 4.0;
    let mut correction = 0.0;
    let mut focus_rect = None;
    let (from, to) = (viewport.top() - OVERSCAN, viewport.bottom() + OVERSCAN);
    for (index, c) in cells.iter().enumerate() {
        if doc.folds.is_hidden(c.key) {
            continue;
        }
        let known = height_of(view, (doc.id, c));
        // The edited cell keeps its widget, or it would lose the keyboard when it is scrolled away.
        let edited = doc.mode == Mode::Edit && c.key == doc.selected;
        if (y + known < from || y > to) && !edited {
            y += known;
            continue;
        }
        let rect = Rect::from_min_size(pos2(origin.x, origin.y + y), vec2(ui.max_rect().width(), known));
        // By its own name and not by how many are drawn before it, so that what is selected in it stays selected.
        let name = ui.scope_id().with((doc.id, c.key.0));
        let builder = UiBuilder::new().max_rect(rect).scope_id(name).layout(Layout::top_down(Align::Min));
        let mut child = ui.new_child(builder);
        cell::cell_ui(&mut child, cx, doc, index, c, view);
        let height = child.min_rect().height().max(24.0).ceil();
        view.places.cells.push((index, c.key, Rect::from_min_size(rect.min, vec2(rect.width(), height))));
        let grown = std::mem::take(&mut view.grown);
        if grown != 0.0 && y + known >= viewport.top() {
            correction += grown;
        }
        if (height - known).abs() > 0.5 {
            view.heights.insert((doc.id, c.key), height);
            if y + known < viewport.top() {
                correction += height - known;
            }
            ui.ctx().request_repaint();
        } else {
            view.heights.entry((doc.id, c.key)).or_insert(height);
        }
        if c.key == doc.selected {
            focus_rect = Some((y, height));
        }
        y += height;
    }
    end_ui(ui, cx, doc, pos2(origin.x, origin.y + y));
    ui.allocate_rect(Rect::from_min_size(origin, vec2(ui.max_rect().width(), y + 160.0)), egui::Sense::hover());
    reveal(ui, doc, view, viewport, origin.y, focus_rect);
    correction
}

/// Below the last cell: a way to add one.
fn end_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, at: egui::Pos2) {
    if doc.notebook().is_none_or(|n| n.read_only().is_some()) {
        return;
    }
    let rect = Rect::from_min_size(at + vec2(60.0, 8.0), vec2(ui.max_rect().width() - 76.0, 28.0));
    if !ui.is_rect_visible(rect) {
        return;
    }
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center)));
    let last = doc.cells().last().map(|c| c.key);
    for (label, kind) in [("Code", CellKind::Code), ("Text", CellKind::Markdown)] {
        let name = format!("Add a {} cell at the end", label.to_lowercase());
        if Btn::new(label).icon("plus").quiet().name(&name).show(&mut child, cx.theme).clicked() {
            cx.send.extend(last.map(|k| Command::Select(k).into()));
            cx.send(Command::Insert { above: false, kind });
            cx.send(Command::EnterEdit);
        }
    }
}

/// Brings the selected cell into view after a command asked for it.
fn reveal(ui: &Ui, doc: &Doc, view: &mut View, viewport: Rect, origin: f32, drawn: Option<(f32, f32)>) {
    let done = view.revealed.entry(doc.id).or_insert(0);
    if *done != doc.reveal {
        let first = *done == 0 && doc.index() == 0;
        *done = doc.reveal;
        if first {
            return;
        }
        view.reveal_frames = REVEAL_FRAMES;
    }
    if view.spot.frames > 0 {
        view.spot.frames -= 1;
        ui.ctx().request_repaint();
        if view.spot.drawn {
            // The output that was found is scrolled to, not the head of its cell.
            view.reveal_frames = 0;
            return;
        }
    }
    if view.reveal_frames == 0 {
        return;
    }
    view.reveal_frames -= 1;
    let (top, height) = drawn.unwrap_or_else(|| place_of(doc, view, doc.selected));
    let inside = top >= viewport.top() && top + height.min(viewport.height()) <= viewport.bottom();
    if !inside {
        let target = Rect::from_min_size(
            pos2(ui.max_rect().left(), origin + top - 8.0),
            vec2(10.0, height.min(viewport.height() - 24.0) + 16.0),
        );
        ui.scroll_to_rect_animation(target, None, egui::style::ScrollAnimation::none());
    }
    ui.ctx().request_repaint();
}

fn place_of(doc: &Doc, view: &mut View, key: CellKey) -> (f32, f32) {
    let mut y = 4.0;
    for cell in doc.cells().iter().filter(|c| !doc.folds.is_hidden(c.key)) {
        let height = height_of(view, (doc.id, cell));
        if cell.key == key {
            return (y, height);
        }
        y += height;
    }
    (y, 24.0)
}

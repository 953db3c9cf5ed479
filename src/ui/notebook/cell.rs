//! One cell: gutter with its number, head with kind and state, source, outputs.
use std::{borrow::Cow, sync::Arc};

use egui::{
    Align, Color32, Frame, Galley, Layout, Margin, Rect, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2,
    vec2,
};

use super::{View, assist, editor_id, mark_of, outputs};
use crate::{
    app::notebook::{CellState, Command, Doc, Mode, doc::CellRun},
    base::time::duration_ms,
    model::notebook::{Cell, CellKind},
    ui::{
        PageCx,
        theme::{CLEAR, MONO, SMALL, Theme, icon},
        widgets::{
            cell_editor::{self, CellEditor, Colours, Edited, Question, set_cursor},
            highlight, link, mark,
        },
    },
};

/// Left of the cells: the number of the run.
const GUTTER: f32 = 52.0;
/// Height of a line of source.
const LINE: f32 = 18.0;
/// Width of the line numbers.
const NUMBERS: f32 = 24.0;

/// The painted source of a cell.
#[derive(Default)]
pub struct Painted {
    colours: Colours,
    galley: Option<(Arc<str>, f32, bool, Arc<Galley>)>,
}

impl Painted {
    /// The layout of the source, made again only when the text, the width, the theme or the colours changed.
    fn galley(
        &mut self,
        ui: &Ui,
        theme: &Theme,
        language: Option<&'static str>,
        source: &Arc<str>,
        width: f32,
    ) -> Arc<Galley> {
        let fresh = self.colours.update(ui, language, source);
        if let Some((text, w, dark, galley)) = &self.galley
            && !fresh
            && (Arc::ptr_eq(text, source) || text == source)
            && (*w - width).abs() < 0.5
            && *dark == theme.dark
        {
            return galley.clone();
        }
        let galley = self.colours.galley(ui, theme, width);
        self.galley = Some((source.clone(), width, theme.dark, galley.clone()));
        galley
    }
}

/// The grammar of a cell.
fn language_of(doc: &Doc, cell: &Cell) -> Option<&'static str> {
    match cell.kind {
        CellKind::Markdown => Some("Markdown"),
        CellKind::Raw => None,
        CellKind::Code if Doc::is_sql(cell) => Some("SQL"),
        CellKind::Code => highlight::grammar(&doc.notebook().map(|n| n.language()).unwrap_or_default()),
    }
}

/// What stands at the left of the head.
fn kind_words(doc: &Doc, cell: &Cell) -> String {
    match cell.kind {
        CellKind::Markdown => "Markdown".into(),
        CellKind::Raw => "Raw".into(),
        CellKind::Code if Doc::is_sql(cell) => "SQL \u{b7} embedded".into(),
        CellKind::Code => {
            let name = doc.notebook().map(|n| n.language()).unwrap_or_default();
            let mut chars = name.chars();
            chars.next().map_or_else(|| "Code".into(), |c| c.to_uppercase().chain(chars).collect())
        }
    }
}

/// Draws a cell from the top of `ui`.
pub fn cell_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, index: usize, cell: &Arc<Cell>, view: &mut View) {
    let theme = cx.theme;
    let selected = doc.is_selected(index);
    let focused = doc.selected == cell.key;
    let editing = focused && doc.mode == Mode::Edit;
    let rendered = cell.kind == CellKind::Markdown && !editing && !doc.unrendered.contains(&cell.key);
    ui.spacing_mut().item_spacing = vec2(8.0, 0.0);
    let full = ui.max_rect();
    let frame_rect =
        Rect::from_min_max(pos2(full.left() + GUTTER, full.top() + 2.0), pos2(full.right() - 16.0, full.bottom()));
    let background = ui.painter().add(egui::Shape::Noop);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(frame_rect).layout(Layout::top_down(Align::Min)));
    inner.set_width(frame_rect.width());
    let folded = doc.folds.is_folded(cell.key);
    let body_click = if rendered {
        let clicked = rendered_ui(&mut inner, cx, cell, view);
        if folded {
            folded_ui(&mut inner, cx, doc, cell);
        }
        clicked
    } else {
        head_ui(&mut inner, cx, doc, cell);
        source_ui(&mut inner, cx, doc, (index, cell), view, editing, focused);
        if cell.kind == CellKind::Code {
            outputs::outputs_ui(&mut inner, cx, doc, cell, view);
        }
        false
    };
    inner.add_space(2.0);
    let used = Rect::from_min_max(frame_rect.min, pos2(frame_rect.right(), inner.min_rect().bottom()));
    if focused {
        let (fill, line) = if rendered { (CLEAR, theme.focus) } else { (theme.panel, theme.focus) };
        let line = Stroke::new(1.0, if editing { line } else { theme.fade(line, 0.75) });
        // The output of a focused cell stands on the ground of the page, as everywhere.
        let fill = if cell.kind == CellKind::Code && has_output(doc, cell) { CLEAR } else { fill };
        ui.painter().set(background, egui::epaint::RectShape::new(used, 6.0, fill, line, StrokeKind::Inside));
    } else if selected {
        let line = Stroke::new(1.0, theme.border);
        ui.painter().set(background, egui::epaint::RectShape::new(used, 6.0, theme.selsoft, line, StrokeKind::Inside));
    }
    gutter_ui(ui, cx, doc, (index, cell), used, focused);
    if doc.folds.level(cell.key).is_some() {
        arrow_ui(ui, cx, doc, cell, used);
    }
    if body_click {
        cx.send(Command::Select(cell.key));
    }
    ui.allocate_rect(Rect::from_min_max(full.min, pos2(full.right(), used.bottom() + 2.0)), Sense::hover());
}

fn has_output(doc: &Doc, cell: &Cell) -> bool {
    cell.has_outputs() || doc.runs.contains_key(&cell.key)
}

/// Number, selection by click, the accent bar of the focused cell.
fn gutter_ui(ui: &Ui, cx: &mut PageCx<'_>, doc: &Doc, (index, cell): (usize, &Cell), used: Rect, focused: bool) {
    let theme = cx.theme;
    let rect = Rect::from_min_max(pos2(ui.max_rect().left(), used.top()), pos2(used.left(), used.bottom()));
    let response = ui.interact(rect, ui.scope_id().with("gutter"), Sense::click());
    let name = format!("Select cell {}", index + 1);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, focused, &name));
    if focused {
        let bar = Rect::from_min_max(pos2(rect.left(), used.top() + 2.0), pos2(rect.left() + 2.0, used.bottom() - 2.0));
        ui.painter().rect_filled(bar, 0.0, theme.accent);
    }
    if cell.kind == CellKind::Code {
        let count = match (doc.state_of(cell.key), cell.execution_count) {
            (CellState::Running | CellState::Queued, _) => "[*]".to_owned(),
            (_, Some(n)) => format!("[{n}]"),
            (_, None) => "[ ]".to_owned(),
        };
        let at = pos2(used.left() - 10.0, used.top() + 5.0);
        ui.painter().text(at, egui::Align2::RIGHT_TOP, count, theme.mono(11.0), theme.faint);
    }
    if response.clicked() {
        if ui.input(|i| i.modifiers.shift) {
            cx.send(Command::SelectTo(cell.key));
        } else {
            cx.send(Command::Select(cell.key));
        }
    }
}

/// What a folded heading hides, and the way back.
fn folded_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Cell) {
    ui.horizontal(|ui| {
        ui.set_min_height(24.0);
        ui.add_space(12.0);
        let words = format!("{} folded away", crate::base::text::count(doc.folds.count(cell.key) as u64, "cell"));
        if link(ui, cx.theme, &words).clicked() {
            cx.send(Command::Fold { key: cell.key, fold: false });
        }
    });
}

/// The arrow of a heading.
fn arrow_ui(ui: &Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Cell, used: Rect) {
    let theme = cx.theme;
    let folded = doc.folds.is_folded(cell.key);
    let rect = Rect::from_center_size(pos2(used.left() - 12.0, used.top() + 19.0), vec2(20.0, 20.0));
    let response = ui.interact(rect, ui.scope_id().with("fold"), Sense::click());
    let name = if folded { "Unfold the part" } else { "Fold the part" };
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, name));
    let near = ui.rect_contains_pointer(used.union(rect));
    if response.hovered() {
        ui.painter().rect_filled(rect, 4.0, theme.hover);
    }
    if folded || near || doc.selected == cell.key {
        let symbol = icon(if folded { "chevron-right" } else { "chevron-down" });
        let ink = if response.hovered() { theme.text } else { theme.faint };
        ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, symbol, theme.icon_font(14.0), ink);
    }
    if response.clicked() {
        cx.send(Command::Fold { key: cell.key, fold: !folded });
    }
    response.on_hover_text(name);
}

/// Kind at the left, time and state at the right, 24 high.
fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Cell) {
    let theme = cx.theme;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
    let inner = Rect::from_min_max(rect.min + vec2(12.0, 2.0), rect.max - vec2(10.0, 0.0));
    let mut ui = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    ui.label(theme.faint(kind_words(doc, cell)));
    let state = doc.state_of(cell.key);
    let tags = cell.tags();
    for tag in tags.iter().take(3) {
        ui.label(theme.faint(tag.as_str()));
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let Some(shape) = mark_of(state) else { return };
        let ink = if matches!(state, CellState::Edited | CellState::Stale(_) | CellState::Failed) {
            theme.mark_text(shape)
        } else {
            theme.muted
        };
        ui.label(egui::RichText::new(state.word()).font(theme.medium(SMALL)).color(ink));
        mark(ui, theme, shape, 12.0);
        if let Some(run) = doc.runs.get(&cell.key) {
            ui.label(theme.faint(time_words(run, cx)));
        }
    });
}

fn time_words(run: &CellRun, cx: &PageCx<'_>) -> String {
    match run.ms {
        Some(ms) => duration_ms(ms),
        None => {
            let secs = (cx.now.as_second() - run.started.as_second()).max(0);
            if secs == 0 { String::new() } else { duration_ms(secs as u64 * 1000) }
        }
    }
}

fn rendered_ui(ui: &mut Ui, cx: &mut PageCx<'_>, cell: &Cell, view: &mut View) -> bool {
    let theme = cx.theme;
    let shown = Frame::NONE.inner_margin(Margin { left: 12, right: 12, top: 6, bottom: 4 }).show(ui, |ui| {
        ui.set_width(ui.available_width());
        if cell.source.trim().is_empty() {
            ui.label(theme.small("Empty text cell, press Enter to write"));
            return;
        }
        markdown_ui(ui, theme, view, &cell.source);
    });
    let response = ui.interact(shown.response.rect, ui.scope_id().with("text"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, first_line(&cell.source)));
    if response.double_clicked() {
        cx.send(Command::Select(cell.key));
        cx.send(Command::EnterEdit);
        return false;
    }
    response.clicked()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_start_matches('#').trim()
}

/// Markdown in the page's own sizes.
pub fn markdown_ui(ui: &mut Ui, theme: &Theme, view: &mut View, source: &str) {
    ui.scope(|ui| {
        let style = ui.style_mut();
        style.text_styles.insert(egui::TextStyle::Heading, theme.semibold(18.0));
        style.text_styles.insert(egui::TextStyle::Monospace, theme.mono(12.0));
        style.spacing.item_spacing = vec2(4.0, 6.0);
        style.visuals.override_text_color = None;
        style.visuals.widgets.noninteractive.fg_stroke.color = theme.muted;
        style.visuals.widgets.active.fg_stroke.color = theme.text;
        style.interaction.selectable_labels = false;
        let width = ui.available_width().min(860.0) as usize;
        egui_commonmark::CommonMarkViewer::new().default_width(Some(width)).max_image_width(Some(width)).show(
            ui,
            &mut view.markdown,
            source,
        );
    });
}

/// The source: an editor when it is edited, else painted text that becomes one with a click.
fn source_ui(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    doc: &Doc,
    (index, cell): (usize, &Arc<Cell>),
    view: &mut View,
    editing: bool,
    focused: bool,
) {
    let theme = cx.theme;
    let numbers = focused || doc.line_numbers;
    let left = if focused { 12 } else { 16 };
    let fill: Color32 = if focused { CLEAR } else { theme.panel };
    let outer = Margin { left: if focused { 0 } else { 8 }, right: 8, top: 0, bottom: 4 };
    let inner = Margin { left: if focused { left } else { 8 }, right: 8, top: 4, bottom: 4 };
    Frame::NONE.fill(fill).corner_radius(4).outer_margin(outer).inner_margin(inner).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let top = ui.cursor().min;
        let shift = if numbers { NUMBERS } else { 0.0 };
        let rect = Rect::from_min_max(pos2(top.x + shift, top.y), pos2(ui.max_rect().right(), ui.max_rect().bottom()));
        let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min)));
        let name = format!("Cell {} source", index + 1);
        let galley = if editing {
            edit_ui(&mut child, cx, doc, cell, view, &name)
        } else {
            paint_ui(&mut child, cx, doc, cell, view, &name)
        };
        if numbers {
            line_numbers(ui, theme, &galley, top);
        }
        let height = child.min_rect().height().max(LINE);
        ui.allocate_rect(Rect::from_min_size(top, vec2(ui.available_width(), height)), Sense::hover());
    });
}

/// One number a line of text, not a line of the screen.
fn line_numbers(ui: &Ui, theme: &Theme, galley: &Galley, top: egui::Pos2) {
    let mut number = 1;
    let mut starts = true;
    for row in &galley.rows {
        if starts {
            let at = pos2(top.x, top.y + row.min_y());
            ui.painter().text(at, egui::Align2::LEFT_TOP, number.to_string(), theme.mono(MONO), theme.faint);
            number += 1;
        }
        starts = row.ends_with_newline;
    }
}

fn paint_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Arc<Cell>, view: &mut View, name: &str) -> Arc<Galley> {
    let theme = cx.theme;
    let place = (doc.id, cell.key);
    let width = ui.available_width();
    if view.colours.len() > 4_000 {
        view.colours.clear();
    }
    let painted = view.colours.entry(place).or_default();
    let galley = painted.galley(ui, theme, language_of(doc, cell), &cell.source, width);
    let size = vec2(width, galley.size().y.max(LINE));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let response = ui.interact(rect, editor_id(place), Sense::click());
    let source = &cell.source;
    response.widget_info(|| {
        let mut info = WidgetInfo::text_edit(true, "", &**source, "");
        info.label = Some(name.to_owned());
        info
    });
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_role(egui::accesskit::Role::MultilineTextInput));
    ui.painter().galley(rect.min, galley.clone(), theme.text);
    if response.hovered() {
        ui.ctx().set_cursor_icon(egui::CursorIcon::Text);
    }
    if response.clicked() || response.gained_focus() {
        let shift = ui.input(|i| i.modifiers.shift);
        if shift && response.clicked() {
            cx.send(Command::SelectTo(cell.key));
        } else {
            if let Some(at) = response.interact_pointer_pos() {
                set_cursor(ui, editor_id(place), galley.cursor_from_pos(at - rect.min).index.0);
            }
            cx.send(Command::Select(cell.key));
            cx.send(Command::EnterEdit);
        }
    }
    galley
}

fn edit_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Arc<Cell>, view: &mut View, name: &str) -> Arc<Galley> {
    let place = (doc.id, cell.key);
    // Compared each frame, copied only when something else changed the cell.
    let plain: Cow<'_, str> =
        if cell.source.contains('\r') { cell.source.replace("\r\n", "\n").into() } else { Cow::Borrowed(&cell.source) };
    if view.buffer_of != Some(place) || view.buffer != *plain {
        view.buffer = plain.into_owned();
        view.buffer_of = Some(place);
    }
    let id = editor_id(place);
    let given = view.focus_given == Some(place);
    if !given {
        ui.memory_mut(|m| m.request_focus(id));
        view.focus_given = Some(place);
    }
    let sql = Doc::is_sql(cell);
    let chosen = match view.assist.cursor_of(place) {
        Some(cursor) => assist::keys(ui, cx, doc, &mut view.assist, (cell.key, &view.buffer, cursor)),
        None => None,
    };
    let assist = match cell.kind {
        CellKind::Code if sql => cell_editor::Assist::InLine,
        CellKind::Code => cell_editor::Assist::AfterName,
        _ => cell_editor::Assist::Never,
    };
    let editor = CellEditor {
        id,
        name,
        language: language_of(doc, cell),
        comment: if sql { "--" } else { "#" },
        hint: if cell.kind == CellKind::Markdown { "Text in Markdown" } else { "" },
        read_only: doc.notebook().is_none_or(|n| n.read_only().is_some()),
        assist,
    };
    let mut buffer = std::mem::take(&mut view.buffer);
    let painted = view.colours.entry(place).or_default();
    let edited = editor.show(ui, cx.theme, &mut buffer, &mut painted.colours);
    if edited.changed {
        cx.send(Command::Type { key: cell.key, text: buffer.clone() });
    }
    view.buffer = buffer;
    let clicked = assist_ui(ui, cx, doc, cell, view, &edited);
    if let Some(word) = chosen.or(clicked) {
        let (text, at) = assist::put_in(&view.buffer, &word);
        set_cursor(ui, id, at);
        view.buffer.clone_from(&text);
        cx.send(Command::Type { key: cell.key, text });
        cx.send(Command::CloseAssist);
        ui.memory_mut(|m| m.request_focus(id));
        ui.ctx().request_repaint();
    }
    if let Some((line, column, byte)) = edited.cursor {
        if doc.cursor != (line, column) {
            cx.send(Command::Cursor { line, column });
        }
        if edited.split {
            cx.send(Command::Split { key: cell.key, at: byte.min(cell.source.len()) });
        }
    }
    if edited.undo {
        cx.send(Command::UndoTyping);
    }
    if edited.redo {
        cx.send(Command::Redo);
    }
    if edited.leave {
        ui.memory_mut(|m| m.surrender_focus(id));
        cx.send(Command::LeaveEdit);
    } else if given && edited.response.lost_focus() && ui.input(|i| i.pointer.any_pressed()) {
        if view.assist.holds(ui.input(|i| i.pointer.interact_pos())) {
            // The list belongs to the editor.
            ui.memory_mut(|m| m.request_focus(id));
        } else {
            // A click elsewhere ends editing; keys never do, except Escape.
            cx.send(Command::LeaveEdit);
        }
    }
    edited.galley
}

/// Asks what the keys asked, and draws what has come.
fn assist_ui(
    ui: &Ui,
    cx: &mut PageCx<'_>,
    doc: &Doc,
    cell: &Cell,
    view: &mut View,
    edited: &Edited,
) -> Option<assist::Accepted> {
    let place = (doc.id, cell.key);
    let Some(cursor) = edited.at else {
        view.assist.forget();
        return None;
    };
    view.assist.note(place, cursor);
    let (key, text) = (cell.key, || view.buffer.clone());
    match edited.question {
        Some(Question::Complete) => cx.send(Command::Complete { key, text: text(), cursor }),
        Some(Question::Explain) => cx.send(Command::Explain { key, text: text(), cursor }),
        None => {}
    }
    if doc.assist.offer.is_none() && doc.assist.hint.is_none() {
        view.assist.close();
        return None;
    }
    let at = egui::text::CCursor::new(egui::text::CharIndex(cursor));
    let caret = edited.galley.pos_from_cursor(at).translate(edited.text_rect.min.to_vec2());
    assist::popups_ui(ui, cx, doc, &mut view.assist, (cell.key, &view.buffer, cursor), caret)
}

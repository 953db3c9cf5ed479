//! One cell: gutter with its number, head with kind and state, source, outputs.
use std::sync::Arc;

use egui::{
    Align, Color32, Frame, Layout, Margin, Rect, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::{View, assist, editor_id, find, history, mark_of, menu, outputs};
use crate::{
    app::notebook::{CellState, Command, Doc, Mode, doc::CellRun, session},
    base::time::duration_ms,
    model::{
        editor::{Act, Editor, Selection, Selections},
        notebook::{Cell, CellKind},
    },
    ui::{
        PageCx,
        editor::{Assist, CodeEditor, EditorView, Output, Question},
        theme::{CLEAR, SMALL, icon},
        widgets::{link, mark},
    },
};

/// Left of the cells: the number of the run.
const GUTTER: f32 = 52.0;

/// The source of a cell as the window has it.
#[derive(Default)]
pub struct Text {
    /// A copy for cells that nobody edits, and the source it was made of.
    editor: Editor,
    source: Option<Arc<str>>,
    view: EditorView,
    /// The find that was brought into view last.
    found: u64,
}

impl Text {
    /// The text of a cell that nobody edits.
    fn plain(&mut self, doc: &Doc, cell: &Cell) -> Editor {
        match &self.source {
            Some(old) if Arc::ptr_eq(old, &cell.source) => {}
            Some(_) => self.editor.sync(&session::for_editor(&cell.source).0),
            None => self.editor = Editor::new(&session::for_editor(&cell.source).0, session::language_of(doc, cell)),
        }
        self.source = Some(cell.source.clone());
        self.editor.set_language(session::language_of(doc, cell));
        self.editor.clone()
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
        let clicked = rendered_ui(&mut inner, cx, doc, cell, view);
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
        take(ui, cx, cell);
    }
}

/// What a click beside the text does: selects the cell, with Shift all up to it.
fn take(ui: &Ui, cx: &mut PageCx<'_>, cell: &Cell) {
    cx.send(if ui.input(|i| i.modifiers.shift) { Command::SelectTo(cell.key) } else { Command::Select(cell.key) });
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
    // A click anywhere on the line takes the cell; the keyboard has the number beside it for that.
    let (rect, line) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::CLICK);
    if line.clicked() {
        take(ui, cx, cell);
    }
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
        if let Some(tested) = doc.test.as_ref().and_then(|t| t.of(cell.key)).filter(|t| t.verdict.is_bad()) {
            let ink = theme.mark_text(super::tested::mark_of(tested.verdict));
            ui.add_space(4.0);
            ui.label(
                egui::RichText::new(format!("Test: {}", tested.verdict.word())).font(theme.medium(SMALL)).color(ink),
            );
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

fn rendered_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Arc<Cell>, view: &mut View) -> bool {
    // Links in the text lie above what selects the cell.
    let below = UiBuilder::new().id_salt("text").sense(Sense::click());
    let shown = ui.scope_builder(below, |ui| {
        Frame::NONE.inner_margin(Margin { left: 12, right: 12, top: 6, bottom: 4 }).show(ui, |ui| {
            ui.set_width(ui.available_width());
            if cell.source.trim().is_empty() {
                ui.label(cx.theme.small("Empty text cell, press Enter to write"));
                return;
            }
            outputs::text_ui(ui, cx, doc, cell, view);
        });
    });
    let response = shown.response;
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
        let name = format!("Cell {} source", index + 1);
        text_ui(ui, cx, doc, cell, view, (editing, numbers), &name);
    });
}

/// The text, which becomes an editor with a click.
fn text_ui(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    doc: &Doc,
    cell: &Arc<Cell>,
    view: &mut View,
    (editing, numbers): (bool, bool),
    name: &str,
) {
    let place = (doc.id, cell.key);
    let id = editor_id(place);
    if view.texts.len() > 4_000 {
        view.texts.retain(|p, _| *p == place);
    }
    let text = view.texts.entry(place).or_default();
    let session = doc.session.as_ref().filter(|s| editing && s.key == cell.key);
    let mut editor = session.map_or_else(|| text.plain(doc, cell), |s| s.editor.clone());
    let mut acts = Vec::new();
    let given = view.focus_given == Some(place);
    let grabbed = editing && view.grabbed.insert(doc.id, doc.grab).unwrap_or(0) != doc.grab;
    if editing && (!given || grabbed) {
        ui.memory_mut(|m| m.request_focus(id));
        view.focus_given = Some(place);
        text.view.reveal = true;
    }
    if editing && !editor.selections().are_many() && editor.selections().are_empty() {
        let cursor = editor.selections().primary().head;
        if let Some(act) = assist::keys(ui, cx, doc, &mut view.assist, (cell.key, editor.buffer(), cursor)) {
            editor.act(&act, 0);
            acts.push(act);
            cx.send(Command::CloseAssist);
        }
    }
    if editing {
        history::escape(ui, cx, doc, cell);
    }
    let (finds, current) = doc.find.as_ref().map(|f| f.within(cell.key)).unwrap_or_default();
    if let Some(find) = doc.find.as_ref().filter(|f| f.reveal != text.found && current.is_some()) {
        text.found = find.reveal;
        text.view.reveal = true;
        if let Some(range) = current.and_then(|c| finds.get(c)).filter(|_| !editing) {
            editor.select(Selections::one(Selection::span(range.start, range.end)));
        }
    }
    let read_only = doc.notebook().is_none_or(|n| n.read_only().is_some());
    let output = CodeEditor {
        hint: if cell.kind == CellKind::Markdown { "Text in Markdown" } else { "" },
        read_only,
        numbers: numbers.then_some(1),
        assist: match cell.kind {
            CellKind::Code if Doc::is_sql(cell) => Assist::InLine,
            CellKind::Code => Assist::AfterName,
            _ => Assist::Never,
        },
        cell: true,
        idle: !editing,
        finds: &finds,
        find: current,
        ..CodeEditor::new(id, name)
    }
    .show(ui, cx.theme, &mut editor, &mut text.view);
    acts.extend(output.done.acts.iter().cloned());
    let code = cell.kind == CellKind::Code;
    let mut asked = menu::menu_ui(&output.response, cx.theme, &editor, read_only, (code, code));
    if editing {
        let done = &output.done;
        asked = asked.or(done.go_to_line.then_some(menu::Chosen::Line));
        asked = asked.or((done.history && code).then_some(menu::Chosen::History));
        asked = asked.or(done.definition.then(|| menu::name_at(&editor)).flatten().map(menu::Chosen::Definition));
    }
    if let Some(chosen) = asked {
        let at = (cell.key, &editor);
        acts.extend(menu::carry_out(ui, cx, doc, at, &mut text.view, &mut view.line, (chosen, id)));
    }
    if editing {
        acts.extend(history::popup_ui(ui, cx, doc, cell, &mut view.history, &editor, output.caret));
    }
    if editing {
        acts.extend(assist_ui(ui, cx, doc, cell, view, &editor, &output));
    } else if output.pressed || output.response.gained_focus() {
        if output.pressed && ui.input(|i| i.modifiers.shift) {
            cx.send(Command::SelectTo(cell.key));
            return;
        }
        view.focus_given = Some(place);
        cx.send(Command::Select(cell.key));
        cx.send(Command::EnterEdit);
    }
    let split = output.done.split.then(|| editor.selections().primary().head);
    if !acts.is_empty() {
        cx.send(Command::EditCell { key: cell.key, acts });
    }
    if let (Some(at), Some(session)) = (split, session) {
        cx.send(Command::Split { key: cell.key, at: session.byte_of(at).min(cell.source.len()) });
    }
    if editing {
        leave(ui, cx, doc, view, id, given, &output);
    }
}

/// What the editor asked of the page beside changing the text.
fn leave(ui: &Ui, cx: &mut PageCx<'_>, doc: &Doc, view: &View, id: egui::Id, given: bool, output: &Output) {
    if output.done.undo {
        cx.send(Command::UndoTyping);
    }
    if output.done.redo {
        cx.send(Command::RedoTyping);
    }
    find::keys(cx, doc, output.done.find, output.done.find_next);
    if let Some(up) = output.done.edge {
        cx.send(Command::Beyond(up));
    }
    if output.done.leave {
        ui.memory_mut(|m| m.surrender_focus(id));
        cx.send(Command::LeaveEdit);
    } else if output.response.context_menu_opened() || doc.past.is_some() {
        // What lies over the text belongs to it.
    } else if given && output.response.lost_focus() && ui.input(|i| i.pointer.any_pressed()) {
        if view.assist.holds(ui.input(|i| i.pointer.interact_pos())) {
            // The list belongs to the editor.
            ui.memory_mut(|m| m.request_focus(id));
        } else {
            // A click elsewhere ends editing; keys never do, except Escape.
            cx.send(Command::LeaveEdit);
        }
    }
}

/// Asks what the keys asked, and draws what has come; gives what was clicked.
fn assist_ui(
    ui: &Ui,
    cx: &mut PageCx<'_>,
    doc: &Doc,
    cell: &Cell,
    view: &mut View,
    editor: &Editor,
    output: &Output,
) -> Option<Act> {
    if editor.selections().are_many() || !editor.selections().are_empty() {
        view.assist.close();
        return None;
    }
    let cursor = editor.selections().primary().head;
    let (key, text) = (cell.key, || editor.buffer().to_string());
    match output.done.question {
        Some(Question::Complete) => cx.send(Command::Complete { key, text: text(), cursor }),
        Some(Question::Explain) => cx.send(Command::Explain { key, text: text(), cursor }),
        None => {}
    }
    if doc.assist.offer.is_none() && doc.assist.hint.is_none() {
        view.assist.close();
        return None;
    }
    let clicked = assist::popups_ui(ui, cx, doc, &mut view.assist, (key, editor.buffer(), cursor), output.caret);
    if clicked.is_some() {
        cx.send(Command::CloseAssist);
        ui.memory_mut(|m| m.request_focus(output.response.id));
    }
    clicked
}

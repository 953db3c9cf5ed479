//! The pointer on an editor: places, words and lines, rectangles, more cursors, the wheel.
use std::ops::Range;

use egui::{Event, Pos2, Response, Ui};

use super::{CodeEditor, Cx, EditorView, Frame, Height, ROW, keys::Done};
use crate::{
    model::editor::{Act, Editor, Selection, Selections, column, fold, motion},
    ui::theme::Theme,
};

/// Presses within this many seconds count together.
const AGAIN: f64 = 0.4;

/// Presses on one place.
#[derive(Debug, Default)]
pub struct Clicks {
    count: u32,
    at: f64,
    pos: Pos2,
}

/// A selection being made.
#[derive(Debug, Clone)]
pub struct Drag {
    /// What was selected first: a place, a word, a line.
    first: Range<usize>,
    size: Size,
    /// Cursors there were before, which stay.
    others: Option<Selections>,
    /// Line and column where a rectangle begins.
    corner: (usize, usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Size {
    Letter,
    Word,
    Line,
    Rectangle,
}

/// The place of the text nearest to a point of the screen.
fn place(ui: &Ui, theme: &Theme, frame: &Frame, editor: &Editor, view: &EditorView, pos: Pos2) -> usize {
    let y = (f64::from(pos.y - frame.rect.top()) + view.scroll.0) / f64::from(ROW);
    if y < 0.0 {
        return 0;
    }
    let row = (y.floor() as usize).min(view.rows.total().saturating_sub(1));
    let laid = CodeEditor::one_row(ui, theme, editor, view, row);
    let at = laid.at(editor.buffer(), pos.x - frame.text.left() + view.scroll.1);
    let parts = view.rows.parts(editor.buffer(), laid.line);
    // Behind the end of a wrapped row the cursor stays on it.
    if parts.get(laid.nth + 1).is_some_and(|next| next.start == at) { editor.buffer().left(at) } else { at }
}

/// Line and column of a point, beyond the end of the line too.
fn corner(frame: &Frame, editor: &Editor, view: &EditorView, pos: Pos2) -> (usize, usize) {
    let y = ((f64::from(pos.y - frame.rect.top()) + view.scroll.0) / f64::from(ROW)).max(0.0);
    let (line, nth) = view.rows.line_of((y.floor() as usize).min(view.rows.total().saturating_sub(1)));
    let x = ((pos.x - frame.text.left() + view.scroll.1) / frame.advance).round().max(0.0) as usize;
    let buffer = editor.buffer();
    let before = view.rows.parts(buffer, line).get(nth).map_or(0, |p| column::of(buffer, p.start));
    (line, before + x)
}

/// Reads the pointer; true when it was pressed on the text.
pub fn read(
    cx: &Cx<'_>,
    ui: &Ui,
    response: &Response,
    editor: &mut Editor,
    view: &mut EditorView,
    done: &mut Done,
) -> bool {
    let Cx { of, theme, frame, .. } = *cx;
    let over = response.contains_pointer();
    let pos = ui.input(|i| i.pointer.interact_pos());
    if over && ui.input(|i| i.pointer.latest_pos()).is_some_and(|p| frame.text.contains(p)) {
        ui.ctx().set_cursor_icon(egui::CursorIcon::Text);
    }
    middle(cx, ui, response, editor, view, done);
    let down = ui.input(|i| i.pointer.primary_down());
    if !down {
        view.drag = None;
    }
    if over && ui.input(|i| i.pointer.secondary_pressed()) {
        return second(cx, ui, editor, view, done);
    }
    let pressed = over && ui.input(|i| i.pointer.primary_pressed()) && view.bar.is_none();
    // A slow frame brings the press together with where the pointer went afterwards.
    let origin = if pressed { ui.input(|i| i.pointer.press_origin()) } else { None };
    let Some(pos) = origin.or(pos) else { return false };
    if pressed && frame.rect.contains(pos) && pos.x <= frame.text.right() {
        let shift = ui.input(|i| i.modifiers.shift);
        // With Shift a cell that is only looked at is selected with those between.
        if of.idle && shift {
            return true;
        }
        if fold_pressed(cx, ui, editor, view, pos) {
            return false;
        }
        press(ui, theme, frame, editor, view, done, pos);
        view.preedit = None;
        ui.memory_mut(|m| m.request_focus(of.id));
        return true;
    }
    if down && let Some(drag) = view.drag.clone() {
        beyond(of, ui, frame, view, pos);
        let new = dragged(ui, theme, frame, editor, view, &drag, pos);
        if new != *editor.selections() {
            done.act(editor, Act::Select(new));
        }
    }
    false
}

/// The second button opens a menu: about what is selected, or about the place under it.
fn second(cx: &Cx<'_>, ui: &Ui, editor: &mut Editor, view: &mut EditorView, done: &mut Done) -> bool {
    let Some(pos) = ui.input(|i| i.pointer.interact_pos()).filter(|p| cx.frame.rect.contains(*p)) else { return false };
    let at = place(ui, cx.theme, cx.frame, editor, view, pos);
    let inside = |s: &Selection| !s.is_empty() && s.start() <= at && at <= s.end();
    if cx.of.idle || !editor.selections().iter().any(inside) {
        done.act(editor, Act::Select(Selections::at(at)));
    }
    ui.memory_mut(|m| m.request_focus(cx.of.id));
    true
}

/// A press on the arrow of a line, or on the sign that something is folded away behind it.
fn fold_pressed(cx: &Cx<'_>, ui: &Ui, editor: &Editor, view: &mut EditorView, pos: Pos2) -> bool {
    let Cx { of, theme, frame, .. } = *cx;
    let y = (f64::from(pos.y - frame.rect.top()) + view.scroll.0) / f64::from(ROW);
    let row = y.floor().max(0.0) as usize;
    if row >= view.rows.total() {
        return false;
    }
    let (line, _) = view.rows.line_of(row);
    let folded = view.folds.count(line).is_some();
    let arrow = of.numbers.is_some()
        && of.marks.is_none()
        && super::paint::arrow(frame).contains(&pos.x)
        && (folded || fold::can(editor.buffer(), line));
    let sign = folded && {
        let laid = CodeEditor::one_row(ui, theme, editor, view, row);
        let left = frame.text.left() - view.scroll.1 + laid.width();
        laid.part.end == editor.buffer().line_end(line) && (left + 2.0..left + 34.0).contains(&pos.x)
    };
    if arrow || sign {
        view.folds.turn(editor, line);
    }
    arrow || sign
}

/// The middle button puts in what is selected somewhere.
fn middle(cx: &Cx<'_>, ui: &Ui, response: &Response, editor: &mut Editor, view: &EditorView, done: &mut Done) {
    let Cx { of, theme, frame, .. } = *cx;
    if of.read_only || of.idle || !response.contains_pointer() {
        return;
    }
    let found = ui.input(|i| {
        i.events.iter().find_map(|e| match e {
            Event::MiddleClickPaste { pos, text } => Some((*pos, text.clone())),
            _ => None,
        })
    });
    if let Some((pos, text)) = found {
        let at = place(ui, theme, frame, editor, view, pos);
        done.act(editor, Act::Select(Selections::at(at)));
        done.act(editor, Act::Put(text.replace("\r\n", "\n")));
        ui.memory_mut(|m| m.request_focus(of.id));
    }
}

fn press(
    ui: &Ui,
    theme: &Theme,
    frame: &Frame,
    editor: &mut Editor,
    view: &mut EditorView,
    done: &mut Done,
    pos: Pos2,
) {
    let (now, held) = ui.input(|i| (i.time, i.modifiers));
    let again = now - view.clicks.at < AGAIN && view.clicks.pos.distance(pos) < 4.0;
    view.clicks = Clicks { count: if again { view.clicks.count % 3 + 1 } else { 1 }, at: now, pos };
    let at = place(ui, theme, frame, editor, view, pos);
    let buffer = editor.buffer();
    let numbers = pos.x < frame.text.left() - 4.0;
    let size = match view.clicks.count {
        _ if numbers => Size::Line,
        2 => Size::Word,
        3 => Size::Line,
        _ => Size::Letter,
    };
    let first = match size {
        Size::Word => motion::word_at(buffer, at),
        Size::Line => motion::line_at(buffer, at),
        _ => at..at,
    };
    let primary = editor.selections().primary();
    let mut drag = Drag { first, size, others: None, corner: corner(frame, editor, view, pos) };
    let new = if held.shift && view.clicks.count == 1 {
        drag.first = primary.anchor..primary.anchor;
        extended(editor, &drag, at)
    } else if held.alt && view.clicks.count == 1 {
        // Alone it adds a cursor or takes it away, dragged it makes a rectangle.
        drag.others = Some(editor.selections().clone());
        drag.size = Size::Rectangle;
        editor.selections().without(at).unwrap_or_else(|| editor.selections().with(Selection::at(at)))
    } else {
        extended(editor, &drag, at)
    };
    view.drag = Some(drag);
    done.act(editor, Act::Select(new));
}

/// From what was selected first to a place, by words or lines where it began so.
fn extended(editor: &Editor, drag: &Drag, at: usize) -> Selections {
    let buffer = editor.buffer();
    let to = match drag.size {
        Size::Word if at < drag.first.start || at > drag.first.end => motion::word_at(buffer, at),
        Size::Line => motion::line_at(buffer, at),
        _ => at..at,
    };
    let new = if matches!(drag.size, Size::Word | Size::Line) && drag.first.contains(&at) {
        Selection::span(drag.first.start, drag.first.end)
    } else if to.start < drag.first.start {
        Selection::span(drag.first.end, to.start)
    } else {
        Selection::span(drag.first.start, to.end.max(drag.first.end))
    };
    Selections::one(new)
}

fn dragged(
    ui: &Ui,
    theme: &Theme,
    frame: &Frame,
    editor: &Editor,
    view: &EditorView,
    drag: &Drag,
    pos: Pos2,
) -> Selections {
    if drag.size == Size::Rectangle {
        let to = corner(frame, editor, view, pos);
        if to == drag.corner {
            return editor.selections().clone();
        }
        return Selections::rectangle(editor.buffer(), drag.corner, to);
    }
    // A hand that shakes selects nothing.
    if view.clicks.pos.distance(pos) < 3.0 && editor.selections().primary().is_empty() {
        return editor.selections().clone();
    }
    extended(editor, drag, place(ui, theme, frame, editor, view, pos))
}

/// Beyond an edge what is selected goes on by itself.
fn beyond(of: &CodeEditor<'_>, ui: &Ui, frame: &Frame, view: &mut EditorView, pos: Pos2) {
    if matches!(of.height, Height::Text(_)) {
        return;
    }
    let out = if pos.y < frame.rect.top() {
        pos.y - frame.rect.top()
    } else if pos.y > frame.rect.bottom() {
        pos.y - frame.rect.bottom()
    } else {
        0.0
    };
    let side = if pos.x > frame.text.right() {
        pos.x - frame.text.right()
    } else if pos.x < frame.text.left() {
        pos.x - frame.text.left()
    } else {
        0.0
    };
    if out != 0.0 || (side != 0.0 && !of.wrap) {
        let dt = ui.input(|i| i.stable_dt).min(0.05);
        view.scroll.0 += f64::from(out * 12.0 * dt);
        if !of.wrap {
            view.scroll.1 += side * 12.0 * dt;
        }
        clamp(frame, view, view.rows.total());
        ui.ctx().request_repaint();
    }
}

/// The wheel over an editor that scrolls by itself; at its end the page takes it.
pub fn wheel(ui: &Ui, response: &Response, frame: &Frame, view: &mut EditorView, total: usize) {
    bars(ui, frame, view, total);
    if response.contains_pointer() && ui.rect_contains_pointer(frame.rect) {
        let by = ui.input(|i| i.smooth_scroll_delta());
        if by != egui::Vec2::ZERO {
            let before = view.scroll;
            view.scroll.0 -= f64::from(by.y);
            view.scroll.1 -= by.x;
            clamp(frame, view, total);
            if view.scroll != before {
                ui.input_mut(|i| i.smooth_scroll_delta = egui::Vec2::ZERO);
            }
        }
    }
    clamp(frame, view, total);
}

/// How far it can be scrolled: down until the last row stands in the upper part, right until the widest row ends.
pub fn limits(frame: &Frame, view: &EditorView, total: usize) -> (f64, f32) {
    let height = f64::from(frame.rect.height());
    let all = total as f64 * f64::from(ROW);
    // A text that fits is not scrolled; a longer one goes on past its end.
    let down = if all <= height { 0.0 } else { (all - height + height * 0.4).min(all - f64::from(ROW)) };
    let right = if view.rows.wraps() { 0.0 } else { (view.widest + 40.0 - frame.text.width()).max(0.0) };
    (down.max(0.0), right)
}

/// Keeps the scroll within its limits.
pub fn clamp(frame: &Frame, view: &mut EditorView, total: usize) {
    let (down, right) = limits(frame, view, total);
    view.scroll.0 = view.scroll.0.clamp(0.0, down);
    view.scroll.1 = view.scroll.1.clamp(0.0, right);
}

/// The handle of a scroll bar: where it lies in its track, from 0 to 1.
pub fn handle(frame: &Frame, view: &EditorView, total: usize, vertical: bool) -> Option<(f32, f32)> {
    let (down, right) = limits(frame, view, total);
    let (limit, window, at) = if vertical {
        (down, f64::from(frame.rect.height()), view.scroll.0)
    } else {
        (f64::from(right), f64::from(frame.text.width()), f64::from(view.scroll.1))
    };
    if limit <= 0.5 {
        return None;
    }
    let track = if vertical { f64::from(frame.rect.height()) } else { f64::from(frame.text.width()) };
    let size = (window / (limit + window)).max(28.0 / track.max(28.0));
    Some(((at / limit * (1.0 - size)) as f32, size as f32))
}

/// The track of a bar.
pub fn track(frame: &Frame, vertical: bool) -> egui::Rect {
    let (r, t) = (frame.rect, frame.text);
    if vertical {
        egui::Rect::from_min_max(egui::pos2(t.right(), r.top()), r.max)
    } else {
        egui::Rect::from_min_max(egui::pos2(t.left(), r.bottom() - super::BAR), egui::pos2(t.right(), r.bottom()))
    }
}

fn bars(ui: &Ui, frame: &Frame, view: &mut EditorView, total: usize) {
    let (pos, pressed, down) =
        ui.input(|i| (i.pointer.interact_pos(), i.pointer.primary_pressed(), i.pointer.primary_down()));
    if !down {
        view.bar = None;
    }
    let Some(pos) = pos else { return };
    for vertical in [true, false] {
        let track = track(frame, vertical);
        let Some((at, size)) = handle(frame, view, total, vertical) else { continue };
        let (from, long, here) =
            if vertical { (track.top(), track.height(), pos.y) } else { (track.left(), track.width(), pos.x) };
        let share = (here - from) / long;
        if pressed && track.contains(pos) && ui.rect_contains_pointer(track) {
            // On the track the handle comes to the pointer.
            let grip = if share < at || share > at + size { size / 2.0 } else { share - at };
            view.bar = Some((vertical, grip));
        }
        if let Some((held, grip)) = view.bar
            && held == vertical
        {
            let (down, right) = limits(frame, view, total);
            let to = ((share - grip) / (1.0 - size).max(0.001)).clamp(0.0, 1.0);
            if vertical {
                view.scroll.0 = down * f64::from(to);
            } else {
                view.scroll.1 = right * to;
            }
        }
    }
}

//! Draws an editor: grounds and marks, what is selected and found, guides, letters, cursors, numbers, bars.
use std::ops::Range;

use egui::{Align2, Color32, CornerRadius, Painter, Rect, Response, Stroke, StrokeKind, Ui, pos2, vec2};

use super::{CodeEditor, Cx, EditorView, Frame, GAP, ROW, mouse, row::Row};
use crate::{
    base::text::count,
    model::editor::{Editor, Indent, bracket, column, fold},
    ui::theme::{MONO, Theme, icon},
};

/// The cursor is shown and hidden for this long.
const BLINK: f64 = 0.53;

/// Where a row lies on the screen.
struct Place<'a> {
    row: &'a Row,
    top: f32,
    /// Where its first letter lies.
    left: f32,
}

impl Place<'_> {
    fn rect(&self, from: usize, to: usize) -> Rect {
        let (a, b) = (self.left + self.row.x(from), self.left + self.row.x(to));
        Rect::from_min_max(pos2(a, self.top), pos2(b, self.top + ROW))
    }
}

/// Draws what is seen.
pub fn paint(cx: &Cx<'_>, ui: &Ui, editor: &Editor, view: &mut EditorView, rows: &[Row]) {
    let Cx { of, theme, frame, focused } = *cx;
    let all = ui.painter().with_clip_rect(ui.clip_rect().intersect(frame.rect.expand2(vec2(8.0, 0.0))));
    let mut inside = ui.clip_rect().intersect(frame.rect);
    inside.min.x = inside.min.x.max(frame.text.left() - 2.0);
    inside.max.x = inside.max.x.min(frame.text.right());
    let text = all.with_clip_rect(inside);
    let places: Vec<Place<'_>> = rows
        .iter()
        .enumerate()
        .map(|(i, row)| {
            view.widest = view.widest.max(row.width());
            let top = frame.y(view, frame.seen.start + i);
            Place { row, top, left: frame.text.left() - view.scroll.1 }
        })
        .collect();
    let buffer = editor.buffer();
    grounds(of, theme, frame, editor, &all, &places, focused);
    guides(ui, theme, frame, editor, &text, &places);
    finds(of, theme, &text, &places);
    if !of.idle {
        selections(theme, editor, &text, &places, focused);
        if focused {
            brackets(theme, editor, &text, &places);
        }
    }
    for p in &places {
        text.galley(pos2(p.left, p.top), p.row.galley.clone(), theme.text);
        if let Some(lines) = view.folds.count(p.row.line).filter(|_| p.row.part.end == buffer.line_end(p.row.line)) {
            folded(theme, &text, p, lines);
        }
        if p.row.cut {
            let hidden = p.row.part.end - p.row.part.start;
            let words = format!("  line too long to show whole: {}", count(hidden as u64, "character"));
            let at = pos2(p.left + p.row.width() + 6.0, p.top + ROW / 2.0);
            text.text(at, Align2::LEFT_CENTER, words, theme.font(11.0), theme.faint);
        }
        if let Some((from, to)) = p.row.preedit_x() {
            let line = Rect::from_min_max(pos2(p.left + from, p.top), pos2(p.left + to, p.top + ROW));
            text.rect_stroke(line, 2.0, Stroke::new(1.0, theme.border), StrokeKind::Inside);
        }
    }
    if buffer.is_empty() && !of.hint.is_empty() && view.preedit.is_none() {
        text.text(frame.text.left_top() + vec2(0.0, 1.0), Align2::LEFT_TOP, of.hint, theme.mono(MONO), theme.faint);
    }
    if focused && !of.idle {
        carets(ui, theme, editor, view, &text, &places);
    }
    if let Some(first) = of.numbers {
        numbers(of, theme, frame, editor, first, &all, &places);
        if of.marks.is_none() {
            arrows(ui, theme, frame, editor, view, &all, &places);
        }
    }
}

/// Where the arrows of lines lie, from left to right.
pub fn arrow(frame: &Frame) -> Range<f32> {
    frame.text.left() - GAP + 1.0..frame.text.left() - 1.0
}

/// A sign behind a line that hides others.
fn folded(theme: &Theme, painter: &Painter, p: &Place<'_>, lines: usize) {
    let left = p.left + p.row.width() + 6.0;
    let chip = Rect::from_min_max(pos2(left, p.top + 3.0), pos2(left + 22.0, p.top + ROW - 3.0));
    painter.rect(chip, 3.0, theme.selsoft, Stroke::new(1.0, theme.border), StrokeKind::Inside);
    let center = Align2::CENTER_CENTER;
    painter.text(chip.center(), center, "\u{2026}", theme.font(11.0), theme.muted);
    let words = count(lines as u64, "line");
    painter.text(pos2(chip.right() + 6.0, chip.center().y), Align2::LEFT_CENTER, words, theme.font(10.5), theme.faint);
}

/// Arrows beside lines that can be folded: always where one is, else while the pointer is near the numbers.
fn arrows(
    ui: &Ui,
    theme: &Theme,
    frame: &Frame,
    editor: &Editor,
    view: &EditorView,
    painter: &Painter,
    places: &[Place<'_>],
) {
    let zone = arrow(frame);
    let gutter = Rect::from_min_max(frame.rect.min, pos2(frame.text.left() + 4.0, frame.rect.bottom()));
    let near = ui.rect_contains_pointer(gutter);
    let pointer = ui.input(|i| i.pointer.latest_pos());
    for p in places.iter().filter(|p| p.row.nth == 0) {
        let closed = view.folds.count(p.row.line).is_some();
        let open = near && !closed && fold::can(editor.buffer(), p.row.line);
        if !closed && !open {
            continue;
        }
        let rect = Rect::from_min_max(pos2(zone.start, p.top), pos2(zone.end, p.top + ROW));
        let over = near && pointer.is_some_and(|at| rect.contains(at));
        if over {
            ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
        }
        let ink = if over { theme.text } else { theme.faint };
        let symbol = icon(if closed { "chevron-right" } else { "chevron-down" });
        painter.text(rect.center(), Align2::CENTER_CENTER, symbol, theme.icon_font(12.0), ink);
    }
}

/// Grounds of marked lines and of the line of the cursor.
fn grounds(
    of: &CodeEditor<'_>,
    theme: &Theme,
    frame: &Frame,
    editor: &Editor,
    painter: &Painter,
    places: &[Place<'_>],
    focused: bool,
) {
    let band = |p: &Place<'_>| {
        Rect::from_min_max(pos2(frame.rect.left() - 8.0, p.top), pos2(frame.rect.right() + 8.0, p.top + ROW))
    };
    if let Some(marks) = of.marks {
        for p in places {
            if let Some(mark) = marks(p.row.line) {
                painter.rect_filled(band(p), 0.0, mark.fill);
            }
        }
    }
    let one_line = editor.buffer().lines() == 1;
    if focused && !of.idle && !one_line && editor.selections().are_empty() && !editor.selections().are_many() {
        let line = editor.buffer().line_of(editor.selections().primary().head);
        for p in places.iter().filter(|p| p.row.line == line) {
            painter.rect_filled(band(p), 0.0, theme.fade(theme.hover, 0.55));
        }
    }
}

/// A thin line for each level of indentation; empty lines go along with those around them.
fn guides(ui: &Ui, theme: &Theme, frame: &Frame, editor: &Editor, painter: &Painter, places: &[Place<'_>]) {
    let buffer = editor.buffer();
    let width = match editor.indentation() {
        Indent::Spaces(n) => n.max(2),
        Indent::Tabs => column::TAB,
    };
    let depth = |line: usize| -> Option<usize> {
        let (text, _) = buffer.line_cut(line, 400);
        let mut depth = 0;
        for c in text.chars() {
            match c {
                ' ' | '\t' => depth += column::width(c, depth),
                _ => return Some(depth),
            }
        }
        None
    };
    // Only lines that are drawn: between two of them thousands may be folded away.
    let lines: Vec<usize> = places.iter().filter(|p| p.row.nth == 0).map(|p| p.row.line).collect();
    let (first, last) = (places.first().map_or(0, |p| p.row.line), places.last().map_or(0, |p| p.row.line));
    let above = (first.saturating_sub(40)..first).rev().find_map(depth).unwrap_or(0);
    let below = (last + 1..(last + 40).min(buffer.lines())).find_map(depth).unwrap_or(0);
    let own: Vec<Option<usize>> = lines.iter().map(|l| depth(*l)).collect();
    let mut depths = Vec::with_capacity(own.len());
    for (i, d) in own.iter().enumerate() {
        depths.push(d.unwrap_or_else(|| {
            let up = own[..i].iter().rev().find_map(|d| *d).unwrap_or(above);
            let down = own[i..].iter().find_map(|d| *d).unwrap_or(below);
            up.min(down)
        }));
    }
    let stroke = Stroke::new(1.0, theme.hair);
    let pixel = 1.0 / ui.pixels_per_point();
    for (p, depth) in places.iter().filter(|p| p.row.nth == 0).zip(depths) {
        let mut at = 0;
        while at < depth {
            let x = ((p.left + at as f32 * frame.advance) / pixel).round() * pixel;
            painter.vline(x, p.top..=p.top + ROW, stroke);
            at += width;
        }
    }
}

fn finds(of: &CodeEditor<'_>, theme: &Theme, painter: &Painter, places: &[Place<'_>]) {
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return };
    let from = of.finds.partition_point(|f| f.end <= first.row.part.start);
    for (i, find) in of.finds.iter().enumerate().skip(from) {
        if find.start > last.row.part.end {
            break;
        }
        let here = of.find == Some(i);
        let fill = if here { theme.fade(theme.warn, 0.55) } else { theme.fade(theme.warn, 0.22) };
        for rect in parts(places, find) {
            painter.rect_filled(rect, 2.0, fill);
            if here {
                painter.rect_stroke(rect, 2.0, Stroke::new(1.0, theme.warn), StrokeKind::Inside);
            }
        }
    }
}

/// The parts of a range on the rows that are seen.
fn parts<'a>(places: &'a [Place<'_>], range: &'a Range<usize>) -> impl Iterator<Item = Rect> + 'a {
    places.iter().filter_map(move |p| {
        let (from, to) = (range.start.max(p.row.part.start), range.end.min(p.row.part.end));
        (from < to).then(|| p.rect(from, to))
    })
}

fn selections(theme: &Theme, editor: &Editor, painter: &Painter, places: &[Place<'_>], focused: bool) {
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return };
    let fill = if focused { theme.sel } else { theme.selsoft };
    for s in editor.selections().iter().filter(|s| !s.is_empty()) {
        if s.end() < first.row.part.start || s.start() > last.row.part.end {
            continue;
        }
        for p in places {
            let part = &p.row.part;
            let (from, to) = (s.start().max(part.start), s.end().min(part.end));
            if from > to || (from == to && !(s.start() <= part.end && s.end() > part.end)) {
                continue;
            }
            let mut rect = p.rect(from, to);
            // A break that is selected is seen, too.
            if s.end() > part.end {
                rect.max.x += 5.0;
            }
            painter.rect_filled(rect, CornerRadius::same(2), fill);
        }
    }
}

fn brackets(theme: &Theme, editor: &Editor, painter: &Painter, places: &[Place<'_>]) {
    if editor.selections().are_many() || !editor.language().brackets {
        return;
    }
    let Some((a, b)) = bracket::pair_at(editor.buffer(), editor.selections().primary().head) else { return };
    for at in [a, b] {
        for rect in parts(places, &(at..at + 1)) {
            painter.rect_stroke(rect.shrink2(vec2(-0.5, 1.5)), 2.0, Stroke::new(1.0, theme.muted), StrokeKind::Inside);
        }
    }
}

fn carets(ui: &Ui, theme: &Theme, editor: &Editor, view: &EditorView, painter: &Painter, places: &[Place<'_>]) {
    let (now, window) = ui.input(|i| (i.time, i.focused));
    if window {
        let since = (now - view.moved_at).max(0.0);
        ui.ctx().request_repaint_after_secs((BLINK - since % BLINK) as f32 + 0.005);
        if (since / BLINK) as u64 % 2 == 1 {
            return;
        }
    }
    let ink: Color32 = if window { theme.text } else { theme.faint };
    for s in editor.selections().iter() {
        for (i, p) in places.iter().enumerate() {
            let part = &p.row.part;
            // Between two rows of a line the cursor stands on the lower one.
            let lower = places.get(i + 1).is_some_and(|n| n.row.line == p.row.line && n.row.part.start == s.head);
            if (part.start..=part.end).contains(&s.head) && !lower {
                let x = p.left + p.row.x(s.head);
                painter.vline(x.round() + 0.5, p.top + 1.0..=p.top + ROW - 1.0, Stroke::new(1.5, ink));
            }
        }
    }
}

fn numbers(
    of: &CodeEditor<'_>,
    theme: &Theme,
    frame: &Frame,
    editor: &Editor,
    first: usize,
    painter: &Painter,
    places: &[Place<'_>],
) {
    let line = editor.buffer().line_of(editor.selections().primary().head);
    let right = frame.text.left() - GAP;
    for p in places.iter().filter(|p| p.row.nth == 0) {
        let ink = if !of.idle && p.row.line == line { theme.muted } else { theme.faint };
        let number = (first + p.row.line).to_string();
        painter.text(pos2(right, p.top + ROW / 2.0), Align2::RIGHT_CENTER, number, theme.mono(11.0), ink);
        if let Some(mark) = of.marks.and_then(|m| m(p.row.line)) {
            let at = pos2(frame.text.left() - GAP / 2.0, p.top + ROW / 2.0);
            painter.text(at, Align2::CENTER_CENTER, mark.sign, theme.mono(MONO), mark.ink);
        }
    }
}

/// Scroll bars of an editor that scrolls by itself: there when the pointer is near or something moves.
pub fn bars(ui: &Ui, theme: &Theme, frame: &Frame, view: &EditorView, response: &Response) {
    let near = response.contains_pointer() || view.bar.is_some();
    for vertical in [true, false] {
        let Some((at, size)) = mouse::handle(frame, view, view.rows.total(), vertical) else { continue };
        let track = mouse::track(frame, vertical);
        let handle = if vertical {
            let top = track.top() + at * track.height();
            Rect::from_min_size(pos2(track.left() + 2.0, top), vec2(track.width() - 4.0, size * track.height()))
        } else {
            let left = track.left() + at * track.width();
            Rect::from_min_size(pos2(left, track.top() + 2.0), vec2(size * track.width(), track.height() - 4.0))
        };
        let held = view.bar.is_some_and(|(v, _)| v == vertical);
        let over = ui.rect_contains_pointer(track);
        let ink = if held || over { theme.faint } else { theme.fade(theme.faint, if near { 0.6 } else { 0.35 }) };
        ui.painter().rect_filled(handle, 3.0, ink);
    }
}

//! What assistive technology is told: a text field of several lines with its value, and a run for each row that is seen.
use egui::{
    Id, Response, Sense, Ui, UiBuilder, WidgetInfo,
    accesskit::{Action, Node, Rect as Bounds, Role, TextDirection, TextPosition, TextSelection},
    pos2,
};

use super::{Cx, EditorView, Frame, ROW, row::Row};
use crate::model::editor::{Editor, motion};

/// Longer texts are told only as far as they are seen.
const MOST: usize = 1_000_000;
/// A run holds no more characters.
const RUN: usize = 255;

/// Tells it.
pub fn tell(cx: &Cx<'_>, ui: &mut Ui, response: &Response, editor: &Editor, view: &mut EditorView, rows: &[Row]) {
    let Cx { of, frame, focused, .. } = *cx;
    response.widget_info(|| {
        let mut info = WidgetInfo::text_edit(true, "", "", of.hint);
        info.label = Some(of.name.to_owned());
        info
    });
    let ctx = ui.ctx().clone();
    let known = (editor.serial(), editor.revision());
    let told = ctx.accesskit_node_builder(response.id, |node| {
        node.set_role(Role::MultilineTextInput);
        node.set_label(of.name);
        if of.read_only {
            node.set_read_only();
        } else {
            node.add_action(Action::SetValue);
            node.add_action(Action::ReplaceSelectedText);
        }
        node.add_action(Action::SetTextSelection);
        if view.value.as_ref().is_none_or(|(k, _)| *k != known) {
            let text = if editor.buffer().bytes() <= MOST { editor.buffer().to_string() } else { String::new() };
            view.value = Some((known, text));
        }
        if let Some((_, text)) = &view.value {
            node.set_value(text.as_str());
        }
    });
    view.runs.clear();
    if told.is_none() {
        view.value = None;
        return;
    }
    // Rows of the text belong to the field, not to the page around it.
    let builder = UiBuilder::new().max_rect(frame.text).accessibility_parent(of.id);
    let child = ui.new_child(builder);
    for (i, row) in rows.iter().enumerate() {
        run(of.id, &child, frame, editor, view, row, frame.seen.start + i);
    }
    if focused && !of.idle {
        select(&ctx, of.id, editor, view);
    }
}

fn run(id: Id, ui: &Ui, frame: &Frame, editor: &Editor, view: &mut EditorView, row: &Row, number: usize) {
    let buffer = editor.buffer();
    let (start, end) = (row.part.start, row.part.end.min(row.part.start + super::rows::LONGEST));
    let top = frame.y(view, number);
    let left = frame.text.left() - view.scroll.1;
    let pieces = (end - start).div_ceil(RUN).max(1);
    let name = |piece: usize| id.with(("run", row.line, row.nth, piece));
    for piece in 0..pieces {
        let (from, to) = (start + piece * RUN, (start + (piece + 1) * RUN).min(end));
        let last = piece + 1 == pieces;
        let mut text = buffer.slice(from..to).into_owned();
        let mut lengths: Vec<u8> = text.chars().map(|c| c.len_utf8() as u8).collect();
        let mut at: Vec<f32> = (from..to).map(|p| row.x(p) - row.x(from)).collect();
        let mut widths: Vec<f32> = (from..to).map(|p| row.x(p + 1) - row.x(p)).collect();
        let breaks = last && row.part.end == buffer.line_end(row.line) && row.line + 1 < buffer.lines();
        if breaks {
            text.push('\n');
            lengths.push(1);
            at.push(row.x(to) - row.x(from));
            widths.push(0.0);
        }
        let rect = egui::Rect::from_min_max(pos2(left + row.x(from), top), pos2(left + row.x(to), top + ROW));
        let run_id = name(piece);
        ui.interact(rect, run_id, Sense::hover());
        let words = words(&text);
        ui.ctx().accesskit_node_builder(run_id, |node: &mut Node| {
            node.set_role(Role::TextRun);
            node.set_text_direction(TextDirection::LeftToRight);
            let [x0, y0, x1, y1] = [rect.min.x, rect.min.y, rect.max.x, rect.max.y].map(f64::from);
            node.set_bounds(Bounds { x0, y0, x1, y1 });
            node.set_value(text);
            node.set_character_lengths(lengths);
            node.set_character_positions(at);
            node.set_character_widths(widths);
            node.set_word_starts(words);
            if piece > 0 {
                node.set_previous_on_line(name(piece - 1).accesskit_id());
            }
            if !last {
                node.set_next_on_line(name(piece + 1).accesskit_id());
            }
        });
        view.runs.push((run_id.accesskit_id(), from..to));
    }
}

fn words(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut inside = true;
    for (i, c) in text.chars().enumerate() {
        let word = motion::is_word(c);
        if word && !inside {
            out.push(i as u8);
        }
        inside = word;
    }
    out
}

/// The selection, as far as its ends are seen.
fn select(ctx: &egui::Context, id: Id, editor: &Editor, view: &EditorView) {
    let (Some(first), Some(last)) = (view.runs.first(), view.runs.last()) else { return };
    let place = |at: usize| {
        // At the edge of two rows of one line it is the beginning of the lower one.
        let found = view.runs.iter().rev().find(|(_, r)| r.start <= at && at <= r.end);
        let (node, range) = found.unwrap_or(if at < first.1.start { first } else { last });
        TextPosition { node: *node, character_index: at.clamp(range.start, range.end) - range.start }
    };
    let s = editor.selections().primary();
    let selection = TextSelection { anchor: place(s.anchor), focus: place(s.head) };
    ctx.accesskit_node_builder(id, |node| node.set_text_selection(selection));
}

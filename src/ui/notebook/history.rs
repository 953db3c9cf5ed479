//! The list of what was run before, at the cursor: typing filters, Enter puts it in.
use egui::{Area, Frame, Id, Key, Margin, Modifiers, Order, Rect, ScrollArea, TextEdit, Ui, pos2};

use crate::{
    app::notebook::{
        Command, Doc,
        history::{self, Past},
    },
    base::text::{fuzzy, shorten},
    model::{
        editor::{Act, Editor},
        notebook::Cell,
    },
    ui::{
        PageCx,
        theme::{CONTROL, SMALL, Theme},
        widgets::{Row, hair_x},
    },
};

const ROW: f32 = 22.0;
const ROWS: usize = 9;
const WIDTH: f32 = 520.0;
/// Lines of the chosen entry that are shown.
const LINES: usize = 8;

/// What the list remembers.
#[derive(Debug, Default)]
pub struct View {
    query: String,
    chosen: usize,
    open: bool,
}

fn field_id() -> Id {
    Id::unique("notebook-history")
}

/// Entries that fit what is typed: all words of it, the best first.
fn fitting<'a>(past: &'a Past, query: &str) -> Vec<&'a str> {
    let all = past.entries.iter().map(|e| &**e);
    if query.trim().is_empty() {
        return all.collect();
    }
    // Long entries are judged by their beginning.
    let score = |e: &str| fuzzy(query, &shorten(e, 400)).map(|f| f.score);
    let mut found: Vec<(i32, &str)> = all.filter_map(|e| Some((score(e)?, e))).collect();
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, e)| e).collect()
}

/// Into a cell without anything of its own it goes as it is, else to the cursor.
fn put(editor: &Editor, entry: &str) -> Act {
    let text = editor.buffer().to_string();
    let own = text.lines().skip(usize::from(text.starts_with("%%"))).any(|l| !l.trim().is_empty());
    if own { Act::Put(entry.to_owned()) } else { Act::SetText(entry.to_owned()) }
}

/// Escape closes the list, before the editor, which has the keyboard again by then, reads it.
pub fn escape(ui: &Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Cell) {
    let open = doc.past.as_ref().is_some_and(|p| p.key == cell.key);
    if open && ui.input_mut(|i| i.modifiers.is_none() && i.consume_key(Modifiers::NONE, Key::Escape)) {
        cx.send(Command::History(history::Command::Close));
    }
}

/// Draws the list while it is open; gives what was chosen.
pub fn popup_ui(
    ui: &Ui,
    cx: &mut PageCx<'_>,
    doc: &Doc,
    cell: &Cell,
    view: &mut View,
    editor: &Editor,
    caret: Rect,
) -> Option<Act> {
    let Some(past) = doc.past.as_ref().filter(|p| p.key == cell.key) else {
        *view = View::default();
        return None;
    };
    let found = fitting(past, &view.query);
    let last = found.len().saturating_sub(1);
    let taken = |k: Key| ui.input_mut(|i| i.modifiers.is_none() && i.consume_key(Modifiers::NONE, k));
    for (key, by) in
        [(Key::ArrowDown, 1), (Key::ArrowUp, -1), (Key::PageDown, ROWS as i64), (Key::PageUp, -(ROWS as i64))]
    {
        if taken(key) {
            view.chosen = (view.chosen as i64 + by).clamp(0, last as i64) as usize;
        }
    }
    // Once more the key that opened it: the next older one.
    if ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::R)) {
        view.chosen = (view.chosen + 1).min(last);
    }
    view.chosen = view.chosen.min(last);
    let mut chosen = if taken(Key::Enter) || taken(Key::Tab) { found.get(view.chosen).copied() } else { None };
    let screen = ui.ctx().content_rect();
    let height = 40.0 + ROW * ROWS as f32 + 24.0 + 16.0 * LINES as f32;
    let x = caret.left().min(screen.right() - WIDTH - 16.0).max(8.0);
    let below = caret.bottom() + 4.0;
    let y = if below + height > screen.bottom() - 28.0 { (caret.top() - 4.0 - height).max(44.0) } else { below };
    let first = !std::mem::replace(&mut view.open, true);
    let area = Area::new(field_id().with("area")).order(Order::Foreground).fixed_pos(pos2(x, y));
    let shown = area.show(ui.ctx(), |ui| {
        frame(cx.theme).show(ui, |ui| {
            ui.set_width(WIDTH);
            ui.spacing_mut().item_spacing.y = 0.0;
            if let Some(n) = list_ui(ui, cx.theme, past, view, &found, first) {
                chosen = found.get(n).copied();
            }
        });
    });
    let outside = ui.input(|i| {
        i.pointer.any_pressed() && i.pointer.interact_pos().is_some_and(|p| !shown.response.rect.contains(p))
    });
    if outside && !first {
        cx.send(Command::History(history::Command::Close));
    }
    let act = put(editor, chosen?);
    cx.send(Command::History(history::Command::Close));
    Some(act)
}

fn frame(theme: &Theme) -> Frame {
    Frame::NONE.fill(theme.raised).stroke(egui::Stroke::new(1.0, theme.border)).corner_radius(6).shadow(theme.shadow())
}

/// The field, the rows and the chosen entry; gives the row that was clicked.
fn list_ui(ui: &mut Ui, theme: &Theme, past: &Past, view: &mut View, found: &[&str], first: bool) -> Option<usize> {
    let mut clicked = None;
    let pad = |top, bottom| Frame::NONE.inner_margin(Margin { left: 10, right: 10, top, bottom });
    pad(6, 6).show(ui, |ui| {
        let before = view.query.len();
        let edit = TextEdit::singleline(&mut view.query)
            .id(field_id())
            .lock_focus(true)
            .font(theme.mono(CONTROL))
            .hint_text(egui::RichText::new("What was run before").color(theme.faint))
            .margin(Margin::symmetric(8, 4))
            .desired_width(WIDTH - 36.0);
        let response = ui.add(edit);
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::text_edit(true, "", view.query.as_str(), "What was run before");
            info.label = Some("Filter what was run before".to_owned());
            info
        });
        if first || !response.has_focus() {
            response.request_focus();
        }
        if view.query.len() != before {
            view.chosen = 0;
        }
    });
    hair_x(ui, theme);
    let top = view.chosen.saturating_sub(ROWS - 1) as f32 * ROW;
    let list = ScrollArea::vertical().max_height(ROW * ROWS as f32).auto_shrink([false, true]);
    list.vertical_scroll_offset(top).show_rows(ui, ROW, found.len(), |ui, range| {
        for (i, entry) in found.iter().enumerate().skip(range.start).take(range.len()) {
            // What SQL cells begin with is the same in all of them.
            let mut lines = entry.lines().map(str::trim).filter(|l| !l.is_empty());
            let first = lines.next().unwrap_or_default();
            let first = if first.starts_with("%%sql") { lines.next().unwrap_or(first) } else { first };
            let row = Row::new(first).height(ROW).padding(12.0).selected(i == view.chosen).show(ui, theme, |ui| {
                let words = egui::RichText::new(shorten(first, 90)).font(theme.mono(CONTROL)).color(theme.text);
                ui.add(egui::Label::new(words).truncate().selectable(false));
            });
            if row.clicked() {
                clicked = Some(i);
            }
        }
    });
    hair_x(ui, theme);
    pad(6, 8).show(ui, |ui| {
        ui.set_width(WIDTH - 20.0);
        match found.get(view.chosen) {
            Some(entry) => {
                let mut lines: Vec<String> = entry.lines().take(LINES - 1).map(|l| shorten(l, 110)).collect();
                let more = entry.lines().count().saturating_sub(LINES - 1);
                if more > 0 {
                    lines.push(format!("\u{2026} {}", crate::base::text::count(more as u64, "more line")));
                }
                let words = egui::RichText::new(lines.join("\n")).font(theme.mono(SMALL)).color(theme.muted);
                ui.add(egui::Label::new(words).truncate().selectable(false));
            }
            None if past.loading => drop(ui.label(theme.small("Asking\u{2026}"))),
            None => drop(ui.label(theme.small("Nothing that fits was run before"))),
        }
        if let Some(note) = &past.note {
            ui.label(theme.faint(note.as_str()));
        }
    });
    clicked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::editor::Language;

    #[test]
    fn an_empty_cell_takes_it_whole_and_another_at_its_cursor() {
        let editor = |text: &str| Editor::new(text, Language::of(None));
        assert_eq!(put(&editor(" \n"), "x"), Act::SetText("x".into()));
        assert_eq!(put(&editor("%%sql\n"), "%%sql\nSELECT 1"), Act::SetText("%%sql\nSELECT 1".into()));
        assert_eq!(put(&editor("a = "), "x"), Act::Put("x".into()));
    }
}

//! The list of names at the cursor and what is known of one.
use egui::{Align, Area, Frame, Id, Key, Layout, Modifiers, Order, Pos2, Rect, ScrollArea, Ui, pos2, vec2};

use crate::{
    app::notebook::{
        Command, Doc,
        assist::{Hint, Offer},
    },
    base::text::shorten,
    model::{
        editor::{Act, Buffer},
        notebook::CellKey,
        table::complete::Suggestion,
    },
    ui::{
        PageCx,
        theme::{CONTROL, Theme},
        widgets::Row,
    },
};

const ROW: f32 = 22.0;
const ROWS: usize = 10;
const WIDTH: f32 = 340.0;

/// What the popups remember between frames.
#[derive(Debug, Default)]
pub struct View {
    chosen: usize,
    /// The list the choice belongs to.
    of: Option<(CellKey, usize, usize)>,
    /// Where a popup was drawn last, so that a click on it does not end editing.
    rect: Option<Rect>,
}

impl View {
    /// Nothing is open.
    pub fn close(&mut self) {
        self.rect = None;
        self.of = None;
    }
    /// True when the pointer is over a popup.
    pub fn holds(&self, at: Option<Pos2>) -> bool {
        matches!((self.rect, at), (Some(rect), Some(at)) if rect.contains(at))
    }
}

/// The words that still fit what stands between the start and the cursor.
fn fitting<'a>(offer: &'a Offer, text: &Buffer, cursor: usize) -> Vec<&'a Suggestion> {
    if cursor < offer.start {
        return Vec::new();
    }
    let typed = text.slice(offer.start..cursor);
    if typed.contains('\n') {
        return Vec::new();
    }
    let low = typed.trim_start_matches('\'').to_lowercase();
    let fits = |w: &&Suggestion| {
        let word = w.text.to_lowercase();
        // Files are found by any part of their path; a kernel may offer what follows a dot alone.
        if w.text.starts_with('\'') {
            word.contains(&low)
        } else {
            word.starts_with(&low) || word.contains(&format!(".{low}"))
        }
    };
    offer.words.iter().filter(fits).collect()
}

/// Keys of the open popup, before the editor reads them; gives what was chosen.
pub fn keys(
    ui: &Ui,
    cx: &mut PageCx<'_>,
    doc: &Doc,
    view: &mut View,
    (key, text, cursor): (CellKey, &Buffer, usize),
) -> Option<Act> {
    // A plain key also matches while Shift is down, and Shift+Tab asks for something else.
    let taken = |k| ui.input_mut(|i| i.modifiers.is_none() && i.consume_key(Modifiers::NONE, k));
    if doc.assist.hint.as_ref().is_some_and(|h| h.key == key) && taken(Key::Escape) {
        cx.send(Command::CloseAssist);
        return None;
    }
    let offer = doc.assist.offer.as_ref().filter(|o| o.key == key)?;
    let words = fitting(offer, text, cursor);
    if words.is_empty() {
        cx.send(Command::CloseAssist);
        return None;
    }
    let of = (key, offer.start, offer.words.len());
    let fresh = view.of != Some(of);
    if fresh {
        view.of = Some(of);
        view.chosen = 0;
    }
    view.chosen = view.chosen.min(words.len() - 1);
    if taken(Key::Escape) {
        cx.send(Command::CloseAssist);
        return None;
    }
    for (k, by) in [(Key::ArrowDown, 1), (Key::ArrowUp, words.len() - 1), (Key::PageDown, ROWS - 1)] {
        if taken(k) {
            view.chosen = (view.chosen + by) % words.len();
        }
    }
    // A single word needs no choice.
    let only = fresh && words.len() == 1;
    if only || taken(Key::Enter) || taken(Key::Tab) {
        return Some(accept(offer, words[view.chosen], cursor));
    }
    None
}

fn accept(offer: &Offer, word: &Suggestion, cursor: usize) -> Act {
    // What was typed since the list came is part of the word.
    let end = (offer.end + cursor).saturating_sub(offer.cursor).max(cursor);
    Act::Fill { range: offer.start..end.max(offer.start), text: word.text.clone() }
}

/// Draws what is open below the cursor; gives what was clicked.
pub fn popups_ui(
    ui: &Ui,
    cx: &mut PageCx<'_>,
    doc: &Doc,
    view: &mut View,
    (key, text, cursor): (CellKey, &Buffer, usize),
    caret: Rect,
) -> Option<Act> {
    view.rect = None;
    if let Some(hint) = doc.assist.hint.as_ref().filter(|h| h.key == key) {
        view.rect = Some(hint_ui(ui, cx.theme, hint, caret));
        return None;
    }
    let offer = doc.assist.offer.as_ref().filter(|o| o.key == key)?;
    let words = fitting(offer, text, cursor);
    if words.is_empty() {
        return None;
    }
    let (rect, clicked) = list_ui(ui, cx.theme, &words, view.chosen, caret);
    view.rect = Some(rect);
    clicked.map(|i| accept(offer, words[i], cursor))
}

/// Below the caret, or above it where there is no room.
fn place(ui: &Ui, caret: Rect, size: egui::Vec2) -> Pos2 {
    let screen = ui.ctx().content_rect();
    let x = caret.left().min(screen.right() - size.x - 8.0).max(8.0);
    let below = caret.bottom() + 4.0;
    let y = if below + size.y > screen.bottom() - 28.0 { (caret.top() - 4.0 - size.y).max(8.0) } else { below };
    pos2(x, y)
}

fn frame(theme: &Theme) -> Frame {
    Frame::NONE.fill(theme.raised).stroke(egui::Stroke::new(1.0, theme.border)).corner_radius(6).shadow(egui::Shadow {
        offset: [0, 4],
        blur: 16,
        spread: 0,
        color: theme.fade(egui::Color32::BLACK, 0.4),
    })
}

fn list_ui(ui: &Ui, theme: &Theme, words: &[&Suggestion], chosen: usize, caret: Rect) -> (Rect, Option<usize>) {
    let size = vec2(WIDTH, ROW * words.len().min(ROWS) as f32 + 8.0);
    let at = place(ui, caret, size);
    let mut clicked = None;
    let area = Area::new(Id::unique("notebook-complete")).order(Order::Foreground).fixed_pos(at).show(ui.ctx(), |ui| {
        frame(theme).inner_margin(egui::Margin::symmetric(0, 4)).show(ui, |ui| {
            ui.set_width(WIDTH);
            ui.spacing_mut().item_spacing.y = 0.0;
            let mut list = ScrollArea::vertical().max_height(ROW * ROWS as f32).auto_shrink([false, true]);
            // The chosen row stays in sight.
            let top = chosen.saturating_sub(ROWS - 1) as f32 * ROW;
            list = list.vertical_scroll_offset(top);
            list.show_rows(ui, ROW, words.len(), |ui, range| {
                for i in range {
                    let word = words[i];
                    let row =
                        Row::new(&word.text).height(ROW).padding(8.0).selected(i == chosen).show(ui, theme, |ui| {
                            let shown = shorten(&word.text, 40);
                            ui.label(egui::RichText::new(shown).font(theme.mono(CONTROL)).color(theme.text));
                            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                                ui.label(theme.faint(word.kind.as_str()));
                            });
                        });
                    if row.clicked() {
                        clicked = Some(i);
                    }
                }
            });
        });
    });
    (area.response.rect, clicked)
}

fn hint_ui(ui: &Ui, theme: &Theme, hint: &Hint, caret: Rect) -> Rect {
    let lines = hint.text.lines().count().clamp(1, 16) as f32;
    let size = vec2(560.0, lines * 16.0 + 20.0);
    let at = place(ui, caret, size);
    let area = Area::new(Id::unique("notebook-explain")).order(Order::Foreground).fixed_pos(at).show(ui.ctx(), |ui| {
        frame(theme).inner_margin(egui::Margin::symmetric(10, 8)).show(ui, |ui| {
            ui.set_max_width(540.0);
            ScrollArea::vertical().max_height(16.0 * 17.0).auto_shrink([true, true]).show(ui, |ui| {
                let text = shorten(&hint.text, 6000);
                let label = egui::Label::new(egui::RichText::new(text).font(theme.mono(CONTROL)).color(theme.text));
                ui.add(label.wrap().selectable(false));
            });
        });
    });
    area.response.rect
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::editor::{Editor, Language};

    fn offer() -> Offer {
        let words = ["carrier", "carriers", "'data/cars.csv'"].map(|w| Suggestion::new(w, "")).into();
        Offer { key: CellKey(1), start: 7, end: 9, cursor: 9, words }
    }

    #[test]
    fn typing_on_narrows_the_list_and_choosing_replaces_the_word() {
        let texts = |text: &str, cursor| {
            fitting(&offer(), &Buffer::from(text), cursor).iter().map(|w| w.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(texts("SELECT ca", 9), ["carrier", "carriers", "'data/cars.csv'"]);
        assert_eq!(texts("SELECT carriers", 15), ["carriers"]);
        assert!(texts("SELECT ca\n", 10).is_empty(), "another line");
        assert!(texts("SELECT", 6).is_empty(), "left of the word");
        let word = accept(&offer(), &Suggestion::new("carrier", ""), 11);
        let mut editor = Editor::new("SELECT carr FROM é", Language::of(None));
        editor.act(&word, 0);
        assert_eq!(
            (editor.buffer().to_string().as_str(), editor.selections().primary().head),
            ("SELECT carrier FROM é", 14)
        );
    }
}

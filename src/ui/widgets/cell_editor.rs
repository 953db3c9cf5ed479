//! The editor of a cell behind one boundary: egui's `TextEdit` with source colours, line indentation, comments and
//! the document's own undo. A better editor can take its place without anybody noticing.
use std::{ops::Range, sync::Arc};

use egui::{
    Event, EventFilter, Galley, Id, Key, Modifiers, Rect, Response, TextEdit, Ui,
    text::{CCursor, CCursorRange, CharIndex},
    text_edit::TextEditState,
};

use super::highlight::{self, Spans};
use crate::ui::theme::{MONO, Theme};

/// Colours that fit the text as well as is known now; keeps them while newer ones are worked out.
#[derive(Debug, Clone, Default)]
pub struct Colours {
    text: String,
    spans: Option<Spans>,
    exact: bool,
}

impl Colours {
    /// Brings the colours up to the text; true when they changed.
    pub fn update(&mut self, ui: &Ui, language: Option<&'static str>, text: &str) -> bool {
        if self.exact && self.text == text {
            return false;
        }
        let Some(language) = language else {
            let changed = self.text != text;
            *self = Self { text: text.to_owned(), spans: None, exact: true };
            return changed;
        };
        if let Some(spans) = highlight::spans(ui.ctx(), language, text) {
            *self = Self { text: text.to_owned(), spans: Some(spans), exact: true };
            return true;
        }
        if self.text == text {
            return false;
        }
        self.spans = self.spans.take().map(|s| highlight::shifted(&self.text, &s, text));
        text.clone_into(&mut self.text);
        self.exact = text.is_empty();
        true
    }
    /// The layout of the text.
    pub fn galley(&self, ui: &Ui, theme: &Theme, width: f32) -> Arc<Galley> {
        let mut job = highlight::job(&self.text, self.spans.as_ref(), theme, MONO);
        job.wrap.max_width = width;
        ui.fonts_mut(|f| f.layout_job(job))
    }
}

/// An editor to draw.
#[derive(Debug)]
pub struct CellEditor<'a> {
    pub id: Id,
    /// Accessible name: `Cell 3 source`.
    pub name: &'a str,
    pub language: Option<&'static str>,
    /// Sign that comments a line out.
    pub comment: &'a str,
    pub hint: &'a str,
    pub read_only: bool,
    /// Names can be completed and explained here.
    pub assist: Assist,
}

/// Where Tab asks for names instead of indenting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Assist {
    #[default]
    Never,
    /// After a letter, a dot or a bracket.
    AfterName,
    /// Anywhere but before the first sign of a line.
    InLine,
}

/// A question about the name at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Complete,
    Explain,
}

/// What happened in a frame.
#[derive(Debug, Clone)]
pub struct Edited {
    pub response: Response,
    pub changed: bool,
    /// Line and column of the cursor from 1, and its byte.
    pub cursor: Option<(usize, usize, usize)>,
    pub undo: bool,
    pub redo: bool,
    /// Escape or Ctrl+M.
    pub leave: bool,
    /// Ctrl+Shift+-: split at the cursor.
    pub split: bool,
    /// Tab or Shift+Tab at a name.
    pub question: Option<Question>,
    /// The cursor in characters; none while something is selected.
    pub at: Option<usize>,
    /// Where the lines lie, for their numbers.
    pub galley: Arc<Galley>,
    pub text_rect: Rect,
}

impl CellEditor<'_> {
    /// Draws it over the width there is, on the colour behind it.
    pub fn show(self, ui: &mut Ui, theme: &Theme, text: &mut String, colours: &mut Colours) -> Edited {
        let focused = ui.memory(|m| m.has_focus(self.id));
        let mut keys = Keys::default();
        let mut changed = false;
        let mut question = None;
        if focused {
            keys = Keys::take(ui);
            if !self.read_only {
                question = self.question(ui, text);
                changed = self.own_keys(ui, text);
            }
        }
        let language = self.language;
        let mut layouter = |ui: &Ui, buffer: &dyn egui::TextBuffer, width: f32| {
            colours.update(ui, language, buffer.as_str());
            colours.galley(ui, theme, width)
        };
        let filter = EventFilter { tab: true, horizontal_arrows: true, vertical_arrows: true, escape: true };
        let mut shown: String;
        let buffer: &mut String = if self.read_only {
            shown = text.clone();
            &mut shown
        } else {
            text
        };
        let output = TextEdit::multiline(buffer)
            .id(self.id)
            .font(theme.mono(MONO))
            .frame(egui::Frame::NONE)
            .margin(egui::Margin::ZERO)
            .desired_width(f32::INFINITY)
            .desired_rows(1)
            .hint_text(egui::RichText::new(self.hint).font(theme.mono(MONO)).color(theme.faint))
            .event_filter(filter)
            .layouter(&mut layouter)
            .show(ui);
        let response = output.response.response.clone();
        changed |= response.changed() && !self.read_only;
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::text_edit(!self.read_only, "", buffer.as_str(), self.hint);
            info.label = Some(self.name.to_owned());
            info
        });
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_role(egui::accesskit::Role::MultilineTextInput));
        let cursor = output.cursor_range.map(|r| place(buffer, r.primary.index.0));
        let at = output.cursor_range.filter(|r| r.is_empty()).map(|r| r.primary.index.0);
        let text_rect = Rect::from_min_size(output.galley_pos, output.galley.size());
        Edited {
            response,
            changed,
            cursor,
            undo: keys.undo,
            redo: keys.redo,
            leave: keys.leave,
            split: keys.split,
            question,
            at,
            galley: output.galley,
            text_rect,
        }
    }

    /// Tab and Shift+Tab ask about a name where one stands at the cursor; Ctrl+Space asks anywhere.
    fn question(&self, ui: &Ui, text: &str) -> Option<Question> {
        let range = TextEditState::load(ui.ctx(), self.id)?.cursor.char_range().filter(|r| r.is_empty())?;
        if self.assist == Assist::Never {
            return None;
        }
        let taken = |m, k| ui.input_mut(|i| i.consume_key(m, k));
        if taken(Modifiers::COMMAND, Key::Space) {
            return Some(Question::Complete);
        }
        let before = text.get(..byte_of(text, range.primary.index.0)).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let at_name = match self.assist {
            Assist::InLine => !line.trim().is_empty(),
            _ => line.chars().next_back().is_some_and(|c| c.is_alphanumeric() || "_.([\"'/%".contains(c)),
        };
        if !line.trim().is_empty() && taken(Modifiers::SHIFT, Key::Tab) {
            return Some(Question::Explain);
        }
        (at_name && ui.input(|i| !i.modifiers.shift) && taken(Modifiers::NONE, Key::Tab)).then_some(Question::Complete)
    }

    /// Keys whose work on the text is ours: indentation and comments.
    fn own_keys(&self, ui: &Ui, text: &mut String) -> bool {
        let Some(mut state) = TextEditState::load(ui.ctx(), self.id) else { return false };
        let Some(range) = state.cursor.char_range() else { return false };
        let selection = range.as_sorted_char_range();
        let selection = selection.start.0..selection.end.0;
        let taken = |m, k| ui.input_mut(|i| i.consume_key(m, k));
        let edit = if taken(Modifiers::SHIFT, Key::Tab) {
            outdent(text, selection)
        } else if taken(Modifiers::NONE, Key::Tab) {
            indent(text, selection)
        } else if taken(Modifiers::COMMAND, Key::Slash) {
            comment(text, selection, self.comment)
        } else if ui.input(|i| i.modifiers.is_none()) && taken(Modifiers::NONE, Key::Enter) {
            new_line(text, selection)
        } else {
            return false;
        };
        let (new, cursor) = edit;
        *text = new;
        let at = |i: usize| CCursor::new(CharIndex(i));
        state.cursor.set_char_range(Some(CCursorRange::two(at(cursor.start), at(cursor.end))));
        state.store(ui.ctx(), self.id);
        true
    }
}

/// Puts the cursor of the editor `id` at a character.
pub fn set_cursor(ui: &Ui, id: Id, at: usize) {
    let mut state = TextEditState::load(ui.ctx(), id).unwrap_or_default();
    state.cursor.set_char_range(Some(CCursorRange::one(CCursor::new(CharIndex(at)))));
    state.store(ui.ctx(), id);
}

#[derive(Default)]
struct Keys {
    undo: bool,
    redo: bool,
    leave: bool,
    split: bool,
}

impl Keys {
    /// Takes the chords that belong to the document before the widget sees them, longest first.
    fn take(ui: &Ui) -> Self {
        let taken = |m, k| ui.input_mut(|i| i.consume_key(m, k));
        let ctrl_shift = Modifiers::COMMAND | Modifiers::SHIFT;
        let redo = taken(ctrl_shift, Key::Z) || taken(Modifiers::COMMAND, Key::Y);
        Self {
            redo,
            undo: taken(Modifiers::COMMAND, Key::Z),
            leave: taken(Modifiers::NONE, Key::Escape) || taken(Modifiers::COMMAND, Key::M),
            split: taken(ctrl_shift, Key::Minus) || split_typed(ui),
        }
    }
}

/// Keyboards send the key above as `_` on some layouts.
fn split_typed(ui: &Ui) -> bool {
    ui.input_mut(|i| {
        let before = i.events.len();
        i.events.retain(|e| {
            !matches!(e, Event::Key { key: Key::Minus, pressed: true, modifiers, .. } if modifiers.command && modifiers.shift)
        });
        i.events.len() < before
    })
}

/// Line and column from 1 and the byte of a character.
fn place(text: &str, at: usize) -> (usize, usize, usize) {
    let byte = byte_of(text, at);
    let before = text.get(..byte).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column, byte)
}

fn byte_of(text: &str, at: usize) -> usize {
    text.char_indices().nth(at).map_or(text.len(), |(i, _)| i)
}

/// The lines a selection of characters touches: each with its first character.
fn lines_of(text: &str, selection: &Range<usize>) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let mut at = 0;
    for line in text.split('\n') {
        let len = line.chars().count();
        let touches = at <= selection.end && selection.start <= at + len;
        let only_start = selection.end == at && selection.start < at;
        if touches && !only_start {
            out.push((at, line.to_owned()));
        }
        at += len + 1;
    }
    out
}

/// Replaces lines by what `change` makes of them and moves the selection along.
fn each_line(text: &str, selection: Range<usize>, change: impl Fn(&str) -> (String, i64)) -> (String, Range<usize>) {
    let lines = lines_of(text, &selection);
    let mut chars: Vec<char> = text.chars().collect();
    let (mut start, mut end) = (selection.start as i64, selection.end as i64);
    for (at, line) in lines.into_iter().rev() {
        let (new, by) = change(&line);
        chars.splice(at..at + line.chars().count(), new.chars());
        let at = at as i64;
        if start >= at {
            start = (start + by).max(at);
        }
        end = (end + by).max(at);
    }
    let len = chars.len() as i64;
    (chars.into_iter().collect(), start.clamp(0, len) as usize..end.clamp(0, len) as usize)
}

fn indent(text: &str, selection: Range<usize>) -> (String, Range<usize>) {
    if selection.start != selection.end {
        return each_line(text, selection, |l| if l.is_empty() { (String::new(), 0) } else { (format!("    {l}"), 4) });
    }
    let before = text.get(..byte_of(text, selection.start)).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    insert(text, selection, &" ".repeat(4 - column % 4))
}

fn outdent(text: &str, selection: Range<usize>) -> (String, Range<usize>) {
    each_line(text, selection, |l| {
        let cut = l.chars().take(4).take_while(|c| *c == ' ').count().max(usize::from(l.starts_with('\t')));
        (l.chars().skip(cut).collect(), -(cut as i64))
    })
}

/// Comments lines out, or in when all of them are comments.
fn comment(text: &str, selection: Range<usize>, sign: &str) -> (String, Range<usize>) {
    let lines = lines_of(text, &selection);
    let filled = || lines.iter().filter(|(_, l)| !l.trim().is_empty());
    let all = filled().next().is_some() && filled().all(|(_, l)| l.trim_start().starts_with(sign));
    let depth = filled().map(|(_, l)| l.len() - l.trim_start().len()).min().unwrap_or(0);
    each_line(text, selection, |l| {
        if l.trim().is_empty() {
            return (l.to_owned(), 0);
        }
        if all {
            let (space, rest) = l.split_at(l.len() - l.trim_start().len());
            let rest = rest.strip_prefix(sign).unwrap_or(rest);
            let bare = rest.strip_prefix(' ').unwrap_or(rest);
            (format!("{space}{bare}"), (bare.chars().count() + space.chars().count()) as i64 - l.chars().count() as i64)
        } else {
            let (space, rest) = l.split_at(depth.min(l.len()));
            (format!("{space}{sign} {rest}"), sign.chars().count() as i64 + 1)
        }
    })
}

/// A line break that keeps the indentation, one level deeper after a colon or an open bracket.
fn new_line(text: &str, selection: Range<usize>) -> (String, Range<usize>) {
    let before = text.get(..byte_of(text, selection.start)).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let space: String = line.chars().take_while(|c| *c == ' ' || *c == '\t').collect();
    let deeper = line.trim_end().ends_with([':', '(', '[', '{']);
    insert(text, selection, &format!("\n{space}{}", if deeper { "    " } else { "" }))
}

fn insert(text: &str, selection: Range<usize>, new: &str) -> (String, Range<usize>) {
    let (from, to) = (byte_of(text, selection.start), byte_of(text, selection.end));
    let mut out = text.to_owned();
    out.replace_range(from..to, new);
    let at = selection.start + new.chars().count();
    (out, at..at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_indented_and_outdented_with_their_selection() {
        assert_eq!(indent("ab", 1..1), ("a   b".into(), 4..4));
        assert_eq!(indent("a\nb\nc", 0..3), ("    a\n    b\nc".into(), 4..11));
        assert_eq!(outdent("    a\n  b", 5..8), ("a\nb".into(), 1..2));
        assert_eq!(outdent("\ta", 2..2), ("a".into(), 1..1));
        assert_eq!(outdent("a", 0..0), ("a".into(), 0..0));
    }

    #[test]
    fn comments_go_out_and_in() {
        let (text, at) = comment("if a:\n    b\n\n    é", 0..17, "#");
        assert_eq!(text, "# if a:\n#     b\n\n#     é");
        assert_eq!(comment(&text, at, "#").0, "if a:\n    b\n\n    é");
        assert_eq!(comment("  a", 3..3, "--").0, "  -- a");
    }

    #[test]
    fn a_new_line_keeps_the_indentation() {
        assert_eq!(new_line("  if a:", 7..7), ("  if a:\n      ".into(), 14..14));
        assert_eq!(new_line("é = (1", 6..6).0, "é = (1\n");
        assert_eq!(new_line("f(", 2..2).0, "f(\n    ");
    }

    #[test]
    fn places_count_characters_and_bytes() {
        assert_eq!(place("é\nab", 3), (2, 2, 4));
        assert_eq!(place("", 5), (1, 1, 0));
    }
}

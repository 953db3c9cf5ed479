//! The menu of the second button on a text.
use egui::{Align, Id, Layout, Response, Ui};

use super::line;
use crate::{
    app::{
        keymap::editor as keys,
        notebook::{Command, Doc, history, places},
        search, shell,
    },
    model::{
        editor::{Act, Editor, motion},
        notebook::CellKey,
    },
    ui::{
        PageCx,
        editor::EditorView,
        theme::Theme,
        widgets::{Row, hair_x, kbd},
    },
};

/// What was chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Chosen {
    /// Something done to the text.
    Act(Act),
    /// Put this on the clipboard, and cut it out of the text.
    Cut(String),
    Copy(String),
    Paste,
    Find,
    /// In all files.
    Search,
    Definition(String),
    Line,
    FoldAll(bool),
    History,
}

/// The name at the cursor, or what is selected of one.
pub fn name_at(editor: &Editor) -> Option<String> {
    let selected = editor.selections().primary();
    let range = if selected.is_empty() { motion::word_at(editor.buffer(), selected.head) } else { selected.range() };
    let word = editor.buffer().slice(range).into_owned();
    let is_name = word.chars().all(motion::is_word) && !word.starts_with(|c: char| c.is_ascii_digit());
    (is_name && !word.is_empty() && word.len() < 200).then_some(word)
}

/// Draws it while it is open. `code`: names are known; `runs`: there is a history.
pub fn menu_ui(
    response: &Response,
    theme: &Theme,
    editor: &Editor,
    read_only: bool,
    (code, runs): (bool, bool),
) -> Option<Chosen> {
    let mut chosen = None;
    response.context_menu(|ui| {
        ui.set_width(250.0);
        ui.spacing_mut().item_spacing.y = 0.0;
        let name = name_at(editor);
        let mut row = |ui: &mut Ui, label: &str, key: &str, on: bool, what: Chosen| {
            if row_ui(ui, theme, label, key, on) {
                chosen = Some(what);
                ui.close();
            }
        };
        let write = !read_only;
        row(ui, "Cut", "Ctrl X", write, Chosen::Cut(editor.copied()));
        row(ui, "Copy", "Ctrl C", true, Chosen::Copy(editor.copied()));
        row(ui, "Paste", "Ctrl V", write, Chosen::Paste);
        row(ui, "Select all", "Ctrl A", true, Chosen::Act(Act::SelectAll));
        gap(ui, theme);
        let word = name.clone().unwrap_or_default();
        if code {
            row(ui, "Go to the definition", keys::DEFINITION.key, name.is_some(), Chosen::Definition(word));
        }
        let all = Chosen::Act(Act::AllOccurrences);
        row(ui, "Select all occurrences", keys::EVERY.key, name.is_some(), all);
        let comments = !editor.language().comment.is_empty() || editor.language().block.is_some();
        row(ui, "Comment out or in", keys::COMMENT.key, write && comments, Chosen::Act(Act::Comment));
        if runs {
            row(ui, "What was run before", keys::HISTORY.key, write, Chosen::History);
        }
        gap(ui, theme);
        row(ui, "Find", keys::FIND.key, true, Chosen::Find);
        row(ui, "Search in all files", "Ctrl+Shift+F", true, Chosen::Search);
        row(ui, "Go to a line", keys::GO_TO_LINE.key, true, Chosen::Line);
        gap(ui, theme);
        row(ui, "Fold everything", "", true, Chosen::FoldAll(true));
        row(ui, "Unfold everything", "", true, Chosen::FoldAll(false));
    });
    chosen
}

fn gap(ui: &mut Ui, theme: &Theme) {
    ui.add_space(3.0);
    hair_x(ui, theme);
    ui.add_space(3.0);
}

fn row_ui(ui: &mut Ui, theme: &Theme, label: &str, key: &str, on: bool) -> bool {
    let shown = ui.add_enabled_ui(on, |ui| {
        Row::new(label).height(24.0).padding(10.0).show(ui, theme, |ui| {
            ui.label(if on { theme.body(label) } else { theme.body(label).color(theme.faint) });
            if !key.is_empty() {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| kbd(ui, theme, &key.replace('+', " ")));
            }
        })
    });
    on && shown.inner.clicked()
}

/// Does what was chosen; gives what is to be done to the text. The text keeps the keyboard.
pub fn carry_out(
    ui: &Ui,
    cx: &mut PageCx<'_>,
    doc: &Doc,
    (key, editor): (CellKey, &Editor),
    view: &mut EditorView,
    line: &mut line::Bar,
    (chosen, id): (Chosen, Id),
) -> Option<Act> {
    let mut act = None;
    let mut keeps = true;
    match chosen {
        Chosen::Act(what) => act = Some(what),
        Chosen::Cut(text) => {
            cx.send(shell::Command::Copy(text));
            act = Some(Act::Cut);
        }
        Chosen::Copy(text) => cx.send(shell::Command::Copy(text)),
        Chosen::Paste => ui.ctx().send_viewport_cmd(egui::ViewportCommand::RequestPaste),
        Chosen::Find => {
            keeps = false;
            cx.send(Command::Find { replacing: false });
        }
        Chosen::Search => {
            keeps = false;
            cx.send(search::Command::Open { replacing: false });
        }
        Chosen::Definition(name) => cx.send(Command::Place(places::Command::Definition { key, name })),
        Chosen::Line => {
            keeps = false;
            line.open(doc);
        }
        Chosen::FoldAll(close) => view.fold_all(editor, close),
        Chosen::History => {
            keeps = false;
            cx.send(Command::History(history::Command::Open(key)));
        }
    }
    if keeps {
        ui.memory_mut(|m| m.request_focus(id));
    }
    ui.ctx().request_repaint();
    act
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::editor::{Language, Selections};

    #[test]
    fn the_name_under_the_cursor_is_a_whole_one() {
        let mut editor = Editor::new("day_1 = 12 + x", Language::named("py"));
        assert_eq!(name_at(&editor).as_deref(), Some("day_1"));
        editor.act(&Act::Select(Selections::at(9)), 0);
        assert_eq!(name_at(&editor), None, "a number is no name");
        editor.act(&Act::SelectAll, 0);
        assert_eq!(name_at(&editor), None);
    }
}

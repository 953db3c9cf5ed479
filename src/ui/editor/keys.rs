//! What the keyboard, the clipboard, an input method and assistive technology ask of an editor.
use std::sync::LazyLock;

use egui::{
    Event, Id, ImeEvent, Key, Modifiers, Ui,
    accesskit::{Action, ActionData, ActionRequest},
};

use super::{Assist, CodeEditor, EditorView, Question};
use crate::{
    app::keymap::{KeyRow, editor},
    model::editor::{Act, Change, Editor, Motion, Selection, Selections, motion},
    ui::keys::shortcut,
};

/// What was asked for in a frame.
#[derive(Debug, Default)]
pub struct Done {
    /// What was done to the text and its cursors, in order.
    pub acts: Vec<Act>,
    /// The text changed.
    pub changed: bool,
    pub undo: bool,
    pub redo: bool,
    /// Escape or Ctrl+M.
    pub leave: bool,
    /// Ctrl+Shift+-: split at the cursor.
    pub split: bool,
    /// Tab or Shift+Tab at a name.
    pub question: Option<Question>,
    /// Ctrl+F, or Ctrl+H with `true`.
    pub find: Option<bool>,
    /// To the next find (`true`) or the one before.
    pub find_next: Option<bool>,
    /// A line is to be gone to by its number.
    pub go_to_line: bool,
    /// What the name at the cursor is defined by is to be shown.
    pub definition: bool,
    /// What was run before is to be listed.
    pub history: bool,
    /// Lines are to be wrapped or not.
    pub toggle_wrap: bool,
    /// An arrow went beyond the first (`true`) or last row.
    pub edge: Option<bool>,
}

impl Done {
    /// Carries an act out on the copy and notes it for the document.
    pub fn act(&mut self, editor: &mut Editor, act: Act) {
        // Groups of typing are the document's.
        self.changed |= editor.act(&act, 0).is_some();
        self.acts.push(act);
    }
}

/// What a key does.
#[derive(Debug, Clone)]
enum Does {
    Act(Act),
    Go(Motion, bool),
    Page(bool, bool),
    Undo,
    Redo,
    Complete,
    Find(bool),
    FindNext(bool),
    Line,
    Definition,
    History,
    Fold(bool),
    FoldAll(bool),
    Wrap,
    Tab(bool),
}

static KEYS: LazyLock<Vec<(Modifiers, Key, Does)>> = LazyLock::new(keys);

fn keys() -> Vec<(Modifiers, Key, Does)> {
    use Motion::{Bracket, Down, End, Left, LineEnd, LineStart, Right, Start, Up, WordLeft, WordRight};
    let mut all = Vec::new();
    let mut row = |row: KeyRow, does: Vec<Does>| {
        for (way, does) in row.ways().iter().zip(does) {
            if let [chord] = way.as_slice()
                && let Some((modifiers, key)) = shortcut(chord)
            {
                all.push((modifiers, key, does));
            }
        }
    };
    let go = |all: &[Motion], extend: bool| all.iter().map(|m| Does::Go(*m, extend)).collect::<Vec<_>>();
    let act = |all: &[Act]| all.iter().cloned().map(Does::Act).collect::<Vec<_>>();
    row(editor::WALK, go(&[Left, Right, Up(1), Down(1)], false));
    row(editor::WORDS, go(&[WordLeft, WordRight], false));
    row(editor::EDGES, go(&[LineStart, LineEnd, Start, End], false));
    row(editor::PAGES, vec![Does::Page(false, false), Does::Page(true, false)]);
    row(editor::EXTEND, go(&[Left, Right, Up(1), Down(1), WordLeft, WordRight], true));
    let mut edges = go(&[LineStart, LineEnd, Start, End], true);
    edges.extend([Does::Page(false, true), Does::Page(true, true)]);
    row(editor::EXTEND_FAR, edges);
    row(editor::ALL_TEXT, act(&[Act::SelectAll]));
    row(editor::LINE, act(&[Act::SelectLine]));
    row(editor::NEXT, act(&[Act::NextOccurrence]));
    row(editor::EVERY, act(&[Act::AllOccurrences]));
    row(editor::CURSORS, act(&[Act::AddCursor { up: true }, Act::AddCursor { up: false }]));
    row(editor::BRACKET, go(&[Bracket], false));
    row(editor::DELETE, act(&[Act::Delete(Left), Act::Delete(Right)]));
    row(editor::DELETE_WORD, act(&[Act::Delete(WordLeft), Act::Delete(WordRight)]));
    row(editor::DELETE_LINE, act(&[Act::DeleteLines, Act::DeleteLines]));
    let lines = [Act::MoveLines { up: true }, Act::MoveLines { up: false }];
    row(editor::MOVE, act(&[lines.clone(), lines].concat()));
    row(editor::DOUBLE, act(&[Act::DoubleLines { up: true }, Act::DoubleLines { up: false }]));
    row(editor::JOIN, act(&[Act::JoinLines]));
    row(editor::COMMENT, act(&[Act::Comment]));
    row(editor::BLOCK, act(&[Act::BlockComment]));
    row(editor::TAB, vec![Does::Tab(false), Does::Tab(true)]);
    // Before those without Shift, which a sign may need.
    row(editor::FOLD, vec![Does::Fold(true), Does::Fold(false)]);
    row(editor::FOLD_ALL, vec![Does::FoldAll(true), Does::FoldAll(false)]);
    row(editor::DEPTH, act(&[Act::Outdent, Act::Indent]));
    row(editor::COMPLETE, vec![Does::Complete]);
    row(editor::UNDO, vec![Does::Undo]);
    row(editor::REDO, vec![Does::Redo, Does::Redo]);
    row(editor::FIND, vec![Does::Find(false)]);
    row(editor::REPLACE, vec![Does::Find(true)]);
    row(editor::FIND_NEXT, vec![Does::FindNext(true), Does::FindNext(false)]);
    row(editor::GO_TO_LINE, vec![Does::Line]);
    row(editor::DEFINITION, vec![Does::Definition]);
    row(editor::HISTORY, vec![Does::History]);
    row(editor::WRAP, vec![Does::Wrap]);
    all
}

/// The meaning of a press. Signs are typed with or without Shift, as the keyboard has it.
fn meaning(key: Key, held: Modifiers) -> Option<&'static Does> {
    // What Shift makes of a sign is still that key.
    let key = match key {
        Key::OpenCurlyBracket => Key::OpenBracket,
        Key::CloseCurlyBracket => Key::CloseBracket,
        Key::Pipe => Key::Backslash,
        other => other,
    };
    let sign = matches!(key, Key::Slash | Key::OpenBracket | Key::CloseBracket | Key::Backslash);
    let fits = |m: &Modifiers| {
        let held = Modifiers { shift: held.shift && (m.shift || !sign), ..held };
        held.matches_exact(*m)
    };
    KEYS.iter().find(|(m, k, _)| *k == key && fits(m)).map(|(_, _, does)| does)
}

/// Takes the events that are the editor's, so that nothing else acts on them.
fn take(editor: &CodeEditor<'_>, ui: &Ui) -> Vec<Event> {
    let node = editor.id.accesskit_id();
    let ours = |event: &Event| match event {
        Event::Text(_) | Event::Paste(_) | Event::Copy | Event::Cut | Event::Ime(_) => true,
        Event::Key { key, pressed: true, modifiers, .. } => {
            let ctrl_shift = Modifiers::COMMAND | Modifiers::SHIFT;
            meaning(*key, *modifiers).is_some()
                || (matches!(key, Key::Enter | Key::Escape) && (modifiers.is_none() || modifiers.shift_only()))
                || (editor.cell && *key == Key::M && modifiers.matches_exact(Modifiers::COMMAND))
                || (editor.cell && *key == Key::Minus && modifiers.matches_exact(ctrl_shift))
        }
        Event::AccessKitActionRequest(ActionRequest { action, target_node, .. }) => {
            *target_node == node
                && matches!(action, Action::SetValue | Action::ReplaceSelectedText | Action::SetTextSelection)
        }
        _ => false,
    };
    let mut taken = Vec::new();
    ui.input_mut(|i| {
        let mut chord = false;
        i.events.retain(|event| {
            if matches!(event, Event::Text(_)) && chord {
                // The letter of Alt and a letter.
                return false;
            }
            let mine = ours(event);
            chord = mine && matches!(event, Event::Key { modifiers, .. } if modifiers.alt || modifiers.command);
            if mine {
                taken.push(event.clone());
            }
            !mine
        });
    });
    taken
}

/// Reads what came since the last frame and carries it out.
pub fn read(of: &CodeEditor<'_>, ui: &Ui, editor: &mut Editor, view: &mut EditorView, page: usize, done: &mut Done) {
    for event in take(of, ui) {
        match event {
            Event::Text(text) if !of.read_only && !text.is_empty() && text != "\n" && text != "\r" => {
                done.act(editor, Act::Type(text));
            }
            Event::Copy => copy(ui, editor),
            Event::Cut => {
                copy(ui, editor);
                if !of.read_only {
                    done.act(editor, Act::Cut);
                }
            }
            Event::Paste(text) if !of.read_only && !text.is_empty() => paste(ui, editor, done, text),
            Event::Ime(event) if !of.read_only => compose(editor, view, done, event),
            Event::AccessKitActionRequest(request) => asked(of, editor, view, done, request),
            Event::Key { key, modifiers, .. } => press(of, editor, view, page, done, (key, modifiers)),
            _ => {}
        }
    }
}

fn press(
    of: &CodeEditor<'_>,
    editor: &mut Editor,
    view: &mut EditorView,
    page: usize,
    done: &mut Done,
    (key, modifiers): (Key, Modifiers),
) {
    match key {
        Key::Enter if !of.read_only => done.act(editor, Act::NewLine),
        Key::Enter => {}
        Key::Escape => {
            view.preedit = None;
            if editor.selections().are_many() {
                done.act(editor, Act::Single);
            } else {
                done.leave = true;
            }
        }
        Key::M if of.cell && modifiers.matches_exact(Modifiers::COMMAND) => done.leave = true,
        Key::Minus if of.cell => done.split = true,
        _ => {
            let Some(does) = meaning(key, modifiers).cloned() else { return };
            carry_out(of, editor, view, page, done, does);
        }
    }
}

fn carry_out(
    of: &CodeEditor<'_>,
    editor: &mut Editor,
    view: &mut EditorView,
    page: usize,
    done: &mut Done,
    does: Does,
) {
    match does {
        Does::Go(Motion::Up(n), extend) => rows(of, editor, view, done, -(n as i64), extend),
        Does::Go(Motion::Down(n), extend) => rows(of, editor, view, done, n as i64, extend),
        Does::Page(down, extend) => {
            rows(of, editor, view, done, if down { page as i64 } else { -(page as i64) }, extend);
        }
        Does::Go(motion, extend) => done.act(editor, Act::Move { motion, extend }),
        Does::Act(act) => {
            let looks = matches!(
                act,
                Act::SelectAll | Act::SelectLine | Act::NextOccurrence | Act::AllOccurrences | Act::AddCursor { .. }
            );
            if looks || !of.read_only {
                done.act(editor, act);
            }
        }
        Does::Undo => done.undo = !of.read_only,
        Does::Redo => done.redo = !of.read_only,
        Does::Complete => done.question = (of.assist != Assist::Never).then_some(Question::Complete),
        Does::Find(replace) => done.find = Some(replace),
        Does::FindNext(next) => done.find_next = Some(next),
        Does::Line => done.go_to_line = true,
        Does::Definition => done.definition = true,
        Does::History => done.history = !of.read_only,
        Does::Fold(close) => view.fold_here(editor, close, done),
        Does::FoldAll(close) => view.fold_all(editor, close),
        Does::Wrap => done.toggle_wrap = true,
        Does::Tab(back) => match question(of, editor, back) {
            Some(q) => done.question = Some(q),
            None if of.read_only => {}
            None => done.act(editor, if back { Act::Outdent } else { Act::Indent }),
        },
    }
}

/// Up and down by rows as they are wrapped; beyond the edge of a cell the page goes on.
fn rows(of: &CodeEditor<'_>, editor: &mut Editor, view: &EditorView, done: &mut Done, by: i64, extend: bool) {
    let (buffer, all) = (editor.buffer(), editor.selections());
    if of.cell && !extend && !all.are_many() && by.abs() == 1 {
        let row = view.rows.row_of(buffer, all.primary().head);
        if (by < 0 && row == 0) || (by > 0 && row + 1 >= view.rows.total()) {
            done.edge = Some(by < 0);
            return;
        }
    }
    let breaks = |line: usize| view.rows.breaks(buffer, line);
    let new = all.map(|s| view.folds.past(editor, motion::vertical(buffer, s, by, extend, &breaks), by < 0));
    done.act(editor, Act::Select(new));
}

/// Tab and Shift+Tab ask about a name where one stands at the cursor.
fn question(of: &CodeEditor<'_>, editor: &Editor, explain: bool) -> Option<Question> {
    let s = editor.selections().primary();
    if of.assist == Assist::Never || editor.selections().are_many() || !s.is_empty() {
        return None;
    }
    let buffer = editor.buffer();
    let before = buffer.slice(buffer.line_start(buffer.line_of(s.head))..s.head);
    if before.trim().is_empty() {
        return None;
    }
    if explain {
        return Some(Question::Explain);
    }
    let at_name = match of.assist {
        Assist::InLine => true,
        _ => before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || "_.([\"'/%".contains(c)),
    };
    at_name.then_some(Question::Complete)
}

/// The name under which a copy of whole lines is remembered.
fn whole_lines() -> Id {
    Id::unique("editor-whole-lines")
}

fn copy(ui: &Ui, editor: &Editor) {
    let text = editor.copied();
    let whole = editor.selections().are_empty();
    ui.data_mut(|d| d.insert_temp(whole_lines(), if whole { text.clone() } else { String::new() }));
    ui.ctx().copy_text(text);
}

/// Whole lines that were copied go above the line of the cursor.
fn paste(ui: &Ui, editor: &mut Editor, done: &mut Done, text: String) {
    let whole = ui.data(|d| d.get_temp::<String>(whole_lines())).unwrap_or_default();
    if whole != text || !editor.selections().are_empty() || editor.selections().are_many() {
        done.act(editor, Act::Paste(text));
        return;
    }
    let buffer = editor.buffer();
    let at = buffer.line_start(buffer.line_of(editor.selections().primary().head));
    done.act(editor, Act::Replace(vec![Change { range: at..at, text }]));
}

fn compose(editor: &mut Editor, view: &mut EditorView, done: &mut Done, event: ImeEvent) {
    match event {
        // Some desktops send these when nothing is being composed.
        ImeEvent::Preedit { text, .. } if text.is_empty() => view.preedit = None,
        ImeEvent::Commit(text) if text.is_empty() => view.preedit = None,
        ImeEvent::Preedit { text, .. } if text != "\n" && text != "\r" => view.preedit = Some(text),
        ImeEvent::Commit(text) if text != "\n" && text != "\r" => {
            view.preedit = None;
            done.act(editor, Act::Put(text));
        }
        ImeEvent::DeleteSurrounding { before_chars, after_chars } => {
            done.act(editor, Act::DeleteAround { before: before_chars, after: after_chars });
        }
        _ => {}
    }
}

fn asked(of: &CodeEditor<'_>, editor: &mut Editor, view: &EditorView, done: &mut Done, request: ActionRequest) {
    match (request.action, request.data) {
        (Action::SetValue, Some(ActionData::Value(text))) if !of.read_only => {
            done.act(editor, Act::SetText(text.into()));
        }
        (Action::ReplaceSelectedText, Some(ActionData::Value(text))) if !of.read_only => {
            done.act(editor, Act::Put(text.into()));
        }
        (Action::SetTextSelection, Some(ActionData::SetTextSelection(wanted))) => {
            let place = |p: egui::accesskit::TextPosition| {
                let run = view.runs.iter().find(|(node, _)| *node == p.node)?;
                Some((run.1.start + p.character_index).min(run.1.end))
            };
            if let (Some(anchor), Some(head)) = (place(wanted.anchor), place(wanted.focus)) {
                done.act(editor, Act::Select(Selections::one(Selection::span(anchor, head))));
            }
        }
        _ => {}
    }
}

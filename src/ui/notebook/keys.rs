//! Keys of the page: JupyterLab's, in command mode and in both modes.
use egui::{Key, Modifiers, Ui};

use super::View;
use crate::{
    app::notebook::{After, Body, Command, Merge, Mode, Scope, Step},
    model::notebook::CellKind,
    ui::PageCx,
};

/// Both keys of a pair must come within this many seconds.
const PAIR_SECS: f64 = 1.5;

/// Takes the page's keys before any widget sees them.
pub fn page_keys(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    if cx.state.shell.palette.is_some() || cx.state.shell.dialog.is_some() || cx.state.runs.dialog.is_some() {
        return;
    }
    let Some(doc) = cx.state.notebook.doc() else {
        view.focus_given = None;
        return;
    };
    let id = doc.id;
    let taken = |m, k| ui.input_mut(|i| i.consume_key(m, k));
    if taken(Modifiers::COMMAND | Modifiers::SHIFT, Key::S) {
        cx.send(Command::AskPath(true));
    }
    if taken(Modifiers::COMMAND, Key::S) {
        cx.send(Command::Save);
    }
    if taken(Modifiers::COMMAND, Key::W) {
        cx.send(Command::Close(id));
    }
    for (key, right) in [(Key::PageDown, true), (Key::PageUp, false)] {
        if taken(Modifiers::COMMAND, key) {
            cx.send(Command::NextTab(right));
        }
    }
    // Wherever the focus is by now: egui has taken it from the path that was being written.
    if cx.state.notebook.saving_as == Some(id) && doc.mode == Mode::Command && taken(Modifiers::NONE, Key::Escape) {
        cx.send(Command::AskPath(false));
    }
    super::find::page_keys(ui, cx, doc);
    if !matches!(doc.body, Body::Notebook(_)) {
        return;
    }
    let edited = (doc.mode == Mode::Edit).then_some((id, doc.selected));
    if let Some(place) = std::mem::replace(&mut view.edited, edited).filter(|p| edited != Some(*p)) {
        // Running a cell ends editing it: what is typed then is for the page, not for the text that was left.
        ui.memory_mut(|m| m.surrender_focus(super::editor_id(place)));
    }
    if doc.mode == Mode::Command {
        view.focus_given = None;
    } else if doc.find.is_none() && ui.memory(|m| m.focused().is_none()) {
        // The bar that had the keyboard is closed: the cell has it again.
        view.focus_given = None;
    }
    // A field that has the keyboard and is no cell keeps its keys: the answer to input(), a path.
    let focused = ui.memory(|m| m.focused());
    let own = focused.is_none() || focused == Some(super::editor_id((id, doc.selected)));
    if !own {
        return;
    }
    for (modifiers, after) in
        [(Modifiers::SHIFT, After::Advance), (Modifiers::COMMAND, After::Stay), (Modifiers::ALT, After::InsertBelow)]
    {
        if taken(modifiers, Key::Enter) {
            cx.send(Command::Run(Scope::Selected(after)));
        }
    }
    // A menu that is open has the keys: Escape closes it.
    if doc.mode == Mode::Command && !egui::Popup::is_any_open(ui.ctx()) {
        command_keys(ui, cx, view);
    }
}

fn command_keys(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let taken = |m, k| ui.input_mut(|i| i.consume_key(m, k));
    let ctrl_shift = Modifiers::COMMAND | Modifiers::SHIFT;
    let shift = Modifiers::SHIFT;
    // The longest chords first: a plain key also matches while Shift is down.
    let chords: [(Modifiers, Key, Command); 28] = [
        (ctrl_shift, Key::ArrowLeft, Command::FoldAll(true)),
        (ctrl_shift, Key::ArrowRight, Command::FoldAll(false)),
        (shift, Key::A, Command::InsertHeading { above: true }),
        (shift, Key::B, Command::InsertHeading { above: false }),
        (Modifiers::NONE, Key::ArrowLeft, Command::LeftRight(true)),
        (Modifiers::NONE, Key::ArrowRight, Command::LeftRight(false)),
        (ctrl_shift, Key::ArrowUp, Command::Move { up: true }),
        (ctrl_shift, Key::ArrowDown, Command::Move { up: false }),
        (ctrl_shift, Key::M, Command::Merge(Merge::Below)),
        (Modifiers::COMMAND, Key::Backspace, Command::Merge(Merge::Above)),
        (Modifiers::COMMAND, Key::A, Command::SelectAll),
        (ctrl_shift, Key::Z, Command::Redo),
        (Modifiers::COMMAND, Key::Z, Command::Undo),
        (Modifiers::COMMAND, Key::Y, Command::Redo),
        (shift, Key::ArrowUp, Command::Go { step: Step::Up, extend: true }),
        (shift, Key::K, Command::Go { step: Step::Up, extend: true }),
        (shift, Key::ArrowDown, Command::Go { step: Step::Down, extend: true }),
        (shift, Key::J, Command::Go { step: Step::Down, extend: true }),
        (shift, Key::Home, Command::Go { step: Step::First, extend: true }),
        (shift, Key::End, Command::Go { step: Step::Last, extend: true }),
        (shift, Key::M, Command::Merge(Merge::Selected)),
        (shift, Key::Z, Command::Redo),
        (shift, Key::L, Command::ToggleLineNumbers),
        (Modifiers::NONE, Key::ArrowUp, Command::Go { step: Step::Up, extend: false }),
        (Modifiers::NONE, Key::ArrowDown, Command::Go { step: Step::Down, extend: false }),
        (Modifiers::NONE, Key::Home, Command::Go { step: Step::First, extend: false }),
        (Modifiers::NONE, Key::End, Command::Go { step: Step::Last, extend: false }),
        (Modifiers::NONE, Key::Enter, Command::EnterEdit),
    ];
    for (modifiers, key, command) in chords {
        if taken(modifiers, key) {
            cx.send(command);
        }
    }
    clipboard_keys(ui, cx);
    // Plain letters, without any modifier.
    if ui.input(|i| i.modifiers.any()) {
        return;
    }
    pairs(ui, cx, view);
    let letters: [(Key, Command); 12] = [
        (Key::K, Command::Go { step: Step::Up, extend: false }),
        (Key::J, Command::Go { step: Step::Down, extend: false }),
        (Key::A, Command::Insert { above: true, kind: CellKind::Code }),
        (Key::B, Command::Insert { above: false, kind: CellKind::Code }),
        (Key::X, Command::Cut),
        (Key::C, Command::CopyCells),
        (Key::V, Command::Paste),
        (Key::Z, Command::Undo),
        (Key::Y, Command::SetKind(CellKind::Code)),
        (Key::M, Command::SetKind(CellKind::Markdown)),
        (Key::R, Command::SetKind(CellKind::Raw)),
        (Key::Escape, Command::LeaveEdit),
    ];
    for (key, command) in letters {
        if taken(Modifiers::NONE, key) {
            view.first_key = None;
            cx.send(command);
        }
    }
    let digits = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6];
    for (level, key) in digits.into_iter().enumerate() {
        if taken(Modifiers::NONE, key) {
            cx.send(Command::Heading(level + 1));
        }
    }
}

/// Ctrl+C and its kin come as events of their own.
fn clipboard_keys(ui: &Ui, cx: &mut PageCx<'_>) {
    let mut found = Vec::new();
    ui.input_mut(|i| {
        i.events.retain(|event| {
            let command = match event {
                egui::Event::Copy => Command::CopyCells,
                egui::Event::Cut => Command::Cut,
                egui::Event::Paste(_) => Command::Paste,
                _ => return true,
            };
            found.push(command);
            false
        });
    });
    for command in found {
        cx.send(command);
    }
}

/// D D, I I and 0 0.
fn pairs(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let now = ui.input(|i| i.time);
    let pairs = [(Key::D, Command::Delete), (Key::I, Command::Interrupt), (Key::Num0, Command::Restart)];
    for (key, command) in pairs {
        if !ui.input_mut(|i| i.consume_key(Modifiers::NONE, key)) {
            continue;
        }
        match view.first_key.take() {
            Some((first, at)) if first == key && now - at < PAIR_SECS => cx.send(command),
            _ => view.first_key = Some((key, now)),
        }
    }
}

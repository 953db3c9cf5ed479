//! Keys that work on every page.
use egui::{Context, Event, Id, Key, Ui};

use super::regions::{Regions, step};
use crate::{
    app::{
        git::work as git,
        keymap::global,
        search,
        shell::{Command, Dialog, Page, PaletteMode},
        workspace,
    },
    ui::{
        PageCx,
        editor::is_typing,
        keys::{hit, typed},
    },
};

/// Takes the window's own chords before any page sees them.
pub fn global_keys(ui: &Ui, cx: &mut PageCx<'_>, regions: &mut Regions) {
    let commands: [(_, crate::app::Command); 11] = [
        (global::COMMANDS, Command::OpenPalette(PaletteMode::Commands).into()),
        (global::GO_TO, Command::OpenPalette(PaletteMode::GoTo).into()),
        (global::OPEN, workspace::Command::PickFolder.into()),
        (global::NAVIGATOR, Command::ToggleNavigator.into()),
        (global::INSPECTOR, Command::ToggleInspector.into()),
        (global::BRANCHES, git::Command::Ask(git::Ask::Branches).into()),
        (global::PULL, git::Work::Pull.into()),
        (global::PUSH, git::Work::Push.into()),
        (global::STASH, git::Command::Ask(git::Ask::Stash).into()),
        (global::SEARCH, search::Command::Open { replacing: false }.into()),
        (global::REFRESH, workspace::Command::Refresh.into()),
    ];
    let of_git = [global::BRANCHES, global::PULL, global::PUSH, global::STASH];
    for (row, command) in commands {
        // Without a repository there is nothing to do; a dialog in front is answered first.
        let idle = of_git.contains(&row) && (!cx.state.git.status.in_repository() || cx.state.shell.dialog.is_some());
        if row == global::SEARCH && (cx.state.workspace.root.is_none() || cx.state.shell.dialog.is_some()) {
            continue;
        }
        // In a text the same keys delete a line.
        if row == global::PUSH && is_typing(ui.ctx()) {
            continue;
        }
        if hit(ui, &row).is_some() && !idle {
            cx.send.push(command);
        }
    }
    if let Some(n) = hit(ui, &global::RESULT) {
        let open = cx.state.search.open || cx.state.workspace.root.is_none();
        cx.send(if open { search::Command::Next(n == 0) } else { search::Command::Open { replacing: false } });
    }
    if let Some(page) = hit(ui, &global::PAGES).and_then(|n| Page::ALL.get(n)) {
        cx.send(Command::Go(*page));
    }
    let floating = cx.state.shell.palette.is_some() || cx.state.shell.dialog.is_some();
    let lists = cx.state.shell.show_notices || cx.state.shell.show_jobs;
    if (floating || lists) && hit(ui, &global::BACK).is_some() {
        cx.send(Command::Back);
    }
    if !floating && let Some(way) = hit(ui, &global::REGION) {
        step(ui.ctx(), cx.state.shell.page, regions, way == 0);
    }
    // A question mark typed into a field is text; anywhere else it asks for the keys.
    if !ui.ctx().egui_wants_keyboard_input() && typed(ui, global::HELP.key) {
        cx.send(Command::ShowDialog(Dialog::Keys));
    }
}

/// A button that has the keyboard is pressed by Enter, whatever is held with it. Ctrl+Enter and its kin are the page's:
/// for such a press the button lets go of the keyboard, and gets it back with the end of the frame.
pub fn lend_focus(ctx: &Context) -> Option<Id> {
    let chord =
        |e: &Event| matches!(e, Event::Key { key: Key::Enter, pressed: true, modifiers, .. } if modifiers.any());
    if !ctx.input(|i| i.events.iter().any(chord)) {
        return None;
    }
    let id = ctx.memory(|m| m.focused())?;
    if ctx.text_edit_focused() || is_typing(ctx) {
        return None;
    }
    ctx.memory_mut(|m| m.surrender_focus(id));
    Some(id)
}

/// The end of such a frame: the button has the keyboard again, unless something else was given it.
pub fn give_back(ctx: &Context, lent: Option<Id>) {
    if let Some(id) = lent.filter(|_| ctx.memory(|m| m.focused().is_none())) {
        ctx.memory_mut(|m| m.request_focus(id));
    }
}

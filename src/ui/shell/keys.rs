//! Keys that work on every page.
use egui::{Key, Modifiers, Ui};

use crate::{
    app::{
        shell::{Command, Dialog, Page, PaletteMode},
        workspace,
    },
    ui::PageCx,
};

/// Takes the window's own chords before any page sees them.
pub fn global_keys(ui: &Ui, cx: &mut PageCx<'_>) {
    let taken = |modifiers, key| ui.input_mut(|i| i.consume_key(modifiers, key));
    let ctrl_shift = Modifiers::COMMAND | Modifiers::SHIFT;
    if taken(ctrl_shift, Key::P) {
        cx.send(Command::OpenPalette(PaletteMode::Commands));
    }
    if taken(Modifiers::COMMAND, Key::P) {
        cx.send(Command::OpenPalette(PaletteMode::GoTo));
    }
    if taken(Modifiers::COMMAND, Key::O) {
        cx.send(workspace::Command::PickFolder);
    }
    if taken(Modifiers::COMMAND, Key::B) {
        cx.send(Command::ToggleNavigator);
    }
    if taken(Modifiers::COMMAND, Key::J) {
        cx.send(Command::ToggleInspector);
    }
    if taken(Modifiers::NONE, Key::F5) {
        cx.send(workspace::Command::Refresh);
    }
    let digits = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8];
    for (key, page) in digits.into_iter().zip(Page::ALL) {
        if taken(Modifiers::COMMAND, key) {
            cx.send(Command::Go(page));
        }
    }
    let floating = cx.state.shell.palette.is_some() || cx.state.shell.dialog.is_some();
    let lists = cx.state.shell.show_notices || cx.state.shell.show_jobs;
    if (floating || lists) && taken(Modifiers::NONE, Key::Escape) {
        cx.send(Command::Back);
    }
    // A question mark typed into a field is text; anywhere else it asks for the keys.
    if !ui.ctx().egui_wants_keyboard_input() && ui.input_mut(|i| typed(i, "?")) {
        cx.send(Command::ShowDialog(Dialog::Keys));
    }
}

/// True when exactly this text was typed; takes it from the input.
fn typed(input: &mut egui::InputState, text: &str) -> bool {
    let before = input.events.len();
    input.events.retain(|e| !matches!(e, egui::Event::Text(t) if t == text));
    input.events.len() < before
}

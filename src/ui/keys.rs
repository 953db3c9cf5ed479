//! Keys as [`crate::app::keymap`] lists them: what a page takes from the input, and how a row of the help is drawn.
use egui::{Align, Event, InputState, Key, Layout, Modifiers, Ui, vec2};

use super::{theme::Theme, widgets::kbd};
use crate::app::keymap::{Chord, KeyRow};

/// What to press for a chord; none for a name no keyboard has.
pub fn shortcut(chord: &Chord) -> Option<(Modifiers, Key)> {
    let key = match chord.key.as_str() {
        "Esc" => Key::Escape,
        name => Key::from_name(name)?,
    };
    let mut modifiers = if chord.ctrl { Modifiers::COMMAND } else { Modifiers::NONE };
    modifiers.shift = chord.shift;
    modifiers.alt = chord.alt;
    Some((modifiers, key))
}

/// Takes the first of a row's chords that was pressed and says which one it was.
pub fn hit(ui: &Ui, row: &KeyRow) -> Option<usize> {
    // Nothing was pressed in nearly every frame.
    if !ui.input(|i| i.events.iter().any(|e| matches!(e, Event::Key { pressed: true, .. }))) {
        return None;
    }
    let ways = row.ways();
    ways.iter().position(|way| match way.as_slice() {
        [chord] => shortcut(chord).is_some_and(|(modifiers, key)| ui.input_mut(|i| take(i, modifiers, key))),
        _ => false,
    })
}

/// Takes one press of a key with exactly these modifiers, and the text that came with it. Signs are typed with or
/// without Shift, as the keyboard has it.
fn take(input: &mut InputState, modifiers: Modifiers, key: Key) -> bool {
    let sign = matches!(key, Key::Slash | Key::OpenBracket | Key::CloseBracket | Key::Questionmark | Key::Minus);
    let mut taken = false;
    input.events.retain(|event| match event {
        Event::Key { key: pressed_key, pressed: true, modifiers: held, .. } if *pressed_key == key && !taken => {
            let held = Modifiers { shift: held.shift && (modifiers.shift || !sign), ..*held };
            taken = held.matches_exact(modifiers);
            !taken
        }
        _ => true,
    });
    if taken {
        // A field that gets the focus now must not receive the letter.
        input.events.retain(|e| !matches!(e, Event::Text(_)));
    }
    taken
}

/// Takes a typed sign such as `?`, which keyboards have in different places.
pub fn typed(ui: &Ui, sign: &str) -> bool {
    ui.input_mut(|i| {
        let before = i.events.len();
        i.events.retain(|e| !matches!(e, Event::Text(t) if t == sign));
        i.events.len() < before
    })
}

/// A row of the list of keys: a cap for each way, then what it does.
pub fn row_ui(ui: &mut Ui, theme: &Theme, row: &KeyRow, width: f32) {
    ui.horizontal_top(|ui| {
        ui.allocate_ui(vec2(width, 22.0), |ui| {
            ui.set_width(width);
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing = vec2(4.0, 2.0);
                for way in row.key.split("  ") {
                    kbd(ui, theme, way);
                }
            });
        });
        ui.add_space(8.0);
        // As high as a line of caps, so that both stand on one line.
        ui.allocate_ui_with_layout(vec2(ui.available_width(), 24.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_height(24.0);
            ui.label(theme.body(row.does));
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keymap;

    #[test]
    fn shift_counts_for_arrows_and_letters_but_not_for_signs() {
        let pressed = |key, shift, row: &KeyRow| {
            let (ctx, mut taken) = (egui::Context::default(), None);
            let modifiers = Modifiers { shift, ..Modifiers::NONE };
            let event = Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers };
            let input = egui::RawInput { events: vec![event], ..Default::default() };
            let mut output = ctx.run_ui(input, |ui| taken = hit(ui, row));
            output.textures_delta.clear();
            taken
        };
        assert_eq!(pressed(Key::ArrowDown, true, &keymap::board::DOWN), None);
        assert_eq!(pressed(Key::ArrowDown, true, &keymap::board::EXTEND), Some(3));
        assert_eq!(pressed(Key::N, true, &keymap::log::HIT), Some(1));
        assert_eq!(pressed(Key::Slash, true, &keymap::log::SEARCH), Some(0));
    }

    #[test]
    fn every_key_of_the_help_is_one_a_keyboard_has() {
        for row in keymap::all() {
            for chord in row.ways().into_iter().flatten() {
                assert!(shortcut(&chord).is_some(), "{} of {}: {chord:?}", row.key, row.context);
            }
        }
    }
}

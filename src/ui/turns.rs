//! One key a frame: what a person pressed is handed to the pages one press after the other, so that each press meets the
//! state the one before it has left.
//!
//! A slow frame, or somebody quick, brings several presses at once. A page sends commands while it is drawn, from the
//! state it was drawn with; were `J` and `Shift+Enter` in one frame, the second would run the cell the first had left.
use std::collections::VecDeque;

use egui::{Context, Event, Key, RawInput, Ui, plugin::Plugin};

/// Installs it.
pub fn install(ctx: &Context) {
    ctx.add_plugin(Turns::default());
}

/// Holds back what was pressed after the first press that does something.
#[derive(Debug, Default)]
struct Turns {
    held: VecDeque<Event>,
    /// What had the keyboard after the last frame, and after the one before.
    focus: [Option<egui::Id>; 2],
}

impl Plugin for Turns {
    fn debug_name(&self) -> &'static str {
        "one key a frame"
    }
    fn input_hook(&mut self, ctx: &Context, input: &mut RawInput) {
        self.held.extend(input.events.drain(..));
        let typing = ctx.text_edit_focused() || super::editor::is_typing(ctx);
        let fresh = typing && self.focus[0] != self.focus[1];
        take_turn(&mut self.held, typing, fresh, &mut input.events);
    }
    fn on_end_pass(&mut self, ui: &mut Ui) {
        self.focus = [ui.ctx().memory(|m| m.focused()), self.focus[0]];
        if !self.held.is_empty() {
            ui.ctx().request_repaint();
        }
    }
}

/// Moves events up to and with the first that acts; in a field (`typing`) letters are no acts. A field that is `fresh`
/// gets Escape, Tab and arrows only with the next frame: until then egui would take them for itself, and the focus away.
fn take_turn(held: &mut VecDeque<Event>, typing: bool, fresh: bool, turn: &mut Vec<Event>) {
    while let Some(event) = held.pop_front() {
        if fresh && steers(&event) {
            held.push_front(event);
            return;
        }
        let acted = acts(&event, typing);
        turn.push(event);
        if !acted {
            continue;
        }
        // The letter a key types comes right behind it.
        while let Some(Event::Text(_) | Event::Key { pressed: false, .. }) = held.front() {
            turn.extend(held.pop_front());
        }
        break;
    }
    // A key that is held down must stop when it is let go, however slow the frames are: of its repeats one is enough.
    while let (Some(a), Some(b)) = (held.front().and_then(repeated), held.get(1).and_then(repeated))
        && a == b
    {
        held.pop_front();
    }
}

fn repeated(event: &Event) -> Option<Key> {
    match event {
        Event::Key { key, pressed: true, repeat: true, .. } => Some(*key),
        _ => None,
    }
}

fn steers(event: &Event) -> bool {
    use Key::{ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Escape, Tab};
    let steering = [ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Escape, Tab];
    matches!(event, Event::Key { key, pressed: true, .. } if steering.contains(key))
}

fn acts(event: &Event, typing: bool) -> bool {
    match event {
        Event::Key { key, pressed: true, modifiers, .. } => {
            let leaves = matches!(key, Key::Enter | Key::Escape | Key::Tab) || key.name().starts_with('F');
            !typing || modifiers.command || modifiers.ctrl || modifiers.alt || (leaves && *key != Key::F)
        }
        Event::Copy | Event::Cut | Event::Paste(_) => !typing,
        // What is pressed after a click is meant for what was clicked.
        Event::PointerButton { pressed: false, .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use egui::Modifiers;

    use super::*;

    fn press(key: Key, modifiers: Modifiers, repeat: bool) -> Event {
        Event::Key { key, physical_key: None, pressed: true, repeat, modifiers }
    }

    fn turns(events: Vec<Event>, typing: bool) -> Vec<Vec<Event>> {
        let mut held: VecDeque<Event> = events.into();
        let mut all = Vec::new();
        while !held.is_empty() {
            let mut turn = Vec::new();
            take_turn(&mut held, typing, false, &mut turn);
            all.push(turn);
        }
        all
    }

    #[test]
    fn each_key_has_its_frame_and_brings_its_letter() {
        let (j, run) = (press(Key::J, Modifiers::NONE, false), press(Key::Enter, Modifiers::SHIFT, false));
        let shift = Event::ModifiersChanged(Modifiers::SHIFT);
        let events = vec![j.clone(), Event::Text("j".into()), shift.clone(), run.clone()];
        let all = turns(events, false);
        assert_eq!(all, [vec![j, Event::Text("j".into())], vec![shift, run]]);
    }

    #[test]
    fn text_comes_at_once_and_a_key_that_leaves_the_field_ends_the_turn() {
        let (a, b) = (press(Key::A, Modifiers::NONE, false), press(Key::F, Modifiers::NONE, false));
        let typed = vec![a, Event::Text("a".into()), b.clone(), Event::Text("f".into())];
        assert_eq!(turns(typed.clone(), true), [typed]);
        let escape = press(Key::Escape, Modifiers::NONE, false);
        assert_eq!(turns(vec![escape.clone(), b.clone()], true), [vec![escape], vec![b]]);
        let save = press(Key::S, Modifiers::COMMAND, false);
        assert_eq!(turns(vec![save.clone(), save], true).len(), 2);
    }

    #[test]
    fn a_field_that_just_got_the_keyboard_is_given_time_for_escape() {
        let escape = press(Key::Escape, Modifiers::NONE, false);
        let mut held: VecDeque<Event> = vec![Event::Text("x".into()), escape.clone()].into();
        let mut turn = Vec::new();
        take_turn(&mut held, true, true, &mut turn);
        assert_eq!((turn, held.len()), (vec![Event::Text("x".into())], 1));
        let mut turn = Vec::new();
        take_turn(&mut held, true, false, &mut turn);
        assert_eq!(turn, [escape]);
    }

    #[test]
    fn repeats_do_not_pile_up() {
        let again = press(Key::J, Modifiers::NONE, true);
        let mut events = vec![press(Key::J, Modifiers::NONE, false)];
        events.extend(vec![again.clone(); 20]);
        events.push(press(Key::K, Modifiers::NONE, false));
        assert_eq!(turns(events, false).len(), 3, "the press, one of its repeats, the next key");
        let twice = vec![press(Key::J, Modifiers::NONE, false); 2];
        assert_eq!(turns(twice, false).len(), 2, "pressed twice is not held down");
    }

    #[test]
    fn what_is_held_back_comes_with_the_next_frames() {
        let ctx = Context::default();
        install(&ctx);
        let mut seen = Vec::new();
        let mut frame = |events: Vec<Event>| {
            let input = RawInput { events, ..RawInput::default() };
            let mut output = ctx.run_ui(input, |ui| seen.push(ui.input(|i| i.events.len())));
            output.textures_delta.clear();
        };
        frame(vec![press(Key::J, Modifiers::NONE, false), press(Key::K, Modifiers::NONE, false)]);
        frame(Vec::new());
        frame(Vec::new());
        assert_eq!(seen, [1, 1, 0]);
    }
}

//! A page in a frame without a display.
#![allow(dead_code, reason = "each test binary uses its part")]
use std::sync::Arc;

use andon::{
    app::{AppState, Command, Cx, Effect, dispatch},
    base::time::FixedClock,
    ui::{
        PageCx,
        shell::{Views, window_ui},
        theme::{Theme, install_fonts},
    },
};
use egui_kittest::Harness;

/// A harness of `state`, drawn by `page` at 1024×700.
pub fn page<'a, S>(state: S, page: impl FnMut(&mut egui::Ui, &mut S) + 'a) -> Harness<'a, S> {
    Harness::builder().with_size(egui::vec2(1024.0, 700.0)).build_ui_state(page, state)
}

/// Tuesday 17 November 2026, 09:08 UTC.
pub fn morning() -> jiff::Timestamp {
    "2026-11-17T09:08:00Z".parse().unwrap()
}

/// The whole window over a state: commands go through dispatch, effects are kept for the test to look at, no job runs.
pub struct Stage {
    pub state: AppState,
    pub sent: Vec<Command>,
    pub effects: Vec<Effect>,
    pub views: Views,
    pub theme: Theme,
    /// Keys pressed that nothing took.
    pub left: Vec<egui::Key>,
    ready: bool,
}

/// The window at 1440×900 in the dark theme, with the app's own fonts.
pub fn stage(state: AppState) -> Harness<'static, Stage> {
    stage_with(state, Theme::dark(), egui::vec2(1440.0, 900.0))
}

/// The window in a theme and size.
pub fn stage_with(state: AppState, theme: Theme, size: egui::Vec2) -> Harness<'static, Stage> {
    let (sent, effects, left) = Default::default();
    let stage = Stage { state, sent, effects, views: Views::default(), theme, left, ready: false };
    let mut harness = Harness::builder().with_size(size).build_ui_state(draw, stage);
    harness.run_steps(2);
    harness
}

fn draw(ui: &mut egui::Ui, stage: &mut Stage) {
    if !stage.ready {
        // Fonts given now are there from the next frame on; this one stays empty.
        install_fonts(ui.ctx());
        andon::ui::turns::install(ui.ctx());
        stage.theme.apply(ui.ctx());
        stage.ready = true;
        ui.ctx().request_repaint();
        return;
    }
    let clock = Arc::new(FixedClock(morning()));
    let mut send = Vec::new();
    let mut cx = PageCx { state: &stage.state, theme: &stage.theme, send: &mut send, now: morning() };
    window_ui(ui, &mut cx, &mut stage.views);
    stage.left.extend(ui.input(|i| {
        let pressed = i.events.iter().filter_map(|e| match e {
            egui::Event::Key { key, pressed: true, .. } => Some(*key),
            _ => None,
        });
        pressed.collect::<Vec<_>>()
    }));
    for command in send {
        stage.sent.push(command.clone());
        let effects = dispatch::dispatch(&mut stage.state, command, &Cx { clock: &*clock });
        stage.effects.extend(effects);
    }
}

#[test]
fn a_label_is_found_by_its_text() {
    use egui_kittest::kittest::Queryable;
    let harness = page((), |ui, ()| {
        ui.label("Needs a person");
    });
    harness.get_by_label("Needs a person");
}

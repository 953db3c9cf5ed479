//! Home, the andon board: what needs a person, pipelines at a glance, what is new, totals.
mod rows;
mod side;

use egui::{Align, Frame, Layout, Panel, ScrollArea, Ui};

use super::PageCx;
use crate::{
    app::{
        home::{Command, Filter, Level},
        keymap::home,
    },
    ui::{
        keys::hit,
        widgets::{Btn, kbd, link, page_head, right_panel, section_head, segmented},
    },
};

/// What only the page itself needs to remember.
#[derive(Debug, Default)]
pub struct View {
    /// The keyboard moved the focus: scroll it into view once.
    follow: bool,
}

/// Width of the panel at the right of a page of this width.
pub fn side_width(page: f32) -> f32 {
    if page < 1050.0 { 280.0 } else { 364.0 }
}

/// Draws the page.
pub fn page_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    keys(ui, cx, view);
    let theme = cx.theme;
    let red = cx.state.home.rows.iter().filter(|r| r.level == Level::Red).count();
    let other = cx.state.home.rows.iter().filter(|r| matches!(r.level, Level::Amber | Level::Grey)).count();
    let need = if other == 1 { "needs" } else { "need" };
    let note = match (red, other) {
        (0, 0) => "nothing needs you".to_owned(),
        (0, n) => format!("{n} {need} attention"),
        (r, 0) => format!("{r} red"),
        (r, n) => format!("{r} red, {n} {need} attention"),
    };
    page_head(ui, theme, "Home", &note, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let choices =
                [(Filter::All, "All"), (Filter::Runs, "Runs"), (Filter::Data, "Data"), (Filter::Flow, "Flow")];
            if let Some(filter) = segmented(ui, theme, cx.state.home.filter, &choices) {
                cx.send(Command::SetFilter(filter));
            }
        });
    });
    if !cx.state.shell.hide_inspector {
        let width = side_width(ui.available_width());
        right_panel(ui, theme, "home-side", width, |ui| side::side_ui(ui, cx));
    }
    if !cx.state.home.totals.is_empty() {
        Panel::bottom("home-totals").exact_size(104.0).frame(Frame::NONE).show(ui, |ui| rows::totals_ui(ui, cx));
    }
    section_head(ui, theme, "Needs a person", "red first, then newest", |ui| {
        if ui.available_width() > 380.0 {
            for (keys, word) in [(&["S"][..], "snooze"), (&["Enter"], "act"), (&["K", "J"], "move")] {
                ui.label(theme.small(word));
                keys.iter().for_each(|key| kbd(ui, theme, key));
            }
        }
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        rows::rows_ui(ui, cx, view.follow);
        snoozed_ui(ui, cx);
        if matches!(cx.state.home.filter, Filter::All | Filter::Runs) {
            rows::next_ui(ui, cx);
        }
    });
    view.follow = false;
}

fn snoozed_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    if cx.state.home.snoozed == 0 && !cx.state.home.show_snoozed {
        return;
    }
    ui.horizontal(|ui| {
        ui.set_height(40.0);
        ui.add_space(38.0);
        if cx.state.home.show_snoozed {
            if link(ui, theme, "Hide snoozed").clicked() {
                cx.send(Command::ShowSnoozed(false));
            }
            if Btn::new("End all snoozes").quiet().show(ui, theme).clicked() {
                cx.send(Command::WakeAll);
            }
        } else {
            ui.label(theme.muted(format!("{} snoozed until tomorrow", cx.state.home.snoozed)));
            if link(ui, theme, "Show").clicked() {
                cx.send(Command::ShowSnoozed(true));
            }
        }
    });
}

fn keys(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    if ui.ctx().egui_wants_keyboard_input() || cx.state.shell.palette.is_some() || cx.state.shell.dialog.is_some() {
        return;
    }
    let rows = cx.state.home.visible().count();
    let focused = cx.state.home.focused;
    if let Some(way) = hit(ui, &home::MOVE) {
        let down = way.is_multiple_of(2);
        let next = if down { focused + 1 } else { focused.saturating_sub(1) };
        if next < rows && next != focused {
            cx.send(Command::Focus(next));
            view.follow = true;
        }
    }
    // Enter belongs to a focused button first.
    let free = ui.ctx().memory(|m| m.focused().is_none());
    if rows == 0 {
        return;
    }
    if free && hit(ui, &home::ACT).is_some() {
        cx.send(Command::Act);
    }
    if hit(ui, &home::RERUN).is_some() {
        cx.send(Command::Rerun);
    }
    if hit(ui, &home::SNOOZE).is_some()
        && let Some(key) = cx.state.home.visible().nth(focused).map(|r| r.key.clone())
    {
        cx.send(Command::Snooze(key));
    }
}

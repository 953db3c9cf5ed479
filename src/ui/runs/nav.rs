//! The navigator: connections, their pipelines with the last state and time.
use egui::{Align, Layout, ScrollArea, Ui};

use super::words::run_mark;
use crate::{
    app::runs::{Command, latest},
    base::{text, time},
    model::run::RunState,
    ui::{
        PageCx,
        theme::Mark,
        widgets::{Row, hair_x, icon_button, mark},
    },
};

pub(super) fn nav_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    ui.horizontal(|ui| {
        ui.set_height(43.0);
        ui.add_space(12.0);
        ui.label(theme.strong("Runs"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(8.0);
            if icon_button(ui, theme, "refresh-cw", "Read the history again").clicked() {
                cx.send(Command::Refresh);
            }
        });
    });
    hair_x(ui, theme);
    ScrollArea::vertical().auto_shrink(false).id_salt("runs-nav").show(ui, |ui| {
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            ui.set_height(28.0);
            ui.add_space(12.0);
            ui.label(theme.strong("local"));
            ui.label(theme.faint("embedded"));
        });
        let mut chosen = None;
        for entry in &cx.state.runs.entries {
            let last = latest(cx.state, &entry.name);
            let selected = cx.state.runs.pipeline.as_ref() == Some(&entry.name);
            let (state, note) = match (last, &entry.error) {
                (_, Some(_)) => (Mark::Warning, "file error".to_owned()),
                (Some(run), None) if run.state == RunState::Running => {
                    (Mark::Running, format!("{:.0} %", run.share_done() * 100.0))
                }
                (Some(run), None) => (run_mark(run.state), time::when(run.ended_at.unwrap_or(run.queued_at), cx.now)),
                (None, None) => (Mark::Skipped, "never ran".to_owned()),
            };
            let name = format!("{}, {}", entry.name, last.map_or("never ran", |r| r.state.word()));
            let row = Row::new(&name).selected(selected).show(ui, theme, |ui| {
                ui.add_space(4.0);
                mark(ui, theme, state, 14.0);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.label(theme.small(note.as_str()));
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        ui.add(egui::Label::new(theme.body(entry.name.as_str())).truncate());
                    });
                });
            });
            if row.clicked() {
                chosen = Some(entry.name.clone());
            }
            row.on_hover_text(entry.source.as_str());
        }
        if let Some(name) = chosen {
            cx.send(Command::SelectPipeline(name));
        }
        if cx.state.runs.loaded {
            let all: usize = cx.state.runs.runs.values().map(Vec::len).sum();
            ui.horizontal(|ui| {
                ui.set_height(32.0);
                ui.add_space(12.0);
                ui.label(theme.faint(text::count(all as u64, "run")));
            });
        }
    });
}

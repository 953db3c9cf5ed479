//! The right side of Home: pipelines at a glance, and what is new since the last visit.
use egui::{Align, Layout, ScrollArea, Ui, vec2};

use crate::{
    app::home::{Command, Light, News, NewsKind},
    base::time,
    model::run::RunState,
    ui::{
        PageCx,
        theme::{Mark, Theme},
        widgets::{Row, bars, hair_x, link, mark, section_head},
    },
};

/// The mark of a run's state.
pub fn run_mark(state: RunState) -> Mark {
    match state {
        RunState::Queued => Mark::Queued,
        RunState::Running => Mark::Running,
        RunState::Success => Mark::Success,
        RunState::Failed => Mark::Failed,
        RunState::Cancelled => Mark::Cancelled,
        RunState::Interrupted => Mark::Warning,
    }
}

/// Draws both lists.
pub fn side_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    section_head(ui, theme, "Pipelines", "", |ui| {
        ui.label(theme.faint("last 14 runs, height = duration"));
    });
    hair_x(ui, theme);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        if cx.state.home.lights.is_empty() {
            ui.horizontal(|ui| {
                ui.add_space(12.0);
                ui.set_height(44.0);
                ui.label(theme.muted("No pipeline yet: a TOML file in pipelines/ is one"));
            });
        }
        let mut send = Vec::new();
        for light in &cx.state.home.lights {
            let row = Row::new(&light.name).height(44.0).rule(true).show(ui, theme, |ui| light_ui(ui, theme, light));
            if row.clicked() {
                send.push(light.open.clone());
            }
        }
        cx.send.append(&mut send);
        news_ui(ui, cx);
    });
}

fn light_ui(ui: &mut Ui, theme: &Theme, light: &Light) {
    mark(ui, theme, light.state.map_or(Mark::Skipped, run_mark), 14.0);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let last = light.bars.len().saturating_sub(1);
        let colour = |index: usize, state: RunState| match state {
            RunState::Failed | RunState::Interrupted => theme.fail,
            _ if index == last => theme.mark(run_mark(state)),
            _ => theme.bar,
        };
        let all: Vec<_> = light.bars.iter().enumerate().map(|(i, (d, s))| (*d, colour(i, *s))).collect();
        if !all.is_empty() {
            bars(ui, "Durations of the last runs", &all, vec2(6.0 * all.len() as f32, 20.0));
        }
        ui.with_layout(Layout::top_down(Align::Min), |ui| {
            ui.add_space(5.0);
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.add(egui::Label::new(theme.label(light.name.as_str())).truncate());
            ui.add(egui::Label::new(theme.small(light.note.as_str())).truncate());
        });
    });
}

fn news_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let since = cx.state.home.memory.seen.map(|at| time::when(at, cx.now)).unwrap_or_default();
    section_head(ui, theme, "Since your last visit", &since, |ui| {
        if !cx.state.home.news.is_empty() && link(ui, theme, "Mark seen").clicked() {
            cx.send(Command::MarkSeen);
        }
    });
    if cx.state.home.news.is_empty() {
        ui.horizontal(|ui| {
            ui.set_height(28.0);
            ui.add_space(12.0);
            ui.label(theme.muted("Nothing new"));
        });
    }
    let home = &cx.state.home;
    list_ui(ui, cx, &home.news);
    if !home.earlier.is_empty() {
        ui.add_space(4.0);
        hair_x(ui, theme);
        section_head(ui, theme, "Before that", "", |_| ());
        list_ui(ui, cx, &home.earlier);
    }
}

fn list_ui(ui: &mut Ui, cx: &mut PageCx<'_>, list: &[News]) {
    let theme = cx.theme;
    let mut send = Vec::new();
    for news in list {
        let row = Row::new(&news.text).height(28.0).show(ui, theme, |ui| {
            match news.what {
                NewsKind::RunFailed => drop(mark(ui, theme, Mark::Failed, 14.0)),
                NewsKind::RunPassed => drop(mark(ui, theme, Mark::Success, 14.0)),
                NewsKind::Commit => drop(ui.label(theme.icon("git-commit-horizontal", 14.0))),
                NewsKind::Card => drop(ui.label(theme.icon("kanban", 14.0))),
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(theme.faint(time::when(news.at, cx.now)));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(theme.body(news.text.as_str())).truncate());
                });
            });
        });
        if row.clicked() {
            send.push(news.open.clone());
        }
    }
    cx.send.append(&mut send);
}

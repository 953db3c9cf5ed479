//! The navigator: connections, their pipelines with the last state and time.
use egui::{Align, Layout, ScrollArea, Ui};

use super::words::run_mark;
use crate::{
    app::{
        connections,
        runs::{Command, Entry, latest},
    },
    base::{text, time},
    model::run::{LOCAL, RunState},
    ui::{
        PageCx,
        theme::Mark,
        widgets::{Row, environment_tag, hair_x, icon_button, mark},
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
            if icon_button(ui, theme, "plus", "Add a connection").clicked() {
                cx.send(connections::Command::Open(None));
                cx.send(connections::Command::Add);
            }
            if icon_button(ui, theme, "refresh-cw", "Look at all connections and read the history again").clicked() {
                cx.send(Command::Refresh);
                for to in connections::all(cx.state) {
                    cx.send(connections::Command::Look(to.name));
                }
            }
        });
    });
    hair_x(ui, theme);
    ScrollArea::vertical().auto_shrink(false).id_salt("runs-nav").show(ui, |ui| {
        ui.add_space(4.0);
        for connection in groups(cx) {
            group_ui(ui, cx, &connection);
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

/// Names of the connections: Andon's own runner first, then those that are set up, then those that only have a history.
fn groups(cx: &PageCx<'_>) -> Vec<String> {
    let mut all = vec![LOCAL.to_owned()];
    all.extend(connections::all(cx.state).into_iter().map(|c| c.name));
    for entry in &cx.state.runs.entries {
        if !all.contains(&entry.connection) {
            all.push(entry.connection.clone());
        }
    }
    all
}

fn group_ui(ui: &mut Ui, cx: &mut PageCx<'_>, connection: &str) {
    let theme = cx.theme;
    let to = connections::find(cx.state, connection);
    let news = cx.state.connections.news.get(connection).cloned().unwrap_or_default();
    ui.horizontal(|ui| {
        ui.set_height(28.0);
        ui.add_space(12.0);
        ui.label(theme.strong(connection));
        let system = match (&to, connection == LOCAL) {
            (_, true) => "embedded".to_owned(),
            (Some(to), _) => format!("{} {}", to.system.word(), short(news.health.version.as_deref())),
            (None, _) if cx.state.workspace.config.connections.iter().any(|c| c.name == connection) => {
                "folder not trusted".to_owned()
            }
            (None, _) => "not connected".to_owned(),
        };
        ui.label(theme.faint(system.trim_end()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(8.0);
            if let Some(to) = &to {
                environment_tag(ui, theme, to.environment);
            }
        });
    });
    if let Some((since, error)) = &news.health.failing {
        let words = format!("no answer since {}", time::when(*since, cx.now));
        let row = Row::new(&words).show(ui, theme, |ui| {
            ui.add_space(4.0);
            mark(ui, theme, Mark::Warning, 14.0);
            ui.add(egui::Label::new(theme.small(words.as_str()).color(theme.mark_text(Mark::Warning))).truncate());
        });
        if row.on_hover_text(format!("{error}\nWhat is below was seen before")).clicked() {
            cx.send(connections::Command::Open(Some(connection.to_owned())));
        }
    }
    let entries: Vec<Entry> = cx.state.runs.entries.iter().filter(|e| e.connection == connection).cloned().collect();
    if entries.is_empty() && connection != LOCAL && news.health.failing.is_none() {
        ui.horizontal(|ui| {
            ui.set_height(28.0);
            ui.add_space(16.0);
            ui.label(theme.faint(if news.health.answered_at.is_some() {
                "no pipelines"
            } else {
                "being asked\u{2026}"
            }));
        });
    }
    for entry in &entries {
        entry_ui(ui, cx, entry);
    }
}

/// `3.3` of `3.3.2`.
fn short(version: Option<&str>) -> String {
    version.unwrap_or_default().split('.').take(2).collect::<Vec<_>>().join(".")
}

fn entry_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry) {
    let theme = cx.theme;
    let last = latest(cx.state, &entry.name);
    let selected = cx.state.runs.pipeline.as_ref() == Some(&entry.name);
    let remote = entry.remote.as_deref();
    let (state, note) = match (last, &entry.error) {
        (_, Some(_)) => (Mark::Warning, "file error".to_owned()),
        _ if remote.is_some_and(|r| r.broken) => (Mark::Warning, "file error".to_owned()),
        (Some(run), None) if run.state == RunState::Running => (
            Mark::Running,
            if run.tasks.is_empty() { "running".to_owned() } else { format!("{:.0} %", run.share_done() * 100.0) },
        ),
        _ if remote.is_some_and(|r| r.paused) => (Mark::Skipped, "held".to_owned()),
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
                ui.add(egui::Label::new(theme.body(entry.title())).truncate());
            });
        });
    });
    if row.clicked() {
        cx.send(Command::SelectPipeline(entry.name.clone()));
    }
    let about = remote.and_then(|r| r.description.clone()).unwrap_or_else(|| entry.source.clone());
    row.on_hover_text(about);
}

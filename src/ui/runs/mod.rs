//! The runs page: pipelines at the left, the grid of tasks × runs, and below it the run one looks at.
mod calendar;
mod detail;
mod dialogs;
mod durations;
mod gantt;
mod grid;
mod log;
mod nav;
mod words;

use egui::{Align, Frame, Layout, Panel, ScrollArea, Ui};

use super::PageCx;
use crate::{
    app::{
        keymap,
        runs::{Command, Entry, Tab},
    },
    model::run::{RunState, Scope},
    ui::{
        keys::hit,
        widgets::{Btn, empty_state, error_box, left_panel, page_head, segmented},
    },
};

pub use dialogs::{View as Dialogs, dialogs_ui};
pub use words::task_mark;

/// What only the page itself needs to remember.
#[derive(Debug, Default)]
pub struct View {
    grid: grid::View,
    log: log::View,
    dialogs: dialogs::View,
    durations: durations::View,
    calendar: calendar::View,
}

/// Below this width of the page, Gantt and parameters move behind the view switch.
const NARROW: f32 = 1100.0;

/// Draws the page.
pub fn page_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    keys(ui, cx, view);
    let narrow = ui.available_width() < NARROW;
    let log = cx.state.runs.tab == Tab::Log && cx.state.runs.selected_run().is_some();
    if !cx.state.shell.hide_navigator {
        let width = if log {
            220.0
        } else if narrow {
            212.0
        } else {
            264.0
        };
        let id = if log { "runs-log-nav" } else { "runs-nav" };
        left_panel(ui, cx.theme, id, width, |ui| if log { log::nav_ui(ui, cx) } else { nav::nav_ui(ui, cx) });
    }
    if log {
        log::log_ui(ui, cx, &mut view.log);
    } else {
        middle_ui(ui, cx, view, narrow);
    }
    dialogs::dialogs_ui(ui.ctx(), cx, &mut view.dialogs);
}

fn middle_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, narrow: bool) {
    let theme = cx.theme;
    if let Some(error) = &cx.state.runs.error {
        Frame::NONE.inner_margin(16).show(ui, |ui| {
            if error_box(ui, theme, error, &["Try again"]).is_some() {
                cx.send(Command::Refresh);
            }
        });
        return;
    }
    let Some(entry) = cx.state.runs.selected_entry().cloned() else {
        if cx.state.runs.loaded {
            none_ui(ui, cx);
        }
        return;
    };
    head_ui(ui, cx, &entry, narrow);
    if let Some(error) = &entry.error {
        Frame::NONE.inner_margin(egui::Margin::symmetric(16, 12)).show(ui, |ui| {
            if error_box(ui, theme, error, &["Open in an editor"]).is_some() {
                edit(cx, &entry.source);
            }
        });
    }
    if cx.state.runs.tab == Tab::Code {
        code_ui(ui, cx, &entry);
        return;
    }
    if cx.state.runs.selected_runs().is_empty() {
        if entry.error.is_none() {
            first_run_ui(ui, cx, &entry);
        }
        return;
    }
    if cx.state.runs.tab == Tab::Gantt {
        detail::head_ui(ui, cx, false);
        detail::preview_ui(ui, cx);
        ScrollArea::vertical().auto_shrink(false).id_salt("gantt-tab").show(ui, |ui| {
            gantt::gantt_ui(ui, cx);
            gantt::params_ui(ui, cx);
        });
        return;
    }
    match cx.state.runs.tab {
        Tab::Durations => return durations::durations_ui(ui, cx, &mut view.durations),
        Tab::Calendar => return calendar::calendar_ui(ui, cx, &mut view.calendar),
        _ => {}
    }
    grid::grid_ui(ui, cx, &mut view.grid);
    detail::head_ui(ui, cx, true);
    detail::preview_ui(ui, cx);
    if !narrow && !cx.state.shell.hide_inspector {
        Panel::right("runs-side")
            .resizable(true)
            .default_size(480.0)
            .size_range(320.0..=640.0)
            .frame(Frame::NONE)
            .show_separator_line(true)
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                ScrollArea::vertical().auto_shrink(false).id_salt("runs-side").show(ui, |ui| {
                    gantt::gantt_ui(ui, cx);
                    gantt::params_ui(ui, cx);
                });
            });
    }
    ScrollArea::vertical().auto_shrink(false).id_salt("runs-detail").show(ui, |ui| detail::detail_ui(ui, cx));
}

fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry, narrow: bool) {
    let theme = cx.theme;
    let schedule = entry.pipeline.as_ref().and_then(|p| p.schedule.clone());
    let remote = entry.remote.as_deref();
    let note = match (schedule, entry.exists) {
        _ if !entry.is_local() => {
            let when = remote.and_then(|r| r.schedule.clone()).map(|s| format!(" \u{b7} {s}")).unwrap_or_default();
            let held = if remote.is_some_and(|r| r.paused) { ", held" } else { "" };
            format!("{}{when}{held}", entry.connection)
        }
        (_, false) => "local \u{b7} its file is gone".to_owned(),
        (Some(s), _) => format!("local \u{b7} {s}, not active"),
        (None, _) => "local".to_owned(),
    };
    let note = if narrow { "" } else { &note };
    page_head(ui, theme, entry.title(), note, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let params = !entry.is_local() || entry.pipeline.as_ref().is_some_and(|p| !p.params.is_empty());
            let refused = crate::app::runs::refusal(cx.state, &entry.connection, crate::model::connect::Act::Trigger);
            let held = remote.is_some_and(|r| r.paused).then_some("It is held there: a run would wait for ever");
            let reason = match (&entry.error, entry.exists) {
                _ if !entry.is_local() => refused.as_deref().or(held),
                (Some(_), _) => Some("Its file has an error"),
                (None, false) => Some("Its file is gone"),
                _ => None,
            };
            let label = if params { "Run\u{2026}" } else { "Run" };
            let button = Btn::new(label).icon("play").disabled(reason).name("Run the pipeline").show(ui, theme);
            if button.clicked() {
                let name = entry.name.clone();
                cx.send(if params { Command::AskRun(name) } else { Command::Run(name) });
            }
            let mut tabs = vec![(Tab::Grid, "Grid"), (Tab::Gantt, "Gantt")];
            if !cx.state.runs.selected_runs().is_empty() {
                tabs.extend([(Tab::Durations, "Durations"), (Tab::Calendar, "Calendar")]);
            }
            if cx.state.runs.selected_run().is_some() {
                tabs.push((Tab::Log, "Log"));
            }
            if entry.is_local() && entry.source.ends_with(".toml") && entry.exists {
                tabs.push((Tab::Code, "Code"));
            }
            if let Some(tab) = segmented(ui, theme, cx.state.runs.tab, &tabs) {
                cx.send(Command::Show(tab));
            }
        });
    });
}

fn none_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    const EXAMPLE: &str = "name = \"nightly\"\n\n[[task]]\nid = \"clean\"\nkind = \"sql\"\n\
        run = \"SELECT * FROM 'data/raw.csv' WHERE value IS NOT NULL\"\noutput = \"data/clean.parquet\"\n";
    let words = "No pipeline yet: a file such as pipelines/nightly.toml lists tasks and what comes after what";
    if empty_state(ui, cx.theme, "list-tree", words, &["Copy an example"]).is_some() {
        cx.send(crate::app::shell::Command::Copy(EXAMPLE.to_owned()));
    }
}

fn first_run_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry) {
    let words = format!("{} has not run yet", entry.title());
    if empty_state(ui, cx.theme, "play", &words, &["Run it now"]).is_some() {
        let params = !entry.is_local() || entry.pipeline.as_ref().is_some_and(|p| !p.params.is_empty());
        let name = entry.name.clone();
        cx.send(if params { Command::AskRun(name) } else { Command::Run(name) });
    }
}

/// Opens a file of the workspace with the system's program for it.
fn edit(cx: &mut PageCx<'_>, source: &str) {
    if let Some(root) = &cx.state.workspace.root {
        let path = root.join(source).display().to_string();
        cx.send(crate::app::shell::Command::OpenUrl(path));
    }
}

fn code_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry) {
    let theme = cx.theme;
    let code = cx.state.runs.current_detail().map(|d| d.code.clone()).unwrap_or_default();
    ui.horizontal(|ui| {
        ui.set_height(32.0);
        ui.add_space(16.0);
        ui.label(theme.code(entry.source.as_str()).color(theme.muted));
        if crate::ui::widgets::link(ui, theme, "Open in an editor").clicked() {
            edit(cx, &entry.source);
        }
    });
    ScrollArea::both().auto_shrink(false).id_salt("code").show(ui, |ui| {
        Frame::NONE.inner_margin(egui::Margin::symmetric(16, 4)).show(ui, |ui| {
            for (n, line) in code.lines().enumerate() {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 12.0;
                    ui.label(theme.code(format!("{:>3}", n + 1)).color(theme.faint));
                    let ink = if line.trim_start().starts_with('#') { theme.com } else { theme.text };
                    ui.add(egui::Label::new(theme.code(line).color(ink)).extend().selectable(true));
                });
            }
        });
    });
}

fn keys(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let over = cx.state.shell.palette.is_some() || cx.state.shell.dialog.is_some() || cx.state.runs.dialog.is_some();
    if over || ui.ctx().egui_wants_keyboard_input() {
        return;
    }
    if cx.state.runs.tab == Tab::Log {
        log::keys(ui, cx, &mut view.log);
        return;
    }
    // Arrows and Enter belong to what has the focus first.
    let free = ui.ctx().memory(|m| m.focused().is_none());
    let steps = [(-1, 0), (1, 0), (0, -1), (0, 1)];
    if free && let Some((runs, tasks)) = hit(ui, &keymap::runs::WALK).and_then(|n| steps.get(n)).copied() {
        cx.send(Command::Step { runs, tasks });
        view.grid.follow = true;
    }
    if free && hit(ui, &keymap::runs::LOG).is_some() {
        cx.send(Command::Show(Tab::Log));
    }
    if hit(ui, &keymap::runs::GANTT).is_some() {
        cx.send(Command::Show(if cx.state.runs.tab == Tab::Gantt { Tab::Grid } else { Tab::Gantt }));
    }
    if hit(ui, &keymap::runs::RERUN).is_some()
        && let Some(run) = cx.state.runs.selected_run()
        && run.state.is_final()
    {
        let (id, state) = (run.id.clone(), run.state);
        cx.send(if state == RunState::Success {
            Command::AskRerun { run: id, scope: Scope::All }
        } else {
            Command::RerunFailed(id)
        });
    }
    if cx.state.runs.tab != Tab::Grid && hit(ui, &keymap::runs::BACK).is_some() {
        cx.send(Command::Show(Tab::Grid));
    }
}

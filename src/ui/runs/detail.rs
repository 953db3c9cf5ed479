//! The selected run: what it is, what a rerun would do, its first error, what changed, its metrics.
use egui::{Align, CornerRadius, Frame, Label, Layout, Margin, Rect, Ui, vec2};

use super::words::{difference, measured, run_mark};
use crate::{
    app::{
        Command as AnyCommand, connections,
        runs::{Command, Detail, MetricRow, Tab, refusal},
    },
    base::{text, time},
    model::{
        connect::Act,
        git::Rev,
        run::{Change, ChangeKind, LOCAL, Run, RunState, Scope, TaskState, Verdict},
    },
    ui::{
        PageCx,
        theme::{Mark, Theme},
        widgets::{Btn, Row, environment_tag, hair_x, mark, progress_bar, section_head, spark, tag},
    },
};

/// Head of the selected run, 44 high.
pub(super) fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, with_log: bool) {
    let theme = cx.theme;
    let Some(run) = cx.state.runs.selected_run().cloned() else { return };
    ui.horizontal(|ui| {
        ui.set_height(43.0);
        ui.spacing_mut().item_spacing.x = 8.0;
        ui.add_space(16.0);
        mark(ui, theme, run_mark(run.state), 18.0);
        ui.label(theme.heading(run.title()));
        environment_tag(ui, theme, connections::environment(cx.state, &run.connection));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(16.0);
            act_ui(ui, cx, &run);
            if with_log && Btn::new("Log").icon("scroll-text").key("L").show(ui, theme).clicked() {
                cx.send(Command::Show(Tab::Log));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                if let Some(day) = &run.data_time {
                    tag(ui, theme, &format!("data of {day}"));
                }
                if run.round > 1 {
                    tag(ui, theme, &format!("round {}", run.round))
                        .on_hover_text("It was rerun; tries are numbered on");
                }
                ui.add(Label::new(theme.muted(times(&run, cx))).truncate());
            });
        });
    });
    hair_x(ui, theme);
}

/// `command line, 05:40 to 06:10, 30 min 26 s`.
fn times(run: &Run, cx: &PageCx<'_>) -> String {
    let start = run.started_at.unwrap_or(run.queued_at);
    let mut words = format!("{}, {}", run.trigger.word(), time::when(start, cx.now));
    match run.ended_at {
        Some(end) => words.push_str(&format!(" to {}", time::hhmm(end))),
        None if run.cancelling => words.push_str(", stopping"),
        None => {}
    }
    if let Some(lasted) = run.duration_ms(cx.now) {
        words.push_str(&format!(", {}", time::duration_ms(lasted)));
    }
    words
}

/// The one filled button, and the quiet ones beside it.
fn act_ui(ui: &mut Ui, cx: &mut PageCx<'_>, run: &Run) {
    let theme = cx.theme;
    if !run.state.is_final() {
        let refused = refusal(cx.state, &run.connection, Act::Cancel);
        let (label, reason) = if run.cancelling {
            ("Stopping\u{2026}", Some("It was asked to stop"))
        } else {
            ("Cancel", refused.as_deref())
        };
        if Btn::new(label).icon("circle-x").disabled(reason).name("Cancel the run").show(ui, theme).clicked() {
            cx.send(Command::Cancel(run.id.clone()));
        }
        return;
    }
    let exists = cx.state.runs.entry(&run.key()).is_some_and(|e| e.exists && e.error.is_none());
    let refused = refusal(cx.state, &run.connection, Act::RerunFailed);
    let local = run.connection == LOCAL && !exists;
    let reason = if local { Some("The file of this run is gone or has an error") } else { refused.as_deref() };
    match run.rerun_plan(&Scope::Failed) {
        Ok(plan) => {
            let label = format!("Rerun failed: {}", text::count(plan.len() as u64, "task"));
            let button = Btn::new(&label).icon("rotate-cw").key("R").primary().disabled(reason);
            if button.show(ui, theme).clicked() {
                cx.send(Command::RerunFailed(run.id.clone()));
            }
        }
        Err(_) => {
            if Btn::new("Rerun\u{2026}").icon("rotate-cw").key("R").disabled(reason).show(ui, theme).clicked() {
                cx.send(Command::AskRerun { run: run.id.clone(), scope: Scope::All });
            }
            return;
        }
    }
    if Btn::new("Rerun\u{2026}").quiet().name("Choose what to rerun").disabled(reason).show(ui, theme).clicked() {
        cx.send(Command::AskRerun { run: run.id.clone(), scope: Scope::Failed });
    }
}

/// The strip, 28 high, that says what a rerun will do before it is pressed, or how far the run is.
pub(super) fn preview_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let Some(run) = cx.state.runs.selected_run().cloned() else { return };
    let strip = Frame::NONE.fill(theme.selsoft).inner_margin(Margin::symmetric(16, 0));
    if !run.state.is_final() {
        strip.show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.set_height(28.0);
                ui.set_width(ui.available_width());
                mark(ui, theme, Mark::Running, 14.0);
                ui.add(Label::new(theme.small(progress_words(&run, cx)).color(theme.text)).truncate());
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    progress_bar(ui, theme, Some(run.share_done()), 160.0);
                });
            });
        });
        hair_x(ui, theme);
        return;
    }
    let Ok(plan) = run.rerun_plan(&Scope::Failed) else { return };
    let words = preview_words(&run, &plan, cx);
    strip.show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.set_height(28.0);
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.x = 8.0;
            ui.label(theme.icon("rotate-cw", 14.0).color(theme.accent));
            let mut job = egui::text::LayoutJob::default();
            let put = |job: &mut egui::text::LayoutJob, t: &str, font, color| {
                job.append(t, 0.0, egui::TextFormat { font_id: font, color, ..Default::default() });
            };
            put(&mut job, "Rerun will run ", theme.font(11.5), theme.muted);
            put(&mut job, &plan.join(", "), theme.semibold(11.5), theme.text);
            put(&mut job, &format!("; {words}"), theme.font(11.5), theme.muted);
            ui.add(Label::new(job).truncate());
        });
    });
    hair_x(ui, theme);
}

fn progress_words(run: &Run, cx: &PageCx<'_>) -> String {
    let of = |state: TaskState| -> Vec<&str> {
        run.tasks.iter().filter(|t| t.state == state).map(|t| t.id.as_str()).collect()
    };
    let (running, retrying) = (of(TaskState::Running), of(TaskState::Retrying));
    let done = run.tasks.iter().filter(|t| t.state.is_final()).count();
    let mut words = format!("{done} of {}", text::count(run.tasks.len() as u64, "task"));
    if !running.is_empty() {
        words.push_str(&format!("; running {}", running.join(", ")));
    }
    for id in retrying {
        let due = run.task(id).and_then(|t| t.retry_at).map(|at| at.as_second() - cx.now.as_second());
        words.push_str(&format!("; {id} is tried again in {} s", due.unwrap_or(0).max(0)));
    }
    words
}

/// What stays, how long it takes, with which values.
pub(super) fn preview_words(run: &Run, plan: &[String], cx: &PageCx<'_>) -> String {
    let stays = run.tasks.iter().filter(|t| !plan.contains(&t.id) && t.state == TaskState::Success).count() as u64;
    let mut words = match stays {
        0 => "nothing is kept".to_owned(),
        1 => "1 successful task stays".to_owned(),
        n => format!("{n} successful tasks stay"),
    };
    if let Some(ms) = cx.state.runs.estimate_ms(run, plan) {
        words.push_str(&format!("; about {}", time::duration_ms(ms)));
    }
    words.push_str(if run.params.is_empty() { "; code as it is now" } else { "; same parameters; code as it is now" });
    words
}

/// Error, changes, metrics.
pub(super) fn detail_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let Some(run) = cx.state.runs.selected_run().cloned() else { return };
    error_ui(ui, cx, &run);
    if let Some(note) = &run.note {
        ui.horizontal(|ui| {
            ui.set_height(28.0);
            ui.add_space(16.0);
            ui.label(cx.theme.muted("Note"));
            ui.add(Label::new(cx.theme.body(note.as_str())).truncate());
        });
    }
    let Some(detail) = cx.state.runs.current_detail().cloned() else { return };
    changes_ui(ui, cx, &detail);
    metrics_ui(ui, cx, &run, &detail);
    ui.add_space(16.0);
}

/// The first error with its place and the way to its log.
fn error_ui(ui: &mut Ui, cx: &mut PageCx<'_>, run: &Run) {
    let theme = cx.theme;
    if !matches!(run.state, RunState::Failed | RunState::Interrupted) {
        ui.add_space(8.0);
        return;
    }
    let bad = run.first_bad().or_else(|| run.tasks.iter().find(|t| t.error.is_some()));
    let message = bad.and_then(|t| t.error.clone()).or_else(|| run.error.clone()).unwrap_or_default();
    let mut place = bad.map(|t| t.id.clone()).unwrap_or_default();
    if let Some((task, last)) = bad.and_then(|t| Some((t, t.last()?))) {
        place.push_str(&format!(", try {}", last.number));
        if task.max_attempts > 1 {
            place.push_str(&format!(", {} allowed a round", task.max_attempts));
        }
        if let Some(line) = last.first_error {
            place.push_str(&format!(", line {line} of the log"));
        }
    }
    ui.add_space(12.0);
    let outer = Frame::NONE.inner_margin(Margin { left: 16, right: 16, top: 0, bottom: 4 });
    outer.show(ui, |ui| {
        let frame = Frame::NONE.fill(theme.fail_t).corner_radius(6).inner_margin(Margin::symmetric(12, 8));
        let shown = frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                if let Some(task) = bad.filter(|t| !t.attempts.is_empty()).map(|t| t.id.clone())
                    && Btn::new("Open the log").icon("scroll-text").show(ui, theme).clicked()
                {
                    cx.send(Command::OpenLog { task: task.clone(), attempt: None });
                    cx.send(Command::FirstError);
                }
                ui.with_layout(Layout::left_to_right(Align::Min), |ui| {
                    ui.vertical(|ui| {
                        ui.add_space(2.0);
                        mark(ui, theme, run_mark(run.state), 16.0);
                    });
                    ui.vertical(|ui| {
                        ui.spacing_mut().item_spacing.y = 4.0;
                        let words = theme.code(text::shorten(&message, 400)).color(theme.mark_text(Mark::Failed));
                        ui.add(Label::new(words).wrap().selectable(true));
                        ui.add(Label::new(theme.small(place.as_str())).truncate());
                    });
                });
            });
        });
        let rect = shown.response.rect;
        let edge = Rect::from_min_size(rect.min, vec2(2.0, rect.height()));
        ui.painter().rect_filled(edge, CornerRadius { nw: 6, sw: 6, ne: 0, se: 0 }, theme.fail);
    });
}

pub(super) fn section(ui: &mut Ui, theme: &Theme, title: &str, note: &str) {
    ui.horizontal(|ui| {
        ui.add_space(4.0);
        section_head(ui, theme, title, note, |_| {});
    });
}

fn changes_ui(ui: &mut Ui, cx: &mut PageCx<'_>, detail: &Detail) {
    let theme = cx.theme;
    let Some(last) = &detail.last_success else {
        section(ui, theme, "What changed since the last success", "");
        plain(ui, theme, "There was no success before this run to compare it with");
        return;
    };
    let note = format!("#{}, {}", last.number, time::when(last.ended_at.unwrap_or(last.queued_at), cx.now));
    section(ui, theme, "What changed since the last success", &note);
    let mut open = None;
    let mut send: Vec<AnyCommand> = Vec::new();
    for change in &detail.changes {
        let (icon, label) = words(change);
        let name = format!("{label} {}", change.name);
        let row = Row::new(&name).height(28.0).padding(16.0).rule(true).show(ui, theme, |ui| {
            ui.label(theme.icon(icon, 14.0).color(theme.muted));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let verdict = match change.verdict {
                    Verdict::Changed if change.before.is_none() => "new",
                    Verdict::Changed if change.after.is_none() => "gone",
                    Verdict::Changed => "changed",
                    Verdict::Expected => "expected",
                    Verdict::Same => "no change",
                };
                let ink = if change.verdict == Verdict::Changed { theme.text } else { theme.faint };
                if let Some((label, command)) = compare(cx, change, detail) {
                    let name = format!("{label}: {name}");
                    if Btn::new(label).quiet().name(&name).show(ui, theme).clicked() {
                        send.push(command);
                    }
                }
                ui.label(theme.small(verdict).color(ink));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    change_words(ui, theme, change, label, detail);
                });
            });
        });
        if row.clicked() && change.kind == ChangeKind::Input && change.after.is_some() {
            open = Some(change.name.clone());
        }
    }
    for commit in detail.commits.iter().skip(1) {
        let row = format!("Commit {}", commit.short());
        Row::new(&row).height(28.0).padding(16.0).rule(true).show(ui, theme, |ui| {
            ui.add_space(22.0);
            ui.label(theme.code(commit.short()).color(theme.muted));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let name = format!("View diff of {}", commit.short());
                if Btn::new("View diff").quiet().name(&name).show(ui, theme).clicked() {
                    send.push(review(&format!("{}~1", commit.id), &commit.id, None));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let when = time::when(commit.at, cx.now);
                    let words = format!("{}  {}, {when}", commit.summary, commit.author);
                    ui.add(Label::new(theme.muted(words)).truncate());
                });
            });
        });
    }
    send.into_iter().for_each(|c| cx.send(c));
    if let Some(path) = open {
        cx.send(crate::app::workspace::Command::OpenFile(path));
    }
}

fn review(base: &str, compare: &str, path: Option<String>) -> AnyCommand {
    let (base, compare) = (Rev::At(base.to_owned()), Rev::At(compare.to_owned()));
    crate::app::review::Command::Show { base, compare, path }.into()
}

/// The button of a change and where it leads: both commits on the review page, the uncommitted changes as they are now,
/// the file that was read.
fn compare(cx: &PageCx<'_>, change: &Change, detail: &Detail) -> Option<(&'static str, AnyCommand)> {
    if change.verdict == Verdict::Same {
        return None;
    }
    let run = cx.state.runs.selected_run()?;
    let commit = |r: &Run| r.record.commit.as_ref().map(|c| c.id.clone());
    let (before, after) = (detail.last_success.as_deref().and_then(commit), commit(run));
    match change.kind {
        ChangeKind::Commit => Some(("View diff", review(&before?, &after?, None))),
        ChangeKind::Uncommitted => {
            let path = run.record.dirty_files.first().cloned();
            let (base, compare) = (Rev::At(after?), Rev::WorkingTree);
            Some(("View diff", crate::app::review::Command::Show { base, compare, path }.into()))
        }
        // The file differs between the commits, or by what is not committed yet.
        ChangeKind::Pipeline if before != after => {
            Some(("Compare", review(&before?, &after?, Some(change.name.clone()))))
        }
        ChangeKind::Pipeline => {
            let (base, compare, path) = (Rev::At(after?), Rev::WorkingTree, Some(change.name.clone()));
            Some(("Compare", crate::app::review::Command::Show { base, compare, path }.into()))
        }
        ChangeKind::Input if change.after.is_some() => {
            Some(("Open", crate::app::workspace::Command::OpenFile(change.name.clone()).into()))
        }
        _ => None,
    }
}

fn change_words(ui: &mut Ui, theme: &Theme, change: &Change, label: &str, detail: &Detail) {
    let first = (ui.available_width() * 0.42).max(120.0);
    ui.allocate_ui_with_layout(vec2(first, 28.0), Layout::left_to_right(Align::Center), |ui| {
        ui.set_width(first);
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.label(theme.body(label));
        if !change.name.is_empty() {
            ui.add(Label::new(theme.code(change.name.as_str())).truncate());
        }
    });
    let words = match (change.kind, detail.commits.first()) {
        (ChangeKind::Commit, Some(newest)) if change.verdict == Verdict::Changed => {
            let more = detail.commits.len().saturating_sub(1);
            let more = if more > 0 { format!(", {more} more below") } else { String::new() };
            format!("{} {}, {}{more}", newest.short(), newest.summary, newest.author)
        }
        (ChangeKind::Commit | ChangeKind::Environment, _) if change.verdict == Verdict::Same => {
            change.after.clone().unwrap_or_else(|| "no repository".to_owned())
        }
        (ChangeKind::Input | ChangeKind::Pipeline, _) => match (&change.before, &change.after) {
            (Some(b), Some(a)) => {
                let cut = |h: &str| h.chars().take(8).collect::<String>();
                format!("content {} \u{2192} {}", cut(b), cut(a))
            }
            (None, Some(_)) => "was not read before".to_owned(),
            _ => "is not read any more".to_owned(),
        },
        _ => change.words(),
    };
    ui.add(Label::new(theme.muted(words.as_str())).truncate()).on_hover_text(words);
}

fn words(change: &Change) -> (&'static str, &'static str) {
    match change.kind {
        ChangeKind::Commit => ("git-commit-horizontal", "Commit"),
        ChangeKind::Uncommitted => ("git-commit-horizontal", "Uncommitted changes"),
        ChangeKind::Pipeline => ("file-text", "Definition"),
        ChangeKind::Input => ("file-input", "Input"),
        ChangeKind::Parameter => ("sliders-horizontal", "Parameter"),
        ChangeKind::Environment => ("package", "Environment"),
    }
}

fn plain(ui: &mut Ui, theme: &Theme, words: &str) {
    ui.horizontal(|ui| {
        ui.set_height(28.0);
        ui.add_space(16.0);
        ui.label(theme.muted(words));
    });
}

fn metrics_ui(ui: &mut Ui, cx: &mut PageCx<'_>, run: &Run, detail: &Detail) {
    let theme = cx.theme;
    let against = detail.last_success.as_ref().map(|l| format!("#{}", l.number));
    ui.add_space(8.0);
    section(ui, theme, if against.is_some() { "This run against the last success" } else { "Metrics of this run" }, "");
    let widths = columns(ui.available_width() - 32.0);
    Row::new("Metrics").padding(16.0).rule(true).show(ui, theme, |ui| {
        let heads =
            ["Metric", against.as_deref().unwrap_or("before"), &format!("#{}", run.number), "change", "last 30 runs"];
        for (i, (head, width)) in heads.into_iter().zip(widths).enumerate() {
            if i == 4 {
                ui.add_space(8.0);
            }
            cell(ui, width, (1..4).contains(&i), |ui| {
                ui.label(theme.small(head));
            });
        }
    });
    for row in &detail.metrics {
        metric_ui(ui, theme, run, row, widths);
    }
}

/// Widths of the five columns.
fn columns(all: f32) -> [f32; 5] {
    let spark = 112.0;
    let rest = (all - spark - 32.0).max(200.0);
    [rest * 0.49, rest * 0.17, rest * 0.17, rest * 0.17, spark]
}

fn cell(ui: &mut Ui, width: f32, right: bool, contents: impl FnOnce(&mut Ui)) {
    let layout = if right { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) };
    ui.allocate_ui_with_layout(vec2(width, 24.0), layout, |ui| {
        ui.set_width(width);
        contents(ui);
    });
}

fn metric_ui(ui: &mut Ui, theme: &Theme, run: &Run, row: &MetricRow, widths: [f32; 5]) {
    let unit = row.unit.as_deref();
    let name = if row.task.is_empty() { row.name.clone() } else { format!("{} {}", row.task, row.name) };
    let change = row.before.zip(row.now).map(|(b, n)| (n - b, (n - b).abs() / b.abs().max(f64::MIN_POSITIVE)));
    let large = change.is_some_and(|(_, share)| share > 0.1);
    // What moved in a run that failed may be why; that it ended early is no wonder.
    let ended_early = row.task.is_empty() && change.is_some_and(|(by, _)| by < 0.0);
    let odd = large && !ended_early && run.state != RunState::Success;
    Row::new(&name).padding(16.0).rule(true).show(ui, theme, |ui| {
        cell(ui, widths[0], false, |ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            if !row.task.is_empty() {
                ui.label(theme.muted(row.task.as_str()));
            }
            ui.add(Label::new(theme.body(row.name.as_str())).truncate());
        });
        let text = |v: Option<f64>| v.map_or_else(|| "\u{2013}".to_owned(), |v| measured(v, unit));
        cell(ui, widths[1], true, |ui| {
            ui.label(theme.muted(text(row.before)));
        });
        cell(ui, widths[2], true, |ui| {
            ui.label(theme.body(text(row.now)));
        });
        cell(ui, widths[3], true, |ui| {
            let ink = if odd {
                theme.warn
            } else if large {
                theme.text
            } else {
                theme.muted
            };
            ui.label(theme.body(change.map(|(d, _)| difference(d, unit)).unwrap_or_default()).color(ink));
        });
        ui.add_space(8.0);
        let last = if odd { theme.warn } else { theme.s1 };
        let label = format!("{name} over the last runs");
        spark(ui, theme, &label, &row.series, vec2(96.0, 20.0), row.now.map(|_| last));
    });
}

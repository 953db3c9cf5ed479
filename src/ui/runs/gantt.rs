//! Tasks over time, parameters, and what it takes to repeat the run.
use egui::{Align, Align2, Label, Layout, Rect, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2};
use jiff::Timestamp;

use super::{detail::section, words::task_words};
use crate::{
    app::runs::Command,
    base::time,
    model::{
        pipeline::show,
        run::{Attempt, Run, TaskRun, TaskState, millis},
    },
    ui::{
        PageCx,
        theme::Theme,
        widgets::{Row, hair_x, section_head},
    },
};

const ROW: f32 = 28.0;

/// Time to place.
struct Axis {
    from: Timestamp,
    span_ms: f32,
    left: f32,
    width: f32,
}

impl Axis {
    fn x(&self, at: Timestamp) -> f32 {
        let ms = at.as_millisecond() - self.from.as_millisecond();
        self.left + (ms as f32 / self.span_ms).clamp(0.0, 1.0) * self.width
    }
}

/// Draws the attempts of the present round, task by task.
pub(super) fn gantt_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let Some(run) = cx.state.runs.selected_run().cloned() else { return };
    let note = if run.round > 1 { format!("round {}", run.round) } else { String::new() };
    ui.horizontal(|ui| {
        ui.add_space(4.0);
        section_head(ui, theme, "Tasks over time", &note, |ui| {
            ui.add_space(4.0);
            ui.label(theme.small("outline = waited").color(theme.faint));
        });
    });
    let height = ROW * run.tasks.len() as f32 + 28.0;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let names = (rect.width() * 0.24).clamp(96.0, 168.0);
    let axis = axis(&run, cx.now, rect.left() + 16.0 + names, rect.width() - names - 56.0);
    let bottom = rect.top() + ROW * run.tasks.len() as f32;
    ticks(ui, theme, &axis, rect.top(), bottom);
    let mut send = None;
    for (i, task) in run.tasks.iter().enumerate() {
        let row = Rect::from_min_size(pos2(rect.left(), rect.top() + ROW * i as f32), vec2(rect.width(), ROW));
        let response = ui.interact(row, ui.scope_id().with(("gantt", &task.id)), Sense::click());
        let name = format!("{} over time, {}", task.id, task_words(task));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ListItem, true, &name));
        let painter = ui.painter().with_clip_rect(row.intersect(ui.clip_rect()));
        if cx.state.runs.task.as_ref() == Some(&task.id) {
            painter.rect_filled(row, 0.0, theme.selsoft);
        } else if response.hovered() {
            painter.rect_filled(row, 0.0, theme.hover);
        }
        let text = crate::base::text::shorten(&task.id, (names / 7.0) as usize);
        painter.text(pos2(row.left() + 16.0, row.center().y), Align2::LEFT_CENTER, text, theme.font(12.0), theme.text);
        task_ui(&painter, theme, &run, task, &axis, row, cx.now);
        if response.clicked() {
            send = Some(Command::SelectTask(Some(task.id.clone())));
        }
        if response.double_clicked() {
            send = Some(Command::OpenLog { task: task.id.clone(), attempt: None });
        }
        response.on_hover_ui_at_pointer(|ui| tries_ui(ui, theme, task, cx.now));
    }
    if let Some(command) = send {
        cx.send(command);
    }
    hair_x(ui, theme);
}

fn axis(run: &Run, now: Timestamp, left: f32, width: f32) -> Axis {
    let of_round = || run.tasks.iter().flat_map(|t| &t.attempts).filter(|a| a.round == run.round);
    let from = run.started_at.unwrap_or(run.queued_at);
    let from = of_round().map(|a| a.queued_at).fold(from, Timestamp::min);
    let end = run.ended_at.unwrap_or(now);
    let to = of_round().filter_map(|a| a.ended_at).fold(end, Timestamp::max);
    let to = run.tasks.iter().filter_map(|t| t.retry_at).fold(to, Timestamp::max);
    Axis { from, span_ms: (millis(from, to) as f32).max(1.0), left, width: width.max(40.0) }
}

/// A run of minutes is read against the clock, a shorter one from its own beginning.
fn ticks(ui: &Ui, theme: &Theme, axis: &Axis, top: f32, bottom: f32) {
    // Steps a person counts in; at most five fit.
    const STEPS: [i64; 23] = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000,
        600_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000,
    ];
    let span = axis.span_ms as i64;
    let step = STEPS.into_iter().find(|s| span / s <= 4).unwrap_or(span.max(1));
    let start = axis.from.as_millisecond();
    let clock = step >= 60_000;
    let mut at = if clock { start + (step - start.rem_euclid(step)) % step } else { start };
    while at <= start + span {
        let Ok(t) = Timestamp::from_millisecond(at) else { break };
        let x = axis.x(t);
        ui.painter().vline(x, top..=bottom, theme.hairline());
        let zoned = t.to_zoned(time::local_zone());
        let label = match step {
            _ if !clock => time::duration_ms((at - start).unsigned_abs()),
            s if s < 86_400_000 => zoned.strftime("%H:%M").to_string(),
            _ => zoned.strftime("%-d %b").to_string(),
        };
        ui.painter().text(pos2(x, bottom + 12.0), Align2::CENTER_CENTER, label, theme.font(11.0), theme.muted);
        at += step;
    }
}

fn task_ui(painter: &egui::Painter, theme: &Theme, run: &Run, task: &TaskRun, axis: &Axis, row: Rect, now: Timestamp) {
    let mine: Vec<&Attempt> = task.attempts.iter().filter(|a| a.round == run.round).collect();
    let y = row.center().y;
    if mine.is_empty() {
        let words = match (task.state, task.last()) {
            (TaskState::UpstreamFailed, _) => "not started, upstream failed".to_owned(),
            (TaskState::Success, Some(last)) => format!("kept from round {}", last.round),
            (TaskState::Queued, _) => "waits".to_owned(),
            (state, _) => state.word().to_lowercase(),
        };
        painter.text(pos2(axis.left + 4.0, y), Align2::LEFT_CENTER, words, theme.font(11.5), theme.muted);
        return;
    }
    let mut before: Option<f32> = None;
    for attempt in &mine {
        let Some(start) = attempt.started_at else { continue };
        let (x0, x1) = (axis.x(start), axis.x(attempt.ended_at.unwrap_or(now)));
        let queued = axis.x(attempt.queued_at);
        if let Some(end) = before {
            let pause = millis(attempt_end(&mine, attempt), start);
            wait(painter, theme, end, x0, y, &format!("retry after {}", time::duration_ms(pause)));
        } else if x0 - queued > 2.0 {
            let waited = Rect::from_min_max(pos2(queued, y - 6.0), pos2(x0, y + 6.0));
            painter.rect_stroke(waited, 1.0, Stroke::new(1.0, theme.border), StrokeKind::Inside);
        }
        let colour = match attempt.state {
            TaskState::Failed | TaskState::Interrupted => theme.fail,
            TaskState::Running => theme.run,
            TaskState::Cancelled => theme.canc,
            _ => theme.bar,
        };
        let bar = Rect::from_min_max(pos2(x0, y - 6.0), pos2(x1.max(x0 + 3.0), y + 6.0));
        painter.rect_filled(bar, 1.0, colour);
        before = Some(bar.right());
    }
    if let (TaskState::Retrying, Some(at), Some(end)) = (task.state, task.retry_at, before) {
        wait(painter, theme, end, axis.x(at), y, "retry waits");
    }
}

/// The end of the attempt before this one.
fn attempt_end(all: &[&Attempt], this: &Attempt) -> Timestamp {
    let before = all.iter().rev().find(|a| a.number < this.number).and_then(|a| a.ended_at);
    before.or(this.started_at).unwrap_or(this.queued_at)
}

fn wait(painter: &egui::Painter, theme: &Theme, from: f32, to: f32, y: f32, words: &str) {
    let line = Stroke::new(1.0, theme.muted);
    painter.extend(Shape::dotted_line(&[pos2(from + 2.0, y), pos2(to - 2.0, y)], line.color, 4.0, 0.75));
    let galley = painter.layout_no_wrap(words.to_owned(), theme.font(11.0), theme.muted);
    if galley.size().x + 8.0 < to - from {
        let at = pos2((from + to - galley.size().x) * 0.5, y - galley.size().y - 1.0);
        painter.galley(at, galley, theme.muted);
    }
}

fn tries_ui(ui: &mut Ui, theme: &Theme, task: &TaskRun, now: Timestamp) {
    ui.set_max_width(420.0);
    ui.label(theme.strong(task.id.as_str()));
    for a in &task.attempts {
        let lasted = a.duration_ms(now).map(time::duration_ms).unwrap_or_default();
        let start = a.started_at.map(time::hhmm).unwrap_or_default();
        ui.label(theme.muted(format!(
            "try {}, round {}: {start}, {lasted}, {}",
            a.number,
            a.round,
            a.state.word().to_lowercase()
        )));
    }
    if task.attempts.is_empty() {
        ui.label(theme.muted(task_words(task)));
    }
}

/// Parameters and the record.
pub(super) fn params_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let Some(run) = cx.state.runs.selected_run().cloned() else { return };
    section(ui, theme, "Parameters", "");
    if run.params.is_empty() {
        line(ui, theme, "none", "", false);
    }
    for (name, value) in &run.params {
        line(ui, theme, name, &if value.is_string() { format!("\"{}\"", show(value)) } else { show(value) }, true);
    }
    section(ui, theme, "What it ran on", "");
    let commit = run.record.commit.as_ref();
    let code = commit.map_or_else(|| "no repository".to_owned(), |c| format!("{} {}", c.short(), c.summary));
    line(ui, theme, "commit", &code, true);
    if let Some(branch) = &run.record.branch {
        line(ui, theme, "branch", branch, true);
    }
    if let Some(dirty) = &run.record.dirty {
        let files = run.record.dirty_files.join(", ");
        line(ui, theme, "uncommitted", &format!("{} {files}", dirty.chars().take(8).collect::<String>()), true);
    }
    for (name, value) in &run.record.environment {
        line(ui, theme, name, value, true);
    }
    line(ui, theme, "run id", &run.id.0, true);
    ui.add_space(12.0);
}

fn line(ui: &mut Ui, theme: &Theme, name: &str, value: &str, rule: bool) {
    let label = format!("{name} {value}");
    Row::new(&label).height(28.0).padding(16.0).rule(rule).show(ui, theme, |ui| {
        ui.allocate_ui_with_layout(vec2(104.0, 28.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_width(104.0);
            ui.add(Label::new(theme.code(name).color(theme.muted)).truncate());
        });
        ui.add(Label::new(theme.code(value)).truncate().selectable(true)).on_hover_text(value);
    });
}

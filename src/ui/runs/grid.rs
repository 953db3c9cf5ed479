//! The grid of tasks × runs: a column a run, a row a task, durations on top.
use std::{ops::Range, sync::Arc};

use egui::{Align2, Pos2, Rect, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::words::{cell_mark, task_words};
use crate::{
    app::runs::{Command, Tab},
    base::{text::count, time},
    model::run::{
        Run, RunState, Scope,
        grid::{Grid, GridRow, RowKind},
    },
    ui::{
        PageCx,
        theme::{Theme, icon, paint_grid_mark},
        widgets::hair_x,
    },
};

const ROW: f32 = 22.0;
const CELL: f32 = 12.0;
const BARS: f32 = 32.0;
const HEAD: f32 = 44.0;
const FOOT: f32 = 20.0;
/// Room for the names of tasks, and for the medians.
const NAMES: f32 = 148.0;
const MEDIANS: f32 = 72.0;

/// Between a group and what is in it.
const INDENT: f32 = 14.0;

/// What the grid remembers.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The keyboard moved: bring the task into view.
    pub follow: bool,
    grid: Grid,
}

/// Where everything stands.
struct Plan<'a> {
    rect: Rect,
    /// Oldest first, as many as there is room for.
    runs: Vec<Arc<Run>>,
    grid: &'a Grid,
    /// Rows that are in sight.
    seen: Range<usize>,
    left: f32,
    pitch: f32,
}

impl Plan<'_> {
    fn column(&self, i: usize) -> Rect {
        let left = self.left + i as f32 * self.pitch;
        let height = HEAD + ROW * self.grid.rows.len() as f32;
        Rect::from_min_size(pos2(left, self.rect.top()), vec2(self.pitch, height))
    }
    fn row(&self, i: usize) -> Rect {
        let top = self.rect.top() + HEAD + ROW * i as f32;
        Rect::from_min_max(pos2(self.rect.left(), top), pos2(self.rect.right(), top + ROW))
    }
    fn at(&self, p: Pos2) -> Option<(usize, Option<usize>)> {
        let x = (p.x - self.left) / self.pitch;
        let y = (p.y - self.rect.top() - HEAD) / ROW;
        let run = (x >= 0.0 && (x as usize) < self.runs.len()).then_some(x as usize)?;
        let task = (y >= 0.0 && (y as usize) < self.grid.rows.len()).then_some(y as usize);
        Some((run, task))
    }
    fn rows(&self) -> impl Iterator<Item = (usize, &GridRow)> {
        self.grid.rows.iter().enumerate().skip(self.seen.start).take(self.seen.len())
    }
}

pub(super) fn grid_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let follow = std::mem::take(&mut view.follow);
    let room = room(ui.available_width() - 32.0);
    let runs = runs_in_sight(cx, room);
    view.grid.update(&runs, cx.state.runs.task_ids(), &cx.state.runs.toggled);
    let grid = &view.grid;
    let height = HEAD + ROW * grid.rows.len() as f32 + FOOT;
    let most = (ui.available_height() * 0.45).max(HEAD + FOOT + 5.0 * ROW);
    ScrollArea::vertical().max_height(most).auto_shrink([false, true]).id_salt("grid").show(ui, |ui| {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
        let inner = Rect::from_min_max(pos2(rect.left() + 16.0, rect.top()), pos2(rect.right() - 16.0, rect.bottom()));
        let plan = plan(ui, inner, runs, grid);
        paint(ui, cx, &plan);
        names(ui, cx, &plan);
        if follow {
            let row = cx.state.runs.task.as_ref().and_then(|t| grid.rows.iter().position(|r| r.id == *t));
            row.iter().for_each(|row| ui.scroll_to_rect(plan.row(*row), None));
        }
        if let Some((run, task)) = response.hover_pos().and_then(|p| plan.at(p)) {
            tip(&response, theme, &plan, run, task, cx);
        }
        let hit = response.interact_pointer_pos().and_then(|p| plan.at(p));
        if (response.clicked() || response.secondary_clicked() || response.double_clicked())
            && let Some((run, task)) = hit
        {
            choose(cx, &plan, run, task);
            if response.double_clicked() {
                cx.send(Command::Show(Tab::Log));
            }
        }
        response.context_menu(|ui| menu(ui, cx));
    });
    hair_x(ui, theme);
}

/// Widths: of the names, and what is left for the columns.
fn room(width: f32) -> (f32, f32) {
    let names = if width < 760.0 { 120.0 } else { NAMES };
    (names, (width - names - MEDIANS).max(CELL + 4.0))
}

/// The runs there is room for, oldest first.
fn runs_in_sight(cx: &PageCx<'_>, (_, room): (f32, f32)) -> Vec<Arc<Run>> {
    let all = cx.state.runs.selected_runs();
    let fitting = ((room / (CELL + 6.0)) as usize).max(1);
    // The selected run stays in sight, even when it is older than those that fit.
    let at = cx.state.runs.run.as_ref().and_then(|id| all.iter().position(|r| r.id == *id)).unwrap_or(0);
    let first = (at + 1).saturating_sub(fitting);
    all.iter().skip(first).take(fitting).rev().cloned().collect()
}

fn plan<'a>(ui: &Ui, rect: Rect, runs: Vec<Arc<Run>>, grid: &'a Grid) -> Plan<'a> {
    let (names, room) = room(rect.width());
    let pitch = (room / runs.len().max(1) as f32).min(34.0);
    let left = rect.left() + names + (room - pitch * runs.len() as f32);
    let (clip, top) = (ui.clip_rect(), rect.top() + HEAD);
    let last = grid.rows.len();
    let from = (((clip.top() - top) / ROW).floor().max(0.0) as usize).min(last);
    let to = (((clip.bottom() - top) / ROW).ceil().max(0.0) as usize).min(last);
    Plan { rect, runs, grid, seen: from..to.max(from), left, pitch }
}

fn choose(cx: &mut PageCx<'_>, plan: &Plan<'_>, run: usize, row: Option<usize>) {
    let id = plan.runs.get(run).map(|r| r.id.clone());
    let mut send = Vec::new();
    if let Some(id) = id.filter(|id| cx.state.runs.run.as_ref() != Some(id)) {
        send.push(Command::SelectRun(id));
    }
    // Of several tasks in one cell the first of the worst is meant.
    if let Some(task) = row.and_then(|row| plan.grid.task_at(run, row)) {
        send.push(Command::SelectTask(Some(task)));
    }
    send.into_iter().for_each(|c| cx.send(c));
}

fn paint(ui: &Ui, cx: &PageCx<'_>, plan: &Plan<'_>) {
    let (theme, painter) = (cx.theme, ui.painter());
    let hovered = ui.ctx().pointer_hover_pos().filter(|p| ui.clip_rect().contains(*p)).and_then(|p| plan.at(p));
    for (i, row) in plan.rows() {
        if cx.state.runs.task.as_ref() == Some(&row.id) {
            painter.rect_filled(plan.row(i), 0.0, theme.hover);
        } else if hovered.is_some_and(|h| h.1 == Some(i)) {
            painter.rect_filled(plan.row(i), 0.0, theme.fade(theme.hover, 0.5));
        }
    }
    let longest = plan.runs.iter().filter_map(|r| r.duration_ms(cx.now)).max().unwrap_or(1).max(1);
    for (i, run) in plan.runs.iter().enumerate() {
        let column = plan.column(i);
        let selected = cx.state.runs.run.as_ref() == Some(&run.id);
        if selected {
            painter.rect_filled(column, 0.0, theme.fade(theme.sel, 0.55));
            for x in [column.left() + 0.5, column.right() - 0.5] {
                painter.vline(x, column.y_range(), Stroke::new(1.0, theme.focus));
            }
        }
        let share = run.duration_ms(cx.now).unwrap_or(0) as f32 / longest as f32;
        let tall = (share * BARS).max(3.0);
        let colour = match run.state {
            RunState::Failed | RunState::Interrupted => theme.fail,
            RunState::Running => theme.run,
            RunState::Cancelled => theme.idle,
            RunState::Queued | RunState::Success => theme.bar,
        };
        let bottom = column.top() + HEAD - 1.0;
        let mid = column.center().x;
        let bar = Rect::from_min_max(pos2(mid - CELL * 0.5, bottom - tall), pos2(mid + CELL * 0.5, bottom));
        painter.rect_filled(bar, 1.0, colour);
        for (row, _) in plan.rows() {
            let Some(cell) = plan.grid.cell(i, row) else { continue };
            let place = Rect::from_center_size(pos2(mid, plan.row(row).center().y), vec2(CELL, CELL));
            paint_grid_mark(painter, theme, cell_mark(cell), place);
        }
        number(ui, cx, plan, i, run, selected);
    }
    medians(ui, cx, plan, longest);
}

/// The number below a column, where there is room for it.
fn number(ui: &Ui, cx: &PageCx<'_>, plan: &Plan<'_>, i: usize, run: &Run, selected: bool) {
    let theme = cx.theme;
    let column = plan.column(i);
    let label = selected || (run.number % 5 == 2 && plan.pitch * 5.0 > 60.0) || plan.runs.len() <= 8 || i == 0;
    // A number beside the selected one would run into it.
    let beside = |(j, r): (usize, &Arc<Run>)| j.abs_diff(i) == 1 && cx.state.runs.run.as_ref() == Some(&r.id);
    let crowded = !selected && plan.pitch < 30.0 && plan.runs.iter().enumerate().any(beside);
    if label && !crowded {
        let ink = if selected { theme.text } else { theme.muted };
        let at = pos2(column.center().x, column.bottom() + FOOT * 0.5);
        ui.painter().text(at, Align2::CENTER_CENTER, run.number, theme.font(11.5), ink);
    }
}

fn medians(ui: &Ui, cx: &PageCx<'_>, plan: &Plan<'_>, longest: u64) {
    let (theme, painter) = (cx.theme, ui.painter());
    let y = plan.rect.top() + HEAD - 8.0;
    let text = format!("duration, {} max", time::duration_ms(longest));
    painter.text(pos2(plan.rect.left(), y), Align2::LEFT_CENTER, text, theme.font(11.5), theme.faint);
    painter.text(pos2(plan.rect.right(), y), Align2::RIGHT_CENTER, "median", theme.font(11.5), theme.faint);
    for (i, _) in plan.rows() {
        if let Some(median) = plan.grid.medians.get(i).copied().flatten() {
            let at = pos2(plan.rect.right(), plan.row(i).center().y);
            painter.text(at, Align2::RIGHT_CENTER, time::duration_ms(median), theme.font(11.5), theme.muted);
        }
    }
}

/// Names of tasks and heads of columns, which the keyboard and screen readers find.
fn names(ui: &mut Ui, cx: &mut PageCx<'_>, plan: &Plan<'_>) {
    let theme = cx.theme;
    let mut send = Vec::new();
    for (i, row) in plan.rows() {
        let place = plan.row(i);
        let rect = Rect::from_min_max(place.min, pos2(plan.left.min(place.left() + NAMES), place.bottom()));
        let response =
            ui.interact(rect, ui.scope_id().with(("task", &row.id, row.kind == RowKind::Task)), Sense::click());
        let selected = cx.state.runs.task.as_ref() == Some(&row.id);
        let words = match row.kind {
            RowKind::Task => {
                cx.state.runs.selected_run().and_then(|r| r.task(&row.id)).map(task_words).unwrap_or_default()
            }
            _ => format!("{}, {}", count(row.tasks.len() as u64, "task"), if row.open { "open" } else { "folded" }),
        };
        response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, selected, format!("{}, {words}", row.id)));
        name_ui(ui, theme, row, place, rect.right());
        if response.clicked() {
            send.push(match row.kind {
                RowKind::Task => Command::SelectTask(Some(row.id.clone())),
                _ => Command::Fold(row.id.clone()),
            });
        }
        response.on_hover_text(&row.id);
    }
    for (i, run) in plan.runs.iter().enumerate() {
        let mut rect = plan.column(i);
        rect.set_height(HEAD);
        let response = ui.interact(rect, ui.scope_id().with(("run", &run.id.0)), Sense::click());
        let selected = cx.state.runs.run.as_ref() == Some(&run.id);
        let name = format!("Run #{}, {}", run.number, run.state.word());
        response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, selected, &name));
        if response.clicked() {
            send.push(Command::SelectRun(run.id.clone()));
        }
        let lasted = run.duration_ms(cx.now).map(time::duration_ms).unwrap_or_default();
        response.on_hover_text(format!("{}\n{} \u{b7} {lasted}", run.title(), time::day_hhmm(run.queued_at)));
    }
    send.into_iter().for_each(|c| cx.send(c));
}

/// The name of a row, with an arrow where it folds and how many there are where it stands for several.
fn name_ui(ui: &Ui, theme: &Theme, row: &GridRow, place: Rect, right: f32) {
    let painter = ui.painter();
    let mut x = place.left() + INDENT * row.depth as f32;
    if row.kind != RowKind::Task {
        let arrow = icon(if row.open { "chevron-down" } else { "chevron-right" }).to_string();
        painter.text(pos2(x - 2.0, place.center().y), Align2::LEFT_CENTER, arrow, theme.icon_font(13.0), theme.muted);
        x += INDENT;
    }
    let mut job = egui::text::LayoutJob::default();
    let format = |font, color| egui::TextFormat { font_id: font, color, ..Default::default() };
    job.append(&row.label, 0.0, format(theme.font(13.0), theme.text));
    if row.kind == RowKind::Mapped {
        job.append(&format!(" \u{d7}{}", row.tasks.len()), 0.0, format(theme.font(11.5), theme.muted));
    }
    job.wrap = egui::text::TextWrapping::truncate_at_width((right - x).max(20.0));
    let galley = painter.layout_job(job);
    painter.galley(pos2(x, place.center().y - galley.size().y * 0.5), galley, theme.text);
}

fn tip(response: &egui::Response, theme: &Theme, plan: &Plan<'_>, run: usize, row: Option<usize>, cx: &PageCx<'_>) {
    let Some(row) = row else { return };
    let (Some(task), Some(run)) = (plan.grid.task_at(run, row), plan.runs.get(run)) else { return };
    let Some(task) = run.task(&task) else { return };
    let title = format!("{} \u{b7} {}", task.id, run.title());
    let lasted = task.duration_ms(cx.now).map(|d| format!(", {}", time::duration_ms(d))).unwrap_or_default();
    let words = format!("{}{lasted}", task_words(task));
    let more = plan.grid.rows.get(row).map_or(0, |r| r.tasks.len()).saturating_sub(1);
    response.clone().on_hover_ui_at_pointer(|ui| {
        ui.set_max_width(420.0);
        ui.label(theme.strong(title));
        ui.label(theme.muted(words));
        if let Some(error) = &task.error {
            ui.label(theme.small(crate::base::text::shorten(error, 240)).color(theme.fail));
        }
        if more > 0 {
            ui.label(theme.small(format!("and {} more in this row", count(more as u64, "task"))));
        }
    });
}

fn menu(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let Some(run) = cx.state.runs.selected_run().cloned() else { return };
    let task = cx.state.runs.task.clone().filter(|t| run.task(t).is_some());
    let over = run.state.is_final();
    let mut chosen = None;
    if let Some(task) = task {
        if ui.button(format!("Open the log of {task}")).clicked() {
            chosen = Some(Command::OpenLog { task: task.clone(), attempt: None });
        }
        if ui.add_enabled(over, egui::Button::new("Rerun from here\u{2026}")).clicked() {
            chosen = Some(Command::AskRerun { run: run.id.clone(), scope: Scope::From(task.clone()) });
        }
        if ui.add_enabled(over, egui::Button::new("Rerun this task only\u{2026}")).clicked() {
            chosen = Some(Command::AskRerun { run: run.id.clone(), scope: Scope::Only(task) });
        }
        ui.separator();
    }
    if ui.add_enabled(over, egui::Button::new("Rerun the whole run\u{2026}")).clicked() {
        chosen = Some(Command::AskRerun { run: run.id.clone(), scope: Scope::All });
    }
    if ui.button("Copy the run's id").clicked() {
        cx.send(crate::app::shell::Command::Copy(run.id.0.clone()));
        ui.close();
    }
    if let Some(command) = chosen {
        cx.send(command);
        ui.close();
    }
}

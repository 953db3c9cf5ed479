//! The calendar view: a cell a day with the runs of that day, by the date of the run or of its data.
use std::collections::BTreeMap;

use egui::{Align, Align2, Layout, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use jiff::{ToSpan, civil::Date};

use super::{detail, words::run_mark};
use crate::{
    app::{
        board::filter::today,
        runs::{Command, Tab},
    },
    base::{text, time},
    model::run::{Run, RunState},
    ui::{
        PageCx,
        theme::{SMALL, paint_grid_mark},
        widgets::{hair_x, segmented},
    },
};

const CELL: f32 = 64.0;

/// What the view remembers.
#[derive(Debug, Default)]
pub(super) struct View {
    /// By the date of the run, where the data have dates of their own.
    by_run: bool,
}

/// The date of the data of a run.
fn data_day(run: &Run) -> Option<Date> {
    run.data_time.as_deref()?.get(..10)?.parse().ok()
}

fn run_day(run: &Run) -> Date {
    today(run.started_at.unwrap_or(run.queued_at))
}

/// Runs by day, oldest first within a day.
fn by_day<'a>(runs: impl Iterator<Item = &'a Run>, by_run: bool) -> BTreeMap<Date, Vec<&'a Run>> {
    let mut out: BTreeMap<Date, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        let day = if by_run { run_day(run) } else { data_day(run).unwrap_or_else(|| run_day(run)) };
        out.entry(day).or_default().push(run);
    }
    out.values_mut().for_each(|all| all.sort_by_key(|r| (r.queued_at, r.number)));
    out
}

pub(super) fn calendar_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    ui.spacing_mut().item_spacing.y = 0.0;
    let runs: Vec<_> = cx.state.runs.selected_runs().to_vec();
    let dated = runs.iter().any(|r| data_day(r).is_some_and(|d| d != run_day(r)));
    let by_run = view.by_run || !dated;
    let days = by_day(runs.iter().map(|r| &**r), by_run);
    let (Some(first), Some(last)) = (days.keys().next().copied(), days.keys().last().copied()) else { return };
    let failed = runs.iter().filter(|r| r.state.is_bad()).count() as u64;
    ui.horizontal(|ui| {
        ui.set_height(40.0);
        ui.add_space(16.0);
        let span = span(first, last);
        ui.label(theme.strong(span));
        let counts = format!("{} on {}", text::count(runs.len() as u64, "run"), text::count(days.len() as u64, "day"));
        ui.label(theme.muted(if failed > 0 { format!("{counts}, {failed} failed") } else { counts }));
        if dated {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_space(16.0);
                let choices = [(false, "Day of the data"), (true, "Day of the run")];
                if let Some(by_run) = segmented(ui, theme, view.by_run, &choices) {
                    view.by_run = by_run;
                }
            });
        }
    });
    hair_x(ui, theme);
    let back = i64::from(first.weekday().to_monday_zero_offset());
    let monday = first.checked_sub(back.days()).unwrap_or(first);
    let weeks = ((last - monday).get_days() / 7 + 1).clamp(1, 60) as usize;
    let height = (ui.available_height() * 0.6).max(28.0 + 2.0 * CELL);
    ScrollArea::vertical().id_salt("calendar").max_height(height).auto_shrink([false, true]).show(ui, |ui| {
        week_heads(ui, cx);
        for week in 0..weeks {
            let (band, _) = ui.allocate_exact_size(vec2(ui.available_width(), CELL), Sense::hover());
            for day in 0..7 {
                let Ok(date) = monday.checked_add((week as i64 * 7 + day).days()) else { continue };
                let rect = column(band, day);
                let empty = Vec::new();
                day_ui(ui, cx, rect, date, days.get(&date).unwrap_or(&empty));
            }
        }
    });
    hair_x(ui, theme);
    detail::head_ui(ui, cx, true);
    detail::preview_ui(ui, cx);
    ScrollArea::vertical().id_salt("calendar-detail").auto_shrink(false).show(ui, |ui| detail::detail_ui(ui, cx));
}

fn column(band: Rect, day: i64) -> Rect {
    let width = (band.width() - 32.0 - 6.0 * 4.0) / 7.0;
    let left = band.left() + 16.0 + day as f32 * (width + 4.0);
    Rect::from_min_size(pos2(left, band.top() + 2.0), vec2(width, band.height() - 4.0))
}

fn week_heads(ui: &mut Ui, cx: &PageCx<'_>) {
    let (band, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    for (i, name) in ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].into_iter().enumerate() {
        let at = column(band, i as i64).left_center() + vec2(4.0, 0.0);
        ui.painter().text(at, Align2::LEFT_CENTER, name, cx.theme.font(SMALL), cx.theme.muted);
    }
}

fn day_ui(ui: &mut Ui, cx: &mut PageCx<'_>, rect: Rect, date: Date, runs: &[&Run]) {
    let theme = cx.theme;
    let has = |f: fn(RunState) -> bool| runs.iter().any(|r| f(r.state));
    let selected = runs.iter().any(|r| cx.state.runs.run.as_ref() == Some(&r.id));
    let sense = if runs.is_empty() { Sense::hover() } else { Sense::click() };
    let response = ui.interact(rect, egui::Id::unique(("runs-day", date.to_string())), sense);
    let failed = runs.iter().filter(|r| r.state.is_bad()).count();
    let words = match (runs.len(), failed) {
        (0, _) => "no run".to_owned(),
        (n, 0) => text::count(n as u64, "run"),
        (n, f) => format!("{}, {f} failed", text::count(n as u64, "run")),
    };
    let name = format!("{}, {words}", date.strftime("%-d %B"));
    response.widget_info(|| WidgetInfo::selected(Role::GridCell, !runs.is_empty(), selected, &name));
    let p = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let fill = if runs.is_empty() {
        theme.bg
    } else if has(RunState::is_bad) {
        theme.fail_t
    } else if response.hovered() {
        theme.hover
    } else {
        theme.panel
    };
    p.rect_filled(rect, 4.0, fill);
    let edge = if selected { Stroke::new(2.0, theme.focus) } else { Stroke::new(1.0, theme.hair) };
    p.rect_stroke(rect, 4.0, edge, StrokeKind::Inside);
    let ink = if date == today(cx.now) {
        theme.accent
    } else if runs.is_empty() {
        theme.faint
    } else {
        theme.text
    };
    let number = if date.day() == 1 { date.strftime("%-d %b").to_string() } else { date.day().to_string() };
    p.text(rect.min + vec2(8.0, 5.0), Align2::LEFT_TOP, number, theme.medium(SMALL), ink);
    let room = ((rect.width() - 16.0) / 16.0).max(1.0) as usize;
    for (i, run) in runs.iter().rev().take(room).rev().enumerate() {
        let cell = Rect::from_min_size(rect.min + vec2(8.0 + i as f32 * 16.0, 23.0), vec2(12.0, 12.0));
        paint_grid_mark(&p, theme, run_mark(run.state), cell);
    }
    let lasted: u64 = runs.iter().filter_map(|r| r.duration_ms(cx.now)).sum();
    let foot = match runs {
        [] => String::new(),
        [one] => format!("#{}, {}", one.number, time::duration_ms(lasted)),
        all => format!("{}, {}", text::count(all.len() as u64, "run"), time::duration_ms(lasted)),
    };
    let foot = super::super::board::fit_text(&p, &foot, theme.font(SMALL), theme.muted, rect.width() - 16.0);
    p.galley(pos2(rect.left() + 8.0, rect.bottom() - 5.0 - foot.size().y), foot, theme.muted);
    // What needs somebody comes first, then the newest; a second click goes to the next one of the day.
    let mut order: Vec<&&Run> = runs.iter().rev().collect();
    order.sort_by_key(|r| !r.state.is_bad());
    let at = order.iter().position(|r| cx.state.runs.run.as_ref() == Some(&r.id));
    let next = at.map_or(0, |i| (i + 1) % order.len().max(1));
    if response.clicked()
        && let Some(run) = order.get(next)
    {
        cx.send(Command::SelectRun(run.id.clone()));
    }
    if response.double_clicked() {
        cx.send(Command::Show(Tab::Grid));
    }
    if !runs.is_empty() {
        let lines: Vec<String> = runs.iter().rev().take(12).map(|r| tip(r)).collect();
        response.on_hover_text(lines.join("\n"));
    }
}

fn tip(run: &Run) -> String {
    let data = run.data_time.as_ref().map(|d| format!(", data of {d}")).unwrap_or_default();
    format!("{} {}, ran {}{data}", run.title(), run.state.word().to_lowercase(), time::day_hhmm(run.queued_at))
}

/// `21 Nov 2026`, `28 Feb to 29 Mar 2010`, `30 Dec 2025 to 2 Jan 2026`.
fn span(first: jiff::civil::Date, last: jiff::civil::Date) -> String {
    let until = last.strftime("%-d %b %Y");
    match first {
        _ if first == last => until.to_string(),
        _ if first.year() == last.year() => format!("{} to {until}", first.strftime("%-d %b")),
        _ => format!("{} to {until}", first.strftime("%-d %b %Y")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_one_day_is_that_day() {
        let day = jiff::civil::date;
        assert_eq!(span(day(2026, 11, 21), day(2026, 11, 21)), "21 Nov 2026");
        assert_eq!(span(day(2010, 2, 28), day(2010, 3, 29)), "28 Feb to 29 Mar 2010");
        assert_eq!(span(day(2025, 12, 30), day(2026, 1, 2)), "30 Dec 2025 to 2 Jan 2026");
    }
    use crate::model::run::{TaskState, tests::run};

    #[test]
    fn runs_stand_on_the_day_of_their_data_or_of_their_run() {
        let mut one = run([TaskState::Success; 4]);
        one.data_time = Some("2026-11-03".to_owned());
        let mut two = one.clone();
        two.data_time = Some("2026-11-04T05:00".to_owned());
        two.number += 1;
        let mut odd = one.clone();
        odd.data_time = Some("week 45".to_owned());
        let by_data = by_day([&one, &two, &odd].into_iter(), false);
        let days: Vec<String> = by_data.keys().map(ToString::to_string).collect();
        assert_eq!(days.len(), 3, "a day that is no date is that of the run: {days:?}");
        assert_eq!(&days[1..], ["2026-11-03", "2026-11-04"]);
        assert_eq!(by_day([&two, &one].into_iter(), true).values().map(Vec::len).collect::<Vec<_>>(), [2]);
    }
}

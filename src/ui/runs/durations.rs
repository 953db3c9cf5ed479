//! The durations view: a row a task with median, 95th percentile, trend and its control chart; below, the chart of the
//! selected row at full size. A point opens its run.
use std::hash::{DefaultHasher, Hash, Hasher};

use egui::{Align, Align2, Label, Layout, Painter, Rect, ScrollArea, Sense, Stroke, Ui, pos2, vec2};

use crate::{
    app::runs::{Command, Tab},
    base::{text, time},
    model::run::durations::{Durations, Lasted, durations},
    ui::{
        PageCx,
        theme::{SMALL, Theme},
        widgets::{Row, hair_x},
    },
};

/// Widths of runs, median, p95, last and trend.
const FIGURES: [f32; 5] = [48.0, 84.0, 84.0, 84.0, 104.0];
/// Room for the labels of the limits, and of the axis.
const RIGHT: f32 = 128.0;
const LEFT: f32 = 72.0;

/// What the view remembers: the figures until a run changes.
#[derive(Debug, Default)]
pub(super) struct View {
    key: u64,
    all: Vec<Durations>,
}

pub(super) fn durations_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let runs = cx.state.runs.selected_runs();
    let mut hasher = DefaultHasher::new();
    for run in runs {
        (&run.id.0, run.round, run.state).hash(&mut hasher);
    }
    let key = hasher.finish();
    if view.key != key || view.all.is_empty() {
        view.key = key;
        view.all = durations(runs, &cx.state.runs.task_ids());
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let selected = view.all.iter().position(|d| d.task == cx.state.runs.task).unwrap_or(0);
    heads(ui, theme);
    let rows = ui.available_height() * 0.55;
    let mut chosen = None;
    ScrollArea::vertical().id_salt("durations").max_height(rows).auto_shrink([false, true]).show(ui, |ui| {
        for (i, d) in view.all.iter().enumerate() {
            if row_ui(ui, cx, d, i == selected) {
                chosen = Some(d.task.clone());
            }
        }
    });
    hair_x(ui, theme);
    if let Some(task) = chosen {
        cx.send(Command::SelectTask(task));
    }
    if let Some(d) = view.all.get(selected) {
        large_ui(ui, cx, d);
    }
}

fn name(d: &Durations) -> &str {
    d.task.as_deref().unwrap_or("Whole run")
}

fn cell(ui: &mut Ui, width: f32, height: f32, contents: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(vec2(width, height), Layout::right_to_left(Align::Center), |ui| {
        ui.set_width(width);
        contents(ui);
    });
}

fn name_width(all: f32) -> f32 {
    (all * 0.2).clamp(110.0, 200.0)
}

fn heads(ui: &mut Ui, theme: &Theme) {
    ui.horizontal(|ui| {
        ui.set_height(28.0);
        ui.add_space(16.0);
        let width = name_width(ui.available_width());
        ui.allocate_ui_with_layout(vec2(width, 28.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_width(width);
            ui.label(theme.small("Task"));
        });
        for (head, width) in ["runs", "median", "p95", "last", "trend a run"].into_iter().zip(FIGURES) {
            cell(ui, width, 28.0, |ui| {
                ui.label(theme.small(head));
            });
        }
        ui.add_space(16.0);
        ui.add(Label::new(theme.small("Oldest to newest")).truncate());
    });
    hair_x(ui, theme);
}

/// `+1.2 % a run`; steady below half a per cent.
fn trend(d: &Durations) -> (String, bool) {
    match d.trend {
        None => ("too few runs".to_owned(), false),
        Some(t) if t.abs() < 0.005 => ("steady".to_owned(), false),
        Some(t) => {
            let sign = if t < 0.0 { "\u{2212}" } else { "+" };
            (format!("{sign}{:.1} %", t.abs() * 100.0), t > 0.02)
        }
    }
}

fn row_ui(ui: &mut Ui, cx: &PageCx<'_>, d: &Durations, selected: bool) -> bool {
    let theme = cx.theme;
    let ms = |v: Option<u64>| v.map_or_else(|| "\u{2013}".to_owned(), time::duration_ms);
    let (trend, grows) = trend(d);
    let label = format!("{}: median {}, p95 {}, {trend}", name(d), ms(d.median_ms), ms(d.p95_ms));
    let row = Row::new(&label).height(36.0).padding(16.0).selected(selected).rule(true).show(ui, theme, |ui| {
        let width = name_width(ui.available_width());
        ui.allocate_ui_with_layout(vec2(width, 36.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_width(width);
            let words = if d.task.is_none() { theme.strong(name(d)) } else { theme.body(name(d)) };
            ui.add(Label::new(words).truncate());
        });
        let odd = d.all.last().is_some_and(|l| l.odd);
        let words = [d.n.to_string(), ms(d.median_ms), ms(d.p95_ms), ms(d.last_ms), trend.clone()];
        for (i, (words, width)) in words.into_iter().zip(FIGURES).enumerate() {
            cell(ui, width, 36.0, |ui| {
                let ink = match i {
                    3 if odd => theme.fail,
                    4 if grows => theme.warn,
                    1 => theme.text,
                    _ => theme.muted,
                };
                ui.add(Label::new(theme.body(words).color(ink)).truncate());
            });
        }
        ui.add_space(16.0);
        let size = vec2(ui.available_width().max(24.0), 26.0);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        chart(ui.painter(), theme, &Scale::new(rect, d), d, None);
    });
    row.clicked()
}

/// Where a duration stands: from nought to a little over the largest.
struct Scale {
    rect: Rect,
    top: f64,
    n: usize,
}

impl Scale {
    fn new(rect: Rect, d: &Durations) -> Self {
        let most = d.all.iter().map(|l| l.ms as f64).fold(d.limits.map_or(0.0, |l| l[2]), f64::max);
        Self { rect, top: (most * 1.08).max(1.0), n: d.all.len() }
    }
    /// With room up to a round value; returns the values to label too.
    fn labelled(mut self) -> (Self, Vec<f64>) {
        let (step, parts) = round_step(self.top);
        self.top = step * f64::from(parts);
        (self, (0..=parts).map(|i| step * f64::from(i)).collect())
    }
    fn x(&self, i: usize) -> f32 {
        let step = self.rect.width() / self.n.max(1) as f32;
        self.rect.left() + step * (i as f32 + 0.5)
    }
    fn y(&self, ms: f64) -> f32 {
        self.rect.bottom() - (ms / self.top) as f32 * self.rect.height()
    }
}

/// A round step in ms, as clocks count, and how many of it reach `top`: three to five.
fn round_step(top: f64) -> (f64, u32) {
    const SECOND: f64 = 1_000.0;
    const HOUR: f64 = 3_600.0 * SECOND;
    let clock = [15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0].map(|s| s * SECOND);
    let tens = |unit: f64| (0..7).flat_map(move |n| [1.0, 2.0, 5.0].map(|k| k * unit * 10f64.powi(n)));
    let mut steps: Vec<f64> = tens(1.0).filter(|s| *s <= 10.0 * SECOND).chain(clock).collect();
    steps.extend(tens(HOUR).filter(|s| *s > HOUR));
    let step = steps.into_iter().find(|s| s * 5.0 >= top).unwrap_or(top / 4.0);
    (step, (top / step).ceil().max(1.0) as u32)
}

/// Line, points and limits. `large`: the run that is selected, on the chart at full size.
fn chart(p: &Painter, theme: &Theme, scale: &Scale, d: &Durations, large: Option<&str>) {
    let rect = scale.rect;
    if let Some([center, low, high]) = d.limits {
        let band = Rect::from_min_max(pos2(rect.left(), scale.y(high)), pos2(rect.right(), scale.y(low)));
        p.rect_filled(band, 0.0, theme.fade(theme.bar, 0.18));
        p.hline(rect.x_range(), scale.y(center), Stroke::new(1.0, theme.fade(theme.muted, 0.6)));
    }
    let good: Vec<(usize, &Lasted)> = d.all.iter().enumerate().filter(|(_, l)| l.ok).collect();
    let line: Vec<_> = good.iter().map(|(i, l)| pos2(scale.x(*i), scale.y(l.ms as f64))).collect();
    p.extend(line.windows(2).map(|w| egui::Shape::line_segment([w[0], w[1]], Stroke::new(1.5, theme.s1))));
    let radius = if large.is_some() { 3.0 } else { 1.5 };
    for (i, l) in d.all.iter().enumerate() {
        let at = pos2(scale.x(i), scale.y(l.ms as f64));
        if l.odd {
            let r = radius + 2.0;
            let corners = vec![at - vec2(0.0, r), at + vec2(r, 0.0), at + vec2(0.0, r), at - vec2(r, 0.0)];
            p.add(egui::Shape::convex_polygon(corners, theme.fail, Stroke::NONE));
        } else if !l.ok {
            // Cross: it did not succeed and counts for nothing.
            let r = radius + 0.5;
            let stroke = Stroke::new(1.5, theme.faint);
            p.line_segment([at - vec2(r, r), at + vec2(r, r)], stroke);
            p.line_segment([at + vec2(-r, r), at + vec2(r, -r)], stroke);
        } else if large.is_some() {
            p.circle_filled(at, radius, theme.s1);
        }
        if large == Some(l.run.0.as_str()) {
            p.circle_stroke(at, 6.0, Stroke::new(2.0, theme.focus));
        }
    }
}

fn reading(d: &Durations) -> String {
    let odd = d.all.iter().filter(|l| l.odd).count() as u64;
    match d.limits {
        None => format!("Control limits need 8 successes; there are {}", d.n),
        Some(_) if odd == 0 => "Every success lies within the limits of the first twenty".to_owned(),
        Some(_) => format!("{} outside the limits of the first twenty successes", text::count(odd, "run")),
    }
}

fn large_ui(ui: &mut Ui, cx: &mut PageCx<'_>, d: &Durations) {
    let theme = cx.theme;
    ui.horizontal(|ui| {
        ui.set_height(36.0);
        ui.add_space(16.0);
        ui.label(theme.strong(name(d)));
        ui.add(Label::new(theme.muted(reading(d))).truncate());
    });
    let (area, response) = ui.allocate_exact_size(ui.available_size(), Sense::click());
    let label = format!("Durations of {}", name(d));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &label));
    let rect = Rect::from_min_max(
        pos2(area.left() + LEFT, area.top() + 8.0),
        pos2((area.right() - RIGHT).max(area.left() + LEFT + 40.0), area.bottom() - 28.0),
    );
    if rect.height() < 40.0 || d.all.is_empty() {
        return;
    }
    let p = ui.painter().with_clip_rect(area.intersect(ui.clip_rect()));
    let (scale, ticks) = Scale::new(rect, d).labelled();
    for ms in ticks {
        let y = scale.y(ms);
        p.hline(rect.x_range(), y, Stroke::new(1.0, theme.fade(theme.hair, 0.7)));
        let words = if ms == 0.0 { "0".to_owned() } else { time::duration_ms(ms as u64) };
        p.text(pos2(rect.left() - 8.0, y), Align2::RIGHT_CENTER, words, theme.font(SMALL), theme.faint);
    }
    let run = cx.state.runs.run.as_ref().map(|r| r.0.clone()).unwrap_or_default();
    chart(&p, theme, &scale, d, Some(&run));
    let mut taken: Vec<f32> = Vec::new();
    let labels = d.limits.map_or(Vec::new(), |[c, low, high]| vec![("upper", high), ("centre", c), ("lower", low)]);
    for (words, ms) in labels {
        let y = scale.y(ms);
        if taken.iter().all(|t| (t - y).abs() > 14.0) {
            taken.push(y);
            let words = format!("{words} {}", time::duration_ms(ms as u64));
            p.text(pos2(rect.right() + 8.0, y), Align2::LEFT_CENTER, words, theme.font(SMALL), theme.muted);
        }
    }
    let every = (52.0 / (rect.width() / scale.n as f32)).ceil().max(1.0) as usize;
    for (i, l) in d.all.iter().enumerate().rev().step_by(every) {
        let at = pos2(scale.x(i), rect.bottom() + 14.0);
        p.text(at, Align2::CENTER_CENTER, format!("#{}", l.number), theme.font(SMALL), theme.faint);
    }
    let step = rect.width() / scale.n as f32;
    let hit = |x: f32| d.all.get(((x - rect.left()) / step).max(0.0) as usize).filter(|_| x <= rect.right());
    if let Some(l) = response.hover_pos().and_then(|at| hit(at.x)) {
        let word = match (l.ok, l.odd) {
            (false, _) => "did not succeed, counts for nothing",
            (true, true) => "outside the control limits",
            (true, false) => "within the control limits",
        };
        let words = format!("#{}, {}\n{}, {word}", l.number, time::day_hhmm(l.at), time::duration_ms(l.ms));
        response.clone().on_hover_text_at_pointer(words);
    }
    if let Some(l) = response.interact_pointer_pos().filter(|_| response.clicked()).and_then(|at| hit(at.x)) {
        cx.send(Command::SelectRun(l.run.clone()));
    }
    if response.double_clicked() {
        cx.send(Command::Show(Tab::Grid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_labelled_in_round_steps() {
        assert_eq!(round_step(859.0), (200.0, 5));
        assert_eq!(round_step(41.0), (10.0, 5));
        assert_eq!(round_step(100_000.0), (30_000.0, 4));
        assert_eq!(round_step(1.0), (1.0, 1));
        let (step, parts) = round_step(9.0 * 3_600_000.0);
        assert_eq!((step, parts), (7_200_000.0, 5));
    }
}

//! The control chart: points over time, centre and limits, gaps, marks, and what a point says.
use egui::{
    Align2, Color32, Id, LayerId, Order, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};

use super::{
    scale::{Times, Values, spread},
    suite_grid::elided,
};
use crate::{
    app::quality::{Chart, Dot, EventKind},
    base::time,
    model::{
        quality::{Status, Unit},
        series::{self, Axis},
    },
    ui::theme::Theme,
};

/// What happened on a plot.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Point under the pointer.
    pub hovered: Option<usize>,
    /// Instant under the pointer, for the other plots of the page.
    pub cursor: Option<f64>,
    /// Point clicked.
    pub clicked: Option<usize>,
}

/// Draws the chart into the space there is. `window` is from and to in seconds, `chosen` the point looked at.
pub(super) fn chart_ui(
    ui: &mut Ui,
    theme: &Theme,
    chart: &Chart,
    window: (f64, f64),
    chosen: Option<usize>,
    cursor: Option<f64>,
) -> Said {
    let size = ui.available_size();
    let (rect, response) = ui.allocate_exact_size(vec2(size.x, size.y.max(80.0)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, chart.summary()));
    let seen = Seen::new(chart, window, rect);
    let painter = ui.painter_at(rect);
    seen.grid(&painter, theme);
    seen.limits(&painter, theme);
    seen.events(&painter, theme);
    seen.line(&painter, theme);
    seen.dots(&painter, theme, chosen);
    if let Some(x) = cursor.filter(|x| (window.0..=window.1).contains(x)) {
        let x = seen.times.x(x, seen.plot);
        painter.vline(x, seen.plot.y_range(), Stroke::new(1.0, theme.border));
    }
    if response.has_focus() {
        painter.rect_stroke(rect.shrink(1.0), 4.0, Stroke::new(2.0, theme.focus), egui::StrokeKind::Inside);
    }
    seen.said(ui, theme, &response)
}

/// A chart with its scales.
struct Seen<'a> {
    chart: &'a Chart,
    plot: Rect,
    times: Times,
    values: Values,
    /// Indices of the dots within the window.
    within: std::ops::Range<usize>,
}

impl<'a> Seen<'a> {
    fn new(chart: &'a Chart, (from, to): (f64, f64), rect: Rect) -> Self {
        let pad = (to - from) * 0.015;
        let times = Times { from: from - pad, to: to + pad };
        let first = chart.dots.partition_point(|d| d.x < times.from);
        let last = chart.dots.partition_point(|d| d.x <= times.to);
        let mut all: Vec<f64> = chart.dots[first..last].iter().map(|d| d.value).collect();
        if let Some(l) = chart.last_limits() {
            all.extend([l.lower, l.center, l.upper]);
        }
        let (low, high) =
            all.iter().filter(|v| v.is_finite()).fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        // A limit of the suite that is worlds away would flatten everything else.
        let least = if chart.unit == Unit::Share { 0.05 } else { high.abs() };
        let reach = ((high - low) * 4.0).max(least);
        all.extend([chart.low, chart.high].into_iter().flatten().filter(|l| *l > low - reach && *l < high + reach));
        let values = Values::new(&all).within(chart.unit);
        // Words about what changed stand above the plot.
        let told = chart.events.iter().any(|e| (first..last).contains(&e.dot));
        let plot = Rect::from_min_max(
            pos2(rect.left() + 56.0, rect.top() + if told { 26.0 } else { 10.0 }),
            pos2(rect.right() - 96.0, rect.bottom() - 24.0),
        );
        Self { chart, plot, times, values, within: first..last }
    }

    fn at(&self, dot: &Dot) -> Pos2 {
        pos2(self.times.x(dot.x, self.plot), self.values.y(dot.value, self.plot))
    }

    fn grid(&self, painter: &Painter, theme: &Theme) {
        let font = theme.font(11.0);
        let count = (self.plot.height() / 48.0).round().clamp(2.0, 8.0) as usize;
        for (value, words) in self.values.ticks(count, self.chart) {
            let y = self.values.y(value, self.plot);
            painter.hline(self.plot.x_range(), y, theme.hairline());
            painter.text(pos2(self.plot.left() - 6.0, y), Align2::RIGHT_CENTER, words, font.clone(), theme.muted);
        }
        if let Some((from, to)) = self.values.cut {
            let y = f32::midpoint(self.values.y(from, self.plot), self.values.y(to, self.plot));
            let x = self.plot.left();
            let zigzag = [vec2(-4.0, -8.0), vec2(4.0, -3.0), vec2(-4.0, 3.0), vec2(4.0, 8.0)].map(|v| pos2(x, y) + v);
            painter.add(Shape::line(zigzag.to_vec(), Stroke::new(1.25, theme.border)));
        }
        let count = (self.plot.width() / 120.0).round().clamp(2.0, 12.0) as usize;
        let mut free = self.plot.left() - 40.0;
        for (seconds, words) in self.times.ticks(count, self.chart.axis) {
            let galley = painter.layout_no_wrap(words, font.clone(), theme.muted);
            let half = galley.size().x * 0.5;
            let x = self.times.x(seconds, self.plot);
            let left = (x - half).clamp(self.plot.left() - 40.0, (self.plot.right() + 8.0 - half * 2.0).max(0.0));
            if left < free {
                continue;
            }
            free = left + half * 2.0 + 12.0;
            painter.vline(x, self.plot.bottom()..=self.plot.bottom() + 4.0, theme.hairline());
            painter.galley(pos2(left, self.plot.bottom() + 7.0), galley, theme.muted);
        }
        let zone = match (self.chart.axis, self.chart.dots.last()) {
            (Axis::Run, Some(dot)) => time::offset_label(dot.at),
            _ => "date of data".to_owned(),
        };
        let place = pos2(self.plot.right() + 92.0, self.plot.bottom() + 7.0);
        painter.text(place, Align2::RIGHT_TOP, zone, font, theme.faint);
    }

    fn limits(&self, painter: &Painter, theme: &Theme) {
        let limits = &self.chart.limits[self.within.clone()];
        let xs: Vec<f32> = self.chart.dots[self.within.clone()].iter().map(|d| self.times.x(d.x, self.plot)).collect();
        let mut labels: Vec<(f32, String, Color32)> = Vec::new();
        if let Some(last) = self.chart.last_limits() {
            for (word, pick, dashed) in [
                ("upper", (|l| l.upper) as fn(&crate::model::spc::Limits) -> f64, true),
                ("mean", |l| l.center, false),
                ("lower", |l| l.lower, true),
            ] {
                let value = pick(&last);
                let y = self.values.y(value, self.plot);
                let same = limits.iter().all(|l| !l.center.is_finite() || near(pick(l), value));
                let stroke = Stroke::new(1.0, theme.border);
                if same {
                    segment(painter, pos2(self.plot.left(), y), pos2(self.plot.right(), y), stroke, dashed);
                }
                if last.sigma > 0.0 || word == "mean" {
                    labels.push((y, format!("{word} {}", self.short(value)), theme.muted));
                }
            }
        }
        // Limits that follow the size of each point, or begin anew, are steps.
        for (pick, dashed) in
            [((|l| l.upper) as fn(&crate::model::spc::Limits) -> f64, true), (|l| l.center, false), (|l| l.lower, true)]
        {
            let mut known = limits.iter().map(pick).filter(|v| v.is_finite());
            let first = known.next();
            let all_same = first.is_none_or(|a| known.all(|b| near(a, b)));
            if !all_same || self.chart.last_limits().is_none() {
                self.steps(painter, &xs, limits, pick, Stroke::new(1.0, theme.border), dashed);
            }
        }
        for value in [self.chart.low, self.chart.high].into_iter().flatten() {
            let y = self.values.y(value, self.plot);
            if self.plot.expand(2.0).y_range().contains(y) {
                let dash = Shape::dashed_line(
                    &[pos2(self.plot.left(), y), pos2(self.plot.right(), y)],
                    Stroke::new(1.0, theme.fail),
                    2.0,
                    3.0,
                );
                painter.extend(dash);
                labels.push((y, format!("limit {}", self.short(value)), theme.fail));
            }
        }
        let mut places: Vec<(f32, usize)> = labels.iter().enumerate().map(|(i, l)| (l.0, i)).collect();
        spread(&mut places, 13.0, self.plot.top() + 2.0, self.plot.bottom());
        for (y, i) in places {
            let (_, words, color) = &labels[i];
            painter.text(pos2(self.plot.right() + 6.0, y), Align2::LEFT_CENTER, words, theme.font(11.0), *color);
        }
    }

    fn steps(
        &self,
        painter: &Painter,
        xs: &[f32],
        limits: &[crate::model::spc::Limits],
        pick: fn(&crate::model::spc::Limits) -> f64,
        stroke: Stroke,
        dashed: bool,
    ) {
        let mut start = 0;
        while start < limits.len() {
            let value = pick(&limits[start]);
            // A point without a value has no limits of its own; it parts no stretch.
            let goes_on = |l: &crate::model::spc::Limits| near(pick(l), value) || !l.center.is_finite();
            let length = limits[start..].iter().take_while(|l| value.is_finite() && goes_on(l)).count().max(1);
            let mut end = start + length;
            // ... but the gap before a new beginning belongs to neither.
            while end > start + 1 && end < limits.len() && !pick(&limits[end - 1]).is_finite() {
                end -= 1;
            }
            if value.is_finite() {
                let left = if start == 0 { self.plot.left() } else { f32::midpoint(xs[start - 1], xs[start]) };
                let right = if end == xs.len() { self.plot.right() } else { f32::midpoint(xs[end - 1], xs[end]) };
                let y = self.values.y(value, self.plot);
                segment(painter, pos2(left, y), pos2(right, y), stroke, dashed);
            }
            start = end;
        }
    }

    /// Dotted lines where something changed, with what it was above the plot. Words that have no room are left to the
    /// tooltip of the point.
    fn events(&self, painter: &Painter, theme: &Theme) {
        let seen: Vec<_> = self.chart.events.iter().filter(|e| self.within.contains(&e.dot)).collect();
        let place = |dot: usize| {
            let here = self.times.x(self.chart.dots[dot].x, self.plot);
            let before = dot.checked_sub(1).map(|i| self.times.x(self.chart.dots[i].x, self.plot));
            // It happened between the points: the line stands closer to the one that shows it.
            before.map_or(here, |b| here - ((here - b) * 0.5).min(12.0)).max(self.plot.left())
        };
        let mut free = painter.clip_rect().left();
        for (n, event) in seen.iter().enumerate() {
            let x = place(event.dot);
            let color = if event.kind == EventKind::Commit { theme.border } else { theme.accent };
            let line = [pos2(x, self.plot.top() - 12.0), pos2(x, self.plot.bottom())];
            painter.extend(Shape::dashed_line(&line, Stroke::new(1.0, color), 2.0, 3.0));
            let words = match event.kind {
                EventKind::NewLimits if event.words.is_empty() => "new limits".to_owned(),
                EventKind::NewLimits => format!("{}, new limits", event.words),
                _ => event.words.clone(),
            };
            let next = seen.get(n + 1).map_or(painter.clip_rect().right(), |e| place(e.dot));
            let (left, right) = (x - 6.0 - free, next - x - 12.0);
            let whole = painter.layout_no_wrap(words.clone(), theme.font(11.0), theme.muted).size().x;
            let at_left = whole <= left || (whole > right && left > right);
            let room = if at_left { left } else { right };
            if room < 40.0 {
                free = free.max(x + 6.0);
                continue;
            }
            let galley = elided(painter, &words, theme.font(11.0), theme.muted, room);
            let start = if at_left { x - 6.0 - galley.size().x } else { x + 6.0 };
            free = (start + galley.size().x).max(x) + 8.0;
            painter.galley(pos2(start, self.plot.top() - 20.0), galley, theme.muted);
        }
    }

    /// A limit as the edge has room for: without the unit's word where the axis says it.
    fn short(&self, value: f64) -> String {
        if self.chart.unit != Unit::Share {
            return self.chart.unit.show(value);
        }
        // Limits that lie close need the digits that tell them apart.
        let width = self.chart.last_limits().map_or(1.0, |l| l.upper - l.lower);
        let digits = if width < 0.02 { 2 } else { 1 };
        let words = format!("{:.digits$}", value * 100.0);
        words.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    fn line(&self, painter: &Painter, theme: &Theme) {
        let xy: Vec<(f64, f64)> = self.chart.dots.iter().map(|d| (d.x, d.value)).collect();
        // Two points a pixel column at most: what cannot be seen is not drawn, extremes always are.
        let keep = series::min_max(&xy, self.times.from, self.times.to, (self.plot.width() * 0.5).max(1.0) as usize);
        let clip = painter.with_clip_rect(self.plot.expand2(vec2(1.0, 6.0)));
        let segments = series::segments(&xy);
        for segment in &segments {
            let points: Vec<Pos2> =
                keep.iter().filter(|i| segment.contains(i)).map(|&i| self.at(&self.chart.dots[i])).collect();
            if points.len() > 1 {
                clip.add(Shape::line(points, Stroke::new(1.5, theme.s1)));
            }
        }
        for pair in segments.windows(2) {
            let (end, start) = (pair[0].end - 1, pair[1].start);
            let (a, b) = (self.times.x(xy[end].0, self.plot), self.times.x(xy[start].0, self.plot));
            if b - a > 36.0 && a > self.plot.left() && b < self.plot.right() {
                let y = self.values.y(f64::midpoint(xy[end].1, xy[start].1), self.plot) + 14.0;
                clip.text(pos2(f32::midpoint(a, b), y), Align2::CENTER_CENTER, "no run", theme.font(11.0), theme.muted);
            }
        }
    }

    fn dots(&self, painter: &Painter, theme: &Theme, chosen: Option<usize>) {
        let crowded = self.within.len() as f32 > self.plot.width() / 5.0;
        let mut last_marked = None;
        for i in self.within.clone() {
            let dot = &self.chart.dots[i];
            if !dot.value.is_finite() {
                // What could not be evaluated stands at the foot of its time: a gap in the line, but not unseen.
                if dot.status == Some(Status::Error) {
                    let place = pos2(self.times.x(dot.x, self.plot), self.plot.bottom() - 5.0);
                    diamond(painter, place, 4.0, theme.fail);
                }
                continue;
            }
            let place = self.at(dot);
            if self.chart.marked(i) {
                let color = mark_color(theme, dot);
                diamond(painter, place, 6.5, color);
                last_marked = Some(i);
            } else if self.chart.signal_at(i).is_some() {
                painter.circle(place, 3.5, theme.bg, Stroke::new(1.5, theme.warn));
            } else if !crowded {
                painter.circle_filled(place, 2.5, theme.s1);
            }
            if chosen == Some(i) {
                painter.circle_stroke(place, 8.0, Stroke::new(1.5, theme.focus));
            }
        }
        let Some(i) =
            chosen.filter(|i| self.within.contains(i) && self.chart.dots[*i].value.is_finite()).or(last_marked)
        else {
            return;
        };
        let dot = &self.chart.dots[i];
        let words = format!("{}, {}", self.chart.when(dot), self.chart.show(dot.value));
        let galley = painter.layout_no_wrap(words, theme.font(11.0), theme.text);
        let place = self.at(dot);
        let others = self.within.clone().filter(|k| *k != i).map(|k| &self.chart.dots[k]);
        let mut others: Vec<Pos2> = others.filter(|d| d.value.is_finite()).map(|d| self.at(d)).collect();
        others.extend(self.along());
        if let Some(back) = free_place(place, galley.size(), &others, self.plot.expand2(vec2(0.0, 4.0))) {
            painter.rect_filled(back, 2.0, theme.fade(theme.bg, 0.8));
            painter.galley(back.min + vec2(2.0, 2.0), galley, theme.text);
        }
    }

    /// Places along the line between the points, so that words keep clear of it.
    fn along(&self) -> Vec<Pos2> {
        let seen = &self.chart.dots[self.within.clone()];
        let lines = seen.windows(2).filter(|w| w[0].value.is_finite() && w[1].value.is_finite());
        let places = lines.take(400).map(|w| (self.at(&w[0]), self.at(&w[1])));
        places.flat_map(|(a, b)| (1..16).map(move |i| a + (b - a) * (i as f32 / 16.0))).collect()
    }

    fn nearest(&self, pointer: Pos2) -> Option<usize> {
        let distance = |i: usize| {
            let dot = &self.chart.dots[i];
            let y = if dot.value.is_finite() { self.values.y(dot.value, self.plot) } else { self.plot.bottom() };
            let d = pos2(self.times.x(dot.x, self.plot), y) - pointer;
            // Time counts more: a person points at a run, not at a height.
            d.x.abs() + d.y.abs() * 0.1
        };
        let best = self.within.clone().min_by(|&a, &b| distance(a).total_cmp(&distance(b)))?;
        let near = (self.times.x(self.chart.dots[best].x, self.plot) - pointer.x).abs() < 24.0;
        near.then_some(best)
    }

    fn said(&self, ui: &Ui, theme: &Theme, response: &Response) -> Said {
        let mut said = Said::default();
        let Some(pointer) = response.hover_pos().filter(|p| self.plot.expand(8.0).contains(*p)) else { return said };
        said.cursor = Some(self.times.at(pointer.x, self.plot));
        said.hovered = self.nearest(pointer);
        if let Some(i) = said.hovered {
            let dot = &self.chart.dots[i];
            if dot.value.is_finite() {
                ui.painter().circle_stroke(self.at(dot), 5.0, Stroke::new(2.0, theme.focus));
            }
            ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
            tooltip(ui, theme, pointer, &words_of(self.chart, i));
            if response.clicked() {
                said.clicked = Some(i);
            }
        }
        said
    }
}

/// Where words about a point may stand without lying on it or on another one: beside it, else above or below, else
/// farther off. None where there is no such place; the strip below the chart says it too.
fn free_place(point: Pos2, size: Vec2, others: &[Pos2], room: Rect) -> Option<Rect> {
    let size = size + vec2(4.0, 4.0);
    let sides = [-10.0 - size.x, 10.0, -size.x * 0.5];
    let heights = [0.0, -20.0, 20.0, -32.0, 32.0, -48.0, 48.0, -72.0, 72.0];
    let places = heights.into_iter().flat_map(|up| sides.map(|side| vec2(side, up - size.y * 0.5)));
    places.map(|off| Rect::from_min_size(point + off, size)).find(|r| {
        let free = others.iter().all(|p| !r.expand(5.0).contains(*p));
        free && room.contains_rect(*r) && !r.expand(2.0).contains(point)
    })
}

/// Equal but for rounding.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12 + b.abs() * 1e-9
}

fn segment(painter: &Painter, a: Pos2, b: Pos2, stroke: Stroke, dashed: bool) {
    if dashed {
        painter.extend(Shape::dashed_line(&[a, b], stroke, 5.0, 4.0));
    } else {
        painter.line_segment([a, b], stroke);
    }
}

/// Red is a failed check; what only leaves its usual limits is amber.
fn mark_color(theme: &Theme, dot: &Dot) -> Color32 {
    if dot.status.is_some_and(Status::stops) { theme.fail } else { theme.warn }
}

fn diamond(painter: &Painter, at: Pos2, r: f32, color: Color32) {
    let corners = [vec2(0.0, -r), vec2(r, 0.0), vec2(0.0, r), vec2(-r, 0.0)].map(|v| at + v);
    painter.add(Shape::convex_polygon(corners.to_vec(), color, Stroke::NONE));
}

/// Lines about a point: value, times, run, what was found.
fn words_of(chart: &Chart, i: usize) -> Vec<String> {
    let dot = &chart.dots[i];
    let value = if dot.value.is_finite() { chart.show(dot.value) } else { "no value".to_owned() };
    let mut lines = vec![value];
    let utc = dot.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    lines.push(format!("{} {}, {utc}", time::day_hhmm(dot.at), time::offset_label(dot.at)));
    if let Some(data) = dot.data_time {
        lines.push(format!("data of {}", data.strftime("%-d %b %Y")));
    }
    match &dot.run {
        Some(run) => lines.push(format!("run {run}")),
        None => lines.push("evaluated by hand".to_owned()),
    }
    lines.extend(chart.events_at(i).map(|e| match e.kind {
        EventKind::Commit => format!("first run of {}", e.words),
        EventKind::Note => format!("note: {}", e.words),
        EventKind::NewLimits if e.words.is_empty() => "limits begin anew here".to_owned(),
        EventKind::NewLimits => format!("note: {}; limits begin anew here", e.words),
    }));
    if !dot.message.is_empty() {
        lines.push(crate::base::text::shorten(&dot.message, 90));
    }
    if let Some(signal) = chart.signal_at(i) {
        lines.push(format!("{} ({})", signal.words(&chart.limits[i]), signal.rule.title()));
    }
    lines
}

/// A tooltip 12 px from the pointer, never under it and never outside the window.
pub(super) fn tooltip(ui: &Ui, theme: &Theme, pointer: Pos2, lines: &[String]) {
    let painter = ui.ctx().layer_painter(LayerId::new(Order::Tooltip, Id::unique("quality-tooltip")));
    let galleys: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let (font, color) =
                if i == 0 { (theme.semibold(12.0), theme.text) } else { (theme.font(11.5), theme.muted) };
            painter.layout(line.clone(), font, color, 320.0)
        })
        .collect();
    let width = galleys.iter().map(|g| g.size().x).fold(0.0, f32::max) + 16.0;
    let height = galleys.iter().map(|g| g.size().y + 2.0).sum::<f32>() + 10.0;
    let screen = ui.ctx().content_rect();
    let x = if pointer.x + 12.0 + width < screen.right() { pointer.x + 12.0 } else { pointer.x - 12.0 - width };
    let y = if pointer.y + 12.0 + height < screen.bottom() { pointer.y + 12.0 } else { pointer.y - 12.0 - height };
    let rect = Rect::from_min_size(pos2(x, y), vec2(width, height));
    painter.add(theme.shadow().as_shape(rect, 6.0));
    painter.rect(rect, 6.0, theme.raised, Stroke::new(1.0, theme.border), egui::StrokeKind::Inside);
    let mut y = rect.top() + 6.0;
    for galley in galleys {
        let step = galley.size().y + 2.0;
        painter.galley(pos2(rect.left() + 8.0, y), galley, theme.text);
        y += step;
    }
}

/// Where a tile draws its line: marks at the edges are whole.
pub(super) fn tile_area(rect: Rect) -> Rect {
    rect.shrink2(vec2(6.0, 6.0))
}

/// Points of which all seen lie within a fiftieth of the window, evenly over the window in their order.
fn spread_out(xy: Vec<(f64, f64)>, from: f64, to: f64) -> Vec<(f64, f64)> {
    let first = xy.partition_point(|p| p.0 < from);
    let last = xy.partition_point(|p| p.0 <= to);
    let seen = xy.get(first..last).unwrap_or_default();
    let (Some(a), Some(b)) = (seen.first(), seen.last()) else { return xy };
    if seen.len() < 2 || b.0 - a.0 > (to - from) * 0.02 {
        return xy;
    }
    let step = (to - from) / (seen.len() - 1) as f64;
    seen.iter().enumerate().map(|(i, p)| (from + step * i as f64, p.1)).collect()
}

/// A small line over a shared time axis, for the tiles; the newest point and marked ones are shown.
pub(super) fn tile_line(
    ui: &mut Ui,
    theme: &Theme,
    chart: &Chart,
    (from, to): (f64, f64),
    height: f32,
    cursor: Option<f64>,
) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Plot {}", chart.summary())));
    let plot = tile_area(rect);
    let painter = ui.painter_at(rect);
    painter.hline(rect.x_range(), rect.bottom() - 0.5, theme.hairline());
    let times = Times { from, to };
    let xy: Vec<(f64, f64)> = chart.dots.iter().map(|d| (d.x, d.value)).collect();
    // Runs that lie on one spot of the axis would hide each other: they stand in their order instead.
    let all = xy.len();
    let before = xy.partition_point(|p| p.0 < from);
    let xy = spread_out(xy, from, to);
    let skipped = if xy.len() < all { before } else { 0 };
    let seen: Vec<f64> = xy.iter().filter(|p| (from..=to).contains(&p.0)).map(|p| p.1).collect();
    let values = Values::new(&seen).whole();
    let keep = series::min_max(&xy, from, to, (plot.width() * 0.5).max(1.0) as usize);
    let at = |i: usize| pos2(times.x(xy[i].0, plot), values.y(xy[i].1, plot));
    for segment in series::segments(&xy) {
        let points: Vec<Pos2> = keep.iter().filter(|i| segment.contains(i)).map(|&i| at(i)).collect();
        match points.as_slice() {
            [one] => {
                painter.circle_filled(*one, 2.0, theme.s1);
            }
            [] => {}
            _ => {
                painter.add(Shape::line(points, Stroke::new(1.5, theme.s1)));
            }
        }
    }
    if seen.is_empty()
        && let Some(last) = chart.last()
    {
        let words = format!("nothing in this time, last {}", chart.when(last));
        painter.text(rect.left_center(), Align2::LEFT_CENTER, words, theme.font(11.0), theme.faint);
    }
    if let Some(last) = (0..xy.len()).rev().find(|&i| xy[i].1.is_finite() && (from..=to).contains(&xy[i].0)) {
        painter.circle_filled(at(last), 2.5, theme.s1);
    }
    for i in keep.into_iter().filter(|&i| xy[i].1.is_finite() && chart.marked(i + skipped)) {
        diamond(&painter, at(i), 4.0, mark_color(theme, &chart.dots[i + skipped]));
    }
    if let Some(x) = cursor.filter(|x| (from..=to).contains(x)) {
        painter.vline(times.x(x, plot), plot.y_range(), Stroke::new(1.0, theme.border));
    }
    if response.has_focus() {
        painter.rect_stroke(rect, 4.0, Stroke::new(2.0, theme.focus), egui::StrokeKind::Inside);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_on_one_spot_of_the_axis_stand_beside_each_other_in_a_tile() {
        let month = 30.0 * 86_400.0;
        let crowd: Vec<(f64, f64)> = (0..4).map(|i| (month - 30.0 + f64::from(i), 57.0)).collect();
        let apart = spread_out(crowd.clone(), 0.0, month);
        assert_eq!((apart[0].0, apart[3].0, apart.len()), (0.0, month, 4));
        assert_eq!(spread_out(crowd[..1].to_vec(), 0.0, month), crowd[..1], "one stays where it is");
        let days: Vec<(f64, f64)> = (0..30).map(|i| (f64::from(i) * 86_400.0, 1.0)).collect();
        assert_eq!(spread_out(days.clone(), 0.0, month), days);
    }

    #[test]
    fn words_about_a_point_lie_on_no_point() {
        let room = Rect::from_min_max(pos2(0.0, 0.0), pos2(400.0, 200.0));
        let size = vec2(100.0, 13.0);
        // A flat line of thirty points: beside the last one there are others, above there is room.
        let line: Vec<Pos2> = (0..30).map(|i| pos2(10.0 + i as f32 * 13.0, 100.0)).collect();
        let place = free_place(line[29], size, &line[..29], room).unwrap();
        assert!(line.iter().all(|p| !place.contains(*p)) && room.contains_rect(place), "{place:?}");
        // At the upper edge it goes below.
        let top: Vec<Pos2> = line.iter().map(|p| pos2(p.x, 6.0)).collect();
        assert!(free_place(top[29], size, &top[..29], room).unwrap().top() > 6.0);
        // Points everywhere: no words.
        let full: Vec<Pos2> = (0..400).map(|i| pos2((i % 20) as f32 * 20.0, (i / 20) as f32 * 10.0)).collect();
        assert_eq!(free_place(pos2(200.0, 100.0), size, &full, room), None);
    }
}

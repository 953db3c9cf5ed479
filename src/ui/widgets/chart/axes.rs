//! Places of the panels, grids, ticks and titles.
use egui::{Align2, Painter, Rect, Shape, Stroke, epaint::TextShape, pos2, vec2};

use super::{ChartView, Map, Sheet, one_line};
use crate::{
    base::text::shorten,
    model::chart::{Axis, Frame, Panel, Scale, Side},
    ui::theme::SMALL,
};

/// The longest label of a tick, in letters.
const LETTERS: usize = 26;
const TITLE: f32 = 17.0;
/// Between the numbers of an upright axis and its title: letters reach below their line.
const APART: f32 = 5.0;

struct Room {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
}

fn width_of(painter: &Painter, sheet: &Sheet<'_>, text: &str) -> f32 {
    painter.layout_no_wrap(text.to_owned(), sheet.theme.font(SMALL), sheet.muted).size().x
}

/// Labels of an axis for a length on the screen.
fn labels(
    painter: &Painter,
    sheet: &Sheet<'_>,
    axis: &Axis,
    range: [f64; 2],
    length: f32,
) -> (Vec<(f64, String)>, f32) {
    let short = |all: Vec<(f64, String)>| all.into_iter().map(|(v, t)| (v, shorten(&t, LETTERS))).collect::<Vec<_>>();
    if !axis.is_x() {
        return (short(axis.ticks(range, (length / 42.0).max(2.0) as usize)), 0.0);
    }
    let angle = axis.label_angle;
    if angle != 0.0 {
        return (short(axis.ticks(range, (length / 18.0).max(2.0) as usize)), angle);
    }
    let mut wanted = (length / 60.0).max(2.0) as usize;
    let names = matches!(axis.scale, Scale::Names(_)) || axis.ticks.is_some();
    if names {
        wanted = (length / 16.0).max(1.0) as usize;
    }
    let mut last = Vec::new();
    for _ in 0..4 {
        last = short(axis.ticks(range, wanted));
        let widest = last.iter().map(|(_, t)| t.lines().map(|l| width_of(painter, sheet, l)).fold(0.0, f32::max));
        let needed = widest.fold(0.0, f32::max) + 12.0;
        if needed * last.len() as f32 <= length {
            return (last, 0.0);
        }
        if names {
            // Names that do not fit beside each other stand aslant.
            return (last, -35.0);
        }
        wanted = ((length / needed).floor() as usize).clamp(1, wanted.saturating_sub(1).max(1));
    }
    (last, 0.0)
}

/// Where the panels stand: the whole without the room their outer labels take.
pub(super) fn places(painter: &Painter, sheet: &Sheet<'_>, view: &ChartView, whole: Rect) -> Vec<Rect> {
    let figure = sheet.figure;
    let mut room = Room { left: 4.0, right: 8.0, top: 6.0, bottom: 4.0 };
    for panel in &figure.panels {
        let [x0, y0, x1, y1] = panel.area;
        if !panel.title.is_empty() && y1 > 0.97 {
            room.top = room.top.max(22.0);
        }
        if panel.frame != Frame::Axes {
            continue;
        }
        for at in [panel.x, panel.y] {
            let Some(axis) = figure.axes.get(at) else { continue };
            let length = if axis.is_x() { (x1 - x0) * whole.width() * 0.85 } else { (y1 - y0) * whole.height() * 0.8 };
            // How long the axis becomes is known only afterwards, and other lengths have other labels.
            let range = view.range(figure, at);
            let thick = [1.0, 0.9, 1.15].map(|share| thickness(painter, sheet, axis, range, length * share));
            let thick = thick.into_iter().fold(0.0, f32::max);
            match axis.side {
                Side::Left if x0 < 0.03 => room.left = room.left.max(thick),
                Side::Right if x1 > 0.9 => room.right = room.right.max(thick),
                Side::Bottom if y0 < 0.03 => {
                    room.bottom = room.bottom.max(thick);
                    // Half of the last label stands beyond the end.
                    if x1 > 0.97 {
                        room.right = room.right.max(22.0);
                    }
                }
                Side::Top if y1 > 0.97 => room.top = room.top.max(thick),
                _ => {}
            }
        }
    }
    for label in &figure.texts {
        if label.at[1] >= 1.0 && label.down == 1 {
            room.top = room.top.max(22.0);
        }
    }
    let inner = Rect::from_min_max(
        pos2(whole.left() + room.left.min(whole.width() * 0.4), whole.top() + room.top),
        pos2(
            whole.right() - room.right.min(whole.width() * 0.3),
            whole.bottom() - room.bottom.min(whole.height() * 0.5),
        ),
    );
    let ppp = painter.pixels_per_point();
    let snap = |v: f32| (v * ppp).round() / ppp;
    let place = |panel: &Panel| {
        let [x0, y0, x1, y1] = panel.area;
        let rect = Rect::from_min_max(
            pos2(snap(inner.left() + x0 * inner.width()), snap(inner.bottom() - y1 * inner.height())),
            pos2(snap(inner.left() + x1 * inner.width()), snap(inner.bottom() - y0 * inner.height())),
        );
        if panel.square { squared(sheet, view, panel, rect) } else { rect }
    };
    figure.panels.iter().map(place).collect()
}

/// The part of a place where one unit of x is as long as one of y.
fn squared(sheet: &Sheet<'_>, view: &ChartView, panel: &Panel, rect: Rect) -> Rect {
    let span = |axis: usize| {
        let range = view.range(sheet.figure, axis);
        (range[1] - range[0]) as f32
    };
    let (w, h) = (span(panel.x), span(panel.y));
    if !(w > 0.0 && h > 0.0 && w.is_finite() && h.is_finite()) || view.is_zoomed() {
        return rect;
    }
    let unit = (rect.width() / w).min(rect.height() / h);
    Rect::from_center_size(rect.center(), vec2((unit * w).max(20.0), (unit * h).max(20.0)))
}

/// How much an axis takes beside its panel.
fn thickness(painter: &Painter, sheet: &Sheet<'_>, axis: &Axis, range: [f64; 2], length: f32) -> f32 {
    let title = if axis.title.is_empty() { 0.0 } else { TITLE };
    if !axis.labels {
        return title + 4.0;
    }
    let (labels, angle) = labels(painter, sheet, axis, range, length);
    let widest = labels.iter().flat_map(|(_, t)| t.lines()).map(|l| width_of(painter, sheet, l)).fold(0.0, f32::max);
    let lines = labels.iter().map(|(_, t)| t.lines().count()).max().unwrap_or(1) as f32;
    if axis.is_x() {
        let high = if angle == 0.0 { lines * 14.0 } else { widest * angle.abs().to_radians().sin() + 14.0 };
        high + 8.0 + title
    } else {
        widest + 10.0 + title + if axis.title.is_empty() { 0.0 } else { APART }
    }
}

/// Ground and grid lines of a panel.
pub(super) fn back(painter: &Painter, sheet: &Sheet<'_>, view: &ChartView, panel: &Panel, place: Rect) {
    if let Some(ground) = sheet.figure.ground {
        painter.rect_filled(place, 0.0, crate::ui::theme::rgba(ground));
    }
    let map = Map::new(sheet.figure, view, panel, place);
    let clip = painter.with_clip_rect(place);
    for at in [panel.x, panel.y] {
        let Some(axis) = sheet.figure.axes.get(at) else { continue };
        let range = view.range(sheet.figure, at);
        let length = if axis.is_x() { place.width() } else { place.height() };
        let line = |v: f64, stroke: Stroke| {
            if axis.is_x() {
                clip.vline(clip.round_to_pixel_center(map.x(v)), place.y_range(), stroke);
            } else {
                clip.hline(place.x_range(), clip.round_to_pixel_center(map.y(v)), stroke);
            }
        };
        if axis.grid && !matches!(axis.scale, Scale::Names(_)) {
            for (v, _) in labels(painter, sheet, axis, range, length).0 {
                line(v, Stroke::new(1.0, sheet.grid));
            }
        }
        if axis.zero && range[0] <= 0.0 && range[1] >= 0.0 {
            line(0.0, Stroke::new(1.0, crate::ui::theme::mix(sheet.grid, sheet.muted, 0.6)));
        }
    }
    painter.rect_stroke(place, 0.0, Stroke::new(1.0, sheet.grid), egui::StrokeKind::Outside);
}

/// Labels and titles of the axes of a panel.
pub(super) fn front(painter: &Painter, sheet: &Sheet<'_>, view: &ChartView, panel: &Panel, place: Rect) {
    let map = Map::new(sheet.figure, view, panel, place);
    for at in [panel.x, panel.y] {
        // An axis shared with the panel below is labelled by that one.
        if panel.over && sheet.figure.panels.iter().any(|p| !p.over && (p.x == at || p.y == at)) {
            continue;
        }
        let Some(axis) = sheet.figure.axes.get(at) else { continue };
        let range = view.range(sheet.figure, at);
        let length = if axis.is_x() { place.width() } else { place.height() };
        let mut deep = 4.0;
        if axis.labels {
            let (labels, angle) = labels(painter, sheet, axis, range, length);
            for (v, text) in labels {
                let along = if axis.is_x() { map.x(v) } else { map.y(v) };
                let inside = if axis.is_x() { place.x_range() } else { place.y_range() };
                if !along.is_finite() || along < inside.min - 1.0 || along > inside.max + 1.0 {
                    continue;
                }
                deep = f32::max(deep, tick(painter, sheet, axis, place, along, &text, angle));
            }
        }
        title(painter, sheet, axis, place, deep);
    }
}

/// One label; how far it reaches from the panel.
fn tick(painter: &Painter, sheet: &Sheet<'_>, axis: &Axis, place: Rect, along: f32, text: &str, angle: f32) -> f32 {
    let font = sheet.theme.font(SMALL);
    if axis.is_x() && angle != 0.0 {
        let galley = painter.layout_no_wrap(one_line(text), font, sheet.muted);
        let size = galley.size();
        let turn = angle.to_radians();
        // The end of the words stands under the tick when they rise to it.
        let start = if angle < 0.0 {
            pos2(along - size.x * turn.cos() + 4.0, place.bottom() + 5.0 - size.x * turn.sin())
        } else {
            pos2(along + 4.0, place.bottom() + 5.0)
        };
        painter.add(Shape::Text(TextShape::new(start, galley, sheet.muted).with_angle(turn)));
        return size.x * turn.sin().abs() + 14.0;
    }
    let (at, align) = match axis.side {
        Side::Bottom => (pos2(along, place.bottom() + 5.0), Align2::CENTER_TOP),
        Side::Top => (pos2(along, place.top() - 5.0), Align2::CENTER_BOTTOM),
        Side::Left => (pos2(place.left() - 6.0, along), Align2::RIGHT_CENTER),
        Side::Right => (pos2(place.right() + 6.0, along), Align2::LEFT_CENTER),
    };
    let mut job = egui::text::LayoutJob::simple(text.to_owned(), font, sheet.muted, f32::INFINITY);
    if axis.is_x() {
        job.halign = egui::Align::Center;
    }
    let galley = painter.layout_job(job);
    let size = galley.size();
    let rect = align.anchor_size(at, size);
    let anchor = if axis.is_x() { pos2(rect.center().x, rect.top()) } else { rect.min };
    painter.galley(anchor, galley, sheet.muted);
    if axis.is_x() { size.y + 5.0 } else { size.x + 6.0 }
}

fn title(painter: &Painter, sheet: &Sheet<'_>, axis: &Axis, place: Rect, deep: f32) {
    if axis.title.is_empty() {
        return;
    }
    let words = shorten(&one_line(&axis.title), 80);
    let galley = painter.layout_no_wrap(words, sheet.theme.medium(SMALL), sheet.text);
    let size = galley.size();
    let center = place.center();
    match axis.side {
        Side::Bottom => painter.galley(pos2(center.x - size.x / 2.0, place.bottom() + deep + 2.0), galley, sheet.text),
        Side::Top => {
            painter.galley(pos2(center.x - size.x / 2.0, place.top() - deep - size.y - 2.0), galley, sheet.text);
        }
        Side::Left | Side::Right => {
            let quarter = std::f32::consts::FRAC_PI_2;
            let (start, angle) = match axis.side {
                Side::Left => (pos2(place.left() - deep - size.y - APART, center.y + size.x / 2.0), -quarter),
                _ => (pos2(place.right() + deep + size.y + APART, center.y - size.x / 2.0), quarter),
            };
            painter.add(Shape::Text(TextShape::new(start, galley, sheet.text).with_angle(angle)));
        }
    }
}

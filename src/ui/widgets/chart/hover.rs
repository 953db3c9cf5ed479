//! What lies under the pointer, and its tooltip.
use egui::{
    Color32, CornerRadius, LayerId, Order, Pos2, Rect, Shape, Stroke, StrokeKind, Ui, epaint::RectShape, pos2, vec2,
};

use super::{ChartView, Map, Sheet, circle, paint::is_many};
use crate::{
    base::text::shorten,
    model::chart::{Frame, Ink, Inks, Mark, Panel, Series, Target},
    ui::theme::SMALL,
};

/// How near a point must be.
const NEAR: f32 = 24.0;
const LINES: usize = 14;
/// Rectangles beyond this many are not told apart.
const MOST: usize = 200_000;

/// What was found.
pub(super) struct Tip {
    pub distance: f32,
    head: String,
    lines: Vec<String>,
    at: Option<Pos2>,
    color: Color32,
}

/// The nearest mark of a panel.
pub(super) fn find(
    sheet: &Sheet<'_>,
    view: &ChartView,
    (at, panel): (usize, &Panel),
    place: Rect,
    pointer: Pos2,
) -> Option<Tip> {
    let map = Map::new(sheet.figure, view, panel, place);
    let mut best: Option<(f32, &Series, usize, Option<Pos2>)> = None;
    for (index, series) in panel.series.iter().enumerate().rev() {
        if view.is_hidden(sheet.figure, series.legend) || series.data.columns.is_empty() {
            continue;
        }
        let found = match &series.target {
            Target::None => None,
            // Of very many only those in the neighbourhood are looked at.
            Target::Points(points) if is_many(points) => {
                let painted = view.cache.get(&at).filter(|_| !view.pending.contains_key(&at));
                let near = painted.into_iter().flat_map(|p| p.near(index, pointer - place.min.to_vec2()));
                nearest(near.filter_map(|i| Some((i, points.get(i)?))), &map, pointer)
            }
            Target::Points(points) => nearest(points.iter().enumerate(), &map, pointer),
            Target::Rects(rects) if rects.len() > MOST => None,
            Target::Rects(rects) => {
                let hit = |r: &[f64; 4]| map.rect(*r).is_some_and(|r| r.expand(1.0).contains(pointer));
                rects.iter().rposition(hit).map(|row| (1.0, row, None))
            }
            Target::Grid => cell(series, &map, pointer).map(|row| (1.0, row, None)),
            Target::Wedges if panel.frame == Frame::Round => {
                sector(sheet, view, series, place, pointer).map(|row| (1.0, row, None))
            }
            Target::Wedges => None,
        };
        if let Some((distance, row, at)) = found
            && best.as_ref().is_none_or(|(d, ..)| distance < *d)
        {
            best = Some((distance, series, row, at));
        }
    }
    let (distance, series, row, at) = best?;
    let mut lines = series.data.lines(row);
    if lines.len() > LINES {
        let more = lines.len() - LINES + 1;
        lines.truncate(LINES - 1);
        lines.push(format!("and {more} more"));
    }
    let ink = inks(series).map_or(Ink::Muted, |i| i.at(row));
    Some(Tip { distance, head: series.name.clone(), lines, at, color: sheet.ink(ink) })
}

fn inks(series: &Series) -> Option<Inks> {
    series.marks.iter().rev().find_map(|m| match m {
        Mark::Points { inks, .. } | Mark::Rects { inks, .. } => Some(inks.clone()),
        Mark::Line { pen, .. } => Some(Inks::One(pen.ink)),
        Mark::Wedges(all) => Some(Inks::Each(all.iter().map(|w| w.ink).collect())),
        _ => None,
    })
}

fn nearest<'a>(
    points: impl Iterator<Item = (usize, &'a [f64; 2])>,
    map: &Map<'_>,
    pointer: Pos2,
) -> Option<(f32, usize, Option<Pos2>)> {
    let mut best: Option<(f32, usize, Pos2)> = None;
    for (i, p) in points {
        let at = map.at(*p);
        let distance = at.distance(pointer);
        if distance <= NEAR && best.is_none_or(|(d, ..)| distance < d) && map.place.expand(1.0).contains(at) {
            best = Some((distance, i, at));
        }
    }
    best.map(|(d, i, at)| (d + 2.0, i, Some(at)))
}

fn cell(series: &Series, map: &Map<'_>, pointer: Pos2) -> Option<usize> {
    let (x, y) = series.marks.iter().find_map(|m| if let Mark::Grid { x, y, .. } = m { Some((x, y)) } else { None })?;
    let within = |edges: &[f64], at: f32, place: &dyn Fn(f64) -> f32| {
        edges.windows(2).position(|w| {
            let (a, b) = (place(w[0]), place(w[1]));
            at >= a.min(b) && at < a.max(b)
        })
    };
    let column = within(x, pointer.x, &|v| map.x(v))?;
    let row = within(y, pointer.y, &|v| map.y(v))?;
    Some(row * (x.len() - 1) + column)
}

fn sector(sheet: &Sheet<'_>, view: &ChartView, series: &Series, place: Rect, pointer: Pos2) -> Option<usize> {
    let (middle, radius) = circle(place);
    let to = pointer - middle;
    let share = f64::from(to.length() / radius);
    let turn = f64::from(to.x.atan2(-to.y) / std::f32::consts::TAU).rem_euclid(1.0);
    let wedges = series.marks.iter().find_map(|m| if let Mark::Wedges(all) = m { Some(all) } else { None })?;
    wedges.iter().position(|w| {
        let from = (turn - w.from).rem_euclid(1.0);
        share >= w.inner && share <= w.outer && from <= w.to - w.from && !view.is_hidden(sheet.figure, w.legend)
    })
}

/// Draws the tooltip beside the pointer, inside the window.
pub(super) fn show(ui: &Ui, sheet: &Sheet<'_>, tip: &Tip, place: Rect, pointer: Pos2) {
    let theme = sheet.theme;
    if let Some(at) = tip.at {
        let painter = ui.painter_at(place.expand(6.0));
        painter.circle_stroke(at, 6.0, Stroke::new(2.0, tip.color));
    }
    let painter = ui.ctx().layer_painter(LayerId::new(Order::Tooltip, ui.scope_id().with("chart tip")));
    let mut text = String::new();
    if !tip.head.is_empty() {
        text.push_str(&shorten(&tip.head, 60));
        text.push('\n');
    }
    text.push_str(&tip.lines.iter().map(|l| shorten(l, 90)).collect::<Vec<_>>().join("\n"));
    let galley = painter.layout(text, theme.font(SMALL), theme.text, 420.0);
    let size = galley.size() + vec2(20.0, 12.0);
    let screen = ui.ctx().content_rect();
    let mut min = pointer + vec2(14.0, 14.0);
    if min.x + size.x > screen.right() {
        min.x = pointer.x - size.x - 10.0;
    }
    if min.y + size.y > screen.bottom() {
        min.y = pointer.y - size.y - 10.0;
    }
    let rect = Rect::from_min_size(pos2(min.x.max(screen.left()), min.y.max(screen.top())), size);
    painter.add(Shape::from(theme.shadow().as_shape(rect, CornerRadius::same(6))));
    painter.add(RectShape::new(
        rect,
        CornerRadius::same(6),
        theme.raised,
        Stroke::new(1.0, theme.border),
        StrokeKind::Inside,
    ));
    painter.rect_filled(
        Rect::from_min_size(rect.min + vec2(4.0, 6.0), vec2(3.0, rect.height() - 12.0)),
        1.5,
        tip.color,
    );
    painter.galley(rect.min + vec2(12.0, 6.0), galley, theme.text);
}

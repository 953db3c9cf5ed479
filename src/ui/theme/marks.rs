//! State marks: a shape and a colour each, so that neither alone carries the meaning.
use std::f32::consts::TAU;

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, Vec2, pos2, vec2};

use super::Theme;

/// A state that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    Success,
    Failed,
    Running,
    Warning,
    Cancelled,
    Queued,
    Skipped,
    Unknown,
}

impl Mark {
    /// The word that goes with it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Failed => "Failed",
            Self::Running => "Running",
            Self::Warning => "Warning",
            Self::Cancelled => "Cancelled",
            Self::Queued => "Queued",
            Self::Skipped => "Skipped",
            Self::Unknown => "Unknown",
        }
    }
}

/// Paints a mark of `size` points around `center`; `on` is the colour under filled shapes' signs.
pub fn paint_mark(painter: &Painter, theme: &Theme, mark: Mark, center: Pos2, size: f32) {
    let color = theme.mark(mark);
    let r = size * 0.5;
    let line = Stroke::new((size / 10.0).max(1.25), color);
    let sign = Stroke::new((size / 9.0).max(1.25), theme.bg);
    match mark {
        Mark::Success => {
            painter.circle_filled(center, r * 0.95, color);
            let p = |x: f32, y: f32| center + vec2(x, y) * r;
            painter.add(Shape::line(vec![p(-0.42, 0.02), p(-0.1, 0.34), p(0.45, -0.3)], sign));
        }
        Mark::Failed => {
            painter.add(Shape::convex_polygon(polygon(center, r, 8, TAU / 16.0), color, Stroke::NONE));
            for d in [vec2(1.0, 1.0), vec2(1.0, -1.0)] {
                painter.line_segment([center - d * r * 0.3, center + d * r * 0.3], sign);
            }
        }
        Mark::Warning => {
            let p = |x: f32, y: f32| center + vec2(x, y) * r;
            painter.add(Shape::convex_polygon(vec![p(0.0, -0.95), p(1.0, 0.85), p(-1.0, 0.85)], color, Stroke::NONE));
            painter.line_segment([p(0.0, -0.3), p(0.0, 0.28)], sign);
            painter.circle_filled(p(0.0, 0.57), sign.width * 0.6, theme.bg);
        }
        Mark::Running => {
            painter.circle_stroke(center, r * 0.85, Stroke::new(line.width, theme.fade(color, 0.3)));
            painter.add(Shape::line(arc(center, r * 0.85, -TAU / 4.0, TAU / 4.0), line));
        }
        Mark::Cancelled => {
            painter.circle_stroke(center, r * 0.85, line);
            let d = vec2(1.0, -1.0) * r * 0.58;
            painter.line_segment([center - d, center + d], line);
        }
        Mark::Queued => {
            painter.circle_stroke(center, r * 0.85, line);
        }
        Mark::Skipped => dashed_ring(painter, center, r * 0.85, line),
        Mark::Unknown => {
            painter.circle_stroke(center, r * 0.85, line);
            painter.line_segment([center - vec2(r * 0.4, 0.0), center + vec2(r * 0.4, 0.0)], line);
        }
    }
}

/// Paints the mark of a grid cell: success is a muted square, everything else its own shape.
pub fn paint_grid_mark(painter: &Painter, theme: &Theme, mark: Mark, cell: Rect) {
    if mark == Mark::Success {
        painter.rect_filled(cell, 2.0, theme.ok_grid());
    } else {
        paint_mark(painter, theme, mark, cell.center(), cell.width().min(cell.height()));
    }
}

fn polygon(center: Pos2, r: f32, sides: usize, turn: f32) -> Vec<Pos2> {
    (0..sides).map(|i| center + Vec2::angled(TAU * i as f32 / sides as f32 + turn) * r).collect()
}

fn arc(center: Pos2, r: f32, from: f32, to: f32) -> Vec<Pos2> {
    (0..=16).map(|i| center + Vec2::angled(from + (to - from) * i as f32 / 16.0) * r).collect()
}

fn dashed_ring(painter: &Painter, center: Pos2, r: f32, stroke: Stroke) {
    for i in 0..8 {
        let from = TAU * i as f32 / 8.0;
        painter.add(Shape::line(arc(center, r, from, from + TAU / 15.0), stroke));
    }
}

/// The andon logo: three bars, red, amber and green.
pub fn paint_logo(painter: &Painter, theme: &Theme, rect: Rect) {
    let h = rect.height() / 4.0;
    for (i, color) in [theme.fail, theme.warn, theme.ok].into_iter().enumerate() {
        let top = rect.top() + i as f32 * (h + h / 2.0);
        let bar = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), h));
        painter.rect_filled(bar, h / 4.0, color);
    }
}

/// A transparent colour, for places that need one.
pub const CLEAR: Color32 = Color32::TRANSPARENT;

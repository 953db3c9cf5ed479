//! Small plots inside rows: sparklines and bars.
use egui::{Color32, Pos2, Rect, Role, Shape, Stroke, Ui, WidgetInfo, pos2};

use crate::ui::theme::Theme;

/// A line of values over equal steps; `None` is a gap. `last` colours the final point, if given.
pub fn spark(ui: &mut Ui, theme: &Theme, name: &str, values: &[Option<f64>], size: egui::Vec2, last: Option<Color32>) {
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let known = values.iter().flatten().copied().filter(|v| v.is_finite());
    let (min, max) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if values.is_empty() || min > max {
        return;
    }
    let inner = rect.shrink(3.0);
    let span = if max > min { max - min } else { 1.0 };
    let at = |i: usize, v: f64| -> Pos2 {
        let x = if values.len() > 1 { i as f32 / (values.len() - 1) as f32 } else { 0.5 };
        let y = if max > min { ((v - min) / span) as f32 } else { 0.5 };
        pos2(inner.left() + x * inner.width(), inner.bottom() - y * inner.height())
    };
    let mut piece = Vec::new();
    let stroke = Stroke::new(1.5, theme.s1);
    for (i, value) in values.iter().enumerate() {
        match value.filter(|v| v.is_finite()) {
            Some(v) => piece.push(at(i, v)),
            None => flush(ui, &mut piece, stroke),
        }
    }
    let end = piece.last().copied();
    flush(ui, &mut piece, stroke);
    if let (Some(color), Some(end)) = (last, end) {
        ui.painter().circle_filled(end, 3.0, color);
    }
}

fn flush(ui: &Ui, piece: &mut Vec<Pos2>, stroke: Stroke) {
    match piece.len() {
        0 => {}
        1 => {
            ui.painter().circle_filled(piece[0], 1.5, stroke.color);
        }
        _ => {
            ui.painter().add(Shape::line(piece.clone(), stroke));
        }
    }
    piece.clear();
}

/// Bars of equal width; each with its own colour. Heights are shares of the largest value.
pub fn bars(ui: &mut Ui, name: &str, values: &[(f64, Color32)], size: egui::Vec2) {
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let max = values.iter().map(|v| v.0).fold(0.0, f64::max);
    if values.is_empty() || max <= 0.0 {
        return;
    }
    let step = rect.width() / values.len() as f32;
    for (i, (value, color)) in values.iter().enumerate() {
        let height = ((value / max) as f32 * rect.height()).max(2.0);
        let left = rect.left() + i as f32 * step;
        let bar =
            Rect::from_min_max(pos2(left, rect.bottom() - height), pos2(left + (step - 1.5).max(1.0), rect.bottom()));
        ui.painter().rect_filled(bar, 0.0, *color);
    }
}

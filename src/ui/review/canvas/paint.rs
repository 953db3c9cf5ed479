//! What several parts of a comparison are painted with.
use egui::{Color32, Mesh, Painter, Rect, Stroke, pos2};

use crate::ui::theme::Theme;

/// The rounded top of a box with its ground.
pub(super) fn roof(painter: &Painter, theme: &Theme, band: Rect, fill: Color32, folded: bool) {
    let low = if folded { 6 } else { 0 };
    let radius = egui::CornerRadius { nw: 6, ne: 6, sw: low, se: low };
    painter.rect(band, radius, fill, theme.hairline(), egui::StrokeKind::Inside);
}

pub(in crate::ui::review) fn ring(painter: &Painter, theme: &Theme, rect: Rect, focused: bool) {
    if focused {
        painter.rect_stroke(rect, 4.0, Stroke::new(2.0, theme.focus), egui::StrokeKind::Inside);
    }
}

/// Slanted lines where a side has nothing, in one mesh; they go on from row to row.
pub(in crate::ui) fn hatch(painter: &Painter, theme: &Theme, rect: Rect) {
    const STEP: f32 = 8.0;
    let rect = rect.intersect(painter.clip_rect());
    if !rect.is_positive() {
        return;
    }
    let color = theme.fade(theme.hair, 0.7);
    let mut mesh = Mesh::default();
    // Lines of constant x + y, so that neighbouring rows meet.
    let mut sum = ((rect.left() + rect.top()) / STEP).ceil() * STEP;
    while sum < rect.right() + rect.bottom() {
        let (from, to) = (sum - rect.top(), sum - rect.bottom());
        let (x0, y0) = if from > rect.right() { (rect.right(), sum - rect.right()) } else { (from, rect.top()) };
        let (x1, y1) = if to < rect.left() { (rect.left(), sum - rect.left()) } else { (to, rect.bottom()) };
        let first = mesh.vertices.len() as u32;
        for (x, y) in [(x0, y0), ((x0 + 1.2).min(rect.right()), y0), ((x1 + 1.2).min(rect.right()), y1), (x1, y1)] {
            mesh.colored_vertex(pos2(x, y), color);
        }
        mesh.add_triangle(first, first + 1, first + 2);
        mesh.add_triangle(first, first + 2, first + 3);
        sum += STEP;
    }
    painter.add(mesh);
}

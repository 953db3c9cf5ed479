//! The legend, whose lines hide and show their series, and the bars of colour scales.
use egui::{Align2, Color32, Mesh, Painter, Rect, Role, Sense, Shape, Ui, WidgetInfo, pos2, vec2};

use super::{ChartView, Sheet, one_line, paint};
use crate::{
    base::text::shorten,
    model::chart::{Entry, Pen, Swatch},
    ui::theme::SMALL,
};

const ROW: f32 = 20.0;

/// Draws the legend at the right, or above where there is little room; what is left for the panels.
pub(super) fn legend(ui: &Ui, sheet: &Sheet<'_>, view: &mut ChartView, inner: Rect) -> Rect {
    let all = &sheet.figure.legend;
    if all.is_empty() {
        return inner;
    }
    let painter = ui.painter();
    let width = |text: &str| painter.layout_no_wrap(shorten(text, 28), sheet.theme.font(SMALL), sheet.text).size().x;
    let title = one_line(&sheet.figure.legend_title);
    let widest = all.iter().map(|e| width(&e.label) + 28.0).fold(width(&title) + 8.0, f32::max).min(220.0);
    let fits = ((inner.height() - if title.is_empty() { 0.0 } else { ROW }) / ROW) as usize;
    if inner.width() >= 420.0 && widest < inner.width() * 0.4 {
        let left = inner.right() - widest;
        let mut top = inner.top() + 4.0;
        if !title.is_empty() {
            painter.text(pos2(left + 2.0, top + 2.0), Align2::LEFT_TOP, &title, sheet.theme.medium(SMALL), sheet.muted);
            top += ROW;
        }
        let shown = if all.len() > fits { fits.saturating_sub(1) } else { all.len() };
        for (i, one) in all.iter().enumerate().take(shown) {
            entry(ui, sheet, view, i, one, Rect::from_min_size(pos2(left, top), vec2(widest, ROW)));
            top += ROW;
        }
        if shown < all.len() {
            let words = format!("and {} more", all.len() - shown);
            painter.text(pos2(left + 2.0, top + 3.0), Align2::LEFT_TOP, words, sheet.theme.font(SMALL), sheet.muted);
        }
        return Rect::from_min_max(inner.min, pos2(left - 10.0, inner.bottom()));
    }
    let (mut left, mut top) = (inner.left(), inner.top());
    for (i, one) in all.iter().enumerate() {
        let wide = (width(&one.label) + 34.0).min(inner.width());
        if left + wide > inner.right() && left > inner.left() {
            left = inner.left();
            top += ROW;
            if top > inner.top() + ROW * 2.5 {
                break;
            }
        }
        entry(ui, sheet, view, i, one, Rect::from_min_size(pos2(left, top), vec2(wide, ROW)));
        left += wide;
    }
    Rect::from_min_max(pos2(inner.left(), top + ROW + 4.0), inner.max)
}

fn entry(ui: &Ui, sheet: &Sheet<'_>, view: &mut ChartView, at: usize, entry: &Entry, rect: Rect) {
    let response = ui.interact(rect, ui.scope_id().with(("legend", at)), Sense::click());
    let shown = !view.is_hidden(sheet.figure, Some(at));
    let name = format!("Show {}", one_line(&entry.label));
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, shown, &name));
    if response.clicked() && !view.hidden.remove(&at) {
        view.hidden.insert(at);
    }
    // A double click shows one series alone, and again all of them.
    if response.double_clicked() {
        let others: Vec<usize> = (0..sheet.figure.legend.len()).filter(|i| *i != at).collect();
        let alone = others.iter().all(|i| view.is_hidden(sheet.figure, Some(*i)));
        view.hidden = sheet
            .figure
            .legend
            .iter()
            .enumerate()
            .filter(|(i, e)| (!alone && *i != at) != e.off)
            .map(|(i, _)| i)
            .collect();
    }
    let painter = ui.painter();
    if response.hovered() || response.has_focus() {
        painter.rect_filled(rect, 4.0, crate::ui::theme::mix(sheet.ground, sheet.text, 0.08));
    }
    let fade = if shown { 1.0 } else { 0.35 };
    let color = sheet.theme.fade(sheet.ink(entry.ink), fade);
    swatch(painter, entry.swatch, color, entry, rect);
    let galley = painter.layout_no_wrap(
        shorten(&one_line(&entry.label), 28),
        sheet.theme.font(SMALL),
        sheet.theme.fade(sheet.text, if shown { 1.0 } else { 0.5 }),
    );
    painter.galley(pos2(rect.left() + 24.0, rect.center().y - galley.size().y / 2.0), galley, sheet.text);
}

fn swatch(painter: &Painter, swatch: Swatch, color: Color32, entry: &Entry, rect: Rect) {
    let middle = pos2(rect.left() + 12.0, rect.center().y);
    match swatch {
        Swatch::Line(dash) => {
            let pen = Pen { ink: entry.ink, width: 2.0, dash };
            let ends = vec![middle - vec2(9.0, 0.0), middle + vec2(9.0, 0.0)];
            painter.extend(paint::stroke(ends, pen, color));
        }
        Swatch::Point(form) => {
            painter.extend(paint::marker(middle, 8.0, form, color, false));
        }
        Swatch::Box => {
            painter.rect_filled(Rect::from_center_size(middle, vec2(12.0, 12.0)), 2.0, color);
        }
    }
}

/// Bars of the colour scales at the right edge.
pub(super) fn scales(painter: &Painter, sheet: &Sheet<'_>, inner: &mut Rect) {
    for scale in sheet.figure.scales.iter().filter(|s| s.bar).take(4) {
        let [lo, hi] = scale.domain;
        let ticks = chart_ticks(lo, hi);
        let font = sheet.theme.font(SMALL);
        let words: Vec<_> =
            ticks.iter().map(|(v, t)| (*v, painter.layout_no_wrap(t.clone(), font.clone(), sheet.muted))).collect();
        let widest = words.iter().map(|(_, g)| g.size().x).fold(0.0, f32::max);
        let title = painter.layout(shorten(&one_line(&scale.title), 60), sheet.theme.medium(SMALL), sheet.text, 110.0);
        let title_size = if scale.title.is_empty() { vec2(0.0, 0.0) } else { title.size() };
        let wide = (14.0 + 6.0 + widest).max(title_size.x) + 4.0;
        if wide > inner.width() * 0.4 {
            return;
        }
        let left = inner.right() - wide;
        let mut top = inner.top() + 4.0;
        if !scale.title.is_empty() {
            painter.galley(pos2(left, top), title, sheet.text);
            top += title_size.y + 6.0;
        }
        let bottom = (inner.bottom() - 24.0).min(top + 220.0).max(top + 20.0);
        let bar = Rect::from_min_max(pos2(left, top), pos2(left + 14.0, bottom));
        let mut mesh = Mesh::default();
        let height = |share: f32| bar.bottom() - share * bar.height();
        for pair in scale.stops.windows(2) {
            let first = mesh.vertices.len() as u32;
            for (share, color) in pair {
                let color = crate::ui::theme::rgba(*color);
                mesh.colored_vertex(pos2(bar.left(), height(*share)), color);
                mesh.colored_vertex(pos2(bar.right(), height(*share)), color);
            }
            mesh.add_triangle(first, first + 1, first + 2);
            mesh.add_triangle(first + 1, first + 2, first + 3);
        }
        painter.add(Shape::mesh(mesh));
        for (v, galley) in words {
            let share = if hi > lo { ((v - lo) / (hi - lo)) as f32 } else { 0.5 };
            painter.galley(pos2(bar.right() + 6.0, height(share) - galley.size().y / 2.0), galley, sheet.muted);
        }
        inner.max.x = left - 12.0;
    }
}

fn chart_ticks(lo: f64, hi: f64) -> Vec<(f64, String)> {
    let axis = crate::model::chart::Axis::new("", crate::model::chart::Side::Right);
    axis.ticks([lo, hi], 5)
}

//! A band across the outputs where something is missing.
use egui::{CornerRadius, Frame, Margin, Ui};
use jiff::tz::TimeZone;

use crate::{model::output::Gap, ui::theme::Theme};

/// Draws the mark: torn off above and below, so that nobody takes what stands around it for all there was.
pub(super) fn gap_ui(ui: &mut Ui, theme: &Theme, gap: &Gap) {
    let color = theme.readable(theme.warn, theme.warn_t);
    let title = gap.title();
    let frame = Frame::NONE.fill(theme.warn_t).corner_radius(CornerRadius::same(4));
    let shown = frame.inner_margin(Margin { left: 12, right: 8, top: 6, bottom: 6 }).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.horizontal_wrapped(|ui| {
            ui.label(theme.icon("triangle-alert", 14.0).color(color));
            ui.label(theme.label(&title).color(color));
            if let Some(when) = gap.when(&TimeZone::system()) {
                ui.label(theme.small(when));
            }
        });
        if !gap.what.is_empty() {
            ui.label(theme.small(format!("{}.", gap.what)));
        }
        if !gap.hint.is_empty() {
            ui.label(theme.small(format!("{}.", gap.hint)));
        }
    });
    let rect = shown.response.rect;
    ui.painter().rect_filled(
        rect.with_max_x(rect.left() + 3.0),
        CornerRadius { nw: 4, sw: 4, ne: 0, se: 0 },
        theme.warn,
    );
    // Dashes above and below, as of something torn.
    for y in [rect.top() + 0.5, rect.bottom() - 0.5] {
        let line = [egui::pos2(rect.left() + 3.0, y), egui::pos2(rect.right(), y)];
        ui.painter().extend(egui::Shape::dashed_line(&line, egui::Stroke::new(1.0, theme.warn), 5.0, 4.0));
    }
    shown.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &title));
}

//! Regions: side panels, page heads, toolbars, section heads, hairlines.
use egui::{Align, Frame, InnerResponse, Layout, Margin, Panel, Sense, Ui, vec2};

use crate::ui::theme::Theme;

/// A horizontal hairline over the whole width.
pub fn hair_x(ui: &mut Ui, theme: &Theme) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.center().y, theme.hairline());
}

/// A vertical hairline 16 high between controls.
pub fn hair_y(ui: &mut Ui, theme: &Theme) {
    let (rect, _) = ui.allocate_exact_size(vec2(1.0, 16.0), Sense::hover());
    ui.painter().vline(rect.center().x, rect.y_range(), theme.hairline());
}

/// The navigator at the left of a page, on `panel`, resizable between 180 and 400.
pub fn left_panel<R>(
    ui: &mut Ui,
    theme: &Theme,
    id: &str,
    width: f32,
    contents: impl FnOnce(&mut Ui) -> R,
) -> InnerResponse<R> {
    side(ui, theme, Panel::left(egui::Id::unique(id)), true, width, contents)
}

/// The inspector at the right of a page, on `panel`, resizable.
pub fn right_panel<R>(
    ui: &mut Ui,
    theme: &Theme,
    id: &str,
    width: f32,
    contents: impl FnOnce(&mut Ui) -> R,
) -> InnerResponse<R> {
    side(ui, theme, Panel::right(egui::Id::unique(id)), false, width, contents)
}

fn side<R>(
    ui: &mut Ui,
    theme: &Theme,
    panel: Panel,
    left: bool,
    width: f32,
    contents: impl FnOnce(&mut Ui) -> R,
) -> InnerResponse<R> {
    let shown = panel
        .resizable(true)
        .default_size(width)
        .size_range(180.0..=560.0)
        .frame(Frame::NONE.fill(theme.panel))
        .show_separator_line(true)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            contents(ui)
        });
    let note = (ui.ctx().cumulative_frame_nr(), shown.response.rect);
    ui.ctx().data_mut(|d| d.insert_temp(side_id(left), note));
    shown
}

fn side_id(left: bool) -> egui::Id {
    egui::Id::unique(("side-panel", left))
}

/// Where this frame's navigator (`left`) or inspector lies, if the page has one.
pub fn side_rect(ctx: &egui::Context, left: bool) -> Option<egui::Rect> {
    let noted: Option<(u64, egui::Rect)> = ctx.data(|d| d.get_temp(side_id(left)));
    noted.filter(|(frame, _)| *frame == ctx.cumulative_frame_nr()).map(|(_, rect)| rect)
}

fn band<R>(ui: &mut Ui, height: f32, padding: f32, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let width = ui.available_width();
    let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    let inner = rect.shrink2(vec2(padding, 0.0));
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    child.set_clip_rect(rect.intersect(ui.clip_rect()));
    child.spacing_mut().item_spacing = vec2(8.0, 0.0);
    contents(&mut child)
}

/// Page head, 44 high: title, note, then `contents` with the rest of the line, and a hairline below.
/// Put what belongs at the right into `ui.with_layout(Layout::right_to_left(Align::Center), ..)`.
pub fn page_head<R>(ui: &mut Ui, theme: &Theme, title: &str, note: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let result = band(ui, 43.0, 16.0, |ui| {
        ui.label(theme.heading(title));
        if !note.is_empty() {
            ui.add(egui::Label::new(theme.muted(note)).truncate());
        }
        contents(ui)
    });
    hair_x(ui, theme);
    result
}

/// Toolbar, 40 high, with a hairline below.
pub fn toolbar<R>(ui: &mut Ui, theme: &Theme, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let result = band(ui, 39.0, 12.0, contents);
    hair_x(ui, theme);
    result
}

/// Section head, 32 high: small bold title, note, and `right` aligned to the right edge.
pub fn section_head<R>(ui: &mut Ui, theme: &Theme, title: &str, note: &str, right: impl FnOnce(&mut Ui) -> R) -> R {
    band(ui, 32.0, 12.0, |ui| {
        ui.label(theme.section(title));
        if !note.is_empty() {
            ui.add(egui::Label::new(theme.faint(note)).truncate());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), right).inner
    })
}

/// The frame of a box that can be taken away as one: radius 6 on `panel`.
pub fn box_frame(theme: &Theme) -> Frame {
    Frame::NONE.fill(theme.panel).stroke(theme.hairline()).corner_radius(6).inner_margin(Margin::same(12))
}

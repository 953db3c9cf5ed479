//! States, tags, progress, errors in place, empty states.
use egui::{
    Align, Align2, CornerRadius, Frame, Layout, Margin, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, vec2,
};

use crate::{
    base::Error,
    ui::theme::{Mark, SMALL, Theme, icon, paint_mark},
};

use super::Btn;

/// A state mark of `size` points as a widget.
pub fn mark(ui: &mut Ui, theme: &Theme, mark: Mark, size: f32) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(size, size), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, mark.word()));
    paint_mark(ui.painter(), theme, mark, rect.center(), size);
    response
}

/// Mark and word, the word in the state's colour.
pub fn mark_word(ui: &mut Ui, theme: &Theme, state: Mark, word: &str) -> Response {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        mark(ui, theme, state, 14.0);
        ui.label(theme.label(word).color(theme.mark_text(state)));
    })
    .response
}

fn chip(ui: &mut Ui, theme: &Theme, state: Option<Mark>, text: &str) -> Response {
    let (fill, ink) = match state {
        Some(m) => (theme.tint(m), theme.mark_text(m)),
        None => (theme.idle_t, theme.muted),
    };
    let galley = ui.painter().layout_no_wrap(text.to_owned(), theme.medium(SMALL), ink);
    let lead = if state.is_some() { 16.0 } else { 0.0 };
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 12.0 + lead, 20.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    ui.painter().rect_filled(rect, 4.0, fill);
    if let Some(m) = state {
        paint_mark(ui.painter(), theme, m, egui::pos2(rect.left() + 12.0, rect.center().y), 12.0);
    }
    ui.painter().galley(egui::pos2(rect.left() + 6.0 + lead, rect.center().y - galley.size().y * 0.5), galley, ink);
    response
}

/// A grey tag: `production`.
pub fn tag(ui: &mut Ui, theme: &Theme, text: &str) -> Response {
    chip(ui, theme, None, text)
}

/// A tag with a state: `23 of 23`.
pub fn tag_mark(ui: &mut Ui, theme: &Theme, state: Mark, text: &str) -> Response {
    chip(ui, theme, Some(state), text)
}

/// A bar 4 high; without a share it shows a third, standing still.
pub fn progress_bar(ui: &mut Ui, theme: &Theme, share: Option<f32>, width: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, 4.0), Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, "Progress");
        info.value = share.map(f64::from);
        info
    });
    ui.painter().rect_filled(rect, 2.0, theme.hair);
    let mut done = rect;
    done.set_width(rect.width() * share.unwrap_or(0.33).clamp(0.0, 1.0));
    ui.painter().rect_filled(done, 2.0, theme.run);
}

/// An error where it happened: what, why, what to do, with up to two buttons. Returns the index of the one clicked.
pub fn error_box(ui: &mut Ui, theme: &Theme, error: &Error, actions: &[&str]) -> Option<usize> {
    let mut clicked = None;
    let frame = Frame::NONE.fill(theme.fail_t).corner_radius(6).inner_margin(Margin::symmetric(14, 10));
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            mark(ui, theme, Mark::Failed, 16.0);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 4.0;
                ui.add(egui::Label::new(theme.strong(error.what.as_str())).wrap().selectable(true));
                for cause in error.causes.iter().take(3) {
                    ui.add(egui::Label::new(theme.muted(cause.as_str())).wrap().selectable(true));
                }
                if let Some(hint) = &error.hint {
                    ui.add(egui::Label::new(theme.body(hint.as_str())).wrap());
                }
                ui.horizontal(|ui| {
                    for (index, label) in actions.iter().enumerate() {
                        if Btn::new(label).show(ui, theme).clicked() {
                            clicked = Some(index);
                        }
                    }
                    if Btn::new("Copy").icon("copy").quiet().show(ui, theme).clicked() {
                        ui.ctx().copy_text(format!("{error}"));
                    }
                });
            });
        });
    });
    let rect = shown.response.rect;
    let edge = Rect::from_min_size(rect.min, vec2(2.0, rect.height()));
    ui.painter().rect_filled(edge, CornerRadius { nw: 6, sw: 6, ne: 0, se: 0 }, theme.fail);
    clicked
}

/// A page or region with nothing in it yet: one sentence, one primary action, one quiet one.
/// Returns 0 or 1 for the button clicked.
pub fn empty_state(ui: &mut Ui, theme: &Theme, icon_name: &str, sentence: &str, actions: &[&str]) -> Option<usize> {
    let mut clicked = None;
    let space = (ui.available_height() * 0.3).clamp(16.0, 240.0);
    ui.add_space(space);
    ui.vertical_centered(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(32.0, 32.0), Sense::hover());
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, icon(icon_name), theme.icon_font(28.0), theme.faint);
        ui.add_space(8.0);
        ui.add(egui::Label::new(theme.body(sentence)).wrap());
        ui.add_space(12.0);
        let width: f32 = actions.iter().map(|a| 32.0 + 7.0 * a.len() as f32).sum();
        ui.allocate_ui_with_layout(vec2(width, 24.0), Layout::left_to_right(Align::Center), |ui| {
            for (index, label) in actions.iter().enumerate() {
                let button = if index == 0 { Btn::new(label).primary() } else { Btn::new(label).quiet() };
                if button.show(ui, theme).clicked() {
                    clicked = Some(index);
                }
            }
        });
    });
    clicked
}

/// A frame around the focused part, 2 px, 1 px outside it.
pub fn focus_ring(ui: &Ui, theme: &Theme, rect: Rect, radius: f32) {
    ui.painter().rect_stroke(rect.expand(1.0), radius, Stroke::new(2.0, theme.focus), StrokeKind::Outside);
}

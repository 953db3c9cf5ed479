//! Formulas: on a line of their own, and how any of them is painted.
use egui::{Color32, Label, Pos2, Rect, ScrollArea, Sense, Ui, pos2, vec2};

use super::{
    super::{Pictures, menu},
    Face, Text,
};
use crate::{
    model::math::{self, Math},
    ui::theme::{MONO, Theme},
};

/// Size of a formula's em beside letters of size 1: letters of both are then equally high.
pub(super) const EM: f32 = 1.21;
/// A formula wider than the place is made smaller down to this share, and scrolled beyond it.
pub(super) const SMALLEST: f32 = 0.6;

impl<'a> Text<'_, 'a, '_> {
    /// A formula on a line of its own, in the middle.
    pub(super) fn display(&mut self, ui: &mut Ui, math: &'a Math, face: Face) {
        let theme = self.theme();
        let em = face.size * EM;
        let formula = match self.draw.pictures.typeset(ui.ctx(), math) {
            Some(Ok(formula)) => formula,
            None => {
                ui.label(theme.small("Typesetting a long formula\u{2026}"));
                return;
            }
            Some(Err(why)) => {
                let words = egui::RichText::new(math.source.trim()).font(theme.mono(MONO)).color(theme.text);
                let text = self.setting.selectable;
                let response = ui.add(Label::new(words).wrap().selectable(text));
                response.on_hover_text(why);
                ui.label(theme.small(format!("Formula shown as text: {why}")));
                return;
            }
        };
        let (mut wide, mut high) = (formula.width * em, (formula.height + formula.depth) * em);
        if wide < 0.5 {
            return;
        }
        let room = ui.available_width();
        let share = (room / wide).clamp(SMALLEST, 1.0);
        (wide, high) = (wide * share, high * share);
        let em = em * share;
        let mut paint = |ui: &mut Ui, width: f32| {
            let (rect, response) = ui.allocate_exact_size(vec2(width.max(wide), high + 8.0), Sense::click());
            response
                .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, format!("Formula {}", math.source)));
            let left = rect.left() + (rect.width() - wide) / 2.0;
            formula_ui(
                ui,
                &theme,
                math,
                em,
                pos2(left, rect.top() + 4.0 + formula.height * em),
                self.draw.pictures,
                theme.text,
            );
            menu(&response, &theme, self.draw.acts, || math.source.trim().to_owned());
        };
        if wide > room {
            ScrollArea::horizontal().id_salt(ui.next_auto_id()).show(ui, |ui| paint(ui, wide));
        } else {
            paint(ui, room);
        }
    }
}

/// Paints a formula with its line at a place.
pub(super) fn formula_ui(
    ui: &Ui,
    theme: &Theme,
    math: &Math,
    em: f32,
    line: Pos2,
    pictures: &mut Pictures,
    ink: Color32,
) {
    let Ok(formula) = math.formula() else { return };
    let margin = math::MARGIN * em;
    let points = ui.ctx().pixels_per_point();
    let (wide, high) = (formula.width + 2.0 * math::MARGIN, formula.height + formula.depth + 2.0 * math::MARGIN);
    let size = vec2((wide * em * points).ceil() / points, (high * em * points).ceil() / points);
    let at = line - vec2(margin, formula.height * em + margin);
    // On a pixel, or it is blurred.
    let at = pos2((at.x * points).round() / points, (at.y * points).round() / points);
    let rect = Rect::from_min_size(at, size);
    if !ui.is_rect_visible(rect) || formula.width <= 0.0 {
        return;
    }
    if let Some(texture) = pictures.formula(ui, math, em * points, ink) {
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(texture, rect, whole, theme.untinted());
    }
}

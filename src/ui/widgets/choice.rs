//! A box to tick and a list to choose from, with the look of the other controls.
use egui::{Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use crate::ui::theme::{CONTROL, Theme};

/// A box with its label behind it; true when it was turned.
pub fn check_box(ui: &mut Ui, theme: &Theme, on: &mut bool, label: &str) -> bool {
    let galley = ui.painter().layout_no_wrap(label.to_owned(), theme.font(CONTROL), theme.text);
    let (rect, response) = ui.allocate_exact_size(vec2(24.0 + galley.size().x, 24.0), Sense::click());
    let turned = response.clicked();
    if turned {
        *on = !*on;
    }
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, ui.is_enabled(), *on, label));
    let square = egui::Rect::from_center_size(egui::pos2(rect.left() + 8.0, rect.center().y), vec2(16.0, 16.0));
    let painter = ui.painter();
    let hovered = response.hovered();
    let (fill, edge) = match (*on, hovered) {
        (true, _) => (theme.accent, theme.accent),
        (false, true) => (theme.hover, theme.text),
        (false, false) => (theme.bg, theme.border),
    };
    painter.rect(square, 4.0, fill, Stroke::new(1.0, edge), StrokeKind::Inside);
    if *on {
        let tick =
            ui.painter().layout_no_wrap(crate::ui::theme::icon("check").to_string(), theme.icon_font(12.0), theme.on);
        painter.galley(square.center() - tick.size() * 0.5, tick, theme.on);
    }
    if response.has_focus() {
        painter.rect_stroke(square.expand(2.0), 5.0, Stroke::new(2.0, theme.focus), StrokeKind::Inside);
    }
    painter.galley(egui::pos2(rect.left() + 24.0, rect.center().y - galley.size().y * 0.5), galley, theme.text);
    turned
}

/// A field that opens a list; `name` is its accessible name, `text` what is chosen. `contents` draws the list.
pub fn combo(
    ui: &mut Ui,
    theme: &Theme,
    name: &str,
    (text, width): (&str, f32),
    contents: impl FnOnce(&mut Ui),
) -> Response {
    let shown = ui.scope(|ui| {
        let visuals = ui.visuals_mut();
        for state in [&mut visuals.widgets.inactive, &mut visuals.widgets.hovered, &mut visuals.widgets.open] {
            state.bg_stroke = Stroke::new(1.0, theme.border);
            state.corner_radius = egui::CornerRadius::same(4);
            state.expansion = 0.0;
        }
        visuals.widgets.inactive.weak_bg_fill = theme.bg;
        visuals.widgets.open.weak_bg_fill = theme.bg;
        visuals.widgets.hovered.weak_bg_fill = theme.hover;
        ui.spacing_mut().interact_size.y = 24.0;
        ui.spacing_mut().button_padding = vec2(8.0, 3.0);
        let list = egui::ComboBox::from_id_salt(name).width(width).truncate().selected_text(theme.body(text));
        list.show_ui(ui, contents).response
    });
    let response = shown.inner;
    let value = text.to_owned();
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, true, name);
        info.current_text_value = Some(value.clone());
        info
    });
    response
}

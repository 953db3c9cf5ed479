//! The tab strip, 32 high.
use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::{
    app::data::{Command, Origin},
    base::text,
    ui::{
        PageCx,
        theme::icon,
        widgets::{Btn, hair_x, icon_button},
    },
};

/// One tab an open table; a middle click or the cross closes it.
pub(super) fn tabs_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let state = cx.state;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 31.0), Sense::hover());
    ui.painter().rect_filled(rect, 0.0, theme.panel);
    let mut strip =
        ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(egui::Layout::left_to_right(egui::Align::Center)));
    strip.set_clip_rect(rect.intersect(ui.clip_rect()));
    egui::ScrollArea::horizontal()
        .id_salt("data-tabs")
        .scroll_bar_visibility(egui::scroll_area::ScrollBarVisibility::AlwaysHidden)
        .show(&mut strip, |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            for tab in &state.data.tabs {
                let on = state.data.active == Some(tab.id);
                let title = text::shorten(&tab.title, 36);
                let ink = if on { theme.text } else { theme.muted };
                let galley = ui.painter().layout_no_wrap(title.clone(), theme.medium(12.0), ink);
                let size = vec2(galley.size().x + 12.0 + 20.0 + 30.0, 31.0);
                let (place, response) = ui.allocate_exact_size(size, Sense::click());
                response.widget_info(|| WidgetInfo::selected(Role::Tab, true, on, &title));
                if on {
                    ui.painter().rect_filled(place, 0.0, theme.bg);
                    ui.painter().rect_filled(
                        Rect::from_min_size(place.min, vec2(place.width(), 2.0)),
                        0.0,
                        theme.accent,
                    );
                } else if response.hovered() {
                    ui.painter().rect_filled(place, 0.0, theme.hover);
                }
                let glyph = icon(if matches!(tab.origin, Origin::File(_)) { "table-2" } else { "braces" });
                let middle = place.center().y;
                let at = pos2(place.left() + 19.0, middle);
                ui.painter().text(at, egui::Align2::CENTER_CENTER, glyph, theme.icon_font(14.0), ink);
                ui.painter().galley(pos2(place.left() + 32.0, middle - galley.size().y * 0.5), galley, ink);
                ui.painter().vline(place.right() - 0.5, place.y_range(), theme.hairline());
                if response.clicked() {
                    cx.send.push(Command::Activate(tab.id).into());
                }
                let cross = Rect::from_center_size(pos2(place.right() - 16.0, middle), vec2(20.0, 20.0));
                let close = ui.interact(cross, response.id.with("close"), Sense::click());
                close.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Close {title}")));
                if close.hovered() || response.hovered() || on {
                    let shade = if close.hovered() { theme.text } else { theme.faint };
                    ui.painter().text(
                        cross.center(),
                        egui::Align2::CENTER_CENTER,
                        icon("x"),
                        theme.icon_font(12.0),
                        shade,
                    );
                }
                if close.clicked() || response.middle_clicked() {
                    cx.send.push(Command::Close(tab.id).into());
                }
                if let Origin::File(path) = &tab.origin {
                    response.on_hover_text(path);
                }
            }
        });
    hair_x(ui, theme);
    stale_ui(ui, cx);
}

fn stale_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let state = cx.state;
    let Some(tab) = state.data.active().filter(|t| t.stale) else { return };
    egui::Frame::NONE.fill(cx.theme.warn_t).inner_margin(egui::Margin::symmetric(12, 4)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(cx.theme.body("The file was changed on disk since it was read"));
            if Btn::new("Read it again").icon("refresh-cw").show(ui, cx.theme).clicked() {
                cx.send(Command::Reload(tab.id));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if icon_button(ui, cx.theme, "x", "Close the table").clicked() {
                    cx.send(Command::Close(tab.id));
                }
            });
        });
    });
}

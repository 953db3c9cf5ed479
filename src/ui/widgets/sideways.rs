//! A bar at the foot of what is wider than its place.
use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::ui::theme::Theme;

/// Draws it over the lower edge of `area`, of whose contents `seen` points are shown and `hidden` are not; a click or
/// a drag moves `shift`.
pub fn sideways_bar(ui: &Ui, theme: &Theme, area: Rect, shift: &mut f32, (seen, hidden): (f32, f32)) {
    let track = Rect::from_min_max(pos2(area.left(), area.bottom() - 12.0), pos2(area.right(), area.bottom() - 4.0));
    let response = ui.interact(track, ui.scope_id().with("sideways"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::ScrollBar, true, "Scroll what is cut at the right"));
    let wide = (track.width() * seen / (seen + hidden)).max(32.0);
    let room = (track.width() - wide).max(1.0);
    if let Some(at) = response.interact_pointer_pos().filter(|_| response.dragged() || response.clicked()) {
        *shift = ((at.x - track.left() - wide * 0.5) / room * hidden).clamp(0.0, hidden);
        ui.ctx().request_repaint();
    }
    let at = room * (*shift / hidden).clamp(0.0, 1.0);
    let thumb = Rect::from_min_size(track.min + vec2(at, 0.0), vec2(wide, track.height()));
    let held = response.hovered() || response.dragged() || response.has_focus();
    ui.painter().rect_filled(track, 4.0, theme.panel);
    ui.painter().rect_filled(thumb, 4.0, if held { theme.muted } else { theme.border });
}

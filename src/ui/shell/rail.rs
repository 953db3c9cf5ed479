//! The rail: one item a page, settings at the foot, the count of red on Home.
use egui::{Align2, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::{
    app::shell::{self, Command, Page},
    base::text::count,
    ui::{PageCx, notebook::dropping::Dragged, theme::icon},
};

/// Draws the rail, 44 wide.
pub fn rail_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let rect = ui.max_rect();
    let mut y = rect.top() + 4.0;
    for page in Page::ALL {
        let at = if page == Page::Settings { rect.bottom() - 40.0 } else { y };
        item_ui(ui, cx, page, Rect::from_min_size(pos2(rect.left(), at), vec2(44.0, 36.0)));
        y += 40.0;
    }
}

fn item_ui(ui: &mut Ui, cx: &mut PageCx<'_>, page: Page, rect: Rect) {
    let theme = cx.theme;
    let response = ui.interact(rect, ui.scope_id().with(page), Sense::click());
    let on = cx.state.shell.page == page;
    let said = cx.state.review.talk.open();
    response.widget_info(|| {
        let threads = (page == Page::Review && said > 0).then(|| format!(", {}", count(said as u64, "open thread")));
        WidgetInfo::selected(Role::Tab, true, on, format!("{}{}", page.title(), threads.unwrap_or_default()))
    });
    let painter = ui.painter();
    let open = cx.state.workspace.root.is_some() || page == Page::Settings;
    let color = if !open {
        theme.fade(theme.muted, 0.45)
    } else if on || response.hovered() {
        theme.text
    } else {
        theme.muted
    };
    painter.text(rect.center(), Align2::CENTER_CENTER, icon(page.icon()), theme.icon_font(18.0), color);
    if on && open {
        let bar = Rect::from_min_max(pos2(rect.left(), rect.top() + 6.0), pos2(rect.left() + 2.0, rect.bottom() - 6.0));
        painter.rect_filled(bar, 0.0, theme.accent);
    }
    if response.has_focus() {
        painter.rect_stroke(rect.shrink(3.0), 4.0, Stroke::new(2.0, theme.focus), StrokeKind::Inside);
    }
    let red = shell::red_count(cx.state);
    let open_threads = cx.state.review.talk.open();
    let badge = match page {
        Page::Home if red > 0 => Some((red, theme.fail, theme.on)),
        // Something to read is no alarm.
        Page::Review if open_threads > 0 => Some((open_threads, theme.sel, theme.text)),
        _ => None,
    };
    if let Some((count, fill, ink)) = badge {
        let label = painter.layout_no_wrap(count.min(99).to_string(), theme.semibold(10.0), ink);
        let size = vec2((label.size().x + 6.0).max(14.0), 14.0);
        let badge = Rect::from_min_size(pos2(rect.right() - 6.0 - size.x, rect.top() + 4.0), size);
        painter.rect_filled(badge, 7.0, fill);
        painter.galley(badge.center() - label.size() * 0.5, label, ink);
    }
    // A file that is dragged from one page to another: its page opens when the pointer rests on its item.
    let carried = egui::DragAndDrop::has_payload_of_type::<Dragged>(ui.ctx()) && !on && open;
    if carried && ui.input(|i| i.pointer.latest_pos()).is_some_and(|p| rect.contains(p)) {
        ui.painter().rect_stroke(rect.shrink(3.0), 4.0, Stroke::new(2.0, theme.accent), StrokeKind::Inside);
        if ui.input(|i| i.pointer.time_since_last_movement()) > 0.25 {
            cx.send(Command::Go(page));
        }
        ui.ctx().request_repaint();
    }
    if response.on_hover_text(page.title()).clicked() {
        cx.send(Command::Go(page));
    }
}

//! Wheel and bars of our own, mapped to rows in f64.
use egui::{Rect, Response, Sense, Ui, pos2};

use super::{BAR, GridView, Layout};
use crate::ui::theme::Theme;

/// Keeps the position in range; also brings the cursor into view after a key.
pub(super) fn clamp(layout: &Layout, view: &mut GridView) {
    if let Some((row, column)) = view.cursor {
        let row = row.min(layout.total.saturating_sub(1));
        view.cursor = (layout.total > 0).then_some((row, column.min(layout.edges.len().saturating_sub(2))));
    }
    if std::mem::take(&mut view.follow)
        && let Some((row, column)) = view.cursor
    {
        let row = row as f64;
        if row < view.top {
            view.top = row;
        } else if row + 1.0 > view.top + layout.fit {
            view.top = row + 1.0 - layout.fit;
        }
        let (from, to) = (layout.edges[column], layout.edges[column + 1]);
        if from < view.left || to - from > layout.body.width() {
            view.left = from;
        } else if to > view.left + layout.body.width() {
            view.left = to - layout.body.width();
        }
    }
    view.top = view.top.clamp(0.0, layout.last_top());
    view.left = view.left.clamp(0.0, layout.last_left());
}

/// Takes the wheel while the pointer is over the table, unless the table cannot scroll that way.
pub(super) fn wheel(ui: &Ui, layout: &Layout, view: &mut GridView, response: &Response) {
    if !response.contains_pointer() {
        return;
    }
    ui.input_mut(|input| {
        let delta = &mut input.smooth_scroll_delta;
        let rows = f64::from(delta.y / layout.row_height);
        let top = (view.top - rows).clamp(0.0, layout.last_top());
        if top != view.top {
            view.top = top;
            delta.y = 0.0;
        }
        let left = (view.left - delta.x).clamp(0.0, layout.last_left());
        if left != view.left {
            view.left = left;
            delta.x = 0.0;
        }
    });
}

/// Both bars, where there is something to scroll.
pub(super) fn bars(ui: &Ui, theme: &Theme, layout: &Layout, view: &mut GridView) {
    if layout.last_top() > 0.0 {
        let track = Rect::from_min_max(
            pos2(layout.body.right(), layout.body.top()),
            pos2(layout.body.right() + BAR, layout.body.bottom()),
        );
        let share = (layout.fit / layout.total as f64) as f32;
        let at = (view.top / layout.last_top()) as f32;
        if let Some(at) = bar(ui, theme, layout, view, track, share, at, true) {
            // From the thumb's place straight to a row in f64: the last pixel is the last row.
            view.top = f64::from(at) * layout.last_top();
        }
    }
    if layout.last_left() > 0.0 {
        let track = Rect::from_min_max(
            pos2(layout.body.left(), layout.body.bottom()),
            pos2(layout.body.right(), layout.body.bottom() + BAR),
        );
        let share = layout.body.width() / layout.wide;
        let at = view.left / layout.last_left();
        if let Some(at) = bar(ui, theme, layout, view, track, share, at, false) {
            view.left = at * layout.last_left();
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn bar(
    ui: &Ui,
    theme: &Theme,
    layout: &Layout,
    view: &mut GridView,
    track: Rect,
    share: f32,
    at: f32,
    vertical: bool,
) -> Option<f32> {
    let length = if vertical { track.height() } else { track.width() };
    let thumb = (length * share).clamp(24.0_f32.min(length), length);
    let room = (length - thumb).max(1.0);
    let start = room * at.clamp(0.0, 1.0);
    let rect = if vertical {
        Rect::from_min_max(
            pos2(track.left() + 2.0, track.top() + start),
            pos2(track.right() - 2.0, track.top() + start + thumb),
        )
    } else {
        Rect::from_min_max(
            pos2(track.left() + start, track.top() + 2.0),
            pos2(track.left() + start + thumb, track.bottom() - 2.0),
        )
    };
    let response = ui.interact(track, layout.id.with(("bar", vertical)), Sense::click_and_drag());
    ui.painter().rect_filled(track, 0.0, theme.bg);
    let hot = response.hovered() || response.dragged();
    ui.painter().rect_filled(rect, 3.0, if hot { theme.border } else { theme.bar });
    let along = |p: egui::Pos2| if vertical { p.y - track.top() } else { p.x - track.left() };
    let pointer = response.interact_pointer_pos().map(along);
    if let Some(pointer) = pointer
        && (response.drag_started() || response.is_pointer_button_down_on() && view.grip.is_none())
    {
        // A press beside the thumb brings its middle under the pointer.
        let inside = (start..start + thumb).contains(&pointer);
        view.grip = Some(if inside { pointer - start } else { thumb * 0.5 });
    }
    if !response.is_pointer_button_down_on() && !response.dragged() {
        if response.drag_stopped() || response.clicked() {
            view.grip = None;
        }
        return None;
    }
    let grip = view.grip?;
    Some(((pointer? - grip) / room).clamp(0.0, 1.0))
}

//! Keys while the table has the focus.
use egui::{Event, EventFilter, Key, Modifiers, Response, Ui};

use super::{GridView, Layout, Shown};

/// Arrows, Page Up and Down, Home and End, with Ctrl to the edges and Shift to select; Ctrl+C copies, Ctrl+A selects
/// all, Enter opens, Esc lets go.
pub(super) fn keys(
    ui: &Ui,
    layout: &Layout,
    view: &mut GridView,
    response: &Response,
    shown: &mut Shown,
    columns: usize,
) {
    if !response.has_focus() {
        return;
    }
    let filter = EventFilter { tab: false, horizontal_arrows: true, vertical_arrows: true, escape: false };
    ui.memory_mut(|m| m.set_focus_lock_filter(response.id, filter));
    if layout.total == 0 || columns == 0 {
        return;
    }
    let events = ui.input(|i| i.filtered_events(&filter));
    for event in events {
        match event {
            Event::Copy => shown.copy = view.selection(),
            Event::Key { key, pressed: true, modifiers, .. } => {
                key_pressed(layout, view, shown, key, modifiers, columns);
            }
            _ => {}
        }
    }
}

pub(super) fn key_pressed(
    layout: &Layout,
    view: &mut GridView,
    shown: &mut Shown,
    key: Key,
    modifiers: Modifiers,
    columns: usize,
) {
    let (last_row, last_column) = (layout.total - 1, columns - 1);
    let first = (view.top.ceil().max(0.0) as u64).min(last_row);
    let (row, column) = view.cursor.unwrap_or((first, 0));
    let page = (layout.fit.floor() as u64).saturating_sub(1).max(1);
    let ctrl = modifiers.command;
    let target = match key {
        Key::ArrowUp if ctrl => (0, column),
        Key::ArrowDown if ctrl => (last_row, column),
        Key::ArrowLeft if ctrl => (row, 0),
        Key::ArrowRight if ctrl => (row, last_column),
        Key::ArrowUp => (row.saturating_sub(1), column),
        Key::ArrowDown if view.cursor.is_none() => (row, column),
        Key::ArrowDown => ((row + 1).min(last_row), column),
        Key::ArrowLeft => (row, column.saturating_sub(1)),
        Key::ArrowRight => (row, (column + 1).min(last_column)),
        Key::PageUp => (row.saturating_sub(page), column),
        Key::PageDown => ((row + page).min(last_row), column),
        Key::Home if ctrl => (0, 0),
        Key::End if ctrl => (last_row, last_column),
        Key::Home => (row, 0),
        Key::End => (row, last_column),
        Key::Space if modifiers.shift => {
            view.whole_rows = true;
            (row, column)
        }
        Key::A if ctrl => {
            view.anchor = Some((0, 0));
            view.cursor = Some((last_row, last_column));
            view.whole_rows = true;
            return;
        }
        Key::Enter => {
            shown.open = view.cursor;
            return;
        }
        Key::Escape => {
            view.anchor = None;
            view.whole_rows = false;
            return;
        }
        _ => return,
    };
    if modifiers.shift && key != Key::Space {
        view.anchor = view.anchor.or(Some((row, column)));
    } else {
        view.anchor = None;
        if key != Key::Space {
            view.whole_rows = false;
        }
    }
    view.cursor = Some(target);
    view.follow = true;
}

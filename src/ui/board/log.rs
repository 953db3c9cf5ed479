//! What was done on the board, newest first; a row opens its card.
use egui::{Align, Layout, ScrollArea, Ui};

use super::PageCx;
use crate::{
    app::board::Command,
    base::time,
    ui::widgets::{Row, section_head},
};

/// Draws the log.
pub fn log_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let filter = cx.state.board.filter.to_lowercase();
    let words: Vec<&str> = filter.split_whitespace().collect();
    let hit = |text: &str| words.iter().all(|w| text.contains(w));
    let all = &cx.state.board.log;
    let rows: Vec<_> =
        all.iter().filter(|r| words.is_empty() || hit(&format!("{} {}", r.what, r.by).to_lowercase())).collect();
    let note = crate::base::text::count(rows.len() as u64, "change");
    section_head(ui, theme, "What was done", &note, |ui| {
        let damaged = cx.state.board.damage.len();
        if damaged > 0 {
            let lines = crate::base::text::count(damaged as u64, "line");
            ui.label(theme.small(format!("{lines} cannot be read and are kept")).color(theme.warn));
        }
    });
    if rows.is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(12.0);
            ui.label(theme.muted("Nothing was done that matches"));
        });
        return;
    }
    let mut open = None;
    ScrollArea::vertical().auto_shrink(false).show_rows(ui, 24.0, rows.len(), |ui, range| {
        for row in &rows[range] {
            let name = format!("{}, {}", row.what, row.by);
            let response = Row::new(&name).padding(16.0).show(ui, theme, |ui| {
                ui.allocate_ui_with_layout(egui::vec2(112.0, 24.0), Layout::left_to_right(Align::Center), |ui| {
                    ui.set_min_width(112.0);
                    ui.label(theme.faint(time::when(row.at, cx.now))).on_hover_text(row.at.to_string());
                });
                ui.allocate_ui_with_layout(egui::vec2(128.0, 24.0), Layout::left_to_right(Align::Center), |ui| {
                    ui.set_min_width(128.0);
                    ui.add(egui::Label::new(theme.small(row.by.as_str())).truncate());
                });
                ui.add(egui::Label::new(theme.body(row.what.as_str())).truncate());
            });
            if response.clicked() {
                open.clone_from(&row.card);
            }
        }
    });
    if let Some(card) = open.filter(|c| cx.state.board.card(c).is_some()) {
        cx.send(Command::Show(crate::app::board::Picture::Board));
        cx.send(Command::Open(Some(card)));
    }
}

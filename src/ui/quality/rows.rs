//! The rows at fault, in the table of the data page.
use egui::{Align, Layout, Ui, vec2};

use super::View;
use crate::{
    app::{
        quality::{self, Command},
        shell,
    },
    base::text,
    ui::{
        PageCx,
        widgets::{Btn, error_box, grid::DataGrid, icon_button},
    },
};

/// Draws the failing rows of the result that was asked for.
pub(super) fn rows_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let Some(rows) = &cx.state.quality.rows else { return };
    if view.rows_of != rows.sql {
        view.rows_of.clone_from(&rows.sql);
        view.rows.reset();
    }
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 28.0), Layout::right_to_left(Align::Center), |ui| {
        if icon_button(ui, theme, "x", "Close the failing rows").clicked() {
            cx.send(Command::CloseRows);
        }
        if Btn::new("Copy SQL").icon("copy").quiet().show(ui, theme).clicked() {
            cx.send(shell::Command::Copy(rows.sql.clone()));
        }
        if Btn::new("Open in Data").icon("table-2").show(ui, theme).clicked() {
            cx.send(quality::open_query(&rows.sql));
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.label(theme.strong(format!("Failing rows of {}", rows.title)));
            if let Some(Ok(page)) = &rows.page {
                let total = text::count(rows.total, "row");
                let note = match page.rows.len() as u64 {
                    n if n < rows.total => format!("first {} of {total}", text::thousands(n)),
                    _ => total,
                };
                ui.label(theme.small(note));
            }
        });
    });
    match &rows.page {
        // Reading takes a moment at most; a word is enough.
        None => {
            ui.label(theme.muted("Reading"));
        }
        Some(Err(error)) => {
            error_box(ui, theme, error, &[]);
        }
        Some(Ok(page)) => {
            let shown =
                DataGrid::new("Failing rows", &page.columns, page).compact().unsorted().show(ui, theme, &mut view.rows);
            if let Some(selection) = shown.copy
                && let Some(text) = crate::ui::widgets::grid::selection_text(page, &page.columns, &selection)
            {
                cx.send(shell::Command::Copy(text));
            }
        }
    }
}

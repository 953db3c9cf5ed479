//! The foot line: what is visible, what is selected, how exact the profile is, where missing values stand.
use egui::{Sense, Ui, UiBuilder, vec2};

use crate::{
    app::data::{Face, Tab},
    base::text::{count, thousands},
    ui::{PageCx, widgets::grid::GridView},
};

/// 28 high, with a hairline above.
pub(super) fn foot_ui(ui: &mut Ui, cx: &mut PageCx<'_>, grid: &GridView, tab: &Tab) {
    let theme = cx.theme;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, theme.hairline());
    let inner = rect.shrink2(vec2(12.0, 0.0));
    let mut ui =
        ui.new_child(UiBuilder::new().max_rect(inner).layout(egui::Layout::left_to_right(egui::Align::Center)));
    ui.set_clip_rect(rect.intersect(ui.clip_rect()));
    ui.spacing_mut().item_spacing.x = 16.0;
    let total = tab.shown_rows();
    let known = tab.view_rows.or(tab.rows).is_some();
    let words = match (known, total) {
        (true, 0) => "No rows".to_owned(),
        // Rows are in sight in the table alone.
        (true, n) if tab.face != Face::Grid => {
            format!("{}, {}", count(n, "row"), count(tab.columns.len() as u64, "column"))
        }
        (true, n) => {
            let visible = grid.visible();
            format!("Rows {} to {} of {}", thousands(visible.start + 1), thousands(visible.end.min(n)), thousands(n))
        }
        (false, n) => format!("More than {}, still counting", count(n.saturating_sub(1), "row")),
    };
    ui.label(theme.small(words));
    if let Some(selection) = grid.selection().filter(|_| tab.face == Face::Grid) {
        let cells = (selection.rows.end - selection.rows.start) * selection.columns.len() as u64;
        let name = tab.columns.get(selection.columns.start).map_or("", |c| c.name.as_str());
        let words = if cells == 1 {
            format!("Row {}, {name}", thousands(selection.rows.start + 1))
        } else {
            let columns = count(selection.columns.len() as u64, "column");
            format!("{}, {columns} selected", count(selection.rows.end - selection.rows.start, "row"))
        };
        ui.label(theme.small(words));
    }
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        if !tab.spec().sort.is_empty() {
            ui.label(theme.small("Nulls last"));
        }
        let profile = if tab.profiles.iter().all(Option::is_none) {
            "Profiling"
        } else if tab.is_profile_exact() {
            "Profile exact"
        } else {
            "Profile from a sample"
        };
        ui.label(theme.small(profile));
        if let Some(first) = tab.notes.first() {
            let more = if tab.notes.len() > 1 { format!(" (and {} more)", tab.notes.len() - 1) } else { String::new() };
            let label = egui::Label::new(theme.small(format!("{first}{more}")).color(theme.warn)).truncate();
            ui.add(label).on_hover_text(tab.notes.join("\n"));
        }
    });
}

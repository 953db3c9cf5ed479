//! The left side: files in conflict, and what both sides touched in the one in front.
use egui::{Align, Layout, ScrollArea, Ui, vec2};

use crate::{
    app::conflict::{Command, Kind},
    model::merge::Entry,
    ui::{
        PageCx,
        theme::Mark,
        widgets::{Row, hair_x, mark, section_head},
    },
};

/// Draws the lists.
pub(super) fn list_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    // While nothing is listed yet the panel would shrink, and stay so.
    ui.set_min_width(ui.available_width());
    files_ui(ui, cx);
    let conflict = &cx.state.conflict;
    let Some(sheet) = conflict.sheet.clone() else { return };
    let title = match sheet.kind {
        Kind::Notebook(_) => "Cells touched on both sides",
        Kind::Text(_) => "Lines changed on both sides",
        Kind::Whole => "Versions",
    };
    section_head(ui, theme, title, "", |_| {});
    let foot = 76.0;
    let height = (ui.available_height() - foot).max(60.0);
    let mut send = Vec::new();
    let all = &sheet.entries;
    let focus = conflict.focus;
    let mut area =
        ScrollArea::vertical().id_salt(("conflict-entries", sheet.mark)).max_height(height).auto_shrink([false, true]);
    // The one in front is kept in view by its place: rows that are not seen are not drawn.
    let id = egui::Id::unique(("conflict-followed", sheet.mark));
    let seen = ui.data(|d| d.get_temp::<usize>(id));
    if seen != Some(focus) {
        ui.data_mut(|d| d.insert_temp(id, focus));
        area = area.vertical_scroll_offset((focus as f32 * 44.0 - height * 0.4).max(0.0));
    }
    area.show_rows(ui, 44.0, all.len(), |ui, range| {
        for i in range {
            if let Some(entry) = all.get(i) {
                entry_ui(ui, cx, entry, i == focus, || send.push(Command::Focus(i)));
            }
        }
    });
    send.into_iter().for_each(|c| cx.send(c));
    foot_ui(ui, cx);
}

fn files_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let conflict = &cx.state.conflict;
    let files = conflict.files();
    if files.len() + conflict.done.len() < 2 {
        return;
    }
    let done = conflict.done.len();
    let note = format!("{done} of {} decided", done + files.len());
    section_head(ui, theme, "Files", "", |ui| {
        ui.label(theme.faint(note));
    });
    let height = (ui.available_height() * 0.3).max(64.0);
    let mut chosen = None;
    let rows: Vec<(&str, &str, bool)> = files
        .iter()
        .map(|(path, words)| (*path, *words, false))
        .chain(conflict.done.iter().map(|p| (p.as_str(), "decided", true)))
        .collect();
    ScrollArea::vertical().id_salt("conflict-files").max_height(height).auto_shrink([false, true]).show_rows(
        ui,
        32.0,
        rows.len(),
        |ui, range| {
            for (path, words, done) in rows.get(range).unwrap_or_default() {
                let on = conflict.path.as_deref() == Some(*path);
                let name = format!("{path}, {words}");
                let row = Row::new(&name).height(32.0).selected(on).show(ui, theme, |ui| {
                    mark(ui, theme, if *done { Mark::Success } else { Mark::Warning }, 14.0);
                    let (folder, last) = path.rsplit_once('/').unwrap_or(("", path));
                    ui.spacing_mut().item_spacing.x = 6.0;
                    ui.add(egui::Label::new(theme.body(last)).truncate());
                    if !folder.is_empty() && ui.available_width() > 40.0 {
                        ui.add(egui::Label::new(theme.faint(folder)).truncate());
                    }
                });
                if row.on_hover_text(name).clicked() && !done {
                    chosen = Some((*path).to_owned());
                }
            }
        },
    );
    if let Some(path) = chosen {
        cx.send(Command::Select(path));
    }
    ui.add_space(4.0);
    hair_x(ui, theme);
}

fn entry_ui(ui: &mut Ui, cx: &PageCx<'_>, entry: &Entry, on: bool, mut clicked: impl FnMut()) {
    let theme = cx.theme;
    let settled = cx.state.conflict.is_settled(entry);
    let word = match (entry.is_conflict(), settled) {
        (false, true) => "merged",
        (true, true) => "decided",
        (_, false) => "decide",
    };
    let second = if entry.is_conflict() && !entry.title.is_empty() { &entry.title } else { &entry.how };
    let name = format!("{}, {}, {word}", entry.place, entry.how);
    let row = Row::new(&name).height(44.0).selected(on).show(ui, theme, |ui| {
        mark(ui, theme, if settled { Mark::Success } else { Mark::Warning }, 14.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(theme.faint(word));
            let size = vec2(ui.available_width(), 36.0);
            ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
                ui.set_width(size.x);
                ui.spacing_mut().item_spacing.y = 1.0;
                ui.add_space(3.0);
                ui.add(egui::Label::new(theme.label(entry.place.as_str())).truncate());
                ui.add(egui::Label::new(theme.small(second.as_str())).truncate());
            });
        });
    });
    if row.on_hover_text(format!("{}: {}", entry.place, entry.how)).clicked() {
        clicked();
    }
}

fn foot_ui(ui: &mut Ui, cx: &PageCx<'_>) {
    let theme = cx.theme;
    ui.add_space(8.0);
    hair_x(ui, theme);
    ui.add_space(8.0);
    let words = match cx.state.conflict.not_yet() {
        Some(reason) => format!("{reason}. Nothing is written until \u{201c}Finish merge\u{201d}."),
        None => "Everything is decided. \u{201c}Finish merge\u{201d} writes the file.".to_owned(),
    };
    egui::Frame::NONE.inner_margin(egui::Margin::symmetric(12, 0)).show(ui, |ui| {
        ui.horizontal_top(|ui| {
            ui.label(theme.icon("info", 14.0));
            ui.add(egui::Label::new(theme.small(words)).wrap());
        });
    });
}

//! The left side: files of the workspace, and the outline with the state of each part.
use egui::{ScrollArea, Ui};

use super::mark_of;
use crate::{
    app::{
        notebook::{Command, Doc, files},
        search, workspace,
    },
    model::workspace::FileKind,
    ui::{
        PageCx,
        theme::BODY,
        widgets::{Row, hair_x, icon_button, mark, nav_row, section_head},
    },
};

/// Draws it.
pub fn navigator_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let outline = cx.state.notebook.doc().filter(|d| !d.outline().is_empty());
    if cx.state.notebook.tests.total > 0 {
        egui::Panel::bottom(egui::Id::unique("notebook-tests"))
            .exact_size(super::tested::list_height(&cx.state.notebook.tests))
            .resizable(false)
            .frame(egui::Frame::NONE.fill(cx.theme.panel))
            .show_separator_line(false)
            .show(ui, |ui| {
                hair_x(ui, cx.theme);
                super::tested::list_ui(ui, cx);
            });
    }
    let full = ui.available_height();
    let files = match outline {
        Some(doc) => (full - 56.0 - 24.0 * doc.outline().len() as f32).max(full * 0.4),
        None => full,
    };
    section_head(ui, cx.theme, "Files", "", |ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        if icon_button(ui, cx.theme, "search", "Search in all files (Ctrl+Shift+F)").clicked() {
            cx.send(search::Command::Open { replacing: false });
        }
        if icon_button(ui, cx.theme, "file-plus", "New notebook").clicked() {
            cx.send(Command::New);
        }
    });
    ScrollArea::vertical().id_salt("files").max_height(files - 32.0).auto_shrink([false, true]).show(ui, |ui| {
        files_ui(ui, cx);
    });
    if let Some(doc) = outline {
        ui.add_space(8.0);
        hair_x(ui, cx.theme);
        outline_ui(ui, cx, doc);
    }
}

fn files_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let state = cx.state;
    let active = state.notebook.doc().map(|d| d.path.as_str());
    let rows: Vec<_> = state.workspace.visible().collect();
    let clip = ui.clip_rect();
    for entry in rows {
        // Thousands of files: what is out of sight only takes its place.
        let top = ui.cursor().top();
        if top + 24.0 < clip.top() || top > clip.bottom() {
            ui.add_space(24.0);
            continue;
        }
        let open = entry.kind == FileKind::Folder && state.workspace.expanded.contains(&entry.path);
        let icon = if open { "folder-open" } else { entry.kind.icon() };
        let dirty = state.notebook.docs.iter().any(|d| d.path == entry.path && d.is_dirty());
        let note = if dirty { "\u{2022}" } else { git_letter(cx, &entry.path) };
        let selected = Some(entry.path.as_str()) == active;
        let row = nav_row(ui, cx.theme, icon, entry.name(), note, entry.depth, selected);
        if row.clicked() {
            cx.send(workspace::Command::OpenFile(entry.path.clone()));
        }
        if entry.kind != FileKind::Folder {
            super::dropping::drag_file(ui, &row, &entry.path, cx.theme);
            let notebook = state.notebook.doc().is_some_and(|d| d.notebook().is_some());
            row.context_menu(|ui| {
                if ui.button("Open").clicked() {
                    cx.send(workspace::Command::OpenFile(entry.path.clone()));
                    ui.close();
                }
                let insert = ui.add_enabled(notebook, egui::Button::new("Insert a cell that reads it"));
                if insert.on_disabled_hover_text("No notebook is in front").clicked() {
                    let paths = vec![entry.path.as_str().into()];
                    cx.send(Command::Files(files::Command::Drop { at: files::At::Selected, paths }));
                    ui.close();
                }
            });
        }
    }
    if state.workspace.cut {
        ui.label(cx.theme.faint("   Only the first files are shown"));
    }
}

/// `M` for a changed file, `A` for a new one.
fn git_letter(cx: &PageCx<'_>, path: &str) -> &'static str {
    let status = &cx.state.git.status;
    match status.files.iter().find(|f| f.path == path) {
        None => "",
        Some(file) => match file.word() {
            "conflict" => "!",
            "same" => "",
            "new" | "added" => "A",
            "deleted" => "D",
            "renamed" => "R",
            _ => "M",
        },
    }
}

fn outline_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let theme = cx.theme;
    section_head(ui, theme, "Outline", "", |ui| {
        ui.label(theme.faint("state of each part"));
    });
    // The part the selected cell stands in.
    let at = doc.index();
    let here = doc.outline().iter().rposition(|r| r.at <= at);
    let top = doc.outline().iter().map(|r| r.level).min().unwrap_or(1);
    ScrollArea::vertical().id_salt("outline").auto_shrink([false, true]).show_rows(
        ui,
        24.0,
        doc.outline().len(),
        |ui, range| {
            // The part one has come to is brought into sight, once: the list can be scrolled away from it.
            let seen = ui.scope_id().with(("outline-here", doc.id));
            let before = ui.data_mut(|d| std::mem::replace(d.get_temp_mut_or(seen, here), here));
            if let Some(i) = here.filter(|i| before != here && !range.contains(i)) {
                let top = ui.max_rect().top() + 24.0 * (i as f32 - range.start as f32);
                let row = egui::Rect::from_min_size(egui::pos2(ui.max_rect().left(), top), egui::vec2(1.0, 24.0));
                ui.scroll_to_rect_animation(row, None, egui::style::ScrollAnimation::none());
            }
            for (i, row) in doc.outline().iter().enumerate().skip(range.start).take(range.len()) {
                let shown = Row::new(&row.title).selected(here == Some(i)).show(ui, theme, |ui| {
                    ui.add_space(12.0 * (row.level - top) as f32);
                    match mark_of(row.state) {
                        Some(state) => {
                            mark(ui, theme, state, 12.0);
                        }
                        None => ui.add_space(12.0),
                    }
                    let text = egui::RichText::new(row.title.as_str()).font(theme.font(BODY)).color(theme.text);
                    ui.add(egui::Label::new(text).truncate());
                });
                if shown.clicked() {
                    cx.send(Command::Select(row.key));
                }
            }
        },
    );
}

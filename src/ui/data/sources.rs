//! Data files of the workspace as a tree, and results of queries.
use std::collections::BTreeSet;

use egui::{ScrollArea, Ui};

use crate::{
    app::data::{Command, Origin},
    base::text,
    model::workspace::FileKind,
    ui::{
        PageCx,
        notebook::dropping::{Dragged, drag, drag_file},
        widgets::{icon_button, nav_row, section_head, text_field},
    },
};

/// Filter text and folded folders.
#[derive(Debug, Default)]
pub struct View {
    filter: String,
    folded: BTreeSet<String>,
}

enum Item {
    Folder { path: String, depth: usize, files: usize },
    File { path: String, depth: usize, note: String },
    ResultsHead,
    Result { id: u64, title: String, note: String, sql: String },
}

/// The navigator of the data page.
pub(super) fn sources_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let count = cx.state.workspace.files(FileKind::Data).count();
    section_head(ui, theme, "Sources", &text::count(count as u64, "file"), |ui| {
        if icon_button(ui, theme, "refresh-cw", "Look for files again").clicked() {
            cx.send.push(crate::app::workspace::Command::Refresh.into());
        }
    });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(12.0);
        let width = ui.available_width() - 12.0;
        text_field(ui, theme, &mut view.filter, "Filter files", "Filter files", width);
    });
    ui.add_space(8.0);
    let items = items(cx, view);
    if items.is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(12.0);
            let words = if view.filter.is_empty() { "No data files in this folder" } else { "No file matches" };
            ui.label(theme.small(words));
        });
        return;
    }
    let active = cx.state.data.active().map(|t| (t.id, t.origin.clone()));
    ScrollArea::vertical().auto_shrink(false).show_rows(ui, 24.0, items.len(), |ui, range| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for item in &items[range] {
            item_ui(ui, cx, view, item, active.as_ref());
        }
    });
}

fn item_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, item: &Item, active: Option<&(u64, Origin)>) {
    let theme = cx.theme;
    match item {
        Item::Folder { path, depth, files } => {
            let name = path.rsplit('/').next().unwrap_or(path);
            let open = !view.folded.contains(path);
            let icon = if open { "folder-open" } else { "folder" };
            let response = nav_row(ui, theme, icon, name, &files.to_string(), *depth, false);
            if response.clicked() && !view.folded.remove(path) {
                view.folded.insert(path.clone());
            }
            response.context_menu(|ui| {
                if ui.button("Open the folder as one table").clicked() {
                    cx.send.push(Command::Open(path.clone()).into());
                    ui.close();
                }
            });
        }
        Item::File { path, depth, note } => {
            let on = active.is_some_and(|(_, o)| matches!(o, Origin::File(p) if p == path));
            let name = path.rsplit('/').next().unwrap_or(path);
            let response = nav_row(ui, theme, "table-2", name, note, *depth, on);
            if response.clicked() {
                cx.send.push(Command::Open(path.clone()).into());
            }
            // Onto the item of the notebook page in the rail, and from there between two cells.
            drag_file(ui, &response, path, theme);
            response.on_hover_text(path);
        }
        Item::ResultsHead => {
            nav_row(ui, theme, "braces", "Results", "", 0, false);
        }
        Item::Result { id, title, note, sql } => {
            let on = active.is_some_and(|(a, _)| a == id);
            let response = nav_row(ui, theme, "table-2", title, note, 1, on);
            if response.clicked() {
                cx.send.push(Command::Activate(*id).into());
            }
            drag(ui, &response, theme, || Dragged::Result { tab: *id, title: title.clone(), sql: sql.clone() });
        }
    }
}

fn items(cx: &PageCx<'_>, view: &View) -> Vec<Item> {
    let mut items = Vec::new();
    let all: Vec<_> = cx.state.workspace.files(FileKind::Data).collect();
    if !view.filter.trim().is_empty() {
        let mut found: Vec<_> =
            all.iter().filter_map(|e| Some((text::fuzzy(&view.filter, &e.path)?.score, *e))).collect();
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.path.cmp(&b.1.path)));
        let file = |e: &crate::model::workspace::Entry| Item::File {
            path: e.path.clone(),
            depth: 0,
            note: text::bytes(e.size),
        };
        items.extend(found.into_iter().map(|(_, e)| file(e)));
        return items;
    }
    let mut open: Vec<&str> = Vec::new();
    for entry in &all {
        let folders: Vec<&str> = entry.path.split('/').collect();
        let folders = &folders[..folders.len() - 1];
        let same = open.iter().zip(folders).take_while(|(a, b)| *a == *b).count();
        for depth in same..folders.len() {
            let path = folders[..=depth].join("/");
            if !folded_above(view, &path) {
                let below = format!("{path}/");
                let files = all.iter().filter(|e| e.path.starts_with(&below)).count();
                items.push(Item::Folder { path, depth, files });
            }
        }
        open = folders.to_vec();
        if !folded_above(view, &entry.path) {
            let note = text::bytes(entry.size);
            items.push(Item::File { path: entry.path.clone(), depth: folders.len(), note });
        }
    }
    let results: Vec<_> = cx.state.data.tabs.iter().filter(|t| !matches!(t.origin, Origin::File(_))).collect();
    if !results.is_empty() {
        items.push(Item::ResultsHead);
        items.extend(results.into_iter().map(|t| Item::Result {
            id: t.id,
            title: t.title.clone(),
            sql: t.sql.clone(),
            note: t.rows.map(text::thousands).unwrap_or_default(),
        }));
    }
    items
}

/// True when a folder above is folded.
fn folded_above(view: &View, path: &str) -> bool {
    path.match_indices('/').any(|(i, _)| view.folded.contains(&path[..i]))
}

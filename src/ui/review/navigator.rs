//! The left side: changed files, changes of the notebook in front, history of its file.
use egui::{Align, Layout, ScrollArea, Ui};

use super::people;
use crate::{
    app::{
        git::work::Work,
        review::{Command, Counts},
        workspace,
    },
    base::{
        text::{count, thousands},
        time,
    },
    model::{
        diff::{CellChange, CellDiff, CellView, FileShape, NotebookDiff, is_notebook},
        git::{Change, ChangedFile, CommitInfo, FileVersion, Rev},
    },
    ui::{
        PageCx,
        widgets::{Row, hair_x, icon_button, link, section_head},
    },
};

/// Draws the navigator.
pub(super) fn navigator_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    people::foot_ui(ui, cx);
    let review = &cx.state.review;
    let files = review.files.files.len();
    let note = if files == 0 { String::new() } else { format!("{} of {files} viewed", review.viewed_count()) };
    section_head(ui, theme, "Files", "", |ui| {
        ui.label(theme.faint(note));
    });
    let height = ui.available_height();
    let (mut send, mut acts): (Vec<Command>, Vec<crate::app::Command>) = Default::default();
    list(ui, "review-file-list", height * 0.4, 32.0, files, |ui, i| {
        if let Some(file) = review.files.files.get(i) {
            file_ui(ui, cx, file, &mut send, &mut acts);
        }
    });
    if review.files.more > 0 {
        small(ui, cx, &format!("{} more are not listed", thousands(review.files.more)));
    }
    if let Some(FileShape::Notebook(diff)) = review.shown.as_ref().map(|s| &s.diff.shape) {
        ui.add_space(8.0);
        hair_x(ui, theme);
        let all = review.changes().len();
        let seen = review.changes().iter().filter(|c| review.viewed_rows.contains(c)).count();
        let note = if all == 0 { String::new() } else { format!("{seen} of {all} viewed") };
        let title = if ui.available_width() < 240.0 { "Changes" } else { "Changes in this notebook" };
        section_head(ui, theme, title, "", |ui| {
            ui.label(theme.faint(note));
        });
        changes_ui(ui, cx, diff, height * 0.35, &mut send);
    }
    people::approvals_ui(ui, cx, &mut send);
    people::elsewhere_ui(ui, cx, &mut send);
    if !review.commits.is_empty() {
        ui.add_space(8.0);
        hair_x(ui, theme);
        section_head(ui, theme, "Commits", "", |ui| {
            ui.label(theme.faint(review.commits.len().to_string()));
        });
        list(ui, "review-commits", 24.0 * 5.0, 24.0, review.commits.len(), |ui, i| {
            if let Some(commit) = review.commits.get(i) {
                commit_ui(ui, cx, commit, None, &mut send);
            }
        });
    }
    if !review.history.is_empty() {
        ui.add_space(8.0);
        hair_x(ui, theme);
        let runs = review.path.as_deref().is_some_and(is_notebook);
        section_head(ui, theme, "History of this file", "", |ui| {
            let name = "By runs";
            if runs
                && link(ui, theme, name).on_hover_text("The cells of this notebook by its stored runs (M)").clicked()
            {
                send.push(Command::ShowRuns(true));
            }
        });
        let left = ui.available_height();
        list(ui, "review-history", left, 24.0, review.history.len(), |ui, i| history_ui(ui, cx, i, &mut send));
    }
    send.into_iter().for_each(|c| cx.send(c));
    acts.into_iter().for_each(|c| cx.send(c));
}

fn list(ui: &mut Ui, id: &str, height: f32, row: f32, rows: usize, mut draw: impl FnMut(&mut Ui, usize)) {
    ScrollArea::vertical().id_salt(id).max_height(height).auto_shrink([false, true]).show_rows(
        ui,
        row,
        rows,
        |ui, range| {
            range.for_each(|i| draw(ui, i));
        },
    );
}

fn small(ui: &mut Ui, cx: &PageCx<'_>, text: &str) {
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        ui.label(cx.theme.small(text));
    });
}

fn file_icon(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map_or("", |(_, e)| e);
    match extension {
        _ if is_notebook(path) => "notebook-text",
        "toml" | "yaml" | "yml" => "file-cog",
        "py" | "sql" | "rs" | "sh" => "file-code",
        "json" => "file-json",
        "csv" | "parquet" | "arrow" => "file-spreadsheet",
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "svg" => "image",
        "md" | "txt" => "file-text",
        _ => "file",
    }
}

/// `+9 \u{2212}1`, `re-run`, `deleted`.
fn counts_words(file: &ChangedFile, counts: Option<&Counts>) -> String {
    let state = match file.change {
        Change::Deleted => "deleted",
        Change::Renamed => "renamed",
        Change::Added if file.untracked => "new",
        Change::Added => "added",
        _ => "",
    };
    let lines = match counts {
        Some(c) if c.quiet && is_notebook(&file.path) && state.is_empty() => return "re-run".to_owned(),
        Some(c) => {
            let part = |sign: &str, n: u64| if n > 0 { format!("{sign}{}", thousands(n)) } else { String::new() };
            [part("+", c.added), part("\u{2212}", c.removed)].join(" ").trim().to_owned()
        }
        None => String::new(),
    };
    if lines.is_empty() { state.to_owned() } else { lines }
}

/// True where the comparison shows what lies on disk and no commit has: that can be discarded.
fn can_discard(cx: &PageCx<'_>, path: &str) -> bool {
    let status = cx.state.git.status.file(path);
    cx.state.review.compare == Rev::WorkingTree && status.is_some_and(|f| !f.conflicted)
}

fn file_ui(
    ui: &mut Ui,
    cx: &PageCx<'_>,
    file: &ChangedFile,
    send: &mut Vec<Command>,
    acts: &mut Vec<crate::app::Command>,
) {
    let theme = cx.theme;
    let review = &cx.state.review;
    let discards = can_discard(cx, &file.path);
    let discard = || crate::app::Command::from(Work::Discard(vec![file.path.clone()]));
    let on = review.path.as_deref() == Some(file.path.as_str());
    let viewed = review.is_viewed(&file.path);
    let mut name = if viewed { format!("{}, viewed", file.path) } else { file.path.clone() };
    let said = people::spoken(cx, &file.path);
    if !said.is_empty() {
        name.push_str(&format!(", {said}"));
    }
    let row = Row::new(&name).height(32.0).selected(on).show(ui, theme, |ui| {
        ui.label(theme.icon(file_icon(&file.path), 14.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let near = ui.rect_contains_pointer(ui.max_rect().expand2(egui::vec2(12.0, 0.0)));
            if discards && (near || on) {
                let name = format!("Discard the changes of {}", file.path);
                if icon_button(ui, theme, "eraser", &name).clicked() {
                    acts.push(discard());
                }
            }
            if viewed {
                ui.label(theme.icon("check", 14.0));
            } else {
                ui.add_space(14.0);
            }
            ui.label(theme.faint(counts_words(file, review.counts.get(&file.path))));
            people::file_counts_ui(ui, cx, &file.path);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let (folder, last) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
                ui.spacing_mut().item_spacing.x = 6.0;
                ui.add(egui::Label::new(theme.body(last)).truncate());
                if !folder.is_empty() && ui.available_width() > 40.0 {
                    ui.add(egui::Label::new(theme.faint(folder)).truncate());
                }
            });
        });
    });
    let tip = match &file.old_path {
        Some(old) => format!("{} (was {old})", file.path),
        None => file.path.clone(),
    };
    row.context_menu(|ui| {
        if file.change != Change::Deleted && ui.button("Open the file").clicked() {
            acts.push(workspace::Command::OpenFile(file.path.clone()).into());
        }
        if ui.button("Copy the path").clicked() {
            ui.ctx().copy_text(file.path.clone());
        }
        if discards && ui.button("Discard the changes").clicked() {
            acts.push(discard());
        }
    });
    if row.on_hover_text(tip).clicked() {
        send.push(Command::Select(file.path.clone()));
    }
}

/// What happened, in one word of the list.
fn word(row: &CellDiff) -> &'static str {
    match row.change {
        CellChange::Added => "Added",
        CellChange::Removed => "Removed",
        CellChange::Changed if row.source.is_some() || row.retyped.is_some() => "Changed",
        CellChange::Changed if !row.outputs.is_empty() => "Outputs",
        CellChange::Changed => "Details",
        _ => "Moved",
    }
}

fn changes_ui(ui: &mut Ui, cx: &PageCx<'_>, diff: &NotebookDiff, height: f32, send: &mut Vec<Command>) {
    let theme = cx.theme;
    let review = &cx.state.review;
    let changes = review.changes();
    let hidden = usize::from(diff.summary.rerun > 0);
    let quiet = usize::from(changes.is_empty());
    list(ui, "review-changes", height, 24.0, changes.len() + hidden + quiet, |ui, i| {
        let Some(row) = changes.get(i).and_then(|c| diff.cells.get(*c)) else {
            let (first, text) = if changes.is_empty() && i == 0 {
                ("Nothing", "no cell changed".to_owned())
            } else {
                ("Hidden", format!("{} only re-run", count(diff.summary.rerun as u64, "cell")))
            };
            Row::new(&text).show(ui, theme, |ui| pair(ui, cx, first, &text, true));
            return;
        };
        let number = row.new.or(row.old).map_or(0, |n| n + 1);
        let title = diff.cell(row).map(CellView::title).unwrap_or_default();
        let text = format!("{number}  {title}");
        let name = format!("{} cell {text}", word(row));
        let viewed = changes.get(i).is_some_and(|c| review.viewed_rows.contains(c));
        let shown =
            Row::new(&name).soft(i == review.focus).show(ui, theme, |ui| pair(ui, cx, word(row), &text, viewed));
        if shown.clicked() {
            send.push(Command::Focus(i));
        }
    });
}

fn pair(ui: &mut Ui, cx: &PageCx<'_>, first: &str, text: &str, faint: bool) {
    let theme = cx.theme;
    let size = egui::vec2(56.0, 20.0);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_width(56.0);
        ui.label(theme.faint(first));
    });
    let text = if faint { theme.muted(text) } else { theme.body(text) };
    ui.add(egui::Label::new(text).truncate());
}

fn history_ui(ui: &mut Ui, cx: &PageCx<'_>, index: usize, send: &mut Vec<Command>) {
    if let Some(version) = cx.state.review.history.get(index) {
        commit_ui(ui, cx, &version.commit, Some(version), send);
    }
}

/// A commit; a click compares it with the one before, of a file's history with that file in front.
fn commit_ui(
    ui: &mut Ui,
    cx: &PageCx<'_>,
    commit: &CommitInfo,
    version: Option<&FileVersion>,
    send: &mut Vec<Command>,
) {
    let theme = cx.theme;
    let on = cx.state.review.compare == Rev::At(commit.id.clone());
    let name = format!("{} {}", commit.short(), commit.summary);
    let row = Row::new(&name).soft(on).show(ui, theme, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(theme.faint(time::when(commit.at, cx.now)));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(theme.body(commit.summary.as_str())).truncate());
            });
        });
    });
    let mut tip = format!("{} by {}, {}", commit.short(), commit.author.name, time::day_hhmm(commit.at));
    if let Some(version) = version {
        tip.push_str(&format!("\n{} {}", version.change.word(), version.path));
    } else if !commit.body.is_empty() {
        tip.push_str(&format!("\n\n{}", commit.body));
    }
    if row.on_hover_text(tip).clicked() {
        let compare = Rev::At(commit.id.clone());
        let base = commit.parents.first().map_or(Rev::Empty, |p| Rev::At(p.clone()));
        send.push(Command::Show { base, compare, path: version.map(|v| v.path.clone()) });
    }
}

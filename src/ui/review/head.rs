//! The page head: base and compare pickers, facts, layout, next change, commit.
use egui::{Align, Layout, Ui};

use super::{
    View,
    picker::{picker, words},
};
use crate::{
    app::{
        git,
        review::{Command, Mode},
        settings,
    },
    base::text::count,
    model::{diff::FileShape, git::Rev},
    ui::{
        PageCx,
        widgets::{Btn, icon_button, page_head, segmented},
    },
};

/// The head without anything to compare.
pub(super) fn plain_head(ui: &mut Ui, cx: &PageCx<'_>) {
    page_head(ui, cx.theme, "Review", "", |_| {});
}

/// Draws the head.
pub(super) fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let narrow = ui.available_width() < 1050.0;
    page_head(ui, theme, "Review", "", |ui| {
        let review = &cx.state.review;
        let (base, compare) = (review.base.clone(), review.compare.clone());
        let letters = if narrow { 18 } else { 30 };
        if let Some(rev) = picker(ui, cx, &mut view.picker, "Base", &base, letters) {
            cx.send(Command::SetBase(rev));
        }
        if icon_button(ui, theme, "arrow-right", "Exchange the sides").clicked() {
            cx.send(Command::Swap);
        }
        if let Some(rev) = picker(ui, cx, &mut view.picker, "Compare", &compare, letters) {
            cx.send(Command::SetCompare(rev));
        }
        parted_ui(ui, cx, narrow);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            right_ui(ui, cx, narrow);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(theme.faint(facts(cx))).truncate());
            });
        });
    });
}

/// Where both sides went on: only what the compared one did since, or all that differs.
fn parted_ui(ui: &mut Ui, cx: &mut PageCx<'_>, narrow: bool) {
    let review = &cx.state.review;
    if !review.both {
        return;
    }
    let on = review.since_parted;
    let label = if narrow { "Since parted" } else { "Since they parted" };
    let tip = match &review.parted {
        Some(at) => format!(
            "Only what {} did since {}, the last commit both have (three dots). Click for all that differs between them.",
            words(cx, &review.compare),
            crate::model::git::short(at)
        ),
        None => "All that differs between both (two dots). Click for what the compared side alone did.".to_owned(),
    };
    let button = Btn::new(label).icon("git-fork").quiet().on(on).name("Only changes since they parted");
    if button.show(ui, cx.theme).on_hover_text(tip).clicked() {
        cx.send(Command::SinceParted(!on));
    }
}

fn right_ui(ui: &mut Ui, cx: &mut PageCx<'_>, narrow: bool) {
    let theme = cx.theme;
    let review = &cx.state.review;
    let files = cx.state.git.committable().count();
    if review.compare == Rev::WorkingTree && files > 0 {
        let label = format!("Commit {}\u{2026}", count(files as u64, "file"));
        if Btn::new(&label).icon("git-commit-horizontal").primary().show(ui, theme).clicked() {
            cx.send(git::Command::OpenCommit(Vec::new()));
        }
    }
    super::people::head_ui(ui, cx, narrow);
    let review = &cx.state.review;
    let changes = review.changes().len();
    let reason = (changes == 0).then_some("Nothing to step through in this file");
    let label = if narrow { "Next" } else { "Next change" };
    let next = Btn::new(label).icon("arrow-down").key("N").quiet().disabled(reason);
    if next.name("Next change").show(ui, theme).clicked() {
        cx.send(Command::Next);
    }
    if !narrow && reason.is_none() && icon_button(ui, theme, "arrow-up", "Previous change (P)").clicked() {
        cx.send(Command::Previous);
    }
    let lines =
        review.shown.as_ref().is_some_and(|s| matches!(s.diff.shape, FileShape::Notebook(_) | FileShape::Text(_)));
    if lines {
        let choices = [(Mode::SideBySide, "Side by side"), (Mode::Unified, "Unified")];
        if let Some(mode) = segmented(ui, theme, review.mode, &choices) {
            cx.send(Command::SetMode(mode));
        }
        let wrap = cx.state.settings.values.wrap_lines;
        let name = if wrap { "Cut long lines (W)" } else { "Wrap long lines (W)" };
        if Btn::new("").icon("wrap-text").quiet().on(wrap).name(name).show(ui, theme).on_hover_text(name).clicked() {
            cx.send(settings::Command::SetWrapLines(!wrap));
        }
    }
}

/// `2 commits by Mara Okafor, 3 files`.
fn facts(cx: &PageCx<'_>) -> String {
    let review = &cx.state.review;
    let mut parts = Vec::new();
    if review.suggested && cx.state.git.status.files.is_empty() {
        parts.push("nothing uncommitted".to_owned());
    }
    if !review.commits.is_empty() {
        let mut names: Vec<&str> = review.commits.iter().map(|c| c.author.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let by = match names.as_slice() {
            [one] => format!(" by {one}"),
            [a, b] => format!(" by {a} and {b}"),
            many => format!(" by {} people", many.len()),
        };
        parts.push(format!("{}{by}", count(review.commits.len() as u64, "commit")));
    }
    if review.loaded {
        parts.push(count(review.files.files.len() as u64 + review.files.more, "file"));
    }
    if let Some(parted) = &review.parted {
        parts.push(format!("since they parted at {}", crate::model::git::short(parted)));
    }
    parts.join(", ")
}

//! The page head: base and compare pickers, facts, layout, next change, commit.
use egui::{Align, Layout, ScrollArea, Ui};

use super::View;
use crate::{
    app::{
        git,
        review::{Command, Mode},
        settings,
    },
    base::{text::count, time},
    model::{
        diff::FileShape,
        git::{RefKind, Rev},
    },
    ui::{
        PageCx,
        widgets::{Btn, Row, icon_button, page_head, section_head, segmented, text_field},
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
        if let Some(rev) = picker(ui, cx, view, "Base", &base) {
            cx.send(Command::SetBase(rev));
        }
        if icon_button(ui, theme, "arrow-right", "Exchange the sides").clicked() {
            cx.send(Command::Swap);
        }
        if let Some(rev) = picker(ui, cx, view, "Compare", &compare) {
            cx.send(Command::SetCompare(rev));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            right_ui(ui, cx, narrow);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(theme.faint(facts(cx))).truncate());
            });
        });
    });
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

/// The name of a side as people say it.
fn words(cx: &PageCx<'_>, rev: &Rev) -> String {
    match rev {
        Rev::WorkingTree => "Working tree".to_owned(),
        Rev::At(name) if name == "HEAD" => match cx.state.git.branch() {
            Some(branch) => format!("HEAD ({branch})"),
            None => "HEAD".to_owned(),
        },
        other => other.to_string(),
    }
}

/// A button with the name of a side; its menu offers the others.
fn picker(ui: &mut Ui, cx: &PageCx<'_>, view: &mut View, which: &str, current: &Rev) -> Option<Rev> {
    let theme = cx.theme;
    let label = crate::base::text::shorten(&words(cx, current), 32);
    let name = format!("{which}: {label}");
    let button = Btn::new(&label).icon("git-branch").name(&name).show(ui, theme);
    if button.clicked() {
        view.filter.clear();
    }
    let mut chosen = None;
    egui::Popup::menu(&button).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside).width(360.0).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.set_width(360.0);
        text_field(ui, theme, &mut view.filter, "Find a revision", "Branch, tag, commit or HEAD~2", 356.0);
        ScrollArea::vertical().max_height(420.0).auto_shrink([false, true]).show(ui, |ui| {
            chosen = choices_ui(ui, cx, view.filter.trim());
        });
        if chosen.is_some() {
            ui.close();
        }
    });
    chosen.filter(|c| c != current)
}

fn choices_ui(ui: &mut Ui, cx: &PageCx<'_>, filter: &str) -> Option<Rev> {
    let theme = cx.theme;
    let mut chosen = None;
    let fits = |text: &str| filter.is_empty() || crate::base::text::fuzzy(filter, text).is_some();
    let mut row = |ui: &mut Ui, icon: &str, title: &str, note: &str, rev: Rev| {
        let shown = Row::new(title).height(24.0).padding(8.0).show(ui, theme, |ui| {
            ui.label(theme.icon(icon, 14.0));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(theme.faint(note));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(theme.body(title)).truncate());
                });
            });
        });
        if shown.clicked() {
            chosen = Some(rev);
        }
    };
    if fits("Working tree") {
        row(ui, "pencil", "Working tree", "files on disk", Rev::WorkingTree);
    }
    if fits("HEAD") {
        row(ui, "git-commit-horizontal", "HEAD", "last commit", Rev::head());
    }
    let kinds = [(RefKind::Branch, "Branches"), (RefKind::Remote, "Remote branches"), (RefKind::Tag, "Tags")];
    for (kind, title) in kinds {
        let refs: Vec<_> = cx.state.git.refs.iter().filter(|r| r.kind == kind && fits(&r.name)).take(40).collect();
        if refs.is_empty() {
            continue;
        }
        section_head(ui, theme, title, "", |_| {});
        for r in refs {
            let icon = if kind == RefKind::Tag { "tag" } else { "git-branch" };
            row(ui, icon, &r.name, &time::when(r.at, cx.now), Rev::At(r.name.clone()));
        }
    }
    let commits: Vec<_> =
        cx.state.git.recent.iter().filter(|c| fits(&c.summary) || c.id.starts_with(filter)).take(30).collect();
    if !commits.is_empty() {
        section_head(ui, theme, "Recent commits", "", |_| {});
        for c in commits {
            let title = format!("{}  {}", c.short(), c.summary);
            row(ui, "git-commit-horizontal", &title, &time::when(c.at, cx.now), Rev::At(c.id.clone()));
        }
    }
    if !filter.is_empty() {
        section_head(ui, theme, "Any revision", "", |_| {});
        row(ui, "search", filter, "as git reads it", Rev::At(filter.to_owned()));
    }
    chosen
}

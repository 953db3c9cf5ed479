//! What is to decide besides the text: a cell that one side took out, metadata, a place; and who changed it.
use egui::{Align, Frame, Layout, Margin, Ui, vec2};

use crate::{
    app::{
        conflict::{Command, Kind, Sheet},
        review,
    },
    base::{text::shorten, time},
    model::{
        git::{CommitInfo, Rev},
        merge::{Entry, KeyConflict, Part, Take},
    },
    ui::{
        PageCx,
        theme::Theme,
        widgets::{hair_x, link, segmented},
    },
};

fn box_ui(ui: &mut Ui, theme: &Theme, contents: impl FnOnce(&mut Ui)) {
    Frame::NONE
        .fill(theme.panel)
        .stroke(theme.hairline())
        .corner_radius(6)
        .inner_margin(Margin::symmetric(12, 6))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 6.0;
            contents(ui);
        });
}

fn line_ui(ui: &mut Ui, cx: &mut PageCx<'_>, title: &str, words: &str, right: impl FnOnce(&mut Ui, &mut PageCx<'_>)) {
    let theme = cx.theme;
    let size = vec2(ui.available_width(), 24.0);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        right(ui, cx);
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.label(theme.strong(title));
            ui.add(egui::Label::new(theme.muted(words)).truncate()).on_hover_text(words);
        });
    });
}

/// A cell that one side deleted, or whose kind or unknown fields both changed.
pub(super) fn cell_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry) {
    if !entry.parts.contains(&Part::Cell) {
        return;
    }
    let now = cx.state.conflict.answer(entry).and_then(|a| a.cell);
    let whole = cx.state.conflict.sheet.as_ref().is_some_and(|s| matches!(s.kind, Kind::Whole));
    let has = |take: Take| entry.text(take).is_some();
    let (ours, theirs) = (has(Take::Local), has(Take::Remote));
    let (words, labels): (&str, [&str; 3]) = match (ours, theirs) {
        (true, true) if whole => ("One version is taken as it is", ["Ours", "Base", "Theirs"]),
        (true, true) => ("Both sides changed its type, an attachment or another field", ["Ours", "Base", "Theirs"]),
        (true, false) => ("Changed here, deleted there", ["Keep ours", "Keep the base", "Delete it"]),
        (false, true) => ("Deleted here, changed there", ["Delete it", "Keep the base", "Keep theirs"]),
        (false, false) => ("Deleted on both sides", ["Delete it", "Keep the base", "Delete it"]),
    };
    let title = if whole { "File" } else { "Cell" };
    box_ui(ui, cx.theme, |ui| {
        line_ui(ui, cx, title, words, |ui, cx| {
            let [a, b, c] = labels;
            let mut choices = vec![(Some(Take::Local), a)];
            if has(Take::Base) {
                choices.push((Some(Take::Base), b));
            }
            choices.push((Some(Take::Remote), c));
            if let Some(Some(take)) = segmented(ui, cx.theme, now, &choices) {
                cx.send(Command::Cell(take));
            }
        });
    });
}

/// Members of metadata that both sides changed, with their values.
pub(super) fn metadata_ui(ui: &mut Ui, cx: &mut PageCx<'_>, sheet: &Sheet, entry: &Entry) {
    if !entry.parts.contains(&Part::Metadata) && !entry.parts.contains(&Part::Notebook) {
        return;
    }
    let theme = cx.theme;
    let now = cx.state.conflict.answer(entry).and_then(|a| a.metadata);
    let keys = sheet.keys(entry);
    box_ui(ui, cx.theme, |ui| {
        line_ui(ui, cx, "Metadata", "both sides changed these values", |ui, cx| {
            let choices = [(Some(Take::Local), "Ours"), (Some(Take::Base), "Base"), (Some(Take::Remote), "Theirs")];
            if let Some(Some(take)) = segmented(ui, cx.theme, now, &choices) {
                cx.send(Command::Metadata(take));
            }
        });
        hair_x(ui, theme);
        let head = KeyConflict { key: "Value".into(), values: ["Base", "Ours", "Theirs"].map(|s| Some(s.to_owned())) };
        values_ui(ui, theme, &head, None, true);
        for conflict in keys.iter().take(200) {
            values_ui(ui, theme, conflict, now, false);
        }
    });
}

/// A line of the table: the key, then ours, the base and theirs.
fn values_ui(ui: &mut Ui, theme: &Theme, conflict: &KeyConflict, now: Option<Take>, head: bool) {
    ui.horizontal(|ui| {
        let width = ((ui.available_width() - 24.0) / 4.0).max(60.0);
        let [base, ours, theirs] = &conflict.values;
        let mut cell = |text: &str, strong: bool| {
            let size = vec2(width, 20.0);
            ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
                ui.set_width(width);
                let one = shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "), 200);
                let shown = match (head, strong) {
                    (true, _) => theme.section(one),
                    (false, true) => theme.code(one),
                    (false, false) => theme.code(one).color(theme.muted),
                };
                ui.add(egui::Label::new(shown).truncate()).on_hover_text(text);
            });
        };
        cell(&conflict.key, true);
        for (value, take) in [(ours, Take::Local), (base, Take::Base), (theirs, Take::Remote)] {
            cell(value.as_deref().unwrap_or("not set"), now == Some(take));
        }
    });
}

/// Where a cell that both sides moved stands.
pub(super) fn place_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry) {
    if !entry.moved_twice {
        return;
    }
    let now = cx.state.conflict.answer(entry).and_then(|a| a.place);
    box_ui(ui, cx.theme, |ui| {
        let words = match now {
            None => "Both sides moved it to different places; the earlier one stands unless you choose",
            Some(Take::Local) => "It stands where ours has it",
            Some(Take::Base) => "It stands where it was",
            Some(Take::Remote) => "It stands where theirs has it",
        };
        line_ui(ui, cx, "Place", words, |ui, cx| {
            let choices =
                [(Some(Take::Local), "As ours"), (Some(Take::Base), "As it was"), (Some(Take::Remote), "As theirs")];
            if let Some(Some(take)) = segmented(ui, cx.theme, now, &choices) {
                cx.send(Command::Place(take));
            }
        });
    });
}

/// The last commit of each side that touched it.
pub(super) fn why_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry) {
    let theme = cx.theme;
    let Some(why) = cx.state.conflict.why.get(&entry.at).cloned() else { return };
    if why.ours.is_none() && why.theirs.is_none() {
        return;
    }
    let situation = &cx.state.conflict.situation;
    let (ours, theirs) = (situation.ours.label.clone(), situation.theirs.label.clone());
    box_ui(ui, cx.theme, |ui| {
        let title = if why.of_file { "Last change of the file on each side" } else { "Why each side changed it" };
        line_ui(ui, cx, title, "", |_, _| {});
        hair_x(ui, theme);
        let width = (ui.available_width() - 12.0) * 0.5;
        ui.horizontal_top(|ui| {
            for (commit, label) in [(&why.ours, &ours), (&why.theirs, &theirs)] {
                ui.allocate_ui_with_layout(vec2(width, 64.0), Layout::top_down(Align::Min), |ui| {
                    ui.set_width(width);
                    match commit {
                        Some(commit) => commit_ui(ui, cx, commit, label),
                        None => {
                            ui.label(theme.muted(format!("No commit of its own on {label}")));
                        }
                    }
                });
            }
        });
    });
}

fn commit_ui(ui: &mut Ui, cx: &mut PageCx<'_>, commit: &CommitInfo, label: &str) {
    let theme = cx.theme;
    ui.spacing_mut().item_spacing.y = 3.0;
    ui.horizontal(|ui| {
        ui.label(theme.code(commit.short()).color(theme.accent));
        ui.add(egui::Label::new(theme.strong(commit.summary.as_str())).truncate());
    });
    let body = commit.body.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    let mut words = format!("{}, {}, on {label}.", commit.author.name, time::when(commit.at, cx.now));
    if !body.is_empty() {
        words.push_str(&format!(" {body}"));
    }
    ui.add(egui::Label::new(theme.muted(words)).truncate());
    if link(ui, theme, "Open commit").clicked() {
        let base = commit.parents.first().map_or(Rev::Empty, |p| Rev::At(p.clone()));
        let path = cx.state.conflict.path.clone();
        cx.send(review::Command::Show { base, compare: Rev::At(commit.id.clone()), path });
    }
}

//! What is to decide besides the text: a cell that one side took out, metadata, a place; and who changed it.
use egui::{Align, Frame, Layout, Margin, Role, Stroke, Ui, WidgetInfo, vec2};

use crate::{
    app::{
        conflict::{Command, Kind},
        review,
    },
    base::{text::shorten, time},
    model::{
        git::{CommitInfo, Rev},
        merge::{Entry, KeyConflict, Part, Take},
    },
    ui::{
        PageCx,
        theme::{CONTROL, MONO, Theme},
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

/// Members of metadata that both sides changed: for each of them the value that stands is chosen.
pub(super) fn metadata_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry) {
    let keys = &entry.keys;
    if keys.is_empty() {
        return;
    }
    let theme = cx.theme;
    let Some(answer) = cx.state.conflict.answer(entry).cloned() else { return };
    let first = keys.first().and_then(|k| answer.metadata.of(&k.path));
    let all = first.filter(|take| keys.iter().all(|k| answer.metadata.of(&k.path) == Some(*take)));
    let words = match answer.keys_open(entry) {
        0 => "the chosen values stand".to_owned(),
        n if keys.len() == 1 || n == keys.len() => "both sides changed these values: choose whose stands".to_owned(),
        n => format!("{n} of {} to choose", keys.len()),
    };
    box_ui(ui, cx.theme, |ui| {
        line_ui(ui, cx, "Metadata", &words, |ui, cx| {
            let choices =
                [(Some(Take::Local), "All ours"), (Some(Take::Base), "All base"), (Some(Take::Remote), "All theirs")];
            if let Some(Some(take)) = segmented(ui, cx.theme, all, &choices) {
                cx.send(Command::Metadata(take));
            }
        });
        hair_x(ui, theme);
        ui.spacing_mut().item_spacing.y = 2.0;
        let gap = 8.0;
        let width = ((ui.available_width() - gap * 3.0) / 4.0).max(60.0);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for name in ["Value", "Ours", "Base", "Theirs"] {
                ui.allocate_ui_with_layout(vec2(width, 20.0), Layout::left_to_right(Align::Center), |ui| {
                    ui.set_width(width);
                    ui.label(theme.section(name));
                });
            }
        });
        for conflict in keys.iter().take(200) {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = gap;
                key_ui(ui, cx, conflict, answer.metadata.of(&conflict.path), width);
            });
        }
        if keys.len() > 200 {
            ui.label(theme.muted(format!("{} more are chosen all at once", keys.len() - 200)));
        }
    });
}

/// A line of the table: the key, then the values of ours, the base and theirs, one of which is chosen.
fn key_ui(ui: &mut Ui, cx: &mut PageCx<'_>, conflict: &KeyConflict, now: Option<Take>, width: f32) {
    let theme = cx.theme;
    ui.allocate_ui_with_layout(vec2(width, 24.0), Layout::left_to_right(Align::Center), |ui| {
        ui.set_width(width);
        ui.add(egui::Label::new(theme.code(conflict.key.as_str())).truncate()).on_hover_text(&conflict.key);
    });
    let [base, ours, theirs] = &conflict.values;
    for (value, take, side) in
        [(ours, Take::Local, "ours"), (base, Take::Base, "base"), (theirs, Take::Remote, "theirs")]
    {
        let text = value.as_deref().unwrap_or("not set");
        let one = shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "), 300);
        let name = format!("{}, {side}: {one}", conflict.key);
        let (response, whole) = value_ui(ui, theme, (width, &one, value.is_some()), now == Some(take), &name);
        let response = if whole && one == text { response } else { response.on_hover_text(text) };
        if response.clicked() {
            cx.send(Command::Key(conflict.path.clone(), take));
        }
    }
}

/// A value to choose; tells whether all of it is shown.
fn value_ui(
    ui: &mut Ui,
    theme: &Theme,
    (width, text, set): (f32, &str, bool),
    on: bool,
    name: &str,
) -> (egui::Response, bool) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, 24.0), egui::Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, name));
    let painter = ui.painter_at(rect.expand(1.0));
    if on || response.hovered() {
        painter.rect_filled(rect, 4.0, if on { theme.sel } else { theme.hover });
    }
    let centre = egui::pos2(rect.left() + 11.0, rect.center().y);
    let ink = if on { theme.accent } else { theme.muted };
    painter.circle_stroke(centre, 5.0, Stroke::new(1.5, ink));
    if on {
        painter.circle_filled(centre, 2.5, ink);
    }
    let ink = if on { theme.text } else { theme.muted };
    let font = if set { theme.mono(MONO) } else { theme.font(CONTROL) };
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, ink);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width - 28.0);
    let galley = painter.layout_job(job);
    let whole = !galley.elided;
    painter.galley(egui::pos2(rect.left() + 22.0, rect.center().y - galley.size().y * 0.5), galley, ink);
    if response.has_focus() {
        painter.rect_stroke(rect, 4.0, Stroke::new(2.0, theme.focus), egui::StrokeKind::Inside);
    }
    (response, whole)
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

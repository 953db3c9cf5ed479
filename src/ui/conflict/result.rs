//! The result as it would be written: an editor with its lines marked against the base, and what a run of it shows.
use std::sync::Arc;

use egui::{Align, Frame, Id, Layout, Margin, Stroke, Ui, vec2};

use super::{Place, View, columns};
use crate::{
    app::{
        conflict::{Command, Kind, Ran, Sheet, has_open},
        shell, workspace,
    },
    base::{fsx::hash, text::count, time::duration_ms},
    model::{
        editor::{Editor, Language},
        merge::{Answer, Entry, Part, Pick, Results, Take},
        output,
        textdiff::{RowKind, TextDiff},
    },
    ui::{
        PageCx,
        editor::{CodeEditor, LineMark},
        theme::Mark,
        widgets::{
            Btn, error_box, mark,
            output::{Act, outputs_ui as draw_outputs},
            segmented, tag_mark,
        },
    },
};

/// Text longer than this is shown, not edited.
const MOST_SHOWN: usize = 200_000;

/// How lines of the result stand to the base.
#[derive(Default)]
pub(super) struct Tints {
    of: (u64, u64),
    lines: Vec<Tint>,
}

#[derive(Clone, Copy, PartialEq)]
enum Tint {
    Same,
    Fresh,
    Open,
}

impl Tints {
    fn update(&mut self, base: &str, text: &str) {
        let of = (hash(base.as_bytes()), hash(text.as_bytes()));
        if self.of == of && !self.lines.is_empty() {
            return;
        }
        let diff = TextDiff::new(base, text);
        let mut lines = vec![Tint::Same; diff.new.len().max(1)];
        for row in diff.rows.iter().filter(|r| r.kind != RowKind::Same) {
            if let Some(slot) = row.new.and_then(|n| lines.get_mut(n as usize)) {
                *slot = Tint::Fresh;
            }
        }
        let mut inside = false;
        for (n, slot) in lines.iter_mut().enumerate() {
            let mark = has_open(diff.new.line(n));
            inside |= mark && diff.new.line(n).starts_with('<');
            if inside || mark {
                *slot = Tint::Open;
            }
            inside &= !(mark && diff.new.line(n).starts_with('>'));
        }
        *self = Self { of, lines };
    }
}

/// What the cell in front would put out, made anew only when its answer changes: outputs can be large.
#[derive(Default)]
pub(super) struct Outcome {
    of: Option<(Place, Answer)>,
    revision: u64,
    raw: Arc<[String]>,
    stale: bool,
}

impl Outcome {
    fn update(&mut self, place: Place, answer: &Answer, make: impl FnOnce() -> (Vec<String>, bool)) {
        if self.of.as_ref().is_some_and(|(p, a)| *p == place && a == answer) {
            return;
        }
        let (raw, stale) = make();
        *self = Self { of: Some((place, answer.clone())), revision: self.revision + 1, raw: raw.into(), stale };
    }
}

fn editor_id(place: Place) -> Id {
    Id::unique(("conflict-result", place))
}

/// Puts the cursor into the result.
pub(super) fn give_focus(ui: &Ui, view: &View) {
    if let Some(place) = view.written_of {
        ui.memory_mut(|m| m.request_focus(editor_id(place)));
    }
}

/// What the result holds, in words.
fn words(sheet: &Sheet, entry: &Entry, answer: &Answer) -> String {
    let side = |take: Take| match take {
        Take::Base => "the base",
        Take::Local => "ours",
        Take::Remote => "theirs",
    };
    let missing = answer.missing(entry);
    if let Some(take) = answer.cell.filter(|_| entry.is_lone() || matches!(sheet.kind, Kind::Whole)) {
        if entry.text(take).is_none() {
            return if matches!(sheet.kind, Kind::Whole) {
                "the file is deleted".into()
            } else {
                "the cell is left out".into()
            };
        }
        let by_hand = if answer.typed.is_some() { ", changed by hand" } else { "" };
        return format!("kept as {} it{by_hand}", if take == Take::Base { "the base has" } else { "that side has" });
    }
    if answer.typed.is_some() {
        let open = if missing.contains(&Part::Source) { ", with lines to decide" } else { "" };
        return format!("written by hand{open}");
    }
    if let Some(take) = answer.whole {
        return format!("the whole of {}", side(take));
    }
    let picks = &answer.picks;
    let open = picks.iter().filter(|p| p.is_none()).count();
    let first = picks.iter().flatten().next().copied();
    match (picks.len(), open, first) {
        (0, ..) if entry.is_conflict() && sheet.is_text(entry) => "the text merged by itself".into(),
        (0, ..) if entry.is_conflict() => String::new(),
        (0, ..) => "merged by itself".into(),
        (_, 0, Some(pick)) if picks.iter().all(|p| *p == Some(pick)) => match pick {
            Pick::Both => "both where both changed the same lines, the rest merged".into(),
            Pick::Local => "ours where both changed the same lines, the rest merged".into(),
            Pick::Remote => "theirs where both changed the same lines, the rest merged".into(),
            Pick::Base => "the base where both changed the same lines, the rest merged".into(),
        },
        (_, 0, _) => "decided place by place, the rest merged".into(),
        (_, open, _) if open > 0 && matches!(sheet.kind, Kind::Text(_)) => "to decide".into(),
        (all, open, _) if all == open => format!("{} to decide, the rest merged", count(all as u64, "place")),
        (all, open, _) => format!("{open} of {} to decide, the rest merged", count(all as u64, "place")),
    }
}

/// Draws the result.
pub(super) fn result_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, sheet: &Sheet, entry: &Entry) {
    let theme = cx.theme;
    let Some(answer) = cx.state.conflict.answer(entry).cloned() else { return };
    let settled = answer.is_settled(entry);
    let edge = if settled { theme.hairline() } else { Stroke::new(1.0, theme.focus) };
    Frame::NONE.fill(theme.panel).stroke(edge).corner_radius(6).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 0.0;
        head_ui(ui, cx, sheet, entry, &answer);
        let rect = ui.max_rect();
        ui.painter().hline(rect.x_range(), ui.cursor().top(), theme.hairline());
        let gone = answer.cell.is_some_and(|t| entry.text(t).is_none());
        let plain = |ui: &mut Ui, text: &str| {
            Frame::NONE.inner_margin(Margin::symmetric(12, 10)).show(ui, |ui| {
                ui.add(egui::Label::new(theme.muted(text)).wrap());
            });
        };
        match &sheet.kind {
            Kind::Whole if gone => plain(ui, "The file is deleted."),
            Kind::Whole => match answer.cell {
                Some(_) => plain(ui, "The file becomes this version, byte for byte."),
                None => plain(ui, "Choose the version that stands."),
            },
            _ if !sheet.is_text(entry) => match answer.keys_open(entry) {
                0 => plain(ui, "The chosen values stand where both sides changed them; all others are merged."),
                _ => plain(ui, "Choose below whose values stand where both sides changed them."),
            },
            _ if gone => plain(ui, "The cell is left out of the merged notebook."),
            _ => edit_ui(ui, cx, view, sheet, entry, &answer),
        }
        written_ui(ui, cx, sheet, entry, &answer);
        ran_line(ui, cx, entry, &answer);
    });
}

fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, sheet: &Sheet, entry: &Entry, answer: &Answer) {
    let theme = cx.theme;
    let narrow = ui.available_width() < 760.0;
    Frame::NONE.inner_margin(Margin::symmetric(12, 6)).show(ui, |ui| {
        let size = vec2(ui.available_width(), 24.0);
        ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
            let missing = answer.missing(entry);
            let reason = match missing.first() {
                Some(Part::Source) => Some("Lines between the marks are still to decide"),
                Some(Part::Outputs) => Some("Choose whose outputs stand"),
                Some(Part::Metadata | Part::Notebook) => Some("Choose whose values of the metadata stand"),
                Some(Part::Cell) => Some("Choose the version that stands"),
                None if !entry.is_conflict() => Some("It merged by itself: nothing is to be confirmed"),
                None if answer.used => Some("It is decided"),
                None => None,
            };
            let all_done = cx.state.conflict.not_yet().is_none();
            let mut button = Btn::new("Use result").icon("check").key("Enter").disabled(reason);
            if !all_done {
                button = button.primary();
            }
            if button.show(ui, theme).clicked() {
                cx.send(Command::Use);
            }
            if sheet.is_code(entry) {
                run_ui(ui, cx, entry, narrow);
            }
            let stretches = entry.parts.contains(&Part::Source);
            if stretches {
                let label = if narrow { "Both" } else { "Take both" };
                if Btn::new(label)
                    .icon("between-horizontal-start")
                    .quiet()
                    .key("4")
                    .name("Take both")
                    .show(ui, theme)
                    .clicked()
                {
                    cx.send(Command::Pick(Pick::Both));
                }
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.label(theme.strong("Result"));
                ui.add(egui::Label::new(theme.muted(words(sheet, entry, answer))).truncate());
            });
        });
    });
}

/// Runs the cell with all above it, or alone; or stops what runs.
fn run_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry, narrow: bool) {
    let theme = cx.theme;
    if let Some(running) = cx.state.conflict.running_of(entry) {
        let stopping = running.stopping.then_some("It is being stopped");
        if Btn::new("Stop").icon("square").disabled(stopping).show(ui, theme).clicked() {
            cx.send(Command::CancelRun);
        }
        return;
    }
    let reason = cx.state.conflict.no_run(true);
    let label = if narrow { "Alone" } else { "Run alone" };
    let button = Btn::new(label).quiet().name("Run this cell alone, on a fresh kernel (Ctrl+Shift+Enter)");
    if button.disabled(reason.as_deref()).show(ui, theme).clicked() {
        cx.send(Command::Run { alone: true });
    }
    let reason = cx.state.conflict.no_run(false);
    let label = if narrow { "Run to here" } else { "Run up to here" };
    let button =
        Btn::new(label).icon("play").key("Ctrl Enter").name("Run this cell with all above it, on a fresh kernel");
    if button.disabled(reason.as_deref()).show(ui, theme).clicked() {
        cx.send(Command::Run { alone: false });
    }
}

fn edit_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, sheet: &Sheet, entry: &Entry, answer: &Answer) {
    let theme = cx.theme;
    let place = (sheet.mark, entry.at);
    let side = if entry.text(Take::Local).is_some() { Take::Local } else { Take::Remote };
    let language = Language::of(columns::language(sheet, entry, side));
    if view.written_of != Some(place) {
        view.written = Editor::new("", language);
        view.written_of = Some(place);
    }
    // What was decided elsewhere comes in; cursors stay with what is equal.
    view.written.sync(&answer.text(entry));
    view.written.set_language(language);
    let known = view.written.revision();
    view.tints.update(entry.text(Take::Base).unwrap_or_default(), &view.written.buffer().to_string());
    let outer = Margin { left: 8, right: 8, top: 6, bottom: 6 };
    Frame::NONE.inner_margin(outer).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let id = editor_id(place);
        let name = format!("Result of {}", entry.place.to_lowercase());
        let tints = &view.tints;
        let marks = |line: usize| match tints.lines.get(line)? {
            Tint::Same => None,
            Tint::Fresh => Some(LineMark { fill: theme.add, sign: "+", ink: theme.muted }),
            Tint::Open => Some(LineMark { fill: theme.warn_t, sign: "!", ink: theme.warn }),
        };
        let output = CodeEditor {
            read_only: view.written.buffer().bytes() > MOST_SHOWN,
            numbers: Some(entry.first_line + 1),
            marks: Some(&marks),
            ..CodeEditor::new(id, &name)
        }
        .show(ui, theme, &mut view.written, &mut view.written_view);
        if output.done.changed || view.written.revision() != known {
            cx.send(Command::Write(view.written.buffer().to_string()));
        }
        if output.done.undo {
            cx.send(Command::Undo);
        }
        if output.done.redo {
            cx.send(Command::Redo);
        }
        if output.done.leave {
            ui.memory_mut(|m| m.surrender_focus(id));
        }
    });
}

/// The file has a text of its own here, which somebody wrote since the merge.
fn written_ui(ui: &mut Ui, cx: &mut PageCx<'_>, sheet: &Sheet, entry: &Entry, answer: &Answer) {
    let theme = cx.theme;
    let Some(text) = sheet.written_else(entry, answer).map(str::to_owned) else { return };
    let rect = ui.max_rect();
    ui.painter().hline(rect.x_range(), ui.cursor().top(), theme.hairline());
    Frame::NONE.inner_margin(Margin::symmetric(12, 6)).show(ui, |ui| {
        let size = vec2(ui.available_width(), 24.0);
        ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
            if Btn::new("Take it").show(ui, theme).on_hover_text(&text).clicked() {
                cx.send(Command::Write(text));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                mark(ui, theme, Mark::Warning, 14.0);
                let words = "The file holds another text here, written since the merge";
                ui.add(egui::Label::new(theme.muted(words)).truncate());
            });
        });
    });
}

/// How the last run went, below the text it ran.
fn ran_line(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry, answer: &Answer) {
    let theme = cx.theme;
    let running = cx.state.conflict.running_of(entry);
    let ran = cx.state.conflict.runs.get(&entry.at);
    if running.is_none() && ran.is_none() {
        return;
    }
    let rect = ui.max_rect();
    ui.painter().hline(rect.x_range(), ui.cursor().top(), theme.hairline());
    Frame::NONE.inner_margin(Margin::symmetric(12, 6)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.set_min_height(20.0);
            if let Some(running) = running {
                mark(ui, theme, Mark::Running, 14.0);
                let step = if running.stopping { "Stopping" } else { running.step.as_str() };
                ui.add(egui::Label::new(theme.muted(step)).truncate());
                return;
            }
            let Some(ran) = ran else { return };
            let old = ran.text != answer.text(entry);
            match &ran.error {
                None => {
                    mark(ui, theme, Mark::Success, 14.0);
                    let how = if ran.alone { "alone" } else { "with all cells above it, as merged," };
                    ui.label(theme.muted(format!("Ran {how} in {}", duration_ms(ran.ms))));
                }
                Some(error) => {
                    mark(ui, theme, Mark::Failed, 14.0);
                    ui.add(egui::Label::new(theme.muted(format!("{error}"))).truncate());
                }
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let words = if old { "The result has changed since" } else { "Output below is from this result" };
                if ran.reached {
                    ui.label(theme.faint(words));
                }
            });
        });
    });
}

/// Whose outputs the cell gets, and those.
pub(super) fn outputs_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, sheet: &Sheet, entry: &Entry) {
    if !sheet.is_code(entry) {
        return;
    }
    let Some(answer) = cx.state.conflict.answer(entry).cloned() else { return };
    let live = cx.state.conflict.running_of(entry).and_then(|r| r.outputs.clone());
    let ran = cx.state.conflict.runs.get(&entry.at).filter(|r| r.reached || live.is_none()).cloned();
    if let Some(failed) = ran.as_ref().filter(|r| !r.reached) {
        above_ui(ui, cx, view, failed);
    }
    let ran = ran.filter(|r| r.reached);
    if let Some(outputs) = live {
        live_ui(ui, cx, view, &outputs);
        return;
    }
    let gone = answer.cell.is_some_and(|t| entry.text(t).is_none());
    if gone || (ran.is_none() && !sheet.has_outputs(entry)) {
        return;
    }
    let theme = cx.theme;
    let place = (sheet.mark, entry.at);
    view.outcome.update(place, &answer, || sheet.outcome(entry, &answer).unwrap_or_default());
    let (stale, none) = (view.outcome.stale, view.outcome.raw.is_empty());
    let open = entry.parts.contains(&Part::Outputs) && answer.outputs.is_none();
    let title = match (open, stale) {
        (true, _) => Some((Mark::Warning, "Choose whose outputs stand")),
        (false, true) => Some((Mark::Warning, "Stale: made before the source changed")),
        (false, false) => None,
    };
    let choice = |ui: &mut Ui, cx: &mut PageCx<'_>| choice_ui(ui, cx, entry, &answer, ran.is_some());
    output_box(ui, cx, title, choice, |ui, cx| {
        let fresh = ran.as_ref().filter(|_| !matches!(answer.outputs, Some(Results::Of(_) | Results::None)));
        let acts = match fresh {
            None if open => both_ui(ui, cx, view, sheet, entry),
            Some(ran) if ran.outputs.is_empty() => {
                ui.label(theme.muted("The cell put nothing out"));
                Vec::new()
            }
            Some(ran) => draw_outputs(ui, theme, &ran.outputs, &mut view.ran, &mut view.pictures),
            None if none => {
                ui.label(theme.muted("No outputs"));
                Vec::new()
            }
            None => {
                let raw = view.outcome.raw.clone();
                drawn(ui, cx, view, (place, 0), (view.outcome.revision, || raw.to_vec()))
            }
        };
        send_acts(cx, acts);
        if let Some(error) = ran.as_ref().and_then(|r| r.error.as_ref()).filter(|_| fresh.is_none()) {
            error_box(ui, theme, error, &[]);
        }
    });
}

fn send_acts(cx: &mut PageCx<'_>, acts: Vec<Act>) {
    for act in acts {
        match act {
            Act::Copy(text) => cx.send(shell::Command::Copy(text)),
            Act::Open(url) => cx.send(shell::Command::OpenUrl(url)),
            Act::File { name, base64, open } => cx.send(workspace::Command::KeepFile { name, base64, open }),
            Act::GoToLine(_)
            | Act::Follow(_)
            | Act::Need(_)
            | Act::Browse(_)
            | Act::CopyText(_)
            | Act::OpenText(_)
            | Act::Widget { .. }
            | Act::WidgetEvent { .. } => {}
        }
    }
}

/// The frame around outputs: what is to be said of them, a choice at the right, and the outputs.
fn output_box(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    title: Option<(Mark, &str)>,
    choice: impl FnOnce(&mut Ui, &mut PageCx<'_>),
    contents: impl FnOnce(&mut Ui, &mut PageCx<'_>),
) {
    let theme = cx.theme;
    Frame::NONE.fill(theme.panel).stroke(theme.hairline()).corner_radius(6).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 0.0;
        Frame::NONE.inner_margin(Margin::symmetric(12, 6)).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.set_min_height(24.0);
                ui.label(theme.strong("Output"));
                if let Some((state, title)) = title {
                    tag_mark(ui, theme, state, title);
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| choice(ui, cx));
            });
        });
        let rect = ui.max_rect();
        ui.painter().hline(rect.x_range(), ui.cursor().top(), theme.hairline());
        Frame::NONE.inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
            ui.set_width(ui.available_width());
            contents(ui, cx);
        });
    });
}

/// What the cell puts out while it runs.
fn live_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, outputs: &[output::Output]) {
    output_box(
        ui,
        cx,
        Some((Mark::Running, "Running")),
        |_, _| {},
        |ui, cx| {
            let acts = draw_outputs(ui, cx.theme, outputs, &mut view.ran, &mut view.pictures);
            send_acts(cx, acts);
        },
    );
}

/// What a cell above put out, because of which the run did not reach this one.
fn above_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, ran: &Ran) {
    let title = ran.error.as_ref().map_or_else(|| "A cell above it failed".to_owned(), |e| e.what.clone());
    output_box(
        ui,
        cx,
        Some((Mark::Failed, &title)),
        |_, _| {},
        |ui, cx| {
            if let (Some(error), true) = (&ran.error, ran.outputs.is_empty()) {
                error_box(ui, cx.theme, error, &[]);
            }
            let acts = draw_outputs(ui, cx.theme, &ran.outputs, &mut view.ran, &mut view.pictures);
            send_acts(cx, acts);
        },
    );
}

/// Outputs as they are written, decoded once.
fn drawn(
    ui: &mut Ui,
    cx: &PageCx<'_>,
    view: &mut View,
    place: (Place, usize),
    (key, raw): (u64, impl FnOnce() -> Vec<String>),
) -> Vec<Act> {
    if view.outputs.len() > 200 {
        view.outputs.clear();
    }
    let cached = view.outputs.entry(place).or_default();
    if cached.0 != key {
        *cached = (key, output::view(raw().iter().map(String::as_str)), Default::default());
    }
    draw_outputs(ui, cx.theme, &cached.1, &mut cached.2, &mut view.pictures)
}

/// The outputs of both sides beside each other, as long as none is chosen.
fn both_ui(ui: &mut Ui, cx: &PageCx<'_>, view: &mut View, sheet: &Sheet, entry: &Entry) -> Vec<Act> {
    let theme = cx.theme;
    let width = (ui.available_width() - 16.0) * 0.5;
    let mut acts = Vec::new();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 16.0;
        for (n, (take, name)) in [(Take::Local, "Ours"), (Take::Remote, "Theirs")].into_iter().enumerate() {
            ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
                ui.set_width(width);
                ui.label(theme.section(name));
                let place = ((sheet.mark, entry.at), n + 1);
                ui.push_id(n, |ui| acts.extend(drawn(ui, cx, view, place, (1, || sheet.outputs(entry, take)))));
            });
        }
    });
    acts
}

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Merged,
    Of(Take),
    None,
    Ran,
    Open,
}

fn choice_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &Entry, answer: &Answer, ran: bool) {
    let required = entry.parts.contains(&Part::Outputs);
    let now = match &answer.outputs {
        None if required => Which::Open,
        None => Which::Merged,
        Some(Results::Of(take)) => Which::Of(*take),
        Some(Results::None) => Which::None,
        Some(Results::Ran { .. }) => Which::Ran,
    };
    let mut choices = Vec::new();
    if entry.text(Take::Local).is_some() {
        choices.push((Which::Of(Take::Local), "Ours"));
    }
    if entry.text(Take::Base).is_some() {
        choices.push((Which::Of(Take::Base), "Base"));
    }
    if entry.text(Take::Remote).is_some() {
        choices.push((Which::Of(Take::Remote), "Theirs"));
    }
    choices.push((Which::None, "None"));
    if ran {
        choices.push((Which::Ran, "This run"));
    }
    match segmented(ui, cx.theme, now, &choices) {
        Some(Which::Of(take)) => cx.send(Command::Outputs(Results::Of(take))),
        Some(Which::None) => cx.send(Command::Outputs(Results::None)),
        Some(Which::Ran) => cx.send(Command::RanOutputs),
        Some(Which::Merged | Which::Open) | None => {}
    }
}

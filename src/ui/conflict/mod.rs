//! The page on which conflicts of a merge are decided: files and cells at the left; ours, the base and theirs of the one
//! in front with the result below, where it can be written in and run.
//!
//! `list` has the left side, `columns` draws versions with their differences, `result` the editor and its outputs,
//! `parts` what is no text (metadata, outputs, places) and who changed it.
mod columns;
mod kept;
mod list;
mod parts;
mod result;

use std::collections::HashMap;

use egui::{Align, Frame, Layout, Margin, ScrollArea, Ui};

use super::PageCx;
use crate::{
    app::{
        conflict::{Command, State},
        keymap::conflict,
    },
    base::text::count,
    model::{
        editor::Editor,
        git::Underway,
        merge::{Pick, Take},
        output::Output,
    },
    ui::{
        editor::EditorView,
        keys::hit,
        theme::Mark,
        widgets::{
            Btn, empty_state, error_box, left_panel,
            output::{OutputsView, Pictures},
            page_head, tag_mark,
        },
    },
};

/// Names an entry of a file: the mark of its versions, and its place.
type Place = (u64, usize);

/// What only the page itself needs to remember.
#[derive(Default)]
pub struct View {
    columns: columns::Columns,
    /// The result as it is being written, and whose it is.
    written: Editor,
    written_of: Option<Place>,
    written_view: EditorView,
    /// Where the lines of the result differ from the base.
    tints: result::Tints,
    /// Decoded outputs by the entry and which of them.
    outputs: HashMap<(Place, usize), (u64, Vec<Output>, OutputsView)>,
    outcome: result::Outcome,
    ran: OutputsView,
    pictures: Pictures,
    /// The entry that was last scrolled to.
    followed: Option<Place>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("written_of", &self.written_of).finish_non_exhaustive()
    }
}

/// Names of the versions, in the order of the columns.
const SIDES: [(Take, &str); 3] = [(Take::Local, "Ours"), (Take::Base, "Base"), (Take::Remote, "Theirs")];

/// Draws the page.
pub fn page_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    keys_ui(ui, cx, view);
    head_ui(ui, cx);
    let conflict = &cx.state.conflict;
    if let Some(error) = &conflict.error {
        Frame::NONE.inner_margin(16.0).show(ui, |ui| {
            if error_box(ui, cx.theme, error, &["Try again"]).is_some() {
                cx.send(Command::Refresh);
            }
        });
    }
    if conflict.loaded && conflict.count() == 0 && conflict.sheet.is_none() && !conflict.is_of_open() {
        nothing_ui(ui, cx);
        return;
    }
    if !cx.state.shell.hide_navigator {
        let width = if ui.available_width() < 1050.0 { 212.0 } else { 264.0 };
        left_panel(ui, cx.theme, "conflict-list", width, |ui| list::list_ui(ui, cx));
    }
    middle_ui(ui, cx, view);
}

/// A strip above other pages: what is in conflict, and the way here. With a path only when that file is.
pub fn banner_ui(ui: &mut Ui, cx: &mut PageCx<'_>, path: Option<&str>) {
    let theme = cx.theme;
    let conflict = &cx.state.conflict;
    let files = conflict.count();
    let word = conflict.situation.underway.word();
    let (text, label, command) = match path {
        Some(path) if conflict.has(path) => (
            "This file holds both sides of a merge that did not go together".to_owned(),
            "Resolve conflicts",
            Command::Open(Some(path.to_owned())),
        ),
        Some(_) => return,
        None if files > 0 => {
            let verb = if files == 1 { "is" } else { "are" };
            let text = format!("{} {verb} in conflict", count(files as u64, "file"));
            let during =
                if conflict.situation.can_abort() { format!(": a {word} is under way") } else { String::new() };
            (text + &during, "Resolve conflicts", Command::Open(None))
        }
        None if conflict.situation.waits_for_end() => (
            format!("A {word} is under way, and all its conflicts are decided"),
            "Bring it to its end",
            Command::Open(None),
        ),
        None => return,
    };
    Frame::NONE.fill(theme.tint(Mark::Warning)).inner_margin(Margin::symmetric(16, 6)).show(ui, |ui| {
        let size = egui::vec2(ui.available_width(), 24.0);
        ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
            if Btn::new(label).icon("git-merge").show(ui, theme).clicked() {
                cx.send(command);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                crate::ui::widgets::mark(ui, theme, Mark::Warning, 14.0);
                ui.add(egui::Label::new(theme.body(text)).truncate());
            });
        });
    });
}

fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let narrow = ui.available_width() < 1050.0;
    let conflict = &cx.state.conflict;
    let of_open = conflict.is_of_open();
    let title = if of_open { "Your edits and the file on disk".to_owned() } else { conflict.situation.title() };
    page_head(ui, theme, &title, "", |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            end_ui(ui, cx, narrow);
            let conflict = &cx.state.conflict;
            if conflict.situation.can_abort() && !of_open {
                let word = conflict.situation.underway.word();
                let label = if narrow { "Abort".to_owned() } else { format!("Abort {word}") };
                let name = format!("Abort the {word}");
                let busy = conflict.ending.then_some("It is being brought to its end");
                if Btn::new(&label).icon("undo-2").quiet().name(&name).disabled(busy).show(ui, theme).clicked() {
                    cx.send(Command::AskAbort);
                }
            }
            let back = if of_open { "Notebook" } else { "Comparison" };
            if Btn::new(back).icon("arrow-left").quiet().key("Esc").show(ui, theme).clicked() {
                cx.send(Command::Close);
            }
            let conflict = &cx.state.conflict;
            let note = if narrow { String::new() } else { counts(conflict) };
            ui.label(theme.muted(note));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let path = conflict.path.clone().unwrap_or_default();
                ui.add(egui::Label::new(theme.muted(path.as_str())).truncate()).on_hover_text(path);
            });
        });
    });
}

/// The filled button of the page once nothing is left to decide here.
fn end_ui(ui: &mut Ui, cx: &mut PageCx<'_>, narrow: bool) {
    let theme = cx.theme;
    let conflict = &cx.state.conflict;
    if conflict.sheet.is_none() {
        return;
    }
    let reason = conflict.not_yet();
    let label = if narrow { "Finish" } else { "Finish merge" };
    let mut button = Btn::new(label).icon("check").name("Finish merge").disabled(reason.as_deref());
    if reason.is_none() {
        button = button.primary().key("Ctrl S");
    }
    if button.show(ui, theme).clicked() {
        cx.send(Command::Finish);
    }
}

/// `2 to decide, 3 merged by themselves`.
fn counts(conflict: &State) -> String {
    if conflict.sheet.is_none() {
        return String::new();
    }
    let all = conflict.entries();
    let merged = all.iter().filter(|e| !e.is_conflict()).count();
    let open = conflict.open().len();
    let first = match open {
        0 => "everything is decided".to_owned(),
        1 => "1 to decide".to_owned(),
        n => format!("{n} to decide"),
    };
    match merged {
        0 => first,
        1 => format!("{first}, 1 merged by itself"),
        n => format!("{first}, {n} merged by themselves"),
    }
}

fn nothing_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let situation = &cx.state.conflict.situation;
    let word = situation.underway.word();
    let (sentence, actions, command): (String, &[&str], Command) = if situation.waits_for_end() {
        let (what, action): (_, &[&str]) = match situation.underway {
            Underway::Merge => {
                ("a commit that holds both sides", &["Commit the merge\u{2026}", "Back to the comparison"])
            }
            _ => ("git to go on", &["Go on", "Back to the comparison"]),
        };
        (format!("Nothing is left to decide. The {word} waits for {what}."), action, Command::Conclude)
    } else if situation.elsewhere > 0 {
        let n = count(situation.elsewhere, "file");
        (
            format!("Nothing to decide in this folder; {n} elsewhere in the repository still in conflict"),
            &["Back to the comparison"],
            Command::Close,
        )
    } else {
        let sentence = "Nothing to decide. When a merge, a rebase, a cherry-pick or a stash does not go together, its files stand here.";
        (sentence.to_owned(), &["Back to the comparison"], Command::Close)
    };
    match empty_state(ui, theme, "circle-check", &sentence, actions) {
        Some(0) => cx.send(command),
        Some(_) => cx.send(Command::Close),
        None => {}
    }
}

fn middle_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let conflict = &cx.state.conflict;
    if let Some(error) = &conflict.file_error {
        Frame::NONE.inner_margin(16.0).show(ui, |ui| {
            if error_box(ui, cx.theme, error, &["Look again"]).is_some() {
                cx.send(Command::Refresh);
            }
        });
    }
    let Some(sheet) = conflict.sheet.clone() else {
        if conflict.file_error.is_none() && conflict.path.is_some() {
            Frame::NONE.inner_margin(16.0).show(ui, |ui| ui.label(cx.theme.muted("Merging\u{2026}")));
        }
        return;
    };
    let place = conflict.entry().map(|e| (sheet.mark, e.at));
    let moved = view.followed != place;
    view.followed = place;
    let mut area = ScrollArea::vertical().id_salt("conflict-middle").auto_shrink(false);
    if moved {
        area = area.vertical_scroll_offset(0.0);
    }
    area.show(ui, |ui| {
        Frame::NONE.inner_margin(Margin { left: 16, right: 16, top: 12, bottom: 24 }).show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 12.0;
            kept::kept_ui(ui, cx);
            notes_ui(ui, cx);
            let Some(entry) = cx.state.conflict.entry().cloned() else {
                ui.label(cx.theme.muted("Both sides touched nothing in common: the file merged by itself."));
                return;
            };
            title_ui(ui, cx, &entry);
            columns::columns_ui(ui, cx, view, &sheet, &entry);
            parts::cell_ui(ui, cx, &entry);
            result::result_ui(ui, cx, view, &sheet, &entry);
            parts::metadata_ui(ui, cx, &entry);
            parts::place_ui(ui, cx, &entry);
            result::outputs_ui(ui, cx, view, &sheet, &entry);
            parts::why_ui(ui, cx, &entry);
            next_ui(ui, cx);
        });
    });
}

/// What a person should know of the file as a whole.
fn notes_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let Some(sheet) = cx.state.conflict.sheet.clone() else { return };
    let mut lines: Vec<String> = sheet.notes.clone();
    if !sheet.written.is_empty() && !sheet.of_file {
        lines.push("What was written in the file since the merge is kept.".to_owned());
    }
    for line in lines {
        ui.add(egui::Label::new(theme.muted(line)).wrap());
    }
    if sheet.decided_on_disk && sheet.versions.unmerged && sheet.versions.now.is_some() {
        ui.horizontal(|ui| {
            ui.label(theme.muted("The file on disk holds no marks of a conflict: it may have been decided elsewhere."));
            let busy = cx.state.conflict.finishing.then_some("The file is being written");
            if Btn::new("Use the file as it is on disk").disabled(busy).show(ui, theme).clicked() {
                cx.send(Command::AsItStands);
            }
        });
    }
}

fn title_ui(ui: &mut Ui, cx: &mut PageCx<'_>, entry: &crate::model::merge::Entry) {
    let theme = cx.theme;
    ui.horizontal(|ui| {
        ui.label(theme.heading(entry.place.as_str()));
        let settled = cx.state.conflict.is_settled(entry);
        let more = cx.state.conflict.files().len() > 1;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let none =
                (cx.state.conflict.open().is_empty() && !more).then_some("Nothing is left to decide in this file");
            if Btn::new("Next").icon("arrow-down").key("N").quiet().disabled(none).show(ui, theme).clicked() {
                cx.send(Command::Next);
            }
            if Btn::new("Previous").icon("arrow-up").key("P").quiet().disabled(none).show(ui, theme).clicked() {
                cx.send(Command::Previous);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let state = if settled { Mark::Success } else { Mark::Warning };
                let mut words = entry.how.clone();
                if let Some(first) = words.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                tag_mark(ui, theme, state, &words);
                ui.add(egui::Label::new(theme.muted(entry.title.as_str())).truncate());
            });
        });
    });
}

/// What comes next.
fn next_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let conflict = &cx.state.conflict;
    let open = conflict.open();
    let next = open.iter().find(|i| **i > conflict.focus).or(open.iter().find(|i| **i != conflict.focus));
    let Some((at, entry)) = next.and_then(|i| Some((*i, conflict.entries().get(*i)?))) else { return };
    Frame::NONE.fill(theme.panel).corner_radius(4).inner_margin(Margin::symmetric(12, 6)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(theme.icon("git-merge", 14.0));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if crate::ui::widgets::link(ui, theme, "Go").clicked() {
                    cx.send(Command::Focus(at));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let words = format!("Next: {}, {}", entry.place, entry.how);
                    ui.add(egui::Label::new(theme.muted(words)).truncate());
                });
            });
        });
    });
}

fn keys_ui(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    if cx.state.shell.palette.is_some() || cx.state.shell.dialog.is_some() {
        return;
    }
    // Both work while the result is written as well.
    if let Some(n) = hit(ui, &conflict::RUN) {
        cx.send(Command::Run { alone: n == 1 });
    }
    if hit(ui, &conflict::FINISH).is_some() {
        cx.send(Command::Finish);
    }
    if ui.ctx().egui_wants_keyboard_input() {
        return;
    }
    if hit(ui, &conflict::REDO).is_some() {
        cx.send(Command::Redo);
    } else if hit(ui, &conflict::UNDO).is_some() {
        cx.send(Command::Undo);
    }
    if let Some(n) = hit(ui, &conflict::WHOLE)
        && let Some((take, _)) = SIDES.get(n)
    {
        cx.send(Command::Whole(*take));
    }
    if let Some(n) = hit(ui, &conflict::TAKE) {
        let pick = [Pick::Local, Pick::Base, Pick::Remote, Pick::Both];
        if let Some(pick) = pick.get(n) {
            cx.send(Command::Pick(*pick));
        }
    }
    match hit(ui, &conflict::CHANGE) {
        Some(0) => cx.send(Command::Next),
        Some(_) => cx.send(Command::Previous),
        None => {}
    }
    if hit(ui, &conflict::EDIT).is_some() {
        result::give_focus(ui, view);
    }
    // Enter, arrows and Escape belong to what has the focus first.
    if ui.ctx().memory(|m| m.focused().is_some()) {
        return;
    }
    if let Some(n) = hit(ui, &conflict::WALK) {
        cx.send(Command::Step(n % 2 == 0));
    }
    if hit(ui, &conflict::USE).is_some() {
        cx.send(Command::Use);
    }
    let floats = cx.state.shell.show_notices || cx.state.shell.show_jobs;
    if !floats && hit(ui, &conflict::BACK).is_some() {
        cx.send(Command::Close);
    }
}

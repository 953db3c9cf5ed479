//! Who says and approves what: the buttons of the head, approvals and the foot at the left.
use egui::{Align, Layout, ScrollArea, Ui, vec2};

use super::thread::avatar;
use crate::{
    app::{
        board,
        review::{
            Command,
            threads::{self, Format, Person},
        },
    },
    base::{
        text::{count, shorten},
        time,
    },
    model::{diff::FileShape, git::Rev},
    ui::{
        PageCx,
        theme::Mark,
        widgets::{Btn, Row, hair_x, link, mark, section_head},
    },
};

fn say(cx: &mut PageCx<'_>, command: threads::Command) {
    cx.send(Command::Talk(command));
}

/// Approve and Comment, for the right end of the page's head.
pub(super) fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, narrow: bool) {
    let theme = cx.theme;
    let review = &cx.state.review;
    let placing = &review.talk.placing;
    let Some(shown) = review.shown.as_ref().filter(|s| !matches!(s.diff.shape, FileShape::Missing)) else { return };
    let placed = placing.path == shown.path;
    let me = cx.state.board.person();
    let done = placed && me.is_some_and(|me| placing.is_done_by(me));
    let wanted = if placed { placing.wanted.len() } else { 0 };
    let reason = (wanted == 0).then_some("Nothing differs in this file, so there is nothing to approve");
    let reason = reason.or_else(|| threads::obstacle(&shown.diff));
    // One filled button a page: what is on disk is committed first.
    let commits = review.compare == Rev::WorkingTree && cx.state.git.committable().next().is_some();
    let label = if done { "Approved" } else { "Approve" };
    let left = placing.wanted.iter().filter(|r| me.is_none_or(|me| !placing.is_approved_by(**r, me))).count();
    let what = match &shown.diff.shape {
        FileShape::Notebook(_) if left != wanted => format!("the other {}", count(left as u64, "cell")),
        FileShape::Notebook(_) => count(left as u64, "changed cell"),
        _ => "this file".to_owned(),
    };
    let name = if done { "Take your approval of this file back".to_owned() } else { format!("Approve {what}") };
    whole_menu(ui, cx, (&name, reason));
    let mut button = Btn::new(label).icon("check").disabled(reason).name(&name);
    if !narrow {
        button = button.key("Shift A");
    }
    if !commits && !done && reason.is_none() {
        button = button.primary();
    }
    let tip = format!("{name} (Shift+A)");
    let response = button.show(ui, theme);
    let response = if reason.is_none() { response.on_hover_text(tip) } else { response };
    if response.clicked() {
        say(cx, threads::Command::ApproveFile);
    }
    let button = if narrow { Btn::new("") } else { Btn::new("Comment").key("C") };
    let button = button.icon("message-square").name("Comment on the change in front");
    if button.show(ui, theme).on_hover_text("Comment on the change in front (C)").clicked() {
        say(cx, threads::Command::Comment(None));
    }
    if let (FileShape::Notebook(_), false) = (&shown.diff.shape, narrow) {
        let on = review.told.blame;
        let name = if on { "Hide who wrote each line (B)" } else { "Show who wrote each line (B)" };
        let button = Btn::new("").icon("user").quiet().on(on).name(name);
        if button.show(ui, theme).on_hover_text(name).clicked() {
            cx.send(Command::ToggleBlame);
        }
    }
}

/// The arrow beside Approve: this file, or the whole review.
fn whole_menu(ui: &mut Ui, cx: &mut PageCx<'_>, (file, reason): (&str, Option<&str>)) {
    let theme = cx.theme;
    let whole = cx.state.review.talk.whole(cx.state.board.person());
    if whole.wanted == 0 {
        return;
    }
    let button = Btn::new("").icon("chevron-down").quiet().name("Approve more").show(ui, theme);
    egui::Popup::menu(&button.on_hover_text("Approve the file, or the whole review")).width(300.0).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut entry = |ui: &mut Ui, glyph: &str, title: &str, note: &str, command: threads::Command| {
            let row = Row::new(title).height(44.0).padding(8.0).show(ui, theme, |ui| {
                ui.label(theme.icon(glyph, 14.0));
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 2.0;
                    ui.add_space(5.0);
                    ui.label(theme.body(title));
                    ui.add(egui::Label::new(theme.faint(note)).truncate());
                });
            });
            if row.clicked() {
                say(cx, command);
                ui.close();
            }
        };
        if reason.is_none() {
            entry(ui, "check", file, "The file in front (Shift+A)", threads::Command::ApproveFile);
        }
        let (title, note) = (whole_words(&whole), whole.words());
        let note = format!("{note}, in {}", count(whole.files as u64, "file"));
        if whole.is_done() {
            entry(ui, "undo-2", title, &note, threads::Command::WithdrawAll);
        } else {
            entry(ui, "check-check", title, &note, threads::Command::ApproveAll);
        }
    });
}

fn whole_words(whole: &threads::Whole) -> &'static str {
    if whole.is_done() { "Take your approval of the whole review back" } else { "Approve the whole review" }
}

/// How much of all files one has approved, and the link to approve the rest.
fn whole_ui(ui: &mut Ui, cx: &PageCx<'_>, whole: &threads::Whole, send: &mut Vec<Command>) {
    let theme = cx.theme;
    let mut words = whole.words();
    if ui.available_width() < 240.0 {
        words = words.replace(" approved", "");
    }
    let size = vec2(ui.available_width(), 28.0);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_height(28.0);
        ui.add_space(12.0);
        ui.label(theme.icon("check-check", 14.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(12.0);
            let label = if whole.is_done() { "Take back" } else { "Approve all" };
            let command = if whole.is_done() { threads::Command::WithdrawAll } else { threads::Command::ApproveAll };
            if link(ui, theme, label).on_hover_text(whole_words(whole)).clicked() {
                send.push(Command::Talk(command));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let tip = format!(
                    "All files of this review: you have approved {} of {} changed cells and files. \
                     What changed after you approved it counts as lapsed.",
                    whole.approved, whole.wanted
                );
                ui.add(egui::Label::new(theme.muted(words)).truncate()).on_hover_text(tip);
            });
        });
    });
}

/// Threads and drafts in files that do not differ, and what has lost its place in the file in front.
pub(super) fn elsewhere_ui(ui: &mut Ui, cx: &PageCx<'_>, send: &mut Vec<Command>) {
    let theme = cx.theme;
    let review = &cx.state.review;
    let others = review.talk.elsewhere(&review.files.files);
    let placing = &review.talk.placing;
    let lost = if Some(placing.path.as_str()) == review.path.as_deref() { placing.orphans.as_slice() } else { &[] };
    if others.is_empty() && lost.is_empty() {
        return;
    }
    ui.add_space(8.0);
    hair_x(ui, theme);
    section_head(ui, theme, "Comments elsewhere", "", |_| {});
    if let Some(first) = lost.first() {
        let words = format!("{} lost their place", lost.len());
        let words = if lost.len() == 1 { "1 lost its place".to_owned() } else { words };
        let name = format!("{words}: about what is on neither side any more");
        let row = Row::new(&name).show(ui, theme, |ui| {
            ui.label(theme.icon("unlink", 14.0));
            ui.add(egui::Label::new(theme.body(&words)).truncate());
        });
        let tip = "About cells or lines that are on neither side any more. They are listed below the comparison.";
        if row.on_hover_text(tip).clicked() {
            send.push(Command::Talk(threads::Command::Show(first.clone())));
        }
    }
    ScrollArea::vertical().id_salt("review-elsewhere").max_height(96.0).auto_shrink([false, true]).show(ui, |ui| {
        for (path, open, drafts) in &others {
            let name = format!("{path}, {}", words(*open, *drafts));
            let on = review.path.as_deref() == Some(path.as_str());
            let row = Row::new(&name).selected(on).show(ui, theme, |ui| {
                ui.label(theme.icon("file", 14.0));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    counts_ui(ui, cx, *open, *drafts);
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        let last = path.rsplit('/').next().unwrap_or(path);
                        ui.add(egui::Label::new(theme.body(last)).truncate());
                    });
                });
            });
            if row.on_hover_text(format!("{path}: does not differ between the two sides")).clicked() {
                send.push(Command::Select(path.clone()));
            }
        }
    });
}

fn words(open: usize, drafts: usize) -> String {
    let mut parts = Vec::new();
    if open > 0 {
        parts.push(format!("{} open", count(open as u64, "thread")));
    }
    if drafts > 0 {
        parts.push(format!("{} not sent", count(drafts as u64, "comment")));
    }
    parts.join(", ")
}

/// What a file's name is followed by for those who cannot see the signs.
pub(super) fn spoken(cx: &PageCx<'_>, path: &str) -> String {
    let talk = &cx.state.review.talk;
    words(talk.open_in(path), talk.drafts_in(path))
}

/// Signs for open threads and unsent comments, from the right.
pub(super) fn counts_ui(ui: &mut Ui, cx: &PageCx<'_>, open: usize, drafts: usize) {
    let theme = cx.theme;
    ui.spacing_mut().item_spacing.x = 4.0;
    if open > 0 {
        ui.label(theme.faint(open.to_string()));
        ui.label(theme.icon("message-square", 13.0));
    }
    if drafts > 0 {
        ui.label(theme.icon("pencil", 13.0).color(theme.warn));
    }
}

/// The same for a file of the list.
pub(super) fn file_counts_ui(ui: &mut Ui, cx: &PageCx<'_>, path: &str) {
    let talk = &cx.state.review.talk;
    counts_ui(ui, cx, talk.open_in(path), talk.drafts_in(path));
}

/// Who approved what of the file in front.
pub(super) fn approvals_ui(ui: &mut Ui, cx: &PageCx<'_>, send: &mut Vec<Command>) {
    let theme = cx.theme;
    let review = &cx.state.review;
    let placing = &review.talk.placing;
    let me = cx.state.board.person();
    let whole = review.talk.whole(me);
    let here = Some(placing.path.as_str()) == review.path.as_deref() && !placing.wanted.is_empty();
    if (placing.people.is_empty() || !here) && whole.wanted == 0 {
        return;
    }
    ui.add_space(8.0);
    hair_x(ui, theme);
    if placing.people.is_empty() || !here {
        section_head(ui, theme, "Approvals", "", |_| {});
        whole_ui(ui, cx, &whole, send);
        return;
    }
    let mut people: Vec<Person> = placing.people.clone();
    if let Some(me) = me.filter(|me| !people.iter().any(|p| p.name == *me)) {
        people.push(Person { name: me.to_owned(), approved: 0, lapsed: Vec::new(), at: None });
    }
    // Oneself last.
    people.sort_by_key(|p| Some(p.name.as_str()) == me);
    let done = people.iter().filter(|p| p.approved == placing.wanted.len()).count();
    section_head(ui, theme, "Approvals", "", |ui| {
        ui.label(theme.faint(format!("{done} of {}", people.len())));
    });
    ScrollArea::vertical().id_salt("review-approvals").max_height(160.0).auto_shrink([false, true]).show(ui, |ui| {
        for person in &people {
            person_ui(ui, cx, person, placing.wanted.len(), me, send);
        }
    });
    if whole.wanted > 0 {
        whole_ui(ui, cx, &whole, send);
    }
}

fn person_ui(ui: &mut Ui, cx: &PageCx<'_>, person: &Person, wanted: usize, me: Option<&str>, send: &mut Vec<Command>) {
    let theme = cx.theme;
    let mine = me == Some(person.name.as_str());
    let all = person.approved == wanted;
    let state = match (all, person.approved) {
        (true, _) => "approved".to_owned(),
        (false, 0) if mine => "you, reviewing".to_owned(),
        (false, 0) => "reviewing".to_owned(),
        (false, n) => format!("{n} of {wanted} cells"),
    };
    let name = format!("{}: {state}", person.name);
    let row = Row::new(&name).height(28.0).show(ui, theme, |ui| {
        avatar(ui, theme, &person.name, 20.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if all {
                ui.label(theme.label(&state).color(theme.mark_text(Mark::Success)));
                mark(ui, theme, Mark::Success, 12.0);
            } else {
                ui.label(theme.faint(&state));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(theme.body(&person.name)).truncate());
            });
        });
    });
    if let Some(at) = person.at {
        row.on_hover_text(format!("Last approved {}", time::when(at, cx.now)));
    }
    for lapse in person.lapsed.iter().take(6) {
        let words = format!("{} changed since", lapse.words);
        let row = Row::new(&words).show(ui, theme, |ui| {
            ui.add_space(28.0);
            mark(ui, theme, Mark::Warning, 12.0);
            ui.add(egui::Label::new(theme.faint(shorten(&words, 80))).truncate());
        });
        let tip = format!("{} approved it before {}", person.name, words);
        if row.on_hover_text(tip).clicked()
            && let Some(at) = lapse.row.and_then(|r| cx.state.review.changes().iter().position(|c| *c == r))
        {
            send.push(Command::Focus(at));
        }
    }
    let more = person.lapsed.len().saturating_sub(6);
    if more > 0 {
        ui.horizontal(|ui| {
            ui.add_space(40.0);
            ui.label(theme.faint(format!("{more} more changed since")));
        });
    }
}

/// `3 comments to push`, and Sync.
pub(super) fn foot_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let talk = &cx.state.review.talk;
    if talk.threads.is_empty() && talk.approvals.is_empty() {
        return;
    }
    let unsent = cx.state.board.unsent;
    let (glyph, words) = match unsent {
        None => ("cloud-off", "Comments stay in this clone".to_owned()),
        Some(u) if u.comments > 0 => ("cloud-off", format!("{} to push", count(u.comments as u64, "comment"))),
        Some(u) if u.other > 0 => ("cloud-off", format!("{} to push", count(u.other as u64, "review change"))),
        Some(_) => ("cloud", "Comments are in sync".to_owned()),
    };
    let narrow = ui.available_width() < 240.0;
    let words = if narrow {
        words.replace(" comments to push", " to push").replace(" comment to push", " to push")
    } else {
        words
    };
    let tip = match unsent {
        None => "This repository has no remote called origin, so nobody else sees them",
        Some(_) => "Comments and approvals are on the branch andon/board, pushed and fetched with the board",
    };
    let syncing = cx.state.jobs.iter().any(|j| j.key == "board.sync");
    let panel = egui::Panel::bottom(egui::Id::unique("review-foot"))
        .exact_size(34.0)
        .resizable(false)
        .frame(egui::Frame::NONE.fill(theme.panel))
        .show_separator_line(true);
    panel.show(ui, |ui| {
        let size = vec2(ui.available_width(), 33.0);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_height(33.0);
            ui.add_space(12.0);
            ui.label(theme.icon(glyph, 14.0));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_space(12.0);
                if unsent.is_some() && !syncing && link(ui, theme, "Sync").clicked() {
                    cx.send(board::Command::Sync);
                }
                if syncing {
                    ui.label(theme.faint("Syncing"));
                }
                export_ui(ui, cx);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(theme.muted(words)).truncate()).on_hover_text(tip);
                });
            });
        });
    });
}

fn export_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let button = Btn::new("").icon("share-2").quiet().name("Write the review to a file").show(ui, theme);
    egui::Popup::menu(&button.on_hover_text("Write the review to a file")).width(240.0).show(|ui| {
        for (format, words) in Format::ALL {
            let title = format!("As {words}\u{2026}");
            let row = Row::new(&title).padding(8.0).show(ui, theme, |ui| {
                ui.label(theme.body(&title));
            });
            if row.clicked() {
                say(cx, threads::Command::Export(format));
                ui.close();
            }
        }
    });
}

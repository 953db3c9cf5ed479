//! The list of branches under the branch button, and the list of stashes beside it.
use egui::{Align, Layout, ScrollArea, Ui};

use super::View;
use crate::{
    app::{
        conflict,
        git::work::{Ask, Command, Work},
        keymap::KeyRow,
        review, shell,
    },
    base::{
        text::{count, fuzzy},
        time,
    },
    model::git::{RefInfo, RefKind, Rev, Stash, Target, Underway},
    ui::{
        PageCx,
        keys::hit,
        widgets::{Btn, PickField, Row, hair_x, icon_button, kbd, progress_bar, segmented},
    },
};

/// Most rows that are drawn; the field narrows them down.
const MOST: usize = 200;

/// What was pressed, taken before the field sees it: with Alt some keyboards type a letter as well.
#[derive(Default)]
struct Pressed {
    merge: bool,
    compare: bool,
    new: bool,
    rename: bool,
    delete: bool,
    pop: bool,
    apply: bool,
}

impl Pressed {
    fn take(ui: &Ui) -> Self {
        let alt = |key: &'static str| hit(ui, &KeyRow { context: "Branches", key, does: "" }).is_some();
        Self {
            merge: alt("Alt+M"),
            compare: alt("Alt+C"),
            new: alt("Alt+N"),
            rename: alt("Alt+R"),
            delete: alt("Alt+D"),
            pop: alt("Alt+P"),
            apply: alt("Alt+A"),
        }
    }
}

/// Draws the panel, `stashes` in front or branches.
pub(super) fn panel_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, stashes: bool) {
    ui.spacing_mut().item_spacing.y = 0.0;
    head_ui(ui, cx, view, stashes);
    hair_x(ui, cx.theme);
    busy_ui(ui, cx);
    let pressed = Pressed::take(ui);
    if stashes { stashes_ui(ui, cx, view, &pressed) } else { branches_ui(ui, cx, view, &pressed) }
}

fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, stashes: bool) {
    let theme = cx.theme;
    let work = &cx.state.git.work;
    let busy = work.busy.is_some().then_some("git is at work");
    let reason = busy.or(work.remotes.is_empty().then_some("This repository has no remote"));
    let (ahead, behind) = cx.state.git.status.ahead_behind.unwrap_or_default();
    ui.horizontal(|ui| {
        ui.set_height(40.0);
        ui.add_space(12.0);
        let words = match work.stashes.len() {
            0 => "Stashes".to_owned(),
            n => format!("Stashes ({n})"),
        };
        if let Some(stashes) = segmented(ui, theme, stashes, &[(false, "Branches"), (true, words.as_str())]) {
            view.text.clear();
            view.selected = 0;
            cx.send.push(Command::Ask(if stashes { Ask::Stashes } else { Ask::Branches }).into());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(12.0);
            ui.spacing_mut().item_spacing.x = 4.0;
            let counted = |word: &str, n: u64| if n > 0 { format!("{word} {n}") } else { word.to_owned() };
            let no_upstream = cx.state.git.status.upstream.is_none() && cx.state.git.status.head.commit().is_some();
            let push =
                if no_upstream && reason.is_none() { "Push and follow".to_owned() } else { counted("Push", ahead) };
            if Btn::new(&push).icon("arrow-up").disabled(reason).show(ui, theme).clicked() {
                cx.send.push(Work::Push.into());
            }
            if Btn::new(&counted("Pull", behind)).icon("arrow-down").disabled(reason).show(ui, theme).clicked() {
                cx.send.push(Work::Pull.into());
            }
            if work.remotes.is_empty() {
                if Btn::new("Add a remote\u{2026}").show(ui, theme).clicked() {
                    cx.send.push(Command::Ask(Ask::Remote).into());
                }
            } else if reason.is_none() && icon_button(ui, theme, "refresh-ccw", "Fetch").clicked() {
                cx.send.push(Work::Fetch.into());
            }
        });
    });
}

/// What git does just now, and what it has begun.
fn busy_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    if let Some(busy) = &cx.state.git.work.busy {
        let job = cx.state.jobs.iter().find(|j| j.key == "git.work");
        ui.horizontal(|ui| {
            ui.set_height(32.0);
            ui.add_space(12.0);
            progress_bar(ui, theme, job.and_then(|j| j.share), 60.0);
            let note = job.map(|j| j.note.as_str()).filter(|n| !n.is_empty()).unwrap_or(busy);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_space(12.0);
                if Btn::new("Stop").quiet().show(ui, theme).clicked() {
                    cx.send(shell::Command::CancelJob("git.work".into()));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(theme.small(note)).truncate());
                });
            });
        });
        hair_x(ui, theme);
    }
    let underway = cx.state.git.status.underway;
    if underway != Underway::Nothing {
        ui.horizontal(|ui| {
            ui.set_height(36.0);
            ui.add_space(12.0);
            ui.label(theme.icon("triangle-alert", 14.0).color(theme.warn));
            ui.label(theme.body(format!("A {} is underway", underway.word())));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_space(12.0);
                if underway != Underway::Bisect && Btn::new("Resolve").show(ui, theme).clicked() {
                    cx.send(shell::Command::CloseDialog);
                    cx.send(conflict::Command::Open(None));
                }
            });
        });
        hair_x(ui, theme);
    }
}

/// The search field; gives whether Enter was pressed. Up and Down walk `rows`.
fn field_ui(ui: &mut Ui, cx: &PageCx<'_>, view: &mut View, hint: &str, rows: usize) -> bool {
    let field = PickField { id: "branch-query", hint, rows, fresh: std::mem::take(&mut view.fresh) };
    let picked = field.show(ui, cx.theme, &mut view.text, &mut view.selected, |_| {});
    view.moved = picked.moved;
    picked.enter
}

/// The branches and tags that fit what was typed, best first; without a word as they stand.
fn fitting<'a>(refs: &'a [RefInfo], query: &str) -> Vec<&'a RefInfo> {
    let mut all: Vec<(i32, &RefInfo)> = refs
        .iter()
        .filter_map(|r| {
            if query.is_empty() {
                return (r.kind != RefKind::Tag).then_some((0, r));
            }
            fuzzy(query, &r.name).map(|f| (f.score, r))
        })
        .collect();
    // Groups stay together; within one the best comes first.
    all.sort_by_key(|(score, r)| (r.kind, std::cmp::Reverse(*score)));
    all.into_iter().map(|(_, r)| r).take(MOST).collect()
}

fn branches_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, pressed: &Pressed) {
    let query = view.text.trim().to_owned();
    let state = cx.state;
    let found = fitting(&state.git.refs, &query);
    let known = found.iter().any(|r| r.name == query);
    let offer = !query.is_empty() && !known;
    let rows = found.len() + usize::from(offer);
    let enter = field_ui(ui, cx, view, "Find a branch, or type the name of a new one", rows);
    // Typing has changed what is found: the rows below are those of the text before, for one frame.
    let mut chosen = enter.then_some(view.selected);
    ScrollArea::vertical().max_height(392.0).min_scrolled_height(392.0).auto_shrink([false, true]).show(ui, |ui| {
        let mut kind = None;
        for (index, r) in found.iter().enumerate() {
            if kind != Some(r.kind) {
                kind = Some(r.kind);
                group_ui(ui, cx, r.kind);
            }
            let row = branch_ui(ui, cx, r, index == view.selected);
            if index == view.selected && view.moved {
                row.scroll_to_me(None);
            }
            if row.clicked() {
                view.selected = index;
            }
            if row.double_clicked() {
                chosen = Some(index);
            }
        }
        if offer {
            let title = format!("Make the branch {query}");
            let on = view.selected == found.len();
            let row = Row::new(&title).height(36.0).selected(on).show(ui, cx.theme, |ui| {
                ui.label(cx.theme.icon("plus", 14.0));
                ui.label(cx.theme.body(title.as_str()));
                ui.label(cx.theme.faint(format!("from {}", cx.state.git.branch().unwrap_or_default())));
            });
            if row.clicked() {
                chosen = Some(found.len());
            }
        }
        if rows == 0 {
            ui.add_space(12.0);
            ui.horizontal(|ui| {
                ui.add_space(12.0);
                ui.label(cx.theme.muted("There is no branch yet; the first commit makes one"));
            });
        }
    });
    hair_x(ui, cx.theme);
    match chosen {
        Some(index) if index == found.len() && offer => {
            let create = Ask::Create { from: String::new(), name: query };
            cx.send.push(Command::Ask(create).into());
        }
        Some(index) => {
            if let Some(r) = found.get(index).filter(|r| !r.current) {
                cx.send.push(Work::PlanSwitch(target(r)).into());
            }
        }
        None => {}
    }
    let selected = found.get(view.selected).copied().cloned();
    branch_foot(ui, cx, selected.as_ref(), pressed);
}

fn target(r: &RefInfo) -> Target {
    match r.kind {
        RefKind::Branch => Target::Branch(r.name.clone()),
        RefKind::Remote => Target::Remote(r.name.clone()),
        RefKind::Tag => Target::Detached(r.name.clone()),
    }
}

fn group_ui(ui: &mut Ui, cx: &PageCx<'_>, kind: RefKind) {
    let title = match kind {
        RefKind::Branch => "Branches here",
        RefKind::Remote => "On remotes",
        RefKind::Tag => "Tags",
    };
    ui.horizontal(|ui| {
        ui.set_height(26.0);
        ui.add_space(12.0);
        ui.label(cx.theme.section(title));
    });
}

/// `2 ahead, 1 behind`.
fn distance(r: &RefInfo) -> String {
    match (r.ahead_behind, &r.upstream) {
        (Some((0, 0)), Some(upstream)) => format!("as {upstream}"),
        (Some((a, b)), Some(upstream)) => {
            let part = |n: u64, word: &str| (n > 0).then(|| format!("{n} {word}"));
            let parts: Vec<String> = [part(a, "ahead of"), part(b, "behind")].into_iter().flatten().collect();
            format!("{} {upstream}", parts.join(", "))
        }
        (None, Some(upstream)) => format!("{upstream} is gone"),
        _ if r.kind == RefKind::Branch => "only here".to_owned(),
        _ => String::new(),
    }
}

fn branch_ui(ui: &mut Ui, cx: &PageCx<'_>, r: &RefInfo, on: bool) -> egui::Response {
    let theme = cx.theme;
    let distance = distance(r);
    let name = if r.current { format!("{}, current", r.name) } else { r.name.clone() };
    Row::new(&name).height(44.0).selected(on).accent(r.current).show(ui, theme, |ui| {
        let icon = if r.current {
            "check"
        } else if r.kind == RefKind::Tag {
            "tag"
        } else {
            "git-branch"
        };
        ui.label(theme.icon(icon, 14.0));
        ui.vertical(|ui| {
            ui.add_space(5.0);
            ui.spacing_mut().item_spacing.y = 0.0;
            let line = egui::vec2(ui.available_width(), 17.0);
            let right = |ui: &mut Ui, text: &str, left: &mut dyn FnMut(&mut Ui)| {
                ui.allocate_ui_with_layout(line, Layout::right_to_left(Align::Center), |ui| {
                    ui.label(theme.faint(text));
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| left(ui));
                });
            };
            right(ui, &time::when(r.at, cx.now), &mut |ui| {
                let text = if r.current { theme.strong(r.name.as_str()) } else { theme.body(r.name.as_str()) };
                ui.add(egui::Label::new(text).truncate());
            });
            right(ui, &distance, &mut |ui| {
                let text = format!("{}, {}", r.summary, r.author);
                ui.add(egui::Label::new(theme.faint(text)).truncate());
            });
        });
    })
}

/// What can be done with the selected branch, with its keys.
fn branch_foot(ui: &mut Ui, cx: &mut PageCx<'_>, r: Option<&RefInfo>, pressed: &Pressed) {
    let theme = cx.theme;
    let here = cx.state.git.branch().unwrap_or_default();
    ui.horizontal(|ui| {
        ui.set_height(44.0);
        ui.add_space(12.0);
        ui.spacing_mut().item_spacing.x = 4.0;
        let Some(r) = r else {
            kbd(ui, theme, "Enter");
            ui.label(theme.small("makes the branch"));
            return;
        };
        if !r.current {
            if Btn::new("Switch").primary().key("Enter").show(ui, theme).clicked() {
                cx.send.push(Work::PlanSwitch(target(r)).into());
            }
            let merge = Btn::new("Merge").icon("git-merge").key("Alt M").show(ui, theme);
            if merge.on_hover_text(format!("Merge {} into {here}", r.name)).clicked() || pressed.merge {
                cx.send.push(Work::PlanMerge(r.name.clone()).into());
            }
            if Btn::new("Compare").key("Alt C").show(ui, theme).clicked() || pressed.compare {
                cx.send(shell::Command::CloseDialog);
                let (base, compare) = (Rev::head(), Rev::At(r.name.clone()));
                cx.send(review::Command::Show { base, compare, path: None });
            }
        }
        let from = || Command::Ask(Ask::Create { from: r.name.clone(), name: String::new() });
        let new = Btn::new("New").icon("plus").key("Alt N").name("New branch from here").show(ui, theme);
        if new.on_hover_text(format!("Make a branch that begins at {}", r.name)).clicked() || pressed.new {
            cx.send.push(from().into());
        }
        if r.kind == RefKind::Branch {
            if icon_button(ui, theme, "pencil", "Rename (Alt+R)").clicked() || pressed.rename {
                cx.send.push(Command::Ask(Ask::Rename { name: r.name.clone() }).into());
            }
            if !r.current && (icon_button(ui, theme, "trash-2", "Delete (Alt+D)").clicked() || pressed.delete) {
                cx.send.push(Work::PlanDelete(r.name.clone()).into());
            }
        }
    });
}

fn stashes_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, pressed: &Pressed) {
    let theme = cx.theme;
    let query = view.text.trim().to_owned();
    let all = &cx.state.git.work.stashes;
    let fits = |s: &&Stash| query.is_empty() || fuzzy(&query, &s.message).is_some();
    let found: Vec<&Stash> = all.iter().filter(fits).take(MOST).collect();
    let enter = field_ui(ui, cx, view, "Find a stash", found.len());
    let mut open = enter.then_some(view.selected);
    ScrollArea::vertical().max_height(392.0).min_scrolled_height(200.0).auto_shrink([false, true]).show(ui, |ui| {
        for (index, stash) in found.iter().enumerate() {
            let row = stash_ui(ui, cx, stash, index == view.selected);
            if index == view.selected && view.moved {
                row.scroll_to_me(None);
            }
            if row.clicked() {
                view.selected = index;
            }
            if row.double_clicked() {
                open = Some(index);
            }
        }
        if found.is_empty() {
            ui.add_space(12.0);
            ui.horizontal(|ui| {
                ui.add_space(12.0);
                let words = if all.is_empty() { "Nothing is put aside" } else { "No stash has these words" };
                ui.label(theme.muted(words));
            });
            ui.add_space(12.0);
        }
    });
    hair_x(ui, theme);
    if let Some(stash) = open.and_then(|n| found.get(n)) {
        cx.send.push(Command::ShowStash(Box::new((*stash).clone())).into());
    }
    let selected = found.get(view.selected).copied().cloned();
    stash_foot(ui, cx, selected.as_ref(), pressed);
}

fn stash_ui(ui: &mut Ui, cx: &PageCx<'_>, stash: &Stash, on: bool) -> egui::Response {
    let theme = cx.theme;
    Row::new(&stash.message).height(44.0).selected(on).show(ui, theme, |ui| {
        ui.label(theme.icon("archive", 14.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(theme.faint(time::when(stash.at, cx.now)));
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.add_space(5.0);
                ui.spacing_mut().item_spacing.y = 0.0;
                ui.add(egui::Label::new(theme.body(stash.message.as_str())).truncate());
                let from = stash.branch.as_ref().map_or(String::new(), |b| format!("from {b}, "));
                let new = if stash.untracked { ", new ones too" } else { "" };
                ui.label(theme.faint(format!("{from}{}{new}", count(stash.files, "file"))));
            });
        });
    })
}

fn stash_foot(ui: &mut Ui, cx: &mut PageCx<'_>, stash: Option<&Stash>, pressed: &Pressed) {
    let theme = cx.theme;
    ui.horizontal(|ui| {
        ui.set_height(44.0);
        ui.add_space(12.0);
        ui.spacing_mut().item_spacing.x = 4.0;
        if let Some(stash) = stash {
            if Btn::new("Show").primary().key("Enter").show(ui, theme).clicked() {
                cx.send.push(Command::ShowStash(Box::new(stash.clone())).into());
            }
            let pop = Btn::new("Take out").key("Alt P").show(ui, theme);
            if pop.on_hover_text("The changes come back and the stash goes away").clicked() || pressed.pop {
                cx.send.push(Work::Pop(stash.clone()).into());
            }
            let apply = Btn::new("Apply").key("Alt A").show(ui, theme);
            if apply.on_hover_text("The changes come back and the stash is kept").clicked() || pressed.apply {
                cx.send.push(Work::Apply(stash.clone()).into());
            }
            if icon_button(ui, theme, "trash-2", "Drop (Alt+D)").clicked() || pressed.delete {
                cx.send.push(Work::Drop(stash.clone()).into());
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(12.0);
            let clean = cx.state.git.status.count() == 0;
            let reason = clean.then_some("Nothing differs from the last commit");
            if Btn::new("Stash changes\u{2026}").disabled(reason).show(ui, theme).clicked() {
                cx.send.push(Command::Ask(Ask::Stash).into());
            }
        });
    });
}

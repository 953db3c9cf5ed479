//! The picker of a side: one field over branches, tags, commits, stashes and runs; recent ones first.
use egui::{Align, Id, Key, Layout, Modifiers, ScrollArea, Ui};

use crate::{
    app::review::Command,
    base::{
        text::{count, fuzzy, shorten},
        time,
    },
    model::git::{CommitInfo, RefKind, Rev, Stash, short},
    ui::{
        PageCx,
        widgets::{Btn, Row, section_head},
    },
};

/// Rows of each kind that are offered.
const MOST: usize = 40;

/// What is typed and which row is in front.
#[derive(Debug, Default)]
pub(super) struct View {
    text: String,
    selected: usize,
    /// What was last looked for among all commits.
    asked: String,
    open: Option<Id>,
}

/// A side that can be chosen.
struct Choice {
    group: &'static str,
    icon: &'static str,
    title: String,
    /// Who and when.
    note: String,
    rev: Rev,
}

/// The name of a side as people say it.
pub(super) fn words(cx: &PageCx<'_>, rev: &Rev) -> String {
    match rev {
        Rev::WorkingTree => "Working tree".to_owned(),
        Rev::Index => "Staged changes".to_owned(),
        Rev::Draft => "Unsaved edits".to_owned(),
        Rev::At(name) if name == "HEAD" => match cx.state.git.branch() {
            Some(branch) => format!("HEAD ({branch})"),
            None => "HEAD".to_owned(),
        },
        Rev::At(id) => match cx.state.git.recent.iter().find(|c| c.id == *id) {
            Some(commit) => format!("{} {}", commit.short(), commit.summary),
            None => rev.to_string(),
        },
        Rev::Stash(id) => match cx.state.git.work.stashes.iter().find(|s| s.id == *id) {
            Some(stash) => format!("Stash: {}", stash.message),
            None => format!("Stash {}", short(id)),
        },
        Rev::Run(id) => match runs(cx).find(|r| r.id.0 == *id) {
            Some(run) => format!("Run {}", run.title()),
            None => format!("Run {id}"),
        },
        other => other.to_string(),
    }
}

fn icon_of(rev: &Rev) -> &'static str {
    match rev {
        Rev::WorkingTree => "pencil",
        Rev::Index => "list-checks",
        Rev::Draft => "save",
        Rev::Stash(_) => "archive",
        Rev::Run(_) => "play",
        Rev::File(_) => "file",
        Rev::At(name) if name.len() == 40 || name == "HEAD" => "git-commit-horizontal",
        Rev::At(_) | Rev::Empty => "git-branch",
    }
}

fn runs<'a>(cx: &PageCx<'a>) -> impl Iterator<Item = &'a crate::model::run::Run> {
    cx.state.runs.runs.values().flatten().map(|r| &**r)
}

/// A button with the name of a side; its menu offers the others. `letters`: room for the name.
pub(super) fn picker(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    view: &mut View,
    which: &str,
    current: &Rev,
    letters: usize,
) -> Option<Rev> {
    let theme = cx.theme;
    let whole = words(cx, current);
    let label = shorten(&whole, letters);
    let name = format!("{which}: {label}");
    let button = Btn::new(&label).icon(icon_of(current)).name(&name).show(ui, theme);
    let mut chosen = None;
    let shown = egui::Popup::menu(&button)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .width(460.0)
        .show(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.set_width(460.0);
            chosen = menu_ui(ui, cx, view, button.id, current);
            if chosen.is_some() || ui.input(|i| i.key_pressed(Key::Escape)) {
                ui.close();
            }
        });
    if shown.is_none() {
        if view.open == Some(button.id) {
            *view = View::default();
        }
        button.on_hover_text(whole);
    }
    chosen.filter(|c| c != current)
}

fn menu_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, id: Id, current: &Rev) -> Option<Rev> {
    let theme = cx.theme;
    let fresh = view.open != Some(id);
    if fresh {
        *view = View { open: Some(id), ..View::default() };
    }
    let (down, up, enter) = ui.input_mut(|i| {
        (
            i.consume_key(Modifiers::NONE, Key::ArrowDown),
            i.consume_key(Modifiers::NONE, Key::ArrowUp),
            i.consume_key(Modifiers::NONE, Key::Enter),
        )
    });
    let hint = "Branch, tag, commit, stash, run, or HEAD~2";
    let field = crate::ui::widgets::text_field(ui, theme, &mut view.text, "Find a revision", hint, 456.0);
    if fresh {
        field.request_focus();
    }
    if field.changed() {
        view.selected = 0;
    }
    let query = view.text.trim().to_owned();
    if query.len() >= 3 && query != view.asked {
        view.asked.clone_from(&query);
        cx.send(Command::FindCommits(query.clone()));
    }
    let all = choices(cx, &query);
    let last = all.len().saturating_sub(1);
    view.selected = view.selected.min(last);
    if down {
        view.selected = if view.selected == last { 0 } else { view.selected + 1 };
    }
    if up {
        view.selected = if view.selected == 0 { last } else { view.selected - 1 };
    }
    let mut chosen = enter.then_some(view.selected);
    ScrollArea::vertical().max_height(440.0).min_scrolled_height(200.0).auto_shrink([false, true]).show(ui, |ui| {
        let mut group = "";
        for (index, choice) in all.iter().enumerate() {
            if choice.group != group {
                group = choice.group;
                section_head(ui, theme, group, "", |_| {});
            }
            let on = index == view.selected;
            let row = choice_ui(ui, cx, choice, on, choice.rev == *current);
            if on && (down || up) {
                row.scroll_to_me(None);
            }
            if row.clicked() {
                chosen = Some(index);
            }
        }
    });
    chosen.and_then(|n| all.get(n)).map(|c| c.rev.clone())
}

fn choice_ui(ui: &mut Ui, cx: &PageCx<'_>, choice: &Choice, on: bool, current: bool) -> egui::Response {
    let theme = cx.theme;
    Row::new(&choice.title).height(24.0).padding(8.0).selected(on).accent(current).show(ui, theme, |ui| {
        ui.label(theme.icon(choice.icon, 14.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(theme.faint(choice.note.as_str()));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(theme.body(choice.title.as_str())).truncate());
            });
        });
    })
}

/// Everything that fits what was typed.
fn choices(cx: &PageCx<'_>, query: &str) -> Vec<Choice> {
    let fits = |text: &str| query.is_empty() || fuzzy(query, text).is_some();
    let mut all = Vec::new();
    let add = |group, icon, title: String, note: String, rev: Rev| Choice { group, icon, title, note, rev };
    let git = &cx.state.git;
    let recent = cx.state.review.recent.iter();
    for rev in recent.filter(|r| fits(&words(cx, r))).take(5) {
        all.push(add("Recent", icon_of(rev), words(cx, rev), String::new(), rev.clone()));
    }
    let staged = git.status.files.iter().filter(|f| f.staged.is_some()).count() as u64;
    let unsaved = crate::app::git::work::unsaved(cx.state).len() as u64 + cx.state.notebook.drafts.len() as u64;
    let files = |n: u64| if n == 0 { "none".to_owned() } else { count(n, "file") };
    let fixed = [
        ("Working tree", "files on disk".to_owned(), Rev::WorkingTree),
        ("Staged changes", files(staged), Rev::Index),
        ("Unsaved edits", files(unsaved), Rev::Draft),
        ("HEAD", "last commit".to_owned(), Rev::head()),
    ];
    for (title, note, rev) in fixed {
        if fits(title) {
            all.push(add("Here", icon_of(&rev), title.to_owned(), note, rev));
        }
    }
    let kinds = [(RefKind::Branch, "Branches"), (RefKind::Remote, "Remote branches"), (RefKind::Tag, "Tags")];
    for (kind, group) in kinds {
        for r in git.refs.iter().filter(|r| r.kind == kind && fits(&r.name)).take(MOST) {
            let icon = if kind == RefKind::Tag { "tag" } else { "git-branch" };
            let note = format!("{}, {}", r.author, time::when(r.at, cx.now));
            all.push(add(group, icon, r.name.clone(), note, Rev::At(r.name.clone())));
        }
    }
    let stash_fits = |s: &&Stash| fits(&s.message) || s.branch.as_deref().is_some_and(&fits);
    for stash in git.work.stashes.iter().filter(stash_fits).take(MOST) {
        let from = stash.branch.as_ref().map_or(String::new(), |b| format!("{b}, "));
        let note = format!("{from}{}", time::when(stash.at, cx.now));
        all.push(add("Stashes", "archive", stash.message.clone(), note, Rev::Stash(stash.id.clone())));
    }
    let mut executed: Vec<_> =
        runs(cx).filter(|r| r.tasks.iter().any(|t| t.attempts.iter().any(|a| a.artifact.is_some()))).collect();
    executed.sort_by_key(|r| std::cmp::Reverse(r.queued_at));
    for run in executed.into_iter().filter(|r| fits(&r.title()) || r.id.0.starts_with(query)).take(MOST) {
        let note = format!("{}, {}", run.state.word().to_lowercase(), time::when(run.queued_at, cx.now));
        all.push(add("Runs, as executed", "play", run.title(), note, Rev::Run(run.id.0.clone())));
    }
    commits(cx, query, &mut all);
    if !query.is_empty() {
        let note = "as git reads it".to_owned();
        all.push(add("Any revision", "search", query.to_owned(), note, Rev::At(query.to_owned())));
    }
    all
}

fn commits(cx: &PageCx<'_>, query: &str, all: &mut Vec<Choice>) {
    let low = query.to_lowercase();
    let here = |c: &&CommitInfo| query.is_empty() || c.summary.to_lowercase().contains(&low) || c.id.starts_with(&low);
    let near = cx.state.git.recent.iter().filter(here).take(MOST);
    // What was found among all commits of all branches, for this very text.
    let found = cx.state.review.found.as_ref().filter(|(q, _)| q == query);
    let far = found.into_iter().flat_map(|(_, commits)| commits);
    let mut seen = std::collections::HashSet::new();
    for c in near.chain(far).filter(|c| seen.insert(c.id.as_str())).take(MOST) {
        all.push(Choice {
            group: "Commits",
            icon: "git-commit-horizontal",
            title: format!("{}  {}", c.short(), c.summary),
            note: format!("{}, {}", c.author.name, time::when(c.at, cx.now)),
            rev: Rev::At(c.id.clone()),
        });
    }
}

//! What the palette offers of version actions.
use super::work::{Ask, Command, Work};
use crate::{
    app::{AppState, action::Action, shell::Page},
    base::text::count,
    model::git::{Head, RefKind, Rev, Target},
};

/// A clone can be made at any time.
pub(super) fn clone_action() -> Action {
    Action::new("Git", "Clone a repository\u{2026}", Command::Ask(Ask::Clone)).icon("download")
}

/// Everything that can be done with versions now.
pub(super) fn actions(state: &AppState) -> Vec<Action> {
    let git = &state.git;
    let status = &git.status;
    let mut all = Vec::new();
    if let Some((words, _)) = &git.work.undo {
        all.push(Action::new("Git", format!("Undo: {words}"), Command::Undo).icon("undo-2"));
    }
    all.push(
        Action::new("Git", "Branches, stashes and remotes\u{2026}", Command::Ask(Ask::Branches))
            .icon("git-branch")
            .key("Ctrl+Shift+B"),
    );
    remotes(state, &mut all);
    let create = Ask::Create { from: String::new(), name: String::new() };
    all.push(Action::new("Git", "New branch\u{2026}", Command::Ask(create)).icon("plus"));
    if let Head::Branch { branch, .. } = &status.head {
        let rename = Ask::Rename { name: branch.clone() };
        all.push(Action::new("Git", "Rename this branch\u{2026}", Command::Ask(rename)).icon("pencil").detail(branch));
    }
    let changed = status.count() > 0;
    all.push(
        Action::new("Git", "Stash changes\u{2026}", Command::Ask(Ask::Stash))
            .icon("archive")
            .key("Ctrl+Shift+H")
            .only_if(changed, "Nothing differs from the last commit"),
    );
    discards(state, &mut all);
    for stash in git.work.stashes.iter().take(10) {
        let title = format!("Take out the stash: {}", stash.message);
        all.push(Action::new("Git", title, Work::Pop(stash.clone())).icon("archive"));
    }
    for r in git.refs.iter().filter(|r| !r.current && r.kind == RefKind::Branch).take(30) {
        let to = Target::Branch(r.name.clone());
        all.push(Action::new("Git", format!("Switch to {}", r.name), Work::PlanSwitch(to)).icon("git-branch"));
        let merge = Work::PlanMerge(r.name.clone());
        let title = format!("Merge {} into {}", r.name, status.head.label());
        all.push(Action::new("Git", title, merge).icon("git-merge"));
        let delete = Work::PlanDelete(r.name.clone());
        all.push(Action::new("Git", format!("Delete the branch {}", r.name), delete).icon("trash-2"));
    }
    all.push(clone_action());
    all
}

fn remotes(state: &AppState, all: &mut Vec<Action>) {
    let git = &state.git;
    let has = !git.work.remotes.is_empty();
    let reason = "This repository has no remote";
    let (ahead, behind) = git.status.ahead_behind.unwrap_or_default();
    let pull = if behind > 0 { format!("{} behind", count(behind, "commit")) } else { String::new() };
    let push = if ahead > 0 { format!("{} ahead", count(ahead, "commit")) } else { String::new() };
    all.push(
        Action::new("Git", "Pull", Work::Pull).icon("arrow-down").detail(pull).key("Ctrl+Shift+L").only_if(has, reason),
    );
    all.push(
        Action::new("Git", "Push", Work::Push).icon("arrow-up").detail(push).key("Ctrl+Shift+K").only_if(has, reason),
    );
    all.push(Action::new("Git", "Fetch", Work::Fetch).icon("refresh-ccw").only_if(has, reason));
    if !has {
        all.push(Action::new("Git", "Add a remote\u{2026}", Command::Ask(Ask::Remote)).icon("globe"));
    }
}

fn discards(state: &AppState, all: &mut Vec<Action>) {
    let git = &state.git;
    let front = match state.shell.page {
        Page::Notebook => state.notebook.doc().map(|d| d.path.clone()),
        Page::Review if state.review.compare == Rev::WorkingTree => state.review.path.clone(),
        _ => None,
    };
    if let Some(path) = front.filter(|p| git.status.file(p).is_some()) {
        let discard = Work::Discard(vec![path.clone()]);
        all.push(Action::new("Git", "Discard the changes of this file", discard).icon("eraser").detail(path));
    }
    let part = super::work::cell_change(state, None).filter(|_| state.shell.page == Page::Review);
    if let Some(change) = part {
        let what = if change.hunk.is_some() { "these lines" } else { "this cell" };
        let discard = Command::DiscardChange(None);
        all.push(Action::new("Git", format!("Discard the change of {what}"), discard).icon("eraser").key("Delete"));
    }
    let files: Vec<String> = git.committable().map(|f| f.path.clone()).collect();
    let any = !files.is_empty();
    all.push(
        Action::new("Git", "Discard all changes\u{2026}", Command::Ask(Ask::Discard(files)))
            .icon("eraser")
            .only_if(any, "Nothing differs from the last commit"),
    );
    for kept in git.work.discards.iter().take(5) {
        let what = match kept.paths.as_slice() {
            [one] => one.clone(),
            many => count(many.len() as u64, "file"),
        };
        let title = format!("Bring back the discarded changes of {what}");
        let when = crate::base::time::day_hhmm(kept.at);
        all.push(Action::new("Git", title, Work::UndoDiscard(kept.clone())).icon("rotate-ccw").detail(when));
    }
}

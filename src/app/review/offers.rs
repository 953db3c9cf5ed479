//! What the palette offers of comparisons and reviews.
use super::{Command, matrix, past, threads};
use crate::{
    app::{AppState, action::Action, shell::Page},
    model::git::Rev,
};

/// What the palette offers from here.
pub fn actions(state: &AppState) -> Vec<Action> {
    if state.workspace.root.is_none() {
        return Vec::new();
    }
    let in_repo = state.git.status.in_repository();
    let reason = "The folder is not a git repository";
    let working = |path: Option<String>| Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path };
    let mut all = vec![
        Action::new("Review", "Compare the working tree with the last commit", working(None))
            .icon("git-compare")
            .only_if(in_repo, reason),
    ];
    if let Some(path) = current_path(state) {
        all.push(
            Action::new("Review", "Compare with the last commit, and show the history", working(Some(path.clone())))
                .icon("history")
                .detail(path)
                .only_if(in_repo, reason),
        );
    }
    let current = state.git.status.head.label();
    for branch in state.git.refs.iter().filter(|r| !r.current).take(20) {
        let show = Command::Show { base: Rev::At(branch.name.clone()), compare: Rev::At(current.clone()), path: None };
        all.push(Action::new("Review", format!("Compare {} with {current}", branch.name), show).icon("git-branch"));
    }
    if state.shell.page == Page::Review && state.review.shown.is_some() {
        all.push(Action::new("Review", "Next change", Command::Next).icon("arrow-down").key("N"));
        all.push(Action::new("Review", "Previous change", Command::Previous).icon("arrow-up").key("P"));
        all.push(Action::new("Review", "Mark as viewed, or not", Command::ToggleViewed(None)).icon("check").key("V"));
    }
    threads::actions(state, &mut all);
    past::actions(state, &mut all);
    matrix::actions(state, &mut all);
    all
}

/// The file of the page in front.
fn current_path(state: &AppState) -> Option<String> {
    match state.shell.page {
        Page::Review => state.review.path.clone(),
        _ => None,
    }
}

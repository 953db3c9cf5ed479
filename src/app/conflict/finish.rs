//! Writing a decided file, and bringing a merge to its end or back.
use super::{Command, Event, Task, keep, look};
use crate::{
    app::{AppState, Cx, Effect, Job, Policy, git, notebook, notify::Notice, review, shell::Dialog, workspace},
    base::Error,
    model::git::{Discarded, Rev, Underway},
};

pub(super) fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Finish => finish(state, false),
        Command::AsItStands => finish(state, true),
        Command::AskAbort => ask_abort(state),
        Command::Abort => abort(state, cx),
        Command::Conclude => conclude(state),
        Command::GoOn => go_on(state),
        _ => Vec::new(),
    }
}

fn finish(state: &mut AppState, as_it_stands: bool) -> Vec<Effect> {
    let conflict = &state.conflict;
    let Some(sheet) = conflict.sheet.clone() else { return Vec::new() };
    if conflict.finishing || (!as_it_stands && conflict.not_yet().is_some()) {
        return Vec::new();
    }
    if let Some(open) = conflict.open_in_front().cloned() {
        let answers = conflict.answers();
        state.conflict.finishing = true;
        let title = format!("Merging {}", sheet.path);
        return vec![Job::cpu("conflict.make", Task::Make { open, sheet, answers }).titled(title).start()];
    }
    let dirty = state.notebook.docs.iter().any(|d| d.path == sheet.path && d.is_dirty());
    if dirty {
        let error = Error::user(format!("{} has unsaved edits in the notebook page", sheet.path))
            .because_of("Finishing the merge would write over them")
            .hint("Save them, or undo them, then finish");
        let open = workspace::Command::OpenFile(sheet.path.clone());
        return vec![Effect::Notice(Notice::error(&error).action("Open", open))];
    }
    // Staging starts the filters that .gitattributes names, and a link is taken by git itself.
    let filters = state.git.status.commit_runs.iter().any(|r| r.ends_with("filter"));
    let this = if as_it_stands { Command::AsItStands } else { Command::Finish };
    if sheet.versions.unmerged
        && (filters || sheet.versions.special)
        && let Some(asked) = workspace::require_trust(state, this)
    {
        return asked;
    }
    state.conflict.finishing = true;
    let title = format!("Writing {}", sheet.path);
    let task =
        if as_it_stands { Task::Stage { sheet } } else { Task::Finish { answers: state.conflict.answers(), sheet } };
    vec![Job::io("conflict.finish", task).policy(Policy::Queue).titled(title).start()]
}

fn ask_abort(state: &mut AppState) -> Vec<Effect> {
    let situation = &state.conflict.situation;
    if !situation.can_abort() {
        return Vec::new();
    }
    let word = situation.underway.word();
    let decided = state.conflict.done.len();
    let lost = if decided > 0 || !state.conflict.answers.is_empty() {
        "Every change made in the merged files since it began is lost; what was decided here is kept for 30 days, \
         should the same versions meet again."
    } else {
        "Every change made in the merged files since it began is lost."
    };
    state.shell.palette = None;
    state.shell.dialog = Some(Dialog::Confirm {
        title: format!("Abort the {word}?"),
        body: format!("The files go back to how they were before the {word} began. {lost} Both sides stay in git."),
        verb: format!("Abort {word}"),
        destructive: true,
        command: Box::new(Command::Abort.into()),
    });
    Vec::new()
}

fn abort(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    // git starts hooks and filters of the repository.
    if let Some(asked) = workspace::require_trust(state, Command::Abort) {
        return asked;
    }
    if std::mem::replace(&mut state.conflict.ending, true) {
        return Vec::new();
    }
    let title = format!("Taking the {} back", state.conflict.situation.underway.word());
    // What was decided is kept: the same versions may meet once more.
    let mut effects = keep::now(state, cx);
    effects.push(Job::long("conflict.end", Task::Abort).titled(title).start());
    effects
}

fn conclude(state: &mut AppState) -> Vec<Effect> {
    if !state.conflict.situation.waits_for_end() {
        return Vec::new();
    }
    state.shell.palette = None;
    if state.conflict.situation.underway == Underway::Merge {
        // The dialog opens with git's own words once they are read.
        return vec![Job::io("conflict.message", Task::Message).start()];
    }
    go_on(state)
}

fn go_on(state: &mut AppState) -> Vec<Effect> {
    if let Some(asked) = workspace::require_trust(state, Command::GoOn) {
        return asked;
    }
    if std::mem::replace(&mut state.conflict.ending, true) {
        return Vec::new();
    }
    let title = format!("Going on with the {}", state.conflict.situation.underway.word());
    vec![Job::long("conflict.end", Task::GoOn).titled(title).start()]
}

pub(super) fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Finished { path, error, decided, old } => finished(state, path, (error, decided, old), cx),
        Event::Ended { what, error } => ended(state, what, error),
        Event::Made { open, result } => made(state, &open, *result, cx),
        Event::Message(message) => {
            let commit = &mut state.git.commit;
            if commit.message.trim().is_empty() {
                commit.message = message.unwrap_or_default();
            }
            git::open_dialog(state)
        }
        _ => Vec::new(),
    }
}

/// What was decided goes into the open document.
fn made(state: &mut AppState, open: &super::OpenMerge, result: crate::base::Result<Vec<u8>>, cx: &Cx) -> Vec<Effect> {
    state.conflict.finishing = false;
    let bytes = match result {
        Ok(bytes) => bytes,
        Err(e) => return vec![Effect::Notice(Notice::error(&e))],
    };
    let mut effects = keep::now(state, cx);
    state.conflict.in_front = false;
    state.shell.page = crate::app::shell::Page::Notebook;
    let decided = notebook::outside::Command::Decided {
        doc: open.doc,
        hash: open.hash,
        mine: open.mine.clone(),
        bytes: bytes.into(),
    };
    effects.extend(notebook::command(state, notebook::Command::Outside(decided), cx));
    effects
}

fn finished(
    state: &mut AppState,
    path: String,
    (error, decided, old): (Option<Error>, bool, Option<Discarded>),
    cx: &Cx,
) -> Vec<Effect> {
    let conflict = &mut state.conflict;
    conflict.finishing = false;
    if let Some(error) = error {
        // The page shows the versions as they are now; what was decided about the same ones stays.
        let mut effects = vec![Effect::Notice(Notice::error(&error))];
        effects.extend(look(state));
        effects.extend(super::load(state));
        return effects;
    }
    let sheet = conflict.sheet.take();
    let mut effects = Vec::new();
    if let Some(sheet) = sheet.filter(|s| s.path == path) {
        // What lies on disk was taken as it stands: the decisions have not gone into it.
        effects = if decided { keep::done(state, &sheet, cx) } else { keep::now(state, cx) };
        state.conflict.answers.remove(&sheet.mark);
    }
    let conflict = &mut state.conflict;
    conflict.anew.remove(&path);
    conflict.situation.files.retain(|f| f.path != path);
    conflict.noted.retain(|p| *p != path);
    conflict.done.push(path.clone());
    conflict.path = None;
    conflict.undo.clear();
    conflict.redo.clear();
    let left = conflict.count();
    let body = match left {
        0 if conflict.situation.waits_for_end() => {
            format!("All files are decided; the {} waits for its end", conflict.situation.underway.word())
        }
        0 => "Nothing is left to decide".to_owned(),
        n => format!("{} left", crate::base::text::count(n as u64, "file")),
    };
    let show = review::Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path: Some(path.clone()) };
    let title = format!("{path} is decided");
    effects.push(Effect::Notice(match old {
        // What somebody wrote in the file outside of this page.
        Some(old) => {
            let body = format!("{body}. What had been written in the file is kept for 30 days");
            let back = git::work::Work::UndoDiscard(old);
            Notice::success(title).body(body).action("Bring it back", back)
        }
        None => Notice::success(title).body(body).action("Compare", show),
    }));
    effects.extend(look(state));
    effects.extend(git::refreshed());
    effects
}

fn ended(state: &mut AppState, what: String, error: Option<Error>) -> Vec<Effect> {
    let conflict = &mut state.conflict;
    conflict.ending = false;
    let mut effects = vec![Effect::Notice(match &error {
        Some(e) => Notice::error(e),
        None => Notice::success(what),
    })];
    if error.is_none() {
        conflict.sheet = None;
        conflict.path = None;
        conflict.answers.clear();
        conflict.undo.clear();
        conflict.redo.clear();
        conflict.done.clear();
    }
    effects.extend(look(state));
    effects.extend(git::refreshed());
    effects
}

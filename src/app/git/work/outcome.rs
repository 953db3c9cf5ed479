//! What came of a version action: told in a notice, with the way back where there is one.
use super::{Ask, Command, Done, Task, Work, job, put_aside, start, unsaved};
use crate::{
    app::{AppState, Cx, Effect, Job, conflict, notify::Notice, review, shell::Dialog, workspace},
    base::{Error, Result},
    engine::git::Taken,
    model::git::{Fetched, Merged, Moved, Pulled, Stash, SwitchPlan, Target},
};

pub(super) fn did(state: &mut AppState, work: Work, result: Result<Done>, cx: &Cx) -> Vec<Effect> {
    if !work.is_plan() {
        state.git.work.busy = None;
    }
    let mut effects = match result {
        Ok(done) => finished(state, work.clone(), done, cx),
        Err(e) if e.is_cancelled() => {
            close_question(state);
            vec![Effect::Notice(Notice::info(format!("Cancelled: {}", work.title().to_lowercase())))]
        }
        Err(e) => failed(state, &work, e),
    };
    if !work.is_plan() && state.workspace.root.is_some() {
        // Files may have changed under the editors, the data page and the board.
        effects.extend(workspace::command(state, workspace::Command::Refresh, cx));
    }
    effects
}

fn close_question(state: &mut AppState) {
    if matches!(&state.shell.dialog, Some(Dialog::Git(ask)) if matches!(**ask, Ask::Question(_))) {
        state.shell.dialog = None;
    }
}

/// True while the dialog that an action is started from is in front: it shows the failure itself.
fn dialog_shows(state: &AppState) -> bool {
    let Some(Dialog::Git(ask)) = &state.shell.dialog else { return false };
    !matches!(**ask, Ask::Question(_))
}

fn failed(state: &mut AppState, work: &Work, error: Error) -> Vec<Effect> {
    close_question(state);
    let shown = dialog_shows(state);
    let mut notice = Notice::error(&error);
    let dirty = error.causes.first().is_some_and(|c| c.contains("changes that would be lost"));
    match work {
        Work::Push if error.hint.as_deref().is_some_and(|h| h.starts_with("Pull first")) => {
            notice = notice.action("Pull", Work::Pull);
        }
        Work::Push | Work::Fetch | Work::Pull if error.what.contains("no remote") => {
            notice = notice.action("Add a remote\u{2026}", Command::Ask(Ask::Remote));
        }
        Work::Pull | Work::Merge { .. } | Work::MoveBack(_) if dirty => {
            notice = notice.action("Stash\u{2026}", Command::Ask(Ask::Stash));
        }
        // The next try takes the words of this one away.
        Work::Push | Work::Fetch | Work::Pull => notice = notice.action("Try again", work.clone()),
        Work::UndoDiscard(_) => {
            // Still kept: it can be tried again.
            state.git.work.undo = Some(("Bring the discarded changes back".to_owned(), Box::new(work.clone())));
        }
        _ => {}
    }
    state.git.work.error = Some(error);
    if shown { Vec::new() } else { vec![Effect::Notice(notice)] }
}

fn close(state: &mut AppState) {
    if matches!(state.shell.dialog, Some(Dialog::Git(_))) {
        state.shell.dialog = None;
    }
}

/// A notice whose action takes back what it tells; the palette offers the same until the next action.
fn with_undo(state: &mut AppState, notice: Notice, words: &str, undo: Work) -> Vec<Effect> {
    state.git.work.undo = Some((words.to_owned(), Box::new(undo)));
    vec![Effect::Notice(notice.action("Undo", Command::Undo))]
}

fn finished(state: &mut AppState, work: Work, done: Done, cx: &Cx) -> Vec<Effect> {
    match (work, done) {
        (_, Done::SwitchPlan(plan)) => switch_plan(state, plan),
        (_, Done::DeletePlan(plan)) => {
            if plan.only_here_count == 0 {
                return start(state, Work::Delete(plan));
            }
            state.shell.dialog = Some(Dialog::Git(Box::new(Ask::Delete(plan))));
            Vec::new()
        }
        (_, Done::MergePlan(plan)) => {
            if plan.commits == 0 {
                close(state);
                return vec![Effect::Notice(Notice::info(format!("{} already has all of {}", plan.into, plan.from)))];
            }
            state.shell.dialog = Some(Dialog::Git(Box::new(Ask::Merge(plan))));
            Vec::new()
        }
        (work, done) => {
            close(state);
            told(state, work, done, cx)
        }
    }
}

fn switch_plan(state: &mut AppState, plan: SwitchPlan) -> Vec<Effect> {
    let asked = matches!(&state.shell.dialog, Some(Dialog::Git(a)) if matches!(**a, Ask::Switch(_)));
    if plan.is_plain() && unsaved(state).is_empty() && !asked {
        return start(state, Work::Switch { to: plan.to, stash: None, take: None });
    }
    state.shell.dialog = Some(Dialog::Git(Box::new(Ask::Switch(plan))));
    Vec::new()
}

/// Files changed while somebody reads what switching would do to them: looks again.
pub(in crate::app::git) fn status_changed(state: &AppState) -> Vec<Effect> {
    let Some(Dialog::Git(ask)) = &state.shell.dialog else { return Vec::new() };
    let Ask::Switch(plan) = &**ask else { return Vec::new() };
    vec![Job::io("git.plan", job(Task::Do(Box::new(Work::PlanSwitch(plan.to.clone()))))).start()]
}

fn conflicts(state: &mut AppState, title: &str, files: &[String], abort: bool, cx: &Cx) -> Vec<Effect> {
    let named = crate::base::text::shorten(&files.join(", "), 120);
    let what = crate::base::text::count(files.len() as u64, "file");
    let mut notice = Notice::new(crate::app::notify::Tone::Warning, format!("{title}: {what} to decide")).body(named);
    if abort {
        notice = notice.action("Abort\u{2026}", conflict::Command::AskAbort);
    }
    let mut effects = vec![Effect::Notice(notice)];
    effects.extend(conflict::command(state, conflict::Command::Open(files.first().cloned()), cx));
    effects
}

fn told(state: &mut AppState, work: Work, done: Done, cx: &Cx) -> Vec<Effect> {
    match (work, done) {
        (Work::Create { name, .. }, Done::Created { back }) => {
            let switched = back.is_some();
            let title = if switched { format!("On the new branch {name}") } else { format!("Made the branch {name}") };
            let undo = Work::Unmake { name: name.clone(), back };
            with_undo(state, Notice::success(title), &format!("Take the branch {name} back"), undo)
        }
        (Work::Rename { from, to }, _) => {
            let notice = Notice::success(format!("{from} is called {to} now"));
            with_undo(state, notice, &format!("Call {to} {from} again"), Work::Rename { from: to, to: from })
        }
        (Work::Delete(plan), _) => {
            let notice = Notice::success(format!("Deleted the branch {}", plan.name))
                .body(format!("It stood at {}", crate::model::git::short(&plan.commit)));
            let words = format!("Bring the branch {} back", plan.name);
            with_undo(state, notice, &words, Work::Restore(plan))
        }
        (Work::Restore(plan), _) => vec![Effect::Notice(Notice::success(format!("{} is back", plan.name)))],
        (Work::Unmake { name, .. }, _) => vec![Effect::Notice(Notice::success(format!("{name} is gone again")))],
        (Work::Switch { to, .. }, Done::Switched { back, stash, taken }) => {
            switched(state, &to, back, stash, taken, cx)
        }
        (Work::Merge { from, .. }, Done::Merged(merged, moved)) => merged_event(state, &from, merged, moved, cx),
        (Work::MoveBack(moved), _) => {
            let at = crate::model::git::short(&moved.before).to_owned();
            vec![Effect::Notice(Notice::success(format!("The branch is at {at} again")))]
        }
        (Work::Pop(_) | Work::Apply(_), Done::Taken(Taken::Conflicts(files))) => {
            conflicts(state, "The stash was taken out with conflicts, and is kept", &files, false, cx)
        }
        (Work::Pop(stash), _) => vec![Effect::Notice(Notice::success("Took the changes out").body(stash.message))],
        (Work::Apply(stash), _) => {
            let notice = Notice::success("Took the changes out").body(format!("{}; the stash is kept", stash.message));
            vec![Effect::Notice(notice)]
        }
        (Work::Drop(stash), _) => {
            let notice = Notice::success("Dropped the stash").body(stash.message.clone());
            with_undo(state, notice, "Bring the dropped stash back", Work::Store(stash))
        }
        (Work::Store(stash), _) => {
            vec![Effect::Notice(Notice::success("The stash is back").body(stash.message))]
        }
        (Work::UndoDiscard(kept), _) => {
            let what = crate::base::text::count(kept.paths.len() as u64, "file");
            vec![Effect::Notice(Notice::success(format!("Brought {what} back")))]
        }
        (Work::AddRemote { .. }, _) => {
            vec![Effect::Notice(Notice::success("Added the remote origin").action("Push", Work::Push))]
        }
        (Work::DiscardCell(change), Done::Kept(kept)) => {
            let what = if change.hunk.is_some() { "some lines" } else { "a cell" };
            let notice = Notice::success(format!("Discarded the change of {what}")).body(kept.paths.join(", "));
            with_undo(state, notice, "Bring the discarded change back", Work::UndoDiscard(kept))
        }
        (_, done) => told_of_the_rest(state, done, cx),
    }
}

fn switched(
    state: &mut AppState,
    to: &Target,
    back: Target,
    stash: Option<Stash>,
    taken: Option<Taken>,
    cx: &Cx,
) -> Vec<Effect> {
    if let Some(Taken::Conflicts(files)) = taken {
        return conflicts(state, "The stash was taken out with conflicts, and is kept", &files, false, cx);
    }
    let mut notice = Notice::success(format!("On {}", to.label()));
    if let Some(stash) = &stash {
        let what = crate::base::text::count(stash.files, "changed file");
        notice = notice.body(format!("{what} stashed; switching back offers to take them out"));
    }
    // What was put aside here when one left.
    let aside = put_aside(to.label());
    let waiting = state.git.work.stashes.iter().find(|s| s.message == aside && taken.is_none()).cloned();
    if let Some(waiting) = waiting {
        let body = format!("{} were put aside here", crate::base::text::count(waiting.files, "changed file"));
        return vec![Effect::Notice(notice.body(body).action("Take them out", Work::Pop(waiting)))];
    }
    let words = format!("Switch back to {}", back.label());
    let undo = Work::Switch { to: back, stash: None, take: stash.map(|s| s.id) };
    with_undo(state, notice, &words, undo)
}

fn merged_event(state: &mut AppState, from: &str, merged: Merged, moved: Option<Moved>, cx: &Cx) -> Vec<Effect> {
    let into = state.git.branch().unwrap_or_default();
    let title = match merged {
        Merged::Conflicts(files) => {
            return conflicts(state, &format!("{from} has conflicts with {into}"), &files, true, cx);
        }
        Merged::UpToDate => {
            return vec![Effect::Notice(Notice::info(format!("{into} already has all of {from}")))];
        }
        Merged::FastForward => format!("{into} moved forward to {from}"),
        Merged::Commit => format!("Merged {from} into {into}"),
    };
    match moved {
        Some(moved) => {
            with_undo(state, Notice::success(title), &format!("Take the merge of {from} back"), Work::MoveBack(moved))
        }
        None => vec![Effect::Notice(Notice::success(title))],
    }
}

fn told_of_the_rest(state: &mut AppState, done: Done, cx: &Cx) -> Vec<Effect> {
    use crate::base::text::count;
    let notice = match done {
        Done::Stashed(Some(stash)) => {
            let title = format!("Stashed {}", count(stash.files, "file"));
            let notice = Notice::success(title).body(stash.message.clone());
            return with_undo(state, notice, "Take the stashed changes out again", Work::Pop(stash));
        }
        Done::Stashed(None) => Notice::info("There was nothing to stash"),
        Done::Kept(kept) => {
            let title = match kept.paths.as_slice() {
                [one] => format!("Discarded the changes of {one}"),
                many => format!("Discarded the changes of {}", count(many.len() as u64, "file")),
            };
            let notice = Notice::success(title).body("They can be brought back for 30 days");
            return with_undo(state, notice, "Bring the discarded changes back", Work::UndoDiscard(kept));
        }
        Done::Fetched(fetched) => return vec![Effect::Notice(fetched_notice(&fetched))],
        Done::Pulled(Pulled::Same { upstream }) => Notice::info(format!("{upstream} has nothing new")),
        Done::Pulled(Pulled::Forward { upstream, commits, moved }) => {
            let title = format!("Pulled {} from {upstream}", count(commits, "commit"));
            let show = review::Command::Show {
                base: crate::model::git::Rev::At(moved.before.clone()),
                compare: crate::model::git::Rev::At(moved.after.clone()),
                path: None,
            };
            state.git.work.undo = Some(("Take the pull back".to_owned(), Box::new(Work::MoveBack(moved))));
            Notice::success(title).action("Show", show)
        }
        Done::Pulled(Pulled::Diverged { upstream, ahead, behind }) => {
            state.shell.dialog = Some(Dialog::Git(Box::new(Ask::Diverged { upstream, ahead, behind })));
            return Vec::new();
        }
        Done::Pushed(pushed) => {
            let title = match (pushed.commits, pushed.first) {
                (0, false) => format!("{} is up to date", pushed.to),
                (0, true) => format!("This branch follows {} now", pushed.to),
                (n, _) => format!("Pushed {} to {}", count(n, "commit"), pushed.to),
            };
            Notice::success(title)
        }
        Done::Cloned(folder) => {
            state.git.work.clone = None;
            return workspace::command(state, workspace::Command::Open(folder), cx);
        }
        _ => return Vec::new(),
    };
    vec![Effect::Notice(notice)]
}

fn fetched_notice(fetched: &Fetched) -> Notice {
    use crate::base::text::count;
    let from = fetched.remotes.join(", ");
    if fetched.news.is_empty() && fetched.upstream.as_ref().is_none_or(|u| u.2 == 0) {
        return Notice::info(format!("{from} has nothing new"));
    }
    let branches = match fetched.news.len() {
        1 => "1 changed branch".to_owned(),
        n => format!("{n} changed branches"),
    };
    let mut notice = Notice::success(format!("Fetched {branches} from {from}"));
    if let Some((upstream, _, behind)) = fetched.upstream.as_ref().filter(|u| u.2 > 0) {
        let words = format!("{upstream} is {} ahead of this branch", count(*behind, "commit"));
        notice = notice.body(words).action("Pull", Work::Pull);
    } else {
        notice = notice.body(crate::base::text::shorten(&fetched.news.join(", "), 120));
    }
    notice
}

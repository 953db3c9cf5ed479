//! Version actions: branches, merges, stashes, discards, remotes. Whatever starts git asks for trust first, one action
//! runs at a time, and what can be taken back says so in its notice.
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Command as GitCommand;
use crate::{
    app::{
        AppState, Command as AnyCommand, Cx, Effect, Env, Job, Out, conflict, notify::Notice, review, shell::Dialog,
        workspace,
    },
    base::{Error, Result, fsx, job::JobCtx},
    engine::{
        dirs::Dirs,
        git::{Asks, Repo, Taken, clone, clone_name},
        sides::Sides,
    },
    model::git::{
        Deleted, Discarded, Fetched, MergePlan, Merged, Moved, Pulled, Pushed, Rev, Stash, SwitchPlan, Target,
    },
    model::notebook::Notebook,
};

pub use crate::engine::secrets::Secret;

/// What is known of stashes and remotes, and what is being done.
#[derive(Debug, Default)]
pub struct State {
    /// What git does for the person just now.
    pub busy: Option<String>,
    pub stashes: Vec<Stash>,
    pub remotes: Vec<String>,
    /// Discards that can be taken back, newest first.
    pub discards: Vec<Discarded>,
    /// What takes the last action back, and its words.
    pub undo: Option<(String, Box<Work>)>,
    /// Why the last action failed, for the dialog it was started from.
    pub error: Option<Error>,
    /// The folder a clone goes to, and its address; kept when it fails.
    pub clone: Option<(String, String)>,
}

/// A question over the page.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// The list of branches.
    Branches,
    /// The list of stashes.
    Stashes,
    /// A new branch from this revision; empty: from here.
    Create {
        from: String,
        name: String,
    },
    Rename {
        name: String,
    },
    Switch(SwitchPlan),
    Delete(Deleted),
    Merge(MergePlan),
    /// Both sides went on: merge?
    Diverged {
        upstream: String,
        ahead: u64,
        behind: u64,
    },
    Stash,
    Discard(Vec<String>),
    /// The address of a remote to be added.
    Remote,
    Clone,
    /// git or ssh wants to know something.
    Question(Question),
}

/// What git or ssh asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub id: u64,
    pub prompt: String,
    /// The answer is not shown.
    pub secret: bool,
}

/// What a person can ask of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens a question.
    Ask(Ask),
    /// Looks what it would mean first, where that is worth a word; then does it.
    Do(Work),
    /// Takes the last action back.
    Undo,
    /// Discards the change of this row of the comparison, or of the one in front.
    DiscardChange(Option<usize>),
    /// Shows what a stash holds on the review page.
    ShowStash(Box<Stash>),
    /// The answer to a question; none: no answer will come.
    Answer { id: u64, answer: Option<Secret> },
}

impl From<Command> for AnyCommand {
    fn from(command: Command) -> Self {
        Self::Git(GitCommand::Work(command))
    }
}

impl From<Work> for AnyCommand {
    fn from(work: Work) -> Self {
        Command::Do(work).into()
    }
}

/// One action.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    PlanSwitch(Target),
    PlanDelete(String),
    PlanMerge(String),
    Create {
        name: String,
        from: String,
        switch: bool,
    },
    Rename {
        from: String,
        to: String,
    },
    Delete(Deleted),
    Restore(Deleted),
    /// `stash`: changes are put aside first; `take`: this stash is taken out afterwards.
    Switch {
        to: Target,
        stash: Option<bool>,
        take: Option<String>,
    },
    /// Back from a branch that was just made, which goes away again.
    Unmake {
        name: String,
        back: Option<Target>,
    },
    Merge {
        from: String,
        commit: bool,
    },
    MoveBack(Moved),
    Stash {
        message: String,
        untracked: bool,
    },
    Apply(Stash),
    Pop(Stash),
    Drop(Stash),
    Store(Stash),
    Discard(Vec<String>),
    DiscardCell(Box<CellChange>),
    UndoDiscard(Discarded),
    Fetch,
    Pull,
    Push,
    AddRemote {
        url: String,
    },
    Clone {
        url: String,
        folder: PathBuf,
    },
}

impl Work {
    /// What the job list and the busy line say.
    fn title(&self) -> String {
        match self {
            Self::PlanSwitch(_) | Self::PlanDelete(_) | Self::PlanMerge(_) => String::new(),
            Self::Create { name, .. } => format!("Making the branch {name}"),
            Self::Rename { from, .. } => format!("Renaming {from}"),
            Self::Delete(plan) => format!("Deleting {}", plan.name),
            Self::Restore(plan) => format!("Bringing {} back", plan.name),
            Self::Switch { to, .. } => format!("Switching to {}", to.label()),
            Self::Unmake { name, .. } => format!("Taking {name} back"),
            Self::Merge { from, .. } => format!("Merging {from}"),
            Self::MoveBack(_) => "Taking the merge back".to_owned(),
            Self::Stash { .. } => "Stashing changes".to_owned(),
            Self::Apply(_) | Self::Pop(_) => "Taking changes out of the stash".to_owned(),
            Self::Drop(_) => "Dropping the stash".to_owned(),
            Self::Store(_) => "Bringing the stash back".to_owned(),
            Self::Discard(_) | Self::DiscardCell(_) => "Discarding changes".to_owned(),
            Self::UndoDiscard(_) => "Bringing changes back".to_owned(),
            Self::Fetch => "Fetching".to_owned(),
            Self::Pull => "Pulling".to_owned(),
            Self::Push => "Pushing".to_owned(),
            Self::AddRemote { .. } => "Adding the remote".to_owned(),
            Self::Clone { url, .. } => format!("Cloning {url}"),
        }
    }
    /// Only looks.
    fn is_plan(&self) -> bool {
        matches!(self, Self::PlanSwitch(_) | Self::PlanDelete(_) | Self::PlanMerge(_))
    }
}

/// The change of one cell, as the review page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellChange {
    pub path: String,
    /// The side and path the notebook is compared with.
    pub base: Rev,
    pub before: String,
    pub pairs: Vec<(Option<usize>, Option<usize>)>,
    pub cell: (Option<usize>, Option<usize>),
    /// Names both versions by their contents: another comparison is another change.
    pub mark: u64,
}

/// What came of an action.
#[derive(Debug, Clone)]
pub enum Done {
    SwitchPlan(SwitchPlan),
    DeletePlan(Deleted),
    MergePlan(MergePlan),
    /// Nothing but that it is done.
    Plain,
    Created {
        back: Option<Target>,
    },
    Switched {
        back: Target,
        stash: Option<Stash>,
        taken: Option<Taken>,
    },
    Merged(Merged, Option<Moved>),
    Stashed(Option<Stash>),
    Taken(Taken),
    Kept(Discarded),
    Fetched(Fetched),
    Pulled(Pulled),
    Pushed(Pushed),
    Cloned(PathBuf),
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Did { work: Box<Work>, result: Box<Result<Done>> },
    Lists { stashes: Vec<Stash>, remotes: Vec<String>, discards: Vec<Discarded> },
    Asked(Question),
}

/// What runs off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Do(Box<Work>),
    Answer { id: u64, answer: Option<Secret> },
}

fn job(task: Task) -> super::Task {
    super::Task::Work(task)
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Ask(ask) => {
            state.git.work.error = None;
            state.shell.palette = None;
            state.shell.dialog = Some(Dialog::Git(Box::new(ask)));
            if state.workspace.root.is_some() { super::refresh() } else { Vec::new() }
        }
        Command::Do(work) => start(state, work),
        Command::Undo => match state.git.work.undo.take() {
            Some((_, work)) => start(state, *work),
            None => Vec::new(),
        },
        Command::DiscardChange(row) => match cell_change(state, row) {
            Some(change) => start(state, Work::DiscardCell(Box::new(change))),
            None => Vec::new(),
        },
        Command::ShowStash(stash) => {
            state.shell.dialog = None;
            let (base, compare) = Repo::stash_sides(&stash);
            review::command(state, review::Command::Show { base, compare, path: None }, cx)
        }
        Command::Answer { id, answer } => {
            if matches!(&state.shell.dialog, Some(Dialog::Git(ask)) if matches!(&**ask, Ask::Question(q) if q.id == id))
            {
                state.shell.dialog = None;
            }
            vec![Job::io(format!("git.answer.{id}"), job(Task::Answer { id, answer })).start()]
        }
    }
}

/// True while the comparison is of a notebook on disk, whose cells can be taken back one by one.
pub fn discards_cells(state: &AppState) -> bool {
    let review = &state.review;
    let notebook = |s: &review::Shown| matches!(s.diff.shape, crate::model::diff::FileShape::Notebook(_));
    review.compare == Rev::WorkingTree && review.shown.as_ref().is_some_and(notebook)
}

/// The change that stands in a row of the comparison; only of a notebook on disk.
pub fn cell_change(state: &AppState, row: Option<usize>) -> Option<CellChange> {
    use crate::model::diff::FileShape;
    let review = &state.review;
    let path = review.path.clone().filter(|_| review.compare == Rev::WorkingTree)?;
    let FileShape::Notebook(diff) = &review.shown.as_ref()?.diff.shape else { return None };
    let cell = diff.cells.get(row.or_else(|| review.focused_row())?).filter(|c| c.is_shown())?;
    let file = review.file()?;
    Some(CellChange {
        base: review.parted.clone().map_or_else(|| review.base.clone(), Rev::At),
        before: file.before().to_owned(),
        pairs: diff.cells.iter().map(|c| (c.old, c.new)).collect(),
        cell: (cell.old, cell.new),
        mark: review.counts.get(&path)?.mark,
        path,
    })
}

/// The dialog in front was closed: a question in it gets no answer any more.
pub fn closed(dialog: Option<&Dialog>) -> Vec<Effect> {
    match dialog {
        Some(Dialog::Git(ask)) => match &**ask {
            Ask::Question(q) => {
                let task = job(Task::Answer { id: q.id, answer: None });
                vec![Job::io(format!("git.answer.{}", q.id), task).start()]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn start(state: &mut AppState, work: Work) -> Vec<Effect> {
    state.shell.palette = None;
    if work.is_plan() {
        return vec![Job::io("git.plan", job(Task::Do(Box::new(work)))).start()];
    }
    // Hooks, filters and helpers are programs that the repository may name.
    if !matches!(work, Work::Clone { .. })
        && let Some(asked) = workspace::require_trust(state, work.clone())
    {
        return asked;
    }
    if let Some(busy) = &state.git.work.busy {
        let title = format!("git is at work: {}", busy.to_lowercase());
        return vec![Effect::Notice(Notice::info(title).body("Try again once it is done"))];
    }
    if let Work::Clone { url, folder } = &work {
        state.git.work.clone = Some((url.clone(), folder.display().to_string()));
    }
    let title = work.title();
    state.git.work.busy = Some(title.clone());
    state.git.work.error = None;
    // What was offered before means something else after this.
    state.git.work.undo = None;
    let stale = |c: &AnyCommand| matches!(c, AnyCommand::Git(GitCommand::Work(Command::Do(_) | Command::Undo)));
    state.notices.withdraw(stale);
    vec![Job::long("git.work", job(Task::Do(Box::new(work)))).titled(title).start()]
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Lists { stashes, remotes, discards } => {
            let work = &mut state.git.work;
            (work.stashes, work.remotes, work.discards) = (stashes, remotes, discards);
            Vec::new()
        }
        Event::Asked(question) => {
            state.shell.palette = None;
            state.shell.dialog = Some(Dialog::Git(Box::new(Ask::Question(question))));
            Vec::new()
        }
        Event::Did { work, result } => did(state, *work, *result, cx),
    }
}

fn did(state: &mut AppState, work: Work, result: Result<Done>, cx: &Cx) -> Vec<Effect> {
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

/// Where a clone of this address goes by itself: beside the open folder, else below the home folder.
pub fn clone_folder(state: &AppState, url: &str) -> String {
    let beside = state.workspace.root.as_ref().and_then(|r| r.parent()).map(std::path::Path::to_path_buf);
    let place = beside.or_else(Dirs::home).unwrap_or_default();
    place.join(clone_name(url)).display().to_string()
}

/// Files with edits that are not saved.
pub fn unsaved(state: &AppState) -> Vec<String> {
    state.notebook.docs.iter().filter(|d| d.is_dirty()).map(|d| d.path.clone()).collect()
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
pub(super) fn status_changed(state: &AppState) -> Vec<Effect> {
    let Some(Dialog::Git(ask)) = &state.shell.dialog else { return Vec::new() };
    let Ask::Switch(plan) = &**ask else { return Vec::new() };
    vec![Job::io("git.plan", job(Task::Do(Box::new(Work::PlanSwitch(plan.to.clone()))))).start()]
}

/// What a stash made on the way is called, so that it is found when one comes back.
pub(super) fn put_aside(branch: &str) -> String {
    format!("Changes of {branch}, put aside to switch")
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
        (work, done) => told_of_the_rest(state, matches!(work, Work::DiscardCell(_)), done, cx),
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

fn told_of_the_rest(state: &mut AppState, one_cell: bool, done: Done, cx: &Cx) -> Vec<Effect> {
    use crate::base::text::count;
    let notice = match done {
        Done::Stashed(Some(stash)) => {
            let title = format!("Stashed {}", count(stash.files, "file"));
            let notice = Notice::success(title).body(stash.message.clone());
            return with_undo(state, notice, "Take the stashed changes out again", Work::Pop(stash));
        }
        Done::Stashed(None) => Notice::info("There was nothing to stash"),
        Done::Kept(kept) if one_cell => {
            let notice = Notice::success("Discarded the change of a cell").body(kept.paths.join(", "));
            return with_undo(state, notice, "Bring the discarded change back", Work::UndoDiscard(kept));
        }
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

/// Questions that wait for a person.
#[derive(Debug, Default)]
pub struct Questions(Mutex<Open>);

/// The last number given, and who waits for an answer under which number.
type Open = (u64, HashMap<u64, Sender<Option<Secret>>>);

impl Questions {
    fn open(&self) -> (u64, Receiver<Option<Secret>>) {
        let (tx, rx) = bounded(1);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.0 += 1;
        let id = table.0;
        table.1.insert(id, tx);
        (id, rx)
    }
    fn answer(&self, id: u64, answer: Option<Secret>) {
        let tx = self.0.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&id);
        if let Some(tx) = tx {
            let _ = tx.send(answer);
        }
    }
    /// Asks and waits: the answer, none when there will be none or the job is cancelled.
    fn ask(&self, prompt: &str, out: &Out, cx: &JobCtx) -> Option<Secret> {
        let (id, rx) = self.open();
        let low = prompt.to_lowercase();
        let secret = ["password", "passphrase", "pin", "token"].iter().any(|w| low.contains(w));
        out.send(super::Event::Work(Event::Asked(Question { id, prompt: prompt.trim().to_owned(), secret })));
        loop {
            if let Ok(answer) = rx.recv_timeout(Duration::from_millis(50)) {
                return answer;
            }
            if cx.cancel.is_cancelled() {
                self.answer(id, None);
                return None;
            }
        }
    }
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Answer { id, answer } => env.questions.answer(id, answer),
        Task::Do(work) => {
            let result = act(&work, env, cx, out);
            out.send(super::Event::Work(Event::Did { work, result: Box::new(result) }));
        }
    }
    Ok(())
}

fn asks(env: &Arc<Env>, out: &Out) -> Option<Asks> {
    let program = env.program()?;
    let (env, out) = (env.clone(), out.clone());
    Some(Asks { program, ask: Box::new(move |prompt, cx| env.questions.ask(prompt, &out, cx)) })
}

fn act(work: &Work, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<Done> {
    let asks = asks(env, out);
    let asks = asks.as_ref();
    if let Work::Clone { url, folder } = work {
        return clone(url, folder, asks, cx).map(Done::Cloned);
    }
    let repo = Repo::open(&env.root()?)?;
    let now = env.clock.now();
    match work {
        Work::PlanSwitch(to) => repo.switch_plan(to, cx).map(Done::SwitchPlan),
        Work::PlanDelete(name) => repo.delete_plan(name, cx).map(Done::DeletePlan),
        Work::PlanMerge(from) => repo.merge_plan(from, cx).map(Done::MergePlan),
        Work::Create { name, from, switch } => {
            let back = here(&repo)?.filter(|_| *switch);
            repo.create_branch(name, from, *switch, cx)?;
            Ok(Done::Created { back })
        }
        Work::Rename { from, to } => repo.rename_branch(from, to, cx).map(|()| Done::Plain),
        Work::Delete(plan) => repo.delete_branch(plan, cx).map(|()| Done::Plain),
        Work::Restore(plan) => repo.restore_branch(plan, cx).map(|()| Done::Plain),
        Work::Switch { to, stash, take } => switch(&repo, to, *stash, take.as_deref(), cx),
        Work::Unmake { name, back } => {
            if let Some(back) = back {
                repo.switch(back, cx)?;
            }
            let plan = repo.delete_plan(name, cx)?;
            if plan.only_here_count > 0 {
                return Err(
                    Error::user(format!("{name} has commits by now")).hint("Delete it from the list of branches")
                );
            }
            repo.delete_branch(&plan, cx).map(|()| Done::Plain)
        }
        Work::Merge { from, commit } => repo.merge(from, *commit, cx).map(|(m, moved)| Done::Merged(m, moved)),
        Work::MoveBack(moved) => repo.move_back(moved, cx).map(|()| Done::Plain),
        Work::Stash { message, untracked } => repo.stash(message, *untracked, cx).map(Done::Stashed),
        Work::Apply(stash) => repo.unstash(&stash.id, true, cx).map(Done::Taken),
        Work::Pop(stash) => repo.unstash(&stash.id, false, cx).map(Done::Taken),
        Work::Drop(stash) => repo.drop_stash(&stash.id, cx).map(|()| Done::Plain),
        Work::Store(stash) => repo.store_stash(stash, cx).map(|()| Done::Plain),
        Work::Discard(paths) => repo.discard(paths, now, cx).map(Done::Kept),
        Work::DiscardCell(change) => discard_cell(&repo, change, now).map(Done::Kept),
        Work::UndoDiscard(kept) => repo.undo_discard(&kept.id).map(|_| Done::Plain),
        Work::Fetch => repo.fetch(asks, cx).map(Done::Fetched),
        Work::Pull => repo.pull(asks, cx).map(Done::Pulled),
        Work::Push => repo.push(asks, cx).map(Done::Pushed),
        Work::AddRemote { url } => repo.add_remote("origin", url, cx).map(|()| Done::Plain),
        Work::Clone { .. } => Ok(Done::Plain),
    }
}

fn discard_cell(repo: &Repo, change: &CellChange, at: jiff::Timestamp) -> Result<Discarded> {
    let sides = Sides::open(repo.root())?;
    let (old, new) = (sides.read(&change.base, &change.before)?, sides.read(&Rev::WorkingTree, &change.path)?);
    let (Some(old), Some(new)) = (&old, &new) else {
        return Err(Error::user(format!("{} is not on both sides", change.path))
            .hint("Discard the changes of the whole file instead"));
    };
    if review::mark(Some(old), Some(new)) != change.mark {
        return Err(Error::user(format!("{} was changed since it was compared", change.path)).hint("Look at it again"));
    }
    let (base, mut now) = (Notebook::parse(old.clone())?, Notebook::parse(new.clone())?);
    now.revert_cell(&base, &change.pairs, change.cell)?;
    repo.discard_into(&change.path, &now.to_bytes(), fsx::hash(new), at)
}

/// Where one is, to come back to.
fn here(repo: &Repo) -> Result<Option<Target>> {
    Ok(match repo.head()? {
        crate::model::git::Head::Branch { branch, .. } => Some(Target::Branch(branch)),
        crate::model::git::Head::Detached { commit } => Some(Target::Detached(commit)),
        _ => None,
    })
}

fn switch(repo: &Repo, to: &Target, stash: Option<bool>, take: Option<&str>, cx: &JobCtx) -> Result<Done> {
    let made = match stash {
        Some(untracked) => repo.stash(&put_aside(&repo.head()?.label()), untracked, cx)?,
        None => None,
    };
    match repo.switch(to, cx) {
        Ok(back) => {
            let taken = take.map(|id| repo.unstash(id, false, cx)).transpose()?;
            Ok(Done::Switched { back, stash: made, taken })
        }
        Err(e) => {
            if let Some(made) = made {
                // As it was before: nothing stays put aside for a switch that did not happen.
                repo.unstash(&made.id, false, cx)?;
            }
            Err(e)
        }
    }
}

/// What the lists show, read along with the branches.
pub(super) fn lists(repo: &Repo, cx: &JobCtx) -> Result<Event> {
    Ok(Event::Lists { stashes: repo.stashes(cx)?, remotes: repo.remotes()?, discards: repo.discards() })
}

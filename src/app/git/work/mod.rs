//! Version actions: branches, merges, stashes, discards, remotes. Whatever starts git asks for trust first, one action
//! runs at a time, and what can be taken back says so in its notice.
//!
//! Here is what can be asked and how it is begun, `act` carries it out, `outcome` tells what came of it.
mod act;
mod outcome;

use std::path::PathBuf;

use super::{Command as GitCommand, hunk::Hunk};
use crate::{
    app::{AppState, Command as AnyCommand, Cx, Effect, Job, notify::Notice, review, shell::Dialog, workspace},
    base::{Error, Result},
    engine::{
        dirs::Dirs,
        git::{Repo, Taken, clone_name},
    },
    model::git::{
        Change, Deleted, Discarded, Fetched, MergePlan, Merged, Moved, Pulled, Pushed, Rev, Stash, SwitchPlan, Target,
    },
};

pub(super) use act::asks;
pub(super) use act::lists;
pub use act::{Questions, run};
pub(super) use outcome::status_changed;

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

/// The change of one cell, or of some lines of a text, as the review page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellChange {
    pub path: String,
    /// The side and path the notebook is compared with.
    pub base: Rev,
    pub before: String,
    pub pairs: Vec<(Option<usize>, Option<usize>)>,
    pub cell: (Option<usize>, Option<usize>),
    /// Lines of a file that is no notebook.
    pub hunk: Option<Hunk>,
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

/// True while the comparison is of a notebook or a text on disk, whose changes can be taken back one by one.
pub fn discards_parts(state: &AppState) -> bool {
    use crate::model::diff::FileShape as S;
    let review = &state.review;
    let in_parts = |s: &review::Shown| matches!(s.diff.shape, S::Notebook(_) | S::Text(_));
    let both = review.file().is_some_and(|f| !matches!(f.change, Change::Added | Change::Deleted));
    both && review.compare == Rev::WorkingTree && review.shown.as_ref().is_some_and(in_parts)
}

/// The change that stands in a row of the comparison; only of a notebook or a text on disk.
pub fn cell_change(state: &AppState, row: Option<usize>) -> Option<CellChange> {
    use crate::model::diff::FileShape;
    let review = &state.review;
    let path = review.path.clone().filter(|_| discards_parts(state))?;
    let row = row.or_else(|| review.focused_row())?;
    let (pairs, cell, hunk) = match &review.shown.as_ref()?.diff.shape {
        FileShape::Notebook(diff) => {
            let cell = diff.cells.get(row).filter(|c| c.is_shown())?;
            (diff.cells.iter().map(|c| (c.old, c.new)).collect(), (cell.old, cell.new), None)
        }
        _ => (Vec::new(), (None, None), Some(Hunk::at(review, row)?)),
    };
    let file = review.file()?;
    Some(CellChange {
        base: review.parted.clone().map_or_else(|| review.base.clone(), Rev::At),
        before: file.before().to_owned(),
        pairs,
        cell,
        hunk,
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

/// Starts an action that another page asks for.
pub fn begin(state: &mut AppState, work: Work) -> Vec<Effect> {
    start(state, work)
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
        Event::Did { work, result } => outcome::did(state, *work, *result, cx),
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

/// What a stash made on the way is called, so that it is found when one comes back.
fn put_aside(branch: &str) -> String {
    format!("Changes of {branch}, put aside to switch")
}

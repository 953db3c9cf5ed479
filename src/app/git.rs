//! The repository around the workspace: state of its files, branches, and the commit being written.
mod hunk;
mod offers;
#[cfg(test)]
mod test;
pub mod work;

use std::{collections::BTreeSet, sync::Arc};

use super::{
    AppState, Cx, Effect, Env, Job, Out, Policy,
    action::Action,
    conflict,
    notify::Notice,
    review,
    shell::{Dialog, Page},
    workspace,
};
use crate::{
    base::{Error, Result, job::JobCtx, text::count},
    engine::git::Repo,
    model::git::{CommitInfo, FileState, RefInfo, Status, Underway},
};

/// Commits offered for comparing.
const RECENT: usize = 60;

/// What is known of the repository.
#[derive(Debug, Default)]
pub struct State {
    pub status: Status,
    /// The state has been read at least once.
    pub loaded: bool,
    /// Why it could not be read; the last known state stays.
    pub error: Option<Error>,
    /// Branches and tags, the current one first.
    pub refs: Vec<RefInfo>,
    /// The newest commits of the current branch.
    pub recent: Vec<CommitInfo>,
    pub commit: Commit,
    /// Version actions: stashes, remotes, what git does just now.
    pub work: work::State,
}

/// The commit being written. It outlives its dialog, so that no message is lost.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Commit {
    pub message: String,
    /// Files that go in.
    pub chosen: BTreeSet<String>,
    /// It is being made.
    pub busy: bool,
    /// Why the last try failed.
    pub error: Option<Error>,
}

impl State {
    /// The files that a commit can take: all that differ, those with undecided conflicts aside.
    pub fn committable(&self) -> impl Iterator<Item = &FileState> {
        self.status.files.iter().filter(|f| !f.conflicted)
    }
    /// `main`, or `detached at 1a2b3c4`; none outside a repository.
    pub fn branch(&self) -> Option<String> {
        let label = self.status.head.label();
        (!label.is_empty()).then_some(label)
    }
}

/// What a person can ask of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Reads state, branches and recent commits again.
    Refresh,
    /// Opens the commit dialog with these files ticked; with none given, all that differ.
    OpenCommit(Vec<String>),
    /// The message as typed so far.
    Message(String),
    /// Puts a file in or takes it out.
    Toggle(String),
    /// Puts all files in, or takes all out.
    ChooseAll(bool),
    /// Makes the commit.
    Commit,
    /// Makes the workspace's folder a repository.
    Init,
    /// Branches, merges, stashes, discards, remotes.
    Work(work::Command),
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Work(work::Event),
    Status(Box<Result<Status>>),
    Refs { refs: Vec<RefInfo>, recent: Vec<CommitInfo> },
    Committed(Result<CommitInfo>, usize),
}

/// What runs off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Status,
    Refs,
    Commit { message: String, paths: Vec<String> },
    Init,
    Work(work::Task),
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Work(command) => work::command(state, command, cx),
        Command::Refresh => refresh(),
        Command::OpenCommit(paths) => open_commit(state, paths),
        Command::Message(message) => {
            state.git.commit.message = message;
            Vec::new()
        }
        Command::Toggle(path) => {
            if !state.git.commit.chosen.remove(&path) {
                state.git.commit.chosen.insert(path);
            }
            Vec::new()
        }
        Command::ChooseAll(all) => {
            let paths: BTreeSet<String> =
                if all { state.git.committable().map(|f| f.path.clone()).collect() } else { BTreeSet::new() };
            state.git.commit.chosen = paths;
            Vec::new()
        }
        Command::Commit => commit(state),
        Command::Init => vec![Job::io("git.init", Task::Init).policy(Policy::Reject).start()],
    }
}

/// Reads state, branches and recent commits again, for those who changed them.
pub fn refreshed() -> Vec<Effect> {
    refresh()
}

/// Opens the commit dialog with all that differs, for what a merge waits for.
pub fn open_dialog(state: &mut AppState) -> Vec<Effect> {
    open_commit(state, Vec::new())
}

fn refresh() -> Vec<Effect> {
    vec![status(), Job::io("git.refs", Task::Refs).policy(Policy::Latest).start()]
}

fn status() -> Effect {
    Job::io("git.status", Task::Status).policy(Policy::Latest).start()
}

fn open_commit(state: &mut AppState, paths: Vec<String>) -> Vec<Effect> {
    let git = &mut state.git;
    let known = |p: &String| git.status.file(p).is_some_and(|f| !f.conflicted);
    let wanted: BTreeSet<String> = paths.into_iter().filter(known).collect();
    git.commit.chosen = if wanted.is_empty() { git.committable().map(|f| f.path.clone()).collect() } else { wanted };
    git.commit.error = None;
    state.shell.palette = None;
    state.shell.dialog = Some(Dialog::Commit);
    vec![status()]
}

fn commit(state: &mut AppState) -> Vec<Effect> {
    // Hooks, filters and signing are programs of the workspace.
    if let Some(asked) = workspace::require_trust(state, Command::Commit) {
        return asked;
    }
    let merging = state.git.status.underway == Underway::Merge;
    let commit = &mut state.git.commit;
    if commit.busy {
        return Vec::new();
    }
    // A merge is a commit of its own, also when it ends as one side has it.
    let nothing = commit.chosen.is_empty() && !merging;
    if commit.message.trim().is_empty() || nothing {
        let what = if nothing { "No file is chosen" } else { "A commit needs a message" };
        commit.error = Some(Error::user(what));
        state.shell.dialog = Some(Dialog::Commit);
        return Vec::new();
    }
    commit.busy = true;
    commit.error = None;
    let paths: Vec<String> = commit.chosen.iter().cloned().collect();
    let title = format!("Committing {}", count(paths.len() as u64, "file"));
    let task = Task::Commit { message: commit.message.clone(), paths };
    vec![Job::long("git.commit", task).titled(title).start()]
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Status(result) => {
            state.git.loaded = true;
            match *result {
                Ok(status) => {
                    state.workspace.is_repo = status.in_repository();
                    let known = |p: &String| status.file(p).is_some_and(|f| !f.conflicted);
                    state.git.commit.chosen.retain(known);
                    let changed = status != state.git.status;
                    state.git.status = status;
                    state.git.error = None;
                    if changed {
                        let mut effects = work::status_changed(state);
                        effects.extend(review::status_changed(state, cx));
                        effects.extend(conflict::status_changed(state, cx));
                        return effects;
                    }
                }
                Err(e) if e.is_cancelled() => {}
                Err(e) => state.git.error = Some(e),
            }
            Vec::new()
        }
        Event::Refs { refs, recent } => {
            state.git.refs = refs;
            state.git.recent = recent;
            Vec::new()
        }
        Event::Committed(result, files) => committed(state, result, files),
        Event::Work(event) => work::event(state, event, cx),
    }
}

fn committed(state: &mut AppState, result: Result<CommitInfo>, files: usize) -> Vec<Effect> {
    state.git.commit.busy = false;
    match result {
        Ok(info) => {
            state.git.commit = Commit::default();
            if state.shell.dialog == Some(Dialog::Commit) {
                state.shell.dialog = None;
            }
            let branch = state.git.branch().unwrap_or_default();
            let title = format!("Committed {} to {branch}", count(files as u64, "file"));
            let body = format!("{} {}", info.short(), info.summary);
            let show = review::Command::Show {
                base: crate::model::git::Rev::At(format!("{}~1", info.id)),
                compare: crate::model::git::Rev::At(info.id.clone()),
                path: None,
            };
            let mut notice = Notice::success(title).body(body);
            if !info.parents.is_empty() {
                notice = notice.action("Show", show);
            }
            let mut effects = vec![Effect::Notice(notice)];
            effects.extend(refresh());
            effects
        }
        Err(e) if e.is_cancelled() => refresh(),
        Err(e) => {
            // The page shows it in place; with the dialog closed it would go unseen.
            let unseen = state.shell.dialog != Some(Dialog::Commit);
            let notice = Notice::error(&e).action("Open", Command::OpenCommit(Vec::new()));
            state.git.commit.error = Some(e);
            let mut effects = refresh();
            if unseen {
                effects.push(Effect::Notice(notice));
            }
            effects
        }
    }
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    if let Task::Work(task) = task {
        return work::run(task, env, cx, out);
    }
    let root = env.root()?;
    match task {
        Task::Status => {
            let status = match Repo::discover(&root) {
                Ok(Some(repo)) => repo.status(cx),
                Ok(None) => Ok(Status::default()),
                Err(e) => Err(e),
            };
            out.send(Event::Status(Box::new(status)));
        }
        Task::Refs => {
            if let Some(repo) = Repo::discover(&root)? {
                out.send(Event::Refs { refs: repo.refs()?, recent: repo.log("HEAD", RECENT, cx)? });
                out.send(Event::Work(work::lists(&repo, cx)?));
            }
        }
        Task::Commit { message, paths } => {
            let asks = work::asks(env, out);
            let result = Repo::open(&root).and_then(|repo| repo.commit_asking(&message, &paths, asks.as_ref(), cx));
            out.send(Event::Committed(result, paths.len()));
        }
        Task::Init => {
            let repo = Repo::init(&root)?;
            out.send(Event::Status(Box::new(repo.status(cx))));
        }
        Task::Work(_) => {}
    }
    Ok(())
}

/// A workspace was opened: loads what the page needs.
pub fn opened(_state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    refresh()
}

/// Files below the root changed on disk (workspace-relative, `/`); none named means all.
pub fn files_changed(_state: &mut AppState, paths: &[String], _cx: &Cx) -> Vec<Effect> {
    if paths.is_empty() || paths.iter().any(|p| p.starts_with(".git/")) {
        return refresh();
    }
    // Andon's own files change with every log line of a run and are no part of the repository.
    if paths.iter().all(|p| p.starts_with(".andon/")) { Vec::new() } else { vec![status()] }
}

/// What the palette offers from here.
pub fn actions(state: &AppState) -> Vec<Action> {
    if state.workspace.root.is_none() {
        return vec![offers::clone_action()];
    }
    let status = &state.git.status;
    if !status.in_repository() {
        return vec![
            Action::new("Git", "Make this folder a git repository", Command::Init)
                .icon("folder-git-2")
                .only_if(state.git.loaded, "The folder is being read"),
        ];
    }
    let files = count(status.count(), "changed file");
    let mut all = vec![
        Action::new("Git", "Commit\u{2026}", Command::OpenCommit(Vec::new()))
            .icon("git-commit-horizontal")
            .detail(files)
            .only_if(!status.files.is_empty(), "Nothing differs from the last commit"),
        Action::new("Git", "Refresh the state of files and branches", Command::Refresh).icon("refresh-cw"),
    ];
    all.extend(offers::actions(state));
    all
}

/// Opens the review page on a file, for pages that show one.
pub fn compare_with_head(state: &mut AppState, path: &str, cx: &Cx) -> Vec<Effect> {
    state.shell.page = Page::Review;
    review::command(
        state,
        review::Command::Show {
            base: crate::model::git::Rev::head(),
            compare: crate::model::git::Rev::WorkingTree,
            path: Some(path.to_owned()),
        },
        cx,
    )
}

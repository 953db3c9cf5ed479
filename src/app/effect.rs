//! What dispatch asks for: plain data, so that tests can look at it.
use std::time::Duration;

use super::{
    Command, board, conflict, connections, data, git, home, notebook, notify::Notice, quality, review, runs, search,
    settings, workspace,
};

/// An effect, carried out by the host (window, tests) after dispatch returned.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Starts work off the window's thread.
    Start(Job),
    /// Asks every job with this key to end.
    Cancel(String),
    /// Shows a notice in the window.
    Notice(Notice),
    /// Shows a notification of the desktop: title and body.
    Desktop { title: String, body: String },
    /// Puts text on the clipboard.
    Copy(String),
    /// Opens an address or a folder with the system's program, after a click of a person only.
    Open(String),
    /// Sends a command after a delay, on the host's clock.
    After(Duration, Box<Command>),
    /// Ends the program.
    Quit,
}

/// Which threads work runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Files, git, short reads.
    Io,
    /// Queries and profiles.
    Cpu,
    /// One thread a job, for what lasts as long as a run or a kernel.
    Long,
}

/// What happens when work with the same key already waits or runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Cancel the old one; its late events are dropped.
    Replace,
    /// After it.
    Queue,
    /// After it, in place of one that waits: what is asked for again and again still ends.
    Latest,
    /// Keep the old one, forget this one: how a second click starts nothing.
    Reject,
}

/// Work to start.
#[derive(Debug, Clone)]
pub struct Job {
    /// Identity: `git.status`, `data.page:data/a.parquet`.
    pub key: String,
    /// What a person reads in the job list: `Profiling a.parquet`. Empty: never listed.
    pub title: String,
    pub lane: Lane,
    pub policy: Policy,
    pub task: Task,
}

impl Job {
    /// Short file or git work, newest wins, not listed.
    pub fn io(key: impl Into<String>, task: impl Into<Task>) -> Self {
        Self { key: key.into(), title: String::new(), lane: Lane::Io, policy: Policy::Replace, task: task.into() }
    }
    /// Queries, newest wins, not listed.
    pub fn cpu(key: impl Into<String>, task: impl Into<Task>) -> Self {
        Self { lane: Lane::Cpu, ..Self::io(key, task) }
    }
    /// A thread of its own; a second one with the same key is refused.
    pub fn long(key: impl Into<String>, task: impl Into<Task>) -> Self {
        Self { lane: Lane::Long, policy: Policy::Reject, ..Self::io(key, task) }
    }
    /// Lists it under this title, with a cancel button, when it lasts.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }
    /// Sets what happens to one with the same key.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
    /// As an effect.
    pub fn start(self) -> Effect {
        Effect::Start(self)
    }
}

/// One feature's work.
#[derive(Debug, Clone)]
pub enum Task {
    Board(board::Task),
    Conflict(conflict::Task),
    Connections(connections::Task),
    Data(data::Task),
    Git(git::Task),
    Home(home::Task),
    Notebook(notebook::Task),
    Quality(quality::Task),
    Review(review::Task),
    Runs(runs::Task),
    Search(search::Task),
    Settings(settings::Task),
    Workspace(workspace::Task),
}

macro_rules! from_task {
    ($($feature:ident $variant:ident),*) => { $(
        impl From<$feature::Task> for Task {
            fn from(task: $feature::Task) -> Self { Self::$variant(task) }
        }
    )* };
}
from_task!(
    board Board, conflict Conflict, connections Connections, data Data, git Git, home Home, notebook Notebook, quality Quality, review Review, runs Runs,
    search Search, settings Settings, workspace Workspace
);

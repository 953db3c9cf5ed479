//! Everything the window shows, written by dispatch alone.
use jiff::Timestamp;

use super::{
    board, conflict, connections, data, git, home, notebook, notify::Notices, quality, review, runs, search, settings,
    shell, workspace,
};
use crate::base::time::Clock;

/// The whole state.
#[derive(Debug, Default)]
pub struct AppState {
    pub shell: shell::State,
    pub workspace: workspace::State,
    pub git: git::State,
    pub home: home::State,
    pub notebook: notebook::State,
    pub data: data::State,
    pub board: board::State,
    pub runs: runs::State,
    pub connections: connections::State,
    pub quality: quality::State,
    pub review: review::State,
    pub conflict: conflict::State,
    pub search: search::State,
    pub settings: settings::State,
    pub notices: Notices,
    pub jobs: Vec<JobRow>,
}

/// A job a person can see and cancel.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    pub id: u64,
    pub key: String,
    pub title: String,
    pub share: Option<f32>,
    pub note: String,
    pub since: Timestamp,
    pub cancelling: bool,
}

/// What dispatch may ask of the outside world: the time, nothing else.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    pub clock: &'a dyn Clock,
}

impl Cx<'_> {
    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl std::fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx").finish_non_exhaustive()
    }
}

//! What comes back from jobs.
use super::{
    board, conflict, connections, data, git, home, jobs::JobEvent, notebook, quality, review, runs, search, settings,
    workspace,
};

/// An event of one feature, or of the job system itself.
#[derive(Debug, Clone)]
pub enum Event {
    Board(board::Event),
    Conflict(conflict::Event),
    Connections(connections::Event),
    Data(data::Event),
    Git(git::Event),
    Home(home::Event),
    Job(JobEvent),
    Notebook(notebook::Event),
    Quality(quality::Event),
    Review(review::Event),
    Runs(runs::Event),
    Search(search::Event),
    Settings(settings::Event),
    Workspace(workspace::Event),
}

macro_rules! from_event {
    ($($feature:ident $variant:ident),*) => { $(
        impl From<$feature::Event> for Event {
            fn from(event: $feature::Event) -> Self { Self::$variant(event) }
        }
    )* };
}
from_event!(
    board Board, conflict Conflict, connections Connections, data Data, git Git, home Home, notebook Notebook, quality Quality, review Review, runs Runs,
    search Search, settings Settings, workspace Workspace
);

impl From<JobEvent> for Event {
    fn from(event: JobEvent) -> Self {
        Self::Job(event)
    }
}

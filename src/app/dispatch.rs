//! The only writer of [`AppState`]: commands in, effects out, no I/O.
use super::{
    AppState, Cx, Effect, Event, board, conflict, connections, data, git, home, jobs::JobEvent, notebook,
    notify::Notice, quality, review, runs, search, settings, shell, state::JobRow, workspace,
};

/// Everything that can be asked, by feature.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Board(board::Command),
    Conflict(conflict::Command),
    Connections(connections::Command),
    Data(data::Command),
    Git(git::Command),
    Home(home::Command),
    Notebook(notebook::Command),
    Quality(quality::Command),
    Review(review::Command),
    Runs(runs::Command),
    Search(search::Command),
    Settings(settings::Command),
    Shell(shell::Command),
    Workspace(workspace::Command),
}

macro_rules! from_command {
    ($($feature:ident $variant:ident),*) => { $(
        impl From<$feature::Command> for Command {
            fn from(command: $feature::Command) -> Self { Self::$variant(command) }
        }
    )* };
}
from_command!(
    board Board, conflict Conflict, connections Connections, data Data, git Git, home Home, notebook Notebook, quality Quality, review Review, runs Runs,
    search Search, settings Settings, shell Shell, workspace Workspace
);

/// Handles one command.
pub fn dispatch(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Board(c) => board::command(state, c, cx),
        Command::Conflict(c) => conflict::command(state, c, cx),
        Command::Connections(c) => connections::command(state, c, cx),
        Command::Data(c) => data::command(state, c, cx),
        Command::Git(c) => git::command(state, c, cx),
        Command::Home(c) => home::command(state, c, cx),
        Command::Notebook(c) => notebook::command(state, c, cx),
        Command::Quality(c) => quality::command(state, c, cx),
        Command::Review(c) => review::command(state, c, cx),
        Command::Runs(c) => runs::command(state, c, cx),
        Command::Search(c) => search::command(state, c, cx),
        Command::Settings(c) => settings::command(state, c, cx),
        Command::Shell(c) => shell::command(state, c, cx),
        Command::Workspace(c) => workspace::command(state, c, cx),
    }
}

/// Folds one event into the state.
pub fn apply(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Board(e) => board::event(state, e, cx),
        Event::Conflict(e) => conflict::event(state, e, cx),
        Event::Connections(e) => connections::event(state, e, cx),
        Event::Data(e) => data::event(state, e, cx),
        Event::Git(e) => git::event(state, e, cx),
        Event::Home(e) => home::event(state, e, cx),
        Event::Job(e) => job_event(state, e, cx),
        Event::Notebook(e) => {
            let mut effects = notebook::event(state, e, cx);
            effects.extend(search::arrived(state));
            effects
        }
        Event::Quality(e) => quality::event(state, e, cx),
        Event::Review(e) => review::event(state, e, cx),
        Event::Runs(e) => runs::event(state, e, cx),
        Event::Search(e) => search::event(state, e, cx),
        Event::Settings(e) => settings::event(state, e, cx),
        Event::Workspace(e) => workspace::event(state, e, cx),
    }
}

/// A workspace was opened: every feature asks for what it needs. Called by [`workspace::event`].
pub fn opened(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    let features = [
        git::opened,
        home::opened,
        notebook::opened,
        data::opened,
        board::opened,
        runs::opened,
        connections::opened,
        quality::opened,
        review::opened,
        conflict::opened,
        search::opened,
        settings::opened,
    ];
    features.into_iter().flat_map(|opened| opened(state, cx)).collect()
}

/// Files changed on disk: every feature looks whether they are its own. Called by [`workspace::event`].
pub fn files_changed(state: &mut AppState, paths: &[String], cx: &Cx) -> Vec<Effect> {
    let features = [
        git::files_changed,
        home::files_changed,
        notebook::files_changed,
        data::files_changed,
        board::files_changed,
        runs::files_changed,
        quality::files_changed,
        review::files_changed,
        conflict::files_changed,
        search::files_changed,
        settings::files_changed,
    ];
    features.into_iter().flat_map(|changed| changed(state, paths, cx)).collect()
}

fn job_event(state: &mut AppState, event: JobEvent, cx: &Cx) -> Vec<Effect> {
    match event {
        JobEvent::Started { id, key, title } => state.jobs.push(JobRow {
            id,
            key,
            title,
            share: None,
            note: String::new(),
            since: cx.now(),
            cancelling: false,
        }),
        JobEvent::Progress { id, progress } => {
            if let Some(row) = state.jobs.iter_mut().find(|j| j.id == id) {
                row.share = progress.share;
                row.note = progress.note;
            }
        }
        JobEvent::Ended { id, error, .. } => {
            state.jobs.retain(|j| j.id != id);
            return error.map(|e| Effect::Notice(Notice::error(&e))).into_iter().collect();
        }
        JobEvent::Refused { .. } => {}
    }
    Vec::new()
}

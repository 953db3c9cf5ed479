//! Home, the andon board: what needs a person now, red first, then newest.
//!
//! Rows come from the features' own state; Home adds what only it knows: what was snoozed and the last visit.
mod gather;
mod memory;
mod next;

use std::sync::Arc;

use jiff::Timestamp;

use super::{AppState, Command as AnyCommand, Cx, Effect, Env, Job, Out, Policy, action::Action, dispatch};
use crate::base::{Result, job::JobCtx};

pub use gather::refresh;
pub use memory::Memory;

/// How bad a row is; the order is the order of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A failure: red.
    Red,
    /// Late, ageing, over a limit: amber.
    Amber,
    /// Not known, not answered: grey.
    Grey,
    /// Mended since the last visit: stays, dimmed, until the next one.
    Done,
}

/// Evidence drawn beside the words.
#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    None,
    /// A line over runs or days; gaps stay gaps.
    Line(Vec<Option<f64>>),
    /// Bars over runs, the last one in the colour of the level.
    Bars(Vec<f64>),
    /// A share of a limit: how old a card is.
    Share(f32),
    /// A short word in a tag.
    Word(String),
}

/// What a row of Home filters by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Filter {
    #[default]
    All,
    Runs,
    Data,
    Flow,
}

/// One thing that needs a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Stable: survives a refresh, names what is snoozed.
    pub key: String,
    pub level: Level,
    pub filter: Filter,
    pub title: String,
    pub evidence: String,
    pub picture: Picture,
    pub at: Option<Timestamp>,
    /// The pipeline's connection, the suite, the board.
    pub place: String,
    /// Words of the button and what it does.
    pub action: (String, AnyCommand),
    /// What R does, when a rerun mends it.
    pub rerun: Option<AnyCommand>,
}

/// A pipeline at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct Light {
    pub name: String,
    pub state: Option<crate::model::run::RunState>,
    /// `local, 06:10`.
    pub note: String,
    /// The last 14 runs, oldest first: duration in seconds and state.
    pub bars: Vec<(f64, crate::model::run::RunState)>,
    pub open: AnyCommand,
}

/// Something that happened since the last visit.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    pub at: Timestamp,
    pub text: String,
    pub what: NewsKind,
    pub open: AnyCommand,
}

/// What kind of news; decides the icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewsKind {
    RunFailed,
    RunPassed,
    Commit,
    Card,
}

/// Something that runs, waits or is planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// `running`, `queued`, or the schedule as written.
    pub when: String,
    /// None while it is only planned.
    pub state: Option<crate::model::run::RunState>,
    pub title: String,
    pub words: String,
    pub place: String,
    pub open: AnyCommand,
}

/// A total at the foot of the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Total {
    pub title: String,
    pub value: String,
    pub note: String,
    pub picture: Picture,
}

/// What Home shows.
#[derive(Debug, Default)]
pub struct State {
    pub rows: Vec<Row>,
    pub lights: Vec<Light>,
    /// What comes next.
    pub next: Vec<Next>,
    pub news: Vec<News>,
    /// The newest of what happened before the last visit.
    pub earlier: Vec<News>,
    pub totals: Vec<Total>,
    pub snoozed: usize,
    pub show_snoozed: bool,
    pub filter: Filter,
    pub memory: Memory,
    pub focused: usize,
    /// Somebody chose the focused row; until then it is the first.
    pub(super) walked: bool,
    /// Rows that went away while somebody was here.
    pub mended: Vec<Row>,
    /// How much was red when that was last written to the list of recent workspaces.
    pub(super) red_noted: Option<u32>,
}

impl State {
    /// Rows under the present filter.
    pub fn visible(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|r| self.filter == Filter::All || r.filter == self.filter)
    }
}

/// What a person can ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Focus(usize),
    SetFilter(Filter),
    /// Hides a row until tomorrow morning.
    Snooze(String),
    ShowSnoozed(bool),
    /// Ends every snooze.
    WakeAll,
    /// Does what the focused row offers.
    Act,
    /// Reruns what the focused row is about.
    Rerun,
    /// What happened so far has been read.
    MarkSeen,
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Loaded(Box<Memory>),
}

/// Work off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Load,
    Save(Box<Memory>),
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    let home = &mut state.home;
    match command {
        Command::Focus(index) => {
            home.focused = index;
            home.walked = true;
        }
        Command::SetFilter(filter) => {
            home.filter = filter;
            home.focused = 0;
            home.walked = false;
        }
        Command::ShowSnoozed(show) => home.show_snoozed = show,
        Command::Snooze(key) => {
            home.memory.snoozed.insert(key, memory::tomorrow(cx.now()));
            return save(state);
        }
        Command::WakeAll => {
            home.memory.snoozed.clear();
            return save(state);
        }
        Command::MarkSeen => {
            home.memory.seen = Some(cx.now());
            home.mended.clear();
            return save(state);
        }
        Command::Act => {
            let row = home.visible().nth(home.focused).cloned();
            return row.map(|r| dispatch::dispatch(state, r.action.1, cx)).unwrap_or_default();
        }
        Command::Rerun => {
            let row = home.visible().nth(home.focused).cloned();
            return row.and_then(|r| r.rerun).map(|c| dispatch::dispatch(state, c, cx)).unwrap_or_default();
        }
    }
    Vec::new()
}

fn save(state: &AppState) -> Vec<Effect> {
    let task = Task::Save(Box::new(state.home.memory.clone()));
    vec![Job::io("home.save", task).policy(Policy::Queue).start()]
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Loaded(memory) => {
            state.home.memory = *memory;
            // The first visit starts now, so that a long history is not all news.
            if state.home.memory.seen.is_none() {
                state.home.memory.seen = Some(cx.now());
                return save(state);
            }
        }
    }
    Vec::new()
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, _cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Load => out.send(Event::Loaded(Box::new(memory::load(&env.root()?)))),
        Task::Save(memory) => memory::save(&env.root()?, &memory)?,
    }
    Ok(())
}

/// A workspace was opened.
pub fn opened(_state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    vec![Job::io("home.load", Task::Load).start()]
}

/// Files changed on disk.
pub fn files_changed(_state: &mut AppState, _paths: &[String], _cx: &Cx) -> Vec<Effect> {
    Vec::new()
}

/// What the palette offers.
pub fn actions(state: &AppState) -> Vec<Action> {
    let mut all = Vec::new();
    for row in &state.home.rows {
        all.push(
            Action::new("Needs a person", format!("{}: {}", row.action.0, row.title), row.action.1.clone())
                .icon("siren"),
        );
    }
    all
}

/// Red rows, for the badge on the rail and the list of recent workspaces.
pub fn red_count(state: &AppState) -> usize {
    state.home.rows.iter().filter(|r| r.level == Level::Red).count()
}

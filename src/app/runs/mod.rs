//! The runs feature without pixels: pipelines with their history, the run being looked at, its log, dialogs.
//!
//! Runs come from the store, whoever made them: this window's jobs tell of each step, a watch looks whether another
//! process has written. Other features read [`latest`] and [`recent`] and send [`Command::OpenRun`],
//! [`Command::RerunFailed`] and [`Command::AskRun`].
mod command;
mod dialog;
mod event;
mod live;
mod log;
mod remote;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{AppState, Cx, Effect, action::Action, workspace};
use crate::{
    base::{Error, Result, ids::RunId},
    model::{
        connect::{Ask, Preview, RemotePipeline},
        pipeline::Pipeline,
        run::{Change, Commit, LOCAL, LogLine, MetricPoint, Run, RunState, Scope, logindex::LogIndex},
        workspace::FileKind,
    },
};

pub use command::command;
pub use dialog::{Dialog, Field, RerunDialog, RunDialog};
pub use event::event;
pub use live::Live;
pub use log::{LogId, LogView};
pub use remote::refusal;
pub use work::run;

/// Runs of each pipeline kept in memory.
pub const KEPT: usize = 60;

/// A pipeline of the workspace, or something else that has runs (a notebook, a pipeline whose file is gone).
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What tells it from all others: [`crate::model::run::pipeline_key`].
    pub name: String,
    /// Which system has it; `local` for Andon's own runner.
    pub connection: String,
    /// As its system describes it.
    pub remote: Option<Arc<RemotePipeline>>,
    /// Workspace path of its file; of a pipeline of another system its name there.
    pub source: String,
    /// The file as read; `None` for a notebook, a file that is gone, or one with an error.
    pub pipeline: Option<Arc<Pipeline>>,
    /// What is wrong with the file.
    pub error: Option<Error>,
    /// The file is there.
    pub exists: bool,
}

impl Entry {
    /// The name a person reads.
    pub fn title(&self) -> &str {
        if self.is_local() { &self.name } else { &self.source }
    }
    /// It is one of Andon's own runner.
    pub fn is_local(&self) -> bool {
        self.connection == LOCAL
    }
}

/// What the middle of the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Tab {
    #[default]
    Grid,
    Gantt,
    /// How long tasks take, run by run.
    Durations,
    /// Runs by day.
    Calendar,
    Log,
    Code,
}

/// What there is to say about the selected run; worked out by a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    pub run: RunId,
    pub round: u32,
    pub state: RunState,
    /// The newest success before it.
    pub last_success: Option<Arc<Run>>,
    pub changes: Vec<Change>,
    /// Commits since the last success, newest first.
    pub commits: Vec<Commit>,
    pub metrics: Vec<MetricRow>,
    /// Text of the pipeline's file or the notebook's path.
    pub code: String,
}

/// A metric of the selected run beside the last success.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    pub task: String,
    pub name: String,
    pub unit: Option<String>,
    pub before: Option<f64>,
    pub now: Option<f64>,
    /// The last thirty runs, oldest first, ending with the selected one.
    pub series: Vec<Option<f64>>,
}

/// What the runs page shows.
#[derive(Debug, Default)]
pub struct State {
    pub entries: Vec<Entry>,
    /// Those with a file in the workspace.
    pub(super) local: Vec<Entry>,
    /// Newest first, by [`Run::key`], at most [`KEPT`] each.
    pub runs: BTreeMap<String, Vec<Arc<Run>>>,
    /// The first load is over.
    pub loaded: bool,
    /// The store cannot be read.
    pub error: Option<Error>,
    pub pipeline: Option<String>,
    pub run: Option<RunId>,
    pub task: Option<String>,
    /// Groups and mapped tasks of the grid that are not as they are at first.
    pub toggled: BTreeSet<String>,
    pub tab: Tab,
    pub detail: Option<Detail>,
    pub log: LogView,
    pub dialog: Option<Dialog>,
    /// Starts under way and just done, so that a second click starts nothing.
    pub(super) started: Vec<(String, Timestamp)>,
    /// A pipeline to show once it is read.
    pub(super) wanted: Option<String>,
    /// Runs this window has started, for the notice at their end.
    pub(super) own: Vec<RunId>,
}

/// What a person can ask of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Reads pipelines and runs anew.
    Refresh,
    SelectPipeline(String),
    SelectRun(RunId),
    SelectTask(Option<String>),
    /// Folds a group or a mapped task of the grid, or unfolds it.
    Fold(String),
    /// Moves the selection in the grid: runs to the right, tasks down.
    Step {
        runs: i32,
        tasks: i32,
    },
    Show(Tab),
    /// Goes to the page and shows a run.
    OpenRun(RunId),
    /// Goes to the page and shows a pipeline, by name or by the path of its file.
    OpenPipeline(String),
    /// Runs a pipeline, by name or path, with the defaults of its parameters.
    Run(String),
    /// Opens the dialog with the parameters of a pipeline, by name or path.
    AskRun(String),
    SetField {
        name: String,
        text: String,
    },
    /// Reruns what failed and what follows it.
    RerunFailed(RunId),
    Rerun {
        run: RunId,
        scope: Scope,
        note: Option<String>,
    },
    /// Opens the dialog that asks what to rerun.
    AskRerun {
        run: RunId,
        scope: Scope,
    },
    SetScope(Scope),
    SetNote(String),
    /// Does what the open dialog says.
    Confirm,
    CloseDialog,
    Cancel(RunId),
    /// Shows the log of a task; the newest attempt when none is given.
    OpenLog {
        task: String,
        attempt: Option<u32>,
    },
    Follow(bool),
    Search(String),
    /// To the next hit (1) or the one before (-1).
    Hit(i32),
    FirstError,
    /// Brings a line of the log into view.
    GoLine(u64),
    /// Reads pages of the log that come into sight.
    NeedLog(Vec<u64>),
    OnlyFrom(crate::model::run::Level),
    CopyLog,
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Loaded {
        entries: Vec<Entry>,
        runs: Vec<Run>,
        notice: Option<Error>,
    },
    Failed(Error),
    /// Runs as the store has them now, of all pipelines.
    Runs(Vec<Run>),
    /// A run this window carries out, or one another process changed.
    Changed(Arc<Run>),
    /// A job has begun the run; `key` is that of the request.
    Began {
        key: String,
        run: Arc<Run>,
        already: bool,
    },
    NotBegun {
        key: String,
        error: Error,
    },
    /// What a system says that a rerun would run.
    Previewed {
        run: RunId,
        scope: Scope,
        result: Box<Result<Preview>>,
    },
    /// The parameters of a pipeline as its system describes them.
    Asked {
        connection: String,
        pipeline: String,
        result: Box<Result<Vec<Field>>>,
    },
    /// A rerun that somebody has to say yes to, because of how much it runs or where.
    Unsure {
        key: String,
        run: RunId,
        scope: Scope,
        preview: Box<Preview>,
    },
    Metrics(Vec<MetricPoint>),
    Detail(Box<Detail>),
    /// What is known of the log by now.
    LogIndex {
        id: LogId,
        index: Arc<LogIndex>,
        complete: bool,
    },
    LogPages {
        id: LogId,
        pages: Vec<(u64, Vec<LogLine>)>,
    },
    /// Lines with the text searched for, of the stretch from byte `from` to `next`.
    LogHits {
        id: LogId,
        search: String,
        from: u64,
        hits: Vec<u64>,
        total: u64,
        next: (u64, u64),
        done: bool,
    },
    /// The log as text, for the clipboard; true when it is only its end.
    LogText {
        text: String,
        cut: bool,
    },
    LogFailed(Error),
}

/// What runs off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Load,
    Pipelines,
    Begin {
        key: String,
        launch: crate::engine::runner::Launch,
    },
    Rerun {
        key: String,
        seen: Box<Run>,
        scope: Scope,
        note: Option<String>,
    },
    Cancel(RunId),
    /// Asks a system what a rerun would run.
    Preview {
        run: Box<Run>,
        scope: Scope,
    },
    /// Asks a system for the parameters of a pipeline.
    Params {
        connection: String,
        pipeline: String,
    },
    /// Sends a request to a system, once. `key` is that of the click, `request` that of the request; `sure`: the person has
    /// seen what it runs.
    Send {
        key: String,
        connection: String,
        request: String,
        ask: Box<Ask>,
        sure: bool,
    },
    Detail(Box<Run>),
    Log {
        id: LogId,
        live: bool,
    },
    LogPages {
        id: LogId,
        pages: Vec<(u64, u64, u64)>,
    },
    LogSearch {
        id: LogId,
        search: String,
        from: (u64, u64),
    },
    LogText(LogId),
}

/// A workspace was opened: loads what the page needs.
pub fn opened(state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    state.runs = State::default();
    vec![command::load()]
}

/// The pipelines of a connection are others now.
pub fn pipelines_changed(state: &mut AppState) {
    event::gather(state);
}

/// Files below the root changed on disk (workspace-relative, `/`).
pub fn files_changed(_state: &mut AppState, paths: &[String], _cx: &Cx) -> Vec<Effect> {
    if paths.iter().any(|p| p == "pipelines" || p.starts_with("pipelines/")) {
        return vec![super::Job::io("runs.pipelines", Task::Pipelines).start()];
    }
    Vec::new()
}

/// Shows the pipeline of a file of the workspace, now or as soon as it is read.
pub fn open_path(state: &mut AppState, path: &str, cx: &Cx) -> Vec<Effect> {
    state.runs.wanted = Some(path.to_owned());
    command::command(state, Command::OpenPipeline(path.to_owned()), cx)
}

/// The newest run of a pipeline, by its name or by the path of its file.
pub fn latest<'a>(state: &'a AppState, pipeline: &str) -> Option<&'a Run> {
    recent(state, pipeline).first().map(|r| &**r)
}

/// The last 14 runs of a pipeline, newest first, by its name or by the path of its file.
pub fn recent<'a>(state: &'a AppState, pipeline: &str) -> &'a [Arc<Run>] {
    let all = history(state, pipeline);
    all.get(..14).unwrap_or(all)
}

/// All runs of a pipeline in memory, newest first, by its name or by the path of its file.
pub fn history<'a>(state: &'a AppState, pipeline: &str) -> &'a [Arc<Run>] {
    let name = state.runs.name_of(pipeline).unwrap_or(pipeline);
    state.runs.runs.get(name).map_or(&[], Vec::as_slice)
}

/// The run with this id, if it is in memory.
pub fn find<'a>(state: &'a AppState, id: &RunId) -> Option<&'a Arc<Run>> {
    state.runs.runs.values().flatten().find(|r| r.id == *id)
}

impl State {
    /// The name of a pipeline given by its name or by the path of its file.
    pub fn name_of<'a>(&'a self, text: &'a str) -> Option<&'a str> {
        let by_path = || self.entries.iter().find(|e| e.source == text).map(|e| e.name.as_str());
        self.entries.iter().find(|e| e.name == text).map(|e| e.name.as_str()).or_else(by_path)
    }
    /// A pipeline by its name or by the path of its file.
    pub fn entry(&self, text: &str) -> Option<&Entry> {
        let name = self.name_of(text)?;
        self.entries.iter().find(|e| e.name == name)
    }
    /// The selected pipeline.
    pub fn selected_entry(&self) -> Option<&Entry> {
        self.entry(self.pipeline.as_deref()?)
    }
    /// Runs of the selected pipeline, newest first.
    pub fn selected_runs(&self) -> &[Arc<Run>] {
        self.pipeline.as_ref().and_then(|p| self.runs.get(p)).map_or(&[], Vec::as_slice)
    }
    /// The selected run.
    pub fn selected_run(&self) -> Option<&Arc<Run>> {
        let id = self.run.as_ref()?;
        self.selected_runs().iter().find(|r| r.id == *id)
    }
    /// The detail, when it is of the selected run as it is now.
    pub fn current_detail(&self) -> Option<&Detail> {
        let (detail, run) = (self.detail.as_ref()?, self.selected_run()?);
        (detail.run == run.id).then_some(detail)
    }
    /// Ids of the tasks of the grid: those of the selected run, else of the pipeline.
    pub fn task_ids(&self) -> Vec<String> {
        if let Some(run) = self.selected_run().or(self.selected_runs().first()) {
            return run.tasks.iter().map(|t| t.id.clone()).collect();
        }
        let Some(pipeline) = self.selected_entry().and_then(|e| e.pipeline.as_ref()) else { return Vec::new() };
        pipeline.order().into_iter().filter_map(|i| pipeline.tasks.get(i)).map(|t| t.id.clone()).collect()
    }
    /// What a rerun takes, judged by the median of earlier successes of those tasks; milliseconds.
    pub fn estimate_ms(&self, run: &Run, plan: &[String]) -> Option<u64> {
        let runs = self.runs.get(&run.key())?;
        let mut total = 0;
        for id in plan {
            let mut lasted: Vec<u64> = runs
                .iter()
                .filter_map(|r| {
                    r.task(id)?.attempts.iter().rev().find(|a| a.state == crate::model::run::TaskState::Success)
                })
                .filter_map(|a| a.duration_ms(a.ended_at?))
                .collect();
            lasted.sort_unstable();
            total += lasted.get(lasted.len() / 2)?;
        }
        Some(total)
    }
    /// True while a start with this key is under way or happened a moment ago.
    pub(super) fn just_started(&mut self, key: &str, now: Timestamp) -> bool {
        self.started.retain(|(_, at)| now.as_millisecond() - at.as_millisecond() < 700);
        if self.started.iter().any(|(k, _)| k == key) {
            return true;
        }
        self.started.push((key.to_owned(), now));
        false
    }
}

/// What the palette offers from here.
pub fn actions(state: &AppState) -> Vec<Action> {
    let runs = &state.runs;
    let mut all = Vec::new();
    for entry in &runs.entries {
        let open = Command::OpenPipeline(entry.name.clone());
        all.push(Action::new("Go to", entry.name.as_str(), open).icon("list-tree").detail("pipeline"));
        if entry.pipeline.is_some() {
            let run = Command::Run(entry.name.clone());
            all.push(
                Action::new("Runs", format!("Run {}", entry.name), run).icon("play").detail(entry.source.as_str()),
            );
            let ask = Command::AskRun(entry.name.clone());
            let title = format!("Run {} with parameters\u{2026}", entry.name);
            all.push(Action::new("Runs", title, ask).icon("play").detail(entry.source.as_str()));
        }
        let Some(last) = runs.runs.get(&entry.name).and_then(|r| r.first()) else { continue };
        if last.state.is_final() && last.rerun_plan(&Scope::Failed).is_ok() {
            let title = format!("Rerun failed tasks of {}", last.title());
            all.push(Action::new("Runs", title, Command::RerunFailed(last.id.clone())).icon("rotate-cw"));
        } else if !last.state.is_final() {
            let title = format!("Cancel {}", last.title());
            all.push(Action::new("Runs", title, Command::Cancel(last.id.clone())).icon("circle-x"));
        }
    }
    let notebooks = state.workspace.files(FileKind::Notebook).map(|f| f.path.clone()).collect::<Vec<_>>();
    for path in notebooks {
        let run = Command::Run(path.clone());
        all.push(
            Action::new("Runs", format!("Run {path} from top to bottom"), run).icon("play").detail("in a fresh kernel"),
        );
    }
    all
}

/// Asks for trust before anything runs.
fn trusted(state: &mut AppState, then: &Command) -> Result<(), Vec<Effect>> {
    match workspace::require_trust(state, then.clone()) {
        Some(effects) => Err(effects),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

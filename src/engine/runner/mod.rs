//! The embedded runner: carries out pipelines and notebooks, task by task, and records each step as it happens.
//!
//! [`begin`] and [`begin_rerun`] record a run and make this process its owner; the [`Execution`] they hand out does
//! the work on the caller's thread, a thread more for each running task. What happens reaches the store first and the
//! [`Sink`] second. A request with a key that was used before starts nothing. When this process dies, the next one
//! that calls [`recover`] marks the run as interrupted and ends what it left behind.
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use jiff::Timestamp;

use super::{
    exec,
    store::{Begun, Lease, Rerun, Store, rounded},
};
use crate::{
    base::{
        Error, Result, fsx,
        ids::{RunId, random},
        job::JobCtx,
        text::nearest,
        time::local_zone,
    },
    model::{
        pipeline::{Param, Pipeline},
        run::{LOCAL, LogLine, MetricPoint, Params, Run, RunKind, RunState, Scope, TaskRun, TaskState, Trigger},
    },
};

mod command;
mod execute;
mod log;
mod record;
mod task;

pub use record::commits_between;
pub use task::COULD_NOT_RUN;

/// What the runner tells while it works.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// State of the run, a task or an attempt changed; the whole run as it is now.
    Changed(Arc<Run>),
    /// A line was written to the log of an attempt.
    Log { run: RunId, task: String, attempt: u32, line: LogLine },
    /// Metrics were recorded.
    Metrics(Vec<MetricPoint>),
}

/// Receives events on the runner's threads; must be quick.
pub type Sink = Arc<dyn Fn(RunEvent) + Send + Sync>;

/// What to run.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Workspace path of a pipeline file or a notebook.
    pub source: String,
    /// Values as typed.
    pub params: Vec<(String, String)>,
    pub trigger: Trigger,
    /// Requests with the same key start one run.
    pub key: String,
    pub note: Option<String>,
    /// Values of a notebook's parameters, typed already.
    pub values: Params,
    /// How a notebook is executed; its copies are those besides the one in `.andon/runs`.
    pub options: exec::Options,
}

impl Launch {
    /// A launch with a key of its own.
    pub fn new(source: &str, trigger: Trigger) -> Self {
        let (params, values, options) = Default::default();
        Self { source: source.to_owned(), params, values, trigger, key: random(16), note: None, options }
    }
}

/// Answer to [`begin`] and [`begin_rerun`].
#[derive(Debug)]
pub enum Begin {
    /// The caller has to execute it.
    Started(Box<Execution>),
    /// Another request was first; this is its run as it is now.
    Already(Box<Run>),
}

/// A run that this process owns. Dropped without being executed to its end, it becomes interrupted.
pub struct Execution {
    store: Store,
    pipeline: Pipeline,
    run: Run,
    lease: Lease,
    options: exec::Options,
    over: bool,
}

impl std::fmt::Debug for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Execution").field("run", &self.run.id).finish_non_exhaustive()
    }
}

impl Execution {
    /// The run as it is now.
    pub fn run(&self) -> &Run {
        &self.run
    }
    /// Runs every queued task and gives the run as it ended; cancelling ends it as cancelled, which is no error.
    pub fn execute(mut self, cx: &JobCtx, sink: &Sink) -> Result<Run> {
        execute::execute(&mut self, cx, sink)?;
        self.over = true;
        Ok(self.run.clone())
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        if !self.over {
            // Nobody is left to tell; should the store fail too, the lease runs out with this process.
            let _ = self.store.interrupt(&self.run.id, &self.lease, Timestamp::now());
        }
    }
}

/// Reads a pipeline file, or wraps a notebook, by its workspace path.
pub fn load(root: &Path, source: &str) -> Result<Pipeline> {
    let path = fsx::inside(root, source)?;
    if let Some(error) = fsx::no_file(&path, source) {
        return Err(error);
    }
    if !path.is_file() {
        let known: Vec<String> = pipelines(root).into_iter().map(|(p, _)| p).collect();
        let error = Error::user(format!("No file {source}"));
        return Err(match nearest(source, known.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("Did you mean {near}?")),
            None if known.is_empty() => error.hint("Pipelines lie in pipelines/*.toml"),
            None => error.hint(format!("The pipelines are {}", known.join(", "))),
        });
    }
    match path.extension().and_then(|e| e.to_str()) {
        Some("ipynb") => Ok(Pipeline::of_notebook(source)),
        Some("toml") => Pipeline::parse(source, &fsx::read_text(&path)?),
        _ => Err(Error::user(format!("{source} is neither a pipeline nor a notebook"))
            .hint("A pipeline ends with .toml, a notebook with .ipynb")),
    }
}

/// The pipelines of a workspace by path, each read or with what is wrong with it.
pub fn pipelines(root: &Path) -> Vec<(String, Result<Pipeline>)> {
    let Ok(entries) = fs::read_dir(root.join("pipelines")) else { return Vec::new() };
    let mut paths: Vec<String> = entries
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|x| x == "toml"))
        .map(|e| format!("pipelines/{}", e.file_name().to_string_lossy()))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|p| {
            let read = load(root, &p);
            (p, read)
        })
        .collect()
}

/// Local dates of today and yesterday.
fn dates(at: Timestamp) -> (String, String) {
    let today = at.to_zoned(local_zone()).date();
    (today.to_string(), today.yesterday().unwrap_or(today).to_string())
}

fn new_tasks(pipeline: &Pipeline) -> Vec<TaskRun> {
    let ordered = pipeline.order().into_iter().filter_map(|i| pipeline.tasks.get(i));
    ordered
        .map(|t| TaskRun {
            id: t.id.clone(),
            kind: t.kind.name().to_owned(),
            state: TaskState::Queued,
            after: t.after.clone(),
            error: None,
            retry_at: None,
            max_attempts: t.retries + 1,
            attempts: Vec::new(),
        })
        .collect()
}

/// Records a new run with this process as its owner.
pub fn begin(store: &Store, launch: &Launch, cx: &JobCtx) -> Result<Begin> {
    let root = store.root();
    let pipeline = load(root, &launch.source)?;
    let now = rounded(cx.clock.now());
    let (today, yesterday) = dates(now);
    let mut params = pipeline.resolve(&launch.params, &today, &yesterday)?;
    params.extend(launch.values.clone());
    let run = Run {
        id: RunId(random(8)),
        number: 0,
        connection: LOCAL.to_owned(),
        remote_id: None,
        pipeline: pipeline.name.clone(),
        source: launch.source.clone(),
        kind: if pipeline.is_notebook() { RunKind::Notebook } else { RunKind::Pipeline },
        trigger: launch.trigger,
        state: RunState::Queued,
        round: 1,
        queued_at: now,
        started_at: None,
        ended_at: None,
        data_time: pipeline.data_time(&params),
        params,
        record: Default::default(),
        note: launch.note.clone(),
        error: None,
        cancelling: false,
        tasks: new_tasks(&pipeline),
    };
    let lease = Lease::new();
    let begun = store.begin(&run, &launch.key, &lease)?;
    taken(store, begun, pipeline, lease, launch.options.clone())
}

/// Puts the tasks in `scope` back into the queue with this process as the owner. `seen` is the run as the person saw
/// it: when it has been rerun since, nothing is started. The pipeline's file is read anew, so a mended task runs mended;
/// the run's parameters stay.
pub fn begin_rerun(store: &Store, seen: &Run, scope: &Scope, note: Option<String>, cx: &JobCtx) -> Result<Begin> {
    if seen.connection != LOCAL {
        // A file of this folder may have the name of a pipeline there.
        return Err(Error::bug(format!("{} is a run of {} and is not run here", seen.title(), seen.connection)));
    }
    let pipeline = load(store.root(), &seen.source)?;
    let now = rounded(cx.clock.now());
    let (today, yesterday) = dates(seen.queued_at);
    let mut params = pipeline.resolve(&[], &today, &yesterday)?;
    for (name, value) in &seen.params {
        if pipeline.is_notebook() || pipeline.params.iter().any(|p| p.name == *name) {
            params.insert(name.clone(), value.clone());
        }
    }
    let wish = Rerun {
        run: seen.id.clone(),
        scope: scope.clone(),
        seen_round: seen.round,
        tasks: new_tasks(&pipeline),
        params,
        note,
    };
    let lease = Lease::new();
    let key = rerun_key(seen, scope);
    let begun = store.begin_rerun(&wish, &key, &lease, now)?;
    taken(store, begun, pipeline, lease, exec::Options::default())
}

/// The key of a wish to rerun: the same for everyone who saw the same round of the run and wants the same.
pub fn rerun_key(seen: &Run, scope: &Scope) -> String {
    format!("rerun:{}:{}:{}", seen.id, seen.round, scope.key())
}

fn taken(store: &Store, begun: Begun, pipeline: Pipeline, lease: Lease, options: exec::Options) -> Result<Begin> {
    match begun {
        Begun::Started(run) => {
            let store = store.clone();
            Ok(Begin::Started(Box::new(Execution { store, pipeline, run, lease, options, over: false })))
        }
        Begun::Already(id) => {
            let run = store.run(&id)?.ok_or_else(|| Error::bug(format!("The run {id} was begun but is not there")))?;
            Ok(Begin::Already(Box::new(run)))
        }
    }
}

/// Marks runs whose owner is gone as interrupted and ends the processes they left behind; gives those runs.
pub fn recover(store: &Store, now: Timestamp) -> Result<Vec<Run>> {
    let abandoned = store.interrupt_abandoned(now)?;
    let mut runs = Vec::with_capacity(abandoned.len());
    for gone in abandoned {
        gone.processes.iter().for_each(|(pid, started)| command::end_leftover(*pid, *started));
        runs.extend(store.run(&gone.run)?);
    }
    Ok(runs)
}

/// Values of a run as text, for checks and variables.
fn texts(params: &Params) -> BTreeMap<String, String> {
    params.iter().map(|(k, v)| (k.clone(), crate::model::pipeline::show(v))).collect()
}

/// The parameters of a pipeline with the values a dialog starts from.
pub fn defaults(pipeline: &Pipeline, now: Timestamp) -> Vec<(Param, String)> {
    let (today, yesterday) = dates(now);
    let values = pipeline.resolve(&[], &today, &yesterday).unwrap_or_default();
    let value = |p: &Param| values.get(&p.name).map(crate::model::pipeline::show).unwrap_or_default();
    pipeline.params.iter().map(|p| (p.clone(), value(p))).collect()
}

#[cfg(test)]
mod tests;

//! Executes a notebook from top to bottom without a window.
//!
//! SQL cells run on the embedded engine, all others on the notebook's kernel, which is started only when a cell needs
//! it: a notebook of SQL and plain parameters runs on a machine without Python. A query can name data frames and plain
//! values of the kernel ([`lend()`]), a cell the results of queries ([`Bridge`]). Parameters go in as papermill does it:
//! a cell tagged `injected-parameters` after the one tagged `parameters`. They are `$name` in SQL. The first cell that
//! fails ends the run, unless it is tagged `raises-exception`; one tagged `skip-execution` is not run, as with nbclient.
//! Paths in SQL and in Python are relative to the workspace, as they are in the window. [`Options::copies`] are written
//! while it runs, so that a run that is killed leaves what it has done.
//!
//! Metrics: a line of output of the form `{"andon.metric": {"name": "rows", "value": 12, "unit": "rows"}}`
//! ([`crate::model::run::parse_metrics`] has the other forms), or a SQL cell that is tagged `metrics` or keeps its
//! result as `metrics`: with one row every numeric column is a metric; with columns `name` and `value` every row is.
mod bridge;
mod copy;
mod lend;
mod params;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, bounded};
use jiff::Timestamp;

pub use bridge::Bridge;
pub use lend::{Copied, Described, Lent, can_ask, copy_frame, frames, lend, variables, widgets};

use super::{
    dirs::Dirs,
    kernel::{self, ExecEvent, ExecOptions, KernelSpec, Kernels, Outcome, Session},
    sql,
};
use crate::{
    base::{Error, Result, fsx, job::JobCtx},
    model::{
        notebook::{CellKey, CellKind, Notebook},
        output::{Collector, Fresh, Output, error_json, table_json},
        params::{DECLARED, INJECTED, Source},
        run::{Metric, Params, parse_metrics},
        table::{Cell, Page, SqlCell, sql_cell},
    },
};

/// Rows of a SQL result that are written into the executed copy.
pub const STORED_ROWS: usize = 50;

/// Tag of nbclient for cells that are not to be run.
const SKIP: &str = "skip-execution";
/// Tag of cells whose failure is meant.
const RAISES: &str = "raises-exception";
/// How a cell that ran too long is called, as nbclient does.
pub const TIMEOUT: &str = "CellTimeoutError";
/// How a cell ends whose kernel went away under it.
pub const DIED: &str = "KernelDied";
/// How a cell ends that found no kernel.
pub const NO_KERNEL: &str = "NoKernel";

/// How to execute.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Name, shown name or id of the kernel instead of the one the notebook names.
    pub kernel: Option<String>,
    /// A cell that fails does not end the run.
    pub allow_errors: bool,
    /// A cell that runs longer is interrupted and ends the run.
    pub cell_timeout: Option<Duration>,
    /// Where paths start and the kernel runs; the workspace when none.
    pub folder: Option<PathBuf>,
    /// Where the executed copy goes, kept up to date while it runs.
    pub copies: Vec<PathBuf>,
    /// Notes in the metadata when each cell ran, as papermill does.
    pub notes: bool,
    /// Positions of cells that are not to be run, besides those tagged so.
    pub skip: Vec<usize>,
}

/// What became of a cell of code.
#[derive(Debug, Clone, PartialEq)]
pub enum CellEnd {
    Ok,
    Failed(Box<Failure>),
    /// Its tag, or the caller, says that it is not to be run.
    Skipped,
    /// The run ended before it.
    NotRun,
}

/// A cell of code and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CellDone {
    /// Position in the executed copy, from 0.
    pub cell: usize,
    pub end: CellEnd,
    pub ms: u64,
}

/// How the execution ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    Success,
    Failed(Failure),
    Cancelled,
}

/// The cell that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Position in the executed copy, from 0.
    pub cell: usize,
    pub cell_id: Option<String>,
    /// What happened, why, what to do.
    pub error: Error,
    /// `ZeroDivisionError`, `SqlError`, `KernelDied`.
    pub ename: String,
    /// The traceback as text without colours.
    pub traceback: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    /// The notebook with its fresh outputs; those of cells that did not run are gone.
    pub bytes: Vec<u8>,
    pub end: End,
    /// All metrics found. The sink has been told of each already: of printed ones with their line, of those of SQL cells
    /// as [`Progress::Measured`].
    pub metrics: Vec<Metric>,
    /// The kernel that ran it: `Python 3.12 (.venv)`; none when no cell needed one.
    pub kernel: Option<String>,
    /// Cells that ran to their end.
    pub cells_run: usize,
    /// Every cell of code, in order.
    pub cells: Vec<CellDone>,
}

impl Executed {
    /// Cells that failed, whether that ended the run or not.
    pub fn cells_failed(&self) -> usize {
        self.cells.iter().filter(|c| matches!(c.end, CellEnd::Failed(_))).count()
    }
}

/// A notebook to execute.
#[derive(Debug)]
pub struct Request<'a> {
    pub root: &'a Path,
    /// Path below the workspace, for messages.
    pub name: &'a str,
    pub notebook: Notebook,
    pub params: &'a Params,
    pub options: &'a Options,
}

/// News while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Cell `index` of the executed copy starts; `title` is its first line.
    Cell { index: usize, total: usize, title: String },
    /// Whole lines a cell printed.
    Printed { index: usize, stderr: bool, text: String },
    /// Metrics of a SQL cell. Printed ones come as the lines they stand in.
    Measured(Vec<Metric>),
    /// A cell ended.
    CellDone { index: usize, ok: bool, ms: u64, summary: String },
    /// Something worth a line in the log: a kernel was started.
    Note(String),
}

/// Receives news; called from several threads, must be quick.
pub type Sink<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Executes a notebook. `path` is below `root`, or absolute. An error means that it could not begin; what happened in
/// its cells is in [`Executed::end`]. The file itself is not changed.
pub fn execute_notebook(root: &Path, path: &Path, params: &Params, cx: &JobCtx, sink: Sink<'_>) -> Result<Executed> {
    execute_watched(root, path, params, cx, (sink, &|_, _| {}))
}

/// Receives what a cell of the executed copy has put out so far, a few times a second while it runs.
pub type Watch<'a> = &'a (dyn Fn(usize, &[Output]) + Send + Sync);

/// How often a watch is told.
const WATCH_EVERY: Duration = Duration::from_millis(80);

/// The same, with outputs shown while they come.
pub fn execute_watched(
    root: &Path,
    path: &Path,
    params: &Params,
    cx: &JobCtx,
    (sink, watch): (Sink<'_>, Watch<'_>),
) -> Result<Executed> {
    let full = if path.is_absolute() { path.to_path_buf() } else { root.join(path) };
    let name = fsx::relative(root, &full);
    let notebook = read(&name, fsx::read(&full)?)?;
    execute(Request { root, name: &name, notebook, params, options: &Options::default() }, cx, (sink, watch))
}

/// Reads a notebook that is to be executed.
pub fn read(name: &str, bytes: Vec<u8>) -> Result<Notebook> {
    let notebook = Notebook::parse(bytes).map_err(|e| Error { what: format!("{name}: {}", e.what), ..e })?;
    match notebook.read_only() {
        Some(why) => {
            Err(Error::user(format!("{name} cannot be executed: {why}")).hint("Save it in the present format first"))
        }
        None => Ok(notebook),
    }
}

/// Says before anything runs that a notebook cannot be executed: it is not readable, or its kernel is not there.
pub fn check(root: &Path, path: &Path, options: &Options, cx: &JobCtx) -> Result<()> {
    let full = if path.is_absolute() { path.to_path_buf() } else { root.join(path) };
    let notebook = read(&fsx::relative(root, &full), fsx::read(&full)?)?;
    if needs_kernel(&notebook) {
        let kernels = Kernels::new(&Dirs::from_env().cache, cx.clock.clone());
        choose(&kernels, root, &notebook, options, cx)?;
    }
    Ok(())
}

/// The same with all there is to choose.
pub fn execute(request: Request<'_>, cx: &JobCtx, (sink, watch): (Sink<'_>, Watch<'_>)) -> Result<Executed> {
    let Request { root, name, mut notebook, params, options } = request;
    let injected = params::inject(&mut notebook, params)?;
    let code: Vec<CellKey> = notebook.cells().iter().filter(|c| c.kind == CellKind::Code).map(|c| c.key).collect();
    notebook.clear_outputs(&code)?;
    let start = cx.clock.now();
    let output = options.copies.first().map(|p| p.display().to_string());
    let note = |notebook: &mut Notebook, end| {
        let noted = copy::Noted {
            input: name,
            output: output.clone(),
            parameters: params,
            defaults: &injected.defaults,
            start,
            end,
        };
        if options.notes { copy::note_notebook(notebook, &noted) } else { Ok(()) }
    };
    note(&mut notebook, None)?;
    let mut copies = copy::Copies::new(&options.copies)?;
    copies.write(&notebook)?;
    let folder = options.folder.as_deref().unwrap_or(root);
    let kernels = Kernels::new(&Dirs::from_env().cache, cx.clock.clone());
    let mut run = Run {
        root,
        folder,
        kernels,
        session: None,
        kernel_name: None,
        sql: sql::Session::new(folder),
        values: injected.values,
        added: injected.added,
        bridge: None,
        metrics: Vec::new(),
        notebook,
        options,
        copies,
        copy_error: None,
        cx,
        sink,
        watch,
    };
    let (end, cells) = run.all();
    let failed = matches!(end, End::Failed(_)) || cells.iter().any(|c| matches!(c.end, CellEnd::Failed(_)));
    note(&mut run.notebook, Some((cx.clock.now(), failed)))?;
    run.copies.write(&run.notebook)?;
    let cells_run = cells.iter().filter(|c| run.came_through(c)).count();
    let bytes = run.notebook.to_bytes();
    Ok(Executed { bytes, end, metrics: run.metrics, kernel: run.kernel_name, cells_run, cells })
}

/// True when a cell holds code that only a kernel can run.
fn needs_kernel(notebook: &Notebook) -> bool {
    notebook.cells().iter().any(|c| {
        let tags = c.tags();
        let settled = tags.iter().any(|t| t == DECLARED || t == INJECTED);
        let empty = c.source.lines().all(|l| l.trim().is_empty() || l.trim().starts_with('#'));
        c.kind == CellKind::Code
            && !empty
            && !tags.iter().any(|t| t == SKIP)
            && sql_cell(&c.source).is_none()
            && !(settled && Source::read(&c.source).plain)
    })
}

/// The kernel that was asked for, else the one the notebook names.
fn choose(kernels: &Kernels, root: &Path, notebook: &Notebook, options: &Options, cx: &JobCtx) -> Result<KernelSpec> {
    let Some(wanted) = &options.kernel else {
        let display = notebook.metadata_text(&["kernelspec", "display_name"]);
        let (name, language) = (notebook.kernel_name(), notebook.language());
        return kernels.choose(Some(root), name.as_deref(), display.as_deref(), Some(&language), cx);
    };
    let found = kernels.discover(Some(root), false, cx)?.kernels;
    let is = |k: &&KernelSpec| [&k.name, &k.display_name, &k.id].contains(&wanted);
    if let Some(spec) = found.iter().find(is) {
        return Ok(spec.clone());
    }
    let mut names: Vec<&str> = found.iter().map(|k| k.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let error = Error::user(format!("There is no kernel {wanted}"));
    Err(match crate::base::text::nearest(wanted, names.iter().copied()) {
        Some(near) => error.hint(format!("Did you mean {near}?")),
        None if names.is_empty() => error.hint("No Jupyter kernel was found on this machine"),
        None => error.hint(format!("The kernels here are {}", names.join(", "))),
    })
}

struct Run<'a> {
    root: &'a Path,
    folder: &'a Path,
    kernels: Kernels,
    session: Option<Session>,
    kernel_name: Option<String>,
    sql: sql::Session,
    values: params::Values,
    bridge: Option<Bridge>,
    metrics: Vec<Metric>,
    notebook: Notebook,
    /// Position of the cell with the parameters, when the file has none.
    added: Option<usize>,
    options: &'a Options,
    copies: copy::Copies,
    /// A copy could not be written: told once.
    copy_error: Option<Error>,
    cx: &'a JobCtx,
    sink: Sink<'a>,
    watch: Watch<'a>,
}

/// How a cell failed; boxed, since it is rare and large.
struct Failed {
    error: Error,
    ename: String,
    traceback: String,
}

impl Failed {
    fn new(ename: &str, error: Error) -> Box<Self> {
        Box::new(Self { error, ename: ename.to_owned(), traceback: String::new() })
    }
}

impl Run<'_> {
    fn all(&mut self) -> (End, Vec<CellDone>) {
        let cells = self.notebook.cells().to_vec();
        let total = cells.iter().filter(|c| c.kind == CellKind::Code).count();
        let (mut end, mut done) = (End::Success, Vec::with_capacity(total));
        for (index, cell) in cells.iter().enumerate() {
            if cell.kind != CellKind::Code || cell.source.trim().is_empty() {
                continue;
            }
            let tags = cell.tags();
            if end == End::Success && self.cx.cancel.is_cancelled() {
                end = End::Cancelled;
            }
            if end != End::Success || self.is_skipped(index, &tags) {
                let end = if end == End::Success { CellEnd::Skipped } else { CellEnd::NotRun };
                done.push(CellDone { cell: index, end, ms: 0 });
                continue;
            }
            let title = crate::base::text::shorten(cell.source.trim().lines().next().unwrap_or_default(), 80);
            self.cx.progress(Some(done.len() as f32 / total.max(1) as f32), title.clone());
            (self.sink)(Progress::Cell { index, total: cells.len(), title });
            let (started, start) = (Instant::now(), self.cx.clock.now());
            let result = self.cell(index, cell.key, &cell.source, &tags);
            let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.note(cell.key, start, result.is_err());
            let summary = result.as_ref().err().map(|f| f.error.to_string()).unwrap_or_default();
            (self.sink)(Progress::CellDone { index, ok: result.is_ok(), ms, summary });
            let cell_end = match result {
                Ok(()) => CellEnd::Ok,
                Err(failed) if failed.error.is_cancelled() => {
                    end = End::Cancelled;
                    CellEnd::NotRun
                }
                Err(failed) => {
                    let failure = Failure {
                        cell: index,
                        cell_id: cell.id.as_deref().map(str::to_owned),
                        error: failed.error,
                        ename: failed.ename,
                        traceback: failed.traceback,
                    };
                    let may = self.options.allow_errors || tags.iter().any(|t| t == RAISES);
                    if may && !matches!(failure.ename.as_str(), DIED | TIMEOUT | NO_KERNEL) {
                        (self.sink)(Progress::Note(format!("Cell {} may fail: {}", index + 1, failure.error)));
                    } else {
                        end = End::Failed(failure.clone());
                    }
                    CellEnd::Failed(Box::new(failure))
                }
            };
            done.push(CellDone { cell: index, end: cell_end, ms });
        }
        if let Some(session) = self.session.take() {
            session.shutdown();
        }
        (end, done)
    }

    /// Positions of the caller are those of the file, in which no parameters were put yet.
    fn is_skipped(&self, index: usize, tags: &[String]) -> bool {
        let own = match self.added {
            Some(at) if index == at => return false,
            Some(at) if index > at => index - 1,
            _ => index,
        };
        tags.iter().any(|t| t == SKIP) || self.options.skip.contains(&own)
    }

    /// The cell ran to its end, or failed as it may.
    fn came_through(&self, done: &CellDone) -> bool {
        match &done.end {
            CellEnd::Ok => true,
            CellEnd::Failed(f) => {
                let tags = self.notebook.cells().get(done.cell).map(|c| c.tags()).unwrap_or_default();
                tags.iter().any(|t| t == RAISES) && !matches!(f.ename.as_str(), DIED | TIMEOUT | NO_KERNEL)
            }
            CellEnd::Skipped | CellEnd::NotRun => false,
        }
    }

    /// Notes when a cell ran and brings the copies up to date.
    fn note(&mut self, key: CellKey, start: Timestamp, failed: bool) {
        let mut result = Ok(());
        if self.options.notes {
            result = copy::note_cell(&mut self.notebook, key, (start, self.cx.clock.now()), failed);
        }
        self.copies.touch();
        let kept = result.and_then(|()| self.copies.keep(&self.notebook));
        self.tell_copy(kept);
    }

    /// A full disk must not end a run of hours; it is said, and tried again at the end.
    fn tell_copy(&mut self, kept: Result<()>) {
        if let Err(error) = kept
            && self.copy_error.as_ref() != Some(&error)
        {
            (self.sink)(Progress::Note(format!("The executed copy could not be written: {error}")));
            self.copy_error = Some(error);
        }
    }

    fn cell(&mut self, index: usize, key: CellKey, source: &str, tags: &[String]) -> Result<(), Box<Failed>> {
        if let Some(query) = sql_cell(source) {
            return self.sql_cell(key, &query, tags);
        }
        let settled = tags.iter().any(|t| t == DECLARED || t == INJECTED);
        if settled && self.session.is_none() && Source::read(source).plain && !needs_kernel(&self.notebook) {
            return Ok(());
        }
        self.kernel_cell(index, key, source)
    }

    fn sql_cell(&mut self, key: CellKey, query: &SqlCell, tags: &[String]) -> Result<(), Box<Failed>> {
        let run = || -> Result<(sql::Frame, Page)> {
            let lent = match &self.session {
                Some(session) => lend(session, &self.sql.wanted(&query.sql), self.cx)?,
                None => Lent::default(),
            };
            let frame = query_lent(&self.sql, &query.sql, &self.values, lent, self.cx)?;
            let page = frame.page(0, STORED_ROWS)?;
            Ok((frame, page))
        };
        let (frame, page) = match run() {
            Ok(done) => done,
            Err(error) => return Err(self.failed(key, "SqlError", error)),
        };
        self.store(key, &[Fresh::Json(table_json(&page).into())], None)?;
        let wanted = query.name.as_deref() == Some("metrics") || tags.iter().any(|t| t == "metrics");
        if wanted {
            let all = frame.page(0, 1_000).map_err(|e| self.failed(key, "SqlError", e))?;
            let found = metrics_of(&all, self.cx.clock.now());
            if !found.is_empty() {
                (self.sink)(Progress::Measured(found.clone()));
            }
            self.metrics.extend(found);
        }
        if let Some(name) = &query.name {
            self.sql.keep(name.clone(), frame);
            if let Some(bridge) = &mut self.bridge {
                bridge.forget(name);
            }
        }
        Ok(())
    }

    fn kernel_cell(&mut self, index: usize, key: CellKey, source: &str) -> Result<(), Box<Failed>> {
        let session = match self.session() {
            Ok(session) => session,
            Err(error) => return Err(self.failed(key, NO_KERNEL, error)),
        };
        if let Err(error) = self.hand_over(&session, source) {
            return Err(self.failed(key, "SqlError", error));
        }
        let (mut collector, mut lines) = (Collector::new(), Lines::default());
        let (sink, watch) = (self.sink, self.watch);
        let (mut fresh, mut told) = (false, Instant::now());
        let (cx, timeout) = (self.cx, self.options.cell_timeout);
        let outcome = drive(&session, source, cx, timeout, |event| {
            if event.is_none() {
                // What earlier cells did is on disk before this one has ended.
                let kept = self.copies.keep(&self.notebook);
                self.tell_copy(kept);
            }
            fresh |= event.is_some_and(|event| collector.apply(event));
            if fresh && told.elapsed() >= WATCH_EVERY {
                watch(index, collector.views());
                (fresh, told) = (false, Instant::now());
            }
            let Some(event) = event else { return };
            if let ExecEvent::Stream { stderr, text } = event {
                let whole = lines.feed(*stderr, text);
                if !whole.is_empty() {
                    sink(Progress::Printed { index, stderr: *stderr, text: whole });
                }
            }
        });
        for (stderr, text) in lines.rest() {
            sink(Progress::Printed { index, stderr, text });
        }
        let now = self.cx.clock.now();
        self.metrics.extend(lines.out_lines().filter_map(|l| parse_metrics(l, now, None)).flatten());
        let count = collector.execution_count().and_then(|n| i64::try_from(n).ok());
        self.store(key, &collector.fresh(), count)?;
        match outcome {
            Ok(Outcome::Ok { .. }) => Ok(()),
            Ok(Outcome::Error { ename, .. }) => {
                let what = collector.failure().unwrap_or_else(|| ename.clone());
                Err(Box::new(Failed { error: Error::user(what), ename, traceback: traceback(&collector) }))
            }
            Ok(Outcome::Died { exit, stderr }) => {
                let mut error = Error::remote(format!("The kernel ended with {exit}"));
                if let Some(last) = stderr.lines().rev().find(|l| !l.trim().is_empty()) {
                    error = error.because_of(last.trim().to_owned());
                }
                Err(Box::new(Failed { error, ename: DIED.into(), traceback: stderr }))
            }
            Ok(Outcome::Aborted { why }) => Err(Failed::new("Aborted", Error::remote(why))),
            Ok(Outcome::Missed { why }) => Err(Failed::new("Missed", Error::remote(why))),
            Err(error) if error.what.starts_with("The cell did not end") => {
                let mut failed = Failed::new(TIMEOUT, error);
                failed.traceback = traceback(&collector);
                Err(failed)
            }
            Err(error) => Err(Failed::new("KernelError", error)),
        }
    }

    fn session(&mut self) -> Result<Session> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let spec = choose(&self.kernels, self.root, &self.notebook, self.options, self.cx)?;
        (self.sink)(Progress::Note(format!("Starting the kernel {}", spec.display_name)));
        let session = self.kernels.start_and_wait(&spec, self.folder, self.cx)?;
        self.kernel_name = Some(spec.display_name.clone());
        self.session = Some(session.clone());
        Ok(session)
    }

    /// Gives kept SQL results that the cell names to the kernel.
    fn hand_over(&mut self, session: &Session, source: &str) -> Result<()> {
        if session.spec().language != "python" {
            return Ok(());
        }
        for (name, frame) in self.sql.kept() {
            let bridge = match &mut self.bridge {
                Some(bridge) => bridge,
                None => self.bridge.insert(Bridge::new()?),
            };
            if let Some(code) = bridge.code_for(&name, &frame, source)? {
                let options = ExecOptions { silent: true, ..ExecOptions::default() };
                let outcome = session.run(&code, options, self.cx, Arc::new(|_| {}))?;
                if let Outcome::Error { ename, evalue, .. } = outcome {
                    return Err(Error::remote(format!("The result {name} could not be given to the kernel"))
                        .because_of(format!("{ename}: {evalue}")));
                }
            }
        }
        Ok(())
    }

    fn store(&mut self, key: CellKey, outputs: &[Fresh], count: Option<i64>) -> Result<(), Box<Failed>> {
        let made = self.notebook.receiver(key).and_then(|into| into.take(outputs, count));
        made.and_then(|made| self.notebook.receive(made)).map(drop).map_err(|error| Failed::new("Error", error))
    }

    /// Writes an error into the cell, as a kernel would.
    fn failed(&mut self, key: CellKey, ename: &str, error: Error) -> Box<Failed> {
        if !error.is_cancelled() {
            let mut lines = vec![format!("{ename}: {error}")];
            lines.extend(error.hint.iter().cloned());
            let _ = self.store(key, &[Fresh::Json(error_json(ename, &error.to_string(), &lines).into())], None);
        }
        Box::new(Failed { traceback: error.to_string(), error, ename: ename.to_owned() })
    }
}

/// Executes and hands events on, on this thread, until the end; nothing where nothing came for a moment.
fn drive(
    session: &Session,
    source: &str,
    cx: &JobCtx,
    limit: Option<Duration>,
    mut each: impl FnMut(Option<&ExecEvent>),
) -> Result<Outcome> {
    let (tx, events) = bounded::<ExecEvent>(1024);
    let sink: kernel::Sink = Arc::new(move |event| {
        // An error means that this run is over: what threads print later has nowhere to go.
        let _ = tx.send(event);
    });
    let begun = Instant::now();
    let id = session.execute(source, ExecOptions::default(), sink)?;
    let (mut asked, mut late): (Option<Instant>, bool) = (None, false);
    let over = |late: bool| {
        let secs = limit.unwrap_or_default().as_secs_f64();
        if !late {
            return Error::cancelled();
        }
        Error::user(format!("The cell did not end within {secs} s")).hint("Give it longer with --timeout")
    };
    loop {
        match events.recv_timeout(Duration::from_millis(50)) {
            Ok(event) => {
                each(Some(&event));
                if let ExecEvent::Done { outcome, .. } = event {
                    return if asked.is_some() { Err(over(late)) } else { Ok(outcome) };
                }
            }
            Err(RecvTimeoutError::Timeout) => each(None),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::remote("The kernel was stopped"));
            }
        }
        match asked {
            None => {
                late = limit.is_some_and(|l| begun.elapsed() >= l);
                if late || cx.cancel.is_cancelled() {
                    asked = Some(Instant::now());
                    session.withdraw(Some(id));
                    session.interrupt();
                }
            }
            Some(at) if at.elapsed().as_secs() >= 5 => {
                session.kill();
                return Err(over(late));
            }
            Some(_) => {}
        }
    }
}

/// Runs a query with what a kernel lends to it, over the values that are known without one.
pub fn query_lent(sql: &sql::Session, query: &str, known: &sql::Params, lent: Lent, cx: &JobCtx) -> Result<sql::Frame> {
    let mut values = known.clone();
    values.extend(lent.values);
    sql.lend(lent.frames);
    sql.query_with(query, &values, cx).map_err(|error| {
        // A name that is there but cannot be lent tells why.
        let named = |(name, _): &&(String, String)| {
            error.what.ends_with(&format!("named {name}")) || error.what.contains(&format!("${name} has"))
        };
        match lent.refused.iter().find(named) {
            Some((_, why)) => error
                .because_of(why.clone())
                .hint("SQL reads data frames of pandas, polars and pyarrow, and plain values as parameters"),
            None => error,
        }
    })
}

fn traceback(collector: &Collector) -> String {
    let errors = collector.views().iter().filter(|v| matches!(v, Output::Error(_)));
    errors.map(Output::to_text).collect::<Vec<_>>().join("\n")
}

/// Every numeric column of the only row, or `name` and `value` of every row.
fn metrics_of(page: &Page, at: Timestamp) -> Vec<Metric> {
    let number = |cell: &Cell| match cell {
        Cell::Int(v) => Some(*v as f64),
        Cell::UInt(v) => Some(*v as f64),
        Cell::Float(v) => Some(*v).filter(|v| v.is_finite()),
        Cell::Bool(v) => Some(f64::from(u8::from(*v))),
        Cell::Text(text) => text.parse().ok().filter(|v: &f64| v.is_finite()),
        Cell::Null => None,
    };
    let column = |name: &str| page.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name));
    let text = |row: &Vec<Cell>, name: &str| {
        let cell = row.get(column(name)?)?;
        (*cell != Cell::Null).then(|| cell.show(false).into_owned())
    };
    let metric = |name: String, value: f64, row: &Vec<Cell>| Metric {
        name,
        value,
        unit: text(row, "unit"),
        at,
        data_time: text(row, "data_time"),
    };
    if let (Some(name), Some(value)) = (column("name"), column("value")) {
        let row = |row: &Vec<Cell>| {
            let name = row.get(name)?.show(false).into_owned();
            Some(metric(name, row.get(value).and_then(number)?, row))
        };
        return page.rows.iter().filter_map(row).collect();
    }
    let [row] = page.rows.as_slice() else { return Vec::new() };
    let numeric = page.columns.iter().zip(row).filter(|(c, _)| c.kind.is_number() || c.dtype == "bool");
    numeric.filter_map(|(c, cell)| Some(metric(c.name.clone(), number(cell)?, row))).collect()
}

/// Cuts what was printed into whole lines, for the log.
#[derive(Default)]
struct Lines {
    out: String,
    err: String,
    /// Lines of stdout that may hold metrics.
    seen: Vec<String>,
}

impl Lines {
    fn feed(&mut self, stderr: bool, piece: &str) -> String {
        let rest = if stderr { &mut self.err } else { &mut self.out };
        rest.push_str(piece);
        let Some(end) = rest.rfind('\n') else { return String::new() };
        let whole: String = rest.drain(..=end).collect();
        if !stderr {
            self.seen.extend(whole.lines().filter(|l| l.contains("andon.metric")).map(str::to_owned));
        }
        // What a progress bar wrote over is nothing for a log.
        let last = |l: &str| l.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default().to_owned();
        whole.lines().map(last).collect::<Vec<_>>().join("\n") + "\n"
    }

    fn rest(&self) -> Vec<(bool, String)> {
        let all = [(false, self.out.clone()), (true, self.err.clone())];
        all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }

    fn out_lines(&self) -> impl Iterator<Item = &str> {
        self.seen.iter().map(String::as_str).chain([self.out.as_str()])
    }
}

#[cfg(test)]
mod tests;

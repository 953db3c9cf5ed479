//! Executes a notebook from top to bottom without a window.
//!
//! SQL cells run on the embedded engine, all others on the notebook's kernel, which is started only when a cell needs
//! it: a notebook of SQL and plain parameters runs on a machine without Python. Parameters go in as papermill does it:
//! a cell tagged `injected-parameters` after the one tagged `parameters`. They are `$name` in SQL. The first cell that
//! fails ends the run, unless it is tagged `raises-exception`. Paths in SQL and in Python are relative to the workspace,
//! as they are in the window.
//!
//! Metrics: a line of output of the form `{"andon.metric": {"name": "rows", "value": 12, "unit": "rows"}}`
//! ([`crate::model::run::parse_metrics`] has the other forms), or a SQL cell that is tagged `metrics` or keeps its
//! result as `metrics`: with one row every numeric column is a metric; with columns `name` and `value` every row is.
mod bridge;
mod params;
mod variables;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, bounded};
use jiff::Timestamp;

pub use bridge::Bridge;
pub use variables::variables;

use super::{
    dirs::Dirs,
    kernel::{self, ExecEvent, ExecOptions, Kernels, Outcome, Session},
    sql,
};
use crate::{
    base::{Error, Result, fsx, job::JobCtx},
    model::{
        notebook::{CellKey, CellKind, Notebook, OutputJson},
        output::{Collector, Output, error_json, table_json},
        run::{Metric, Params, parse_metrics},
        table::{Cell, Page, SqlCell, sql_cell},
    },
};

/// Rows of a SQL result that are written into the executed copy.
pub const STORED_ROWS: usize = 50;

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
    let bytes = fsx::read(&full)?;
    let name = fsx::relative(root, &full);
    let mut notebook = Notebook::parse(bytes).map_err(|e| Error { what: format!("{name}: {}", e.what), ..e })?;
    if let Some(why) = notebook.read_only() {
        return Err(
            Error::user(format!("{name} cannot be executed: {why}")).hint("Save it in the present format first")
        );
    }
    let values = params::inject(&mut notebook, params)?;
    let code: Vec<CellKey> = notebook.cells().iter().filter(|c| c.kind == CellKind::Code).map(|c| c.key).collect();
    notebook.clear_outputs(&code)?;
    let kernels = Kernels::new(&Dirs::from_env().cache, cx.clock.clone());
    let run = Run {
        root,
        kernels,
        session: None,
        kernel_name: None,
        sql: sql::Session::new(root),
        values,
        bridge: None,
        metrics: Vec::new(),
        notebook,
        cx,
        sink,
        watch,
    };
    Ok(run.all())
}

struct Run<'a> {
    root: &'a Path,
    kernels: Kernels,
    session: Option<Session>,
    kernel_name: Option<String>,
    sql: sql::Session,
    values: params::Values,
    bridge: Option<Bridge>,
    metrics: Vec<Metric>,
    notebook: Notebook,
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
    fn all(mut self) -> Executed {
        let cells = self.notebook.cells().to_vec();
        let total = cells.iter().filter(|c| c.kind == CellKind::Code).count();
        let (mut end, mut cells_run) = (End::Success, 0);
        for (index, cell) in cells.iter().enumerate() {
            if cell.kind != CellKind::Code || cell.source.trim().is_empty() {
                continue;
            }
            if self.cx.cancel.is_cancelled() {
                end = End::Cancelled;
                break;
            }
            let title = crate::base::text::shorten(cell.source.trim().lines().next().unwrap_or_default(), 80);
            self.cx.progress(Some(cells_run as f32 / total.max(1) as f32), title.clone());
            (self.sink)(Progress::Cell { index, total: cells.len(), title });
            let started = Instant::now();
            let tags = cell.tags();
            let result = self.cell(index, cell.key, &cell.source, &tags);
            let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let summary = result.as_ref().err().map(|f| f.error.to_string()).unwrap_or_default();
            (self.sink)(Progress::CellDone { index, ok: result.is_ok(), ms, summary });
            match result {
                Ok(()) => cells_run += 1,
                Err(failed) if failed.error.is_cancelled() => {
                    end = End::Cancelled;
                    break;
                }
                Err(failed) if tags.iter().any(|t| t == "raises-exception") && failed.ename != "KernelDied" => {
                    cells_run += 1;
                    (self.sink)(Progress::Note(format!("Cell {} may fail: {}", index + 1, failed.error)));
                }
                Err(failed) => {
                    end = End::Failed(Failure {
                        cell: index,
                        cell_id: cell.id.as_deref().map(str::to_owned),
                        error: failed.error,
                        ename: failed.ename,
                        traceback: failed.traceback,
                    });
                    break;
                }
            }
        }
        if let Some(session) = self.session.take() {
            session.shutdown();
        }
        let bytes = self.notebook.to_bytes();
        Executed { bytes, end, metrics: self.metrics, kernel: self.kernel_name, cells_run }
    }

    fn cell(&mut self, index: usize, key: CellKey, source: &str, tags: &[String]) -> Result<(), Box<Failed>> {
        if let Some(query) = sql_cell(source) {
            return self.sql_cell(key, &query, tags);
        }
        let settled = tags.iter().any(|t| t == "parameters" || t == params::INJECTED);
        if settled && self.session.is_none() && params::literals(source).is_some() && !self.needs_kernel() {
            return Ok(());
        }
        self.kernel_cell(index, key, source)
    }

    /// True when a cell holds code that only a kernel can run.
    fn needs_kernel(&self) -> bool {
        self.notebook.cells().iter().any(|c| {
            let tags = c.tags();
            let settled = tags.iter().any(|t| t == "parameters" || t == params::INJECTED);
            let empty = c.source.lines().all(|l| l.trim().is_empty() || l.trim().starts_with('#'));
            c.kind == CellKind::Code
                && !empty
                && sql_cell(&c.source).is_none()
                && !(settled && params::literals(&c.source).is_some())
        })
    }

    fn sql_cell(&mut self, key: CellKey, query: &SqlCell, tags: &[String]) -> Result<(), Box<Failed>> {
        let run = || -> Result<(sql::Frame, Page)> {
            let frame = self.sql.query_with(&query.sql, &self.values, self.cx)?;
            let page = frame.page(0, STORED_ROWS)?;
            Ok((frame, page))
        };
        let (frame, page) = match run() {
            Ok(done) => done,
            Err(error) => return Err(self.failed(key, "SqlError", error)),
        };
        self.store(key, &[table_json(&page)], None)?;
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
            Err(error) => return Err(self.failed(key, "NoKernel", error)),
        };
        if let Err(error) = self.hand_over(&session, source) {
            return Err(self.failed(key, "SqlError", error));
        }
        let (mut collector, mut lines) = (Collector::new(), Lines::default());
        let (sink, watch) = (self.sink, self.watch);
        let (mut fresh, mut told) = (false, Instant::now());
        let outcome = self.drive(&session, source, |event| {
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
        self.store(key, &collector.to_nbformat(), count)?;
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
                Err(Box::new(Failed { error, ename: "KernelDied".into(), traceback: stderr }))
            }
            Ok(Outcome::Aborted { why }) => Err(Failed::new("Aborted", Error::remote(why))),
            Err(error) => Err(Failed::new("KernelError", error)),
        }
    }

    /// Executes and hands events on, on this thread, until the end; nothing where nothing came for a moment.
    fn drive(&self, session: &Session, source: &str, mut each: impl FnMut(Option<&ExecEvent>)) -> Result<Outcome> {
        let (tx, events) = bounded::<ExecEvent>(1024);
        let sink: kernel::Sink = Arc::new(move |event| {
            // An error means that this run is over: what threads print later has nowhere to go.
            let _ = tx.send(event);
        });
        let id = session.execute(source, ExecOptions::default(), sink)?;
        let mut asked: Option<Instant> = None;
        loop {
            match events.recv_timeout(Duration::from_millis(50)) {
                Ok(event) => {
                    each(Some(&event));
                    if let ExecEvent::Done { outcome, .. } = event {
                        return if asked.is_some() { Err(Error::cancelled()) } else { Ok(outcome) };
                    }
                }
                Err(RecvTimeoutError::Timeout) => each(None),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::remote("The kernel was stopped"));
                }
            }
            match asked {
                None if self.cx.cancel.is_cancelled() => {
                    asked = Some(Instant::now());
                    session.withdraw(Some(id));
                    session.interrupt();
                }
                Some(at) if at.elapsed().as_secs() >= 5 => {
                    session.kill();
                    return Err(Error::cancelled());
                }
                _ => {}
            }
        }
    }

    fn session(&mut self) -> Result<Session> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let display = self.notebook.metadata_text(&["kernelspec", "display_name"]);
        let name = self.notebook.kernel_name();
        let language = self.notebook.language();
        let spec =
            self.kernels.choose(Some(self.root), name.as_deref(), display.as_deref(), Some(&language), self.cx)?;
        (self.sink)(Progress::Note(format!("Starting the kernel {}", spec.display_name)));
        let session = self.kernels.start_and_wait(&spec, self.root, self.cx)?;
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

    fn store(&mut self, key: CellKey, outputs: &[String], count: Option<i64>) -> Result<(), Box<Failed>> {
        let outputs: Vec<OutputJson> = outputs.iter().map(|o| OutputJson::from(o.as_str())).collect();
        self.notebook.set_outputs(key, &outputs, count).map_err(|error| Failed::new("Error", error))
    }

    /// Writes an error into the cell, as a kernel would.
    fn failed(&mut self, key: CellKey, ename: &str, error: Error) -> Box<Failed> {
        if !error.is_cancelled() {
            let mut lines = vec![format!("{ename}: {error}")];
            lines.extend(error.hint.iter().cloned());
            let _ = self.store(key, &[error_json(ename, &error.to_string(), &lines)], None);
        }
        Box::new(Failed { traceback: error.to_string(), error, ename: ename.to_owned() })
    }
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

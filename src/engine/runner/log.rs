//! The log of an attempt, and the metrics found in it.
use std::sync::{Arc, Mutex, PoisonError};

use super::{RunEvent, Sink};
use crate::{
    base::{Result, ids::RunId, time::Clock},
    engine::store::{LogWriter, Store},
    model::run::{Level, LogLine, Metric, MetricPoint, Run, parse_metrics, strip_ansi},
};

/// Where a task writes its lines. Clones share it.
#[derive(Clone)]
pub(super) struct TaskLog {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    run: RunId,
    pipeline: String,
    data_time: Option<String>,
    task: String,
    attempt: u32,
    writer: Mutex<State>,
    sink: Sink,
    clock: Arc<dyn Clock>,
}

struct State {
    writer: LogWriter,
    /// The last line a program wrote at level error, for the error of the task.
    last_error: Option<String>,
    /// The last line on its error output, where none was an error by its words.
    last_stderr: Option<String>,
}

impl TaskLog {
    pub(super) fn create(
        store: &Store,
        run: &Run,
        task: &str,
        attempt: u32,
        sink: &Sink,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let writer = LogWriter::create(store.root(), &run.id, task, attempt)?;
        let inner = Inner {
            store: store.clone(),
            run: run.id.clone(),
            pipeline: run.pipeline.clone(),
            data_time: run.data_time.clone(),
            task: task.to_owned(),
            attempt,
            writer: Mutex::new(State { writer, last_error: None, last_stderr: None }),
            sink: sink.clone(),
            clock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Writes one line, or several when the text has line ends.
    pub(super) fn line(&self, level: Level, source: &str, text: &str) {
        let at = self.inner.clock.now();
        for text in text.lines() {
            self.put(LogLine::new(at, level, source, text));
        }
    }

    fn put(&self, line: LogLine) {
        let mut state = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written (a full disk) must not fail a task that works; the store reports the disk.
        if state.writer.write(&line).and_then(|()| state.writer.flush()).is_err() {
            tracing::warn!("could not write the log of {} {}", self.inner.run, self.inner.task);
        }
        drop(state);
        let (run, task, attempt) = (self.inner.run.clone(), self.inner.task.clone(), self.inner.attempt);
        (self.inner.sink)(RunEvent::Log { run, task, attempt, line });
    }

    /// A line of a program's output: terminal escapes taken off, its level guessed, metrics recorded.
    pub(super) fn output(&self, source: &str, raw: &str) {
        let text = strip_ansi(raw);
        if let Some(metrics) = parse_metrics(&text, self.inner.clock.now(), self.inner.data_time.as_deref()) {
            self.metrics(metrics);
            return;
        }
        let level = Level::guess(&text);
        if !text.trim().is_empty() && (source == "stderr" || level == Level::Error) {
            let mut state = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = if level == Level::Error { &mut state.last_error } else { &mut state.last_stderr };
            *slot = Some(text.trim().to_owned());
        }
        self.put(LogLine::new(self.inner.clock.now(), level, source, text));
    }

    /// Records metrics and says so in the log.
    pub(super) fn metrics(&self, metrics: Vec<Metric>) {
        let i = &self.inner;
        let points: Vec<MetricPoint> = metrics
            .into_iter()
            .map(|metric| MetricPoint {
                run: i.run.clone(),
                pipeline: i.pipeline.clone(),
                task: i.task.clone(),
                attempt: i.attempt,
                metric,
            })
            .collect();
        for p in &points {
            let unit = p.metric.unit.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
            self.line(Level::Info, "metric", &format!("{} = {}{unit}", p.metric.name, p.metric.value));
        }
        if points.is_empty() {
            self.line(Level::Warn, "metric", "a metric without a name or a finite value was left out");
            return;
        }
        match i.store.add_metrics(&points) {
            Ok(()) => (i.sink)(RunEvent::Metrics(points)),
            Err(e) => self.line(Level::Warn, "metric", &e.to_string()),
        }
    }

    /// One metric of the runner's own.
    pub(super) fn metric(&self, name: &str, value: f64, unit: &str) {
        let (at, data_time) = (self.inner.clock.now(), self.inner.data_time.clone());
        let unit = Some(unit.to_owned()).filter(|u| !u.is_empty());
        self.metrics(vec![Metric { name: name.to_owned(), value, unit, at, data_time }]);
    }

    pub(super) fn data_time(&self) -> Option<&str> {
        self.inner.data_time.as_deref()
    }

    pub(super) fn last_error(&self) -> Option<String> {
        let state = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        state.last_error.clone().or_else(|| state.last_stderr.clone())
    }

    /// Number of lines, and of the first error among them.
    pub(super) fn summary(&self) -> (u64, Option<u64>) {
        let state = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        (state.writer.lines, state.writer.first_error)
    }
}

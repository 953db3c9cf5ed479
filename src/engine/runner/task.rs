//! One attempt of one task, by kind.
use std::{collections::BTreeMap, fs, panic, path::PathBuf};

use serde_json::Value;

use super::{
    Sink, command, dates,
    log::TaskLog,
    record::{hashes, quoted},
    texts,
};
use crate::{
    base::{Error, Result, error::Context, fsx, job::JobCtx, text},
    engine::{exec, quality, sql, store::Store},
    model::{
        pipeline::{BUILT_IN, Mode, Task, TaskKind, expand, show, variable},
        quality::Status,
        run::{Level, Metric, Params, Run, metrics_in, parse_metrics},
    },
};

/// Exit code noted with a notebook that found no kernel.
pub const COULD_NOT_RUN: i32 = 2;

/// What came of an attempt.
#[derive(Default)]
pub(super) struct Outcome {
    pub error: Option<Error>,
    pub exit_code: Option<i32>,
    pub artifact: Option<String>,
    pub inputs: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
    pub kernel: Option<String>,
    pub log_lines: u64,
    pub first_error: Option<u64>,
}

impl Outcome {
    pub(super) fn failed(error: Error) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}

/// Everything an attempt needs, on its own thread.
pub(super) struct Work {
    pub store: Store,
    pub run: Run,
    pub spec: Task,
    pub attempt: u32,
    pub cx: JobCtx,
    pub sink: Sink,
    pub options: exec::Options,
}

impl Work {
    pub(super) fn carry_out(&self) -> Outcome {
        let log =
            TaskLog::create(&self.store, &self.run, &self.spec.id, self.attempt, &self.sink, self.cx.clock.clone());
        let log = match log {
            Ok(log) => log,
            Err(e) => return Outcome::failed(e),
        };
        log.line(Level::Info, "runner", &format!("{} {}, try {}", self.spec.kind.name(), self.spec.id, self.attempt));
        let begun = self.cx.clock.now();
        let mut out = Outcome::default();
        let done = panic::catch_unwind(panic::AssertUnwindSafe(|| self.by_kind(&log, &mut out)));
        let result = done.unwrap_or_else(|_| Err(Error::bug("The task broke off inside Andon")));
        self.metrics_file(&log);
        let lasted = crate::base::time::duration_ms(crate::model::run::millis(begun, self.cx.clock.now()));
        match &result {
            Ok(()) => log.line(Level::Info, "runner", &format!("succeeded after {lasted}")),
            Err(e) if e.is_cancelled() => log.line(Level::Warn, "runner", &format!("stopped after {lasted}")),
            Err(e) => {
                log.line(Level::Error, "runner", &format!("failed after {lasted}: {e}"));
                if let Some(hint) = &e.hint {
                    log.line(Level::Info, "runner", hint);
                }
            }
        }
        out.error = result.err();
        (out.log_lines, out.first_error) = log.summary();
        out
    }

    fn by_kind(&self, log: &TaskLog, out: &mut Outcome) -> Result<()> {
        let declared = self.all(&self.spec.inputs)?;
        out.inputs = hashes(&self.store, declared.iter().map(String::as_str));
        let done = match self.spec.kind {
            TaskKind::Command => self.command(log, out),
            TaskKind::Check => self.check(log, out),
            TaskKind::Sql => self.sql(log, out),
            TaskKind::Notebook => self.notebook(log, out),
        };
        let mut written = self.all(&self.spec.outputs)?;
        written.extend(self.spec.output.as_ref().map(|o| self.fill(o, Mode::Plain)).transpose()?);
        out.outputs = hashes(&self.store, written.iter().map(String::as_str));
        done
    }

    fn all(&self, texts: &[String]) -> Result<Vec<String>> {
        texts.iter().map(|t| self.fill(t, Mode::Plain)).collect()
    }

    /// The run's values, and over them the task's own, in which `${...}` is filled in.
    fn params(&self) -> Result<Params> {
        let mut all = self.run.params.clone();
        for (name, value) in &self.spec.params {
            let value = match value.as_str() {
                Some(text) => {
                    Value::from(expand(text, Mode::Plain, |n| self.value(n, &self.run.params), self.known())?)
                }
                None => value.clone(),
            };
            all.insert(name.clone(), value);
        }
        Ok(all)
    }

    fn known(&self) -> Vec<&str> {
        let params = self.run.params.keys().chain(self.spec.params.keys()).map(String::as_str);
        params.chain(BUILT_IN).collect()
    }

    fn value(&self, name: &str, params: &Params) -> Option<String> {
        if let Some(value) = params.get(name) {
            return Some(show(value));
        }
        let (today, yesterday) = dates(self.run.queued_at);
        Some(match name {
            "today" => today,
            "yesterday" => yesterday,
            "run" => self.run.id.0.clone(),
            "number" => self.run.number.to_string(),
            "pipeline" => self.run.pipeline.clone(),
            "task" => self.spec.id.clone(),
            "attempt" => self.attempt.to_string(),
            _ => return None,
        })
    }

    fn fill(&self, text: &str, mode: Mode) -> Result<String> {
        let params = self.params()?;
        expand(text, mode, |n| self.value(n, &params), self.known())
    }

    fn kept(&self, ending: &str) -> PathBuf {
        let folder = self.store.kept(&crate::engine::store::run_folder(&self.run.id));
        folder.join(format!("{}.{}.{ending}", self.spec.id, self.attempt))
    }

    fn command(&self, log: &TaskLog, out: &mut Outcome) -> Result<()> {
        let line = self.fill(&self.spec.run, Mode::Command)?;
        let params = self.params()?;
        log.line(Level::Info, "runner", &self.spec.run);
        let mut command = command::shell(&line);
        command
            .current_dir(self.store.root())
            // Programs that buffer their output when nobody looks would otherwise show it at their end.
            .env("PYTHONUNBUFFERED", "1")
            // So that a task can use the very program that runs it, wherever that lies.
            .env("ANDON", std::env::current_exe().unwrap_or_else(|_| PathBuf::from("andon")))
            .env("ANDON_WORKSPACE", self.store.root())
            .env("ANDON_RUN", &self.run.id.0)
            .env("ANDON_PIPELINE", &self.run.pipeline)
            .env("ANDON_TASK", &self.spec.id)
            .env("ANDON_ATTEMPT", self.attempt.to_string())
            .env("ANDON_METRICS", self.kept("metrics"));
        for (name, value) in texts(&params) {
            command.env(variable(&name), &value).env(variable(&name.to_uppercase()), &value);
        }
        for name in BUILT_IN {
            command.env(variable(name), self.value(name, &params).unwrap_or_default());
        }
        let (run, task, attempt) = (&self.run.id, self.spec.id.as_str(), self.attempt);
        let exit = command::run(command, &self.cx, log, |pid, started| {
            if let Err(e) = self.store.set_process(run, task, attempt, pid, started) {
                log.line(Level::Warn, "runner", &e.to_string());
            }
        })?;
        out.exit_code = exit.code;
        exit.error.map_or(Ok(()), Err)
    }

    /// Metrics that a program appended to the file `ANDON_METRICS` names, one JSON object a line.
    fn metrics_file(&self, log: &TaskLog) {
        let Ok(bytes) = fs::read(self.kept("metrics")) else { return };
        for line in String::from_utf8_lossy(&bytes).lines().filter(|l| !l.trim().is_empty()) {
            let at = self.cx.clock.now();
            let metrics = parse_metrics(line, at, log.data_time()).or_else(|| {
                let value: Value = serde_json::from_str(line).ok()?;
                Some(metrics_in(&value, at, log.data_time()))
            });
            match metrics {
                Some(metrics) => log.metrics(metrics),
                None => log.line(Level::Warn, "metric", &format!("no JSON object: {}", text::shorten(line, 80))),
            }
        }
    }

    fn check(&self, log: &TaskLog, out: &mut Outcome) -> Result<()> {
        let path = self.fill(&self.spec.run, Mode::Plain)?;
        let path = if path.contains('/') { path } else { format!("checks/{}.toml", path.trim_end_matches(".toml")) };
        let suite = quality::load(self.store.root(), &path)?;
        let given = texts(&self.params()?);
        let result = quality::evaluate(self.store.root(), &suite, &given, &self.cx)?;
        out.inputs.extend(hashes(&self.store, [path.as_str(), result.data.as_str()]));
        for check in &result.checks {
            let level = match check.status {
                Status::Passed | Status::Info => Level::Info,
                Status::Warning => Level::Warn,
                Status::Failed | Status::Error => Level::Error,
            };
            log.line(level, "checks", &format!("{:<8} {:<28} {}", check.status.word(), check.id, check.message));
        }
        log.line(Level::Info, "checks", &result.summary());
        let run = &self.run;
        let records = result.records(Some(&run.id), Some(&self.spec.id));
        self.store.add_check_results(&records)?;
        match result.first_problem() {
            Some(problem) if !result.passed() => Err(Error::remote(format!("CheckFailed: {problem}"))),
            _ => Ok(()),
        }
    }

    /// The query text and, when it came from a file, the file's path.
    fn query(&self) -> Result<(String, Option<String>)> {
        let run = self.spec.run.trim();
        if !run.to_lowercase().ends_with(".sql") || run.contains(char::is_whitespace) {
            return Ok((self.fill(&self.spec.run, Mode::Sql)?, None));
        }
        let path = self.fill(run, Mode::Plain)?;
        let text = fsx::read_text(&fsx::inside(self.store.root(), &path)?)?;
        Ok((self.fill(&text, Mode::Sql)?, Some(path)))
    }

    fn sql(&self, log: &TaskLog, out: &mut Outcome) -> Result<()> {
        let (query, file) = self.query()?;
        log.line(Level::Info, "sql", query.trim());
        out.inputs.extend(hashes(&self.store, quoted(&query).into_iter().chain(file.as_deref())));
        let frame = sql::Session::new(self.store.root()).query(&query, &self.cx)?;
        for note in frame.notes() {
            log.line(Level::Warn, "sql", note);
        }
        let columns = text::count(frame.columns().len() as u64, "column");
        log.line(Level::Info, "sql", &format!("{}, {columns}", text::count(frame.rows(), "row")));
        if let Some(output) = &self.spec.output {
            let output = self.fill(output, Mode::Plain)?;
            self.cx.check()?;
            frame.write(&self.target(&output)?)?;
            log.line(Level::Info, "sql", &format!("wrote {output}"));
        }
        log.metric("rows", frame.rows() as f64, "rows");
        Ok(())
    }

    fn notebook(&self, log: &TaskLog, out: &mut Outcome) -> Result<()> {
        let path = self.fill(&self.spec.run, Mode::Plain)?;
        out.inputs.extend(hashes(&self.store, [path.as_str()]));
        let params = self.params()?;
        let sink = |progress: exec::Progress| notebook_news(log, progress);
        let root = self.store.root();
        // The copy is kept whatever came of it, and while it runs: the traceback stands in it.
        let kept = self.kept("ipynb");
        let mut options = exec::Options { notes: true, ..self.options.clone() };
        if let Some(output) = &self.spec.output {
            options.copies.push(self.target(&self.fill(output, Mode::Plain)?)?);
        }
        options.copies.push(kept.clone());
        let notebook = exec::read(&path, fsx::read(&root.join(&path))?)?;
        let request = exec::Request { root, name: &path, notebook, params: &params, options: &options };
        let done = exec::execute(request, &self.cx, (&sink, &|_, _| {}))?;
        out.kernel.clone_from(&done.kernel);
        out.artifact = Some(fsx::relative(root, &kept));
        if done.cells_failed() > 0 && done.end == exec::End::Success {
            let failed = text::count(done.cells_failed() as u64, "cell");
            log.line(Level::Warn, "notebook", &format!("{failed} failed, as they may"));
        }
        match done.end {
            exec::End::Success => Ok(()),
            exec::End::Cancelled => Err(Error::cancelled()),
            exec::End::Failed(failure) => {
                // As a process that could not be started: the notebook is not to blame.
                out.exit_code = (failure.ename == exec::NO_KERNEL).then_some(COULD_NOT_RUN);
                for line in failure.traceback.lines() {
                    log.line(Level::Error, "notebook", line);
                }
                Err(failure.error)
            }
        }
    }

    /// The full path of an output with its folder made.
    fn target(&self, relative: &str) -> Result<PathBuf> {
        let path = fsx::inside(self.store.root(), relative)?;
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).io(|| format!("Could not make {}", dir.display()))?;
        }
        Ok(path)
    }
}

/// News of a notebook on their way to the log. Metrics are recorded here, as they come, and nowhere else.
pub(super) fn notebook_news(log: &TaskLog, progress: exec::Progress) {
    match progress {
        exec::Progress::Cell { index, title, .. } => {
            log.line(Level::Info, "notebook", &format!("cell {}: {title}", index + 1));
        }
        exec::Progress::Printed { stderr, text, .. } => {
            text.lines().for_each(|l| log.output(if stderr { "stderr" } else { "stdout" }, l));
        }
        exec::Progress::Measured(found) => {
            let day = |m: &Metric| m.data_time.clone().or_else(|| log.data_time().map(str::to_owned));
            log.metrics(found.into_iter().map(|m| Metric { data_time: day(&m), ..m }).collect());
        }
        exec::Progress::CellDone { index, ok, ms, summary } => {
            let level = if ok { Level::Info } else { Level::Error };
            let lasted = crate::base::time::duration_ms(ms);
            log.line(level, "notebook", &format!("cell {} {summary} after {lasted}", index + 1));
        }
        exec::Progress::Note(note) => log.line(Level::Info, "notebook", &note),
    }
}

//! History as text: one JSON object a line, idempotent by the ids in it.
use std::{
    fs,
    io::{BufRead, Write},
};

use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};

use super::{
    CheckQuery, MetricQuery, RunQuery, Store,
    logs::log_path,
    read::unsigned,
    write::{put_run, put_task},
};
use crate::{
    base::{Error, Result, error::Context, ids::RunId},
    model::run::{CheckRecord, MetricPoint, Run, RunState, TaskState},
};

/// What an import added; everything else was there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    pub runs: u64,
    pub metrics: u64,
    pub checks: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    /// The first line.
    History {
        version: u32,
    },
    Run(Box<Run>),
    Metric(MetricPoint),
    Check(CheckRecord),
    Log {
        run: RunId,
        task: String,
        attempt: u32,
        text: String,
    },
}

const VERSION: u32 = 1;

impl Store {
    /// Writes the history, oldest run first; with `logs` the text of the logs too.
    pub fn export(&self, out: &mut dyn Write, logs: bool) -> Result<()> {
        let mut put = |line: &Line| -> Result<()> {
            let text = serde_json::to_string(line).io(|| "Could not write the history".to_owned())?;
            writeln!(out, "{text}").io(|| "Could not write the history".to_owned())
        };
        put(&Line::History { version: VERSION })?;
        let mut runs = self.runs(&RunQuery::default())?;
        runs.reverse();
        for run in runs {
            let texts: Vec<Line> = run
                .tasks
                .iter()
                .flat_map(|t| t.attempts.iter().map(|a| (t.id.clone(), a.number)))
                .filter(|_| logs)
                .filter_map(|(task, attempt)| {
                    let text = fs::read(self.kept(&log_path(&run.id, &task, attempt))).ok()?;
                    let text = String::from_utf8_lossy(&text).into_owned();
                    Some(Line::Log { run: run.id.clone(), task, attempt, text })
                })
                .collect();
            put(&Line::Run(Box::new(run)))?;
            texts.iter().try_for_each(&mut put)?;
        }
        for metric in self.metrics(&MetricQuery { all_attempts: true, ..MetricQuery::default() })? {
            put(&Line::Metric(metric))?;
        }
        for check in self.check_results(&CheckQuery::default())? {
            put(&Line::Check(check))?;
        }
        Ok(())
    }

    /// Reads what [`Store::export`] wrote, all of it or nothing. What is there already stays as it is.
    pub fn import(&self, from: &mut dyn BufRead) -> Result<Imported> {
        let mut lines = Vec::new();
        for (n, line) in from.lines().enumerate() {
            let line = line.io(|| "Could not read the history".to_owned())?;
            if line.trim().is_empty() {
                continue;
            }
            let line: Line =
                serde_json::from_str(&line).config(|| format!("Line {} is no line of a history", n + 1))?;
            match line {
                Line::History { version } if version > VERSION => {
                    return Err(Error::config(format!(
                        "The history has version {version}, this program knows {VERSION}"
                    ))
                    .hint("Use a newer Andon"));
                }
                line => lines.push(line),
            }
        }
        for line in &lines {
            if let Line::Log { run, task, attempt, text } = line {
                self.import_log(run, task, *attempt, text)?;
            }
        }
        let checks: Vec<CheckRecord> =
            lines.iter().filter_map(|l| if let Line::Check(c) = l { Some(c.clone()) } else { None }).collect();
        let metrics: Vec<MetricPoint> =
            lines.iter().filter_map(|l| if let Line::Metric(m) = l { Some(m.clone()) } else { None }).collect();
        let count = |table: &str| -> Result<u64> {
            let n = self.db().query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get::<_, i64>(0));
            n.map(unsigned).map_err(super::failed("read the history of runs"))
        };
        let before = (count("metrics")?, count("check_results")?);
        let runs = self.write("import the history", |db| {
            let mut added = 0;
            for line in lines {
                let Line::Run(mut run) = line else { continue };
                let known = db.query_row("SELECT 1 FROM runs WHERE id = ?", [&run.id.0], |_| Ok(())).optional()?;
                if known.is_some() {
                    continue;
                }
                settle(&mut run);
                let taken = "SELECT 1 FROM runs WHERE connection = ? AND pipeline = ? AND number = ?";
                let number = super::read::number(run.number);
                if db.query_row(taken, (&run.connection, &run.pipeline, number), |_| Ok(())).optional()?.is_some() {
                    let next = "SELECT max(number) + 1 FROM runs WHERE connection = ? AND pipeline = ?";
                    run.number = unsigned(db.query_row(next, (&run.connection, &run.pipeline), |r| r.get(0))?);
                }
                put_run(db, &run, None)?;
                for (place, task) in run.tasks.iter().enumerate() {
                    put_task(db, &run.id, place, task)?;
                }
                added += 1;
            }
            Ok(added)
        })?;
        self.add_metrics(&metrics)?;
        self.add_check_results(&checks)?;
        Ok(Imported { runs, metrics: count("metrics")? - before.0, checks: count("check_results")? - before.1 })
    }

    fn import_log(&self, run: &RunId, task: &str, attempt: u32, text: &str) -> Result<()> {
        let safe = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if !safe(&run.0) || !safe(task) || run.0.starts_with('.') {
            return Err(Error::config(format!("{run} {task} cannot name a log")));
        }
        let path = self.kept(&log_path(run, task, attempt));
        if path.exists() {
            return Ok(());
        }
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).io(|| format!("Could not make {}", dir.display()))?;
        }
        fs::write(&path, text).io(|| format!("Could not write {}", path.display()))
    }
}

/// A run that was under way where it was exported is under way nowhere now.
fn settle(run: &mut Run) {
    if run.state.is_final() {
        return;
    }
    run.state = RunState::Interrupted;
    for task in run.tasks.iter_mut().filter(|t| !t.state.is_final()) {
        task.state = TaskState::Interrupted;
        task.attempts.iter_mut().filter(|a| !a.state.is_final()).for_each(|a| a.state = TaskState::Interrupted);
    }
}

//! Reading runs with their tasks and attempts.
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, Row, params_from_iter, types::Value as Sql};
use serde::de::DeserializeOwned;

use super::{Store, at, failed, ms};
use crate::{
    base::{Error, Result, ids::RunId, text::nearest},
    model::run::{Attempt, Record, Run, RunKind, RunState, TaskRun, TaskState, Trigger},
};

/// Which runs to read. `Default` is all of them, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunQuery {
    /// Only runs of this connection.
    pub connection: Option<String>,
    pub pipeline: Option<String>,
    pub states: Vec<RunState>,
    /// Queued at or after.
    pub since: Option<Timestamp>,
    pub ids: Vec<RunId>,
    /// At most so many; `None` is all.
    pub limit: Option<usize>,
    /// At most so many of each pipeline.
    pub per_pipeline: Option<usize>,
}

impl RunQuery {
    /// The newest runs of one pipeline.
    pub fn of(pipeline: &str, limit: usize) -> Self {
        Self { pipeline: Some(pipeline.to_owned()), limit: Some(limit), ..Self::default() }
    }
}

impl Store {
    /// Runs with tasks and attempts, newest first.
    pub fn runs(&self, query: &RunQuery) -> Result<Vec<Run>> {
        let (mut tests, mut values) = (vec!["1".to_owned()], Vec::<Sql>::new());
        if let Some(pipeline) = &query.pipeline {
            tests.push("pipeline = ?".to_owned());
            values.push(pipeline.clone().into());
        }
        if let Some(connection) = &query.connection {
            tests.push("connection = ?".to_owned());
            values.push(connection.clone().into());
        }
        if let Some(since) = query.since {
            tests.push("queued_at >= ?".to_owned());
            values.push(ms(since).into());
        }
        if !query.states.is_empty() {
            tests.push(format!("state IN ({})", marks(query.states.len())));
            values.extend(query.states.iter().map(|s| s.name().to_owned().into()));
        }
        if !query.ids.is_empty() {
            tests.push(format!("id IN ({})", marks(query.ids.len())));
            values.extend(query.ids.iter().map(|id| id.0.clone().into()));
        }
        let from = match query.per_pipeline {
            Some(n) => format!(
                "(SELECT *, row_number() OVER (PARTITION BY connection, pipeline ORDER BY queued_at DESC, number DESC) \
                 AS place FROM runs) WHERE place <= {n} AND"
            ),
            None => "runs WHERE".to_owned(),
        };
        let limit = query.limit.map_or_else(String::new, |n| format!(" LIMIT {n}"));
        let sql =
            format!("SELECT * FROM {from} {} ORDER BY queued_at DESC, number DESC, id{limit}", tests.join(" AND "));
        let db = self.db();
        let read = || -> rusqlite::Result<Vec<Run>> {
            // One snapshot for runs, tasks and attempts.
            let tx = db.unchecked_transaction()?;
            let mut statement = tx.prepare_cached(&sql)?;
            let mut runs = statement.query_map(params_from_iter(values), run)?.collect::<rusqlite::Result<Vec<_>>>()?;
            fill(&tx, &mut runs)?;
            Ok(runs)
        };
        read().map_err(failed("read the history of runs"))
    }

    /// One run.
    pub fn run(&self, id: &RunId) -> Result<Option<Run>> {
        let query = RunQuery { ids: vec![id.clone()], ..RunQuery::default() };
        Ok(self.runs(&query)?.into_iter().next())
    }

    /// The run a person means: an id or the beginning of one, `pipeline#412`, `latest`, or a pipeline's name for its
    /// newest run.
    pub fn find(&self, text: &str) -> Result<Run> {
        let text = text.trim();
        let newest = |q: RunQuery| self.runs(&RunQuery { limit: Some(1), ..q }).map(|r| r.into_iter().next());
        if text == "latest" || text == "last" {
            return newest(RunQuery::default())?.ok_or_else(|| Error::user("There are no runs yet"));
        }
        if let Some(run) = self.run(&RunId::from(text))? {
            return Ok(run);
        }
        if let Some((pipeline, number)) = text.rsplit_once('#')
            && let Ok(number) = number.parse::<u64>()
        {
            let all = self.runs(&RunQuery { pipeline: Some(pipeline.trim().to_owned()), ..RunQuery::default() })?;
            return all.into_iter().find(|r| r.number == number).ok_or_else(|| self.no_run(text));
        }
        if let Some(run) = newest(RunQuery { pipeline: Some(text.to_owned()), ..RunQuery::default() })? {
            return Ok(run);
        }
        let ids = self.ids()?;
        let mut fitting = ids.iter().filter(|id| !text.is_empty() && id.starts_with(text));
        match (fitting.next(), fitting.next()) {
            (Some(id), None) => self.run(&RunId::from(id.as_str()))?.ok_or_else(|| self.no_run(text)),
            (Some(_), Some(_)) => Err(Error::user(format!("Several runs begin with {text}")).hint("Give more letters")),
            _ => Err(self.no_run(text)),
        }
    }

    fn ids(&self) -> Result<Vec<String>> {
        let db = self.db();
        let read = || -> rusqlite::Result<Vec<String>> {
            db.prepare_cached("SELECT id FROM runs ORDER BY queued_at DESC")?.query_map([], |r| r.get(0))?.collect()
        };
        read().map_err(failed("read the history of runs"))
    }

    fn no_run(&self, text: &str) -> Error {
        let ids = self.ids().unwrap_or_default();
        let hint = match nearest(text, ids.iter().map(String::as_str)) {
            Some(near) => format!("Did you mean {near}? `andon runs` lists them"),
            None => "`andon runs` lists them".to_owned(),
        };
        Error::user(format!("No run {text}")).hint(hint)
    }

    /// The newest successful run of the same pipeline that was queued before `run`.
    pub fn last_success(&self, run: &Run) -> Result<Option<Run>> {
        let found = self.db().query_row(
            "SELECT id FROM runs WHERE connection = ? AND pipeline = ? AND state = 'success' AND id <> ? \
             AND (queued_at, number) < (?, ?) ORDER BY queued_at DESC, number DESC LIMIT 1",
            (&run.connection, &run.pipeline, &run.id.0, ms(run.queued_at), number(run.number)),
            |r| r.get::<_, String>(0),
        );
        match found {
            Ok(id) => self.run(&RunId(id)),
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
            Err(e) => Err(failed("read the history of runs")(e)),
        }
    }
}

pub(super) fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

pub(super) fn small(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(0)
}

fn marks(n: usize) -> String {
    vec!["?"; n].join(", ")
}

pub(super) fn json<T: DeserializeOwned + Default>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    // A value written by a newer version of this program is shown empty rather than making the run unreadable.
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

pub(super) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(at))
}

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let word = |column: &str| row.get::<_, String>(column);
    Ok(Run {
        id: RunId(word("id")?),
        number: unsigned(row.get("number")?),
        connection: word("connection")?,
        remote_id: row.get("remote_id")?,
        pipeline: word("pipeline")?,
        source: word("source")?,
        kind: RunKind::parse(&word("kind")?).unwrap_or(RunKind::Pipeline),
        trigger: Trigger::parse(&word("started_by")?).unwrap_or(Trigger::Remote),
        state: RunState::parse(&word("state")?).unwrap_or(RunState::Interrupted),
        round: small(row.get("round")?),
        queued_at: at(row.get("queued_at")?),
        started_at: time(row, "started_at")?,
        ended_at: time(row, "ended_at")?,
        data_time: row.get("data_time")?,
        params: json(row, "params")?,
        record: json::<Record>(row, "record")?,
        note: row.get("note")?,
        error: row.get("error")?,
        cancelling: row.get("cancelling")?,
        tasks: Vec::new(),
    })
}

fn fill(db: &Connection, runs: &mut [Run]) -> rusqlite::Result<()> {
    for chunk in runs.chunks_mut(500) {
        let place: HashMap<String, usize> = chunk.iter().enumerate().map(|(i, r)| (r.id.0.clone(), i)).collect();
        let ids: Vec<Sql> = chunk.iter().map(|r| r.id.0.clone().into()).collect();
        let marks = marks(ids.len());
        let sql = format!("SELECT * FROM tasks WHERE run IN ({marks}) ORDER BY run, position");
        let mut statement = db.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(ids.iter()))?;
        while let Some(row) = rows.next()? {
            if let Some(run) = place.get(&row.get::<_, String>("run")?).and_then(|i| chunk.get_mut(*i)) {
                run.tasks.push(task(row)?);
            }
        }
        let sql = format!(
            "SELECT a.*, l.path AS log, l.lines, l.first_error FROM attempts a \
             LEFT JOIN logs l ON l.run = a.run AND l.task = a.task AND l.attempt = a.number \
             WHERE a.run IN ({marks}) ORDER BY a.run, a.task, a.number"
        );
        let mut statement = db.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(ids.iter()))?;
        while let Some(row) = rows.next()? {
            let Some(run) = place.get(&row.get::<_, String>("run")?).and_then(|i| chunk.get_mut(*i)) else { continue };
            let id: String = row.get("task")?;
            if let Some(task) = run.tasks.iter_mut().find(|t| t.id == id) {
                task.attempts.push(attempt(row)?);
            }
        }
    }
    Ok(())
}

fn task(row: &Row<'_>) -> rusqlite::Result<TaskRun> {
    Ok(TaskRun {
        id: row.get("id")?,
        kind: row.get("kind")?,
        state: TaskState::parse(&row.get::<_, String>("state")?).unwrap_or(TaskState::Interrupted),
        after: json(row, "after")?,
        error: row.get("error")?,
        retry_at: time(row, "retry_at")?,
        max_attempts: small(row.get("max_attempts")?),
        attempts: Vec::new(),
    })
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        number: small(row.get("number")?),
        round: small(row.get("round")?),
        state: TaskState::parse(&row.get::<_, String>("state")?).unwrap_or(TaskState::Interrupted),
        queued_at: at(row.get("queued_at")?),
        started_at: time(row, "started_at")?,
        ended_at: time(row, "ended_at")?,
        exit_code: row.get("exit_code")?,
        error: row.get("error")?,
        log: row.get("log")?,
        log_lines: unsigned(row.get::<_, Option<i64>>("lines")?.unwrap_or(0)),
        first_error: row.get::<_, Option<i64>>("first_error")?.map(unsigned),
        artifact: row.get("artifact")?,
        inputs: json::<BTreeMap<String, String>>(row, "inputs")?,
        outputs: json::<BTreeMap<String, String>>(row, "outputs")?,
        kernel: row.get("kernel")?,
        commit: row.get("commit_id")?,
    })
}

//! What other systems told: their runs and pipelines as last seen, how connections are, and what was sent to them.
use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection as Db, OptionalExtension, named_params};
use serde_json::Value;

use super::{
    RunQuery, Store, at, failed, ms,
    read::{number, time, unsigned},
    rounded,
    write::{put_run, put_task, text},
};
use crate::{
    base::{Error, Result, ids::RunId},
    model::{
        connect::{Health, RemotePipeline, Seen, absorb},
        run::Run,
    },
};

/// A request to a system, as it is written down before it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    pub key: String,
    pub connection: String,
    /// The run it is about; none for a launch.
    pub run: Option<RunId>,
    /// What was true before, for finding out whether it was carried out.
    pub before: Value,
    pub state: IntentState,
    pub at: Timestamp,
    /// Pipeline and id of the run that came of it.
    pub result: Option<(String, String)>,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentState {
    /// Being sent, or its sender died.
    Open,
    /// Sent, and no answer came: it may have been carried out.
    Unknown,
    Done,
}

impl IntentState {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unknown => "unknown",
            Self::Done => "done",
        }
    }
    fn parse(name: &str) -> Self {
        match name {
            "open" => Self::Open,
            "done" => Self::Done,
            _ => Self::Unknown,
        }
    }
}

impl Store {
    /// Puts runs as their system shows them beside those that are known; gives those that are new or changed. The same
    /// answer twice changes nothing.
    pub fn absorb(&self, seen: Vec<Seen>) -> Result<Vec<Run>> {
        let ids: Vec<RunId> = seen.iter().map(|s| s.run.id.clone()).collect();
        let known = self.known(&ids)?;
        let mut changed = Vec::new();
        let runs: Vec<(Option<&Run>, Run)> = seen
            .into_iter()
            .map(|s| {
                let before = known.get(&s.run.id);
                (before, as_kept(absorb(before, s)))
            })
            .filter(|(before, run)| before.is_none_or(|b| b != run))
            .collect();
        if runs.is_empty() {
            return Ok(changed);
        }
        self.write("record what was seen", |db| {
            // Oldest first, so that numbers follow time.
            let mut runs = runs;
            runs.sort_by_key(|(_, r)| r.queued_at);
            for (before, mut run) in runs {
                match before {
                    None => {
                        run.number = next_number(db, &run)?;
                        put_run(db, &run, None)?;
                    }
                    Some(before) => {
                        update(db, &run)?;
                        // A task that was mapped since it was first seen has other names now.
                        for gone in before.tasks.iter().filter(|t| run.task(&t.id).is_none()) {
                            db.execute("DELETE FROM tasks WHERE run = ? AND id = ?", (&run.id.0, &gone.id))?;
                        }
                    }
                }
                for (place, task) in run.tasks.iter().enumerate() {
                    if before.is_none_or(|b| b.tasks.get(place) != Some(task)) {
                        put_task(db, &run.id, place, task)?;
                    }
                }
                changed.push(run);
            }
            Ok(())
        })?;
        Ok(changed)
    }

    /// Runs of these ids by id.
    pub fn known(&self, ids: &[RunId]) -> Result<HashMap<RunId, Run>> {
        let mut all = HashMap::new();
        for chunk in ids.chunks(500) {
            let query = RunQuery { ids: chunk.to_vec(), ..RunQuery::default() };
            all.extend(self.runs(&query)?.into_iter().map(|r| (r.id.clone(), r)));
        }
        Ok(all)
    }

    /// The pipelines of a connection as it last told them.
    pub fn remote_pipelines(&self, connection: &str) -> Result<Vec<RemotePipeline>> {
        let db = self.db();
        let read = || -> rusqlite::Result<Vec<String>> {
            db.prepare_cached("SELECT body FROM remote_pipelines WHERE connection = ? ORDER BY name")?
                .query_map([connection], |r| r.get(0))?
                .collect()
        };
        let rows = read().map_err(failed("read the pipelines of a connection"))?;
        Ok(rows.iter().filter_map(|b| serde_json::from_str(b).ok()).collect())
    }

    /// Keeps the pipelines of a connection; those it names no more are forgotten, their runs stay.
    pub fn set_remote_pipelines(&self, connection: &str, all: &[RemotePipeline]) -> Result<()> {
        if self.remote_pipelines(connection)? == all {
            return Ok(());
        }
        self.write("record the pipelines of a connection", |db| {
            db.execute("DELETE FROM remote_pipelines WHERE connection = ?", [connection])?;
            let mut put =
                db.prepare_cached("INSERT OR REPLACE INTO remote_pipelines (connection, name, body) VALUES (?, ?, ?)")?;
            all.iter().try_for_each(|p| put.execute((connection, &p.name, text(p))).map(drop))
        })
    }

    /// How a connection was when it was last asked.
    pub fn health(&self, connection: &str) -> Result<Health> {
        let db = self.db();
        let read = || {
            db.prepare_cached("SELECT * FROM connections WHERE name = ?")?
                .query_row([connection], |row| {
                    let failing: Option<String> = row.get("error")?;
                    let failing = failing.and_then(|e| serde_json::from_str::<Error>(&e).ok());
                    Ok(Health {
                        cursor: time(row, "cursor")?,
                        answered_at: time(row, "answered_at")?,
                        failing: time(row, "failing_since")?.zip(failing),
                        version: row.get("version")?,
                        millis: row.get::<_, Option<i64>>("millis")?.map(unsigned),
                    })
                })
                .optional()
        };
        Ok(read().map_err(failed("read how a connection is"))?.unwrap_or_default())
    }

    /// Keeps how a connection is.
    pub fn set_health(&self, connection: &str, health: &Health) -> Result<()> {
        self.write("record how a connection is", |db| {
            db.prepare_cached(
                "INSERT OR REPLACE INTO connections (name, cursor, answered_at, failing_since, error, version, millis) \
                 VALUES (:name, :cursor, :answered, :since, :error, :version, :millis)",
            )?
            .execute(named_params! {
                ":name": connection, ":cursor": health.cursor.map(ms), ":answered": health.answered_at.map(ms),
                ":since": health.failing.as_ref().map(|f| ms(f.0)),
                ":error": health.failing.as_ref().map(|f| text(&f.1)),
                ":version": health.version, ":millis": health.millis.map(number),
            })
        })?;
        Ok(())
    }

    /// Forgets how a connection is and what it has; its runs stay.
    pub fn forget_connection(&self, connection: &str) -> Result<()> {
        self.write("forget a connection", |db| {
            db.execute("DELETE FROM connections WHERE name = ?", [connection])?;
            db.execute("DELETE FROM remote_pipelines WHERE connection = ?", [connection])
        })?;
        Ok(())
    }

    /// Writes a request down before it is sent. When there is one of this key already, that one is given and nothing
    /// is written.
    pub fn intend(&self, intent: &Intent) -> Result<Option<Intent>> {
        self.write("write down what is sent", |db| {
            if let Some(known) = read_intent(db, &intent.key)? {
                return Ok(Some(known));
            }
            put_intent(db, intent)?;
            Ok(None)
        })
    }

    /// Takes over a request that is open or unknown, whose sender is gone: true for one of those who try.
    pub fn take_intent(&self, known: &Intent, now: Timestamp) -> Result<bool> {
        let changed = self.write("write down what is sent", |db| {
            db.execute(
                "UPDATE sent SET state = 'open', at = ? WHERE key = ? AND state = ? AND at = ?",
                (ms(now), &known.key, known.state.name(), ms(known.at)),
            )
        })?;
        Ok(changed == 1)
    }

    /// Writes down how a request ended.
    pub fn settle_intent(&self, intent: &Intent) -> Result<()> {
        self.write("write down what was sent", |db| put_intent(db, intent))
    }

    /// Forgets a request that was refused or not sent, so that it can be asked again.
    pub fn drop_intent(&self, key: &str) -> Result<()> {
        self.write("forget what was not sent", |db| db.execute("DELETE FROM sent WHERE key = ?", [key]))?;
        Ok(())
    }

    /// Notes that a person asked to cancel a run of another system.
    pub fn set_cancelling(&self, run: &RunId) -> Result<()> {
        self.write("cancel the run", |db| db.execute("UPDATE runs SET cancelling = 1 WHERE id = ?", [&run.0]))?;
        Ok(())
    }
}

/// With its times as they are kept: finer ones would make the same answer look like a change.
fn as_kept(mut run: Run) -> Run {
    let fine = |t: &mut Option<Timestamp>| *t = t.map(rounded);
    run.queued_at = rounded(run.queued_at);
    fine(&mut run.started_at);
    fine(&mut run.ended_at);
    for task in &mut run.tasks {
        fine(&mut task.retry_at);
        for attempt in &mut task.attempts {
            attempt.queued_at = rounded(attempt.queued_at);
            fine(&mut attempt.started_at);
            fine(&mut attempt.ended_at);
        }
    }
    run
}

fn next_number(db: &Db, run: &Run) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(max(number), 0) + 1 FROM runs WHERE connection = ? AND pipeline = ?";
    db.prepare_cached(sql)?.query_row((&run.connection, &run.pipeline), |r| r.get(0).map(unsigned))
}

fn update(db: &Db, run: &Run) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE runs SET state = :state, round = :round, queued_at = :queued, started_at = :started, ended_at = :ended, \
         data_time = :data_time, params = :params, record = :record, note = :note, error = :error, \
         cancelling = :cancelling WHERE id = :id",
    )?
    .execute(named_params! {
        ":state": run.state.name(), ":round": run.round, ":queued": ms(run.queued_at),
        ":started": run.started_at.map(ms), ":ended": run.ended_at.map(ms), ":data_time": run.data_time,
        ":params": text(&run.params), ":record": text(&run.record), ":note": run.note, ":error": run.error,
        ":cancelling": run.cancelling, ":id": run.id.0,
    })?;
    Ok(())
}

fn read_intent(db: &Db, key: &str) -> rusqlite::Result<Option<Intent>> {
    db.prepare_cached("SELECT * FROM sent WHERE key = ?")?
        .query_row([key], |row| {
            let (before, result): (String, Option<String>) = (row.get("before")?, row.get("result")?);
            Ok(Intent {
                key: row.get("key")?,
                connection: row.get("connection")?,
                run: row.get::<_, Option<String>>("run")?.map(RunId),
                before: serde_json::from_str(&before).unwrap_or_default(),
                state: IntentState::parse(&row.get::<_, String>("state")?),
                at: at(row.get("at")?),
                result: result.and_then(|r| serde_json::from_str(&r).ok()),
            })
        })
        .optional()
}

fn put_intent(db: &Db, intent: &Intent) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO sent (key, connection, run, before, state, at, result) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute((
        &intent.key,
        &intent.connection,
        intent.run.as_ref().map(|r| &r.0),
        text(&intent.before),
        intent.state.name(),
        ms(intent.at),
        intent.result.as_ref().map(text),
    ))?;
    Ok(())
}

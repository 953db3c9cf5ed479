//! Writing runs: by their owner with its token, cancelling by anyone, interrupting by whoever finds the owner gone.
use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::{
    Lease, Store, failed, ms,
    read::{number, time},
};
use crate::{
    base::{Error, Result, ids::RunId},
    model::run::{Attempt, Run, RunState, TaskRun, TaskState},
};

/// A run whose owner is gone, now marked as interrupted, and the processes it may have left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abandoned {
    pub run: RunId,
    /// Process groups by number and start.
    pub processes: Vec<(i64, i64)>,
}

impl Store {
    /// Writes the run's own row and the tasks at these positions with all their attempts. Refused when the run has
    /// another owner by now: then this execution has to stop.
    pub fn save(&self, run: &Run, lease: &Lease, tasks: &[usize]) -> Result<()> {
        let kept = self.write("record the run", |db| {
            let changed = db
                .prepare_cached(
                    "UPDATE runs SET state = :state, started_at = :started, ended_at = :ended, record = :record, \
                     error = :error, heartbeat = :now WHERE id = :id AND owner = :owner",
                )?
                .execute(named_params! {
                    ":state": run.state.name(), ":started": run.started_at.map(ms), ":ended": run.ended_at.map(ms),
                    ":record": text(&run.record), ":error": run.error, ":id": run.id.0, ":owner": lease.token,
                    ":now": ms(Timestamp::now()),
                })?;
            if changed == 1 {
                for (place, task) in run.tasks.iter().enumerate().filter(|(i, _)| tasks.contains(i)) {
                    put_task(db, &run.id, place, task)?;
                }
                if run.state.is_final() {
                    db.execute(
                        "UPDATE runs SET owner = NULL, owner_pid = NULL, cancelling = 0 WHERE id = ?",
                        [&run.id.0],
                    )?;
                }
            }
            Ok(changed == 1)
        })?;
        if kept {
            return Ok(());
        }
        Err(Error::user(format!("{} was taken over by another process", run.title()))
            .hint("This one had been silent for too long; look at the run's newest round"))
    }

    /// Says that the owner lives; true when a person asked to cancel.
    pub fn heartbeat(&self, run: &RunId, lease: &Lease, now: Timestamp) -> Result<bool> {
        self.write("record the run", |db| {
            db.prepare_cached("UPDATE runs SET heartbeat = ? WHERE id = ? AND owner = ?")?.execute((
                ms(now),
                &run.0,
                &lease.token,
            ))?;
            let asked = db
                .prepare_cached("SELECT cancelling FROM runs WHERE id = ? AND owner = ?")?
                .query_row((&run.0, &lease.token), |r| r.get::<_, bool>(0));
            match asked {
                // Another owner: nothing this execution does may count any more.
                Err(rusqlite::Error::QueryReturnedNoRows) => Ok(true),
                other => other,
            }
        })
    }

    /// Remembers the process group of a running attempt, so that it can be ended should its owner die.
    pub fn set_process(&self, run: &RunId, task: &str, attempt: u32, pid: i64, started: i64) -> Result<()> {
        self.write("record the run", |db| {
            db.prepare_cached("UPDATE attempts SET pid = ?, pid_started = ? WHERE run = ? AND task = ? AND number = ?")?
                .execute((pid, started, &run.0, task, attempt))
        })?;
        Ok(())
    }

    /// Asks the owner of a run, in whatever process, to cancel it. False when it does not run.
    pub fn request_cancel(&self, run: &RunId) -> Result<bool> {
        let changed = self.write("cancel the run", |db| {
            db.execute("UPDATE runs SET cancelling = 1 WHERE id = ? AND state IN ('queued', 'running')", [&run.0])
        })?;
        Ok(changed == 1)
    }

    /// Notes why a run was started or rerun.
    pub fn set_note(&self, run: &RunId, note: Option<&str>) -> Result<()> {
        self.write("note the reason", |db| db.execute("UPDATE runs SET note = ? WHERE id = ?", (note, &run.0)))?;
        Ok(())
    }

    /// Marks the runs whose owner is gone as interrupted, their last sign of life being their end.
    pub fn interrupt_abandoned(&self, now: Timestamp) -> Result<Vec<Abandoned>> {
        // Reading first keeps the everyday case, where nothing runs, free of the writer's lock.
        if self.dead(&self.db(), now).map_err(failed("look for abandoned runs"))?.is_empty() {
            return Ok(Vec::new());
        }
        self.write("mark abandoned runs", |db| {
            let dead = self.dead(db, now)?;
            dead.into_iter().map(|(run, last)| interrupt(db, run, last)).collect()
        })
    }

    fn dead(&self, db: &Connection, now: Timestamp) -> rusqlite::Result<Vec<(RunId, Timestamp)>> {
        let mut statement = db.prepare_cached(
            "SELECT id, owner, owner_pid, owner_started, owner_host, heartbeat, queued_at FROM runs \
             WHERE state IN ('queued', 'running') AND connection = 'local'",
        )?;
        let read = |row: &Row<'_>| {
            let beat = time(row, "heartbeat")?.unwrap_or(super::at(row.get("queued_at")?));
            let lease = Lease {
                token: row.get::<_, Option<String>>("owner")?.unwrap_or_default(),
                pid: row.get::<_, Option<i64>>("owner_pid")?.unwrap_or(0),
                started: row.get::<_, Option<i64>>("owner_started")?.unwrap_or(0),
                host: row.get::<_, Option<String>>("owner_host")?.unwrap_or_default(),
            };
            Ok((RunId(row.get("id")?), lease, beat))
        };
        let all = statement.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(all.into_iter().filter(|(_, l, beat)| !l.is_alive(*beat, now)).map(|(id, _, beat)| (id, beat)).collect())
    }

    /// Marks one run of this very process as interrupted, whose executing thread broke off.
    pub fn interrupt(&self, run: &RunId, lease: &Lease, now: Timestamp) -> Result<()> {
        self.write("mark the run as interrupted", |db| {
            let mine = db.query_row(
                "SELECT count(*) FROM runs WHERE id = ? AND owner = ? AND state IN ('queued', 'running')",
                (&run.0, &lease.token),
                |r| r.get::<_, i64>(0),
            )?;
            if mine > 0 {
                interrupt(db, run.clone(), now)?;
            }
            Ok(())
        })
    }
}

fn interrupt(db: &Connection, run: RunId, last: Timestamp) -> rusqlite::Result<Abandoned> {
    let id = &run.0;
    let words = "The program that ran it ended in the middle";
    let open = "('queued', 'running', 'retrying')";
    let mut statement =
        db.prepare("SELECT pid, pid_started FROM attempts WHERE run = ? AND state = 'running' AND pid IS NOT NULL")?;
    let processes = statement
        .query_map([id], |r| Ok((r.get(0)?, r.get::<_, Option<i64>>(1)?.unwrap_or(0))))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    db.execute(
        "UPDATE attempts SET state = 'interrupted', ended_at = max(?, coalesce(started_at, 0)), error = ? \
         WHERE run = ? AND state IN ('queued', 'running')",
        (ms(last), words, id),
    )?;
    db.execute(
        &format!(
            "UPDATE tasks SET error = CASE WHEN state = 'running' THEN ? ELSE error END, state = 'interrupted', \
             retry_at = NULL WHERE run = ? AND state IN {open}"
        ),
        (words, id),
    )?;
    db.execute(
        "UPDATE runs SET state = 'interrupted', ended_at = max(?, coalesce(started_at, queued_at)), \
         error = coalesce(error, ?), owner = NULL, owner_pid = NULL, cancelling = 0 WHERE id = ?",
        (ms(last), words, id),
    )?;
    Ok(Abandoned { run, processes })
}

pub(super) fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// Inserts a run's own row.
pub(super) fn put_run(db: &Connection, run: &Run, lease: Option<&Lease>) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO runs (id, number, connection, remote_id, pipeline, source, kind, started_by, state, round, queued_at, \
         started_at, ended_at, data_time, params, record, note, error, owner, owner_pid, owner_started, owner_host, \
         heartbeat) VALUES (:id, :number, :connection, :remote_id, :pipeline, :source, :kind, :started_by, :state, :round, \
         :queued, :started, :ended, :data_time, :params, :record, :note, :error, :owner, :pid, :pid_started, :host, :beat)",
    )?
    .execute(named_params! {
        ":id": run.id.0, ":number": number(run.number), ":connection": run.connection, ":remote_id": run.remote_id,
        ":pipeline": run.pipeline, ":source": run.source, ":kind": run.kind.name(), ":started_by": run.trigger.name(),
        ":state": run.state.name(), ":round": run.round, ":queued": ms(run.queued_at),
        ":started": run.started_at.map(ms), ":ended": run.ended_at.map(ms), ":data_time": run.data_time,
        ":params": text(&run.params), ":record": text(&run.record), ":note": run.note, ":error": run.error,
        ":owner": lease.map(|l| l.token.as_str()), ":pid": lease.map(|l| l.pid),
        ":pid_started": lease.map(|l| l.started), ":host": lease.map(|l| l.host.as_str()),
        ":beat": lease.map(|_| ms(Timestamp::now())),
    })?;
    Ok(())
}

/// Inserts or replaces a task with its attempts.
pub(super) fn put_task(db: &Connection, run: &RunId, place: usize, task: &TaskRun) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO tasks (run, id, position, kind, state, after, error, retry_at, max_attempts) \
         VALUES (:run, :id, :position, :kind, :state, :after, :error, :retry_at, :max) \
         ON CONFLICT (run, id) DO UPDATE SET position = :position, kind = :kind, state = :state, after = :after, \
         error = :error, retry_at = :retry_at, max_attempts = :max",
    )?
    .execute(named_params! {
        ":run": run.0, ":id": task.id, ":position": i64::try_from(place).unwrap_or(0), ":kind": task.kind,
        ":state": task.state.name(), ":after": text(&task.after), ":error": task.error,
        ":retry_at": task.retry_at.map(ms), ":max": task.max_attempts,
    })?;
    task.attempts.iter().try_for_each(|a| put_attempt(db, run, &task.id, a))
}

fn put_attempt(db: &Connection, run: &RunId, task: &str, a: &Attempt) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO attempts (run, task, number, round, state, queued_at, started_at, ended_at, exit_code, error, \
         artifact, inputs, outputs, kernel, commit_id) VALUES (:run, :task, :number, :round, :state, :queued, :started, \
         :ended, :exit, :error, :artifact, :inputs, :outputs, :kernel, :commit) \
         ON CONFLICT (run, task, number) DO UPDATE SET state = :state, started_at = :started, ended_at = :ended, \
         exit_code = :exit, error = :error, artifact = :artifact, inputs = :inputs, outputs = :outputs, kernel = :kernel",
    )?
    .execute(named_params! {
        ":run": run.0, ":task": task, ":number": a.number, ":round": a.round, ":state": a.state.name(),
        ":queued": ms(a.queued_at), ":started": a.started_at.map(ms), ":ended": a.ended_at.map(ms),
        ":exit": a.exit_code, ":error": a.error, ":artifact": a.artifact, ":inputs": text(&a.inputs),
        ":outputs": text(&a.outputs), ":kernel": a.kernel, ":commit": a.commit,
    })?;
    if let Some(path) = &a.log {
        db.prepare_cached(
            "INSERT INTO logs (run, task, attempt, path, lines, bytes, first_error) VALUES (?, ?, ?, ?, ?, 0, ?) \
             ON CONFLICT (run, task, attempt) DO UPDATE SET lines = excluded.lines, first_error = excluded.first_error",
        )?
        .execute((&run.0, task, a.number, path, number(a.log_lines), a.first_error.map(number)))?;
    }
    Ok(())
}

/// Puts every task that a rerun covers back into the queue.
pub(super) fn requeue(run: &mut Run, plan: &[String]) {
    for task in run.tasks.iter_mut().filter(|t| plan.contains(&t.id)) {
        task.state = TaskState::Queued;
        task.error = None;
        task.retry_at = None;
    }
    run.state = RunState::Queued;
    run.round += 1;
    run.started_at = None;
    run.ended_at = None;
    run.error = None;
}

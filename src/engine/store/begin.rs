//! Beginning a run or a rerun: once per request, whoever asks and how often.
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::{
    Lease, Store, failed, ms,
    read::unsigned,
    write::{put_run, put_task, requeue, text},
};
use crate::{
    base::{Error, Result, ids::RunId},
    model::run::{Params, Run, Scope, TaskRun},
};

/// Answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// This request started it; the caller owns the run and has to execute it.
    Started(Run),
    /// A request with the same key, or another rerun of the same run, was first.
    Already(RunId),
}

/// A wish to rerun.
#[derive(Debug, Clone, PartialEq)]
pub struct Rerun {
    pub run: RunId,
    pub scope: Scope,
    /// The round the person saw. A request that saw an older round than the present one starts nothing.
    pub seen_round: u32,
    /// Tasks, and values, of the pipeline as it is now; new tasks are added, vanished ones are left out of the plan.
    pub tasks: Vec<TaskRun>,
    pub params: Params,
    pub note: Option<String>,
}

impl Store {
    /// Records a new run and makes `lease` its owner. `number` is given here. A second request with the same key
    /// starts nothing and is told the first one's run.
    pub fn begin(&self, run: &Run, key: &str, lease: &Lease) -> Result<Begun> {
        self.write("record the run", |db| {
            if let Some(id) = taken(db, key)? {
                return Ok(Begun::Already(id));
            }
            let next: i64 = db.query_row(
                "SELECT coalesce(max(number), 0) + 1 FROM runs WHERE connection = ? AND pipeline = ?",
                (&run.connection, &run.pipeline),
                |r| r.get(0),
            )?;
            let run = Run { number: unsigned(next), ..run.clone() };
            put_run(db, &run, Some(lease))?;
            for (place, task) in run.tasks.iter().enumerate() {
                put_task(db, &run.id, place, task)?;
            }
            take(db, key, &run.id, run.queued_at)?;
            Ok(Begun::Started(run))
        })
    }

    /// Puts what `wish` covers back into the queue and makes `lease` the owner, unless the run has an owner or has
    /// been rerun since the person looked.
    pub fn begin_rerun(&self, wish: &Rerun, key: &str, lease: &Lease, now: Timestamp) -> Result<Begun> {
        let before = self.run(&wish.run)?.ok_or_else(|| Error::user(format!("No run {}", wish.run)))?;
        // Decided before the lock is taken, and again inside it by owner and round.
        let plan = merged(&before, wish).rerun_plan(&wish.scope);
        let done = self.write("record the rerun", |db| {
            if let Some(id) = taken(db, key)? {
                return Ok(Some(Begun::Already(id)));
            }
            let (state, round): (String, u32) =
                db.query_row("SELECT state, round FROM runs WHERE id = ?", [&wish.run.0], |r| {
                    Ok((r.get(0)?, r.get(1)?))
                })?;
            if state == "queued" || state == "running" || round != wish.seen_round || round != before.round {
                return Ok(Some(Begun::Already(wish.run.clone())));
            }
            let Ok(plan) = &plan else { return Ok(None) };
            let mut run = merged(&before, wish);
            requeue(&mut run, plan);
            run.params.clone_from(&wish.params);
            if wish.note.is_some() {
                run.note.clone_from(&wish.note);
            }
            db.execute(
                "UPDATE runs SET state = 'queued', round = ?, started_at = NULL, ended_at = NULL, error = NULL, \
                 cancelling = 0, params = ?, note = ?, owner = ?, owner_pid = ?, owner_started = ?, owner_host = ?, \
                 heartbeat = ? WHERE id = ?",
                (
                    run.round,
                    text(&run.params),
                    &run.note,
                    &lease.token,
                    lease.pid,
                    lease.started,
                    &lease.host,
                    ms(now),
                    &run.id.0,
                ),
            )?;
            for (place, task) in run.tasks.iter().enumerate() {
                put_task(db, &run.id, place, task)?;
            }
            take(db, key, &run.id, now)?;
            Ok(Some(Begun::Started(run)))
        })?;
        match (done, plan) {
            (Some(begun), _) => Ok(begun),
            (None, Err(e)) => Err(e),
            (None, Ok(_)) => Err(Error::bug("A rerun was neither begun nor refused")),
        }
    }

    /// The run that a request with this key started.
    pub fn request(&self, key: &str) -> Result<Option<RunId>> {
        taken(&self.db(), key).map_err(failed("read the requests"))
    }
}

fn taken(db: &Connection, key: &str) -> rusqlite::Result<Option<RunId>> {
    db.prepare_cached("SELECT run FROM requests WHERE key = ?")?.query_row([key], |r| r.get(0).map(RunId)).optional()
}

fn take(db: &Connection, key: &str, run: &RunId, now: Timestamp) -> rusqlite::Result<()> {
    db.execute("INSERT INTO requests (key, run, at) VALUES (?, ?, ?)", (key, &run.0, ms(now)))?;
    Ok(())
}

/// The old run with the tasks of the pipeline as it is now. Attempts and states of tasks that still are there stay.
fn merged(before: &Run, wish: &Rerun) -> Run {
    let mut run = before.clone();
    if wish.tasks.is_empty() {
        return run;
    }
    let mut tasks: Vec<TaskRun> = Vec::with_capacity(wish.tasks.len());
    for new in &wish.tasks {
        tasks.push(match before.task(&new.id) {
            Some(old) => TaskRun {
                kind: new.kind.clone(),
                after: new.after.clone(),
                max_attempts: new.max_attempts,
                ..old.clone()
            },
            None => new.clone(),
        });
    }
    // What the pipeline no longer has keeps its record but counts as skipped.
    for old in before.tasks.iter().filter(|t| wish.tasks.iter().all(|n| n.id != t.id)) {
        tasks.push(TaskRun { state: crate::model::run::TaskState::Skipped, after: Vec::new(), ..old.clone() });
    }
    run.tasks = tasks;
    run
}

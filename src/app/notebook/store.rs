//! The outputs of a run on their way into their cell. What is large is written by a job, and the run ends when that is
//! done, so that whatever comes behind it finds them there.
use super::{Doc, DocId, RunEnd, edit, notice, run};
use crate::{
    app::{AppState, Cx, Effect, Job, Out, Policy},
    base::Result,
    model::{
        notebook::{CellKey, Received, Receiver},
        output::Fresh,
    },
};

/// A cell to be written.
#[derive(Debug, Clone)]
pub struct Task {
    of: Of,
    into: Receiver,
    outputs: Vec<Fresh>,
}

/// A cell that was written.
#[derive(Debug, Clone)]
pub struct Event {
    of: Of,
    made: Result<Received>,
}

/// Which run, the number of its cell, and how it ended, where that is to be told afterwards.
#[derive(Debug, Clone)]
struct Of {
    doc: DocId,
    key: CellKey,
    number: u64,
    count: Option<i64>,
    then: Option<(RunEnd, u64)>,
}

/// Writes what a run has shown into its cell. When a job has to do it, that is what is given; the job goes on with `then`.
pub(super) fn begin(
    doc: &mut Doc,
    (key, number): (CellKey, u64),
    count: Option<i64>,
    then: Option<&(RunEnd, u64)>,
) -> Option<Effect> {
    let outputs = doc.runs.get(&key).filter(|r| r.number == number)?.live.fresh();
    // A cell that was deleted or is no code any more keeps nothing.
    let into = doc.notebook()?.receiver(key).ok()?;
    if !Fresh::are_large(&outputs) {
        if let Ok(made) = into.take(&outputs, count) {
            put(doc, (key, number), made);
        }
        return None;
    }
    if let Some(run) = doc.runs.get_mut(&key) {
        run.storing = true;
    }
    let of = Of { doc: doc.id, key, number, count, then: then.cloned() };
    let job = format!("notebook.store:{}:{}", doc.id, key.0);
    let task = super::Task::Store(Box::new(Task { of, into, outputs }));
    // A file in so far as the program does not end before it.
    Some(Job::io(job, task).policy(Policy::Queue).start())
}

/// Puts a cell with its outputs in its place; false when it was edited meanwhile.
fn put(doc: &mut Doc, (key, number): (CellKey, u64), made: Received) -> bool {
    let Some(nb) = doc.notebook_mut() else { return true };
    match nb.receive(made) {
        Ok(false) => return nb.cell(key).is_none(),
        Err(_) => return true,
        Ok(true) => {}
    }
    let outputs: Vec<_> = nb.cell(key).map(|c| c.outputs().collect()).unwrap_or_default();
    if let Some(run) = doc.runs.get_mut(&key).filter(|r| r.number == number) {
        run.live.stored(outputs.into_iter());
    }
    true
}

pub(super) fn write(task: Task, out: &Out) {
    let Task { of, into, outputs } = task;
    let made = into.take(&outputs, of.count);
    drop(outputs);
    out.send(super::Event::Store(Box::new(Event { of, made })));
}

pub(super) fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    let Event { of: Of { doc: id, key, number, count, then }, made } = event;
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let mut effects = Vec::new();
    if doc.runs.get(&key).is_some_and(|r| r.number == number) {
        let done = match made {
            Ok(made) => put(doc, (key, number), made),
            Err(error) => {
                effects.push(notice(&error));
                true
            }
        };
        if !done && let Some(job) = begin(doc, (key, number), count, then.as_ref()) {
            return vec![job];
        }
        if let Some(run) = doc.runs.get_mut(&key) {
            run.storing = false;
        }
    }
    if let Some((end, ms)) = then {
        effects.extend(run::finish(doc, key, number, end, ms, cx));
    } else {
        doc.settle();
        edit::touch(doc, &mut effects);
    }
    effects
}

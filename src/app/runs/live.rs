//! What lives as long as the opened workspace: the store, the watch over it, the reader of a growing log.
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{Event, KEPT};
use crate::{
    app::Out,
    base::{Result, ids::RunId},
    engine::{
        runner,
        store::{RunQuery, Store},
    },
    model::run::{Run, RunState},
};

/// How often the store is asked whether another process has written; the answer costs microseconds.
const LOOK: Duration = Duration::from_millis(500);
/// How often abandoned runs are looked for.
const RECOVER: Duration = Duration::from_secs(5);
/// How often a growing log is read.
const TAIL: Duration = Duration::from_millis(100);
/// Most of a log that is read at once.
pub(super) const PIECE: u64 = 8 << 20;

/// A field of [`crate::app::Env`].
#[derive(Debug, Default)]
pub struct Live {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    store: Option<(PathBuf, Store)>,
    watch: Option<Stop>,
    tail: Option<Stop>,
}

/// Ends its thread when dropped.
#[derive(Debug)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Live {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store of the workspace at `root`, opened once.
    pub fn store(&self, root: &Path) -> Result<Store> {
        let mut inner = self.inner();
        if let Some((at, store)) = &inner.store
            && at == root
        {
            return Ok(store.clone());
        }
        let store = Store::open(root)?;
        inner.store = Some((root.to_path_buf(), store.clone()));
        Ok(store)
    }

    /// Watches the store from now on; a watch before ends.
    pub(super) fn watch(&self, store: Store, out: Out) {
        let flag = Arc::new(AtomicBool::new(false));
        let stop = flag.clone();
        let spawned = thread::Builder::new().name("runs-watch".to_owned()).spawn(move || watch(&store, &out, &stop));
        match spawned {
            Ok(_) => self.inner().watch = Some(Stop(flag)),
            Err(e) => tracing::warn!("no thread to watch runs: {e}"),
        }
    }

    /// Reads on in a growing log; a reader before ends.
    pub(super) fn tail(&self, store: Store, out: Out, run: RunId, task: String, attempt: u32, from: u64) {
        let flag = Arc::new(AtomicBool::new(false));
        let stop = flag.clone();
        let go = move || tail(&store, &out, &run, &task, attempt, from, &stop);
        match thread::Builder::new().name("runs-log".to_owned()).spawn(go) {
            Ok(_) => self.inner().tail = Some(Stop(flag)),
            Err(e) => tracing::warn!("no thread to follow a log: {e}"),
        }
    }

    /// Ends the reader of a log.
    pub(super) fn end_tail(&self) {
        self.inner().tail = None;
    }
}

/// Sends an event only when something was written, so that a window at rest stays at rest.
fn watch(store: &Store, out: &Out, stop: &AtomicBool) {
    let mut version = store.data_version().ok();
    let mut known: Vec<Run> = Vec::new();
    let mut recovered = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
        if recovered.elapsed() >= RECOVER {
            recovered = Instant::now();
            if let Ok(runs) = runner::recover(store, Timestamp::now())
                && !runs.is_empty()
            {
                out.send(Event::Runs(runs));
            }
        }
        let now = store.data_version().ok();
        if now == version {
            continue;
        }
        version = now;
        let Ok(runs) = store.runs(&RunQuery { per_pipeline: Some(4), ..RunQuery::default() }) else { continue };
        let mut fresh: Vec<Run> = runs.iter().filter(|r| !known.contains(r)).cloned().collect();
        // Of an old run that is running again only its id is known to be active.
        let active = store.runs(&RunQuery { states: vec![RunState::Queued, RunState::Running], ..RunQuery::default() });
        fresh.extend(active.unwrap_or_default().into_iter().filter(|r| !runs.contains(r) && !known.contains(r)));
        // ... and one that was active a moment ago has ended.
        let gone: Vec<RunId> = known
            .iter()
            .filter(|k| !k.state.is_final() && runs.iter().all(|r| r.id != k.id))
            .map(|k| k.id.clone())
            .collect();
        if !gone.is_empty() {
            fresh.extend(store.runs(&RunQuery { ids: gone, ..RunQuery::default() }).unwrap_or_default());
        }
        known = runs;
        known.extend(fresh.iter().filter(|r| !r.state.is_final()).cloned());
        known.truncate(KEPT * 8);
        if !fresh.is_empty() {
            out.send(Event::Runs(fresh));
        }
    }
}

fn tail(store: &Store, out: &Out, run: &RunId, task: &str, attempt: u32, mut from: u64, stop: &AtomicBool) {
    let mut looked = Instant::now();
    loop {
        let over = looked.elapsed() >= LOOK && {
            looked = Instant::now();
            let state = store.run(run).ok().flatten();
            let attempts = state.as_ref().and_then(|r| r.task(task)).map(|t| t.attempts.as_slice());
            attempts.is_none_or(|a| a.iter().any(|a| a.number == attempt && a.state.is_final()))
        };
        match store.read_log(run, task, attempt, from, PIECE) {
            Ok(chunk) if !chunk.lines.is_empty() => {
                let next = chunk.next;
                out.send(Event::Log { run: run.clone(), task: task.to_owned(), attempt, from, chunk });
                from = next;
            }
            Ok(_) if over => return,
            Ok(_) => {}
            Err(e) => {
                out.send(Event::LogFailed(e));
                return;
            }
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(TAIL);
    }
}

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

use super::{Event, KEPT, LogId};
use crate::{
    app::Out,
    base::{Result, ids::RunId},
    engine::{
        runner,
        store::{RunQuery, Store},
    },
    model::run::{Run, RunState, logindex::LogIndex},
};

/// How often the store is asked whether another process has written; the answer costs microseconds.
const LOOK: Duration = Duration::from_millis(500);
/// How often abandoned runs are looked for.
const RECOVER: Duration = Duration::from_secs(5);
/// How often a growing log is read.
const TAIL: Duration = Duration::from_millis(100);
/// How often the log of a task that runs elsewhere is fetched.
const FETCH: Duration = Duration::from_secs(2);

/// Fetches a log of another system into its file; given how much of it was read, true when less is there now.
pub(super) type Fetch = Box<dyn FnMut(u64) -> Result<bool> + Send>;
/// Most of a log that is read at once.
pub(super) const PIECE: u64 = 4 << 20;

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

    /// Reads a log to its end, and on while it grows; a reader before ends.
    pub(super) fn tail(&self, store: Store, out: Out, id: LogId, live: bool, fetch: Option<Fetch>) {
        let flag = Arc::new(AtomicBool::new(false));
        let stop = flag.clone();
        let go = move || tail(&store, &out, &id, live, fetch, &stop);
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

fn tail(store: &Store, out: &Out, id: &LogId, live: bool, mut fetch: Option<Fetch>, stop: &AtomicBool) {
    let mut index = LogIndex::default();
    let mut fetched = None::<Instant>;
    let (mut looked, mut told, mut told_bytes) = (Instant::now(), None::<Instant>, u64::MAX);
    loop {
        let over = !live
            || looked.elapsed() >= LOOK && {
                looked = Instant::now();
                let state = store.run(&id.run).ok().flatten();
                let attempts = state.as_ref().and_then(|r| r.task(&id.task)).map(|t| t.attempts.as_slice());
                attempts.is_none_or(|a| a.iter().any(|a| a.number == id.attempt && a.state.is_final()))
            };
        // Of another system: what it has by now is fetched into the file that is read here.
        if let Some(fetch) = &mut fetch
            && (fetched.is_none() || live && fetched.is_some_and(|at| at.elapsed() >= FETCH))
        {
            match fetch(index.bytes) {
                // Something else is there than before.
                Ok(shrunk) if shrunk => index = LogIndex::default(),
                Ok(_) => {}
                Err(e) if e.is_cancelled() => return,
                // What was seen before stays readable.
                Err(e)
                    if index.bytes == 0
                        && store.log_lines(&id.run, &id.task, id.attempt, 0, 1).is_ok_and(|b| b.is_empty()) =>
                {
                    return out.send(Event::LogFailed(e));
                }
                Err(e) => tracing::warn!(error = %e, "a log could not be fetched"),
            }
            fetched = Some(Instant::now());
        }
        // The first piece is small, so that something is seen at once.
        let piece = if index.bytes == 0 { PIECE / 16 } else { PIECE };
        let bytes = match store.log_lines(&id.run, &id.task, id.attempt, index.bytes, piece) {
            Ok(bytes) => bytes,
            Err(e) => return out.send(Event::LogFailed(e)),
        };
        index.feed(&bytes);
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let at_end = bytes.is_empty();
        let due = told.is_none_or(|t| t.elapsed() >= TAIL);
        if (due || at_end) && told_bytes != index.bytes || told.is_none() || at_end && over {
            told = Some(Instant::now());
            told_bytes = index.bytes;
            out.send(Event::LogIndex { id: id.clone(), index: Arc::new(index.clone()), complete: at_end });
        }
        if at_end {
            if over {
                return;
            }
            thread::sleep(TAIL);
        }
    }
}

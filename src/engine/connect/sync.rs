//! Brings the store up to date with what a system says: changes since the last look, and the tasks of those runs alone.
use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::{Connector, allowed};
use crate::{
    base::{Error, Result, ids::RunId, job::JobCtx},
    engine::store::{RunQuery, Store},
    model::{
        connect::{Act, Health, RemotePipeline, Seen, absorb},
        run::{Run, RunState},
    },
};

/// Runs that are taken over when a connection is seen for the first time.
const FIRST: usize = 300;
/// Of those, so many of each pipeline with their tasks; the others get theirs when they are opened.
const FIRST_WITH_TASKS: usize = 14;

/// How often the list of pipelines is asked for when nobody asks for it: it is long and seldom changes.
const PIPELINES_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// How often it is written down that a connection answered, when nothing else is to be written.
const ANSWERED_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// What one look at a connection brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Refreshed {
    /// Runs that are new or changed.
    pub changed: Vec<Run>,
    /// Pipelines the connection has, where they were asked for.
    pub pipelines: Option<Vec<RemotePipeline>>,
    /// Runs that are under way there.
    pub open: usize,
}

/// Looks at one connection again and again: what was seen is not asked for or written down twice.
#[derive(Debug)]
pub struct Syncer {
    /// How the connection is.
    pub health: Health,
    written: Health,
    listed: Option<Timestamp>,
    open: usize,
}

impl Syncer {
    /// Goes on where the last look at this connection ended.
    pub fn new(store: &Store, name: &str) -> Result<Self> {
        let health = store.health(name)?;
        Ok(Self { written: health.clone(), health, listed: None, open: 0 })
    }

    /// Asks for everything at the next look: somebody wants to know.
    pub fn anew(&mut self) {
        self.listed = None;
    }

    /// Nothing was asked yet.
    pub fn first(&self) -> bool {
        self.listed.is_none()
    }

    /// A look that did not come to asking: its error is kept like that of one that did.
    pub fn fail(&mut self, store: &Store, name: &str, error: Error, cx: &JobCtx) -> Result<Refreshed> {
        let since = self.health.failing.as_ref().map_or(cx.clock.now(), |f| f.0);
        self.health.failing = Some((since, error.clone()));
        if self.health.failing != self.written.failing {
            store.set_health(name, &self.health)?;
            self.written = self.health.clone();
        }
        Err(error)
    }

    /// Looks once. What was seen before an error is kept, and so is the error, with the time since when there is one.
    pub fn look(&mut self, connector: &dyn Connector, store: &Store, cx: &JobCtx) -> Result<Refreshed> {
        let begin = std::time::Instant::now();
        let result = self.ask(connector, store, cx);
        let now = cx.clock.now();
        match &result {
            Ok(_) => {
                self.health.answered_at = Some(now);
                self.health.failing = None;
                self.health.millis = u64::try_from(begin.elapsed().as_millis()).ok();
            }
            Err(e) if e.is_cancelled() => return result,
            Err(e) => {
                let since = self.health.failing.as_ref().map_or(now, |f| f.0);
                self.health.failing = Some((since, e.clone()));
            }
        }
        let old = |at: Option<Timestamp>| at.is_none_or(|at| now.duration_since(at) >= ANSWERED_EVERY);
        let brought = result.as_ref().is_ok_and(|r| !r.changed.is_empty());
        if brought || self.health.failing != self.written.failing || old(self.written.answered_at) {
            store.set_health(&connector.to().name, &self.health)?;
            self.written = self.health.clone();
        }
        result
    }

    fn ask(&mut self, connector: &dyn Connector, store: &Store, cx: &JobCtx) -> Result<Refreshed> {
        allowed(connector, Act::Read)?;
        let now = cx.clock.now();
        let due = self.listed.is_none_or(|at| now.duration_since(at) >= PIPELINES_EVERY);
        let (mut pipelines, first) = (None, self.listed.is_none());
        if due {
            if first {
                self.health.version = Some(connector.version(cx)?);
            }
            let all = connector.pipelines(cx)?;
            store.set_remote_pipelines(&connector.to().name, &all)?;
            pipelines = Some(all);
            self.listed = Some(now);
            if !first {
                // One request at a time: the runs follow at the next look.
                return Ok(Refreshed { changed: Vec::new(), pipelines, open: self.open });
            }
        }
        let (changed, open) = runs(connector, store, &mut self.health, cx)?;
        self.open = open;
        Ok(Refreshed { changed, pipelines, open })
    }
}

/// Looks once.
pub fn refresh(connector: &dyn Connector, store: &Store, cx: &JobCtx) -> Result<Refreshed> {
    Syncer::new(store, &connector.to().name)?.look(connector, store, cx)
}

/// Runs that changed since the last look, and how many are under way.
fn runs(connector: &dyn Connector, store: &Store, health: &mut Health, cx: &JobCtx) -> Result<(Vec<Run>, usize)> {
    let name = &connector.to().name;
    // Taken before asking: what changes meanwhile is asked for next time.
    let begun = cx.clock.now();
    let mut seen = connector.runs(health.cursor, FIRST, cx)?;
    // A run that was open when it was last seen is looked at by itself where the list does not name it: what ended it
    // may have been another thing than a change of the run.
    let open = RunQuery {
        connection: Some(name.clone()),
        states: vec![RunState::Queued, RunState::Running],
        ..RunQuery::default()
    };
    let open = store.runs(&open)?;
    let named: HashSet<RunId> = seen.iter().map(|s| s.run.id.clone()).collect();
    for run in open.iter().filter(|r| !named.contains(&r.id)) {
        let Some(remote) = &run.remote_id else { continue };
        match connector.run(&run.pipeline, remote, cx)? {
            Some(now) => seen.push(now),
            None => seen.push(gone(run)),
        }
    }
    let ids: Vec<RunId> = seen.iter().map(|s| s.run.id.clone()).collect();
    let known = store.known(&ids)?;
    // What is over and was seen like this is asked nothing more.
    seen.retain(|s| known.get(&s.run.id).is_none_or(|k| !is_settled(k, s)));
    let (mut with, without) = split(seen, health.cursor.is_none());
    let mut changed = store.absorb(without)?;
    let bare = changed.len();
    // In portions, so that what was seen is kept when the next request fails.
    for portion in with.chunks_mut(20) {
        connector.tasks(portion, &known, cx)?;
        changed.extend(store.absorb(portion.to_vec())?);
    }
    for run in changed.iter().skip(bare).filter(|r| r.state.is_final()) {
        numbers(connector, store, run, cx)?;
    }
    // The clock of this machine may be ahead of the system's: the time of its own newest change counts where it is told.
    let newest = with.iter().filter_map(|s| s.updated).max();
    let behind = begun - connector.margin();
    health.cursor = Some(newest.unwrap_or(behind).max(health.cursor.unwrap_or(Timestamp::MIN)));
    let running = changed.iter().filter(|r| !r.state.is_final()).map(|r| &r.id);
    let still = open.iter().map(|r| &r.id).filter(|id| changed.iter().all(|c| c.id != **id));
    let under_way = running.chain(still).collect::<HashSet<_>>().len();
    Ok((changed, under_way))
}

/// Keeps the numbers that a run has reported; a run whose numbers cannot be read is no failed look.
fn numbers(connector: &dyn Connector, store: &Store, run: &Run, cx: &JobCtx) -> Result<()> {
    if connector.capabilities().refusal(Act::Metrics).is_some() {
        return Ok(());
    }
    match connector.metrics(run, cx) {
        Ok(points) if points.is_empty() => Ok(()),
        Ok(points) => store.add_metrics(&points),
        Err(e) if e.is_cancelled() => Err(e),
        Err(e) => {
            tracing::warn!(run = %run.id, error = %e, "the numbers of a run could not be read");
            Ok(())
        }
    }
}

/// It is over, its tasks are known, and its system says the same of it as before.
fn is_settled(known: &Run, seen: &Seen) -> bool {
    let has_tasks = !known.tasks.is_empty() || seen.tasks.is_some();
    known.state.is_final() && has_tasks && absorb(Some(known), Seen { tasks: None, ..seen.clone() }) == *known
}

fn gone(run: &Run) -> Seen {
    let run =
        Run { state: RunState::Interrupted, error: Some("The system has this run no more".to_owned()), ..run.clone() };
    Seen { tasks: Some(run.tasks.clone()), run, updated: None, cancelled_is_failed: false }
}

/// Those whose tasks are asked for, and the others.
fn split(seen: Vec<Seen>, first: bool) -> (Vec<Seen>, Vec<Seen>) {
    if !first {
        return (seen, Vec::new());
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    seen.into_iter().partition(|s| {
        let n = counts.entry(s.run.pipeline.clone()).or_default();
        *n += 1;
        *n <= FIRST_WITH_TASKS || !s.run.state.is_final()
    })
}

/// Looks at one run alone, with its tasks and numbers, and gives it as it is kept; none when the system has it no more.
pub fn refresh_run(
    connector: &dyn Connector,
    store: &Store,
    pipeline: &str,
    remote: &str,
    cx: &JobCtx,
) -> Result<Option<Run>> {
    let Some(seen) = connector.run(pipeline, remote, cx)? else { return Ok(None) };
    let id = seen.run.id.clone();
    let known = store.known(std::slice::from_ref(&id))?;
    let mut seen = [seen];
    connector.tasks(&mut seen, &known, cx)?;
    let changed = store.absorb(seen.to_vec())?;
    for run in changed.iter().filter(|r| r.state.is_final()) {
        numbers(connector, store, run, cx)?;
    }
    store.run(&id)
}

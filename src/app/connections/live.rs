//! Threads that look at the connections, each at its own pace, as long as the workspace is open.
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::Event;
use crate::{
    app::{Out, runs},
    base::{
        Error, Result,
        job::{Cancel, JobCtx},
        time::Clock,
    },
    engine::{
        connect::{self, Connector, Syncer},
        secrets::Layered,
        store::Store,
    },
    model::connect::{Connection, RemotePipeline},
};

/// While something runs there, or its page is in front.
const NEAR: Duration = Duration::from_secs(5);
/// While another page is in front.
const FAR: Duration = Duration::from_secs(15);
/// While the window is in the background.
const BACKGROUND: Duration = Duration::from_mins(1);
/// Longest pause after a connection did not answer several times.
const LONGEST: Duration = Duration::from_mins(1);

/// How often connections are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    pub focused: bool,
    /// A page that shows runs is in front.
    pub near: bool,
    /// Somebody looks at the connections themselves: each answer is told.
    pub watched: bool,
}

impl Pace {
    /// Until the next look at a connection where so many runs are under way and so many looks have failed in a row.
    fn pause(self, open: usize, failed: u32) -> Duration {
        let usual = match (self.focused, self.near || open > 0) {
            (true, true) => NEAR,
            (true, false) => FAR,
            (false, true) if open > 0 => FAR,
            (false, _) => BACKGROUND,
        };
        if failed == 0 { usual } else { usual.saturating_mul(1 << failed.min(4)).min(LONGEST.max(usual)) }
    }
}

/// A field of [`crate::app::Env`].
#[derive(Debug, Default)]
pub struct Live {
    loops: Mutex<HashMap<String, Loop>>,
    pace: Arc<Mutex<Pace>>,
    secrets: Arc<Layered>,
}

struct Loop {
    to: Connection,
    root: PathBuf,
    bell: Arc<Bell>,
    open: Slot,
}

/// The connector that the thread and the jobs share, once it is made.
type Slot = Arc<Mutex<Option<Arc<dyn Connector>>>>;

impl std::fmt::Debug for Loop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loop").field("to", &self.to.name).finish_non_exhaustive()
    }
}

/// The connector in the slot, made when there is none.
fn opened(slot: &Slot, to: &Connection, root: &Path, secrets: &Layered) -> Result<Arc<dyn Connector>> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(ready) = &*slot {
        return Ok(ready.clone());
    }
    let made: Arc<dyn Connector> = Arc::from(connect::open(to, root, secrets)?);
    *slot = Some(made.clone());
    Ok(made)
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.bell.end();
    }
}

/// Why a thread is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ring {
    /// The pace is another one.
    Look,
    /// Somebody wants to know everything.
    All,
}

/// Wakes one thread, or ends it.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<Option<Ring>>,
    woken: Condvar,
    over: Cancel,
}

impl Bell {
    fn ring(&self, why: Ring) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        *rung = (*rung).max(Some(why));
        drop(rung);
        self.woken.notify_all();
    }
    fn end(&self) {
        self.over.cancel();
        self.ring(Ring::Look);
    }
    /// Why it was rung, when it was within this time.
    fn wait(&self, longest: Duration) -> Option<Ring> {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.woken.wait_timeout_while(rung, longest, |rung| rung.is_none());
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *rung)
    }
}

/// What a thread needs to look.
struct Eye {
    to: Connection,
    root: PathBuf,
    store: Store,
    out: Out,
    pace: Arc<Mutex<Pace>>,
    secrets: Arc<Layered>,
    bell: Arc<Bell>,
    open: Slot,
    clock: Arc<dyn Clock>,
}

impl Live {
    fn loops(&self) -> MutexGuard<'_, HashMap<String, Loop>> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where secrets come from: variables, what was typed since the window opened, the keyring.
    pub fn secrets(&self) -> &Layered {
        &self.secrets
    }

    /// Sets the pace; a quicker one counts at once.
    pub fn set_pace(&self, pace: Pace) {
        let before = std::mem::replace(&mut *self.pace.lock().unwrap_or_else(PoisonError::into_inner), pace);
        if before == pace {
            return;
        }
        if (pace.focused && !before.focused) || (pace.near && !before.near) || (pace.watched && !before.watched) {
            self.loops().values().for_each(|l| l.bell.ring(Ring::Look));
        }
    }

    /// Looks at this connection at once.
    pub fn look(&self, name: &str) {
        if let Some(found) = self.loops().get(name) {
            found.bell.ring(Ring::All);
        }
    }

    /// Looks at these from now on, and at no others.
    pub(super) fn keep(&self, all: &[Connection], root: &Path, store: &Store, clock: &Arc<dyn Clock>, out: &Out) {
        let mut loops = self.loops();
        loops.clear();
        for to in all {
            let (bell, open) = (Arc::new(Bell::default()), Slot::default());
            let eye = Eye {
                to: to.clone(),
                root: root.to_path_buf(),
                store: store.clone(),
                out: out.clone(),
                pace: self.pace.clone(),
                secrets: self.secrets.clone(),
                bell: bell.clone(),
                open: open.clone(),
                clock: clock.clone(),
            };
            match thread::Builder::new().name(format!("sync-{}", to.name)).spawn(move || eye.look_on()) {
                Ok(_) => {
                    let root = root.to_path_buf();
                    loops.insert(to.name.clone(), Loop { to: to.clone(), root, bell, open });
                }
                Err(e) => tracing::warn!("no thread to look at {}: {e}", to.name),
            }
        }
    }

    /// The connector of a connection that is looked at.
    pub fn connector(&self, name: &str) -> Result<Arc<dyn Connector>> {
        let found = self.loops().get(name).map(|l| (l.open.clone(), l.to.clone(), l.root.clone()));
        let (slot, to, root) = found.ok_or_else(|| {
            Error::user(format!("There is no connection {name} here"))
                .hint("Its runs are history; add the connection on the page Settings to act on them")
        })?;
        opened(&slot, &to, &root, &self.secrets)
    }
}

impl Eye {
    fn pace(&self) -> Pace {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_on(&self) {
        let cx = JobCtx::new(self.bell.over.clone(), self.clock.clone(), Arc::new(|_| {}));
        let Ok(mut sync) = Syncer::new(&self.store, &self.to.name) else { return };
        let (mut failed, mut open) = (0, 0);
        // What is known from before is told first.
        self.tell(&sync, None);
        let mut told = sync.health.clone();
        while !self.bell.over.is_cancelled() {
            let looked = self.once(&mut sync, &cx);
            if self.bell.over.is_cancelled() {
                return;
            }
            let pipelines = match looked {
                Ok(seen) => {
                    (failed, open) = (0, seen.open);
                    if !seen.changed.is_empty() {
                        self.out.send(runs::Event::Runs(seen.changed));
                    }
                    seen.pipelines
                }
                Err(_) => {
                    failed += 1;
                    // The next one reads the secret and the certificate anew.
                    *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    None
                }
            };
            // A window at rest stays at rest: an answer like the one before is told only where somebody looks.
            let news =
                sync.health.failing != told.failing || sync.health.version != told.version || pipelines.is_some();
            if news || self.pace().watched || told.answered_at.is_none() {
                self.tell(&sync, pipelines);
                told = sync.health.clone();
            }
            if self.rest(open, failed) == Some(Ring::All) {
                sync.anew();
            }
        }
    }

    fn once(&self, sync: &mut Syncer, cx: &JobCtx) -> Result<connect::Refreshed> {
        match opened(&self.open, &self.to, &self.root, &self.secrets) {
            Ok(ready) => sync.look(ready.as_ref(), &self.store, cx),
            Err(e) => sync.fail(&self.store, &self.to.name, e, cx),
        }
    }

    fn tell(&self, sync: &Syncer, pipelines: Option<Vec<RemotePipeline>>) {
        let pipelines = match (pipelines, sync.first()) {
            (None, true) => self.store.remote_pipelines(&self.to.name).ok(),
            (given, _) => given,
        };
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let can = open.map(|c| c.capabilities()).unwrap_or_default();
        let secret = connect::secret_of(&self.to, self.secrets.as_ref()).is_ok_and(|s| s.is_some());
        let (name, health) = (self.to.name.clone(), Box::new(sync.health.clone()));
        self.out.send(Event::Looked { name, health, pipelines, can, secret });
    }

    /// Until the next look: looked at often enough to keep up when the pace changes, without waking for nothing.
    fn rest(&self, open: usize, failed: u32) -> Option<Ring> {
        let begin = Instant::now();
        // Not all at the same moment, whatever was started together.
        let jitter = 0.9 + 0.2 * rand::random::<f64>();
        loop {
            let pause = self.pace().pause(open, failed).mul_f64(jitter);
            let left = pause.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return None;
            }
            if let Some(why) = self.bell.wait(left.min(NEAR)) {
                return Some(why);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_front_or_under_way_is_looked_at_often() {
        let front = Pace { focused: true, near: true, watched: false };
        let other = Pace { focused: true, near: false, watched: false };
        let away = Pace { focused: false, near: true, watched: false };
        assert_eq!(front.pause(0, 0), NEAR);
        assert_eq!((other.pause(0, 0), other.pause(2, 0)), (FAR, NEAR));
        assert_eq!((away.pause(0, 0), away.pause(1, 0)), (BACKGROUND, FAR));
        assert_eq!((front.pause(0, 1), front.pause(0, 3), front.pause(0, 30)), (NEAR * 2, NEAR * 8, LONGEST));
    }

    #[test]
    fn a_bell_wakes_and_ends() {
        let bell = Arc::new(Bell::default());
        let (short, long) = (Duration::from_millis(1), Duration::from_mins(1));
        assert_eq!(bell.wait(short), None);
        bell.ring(Ring::All);
        bell.ring(Ring::Look);
        assert_eq!(bell.wait(long), Some(Ring::All), "the larger wish counts");
        assert_eq!(bell.wait(short), None, "rung once");
        bell.end();
        assert!(bell.wait(long).is_some() && bell.over.is_cancelled());
    }
}

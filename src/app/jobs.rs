//! Work off the window's thread: lanes of threads, keys, cancelling, progress.
use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use crossbeam_channel::Sender;

use super::{
    Task, board, conflict, connections, data,
    effect::{Job, Lane, Policy},
    env::{Env, Envelope, Out, Waker},
    git, home, notebook, quality, review, runs, search, settings, workspace,
};
use crate::base::{
    Error, Result,
    job::{Cancel, JobCtx, Progress},
};

/// Number of a started job, unique in the process.
pub type JobId = u64;

/// What the job system itself reports.
#[derive(Debug, Clone)]
pub enum JobEvent {
    Started {
        id: JobId,
        key: String,
        title: String,
    },
    Progress {
        id: JobId,
        progress: Progress,
    },
    /// `error` is empty on success and when the person cancelled.
    Ended {
        id: JobId,
        key: String,
        error: Option<Error>,
    },
    /// A job with this key already runs; the new one was dropped.
    Refused {
        key: String,
    },
}

struct Queued {
    id: JobId,
    job: Job,
    cancel: Cancel,
    superseded: Cancel,
    generation: u64,
}

struct Live {
    id: JobId,
    key: String,
    lane: Lane,
    cancel: Cancel,
    superseded: Cancel,
}

impl Queued {
    fn live(&self) -> Live {
        Live {
            id: self.id,
            key: self.job.key.clone(),
            lane: self.job.lane,
            cancel: self.cancel.clone(),
            superseded: self.superseded.clone(),
        }
    }
}

#[derive(Default)]
struct Table {
    next: JobId,
    io: VecDeque<Queued>,
    cpu: VecDeque<Queued>,
    live: Vec<Live>,
    closing: bool,
}

struct Shared {
    table: Mutex<Table>,
    changed: Condvar,
    env: Arc<Env>,
    tx: Sender<Envelope>,
    waker: Arc<dyn Waker>,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn out(&self, generation: u64) -> Out {
        Out::new(self.tx.clone(), self.waker.clone(), generation)
    }
}

/// The job system of a window.
pub struct Jobs {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}

impl Jobs {
    /// Starts two threads for files and two for queries; long jobs get one each.
    pub fn new(env: Arc<Env>, tx: Sender<Envelope>, waker: Arc<dyn Waker>) -> Self {
        let shared = Arc::new(Shared { table: Mutex::default(), changed: Condvar::new(), env, tx, waker });
        for (lane, n) in [(Lane::Io, 0), (Lane::Io, 1), (Lane::Cpu, 0), (Lane::Cpu, 1)] {
            let shared = shared.clone();
            let name = format!("andon-{}-{n}", if lane == Lane::Io { "io" } else { "cpu" });
            let spawned = thread::Builder::new().name(name).spawn(move || worker(&shared, lane));
            if let Err(e) = spawned {
                tracing::error!("no thread for jobs: {e}");
            }
        }
        Self { shared }
    }

    /// Starts a job under the rules of its policy.
    pub fn start(&self, job: Job, generation: u64) {
        let mut table = self.shared.table();
        let busy = table.live.iter().any(|l| l.key == job.key)
            || table.io.iter().chain(&table.cpu).any(|q| q.job.key == job.key);
        match job.policy {
            Policy::Reject if busy => {
                drop(table);
                self.shared.out(generation).send(JobEvent::Refused { key: job.key });
                return;
            }
            Policy::Replace => {
                table.io.retain(|q| q.job.key != job.key);
                table.cpu.retain(|q| q.job.key != job.key);
                for live in table.live.iter().filter(|l| l.key == job.key) {
                    live.superseded.cancel();
                    live.cancel.cancel();
                }
            }
            Policy::Latest => {
                table.io.retain(|q| q.job.key != job.key);
                table.cpu.retain(|q| q.job.key != job.key);
            }
            _ => {}
        }
        table.next += 1;
        let queued =
            Queued { id: table.next, cancel: Cancel::default(), superseded: Cancel::default(), job, generation };
        match queued.job.lane {
            Lane::Io => table.io.push_back(queued),
            Lane::Cpu => table.cpu.push_back(queued),
            Lane::Long => {
                table.live.push(queued.live());
                drop(table);
                self.spawn_long(queued);
                return;
            }
        }
        drop(table);
        self.shared.changed.notify_all();
    }

    fn spawn_long(&self, queued: Queued) {
        let shared = self.shared.clone();
        let (id, key, generation) = (queued.id, queued.job.key.clone(), queued.generation);
        let name = format!("andon-{}", queued.job.key.chars().take(9).collect::<String>());
        if let Err(e) = thread::Builder::new().name(name).spawn(move || execute(&shared, queued)) {
            self.shared.table().live.retain(|l| l.id != id);
            let error = Error::io("Could not start a thread for the job").because(&e);
            self.shared.out(generation).send(JobEvent::Ended { id, key, error: Some(error) });
        }
    }

    /// Asks every job with this key to end and forgets those that wait.
    pub fn cancel(&self, key: &str) {
        let mut table = self.shared.table();
        table.io.retain(|q| q.job.key != key);
        table.cpu.retain(|q| q.job.key != key);
        for live in table.live.iter().filter(|l| l.key == key) {
            live.cancel.cancel();
        }
    }

    /// Asks everything to end; used when the workspace is closed or the program ends.
    pub fn cancel_all(&self) {
        let mut table = self.shared.table();
        table.io.clear();
        table.cpu.clear();
        for live in &table.live {
            live.cancel.cancel();
        }
    }

    /// True when no file is being read or written and none waits.
    pub fn files_at_rest(&self) -> bool {
        let table = self.shared.table();
        table.io.is_empty() && !table.live.iter().any(|l| l.lane == Lane::Io)
    }

    /// True when nothing waits or runs.
    pub fn is_idle(&self) -> bool {
        let table = self.shared.table();
        table.io.is_empty() && table.cpu.is_empty() && table.live.is_empty()
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.cancel_all();
        self.shared.table().closing = true;
        self.shared.changed.notify_all();
    }
}

fn worker(shared: &Shared, lane: Lane) {
    loop {
        let queued = {
            let mut table = shared.table();
            loop {
                if table.closing {
                    return;
                }
                if let Some(queued) = next(&mut table, lane) {
                    table.live.push(queued.live());
                    break queued;
                }
                table = shared.changed.wait(table).unwrap_or_else(PoisonError::into_inner);
            }
        };
        execute(shared, queued);
        shared.changed.notify_all();
    }
}

/// The first waiting job whose key is not running: jobs of one key never overlap and keep their order.
fn next(table: &mut Table, lane: Lane) -> Option<Queued> {
    let Table { io, cpu, live, .. } = table;
    let queue = if lane == Lane::Io { io } else { cpu };
    let at = queue.iter().position(|q| q.job.policy == Policy::Replace || !live.iter().any(|l| l.key == q.job.key))?;
    queue.remove(at)
}

fn execute(shared: &Shared, queued: Queued) {
    let Queued { id, job, cancel, superseded, generation } = queued;
    let out = Out { superseded, ..shared.out(generation) };
    let listed = !job.title.is_empty();
    if listed {
        out.send(JobEvent::Started { id, key: job.key.clone(), title: job.title.clone() });
    }
    let sink = out.clone();
    let progress = Arc::new(move |progress| {
        if listed {
            sink.send(JobEvent::Progress { id, progress });
        }
    });
    let cx = JobCtx::new(cancel, shared.env.clock.clone(), progress);
    let key = job.key.clone();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(job.task, &shared.env, &cx, &out)))
        .unwrap_or_else(|panic| Err(Error::bug(format!("The job {key} broke off")).because_of(panic_text(&*panic))));
    shared.table().live.retain(|l| l.id != id);
    let error = result.err().filter(|e| !e.is_cancelled());
    if listed || error.is_some() {
        // The end of a listed job is told even when a newer one took its place, or its row would stay.
        shared.out(generation).send(JobEvent::Ended { id, key, error });
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Board(t) => board::run(t, env, cx, out),
        Task::Conflict(t) => conflict::run(t, env, cx, out),
        Task::Connections(t) => connections::run(t, env, cx, out),
        Task::Data(t) => data::run(t, env, cx, out),
        Task::Git(t) => git::run(t, env, cx, out),
        Task::Home(t) => home::run(t, env, cx, out),
        Task::Notebook(t) => notebook::run(t, env, cx, out),
        Task::Quality(t) => quality::run(t, env, cx, out),
        Task::Review(t) => review::run(t, env, cx, out),
        Task::Runs(t) => runs::run(t, env, cx, out),
        Task::Search(t) => search::run(t, env, cx, out),
        Task::Settings(t) => settings::run(t, env, cx, out),
        Task::Workspace(t) => workspace::run(t, env, cx, out),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{
        app::{env::NoWaker, settings},
        base::time::SystemClock,
        engine::dirs::Dirs,
    };

    fn jobs() -> (Jobs, crossbeam_channel::Receiver<Envelope>, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let (tx, rx) = crossbeam_channel::bounded(64);
        let env = Arc::new(Env::new(Dirs::below(dir.path()), Arc::new(SystemClock)));
        (Jobs::new(env, tx, Arc::new(NoWaker)), rx, dir)
    }

    fn settle(jobs: &Jobs) {
        let until = Instant::now() + Duration::from_secs(20);
        while !jobs.is_idle() {
            assert!(Instant::now() < until, "jobs do not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_rejected_second_click_starts_nothing() {
        let (jobs, rx, _dir) = jobs();
        // As if one with this key were running.
        let job = || Job::io("same", settings::Task::Load).policy(Policy::Reject);
        jobs.shared.table().live.push(Live {
            id: 0,
            key: "same".into(),
            lane: Lane::Io,
            cancel: Cancel::default(),
            superseded: Cancel::default(),
        });
        jobs.start(job(), 1);
        assert!(matches!(
            rx.recv_timeout(Duration::from_secs(5)).unwrap().event,
            super::super::Event::Job(JobEvent::Refused { .. })
        ));
        jobs.shared.table().live.clear();
        jobs.start(job(), 1);
        settle(&jobs);
        assert_eq!(rx.try_iter().count(), 1, "the second attempt ran once");
    }

    #[test]
    fn what_is_asked_for_again_and_again_ends_and_is_done_once_more() {
        let (jobs, rx, _dir) = jobs();
        let running =
            Live { id: 0, key: "k".into(), lane: Lane::Io, cancel: Cancel::default(), superseded: Cancel::default() };
        let (cancel, superseded) = (running.cancel.clone(), running.superseded.clone());
        jobs.shared.table().live.push(running);
        for _ in 0..5 {
            jobs.start(Job::io("k", settings::Task::Load).policy(Policy::Latest), 1);
        }
        assert!(!cancel.is_cancelled() && !superseded.is_cancelled());
        assert_eq!(jobs.shared.table().io.len(), 1, "one waits, whatever is asked for");
        jobs.shared.table().live.clear();
        jobs.shared.changed.notify_all();
        settle(&jobs);
        assert_eq!(rx.try_iter().count(), 1);
    }

    #[test]
    fn what_was_replaced_is_told_to_stop_and_not_heard_any_more() {
        let (jobs, rx, _dir) = jobs();
        let old =
            Live { id: 0, key: "k".into(), lane: Lane::Io, cancel: Cancel::default(), superseded: Cancel::default() };
        let (cancel, superseded) = (old.cancel.clone(), old.superseded.clone());
        jobs.shared.table().live.push(old);
        jobs.start(Job::io("k", settings::Task::Load), 1);
        assert!(cancel.is_cancelled() && superseded.is_cancelled());
        let late = Out { superseded, ..jobs.shared.out(1) };
        // Only the old one has ended: the new one may be running by now.
        jobs.shared.table().live.retain(|l| l.id != 0);
        settle(&jobs);
        let heard = rx.try_iter().count();
        late.send(JobEvent::Refused { key: "late".into() });
        assert_eq!((heard, rx.try_iter().count()), (1, 0));
    }
}

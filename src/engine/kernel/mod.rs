//! Jupyter kernels: found, started, fed with cells, interrupted, and always ended.
//!
//! [`Kernels`] is the service of a window or a command; it owns the threads. [`Kernels::start`] gives a [`Session`],
//! a cheap handle: its calls return at once and news comes through sinks, except where a name says otherwise.
//! `discover` finds kernels in the `places` where they can be, `environment` makes one, `choices` keeps what was chosen.
//! `order` is the seam between a handle and what drives a kernel; `owner` holds kernels that outlive the window (`kept` is
//! what the window sees of it). `driver` is the driver that owns a process of this program, `wire` its sockets, `process`
//! its process; `remote` drives kernels of a Jupyter Server. `runs` is what every
//! driver knows of the cells it was given; `spool` keeps what a cell prints beyond what belongs into memory.
pub mod choices;
mod discover;
mod driver;
mod environment;
mod kept;
mod order;
#[cfg(unix)]
mod owner;
mod places;
mod process;
mod remote;
mod runs;
mod spool;
mod wire;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, bounded};
use tokio::{runtime::Runtime, sync::mpsc};

pub use crate::model::kernel::*;
use crate::{
    base::{Error, Result, error::Context, job::JobCtx, time::Clock},
    engine::secrets::Layered,
};
pub use environment::{create_environment, install_kernel, requirement_files};
pub use kept::{Attachment, Kept, News};
use order::{Job, Order, Shared};
#[cfg(unix)]
pub use owner::{ask_status, ask_stop, serve};
pub use spool::{Spool, each_line};

/// Receives what a running cell reports. Called on the kernel's thread: must be quick.
pub type Sink = Arc<dyn Fn(ExecEvent) + Send + Sync>;

/// How long a kernel may take from its start to its first answer.
const START_PATIENCE: Duration = Duration::from_mins(1);

/// The longest a stop can take: request, SIGTERM, SIGKILL.
const STOP_PATIENCE: Duration = Duration::from_secs(4);

/// A new number. Executions are told apart between programs, too, so the numbers begin anywhere.
fn next_exec() -> ExecId {
    // A JSON number that is exact everywhere has 53 bits.
    static FIRST: LazyLock<u64> = LazyLock::new(|| u64::from(rand::random::<u32>()) << 20);
    static COUNT: AtomicU64 = AtomicU64::new(1);
    ExecId(*FIRST + COUNT.fetch_add(1, Ordering::Relaxed))
}

/// All kernels of a program. Costs nothing until the first one is started.
pub struct Kernels {
    runtime: Mutex<Option<Arc<Runtime>>>,
    sessions: Mutex<Vec<Session>>,
    /// Set once all are told to stop: nothing starts any more.
    closed: AtomicBool,
    clock: Arc<dyn Clock>,
    cache: PathBuf,
    /// How long a kernel may take from its start to its first answer.
    patience: Duration,
    /// The program whose kernel owner holds what is started with [`Kernels::start_kept`].
    owner: OnceLock<PathBuf>,
    /// Seconds for which a kernel that does nothing is kept without a window.
    keep: AtomicU64,
    /// The window is closing: cells that run are left to run.
    closing: AtomicBool,
    /// Tokens of Jupyter Servers.
    secrets: Layered,
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernels").finish_non_exhaustive()
    }
}

impl Kernels {
    /// `cache`: the person's cache folder, where what was found out about interpreters is kept.
    pub fn new(cache: &Path, clock: Arc<dyn Clock>) -> Self {
        let (runtime, sessions, closed, owner, closing, secrets) = Default::default();
        let (cache, patience) = (cache.join("interpreters.json"), START_PATIENCE);
        let keep = AtomicU64::new(600);
        Self { runtime, sessions, closed, clock, cache, patience, owner, keep, closing, secrets }
    }

    /// Another patience with kernels that start.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// From now on kernels of notebooks are held by a process of their own, `program kerneld`, and outlive this one.
    pub fn outlive(&self, program: PathBuf) {
        let _ = self.owner.set(program);
    }

    /// Finds kernels and interpreters for a workspace. Answers of interpreters are cached by path and time of change;
    /// `refresh` asks all of them again.
    pub fn discover(&self, root: Option<&Path>, refresh: bool, cx: &JobCtx) -> Result<Discovery> {
        discover::discover(root, &self.cache, refresh, cx)
    }

    /// The kernel a notebook asks for, or an error that says what to do when there is none.
    pub fn choose(
        &self,
        root: Option<&Path>,
        name: Option<&str>,
        display: Option<&str>,
        language: Option<&str>,
        cx: &JobCtx,
    ) -> Result<KernelSpec> {
        let found = self.discover(root, false, cx)?;
        if let Some(spec) = found.for_notebook(name, display, language) {
            return Ok(spec.clone());
        }
        let language = language.unwrap_or("python");
        let error = Error::user(format!("No kernel for {language} was found"));
        Err(match found.interpreters.first() {
            _ if language != "python" => error.hint(format!("Install a Jupyter kernel for {language}")),
            Some(python) => error
                .because_of(format!("{} has no ipykernel", python.path.display()))
                .hint("Make an environment (`python3 -m venv .venv && .venv/bin/pip install ipykernel`)"),
            None => error
                .because_of("there is no Python on this machine")
                .hint("Install Python 3.9 or newer, then make an environment with ipykernel"),
        })
    }

    /// Starts a kernel in `cwd` and returns at once; `notify` hears of every change of state. Cells given to the
    /// session before it is ready wait for it.
    pub fn start(
        &self,
        spec: &KernelSpec,
        cwd: &Path,
        notify: impl Fn(SessionEvent) + Send + Sync + 'static,
    ) -> Result<Session> {
        let runtime = self.runtime()?;
        let (orders, rx) = mpsc::channel(4096);
        let (started, first_start) = bounded(1);
        let shared = Arc::new(Shared::new(notify));
        if spec.remote.is_some() {
            runtime.spawn(self.remote_driver(spec, rx, shared.clone())?.run(started));
        } else {
            let (spec, cwd) = (spec.clone(), cwd.to_path_buf());
            let driver = driver::Driver::new(spec, cwd, rx, shared.clone(), self.clock.clone(), self.patience);
            runtime.spawn(driver.run(started));
        }
        self.enter(Session::over(spec.clone(), orders, shared, first_start))
    }

    /// How long a kernel that does nothing is kept without a window.
    pub fn keep_for(&self, time: Duration) {
        self.keep.store(time.as_secs(), Ordering::SeqCst);
    }
    fn keep(&self) -> Duration {
        Duration::from_secs(self.keep.load(Ordering::SeqCst))
    }
    /// The window is about to close, which is no wish to interrupt what outlives it.
    pub fn close_soon(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }
    /// True once it is.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Starts a kernel for a notebook, or finds the one it has: it outlives this program where [`Kernels::outlive`] was
    /// called. Where its owner cannot be started, it is one that ends with the window, and that is told.
    pub fn start_kept(&self, at: &Kept, spec: &KernelSpec, cwd: &Path, news: News) -> Result<Session> {
        #[cfg(unix)]
        if spec.remote.is_none()
            && let Some(program) = self.owner.get()
        {
            let runtime = self.runtime()?;
            match owner::connect(&runtime, program, &at.root) {
                Ok(stream) => {
                    let launch = (spec.clone(), cwd.to_path_buf());
                    return self.enter(owner::start(
                        &runtime,
                        stream,
                        (at, self.keep()),
                        launch,
                        news,
                        self.clock.clone(),
                    )?);
                }
                Err(error) => {
                    tracing::warn!("{error}");
                    (news.notify)(SessionEvent::Trouble(error.hint("This kernel ends with the window")));
                }
            }
        }
        let _ = at;
        self.start(spec, cwd, news.notify)
    }

    /// What is kept of a notebook: its kernel, if it still runs, and outputs that came while no window was there. Starts
    /// nothing where nothing is kept. `news` is told whether the kernel is alive.
    pub fn reattach(&self, at: &Kept, news: &dyn Fn(bool) -> News) -> Result<Vec<Attachment>> {
        #[cfg(unix)]
        if let Some(program) = self.owner.get() {
            if !owner::has_kept(&at.root, &at.notebook) {
                return Ok(Vec::new());
            }
            let runtime = self.runtime()?;
            let found = owner::reattach(&runtime, program, (at, self.keep()), news, self.clock.clone())?;
            for attachment in &found {
                self.enter(attachment.session.clone())?;
            }
            return Ok(found);
        }
        let _ = (at, news);
        Ok(Vec::new())
    }

    /// Takes a session in, so that it ends with the program.
    fn enter(&self, session: Session) -> Result<Session> {
        {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.retain(|s| s.state() != SessionState::Closed);
            sessions.push(session.clone());
        }
        // Asked for while the program was ending: the one that stops all may have looked already.
        if self.closed.load(Ordering::SeqCst) {
            session.shutdown();
            return Err(Error::user("Andon is closing, so no kernel is started"));
        }
        Ok(session)
    }

    /// Starts a kernel and waits until it answers, it fails or `cx` is cancelled.
    pub fn start_and_wait(&self, spec: &KernelSpec, cwd: &Path, cx: &JobCtx) -> Result<Session> {
        let session = self.start(spec, cwd, |_| {})?;
        session.wait_ready(cx).inspect_err(|_| session.shutdown())?;
        Ok(session)
    }

    /// Stops every kernel and waits until all have ended, four seconds at most; those that are kept elsewhere are left to
    /// their owner or their server. No other can be started after it.
    pub fn shutdown_all(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let sessions = std::mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner));
        let ends: Vec<_> = sessions.iter().filter_map(Session::begin_leave).collect();
        let deadline = Instant::now() + STOP_PATIENCE;
        for end in ends {
            let _ = end.recv_deadline(deadline);
        }
    }

    fn runtime(&self) -> Result<Arc<Runtime>> {
        let mut slot = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = slot.as_ref() {
            return Ok(runtime.clone());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("andon-kernel")
            .enable_all()
            .build()
            .io(|| "Could not start the threads for kernels".to_owned())?;
        Ok(slot.insert(Arc::new(runtime)).clone())
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        self.shutdown_all();
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime.and_then(Arc::into_inner) {
            runtime.shutdown_background();
        }
    }
}

struct Handle {
    spec: KernelSpec,
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
    first_start: crossbeam_channel::Receiver<Result<()>>,
    kept: bool,
}

/// A kernel that was started. Clones are the same session; it lives until [`Session::shutdown`].
#[derive(Clone)]
pub struct Session(Arc<Handle>);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("spec", &self.0.spec.id).field("state", &self.state()).finish()
    }
}

impl Session {
    /// A handle of whatever takes these orders and keeps `shared` true. `first_start` hears how the first start went.
    fn over(
        spec: KernelSpec,
        orders: mpsc::Sender<Order>,
        shared: Arc<Shared>,
        first_start: crossbeam_channel::Receiver<Result<()>>,
    ) -> Self {
        Self(Arc::new(Handle { spec, orders, shared, first_start, kept: false }))
    }

    /// The same for a kernel that outlives this program.
    #[cfg(unix)]
    fn over_kept(
        spec: KernelSpec,
        orders: mpsc::Sender<Order>,
        shared: Arc<Shared>,
        first_start: crossbeam_channel::Receiver<Result<()>>,
    ) -> Self {
        Self(Arc::new(Handle { spec, orders, shared, first_start, kept: true }))
    }

    /// True when the kernel outlives this program.
    pub fn outlives(&self) -> bool {
        self.0.kept
    }
    /// What it was started from.
    pub fn spec(&self) -> &KernelSpec {
        &self.0.spec
    }
    /// How it is now.
    pub fn state(&self) -> SessionState {
        self.0.shared.state()
    }
    /// What the kernel said about itself, once it has answered.
    pub fn info(&self) -> Option<KernelInfo> {
        self.0.shared.info()
    }
    /// Process id while it runs.
    pub fn pid(&self) -> Option<i32> {
        self.0.shared.pid()
    }
    /// Resident memory of the kernel's process in bytes, where the system tells.
    pub fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?)).ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    }

    fn order(&self, order: Order) -> Result<()> {
        self.0.orders.try_send(order).map_err(|e| match e {
            mpsc::error::TrySendError::Closed(_) => Error::user("The kernel was stopped").hint("Start it again"),
            mpsc::error::TrySendError::Full(_) => Error::user("Too many cells are waiting").hint("Wait or interrupt"),
        })
    }

    /// Gives it a cell and returns at once. Cells run in order, one at a time; a cell that waits can be withdrawn.
    /// The last event is always [`ExecEvent::Done`], whatever happens to the kernel.
    pub fn execute(&self, code: &str, options: ExecOptions, sink: Sink) -> Result<ExecId> {
        self.submit(code, options, None, sink)
    }

    /// The same, with what the window says of it: kept with its outputs where the kernel outlives the window.
    pub fn submit(&self, code: &str, options: ExecOptions, label: Option<Label>, sink: Sink) -> Result<ExecId> {
        let id = next_exec();
        self.order(Order::Execute(Job { id, code: code.to_owned(), options, label, sink }))?;
        Ok(id)
    }

    /// Says what is to run next should the window be gone by then. Without effect where the kernel ends with it.
    pub fn plan(&self, plan: Plan) {
        let _ = self.order(Order::Plan(plan));
    }
    /// Runs the cells of a kernel that another window ran until now. Without effect where the kernel ends with the window.
    pub fn drive(&self) {
        let _ = self.order(Order::Drive);
    }
    /// The notebook was saved under another path, relative to the workspace: it is found by that from now on.
    pub fn rename(&self, notebook: &str) {
        let _ = self.order(Order::Rename(notebook.to_owned()));
    }
    /// The outputs of these are in the file: nothing more has to be kept of them.
    pub fn settled(&self, done: Vec<ExecId>) {
        let _ = self.order(Order::Settled(done));
    }

    /// Executes and waits for the end. A cancelled `cx` interrupts the cell, and after five seconds kills the kernel.
    pub fn run(&self, code: &str, options: ExecOptions, cx: &JobCtx, sink: Sink) -> Result<Outcome> {
        let (tx, rx) = bounded(1);
        let forward: Sink = Arc::new(move |event| {
            let done = match &event {
                ExecEvent::Done { outcome, .. } => Some(outcome.clone()),
                _ => None,
            };
            sink(event);
            if let Some(outcome) = done {
                let _ = tx.try_send(outcome);
            }
        });
        let id = self.execute(code, options, forward)?;
        let mut cancelled: Option<Instant> = None;
        loop {
            match rx.recv_timeout(Duration::from_millis(50)) {
                Ok(_) if cancelled.is_some() => return Err(Error::cancelled()),
                Ok(outcome) => return Ok(outcome),
                Err(RecvTimeoutError::Disconnected) => return Err(Error::remote("The kernel was stopped")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            match cancelled {
                None if cx.cancel.is_cancelled() => {
                    cancelled = Some(Instant::now());
                    self.withdraw(Some(id));
                    self.interrupt();
                }
                Some(at) if at.elapsed() > Duration::from_secs(5) => {
                    self.kill();
                    return Err(Error::cancelled());
                }
                _ => {}
            }
        }
    }

    /// Takes back a cell that still waits, or all of them.
    pub fn withdraw(&self, id: Option<ExecId>) {
        let _ = self.order(Order::Withdraw(id));
    }
    /// Interrupts the running cell. The state tells when it was sent; when it does not help, [`Session::kill`].
    pub fn interrupt(&self) {
        let _ = self.order(Order::Interrupt);
    }
    /// Ends the process at once; the session is dead then and can be restarted.
    pub fn kill(&self) {
        let _ = self.order(Order::Kill);
    }
    /// Answers an `input()`.
    pub fn answer(&self, text: &str) {
        let _ = self.order(Order::Answer(text.to_owned()));
    }

    /// Tells a widget's model in the kernel what a person did; what comes of it goes to `sink`.
    pub fn comm(&self, comm: Comm, sink: Sink) -> Result<()> {
        self.order(Order::Comm(comm, sink))
    }

    /// A new process in place of the old one; returns at once, the state tells how it goes.
    pub fn restart(&self) -> Result<()> {
        let (tx, _rx) = bounded(1);
        self.order(Order::Restart(tx))
    }

    /// Waits for the first start.
    pub fn wait_ready(&self, cx: &JobCtx) -> Result<()> {
        loop {
            cx.check()?;
            match self.0.first_start.recv_timeout(Duration::from_millis(50)) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return match self.state() {
                        SessionState::Failed { error } => Err(error),
                        state if state.is_alive() => Ok(()),
                        _ => Err(Error::remote("The kernel was stopped")),
                    };
                }
            }
        }
    }

    /// What can follow the cursor (in characters). Waits at most `patience`; none when the kernel is busy.
    pub fn complete(&self, code: &str, cursor: usize, patience: Duration) -> Option<Completions> {
        let (reply, rx) = bounded(1);
        self.order(Order::Complete { code: code.to_owned(), cursor, reply }).ok()?;
        rx.recv_timeout(patience).ok()
    }

    /// What is known of the name at the cursor (in characters). Waits at most `patience`.
    pub fn inspect(&self, code: &str, cursor: usize, patience: Duration) -> Option<Bundle> {
        let (reply, rx) = bounded(1);
        self.order(Order::Inspect { code: code.to_owned(), cursor, reply }).ok()?;
        rx.recv_timeout(patience).ok().filter(|b| !b.data.is_empty())
    }

    /// The last inputs the kernel remembers, also of earlier sessions, the newest last. Waits at most `patience`.
    pub fn history(&self, count: usize, patience: Duration) -> Option<Vec<String>> {
        let (reply, rx) = bounded(1);
        self.order(Order::History { count, reply }).ok()?;
        rx.recv_timeout(patience).ok()
    }

    /// Stops the kernel: request, SIGTERM, SIGKILL. Waits until it has ended, four seconds at most.
    pub fn shutdown(&self) {
        if let Some(end) = self.begin_shutdown() {
            let _ = end.recv_timeout(STOP_PATIENCE);
        }
    }

    /// Leaves a kernel that outlives the window to its owner or its server; any other is stopped.
    pub fn leave(&self) {
        if let Some(end) = self.begin_leave() {
            let _ = end.recv_timeout(STOP_PATIENCE);
        }
    }

    fn begin_leave(&self) -> Option<crossbeam_channel::Receiver<()>> {
        let (tx, rx) = bounded(1);
        self.order(Order::Leave(tx)).ok().map(|()| rx)
    }

    /// Asks it to stop and returns at once.
    fn begin_shutdown(&self) -> Option<crossbeam_channel::Receiver<()>> {
        let (tx, rx) = bounded(1);
        self.order(Order::Shutdown(tx)).ok().map(|()| rx)
    }
}

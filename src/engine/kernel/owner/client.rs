//! The window's end: finds or starts the owner, attaches to a kernel, and drives a session through it.
use std::{
    collections::{HashMap, VecDeque},
    fs::OpenOptions,
    io::{self, BufReader, Read},
    net::Shutdown,
    os::unix::net::UnixStream as Socket,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, bounded};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    net::{UnixStream, unix::OwnedWriteHalf},
    runtime::Runtime,
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::{
    super::{
        Session, Sink,
        kept::{Adopt, Attachment, Kept, News},
        order::{Job, Order, Shared},
    },
    GONE,
    frame::{
        Attach, Attached, Body, Frame, Hello, Launch, PROTOCOL, Say, Tell, Welcome, message, parse, read, read_here,
    },
    held::{cards, lost_with_owner},
    place::{Note, Place},
    server::other_version,
};
use crate::{
    base::{Error, Result, error::Context, time::Clock},
    model::kernel::{
        Bundle, Completions, ExecEvent, ExecId, Exit, KernelSpec, Outcome, Past, Plan, SessionEvent, SessionState,
    },
};

/// How long the owner may take to start and to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Executions whose late output still finds its cell.
const KEPT: usize = 64;

/// A connection to the owner of a workspace, which is started when there is none.
pub fn reach(runtime: &Runtime, program: &Path, root: &Path) -> Result<UnixStream> {
    runtime.block_on(connect(root, Some(program)))
}

/// True when a folder holds something of the notebook's kernels.
pub fn has_kept(root: &Path, notebook: &str) -> bool {
    cards(root).iter().any(|c| c.notebook == notebook)
}

/// Starts a kernel in the owner's hands, or attaches to the one the notebook has there.
pub fn start(
    runtime: &Runtime,
    stream: UnixStream,
    at: (&Kept, Duration),
    launch: (KernelSpec, PathBuf),
    news: News,
    clock: Arc<dyn Clock>,
) -> Result<Session> {
    let launch = Launch { spec: launch.0, cwd: launch.1 };
    let attach = wish(at, Some(launch), None);
    let (stream, welcome) = runtime.block_on(greet(stream, "attach", Some(attach)))?;
    let attached = welcome.attached.ok_or_else(|| Error::bug("The owner of the kernels gave none"))?;
    drive(runtime, stream, *attached, news, clock)
}

fn wish((at, keep): (&Kept, Duration), start: Option<Launch>, id: Option<String>) -> Attach {
    Attach { notebook: at.notebook.clone(), start, id, from: 0, keep_seconds: keep.as_secs() }
}

/// Finds what is kept of a notebook: outputs that came while no window was there, and the kernel, if it still runs.
pub fn reattach(
    runtime: &Runtime,
    program: &Path,
    at: (&Kept, Duration),
    news: &dyn Fn(bool) -> News,
    clock: Arc<dyn Clock>,
) -> Result<Vec<Attachment>> {
    let root = &at.0.root;
    let mut cards: Vec<_> = cards(root).into_iter().filter(|c| c.notebook == at.0.notebook).collect();
    cards.sort_by_key(|c| c.since);
    let mut found = Vec::new();
    for card in cards {
        let attach = wish(at, None, Some(card.id));
        let answer = runtime.block_on(async {
            let stream = connect(root, Some(program)).await?;
            greet(stream, "attach", Some(attach)).await
        });
        let (stream, welcome) = answer?;
        // Nothing was left to tell, so the owner has removed it.
        let Some(attached) = welcome.attached else { continue };
        let alive = attached.state.is_alive();
        let (past, plan, drives) = (attached.past.clone(), attached.plan.clone(), attached.drives);
        let session = drive(runtime, stream, *attached, news(alive), clock.clone())?;
        found.push(Attachment { session, past, plan, drives });
    }
    Ok(found)
}

/// What the owner of a place says of itself; none when there is no owner.
pub fn ask_status(root: Option<&Path>) -> Result<Vec<Value>> {
    let places = match root {
        Some(root) => vec![Place::of(root)?],
        None => Place::all()?,
    };
    let runtime = small_runtime()?;
    let mut all = Vec::new();
    for place in places {
        let Some(stream) = runtime.block_on(place.dial())? else { continue };
        let (_, welcome) = runtime.block_on(async { greet(stream, "status", None).await })?;
        all.push(welcome.status);
    }
    Ok(all)
}

/// Ends the owner of a place and its kernels. Gives the notes of those that were ended. One that does not answer is
/// ended by its process.
pub fn ask_stop(root: Option<&Path>) -> Result<Vec<Note>> {
    let places = match root {
        Some(root) => vec![Place::of(root)?],
        None => Place::all()?,
    };
    let runtime = small_runtime()?;
    let mut all = Vec::new();
    for place in places {
        let Some(note) = place.note() else { continue };
        let asked = runtime.block_on(async { greet(place.dial().await.ok()??, "stop", None).await.ok() });
        let running = || std::fs::File::open(place.lock()).is_ok_and(|f| f.try_lock().is_err());
        if asked.is_none() && running() {
            // The lock is held, so the process the note names is the owner.
            signal(note.pid, rustix::process::Signal::TERM);
        }
        let deadline = Instant::now() + PATIENCE;
        while running() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        if running() {
            signal(note.pid, rustix::process::Signal::KILL);
        } else if asked.is_none()
            && let Ok(Some(lock)) = place.take()
        {
            place.remove(lock);
        }
        all.push(note);
    }
    Ok(all)
}

fn signal(pid: i32, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn small_runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.io(|| "Could not start the threads for kernels".to_owned())
}

/// A connection to the owner of a workspace; it is started when there is none and `program` may do so.
async fn connect(root: &Path, program: Option<&Path>) -> Result<UnixStream> {
    let place = Place::of(root)?;
    if let Some(stream) = place.dial().await? {
        return Ok(stream);
    }
    let what = "Could not start the process that holds the kernels";
    let Some(program) = program else { return Err(Error::io(what)) };
    let spawn = || {
        // An owner that has ended meanwhile took the folder with it.
        place.make()?;
        let log = OpenOptions::new().create(true).append(true).open(place.log());
        let log = log.io(|| what.to_owned())?;
        let errors = log.try_clone().io(|| what.to_owned())?;
        let mut command = Command::new(program);
        command.args(["kerneld", "--serve"]).arg(root).current_dir(root);
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        child.map_err(|e| Error::io(what).because(&e))
    };
    let mut child = spawn()?;
    let deadline = Instant::now() + PATIENCE;
    let (mut ended, mut ended_at) = (None, Instant::now());
    loop {
        if let Some(stream) = place.dial().await? {
            // It outlives us; should it end before us, it is reaped.
            let reap = std::thread::Builder::new().name("andon-owner".to_owned());
            let _ = reap.spawn(move || child.wait());
            return Ok(stream);
        }
        // One that ends at once leaves the place to another window's, which is there in a moment.
        if ended.is_none() {
            (ended, ended_at) = (child.try_wait().ok().flatten(), Instant::now());
        }
        // Unless that one was about to end and is gone by now.
        if ended.is_some_and(|s| s.success()) && ended_at.elapsed() > Duration::from_millis(300) {
            (child, ended) = (spawn()?, None);
        }
        let failed = ended.is_some_and(|s| !s.success());
        if failed || Instant::now() > deadline {
            let mut error = Error::io(what);
            if let Some(status) = ended {
                error = error.because_of(status.to_string());
            }
            let words = place.last_words();
            return Err(if words.is_empty() { error } else { error.because_of(words) });
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Says hello and hears the answer.
async fn greet(mut stream: UnixStream, op: &str, attach: Option<Attach>) -> Result<(UnixStream, Welcome)> {
    let what = || "The process that holds the kernels does not answer".to_owned();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let attach = serde_json::to_value(attach).map_err(|e| Error::bug("A question to the owner").because(&e))?;
    let attaches = op == "attach";
    let hello = Hello { protocol: PROTOCOL, version: version.clone(), op: op.to_owned(), attach };
    stream.write_all(&message(&hello)?).await.io(what)?;
    let stop = || Error::remote(what()).hint("End it with `andon kerneld --stop`");
    let answer = timeout(PATIENCE, read(&mut stream)).await.map_err(|_| stop())??;
    let Some(Frame::Message(bytes)) = answer else { return Err(stop()) };
    let welcome: Welcome = parse(&bytes)?;
    if let Some(error) = welcome.error {
        return Err(error);
    }
    if attaches && welcome.protocol != PROTOCOL {
        return Err(other_version(&welcome.version, &version));
    }
    Ok((stream, welcome))
}

struct Route {
    sink: Sink,
    done: bool,
}

enum Ask {
    Complete(Sender<Completions>),
    Help(Sender<Bundle>),
    History(Sender<Vec<String>>),
    Stop(Sender<()>),
}

/// What the two halves of a client share.
struct Client {
    shared: Arc<Shared>,
    adopt: Box<Adopt>,
    clock: Arc<dyn Clock>,
    routes: Mutex<HashMap<u64, Route>>,
    recent: Mutex<VecDeque<u64>>,
    asks: Mutex<HashMap<u64, Ask>>,
    life: Mutex<u32>,
    started: Mutex<Option<Sender<Result<()>>>>,
    /// The window has gone: it hears nothing more.
    left: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session that is driven through an open connection.
fn drive(
    runtime: &Runtime,
    stream: UnixStream,
    attached: Attached,
    news: News,
    clock: Arc<dyn Clock>,
) -> Result<Session> {
    let (orders, rx) = mpsc::channel(4096);
    let (started, first_start) = bounded(1);
    let shared = Arc::new(Shared::new(news.notify));
    let client = Arc::new(Client {
        shared: shared.clone(),
        adopt: news.adopt,
        clock,
        routes: Mutex::default(),
        recent: Mutex::default(),
        asks: Mutex::default(),
        life: Mutex::new(attached.life),
        started: Mutex::new(Some(started)),
        left: AtomicBool::new(false),
    });
    let session = Session::over_kept(attached.spec.clone(), orders, shared.clone(), first_start);
    shared.set_pid(attached.pid);
    if let Some(info) = attached.info {
        shared.set_info(info);
    }
    for past in &attached.past {
        client.take_in(past);
    }
    client.state(attached.state);
    if !attached.drives {
        shared.tell(SessionEvent::Drives(false, Plan::default()));
    }
    let what = || "Could not listen to the process that holds the kernels".to_owned();
    let (from, to) = halves(runtime, stream).io(what)?;
    let line = from.try_clone().io(what)?;
    let (over, gone) = oneshot::channel();
    // A window that is behind keeps the one waiting who tells it, and nobody else. A thread of its own is also woken by the
    // socket itself, and what a cell prints lies in one pool of memory.
    let hearing = client.clone();
    let thread = std::thread::Builder::new().name("andon-owner".to_owned());
    thread.spawn(move || hearing.hear(from, over)).io(what)?;
    runtime.spawn(client.speak(rx, to, Line { socket: line, gone }));
    Ok(session)
}

/// The end to read from, for a thread, and the one to write to.
fn halves(runtime: &Runtime, stream: UnixStream) -> io::Result<(Socket, OwnedWriteHalf)> {
    let _runtime = runtime.enter();
    let stream = stream.into_std()?;
    let from = stream.try_clone()?;
    Ok((from, UnixStream::from_std(stream)?.into_split().1))
}

/// What is heard, from the side of whoever speaks.
struct Line {
    socket: Socket,
    gone: oneshot::Receiver<()>,
}

/// A socket that does not wait, read by a thread that does.
struct Patient(Socket);

impl Read for Patient {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, poll};
        loop {
            match self.0.read(into) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl Client {
    fn take_in(&self, past: &Past) {
        let present = past.life == *lock(&self.life);
        let sink = (self.adopt)(past, present);
        if let Some(sink) = sink.filter(|_| !past.settled || past.done.is_none()) {
            self.enter(past.id, sink);
        }
    }

    fn enter(&self, id: ExecId, sink: Sink) {
        lock(&self.routes).insert(id.0, Route { sink, done: false });
        let mut recent = lock(&self.recent);
        recent.push_back(id.0);
        let mut routes = lock(&self.routes);
        while recent.len() > KEPT {
            // Those that have not ended stay, however many there are.
            let Some(at) = recent.iter().position(|id| routes.get(id).is_none_or(|r| r.done)) else { break };
            if let Some(old) = recent.remove(at) {
                routes.remove(&old);
            }
        }
    }

    fn emit(&self, id: u64, event: ExecEvent) {
        let sink = {
            let mut routes = lock(&self.routes);
            let Some(route) = routes.get_mut(&id) else { return };
            route.done |= matches!(event, ExecEvent::Done { .. });
            route.sink.clone()
        };
        sink(event);
    }

    fn state(&self, state: SessionState) {
        let first = match &state {
            SessionState::Starting | SessionState::Restarting => None,
            SessionState::Failed { error } => Some(Err(error.clone())),
            SessionState::Closed => Some(Err(Error::remote("The kernel was stopped"))),
            _ => Some(Ok(())),
        };
        if state == SessionState::Restarting {
            *lock(&self.life) += 1;
        }
        self.shared.set(state);
        if let Some(result) = first
            && let Some(tx) = lock(&self.started).take()
        {
            let _ = tx.send(result);
        }
    }

    /// Hears the owner until it or the kernel ends, or the window leaves; then `over` goes.
    fn hear(self: Arc<Self>, from: Socket, over: oneshot::Sender<()>) {
        let mut from = BufReader::with_capacity(64 * 1024, Patient(from));
        loop {
            let frame = read_here(&mut from);
            if self.left.load(Ordering::SeqCst) {
                return;
            }
            match frame {
                Ok(Some(Frame::Record(record))) => {
                    if !self.record(record.exec, record.body) {
                        return;
                    }
                }
                Ok(Some(Frame::Message(bytes))) => match parse(&bytes) {
                    Ok(tell) => self.told(tell),
                    Err(e) => tracing::warn!("{e}"),
                },
                Ok(None) => break,
                Err(e) => {
                    tracing::warn!("{e}");
                    break;
                }
            }
        }
        self.lost();
        drop(over);
    }

    /// False when the kernel was stopped and nothing more comes.
    fn record(&self, exec: u64, body: Body) -> bool {
        match body {
            Body::Event(event) => self.emit(exec, event),
            Body::Begin(begin) => {
                let known = lock(&self.routes).contains_key(&exec);
                if let Some(tag) = begin.tag.filter(|_| !known) {
                    let (id, code, life, at) = (ExecId(exec), begin.code, begin.life, begin.at);
                    self.take_in(&Past { id, tag, code, life, at, done: None, settled: false });
                }
            }
            Body::Session(news) => {
                self.shared.set_pid(news.pid);
                match news.event {
                    SessionEvent::Info(info) => self.shared.set_info(info),
                    SessionEvent::State(state) => {
                        let closed = state == SessionState::Closed;
                        self.state(state);
                        return !closed;
                    }
                    other @ (SessionEvent::Trouble(_) | SessionEvent::Drives(..)) => self.shared.tell(other),
                }
            }
            Body::Settled(_) => {}
        }
        true
    }

    fn told(&self, tell: Tell) {
        match tell {
            Tell::Completions(ask, found) => {
                if let Some(Ask::Complete(tx)) = lock(&self.asks).remove(&ask) {
                    let _ = tx.send(found);
                }
            }
            Tell::Help(ask, found) => {
                if let Some(Ask::Help(tx)) = lock(&self.asks).remove(&ask) {
                    let _ = tx.send(found);
                }
            }
            Tell::Inputs(ask, found) => {
                if let Some(Ask::History(tx)) = lock(&self.asks).remove(&ask) {
                    let _ = tx.send(found);
                }
            }
            Tell::Stopped(ask) => {
                if let Some(Ask::Stop(tx)) = lock(&self.asks).remove(&ask) {
                    let _ = tx.send(());
                }
            }
            Tell::Refused(Some(id), error) => {
                let why = error.to_string();
                self.emit(id.0, ExecEvent::Done { at: self.clock.now(), outcome: Outcome::Aborted { why } });
                self.shared.tell(SessionEvent::Trouble(error));
            }
            Tell::Refused(None, error) => self.shared.tell(SessionEvent::Trouble(error)),
            Tell::Drives(drives, plan) => self.shared.tell(SessionEvent::Drives(drives, plan)),
        }
    }

    /// The owner is gone without a word: so are its kernels.
    fn lost(&self) {
        if self.shared.state() == SessionState::Closed {
            return;
        }
        let open: Vec<u64> = lock(&self.routes).iter().filter(|(_, r)| !r.done).map(|(id, _)| *id).collect();
        for id in open {
            self.emit(id, ExecEvent::Done { at: self.clock.now(), outcome: lost_with_owner() });
        }
        lock(&self.asks).clear();
        self.shared.set_pid(None);
        self.state(SessionState::Dead { exit: Exit { code: None, signal: None }, stderr: GONE.to_owned() });
    }

    /// Passes on what the session is told, until it ends, the window leaves or the owner is gone.
    async fn speak(self: Arc<Self>, mut orders: mpsc::Receiver<Order>, mut to: OwnedWriteHalf, mut line: Line) {
        let mut number = 0;
        loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                _ = &mut line.gone => break,
            };
            let Some(order) = order else { break };
            number += 1;
            let say = match self.say(order, number) {
                Ok(say) => say,
                Err(left) => {
                    self.hang_up(&line);
                    let _ = to.shutdown().await;
                    self.shared.set(SessionState::Closed);
                    let _ = left.send(());
                    break;
                }
            };
            let sent = match message(&say) {
                Ok(frame) => to.write_all(&frame).await.is_ok(),
                Err(e) => {
                    tracing::error!("{e}");
                    true
                }
            };
            if !sent {
                // Hearing ends, too, and tells everybody.
                let _ = (&mut line.gone).await;
                break;
            }
        }
        self.hang_up(&line);
        orders.close();
        while let Ok(order) = orders.try_recv() {
            match order {
                Order::Execute(job) => {
                    let why = "The kernel was stopped".to_owned();
                    (job.sink)(ExecEvent::Done { at: self.clock.now(), outcome: Outcome::Aborted { why } });
                }
                Order::Shutdown(tx) | Order::Leave(tx) => drop(tx.send(())),
                _ => {}
            }
        }
    }

    /// Nothing more is heard.
    fn hang_up(&self, line: &Line) {
        self.left.store(true, Ordering::SeqCst);
        let _ = line.socket.shutdown(Shutdown::Both);
    }

    /// An order in words; `Err`: the window leaves.
    fn say(&self, order: Order, number: u64) -> std::result::Result<Say, Sender<()>> {
        let ask = |ask| {
            lock(&self.asks).insert(number, ask);
            number
        };
        Ok(match order {
            Order::Execute(Job { id, code, options, label, sink }) => {
                self.enter(id, sink);
                Say::Execute { id, code, options, label }
            }
            Order::Withdraw(id) => Say::Withdraw(id),
            Order::Interrupt => Say::Interrupt,
            Order::Answer(text) => Say::Answer(text),
            Order::Comm(comm, sink) => {
                let id = super::super::next_exec();
                self.enter(id, sink);
                // It has no end of its own.
                lock(&self.routes).entry(id.0).and_modify(|r| r.done = true);
                Say::Comm { id, comm }
            }
            Order::Restart(tx) => {
                let _ = tx.send(Ok(()));
                Say::Restart
            }
            Order::Shutdown(tx) => Say::Shutdown(ask(Ask::Stop(tx))),
            Order::Kill => Say::Kill,
            Order::Complete { code, cursor, reply } => Say::Complete { ask: ask(Ask::Complete(reply)), code, cursor },
            Order::Inspect { code, cursor, reply } => Say::Inspect { ask: ask(Ask::Help(reply)), code, cursor },
            Order::History { count, reply } => Say::History { ask: ask(Ask::History(reply)), count },
            Order::Plan(plan) => Say::Plan(plan),
            Order::Settled(ids) => Say::Settled(ids),
            Order::Drive => Say::Drive,
            Order::Rename(notebook) => Say::Rename(notebook),
            Order::Leave(tx) => return Err(tx),
        })
    }
}

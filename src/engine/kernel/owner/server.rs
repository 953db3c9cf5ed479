//! The owner's process: takes windows in, holds kernels, and ends when nobody needs it.
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, mpsc},
    time::timeout,
};

use super::{
    super::{Kernels, order::Order},
    frame::{Attach, Frame, HEAD, Hello, PROTOCOL, Record, Say, Tell, Welcome, message, parse, read},
    held::Held,
    log::{Cursor, frames},
    place::{Note, Place},
};
use crate::{
    base::{Error, Result, error::Context, time::Clock},
    engine::dirs::Dirs,
};

/// How long a greeting may take.
const GREETING: Duration = Duration::from_secs(5);
/// How often it is looked whether something is to end.
const PULSE: Duration = Duration::from_millis(250);
/// How long the owner stays without kernels and windows.
const LINGER: Duration = Duration::from_secs(5);
/// Answers that wait for a window; one that reads nothing misses some.
const ANSWERS: usize = 256;
/// How long what has time waits for what comes behind it.
const MOMENT: Duration = Duration::from_millis(4);
/// Bytes read from a log at a time.
const CHUNK: usize = 256 * 1024;

struct Server {
    root: PathBuf,
    kernels: Kernels,
    clock: Arc<dyn Clock>,
    held: Mutex<Vec<Arc<Held>>>,
    /// How long a kernel that does nothing is kept without a window: what the last window said.
    keep: Mutex<Duration>,
    windows: AtomicUsize,
    next: AtomicU64,
    stop: Notify,
    since: jiff::Timestamp,
}

/// Holds the kernels of a workspace until nobody needs them any more. Returns at once when another process does.
pub fn serve(root: &Path, clock: Arc<dyn Clock>) -> Result<()> {
    // Away from the terminal and the process group of the window.
    let _ = rustix::process::setsid();
    let root = root.canonicalize().io(|| format!("No folder {}", root.display()))?;
    let place = Place::of(&root)?;
    let Some(lock) = place.take()? else { return Ok(()) };
    // Whatever is there is of an owner that has ended: the lock is ours.
    place.clear();
    place.sweep();
    let kernels = Kernels::new(&Dirs::from_env().cache, clock.clone());
    let runtime = kernels.runtime()?;
    let server = Arc::new(Server {
        held: Mutex::new(left_behind(&root, &clock)),
        since: clock.now(),
        root,
        kernels,
        clock,
        keep: Mutex::new(Duration::from_mins(10)),
        windows: AtomicUsize::new(0),
        next: AtomicU64::new(1),
        stop: Notify::new(),
    });
    let note = Note {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id() as i32,
        root: server.root.clone(),
        since: server.since,
    };
    let done = runtime.block_on(server.clone().run(&place, &note));
    server.kernels.shutdown_all();
    // What the windows are to hear of the end is on its way.
    std::thread::sleep(Duration::from_millis(150));
    if done.is_ok() {
        place.remove(lock);
    } else {
        // What it said last tells why.
        place.clear();
    }
    done
}

/// Logs of earlier owners with outputs that are not in the file yet.
fn left_behind(root: &Path, clock: &Arc<dyn Clock>) -> Vec<Arc<Held>> {
    let Ok(all) = fs::read_dir(root.join(".andon/kernels")) else { return Vec::new() };
    let mut all: Vec<_> = all.filter_map(|e| Held::adopt(&e.ok()?.path(), clock.clone())).collect();
    all.sort_by_key(|h| h.card.since);
    all
}

impl Server {
    fn held(&self) -> MutexGuard<'_, Vec<Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self: Arc<Self>, place: &Place, note: &Note) -> Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let what = || "Could not open the socket of the kernels' owner".to_owned();
        let listener = UnixListener::bind(place.socket()).io(what)?;
        place.write_note(note)?;
        let mut end = signal(SignalKind::terminate()).io(what)?;
        let mut hangup = signal(SignalKind::hangup()).io(what)?;
        let mut pulse = tokio::time::interval(PULSE);
        let mut unused: Option<Instant> = None;
        loop {
            tokio::select! {
                taken = listener.accept() => match taken {
                    Ok((stream, _)) => {
                        let server = self.clone();
                        tokio::spawn(async move {
                            if let Err(e) = server.talk(stream).await {
                                tracing::warn!("a window: {e}");
                            }
                        });
                    }
                    Err(e) => {
                        tracing::error!("accept: {e}");
                        tokio::time::sleep(PULSE).await;
                    }
                },
                _ = pulse.tick() => {
                    self.look_after();
                    let needed = self.windows.load(Ordering::SeqCst) > 0 || self.held().iter().any(|h| !h.is_ended());
                    let since = if needed { None } else { Some(unused.unwrap_or_else(Instant::now)) };
                    unused = since;
                    if since.is_some_and(|s| s.elapsed() >= LINGER) {
                        return Ok(());
                    }
                }
                () = self.stop.notified() => return Ok(()),
                _ = end.recv() => return Ok(()),
                _ = hangup.recv() => {}
            }
        }
    }

    /// Ends kernels that nobody uses, and forgets those of which nothing is left to tell.
    fn look_after(&self) {
        let keep = *self.keep.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.held();
        for one in held.iter().filter(|h| !h.is_ended()) {
            if one.quiet_for() >= keep
                && let Some(session) = one.session()
            {
                tracing::info!("the kernel of {} does nothing and nobody looks: it is ended", one.notebook());
                drop(session.begin_shutdown());
            }
            one.tidy();
        }
        held.retain(|h| {
            let over = h.is_over();
            if over {
                h.remove();
            }
            !over
        });
    }

    async fn talk(self: Arc<Self>, stream: UnixStream) -> Result<()> {
        let what = || "Could not answer a window".to_owned();
        let own = rustix::process::getuid().as_raw();
        let peer = stream.peer_cred().io(what)?;
        let (mut from, mut to) = stream.into_split();
        let mut welcome = Welcome {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            ..Welcome::default()
        };
        if peer.uid() != own {
            welcome.error = Some(Error::user("These kernels belong to another person"));
            to.write_all(&message(&welcome)?).await.io(what)?;
            return Ok(());
        }
        let Ok(Some(Frame::Message(bytes))) = timeout(GREETING, read(&mut from)).await.unwrap_or(Ok(None)) else {
            return Ok(());
        };
        let hello: Hello = parse(&bytes)?;
        match hello.op.as_str() {
            "status" => {
                welcome.status = self.status();
                to.write_all(&message(&welcome)?).await.io(what)
            }
            "stop" => {
                let server = self.clone();
                // All have ended when the answer comes.
                let _ = tokio::task::spawn_blocking(move || server.kernels.shutdown_all()).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                let sent = to.write_all(&message(&welcome)?).await.io(what);
                self.stop.notify_one();
                sent
            }
            "attach" if hello.protocol == PROTOCOL => self.attach(hello.attach, welcome, from, to).await,
            "attach" => {
                welcome.error = Some(other_version(&welcome.version, &hello.version));
                to.write_all(&message(&welcome)?).await.io(what)
            }
            other => {
                welcome.error = Some(Error::user(format!("The owner of the kernels knows no {other}")));
                to.write_all(&message(&welcome)?).await.io(what)
            }
        }
    }

    async fn attach(
        &self,
        wish: Value,
        mut welcome: Welcome,
        from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
    ) -> Result<()> {
        let what = || "Could not answer a window".to_owned();
        let wish: Attach =
            serde_json::from_value(wish).map_err(|e| Error::bug("A window asked for what cannot be").because(&e))?;
        let first = wish.from;
        let held = match self.find(wish) {
            Ok(Some(held)) => held,
            Ok(None) => return to.write_all(&message(&welcome)?).await.io(what),
            Err(error) => {
                welcome.error = Some(error);
                return to.write_all(&message(&welcome)?).await.io(what);
            }
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, tells) = mpsc::channel(ANSWERS);
        self.windows.fetch_add(1, Ordering::SeqCst);
        let told: HashSet<u64> = held.told().into_iter().collect();
        let attached = held.attach(number, tell.clone());
        let head = attached.head;
        welcome.attached = Some(Box::new(attached));
        let greeted = match message(&welcome) {
            Ok(frame) => to.write_all(&frame).await.io(what),
            Err(e) => Err(e),
        };
        if greeted.is_ok() {
            let reader = Reader { first, head, told };
            let pump = tokio::spawn(pump(held.clone(), to, tells, reader));
            let ended = listen(&held, number, from, &tell).await;
            if let Err(e) = ended {
                tracing::warn!("a window of {}: {e}", held.notebook());
            }
            pump.abort();
        }
        held.detach(number);
        self.windows.fetch_sub(1, Ordering::SeqCst);
        greeted
    }

    /// The kernel a window asks for.
    fn find(&self, wish: Attach) -> Result<Option<Arc<Held>>> {
        *self.keep.lock().unwrap_or_else(PoisonError::into_inner) = Duration::from_secs(wish.keep_seconds);
        let mut held = self.held();
        if let Some(id) = &wish.id {
            return Ok(held.iter().find(|h| h.card.id == *id).cloned());
        }
        let of_notebook = |h: &&Arc<Held>| h.notebook() == wish.notebook;
        if let Some(alive) = held.iter().find(|h| of_notebook(h) && h.is_alive()) {
            return Ok(Some(alive.clone()));
        }
        let Some(launch) = wish.start else { return Ok(None) };
        // One that died is replaced; what it left is kept until it is in the file.
        for dead in held.iter().filter(of_notebook) {
            if let Some(session) = dead.session() {
                drop(session.begin_shutdown());
            }
        }
        let new = Held::start(&self.root, &wish.notebook, launch, &self.kernels, self.clock.clone())?;
        held.push(new.clone());
        Ok(Some(new))
    }

    fn status(&self) -> Value {
        let kernels: Vec<Value> = self.held().iter().map(|h| h.status()).collect();
        let keep = self.keep.lock().unwrap_or_else(PoisonError::into_inner).as_secs();
        json!({
            "workspace": self.root,
            "pid": std::process::id(),
            "socket": Place::of(&self.root).map(|p| p.socket()).ok(),
            "version": env!("CARGO_PKG_VERSION"),
            "protocol": PROTOCOL,
            "since": self.since,
            "keep_seconds": keep,
            "windows": self.windows.load(Ordering::SeqCst),
            "kernels": kernels,
        })
    }
}

/// What a window of another version is told.
pub fn other_version(owner: &str, window: &str) -> Error {
    let other = if owner == window { "another build of it".to_owned() } else { format!("Andon {owner}") };
    Error::user(format!("This window is Andon {window}, but the kernels of this workspace are held by {other}"))
        .because_of("they do not speak the same protocol")
        .hint("End those kernels with `andon kerneld --stop`, then run the cell again")
}

/// Hears what a window says until it goes.
async fn listen(held: &Arc<Held>, number: u64, mut from: OwnedReadHalf, tell: &mpsc::Sender<Tell>) -> Result<()> {
    while let Some(frame) = read(&mut from).await? {
        let Frame::Message(bytes) = frame else { continue };
        let say: Say = parse(&bytes)?;
        if matches!(say, Say::Drive) {
            held.drive(number);
            continue;
        }
        let drives = held.drives(number);
        let asks = matches!(say, Say::Complete { .. } | Say::Inspect { .. } | Say::History { .. });
        if !drives && !asks && !matches!(say, Say::Interrupt | Say::Settled(_)) {
            let id = match &say {
                Say::Execute { id, .. } => Some(*id),
                Say::Plan(_) | Say::Withdraw(_) | Say::Rename(_) => continue,
                _ => None,
            };
            let error = Error::user(format!("Another window works with the kernel of {}", held.notebook()))
                .because_of("only one window can run cells in it; what it runs is shown here, too")
                .hint("Run it there, or take the kernel over from here");
            let _ = tell.try_send(Tell::Refused(id, error));
            continue;
        }
        obey(held, say, tell);
    }
    Ok(())
}

fn obey(held: &Arc<Held>, say: Say, tell: &mpsc::Sender<Tell>) {
    let order = match say {
        Say::Execute { id, code, options, label } => return held.execute(id, code, options, label),
        Say::Comm { id, comm } => return held.comm(id, comm),
        Say::Plan(plan) => return held.plan(plan),
        Say::Settled(ids) => return held.settled(ids),
        Say::Rename(notebook) => return held.rename(notebook),
        Say::Drive => return,
        Say::Withdraw(id) => Order::Withdraw(id),
        Say::Interrupt => Order::Interrupt,
        Say::Answer(text) => Order::Answer(text),
        Say::Kill => Order::Kill,
        Say::Restart => Order::Restart(crossbeam_channel::bounded(1).0),
        Say::Shutdown(ask) => {
            let (tx, rx) = crossbeam_channel::bounded(1);
            answer(rx, tell, move |()| Tell::Stopped(ask));
            Order::Shutdown(tx)
        }
        Say::Complete { ask, code, cursor } => {
            let (reply, rx) = crossbeam_channel::bounded(1);
            answer(rx, tell, move |found| Tell::Completions(ask, found));
            Order::Complete { code, cursor, reply }
        }
        Say::History { ask, count } => {
            let (reply, rx) = crossbeam_channel::bounded(1);
            answer(rx, tell, move |found| Tell::Inputs(ask, found));
            Order::History { count, reply }
        }
        Say::Inspect { ask, code, cursor } => {
            let (reply, rx) = crossbeam_channel::bounded(1);
            answer(rx, tell, move |found| Tell::Help(ask, found));
            Order::Inspect { code, cursor, reply }
        }
    };
    if let Some(Err(error)) = held.session().map(|s| s.order(order)) {
        let _ = tell.try_send(Tell::Refused(None, error));
    }
}

/// Passes an answer of the driver on when it comes; most come within milliseconds.
fn answer<T: Send + 'static>(
    rx: crossbeam_channel::Receiver<T>,
    tell: &mpsc::Sender<Tell>,
    with: impl FnOnce(T) -> Tell + Send + 'static,
) {
    let tell = tell.clone();
    tokio::task::spawn_blocking(move || {
        if let Ok(found) = rx.recv_timeout(Duration::from_secs(20)) {
            let _ = tell.try_send(with(found));
        }
    });
}

/// What a window has to read.
struct Reader {
    /// The first record that is wanted.
    first: u64,
    /// The last record of before it came: news of the kernel until there are old.
    head: u64,
    /// Executions that are in the file.
    told: HashSet<u64>,
}

impl Reader {
    /// True where these records, which follow each other, all came after the window.
    fn wants_all(&self, bytes: &[u8]) -> bool {
        let first = bytes.get(HEAD..).and_then(Record::peek);
        first.is_some_and(|(serial, _, _)| serial > self.head && serial >= self.first)
    }
    /// The records that are wanted.
    fn wanted(&self, bytes: &[u8]) -> Vec<u8> {
        let mut wanted = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for body in frames(bytes) {
            let end = at + HEAD + body.len();
            if self.wants(body) {
                wanted.extend_from_slice(bytes.get(at..end).unwrap_or_default());
            }
            at = end;
        }
        wanted
    }
    fn wants(&self, body: &[u8]) -> bool {
        let Some((serial, exec, _)) = Record::peek(body) else { return false };
        serial >= self.first && (serial > self.head || (exec != 0 && !self.told.contains(&exec)))
    }
}

/// Writes what the log holds and what comes into it, at the pace of the window.
async fn pump(held: Arc<Held>, mut to: OwnedWriteHalf, mut tells: mpsc::Receiver<Tell>, reader: Reader) {
    let mut cursor = Cursor::at(reader.first.max(1));
    let (mut grown, mut soon) = held.log().follow();
    loop {
        while let Ok(tell) = tells.try_recv() {
            if !send(&mut to, &tell).await {
                return;
            }
        }
        grown.borrow_and_update();
        soon.borrow_and_update();
        let bytes = match held.log().read(&mut cursor, CHUNK) {
            Ok(bytes) => bytes,
            Err(e) => {
                tracing::error!("{e}");
                return;
            }
        };
        if bytes.is_empty() {
            tokio::select! {
                changed = grown.changed() => if changed.is_err() { return },
                changed = soon.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let _ = timeout(MOMENT, grown.changed()).await;
                }
                tell = tells.recv() => match tell {
                    Some(tell) => if !send(&mut to, &tell).await { return },
                    None => return,
                },
            }
            continue;
        }
        // What comes while the window is there it wants all of.
        let wanted = if reader.wants_all(&bytes) { bytes } else { reader.wanted(&bytes) };
        if to.write_all(&wanted).await.is_err() {
            return;
        }
    }
}

async fn send(to: &mut OwnedWriteHalf, tell: &Tell) -> bool {
    match message(tell) {
        Ok(frame) => to.write_all(&frame).await.is_ok(),
        Err(e) => {
            tracing::error!("{e}");
            true
        }
    }
}

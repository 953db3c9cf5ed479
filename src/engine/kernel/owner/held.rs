//! One kernel that the owner holds: its session, its log, what ran in it, what waits, and who looks at it.
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    super::{
        Kernels, Session,
        order::{Job, Order},
    },
    frame::{Attached, Begin, Body, Launch, Record, SessionNews, Tell},
    log::Log,
};
use crate::{
    base::{Error, Result, fsx, ids, time::Clock},
    model::kernel::{
        Comm, ExecEvent, ExecId, ExecOptions, Exit, KernelSpec, Label, Outcome, Past, Plan, SessionEvent, SessionState,
    },
};

/// Executions whose story is told to a window that comes back.
const REMEMBERED: usize = 5_000;
/// What is in the file stays in the log for this long, for whoever wants to read the whole of it.
const OLD: Duration = Duration::from_hours(1);
/// And less long when the log holds more than this.
const MUCH: u64 = 1 << 30;

/// What an execution is remembered by.
struct Exec {
    id: ExecId,
    begin: Begin,
    /// What comes behind it runs even when it fails.
    may_fail: bool,
    done: Option<(Timestamp, Outcome)>,
    settled: bool,
}

/// A window that is attached.
struct Window {
    number: u64,
    tell: mpsc::Sender<Tell>,
}

#[derive(Default)]
struct Inner {
    life: u32,
    execs: Vec<Exec>,
    plan: Plan,
    /// The first one drives.
    windows: Vec<Window>,
    /// Since when nothing runs and nobody looks.
    quiet_since: Option<Instant>,
    ended: bool,
}

impl Inner {
    fn exec(&mut self, id: ExecId) -> Option<&mut Exec> {
        self.execs.iter_mut().rev().find(|e| e.id == id)
    }
    fn is_busy(&self) -> bool {
        self.execs.iter().rev().any(|e| e.done.is_none())
    }
}

/// Written beside the log, so that the next owner knows whose it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Card {
    pub id: String,
    pub notebook: String,
    pub spec: KernelSpec,
    pub since: Timestamp,
}

/// A kernel the owner holds, or the log of one that has ended and whose outputs are not all in the file.
pub struct Held {
    /// As it was when it began; the notebook may have another path since.
    pub card: Card,
    notebook: Mutex<String>,
    dir: PathBuf,
    log: Log,
    session: OnceLock<Session>,
    inner: Mutex<Inner>,
    clock: Arc<dyn Clock>,
    me: Weak<Held>,
}

impl Held {
    /// Starts a kernel for a notebook.
    pub fn start(
        root: &Path,
        notebook: &str,
        launch: Launch,
        kernels: &Kernels,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>> {
        let id = ids::random(12);
        let dir = root.join(".andon/kernels").join(&id);
        super::keep_out_of_git(&root.join(".andon"))?;
        let log = Log::open(&dir, |_| {})?;
        let card = Card { id, notebook: notebook.to_owned(), spec: launch.spec.clone(), since: clock.now() };
        let text = serde_json::to_vec_pretty(&card).map_err(|e| Error::bug("The kernel's card").because(&e))?;
        fsx::write_atomic(&dir.join("kernel.json"), &text)?;
        let inner = Mutex::new(Inner { life: 1, ..Inner::default() });
        let held = Arc::new_cyclic(|me| Self::new(card, dir, log, inner, clock, me.clone()));
        let news = held.me.clone();
        let session = kernels.start(&launch.spec, &launch.cwd, move |event| {
            if let Some(held) = news.upgrade() {
                held.heard(event);
            }
        })?;
        let _ = held.session.set(session);
        Ok(held)
    }

    /// What an earlier owner left behind; none when all of it is in the file or it is too old.
    pub fn adopt(dir: &Path, clock: Arc<dyn Clock>) -> Option<Arc<Self>> {
        let card: Card = serde_json::from_slice(&fs::read(dir.join("kernel.json")).ok()?).ok()?;
        let mut inner = Inner { ended: true, ..Inner::default() };
        let mut last = card.since;
        let log = Log::open(dir, |record| last = last.max(inner.retell(record))).ok()?;
        for exec in &mut inner.execs {
            if exec.done.is_none() {
                let outcome = lost_with_owner();
                exec.done = Some((last, outcome.clone()));
                log.append(exec.id.0, Body::Event(ExecEvent::Done { at: last, outcome }));
            }
        }
        let open = inner.execs.iter().any(|e| !e.settled && e.begin.tag.is_some());
        if !open || clock.now().duration_since(card.since).as_hours() > 24 * 14 {
            let _ = fs::remove_dir_all(dir);
            return None;
        }
        let inner = Mutex::new(inner);
        let dir = dir.to_path_buf();
        Some(Arc::new_cyclic(|me| Self::new(card, dir, log, inner, clock, me.clone())))
    }

    fn new(card: Card, dir: PathBuf, log: Log, inner: Mutex<Inner>, clock: Arc<dyn Clock>, me: Weak<Self>) -> Self {
        let notebook = Mutex::new(card.notebook.clone());
        Self { card, notebook, dir, log, session: OnceLock::new(), inner, clock, me }
    }
    /// The notebook it belongs to, relative to the workspace.
    pub fn notebook(&self) -> String {
        self.notebook.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// The notebook was saved under another path. A path that another kernel has stays with that.
    pub fn rename(&self, notebook: String) {
        let card = Card { notebook: notebook.clone(), ..self.card.clone() };
        let written =
            serde_json::to_vec_pretty(&card).ok().map(|t| fsx::write_atomic(&self.dir.join("kernel.json"), &t));
        match written {
            Some(Ok(())) => *self.notebook.lock().unwrap_or_else(PoisonError::into_inner) = notebook,
            Some(Err(e)) => tracing::warn!("{e}"),
            None => {}
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub fn log(&self) -> &Log {
        &self.log
    }
    pub fn session(&self) -> Option<&Session> {
        self.session.get()
    }
    /// How it is.
    pub fn state(&self) -> SessionState {
        match self.session.get() {
            Some(session) => session.state(),
            None => SessionState::Dead { exit: Exit { code: None, signal: None }, stderr: super::GONE.to_owned() },
        }
    }
    /// True while cells can be given to it.
    pub fn is_alive(&self) -> bool {
        !self.inner().ended && self.session.get().is_some_and(|s| s.state().is_alive())
    }

    /// News of the kernel as a whole.
    fn heard(&self, event: SessionEvent) {
        {
            let mut inner = self.inner();
            match &event {
                SessionEvent::State(SessionState::Restarting) => inner.life += 1,
                SessionEvent::State(SessionState::Closed) => inner.ended = true,
                _ => {}
            }
            if matches!(&event, SessionEvent::State(s) if !s.is_alive() || *s == SessionState::Restarting) {
                inner.plan.cells.clear();
            }
        }
        let pid = self.session.get().and_then(Session::pid);
        self.log.append(0, Body::Session(SessionNews { event, pid }));
    }

    /// Gives a cell to the kernel.
    pub fn execute(&self, id: ExecId, code: String, options: ExecOptions, label: Option<Label>) {
        let begin = {
            let mut inner = self.inner();
            let begin = Begin {
                tag: label.as_ref().filter(|_| !options.silent).map(|l| l.tag.clone()),
                code: code.clone(),
                options,
                life: inner.life,
                at: self.clock.now(),
            };
            let may_fail = label.as_ref().is_some_and(|l| l.may_fail);
            if let Some(label) = label {
                inner.set_plan(label.then);
            }
            let settled = begin.tag.is_none();
            inner.execs.push(Exec { id, begin: begin.clone(), may_fail, done: None, settled });
            inner.forget();
            begin
        };
        self.log.append(id.0, Body::Begin(begin));
        let me = self.me.clone();
        let sink = Arc::new(move |event: ExecEvent| {
            if let Some(held) = me.upgrade() {
                held.reported(id, event);
            }
        });
        let order = Order::Execute(Job { id, code, options, label: None, sink });
        if let Some(Err(error)) = self.session.get().map(|s| s.order(order)) {
            let outcome = Outcome::Aborted { why: error.to_string() };
            self.reported(id, ExecEvent::Done { at: self.clock.now(), outcome });
        }
    }

    /// Tells a widget of the kernel what a person did.
    pub fn comm(&self, id: ExecId, comm: Comm) {
        let me = self.me.clone();
        let sink = Arc::new(move |event: ExecEvent| {
            if let Some(held) = me.upgrade() {
                held.log.append(id.0, Body::Event(event));
            }
        });
        if let Some(Err(error)) = self.session.get().map(|s| s.order(Order::Comm(comm, sink))) {
            tracing::warn!("widget: {error}");
        }
    }

    /// What a running cell reports.
    fn reported(&self, id: ExecId, event: ExecEvent) {
        let done = match &event {
            ExecEvent::Done { at, outcome } => Some((*at, outcome.clone())),
            _ => None,
        };
        self.log.append(id.0, Body::Event(event));
        let Some((at, outcome)) = done else { return };
        {
            let mut inner = self.inner();
            let alone = inner.windows.is_empty();
            let Some(exec) = inner.exec(id) else { return };
            let stops = exec.begin.tag.is_some() && !outcome.is_ok() && !exec.may_fail;
            exec.done = Some((at, outcome));
            // A window decides itself what becomes of what waits.
            if stops && alone {
                inner.plan.cells.clear();
            }
        }
        self.go_on();
    }

    /// Without a window, what waits is run here, up to the first cell that only a window can run.
    fn go_on(&self) {
        let next = {
            let mut inner = self.inner();
            if !inner.windows.is_empty() || inner.is_busy() || inner.ended {
                return;
            }
            let failed = inner.execs.iter().rev().find(|e| e.begin.tag.is_some());
            let failed = failed.is_some_and(|e| !e.may_fail && e.done.as_ref().is_some_and(|(_, o)| !o.is_ok()));
            if failed {
                inner.plan.cells.clear();
            }
            match inner.plan.cells.first() {
                Some(cell) if cell.code.is_some() => {}
                _ => return,
            }
            let cell = inner.plan.cells.remove(0);
            (cell, inner.plan.clone())
        };
        let (cell, then) = next;
        // Nobody is there to answer a question of the code.
        let options = ExecOptions { allow_stdin: false, ..ExecOptions::default() };
        let label = Label { tag: cell.tag, may_fail: cell.may_fail, then };
        self.execute(super::super::next_exec(), cell.code.unwrap_or_default(), options, Some(label));
    }

    pub fn plan(&self, plan: Plan) {
        self.inner().set_plan(plan);
    }

    /// The outputs of these are in the file.
    pub fn settled(&self, ids: Vec<ExecId>) {
        {
            let mut inner = self.inner();
            for id in &ids {
                if let Some(exec) = inner.exec(*id).filter(|e| e.done.is_some()) {
                    exec.settled = true;
                }
            }
        }
        self.log.append(0, Body::Settled(ids));
        self.tidy();
    }

    /// Drops what is old and in the file; removes the folder of a kernel that has ended and left nothing to tell.
    pub fn tidy(&self) {
        let inner = self.inner();
        let settled: HashMap<u64, bool> = inner.execs.iter().map(|e| (e.id.0, e.settled && e.done.is_some())).collect();
        // Executions that are forgotten were settled.
        self.log.prune(|exec| settled.get(&exec).copied().unwrap_or(true), OLD, MUCH);
    }
    /// True when nobody needs it any more.
    pub fn is_over(&self) -> bool {
        let inner = self.inner();
        (inner.ended || self.session.get().is_none())
            && inner.windows.is_empty()
            && inner.execs.iter().all(|e| e.settled)
    }
    /// Has ended, though perhaps not everything is in the file.
    pub fn is_ended(&self) -> bool {
        self.inner().ended
    }
    /// Removes its folder.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.dir);
    }

    /// A window comes. Gives how the kernel is, and from which record on it has to read.
    pub fn attach(&self, number: u64, tell: mpsc::Sender<Tell>) -> Attached {
        let mut inner = self.inner();
        inner.quiet_since = None;
        let drives = inner.windows.is_empty();
        inner.windows.push(Window { number, tell });
        let past = inner.execs.iter().filter_map(|e| {
            let (tag, code, done) = (e.begin.tag.clone()?, e.begin.code.clone(), e.done.clone());
            Some(Past { id: e.id, tag, code, life: e.begin.life, at: e.begin.at, done, settled: e.settled })
        });
        let past = past.collect();
        let plan = inner.plan.clone();
        // A window that comes counts its changes anew.
        inner.plan.version = 0;
        Attached {
            id: self.card.id.clone(),
            spec: self.card.spec.clone(),
            state: self.state(),
            info: self.session.get().and_then(Session::info),
            pid: self.session.get().and_then(Session::pid),
            life: inner.life,
            drives,
            past,
            plan,
            head: self.log.head(),
        }
    }

    /// Executions whose events need not be told again: they are in the file, or nobody was to see them.
    pub fn told(&self) -> Vec<u64> {
        self.inner().execs.iter().filter(|e| e.settled && e.done.is_some()).map(|e| e.id.0).collect()
    }

    /// A window goes; the next one drives.
    pub fn detach(&self, number: u64) {
        {
            let mut inner = self.inner();
            let drove = inner.windows.first().is_some_and(|w| w.number == number);
            inner.windows.retain(|w| w.number != number);
            if drove {
                inner.hand_over();
            }
        }
        self.go_on();
    }
    /// Another window runs the cells from now on, with what the one before had still to run.
    pub fn drive(&self, number: u64) {
        let mut inner = self.inner();
        let Some(at) = inner.windows.iter().position(|w| w.number == number) else { return };
        if at == 0 {
            return;
        }
        if let Some(before) = inner.windows.first() {
            let _ = before.tell.try_send(Tell::Drives(false, Plan::default()));
        }
        let window = inner.windows.remove(at);
        inner.windows.insert(0, window);
        inner.hand_over();
    }
    /// True for the window that may run cells.
    pub fn drives(&self, number: u64) -> bool {
        self.inner().windows.first().is_some_and(|w| w.number == number)
    }

    /// How long nothing has run while nobody looked.
    pub fn quiet_for(&self) -> Duration {
        let mut inner = self.inner();
        if !inner.windows.is_empty() || inner.is_busy() {
            inner.quiet_since = None;
            return Duration::ZERO;
        }
        inner.quiet_since.get_or_insert_with(Instant::now).elapsed()
    }

    /// What `andon kerneld --status` says of it.
    pub fn status(&self) -> Value {
        let inner = self.inner();
        let running = inner.execs.iter().find(|e| e.done.is_none() && e.begin.tag.is_some());
        json!({
            "id": self.card.id,
            "notebook": self.notebook(),
            "kernel": self.card.spec.display_name,
            "language": self.card.spec.language,
            "pid": self.session.get().and_then(Session::pid),
            "memory_bytes": self.session.get().and_then(Session::memory),
            "state": self.state().word(),
            "since": self.card.since,
            "running": running.map(|e| json!({ "cell": e.begin.tag, "since": e.begin.at })),
            "waiting": inner.plan.cells.len(),
            "windows": inner.windows.len(),
            "log_bytes": self.log.bytes(),
            "log_records": self.log.head(),
            "lost_records": self.log.lost(),
        })
    }
}

/// How a cell ended whose owner was killed.
pub fn lost_with_owner() -> Outcome {
    Outcome::Died { exit: Exit { code: None, signal: None }, stderr: super::GONE.to_owned() }
}

impl Inner {
    /// Tells the first window that it drives.
    fn hand_over(&mut self) {
        if let Some(first) = self.windows.first() {
            let _ = first.tell.try_send(Tell::Drives(true, self.plan.clone()));
            // It counts its changes anew.
            self.plan.version = 0;
        }
    }

    fn set_plan(&mut self, plan: Plan) {
        if plan.version >= self.plan.version {
            self.plan = plan;
        }
    }

    /// The oldest that are in the file are forgotten.
    fn forget(&mut self) {
        while self.execs.len() > REMEMBERED {
            let Some(at) = self.execs.iter().position(|e| e.settled && e.done.is_some()) else { return };
            self.execs.remove(at);
        }
    }

    /// Folds in a record of an earlier owner; gives the latest time it names.
    fn retell(&mut self, record: &Record) -> Timestamp {
        let id = ExecId(record.exec);
        match &record.body {
            Body::Begin(begin) => {
                self.life = self.life.max(begin.life);
                let settled = begin.tag.is_none();
                let at = begin.at;
                self.execs.push(Exec { id, begin: begin.clone(), may_fail: false, done: None, settled });
                return at;
            }
            Body::Event(ExecEvent::Done { at, outcome }) => {
                if let Some(exec) = self.exec(id) {
                    exec.done = Some((*at, outcome.clone()));
                }
                return *at;
            }
            Body::Settled(ids) => {
                for exec in self.execs.iter_mut().filter(|e| ids.contains(&e.id)) {
                    exec.settled = true;
                }
            }
            Body::Event(_) | Body::Session(_) => {}
        }
        Timestamp::UNIX_EPOCH
    }
}

/// Which notebooks have kernels or outputs kept in a workspace, without asking anybody.
pub fn cards(root: &Path) -> Vec<Card> {
    let Ok(all) = fs::read_dir(root.join(".andon/kernels")) else { return Vec::new() };
    let card = |dir: PathBuf| serde_json::from_slice(&fs::read(dir.join("kernel.json")).ok()?).ok();
    all.filter_map(|e| card(e.ok()?.path())).collect()
}

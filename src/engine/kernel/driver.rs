//! One task owns a session: it launches the process, feeds it one cell at a time, routes what comes back, and ends it.
use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use crossbeam_channel::Sender;
use jupyter_protocol as jp;
use serde_json::{Map, Value};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Sink,
    order::{Job, Order, Shared},
    process::Process,
    wire::{Address, Channel, Message, Wire},
};
use crate::{
    base::{Error, Result, text, time::Clock},
    model::kernel::{
        Bundle, Comm, CommKind, Completions, ExecEvent, ExecId, Exit, InterruptMode, KernelInfo, KernelSpec, Outcome,
        SessionEvent, SessionState,
    },
};

/// Text is handed on at most this often.
const STREAM_PAUSE: Duration = Duration::from_millis(33);
/// Text is handed on at once when this much waits.
const STREAM_BYTES: usize = 256 * 1024;
/// A run whose reply or whose idle never comes is ended after this time (some kernels omit one of them).
pub(super) const HALF_DONE_PATIENCE: Duration = Duration::from_secs(5);
/// Messages that were refused are told of this often at most.
const REFUSALS_PAUSE: Duration = Duration::from_secs(5);
/// Finished runs whose late output still finds its cell.
pub(super) const KEPT_ROUTES: usize = 64;

struct Live {
    process: Process,
    wire: Wire,
    // Keeps the private folder with the sockets.
    _address: Address,
}

pub(super) struct Route {
    sink: Sink,
    stderr: bool,
    text: String,
    pub flush_at: Option<Instant>,
    last: Option<Instant>,
}

impl Route {
    pub fn new(sink: Sink) -> Self {
        Self { sink, stderr: false, text: String::new(), flush_at: None, last: None }
    }
    pub fn flush(&mut self) {
        self.flush_at = None;
        if !self.text.is_empty() {
            self.last = Some(Instant::now());
            (self.sink)(ExecEvent::Stream { stderr: self.stderr, text: std::mem::take(&mut self.text) });
        }
    }
    pub fn emit(&mut self, event: ExecEvent) {
        self.flush();
        (self.sink)(event);
    }
    /// Joins bursts: the first piece goes at once, the rest 30 times a second.
    pub fn stream(&mut self, stderr: bool, text: &str) {
        if stderr != self.stderr {
            self.flush();
            self.stderr = stderr;
        }
        self.text.push_str(text);
        let due = self.last.is_none_or(|last| last.elapsed() >= STREAM_PAUSE);
        if due || self.text.len() >= STREAM_BYTES {
            self.flush();
        } else if self.flush_at.is_none() {
            self.flush_at = Some(Instant::now() + STREAM_PAUSE);
        }
    }
}

struct Active {
    msg_id: String,
    stop_on_error: bool,
    reply: Option<Outcome>,
    idle: bool,
    half_done_at: Option<Instant>,
}

enum Ask {
    Complete(Sender<Completions>),
    Inspect(Sender<Bundle>),
}

enum End {
    Died(Exit),
    Restart(Sender<Result<()>>),
    Shutdown(Option<Sender<()>>),
}

/// The owner of a session.
pub(super) struct Driver {
    pub spec: KernelSpec,
    pub cwd: PathBuf,
    pub orders: mpsc::Receiver<Order>,
    pub shared: Arc<Shared>,
    pub clock: Arc<dyn Clock>,
    queue: VecDeque<Job>,
    active: Option<Active>,
    routes: HashMap<String, Route>,
    recent: VecDeque<String>,
    asks: HashMap<String, Ask>,
    input: Option<Message>,
    patience: Duration,
    /// A question put right behind an interrupt: its answer proves that the kernel has it.
    probe: Option<String>,
    refused: Refusals,
}

/// Messages that were not taken.
#[derive(Default)]
struct Refusals {
    count: u64,
    why: String,
    told_at: Option<Instant>,
}

impl Driver {
    pub fn new(
        spec: KernelSpec,
        cwd: PathBuf,
        orders: mpsc::Receiver<Order>,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> Self {
        Self {
            spec,
            cwd,
            orders,
            shared,
            clock,
            queue: VecDeque::new(),
            active: None,
            routes: HashMap::new(),
            recent: VecDeque::new(),
            asks: HashMap::new(),
            input: None,
            patience,
            probe: None,
            refused: Refusals::default(),
        }
    }

    /// Lives as long as the session. `started` hears how the first start went.
    pub async fn run(mut self, started: Sender<Result<()>>) {
        let mut waiting = Some(started);
        loop {
            let end = match self.start().await {
                Ok(Ok(mut live)) => {
                    if let Some(tx) = waiting.take() {
                        let _ = tx.send(Ok(()));
                    }
                    let end = self.serve(&mut live).await;
                    self.stop(live, &end).await
                }
                Ok(Err(error)) => {
                    self.abort_all("The kernel could not be started");
                    self.shared.set(SessionState::Failed { error: error.clone() });
                    if let Some(tx) = waiting.take() {
                        let _ = tx.send(Err(error));
                    }
                    self.dormant().await
                }
                Err(shutdown) => End::Shutdown(shutdown),
            };
            let end = match end {
                End::Died(_) => self.dormant().await,
                other => other,
            };
            match end {
                End::Restart(tx) => {
                    self.shared.set(SessionState::Restarting);
                    waiting = Some(tx);
                }
                End::Shutdown(tx) => {
                    // From here on nothing is taken; what was on its way gets its end.
                    self.orders.close();
                    while let Ok(order) = self.orders.try_recv() {
                        if let Order::Execute(job) = order {
                            self.queue.push_back(job);
                        }
                    }
                    self.abort_all("The kernel was stopped");
                    self.shared.set(SessionState::Closed);
                    if let Some(tx) = tx {
                        let _ = tx.send(());
                    }
                    return;
                }
                End::Died(_) => return,
            }
        }
    }

    /// Launches the process; cells may be queued and the session may be shut down meanwhile.
    async fn start(&mut self) -> std::result::Result<Result<Live>, Option<Sender<()>>> {
        let launching = launch(self.spec.clone(), self.cwd.clone(), self.shared.clone(), self.patience);
        tokio::pin!(launching);
        loop {
            let order = tokio::select! {
                live = &mut launching => return Ok(live),
                order = self.orders.recv() => order,
            };
            match order {
                Some(Order::Execute(job)) => self.queue.push_back(job),
                Some(Order::Withdraw(id)) => self.withdraw(id),
                Some(Order::Restart(tx)) => {
                    let _ = tx.send(Ok(()));
                }
                Some(Order::Interrupt | Order::Kill) => return Err(None),
                Some(Order::Shutdown(tx) | Order::Leave(tx)) => return Err(Some(tx)),
                Some(
                    Order::Answer(_)
                    | Order::Comm(..)
                    | Order::Complete { .. }
                    | Order::Inspect { .. }
                    | Order::Plan(_)
                    | Order::Settled(_),
                ) => {}
                None => return Err(None),
            }
        }
    }

    /// Dead, but can be restarted.
    async fn dormant(&mut self) -> End {
        loop {
            match self.orders.recv().await {
                Some(Order::Restart(tx)) => return End::Restart(tx),
                Some(Order::Shutdown(tx) | Order::Leave(tx)) => return End::Shutdown(Some(tx)),
                Some(Order::Execute(job)) => self.abort(&job, "The kernel is not running: restart it first"),
                Some(_) => {}
                None => return End::Shutdown(None),
            }
        }
    }

    async fn serve(&mut self, live: &mut Live) -> End {
        loop {
            if let Err(error) = self.feed(live).await {
                tracing::warn!("kernel: {error}");
            }
            let busy = self.active.is_some();
            let interrupting = matches!(self.shared.state(), SessionState::Interrupting { .. });
            if !busy {
                self.shared.set(SessionState::Idle);
            } else if !interrupting {
                self.shared.set(SessionState::Busy);
            }
            let wake = self.wake_at();
            tokio::select! {
                order = self.orders.recv() => {
                    if let Some(end) = self.order(live, order).await {
                        return end;
                    }
                }
                message = live.wire.messages.recv() => match message {
                    Some(message) => self.message(message),
                    // All readers ended: only the process can say why.
                    None => return End::Died(live.process.wait().await),
                },
                exit = live.process.wait() => {
                    // What it said last may still be on its way through the sockets.
                    while let Ok(Some(message)) = timeout(Duration::from_millis(30), live.wire.messages.recv()).await {
                        self.message(message);
                    }
                    return End::Died(exit);
                }
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.tick(),
            }
        }
    }

    /// Ends the process in the way `end` asks for; every cell gets its end state.
    async fn stop(&mut self, mut live: Live, end: &End) -> End {
        let was_busy = self.active.is_some();
        self.asks.clear();
        self.input = None;
        match end {
            End::Died(exit) => {
                let stderr = crash_text(&live.process.stderr.text());
                let outcome = Outcome::Died { exit: *exit, stderr: stderr.clone() };
                self.shared.set_pid(None);
                self.finish(outcome);
                self.abort_all("The kernel died");
                self.shared.set(SessionState::Dead { exit: *exit, stderr });
                // What the kernel itself started and left behind.
                live.process.kill().await;
                return End::Died(*exit);
            }
            End::Restart(_) => {
                self.shared.set(SessionState::Restarting);
                self.finish(Outcome::Aborted { why: "The kernel was restarted".into() });
                self.abort_all("The kernel was restarted");
            }
            End::Shutdown(_) => {
                self.finish(Outcome::Aborted { why: "The kernel was stopped".into() });
                self.abort_all("The kernel was stopped");
            }
        }
        let restart = matches!(end, End::Restart(_));
        // A busy kernel answers to nothing; interrupted, it can end in order.
        if was_busy {
            live.process.interrupt();
        }
        let asked = live.wire.control(jp::ShutdownRequest { restart }).await.is_ok();
        let patience = Duration::from_millis(if asked { 2000 } else { 0 });
        match live.process.wait_for(patience).await {
            Some(_) => live.process.kill().await,
            None => live.process.stop().await,
        };
        self.shared.set_pid(None);
        self.routes.clear();
        self.recent.clear();
        match end {
            End::Restart(tx) => End::Restart(tx.clone()),
            End::Shutdown(tx) => End::Shutdown(tx.clone()),
            End::Died(exit) => End::Died(*exit),
        }
    }

    /// Sends the next waiting cell when the kernel is free.
    async fn feed(&mut self, live: &mut Live) -> Result<()> {
        if self.active.is_some() {
            return Ok(());
        }
        let Some(job) = self.queue.pop_front() else { return Ok(()) };
        let request = jp::ExecuteRequest {
            code: job.code.clone(),
            silent: job.options.silent,
            store_history: !job.options.silent,
            user_expressions: None,
            allow_stdin: job.options.allow_stdin,
            // The queue is ours, so the kernel never has anything to withdraw.
            stop_on_error: false,
        };
        let msg_id = match live.wire.request(request).await {
            Ok(id) => id,
            Err(error) => {
                self.abort(&job, &error.to_string());
                return Err(error);
            }
        };
        (job.sink)(ExecEvent::Started { at: self.clock.now() });
        let stop_on_error = job.options.stop_on_error;
        self.route(msg_id.clone(), job.sink);
        self.active = Some(Active { msg_id, stop_on_error, reply: None, idle: false, half_done_at: None });
        Ok(())
    }

    /// What the kernel says about a request goes to a sink.
    fn route(&mut self, msg_id: String, sink: Sink) {
        self.routes.insert(msg_id.clone(), Route::new(sink));
        self.recent.push_back(msg_id);
        while self.recent.len() > KEPT_ROUTES {
            let Some(old) = self.recent.pop_front() else { break };
            // A long cell may be older than many moves of a slider.
            if self.active.as_ref().is_some_and(|a| a.msg_id == old) {
                self.recent.push_back(old);
                break;
            }
            self.routes.remove(&old);
        }
    }

    async fn order(&mut self, live: &mut Live, order: Option<Order>) -> Option<End> {
        match order {
            Some(Order::Execute(job)) => self.queue.push_back(job),
            Some(Order::Withdraw(id)) => self.withdraw(id),
            Some(Order::Interrupt) => self.interrupt(live).await,
            Some(Order::Answer(text)) => {
                if let Some(request) = self.input.take()
                    && let Err(error) = live.wire.answer(&request, text).await
                {
                    tracing::warn!("kernel input: {error}");
                }
            }
            Some(Order::Comm(comm, sink)) => {
                let request = jp::CommMsg { comm_id: jp::CommId(comm.id), data: comm.data };
                if let Ok(id) = live.wire.request(request).await {
                    self.route(id, sink);
                }
            }
            Some(Order::Restart(tx)) => return Some(End::Restart(tx)),
            Some(Order::Shutdown(tx) | Order::Leave(tx)) => return Some(End::Shutdown(Some(tx))),
            Some(Order::Kill) => return Some(End::Died(live.process.kill().await)),
            Some(Order::Complete { code, cursor, reply }) => {
                let request = jp::CompleteRequest { code, cursor_pos: cursor };
                self.ask(live, request, Ask::Complete(reply)).await;
            }
            Some(Order::Inspect { code, cursor, reply }) => {
                let request = jp::InspectRequest { code, cursor_pos: cursor, detail_level: Some(0) };
                self.ask(live, request, Ask::Inspect(reply)).await;
            }
            // Who drives the process itself sees to the queue, and keeps no log.
            Some(Order::Plan(_) | Order::Settled(_)) => {}
            None => return Some(End::Shutdown(None)),
        }
        None
    }

    async fn ask(&mut self, live: &mut Live, request: impl Into<jp::JupyterMessageContent>, ask: Ask) {
        // Dropping the sender tells whoever waits that no answer will come.
        if let Ok(id) = live.wire.request(request).await {
            self.asks.insert(id, ask);
        }
    }

    async fn interrupt(&mut self, live: &mut Live) {
        if self.active.is_none() {
            return;
        }
        self.input = None;
        let since = match self.shared.state() {
            // Asked again: the time counts from the first.
            SessionState::Interrupting { since, .. } => since,
            _ => self.clock.now(),
        };
        self.shared.set(SessionState::Interrupting { since, heard: false });
        let probe = match self.spec.interrupt {
            InterruptMode::Signal => {
                live.process.interrupt();
                live.wire.control(jp::KernelInfoRequest {}).await
            }
            InterruptMode::Message => live.wire.control(jp::InterruptRequest {}).await,
        };
        match probe {
            Ok(id) => self.probe = Some(id),
            Err(error) => tracing::warn!("kernel interrupt: {error}"),
        }
    }

    fn withdraw(&mut self, id: Option<ExecId>) {
        let (gone, kept): (Vec<Job>, Vec<Job>) =
            std::mem::take(&mut self.queue).into_iter().partition(|job| id.is_none_or(|id| id == job.id));
        self.queue = kept.into();
        for job in &gone {
            self.abort(job, "Withdrawn from the queue");
        }
    }

    fn abort(&self, job: &Job, why: &str) {
        (job.sink)(ExecEvent::Done { at: self.clock.now(), outcome: Outcome::Aborted { why: why.to_owned() } });
    }

    fn abort_all(&mut self, why: &str) {
        let jobs = std::mem::take(&mut self.queue);
        for job in &jobs {
            self.abort(job, why);
        }
    }

    /// When text is to be handed on or a half-done run is given up.
    fn wake_at(&self) -> Option<Instant> {
        let flush = self.routes.values().filter_map(|r| r.flush_at).min();
        let give_up = self.active.as_ref().and_then(|a| a.half_done_at);
        let tell = self.refused.told_at.filter(|_| self.refused.count > 0).map(|at| at + REFUSALS_PAUSE);
        flush.into_iter().chain(give_up).chain(tell).min()
    }

    fn tick(&mut self) {
        let now = Instant::now();
        self.routes.values_mut().filter(|r| r.flush_at.is_some_and(|at| at <= now)).for_each(Route::flush);
        if self.refused.count > 0 && self.refused.told_at.is_none_or(|at| at + REFUSALS_PAUSE <= now) {
            self.tell_refused();
        }
        let give_up = self.active.as_ref().and_then(|a| a.half_done_at).is_some_and(|at| at <= now);
        if give_up {
            let reply = self.active.as_mut().and_then(|a| a.reply.take());
            self.finish(reply.unwrap_or(Outcome::Ok { execution_count: None }));
        }
    }

    /// Ends the running cell, if there is one.
    fn finish(&mut self, outcome: Outcome) {
        let Some(active) = self.active.take() else { return };
        self.input = None;
        let failed = matches!(outcome, Outcome::Error { .. });
        if let Some(route) = self.routes.get_mut(&active.msg_id) {
            route.emit(ExecEvent::Done { at: self.clock.now(), outcome });
        }
        if failed && active.stop_on_error {
            self.abort_all("An earlier cell failed");
        }
    }

    fn message(&mut self, message: Message) {
        match message.channel {
            Channel::IoPub => self.iopub(&message),
            Channel::Shell => self.shell(&message),
            Channel::Stdin => self.input_request(message),
            Channel::Control => self.control(&message),
            Channel::Refused => self.refuse(message.kind),
        }
        let Some(active) = self.active.as_mut() else { return };
        match (&active.reply, active.idle) {
            (Some(_), true) => {
                let outcome = active.reply.take();
                self.finish(outcome.unwrap_or(Outcome::Ok { execution_count: None }));
            }
            (None, false) => {}
            // The clock starts anew with each message: a kernel that still talks is not given up.
            _ => active.half_done_at = Some(Instant::now() + HALF_DONE_PATIENCE),
        }
    }

    /// The kernel has taken an interrupt, though its code may go on.
    fn control(&mut self, message: &Message) {
        if self.probe.is_none() || message.parent != self.probe {
            return;
        }
        self.probe = None;
        if let SessionState::Interrupting { since, .. } = self.shared.state() {
            self.shared.set(SessionState::Interrupting { since, heard: true });
        }
    }

    /// Tells of messages that were not taken: of the first at once, then in sums.
    fn refuse(&mut self, why: String) {
        tracing::warn!("a message of the kernel was refused {why}");
        self.refused.count += 1;
        self.refused.why = why;
        if self.refused.told_at.is_none_or(|at| at.elapsed() >= REFUSALS_PAUSE) {
            self.tell_refused();
        }
    }

    fn tell_refused(&mut self) {
        let Refusals { count, why, .. } = std::mem::take(&mut self.refused);
        self.refused.told_at = Some(Instant::now());
        let what = format!("{} of the kernel could not be taken", text::count(count, "message"));
        let hint = "Its other messages go on; restart the kernel if output is missing";
        self.shared.tell(SessionEvent::Trouble(Error::remote(what).because_of(why).hint(hint)));
    }

    fn input_request(&mut self, message: Message) {
        if message.kind != "input_request" {
            return;
        }
        let prompt = message.text("prompt");
        let password = message.content.get("password").and_then(Value::as_bool).unwrap_or(false);
        let Some(route) = message.parent.as_ref().and_then(|id| self.routes.get_mut(id)) else { return };
        route.emit(ExecEvent::Input { prompt, password });
        self.input = Some(message);
    }

    fn shell(&mut self, message: &Message) {
        let Some(parent) = &message.parent else { return };
        if let Some(ask) = self.asks.remove(parent) {
            match ask {
                Ask::Complete(tx) => drop(tx.send(completions(&message.content))),
                Ask::Inspect(tx) => drop(tx.send(bundle(&message.content))),
            }
            return;
        }
        let Some(active) = self.active.as_mut().filter(|a| &a.msg_id == parent) else { return };
        if message.kind != "execute_reply" {
            return;
        }
        let execution_count = message.content.get("execution_count").and_then(Value::as_u64).filter(|n| *n > 0);
        active.reply = Some(match message.content.get("status").and_then(Value::as_str) {
            Some("error") => {
                Outcome::Error { execution_count, ename: message.text("ename"), evalue: message.text("evalue") }
            }
            Some("aborted" | "abort") => Outcome::Aborted { why: "The kernel withdrew it".into() },
            _ => Outcome::Ok { execution_count },
        });
    }

    fn iopub(&mut self, message: &Message) {
        let Some(parent) = &message.parent else { return };
        if message.kind == "status" {
            if message.text("execution_state") == "idle"
                && let Some(active) = self.active.as_mut().filter(|a| &a.msg_id == parent)
            {
                active.idle = true;
            }
            return;
        }
        // Another client's output, or that of a cell long gone.
        let Some(route) = self.routes.get_mut(parent) else { return };
        if message.kind == "stream" {
            route.stream(message.text("name") == "stderr", &message.text("text"));
            return;
        }
        if let Some(event) = event(message) {
            route.emit(event);
        }
    }
}

/// The event an iopub message stands for; none for what a front end does not show.
pub(super) fn event(message: &Message) -> Option<ExecEvent> {
    let content = &message.content;
    let display_id = || content.pointer("/transient/display_id").and_then(Value::as_str).map(str::to_owned);
    Some(match message.kind.as_str() {
        "display_data" => ExecEvent::Display { bundle: bundle(content), display_id: display_id() },
        "execute_result" => ExecEvent::Result {
            bundle: bundle(content),
            execution_count: content.get("execution_count").and_then(Value::as_u64),
            display_id: display_id(),
        },
        "update_display_data" => ExecEvent::UpdateDisplay { display_id: display_id()?, bundle: bundle(content) },
        "clear_output" => ExecEvent::Clear { wait: content.get("wait").and_then(Value::as_bool).unwrap_or(false) },
        "error" => ExecEvent::Error {
            ename: message.text("ename"),
            evalue: message.text("evalue"),
            traceback: content
                .get("traceback")
                .and_then(Value::as_array)
                .map(|lines| lines.iter().filter_map(|l| l.as_str().map(str::to_owned)).collect())
                .unwrap_or_default(),
        },
        "comm_open" | "comm_msg" | "comm_close" => ExecEvent::Comm(Box::new(Comm {
            kind: match message.kind.as_str() {
                "comm_open" => CommKind::Open,
                "comm_msg" => CommKind::Message,
                _ => CommKind::Close,
            },
            id: message.text("comm_id"),
            target: message.text("target_name"),
            data: object(content, "data"),
            buffers: message.buffers.clone(),
        })),
        _ => return None,
    })
}

fn object(content: &Value, field: &str) -> Map<String, Value> {
    content.get(field).and_then(Value::as_object).cloned().unwrap_or_default()
}

pub(super) fn bundle(content: &Value) -> Bundle {
    Bundle { data: object(content, "data"), metadata: object(content, "metadata") }
}

pub(super) fn completions(content: &Value) -> Completions {
    let at = |field: &str| content.get(field).and_then(Value::as_u64).unwrap_or(0) as usize;
    let strings = |list: &Value, pick: fn(&Value) -> &Value| -> Vec<String> {
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|v| pick(v).as_str().unwrap_or_default().to_owned()).collect()
    };
    let kinds = content.pointer("/metadata/_jupyter_types_experimental").unwrap_or(&Value::Null);
    Completions {
        matches: strings(content.get("matches").unwrap_or(&Value::Null), |v| v),
        kinds: strings(kinds, |v| v.get("type").unwrap_or(&Value::Null)),
        start: at("cursor_start"),
        end: at("cursor_end"),
    }
}

/// The end of stderr: without the debugger's advice on frozen modules, which every ipykernel prints, and without the
/// frames of IPython below those of the cell that crashed.
fn crash_text(stderr: &str) -> String {
    let noise = ["0.00s - ", "It seems that frozen modules", "NOTE: When using the `ipython kernel`"];
    let machinery = |l: &&str| l.contains("/IPython/core/") || l.starts_with("Extension modules:");
    let mut lines: Vec<&str> = stderr.lines().filter(|l| !noise.iter().any(|n| l.contains(n))).collect();
    if let Some(crash) = lines.iter().position(|l| l.starts_with("Fatal Python error"))
        && let Some(below) = lines.iter().skip(crash).position(machinery)
    {
        lines.truncate(crash + below);
    }
    let from = lines.len().saturating_sub(40);
    lines.get(from..).unwrap_or_default().join("\n").trim().to_owned()
}

async fn launch(spec: KernelSpec, cwd: PathBuf, shared: Arc<Shared>, patience: Duration) -> Result<Live> {
    // Only ipykernel is known to speak over sockets of the file system.
    let tcp = spec.python.is_none();
    match launch_once(&spec, &cwd, &shared, tcp, patience).await {
        Err(error) if !tcp && error.causes.iter().any(|c| c.contains("ipc") || c.contains("transport")) => {
            tracing::info!("kernel over TCP instead: {error}");
            launch_once(&spec, &cwd, &shared, true, patience).await
        }
        other => other,
    }
}

async fn launch_once(
    spec: &KernelSpec,
    cwd: &std::path::Path,
    shared: &Shared,
    tcp: bool,
    patience: Duration,
) -> Result<Live> {
    let mut address = Address::new(&spec.name, tcp).await?;
    let mut process = Process::spawn(spec, cwd, &address.file())?;
    shared.set_pid(process.pid());
    address.held.clear();
    let info = address.info.clone();
    let what = format!("The kernel {} did not start", spec.display_name);
    let mut refused = None;
    let outcome = tokio::select! {
        ready = timeout(patience, handshake(&info, &mut refused)) => match ready {
            Ok(ready) => ready,
            Err(_) => Err(Error::remote(&what)
                .because_of(format!("no answer within {} s", patience.as_secs()))
                .hint("Try again; if it stays, start the kernel from a terminal to see what it waits for")),
        },
        exit = process.wait() => Err(Error::remote(&what).because_of(format!("it ended with {exit}"))),
    };
    match outcome {
        Ok((mut wire, kernel)) => {
            if spec.language == "python" {
                wire.request(fault_handler()).await?;
            }
            shared.set_info(kernel);
            Ok(Live { process, wire, _address: address })
        }
        Err(mut error) => {
            if let Some(why) = refused {
                error = error.because_of(format!("a message was refused {why}"));
            }
            process.kill().await;
            shared.set_pid(None);
            let stderr = crash_text(&process.stderr.text());
            if !stderr.is_empty() {
                error = error.because_of(stderr.clone());
            }
            if stderr.contains("No module named") && error.hint.is_none() {
                error =
                    error.hint("ipykernel is missing in this environment: make an environment, or install it there");
            }
            Err(error)
        }
    }
}

/// Points Python's fault handler at the pipe we read. Left to ipykernel it writes into one that the dying process itself
/// would have to read, so nothing is heard of a crash in native code.
fn fault_handler() -> jp::ExecuteRequest {
    jp::ExecuteRequest {
        code: "__import__('faulthandler').enable(file=__import__('sys').stderr, all_threads=False)".into(),
        silent: true,
        store_history: false,
        user_expressions: None,
        allow_stdin: false,
        stop_on_error: false,
    }
}

/// Ready is: an answer on shell, and proof that our subscription to iopub is in force.
async fn handshake(info: &jp::ConnectionInfo, refused: &mut Option<String>) -> Result<(Wire, KernelInfo)> {
    let mut wire = loop {
        match Wire::connect(info).await {
            Ok(wire) => break wire,
            // The kernel has not bound its sockets yet.
            Err(_) => sleep(Duration::from_millis(30)).await,
        }
    };
    let mut asked = Vec::new();
    let (mut reply, mut subscribed) = (None, false);
    loop {
        asked.push(wire.request(jp::KernelInfoRequest {}).await?);
        let deadline = Instant::now() + Duration::from_secs(1);
        while let Ok(message) = tokio::time::timeout_at(deadline, wire.messages.recv()).await {
            let Some(message) = message else {
                return Err(Error::remote("The connection to the kernel broke off"));
            };
            let ours = message.parent.as_ref().is_some_and(|p| asked.contains(p));
            match message.channel {
                Channel::IoPub if ours || message.kind == "iopub_welcome" => subscribed = true,
                Channel::Refused => *refused = Some(message.kind),
                Channel::Shell if message.kind == "kernel_info_reply" => reply = Some(kernel_info(&message.content)),
                _ => {}
            }
            if subscribed && let Some(kernel) = reply.take() {
                return Ok((wire, kernel));
            }
        }
    }
}

pub(super) fn kernel_info(content: &Value) -> KernelInfo {
    let language_info = object(content, "language_info");
    let text =
        |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    KernelInfo {
        implementation: content.get("implementation").and_then(Value::as_str).unwrap_or_default().to_owned(),
        language: text(&language_info, "name"),
        language_version: text(&language_info, "version"),
        language_info,
    }
}

//! One task owns a session: it launches the process, feeds it one cell at a time, routes what comes back, and ends it.
use std::{path::PathBuf, sync::Arc, time::Duration};

use crossbeam_channel::Sender;
use jupyter_protocol as jp;
use serde_json::{Map, Value};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    order::{Order, Shared},
    process::Process,
    runs::{Ask, Runs, object},
    wire::{Address, Channel, Message, Wire},
};
use crate::{
    base::{Error, Result, text, time::Clock},
    model::kernel::{Exit, InterruptMode, KernelInfo, KernelSpec, Outcome, SessionEvent, SessionState},
};

/// Messages that were refused are told of this often at most.
const REFUSALS_PAUSE: Duration = Duration::from_secs(5);
struct Live {
    process: Process,
    wire: Wire,
    // Keeps the private folder with the sockets.
    _address: Address,
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
    runs: Runs,
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
            runs: Runs::new(clock.clone()),
            clock,
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
                    self.runs.abort_all("The kernel could not be started");
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
                            self.runs.queue.push_back(job);
                        }
                    }
                    self.runs.abort_all("The kernel was stopped");
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
                Some(Order::Execute(job)) => self.runs.queue.push_back(job),
                Some(Order::Withdraw(id)) => self.runs.withdraw(id),
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
                    | Order::History { .. }
                    | Order::Plan(_)
                    | Order::Settled(_)
                    | Order::Drive
                    | Order::Rename(_),
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
                Some(Order::Execute(job)) => self.runs.abort(&job, "The kernel is not running: restart it first"),
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
            let busy = self.runs.active.is_some();
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
        let was_busy = self.runs.active.is_some();
        self.runs.asks.clear();
        self.runs.input = None;
        match end {
            End::Died(exit) => {
                let stderr = crash_text(&live.process.stderr.text());
                let outcome = Outcome::Died { exit: *exit, stderr: stderr.clone() };
                self.shared.set_pid(None);
                self.runs.finish(outcome);
                self.runs.abort_all("The kernel died");
                self.shared.set(SessionState::Dead { exit: *exit, stderr });
                // What the kernel itself started and left behind.
                live.process.kill().await;
                return End::Died(*exit);
            }
            End::Restart(_) => {
                self.shared.set(SessionState::Restarting);
                self.runs.finish(Outcome::Aborted { why: "The kernel was restarted".into() });
                self.runs.abort_all("The kernel was restarted");
            }
            End::Shutdown(_) => {
                self.runs.finish(Outcome::Aborted { why: "The kernel was stopped".into() });
                self.runs.abort_all("The kernel was stopped");
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
        self.runs.forget();
        match end {
            End::Restart(tx) => End::Restart(tx.clone()),
            End::Shutdown(tx) => End::Shutdown(tx.clone()),
            End::Died(exit) => End::Died(*exit),
        }
    }

    /// Sends the next waiting cell when the kernel is free.
    async fn feed(&mut self, live: &mut Live) -> Result<()> {
        if self.runs.active.is_some() {
            return Ok(());
        }
        let Some(job) = self.runs.queue.pop_front() else { return Ok(()) };
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
                self.runs.abort(&job, &error.to_string());
                return Err(error);
            }
        };
        self.runs.began(job, msg_id);
        Ok(())
    }

    async fn order(&mut self, live: &mut Live, order: Option<Order>) -> Option<End> {
        match order {
            Some(Order::Execute(job)) => self.runs.queue.push_back(job),
            Some(Order::Withdraw(id)) => self.runs.withdraw(id),
            Some(Order::Interrupt) => self.interrupt(live).await,
            Some(Order::Answer(text)) => {
                if let Some(request) = self.runs.input.take()
                    && let Err(error) = live.wire.answer(&request, text).await
                {
                    tracing::warn!("kernel input: {error}");
                }
            }
            Some(Order::Comm(comm, sink)) => {
                let request = jp::CommMsg { comm_id: jp::CommId(comm.id), data: comm.data };
                if let Ok(id) = live.wire.request(request).await {
                    self.runs.follow(id, sink);
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
            Some(Order::History { count, reply }) => {
                let request =
                    jp::HistoryRequest::Tail { n: count.min(i32::MAX as usize) as i32, output: false, raw: true };
                self.ask(live, request, Ask::History(reply)).await;
            }
            // Who drives the process itself sees to the queue, and keeps no log.
            Some(Order::Plan(_) | Order::Settled(_) | Order::Drive | Order::Rename(_)) => {}
            None => return Some(End::Shutdown(None)),
        }
        None
    }

    async fn ask(&mut self, live: &mut Live, request: impl Into<jp::JupyterMessageContent>, ask: Ask) {
        // Dropping the sender tells whoever waits that no answer will come.
        if let Ok(id) = live.wire.request(request).await {
            self.runs.asks.insert(id, ask);
        }
    }

    async fn interrupt(&mut self, live: &mut Live) {
        if self.runs.active.is_none() {
            return;
        }
        self.runs.input = None;
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

    /// When something is to be done though nobody says anything.
    fn wake_at(&self) -> Option<Instant> {
        let tell = self.refused.told_at.filter(|_| self.refused.count > 0).map(|at| at + REFUSALS_PAUSE);
        self.runs.wake_at().into_iter().chain(tell).min()
    }

    fn tick(&mut self) {
        self.runs.tick();
        if self.refused.count > 0 && self.refused.told_at.is_none_or(|at| at + REFUSALS_PAUSE <= Instant::now()) {
            self.tell_refused();
        }
    }

    fn message(&mut self, message: Message) {
        match message.channel {
            Channel::Control => self.control(&message),
            Channel::Refused => return self.refuse(message.kind),
            Channel::IoPub | Channel::Shell | Channel::Stdin => {}
        }
        self.runs.message(message);
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

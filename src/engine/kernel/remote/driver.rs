//! Drives a session of a kernel on a Jupyter Server: one cell at a time, over a connection that may break and come back.
//!
//! While we are away the server keeps what the kernel says for our session and sends it when we are back. What was on
//! its way when the connection broke is lost: kernels number their messages, so a hole is seen and marked. A cell whose
//! end fell into a hole is ended as [`Outcome::Missed`]; nothing is ever sent twice.
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crossbeam_channel::Sender;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    gap,
    link::{Link, PING},
    rest::Client,
};
use crate::{
    base::{Error, Result, text, time::Clock},
    engine::kernel::{
        driver::kernel_info,
        order::{Order, Shared},
        runs::{Ask, Runs},
        wire::{Channel, Message},
    },
    model::{
        kernel::{Exit, KernelInfo, KernelSpec, Outcome, Remote, SessionState},
        output::Gap,
    },
};

/// How long a kernel may take to say what it is.
const INFO_PATIENCE: Duration = Duration::from_mins(1);
/// First and longest pause between two tries to be connected again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// After a reconnection: how long nothing may come before the server is asked whether the cell still runs.
const SETTLING: Duration = Duration::from_secs(2);
/// How long the end of a kernel may take before we go.
const END_PATIENCE: Duration = Duration::from_millis(3500);
/// No process of ours ended, so there is no code.
const NO_EXIT: Exit = Exit { code: None, signal: None };

type Ack = Sender<()>;

/// How being connected ended.
enum End {
    Restart(Sender<Result<()>>),
    Shutdown(Option<Ack>),
    Leave(Ack),
    /// The kernel is gone, with the reason.
    Dead(String),
    Failed(Error),
    /// The connection broke.
    Lost(String),
}

/// What was reached.
struct Reached {
    kernel: String,
    link: Link,
    info: Option<KernelInfo>,
    busy: bool,
}

/// The holes a reconnection can have left.
struct Lost {
    since: Instant,
    /// The same, and when it was back, by the clock.
    away: (Timestamp, Timestamp),
    /// The first message has not come yet.
    fresh: bool,
    /// When the server is asked how the kernel is.
    settle_at: Instant,
}

/// The kernel numbers its messages across all channels, but one channel may overtake another.
#[derive(Default)]
struct Numbers {
    /// The last one of the channel on which output comes.
    output: Option<u64>,
    /// Those of other channels that came since and may belong before or behind the next.
    others: Vec<u64>,
}

impl Numbers {
    /// How many are missing between the last output and this one.
    fn missing_before(&mut self, n: u64) -> u64 {
        let last = self.output.replace(n);
        let between = self.others.iter().filter(|o| **o < n && last.is_some_and(|last| **o > last)).count() as u64;
        self.others.retain(|o| *o > n);
        last.map_or(0, |last| n.saturating_sub(last + 1 + between))
    }
}

/// The owner of a session on a server.
pub(in crate::engine::kernel) struct Driver {
    name: String,
    display: String,
    remote: Remote,
    client: Arc<Client>,
    orders: mpsc::Receiver<Order>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    runs: Runs,
    /// Id of the kernel, once there is one. Filled by the task that starts it, so that none is forgotten.
    kernel: Arc<Mutex<Option<String>>>,
    /// Ours on the server; what it keeps for us goes by it.
    session: String,
    /// The kernel's own count of its messages: what they begin with, and the highest number.
    count: Option<(String, u64)>,
    /// It works for somebody, us or another front end.
    busy: bool,
    lost: Option<Lost>,
    /// The server has dropped output of this request, and what it said of it.
    dropped: Option<(String, Gap)>,
    numbers: Numbers,
}

impl Driver {
    pub fn new(
        spec: &KernelSpec,
        remote: Remote,
        client: Arc<Client>,
        orders: mpsc::Receiver<Order>,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            name: spec.name.clone(),
            display: spec.display_name.clone(),
            client,
            orders,
            shared,
            runs: Runs::new(clock.clone()),
            clock,
            kernel: Arc::new(Mutex::new(remote.kernel.clone())),
            remote,
            session: uuid::Uuid::new_v4().simple().to_string(),
            count: None,
            busy: false,
            lost: None,
            dropped: None,
            numbers: Numbers::default(),
        }
    }

    /// Lives as long as the session. `started` hears how the first start went.
    pub async fn run(mut self, started: Sender<Result<()>>) {
        let mut waiting = Some(started);
        loop {
            let end = match self.reach().await {
                Ok(mut reached) => {
                    if let Some(info) = reached.info.take() {
                        self.shared.set_info(info);
                    }
                    if let Some(tx) = waiting.take() {
                        let _ = tx.send(Ok(()));
                    }
                    self.stay(reached).await
                }
                Err(end) => end,
            };
            self.runs.flush();
            self.runs.asks.clear();
            self.runs.input = None;
            let end = match end {
                End::Failed(error) => {
                    self.runs.finish(Outcome::Aborted { why: "The kernel cannot be reached".into() });
                    self.runs.abort_all("The kernel could not be started");
                    self.shared.set(SessionState::Failed { error: error.clone() });
                    if let Some(tx) = waiting.take() {
                        let _ = tx.send(Err(error));
                    }
                    self.dormant().await
                }
                End::Dead(why) => {
                    self.runs.finish(Outcome::Died { exit: NO_EXIT, stderr: why.clone() });
                    self.runs.abort_all("The kernel died");
                    *lock(&self.kernel) = None;
                    self.shared.set(SessionState::Dead { exit: NO_EXIT, stderr: why });
                    self.dormant().await
                }
                other => other,
            };
            match end {
                End::Restart(tx) => {
                    self.restart().await;
                    waiting = Some(tx);
                }
                End::Shutdown(tx) => return self.close(tx, true).await,
                End::Leave(tx) => return self.close(Some(tx), false).await,
                End::Failed(_) | End::Dead(_) | End::Lost(_) => return self.close(None, false).await,
            }
        }
    }

    /// Every cell gets its end; the kernel, too, when `stop`.
    async fn close(mut self, tx: Option<Ack>, stop: bool) {
        // From here on nothing is taken; what was on its way gets its end.
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Execute(job) = order {
                self.runs.queue.push_back(job);
            }
        }
        let why = if stop { "The kernel was stopped" } else { "The notebook let go of the kernel, which runs on" };
        if stop {
            self.runs.finish(Outcome::Aborted { why: why.into() });
        } else {
            self.runs.finish(Outcome::Missed { why: why.into() });
        }
        self.runs.abort_all(why);
        let kernel = lock(&self.kernel).clone();
        if let Some(id) = kernel.filter(|_| stop) {
            match timeout(END_PATIENCE, self.client.stop(&id)).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => tracing::warn!("the kernel {id} may run on: {e}"),
                Err(_) => tracing::warn!("the kernel {id} may run on: the server does not answer"),
            }
        }
        self.shared.set(SessionState::Closed);
        if let Some(tx) = tx {
            let _ = tx.send(());
        }
    }

    async fn restart(&mut self) {
        self.shared.set(SessionState::Restarting);
        self.runs.finish(Outcome::Aborted { why: "The kernel was restarted".into() });
        self.runs.abort_all("The kernel was restarted");
        let kernel = lock(&self.kernel).clone();
        // A kernel that is gone, or that the server cannot restart, is replaced by a new one.
        if let Some(id) = kernel
            && let Err(e) = self.client.restart(&id).await
        {
            tracing::info!("the kernel {id} was not restarted: {e}");
            let _ = self.client.stop(&id).await;
            *lock(&self.kernel) = None;
        }
        // Nothing that was kept for the session before belongs to the new one.
        self.session = uuid::Uuid::new_v4().simple().to_string();
        (self.count, self.busy, self.lost, self.dropped) = (None, false, None, None);
        self.numbers = Numbers::default();
        self.remote.or_start = true;
    }

    /// Connects to the kernel, which is started when there is none; orders are taken meanwhile.
    async fn reach(&mut self) -> std::result::Result<Reached, End> {
        let work = reach(
            self.client.clone(),
            (self.name.clone(), self.display.clone()),
            self.remote.clone(),
            self.kernel.clone(),
            self.session.clone(),
        );
        let mut work: Pin<Box<dyn Future<Output = Result<Reached>> + Send>> = Box::pin(work);
        loop {
            let order = tokio::select! {
                reached = &mut work => return reached.map_err(End::Failed),
                order = self.orders.recv() => order,
            };
            let end = match order {
                Some(Order::Execute(job)) => {
                    self.runs.queue.push_back(job);
                    continue;
                }
                Some(Order::Withdraw(id)) => {
                    self.runs.withdraw(id);
                    continue;
                }
                Some(Order::Restart(tx)) => {
                    let _ = tx.send(Ok(()));
                    continue;
                }
                Some(Order::Interrupt | Order::Kill) => End::Shutdown(None),
                Some(Order::Shutdown(tx)) => End::Shutdown(Some(tx)),
                Some(Order::Leave(tx)) => End::Leave(tx),
                Some(_) => continue,
                None => End::Shutdown(None),
            };
            // A start that is on its way is waited for elsewhere, so that no kernel is left that nobody knows.
            let (client, attached) = (self.client.clone(), self.remote.kernel.is_some());
            tokio::spawn(async move {
                if let Ok(reached) = work.await
                    && !attached
                {
                    let _ = client.stop(&reached.kernel).await;
                }
            });
            return Err(end);
        }
    }

    /// Dead or not reached, but can be restarted.
    async fn dormant(&mut self) -> End {
        loop {
            match self.orders.recv().await {
                Some(Order::Restart(tx)) => return End::Restart(tx),
                Some(Order::Shutdown(tx)) => return End::Shutdown(Some(tx)),
                Some(Order::Leave(tx)) => return End::Leave(tx),
                Some(Order::Execute(job)) => {
                    self.runs.abort(&job, "The kernel is not running: restart it first");
                }
                Some(_) => {}
                None => return End::Leave(crossbeam_channel::bounded(1).0),
            }
        }
    }

    /// Serves until something other than a broken connection ends it.
    async fn stay(&mut self, reached: Reached) -> End {
        self.busy = reached.busy;
        let mut link = reached.link;
        loop {
            match self.serve(link).await {
                End::Lost(why) => match self.away(&why).await {
                    Ok(again) => link = again,
                    Err(end) => return end,
                },
                end => return end,
            }
        }
    }

    async fn serve(&mut self, mut link: Link) -> End {
        let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
        let gone = Arc::new(Notify::new());
        loop {
            if let Err(error) = self.feed(&mut link).await {
                return End::Lost(error.to_string());
            }
            self.tell();
            let settle = self.lost.as_ref().map(|l| l.settle_at);
            let wake = self.runs.wake_at().into_iter().chain(settle).min();
            tokio::select! {
                order = self.orders.recv() => {
                    if let Some(end) = self.order(&mut link, order).await {
                        if matches!(end, End::Leave(_) | End::Shutdown(_) | End::Restart(_)) {
                            link.close().await;
                        }
                        return end;
                    }
                }
                message = link.messages.recv() => match message {
                    Some(message) => {
                        if let Some(end) = self.message(message) {
                            return end;
                        }
                    }
                    None => return End::Lost(link.why_ended()),
                },
                _ = ping.tick() => {
                    if link.is_silent() {
                        return End::Lost("nothing is heard of the server".into());
                    }
                    if let Err(error) = link.ping().await {
                        return End::Lost(error.to_string());
                    }
                    self.look_whether_it_is_there(&gone);
                }
                () = gone.notified() => return End::Dead("The server has this kernel no more".into()),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    self.runs.tick();
                    if self.lost.as_ref().is_some_and(|l| l.settle_at <= Instant::now()) {
                        self.settle().await;
                    }
                }
            }
        }
    }

    /// A kernel that somebody else ended says nothing: the server is asked now and then.
    fn look_whether_it_is_there(&self, gone: &Arc<Notify>) {
        let (client, gone) = (self.client.clone(), gone.clone());
        let kernel = lock(&self.kernel).clone().unwrap_or_default();
        tokio::spawn(async move {
            if let Ok(None) = client.state(&kernel).await {
                gone.notify_one();
            }
        });
    }

    /// Keeps the state that the window shows true.
    fn tell(&self) {
        let interrupting = matches!(self.shared.state(), SessionState::Interrupting { .. });
        if self.runs.active.is_none() && !self.busy {
            self.shared.set(SessionState::Idle);
        } else if !interrupting {
            self.shared.set(SessionState::Busy);
        }
    }

    /// Sends the next waiting cell when ours has ended. Not while it is open what became of the last one.
    async fn feed(&mut self, link: &mut Link) -> Result<()> {
        if self.runs.active.is_some() {
            return Ok(());
        }
        let Some(job) = self.runs.queue.pop_front() else { return Ok(()) };
        let content = json!({
            "code": job.code, "silent": job.options.silent, "store_history": !job.options.silent,
            "user_expressions": {}, "allow_stdin": job.options.allow_stdin, "stop_on_error": false,
        });
        match link.request("shell", "execute_request", content).await {
            Ok(id) => {
                self.runs.began(job, id);
                Ok(())
            }
            Err(error) => {
                self.runs.abort(&job, &error.to_string());
                Err(error)
            }
        }
    }

    async fn order(&mut self, link: &mut Link, order: Option<Order>) -> Option<End> {
        match order {
            Some(Order::Answer(text)) => {
                if let Some(request) = self.runs.input.take()
                    && let Err(error) = link.answer(&request, &text).await
                {
                    return Some(End::Lost(error.to_string()));
                }
            }
            Some(Order::Comm(comm, sink)) => {
                let content = json!({"comm_id": comm.id, "data": comm.data});
                if let Ok(id) = link.request("shell", "comm_msg", content).await {
                    self.runs.follow(id, sink);
                }
            }
            Some(Order::Complete { code, cursor, reply }) => {
                let content = json!({"code": code, "cursor_pos": cursor});
                if let Ok(id) = link.request("shell", "complete_request", content).await {
                    self.runs.asks.insert(id, Ask::Complete(reply));
                }
            }
            Some(Order::Inspect { code, cursor, reply }) => {
                let content = json!({"code": code, "cursor_pos": cursor, "detail_level": 0});
                if let Ok(id) = link.request("shell", "inspect_request", content).await {
                    self.runs.asks.insert(id, Ask::Inspect(reply));
                }
            }
            Some(Order::History { count, reply }) => {
                let content = json!({"hist_access_type": "tail", "n": count, "output": false, "raw": true});
                if let Ok(id) = link.request("shell", "history_request", content).await {
                    self.runs.asks.insert(id, Ask::History(reply));
                }
            }
            order => return self.plain_order(order),
        }
        None
    }

    /// What can be done without a connection, too.
    fn plain_order(&mut self, order: Option<Order>) -> Option<End> {
        match order {
            Some(Order::Execute(job)) => self.runs.queue.push_back(job),
            Some(Order::Withdraw(id)) => self.runs.withdraw(id),
            Some(Order::Interrupt) => self.interrupt(),
            Some(Order::Restart(tx)) => return Some(End::Restart(tx)),
            Some(Order::Shutdown(tx)) => return Some(End::Shutdown(Some(tx))),
            Some(Order::Leave(tx)) => return Some(End::Leave(tx)),
            Some(Order::Kill) => {
                let (client, kernel) = (self.client.clone(), lock(&self.kernel).clone());
                tokio::spawn(async move {
                    if let Some(id) = kernel
                        && let Err(e) = client.stop(&id).await
                    {
                        tracing::warn!("the kernel {id} may run on: {e}");
                    }
                });
                return Some(End::Dead("It was ended on request".into()));
            }
            Some(_) => {}
            // Nobody holds the session any more.
            None => return Some(End::Leave(crossbeam_channel::bounded(1).0)),
        }
        None
    }

    fn interrupt(&mut self) {
        if self.runs.active.is_none() && !self.busy {
            return;
        }
        self.runs.input = None;
        self.shared.set(SessionState::Interrupting { since: self.clock.now(), heard: false });
        let (client, kernel) = (self.client.clone(), lock(&self.kernel).clone());
        tokio::spawn(async move {
            if let Some(id) = kernel
                && let Err(e) = client.interrupt(&id).await
            {
                tracing::warn!("kernel interrupt: {e}");
            }
        });
    }

    fn message(&mut self, message: Message) -> Option<End> {
        if let Some(gap) = gap::instead_of(&message) {
            // The server's own words, which no kernel has numbered. How much it dropped shows with the kernel's next.
            self.dropped.get_or_insert((message.parent.unwrap_or_default(), gap));
            return None;
        }
        self.missing_before(&message);
        if message.channel == Channel::IoPub && message.kind == "status" {
            let ours = message.parent.as_ref().zip(self.runs.active.as_ref()).is_some_and(|(p, a)| *p == a.msg_id);
            match message.text("execution_state").as_str() {
                // The server's own words, not the kernel's: it watches the process.
                "restarting" | "autorestarting" if !ours => {
                    let why = "The server has started it again; its variables are gone".to_owned();
                    self.runs.finish(Outcome::Died { exit: NO_EXIT, stderr: why.clone() });
                    self.runs.abort_all("The kernel died");
                    self.count = None;
                    self.shared.set(SessionState::Dead { exit: NO_EXIT, stderr: why });
                }
                "dead" => return Some(End::Dead("The server gave it up after several restarts".into())),
                "busy" => self.busy = true,
                "idle" => self.busy = false,
                _ => {}
            }
        }
        if let Some(lost) = &mut self.lost {
            lost.settle_at = Instant::now() + SETTLING;
        }
        if message.channel == Channel::Shell && message.kind == "kernel_info_reply" && self.shared.info().is_none() {
            self.shared.set_info(kernel_info(&message.content));
        }
        self.runs.message(message);
        if self.runs.active.is_none() {
            self.lost = None;
        }
        None
    }

    /// Counts the kernel's messages; the first one after a reconnection tells whether some are missing.
    fn missing_before(&mut self, message: &Message) {
        let id = message.header().get("msg_id").and_then(Value::as_str).unwrap_or_default();
        let number = id.rsplit_once('_').and_then(|(begin, n)| Some((begin.to_owned(), n.parse::<u64>().ok()?)));
        let fresh = self.lost.as_mut().filter(|l| l.fresh).map(|l| (std::mem::take(&mut l.fresh), l.since, l.away));
        if let Some((_, since, away)) = fresh {
            let lasted = text::count(since.elapsed().as_secs().max(1), "second");
            let what = format!("The connection to the server was lost for {lasted}");
            let away = Some(away);
            match (&number, &self.count) {
                (Some((begin, n)), Some((before, last))) if begin == before => {
                    let missing = n.saturating_sub(last + 1);
                    if missing > 0 {
                        self.mark(&Gap { what, messages: Some(missing), away, ..Gap::default() });
                    }
                }
                // Kernels that do not number their messages leave no trace of a hole.
                _ => self.mark(&Gap { what: format!("{what}; something may be missing"), away, ..Gap::default() }),
            }
        }
        let Some((begin, n)) = number else { return self.tell_dropped(None) };
        if message.channel == Channel::IoPub {
            let missing = self.numbers.missing_before(n);
            self.tell_dropped(Some(missing).filter(|n| *n > 0));
        } else {
            self.numbers.others.push(n);
        }
        match &mut self.count {
            Some((before, last)) if *before == begin => *last = (*last).max(n),
            other => *other = Some((begin, n)),
        }
    }

    /// Marks where the server has dropped output.
    fn tell_dropped(&mut self, messages: Option<u64>) {
        if let Some((parent, gap)) = self.dropped.take() {
            self.runs.emit(&parent, gap::mark(&Gap { messages, ..gap }));
        }
    }

    /// Marks in the output of the running cell that something is missing.
    fn mark(&mut self, gap: &Gap) {
        if let Some(id) = self.runs.active.as_ref().map(|a| a.msg_id.clone()) {
            self.runs.emit(&id, gap::mark(gap));
        }
    }

    /// Nothing came since we are back: the server says whether our cell still runs.
    async fn settle(&mut self) {
        let Some(lost) = self.lost.take() else { return };
        let kernel = lock(&self.kernel).clone().unwrap_or_default();
        if self.runs.active.is_none() {
            return;
        }
        match self.client.state(&kernel).await {
            Ok(Some(now)) if now.state != "busy" => {
                let away = text::count(lost.since.elapsed().as_secs().max(1), "second");
                let why = format!("The cell ended while the connection to the server was lost ({away})");
                self.mark(&Gap {
                    what: format!("{why}; what it printed then is not known"),
                    hint: "Run it again if it matters".to_owned(),
                    away: Some(lost.away),
                    ..Gap::default()
                });
                self.busy = false;
                self.runs.finish(Outcome::Missed { why });
            }
            Ok(_) => self.busy = true,
            // The connection will break, too, and then this begins anew.
            Err(e) => {
                tracing::info!("how the kernel is could not be asked: {e}");
                self.lost = Some(Lost { settle_at: Instant::now() + SETTLING, ..lost });
            }
        }
    }

    /// Connects again, with growing pauses; what can be done without a connection is done meanwhile.
    async fn away(&mut self, why: &str) -> std::result::Result<Link, End> {
        let (since, at) = (Instant::now(), self.clock.now());
        tracing::info!("the connection to the kernel was lost: {why}");
        self.tell_dropped(None);
        self.runs.flush();
        self.runs.asks.clear();
        let mut why = why.to_owned();
        let mut pause = FIRST_PAUSE;
        loop {
            self.shared.set(SessionState::Away { since: at, why: why.clone() });
            let kernel = lock(&self.kernel).clone().unwrap_or_default();
            let (client, session) = (self.client.clone(), self.session.clone());
            let attempt = async move {
                sleep(pause).await;
                match client.state(&kernel).await? {
                    Some(_) => Link::open(&client, &kernel, &session).await.map(Some),
                    None => Ok(None),
                }
            };
            tokio::pin!(attempt);
            let result = loop {
                let order = tokio::select! {
                    result = &mut attempt => break result,
                    order = self.orders.recv() => order,
                };
                if let Some(end) = self.plain_order(order) {
                    return Err(end);
                }
                // What an interrupt set is not to be seen as long as nobody can say whether it helps.
                self.shared.set(SessionState::Away { since: at, why: why.clone() });
            };
            match result {
                Ok(Some(link)) => {
                    tracing::info!("the connection to the kernel is back");
                    // An older hole that was still open counts from its own beginning.
                    let (since, at) = self.lost.as_ref().map_or((since, at), |l| (l.since, l.away.0));
                    let pending = self.runs.active.is_some();
                    let (away, settle_at) = ((at, self.clock.now()), Instant::now() + SETTLING);
                    self.lost = pending.then_some(Lost { since, away, fresh: true, settle_at });
                    return Ok(link);
                }
                Ok(None) => return Err(End::Dead("The server has this kernel no more".into())),
                Err(error) => {
                    why = error.to_string();
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds or starts the kernel and connects to it. One that was started and cannot be used is ended again.
async fn reach(
    client: Arc<Client>,
    (name, display): (String, String),
    remote: Remote,
    slot: Arc<Mutex<Option<String>>>,
    session: String,
) -> Result<Reached> {
    let known = lock(&slot).clone();
    let there = match &known {
        Some(id) => client.state(id).await?,
        None => None,
    };
    let (kernel, busy, started) = match (known, there) {
        (Some(id), Some(state)) => (id, state.state == "busy", false),
        (Some(_), None) if !remote.or_start => {
            return Err(Error::remote(format!("The kernel {display} does not run on the server any more"))
                .hint("Choose another one of the server, or start a new one there"));
        }
        _ => {
            let id = client.start(&name, &remote.label).await?;
            *lock(&slot) = Some(id.clone());
            (id, false, true)
        }
    };
    match connect(&client, &kernel, &session, busy).await {
        Ok((link, info)) => Ok(Reached { kernel, link, info, busy }),
        Err(error) => {
            if started {
                let _ = client.stop(&kernel).await;
                *lock(&slot) = None;
            }
            Err(error)
        }
    }
}

/// Ready is: the kernel has said what it is. One that works for somebody says so later.
async fn connect(client: &Client, kernel: &str, session: &str, busy: bool) -> Result<(Link, Option<KernelInfo>)> {
    let mut link = Link::open(client, kernel, session).await?;
    let asked = link.request("shell", "kernel_info_request", json!({})).await?;
    if busy {
        return Ok((link, None));
    }
    let deadline = Instant::now() + INFO_PATIENCE;
    loop {
        match tokio::time::timeout_at(deadline, link.messages.recv()).await {
            Ok(Some(m)) if m.channel == Channel::Shell && m.parent.as_deref() == Some(asked.as_str()) => {
                return Ok((link, Some(kernel_info(&m.content))));
            }
            // Somebody else was quicker and it works for them now.
            Ok(Some(_)) => {}
            Ok(None) => {
                return Err(
                    Error::remote("The server closed the connection to the kernel").because_of(link.why_ended())
                );
            }
            Err(_) => {
                return Err(Error::remote("The kernel on the server does not answer")
                    .because_of(format!("nothing came within {} s", INFO_PATIENCE.as_secs()))
                    .hint("Restart it there, or start another one"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_counted_though_an_answer_overtakes_the_output() {
        let mut numbers = Numbers::default();
        assert_eq!((numbers.missing_before(5), numbers.missing_before(6)), (0, 0));
        // 7 and 8 were dropped; the answer 9 came before the output 10.
        numbers.others.push(9);
        assert_eq!(numbers.missing_before(10), 2);
        // The answer 13 overtakes 11 and 12.
        numbers.others.push(13);
        assert_eq!((numbers.missing_before(11), numbers.missing_before(12), numbers.missing_before(14)), (0, 0, 0));
        assert!(numbers.others.is_empty());
    }
}

//! What runs and waits in a session, and where what the kernel says belongs. Every driver has one, whatever carries its
//! messages.
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crossbeam_channel::Sender;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    Sink,
    order::Job,
    wire::{Channel, Message},
};
use crate::{
    base::time::Clock,
    model::kernel::{Bundle, Comm, CommKind, Completions, ExecEvent, ExecId, Outcome},
};

/// Text is handed on at most this often.
const STREAM_PAUSE: Duration = Duration::from_millis(33);
/// Text is handed on at once when this much waits.
const STREAM_BYTES: usize = 256 * 1024;
/// A run whose reply or whose idle never comes is ended after this time (some kernels omit one of them).
const HALF_DONE_PATIENCE: Duration = Duration::from_secs(5);
/// Finished runs whose late output still finds its cell.
const KEPT_ROUTES: usize = 64;

struct Route {
    sink: Sink,
    stderr: bool,
    text: String,
    flush_at: Option<Instant>,
    last: Option<Instant>,
}

impl Route {
    fn new(sink: Sink) -> Self {
        Self { sink, stderr: false, text: String::new(), flush_at: None, last: None }
    }
    fn flush(&mut self) {
        self.flush_at = None;
        if !self.text.is_empty() {
            self.last = Some(Instant::now());
            (self.sink)(ExecEvent::Stream { stderr: self.stderr, text: std::mem::take(&mut self.text) });
        }
    }
    fn emit(&mut self, event: ExecEvent) {
        self.flush();
        (self.sink)(event);
    }
    /// Joins bursts: the first piece goes at once, the rest 30 times a second.
    fn stream(&mut self, stderr: bool, text: &str) {
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

/// A cell that was sent.
pub(super) struct Active {
    pub msg_id: String,
    stop_on_error: bool,
    reply: Option<Outcome>,
    idle: bool,
    half_done_at: Option<Instant>,
}

/// A question that waits for its answer.
pub(super) enum Ask {
    Complete(Sender<Completions>),
    Inspect(Sender<Bundle>),
    History(Sender<Vec<String>>),
}

/// Everything that was asked of the kernel.
pub(super) struct Runs {
    pub queue: VecDeque<Job>,
    pub active: Option<Active>,
    pub asks: HashMap<String, Ask>,
    /// A request for a line of text.
    pub input: Option<Message>,
    routes: HashMap<String, Route>,
    recent: VecDeque<String>,
    clock: Arc<dyn Clock>,
}

impl Runs {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (queue, active, asks, input, routes, recent) = Default::default();
        Self { queue, active, asks, input, routes, recent, clock }
    }

    /// The cell went out under this id.
    pub fn began(&mut self, job: Job, msg_id: String) {
        (job.sink)(ExecEvent::Started { at: self.clock.now() });
        self.follow(msg_id.clone(), job.sink);
        let stop_on_error = job.options.stop_on_error;
        self.active = Some(Active { msg_id, stop_on_error, reply: None, idle: false, half_done_at: None });
    }

    /// What comes of the message with this id goes to `sink`.
    pub fn follow(&mut self, msg_id: String, sink: Sink) {
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

    pub fn withdraw(&mut self, id: Option<ExecId>) {
        let (gone, kept): (Vec<Job>, Vec<Job>) =
            std::mem::take(&mut self.queue).into_iter().partition(|job| id.is_none_or(|id| id == job.id));
        self.queue = kept.into();
        gone.iter().for_each(|job| self.abort(job, "Withdrawn from the queue"));
    }

    pub fn abort(&self, job: &Job, why: &str) {
        (job.sink)(ExecEvent::Done { at: self.clock.now(), outcome: Outcome::Aborted { why: why.to_owned() } });
    }

    pub fn abort_all(&mut self, why: &str) {
        let jobs = std::mem::take(&mut self.queue);
        jobs.iter().for_each(|job| self.abort(job, why));
    }

    /// Ends the running cell, if there is one.
    pub fn finish(&mut self, outcome: Outcome) {
        let Some(active) = self.active.take() else { return };
        self.input = None;
        let failed = matches!(outcome, Outcome::Error { .. } | Outcome::Missed { .. });
        if let Some(route) = self.routes.get_mut(&active.msg_id) {
            route.emit(ExecEvent::Done { at: self.clock.now(), outcome });
        }
        if failed && active.stop_on_error {
            self.abort_all("An earlier cell failed");
        }
    }

    /// Puts something into the output of a request that the kernel itself did not say.
    pub fn emit(&mut self, msg_id: &str, event: ExecEvent) {
        if let Some(route) = self.routes.get_mut(msg_id) {
            route.emit(event);
        }
    }

    /// Nothing more comes for anything that was asked.
    pub fn forget(&mut self) {
        self.routes.clear();
        self.recent.clear();
    }

    /// When text is to be handed on or a half-done run is given up.
    pub fn wake_at(&self) -> Option<Instant> {
        let flush = self.routes.values().filter_map(|r| r.flush_at).min();
        let give_up = self.active.as_ref().and_then(|a| a.half_done_at);
        flush.into_iter().chain(give_up).min()
    }

    pub fn tick(&mut self) {
        let now = Instant::now();
        self.routes.values_mut().filter(|r| r.flush_at.is_some_and(|at| at <= now)).for_each(Route::flush);
        if self.active.as_ref().and_then(|a| a.half_done_at).is_some_and(|at| at <= now) {
            let reply = self.active.as_mut().and_then(|a| a.reply.take());
            self.finish(reply.unwrap_or(Outcome::Ok { execution_count: None }));
        }
    }

    /// Hands on all text that waits.
    pub fn flush(&mut self) {
        self.routes.values_mut().for_each(Route::flush);
    }

    pub fn message(&mut self, message: Message) {
        match message.channel {
            Channel::IoPub => self.iopub(message),
            Channel::Shell => self.shell(&message),
            Channel::Stdin => self.input_request(message),
            Channel::Control | Channel::Refused => {}
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

    fn input_request(&mut self, message: Message) {
        if message.kind != "input_request" {
            return;
        }
        let password = message.content.get("password").and_then(Value::as_bool).unwrap_or(false);
        let Some(route) = message.parent.as_ref().and_then(|id| self.routes.get_mut(id)) else { return };
        route.emit(ExecEvent::Input { prompt: message.text("prompt"), password });
        self.input = Some(message);
    }

    fn shell(&mut self, message: &Message) {
        let Some(parent) = &message.parent else { return };
        match self.asks.remove(parent) {
            Some(Ask::Complete(tx)) => return drop(tx.send(completions(&message.content))),
            Some(Ask::Inspect(tx)) => return drop(tx.send(bundle(&message.content))),
            Some(Ask::History(tx)) => return drop(tx.send(inputs(&message.content))),
            None => {}
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

    fn iopub(&mut self, message: Message) {
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
fn event(mut message: Message) -> Option<ExecEvent> {
    let id = message.content.pointer("/transient/display_id").and_then(Value::as_str).map(str::to_owned);
    let count = message.content.get("execution_count").and_then(Value::as_u64);
    let mut whole =
        || Bundle { data: taken(&mut message.content, "data"), metadata: taken(&mut message.content, "metadata") };
    match message.kind.as_str() {
        "display_data" => return Some(ExecEvent::Display { bundle: whole(), display_id: id }),
        "execute_result" => {
            return Some(ExecEvent::Result { bundle: whole(), execution_count: count, display_id: id });
        }
        "update_display_data" => return Some(ExecEvent::UpdateDisplay { display_id: id?, bundle: whole() }),
        _ => {}
    }
    let content = &message.content;
    Some(match message.kind.as_str() {
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
            buffers: message.buffers,
        })),
        _ => return None,
    })
}

pub(super) fn object(content: &Value, field: &str) -> Map<String, Value> {
    content.get(field).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// A field, which is not there any more.
fn taken(content: &mut Value, field: &str) -> Map<String, Value> {
    match content.get_mut(field).map(Value::take) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn bundle(content: &Value) -> Bundle {
    Bundle { data: object(content, "data"), metadata: object(content, "metadata") }
}

/// The inputs of a history: session, line, and the input alone or with what came out.
fn inputs(content: &Value) -> Vec<String> {
    let rows = content.get("history").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let input = |row: &Value| {
        let last = row.get(2)?;
        last.as_str().or_else(|| last.get(0)?.as_str()).map(str::to_owned)
    };
    rows.iter().filter_map(input).collect()
}

fn completions(content: &Value) -> Completions {
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

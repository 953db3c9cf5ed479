//! What runs and waits in a session of a server, and where what comes back belongs.
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crossbeam_channel::Sender;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::{
    base::time::Clock,
    engine::kernel::{
        Sink,
        driver::{HALF_DONE_PATIENCE, KEPT_ROUTES, Route, bundle, completions, event},
        order::Job,
        wire::{Channel, Message},
    },
    model::{
        jupyter::GAP_MIME,
        kernel::{Bundle, Completions, ExecEvent, ExecId, Outcome},
    },
};

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

    /// Marks in the output of the running cell that something is missing here.
    pub fn gap(&mut self, what: &str, hint: &str) {
        let Some(active) = &self.active else { return };
        if let Some(route) = self.routes.get_mut(&active.msg_id) {
            route.emit(mark(what, hint));
        }
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
            Channel::IoPub => self.iopub(&message),
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
            let (stderr, text) = (message.text("name") == "stderr", message.text("text"));
            match limit_of(&text).filter(|_| stderr) {
                Some((what, hint)) => route.emit(mark(&what, &hint)),
                None => route.stream(stderr, &text),
            }
            return;
        }
        if let Some(event) = event(message) {
            route.emit(event);
        }
    }
}

/// A mark that stays in the notebook: other programs show its text.
fn mark(what: &str, hint: &str) -> ExecEvent {
    let mut data = Map::new();
    data.insert(GAP_MIME.to_owned(), json!({"what": what, "hint": hint}));
    let tail = if hint.is_empty() { String::new() } else { format!(" {hint}.") };
    data.insert("text/plain".to_owned(), json!(format!("[Output is missing here. {what}.{tail}]")));
    ExecEvent::Display { bundle: Bundle { data, metadata: Map::new() }, display_id: None }
}

/// What the server says in the place of the output it dropped, in shorter words.
fn limit_of(text: &str) -> Option<(String, String)> {
    let (unit, option) = if text.starts_with("IOPub data rate exceeded") {
        ("data", "iopub_data_rate_limit")
    } else if text.starts_with("IOPub message rate exceeded") {
        ("message", "iopub_msg_rate_limit")
    } else {
        return None;
    };
    let value = |name: &str| {
        let line = text.lines().find(|l| l.contains(name) && l.contains('='))?;
        let number = line.rsplit_once('=')?.1.trim();
        Some(number.split('(').next()?.trim().trim_end_matches(".0").to_owned())
    };
    let per = if unit == "data" { "bytes" } else { "messages" };
    let limit = value(option).map(|n| format!(" of {n} {per} per second")).unwrap_or_default();
    let what = format!("The Jupyter server dropped it: the limit{limit} was exceeded");
    Some((what, format!("Print less, or start the server with a higher --ServerApp.{option}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_note_on_its_limit_becomes_a_mark() {
        let note = "IOPub data rate exceeded.\nThe Jupyter server will temporarily stop sending output\n\
            to the client in order to avoid crashing it.\nTo change this limit, set the config variable\n\
            `--ServerApp.iopub_data_rate_limit`.\n\nCurrent values:\n\
            ServerApp.iopub_data_rate_limit=1000000.0 (bytes/sec)\nServerApp.rate_limit_window=3.0 (secs)\n\n";
        let (what, hint) = limit_of(note).unwrap();
        assert_eq!(what, "The Jupyter server dropped it: the limit of 1000000 bytes per second was exceeded");
        assert!(hint.contains("--ServerApp.iopub_data_rate_limit"));
        assert!(limit_of("IOPub is a channel").is_none());
        let ExecEvent::Display { bundle, .. } = mark(&what, &hint) else { panic!() };
        assert!(bundle.data["text/plain"].as_str().unwrap().starts_with("[Output is missing here. The Jupyter server"));
    }
}

//! A request that is carried out once, or not at all, and never twice.
//!
//! It is written down before it is sent, with what was true then. While it is open nobody else sends it. When no answer
//! comes back, the system is looked at: what has changed was carried out, and only what is as it was is sent again. A
//! request whose fate is not known stays written down, and whoever asks for it next looks first.
use std::time::Duration;

use jiff::Timestamp;

use super::{Connector, Fault, Sent, allowed, http::pause, sync::refresh_run};
use crate::{
    base::{Error, Result, job::JobCtx},
    engine::store::{Intent, IntentState, Store},
    model::{
        connect::{Act, Ask, act_of},
        run::Run,
    },
};

/// A sender that was silent for this long is gone.
const PATIENCE_SECS: i64 = 90;
/// How often what is known not to have been carried out is sent again.
const TRIES: u32 = 4;
/// A system that was cut off may still be at it: so long is waited before it is looked at, longer each time.
const WAITS: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// This request did it; the run as it is now.
    Done(Box<Run>),
    /// A request with the same key was first.
    Already(Box<Run>),
}

impl Outcome {
    /// The run.
    pub fn run(&self) -> &Run {
        match self {
            Self::Done(run) | Self::Already(run) => run,
        }
    }
}

/// Sends `ask` once. `key` names the request: what is sent a second time under it is not carried out again.
pub fn send(connector: &dyn Connector, store: &Store, ask: &Ask, key: &str, cx: &JobCtx) -> Result<Outcome> {
    let act = match ask {
        Ask::Rerun { scope, .. } => act_of(scope),
        Ask::Trigger { .. } => Act::Trigger,
        Ask::Cancel { .. } => Act::Cancel,
    };
    allowed(connector, act)?;
    let run = match ask {
        Ask::Rerun { run, .. } | Ask::Cancel { run } => Some(run.id.clone()),
        Ask::Trigger { .. } => None,
    };
    let mut intent = Intent {
        key: key.to_owned(),
        connection: connector.to().name.clone(),
        run,
        before: serde_json::Value::Null,
        state: IntentState::Open,
        at: cx.clock.now(),
        result: None,
    };
    // Before anything is asked: a second click is told of the first one and not of what that has changed.
    if let Some(known) = store.intend(&intent)? {
        match resume(connector, store, ask, known, cx)? {
            Resumed::Settled(sent) => return Ok(Outcome::Already(after(connector, store, &sent, cx)?)),
            Resumed::Again(taken) => intent = taken,
        }
    }
    let prepared = connector.check(ask, cx).and_then(|()| connector.mark(ask, cx));
    intent.before = match prepared {
        Ok(mark) => mark,
        Err(e) => {
            store.drop_intent(key)?;
            return Err(e);
        }
    };
    store.settle_intent(&intent)?;
    let sent = deliver(connector, store, ask, &intent, cx)?;
    Ok(Outcome::Done(after(connector, store, &sent, cx)?))
}

enum Resumed {
    /// It was carried out.
    Settled(Sent),
    /// It was not, and is this caller's to send now.
    Again(Intent),
}

/// There is a request of this key: is it done, under way, or left behind?
fn resume(connector: &dyn Connector, store: &Store, ask: &Ask, known: Intent, cx: &JobCtx) -> Result<Resumed> {
    let done = |r: &(String, String)| Sent { pipeline: r.0.clone(), remote_id: r.1.clone() };
    if let (IntentState::Done, Some(result)) = (known.state, &known.result) {
        return Ok(Resumed::Settled(done(result)));
    }
    let now = cx.clock.now();
    let young = now.as_second() - known.at.as_second() < PATIENCE_SECS;
    if known.state == IntentState::Open && young {
        return Err(Error::user("This is being asked already")
            .because_of(format!("a request to {} is under way", known.connection))
            .hint("Wait for its answer"));
    }
    if !store.take_intent(&known, now)? {
        return Err(Error::user("This is being asked already").hint("Wait for its answer"));
    }
    let taken = Intent { state: IntentState::Open, at: crate::engine::store::rounded(now), ..known };
    // Without a mark it was never sent.
    let found = if taken.before.is_null() && matches!(ask, Ask::Rerun { .. }) {
        None
    } else {
        connector.find(ask, &taken.key, &taken.before, cx).inspect_err(|_| {
            // Still not known: the next one looks again.
            let _ = store.settle_intent(&Intent { state: IntentState::Unknown, ..taken.clone() });
        })?
    };
    Ok(match found {
        Some(sent) => {
            settle(store, &taken, &sent)?;
            Resumed::Settled(sent)
        }
        None => Resumed::Again(taken),
    })
}

fn settle(store: &Store, intent: &Intent, sent: &Sent) -> Result<()> {
    let result = Some((sent.pipeline.clone(), sent.remote_id.clone()));
    store.settle_intent(&Intent { state: IntentState::Done, result, ..intent.clone() })
}

fn deliver(connector: &dyn Connector, store: &Store, ask: &Ask, intent: &Intent, cx: &JobCtx) -> Result<Sent> {
    let mut last = Error::remote(format!("{} could not be reached", connector.to().name));
    for try_number in 0..TRIES {
        match connector.act(ask, &intent.key, cx) {
            Ok(sent) => {
                settle(store, intent, &sent)?;
                return Ok(sent);
            }
            Err(Fault::Refused(_, e) | Fault::NotSent(e)) => {
                store.drop_intent(&intent.key)?;
                return Err(e);
            }
            Err(Fault::Unknown(e)) => last = e,
        }
        match look(connector, ask, intent, try_number as usize, cx) {
            Ok(Some(sent)) => {
                settle(store, intent, &sent)?;
                return Ok(sent);
            }
            Ok(None) => {}
            Err(_) => break,
        }
    }
    store.settle_intent(&Intent { state: IntentState::Unknown, ..intent.clone() })?;
    Err(Error { what: format!("It is not known whether {} did this", connector.to().name), ..Error::remote("") }
        .because(&last)
        .hint("Ask again: it is looked at first, and sent only if nothing has changed there"))
}

/// Looks until it is sure: changed means carried out; unchanged twice, with a wait before each look, means not.
fn look(connector: &dyn Connector, ask: &Ask, intent: &Intent, nth: usize, cx: &JobCtx) -> Result<Option<Sent>> {
    let wait = WAITS.get(nth).copied().unwrap_or(Duration::from_secs(4));
    let mut failures = 0;
    let mut unchanged = 0;
    while unchanged < 2 {
        pause(wait, cx)?;
        match connector.find(ask, &intent.key, &intent.before, cx) {
            Ok(Some(sent)) => return Ok(Some(sent)),
            Ok(None) => unchanged += 1,
            Err(e) => {
                failures += 1;
                if failures > WAITS.len() {
                    return Err(e);
                }
            }
        }
    }
    Ok(None)
}

/// The run as it is after the request; a look that fails does not undo what was done.
fn after(connector: &dyn Connector, store: &Store, sent: &Sent, cx: &JobCtx) -> Result<Box<Run>> {
    match refresh_run(connector, store, &sent.pipeline, &sent.remote_id, cx) {
        Ok(Some(run)) => return Ok(Box::new(run)),
        Ok(None) => {}
        Err(e) => tracing::warn!(error = %e, "the run could not be looked at after a request"),
    }
    let id = connector.to().run_id(&sent.pipeline, &sent.remote_id);
    let run = store.run(&id)?.unwrap_or_else(|| bare(connector, sent, cx.clock.now()));
    Ok(Box::new(run))
}

fn bare(connector: &dyn Connector, sent: &Sent, now: Timestamp) -> Run {
    let to = connector.to();
    Run {
        id: to.run_id(&sent.pipeline, &sent.remote_id),
        number: 0,
        connection: to.name.clone(),
        remote_id: Some(sent.remote_id.clone()),
        pipeline: sent.pipeline.clone(),
        source: sent.pipeline.clone(),
        kind: crate::model::run::RunKind::Pipeline,
        trigger: crate::model::run::Trigger::Remote,
        state: crate::model::run::RunState::Queued,
        round: 1,
        queued_at: now,
        started_at: None,
        ended_at: None,
        data_time: None,
        params: crate::model::run::Params::new(),
        record: crate::model::run::Record::default(),
        note: None,
        error: None,
        cancelling: false,
        tasks: Vec::new(),
    }
}

//! Running the engine so that a person can stop it and memory stays bounded.
//!
//! The engine has no cancel of its own. A query runs on a thread; when it is cancelled the caller goes on within
//! 20 ms and the thread is left to end by itself: a query that yields rows stops at its next batch, one that is
//! still aggregating runs to its end and its result is dropped.
//!
//! Some plans make the streaming engine break off (it panics) that the in-memory engine can answer. Those are asked
//! again there, and at last without the optimizer; a person hears of it only when all three have failed, and in words.
use std::{
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{RecvTimeoutError, bounded};
use polars::prelude::*;

use crate::base::{
    Error, Result,
    job::{Cancel, JobCtx},
};

/// Results above this many bytes go to a temporary file.
const SPILL_BYTES: usize = 256 << 20;

/// Why a query gave nothing.
#[derive(Debug)]
pub(crate) enum Fail {
    Cancelled,
    Engine(PolarsError),
    Other(Error),
}

impl From<PolarsError> for Fail {
    fn from(error: PolarsError) -> Self {
        Self::Engine(error)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        if error.is_cancelled() { Self::Cancelled } else { Self::Other(error) }
    }
}

impl Fail {
    /// For callers that cannot explain better.
    pub(crate) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Cancelled => Error::cancelled(),
            Self::Engine(e) => explain(what, &e),
            Self::Other(e) => e,
        }
    }
}

/// An engine error in words, without the plan it may carry.
pub(crate) fn explain(what: &str, error: &PolarsError) -> Error {
    Error::user(what).because_of(first_words(&error.to_string()))
}

/// The message up to the first blank line or plan dump.
pub(crate) fn first_words(message: &str) -> String {
    let cut = ["\n\n", "Resolved plan", "\nYou might", "\nThis error"];
    let end = cut.iter().filter_map(|c| message.find(c)).min().unwrap_or(message.len());
    message[..end].trim().trim_end_matches('.').to_owned()
}

/// Runs `work` on a thread of its own and leaves it behind when cancelled.
pub(crate) fn detach<T: Send + 'static>(
    cx: &JobCtx,
    work: impl FnOnce() -> Result<T, Fail> + Send + 'static,
) -> Result<T, Fail> {
    cx.check()?;
    let (tx, rx) = bounded(1);
    quiet_engine();
    let guarded = move || {
        let _ = tx.send(catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Fail::Other(beyond()))));
    };
    // Deep plans recurse; the default stack of a thread is too small for them.
    let spawned = thread::Builder::new().name("andon-query".to_owned()).stack_size(16 << 20).spawn(guarded);
    if let Err(e) = spawned {
        return Err(Fail::Other(Error::io("Could not start a thread for the query").because(&e)));
    }
    loop {
        match rx.recv_timeout(Duration::from_millis(20)) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => cx.check()?,
            Err(RecvTimeoutError::Disconnected) => return Err(Fail::Other(Error::bug("The query gave no answer"))),
        }
    }
}

/// Collects on the streaming engine.
pub(crate) fn collect(lf: LazyFrame, cx: &JobCtx) -> Result<DataFrame, Fail> {
    detach(cx, move || stream(lf))
}

/// Collects on the present thread, on whichever engine can.
pub(crate) fn stream(lf: LazyFrame) -> Result<DataFrame, Fail> {
    let streamed = attempt(|| Ok(lf.clone().collect_with_engine(Engine::Streaming)?.unwrap_single()));
    streamed.unwrap_or_else(|| in_memory(lf))
}

/// For plans the streaming engine broke off at.
fn in_memory(lf: LazyFrame) -> Result<DataFrame, Fail> {
    let plain = |lf: LazyFrame| Ok(lf.collect_with_engine(Engine::InMemory)?.unwrap_single());
    let tried = attempt(|| plain(lf.clone())).or_else(|| attempt(|| plain(lf.without_optimizations())));
    tried.unwrap_or_else(|| Err(Fail::Other(beyond())))
}

/// `None` when the engine broke off instead of answering.
fn attempt<T>(work: impl FnOnce() -> Result<T, Fail>) -> Option<Result<T, Fail>> {
    quiet_engine();
    let result = catch_unwind(AssertUnwindSafe(work)).ok()?;
    if matches!(&result, Err(Fail::Engine(e)) if is_own_fault(e)) { None } else { Some(result) }
}

/// True when the engine stumbled over its own plan: a panic on one of its threads comes back as an error with its
/// text, and the optimizer may ask for a type this build leaves out (it counts rows of several files in 128 bits).
fn is_own_fault(error: &PolarsError) -> bool {
    let text = error.to_string();
    ["panicked", "Int128", "not implemented", "not yet implemented"].iter().any(|w| text.contains(w))
}

/// Said when no engine can run the plan; what the engine said of itself helps nobody.
fn beyond() -> Error {
    Error::user("The embedded SQL engine cannot run this query")
        .because_of("it combines steps the engine does not support together")
        .hint("Keep a part of it as a result of its own (%%sql name << SELECT ...) and query that, or write it in another way")
}

/// The engine's threads say nothing on stderr when they break off: the query is tried in another way, and whoever
/// asked hears of it when that fails too.
fn quiet_engine() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let name = thread::current().name().unwrap_or_default().to_owned();
            if ["andon-query", "polars", "async-executor"].iter().any(|n| name.starts_with(n)) {
                tracing::warn!("the query engine broke off: {info}");
            } else {
                before(info);
            }
        }));
    });
}

/// A result in memory, or in a temporary Parquet file when it is large.
pub(crate) enum Collected {
    Memory(DataFrame),
    Spilled { file: tempfile::TempPath, rows: u64 },
}

#[derive(Default)]
struct Sink {
    batches: Vec<DataFrame>,
    bytes: usize,
    rows: u64,
    spill: Option<Spill>,
}

struct Spill {
    writer: polars::io::parquet::write::BatchedWriter<std::fs::File>,
    path: tempfile::TempPath,
}

impl Sink {
    fn take(&mut self, frame: DataFrame, limit: usize) -> PolarsResult<()> {
        self.rows += frame.height() as u64;
        if let Some(spill) = &mut self.spill {
            return spill.writer.write_batch(&frame);
        }
        self.bytes += frame.estimated_size();
        self.batches.push(frame);
        if self.bytes > limit {
            self.start_spill()?;
        }
        Ok(())
    }

    fn start_spill(&mut self) -> PolarsResult<()> {
        let Some(first) = self.batches.first() else { return Ok(()) };
        let temp = tempfile::Builder::new().prefix("andon-result-").suffix(".parquet").tempfile()?;
        let (file, path) = temp.into_parts();
        let writer = ParquetWriter::new(file).with_compression(ParquetCompression::Uncompressed);
        let mut spill = Spill { writer: writer.batched(first.schema())?, path };
        for batch in self.batches.drain(..) {
            spill.writer.write_batch(&batch)?;
        }
        self.spill = Some(spill);
        Ok(())
    }
}

/// Collects in batches: small results in memory, large ones in a temporary file, so that memory stays bounded.
pub(crate) fn collect_bounded(lf: LazyFrame, cx: &JobCtx) -> Result<Collected, Fail> {
    collect_limited(lf, cx, SPILL_BYTES)
}

pub(super) fn collect_limited(mut lf: LazyFrame, cx: &JobCtx, limit: usize) -> Result<Collected, Fail> {
    let cancel = cx.cancel.clone();
    detach(cx, move || {
        let schema = lf.collect_schema()?;
        let sink = Arc::new(Mutex::new(Sink::default()));
        run_into(lf, &sink, &cancel, limit)?;
        let mut sink = std::mem::take(&mut *sink.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(spill) = sink.spill.take() {
            spill.writer.finish()?;
            return Ok(Collected::Spilled { file: spill.path, rows: sink.rows });
        }
        let mut batches = sink.batches.into_iter();
        let mut frame = batches.next().unwrap_or_else(|| DataFrame::empty_with_schema(&schema));
        for batch in batches {
            frame.vstack_mut_owned(batch)?;
        }
        Ok(Collected::Memory(frame))
    })
}

fn run_into(lf: LazyFrame, sink: &Arc<Mutex<Sink>>, cancel: &Cancel, limit: usize) -> Result<(), Fail> {
    let target = sink.clone();
    let take = move |batch| target.lock().unwrap_or_else(PoisonError::into_inner).take(batch, limit);
    if let Some(result) = attempt(|| stream_batches(lf.clone(), cancel, take.clone())) {
        return result;
    }
    // What had come before it broke off comes again.
    *sink.lock().unwrap_or_else(PoisonError::into_inner) = Sink::default();
    take(in_memory(lf)?)?;
    Ok(())
}

/// Streams a query batch by batch, in order, on the present thread; stops at the next batch once cancelled.
pub(crate) fn for_each_batch(
    lf: LazyFrame,
    cancel: &Cancel,
    each: impl Fn(DataFrame) -> PolarsResult<()> + Clone + Send + Sync + 'static,
) -> Result<(), Fail> {
    let begun = Arc::new(AtomicBool::new(false));
    let (flag, take) = (begun.clone(), each.clone());
    let noting = move |batch| {
        flag.store(true, Ordering::Relaxed);
        take(batch)
    };
    match attempt(|| stream_batches(lf.clone(), cancel, noting)) {
        Some(result) => result,
        None if begun.load(Ordering::Relaxed) => Err(Fail::Other(beyond())),
        None => Ok(each(in_memory(lf)?)?),
    }
}

fn stream_batches(
    lf: LazyFrame,
    cancel: &Cancel,
    each: impl Fn(DataFrame) -> PolarsResult<()> + Send + Sync + 'static,
) -> Result<(), Fail> {
    let flag = cancel.clone();
    let callback = PlanCallback::new(move |batch: DataFrame| {
        if flag.is_cancelled() {
            return Ok(true);
        }
        each(batch)?;
        Ok(false)
    });
    lf.sink_batches(callback, true, None)?.collect_with_engine(Engine::Streaming)?;
    if cancel.is_cancelled() { Err(Fail::Cancelled) } else { Ok(()) }
}

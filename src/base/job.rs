//! What code that takes long is given: a way to be stopped, to report, and the clock.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{
    Error, Result,
    time::{Clock, SystemClock},
};

/// Runs `work` to its end on a stack of this many bytes, for what recurses over data of others. `None` when it panicked or
/// the system gives no such stack.
pub fn with_stack<T: Send>(name: &str, bytes: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(bytes);
        thread.spawn_scoped(scope, work).ok()?.join().ok()
    })
}

/// Does two things side by side and gives what both gave. Where the system gives no further thread, one after the other.
pub fn both<A: Send, B>(first: impl Fn() -> A + Sync, second: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let beside = std::thread::Builder::new().name("andon-beside".to_owned()).spawn_scoped(scope, &first);
        let second = second();
        let first = beside.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(&first);
        (first, second)
    })
}

/// A flag that asks work to end. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the work to end.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
    /// True once asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// 0 to 1 where known.
    pub share: Option<f32>,
    /// `12 of 23 columns`.
    pub note: String,
}

/// Receives progress; must be cheap and must not block.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// Handed to every long operation. Check [`JobCtx::check`] at least every 50 ms of work.
#[derive(Clone)]
pub struct JobCtx {
    pub cancel: Cancel,
    pub clock: Arc<dyn Clock>,
    progress: ProgressSink,
}

impl JobCtx {
    /// A context with its own sink.
    pub fn new(cancel: Cancel, clock: Arc<dyn Clock>, progress: ProgressSink) -> Self {
        Self { cancel, clock, progress }
    }
    /// Never cancelled, silent, on the system clock: for tests and short commands.
    pub fn detached() -> Self {
        Self::new(Cancel::default(), Arc::new(SystemClock), Arc::new(|_| {}))
    }
    /// Error [`crate::base::Kind::Cancelled`] once cancelled.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }
    /// Reports how far the work is.
    pub fn progress(&self, share: Option<f32>, note: impl Into<String>) {
        (self.progress)(Progress { share, note: note.into() });
    }
}

impl std::fmt::Debug for JobCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobCtx").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_things_are_done_side_by_side() {
        // Each waits for the other: one after the other would never end.
        let gate = std::sync::Barrier::new(2);
        let pass = |n: u8| {
            gate.wait();
            n
        };
        assert_eq!(both(|| pass(1), || pass(2)), (1, 2));
    }
}

//! What a cell prints beyond what a notebook bears: kept whole in a file, from where it can be opened and searched.
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{DocId, Event, State, notice};
use crate::{
    app::{Effect, Out},
    base::Result,
    engine::kernel::Spool,
    model::{
        kernel::{ExecEvent, ExecId},
        notebook::CellKey,
        output::made_ready,
    },
};

/// Which run something is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOf {
    /// One of this window: its cell, and its number.
    Cell(CellKey, u64),
    /// One that an earlier window, or another, has asked for.
    Exec(ExecId),
}

/// Looks at what a run reports on its way to the window, and keeps what it prints.
pub struct Keeper {
    spool: Spool,
    doc: DocId,
    run: RunOf,
    behind: Behind,
}

/// Bytes of text that were sent to the window and that it has not come to yet.
#[derive(Debug, Clone, Default)]
pub struct Behind(Arc<AtomicUsize>);

/// More than this is not sent ahead of the window, so that its memory does not grow with what waits.
const AHEAD: usize = 4 << 20;
/// A window that comes to nothing is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(1);

impl Behind {
    /// The window has come to these.
    pub fn taken(&self, bytes: usize) {
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_sub(bytes)));
    }
    fn wait(&self) {
        let (mut since, mut least) = (Instant::now(), usize::MAX);
        loop {
            let now = self.0.load(Ordering::SeqCst);
            if now <= AHEAD {
                return;
            }
            // One that is slow is waited for, however slow it is.
            if now < least {
                (since, least) = (Instant::now(), now);
            }
            if since.elapsed() > PATIENCE {
                // It is gone, or looks at another folder.
                self.0.store(0, Ordering::SeqCst);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Keeper {
    /// For a run in a notebook of the workspace at `root`.
    pub fn new(root: &Path, notebook: &str, doc: DocId, run: RunOf) -> Self {
        Self { spool: Spool::new(root, notebook), doc, run, behind: Behind::default() }
    }

    /// Tells an event as `news`, once what it prints is kept. Called on the kernel's thread, which waits for the disk and
    /// for a window that is behind.
    pub fn tell(&self, event: ExecEvent, out: &Out, news: impl FnOnce(ExecEvent) -> Event) {
        // What is large is made ready here, so that the window has only to take it.
        let ExecEvent::Stream { text, .. } = &event else { return out.send(news(made_ready(event))) };
        if let Some(kept) = self.spool.take(text) {
            out.send(Event::Whole { doc: self.doc, run: self.run, kept });
        }
        let bytes = text.len();
        self.behind.wait();
        self.behind.0.fetch_add(bytes, Ordering::SeqCst);
        out.send(news(event));
        out.send(Event::Taken { behind: self.behind.clone(), bytes });
    }
}

/// A file was begun for a run, or could not be.
pub(super) fn event(state: &mut State, id: DocId, run: RunOf, kept: Result<String>) -> Vec<Effect> {
    let Some(doc) = state.by_id(id) else { return Vec::new() };
    match kept {
        Ok(file) => {
            if let Some(run) = doc.run_of(run) {
                run.live.keep_in(file);
            }
            Vec::new()
        }
        Err(error) => vec![notice(&error.hint("The notebook keeps the beginning and the end of what is printed"))],
    }
}

impl super::Doc {
    /// The files with all that cells have printed beyond what the notebook keeps, relative to the workspace: read them
    /// with [`crate::engine::kernel::each_line`].
    pub fn whole_texts(&self) -> impl Iterator<Item = (CellKey, &str)> {
        self.runs.iter().filter_map(|(key, run)| Some((*key, run.live.whole()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_behind_is_waited_for_and_one_that_is_gone_is_not() {
        let behind = Behind::default();
        behind.0.store(AHEAD + 10, Ordering::SeqCst);
        let window = behind.clone();
        std::thread::scope(|scope| {
            let work = move || {
                std::thread::sleep(Duration::from_millis(30));
                window.taken(20);
            };
            std::thread::Builder::new().spawn_scoped(scope, work).unwrap();
            let begin = Instant::now();
            behind.wait();
            assert!((20..200).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
        });
        // A slow one comes to a little now and then.
        behind.0.store(AHEAD + 40, Ordering::SeqCst);
        let window = behind.clone();
        std::thread::scope(|scope| {
            let work = move || {
                for _ in 0..4 {
                    std::thread::sleep(PATIENCE / 2);
                    window.taken(10);
                }
            };
            std::thread::Builder::new().spawn_scoped(scope, work).unwrap();
            let begin = Instant::now();
            behind.wait();
            assert!(begin.elapsed() > PATIENCE && behind.0.load(Ordering::SeqCst) == AHEAD, "{:?}", begin.elapsed());
        });
        behind.0.store(AHEAD + 10, Ordering::SeqCst);
        behind.wait();
        assert_eq!(behind.0.load(Ordering::SeqCst), 0, "it is not waited for again");
        behind.taken(5);
        assert_eq!(behind.0.load(Ordering::SeqCst), 0);
    }
}

//! What jobs work with: folders, services that outlive a job, and the way back to the window.
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, RwLock},
};

use crossbeam_channel::Sender;

use super::Event;
use crate::{
    base::{Error, Result, job::Cancel, time::Clock},
    engine::{dirs::Dirs, frames::Tables, kernel::Kernels, workspace::Watch},
};

/// Wakes whoever drains the events.
pub trait Waker: Send + Sync {
    /// Must be cheap and callable from any thread.
    fn wake(&self);
}

/// For tests and the command line: nobody sleeps.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoWaker;

impl Waker for NoWaker {
    fn wake(&self) {}
}

/// An event with the opened workspace it belongs to, so that late news of a closed one is dropped.
#[derive(Debug, Clone)]
pub struct Envelope {
    pub generation: u64,
    pub event: Event,
}

/// Sends events to the window. Blocks when the window is 4,096 events behind, which holds back fast producers.
#[derive(Clone)]
pub struct Out {
    pub(super) tx: Sender<Envelope>,
    pub(super) waker: Arc<dyn Waker>,
    pub(super) generation: u64,
    /// Set when newer work with the same key took this one's place: what it still sends is stale.
    pub(super) superseded: Cancel,
}

impl Out {
    /// A sender for the workspace opened as number `generation`.
    pub fn new(tx: Sender<Envelope>, waker: Arc<dyn Waker>, generation: u64) -> Self {
        Self { tx, waker, generation, superseded: Cancel::default() }
    }
    /// Sends and wakes. An error means the program is ending, so there is nobody to tell.
    pub fn send(&self, event: impl Into<Event>) {
        if self.superseded.is_cancelled() {
            return;
        }
        let _ = self.tx.send(Envelope { generation: self.generation, event: event.into() });
        self.waker.wake();
    }
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Out").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// Shared by all jobs of a window.
pub struct Env {
    pub dirs: Dirs,
    pub clock: Arc<dyn Clock>,
    /// Jupyter kernels; nothing runs until the first one is started.
    pub kernels: Kernels,
    /// What runs for open notebooks: SQL sessions, kernels, results.
    pub notebooks: super::notebook::Runtimes,
    /// The history of runs of the opened workspace, and the watch over it.
    pub runs: super::runs::Live,
    /// The threads that look at connected systems.
    pub connections: super::connections::Live,
    /// Tables the data page has open.
    pub tables: Tables,
    /// What git or ssh wants to know and nobody has answered yet.
    pub questions: super::git::work::Questions,
    /// This program, which git starts to put a question; none where it cannot be told.
    program: RwLock<Option<PathBuf>>,
    root: RwLock<Option<PathBuf>>,
    watch: Mutex<Option<Watch>>,
}

impl Env {
    /// An environment with no workspace open.
    pub fn new(dirs: Dirs, clock: Arc<dyn Clock>) -> Self {
        let kernels = Kernels::new(&dirs.cache, clock.clone());
        let (notebooks, runs, connections, tables, questions) = Default::default();
        let program = RwLock::new(Dirs::program());
        Self {
            dirs,
            clock,
            kernels,
            notebooks,
            runs,
            connections,
            tables,
            questions,
            program,
            root: RwLock::new(None),
            watch: Mutex::new(None),
        }
    }
    /// The opened workspace's folder.
    pub fn root(&self) -> Result<PathBuf> {
        let root = self.root.read().map_err(|_| Error::bug("The workspace lock is poisoned"))?;
        root.clone().ok_or_else(|| Error::user("No workspace is open").hint("Open a folder first"))
    }
    /// This program's file, which git starts to put a question; none where it cannot be told.
    pub fn program(&self) -> Option<PathBuf> {
        self.program.read().ok().and_then(|p| p.clone())
    }
    /// Another file is this program: a test, or an update that moved it.
    pub fn set_program(&self, program: PathBuf) {
        if let Ok(mut slot) = self.program.write() {
            *slot = Some(program);
        }
    }
    /// Keeps the watch of the opened folder; the one before ends.
    pub fn set_watch(&self, watch: Option<Watch>) {
        if let Ok(mut slot) = self.watch.lock() {
            *slot = watch;
        }
    }
    /// Called when a workspace has been opened.
    pub fn set_root(&self, root: Option<PathBuf>) {
        if let Ok(mut slot) = self.root.write() {
            *slot = root;
        }
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").field("dirs", &self.dirs).finish_non_exhaustive()
    }
}

//! The seam of a session: what its handle says, and what whoever drives the kernel tells back.
//!
//! A driver takes [`Order`]s from a channel and keeps [`Shared`] true. There are several: the one that owns a process
//! of this program, the client of the kernel owner, a Jupyter Server. [`super::Session::over`] makes a handle of any.
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::Sender;

use super::Sink;
use crate::{
    base::Result,
    model::kernel::{
        Bundle, Comm, Completions, ExecId, ExecOptions, KernelInfo, Label, Plan, SessionEvent, SessionState,
    },
};

/// A cell to execute.
pub(super) struct Job {
    pub id: ExecId,
    pub code: String,
    pub options: ExecOptions,
    /// What a window says of it, for drivers that outlive the window.
    pub label: Option<Label>,
    pub sink: Sink,
}

/// What a session is told.
pub(super) enum Order {
    Execute(Job),
    /// Forget waiting cells: one, or all.
    Withdraw(Option<ExecId>),
    Interrupt,
    Answer(String),
    /// Something about a widget; what comes of it goes to the sink.
    Comm(Comm, Sink),
    Restart(Sender<Result<()>>),
    Shutdown(Sender<()>),
    /// The window goes. What does not outlive it ends as with a shutdown; a kernel of a server is let go of.
    Leave(Sender<()>),
    /// End the process now; the session is dead then and can be restarted.
    Kill,
    Complete {
        code: String,
        cursor: usize,
        reply: Sender<Completions>,
    },
    Inspect {
        code: String,
        cursor: usize,
        reply: Sender<Bundle>,
    },
    /// The last so many inputs, the newest last.
    History {
        count: usize,
        reply: Sender<Vec<String>>,
    },
    /// What is to run next when the window is gone by then.
    Plan(Plan),
    /// The outputs of these are in the file, so nothing more has to be kept of them.
    Settled(Vec<ExecId>),
    /// This window runs the cells from now on, whoever did before.
    Drive,
    /// The notebook has another path.
    Rename(String),
}

/// What the handle and the driver both see.
pub(super) struct Shared {
    state: Mutex<SessionState>,
    info: Mutex<Option<KernelInfo>>,
    pid: Mutex<Option<i32>>,
    notify: Box<dyn Fn(SessionEvent) + Send + Sync>,
}

impl Shared {
    /// Starting, with nothing known yet.
    pub fn new(notify: impl Fn(SessionEvent) + Send + Sync + 'static) -> Self {
        let (state, info, pid) = Default::default();
        Self { state, info, pid, notify: Box::new(notify) }
    }
    pub fn state(&self) -> SessionState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub fn info(&self) -> Option<KernelInfo> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub fn pid(&self) -> Option<i32> {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Tells when it is another state than before.
    pub fn set(&self, state: SessionState) {
        {
            let mut now = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if *now == state {
                return;
            }
            now.clone_from(&state);
        }
        (self.notify)(SessionEvent::State(state));
    }
    /// The kernel has said what it is.
    pub fn set_info(&self, info: KernelInfo) {
        *self.info.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.clone());
        (self.notify)(SessionEvent::Info(info));
    }
    /// Passes other news on.
    pub fn tell(&self, event: SessionEvent) {
        (self.notify)(event);
    }
    /// The process, while it runs on this machine.
    pub fn set_pid(&self, pid: Option<i32>) {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = pid;
    }
}

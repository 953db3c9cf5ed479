//! Ties state, jobs and events together for whoever shows them: the window, `andon shot`, tests.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;

use super::{
    AppState, Command, Cx, Effect, Env, connections,
    dispatch::{apply, dispatch},
    env::{Envelope, Waker},
    home,
    jobs::Jobs,
    notify::Notice,
};
use crate::{
    base::{Result, time::Clock},
    engine::dirs::Dirs,
};

/// What only the shower of pixels can do.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Put text on the clipboard.
    Copy(String),
    /// Open an address with the system's program.
    Open(String),
    /// Show a notification of the desktop.
    Desktop { title: String, body: String },
    /// End the program.
    Quit,
}

/// What is left to do after the window is gone.
#[derive(Debug, Clone)]
pub struct Ending(Arc<Env>);

impl Ending {
    /// Leaves kernels that outlive the window to their owner and ends the others: asked first, then made to. Takes four
    /// seconds at most, none when no kernel runs.
    pub fn finish(&self) {
        self.0.kernels.shutdown_all();
    }
}

/// The running program.
pub struct Host {
    pub state: AppState,
    pub env: Arc<Env>,
    jobs: Jobs,
    rx: Receiver<Envelope>,
    clock: Arc<dyn Clock>,
    timers: Vec<(Instant, Command)>,
    requests: Vec<Request>,
    /// Something changed since Home was last made.
    home_is_old: bool,
    home_at: Option<Instant>,
    home_timer: bool,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// A host with no workspace open.
    pub fn new(dirs: Dirs, clock: Arc<dyn Clock>, waker: Arc<dyn Waker>) -> Result<Self> {
        let (tx, rx) = crossbeam_channel::bounded(4096);
        let env = Arc::new(Env::new(dirs, clock.clone()));
        let jobs = Jobs::new(env.clone(), tx, waker);
        let mut state = AppState::default();
        state.shell.started = Some(clock.now());
        Ok(Self {
            state,
            env,
            jobs,
            rx,
            clock,
            timers: Vec::new(),
            requests: Vec::new(),
            home_is_old: true,
            home_at: None,
            home_timer: false,
        })
    }

    /// To be finished once nothing is shown any more.
    pub fn ending(&self) -> Ending {
        Ending(self.env.clone())
    }

    /// Carries out a command.
    pub fn send(&mut self, command: impl Into<Command>) {
        let clock = self.clock.clone();
        let effects = dispatch(&mut self.state, command.into(), &Cx { clock: &*clock });
        self.carry_out(effects);
        self.env.connections.set_pace(connections::pace(&self.state));
        self.refresh_home(false);
    }

    /// Folds waiting events into the state for at most `budget`. True when the state may have changed; more may wait.
    pub fn drain(&mut self, budget: Duration) -> bool {
        let until = Instant::now() + budget;
        let clock = self.clock.clone();
        let mut any = self.fire_timers();
        while let Ok(envelope) = self.rx.try_recv() {
            if envelope.generation == self.state.workspace.generation {
                any = true;
                let effects = apply(&mut self.state, envelope.event, &Cx { clock: &*clock });
                self.carry_out(effects);
            }
            if Instant::now() > until {
                break;
            }
        }
        if any {
            self.env.connections.set_pace(connections::pace(&self.state));
        }
        self.refresh_home(any);
        any
    }

    /// Home is made from all features, so it is made anew at most four times a second while events pour in.
    fn refresh_home(&mut self, changed: bool) {
        self.home_is_old |= changed;
        let shown = self.state.shell.page == super::shell::Page::Home && self.state.workspace.root.is_some();
        let pause = Duration::from_millis(250);
        let due = self.home_at.is_none_or(|at| at.elapsed() >= pause);
        if (shown && !changed) || (self.home_is_old && due) {
            let clock = self.clock.clone();
            let effects = home::refresh(&mut self.state, &Cx { clock: &*clock });
            self.home_is_old = false;
            self.home_at = Some(Instant::now());
            self.carry_out(effects);
        } else if self.home_is_old && !self.home_timer {
            self.home_timer = true;
            self.timers.push((Instant::now() + pause, super::shell::Command::Tick.into()));
        }
    }

    /// True when events wait for the next [`Host::drain`].
    pub fn behind(&self) -> bool {
        !self.rx.is_empty()
    }

    /// True when nothing runs and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.jobs.is_idle() && self.rx.is_empty()
    }

    /// Drains until nothing runs or `limit` has passed; for tests and `andon shot`. True when all is done.
    pub fn settle(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            self.drain(Duration::from_millis(50));
            if self.is_idle() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// For the end of the program: does at once what timers were to do later (the journal of unsaved edits, the commit
    /// of the board) and waits `limit` at most for files to be written. True when all are.
    pub fn wind_up(&mut self, limit: Duration) -> bool {
        self.env.kernels.close_soon();
        for (_, command) in std::mem::take(&mut self.timers) {
            self.send(command);
        }
        let until = Instant::now() + limit;
        loop {
            self.drain(Duration::from_millis(20));
            // What is written into a cell as late as now is kept, too.
            let late = |(_, command): &mut (Instant, Command)| {
                matches!(command, Command::Notebook(super::notebook::Command::Journal(_)))
            };
            for (_, command) in self.timers.extract_if(.., late).collect::<Vec<_>>() {
                self.send(command);
            }
            if self.jobs.files_at_rest() && self.rx.is_empty() {
                return true;
            }
            if Instant::now() > until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// When the next timer fires.
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers.iter().map(|t| t.0).min()
    }

    /// What the window has to do.
    pub fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// True when a timer changed the state. The one that makes Home anew changes nothing Home is made from: counted as
    /// a change it would wind itself up again for ever.
    fn fire_timers(&mut self) -> bool {
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.timers).into_iter().partition(|t| t.0 <= now);
        self.timers = later;
        let mut any = false;
        for (_, command) in due {
            if matches!(command, Command::Shell(super::shell::Command::Tick)) {
                self.home_timer = false;
            } else {
                any = true;
            }
            self.send(command);
        }
        any
    }

    /// Carries out effects that a test asked for itself.
    #[cfg(test)]
    pub fn carry(&mut self, effects: Vec<Effect>) {
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Start(job) => self.jobs.start(job, self.state.workspace.generation),
                Effect::Cancel(key) => self.jobs.cancel(&key),
                Effect::Notice(notice) => self.notice(notice),
                Effect::Desktop { title, body } => self.requests.push(Request::Desktop { title, body }),
                Effect::Copy(text) => self.requests.push(Request::Copy(text)),
                Effect::Open(url) => self.requests.push(Request::Open(url)),
                Effect::After(delay, command) => self.timers.push((Instant::now() + delay, *command)),
                Effect::Quit => self.requests.push(Request::Quit),
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        let now = self.clock.now();
        self.state.notices.push(notice, now);
        self.timers.push((Instant::now() + Duration::from_millis(6_050), super::shell::Command::ExpireNotices.into()));
    }
}

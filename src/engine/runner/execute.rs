//! One run: what may start, what has ended, what is tried again.
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    Execution, RunEvent, Sink,
    record::take_record,
    task::{Outcome, Work},
};
use crate::{
    base::{
        Error, Result, fsx,
        job::{Cancel, JobCtx},
    },
    engine::store::{HEARTBEAT, log_path, rounded},
    model::run::{Attempt, RunState, TaskState},
};

/// How often a person's wish to cancel is looked for.
const TICK: Duration = Duration::from_millis(40);
/// A task that was told to end and has not after this time is left behind.
const PATIENCE: Duration = Duration::from_secs(10);
/// No pause before a retry is longer.
const LONGEST_BACKOFF_SECS: f64 = 3600.0;

/// An attempt under way.
struct Live {
    task: usize,
    attempt: u32,
    cancel: Cancel,
    deadline: Option<Instant>,
    timed_out: bool,
    /// When it was told to end.
    told: Option<Instant>,
}

struct Ended {
    task: usize,
    attempt: u32,
    outcome: Outcome,
}

struct Loop<'a> {
    exec: &'a mut Execution,
    cx: &'a JobCtx,
    sink: &'a Sink,
    live: Vec<Live>,
    /// Tasks of this round; the others keep what they have.
    plan: BTreeSet<usize>,
    cancelled: bool,
    beat: Instant,
    tx: Sender<Ended>,
    rx: Receiver<Ended>,
}

pub(super) fn execute(exec: &mut Execution, cx: &JobCtx, sink: &Sink) -> Result<()> {
    let plan: BTreeSet<usize> =
        exec.run.tasks.iter().enumerate().filter(|(_, t)| t.state == TaskState::Queued).map(|(i, _)| i).collect();
    let (tx, rx) = bounded(256);
    let now = rounded(cx.clock.now());
    exec.run.started_at = Some(now);
    exec.run.state = RunState::Running;
    exec.run.record = take_record(&exec.store, &exec.pipeline, cx);
    let mut all = Loop { exec, cx, sink, live: Vec::new(), plan, cancelled: false, beat: Instant::now(), tx, rx };
    all.save(&[])?;
    let result = all.run();
    if result.is_err() {
        // Another process owns the run now, or the disk refuses: nothing of it may go on.
        all.live.iter().for_each(|l| l.cancel.cancel());
        all.drain();
    }
    result
}

impl Loop<'_> {
    fn now(&self) -> Timestamp {
        rounded(self.cx.clock.now())
    }

    fn save(&self, tasks: &[usize]) -> Result<()> {
        self.exec.store.save(&self.exec.run, &self.exec.lease, tasks)?;
        (self.sink)(RunEvent::Changed(Arc::new(self.exec.run.clone())));
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        loop {
            self.look_for_cancel()?;
            self.pass_on_failures()?;
            self.start_what_can()?;
            let waiting = self.plan.iter().filter_map(|i| self.exec.run.tasks.get(*i)).any(|t| !t.state.is_final());
            if self.live.is_empty() && !waiting {
                break;
            }
            match self.rx.recv_timeout(TICK) {
                Ok(ended) => self.ended(ended)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.look_at_clocks()?;
        }
        let now = self.now();
        let run = &mut self.exec.run;
        run.state = run.outcome();
        run.ended_at = Some(now);
        let first = run.first_bad();
        run.error = first.and_then(|t| Some(format!("{}: {}", t.id, t.error.as_deref()?)));
        self.save(&[])
    }

    /// Moves a task to another state; a move that cannot be is our own fault.
    fn set(&mut self, task: usize, state: TaskState) -> Result<()> {
        let Some(t) = self.exec.run.tasks.get_mut(task) else { return Err(Error::bug("A task vanished from its run")) };
        if !t.state.may_become(state) {
            return Err(Error::bug(format!("Task {} cannot go from {:?} to {state:?}", t.id, t.state)));
        }
        t.state = state;
        Ok(())
    }

    fn look_for_cancel(&mut self) -> Result<()> {
        if self.beat.elapsed() >= HEARTBEAT {
            self.beat = Instant::now();
            let (run, lease) = (&self.exec.run.id, &self.exec.lease);
            if self.exec.store.heartbeat(run, lease, self.now())? {
                self.cancelled = true;
            }
        }
        self.cancelled |= self.cx.cancel.is_cancelled();
        if !self.cancelled {
            return Ok(());
        }
        for live in self.live.iter_mut().filter(|l| l.told.is_none()) {
            live.cancel.cancel();
            live.told = Some(Instant::now());
        }
        let open: Vec<usize> = self.plan.iter().copied().collect();
        let mut changed = Vec::new();
        for i in open {
            let state = self.exec.run.tasks.get(i).map(|t| t.state);
            if matches!(state, Some(TaskState::Queued | TaskState::Retrying)) {
                self.set(i, TaskState::Cancelled)?;
                changed.push(i);
            }
        }
        if changed.is_empty() { Ok(()) } else { self.save(&changed) }
    }

    /// Tasks that wait for one that did not succeed will not start.
    fn pass_on_failures(&mut self) -> Result<()> {
        loop {
            let tasks = &self.exec.run.tasks;
            let stopped: Vec<(usize, String)> = self
                .plan
                .iter()
                .filter_map(|i| Some((*i, tasks.get(*i)?)))
                .filter(|(_, t)| t.state == TaskState::Queued)
                .filter_map(|(i, t)| {
                    let culprit = self.before(t.after.as_slice()).find(|b| b.0.is_final() && !b.0.lets_pass())?;
                    Some((i, culprit.1))
                })
                .collect();
            if stopped.is_empty() {
                return Ok(());
            }
            let changed: Vec<usize> = stopped.iter().map(|(i, _)| *i).collect();
            for (i, culprit) in stopped {
                self.set(i, TaskState::UpstreamFailed)?;
                if let Some(t) = self.exec.run.tasks.get_mut(i) {
                    t.error = Some(format!("Not started: {culprit} did not succeed"));
                }
            }
            self.save(&changed)?;
        }
    }

    /// State and id of the tasks of this round among `ids`; those outside it are as the person wants them.
    fn before<'b>(&'b self, ids: &'b [String]) -> impl Iterator<Item = (TaskState, String)> + 'b {
        self.plan
            .iter()
            .filter_map(|i| self.exec.run.tasks.get(*i))
            .filter(|t| ids.contains(&t.id))
            .map(|t| (t.state, t.id.clone()))
    }

    fn start_what_can(&mut self) -> Result<()> {
        if self.cancelled {
            return Ok(());
        }
        let now = self.now();
        let ready: Vec<usize> = self
            .plan
            .iter()
            .copied()
            .filter(|i| {
                let Some(t) = self.exec.run.tasks.get(*i) else { return false };
                match t.state {
                    TaskState::Queued => self.before(&t.after).all(|(s, _)| s.lets_pass()),
                    TaskState::Retrying => t.retry_at.is_none_or(|at| at <= now),
                    _ => false,
                }
            })
            .collect();
        for task in ready {
            if self.live.len() >= self.exec.pipeline.parallel {
                break;
            }
            self.start(task, now)?;
        }
        Ok(())
    }

    fn start(&mut self, task: usize, now: Timestamp) -> Result<()> {
        self.set(task, TaskState::Running)?;
        let round = self.exec.run.round;
        let commit = self.exec.run.record.commit.as_ref().map(|c| c.id.clone());
        let (queued, run) = (self.could_start(task), self.exec.run.id.clone());
        let Some(t) = self.exec.run.tasks.get_mut(task) else { return Ok(()) };
        let number = t.attempts.last().map_or(1, |a| a.number + 1);
        t.retry_at = None;
        t.attempts.push(Attempt {
            number,
            round,
            state: TaskState::Running,
            queued_at: queued,
            started_at: Some(now),
            ended_at: None,
            exit_code: None,
            error: None,
            log: Some(log_path(&run, &t.id, number)),
            log_lines: 0,
            first_error: None,
            artifact: None,
            inputs: Default::default(),
            outputs: Default::default(),
            kernel: None,
            commit,
        });
        let id = t.id.clone();
        let spec = self.exec.pipeline.task(&id).cloned();
        self.save(&[task])?;
        let cancel = Cancel::default();
        let deadline = spec.as_ref().and_then(|s| s.timeout_secs).and_then(|s| Duration::try_from_secs_f64(s).ok());
        self.live.push(Live {
            task,
            attempt: number,
            cancel: cancel.clone(),
            deadline: deadline.map(|d| Instant::now() + d),
            timed_out: false,
            told: None,
        });
        let Some(spec) = spec else {
            let outcome = Outcome::failed(Error::user(format!("The pipeline has no task {id} any more")));
            return self.ended(Ended { task, attempt: number, outcome });
        };
        let work = Work {
            store: self.exec.store.clone(),
            run: self.exec.run.clone(),
            spec,
            attempt: number,
            cx: JobCtx::new(cancel, self.cx.clock.clone(), Arc::new(|_| {})),
            sink: self.sink.clone(),
            options: self.exec.options.clone(),
        };
        let tx = self.tx.clone();
        let go = move || {
            let outcome = work.carry_out();
            // The loop is gone only when the run was lost; then nobody wants the outcome.
            let _ = tx.send(Ended { task, attempt: number, outcome });
        };
        let spawned =
            std::thread::Builder::new().name(format!("task-{}", id.chars().take(10).collect::<String>())).spawn(go);
        match spawned {
            Ok(_) => Ok(()),
            Err(e) => {
                let outcome = Outcome::failed(Error::io("Could not start a thread for the task").because(&e));
                self.ended(Ended { task, attempt: number, outcome })
            }
        }
    }

    /// When everything it waits for was over.
    fn could_start(&self, task: usize) -> Timestamp {
        let start = self.exec.run.started_at.unwrap_or(self.exec.run.queued_at);
        let Some(t) = self.exec.run.tasks.get(task) else { return start };
        let in_round = |i: &usize| self.exec.run.tasks.get(*i);
        let ends = self
            .plan
            .iter()
            .filter_map(in_round)
            .filter(|b| t.after.contains(&b.id))
            .filter_map(|b| b.last().and_then(|a| a.ended_at));
        let retry = t.attempts.last().filter(|a| a.round == self.exec.run.round).and(t.retry_at);
        ends.chain(retry).fold(start, Timestamp::max)
    }

    fn ended(&mut self, ended: Ended) -> Result<()> {
        let Some(at) = self.live.iter().position(|l| l.task == ended.task && l.attempt == ended.attempt) else {
            // It was left behind and has been judged already.
            return Ok(());
        };
        let live = self.live.remove(at);
        let (now, round, id) = (self.now(), self.exec.run.round, self.exec.run.id.clone());
        let outcome = ended.outcome;
        let seconds = self.exec.pipeline.tasks.iter();
        let Some(t) = self.exec.run.tasks.get_mut(ended.task) else { return Ok(()) };
        let spec = seconds.clone().find(|s| s.id == t.id);
        let tries = t.attempts.iter().filter(|a| a.round == round).count() as u32;
        let error = outcome.error.map(|e| {
            if live.timed_out {
                let secs = spec.and_then(|s| s.timeout_secs).unwrap_or(0.0);
                format!("Timed out after {secs} s")
            } else if e.is_cancelled() {
                "Cancelled".to_owned()
            } else {
                e.to_string()
            }
        });
        let stopped = self.cancelled && !live.timed_out && error.is_some();
        let attempt_state = match (&error, stopped) {
            (None, _) => TaskState::Success,
            (Some(_), true) => TaskState::Cancelled,
            (Some(_), false) => TaskState::Failed,
        };
        if let Some(a) = t.attempts.last_mut() {
            a.state = attempt_state;
            a.ended_at = Some(now);
            a.error.clone_from(&error);
            a.exit_code = outcome.exit_code;
            a.artifact = outcome.artifact;
            a.inputs = outcome.inputs;
            a.outputs = outcome.outputs;
            a.kernel = outcome.kernel;
            a.log_lines = outcome.log_lines;
            a.first_error = outcome.first_error;
        }
        t.error.clone_from(&error);
        let again = attempt_state == TaskState::Failed && tries < t.max_attempts && !self.cancelled;
        if again {
            let secs = backoff(&id.0, &t.id, tries, spec.map_or(1.0, |s| s.backoff_secs));
            t.retry_at = Some(rounded(now.checked_add(SignedDuration::from_secs_f64(secs)).unwrap_or(now)));
        }
        self.set(ended.task, if again { TaskState::Retrying } else { attempt_state })?;
        self.save(&[ended.task])
    }

    fn look_at_clocks(&mut self) -> Result<()> {
        let now = Instant::now();
        for live in &mut self.live {
            if live.told.is_none() && live.deadline.is_some_and(|d| d <= now) {
                live.timed_out = true;
                live.told = Some(now);
                live.cancel.cancel();
            }
        }
        // Code that does not listen cannot be stopped from outside; the run goes on without it.
        let deaf: Vec<(usize, u32)> = self
            .live
            .iter()
            .filter(|l| l.told.is_some_and(|t| now.duration_since(t) > PATIENCE))
            .map(|l| (l.task, l.attempt))
            .collect();
        for (task, attempt) in deaf {
            let outcome = Outcome::failed(Error::cancelled());
            self.ended(Ended { task, attempt, outcome })?;
        }
        Ok(())
    }

    /// Waits a moment for tasks that were told to end.
    fn drain(&mut self) {
        let until = Instant::now() + Duration::from_secs(5);
        while !self.live.is_empty() && Instant::now() < until {
            if let Ok(ended) = self.rx.recv_timeout(TICK) {
                self.live.retain(|l| l.task != ended.task || l.attempt != ended.attempt);
            }
        }
    }
}

/// Seconds before retry number `tries`: doubled each time, with up to a fifth more or less that is the same for the
/// same attempt of the same run.
fn backoff(run: &str, task: &str, tries: u32, base: f64) -> f64 {
    let seed = fsx::hash(format!("{run} {task} {tries}").as_bytes());
    let jitter = StdRng::seed_from_u64(seed).random_range(0.8..1.2);
    (base * 2f64.powi(i32::try_from(tries).unwrap_or(30).clamp(1, 30) - 1) * jitter).min(LONGEST_BACKOFF_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_vary_a_little_but_repeatably() {
        let all: Vec<f64> = (1..=4).map(|n| backoff("r", "t", n, 10.0)).collect();
        for (n, secs) in all.iter().enumerate() {
            let middle = 10.0 * f64::from(1 << n);
            assert!((0.8 * middle..1.2 * middle).contains(secs), "{all:?}");
        }
        assert_eq!(backoff("r", "t", 1, 10.0), all[0]);
        assert_ne!(backoff("s", "t", 1, 10.0), all[0]);
        assert_eq!(backoff("r", "t", 30, 1000.0), LONGEST_BACKOFF_SECS);
    }
}

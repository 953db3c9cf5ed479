//! Running the merged notebook up to a cell, or the cell alone, before anything is written.
use std::sync::Arc;

use super::{Command, Event, Ran, State, Task, change, change_at, keep};
use crate::{
    app::{AppState, Effect, Job, notify::Notice, workspace},
    model::{
        merge::{Entry, Part, Results},
        output::Output,
    },
};

/// A run under way.
#[derive(Debug, Clone)]
pub struct Running {
    /// Names the versions of the file, and the entry whose cell is run.
    pub of: (u64, usize),
    /// Without the cells above it.
    pub alone: bool,
    /// What it does just now.
    pub step: String,
    /// What the cell itself has put out so far; none before it has begun.
    pub outputs: Option<Arc<Vec<Output>>>,
    /// It was asked to end.
    pub stopping: bool,
}

impl State {
    /// The run under way of this entry of the file in front.
    pub fn running_of(&self, entry: &Entry) -> Option<&Running> {
        let of = (self.sheet.as_ref()?.mark, entry.at);
        self.running.as_ref().filter(|r| r.of == of)
    }
    /// Why the cell in front cannot be run, if so.
    pub fn no_run(&self, alone: bool) -> Option<String> {
        let (Some(sheet), Some(entry)) = (&self.sheet, self.entry()) else { return Some("No cell is in front".into()) };
        if !sheet.is_code(entry) {
            return Some("Only code cells can be run".into());
        }
        if self.running.is_some() {
            return Some("The notebook is running".into());
        }
        let counts = |p: &Part| matches!(p, Part::Source | Part::Cell);
        if self.answer(entry).is_none_or(|a| a.missing(entry).iter().any(counts)) {
            return Some("Decide its source first".into());
        }
        if self.answer(entry).is_some_and(|a| a.cell.is_some_and(|t| entry.text(t).is_none())) {
            return Some("The cell is left out".into());
        }
        // What runs is sources: whose outputs and metadata stand makes no difference to it.
        let before = |e: &&Entry| e.at < entry.at && self.answer(e).is_none_or(|a| a.missing(e).iter().any(counts));
        let first = self.entries().iter().find(before).filter(|_| !alone);
        first.map(|e| format!("{} above it is undecided; it can be run alone", e.place))
    }
}

pub(super) fn command(state: &mut AppState, command: Command) -> Vec<Effect> {
    match command {
        Command::Run { alone } => run_cell(state, alone),
        Command::CancelRun => {
            if let Some(running) = &mut state.conflict.running {
                running.stopping = true;
            }
            vec![Effect::Cancel("conflict.run".into())]
        }
        Command::RanOutputs => {
            let conflict = &mut state.conflict;
            let ran = conflict.entry().and_then(|e| conflict.runs.get(&e.at)).filter(|r| r.reached);
            let Some(results) = ran.map(Ran::results) else { return Vec::new() };
            change(conflict, None, |_, answer| answer.outputs = Some(results));
            keep::soon(conflict)
        }
        _ => Vec::new(),
    }
}

fn run_cell(state: &mut AppState, alone: bool) -> Vec<Effect> {
    if state.conflict.no_run(alone).is_some() {
        return Vec::new();
    }
    if let Some(asked) = workspace::require_trust(state, Command::Run { alone }) {
        return asked;
    }
    let conflict = &mut state.conflict;
    let (Some(sheet), Some(at)) = (conflict.sheet.clone(), conflict.entry().map(|e| e.at)) else { return Vec::new() };
    let step = "Starting".to_owned();
    conflict.running = Some(Running { of: (sheet.mark, at), alone, step, outputs: None, stopping: false });
    let title = format!("Running {} as merged", sheet.path);
    let task = Task::Run { answers: conflict.answers(), sheet, at, alone };
    vec![Job::long("conflict.run", task).titled(title).start()]
}

pub(super) fn event(state: &mut AppState, event: Event) -> Vec<Effect> {
    let conflict = &mut state.conflict;
    match event {
        Event::Running { of, step, outputs } => {
            if let Some(running) = conflict.running.as_mut().filter(|r| r.of == of) {
                running.step = step.unwrap_or_else(|| std::mem::take(&mut running.step));
                running.outputs = outputs.or(running.outputs.take());
            }
            Vec::new()
        }
        Event::Ran { mark, at, result } => {
            conflict.running = None;
            if conflict.sheet.as_ref().is_none_or(|s| s.mark != mark) {
                return Vec::new();
            }
            match *result {
                Ok(ran) => {
                    ended(conflict, at, ran);
                    keep::soon(conflict)
                }
                Err(e) if e.is_cancelled() => Vec::new(),
                Err(e) => vec![Effect::Notice(Notice::error(&e))],
            }
        }
        _ => Vec::new(),
    }
}

fn ended(conflict: &mut State, at: usize, ran: Ran) {
    // What is shown is what is written, unless a person chose otherwise.
    if ran.reached
        && ran.error.is_none()
        && let Some(index) = conflict.entries().iter().position(|e| e.at == at)
    {
        let results = ran.results();
        let mut used = false;
        change_at(conflict, index, None, |_, answer| {
            used = answer.used;
            if !matches!(answer.outputs, Some(Results::Of(_) | Results::None)) {
                answer.outputs = Some(results);
            }
        });
        // Who asked for the run and then said that the result is right meant it with its output.
        if let (true, Some(answer)) = (used, conflict.answer_at(index)) {
            answer.used = true;
        }
    }
    conflict.runs.insert(at, ran);
}

//! What comes back from jobs and the watch; no I/O.
use std::sync::Arc;

use super::{Dialog, Entry, Event, KEPT, State, command, find, remote};
use crate::{
    app::{
        AppState, Cx, Effect, connections,
        notify::{Notice, Tone},
        quality,
        shell::Page,
    },
    base::{Error, text, time},
    model::run::{Run, RunKind, RunState, pipeline_key},
};

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    // Metrics and check results are plotted as they come.
    let measured = match &event {
        Event::Loaded { .. } | Event::Runs(_) | Event::Metrics(_) => true,
        Event::Changed(run) => run.tasks.iter().any(|t| t.state.is_final()),
        _ => false,
    };
    let mut effects = fold(state, event, cx);
    if measured {
        effects.extend(quality::store_changed(state));
    }
    effects
}

fn fold(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Loaded { entries, runs, notice } => return loaded(state, entries, runs, notice, cx),
        Event::Failed(error) => {
            state.runs.loaded = true;
            state.runs.error = Some(error);
        }
        Event::Runs(runs) => {
            let mut effects: Vec<Effect> = Vec::new();
            for run in runs.into_iter().rev() {
                effects.extend(changed(state, Arc::new(run), cx));
            }
            return effects;
        }
        Event::Changed(run) => return changed(state, run, cx),
        Event::Began { key, run, already } => return began(state, &key, run, already, cx),
        Event::NotBegun { key, error } => {
            state.runs.started.retain(|(k, _)| *k != key);
            return vec![Effect::Notice(Notice::error(&error))];
        }
        Event::Previewed { run, scope, result } => {
            if let Some(Dialog::Rerun(d)) = &mut state.runs.dialog
                && d.run == run
                && d.scope == scope
            {
                d.preview = Some(*result);
            }
        }
        Event::Asked { connection, pipeline, result } => remote::asked(state, &connection, &pipeline, *result),
        Event::Unsure { key, run, scope, preview } => {
            state.runs.started.retain(|(k, _)| *k != key);
            let effects = command::command(state, super::Command::AskRerun { run, scope }, cx);
            if let Some(Dialog::Rerun(d)) = &mut state.runs.dialog {
                d.preview = Some(Ok(*preview));
            }
            // The answer is here already.
            return effects.into_iter().filter(|e| !matches!(e, Effect::Start(_))).collect();
        }
        // They are read with the detail of the run.
        Event::Metrics(_) => {}
        Event::Detail(detail) => {
            if state.runs.run.as_ref() == Some(&detail.run) {
                state.runs.detail = Some(*detail);
            }
        }
        Event::LogIndex { id, index, complete } => {
            let log = &mut state.runs.log;
            if log.is(&id) {
                log.grow(index, complete);
                // What was added is searched too.
                let more = complete && log.index.bytes > log.searched.0;
                if more && !log.searching && !log.search.is_empty() {
                    return command::search(state);
                }
            }
        }
        Event::LogPages { id, pages } => {
            if state.runs.log.is(&id) {
                state.runs.log.put(pages);
            }
        }
        Event::LogHits { id, search, from, hits, total, next, done } => {
            let log = &mut state.runs.log;
            if log.is(&id) && log.search == search {
                log.found(from, hits, total, next, done);
            }
        }
        Event::LogText { text, cut } => {
            let words = if cut { "The end of the log was copied" } else { "The log was copied" };
            let body = if cut { "All of it is too long for a clipboard; the file has it" } else { "" };
            return vec![Effect::Copy(text), Effect::Notice(Notice::info(words).body(body))];
        }
        Event::LogFailed(error) => {
            state.runs.log.loaded = true;
            state.runs.log.error = Some(error);
        }
    }
    Vec::new()
}

fn loaded(state: &mut AppState, entries: Vec<Entry>, runs: Vec<Run>, notice: Option<Error>, cx: &Cx) -> Vec<Effect> {
    let s = &mut state.runs;
    s.error = None;
    s.local = entries;
    if !s.loaded || !runs.is_empty() {
        s.runs.clear();
        for run in runs {
            s.runs.entry(run.key()).or_default().push(Arc::new(run));
        }
    }
    s.loaded = true;
    gather(state);
    let s = &mut state.runs;
    let mut effects: Vec<Effect> = notice.iter().map(|e| Effect::Notice(Notice::error(e))).collect();
    if let Some(wanted) = s.wanted.take().filter(|w| s.entry(w).is_some()) {
        effects.extend(command::command(state, super::Command::SelectPipeline(wanted), cx));
        return effects;
    }
    let gone = s.pipeline.as_ref().is_none_or(|p| s.entry(p).is_none());
    if gone {
        s.pipeline = None;
        s.run = None;
        if let Some(first) = s.most_urgent() {
            effects.extend(command::command(state, super::Command::SelectPipeline(first), cx));
        }
    } else if let Some(run) = s.selected_run().cloned() {
        effects.push(command::detail(&run));
    }
    effects
}

/// All pipelines: those of files, those of connections, and what has runs but is in neither.
pub(super) fn gather(state: &mut AppState) {
    let mut all = state.runs.local.clone();
    for to in connections::all(state) {
        let Some(news) = state.connections.news.get(&to.name) else { continue };
        all.extend(news.pipelines.iter().map(|p| Entry {
            name: pipeline_key(&to.name, &p.name),
            connection: to.name.clone(),
            remote: Some(Arc::new(p.clone())),
            source: p.name.clone(),
            pipeline: None,
            error: None,
            exists: true,
        }));
    }
    state.runs.entries = all;
    state.runs.add_strangers();
}

impl State {
    /// What has runs but no file among the pipelines: notebooks, files that are gone.
    fn add_strangers(&mut self) {
        for (name, runs) in &self.runs {
            if self.entries.iter().any(|e| e.name == *name) {
                continue;
            }
            let Some(last) = runs.first() else { continue };
            self.entries.push(Entry {
                name: name.clone(),
                connection: last.connection.clone(),
                remote: None,
                source: last.source.clone(),
                pipeline: None,
                error: None,
                exists: last.kind == RunKind::Notebook,
            });
        }
    }
    /// The pipeline to look at first: what failed last, else what ran last, else the first one.
    fn most_urgent(&self) -> Option<String> {
        let newest = self.runs.values().filter_map(|r| r.first());
        let rank = |r: &&Arc<Run>| (r.state.is_bad(), r.queued_at);
        let by_run = newest.max_by_key(rank).map(|r| r.key());
        by_run.or_else(|| self.entries.first().map(|e| e.name.clone()))
    }
}

/// Puts a run where it belongs; tells of a failure nobody looks at.
fn changed(state: &mut AppState, run: Arc<Run>, cx: &Cx) -> Vec<Effect> {
    let before = find(state, &run.id).cloned();
    if before.as_ref().is_some_and(|b| **b == *run || is_older(&run, b)) {
        return Vec::new();
    }
    let list = state.runs.runs.entry(run.key()).or_default();
    match list.iter_mut().find(|r| r.id == run.id) {
        Some(slot) => *slot = run.clone(),
        None => {
            let at = list.iter().position(|r| (r.queued_at, r.number) < (run.queued_at, run.number));
            list.insert(at.unwrap_or(list.len()), run.clone());
            list.truncate(KEPT);
        }
    }
    state.runs.add_strangers();
    let mut effects = Vec::new();
    if state.runs.pipeline.is_none() {
        state.runs.pipeline = Some(run.key());
    }
    let selected = state.runs.run.as_ref() == Some(&run.id);
    let ended = run.state.is_final() && before.as_ref().is_none_or(|b| !b.state.is_final());
    if selected {
        if ended || before.as_ref().is_some_and(|b| b.round != run.round) {
            effects.push(command::detail(&run));
        }
        effects.extend(follow_log(state, &run));
    } else if state.runs.run.is_none() && state.runs.pipeline.as_ref() == Some(&run.key()) {
        effects.extend(command::select_run(state, &run.id));
    }
    if ended {
        if run.kind == RunKind::Notebook {
            effects.extend(crate::app::notebook::parameters::ran(state, &run, cx));
        }
        effects.extend(tell(state, &run, cx));
    }
    effects
}

/// News that arrive out of order: the store's view of a run this window carries out lags behind its own.
fn is_older(new: &Run, old: &Run) -> bool {
    let rank = |r: &Run| {
        let attempts: usize = r.tasks.iter().map(|t| t.attempts.len()).sum();
        let ended = r.tasks.iter().flat_map(|t| &t.attempts).filter(|a| a.ended_at.is_some()).count();
        (r.round, attempts, ended, r.state.is_final())
    };
    rank(new) < rank(old)
}

/// The log that is open moves on to a new attempt of its task, when the old one was followed.
fn follow_log(state: &mut AppState, run: &Run) -> Vec<Effect> {
    let log = &state.runs.log;
    if state.runs.tab != super::Tab::Log || !log.follow || log.run.as_ref() != Some(&run.id) {
        return Vec::new();
    }
    let newest = run.task(&log.task).and_then(|t| t.last()).map(|a| a.number);
    if newest.is_some_and(|n| n > log.attempt) {
        let task = log.task.clone();
        return command::command(state, super::Command::OpenLog { task, attempt: newest }, &NO_TIME);
    }
    Vec::new()
}

/// Opening a log does not look at the clock.
const NO_TIME: Cx<'static> = Cx { clock: &crate::base::time::SystemClock };

fn began(state: &mut AppState, key: &str, run: Arc<Run>, already: bool, cx: &Cx) -> Vec<Effect> {
    state.runs.started.retain(|(k, _)| k != key);
    if already {
        return vec![Effect::Notice(Notice::info(format!("{} is running already", run.title())))];
    }
    state.runs.own.push(run.id.clone());
    let id = run.id.clone();
    let mut effects = changed(state, run.clone(), cx);
    // Whoever looks at the pipeline wants to see what was just started.
    if state.runs.pipeline.as_ref() == Some(&run.key()) && state.runs.run.as_ref() != Some(&id) {
        effects.extend(command::select_run(state, &id));
    }
    effects
}

/// A failure while the eyes are elsewhere gives a notice, and a notification of the desktop when the window is too.
fn tell(state: &mut AppState, run: &Run, cx: &Cx) -> Vec<Effect> {
    let looked_at = state.shell.page == Page::Runs && state.runs.run.as_ref() == Some(&run.id) && state.shell.focused;
    let own = state.runs.own.contains(&run.id);
    state.runs.own.retain(|id| *id != run.id);
    // History that is imported or found is no news.
    let fresh = run.ended_at.is_some_and(|at| cx.now().as_second() - at.as_second() < 120);
    if looked_at || !fresh {
        return Vec::new();
    }
    let lasted = run.duration_ms(cx.now()).map(time::duration_ms).unwrap_or_default();
    let tasks = text::count(run.tasks.len() as u64, "task");
    let (tone, word, body) = match run.state {
        RunState::Failed => (Tone::Failure, "failed", run.error.clone().unwrap_or_default()),
        RunState::Interrupted => (Tone::Failure, "was interrupted", run.error.clone().unwrap_or_default()),
        RunState::Success if own => (Tone::Success, "succeeded", format!("{tasks} in {lasted}")),
        _ => return Vec::new(),
    };
    let title = format!("{} {word}", run.title());
    let body = text::shorten(&body, 240);
    let mut effects = Vec::new();
    if !state.shell.focused {
        effects.push(Effect::Desktop { title: title.clone(), body: body.clone() });
    }
    let notice = Notice::new(tone, title).body(body).action("Open", super::Command::OpenRun(run.id.clone()));
    effects.push(Effect::Notice(notice));
    effects
}

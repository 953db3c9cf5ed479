//! What a person asks; no I/O.
use super::{Command, Dialog, LogId, RerunDialog, RunDialog, Tab, Task, dialog, find, remote};
use crate::{
    app::{AppState, Cx, Effect, Job, Policy, notify::Notice, shell},
    base::{Error, ids::RunId},
    engine::runner::{Launch, rerun_key},
    model::run::{
        LOCAL, Params, Run, Scope, Trigger,
        grid::{self, RowKind},
    },
};

pub(super) fn load() -> Effect {
    Job::io("runs.load", Task::Load).start()
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Refresh => return vec![load()],
        Command::SelectPipeline(name) => return select_pipeline(state, &name),
        Command::SelectRun(id) => return select_run(state, &id),
        Command::SelectTask(task) => state.runs.task = task,
        Command::Fold(id) => {
            if !state.runs.toggled.remove(&id) {
                state.runs.toggled.insert(id);
            }
        }
        Command::Step { runs, tasks } => return step(state, runs, tasks),
        Command::Show(tab) => return show(state, tab),
        Command::OpenRun(id) => return open_run(state, &id),
        Command::OpenPipeline(name) => {
            state.shell.page = shell::Page::Runs;
            state.shell.palette = None;
            return select_pipeline(state, &name);
        }
        Command::Run(_) | Command::AskRun(_) => return run(state, command, cx),
        Command::SetField { name, text } => {
            if let Some(Dialog::Run(d)) = &mut state.runs.dialog {
                d.set(&name, text);
            }
        }
        Command::RerunFailed(run) => {
            return rerun(state, &Command::Rerun { run, scope: Scope::Failed, note: None }, cx);
        }
        Command::Rerun { .. } => return rerun(state, &command, cx),
        Command::AskRerun { run, scope } => return ask_rerun(state, &run, scope),
        Command::SetScope(scope) => {
            if let Some(Dialog::Rerun(d)) = &mut state.runs.dialog {
                (d.scope, d.preview) = (scope, None);
            }
            return remote::preview(state);
        }
        Command::SetNote(note) => match &mut state.runs.dialog {
            Some(Dialog::Rerun(d)) => d.note = note,
            Some(Dialog::Run(d)) => d.note = note,
            None => {}
        },
        Command::Confirm => return confirm(state, cx),
        Command::CloseDialog => state.runs.dialog = None,
        Command::Cancel(id) => return cancel(state, &id),
        Command::OpenLog { task, attempt } => return open_log(state, &task, attempt),
        Command::Follow(on) => state.runs.log.follow = on,
        Command::Search(text) => {
            if state.runs.log.set_search(text) {
                return search(state);
            }
        }
        Command::Hit(by) => state.runs.log.step(by),
        Command::FirstError => state.runs.log.first_error(),
        Command::GoLine(line) => state.runs.log.go(line),
        Command::NeedLog(pages) => {
            let pages = state.runs.log.ask(&pages);
            if let (Some(id), false) = (state.runs.log.id(), pages.is_empty()) {
                return vec![Job::io("runs.log.pages", Task::LogPages { id, pages }).start()];
            }
        }
        Command::OnlyFrom(level) => state.runs.log.set_level(level),
        Command::CopyLog => {
            let id = state.runs.log.id();
            return id.map(|id| Job::io("runs.log.copy", Task::LogText(id)).start()).into_iter().collect();
        }
    }
    Vec::new()
}

/// Searches the log on from where it was searched last; an empty search ends the one under way.
pub(super) fn search(state: &mut AppState) -> Vec<Effect> {
    let log = &mut state.runs.log;
    let Some(id) = log.id() else { return Vec::new() };
    if log.search.is_empty() {
        return vec![Effect::Cancel("runs.log.search".to_owned())];
    }
    log.searching = true;
    let task = Task::LogSearch { id, search: log.search.clone(), from: log.searched };
    vec![Job::io("runs.log.search", task).start()]
}

/// Selects a pipeline and its newest run.
fn select_pipeline(state: &mut AppState, text: &str) -> Vec<Effect> {
    let runs = &mut state.runs;
    let Some(name) = runs.name_of(text).map(str::to_owned) else { return Vec::new() };
    runs.wanted = None;
    if runs.pipeline.as_ref() == Some(&name) && runs.run.is_some() {
        return Vec::new();
    }
    runs.pipeline = Some(name);
    runs.toggled.clear();
    runs.task = None;
    runs.run = None;
    match runs.selected_runs().first().map(|r| r.id.clone()) {
        Some(id) => select_run(state, &id),
        None => {
            runs.detail = None;
            if runs.tab == Tab::Log {
                runs.tab = Tab::Grid;
            }
            Vec::new()
        }
    }
}

/// Selects a run of any pipeline; asks for what there is to say about it.
pub(super) fn select_run(state: &mut AppState, id: &RunId) -> Vec<Effect> {
    let Some(run) = find(state, id).cloned() else { return Vec::new() };
    let runs = &mut state.runs;
    runs.pipeline = Some(run.key());
    runs.run = Some(run.id.clone());
    if runs.task.as_ref().is_none_or(|t| run.task(t).is_none()) {
        runs.task = run.first_bad().map(|t| t.id.clone());
    }
    let mut effects = vec![detail(&run)];
    if runs.tab == Tab::Log {
        let task = runs.task.clone().or_else(|| run.tasks.first().map(|t| t.id.clone()));
        effects.extend(task.map(|t| open_log(state, &t, None)).unwrap_or_default());
    }
    effects
}

pub(super) fn detail(run: &Run) -> Effect {
    Job::io("runs.detail", Task::Detail(Box::new(run.clone()))).start()
}

fn open_run(state: &mut AppState, id: &RunId) -> Vec<Effect> {
    state.shell.page = shell::Page::Runs;
    state.shell.palette = None;
    state.runs.dialog = None;
    if find(state, id).is_none() {
        let error =
            Error::user(format!("The run {id} is not in the history")).hint("It may be too old to be listed here");
        return vec![Effect::Notice(Notice::error(&error))];
    }
    state.runs.task = None;
    if state.runs.tab == Tab::Log {
        state.runs.tab = Tab::Grid;
    }
    select_run(state, id)
}

fn step(state: &mut AppState, by_runs: i32, by_tasks: i32) -> Vec<Effect> {
    let runs = &mut state.runs;
    let move_in = |len: usize, at: Option<usize>, by: i32| -> Option<usize> {
        let last = i64::try_from(len).ok()? - 1;
        let from = at.map_or(if by > 0 { -1 } else { last + 1 }, |a| a as i64);
        usize::try_from((from + i64::from(by)).clamp(0, last)).ok()
    };
    if by_tasks != 0 {
        // What is folded is stepped over.
        let rows = grid::rows(&runs.task_ids(), &runs.toggled);
        let ids: Vec<String> = rows.into_iter().filter(|r| r.kind == RowKind::Task).map(|r| r.id).collect();
        let at = runs.task.as_ref().and_then(|t| ids.iter().position(|i| i == t));
        if let Some(id) = move_in(ids.len(), at, by_tasks).and_then(|i| ids.get(i)) {
            runs.task = Some(id.clone());
        }
    }
    if by_runs == 0 {
        return Vec::new();
    }
    // The grid has the newest run at the right.
    let all = runs.selected_runs();
    let at = runs.run.as_ref().and_then(|id| all.iter().position(|r| r.id == *id));
    let next = move_in(all.len(), at, -by_runs).and_then(|i| all.get(i)).map(|r| r.id.clone());
    let Some(id) = next.filter(|id| runs.run.as_ref() != Some(id)) else { return Vec::new() };
    let task = runs.task.clone();
    let effects = select_run(state, &id);
    // Walking along a row stays in the row.
    if task.as_ref().is_some_and(|t| state.runs.selected_run().is_some_and(|r| r.task(t).is_some())) {
        state.runs.task = task;
    }
    effects
}

fn show(state: &mut AppState, tab: Tab) -> Vec<Effect> {
    if tab == Tab::Log {
        let run = state.runs.selected_run();
        let bad = run.and_then(|r| r.first_bad().or(r.tasks.iter().find(|t| !t.state.is_final())));
        let task = state.runs.task.clone().or_else(|| bad.map(|t| t.id.clone()));
        let task = task.or_else(|| run.and_then(|r| r.tasks.first().map(|t| t.id.clone())));
        return task.map(|t| open_log(state, &t, None)).unwrap_or_default();
    }
    state.runs.tab = tab;
    Vec::new()
}

fn open_log(state: &mut AppState, task: &str, attempt: Option<u32>) -> Vec<Effect> {
    let Some(run) = state.runs.selected_run().cloned() else { return Vec::new() };
    let Some(found) = run.task(task) else { return Vec::new() };
    let runs = &mut state.runs;
    runs.tab = Tab::Log;
    runs.task = Some(task.to_owned());
    let Some(number) = attempt.or_else(|| found.last().map(|a| a.number)) else {
        runs.log.open(&run.id, task, 0, false);
        runs.log.loaded = true;
        return Vec::new();
    };
    let live = found.attempts.iter().any(|a| a.number == number && !a.state.is_final());
    if runs.log.shows(&run.id, task, number) && runs.log.loaded && runs.log.error.is_none() {
        return Vec::new();
    }
    runs.log.open(&run.id, task, number, live);
    let id = LogId { run: run.id.clone(), task: task.to_owned(), attempt: number };
    let mut effects = vec![Job::io("runs.log", Task::Log { id, live }).start()];
    if !runs.log.search.is_empty() {
        effects.extend(search(state));
    }
    effects
}

/// Runs a pipeline with defaults, or asks for its parameters.
fn run(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    let (Command::Run(text) | Command::AskRun(text)) = &command else { return Vec::new() };
    let source = match state.runs.entry(text) {
        Some(entry) => {
            if let Some(error) = &entry.error {
                return vec![Effect::Notice(Notice::error(error))];
            }
            if !entry.is_local() {
                return remote::launch(state, &command, cx);
            }
            entry.source.clone()
        }
        // A notebook that has no runs yet.
        None => text.clone(),
    };
    if let Err(question) = super::trusted(state, &command) {
        return question;
    }
    if let (Command::AskRun(_), Some(pipeline)) = (&command, state.runs.entry(text).and_then(|e| e.pipeline.clone())) {
        let mut new = RunDialog::new(&pipeline, cx.now());
        // The values of the run one looks at are the likeliest starting point.
        if let Some(run) = state.runs.selected_run().filter(|r| r.pipeline == pipeline.name) {
            for (name, value) in &run.params {
                new.set(name, crate::model::pipeline::show(value));
            }
        }
        state.runs.dialog = Some(Dialog::Run(new));
        return Vec::new();
    }
    begin(state, &source, Default::default(), None, cx)
}

fn begin(
    state: &mut AppState,
    source: &str,
    (params, values): (Vec<(String, String)>, Params),
    note: Option<String>,
    cx: &Cx,
) -> Vec<Effect> {
    let key = format!("run:{source}");
    if state.runs.just_started(&key, cx.now()) {
        return Vec::new();
    }
    if source.ends_with(".ipynb") && state.shell.page == shell::Page::Notebook {
        state.notebook.following.push(source.to_owned());
    }
    let launch = Launch { params, note, values, ..Launch::new(source, Trigger::Window) };
    let name = state.runs.name_of(source).unwrap_or(source);
    let title = format!("Running {name}");
    let task = Task::Begin { key: key.clone(), launch };
    vec![Job::long(key, task).titled(title).start()]
}

fn rerun(state: &mut AppState, command: &Command, cx: &Cx) -> Vec<Effect> {
    let Command::Rerun { run: id, scope, note } = command else { return Vec::new() };
    let Some(seen) = find(state, id).cloned() else {
        return vec![Effect::Notice(Notice::error(&Error::user(format!("The run {id} is not in the history"))))];
    };
    if let Err(question) = super::trusted(state, command) {
        return question;
    }
    if seen.connection != LOCAL {
        return remote::rerun(state, &seen, scope, note.clone(), false, cx);
    }
    if !seen.state.is_final() {
        return vec![Effect::Notice(Notice::info(format!("{} is running already", seen.title())))];
    }
    let plan = match seen.rerun_plan(scope) {
        Ok(plan) => plan,
        Err(e) => return vec![Effect::Notice(Notice::error(&e))],
    };
    let key = rerun_key(&seen, scope);
    if state.runs.just_started(&key, cx.now()) {
        return Vec::new();
    }
    let title = format!("Rerunning {} of {}", crate::base::text::count(plan.len() as u64, "task"), seen.title());
    let task = Task::Rerun { key, seen: Box::new((*seen).clone()), scope: scope.clone(), note: note.clone() };
    // One rerun of a run at a time, whatever its scope.
    vec![Job::long(format!("run:{id}"), task).titled(title).policy(Policy::Reject).start()]
}

fn ask_rerun(state: &mut AppState, id: &RunId, scope: Scope) -> Vec<Effect> {
    let Some(run) = find(state, id) else { return Vec::new() };
    let task = match &scope {
        Scope::From(t) | Scope::Only(t) => Some(t.clone()),
        _ => state.runs.task.clone().filter(|t| run.task(t).is_some()),
    };
    // Where nothing failed the whole run is what one can want.
    let scope = if scope == Scope::Failed && run.rerun_plan(&Scope::Failed).is_err() { Scope::All } else { scope };
    let task = task.or_else(|| run.tasks.first().map(|t| t.id.clone()));
    let note = match &state.runs.dialog {
        // Another task of the same run: what was typed stays.
        Some(Dialog::Rerun(d)) if d.run == *id => d.note.clone(),
        _ => String::new(),
    };
    let connection = run.connection.clone();
    let dialog = RerunDialog { run: id.clone(), connection, round: run.round, scope, task, note, preview: None };
    state.runs.dialog = Some(dialog::Dialog::Rerun(dialog));
    remote::preview(state)
}

fn confirm(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    let note = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
    match state.runs.dialog.clone() {
        Some(Dialog::Run(d)) => {
            // A wrong value is marked at its field; the dialog stays.
            let given = if d.is_notebook() {
                d.changed().map(|values| (Vec::new(), values))
            } else {
                d.values().map(|params| (params, Params::new()))
            };
            let Ok(values) = given else { return Vec::new() };
            state.runs.dialog = None;
            if d.connection != LOCAL {
                return remote::start(state, &d, note(&d.note), cx);
            }
            begin(state, &d.source, values, note(&d.note), cx)
        }
        Some(Dialog::Rerun(d)) if d.connection != LOCAL => {
            let Some(Ok(_)) = &d.preview else { return Vec::new() };
            let Some(seen) = find(state, &d.run).cloned() else { return Vec::new() };
            state.runs.dialog = None;
            remote::rerun(state, &seen, &d.scope, note(&d.note), true, cx)
        }
        Some(Dialog::Rerun(d)) => {
            state.runs.dialog = None;
            rerun(state, &Command::Rerun { run: d.run, scope: d.scope, note: note(&d.note) }, cx)
        }
        None => Vec::new(),
    }
}

/// Cancels a run, of whatever process.
fn cancel(state: &mut AppState, id: &RunId) -> Vec<Effect> {
    let Some(run) = find(state, id).cloned() else { return Vec::new() };
    if run.connection != LOCAL {
        return remote::cancel(state, &run);
    }
    let keys = [format!("run:{id}"), format!("run:{}", run.source)];
    let mut effects = vec![Job::io(format!("runs.cancel:{id}"), Task::Cancel(id.clone())).start()];
    if state.runs.own.contains(id) {
        for key in keys {
            state.jobs.iter_mut().filter(|j| j.key == key).for_each(|j| j.cancelling = true);
            effects.push(Effect::Cancel(key));
        }
    }
    if let Some(run) = state.runs.runs.values_mut().flatten().find(|r| r.id == *id) {
        std::sync::Arc::make_mut(run).cancelling = true;
    }
    effects
}

//! Runs of other systems: what a rerun would run is asked there, and what is asked for is sent once.
use std::sync::Arc;

use jiff::Timestamp;

use super::{Command, Dialog, Event, Field, LogId, RunDialog, Task, live::Fetch};
use crate::{
    app::{AppState, Cx, Effect, Env, Job, Out, Policy, connections, notify::Notice},
    base::{
        Error, Result, ids,
        job::{Cancel, JobCtx},
    },
    engine::{
        connect::{self, Outcome, refresh_run},
        store::{Store, log_path},
    },
    model::{
        connect::{Act, Ask, Environment, MANY, act_of, cancel_key, rerun_key},
        run::{LOCAL, Params, Run, Scope},
    },
};

/// Why this cannot be asked of a connection; none when it can.
pub fn refusal(state: &AppState, connection: &str, act: Act) -> Option<String> {
    if connection == LOCAL {
        return None;
    }
    if connections::find(state, connection).is_none() {
        let why = if connections::untrusted(state) > 0 { "the folder is not trusted" } else { "it is not set up here" };
        return Some(format!("{connection} cannot be reached: {why}"));
    }
    let news = state.connections.news.get(connection)?;
    news.can.refusal(act).map(|why| format!("{connection} cannot do this: {why}"))
}

fn refused(state: &AppState, connection: &str, act: Act) -> Option<Vec<Effect>> {
    let why = refusal(state, connection, act)?;
    Some(vec![Effect::Notice(Notice::error(&Error::user(why)))])
}

/// Asks the system what the open dialog would run.
pub(super) fn preview(state: &mut AppState) -> Vec<Effect> {
    let Some(Dialog::Rerun(d)) = &state.runs.dialog else { return Vec::new() };
    if d.connection == LOCAL {
        return Vec::new();
    }
    let Some(run) = super::find(state, &d.run) else { return Vec::new() };
    let task = Task::Preview { run: Box::new((**run).clone()), scope: d.scope.clone() };
    vec![Job::io("runs.preview", task).start()]
}

/// Reruns a run where it ran. `sure`: the person has seen the preview; else one that is large or in production is shown
/// first.
pub(super) fn rerun(
    state: &mut AppState,
    seen: &Run,
    scope: &Scope,
    note: Option<String>,
    sure: bool,
    cx: &Cx,
) -> Vec<Effect> {
    if let Some(effects) = refused(state, &seen.connection, act_of(scope)) {
        return effects;
    }
    let request = rerun_key(seen, scope);
    if state.runs.just_started(&request, cx.now()) {
        return Vec::new();
    }
    let title = format!("Rerunning {} in {}", seen.title(), seen.connection);
    let ask = Box::new(Ask::Rerun { run: Box::new(seen.clone()), scope: scope.clone(), note });
    let task = Task::Send { key: request.clone(), connection: seen.connection.clone(), request, ask, sure };
    vec![Job::long(format!("run:{}", seen.id), task).titled(title).policy(Policy::Reject).start()]
}

/// Cancels a run where it runs.
pub(super) fn cancel(state: &mut AppState, run: &Run) -> Vec<Effect> {
    if let Some(effects) = refused(state, &run.connection, Act::Cancel) {
        return effects;
    }
    let request = cancel_key(run);
    let ask = Box::new(Ask::Cancel { run: Box::new(run.clone()) });
    let task = Task::Send { key: request.clone(), connection: run.connection.clone(), request, ask, sure: true };
    if let Some(shown) = state.runs.runs.values_mut().flatten().find(|r| r.id == run.id) {
        Arc::make_mut(shown).cancelling = true;
    }
    vec![Job::long(format!("cancel:{}", run.id), task).titled(format!("Cancelling {}", run.title())).start()]
}

/// Starts a pipeline of another system, or asks for its parameters first.
pub(super) fn launch(state: &mut AppState, command: &Command, cx: &Cx) -> Vec<Effect> {
    let (Command::Run(text) | Command::AskRun(text)) = command else { return Vec::new() };
    let Some(entry) = state.runs.entry(text).cloned() else { return Vec::new() };
    if let Err(question) = super::trusted(state, command) {
        return question;
    }
    if let Some(effects) = refused(state, &entry.connection, Act::Trigger) {
        return effects;
    }
    let dialog = RunDialog {
        pipeline: entry.source.clone(),
        connection: entry.connection.clone(),
        source: entry.source.clone(),
        fields: Vec::new(),
        note: String::new(),
        asking: true,
        error: None,
    };
    let production = connections::environment(state, &entry.connection) == Environment::Prod;
    if matches!(command, Command::Run(_)) && !production {
        return start(state, &dialog, None, cx);
    }
    state.runs.dialog = Some(Dialog::Run(dialog));
    let task = Task::Params { connection: entry.connection, pipeline: entry.source };
    vec![Job::io("runs.params", task).start()]
}

/// The parameters of a pipeline as its system describes them; the values of the run one looks at are the likeliest ones.
pub(super) fn asked(state: &mut AppState, connection: &str, pipeline: &str, result: Result<Vec<Field>>) {
    let before = state.runs.selected_run().filter(|r| r.connection == connection && r.pipeline == pipeline).cloned();
    let Some(Dialog::Run(d)) = &mut state.runs.dialog else { return };
    if d.connection != connection || d.pipeline != pipeline {
        return;
    }
    d.asking = false;
    match result {
        Ok(fields) => d.fields = fields,
        Err(e) => d.error = Some(e),
    }
    let before = before.map(|r| r.params.clone()).unwrap_or_default();
    for field in &mut d.fields {
        if let Some(value) = before.get(&field.param.name) {
            field.text = field.param.text_of(value);
        }
    }
}

/// Starts what the dialog says.
pub(super) fn start(state: &mut AppState, d: &RunDialog, note: Option<String>, cx: &Cx) -> Vec<Effect> {
    let values: Result<Params> = d.fields.iter().map(|f| Ok((f.param.name.clone(), f.param.read(&f.text)?))).collect();
    let Ok(params) = values else { return Vec::new() };
    let key = format!("run:{}@{}", d.pipeline, d.connection);
    if state.runs.just_started(&key, cx.now()) {
        return Vec::new();
    }
    state.runs.dialog = None;
    let title = format!("Starting {} in {}", d.pipeline, d.connection);
    let ask = Box::new(Ask::Trigger { pipeline: d.pipeline.clone(), params, note });
    let request = launch_key(cx.now());
    let task = Task::Send { key: key.clone(), connection: d.connection.clone(), request, ask, sure: true };
    vec![Job::long(key, task).titled(title).start()]
}

/// A name for a launch that nobody else gives.
fn launch_key(now: Timestamp) -> String {
    format!("{}-{}", now.strftime("%Y%m%dT%H%M%S"), ids::random(10))
}

/// Carries out a task; blocking allowed.
pub(super) fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Preview { run, scope } => {
            let asked = env.connections.connector(&run.connection).and_then(|c| c.preview(&run, &scope, cx));
            if asked.as_ref().is_err_and(Error::is_cancelled) {
                return Err(Error::cancelled());
            }
            out.send(Event::Previewed { run: run.id.clone(), scope, result: Box::new(asked) });
        }
        Task::Params { connection, pipeline } => {
            let asked = env.connections.connector(&connection).and_then(|c| c.params(&pipeline, cx));
            let fields = |params: Vec<crate::model::pipeline::Param>| {
                params.into_iter().map(|p| Field { text: p.text_of(&p.default), param: p, error: None }).collect()
            };
            out.send(Event::Asked { connection, pipeline, result: Box::new(asked.map(fields)) });
        }
        Task::Send { key, connection, request, ask, sure } => {
            if let Err(error) = send(&key, &connection, &request, &ask, sure, env, cx, out) {
                out.send(Event::NotBegun { key, error });
            }
            env.connections.look(&connection);
        }
        _ => {}
    }
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "the parts of one task")]
fn send(
    key: &str,
    connection: &str,
    request: &str,
    ask: &Ask,
    sure: bool,
    env: &Arc<Env>,
    cx: &JobCtx,
    out: &Out,
) -> Result<()> {
    let connector = env.connections.connector(connection)?;
    if let (Ask::Rerun { run, scope, .. }, false) = (ask, sure) {
        let preview = connector.preview(run, scope, cx)?;
        if preview.instances > MANY || connector.to().environment == Environment::Prod || !preview.notes.is_empty() {
            let (run, scope) = (run.id.clone(), scope.clone());
            out.send(Event::Unsure { key: key.to_owned(), run, scope, preview: Box::new(preview) });
            return Ok(());
        }
    }
    let store = env.runs.store(&env.root()?)?;
    if let Ask::Cancel { run } = ask {
        store.set_cancelling(&run.id)?;
    }
    let outcome = connect::send(connector.as_ref(), &store, ask, request, cx)?;
    let already = matches!(outcome, Outcome::Already(_));
    let run = Arc::new(outcome.run().clone());
    match ask {
        Ask::Cancel { .. } => out.send(Event::Changed(run)),
        _ => out.send(Event::Began { key: key.to_owned(), run, already }),
    }
    Ok(())
}

/// The run with its tasks: of an old run of another system they are asked for when it is looked at.
pub(super) fn whole(run: Box<Run>, env: &Arc<Env>, store: &Store, cx: &JobCtx, out: &Out) -> Box<Run> {
    let Some(remote) = run.remote_id.as_ref().filter(|_| run.connection != LOCAL && run.tasks.is_empty()) else {
        return run;
    };
    let looked = env
        .connections
        .connector(&run.connection)
        .and_then(|c| refresh_run(c.as_ref(), store, &run.pipeline, remote, cx));
    match looked {
        Ok(Some(now)) => {
            out.send(Event::Changed(Arc::new(now.clone())));
            Box::new(now)
        }
        Ok(None) => run,
        Err(e) => {
            tracing::warn!(run = %run.id, error = %e, "the tasks of a run could not be read");
            run
        }
    }
}

/// What fetches the log of a run of another system; none for a run of Andon's own.
pub(super) fn fetcher(id: &LogId, store: &Store, env: &Arc<Env>, cx: &JobCtx) -> Result<Option<Fetch>> {
    let Some(mut run) = store.run(&id.run)?.filter(|r| r.connection != LOCAL) else { return Ok(None) };
    let (env, store, id) = (env.clone(), store.clone(), id.clone());
    let cx = JobCtx::new(Cancel::default(), cx.clock.clone(), Arc::new(|_| {}));
    Ok(Some(Box::new(move |read| {
        let connector = env.connections.connector(&run.connection)?;
        let over = run.task(&id.task).is_some_and(|t| t.state.is_final());
        if let (false, Some(remote)) = (over, run.remote_id.clone()) {
            // The end of the task is what ends the reading, so it has to be noticed here.
            run = refresh_run(connector.as_ref(), &store, &run.pipeline, &remote, &cx)?.unwrap_or_else(|| run.clone());
        }
        connect::fetch_log(connector.as_ref(), &store, &run, &id.task, id.attempt, &cx)?;
        let path = store.kept(&log_path(&run.id, &id.task, id.attempt));
        Ok(std::fs::metadata(path).map_or(0, |m| m.len()) < read)
    })))
}

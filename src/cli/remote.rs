//! What `rerun`, `trigger`, `cancel` and `logs` do with runs of other systems.
use std::{io::IsTerminal, time::Duration};

use serde_json::{Value, json};

use super::{
    connect::open as connect_to,
    out::{self, Common, document, line, say},
    run::{body, exit_code},
};
use crate::{
    base::{Error, Kind, Result, ids, job::JobCtx, text},
    engine::{
        connect::{self, Connector, Outcome, refresh_run},
        store::Store,
    },
    model::{
        connect::{Ask, Environment, MANY, Preview, cancel_key, rerun_key},
        run::{LOCAL, Run, Scope},
    },
};

/// Most seconds between two looks at a run whose end is waited for.
const LOOK: Duration = Duration::from_secs(2);

/// A run of another system, with the way there.
pub(super) struct Target {
    pub connector: Box<dyn Connector>,
    pub run: Run,
}

impl Target {
    /// None for a run of Andon's own. The run is looked at first, so that nothing is decided on an old state.
    pub fn of(common: &Common, store: &Store, run: &Run, cx: &JobCtx) -> Result<Option<Self>> {
        if run.connection == LOCAL {
            return Ok(None);
        }
        let connector = connect_to(common, &run.connection)?;
        let remote = run.remote_id.clone().unwrap_or_default();
        let now = refresh_run(connector.as_ref(), store, &run.pipeline, &remote, cx)?;
        let run = now.ok_or_else(|| {
            Error::user(format!("{} is gone in {}", run.title(), run.connection)).hint("Its history stays here")
        })?;
        Ok(Some(Self { connector, run }))
    }
}

/// How a change is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct How {
    pub dry_run: bool,
    pub yes: bool,
    pub wait: bool,
    pub json: bool,
    pub note: Option<String>,
}

/// Exit code 1 for a no with its reason; what could not be asked keeps its own.
pub(super) fn asked(json: bool, result: Result<i32>) -> Result<i32> {
    match result {
        Err(e) if e.kind == Kind::User => {
            out::finish(json, Err(e));
            Ok(1)
        }
        other => other,
    }
}

/// `andon rerun` of a run of another system.
pub(super) fn rerun(target: &Target, store: &Store, scope: &Scope, how: &How, cx: &JobCtx) -> Result<i32> {
    let Target { connector, run } = target;
    let connector = connector.as_ref();
    connect::allowed(connector, crate::model::connect::act_of(scope))?;
    let preview = connector.preview(run, scope, cx)?;
    tell(&preview, run, how.dry_run);
    let facts = |started: bool, already: bool| {
        json!({
            "scope": scope.key(), "rerun": preview.tasks, "stay": preview.stay, "instances": preview.instances,
            "started": started, "already": already, "dry_run": how.dry_run,
        })
    };
    if how.dry_run {
        if how.json {
            document("andon.run/1", body(store, run, facts(false, false))?);
        }
        return Ok(0);
    }
    confirm(connector, preview.instances, how)?;
    let key = rerun_key(run, scope);
    let ask = Ask::Rerun { run: Box::new(run.clone()), scope: scope.clone(), note: how.note.clone() };
    let outcome = connect::send(connector, store, &ask, &key, cx)?;
    let already = matches!(outcome, Outcome::Already(_));
    let count = text::count(preview.instances as u64, "task instance");
    say(&if already {
        format!("{} has been asked to rerun this before; nothing was sent", run.connection)
    } else {
        format!("{} reruns {count}", run.connection)
    });
    report(connector, store, outcome.run().clone(), &facts(!already, already), how, cx)
}

/// A new run of a pipeline of another system.
pub(super) fn trigger(
    connector: &dyn Connector,
    store: &Store,
    pipeline: &str,
    params: serde_json::Map<String, Value>,
    request: Option<&str>,
    how: &How,
    cx: &JobCtx,
) -> Result<i32> {
    if how.dry_run {
        let ask = Ask::Trigger { pipeline: pipeline.to_owned(), params, note: how.note.clone() };
        connector.check(&ask, cx)?;
        say(&format!("{pipeline} would run in {}", connector.to().name));
        return Ok(0);
    }
    confirm(connector, 1, how)?;
    let stamp = cx.clock.now().strftime("%Y%m%dT%H%M%S");
    let key = request.map_or_else(|| format!("{stamp}-{}", ids::random(10)), |r| format!("request-{}", safe(r)));
    let ask = Ask::Trigger { pipeline: pipeline.to_owned(), params, note: how.note.clone() };
    let outcome = connect::send(connector, store, &ask, &key, cx)?;
    let already = matches!(outcome, Outcome::Already(_));
    let run = outcome.run().clone();
    say(&if already {
        format!("This request has started {} ({}) before", run.title(), run.id)
    } else {
        format!("{} started {} ({})", connector.to().name, run.title(), run.id)
    });
    report(connector, store, run, &json!({ "started": !already, "already": already }), how, cx)
}

/// `andon cancel` of a run of another system.
pub(super) fn cancel(target: &Target, store: &Store, how: &How, cx: &JobCtx) -> Result<i32> {
    let Target { connector, run } = target;
    let connector = connector.as_ref();
    if run.state.is_final() {
        return Err(Error::user(format!("{} is over: {}", run.title(), run.state.word().to_lowercase())));
    }
    let key = cancel_key(run);
    let ask = Ask::Cancel { run: Box::new(run.clone()) };
    store.set_cancelling(&run.id)?;
    let outcome = connect::send(connector, store, &ask, &key, cx)?;
    say(&format!("{} is told to stop {}", run.connection, run.title()));
    report(connector, store, outcome.run().clone(), &json!({ "cancelled": true }), how, cx)
}

fn safe(request: &str) -> String {
    request.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(80).collect()
}

fn tell(preview: &Preview, run: &Run, dry: bool) {
    let verb = if dry { "Would rerun" } else { "Reruns" };
    let names = |all: &[String]| {
        let more = all.len().saturating_sub(12);
        let shown = all.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
        if more == 0 { shown } else { format!("{shown} and {more} more") }
    };
    let count = text::count(preview.instances as u64, "task instance");
    say(&format!("{verb} {count} of {}: {}", run.title(), names(&preview.tasks)));
    if !preview.stay.is_empty() {
        say(&format!("  Stays: {}", names(&preview.stay)));
    }
    preview.notes.iter().for_each(|note| say(&format!("  {note}")));
}

/// Asks where much depends on it. A script says --yes.
fn confirm(connector: &dyn Connector, instances: usize, how: &How) -> Result<()> {
    let to = connector.to();
    let production = to.environment == Environment::Prod;
    if how.yes || !(production || instances > MANY) {
        return Ok(());
    }
    let why = if production {
        format!("{} is marked as production", to.name)
    } else {
        format!("{} would run", text::count(instances as u64, "task instance"))
    };
    if !std::io::stdin().is_terminal() {
        return Err(Error::user("This needs your consent").because_of(why).hint("Add --yes"));
    }
    say(&format!("{why}. Go on? [y/N]"));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|e| Error::user("No answer could be read").because(&e))?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") { Ok(()) } else { Err(Error::cancelled()) }
}

fn report(connector: &dyn Connector, store: &Store, run: Run, facts: &Value, how: &How, cx: &JobCtx) -> Result<i32> {
    let mut run = run;
    if how.wait {
        while !run.state.is_final() {
            connect::http::pause(LOOK, cx)?;
            let remote = run.remote_id.clone().unwrap_or_default();
            run = refresh_run(connector, store, &run.pipeline, &remote, cx)?
                .ok_or_else(|| Error::user(format!("{} is gone in {}", run.title(), run.connection)))?;
        }
        say(&format!("{}: {}", run.title(), run.state.word().to_lowercase()));
    }
    if how.json {
        document("andon.run/1", body(store, &run, facts.clone())?);
    }
    Ok(if how.wait { exit_code(&run) } else { 0 })
}

/// Fetches and prints the log of a task of a run of another system, from its beginning.
pub(super) fn fetch(target: &Target, store: &Store, task: &str, attempt: u32, cx: &JobCtx) -> Result<u64> {
    connect::fetch_log(target.connector.as_ref(), store, &target.run, task, attempt, cx)
}

/// Looks at all connections once; says which do not answer. True when all did.
pub(super) fn refresh_all(common: &Common, store: &Store, only: Option<&str>, cx: &JobCtx) -> Result<bool> {
    let root = common.root()?;
    let (all, problems) = connect::config::load(&root, &crate::engine::dirs::Dirs::from_env());
    problems.iter().for_each(|p| say(&format!("andon: {p}")));
    let mut good = true;
    for to in all.iter().filter(|c| only.is_none_or(|o| o == c.name)) {
        let secrets = crate::engine::secrets::Layered::default();
        let looked = connect::open(to, &root, &secrets).and_then(|c| connect::refresh(c.as_ref(), store, cx));
        match looked {
            Ok(seen) => say(&format!(
                "{}: {}, {} new or changed",
                to.name,
                text::count(seen.pipelines.as_ref().map_or(0, Vec::len) as u64, "pipeline"),
                text::count(seen.changed.len() as u64, "run")
            )),
            Err(e) if e.is_cancelled() => return Err(e),
            Err(e) => {
                good = false;
                say(&format!("andon: {e}"));
                e.hint.iter().for_each(|h| say(&format!("  {h}")));
            }
        }
    }
    Ok(good)
}

/// Prints whole lines of a log from a byte on; gives where it ends.
pub(super) fn print_log(store: &Store, run: &Run, task: &str, attempt: u32, from: u64) -> Result<u64> {
    let mut from = from;
    loop {
        // Read from the beginning in pieces: a piece of a long log from 0 would be its end.
        let chunk = store.read_log_from_start(&run.id, task, attempt, from, 1 << 22)?;
        if chunk.lines.is_empty() {
            return Ok(from);
        }
        from = chunk.next;
        chunk.lines.iter().for_each(|l| line(&l.to_text()));
    }
}

/// A context that ends at Ctrl-C.
pub(super) fn context() -> JobCtx {
    out::context(false)
}

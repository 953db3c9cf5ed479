//! Kernels that outlive the window: what it finds of them when a notebook is opened, and what it tells them, so that
//! the next window finds everything.
use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{
    Doc, DocId, Event, RunEnd, Task,
    doc::{CellRun, Running},
    edit, run, store as cells,
    whole::{Keeper, RunOf},
};
use crate::{
    app::{AppState, Cx, Effect, Env, Job, Out, Policy, notify::Notice},
    base::{Error, Result, text, time},
    engine::kernel::{Kept, News, Session, Sink},
    model::{
        kernel::{
            CellTag, ExecEvent, ExecId, KernelSpec, Label, Outcome, Past, Plan, Planned, SessionEvent, SessionState,
        },
        notebook::{CellKey, CellKind},
        output::Collector,
        table::sql_cell,
    },
};

/// What a document knows of a kernel that outlives the window.
#[derive(Debug, Default)]
pub struct Kernel {
    /// Which cell and run an execution belongs to that an earlier window, or another, has asked for.
    adopted: HashMap<ExecId, (CellKey, u64)>,
    /// Runs of cells that are not in the file: they may be among unsaved edits that are not restored yet.
    homeless: Vec<(Past, CellRun)>,
    /// Runs of this window in whose place newer ones have come: their outputs are nobody's any more.
    replaced: Vec<ExecId>,
    /// The queue as it was told last.
    told: Vec<CellKey>,
    version: u64,
    /// Another window runs the cells.
    pub elsewhere: bool,
    /// The path its notebook has from the next save on.
    pub(super) renamed: bool,
}

impl Doc {
    /// The run that this means, unless its cell was run again or is gone.
    pub(super) fn run_of(&mut self, of: RunOf) -> Option<&mut CellRun> {
        let (key, number) = match of {
            RunOf::Cell(key, number) => (key, number),
            RunOf::Exec(id) => match self.kept_kernel.adopted.get(&id) {
                Some(place) => *place,
                None => return self.kept_kernel.homeless.iter_mut().find(|(past, _)| past.id == id).map(|(_, r)| r),
            },
        };
        self.runs.get_mut(&key).filter(|r| r.number == number)
    }
}

impl Kernel {
    /// A run whose cell runs again, or has none any more.
    pub fn replace(&mut self, old: &CellRun) {
        self.replaced.extend(old.exec.filter(|_| !old.settled));
    }
    /// True when this run was not asked for by this window.
    pub fn is_adopted(&self, key: CellKey, number: u64) -> bool {
        self.adopted.values().any(|place| *place == (key, number))
    }
}

/// A kernel that was found.
#[derive(Debug, Clone)]
pub struct Found {
    pub spec: Option<Box<KernelSpec>>,
    pub state: SessionState,
    pub plan: Plan,
    /// False where another window runs its cells.
    pub drives: bool,
    /// Since when a cell has been running.
    pub running: Option<(CellTag, Timestamp)>,
    /// How many runs were found whose outputs were not in the file.
    pub brought: usize,
}

/// What a document needs told after any change of its queue.
pub fn tell(doc: &mut Doc) -> Option<Effect> {
    let hears = !doc.kept_kernel.elsewhere
        && matches!(
            doc.kernel.state,
            Some(SessionState::Idle | SessionState::Busy | SessionState::Interrupting { .. })
        );
    let now = waiting(doc);
    if !hears || now == doc.kept_kernel.told {
        return None;
    }
    let plan = plan(doc);
    let task = Task::Plan { doc: doc.id, plan };
    Some(Job::io(format!("notebook.plan:{}", doc.id), task).policy(Policy::Latest).start())
}

/// What has not run yet; a query that runs ends with the window, so it counts as waiting.
fn waiting(doc: &Doc) -> Vec<CellKey> {
    let query = doc.running.as_ref().filter(|r| doc.runs.get(&r.key).is_some_and(|run| run.sql)).map(|r| r.key);
    query.into_iter().chain(doc.queue.iter().copied()).collect()
}

fn plan(doc: &mut Doc) -> Plan {
    let keys = waiting(doc);
    let cells = keys.iter().filter_map(|key| planned(doc, *key)).collect();
    doc.kept_kernel.told = keys;
    doc.kept_kernel.version += 1;
    Plan { version: doc.kept_kernel.version, cells }
}

fn planned(doc: &Doc, key: CellKey) -> Option<Planned> {
    let nb = doc.notebook()?;
    let cell = nb.cell(key)?;
    // A query runs in the window, and only the window can hand its result to a kernel.
    let needs_window = sql_cell(&cell.source).is_some() || doc.kept.iter().any(|k| cell.source.contains(&k.name));
    let code = (!needs_window).then(|| cell.source.to_string());
    Some(Planned { tag: tag(doc, key)?, code, may_fail: run::may_fail(cell) })
}

fn tag(doc: &Doc, key: CellKey) -> Option<CellTag> {
    let nb = doc.notebook()?;
    Some(CellTag { id: nb.cell(key)?.id.as_deref().map(str::to_owned), index: nb.index_of(key)? })
}

/// What is said of a cell that goes to the kernel now.
pub fn label(doc: &mut Doc, key: CellKey) -> Option<Label> {
    let may_fail = doc.notebook()?.cell(key).is_some_and(run::may_fail);
    Some(Label { tag: tag(doc, key)?, may_fail, then: plan(doc) })
}

/// Looks for what is kept of a document that was opened.
pub fn look(state: &AppState, id: DocId) -> Option<Effect> {
    let doc = state.notebook.docs.iter().find(|d| d.id == id)?;
    // What lies in a folder that may be anybody's is not taken for what a kernel of ours said.
    if !state.workspace.trusted || doc.notebook().is_none() {
        return None;
    }
    let task = Task::Reattach { doc: id, path: doc.path.clone() };
    Some(Job::io(format!("notebook.reattach:{id}"), task).policy(Policy::Reject).start())
}

/// The cell a tag means.
fn place(doc: &Doc, tag: &CellTag, code: &str) -> Option<CellKey> {
    let cells = doc.cells();
    match &tag.id {
        Some(id) => cells.iter().find(|c| c.id.as_deref() == Some(id)).map(|c| c.key),
        None => cells.get(tag.index).filter(|c| c.kind == CellKind::Code && *c.source == *code).map(|c| c.key),
    }
}

/// Takes in a run that this window did not ask for.
fn adopt(doc: &mut Doc, past: Past, present: bool) {
    doc.run_count += 1;
    let ended = past.done.as_ref().filter(|_| past.settled);
    if let Some((_, Outcome::Ok { execution_count: Some(n) } | Outcome::Error { execution_count: Some(n), .. })) =
        &past.done
        && present
    {
        doc.last_count = doc.last_count.max(*n as i64);
    }
    let run = CellRun {
        sql: false,
        epoch: if present { doc.epoch } else { 0 },
        number: doc.run_count,
        source: past.code.as_str().into(),
        started: past.at,
        ms: ended.map(|(at, _)| lasted(past.at, *at)),
        end: ended.map_or(RunEnd::Running, |(_, outcome)| end_of(outcome)),
        live: Collector::new(),
        table: None,
        input: None,
        exec: Some(past.id),
        settled: past.settled,
        storing: false,
    };
    match place(doc, &past.tag, &past.code) {
        Some(key) => settle_in(doc, key, &past, run),
        None => doc.kept_kernel.homeless.push((past, run)),
    }
    doc.settle();
}

fn settle_in(doc: &mut Doc, key: CellKey, past: &Past, run: CellRun) {
    let number = run.number;
    doc.kept_kernel.adopted.insert(past.id, (key, number));
    if past.done.is_none() && doc.running.is_none() && run.ms.is_none() {
        doc.running = Some(Running { key, number, stopping: false });
    }
    doc.runs.insert(key, run);
}

/// The notebook was read anew or its unsaved edits came back: runs find their cells in it, those of cells that were not
/// there before, too.
pub fn find_homes(doc: &mut Doc, follow: impl Fn(CellKey) -> Option<CellKey>) {
    for place in doc.kept_kernel.adopted.values_mut() {
        place.0 = follow(place.0).unwrap_or(CellKey(u64::MAX));
    }
    for (past, run) in std::mem::take(&mut doc.kept_kernel.homeless) {
        match place(doc, &past.tag, &past.code) {
            Some(key) => settle_in(doc, key, &past, run),
            None => doc.kept_kernel.homeless.push((past, run)),
        }
    }
    // What ended meanwhile is written into the cells as they are now.
    let numbers: Vec<(CellKey, u64)> = doc.kept_kernel.adopted.values().copied().collect();
    for (key, number) in numbers {
        store(doc, key, number);
    }
}

fn lasted(from: Timestamp, to: Timestamp) -> u64 {
    to.duration_since(from).as_millis().max(0) as u64
}

/// The end of a run was not seen.
pub(super) fn missed(why: &str) -> Error {
    Error::remote(why).hint("Its output may be incomplete: run it again if it matters")
}

fn end_of(outcome: &Outcome) -> RunEnd {
    match outcome {
        Outcome::Ok { .. } => RunEnd::Ok,
        Outcome::Error { .. } | Outcome::Died { .. } => RunEnd::Failed,
        Outcome::Aborted { .. } => RunEnd::Interrupted,
        Outcome::Missed { why } => RunEnd::Error(missed(why)),
    }
}

/// Writes the outputs of an ended run into its cell, unless they are there already.
fn store(doc: &mut Doc, key: CellKey, number: u64) {
    let Some(run) = doc.runs.get(&key).filter(|r| r.number == number && r.ms.is_some() && !r.settled) else { return };
    let (outputs, count) = (run.live.fresh(), run.live.execution_count().map(|n| n as i64));
    doc.last_count = doc.last_count.max(count.unwrap_or(0));
    if let Some(nb) = doc.notebook_mut() {
        // A cell that is no code any more keeps nothing.
        let _ = nb.receiver(key).and_then(|into| into.take(&outputs, count)).and_then(|made| nb.receive(made));
    }
}

/// Folds in what is told of a kernel that outlives the window.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Adopted { doc, past, present } => {
            if let Some(doc) = state.notebook.by_id(doc) {
                adopt(doc, *past, present);
            }
            Vec::new()
        }
        Event::ExecOf { doc, id, event } => exec(state, doc, id, event, cx),
        Event::FoundKernel { doc, found } => found_kernel(state, doc, *found, cx),
        _ => Vec::new(),
    }
}

fn exec(state: &mut AppState, id: DocId, exec: ExecId, event: ExecEvent, cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let Some((key, number)) = doc.kept_kernel.adopted.get(&exec).copied() else {
        // A cell that is not here (yet): its outputs wait with it.
        if let Some((past, run)) = doc.kept_kernel.homeless.iter_mut().find(|(past, _)| past.id == exec) {
            if let ExecEvent::Done { at, outcome } = &event {
                (run.ms, run.end) = (Some(lasted(run.started, *at)), end_of(outcome));
                past.done = Some((*at, outcome.clone()));
            }
            run.live.take(event);
        }
        return Vec::new();
    };
    let done = match &event {
        ExecEvent::Done { at, outcome } => Some((*at, outcome.clone())),
        _ => None,
    };
    if let ExecEvent::Started { at } = &event
        && let Some(run) = doc.runs.get_mut(&key).filter(|r| r.number == number)
    {
        run.started = *at;
    }
    let mut effects = run::exec(&mut state.notebook, (id, key, number), event);
    let Some((at, outcome)) = done else { return effects };
    let Some(doc) = state.notebook.by_id(id) else { return effects };
    let Some(run) = doc.runs.get_mut(&key).filter(|r| r.number == number) else {
        // The cell ran again since, so nobody sees this one.
        if doc.running.as_ref().is_some_and(|r| r.number == number) {
            doc.running = None;
        }
        return Vec::new();
    };
    let ms = lasted(run.started, at);
    if doc.running.as_ref().is_some_and(|r| r.number == number) {
        return run::ended(state, (id, key, number), Ok(outcome), ms, cx);
    }
    // An older run: what waits has nothing to do with it.
    (run.ms, run.end, run.input) = (Some(ms), end_of(&outcome), None);
    let count = run.live.execution_count().map(|n| n as i64);
    doc.last_count = doc.last_count.max(count.unwrap_or(0));
    effects.extend(cells::begin(doc, (key, number), count, None));
    doc.settle();
    edit::touch(doc, &mut effects);
    effects
}

fn found_kernel(state: &mut AppState, id: DocId, found: Found, cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let mut effects = Vec::new();
    let alive = found.state.is_alive();
    let python = found.spec.as_ref().is_some_and(|s| s.language == "python");
    if python && found.drives && found.state == SessionState::Idle && shows_widgets(doc) {
        // In the row of the cells, so that none is held up by the question.
        let task = Task::Widgets { doc: id };
        effects.push(Job::long(run::job_key(id), task).policy(Policy::Queue).start());
    }
    if alive {
        doc.kernel.spec = found.spec.map(|s| *s);
        doc.kernel.missing = None;
        doc.kernel.state = Some(found.state);
        doc.kept_kernel.elsewhere = !found.drives;
    }
    let waits = if alive && found.drives { take_up(doc, &found.plan) } else { 0 };
    let title = match &found.running {
        Some((tag, since)) => {
            let ms = lasted(*since, cx.now());
            let clock = since.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string();
            let at = place(doc, tag, "").and_then(|k| doc.notebook()?.index_of(k)).unwrap_or(tag.index) + 1;
            Some(format!("Cell {at} of {} still runs, since {clock} ({})", doc.title(), time::duration_ms(ms)))
        }
        None if found.brought > 0 => {
            let runs = text::count(found.brought as u64, "cell");
            Some(format!("Outputs of {runs} of {} came while the window was closed", doc.title()))
        }
        None if alive => Some(format!("The kernel of {} was kept, with all its variables", doc.title())),
        None => None,
    };
    if let Some(title) = title {
        let mut notice = Notice::info(title);
        if alive && !found.drives {
            let body = "Another window runs its cells; what they print is shown here, too";
            notice = notice.body(body).action("Take over", super::Command::TakeOver(id));
        } else if waits > 0 {
            notice = notice.body(format!("Still to run: {}", text::count(waits as u64, "cell")));
        }
        effects.push(Effect::Notice(notice));
    }
    run::start_next(doc, cx, &mut effects);
    doc.settle();
    effects
}

fn shows_widgets(doc: &Doc) -> bool {
    let view = memchr::memmem::Finder::new(crate::model::output::widget::VIEW);
    doc.cells().iter().any(|c| c.outputs().any(|o| o.len() < 100_000 && view.find(&o).is_some()))
}

/// What an earlier window, or another, had still to run waits here; gives how many cells.
fn take_up(doc: &mut Doc, plan: &Plan) -> usize {
    let mut waits = 0;
    for cell in &plan.cells {
        let code = cell.code.clone().unwrap_or_default();
        let key = place(doc, &cell.tag, &code);
        if let Some(key) = key.filter(|k| !doc.queue.contains(k)) {
            doc.queue.push_back(key);
            waits += 1;
        }
    }
    waits
}

/// This window runs the cells from now on, or another does.
pub fn drives(doc: &mut Doc, drives: bool, plan: &Plan, cx: &Cx) -> Vec<Effect> {
    let mut effects = Vec::new();
    if std::mem::replace(&mut doc.kept_kernel.elsewhere, !drives) != drives {
        return effects;
    }
    if drives {
        // The owner counts what it is told anew.
        doc.kept_kernel.version = 0;
        let waits = take_up(doc, plan);
        let mut note = Notice::info(format!("This window runs the cells of {} now", doc.title()));
        if waits > 0 {
            note = note.body(format!("Still to run: {}", text::count(waits as u64, "cell")));
        }
        effects.push(Effect::Notice(note));
        run::start_next(doc, cx, &mut effects);
    } else {
        doc.queue.clear();
        let note = Notice::info(format!("Another window runs the cells of {} now", doc.title()));
        let note = note.body("What they print is shown here, too");
        effects.push(Effect::Notice(note.action("Take over", super::Command::TakeOver(doc.id))));
    }
    doc.settle();
    effects
}

/// The notebook was saved under another path: its kernel is found by that from now on.
pub(super) fn renamed(doc: &mut Doc) -> Option<Effect> {
    let task = Task::RenameKernel { doc: doc.id, path: doc.path.clone() };
    std::mem::take(&mut doc.kept_kernel.renamed)
        .then(|| Job::io(format!("notebook.rename:{}", doc.id), task).policy(Policy::Queue).start())
}

/// The file holds everything: runs that ended need not be kept any longer.
pub fn saved(doc: &mut Doc) -> Option<Effect> {
    let mut done = over(doc);
    done.extend(doc.kept_kernel.homeless.iter_mut().filter_map(|(_, run)| settle(run)));
    (!done.is_empty()).then(|| {
        Job::io(format!("notebook.settled:{}", doc.id), Task::Settled { doc: doc.id, done })
            .policy(Policy::Queue)
            .start()
    })
}

/// Marks a run that has ended as one that is in the file.
fn settle(run: &mut CellRun) -> Option<ExecId> {
    let exec = run.exec.filter(|_| run.ms.is_some() && !run.settled && !run.storing)?;
    run.settled = true;
    Some(exec)
}

/// Runs that have ended and whose outputs this document has from now on.
pub fn over(doc: &mut Doc) -> Vec<ExecId> {
    let mut done = std::mem::take(&mut doc.kept_kernel.replaced);
    done.extend(doc.runs.values_mut().filter_map(settle));
    // Older runs of a cell that ran again are nobody's any more.
    let (runs, running) = (&doc.runs, doc.running.as_ref().map(|r| r.number));
    doc.kept_kernel.adopted.retain(|id, (key, number)| {
        let wanted = running == Some(*number) || runs.get(key).is_some_and(|r| r.number == *number);
        if !wanted {
            done.push(*id);
        }
        wanted
    });
    done
}

/// How a window hears of the kernel of a document.
pub fn news(out: &Out, doc: DocId, at: &Kept, loud: bool) -> News {
    let (states, runs, at) = (out.clone(), out.clone(), at.clone());
    let notify = move |event: SessionEvent| {
        if loud {
            states.send(Event::Kernel { doc, spec: None, event: Some(event) });
        }
    };
    let adopt = move |past: &Past, present: bool| {
        // What a kernel left that has ended proves nothing of the present one.
        let present = present && loud;
        runs.send(Event::Adopted { doc, past: Box::new(past.clone()), present });
        let (out, id) = (runs.clone(), past.id);
        let keeper = Keeper::new(&at.root, &at.notebook, doc, RunOf::Exec(id));
        let sink: Sink = Arc::new(move |event| {
            event.pieces().for_each(|event| keeper.tell(event, &out, |event| Event::ExecOf { doc, id, event }));
        });
        Some(sink)
    };
    News { notify: Box::new(notify), adopt: Box::new(adopt) }
}

/// Looks for the kernel of a document and for what it or earlier ones left; gives those that go on and those that ended.
pub fn reattach(env: &Env, out: &Out, doc: DocId, path: &str) -> Result<(Option<Session>, Vec<Session>)> {
    let at = Kept { root: env.root()?, notebook: path.to_owned() };
    let found = env.kernels.reattach(&at, &|alive| news(out, doc, &at, alive))?;
    let (mut living, mut ended) = (None, Vec::new());
    for one in found {
        let state = one.session.state();
        let alive = state.is_alive();
        let running = one.past.iter().rev().find(|p| p.done.is_none()).map(|p| (p.tag.clone(), p.at));
        let brought = one.past.iter().filter(|p| !p.settled).count();
        let spec = alive.then(|| Box::new(one.session.spec().clone()));
        let found = Found { spec, state, plan: one.plan, drives: one.drives, running, brought };
        out.send(Event::FoundKernel { doc, found: Box::new(found) });
        if alive { living = Some(one.session) } else { ended.push(one.session) }
    }
    Ok((living, ended))
}

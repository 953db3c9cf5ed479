//! Running cells: one queue a document, one cell at a time, honest about what ran when.
use std::sync::Arc;

use super::{
    After, Command, Doc, DocId, Event, Mode, RunEnd, Scope, SqlAnswer, State, Task, ask,
    doc::{CellRun, Kept, Running, SqlTable},
    edit, kept, notice, store,
    task::KernelWish,
};
use crate::{
    app::{AppState, Cx, Effect, Job, Policy, data, git, notify::Notice, workspace},
    base::{Error, Result},
    model::{
        kernel::{ExecEvent, Made, Outcome, SessionEvent, SessionState},
        notebook::{Cell, CellKey, CellKind},
        output::{Collector, Widgets, make},
        params,
        table::sql_cell,
    },
};

/// Key of the job that runs a document's cells.
pub fn job_key(doc: DocId) -> String {
    format!("notebook.run:{doc}")
}

/// Handles what concerns running.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Run(scope) => run(state, scope, cx),
        Command::Interrupt => interrupt(state),
        Command::Kill => {
            let Some(doc) = state.notebook.doc() else { return Vec::new() };
            vec![Job::io(format!("notebook.kill:{}", doc.id), Task::Kill { doc: doc.id }).start()]
        }
        Command::Restart => {
            let Some(doc) = state.notebook.doc() else { return Vec::new() };
            let body = "Variables and kept results are gone after it. Outputs on the page stay.".to_owned();
            let title = format!("Restart the session of {}?", doc.title());
            state.shell.dialog = Some(ask(&title, body, "Restart", false, Command::RestartNow { then_all: false }));
            Vec::new()
        }
        Command::RestartNow { then_all } => restart(state, then_all, cx),
        Command::ShutdownKernel => {
            let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
            let id = doc.id;
            new_session(doc);
            doc.kernel.state = None;
            let task = Task::Shutdown { doc: id, done: kept::over(doc) };
            vec![Effect::Cancel(job_key(id)), Job::io(format!("notebook.end:{id}"), task).start()]
        }
        Command::Answer(text) => answer(state, text),
        Command::NeedRows { doc, key, first, count } => {
            let task = Task::Rows { doc, key, first, count };
            vec![Job::cpu(format!("notebook.rows:{doc}:{}", key.0), task).start()]
        }
        Command::ShowPlan(key) => plan(state, key),
        Command::OpenVariable(name) => open_variable(state, &name),
        Command::SortVariables(order) => {
            state.notebook.doc_mut().into_iter().for_each(|d| d.variable_order = order);
            Vec::new()
        }
        Command::FilterVariables(text) => {
            state.notebook.doc_mut().into_iter().for_each(|d| d.variable_filter.clone_from(&text));
            Vec::new()
        }
        Command::RefreshVariables => {
            let doc = state.notebook.doc().filter(|d| d.running.is_none() && d.queue.is_empty());
            doc.map(|d| Job::io(format!("notebook.variables:{}", d.id), Task::Variables { doc: d.id }).start())
                .into_iter()
                .collect()
        }
        _ => links(state, command, cx),
    }
}

fn plan(state: &mut AppState, key: Option<CellKey>) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    doc.plan = None;
    let cell = key.and_then(|k| doc.notebook()?.cell(k));
    let Some((key, query)) = cell.and_then(|c| Some((c.key, sql_cell(&c.source)?))) else { return Vec::new() };
    let task = Task::QueryPlan { doc: doc.id, key, sql: query.sql, params: params::known(doc.cells()) };
    vec![Job::cpu(format!("notebook.plan:{}", doc.id), task).start()]
}

/// The key of a variable's table among those of cells, which count up from 0.
fn variable_key(name: &str) -> CellKey {
    CellKey(crate::base::fsx::hash(name.as_bytes()) | 1 << 63)
}

fn open_variable(state: &mut AppState, name: &str) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc() else { return Vec::new() };
    if doc.running.is_some() {
        let error = Error::user("The kernel is busy").hint("Open the table when the cell has ended");
        return vec![notice(&error)];
    }
    let (id, key) = (doc.id, variable_key(name));
    let task = Task::CopyFrame { doc: id, key, name: name.to_owned() };
    vec![Job::long(job_key(id), task).policy(Policy::Queue).titled(format!("Copying {name} out of the kernel")).start()]
}

fn frame_copied(
    state: &mut AppState,
    (doc, key, name): (DocId, CellKey, String),
    copied: Result<(u64, u64, Option<String>)>,
    cx: &Cx,
) -> Vec<Effect> {
    let (rows, all, note) = match copied {
        Ok(copied) => copied,
        Err(e) if e.is_cancelled() => return Vec::new(),
        Err(e) => return vec![notice(&e)],
    };
    let sql = format!("SELECT * FROM {}", crate::model::table::lex::name(&name));
    let mut effects = data::command(state, data::Command::OpenCell { doc, key, title: name.clone(), sql }, cx);
    let count = crate::base::text::thousands;
    if rows < all {
        let title = format!("{name}: the first {} of {} rows", count(rows), count(all));
        effects.push(Effect::Notice(
            Notice::info(title).body("A table is copied out of the kernel only so far; a %%sql cell reads all of it"),
        ));
    }
    effects.extend(note.map(|n| Effect::Notice(Notice::info(format!("{name}: {n}")))));
    effects
}

/// What leads to other pages.
fn links(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    let path = state.notebook.doc().map(|d| d.path.clone());
    match (command, path) {
        (Command::OpenInData { key, chart }, _) => data::open_notebook_cell(state, key, chart, cx),
        (Command::Compare, Some(path)) => git::compare_with_head(state, &path, cx),
        (Command::Commit, Some(path)) => git::command(state, git::Command::OpenCommit(vec![path]), cx),
        _ => Vec::new(),
    }
}

fn wanted(doc: &Doc, scope: Scope) -> Vec<CellKey> {
    let at = doc.index();
    let all = || doc.cells().iter().map(|c| c.key);
    match scope {
        Scope::Selected(_) => doc.selection(),
        Scope::One(key) => vec![key],
        Scope::All => all().collect(),
        Scope::Above => all().take(at).collect(),
        Scope::Below => all().skip(at).collect(),
        Scope::Stale => doc.stale().to_vec(),
    }
}

fn is_code(doc: &Doc, key: CellKey) -> bool {
    doc.notebook().and_then(|n| n.cell(key)).is_some_and(|c| c.kind == CellKind::Code && !c.source.trim().is_empty())
}

fn run(state: &mut AppState, scope: Scope, cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc() else { return Vec::new() };
    if doc.notebook().is_none() {
        return Vec::new();
    }
    let keys = wanted(doc, scope);
    let runs = keys.iter().any(|k| is_code(doc, *k));
    if runs && let Some(effects) = workspace::require_trust(state, Command::Run(scope)) {
        return effects;
    }
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    if doc.kept_kernel.elsewhere
        && keys.iter().any(|k| doc.notebook().and_then(|n| n.cell(*k)).is_some_and(|c| !Doc::is_sql(c)))
        && runs
    {
        let note = Notice::info(format!("Another window runs the cells of {}", doc.title()));
        let note = note.body("Run it there, or take the kernel over and run it here");
        return vec![Effect::Notice(note.action("Take over", Command::TakeOver(doc.id)))];
    }
    let mut effects = Vec::new();
    for key in &keys {
        doc.unrendered.retain(|k| k != key);
        if is_code(doc, *key) {
            if !doc.queue.contains(key) {
                doc.queue.push_back(*key);
            }
        } else if doc.notebook().and_then(|n| n.cell(*key)).is_some_and(|c| c.kind == CellKind::Code && c.has_outputs())
            && let Some(nb) = doc.notebook_mut()
        {
            // An empty cell has nothing to run; what it showed belongs to text that is gone.
            effects.extend(nb.set_outputs(*key, &[], None).err().iter().map(notice));
            if let Some(old) = doc.runs.remove(key) {
                doc.kept_kernel.replace(&old);
            }
        }
    }
    if let Scope::Selected(after) = scope {
        go_on(doc, after, &keys, &mut effects);
    }
    start_next(doc, cx, &mut effects);
    doc.settle();
    effects
}

/// Where the selection goes after running.
fn go_on(doc: &mut Doc, after: After, keys: &[CellKey], effects: &mut Vec<Effect>) {
    doc.mode = Mode::Command;
    let last = keys.iter().filter_map(|k| doc.notebook()?.index_of(*k)).max().unwrap_or(0);
    let count = doc.cells().len();
    match after {
        After::Stay => {}
        After::Advance if last + 1 < count => doc.select_index(last + 1),
        After::Advance | After::InsertBelow => {
            let Some(nb) = doc.notebook_mut() else { return };
            match nb.insert(last + 1, CellKind::Code, "") {
                Ok(key) => {
                    doc.select(key);
                    doc.begin(None);
                    edit::changed(doc, effects);
                }
                Err(e) => effects.push(notice(&e)),
            }
        }
    }
}

/// Starts the next waiting cell unless one runs.
pub(super) fn start_next(doc: &mut Doc, cx: &Cx, effects: &mut Vec<Effect>) {
    if doc.running.is_some() {
        return;
    }
    let next = loop {
        let Some(key) = doc.queue.pop_front() else { return };
        if let Some(cell) = doc.notebook().and_then(|n| n.cell(key)).filter(|c| c.kind == CellKind::Code) {
            break cell.clone();
        }
    };
    doc.run_count += 1;
    let (id, number, key) = (doc.id, doc.run_count, next.key);
    let sql = sql_cell(&next.source);
    let run = CellRun {
        sql: sql.is_some(),
        epoch: if sql.is_some() { doc.sql_epoch } else { doc.epoch },
        number,
        source: next.source.clone(),
        started: cx.now(),
        ms: None,
        end: RunEnd::Running,
        live: Collector::new(),
        table: None,
        input: None,
        exec: None,
        settled: false,
        storing: false,
    };
    if let Some(old) = doc.runs.insert(key, run) {
        doc.kept_kernel.replace(&old);
    }
    doc.running = Some(Running { key, number, stopping: false });
    let task = match sql {
        Some(cell) => {
            Task::RunSql { doc: id, key, number, sql: cell.sql, name: cell.name, params: params::known(doc.cells()) }
        }
        None => {
            let (wish, label) = (wish(doc), kept::label(doc, key).map(Box::new));
            Task::RunCode { doc: id, key, number, code: next.source.to_string(), wish, label }
        }
    };
    let at = doc.notebook().and_then(|n| n.index_of(key)).unwrap_or(0) + 1;
    let title = format!("{}, cell {at}", doc.title());
    // Cells of a document never overlap: the next one starts when the end of this one has come back.
    effects.push(Job::long(job_key(id), task).policy(Policy::Queue).titled(title).start());
}

pub(super) fn wish(doc: &Doc) -> KernelWish {
    let Some(nb) = doc.notebook() else { return KernelWish::default() };
    KernelWish {
        chosen: doc.kernel.chosen.clone(),
        name: nb.kernel_name(),
        display: nb.metadata_text(&["kernelspec", "display_name"]),
        language: nb.language(),
        notebook: doc.path.clone(),
        count: doc.count_ahead.then_some(doc.last_count as u64 + 1),
    }
}

fn interrupt(state: &mut AppState) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    doc.queue.clear();
    let mut effects = Vec::new();
    if let Some(running) = &mut doc.running {
        running.stopping = true;
        effects.push(Effect::Cancel(job_key(doc.id)));
        if doc.kept_kernel.is_adopted(running.key, running.number) {
            let task = Task::Interrupt { doc: doc.id };
            effects.push(Job::io(format!("notebook.interrupt:{}", doc.id), task).start());
        }
    }
    doc.settle();
    effects
}

/// What ran before proves nothing any more.
pub(super) fn new_session(doc: &mut Doc) {
    doc.epoch += 1;
    doc.sql_epoch += 1;
    doc.queue.clear();
    (doc.last_count, doc.count_ahead) = (0, false);
    doc.kept.clear();
    doc.variables.clear();
    doc.widgets = Widgets::default();
    doc.more_variables = 0;
    doc.memory = None;
    doc.assist.close();
    for run in doc.runs.values_mut() {
        // The rows behind the grids go with the session; the stored part of them stays in the notebook.
        run.table = None;
    }
    doc.settle();
}

fn restart(state: &mut AppState, then_all: bool, cx: &Cx) -> Vec<Effect> {
    state.shell.dialog = None;
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    let id = doc.id;
    new_session(doc);
    let mut effects = Vec::new();
    if let Some(running) = &mut doc.running {
        running.stopping = true;
        effects.push(Effect::Cancel(job_key(id)));
    }
    effects.push(Job::io(format!("notebook.restart:{id}"), Task::Restart { doc: id }).policy(Policy::Queue).start());
    if then_all {
        effects.extend(run(state, Scope::All, cx));
    }
    effects
}

fn answer(state: &mut AppState, text: String) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    let Some(key) = doc.running.as_ref().map(|r| r.key) else { return Vec::new() };
    if let Some(run) = doc.runs.get_mut(&key) {
        run.input = None;
    }
    let id = doc.id;
    vec![Job::io(format!("notebook.answer:{id}"), Task::Answer { doc: id, text }).policy(Policy::Queue).start()]
}

/// Folds what running cells and kernels report.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Started { doc, key, number, at, exec } => {
            if let Some(run) = current(&mut state.notebook, doc, key, number) {
                (run.started, run.exec) = (at, exec);
            }
            Vec::new()
        }
        Event::Exec { doc, key, number, event } => exec(&mut state.notebook, (doc, key, number), event),
        Event::Store(event) => store::event(state, *event, cx),
        Event::Sql { doc, key, number, result, ms } => sql_done(state, (doc, key, number), result, ms, cx),
        Event::Ended { doc, key, number, result, ms } => ended(state, (doc, key, number), result, ms, cx),
        Event::NoKernel { doc, key, number, error } => {
            let Some(doc) = state.notebook.by_id(doc) else { return Vec::new() };
            doc.kernel.missing = Some(error.clone());
            finish(doc, key, number, RunEnd::NoKernel(error), 0, cx)
        }
        Event::Kernel { doc, spec, event } => kernel(state, doc, spec, event, cx),
        Event::Shapes { doc, key, number, profiles } => {
            if let Some(table) = current(&mut state.notebook, doc, key, number).and_then(|r| r.table.as_mut()) {
                table.profiles = profiles.into_iter().map(Some).collect();
            }
            Vec::new()
        }
        Event::Variables { doc, variables, more, memory } => {
            if let Some(doc) = state.notebook.by_id(doc) {
                (doc.variables, doc.more_variables, doc.memory) = (variables, more, memory);
            }
            Vec::new()
        }
        Event::Planned { doc, key, plan } => {
            if let Some(doc) = state.notebook.by_id(doc) {
                doc.plan = Some((key, plan));
            }
            Vec::new()
        }
        Event::FrameCopied { doc, key, name, copied } => frame_copied(state, (doc, key, name), copied, cx),
        Event::Rows { doc, key, page } => {
            if let Some(table) =
                state.notebook.by_id(doc).and_then(|d| d.runs.get_mut(&key)).and_then(|r| r.table.as_mut())
            {
                table.page = page;
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// The run this news is about, unless the cell was run again or is gone.
fn current(state: &mut State, doc: DocId, key: CellKey, number: u64) -> Option<&mut CellRun> {
    state.by_id(doc)?.runs.get_mut(&key).filter(|r| r.number == number)
}

pub(super) fn exec(state: &mut State, (doc, key, number): (DocId, CellKey, u64), event: ExecEvent) -> Vec<Effect> {
    let event = match event {
        ExecEvent::UpdateDisplay { .. } => make(event).map_or_else(|event| event, ExecEvent::Made),
        event => event,
    };
    if let ExecEvent::Made(made @ Made { update: true, .. }) = &event {
        return state.by_id(doc).map(|doc| updated(doc, made)).unwrap_or_default();
    }
    if let Some(doc) = state.by_id(doc) {
        if let ExecEvent::Comm(comm) = &event {
            doc.widgets.apply(comm);
            return Vec::new();
        }
        if doc.widgets.divert(&event) {
            return Vec::new();
        }
    }
    let Some(run) = current(state, doc, key, number) else { return Vec::new() };
    if let ExecEvent::Input { prompt, password } = &event {
        run.input = Some((prompt.clone(), *password));
    }
    run.live.take(event);
    Vec::new()
}

/// Displays of other cells can be updated, too; what is stored in the file follows.
fn updated(doc: &mut Doc, made: &Made) -> Vec<Effect> {
    let Some(id) = &made.display_id else { return Vec::new() };
    let mut again = Vec::new();
    for (key, run) in &mut doc.runs {
        if run.live.update(id, &made.value) && run.ms.is_some() {
            again.push((*key, run.number, run.live.execution_count().map(|n| n as i64)));
        }
    }
    again.into_iter().filter_map(|(key, number, count)| store::begin(doc, (key, number), count, None)).collect()
}

/// A result nobody has made yet is made by a cell of the document: the error names it.
fn point_to_cell(doc: &Doc, failed: CellKey, error: Error) -> Error {
    let missing = |c: &Cell| {
        let name = sql_cell(&c.source)?.name.filter(|_| c.key != failed)?;
        (error.what == format!("There is no table or result named {name}")).then_some(())
    };
    match doc.cells().iter().position(|c| missing(c).is_some()) {
        Some(at) => error.hint(format!("Cell {} keeps it: run that one first", at + 1)),
        None => error,
    }
}

fn sql_done(
    state: &mut AppState,
    (id, key, number): (DocId, CellKey, u64),
    result: Result<SqlAnswer>,
    ms: u64,
    cx: &Cx,
) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let current = doc.runs.get(&key).is_some_and(|r| r.number == number);
    let count = doc.last_count + 1;
    let (end, table, outputs) = match result {
        Ok(answer) => {
            if let (true, Some(name)) = (current, &answer.name) {
                doc.kept.retain(|k| k.name != *name);
                let (rows, columns) = (answer.page.total_rows, answer.page.columns.len());
                doc.kept.push(Kept { name: name.clone(), rows, columns, key });
            }
            let profiles = Vec::new();
            let table = SqlTable { name: answer.name, page: answer.page.clone(), ms, profiles };
            (RunEnd::Ok, Some(table), Some(answer.outputs))
        }
        Err(e) if e.is_cancelled() => (RunEnd::Interrupted, None, None),
        Err(e) => (RunEnd::Error(point_to_cell(doc, key, e)), None, Some(Vec::new())),
    };
    if current {
        if let Some(run) = doc.runs.get_mut(&key) {
            run.table = table;
        }
        if let (Some(outputs), Some(nb)) = (outputs, doc.notebook_mut()) {
            let _ = nb.set_outputs(key, &outputs, Some(count));
            (doc.last_count, doc.count_ahead) = (count, true);
        }
    }
    let shown = current && end == RunEnd::Ok;
    let mut effects = finish(doc, key, number, end, ms, cx);
    if shown {
        effects
            .push(Job::cpu(format!("notebook.shapes:{id}:{}", key.0), Task::Shapes { doc: id, key, number }).start());
    }
    effects
}

pub(super) fn ended(
    state: &mut AppState,
    (id, key, number): (DocId, CellKey, u64),
    result: Result<Outcome>,
    ms: u64,
    cx: &Cx,
) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let stopping = doc.running.as_ref().is_some_and(|r| r.number == number && r.stopping);
    let end = match result {
        Ok(Outcome::Ok { .. }) => RunEnd::Ok,
        Ok(Outcome::Error { .. }) if stopping => RunEnd::Interrupted,
        Ok(Outcome::Error { .. } | Outcome::Died { .. }) => RunEnd::Failed,
        Ok(Outcome::Aborted { .. }) => RunEnd::Interrupted,
        Ok(Outcome::Missed { why }) => RunEnd::Error(kept::missed(&why)),
        Err(e) if e.is_cancelled() => RunEnd::Interrupted,
        Err(e) => RunEnd::Error(e),
    };
    let last = doc.last_count;
    let run = doc.runs.get_mut(&key).filter(|r| r.number == number);
    if let Some(run) = run.filter(|r| !matches!(end, RunEnd::Error(_)) || r.live.revision() > 0) {
        if run.live.execution_count().is_some_and(|n| n as i64 <= last) {
            // A kernel that cannot be told of the queries between its cells: no number stands twice.
            run.live.renumber(last as u64 + 1);
        }
        let count = run.live.execution_count().map(|n| n as i64);
        if let Some(count) = count {
            (doc.last_count, doc.count_ahead) = (count, false);
        }
        let then = (end, ms);
        if let Some(job) = store::begin(doc, (key, number), count, Some(&then)) {
            return vec![job];
        }
        return finish(doc, key, number, then.0, ms, cx);
    }
    finish(doc, key, number, end, ms, cx)
}

pub(super) fn finish(doc: &mut Doc, key: CellKey, number: u64, end: RunEnd, ms: u64, cx: &Cx) -> Vec<Effect> {
    let mut effects = Vec::new();
    let ok = end == RunEnd::Ok;
    if let Some(run) = doc.runs.get_mut(&key).filter(|r| r.number == number) {
        run.end = end;
        run.ms = Some(ms);
        run.input = None;
    }
    if doc.running.as_ref().is_some_and(|r| r.number == number) {
        doc.running = None;
    }
    let goes_on = ok || doc.notebook().and_then(|n| n.cell(key)).is_some_and(may_fail);
    if !goes_on {
        doc.queue.clear();
    }
    doc.settle();
    edit::touch(doc, &mut effects);
    start_next(doc, cx, &mut effects);
    doc.settle();
    effects
}

/// Jupyter's tag for cells whose failure is meant.
pub(super) fn may_fail(cell: &Arc<Cell>) -> bool {
    cell.tags().iter().any(|t| t == "raises-exception")
}

fn kernel(
    state: &mut AppState,
    id: DocId,
    spec: Option<Box<crate::model::kernel::KernelSpec>>,
    event: Option<SessionEvent>,
    cx: &Cx,
) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    if let Some(SessionEvent::Drives(drives, plan)) = &event {
        return kept::drives(doc, *drives, plan, cx);
    }
    if let Some(spec) = spec {
        doc.kernel.spec = Some(*spec);
        doc.kernel.missing = None;
        doc.kernel.state = Some(SessionState::Starting);
    }
    match event {
        Some(SessionEvent::Info(info)) => doc.kernel.info = Some(info),
        Some(SessionEvent::Trouble(error)) => return vec![notice(&error)],
        Some(SessionEvent::State(new)) => {
            let mut effects = Vec::new();
            if let SessionState::Dead { exit, .. } = &new {
                doc.epoch += 1;
                (doc.last_count, doc.count_ahead) = (0, false);
                doc.queue.clear();
                doc.variables.clear();
                doc.memory = None;
                let title = format!("The kernel of {} ended with {exit}", doc.title());
                let body = "Its variables are gone; what is on the page stays";
                let again = Command::RestartNow { then_all: false };
                effects.push(Effect::Notice(
                    Notice { tone: crate::app::notify::Tone::Failure, ..Notice::info(title) }
                        .body(body)
                        .action("Restart", again),
                ));
            }
            if !new.is_alive() {
                doc.kept_kernel.elsewhere = false;
            }
            doc.kernel.state = Some(new);
            doc.settle();
            return effects;
        }
        Some(SessionEvent::Drives(..)) | None => {}
    }
    Vec::new()
}

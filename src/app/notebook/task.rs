//! The notebook's work off the window's thread: files, the embedded engine, kernels.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::{
    DocId, Event, SqlAnswer, Task, form, kept,
    whole::{Keeper, RunOf},
};
use crate::{
    app::{Env, Out},
    base::{Error, Result, job::JobCtx},
    engine::{
        exec::{self, Bridge, STORED_ROWS},
        frames::Source,
        kept_outputs,
        kernel::{self, Kept, Sink},
        notebook as disk,
        profile::Profiler,
        sql,
    },
    model::{
        kernel::{ExecEvent, ExecOptions, Label, Outcome, SessionEvent, SessionState},
        notebook::{CellKey, OutputJson},
        output::table_json,
        run::Params,
        table::Page,
    },
};

/// Rows of a SQL result sent with the answer; the grid asks for more.
const FIRST_ROWS: usize = 200;

/// While cells follow each other the variables are read this often.
const VARIABLES_PAUSE: Duration = Duration::from_secs(2);

/// Which kernel a notebook wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KernelWish {
    /// Id of the one a person chose.
    pub chosen: Option<String>,
    pub name: Option<String>,
    pub display: Option<String>,
    pub language: String,
    /// The notebook, relative to the workspace.
    pub notebook: String,
    /// The number the next cell is to have, where queries took numbers the kernel knows nothing of.
    pub count: Option<u64>,
}

/// What runs for one document: its SQL session, its kernel, the results its grids scroll through.
#[derive(Default)]
struct Runtime {
    sql: Mutex<Option<Arc<sql::Session>>>,
    kernel: Mutex<Option<kernel::Session>>,
    /// Kernels that have ended and left outputs that are not in the file yet.
    ended: Mutex<Vec<kernel::Session>>,
    frames: Mutex<HashMap<CellKey, sql::Frame>>,
    /// What the kernel knows of the SQL results; a new kernel knows nothing.
    bridge: Mutex<Option<Bridge>>,
    /// When the kernel was asked for its variables.
    asked: Mutex<Option<Instant>>,
}

/// The runtimes of all open documents; they outlive a job and end with their document.
#[derive(Default)]
pub struct Runtimes(Mutex<HashMap<DocId, Arc<Runtime>>>);

impl std::fmt::Debug for Runtimes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtimes").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runtimes {
    fn of(&self, doc: DocId) -> Arc<Runtime> {
        lock(&self.0).entry(doc).or_default().clone()
    }
    /// The kernel of a document, if it has one.
    pub(super) fn session(&self, doc: DocId) -> Option<kernel::Session> {
        lock(&self.of(doc).kernel).clone()
    }
    fn take(&self, wanted: impl Fn(DocId) -> bool) -> Vec<Arc<Runtime>> {
        let mut all = lock(&self.0);
        let ids: Vec<DocId> = all.keys().copied().filter(|id| wanted(*id)).collect();
        ids.iter().filter_map(|id| all.remove(id)).collect()
    }
    /// A result by name, of any open document: for the data page.
    pub fn kept(&self, doc: DocId, name: &str) -> Option<sql::Frame> {
        let session = lock(&self.of(doc).sql).clone()?;
        session.get(name)
    }
    /// Another kernel takes the place of a document's: one of a server runs on, one of this machine ends.
    pub(super) fn switch(&self, doc: DocId) {
        for runtime in self.take(|id| id == doc) {
            let server = lock(&runtime.kernel).as_ref().is_some_and(|k| k.spec().remote.is_some());
            runtime.end(server);
        }
    }
    /// The kernel of a document, when one was started.
    pub(super) fn kernel(&self, doc: DocId) -> Option<kernel::Session> {
        let kernel = lock(&self.of(doc).kernel).clone();
        kernel.filter(|s| s.state().is_alive())
    }
    /// The SQL session of a document, when a query has run.
    pub(super) fn sql(&self, doc: DocId) -> Option<Arc<sql::Session>> {
        lock(&self.of(doc).sql).clone()
    }
    /// The rows a SQL cell has shown, for the data page.
    pub fn frame(&self, doc: DocId, key: CellKey) -> Option<sql::Frame> {
        lock(&self.of(doc).frames).get(&key).cloned()
    }
}

impl Runtime {
    /// `leave`: a kernel that outlives the window goes on.
    fn end(&self, leave: bool) {
        let kernel = lock(&self.kernel).take();
        match kernel {
            Some(kernel) if leave => kernel.leave(),
            Some(kernel) => kernel.shutdown(),
            None => {}
        }
        std::mem::take(&mut *lock(&self.ended)).iter().for_each(kernel::Session::leave);
        lock(&self.sql).take();
        lock(&self.frames).clear();
        lock(&self.bridge).take();
    }
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Load { .. }
        | Task::Drafts
        | Task::ReadDraft { .. }
        | Task::DropDraft { .. }
        | Task::KeepOutputs { .. }
        | Task::Keep { .. }
        | Task::Save { .. }
        | Task::CheckDisk { .. } => return file_task(task, env, cx, out),
        Task::Export { book, form, title, name } => form::run(&book, form, (&title, &name), env, cx, out)?,
        Task::Outside(task) => super::outside::run(task, env, cx, out)?,
        Task::Files(task) => super::files::run(task, env, out)?,
        Task::History(task) => super::history::run(task, env, cx, out)?,
        Task::Test(task) => super::tested::run(task, env, cx, out)?,
        Task::Committed { .. } => super::revert::run(task, env, cx, out)?,
        Task::RunSql { doc, key, number, sql, name, params } => {
            run_sql(env, cx, out, (doc, key, number), (&sql, &params), name);
        }
        Task::QueryPlan { doc, key, sql, params } => {
            let plan = plan(env, cx, doc, (&sql, &params));
            out.send(Event::Planned { doc, key, plan });
        }
        Task::CopyFrame { doc, key, name } => {
            let copied = copy_frame(env, cx, (doc, key), &name);
            out.send(Event::FrameCopied { doc, key, name, copied });
        }
        Task::Widgets { doc } => {
            // The kernel was found a moment ago and is being put in its place.
            let found = (0..20).find_map(|n| {
                std::thread::sleep(Duration::from_millis(if n == 0 { 0 } else { 50 }));
                env.notebooks.kernel(doc)
            });
            if let Some(all) = found.and_then(|session| exec::widgets(&session)) {
                out.send(Event::Widgets { doc, all });
            }
        }
        Task::Variables { doc } => {
            if let Some(session) = env.notebooks.kernel(doc) {
                send_variables(doc, &session, out);
            }
        }
        Task::RunCode { doc, key, number, code, wish, label } => {
            let label = label.map(|l| *l);
            run_code(env, cx, out, (doc, key, number), (&code, label), &wish);
        }
        Task::Restart { doc } => {
            let runtime = env.notebooks.of(doc);
            lock(&runtime.sql).take();
            lock(&runtime.frames).clear();
            lock(&runtime.bridge).take();
            let session = lock(&runtime.kernel).clone();
            // One whose owner is gone cannot come back: the next cell starts another.
            if let Some(Err(_)) = session.map(|s| s.restart()) {
                lock(&runtime.kernel).take();
                let event = Some(SessionEvent::State(SessionState::Closed));
                out.send(Event::Kernel { doc, spec: None, event });
            }
        }
        Task::Kill { doc } => {
            let session = lock(&env.notebooks.of(doc).kernel).clone();
            if let Some(session) = session {
                session.kill();
            }
        }
        Task::Shutdown { doc, done } => {
            settle(env, doc, &done);
            env.notebooks.take(|id| id == doc).iter().for_each(|r| r.end(false));
        }
        Task::EndOthers { floor } => env.notebooks.take(|id| id < floor).iter().for_each(|r| r.end(true)),
        Task::Leave { .. }
        | Task::Reattach { .. }
        | Task::Plan { .. }
        | Task::Settled { .. }
        | Task::TakeOver { .. }
        | Task::RenameKernel { .. }
        | Task::Interrupt { .. } => {
            return kept_task(task, env, out);
        }
        Task::Answer { doc, text } => {
            let session = lock(&env.notebooks.of(doc).kernel).clone();
            if let Some(session) = session {
                session.answer(&text);
            }
        }
        Task::Kernels(task) => return super::kernels::carry_out(*task, env, cx, out),
        Task::Shapes { doc, key, number } => {
            if let Some(frame) = env.notebooks.frame(doc, key) {
                let source = Source::of_frame(&frame)?;
                let profiles = Profiler::of_source(&source).sample(cx)?;
                out.send(Event::Shapes { doc, key, number, profiles });
            }
        }
        Task::Ask { .. } | Task::CompleteSql { .. } => super::assist::run(task, env, cx, out),
        task @ (Task::Find { .. } | Task::FindShown { .. }) => return super::find::task(task, cx, out),
        Task::Widget(task) => super::widgets::run(task, env, out)?,
        Task::Beside(task) => super::beside::run(task, env, out)?,
        Task::FullText(task) => super::full_text::run(&task, env, out)?,
        Task::Store(task) => super::store::write(*task, out),
        Task::Rows { doc, key, first, count } => {
            if let Some(frame) = env.notebooks.frame(doc, key) {
                let page = Arc::new(frame.page(first, count)?);
                out.send(Event::Rows { doc, key, page });
            }
        }
    }
    Ok(())
}

/// What concerns the file and what is kept of it.
fn file_task(task: Task, env: &Env, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Load { doc, path, as_text } => {
            match crate::base::fsx::inside(&env.root()?, &path).and_then(|p| disk::load(&p, as_text)) {
                Ok(mut l) => {
                    if let disk::Content::Notebook(book) = &mut l.content {
                        kept_outputs::bring_back(&env.root()?, &path, book);
                    }
                    out.send(Event::Loaded { doc, content: Box::new(l.content), hash: l.hash });
                }
                Err(error) => out.send(Event::LoadFailed { doc, error }),
            }
        }
        Task::Drafts => out.send(Event::Drafts(disk::drafts(&env.root()?, cx)?)),
        Task::ReadDraft { doc, path } => {
            let (draft, content) = disk::read_draft(&env.root()?, &path)?;
            if let Some(base) = disk::read_base(&env.root()?, &draft) {
                out.send(Event::Outside(super::outside::Event::Base { doc, base, of_draft: true }));
            }
            out.send(Event::DraftRead { doc, content: Box::new(content) });
        }
        Task::DropDraft { path } => disk::drop_draft(&env.root()?, &path)?,
        Task::KeepOutputs { path, cells } => kept_outputs::keep(&env.root()?, &path, &cells)?,
        Task::Keep { path, base, from, snapshot } => {
            disk::keep_draft(&env.root()?, &path, base, env.clock.now(), &snapshot.to_bytes())?;
            if let (Some(base), Some(from)) = (base, from) {
                disk::keep_base(&env.root()?, &path, base, &from)?;
            }
        }
        Task::Save { doc, path, snapshot, expected, revision } => {
            let file = env.root()?.join(&path);
            match disk::save(&file, &snapshot, expected) {
                Ok(hash) => out.send(Event::Saved { doc, path, hash, revision }),
                Err(error) => {
                    let disk = disk::version(&file).ok().flatten();
                    out.send(Event::SaveFailed { doc, error, disk });
                }
            }
        }
        Task::CheckDisk { doc, path } => {
            let hash = disk::version(&env.root()?.join(path))?;
            out.send(Event::Disk { doc, hash });
        }
        _ => {}
    }
    Ok(())
}

/// Tells the kernels of a document what need not be kept of it any longer.
pub(super) fn settle(env: &Env, doc: DocId, done: &[crate::model::kernel::ExecId]) {
    let runtime = env.notebooks.of(doc);
    let sessions: Vec<_> = lock(&runtime.kernel).iter().chain(lock(&runtime.ended).iter()).cloned().collect();
    sessions.iter().for_each(|s| s.settled(done.to_vec()));
}

/// What concerns a kernel that outlives the window.
fn kept_task(task: Task, env: &Arc<Env>, out: &Out) -> Result<()> {
    let tell = |doc: DocId, say: &dyn Fn(&kernel::Session)| {
        let runtime = env.notebooks.of(doc);
        let sessions: Vec<_> = lock(&runtime.kernel).iter().chain(lock(&runtime.ended).iter()).cloned().collect();
        sessions.iter().for_each(say);
    };
    match task {
        Task::Leave { doc, done } => {
            tell(doc, &|s| s.settled(done.clone()));
            env.notebooks.take(|id| id == doc).iter().for_each(|r| r.end(true));
        }
        Task::Reattach { doc, path } => {
            let (kernel, ended) = kept::reattach(env, out, doc, &path)?;
            let runtime = env.notebooks.of(doc);
            lock(&runtime.ended).extend(ended);
            if kernel.is_some() {
                *lock(&runtime.kernel) = kernel;
            }
        }
        Task::Plan { doc, plan } => tell(doc, &|s| s.plan(plan.clone())),
        Task::Settled { doc, done } => tell(doc, &|s| s.settled(done.clone())),
        Task::TakeOver { doc } => tell(doc, &kernel::Session::drive),
        Task::RenameKernel { doc, path } => tell(doc, &|s| s.rename(&path)),
        Task::Interrupt { doc } => tell(doc, &kernel::Session::interrupt),
        _ => {}
    }
    Ok(())
}

type Place = (DocId, CellKey, u64);

/// A query with the values its notebook declares.
type Query<'a> = (&'a str, &'a Params);

/// Rows of a data frame that are copied out of a kernel to be looked at.
const COPIED_ROWS: u64 = 2_000_000;

fn send_variables(doc: DocId, session: &kernel::Session, out: &Out) {
    if let Some((variables, more)) = exec::variables(session) {
        out.send(Event::Variables { doc, variables, more, memory: session.memory() });
    }
}

fn copy_frame(env: &Env, cx: &JobCtx, (doc, key): (DocId, CellKey), name: &str) -> Result<(u64, u64, Option<String>)> {
    let gone = || Error::user(format!("{name} is not there any more")).hint("Run the cell that makes it");
    let session = env.notebooks.kernel(doc).ok_or_else(gone)?;
    let copied = exec::copy_frame(&session, name, COPIED_ROWS, cx)?;
    let rows = copied.frame.rows();
    lock(&env.notebooks.of(doc).frames).insert(key, copied.frame);
    Ok((rows, copied.rows, copied.note))
}

fn plan(env: &Env, cx: &JobCtx, doc: DocId, (sql, params): Query<'_>) -> Result<String> {
    if !sql::is_one(sql) {
        return Err(Error::user("A plan is shown of one statement").hint("Split the cell"));
    }
    let (session, values, lent) = prepared(env, cx, doc, (sql, params))?;
    let frame = exec::query_lent(&session, &format!("EXPLAIN {sql}"), &values, lent, cx)?;
    let page = frame.page(0, 2_000)?;
    let lines = page.rows.iter().filter_map(|r| r.first()).map(|c| c.show(false).into_owned());
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// The engine's session, the values of the notebook, and what its kernel lends.
fn prepared(
    env: &Env,
    cx: &JobCtx,
    doc: DocId,
    (sql, params): Query<'_>,
) -> Result<(Arc<sql::Session>, sql::Params, exec::Lent)> {
    let runtime = env.notebooks.of(doc);
    let root = env.root()?;
    let session = lock(&runtime.sql).get_or_insert_with(|| Arc::new(sql::Session::new(&root))).clone();
    let values: sql::Params = params.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let lent = match env.notebooks.kernel(doc) {
        Some(kernel) => exec::lend(&kernel, &session.wanted(sql), cx)?,
        None => exec::Lent::default(),
    };
    Ok((session, values, lent))
}

fn run_sql(env: &Arc<Env>, cx: &JobCtx, out: &Out, place: Place, query: Query<'_>, name: Option<String>) {
    let (doc, key, number) = place;
    out.send(Event::Started { doc, key, number, at: env.clock.now(), exec: None });
    let begin = Instant::now();
    let result = answer_sql(env, cx, (doc, key), query, name);
    let ms = begin.elapsed().as_millis() as u64;
    out.send(Event::Sql { doc, key, number, result, ms });
}

fn answer_sql(
    env: &Env,
    cx: &JobCtx,
    place: (DocId, CellKey),
    query: Query<'_>,
    name: Option<String>,
) -> Result<SqlAnswer> {
    let runtime = env.notebooks.of(place.0);
    let (session, values, lent) = prepared(env, cx, place.0, query)?;
    let frame = exec::query_lent(&session, query.0, &values, lent, cx)?;
    cx.check()?;
    let page = Arc::new(frame.page(0, FIRST_ROWS)?);
    let stored = Page { rows: page.rows.iter().take(STORED_ROWS).cloned().collect(), ..(*page).clone() };
    let outputs = vec![OutputJson::from(table_json(&stored))];
    if let Some(name) = &name {
        session.keep(name.clone(), frame.clone());
        if let Some(bridge) = lock(&runtime.bridge).as_mut() {
            bridge.forget(name);
        }
    }
    lock(&runtime.frames).insert(place.1, frame);
    Ok(SqlAnswer { page, name, outputs })
}

fn run_code(
    env: &Arc<Env>,
    cx: &JobCtx,
    out: &Out,
    place: Place,
    (code, label): (&str, Option<Label>),
    wish: &KernelWish,
) {
    let (doc, key, number) = place;
    let begin = Instant::now();
    let last = label.as_ref().is_none_or(|l| l.then.cells.is_empty());
    let runtime = env.notebooks.of(doc);
    let session = match session(env, cx, out, doc, wish) {
        Ok(session) => session,
        Err((error, missing)) if missing && !error.is_cancelled() => {
            out.send(Event::NoKernel { doc, key, number, error });
            return;
        }
        Err((error, _)) => {
            out.send(Event::Ended { doc, key, number, result: Err(error), ms: 0 });
            return;
        }
    };
    let result = {
        let keeper = env.root().map(|root| Keeper::new(&root, &wish.notebook, doc, RunOf::Cell(key, number)));
        let handed = keep_count(&session, wish.count, cx).and_then(|()| hand_over(env, cx, doc, &session, code));
        handed.and(keeper).and_then(|keeper| execute(env, cx, out, &session, place, (code, label), keeper))
    };
    let ms = begin.elapsed().as_millis() as u64;
    // Between the cells of a long run what the names stand for is asked now and then only: the next cell waits for it.
    let due = last || lock(&runtime.asked).is_none_or(|at| at.elapsed() >= VARIABLES_PAUSE);
    let ran = result.is_ok();
    out.send(Event::Ended { doc, key, number, result, ms });
    if ran && due {
        send_variables(doc, &session, out);
        *lock(&runtime.asked) = Some(Instant::now());
    }
}

/// The document's kernel, started when there is none; the flag says that none could be found.
fn session(
    env: &Arc<Env>,
    cx: &JobCtx,
    out: &Out,
    doc: DocId,
    wish: &KernelWish,
) -> std::result::Result<kernel::Session, (Error, bool)> {
    let runtime = env.notebooks.of(doc);
    if let Some(session) = lock(&runtime.kernel).clone().filter(|s| s.state().is_alive()) {
        return Ok(session);
    }
    let root = env.root().map_err(|e| (e, false))?;
    let spec = super::kernels::resolve(env, cx, &root, wish).map_err(|e| (e, true))?;
    out.send(Event::Kernel { doc, spec: Some(Box::new(spec.clone())), event: None });
    let at = Kept { root: root.clone(), notebook: wish.notebook.clone() };
    let session = env.kernels.start_kept(&at, &spec, &root, kept::news(out, doc, &at, true)).map_err(|e| (e, false))?;
    // At once, so that it can be ended while it starts; one that died leaves its outputs to be settled.
    let before = lock(&runtime.kernel).replace(session.clone());
    lock(&runtime.ended).extend(before.filter(kernel::Session::outlives));
    if let Err(e) = session.wait_ready(cx) {
        lock(&runtime.kernel).take();
        session.shutdown();
        return Err((e, false));
    }
    lock(&runtime.bridge).take();
    Ok(session)
}

/// A query counts as a cell, as it does where the kernel runs it: `Out[n]` and `_n` of a Python cell are the numbers that
/// stand beside it. Kernels that cannot be told are left alone.
fn keep_count(session: &kernel::Session, next: Option<u64>, cx: &JobCtx) -> Result<()> {
    let Some(next) = next.filter(|_| session.spec().language == "python") else { return Ok(()) };
    let code = format!(
        "if 'get_ipython' in globals(): get_ipython().execution_count = max(get_ipython().execution_count, {next})"
    );
    let silent = ExecOptions { silent: true, ..ExecOptions::default() };
    session.run(&code, silent, cx, Arc::new(|_| {})).map(drop)
}

/// Defines the SQL results that the code names in a Python kernel that does not know them yet.
fn hand_over(env: &Env, cx: &JobCtx, doc: DocId, session: &kernel::Session, code: &str) -> Result<()> {
    let runtime = env.notebooks.of(doc);
    let Some(sql) = lock(&runtime.sql).clone() else { return Ok(()) };
    if session.spec().language != "python" {
        return Ok(());
    }
    for (name, frame) in sql.kept() {
        let loader = {
            let mut bridge = lock(&runtime.bridge);
            if bridge.is_none() {
                *bridge = Some(Bridge::new()?);
            }
            bridge.as_mut().map_or(Ok(None), |b| b.code_for(&name, &frame, code))?
        };
        if let Some(loader) = loader {
            let silent = ExecOptions { silent: true, ..ExecOptions::default() };
            session.run(&loader, silent, cx, Arc::new(|_| {}))?;
        }
    }
    Ok(())
}

/// Connects to the kernel that was chosen without running anything.
pub(super) fn connect(env: &Arc<Env>, cx: &JobCtx, out: &Out, doc: DocId, wish: &KernelWish) -> Result<()> {
    session(env, cx, out, doc, wish).map(drop).map_err(|(error, _)| error)
}

/// Waits for the end. An interrupt is sent once and may be ignored by the code; only a person kills a kernel.
fn execute(
    env: &Arc<Env>,
    cx: &JobCtx,
    out: &Out,
    session: &kernel::Session,
    place: Place,
    (code, label): (&str, Option<Label>),
    keeper: Keeper,
) -> Result<Outcome> {
    let (doc, key, number) = place;
    cx.check()?;
    let (done, rx) = bounded(1);
    let news = out.clone();
    let sink: Sink = Arc::new(move |event| {
        let outcome = match &event {
            ExecEvent::Done { outcome, .. } => Some(outcome.clone()),
            _ => None,
        };
        event.pieces().for_each(|event| keeper.tell(event, &news, |event| Event::Exec { doc, key, number, event }));
        if let Some(outcome) = outcome {
            let _ = done.try_send(outcome);
        }
    });
    let options = ExecOptions { allow_stdin: true, ..ExecOptions::default() };
    let id = session.submit(code, options, label, sink)?;
    out.send(Event::Started { doc, key, number, at: env.clock.now(), exec: session.outlives().then_some(id) });
    let mut interrupted = false;
    loop {
        match rx.recv_timeout(Duration::from_millis(50)) {
            Ok(outcome) => return Ok(outcome),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::remote("The kernel was stopped").hint("Run the cell again to start a new one"));
            }
            // A window that closes cancels all its jobs; what outlives it is no job of its own.
            Err(RecvTimeoutError::Timeout) if session.outlives() && env.kernels.is_closing() => {}
            Err(RecvTimeoutError::Timeout) if cx.cancel.is_cancelled() && !interrupted => {
                interrupted = true;
                session.withdraw(Some(id));
                session.interrupt();
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

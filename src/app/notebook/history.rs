//! What was run before: of the kernel's own memory, and for SQL the queries of the workspace.
use std::{collections::HashSet, sync::Arc, time::Duration};

use super::{Doc, DocId};
use crate::{
    app::{AppState, Effect, Env, Job, Out},
    base::{Result, fsx, job::JobCtx},
    engine::notebook::{self as disk, Content},
    model::{
        notebook::{Cell, CellKey},
        workspace::FileKind,
    },
};

/// Inputs asked of a kernel.
const INPUTS: usize = 2_000;
/// Entries that are listed.
const LISTED: usize = 2_000;
/// Notebooks whose queries are read, and how large they may be.
const BOOKS: usize = 300;
const BOOK_SIZE: u64 = 32 << 20;
const PATIENCE: Duration = Duration::from_secs(4);

/// The list of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    pub key: CellKey,
    /// The newest first, each once.
    pub entries: Vec<Arc<str>>,
    /// More may come.
    pub loading: bool,
    /// What is missing from it.
    pub note: Option<String>,
    number: u64,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Open(CellKey),
    Close,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Event {
    doc: DocId,
    number: u64,
    /// The newest last.
    entries: Vec<Arc<str>>,
    note: Option<String>,
}

/// Asks the kernel, or reads the notebooks of the workspace.
#[derive(Debug, Clone)]
pub struct Task {
    doc: DocId,
    number: u64,
    /// Notebooks to look for queries in; none: the kernel is asked.
    books: Option<Vec<String>>,
}

/// Texts in order, the newest first, each once and none that is empty.
fn listed<'a>(texts: impl Iterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
    let mut seen = HashSet::new();
    texts.filter(|t| !t.trim().is_empty() && seen.insert(t.trim().to_owned())).take(LISTED).cloned().collect()
}

/// Opens the list with what is known here; the rest comes by a job.
pub(super) fn command(state: &mut AppState, command: Command) -> Vec<Effect> {
    let Command::Open(key) = command else {
        if let Some(doc) = state.notebook.doc_mut() {
            doc.past = None;
            doc.grab += 1;
        }
        return Vec::new();
    };
    let Some(front) = state.notebook.doc() else { return Vec::new() };
    let Some(cell) = front.notebook().and_then(|n| n.cell(key)) else { return Vec::new() };
    let sql = Doc::is_sql(cell);
    let language = front.notebook().map(|n| n.language());
    let fits = |doc: &&Doc| sql || doc.notebook().map(|n| n.language()) == language;
    let mut ran: Vec<_> =
        state.notebook.docs.iter().filter(fits).flat_map(|d| d.runs.values()).filter(|r| r.sql == sql).collect();
    ran.sort_by_key(|r| std::cmp::Reverse(r.started));
    let written = state.notebook.docs.iter().flat_map(|d| d.cells()).filter(|c| sql && c.key != key && Doc::is_sql(c));
    let entries = listed(ran.iter().map(|r| &r.source).chain(written.map(|c| &c.source)));
    let open = |path: &str| state.notebook.docs.iter().any(|d| d.path == path);
    let small = |e: &&crate::model::workspace::Entry| e.size <= BOOK_SIZE && !open(&e.path);
    let books = sql
        .then(|| state.workspace.files(FileKind::Notebook).filter(small).take(BOOKS).map(|e| e.path.clone()).collect());
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    if doc.selected != key {
        doc.select(key);
    }
    doc.begin(None);
    doc.assist.close();
    let number = doc.past.as_ref().map_or(0, |p| p.number) + 1;
    doc.past = Some(Past { key, entries, loading: true, note: None, number });
    let task = super::Task::History(Task { doc: doc.id, number, books });
    vec![Job::cpu(format!("notebook.history:{}", doc.id), task).start()]
}

/// Adds what has come.
pub(super) fn event(state: &mut AppState, event: Event) {
    let Some(doc) = state.notebook.by_id(event.doc) else { return };
    let Some(past) = doc.past.as_mut().filter(|p| p.number == event.number) else { return };
    past.loading = false;
    past.note = event.note;
    past.entries = listed(past.entries.iter().chain(event.entries.iter().rev()));
}

/// Carries the asking out.
pub(super) fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let Task { doc, number, books } = task;
    let (entries, note) = match books {
        Some(books) => {
            let mut all = Vec::new();
            let root = env.root()?;
            for path in books {
                cx.check()?;
                let Ok(file) = fsx::inside(&root, &path) else { continue };
                let Ok(loaded) = disk::load(&file, false) else { continue };
                if let Content::Notebook(nb) = loaded.content {
                    let query = |c: &&Arc<Cell>| Doc::is_sql(c);
                    all.extend(nb.cells().iter().filter(query).map(|c| c.source.clone()));
                }
            }
            (all, None)
        }
        None => match env.notebooks.kernel(doc) {
            None => (Vec::new(), Some("No kernel runs: only what was run in this window is listed".to_owned())),
            Some(kernel) => match kernel.history(INPUTS, PATIENCE) {
                Some(inputs) => (inputs.into_iter().map(Arc::from).collect(), None),
                None => (Vec::new(), Some("The kernel is busy: what it remembers is not listed".to_owned())),
            },
        },
    };
    out.send(super::Event::History(Event { doc, number, entries, note }));
    Ok(())
}

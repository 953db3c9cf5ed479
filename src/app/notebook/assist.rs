//! What is offered and explained at the cursor: by the kernel for its own language, by the workspace for SQL.
use std::{sync::Arc, time::Duration};

use super::{Command, Doc, DocId, Event, Runtimes, Task};
use crate::{
    app::{AppState, Effect, Env, Job, Out},
    base::{fsx, job::JobCtx},
    engine::{exec, sql},
    model::{
        kernel::{Bundle, SessionState},
        notebook::CellKey,
        output::text::Text,
        table::complete::{self, Names, Suggestion},
        workspace::FileKind,
    },
};

/// How long a kernel may think about an answer: its first one takes it seconds on a busy machine, and what has become
/// stale is dropped anyway.
const PATIENCE: Duration = Duration::from_secs(8);
/// Files named in one query whose columns are read.
const FILES: usize = 8;

/// A list of words that can stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub key: CellKey,
    /// Characters of the text that a word replaces, as it was with the cursor at `cursor`.
    pub start: usize,
    pub end: usize,
    pub cursor: usize,
    pub words: Vec<Suggestion>,
}

/// What is known of the name at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub key: CellKey,
    pub text: String,
}

/// Both, of one document. Numbers tell a late answer from the one that is waited for.
#[derive(Debug, Clone, Default)]
pub struct Assist {
    asked: u64,
    pub offer: Option<Offer>,
    pub hint: Option<Hint>,
}

impl Assist {
    /// Nothing is wanted any more.
    pub fn close(&mut self) {
        self.asked += 1;
        self.offer = None;
        self.hint = None;
    }
}

/// What to ask the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Complete,
    Explain,
}

/// Asks, or closes what is open.
pub(super) fn command(state: &mut AppState, command: Command) -> Vec<Effect> {
    let files: Vec<String> = match &command {
        Command::Complete { text, .. } if complete::is_sql(text) => {
            state.workspace.files(FileKind::Data).map(|e| e.path.clone()).collect()
        }
        _ => Vec::new(),
    };
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    match command {
        Command::Complete { key, text, cursor } => {
            doc.assist.close();
            if complete::is_sql(&text) {
                return vec![ask(doc, |number, id| Task::CompleteSql { doc: id, key, number, text, cursor, files })];
            }
            kernel(doc, key, Ask::Complete, text, cursor)
        }
        Command::Explain { key, text, cursor } if !complete::is_sql(&text) => {
            doc.assist.close();
            kernel(doc, key, Ask::Explain, text, cursor)
        }
        _ => {
            doc.assist.close();
            Vec::new()
        }
    }
}

fn ask(doc: &Doc, task: impl FnOnce(u64, DocId) -> Task) -> Effect {
    Job::cpu(format!("notebook.assist:{}", doc.id), task(doc.assist.asked, doc.id)).start()
}

fn kernel(doc: &mut Doc, key: CellKey, what: Ask, text: String, cursor: usize) -> Vec<Effect> {
    if doc.kernel.state.as_ref().is_some_and(SessionState::is_alive) {
        return vec![ask(doc, |number, doc| Task::Ask { doc, key, number, what, text, cursor })];
    }
    let text = "Run a cell first: the kernel that knows the names starts with it".to_owned();
    doc.assist.hint = Some(Hint { key, text });
    Vec::new()
}

/// Folds the answers.
pub(super) fn event(state: &mut AppState, event: Event) {
    match event {
        Event::Offered { doc, number, offer } => {
            if let Some(doc) = state.notebook.by_id(doc).filter(|d| d.assist.asked == number) {
                doc.assist.offer = offer;
            }
        }
        Event::Explained { doc, number, hint } => {
            if let Some(doc) = state.notebook.by_id(doc).filter(|d| d.assist.asked == number) {
                doc.assist.hint = Some(hint);
            }
        }
        _ => {}
    }
}

/// Carries the asking out.
pub(super) fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) {
    match task {
        Task::Ask { doc, key, number, what, text, cursor } => {
            let Some(session) = env.notebooks.kernel(doc) else { return };
            match what {
                Ask::Complete => {
                    let found = session.complete(&text, cursor, PATIENCE);
                    let offer = found.filter(|f| !f.matches.is_empty()).map(|f| {
                        let kind = |i: usize| f.kinds.get(i).filter(|k| !k.starts_with('<')).cloned();
                        let word = |(i, text): (usize, &String)| Suggestion::new(text, kind(i).unwrap_or_default());
                        let words = f.matches.iter().enumerate().map(word).collect();
                        Offer { key, start: f.start, end: f.end, cursor, words }
                    });
                    out.send(Event::Offered { doc, number, offer });
                }
                Ask::Explain => {
                    let text = match session.inspect(&text, cursor, PATIENCE) {
                        Some(bundle) => plain(&bundle),
                        None if session.state() == SessionState::Busy => "The kernel is busy".to_owned(),
                        None => "The kernel knows nothing of this name".to_owned(),
                    };
                    out.send(Event::Explained { doc, number, hint: Hint { key, text } });
                }
            }
        }
        Task::CompleteSql { doc, key, number, text, cursor, files } => {
            let names = names(env, cx, doc, &text, files);
            let offer = complete::at(&text, cursor, &names);
            let offer = offer.map(|(range, words)| Offer { key, start: range.start, end: range.end, cursor, words });
            out.send(Event::Offered { doc, number, offer });
        }
        _ => {}
    }
}

/// The text of an answer without terminal colours.
fn plain(bundle: &Bundle) -> String {
    let text = bundle.data.get("text/plain").map(|v| match v {
        serde_json::Value::String(s) => s.clone(),
        serde_json::Value::Array(all) => all.iter().filter_map(|l| l.as_str()).collect(),
        other => other.to_string(),
    });
    Text::parse(&text.unwrap_or_default()).plain().trim().to_owned()
}

/// Tables and columns a query can name: kept results, files of the workspace, and the columns of those it names.
fn names(env: &Arc<Env>, cx: &JobCtx, doc: DocId, text: &str, files: Vec<String>) -> Names {
    let mut names = Names { files, ..Names::default() };
    let kept = env.notebooks.kept_all(doc);
    let mentioned = complete::mentioned(text);
    for (name, frame) in &kept {
        names.results.push(name.clone());
        if mentioned.words.iter().any(|w| w.eq_ignore_ascii_case(name)) {
            names.columns.extend(frame.columns().iter().map(|c| (c.name.clone(), c.dtype.clone())));
        }
    }
    // Data frames of the kernel, when it has nothing else to do.
    if let Some(kernel) = env.notebooks.kernel(doc) {
        for (name, columns) in exec::frames(&kernel, &mentioned.words) {
            names.results.retain(|r| *r != name);
            names.results.push(name);
            names.columns.extend(columns);
        }
    }
    let Ok(root) = env.root() else { return names };
    for file in mentioned.files.iter().take(FILES) {
        let inside = fsx::inside(&root, file).is_ok_and(|p| p.is_file());
        if cx.check().is_ok()
            && inside
            && let Ok(columns) = sql::columns_of(&root, file)
        {
            names.columns.extend(columns.iter().map(|c| (c.name.clone(), c.dtype.clone())));
        }
    }
    names.columns.dedup();
    names
}

impl Runtimes {
    /// All results kept by name of a document.
    fn kept_all(&self, doc: DocId) -> Vec<(String, sql::Frame)> {
        self.sql(doc).map(|s| s.kept()).unwrap_or_default()
    }
}

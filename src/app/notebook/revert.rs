//! A cell of the open notebook as the last commit has it: an edit like any other, which undo takes back and Save keeps.
use std::sync::Arc;

use super::{Command, Doc, DocId, Event, Task, edit, notice};
use crate::{
    app::{AppState, Effect, Env, Job, Out, git::work::Work, notify::Notice},
    base::{Error, Result, job::JobCtx},
    engine::{sides::Sides, workspace::diff_rules},
    model::{
        diff::{Document, NotebookDiff},
        git::Rev,
        json::Bytes,
        notebook::{CellKey, Notebook, Snapshot},
    },
};

/// A cell with what it takes to make it as the last commit has it.
#[derive(Debug, Clone)]
pub struct Committed {
    base: Arc<Notebook>,
    pairs: Vec<(Option<usize>, Option<usize>)>,
    row: (Option<usize>, Option<usize>),
}

/// Handles what takes changes back.
pub(super) fn command(state: &mut AppState, command: Command) -> Vec<Effect> {
    match command {
        Command::RevertCell => cell(state),
        Command::RevertFile => file(state),
        Command::UndoRevert { doc, revision } => undo(state, doc, revision),
        _ => Vec::new(),
    }
}

fn cell(state: &AppState) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc() else { return Vec::new() };
    let (Some(snapshot), Some(cell)) = (doc.snapshot().filter(|_| doc.notebook().is_some()), doc.cell()) else {
        return Vec::new();
    };
    let busy = doc.running.as_ref().is_some_and(|r| r.key == cell.key) || doc.queue.contains(&cell.key);
    if busy {
        let error = Error::user(format!("Cell {} is running", doc.index() + 1));
        return vec![notice(&error.hint("Interrupt it first, with I I"))];
    }
    let (path, at) = (doc.path.clone(), doc.index());
    let task = Task::Committed { doc: doc.id, path, snapshot, revision: doc.revision(), key: cell.key, at };
    vec![Job::cpu(format!("notebook.committed:{}", doc.id), task).start()]
}

/// The file on disk as the last commit has it. Edits that are not saved are no part of what can be brought back.
fn file(state: &mut AppState) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc() else { return Vec::new() };
    if doc.is_dirty() {
        let notice = Notice::info(format!("{} has edits that are not saved", doc.title()))
            .body("Save them first: then all that is discarded can be brought back")
            .action("Save", Command::Save);
        return vec![Effect::Notice(notice)];
    }
    let work = Work::Discard(vec![doc.path.clone()]);
    crate::app::git::work::begin(state, work)
}

fn undo(state: &mut AppState, id: DocId, revision: u64) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    if doc.revision() != revision {
        let error = Error::user("The notebook was edited since");
        return vec![notice(&error.hint("Undo step by step, with Z"))];
    }
    let mut effects = Vec::new();
    let undone = doc.notebook_mut().map_or(Ok(None), Notebook::undo);
    match undone {
        Ok(done) => {
            let focus = done.and_then(|d| d.focus).filter(|k| doc.notebook().is_some_and(|n| n.cell(*k).is_some()));
            focus.iter().for_each(|key| doc.select(*key));
            edit::changed(doc, &mut effects);
        }
        Err(e) => effects.push(notice(&e)),
    }
    effects
}

/// Finds the cell in the last commit; blocking allowed.
pub(super) fn run(task: Task, env: &Env, cx: &JobCtx, out: &Out) -> Result<()> {
    let Task::Committed { doc, path, snapshot, revision, key, at } = task else { return Ok(()) };
    let result = committed(env, &path, &snapshot, at, cx);
    out.send(Event::Committed { doc, revision, key, result: result.map(Box::new) });
    Ok(())
}

fn committed(env: &Env, path: &str, snapshot: &Snapshot, at: usize, cx: &JobCtx) -> Result<Committed> {
    let root = env.root()?;
    let sides = Sides::open(&root)?;
    let never =
        || Error::user(format!("{path} is not in the last commit")).hint("Commit it first, with Commit\u{2026}");
    let old = if sides.repo()?.is_unborn()? { None } else { sides.read(&Rev::head(), path)? };
    let old = Bytes::from(old.ok_or_else(never)?);
    cx.check()?;
    let new = Bytes::from(snapshot.to_bytes());
    let base = Notebook::parse(old.clone())?;
    let (a, b) = (Arc::new(Document::parse(path, old)?), Arc::new(Document::parse(path, new)?));
    cx.check()?;
    let diff = NotebookDiff::by(a, b, &diff_rules(&root).unwrap_or_default());
    let gone = || Error::bug(format!("Cell {} is in no row of the comparison", at + 1));
    let found = diff.cells.iter().find(|c| c.new == Some(at)).ok_or_else(gone)?;
    let pairs = diff.cells.iter().map(|c| (c.old, c.new)).collect();
    Ok(Committed { base: Arc::new(base), pairs, row: (found.old, found.new) })
}

/// Takes the change back, unless the notebook was edited meanwhile.
pub(super) fn event(state: &mut AppState, event: Event) -> Vec<Effect> {
    let Event::Committed { doc, revision, key, result } = event else { return Vec::new() };
    let Some(doc) = state.notebook.by_id(doc) else { return Vec::new() };
    let mut effects = Vec::new();
    match result.and_then(|found| apply(doc, revision, key, &found)) {
        Ok(None) => {
            let words = format!("Cell {} is as the last commit has it", doc.index() + 1);
            effects.push(Effect::Notice(Notice::info(words)));
        }
        Ok(Some(words)) => {
            edit::changed(doc, &mut effects);
            let undo = Command::UndoRevert { doc: doc.id, revision: doc.revision() };
            effects.push(Effect::Notice(Notice::success(words).action("Undo", undo)));
        }
        Err(e) if e.is_cancelled() => {}
        Err(e) => effects.push(notice(&e)),
    }
    effects
}

/// What was done, in words; none when there was nothing to do.
fn apply(doc: &mut Doc, revision: u64, key: CellKey, found: &Committed) -> Result<Option<String>> {
    if doc.revision() != revision {
        return Err(Error::user("The notebook was edited while the last commit was read").hint("Try again"));
    }
    let Some(nb) = doc.notebook_mut() else { return Ok(None) };
    let Some(at) = nb.index_of(key) else { return Ok(None) };
    nb.end_typing();
    let before = nb.to_bytes();
    nb.revert_cell(&found.base, &found.pairs, found.row)?;
    if nb.to_bytes() == before {
        // It was no change, so it is no step to be undone.
        nb.undo()?;
        return Ok(None);
    }
    doc.runs.remove(&key);
    let title = doc.title().to_owned();
    let words = match found.row.0 {
        Some(_) => format!("Discarded the change of cell {} of {title}", at + 1),
        None => format!("Took out cell {} of {title}, which the last commit has not", at + 1),
    };
    // The cell is another one now, where the last commit has it.
    let place = doc.notebook().and_then(|nb| {
        let old = found.base.cells().get(found.row.0?)?;
        nb.cells().iter().position(|c| c.raw() == old.raw())
    });
    doc.select_index(place.unwrap_or(at));
    Ok(Some(words))
}

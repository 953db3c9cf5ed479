//! Opening, saving, the journal, and changes made by others.
use std::collections::HashMap;

use super::{Body, Command, Conflict, Doc, DocId, Event, State, Task, ask, edit, form, kept, notice, session::TextDoc};
use crate::{
    app::{AppState, Cx, Effect, Job, Policy, notify::Notice},
    base::{Error, text::count},
    engine::notebook::Content,
    model::{
        kernel::SessionState,
        notebook::{CellKey, Notebook},
    },
};

/// Adds a document in front.
pub fn add(state: &mut State, path: String) -> DocId {
    state.next += 1;
    let id = state.next;
    let mut doc = Doc::new(id, path);
    doc.draft = state.drafts.iter().find(|d| d.path == doc.path).cloned();
    state.docs.push(doc);
    state.active = Some(id);
    id
}

/// Asks for the file of a document.
pub fn load(state: &mut State, id: DocId) -> Vec<Effect> {
    let Some(doc) = state.by_id(id) else { return Vec::new() };
    if matches!(doc.body, Body::Failed(_)) {
        doc.body = Body::Loading;
    }
    vec![
        Job::io(format!("notebook.load:{id}"), Task::Load { doc: id, path: doc.path.clone(), as_text: doc.as_text })
            .start(),
    ]
}

/// A new notebook with one empty cell; the file appears with the first save.
pub fn new_notebook(state: &mut AppState) -> Vec<Effect> {
    state.shell.page = crate::app::shell::Page::Notebook;
    let taken = |p: &str| {
        state.workspace.entries.iter().any(|e| e.path == p) || state.notebook.docs.iter().any(|d| d.path == p)
    };
    let folder = if taken("notebooks") { "notebooks/" } else { "" };
    let path = (0..).map(|n| match n {
        0 => format!("{folder}untitled.ipynb"),
        n => format!("{folder}untitled{n}.ipynb"),
    });
    let path = path.into_iter().find(|p| !taken(p)).unwrap_or_default();
    let id = add(&mut state.notebook, path);
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let mut notebook = Notebook::new_empty();
    let first = notebook.insert(0, crate::model::notebook::CellKind::Code, "");
    doc.body = Body::Notebook(Box::new(notebook));
    if let Ok(key) = first {
        doc.select(key);
    }
    doc.begin(None);
    doc.settle();
    Vec::new()
}

/// Closes a tab; asks first when it has unsaved changes.
pub fn close(state: &mut AppState, id: DocId) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    if !doc.is_dirty() {
        return close_anyway(state, id);
    }
    let title = format!("Close {} without saving?", doc.title());
    let body = "Its unsaved changes would be lost. Save it first to keep them.".to_owned();
    state.shell.dialog = Some(ask(&title, body, "Discard changes", true, Command::CloseAnyway(id)));
    Vec::new()
}

/// Closes a tab and leaves its kernel.
pub fn close_anyway(state: &mut AppState, id: DocId) -> Vec<Effect> {
    let notebook = &mut state.notebook;
    let Some(at) = notebook.docs.iter().position(|d| d.id == id) else { return Vec::new() };
    let doc = notebook.docs.remove(at);
    if notebook.active == Some(id) {
        let next = at.min(notebook.docs.len().saturating_sub(1));
        notebook.active = notebook.docs.get(next).map(|d| d.id);
    }
    state.shell.dialog = None;
    let done = doc.runs.values().filter(|r| r.ms.is_some() && !r.settled).filter_map(|r| r.exec).collect();
    let mut effects = vec![Job::io(format!("notebook.end:{id}"), Task::Leave { doc: id, done }).start()];
    // A cell that runs in a kernel is left to it; a query and a kernel that starts are not wanted any more.
    let in_kernel = matches!(doc.kernel.state, Some(SessionState::Busy | SessionState::Interrupting { .. }));
    let runs = doc.running.as_ref().is_some_and(|r| doc.runs.get(&r.key).is_some_and(|run| !run.sql));
    if !(runs && in_kernel) {
        effects.insert(0, Effect::Cancel(super::run::job_key(id)));
    }
    if doc.draft.is_none() {
        effects.push(drop_draft(&doc));
    }
    effects
}

fn drop_draft(doc: &Doc) -> Effect {
    Job::io(format!("notebook.journal:{}", doc.path), Task::DropDraft { path: doc.path.clone() })
        .policy(Policy::Queue)
        .start()
}

/// Handles what concerns the file.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Save => state.notebook.active.map_or_else(Vec::new, |id| save(&mut state.notebook, id)),
        Command::SaveAll => {
            let ids: Vec<_> = state.notebook.docs.iter().filter(|d| d.is_dirty()).map(|d| d.id).collect();
            ids.into_iter().flat_map(|id| save(&mut state.notebook, id)).collect()
        }
        Command::SaveAs { doc, path } => save_as(state, doc, &path),
        Command::AskPath(ask) => {
            state.notebook.saving_as = state.notebook.active.filter(|_| ask);
            Vec::new()
        }
        Command::SaveOver(id) => {
            keep_mine(&mut state.notebook, id);
            save(&mut state.notebook, id)
        }
        Command::KeepMine(id) => {
            keep_mine(&mut state.notebook, id);
            Vec::new()
        }
        Command::Reload(id) => {
            if let Some(doc) = state.notebook.by_id(id) {
                doc.conflict = None;
                doc.save_error = None;
            }
            load(&mut state.notebook, id)
        }
        Command::UndoReload(id) => undo_reload(state, id),
        Command::RestoreDraft(id) => {
            let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
            vec![Job::io(format!("notebook.draft:{id}"), Task::ReadDraft { doc: id, path: doc.path.clone() }).start()]
        }
        Command::DiscardDraft(id) => {
            let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
            doc.draft = None;
            let (path, effect) = (doc.path.clone(), drop_draft(doc));
            state.notebook.drafts.retain(|d| d.path != path);
            vec![effect]
        }
        Command::Journal(id) => journal(&mut state.notebook, id, cx),
        _ => Vec::new(),
    }
}

/// Starts saving; while one save runs the next one waits, so that the guard compares with the right version.
fn save(state: &mut State, id: DocId) -> Vec<Effect> {
    let Some(doc) = state.by_id(id) else { return Vec::new() };
    if doc.conflict == Some(Conflict::Gone) {
        // The edits in memory are the only copy: write the file anew.
        doc.conflict = None;
        doc.disk = None;
    }
    if doc.conflict.is_some() || (!doc.is_dirty() && doc.disk.is_some()) {
        return Vec::new();
    }
    if doc.saving {
        doc.save_again = true;
        return Vec::new();
    }
    let Some(snapshot) = doc.snapshot() else { return Vec::new() };
    doc.saving = true;
    doc.save_error = None;
    match &mut doc.body {
        Body::Notebook(nb) => nb.end_typing(),
        Body::Text(text) => text.document.history.pause(),
        _ => {}
    }
    let task = Task::Save { doc: id, path: doc.path.clone(), snapshot, expected: doc.disk, revision: doc.revision() };
    vec![Job::io(format!("notebook.save:{id}"), task).policy(Policy::Queue).start()]
}

fn save_as(state: &mut AppState, id: DocId, path: &str) -> Vec<Effect> {
    let path = path.trim().trim_start_matches("./").to_owned();
    if path.is_empty() || crate::base::fsx::inside(std::path::Path::new("/"), &path).is_err() {
        return vec![notice(&Error::user("The path leads out of the workspace").hint("Type one below its folder"))];
    }
    if state.notebook.docs.iter().any(|d| d.path == path && d.id != id) {
        return vec![notice(
            &Error::user(format!("{path} is open in another tab")).hint("Close it or choose another name"),
        )];
    }
    let Some(doc) = state.notebook.docs.iter().find(|d| d.id == id) else { return Vec::new() };
    let gone = doc.path == path && doc.conflict == Some(Conflict::Gone);
    if !gone && state.workspace.entries.iter().any(|e| e.path == path) {
        let error = Error::user(format!("There is a file {path} already"));
        return vec![notice(&error.hint("Choose another name; Save writes to the file that is open"))];
    }
    state.notebook.saving_as = None;
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let forget = drop_draft(doc);
    doc.path = path;
    if let Body::Notebook(notebook) = &mut doc.body {
        form::kept_as(notebook, &doc.path);
    }
    // An existing file is never overwritten by a new name: the guard expects none.
    doc.disk = None;
    doc.conflict = None;
    let mut effects = vec![forget];
    effects.extend(save(&mut state.notebook, id));
    effects
}

fn keep_mine(state: &mut State, id: DocId) {
    if let Some(doc) = state.by_id(id) {
        match doc.conflict.take() {
            Some(Conflict::Changed(hash)) => doc.disk = Some(hash),
            Some(Conflict::Gone) => doc.disk = None,
            None => {}
        }
        doc.save_error = None;
        if let Body::Text(text) = &mut doc.body {
            text.document.history.mark_changed();
        }
    }
}

fn journal(state: &mut State, id: DocId, _cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.by_id(id) else { return Vec::new() };
    doc.journal_due = false;
    if doc.typing.take().is_some() {
        doc.settle();
    }
    let revision = doc.revision();
    if !doc.is_dirty() || doc.journaled == Some(revision) || doc.draft.is_some() {
        return Vec::new();
    }
    let Some(snapshot) = doc.snapshot() else { return Vec::new() };
    doc.journaled = Some(revision);
    let task = Task::Keep { path: doc.path.clone(), base: doc.disk, snapshot };
    vec![Job::io(format!("notebook.journal:{}", doc.path), task).policy(Policy::Queue).start()]
}

/// Folds what concerns files.
pub fn event(state: &mut AppState, event: Event, _cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Loaded { doc, content, hash } => loaded(state, doc, *content, hash),
        Event::LoadFailed { doc, error } => {
            let Some(doc) = state.notebook.by_id(doc) else { return Vec::new() };
            if matches!(doc.body, Body::Loading | Body::Failed(_)) {
                doc.body = Body::Failed(error);
                return Vec::new();
            }
            // What is in the window stays; only the reload failed.
            vec![notice(&error)]
        }
        Event::Drafts(drafts) => {
            for doc in &mut state.notebook.docs {
                doc.draft = doc.draft.take().or_else(|| drafts.iter().find(|d| d.path == doc.path).cloned());
            }
            let effects = drafts_notice(&drafts);
            state.notebook.drafts = drafts;
            effects
        }
        Event::DraftRead { doc, content } => restored(state, doc, *content),
        Event::Saved { doc, path, hash, revision } => saved(state, doc, &path, hash, revision),
        Event::SaveFailed { doc, error, disk } => {
            let Some(doc) = state.notebook.by_id(doc) else { return Vec::new() };
            doc.saving = false;
            doc.save_again = false;
            match disk {
                Some(hash) if Some(hash) != doc.disk => doc.conflict = Some(Conflict::Changed(hash)),
                _ => doc.save_error = Some(error),
            }
            let mut effects = Vec::new();
            edit::touch(doc, &mut effects);
            effects
        }
        Event::Disk { doc, hash } => disk(state, doc, hash),
        _ => Vec::new(),
    }
}

fn drafts_notice(drafts: &[crate::engine::notebook::Draft]) -> Vec<Effect> {
    let Some(first) = drafts.first() else { return Vec::new() };
    let title = format!("Unsaved edits of {} were kept", count(drafts.len() as u64, "file"));
    let open = Command::Open(first.path.clone());
    vec![Effect::Notice(Notice::info(title).body(first.path.clone()).action("Look at them", open))]
}

fn body_of(content: Content, path: &str) -> Body {
    match content {
        Content::Notebook(nb) => Body::Notebook(nb),
        Content::Text(text) => Body::Text(TextDoc::new(&text, path)),
    }
}

fn loaded(state: &mut AppState, id: DocId, content: Content, hash: u64) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let mut new = body_of(content, &doc.path);
    let mut effects = Vec::new();
    let mut moved = HashMap::new();
    let reload = matches!(doc.body, Body::Notebook(_) | Body::Text(_));
    if reload && doc.disk == Some(hash) && !doc.is_dirty() {
        doc.conflict = None;
        return effects;
    }
    if let (Body::Notebook(old), Body::Notebook(new)) = (&doc.body, &mut new) {
        let map = same_cells(old, new);
        form::carry_outputs(old, new, &map);
        let follow = |k: CellKey| map.get(&k).copied();
        let (selected, anchor) = (follow(doc.selected), follow(doc.anchor));
        doc.runs = std::mem::take(&mut doc.runs).into_iter().filter_map(|(k, r)| Some((follow(k)?, r))).collect();
        doc.queue = doc.queue.iter().filter_map(|k| follow(*k)).collect();
        doc.kept = doc.kept.drain(..).map(|k| super::doc::Kept { key: follow(k.key).unwrap_or(k.key), ..k }).collect();
        if let Some(running) = &mut doc.running {
            running.key = follow(running.key).unwrap_or(CellKey(u64::MAX));
        }
        (doc.selected, doc.anchor) = (selected.unwrap_or(CellKey(0)), anchor.unwrap_or(CellKey(0)));
        moved = map;
    }
    if let (Body::Text(old), Body::Text(new)) = (&doc.body, &mut new) {
        *new = old.reloaded(std::mem::take(new));
    }
    let old = std::mem::replace(&mut doc.body, new);
    if reload {
        kept::find_homes(doc, |k| moved.get(&k).copied());
    }
    doc.disk = Some(hash);
    doc.conflict = None;
    doc.save_error = None;
    doc.settle();
    if reload {
        // It speaks of another version.
        doc.test = None;
    } else {
        super::tested::name_cells(doc);
    }
    if let (true, Body::Notebook(old)) = (reload, old) {
        let lost = old.is_dirty();
        doc.before_reload = Some(old);
        let title = format!("{} was read again from disk", doc.title());
        let mut note = Notice::info(title);
        if lost {
            note = note.body("Your unsaved edits can be brought back").action("Bring back", Command::UndoReload(id));
        }
        effects.push(Effect::Notice(note));
    }
    if !reload {
        effects.extend(kept::look(state, id));
    }
    effects
}

/// Which cell of the new version is which of the old one: by id, else by place and source.
fn same_cells(old: &Notebook, new: &Notebook) -> HashMap<CellKey, CellKey> {
    let ids: HashMap<&str, CellKey> = new.cells().iter().filter_map(|c| Some((c.id.as_deref()?, c.key))).collect();
    let mut map = HashMap::new();
    for (i, cell) in old.cells().iter().enumerate() {
        let by_id = cell.id.as_deref().and_then(|id| ids.get(id)).copied();
        let by_place = || new.cells().get(i).filter(|n| n.source == cell.source && n.kind == cell.kind).map(|n| n.key);
        if let Some(key) = by_id.or_else(by_place) {
            map.insert(cell.key, key);
        }
    }
    map
}

fn undo_reload(state: &mut AppState, id: DocId) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let Some(old) = doc.before_reload.take() else { return Vec::new() };
    doc.body = Body::Notebook(old);
    doc.runs.clear();
    doc.settle();
    let mut effects = Vec::new();
    edit::touch(doc, &mut effects);
    effects
}

fn restored(state: &mut AppState, id: DocId, content: Content) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let draft = doc.draft.take();
    let path = doc.path.clone();
    let mut body = body_of(content, &path);
    match &mut body {
        // Not what is on disk, whatever its own history says.
        Body::Notebook(nb) => nb.mark_saved(u64::MAX),
        Body::Text(text) => text.document.history.mark_changed(),
        _ => {}
    }
    let mut moved = HashMap::new();
    if let (Body::Notebook(old), Body::Notebook(new)) = (&doc.body, &body) {
        moved = same_cells(old, new);
        let runs = std::mem::take(&mut doc.runs).into_iter();
        doc.runs = runs.filter_map(|(k, r)| Some((*moved.get(&k)?, r))).collect();
        doc.queue = doc.queue.iter().filter_map(|k| moved.get(k).copied()).collect();
        if let Some(running) = &mut doc.running {
            running.key = moved.get(&running.key).copied().unwrap_or(CellKey(u64::MAX));
        }
    }
    doc.body = body;
    kept::find_homes(doc, |k| moved.get(&k).copied());
    doc.journaled = None;
    // The edits were made on another version than the one on disk now: saving has to ask.
    if let (Some(draft), Some(now)) = (draft, doc.disk)
        && draft.base != Some(now)
    {
        doc.conflict = Some(Conflict::Changed(now));
    }
    doc.settle();
    state.notebook.drafts.retain(|d| d.path != path);
    Vec::new()
}

fn saved(state: &mut AppState, id: DocId, path: &str, hash: u64, revision: u64) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    doc.saving = false;
    if doc.path != path {
        return Vec::new();
    }
    doc.disk = Some(hash);
    doc.save_error = None;
    match &mut doc.body {
        Body::Notebook(nb) => nb.mark_saved(revision),
        Body::Text(text) => text.document.history.mark_saved(revision),
        _ => {}
    }
    let mut effects = Vec::new();
    if !doc.is_dirty() {
        doc.journaled = None;
        if doc.draft.is_none() {
            effects.push(drop_draft(doc));
        }
        effects.extend(kept::saved(doc));
    }
    if std::mem::take(&mut doc.save_again) && doc.is_dirty() {
        effects.extend(save(&mut state.notebook, id));
    }
    effects
}

fn disk(state: &mut AppState, id: DocId, hash: Option<u64>) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    if doc.saving {
        return Vec::new();
    }
    match hash {
        None => {
            if !matches!(doc.body, Body::Failed(_)) {
                doc.conflict = Some(Conflict::Gone);
            }
            Vec::new()
        }
        Some(hash) if doc.disk == Some(hash) => {
            // Back to what it was.
            doc.conflict = None;
            Vec::new()
        }
        Some(_) if !doc.is_dirty() && doc.running.is_none() && doc.queue.is_empty() => load(&mut state.notebook, id),
        Some(hash) => {
            doc.conflict = Some(Conflict::Changed(hash));
            Vec::new()
        }
    }
}

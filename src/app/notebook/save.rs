//! Opening, saving, the journal, and changes made by others.
use std::collections::HashMap;

use super::{
    Body, Command, Conflict, Doc, DocId, Event, State, Task, ask, edit, form, kept, notice, outside, session::TextDoc,
};
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
    let body = if doc.conflict == Some(Conflict::Gone) {
        "The file was deleted on disk, so this is the only copy. Save it first to keep it.".to_owned()
    } else {
        "Its unsaved changes would be lost. Save it first to keep them.".to_owned()
    };
    state.shell.dialog = Some(ask(&title, body, "Discard changes", true, Command::CloseAnyway(id)));
    Vec::new()
}

/// Closes a tab and leaves its kernel.
pub fn close_anyway(state: &mut AppState, id: DocId) -> Vec<Effect> {
    let notebook = &mut state.notebook;
    let Some(at) = notebook.docs.iter().position(|d| d.id == id) else { return Vec::new() };
    let mut doc = notebook.docs.remove(at);
    if notebook.active == Some(id) {
        let next = at.min(notebook.docs.len().saturating_sub(1));
        notebook.active = notebook.docs.get(next).map(|d| d.id);
    }
    state.shell.dialog = None;
    state.conflict.forget(id);
    let done = kept::over(&mut doc);
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

pub(super) fn drop_draft(doc: &Doc) -> Effect {
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
            state.conflict.forget(id);
            let mut effects = keep_mine(&mut state.notebook, id);
            effects.extend(save(&mut state.notebook, id));
            effects
        }
        Command::KeepMine(id) => {
            state.conflict.forget(id);
            keep_mine(&mut state.notebook, id)
        }
        Command::Reload(id) => {
            state.conflict.forget(id);
            let mut effects = Vec::new();
            if let Some(doc) = state.notebook.by_id(id) {
                effects.extend(if doc.has_edits() { outside::keep_mine(doc) } else { None });
                doc.conflict = None;
                doc.save_error = None;
            }
            effects.extend(load(&mut state.notebook, id));
            effects
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
    doc.outside.sent = Some(snapshot.clone());
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
    doc.kept_kernel.renamed |= doc.path != path;
    doc.path = path;
    if let Body::Notebook(notebook) = &mut doc.body {
        form::kept_as(notebook, &doc.path);
    }
    // An existing file is never overwritten by a new name: the guard expects none.
    doc.disk = None;
    doc.outside = outside::Outside::default();
    doc.conflict = None;
    let mut effects = vec![forget];
    effects.extend(save(&mut state.notebook, id));
    effects
}

/// Goes on with what is here. The other version is kept, since the next save writes over it.
fn keep_mine(state: &mut State, id: DocId) -> Vec<Effect> {
    let Some(doc) = state.by_id(id) else { return Vec::new() };
    let mut effects = Vec::new();
    match doc.conflict.take() {
        Some(Conflict::Changed(hash)) => {
            effects.push(outside::keep_theirs(doc, true));
            doc.disk = Some(hash);
            effects.extend(reread_base(doc));
        }
        Some(Conflict::Gone) => doc.disk = None,
        None => return effects,
    }
    doc.save_error = None;
    doc.outside.look = None;
    // Whatever undo leads to is not what lies on disk now.
    match &mut doc.body {
        Body::Notebook(nb) => nb.mark_changed(),
        Body::Text(text) => text.document.history.mark_changed(),
        _ => {}
    }
    edit::touch(doc, &mut effects);
    effects
}

/// From now on both versions begin from what is on disk.
pub(super) fn reread_base(doc: &Doc) -> Option<Effect> {
    let task = outside::Task::Base { doc: doc.id, path: doc.path.clone(), hash: doc.disk? };
    Some(Job::io(format!("notebook.base:{}", doc.id), Task::Outside(task)).policy(Policy::Queue).start())
}

fn journal(state: &mut State, id: DocId, _cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.by_id(id) else { return Vec::new() };
    doc.journal_due = false;
    if doc.typing.take().is_some() {
        doc.settle();
    }
    let revision = doc.revision();
    let mut effects: Vec<Effect> = form::keep_outputs(doc).into_iter().collect();
    if !doc.is_dirty() || doc.journaled == Some(revision) || doc.draft.is_some() {
        return effects;
    }
    let Some(snapshot) = doc.snapshot() else { return effects };
    doc.journaled = Some(revision);
    let task = Task::Keep { path: doc.path.clone(), base: doc.disk, from: doc.outside.base.clone(), snapshot };
    effects.push(Job::io(format!("notebook.journal:{}", doc.path), task).policy(Policy::Queue).start());
    effects.extend(outside::look_again(doc));
    effects
}

/// Folds what concerns files.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Loaded { doc, content, hash } => loaded(state, doc, *content, hash, cx),
        Event::LoadFailed { doc, error } => {
            let Some(doc) = state.notebook.by_id(doc) else { return Vec::new() };
            if matches!(doc.body, Body::Loading | Body::Failed(_)) {
                doc.body = Body::Failed(error);
                return Vec::new();
            }
            // What is in the window stays; only the reload failed. The banner says so until the file can be read.
            doc.conflict = Some(doc.conflict.unwrap_or(Conflict::Changed(0)));
            outside::look(doc).into_iter().collect()
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
            let mut effects: Vec<Effect> = outside::look_again(doc).into_iter().collect();
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

fn loaded(state: &mut AppState, id: DocId, content: Content, hash: u64, cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let reload = matches!(doc.body, Body::Notebook(_) | Body::Text(_));
    if reload && doc.disk == Some(hash) && !doc.has_edits() {
        doc.conflict = None;
        return Vec::new();
    }
    let fits = match (&doc.body, &content) {
        (Body::Notebook(old), Content::Notebook(new)) => old.fits(new),
        (Body::Text(_), Content::Text(_)) => true,
        _ => false,
    };
    if fits {
        return read_again(doc, content, hash, cx);
    }
    let mut effects = Vec::new();
    let mut new = body_of(content, &doc.path);
    doc.raw = None;
    let moved = doc.exchange(&mut new);
    let old = std::mem::replace(&mut doc.body, new);
    if reload {
        kept::find_homes(doc, |k| moved.get(&k).copied());
    }
    on_disk(doc, hash);
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
        effects.push(said_again(doc, lost));
    }
    if !reload {
        effects.extend(kept::look(state, id));
    }
    effects
}

/// The document is what lies on disk.
fn on_disk(doc: &mut Doc, hash: u64) {
    doc.disk = Some(hash);
    doc.conflict = None;
    doc.save_error = None;
    doc.outside.look = None;
    doc.outside.base = doc.snapshot();
}

/// Another version of the same file: what is equal stays as it is, and undo leads back.
fn read_again(doc: &mut Doc, content: Content, hash: u64, cx: &Cx) -> Vec<Effect> {
    let lost = doc.has_edits();
    let label = "Read again from disk";
    if let Err(e) = outside::take(doc, content, label, cx.now().as_millisecond()) {
        return vec![notice(&e)];
    }
    let now = doc.revision();
    match &mut doc.body {
        Body::Notebook(nb) => nb.mark_saved(now),
        Body::Text(text) => text.document.history.mark_saved(now),
        _ => {}
    }
    on_disk(doc, hash);
    doc.before_reload = None;
    doc.outside.came_in = Some(now);
    super::raw::follow(doc);
    // It speaks of another version.
    doc.test = None;
    let mut effects = vec![said_again(doc, lost)];
    if doc.journaled.take().is_some() && doc.draft.is_none() {
        effects.push(drop_draft(doc));
    }
    effects.extend(super::find::follow(doc));
    effects
}

fn said_again(doc: &Doc, lost: bool) -> Effect {
    let mut note = Notice::info(format!("{} was read again from disk", doc.title()));
    if lost {
        note = note.body("Your unsaved edits can be brought back").action("Bring back", Command::UndoReload(doc.id));
    }
    Effect::Notice(note)
}

impl Doc {
    /// Runs, queue and selection follow their cells into a notebook that takes the place of this one; gives which cell
    /// became which.
    fn exchange(&mut self, new: &mut Body) -> HashMap<CellKey, CellKey> {
        let (Body::Notebook(old), Body::Notebook(new)) = (&self.body, new) else { return HashMap::new() };
        let map = same_cells(old, new);
        form::carry_outputs(old, new, &map);
        let follow = |k: CellKey| map.get(&k).copied();
        let (selected, anchor) = (follow(self.selected), follow(self.anchor));
        self.runs = std::mem::take(&mut self.runs).into_iter().filter_map(|(k, r)| Some((follow(k)?, r))).collect();
        self.queue = self.queue.iter().filter_map(|k| follow(*k)).collect();
        self.kept =
            self.kept.drain(..).map(|k| super::doc::Kept { key: follow(k.key).unwrap_or(k.key), ..k }).collect();
        if let Some(running) = &mut self.running {
            running.key = follow(running.key).unwrap_or(CellKey(u64::MAX));
        }
        (self.selected, self.anchor) = (selected.unwrap_or(CellKey(0)), anchor.unwrap_or(CellKey(0)));
        map
    }
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
    let mut effects = Vec::new();
    if let Some(old) = doc.before_reload.take() {
        doc.body = Body::Notebook(old);
        doc.runs.clear();
    } else if doc.outside.came_in.take() == Some(doc.revision()) {
        let undone = match &mut doc.body {
            Body::Notebook(nb) => nb.undo().map(drop),
            Body::Text(text) => {
                text.document.undo();
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(e) = undone {
            return vec![notice(&e)];
        }
        // The version on disk is not what any earlier state was saved as.
        match &mut doc.body {
            Body::Notebook(nb) => nb.mark_changed(),
            Body::Text(text) => text.document.history.mark_changed(),
            _ => {}
        }
    } else {
        let error = Error::user(format!("{} was edited since", doc.title()));
        return vec![notice(&error.hint("Undo step by step"))];
    }
    edit::changed(doc, &mut effects);
    effects.extend(super::find::follow(doc));
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
    let began = doc.outside.of_draft.take();
    // The edits were made on another version than the one on disk now: saving has to ask.
    if let (Some(draft), Some(now)) = (draft, doc.disk)
        && draft.base != Some(now)
    {
        doc.disk = draft.base;
        doc.outside.base = began;
        doc.conflict = Some(Conflict::Changed(now));
    }
    doc.settle();
    let effects = outside::look_again(doc).into_iter().collect();
    state.notebook.drafts.retain(|d| d.path != path);
    effects
}

fn saved(state: &mut AppState, id: DocId, path: &str, hash: u64, revision: u64) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    doc.saving = false;
    let sent = doc.outside.sent.take();
    if doc.path != path {
        return Vec::new();
    }
    doc.disk = Some(hash);
    doc.save_error = None;
    doc.outside.base = sent;
    match &mut doc.body {
        Body::Notebook(nb) => nb.mark_saved(revision),
        Body::Text(text) => text.document.history.mark_saved(revision),
        _ => {}
    }
    let mut effects: Vec<Effect> = kept::renamed(doc).into_iter().chain(form::keep_outputs(doc)).collect();
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
    let mut effects = Vec::new();
    match hash {
        None if !matches!(doc.body, Body::Failed(_)) => {
            // The only copy is in the window: the journal has it, too.
            doc.conflict = Some(Conflict::Gone);
            doc.outside.look = None;
            edit::touch(doc, &mut effects);
            effects
        }
        None => effects,
        Some(hash) if doc.disk == Some(hash) => {
            // Back to what it was.
            doc.conflict = None;
            doc.outside.look = None;
            if !doc.has_edits() && doc.journaled.take().is_some() {
                effects.push(drop_draft(doc));
            }
            effects
        }
        Some(_) if !doc.has_edits() => load(&mut state.notebook, id),
        Some(hash) => {
            if doc.conflict != Some(Conflict::Changed(hash)) {
                doc.outside.look = None;
            }
            doc.conflict = Some(Conflict::Changed(hash));
            outside::look(doc).into_iter().collect()
        }
    }
}

//! What file a notebook is kept in, and what others it is made into.
use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Body, Command, Doc, DocId, Task, notice, save};
use crate::{
    app::{AppState, Effect, Env, Job, Out, action::Action},
    base::{Error, Result, job::JobCtx},
    model::{
        export::Form,
        notebook::{CellKey, Notebook, OutputJson},
        script::{self, Script},
    },
};

/// What the palette offers about the file of the document in front.
pub fn actions(doc: &Doc) -> Vec<Action> {
    let mut all = Vec::new();
    if doc.notebook().is_some() {
        all.extend(Form::ALL.into_iter().map(|form| {
            let title = format!("Export {} as {}\u{2026}", doc.title(), form.words());
            Action::new("Notebook", title, Command::Export(form)).icon("download")
        }));
    }
    let text = || Action::new("Notebook", format!("Show {} as text", doc.title()), Command::AsText(doc.id));
    match &doc.body {
        Body::Notebook(nb) if nb.script().is_some() => all.push(text().icon("file-text")),
        Body::Text(_) if doc.as_text => {
            let title = format!("Show {} as a notebook", doc.title());
            all.push(Action::new("Notebook", title, Command::AsText(doc.id)).icon("notebook-text"));
        }
        _ => {}
    }
    all
}

/// Shows a script as text, or as a notebook again.
pub fn as_text(state: &mut AppState, id: DocId) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    if doc.is_dirty() || doc.saving {
        let error = Error::user(format!("{} has edits that are not saved", doc.title()));
        return vec![notice(&error.hint("Save it, then show it the other way"))];
    }
    if doc.running.is_some() {
        let error = Error::user(format!("A cell of {} is running", doc.title()));
        return vec![notice(&error.hint("Wait for it or interrupt it first"))];
    }
    doc.as_text = !doc.as_text;
    doc.body = Body::Loading;
    save::load(&mut state.notebook, id)
}

/// How a notebook is written when it is saved under this name: a text by its ending, else JSON.
pub fn kept_as(notebook: &mut Notebook, path: &str) {
    let wanted = script::Form::of_new(path);
    // Another name for the same kind of text: what nobody touched stays as it is.
    if notebook.script().map(Script::form) == wanted {
        return;
    }
    notebook.keep_as(wanted.and_then(|_| Script::for_path(path, &notebook.language())).map(Arc::new));
}

/// A text holds no outputs: those of cells that are the same are carried over when it is read again.
pub fn carry_outputs(old: &Notebook, new: &mut Notebook, map: &HashMap<CellKey, CellKey>) {
    if new.script().is_none() {
        return;
    }
    for cell in old.cells().iter().filter(|c| c.has_outputs()) {
        let Some(key) = map.get(&cell.key).copied() else { continue };
        if new.cell(key).is_some_and(|c| c.source == cell.source && !c.has_outputs()) {
            let outputs: Vec<OutputJson> = cell.outputs().map(OutputJson).collect();
            // Nothing to tell when it fails: outputs are shown, not kept.
            _ = new.set_outputs(key, &outputs, cell.execution_count);
        }
    }
}

/// Keeps what the cells of a text show beside it, for the next window.
pub fn keep_outputs(doc: &Doc) -> Option<Effect> {
    let nb = doc.notebook().filter(|nb| nb.script().is_some())?;
    let task = Task::KeepOutputs { path: doc.path.clone(), cells: nb.cells().to_vec() };
    Some(Job::io(format!("notebook.outputs:{}", doc.path), task).policy(crate::app::Policy::Latest).start())
}

/// Makes the notebook in front into another kind of file; where it goes is asked for when it is made.
pub fn export(state: &AppState, form: Form) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc() else { return Vec::new() };
    let Some(book) = doc.notebook() else { return Vec::new() };
    let stem = doc.title().rsplit_once('.').map_or_else(|| doc.title().to_owned(), |(stem, _)| stem.to_owned());
    let name = format!("{stem}.{}", form.ending(&book.language()));
    let task = Task::Export { book: Box::new(book.clone()), form, title: stem, name };
    vec![Job::long("notebook.export", task).titled(format!("Exporting {}", doc.title())).start()]
}

/// Makes the file and keeps it where a person says.
pub fn run(book: &Notebook, form: Form, (title, name): (&str, &str), env: &Env, cx: &JobCtx, out: &Out) -> Result<()> {
    let bytes = crate::engine::export::export(book, form, title, cx)?;
    cx.check()?;
    crate::app::workspace::keep(name, &STANDARD.encode(bytes), false, env, out)
}

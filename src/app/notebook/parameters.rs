//! "Run with parameters...": the form is made from the cell that declares them, the run is one of the Runs page, and its
//! executed copy is shown at the end.
use super::{Command, Doc, edit, notice};
use crate::{
    app::{
        AppState, Cx, Effect,
        runs::{Dialog, RunDialog},
        workspace,
    },
    base::Error,
    model::{
        notebook::CellKind,
        params::{DECLARED, declared, tagged},
        pipeline::{Param, Pipeline},
        run::{Run, RunState},
    },
};

/// The parameters a notebook declares.
pub fn parameters(doc: &Doc) -> Vec<Param> {
    let cells = doc.cells();
    tagged(cells, DECLARED).and_then(|at| cells.get(at)).map(|c| declared(&c.source)).unwrap_or_default()
}

/// Opens the form; unsaved edits are saved first, since the run reads the file.
pub(super) fn ask(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    if let Some(effects) = workspace::require_trust(state, Command::AskParameters) {
        return effects;
    }
    let Some(doc) = state.notebook.doc().filter(|d| d.notebook().is_some()) else { return Vec::new() };
    let params = parameters(doc);
    if params.is_empty() {
        let error = Error::user(format!("{} declares no parameters", doc.title()))
            .hint("Put them into a cell of their own, one NAME = VALUE a line, and mark it with \"Make the cell declare parameters\"");
        return vec![notice(&error)];
    }
    let pipeline = Pipeline { params, ..Pipeline::of_notebook(&doc.path) };
    let effects = if doc.is_dirty() { super::save::command(state, Command::Save, cx) } else { Vec::new() };
    state.runs.dialog = Some(Dialog::Run(RunDialog::new(&pipeline, cx.now())));
    effects
}

/// Gives the selected cell the tag `parameters`, or takes it away; no other cell keeps it.
pub(super) fn toggle(state: &mut AppState) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    let Some(cell) = doc.cell().cloned().filter(|c| c.kind == CellKind::Code) else {
        return vec![notice(&Error::user("Only a cell of code declares parameters"))];
    };
    let cells = doc.cells().to_vec();
    let before = tagged(&cells, DECLARED).and_then(|at| cells.get(at).cloned());
    let mut effects = Vec::new();
    let was = before.as_ref().is_some_and(|c| c.key == cell.key);
    let all = before.into_iter().map(|c| (c, false)).chain((!was).then_some((cell, true)));
    for (cell, on) in all {
        let mut metadata: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&cell.metadata()).unwrap_or_default();
        let mut tags: Vec<String> = cell.tags().into_iter().filter(|t| t != DECLARED).collect();
        tags.extend(on.then(|| DECLARED.to_owned()));
        if tags.is_empty() {
            metadata.remove("tags");
        } else {
            metadata.insert("tags".to_owned(), tags.into());
        }
        let Some(nb) = doc.notebook_mut() else { continue };
        let done = nb.set_cell_metadata(cell.key, &serde_json::Value::Object(metadata).to_string());
        effects.extend(done.err().iter().map(notice));
    }
    edit::changed(doc, &mut effects);
    effects
}

/// A run of a notebook has ended: the copy of one that was started from here is shown.
pub fn ran(state: &mut AppState, run: &Run, cx: &Cx) -> Vec<Effect> {
    let Some(at) = state.notebook.following.iter().position(|s| *s == run.source) else { return Vec::new() };
    state.notebook.following.remove(at);
    let copy = run.tasks.iter().find_map(|t| t.last()?.artifact.clone());
    match copy {
        Some(copy) if matches!(run.state, RunState::Success | RunState::Failed) => {
            let effects = super::open_path(state, &copy, cx);
            if let Some(doc) = state.notebook.doc_mut() {
                doc.name = Some(format!("{}, run {}", doc_name(&run.source), run.number));
            }
            effects
        }
        _ => Vec::new(),
    }
}

fn doc_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

//! Metadata of a cell or of the notebook as they are written: edited as JSON, put in as one step, what is not changed
//! byte for byte.
use super::{Command as Page, Doc, edit, notice};
use crate::{
    app::{AppState, Cx, Effect, notify::Notice},
    model::{
        editor::{Act, Document, Language},
        json::{Bytes, Json, Style, format_value},
        notebook::{CellKey, Notebook},
    },
};

/// Whose metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Cell(CellKey),
    Notebook,
}

/// Metadata being edited.
#[derive(Debug, Clone)]
pub struct Raw {
    pub of: Of,
    pub document: Document,
    /// As they were when they were laid out for editing.
    from: Bytes,
    shown: String,
    /// They were changed elsewhere since.
    pub moved: bool,
    /// Why they cannot be put in: line, from 1, and reason.
    pub problem: Option<(usize, String)>,
}

/// Requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Open(Of),
    Close,
    Edit(Vec<Act>),
    Undo,
    Redo,
    Apply,
    /// Shows them as they are now.
    Revert,
}

impl Raw {
    fn new(of: Of, from: Bytes) -> Self {
        let shown = laid_out(&from);
        let document = Document::new(&shown, Language::named("json"));
        Self { of, document, from, shown, moved: false, problem: None }
    }
    /// True when something was written that is not in the notebook.
    pub fn is_changed(&self) -> bool {
        !self.document.editor.buffer().is(&self.shown)
    }
    fn check(&mut self) {
        let text = self.document.editor.buffer().to_string();
        self.problem = problem(&text);
    }
}

/// As a person edits them: one member a line, tokens as they are written.
fn laid_out(raw: &Bytes) -> String {
    let Ok(json) = Json::parse(raw.clone()) else { return raw.text().to_owned() };
    let style = Style { indent: Some("  ".into()), ..Style::default() };
    let mut out = Vec::new();
    format_value(json.root(), &style, 0, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Why a text is no metadata: line and reason.
fn problem(text: &str) -> Option<(usize, String)> {
    match Json::parse(text) {
        Ok(json) if json.root().is_object() => None,
        Ok(_) => Some((1, "Metadata must be an object in braces".to_owned())),
        Err(e) => {
            let (line, column) = e.line_col(text.as_bytes());
            Some((line, format!("Line {line}, column {column}: {}", e.what)))
        }
    }
}

fn now(nb: &Notebook, of: Of) -> Option<Bytes> {
    match of {
        Of::Cell(key) => Some(nb.cell(key)?.metadata()),
        Of::Notebook => Some(nb.metadata().clone()),
    }
}

pub(super) fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    let mut effects = Vec::new();
    let ms = cx.now().as_millisecond();
    match command {
        Command::Open(of) => {
            let put_away = doc.raw_put_away.take().filter(|r| r.of == of && doc.raw.is_none());
            let fresh = || doc.notebook().and_then(|nb| now(nb, of)).map(|from| Box::new(Raw::new(of, from)));
            doc.raw = put_away.or_else(fresh);
            follow(doc);
        }
        // What was written and not put in is there when they are opened again.
        Command::Close => doc.raw_put_away = doc.raw.take().filter(|r| r.is_changed()),
        Command::Revert => {
            if let Some(of) = doc.raw.as_ref().map(|r| r.of) {
                return self::command(state, Command::Open(of), cx);
            }
        }
        Command::Edit(acts) => change(doc, |d| acts.iter().fold(false, |any, a| d.act(a, ms) | any)),
        Command::Undo => change(doc, Document::undo),
        Command::Redo => change(doc, Document::redo),
        Command::Apply => {
            let Some(raw) = doc.raw.as_ref() else { return effects };
            let (of, text) = (raw.of, raw.document.editor.buffer().to_string());
            if raw.problem.is_some() {
                return effects;
            }
            let Some(nb) = doc.notebook_mut() else { return effects };
            let before = nb.revision();
            nb.end_typing();
            let done = match of {
                Of::Cell(key) => nb.set_cell_metadata(key, &text),
                Of::Notebook => nb.set_metadata(&text),
            };
            match done {
                Err(e) => effects.push(notice(&e)),
                Ok(()) if nb.revision() == before => {
                    effects.push(Effect::Notice(Notice::info("The metadata are the same as before")));
                }
                Ok(()) => {
                    let whose = if of == Of::Notebook { "the notebook" } else { "the cell" };
                    let note = Notice::success(format!("Changed the metadata of {whose}"));
                    effects.push(Effect::Notice(note.action("Undo", Page::Undo)));
                    edit::changed(doc, &mut effects);
                }
            }
            // Laid out anew, with what the notebook made of it.
            if let Some(from) = doc.notebook().and_then(|nb| now(nb, of))
                && effects
                    .iter()
                    .all(|e| !matches!(e, Effect::Notice(n) if n.tone == crate::app::notify::Tone::Failure))
                && let Some(raw) = &mut doc.raw
            {
                raw.take(from, ms);
            }
        }
    }
    effects
}

impl Raw {
    /// Shows other metadata of the same cell; cursors stay where the text is equal.
    fn take(&mut self, from: Bytes, ms: i64) {
        self.shown = laid_out(&from);
        self.from = from;
        self.document.act(&Act::SetText(self.shown.clone()), ms);
        self.moved = false;
        self.problem = None;
    }
}

fn change(doc: &mut Doc, with: impl FnOnce(&mut Document) -> bool) {
    if let Some(raw) = &mut doc.raw
        && with(&mut raw.document)
    {
        raw.check();
    }
}

/// The notebook has changed: metadata that nobody edits are shown as they are now.
pub(super) fn follow(doc: &mut Doc) {
    let Some(mut raw) = doc.raw.take() else { return };
    let Some(from) = doc.notebook().and_then(|nb| now(nb, raw.of)) else { return };
    if from != raw.from {
        if raw.is_changed() {
            raw.moved = true;
        } else {
            raw.take(from, 0);
        }
    }
    doc.raw = Some(raw);
}

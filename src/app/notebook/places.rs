//! Going to a line of a text, and to where a name is defined.
use super::{Body, CellKey, Doc, notice};
use crate::{
    app::{AppState, Effect},
    base::Error,
    model::{
        editor::{Editor, Selection, Selections},
        names,
        notebook::CellKind,
    },
};

/// Where to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A line and a column of the text that is edited, both from 1.
    Line { line: usize, column: usize },
    /// Where a name is defined that is used in this cell, or in the file.
    Definition { key: CellKey, name: String },
}

/// Goes there.
pub(super) fn command(state: &mut AppState, command: Command) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    match command {
        Command::Line { line, column } => {
            let to = |editor: &Editor| {
                let buffer = editor.buffer();
                let line = line.clamp(1, buffer.lines()) - 1;
                let at = (buffer.line_start(line) + column.max(1) - 1).min(buffer.line_end(line));
                Selections::at(at)
            };
            go(doc, to);
            Vec::new()
        }
        Command::Definition { key, name } => definition(doc, key, &name).err().iter().map(notice).collect(),
    }
}

/// Puts the cursor of the text that is edited elsewhere, and gives it the keyboard.
fn go(doc: &mut Doc, to: impl FnOnce(&Editor) -> Selections) {
    doc.grab += 1;
    let editor = match &mut doc.body {
        Body::Text(text) => Some(&mut text.document.editor),
        _ => doc.session.as_mut().map(|s| &mut s.editor),
    };
    let Some(editor) = editor else { return };
    let cursors = to(editor);
    editor.select(cursors);
    doc.cursor = editor.place();
}

fn definition(doc: &mut Doc, key: CellKey, name: &str) -> Result<(), Error> {
    let none = || {
        Error::user(format!("Nothing here defines {name}"))
            .hint("It may come with an import of everything, or from the language itself")
    };
    if let Body::Text(text) = &doc.body {
        let found = names::definition(&text.text(), name).ok_or_else(none)?;
        go(doc, |_| Selections::one(Selection::span(found.start, found.end)));
        return Ok(());
    }
    let cells = doc.cells();
    let at = cells.iter().position(|c| c.key == key).unwrap_or(0);
    // Its own cell, then the nearest above, then the first below.
    let mut order = std::iter::once(at).chain((0..at).rev()).chain(at + 1..cells.len());
    let defines = |i: &usize| {
        let cell = cells.get(*i).filter(|c| c.kind == CellKind::Code)?;
        doc.names(cell.key)?.defines.iter().any(|d| d == name).then_some(cell)
    };
    let cell = order.find_map(|i| defines(&i)).cloned().ok_or_else(none)?;
    let text = super::session::for_editor(&cell.source).0;
    let found = names::definition(&text, name).ok_or_else(none)?;
    if doc.selected != cell.key {
        doc.select(cell.key);
    }
    doc.begin(Some(Selections::one(Selection::span(found.start, found.end))));
    doc.grab += 1;
    doc.reveal += 1;
    Ok(())
}

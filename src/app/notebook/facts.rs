//! What the status bar says of the document in front.
use super::{Body, Mode};
use crate::app::AppState;

/// What the status bar says: kernel, cell and cursor.
pub fn status_facts(state: &AppState) -> Vec<String> {
    let Some(doc) = state.notebook.doc() else { return Vec::new() };
    let mut facts: Vec<String> = kernel_fact(state).into_iter().collect();
    let count = doc.cells().len();
    let (line, column) = doc.cursor;
    match (&doc.body, doc.mode) {
        (Body::Notebook(_), Mode::Edit) => {
            facts.push(format!("Cell {} of {count}, Ln {line}, Col {column}", doc.index() + 1));
        }
        (Body::Notebook(_), Mode::Command) if count > 0 => facts.push(format!("Cell {} of {count}", doc.index() + 1)),
        (Body::Text(text), _) => {
            let many = text.document.editor.selections().count();
            if many > 1 {
                facts.push(format!("{many} cursors"));
            }
            facts.push(format!("Ln {line}, Col {column}"));
            if text.document.editor.buffer().is_huge() {
                facts.push("Large file: colours near what is shown".into());
            }
        }
        _ => {}
    }
    facts
}

/// `Python 3.12 busy`: the session of the document in front.
pub fn kernel_fact(state: &AppState) -> Option<String> {
    let doc = state.notebook.doc()?;
    let (spec, session) = (doc.kernel.spec.as_ref()?, doc.kernel.state.as_ref()?);
    Some(format!("{} {}", spec.display_name, session.word()))
}

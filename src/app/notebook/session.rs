//! The text of a cell or file while it is being edited: cursors, and how the text stands in the file.
use std::sync::Arc;

use super::Doc;
pub use crate::model::editor::for_editor;
use crate::model::{
    editor::{Act, Document, Editor, Language, Selections},
    notebook::{Cell, CellKey, CellKind},
};

/// A cell being edited.
#[derive(Debug, Clone)]
pub struct Session {
    pub key: CellKey,
    pub editor: Editor,
    /// The source the editor's text was made of or went into last.
    source: Arc<str>,
    crlf: bool,
}

impl Session {
    /// Begins to edit a cell.
    pub fn new(cell: &Cell, language: &'static Language, cursors: Option<Selections>) -> Self {
        let (text, crlf) = for_editor(&cell.source);
        let mut editor = Editor::new(&text, language);
        editor.select(cursors.unwrap_or_default());
        Self { key: cell.key, editor, source: cell.source.clone(), crlf }
    }
    /// The text as it is to stand in the file.
    pub fn text(&self) -> String {
        let text = self.editor.buffer().to_string();
        if self.crlf { text.replace('\n', "\r\n") } else { text }
    }
    /// The byte of a place in the file's text.
    pub fn byte_of(&self, at: usize) -> usize {
        let buffer = self.editor.buffer();
        buffer.byte_of(at) + if self.crlf { buffer.line_of(at) } else { 0 }
    }
    /// Follows a cell that was changed elsewhere: by undo, by another window, by a merge of cells.
    pub fn follow(&mut self, cell: &Cell, language: &'static Language) {
        self.editor.set_language(language);
        if Arc::ptr_eq(&self.source, &cell.source) {
            return;
        }
        if self.source != cell.source {
            let (text, crlf) = for_editor(&cell.source);
            self.editor.sync(&text);
            self.crlf = crlf;
        }
        self.source = cell.source.clone();
    }
    /// What the editor holds is what stands in the cell now.
    pub(super) fn went_into(&mut self, cell: &Cell) {
        self.source = cell.source.clone();
    }
}

/// The rules of a cell's language.
pub fn language_of(doc: &Doc, cell: &Cell) -> &'static Language {
    match cell.kind {
        CellKind::Markdown => Language::of(Some("Markdown")),
        CellKind::Raw => Language::of(None),
        CellKind::Code if Doc::is_sql(cell) => Language::of(Some("SQL")),
        CellKind::Code => {
            // Another language on the first line has its own rules.
            let magic = cell.source.strip_prefix("%%").and_then(|r| r.split_whitespace().next());
            match magic.and_then(Language::grammar) {
                Some(grammar) => Language::of(Some(grammar)),
                None => Language::named(&doc.notebook().map(|n| n.language()).unwrap_or_default()),
            }
        }
    }
}

/// A text file with its undo.
#[derive(Debug, Clone, Default)]
pub struct TextDoc {
    pub document: Document,
    /// Every line ends with `\r\n` in the file; the editor's text has `\n`.
    crlf: bool,
}

impl TextDoc {
    /// From the file's text; the path tells its language.
    pub fn new(text: &str, path: &str) -> Self {
        let (plain, crlf) = for_editor(text);
        Self {
            document: Document::new(&plain, Language::named(path.rsplit(['.', '/']).next().unwrap_or_default())),
            crlf,
        }
    }
    /// The text with `\n`.
    pub fn text(&self) -> String {
        self.document.editor.buffer().to_string()
    }
    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = self.text();
        if self.crlf { text.replace('\n', "\r\n").into_bytes() } else { text.into_bytes() }
    }
    /// Carries acts out; true when the text changed.
    pub fn act(&mut self, acts: &[Act], now_ms: i64) -> bool {
        let mut changed = false;
        for act in acts {
            changed |= self.document.act(act, now_ms);
        }
        changed
    }
    /// Lines end as those of the other from now on.
    pub(super) fn set_ends(&mut self, other: &Self) {
        self.crlf = other.crlf;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_of_a_file_come_back_as_they_were() {
        for text in ["a\r\nb\r\n", "a\r\nb", "a\nb\n", "a\r\nb\nc\r\n", "a\rb", "", "\n", "\r\n"] {
            let doc = TextDoc::new(text, "a.txt");
            assert_eq!(doc.to_bytes(), text.as_bytes(), "{text:?}");
        }
        let mut mixed = TextDoc::new("a\r\nb\nc", "a.txt");
        mixed.act(&[Act::Type("x".into()), Act::NewLine], 0);
        assert_eq!(mixed.to_bytes(), b"x\r\na\r\nb\nc", "a new break is as its neighbour");
        let mut all = TextDoc::new("a\r\nb", "a.txt");
        all.act(&[Act::NewLine], 0);
        assert_eq!(all.to_bytes(), b"\r\na\r\nb");
    }

    #[test]
    fn the_language_of_a_file_is_its_ending() {
        assert_eq!(TextDoc::new("", "a/b.SQL").document.editor.language().comment, "--");
        assert_eq!(TextDoc::new("", "Makefile").document.editor.language().grammar, None);
    }
}

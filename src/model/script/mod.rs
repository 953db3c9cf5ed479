//! Notebooks kept as text: scripts whose cells begin with `# %%`, and Markdown whose code stands in fences.
//!
//! The formats are those of jupytext (`py:percent`, `md`), MyST (`{code-cell}`) and Quarto (`{python}`). A script is cut
//! into pieces that together are the file; a notebook is made from them, and when it is written every cell that is as
//! it was read is its piece, byte for byte. Outputs are not part of such a file.
mod markdown;
mod options;
mod percent;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::notebook::{Cell, CellKey, CellKind, Notebook};
use crate::base::{Error, Result};

/// How cells are told apart in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A script with `# %%` before each cell.
    Percent,
    /// Markdown with code in fences named after the language.
    Markdown,
    /// Markdown with `{code-cell}` fences.
    Myst,
    /// Markdown with `{python}` fences: Quarto and R Markdown.
    Quarto,
}

impl Form {
    /// What a file of this name is written as when nothing says otherwise; none for other files.
    pub fn of_new(path: &str) -> Option<Self> {
        match extension(path).as_str() {
            "py" | "r" | "jl" => Some(Self::Percent),
            "md" | "markdown" => Some(Self::Markdown),
            "qmd" | "rmd" => Some(Self::Quarto),
            _ => None,
        }
    }
    /// In words: `a script with # %% cells`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Percent => "a script with # %% cells",
            Self::Markdown => "Markdown with code in fences",
            Self::Myst => "MyST Markdown",
            Self::Quarto => "a Quarto document",
        }
    }
}

fn extension(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map(|(_, e)| e.to_lowercase()).unwrap_or_default()
}

/// Language of a script, by the ending of its name.
fn language_of(path: &str) -> &'static str {
    match extension(path).as_str() {
        "r" | "rmd" => "r",
        "jl" => "julia",
        _ => "python",
    }
}

/// One cell as it stands in the file.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    /// Everything of it, blank lines behind it included.
    text: String,
    /// The lines before the cell's own text: a marker, the first line of a fence.
    opening: String,
    /// The line after it: the end of a fence.
    closing: String,
    /// What parts it from the next cell.
    gap: String,
    kind: CellKind,
    source: String,
    metadata: Map<String, Value>,
    dress: Dress,
}

/// How the text of a cell is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Dress {
    /// As it is, but for magics in a script.
    #[default]
    Plain,
    /// Each line behind a comment sign.
    Commented,
    /// Between `"""`, or the other kind of quotes.
    Quoted(&'static str),
}

/// A text that holds a notebook.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    form: Form,
    language: String,
    /// The file's own words about itself, in front of all cells.
    head: String,
    pieces: Vec<Piece>,
    /// `\r\n` where the file uses it.
    crlf: bool,
    /// Which piece a cell is; none: the one its key counts.
    places: Option<BTreeMap<CellKey, usize>>,
}

impl Script {
    /// Reads a text; none when it is no notebook: a script without cells, Markdown that does not say so.
    pub fn read(path: &str, text: &str) -> Option<Self> {
        let crlf = text.contains("\r\n") && !text.replace("\r\n", "").contains('\n');
        let plain = if crlf { text.replace("\r\n", "\n") } else { text.to_owned() };
        let mut script = match Form::of_new(path)? {
            Form::Percent => percent::read(&plain, language_of(path)),
            _ => markdown::read(&plain, path),
        }?;
        script.crlf = crlf;
        // A reader that loses a byte must never be let write.
        (script.whole() == text).then_some(script)
    }
    /// An empty one, for a notebook that is to be kept at this path.
    pub fn for_path(path: &str, language: &str) -> Option<Self> {
        let form = Form::of_new(path)?;
        let head = match form {
            Form::Percent => String::new(),
            _ => markdown::head(form, language),
        };
        Some(Self { form, language: language.to_owned(), head, pieces: Vec::new(), crlf: false, places: None })
    }
    /// How its cells are told apart.
    pub fn form(&self) -> Form {
        self.form
    }
    fn whole(&self) -> String {
        self.ends(self.head.clone() + &self.pieces.iter().map(|p| p.text.as_str()).collect::<String>())
    }
    fn ends(&self, text: String) -> String {
        if self.crlf { text.replace('\n', "\r\n") } else { text }
    }

    /// The notebook: cell `n` has the key `n`, which is how it finds its piece again.
    ///
    /// # Errors
    /// Only for a bug: what is made here is a valid notebook.
    pub fn notebook(self) -> Result<Notebook> {
        let cells: Vec<Value> = self
            .pieces
            .iter()
            .map(|p| {
                let source: Vec<&str> = p.source.split_inclusive('\n').collect();
                let mut cell = json!({ "cell_type": p.kind.word(), "metadata": p.metadata, "source": source });
                if let (CellKind::Code, Some(cell)) = (p.kind, cell.as_object_mut()) {
                    cell.insert("execution_count".to_owned(), Value::Null);
                    cell.insert("outputs".to_owned(), json!([]));
                }
                cell
            })
            .collect();
        let metadata = json!({ "language_info": { "name": self.language } });
        let book = json!({ "cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4 });
        let bytes = serde_json::to_vec(&book).map_err(|e| Error::bug("A script became no notebook").because(&e))?;
        let mut notebook = Notebook::parse(bytes)?;
        notebook.keep_as(Some(Arc::new(self)));
        Ok(notebook)
    }

    /// The same text for a notebook in which piece `n` is the cell with the `n`th of these keys.
    #[must_use]
    pub fn placed(&self, keys: &[CellKey]) -> Self {
        let places = keys.iter().enumerate().filter_map(|(n, key)| Some((*key, self.place(CellKey(n as u64))?)));
        Self { places: Some(places.collect()), ..self.clone() }
    }
    fn place(&self, key: CellKey) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(&key).copied(),
            None => usize::try_from(key.0).ok().filter(|n| *n < self.pieces.len()),
        }
    }

    /// The file with these cells.
    pub fn write(&self, cells: &[Arc<Cell>]) -> String {
        let mut out = self.head.clone();
        let mut before: Option<Before> = None;
        for cell in cells {
            let at = self.place(cell.key);
            let piece = at.and_then(|n| self.pieces.get(n));
            let metadata = metadata_of(cell);
            // Code without a marker of its own is a cell only in front of all others.
            let loose = piece.is_some_and(|p| p.opening.is_empty() && p.kind == CellKind::Code) && before.is_some();
            let text = match piece {
                Some(p) if p.kind == cell.kind && p.source == *cell.source && p.metadata == metadata && !loose => {
                    p.text.clone()
                }
                _ => self.render(cell, &metadata, piece.filter(|_| !loose)),
            };
            // Cells that follow each other as they did are parted as they were.
            if let Some(before) = before.filter(|b| b.at.is_none() || b.at.map(|n| n + 1) != at) {
                self.part(&mut out, before, cell.kind);
            }
            before = Some(Before { at, prose: cell.kind != CellKind::Code });
            out.push_str(&text);
        }
        let ends = self.pieces.last().is_none_or(|p| p.text.ends_with('\n'));
        if !cells.is_empty() && !out.ends_with('\n') && ends {
            out.push('\n');
        }
        self.ends(out)
    }

    /// Parts a cell from the one before, where the file does not do it yet.
    fn part(&self, out: &mut String, before: Before, kind: CellKind) {
        let lines = match self.form {
            Form::Markdown if before.prose && kind != CellKind::Code => "\n\n\n",
            _ => "\n\n",
        };
        if !out.ends_with('\n') {
            out.push('\n');
        }
        while !out.ends_with(lines) {
            out.push('\n');
        }
        if self.form == Form::Myst && before.prose && kind != CellKind::Code && !out.ends_with("+++\n\n") {
            out.push_str("+++\n\n");
        }
    }

    fn render(&self, cell: &Cell, metadata: &Map<String, Value>, piece: Option<&Piece>) -> String {
        // What says what the cell is stands as it was written, unless that changed.
        let known = piece.filter(|p| p.kind == cell.kind && p.metadata == *metadata);
        let fresh = match self.form {
            Form::Percent => percent::render(cell, metadata, known, &self.language),
            form => markdown::render(cell, metadata, known, form, &self.language),
        };
        fresh + piece.map_or("", |p| p.gap.as_str())
    }
}

/// The cell that was written last.
#[derive(Clone, Copy)]
struct Before {
    at: Option<usize>,
    prose: bool,
}

/// A cell's metadata as a map; what is no object says nothing.
fn metadata_of(cell: &Cell) -> Map<String, Value> {
    serde_json::from_slice(&cell.metadata()).unwrap_or_default()
}

/// Takes the blank lines off the end: the text, and what parts it from what follows.
fn without_gap(text: &str) -> (&str, &str) {
    let end = text.trim_end_matches(['\n', ' ', '\t']).len();
    let line = text.get(end..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| end + at + 1);
    text.split_at(if text.trim().is_empty() { 0 } else { line })
}

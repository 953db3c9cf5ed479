//! The notebook document: lossless by construction.
//!
//! A [`Notebook`] is its original bytes cut into an envelope (what stands before and after the cells), the cells and
//! the gaps between them. A change replaces only the bytes it means; [`Notebook::to_bytes`] joins the pieces again,
//! so that indentation, key order, escapes, line ends, digits and unknown fields survive wherever nobody touched
//! them. Changes are invertible transactions ([`edit`]) in one history; [`ops`] says what a person can do, [`cell`]
//! and [`source`] how bytes are spliced, [`layout`] how new bytes take the look of their neighbours, [`old`] shows
//! notebooks of format 2 and 3.
pub mod attach;
mod back;
mod cell;
pub mod edit;
mod layout;
mod old;
mod ops;
mod receive;
mod source;
mod take_in;

use std::{collections::HashMap, ops::Range, sync::Arc};

pub use cell::{Cell, Field};
pub use edit::{Applied, Transaction};
pub use layout::split_lines;
pub use ops::Clip;
pub use receive::{Received, Receiver};
pub use take_in::TakenIn;

use super::{
    json::{Bytes, Json, Value},
    script::Script,
};
use crate::base::{Error, Result};

/// The newest minor version of format 4 whose rules are known here.
pub const KNOWN_MINOR: i64 = 5;

/// A cell's identity while the document is open; never written to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellKey(pub u64);

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    Code,
    Markdown,
    Raw,
}

impl CellKind {
    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Markdown => "markdown",
            Self::Raw => "raw",
        }
    }
}

/// One output as JSON text in nbformat's shape (`{"output_type": ...}`), in any layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputJson(pub Bytes);

impl<T: Into<Bytes>> From<T> for OutputJson {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// Everything around the cells.
#[derive(Debug, Clone)]
struct Envelope {
    /// Up to and including the `[` of the cells.
    head: Bytes,
    /// From the `]` of the cells on.
    tail: Bytes,
    minor: i64,
    /// The notebook's metadata as written.
    metadata: Bytes,
}

/// An open notebook.
#[derive(Debug, Clone)]
pub struct Notebook {
    envelope: Envelope,
    cells: Vec<Arc<Cell>>,
    /// What stands before each cell and after the last: commas and whitespace, one more than there are cells.
    gaps: Vec<Bytes>,
    ascii: bool,
    next_key: u64,
    notes: Vec<String>,
    read_only: Option<(String, Bytes)>,
    history: edit::History,
    /// Where the file is a text, how it is written.
    script: Option<Arc<Script>>,
}

/// What is needed to write the file, cheap to take and to send to a job.
#[derive(Debug, Clone)]
pub struct Snapshot {
    parts: Vec<Bytes>,
}

impl Snapshot {
    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.parts.iter().map(|p| p.len()).sum());
        self.parts.iter().for_each(|p| out.extend_from_slice(p));
        out
    }
}

impl From<Vec<u8>> for Snapshot {
    fn from(bytes: Vec<u8>) -> Self {
        Self { parts: vec![Bytes::from(bytes)] }
    }
}

impl PartialEq for Clip {
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Notebook {
    /// Reads a notebook. Format 4 of any minor version can be changed; formats 2 and 3 are shown converted and stay
    /// as they are on disk.
    pub fn parse(bytes: impl Into<Bytes>) -> Result<Self> {
        Self::read(&Json::parse(bytes.into()).map_err(|e| ParseBytes(e).into_error())?)
    }
    /// Reads a scanned notebook.
    pub(in crate::model) fn read(json: &Json) -> Result<Self> {
        let root = json.root();
        if !root.is_object() {
            return Err(
                Error::config("This is JSON, but not a notebook").because_of("A notebook is an object in braces")
            );
        }
        let major = root.get("nbformat").and_then(|v| v.as_i64());
        match major {
            Some(2 | 3) => return old::convert(json),
            Some(4) => {}
            None if root.get("worksheets").is_some() => return old::convert(json),
            None if root.get("cells").is_some() => {}
            None => {
                return Err(Error::config("This is JSON, but not a notebook")
                    .because_of("It has neither \"nbformat\" nor \"cells\""));
            }
            Some(n) if n > 4 => {
                return Err(Error::config(format!("The notebook has format {n}, which is newer than this Andon"))
                    .because_of("Formats up to 4 are known; writing an unknown one could lose work")
                    .hint("Update Andon, or save the notebook as format 4 in the program that made it"));
            }
            Some(n) => return Err(Error::config(format!("The notebook has format {n}, which is not known"))),
        }
        let Some(cells) = root.get("cells").filter(|c| c.is_array()) else {
            return Err(Error::config("The notebook has no list of cells").because_of("\"cells\" must be a list"));
        };
        Self::from_cells(json, cells)
    }

    fn from_cells(json: &Json, array: Value<'_>) -> Result<Self> {
        let bytes = json.bytes();
        let span = array.span();
        let (mut cells, mut gaps, mut at) = (Vec::new(), Vec::new(), span.start + 1);
        for (i, value) in array.items().enumerate() {
            let place = value.span();
            let cell = Cell::from_value(CellKey(i as u64), value, bytes.slice(place.clone()))
                .map_err(|e| e.because_of(format!("Cell {}", i + 1)))?;
            gaps.push(bytes.slice(at..place.start));
            at = place.end;
            cells.push(Arc::new(cell));
        }
        gaps.push(bytes.slice(at..span.end - 1));
        let envelope = Envelope::read(bytes.slice(0..span.start + 1), bytes.slice(span.end - 1..bytes.len()))?;
        let ascii = bytes.is_ascii() && has_unicode_escape(bytes);
        let next_key = cells.len() as u64;
        let mut notebook = Self {
            envelope,
            cells,
            gaps,
            ascii,
            next_key,
            notes: Vec::new(),
            read_only: None,
            history: edit::History::default(),
            script: None,
        };
        notebook.notes = notebook.look_for_oddities(json);
        Ok(notebook)
    }

    /// A notebook without cells, as nbformat writes one.
    pub fn new_empty() -> Self {
        let text = "{\n \"cells\": [],\n \"metadata\": {},\n \"nbformat\": 4,\n \"nbformat_minor\": 5\n}\n";
        let head = Bytes::from(&text.as_bytes()[..13]);
        let tail = Bytes::from(&text.as_bytes()[13..]);
        Self {
            envelope: Envelope { head, tail, minor: 5, metadata: Bytes::from(&b"{}"[..]) },
            cells: Vec::new(),
            gaps: vec![Bytes::from(Vec::new())],
            ascii: false,
            next_key: 0,
            notes: Vec::new(),
            read_only: None,
            history: edit::History::default(),
            script: None,
        }
    }

    /// The cells in order.
    pub fn cells(&self) -> &[Arc<Cell>] {
        &self.cells
    }
    /// The cell `key`, unless it was deleted.
    pub fn cell(&self, key: CellKey) -> Option<&Arc<Cell>> {
        self.index_of(key).and_then(|i| self.cells.get(i))
    }
    /// Where the cell stands.
    pub fn index_of(&self, key: CellKey) -> Option<usize> {
        self.cells.iter().position(|c| c.key == key)
    }
    /// What stands before the cells, what stands between and around them (one more than there are cells), and the rest.
    pub(in crate::model) fn pieces(&self) -> (&Bytes, &[Bytes], &Bytes) {
        (&self.envelope.head, &self.gaps, &self.envelope.tail)
    }
    /// Minor version of format 4.
    pub fn minor(&self) -> i64 {
        self.envelope.minor
    }
    /// The notebook's metadata as written in the file.
    pub fn metadata(&self) -> &Bytes {
        &self.envelope.metadata
    }
    /// A text inside the notebook's metadata: `["kernelspec", "name"]`.
    pub fn metadata_text(&self, path: &[&str]) -> Option<String> {
        let json = Json::parse(self.envelope.metadata.clone()).ok()?;
        let value = path.iter().try_fold(json.root(), |v, key| v.get(key))?;
        value.as_str().map(|s| s.into_owned())
    }
    /// Name of the kernelspec the notebook asks for.
    pub fn kernel_name(&self) -> Option<String> {
        self.metadata_text(&["kernelspec", "name"])
    }
    /// Language of the code cells: `python` unless the metadata say otherwise.
    pub fn language(&self) -> String {
        self.metadata_text(&["language_info", "name"])
            .or_else(|| self.metadata_text(&["kernelspec", "language"]))
            .map_or_else(|| "python".into(), |l| l.to_lowercase())
    }
    /// What a person should know about this file: duplicate keys, non-JSON numbers, ids used twice, unknown versions.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
    /// Why it cannot be changed, if so.
    pub fn read_only(&self) -> Option<&str> {
        self.read_only.as_ref().map(|(why, _)| why.as_str())
    }
    /// How the file is written, when it is a text and no JSON.
    pub fn script(&self) -> Option<&Script> {
        self.script.as_deref()
    }
    /// Keeps it as a text from the next save on, or as `.ipynb` again.
    pub fn keep_as(&mut self, script: Option<Arc<Script>>) {
        self.script = script;
    }
    /// The file as it would be saved now.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.snapshot().to_bytes()
    }
    /// The same, to be joined elsewhere.
    pub fn snapshot(&self) -> Snapshot {
        if let Some((_, original)) = &self.read_only {
            return Snapshot { parts: vec![original.clone()] };
        }
        if let Some(script) = &self.script {
            return Snapshot::from(script.write(&self.cells).into_bytes());
        }
        let mut parts = Vec::with_capacity(self.cells.len() * 2 + 3);
        parts.push(self.envelope.head.clone());
        for (gap, cell) in self.gaps.iter().zip(&self.cells) {
            parts.push(gap.clone());
            parts.push(cell.raw().clone());
        }
        parts.extend(self.gaps.last().cloned());
        parts.push(self.envelope.tail.clone());
        Snapshot { parts }
    }

    /// A key no cell of this notebook ever had.
    fn fresh_key(&mut self) -> CellKey {
        self.next_key += 1;
        CellKey(self.next_key - 1)
    }

    /// A new id as nbformat makes them, when this format has ids.
    fn fresh_id(&self) -> Option<String> {
        if self.envelope.minor < 5 {
            return None;
        }
        loop {
            let id = crate::base::ids::random(8);
            if !self.cells.iter().any(|c| c.id.as_deref() == Some(&id)) {
                return Some(id);
            }
        }
    }

    fn look_for_oddities(&self, json: &Json) -> Vec<String> {
        let mut notes = Vec::new();
        let minor = self.envelope.minor;
        if minor > KNOWN_MINOR {
            notes.push(format!("Written in format 4.{minor}; what is newer than 4.{KNOWN_MINOR} is kept as it is"));
        }
        let odd = json.root().subtree().filter(|v| v.kind() == super::json::Kind::Odd).count();
        if odd > 0 {
            notes.push(format!("Holds NaN or Infinity ({odd}), which is not JSON; kept as written"));
        }
        let twice = json.root().subtree().filter(|v| v.is_object()).flat_map(|v| v.duplicate_keys()).count();
        if twice > 0 {
            notes.push(format!(
                "Holds keys that occur twice in one object ({twice}); all are kept, the last one counts"
            ));
        }
        let mut ids: HashMap<&str, usize> = HashMap::new();
        self.cells.iter().filter_map(|c| c.id.as_deref()).for_each(|id| *ids.entry(id).or_default() += 1);
        let shared = ids.values().filter(|n| **n > 1).count();
        if shared > 0 {
            notes.push(format!("{shared} cell ids are used more than once; they are kept"));
        }
        let missing = self.cells.iter().filter(|c| c.id.is_none()).count();
        if minor >= 5 && missing > 0 {
            notes.push(format!(
                "{missing} cells have no id, which format 4.5 asks for; a cell gets one when it is edited"
            ));
        }
        notes
    }
}

impl Envelope {
    /// Head and tail together are the notebook without its cells.
    fn read(head: Bytes, tail: Bytes) -> Result<Self> {
        let whole = [&head[..], &tail[..]].concat();
        let json = Json::parse(whole).map_err(|e| ParseBytes(e).into_error())?;
        let minor = json.root().get("nbformat_minor").and_then(|v| v.as_i64()).unwrap_or(0);
        let metadata = json.root().get("metadata").map_or_else(|| Bytes::from(&b"{}"[..]), |m| Bytes::from(m.raw()));
        Ok(Self { head, tail, minor, metadata })
    }

    /// Place of the metadata's value, in the head (`true`) or in the tail.
    fn metadata_place(&self) -> Option<(bool, Range<usize>)> {
        let whole = [&self.head[..], &self.tail[..]].concat();
        let json = Json::parse(whole).ok()?;
        let span = json.root().get("metadata")?.span();
        let cut = self.head.len();
        Some(if span.start < cut { (true, span) } else { (false, span.start - cut..span.end - cut) })
    }
}

/// Gives a scan error its file's words later: the caller knows the name and the bytes.
struct ParseBytes(super::json::JsonError);

impl ParseBytes {
    fn into_error(self) -> Error {
        Error::config("The notebook is not valid JSON").because(&self.0)
    }
}

fn has_unicode_escape(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"\\u").is_some()
}

#[cfg(test)]
mod tests;

//! One cell: its bytes, and where its fields lie in them.
use std::{ops::Range, sync::Arc};

use super::{
    super::json::{
        Bytes, Json, Member, Value,
        splice::{self, Splice},
    },
    CellKey, CellKind,
    layout::Template,
    source,
};
use crate::base::{Error, Result};

/// A field of a cell that can be replaced on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    Source,
    Outputs,
    ExecutionCount,
    Metadata,
    Id,
    Attachments,
}

impl Field {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Outputs => "outputs",
            Self::ExecutionCount => "execution_count",
            Self::Metadata => "metadata",
            Self::Id => "id",
            Self::Attachments => "attachments",
        }
    }
}

/// A cell. Cheap to keep: its bytes are shared with the file or the edit they came from.
#[derive(Debug, Clone)]
pub struct Cell {
    pub key: CellKey,
    pub kind: CellKind,
    /// The text for showing and editing; lone surrogates show as the replacement character.
    pub source: Arc<str>,
    pub execution_count: Option<i64>,
    pub id: Option<Arc<str>>,
    raw: Bytes,
    outputs: Vec<Range<usize>>,
    metadata: Option<Range<usize>>,
}

impl Cell {
    /// Reads a cell from its value; `raw` are the same bytes.
    pub(super) fn from_value(key: CellKey, value: Value<'_>, raw: Bytes) -> Result<Self> {
        if !value.is_object() {
            return Err(Error::config("A cell is not an object in braces"));
        }
        let base = value.span().start;
        let place = |v: Value<'_>| v.span().start - base..v.span().end - base;
        let kind = match value.get("cell_type").and_then(|v| v.as_str()).as_deref() {
            Some("code") => CellKind::Code,
            Some("markdown") => CellKind::Markdown,
            // Shown as text and kept as written: a kind of a later version loses nothing.
            Some(_) => CellKind::Raw,
            None => return Err(Error::config("A cell has no \"cell_type\"")),
        };
        let source = match value.get("source") {
            None => Arc::from(""),
            Some(v) => match v.joined() {
                Some(text) => Arc::from(&*text),
                None => return Err(Error::config("A cell's source is neither text nor a list of lines")),
            },
        };
        Ok(Self {
            key,
            kind,
            source,
            execution_count: value.get("execution_count").and_then(|v| v.as_i64()),
            id: value.get("id").and_then(|v| v.as_str()).map(|s| Arc::from(&*s)),
            outputs: value.get("outputs").map(|o| o.items().map(place).collect()).unwrap_or_default(),
            metadata: value.get("metadata").map(place),
            raw,
        })
    }

    /// Reads a cell that is in no notebook yet.
    pub(in crate::model) fn read(raw: Bytes) -> Result<Self> {
        Self::from_raw(CellKey(0), raw)
    }
    /// Reads a cell from its own bytes.
    pub(super) fn from_raw(key: CellKey, raw: Bytes) -> Result<Self> {
        let json = Json::parse(raw.clone()).map_err(|e| Error::bug("An edit made a cell unreadable").because(&e))?;
        Self::from_value(key, json.root(), raw)
    }

    /// The whole cell as written.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }
    /// Its outputs as written, in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Bytes> + '_ {
        self.outputs.iter().map(|r| self.raw.slice(r.clone()))
    }
    /// True when it has outputs.
    pub fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }
    /// Its metadata as written; an empty object when it has none.
    pub fn metadata(&self) -> Bytes {
        self.metadata.clone().map_or_else(|| Bytes::from(&b"{}"[..]), |r| self.raw.slice(r))
    }
    /// Tags from its metadata.
    pub fn tags(&self) -> Vec<String> {
        let Ok(json) = Json::parse(self.metadata()) else { return Vec::new() };
        let tags = json.root().get("tags");
        tags.map(|t| t.items().filter_map(|v| v.as_str().map(|s| s.into_owned())).collect()).unwrap_or_default()
    }
    /// Attachments of a Markdown cell: name, then mime type and text of each form.
    pub fn attachments(&self) -> Vec<(String, Vec<(String, String)>)> {
        let Ok(json) = Json::parse(self.raw.clone()) else { return Vec::new() };
        let Some(all) = json.root().get("attachments") else { return Vec::new() };
        let forms = |v: Value<'_>| -> Vec<(String, String)> {
            v.members().filter_map(|m| Some((m.key.as_str()?.into_owned(), m.value.joined()?.into_owned()))).collect()
        };
        all.members().filter_map(|m| Some((m.key.as_str()?.into_owned(), forms(m.value)))).collect()
    }

    /// The bytes of a field's value, if the cell has the field.
    pub(super) fn field(&self, field: Field) -> Option<Bytes> {
        let json = Json::parse(self.raw.clone()).ok()?;
        let span = json.root().get(field.key())?.span();
        Some(self.raw.slice(span))
    }

    /// The cell with a field's value replaced, added or (`None`) taken out. Adding and taking out undo each other.
    pub(super) fn with_field(&self, field: Field, value: Option<&[u8]>, ascii: bool) -> Result<Self> {
        let json = Json::parse(self.raw.clone()).map_err(|e| Error::bug("A cell became unreadable").because(&e))?;
        let look =
            |members: &[Member<'_>], value: &[u8]| added(members, field.key(), value, &Template::of(self, ascii));
        match splice::member(json.root(), field.key(), value, look) {
            Some(change) => Self::from_raw(self.key, Bytes::from(splice::apply(self.raw.to_vec(), change))),
            None => Ok(self.clone()),
        }
    }

    /// The bytes its source field gets when its text becomes `new`.
    pub(in crate::model) fn source_bytes(&self, new: &str, ascii: bool) -> Vec<u8> {
        let template = Template::of(self, ascii);
        let Ok(json) = Json::parse(self.raw.clone()) else { return template.text(new) };
        match json.root().get("source") {
            Some(old) => source::replace(old, new, &template.style),
            None => template.text(new),
        }
    }
}

/// Where a new member goes: among sorted keys in its order, else at the end.
fn added(members: &[Member<'_>], key: &str, value: &[u8], look: &Template) -> Splice {
    let keys: Vec<_> = members.iter().map(|m| m.key.as_str().unwrap_or_default()).collect();
    let at = if keys.is_sorted() { keys.iter().filter(|k| ***k < *key).count() } else { keys.len() };
    let mut text = format!("\"{key}\"{}", look.style.colon).into_bytes();
    text.extend_from_slice(value);
    match at.checked_sub(1).and_then(|i| members.get(i)) {
        Some(before) => {
            let mut bytes = look.sep.clone().into_bytes();
            bytes.extend(text);
            (before.value.span().end..before.value.span().end, bytes)
        }
        None => {
            let start = members.first().map_or(1, |m| m.key.span().start);
            if !members.is_empty() {
                text.extend(look.sep.bytes());
            }
            (start..start, text)
        }
    }
}

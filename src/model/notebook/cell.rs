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
    /// The list of them.
    list: Option<Range<usize>>,
    metadata: Option<Range<usize>>,
}

/// A longer list of outputs is not read again when something else of its cell is changed.
const LONG: usize = 32 * 1024;

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
            list: value.get("outputs").map(place),
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

    /// The cell with an empty list in the place of its outputs, when those are long.
    pub(super) fn thin(&self) -> Option<Self> {
        let list = self.list.clone().filter(|list| list.len() > LONG)?;
        let raw = [self.raw.get(..list.start)?, b"[]", self.raw.get(list.end..)?].concat();
        Self::from_raw(self.key, Bytes::from(raw)).ok()
    }
    /// A thin cell with the outputs of the one it was made from.
    fn refilled(self, from: &Self) -> Option<Self> {
        let (now, old) = (self.list.clone()?, from.list.clone()?);
        let raw = [self.raw.get(..now.start)?, from.raw.get(old.clone())?, self.raw.get(now.end..)?].concat();
        let outputs = from.outputs.iter().map(|r| r.start - old.start + now.start..r.end - old.start + now.start);
        let behind = |r: Range<usize>| r.start + old.len() - now.len()..r.end + old.len() - now.len();
        let metadata = self.metadata.clone().map(|r| if r.start < now.start { r } else { behind(r) });
        let list = Some(now.start..now.start + old.len());
        Some(Self { raw: Bytes::from(raw), outputs: outputs.collect(), list, metadata, ..self })
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
        if field != Field::Outputs
            && let Some(thin) = self.thin()
        {
            return thin.field(field);
        }
        let json = Json::parse(self.raw.clone()).ok()?;
        let span = json.root().get(field.key())?.span();
        Some(self.raw.slice(span))
    }

    /// The cell with a field's value replaced, added or (`None`) taken out. Adding and taking out undo each other.
    pub(super) fn with_field(&self, field: Field, value: Option<&[u8]>, ascii: bool) -> Result<Self> {
        if field != Field::Outputs
            && let Some(thin) = self.thin()
            && let Some(full) = thin.with_field(field, value, ascii)?.refilled(self)
        {
            return Ok(full);
        }
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
        if let Some(thin) = self.thin() {
            return thin.source_bytes(new, ascii);
        }
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::model::notebook::Notebook;

    fn long(order: &str, lines: usize) -> Notebook {
        let lines = vec!["\"a line that was printed, one of very many\\n\""; lines].join(",\n");
        let outputs = format!(
            r#""outputs": [ {{"output_type":"stream","name":"stdout","text":[{lines}]}}, {{"output_type":"x"}}]"#
        );
        let cell = match order {
            "first" => format!(
                r#"{{{outputs}, "cell_type":"code", "execution_count":1,"metadata": {{"k": 1}}, "source":["a"]}}"#
            ),
            _ => format!(
                r#"{{"cell_type":"code", "metadata": {{"k": 1}},"source":["a"], "execution_count":1, {outputs} }}"#
            ),
        };
        Notebook::parse(format!(r#"{{"cells":[{cell}],"metadata":{{}},"nbformat":4,"nbformat_minor":5}}"#).as_str())
            .unwrap()
    }

    #[test]
    fn a_cell_is_edited_beside_long_outputs_as_beside_short_ones() {
        for order in ["first", "last"] {
            for lines in [1, 2_000] {
                let mut book = long(order, lines);
                let (key, before) = (book.cells()[0].key, book.to_bytes());
                let outputs: Vec<Bytes> = book.cells()[0].outputs().collect();
                book.set_source(key, "b\nc\"").unwrap();
                book.set_cell_metadata(key, r#"{"k": 22}"#).unwrap();
                let cell = book.cells()[0].clone();
                assert_eq!(
                    (&*cell.source, cell.metadata().text(), cell.id.is_some()),
                    ("b\nc\"", r#"{"k": 22}"#, true)
                );
                assert!(cell.outputs().eq(outputs.iter().cloned()), "{order} {lines}");
                let read = Cell::from_raw(key, cell.raw().clone()).unwrap();
                assert_eq!((&read.outputs, &read.list, &read.metadata), (&cell.outputs, &cell.list, &cell.metadata));
                while book.undo().unwrap().is_some() {}
                assert!(book.to_bytes() == before, "{order} {lines}");
            }
        }
    }

    #[test]
    fn typing_beside_twenty_megabytes_of_output_reads_none_of_them() {
        let mut book = long("last", 400_000);
        let key = book.cells()[0].key;
        let begun = Instant::now();
        (0..30).for_each(|n| book.set_source(key, &"x".repeat(n + 2)).unwrap());
        // Reading them once takes a second where nothing is optimised.
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

//! A notebook as the comparison sees it: cells with decoded source, canonical outputs and fingerprints.
use std::{ops::Range, sync::Arc};

use crate::{
    base::{Error, Result, fsx::hash},
    model::json::{Bytes, Json, Kind, Value},
};

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CellType {
    Code,
    Markdown,
    Raw,
}

impl CellType {
    /// The word a person reads.
    pub fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Markdown => "Markdown",
            Self::Raw => "raw",
        }
    }
}

/// One output, streams of one name joined.
#[derive(Debug, Clone)]
pub struct OutputView {
    /// `stream:stdout`, `error`, or the richest mime type.
    pub class: String,
    /// Its JSON as written; for joined streams, all of them.
    pub parts: Vec<Bytes>,
    /// Of the canonical form.
    pub hash: u64,
}

/// One cell with what alignment needs.
#[derive(Debug, Clone)]
pub struct CellView {
    pub kind: CellType,
    pub source: Arc<str>,
    pub outputs: Vec<OutputView>,
    pub count: Option<i64>,
    pub id: Option<String>,
    /// What a person set, sorted by key: key and value as JSON text.
    pub metadata: Vec<(String, Bytes)>,
    /// Of metadata that tools write at each run or scroll.
    pub volatile: u64,
    /// Name and content hash of attachments, sorted by name.
    pub attachments: Vec<(String, u64)>,
    pub source_hash: u64,
    /// Of all outputs; 0 without outputs.
    pub outputs_hash: u64,
    pub metadata_hash: u64,
    /// Characters that are no blanks, up to 4 billion.
    pub visible: u32,
    /// The whole cell as written.
    pub raw: Bytes,
}

impl CellView {
    /// Too little to be recognised by: fewer than eight visible characters and no outputs.
    pub fn is_tiny(&self) -> bool {
        self.visible < 8 && self.outputs.is_empty()
    }
    /// Its first line that says something, for lists.
    pub fn title(&self) -> &str {
        let line = self.source.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with("%%"));
        line.or_else(|| self.source.lines().next()).map_or("", |l| l.trim_start_matches('#').trim_start())
    }
}

/// A parsed notebook. Keep it as long as what was made from it.
#[derive(Debug, Clone)]
pub struct Document {
    pub cells: Vec<CellView>,
    /// nbformat and its minor version.
    pub format: (i64, i64),
    /// Notebook metadata a person cares for, sorted by key.
    pub metadata: Vec<(String, Bytes)>,
    pub volatile: u64,
    /// `python`, for highlighting.
    pub language: String,
    /// The file as a row of parts: what stands before the cells, then each cell after what stands before it, what stands
    /// after the last, the rest. Empty for formats before 4.
    pub(in crate::model) parts: Vec<Range<usize>>,
}

/// Cell metadata that tools write by themselves.
pub(in crate::model) const VOLATILE_CELL: [&str; 9] = [
    "execution",
    "ExecuteTime",
    "papermill",
    "collapsed",
    "scrolled",
    "heading_collapsed",
    "jupyter",
    "pycharm",
    "executionInfo",
];
/// Notebook metadata that tools write by themselves.
pub(in crate::model) const VOLATILE_NOTEBOOK: [&str; 5] =
    ["widgets", "papermill", "language_info", "toc", "varInspector"];

/// Mime types from the one that says most to the one that says least.
const RICHEST: [&str; 9] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/svg+xml",
    "text/html",
    "text/markdown",
    "text/latex",
    "text/plain",
];

impl Document {
    /// A document without cells, as the other side of a new notebook.
    pub fn empty() -> Self {
        let (cells, metadata, parts) = (Vec::new(), Vec::new(), Vec::new());
        Self { cells, format: (4, 5), metadata, volatile: 0, language: String::new(), parts }
    }

    /// Parses a notebook; an error says what is wrong with it and where.
    pub fn parse(name: &str, bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        Self::read(name, &Json::parse(bytes.clone()).map_err(|e| e.about(name, &bytes))?)
    }
    /// Reads a scanned notebook.
    pub fn read(name: &str, json: &Json) -> Result<Self> {
        let (root, bytes) = (json.root(), json.bytes());
        let wrong = |why: &str| Error::config(format!("{name} is not a notebook")).because_of(why.to_owned());
        if !root.is_object() {
            return Err(wrong("its JSON is no object"));
        }
        let number = |key: &str| root.get(key).and_then(|v| v.as_i64()).unwrap_or(0);
        let format = (number("nbformat"), number("nbformat_minor"));
        let (mut cells, mut parts) = (Vec::new(), Vec::new());
        let mut buffer = Vec::new();
        if let Some(list) = root.get("cells").filter(Value::is_array) {
            cells.extend(list.items().map(|c| cell(c, bytes, &mut buffer)));
            parts = cuts(list, bytes.len());
        } else if let Some(sheets) = root.get("worksheets").filter(Value::is_array) {
            for sheet in sheets.items() {
                let list = sheet.get("cells");
                cells.extend(list.iter().flat_map(Value::items).map(|c| cell(c, bytes, &mut buffer)));
            }
        } else {
            return Err(wrong("it has no list of cells"));
        }
        let (metadata, volatile) = split_metadata(root.get("metadata"), &VOLATILE_NOTEBOOK, &mut buffer);
        let metadata = sliced(metadata, bytes);
        let language = root
            .get("metadata")
            .and_then(|m| {
                m.get("language_info")
                    .and_then(|l| l.get("name"))
                    .or_else(|| m.get("kernelspec").and_then(|k| k.get("language")))
            })
            .and_then(|v| v.as_str().map(|s| s.into_owned()))
            .unwrap_or_else(|| "python".to_owned());
        Ok(Self { cells, format, metadata, volatile, language, parts })
    }
}

fn cuts(list: Value<'_>, len: usize) -> Vec<Range<usize>> {
    let span = list.span();
    let mut at = span.start + 1;
    let mut parts = vec![0..at];
    for cell in list.items() {
        let place = cell.span();
        parts.extend([at..place.start, place.clone()]);
        at = place.end;
    }
    parts.extend([at..span.end - 1, span.end - 1..len]);
    parts
}

fn cell(value: Value<'_>, bytes: &Bytes, buffer: &mut Vec<u8>) -> CellView {
    let text = |key: &str| value.get(key).and_then(|v| v.joined()).unwrap_or_default().into_owned();
    let kind = value.get("cell_type").and_then(|v| v.as_str()).unwrap_or_default();
    let (kind, source) = match kind.as_ref() {
        "code" => (CellType::Code, if value.get("source").is_some() { text("source") } else { text("input") }),
        "raw" => (CellType::Raw, text("source")),
        "heading" => {
            let level = value.get("level").and_then(|v| v.as_i64()).unwrap_or(1).clamp(1, 6);
            (CellType::Markdown, format!("{} {}", "#".repeat(level as usize), text("source")))
        }
        _ => (CellType::Markdown, text("source")),
    };
    let outputs = value.get("outputs").map(|list| outputs(list, bytes, buffer)).unwrap_or_default();
    let (metadata, volatile) = split_metadata(value.get("metadata"), &VOLATILE_CELL, buffer);
    let mut attachments: Vec<(String, u64)> = value
        .get("attachments")
        .iter()
        .flat_map(Value::members)
        .map(|m| (m.key.as_str().unwrap_or_default().into_owned(), canonical_hash(m.value, buffer)))
        .collect();
    attachments.sort();
    buffer.clear();
    for (key, value) in &metadata {
        buffer.extend_from_slice(key.as_bytes());
        buffer.push(0);
        canonical(*value, Form::Tree, buffer);
    }
    for (name, content) in &attachments {
        buffer.extend_from_slice(name.as_bytes());
        buffer.extend_from_slice(&content.to_le_bytes());
    }
    let metadata_hash = hash(buffer);
    let outputs_hash = if outputs.is_empty() {
        0
    } else {
        hash(&outputs.iter().flat_map(|o| o.hash.to_le_bytes()).collect::<Vec<_>>()) | 1
    };
    let visible = source.chars().filter(|c| !c.is_whitespace()).count();
    CellView {
        kind,
        source_hash: hash(source.as_bytes()),
        source: source.into(),
        outputs,
        count: value.get("execution_count").or_else(|| value.get("prompt_number")).and_then(|v| v.as_i64()),
        id: value.get("id").and_then(|v| v.as_str().map(|s| s.into_owned())),
        metadata: sliced(metadata, bytes),
        volatile,
        attachments,
        outputs_hash,
        metadata_hash,
        visible: u32::try_from(visible).unwrap_or(u32::MAX),
        raw: bytes.slice(value.span()),
    }
}

fn outputs(list: Value<'_>, bytes: &Bytes, buffer: &mut Vec<u8>) -> Vec<OutputView> {
    let mut all: Vec<OutputView> = Vec::new();
    // The buffer holds the form of the last output, to which more of its stream may be added.
    let mut grown = false;
    let end = |all: &mut Vec<OutputView>, grown: &mut bool, buffer: &[u8]| {
        if let (true, Some(last)) = (std::mem::take(grown), all.last_mut()) {
            last.hash = hash(buffer);
        }
    };
    for value in list.items() {
        let class = class_of(value);
        let part = bytes.slice(value.span());
        let joins = class.starts_with("stream:") && all.last().is_some_and(|o| o.class == class);
        if let (true, Some(last)) = (joins, all.last_mut()) {
            last.parts.push(part);
            if let Some(text) = value.get("text") {
                canonical(text, Form::Text, buffer);
                grown = true;
            }
            continue;
        }
        end(&mut all, &mut grown, buffer);
        buffer.clear();
        canonical_output(value, &class, buffer);
        all.push(OutputView { class, parts: vec![part], hash: hash(buffer) });
    }
    end(&mut all, &mut grown, buffer);
    all
}

fn class_of(output: Value<'_>) -> String {
    let kind = output.get("output_type").and_then(|v| v.as_str()).unwrap_or_default();
    match kind.as_ref() {
        "stream" => {
            let name = output.get("name").or_else(|| output.get("stream")).and_then(|v| v.as_str());
            format!("stream:{}", name.as_deref().unwrap_or("stdout"))
        }
        "error" | "pyerr" => "error".to_owned(),
        _ => output.get("data").map_or_else(|| "application/json".to_owned(), |data| richest(data)),
    }
}

/// The mime type of a bundle that says most.
fn richest(data: Value<'_>) -> String {
    let keys: Vec<_> = data.members().filter_map(|m| m.key.as_str()).collect();
    let own = keys.iter().find(|k| k.ends_with("+json") || k.as_ref() == "application/json");
    let has = |mime: &&&str| keys.iter().any(|k| k == **mime);
    // A picture beats the data it was made from; a chart's description beats the page that draws it, any page beats
    // other data, and those beat plain words.
    let picture = RICHEST.iter().take(5).find(has).map(|m| (*m).to_owned());
    let chart = || keys.iter().find(|k| super::chart::is_chart(k)).map(|k| k.to_string());
    let best = picture.or_else(chart).or_else(|| RICHEST.iter().take(6).find(has).map(|m| (*m).to_owned()));
    best.or_else(|| own.map(|k| k.to_string()))
        .or_else(|| RICHEST.iter().find(has).map(|m| (*m).to_owned()))
        .or_else(|| keys.iter().min().map(|k| k.to_string()))
        .unwrap_or_else(|| "text/plain".to_owned())
}

/// How strings in a value are meant.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::model) enum Form {
    /// One text, perhaps as a list of its lines.
    Text,
    /// Base64: line breaks mean nothing.
    Base64,
    /// A JSON value: lists are lists.
    Tree,
}

/// How the content of a mime type is meant.
pub(super) fn form_of(mime: &str) -> Form {
    // Altair writes `application/vnd.vegalite.v6.json`, with a dot.
    if mime == "application/json" || mime.ends_with("+json") || mime.ends_with(".json") {
        Form::Tree
    } else if mime.starts_with("text/") || mime.ends_with("+xml") || mime == "application/javascript" {
        Form::Text
    } else {
        Form::Base64
    }
}

/// Equal for outputs that mean the same: keys in any order, lists of lines joined, execution count left out.
pub(super) fn canonical_output(output: Value<'_>, class: &str, out: &mut Vec<u8>) {
    if class.starts_with("stream:") {
        out.extend_from_slice(class.as_bytes());
        out.push(b'\n');
        if let Some(text) = output.get("text") {
            canonical(text, Form::Text, out);
        }
        return;
    }
    let mut members: Vec<_> = output
        .members()
        .filter(|m| !m.key.is("execution_count") && !m.key.is("prompt_number"))
        .map(|m| (m.key.as_wtf8().unwrap_or_default().into_owned(), m.value))
        .collect();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    for (key, value) in members {
        out.push(b'{');
        out.extend_from_slice(&key);
        out.push(b':');
        match key.as_slice() {
            b"data" => bundle(value, out),
            // What was shown once and what a cell returned look the same to a reader.
            b"output_type" => {}
            b"traceback" => canonical(value, Form::Tree, out),
            _ => canonical(value, Form::Tree, out),
        }
    }
}

fn bundle(data: Value<'_>, out: &mut Vec<u8>) {
    let mut members: Vec<_> =
        data.members().map(|m| (m.key.as_str().unwrap_or_default().into_owned(), m.value)).collect();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    for (mime, value) in members {
        out.extend_from_slice(mime.as_bytes());
        out.push(b'=');
        canonical(value, form_of(&mime), out);
        out.push(b';');
    }
}

/// Appends a form that is equal for equal values.
pub(in crate::model) fn canonical(value: Value<'_>, form: Form, out: &mut Vec<u8>) {
    match (value.kind(), form) {
        (Kind::Array, Form::Text | Form::Base64) if value.items().all(|i| i.is_str()) => {
            value.items().for_each(|i| text(i, form, out));
        }
        (Kind::Str | Kind::EscStr, Form::Text | Form::Base64) => text(value, form, out),
        (Kind::Str | Kind::EscStr, Form::Tree) => {
            let text = value.as_wtf8().unwrap_or_default();
            out.push(b'"');
            out.extend_from_slice(&(text.len() as u64).to_le_bytes());
            out.extend_from_slice(&text);
        }
        (Kind::Array, _) => {
            out.push(b'[');
            value.items().for_each(|i| canonical(i, Form::Tree, out));
            out.push(b']');
        }
        (Kind::Object, _) => {
            let mut members: Vec<_> = value.members().map(|m| (m.key.as_wtf8().unwrap_or_default(), m.value)).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            out.push(b'{');
            for (key, value) in members {
                out.extend_from_slice(&(key.len() as u64).to_le_bytes());
                out.extend_from_slice(&key);
                canonical(value, Form::Tree, out);
            }
            out.push(b'}');
        }
        (Kind::Number, _) => {
            out.push(b'#');
            out.extend_from_slice(number(value.raw_text()).as_bytes());
            out.push(b',');
        }
        _ => {
            out.push(b'!');
            out.extend_from_slice(value.raw());
        }
    }
}

fn text(value: Value<'_>, form: Form, out: &mut Vec<u8>) {
    let from = out.len();
    value.append_wtf8(out);
    if form == Form::Base64 {
        without_blanks(out, from);
    }
}

/// Takes line breaks and spaces out of what was added from `start` on.
fn without_blanks(out: &mut Vec<u8>, start: usize) {
    let (mut read, mut write) = (start, start);
    while let Some(rest) = out.get(read..).filter(|r| !r.is_empty()) {
        let run = memchr::memchr3(b'\n', b'\r', b' ', rest).unwrap_or(rest.len());
        if read != write {
            out.copy_within(read..read + run, write);
        }
        (read, write) = (read + run + 1, write + run);
    }
    out.truncate(write);
}

/// A number by value whatever its digits: sign, significant digits, exponent.
fn number(raw: &str) -> String {
    let (raw, sign) = raw.strip_prefix('-').map_or((raw, ""), |r| (r, "-"));
    let (mantissa, exponent) = raw.split_once(['e', 'E']).unwrap_or((raw, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.trim_start_matches('+').parse::<i64>() else { return raw.to_owned() };
    let digits = format!("{whole}{part}");
    let cut = digits.trim_end_matches('0');
    let significant = cut.trim_start_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let exponent = exponent.saturating_sub(part.len() as i64).saturating_add((digits.len() - cut.len()) as i64);
    format!("{sign}{significant}e{exponent}")
}

fn canonical_hash(value: Value<'_>, buffer: &mut Vec<u8>) -> u64 {
    buffer.clear();
    bundle(value, buffer);
    hash(buffer)
}

/// Metadata a person set, sorted, and the hash of what tools wrote.
fn split_metadata<'a>(
    value: Option<Value<'a>>,
    volatile: &[&str],
    buffer: &mut Vec<u8>,
) -> (Vec<(String, Value<'a>)>, u64) {
    let (mut kept, mut noise) = (Vec::new(), Vec::new());
    for member in value.iter().flat_map(Value::members) {
        let key = member.key.as_str().unwrap_or_default().into_owned();
        if volatile.contains(&key.as_str()) {
            noise.push((key, member.value));
        } else {
            kept.push((key, member.value));
        }
    }
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    noise.sort_by(|a, b| a.0.cmp(&b.0));
    buffer.clear();
    for (key, value) in noise {
        buffer.extend_from_slice(key.as_bytes());
        canonical(value, Form::Tree, buffer);
    }
    let hash = if buffer.is_empty() { 0 } else { hash(buffer) };
    (kept, hash)
}

fn sliced(metadata: Vec<(String, Value<'_>)>, bytes: &Bytes) -> Vec<(String, Bytes)> {
    metadata.into_iter().map(|(key, value)| (key, bytes.slice(value.span()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_equal_however_their_lines_are_broken() {
        let form = |text: &str| {
            let json = Json::parse(format!("[\"x\", {text}]").into_bytes()).unwrap();
            let mut out = b"before ".to_vec();
            json.root().items().skip(1).for_each(|v| canonical(v, Form::Base64, &mut out));
            String::from_utf8(out).unwrap()
        };
        let lines = [r#""iVBORw0KGgo=""#, r#""iVBO\nRw0K\nGgo=\n""#, r#"["iVBO\n", "Rw0K \r\n", "Ggo="]"#];
        assert!(lines.iter().all(|l| form(l) == "before iVBORw0KGgo="), "{:?}", lines.map(form));
        assert_eq!(form(r#""""#), "before ");
    }

    #[test]
    fn a_stream_in_parts_is_one_output() {
        let outputs = |list: &str| {
            let bytes = format!(
                "{{\"cells\": [{{\"cell_type\": \"code\", \"source\": \"\", \"metadata\": {{}}, \"outputs\": [{list}]}}], \
                 \"nbformat\": 4}}"
            );
            Document::parse("n.ipynb", bytes.into_bytes()).unwrap().cells.remove(0).outputs
        };
        let stream = |text: &str| format!(r#"{{"output_type": "stream", "name": "stdout", "text": {text}}}"#);
        let whole = outputs(&stream(r#""a\nb\nc""#));
        let parts = outputs(&[r#"["a\n", "b"]"#, r#""\n""#, r#""c""#].map(stream).join(", "));
        assert_eq!((parts.len(), parts[0].parts.len()), (1, 3));
        assert_eq!(parts[0].hash, whole[0].hash);
        let twice =
            outputs(&[r#""a""#, r#""b""#].map(stream).join(r#", {"output_type": "display_data", "data": {}}, "#));
        assert_eq!(twice.len(), 3);
        assert_ne!(twice[0].hash, twice[2].hash);
    }

    #[test]
    fn numbers_are_compared_by_value_and_never_rounded() {
        assert_eq!(number("1.0"), number("1"));
        assert_eq!(number("1E5"), number("100000.0"));
        assert_eq!(number("-0"), number("0.000"));
        assert_ne!(number("1.0000000000000000000001"), number("1"));
        assert_ne!(number("-1"), number("1"));
        assert_eq!(number("0.0010"), number("1e-3"));
    }
}

//! Notebooks of format 2 and 3: shown as if they were format 4, written back as they were.
use super::{
    super::json::{Bytes, Json, Value, encode_str},
    Notebook,
};
use crate::base::{Error, Result};

/// Shows an old notebook converted; its bytes stay what they are until a person upgrades it.
pub(super) fn convert(json: &Json) -> Result<Notebook> {
    let root = json.root();
    let major = root.get("nbformat").and_then(|v| v.as_i64()).unwrap_or(2);
    let mut cells = Vec::new();
    for sheet in root.get("worksheets").into_iter().flat_map(|w| w.items()) {
        cells.extend(sheet.get("cells").into_iter().flat_map(|c| c.items()).map(|c| format!("  {}", cell(c))));
    }
    let metadata = root.get("metadata").filter(|m| m.is_object()).map_or("{}", |m| m.raw_text());
    let list = if cells.is_empty() { "[]".to_owned() } else { format!("[\n{}\n ]", cells.join(",\n")) };
    let text =
        format!("{{\n \"cells\": {list},\n \"metadata\": {metadata},\n \"nbformat\": 4,\n \"nbformat_minor\": 4\n}}\n");
    let converted = Json::parse(text.into_bytes())
        .map_err(|e| Error::config(format!("The notebook of format {major} could not be converted")).because(&e))?;
    let Some(array) = converted.root().get("cells") else {
        return Err(Error::bug("A converted notebook lost its cells"));
    };
    let mut notebook = Notebook::from_cells(&converted, array)?;
    let why = format!("It has format {major} and is shown converted; the file stays as it is until it is upgraded");
    notebook.read_only = Some((why, json.bytes().clone()));
    Ok(notebook)
}

impl Notebook {
    /// A read-only notebook of an old format as an editable one of format 4, not saved yet.
    pub fn upgraded(&self) -> Option<Self> {
        self.read_only.as_ref()?;
        let plain = Self { read_only: None, ..self.clone() };
        let mut new = Self::parse(Bytes::from(plain.to_bytes())).ok()?;
        new.happened();
        Some(new)
    }
}

fn text(value: &str) -> String {
    let mut out = Vec::new();
    encode_str(value, false, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The bytes of a text field, in the form it has.
fn raw_or_empty(value: Option<Value<'_>>) -> &str {
    value.filter(|v| v.joined().is_some()).map_or("\"\"", |v| v.raw_text())
}

fn object(members: &[(&str, String)]) -> String {
    let all: Vec<_> = members.iter().map(|(k, v)| format!("   \"{k}\": {v}")).collect();
    format!("{{\n{}\n  }}", all.join(",\n"))
}

fn cell(cell: Value<'_>) -> String {
    let metadata = cell.get("metadata").filter(|m| m.is_object()).map_or("{}", |m| m.raw_text()).to_owned();
    let kind = cell.get("cell_type").and_then(|v| v.as_str()).unwrap_or_default();
    match &*kind {
        "code" => {
            let count = cell.get("prompt_number").filter(|v| v.number().is_some()).map_or("null", |v| v.raw_text());
            let outputs: Vec<_> = cell.get("outputs").into_iter().flat_map(|o| o.items()).map(output).collect();
            object(&[
                ("cell_type", "\"code\"".into()),
                ("execution_count", count.into()),
                ("metadata", metadata),
                ("outputs", format!("[{}]", outputs.join(", "))),
                ("source", raw_or_empty(cell.get("input").or_else(|| cell.get("source"))).into()),
            ])
        }
        "heading" => {
            let level = cell.get("level").and_then(|v| v.as_i64()).unwrap_or(1).clamp(1, 6) as usize;
            let title = cell.get("source").and_then(|s| s.joined()).unwrap_or_default().replace('\n', " ");
            let source = text(&format!("{} {title}", "#".repeat(level)));
            object(&[("cell_type", "\"markdown\"".into()), ("metadata", metadata), ("source", source)])
        }
        other => {
            let kind = if other == "raw" { "raw" } else { "markdown" };
            let source = raw_or_empty(cell.get("source")).to_owned();
            object(&[("cell_type", text(kind)), ("metadata", metadata), ("source", source)])
        }
    }
}

fn output(output: Value<'_>) -> String {
    let raw = |key: &str| output.get(key).map(|v| v.raw_text().to_owned());
    let kind = output.get("output_type").and_then(|v| v.as_str()).unwrap_or_default();
    let members: Vec<(&str, String)> = match &*kind {
        "stream" => vec![
            ("name", raw("stream").unwrap_or_else(|| "\"stdout\"".into())),
            ("output_type", "\"stream\"".into()),
            ("text", raw_or_empty(output.get("text")).into()),
        ],
        "pyerr" => vec![
            ("ename", raw("ename").unwrap_or_else(|| "\"Error\"".into())),
            ("evalue", raw("evalue").unwrap_or_else(|| "\"\"".into())),
            ("output_type", "\"error\"".into()),
            ("traceback", raw("traceback").unwrap_or_else(|| "[]".into())),
        ],
        _ => {
            let mut all = vec![("data", bundle(output)), ("metadata", "{}".into())];
            if kind == "pyout" {
                all.push(("execution_count", raw("prompt_number").unwrap_or_else(|| "null".into())));
                all.push(("output_type", "\"execute_result\"".into()));
            } else {
                all.push(("output_type", "\"display_data\"".into()));
            }
            all
        }
    };
    object(&members)
}

/// The mime bundle of an old output, whose forms stood beside each other under short names.
fn bundle(output: Value<'_>) -> String {
    const NAMES: [(&str, &str); 8] = [
        ("text", "text/plain"),
        ("html", "text/html"),
        ("png", "image/png"),
        ("jpeg", "image/jpeg"),
        ("svg", "image/svg+xml"),
        ("latex", "text/latex"),
        ("json", "application/json"),
        ("javascript", "application/javascript"),
    ];
    let all: Vec<_> = NAMES
        .iter()
        .filter_map(|(old, mime)| output.get(old).map(|v| format!("\"{mime}\": {}", v.raw_text())))
        .collect();
    format!("{{{}}}", all.join(", "))
}

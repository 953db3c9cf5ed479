//! Charts of Vega-Lite, versions 2 to 6: data, transforms, encodings, layers, facets and views beside each other.
mod axes;
mod compose;
mod data;
mod encode;
mod expr;
mod marks;
mod parts;
mod spread;
#[cfg(test)]
mod tests;
mod transform;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::data::Rows;
use super::figure::{Figure, Source};

/// Text of a file of the workspace by the address a chart gives, when it may be read.
pub type Files<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a specification. Never fails: what is not drawn is told in the figure's notes. Nothing is fetched; `files` gives
/// what lies in the workspace.
pub fn read(spec: &Value, files: Files<'_>) -> Figure {
    let mut reader = Reader {
        figure: Figure::new(Source::VegaLite),
        datasets: spec.get("datasets").and_then(Value::as_object).cloned().unwrap_or_default(),
        kept: HashMap::new(),
        files,
        config: spec.get("config").cloned().unwrap_or(Value::Null),
        series: 0,
    };
    reader.facts(spec);
    let whole = compose::Inherited::default();
    reader.compose(spec, &whole, [0.0, 0.0, 1.0, 1.0], 0);
    reader.finish(spec);
    reader.figure
}

struct Reader<'a> {
    figure: Figure,
    datasets: Map<String, Value>,
    /// Data that was read already, by its description.
    kept: HashMap<String, Option<Rows>>,
    files: Files<'a>,
    config: Value,
    series: usize,
}

impl Reader<'_> {
    fn facts(&mut self, spec: &Value) {
        let mut marks = Vec::new();
        collect_marks(spec, &mut marks, 0);
        let channel = |name: &str| spec.pointer(&format!("/encoding/{name}")).is_some();
        let kind = if spec.get("repeat").is_some() {
            Some("repeat")
        } else if spec.get("facet").is_some() || channel("row") || channel("column") || channel("facet") {
            Some("facet")
        } else if spec.get("layer").is_some() {
            Some("layer")
        } else if ["hconcat", "vconcat", "concat"].iter().any(|k| spec.get(*k).is_some()) {
            Some("concat")
        } else {
            marks.first().map(String::as_str)
        };
        if let Some(kind) = kind {
            self.figure.facts.push(("mark", json!(kind)));
        }
        if let Some(layers) = spec.get("layer").and_then(Value::as_array) {
            self.figure.facts.push(("layers", json!(layers.len())));
        }
        self.figure.facts.push(("marks", json!(marks)));
    }

    /// Rows of a `data` property.
    fn rows(&mut self, data: &Value) -> Option<Rows> {
        if let Some(name) = data.get("name").and_then(Value::as_str)
            && data.get("values").is_none()
            && data.get("url").is_none()
        {
            let key = format!("name {name}");
            if let Some(found) = self.kept.get(&key) {
                return found.clone();
            }
            let rows = self.datasets.get(name).map(|v| Arc::new(data::rows(v)));
            if rows.is_none() {
                self.figure
                    .note(format!("The data set {}, which is not in the chart", crate::base::text::shorten(name, 60)));
            }
            let n = self.datasets.get(name).and_then(Value::as_array).map_or(0, Vec::len);
            self.too_many(n);
            self.kept.insert(key, rows.clone());
            return rows;
        }
        if let Some(values) = data.get("values") {
            let format = data.get("format").cloned().unwrap_or(Value::Null);
            self.too_many(values.as_array().map_or(0, Vec::len));
            return match (values, format.get("type").and_then(Value::as_str)) {
                (Value::String(text), Some(_)) => data::file(text, &format, "").map(Arc::new),
                _ => Some(Arc::new(data::rows(values))),
            };
        }
        if let Some(url) = data.get("url").and_then(Value::as_str) {
            let key = format!("url {url}");
            if let Some(found) = self.kept.get(&key) {
                return found.clone();
            }
            let format = data.get("format").cloned().unwrap_or(Value::Null);
            let shown = crate::base::text::shorten(url, 200);
            let rows = if url.contains("://") || url.starts_with("//") || url.starts_with("data:") {
                self.figure.note(format!("The data, which is at {shown} and is not fetched"));
                None
            } else {
                self.figure.wants.push(url.to_owned());
                match (self.files)(url) {
                    Some(text) => {
                        let rows = data::file(&text, &format, url).map(Arc::new);
                        if rows.is_none() {
                            self.figure.note(format!("The data of {shown}, which is not read as a table"));
                        }
                        rows
                    }
                    None => {
                        self.figure.note(format!("The data, which is in the file {shown}"));
                        None
                    }
                }
            };
            self.kept.insert(key, rows.clone());
            return rows;
        }
        if let Some(sequence) = data.get("sequence") {
            let n = |key: &str, or: f64| sequence.get(key).and_then(Value::as_f64).unwrap_or(or);
            let (start, stop, step) = (n("start", 0.0), n("stop", 0.0), n("step", 1.0));
            let name = sequence.get("as").and_then(Value::as_str).unwrap_or("data");
            let count = ((stop - start) / step).ceil().clamp(0.0, data::MOST_ROWS as f64);
            let count = if count.is_nan() { 0 } else { count as usize };
            let row = |i: usize| data::Row::from_iter([(name.to_owned(), json!(start + step * i as f64))]);
            return Some(Arc::new((0..count).map(row).collect()));
        }
        if data.is_object() {
            self.figure.note("Data made by a generator");
        }
        None
    }

    fn too_many(&mut self, n: usize) {
        if n > data::MOST_ROWS {
            self.figure.note(format!("{} of {n} rows, which are too many", n - data::MOST_ROWS));
        }
    }

    fn note_all(&mut self, notes: Vec<String>) {
        notes.into_iter().for_each(|n| self.figure.note(n));
    }
}

fn collect_marks(spec: &Value, out: &mut Vec<String>, depth: usize) {
    if depth > 12 || out.len() > 200 {
        return;
    }
    if let Some(mark) = spec.get("mark") {
        let name = mark.as_str().or_else(|| mark.get("type")?.as_str());
        out.extend(name.map(str::to_owned));
    }
    for key in ["layer", "hconcat", "vconcat", "concat"] {
        spec.get(key).and_then(Value::as_array).into_iter().flatten().for_each(|s| collect_marks(s, out, depth + 1));
    }
    if let Some(inner) = spec.get("spec") {
        collect_marks(inner, out, depth + 1);
    }
}

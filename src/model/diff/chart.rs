//! Charts compared by what they are made of: traces of plotly, marks and encodings of Vega-Lite, points by number.
use std::collections::BTreeMap;

use base64::Engine;
use serde::Serialize;
use serde_json::Value;

use super::output::OutputChange;
use crate::base::text::{count, shorten, thousands};

/// Most facts that are told of one part.
const MAX_FACTS: usize = 20;
/// Longest value that is written out.
const MAX_VALUE: usize = 60;

/// A trace, the layout, a mark, an encoding or the data, with what changed in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChartPart {
    pub change: OutputChange,
    /// `Trace delay (scatter)`, `Layout`, `Encoding x`.
    pub name: String,
    /// `y: 3 of 120 points changed`.
    pub facts: Vec<String>,
}

/// A comparison of two charts; parts that are the same are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChartDiff {
    pub parts: Vec<ChartPart>,
}

/// A chart as its tool describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Chart {
    Plotly { data: Vec<Value>, layout: Value },
    Vega(Value),
}

/// True for the mime types of chart descriptions.
pub(super) fn is_chart(mime: &str) -> bool {
    mime.starts_with("application/vnd.plotly") || mime.starts_with("application/vnd.vega")
}

impl Chart {
    /// From a value of a chart's mime type.
    pub fn from_json(mime: &str, json: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(json).ok()?;
        if mime.starts_with("application/vnd.vega") {
            return value.is_object().then_some(Self::Vega(value));
        }
        let data = value.get("data")?.as_array()?.clone();
        Some(Self::Plotly { data, layout: value.get("layout").cloned().unwrap_or(Value::Null) })
    }

    /// From the script inside a page: the description is strict JSON there.
    pub fn from_html(html: &str) -> Option<Self> {
        let first = |text: &str| serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok();
        if let Some(at) = html.find("Plotly.newPlot(") {
            let call = html.get(at..)?;
            let data = call.find('[')?;
            let text = call.get(data..)?;
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            let traces = values.next()?.ok()?;
            let rest = text.get(values.byte_offset()..)?.trim_start().strip_prefix(',')?;
            return Some(Self::Plotly { data: traces.as_array()?.clone(), layout: first(rest).unwrap_or(Value::Null) });
        }
        if html.contains("vegaEmbed") {
            // The call of the function that draws: its first argument is the description.
            let at = html.rfind("})({").map(|at| at + 3).or_else(|| html.find("var spec = {").map(|at| at + 11))?;
            return first(html.get(at..)?).filter(Value::is_object).map(Self::Vega);
        }
        None
    }
}

impl ChartDiff {
    /// Compares two charts; none when they are of different tools.
    pub(super) fn new(old: &Chart, new: &Chart) -> Option<Self> {
        let parts = match (old, new) {
            (Chart::Plotly { data: a, layout: x }, Chart::Plotly { data: b, layout: y }) => plotly((a, x), (b, y)),
            (Chart::Vega(a), Chart::Vega(b)) => vega(a, b),
            _ => return None,
        };
        Some(Self { parts })
    }

    /// `1 changed, 1 added`; empty when the charts say the same.
    pub fn words(&self) -> String {
        let kinds =
            [(OutputChange::Changed, "changed"), (OutputChange::Added, "added"), (OutputChange::Removed, "removed")];
        let words = kinds.iter().filter_map(|(kind, word)| {
            let n = self.parts.iter().filter(|p| p.change == *kind).count();
            (n > 0).then(|| format!("{n} {word}"))
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

fn part(change: OutputChange, name: String, mut facts: Vec<String>) -> ChartPart {
    if facts.len() > MAX_FACTS {
        let more = facts.len() - MAX_FACTS;
        facts.truncate(MAX_FACTS);
        facts.push(format!("{} more", thousands(more as u64)));
    }
    ChartPart { change, name, facts }
}

/// Whether two traces belong together.
type Alike<'a> = dyn Fn(&Value, &Value) -> bool + 'a;

fn plotly((old, old_layout): (&[Value], &Value), (new, new_layout): (&[Value], &Value)) -> Vec<ChartPart> {
    let kind = |t: &Value| t.get("type").and_then(Value::as_str).unwrap_or("scatter").to_owned();
    let name = |t: &Value| t.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let title = |t: &Value, n: usize| match name(t).as_str() {
        "" => format!("Trace {} ({})", n + 1, kind(t)),
        name => format!("Trace {} ({})", shorten(name, 40), kind(t)),
    };
    let mut partner: Vec<Option<usize>> = vec![None; new.len()];
    let mut free: Vec<bool> = vec![true; old.len()];
    // The same trace, then one of that name and type, then one of that type.
    let rules: [&Alike<'_>; 3] =
        [&|a, b| a == b, &|a, b| !name(a).is_empty() && name(a) == name(b) && kind(a) == kind(b), &|a, b| {
            (name(a).is_empty() || name(b).is_empty()) && kind(a) == kind(b)
        }];
    for rule in rules {
        for (b, slot) in new.iter().zip(partner.iter_mut()).filter(|(_, slot)| slot.is_none()) {
            let found = old.iter().zip(&free).position(|(a, free)| *free && rule(a, b));
            if let Some(i) = found {
                free.get_mut(i).into_iter().for_each(|f| *f = false);
                *slot = Some(i);
            }
        }
    }
    let mut parts = Vec::new();
    for (n, (b, slot)) in new.iter().zip(&partner).enumerate() {
        match slot.and_then(|i| old.get(i)) {
            Some(a) => {
                let facts = facts(a, b, &["uid"]);
                if !facts.is_empty() {
                    parts.push(part(OutputChange::Changed, title(b, n), facts));
                }
            }
            None => parts.push(part(OutputChange::Added, title(b, n), points_of(b).into_iter().collect())),
        }
    }
    for (n, (a, _)) in old.iter().zip(&free).enumerate().filter(|(_, (_, free))| **free) {
        parts.push(part(OutputChange::Removed, title(a, n), points_of(a).into_iter().collect()));
    }
    let mut layout = facts(old_layout, new_layout, &["template"]);
    if old_layout.get("template") != new_layout.get("template") {
        layout.push("template changed".to_owned());
    }
    if !layout.is_empty() {
        parts.push(part(OutputChange::Changed, "Layout".to_owned(), layout));
    }
    parts
}

/// `120 points`, of a trace that came or went.
fn points_of(trace: &Value) -> Option<String> {
    let keys = ["y", "x", "values", "z", "lat"];
    let n = keys.iter().find_map(|k| Points::of(trace.get(*k)?)).map(|p| p.len())?;
    Some(count(n as u64, "point"))
}

fn vega(old: &Value, new: &Value) -> Vec<ChartPart> {
    let mut parts = Vec::new();
    let (a, b) = (strip(old), strip(new));
    // `encoding.x.field` belongs to `Encoding x`, `mark.type` to `Mark`, `layer.1.mark` to `Layer 2 mark`.
    let mut groups: BTreeMap<String, (bool, bool, Vec<String>)> = BTreeMap::new();
    let (x, y) = (leaves(&a), leaves(&b));
    let top = |all: &BTreeMap<String, &Value>, name: &str| all.keys().any(|k| group(k) == name);
    for key in x.keys().chain(y.keys()) {
        let name = group(key);
        if groups.contains_key(&name) {
            continue;
        }
        groups.insert(name.clone(), (top(&x, &name), top(&y, &name), Vec::new()));
    }
    for (key, fact) in changes(&x, &y) {
        if let Some(entry) = groups.get_mut(&group(&key)) {
            entry.2.push(fact);
        }
    }
    for (name, (was, is, facts)) in groups {
        match (was, is) {
            (true, true) if facts.is_empty() => {}
            (true, true) => parts.push(part(OutputChange::Changed, name, facts)),
            (false, _) => parts.push(part(OutputChange::Added, name, facts)),
            _ => parts.push(part(OutputChange::Removed, name, facts)),
        }
    }
    let rows = data_facts(old, new);
    if !rows.is_empty() {
        parts.push(part(OutputChange::Changed, "Data".to_owned(), rows));
    }
    parts
}

/// The description without its data, whose names are made from their content.
fn strip(spec: &Value) -> Value {
    match spec {
        Value::Object(map) => {
            let keep = map.iter().filter(|(k, v)| {
                let inline = k.as_str() == "data" && (v.get("name").is_some() || v.get("values").is_some());
                !(inline || matches!(k.as_str(), "datasets" | "$schema" | "usermeta"))
            });
            Value::Object(keep.map(|(k, v)| (k.clone(), strip(v))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(strip).collect()),
        other => other.clone(),
    }
}

fn group(path: &str) -> String {
    let mut parts = path.split('.');
    let mut name = String::new();
    let mut first = parts.next().unwrap_or_default();
    while matches!(first, "layer" | "hconcat" | "vconcat" | "concat" | "spec") {
        let number = parts.next().unwrap_or_default();
        match number.parse::<usize>() {
            Ok(n) => {
                name.push_str(&format!("{} {} ", upper(first), n + 1));
                first = parts.next().unwrap_or_default();
            }
            Err(_) => first = number,
        }
    }
    let own = match first {
        "encoding" => format!("Encoding {}", parts.next().unwrap_or_default()),
        other => upper(other),
    };
    if name.is_empty() { own } else { format!("{name}{}", own.to_lowercase()) }
}

fn upper(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}

/// All tables of values in a description, in order.
fn tables(spec: &Value) -> Vec<&Vec<Value>> {
    let mut all: Vec<&Vec<Value>> = Vec::new();
    let mut stack = vec![spec];
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(map) => {
                if let Some(sets) = map.get("datasets").and_then(Value::as_object) {
                    all.extend(sets.values().filter_map(Value::as_array));
                }
                all.extend(map.get("data").and_then(|d| d.get("values")).and_then(Value::as_array));
                stack.extend(map.iter().filter(|(k, _)| !matches!(k.as_str(), "datasets" | "data")).map(|(_, v)| v));
            }
            Value::Array(list) => stack.extend(list),
            _ => {}
        }
    }
    all
}

fn data_facts(old: &Value, new: &Value) -> Vec<String> {
    let (mut a, mut b) = (tables(old), tables(new));
    // The same data under another name or in another place.
    a.retain(|x| {
        let same = b.iter().position(|y| x == y);
        same.map(|at| b.remove(at)).is_none()
    });
    let mut facts = Vec::new();
    for n in 0..a.len().max(b.len()) {
        facts.push(match (a.get(n), b.get(n)) {
            (Some(x), Some(y)) => {
                let same = x.iter().zip(y.iter()).filter(|(x, y)| x == y).count();
                let most = x.len().max(y.len());
                let size = if x.len() == y.len() {
                    String::new()
                } else {
                    format!(", {} became {}", thousands(x.len() as u64), thousands(y.len() as u64))
                };
                format!("{} of {} points changed{size}", thousands((most - same) as u64), thousands(most as u64))
            }
            (Some(x), None) => format!("{} removed", count(x.len() as u64, "point")),
            (_, y) => format!("{} added", count(y.map_or(0, |y| y.len()) as u64, "point")),
        });
    }
    facts
}

/// What differs between two values, below keys that are not left out.
fn facts(old: &Value, new: &Value, without: &[&str]) -> Vec<String> {
    let out =
        |k: &String| without.iter().any(|w| k.strip_prefix(w).is_some_and(|t| t.is_empty() || t.starts_with('.')));
    let (mut x, mut y) = (leaves(old), leaves(new));
    x.retain(|k, _| !out(k));
    y.retain(|k, _| !out(k));
    changes(&x, &y).into_iter().map(|(_, fact)| fact).collect()
}

fn changes(x: &BTreeMap<String, &Value>, y: &BTreeMap<String, &Value>) -> Vec<(String, String)> {
    let mut keys: Vec<&String> = x.keys().chain(y.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter().filter_map(|k| Some((k.clone(), fact(k, x.get(k).copied(), y.get(k).copied())?))).collect()
}

fn fact(key: &str, old: Option<&Value>, new: Option<&Value>) -> Option<String> {
    if old == new {
        return None;
    }
    let points = (old.and_then(Points::of), new.and_then(Points::of));
    if let (Some(a), Some(b)) = points {
        return a.changes(&b).map(|words| format!("{key}: {words}"));
    }
    let number = |v: &Value| v.as_f64();
    if let (Some(a), Some(b)) = (old.and_then(number), new.and_then(number))
        && a == b
    {
        return None;
    }
    let text = |v: &Value| {
        let text = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        shorten(&text.replace('\n', " "), MAX_VALUE)
    };
    Some(match (old, new) {
        (Some(a), Some(b)) => format!("{key}: {} became {}", text(a), text(b)),
        (Some(a), None) => format!("{key}: {} removed", text(a)),
        (_, b) => format!("{key}: {} added", b.map(text).unwrap_or_default()),
    })
}

/// Values by path; lists of plain values and packed arrays are one value.
fn leaves(value: &Value) -> BTreeMap<String, &Value> {
    let mut all = BTreeMap::new();
    let mut stack = vec![(String::new(), value)];
    while let Some((path, value)) = stack.pop() {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            Value::Object(map) if !map.contains_key("bdata") => {
                stack.extend(map.iter().map(|(k, v)| (below(k), v)));
            }
            Value::Array(list) if list.iter().any(Value::is_object) => {
                stack.extend(list.iter().enumerate().map(|(n, v)| (below(&n.to_string()), v)));
            }
            Value::Null if path.is_empty() => {}
            _ => {
                all.insert(path, value);
            }
        }
    }
    all
}

/// The points of an array, however it is written.
enum Points {
    Numbers(Vec<f64>),
    Values(Vec<Value>),
}

impl Points {
    fn of(value: &Value) -> Option<Self> {
        if let Some(list) = value.as_array() {
            let numbers: Option<Vec<f64>> =
                list.iter().map(|v| if v.is_null() { Some(f64::NAN) } else { v.as_f64() }).collect();
            return Some(numbers.map_or_else(|| Self::Values(list.clone()), Self::Numbers));
        }
        let (dtype, data) = (value.get("dtype")?.as_str()?, value.get("bdata")?.as_str()?);
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).ok()?;
        unpack(dtype, &bytes).map(Self::Numbers)
    }

    fn len(&self) -> usize {
        match self {
            Self::Numbers(n) => n.len(),
            Self::Values(v) => v.len(),
        }
    }

    /// `3 of 120 points changed`; none when all are the same.
    fn changes(&self, other: &Self) -> Option<String> {
        let same = match (self, other) {
            (Self::Numbers(a), Self::Numbers(b)) => {
                a.iter().zip(b).filter(|(x, y)| x == y || (x.is_nan() && y.is_nan())).count()
            }
            (Self::Values(a), Self::Values(b)) => a.iter().zip(b).filter(|(x, y)| x == y).count(),
            _ => 0,
        };
        let (a, b) = (self.len(), other.len());
        let most = a.max(b);
        let words = format!("{} of {} points changed", thousands((most - same) as u64), thousands(most as u64));
        match (a == b, same == most) {
            (true, true) => None,
            (true, false) => Some(words),
            _ => Some(format!("{words}, {} became {}", thousands(a as u64), thousands(b as u64))),
        }
    }
}

/// Packed numbers, little-endian, as plotly writes them.
fn unpack(dtype: &str, bytes: &[u8]) -> Option<Vec<f64>> {
    fn each<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.chunks_exact(N).filter_map(|c| c.try_into().ok()).map(read).collect()
    }
    Some(match dtype {
        "i1" => each(bytes, |[b]: [u8; 1]| f64::from(b as i8)),
        "u1" => each(bytes, |[b]: [u8; 1]| f64::from(b)),
        "i2" => each(bytes, |b| f64::from(i16::from_le_bytes(b))),
        "u2" => each(bytes, |b| f64::from(u16::from_le_bytes(b))),
        "i4" => each(bytes, |b| f64::from(i32::from_le_bytes(b))),
        "u4" => each(bytes, |b| f64::from(u32::from_le_bytes(b))),
        "f4" => each(bytes, |b| f64::from(f32::from_le_bytes(b))),
        "f8" => each(bytes, f64::from_le_bytes),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plot(data: Value, layout: Value) -> Chart {
        Chart::from_json("application/vnd.plotly.v1+json", &json!({"data": data, "layout": layout}).to_string())
            .unwrap()
    }

    fn told(diff: &ChartDiff) -> Vec<String> {
        diff.parts.iter().map(|p| format!("{:?} {}: {}", p.change, p.name, p.facts.join("; "))).collect()
    }

    #[test]
    fn plotly_is_compared_by_trace() {
        let old = plot(
            json!([{"name": "delay", "y": [1, 2, 3], "marker": {"color": "red"}}, {"name": "gone", "type": "bar", "y": [1]}]),
            json!({"title": {"text": "A"}, "template": {"x": 1}}),
        );
        // int64 array [1, 2, 4] narrowed to i1, as plotly writes it.
        let new = plot(
            json!([{"name": "new", "type": "bar", "y": [1, 2]}, {"name": "delay", "y": {"dtype": "i1", "bdata": "AQIE"}, "marker": {"color": "blue"}}]),
            json!({"title": {"text": "B"}, "template": {"x": 1}}),
        );
        let diff = ChartDiff::new(&old, &new).unwrap();
        assert_eq!(
            told(&diff),
            [
                "Added Trace new (bar): 2 points",
                "Changed Trace delay (scatter): marker.color: red became blue; y: 1 of 3 points changed",
                "Removed Trace gone (bar): 1 point",
                "Changed Layout: title.text: A became B",
            ]
        );
        assert_eq!(diff.words(), "2 changed, 1 added, 1 removed");
        assert!(ChartDiff::new(&old, &old).unwrap().parts.is_empty());
        let packed = plot(json!([{"y": {"dtype": "f8", "bdata": "AAAAAAAA8D8="}}]), Value::Null);
        assert!(ChartDiff::new(&packed, &plot(json!([{"y": [1]}]), Value::Null)).unwrap().parts.is_empty());
    }

    #[test]
    fn vega_lite_is_compared_by_mark_encoding_and_data() {
        let spec = |mark: &str, field: &str, name: &str, rows: Value| {
            let value = json!({"mark": {"type": mark}, "encoding": {"x": {"field": field, "type": "quantitative"}},
                "data": {"name": name}, "datasets": {name: rows}});
            Chart::from_json("application/vnd.vegalite.v6.json", &value.to_string()).unwrap()
        };
        let old = spec("bar", "delay", "data-1", json!([{"a": 1}, {"a": 2}]));
        let diff =
            ChartDiff::new(&old, &spec("line", "minutes", "data-2", json!([{"a": 1}, {"a": 3}, {"a": 4}]))).unwrap();
        assert_eq!(
            told(&diff),
            [
                "Changed Encoding x: encoding.x.field: delay became minutes",
                "Changed Mark: mark.type: bar became line",
                "Changed Data: 2 of 3 points changed, 2 became 3",
            ]
        );
        let same = spec("bar", "delay", "data-9", json!([{"a": 1}, {"a": 2}]));
        assert!(ChartDiff::new(&old, &same).unwrap().parts.is_empty(), "data are named by their content");
    }

    #[test]
    fn charts_are_found_inside_pages() {
        let page =
            r#"<div id="4f"></div><script>Plotly.newPlot("4f", [{"y":[1]}], {"title":{"text":"A"}}, {});</script>"#;
        assert!(
            matches!(Chart::from_html(page), Some(Chart::Plotly { data, layout }) if data.len() == 1 && layout.is_object())
        );
        let page = "<script>(function(spec, o){ vegaEmbed('#v', spec, o) })({\"mark\": \"bar\"}, {\"mode\": \"vega-lite\"});</script>";
        assert!(matches!(Chart::from_html(page), Some(Chart::Vega(_))));
        assert_eq!(Chart::from_html("<p>Plotly.newPlot(</p>"), None);
        assert_eq!(Chart::from_html("<p>plain</p>"), None);
    }
}

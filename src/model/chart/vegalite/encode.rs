//! Encodings of one view: which field is on which channel, what it is called, and the rows with their bins, units of
//! time and aggregates worked out.
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    data::{Row, Rows, field, time},
    transform::{bin_rows, fold_rows, groups, sort_rows, truncate, unit_name},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Quantity,
    Ordinal,
    Nominal,
    Time,
}

impl Kind {
    pub fn is_discrete(self) -> bool {
        matches!(self, Self::Ordinal | Self::Nominal)
    }
}

/// One channel of an encoding.
#[derive(Debug, Clone)]
pub struct Channel {
    pub name: String,
    pub spec: Value,
    /// The column of the rows that holds it; nothing for a constant.
    pub column: Option<String>,
    /// The other end of a bin.
    pub end: Option<String>,
    pub kind: Kind,
    pub title: String,
    pub aggregate: Option<String>,
    pub unit: Option<String>,
    pub binned: bool,
    /// A constant in the units of the data.
    pub datum: Option<Value>,
    /// A constant in the units of the screen.
    pub value: Option<Value>,
}

impl Channel {
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.spec.pointer(path).filter(|v| !v.is_null())
    }
    pub fn has(&self, key: &str) -> Option<&Value> {
        self.spec.get(key)
    }
    pub fn is_field(&self) -> bool {
        self.column.is_some()
    }
}

/// All channels of a view.
#[derive(Debug, Clone, Default)]
pub struct Encoding(pub Vec<Channel>);

impl Encoding {
    pub fn get(&self, name: &str) -> Option<&Channel> {
        self.0.iter().find(|c| c.name == name)
    }
    pub fn field(&self, name: &str) -> Option<&Channel> {
        self.get(name).filter(|c| c.is_field())
    }
}

fn kind_of(spec: &Value, rows: &[Row], name: &str) -> Kind {
    match spec.get("type").and_then(Value::as_str) {
        Some("quantitative" | "Q") => return Kind::Quantity,
        Some("ordinal" | "O") => return Kind::Ordinal,
        Some("nominal" | "N") => return Kind::Nominal,
        Some("temporal" | "T") => return Kind::Time,
        _ => {}
    }
    if spec.get("timeUnit").is_some() {
        return Kind::Time;
    }
    if spec.get("aggregate").is_some_and(|a| !a.is_object()) || spec.get("bin").is_some_and(|b| *b != false) {
        return Kind::Quantity;
    }
    if spec.get("sort").is_some_and(Value::is_array) {
        return Kind::Ordinal;
    }
    let Some(of) = spec.get("field").and_then(Value::as_str) else {
        return match spec.get("datum") {
            Some(Value::Number(_)) => Kind::Quantity,
            Some(Value::Object(_)) => Kind::Time,
            _ => Kind::Nominal,
        };
    };
    let positional = matches!(name, "x" | "y" | "x2" | "y2" | "size" | "theta" | "color" | "fill" | "opacity");
    let numbers = rows.iter().take(50).filter_map(|r| field(r, of)).filter(|v| !v.is_null()).all(Value::is_number);
    // The default without a type is nominal; numbers in places are taken as such.
    if positional
        && numbers
        && !rows.is_empty()
        && spec.get("type").is_none()
        && matches!(name, "x" | "y" | "x2" | "y2" | "theta")
    {
        Kind::Quantity
    } else {
        Kind::Nominal
    }
}

/// `Mean of y`, `x (binned)`, `t (year-month)`.
fn title_of(spec: &Value, of: Option<&str>, aggregate: Option<&str>, unit: Option<&str>) -> String {
    let own = spec
        .get("title")
        .or_else(|| spec.pointer("/axis/title"))
        .or_else(|| spec.pointer("/legend/title"))
        .or_else(|| spec.pointer("/header/title"));
    match own {
        Some(Value::Null) => return String::new(),
        Some(Value::String(s)) => return s.clone(),
        Some(Value::Array(lines)) => return lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => {}
    }
    let name = of.map(|f| f.replace('\\', "")).unwrap_or_default();
    match (aggregate, unit) {
        (Some("count"), _) => "Count of Records".into(),
        (Some(op), _) => {
            let mut letters = op.chars();
            let head = letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
            format!("{head}{} of {name}", letters.as_str())
        }
        (None, Some(unit)) => {
            let mut words = unit.to_owned();
            for part in ["month", "date", "hours", "minutes", "seconds", "quarter", "week", "day"] {
                if let Some(at) = words.find(part).filter(|at| *at > 0 && !words[..*at].ends_with('-')) {
                    words.insert(at, '-');
                }
            }
            format!("{name} ({words})")
        }
        _ if spec.get("bin").is_some_and(|b| *b == true || b.is_object()) => format!("{name} (binned)"),
        _ => name,
    }
}

/// Bins from 6 values up for what is not a place.
fn most_bins(channel: &str) -> f64 {
    if matches!(channel, "x" | "y") { 10.0 } else { 6.0 }
}

/// Reads the channels and works out the rows they ask for.
pub fn prepare(encoding: &Map<String, Value>, rows: &Rows, notes: &mut Vec<String>) -> (Encoding, Rows) {
    let mut rows = rows.clone();
    let mut out = Encoding::default();
    for (name, spec) in encoding {
        let specs: Vec<&Value> = match spec {
            Value::Array(list) => list.iter().collect(),
            one => vec![one],
        };
        for spec in specs.into_iter().filter(|s| s.is_object()).take(100) {
            // A condition's other branch is what is drawn while nothing is selected.
            let unselected =
                spec.get("condition").filter(|_| spec.get("field").is_none() && spec.get("aggregate").is_none());
            let merged = match unselected.and_then(|c| c.as_array().and_then(|a| a.first()).or(Some(c))) {
                Some(c) if c.get("field").is_some() && (c.get("param").is_some() || c.get("selection").is_some()) => {
                    c.clone()
                }
                _ => spec.clone(),
            };
            if let Some(channel) = channel(name, merged, &mut rows) {
                out.0.push(channel);
            }
        }
    }
    if out.0.iter().any(|c| c.aggregate.is_some()) {
        rows = summed(&mut out, &rows, notes);
    }
    (out, rows)
}

fn channel(name: &str, spec: Value, rows: &mut Rows) -> Option<Channel> {
    let of = spec.get("field").and_then(Value::as_str).map(str::to_owned);
    let kind = kind_of(&spec, rows, name);
    let aggregate = spec.get("aggregate").and_then(|a| match a {
        Value::String(op) => Some(op.clone()),
        Value::Object(o) => o.keys().next().cloned(),
        _ => None,
    });
    let unit = spec.get("timeUnit").and_then(unit_name);
    let title = title_of(&spec, of.as_deref(), aggregate.as_deref(), unit.as_deref());
    let mut made = Channel {
        name: name.to_owned(),
        column: of.clone(),
        end: None,
        kind,
        title,
        aggregate: aggregate.clone(),
        unit: unit.clone(),
        binned: false,
        datum: spec.get("datum").cloned(),
        value: spec.get("value").cloned(),
        spec,
    };
    if let (Some(of), Some(bin)) = (&of, made.spec.get("bin").filter(|b| !b.is_null() && **b != false).cloned()) {
        if bin == "binned" || bin.get("binned") == Some(&Value::Bool(true)) {
            made.binned = true;
        } else {
            let (first, second) = (format!("\u{0}bin {of}"), format!("\u{0}bin {of} end"));
            *rows = bin_rows(rows.clone(), of, &bin, &first, &second, most_bins(name));
            made.binned = true;
            (made.column, made.end) = (Some(first), Some(second));
        }
    }
    if let (Some(of), Some(unit)) = (&of, &unit) {
        let column = format!("\u{0}{unit} {of}");
        let mut copy = Arc::unwrap_or_clone(std::mem::take(rows));
        for row in &mut copy {
            let ms = field(row, of).and_then(time).map_or(Value::Null, |ms| json!(truncate(ms, unit)));
            row.insert(column.clone(), ms);
        }
        *rows = Arc::new(copy);
        made.column = Some(column);
    }
    if let Some(op) = &aggregate {
        made.column = Some(format!("\u{0}{op} {}", of.unwrap_or_default()));
    }
    let constant = made.datum.is_some() || made.value.is_some();
    (made.column.is_some() || constant).then_some(made)
}

/// One row for each group of the fields that are not aggregated.
fn summed(encoding: &mut Encoding, rows: &Rows, notes: &mut Vec<String>) -> Rows {
    let mut keys: Vec<String> = Vec::new();
    for channel in &encoding.0 {
        if channel.aggregate.is_none() {
            keys.extend(
                channel.column.iter().chain(&channel.end).filter(|c| !keys.contains(c)).cloned().collect::<Vec<_>>(),
            );
        }
    }
    let mut out = Vec::new();
    for mut group in groups(rows, &keys) {
        let mut row = Row::new();
        for key in &keys {
            if let Some(value) = group.first().and_then(|r| field(r, key)) {
                row.insert(key.clone(), value.clone());
            }
        }
        for channel in encoding.0.iter().filter(|c| c.aggregate.is_some()) {
            let (Some(op), Some(column)) = (&channel.aggregate, &channel.column) else { continue };
            let of = channel.spec.get("field").and_then(Value::as_str);
            let value = match channel
                .spec
                .pointer("/aggregate/argmax")
                .or_else(|| channel.spec.pointer("/aggregate/argmin"))
                .and_then(Value::as_str)
            {
                Some(by) => {
                    let order = if op == "argmin" { "ascending" } else { "descending" };
                    sort_rows(&mut group, Some(&json!([{"field": by, "order": order}])));
                    of.and_then(|f| field(group.first()?, f)).cloned().unwrap_or(Value::Null)
                }
                None => fold_rows(&group, op, of),
            };
            row.insert(column.clone(), value);
        }
        out.push(row);
    }
    for channel in &encoding.0 {
        if let Some(op) = &channel.aggregate
            && !KNOWN.contains(&op.as_str())
        {
            notes.push(format!("The aggregate {}", crate::base::text::shorten(op, 30)));
        }
    }
    Arc::new(out)
}

const KNOWN: [&str; 22] = [
    "count",
    "sum",
    "mean",
    "average",
    "median",
    "min",
    "max",
    "q1",
    "q3",
    "stdev",
    "stdevp",
    "variance",
    "variancep",
    "stderr",
    "ci0",
    "ci1",
    "distinct",
    "valid",
    "missing",
    "product",
    "argmax",
    "argmin",
];

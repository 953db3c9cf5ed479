//! Rows of Vega-Lite's data: where they come from and how a field is found in one.
use std::{cmp::Ordering, sync::Arc};

use serde_json::{Map, Value, json};

use crate::model::chart::civil;

pub type Row = Map<String, Value>;
pub type Rows = Arc<Vec<Row>>;

/// Rows beyond this are left out, with a word.
pub const MOST_ROWS: usize = 200_000;

/// The value of a field: a key, a path of keys, or with escaped dots.
pub fn field<'a>(row: &'a Row, name: &str) -> Option<&'a Value> {
    if let Some(value) = row.get(name) {
        return Some(value);
    }
    if name.contains('\\') {
        let bare = name.replace('\\', "");
        return row.get(&bare);
    }
    let mut parts = name.split(['.', '[']).map(|p| p.trim_end_matches(']').trim_matches(['\'', '"']));
    let mut at = row.get(parts.next()?)?;
    for part in parts {
        at = match at {
            Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
            other => other.get(part)?,
        };
    }
    Some(at)
}

/// As a number: also from words that are one.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

/// As milliseconds.
pub fn time(value: &Value) -> Option<f64> {
    match value {
        Value::String(s) => civil::parse(s).or_else(|| {
            let year: i64 = s.trim().parse().ok().filter(|_| s.trim().len() == 4)?;
            Some(civil::millis(year, 1, 1, 0.0))
        }),
        Value::Object(parts) => {
            let part = |k: &str, or: i64| parts.get(k).and_then(Value::as_i64).unwrap_or(or);
            let clock = part("hours", 0) * 3_600_000 + part("minutes", 0) * 60_000 + part("seconds", 0) * 1000;
            let month = match parts.get("month") {
                Some(Value::String(name)) => {
                    let name = name.to_ascii_lowercase();
                    civil::MONTHS.iter().position(|m| m.to_ascii_lowercase().starts_with(&name))? as i64 + 1
                }
                _ => part("month", (part("quarter", 1).clamp(1, 4) - 1) * 3 + 1),
            };
            let year = part("year", 2012).clamp(-200_000, 200_000);
            Some(civil::millis(
                year,
                month.clamp(-10_000, 10_000),
                part("date", 1).clamp(-10_000, 10_000),
                clock as f64,
            ))
        }
        v => v.as_f64(),
    }
}

/// As people read it.
pub fn word(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Null => "null".into(),
        Value::Number(n) => n.as_f64().map_or_else(|| n.to_string(), |v| v.to_string()),
        other => other.to_string(),
    }
}

pub fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64().is_some_and(|v| v != 0.0 && !v.is_nan()),
        Value::String(s) => !s.is_empty(),
        _ => true,
    }
}

/// The natural order: numbers, then words; nothing comes first.
pub fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::String(a), Value::String(b)) => a.cmp(b),
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => word(a).cmp(&word(b)),
        },
    }
}

/// Rows of `values`: objects, or single values under `data`.
pub fn rows(values: &Value) -> Vec<Row> {
    match values {
        Value::Array(list) => list
            .iter()
            .take(MOST_ROWS)
            .map(|v| match v {
                Value::Object(row) => row.clone(),
                other => Row::from_iter([("data".to_owned(), other.clone())]),
            })
            .collect(),
        Value::Object(row) => vec![row.clone()],
        Value::String(text) => csv(text, ','),
        _ => Vec::new(),
    }
}

/// Rows of a file by its name or the format a figure gives.
pub fn file(text: &str, format: &Value, name: &str) -> Option<Vec<Row>> {
    let kind = format.get("type").and_then(Value::as_str);
    let kind = kind.unwrap_or_else(|| name.rsplit('.').next().unwrap_or("json"));
    match kind {
        "csv" => Some(csv(text, ',')),
        "tsv" => Some(csv(text, '\t')),
        "dsv" => Some(csv(text, format.get("delimiter").and_then(Value::as_str)?.chars().next()?)),
        "json" => {
            let value: Value = serde_json::from_str(text).ok()?;
            let at = format.get("property").and_then(Value::as_str);
            let value = at.map_or(Some(&value), |p| value.pointer(&format!("/{}", p.replace('.', "/"))))?;
            Some(rows(value))
        }
        _ => None,
    }
}

/// Text in columns with a head; numbers become numbers.
fn csv(text: &str, sign: char) -> Vec<Row> {
    let mut lines = records(text, sign).into_iter();
    let Some(head) = lines.next() else { return Vec::new() };
    let cell = |text: String| match text.trim() {
        "" => Value::Null,
        t => t.parse::<f64>().ok().filter(|v| v.is_finite()).map_or_else(|| json!(text), |v| json!(v)),
    };
    lines.map(|line| head.iter().cloned().zip(line.into_iter().map(cell)).collect()).collect()
}

fn records(text: &str, sign: char) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    let (mut record, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            c if c == sign && !quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                out.push(std::mem::take(&mut record));
                if out.len() > MOST_ROWS {
                    return out;
                }
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !record.is_empty() {
        record.push(cell);
        out.push(record);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_files_are_read() {
        let row = json!({"a.b": 1, "c": {"d": [5]}, "e": 2});
        let row = row.as_object().unwrap();
        assert_eq!(field(row, "a\\.b"), Some(&json!(1)));
        assert_eq!(field(row, "c.d[0]"), Some(&json!(5)));
        assert_eq!(field(row, "x.y"), None);
        let rows = file("a,b\n1,\"x, \"\"y\"\"\"\n,z\n", &Value::Null, "t.csv").unwrap();
        assert_eq!(rows[0]["b"], "x, \"y\"");
        assert_eq!((&rows[0]["a"], &rows[1]["a"]), (&json!(1.0), &Value::Null));
        assert_eq!(file("{\"p\": [1, 2]}", &json!({"property": "p"}), "t.json").unwrap().len(), 2);
        assert!(file("nonsense", &Value::Null, "t.json").is_none());
    }
}

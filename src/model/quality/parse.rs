//! Reads a check file; every mistake is named with its line and, for a key, the nearest known one.
use std::{collections::BTreeMap, ops::Range};

use toml_edit::{Document, Item, TableLike, Value};

use super::{Bounds, Check, Expected, Kind, Scalar, Severity, Stat, Suite};
use crate::base::{Error, Result, text};

const SUITE_KEYS: [&str; 7] = ["name", "description", "data", "where", "data_time", "params", "check"];
const COMMON_KEYS: [&str; 7] = ["id", "kind", "column", "columns", "mostly", "severity", "description"];
const KINDS: [&str; 17] = [
    "not_null",
    "unique",
    "in_range",
    "in_set",
    "regex",
    "row_count",
    "freshness",
    "schema",
    "foreign_key",
    "sql",
    "mean",
    "sum",
    "min",
    "max",
    "median",
    "stdev",
    "distinct_count",
];
const BOUNDS: [&str; 4] = ["min", "max", "strict_min", "strict_max"];

/// Reads the whole file.
pub(super) fn suite(path: &str, source: &str) -> Result<Suite> {
    let doc = Document::parse(source).map_err(|e| {
        let at = e.span().map_or_else(String::new, |s| format!(":{}", line_of(source, s.start)));
        Error::config(format!("{path}{at} is not valid TOML")).because_of(e.message().to_owned())
    })?;
    let file = File { path, source };
    let root = Keys { file, table: doc.as_table(), at: 0..0 };
    root.only(&SUITE_KEYS, "")?;
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".toml");
    let mut suite = Suite {
        name: root.text("name")?.unwrap_or_else(|| stem.to_owned()),
        path: path.to_owned(),
        description: root.text("description")?,
        data: root.text("data")?.ok_or_else(|| {
            Error::config(format!("{path} does not say which file it checks"))
                .hint("Add a line such as data = \"data/flights.parquet\"")
        })?,
        filter: root.text("where")?,
        data_time: root.text("data_time")?,
        params: params(&root)?,
        checks: Vec::new(),
    };
    for keys in root.tables("check")? {
        let check = check(&keys)?;
        if let Some(twin) = suite.checks.iter().find(|c| c.id == check.id) {
            return Err(keys.error(format!("the id {} is taken by the check in line {}", check.id, twin.line)));
        }
        suite.checks.push(check);
    }
    if suite.checks.is_empty() {
        return Err(Error::config(format!("{path} has no check")).hint("Add a table that starts with [[check]]"));
    }
    Ok(suite)
}

#[derive(Clone, Copy)]
struct File<'a> {
    path: &'a str,
    source: &'a str,
}

impl File<'_> {
    fn error(&self, at: Option<Range<usize>>, what: impl AsRef<str>) -> Error {
        let line = at.map_or(1, |s| line_of(self.source, s.start));
        Error::config(format!("{}:{line}: {}", self.path, what.as_ref()))
    }
}

fn line_of(source: &str, offset: usize) -> usize {
    1 + source.as_bytes()[..offset.min(source.len())].iter().filter(|b| **b == b'\n').count()
}

/// A table with its place in the file.
struct Keys<'a> {
    file: File<'a>,
    table: &'a dyn TableLike,
    at: Range<usize>,
}

impl<'a> Keys<'a> {
    fn error(&self, what: impl AsRef<str>) -> Error {
        self.file.error(Some(self.at.clone()), what)
    }
    fn wrong(&self, key: &str, item: &Item, wanted: &str) -> Error {
        let found = match item {
            Item::Value(v) => v.type_name(),
            Item::Table(_) => "table",
            Item::ArrayOfTables(_) => "array of tables",
            Item::None => "nothing",
        };
        self.file.error(item.span(), format!("{key} must be {wanted}, not a TOML {found}"))
    }
    /// Refuses any key but the known ones.
    fn only(&self, known: &[&str], of: &str) -> Result<()> {
        for (name, item) in self.table.iter() {
            if known.contains(&name) {
                continue;
            }
            let at = self.table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let error = self.file.error(at, format!("unknown key {name}{of}"));
            return Err(match text::nearest(name, known.iter().copied()) {
                Some(near) => error.hint(format!("Did you mean {near}?")),
                None => error.hint(format!("Known keys: {}", known.join(", "))),
            });
        }
        Ok(())
    }
    fn get(&self, key: &str) -> Option<&'a Item> {
        self.table.get(key).filter(|i| !i.is_none())
    }
    /// Text; a date or time stands for its ISO form.
    fn text(&self, key: &str) -> Result<Option<String>> {
        let Some(item) = self.get(key) else { return Ok(None) };
        match item.as_value() {
            Some(Value::String(s)) if !s.value().trim().is_empty() => Ok(Some(s.value().clone())),
            Some(Value::String(_)) => Err(self.file.error(item.span(), format!("{key} is empty"))),
            Some(Value::Datetime(d)) => Ok(Some(d.value().to_string())),
            _ => Err(self.wrong(key, item, "text")),
        }
    }
    fn required(&self, key: &str, of: &str) -> Result<String> {
        self.text(key)?.ok_or_else(|| self.error(format!("{of} needs the key {key}")))
    }
    fn flag(&self, key: &str, default: bool) -> Result<bool> {
        let Some(item) = self.get(key) else { return Ok(default) };
        item.as_bool().ok_or_else(|| self.wrong(key, item, "true or false"))
    }
    fn scalar(&self, key: &str) -> Result<Option<Scalar>> {
        let Some(item) = self.get(key) else { return Ok(None) };
        let scalar = item.as_value().and_then(scalar);
        scalar.map(Some).ok_or_else(|| self.wrong(key, item, "a number, text or a date"))
    }
    fn list(&self, key: &str) -> Result<Option<Vec<Scalar>>> {
        let Some(item) = self.get(key) else { return Ok(None) };
        let array = item.as_array().ok_or_else(|| self.wrong(key, item, "a list"))?;
        let all: Option<Vec<_>> = array.iter().map(scalar).collect();
        all.map(Some).ok_or_else(|| self.wrong(key, item, "a list of numbers, texts or dates"))
    }
    fn names(&self, key: &str) -> Result<Option<Vec<String>>> {
        let Some(item) = self.get(key) else { return Ok(None) };
        if let Some(one) = item.as_str() {
            return Ok(Some(vec![one.to_owned()]));
        }
        let all = item.as_array().and_then(|a| a.iter().map(|v| v.as_str().map(str::to_owned)).collect());
        match all {
            Some(names) if !Vec::is_empty(&names) => Ok(Some(names)),
            _ => Err(self.wrong(key, item, "a name or a list of names")),
        }
    }
    fn tables(&self, key: &str) -> Result<Vec<Keys<'a>>> {
        let Some(item) = self.get(key) else { return Ok(Vec::new()) };
        let file = self.file;
        if let Some(array) = item.as_array_of_tables() {
            let keys = |t: &'a toml_edit::Table| Keys { file, table: t, at: t.span().unwrap_or(0..0) };
            return Ok(array.iter().map(keys).collect());
        }
        let inline = item.as_array().and_then(|a| a.iter().map(Value::as_inline_table).collect::<Option<Vec<_>>>());
        match inline {
            Some(all) => Ok(all.into_iter().map(|t| Keys { file, table: t, at: t.span().unwrap_or(0..0) }).collect()),
            None => Err(self.wrong(key, item, "tables that start with [[check]]")),
        }
    }
}

fn scalar(value: &Value) -> Option<Scalar> {
    Some(match value {
        Value::String(s) => Scalar::Text(s.value().clone()),
        Value::Integer(n) => Scalar::Int(*n.value()),
        Value::Float(x) => Scalar::Float(*x.value()),
        Value::Boolean(b) => Scalar::Bool(*b.value()),
        Value::Datetime(d) => Scalar::Text(d.value().to_string()),
        Value::Array(_) | Value::InlineTable(_) => return None,
    })
}

fn params(root: &Keys<'_>) -> Result<BTreeMap<String, String>> {
    let Some(item) = root.get("params") else { return Ok(BTreeMap::new()) };
    let table = item.as_table_like().ok_or_else(|| root.wrong("params", item, "a table"))?;
    let value = |(name, item): (&str, &Item)| match item.as_value().and_then(scalar) {
        Some(v) => Ok((name.to_owned(), v.to_string())),
        None => Err(root.wrong(name, item, "a number, text or a date")),
    };
    table.iter().map(value).collect()
}

fn check(keys: &Keys<'_>) -> Result<Check> {
    let id = keys.required("id", "a check")?;
    if !id.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c)) {
        return Err(keys.error(format!("the id {id:?} may hold letters, digits, _ - and . only")));
    }
    let word = keys.required("kind", &format!("the check {id}"))?;
    let of = format!(" of a check of kind {word}");
    let own: &[&str] = match word.as_str() {
        "not_null" | "unique" => &[],
        "in_range" | "row_count" | "mean" | "sum" | "min" | "max" | "median" | "stdev" | "distinct_count" => &BOUNDS,
        "in_set" => &["values"],
        "regex" => &["pattern"],
        "freshness" => &["max_age", "as_of"],
        "schema" => &["types", "allow_extra", "ordered"],
        "foreign_key" => &["references", "references_column", "references_columns"],
        "sql" => &["query"],
        _ => {
            let error = keys.error(format!("unknown kind {word} of the check {id}"));
            return Err(match text::nearest(&word, KINDS) {
                Some(near) => error.hint(format!("Did you mean {near}?")),
                None => error.hint(format!("Known kinds: {}", KINDS.join(", "))),
            });
        }
    };
    let known: Vec<&str> = COMMON_KEYS.iter().chain(own).copied().collect();
    keys.only(&known, &of)?;
    let columns = columns(keys, &word, &id)?;
    let kind = kind(keys, &word, &id, &columns)?;
    let columns = if matches!(kind, Kind::Schema { .. }) { Vec::new() } else { columns };
    Ok(Check {
        columns,
        mostly: mostly(keys, &word)?,
        severity: severity(keys)?,
        description: keys.text("description")?,
        line: line_of(keys.file.source, keys.at.start),
        id,
        kind,
    })
}

fn columns(keys: &Keys<'_>, word: &str, id: &str) -> Result<Vec<String>> {
    let both = keys.get("column").is_some() && keys.get("columns").is_some();
    if both {
        return Err(keys.error(format!("the check {id} has both column and columns")));
    }
    let columns = keys.names("columns")?.or(keys.names("column")?).unwrap_or_default();
    let allowed = match word {
        "unique" | "foreign_key" | "schema" => 1..=usize::MAX,
        "row_count" | "sql" => 0..=0,
        "freshness" => 0..=1,
        _ => 1..=1,
    };
    let typed = word == "schema" && keys.get("types").is_some();
    if allowed.contains(&columns.len()) || (typed && columns.is_empty()) {
        return Ok(columns);
    }
    Err(match columns.len() {
        0 => keys.error(format!("the check {id} of kind {word} needs the key column")),
        n if *allowed.end() == 0 => keys.error(format!("a check of kind {word} takes no column, {id} has {n}")),
        n => keys.error(format!("a check of kind {word} takes one column, {id} has {n}")),
    })
}

fn mostly(keys: &Keys<'_>, word: &str) -> Result<f64> {
    let Some(item) = keys.get("mostly") else { return Ok(1.0) };
    if !matches!(word, "not_null" | "unique" | "in_range" | "in_set" | "regex" | "foreign_key") {
        return Err(keys.file.error(item.span(), format!("mostly has no meaning for the kind {word}")));
    }
    let value = item.as_float().or_else(|| item.as_integer().map(|n| n as f64));
    match value {
        Some(share) if (0.0..=1.0).contains(&share) => Ok(share),
        Some(share) => Err(keys.file.error(item.span(), format!("mostly is a share from 0 to 1, not {share}")).hint(
            if share > 1.0 && share <= 100.0 {
                format!("Write {}", share / 100.0)
            } else {
                "Write 0.99 for 99 %".to_owned()
            },
        )),
        None => Err(keys.wrong("mostly", item, "a number from 0 to 1")),
    }
}

fn severity(keys: &Keys<'_>) -> Result<Severity> {
    let Some(word) = keys.text("severity")? else { return Ok(Severity::default()) };
    let known = [Severity::Info, Severity::Warning, Severity::Critical];
    known.into_iter().find(|s| s.word() == word).ok_or_else(|| {
        let at = keys.get("severity").and_then(Item::span);
        keys.file.error(at, format!("unknown severity {word}")).hint("One of info, warning, critical")
    })
}

fn kind(keys: &Keys<'_>, word: &str, id: &str, columns: &[String]) -> Result<Kind> {
    let needed = |key: &str| keys.required(key, &format!("the check {id} of kind {word}"));
    Ok(match word {
        "not_null" => Kind::NotNull,
        "unique" => Kind::Unique,
        "in_range" => Kind::InRange(bounds(keys, id, false)?),
        "row_count" => Kind::RowCount(bounds(keys, id, true)?),
        "in_set" => match keys.list("values")? {
            Some(values) if !values.is_empty() => Kind::InSet { values },
            _ => return Err(keys.error(format!("the check {id} needs a list of values"))),
        },
        "regex" => Kind::Regex { pattern: pattern(keys, &needed("pattern")?)? },
        "freshness" => {
            Kind::Freshness { max_age_secs: max_age(keys, &needed("max_age")?)?, as_of: keys.text("as_of")? }
        }
        "schema" => schema(keys, id, columns)?,
        "foreign_key" => foreign_key(keys, id, columns, needed("references")?)?,
        "sql" => Kind::Sql { query: needed("query")?.trim().trim_end_matches(';').to_owned() },
        _ => Kind::Stat { stat: stat(word), bounds: bounds(keys, id, true)? },
    })
}

fn stat(word: &str) -> Stat {
    match word {
        "mean" => Stat::Mean,
        "sum" => Stat::Sum,
        "min" => Stat::Min,
        "max" => Stat::Max,
        "median" => Stat::Median,
        "stdev" => Stat::Stdev,
        _ => Stat::DistinctCount,
    }
}

fn bounds(keys: &Keys<'_>, id: &str, numbers: bool) -> Result<Bounds> {
    let bounds = Bounds {
        min: keys.scalar("min")?,
        max: keys.scalar("max")?,
        strict_min: keys.flag("strict_min", false)?,
        strict_max: keys.flag("strict_max", false)?,
    };
    if bounds.min.is_none() && bounds.max.is_none() {
        return Err(keys.error(format!("the check {id} needs min, max or both")));
    }
    for (key, bound) in [("min", &bounds.min), ("max", &bounds.max)] {
        let Some(bound) = bound else { continue };
        let at = keys.get(key).and_then(Item::span);
        let templated = matches!(bound, Scalar::Text(t) if t.contains("${"));
        if matches!(bound, Scalar::Bool(_)) || (numbers && bound.number().is_none() && !templated) {
            return Err(keys.file.error(at, format!("{key} of the check {id} must be a number")));
        }
        if bound.number().is_some_and(f64::is_nan) {
            return Err(keys.file.error(at, format!("{key} of the check {id} is not a number")));
        }
    }
    let (low, high) = (bounds.min.as_ref().and_then(Scalar::number), bounds.max.as_ref().and_then(Scalar::number));
    if let (Some(low), Some(high)) = (low, high)
        && low > high
    {
        return Err(keys.error(format!("the check {id} has min {low} above max {high}")));
    }
    Ok(bounds)
}

fn pattern(keys: &Keys<'_>, pattern: &str) -> Result<String> {
    if let Err(e) = regex::Regex::new(pattern) {
        let at = keys.get("pattern").and_then(Item::span);
        let reason = e.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let error = keys.file.error(at, format!("the pattern {pattern} cannot be read")).because_of(reason);
        return Err(if pattern.contains("(?=") || pattern.contains("(?!") || pattern.contains("(?<") {
            error.hint("Look-around is not part of these patterns; a check of kind sql can say it")
        } else {
            error
        });
    }
    Ok(pattern.to_owned())
}

/// `24h`, `90 min`, `2 days` in seconds.
fn max_age(keys: &Keys<'_>, words: &str) -> Result<u64> {
    let digits = words.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(words.len());
    let unit = match words[digits..].trim() {
        "s" | "sec" | "second" | "seconds" => Some(1.0),
        "m" | "min" | "minute" | "minutes" => Some(60.0),
        "h" | "hour" | "hours" => Some(3600.0),
        "d" | "day" | "days" => Some(86_400.0),
        "w" | "week" | "weeks" => Some(604_800.0),
        _ => None,
    };
    match (words[..digits].parse::<f64>(), unit) {
        (Ok(n), Some(unit)) if n > 0.0 && n * unit < 1e12 => Ok((n * unit).round() as u64),
        _ => {
            let at = keys.get("max_age").and_then(Item::span);
            Err(keys.file.error(at, format!("the age {words:?} cannot be read")).hint("Write 24h, 90min or 3d"))
        }
    }
}

fn schema(keys: &Keys<'_>, id: &str, columns: &[String]) -> Result<Kind> {
    let mut expected: Vec<Expected> = columns.iter().map(|name| Expected { name: name.clone(), dtype: None }).collect();
    if let Some(item) = keys.get("types") {
        let table =
            item.as_table_like().ok_or_else(|| keys.wrong("types", item, "a table such as { id = \"int\" }"))?;
        for (name, item) in table.iter() {
            let dtype = item.as_str().ok_or_else(|| keys.wrong(name, item, "the name of a type"))?.to_owned();
            match expected.iter_mut().find(|e| e.name == name) {
                Some(column) => column.dtype = Some(dtype),
                None if columns.is_empty() => {
                    expected.push(Expected { name: name.to_owned(), dtype: Some(dtype) });
                }
                None => {
                    let at = item.span();
                    return Err(keys
                        .file
                        .error(at, format!("types of the check {id} names {name}, which columns does not")));
                }
            }
        }
    }
    let known = ["int", "float", "number", "text", "bool", "date", "datetime", "time"];
    for column in &expected {
        let Some(dtype) = &column.dtype else { continue };
        // A capital letter marks a type name of Polars, taken as it is.
        if !known.contains(&dtype.as_str()) && !dtype.starts_with(char::is_uppercase) {
            let error = keys.error(format!("unknown type {dtype} of the column {}", column.name));
            return Err(match text::nearest(dtype, known) {
                Some(near) => error.hint(format!("Did you mean {near}?")),
                None => error.hint(format!("One of {}, or a type of Polars such as Int64", known.join(", "))),
            });
        }
    }
    Ok(Kind::Schema {
        columns: expected,
        allow_extra: keys.flag("allow_extra", false)?,
        ordered: keys.flag("ordered", false)?,
    })
}

fn foreign_key(keys: &Keys<'_>, id: &str, columns: &[String], data: String) -> Result<Kind> {
    let theirs = keys.names("references_columns")?.or(keys.names("references_column")?);
    let theirs = theirs.unwrap_or_else(|| columns.to_vec());
    if theirs.len() != columns.len() {
        let (a, b) = (columns.len(), theirs.len());
        return Err(keys.error(format!("the check {id} compares {a} columns with {b}")));
    }
    Ok(Kind::ForeignKey { data, columns: theirs })
}

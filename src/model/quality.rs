//! Data-quality checks as code: what a suite is, what a check asks, what came out of it.
//!
//! A suite is one TOML file in `checks/`; [`Suite::parse`] reads it and names every mistake with its line. The exact
//! meaning of each kind follows Great Expectations: checks of single values leave missing values out first, `mostly`
//! is a share of what is left, `unique` marks every copy, `regex` searches.
pub mod draft;
pub mod note;
mod parse;
mod result;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use result::{CheckPoint, CheckResult, Status, SuiteResult, Unit};
use serde::{Deserialize, Serialize};

use crate::base::{Error, Result};

/// How much a failing check matters: only a critical one stops the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    /// The default, as in Great Expectations.
    #[default]
    Critical,
}

impl Severity {
    /// The word in the file and on the page.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A value written in a check file. Dates and times are text in ISO form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// As a number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Float(x) => Some(*x),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }
    /// As a literal of SQL.
    pub fn sql(&self) -> String {
        match self {
            Self::Bool(b) => b.to_string().to_uppercase(),
            Self::Int(n) => n.to_string(),
            Self::Float(x) => format!("{x:?}"),
            Self::Text(s) => quote_text(s),
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Text(s) => f.write_str(s),
        }
    }
}

/// A text literal of SQL.
pub fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A column or table name of SQL.
pub fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Lower and upper bound; a missing one is open.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Bounds {
    pub min: Option<Scalar>,
    pub max: Option<Scalar>,
    /// The bound itself is not allowed.
    pub strict_min: bool,
    pub strict_max: bool,
}

impl Bounds {
    /// True when a number lies within; a bound that is not a number is open.
    pub fn contain(&self, x: f64) -> bool {
        let low = self.min.as_ref().and_then(Scalar::number);
        let high = self.max.as_ref().and_then(Scalar::number);
        low.is_none_or(|l| if self.strict_min { x > l } else { x >= l })
            && high.is_none_or(|h| if self.strict_max { x < h } else { x <= h })
    }
    /// `between 0 and 24`, `at least 1`, `below 5`.
    pub fn words(&self) -> String {
        match (&self.min, &self.max) {
            (Some(a), Some(b)) if a == b => format!("exactly {a}"),
            (Some(a), Some(b)) => {
                let open = if self.strict_min || self.strict_max { " (without the ends)" } else { "" };
                format!("between {a} and {b}{open}")
            }
            (Some(a), None) if self.strict_min => format!("above {a}"),
            (Some(a), None) => format!("at least {a}"),
            (None, Some(b)) if self.strict_max => format!("below {b}"),
            (None, Some(b)) => format!("at most {b}"),
            (None, None) => "anything".to_owned(),
        }
    }
}

/// A figure over a whole column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stat {
    Mean,
    Sum,
    Min,
    Max,
    Median,
    /// Sample form (n - 1).
    Stdev,
    /// Distinct values, missing ones left out.
    DistinctCount,
}

impl Stat {
    /// As a person reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Min => "minimum",
            Self::Max => "maximum",
            Self::Median => "median",
            Self::Stdev => "standard deviation",
            Self::DistinctCount => "distinct values",
        }
    }
}

/// One column a schema check expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expected {
    pub name: String,
    /// `int`, `float`, `number`, `text`, `bool`, `date`, `datetime`, `time` or a type name of Polars; none: any type.
    pub dtype: Option<String>,
}

/// What a check asks.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// No missing value.
    NotNull,
    /// No value (or combination of values) twice; every copy counts as unexpected.
    Unique,
    /// Values within bounds: numbers, dates or text.
    InRange(Bounds),
    /// Values out of a list.
    InSet { values: Vec<Scalar> },
    /// The pattern is found somewhere in the value.
    Regex { pattern: String },
    /// Number of rows.
    RowCount(Bounds),
    /// Age of the newest value of a date or time column, or of the file itself when no column is named.
    Freshness { max_age_secs: u64, as_of: Option<String> },
    /// Columns by name, type and order.
    Schema { columns: Vec<Expected>, allow_extra: bool, ordered: bool },
    /// Every value is found in a column of another file.
    ForeignKey { data: String, columns: Vec<String> },
    /// A query that returns the failing rows. `${data}` stands for the suite's rows.
    Sql { query: String },
    /// A figure over a column.
    Stat { stat: Stat, bounds: Bounds },
}

/// One check of a suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Stable within its suite; history hangs on it.
    pub id: String,
    #[serde(flatten)]
    pub kind: Kind,
    /// Columns it looks at; several only for `unique` and `foreign_key`.
    pub columns: Vec<String>,
    /// Share of the values left that must pass, 0 to 1.
    pub mostly: f64,
    pub severity: Severity,
    pub description: Option<String>,
    /// Line of its table in the file, from 1.
    pub line: usize,
}

/// One check file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suite {
    /// Name in the history; the file name without its ending when not given.
    pub name: String,
    /// Workspace path of the file, with `/`.
    pub path: String,
    pub description: Option<String>,
    /// Workspace path of the rows, `${param}` allowed.
    pub data: String,
    /// Rows to look at, as an SQL condition.
    pub filter: Option<String>,
    /// The date or instant of the data, `${param}` allowed; the parameter `date` when not given.
    pub data_time: Option<String>,
    /// Defaults of parameters.
    pub params: BTreeMap<String, String>,
    pub checks: Vec<Check>,
}

impl Suite {
    /// Reads a check file. `path` is its workspace path and stands in every message.
    pub fn parse(path: &str, text: &str) -> Result<Self> {
        parse::suite(path, text)
    }

    /// The suite with its `${param}`s filled in: `given` over the defaults. A parameter without a value is an error.
    pub fn resolve(&self, given: &BTreeMap<String, String>) -> Result<Resolved> {
        let mut params = self.params.clone();
        params.extend(given.iter().map(|(k, v)| (k.clone(), v.clone())));
        let fill = |text: &str, keep: &[&str]| fill(text, &params, keep, &self.path);
        let mut suite = self.clone();
        suite.data = fill(&self.data, &[])?;
        suite.filter = self.filter.as_deref().map(|t| fill(t, &[])).transpose()?;
        suite.data_time = match &self.data_time {
            Some(t) => Some(fill(t, &[])?),
            None => params.get("date").cloned(),
        };
        for check in &mut suite.checks {
            match &mut check.kind {
                Kind::Sql { query } => *query = fill(query, &["data"])?,
                Kind::Freshness { as_of: Some(t), .. } => *t = fill(t, &[])?,
                Kind::ForeignKey { data, .. } => *data = fill(data, &[])?,
                Kind::InSet { values } => values.iter_mut().try_for_each(|v| fill_scalar(v, &fill))?,
                Kind::InRange(b) | Kind::RowCount(b) | Kind::Stat { bounds: b, .. } => {
                    b.min.iter_mut().chain(&mut b.max).try_for_each(|v| fill_scalar(v, &fill))?;
                }
                _ => {}
            }
        }
        let used = self.used_params();
        params.retain(|k, _| used.contains(k));
        Ok(Resolved { suite, params })
    }

    /// Names of the parameters the file mentions or gives a default for, sorted.
    pub fn used_params(&self) -> Vec<String> {
        let mut texts = vec![self.data.as_str()];
        texts.extend(self.filter.as_deref());
        texts.extend(self.data_time.as_deref());
        for check in &self.checks {
            match &check.kind {
                Kind::Sql { query } => texts.push(query),
                Kind::Freshness { as_of: Some(t), .. } => texts.push(t),
                Kind::ForeignKey { data, .. } => texts.push(data),
                Kind::InSet { values } => texts.extend(values.iter().filter_map(text_of)),
                Kind::InRange(b) | Kind::RowCount(b) | Kind::Stat { bounds: b, .. } => {
                    texts.extend(b.min.iter().chain(&b.max).filter_map(text_of));
                }
                _ => {}
            }
        }
        let mut names: Vec<String> = texts.into_iter().flat_map(placeholders).map(str::to_owned).collect();
        names.extend(self.params.keys().cloned());
        names.retain(|n| n != "data");
        names.sort();
        names.dedup();
        names
    }

    /// Parameters that must be given because nothing says their value, sorted.
    pub fn missing_params(&self) -> Vec<String> {
        self.used_params().into_iter().filter(|name| !self.params.contains_key(name)).collect()
    }
}

/// A suite ready to be evaluated, with the parameters it used.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    pub suite: Suite,
    pub params: BTreeMap<String, String>,
}

fn text_of(value: &Scalar) -> Option<&str> {
    if let Scalar::Text(t) = value { Some(t) } else { None }
}

fn fill_scalar(value: &mut Scalar, fill: &dyn Fn(&str, &[&str]) -> Result<String>) -> Result<()> {
    if let Scalar::Text(text) = value
        && text.contains("${")
    {
        let filled = fill(text, &[])?;
        // A bound given as a parameter is a number when it looks like one.
        *value = match (filled.parse::<i64>(), filled.parse::<f64>()) {
            (Ok(n), _) => Scalar::Int(n),
            (_, Ok(x)) => Scalar::Float(x),
            _ => Scalar::Text(filled),
        };
    }
    Ok(())
}

/// Names inside `${...}`, in order.
fn placeholders(text: &str) -> Vec<&str> {
    let mut rest = text;
    let mut names = Vec::new();
    while let Some(start) = rest.find("${") {
        let Some(len) = rest[start + 2..].find('}') else { break };
        names.push(&rest[start + 2..start + 2 + len]);
        rest = &rest[start + 3 + len..];
    }
    names
}

/// Replaces `${name}` by its value; names in `keep` stay as they are.
fn fill(text: &str, params: &BTreeMap<String, String>, keep: &[&str], path: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(len) = rest[start + 2..].find('}') else { break };
        let (name, end) = (&rest[start + 2..start + 2 + len], start + 3 + len);
        out.push_str(&rest[..start]);
        match params.get(name) {
            _ if keep.contains(&name) => out.push_str(&rest[start..end]),
            Some(value) => out.push_str(value),
            None => {
                return Err(Error::config(format!("{path} needs a value for the parameter {name}"))
                    .hint(format!("Give it with -p {name}=VALUE, or a default under [params]")));
            }
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    Ok(out)
}

impl Check {
    /// `delays` + `dep_delay_in_range`: how a check is named where suites mix.
    pub fn full_name(&self, suite: &str) -> String {
        format!("{suite}.{}", self.id)
    }

    /// What it asks, as a sentence without a full stop.
    pub fn sentence(&self) -> String {
        let column = self.columns.join(", ");
        let mostly = if self.mostly < 1.0 {
            format!(", in at least {} of the values", percent(self.mostly))
        } else {
            String::new()
        };
        match &self.kind {
            Kind::NotNull => format!("{column} is never missing{mostly}"),
            Kind::Unique => format!("{column} is unique{mostly}"),
            Kind::InRange(b) => format!("{column} is {}{mostly}", b.words()),
            Kind::InSet { values } => {
                let shown: Vec<_> = values.iter().take(6).map(ToString::to_string).collect();
                let more = if values.len() > 6 { format!(" and {} more", values.len() - 6) } else { String::new() };
                format!("{column} is one of {}{more}{mostly}", shown.join(", "))
            }
            Kind::Regex { pattern } => format!("{column} matches {pattern}{mostly}"),
            Kind::RowCount(b) => format!("number of rows is {}", b.words()),
            Kind::Freshness { max_age_secs, .. } if column.is_empty() => {
                format!("file is at most {} old", span_words(*max_age_secs))
            }
            Kind::Freshness { max_age_secs, .. } => {
                format!("newest {column} is at most {} old", span_words(*max_age_secs))
            }
            Kind::Schema { columns, allow_extra, .. } => {
                let more = if *allow_extra { "" } else { " and no other" };
                format!("has the {} columns expected{more}", columns.len())
            }
            Kind::ForeignKey { data, columns } => {
                format!("{column} is found in {} of {data}{mostly}", columns.join(", "))
            }
            Kind::Sql { .. } => match &self.description {
                Some(words) => words.clone(),
                None => "its query returns no row".to_owned(),
            },
            Kind::Stat { stat, bounds } => format!("{} of {column} is {}", stat.word(), bounds.words()),
        }
    }

    /// The word of its kind, as in the file.
    pub fn kind_word(&self) -> &'static str {
        match &self.kind {
            Kind::NotNull => "not_null",
            Kind::Unique => "unique",
            Kind::InRange(_) => "in_range",
            Kind::InSet { .. } => "in_set",
            Kind::Regex { .. } => "regex",
            Kind::RowCount(_) => "row_count",
            Kind::Freshness { .. } => "freshness",
            Kind::Schema { .. } => "schema",
            Kind::ForeignKey { .. } => "foreign_key",
            Kind::Sql { .. } => "sql",
            Kind::Stat { stat, .. } => match stat {
                Stat::Mean => "mean",
                Stat::Sum => "sum",
                Stat::Min => "min",
                Stat::Max => "max",
                Stat::Median => "median",
                Stat::Stdev => "stdev",
                Stat::DistinctCount => "distinct_count",
            },
        }
    }
}

/// A share as `98.5 %`: as many digits as it takes, 3 at most, and never 100 % for less than all.
pub fn percent(share: f64) -> String {
    let p = share * 100.0;
    for digits in 1..=3_usize {
        let text = format!("{p:.digits$}");
        let lies = (p < 100.0 && text.starts_with("100")) || (p > 0.0 && text.trim_matches(['0', '.']).is_empty());
        if !lies {
            let text = text.trim_end_matches('0').trim_end_matches('.');
            return format!("{text} %");
        }
    }
    if p < 50.0 { "<0.001 %".to_owned() } else { ">99.999 %".to_owned() }
}

/// Seconds as `24 h`, `90 min`, `3 d`.
pub fn span_words(secs: u64) -> String {
    match secs {
        s if s >= 172_800 && s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s >= 3600 && s % 3600 == 0 => format!("{} h", s / 3600),
        s if s >= 60 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

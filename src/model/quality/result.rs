//! What came out of a suite, for the window, the command line and the store.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use serde_json::{Value, json};

use super::{Severity, percent};
use crate::{
    base::{Error, ids::RunId, text, time},
    model::{run::CheckRecord, series::instant},
};

/// How a check ended. Colour and shape follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Passed,
    /// Failed, but only of severity info.
    Info,
    /// Failed with severity warning.
    Warning,
    /// Failed with severity critical: stops the line.
    Failed,
    /// Could not be evaluated: never a pass.
    Error,
}

impl Status {
    /// The status of a check that passed or not.
    pub fn of(passed: bool, severity: Severity) -> Self {
        match (passed, severity) {
            (true, _) => Self::Passed,
            (false, Severity::Info) => Self::Info,
            (false, Severity::Warning) => Self::Warning,
            (false, Severity::Critical) => Self::Failed,
        }
    }
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Error => "error",
        }
    }
    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Info => "info",
            Self::Warning => "warn",
            Self::Failed => "fail",
            Self::Error => "error",
        }
    }
    /// From the name in the store; one that is not known is an error, never a pass.
    pub fn parse(name: &str) -> Self {
        let all = [Self::Passed, Self::Info, Self::Warning, Self::Failed];
        all.into_iter().find(|s| s.name() == name).unwrap_or(Self::Error)
    }
    /// True for what fails a task or a command: a failed or impossible check.
    pub fn stops(self) -> bool {
        matches!(self, Self::Failed | Self::Error)
    }
}

/// What the observed value of a check counts, which also decides its control chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Share of values that pass, 0 to 1.
    Share,
    /// Rows of the table.
    Rows,
    /// Failing rows of a query.
    FailingRows,
    /// Columns that are missing, extra or of another type.
    Columns,
    /// Age in hours.
    Hours,
    /// A figure in the unit of its column.
    #[default]
    Value,
}

impl Unit {
    /// The word in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Rows => "rows",
            Self::FailingRows => "failing_rows",
            Self::Columns => "columns",
            Self::Hours => "hours",
            Self::Value => "value",
        }
    }
    /// From the word; [`Unit::Value`] for an unknown one.
    pub fn parse(word: &str) -> Self {
        [Self::Share, Self::Rows, Self::FailingRows, Self::Columns, Self::Hours]
            .into_iter()
            .find(|u| u.word() == word)
            .unwrap_or_default()
    }
    /// A value of this unit for people: `93.1 %`, `18,732`, `27 h`.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Share => percent(value),
            Self::Rows | Self::FailingRows | Self::Columns => text::thousands(value.max(0.0).round() as u64),
            Self::Hours if value < 1.0 => format!("{:.0} min", value * 60.0),
            Self::Hours if value >= 48.0 => format!("{:.1} d", value / 24.0),
            Self::Hours => format!("{} h", number(value, 1)),
            Self::Value if value.abs() >= 100.0 => number(value, 1),
            Self::Value if value.abs() >= 10.0 => number(value, 2),
            Self::Value => number(value, 3),
        }
    }
    /// What is plotted, in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Share => "share of rows that pass",
            Self::Rows => "number of rows",
            Self::FailingRows => "rows its query returns",
            Self::Columns => "columns not as expected",
            Self::Hours => "age of the newest row",
            Self::Value => "value",
        }
    }
}

/// A number with thousands marked and at most `digits` decimals that are not noughts; tiny and huge ones with exponent.
pub(crate) fn number(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "not a number".to_owned() } else { format!("{value}") };
    }
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e15).contains(&size) {
        return format!("{value:.2e}").replacen('-', if value < 0.0 { "\u{2212}" } else { "-" }, 1);
    }
    let fixed = format!("{size:.digits$}");
    let (whole, part) = fixed.split_once('.').unwrap_or((&fixed, ""));
    let part = part.trim_end_matches('0');
    let whole = text::thousands(whole.parse().unwrap_or(0));
    let sign = if value < 0.0 && (whole != "0" || !part.is_empty()) { "\u{2212}" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckResult {
    pub id: String,
    /// Kind as in the file: `in_range`.
    pub kind: String,
    pub columns: Vec<String>,
    pub severity: Severity,
    pub status: Status,
    pub unit: Unit,
    /// The plotted value; none when there was nothing to observe (mean of no rows) or on an error.
    pub observed: Option<f64>,
    /// The suite's own limits, in the unit of `observed`.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Rows looked at, missing values included.
    pub element_count: u64,
    pub missing_count: u64,
    pub unexpected_count: u64,
    /// Share of the values left that pass.
    pub share: Option<f64>,
    /// First failing values, distinct, at most 20.
    pub examples: Vec<String>,
    /// SQL that returns every failing row, ready for the data page; none where no row is at fault.
    pub rows_sql: Option<String>,
    /// What was found, as a sentence without a full stop.
    pub message: String,
    /// Why it could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl CheckResult {
    /// The last value as the grid shows it: `93.1 %`, `18,732`, `0 dup`.
    pub fn last_value(&self) -> String {
        last_value(self.status, &self.kind, self.unit, self.observed, self.unexpected_count)
    }
}

fn last_value(status: Status, kind: &str, unit: Unit, observed: Option<f64>, unexpected: u64) -> String {
    match observed {
        _ if status == Status::Error => "error".to_owned(),
        Some(_) if kind == "unique" => format!("{} dup", text::thousands(unexpected)),
        Some(value) => unit.show(value),
        None => "none".to_owned(),
    }
}

/// The outcome of a suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SuiteResult {
    /// Random id that joins its results in the store.
    pub evaluation: String,
    pub suite: String,
    /// Workspace path of the check file.
    pub path: String,
    /// Workspace path of the rows.
    pub data: String,
    pub params: BTreeMap<String, String>,
    pub at: Timestamp,
    /// The date or instant the data is of, as the suite or a parameter has it.
    pub data_time: Option<String>,
    /// Rows looked at.
    pub rows: u64,
    pub duration_ms: u64,
    pub checks: Vec<CheckResult>,
}

impl SuiteResult {
    /// The worst status of its checks.
    pub fn status(&self) -> Status {
        self.checks.iter().map(|c| c.status).max().unwrap_or(Status::Passed)
    }
    /// True when nothing stops the line.
    pub fn passed(&self) -> bool {
        !self.status().stops()
    }
    /// How many checks ended so.
    pub fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|c| c.status == status).count()
    }
    /// `23 checks on 18,732 rows: 2 failed, 1 warning, 20 passed`.
    pub fn summary(&self) -> String {
        let parts: Vec<_> = [Status::Failed, Status::Error, Status::Warning, Status::Info, Status::Passed]
            .into_iter()
            .filter_map(|s| {
                let n = self.count(s);
                (n > 0).then(|| format!("{n} {}", s.word()))
            })
            .collect();
        let checks = text::count(self.checks.len() as u64, "check");
        let rows = text::count(self.rows, "row");
        format!("{checks} on {rows}: {}", parts.join(", "))
    }
    /// The failing check that matters most, in words, for the error of a task.
    pub fn first_problem(&self) -> Option<String> {
        let worst = self.checks.iter().filter(|c| c.status.stops()).max_by_key(|c| c.status == Status::Failed)?;
        Some(format!("{}.{}: {}", self.suite, worst.id, worst.message))
    }
    /// As rows for the store. `task` is the task of the run that evaluated it.
    pub fn records(&self, run: Option<&RunId>, task: Option<&str>) -> Vec<CheckRecord> {
        let record = |c: &CheckResult| CheckRecord {
            run: run.cloned(),
            task: task.map(str::to_owned),
            evaluation: self.evaluation.clone(),
            suite: self.path.clone(),
            check: c.id.clone(),
            dataset: self.data.clone(),
            state: c.status.name().to_owned(),
            severity: c.severity.word().to_owned(),
            value: c.observed.filter(|v| v.is_finite()),
            failed_rows: Some(c.unexpected_count),
            total_rows: Some(c.element_count),
            message: c.message.clone(),
            at: self.at,
            data_time: self.data_time.clone(),
            detail: json!({
                "name": self.suite, "kind": c.kind, "columns": c.columns, "unit": c.unit, "low": c.low, "high": c.high,
                "missing": c.missing_count, "share": c.share, "examples": c.examples, "rows_sql": c.rows_sql,
            }),
        };
        self.checks.iter().map(record).collect()
    }
}

/// One result in the history of a check: a [`CheckRecord`] with its details read.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckPoint {
    /// The run that evaluated it; none when it was evaluated by hand.
    pub run: Option<RunId>,
    pub task: Option<String>,
    pub evaluation: String,
    /// Name of the suite.
    pub suite: String,
    /// Workspace path of the check file.
    pub path: String,
    pub check: String,
    pub kind: String,
    pub columns: Vec<String>,
    pub data: String,
    pub status: Status,
    pub severity: Severity,
    pub unit: Unit,
    pub observed: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub share: Option<f64>,
    pub unexpected: u64,
    pub missing: u64,
    pub elements: u64,
    pub examples: Vec<String>,
    pub rows_sql: Option<String>,
    pub message: String,
    pub at: Timestamp,
    pub data_time: Option<Timestamp>,
}

impl CheckPoint {
    /// Reads a row of the store. Details another version left out take their defaults.
    pub fn of(record: &CheckRecord) -> Self {
        let detail = |key: &str| record.detail.get(key).unwrap_or(&Value::Null);
        let words = |key: &str| -> Vec<String> {
            let all = detail(key).as_array().map(Vec::as_slice).unwrap_or_default();
            all.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
        };
        let stem = || record.suite.rsplit('/').next().unwrap_or_default().trim_end_matches(".toml").to_owned();
        let severities = [Severity::Info, Severity::Warning, Severity::Critical];
        Self {
            run: record.run.clone(),
            task: record.task.clone(),
            evaluation: record.evaluation.clone(),
            suite: detail("name").as_str().map_or_else(stem, str::to_owned),
            path: record.suite.clone(),
            check: record.check.clone(),
            kind: detail("kind").as_str().unwrap_or_default().to_owned(),
            columns: words("columns"),
            data: record.dataset.clone(),
            status: Status::parse(&record.state),
            severity: severities.into_iter().find(|s| s.word() == record.severity).unwrap_or_default(),
            unit: detail("unit").as_str().map(Unit::parse).unwrap_or_default(),
            observed: record.value,
            low: detail("low").as_f64(),
            high: detail("high").as_f64(),
            share: detail("share").as_f64(),
            unexpected: record.failed_rows.unwrap_or(0),
            missing: detail("missing").as_u64().unwrap_or(0),
            elements: record.total_rows.unwrap_or(0),
            examples: words("examples"),
            rows_sql: detail("rows_sql").as_str().map(str::to_owned),
            message: record.message.clone(),
            at: record.at,
            data_time: record.data_time.as_deref().and_then(instant),
        }
    }
    /// `delays.dep_delay_in_range`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.suite, self.check)
    }
    /// Values the share is over: all but the missing ones, except for the check that counts these.
    pub fn sample_size(&self) -> u64 {
        if self.kind == "not_null" { self.elements } else { self.elements.saturating_sub(self.missing) }
    }
    /// The value as the grid shows it.
    pub fn last_value(&self) -> String {
        last_value(self.status, &self.kind, self.unit, self.observed, self.unexpected)
    }
    /// One line for a tooltip: when and what.
    pub fn tooltip(&self) -> String {
        format!("{}: {}", time::day_hhmm(self.at), self.message)
    }
}

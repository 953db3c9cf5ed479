//! Verdicts and what they say.
use jiff::Timestamp;

use super::numbers;
use crate::{
    base::text,
    model::quality::{Bounds, Check, CheckResult, Kind, Status, Unit, percent, span_words},
};

/// What the observed value of a kind counts.
pub(super) fn unit(kind: &Kind) -> Unit {
    match kind {
        Kind::RowCount(_) => Unit::Rows,
        Kind::Freshness { .. } => Unit::Hours,
        Kind::Schema { .. } => Unit::Columns,
        Kind::Sql { .. } => Unit::FailingRows,
        Kind::Stat { .. } => Unit::Value,
        _ => Unit::Share,
    }
}

/// What a check of values found.
pub(super) fn share(check: &Check, result: &CheckResult, sample: u64) -> String {
    let noun = if matches!(check.kind, Kind::NotNull) { "row" } else { "value" };
    let n = result.unexpected_count;
    let column = check.columns.join(", ");
    if sample == 0 {
        return format!("there is no {noun} of {column} to look at");
    }
    if n == 0 {
        let of = text::count(sample, noun);
        return match check.kind {
            Kind::NotNull => format!("{column} is there in all of {of}"),
            Kind::Unique => format!("all of {of} of {column} are different"),
            _ => format!("all of {of} of {column} are as expected"),
        };
    }
    let fault = match &check.kind {
        Kind::NotNull => format!("{column} is missing"),
        Kind::Unique => format!("{column} occurs more than once"),
        Kind::InRange(b) => format!("{column} is not {}", b.words()),
        Kind::InSet { .. } => format!("{column} is not in the list"),
        Kind::Regex { pattern } => format!("{column} does not match {pattern}"),
        Kind::ForeignKey { data, columns } => format!("{column} is not in {} of {data}", columns.join(", ")),
        _ => format!("{column} is not as expected"),
    };
    let share = n as f64 / sample as f64;
    let asked = if check.mostly < 1.0 { format!(", {} must pass", percent(check.mostly)) } else { String::new() };
    format!("{fault} in {} of {} ({}{asked})", text::thousands(n), text::count(sample, noun), percent(share))
}

/// Judges a figure by its bounds. Nothing observed never passes, whatever the bounds.
pub(super) fn judge_bounds(check: &Check, bounds: &Bounds, result: &mut CheckResult) {
    (result.low, result.high) = numbers(bounds);
    let what = match &check.kind {
        Kind::Stat { stat, .. } => format!("{} of {}", stat.word(), check.columns.join(", ")),
        _ => "number of rows".to_owned(),
    };
    let Some(value) = result.observed else {
        result.status = Status::of(false, check.severity);
        result.message = format!("there is no {what}: no finite value to compute it from");
        return;
    };
    let passed = bounds.contain(value);
    result.status = Status::of(passed, check.severity);
    let shown = result.unit.show(value);
    let verb = if passed { "is" } else { "should be" };
    result.message = match (&check.kind, passed) {
        (Kind::RowCount(_), true) => format!("there are {}", text::count(value as u64, "row")),
        (Kind::RowCount(_), false) => {
            format!("there are {}, {verb} {}", text::count(value as u64, "row"), bounds.words())
        }
        (_, true) => format!("{what} is {shown}"),
        (_, false) => format!("{what} is {shown}, {verb} {}", bounds.words()),
    };
}

/// Judges the age of the newest value.
pub(super) fn judge_age(
    check: &Check,
    newest: Option<Timestamp>,
    as_of: Timestamp,
    max: u64,
    result: &mut CheckResult,
) {
    result.high = Some(max as f64 / 3600.0);
    let what = check.columns.first().map_or_else(|| "the file".to_owned(), |c| format!("the newest {c}"));
    let Some(newest) = newest else {
        result.status = Status::of(false, check.severity);
        result.message = format!("{} holds no value, so nothing is fresh", check.columns.join(", "));
        return;
    };
    let age_ms = as_of.as_millisecond() - newest.as_millisecond();
    let hours = (age_ms as f64 / 3_600_000.0).max(0.0);
    result.observed = Some(hours);
    let passed = age_ms <= i64::try_from(max).unwrap_or(i64::MAX).saturating_mul(1000);
    result.status = Status::of(passed, check.severity);
    let age = Unit::Hours.show(hours);
    result.message = match (passed, age_ms < -3_600_000) {
        (true, true) => format!("{what} is {} ahead of its time", Unit::Hours.show(age_ms as f64 / -3_600_000.0)),
        (true, false) => format!("{what} is {age} old"),
        (false, _) => format!("{what} is {age} old, at most {} is allowed", span_words(max)),
    };
}

/// Judges the columns of a table.
pub(super) fn judge_schema(check: &Check, expected: usize, problems: Vec<String>, result: &mut CheckResult) {
    result.high = Some(0.0);
    result.observed = Some(problems.len() as f64);
    result.unexpected_count = problems.len() as u64;
    result.element_count = expected as u64;
    result.status = Status::of(problems.is_empty(), check.severity);
    result.message = match problems.len() {
        0 => format!("all of {} are as expected", text::count(expected as u64, "column")),
        n => {
            let more = if n > 4 { format!(" and {} more", n - 4) } else { String::new() };
            let shown: Vec<&str> = problems.iter().take(4).map(String::as_str).collect();
            format!("{}{more}", shown.join("; "))
        }
    };
    result.examples = problems;
    result.examples.truncate(super::EXAMPLES);
}

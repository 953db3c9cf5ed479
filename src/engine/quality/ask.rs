//! From a check to expressions over columns, with types looked at first so that mistakes get words of their own.
use jiff::{civil, tz::TimeZone};
use polars::prelude::*;

use crate::{
    base::{Error, Result, text},
    model::{
        quality::{Bounds, Check, Expected, Kind, Scalar, Stat},
        series::instant,
    },
};

/// How a check is asked.
pub(super) enum Ask {
    /// Per value: `bad` is true where it is unexpected and never null, `base` is the value looked at.
    Values { bad: Expr, base: Expr, missing: Expr },
    /// One figure over a column.
    Figure { value: Expr, missing: Expr },
    /// The greatest value of a column as text.
    Newest { value: Expr },
    /// Nothing of the one pass.
    Apart,
}

/// What the one pass read for a check.
#[derive(Default)]
pub(super) struct Figures {
    pub unexpected: u64,
    pub missing: u64,
    pub value: Option<f64>,
    pub newest: Option<String>,
}

impl Ask {
    /// Its part of the one pass; names carry the number of the check.
    pub(super) fn exprs(&self, i: usize) -> Vec<Expr> {
        match self {
            Self::Values { bad, missing, .. } => vec![
                bad.clone().cast(DataType::UInt64).sum().alias(format!("bad{i}")),
                missing.clone().cast(DataType::UInt64).sum().alias(format!("missing{i}")),
            ],
            Self::Figure { value, missing } => vec![
                value.clone().cast(DataType::Float64).alias(format!("value{i}")),
                missing.clone().cast(DataType::UInt64).sum().alias(format!("missing{i}")),
            ],
            Self::Newest { value } => vec![value.clone().cast(DataType::String).alias(format!("newest{i}"))],
            Self::Apart => Vec::new(),
        }
    }

    /// Reads its part of the answer.
    pub(super) fn read(&self, i: usize, frame: &DataFrame) -> Figures {
        let mut figures = Figures::default();
        match self {
            Self::Values { .. } => {
                figures.unexpected = count(frame, &format!("bad{i}"));
                figures.missing = count(frame, &format!("missing{i}"));
            }
            Self::Figure { .. } => {
                figures.missing = count(frame, &format!("missing{i}"));
                let column = frame.column(&format!("value{i}")).ok();
                let value = column.and_then(|c| c.f64().ok().and_then(|v| v.get(0)));
                // Infinities make mean, sum and spread meaningless: nothing observed, as in Great Expectations.
                figures.value = value.filter(|v| !v.is_nan());
            }
            Self::Newest { .. } => {
                let column = frame.column(&format!("newest{i}")).ok();
                figures.newest = column.and_then(|c| c.str().ok().and_then(|v| v.get(0)).map(str::to_owned));
            }
            Self::Apart => {}
        }
        figures
    }
}

/// A whole number out of the first row.
pub(super) fn count(frame: &DataFrame, name: &str) -> u64 {
    let column = frame.column(name).ok().and_then(|c| c.cast(&DataType::UInt64).ok());
    column.and_then(|c| c.u64().ok().and_then(|v| v.get(0))).unwrap_or(0)
}

/// Prepares a check.
pub(super) fn ask(check: &Check, schema: &Schema) -> Result<Ask> {
    for column in &check.columns {
        dtype(schema, column)?;
    }
    let Some(name) = check.columns.first() else { return Ok(Ask::Apart) };
    let dtype = dtype(schema, name)?;
    let base = value_of(name, dtype);
    let there = base.clone().is_not_null();
    let missing = base.clone().is_null();
    Ok(match &check.kind {
        Kind::NotNull => Ask::Values { bad: missing.clone(), base, missing },
        Kind::InRange(bounds) => {
            let good = within(name, &base, dtype, bounds)?;
            Ask::Values { bad: there.and(good.not()), base, missing }
        }
        Kind::InSet { values } => {
            let good = base.clone().is_in(lit(set(name, dtype, values)?).implode(false), false);
            Ask::Values { bad: there.and(good.not()), base, missing }
        }
        Kind::Regex { pattern } => {
            let text = as_text(name, &base, dtype)?;
            let good = text.str().contains(lit(pattern.as_str()), true);
            Ask::Values { bad: there.and(good.not()), base, missing }
        }
        Kind::Stat { stat, .. } => Ask::Figure { value: figure(name, base, dtype, *stat)?, missing },
        Kind::Freshness { .. } => match dtype {
            DataType::Date | DataType::Datetime(..) | DataType::String => Ask::Newest { value: base.max() },
            other => {
                return Err(
                    mismatch(name, other, "a date or a time").hint("Check the freshness of a date or time column")
                );
            }
        },
        _ => Ask::Apart,
    })
}

fn dtype<'a>(schema: &'a Schema, name: &str) -> Result<&'a DataType> {
    schema.get(name).ok_or_else(|| no_column(schema, name, ""))
}

fn no_column(schema: &Schema, name: &str, of: &str) -> Error {
    let error = Error::user(format!("There is no column {name}{of}"));
    let known: Vec<&str> = schema.iter_names().map(PlSmallStr::as_str).collect();
    match text::nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("Did you mean {near}?")),
        None => error.hint(format!("Columns: {}", text::shorten(&known.join(", "), 200))),
    }
}

fn mismatch(name: &str, dtype: &DataType, wanted: &str) -> Error {
    Error::user(format!("The column {name} holds {}, not {wanted}", family(dtype)))
}

/// A type in plain words, also what a schema check compares with.
fn family(dtype: &DataType) -> &'static str {
    match dtype {
        DataType::Boolean => "bool",
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => "text",
        DataType::Date => "date",
        DataType::Datetime(..) => "datetime",
        DataType::Time => "time",
        DataType::Duration(_) => "durations",
        DataType::Null => "nothing but nulls",
        d if d.is_integer() => "int",
        d if d.is_float() || d.is_decimal() => "float",
        _ => "nested values",
    }
}

/// The column with values that are not numbers turned into missing ones, which is what they mean in data.
fn value_of(name: &str, dtype: &DataType) -> Expr {
    let column = col(PlSmallStr::from_str(name));
    if dtype.is_float() {
        when(column.clone().is_nan()).then(lit(NULL)).otherwise(column.clone()).alias(name)
    } else {
        column
    }
}

fn as_text(name: &str, base: &Expr, dtype: &DataType) -> Result<Expr> {
    match family(dtype) {
        "nested values" => Err(mismatch(name, dtype, "text")),
        _ => Ok(base.clone().cast(DataType::String)),
    }
}

fn within(name: &str, base: &Expr, dtype: &DataType, bounds: &Bounds) -> Result<Expr> {
    let base = if family(dtype) == "text" { base.clone().cast(DataType::String) } else { base.clone() };
    let mut good = lit(true);
    if let Some(min) = &bounds.min {
        let (low, column) = (bound(name, dtype, min)?, base.clone());
        good = good.and(if bounds.strict_min { column.gt(low) } else { column.gt_eq(low) });
    }
    if let Some(max) = &bounds.max {
        let high = bound(name, dtype, max)?;
        good = good.and(if bounds.strict_max { base.lt(high) } else { base.lt_eq(high) });
    }
    Ok(good)
}

/// A bound as a literal that compares exactly with the column.
fn bound(name: &str, dtype: &DataType, value: &Scalar) -> Result<Expr> {
    match (dtype, value) {
        (DataType::Date | DataType::Datetime(..) | DataType::Time, Scalar::Text(words)) => moment(name, dtype, words),
        (DataType::Null, _) => Ok(lit(NULL)),
        (_, Scalar::Int(n)) if dtype.is_primitive_numeric() || dtype.is_decimal() => Ok(lit(*n)),
        (_, Scalar::Float(x)) if dtype.is_primitive_numeric() || dtype.is_decimal() => Ok(lit(*x)),
        (_, Scalar::Text(words)) if family(dtype) == "text" => Ok(lit(words.as_str())),
        (_, Scalar::Int(_) | Scalar::Float(_)) => Err(mismatch(name, dtype, "numbers")),
        _ => Err(Error::user(format!("{} cannot be compared with {name}, which holds {}", value, family(dtype)))),
    }
}

/// A date or time literal of the column's own type.
fn moment(name: &str, dtype: &DataType, words: &str) -> Result<Expr> {
    let bad = || Error::config(format!("{words} is no {} to compare {name} with", family(dtype)));
    Ok(match dtype {
        DataType::Time => {
            let time: civil::Time = words.parse().map_err(|_| bad())?;
            let since = time.duration_since(civil::Time::midnight());
            lit(i64::try_from(since.as_nanos()).map_err(|_| bad())?).cast(DataType::Time)
        }
        DataType::Date => {
            let at = instant(words).ok_or_else(bad)?;
            if at.as_second() % 86_400 == 0 {
                lit(i32::try_from(at.as_second() / 86_400).map_err(|_| bad())?).cast(DataType::Date)
            } else {
                lit(at.as_millisecond()).cast(DataType::Datetime(TimeUnit::Milliseconds, None))
            }
        }
        DataType::Datetime(unit, zone) => {
            // Words without a zone are meant in the zone of the column.
            let local = words.replacen(' ', "T", 1).parse::<civil::DateTime>().ok();
            let with_zone = words.parse::<jiff::Timestamp>().ok();
            let at = match (zone, with_zone, local) {
                (_, Some(at), _) => at,
                (Some(zone), None, Some(local)) => {
                    let zone = TimeZone::get(zone.as_str()).unwrap_or(TimeZone::UTC);
                    local.to_zoned(zone).map_err(|_| bad())?.timestamp()
                }
                (None, None, Some(local)) => local.to_zoned(TimeZone::UTC).map_err(|_| bad())?.timestamp(),
                (_, None, None) => return Err(bad()),
            };
            let value = match unit {
                TimeUnit::Nanoseconds => i64::try_from(at.as_nanosecond()).map_err(|_| bad())?,
                TimeUnit::Microseconds => at.as_microsecond(),
                TimeUnit::Milliseconds => at.as_millisecond(),
            };
            lit(value).cast(dtype.clone())
        }
        _ => return Err(bad()),
    })
}

/// The values of a set in the type of the column. A value that the type cannot hold simply never occurs.
fn set(name: &str, dtype: &DataType, values: &[Scalar]) -> Result<Series> {
    let wrong = |v: &Scalar| Error::user(format!("{v} cannot be a value of {name}, which holds {}", family(dtype)));
    let label = PlSmallStr::from_static("set");
    match family(dtype) {
        "text" => {
            let words: Vec<String> = values.iter().map(ToString::to_string).collect();
            let series = Series::new(label, words);
            Ok(if matches!(dtype, DataType::String) { series } else { series.cast(dtype).unwrap_or(series) })
        }
        "bool" => {
            let flags: Result<Vec<bool>> =
                values.iter().map(|v| if let Scalar::Bool(b) = v { Ok(*b) } else { Err(wrong(v)) }).collect();
            Ok(Series::new(label, flags?))
        }
        "int" => {
            let mut whole = Vec::with_capacity(values.len());
            for value in values {
                match value {
                    Scalar::Int(n) => whole.push(*n),
                    Scalar::Float(x) if x.fract() == 0.0 => whole.push(*x as i64),
                    Scalar::Float(_) => {}
                    other => return Err(wrong(other)),
                }
            }
            let series = Series::new(label, whole);
            let fitting = series.cast(dtype).map_err(|e| crate::engine::frames::explain("The set does not fit", &e))?;
            Ok(fitting.drop_nulls())
        }
        "float" => {
            let numbers: Result<Vec<f64>> = values.iter().map(|v| v.number().ok_or_else(|| wrong(v))).collect();
            let series = Series::new(label, numbers?);
            Ok(series.cast(dtype).unwrap_or(series))
        }
        "date" => {
            let days: Result<Vec<i32>> = values
                .iter()
                .map(|v| {
                    let at = instant(&v.to_string()).ok_or_else(|| wrong(v))?;
                    Ok(i32::try_from(at.as_second().div_euclid(86_400)).unwrap_or(i32::MAX))
                })
                .collect();
            let series = Series::new(label, days?);
            series.cast(dtype).map_err(|e| crate::engine::frames::explain("The set does not fit", &e))
        }
        _ => Err(Error::user(format!(
            "The column {name} holds {}; a set can hold text, numbers, dates or true and false",
            family(dtype)
        ))),
    }
}

fn figure(name: &str, base: Expr, dtype: &DataType, stat: Stat) -> Result<Expr> {
    if stat == Stat::DistinctCount {
        return match family(dtype) {
            "nested values" => Err(mismatch(name, dtype, "single values")),
            _ => Ok(base.drop_nulls().n_unique()),
        };
    }
    if !(dtype.is_primitive_numeric() || dtype.is_decimal() || matches!(dtype, DataType::Boolean | DataType::Null)) {
        return Err(mismatch(name, dtype, "numbers"));
    }
    let wide = if dtype.is_integer() { base.clone().cast(DataType::Int64) } else { base.cast(DataType::Float64) };
    let float = wide.clone().cast(DataType::Float64);
    let finite = float.clone().is_finite().all(true);
    let only_finite = |e: Expr| when(finite.clone()).then(e).otherwise(lit(NULL));
    Ok(match stat {
        Stat::Mean => only_finite(float.mean()),
        Stat::Sum => only_finite(wide.sum().cast(DataType::Float64)),
        Stat::Stdev => only_finite(float.std(1)),
        Stat::Min => wide.min(),
        Stat::Max => wide.max(),
        Stat::Median => float.median(),
        Stat::DistinctCount => wide.n_unique(),
    })
}

/// Columns to group by, under their own names.
pub(super) fn keys(columns: &[String], schema: &Schema) -> Result<Vec<Expr>> {
    columns.iter().map(|c| Ok(value_of(c, dtype(schema, c)?))).collect()
}

/// True where at least one of the columns is there.
pub(super) fn any_there(columns: &[String], schema: &Schema) -> Expr {
    there(columns, schema).into_iter().reduce(Expr::or).unwrap_or(lit(true))
}

/// True where every one of the columns is there.
pub(super) fn all_there(columns: &[String], schema: &Schema) -> Expr {
    there(columns, schema).into_iter().reduce(Expr::and).unwrap_or(lit(true))
}

fn there(columns: &[String], schema: &Schema) -> Vec<Expr> {
    let one = |c: &String| Some(value_of(c, schema.get(c.as_str())?).is_not_null());
    columns.iter().filter_map(one).collect()
}

/// Both sides of a look-up as columns `__k0`, `__k1`, ... of common types.
pub(super) fn join_keys(
    schema: &Schema,
    ours: &[String],
    data: &str,
    other: &Schema,
    theirs: &[String],
) -> Result<(Vec<Expr>, Vec<Expr>)> {
    let mut both = (Vec::new(), Vec::new());
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let ours = dtype(schema, a)?;
        let theirs = other.get(b.as_str()).ok_or_else(|| no_column(other, b, &format!(" in {data}")))?;
        let common = match (family(ours), family(theirs)) {
            ("text", "text") => DataType::String,
            ("int", "int") => DataType::Int64,
            ("int" | "float", "int" | "float") => DataType::Float64,
            (x, y) if x == y => ours.clone(),
            ("nothing but nulls", _) => theirs.clone(),
            (x, y) => {
                return Err(Error::user(format!("{a} holds {x}, but {b} of {data} holds {y}"))
                    .hint("Both columns must hold the same type of value"));
            }
        };
        both.0.push(value_of(a, ours).cast(common.clone()).alias(format!("__k{i}")));
        both.1.push(value_of(b, theirs).cast(common).alias(format!("__k{i}")));
    }
    Ok(both)
}

/// What is not as a schema check expects, in words.
pub(super) fn schema_problems(schema: &Schema, expected: &[Expected], allow_extra: bool, ordered: bool) -> Vec<String> {
    let mut problems = Vec::new();
    for column in expected {
        let Some(dtype) = schema.get(column.name.as_str()) else {
            problems.push(format!("{} is missing", column.name));
            continue;
        };
        let Some(wanted) = &column.dtype else { continue };
        let found = family(dtype);
        let debug = format!("{dtype:?}");
        let exact = debug == *wanted || debug.split('(').next() == Some(wanted);
        let fits = found == wanted || (wanted == "number" && matches!(found, "int" | "float")) || exact;
        if !fits {
            let found = if wanted.starts_with(char::is_uppercase) { debug.as_str() } else { found };
            problems.push(format!("{} holds {found}, not {wanted}", column.name));
        }
    }
    let known = |name: &str| expected.iter().any(|e| e.name == name);
    if !allow_extra {
        problems.extend(schema.iter_names().filter(|n| !known(n)).map(|n| format!("{n} is not expected")));
    }
    if ordered && problems.is_empty() {
        let names: Vec<&str> = schema.iter_names().map(PlSmallStr::as_str).filter(|n| known(n)).collect();
        let wrong = names.iter().zip(expected).find(|(found, wanted)| **found != wanted.name);
        if let Some((found, wanted)) = wrong {
            problems.push(format!("{found} stands where {} is expected", wanted.name));
        }
    }
    problems
}

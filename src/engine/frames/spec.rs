//! From filters and orders to engine expressions.
use polars::prelude::*;

use crate::{
    base::{Error, Result},
    model::table::{Filter, Kind, Op, Sort, ViewSpec},
};

/// All filters of a view as one condition.
pub(super) fn predicate(spec: &ViewSpec, schema: &Schema) -> Result<Option<Expr>> {
    let mut all: Option<Expr> = None;
    for filter in &spec.filters {
        let one = condition(filter, schema)?;
        all = Some(match all {
            Some(so_far) => so_far.and(one),
            None => one,
        });
    }
    Ok(all)
}

fn condition(filter: &Filter, schema: &Schema) -> Result<Expr> {
    let dtype = column_type(&filter.column, schema)?;
    let column = || col(PlSmallStr::from_str(&filter.column));
    let value = |i: usize| literal(filter, filter.values.get(i).map_or("", String::as_str), dtype);
    Ok(match filter.op {
        Op::IsNull => column().is_null(),
        Op::NotNull => column().is_not_null(),
        Op::Eq => column().eq(value(0)?),
        Op::Ne => column().neq(value(0)?),
        Op::Lt => column().lt(value(0)?),
        Op::Le => column().lt_eq(value(0)?),
        Op::Gt => column().gt(value(0)?),
        Op::Ge => column().gt_eq(value(0)?),
        Op::Between => column().gt_eq(value(0)?).and(column().lt_eq(value(1)?)),
        Op::NotBetween => column().lt(value(0)?).or(column().gt(value(1)?)),
        Op::Contains => {
            let text = filter.values.first().map_or("", String::as_str);
            column().cast(DataType::String).str().contains_literal(lit(text.to_owned()))
        }
    })
}

fn column_type<'a>(name: &str, schema: &'a Schema) -> Result<&'a DataType> {
    schema.get(name).ok_or_else(|| {
        let error = Error::user(format!("There is no column {name}"));
        match crate::base::text::nearest(name, schema.iter_names().map(|n| n.as_str())) {
            Some(near) => error.hint(format!("Did you mean {near}?")),
            None => error.hint("Remove the filter, or open the version of the file that has it"),
        }
    })
}

/// A typed value. What cannot be read as the column's type is an error that shows how it is written.
fn literal(filter: &Filter, value: &str, dtype: &DataType) -> Result<Expr> {
    let trimmed = value.trim();
    let wrong = |example: &str| {
        Error::user(format!("\"{value}\" does not fit the column {} ({dtype})", filter.column))
            .hint(format!("Write it like {example}"))
    };
    let kind = super::kind_of(dtype);
    Ok(match kind {
        Kind::Int => match (trimmed.parse::<i64>(), trimmed.parse::<f64>()) {
            (Ok(v), _) => lit(v),
            (_, Ok(v)) if v.is_finite() => lit(v),
            _ => return Err(wrong("1440")),
        },
        Kind::Float => lit(trimmed.parse::<f64>().map_err(|_| wrong("2.5"))?),
        Kind::Bool => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => lit(true),
            "false" | "0" | "no" => lit(false),
            _ => return Err(wrong("true")),
        },
        Kind::Date => {
            let _: jiff::civil::Date = trimmed.parse().map_err(|_| wrong("2026-11-16"))?;
            lit(trimmed.to_owned()).cast(DataType::Date)
        }
        Kind::Datetime => lit(instant(trimmed).ok_or_else(|| wrong("2026-11-16 05:40"))?)
            .cast(DataType::Datetime(TimeUnit::Microseconds, None))
            .cast(match dtype {
                DataType::Datetime(unit, _) => DataType::Datetime(*unit, None),
                _ => DataType::Datetime(TimeUnit::Microseconds, None),
            })
            .cast(dtype.clone()),
        Kind::Time => {
            let time: jiff::civil::Time = trimmed.parse().map_err(|_| wrong("05:40"))?;
            let ns = time.duration_since(jiff::civil::Time::midnight()).as_nanos();
            lit(i64::try_from(ns).unwrap_or(0)).cast(DataType::Time)
        }
        Kind::Duration => {
            let span: jiff::SignedDuration = trimmed.parse().map_err(|_| wrong("90m"))?;
            lit(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)).cast(DataType::Duration(TimeUnit::Microseconds))
        }
        Kind::Text | Kind::Other => lit(value.to_owned()),
    })
}

fn instant(text: &str) -> Option<i64> {
    let utc = jiff::tz::TimeZone::UTC;
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_microsecond());
    }
    if let Ok(at) = text.parse::<jiff::civil::DateTime>() {
        return Some(at.to_zoned(utc).ok()?.timestamp().as_microsecond());
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    Some(date.to_zoned(utc).ok()?.timestamp().as_microsecond())
}

/// The order of a view; missing values last, equal rows in file order.
pub(super) fn order(sort: &[Sort], schema: &Schema) -> Result<(Vec<Expr>, SortMultipleOptions)> {
    let mut keys = Vec::new();
    for key in sort {
        column_type(&key.column, schema)?;
        keys.push(col(PlSmallStr::from_str(&key.column)));
    }
    let options = SortMultipleOptions {
        descending: sort.iter().map(|s| s.descending).collect(),
        nulls_last: vec![true; sort.len()],
        multithreaded: true,
        maintain_order: true,
        limit: None,
    };
    Ok((keys, options))
}

//! From the engine's values to ours.
use std::sync::Arc;

use jiff::{
    Timestamp,
    civil::{DateTime, Time},
    tz::TimeZone as Zone,
};
use polars::prelude::{AnyValue, DataFrame, DataType, Schema, TimeUnit};

use crate::model::table::{Cell, Column, Kind, Page};

/// The kind of an engine type.
pub(crate) fn kind_of(dtype: &DataType) -> Kind {
    match dtype {
        DataType::Boolean => Kind::Bool,
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => Kind::Text,
        DataType::Date => Kind::Date,
        DataType::Datetime(..) => Kind::Datetime,
        DataType::Time => Kind::Time,
        DataType::Duration(_) => Kind::Duration,
        d if d.is_integer() => Kind::Int,
        d if d.is_float() || d.is_decimal() => Kind::Float,
        _ => Kind::Other,
    }
}

/// The columns of a schema as shown.
pub(crate) fn columns_of(schema: &Schema) -> Arc<[Column]> {
    schema.iter().map(|(name, dtype)| Column::new(name.as_str(), dtype.to_string(), kind_of(dtype))).collect()
}

/// A slice of a frame as a page; `first_row` is where the slice starts in the whole table.
pub(crate) fn page_of(frame: &DataFrame, columns: &Arc<[Column]>, first_row: u64, total_rows: u64) -> Page {
    let mut rows = vec![Vec::with_capacity(frame.width()); frame.height()];
    for column in frame.columns() {
        for (i, row) in rows.iter_mut().enumerate() {
            row.push(column.get(i).map(|v| cell(&v)).unwrap_or_default());
        }
    }
    Page { columns: columns.clone(), first_row, rows, total_rows }
}

/// One value.
pub(crate) fn cell(value: &AnyValue<'_>) -> Cell {
    match value {
        AnyValue::Null => Cell::Null,
        AnyValue::Boolean(v) => Cell::Bool(*v),
        AnyValue::String(v) => Cell::Text((*v).to_owned()),
        AnyValue::StringOwned(v) => Cell::Text(v.to_string()),
        AnyValue::UInt8(v) => Cell::Int(i64::from(*v)),
        AnyValue::UInt16(v) => Cell::Int(i64::from(*v)),
        AnyValue::UInt32(v) => Cell::Int(i64::from(*v)),
        AnyValue::UInt64(v) => i64::try_from(*v).map_or(Cell::UInt(*v), Cell::Int),
        AnyValue::Int8(v) => Cell::Int(i64::from(*v)),
        AnyValue::Int16(v) => Cell::Int(i64::from(*v)),
        AnyValue::Int32(v) => Cell::Int(i64::from(*v)),
        AnyValue::Int64(v) => Cell::Int(*v),
        AnyValue::Int128(v) => i64::try_from(*v).map_or_else(|_| Cell::Text(v.to_string()), Cell::Int),
        // Through text, so that 0.1f32 shows as 0.1 and not as its 17 digits in double precision.
        AnyValue::Float32(v) => Cell::Float(v.to_string().parse().unwrap_or_else(|_| f64::from(*v))),
        AnyValue::Float64(v) => Cell::Float(*v),
        AnyValue::Date(days) => Cell::Text(date_text(i64::from(*days))),
        AnyValue::Datetime(v, unit, zone) => datetime(*v, *unit, zone.map(|z| z.as_str())),
        AnyValue::DatetimeOwned(v, unit, zone) => datetime(*v, *unit, zone.as_ref().map(|z| z.as_str())),
        AnyValue::Time(ns) => Cell::Text(time_text(*ns)),
        AnyValue::Duration(v, unit) => Cell::Text(duration_text(nanos(*v, *unit))),
        AnyValue::Binary(bytes) => Cell::Text(binary_text(bytes)),
        AnyValue::BinaryOwned(bytes) => Cell::Text(binary_text(bytes)),
        other => match other.get_str() {
            Some(text) => Cell::Text(text.to_owned()),
            None => Cell::Text(nested_text(other)),
        },
    }
}

fn nested_text(value: &AnyValue<'_>) -> String {
    match value {
        AnyValue::List(series) => {
            let parts: Vec<String> = series.iter().take(100).map(|v| nested_part(&v)).collect();
            let more = if series.len() > 100 { format!(", \u{2026} {} in all", series.len()) } else { String::new() };
            format!("[{}{more}]", parts.join(", "))
        }
        AnyValue::Struct(_, _, fields) => {
            let values: Vec<AnyValue<'_>> = value._iter_struct_av().collect();
            let parts = fields.iter().zip(values).map(|(f, v)| format!("{}: {}", f.name(), nested_part(&v)));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
        }
        AnyValue::StructOwned(payload) => {
            let (values, fields) = payload.as_ref();
            let parts = fields.iter().zip(values).map(|(f, v)| format!("{}: {}", f.name(), nested_part(v)));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn nested_part(value: &AnyValue<'_>) -> String {
    match cell(value) {
        Cell::Null => "null".to_owned(),
        Cell::Text(t) if kind_of(&value.dtype()) == Kind::Text => format!("{t:?}"),
        other => other.plain().into_owned(),
    }
}

fn binary_text(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::from("0x");
    for b in bytes.iter().take(32) {
        let _ = write!(text, "{b:02x}");
    }
    if bytes.len() > 32 {
        let _ = write!(text, "\u{2026} ({} bytes)", bytes.len());
    }
    text
}

fn nanos(v: i64, unit: TimeUnit) -> i128 {
    i128::from(v)
        * match unit {
            TimeUnit::Nanoseconds => 1,
            TimeUnit::Microseconds => 1_000,
            TimeUnit::Milliseconds => 1_000_000,
        }
}

/// `2026-11-16` for days since 1970.
pub(crate) fn date_text(days: i64) -> String {
    let seconds = days.checked_mul(86_400);
    match seconds.and_then(|s| Timestamp::from_second(s).ok()) {
        Some(at) => at.to_zoned(Zone::UTC).date().to_string(),
        None => format!("day {days}"),
    }
}

fn datetime(v: i64, unit: TimeUnit, zone: Option<&str>) -> Cell {
    let ns = nanos(v, unit);
    let Ok(at) = Timestamp::from_nanosecond(ns) else { return Cell::Text(format!("{ns} ns after 1970")) };
    let known = zone.and_then(|z| Zone::get(z).ok());
    let zoned = at.to_zoned(known.clone().unwrap_or(Zone::UTC));
    let mut text = civil_text(zoned.datetime());
    match (zone, known) {
        (Some("UTC" | "Etc/UTC"), _) => text.push('Z'),
        (Some(_), Some(_)) => text.push_str(&zoned.strftime("%:z").to_string()),
        (Some(z), None) => text.push_str(&format!(" UTC ({z})")),
        (None, _) => {}
    }
    Cell::Text(text)
}

fn civil_text(at: DateTime) -> String {
    format!("{} {}", at.date(), clock_text(at.time()))
}

fn clock_text(time: Time) -> String {
    let base = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    match time.subsec_nanosecond() {
        0 => base,
        ns => format!("{base}.{}", format!("{ns:09}").trim_end_matches('0')),
    }
}

fn time_text(ns: i64) -> String {
    let at = Timestamp::from_nanosecond(i128::from(ns)).map(|t| t.to_zoned(Zone::UTC).time());
    at.map_or_else(|_| format!("{ns} ns"), clock_text)
}

/// `2d 03:04:05.5`, `-00:00:01`.
pub(crate) fn duration_text(ns: i128) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let abs = ns.unsigned_abs();
    let (s, frac) = (abs / 1_000_000_000, abs % 1_000_000_000);
    let (days, h, m, sec) = (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60);
    let days = if days > 0 { format!("{days}d ") } else { String::new() };
    let frac = if frac > 0 { format!(".{}", format!("{frac:09}").trim_end_matches('0')) } else { String::new() };
    format!("{sign}{days}{h:02}:{m:02}:{sec:02}{frac}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ready_to_show() {
        assert_eq!(cell(&AnyValue::Date(20_773)), Cell::Text("2026-11-16".into()));
        let at = 1_794_807_612_500_000;
        assert_eq!(datetime(at, TimeUnit::Microseconds, None), Cell::Text("2026-11-16 05:40:12.5".into()));
        assert_eq!(datetime(at, TimeUnit::Microseconds, Some("UTC")), Cell::Text("2026-11-16 05:40:12.5Z".into()));
        assert_eq!(cell(&AnyValue::Time(3_723_000_000_000)), Cell::Text("01:02:03".into()));
        assert_eq!(cell(&AnyValue::Duration(-90_061_000, TimeUnit::Milliseconds)), Cell::Text("-1d 01:01:01".into()));
        assert_eq!(cell(&AnyValue::Float32(0.1)), Cell::Float(0.1));
        assert!(matches!(datetime(i64::MAX, TimeUnit::Milliseconds, None), Cell::Text(_)), "far future");
    }
}

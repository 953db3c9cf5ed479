//! The SQL that shows every failing row, in the dialect of the data page.
use polars::prelude::Schema;

use crate::model::quality::{Bounds, Check, Kind, Scalar, Suite, quote_name, quote_text};

/// A query for the rows at fault; none where no single row is (a count, a figure, the columns).
pub(super) fn failing(suite: &Suite, check: &Check, schema: &Schema, unexpected: u64) -> Option<String> {
    let from = quote_text(&suite.data);
    let filter = suite.filter.as_deref();
    let select = |condition: &str| {
        let all: Vec<String> = filter.into_iter().map(|f| format!("({f})")).chain([condition.to_owned()]).collect();
        format!("SELECT * FROM {from} WHERE {}", all.join(" AND "))
    };
    let column = check.columns.first().map(|c| quote_name(c));
    let number = check.columns.first().and_then(|c| schema.get(c.as_str())).is_some_and(|d| d.is_float());
    let there = |column: &str| {
        let nan = if number { format!(" AND {column} <> CAST('NaN' AS DOUBLE)") } else { String::new() };
        format!("{column} IS NOT NULL{nan}")
    };
    if unexpected == 0 && !matches!(check.kind, Kind::Freshness { .. }) {
        return None;
    }
    Some(match (&check.kind, column) {
        (Kind::NotNull, Some(c)) if number => select(&format!("({c} IS NULL OR {c} = CAST('NaN' AS DOUBLE))")),
        (Kind::NotNull, Some(c)) => select(&format!("{c} IS NULL")),
        (Kind::InRange(bounds), Some(c)) => select(&format!("{} AND NOT ({})", there(&c), range(&c, bounds))),
        (Kind::InSet { values }, Some(c)) => {
            let list: Vec<String> = values.iter().map(Scalar::sql).collect();
            select(&format!("{} AND {c} NOT IN ({})", there(&c), list.join(", ")))
        }
        (Kind::Regex { pattern }, Some(c)) => {
            let text = format!("CAST({c} AS VARCHAR)");
            select(&format!("{} AND NOT REGEXP_LIKE({text}, {})", there(&c), quote_text(pattern)))
        }
        (Kind::Unique, Some(_)) => {
            let columns: Vec<String> = check.columns.iter().map(|c| quote_name(c)).collect();
            let rows = rows_of(suite);
            let on: Vec<String> = columns.iter().map(|c| format!("r.{c} = t.{c}")).collect();
            let (keys, on) = (columns.join(", "), on.join(" AND "));
            let twins = format!("SELECT {keys}, COUNT(*) AS copies FROM {rows} GROUP BY {keys} HAVING COUNT(*) > 1");
            format!("SELECT r.* FROM {rows} AS r INNER JOIN ({twins}) AS t ON {on} ORDER BY {}", ordered(&columns))
        }
        (Kind::ForeignKey { data, columns }, Some(_)) => {
            let pairs = check.columns.iter().zip(columns);
            let on: Vec<String> = pairs.map(|(a, b)| format!("r.{} = k.{}", quote_name(a), quote_name(b))).collect();
            let there: Vec<String> = check.columns.iter().map(|c| format!("r.{} IS NOT NULL", quote_name(c))).collect();
            let (on, there) = (on.join(" AND "), there.join(" AND "));
            let rows = rows_of(suite);
            format!("SELECT r.* FROM {rows} AS r LEFT ANTI JOIN {} AS k ON {on} WHERE {there}", quote_text(data))
        }
        (Kind::Freshness { .. }, Some(c)) => {
            let condition = filter.map(|f| format!(" WHERE {f}")).unwrap_or_default();
            format!("SELECT * FROM {from}{condition} ORDER BY {c} DESC LIMIT 1000")
        }
        (Kind::Sql { query }, _) => custom(suite, query),
        _ => return None,
    })
}

fn ordered(columns: &[String]) -> String {
    columns.iter().map(|c| format!("r.{c}")).collect::<Vec<_>>().join(", ")
}

/// The suite's rows as something that can stand after FROM.
fn rows_of(suite: &Suite) -> String {
    match &suite.filter {
        Some(filter) => format!("(SELECT * FROM {} WHERE {filter})", quote_text(&suite.data)),
        None => quote_text(&suite.data),
    }
}

/// The query of a custom check with `${data}` filled in.
pub(super) fn custom(suite: &Suite, query: &str) -> String {
    let rows = match &suite.filter {
        Some(_) => format!("{} AS data", rows_of(suite)),
        None => rows_of(suite),
    };
    query.replace("${data}", &rows)
}

fn range(column: &str, bounds: &Bounds) -> String {
    let low =
        bounds.min.as_ref().map(|v| format!("{column} {} {}", if bounds.strict_min { ">" } else { ">=" }, v.sql()));
    let high =
        bounds.max.as_ref().map(|v| format!("{column} {} {}", if bounds.strict_max { "<" } else { "<=" }, v.sql()));
    low.into_iter().chain(high).collect::<Vec<_>>().join(" AND ")
}

//! The engine's errors in words a person can act on.
use std::path::Path;

use polars::prelude::PolarsError;

use super::rewrite::Plan;
use crate::{
    base::{Error, text},
    engine::frames,
};

/// What was there to be named.
pub(super) struct Known<'a> {
    pub columns: &'a [String],
    pub names: &'a [String],
    pub root: &'a Path,
}

/// Explains an error of a statement of `whole`.
pub(super) fn explain(whole: &str, plan: &Plan, error: &PolarsError, known: &Known<'_>) -> Error {
    let message = readable(plan, &inner(error));
    if let Some(name) = unknown_column(error, &message) {
        return column(&name, known);
    }
    if let Some(name) = between(&message, "relation '", "'") {
        return relation(&name, known);
    }
    if message.contains("join constraint") {
        return Error::user("The condition of the JOIN is of a kind the engine cannot carry out").hint(
            "Write comparisons joined by AND: ON a.x >= b.low AND a.x <= b.high; for anything else CROSS JOIN and WHERE",
        );
    }
    if let Some((line, col)) = place(&message) {
        return syntax(whole, plan, &message, line, col);
    }
    if let PolarsError::SQLSyntax(_) | PolarsError::SQLInterface(_) = error
        && let Some(name) = between(&message, "unsupported function '", "'").or(between(&message, "function '", "'"))
    {
        return Error::user(format!("There is no function {name}")).because_of(message);
    }
    Error::user("The query failed").because_of(message)
}

fn inner(error: &PolarsError) -> String {
    match error {
        PolarsError::Context { error, .. } | PolarsError::ExprContext { error, .. } => inner(error),
        other => other.to_string(),
    }
}

/// Made-up table names back to the files they stand for.
fn readable(plan: &Plan, message: &str) -> String {
    let mut out = message.to_owned();
    for table in plan.tables.iter().rev() {
        out = out.replace(&table.name, &table.path);
    }
    // Plans and syntax trees help nobody.
    let cut = ["\n\n", "Resolved plan", "\nYou might", "\nThis error", ":\nOn(", " { value: ", "Ident {", ": Span("];
    let end = cut.iter().filter_map(|c| out.find(c)).min().unwrap_or(out.len());
    out[..end].trim().trim_end_matches('.').replace("sql parser error: ", "")
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let rest = text.split_once(before)?.1;
    rest.split_once(after).map(|(name, _)| name.to_owned())
}

fn unknown_column(error: &PolarsError, message: &str) -> Option<String> {
    let is_column = matches!(strip(error), PolarsError::ColumnNotFound(_) | PolarsError::SchemaFieldNotFound(_));
    let quoted = between(message, "unable to find column \"", "\"").or_else(|| between(message, "column named '", "'"));
    let quoted = quoted
        .or_else(|| between(message, "column '", "' not found"))
        .or_else(|| between(message, "no column named ", " "));
    match (is_column, quoted) {
        (_, Some(name)) => Some(name),
        (true, None) => Some(message.rsplit(": ").next().unwrap_or(message).trim_matches(['"', '\'']).to_owned()),
        _ => None,
    }
}

fn strip(error: &PolarsError) -> &PolarsError {
    match error {
        PolarsError::Context { error, .. } | PolarsError::ExprContext { error, .. } => strip(error),
        other => other,
    }
}

fn column(name: &str, known: &Known<'_>) -> Error {
    let error = Error::user(format!("There is no column {name}"));
    let bare = name.rsplit('.').next().unwrap_or(name);
    let mut near: Vec<(usize, &String)> =
        known.columns.iter().map(|c| (text::distance(&bare.to_lowercase(), &c.to_lowercase()), c)).collect();
    near.sort();
    near.dedup();
    let close: Vec<String> = near
        .iter()
        .filter(|(d, c)| *d <= (bare.chars().count() / 2).max(1) || c.to_lowercase().contains(&bare.to_lowercase()))
        .take(3)
        .map(|(_, c)| (*c).clone())
        .collect();
    if !close.is_empty() {
        return error.hint(format!("Did you mean {}?", close.join(" or ")));
    }
    if known.columns.is_empty() {
        return error;
    }
    let mut all = known.columns.to_vec();
    all.dedup();
    let more = if all.len() > 12 { format!(" and {} more", all.len() - 12) } else { String::new() };
    all.truncate(12);
    error.hint(format!("The columns are {}{more}", all.join(", ")))
}

fn relation(name: &str, known: &Known<'_>) -> Error {
    let error = Error::user(format!("There is no table or result named {name}"));
    if let Some(near) = text::nearest(name, known.names.iter().map(String::as_str)) {
        return error.hint(format!("Did you mean {near}?"));
    }
    let files = frames::nearest_files(known.root, name);
    match files.first() {
        Some(file) => error.hint(format!("A file is named in quotes: FROM '{file}'")),
        None if known.names.is_empty() => error.hint("Name a file in quotes: FROM 'data/file.parquet'"),
        None => error.hint(format!("Kept results are {}", known.names.join(", "))),
    }
}

/// `Line: 1, Column: 15` at the end of a parser's message.
fn place(message: &str) -> Option<(usize, usize)> {
    let rest = message.rsplit_once("Line: ")?.1;
    let (line, rest) = rest.split_once(", Column: ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((line.trim().parse().ok()?, digits.parse().ok()?))
}

fn syntax(whole: &str, plan: &Plan, message: &str, line: usize, column: usize) -> Error {
    let start: usize = plan.sql.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let in_line = plan.sql.get(start..).unwrap_or_default();
    let offset: usize = in_line.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
    let (line, column) = plan.position(whole, start + offset);
    let said = message.rsplit_once(" at Line: ").map_or(message, |(m, _)| m);
    let text = whole.lines().nth(line - 1).unwrap_or_default();
    let error =
        Error::user(format!("The SQL cannot be read at line {line}, column {column}")).because_of(said.to_owned());
    if text.trim().is_empty() { error } else { error.hint(format!("Look at: {}", text::shorten(text.trim(), 120))) }
}

//! A check that is being written from what a column looks like: its words, its TOML, and where it goes in a file.
use std::fmt::Write;

use super::{Scalar, Severity};
use crate::model::table::{ColumnProfile, Kind, Shape};

/// What a new check asks; bounds are texts while they are typed.
#[derive(Debug, Clone, PartialEq)]
pub enum Asks {
    NotNull,
    Unique,
    InRange { min: String, max: String },
    InSet { values: Vec<Scalar> },
}

impl Asks {
    /// The word in the file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotNull => "not_null",
            Self::Unique => "unique",
            Self::InRange { .. } => "in_range",
            Self::InSet { .. } => "in_set",
        }
    }
    /// The word on a button.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotNull => "Never missing",
            Self::Unique => "Unique",
            Self::InRange { .. } => "In range",
            Self::InSet { .. } => "One of a list",
        }
    }
}

/// The checks a column's profile supports, the most telling one first. All hold for the rows that were profiled.
pub fn proposals(profile: &ColumnProfile) -> Vec<Asks> {
    let mut all = Vec::new();
    let edge = |cell: &crate::model::table::Cell| cell.plain().into_owned();
    if matches!(profile.column.kind, Kind::Int | Kind::Float | Kind::Date | Kind::Datetime) && !profile.min.is_null() {
        all.push(Asks::InRange { min: edge(&profile.min), max: edge(&profile.max) });
    }
    if let (Shape::Top(top), Kind::Text) = (&profile.shape, profile.column.kind)
        && profile.distinct.is_some_and(|d| d == top.len() as u64 && d * 2 <= profile.rows.max(1))
    {
        let mut values: Vec<_> = top.iter().map(|t| t.value.plain().into_owned()).collect();
        values.sort();
        all.push(Asks::InSet { values: values.into_iter().map(Scalar::Text).collect() });
    }
    let filled = profile.rows - profile.nulls.min(profile.rows);
    if profile.distinct == Some(filled) && filled > 1 {
        all.insert(0, Asks::Unique);
    }
    all.push(Asks::NotNull);
    if !all.contains(&Asks::Unique) {
        all.push(Asks::Unique);
    }
    all
}

/// A check to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub id: String,
    pub column: String,
    pub asks: Asks,
    pub severity: Severity,
}

/// An id of letters, digits and `_` that no other check has.
pub fn free_id(column: &str, asks: &Asks, taken: &[&str]) -> String {
    let mut stem: String = column.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    while stem.contains("__") {
        stem = stem.replace("__", "_");
    }
    let tail = match asks {
        Asks::NotNull => "there",
        Asks::Unique => "unique",
        Asks::InRange { .. } => "in_range",
        Asks::InSet { .. } => "known",
    };
    let first = format!("{}_{tail}", stem.trim_matches('_'));
    let more = (2..).map(|n| format!("{first}_{n}"));
    std::iter::once(first.clone()).chain(more).find(|id| !taken.contains(&id.as_str())).unwrap_or(first)
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// A bound as it stands in the file: a number where it is one.
fn bound(text: &str) -> String {
    let text = text.trim();
    if text.parse::<i64>().is_ok() {
        return text.to_owned();
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => format!("{number:?}"),
        _ => quoted(text),
    }
}

impl Draft {
    /// Its table, without blank lines around.
    pub fn block(&self) -> String {
        let mut out = String::from("[[check]]\n");
        let _ = writeln!(
            out,
            "id = {}\nkind = {}\ncolumn = {}",
            quoted(&self.id),
            quoted(self.asks.word()),
            quoted(&self.column)
        );
        match &self.asks {
            Asks::InRange { min, max } => {
                for (key, value) in [("min", min), ("max", max)] {
                    if !value.trim().is_empty() {
                        let _ = writeln!(out, "{key} = {}", bound(value));
                    }
                }
            }
            Asks::InSet { values } => {
                let values: Vec<String> =
                    values.iter().map(|v| if let Scalar::Text(t) = v { quoted(t) } else { v.to_string() }).collect();
                let _ = writeln!(out, "values = [{}]", values.join(", "));
            }
            Asks::NotNull | Asks::Unique => {}
        }
        if self.severity != Severity::default() {
            let _ = writeln!(out, "severity = {}", quoted(self.severity.word()));
        }
        out
    }
}

/// The beginning of a new file of checks.
pub fn head(name: &str, data: &str) -> String {
    format!("name = {}\ndata = {}\n", quoted(name), quoted(data))
}

/// The file with the block at its end; every byte that was there stays.
pub fn append(file: &str, block: &str) -> String {
    let newline = if file.contains("\r\n") { "\r\n" } else { "\n" };
    let mut out = file.to_owned();
    if !out.is_empty() && !out.ends_with('\n') {
        out.push_str(newline);
    }
    if !out.is_empty() {
        out.push_str(newline);
    }
    out.push_str(&block.replace('\n', newline));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        quality::{Kind as CheckKind, Suite},
        table::{Cell, Column, Top},
    };

    #[test]
    fn a_profile_proposes_checks_that_hold() {
        let delay = ColumnProfile {
            rows: 100,
            min: Cell::Int(-60),
            max: Cell::Int(1440),
            distinct: Some(80),
            ..ColumnProfile::empty(Column::new("dep delay", "i64", Kind::Int))
        };
        let all = proposals(&delay);
        assert_eq!(all[0], Asks::InRange { min: "-60".into(), max: "1440".into() });
        assert_eq!(all[1..], [Asks::NotNull, Asks::Unique]);
        let top = ["b", "a"].map(|v| Top { value: Cell::Text(v.into()), count: 50 }).into();
        let unit = ColumnProfile {
            rows: 100,
            distinct: Some(2),
            shape: Shape::Top(top),
            ..ColumnProfile::empty(Column::new("unit", "str", Kind::Text))
        };
        assert_eq!(
            proposals(&unit)[0],
            Asks::InSet { values: vec![Scalar::Text("a".into()), Scalar::Text("b".into())] }
        );
    }

    #[test]
    fn the_rest_of_the_file_keeps_every_byte_and_the_result_can_be_read() {
        let asks = Asks::InRange { min: "-0.5".into(), max: "2026-11-16".into() };
        let id = free_id("Dep Delay (raw)", &asks, &["dep_delay_raw_in_range"]);
        assert_eq!(id, "dep_delay_raw_in_range_2");
        let draft = Draft { id, column: "Dep \"Delay\"".into(), asks, severity: Severity::Warning };
        for file in ["# mine\r\ndata = \"a.csv\"\r\n[params]\r\nday = 2010-03-29", "data = 'a.csv' # odd  \n\n\n"] {
            let new = append(file, &draft.block());
            assert!(new.starts_with(file), "{new}");
            assert_eq!(file.contains("\r\n"), new.lines().count() == new.matches("\r\n").count());
            let suite = Suite::parse("checks/a.toml", &new).unwrap();
            assert_eq!(
                (suite.checks[0].columns[0].as_str(), suite.checks[0].severity),
                ("Dep \"Delay\"", Severity::Warning)
            );
            assert!(matches!(&suite.checks[0].kind, CheckKind::InRange(b) if b.min == Some(Scalar::Float(-0.5))));
        }
        let text = append(&head("a", "data/a.csv"), &draft.block());
        assert_eq!(Suite::parse("checks/a.toml", &text).unwrap().checks.len(), 1);
    }
}

//! Tables as the pages see them: typed columns, cells ready to show, pages of rows, and the state of a view.
//! No engine is named here; `engine::frames` and `engine::sql` fill these types.
pub mod chart;
pub mod complete;
pub mod finding;
pub mod lex;
pub mod profile;
pub mod view;

use std::{borrow::Cow, sync::Arc};

pub use profile::{Bin, ColumnProfile, Shape, Top};
pub use view::{Filter, Op, Sort, Step, ViewSpec};

use crate::base::text::thousands;

/// What a column holds, as far as showing, aligning and filtering care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Int,
    Float,
    Bool,
    Text,
    Date,
    Datetime,
    Time,
    Duration,
    Other,
}

impl Kind {
    /// Right-aligned, with a mean and a histogram over its values.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float)
    }
    /// Has an order on a line, so that ranges and histograms make sense.
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Date | Self::Datetime | Self::Time | Self::Duration)
    }
}

/// One column's name and type.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Column {
    pub name: String,
    /// Short type name as shown in the head: `i64`, `str`, `datetime[us, UTC]`.
    pub dtype: String,
    pub kind: Kind,
}

impl Column {
    /// A column of a plain type.
    pub fn new(name: impl Into<String>, dtype: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), dtype: dtype.into(), kind }
    }
    /// True when whole numbers read better with thousands marked: years and identifiers do not.
    pub fn grouped(&self) -> bool {
        let name = self.name.to_lowercase();
        let label = |w: &str| name == w || name.ends_with(&format!("_{w}")) || name.ends_with(&format!(" {w}"));
        self.kind == Kind::Int && !["year", "id", "zip", "code", "key", "fips", "postcode"].into_iter().any(label)
    }
}

/// One value. Dates, times, durations, decimals and nested values come as text that is ready to show.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cell {
    #[default]
    Null,
    Int(i64),
    UInt(u64),
    Float(f64),
    Bool(bool),
    Text(String),
}

impl Cell {
    /// As shown to a person; numbers of a [`Column::grouped`] column with thousands marked.
    pub fn show(&self, grouped: bool) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed("null"),
            Self::Int(v) if grouped && *v < 0 => Cow::Owned(format!("\u{2212}{}", thousands(v.unsigned_abs()))),
            Self::Int(v) if grouped => Cow::Owned(thousands(v.unsigned_abs())),
            Self::Int(v) if *v < 0 => Cow::Owned(format!("\u{2212}{}", v.unsigned_abs())),
            Self::Int(v) => Cow::Owned(v.to_string()),
            Self::UInt(v) if grouped => Cow::Owned(thousands(*v)),
            Self::UInt(v) => Cow::Owned(v.to_string()),
            Self::Float(v) => Cow::Owned(show_float(*v)),
            Self::Bool(v) => Cow::Borrowed(if *v { "true" } else { "false" }),
            Self::Text(t) => Cow::Borrowed(t),
        }
    }
    /// As copied, exported and put in JSON text: no grouping, an ASCII minus, nothing for null.
    pub fn plain(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Int(v) => Cow::Owned(v.to_string()),
            Self::UInt(v) => Cow::Owned(v.to_string()),
            Self::Float(v) => Cow::Owned(v.to_string()),
            Self::Bool(v) => Cow::Borrowed(if *v { "true" } else { "false" }),
            Self::Text(t) => Cow::Borrowed(t),
        }
    }
    /// The number in it, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(v) => Some(*v as f64),
            Self::UInt(v) => Some(*v as f64),
            Self::Float(v) => Some(*v),
            _ => None,
        }
    }
    /// True for the missing value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
    /// As JSON; a float JSON cannot hold (NaN, infinity) becomes its name as text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Int(v) => (*v).into(),
            Self::UInt(v) => (*v).into(),
            Self::Float(v) if v.is_finite() => (*v).into(),
            Self::Float(v) => v.to_string().into(),
            Self::Bool(v) => (*v).into(),
            Self::Text(t) => t.as_str().into(),
        }
    }
}

/// A float for people: up to six significant decimals, thousands marked, never a false zero.
pub fn show_float(v: f64) -> String {
    if v.is_nan() {
        return "NaN".to_owned();
    }
    if v.is_infinite() {
        return if v > 0.0 { "\u{221e}".to_owned() } else { "\u{2212}\u{221e}".to_owned() };
    }
    let abs = v.abs();
    let sign = if v < 0.0 { "\u{2212}" } else { "" };
    if abs != 0.0 && !(1e-5..1e15).contains(&abs) {
        return format!("{sign}{abs:.4e}");
    }
    let decimals = if abs >= 100_000.0 {
        2
    } else if abs >= 1.0 {
        4
    } else {
        6
    };
    let text = format!("{abs:.decimals$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
    let part = part.trim_end_matches('0');
    let whole = thousands(whole.parse().unwrap_or(0));
    let sign = if whole == "0" && part.is_empty() { "" } else { sign };
    format!("{sign}{whole}.{}", if part.is_empty() { "0" } else { part })
}

/// Some rows of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    pub columns: Arc<[Column]>,
    /// Row number of `rows[0]`, from 0.
    pub first_row: u64,
    /// One vector a row, as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// Rows of the whole table.
    pub total_rows: u64,
}

impl Page {
    /// The cell at an absolute row, if this page holds it.
    pub fn cell(&self, row: u64, column: usize) -> Option<&Cell> {
        let at = row.checked_sub(self.first_row)?;
        self.rows.get(usize::try_from(at).ok()?)?.get(column)
    }
    /// True when the absolute row is in this page.
    pub fn holds(&self, row: u64) -> bool {
        row >= self.first_row && row - self.first_row < self.rows.len() as u64
    }
    /// Rows as JSON objects, keys in column order.
    pub fn to_json_rows(&self) -> Vec<serde_json::Value> {
        let object = |row: &Vec<Cell>| {
            let pairs = self.columns.iter().zip(row).map(|(c, v)| (c.name.clone(), v.to_json()));
            serde_json::Value::Object(pairs.collect())
        };
        self.rows.iter().map(object).collect()
    }
}

/// A `%%sql` cell taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlCell {
    /// Where the result is kept: `%%sql name <<`.
    pub name: Option<String>,
    pub sql: String,
}

/// Parses `%%sql`, `%%sql name <<` and `%%sql SELECT 1` cells; `None` for any other cell. Blank lines before the
/// magic are allowed. A name is a letter or `_` followed by letters, digits and `_`.
pub fn sql_cell(source: &str) -> Option<SqlCell> {
    let rest = source.trim_start().strip_prefix("%%sql")?;
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let (head, body) = rest.split_once('\n').unwrap_or((rest, ""));
    let (name, head) = match head.split_once("<<") {
        Some((name, after)) if is_name(name.trim()) => (Some(name.trim().to_owned()), after),
        _ => (None, head),
    };
    let sql = if head.trim().is_empty() { body.to_owned() } else { format!("{}\n{body}", head.trim()) };
    Some(SqlCell { name, sql: sql.trim().to_owned() })
}

/// True for a name that needs no quotes.
pub fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_cells_are_told_from_others() {
        assert_eq!(sql_cell("print(1)"), None);
        assert_eq!(sql_cell("%%sqlite\nx"), None);
        assert_eq!(sql_cell("%%sql\nSELECT 1"), Some(SqlCell { name: None, sql: "SELECT 1".into() }));
        assert_eq!(
            sql_cell("\n%%sql day <<\n  SELECT 1\n"),
            Some(SqlCell { name: Some("day".into()), sql: "SELECT 1".into() })
        );
        assert_eq!(sql_cell("%%sql SELECT 1").unwrap().sql, "SELECT 1");
        assert_eq!(sql_cell("%%sql SELECT 1 << 2").unwrap(), SqlCell { name: None, sql: "SELECT 1 << 2".into() });
    }

    #[test]
    fn numbers_read_well_and_copy_exactly() {
        assert_eq!(Cell::Int(-1284).show(true), "\u{2212}1,284");
        assert_eq!(Cell::Int(-1284).plain(), "-1284");
        assert_eq!(Cell::Float(0.1 + 0.2).show(true), "0.3");
        assert_eq!(Cell::Float(8.0).show(true), "8.0");
        assert_eq!(Cell::Float(-0.0).show(true), "0.0");
        assert_eq!(Cell::Float(1e300).show(true), "1.0000e300");
        assert_eq!(Cell::Float(f64::NAN).to_json(), serde_json::json!("NaN"));
        assert!(!Column::new("device_id", "i64", Kind::Int).grouped());
        assert!(Column::new("flight", "i64", Kind::Int).grouped());
    }

    #[test]
    fn a_page_answers_for_its_own_rows_only() {
        let columns = Arc::from([Column::new("a", "i64", Kind::Int)]);
        let page = Page { columns, first_row: 10, rows: vec![vec![Cell::Int(1)]], total_rows: 99 };
        assert_eq!(page.cell(10, 0), Some(&Cell::Int(1)));
        assert_eq!((page.cell(9, 0), page.cell(11, 0), page.holds(11)), (None, None, false));
        assert_eq!(page.to_json_rows(), [serde_json::json!({"a": 1})]);
    }
}

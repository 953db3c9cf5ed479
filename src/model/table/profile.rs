//! What is known of one column: counts, range, shape.
use super::{Cell, Column, Kind};

/// A bar of a histogram: values from `from` up to `to`, the last bar including it. Dates and times count in
/// seconds since 1970 or since midnight; [`ColumnProfile::edge_text`] writes them.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Bin {
    pub from: f64,
    pub to: f64,
    pub count: u64,
}

/// One of the most frequent values.
#[derive(Debug, Clone, PartialEq)]
pub struct Top {
    pub value: Cell,
    pub count: u64,
}

/// How the values lie.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Shape {
    /// Nothing to draw: no values, or a type without an order.
    #[default]
    None,
    /// 24 bars of equal width over the range.
    Histogram(Vec<Bin>),
    /// The most frequent values, most frequent first, at most 24.
    Top(Vec<Top>),
}

/// A profile of one column. Exact unless `sampled` says of how many rows it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    pub column: Column,
    /// Rows looked at.
    pub rows: u64,
    pub nulls: u64,
    pub distinct: Option<u64>,
    /// True when `distinct` is an estimate (HyperLogLog, about 1 percent off).
    pub distinct_approx: bool,
    pub min: Cell,
    pub max: Cell,
    pub mean: Option<f64>,
    pub median: Option<f64>,
    pub p95: Option<f64>,
    /// Standard deviation.
    pub std: Option<f64>,
    pub shape: Shape,
    /// Some(rows of the whole table) while only a sample has been read.
    pub sampled: Option<u64>,
}

impl ColumnProfile {
    /// A profile of no rows.
    pub fn empty(column: Column) -> Self {
        Self {
            column,
            rows: 0,
            nulls: 0,
            distinct: None,
            distinct_approx: false,
            min: Cell::Null,
            max: Cell::Null,
            mean: None,
            median: None,
            p95: None,
            std: None,
            shape: Shape::None,
            sampled: None,
        }
    }
    /// Share of missing values, 0 to 1.
    pub fn null_share(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.nulls as f64 / self.rows as f64 }
    }
    /// True when hardly a value comes twice, as in a column of identifiers.
    pub fn is_all_different(&self) -> bool {
        matches!(&self.shape, Shape::Top(top) if top.len() > 12 && top[0].count == 1)
    }
    /// Heights of the bars, 0 to 1, for drawing.
    pub fn bars(&self) -> Vec<f32> {
        let counts: Vec<u64> = match &self.shape {
            Shape::None => Vec::new(),
            Shape::Histogram(bins) => bins.iter().map(|b| b.count).collect(),
            // As many values as rows have no shape: one even block says so.
            Shape::Top(top) if self.is_all_different() => top.first().map(|t| t.count).into_iter().collect(),
            Shape::Top(top) => top.iter().map(|t| t.count).collect(),
        };
        let most = counts.iter().copied().max().unwrap_or(0).max(1) as f32;
        counts.into_iter().map(|c| c as f32 / most).collect()
    }
    /// An edge of a histogram bar as a value of the column: a number, a date, a time.
    pub fn edge_text(&self, edge: f64) -> String {
        match self.column.kind {
            Kind::Date | Kind::Datetime => {
                let at = jiff::Timestamp::from_second(edge as i64).map(|t| t.to_zoned(jiff::tz::TimeZone::UTC));
                let format = if self.column.kind == Kind::Date { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" };
                at.map_or_else(|_| edge.to_string(), |t| t.strftime(format).to_string())
            }
            Kind::Time => {
                let s = edge.max(0.0) as u64;
                format!("{:02}:{:02}:{:02}", s / 3600 % 24, s / 60 % 60, s % 60)
            }
            Kind::Duration => format!("{edge:.3} s"),
            Kind::Int if edge.fract() == 0.0 => Cell::Int(edge as i64).show(self.column.grouped()).into_owned(),
            _ => super::show_float(edge),
        }
    }
    /// One line for a screen reader and a tooltip: `i64, 1,284 rows, 3.1 % null, 1,500 to 2,358`.
    pub fn sentence(&self) -> String {
        use crate::base::text::count;
        let grouped = self.column.grouped();
        let mut parts = vec![self.column.dtype.clone(), count(self.rows, "row")];
        parts.push(format!("{:.1} % null", self.null_share() * 100.0));
        if !self.min.is_null() {
            parts.push(format!("{} to {}", self.min.show(grouped), self.max.show(grouped)));
        }
        if let Some(distinct) = self.distinct {
            let about = if self.distinct_approx { "about " } else { "" };
            parts.push(format!("{about}{} distinct", crate::base::text::thousands(distinct)));
        }
        parts.join(", ")
    }
    /// As in `andon.profile/1`.
    pub fn to_json(&self) -> serde_json::Value {
        let shape = match &self.shape {
            Shape::None => serde_json::Value::Null,
            Shape::Histogram(bins) => serde_json::json!({ "histogram": bins }),
            Shape::Top(top) => serde_json::json!({ "top": top.iter()
                .map(|t| serde_json::json!({ "value": t.value.to_json(), "count": t.count })).collect::<Vec<_>>() }),
        };
        serde_json::json!({
            "name": self.column.name, "type": self.column.dtype, "kind": self.column.kind, "rows": self.rows,
            "nulls": self.nulls, "distinct": self.distinct, "distinct_approx": self.distinct_approx,
            "min": self.min.to_json(), "max": self.max.to_json(), "mean": self.mean, "median": self.median,
            "p95": self.p95, "std": self.std, "sampled": self.sampled.is_some(), "shape": shape,
        })
    }
}

//! Flow measures: cycle time, throughput, work in progress, age, forecast; all from one log of events.
//!
//! Elapsed time is calendar time between UTC instants, with no nights or weekends taken out; a count of days is the
//! difference of local dates plus one. Percentiles are nearest rank. A reopened card loses its finish. Events are
//! ordered by (instant, sequence, id), so a shuffled log gives the same figures. The forecast is the exact law of sums
//! of daily throughput, not a simulation.
mod forecast;
mod measure;
mod replay;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

pub use forecast::{Forecast, forecast};
pub use measure::measure;

/// Percentiles that are always reported together.
pub const PERCENTILES: [u32; 4] = [50, 70, 85, 95];

/// A column as the measures see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub id: String,
    /// Somebody works here; else work waits.
    pub active: bool,
    pub done: bool,
    pub wip: Option<u32>,
}

/// What is measured and by which rules.
#[derive(Debug, Clone)]
pub struct Config {
    pub tz: TimeZone,
    pub now: Timestamp,
    pub columns: Vec<Column>,
    /// Work counts as started from this column on.
    pub start_column: String,
    /// Going back before the start column clears the start.
    pub reset_on_backflow: bool,
    pub sle_percent: u32,
    /// The expectation in days; the percentile of the window when left out.
    pub sle_days: Option<i64>,
    pub forecast_days: u32,
    pub forecast_items: u32,
    pub from: Date,
    pub to: Date,
    pub sprint: Option<Sprint>,
}

/// A sprint whose burn-down is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Sprint {
    pub name: String,
    pub from: Date,
    pub to: Date,
}

/// What happened to a card.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    Create {
        to: String,
    },
    Move {
        from: Option<String>,
        to: String,
    },
    Block,
    Unblock,
    Delete,
    Restore,
    Points(f64),
    Sprint(String),
    /// A type that is not known; counted, nothing else.
    Unknown,
}

impl EventKind {
    /// A short name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Move { .. } => "move",
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Points(_) => "points",
            Self::Sprint(_) => "sprint",
            Self::Unknown => "unknown",
        }
    }
}

/// An event of a card.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: String,
    pub ms: i64,
    pub seq: i64,
    pub card: String,
    pub kind: EventKind,
}

/// Figures of one card. Times in ms since 1970.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardFlow {
    pub column: String,
    pub created_ms: Option<i64>,
    pub start_ms: Option<i64>,
    /// The true start lies before the log: counted in throughput, left out of cycle times.
    pub censored: bool,
    pub finish_ms: Option<i64>,
    pub cycle_ms: Option<i64>,
    pub cycle_days: Option<i64>,
    pub lead_ms: Option<i64>,
    pub age_ms: Option<i64>,
    pub age_days: Option<i64>,
    pub column_ms: BTreeMap<String, i64>,
    pub blocked_ms: i64,
    /// Unblocked time in active columns between start and finish.
    pub active_ms: Option<i64>,
    pub backflows: u32,
    pub reopens: u32,
    pub deleted: bool,
}

/// Figures of one column within the window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnFlow {
    pub id: String,
    /// Card-time.
    pub area_ms: i64,
    pub avg_count: f64,
    pub entries: u32,
    pub exits: u32,
    pub at_limit_ms: Option<i64>,
    pub over_limit_ms: Option<i64>,
    pub blocked_ms: i64,
    /// Its share of all started, unfinished card-time.
    pub time_share: Option<f64>,
}

/// Cycle times of the cards finished in the window; percentiles as in [`PERCENTILES`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cycle {
    pub n: usize,
    pub mean_ms: Option<f64>,
    pub ms: [Option<i64>; 4],
    pub days: [Option<i64>; 4],
}

/// Service level expectation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sle {
    pub percent: u32,
    pub days: Option<i64>,
    /// Share of the finished cards within it.
    pub attained: Option<f64>,
    /// Unfinished cards older than it.
    pub breached: Vec<String>,
}

/// Little's law with both ends, so that an unstable process is seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Little {
    pub avg_wip: f64,
    pub per_day: f64,
    pub mean_cycle_days: Option<f64>,
    pub ratio: Option<f64>,
    pub arrivals: usize,
    pub departures: usize,
    pub wip_from: usize,
    pub wip_to: usize,
}

/// A day of a sprint.
#[derive(Debug, Clone, PartialEq)]
pub struct BurnDown {
    pub date: Date,
    pub scope: f64,
    pub remaining: f64,
    pub completed: f64,
    pub ideal: f64,
}

/// Everything that is measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    pub anomalies: BTreeMap<&'static str, usize>,
    pub cards: BTreeMap<String, CardFlow>,
    pub throughput_daily: Vec<(Date, usize)>,
    /// ISO weeks `2026-W13`.
    pub throughput_weekly: Vec<(String, usize)>,
    /// Cards in each column at each day's end.
    pub cfd: Vec<(Date, Vec<usize>)>,
    pub wip_daily: Vec<(Date, usize)>,
    pub cycle: Cycle,
    /// Of each started column: 50th and 85th percentile of the age in days when finished cards last left it.
    pub pace_days: BTreeMap<String, [Option<i64>; 2]>,
    pub sle: Sle,
    pub flow_efficiency: Option<f64>,
    pub little: Little,
    pub columns: Vec<ColumnFlow>,
    pub bottleneck: Option<String>,
    pub forecast: Forecast,
    pub sprint: Vec<BurnDown>,
}

/// The value at position ceil(p*n/100) of sorted values.
pub fn percentile<T: Copy>(sorted: &[T], p: u32) -> Option<T> {
    let rank = (p as usize * sorted.len()).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod test;

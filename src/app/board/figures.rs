//! The flow figures the page shows, measured off the window's thread.
use std::collections::BTreeMap;

use jiff::{Span, Timestamp, civil::Date};

use crate::{
    base::{ids::CardId, time},
    model::{
        board::{Board, ColumnKind, history},
        flow::{self, CardFlow, Report, percentile},
        ledger::Op,
    },
};

/// Weeks that are looked at.
const WEEKS: i64 = 8;

/// Measured figures, and the same of the eight weeks before for comparison.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub at: Option<Timestamp>,
    pub report: Report,
    /// 85th percentile of cycle time in ms, of the window and of the one before.
    pub p85_ms: Option<i64>,
    pub p85_before_ms: Option<i64>,
    /// The same by week, for the line in the strip.
    pub p85_weekly_days: Vec<Option<f64>>,
    /// Unfinished cards on the board.
    pub open: usize,
    /// When they will be finished, with 50 and 85 % certainty.
    pub done_50: Option<Date>,
    pub done_85: Option<Date>,
    pub from: Option<Date>,
}

impl Figures {
    /// Measures the last eight weeks up to `now`.
    pub fn measure(board: &Board, ops: &[Op], now: Timestamp) -> Self {
        let tz = time::local_zone();
        let today = now.to_zoned(tz.clone()).date();
        let back = |days: i64| today.checked_sub(Span::new().days(days)).unwrap_or(today);
        let from = back(WEEKS * 7 - 1);
        let events = history::events(ops);
        let mut config = history::config(board, tz.clone(), now, from, today);
        let finished = |c: &str| board.column(c).is_some_and(|c| c.kind == ColumnKind::Done);
        let open = board.cards.values().filter(|c| !finished(&c.column)).count();
        config.forecast_items = u32::try_from(open).unwrap_or(u32::MAX).min(2000);
        let report = flow::measure(&config, &events);
        let days = |n: Option<u32>| n.and_then(|n| today.checked_add(Span::new().days(i64::from(n))).ok());
        let [at_50, _, at_85, _] = report.forecast.when_days;
        let window = |from: Date, to: Date| {
            let in_window = |ms: i64| {
                let day = Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(tz.clone()).date();
                (from..=to).contains(&day)
            };
            let done = report.cards.values().filter(|c| c.finish_ms.is_some_and(in_window));
            let mut all: Vec<i64> = done.filter_map(|c: &CardFlow| c.cycle_ms).collect();
            all.sort_unstable();
            percentile(&all, 85)
        };
        let weekly = (0..WEEKS).rev().map(|w| window(back(w * 7 + 6), back(w * 7)));
        Self {
            at: Some(now),
            p85_ms: report.cycle.ms[2],
            p85_before_ms: window(back(WEEKS * 14 - 1), back(WEEKS * 7)),
            p85_weekly_days: weekly.map(|p| p.map(|ms| ms as f64 / 86_400_000.0)).collect(),
            open,
            done_50: days(at_50).filter(|_| open > 0),
            done_85: days(at_85).filter(|_| open > 0),
            from: Some(from),
            report,
        }
    }
    /// The age in ms past which a card counts as ageing: the 85th percentile, once enough cards were finished to mean it.
    pub fn expectation_ms(&self) -> Option<i64> {
        self.p85_ms.filter(|_| self.report.cycle.n >= 5)
    }
    /// Figures of one card.
    pub fn card(&self, id: &CardId) -> Option<&CardFlow> {
        self.report.cards.get(&id.0)
    }
    /// Throughput of each of the last eight weeks of seven days, oldest first.
    pub fn weeks(&self) -> Vec<usize> {
        let daily: Vec<usize> = self.report.throughput_daily.iter().map(|(_, n)| *n).collect();
        daily.chunks(7).map(|week| week.iter().sum()).collect()
    }
    /// Cards finished in a week of the window, on average.
    pub fn per_week(&self) -> f64 {
        let weeks = self.weeks();
        if weeks.is_empty() { 0.0 } else { weeks.iter().sum::<usize>() as f64 / weeks.len() as f64 }
    }
    /// Age in ms of the started, unfinished cards.
    pub fn ages(&self, now: Timestamp) -> BTreeMap<&str, i64> {
        let open = self.report.cards.iter().filter(|(_, c)| c.age_ms.is_some());
        open.filter_map(|(id, c)| Some((id.as_str(), now.as_millisecond() - c.start_ms?))).collect()
    }
}

//! Values over time: points, gaps, and fewer points that look the same.
use std::ops::Range;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::base::ids::RunId;

/// One value at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When it was measured.
    pub at: Timestamp,
    /// The instant the data is of, where that is known.
    pub data_time: Option<Timestamp>,
    pub value: f64,
    pub run: Option<RunId>,
}

/// Which of its two times a point is placed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Axis {
    /// When it was measured.
    #[default]
    Run,
    /// What the data is of; points that do not know it stay at the time of measuring.
    Data,
}

impl Point {
    /// Its place on the axis.
    pub fn time(&self, axis: Axis) -> Timestamp {
        match axis {
            Axis::Run => self.at,
            Axis::Data => self.data_time.unwrap_or(self.at),
        }
    }
}

/// A named series, in the order of its axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// `delays.dep_delay_in_range`, `nightly_flights.rows`.
    pub name: String,
    pub unit: String,
    pub points: Vec<Point>,
}

impl Series {
    /// A series sorted along `axis`; points at the same instant keep their order.
    pub fn new(name: impl Into<String>, unit: impl Into<String>, mut points: Vec<Point>, axis: Axis) -> Self {
        points.sort_by_key(|p| p.time(axis));
        Self { name: name.into(), unit: unit.into(), points }
    }
    /// First and last instant.
    pub fn span(&self, axis: Axis) -> Option<(Timestamp, Timestamp)> {
        Some((self.points.first()?.time(axis), self.points.last()?.time(axis)))
    }
    /// The newest value.
    pub fn last(&self) -> Option<&Point> {
        self.points.last()
    }
    /// `(seconds, value)` pairs for drawing.
    pub fn xy(&self, axis: Axis) -> Vec<(f64, f64)> {
        self.points.iter().map(|p| (seconds(p.time(axis)), p.value)).collect()
    }
}

/// An instant from the words of a file: a time stamp with its zone, a date and time (UTC), or a date (its start, UTC).
pub fn instant(words: &str) -> Option<Timestamp> {
    let words = words.trim();
    if let Ok(at) = words.parse::<Timestamp>() {
        return Some(at);
    }
    // A date alone parses as a date and time at midnight too, which is what is meant.
    let at = words.parse::<civil::DateTime>().or_else(|_| words.replacen(' ', "T", 1).parse::<civil::DateTime>());
    at.ok()?.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
}

/// Seconds since 1970 with their fraction.
pub fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// Stretches to be joined by a line. A line breaks at a value that is not a number, and where a regular series leaves
/// out at least one beat: a missing run is a gap, never a straight line.
pub fn segments(xy: &[(f64, f64)]) -> Vec<Range<usize>> {
    let longest = beat(xy).map_or(f64::INFINITY, |beat| beat * 1.6);
    let mut out = Vec::new();
    let mut start = None;
    for (i, (x, y)) in xy.iter().enumerate() {
        let broken = start.is_some() && x - xy[i - 1].0 > longest;
        if broken || !y.is_finite() {
            out.extend(start.take().map(|s| s..i));
        }
        if y.is_finite() && start.is_none() {
            start = Some(i);
        }
    }
    out.extend(start.map(|s| s..xy.len()));
    out
}

/// The usual distance of a series that keeps time: the median step, if three quarters of all steps are within a fifth of it.
pub fn beat(xy: &[(f64, f64)]) -> Option<f64> {
    if xy.len() < 5 {
        return None;
    }
    let mut steps: Vec<f64> = xy.windows(2).map(|w| w[1].0 - w[0].0).collect();
    steps.sort_by(f64::total_cmp);
    let median = steps[steps.len() / 2];
    let near = steps.iter().filter(|s| (*s - median).abs() <= median * 0.2).count();
    (median > 0.0 && near * 4 >= steps.len() * 3).then_some(median)
}

/// Indices of the points to draw so that every column of `columns` equal ones over `from..to` keeps its first, lowest,
/// highest and last point (M4). Points outside are left out but for the neighbour at each end, so that lines leave the
/// plot where they should. A gap inside a column is kept. At most four points a column, in order.
pub fn min_max(xy: &[(f64, f64)], from: f64, to: f64, columns: usize) -> Vec<usize> {
    let first = xy.partition_point(|p| p.0 < from).saturating_sub(1);
    let last = (xy.partition_point(|p| p.0 <= to) + 1).min(xy.len());
    if last.saturating_sub(first) <= columns.saturating_mul(4) || to <= from || columns == 0 {
        return (first..last.max(first)).collect();
    }
    let column_of = |x: f64| (((x - from) / (to - from) * columns as f64).floor()).clamp(-1.0, columns as f64) as i64;
    let mut keep = Vec::with_capacity(columns * 4);
    let mut i = first;
    while i < last {
        let column = column_of(xy[i].0);
        let start = i;
        let (mut low, mut high, mut hole) = (None::<usize>, None::<usize>, None);
        while i < last && column_of(xy[i].0) == column {
            let y = xy[i].1;
            if y.is_finite() {
                low = low.filter(|&k| xy[k].1 <= y).or(Some(i));
                high = high.filter(|&k| xy[k].1 >= y).or(Some(i));
            } else {
                hole = hole.or(Some(i));
            }
            i += 1;
        }
        let mut chosen = [Some(start), low, high, hole, Some(i - 1)].into_iter().flatten().collect::<Vec<_>>();
        chosen.sort_unstable();
        chosen.dedup();
        keep.extend(chosen);
    }
    keep
}

/// Indices of at most `count` points that keep the look of the line: largest triangle three buckets (Steinarsson 2013).
/// The first and the last point stay. Meant for stretches without gaps.
pub fn lttb(xy: &[(f64, f64)], count: usize) -> Vec<usize> {
    let n = xy.len();
    if count >= n || count < 3 {
        return if count >= n {
            (0..n).collect()
        } else {
            [0, n.saturating_sub(1)].into_iter().take(count.min(n)).collect()
        };
    }
    let bucket = (n - 2) as f64 / (count - 2) as f64;
    let edge = |k: usize| (1 + (k as f64 * bucket) as usize).min(n - 1);
    let mut keep = vec![0];
    let mut before = 0;
    for k in 0..count - 2 {
        let (start, end, next) = (edge(k), edge(k + 1), edge(k + 2).max(edge(k + 1) + 1).min(n));
        let size = (next - end) as f64;
        let (sx, sy) = xy[end..next].iter().fold((0.0, 0.0), |(a, b), p| (a + p.0, b + p.1));
        let (ax, ay) = xy[before];
        let area = |i: usize| ((ax - sx / size) * (xy[i].1 - ay) - (ax - xy[i].0) * (sy / size - ay)).abs();
        let best = (start..end.max(start + 1)).max_by(|&i, &j| area(i).total_cmp(&area(j)).then(j.cmp(&i)));
        before = best.unwrap_or(start);
        keep.push(before);
    }
    keep.push(n - 1);
    keep
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn days(ys: &[f64]) -> Vec<(f64, f64)> {
        ys.iter().enumerate().map(|(i, y)| (i as f64 * 86_400.0, *y)).collect()
    }

    #[test]
    fn a_missing_run_parts_the_line() {
        let mut xy = days(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
        assert_eq!(segments(&xy).as_slice(), std::slice::from_ref(&(0..12)));
        xy.remove(5);
        assert_eq!(segments(&xy), [0..5, 5..11]);
        xy[8].1 = f64::NAN;
        assert_eq!(segments(&xy), [0..5, 5..8, 9..11]);
        assert!(segments(&[]).is_empty());
    }

    #[test]
    fn an_irregular_series_has_no_gaps() {
        let xy: Vec<_> = [0.0, 5.0, 100.0, 130.0, 600.0, 610.0, 900.0].map(|x| (x, 1.0)).into();
        assert_eq!(beat(&xy), None);
        assert_eq!(segments(&xy).as_slice(), std::slice::from_ref(&(0..7)));
    }

    #[test]
    fn decimation_keeps_the_spike_and_the_gap() {
        let mut xy: Vec<_> = (0..100_000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        xy[54_321].1 = 1e6;
        xy[60_000].1 = f64::NAN;
        let keep = min_max(&xy, 0.0, 99_999.0, 800);
        assert!(keep.len() <= 800 * 5, "{}", keep.len());
        assert!(keep.contains(&54_321) && keep.contains(&60_000));
        assert_eq!((keep[0], *keep.last().unwrap()), (0, 99_999));
    }

    #[test]
    fn lttb_keeps_the_ends_and_the_peak() {
        let xy: Vec<_> = (0..1000).map(|i| (f64::from(i), if i == 500 { 50.0 } else { 0.0 })).collect();
        let keep = lttb(&xy, 50);
        assert_eq!(keep.len(), 50);
        assert!(keep.contains(&500) && keep.contains(&0) && keep.contains(&999));
    }

    proptest! {
        #[test]
        fn decimations_give_ordered_indices_within_bounds(ys in prop::collection::vec(-1e9f64..1e9, 0..400), n in 0usize..60) {
            let xy = days(&ys);
            for keep in [lttb(&xy, n), min_max(&xy, 0.0, 86_400.0 * 200.0, n)] {
                prop_assert!(keep.windows(2).all(|w| w[0] < w[1]));
                prop_assert!(keep.iter().all(|&i| i < xy.len()));
            }
            if !ys.is_empty() && n > 0 {
                let keep = min_max(&xy, 0.0, 86_400.0 * 400.0, n);
                let top = ys.iter().copied().fold(f64::MIN, f64::max);
                prop_assert!(keep.iter().any(|&i| xy[i].1 == top));
            }
        }
    }
}

//! Traces of more points than a screen has pixels: which of them are drawn.
use std::collections::HashMap;

use serde_json::Value;

use super::spec::{Column, length};

/// Points of all traces together that are drawn.
const MOST_POINTS: usize = 2_000_000;
/// Every trace may have so many.
const LEAST: usize = 1_000;
/// Of more values in a column those behind are not looked at.
pub const MOST_READ: usize = 40_000_000;

/// Which values of a trace are drawn, by its place among the traces; a trace without an entry is drawn whole.
#[derive(Debug, Default)]
pub struct Thin {
    kept: HashMap<usize, Vec<u32>>,
    /// What is to be told of them.
    pub notes: Vec<String>,
}

impl Thin {
    /// Looks at traces that have one mark for each value. Those that count or sum theirs have to see all of them.
    pub fn of(data: &[Value]) -> Self {
        let marks = |kind: &str| {
            matches!(kind, "scatter" | "scattergl" | "bar" | "waterfall" | "funnel" | "candlestick" | "ohlc")
        };
        let lengths: Vec<usize> = data
            .iter()
            .map(|trace| {
                let kind = trace.get("type").and_then(Value::as_str).unwrap_or("scatter");
                if !marks(kind) {
                    return 0;
                }
                // Of x and y the shorter one counts.
                let of = |key: &str| trace.get(key).map(length).filter(|n| *n > 0);
                ["x", "y", "close"].iter().filter_map(|key| of(key)).min().unwrap_or(0).min(MOST_READ)
            })
            .collect();
        let total: usize = lengths.iter().sum();
        let mut thin = Self::default();
        if total <= MOST_POINTS {
            return thin;
        }
        for (at, (trace, n)) in data.iter().zip(lengths).enumerate() {
            let share = (n as u128 * MOST_POINTS as u128 / total as u128) as usize;
            let most = share.max(LEAST);
            if n <= most {
                continue;
            }
            let kept = pick(trace, n, most);
            let name = trace.get("name").and_then(Value::as_str).map(|n| format!(" of {n}")).unwrap_or_default();
            let count = crate::base::text::thousands;
            thin.notes.push(format!(
                "{} points{name}, of which {} are drawn: the highest and the lowest of each few",
                count(n as u64),
                count(kept.len() as u64)
            ));
            thin.kept.insert(at, kept);
        }
        thin
    }

    /// The values of this trace that are drawn; none: all.
    pub fn get(&self, trace: usize) -> Option<&[u32]> {
        self.kept.get(&trace).map(Vec::as_slice)
    }
}

/// Of each few values that follow each other the highest and the lowest, in their order, and the first and last of all: a
/// line through them looks as one through all does.
fn pick(trace: &Value, n: usize, most: usize) -> Vec<u32> {
    let across = trace.get("orientation").and_then(Value::as_str) == Some("h");
    let keys = if across { ["x", "y", "close"] } else { ["y", "close", "x"] };
    let Some(Column::Numbers(values)) = keys.iter().find_map(|key| Column::read(trace.get(key)?)) else {
        let step = n.div_ceil(most);
        return (0..n as u32).step_by(step).collect();
    };
    let few = (2 * n).div_ceil(most.saturating_sub(2).max(2)).max(2);
    let mut kept: Vec<u32> = Vec::with_capacity(most);
    let mut put = |at: usize| {
        if kept.last() != Some(&(at as u32)) {
            kept.push(at as u32);
        }
    };
    put(0);
    for (nth, part) in values.get(..n.min(values.len())).unwrap_or_default().chunks(few).enumerate() {
        let (mut low, mut high) = ((f64::INFINITY, 0), (f64::NEG_INFINITY, 0));
        for (i, v) in part.iter().enumerate() {
            if *v < low.0 {
                low = (*v, i);
            }
            if *v > high.0 {
                high = (*v, i);
            }
        }
        let (first, second) = (low.1.min(high.1), low.1.max(high.1));
        put(nth * few + first);
        put(nth * few + second);
    }
    put(n - 1);
    kept
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::json;

    use super::*;
    use crate::model::chart::{Mark, plotly::read};

    fn column(n: u32, f: impl Fn(u32) -> f32) -> Value {
        let mut bytes = Vec::with_capacity(n as usize * 4);
        (0..n).for_each(|i| bytes.extend(f(i).to_le_bytes()));
        json!({ "dtype": "f4", "bdata": STANDARD.encode(bytes) })
    }

    #[test]
    fn ten_million_points_are_drawn_in_bounds_with_their_peaks() {
        let n = 10_000_000;
        let peak = 7_654_321;
        let y = column(n, |i| if i == peak { 900.0 } else { (i % 100) as f32 });
        let begun = Instant::now();
        let figure =
            read(&json!({ "data": [{ "type": "scattergl", "mode": "lines+markers", "name": "wave", "y": y }] }));
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
        let series = figure.series().next().unwrap();
        let Some(Mark::Line { points, .. }) = series.marks.first() else { panic!("a line") };
        assert!((1_000_000..=MOST_POINTS + 2).contains(&points.len()), "{}", points.len());
        assert_eq!((points[0], points[points.len() - 1][0]), ([0.0, 0.0], f64::from(n - 1)));
        assert!(points.contains(&[f64::from(peak), 900.0]), "a peak of one point is seen");
        assert!(points.windows(2).all(|p| p[0][0] < p[1][0]), "in order");
        assert_eq!(series.data.rows(), points.len(), "tooltips tell of what is drawn");
        assert_eq!(series.count, n as usize);
        assert!(figure.notes[0].starts_with("10,000,000 points of wave, of which"), "{:?}", figure.notes);
    }

    #[test]
    fn all_of_ten_million_values_are_counted() {
        let n = 10_000_000;
        let x = column(n, |i| (i % 4) as f32 + if i > 5_000_000 { 10.0 } else { 0.0 });
        let figure = read(
            &json!({ "data": [{ "type": "histogram", "x": x, "xbins": { "start": -0.5, "end": 19.5, "size": 1 } }] }),
        );
        let series = figure.series().next().unwrap();
        let Some(Mark::Rects { rects, .. }) = series.marks.first() else { panic!("bars") };
        let sum: f64 = rects.iter().filter(|r| !r[0].is_nan()).map(|r| r[3] - r[1]).sum();
        assert_eq!(sum as u32, n);
    }

    #[test]
    fn many_traces_share_what_can_be_drawn_and_lists_are_thinned_alike() {
        let list: Vec<f64> = (0..600_000).map(f64::from).collect();
        let sizes: Vec<f64> = (0..600_000).map(|i| f64::from(i) / 1e5).collect();
        let trace = json!({ "mode": "markers", "x": list, "y": list, "marker": { "size": sizes }, "x0": 5 });
        let figure = read(&json!({ "data": [trace, trace, trace, trace, { "x": [1, 2], "y": [3, 4] }] }));
        let points: Vec<usize> = figure.series().map(|s| s.data.rows()).collect();
        assert!(points[..4].iter().all(|n| (100_000..=500_010).contains(n)) && points[4] == 2, "{points:?}");
        let Some(Mark::Points { at, sizes, .. }) = figure.series().next().unwrap().marks.first() else { panic!() };
        let last = at.len() - 1;
        assert_eq!((at[last], sizes.at(last)), ([599_999.0, 599_999.0], Some(5.99999)));
    }

    #[test]
    fn gaps_and_words_are_thinned_as_well() {
        let kept = pick(&json!({ "y": [null, null, null, null, 1.0, 5.0, 2.0, 0.5] }), 8, 6);
        assert!(kept.is_sorted() && kept.first() == Some(&0) && kept.last() == Some(&7), "{kept:?}");
        let words: Vec<String> = (0..50).map(|i| format!("w{i}")).collect();
        assert_eq!(pick(&json!({ "y": words }), 50, 10).len(), 10);
    }
}

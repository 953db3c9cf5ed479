//! The exact law of future throughput: days of the window drawn with replacement, summed by convolution.
use super::PERCENTILES;

/// What is likely; positions as in [`PERCENTILES`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forecast {
    pub days: u32,
    pub items: u32,
    /// At least so many cards within `days`, with that certainty.
    pub how_many: [usize; 4],
    /// Probability of at least so many, for each of `how_many`.
    pub tail: [f64; 4],
    /// All `items` within so many days; `None` when nothing was ever finished.
    pub when_days: [Option<u32>; 4],
    /// Probability that the last of `items` is finished on day 1, 2, ... from now, as far as it matters.
    pub when_law: Vec<f64>,
}

/// Longest future that is looked at.
const HORIZON: u32 = 4000;

/// Adds one more day to a law. With `cap`, everything at or above it is one heap.
fn add_day(law: &[f64], day: &[f64], cap: Option<usize>) -> Vec<f64> {
    let top = (law.len() + day.len()).saturating_sub(1);
    let mut out = vec![0.0; cap.map_or(top, |c| top.min(c + 1)).max(1)];
    let last = out.len() - 1;
    for (x, p) in law.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        for (y, q) in day.iter().enumerate().filter(|(_, q)| **q > 0.0) {
            out[(x + y).min(last)] += p * q;
        }
    }
    out
}

/// Forecast from daily throughputs.
pub fn forecast(samples: &[usize], days: u32, items: u32) -> Forecast {
    let mut out = Forecast { days, items, tail: [1.0; 4], ..Forecast::default() };
    if samples.is_empty() {
        return out;
    }
    let mut day = vec![0.0; samples.iter().max().map_or(1, |m| m + 1)];
    for n in samples {
        day[*n] += 1.0 / samples.len() as f64;
    }
    let sum = (0..days).fold(vec![1.0], |law, _| add_day(&law, &day, None));
    // A certainty of 70 % must not fail by the last bit of a sum.
    let enough = |p: f64, percent: u32| p + 1e-12 >= f64::from(percent) / 100.0;
    for (i, percent) in PERCENTILES.into_iter().enumerate() {
        let mut tail = 0.0;
        for x in (0..sum.len()).rev() {
            tail += sum[x];
            if x == 0 || enough(tail, percent) {
                (out.how_many[i], out.tail[i]) = (x, if x == 0 { 1.0 } else { tail });
                break;
            }
        }
    }
    if samples.iter().all(|n| *n == 0) {
        return out;
    }
    let goal = items as usize;
    let (mut law, mut reached) = (vec![1.0_f64], 0.0_f64);
    for d in 0..=HORIZON {
        let p = if law.len() > goal { law[goal] } else { 0.0 };
        if d > 0 {
            out.when_law.push((p - reached).max(0.0));
        }
        reached = p;
        for (i, percent) in PERCENTILES.into_iter().enumerate() {
            if out.when_days[i].is_none() && enough(p, percent) {
                out.when_days[i] = Some(d);
            }
        }
        if p > 0.999 {
            break;
        }
        law = add_day(&law, &day, Some(goal));
    }
    out
}

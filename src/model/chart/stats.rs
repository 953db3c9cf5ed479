//! Sums over samples as the tools make them: quartiles by their rules, bins, densities.

/// How quartiles fall between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// plotly's "linear": at half an index.
    Half,
    /// numpy's, d3's and vega's.
    Seventh,
    /// Medians of the halves without the middle.
    Exclusive,
    /// Medians of the halves with the middle.
    Inclusive,
}

/// The value at share `p` of ascending values.
pub fn quantile(sorted: &[f64], p: f64, rule: Rule) -> f64 {
    let n = sorted.len();
    if n == 0 {
        return f64::NAN;
    }
    let at = match rule {
        Rule::Half => n as f64 * p - 0.5,
        Rule::Seventh => (n - 1) as f64 * p,
        Rule::Exclusive | Rule::Inclusive => {
            let odd = n % 2 == 1;
            let keep = n / 2 + usize::from(odd && (rule == Rule::Inclusive || n == 1));
            return match p {
                p if p < 0.5 => quantile(&sorted[..keep], 0.5, Rule::Seventh),
                p if p > 0.5 => quantile(&sorted[n - keep..], 0.5, Rule::Seventh),
                _ => quantile(sorted, 0.5, Rule::Seventh),
            };
        }
    }
    .clamp(0.0, (n - 1) as f64);
    let (low, share) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(n - 1);
    sorted[low] + (sorted[high] - sorted[low]) * share
}

/// A box with its whiskers.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub q1: f64,
    pub median: f64,
    pub q3: f64,
    pub low: f64,
    pub high: f64,
    pub mean: f64,
    pub sd: f64,
    pub outliers: Vec<f64>,
    pub n: usize,
}

/// Whiskers reach to the last value within `reach` times the quartiles' distance; with none, to the ends.
pub fn summary(values: &[f64], rule: Rule, reach: Option<f64>) -> Option<Summary> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if sorted.is_empty() {
        return None;
    }
    sorted.sort_by(f64::total_cmp);
    let [q1, median, q3] = [0.25, 0.5, 0.75].map(|p| quantile(&sorted, p, rule));
    let fence = reach.map_or([f64::NEG_INFINITY, f64::INFINITY], |r| [q1 - r * (q3 - q1), q3 + r * (q3 - q1)]);
    let inside = |v: &f64| *v >= fence[0] && *v <= fence[1];
    let low = sorted.iter().copied().find(|v| inside(v)).unwrap_or(q1).min(q1);
    let high = sorted.iter().rev().copied().find(|v| inside(v)).unwrap_or(q3).max(q3);
    Some(Summary {
        q1,
        median,
        q3,
        low,
        high,
        mean: mean(&sorted),
        sd: deviation(&sorted, 1),
        outliers: sorted.iter().copied().filter(|v| !inside(v)).collect(),
        n: sorted.len(),
    })
}

/// The mean; `NaN` without values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation with so many degrees of freedom taken off.
pub fn deviation(values: &[f64], off: usize) -> f64 {
    if values.len() <= off {
        return 0.0;
    }
    let m = mean(values);
    (values.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (values.len() - off) as f64).sqrt()
}

/// Bins of one width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bins {
    pub start: f64,
    pub step: f64,
    pub count: usize,
}

/// More bins than this are made wider.
const MOST_BINS: usize = 10_000;

impl Bins {
    /// Bins from `start` to at least `end`.
    pub fn between(start: f64, end: f64, step: f64) -> Self {
        let step = if step.is_finite() && step > 0.0 { step } else { 1.0 };
        let count = ((end - start) / step - 1e-9).ceil().clamp(1.0, MOST_BINS as f64) as usize;
        let step = if count == MOST_BINS { (end - start) / MOST_BINS as f64 } else { step };
        Self { start, step, count }
    }
    /// The bin of a value; the last one holds its upper edge.
    pub fn index(&self, v: f64) -> Option<usize> {
        if !v.is_finite() {
            return None;
        }
        let at = ((v - self.start) / self.step + 1e-9).floor();
        if at < 0.0 || at > self.count as f64 {
            return None;
        }
        if at as usize == self.count {
            let edge = self.start + self.step * self.count as f64;
            return ((v - edge).abs() <= self.step * 1e-6).then(|| self.count - 1);
        }
        Some(at as usize)
    }
    /// Low and high edge.
    pub fn edges(&self, i: usize) -> [f64; 2] {
        [self.start + self.step * i as f64, self.start + self.step * (i + 1) as f64]
    }
}

fn span(values: &[f64]) -> Option<[f64; 2]> {
    let known = values.iter().copied().filter(|v| v.is_finite());
    let [lo, hi] = known.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(v), b.max(v)]);
    (lo <= hi).then_some([lo, hi])
}

/// The bins plotly chooses: a round width by count or deviation, moved off the values.
pub fn plotly_bins(values: &[f64], wanted: Option<usize>, two_d: bool) -> Option<Bins> {
    let [lo, hi] = span(values)?;
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let rough = match wanted {
        Some(n) if n > 0 => (hi - lo) / n as f64,
        _ => {
            let mut sorted = known.clone();
            sorted.sort_by(f64::total_cmp);
            let least = sorted.windows(2).map(|w| w[1] - w[0]).filter(|d| *d > (hi - lo) * 1e-9);
            let least = least.fold(f64::INFINITY, f64::min);
            let least = if least.is_finite() { least } else { 1.0 };
            let base = 10f64.powf(least.log10().floor());
            let floor = base * [9.9, 4.9, 1.9, 0.9].into_iter().find(|s| *s <= least / base).unwrap_or(0.9);
            let power = if two_d { 0.25 } else { 0.4 };
            (2.0 * deviation(&known, 0) / (known.len() as f64).powf(power)).max(floor)
        }
    };
    let rough = if rough.is_finite() && rough > 0.0 { rough } else { 1.0 };
    let base = 10f64.powf(rough.log10().floor());
    let step = base * [2.0, 5.0, 10.0].into_iter().find(|s| *s >= rough / base * 0.999_999_9).unwrap_or(10.0);
    let first = (lo / step - 1e-9).ceil() * step;
    let start = shifted(first - step, step, &known, lo, hi);
    let count = (1.0 + ((hi - start) / step + 1e-9).floor()).clamp(1.0, MOST_BINS as f64) as usize;
    Some(Bins { start, step, count })
}

/// Moves the edges away from where the values lie.
fn shifted(start: f64, step: f64, values: &[f64], lo: f64, hi: f64) -> f64 {
    let near = |v: f64| (1.0 + (v - start) * 100.0 / step).rem_euclid(100.0) < 2.0;
    let whole = values.iter().all(|v| v.fract() == 0.0);
    if whole {
        if step < 1.0 {
            return lo - step / 2.0;
        }
        let start = start - 0.5;
        return if start + step < lo { start + step } else { start };
    }
    let edge = values.iter().filter(|v| near(**v)).count() as f64;
    let middle = values.iter().filter(|v| near(**v + step / 2.0)).count() as f64;
    let n = values.len() as f64;
    if middle < n * 0.1 && (edge > n * 0.3 || near(lo) || near(hi)) {
        let half = step / 2.0;
        return if start + half < lo { start + half } else { start - half };
    }
    start
}

/// What a vega-lite `bin` may say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VegaBin {
    pub most: Option<f64>,
    pub step: Option<f64>,
    pub steps: Vec<f64>,
    pub least_step: f64,
    pub base: Option<f64>,
    pub extent: Option<[f64; 2]>,
    pub raw_ends: bool,
}

/// The bins vega chooses.
pub fn vega_bins(values: &[f64], ask: &VegaBin, most: f64) -> Option<Bins> {
    let [lo, hi] = ask.extent.or_else(|| span(values))?;
    let base = ask.base.filter(|b| *b > 1.0).unwrap_or(10.0);
    let most = ask.most.unwrap_or(most).clamp(1.0, MOST_BINS as f64);
    let width = if hi > lo {
        hi - lo
    } else if lo != 0.0 {
        lo.abs()
    } else {
        1.0
    };
    let step = if let Some(step) = ask.step.filter(|s| *s > 0.0) {
        step
    } else if let Some(step) = ask.steps.iter().copied().find(|s| *s >= width / most) {
        step
    } else if let Some(step) = ask.steps.last() {
        *step
    } else {
        let level = (most.ln() / base.ln()).ceil();
        let mut step = base.powf((width.ln() / base.ln()).round() - level).max(ask.least_step);
        while (width / step).ceil() > most {
            step *= base;
        }
        for part in [5.0, 2.0] {
            let finer = step / part;
            if finer >= ask.least_step && width / finer <= most {
                step = finer;
            }
        }
        step
    };
    let (start, end) = if ask.raw_ends {
        (lo, hi)
    } else {
        let precision = if step >= 1.0 { 0.0 } else { (-(step.ln()) / base.ln()).trunc() + 1.0 };
        let low = (lo / step + base.powf(-precision - 1.0)).floor() * step;
        (if lo < low { low - step } else { low }, (hi / step).ceil() * step)
    };
    Some(Bins::between(start, if end > start { end } else { start + step }, step))
}

/// A gaussian density over `steps` places from `lo` to `hi`.
pub fn density(values: &[f64], width: Option<f64>, lo: f64, hi: f64, steps: usize) -> (Vec<f64>, Vec<f64>) {
    let width = width.filter(|w| *w > 0.0).unwrap_or_else(|| bandwidth(values));
    // Past some thousands the shape does not change: every so-many-th value stands for its neighbours.
    let every = values.len().div_ceil(20_000).max(1);
    let taken: Vec<f64> = values.iter().copied().step_by(every).collect();
    let at: Vec<f64> = (0..steps).map(|i| lo + (hi - lo) * i as f64 / (steps.max(2) - 1) as f64).collect();
    let norm = 1.0 / (taken.len().max(1) as f64 * width * (2.0 * std::f64::consts::PI).sqrt());
    let heights = at.iter().map(|x| {
        let sum: f64 = taken.iter().map(|v| (-0.5 * ((x - v) / width).powi(2)).exp()).sum();
        sum * norm
    });
    let heights = heights.collect();
    (at, heights)
}

/// Silverman's rule.
pub fn bandwidth(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let sd = deviation(&sorted, 1);
    let range = quantile(&sorted, 0.75, Rule::Seventh) - quantile(&sorted, 0.25, Rule::Seventh);
    let spread = if range > 0.0 { sd.min(range / 1.349) } else { sd };
    let width = 1.059 * spread * (sorted.len().max(1) as f64).powf(-0.2);
    if width.is_finite() && width > 0.0 { width } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_follow_each_rule() {
        let v = [2.0, 4.0, 6.0, 20.0];
        assert_eq!([0.25, 0.5, 0.75].map(|p| quantile(&v, p, Rule::Half)), [3.0, 5.0, 13.0]);
        assert_eq!([0.25, 0.75].map(|p| quantile(&v, p, Rule::Seventh)), [3.5, 9.5]);
        let v = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!([0.25, 0.75].map(|p| quantile(&v, p, Rule::Exclusive)), [1.5, 4.5]);
        assert_eq!([0.25, 0.75].map(|p| quantile(&v, p, Rule::Inclusive)), [2.0, 4.0]);
        let s = summary(&[1.0, 2.0, 3.0, 10.0], Rule::Seventh, Some(1.5)).unwrap();
        assert_eq!((s.q1, s.median, s.q3), (1.75, 2.5, 4.75));
        assert_eq!((s.low, s.high, s.outliers.as_slice()), (1.0, 4.75, &[10.0][..]));
        assert!(summary(&[f64::NAN], Rule::Half, None).is_none());
    }

    #[test]
    fn bins_are_those_of_the_tools() {
        let mut v = vec![0.0; 10];
        v.extend([1.0; 20]);
        v.extend([2.0; 5]);
        let bins = plotly_bins(&v, Some(3), false).unwrap();
        assert_eq!((bins.start, bins.step, bins.count), (-0.5, 1.0, 3));
        let v = [1.0, 1.5, 2.0, 7.0, 8.0, 8.2, 9.9];
        let bins = vega_bins(&v, &VegaBin { step: Some(5.0), ..VegaBin::default() }, 10.0).unwrap();
        assert_eq!((bins.start, bins.step, bins.count), (0.0, 5.0, 2));
        let v: Vec<f64> = (0..=100).map(f64::from).collect();
        let bins = vega_bins(&v, &VegaBin::default(), 10.0).unwrap();
        assert_eq!((bins.start, bins.step, bins.count), (0.0, 10.0, 10));
        assert_eq!(bins.index(100.0), Some(9));
        assert_eq!(bins.index(101.0), None);
        let huge = Bins::between(0.0, 1e18, 1e-9);
        assert!(huge.count <= MOST_BINS);
    }

    #[test]
    fn a_density_holds_all_of_its_mass() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i % 20)).collect();
        let (x, y) = density(&values, None, -20.0, 40.0, 400);
        let mass: f64 = x.windows(2).zip(&y).map(|(w, h)| (w[1] - w[0]) * h).sum();
        assert!((mass - 1.0).abs() < 0.01, "{mass}");
    }
}

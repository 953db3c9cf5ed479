//! Statistical process control: what is usual for a value, and which patterns are not chance.
//!
//! Limits come from a baseline and stay frozen after it, so that a slow drift cannot move its own limits. Formulas and
//! rules are those of the NIST handbook; `tests/fixtures/spc` holds the figures they are checked against.
mod rules;

pub use rules::{Rule, Side, Signal};

/// d2 for ranges of two: the expected range of two standard normals, 2/sqrt(pi).
const D2: f64 = std::f64::consts::FRAC_2_SQRT_PI;
/// d3 for ranges of two: sqrt(2 - 4/pi).
const D3: f64 = 0.852_502_466_427_418_8;
/// Points that must be there before limits mean anything.
pub const MIN_BASELINE: usize = 8;
/// Points limits are taken from when nobody chose a baseline.
pub const USUAL_BASELINE: usize = 20;

/// Which chart a series is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartKind {
    /// Single values, spread from the moving range.
    Individuals,
    /// Distances of neighbouring values.
    MovingRange,
    /// Share of `value` in `size`, binomial spread.
    P,
    /// Share with more (or less) spread than binomial: Laney's p'.
    PPrime,
    /// Count of `value` in a constant `size`.
    Np,
    /// Count of events, Poisson spread.
    C,
    /// Events per unit, `value` in `size`.
    U,
}

impl ChartKind {
    /// As the page states it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Individuals => "individuals chart",
            Self::MovingRange => "moving range chart",
            Self::P => "p chart",
            Self::PPrime => "p\u{2032} chart",
            Self::Np => "np chart",
            Self::C => "c chart",
            Self::U => "u chart",
        }
    }
}

/// One point: a value, or a count out of `size`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub value: f64,
    pub size: f64,
}

impl Sample {
    /// A value without a size.
    pub fn value(value: f64) -> Self {
        Self { value, size: 1.0 }
    }
}

/// Limits at one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub center: f64,
    /// A third of the distance to an uncut limit.
    pub sigma: f64,
    pub lower: f64,
    pub upper: f64,
}

/// A chart: what is plotted, limits at each point, and the patterns found.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlChart {
    pub kind: ChartKind,
    /// The plotted value of each point; for a moving range one fewer than samples.
    pub statistic: Vec<f64>,
    pub limits: Vec<Limits>,
    pub signals: Vec<Signal>,
}

/// A stretch judged by limits of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Index of its first point.
    pub start: usize,
    /// Indices of the points its limits are taken from.
    pub baseline: Vec<usize>,
}

impl Phase {
    /// One phase over everything, limits from every point: the textbook chart.
    pub fn whole(len: usize) -> Self {
        Self { start: 0, baseline: (0..len).collect() }
    }
    /// One phase from `start`, limits frozen on its first [`USUAL_BASELINE`] points that are `good`. None as long as
    /// there are fewer than [`MIN_BASELINE`] of them.
    pub fn frozen(start: usize, good: &[bool]) -> Option<Self> {
        let baseline: Vec<usize> = (start..good.len()).filter(|&i| good[i]).take(USUAL_BASELINE).collect();
        (baseline.len() >= MIN_BASELINE).then_some(Self { start, baseline })
    }
}

/// Phases from the places where limits begin anew. One that has too few good points yet has no limits: those of the
/// phase before do not reach into it.
pub fn phases(starts: impl Iterator<Item = usize>, good: &[bool]) -> Vec<Phase> {
    let mut starts: Vec<usize> = std::iter::once(0).chain(starts).filter(|&s| s == 0 || s < good.len()).collect();
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).copied().chain([good.len()]);
    let phase = |(&start, end): (&usize, usize)| {
        Phase::frozen(start, &good[..end]).unwrap_or(Phase { start, baseline: Vec::new() })
    };
    starts.iter().zip(ends).map(phase).collect()
}

/// Which chart suits shares or plain values. Sizes that differ call for a p chart; spread that binomial chance does not
/// explain calls for p'.
pub fn choose(share: bool, samples: &[Sample]) -> ChartKind {
    let sizes = || samples.iter().map(|s| s.size);
    let (low, high) = (sizes().fold(f64::MAX, f64::min), sizes().fold(0.0, f64::max));
    if !share || samples.len() < 2 || low <= 0.0 || high / low < 1.25 {
        return ChartKind::Individuals;
    }
    let all: Vec<usize> = (0..samples.len()).collect();
    match pooled(samples, &all) {
        Some(p) if p <= 0.0 || p >= 1.0 => ChartKind::Individuals,
        Some(p) if (0.67..=1.5).contains(&laney(samples, &all, p)) => ChartKind::P,
        Some(_) => ChartKind::PPrime,
        None => ChartKind::Individuals,
    }
}

/// Computes a chart. Phases must be in order of their start; points before the first one have no limits (NaN). A phase
/// whose baseline says nothing (empty, sizes of nought) has none either.
pub fn chart(kind: ChartKind, samples: &[Sample], phases: &[Phase], rules: &[Rule]) -> ControlChart {
    let statistic: Vec<f64> = match kind {
        ChartKind::Individuals | ChartKind::Np | ChartKind::C => samples.iter().map(|s| s.value).collect(),
        ChartKind::MovingRange => samples.windows(2).map(|w| (w[1].value - w[0].value).abs()).collect(),
        ChartKind::P | ChartKind::PPrime | ChartKind::U => samples.iter().map(|s| s.value / s.size).collect(),
    };
    let none = Limits { center: f64::NAN, sigma: f64::NAN, lower: f64::NAN, upper: f64::NAN };
    let mut limits = vec![none; statistic.len()];
    let mut signals = Vec::new();
    for (n, phase) in phases.iter().enumerate() {
        let end = phases.get(n + 1).map_or(statistic.len(), |next| next.start.min(statistic.len()));
        let start = phase.start.min(end);
        let Some(law) = Law::of(kind, samples, &phase.baseline) else { continue };
        for (i, slot) in limits.iter_mut().enumerate().take(end).skip(start) {
            *slot = law.at(samples[i].size);
        }
        signals.extend(rules::signals(&statistic[start..end], &limits[start..end], rules).into_iter().map(|mut s| {
            s.at += start;
            s.from += start;
            s
        }));
    }
    signals.sort_by_key(|s| (s.at, s.rule));
    ControlChart { kind, statistic, limits, signals }
}

/// What a baseline says: centre, and spread as a function of the size.
struct Law {
    kind: ChartKind,
    center: f64,
    /// Spread at size 1; binomial and Poisson shares divide it by the root of the size.
    spread: f64,
}

impl Law {
    fn of(kind: ChartKind, samples: &[Sample], baseline: &[usize]) -> Option<Self> {
        let baseline: Vec<usize> =
            baseline.iter().copied().filter(|&i| samples.get(i).is_some_and(|s| s.value.is_finite())).collect();
        if baseline.is_empty() {
            return None;
        }
        let mean = steady_mean(baseline.iter().map(|&i| samples[i].value));
        let (center, spread) = match kind {
            ChartKind::Individuals => (mean, mean_range(samples, &baseline) / D2),
            ChartKind::MovingRange => {
                let range = mean_range(samples, &baseline);
                (range, range * D3 / D2)
            }
            ChartKind::C => (mean, mean.max(0.0).sqrt()),
            ChartKind::Np => {
                let p = pooled(samples, &baseline)?;
                let size = baseline.iter().map(|&i| samples[i].size).sum::<f64>() / baseline.len() as f64;
                (p * size, (size * p * (1.0 - p)).max(0.0).sqrt())
            }
            ChartKind::P => {
                let p = pooled(samples, &baseline)?;
                (p, (p * (1.0 - p)).max(0.0).sqrt())
            }
            ChartKind::PPrime => {
                let p = pooled(samples, &baseline)?;
                (p, (p * (1.0 - p)).max(0.0).sqrt() * laney(samples, &baseline, p))
            }
            ChartKind::U => {
                let u = pooled(samples, &baseline)?;
                (u, u.max(0.0).sqrt())
            }
        };
        Some(Self { kind, center, spread })
    }

    fn at(&self, size: f64) -> Limits {
        let sigma = match self.kind {
            ChartKind::P | ChartKind::PPrime | ChartKind::U => self.spread / size.sqrt(),
            _ => self.spread,
        };
        let (lower, upper) = (self.center - 3.0 * sigma, self.center + 3.0 * sigma);
        let (lower, upper) = match self.kind {
            ChartKind::Individuals => (lower, upper),
            ChartKind::P | ChartKind::PPrime => (lower.max(0.0), upper.min(1.0)),
            ChartKind::Np | ChartKind::MovingRange | ChartKind::C | ChartKind::U => (lower.max(0.0), upper),
        };
        Limits { center: self.center, sigma, lower, upper }
    }
}

/// The mean; exactly the value itself when all are equal, so that rounding makes no limits of its own.
fn steady_mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    let first = values.clone().next().unwrap_or(f64::NAN);
    let mut same = true;
    for value in values {
        sum += value;
        n += 1.0;
        same &= value == first;
    }
    if same { first } else { sum / n }
}

/// Mean distance of neighbours within the baseline.
fn mean_range(samples: &[Sample], baseline: &[usize]) -> f64 {
    if baseline.len() < 2 {
        return 0.0;
    }
    let sum: f64 = baseline.windows(2).map(|w| (samples[w[1]].value - samples[w[0]].value).abs()).sum();
    sum / (baseline.len() - 1) as f64
}

/// All counts over all sizes.
fn pooled(samples: &[Sample], baseline: &[usize]) -> Option<f64> {
    let (values, sizes) = baseline.iter().map(|&i| samples[i]).fold((0.0, 0.0), |(v, n), s| (v + s.value, n + s.size));
    (sizes > 0.0).then(|| values / sizes)
}

/// How much wider than chance the shares lie: the moving range of their z scores over d2.
fn laney(samples: &[Sample], baseline: &[usize], p: f64) -> f64 {
    let z = |i: usize| {
        let s = samples[i];
        (s.value / s.size - p) / (p * (1.0 - p) / s.size).sqrt()
    };
    if baseline.len() < 2 {
        return 1.0;
    }
    let sum: f64 = baseline.windows(2).map(|w| (z(w[1]) - z(w[0])).abs()).filter(|d| d.is_finite()).sum();
    sum / (baseline.len() - 1) as f64 / D2
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn fixture(name: &str) -> Value {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spc").join(name);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn floats(v: &Value) -> Vec<f64> {
        v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    }

    fn samples(file: &Value) -> Vec<Sample> {
        let values = floats(&file["values"]);
        let sizes = if file["sizes"].is_null() { vec![1.0; values.len()] } else { floats(&file["sizes"]) };
        values.into_iter().zip(sizes).map(|(value, size)| Sample { value, size }).collect()
    }

    /// Compares statistic, limits and the points of every rule with the reference; returns how many signals agreed.
    fn compare(name: &str, key: &str, kind: ChartKind) -> usize {
        let file = fixture(name);
        let expected = &file["charts"][key];
        let samples = samples(&file);
        let ours = chart(kind, &samples, &[Phase::whole(samples.len())], &Rule::ALL);
        let close = |a: f64, b: f64, what: &str| {
            assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{name} {key} {what}: {a} is not {b}");
        };
        let (lower, upper) = (floats(&expected["lcl"]), floats(&expected["ucl"]));
        for (i, s) in floats(&expected["statistic"]).into_iter().enumerate() {
            close(ours.statistic[i], s, "statistic");
            close(ours.limits[i].center, expected["center"].as_f64().unwrap(), "centre");
            close(ours.limits[i].lower, lower[i], "lower");
            close(ours.limits[i].upper, upper[i], "upper");
        }
        let mut total = 0;
        for rule in Rule::ALL {
            let theirs: Vec<usize> = floats(&expected["violations"][rule.key()]).iter().map(|x| *x as usize).collect();
            let found: Vec<usize> = ours.signals.iter().filter(|s| s.rule == rule).map(|s| s.at + 1).collect();
            assert_eq!(found, theirs, "{name} {key} {}", rule.key());
            total += found.len();
        }
        total
    }

    #[test]
    fn individuals_and_moving_ranges_match_the_reference() {
        let total: usize = (1..=6)
            .map(|n| {
                let name = format!("individuals_{n}.json");
                compare(&name, "i", ChartKind::Individuals) + compare(&name, "mr", ChartKind::MovingRange)
            })
            .sum();
        assert!(total > 500, "{total} signals compared");
        assert_eq!(compare("nist_individuals.json", "i", ChartKind::Individuals), 0);
    }

    #[test]
    fn shares_and_counts_match_the_reference() {
        assert!(compare("p_varying.json", "p", ChartKind::P) > 20);
        compare("nist_proportions.json", "p", ChartKind::P);
        compare("nist_proportions.json", "np", ChartKind::Np);
        compare("np_fixed.json", "np", ChartKind::Np);
        compare("c_counts.json", "c", ChartKind::C);
        compare("nist_counts.json", "c", ChartKind::C);
        compare("u_varying.json", "u", ChartKind::U);
    }

    #[test]
    fn the_published_figures_come_out() {
        let file = fixture("nist_individuals.json");
        let samples = samples(&file);
        let ours = chart(ChartKind::Individuals, &samples, &[Phase::whole(10)], &[]);
        let published = &file["published"];
        for (ours, key) in
            [(ours.limits[0].upper, "ucl"), (ours.limits[0].lower, "lcl"), (ours.limits[0].center, "center")]
        {
            assert!((ours - published[key].as_f64().unwrap()).abs() < 0.002, "{key}: {ours}");
        }
    }

    fn values(ys: &[f64]) -> Vec<Sample> {
        ys.iter().map(|y| Sample::value(*y)).collect()
    }

    #[test]
    fn frozen_limits_do_not_follow_a_drift() {
        let mut ys: Vec<f64> = (0..20).map(|i| 10.0 + f64::from(i % 3)).collect();
        ys.extend((0..20).map(|i| 12.0 + f64::from(i)));
        let good = vec![true; ys.len()];
        let phase = Phase::frozen(0, &good).unwrap();
        let c = chart(ChartKind::Individuals, &values(&ys), &[phase], &[Rule::Nelson1]);
        assert_eq!(c.limits[0], c.limits[39]);
        assert!(c.signals.iter().all(|s| s.at >= 20 && s.side == Side::Above));
        assert!(c.signals.len() > 10);
    }

    #[test]
    fn a_new_phase_has_limits_of_its_own() {
        let ys: Vec<f64> = (0..40).map(|i| if i < 20 { 1.0 } else { 50.0 } + f64::from(i % 2)).collect();
        let good = vec![true; 40];
        let phases = [Phase::frozen(0, &good[..20]).unwrap(), Phase::frozen(20, &good).unwrap()];
        let c = chart(ChartKind::Individuals, &values(&ys), &phases, &[Rule::Nelson1]);
        assert_eq!((c.limits[19].center, c.limits[20].center), (1.5, 50.5));
        assert!(c.signals.is_empty());
    }

    #[test]
    fn limits_begin_anew_where_a_person_said_so_and_only_when_enough_is_known() {
        let ys: Vec<f64> = (0..26).map(|i| if i < 20 { 1.0 } else { 50.0 } + f64::from(i % 2)).collect();
        let good = vec![true; ys.len()];
        let two = phases([20].into_iter(), &good);
        let c = chart(ChartKind::Individuals, &values(&ys), &two, &Rule::USUAL);
        assert_eq!(c.limits[19].center, 1.5);
        assert!(c.limits[20].center.is_nan() && c.signals.is_empty(), "six points are too few: {:?}", c.signals);
        let longer: Vec<f64> = (0..30).map(|i| if i < 20 { 1.0 } else { 50.0 } + f64::from(i % 2)).collect();
        let two = phases([20].into_iter(), &[true; 30]);
        let c = chart(ChartKind::Individuals, &values(&longer), &two, &Rule::USUAL);
        assert_eq!((c.limits[19].center, c.limits[20].center), (1.5, 50.5));
        assert!(c.signals.is_empty());
        // Without the mark every point after the step is out.
        let one = phases(std::iter::empty(), &[true; 30]);
        let c = chart(ChartKind::Individuals, &values(&longer), &one, &[Rule::Nelson1]);
        assert_eq!(c.signals.len(), 10);
        assert_eq!(phases([3, 3, 99].into_iter(), &[true; 5]).len(), 2);
        assert_eq!(phases(std::iter::empty(), &[]).len(), 1);
    }

    #[test]
    fn a_value_that_never_changed_signals_its_first_change_and_nothing_before() {
        let mut ys = vec![0.1 + 0.2; 30];
        ys.push(0.29);
        let good = vec![true; ys.len()];
        let c = chart(ChartKind::Individuals, &values(&ys), &[Phase::frozen(0, &good).unwrap()], &Rule::ALL);
        let at: Vec<_> = c.signals.iter().filter(|s| s.rule == Rule::Nelson1).map(|s| s.at).collect();
        assert_eq!(at, [30]);
        assert!(c.signals.iter().all(|s| s.at == 30), "{:?}", c.signals);
    }

    #[test]
    fn too_few_points_give_no_limits() {
        assert_eq!(Phase::frozen(0, &[true; 7]), None);
        let c = chart(ChartKind::Individuals, &values(&[1.0; 5]), &[], &Rule::ALL);
        assert!(c.signals.is_empty() && c.limits[0].center.is_nan());
        assert!(
            chart(ChartKind::P, &[Sample { value: 0.0, size: 0.0 }], &[Phase::whole(1)], &Rule::ALL).signals.is_empty()
        );
    }

    #[test]
    fn the_chart_follows_the_data() {
        let even: Vec<_> = (0..20).map(|i| Sample { value: 90.0 + f64::from(i % 5), size: 100.0 }).collect();
        assert_eq!(choose(true, &even), ChartKind::Individuals);
        let file = fixture("p_varying.json");
        assert_eq!(choose(true, &samples(&file)[..35]), ChartKind::P);
        let wide: Vec<_> = (0..20)
            .map(|i| Sample { value: f64::from(i % 2) * 40_000.0 + 1e4, size: 1e5 + f64::from(i) * 1e4 })
            .collect();
        assert_eq!(choose(true, &wide), ChartKind::PPrime);
        assert_eq!(choose(false, &wide), ChartKind::Individuals);
    }
}

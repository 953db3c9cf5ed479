//! Nelson's and Western Electric's rules, with words a person understands.
use super::Limits;

/// A pattern that chance alone rarely makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    Nelson1,
    Nelson2,
    Nelson3,
    Nelson4,
    Nelson5,
    Nelson6,
    Nelson7,
    Nelson8,
    We1,
    We2,
    We3,
    We4,
}

/// Which side of the centre a pattern lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Above,
    Below,
    Both,
}

/// A rule broken at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    pub rule: Rule,
    /// The point that completes the pattern.
    pub at: usize,
    /// The first point of the pattern.
    pub from: usize,
    pub side: Side,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 12] = [
        Self::Nelson1,
        Self::Nelson2,
        Self::Nelson3,
        Self::Nelson4,
        Self::Nelson5,
        Self::Nelson6,
        Self::Nelson7,
        Self::Nelson8,
        Self::We1,
        Self::We2,
        Self::We3,
        Self::We4,
    ];
    /// What the page judges by: limits, shifts, trends and clusters. The rules about too much regularity (4, 7, 8) cry
    /// wolf on data that is rounded or computed.
    pub const USUAL: [Self; 5] = [Self::Nelson1, Self::Nelson2, Self::Nelson3, Self::Nelson5, Self::Nelson6];

    /// Short name, as in the reference files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Nelson1 => "nelson1",
            Self::Nelson2 => "nelson2",
            Self::Nelson3 => "nelson3",
            Self::Nelson4 => "nelson4",
            Self::Nelson5 => "nelson5",
            Self::Nelson6 => "nelson6",
            Self::Nelson7 => "nelson7",
            Self::Nelson8 => "nelson8",
            Self::We1 => "we1",
            Self::We2 => "we2",
            Self::We3 => "we3",
            Self::We4 => "we4",
        }
    }

    /// `Nelson rule 1`.
    pub fn title(self) -> String {
        let key = self.key();
        let number = &key[key.len() - 1..];
        if key.starts_with("we") { format!("Western Electric rule {number}") } else { format!("Nelson rule {number}") }
    }
}

impl Signal {
    /// The pattern in plain words, without a full stop: `9 points in a row above the mean`.
    pub fn words(&self, limits: &Limits) -> String {
        let side = match self.side {
            Side::Above => "above",
            Side::Below => "below",
            Side::Both => "around",
        };
        let run = self.at - self.from + 1;
        match self.rule {
            Rule::Nelson1 | Rule::We1 if limits.sigma == 0.0 => {
                format!("One point {side} a value that had never changed")
            }
            Rule::Nelson1 | Rule::We1 => format!("One point more than 3 sigma {side} the mean"),
            Rule::Nelson2 | Rule::We4 => format!("{run} points in a row {side} the mean"),
            Rule::Nelson3 => {
                let way = if self.side == Side::Above { "up" } else { "down" };
                format!("{run} points in a row going {way}")
            }
            Rule::Nelson4 => format!("{run} points in a row going up and down by turns"),
            Rule::Nelson5 | Rule::We2 => format!("2 of 3 points more than 2 sigma {side} the mean"),
            Rule::Nelson6 | Rule::We3 => format!("4 of 5 points more than 1 sigma {side} the mean"),
            Rule::Nelson7 => format!("{run} points in a row within 1 sigma of the mean"),
            Rule::Nelson8 => format!("{run} points in a row more than 1 sigma from the mean, on both sides"),
        }
    }
}

/// Finds every point at which a rule's pattern is complete. A point stays marked while the pattern goes on.
pub(super) fn signals(xs: &[f64], limits: &[Limits], rules: &[Rule]) -> Vec<Signal> {
    let z: Vec<f64> = xs.iter().zip(limits).map(|(x, l)| score(*x, l)).collect();
    let mut found = Vec::new();
    // Without spread only "it changed" can be said; runs and trends of such a value mean nothing.
    let flat = limits.iter().all(|l| l.sigma == 0.0);
    for &rule in rules {
        if flat && !matches!(rule, Rule::Nelson1 | Rule::We1) {
            continue;
        }
        match rule {
            Rule::Nelson1 | Rule::We1 => found.extend(outside(rule, xs, limits, &z)),
            Rule::Nelson2 => found.extend(one_side(rule, &z, 9)),
            Rule::We4 => found.extend(one_side(rule, &z, 8)),
            Rule::Nelson3 => found.extend(trend(rule, xs)),
            Rule::Nelson4 => found.extend(alternating(rule, xs)),
            Rule::Nelson5 | Rule::We2 => found.extend(cluster(rule, &z, 2, 3, 2.0)),
            Rule::Nelson6 | Rule::We3 => found.extend(cluster(rule, &z, 4, 5, 1.0)),
            Rule::Nelson7 => found.extend(run_of(rule, &z, 15, |z| z.abs() < 1.0)),
            Rule::Nelson8 => found.extend(run_of(rule, &z, 8, |z| z.abs() > 1.0).into_iter().filter(|s| {
                let window = &z[s.at - 7..=s.at];
                window.iter().any(|z| *z > 0.0) && window.iter().any(|z| *z < 0.0)
            })),
        }
    }
    found
}

/// Distance from the centre in sigmas. Rounding errors count as none.
fn score(x: f64, limits: &Limits) -> f64 {
    let off = x - limits.center;
    if off.abs() <= 1e-12 * limits.center.abs().max(x.abs()) {
        0.0
    } else if limits.sigma > 0.0 {
        off / limits.sigma
    } else {
        off.signum() * f64::INFINITY
    }
}

fn side(z: f64) -> Side {
    if z > 0.0 { Side::Above } else { Side::Below }
}

fn outside(rule: Rule, xs: &[f64], limits: &[Limits], z: &[f64]) -> Vec<Signal> {
    let out = |i: &usize| z[*i] != 0.0 && (xs[*i] > limits[*i].upper || xs[*i] < limits[*i].lower);
    (0..xs.len()).filter(out).map(|i| Signal { rule, at: i, from: i, side: side(z[i]) }).collect()
}

fn one_side(rule: Rule, z: &[f64], length: usize) -> Vec<Signal> {
    let mut found = Vec::new();
    let mut start = 0;
    for i in 0..z.len() {
        let goes_on = i > 0 && z[i] * z[i - 1].signum() > 0.0 && z[i - 1] != 0.0;
        if !goes_on {
            start = i;
        }
        if z[i] != 0.0 && i + 1 - start >= length {
            found.push(Signal { rule, at: i, from: start, side: side(z[i]) });
        }
    }
    found
}

fn trend(rule: Rule, xs: &[f64]) -> Vec<Signal> {
    let mut found = Vec::new();
    let mut start = 0;
    for i in 1..xs.len() {
        let step = xs[i] - xs[i - 1];
        let before = if i >= 2 { xs[i - 1] - xs[i - 2] } else { 0.0 };
        if step == 0.0 || step.is_nan() {
            start = i;
        } else if step * before <= 0.0 || before.is_nan() {
            start = i - 1;
        }
        if i + 1 - start >= 6 {
            found.push(Signal { rule, at: i, from: start, side: side(step) });
        }
    }
    found
}

fn alternating(rule: Rule, xs: &[f64]) -> Vec<Signal> {
    let mut found = Vec::new();
    let mut start = 0;
    for i in 1..xs.len() {
        let step = xs[i] - xs[i - 1];
        let before = if i >= 2 { xs[i - 1] - xs[i - 2] } else { 0.0 };
        if step == 0.0 || step.is_nan() {
            start = i;
        } else if step * before >= 0.0 || before.is_nan() {
            start = i - 1;
        }
        if i + 1 - start >= 14 {
            found.push(Signal { rule, at: i, from: start, side: Side::Both });
        }
    }
    found
}

/// `need` of `window` points beyond `level` sigmas on one side, the last of them being so.
fn cluster(rule: Rule, z: &[f64], need: usize, window: usize, level: f64) -> Vec<Signal> {
    let mut found = Vec::new();
    for i in 0..z.len() {
        if z[i].is_nan() || z[i].abs() <= level {
            continue;
        }
        let start = (i + 1).saturating_sub(window);
        let mine = |k: &usize| z[*k] * z[i].signum() > level;
        let members: Vec<usize> = (start..=i).filter(mine).collect();
        if members.len() >= need {
            found.push(Signal { rule, at: i, from: members[0], side: side(z[i]) });
        }
    }
    found
}

fn run_of(rule: Rule, z: &[f64], length: usize, holds: impl Fn(f64) -> bool) -> Vec<Signal> {
    let mut found = Vec::new();
    let mut run = 0;
    for (i, z) in z.iter().enumerate() {
        run = if holds(*z) { run + 1 } else { 0 };
        if run >= length {
            found.push(Signal { rule, at: i, from: i + 1 - run, side: Side::Both });
        }
    }
    found
}

//! What both tools' readers share: rooms of axes, sums that stand on each other, shapes of lines.
use std::sync::Arc;

use super::figure::{At, Axis, Figure, Scale, Side, Values};

/// A pair of axes without marks, from 0 to 1.
pub fn bare_axes(figure: &mut Figure) -> (usize, usize) {
    let at = figure.axes.len();
    for side in [Side::Bottom, Side::Left] {
        figure.axes.push(Axis { labels: false, grid: false, extent: [0.0, 1.0], ..Axis::new("", side) });
    }
    (at, at + 1)
}

/// True when values stand upright over places along x.
pub fn upright(orientation: Option<&str>, has_y: bool, has_x: bool) -> bool {
    match orientation {
        Some("h") => false,
        Some("v") => true,
        _ => has_y || !has_x,
    }
}

/// Places on an axis as a column of a table.
pub fn axis_values(axis: &Axis, places: &[f64]) -> Values {
    match &axis.scale {
        Scale::Time => Values::Times(places.into()),
        Scale::Names(names) => {
            let word =
                |p: &f64| if p.is_finite() { names.get(p.round() as usize).map_or("", |n| n.as_str()) } else { "" };
            Values::Words(places.iter().map(|p| Arc::from(word(p))).collect())
        }
        _ => Values::Numbers(places.into()),
    }
}

/// `x, y` or `y, x`.
pub fn at(upright: bool, along: f64, value: f64) -> At {
    if upright { [along, value] } else { [value, along] }
}

/// A rectangle over `[a0, a1]` along from `low` to `high`.
pub fn rect(upright: bool, along: [f64; 2], value: [f64; 2]) -> [f64; 4] {
    let order = |[a, b]: [f64; 2]| if a <= b { [a, b] } else { [b, a] };
    let ([a0, a1], [v0, v1]) = (order(along), order(value));
    if upright { [a0, v0, a1, v1] } else { [v0, a0, v1, a1] }
}

/// How a line goes from point to point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    Straight,
    /// First along, then up.
    After,
    /// First up, then along.
    Before,
    /// Up in the middle.
    Middle,
    Smooth,
}

/// Points on the way; smooth lines keep between their points.
pub fn path(points: &[At], path: Path) -> Vec<At> {
    if points.len() < 2 || points.len() > 200_000 {
        return points.to_vec();
    }
    let mut out = Vec::with_capacity(points.len() * 2);
    match path {
        Path::Straight => return points.to_vec(),
        Path::Smooth => {
            if points.len() > 5000 {
                return points.to_vec();
            }
            for piece in points.split(|p| p[0].is_nan() || p[1].is_nan()) {
                smooth(piece, &mut out);
                out.push([f64::NAN; 2]);
            }
        }
        step => {
            for pair in points.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                out.push(a);
                match step {
                    Path::After => out.push([b[0], a[1]]),
                    Path::Before => out.push([a[0], b[1]]),
                    _ => {
                        let middle = f64::midpoint(a[0], b[0]);
                        out.extend([[middle, a[1]], [middle, b[1]]]);
                    }
                }
            }
            out.extend(points.last());
        }
    }
    out
}

/// A monotone cubic through the points when x ascends, as d3's `monotoneX`; a straight line else.
fn smooth(points: &[At], out: &mut Vec<At>) {
    let n = points.len();
    if n < 3 || !points.windows(2).all(|w| w[1][0] > w[0][0]) {
        out.extend(points);
        return;
    }
    let slope: Vec<f64> = points.windows(2).map(|w| (w[1][1] - w[0][1]) / (w[1][0] - w[0][0])).collect();
    let mut tangent = vec![0.0; n];
    for i in 1..n - 1 {
        let (h0, h1) = (points[i][0] - points[i - 1][0], points[i + 1][0] - points[i][0]);
        let p = (slope[i - 1] * h1 + slope[i] * h0) / (h0 + h1);
        let least = slope[i - 1].abs().min(slope[i].abs()).min(0.5 * p.abs());
        tangent[i] = (slope[i - 1].signum() + slope[i].signum()) * least;
    }
    tangent[0] = (3.0 * slope[0] - tangent[1]) / 2.0;
    tangent[n - 1] = (3.0 * slope[n - 2] - tangent[n - 2]) / 2.0;
    for i in 0..n - 1 {
        let (a, b) = (points[i], points[i + 1]);
        let h = b[0] - a[0];
        for step in 0..12 {
            let t = f64::from(step) / 12.0;
            let (t2, t3) = (t * t, t * t * t);
            let y = (2.0 * t3 - 3.0 * t2 + 1.0) * a[1]
                + (t3 - 2.0 * t2 + t) * h * tangent[i]
                + (-2.0 * t3 + 3.0 * t2) * b[1]
                + (t3 - t2) * h * tangent[i + 1];
            out.push([a[0] + h * t, y]);
        }
    }
    out.extend(points.last());
}

/// Edges of cells around centres; centres themselves when there is one more than cells.
pub fn edges(centres: &[f64], cells: usize) -> Vec<f64> {
    if centres.len() == cells + 1 {
        return centres.to_vec();
    }
    match centres {
        [] => (0..=cells).map(|i| i as f64 - 0.5).collect(),
        [only] => vec![only - 0.5, only + 0.5],
        _ => {
            let n = centres.len();
            let mut out = Vec::with_capacity(n + 1);
            out.push(centres[0] - (centres[1] - centres[0]) / 2.0);
            out.extend(centres.windows(2).map(|w| f64::midpoint(w[0], w[1])));
            out.push(centres[n - 1] + (centres[n - 1] - centres[n - 2]) / 2.0);
            out
        }
    }
}

/// A range around an extent: begins at zero, leaves a share of room at the ends.
pub fn range(scale: &Scale, extent: [f64; 2], zero: bool, room: f64) -> [f64; 2] {
    if let Scale::Names(names) = scale {
        return [-0.5, names.len().max(1) as f64 - 0.5];
    }
    let [mut lo, mut hi] = extent;
    if lo > hi {
        return match scale {
            Scale::Log => [1.0, 10.0],
            Scale::Time => [946_684_800_000.0, 978_307_200_000.0],
            _ => [0.0, 1.0],
        };
    }
    if *scale == Scale::Log {
        if lo == hi {
            return [lo / 10.0, hi * 10.0];
        }
        let (a, b) = (lo.log10(), hi.log10());
        let pad = (b - a) * room;
        return [10f64.powf(a - pad), 10f64.powf(b + pad)];
    }
    if zero && *scale != Scale::Time {
        lo = lo.min(0.0);
        hi = hi.max(0.0);
    }
    if lo == hi {
        let half = match scale {
            Scale::Time => 43_200_000.0,
            _ => (lo.abs() * 0.1).max(0.5),
        };
        return [lo - half, hi + half];
    }
    let pad = (hi - lo) * room;
    let keep_low = zero && lo == 0.0;
    let keep_high = zero && hi == 0.0;
    [if keep_low { lo } else { lo - pad }, if keep_high { hi } else { hi + pad }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_room_and_a_zero() {
        assert_eq!(range(&Scale::Linear, [0.0, 10.0], true, 0.05), [0.0, 10.5]);
        assert_eq!(range(&Scale::Linear, [2.0, 10.0], false, 0.0), [2.0, 10.0]);
        assert_eq!(range(&Scale::Log, [1.0, 1000.0], false, 0.0), [1.0, 1000.0]);
        assert_eq!(range(&Scale::Linear, [3.0, 3.0], false, 0.05), [2.5, 3.5]);
        assert_eq!(range(&Scale::Linear, [f64::INFINITY, f64::NEG_INFINITY], false, 0.05), [0.0, 1.0]);
    }

    #[test]
    fn steps_and_smooth_lines_pass_through_their_points() {
        let p = [[0.0, 0.0], [1.0, 2.0]];
        assert_eq!(path(&p, Path::After), [[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]]);
        assert_eq!(path(&p, Path::Before), [[0.0, 0.0], [0.0, 2.0], [1.0, 2.0]]);
        let p = [[0.0, 0.0], [1.0, 2.0], [2.0, 1.0], [3.0, 5.0]];
        let curve = path(&p, Path::Smooth);
        assert!(p.iter().all(|p| curve.contains(p)));
        assert!(curve.iter().filter(|p| !p[0].is_nan()).all(|p| (0.0..=5.0).contains(&p[1])));
        assert_eq!(edges(&[0.0, 1.0, 2.0], 3), [-0.5, 0.5, 1.5, 2.5]);
    }
}

//! Levels of a field of numbers: bands between them and lines along them.

/// Cells finer than the field's, for bands with smooth edges.
const FINE: usize = 160;

/// Edges and values of fine cells, bilinear between the field's points. With `(start, step)` each cell takes the middle
/// of its band.
pub fn bands(x: &[f64], y: &[f64], z: &[f64], steps: Option<(f64, f64)>) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (nx, ny) = (x.len(), y.len());
    if nx < 2 || ny < 2 {
        return (super::stack::edges(x, nx), super::stack::edges(y, ny), z.to_vec());
    }
    let even = |v: &[f64], n: usize| {
        let (lo, hi) = (v[0], v[v.len() - 1]);
        (0..=n).map(|i| lo + (hi - lo) * i as f64 / n as f64).collect::<Vec<f64>>()
    };
    let (ex, ey) = (even(x, FINE.max(nx)), even(y, FINE.max(ny)));
    let place = |v: &[f64], at: f64| {
        let i = v.partition_point(|p| *p <= at).clamp(1, v.len() - 1) - 1;
        let width = v[i + 1] - v[i];
        (i, if width > 0.0 { (at - v[i]) / width } else { 0.0 })
    };
    let middles = |e: &[f64]| e.windows(2).map(|w| f64::midpoint(w[0], w[1])).collect::<Vec<f64>>();
    let columns: Vec<_> = middles(&ex).into_iter().map(|v| place(x, v)).collect();
    let mut out = Vec::with_capacity(columns.len() * (ey.len() - 1));
    for v in middles(&ey) {
        let (j, ty) = place(y, v);
        for &(i, tx) in &columns {
            let at = |i: usize, j: usize| z[j * nx + i];
            let low = at(i, j) * (1.0 - tx) + at(i + 1, j) * tx;
            let high = at(i, j + 1) * (1.0 - tx) + at(i + 1, j + 1) * tx;
            let value = low * (1.0 - ty) + high * ty;
            out.push(match steps {
                Some((start, step)) if step > 0.0 => start + (((value - start) / step).floor() + 0.5) * step,
                _ => value,
            });
        }
    }
    (ex, ey, out)
}

/// Pieces of the line where a field has one value, by marching squares.
pub fn lines(x: &[f64], y: &[f64], z: &[f64], level: f64) -> Vec<[f64; 4]> {
    let (nx, ny) = (x.len(), y.len());
    let mut out = Vec::new();
    if nx < 2 || ny < 2 || z.len() != nx * ny {
        return out;
    }
    for j in 0..ny - 1 {
        for i in 0..nx - 1 {
            let corner = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
            let value = corner.map(|(i, j)| z[j * nx + i]);
            if value.iter().any(|v| v.is_nan()) || out.len() > 400_000 {
                continue;
            }
            let mut cuts = [[0.0; 2]; 4];
            let mut n = 0;
            for side in 0..4 {
                let (a, b) = (side, (side + 1) % 4);
                if (value[a] >= level) == (value[b] >= level) {
                    continue;
                }
                let t = (level - value[a]) / (value[b] - value[a]);
                let ((ia, ja), (ib, jb)) = (corner[a], corner[b]);
                cuts[n] = [x[ia] + (x[ib] - x[ia]) * t, y[ja] + (y[jb] - y[ja]) * t];
                n += 1;
            }
            if n >= 2 {
                out.push([cuts[0][0], cuts[0][1], cuts[1][0], cuts[1][1]]);
            }
            if n == 4 {
                out.push([cuts[2][0], cuts[2][1], cuts[3][0], cuts[3][1]]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_cut_at_its_level() {
        let (x, y) = ([0.0, 1.0, 2.0], [0.0, 1.0]);
        let z = [0.0, 1.0, 2.0, 0.0, 1.0, 2.0];
        let found = lines(&x, &y, &z, 0.5);
        assert_eq!(found, [[0.5, 0.0, 0.5, 1.0]]);
        let (ex, ey, fine) = bands(&x, &y, &z, Some((0.0, 1.0)));
        assert_eq!(fine.len(), (ex.len() - 1) * (ey.len() - 1));
        assert!(fine.iter().all(|v| *v == 0.5 || *v == 1.5));
        assert!(lines(&x, &y, &[f64::NAN; 6], 0.5).is_empty());
    }
}

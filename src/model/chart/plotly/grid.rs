//! Cells in colours: heat maps, contours, counts over two axes, and the scales that colour them.
use std::sync::Arc;

use super::{
    Plot, Trace,
    bars::fill_in,
    spec::{Column, Matrix},
};
use crate::model::chart::{
    color,
    contour::{bands, lines},
    figure::{ColorScale, Dash, Ink, Inks, Mark, Scale, Series, Target, Values},
    stack, stats,
};

/// Labels are written in cells only up to so many of them.
const MOST_LABELS: usize = 2_500;

impl Plot<'_> {
    /// The scale of a trace's values (`prefix` is `` or `/marker`); traces of one colour axis share one.
    pub(super) fn color_scale(&mut self, trace: &Trace<'_>, prefix: &str, values: &[f64]) -> usize {
        let spec = &trace.spec;
        let shared = spec.str(&format!("{prefix}/coloraxis")).map(str::to_owned);
        let key = shared.clone().unwrap_or_else(|| format!("\u{0}{}{prefix}", trace.index));
        if let Some(at) = self.scale_keys.iter().position(|k| *k == key) {
            return at;
        }
        let (at, values) = match &shared {
            Some(axis) => (self.layout.inside(&format!("/{axis}")), self.values_of_axis(axis)),
            None => (spec.inside(prefix), values.to_vec()),
        };
        let one = |z: &str, c: &str| at.f64(z).or_else(|| at.f64(c));
        let known = values.iter().copied().filter(|v| v.is_finite());
        let [mut lo, mut hi] = known.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(v), b.max(v)]);
        if lo > hi {
            [lo, hi] = [0.0, 1.0];
        }
        if at.bool("/zauto").or(at.bool("/cauto")) != Some(true) {
            lo = one("/zmin", "/cmin").unwrap_or(lo);
            hi = one("/zmax", "/cmax").unwrap_or(hi);
        }
        if let Some(middle) = one("/zmid", "/cmid") {
            let reach = (hi - middle).abs().max((middle - lo).abs());
            [lo, hi] = [middle - reach, middle + reach];
        }
        // Values on both sides of zero take the diverging scale of the template, as plotly does.
        let auto = if lo < 0.0 && hi > 0.0 && one("/zmid", "/cmid") == Some(0.0) { "diverging" } else { "sequential" };
        let stops = at.get("/colorscale").and_then(color::scale);
        let stops = stops.or_else(|| self.layout.get(&format!("/colorscale/{auto}")).and_then(color::scale));
        let stops = stops.or_else(|| color::named_scale("plasma")).unwrap_or_default();
        let stops = if at.bool("/reversescale") == Some(true) {
            stops.iter().rev().map(|(at, c)| (1.0 - at, *c)).collect()
        } else {
            stops
        };
        let bar = at.bool("/showscale") != Some(false);
        let title = at.title("/colorbar/title");
        self.figure.scales.push(ColorScale { title, stops, domain: [lo, hi], bar });
        self.scale_keys.push(key);
        self.figure.scales.len() - 1
    }

    /// All values that a shared colour axis colours.
    fn values_of_axis(&self, axis: &str) -> Vec<f64> {
        let mut out = Vec::new();
        for trace in &self.traces {
            if trace.spec.str("/coloraxis") == Some(axis)
                && let Some(z) = trace.spec.get("/z").and_then(Matrix::read)
            {
                out.extend(z.values);
            }
            if trace.spec.str("/marker/coloraxis") == Some(axis)
                && let Some(c) = trace.spec.column("/marker/color")
            {
                out.extend(c.numbers());
            }
        }
        out
    }
}

/// A matrix with the places of its columns and rows, both ascending.
struct Field {
    x: Vec<f64>,
    y: Vec<f64>,
    /// Where each drawn cell was in the figure's own order.
    order: Vec<usize>,
    z: Vec<f64>,
}

fn field(plot: &Plot<'_>, trace: &Trace<'_>, panel: usize) -> Option<Field> {
    let spec = &trace.spec;
    let (ax, ay) = (plot.figure.panels[panel].x, plot.figure.panels[panel].y);
    let z = spec.get("/z")?;
    let Some(mut m) = Matrix::read(z).filter(|_| z.pointer("/0").is_none_or(|f| f.is_array()) || z.is_object()) else {
        return scattered(plot, trace, (ax, ay));
    };
    let transposed = spec.bool("/transpose") == Some(true);
    if transposed {
        let values = (0..m.columns * m.rows).map(|i| m.values[i % m.rows * m.columns + i / m.rows]).collect();
        m = Matrix { columns: m.rows, rows: m.columns, values };
    }
    let places = |path: &str, axis: usize, n: usize, start: &str, step: &str| match spec.column(path) {
        Some(column) if column.len() >= n => plot.places(axis, &column),
        _ => {
            let (from, by) = (spec.column_or_number(start).unwrap_or(0.0), spec.f64(step).unwrap_or(1.0));
            (0..n).map(|i| from + by * i as f64).collect()
        }
    };
    let x = places("/x", ax, m.columns, "/x0", "/dx");
    let y = places("/y", ay, m.rows, "/y0", "/dy");
    let sorted = |v: &[f64], n: usize| {
        let mut order: Vec<usize> = (0..n).collect();
        if v.len() == n {
            order.sort_by(|a, b| v[*a].total_cmp(&v[*b]));
        } else if v.first() > v.last() {
            order.reverse();
        }
        order
    };
    let (columns, rows) = (sorted(&x, m.columns), sorted(&y, m.rows));
    let mut order = Vec::with_capacity(m.values.len());
    for r in &rows {
        order.extend(columns.iter().map(|c| r * m.columns + c));
    }
    let z = order.iter().map(|i| m.values[*i]).collect();
    let ascending = |mut v: Vec<f64>| {
        v.sort_by(f64::total_cmp);
        v
    };
    Some(Field { x: ascending(x), y: ascending(y), order, z })
}

/// x, y and z as three columns of the same length.
fn scattered(plot: &Plot<'_>, trace: &Trace<'_>, (ax, ay): (usize, usize)) -> Option<Field> {
    let (x, y, z) = (trace.spec.column("/x")?, trace.spec.column("/y")?, trace.spec.column("/z")?);
    let (x, y) = (plot.places(ax, &x), plot.places(ay, &y));
    let distinct = |v: &[f64]| {
        let mut v: Vec<f64> = v.iter().copied().filter(|v| v.is_finite()).collect();
        v.sort_by(f64::total_cmp);
        v.dedup();
        v
    };
    let (xs, ys) = (distinct(&x), distinct(&y));
    if xs.is_empty() || ys.is_empty() || xs.len().checked_mul(ys.len())? > super::spec::MOST_VALUES {
        return None;
    }
    let mut cells = vec![f64::NAN; xs.len() * ys.len()];
    let mut order = vec![usize::MAX; cells.len()];
    for i in 0..x.len().min(y.len()).min(z.len()) {
        let find = |v: &[f64], at: f64| v.binary_search_by(|p| p.total_cmp(&at)).ok();
        if let (Some(c), Some(r)) = (find(&xs, x[i]), find(&ys, y[i])) {
            cells[r * xs.len() + c] = z.number(i);
            order[r * xs.len() + c] = i;
        }
    }
    Some(Field { x: xs, y: ys, order, z: cells })
}

fn centres(v: &[f64], n: usize) -> Vec<f64> {
    if v.len() == n { v.to_vec() } else { v.windows(2).map(|w| f64::midpoint(w[0], w[1])).collect() }
}

/// A row for each cell, from the first row.
fn grid_data(
    plot: &Plot<'_>,
    trace: &Trace<'_>,
    panel: usize,
    f: &Field,
    name: &str,
) -> crate::model::chart::figure::Data {
    let (ax, ay) = (plot.figure.panels[panel].x, plot.figure.panels[panel].y);
    let columns = if f.x.len() * f.y.len() == f.z.len() { f.x.len() } else { f.x.len().saturating_sub(1).max(1) };
    let rows = f.z.len() / columns.max(1);
    let (cx, cy) = (centres(&f.x, columns), centres(&f.y, rows));
    let x: Vec<f64> = (0..f.z.len()).map(|i| cx.get(i % columns).copied().unwrap_or(f64::NAN)).collect();
    let y: Vec<f64> = (0..f.z.len()).map(|i| cy.get(i / columns).copied().unwrap_or(f64::NAN)).collect();
    let mut columns = vec![
        ("x", plot.axis_name(ax), plot.values(ax, &x)),
        ("y", plot.axis_name(ay), plot.values(ay, &y)),
        ("z", name.to_owned(), Values::Numbers(f.z.as_slice().into())),
    ];
    if let Some(text) = cell_words(trace) {
        columns.push((
            "text",
            "text".into(),
            Values::Words(f.order.iter().map(|i| text.get(*i).map_or("", |t| t.as_str()).into()).collect()),
        ));
    }
    plot.data(trace, columns)
}

/// `text` of every cell, row by row as the figure gives it.
fn cell_words(trace: &Trace<'_>) -> Option<Vec<String>> {
    let rows = trace.spec.get("/text")?.as_array()?;
    let mut out = Vec::new();
    for row in rows.iter().take(5000) {
        let column = Column::read(row)?;
        out.extend((0..column.len()).map(|i| match &column {
            Column::Numbers(v) => v.get(i).map(|v| crate::model::chart::ticks::show_number(*v)).unwrap_or_default(),
            Column::Mixed(_) => column.word(i).map(|w| super::plain(&w)).unwrap_or_default(),
        }));
    }
    Some(out)
}

pub(super) fn heatmap(plot: &mut Plot<'_>, trace: &Trace<'_>) -> Option<(usize, Series)> {
    let panel = trace.panel?;
    let Some(f) = field(plot, trace, panel) else {
        plot.figure.note("A heat map without a matrix of numbers");
        return None;
    };
    let mut series = Plot::named(trace);
    series.count = f.z.len();
    series.missing = f.z.iter().filter(|v| v.is_nan()).count();
    let scale = plot.color_scale(trace, "", &f.z);
    let columns = if f.x.len() * f.y.len() == f.z.len() { f.x.len() } else { f.x.len().saturating_sub(1).max(1) };
    let rows = f.z.len() / columns;
    let mut labels = Vec::new();
    if let Some(template) = trace.spec.str("/texttemplate")
        && f.z.len() <= MOST_LABELS
    {
        let words = cell_words(trace);
        labels = f
            .order
            .iter()
            .zip(&f.z)
            .map(|(i, z)| {
                let text = words.as_ref().and_then(|w| w.get(*i)).map_or("", |t| t.as_str());
                fill_in(&template.replace("%{text}", text), &|v| (v == "z").then_some(*z))
            })
            .collect();
    }
    series.data = grid_data(plot, trace, panel, &f, "value");
    let z: Arc<[f64]> = f.z.into();
    series.marks.push(Mark::Grid { x: stack::edges(&f.x, columns), y: stack::edges(&f.y, rows), z, scale, labels });
    series.target = Target::Grid;
    Some((panel, series))
}

pub(super) fn contour(plot: &mut Plot<'_>, trace: &Trace<'_>) -> Option<(usize, Series)> {
    let panel = trace.panel?;
    let Some(f) = field(plot, trace, panel).filter(|f| f.x.len() * f.y.len() == f.z.len()) else {
        plot.figure.note("A contour without a matrix of numbers");
        return None;
    };
    let mut series = Plot::named(trace);
    series.count = f.z.len();
    series.missing = f.z.iter().filter(|v| v.is_nan()).count();
    series.data = grid_data(plot, trace, panel, &f, "value");
    let scale = plot.color_scale(trace, "", &f.z);
    levels(plot, trace, &f, scale, &mut series);
    Some((panel, series))
}

/// Bands of colour between levels, and lines along them.
fn levels(plot: &Plot<'_>, trace: &Trace<'_>, f: &Field, scale: usize, series: &mut Series) {
    let spec = &trace.spec;
    let [lo, hi] = plot.figure.scales[scale].domain;
    let step = spec.f64("/contours/size").filter(|s| *s > 0.0);
    let wanted = spec.f64("/ncontours").unwrap_or(15.0).max(1.0);
    let step = step.unwrap_or_else(|| crate::model::chart::ticks::nice_step((hi - lo) / wanted));
    let start = spec.f64("/contours/start").unwrap_or((lo / step).ceil() * step);
    let end = spec.f64("/contours/end").unwrap_or(hi);
    let count = (((end - start) / step + 1e-9).floor() + 1.0).clamp(0.0, 200.0) as usize;
    let at: Vec<f64> = (0..count).map(|i| start + step * i as f64).collect();
    let coloring = spec.str("/contours/coloring").unwrap_or("fill");
    if coloring == "heatmap" || coloring == "fill" {
        let (x, y, z) = bands(&f.x, &f.y, &f.z, if coloring == "fill" { Some((start, step)) } else { None });
        series.marks.push(Mark::Grid { x, y, z: z.into(), scale, labels: Vec::new() });
    }
    series.target = Target::None;
    if spec.bool("/contours/showlines") != Some(false) {
        let shared = &plot.figure.scales[scale];
        let (mut all, mut inks) = (Vec::new(), Vec::new());
        for level in at {
            let ink = match coloring {
                "lines" | "none" => shared.color(level).map_or(Ink::Text, Ink::Own),
                _ => Ink::Text,
            };
            let found = lines(&f.x, &f.y, &f.z, level);
            inks.extend(std::iter::repeat_n(ink, found.len()));
            all.extend(found);
        }
        let width = spec.f64("/line/width").unwrap_or(0.5).max(0.5) as f32;
        series.marks.push(Mark::Segments {
            lines: all.into(),
            inks: Inks::Each(inks.into()),
            width,
            dash: Dash::Solid,
            alpha: 0.6,
        });
    }
    series.target =
        Target::Points(f.z.iter().enumerate().map(|(i, _)| [f.x[i % f.x.len()], f.y[i / f.x.len()]]).collect());
}

/// Counts over two axes.
pub(super) fn counts(plot: &mut Plot<'_>, trace: &Trace<'_>) -> Option<(usize, Series)> {
    let panel = trace.panel?;
    let (ax, ay) = (plot.figure.panels[panel].x, plot.figure.panels[panel].y);
    let spec = trace.spec;
    let (cx, cy) = (spec.column("/x")?, spec.column("/y")?);
    let (x, y) = (plot.places(ax, &cx), plot.places(ay, &cy));
    let bins = |axis: usize, values: &[f64], wanted: Option<f64>, size: Option<f64>| match &plot.figure.axes[axis].scale
    {
        Scale::Names(names) => Some(stats::Bins { start: -0.5, step: 1.0, count: names.len().max(1) }),
        _ => match size.filter(|s| *s > 0.0) {
            Some(step) => {
                let known = values.iter().copied().filter(|v| v.is_finite());
                let [lo, hi] = known.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(v), b.max(v)]);
                (lo <= hi).then(|| stats::Bins::between((lo / step).floor() * step, hi + step * 1e-6, step))
            }
            None => stats::plotly_bins(values, wanted.map(|w| w as usize), true),
        },
    };
    let bx = bins(ax, &x, spec.f64("/nbinsx"), spec.f64("/xbins/size"))?;
    let by = bins(ay, &y, spec.f64("/nbinsy"), spec.f64("/ybins/size"))?;
    if bx.count.checked_mul(by.count)? > super::spec::MOST_VALUES {
        plot.figure.note("Counts over too many cells");
        return None;
    }
    let weights = spec.column("/z");
    let mut z = vec![0.0; bx.count * by.count];
    for i in 0..x.len().min(y.len()) {
        if let (Some(c), Some(r)) = (bx.index(x[i]), by.index(y[i])) {
            let add = weights.as_ref().map_or(1.0, |w| w.number(i));
            z[r * bx.count + c] += if add.is_finite() { add } else { 0.0 };
        }
    }
    if weights.is_some() && !matches!(spec.str("/histfunc"), None | Some("sum" | "count")) {
        plot.figure.note("The means of cells, of which the sums are drawn");
    }
    let edges = |b: stats::Bins| (0..=b.count).map(|i| b.start + b.step * i as f64).collect::<Vec<f64>>();
    let middles = |b: stats::Bins| (0..b.count).map(|i| b.start + b.step * (i as f64 + 0.5)).collect::<Vec<f64>>();
    let mut series = Plot::named(trace);
    series.count = x.len();
    let scale = plot.color_scale(trace, "", &z);
    let f = Field { x: middles(bx), y: middles(by), order: (0..z.len()).collect(), z };
    series.data = grid_data(plot, trace, panel, &f, "count");
    if trace.kind == "histogram2d" {
        series.marks.push(Mark::Grid { x: edges(bx), y: edges(by), z: f.z.into(), scale, labels: Vec::new() });
        series.target = Target::Grid;
    } else {
        levels(plot, trace, &f, scale, &mut series);
    }
    Some((panel, series))
}

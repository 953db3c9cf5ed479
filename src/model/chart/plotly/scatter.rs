//! Lines, points, areas and words on axes.
use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    Plot, Trace,
    spec::{Column, Spec, length},
};
use crate::model::chart::{
    color,
    figure::{At, Dash, Form, Ink, Inks, Label, Many, Mark, Pen, Series, Swatch, Target},
    stack::{self, Path},
};

/// Points under which plotly draws markers of itself.
const FEW: usize = 20;

/// `lines`, `markers`, `text`, joined.
pub(super) fn mode<'a>(trace: &Trace<'a>) -> &'a str {
    if let Some(mode) = trace.spec.str("/mode") {
        return mode;
    }
    let length = |path: &str| trace.spec.get(path).map_or(usize::MAX, length);
    let n = length("/x").min(length("/y"));
    if n < FEW && trace.spec.get("/stackgroup").is_none() { "lines+markers" } else { "lines" }
}

pub(super) fn swatch(trace: &Trace<'_>) -> Swatch {
    if !trace.kind.starts_with("scatter") {
        return Swatch::Box;
    }
    let mode = mode(trace);
    if trace.spec.get("/stackgroup").is_some() {
        Swatch::Box
    } else if mode.contains("lines") {
        Swatch::Line(dash(trace.spec.str("/line/dash")))
    } else {
        Swatch::Point(form(trace.spec.str("/marker/symbol").unwrap_or("circle")).0)
    }
}

pub(super) fn dash(name: Option<&str>) -> Dash {
    match name {
        Some("dot") => Dash::Dot,
        Some("dash") => Dash::Dash,
        Some("longdash") => Dash::LongDash,
        Some("dashdot" | "longdashdot") => Dash::DashDot,
        Some(own) if own.contains("px") || own.contains(',') => Dash::Dash,
        _ => Dash::Solid,
    }
}

/// The shape of a symbol and whether it is hollow.
pub(super) fn form(symbol: &str) -> (Form, bool) {
    let hollow = symbol.contains("-open");
    let name = symbol.trim_end_matches("-dot").trim_end_matches("-open");
    let form = match name {
        "square" | "1" => Form::Square,
        n if n.starts_with("diamond") || n == "2" => Form::Diamond,
        "cross" | "cross-thin" | "3" => Form::Cross,
        "x" | "x-thin" | "4" => Form::X,
        "triangle-up" | "5" => Form::Up,
        "triangle-down" | "6" => Form::Down,
        "triangle-left" | "7" => Form::Left,
        "triangle-right" | "8" => Form::Right,
        n if n.contains("star") || n == "17" => Form::Star,
        _ => Form::Circle,
    };
    (form, hollow)
}

/// Places of a trace, along x and y.
pub(super) fn places(plot: &Plot<'_>, trace: &Trace<'_>, panel: usize) -> (Vec<f64>, Vec<f64>) {
    let (ax, ay) = (plot.figure.panels[panel].x, plot.figure.panels[panel].y);
    let column = |path: &str| trace.spec.column(path);
    let (x, y) = (column("/x"), column("/y"));
    let n = match (&x, &y) {
        (Some(x), Some(y)) => x.len().min(y.len()),
        (Some(c), None) | (None, Some(c)) => c.len(),
        (None, None) => 0,
    };
    let make = |axis: usize, column: Option<Column>, start: &str, step: &str| {
        let mut places = match column {
            Some(column) => plot.places(axis, &column),
            None => {
                let from = trace.spec.get(start).map_or(0.0, |v| match v {
                    Value::String(s) => super::spec::time(s),
                    v => v.as_f64().unwrap_or(0.0),
                });
                let step = trace.spec.f64(step).unwrap_or(1.0);
                (0..n).map(|i| from + step * trace.spec.place(i) as f64).collect()
            }
        };
        places.truncate(n);
        places
    };
    (make(ax, x, "/x0", "/dx"), make(ay, y, "/y0", "/dy"))
}

/// For each stacked trace: its places, low and high.
pub(super) type Stacks = HashMap<usize, (Vec<f64>, Vec<f64>, Vec<f64>)>;

/// Sums the traces of each stack group.
pub(super) fn stacks(plot: &mut Plot<'_>) -> Stacks {
    let mut groups: HashMap<(usize, &str, bool), Vec<usize>> = HashMap::new();
    for (i, trace) in plot.traces.iter().enumerate() {
        if let (Some(panel), Some(group)) = (trace.panel, trace.spec.str("/stackgroup"))
            && !group.is_empty()
        {
            let upright = trace.spec.str("/orientation") != Some("h");
            groups.entry((panel, group, upright)).or_default().push(i);
        }
    }
    let mut out = Stacks::new();
    for ((panel, _, upright), members) in groups {
        let mut along: Vec<f64> = Vec::new();
        let mut parts = Vec::new();
        for &i in &members {
            let (x, y) = places(plot, &plot.traces[i], panel);
            let (a, v) = if upright { (x, y) } else { (y, x) };
            along.extend(a.iter().copied().filter(|v| v.is_finite()));
            parts.push((i, a, v));
        }
        along.sort_by(f64::total_cmp);
        along.dedup();
        let norm = members.iter().find_map(|i| plot.traces[*i].spec.str("/groupnorm")).filter(|n| !n.is_empty());
        let rows: Vec<Vec<f64>> = parts.iter().map(|(_, a, v)| on_grid(&along, a, v)).collect();
        let totals: Vec<f64> = (0..along.len()).map(|k| rows.iter().map(|r| r[k]).sum()).collect();
        let whole = match norm {
            Some("percent") => 100.0,
            Some(_) => 1.0,
            None => 0.0,
        };
        let mut sum = vec![0.0; along.len()];
        for ((i, ..), row) in parts.into_iter().zip(rows) {
            let low = sum.clone();
            for (k, v) in row.into_iter().enumerate() {
                sum[k] += if whole > 0.0 && totals[k] != 0.0 { v / totals[k] * whole } else { v };
            }
            out.insert(i, (along.clone(), low, sum.clone()));
        }
    }
    out
}

/// Values at other places; nothing counts as zero.
fn on_grid(along: &[f64], a: &[f64], v: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; along.len()];
    for (a, v) in a.iter().zip(v) {
        if let (Ok(at), true) = (along.binary_search_by(|p| p.total_cmp(a)), v.is_finite()) {
            out[at] += v;
        }
    }
    out
}

pub(super) fn series(plot: &mut Plot<'_>, trace: &Trace<'_>, stacks: &Stacks) -> Option<(usize, Series)> {
    let panel = trace.panel?;
    let mode = mode(trace);
    let (x, y) = places(plot, trace, panel);
    let mut series = Plot::named(trace);
    let spec = &trace.spec;
    let opacity = spec.f64("/opacity").unwrap_or(1.0) as f32;
    series.count = x.len();
    if spec.is_thinned() {
        series.count = ["/x", "/y"].iter().filter_map(|path| spec.get(path)).map(length).min().unwrap_or(x.len());
    }
    series.missing = x.iter().zip(&y).filter(|(x, y)| x.is_nan() || y.is_nan()).count();
    let mut points: Vec<At> =
        x.iter().zip(&y).map(|(x, y)| if x.is_nan() || y.is_nan() { [f64::NAN; 2] } else { [*x, *y] }).collect();
    let line_ink = ink(plot, trace, &["/line/color", "/marker/color"]);
    let pen =
        Pen { ink: line_ink, width: spec.f64("/line/width").unwrap_or(2.0) as f32, dash: dash(spec.str("/line/dash")) };
    let stacked = plot.traces.iter().position(|t| t.index == trace.index).and_then(|i| stacks.get(&i));
    let mut shown = points.clone();
    if let Some((along, low, high)) = stacked {
        let upright = spec.str("/orientation") != Some("h");
        let fill = ink(plot, trace, &["/fillcolor", "/line/color", "/marker/color"]);
        let alpha = if spec.str("/fillcolor").is_some() { 1.0 } else { 0.5 };
        if spec.str("/fill") != Some("none") {
            series.marks.push(Mark::Area {
                along: along.clone(),
                low: low.clone(),
                high: high.clone(),
                upright,
                ink: fill,
                alpha: alpha * opacity,
            });
        }
        shown = along.iter().zip(high).map(|(a, v)| stack::at(upright, *a, *v)).collect();
        // The pointer finds the values where they are drawn.
        let place: HashMap<u64, f64> = along.iter().zip(high).map(|(a, v)| (a.to_bits(), *v)).collect();
        for p in &mut points {
            let a = if upright { p[0] } else { p[1] };
            if let Some(v) = place.get(&a.to_bits()) {
                *p = stack::at(upright, a, *v);
            }
        }
        if !plot.wishes.is_empty() {
            let axis = if upright { plot.figure.panels[panel].y } else { plot.figure.panels[panel].x };
            plot.wishes[axis].zero = true;
        }
    } else {
        fill(plot, trace, panel, &points, opacity, &mut series);
    }
    if spec.bool("/connectgaps") == Some(true) {
        shown.retain(|p| !p[0].is_nan());
    }
    if mode.contains("lines") && !points.is_empty() && pen.width > 0.0 {
        let way = match spec.str("/line/shape") {
            Some("hv") => Path::After,
            Some("vh") => Path::Before,
            Some("hvh" | "vhv") => Path::Middle,
            Some("spline") => Path::Smooth,
            _ => Path::Straight,
        };
        series.marks.push(Mark::Line { points: stack::path(&shown, way).into(), pen, alpha: opacity });
    }
    errors(plot, trace, &points, line_ink, &mut series);
    let at: Arc<[At]> = points.into();
    let markers = mode.contains("markers");
    if markers && !at.is_empty() {
        let mark = markers_of(plot, trace, &at, opacity);
        series.marks.push(mark);
    }
    if mode.contains("text") {
        words(spec, &at, &mut series);
    }
    wish(plot, panel, markers || mode.contains("text"));
    series.target = Target::Points(at);
    let (ax, ay) = (plot.figure.panels[panel].x, plot.figure.panels[panel].y);
    let mut columns =
        vec![("x", plot.axis_name(ax), plot.values(ax, &x)), ("y", plot.axis_name(ay), plot.values(ay, &y))];
    for (variable, path, label) in [
        ("marker.color", "/marker/color", "colour"),
        ("marker.size", "/marker/size", "size"),
        ("text", "/text", "text"),
    ] {
        if let Some(column) = spec.column(path).filter(|c| c.len() == x.len()) {
            columns.push((variable, label.to_owned(), column.values()));
        }
    }
    if spec.get("/hovertemplate").is_none() {
        columns.retain(|(variable, ..)| *variable != "text");
    }
    series.data = plot.data(trace, columns);
    Some((panel, series))
}

fn wish(plot: &mut Plot<'_>, panel: usize, all: bool) {
    let (ax, ay) = (plot.figure.panels[panel].x, plot.figure.panels[panel].y);
    plot.wishes[ay].room = true;
    plot.wishes[ax].room |= all;
}

/// The first colour of some paths, else the trace's own.
pub(super) fn ink(plot: &Plot<'_>, trace: &Trace<'_>, paths: &[&str]) -> Ink {
    let own = paths.iter().find_map(|p| color::parse(trace.spec.str(p)?));
    own.map_or_else(|| plot.auto(trace), Ink::Own)
}

/// Colours of markers: one, one each, or along a scale.
pub(super) fn inks(plot: &mut Plot<'_>, trace: &Trace<'_>, n: usize) -> Inks {
    let main = ink(plot, trace, &["/marker/color", "/line/color"]);
    let Some(Value::Array(_) | Value::Object(_)) = trace.spec.get("/marker/color") else { return Inks::One(main) };
    let Some(column) = trace.spec.column("/marker/color") else { return Inks::One(main) };
    if let Column::Mixed(_) = &column {
        let words = (0..n).map(|i| column.word(i).and_then(|w| color::parse(&w)));
        let parsed: Vec<Option<_>> = words.collect();
        if parsed.iter().any(Option::is_some) {
            return Inks::Each(parsed.into_iter().map(|c| c.map_or(main, Ink::Own)).collect());
        }
    }
    let values = column.numbers();
    let scale = plot.color_scale(trace, "/marker", &values);
    let scale = &plot.figure.scales[scale];
    Inks::Each((0..n).map(|i| values.get(i).and_then(|v| scale.color(*v)).map_or(Ink::Muted, Ink::Own)).collect())
}

fn markers_of(plot: &mut Plot<'_>, trace: &Trace<'_>, at: &Arc<[At]>, opacity: f32) -> Mark {
    let inks = inks(plot, trace, at.len());
    let spec = trace.spec.inside("/marker");
    let sizes = match spec.get("/size") {
        Some(Value::Number(n)) => Many::One(n.as_f64().unwrap_or(6.0) as f32),
        Some(_) => {
            let column = spec.column("/size").map(|c| c.numbers()).unwrap_or_default();
            let unit = spec.f64("/sizeref").filter(|r| *r > 0.0).unwrap_or(1.0);
            let least = spec.f64("/sizemin").unwrap_or(0.0);
            let area = spec.str("/sizemode") == Some("area");
            let one = |v: &f64| {
                let half = v / 2.0 / unit;
                let radius = if area { half.max(0.0).sqrt() } else { half };
                if radius > 0.0 { (radius.max(least) * 2.0).min(400.0) as f32 } else { 0.0 }
            };
            Many::Each(column.iter().map(one).collect())
        }
        None => Many::One(6.0),
    };
    let mut hollow = false;
    let forms = match spec.get("/symbol") {
        Some(Value::Array(list)) => {
            Many::Each(spec.of_list(list).map(|s| form(s.as_str().unwrap_or("circle")).0).collect())
        }
        Some(value) => {
            let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let (form, open) = form(&name);
            hollow = open;
            Many::One(form)
        }
        None => Many::One(Form::Circle),
    };
    let bubbles = matches!(sizes, Many::Each(_));
    let own = spec.f64("/opacity").unwrap_or(if bubbles { 0.7 } else { 1.0 }) as f32;
    Mark::Points { at: at.clone(), inks, sizes, forms, hollow, alpha: own * opacity }
}

fn words(spec: &Spec<'_>, at: &Arc<[At]>, series: &mut Series) {
    let (across, down) = position(spec.str("/textposition").unwrap_or("middle center"));
    let one = spec.words("/text");
    let column = spec.column("/text");
    let labels = at.iter().enumerate().take(5000).filter_map(|(i, at)| {
        let text = match &column {
            Some(column) => super::plain(&column.word(i)?),
            None => one.clone()?,
        };
        let mut label = Label::new(*at, text);
        label.across = across;
        label.down = down;
        label.shift = [f32::from(-across) * 5.0, f32::from(-down) * 5.0];
        label.ink = spec.str("/textfont/color").and_then(color::parse).map_or(Ink::Text, Ink::Own);
        (!label.text.is_empty() && !at[0].is_nan()).then_some(label)
    });
    series.marks.push(Mark::Texts(labels.collect()));
}

/// `top left` as the edges that touch the place.
fn position(words: &str) -> (i8, i8) {
    let across = if words.contains("left") {
        1
    } else if words.contains("right") {
        -1
    } else {
        0
    };
    let down = if words.contains("top") {
        1
    } else if words.contains("bottom") {
        -1
    } else {
        0
    };
    (across, down)
}

/// Areas to zero, to the line before, or between a line and its way back.
fn fill(plot: &mut Plot<'_>, trace: &Trace<'_>, panel: usize, points: &[At], opacity: f32, series: &mut Series) {
    let Some(kind) = trace.spec.str("/fill").filter(|k| *k != "none") else { return };
    let fill = ink(plot, trace, &["/fillcolor", "/line/color", "/marker/color"]);
    let alpha = opacity * if trace.spec.str("/fillcolor").is_some() { 1.0 } else { 0.5 };
    let area = |along: Vec<f64>, low: Vec<f64>, high: Vec<f64>, upright| Mark::Area {
        along,
        low,
        high,
        upright,
        ink: fill,
        alpha,
    };
    let [x, y] = [0, 1].map(|k| points.iter().map(|p| p[k]).collect::<Vec<f64>>());
    let zeros = vec![0.0; points.len()];
    let before = plot.figure.panels[panel].series.iter().rev().find_map(|s| {
        s.marks.iter().find_map(|m| if let Mark::Line { points, .. } = m { Some(points.clone()) } else { None })
    });
    let mark = match (kind, before) {
        ("tonexty", Some(before)) => {
            let low = interpolate(&before, &x);
            area(x, low, y, true)
        }
        ("tozeroy" | "tonexty", _) => {
            let axis = plot.figure.panels[panel].y;
            plot.wishes[axis].zero = true;
            area(x, zeros, y, true)
        }
        ("tozerox" | "tonextx", _) => {
            let axis = plot.figure.panels[panel].x;
            plot.wishes[axis].zero = true;
            area(y, zeros, x, false)
        }
        ("toself" | "tonext", _) => {
            // A band is a way there and the same way back.
            let n = points.len() / 2;
            let there_and_back =
                n > 0 && points.len().is_multiple_of(2) && (0..n).all(|i| x[i] == x[points.len() - 1 - i]);
            if there_and_back {
                let back: Vec<f64> = y[n..].iter().rev().copied().collect();
                area(x[..n].to_vec(), back, y[..n].to_vec(), true)
            } else {
                plot.figure.note("The filling of a closed shape, which is drawn as its outline");
                return;
            }
        }
        _ => return,
    };
    series.marks.push(mark);
}

/// Heights of a line at other places.
fn interpolate(line: &[At], x: &[f64]) -> Vec<f64> {
    let mut known: Vec<At> = line.iter().copied().filter(|p| !p[0].is_nan() && !p[1].is_nan()).collect();
    known.sort_by(|a, b| a[0].total_cmp(&b[0]));
    x.iter()
        .map(|x| {
            let after = known.partition_point(|p| p[0] < *x);
            match (after.checked_sub(1).and_then(|i| known.get(i)), known.get(after)) {
                (_, Some(b)) if b[0] == *x => b[1],
                (Some(a), Some(b)) => a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]),
                (Some(p), None) | (None, Some(p)) => p[1],
                (None, None) => 0.0,
            }
        })
        .collect()
}

/// Error bars, along both axes.
pub(super) fn errors(plot: &Plot<'_>, trace: &Trace<'_>, points: &[At], ink: Ink, series: &mut Series) {
    let _ = plot;
    for (path, upright) in [("/error_y", true), ("/error_x", false)] {
        let spec = trace.spec.inside(path);
        if spec.own("/array").is_none() && spec.own("/value").is_none() || spec.bool("/visible") == Some(false) {
            continue;
        }
        let (array, minus) = (spec.column("/array"), spec.column("/arrayminus"));
        let value = spec.f64("/value").unwrap_or(10.0);
        let kind = spec.str("/type").unwrap_or(if array.is_some() { "data" } else { "percent" });
        let mut lines = Vec::new();
        for (i, p) in points.iter().enumerate().take(100_000) {
            let v = if upright { p[1] } else { p[0] };
            let up = match kind {
                "percent" => v.abs() * value / 100.0,
                "sqrt" => v.abs().sqrt(),
                "constant" => value,
                _ => array.as_ref().map_or(f64::NAN, |a| a.number(i)),
            };
            let down = match (&minus, spec.f64("/valueminus")) {
                (Some(m), _) if kind == "data" && spec.bool("/symmetric") != Some(true) => m.number(i),
                (_, Some(m)) if kind == "percent" => v.abs() * m / 100.0,
                (_, Some(m)) if kind == "constant" => m,
                _ => up,
            };
            if v.is_finite() && (up.is_finite() || down.is_finite()) {
                let (low, high) = (v - down.max(0.0), v + up.max(0.0));
                let at = if upright { p[0] } else { p[1] };
                let (a, b) = (
                    stack::at(upright, at, if low.is_nan() { v } else { low }),
                    stack::at(upright, at, if high.is_nan() { v } else { high }),
                );
                lines.push([a[0], a[1], b[0], b[1]]);
            }
        }
        let ink = spec.str("/color").and_then(color::parse).map_or(ink, Ink::Own);
        let width = spec.f64("/thickness").unwrap_or(1.5) as f32;
        series.marks.push(Mark::Segments {
            lines: lines.into(),
            inks: Inks::One(ink),
            width,
            dash: Dash::Solid,
            alpha: 1.0,
        });
    }
}

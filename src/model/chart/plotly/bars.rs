//! Bars: given, counted from a sample, standing on each other, side by side; waterfalls and funnels.
use std::collections::HashMap;

use serde_json::Value;

use super::{Plot, Trace, scatter, spec::Column};
use crate::model::chart::{
    color,
    figure::{Dash, Ink, Inks, Label, Mark, Pen, Scale, Series, Target, Values},
    stack,
    stats::{self, Bins},
};

/// Where each bar of a trace stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Bars {
    upright: bool,
    /// Middles along the axis, lengths, and where they begin.
    along: Vec<f64>,
    length: Vec<f64>,
    base: Vec<f64>,
    /// Width and distance from the middle.
    width: Vec<f64>,
    offset: f64,
    /// Rows of the trace's columns, when bars are not rows.
    bins: Option<Bins>,
    /// Rows of the sample that were counted.
    total: usize,
    /// Lengths as they were given.
    given: Vec<f64>,
}

const KINDS: [&str; 4] = ["bar", "histogram", "waterfall", "funnel"];

/// Places all bars of the figure, panel by panel.
pub(super) fn arrange(plot: &mut Plot<'_>) -> HashMap<usize, Bars> {
    let mut panels: Vec<(usize, Vec<usize>)> = Vec::new();
    for (i, trace) in plot.traces.iter().enumerate() {
        if let Some(panel) = trace.panel.filter(|_| KINDS.contains(&trace.kind)) {
            match panels.iter_mut().find(|(p, _)| *p == panel) {
                Some((_, members)) => members.push(i),
                None => panels.push((panel, vec![i])),
            }
        }
    }
    let mut out = HashMap::new();
    for (panel, members) in panels {
        let shared = shared_bins(plot, panel, &members);
        let mut bars: Vec<(usize, Bars)> = Vec::new();
        for &i in &members {
            let trace = plot.traces[i].clone();
            if trace.kind == "waterfall" && trace.spec.bool("/connector/visible") != Some(false) {
                plot.figure.note("The lines that lead from bar to bar of a waterfall");
            }
            let made = match trace.kind {
                "histogram" => histogram(plot, &trace, panel, shared),
                "waterfall" => waterfall(plot, &trace, panel),
                "funnel" => funnel(plot, &trace, panel),
                _ => given(plot, &trace, panel),
            };
            bars.push((i, made));
        }
        stand(plot, panel, &mut bars);
        out.extend(bars);
    }
    out
}

fn axes_of(plot: &Plot<'_>, panel: usize, upright: bool) -> (usize, usize) {
    let p = &plot.figure.panels[panel];
    if upright { (p.x, p.y) } else { (p.y, p.x) }
}

fn given(plot: &Plot<'_>, trace: &Trace<'_>, panel: usize) -> Bars {
    let spec = &trace.spec;
    let upright = spec.str("/orientation") != Some("h");
    let (place_axis, value_axis) = axes_of(plot, panel, upright);
    let (x, y) = scatter::places(plot, trace, panel);
    let (along, mut length) = if upright { (x, y) } else { (y, x) };
    // Lengths on a time axis are spans, not instants.
    if let Some(column) = spec.column(if upright { "/y" } else { "/x" })
        && spec.get("/base").is_some()
    {
        length = (0..along.len()).map(|i| column.number(i)).collect();
    }
    let base = match spec.get("/base") {
        Some(Value::Array(_) | Value::Object(_)) => {
            spec.column("/base").map(|c| plot.places(value_axis, &c)).unwrap_or_default()
        }
        Some(Value::String(s)) => vec![super::spec::time(s); along.len()],
        Some(v) => vec![v.as_f64().unwrap_or(0.0); along.len()],
        None => Vec::new(),
    };
    let _ = place_axis;
    Bars { upright, given: length.clone(), along, length, base, ..Bars::default() }
}

/// One set of bins for the histograms of a panel that stand on or beside each other.
fn shared_bins(plot: &Plot<'_>, panel: usize, members: &[usize]) -> Option<Bins> {
    if plot.layout.str("/barmode") == Some("overlay") {
        return None;
    }
    let mut all = Vec::new();
    let mut wanted = None;
    let mut count = 0;
    for &i in members {
        let trace = &plot.traces[i];
        let upright = sample_upright(trace);
        let (axis, _) = axes_of(plot, panel, upright);
        if trace.kind != "histogram" || matches!(plot.figure.axes[axis].scale, Scale::Names(_)) {
            continue;
        }
        let (path, n) = if upright { ("/x", "/nbinsx") } else { ("/y", "/nbinsy") };
        if let Some(column) = trace.spec.column(path) {
            all.extend(plot.places(axis, &column));
            wanted = wanted.or(trace.spec.f64(n)).or(own_width(trace, upright).map(|_| 0.0));
            count += 1;
        }
    }
    if count < 2 || wanted == Some(0.0) {
        return None;
    }
    stats::plotly_bins(&all, wanted.map(|n| n as usize), false)
}

fn sample_upright(trace: &Trace<'_>) -> bool {
    match trace.spec.str("/orientation") {
        Some("h") => false,
        Some("v") => true,
        _ => trace.spec.get("/x").is_some(),
    }
}

fn own_width(trace: &Trace<'_>, upright: bool) -> Option<f64> {
    trace.spec.f64(if upright { "/xbins/size" } else { "/ybins/size" }).filter(|s| *s > 0.0)
}

fn histogram(plot: &mut Plot<'_>, trace: &Trace<'_>, panel: usize, shared: Option<Bins>) -> Bars {
    let spec = &trace.spec;
    let upright = sample_upright(trace);
    let (axis, _) = axes_of(plot, panel, upright);
    let (sample, weight) = if upright { ("/x", "/y") } else { ("/y", "/x") };
    let column = spec.column(sample).unwrap_or(Column::Numbers(Vec::new()));
    let places = plot.places(axis, &column);
    let weights = spec.column(weight);
    let names = matches!(plot.figure.axes[axis].scale, Scale::Names(_));
    let prefix = if upright { "/xbins" } else { "/ybins" };
    let edge = |name: &str| spec.column_or_number(&format!("{prefix}/{name}"));
    let bins = if let Scale::Names(all) = &plot.figure.axes[axis].scale {
        Some(Bins { start: -0.5, step: 1.0, count: all.len().max(1) })
    } else if let Some(step) = own_width(trace, upright) {
        let known = places.iter().copied().filter(|v| v.is_finite());
        let [lo, hi] = known.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(v), b.max(v)]);
        let start = edge("start").unwrap_or((lo / step).floor() * step);
        let end = edge("end").unwrap_or(hi + step * 1e-6);
        (start.is_finite() && end.is_finite()).then(|| Bins::between(start, end.max(start + step), step))
    } else if let Some(bins) = shared {
        Some(bins)
    } else {
        let wanted = spec.f64(if upright { "/nbinsx" } else { "/nbinsy" }).map(|n| n as usize).filter(|n| *n > 0);
        stats::plotly_bins(&places, wanted, false)
    };
    let Some(bins) = bins else { return Bars { upright, ..Bars::default() } };
    let mut groups: Vec<Vec<f64>> = vec![Vec::new(); bins.count];
    let mut total = 0;
    for (i, place) in places.iter().enumerate() {
        if let Some(bin) = bins.index(*place) {
            total += 1;
            groups[bin].push(weights.as_ref().map_or(1.0, |w| w.number(i)));
        }
    }
    let func = spec.str("/histfunc").unwrap_or(if weights.is_some() { "sum" } else { "count" });
    let mut length: Vec<f64> = groups.iter().map(|g| fold(g, func)).collect();
    let sum: f64 = length.iter().sum();
    match spec.str("/histnorm").unwrap_or("") {
        "percent" => length.iter_mut().for_each(|v| *v = *v / sum * 100.0),
        "probability" => length.iter_mut().for_each(|v| *v /= sum),
        "density" => length.iter_mut().for_each(|v| *v /= bins.step),
        "probability density" => length.iter_mut().for_each(|v| *v /= sum * bins.step),
        _ => {}
    }
    if spec.bool("/cumulative/enabled") == Some(true) {
        let mut running = 0.0;
        for v in &mut length {
            running += *v;
            *v = running;
        }
    }
    let along = (0..bins.count).map(|i| bins.start + bins.step * (i as f64 + 0.5)).collect();
    let width = if names { Vec::new() } else { vec![bins.step; bins.count] };
    Bars {
        upright,
        along,
        given: length.clone(),
        length,
        width,
        bins: (!names).then_some(bins),
        total,
        ..Bars::default()
    }
}

fn fold(group: &[f64], func: &str) -> f64 {
    let known: Vec<f64> = group.iter().copied().filter(|v| v.is_finite()).collect();
    match func {
        "count" => group.len() as f64,
        "avg" if known.is_empty() => 0.0,
        "avg" => stats::mean(&known),
        "min" => known.iter().copied().reduce(f64::min).unwrap_or(0.0),
        "max" => known.iter().copied().reduce(f64::max).unwrap_or(0.0),
        _ => known.iter().sum(),
    }
}

fn waterfall(plot: &Plot<'_>, trace: &Trace<'_>, panel: usize) -> Bars {
    let mut bars = given(plot, trace, panel);
    let measure = trace.spec.column("/measure");
    let mut level = trace.spec.f64("/base").unwrap_or(0.0);
    bars.base = Vec::new();
    for i in 0..bars.length.len() {
        let kind = measure.as_ref().and_then(|m| m.word(i)).unwrap_or_else(|| "relative".into());
        match &*kind {
            "total" | "t" => {
                bars.base.push(0.0);
                bars.length[i] = level;
                bars.given[i] = level;
            }
            "absolute" | "a" => {
                bars.base.push(0.0);
                level = bars.length[i];
            }
            _ => {
                bars.base.push(level);
                level += if bars.length[i].is_finite() { bars.length[i] } else { 0.0 };
            }
        }
    }
    bars
}

fn funnel(plot: &Plot<'_>, trace: &Trace<'_>, panel: usize) -> Bars {
    let mut bars = Bars { upright: trace.spec.str("/orientation") == Some("v"), ..Bars::default() };
    let (x, y) = scatter::places(plot, trace, panel);
    (bars.along, bars.length) = if bars.upright { (x, y) } else { (y, x) };
    bars.given = bars.length.clone();
    bars.base = bars.length.iter().map(|v| -v / 2.0).collect();
    bars
}

/// Widths, offsets and sums of the bars of one panel.
fn stand(plot: &mut Plot<'_>, panel: usize, bars: &mut [(usize, Bars)]) {
    let sampled = bars.iter().all(|(i, _)| plot.traces[*i].kind == "histogram");
    let mode = plot.layout.str("/barmode").unwrap_or(if bars.iter().any(|(i, _)| plot.traces[*i].kind == "funnel") {
        "stack"
    } else {
        "group"
    });
    let gap = plot.layout.f64("/bargap").unwrap_or(if sampled { 0.0 } else { 0.2 }).clamp(0.0, 1.0);
    let group_gap = plot.layout.f64("/bargroupgap").unwrap_or(0.0).clamp(0.0, 1.0);
    let mut at: Vec<f64> = bars.iter().flat_map(|(_, b)| b.along.iter().copied()).filter(|v| v.is_finite()).collect();
    at.sort_by(f64::total_cmp);
    let step = at.windows(2).map(|w| w[1] - w[0]).filter(|d| *d > 0.0).fold(f64::INFINITY, f64::min);
    let upright = bars.first().is_none_or(|(_, b)| b.upright);
    let (place_axis, value_axis) = axes_of(plot, panel, upright);
    let step = match (&plot.figure.axes[place_axis].scale, step.is_finite()) {
        (Scale::Names(_), _) => 1.0,
        (_, true) => step,
        (Scale::Time, false) => 86_400_000.0,
        _ => 1.0,
    };
    // Traces of one offset group stand on the same place.
    let mut places: Vec<String> = Vec::new();
    let grouped: Vec<usize> = bars
        .iter()
        .map(|(i, _)| {
            let key = plot.traces[*i].spec.str("/offsetgroup").filter(|g| !g.is_empty());
            let key = key.map_or_else(|| format!("\u{0}{i}"), str::to_owned);
            places.iter().position(|p| *p == key).unwrap_or_else(|| {
                places.push(key);
                places.len() - 1
            })
        })
        .collect();
    let side_by_side = mode == "group" && bars.len() > 1;
    for ((i, b), place) in bars.iter_mut().zip(grouped) {
        let spec = plot.traces[*i].spec;
        let n = b.along.len();
        let room = if b.width.is_empty() { step } else { b.width.first().copied().unwrap_or(step) };
        let whole = room * (1.0 - gap);
        let one = if side_by_side { whole / places.len() as f64 } else { whole };
        b.width = match (spec.column("/width"), spec.f64("/width")) {
            (Some(own), _) => (0..n).map(|k| own.number(k)).collect(),
            (_, Some(own)) => vec![own; n],
            _ => vec![one * (1.0 - group_gap); n],
        };
        b.offset = if side_by_side { -whole / 2.0 + one * (place as f64 + 0.5) } else { 0.0 };
        if let Some(own) = spec.f64("/offset") {
            b.offset = own + b.width.first().copied().unwrap_or(0.0) / 2.0;
        }
    }
    if matches!(mode, "stack" | "relative") {
        sums(plot.layout.str("/barnorm"), mode == "relative", bars);
    }
    let timeline = plot.figure.axes[value_axis].scale == Scale::Time;
    plot.wishes[value_axis].zero |= !timeline;
    plot.wishes[value_axis].room = true;
}

/// Puts the bars of each place on each other; negative ones below zero.
fn sums(norm: Option<&str>, relative: bool, bars: &mut [(usize, Bars)]) {
    let whole = match norm {
        Some("percent") => Some(100.0),
        Some("fraction") => Some(1.0),
        _ => None,
    };
    let mut totals: HashMap<u64, f64> = HashMap::new();
    for (_, b) in bars.iter() {
        for (a, v) in b.along.iter().zip(&b.length).filter(|(_, v)| v.is_finite()) {
            *totals.entry(a.to_bits()).or_default() += v.abs();
        }
    }
    let mut tops: HashMap<(u64, bool), f64> = HashMap::new();
    for (_, b) in bars.iter_mut().filter(|(_, b)| b.base.is_empty()) {
        let mut bases = Vec::with_capacity(b.along.len());
        for (a, v) in b.along.iter().zip(&mut b.length) {
            if let (Some(whole), Some(total)) = (whole, totals.get(&a.to_bits())) {
                *v = *v / total * whole;
            }
            let _ = relative;
            let top = tops.entry((a.to_bits(), *v < 0.0)).or_default();
            bases.push(*top);
            if v.is_finite() {
                *top += *v;
            }
        }
        b.base = bases;
    }
}

pub(super) fn series(plot: &mut Plot<'_>, trace: &Trace<'_>, all: &HashMap<usize, Bars>) -> Option<(usize, Series)> {
    let panel = trace.panel?;
    let i = plot.traces.iter().position(|t| t.index == trace.index)?;
    let b = all.get(&i)?;
    let mut series = Plot::named(trace);
    let spec = &trace.spec;
    let n = b.along.len();
    let base = |k: usize| b.base.get(k).copied().unwrap_or(0.0);
    let rects: Vec<[f64; 4]> = (0..n)
        .map(|k| {
            let (a, half) = (b.along[k] + b.offset, b.width.get(k).copied().unwrap_or(1.0) / 2.0);
            if b.length[k].is_nan() || a.is_nan() {
                return [f64::NAN; 4];
            }
            stack::rect(b.upright, [a - half, a + half], [base(k), base(k) + b.length[k]])
        })
        .collect();
    series.count = if trace.kind == "histogram" { b.total } else { n };
    series.missing = rects.iter().filter(|r| r[0].is_nan()).count();
    let inks = match trace.kind {
        "waterfall" => waterfall_inks(trace, b),
        _ => scatter::inks(plot, trace, n),
    };
    let alpha = (spec.f64("/opacity").unwrap_or(1.0) * spec.f64("/marker/opacity").unwrap_or(1.0)) as f32;
    let edge = spec.f64("/marker/line/width").filter(|w| *w > 0.0 && *w < 100.0).map(|w| {
        let ink = spec.str("/marker/line/color").and_then(color::parse).map_or(Ink::Ground, Ink::Own);
        Pen { ink, width: w as f32, dash: Dash::Solid }
    });
    let rects: std::sync::Arc<[[f64; 4]]> = rects.into();
    let labels = labels(trace, b);
    if let "outside" = spec.str("/textposition").unwrap_or("auto") {
        let words = labels.iter().enumerate().filter(|(_, t)| !t.is_empty()).map(|(k, text)| {
            let r = rects[k];
            let negative = b.length[k] < 0.0;
            let (at, across, down) = match (b.upright, negative) {
                (true, false) => ([f64::midpoint(r[0], r[2]), r[3]], 0, 1),
                (true, true) => ([f64::midpoint(r[0], r[2]), r[1]], 0, -1),
                (false, false) => ([r[2], f64::midpoint(r[1], r[3])], -1, 0),
                (false, true) => ([r[0], f64::midpoint(r[1], r[3])], 1, 0),
            };
            let shift = [f32::from(-across) * 4.0, f32::from(-down) * 3.0];
            Label { across, down, shift, ..Label::new(at, text.clone()) }
        });
        let words: Vec<Label> = words.take(2000).collect();
        series.marks.push(Mark::Rects { rects: rects.clone(), inks, alpha, edge, labels: Vec::new() });
        series.marks.push(Mark::Texts(words));
    } else {
        series.marks.push(Mark::Rects { rects: rects.clone(), inks, alpha, edge, labels });
    }
    let tips: Vec<_> = (0..n).map(|k| stack::at(b.upright, b.along[k] + b.offset, base(k) + b.length[k])).collect();
    scatter::errors(plot, trace, &tips, Ink::Text, &mut series);
    series.target = Target::Rects(rects);
    series.data = bar_data(plot, trace, panel, b);
    Some((panel, series))
}

fn bar_data(plot: &Plot<'_>, trace: &Trace<'_>, panel: usize, b: &Bars) -> crate::model::chart::figure::Data {
    let (place_axis, value_axis) = axes_of(plot, panel, b.upright);
    let along = match b.bins {
        Some(bins) => {
            let axis = &plot.figure.axes[place_axis];
            let words = (0..bins.count).map(|k| {
                let [lo, hi] = bins.edges(k);
                format!("{} to {}", axis.show(lo), axis.show(hi)).into()
            });
            Values::Words(words.collect())
        }
        None => plot.values(place_axis, &b.along),
    };
    let timeline = plot.figure.axes[value_axis].scale == Scale::Time;
    let ends: Vec<f64> = if timeline && !b.base.is_empty() {
        b.base.iter().zip(&b.length).map(|(a, v)| a + v).collect()
    } else {
        b.given.clone()
    };
    let value = plot.values(value_axis, &ends);
    let mut value_name = plot.axis_name(value_axis);
    if trace.kind == "histogram" && plot.figure.axes[value_axis].title.is_empty() {
        "count".clone_into(&mut value_name);
    }
    let names = (plot.axis_name(place_axis), value_name);
    let (first, second) = if b.upright { ("x", "y") } else { ("y", "x") };
    let mut columns = vec![(first, names.0, along), (second, names.1, value)];
    if timeline && !b.base.is_empty() {
        columns.push(("base", "start".into(), plot.values(value_axis, &b.base)));
    }
    plot.data(trace, columns)
}

/// Up, down and sums each in their colour.
fn waterfall_inks(trace: &Trace<'_>, b: &Bars) -> Inks {
    let pick = |kind: &str, default: Ink| {
        trace.spec.str(&format!("/{kind}/marker/color")).and_then(color::parse).map_or(default, Ink::Own)
    };
    let up = pick("increasing", Ink::Own([0x3d, 0x99, 0x70, 255]));
    let down = pick("decreasing", Ink::Own([0xff, 0x41, 0x36, 255]));
    let total = pick("totals", Ink::Own([0x44, 0x99, 0xff, 255]));
    let measure = trace.spec.column("/measure");
    let ink = |k: usize| match measure.as_ref().and_then(|m| m.word(k)).as_deref() {
        Some("total" | "t" | "absolute" | "a") => total,
        _ if b.given[k] < 0.0 => down,
        _ => up,
    };
    Inks::Each((0..b.along.len()).map(ink).collect())
}

/// Words on the bars, from `text` or a template.
fn labels(trace: &Trace<'_>, b: &Bars) -> Vec<String> {
    let n = b.along.len();
    let spec = &trace.spec;
    if spec.str("/textposition") == Some("none") {
        return Vec::new();
    }
    let template = spec.str("/texttemplate").filter(|t| t.contains("%{"));
    if let Some(template) = template {
        let value = if b.upright { "y" } else { "x" };
        return (0..n)
            .map(|k| fill_in(template, &|v| (v == value || v == "value" || v == "z").then(|| b.given[k])))
            .collect();
    }
    if trace.kind == "funnel" && spec.get("/text").is_none() {
        return b.given.iter().map(|v| crate::model::chart::ticks::show_number(*v)).collect();
    }
    if trace.kind == "histogram" {
        return Vec::new();
    }
    match spec.get("/text") {
        Some(Value::String(text)) => vec![super::plain(text); n],
        Some(_) => spec
            .column("/text")
            .map(|c| {
                let word = |k| match &c {
                    Column::Numbers(v) => {
                        v.get(k).map(|v| crate::model::chart::ticks::show_number(*v)).unwrap_or_default()
                    }
                    Column::Mixed(_) => c.word(k).map(|w| super::plain(&w)).unwrap_or_default(),
                };
                (0..n).map(word).collect()
            })
            .unwrap_or_default(),
        None => Vec::new(),
    }
}

/// `%{y:.2f}` with its value put in.
pub(super) fn fill_in(template: &str, value: &dyn Fn(&str) -> Option<f64>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("%{") {
        out.push_str(before);
        let Some((inside, tail)) = after.split_once('}') else { break };
        let (variable, format) = inside.split_once(':').unwrap_or((inside, ""));
        if let Some(v) = value(variable).filter(|v| !v.is_nan()) {
            let formatted = (!format.is_empty()).then(|| crate::model::chart::ticks::number(v, format)).flatten();
            out.push_str(&formatted.unwrap_or_else(|| crate::model::chart::ticks::show_number(v)));
        }
        rest = tail;
    }
    out.push_str(rest);
    super::plain(&out)
}

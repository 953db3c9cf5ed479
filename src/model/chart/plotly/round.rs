//! What has no axes: pies, sunbursts, treemaps, tables, indicators; and what is named instead of drawn.
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Plot, Trace, spec::Column};
use crate::model::chart::{
    color,
    figure::{Entry, Frame, Ink, Inks, Label, Mark, Series, Swatch, Target, Values, Wedge},
    ticks::{self, show_number},
};

/// Sectors beyond these are left out.
const MOST_SECTORS: usize = 2_000;

pub(super) fn series(plot: &mut Plot<'_>, trace: &Trace<'_>) -> Option<(usize, Series)> {
    match trace.kind {
        "pie" | "funnelarea" => pie(plot, trace),
        "sunburst" | "treemap" | "icicle" => tree(plot, trace),
        "table" => table(plot, trace),
        "indicator" => indicator(plot, trace),
        _ => undrawn(plot, trace),
    }
}

/// Colours of sectors: as given, else the theme's in turn.
fn sector_inks(plot: &Plot<'_>, trace: &Trace<'_>, n: usize) -> Vec<Ink> {
    let given = trace.spec.column("/marker/colors");
    let auto = |i: usize| match (plot.own_colorway, plot.colorway.len()) {
        (true, n) if n > 0 => Ink::Own(plot.colorway[i % n]),
        _ => Ink::Auto((i % 1000) as u16),
    };
    let own = |i: usize| given.as_ref().and_then(|g| color::parse(&g.word(i)?)).map(Ink::Own);
    (0..n).map(|i| own(i).unwrap_or_else(|| auto(i))).collect()
}

fn pie(plot: &mut Plot<'_>, trace: &Trace<'_>) -> Option<(usize, Series)> {
    let spec = trace.spec;
    let panel = plot.bare(trace, Frame::Round)?;
    if trace.kind == "funnelarea" {
        plot.figure.note("A funnel area, which is drawn as a pie");
    }
    let values = spec.column("/values").map(|c| c.numbers());
    let labels = spec.column("/labels");
    let rows = labels.as_ref().map_or(0, Column::len).max(values.as_ref().map_or(0, Vec::len)).min(100_000);
    // Rows of one label are one sector.
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut sums: Vec<f64> = Vec::new();
    let mut index: HashMap<Arc<str>, usize> = HashMap::new();
    for i in 0..rows {
        let name: Arc<str> = labels
            .as_ref()
            .and_then(|l| l.word(i))
            .map_or_else(|| i.to_string().into(), |w| Arc::from(super::plain(&w)));
        let value = values.as_ref().map_or(1.0, |v| v.get(i).copied().unwrap_or(f64::NAN));
        if !(value.is_finite() && value >= 0.0) {
            continue;
        }
        let at = *index.entry(name.clone()).or_insert_with(|| {
            names.push(name);
            sums.push(0.0);
            names.len() - 1
        });
        sums[at] += value;
    }
    let inks = sector_inks(plot, trace, names.len());
    let mut order: Vec<usize> = (0..names.len()).collect();
    if spec.bool("/sort") != Some(false) {
        order.sort_by(|a, b| sums[*b].total_cmp(&sums[*a]));
    }
    order.truncate(MOST_SECTORS);
    let total: f64 = sums.iter().sum();
    let turn = spec.f64("/rotation").unwrap_or(0.0) / 360.0;
    let clockwise = spec.str("/direction") == Some("clockwise");
    let legend = plot.layout.bool("/showlegend") != Some(false) && spec.bool("/showlegend") != Some(false);
    let info = spec.str("/textinfo").unwrap_or("percent");
    let mut at = 0.0;
    let mut wedges = Vec::new();
    for &i in &order {
        let share = if total > 0.0 { sums[i] / total } else { 0.0 };
        let (from, to) = (at, at + share);
        at = to;
        // Against the clock unless asked otherwise, the first sector left of the top.
        let (from, to) = if clockwise { (from, to) } else { (1.0 - to, 1.0 - from) };
        let entry = legend.then(|| {
            let known = plot.figure.legend.iter().position(|e| *e.label == *names[i]);
            known.unwrap_or_else(|| {
                plot.figure.legend.push(Entry {
                    label: names[i].to_string(),
                    ink: inks[i],
                    swatch: Swatch::Box,
                    off: false,
                });
                plot.figure.legend.len() - 1
            })
        });
        let percent = format!("{:.1}%", share * 100.0).replace(".0%", "%");
        let parts = info.split('+').filter_map(|part| match part {
            "label" => Some(names[i].to_string()),
            "percent" => Some(percent.clone()),
            "value" => Some(show_number(sums[i])),
            _ => None,
        });
        let label = parts.collect::<Vec<_>>().join("\n");
        let inner = spec.f64("/hole").unwrap_or(0.0).clamp(0.0, 0.95);
        wedges.push(Wedge { from: from + turn, to: to + turn, inner, outer: 1.0, ink: inks[i], label, legend: entry });
    }
    let mut series = Plot::named(trace);
    series.legend = None;
    series.count = rows;
    series.data.add("label", Values::Words(order.iter().map(|i| names[*i].clone()).collect()));
    series.data.add("value", Values::Numbers(order.iter().map(|i| sums[*i]).collect()));
    let percent = |i: &usize| Arc::from(format!("{:.2}%", sums[*i] / total * 100.0));
    series.data.add("share", Values::Words(order.iter().map(percent).collect()));
    series.marks.push(Mark::Wedges(wedges));
    series.target = Target::Wedges;
    Some((panel, series))
}

struct Node {
    label: String,
    value: f64,
    parent: Option<usize>,
    children: Vec<usize>,
    depth: usize,
}

/// The nodes of a hierarchy with sums; a loop of parents is cut.
fn nodes(trace: &Trace<'_>) -> Vec<Node> {
    let spec = &trace.spec;
    let (labels, parents) = (spec.column("/labels"), spec.column("/parents"));
    let (ids, values) = (spec.column("/ids"), spec.column("/values").map(|c| c.numbers()));
    let n = labels.as_ref().or(ids.as_ref()).map_or(0, Column::len).min(MOST_SECTORS);
    let key = |i: usize| ids.as_ref().and_then(|c| c.word(i)).or_else(|| labels.as_ref()?.word(i));
    let index: HashMap<Arc<str>, usize> = (0..n).filter_map(|i| Some((key(i)?, i))).collect();
    let mut out: Vec<Node> = (0..n)
        .map(|i| {
            let parent = parents.as_ref().and_then(|p| p.word(i)).filter(|p| !p.is_empty());
            Node {
                label: labels.as_ref().and_then(|l| l.word(i)).map(|w| super::plain(&w)).unwrap_or_default(),
                value: values.as_ref().map_or(0.0, |v| v.get(i).copied().filter(|v| v.is_finite()).unwrap_or(0.0)),
                parent: parent.and_then(|p| index.get(&p).copied()).filter(|p| *p != i),
                children: Vec::new(),
                depth: 0,
            }
        })
        .collect();
    for i in 0..n {
        let (mut depth, mut at) = (0, i);
        while let Some(up) = out[at].parent {
            depth += 1;
            if depth > 64 {
                out[i].parent = None;
                depth = 0;
                break;
            }
            at = up;
        }
        out[i].depth = depth;
    }
    for i in 0..n {
        if let Some(up) = out[i].parent {
            out[up].children.push(i);
        }
    }
    let mut deepest: Vec<usize> = (0..n).collect();
    deepest.sort_by_key(|i| std::cmp::Reverse(out[*i].depth));
    let total = spec.str("/branchvalues") == Some("total");
    for i in deepest {
        let sum: f64 = out[i].children.iter().map(|c| out[*c].value).sum();
        if values.is_none() {
            out[i].value = if out[i].children.is_empty() { 1.0 } else { sum };
        } else if !total || out[i].value < sum {
            out[i].value = if total { sum } else { out[i].value + sum };
        }
    }
    out
}

fn tree(plot: &mut Plot<'_>, trace: &Trace<'_>) -> Option<(usize, Series)> {
    let round = trace.kind == "sunburst";
    let panel = plot.bare(trace, if round { Frame::Round } else { Frame::Bare })?;
    let nodes = nodes(trace);
    let roots: Vec<usize> = (0..nodes.len()).filter(|i| nodes[*i].parent.is_none()).collect();
    let given = trace.spec.get("/marker/colors").is_some();
    let own = sector_inks(plot, trace, nodes.len());
    // A branch has the colour of its first part below the root.
    let mut inks = vec![Ink::Muted; nodes.len()];
    let tops: Vec<usize> = match roots.as_slice() {
        [only] => nodes[*only].children.clone(),
        all => all.to_vec(),
    };
    for (i, ink) in inks.iter_mut().enumerate() {
        let mut at = i;
        while !tops.contains(&at)
            && let Some(up) = nodes[at].parent
        {
            at = up;
        }
        *ink = match tops.iter().position(|t| *t == at) {
            _ if given => own[i],
            Some(turn) => plot
                .colorway
                .get(turn)
                .filter(|_| plot.own_colorway)
                .map_or(Ink::Auto((turn % 1000) as u16), |c| Ink::Own(*c)),
            None => Ink::Muted,
        };
    }
    let mut series = Plot::named(trace);
    series.count = nodes.len();
    let mut shown = Vec::new();
    if round {
        let levels = nodes.iter().map(|n| n.depth).max().unwrap_or(0) as f64 + 1.0;
        let mut wedges = Vec::new();
        let whole: f64 = roots.iter().map(|r| nodes[*r].value).sum();
        let mut todo = vec![(roots, 0.0, 1.0, whole)];
        while let Some((parts, from, to, whole)) = todo.pop() {
            let mut at: f64 = from;
            for i in parts {
                let node = &nodes[i];
                let wide = if whole > 0.0 { (to - from) * node.value / whole } else { 0.0 };
                let depth = node.depth as f64;
                wedges.push(Wedge {
                    from: at,
                    to: at + wide,
                    inner: depth / levels,
                    outer: (depth + 1.0) / levels,
                    ink: inks[i],
                    label: node.label.clone(),
                    legend: None,
                });
                shown.push(i);
                let below = node.children.clone();
                let sum: f64 = below.iter().map(|c| nodes[*c].value).sum();
                todo.push((below, at, at + wide, sum.max(node.value)));
                at += wide;
            }
        }
        series.marks.push(Mark::Wedges(wedges));
        series.target = Target::Wedges;
    } else {
        let mut rects = Vec::new();
        let mut todo = vec![(roots, [0.0, 0.0, 1.0, 1.0])];
        while let Some((parts, area)) = todo.pop() {
            for (i, rect) in squarify(&parts, &nodes, area) {
                rects.push(rect);
                shown.push(i);
                let head = if nodes[i].children.is_empty() { 0.0 } else { 0.06_f64.min((rect[3] - rect[1]) * 0.3) };
                let pad = 0.006_f64.min((rect[2] - rect[0]) * 0.05);
                todo.push((
                    nodes[i].children.clone(),
                    [rect[0] + pad, rect[1] + pad, rect[2] - pad, rect[3] - head.max(pad)],
                ));
            }
        }
        let place = |i: &usize| if nodes[*i].children.is_empty() { 0 } else { 1 };
        let words = shown.iter().zip(&rects).filter(|(_, r)| r[2] - r[0] > 0.03 && r[3] - r[1] > 0.03).map(|(i, r)| {
            let at = if place(i) == 1 {
                [r[0] + 0.008, r[3] - 0.006]
            } else {
                [f64::midpoint(r[0], r[2]), f64::midpoint(r[1], r[3])]
            };
            let mut label = Label::new(at, nodes[*i].label.clone());
            if place(i) == 1 {
                (label.across, label.down) = (-1, -1);
            }
            label
        });
        let words = words.collect();
        let inks = Inks::Each(shown.iter().map(|i| inks[*i]).collect());
        let rects: Arc<[[f64; 4]]> = rects.into();
        let edge = Some(crate::model::chart::figure::Pen::solid(Ink::Ground, 1.0));
        series.marks.push(Mark::Rects { rects: rects.clone(), inks, alpha: 0.75, edge, labels: Vec::new() });
        series.marks.push(Mark::Texts(words));
        series.target = Target::Rects(rects);
        if trace.kind == "icicle" {
            plot.figure.note("An icicle, which is drawn as a treemap");
        }
    }
    series.data.add("label", Values::Words(shown.iter().map(|i| Arc::from(nodes[*i].label.as_str())).collect()));
    series.data.add("value", Values::Numbers(shown.iter().map(|i| nodes[*i].value).collect()));
    let parent = |i: &usize| Arc::from(nodes[*i].parent.map_or("", |p| nodes[p].label.as_str()));
    series.data.add("parent", Values::Words(shown.iter().map(parent).collect()));
    Some((panel, series))
}

/// Rectangles in rows that are as square as they can be.
fn squarify(parts: &[usize], nodes: &[Node], area: [f64; 4]) -> Vec<(usize, [f64; 4])> {
    let mut order: Vec<usize> = parts.iter().copied().filter(|i| nodes[*i].value > 0.0).collect();
    order.sort_by(|a, b| nodes[*b].value.total_cmp(&nodes[*a].value));
    let [mut x0, y0, x1, mut y1] = area;
    let mut left: f64 = order.iter().map(|i| nodes[*i].value).sum();
    let mut out = Vec::new();
    let mut rest = order.as_slice();
    while !rest.is_empty() && x1 > x0 && y1 > y0 {
        let (wide, high) = (x1 - x0, y1 - y0);
        let unit = wide * high / left;
        let side = wide.min(high);
        let worst = |n: usize| {
            let sum: f64 = rest[..n].iter().map(|i| nodes[*i].value * unit).sum();
            let thick = sum / side;
            rest[..n]
                .iter()
                .map(|i| (nodes[*i].value * unit / thick / thick).max(thick * thick / (nodes[*i].value * unit)))
                .fold(0.0, f64::max)
        };
        let mut n = 1;
        while n < rest.len() && worst(n + 1) <= worst(n) {
            n += 1;
        }
        let sum: f64 = rest[..n].iter().map(|i| nodes[*i].value).sum();
        let thick = sum * unit / side;
        let mut at = 0.0;
        for i in &rest[..n] {
            let long = nodes[*i].value / sum * side;
            out.push((
                *i,
                if wide >= high {
                    [x0, y1 - at - long, x0 + thick, y1 - at]
                } else {
                    [x0 + at, y1 - thick, x0 + at + long, y1]
                },
            ));
            at += long;
        }
        if wide >= high {
            x0 += thick;
        } else {
            y1 -= thick;
        }
        left -= sum;
        rest = &rest[n..];
    }
    out
}

fn table(plot: &mut Plot<'_>, trace: &Trace<'_>) -> Option<(usize, Series)> {
    let panel = plot.bare(trace, Frame::Table)?;
    let mut series = Plot::named(trace);
    let heads = trace.spec.get("/header/values").and_then(Value::as_array).cloned().unwrap_or_default();
    let columns = trace.spec.get("/cells/values").and_then(Value::as_array).cloned().unwrap_or_default();
    for (i, column) in columns.iter().enumerate().take(500) {
        let head = match heads.get(i) {
            Some(Value::Array(lines)) => lines.iter().map(show).collect::<Vec<_>>().join(" "),
            Some(one) => show(one),
            None => format!("column {}", i + 1),
        };
        if let Some(column) = Column::read(column) {
            series.data.add(super::plain(&head), column.values());
        }
    }
    series.count = series.data.rows();
    plot.figure.facts.push(("rows", series.count.into()));
    plot.figure.facts.push(("columns", series.data.columns.len().into()));
    Some((panel, series))
}

fn show(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn indicator(plot: &mut Plot<'_>, trace: &Trace<'_>) -> Option<(usize, Series)> {
    let spec = trace.spec;
    let panel = plot.bare(trace, Frame::Bare)?;
    let mode = spec.str("/mode").unwrap_or("number");
    let value = spec.f64("/value").unwrap_or(f64::NAN);
    let mut series = Plot::named(trace);
    series.count = 1;
    let format =
        |v: f64, path: &str| spec.str(path).and_then(|f| ticks::number(v, f)).unwrap_or_else(|| show_number(v));
    let mut labels = Vec::new();
    let gauge = mode.contains("gauge");
    if gauge {
        let top = (if value > 0.0 { value * 1.5 } else { 1.0 }).max(1.0);
        let [lo, hi] = spec.pair("/gauge/axis/range").unwrap_or([0.0, crate::model::chart::ticks::nice_step(top)]);
        let share = ((value - lo) / (hi - lo)).clamp(0.0, 1.0);
        let ink = spec.str("/gauge/bar/color").and_then(color::parse).map_or(Ink::Own([0, 128, 0, 255]), Ink::Own);
        let wedge = |from: f64, to: f64, inner: f64, outer: f64, ink| Wedge {
            from: from * 0.5 - 0.25,
            to: to * 0.5 - 0.25,
            inner,
            outer,
            ink,
            label: String::new(),
            legend: None,
        };
        let mut wedges = Vec::new();
        for step in spec.get("/gauge/steps").and_then(Value::as_array).into_iter().flatten().take(50) {
            let side = |i: usize| {
                step.pointer(&format!("/range/{i}"))
                    .and_then(Value::as_f64)
                    .map(|v| ((v - lo) / (hi - lo)).clamp(0.0, 1.0))
            };
            if let (Some(from), Some(to), Some(c)) =
                (side(0), side(1), step.get("color").and_then(|c| color::parse(c.as_str()?)))
            {
                wedges.push(wedge(from, to, 0.7, 1.0, Ink::Own(c)));
            }
        }
        if wedges.is_empty() {
            wedges.push(wedge(0.0, 1.0, 0.7, 1.0, Ink::Own([128, 128, 128, 60])));
        }
        wedges.push(wedge(0.0, share, 0.76, 0.94, ink));
        if let Some(at) = spec.f64("/gauge/threshold/value").map(|v| ((v - lo) / (hi - lo)).clamp(0.0, 1.0)) {
            wedges.push(wedge(at - 0.004, at + 0.004, 0.68, 1.02, Ink::Text));
        }
        series.marks.push(Mark::Wedges(wedges));
        // Below the ends of the half circle.
        for (x, value) in [(0.075, lo), (0.925, hi)] {
            labels.push(Label { size: 11.0, ink: Ink::Muted, down: -1, ..Label::new([x, 0.49], show_number(value)) });
        }
        plot.figure.panels[panel].frame = Frame::Round;
    }
    if mode.contains("number") {
        let (before, after) = (spec.str("/number/prefix").unwrap_or(""), spec.str("/number/suffix").unwrap_or(""));
        let text = format!("{before}{}{after}", format(value, "/number/valueformat"));
        labels.push(Label { size: 34.0, bold: true, ..Label::new([0.5, 0.5], text) });
    }
    if mode.contains("delta") {
        let reference = spec.f64("/delta/reference").unwrap_or(value);
        let change = value - reference;
        let relative = spec.bool("/delta/relative") == Some(true);
        let shown = if relative { change / reference } else { change };
        let words = if relative { format!("{:.1}%", shown * 100.0) } else { format(shown, "/delta/valueformat") };
        let (sign, ink) =
            if change >= 0.0 { ("\u{25b2}", [0x3d, 0x99, 0x70, 255]) } else { ("\u{25bc}", [0xff, 0x41, 0x36, 255]) };
        labels.push(Label { size: 15.0, ink: Ink::Own(ink), ..Label::new([0.5, 0.28], format!("{sign}{words}")) });
        series.data.add("reference", Values::Numbers(vec![reference].into()));
    }
    series.data.add("value", Values::Numbers(vec![value].into()));
    // A gauge has its words where its circle leaves room.
    series.marks.push(Mark::Texts(labels));
    Some((panel, series))
}

/// Names a trace that is not drawn and keeps its numbers for the table.
fn undrawn(plot: &mut Plot<'_>, trace: &Trace<'_>) -> Option<(usize, Series)> {
    let why = match trace.kind {
        k if k.ends_with("3d")
            || matches!(k, "surface" | "mesh3d" | "cone" | "streamtube" | "volume" | "isosurface") =>
        {
            "three dimensions are not drawn"
        }
        k if k.contains("map") || k.contains("geo") => "maps are not drawn",
        k if k.contains("polar") || k.contains("ternary") || k.contains("carpet") || k.contains("smith") => {
            "its kind of axes is not drawn"
        }
        "splom" => "a matrix of scatter plots is not drawn",
        "sankey" | "parcoords" | "parcats" => "flows and parallel axes are not drawn",
        "image" => "its pixels are not drawn",
        _ => "this kind is not known",
    };
    plot.figure.note(format!("A trace of type {}: {why}", crate::base::text::shorten(trace.kind, 40)));
    let panel = plot.bare(trace, Frame::Bare)?;
    let mut series = Plot::named(trace);
    for path in ["/x", "/y", "/z", "/values", "/labels", "/locations", "/lat", "/lon", "/r", "/theta", "/a", "/b", "/c"]
    {
        if let Some(column) = trace.spec.column(path) {
            let flat = trace.spec.get(path).and_then(super::spec::Matrix::read).filter(|m| m.rows > 1 && m.columns > 0);
            let nested = trace.spec.get(path).and_then(|v| v.pointer("/0")).is_some_and(Value::is_array);
            match flat.filter(|_| nested) {
                Some(m) => {
                    for c in 0..m.columns.min(200) {
                        let cells = (0..m.rows).map(|r| m.values[r * m.columns + c]);
                        series.data.add(format!("{} {c}", &path[1..]), Values::Numbers(cells.collect()));
                    }
                }
                None => series.data.add(&path[1..], column.values()),
            }
        }
    }
    for dimension in trace.spec.get("/dimensions").and_then(Value::as_array).into_iter().flatten().take(200) {
        if let Some(column) = dimension.get("values").and_then(Column::read) {
            let label = dimension.get("label").and_then(Value::as_str).unwrap_or("");
            series.data.add(super::plain(label), column.values());
        }
    }
    series.count = series.data.rows();
    Some((panel, series))
}

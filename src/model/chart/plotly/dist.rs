//! Boxes, violins and candles: what stands for a sample or a span of time.
use std::{collections::HashMap, sync::Arc};

use super::{
    Plot, Trace, scatter,
    spec::{Column, Item},
};
use crate::model::chart::{
    color,
    figure::{At, Dash, Form, Ink, Inks, Many, Mark, Pen, Scale, Series, Target, Values},
    stack,
    stats::{self, Rule, Summary},
};

/// Width of one box and its distance from the place, by trace.
pub(super) type Boxes = HashMap<usize, (f64, f64)>;

/// Shares the places of each panel among its boxes.
pub(super) fn arrange(plot: &mut Plot<'_>) -> Boxes {
    let mut panels: HashMap<(usize, bool), Vec<usize>> = HashMap::new();
    for (i, trace) in plot.traces.iter().enumerate() {
        if let Some(panel) = trace.panel
            && matches!(trace.kind, "box" | "violin")
        {
            panels.entry((panel, trace.kind == "box")).or_default().push(i);
        }
    }
    let mut out = Boxes::new();
    for ((_, boxes), members) in panels {
        let (mode, gap) = if boxes { ("/boxmode", "/boxgap") } else { ("/violinmode", "/violingap") };
        let group = plot.layout.str(mode) == Some("group");
        let gap = plot.layout.f64(gap).unwrap_or(0.3).clamp(0.0, 0.95);
        let mut places: Vec<String> = Vec::new();
        for &i in &members {
            let key = plot.traces[i].spec.str("/offsetgroup").filter(|g| !g.is_empty());
            let key = key.map_or_else(|| format!("\u{0}{i}"), str::to_owned);
            if !places.contains(&key) {
                places.push(key);
            }
        }
        for &i in &members {
            let key = plot.traces[i].spec.str("/offsetgroup").filter(|g| !g.is_empty());
            let key = key.map_or_else(|| format!("\u{0}{i}"), str::to_owned);
            let place = places.iter().position(|p| *p == key).unwrap_or(0);
            let n = places.len() as f64;
            // Traces that each stand on a place of their own share nothing.
            let alone = members.len() == 1 || !group;
            let whole = 1.0 - gap;
            let (width, offset) =
                if alone { (whole, 0.0) } else { (whole * 0.9 / n, -whole / 2.0 + whole / n * (place as f64 + 0.5)) };
            out.insert(i, (width, offset));
        }
    }
    out
}

/// One sample: where it stands and what it holds.
struct Group {
    at: f64,
    label: String,
    values: Vec<f64>,
}

fn groups(plot: &Plot<'_>, trace: &Trace<'_>, panel: usize, upright: bool) -> Vec<Group> {
    let p = &plot.figure.panels[panel];
    let (place_axis, value_axis) = if upright { (p.x, p.y) } else { (p.y, p.x) };
    let (place, value) = if upright { ("/x", "/y") } else { ("/y", "/x") };
    let values = trace.spec.column(value).map(|c| plot.places(value_axis, &c)).unwrap_or_default();
    let name = plot.box_name(trace);
    let places = match trace.spec.column(place).filter(|c| !c.is_empty()) {
        Some(column) => plot.places(place_axis, &column),
        None => {
            let one = plot.places(place_axis, &Column::Mixed(vec![Item::Word(name.clone())]));
            let at = one.first().copied().filter(|v| v.is_finite()).unwrap_or(0.0);
            vec![at; values.len()]
        }
    };
    let mut out: Vec<Group> = Vec::new();
    let mut index: HashMap<u64, usize> = HashMap::new();
    for (at, v) in places.iter().zip(&values).filter(|(at, _)| at.is_finite()) {
        let slot = *index.entry(at.to_bits()).or_insert_with(|| {
            let label = match &plot.figure.axes[place_axis].scale {
                Scale::Names(names) => names.get(*at as usize).cloned().unwrap_or_default(),
                _ => plot.figure.axes[place_axis].show(*at),
            };
            out.push(Group { at: *at, label, values: Vec::new() });
            out.len() - 1
        });
        if v.is_finite() {
            out[slot].values.push(*v);
        }
    }
    out
}

/// Boxes whose quartiles are given.
fn given(plot: &Plot<'_>, trace: &Trace<'_>, panel: usize, upright: bool) -> Option<Vec<(f64, String, Summary)>> {
    let spec = &trace.spec;
    let (q1, median, q3) = (spec.column("/q1")?, spec.column("/median")?, spec.column("/q3")?);
    let p = &plot.figure.panels[panel];
    let axis = if upright { p.x } else { p.y };
    let places = spec.column(if upright { "/x" } else { "/y" }).map(|c| plot.places(axis, &c));
    let (low, high, mean) = (spec.column("/lowerfence"), spec.column("/upperfence"), spec.column("/mean"));
    let or = |c: &Option<Column>, i: usize, other: f64| {
        c.as_ref().map(|c| c.number(i)).filter(|v| v.is_finite()).unwrap_or(other)
    };
    let one = |i: usize| {
        let at = places.as_ref().map_or(i as f64, |p| p.get(i).copied().unwrap_or(f64::NAN));
        let (a, m, b) = (q1.number(i), median.number(i), q3.number(i));
        let summary = Summary {
            q1: a,
            median: m,
            q3: b,
            low: or(&low, i, a),
            high: or(&high, i, b),
            mean: or(&mean, i, f64::NAN),
            sd: 0.0,
            outliers: Vec::new(),
            n: 0,
        };
        (at, plot.figure.axes[axis].show(at), summary)
    };
    Some((0..q1.len().min(5000)).map(one).collect())
}

fn rule(name: Option<&str>) -> Rule {
    match name {
        Some("exclusive") => Rule::Exclusive,
        Some("inclusive") => Rule::Inclusive,
        _ => Rule::Half,
    }
}

pub(super) fn series(plot: &mut Plot<'_>, trace: &Trace<'_>, boxes: &Boxes) -> Option<(usize, Series)> {
    let panel = trace.panel?;
    let i = plot.traces.iter().position(|t| t.index == trace.index)?;
    let (width, offset) = boxes.get(&i).copied().unwrap_or((0.7, 0.0));
    let spec = &trace.spec;
    let upright = stack::upright(spec.str("/orientation"), spec.get("/y").is_some(), spec.get("/x").is_some());
    let (place_axis, value_axis) = {
        let p = &plot.figure.panels[panel];
        if upright { (p.x, p.y) } else { (p.y, p.x) }
    };
    let violin = trace.kind == "violin";
    let groups = groups(plot, trace, panel, upright);
    let step = place_step(&groups)
        * if matches!(plot.figure.axes[place_axis].scale, Scale::Time) { 86_400_000.0 } else { 1.0 };
    let (width, offset) = (spec.f64("/width").unwrap_or(width * step), offset * step);
    let rule = rule(spec.str("/quartilemethod"));
    let made: Vec<(f64, String, Summary)> = match given(plot, trace, panel, upright).filter(|_| !violin) {
        Some(given) => given,
        None => groups
            .iter()
            .filter_map(|g| Some((g.at, g.label.clone(), stats::summary(&g.values, rule, Some(1.5))?)))
            .collect(),
    };
    let mut series = Plot::named(trace);
    series.count = groups.iter().map(|g| g.values.len()).sum();
    let line = scatter::ink(plot, trace, &["/line/color", "/marker/color"]);
    let fill = scatter::ink(plot, trace, &["/fillcolor", "/marker/color", "/line/color"]);
    let alpha = if spec.str("/fillcolor").is_some() { 1.0 } else { 0.5 };
    let style = Style { upright, width, offset, line, fill, alpha, pen: spec.f64("/line/width").unwrap_or(2.0) as f32 };
    let points = spec.get(if violin { "/points" } else { "/boxpoints" });
    let every = points.and_then(|p| p.as_str()) == Some("all");
    let none = points.is_some_and(|p| p == false);
    if violin {
        violins(plot, trace, &groups, &style, &mut series);
        if spec.bool("/box/visible") == Some(true) {
            let slim = Style { width: width * 0.25, alpha: 1.0, ..style };
            boxes_of(&made, &slim, None, &mut series);
        }
        if spec.bool("/meanline/visible") == Some(true) {
            let half = width * 0.4;
            let lines =
                made.iter().map(|(at, _, s)| segment(upright, at + offset - half, s.mean, at + offset + half, s.mean));
            series.marks.push(segments(lines.collect(), line, 1.5, Dash::Dash));
        }
    } else {
        let means = spec.get("/boxmean").filter(|m| *m != false).map(|m| m == "sd");
        boxes_of(&made, &style, means, &mut series);
        if spec.bool("/notched") == Some(true)
            || spec.f64("/notchwidth").is_some() && spec.bool("/notched") != Some(false)
        {
            plot.figure.note("Notches of boxes, which are drawn without them");
        }
    }
    if !none && (!violin || every || points.and_then(|p| p.as_str()) == Some("outliers")) {
        let at = dots(&groups, &made, every, &style);
        let inks = Inks::One(scatter::ink(plot, trace, &["/marker/color", "/line/color"]));
        let size = spec.f64("/marker/size").unwrap_or(6.0) as f32;
        if !at.is_empty() {
            series.marks.push(Mark::Points {
                at: at.into(),
                inks,
                sizes: Many::One(size),
                forms: Many::One(Form::Circle),
                hollow: false,
                alpha: 1.0,
            });
        }
    }
    plot.wishes[value_axis].room = true;
    let half = width / 2.0;
    let rects: Vec<_> = made
        .iter()
        .map(|(at, _, s)| stack::rect(upright, [at + offset - half, at + offset + half], [s.low, s.high]))
        .collect();
    series.target = Target::Rects(rects.into());
    summary_data(plot, trace, (place_axis, value_axis), &made, &mut series);
    Some((panel, series))
}

fn place_step(groups: &[Group]) -> f64 {
    let mut at: Vec<f64> = groups.iter().map(|g| g.at).collect();
    at.sort_by(f64::total_cmp);
    let step = at.windows(2).map(|w| w[1] - w[0]).filter(|d| *d > 0.0).fold(f64::INFINITY, f64::min);
    if step.is_finite() { step } else { 1.0 }
}

fn summary_data(
    plot: &Plot<'_>,
    trace: &Trace<'_>,
    axes: (usize, usize),
    made: &[(f64, String, Summary)],
    series: &mut Series,
) {
    let words: Vec<Arc<str>> = made.iter().map(|(_, label, _)| Arc::from(label.trim())).collect();
    let mut name = plot.figure.axes[axes.0].title.clone();
    if name.is_empty() && words.iter().any(|w| !w.is_empty()) {
        name = "group".into();
    }
    let _ = trace;
    series.data.add(name, Values::Words(words));
    type Part = (&'static str, fn(&Summary) -> f64);
    let parts: [Part; 5] = [
        ("upper whisker", |s| s.high),
        ("upper quartile", |s| s.q3),
        ("median", |s| s.median),
        ("lower quartile", |s| s.q1),
        ("lower whisker", |s| s.low),
    ];
    for (name, part) in parts {
        let values: Vec<f64> = made.iter().map(|(_, _, s)| part(s)).collect();
        series.data.add(name, plot.values(axes.1, &values));
    }
    let outliers: Vec<f64> = made.iter().map(|(_, _, s)| s.outliers.len() as f64).collect();
    if outliers.iter().any(|n| *n > 0.0) {
        series.data.add("outliers", Values::Numbers(outliers.into()));
    }
}

struct Style {
    upright: bool,
    width: f64,
    offset: f64,
    line: Ink,
    fill: Ink,
    alpha: f32,
    pen: f32,
}

fn segment(upright: bool, a0: f64, v0: f64, a1: f64, v1: f64) -> [f64; 4] {
    let (a, b) = (stack::at(upright, a0, v0), stack::at(upright, a1, v1));
    [a[0], a[1], b[0], b[1]]
}

fn segments(lines: Vec<[f64; 4]>, ink: Ink, width: f32, dash: Dash) -> Mark {
    Mark::Segments { lines: lines.into(), inks: Inks::One(ink), width, dash, alpha: 1.0 }
}

/// `means` draws the mean too, and with `true` the deviation.
fn boxes_of(made: &[(f64, String, Summary)], style: &Style, means: Option<bool>, series: &mut Series) {
    let half = style.width / 2.0;
    let up = style.upright;
    let mut rects = Vec::new();
    let (mut lines, mut medians, mut dashed) = (Vec::new(), Vec::new(), Vec::new());
    for (at, _, s) in made {
        let at = at + style.offset;
        rects.push(stack::rect(up, [at - half, at + half], [s.q1, s.q3]));
        for (from, to) in [(s.q1, s.low), (s.q3, s.high)] {
            lines.push(segment(up, at, from, at, to));
            lines.push(segment(up, at - half / 2.0, to, at + half / 2.0, to));
        }
        medians.push(segment(up, at - half, s.median, at + half, s.median));
        if let Some(sd) = means {
            dashed.push(segment(up, at - half, s.mean, at + half, s.mean));
            if sd {
                for end in [s.mean - s.sd, s.mean + s.sd] {
                    dashed.push(segment(up, at - half, s.mean, at, end));
                    dashed.push(segment(up, at + half, s.mean, at, end));
                }
            }
        }
    }
    let edge = Some(Pen::solid(style.line, style.pen));
    series.marks.push(segments(lines, style.line, style.pen, Dash::Solid));
    series.marks.push(Mark::Rects {
        rects: rects.into(),
        inks: Inks::One(style.fill),
        alpha: style.alpha,
        edge,
        labels: Vec::new(),
    });
    series.marks.push(segments(medians, style.line, style.pen, Dash::Solid));
    if !dashed.is_empty() {
        series.marks.push(segments(dashed, style.line, 1.5, Dash::Dash));
    }
}

fn violins(plot: &Plot<'_>, trace: &Trace<'_>, groups: &[Group], style: &Style, series: &mut Series) {
    let spec = &trace.spec;
    let _ = plot;
    let side = spec.str("/side").unwrap_or("both");
    let hard = spec.str("/spanmode") == Some("hard");
    let given = spec.f64("/bandwidth");
    let shapes: Vec<(f64, Vec<f64>, Vec<f64>)> = groups
        .iter()
        .filter(|g| g.values.len() > 1)
        .map(|g| {
            let [lo, hi] = g.values.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(*v), b.max(*v)]);
            let width = given.unwrap_or_else(|| stats::bandwidth(&g.values));
            let out = if hard { 0.0 } else { 2.0 * width };
            let (at, heights) = stats::density(&g.values, Some(width), lo - out, hi + out, 96);
            (g.at + style.offset, at, heights)
        })
        .collect();
    let whole = shapes.iter().flat_map(|(_, _, h)| h.iter().copied()).fold(0.0, f64::max);
    let half = style.width / 2.0;
    for (middle, along, heights) in shapes {
        let own = heights.iter().copied().fold(0.0, f64::max);
        let most = if spec.str("/scalemode") == Some("count") { whole } else { own };
        let reach: Vec<f64> = heights.iter().map(|h| h / most.max(f64::MIN_POSITIVE) * half).collect();
        let high: Vec<f64> = reach.iter().map(|r| middle + if side == "negative" { 0.0 } else { *r }).collect();
        let low: Vec<f64> = reach.iter().map(|r| middle - if side == "positive" { 0.0 } else { *r }).collect();
        // The area runs along the values, across the places.
        let outline = along.iter().zip(&high).chain(along.iter().zip(&low).rev());
        let mut outline: Vec<At> = outline.map(|(v, a)| stack::at(style.upright, *a, *v)).collect();
        outline.extend(outline.first().copied());
        series.marks.push(Mark::Area {
            along,
            low,
            high,
            upright: !style.upright,
            ink: style.fill,
            alpha: style.alpha,
        });
        series.marks.push(Mark::Line { points: outline.into(), pen: Pen::solid(style.line, style.pen), alpha: 1.0 });
    }
}

/// Points beside or over the boxes; the same ones always fall on the same place.
fn dots(groups: &[Group], made: &[(f64, String, Summary)], every: bool, style: &Style) -> Vec<At> {
    let mut out = Vec::new();
    for group in groups {
        let Some((_, _, summary)) = made.iter().find(|(at, ..)| *at == group.at) else { continue };
        let values = if every { &group.values } else { &summary.outliers };
        for (i, v) in values.iter().enumerate() {
            let spread = if every {
                ((i as f64 * 0.618_034).fract() - 0.5) * style.width * 0.3 - style.width * 0.7
            } else {
                0.0
            };
            out.push(stack::at(style.upright, group.at + style.offset + spread, *v));
        }
    }
    out
}

pub(super) fn candles(plot: &mut Plot<'_>, trace: &Trace<'_>) -> Option<(usize, Series)> {
    let panel = trace.panel?;
    let (ax, ay) = (plot.figure.panels[panel].x, plot.figure.panels[panel].y);
    let spec = &trace.spec;
    let part = |path: &str| spec.column(path).map(|c| c.numbers()).unwrap_or_default();
    let (open, high, low, close) = (part("/open"), part("/high"), part("/low"), part("/close"));
    let n = open.len().min(high.len()).min(low.len()).min(close.len());
    let x: Vec<f64> = match spec.column("/x") {
        Some(column) => plot.places(ax, &column),
        None => (0..n).map(|i| i as f64).collect(),
    };
    let n = n.min(x.len());
    let mut sorted = x.clone();
    sorted.sort_by(f64::total_cmp);
    let step = sorted.windows(2).map(|w| w[1] - w[0]).filter(|d| *d > 0.0).fold(f64::INFINITY, f64::min);
    let half = if step.is_finite() { step * 0.35 } else { 0.35 };
    let pick = |kind: &str, or: [u8; 4]| spec.str(&format!("/{kind}/line/color")).and_then(color::parse).unwrap_or(or);
    let (up, down) = (pick("increasing", [0x3d, 0x99, 0x70, 255]), pick("decreasing", [0xff, 0x41, 0x36, 255]));
    let ink = |i: usize| Ink::Own(if close[i] >= open[i] { up } else { down });
    let mut series = Plot::named(trace);
    series.count = n;
    let (mut lines, mut inks, mut rects) = (Vec::new(), Vec::new(), Vec::new());
    let bodies = trace.kind == "candlestick";
    for i in 0..n {
        lines.push([x[i], low[i], x[i], high[i]]);
        inks.push(ink(i));
        if bodies {
            rects.push([x[i] - half, open[i].min(close[i]), x[i] + half, open[i].max(close[i])]);
        } else {
            lines.extend([[x[i] - half, open[i], x[i], open[i]], [x[i], close[i], x[i] + half, close[i]]]);
            inks.extend([ink(i), ink(i)]);
        }
    }
    series.marks.push(Mark::Segments {
        lines: lines.into(),
        inks: Inks::Each(inks.into()),
        width: 1.5,
        dash: Dash::Solid,
        alpha: 1.0,
    });
    if bodies {
        let inks = Inks::Each((0..n).map(ink).collect());
        series.marks.push(Mark::Rects { rects: rects.into(), inks, alpha: 1.0, edge: None, labels: Vec::new() });
    }
    let hits: Vec<_> = (0..n).map(|i| [x[i] - half, low[i], x[i] + half, high[i]]).collect();
    series.target = Target::Rects(hits.into());
    series.data.add(plot.axis_name(ax), plot.values(ax, &x[..n]));
    for (name, values) in [("open", &open), ("high", &high), ("low", &low), ("close", &close)] {
        series.data.add(name, Values::Numbers(values[..n].into()));
    }
    plot.wishes[ay].room = true;
    plot.wishes[ax].room = true;
    Some((panel, series))
}

//! Titles, ranges, grounds, annotations and shapes.
use serde_json::{Value, json};

use super::{Plot, spec::Spec};
use crate::model::chart::{
    color,
    figure::{Axis, Dash, Frame, Ink, Inks, Label, Mark, Pen, Scale, Series, Side, Target},
    stack,
};

/// What a layout says of one axis; type and range come later.
pub(super) fn axis(id: &str, side: Side, spec: &Spec<'_>) -> Axis {
    let mut axis = Axis::new(id, side);
    axis.title = spec.title("/title");
    axis.format = spec.str("/tickformat").filter(|f| !f.is_empty()).map(str::to_owned);
    axis.prefix = spec.words("/tickprefix").unwrap_or_default();
    axis.suffix = spec.words("/ticksuffix").unwrap_or_default();
    let visible = spec.bool("/visible") != Some(false);
    axis.grid = visible && spec.bool("/showgrid") != Some(false);
    axis.zero = visible && spec.bool("/zeroline") != Some(false);
    axis.labels = visible && spec.bool("/showticklabels") != Some(false);
    axis.label_angle = spec.f64("/tickangle").unwrap_or(0.0) as f32;
    if !visible {
        axis.title.clear();
    }
    axis
}

impl Plot<'_> {
    /// Everything that is known only when the traces are.
    pub(super) fn finish(&mut self) {
        let title = self.layout.title("/title");
        let (first, rest) = title.split_once('\n').unwrap_or((&title, ""));
        first.trim().clone_into(&mut self.figure.title);
        let subtitle = self.layout.title("/title/subtitle");
        self.figure.subtitle = if subtitle.is_empty() { rest.trim().to_owned() } else { subtitle };
        let side = |v: f64| (v.is_finite() && v >= 10.0).then_some(v.min(4000.0) as f32);
        self.figure.width = self.layout.own("/width").and_then(Value::as_f64).and_then(side);
        self.figure.height = self.layout.own("/height").and_then(Value::as_f64).and_then(side);
        if let Some(mode) = self.layout.str("/barmode") {
            self.figure.facts.push(("barmode", json!(mode)));
        }
        self.grounds();
        self.shapes();
        self.links();
        self.figure.measure();
        self.ranges();
        self.annotations();
        self.left_out();
    }

    /// Its own colours, unless they are those of the plain white templates: then the theme's fit better.
    fn grounds(&mut self) {
        let read = |spec: Option<&Value>| spec.and_then(|v| color::parse(v.as_str()?));
        let own = |path: &str| read(self.layout.own(path));
        let all = |path: &str| read(self.layout.get(path));
        let white = |c: color::Rgba| c[..3] == [255; 3] || c[3] == 0;
        let plain_template = all("/paper_bgcolor").is_none_or(white);
        let visible = |c: Option<color::Rgba>| c.filter(|c| c[3] > 0);
        if plain_template {
            self.figure.paper = visible(own("/paper_bgcolor"));
            self.figure.ground = visible(own("/plot_bgcolor"));
        } else {
            self.figure.paper = visible(all("/paper_bgcolor"));
            self.figure.ground = visible(all("/plot_bgcolor"));
        }
        // Ink that a white page was meant for is not read on another ground.
        self.figure.font = if plain_template && self.figure.paper.is_none() { None } else { all("/font/color") };
    }

    /// Axes that match another zoom with it.
    fn links(&mut self) {
        let keys: Vec<String> = self.figure.axes.iter().map(|a| a.key.clone()).collect();
        for at in 0..keys.len() {
            self.figure.axes[at].link = at;
        }
        for at in 0..keys.len() {
            let mut target = at;
            let mut key = keys[at].clone();
            for _ in 0..20 {
                if key.is_empty() {
                    break;
                }
                let Some(next) = self.axis_spec(&key).str("/matches").map(str::to_owned) else { break };
                let Some(found) = keys.iter().position(|k| *k == next && *k != keys[at]) else { break };
                target = found;
                key = next;
            }
            self.figure.axes[at].link = target;
        }
    }

    fn ranges(&mut self) {
        // Matching axes share what they span and wish.
        for at in 0..self.figure.axes.len() {
            let link = self.figure.axes[at].link;
            if link != at {
                let extent = self.figure.axes[at].extent;
                let shared = &mut self.figure.axes[link].extent;
                *shared = [shared[0].min(extent[0]), shared[1].max(extent[1])];
                let wish = self.wishes[at];
                self.wishes[link].zero |= wish.zero;
                self.wishes[link].room |= wish.room;
            }
        }
        for at in 0..self.figure.axes.len() {
            if self.figure.axes[at].key.is_empty() {
                continue;
            }
            let link = self.figure.axes[at].link;
            let spec = self.axis_spec(&self.figure.axes[at].key.clone());
            let wish = self.wishes[link];
            let zero = wish.zero || matches!(spec.str("/rangemode"), Some("tozero" | "nonnegative"));
            let extent = self.figure.axes[link].extent;
            let scale = self.figure.axes[at].scale.clone();
            let mut range = stack::range(&scale, extent, zero, if wish.room { 0.055 } else { 0.0 });
            let mut reversed = matches!(spec.str("/autorange"), Some("reversed"));
            if let Some(given) = given_range(&spec, &scale)
                && (spec.get("/autorange").is_none() || spec.bool("/autorange") == Some(false))
            {
                reversed = given[0] > given[1];
                let [a, b] = given;
                range = [a.min(b), a.max(b)];
            }
            let axis = &mut self.figure.axes[at];
            axis.range = range;
            axis.reversed = reversed;
            axis.ticks = given_ticks(&spec, &axis.scale);
            let names = matches!(axis.scale, Scale::Names(_) | Scale::Time | Scale::Log);
            axis.zero &= !names;
        }
    }

    /// Words at places of the panels or of the whole.
    fn annotations(&mut self) {
        let list = self.layout.own("/annotations").and_then(Value::as_array).cloned().unwrap_or_default();
        for value in list.iter().take(500) {
            let spec = Spec::new(value, None);
            let Some(text) = spec.words("/text") else { continue };
            if spec.bool("/visible") == Some(false) {
                continue;
            }
            let (rx, ry) = (spec.str("/xref").unwrap_or("x"), spec.str("/yref").unwrap_or("y"));
            let mut label = Label::new([0.0; 2], text);
            label.size = spec.f64("/font/size").unwrap_or(12.0).clamp(6.0, 40.0) as f32;
            label.ink = spec.str("/font/color").and_then(color::parse).map_or(Ink::Text, Ink::Own);
            label.angle = spec.f64("/textangle").unwrap_or(0.0) as f32;
            label.across = side(spec.str("/xanchor"), ["left", "right"]);
            label.down = side(spec.str("/yanchor"), ["top", "bottom"]);
            if spec.bool("/showarrow") != Some(false) {
                label.arrow = true;
                label.shift = [spec.f64("/ax").unwrap_or(-10.0) as f32, spec.f64("/ay").unwrap_or(-30.0) as f32];
            } else {
                label.shift = [spec.f64("/xshift").unwrap_or(0.0) as f32, -spec.f64("/yshift").unwrap_or(0.0) as f32];
            }
            let on_paper = |r: &str| r == "paper" || r.ends_with("domain");
            if on_paper(rx) && on_paper(ry) {
                label.at = [spec.f64("/x").unwrap_or(0.5), spec.f64("/y").unwrap_or(0.5)];
                label.arrow = false;
                if rx == "paper" && ry == "paper" && self.panel_title(&label) {
                    continue;
                }
                if let Some(panel) = self.domain_panel(rx, ry) {
                    let [x0, y0, x1, y1] = self.figure.panels[panel].area.map(f64::from);
                    label.at = [x0 + (x1 - x0) * label.at[0], y0 + (y1 - y0) * label.at[1]];
                }
                self.figure.texts.push(label);
                continue;
            }
            let Some(panel) = self.place_of(rx, ry) else { continue };
            let (ax, ay) = (self.figure.panels[panel].x, self.figure.panels[panel].y);
            let at = [self.anchor(&spec, "/x", rx, ax), self.anchor(&spec, "/y", ry, ay)];
            if let [Some(x), Some(y)] = at {
                label.at = [x, y];
                self.extra(panel).marks.push(Mark::Texts(vec![label]));
            }
        }
    }

    /// A value of an axis, or a share of its range.
    fn anchor(&self, spec: &Spec<'_>, path: &str, reference: &str, axis: usize) -> Option<f64> {
        let value = spec.get(path)?;
        let a = &self.figure.axes[axis];
        if reference == "paper" || reference.ends_with("domain") {
            let share = value.as_f64()?;
            return Some(a.value(a.range, if a.reversed { 1.0 - share } else { share }));
        }
        let column = super::spec::Column::read(&Value::Array(vec![value.clone()]))?;
        let at = self.places(axis, &column).first().copied()?;
        let at = match (&a.scale, value.as_f64()) {
            (Scale::Log, Some(v)) => 10f64.powf(v),
            (Scale::Names(_), Some(v)) if at.is_nan() => v,
            _ => at,
        };
        at.is_finite().then_some(at)
    }

    /// The panel a pair of references means.
    fn place_of(&self, x: &str, y: &str) -> Option<usize> {
        let key = |r: &str| r.split(' ').next().unwrap_or_default().to_owned();
        let (x, y) = (key(x), key(y));
        let fits = |axis: usize, r: &str| r == "paper" || self.figure.axes[axis].key == r;
        self.figure.panels.iter().position(|p| p.frame == Frame::Axes && fits(p.x, &x) && fits(p.y, &y))
    }

    fn domain_panel(&self, x: &str, y: &str) -> Option<usize> {
        if x == "paper" && y == "paper" { None } else { self.place_of(x, y) }
    }

    /// A line of its own series for what is not a trace.
    fn extra(&mut self, panel: usize) -> &mut Series {
        let series = &mut self.figure.panels[panel].series;
        if series.last().is_none_or(|s| s.kind != "annotation") {
            series.push(Series { kind: "annotation".into(), target: Target::None, ..Series::default() });
        }
        let last = series.len() - 1;
        &mut series[last]
    }

    /// Words right over a panel are its title, as the makers of subplots put them.
    fn panel_title(&mut self, label: &Label) -> bool {
        let near = |a: f64, b: f32| (a - f64::from(b)).abs() < 0.02;
        let found = self.figure.panels.iter_mut().find(|p| {
            let [x0, _, x1, y1] = p.area;
            near(label.at[0], f32::midpoint(x0, x1)) && near(label.at[1], y1) && label.down == 1 && p.title.is_empty()
        });
        let alone = self.figure.axes.len() <= 2;
        match found.filter(|_| !alone) {
            Some(panel) => {
                panel.title.clone_from(&label.text);
                true
            }
            None => false,
        }
    }

    /// Lines, rectangles and circles of the layout.
    fn shapes(&mut self) {
        let list = self.layout.own("/shapes").and_then(Value::as_array).cloned().unwrap_or_default();
        for value in list.iter().take(500) {
            let spec = Spec::new(value, None);
            let (rx, ry) = (spec.str("/xref").unwrap_or("x"), spec.str("/yref").unwrap_or("y"));
            let kind = spec.str("/type").unwrap_or("rect");
            let Some(panel) = self.place_of(rx, ry).filter(|_| kind != "path") else {
                self.figure.note(format!("A shape of type {}", crate::base::text::shorten(kind, 20)));
                continue;
            };
            let (ax, ay) = (self.figure.panels[panel].x, self.figure.panels[panel].y);
            let end = |path: &str, reference: &str, axis: usize, last: bool| {
                if reference == "paper" || reference.ends_with("domain") {
                    return Some(if last { f64::INFINITY } else { f64::NEG_INFINITY });
                }
                self.anchor(&spec, path, reference, axis)
            };
            let ends = [
                end("/x0", rx, ax, false),
                end("/y0", ry, ay, false),
                end("/x1", rx, ax, true),
                end("/y1", ry, ay, true),
            ];
            let [Some(x0), Some(y0), Some(x1), Some(y1)] = ends else { continue };
            let pen = Pen {
                ink: spec.str("/line/color").and_then(color::parse).map_or(Ink::Text, Ink::Own),
                width: spec.f64("/line/width").unwrap_or(2.0) as f32,
                dash: super::scatter::dash(spec.str("/line/dash")),
            };
            let alpha = spec.f64("/opacity").unwrap_or(1.0) as f32;
            let fill = spec.str("/fillcolor").and_then(color::parse).map(Ink::Own);
            let marks = shape(kind, [x0, y0, x1, y1], pen, fill, alpha);
            let below = spec.str("/layer") == Some("below");
            let series = Series { kind: "annotation".into(), marks, ..Series::default() };
            let all = &mut self.figure.panels[panel].series;
            if below {
                all.insert(0, series);
            } else {
                all.push(series);
            }
            if let Some(text) = spec.words("/label/text") {
                let mut label = Label::new([if x0.is_finite() { x0 } else { x1 }, y1], text);
                label.down = 1;
                self.extra(panel).marks.push(Mark::Texts(vec![label]));
            }
        }
    }

    /// Names what a layout asks for and is not there.
    fn left_out(&mut self) {
        for (path, words) in [
            ("/updatemenus", "The menus of the figure"),
            ("/sliders", "The slider of the figure"),
            ("/images", "Pictures laid over the figure"),
        ] {
            if self.layout.own(path).and_then(Value::as_array).is_some_and(|l| !l.is_empty()) {
                self.figure.note(words);
            }
        }
        if self.layout.own("/xaxis/rangeslider/visible") == Some(&Value::Bool(true)) {
            self.figure.note("The range slider; the wheel with Ctrl zooms instead");
        }
    }
}

fn side(words: Option<&str>, [near, far]: [&str; 2]) -> i8 {
    match words {
        Some(w) if w == near => -1,
        Some(w) if w == far => 1,
        _ => 0,
    }
}

fn shape(kind: &str, [x0, y0, x1, y1]: [f64; 4], pen: Pen, fill: Option<Ink>, alpha: f32) -> Vec<Mark> {
    let order = |a: f64, b: f64| if a <= b { (a, b) } else { (b, a) };
    match kind {
        "line" => {
            let (lines, inks) = (vec![[x0, y0, x1, y1]].into(), Inks::One(pen.ink));
            vec![Mark::Segments { lines, inks, width: pen.width, dash: pen.dash, alpha }]
        }
        "circle" if [x0, y0, x1, y1].iter().all(|v| v.is_finite()) => {
            let (cx, cy) = (f64::midpoint(x0, x1), f64::midpoint(y0, y1));
            let (rx, ry) = ((x1 - x0).abs() / 2.0, (y1 - y0).abs() / 2.0);
            let turn = |i: i32| f64::from(i) / 64.0 * std::f64::consts::TAU;
            let points: Vec<_> = (0..=64).map(|i| [cx + rx * turn(i).cos(), cy + ry * turn(i).sin()]).collect();
            let mut marks = Vec::new();
            if let Some(ink) = fill {
                let half: Vec<f64> = (0..=32).map(|i| cx - rx * turn(i).cos()).collect();
                let reach: Vec<f64> = (0..=32).map(|i| ry * turn(i).sin()).collect();
                let (low, high) = (reach.iter().map(|r| cy - r).collect(), reach.iter().map(|r| cy + r).collect());
                marks.push(Mark::Area { along: half, low, high, upright: true, ink, alpha });
            }
            marks.push(Mark::Line { points: points.into(), pen, alpha });
            marks
        }
        _ => {
            let ((x0, x1), (y0, y1)) = (order(x0, x1), order(y0, y1));
            let edge = (pen.width > 0.0).then_some(Pen { dash: Dash::Solid, ..pen });
            let inks = Inks::One(fill.unwrap_or(Ink::Own([0; 4])));
            vec![Mark::Rects { rects: vec![[x0, y0, x1, y1]].into(), inks, alpha, edge, labels: Vec::new() }]
        }
    }
}

/// The range an axis gives, low end first unless it is reversed.
fn given_range(spec: &Spec<'_>, scale: &Scale) -> Option<[f64; 2]> {
    let list = spec.get("/range")?;
    let column = super::spec::Column::read(list)?;
    if column.len() != 2 || column.is_missing(0) || column.is_missing(1) {
        return None;
    }
    let one = |i: usize| match scale {
        Scale::Log => 10f64.powf(column.number(i)),
        Scale::Time => column.time(i),
        _ => column.number(i),
    };
    let pair = [one(0), one(1)];
    (pair.iter().all(|v| v.is_finite()) && pair[0] != pair[1]).then_some(pair)
}

/// Marks an axis gives itself.
fn given_ticks(spec: &Spec<'_>, scale: &Scale) -> Option<Vec<(f64, String)>> {
    if spec.str("/tickmode") == Some("auto") {
        return None;
    }
    let values = spec.column("/tickvals")?;
    let words = spec.column("/ticktext");
    let at = |i: usize| match scale {
        Scale::Time => values.time(i),
        Scale::Names(names) => {
            values.word(i).and_then(|w| names.iter().position(|n| **n == *w)).map_or(values.number(i), |p| p as f64)
        }
        _ => values.number(i),
    };
    let one = |i: usize| {
        let word = words.as_ref().and_then(|w| w.word(i)).or_else(|| values.word(i)).unwrap_or_default();
        (at(i), super::plain(&word))
    };
    Some((0..values.len().min(2000)).map(one).filter(|(v, _)| v.is_finite()).collect())
}

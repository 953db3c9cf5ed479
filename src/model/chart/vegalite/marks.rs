//! Marks of Vega-Lite as marks of a figure.
use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    Reader,
    axes::{self, Place},
    compose::Layer,
    data::{Row, field, number, word},
    encode::{Channel, Kind},
    parts::{self, Colours, Frame, inks, table},
};
use crate::model::chart::{
    figure::{At, Dash, Form, Ink, Inks, Label, Many, Mark, Pen, Scale, Series, Target, Wedge},
    stack::{self, Path},
    ticks,
};

/// Share of a name's place that a bar fills.
const BAND: f64 = 0.8;
const MOST_TEXTS: usize = 5_000;

/// Rows of one colour, and of one line.
pub(super) struct Part<'a> {
    pub rows: Vec<&'a Row>,
    /// Their places among all rows of the panel.
    pub at: Vec<usize>,
    pub name: String,
    pub legend: Option<usize>,
    rank: usize,
}

/// Rows by the fields that part series.
pub(super) fn parts<'a>(layer: &'a Layer, frame: &Frame, fine: bool) -> Vec<Part<'a>> {
    let colour = parts::colour(layer)
        .and_then(|c| c.column.as_deref())
        .filter(|_| matches!(frame.colours, Colours::Names { .. }));
    let mut keys: Vec<&str> = colour.into_iter().collect();
    if fine {
        for name in ["detail", "strokeDash", "shape", "opacity", "size", "key"] {
            let channels =
                layer.encoding.0.iter().filter(|c| c.name == name && (c.kind.is_discrete() || name == "detail"));
            keys.extend(channels.filter_map(|c| c.column.as_deref()));
        }
    }
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut out: Vec<Part<'a>> = Vec::new();
    for (i, row) in layer.rows.iter().enumerate() {
        let key: String = keys.iter().map(|k| field(row, k).map(word).unwrap_or_default() + "\u{0}").collect();
        let at = *index.entry(key).or_insert_with(|| {
            let value = colour.and_then(|c| field(row, c)).map(word);
            let (mut legend, mut rank) = (None, 0);
            if let (Colours::Names { index, entries, .. }, Some(value)) = (&frame.colours, &value) {
                rank = index.get(value).copied().unwrap_or(0);
                legend = entries.get(rank).copied().flatten();
            }
            out.push(Part { rows: Vec::new(), at: Vec::new(), name: value.unwrap_or_default(), legend, rank });
            out.len() - 1
        });
        out[at].rows.push(row);
        out[at].at.push(i);
    }
    out.sort_by_key(|p| p.rank);
    out
}

/// Which way values stand: true when they rise along y.
pub(super) fn upright(layer: &Layer) -> bool {
    match layer.def.get("orient").and_then(Value::as_str) {
        Some("horizontal") => return false,
        Some("vertical") => return true,
        _ => {}
    }
    let (x, y) = (layer.encoding.get("x"), layer.encoding.get("y"));
    let place = |c: &Channel| c.kind.is_discrete() || c.binned;
    match (x, y) {
        (Some(x), Some(y)) => {
            if place(x) != place(y) {
                return place(x);
            }
            if layer.encoding.get("x2").is_some() != layer.encoding.get("y2").is_some() && layer.mark != "rule" {
                return layer.encoding.get("y2").is_some();
            }
            if (x.kind == Kind::Time) != (y.kind == Kind::Time) {
                return x.kind == Kind::Time;
            }
            !(x.aggregate.is_some() && y.aggregate.is_none())
        }
        (Some(x), None) => x.kind.is_discrete() || x.binned,
        _ => true,
    }
}

/// Least distance of places that are not names.
pub(super) fn step(places: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = places.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let least = sorted.windows(2).map(|w| w[1] - w[0]).filter(|d| *d > 0.0).fold(f64::INFINITY, f64::min);
    least.is_finite().then_some(least)
}

/// One side of a row: its place, or its two ends.
pub(super) struct Side<'a> {
    pub place: &'a Place,
    pub first: Option<&'a Channel>,
    pub second: Option<&'a Channel>,
}

impl Side<'_> {
    pub fn of(&self, row: &Row) -> f64 {
        match self.first {
            Some(c) => match self.place.end(c, row) {
                // A point on a bin stands in its middle.
                Some(end) => f64::midpoint(self.place.row(c, row), end),
                None => self.place.row(c, row),
            },
            None if self.place.is_names() => 0.0,
            None => f64::NAN,
        }
    }
    pub fn ends(&self, row: &Row) -> Option<[f64; 2]> {
        let first = self.first?;
        let start = self.place.row(first, row);
        if let Some(end) = self.place.end(first, row) {
            return Some([start, end]);
        }
        Some([start, self.place.row(self.second?, row)])
    }
}

pub(super) fn sides<'a>(layer: &'a Layer, frame: &'a Frame) -> (Side<'a>, Side<'a>) {
    let e = &layer.encoding;
    (
        Side { place: &frame.x, first: e.get("x"), second: e.get("x2") },
        Side { place: &frame.y, first: e.get("y"), second: e.get("y2") },
    )
}

impl Reader<'_> {
    /// Draws one layer into a panel.
    pub(super) fn lower(&mut self, layer: &Layer, frame: &Frame, panel: usize) {
        self.series += 1;
        if self.series > 2_000 {
            self.figure.note("Layers beyond the first 2000");
            return;
        }
        let before = self.figure.panels[panel].series.len();
        match layer.mark.as_str() {
            "bar" => self.bars(layer, frame, panel),
            "rect" => self.rects(layer, frame, panel),
            "point" | "circle" | "square" => self.points(layer, frame, panel),
            "line" | "trail" | "area" => self.lines(layer, frame, panel),
            "rule" | "tick" => self.rules(layer, frame, panel),
            "text" => self.texts(layer, frame, panel),
            "arc" => self.arcs(layer, frame, panel),
            "boxplot" => self.boxes(layer, frame, panel),
            "errorbar" | "errorband" => self.errors(layer, frame, panel),
            other => {
                let why = if other == "geoshape" { "maps are not drawn" } else { "this mark is not drawn" };
                self.figure.note(format!("The mark {}: {why}", crate::base::text::shorten(other, 30)));
                let rows: Vec<&Row> = layer.rows.iter().collect();
                let data = table(layer, &rows);
                self.add(panel, layer, Series { data, count: rows.len(), ..Series::default() });
            }
        }
        if self.figure.panels[panel].series.len() == before {
            self.add(panel, layer, Series::default());
        }
    }

    pub(super) fn add(&mut self, panel: usize, layer: &Layer, mut series: Series) {
        series.kind.clone_from(&layer.mark);
        if series.name.is_empty() {
            series.name.clone_from(&layer.name);
        }
        self.figure.panels[panel].series.push(series);
    }

    fn series(&self, layer: &Layer, part: &Part<'_>) -> Series {
        Series {
            name: part.name.clone(),
            legend: part.legend,
            count: part.rows.len(),
            data: table(layer, &part.rows),
            ..Series::default()
        }
    }

    fn bars(&mut self, layer: &Layer, frame: &Frame, panel: usize) {
        let (x, y) = sides(layer, frame);
        let up = upright(layer);
        let (along, value) = if up { (x, y) } else { (y, x) };
        let rows: Vec<&Row> = layer.rows.iter().collect();
        let places: Vec<f64> = rows.iter().map(|r| along.of(r)).collect();
        let values: Vec<f64> = rows.iter().map(|r| value.of(r)).collect();
        let groups = parts(layer, frame, true);
        let heights = heights(layer, &groups, &places, &values, &value, &rows);
        let wide = if along.place.is_names() {
            1.0
        } else {
            step(&places).unwrap_or(if matches!(along.place.axis.scale, Scale::Time) { 86_400_000.0 } else { 1.0 })
        };
        let offsets = offsets(layer, up);
        let (parted, n) = offsets.as_ref().map_or((1.0, 1), |(_, n)| (*n as f64, *n));
        let all = inks(layer, frame, &self.figure.scales, &rows);
        let labels = Vec::new();
        let alpha = self.alpha(layer);
        let split = parts(layer, frame, false);
        for part in split {
            let mut series = self.series(layer, &part);
            let mut rects = Vec::with_capacity(part.at.len());
            for (row, &i) in part.rows.iter().zip(&part.at) {
                let ends = along.ends(row).filter(|_| !along.place.is_names());
                let [a, b] = ends.unwrap_or_else(|| {
                    let whole = wide * BAND;
                    let one = whole / parted;
                    let k = offsets.as_ref().map_or(0, |(index, _)| index.get(&i).copied().unwrap_or(0).min(n - 1));
                    let start = places[i] - whole / 2.0 + one * k as f64;
                    [start, start + one]
                });
                let [low, high] = heights[i];
                rects.push(if low.is_nan() || a.is_nan() || b.is_nan() {
                    [f64::NAN; 4]
                } else {
                    stack::rect(up, [a, b], [low, high])
                });
            }
            series.missing = rects.iter().filter(|r| r[0].is_nan()).count();
            let rects: Arc<[[f64; 4]]> = rects.into();
            let own: Arc<[Ink]> = part.at.iter().map(|i| all[*i]).collect();
            // Bins touch each other but for a thin line.
            let edge = along.first.is_some_and(|c| c.binned).then(|| Pen::solid(Ink::Ground, 1.0));
            series.marks.push(Mark::Rects {
                rects: rects.clone(),
                inks: Inks::Each(own),
                alpha,
                edge,
                labels: labels.clone(),
            });
            series.target = Target::Rects(rects);
            self.add(panel, layer, series);
        }
    }

    fn rects(&mut self, layer: &Layer, frame: &Frame, panel: usize) {
        let (x, y) = sides(layer, frame);
        let rows: Vec<&Row> = layer.rows.iter().collect();
        let all = inks(layer, frame, &self.figure.scales, &rows);
        let alpha = self.alpha(layer);
        let side = |side: &Side<'_>| {
            let places: Vec<f64> = rows.iter().map(|r| side.of(r)).collect();
            let half = if side.place.is_names() { 0.5 } else { step(&places).unwrap_or(1.0) / 2.0 };
            let ends: Vec<[f64; 2]> = rows
                .iter()
                .zip(&places)
                .map(|(r, at)| match side.ends(r).filter(|_| !side.place.is_names()) {
                    Some(ends) => ends,
                    // Without a field it fills the whole side.
                    None if side.first.is_none() => [f64::NEG_INFINITY, f64::INFINITY],
                    None => [at - half, at + half],
                })
                .collect();
            ends
        };
        let (ex, ey) = (side(&x), side(&y));
        for part in parts(layer, frame, false) {
            let mut series = self.series(layer, &part);
            let rects: Arc<[[f64; 4]]> = part
                .at
                .iter()
                .map(|i| {
                    let ([x0, x1], [y0, y1]) = (ex[*i], ey[*i]);
                    if [x0, x1, y0, y1].iter().any(|v| v.is_nan()) {
                        [f64::NAN; 4]
                    } else {
                        [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)]
                    }
                })
                .collect();
            let own: Arc<[Ink]> = part.at.iter().map(|i| all[*i]).collect();
            series.missing = rects.iter().filter(|r| r[0].is_nan()).count();
            series.marks.push(Mark::Rects {
                rects: rects.clone(),
                inks: Inks::Each(own),
                alpha,
                edge: None,
                labels: Vec::new(),
            });
            series.target = Target::Rects(rects);
            self.add(panel, layer, series);
        }
    }

    fn points(&mut self, layer: &Layer, frame: &Frame, panel: usize) {
        let (x, y) = sides(layer, frame);
        let rows: Vec<&Row> = layer.rows.iter().collect();
        let all = inks(layer, frame, &self.figure.scales, &rows);
        let shapes = index_of(layer, "shape", &rows);
        let sizes = self.sizes(layer, &rows);
        let filled = layer.def.get("filled").and_then(Value::as_bool).unwrap_or(layer.mark != "point");
        let form = match (layer.mark.as_str(), layer.def.get("shape").and_then(Value::as_str)) {
            (_, Some(name)) => named_form(name),
            ("square", _) => Form::Square,
            _ => Form::Circle,
        };
        let default = if layer.mark == "point" || self.has_alpha(layer) { 1.0 } else { 0.7 };
        let alpha = if self.has_alpha(layer) { self.alpha(layer) } else { default };
        let opacities = self.opacities(layer, &rows);
        for part in parts(layer, frame, false) {
            let mut series = self.series(layer, &part);
            let at: Arc<[At]> = part.rows.iter().map(|r| [x.of(r), y.of(r)]).collect();
            series.missing = at.iter().filter(|p| p[0].is_nan() || p[1].is_nan()).count();
            let own: Vec<Ink> = part.at.iter().map(|i| faded(all[*i], opacities.as_ref().map(|o| o[*i]))).collect();
            let forms = match &shapes {
                Some(index) => Many::Each(part.at.iter().map(|i| parts::form(index[*i])).collect()),
                None => Many::One(form),
            };
            let sizes = match &sizes {
                Many::One(s) => Many::One(*s),
                Many::Each(all) => Many::Each(part.at.iter().map(|i| all[*i]).collect()),
            };
            series.marks.push(Mark::Points {
                at: at.clone(),
                inks: Inks::Each(own.into()),
                sizes,
                forms,
                hollow: !filled,
                alpha,
            });
            series.target = Target::Points(at);
            self.add(panel, layer, series);
        }
    }

    fn lines(&mut self, layer: &Layer, frame: &Frame, panel: usize) {
        let (x, y) = sides(layer, frame);
        let up = upright(layer);
        let rows: Vec<&Row> = layer.rows.iter().collect();
        let all = inks(layer, frame, &self.figure.scales, &rows);
        let dashes = index_of(layer, "strokeDash", &rows);
        let area = layer.mark == "area";
        let (along, value) = if up { (&x, &y) } else { (&y, &x) };
        let places: Vec<f64> = rows.iter().map(|r| along.of(r)).collect();
        let values: Vec<f64> = rows.iter().map(|r| value.of(r)).collect();
        let groups = parts(layer, frame, true);
        let heights = heights(layer, &groups, &places, &values, value, &rows);
        let own_order = layer.encoding.field("order").and_then(|c| c.column.clone());
        let way = way(layer.def.get("interpolate").and_then(Value::as_str));
        let width =
            layer.def.get("strokeWidth").or(layer.def.get("size")).and_then(Value::as_f64).unwrap_or(2.0) as f32;
        let fixed = layer.def.get("strokeDash").and_then(Value::as_array).map_or(Dash::Solid, |d| {
            if d.first().and_then(Value::as_f64).unwrap_or(0.0) <= 2.0 { Dash::Dot } else { Dash::Dash }
        });
        let alpha = if area && !self.has_alpha(layer) { 0.7 } else { self.alpha(layer) };
        for part in groups {
            let mut series = self.series(layer, &part);
            let mut order: Vec<usize> = part.at.clone();
            match &own_order {
                Some(column) => order.sort_by(|a, b| {
                    let get = |i: usize| field(rows[i], column).cloned().unwrap_or(Value::Null);
                    super::data::order(&get(*a), &get(*b))
                }),
                None => order.sort_by(|a, b| places[*a].total_cmp(&places[*b])),
            }
            let ink = part.at.first().map_or(Ink::Auto(0), |i| all[*i]);
            let top: Vec<At> = order.iter().map(|i| stack::at(up, places[*i], heights[*i][1])).collect();
            series.missing = top.iter().filter(|p| p[0].is_nan() || p[1].is_nan()).count();
            // A missing value breaks the line.
            let top: Vec<At> =
                top.into_iter().map(|p| if p[0].is_nan() || p[1].is_nan() { [f64::NAN; 2] } else { p }).collect();
            let points = stack::path(&top, way);
            if area {
                let low: Vec<At> = order.iter().map(|i| stack::at(up, places[*i], heights[*i][0])).collect();
                let low = stack::path(&low, way);
                let pick = |p: &At, k: usize| p[if up { k } else { 1 - k }];
                series.marks.push(Mark::Area {
                    along: points.iter().map(|p| pick(p, 0)).collect(),
                    low: low.iter().map(|p| pick(p, 1)).collect(),
                    high: points.iter().map(|p| pick(p, 1)).collect(),
                    upright: up,
                    ink,
                    alpha,
                });
            }
            let lined = layer.def.get("line").is_some_and(|l| *l == true || l.is_object());
            if !area || lined {
                let dash = dashes.as_ref().and_then(|d| part.at.first().map(|i| parts::dash(d[*i]))).unwrap_or(fixed);
                let pen = Pen { ink, width, dash };
                series.marks.push(Mark::Line { points: points.into(), pen, alpha: if area { 1.0 } else { alpha } });
            }
            let at: Arc<[At]> = part.at.iter().map(|i| stack::at(up, places[*i], heights[*i][1])).collect();
            if layer.def.get("point").is_some_and(|p| *p == true || p.is_object()) {
                series.marks.push(dots(at.clone(), ink, 7.0));
            }
            series.target = Target::Points(at);
            self.add(panel, layer, series);
        }
    }

    fn rules(&mut self, layer: &Layer, frame: &Frame, panel: usize) {
        let (x, y) = sides(layer, frame);
        let rows: Vec<&Row> = layer.rows.iter().collect();
        let all = inks(layer, frame, &self.figure.scales, &rows);
        let tick = layer.mark == "tick";
        // A tick stands across the side its value runs along.
        let across = layer.encoding.get("x").is_some_and(|c| !c.kind.is_discrete())
            && (layer.encoding.get("y").is_none_or(|c| c.kind.is_discrete()) || tick);
        let segment = |row: &Row| {
            let (px, py) = (x.of(row), y.of(row));
            if tick {
                let half = 0.35;
                return if across { [px, py - half, px, py + half] } else { [px - half, py, px + half, py] };
            }
            let whole = [f64::NEG_INFINITY, f64::INFINITY];
            let side = |s: &Side<'_>, at: f64| match (s.ends(row), s.first) {
                (Some(ends), _) => ends,
                (None, Some(_)) => [at, at],
                (None, None) => whole,
            };
            let ([x0, x1], [y0, y1]) = (side(&x, px), side(&y, py));
            [x0, y0, x1, y1]
        };
        let width = layer
            .def
            .get("strokeWidth")
            .or(layer.def.get("size").filter(|_| !tick))
            .or(layer.def.get("thickness"))
            .and_then(Value::as_f64);
        let dash = if layer.def.get("strokeDash").is_some() { Dash::Dash } else { Dash::Solid };
        let alpha = self.alpha(layer);
        for part in parts(layer, frame, false) {
            let mut series = self.series(layer, &part);
            let lines: Vec<[f64; 4]> = part.rows.iter().map(|r| segment(r)).collect();
            let own: Arc<[Ink]> = part.at.iter().map(|i| all[*i]).collect();
            series.missing = lines.iter().filter(|l| l.iter().any(|v| v.is_nan())).count();
            let middles: Arc<[At]> = lines
                .iter()
                .map(|l| {
                    let middle =
                        |a: f64, b: f64| if a.is_finite() && b.is_finite() { f64::midpoint(a, b) } else { f64::NAN };
                    [middle(l[0], l[2]), middle(l[1], l[3])]
                })
                .collect();
            series.marks.push(Mark::Segments {
                lines: lines.into(),
                inks: Inks::Each(own),
                width: width.unwrap_or(1.0) as f32,
                dash,
                alpha,
            });
            series.target = Target::Points(middles);
            self.add(panel, layer, series);
        }
    }

    fn texts(&mut self, layer: &Layer, frame: &Frame, panel: usize) {
        let (x, y) = sides(layer, frame);
        let rows: Vec<&Row> = layer.rows.iter().take(MOST_TEXTS).collect();
        let all = inks(layer, frame, &self.figure.scales, &rows);
        let channel = layer.encoding.get("text");
        let def = |key: &str| layer.def.get(key);
        let number_of = |key: &str| def(key).and_then(Value::as_f64).unwrap_or(0.0) as f32;
        let format = channel.and_then(|c| c.get("/format")).and_then(Value::as_str);
        let text = |row: &Row| {
            let Some(c) = channel else { return def("text").map(word).unwrap_or_default() };
            let value = match &c.column {
                Some(column) => field(row, column).cloned().unwrap_or(Value::Null),
                None => c.value.clone().or_else(|| c.datum.clone()).unwrap_or(Value::Null),
            };
            match (&value, format) {
                (Value::Null, _) => String::new(),
                (v, Some(f)) if number(v).is_some() => {
                    number(v).and_then(|n| ticks::number(n, f)).unwrap_or_else(|| word(v))
                }
                (Value::Number(n), None) => n.as_f64().map_or_else(String::new, ticks::show_number),
                (v, _) => axes::name_of(c, v, Some(row)),
            }
        };
        let (across, down) = (
            match def("align").and_then(Value::as_str) {
                Some("left") => -1,
                Some("right") => 1,
                _ => 0,
            },
            match def("baseline").and_then(Value::as_str) {
                Some("top" | "line-top") => -1,
                Some("bottom" | "line-bottom" | "alphabetic") => 1,
                _ => 0,
            },
        );
        let size = def("fontSize").or(def("size")).and_then(Value::as_f64).unwrap_or(11.5).clamp(6.0, 60.0) as f32;
        let labels: Vec<Label> = rows
            .iter()
            .enumerate()
            .map(|(i, r)| Label {
                ink: all[i],
                size,
                across,
                down,
                shift: [number_of("dx"), number_of("dy")],
                angle: number_of("angle"),
                bold: def("fontWeight").is_some_and(|w| w == "bold" || w.as_f64().is_some_and(|w| w >= 600.0)),
                ..Label::new([x.of(r), y.of(r)], text(r))
            })
            .filter(|l| !l.text.is_empty() && !l.at[0].is_nan() && !l.at[1].is_nan())
            .collect();
        let series = Series {
            count: rows.len(),
            data: table(layer, &rows),
            marks: vec![Mark::Texts(labels)],
            ..Series::default()
        };
        self.add(panel, layer, series);
    }

    fn arcs(&mut self, layer: &Layer, frame: &Frame, panel: usize) {
        let rows: Vec<&Row> = layer.rows.iter().collect();
        let all = inks(layer, frame, &self.figure.scales, &rows);
        let angle = layer.encoding.get("theta").and_then(|c| c.column.as_deref());
        let value = |r: &Row| angle.map_or(1.0, |c| field(r, c).and_then(number).unwrap_or(0.0).max(0.0));
        let total: f64 = rows.iter().map(|r| value(r)).sum();
        let inner = layer.def.get("innerRadius").and_then(Value::as_f64).unwrap_or(0.0);
        let outer = layer.def.get("outerRadius").and_then(Value::as_f64).unwrap_or(100.0).max(1.0);
        if layer.encoding.field("radius").is_some() {
            self.figure.note("The radius of sectors");
        }
        let mut order: Vec<(usize, Option<usize>, String)> = parts(layer, frame, true)
            .into_iter()
            .flat_map(|p| p.at.iter().map(|i| (*i, p.legend, p.name.clone())).collect::<Vec<_>>())
            .collect();
        if let Some(column) = layer.encoding.field("order").and_then(|c| c.column.clone()) {
            let get = |i: usize| field(rows[i], &column).cloned().unwrap_or(Value::Null);
            order.sort_by(|a, b| super::data::order(&get(a.0), &get(b.0)));
        }
        let mut at = 0.0;
        let mut wedges = Vec::new();
        for (i, legend, _) in &order {
            let share = if total > 0.0 { value(rows[*i]) / total } else { 0.0 };
            wedges.push(Wedge {
                from: at,
                to: at + share,
                inner: (inner / outer).clamp(0.0, 0.95),
                outer: 1.0,
                ink: all[*i],
                label: String::new(),
                legend: *legend,
            });
            at += share;
        }
        let sorted: Vec<&Row> = order.iter().map(|(i, ..)| rows[*i]).collect();
        let series = Series {
            count: rows.len(),
            data: table(layer, &sorted),
            marks: vec![Mark::Wedges(wedges)],
            target: Target::Wedges,
            ..Series::default()
        };
        self.add(panel, layer, series);
    }

    fn has_alpha(&self, layer: &Layer) -> bool {
        ["opacity", "fillOpacity", "strokeOpacity"].iter().any(|k| layer.def.get(*k).is_some())
            || layer.encoding.get("opacity").is_some()
    }

    /// Opacity of a whole layer.
    fn alpha(&self, layer: &Layer) -> f32 {
        let own = layer.encoding.get("opacity").and_then(|c| c.value.as_ref()?.as_f64());
        let of_mark = ["opacity", "fillOpacity", "strokeOpacity"].iter().find_map(|k| layer.def.get(*k)?.as_f64());
        own.or(of_mark).unwrap_or(1.0).clamp(0.0, 1.0) as f32
    }

    fn opacities(&self, layer: &Layer, rows: &[&Row]) -> Option<Vec<f32>> {
        let column = layer.encoding.field("opacity")?.column.clone()?;
        let values: Vec<f64> = rows.iter().map(|r| field(r, &column).and_then(number).unwrap_or(f64::NAN)).collect();
        let [lo, hi] = values.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(*v), b.max(*v)]);
        let share = |v: f64| if hi > lo && v.is_finite() { (v - lo) / (hi - lo) } else { 1.0 };
        Some(values.into_iter().map(|v| (0.3 + 0.5 * share(v)) as f32).collect())
    }

    /// Diameters; an area of vega's size.
    fn sizes(&mut self, layer: &Layer, rows: &[&Row]) -> Many<f32> {
        let diameter = |area: f64| ((area.max(0.0) * 4.0 / std::f64::consts::PI).sqrt()).min(400.0) as f32;
        let fixed = layer
            .encoding
            .get("size")
            .and_then(|c| c.value.as_ref()?.as_f64())
            .or_else(|| layer.def.get("size")?.as_f64());
        let Some(channel) = layer.encoding.field("size") else {
            return Many::One(diameter(fixed.unwrap_or(30.0)).max(1.0));
        };
        let Some(column) = channel.column.clone() else { return Many::One(diameter(30.0)) };
        if channel.kind.is_discrete() {
            let all = axes::domain(std::slice::from_ref(layer), &["size"]);
            let index: HashMap<String, usize> = all.iter().enumerate().map(|(i, (v, _))| (word(v), i)).collect();
            let n = all.len().max(2) - 1;
            let size = |r: &&Row| {
                field(r, &column)
                    .and_then(|v| index.get(&word(v)))
                    .map_or(0.0, |i| diameter(9.0 + 352.0 * *i as f64 / n as f64))
            };
            return Many::Each(rows.iter().map(size).collect());
        }
        let value = |r: &Row| field(r, &column).and_then(number).unwrap_or(f64::NAN);
        let given: Vec<f64> =
            channel.get("/scale/domain").and_then(Value::as_array).into_iter().flatten().filter_map(number).collect();
        let most = given.last().copied().unwrap_or_else(|| rows.iter().map(|r| value(r)).fold(0.0, f64::max));
        let least = given.first().copied().unwrap_or_else(|| {
            if channel.get("/scale/zero") == Some(&Value::Bool(false)) {
                rows.iter().map(|r| value(r)).fold(f64::INFINITY, f64::min)
            } else {
                0.0
            }
        });
        let range: Vec<f64> =
            channel.get("/scale/range").and_then(Value::as_array).into_iter().flatten().filter_map(number).collect();
        let (from, to) = (range.first().copied().unwrap_or(0.0), range.get(1).copied().unwrap_or(361.0));
        let area = |v: f64| if most > least { from + (to - from) * (v - least) / (most - least) } else { to };
        Many::Each(rows.iter().map(|r| if value(r).is_nan() { 0.0 } else { diameter(area(value(r))) }).collect())
    }
}

/// Where each row's value begins and ends.
fn heights(
    layer: &Layer,
    groups: &[Part<'_>],
    places: &[f64],
    values: &[f64],
    value: &Side<'_>,
    rows: &[&Row],
) -> Vec<[f64; 2]> {
    if value.second.is_some() || value.first.is_some_and(|c| c.end.is_some()) {
        return rows.iter().map(|r| value.ends(r).map_or([f64::NAN; 2], |[a, b]| [b, a])).collect();
    }
    if value.first.is_none() || value.place.is_names() {
        return vec![[f64::NEG_INFINITY, f64::INFINITY]; rows.len()];
    }
    let channel = value.first;
    let asked = channel.and_then(|c| c.has("stack"));
    let summable = channel.is_none_or(|c| {
        c.aggregate
            .as_deref()
            .is_none_or(|a| matches!(a, "sum" | "count" | "valid" | "missing" | "distinct" | "product"))
    });
    let offset = match asked {
        Some(Value::String(s)) => Some(s.as_str()),
        Some(Value::Bool(true)) => Some("zero"),
        Some(Value::Null | Value::Bool(false)) => None,
        _ => (groups.len() > 1
            && summable
            && layer.mark != "line"
            && layer.mark != "trail"
            && value.place.axis.scale == Scale::Linear)
            .then_some("zero"),
    };
    let Some(offset) = offset.filter(|_| !has_offset(layer)) else {
        let zero =
            if value.place.axis.scale == Scale::Linear || layer.mark == "line" { 0.0 } else { f64::NEG_INFINITY };
        return values.iter().map(|v| if v.is_nan() { [f64::NAN; 2] } else { [zero, *v] }).collect();
    };
    // The first of the legend lies on top, as in vega.
    let mut rank = vec![0; rows.len()];
    for (k, part) in groups.iter().enumerate() {
        for i in &part.at {
            rank[*i] = groups.len() - k;
        }
    }
    if let Some(column) = layer.encoding.field("order").and_then(|c| c.column.clone()) {
        let mut by: Vec<usize> = (0..rows.len()).collect();
        let get = |i: usize| field(rows[i], &column).cloned().unwrap_or(Value::Null);
        by.sort_by(|a, b| super::data::order(&get(*a), &get(*b)));
        by.into_iter().enumerate().for_each(|(k, i)| rank[i] = k);
    }
    parts::stacked(places, values, &rank, offset)
}

fn has_offset(layer: &Layer) -> bool {
    layer.encoding.field("xOffset").is_some() || layer.encoding.field("yOffset").is_some()
}

/// The place of each row among bars beside each other, and how many there are.
fn offsets(layer: &Layer, up: bool) -> Option<(HashMap<usize, usize>, usize)> {
    let name = if up { "xOffset" } else { "yOffset" };
    let column = layer.encoding.field(name)?.column.clone()?;
    let all = axes::domain(std::slice::from_ref(layer), &[name]);
    let index: HashMap<String, usize> = all.iter().enumerate().map(|(i, (v, _))| (word(v), i)).collect();
    let of = |(i, r): (usize, &Row)| Some((i, *index.get(&word(field(r, &column)?))?));
    Some((layer.rows.iter().enumerate().filter_map(of).collect(), all.len().max(1)))
}

/// Index of each row's value among those of a discrete channel.
fn index_of(layer: &Layer, name: &str, rows: &[&Row]) -> Option<Vec<usize>> {
    let column = layer.encoding.field(name)?.column.clone()?;
    let all = axes::domain(std::slice::from_ref(layer), &[name]);
    let index: HashMap<String, usize> = all.iter().enumerate().map(|(i, (v, _))| (word(v), i)).collect();
    Some(rows.iter().map(|r| field(r, &column).and_then(|v| index.get(&word(v))).copied().unwrap_or(0)).collect())
}

fn faded(ink: Ink, alpha: Option<f32>) -> Ink {
    match (ink, alpha) {
        (Ink::Own([r, g, b, a]), Some(share)) => Ink::Own([r, g, b, (f32::from(a) * share) as u8]),
        _ => ink,
    }
}

fn dots(at: Arc<[At]>, ink: Ink, size: f32) -> Mark {
    Mark::Points {
        at,
        inks: Inks::One(ink),
        sizes: Many::One(size),
        forms: Many::One(Form::Circle),
        hollow: false,
        alpha: 1.0,
    }
}

fn way(name: Option<&str>) -> Path {
    match name {
        Some("step-after") => Path::After,
        Some("step-before") => Path::Before,
        Some("step") => Path::Middle,
        Some("monotone" | "natural" | "cardinal" | "basis" | "catmull-rom" | "bundle") => Path::Smooth,
        _ => Path::Straight,
    }
}

fn named_form(name: &str) -> Form {
    match name {
        "square" => Form::Square,
        "cross" => Form::Cross,
        "diamond" => Form::Diamond,
        "triangle-up" | "triangle" => Form::Up,
        "triangle-down" => Form::Down,
        "triangle-left" => Form::Left,
        "triangle-right" => Form::Right,
        "stroke" => Form::Dashed,
        _ => Form::Circle,
    }
}

//! Samples as boxes, and means with their errors.
use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    Reader,
    compose::Layer,
    marks::{Side, parts, sides, step, upright},
    parts::{Frame, colour, constant, inks},
};
use crate::model::chart::{
    figure::{At, Dash, Form, Ink, Inks, Many, Mark, Pen, Series, Target},
    stack,
    stats::{self, Rule},
};

impl Reader<'_> {
    pub(super) fn boxes(&mut self, layer: &Layer, frame: &Frame, panel: usize) {
        let (x, y) = sides(layer, frame);
        let up = upright(layer);
        let (along, value) = if up { (x, y) } else { (y, x) };
        let reach = match layer.def.get("extent") {
            Some(Value::String(s)) if s == "min-max" => None,
            Some(v) => Some(v.as_f64().unwrap_or(1.5)),
            None => Some(1.5),
        };
        let wide = if along.place.is_names() { 0.5 } else { 0.5 * along_step(layer, &along) };
        for part in parts(layer, frame, false) {
            let ink =
                part.at.first().map_or(Ink::Auto(0), |_| inks(layer, frame, &self.figure.scales, &part.rows[..1])[0]);
            let mut samples: Vec<(f64, Vec<f64>)> = Vec::new();
            let mut index: HashMap<u64, usize> = HashMap::new();
            for row in &part.rows {
                let a = along.of(row);
                if a.is_nan() || samples.len() >= 20_000 {
                    continue;
                }
                let at = *index.entry(a.to_bits()).or_insert_with(|| {
                    samples.push((a, Vec::new()));
                    samples.len() - 1
                });
                samples[at].1.push(value.of(row));
            }
            let made: Vec<(f64, stats::Summary)> =
                samples.iter().filter_map(|(a, v)| Some((*a, stats::summary(v, Rule::Seventh, reach)?))).collect();
            let half = wide / 2.0;
            let box_of = |a: &f64, low: f64, high: f64| stack::rect(up, [a - half, a + half], [low, high]);
            let line = |a0: f64, v0: f64, a1: f64, v1: f64| {
                let (p, q) = (stack::at(up, a0, v0), stack::at(up, a1, v1));
                [p[0], p[1], q[0], q[1]]
            };
            let segments = |lines: Vec<[f64; 4]>, ink| Mark::Segments {
                lines: lines.into(),
                inks: Inks::One(ink),
                width: 1.5,
                dash: Dash::Solid,
                alpha: 1.0,
            };
            let whiskers =
                made.iter().flat_map(|(a, s)| [line(*a, s.low, *a, s.q1), line(*a, s.q3, *a, s.high)]).collect();
            // A box without height is the line of its edge.
            let high = made.iter().filter(|(_, s)| s.q3 > s.q1);
            let medians = high.map(|(a, s)| line(a - half, s.median, a + half, s.median)).collect();
            let outliers: Arc<[At]> =
                made.iter().flat_map(|(a, s)| s.outliers.iter().map(|v| stack::at(up, *a, *v))).collect();
            let mut series =
                Series { name: part.name.clone(), legend: part.legend, count: part.rows.len(), ..Series::default() };
            series.marks.push(segments(whiskers, Ink::Text));
            let rects: Arc<[[f64; 4]]> = made.iter().map(|(a, s)| box_of(a, s.q1, s.q3)).collect();
            series.marks.push(Mark::Rects {
                rects,
                inks: Inks::One(ink),
                alpha: 1.0,
                edge: Some(Pen::solid(ink, 1.5)),
                labels: Vec::new(),
            });
            series.marks.push(segments(medians, Ink::Ground));
            if !outliers.is_empty() {
                series.marks.push(Mark::Points {
                    at: outliers,
                    inks: Inks::One(ink),
                    sizes: Many::One(6.0),
                    forms: Many::One(Form::Circle),
                    hollow: true,
                    alpha: 1.0,
                });
            }
            series.target = Target::Rects(made.iter().map(|(a, s)| box_of(a, s.low, s.high)).collect());
            let places: Vec<f64> = made.iter().map(|(a, _)| *a).collect();
            let name = along.first.map(|c| c.title.clone()).unwrap_or_default();
            series.data.add(name, stack::axis_values(&along.place.axis, &places));
            type Get = (&'static str, fn(&stats::Summary) -> f64);
            let columns: [Get; 5] = [
                ("upper whisker", |s| s.high),
                ("upper quartile", |s| s.q3),
                ("median", |s| s.median),
                ("lower quartile", |s| s.q1),
                ("lower whisker", |s| s.low),
            ];
            for (name, get) in columns {
                let values: Vec<f64> = made.iter().map(|(_, s)| get(s)).collect();
                series.data.add(name, stack::axis_values(&value.place.axis, &values));
            }
            self.add(panel, layer, series);
        }
    }

    /// Bars or a band around the mean of each place.
    pub(super) fn errors(&mut self, layer: &Layer, frame: &Frame, panel: usize) {
        let (x, y) = sides(layer, frame);
        let up = upright(layer);
        let (along, value) = if up { (x, y) } else { (y, x) };
        let extent = layer.def.get("extent").and_then(Value::as_str);
        let around = |v: &[f64]| {
            let mut sorted: Vec<f64> = v.iter().copied().filter(|v| v.is_finite()).collect();
            sorted.sort_by(f64::total_cmp);
            let (m, sd) = (stats::mean(&sorted), stats::deviation(&sorted, 1));
            let error = sd / (sorted.len() as f64).sqrt();
            match extent {
                Some("iqr") => [
                    stats::quantile(&sorted, 0.5, Rule::Seventh),
                    stats::quantile(&sorted, 0.25, Rule::Seventh),
                    stats::quantile(&sorted, 0.75, Rule::Seventh),
                ],
                Some("stdev") => [m, m - sd, m + sd],
                Some("ci") => [m, m - 1.96 * error, m + 1.96 * error],
                _ => [m, m - error, m + error],
            }
        };
        if extent == Some("ci") {
            self.figure.note("Bootstrapped intervals, for which 1.96 standard errors are drawn");
        }
        for part in parts(layer, frame, true) {
            let ink =
                inks(layer, frame, &self.figure.scales, &part.rows[..1]).first().copied().unwrap_or(constant(layer));
            let mut samples: Vec<(f64, Vec<f64>, Option<[f64; 2]>)> = Vec::new();
            let mut index: HashMap<u64, usize> = HashMap::new();
            for row in &part.rows {
                let a = along.of(row);
                if a.is_nan() || samples.len() >= 100_000 {
                    continue;
                }
                // Ends that are given are not worked out.
                let given = value.ends(row).filter(|_| value.second.is_some());
                let at = *index.entry(a.to_bits()).or_insert_with(|| {
                    samples.push((a, Vec::new(), given));
                    samples.len() - 1
                });
                samples[at].1.push(value.of(row));
            }
            samples.sort_by(|a, b| a.0.total_cmp(&b.0));
            let ends: Vec<[f64; 3]> = samples
                .iter()
                .map(|(_, v, given)| given.map_or_else(|| around(v), |[a, b]| [f64::midpoint(a, b), a, b]))
                .collect();
            let places: Vec<f64> = samples.iter().map(|(a, ..)| *a).collect();
            let column = |k: usize| ends.iter().map(|e| e[k]).collect::<Vec<f64>>();
            let mut series =
                Series { name: part.name.clone(), legend: part.legend, count: part.rows.len(), ..Series::default() };
            if layer.mark == "errorband" {
                series.marks.push(Mark::Area {
                    along: places.clone(),
                    low: column(1),
                    high: column(2),
                    upright: up,
                    ink,
                    alpha: 0.3,
                });
                if layer.def.get("borders").is_some_and(|b| *b == true || b.is_object()) {
                    for k in [1, 2] {
                        let points: Vec<At> = places.iter().zip(&ends).map(|(a, e)| stack::at(up, *a, e[k])).collect();
                        series.marks.push(Mark::Line {
                            points: points.into(),
                            pen: Pen { ink, width: 1.0, dash: Dash::Dash },
                            alpha: 1.0,
                        });
                    }
                }
            } else {
                let line = |a: f64, v: &[f64; 3]| {
                    let (p, q) = (stack::at(up, a, v[1]), stack::at(up, a, v[2]));
                    [p[0], p[1], q[0], q[1]]
                };
                let lines: Arc<[[f64; 4]]> = places.iter().zip(&ends).map(|(a, e)| line(*a, e)).collect();
                let ink = if colour(layer).is_none() && layer.def.get("color").is_none() { Ink::Text } else { ink };
                series.marks.push(Mark::Segments {
                    lines,
                    inks: Inks::One(ink),
                    width: 1.5,
                    dash: Dash::Solid,
                    alpha: 1.0,
                });
            }
            series.target = Target::Points(places.iter().zip(&ends).map(|(a, e)| stack::at(up, *a, e[0])).collect());
            series.data.add(
                along.first.map(|c| c.title.clone()).unwrap_or_default(),
                stack::axis_values(&along.place.axis, &places),
            );
            for (name, k) in [("centre", 0), ("low", 1), ("high", 2)] {
                series.data.add(name, stack::axis_values(&value.place.axis, &column(k)));
            }
            self.add(panel, layer, series);
        }
    }
}

fn along_step(layer: &Layer, along: &Side<'_>) -> f64 {
    let places: Vec<f64> = layer.rows.iter().map(|r| along.of(r)).collect();
    step(&places).unwrap_or(1.0)
}

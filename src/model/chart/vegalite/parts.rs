//! A panel of layers: its axes, its colours, and how values stand on each other.
use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    Reader,
    axes::{self, Place},
    compose::{Area, Layer},
    data::{Row, field, number, time, word},
    encode::{Channel, Kind},
    transform::predicate,
};
use crate::model::chart::{
    color::{self, Rgba},
    figure::{ColorScale, Data, Entry, Form, Frame as Round, Ink, Panel, Side, Swatch, Values},
    stack,
};

/// What the panels of one view share.
pub(super) struct Frame {
    pub x: Place,
    pub y: Place,
    pub colours: Colours,
    /// The axes of the first panel, with which the others zoom.
    first: Option<(usize, usize)>,
}

/// How a field becomes a colour.
pub(super) enum Colours {
    None,
    Names { index: HashMap<String, usize>, inks: Vec<Ink>, entries: Vec<Option<usize>> },
    Scale(usize),
}

pub(super) const COLOURS: [&str; 3] = ["color", "fill", "stroke"];

/// The channel that colours a layer.
pub(super) fn colour(layer: &Layer) -> Option<&Channel> {
    COLOURS.iter().find_map(|n| layer.encoding.field(n)).or_else(|| COLOURS.iter().find_map(|n| layer.encoding.get(n)))
}

impl Reader<'_> {
    pub(super) fn frame(&mut self, layers: &[Layer]) -> Frame {
        let [x, y] = ["x", "y"].map(|side| axes::place(layers, side, self.key(side)));
        let colours = self.colours(layers);
        Frame { x, y, colours, first: None }
    }

    /// `x`, then `x2` and so on.
    fn key(&self, side: &str) -> String {
        let n = self.figure.axes.iter().filter(|a| a.key.starts_with(side)).count();
        if n == 0 { side.to_owned() } else { format!("{side}{}", n + 1) }
    }

    fn colours(&mut self, layers: &[Layer]) -> Colours {
        let fields: Vec<(&Layer, &Channel)> =
            layers.iter().filter_map(|l| Some((l, COLOURS.iter().find_map(|n| l.encoding.field(n))?))).collect();
        let Some((layer, first)) = fields.first().copied() else { return self.forms(layers) };
        if first.kind.is_discrete() {
            return self.colour_names(layers, layer, first);
        }
        let value = |v: &Value| if first.kind == Kind::Time { time(v) } else { number(v) };
        let mut ends = [f64::INFINITY, f64::NEG_INFINITY];
        for (layer, channel) in &fields {
            for row in layer.rows.iter() {
                if let Some(v) = channel.column.as_ref().and_then(|c| field(row, c)).and_then(value) {
                    ends = [ends[0].min(v), ends[1].max(v)];
                }
            }
        }
        if ends[0] > ends[1] {
            ends = [0.0, 1.0];
        }
        let given: Vec<f64> =
            first.get("/scale/domain").and_then(Value::as_array).into_iter().flatten().filter_map(value).collect();
        if let (Some(lo), Some(hi)) = (given.first(), given.last())
            && lo < hi
        {
            ends = [*lo, *hi];
        }
        if let Some(middle) = first.get("/scale/domainMid").and_then(Value::as_f64) {
            let reach = (ends[1] - middle).abs().max((middle - ends[0]).abs());
            ends = [middle - reach, middle + reach];
        }
        let scheme = first.get("/scale/scheme").and_then(|s| s.as_str().or_else(|| s.get("name")?.as_str()));
        let default = if layer.mark == "rect" { "yellowgreenblue" } else { "blues" };
        let stops = first.get("/scale/range").and_then(color::scale);
        let stops =
            stops.or_else(|| color::named_scale(scheme.unwrap_or(default))).or_else(|| color::named_scale(default));
        let mut stops = stops.unwrap_or_default();
        let turned = first.get("/scale/reverse").and_then(Value::as_bool) == Some(true)
            || first.get("/sort").and_then(Value::as_str) == Some("descending");
        if turned {
            stops = stops.iter().rev().map(|(at, c)| (1.0 - at, *c)).collect();
        }
        if let Some(kind) =
            first.get("/scale/type").and_then(Value::as_str).filter(|k| !matches!(*k, "linear" | "sequential"))
        {
            self.figure.note(format!(
                "A colour scale of type {}, which is drawn as a linear one",
                crate::base::text::shorten(kind, 20)
            ));
        }
        let bar = first.has("legend") != Some(&Value::Null);
        self.figure.scales.push(ColorScale { title: first.title.clone(), stops, domain: ends, bar });
        Colours::Scale(self.figure.scales.len() - 1)
    }

    fn colour_names(&mut self, layers: &[Layer], layer: &Layer, channel: &Channel) -> Colours {
        let all = axes::domain(layers, &COLOURS);
        let inks: Vec<Ink> = own_inks(channel, all.len())
            .unwrap_or_else(|| (0..all.len()).map(|i| Ink::Auto((i % 1000) as u16)).collect());
        let index = all.iter().enumerate().map(|(i, (v, _))| (word(v), i)).collect();
        let legend = channel.has("legend") != Some(&Value::Null);
        let swatch = match layer.mark.as_str() {
            "line" | "trail" | "rule" => Swatch::Line(Default::default()),
            "point" | "circle" | "square" => Swatch::Point(Form::Circle),
            _ => Swatch::Box,
        };
        let entries =
            all.iter().zip(&inks).map(|((_, label), ink)| legend.then(|| self.entry(label, *ink, swatch))).collect();
        if legend && self.figure.legend_title.is_empty() {
            self.figure.legend_title.clone_from(&channel.title);
        }
        Colours::Names { index, inks, entries }
    }

    /// Without colours, shapes and dashes have a legend of their own.
    fn forms(&mut self, layers: &[Layer]) -> Colours {
        let found = layers.iter().find_map(|l| {
            let c = ["shape", "strokeDash"].into_iter().find_map(|n| l.encoding.field(n))?;
            Some((c.name.clone(), c.title.clone()))
        });
        if let Some((name, title)) = found {
            let all = axes::domain(layers, &[name.as_str()]);
            for (i, (_, label)) in all.iter().enumerate().take(50) {
                let swatch = if name == "shape" { Swatch::Point(form(i)) } else { Swatch::Line(dash(i)) };
                self.entry(label, Ink::Auto(0), swatch);
            }
            self.figure.legend_title = title;
        }
        Colours::None
    }

    fn entry(&mut self, label: &str, ink: Ink, swatch: Swatch) -> usize {
        let known = self.figure.legend.iter().position(|e| e.label == label && e.ink == ink);
        known.unwrap_or_else(|| {
            self.figure.legend.push(Entry { label: label.to_owned(), ink, swatch, off: false });
            self.figure.legend.len() - 1
        })
    }

    /// One panel of layers; `outer` says whether it has the labels of x and of y.
    pub(super) fn panel(&mut self, layers: &[Layer], area: Area, frame: &mut Frame, outer: (bool, bool)) -> usize {
        let round = layers.iter().any(|l| l.mark == "arc");
        let (x, y) = if round { stack::bare_axes(&mut self.figure) } else { self.push_axes(frame, outer) };
        let frame_kind = if round { Round::Round } else { Round::Axes };
        self.figure.panels.push(Panel {
            area,
            frame: frame_kind,
            x,
            y,
            over: false,
            title: String::new(),
            square: false,
            series: Vec::new(),
        });
        let at = self.figure.panels.len() - 1;
        for layer in layers {
            self.lower(layer, frame, at);
        }
        at
    }

    fn push_axes(&mut self, frame: &mut Frame, (bottom, left): (bool, bool)) -> (usize, usize) {
        let mut made = [0, 0];
        let first = frame.first.is_none();
        for (slot, side, place, outer) in [(0, "x", &frame.x, bottom), (1, "y", &frame.y, left)] {
            let mut axis = place.axis.clone();
            if !first {
                axis.key = self.key(side);
            }
            axis.range = axes::wish(place);
            axis.labels &= outer;
            if !outer {
                axis.title.clear();
            }
            let at = self.figure.axes.len();
            axis.link = frame.first.map_or(at, |f| if slot == 0 { f.0 } else { f.1 });
            self.figure.axes.push(axis);
            made[slot] = at;
        }
        frame.first.get_or_insert((made[0], made[1]));
        (made[0], made[1])
    }

    /// Layers that each have a y axis of their own, over each other.
    pub(super) fn second_axes(&mut self, layers: &[Layer], area: Area, mut frame: Frame) -> usize {
        let mut first = None;
        for (i, layer) in layers.iter().enumerate() {
            let one = std::slice::from_ref(layer);
            frame.y = axes::place(one, "y", self.key("y"));
            let panel = match first {
                None => self.panel(one, area, &mut frame, (true, true)),
                Some(base) => {
                    let base: usize = base;
                    let mut axis = frame.y.axis.clone();
                    axis.range = axes::wish(&frame.y);
                    axis.side = Side::Right;
                    axis.grid = false;
                    let at = self.figure.axes.len();
                    axis.link = at;
                    // A third one would lie on the second.
                    axis.labels &= i == 1;
                    self.figure.axes.push(axis);
                    let x = self.figure.panels[base].x;
                    self.figure.panels.push(Panel {
                        area,
                        frame: Round::Axes,
                        x,
                        y: at,
                        over: true,
                        title: String::new(),
                        square: false,
                        series: Vec::new(),
                    });
                    let panel = self.figure.panels.len() - 1;
                    self.lower(layer, &frame, panel);
                    panel
                }
            };
            first = first.or(Some(panel));
        }
        first.unwrap_or(0)
    }
}

/// Colours a channel asks for: a range, or a scheme.
fn own_inks(channel: &Channel, n: usize) -> Option<Vec<Ink>> {
    let spread = |colors: Vec<Rgba>| (0..n).map(|i| Ink::Own(colors[i % colors.len()])).collect::<Vec<_>>();
    let ramp = |stops: Arc<[(f32, Rgba)]>| {
        // The palest end of a ramp is not seen on a page.
        let share = |i: usize| if n > 1 { 0.2 + 0.8 * i as f32 / (n - 1) as f32 } else { 0.7 };
        (0..n).map(|i| Ink::Own(color::along(&stops, share(i)))).collect::<Vec<_>>()
    };
    if let Some(Value::Array(range)) = channel.get("/scale/range") {
        let colors: Vec<Rgba> = range.iter().filter_map(|c| color::parse(c.as_str()?)).collect();
        return (!colors.is_empty()).then(|| spread(colors));
    }
    let name = channel.get("/scale/scheme").and_then(|s| s.as_str().or_else(|| s.get("name")?.as_str()));
    match name {
        Some(name) => color::scheme(name).map(spread).or_else(|| color::named_scale(name).map(ramp)),
        None if channel.kind == Kind::Ordinal => color::named_scale("blues").map(ramp),
        None => None,
    }
}

pub(super) fn form(i: usize) -> Form {
    [Form::Circle, Form::Square, Form::Cross, Form::Diamond, Form::Up, Form::Down, Form::Right, Form::Left][i % 8]
}

pub(super) fn dash(i: usize) -> crate::model::chart::figure::Dash {
    use crate::model::chart::figure::Dash;
    [Dash::Solid, Dash::Dash, Dash::Dot, Dash::DashDot, Dash::LongDash][i % 5]
}

/// A constant colour of a layer: of its channel, its mark, or the first of the theme.
pub(super) fn constant(layer: &Layer) -> Ink {
    let own = COLOURS.iter().find_map(|n| layer.encoding.get(n)?.value.as_ref()?.as_str());
    let of_mark = ["color", "fill", "stroke"].iter().find_map(|k| layer.def.get(*k)?.as_str());
    let default = if matches!(layer.mark.as_str(), "text" | "rule") { Ink::Text } else { Ink::Auto(0) };
    own.or(of_mark).and_then(color::parse).map_or(default, Ink::Own)
}

/// The colour of each row.
pub(super) fn inks(layer: &Layer, frame: &Frame, scales: &[ColorScale], rows: &[&Row]) -> Vec<Ink> {
    let constant = constant(layer);
    let Some(channel) = colour(layer) else { return vec![constant; rows.len()] };
    if let Some(column) = &channel.column {
        let one = |row: &&Row| match (&frame.colours, field(row, column)) {
            (Colours::Names { index, inks, .. }, Some(v)) => {
                index.get(&word(v)).and_then(|i| inks.get(*i)).copied().unwrap_or(Ink::Muted)
            }
            (Colours::Scale(at), Some(v)) => {
                let v = if channel.kind == Kind::Time { time(v) } else { number(v) };
                let found = v.and_then(|v| scales.get(*at)?.color(v));
                found.map_or(Ink::Muted, Ink::Own)
            }
            _ => constant,
        };
        return rows.iter().map(one).collect();
    }
    // A constant with conditions on the rows.
    let conditions: Vec<&Value> = match channel.get("/condition") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let tests: Vec<_> = conditions
        .into_iter()
        .filter_map(|c| Some((predicate(c.get("test")?).ok()??, color::parse(c.get("value")?.as_str()?)?)))
        .collect();
    let one = |row: &&Row| tests.iter().find(|(t, _)| t(row)).map_or(constant, |(_, c)| Ink::Own(*c));
    rows.iter().map(one).collect()
}

/// Rows for a table: every field of the layer once.
pub(super) fn table(layer: &Layer, rows: &[&Row]) -> Data {
    let mut data = Data::default();
    let mut seen: Vec<&str> = Vec::new();
    for channel in &layer.encoding.0 {
        let Some(column) = channel.column.as_deref() else { continue };
        if seen.contains(&column) || matches!(channel.name.as_str(), "order" | "key" | "href" | "url") {
            continue;
        }
        seen.push(column);
        let title = if channel.title.is_empty() {
            channel.spec.get("field").and_then(Value::as_str).unwrap_or("value")
        } else {
            &channel.title
        };
        let null = Value::Null;
        let value = |row: &&Row| field(row, column).cloned().unwrap_or(Value::Null);
        let values = if channel.end.is_some() || channel.unit.is_some() || channel.kind.is_discrete() {
            Values::Words(
                rows.iter()
                    .map(|r| match value(r) {
                        Value::Null => Arc::from(""),
                        v => Arc::from(axes::name_of(channel, &v, Some(r))),
                    })
                    .collect(),
            )
        } else if channel.kind == Kind::Time {
            Values::Times(rows.iter().map(|r| time(&value(r)).unwrap_or(f64::NAN)).collect())
        } else if rows.iter().any(|r| field(r, column).is_some_and(|v| v.is_string() && number(v).is_none())) {
            Values::Words(rows.iter().map(|r| Arc::from(word(field(r, column).unwrap_or(&null)))).collect())
        } else {
            Values::Numbers(rows.iter().map(|r| number(&value(r)).unwrap_or(f64::NAN)).collect())
        };
        data.add(title, values);
    }
    data
}

/// Low and high of each row where values stand on each other: `zero`, `normalize` or `center`.
pub(super) fn stacked(along: &[f64], value: &[f64], rank: &[usize], offset: &str) -> Vec<[f64; 2]> {
    let mut order: Vec<usize> = (0..along.len()).collect();
    order.sort_by_key(|i| rank[*i]);
    let mut totals: HashMap<u64, f64> = HashMap::new();
    for (a, v) in along.iter().zip(value).filter(|(_, v)| v.is_finite()) {
        *totals.entry(a.to_bits()).or_default() += v.abs();
    }
    let mut tops: HashMap<(u64, bool), f64> = HashMap::new();
    let mut out = vec![[f64::NAN; 2]; along.len()];
    for i in order {
        let key = along[i].to_bits();
        let total = totals.get(&key).copied().unwrap_or(0.0);
        let v = match offset {
            "normalize" if total > 0.0 => value[i] / total,
            _ => value[i],
        };
        if !v.is_finite() {
            continue;
        }
        let top = tops.entry((key, v < 0.0)).or_insert(if offset == "center" { -total / 2.0 } else { 0.0 });
        out[i] = [*top, *top + v];
        *top += v;
    }
    out
}

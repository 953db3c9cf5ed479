//! The two places of a view: which scale, which names in which order, where a row lies; and ranges when all is drawn.
use std::collections::HashMap;

use serde_json::Value;

use super::{
    Reader,
    compose::Layer,
    data::{Row, field, number, order, time, word},
    encode::{Channel, Kind},
    transform::fold_rows,
};
use crate::model::chart::{
    figure::{Axis, Scale, Side},
    stack, ticks,
};

const MOST_NAMES: usize = 5_000;

/// One side of a view.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub axis: Axis,
    /// Index of each name.
    names: HashMap<String, usize>,
    /// The range begins at zero; it ends in round numbers; it was given.
    pub zero: bool,
    pub nice: bool,
    pub given: Option<[f64; 2]>,
}

impl Place {
    pub fn is_names(&self) -> bool {
        matches!(self.axis.scale, Scale::Names(_))
    }

    /// Where a value lies.
    pub fn of(&self, value: &Value) -> f64 {
        match self.axis.scale {
            Scale::Names(_) => self.names.get(&word(value)).map_or(f64::NAN, |i| *i as f64),
            Scale::Time => time(value).unwrap_or(f64::NAN),
            _ => number(value).unwrap_or(f64::NAN),
        }
    }

    /// Where a row lies by a channel; a constant of the screen is an edge.
    pub fn row(&self, channel: &Channel, row: &Row) -> f64 {
        if let Some(column) = &channel.column {
            return field(row, column).map_or(f64::NAN, |v| self.of(v));
        }
        if let Some(datum) = &channel.datum {
            return self.of(datum);
        }
        let up = !self.axis.is_x();
        match &channel.value {
            Some(Value::String(s)) if s == "width" => f64::INFINITY,
            Some(Value::String(s)) if s == "height" => f64::NEG_INFINITY,
            Some(Value::Number(n)) if n.as_f64().is_some_and(|v| v <= 0.0) => {
                if up {
                    f64::INFINITY
                } else {
                    f64::NEG_INFINITY
                }
            }
            Some(Value::Number(_)) => {
                if up {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                }
            }
            _ => f64::NAN,
        }
    }

    /// The other end of a row's bin.
    pub fn end(&self, channel: &Channel, row: &Row) -> Option<f64> {
        let end = channel.end.as_ref().filter(|_| !self.is_names())?;
        Some(field(row, end).map_or(f64::NAN, |v| self.of(v)))
    }
}

/// How a value of a field reads among names.
pub(super) fn name_of(channel: &Channel, value: &Value, row: Option<&Row>) -> String {
    if let (Some(end), Some(row)) = (&channel.end, row)
        && let (Some(a), Some(b)) = (number(value), field(row, end).and_then(number))
    {
        return format!("{} \u{2013} {}", ticks::show_number(a), ticks::show_number(b));
    }
    let format = channel.get("/axis/format").or(channel.get("/legend/format")).and_then(Value::as_str);
    if let (Some(unit), Some(ms)) = (&channel.unit, number(value)) {
        let own = match unit.as_str() {
            "year" => "%Y",
            "month" => "%b",
            "day" => "%a",
            "date" => "%-d",
            "hours" => "%H:00",
            "quarter" => "Q%q",
            "yearquarter" => "%Y Q%q",
            "yearmonth" => "%b %Y",
            "monthdate" => "%b %-d",
            u if u.contains("hours") => "%-d %b %Y %H:%M",
            _ => "%-d %b %Y",
        };
        return ticks::strftime(ms, format.unwrap_or(own));
    }
    if channel.kind == Kind::Time
        && let Some(ms) = time(value)
    {
        return format.map_or_else(|| ticks::show_time(ms), |f| ticks::strftime(ms, f));
    }
    match value {
        Value::Number(n) => {
            let v = n.as_f64().unwrap_or(f64::NAN);
            format.and_then(|f| ticks::number(v, f)).unwrap_or_else(|| word(value))
        }
        _ => word(value),
    }
}

/// Distinct values of a discrete channel over all layers, in its order.
pub(super) fn domain(layers: &[Layer], names: &[&str]) -> Vec<(Value, String)> {
    let mut all: Vec<(Value, String)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut sort: Option<(&Layer, &Channel)> = None;
    for layer in layers {
        for channel in names.iter().filter_map(|n| layer.encoding.field(n)) {
            let Some(column) = &channel.column else { continue };
            if sort.is_none() || channel.get("/sort").is_some() {
                sort = Some((layer, channel));
            }
            for row in layer.rows.iter() {
                let Some(value) = field(row, column) else { continue };
                // Rows without a bin have no place.
                if (channel.end.is_some() && value.is_null()) || all.len() >= MOST_NAMES || !seen.insert(word(value)) {
                    continue;
                }
                all.push((value.clone(), name_of(channel, value, Some(row))));
            }
        }
    }
    let Some((layer, channel)) = sort else { return all };
    if let Some(Value::Array(given)) = channel.get("/scale/domain") {
        let at = |v: &Value| given.iter().position(|g| word(g) == word(v));
        all.retain(|(v, _)| at(v).is_some());
        for value in given.iter().take(MOST_NAMES) {
            if !all.iter().any(|(v, _)| word(v) == word(value)) {
                all.push((value.clone(), name_of(channel, value, None)));
            }
        }
        all.sort_by_key(|(v, _)| at(v));
        return all;
    }
    sorted(layer, channel, all)
}

fn sorted(layer: &Layer, channel: &Channel, mut all: Vec<(Value, String)>) -> Vec<(Value, String)> {
    // An explicit null keeps the order of the data.
    if channel.has("sort") == Some(&Value::Null) {
        return all;
    }
    let by_field = |all: &mut Vec<(Value, String)>, column: &str, op: &str, descending: bool| {
        let own = channel.column.clone().unwrap_or_default();
        let mut sums: HashMap<String, Value> = HashMap::new();
        for (value, _) in all.iter() {
            let rows: Vec<&Row> =
                layer.rows.iter().filter(|r| field(r, &own).is_some_and(|v| word(v) == word(value))).collect();
            sums.insert(word(value), fold_rows(&rows, op, Some(column)));
        }
        all.sort_by(|(a, _), (b, _)| {
            let null = Value::Null;
            let (a, b) = (sums.get(&word(a)).unwrap_or(&null), sums.get(&word(b)).unwrap_or(&null));
            if descending { order(b, a) } else { order(a, b) }
        });
    };
    match channel.get("/sort") {
        Some(Value::Array(list)) => {
            all.sort_by(|(a, _), (b, _)| order(a, b));
            all.sort_by_key(|(v, _)| list.iter().position(|w| word(w) == word(v)).unwrap_or(usize::MAX));
        }
        Some(Value::String(s)) if s == "descending" => all.sort_by(|(a, _), (b, _)| order(b, a)),
        Some(Value::String(s)) if s != "ascending" => {
            let descending = s.starts_with('-');
            if let Some(column) = layer.encoding.field(s.trim_start_matches('-')).and_then(|c| c.column.clone()) {
                by_field(&mut all, &column, "sum", descending);
            }
        }
        Some(Value::Object(o)) => {
            let descending = o.get("order").and_then(Value::as_str) == Some("descending");
            let by = o.get("encoding").and_then(Value::as_str).and_then(|n| layer.encoding.field(n)?.column.clone());
            let op = o.get("op").and_then(Value::as_str).unwrap_or("mean");
            match by.or_else(|| o.get("field").and_then(Value::as_str).map(str::to_owned)) {
                Some(column) => {
                    by_field(&mut all, &column, if o.contains_key("encoding") { "sum" } else { op }, descending);
                }
                None if op == "count" => {
                    by_field(&mut all, &channel.column.clone().unwrap_or_default(), "count", descending);
                }
                None => {}
            }
        }
        _ => all.sort_by(|(a, _), (b, _)| order(a, b)),
    }
    all
}

/// The scale and the words of one side, from all layers.
pub(super) fn place(layers: &[Layer], side: &str, key: String) -> Place {
    let is_x = side == "x";
    let second = if is_x { "x2" } else { "y2" };
    let channels: Vec<&Channel> =
        layers.iter().flat_map(|l| [l.encoding.get(side), l.encoding.get(second)]).flatten().collect();
    let fields: Vec<&Channel> = channels.iter().copied().filter(|c| c.is_field() || c.datum.is_some()).collect();
    let mut axis = Axis::new(key, if is_x { Side::Bottom } else { Side::Left });
    let mut place = Place { axis: axis.clone(), names: HashMap::new(), zero: false, nice: false, given: None };
    let Some(first) = fields.first().copied() else {
        axis.labels = false;
        axis.grid = false;
        axis.scale = Scale::Names(vec![String::new()].into());
        place.names.insert("null".into(), 0);
        place.axis = axis;
        return place;
    };
    let get = |path: &str| fields.iter().find_map(|c| c.get(path));
    let mut titles: Vec<&str> = Vec::new();
    for channel in fields.iter().filter(|c| c.name == side || c.is_field()) {
        if !channel.title.is_empty()
            && !titles.contains(&channel.title.as_str())
            && (channel.name == side || titles.is_empty())
        {
            titles.push(&channel.title);
        }
    }
    axis.title = titles.join(", ");
    let hidden = fields.iter().any(|c| c.has("axis") == Some(&Value::Null));
    if hidden {
        axis.title.clear();
    }
    axis.labels = !hidden && get("/axis/labels") != Some(&Value::Bool(false));
    axis.grid = !hidden && get("/axis/grid").and_then(Value::as_bool).unwrap_or(true);
    axis.format = get("/axis/format").and_then(Value::as_str).map(str::to_owned);
    axis.label_angle = get("/axis/labelAngle").and_then(Value::as_f64).unwrap_or(0.0) as f32;
    match get("/axis/orient").and_then(Value::as_str) {
        Some("top") => axis.side = Side::Top,
        Some("right") => axis.side = Side::Right,
        _ => {}
    }
    if fields.iter().any(|c| c.kind.is_discrete()) {
        let all = domain(layers, &[side]);
        let all = if all.is_empty() {
            fields.iter().filter_map(|c| c.datum.clone()).map(|v| (v.clone(), word(&v))).collect()
        } else {
            all
        };
        place.names = all.iter().enumerate().map(|(i, (v, _))| (word(v), i)).collect();
        axis.scale = Scale::Names(all.into_iter().map(|(_, n)| n).collect());
        // Names run from the top down.
        axis.reversed = !is_x;
        axis.format = None;
    } else {
        let kind = get("/scale/type").and_then(Value::as_str);
        axis.scale = match kind {
            Some("log") => Scale::Log,
            Some("sqrt") => Scale::Power(0.5),
            Some("pow") => {
                Scale::Power(get("/scale/exponent").and_then(Value::as_f64).filter(|e| *e > 0.0).unwrap_or(2.0))
            }
            Some("symlog") => Scale::Symlog,
            _ if fields.iter().any(|c| c.kind == Kind::Time) => Scale::Time,
            _ => Scale::Linear,
        };
        limits(layers, side, first, &get, &mut place, &mut axis);
    }
    if get("/scale/reverse").and_then(Value::as_bool) == Some(true)
        || get("/sort").and_then(Value::as_str) == Some("descending") && !matches!(axis.scale, Scale::Names(_))
    {
        axis.reversed = !axis.reversed;
    }
    place.axis = axis;
    place
}

fn limits<'a>(
    layers: &[Layer],
    side: &str,
    first: &Channel,
    get: &dyn Fn(&str) -> Option<&'a Value>,
    place: &mut Place,
    axis: &mut Axis,
) {
    let time_axis = axis.scale == Scale::Time;
    let one = |v: &Value| if time_axis { time(v) } else { number(v) };
    if let Some(Value::Array(ends)) = get("/scale/domain") {
        let known: Vec<f64> = ends.iter().filter_map(one).collect();
        let [lo, hi] = known.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(*v), b.max(*v)]);
        if lo < hi {
            place.given = Some([lo, hi]);
            axis.reversed = known.first() > known.last();
        }
    }
    let binned = first.binned;
    let lines =
        layers.iter().all(|l| matches!(l.mark.as_str(), "line" | "trail" | "area" | "errorband")) && side == "x";
    let sideways = layers.iter().any(|l| l.def.get("orient").and_then(Value::as_str) == Some("horizontal"));
    let ranged = layers.iter().any(|l| {
        matches!(l.mark.as_str(), "bar" | "area") && l.encoding.get(if side == "x" { "x2" } else { "y2" }).is_some()
    });
    let default = axis.scale == Scale::Linear && !binned && place.given.is_none() && (!lines || sideways) && !ranged;
    place.zero = get("/scale/zero").and_then(Value::as_bool).unwrap_or(default);
    place.nice = get("/scale/nice").map_or(place.given.is_none() && !binned && !time_axis, |n| *n != false);
    if let Some(Value::Array(values)) = get("/axis/values") {
        let words = |v: f64| match (&axis.format, time_axis) {
            (Some(f), true) => ticks::strftime(v, f),
            (Some(f), false) => ticks::number(v, f).unwrap_or_else(|| ticks::show_number(v)),
            (None, true) => ticks::show_time(v),
            (None, false) => ticks::show_number(v),
        };
        axis.ticks = Some(values.iter().take(500).filter_map(one).map(|v| (v, words(v))).collect());
    }
    if time_axis && let (Some(unit), None) = (&first.unit, &axis.format) {
        // A unit without a year is told without one.
        axis.format = match unit.as_str() {
            "month" => Some("%b".into()),
            "day" => Some("%a".into()),
            "hours" => Some("%H:00".into()),
            "date" => Some("%-d".into()),
            "monthdate" => Some("%b %-d".into()),
            "quarter" => Some("Q%q".into()),
            _ => None,
        };
    }
}

impl Reader<'_> {
    /// Ranges of all axes, from what lies on them.
    pub(super) fn ranges(&mut self) {
        self.figure.measure();
        for at in 0..self.figure.axes.len() {
            let link = self.figure.axes[at].link.min(self.figure.axes.len() - 1);
            if link != at {
                let extent = self.figure.axes[at].extent;
                let shared = &mut self.figure.axes[link].extent;
                *shared = [shared[0].min(extent[0]), shared[1].max(extent[1])];
            }
        }
        for at in 0..self.figure.axes.len() {
            if self.figure.axes[at].key.is_empty() {
                continue;
            }
            let link = self.figure.axes[at].link.min(self.figure.axes.len() - 1);
            let extent = self.figure.axes[link].extent;
            let axis = &mut self.figure.axes[at];
            // Builders leave the wish in the range: given ends, or flags.
            let [a, b] = axis.range;
            axis.range = if a.is_finite() && b.is_finite() {
                [a, b]
            } else {
                let (zero, nice) = (a == f64::NEG_INFINITY, b == f64::INFINITY);
                let range = stack::range(&axis.scale, extent, zero, 0.0);
                if nice { rounded(&axis.scale, range) } else { range }
            };
        }
    }
}

/// How an axis keeps what its range shall become.
pub(super) fn wish(place: &Place) -> [f64; 2] {
    match place.given {
        Some(given) => given,
        None => {
            [if place.zero { f64::NEG_INFINITY } else { f64::NAN }, if place.nice { f64::INFINITY } else { f64::NAN }]
        }
    }
}

/// Ends at round numbers.
fn rounded(scale: &Scale, [lo, hi]: [f64; 2]) -> [f64; 2] {
    match scale {
        Scale::Log if lo > 0.0 => [10f64.powf((lo.log10() + 1e-9).floor()), 10f64.powf((hi.log10() - 1e-9).ceil())],
        Scale::Linear | Scale::Power(_) | Scale::Symlog => {
            let step = ticks::nice_step((hi - lo) / 10.0);
            [(lo / step + 1e-9).floor() * step, (hi / step - 1e-9).ceil() * step]
        }
        _ => [lo, hi],
    }
}

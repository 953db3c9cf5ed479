//! Views of views: concat, repeat, facet, layer; each leaf becomes a panel or a grid of them.
use serde_json::{Map, Value, json};

use super::{
    Reader,
    data::{Rows, field, order, word},
    encode::{Encoding, prepare},
    transform,
};
use crate::model::chart::figure::Label;

const DEEP: usize = 10;
const MOST_PANELS: usize = 144;

/// What a view takes from the views it is in.
#[derive(Debug, Clone, Default)]
pub(super) struct Inherited {
    pub rows: Option<Rows>,
    pub encoding: Map<String, Value>,
}

/// One mark with its rows.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub mark: String,
    pub def: Value,
    pub encoding: Encoding,
    pub rows: Rows,
    pub name: String,
}

/// Left, low, right, high.
pub(super) type Area = [f32; 4];

impl Reader<'_> {
    /// Draws a view into its area.
    pub(super) fn compose(&mut self, spec: &Value, above: &Inherited, area: Area, depth: usize) {
        if depth > DEEP {
            self.figure.note("Views that are nested too deeply");
            return;
        }
        for (key, across) in [("hconcat", true), ("vconcat", false), ("concat", true)] {
            if let Some(children) = spec.get(key).and_then(Value::as_array) {
                let below = self.inherit(spec, above);
                let columns = match spec.get("columns").and_then(Value::as_u64) {
                    Some(n) if key == "concat" => (n as usize).max(1),
                    _ if across => children.len().max(1),
                    _ => 1,
                };
                self.beside(children, columns, &below, area, depth);
                return;
            }
        }
        if spec.get("repeat").is_some() && spec.get("spec").is_some() {
            return self.repeat(spec, above, area, depth);
        }
        if let (Some(facet), Some(inner)) = (spec.get("facet"), spec.get("spec")) {
            let below = self.inherit(spec, above);
            let mut encoding = below.encoding.clone();
            if facet.get("field").is_some() {
                encoding.insert("facet".into(), facet.clone());
            } else {
                for side in ["row", "column"] {
                    if let Some(by) = facet.get(side) {
                        encoding.insert(side.into(), by.clone());
                    }
                }
            }
            let mut inner = inner.clone();
            if let (Some(n), Some(o)) = (spec.get("columns"), inner.as_object_mut()) {
                o.insert("columns".into(), n.clone());
            }
            return self.leaf(&inner, &Inherited { encoding, ..below }, area);
        }
        if spec.get("mark").is_some() || spec.get("layer").is_some() {
            self.leaf(spec, above, area);
        } else {
            self.figure.note("A view without a mark");
        }
    }

    /// Data, transforms and encodings a view hands down.
    fn inherit(&mut self, spec: &Value, above: &Inherited) -> Inherited {
        let mut rows = match spec.get("data") {
            Some(Value::Null) | None => above.rows.clone(),
            Some(data) => self.rows(data),
        };
        if let (Some(list), Some(found)) = (spec.get("transform").and_then(Value::as_array), rows.clone()) {
            let mut notes = Vec::new();
            // Tables of lookups are read before the rows are walked.
            let tables: Vec<(Value, Option<Rows>)> =
                list.iter().filter_map(|s| s.pointer("/from/data")).map(|d| (d.clone(), self.rows(d))).collect();
            let lookup = |d: &Value| tables.iter().find(|(k, _)| k == d).and_then(|(_, r)| r.clone());
            rows = Some(transform::apply(found, list, &mut notes, &lookup));
            self.note_all(notes);
        }
        let mut encoding = above.encoding.clone();
        for (name, channel) in spec.get("encoding").and_then(Value::as_object).into_iter().flatten() {
            match (encoding.get_mut(name), channel) {
                (Some(Value::Object(old)), Value::Object(new))
                    if new.get("field").is_none()
                        && new.get("value").is_none()
                        && new.get("datum").is_none()
                        && new.get("aggregate").is_none() =>
                {
                    old.extend(new.clone());
                }
                _ => {
                    encoding.insert(name.clone(), channel.clone());
                }
            }
        }
        Inherited { rows, encoding }
    }

    fn beside(&mut self, children: &[Value], columns: usize, above: &Inherited, area: Area, depth: usize) {
        let children = &children[..children.len().min(MOST_PANELS)];
        let columns = columns.min(children.len()).max(1);
        let rows: Vec<&[Value]> = children.chunks(columns).collect();
        let high: Vec<f32> = rows.iter().map(|r| r.iter().map(|c| size(c, "height")).fold(0.0, f32::max)).collect();
        for (row, (low, top)) in rows.iter().zip(split(&high, area[1], area[3], 0.17, true)) {
            let wide: Vec<f32> = row.iter().map(|c| size(c, "width")).collect();
            for (child, (left, right)) in row.iter().zip(split(&wide, area[0], area[2], 0.11, false)) {
                self.compose(child, above, [left, low, right, top], depth + 1);
            }
        }
    }

    fn repeat(&mut self, spec: &Value, above: &Inherited, area: Area, depth: usize) {
        let (repeat, inner) = (&spec["repeat"], &spec["spec"]);
        let below = self.inherit(spec, above);
        let list = |v: Option<&Value>| -> Vec<String> {
            v.and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .take(50)
                .map(str::to_owned)
                .collect()
        };
        if let Some(layers) = repeat.get("layer") {
            let all: Vec<Value> = list(Some(layers)).iter().map(|f| replaced(inner, &[("layer", f)])).collect();
            return self.compose(&json!({ "layer": all }), &below, area, depth + 1);
        }
        let made: (Vec<Value>, usize) = if repeat.is_array() {
            let all = list(Some(repeat));
            let n = spec.get("columns").and_then(Value::as_u64).map_or(all.len(), |n| n as usize);
            (all.iter().map(|f| replaced(inner, &[("repeat", f)])).collect(), n)
        } else {
            let (rows, columns) = (list(repeat.get("row")), list(repeat.get("column")));
            let n = columns.len().max(1);
            let one = |v: Vec<String>| if v.is_empty() { vec![String::new()] } else { v };
            let columns = one(columns);
            let all = one(rows)
                .iter()
                .flat_map(|r| columns.iter().map(|c| replaced(inner, &[("row", r), ("column", c)])).collect::<Vec<_>>())
                .collect();
            (all, n)
        };
        self.beside(&made.0, made.1, &below, area, depth);
    }

    /// A view of one or more layers, split by its facets.
    fn leaf(&mut self, spec: &Value, above: &Inherited, area: Area) {
        let mut layers = Vec::new();
        self.layers(spec, above, &mut layers, 0);
        if layers.is_empty() {
            return;
        }
        let facet = |name: &str| {
            layers.iter().find_map(|l| {
                let c = l.encoding.field(name)?;
                Some((
                    c.column.clone()?,
                    c.title.clone(),
                    c.get("/sort").cloned(),
                    c.get("/columns").and_then(Value::as_u64),
                ))
            })
        };
        let (row, column, wrap) = (facet("row"), facet("column"), facet("facet"));
        let values = |by: &Option<(String, String, Option<Value>, Option<u64>)>| -> Vec<Option<Value>> {
            let Some((name, _, sort, _)) = by else { return vec![None] };
            let mut all: Vec<Value> = Vec::new();
            for layer in &layers {
                for row in layer.rows.iter() {
                    if let Some(v) = field(row, name)
                        && !all.contains(v)
                        && all.len() < MOST_PANELS
                    {
                        all.push(v.clone());
                    }
                }
            }
            match sort {
                Some(Value::Array(list)) => all.sort_by_key(|v| list.iter().position(|w| w == v).unwrap_or(usize::MAX)),
                Some(Value::String(s)) if s == "descending" => all.sort_by(|a, b| order(b, a)),
                _ => all.sort_by(order),
            }
            if all.is_empty() { vec![None] } else { all.into_iter().map(Some).collect() }
        };
        let title = title(spec.get("title"));
        let mut frame = self.frame(&layers);
        if row.is_none() && column.is_none() && wrap.is_none() {
            let apart =
                spec.pointer("/resolve/scale/y").and_then(Value::as_str) == Some("independent") && layers.len() > 1;
            let panel = if apart {
                self.second_axes(&layers, area, frame)
            } else {
                self.panel(&layers, area, &mut frame, (true, true))
            };
            if !title.is_empty() && area != [0.0, 0.0, 1.0, 1.0] {
                self.figure.panels[panel].title = title;
            }
            return;
        }
        if let Some((name, head, ..)) = &wrap {
            let all = values(&wrap);
            let asked = spec.get("columns").and_then(Value::as_u64).or(wrap.as_ref().and_then(|w| w.3));
            let columns = asked
                .map_or_else(|| (all.len() as f64).sqrt().ceil() as usize, |n| n as usize)
                .clamp(1, all.len().max(1));
            let rows = all.len().div_ceil(columns);
            let tops = split(&vec![1.0; rows], area[1], area[3], 0.12, true);
            let sides = split(&vec![1.0; columns], area[0], area[2], 0.03, false);
            for (i, value) in all.iter().enumerate().take(MOST_PANELS) {
                let ((x0, x1), (y0, y1)) = (sides[i % columns], tops[i / columns]);
                let own = only(&layers, &[(name, value)]);
                let outer = (i / columns + 1 == rows || i + columns >= all.len(), i % columns == 0);
                let panel = self.panel(&own, [x0, y0, x1, y1], &mut frame, outer);
                self.figure.panels[panel].title = value.as_ref().map(word).unwrap_or_default();
            }
            self.head(head, area);
            return;
        }
        let (rows, columns) = (values(&row), values(&column));
        let tops = split(&vec![1.0; rows.len()], area[1], area[3], 0.08, true);
        let sides = split(&vec![1.0; columns.len()], area[0], area[2], 0.03, false);
        for (r, (row_value, (y0, y1))) in rows.iter().zip(tops).enumerate() {
            for (c, (column_value, (x0, x1))) in columns.iter().zip(&sides).enumerate() {
                if self.figure.panels.len() >= MOST_PANELS {
                    self.figure.note(format!("Panels beyond the first {MOST_PANELS}"));
                    return;
                }
                let none = String::new();
                let by = [
                    (row.as_ref().map_or(&none, |r| &r.0), row_value),
                    (column.as_ref().map_or(&none, |c| &c.0), column_value),
                ];
                let own = only(&layers, &by);
                let panel = self.panel(&own, [*x0, y0, *x1, y1], &mut frame, (r + 1 == rows.len(), c == 0));
                let parts: Vec<String> = [row_value, column_value].into_iter().flatten().map(word).collect();
                self.figure.panels[panel].title = parts.join(", ");
            }
        }
        let heads: Vec<String> = [row, column].into_iter().flatten().map(|f| f.1).filter(|t| !t.is_empty()).collect();
        self.head(&heads.join(", "), area);
    }

    /// The name of the field that parts the panels, over them.
    fn head(&mut self, words: &str, area: Area) {
        if words.is_empty() {
            return;
        }
        let mut label = Label::new([f64::from(f32::midpoint(area[0], area[2])), f64::from(area[3])], words);
        label.down = 1;
        label.bold = true;
        label.shift = [0.0, -18.0];
        self.figure.texts.push(label);
    }

    fn layers(&mut self, spec: &Value, above: &Inherited, out: &mut Vec<Layer>, depth: usize) {
        let own = self.inherit(spec, above);
        if let Some(list) = spec.get("layer").and_then(Value::as_array) {
            if depth <= DEEP {
                list.iter().take(100).for_each(|s| self.layers(s, &own, out, depth + 1));
            }
            return;
        }
        let Some(mark) = spec.get("mark") else { return };
        let Some(name) = mark.as_str().or_else(|| mark.get("type")?.as_str()).map(str::to_owned) else { return };
        let rows = own.rows.clone().unwrap_or_else(|| {
            // A mark of constants needs one row.
            std::sync::Arc::new(if own.encoding.values().any(|c| c.get("field").is_some()) {
                Vec::new()
            } else {
                vec![Map::new()]
            })
        });
        let mut notes = Vec::new();
        let composite = matches!(name.as_str(), "boxplot" | "errorbar" | "errorband");
        let mut encoding = own.encoding.clone();
        if composite {
            // These sum up their sample themselves.
            for channel in encoding.values_mut().filter_map(Value::as_object_mut) {
                channel.remove("aggregate");
            }
        }
        let (encoding, rows) = prepare(&encoding, &rows, &mut notes);
        self.note_all(notes);
        let mut def = self.config.pointer("/mark").cloned().filter(Value::is_object).unwrap_or_else(|| json!({}));
        if let (Some(def), Some(more)) = (def.as_object_mut(), self.config.get(&name).and_then(Value::as_object)) {
            def.extend(more.clone());
        }
        if let (Some(def), Some(own)) = (def.as_object_mut(), mark.as_object()) {
            def.extend(own.clone());
        }
        out.push(Layer {
            mark: name,
            def,
            encoding,
            rows,
            name: spec.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        });
    }

    /// Title, size and ranges of the whole.
    pub(super) fn finish(&mut self, spec: &Value) {
        self.figure.title = title(spec.get("title"));
        let sub = spec.pointer("/title/subtitle");
        self.figure.subtitle = title(sub);
        let ground = |v: Option<&Value>| {
            v.and_then(Value::as_str).and_then(crate::model::chart::color::parse).filter(|c| c[3] > 0)
        };
        let own = ground(spec.get("background")).or_else(|| ground(self.config.get("background")));
        self.figure.paper = own.filter(|c| c[..3] != [255; 3]);
        self.figure.ground = ground(self.config.pointer("/view/fill")).filter(|c| c[..3] != [255; 3]);
        let rows =
            self.figure.panels.iter().map(|p| (p.area[1] * 1000.0) as i32).fold(Vec::new(), |mut all: Vec<i32>, y| {
                if !all.contains(&y) {
                    all.push(y);
                }
                all
            });
        if rows.len() > 1 {
            self.figure.height = Some((rows.len() as f32 * 220.0 + 80.0).min(1400.0));
        } else if let Some(height) = spec.get("height").and_then(Value::as_f64).filter(|h| *h >= 10.0) {
            self.figure.height = Some((height as f32 + 70.0).min(1400.0));
        }
        if let Some(width) = spec.get("width").and_then(Value::as_f64).filter(|w| *w >= 10.0)
            && self.figure.panels.len() == 1
        {
            let legend = if self.figure.legend.is_empty() && self.figure.scales.is_empty() { 0.0 } else { 130.0 };
            self.figure.width = Some((width as f32 + 80.0 + legend).min(4000.0));
        }
        if spec.get("params").or_else(|| spec.get("selection")).is_some() {
            let bound = spec
                .get("params")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .any(|p| p.get("bind").is_some_and(Value::is_object));
            if bound {
                self.figure.note("The controls the chart binds to its parameters");
            }
        }
        self.ranges();
    }
}

/// Rows of some values only.
fn only(layers: &[Layer], by: &[(&String, &Option<Value>)]) -> Vec<Layer> {
    let keep = |layer: &Layer| {
        let rows = layer.rows.iter().filter(|row| {
            by.iter().all(|(name, value)| match value {
                // A layer whose rows lack the field is repeated in every panel.
                Some(v) => field(row, name).is_none_or(|own| own == v),
                None => true,
            })
        });
        Layer { rows: std::sync::Arc::new(rows.cloned().collect()), ..layer.clone() }
    };
    layers.iter().map(keep).collect()
}

/// Places of parts with gaps; from the top down when `falling`.
fn split(parts: &[f32], from: f32, to: f32, gap: f32, falling: bool) -> Vec<(f32, f32)> {
    let n = parts.len().max(1) as f32;
    let gap = (gap * (to - from)).min((to - from) * 0.4 / n);
    let room = (to - from) - gap * (n - 1.0);
    let total: f32 = parts.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    let mut at = 0.0;
    parts
        .iter()
        .map(|p| {
            let long = room * p / total;
            let start = at;
            at += long + gap;
            if falling { (to - start - long, to - start) } else { (from + start, from + start + long) }
        })
        .collect()
}

/// How long a view asks to be.
fn size(spec: &Value, side: &str) -> f32 {
    let own = spec.get(side).and_then(Value::as_f64).filter(|v| *v >= 10.0).map(|v| v as f32);
    own.unwrap_or_else(|| {
        let below = |key: &str| {
            spec.get(key).and_then(Value::as_array).map(|l| l.iter().map(|s| size(s, side)).collect::<Vec<_>>())
        };
        let along = if side == "width" { "hconcat" } else { "vconcat" };
        let other = if side == "width" { "vconcat" } else { "hconcat" };
        if let Some(all) = below(along) {
            all.iter().sum()
        } else if let Some(all) = below(other) {
            all.iter().copied().fold(0.0, f32::max)
        } else {
            200.0
        }
    })
    .clamp(10.0, 4000.0)
}

/// The specification with `{repeat: side}` put in place.
fn replaced(spec: &Value, by: &[(&str, &String)]) -> Value {
    match spec {
        Value::Object(map) => {
            if let (Some(side), 1) = (map.get("repeat").and_then(Value::as_str), map.len())
                && let Some((_, name)) = by.iter().find(|(s, _)| *s == side)
            {
                return (*name).clone().into();
            }
            map.iter().map(|(k, v)| (k.clone(), replaced(v, by))).collect()
        }
        Value::Array(list) => list.iter().map(|v| replaced(v, by)).collect(),
        other => other.clone(),
    }
}

/// A title as words, lines or `{text}`.
fn title(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(s)) => s.clone(),
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
        Some(Value::Object(o)) => title(o.get("text")),
        _ => String::new(),
    }
}

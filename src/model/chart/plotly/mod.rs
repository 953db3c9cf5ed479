//! Figures of plotly, as its mime type and its HTML hold them: templates, axes, traces.
mod bars;
mod dist;
mod grid;
mod layout;
mod round;
mod scatter;
mod spec;
#[cfg(test)]
mod tests;
mod thin;

use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};

pub use self::spec::plain;
use self::{
    spec::{Column, Spec},
    thin::Thin,
};
use super::{
    color::{self, Rgba},
    figure::{Data, Entry, Figure, Frame, Ink, Panel, Scale, Series, Side, Source, Values},
    stack,
};

/// Traces, panels and names beyond these are left out, with a word.
const MOST_TRACES: usize = 400;
const MOST_PANELS: usize = 144;
const MOST_NAMES: usize = 20_000;

/// Reads `{data, layout, frames}`. Never fails: what is not drawn is told in the figure's notes.
pub fn read(value: &Value) -> Figure {
    let empty = Value::Null;
    let empty_list = Vec::new();
    let data = value.get("data").and_then(Value::as_array).unwrap_or(&empty_list);
    let layout = value.get("layout").unwrap_or(&empty);
    let template = layout.get("template");
    let thin = Thin::of(data.get(..MOST_TRACES).unwrap_or(data));
    let mut plot = Plot::new(data, layout, template, &thin);
    thin.notes.iter().for_each(|note| plot.figure.note(note.as_str()));
    if let Some(frames) = value.get("frames").and_then(Value::as_array).filter(|f| !f.is_empty()) {
        plot.figure.facts.push(("frames", json!(frames.len())));
        plot.figure.note(format!("An animation of {} frames, of which the first is drawn", frames.len()));
    }
    if data.len() > MOST_TRACES {
        plot.figure.note(format!("{} of {} traces, which are too many", data.len() - MOST_TRACES, data.len()));
    }
    plot.axes();
    plot.traces();
    plot.finish();
    plot.figure
}

/// One trace and where it belongs.
#[derive(Debug, Clone)]
struct Trace<'a> {
    spec: Spec<'a>,
    index: usize,
    kind: &'a str,
    name: String,
    /// The panel, for traces with axes.
    panel: Option<usize>,
    legend: Option<usize>,
}

/// What the marks on an axis ask of its range.
#[derive(Debug, Clone, Copy, Default)]
struct Wish {
    /// Begin at zero.
    zero: bool,
    /// Leave room at the ends.
    room: bool,
}

struct Plot<'a> {
    figure: Figure,
    layout: Spec<'a>,
    traces: Vec<Trace<'a>>,
    /// Names of a category axis and their places.
    names: Vec<HashMap<Arc<str>, usize>>,
    wishes: Vec<Wish>,
    colorway: Vec<Rgba>,
    /// By what each colour scale of the figure is known.
    scale_keys: Vec<String>,
    own_colorway: bool,
}

/// Traces that are drawn on x and y.
const ON_AXES: [&str; 15] = [
    "scatter",
    "scattergl",
    "bar",
    "histogram",
    "box",
    "violin",
    "heatmap",
    "heatmapgl",
    "contour",
    "histogram2d",
    "histogram2dcontour",
    "candlestick",
    "ohlc",
    "waterfall",
    "funnel",
];

impl<'a> Plot<'a> {
    fn new(data: &'a [Value], layout: &'a Value, template: Option<&'a Value>, thin: &'a Thin) -> Self {
        let layout = Spec::new(layout, template.and_then(|t| t.get("layout")));
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut traces = Vec::new();
        for (index, own) in data.iter().take(MOST_TRACES).enumerate() {
            let kind = own.get("type").and_then(Value::as_str).unwrap_or("scatter");
            let nth = counts.entry(kind).or_default();
            let base = template.and_then(|t| t.get("data")?.get(kind)?.as_array()).filter(|l| !l.is_empty());
            let spec = Spec::new(own, base.and_then(|l| l.get(*nth % l.len()))).thinned(thin.get(index));
            *nth += 1;
            if spec.own("/visible") == Some(&Value::Bool(false)) {
                continue;
            }
            let name = spec.words("/name").unwrap_or_default();
            traces.push(Trace { spec, index, kind, name, panel: None, legend: None });
        }
        let list = layout.own("/colorway").and_then(Value::as_array);
        let own_colorway = list.is_some();
        let colorway = list.into_iter().flatten().filter_map(|c| color::parse(c.as_str()?)).collect();
        Self {
            figure: Figure::new(Source::Plotly),
            layout,
            traces,
            names: Vec::new(),
            wishes: Vec::new(),
            colorway,
            scale_keys: Vec::new(),
            own_colorway,
        }
    }

    /// The colour of a trace that names none.
    fn auto(&self, trace: &Trace<'_>) -> Ink {
        match (self.own_colorway, self.colorway.len()) {
            (true, n) if n > 0 => Ink::Own(self.colorway[trace.index % n]),
            _ => Ink::Auto((trace.index % 1000) as u16),
        }
    }

    /// The axis `x2` of the layout, made when it is met first.
    fn axis(&mut self, id: &str) -> usize {
        if let Some(at) = self.figure.axes.iter().position(|a| a.key == id) {
            return at;
        }
        let spec = self.axis_spec(id);
        let upright = id.starts_with('y');
        let side = match (upright, spec.str("/side")) {
            (true, Some("right")) => Side::Right,
            (true, _) => Side::Left,
            (false, Some("top")) => Side::Top,
            (false, _) => Side::Bottom,
        };
        self.figure.axes.push(layout::axis(id, side, &spec));
        self.names.push(HashMap::new());
        self.wishes.push(Wish::default());
        self.figure.axes.len() - 1
    }

    fn axis_spec(&self, id: &str) -> Spec<'a> {
        let (letter, number) = id.split_at(1.min(id.len()));
        let own = self.layout.own(&format!("/{letter}axis{number}"));
        let base = self.layout.inside(&format!("/{letter}axis")).base_value();
        Spec::new(own.unwrap_or(&Value::Null), base)
    }

    /// The panel of two axes.
    fn panel(&mut self, x: &str, y: &str) -> Option<usize> {
        let (ax, ay) = (self.axis(x), self.axis(y));
        if let Some(at) = self.figure.panels.iter().position(|p| p.x == ax && p.y == ay && p.frame == Frame::Axes) {
            return Some(at);
        }
        if self.figure.panels.len() >= MOST_PANELS {
            self.figure.note(format!("Panels beyond the first {MOST_PANELS}"));
            return None;
        }
        let (sx, sy) = (self.axis_spec(x), self.axis_spec(y));
        let domain = |spec: &Spec<'_>, under: Option<Spec<'_>>| {
            spec.pair("/domain").or_else(|| under.and_then(|u| u.pair("/domain"))).unwrap_or([0.0, 1.0])
        };
        let over = |spec: &Spec<'a>| spec.str("/overlaying").filter(|o| *o != "free").map(|o| self.axis_spec(o));
        let (over_x, over_y) = (over(&sx), over(&sy));
        let lies_over = over_x.is_some() || over_y.is_some();
        let ([x0, x1], [y0, y1]) = (domain(&sx, over_x), domain(&sy, over_y));
        let clean = |v: f64| v.clamp(0.0, 1.0) as f32;
        self.figure.panels.push(Panel {
            area: [clean(x0), clean(y0), clean(x1), clean(y1)],
            frame: Frame::Axes,
            x: ax,
            y: ay,
            over: lies_over,
            title: String::new(),
            square: sx.str("/scaleanchor").or(sy.str("/scaleanchor")).is_some(),
            series: Vec::new(),
        });
        Some(self.figure.panels.len() - 1)
    }

    /// A panel without axes at the trace's own place.
    fn bare(&mut self, trace: &Trace<'_>, frame: Frame) -> Option<usize> {
        if self.figure.panels.len() >= MOST_PANELS {
            self.figure.note(format!("Panels beyond the first {MOST_PANELS}"));
            return None;
        }
        let side = |path: &str| trace.spec.pair(path).unwrap_or([0.0, 1.0]).map(|v| v.clamp(0.0, 1.0) as f32);
        let ([x0, x1], [y0, y1]) = (side("/domain/x"), side("/domain/y"));
        let (x, y) = stack::bare_axes(&mut self.figure);
        self.names.resize_with(self.figure.axes.len(), HashMap::new);
        self.wishes.resize(self.figure.axes.len(), Wish::default());
        let title = trace.spec.title("/title");
        let panel =
            Panel { area: [x0, y0, x1, y1], frame, x, y, over: false, title, square: false, series: Vec::new() };
        self.figure.panels.push(panel);
        Some(self.figure.panels.len() - 1)
    }

    /// Gives every trace its panel, every axis its type and names.
    fn axes(&mut self) {
        for i in 0..self.traces.len() {
            if !ON_AXES.contains(&self.traces[i].kind) {
                continue;
            }
            let spec = self.traces[i].spec;
            let (x, y) = (spec.str("/xaxis").unwrap_or("x"), spec.str("/yaxis").unwrap_or("y"));
            let fits = |id: &str, letter: char| {
                id.starts_with(letter) && id.len() <= 4 && id[1..].bytes().all(|b| b.is_ascii_digit())
            };
            if fits(x, 'x') && fits(y, 'y') {
                self.traces[i].panel = self.panel(x, y);
            }
        }
        for at in 0..self.figure.axes.len() {
            self.axis_type(at);
        }
        self.legend();
    }

    /// Columns that lie on an axis.
    fn columns_on(&self, at: usize) -> Vec<Column> {
        let is_x = self.figure.axes[at].is_x();
        let mut out = Vec::new();
        for trace in &self.traces {
            let Some(panel) = trace.panel.and_then(|p| self.figure.panels.get(p)) else { continue };
            if (if is_x { panel.x } else { panel.y }) != at {
                continue;
            }
            let path = if is_x { "/x" } else { "/y" };
            let lone = matches!(trace.kind, "box" | "violin")
                && stack::upright(
                    trace.spec.str("/orientation"),
                    trace.spec.get("/y").is_some(),
                    trace.spec.get("/x").is_some(),
                ) == is_x;
            match trace.spec.column(path) {
                Some(column) if !column.is_empty() => out.push(column),
                // A box without places stands over its name.
                _ if lone => out.push(Column::Mixed(vec![spec::Item::Word(self.box_name(trace))])),
                _ => {}
            }
            let along = trace.spec.str("/orientation") == Some("h");
            if let Some(base) = trace.spec.column("/base").filter(|_| along == is_x) {
                out.push(base);
            }
        }
        out
    }

    fn box_name(&self, trace: &Trace<'_>) -> Arc<str> {
        let own = ["/x0", "/y0"].into_iter().find_map(|p| trace.spec.str(p));
        match own {
            Some(own) => own.into(),
            None if trace.name.is_empty() => format!("trace {}", trace.index).into(),
            None => trace.name.as_str().into(),
        }
    }

    fn axis_type(&mut self, at: usize) {
        let spec = self.axis_spec(&self.figure.axes[at].key.clone());
        let columns = self.columns_on(at);
        let kind = match spec.str("/type") {
            Some("-") | None => guess(&columns),
            Some(kind) => kind,
        };
        self.figure.axes[at].scale = match kind {
            "log" => Scale::Log,
            "date" => Scale::Time,
            "category" | "multicategory" => {
                let names = self.category_names(at, &spec, &columns);
                self.names[at] = names.iter().enumerate().map(|(i, n)| (Arc::from(n.as_str()), i)).collect();
                Scale::Names(names.iter().map(|n| plain(n)).collect())
            }
            _ => Scale::Linear,
        };
    }

    /// Names in the order they are met, or as the axis asks.
    fn category_names(&mut self, at: usize, spec: &Spec<'_>, columns: &[Column]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let order = spec.str("/categoryorder").unwrap_or("trace");
        let given = spec.column("/categoryarray");
        let mut take = |word: Arc<str>| {
            if names.len() < MOST_NAMES && seen.insert(word.clone()) {
                names.push(word.to_string());
            }
        };
        if let Some(given) = &given {
            (0..given.len()).filter_map(|i| given.word(i)).for_each(&mut take);
        }
        for column in columns {
            (0..column.len()).filter_map(|i| column.word(i)).for_each(&mut take);
        }
        if names.len() == MOST_NAMES {
            self.figure.note(format!("Categories beyond the first {MOST_NAMES}"));
        }
        match order {
            "category ascending" => names.sort(),
            "category descending" => names.sort_by(|a, b| b.cmp(a)),
            o if o.ends_with("ascending") || o.ends_with("descending") => {
                let sums = self.sums(at);
                let sum = |n: &String| sums.get(n.as_str()).copied().unwrap_or(0.0);
                names.sort_by(|a, b| sum(a).total_cmp(&sum(b)));
                if o.ends_with("descending") {
                    names.reverse();
                }
            }
            _ => {}
        }
        names
    }

    /// Sum of the values of each name on an axis.
    fn sums(&self, at: usize) -> HashMap<Arc<str>, f64> {
        let is_x = self.figure.axes[at].is_x();
        let mut sums: HashMap<Arc<str>, f64> = HashMap::new();
        for trace in &self.traces {
            let Some(panel) = trace.panel.and_then(|p| self.figure.panels.get(p)) else { continue };
            if (if is_x { panel.x } else { panel.y }) != at {
                continue;
            }
            let (place, value) = if is_x { ("/x", "/y") } else { ("/y", "/x") };
            let Some(place) = trace.spec.column(place) else { continue };
            let value = trace.spec.column(value);
            for i in 0..place.len() {
                let add = value.as_ref().map_or(1.0, |v| v.number(i));
                if let Some(word) = place.word(i)
                    && add.is_finite()
                {
                    *sums.entry(word).or_default() += add;
                }
            }
        }
        sums
    }

    /// Places of a column on an axis; `NaN` where there is none.
    fn places(&self, axis: usize, column: &Column) -> Vec<f64> {
        let n = column.len();
        match &self.figure.axes[axis].scale {
            Scale::Time => (0..n).map(|i| column.time(i)).collect(),
            Scale::Names(_) => {
                let names = &self.names[axis];
                (0..n)
                    .map(|i| column.word(i).and_then(|w| names.get(&w).copied()).map_or(f64::NAN, |p| p as f64))
                    .collect()
            }
            _ => column.numbers(),
        }
    }

    /// Places as values of a table.
    fn values(&self, axis: usize, places: &[f64]) -> Values {
        stack::axis_values(&self.figure.axes[axis], places)
    }

    /// How an axis is called in tooltips.
    fn axis_name(&self, axis: usize) -> String {
        let axis = &self.figure.axes[axis];
        match (axis.title.is_empty(), axis.is_x()) {
            (false, _) => axis.title.clone(),
            (true, true) => "x".into(),
            (true, false) => "y".into(),
        }
    }

    fn legend(&mut self) {
        let eligible = |t: &Trace<'_>| t.spec.bool("/showlegend") != Some(false) && legend_kind(t.kind);
        let explicit = |t: &Trace<'_>| t.spec.bool("/showlegend") == Some(true);
        let count = self.traces.iter().filter(|t| eligible(t)).count();
        let shown = match self.layout.bool("/showlegend") {
            Some(shown) => shown,
            None => count > 1 || self.traces.iter().any(|t| eligible(t) && explicit(t)),
        };
        self.figure.legend_title = self.layout.title("/legend/title");
        if !shown {
            return;
        }
        let mut groups: HashMap<&str, usize> = HashMap::new();
        for i in 0..self.traces.len() {
            let trace = &self.traces[i];
            if !eligible(trace) {
                continue;
            }
            let label = if trace.name.is_empty() { format!("trace {}", trace.index) } else { trace.name.clone() };
            let off = trace.spec.str("/visible") == Some("legendonly");
            let swatch = scatter::swatch(trace);
            let ink = self.main_ink(trace);
            let group = trace.spec.str("/legendgroup").filter(|g| !g.is_empty());
            let entry = self.figure.legend.len();
            self.figure.legend.push(Entry { label, ink, swatch, off });
            if let Some(group) = group {
                groups.entry(group).or_insert(entry);
            }
            self.traces[i].legend = Some(entry);
        }
        for trace in &mut self.traces {
            if trace.legend.is_none()
                && let Some(group) = trace.spec.str("/legendgroup")
            {
                trace.legend = groups.get(group).copied();
            }
        }
    }

    /// The colour a trace is known by.
    fn main_ink(&self, trace: &Trace<'_>) -> Ink {
        let paths: &[&str] = match trace.kind {
            "scatter" | "scattergl" if scatter::mode(trace).contains("lines") => {
                &["/line/color", "/marker/color", "/fillcolor"]
            }
            "box" | "violin" => &["/line/color", "/marker/color", "/fillcolor"],
            _ => &["/marker/color", "/line/color", "/fillcolor"],
        };
        let own = paths.iter().find_map(|p| color::parse(trace.spec.str(p)?));
        own.map_or_else(|| self.auto(trace), Ink::Own)
    }

    fn traces(&mut self) {
        let bars = bars::arrange(self);
        let boxes = dist::arrange(self);
        let stacks = scatter::stacks(self);
        for i in 0..self.traces.len() {
            let trace = self.traces[i].clone();
            let made = match trace.kind {
                "scatter" | "scattergl" => scatter::series(self, &trace, &stacks),
                "bar" | "histogram" | "waterfall" | "funnel" => bars::series(self, &trace, &bars),
                "box" | "violin" => dist::series(self, &trace, &boxes),
                "candlestick" | "ohlc" => dist::candles(self, &trace),
                "heatmap" | "heatmapgl" => grid::heatmap(self, &trace),
                "contour" => grid::contour(self, &trace),
                "histogram2d" | "histogram2dcontour" => grid::counts(self, &trace),
                _ => round::series(self, &trace),
            };
            if let Some((panel, mut series)) = made {
                series.legend = series.legend.or(trace.legend);
                if series.kind.is_empty() {
                    trace.kind.clone_into(&mut series.kind);
                }
                if let Some(panel) = self.figure.panels.get_mut(panel) {
                    panel.series.push(series);
                }
            }
        }
    }

    /// A series with the trace's name and kind.
    fn named(trace: &Trace<'_>) -> Series {
        Series { name: trace.name.clone(), kind: trace.kind.to_owned(), legend: trace.legend, ..Series::default() }
    }

    /// What a tooltip says: the template's lines where there is one, else all the columns.
    fn data(&self, trace: &Trace<'_>, columns: Vec<(&'static str, String, Values)>) -> Data {
        let mut data = Data::default();
        let template = trace.spec.get("/hovertemplate").and_then(Value::as_str).filter(|t| !t.is_empty());
        if let Some(template) = template {
            let template = template.split("<extra>").next().unwrap_or_default();
            for line in template.split("<br>").take(40) {
                template_line(trace, line, &columns, &mut data);
            }
            if data.columns.iter().any(|(_, v)| v.len().is_some()) {
                return data;
            }
            data = Data::default();
        }
        for (_, label, values) in columns {
            data.add(label, values);
        }
        for path in ["/hovertext", "/text"] {
            if let Some(text) = trace.spec.column(path) {
                data.add(if path == "/text" { "text" } else { "" }, text.values());
            }
        }
        data
    }
}

/// One line of a template: `speed=%{x}`, `<b>%{hovertext}</b>`, `species=setosa`.
fn template_line(trace: &Trace<'_>, line: &str, columns: &[(&'static str, String, Values)], data: &mut Data) {
    let Some((before, rest)) = line.split_once("%{") else {
        let text = plain(line);
        let (label, value) = text.split_once(['=', ':']).unwrap_or(("", &text));
        if !value.trim().is_empty() {
            data.add(label.trim(), Values::Same(value.trim().into()));
        }
        return;
    };
    let Some((variable, after)) = rest.split_once('}') else { return };
    // Matrix plots name their axes by a variable.
    if variable.ends_with("title.text") {
        return template_line(trace, &after.replacen('=', "", 1), columns, data);
    }
    let variable = variable.split([':', '|']).next().unwrap_or_default();
    let label = plain(before).trim().trim_end_matches(['=', ':']).trim().to_owned();
    let values = match columns.iter().find(|(v, ..)| *v == variable) {
        Some((_, _, values)) => Some(values.clone()),
        None => match variable.strip_prefix("customdata[").and_then(|r| r.trim_end_matches(']').parse().ok()) {
            Some(column) => custom(&trace.spec, column),
            None => trace.spec.column(&format!("/{}", variable.replace('.', "/"))).map(|c| c.values()),
        },
    };
    if let Some(values) = values {
        data.add(label, values);
    }
}

/// One column of `customdata`.
fn custom(spec: &Spec<'_>, column: usize) -> Option<Values> {
    let rows = spec.get("/customdata")?.as_array()?;
    let words = spec.of_list(rows).map(|row| {
        let cell = if row.is_array() { row.get(column) } else { Some(row) };
        match cell {
            Some(Value::String(s)) => Arc::from(s.as_str()),
            Some(Value::Null) | None => Arc::from(""),
            Some(other) => Arc::from(other.to_string()),
        }
    });
    Some(Values::Words(words.collect()))
}

/// Traces that have a line in the legend.
fn legend_kind(kind: &str) -> bool {
    ON_AXES.contains(&kind)
        && !matches!(kind, "heatmap" | "heatmapgl" | "histogram2d" | "contour" | "histogram2dcontour")
}

/// plotly's guess of an axis' type from what lies on it.
fn guess(columns: &[Column]) -> &'static str {
    let (mut numbers, mut dates, mut words) = (0usize, 0usize, 0usize);
    for column in columns {
        match column {
            Column::Numbers(v) => numbers += v.len(),
            Column::Mixed(items) => {
                let step = items.len().div_ceil(1000).max(1);
                for item in items.iter().step_by(step) {
                    match item {
                        spec::Item::Null => {}
                        spec::Item::Number(_) => numbers += step,
                        spec::Item::Word(w) if w.trim().parse::<f64>().is_ok() => numbers += step,
                        spec::Item::Word(w) if spec::time(w).is_finite() => dates += step,
                        spec::Item::Word(_) => words += step,
                    }
                }
            }
        }
    }
    if dates > words && dates >= numbers {
        "date"
    } else if words * 2 > numbers.max(dates) {
        "category"
    } else {
        "linear"
    }
}

//! A figure as it is drawn: panels with axes, and series lowered to a few kinds of marks. Knows no tool and no window.
use std::sync::Arc;

use super::{color::Rgba, ticks};

/// Place of a point in the units of its axes; `NaN` is a gap, an infinity the edge of the panel.
pub type At = [f64; 2];

/// A colour: the theme's own, or one the figure asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ink {
    /// Series colour of the theme.
    Auto(u16),
    Text,
    Muted,
    /// The ground of the panel.
    Ground,
    Own(Rgba),
}

/// Colours of many marks.
#[derive(Debug, Clone, PartialEq)]
pub enum Inks {
    One(Ink),
    Each(Arc<[Ink]>),
}

impl Inks {
    /// The colour of mark `i`.
    pub fn at(&self, i: usize) -> Ink {
        match self {
            Self::One(ink) => *ink,
            Self::Each(all) => all.get(i).copied().unwrap_or(Ink::Muted),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dash {
    #[default]
    Solid,
    Dot,
    Dash,
    LongDash,
    DashDot,
}

/// A stroke in points of the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pen {
    pub ink: Ink,
    pub width: f32,
    pub dash: Dash,
}

impl Pen {
    /// A solid stroke.
    pub fn solid(ink: Ink, width: f32) -> Self {
        Self { ink, width, dash: Dash::Solid }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    #[default]
    Circle,
    Square,
    Diamond,
    Cross,
    X,
    Up,
    Down,
    Left,
    Right,
    Star,
    /// A short line across, as vega's tick.
    Dashed,
}

/// One value for all, or one for each.
#[derive(Debug, Clone, PartialEq)]
pub enum Many<T> {
    One(T),
    Each(Arc<[T]>),
}

impl<T: Copy> Many<T> {
    /// Value of mark `i`.
    pub fn at(&self, i: usize) -> Option<T> {
        match self {
            Self::One(v) => Some(*v),
            Self::Each(all) => all.get(i).copied(),
        }
    }
}

/// Words at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    pub at: At,
    pub text: String,
    pub ink: Ink,
    pub size: f32,
    /// -1 left edge at the place, 0 centred, 1 right edge.
    pub across: i8,
    /// -1 top edge at the place, 0 centred, 1 bottom edge.
    pub down: i8,
    /// Moved by so many points of the screen.
    pub shift: [f32; 2],
    /// Clockwise, in degrees.
    pub angle: f32,
    pub bold: bool,
    /// An arrow from the words to the place.
    pub arrow: bool,
}

impl Label {
    /// Centred small words.
    pub fn new(at: At, text: impl Into<String>) -> Self {
        Self {
            at,
            text: text.into(),
            ink: Ink::Text,
            size: 11.5,
            across: 0,
            down: 0,
            shift: [0.0; 2],
            angle: 0.0,
            bold: false,
            arrow: false,
        }
    }
}

/// A part of a ring; angles in turns clockwise from the top, radii as shares of the panel's.
#[derive(Debug, Clone, PartialEq)]
pub struct Wedge {
    pub from: f64,
    pub to: f64,
    pub inner: f64,
    pub outer: f64,
    pub ink: Ink,
    pub label: String,
    /// The entry of the legend that hides it.
    pub legend: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    Line {
        points: Arc<[At]>,
        pen: Pen,
        alpha: f32,
    },
    /// Between `low` and `high` over `along`; `upright` when `along` is x.
    Area {
        along: Vec<f64>,
        low: Vec<f64>,
        high: Vec<f64>,
        upright: bool,
        ink: Ink,
        alpha: f32,
    },
    Points {
        at: Arc<[At]>,
        inks: Inks,
        /// Diameters on the screen.
        sizes: Many<f32>,
        forms: Many<Form>,
        hollow: bool,
        alpha: f32,
    },
    /// Left, low, right, high.
    Rects {
        rects: Arc<[[f64; 4]]>,
        inks: Inks,
        alpha: f32,
        edge: Option<Pen>,
        labels: Vec<String>,
    },
    /// Cells between edges, row by row from the lowest, coloured by a scale of the figure.
    Grid {
        x: Vec<f64>,
        y: Vec<f64>,
        z: Arc<[f64]>,
        scale: usize,
        labels: Vec<String>,
    },
    /// x0, y0, x1, y1.
    Segments {
        lines: Arc<[[f64; 4]]>,
        inks: Inks,
        width: f32,
        dash: Dash,
        alpha: f32,
    },
    Texts(Vec<Label>),
    Wedges(Vec<Wedge>),
}

/// Values of one column of a series' data.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Numbers(Arc<[f64]>),
    /// Milliseconds since 1970, without a zone.
    Times(Arc<[f64]>),
    Words(Vec<Arc<str>>),
    /// The same in every row.
    Same(Arc<str>),
}

impl Values {
    /// Number of rows; none for a value that is the same everywhere.
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::Numbers(v) | Self::Times(v) => Some(v.len()),
            Self::Words(v) => Some(v.len()),
            Self::Same(_) => None,
        }
    }
    /// True without a row.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
    /// As a person reads it; empty for a missing value.
    pub fn show(&self, row: usize) -> String {
        match self {
            Self::Numbers(v) => match v.get(row) {
                Some(v) if v.is_nan() => String::new(),
                Some(v) => ticks::show_number(*v),
                None => String::new(),
            },
            Self::Times(v) => v.get(row).filter(|v| v.is_finite()).map(|v| ticks::show_time(*v)).unwrap_or_default(),
            Self::Words(v) => v.get(row).map(ToString::to_string).unwrap_or_default(),
            Self::Same(v) => v.to_string(),
        }
    }
    /// As it is copied: plain numbers.
    pub fn plain(&self, row: usize) -> String {
        match self {
            Self::Numbers(v) => v.get(row).filter(|v| !v.is_nan()).map(ToString::to_string).unwrap_or_default(),
            _ => self.show(row),
        }
    }
}

/// What a series was made of, a row for each mark: for tooltips, the table and the clipboard.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Data {
    pub columns: Vec<(String, Values)>,
}

impl Data {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.iter().filter_map(|(_, v)| v.len()).max().unwrap_or(0)
    }
    /// Adds a column.
    pub fn add(&mut self, name: impl Into<String>, values: Values) {
        self.columns.push((name.into(), values));
    }
    /// `name: value` of one row, a line for each column with a value.
    pub fn lines(&self, row: usize) -> Vec<String> {
        let lines = self.columns.iter().filter_map(|(name, values)| {
            let value = values.show(row);
            match (name.is_empty(), value.is_empty()) {
                (_, true) => None,
                (true, false) => Some(value),
                _ => Some(format!("{name}: {value}")),
            }
        });
        lines.collect()
    }
}

/// What the pointer finds; the number is the row of the data.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Target {
    #[default]
    None,
    Points(Arc<[At]>),
    Rects(Arc<[[f64; 4]]>),
    Grid,
    Wedges,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    pub name: String,
    /// The tool's own word: `scatter`, `bar`, `point`.
    pub kind: String,
    pub legend: Option<usize>,
    pub marks: Vec<Mark>,
    pub target: Target,
    pub data: Data,
    /// Values it was given, drawn or not.
    pub count: usize,
    /// Values that are missing.
    pub missing: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    Linear,
    Log,
    /// Milliseconds since 1970.
    Time,
    /// Names at 0, 1, 2 and so on.
    Names(Arc<[String]>),
    Power(f64),
    Symlog,
}

impl Scale {
    /// To a straight line.
    pub fn forward(&self, v: f64) -> f64 {
        match self {
            Self::Linear | Self::Time | Self::Names(_) => v,
            Self::Log => {
                if v > 0.0 {
                    v.log10()
                } else if v == f64::NEG_INFINITY {
                    v
                } else {
                    f64::NAN
                }
            }
            Self::Power(p) => v.signum() * v.abs().powf(*p),
            Self::Symlog => v.signum() * v.abs().ln_1p(),
        }
    }
    /// Back from it.
    pub fn backward(&self, v: f64) -> f64 {
        match self {
            Self::Linear | Self::Time | Self::Names(_) => v,
            Self::Log => 10f64.powf(v),
            Self::Power(p) => v.signum() * v.abs().powf(1.0 / p),
            Self::Symlog => v.signum() * v.abs().exp_m1(),
        }
    }
    /// Its name in a description.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Log => "log",
            Self::Time => "date",
            Self::Names(_) => "category",
            Self::Power(_) => "power",
            Self::Symlog => "symlog",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Bottom,
    Top,
    Left,
    Right,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// `x`, `y`, `x2`: unique in the figure.
    pub key: String,
    pub title: String,
    pub scale: Scale,
    /// What is shown at first, low then high.
    pub range: [f64; 2],
    /// What the data spans; low above high without data.
    pub extent: [f64; 2],
    pub reversed: bool,
    pub side: Side,
    /// Marks with their words, when the figure gives them.
    pub ticks: Option<Vec<(f64, String)>>,
    /// A format in d3's language.
    pub format: Option<String>,
    pub prefix: String,
    pub suffix: String,
    pub grid: bool,
    /// A line at zero.
    pub zero: bool,
    pub labels: bool,
    /// Turn of the words, clockwise in degrees.
    pub label_angle: f32,
    /// Axes of one link zoom together.
    pub link: usize,
}

impl Axis {
    /// A plain linear axis.
    pub fn new(key: impl Into<String>, side: Side) -> Self {
        Self {
            key: key.into(),
            title: String::new(),
            scale: Scale::Linear,
            range: [0.0, 1.0],
            extent: [f64::INFINITY, f64::NEG_INFINITY],
            reversed: false,
            side,
            ticks: None,
            format: None,
            prefix: String::new(),
            suffix: String::new(),
            grid: true,
            zero: false,
            labels: true,
            label_angle: 0.0,
            link: usize::MAX,
        }
    }
    /// True for an axis along x.
    pub fn is_x(&self) -> bool {
        matches!(self.side, Side::Bottom | Side::Top)
    }
    /// Share of `v` on the way from the low to the high end of `range`, or of the other way round when reversed.
    pub fn share(&self, range: [f64; 2], v: f64) -> f64 {
        if v.is_infinite() {
            return if (v > 0.0) == self.reversed { 0.0 } else { 1.0 };
        }
        let (lo, hi) = (self.scale.forward(range[0]), self.scale.forward(range[1]));
        let share = (self.scale.forward(v) - lo) / (hi - lo);
        if self.reversed { 1.0 - share } else { share }
    }
    /// The value at a share of the way.
    pub fn value(&self, range: [f64; 2], share: f64) -> f64 {
        let share = if self.reversed { 1.0 - share } else { share };
        let (lo, hi) = (self.scale.forward(range[0]), self.scale.forward(range[1]));
        self.scale.backward(lo + (hi - lo) * share)
    }
    /// Marks of about `wanted` for a range, with their words.
    pub fn ticks(&self, range: [f64; 2], wanted: usize) -> Vec<(f64, String)> {
        if let Some(given) = &self.ticks {
            return given.iter().filter(|(v, _)| *v >= range[0] && *v <= range[1]).cloned().collect();
        }
        ticks::ticks(&self.scale, range, wanted, self.format.as_deref())
            .into_iter()
            .map(|(v, words)| (v, format!("{}{words}{}", self.prefix, self.suffix)))
            .collect()
    }
    /// One value as a tooltip shows it.
    pub fn show(&self, v: f64) -> String {
        match &self.scale {
            Scale::Time => ticks::show_time(v),
            Scale::Names(names) => names.get(v.round().max(0.0) as usize).cloned().unwrap_or_default(),
            _ => ticks::show_number(v),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Frame {
    #[default]
    Axes,
    /// No axes: x and y run from 0 to 1.
    Bare,
    /// A circle in the middle.
    Round,
    /// The data of its first series as a table.
    Table,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Left, low, right, high as shares of the figure, y upwards.
    pub area: [f32; 4],
    pub frame: Frame,
    pub x: usize,
    pub y: usize,
    /// Lies over an earlier panel: a second axis.
    pub over: bool,
    pub title: String,
    /// One unit of x is as long as one of y.
    pub square: bool,
    pub series: Vec<Series>,
}

/// A line of the legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub label: String,
    pub ink: Ink,
    pub swatch: Swatch,
    /// Hidden until it is clicked.
    pub off: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Swatch {
    Line(Dash),
    Point(Form),
    Box,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ColorScale {
    pub title: String,
    pub stops: Arc<[(f32, Rgba)]>,
    pub domain: [f64; 2],
    /// A bar explains it.
    pub bar: bool,
}

impl ColorScale {
    /// The colour of a value; nothing for a missing one.
    pub fn color(&self, v: f64) -> Option<Rgba> {
        let [lo, hi] = self.domain;
        if v.is_nan() {
            return None;
        }
        let share = if hi > lo { (v - lo) / (hi - lo) } else { 0.5 };
        Some(super::color::along(&self.stops, share as f32))
    }
}

/// Which tool's language it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Plotly,
    VegaLite,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub source: Source,
    pub title: String,
    pub subtitle: String,
    /// What the figure asks for, in points.
    pub width: Option<f32>,
    pub height: Option<f32>,
    pub axes: Vec<Axis>,
    pub panels: Vec<Panel>,
    pub legend: Vec<Entry>,
    pub legend_title: String,
    pub scales: Vec<ColorScale>,
    /// Words in shares of the figure.
    pub texts: Vec<Label>,
    /// Its own grounds: of the whole and of the panels.
    pub paper: Option<Rgba>,
    pub ground: Option<Rgba>,
    pub font: Option<Rgba>,
    /// What is not drawn and why, a sentence each without a full stop.
    pub notes: Vec<String>,
    /// Facts a description gives: `mark`, `barmode`, `frames`.
    pub facts: Vec<(&'static str, serde_json::Value)>,
    /// What is asked for by address and was not given.
    pub wants: Vec<String>,
}

impl Figure {
    /// A figure without anything.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            title: String::new(),
            subtitle: String::new(),
            width: None,
            height: None,
            axes: Vec::new(),
            panels: Vec::new(),
            legend: Vec::new(),
            legend_title: String::new(),
            scales: Vec::new(),
            texts: Vec::new(),
            paper: None,
            ground: None,
            font: None,
            notes: Vec::new(),
            facts: Vec::new(),
            wants: Vec::new(),
        }
    }
    /// All series, panel by panel.
    pub fn series(&self) -> impl Iterator<Item = &Series> {
        self.panels.iter().flat_map(|p| &p.series)
    }
    /// True when there is something to look at.
    pub fn is_drawn(&self) -> bool {
        self.panels.iter().any(|p| p.frame == Frame::Table || p.series.iter().any(|s| !s.marks.is_empty()))
    }
    /// Says once what is not drawn.
    pub fn note(&mut self, words: impl Into<String>) {
        let words = words.into();
        if !self.notes.contains(&words) && self.notes.len() < 20 {
            self.notes.push(words);
        }
    }
    /// What the data of one axis spans, over all panels that use it.
    pub fn measure(&mut self) {
        for axis in &mut self.axes {
            axis.extent = [f64::INFINITY, f64::NEG_INFINITY];
        }
        for panel in &self.panels {
            for mark in panel.series.iter().flat_map(|s| &s.marks) {
                for (axis, across) in [(panel.x, 0), (panel.y, 1)] {
                    let Some(axis) = self.axes.get_mut(axis) else { continue };
                    let log = axis.scale == Scale::Log;
                    let extent = &mut axis.extent;
                    mark.values(across, &mut |v| {
                        if v.is_finite() && (!log || v > 0.0) {
                            *extent = [extent[0].min(v), extent[1].max(v)];
                        }
                    });
                }
            }
        }
    }
}

impl Mark {
    /// Every place of the mark along x (0) or y (1).
    pub fn values(&self, across: usize, take: &mut dyn FnMut(f64)) {
        match self {
            Self::Line { points, .. } => points.iter().for_each(|p| take(p[across])),
            Self::Points { at, .. } => at.iter().for_each(|p| take(p[across])),
            Self::Area { along, low, high, upright, .. } => {
                if *upright == (across == 0) {
                    along.iter().for_each(|v| take(*v));
                } else {
                    low.iter().chain(high).for_each(|v| take(*v));
                }
            }
            Self::Rects { rects, .. } => rects.iter().for_each(|r| {
                take(r[across]);
                take(r[across + 2]);
            }),
            Self::Segments { lines, .. } => lines.iter().for_each(|r| {
                take(r[across]);
                take(r[across + 2]);
            }),
            Self::Grid { x, y, .. } => if across == 0 { x } else { y }.iter().for_each(|v| take(*v)),
            Self::Texts(labels) => labels.iter().for_each(|l| take(l.at[across])),
            Self::Wedges(_) => {}
        }
    }
}

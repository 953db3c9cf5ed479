//! Charts of plotly and Vega-Lite, read into figures a window can draw.
//!
//! [`plotly::read`] and [`vegalite::read`] turn a tool's own description into a [`Figure`]; no script is run and nothing
//! is fetched. What is outside the subset is named in [`Figure::notes`]. [`describe()`] says in JSON what is shown.
mod civil;
pub mod color;
mod contour;
mod describe;
mod figure;
mod find;
pub mod plotly;
mod stack;
mod stats;
mod ticks;
pub mod vegalite;

pub use self::{
    describe::{describe, inside, label, table, tsv},
    figure::{
        At, Axis, ColorScale, Dash, Data, Entry, Figure, Form, Frame, Ink, Inks, Label, Many, Mark, Panel, Pen, Scale,
        Series, Side, Source, Swatch, Target, Values, Wedge,
    },
    find::{Found, in_html},
};

use serde_json::{Map, Value};

/// The chart of a bundle, when it holds one. Vega-Lite has a type for each of its versions; altair 6 writes a dot for the
/// plus.
pub fn from_bundle(data: &Map<String, Value>) -> Option<Figure> {
    data.iter().filter(|(_, value)| value.is_object()).find_map(|(mime, value)| match mime.as_str() {
        "application/vnd.plotly.v1+json" | "application/vnd.plotly.v2+json" => Some(plotly::read(value)),
        m if m.starts_with("application/vnd.vegalite.") => Some(vegalite::read(value, &|_| None)),
        _ => None,
    })
}

/// The chart a page holds in its scripts.
pub fn from_html(source: &str) -> Option<Figure> {
    match in_html(source)? {
        Found::Plotly(value) => Some(plotly::read(&value)),
        Found::VegaLite(spec) => Some(vegalite::read(&spec, &|_| None)),
    }
}

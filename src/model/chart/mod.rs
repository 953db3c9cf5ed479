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
    from_bundle_with(data, &|_| None)
}

/// The same with the texts of files that the chart names.
pub fn from_bundle_with(data: &Map<String, Value>, files: &dyn Fn(&str) -> Option<String>) -> Option<Figure> {
    data.iter().filter(|(_, value)| value.is_object()).find_map(|(mime, value)| match mime.as_str() {
        "application/vnd.plotly.v1+json" | "application/vnd.plotly.v2+json" => Some(plotly::read(value)),
        m if m.starts_with("application/vnd.vegalite.") => Some(vegalite::read(value, files)),
        _ => None,
    })
}

/// A page for a browser that draws the chart of an output with the library it is made for, which the page loads.
pub fn page(data: &Map<String, Value>) -> Option<String> {
    let safe = |value: &Value| value.to_string().replace("</", "<\\/");
    let head = "<!doctype html><meta charset=\"utf-8\"><title>Chart</title><div id=\"chart\"></div>";
    data.iter().filter(|(_, value)| value.is_object()).find_map(|(mime, value)| match mime.as_str() {
        m if m.starts_with("application/vnd.plotly.") => {
            let part = |key: &str| value.get(key).map_or_else(|| "{}".to_owned(), safe);
            let traces = value.get("data").map_or_else(|| "[]".to_owned(), safe);
            Some(format!(
                "{head}<script src=\"https://cdn.plot.ly/plotly-3.1.0.min.js\"></script>\
                 <script>Plotly.newPlot(\"chart\", {traces}, {}, {});</script>",
                part("layout"),
                part("config")
            ))
        }
        m if m.starts_with("application/vnd.vega") => {
            let from = |name: &str| format!("<script src=\"https://cdn.jsdelivr.net/npm/{name}\"></script>");
            let scripts = from("vega@6") + &from("vega-lite@6") + &from("vega-embed@7");
            Some(format!("{head}{scripts}<script>vegaEmbed(\"#chart\", {});</script>", safe(value)))
        }
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

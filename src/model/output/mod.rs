//! What a cell puts out, as it is shown: a lossy, bounded view of nbformat's outputs.
//!
//! [`view`] reads stored outputs, [`Collector`] follows a cell that runs. The notebook itself keeps the JSON; nothing
//! here is written back, except by [`Collector::to_nbformat`] for fresh outputs. `text` is the terminal, `html` the
//! reader of HTML, `table` and `image` what their names say.
mod collect;
pub mod describe;
mod fresh;
mod gap;
pub mod html;
mod image;
mod later;
mod printed;
mod profile;
pub mod svg;
pub mod table;
pub mod text;
pub mod widget;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use self::{
    collect::{Collector, Drawn, error_json, made_ready, make, stream_json},
    fresh::Fresh,
    gap::Gap,
    image::{Frames, Image, MAX_SIDE, Pixels, decode, shrink, size_of},
    later::Later,
    printed::Printed,
    profile::profiles,
    table::{Table, table_json},
    text::{Ink, Line, Style, Text},
    widget::{Widget, Widgets},
};
use crate::model::{
    chart::{self, Figure},
    json::{self, Json, Tree},
    markdown,
    math::Macros,
};

/// Pictures of pixels that are drawn.
const RASTER: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/// All pictures that are drawn, the best first.
const PICTURES: [&str; 5] = [svg::MIME, "image/png", "image/jpeg", "image/gif", "image/webp"];

/// One output, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Streams and plain text.
    Text(Text),
    Table(Box<Table>),
    /// HTML that is more than one table.
    Page(Vec<html::Block>),
    Image(Image),
    Markdown(Arc<str>),
    /// LaTeX with a formula in it.
    Latex(Arc<str>),
    Json(Arc<Value>),
    /// A figure of plotly or Vega-Lite.
    Chart(Arc<Figure>),
    Error(Failure),
    Widget(Box<Widget>),
    /// Something is missing here.
    Gap(Box<Gap>),
    Note(Note),
    /// Too large to be read where it is drawn.
    Later(Later),
}

/// An exception with its traceback.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub ename: String,
    pub evalue: String,
    pub traceback: Text,
}

impl Failure {
    /// `ZeroDivisionError: division by zero`, on one line.
    pub fn summary(&self) -> String {
        let value = self.evalue.lines().next().unwrap_or_default().trim();
        match (self.ename.is_empty(), value.is_empty()) {
            (true, _) => value.to_owned(),
            (false, true) => self.ename.clone(),
            _ => format!("{}: {value}", self.ename),
        }
    }
}

/// Something that is not drawn, named, with what is shown instead.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// A sentence without a full stop: `Plotly figure, not drawn`.
    pub what: String,
    /// Size of what is not drawn.
    pub bytes: usize,
    /// It would have to run or fetch something; else it is only not known how to draw it.
    pub refused: bool,
    /// The plain text the tool gave with it, or what could be read of it.
    pub fallback: Option<Box<Output>>,
}

impl Output {
    /// Reads one output in nbformat's JSON. Never fails: what cannot be read becomes a note.
    pub fn from_json(raw: &str) -> Self {
        match parse(raw) {
            Ok(value) => Self::from_value(&value),
            Err(e) => Self::note(format!("An output that is no valid JSON ({e})"), raw.len(), None),
        }
    }

    /// Reads one output that is parsed already.
    pub fn from_value(output: &Value) -> Self {
        let text = |key: &str| output.get(key).map(joined).unwrap_or_default();
        match output.get("output_type").and_then(Value::as_str) {
            Some("stream") => {
                let mut view = Text::stream(text("name") == "stderr");
                view.feed(&text("text"));
                Self::Text(view)
            }
            Some("error") => {
                let lines = output.get("traceback").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
                Self::error(&text("ename"), &text("evalue"), &lines.join("\n"))
            }
            Some("display_data" | "execute_result" | "update_display_data") => {
                let empty = Map::new();
                let object = |key: &str| output.get(key).and_then(Value::as_object).unwrap_or(&empty);
                Self::from_bundle(object("data"), object("metadata"))
            }
            other => {
                let what = format!("An output of an unknown type ({})", other.unwrap_or("none"));
                Self::note(what, output.to_string().len(), None)
            }
        }
    }

    /// Chooses the richest type of a bundle that can be drawn.
    pub fn from_bundle(data: &Map<String, Value>, metadata: &Map<String, Value>) -> Self {
        // Its state is with the kernel or in the notebook's metadata.
        if let Some(widget) = Widget::of(data, &Widgets::default()) {
            return Self::Widget(Box::new(widget));
        }
        if let Some(gap) = Gap::of(data) {
            return Self::Gap(Box::new(gap));
        }
        let text = |mime: &str| data.get(mime).map(joined);
        if let Some(output) = chart::from_bundle(data).and_then(|figure| Self::from_figure(figure, data, metadata)) {
            return output;
        }
        if let Some(table) = data.get("application/vnd.dataresource+json").and_then(table::from_dataresource) {
            return Self::Table(Box::new(table));
        }
        let mut broken = None;
        for mime in PICTURES {
            if let Some(value @ (Value::String(_) | Value::Array(_))) = data.get(mime) {
                let source = value.as_str().map_or_else(|| joined(value).into(), std::borrow::Cow::Borrowed);
                let image = Image::new(mime, &source, metadata.get(mime));
                if image.is_sound() {
                    return Self::Image(image);
                }
                broken = broken.or(Some(image));
            }
        }
        if let Some(image) = broken {
            let mut rest = data.clone();
            rest.retain(|mime, _| !PICTURES.contains(&mime.as_str()));
            if rest.is_empty() {
                return Self::Image(image);
            }
            let kind = image.mime.trim_start_matches("image/").trim_end_matches("+xml").to_uppercase();
            let what = format!("The {kind} picture in this output is broken");
            return Self::note(what, image.len(), Some(Self::from_bundle(&rest, metadata)));
        }
        // Named before HTML: the HTML beside these is only a script that loads the rest.
        if let Some((what, size, refused)) = undrawn(data) {
            return if refused { Self::refused } else { Self::note }(what, size, fallback(data));
        }
        if let Some(source) = text("text/html")
            && let Some(output) = Self::from_html(&source, data)
        {
            return output;
        }
        if let Some(source) = text("text/markdown") {
            return Self::Markdown(source.into());
        }
        if let Some(source) = text("text/latex") {
            if markdown::latex(&source, &Macros::default()).is_some() {
                return Self::Latex(source.into());
            }
            return Self::note("LaTeX without a formula".into(), source.len(), Some(Self::Text(Text::parse(&source))));
        }
        let json = data.iter().find(|(mime, _)| *mime == "application/json" || *mime == "application/geo+json");
        if let Some((_, value)) = json {
            return Self::Json(Arc::new(value.clone()));
        }
        if let Some(source) = text("text/plain") {
            let plain = Self::Text(Text::parse(&source));
            return match data.iter().find(|(mime, _)| !mime.starts_with("text/")) {
                Some((mime, value)) => {
                    Self::note(format!("Output of type {mime}, not drawn"), value_size(value), Some(plain))
                }
                None => plain,
            };
        }
        match data.iter().next() {
            Some((mime, value)) => Self::note(format!("Output of type {mime}, not drawn"), value_size(value), None),
            None => Self::note("An empty output".into(), 0, None),
        }
    }

    fn from_html(source: &str, data: &Map<String, Value>) -> Option<Self> {
        if let Some(output) = chart::from_html(source).and_then(|f| Self::from_figure(f, data, &Map::new())) {
            return Some(output);
        }
        if source.len() > html::MAX_HTML {
            return Some(Self::note("HTML that is too large to be read".into(), source.len(), fallback(data)));
        }
        let spec = if source.contains("vegaEmbed") {
            Some("Vega-Lite chart inside HTML that could not be read")
        } else if source.contains("Plotly.newPlot") {
            Some("Plotly figure inside HTML that could not be read")
        } else {
            None
        };
        if let Some(what) = spec {
            return Some(Self::note(what.to_owned(), source.len(), fallback(data)));
        }
        let mut page = html::parse(source);
        if page.blocks.is_empty() {
            if page.left_out.is_empty() {
                return None;
            }
            let what = format!("HTML with {}, which is not run", page.left_out.join(" and "));
            return Some(Self::refused(what, source.len(), fallback(data)));
        }
        if let [html::Block::Table(_)] = page.blocks.as_slice()
            && let Some(html::Block::Table(table)) = page.blocks.pop()
        {
            return Some(Self::Table(Box::new(table)));
        }
        // Sections open and close without the page's script.
        let folds = page.blocks.iter().any(|b| matches!(b, html::Block::Fold(_)));
        let light = |what: &str| what == "a picture from elsewhere" || folds && what == "a script";
        let heavy = page.left_out.iter().any(|w| !light(w));
        let blocks = Self::Page(page.blocks);
        if heavy {
            let what = format!("HTML with {}, which is not run", page.left_out.join(" and "));
            return Some(Self::refused(what, source.len(), Some(blocks)));
        }
        Some(blocks)
    }

    /// A chart; one of which nothing can be drawn gives way to a picture the tool made of it.
    fn from_figure(figure: Figure, data: &Map<String, Value>, metadata: &Map<String, Value>) -> Option<Self> {
        if !figure.is_drawn()
            && let Some(mime) = PICTURES.into_iter().find(|m| data.contains_key(*m))
        {
            let picture = Image::new(mime, &data.get(mime).map(joined)?, metadata.get(mime));
            let what = format!("{}; the picture that came with it is shown", figure.notes.join("; "));
            return Some(Self::note(what, 0, Some(Self::Image(picture))));
        }
        Some(Self::Chart(Arc::new(figure)))
    }

    /// An exception.
    pub fn error(ename: &str, evalue: &str, traceback: &str) -> Self {
        Self::Error(Failure { ename: ename.into(), evalue: evalue.into(), traceback: Text::parse(traceback) })
    }

    fn note(what: String, bytes: usize, fallback: Option<Self>) -> Self {
        Self::Note(Note { what, bytes, refused: false, fallback: fallback.map(Box::new) })
    }

    fn refused(what: String, bytes: usize, fallback: Option<Self>) -> Self {
        Self::Note(Note { what, bytes, refused: true, fallback: fallback.map(Box::new) })
    }

    /// The output as text, for the clipboard and for searching.
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.plain(),
            Self::Table(table) => table.to_tsv(),
            Self::Page(blocks) => blocks.iter().map(html::Block::plain).collect::<Vec<_>>().join("\n"),
            Self::Image(image) => {
                let size = image.pixels.map(|(w, h)| format!(" {w} × {h}")).unwrap_or_default();
                let words = image.words();
                format!("[{}{size}]{}{words}", image.mime, if words.is_empty() { "" } else { "\n" })
            }
            Self::Markdown(source) | Self::Latex(source) => source.to_string(),
            Self::Chart(figure) => {
                let mut text = chart::label(figure);
                text.push('\n');
                text.push_str(&chart::tsv(figure));
                text
            }
            Self::Json(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
            Self::Error(failure) if failure.traceback.is_empty() => failure.summary(),
            Self::Error(failure) => failure.traceback.plain(),
            Self::Widget(widget) => widget.to_text(),
            Self::Gap(gap) => gap.to_text(),
            Self::Later(later) => later.read().to_text(),
            Self::Note(note) => match &note.fallback {
                Some(fallback) => fallback.to_text(),
                None => note.what.clone(),
            },
        }
    }
}

/// Reads a cell's outputs; neighbours of one stream become one text, as their tools meant them.
pub fn view<'a>(outputs: impl IntoIterator<Item = &'a str>) -> Vec<Output> {
    view_with(outputs, &Widgets::default())
}

/// The same for outputs of a notebook that keeps the state of its widgets.
pub fn view_with<'a>(outputs: impl IntoIterator<Item = &'a str>, widgets: &Widgets) -> Vec<Output> {
    view_placed(outputs, widgets).into_iter().map(|(_, output)| output).collect()
}

/// The same, each with the place of the output it begins with.
pub fn view_placed<'a>(outputs: impl IntoIterator<Item = &'a str>, widgets: &Widgets) -> Vec<(usize, Output)> {
    let mut out: Vec<(usize, Output)> = Vec::new();
    for (at, raw) in outputs.into_iter().enumerate() {
        if let Some(stream) = Stream::of(raw) {
            if let Some((_, Output::Text(last))) = out.last_mut()
                && last.stderr == stream.stderr
                && last.is_stream()
            {
                stream.each(|piece| last.feed(piece));
                continue;
            }
            let mut text = Text::stream(stream.stderr);
            stream.each(|piece| text.feed(piece));
            out.push((at, Output::Text(text)));
            continue;
        }
        let Ok(value) = parse(raw) else {
            out.push((at, Output::from_json(raw)));
            continue;
        };
        if value.get("output_type").and_then(Value::as_str) == Some("stream") {
            let stderr = value.get("name").and_then(Value::as_str) == Some("stderr");
            if let Some((_, Output::Text(last))) = out.last_mut()
                && last.stderr == stderr
                && last.is_stream()
            {
                last.feed(&value.get("text").map(joined).unwrap_or_default());
                continue;
            }
            let mut text = Text::stream(stderr);
            text.feed(&value.get("text").map(joined).unwrap_or_default());
            out.push((at, Output::Text(text)));
            continue;
        }
        if let Some(widget) = value.get("data").and_then(Value::as_object).and_then(|d| Widget::of(d, widgets)) {
            out.push((at, Output::Widget(Box::new(widget))));
            continue;
        }
        let data = value.pointer("/data").and_then(Value::as_object);
        if data.is_some_and(is_loader) {
            continue;
        }
        let output = Output::from_value(&value);
        if !(data.is_some_and(|d| d.len() == 1) && is_nothing(&output)) {
            out.push((at, output));
        }
    }
    out
}

/// A stream output that is read where it stands: of millions of lines no list is made.
pub(crate) struct Stream<'a> {
    raw: &'a str,
    tree: Tree,
    pub stderr: bool,
}

impl<'a> Stream<'a> {
    /// None for any other output, and for one that says so late.
    pub fn of(raw: &'a str) -> Option<Self> {
        let head = raw.as_bytes().get(..raw.len().min(256))?;
        memchr::memmem::find(head, b"\"stream\"")?;
        let tree = Tree::parse(raw.as_bytes()).ok()?;
        let root = tree.root(raw.as_bytes());
        root.get("output_type").filter(|t| t.is("stream"))?;
        let stderr = root.get("name").is_some_and(|n| n.is("stderr"));
        Some(Self { raw, tree, stderr })
    }
    /// Its text in the pieces it is written in.
    pub fn each(&self, mut take: impl FnMut(&str)) {
        let Some(text) = self.tree.root(self.raw.as_bytes()).get("text") else { return };
        let mut one = |value: json::Value<'_>| value.as_str().iter().for_each(|piece| take(piece));
        if text.is_array() { text.items().for_each(one) } else { one(text) }
    }
}

/// True for what tools put out to load their library into a page.
fn is_loader(data: &Map<String, Value>) -> bool {
    data.keys()
        .any(|m| m.starts_with("application/vnd.bokehjs_load") || m.starts_with("application/vnd.holoviews_load"))
}

/// True for HTML with nothing to see: a script that loads a library, a place that a script is to fill.
fn is_nothing(output: &Output) -> bool {
    let Output::Note(note) = output else { return false };
    note.fallback.is_none()
        && (note.what.starts_with("HTML with a script") || note.what.starts_with("Output of type text/html"))
}

/// The whole text of the output that begins at this place: a stream with all its pieces, or a result's plain text. What a
/// terminal would show of it, with nothing left out.
pub fn whole_text(outputs: &[&str], at: usize) -> Option<String> {
    let stream = |value: &Value| {
        (value.get("output_type").and_then(Value::as_str) == Some("stream"))
            .then(|| value.get("name").and_then(Value::as_str) == Some("stderr"))
    };
    let mut text = Text::whole();
    if let Some(first) = Stream::of(outputs.get(at)?) {
        first.each(|piece| text.feed(piece));
        for raw in outputs.iter().skip(at + 1) {
            let Some(next) = Stream::of(raw).filter(|next| next.stderr == first.stderr) else { break };
            next.each(|piece| text.feed(piece));
        }
        return Some(text.everything());
    }
    let first = parse(outputs.get(at)?).ok()?;
    let Some(stderr) = stream(&first) else {
        let plain = first.pointer("/data/text~1plain").map(joined);
        let trace = || {
            let lines = first.get("traceback")?.as_array()?.iter();
            Some(lines.filter_map(Value::as_str).collect::<Vec<_>>().join("\n"))
        };
        text.feed(&plain.or_else(trace)?);
        return Some(text.everything());
    };
    text.feed(&first.get("text").map(joined).unwrap_or_default());
    for raw in outputs.iter().skip(at + 1) {
        let Some(next) = parse(raw).ok().filter(|n| stream(n) == Some(stderr)) else { break };
        text.feed(&next.get("text").map(joined).unwrap_or_default());
    }
    Some(text.everything())
}

/// Values lie no deeper in each other than this; what is deeper is a sign.
const DEEPEST: usize = 100;

/// An output as JSON. What strict readers refuse and notebooks hold is taken: `NaN`, numbers beyond all bounds, values too
/// deep in each other.
fn parse(raw: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(raw).or_else(|e| {
        let json = Json::parse(raw.as_bytes().to_vec()).map_err(|_| e)?;
        Ok(plain_value(json.root(), 0))
    })
}

fn plain_value(value: json::Value<'_>, depth: usize) -> Value {
    match value.kind() {
        json::Kind::Object | json::Kind::Array if depth >= DEEPEST => Value::String("\u{2026}".to_owned()),
        json::Kind::Object => {
            let key = |m: &json::Member<'_>| m.key.as_str().unwrap_or_default().into_owned();
            Value::Object(value.members().map(|m| (key(&m), plain_value(m.value, depth + 1))).collect())
        }
        json::Kind::Array => Value::Array(value.items().map(|v| plain_value(v, depth + 1)).collect()),
        json::Kind::Str | json::Kind::EscStr => value.as_str().map_or(Value::Null, |s| s.into_owned().into()),
        // `NaN`, infinities and what is as good as one are missing values.
        _ => serde_json::from_str(value.raw_text()).unwrap_or(Value::Null),
    }
}

/// A string, or a list of strings as notebooks store long ones.
fn joined(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn value_size(value: &Value) -> usize {
    value.as_str().map_or_else(|| value.to_string().len(), str::len)
}

/// The richer thing a bundle holds that is not drawn, in words, its size, and whether it would have to be run.
fn undrawn(data: &Map<String, Value>) -> Option<(String, usize, bool)> {
    // The name of a tool says more than that its script is one.
    let (scripts, named): (Vec<_>, Vec<_>) = data.iter().partition(|(mime, _)| *mime == "application/javascript");
    named.into_iter().chain(scripts).find_map(|(mime, value)| {
        let size = value_size(value);
        let refused = |what: &str| Some((what.to_owned(), size, true));
        let unread = |what: &str| Some((what.to_owned(), size, false));
        match mime.as_str() {
            "application/vnd.plotly.v1+json" => unread("Plotly figure that could not be read"),
            m if m.starts_with("application/vnd.vegalite") => unread("Vega-Lite chart that could not be read"),
            m if m.starts_with("application/vnd.vega") => refused("Vega chart, which needs a browser"),
            m if m.starts_with("application/vnd.bokeh") => refused("Bokeh figure, which needs a browser"),
            m if m.starts_with("application/vnd.holoviews") && !data.contains_key("text/html") => {
                refused("HoloViews figure, which needs a browser")
            }
            "application/javascript" if data.len() <= 2 => refused("JavaScript, which is not run"),
            _ => None,
        }
    })
}

/// What to show instead of something that is not drawn.
fn fallback(data: &Map<String, Value>) -> Option<Output> {
    let text = data.get("text/plain").map(joined).filter(|t| !t.trim().is_empty())?;
    Some(Output::Text(Text::parse(&text)))
}

#[cfg(test)]
mod tests;

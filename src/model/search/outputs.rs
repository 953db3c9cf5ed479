//! The text that outputs show, whole: also what the window leaves out of a long stream.
use serde_json::Value;

use crate::model::{
    chart,
    markdown::{self, Context},
    math::Macros,
    notebook::Cell,
    output::{self, Drawn, Failure, Output, Stream, Text, Widgets},
};

/// The text of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Which one, as they are drawn.
    pub output: usize,
    pub text: String,
    /// Lines that are not drawn: the first, and how many.
    pub left_out: Option<(usize, usize)>,
}

/// The texts of outputs that a running cell shows, each drawn where it stands. Of a text that is not drawn whole it is
/// told before which line something is left out, and how many lines are drawn.
pub fn live(outputs: &[Drawn]) -> Vec<Shown> {
    let one = |(output, (fresh, drawn)): (usize, &Drawn)| {
        let raw = fresh.to_bytes();
        if Stream::of(raw.text()).is_none() {
            return Shown { output, text: text_of(&Output::from_json(raw.text())), left_out: None };
        }
        let text = whole([raw.text()].into_iter());
        let left_out = drawn.map(|(at, drawn)| (at, text.lines().count().saturating_sub(drawn)));
        Shown { output, text, left_out }
    };
    outputs.iter().enumerate().map(one).filter(|s| !s.text.is_empty()).collect()
}

/// The text of an output that is drawn as `view` and made of `parts`.
fn shown<'a>(output: usize, view: &Output, parts: impl Iterator<Item = &'a str>) -> Shown {
    if let Output::Text(text) = view
        && let Some((dropped, at)) = text.gap()
        && text.is_stream()
    {
        let text = whole(parts);
        let lines = text.lines().count();
        // Lines that other lines took back are not in both.
        let dropped = (dropped as usize).min(lines.saturating_sub(at));
        return Shown { output, text, left_out: Some((at, dropped)) };
    }
    Shown { output, text: text_of(view), left_out: None }
}

/// The texts of a cell's outputs.
pub fn of(cell: &Cell, widgets: &Widgets) -> Vec<Shown> {
    if !cell.has_outputs() {
        return Vec::new();
    }
    let raw: Vec<_> = cell.outputs().collect();
    let placed = output::view_placed(raw.iter().map(|o| o.text()), widgets);
    let ends: Vec<usize> = placed.iter().skip(1).map(|(at, _)| *at).chain([raw.len()]).collect();
    let one = |(output, ((from, view), to)): (usize, ((usize, Output), usize))| {
        shown(output, &view, raw.get(from..to).unwrap_or_default().iter().map(|o| o.text()))
    };
    placed.into_iter().zip(ends).enumerate().map(one).filter(|s| !s.text.is_empty()).collect()
}

/// What a person reads of an output.
pub fn text_of(view: &Output) -> String {
    match view {
        Output::Markdown(source) => markdown::read(source, &Context::default()).plain(),
        Output::Latex(source) => {
            markdown::latex(source, &Macros::default()).map_or_else(|| source.to_string(), |read| read.plain())
        }
        Output::Image(image) => image.words(),
        Output::Chart(figure) => chart::label(figure),
        Output::Error(failure) => error_text(failure),
        Output::Note(note) => match &note.fallback {
            Some(inner) => format!("{}\n{}", note.what, text_of(inner)),
            None => note.what.clone(),
        },
        other => other.to_text(),
    }
}

/// The bar of an error, then its traceback.
fn error_text(failure: &Failure) -> String {
    let mut text = failure.summary();
    if !failure.traceback.is_empty() {
        text.push('\n');
        text.push_str(&failure.traceback.plain());
    }
    text
}

/// All lines of a stream, each as a terminal leaves it. Moves of the cursor from line to line are not followed.
fn whole<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for part in parts {
        if let Some(stream) = Stream::of(part) {
            stream.each(|piece| joined.push_str(piece));
            continue;
        }
        let Ok(value) = serde_json::from_str::<Value>(part) else { continue };
        match value.get("text") {
            Some(Value::String(text)) => joined.push_str(text),
            Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).for_each(|l| joined.push_str(l)),
            _ => {}
        }
    }
    if !joined.bytes().any(|b| b == 0x1b || b == 0x08 || b == b'\r') {
        return joined;
    }
    let mut out = String::with_capacity(joined.len());
    for line in joined.split('\n') {
        if line.bytes().any(|b| b < 0x20 && b != b'\t') {
            let read = Text::parse(line);
            out.push_str(read.lines().last().map(|l| l.text.as_str()).unwrap_or_default());
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    out.pop();
    out
}

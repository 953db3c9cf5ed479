//! What an output holds, decoded: text, a table, a picture, a chart.
use base64::Engine;

use super::{
    chart::{Chart, is_chart},
    document::{Form, OutputView, form_of},
    file::Picture,
    table::TableData,
    tabletext,
};
use crate::model::{
    json::{Json, Kind, Style, Value, format_value},
    output::{Output, Text, svg},
};

/// What an output holds, for showing and for comparing.
pub(super) enum Content {
    Text(String),
    Table(TableData, String),
    Image(Picture),
    Chart(Chart, String),
}

/// An output in words: what its class shows, decoded.
pub(super) fn content(o: &OutputView) -> Content {
    let Some(json) = o.parts.first().and_then(|p| Json::parse(p.clone()).ok()) else {
        return Content::Text(String::new());
    };
    let root = json.root();
    if o.class.starts_with("stream:") || o.class == "error" {
        return printed(raw_text(o));
    }
    let Some(value) = root.get("data").and_then(|d| d.get(&o.class)) else {
        return Content::Text(pretty(root));
    };
    let plain = || {
        let text = root.get("data").and_then(|d| d.get("text/plain")).and_then(|v| v.joined());
        text.map(|t| t.into_owned())
    };
    match form_of(&o.class) {
        Form::Tree => {
            let chart = is_chart(&o.class).then(|| Chart::from_json(&o.class, value.raw_text())).flatten();
            chart.map_or_else(|| Content::Text(pretty(value)), |c| Content::Chart(c, pretty(value)))
        }
        Form::Text => {
            let text = value.joined().unwrap_or_default().into_owned();
            // What is no vector picture in spite of its name stays text.
            if o.class == svg::MIME && svg::size_of(&text).is_some() && text.len() <= svg::HEAVY {
                return Content::Image(Picture::new(&o.class, text.into_bytes()));
            }
            if o.class == "text/plain" {
                return printed(without_ansi(&text));
            }
            if o.class == "text/html"
                && let Some(chart) = Chart::from_html(&text)
            {
                return Content::Chart(chart, plain().unwrap_or(text));
            }
            match (o.class == "text/html").then(|| table(&text)).flatten() {
                Some(table) => Content::Table(table, plain().unwrap_or(text)),
                // Markup says less to a reader than the words beside it, unless those only name an object.
                None if o.class == "text/html" => {
                    Content::Text(plain().filter(|p| !p.starts_with('<')).unwrap_or(text))
                }
                None => Content::Text(text),
            }
        }
        Form::Base64 => {
            let text = value.joined().unwrap_or_default();
            let clean: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
            match base64::engine::general_purpose::STANDARD.decode(&clean) {
                Ok(bytes) => Content::Image(Picture::new(&o.class, bytes)),
                Err(_) => Content::Text(plain().unwrap_or_default()),
            }
        }
    }
}

/// Text, or the table it is.
fn printed(text: String) -> Content {
    match tabletext::parse(&text) {
        Some(table) => Content::Table(table, text),
        None => Content::Text(text),
    }
}

/// The table that a piece of HTML is; none when it is more or something else.
fn table(html: &str) -> Option<TableData> {
    let bundle = serde_json::Map::from_iter([("text/html".to_owned(), serde_json::Value::from(html))]);
    match Output::from_bundle(&bundle, &serde_json::Map::new()) {
        Output::Table(table) => TableData::from_output(&table),
        _ => None,
    }
}

/// Streams, tracebacks without colours, and anything else as it is written.
pub(super) fn raw_text(o: &OutputView) -> String {
    let mut text = String::new();
    for part in &o.parts {
        let Ok(json) = Json::parse(part.clone()) else { continue };
        let root = json.root();
        if o.class == "error" {
            let get = |key: &str| root.get(key).and_then(|v| v.as_str()).unwrap_or_default().into_owned();
            text.push_str(&format!("{}: {}", get("ename"), get("evalue")));
            for line in root.get("traceback").iter().flat_map(Value::items) {
                text.push('\n');
                text.push_str(&line.as_str().unwrap_or_default());
            }
        } else if let Some(stream) = root.get("text").and_then(|v| v.joined()) {
            text.push_str(&stream);
        } else {
            text.push_str(&pretty(root));
        }
    }
    without_ansi(&text)
}

/// Largest text for which a terminal is played; larger ones lose their middle there.
const MAX_TERMINAL: usize = 1_000_000;

/// What a terminal shows in the end: no colour codes, and of lines written over each other the last.
fn without_ansi(text: &str) -> String {
    let bytes = text.as_bytes();
    let returns = memchr::memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'));
    if (returns || memchr::memchr2(0x1b, 0x08, bytes).is_some()) && text.len() <= MAX_TERMINAL {
        let shown = Text::parse(text);
        if shown.gap().is_none() && shown.cut() == 0 {
            let mut out = shown.plain();
            if text.ends_with('\n') && !out.is_empty() {
                out.push('\n');
            }
            return out;
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut line = 0;
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                if chars.next_if_eq(&'[').is_some() {
                    for c in chars.by_ref() {
                        if ('@'..='~').contains(&c) {
                            break;
                        }
                    }
                }
            }
            '\r' if chars.peek().is_some_and(|n| *n != '\n') => out.truncate(line),
            '\r' if chars.peek().is_none() => {}
            '\n' => {
                out.push('\n');
                line = out.len();
            }
            c => out.push(c),
        }
    }
    out
}

/// JSON over several lines with sorted keys, so that only values differ.
fn pretty(value: Value<'_>) -> String {
    let style = Style { indent: Some("  ".to_owned()), ..Style::default() };
    let mut out = Vec::new();
    sorted(value, &style, 0, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn sorted(value: Value<'_>, style: &Style, level: usize, out: &mut Vec<u8>) {
    let (open, close) = match value.kind() {
        Kind::Object => (b'{', b'}'),
        Kind::Array => (b'[', b']'),
        _ => return format_value(value, style, level, out),
    };
    let mut parts: Vec<(Option<Value<'_>>, Value<'_>)> = if value.is_object() {
        value.members().map(|m| (Some(m.key), m.value)).collect()
    } else {
        value.items().map(|v| (None, v)).collect()
    };
    if value.is_object() {
        parts.sort_by(|a, b| a.0.map(|k| k.raw()).cmp(&b.0.map(|k| k.raw())));
    }
    out.push(open);
    let count = parts.len();
    for (n, (key, value)) in parts.into_iter().enumerate() {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', (level + 1) * 2));
        if let Some(key) = key {
            out.extend_from_slice(key.raw());
            out.extend_from_slice(b": ");
        }
        sorted(value, style, level + 1, out);
        if n + 1 < count {
            out.push(b',');
        }
    }
    if count > 0 {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', level * 2));
    }
    out.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_show_the_last_of_what_was_overwritten() {
        assert_eq!(without_ansi("\u{1b}[31mred\u{1b}[0m 10 %\r 20 %\ndone\r\n"), " 20 %0 %\ndone\n");
        assert_eq!(without_ansi("  5%|a\r100%|b\r"), "100%|b");
        assert_eq!(without_ansi("plain\r\nlines\n"), "plain\r\nlines\n");
        let long = format!("{}\r{}\n", "x".repeat(MAX_TERMINAL), "y".repeat(9));
        assert_eq!(without_ansi(&long), "yyyyyyyyy\n");
    }
}

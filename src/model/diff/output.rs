//! Outputs compared as what they are: streams and errors as text, tables by rows, images by bytes, JSON as trees.
use std::sync::Arc;

use base64::Engine;
use imara_diff::{Algorithm, Diff, InternedInput, TokenSource};
use serde::Serialize;

use super::{
    document::{Form, OutputView, canonical, canonical_output, form_of},
    file::Picture,
    table::{TableData, TableDiff},
};
use crate::model::{
    json::{Bytes, Json, Kind, Style, Value, format_value},
    output::Output,
    textdiff::TextDiff,
};

/// What happened to an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputChange {
    Same,
    Changed,
    Added,
    Removed,
}

/// How to show what differs.
#[derive(Debug, Clone)]
pub enum OutputDetail {
    /// Equal on both sides.
    Same,
    /// Text of any kind: streams, tracebacks, pretty JSON, markup.
    Text(Arc<TextDiff>),
    Table(Arc<TableDiff>),
    Image {
        old: Option<Arc<Picture>>,
        new: Option<Arc<Picture>>,
    },
}

/// A pair of outputs, or one without a partner.
#[derive(Debug, Clone)]
pub struct OutputDiff {
    /// Positions among the cell's outputs.
    pub old: Option<usize>,
    pub new: Option<usize>,
    pub change: OutputChange,
    /// `stream:stdout`, `error`, or the mime type that is compared.
    pub class: String,
    pub detail: OutputDetail,
}

struct Hashes<'a>(&'a [OutputView]);

impl<'a> TokenSource for Hashes<'a> {
    type Token = u64;
    type Tokenizer = std::iter::Map<std::slice::Iter<'a, OutputView>, fn(&OutputView) -> u64>;
    fn tokenize(&self) -> Self::Tokenizer {
        self.0.iter().map(|o| o.hash)
    }
    fn estimate_tokens(&self) -> u32 {
        self.0.len() as u32
    }
}

/// Compares the outputs of one cell; empty when they show the same. The flag says that only addresses differ.
pub(super) fn compare(old: &[OutputView], new: &[OutputView]) -> (Vec<OutputDiff>, bool) {
    let mut rows = Vec::new();
    let mut masked = false;
    for (i, j) in pair(old, new) {
        let (a, b) = (i.and_then(|i| old.get(i)), j.and_then(|j| new.get(j)));
        let class = b.or(a).map_or_else(String::new, |o| o.class.clone());
        let change = match (a, b) {
            (Some(a), Some(b)) if same(a, b) => OutputChange::Same,
            (Some(a), Some(b)) if same_but_addresses(a, b) => {
                masked = true;
                OutputChange::Same
            }
            (Some(_), Some(_)) => OutputChange::Changed,
            (None, _) => OutputChange::Added,
            (_, None) => OutputChange::Removed,
        };
        rows.push((i, j, change, class, a, b));
    }
    if rows.iter().all(|r| r.2 == OutputChange::Same) {
        return (Vec::new(), masked);
    }
    let rows = rows
        .into_iter()
        .map(|(old, new, change, class, a, b)| {
            let detail = if change == OutputChange::Same { OutputDetail::Same } else { detail(&class, a, b) };
            OutputDiff { old, new, change, class, detail }
        })
        .collect();
    (rows, masked)
}

/// Equal outputs in order; between them, outputs of one class in order.
fn pair(old: &[OutputView], new: &[OutputView]) -> Vec<(Option<usize>, Option<usize>)> {
    let input = InternedInput::new(Hashes(old), Hashes(new));
    let diff = Diff::compute(Algorithm::Myers, &input);
    let mut all = Vec::new();
    let (mut i, mut j) = (0, 0);
    for hunk in diff.hunks() {
        let (before, after) =
            (hunk.before.start as usize..hunk.before.end as usize, hunk.after.start as usize..hunk.after.end as usize);
        all.extend((i..before.start).zip(j..after.start).map(|(i, j)| (Some(i), Some(j))));
        (i, j) = (before.end, after.end);
        let mut from = after.start;
        for x in before {
            let class = old.get(x).map(|o| &o.class);
            let partner = (from..after.end).find(|y| new.get(*y).map(|o| &o.class) == class);
            if let Some(y) = partner {
                all.extend((from..y).map(|y| (None, Some(y))));
                from = y + 1;
            }
            all.push((Some(x), partner));
        }
        all.extend((from..after.end).map(|y| (None, Some(y))));
    }
    all.extend((i..old.len()).zip(j..new.len()).map(|(i, j)| (Some(i), Some(j))));
    all
}

/// Equal by content; a hash alone never says so.
fn same(a: &OutputView, b: &OutputView) -> bool {
    if a.hash != b.hash || a.class != b.class {
        return false;
    }
    let raw = |o: &OutputView| o.parts.iter().map(|p| p.len()).sum::<usize>();
    if raw(a) == raw(b) && a.parts.iter().zip(&b.parts).all(|(x, y)| **x == **y) {
        return true;
    }
    form(a) == form(b)
}

fn form(o: &OutputView) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, part) in o.parts.iter().enumerate() {
        let Ok(json) = Json::parse(part.clone()) else { continue };
        match json.root().get("text").filter(|_| n > 0 && o.class.starts_with("stream:")) {
            Some(text) => canonical(text, Form::Text, &mut out),
            None => canonical_output(json.root(), &o.class, &mut out),
        }
    }
    out
}

/// Equal JSON values, whatever their layout.
pub(super) fn same_json(a: &Bytes, b: &Bytes) -> bool {
    if **a == **b {
        return true;
    }
    let form = |bytes: &Bytes| {
        let mut out = Vec::new();
        if let Ok(json) = Json::parse(bytes.clone()) {
            canonical(json.root(), Form::Tree, &mut out);
        }
        out
    };
    form(a) == form(b)
}

/// Memory addresses (`0x7f...`) differ in every run and mean nothing.
fn same_but_addresses(a: &OutputView, b: &OutputView) -> bool {
    const LIMIT: usize = 200_000;
    let size = |o: &OutputView| o.parts.iter().map(|p| p.len()).sum::<usize>();
    if a.class != b.class || size(a) > LIMIT || size(b) > LIMIT {
        return false;
    }
    let (a, b) = (form(a), form(b));
    memchr::memmem::find(&a, b"0x").is_some() && mask(&a) == mask(&b)
}

fn mask(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"0x") {
        let (head, tail) = rest.split_at(at + 2);
        out.extend_from_slice(head);
        let digits = tail.iter().take_while(|c| c.is_ascii_hexdigit()).count();
        // Short ones are numbers somebody wrote, such as 0xff.
        if digits < 6 {
            out.extend_from_slice(tail.get(..digits).unwrap_or_default());
        }
        rest = tail.get(digits..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// What an output holds, for showing and for comparing.
enum Content {
    Text(String),
    Table(TableData, String),
    Image(Picture),
}

fn detail(class: &str, a: Option<&OutputView>, b: Option<&OutputView>) -> OutputDetail {
    let (x, y) = (a.map(content), b.map(content));
    match (x, y) {
        (Some(Content::Table(x, _)), Some(Content::Table(y, _))) => {
            OutputDetail::Table(Arc::new(TableDiff::new(&x, &y)))
        }
        (Some(Content::Table(x, _)), None) => OutputDetail::Table(Arc::new(TableDiff::new(&x, &TableData::default()))),
        (None, Some(Content::Table(y, _))) => OutputDetail::Table(Arc::new(TableDiff::new(&TableData::default(), &y))),
        (x, y) if class.starts_with("image/") => {
            let picture = |c| match c {
                Some(Content::Image(p)) => Some(Arc::new(p)),
                _ => None,
            };
            let (old, new) = (picture(x), picture(y));
            if old.is_none() && new.is_none() { text_detail(a, b) } else { OutputDetail::Image { old, new } }
        }
        (x, y) => {
            let text = |c: Option<Content>| match c {
                Some(Content::Text(t) | Content::Table(_, t)) => t,
                Some(Content::Image(p)) => p.words(),
                None => String::new(),
            };
            OutputDetail::Text(Arc::new(TextDiff::new(text(x), text(y))))
        }
    }
}

fn text_detail(a: Option<&OutputView>, b: Option<&OutputView>) -> OutputDetail {
    let text = |o: Option<&OutputView>| o.map(raw_text).unwrap_or_default();
    OutputDetail::Text(Arc::new(TextDiff::new(text(a), text(b))))
}

/// An output in words: what its class shows, decoded.
fn content(o: &OutputView) -> Content {
    let Some(json) = o.parts.first().and_then(|p| Json::parse(p.clone()).ok()) else {
        return Content::Text(String::new());
    };
    let root = json.root();
    if o.class.starts_with("stream:") || o.class == "error" {
        return Content::Text(raw_text(o));
    }
    let Some(value) = root.get("data").and_then(|d| d.get(&o.class)) else {
        return Content::Text(pretty(root));
    };
    let plain = || {
        let text = root.get("data").and_then(|d| d.get("text/plain")).and_then(|v| v.joined());
        text.map(|t| t.into_owned())
    };
    match form_of(&o.class) {
        Form::Tree => Content::Text(pretty(value)),
        Form::Text => {
            let text = value.joined().unwrap_or_default().into_owned();
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

/// The table that a piece of HTML is; none when it is more or something else.
fn table(html: &str) -> Option<TableData> {
    let bundle = serde_json::Map::from_iter([("text/html".to_owned(), serde_json::Value::from(html))]);
    match Output::from_bundle(&bundle, &serde_json::Map::new()) {
        Output::Table(table) => TableData::from_output(&table),
        _ => None,
    }
}

/// Streams, tracebacks without colours, and anything else as it is written.
fn raw_text(o: &OutputView) -> String {
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

/// Takes out colour codes and applies carriage returns, as a terminal shows it.
fn without_ansi(text: &str) -> String {
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
            '\r' if chars.peek() != Some(&'\n') => out.truncate(line),
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
        assert_eq!(without_ansi("\u{1b}[31mred\u{1b}[0m 10 %\r 20 %\ndone\r\n"), " 20 %\ndone\r\n");
    }

    #[test]
    fn addresses_are_masked_and_numbers_are_not() {
        assert_eq!(mask(b"<A at 0x7f00aa11bb22>"), mask(b"<A at 0x7f99aa11bb00>"));
        assert_ne!(mask(b"flags 0xff"), mask(b"flags 0xfe"));
    }
}

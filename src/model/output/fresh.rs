//! Outputs of a run on their way into a cell: shared with what was collected, and written once.
use std::{io::Write, sync::Arc};

use serde_json::Value;

use super::{later::fits, printed::Printed};
use crate::model::json::{Bytes, Style, encode_str};

/// Outputs of more bytes are written where there is time.
const AT_ONCE: usize = 1 << 20;

/// One output that a cell gets.
#[derive(Debug, Clone)]
pub enum Fresh {
    /// What was printed.
    Stream {
        stderr: bool,
        text: Arc<Printed>,
        /// About how much of it is stored.
        limit: usize,
        /// The file with all of it.
        whole: Option<Arc<str>>,
    },
    /// Any other in nbformat's JSON, with this number in place of its own.
    Value { value: Arc<Value>, count: Option<u64> },
    /// One that is written already, in any layout.
    Json(Bytes),
}

impl Fresh {
    /// About how many bytes it takes in a file.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Stream { text, limit, .. } => {
                let kept = text.kept().min(*limit);
                kept + kept / 8 + 256
            }
            Self::Value { value, .. } => size(value) + 256,
            Self::Json(bytes) => bytes.len() + bytes.len() / 8,
        }
    }

    /// True when writing these takes longer than a frame may.
    pub fn are_large(outputs: &[Self]) -> bool {
        let mut left = AT_ONCE;
        let mut fits = |output: &Self| match output {
            Self::Value { value, .. } => fits(value, &mut left),
            other => {
                let rest = left.checked_sub(other.bytes());
                left = rest.unwrap_or(0);
                rest.is_some()
            }
        };
        !outputs.iter().all(&mut fits)
    }

    /// On one line, with keys in the order Jupyter writes them.
    pub fn to_json(&self) -> String {
        let mut out = Vec::with_capacity(self.bytes());
        let tight = Style { indent: None, colon: ":".into(), comma: ",".into(), ..Style::default() };
        self.write(&tight, 0, &mut out);
        // All that was written was text.
        String::from_utf8(out).unwrap_or_default()
    }

    /// The same; no copy of what is written already.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Json(bytes) => bytes.clone(),
            other => other.to_json().into(),
        }
    }

    /// In a notebook's own look; one that is written already is left to the caller.
    pub fn write(&self, style: &Style, level: usize, out: &mut Vec<u8>) {
        match self {
            Self::Json(bytes) => out.extend_from_slice(bytes),
            Self::Value { value, count } => {
                let Value::Object(members) = &**value else { return write_value(value, style, level, out) };
                let number = count.map(Value::from);
                let own = |key: &str| number.as_ref().filter(|_| key == "execution_count");
                let members = members.iter().map(|(key, value)| (key.as_str(), own(key).unwrap_or(value)));
                write_object(members, style, level, out);
            }
            Self::Stream { stderr, text, limit, whole } => {
                let inner = style.newline(level + 1);
                let between = style.between(level + 1);
                let name = if *stderr { "stderr" } else { "stdout" };
                let colon = &style.colon;
                let head = format!(
                    "{{{inner}\"name\"{colon}\"{name}\"{between}\"output_type\"{colon}\"stream\"{between}\"text\"{colon}"
                );
                out.extend_from_slice(head.as_bytes());
                let mut list = Lines::new(style, level + 1, out);
                text.parts(*limit, whole.as_deref()).iter().for_each(|part| list.feed(part));
                list.end();
                out.extend_from_slice(style.newline(level).as_bytes());
                out.push(b'}');
            }
        }
    }
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 12,
        Value::Array(items) => items.iter().map(|i| size(i) + 2).sum(),
        Value::Object(members) => members.iter().map(|(key, value)| key.len() + size(value) + 6).sum(),
        _ => 8,
    }
}

fn write_object<'a>(
    members: impl Iterator<Item = (&'a str, &'a Value)>,
    style: &Style,
    level: usize,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    let mut any = false;
    for (key, value) in members {
        let lead = if any { style.between(level + 1) } else { style.newline(level + 1) };
        any = true;
        out.extend_from_slice(lead.as_bytes());
        encode_str(key, false, out);
        out.extend_from_slice(style.colon.as_bytes());
        write_value(value, style, level + 1, out);
    }
    if any {
        out.extend_from_slice(style.newline(level).as_bytes());
    }
    out.push(b'}');
}

/// As [`crate::model::json::format_value`] lays out what was read. Values of kernels lie no deeper than their reader allows.
fn write_value(value: &Value, style: &Style, level: usize, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => encode_str(text, false, out),
        Value::Object(members) => write_object(members.iter().map(|(k, v)| (k.as_str(), v)), style, level, out),
        Value::Array(items) => {
            let (first, between) = (style.newline(level + 1), style.between(level + 1));
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                out.extend_from_slice(if i == 0 { first.as_bytes() } else { between.as_bytes() });
                write_value(item, style, level + 1, out);
            }
            if !items.is_empty() {
                out.extend_from_slice(style.newline(level).as_bytes());
            }
            out.push(b']');
        }
        // A vector takes everything.
        other => drop(write!(out, "{other}")),
    }
}

/// Writes a text that comes in parts as a list of lines, cut where Python's `splitlines` cuts, since that is what writes
/// most notebooks.
struct Lines<'a> {
    out: &'a mut Vec<u8>,
    first: String,
    between: String,
    close: String,
    any: bool,
    /// A line has begun.
    open: bool,
    /// It ends with `\r`, to which a `\n` may belong.
    returned: bool,
}

impl<'a> Lines<'a> {
    fn new(style: &Style, level: usize, out: &'a mut Vec<u8>) -> Self {
        let (first, between, close) = (style.newline(level + 1), style.between(level + 1), style.newline(level));
        out.push(b'[');
        Self { out, first, between, close, any: false, open: false, returned: false }
    }

    fn feed(&mut self, part: &str) {
        let mut rest = part;
        if self.returned && !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('\n') {
                self.out.extend_from_slice(b"\\n");
                rest = after;
            }
            self.close_line();
        }
        while !rest.is_empty() {
            let end = line_end(rest);
            let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
            if !self.open {
                self.out.extend_from_slice(if self.any { self.between.as_bytes() } else { self.first.as_bytes() });
                self.out.push(b'"');
                (self.any, self.open) = (true, true);
            }
            crate::model::json::encode_inner(line, false, self.out);
            if end.is_some() {
                if after.is_empty() && line.ends_with('\r') {
                    self.returned = true;
                } else {
                    self.close_line();
                }
            }
            rest = after;
        }
    }

    fn close_line(&mut self) {
        if self.open {
            self.out.push(b'"');
        }
        (self.open, self.returned) = (false, false);
    }

    fn end(mut self) {
        self.close_line();
        if self.any {
            self.out.extend_from_slice(self.close.as_bytes());
        }
        self.out.push(b']');
    }
}

/// Bytes that are looked through at a time: whoever finds the end of a line near has not looked far.
const REACH: usize = 256;

/// Where the first line ends, its end included.
fn line_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let rare = |b: &u8| matches!(b, 0x0b | 0x0c | 0x1c..=0x1e | 0xc2 | 0xe2);
    let mut from = 0;
    while from < bytes.len() {
        let near = bytes.get(from..bytes.len().min(from + REACH)).unwrap_or_default();
        let plain = memchr::memchr2(b'\n', b'\r', near);
        let until = near.get(..plain.unwrap_or(near.len())).unwrap_or_default();
        let mut at = 0;
        while let Some(next) = until.get(at..).and_then(|rest| rest.iter().position(rare)) {
            at += next;
            let c = text.get(from + at..).and_then(|rest| rest.chars().next())?;
            if !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}') && !c.is_ascii() {
                at += 1;
                continue;
            }
            return Some(from + at + c.len_utf8());
        }
        if let Some(at) = plain {
            let pair = bytes.get(from + at..).is_some_and(|rest| rest.starts_with(b"\r\n"));
            return Some(from + at + 1 + usize::from(pair));
        }
        from += near.len();
    }
    None
}

/// The lines of a text with their ends, cut in the same way.
pub(super) fn split_lines(text: &str) -> Vec<&str> {
    let (mut lines, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (line, after) = rest.split_at(line_end(rest).unwrap_or(rest.len()));
        lines.push(line);
        rest = after;
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stream(stderr: bool, parts: &[&str]) -> String {
        let mut printed = Printed::default();
        parts.iter().for_each(|part| printed.push(part, usize::MAX));
        Fresh::Stream { stderr, text: Arc::new(printed), limit: usize::MAX, whole: None }.to_json()
    }

    #[test]
    fn lines_are_cut_as_python_cuts_them_wherever_the_parts_end() {
        let text = "a\r\nb\rc\n\nd\u{85}e\u{2028}f\x0bg\x1ch \"q\" \\ \t\u{1b}[0m\r";
        let lines = ["a\r\n", "b\r", "c\n", "\n", "d\u{85}", "e\u{2028}", "f\x0b", "g\x1c", "h \"q\" \\ \t\u{1b}[0m\r"];
        assert_eq!(split_lines(text), lines);
        let wanted = json!({ "name": "stderr", "output_type": "stream", "text": lines }).to_string();
        let chars: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        for cut in chars {
            let (a, b) = text.split_at(cut);
            let mut out = Vec::new();
            let mut list = Lines::new(&Style { indent: None, comma: ",".into(), ..Style::default() }, 0, &mut out);
            [a, "", b].iter().for_each(|part| list.feed(part));
            list.end();
            let list = String::from_utf8(out).unwrap();
            assert_eq!(format!(r#"{{"name":"stderr","output_type":"stream","text":{list}}}"#), wanted, "at {cut}");
            assert_eq!(stream(true, &[a, b]), wanted);
        }
        assert_eq!(stream(false, &[]), r#"{"name":"stdout","output_type":"stream","text":[]}"#);
    }

    #[test]
    fn a_million_rewritten_lines_cost_no_more_than_their_bytes() {
        let bar: String = (0..100_000).map(|n| format!("\r{n:07} \u{2588}\u{2588}\u{2591}\u{a0}")).collect();
        for text in [bar.as_str(), &"\u{b}x".repeat(500_000), &"\u{e9}\u{2013}".repeat(500_000)] {
            let begun = std::time::Instant::now();
            let lines = split_lines(text);
            assert!(begun.elapsed().as_secs() < 10, "{:?} for {} lines", begun.elapsed(), lines.len());
            assert_eq!(lines.concat(), text);
        }
        assert_eq!(split_lines(&bar).len(), 100_001);
    }

    #[test]
    fn values_are_written_as_they_would_be_read_and_laid_out() {
        use crate::model::json::{Json, format_value};
        let value = json!({ "data": { "a": [1.0, 1e300, null, {}], "text/plain": ["x\n", "\u{e9}"] }, "e": [], "execution_count": 3 });
        for style in [Style::default(), Style { indent: None, ..Style::default() }] {
            let mut wanted = Vec::new();
            format_value(Json::parse(value.to_string().as_str()).unwrap().root(), &style, 2, &mut wanted);
            let mut out = Vec::new();
            Fresh::Value { value: Arc::new(value.clone()), count: None }.write(&style, 2, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(wanted).unwrap());
        }
        let other = Fresh::Value { value: Arc::new(value), count: Some(9) }.to_json();
        assert!(other.ends_with(r#""execution_count":9}"#), "{other}");
    }
}

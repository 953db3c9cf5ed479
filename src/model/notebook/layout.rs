//! How new bytes take the look of what stands around them.
use super::{
    super::json::{Bytes, Json, Style, Value, encode_str, format_value},
    Cell, CellKind,
};
use crate::model::output::Fresh;

/// The look of one cell, read from a neighbour.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// Between `{` and the first key.
    pub lead: String,
    /// Between two members, comma included.
    pub sep: String,
    /// Before `}`.
    pub close: String,
    /// For values of members: level 0 is a member's line.
    pub style: Style,
    /// Source and other texts as lists of lines.
    pub lists: bool,
    /// Keys in the order of the neighbour.
    pub order: Vec<String>,
}

/// Order of nbformat, which sorts keys.
const SORTED: [&str; 7] = ["attachments", "cell_type", "execution_count", "id", "metadata", "outputs", "source"];

impl Template {
    /// As nbformat writes: one blank a level, the cell at level 2.
    pub fn standard(ascii: bool) -> Self {
        let style = Style { base: "   ".into(), ascii, ..Style::default() };
        Self {
            lead: "\n   ".into(),
            sep: ",\n   ".into(),
            close: "\n  ".into(),
            style,
            lists: true,
            order: SORTED.map(str::to_owned).into(),
        }
    }

    /// The look of `cell`.
    pub fn of(cell: &Cell, ascii: bool) -> Self {
        let thin = cell.thin();
        let cell = thin.as_ref().unwrap_or(cell);
        Json::parse(cell.raw().clone()).map_or_else(|_| Self::standard(ascii), |json| Self::read(json.root(), ascii))
    }

    pub(super) fn read(object: Value<'_>, ascii: bool) -> Self {
        let raw = object.raw_text();
        let base = object.span().start;
        let members: Vec<_> = object.members().map(|m| (m.key.span(), m.value.span())).collect();
        let cut = |from: usize, to: usize| raw.get(from - base..to - base).unwrap_or_default().to_owned();
        let standard = Self::standard(ascii);
        let Some((first, last)) = members.first().zip(members.last()) else { return standard };
        let lead = cut(base + 1, first.0.start);
        let sep = members.windows(2).next().map(|w| cut(w[0].1.end, w[1].0.start));
        let close = cut(last.1.end, object.span().end - 1);
        let colon = cut(first.0.end, first.1.start);
        let many_lines = lead.contains('\n');
        let indent_of = |s: &str| s.rsplit('\n').next().unwrap_or_default().to_owned();
        let (inner, outer) = (indent_of(&lead), indent_of(&close));
        let unit = inner.strip_prefix(outer.as_str()).filter(|u| !u.is_empty()).unwrap_or(" ").to_owned();
        let style = Style {
            indent: many_lines.then_some(unit),
            base: inner,
            eol: if lead.contains("\r\n") { "\r\n" } else { "\n" },
            colon,
            comma: sep.clone().filter(|s| !s.contains('\n')).unwrap_or_else(|| ", ".into()),
            ascii,
        };
        let sep = sep.unwrap_or_else(|| if many_lines { format!(",{lead}") } else { ", ".into() });
        let lists = object.get("source").is_none_or(|s| s.is_array());
        let order = object.members().filter_map(|m| m.key.as_str().map(|k| k.into_owned())).collect();
        Self { lead, sep, close, style, lists, order }
    }

    /// A whole cell of this look.
    pub fn cell(&self, kind: CellKind, source: &str, id: Option<&str>) -> Vec<u8> {
        let mut members: Vec<(&str, Vec<u8>)> = vec![("cell_type", quoted(kind.word()))];
        if kind == CellKind::Code {
            members.push(("execution_count", b"null".to_vec()));
            members.push(("outputs", b"[]".to_vec()));
        }
        if let Some(id) = id {
            members.push(("id", quoted(id)));
        }
        members.push(("metadata", b"{}".to_vec()));
        members.push(("source", self.text(source)));
        self.object(members)
    }

    /// An object from members, in the neighbour's order; keys it lacks go where sorting puts them.
    pub fn object(&self, mut members: Vec<(&str, Vec<u8>)>) -> Vec<u8> {
        let rank = |key: &str| self.order.iter().position(|k| k == key);
        members.sort_by_key(|(key, _)| *key);
        members.sort_by_key(|(key, _)| {
            rank(key).map_or_else(|| self.order.iter().filter(|k| k.as_str() < *key).count() * 2, |r| r * 2 + 1)
        });
        let mut out = vec![b'{'];
        for (i, (key, value)) in members.iter().enumerate() {
            out.extend(if i == 0 { self.lead.bytes() } else { self.sep.bytes() });
            out.extend(quoted(key));
            out.extend(self.style.colon.bytes());
            out.extend_from_slice(value);
        }
        out.extend(self.close.bytes());
        out.push(b'}');
        out
    }

    /// A text as the neighbour writes its source: a list of lines or one string.
    pub fn text(&self, text: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 16);
        if self.lists {
            write_lines(text, &self.style, 0, &mut out);
        } else {
            encode_str(text, self.style.ascii, &mut out);
        }
        out
    }

    /// A list of outputs in this look; texts are split into lines as nbformat does. What is not an object is left out.
    pub fn outputs(&self, outputs: &[Fresh], out: &mut Vec<u8>) {
        out.push(b'[');
        let (mut any, first, between) = (false, self.style.newline(1), self.style.between(1));
        for output in outputs {
            let read = match output {
                Fresh::Json(bytes) => match Json::parse(bytes.clone()) {
                    Ok(json) if json.root().is_object() => Some(json),
                    _ => continue,
                },
                _ => None,
            };
            out.extend_from_slice(if any { between.as_bytes() } else { first.as_bytes() });
            any = true;
            match read {
                Some(json) => self.output(json.root(), out),
                None => output.write(&self.style, 1, out),
            }
        }
        if any {
            out.extend_from_slice(self.style.newline(0).as_bytes());
        }
        out.push(b']');
    }

    fn output(&self, output: Value<'_>, out: &mut Vec<u8>) {
        let stream = output.get("output_type").is_some_and(|t| t.is("stream"));
        self.each_member(output, 1, out, |key, value, out| {
            if key == "data" && value.is_object() {
                self.each_member(value, 2, out, |mime, value, out| {
                    let lines = mime.starts_with("text/") || matches!(mime, "image/svg+xml" | "application/javascript");
                    self.value_or_lines(value, lines, 3, out);
                });
            } else {
                self.value_or_lines(value, stream && key == "text", 2, out);
            }
        });
    }

    fn each_member(
        &self,
        object: Value<'_>,
        level: usize,
        out: &mut Vec<u8>,
        write: impl Fn(&str, Value<'_>, &mut Vec<u8>),
    ) {
        let mut members: Vec<_> = object.members().map(|m| (m.key.as_str().unwrap_or_default(), m)).collect();
        if self.order.is_sorted() {
            members.sort_by(|a, b| a.0.cmp(&b.0));
        }
        out.push(b'{');
        for (i, (key, member)) in members.iter().enumerate() {
            out.extend(if i == 0 { self.style.newline(level + 1) } else { self.style.between(level + 1) }.bytes());
            out.extend_from_slice(member.key.raw());
            out.extend(self.style.colon.bytes());
            write(key, member.value, out);
        }
        if !members.is_empty() {
            out.extend(self.style.newline(level).bytes());
        }
        out.push(b'}');
    }

    fn value_or_lines(&self, value: Value<'_>, lines: bool, level: usize, out: &mut Vec<u8>) {
        match value.as_str() {
            Some(text) if lines && self.lists => write_lines(&text, &self.style, level, out),
            _ => format_value(value, &self.style, level, out),
        }
    }
}

fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    encode_str(text, false, &mut out);
    out
}

/// Lines with their `\n`; only `\n` ends a line here, unlike Python's `splitlines`.
pub fn split_lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// A list of lines whose own line is at `level`.
pub(super) fn write_lines(text: &str, style: &Style, level: usize, out: &mut Vec<u8>) {
    out.push(b'[');
    let lines = split_lines(text);
    for (i, line) in lines.iter().enumerate() {
        out.extend(if i == 0 { style.newline(level + 1) } else { style.between(level + 1) }.bytes());
        encode_str(line, style.ascii, out);
    }
    if !lines.is_empty() {
        out.extend(style.newline(level).bytes());
    }
    out.push(b']');
}

/// Gaps of a list after `insert` items took the place of `remove` ones at `at`: what is untouched keeps its gap.
/// Returns the new gaps for `gaps[at..=at + remove]`. `fresh` is (open, between, close) for where no gap can be kept.
pub(super) fn new_gaps(gaps: &[Bytes], at: usize, remove: usize, insert: usize, fresh: [&str; 3]) -> Vec<Bytes> {
    let count = gaps.len().saturating_sub(1);
    let (before, after) = (at, count.saturating_sub(at + remove));
    let gap = |i: usize| gaps.get(i).cloned().unwrap_or_else(|| Bytes::from(Vec::new()));
    let [open, between, close] = fresh.map(|s| Bytes::from(s.as_bytes()));
    let between = if count >= 2 { gap(1) } else { between };
    if insert == 0 {
        return vec![match (before, after) {
            (0, 0) => Bytes::from(Vec::new()),
            (0, _) => gap(0),
            (_, 0) => gap(count),
            _ => gap(at),
        }];
    }
    let first = if count == 0 {
        open
    } else if before == 0 || remove > 0 || after > 0 {
        gap(at)
    } else {
        between.clone()
    };
    let last = if count == 0 {
        close
    } else if remove > 0 || after == 0 {
        gap(at + remove)
    } else {
        between.clone()
    };
    let mut all = vec![first];
    all.extend(std::iter::repeat_n(between, insert - 1));
    all.push(last);
    all
}

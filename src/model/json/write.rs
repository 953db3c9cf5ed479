//! Writing: strings as Python's `json` writes them, values laid out like their surroundings.
use super::{Kind, Value};

/// How a document is laid out; new values follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// Whitespace of one level; `None` writes everything on one line.
    pub indent: Option<String>,
    /// Whitespace every line starts with, before the levels.
    pub base: String,
    /// `\n` or `\r\n`.
    pub eol: &'static str,
    /// Between key and value: `: ` or `:`.
    pub colon: String,
    /// Between items on one line: `, ` or `,`.
    pub comma: String,
    /// Writes everything beyond ASCII as `\uXXXX`.
    pub ascii: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            indent: Some(" ".into()),
            base: String::new(),
            eol: "\n",
            colon: ": ".into(),
            comma: ",".into(),
            ascii: false,
        }
    }
}

impl Style {
    /// Line break and indentation before an item at `level`; nothing in a one-line document.
    pub fn newline(&self, level: usize) -> String {
        self.indent.as_ref().map_or_else(String::new, |unit| format!("{}{}{}", self.eol, self.base, unit.repeat(level)))
    }
    /// What parts two items at `level`.
    pub fn between(&self, level: usize) -> String {
        if self.indent.is_some() { format!(",{}", self.newline(level)) } else { self.comma.clone() }
    }
}

/// Writes a string with its quotes, escaped as Python's `json.dumps` does.
pub fn encode_str(text: &str, ascii: bool, out: &mut Vec<u8>) {
    out.push(b'"');
    encode_inner(text, ascii, out);
    out.push(b'"');
}

/// The same without the quotes.
pub(crate) fn encode_inner(text: &str, ascii: bool, out: &mut Vec<u8>) {
    let mut rest = text;
    while !rest.is_empty() {
        let run = plain_run(rest.as_bytes(), ascii);
        let (copied, tail) = rest.split_at(run);
        out.extend_from_slice(copied.as_bytes());
        let Some(c) = tail.chars().next() else { break };
        rest = tail.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '"' => out.extend(b"\\\""),
            '\\' => out.extend(b"\\\\"),
            '\n' => out.extend(b"\\n"),
            '\r' => out.extend(b"\\r"),
            '\t' => out.extend(b"\\t"),
            '\u{8}' => out.extend(b"\\b"),
            '\u{c}' => out.extend(b"\\f"),
            c if (c as u32) < 32 => out.extend(format!("\\u{:04x}", c as u32).bytes()),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.extend(format!("\\u{unit:04x}").bytes());
                }
            }
        }
    }
}

/// How many bytes stand as they are from the beginning on.
fn plain_run(bytes: &[u8], ascii: bool) -> usize {
    let special = |b: &u8| *b < 32 || *b == b'"' || *b == b'\\' || (ascii && *b >= 0x80);
    // Without a way out of the inner loop it is done for many bytes at once.
    let blocks = bytes.chunks_exact(32).take_while(|block| !block.iter().fold(false, |any, b| any | special(b)));
    let skipped = blocks.count() * 32;
    let rest = bytes.get(skipped..).unwrap_or_default();
    skipped + rest.iter().position(special).unwrap_or(rest.len())
}

/// Writes a value in this style; numbers, literals and strings keep the form they were written in.
pub fn format_value(value: Value<'_>, style: &Style, level: usize, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Object => {
            out.push(b'{');
            let mut any = false;
            for member in value.members() {
                let lead = if any { style.between(level + 1) } else { style.newline(level + 1) };
                any = true;
                out.extend(lead.bytes());
                out.extend_from_slice(member.key.raw());
                out.extend(style.colon.bytes());
                format_value(member.value, style, level + 1, out);
            }
            if any {
                out.extend(style.newline(level).bytes());
            }
            out.push(b'}');
        }
        Kind::Array => {
            out.push(b'[');
            let mut any = false;
            for item in value.items() {
                let lead = if any { style.between(level + 1) } else { style.newline(level + 1) };
                any = true;
                out.extend(lead.bytes());
                format_value(item, style, level + 1, out);
            }
            if any {
                out.extend(style.newline(level).bytes());
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(value.raw()),
    }
}

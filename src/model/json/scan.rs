//! The scanner: one pass, explicit stack, no recursion, no panic.
use super::{Kind, Node, Tree};
use crate::base::Error;

/// Deeper nesting is refused; real notebooks stay under 30.
pub const MAX_DEPTH: usize = 2_000;

/// Why a document could not be read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset.
    pub at: usize,
    pub what: &'static str,
}

impl JsonError {
    /// Line and column, both from 1, the column in characters.
    pub fn line_col(&self, bytes: &[u8]) -> (usize, usize) {
        let before = bytes.get(..self.at.min(bytes.len())).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |i| i + 1);
        let col = before.get(start..).map_or(0, |l| String::from_utf8_lossy(l).chars().count()) + 1;
        (line, col)
    }
    /// As an error about the file called `name`.
    pub fn about(&self, name: &str, bytes: &[u8]) -> Error {
        let (line, col) = self.line_col(bytes);
        let what = self.what;
        let error =
            Error::config(format!("{name} is not valid JSON")).because_of(format!("Line {line}, column {col}: {what}"));
        let around = bytes.get(self.at.saturating_sub(3)..).unwrap_or_default();
        let marker = [b"<<<<".as_slice(), b"====", b">>>>"].iter().any(|m| around.windows(4).take(8).any(|w| w == *m));
        if marker {
            error.hint("It holds marks of an unfinished text merge: resolve it in Review or take one side with git")
        } else {
            error.hint("Mend the file in a text editor or take an earlier version from git")
        }
    }
}

impl std::fmt::Display for JsonError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for JsonError {}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Value,
    /// A value or the end of a list just opened.
    FirstItem,
    Key,
    /// A key or the end of an object just opened.
    FirstKey,
    CommaOrEnd,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    open: Vec<u32>,
}

pub(super) fn scan(bytes: &[u8]) -> Result<Tree, JsonError> {
    if bytes.len() >= u32::MAX as usize {
        return Err(JsonError { at: 0, what: "files of 4 GB and more are not supported" });
    }
    if let Err(e) = std::str::from_utf8(bytes) {
        return Err(JsonError { at: e.valid_up_to(), what: "not UTF-8 text" });
    }
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let nodes = Vec::with_capacity(bytes.len() / 160 + 8);
    let mut s = Scanner { bytes, at: start, nodes, open: Vec::with_capacity(16) };
    s.document()?;
    Ok(Tree { nodes: s.nodes })
}

impl Scanner<'_> {
    fn fail<T>(&self, what: &'static str) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, what })
    }
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }
    fn push(&mut self, start: usize, kind: Kind) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { start: start as u32, end: self.at as u32, next, kind });
    }

    fn document(&mut self) -> Result<(), JsonError> {
        let mut want = Want::Value;
        loop {
            self.blanks();
            want = match want {
                Want::FirstItem if self.peek() == Some(b']') => self.close(),
                Want::FirstKey if self.peek() == Some(b'}') => self.close(),
                Want::Value | Want::FirstItem => self.value()?,
                Want::Key | Want::FirstKey => self.key()?,
                Want::CommaOrEnd => match self.open.last().map(|&i| self.kind(i)) {
                    None => break,
                    Some(kind) => self.comma_or_end(kind)?,
                },
            };
        }
        self.blanks();
        if self.at < self.bytes.len() { self.fail("text after the end of the document") } else { Ok(()) }
    }

    fn kind(&self, index: u32) -> Kind {
        self.nodes.get(index as usize).map_or(Kind::Literal, |n| n.kind)
    }

    fn comma_or_end(&mut self, kind: Kind) -> Result<Want, JsonError> {
        match (self.peek(), kind) {
            (Some(b','), Kind::Object) => {
                self.at += 1;
                Ok(Want::Key)
            }
            (Some(b','), _) => {
                self.at += 1;
                Ok(Want::Value)
            }
            (Some(b'}'), Kind::Object) | (Some(b']'), Kind::Array) => Ok(self.close()),
            (None, _) => self.fail("the file ends too early"),
            (_, Kind::Object) => self.fail("a comma or } was expected"),
            _ => self.fail("a comma or ] was expected"),
        }
    }

    fn close(&mut self) -> Want {
        self.at += 1;
        let next = self.nodes.len() as u32;
        if let Some(node) = self.open.pop().and_then(|i| self.nodes.get_mut(i as usize)) {
            node.end = self.at as u32;
            node.next = next;
        }
        Want::CommaOrEnd
    }

    fn key(&mut self) -> Result<Want, JsonError> {
        match self.peek() {
            Some(b'"') => self.string()?,
            None => return self.fail("the file ends too early"),
            Some(b'}') => return self.fail("a comma stands before }"),
            _ => return self.fail("a key in double quotes was expected"),
        }
        self.blanks();
        if self.peek() != Some(b':') {
            return self.fail("a colon was expected");
        }
        self.at += 1;
        Ok(Want::Value)
    }

    fn value(&mut self) -> Result<Want, JsonError> {
        match self.peek() {
            Some(b'{') => self.open(Kind::Object),
            Some(b'[') => self.open(Kind::Array),
            Some(b'"') => self.string().map(|()| Want::CommaOrEnd),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| Want::CommaOrEnd),
            Some(b't') => self.word(b"true", Kind::Literal),
            Some(b'f') => self.word(b"false", Kind::Literal),
            Some(b'n') => self.word(b"null", Kind::Literal),
            Some(b'N') => self.word(b"NaN", Kind::Odd),
            Some(b'I') => self.word(b"Infinity", Kind::Odd),
            None => self.fail("the file ends too early"),
            Some(b']') => self.fail("a comma stands before ]"),
            _ => self.fail("a value was expected"),
        }
    }

    fn open(&mut self, kind: Kind) -> Result<Want, JsonError> {
        if self.open.len() >= MAX_DEPTH {
            return self.fail("nested too deeply");
        }
        self.open.push(self.nodes.len() as u32);
        let start = self.at;
        self.at += 1;
        self.push(start, kind);
        Ok(if kind == Kind::Object { Want::FirstKey } else { Want::FirstItem })
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<Want, JsonError> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return self.fail("a value was expected");
        }
        let start = self.at;
        self.at += word.len();
        self.push(start, kind);
        Ok(Want::CommaOrEnd)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
            if self.peek() == Some(b'I') {
                self.word(b"Infinity", Kind::Odd)?;
                if let Some(node) = self.nodes.last_mut() {
                    node.start = start as u32;
                }
                return Ok(());
            }
        }
        let zero = self.peek() == Some(b'0');
        match self.digits() {
            0 => return self.fail("a digit was expected"),
            n if zero && n > 1 => return self.fail("a number with a leading zero"),
            _ => {}
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.fail("a digit was expected");
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.fail("a digit was expected");
            }
        }
        self.push(start, Kind::Number);
        Ok(())
    }

    /// Most strings are short source lines, so the first bytes are walked; a vector search takes over for long ones.
    fn string(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        let mut kind = Kind::Str;
        self.at += 1;
        loop {
            let near = (self.at + 24).min(self.bytes.len());
            while self.at < near && !matches!(self.peek(), Some(b'"' | b'\\' | 0..=31)) {
                self.at += 1;
            }
            if self.at == near {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                let Some(run) = memchr::memchr2(b'"', b'\\', rest) else {
                    return Err(JsonError { at: start, what: "a string without an end" });
                };
                let text = rest.get(..run).unwrap_or_default();
                // Without a way out of the loop it is done for many bytes at once.
                let bad = text.iter().fold(0, |bad, b| bad | u8::from(*b < 32)) > 0;
                self.at += if bad { text.iter().position(|b| *b < 32).unwrap_or(run) } else { run };
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.push(start, kind);
                    return Ok(());
                }
                Some(b'\\') => {
                    kind = Kind::EscStr;
                    self.escape()?;
                }
                Some(b'\n' | b'\r') => return self.fail("a line break inside a string"),
                Some(_) => return self.fail("a control character inside a string"),
                None => return Err(JsonError { at: start, what: "a string without an end" }),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let hex = self.bytes.get(self.at + 2..self.at + 6);
                if !hex.is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)) {
                    return self.fail("\\u needs four hexadecimal digits");
                }
                self.at += 6;
            }
            _ => return self.fail("an unknown escape"),
        }
        Ok(())
    }
}

/// One step of decoding: how many raw bytes it takes and the code it stands for (a surrogate when it is alone).
pub(crate) fn unit(raw: &[u8]) -> (usize, u32) {
    let Some(&first) = raw.first() else { return (0, 0) };
    if first != b'\\' {
        let len = match first {
            0..0x80 => 1,
            0xc0..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        };
        let c = raw.get(..len).and_then(|b| std::str::from_utf8(b).ok()).and_then(|s| s.chars().next());
        return c.map_or((1, 0xfffd), |c| (len, c as u32));
    }
    let simple = match raw.get(1) {
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'n') => 10,
        Some(b'r') => 13,
        Some(b't') => 9,
        Some(b'u') => return unicode_escape(raw),
        Some(&c) => u32::from(c),
        None => return (1, 0xfffd),
    };
    (2, simple)
}

fn hex4(raw: &[u8]) -> Option<u32> {
    let digits = raw.strip_prefix(b"\\u")?.get(..4)?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn unicode_escape(raw: &[u8]) -> (usize, u32) {
    let Some(high) = hex4(raw) else { return (raw.len().min(2), 0xfffd) };
    if (0xd800..0xdc00).contains(&high)
        && let Some(low) = raw.get(6..).and_then(hex4)
        && (0xdc00..0xe000).contains(&low)
    {
        return (12, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
    }
    (6, high)
}

/// Text for showing.
pub(super) fn decode(raw: &[u8]) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while !rest.is_empty() {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(plain);
        out.push_str(std::str::from_utf8(text).unwrap_or("\u{fffd}"));
        if tail.is_empty() {
            break;
        }
        let (len, code) = unit(tail);
        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
        rest = tail.get(len.max(1)..).unwrap_or_default();
    }
    out
}

/// Appends text for comparing: lone surrogates in their three-byte form.
pub(super) fn decode_wtf8(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while !rest.is_empty() {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(plain);
        out.extend_from_slice(text);
        if tail.is_empty() {
            break;
        }
        let (len, code) = unit(tail);
        match char::from_u32(code) {
            Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => {
                out.extend([0xe0 | (code >> 12) as u8, 0x80 | (code >> 6 & 0x3f) as u8, 0x80 | (code & 0x3f) as u8]);
            }
        }
        rest = tail.get(len.max(1)..).unwrap_or_default();
    }
}

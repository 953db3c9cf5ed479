//! The assignments of a cell and the plain Python values in them, read without running anything.
use serde_json::{Map, Value};

use super::{is_name, number};

/// `name: kind = value  # help`
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    pub name: String,
    /// Annotation, or the type in the comment.
    pub kind: Option<String>,
    /// The right side as written.
    pub text: String,
    /// Its value, when it is a plain one.
    pub value: Option<Value>,
    pub help: Option<String>,
}

/// What a cell holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Source {
    pub assignments: Vec<Assignment>,
    /// True when it holds nothing else, and every value is plain.
    pub plain: bool,
}

impl Source {
    /// Reads a cell. Only what stands at the left margin is an assignment of the cell.
    pub fn read(source: &str) -> Self {
        let mut all = Self { assignments: Vec::new(), plain: true };
        for line in logical(source) {
            if line.code.trim().is_empty() {
                continue;
            }
            match assignment(&line) {
                Some(found) => {
                    all.plain &= found.value.is_some();
                    all.assignments.push(found);
                }
                None => all.plain = false,
            }
        }
        all
    }
}

/// A line with those that continue it, its comment apart.
struct Logical {
    code: String,
    /// Of its last line.
    comment: Option<String>,
}

fn logical(source: &str) -> Vec<Logical> {
    let (mut out, mut code, mut depth) = (Vec::new(), String::new(), 0_usize);
    let mut comment = None;
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '#' => {
                let len = rest.find('\n').unwrap_or(rest.len());
                comment = rest.get(1..len).map(|t| t.trim().to_owned()).filter(|_| depth == 0);
                len
            }
            '"' | '\'' => {
                let len = string_end(rest);
                code.push_str(rest.get(..len).unwrap_or_default());
                len
            }
            '\\' if rest.starts_with("\\\n") => {
                code.push(' ');
                2
            }
            '\n' if depth == 0 => {
                out.push(Logical { code: std::mem::take(&mut code), comment: comment.take() });
                1
            }
            c => {
                match c {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                code.push(if c == '\n' { ' ' } else { c });
                c.len_utf8()
            }
        };
        rest = rest.get(len.max(1)..).unwrap_or_default();
    }
    out.push(Logical { code, comment });
    out
}

/// Bytes of the string that begins here, quotes included; to the end of the line when it has no end.
fn string_end(rest: &str) -> usize {
    let quote = rest.chars().next().unwrap_or('"');
    let triple: String = [quote; 3].iter().collect();
    if let Some(body) = rest.strip_prefix(&triple) {
        let mut from = 0;
        while let Some(at) = body.get(from..).and_then(|b| b.find([quote, '\\'])) {
            let at = from + at;
            if body.get(at..).is_some_and(|b| b.starts_with(&triple)) {
                return at + 6;
            }
            let escaped = body.get(at..).is_some_and(|b| b.starts_with('\\'));
            let next = body.get(at + 1..).and_then(|b| b.chars().next()).map_or(0, char::len_utf8);
            from = at + 1 + if escaped { next } else { 0 };
        }
        return rest.len();
    }
    let mut chars = rest.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '\n' => return i,
            c if c == quote => return i + 1,
            _ => {}
        }
    }
    rest.len()
}

fn assignment(line: &Logical) -> Option<Assignment> {
    if line.code.starts_with([' ', '\t', '%', '!']) {
        return None;
    }
    let (target, text) = line.code.split_once('=')?;
    if text.starts_with('=') {
        return None;
    }
    let (name, annotation) = match target.split_once(':') {
        Some((name, kind)) => (name.trim(), Some(kind.trim().trim_matches(['"', '\'']).to_owned())),
        None => (target.trim(), None),
    };
    if !is_name(name) {
        return None;
    }
    let (mut kind, mut help) = (annotation, line.comment.clone());
    if let Some(rest) = line.comment.as_deref().and_then(|c| c.strip_prefix("type:")) {
        let rest = rest.trim_start();
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        kind = kind.or_else(|| Some(word.to_owned()));
        help = Some(after.trim().to_owned());
    }
    let text = text.trim().to_owned();
    let value = value(&text);
    Some(Assignment { name: name.to_owned(), kind, text, value, help: help.filter(|h| !h.is_empty()) })
}

/// A plain Python value: None, True, numbers, strings, and lists, tuples and dictionaries of them.
pub(super) fn value(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text.trim_start(), depth: 0 };
    let value = reader.value()?;
    reader.rest.trim().is_empty().then_some(value)
}

/// Values nested deeper are left to a kernel.
const DEEPEST: usize = 64;

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }
    fn eat(&mut self, what: char) -> bool {
        self.skip();
        let found = self.rest.starts_with(what);
        if found {
            self.rest = self.rest.get(what.len_utf8()..).unwrap_or_default();
        }
        found
    }

    fn value(&mut self) -> Option<Value> {
        self.skip();
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let value = match self.rest.chars().next()? {
            '[' => self.items('[', ']').map(|(items, _)| Value::Array(items)),
            '(' => {
                let (mut items, comma) = self.items('(', ')')?;
                // One value in brackets is that value.
                if items.len() == 1 && !comma { items.pop() } else { Some(Value::Array(items)) }
            }
            '{' => self.map(),
            '"' | '\'' => self.text(),
            'r' | 'R' | 'b' | 'B' | 'f' | 'F' | 'u' | 'U' if self.prefixed() => self.text(),
            _ => self.word(),
        };
        self.depth -= 1;
        value
    }

    fn items(&mut self, open: char, close: char) -> Option<(Vec<Value>, bool)> {
        self.eat(open);
        let (mut items, mut comma) = (Vec::new(), false);
        loop {
            if self.eat(close) {
                return Some((items, comma));
            }
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value()?);
            comma = self.eat(',');
        }
    }

    fn map(&mut self) -> Option<Value> {
        self.eat('{');
        let (mut map, mut more) = (Map::new(), true);
        loop {
            if self.eat('}') {
                return Some(Value::Object(map));
            }
            if !more {
                return None;
            }
            let key = self.value()?;
            let key = key.as_str()?.to_owned();
            if !self.eat(':') {
                return None;
            }
            map.insert(key, self.value()?);
            more = self.eat(',');
        }
    }

    fn prefixed(&self) -> bool {
        self.rest.chars().nth(1).is_some_and(|c| matches!(c, '"' | '\''))
    }

    /// Strings beside each other are one.
    fn text(&mut self) -> Option<Value> {
        let mut all = String::new();
        loop {
            self.skip();
            let raw = match self.rest.chars().next() {
                Some('r' | 'R') if self.prefixed() => true,
                Some('u' | 'U') if self.prefixed() => false,
                Some('"' | '\'') => {
                    all.push_str(&self.one(false)?);
                    continue;
                }
                Some('b' | 'B' | 'f' | 'F') if self.prefixed() => return None,
                _ => return Some(Value::from(all)),
            };
            self.rest = self.rest.get(1..)?;
            all.push_str(&self.one(raw)?);
        }
    }

    fn one(&mut self, raw: bool) -> Option<String> {
        let end = string_end(self.rest);
        let whole = self.rest.get(..end)?;
        let quote = whole.chars().next()?;
        let marks = if whole.len() >= 6 && whole.chars().take(3).all(|c| c == quote) { 3 } else { 1 };
        let close: String = std::iter::repeat_n(quote, marks).collect();
        let body = whole.get(marks..)?.strip_suffix(&close)?;
        self.rest = self.rest.get(end..)?;
        if raw || !body.contains('\\') { Some(body.to_owned()) } else { unescape(body) }
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find([',', ']', ')', '}', ':', ' ', '\t', '\n']).unwrap_or(self.rest.len());
        let word = self.rest.get(..end)?;
        self.rest = self.rest.get(end..)?;
        match word {
            "None" => Some(Value::Null),
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            // 007 is no number of Python's.
            _ if word.trim_start_matches(['-', '+']).bytes().take(2).eq(*b"00") => None,
            _ => number(word),
        }
    }
}

fn unescape(body: &str) -> Option<String> {
    let mut out = String::with_capacity(body.len());
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            '\n' => {}
            c @ ('\\' | '\'' | '"') => out.push(c),
            c @ ('x' | 'u' | 'U') => {
                let digits = match c {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let text: String = chars.by_ref().take(digits).collect();
                out.push(char::from_u32(u32::from_str_radix(&text, 16).ok()?)?);
            }
            // Octal and named characters are left to a kernel.
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_values_are_read_without_python() {
        let cases = [
            ("'a' \"b\"", json!("ab")),
            ("r'c:\\d'", json!("c:\\d")),
            ("'it\\'s \\u00e9\\n'", json!("it's é\n")),
            ("'''two\nlines'''", json!("two\nlines")),
            ("(1, 2)", json!([1, 2])),
            ("(1)", json!(1)),
            ("{'a': [1, {}], 'b': None,}", json!({ "a": [1, {}], "b": null })),
            ("-1.5e3", json!(-1500.0)),
            ("[]", json!([])),
        ];
        for (text, wanted) in cases {
            assert_eq!(value(text), Some(wanted), "{text}");
        }
        for code in
            ["f()", "'a' + 'b'", "b'x'", "f'{x}'", "[1 2]", "{1: 2}", "x", "007", "'\\N{DASH}'", "[", "1,", "'a"]
        {
            assert_eq!(value(code), None, "{code}");
        }
        assert_eq!(value(&format!("{}{}", "[".repeat(5_000), "]".repeat(5_000))), None);
    }

    #[test]
    fn a_cell_is_plain_when_it_holds_nothing_but_values() {
        let read = |s: &str| {
            let all = Source::read(s);
            (all.assignments.len(), all.plain)
        };
        assert_eq!(read("# c\nday = '2026-11-16'  # today\n\nlimit: int = 1_440\nlist = [\n 1, # one\n 2]"), (3, true));
        assert_eq!(read("x = \"# no comment\"\ny = 'a' \\\n  'b'"), (2, true));
        for code in ["import os", "x = f()", "if x:\n    y = 1", "x == 1", "x, y = 1, 2", "x += 1", "%%sql\nSELECT 1"] {
            assert!(!read(code).1, "{code}");
        }
        assert_eq!(Source::read("if x:\n    y = 1").assignments, []);
        let odd = Source::read("s = 'a # b'  # type: str what it says");
        assert_eq!(odd.assignments[0].help.as_deref(), Some("what it says"));
        assert_eq!(odd.assignments[0].kind.as_deref(), Some("str"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,60}", code in "[\\[\\](){}'\"\\\\:,a-c0-9= #\n]{0,60}") {
            let _ = (Source::read(&text), value(&text), Source::read(&code), value(&code));
        }
    }
}

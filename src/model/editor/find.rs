//! Finding and replacing: plain words or regular expressions.
use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::{Buffer, Change};
use crate::base::{Error, Result};

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Query {
    pub text: String,
    /// It is a regular expression.
    pub regex: bool,
    /// Capitals count.
    pub case: bool,
    /// Only whole words.
    pub word: bool,
}

/// A query that can be run.
#[derive(Debug, Clone)]
pub struct Finder {
    regex: Regex,
    /// What replaces a find may name its groups.
    groups: bool,
    /// A find ends with its line: the expression names no line break.
    lines: bool,
}

/// Finds kept at most; nobody walks more of them.
pub const MOST: usize = 20_000;

impl Query {
    /// Makes it ready; none when it looks for nothing.
    pub fn compile(&self) -> Result<Option<Finder>> {
        if self.text.is_empty() {
            return Ok(None);
        }
        let pattern = if self.regex { self.text.clone() } else { regex::escape(&self.text) };
        let pattern = if self.word { format!(r"\b(?:{pattern})\b") } else { pattern };
        let built = RegexBuilder::new(&pattern)
            .case_insensitive(!self.case)
            .multi_line(true)
            .size_limit(4 << 20)
            .build()
            .map_err(|e| {
                let text = e.to_string();
                let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Error::user("This is not a regular expression")
                    .because_of(why)
                    .hint("Switch the regular expression off to look for the text as it stands")
            })?;
        Ok(Some(Finder { regex: built, groups: self.regex, lines: !self.names_a_break() }))
    }
    /// True when it asks for a line break, so that a find may go over several lines.
    fn names_a_break(&self) -> bool {
        let signs = ["\\n", "\\r", "(?s", "\\x0a", "\\x0A", "\\x{a}", "\\x{A}", "\\v"];
        self.text.contains('\n') || (self.regex && signs.iter().any(|s| self.text.contains(s)))
    }
    /// Words that every file with a find holds as bytes, also inside JSON; none where that cannot be told.
    pub fn literal(&self) -> Option<&str> {
        let plain = |c: char| c.is_ascii() && !c.is_ascii_control() && !matches!(c, '"' | '\\' | '/');
        Some(self.text.as_str()).filter(|t| !self.regex && !t.is_empty() && t.chars().all(plain))
    }
}

/// The next place a letter begins.
fn next(text: &str, at: usize) -> usize {
    (at + 1..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len() + 1)
}

impl Finder {
    /// Calls `found` for every find, in bytes, until it says no. Finds of nothing are left out.
    pub fn each(&self, text: &str, mut found: impl FnMut(Range<usize>) -> bool) {
        let mut at = 0;
        while at <= text.len() {
            let Some(m) = self.regex.find_at(text, at) else { return };
            if m.is_empty() {
                at = next(text, m.end());
                continue;
            }
            if self.lines && m.as_str().contains('\n') {
                return self.by_lines(text, m.start().max(at), at, found);
            }
            if !found(m.range()) {
                return;
            }
            at = m.end();
        }
    }

    /// Goes on line by line from the line of `from`: what an expression finds beyond a break is none of ours.
    fn by_lines(&self, text: &str, from: usize, mut least: usize, mut found: impl FnMut(Range<usize>) -> bool) {
        let mut start = text.get(..from).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
        loop {
            let end = memchr::memchr(b'\n', &text.as_bytes()[start..]).map_or(text.len(), |n| start + n);
            let line = text.get(start..end).unwrap_or_default();
            let mut at = least.saturating_sub(start);
            while at <= line.len() {
                let Some(m) = self.regex.find_at(line, at) else { break };
                if m.is_empty() {
                    at = next(line, m.end());
                    continue;
                }
                if !found(start + m.start()..start + m.end()) {
                    return;
                }
                at = m.end();
            }
            if end == text.len() {
                return;
            }
            start = end + 1;
            least = start;
        }
    }

    /// Where it stands, in characters; finds of nothing are left out.
    pub fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        let (mut byte, mut at) = (0, 0);
        self.each(text, |m| {
            at += text.get(byte..m.start).map_or(0, |t| t.chars().count());
            let len = text.get(m.clone()).map_or(0, |t| t.chars().count());
            out.push(at..at + len);
            at += len;
            byte = m.end;
            out.len() < MOST
        });
        out
    }
    /// True when it stands there.
    pub fn is_in(&self, text: &str) -> bool {
        let mut any = false;
        self.each(text, |_| {
            any = true;
            false
        });
        any
    }
    /// What a find at these bytes becomes; none when it does not stand there any more.
    pub fn becomes(&self, text: &str, find: Range<usize>, by: &str) -> Option<String> {
        let (line, end) = if self.lines {
            let start = text.get(..find.start)?.rfind('\n').map_or(0, |n| n + 1);
            let rest = text.as_bytes().get(start..)?;
            (start, memchr::memchr(b'\n', rest).map_or(text.len(), |n| start + n))
        } else {
            (0, text.len())
        };
        let groups = self.regex.captures_at(text.get(line..end)?, find.start.checked_sub(line)?)?;
        if groups.get(0).map(|m| m.start() + line..m.end() + line) != Some(find) {
            return None;
        }
        if !self.groups {
            return Some(by.to_owned());
        }
        let mut new = String::new();
        groups.expand(&unescaped(by), &mut new);
        Some(new)
    }
    /// What each of these finds becomes; finds that are none any more are left out.
    pub fn replace(&self, buffer: &Buffer, finds: &[Range<usize>], by: &str) -> Vec<Change> {
        let text = buffer.to_string();
        let change = |find: &Range<usize>| {
            if find.end > buffer.len() {
                return None;
            }
            let bytes = buffer.byte_of(find.start)..buffer.byte_of(find.end);
            Some(Change { range: find.clone(), text: self.becomes(&text, bytes, by)? })
        };
        finds.iter().filter_map(change).collect()
    }
}

/// `\n` and `\t` in what replaces a find of a regular expression are the signs they stand for.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some(next @ ('n' | 't' | '\\'))) => {
                chars.next();
                out.push(match next {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, regex: bool, case: bool, word: bool) -> Query {
        Query { text: text.into(), regex, case, word }
    }

    #[test]
    fn words_and_expressions_are_found_in_characters() {
        let text = "\u{e9} day Day days.\nday";
        let find = |q: Query| q.compile().unwrap().unwrap().find(text);
        assert_eq!(find(query("day", false, false, false)), [2..5, 6..9, 10..13, 16..19]);
        assert_eq!(find(query("day", false, true, true)), [2..5, 16..19]);
        assert_eq!(find(query("days.", false, false, false)), [10..15]);
        assert_eq!(find(query("^d.y$", true, true, false)), [16..19]);
        assert!(find(query("x*", true, true, false)).is_empty(), "a find of nothing is none");
        assert!(query("", true, true, true).compile().unwrap().is_none());
    }

    #[test]
    fn a_find_ends_with_its_line_unless_the_expression_names_a_break() {
        let text = "ab\ncd\n\nxb\n";
        let find = |t: &str| query(t, true, true, false).compile().unwrap().unwrap().find(text);
        assert_eq!(find("[^z]+"), [0..2, 3..5, 7..9]);
        assert_eq!(find(r"b\s+"), Vec::<Range<usize>>::new());
        assert_eq!(find(r"b\s*"), [1..2, 8..9]);
        assert_eq!(find(r"b\nc"), [1..4]);
        assert_eq!(find(r"[^z\n]+\n\n?"), [0..3, 3..7, 7..10]);
        let f = query(r"(\w)[^q]*", true, true, false).compile().unwrap().unwrap();
        let b = Buffer::from(text);
        let changes = f.replace(&b, &f.find(text), "$1$1");
        assert_eq!(changes.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), ["aa", "cc", "xx"]);
        assert_eq!(f.becomes(text, 0..5, "-"), None);
    }

    #[test]
    fn words_without_signs_can_be_looked_for_as_bytes() {
        assert_eq!(query("day_1", false, false, true).literal(), Some("day_1"));
        for (text, regex) in [("a\"b", false), ("a.b", true), ("\u{e9}", false), ("a/b", false), ("a\nb", false)] {
            assert_eq!(query(text, regex, true, false).literal(), None);
        }
    }

    #[test]
    fn a_broken_expression_says_what_is_wrong() {
        let error = query("(a", true, false, false).compile().unwrap_err();
        assert!(format!("{error:?}").contains("unclosed group"), "{error:?}");
    }

    #[test]
    fn replacing_knows_groups_only_in_expressions() {
        let b = Buffer::from("a1 b2 \u{e9} c3");
        let f = query(r"(\w)(\d)", true, true, false).compile().unwrap().unwrap();
        let changes = f.replace(&b, &f.find(&b.to_string()), "$2${1}\\n");
        assert_eq!(changes.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), ["1a\n", "2b\n", "3c\n"]);
        assert_eq!(changes[2].range, 8..10);
        let plain = query("b2", false, true, false).compile().unwrap().unwrap();
        assert_eq!(plain.replace(&b, std::slice::from_ref(&(3..5)), "$1")[0].text, "$1");
        assert!(plain.replace(&b, std::slice::from_ref(&(2..4)), "x").is_empty(), "it stands elsewhere by now");
    }
}

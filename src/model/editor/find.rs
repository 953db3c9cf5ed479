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
        Ok(Some(Finder { regex: built, groups: self.regex }))
    }
}

impl Finder {
    /// Where it stands, in characters; finds of nothing are left out.
    pub fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        let (mut byte, mut at) = (0, 0);
        for m in self.regex.find_iter(text).filter(|m| !m.is_empty()).take(MOST) {
            at += text.get(byte..m.start()).map_or(0, |t| t.chars().count());
            let len = m.as_str().chars().count();
            out.push(at..at + len);
            at += len;
            byte = m.end();
        }
        out
    }
    /// True when it stands there.
    pub fn is_in(&self, text: &str) -> bool {
        self.regex.find_iter(text).any(|m| !m.is_empty())
    }
    /// What each of these finds becomes; finds that are none any more are left out.
    pub fn replace(&self, buffer: &Buffer, finds: &[Range<usize>], by: &str) -> Vec<Change> {
        let text = buffer.to_string();
        let mut changes = Vec::with_capacity(finds.len());
        for find in finds {
            let (start, end) = (buffer.byte_of(find.start), buffer.byte_of(find.end));
            let Some(groups) = self.regex.captures_at(&text, start) else { continue };
            if groups.get(0).map(|m| m.range()) != Some(start..end) {
                continue;
            }
            let mut new = String::new();
            if self.groups {
                groups.expand(&unescaped(by), &mut new);
            } else {
                by.clone_into(&mut new);
            }
            changes.push(Change { range: find.clone(), text: new });
        }
        changes
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

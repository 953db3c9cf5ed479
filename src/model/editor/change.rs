//! Changes of a text: the one way to change it, and how places move along.
use std::ops::Range;

use super::Buffer;

/// One part replaced; the range counts in the text as it was before the whole transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub range: Range<usize>,
    pub text: String,
}

/// Changes in order that do not overlap, made together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    changes: Vec<Edit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    range: Range<usize>,
    text: String,
    chars: usize,
}

/// Lines that took the place of others, counted as the text was before this splice and after those above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Splice {
    pub line: usize,
    /// Breaks gone and come: the line itself is changed in any case.
    pub removed: usize,
    pub added: usize,
}

impl Transaction {
    /// Puts changes in order. Where two overlap the later one gives way.
    pub fn new(mut changes: Vec<Change>) -> Self {
        changes.sort_by_key(|c| (c.range.start, c.range.end));
        let mut end = 0;
        let mut out: Vec<Edit> = Vec::with_capacity(changes.len());
        for change in changes {
            let from = change.range.start.max(end);
            let range = from..change.range.end.max(from);
            end = range.end;
            if !range.is_empty() || !change.text.is_empty() {
                let chars = change.text.chars().count();
                out.push(Edit { range, text: change.text, chars });
            }
        }
        Self { changes: out }
    }
    /// One change.
    pub fn one(range: Range<usize>, text: impl Into<String>) -> Self {
        Self::new(vec![Change { range, text: text.into() }])
    }
    /// The smallest single change that makes `new` of the text.
    pub fn between(old: &Buffer, new: &str) -> Self {
        let text = old.to_string();
        let head: usize = text.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
        let (a, b) = (text.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
        let tail: usize =
            a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
        let range = old.at_byte(head)..old.at_byte(text.len() - tail);
        Self::one(range, b.get(..b.len() - tail).unwrap_or_default())
    }
    /// True when nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
    /// Range and new text of each change.
    pub fn changes(&self) -> impl Iterator<Item = (&Range<usize>, &str)> {
        self.changes.iter().map(|c| (&c.range, c.text.as_str()))
    }
    /// Where a place comes to lie. What is put in exactly there comes before it (`after`) or behind it.
    pub fn map(&self, at: usize, after: bool) -> usize {
        let (mut come, mut gone) = (0, 0);
        for c in &self.changes {
            if at < c.range.start || (at == c.range.start && !after) {
                break;
            }
            if at > c.range.end || (at == c.range.end && (after || !c.range.is_empty())) {
                come += c.chars;
                gone += c.range.len();
            } else {
                return c.range.start + come - gone + if after { c.chars } else { 0 };
            }
        }
        at + come - gone
    }
    /// Changes the text; returns what takes it back, and which lines are others now.
    pub fn apply(&self, buffer: &mut Buffer) -> (Self, Vec<Splice>) {
        let (mut come, mut gone) = (0, 0);
        let mut back = Vec::with_capacity(self.changes.len());
        let mut splices = Vec::with_capacity(self.changes.len());
        for c in &self.changes {
            let len = buffer.len();
            let start = (c.range.start + come - gone).min(len);
            let end = (c.range.end + come - gone).clamp(start, len);
            let line = buffer.line_of(start);
            let removed = buffer.line_of(end) - line;
            let old = buffer.replace(start..end, &c.text);
            let added = memchr::memchr_iter(b'\n', c.text.as_bytes()).count();
            splices.push(Splice { line, removed, added });
            let chars = end - start;
            back.push(Edit { range: start..start + c.chars, text: old, chars });
            come += c.chars;
            gone += chars;
        }
        (Self { changes: back }, splices)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(range: Range<usize>, text: &str) -> Change {
        Change { range, text: text.into() }
    }

    #[test]
    fn places_move_with_what_is_put_in_before_them() {
        let t = Transaction::new(vec![change(5..7, "abc"), change(2..2, "xy")]);
        assert_eq!([0, 2, 3, 5, 6, 7, 8].map(|p| t.map(p, true)), [0, 4, 5, 10, 10, 10, 11]);
        assert_eq!([0, 2, 3, 5, 6, 7, 8].map(|p| t.map(p, false)), [0, 2, 5, 7, 7, 10, 11]);
    }

    #[test]
    fn the_smallest_change_keeps_what_is_equal() {
        let b = Buffer::from("select \u{e9} from");
        let t = Transaction::between(&b, "select \u{e8}\u{e8} from");
        assert_eq!(t.changes().collect::<Vec<_>>(), [(&(7..8), "\u{e8}\u{e8}")]);
        assert!(Transaction::between(&b, "select \u{e9} from").is_empty());
        let b = Buffer::from("aaa");
        let mut c = b.clone();
        Transaction::between(&b, "aa").apply(&mut c);
        assert_eq!(c.to_string(), "aa");
    }

    proptest! {
        #[test]
        fn a_transaction_does_what_a_string_would_and_its_inverse_takes_it_back(
            text in "[ab\u{e9}\u{1f600}\n\r]{0,60}",
            edits in prop::collection::vec((0usize..70, 0usize..12, "[xy\u{e8}\n]{0,6}"), 0..6),
        ) {
            let before = Buffer::from(text.as_str());
            let edits = edits.into_iter().map(|(at, len, text)| change(at.min(before.len())..(at + len).min(before.len()), &text));
            let t = Transaction::new(edits.collect());
            let mut chars: Vec<char> = text.chars().collect();
            for (range, new) in t.changes().collect::<Vec<_>>().into_iter().rev() {
                chars.splice(range.clone(), new.chars());
            }
            let mut buffer = before.clone();
            let lines = buffer.lines();
            let (back, splices) = t.apply(&mut buffer);
            prop_assert_eq!(buffer.to_string(), chars.into_iter().collect::<String>());
            let moved: i64 = splices.iter().map(|s| s.added as i64 - s.removed as i64).sum();
            prop_assert_eq!(buffer.lines() as i64, lines as i64 + moved);
            for at in 0..=before.len() {
                prop_assert!(t.map(at, true) <= buffer.len());
                prop_assert!(t.map(at, false) <= t.map(at, true));
            }
            back.apply(&mut buffer);
            prop_assert_eq!(buffer.to_string(), text);
        }
    }
}

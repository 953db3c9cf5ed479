//! What one stream has printed, as much of it as a notebook keeps.
use std::borrow::Cow;

use crate::base::text::bytes;

/// The beginning and the end of a text of any length. All of it as long as it is short.
#[derive(Debug, Clone, Default)]
pub struct Printed {
    head: String,
    tail: String,
    left_out: u64,
}

impl Printed {
    /// Adds a piece; about `limit` bytes are kept.
    pub fn push(&mut self, mut piece: &str, limit: usize) {
        let half = limit / 2;
        if self.tail.is_empty() && self.left_out == 0 {
            let mut room = half.saturating_sub(self.head.len()).min(piece.len());
            while !piece.is_char_boundary(room) {
                room -= 1;
            }
            let (first, rest) = piece.split_at(room);
            self.head.push_str(first);
            piece = rest;
        }
        self.tail.push_str(piece);
        // Now and then, so that what is kept is not moved with every line.
        if self.tail.len() > half + half / 4 {
            self.shorten(half);
        }
    }

    fn shorten(&mut self, half: usize) {
        let cut = cut(&self.tail, half);
        self.left_out += cut as u64;
        self.tail.drain(..cut);
    }

    /// The ends that are kept, and how much lies between them.
    fn ends(&self, limit: usize) -> (&str, u64, &str) {
        let from = cut(&self.tail, limit / 2);
        let left_out = self.left_out + from as u64;
        let tail = self.tail.get(from..).unwrap_or_default();
        if left_out == 0 {
            return (&self.head, 0, tail);
        }
        // Whole lines, unless they are very long.
        let near = self.head.len().saturating_sub(4096);
        let last = self.head.as_bytes().get(near..).and_then(|end| memchr::memrchr(b'\n', end));
        let end = last.map_or(self.head.len(), |n| near + n + 1);
        let head = self.head.get(..end).unwrap_or_default();
        (head, left_out + (self.head.len() - end) as u64, tail)
    }

    /// The text in parts; where something is left out, the one between says so and where all of it is.
    pub fn parts(&self, limit: usize, whole: Option<&str>) -> [Cow<'_, str>; 3] {
        let (head, left_out, tail) = self.ends(limit);
        let note = if left_out == 0 {
            String::new()
        } else {
            let place = whole.map(|w| format!("; the whole text is in {w}")).unwrap_or_default();
            let start = if head.ends_with('\n') { "" } else { "\n" };
            format!("{start}[{} left out here{place}]\n", bytes(left_out))
        };
        [head.into(), note.into(), tail.into()]
    }

    /// Bytes that are kept.
    pub fn kept(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Bytes that the text leaves out.
    pub fn left_out(&self, limit: usize) -> u64 {
        self.ends(limit).1
    }
}

/// How much of the beginning of a text goes, so that about `keep` bytes are left: up to the end of a line when one is
/// near.
fn cut(text: &str, keep: usize) -> usize {
    let mut at = text.len().saturating_sub(keep);
    if at == 0 {
        return 0;
    }
    while !text.is_char_boundary(at) {
        at += 1;
    }
    let ahead = text.as_bytes().get(at..text.len().min(at + 4096)).unwrap_or_default();
    at + memchr::memchr(b'\n', ahead).map_or(0, |n| n + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Printed {
        fn to_text(&self, limit: usize, whole: Option<&str>) -> String {
            self.parts(limit, whole).concat()
        }
    }

    #[test]
    fn what_fits_is_kept_whole_and_of_the_rest_both_ends() {
        let lines = |r: std::ops::Range<usize>| r.map(|n| format!("line {n} \u{e9}\n")).collect::<String>();
        for pieces in [1, 7, 1000] {
            let text = lines(0..1000);
            let mut printed = Printed::default();
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let mut end = pieces.min(rest.len());
                while !rest.is_char_boundary(end) {
                    end += 1;
                }
                printed.push(&rest[..end], text.len() + 1);
                rest = &rest[end..];
            }
            assert_eq!(printed.to_text(text.len() + 1, None), text);
        }
        let mut printed = Printed::default();
        for n in 0..1000 {
            printed.push(&lines(n..n + 1), 1000);
            assert!(printed.head.len() + printed.tail.len() <= 1000 + 1000 / 8 + 20);
        }
        let text = printed.to_text(1000, Some("a.txt"));
        assert!(text.starts_with("line 0 ") && text.ends_with("line 999 \u{e9}\n"));
        let (_, note) = text.split_once('[').unwrap();
        assert!(note.contains(" left out here; the whole text is in a.txt]\nline "), "{text}");
        let kept = text.len() - text.lines().find(|l| l.starts_with('[')).unwrap().len() - 1;
        assert_eq!(printed.left_out(1000) as usize + kept, lines(0..1000).len(), "every byte is kept or counted");
    }

    #[test]
    fn one_line_without_an_end_is_cut_between_letters() {
        let mut printed = Printed::default();
        (0..10_000).for_each(|_| printed.push("\u{1f600}", 1001));
        let text = printed.to_text(1001, None);
        assert!(text.len() < 1200 && text.ends_with('\u{1f600}') && printed.left_out(1001) > 38_000);
    }
}

//! The text: a rope whose lines end with `\n` alone, in characters.
use std::{borrow::Cow, ops::Range};

use ropey::Rope;
use unicode_segmentation::UnicodeSegmentation;

/// Characters looked at around a place to find where a letter that a person sees begins and ends.
const NEAR: usize = 64;

/// A text with more lines or bytes is coloured only where it is seen.
const HUGE_LINES: usize = 50_000;
const HUGE_BYTES: usize = 5_000_000;

/// A text that is cheap to change anywhere and free to copy. Places are counted in characters; what lies beyond the end
/// means the end.
#[derive(Debug, Clone, Default)]
pub struct Buffer {
    rope: Rope,
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        self.rope.is_instance(&other.rope) || self.rope == other.rope
    }
}

impl From<&str> for Buffer {
    fn from(text: &str) -> Self {
        Self { rope: Rope::from_str(text) }
    }
}

impl std::fmt::Display for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.rope.chunks().try_for_each(|c| f.write_str(c))
    }
}

impl Buffer {
    /// Number of characters.
    pub fn len(&self) -> usize {
        self.rope.len_chars()
    }
    /// Number of bytes.
    pub fn bytes(&self) -> usize {
        self.rope.len_bytes()
    }
    /// True for a text too large to be worked through as a whole while somebody types.
    pub fn is_huge(&self) -> bool {
        self.lines() > HUGE_LINES || self.bytes() > HUGE_BYTES
    }
    /// True without any text.
    pub fn is_empty(&self) -> bool {
        self.rope.len_bytes() == 0
    }
    /// Number of lines, at least one: behind a final break there is an empty one.
    pub fn lines(&self) -> usize {
        self.rope.len_lines()
    }
    /// The line of a place, from 0.
    pub fn line_of(&self, at: usize) -> usize {
        self.rope.char_to_line(at.min(self.len()))
    }
    /// Where a line begins; the end of the text for one that is not there.
    pub fn line_start(&self, line: usize) -> usize {
        if line >= self.lines() { self.len() } else { self.rope.line_to_char(line) }
    }
    /// Where a line ends, before its break; `\r\n` is one break.
    pub fn line_end(&self, line: usize) -> usize {
        let (start, next) = (self.line_start(line), self.line_start(line + 1));
        if line + 1 >= self.lines() {
            return next;
        }
        let end = next - 1;
        if end > start && self.char(end - 1) == Some('\r') { end - 1 } else { end }
    }
    /// Where the next line begins, or the text ends.
    pub fn line_next(&self, line: usize) -> usize {
        self.line_start(line + 1)
    }
    /// A line without its break.
    pub fn line(&self, line: usize) -> Cow<'_, str> {
        self.slice(self.line_start(line)..self.line_end(line))
    }
    /// At most so many characters of a line, and whether there are more.
    pub fn line_cut(&self, line: usize, most: usize) -> (Cow<'_, str>, bool) {
        let (start, end) = (self.line_start(line), self.line_end(line));
        let cut = end - start > most;
        (self.slice(start..if cut { start + most } else { end }), cut)
    }
    /// Characters from a place on.
    pub fn chars_from(&self, at: usize) -> ropey::iter::Chars<'_> {
        self.rope.chars_at(at.min(self.len()))
    }
    /// Part of the text.
    pub fn slice(&self, range: Range<usize>) -> Cow<'_, str> {
        let end = range.end.min(self.len());
        self.rope.slice(range.start.min(end)..end).into()
    }
    /// The character behind a place.
    pub fn char(&self, at: usize) -> Option<char> {
        self.rope.get_char(at)
    }
    /// The character before a place.
    pub fn char_before(&self, at: usize) -> Option<char> {
        self.char(at.checked_sub(1)?)
    }
    /// The byte of a place.
    pub fn byte_of(&self, at: usize) -> usize {
        self.rope.char_to_byte(at.min(self.len()))
    }
    /// The place of a byte; inside a character the character's.
    pub fn at_byte(&self, byte: usize) -> usize {
        self.rope.byte_to_char(byte.min(self.bytes()))
    }
    /// Pieces of the text in order.
    pub fn chunks(&self) -> impl Iterator<Item = &str> {
        self.rope.chunks()
    }
    /// True when the text is this one.
    pub fn is(&self, text: &str) -> bool {
        self.bytes() == text.len() && self.rope == text
    }
    /// Column of a place in its line, in characters from 0.
    pub fn column(&self, at: usize) -> usize {
        at.min(self.len()) - self.line_start(self.line_of(at))
    }

    /// Replaces a part; returns what stood there.
    pub(super) fn replace(&mut self, range: Range<usize>, text: &str) -> String {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let old = self.rope.slice(start..end).to_string();
        if start < end {
            self.rope.remove(start..end);
        }
        if !text.is_empty() {
            self.rope.insert(start, text);
        }
        old
    }

    /// The beginning of the letter behind, as a person sees letters.
    pub fn right(&self, at: usize) -> usize {
        let at = at.min(self.len());
        let (a, b) = (self.char(at), self.char(at + 1));
        if plain(a) && b.is_none_or(|b| plain(Some(b))) && !(a == Some('\r') && b == Some('\n')) {
            return (at + 1).min(self.len());
        }
        let near = self.slice(at..at + NEAR);
        at + near.graphemes(true).next().map_or(0, |g| g.chars().count())
    }
    /// The beginning of the letter before.
    pub fn left(&self, at: usize) -> usize {
        let at = at.min(self.len());
        let (a, b) = (at.checked_sub(2).and_then(|i| self.char(i)), self.char_before(at));
        if plain(b) && a.is_none_or(|a| plain(Some(a))) && !(a == Some('\r') && b == Some('\n')) {
            return at.saturating_sub(1);
        }
        let near = self.slice(at.saturating_sub(NEAR)..at);
        at - near.graphemes(true).next_back().map_or(0, |g| g.chars().count())
    }
    /// The place itself, or the beginning of the letter it lies in.
    pub fn snap(&self, at: usize) -> usize {
        let at = at.min(self.len());
        let (a, b) = (self.char_before(at), self.char(at));
        if (a.is_none_or(|a| plain(Some(a))) && b.is_none_or(|b| plain(Some(b))))
            && !(a == Some('\r') && b == Some('\n'))
        {
            return at;
        }
        let from = at.saturating_sub(NEAR / 2).max(self.line_start(self.line_of(at)));
        let near = self.slice(from..at + NEAR / 2);
        let mut start = from;
        for g in near.graphemes(true) {
            let next = start + g.chars().count();
            if next > at {
                return start;
            }
            start = next;
        }
        at
    }
}

/// A text as an editor has it, and whether every line of it ends with `\r\n` in the file. Where only some do, they stay
/// in the text.
pub fn for_editor(text: &str) -> (Cow<'_, str>, bool) {
    let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    let pairs = memchr::memmem::find_iter(text.as_bytes(), b"\r\n").count();
    if pairs > 0 && pairs == breaks { (text.replace("\r\n", "\n").into(), true) } else { (text.into(), false) }
}

fn plain(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_feed_ends_a_line() {
        let b = Buffer::from("a\u{b}b\u{c}c\u{85}d\u{2028}e\rf\ng\r\n");
        assert_eq!(b.lines(), 3);
        assert_eq!(b.line(0), "a\u{b}b\u{c}c\u{85}d\u{2028}e\rf");
        assert_eq!((b.line(1).as_ref(), b.line(2).as_ref()), ("g", ""), "a carriage return before it belongs to it");
        assert_eq!(b.to_string(), "a\u{b}b\u{c}c\u{85}d\u{2028}e\rf\ng\r\n");
        let empty = Buffer::default();
        assert_eq!(
            (empty.lines(), empty.line_end(0), empty.line_start(7), empty.right(0), empty.left(0)),
            (1, 0, 0, 0, 0)
        );
    }

    #[test]
    fn steps_are_letters_as_a_person_sees_them() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let text = format!("a{family}e\u{301}\u{1f1e9}\u{1f1ea}x\r\ny");
        let b = Buffer::from(text.as_str());
        let mut stops = vec![0];
        while *stops.last().unwrap() < b.len() {
            stops.push(b.right(*stops.last().unwrap()));
        }
        assert_eq!(stops, [0, 1, 6, 8, 10, 11, 13, 14]);
        let mut back = vec![b.len()];
        while *back.last().unwrap() > 0 {
            back.push(b.left(*back.last().unwrap()));
        }
        back.reverse();
        assert_eq!(back, stops);
        assert_eq!((b.snap(3), b.snap(7), b.snap(9), b.snap(12), b.snap(99)), (1, 6, 8, 11, 14));
    }

    #[test]
    fn lines_are_cut_where_they_are_too_long() {
        let b = Buffer::from("\u{e9}\u{e9}\u{e9}\u{e9}\nb");
        assert_eq!(b.line_cut(0, 3), ("\u{e9}\u{e9}\u{e9}".into(), true));
        assert_eq!(b.line_cut(0, 4), ("\u{e9}\u{e9}\u{e9}\u{e9}".into(), false));
        assert_eq!((b.byte_of(2), b.at_byte(4), b.at_byte(5), b.column(6)), (4, 2, 2, 1));
    }
}

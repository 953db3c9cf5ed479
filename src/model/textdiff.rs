//! Two texts by lines, words inside paired lines, characters inside paired words.
//!
//! Lines end at `\n` only: other separators (U+2028, form feed) are letters of a line, as in git. A `\r` before the
//! `\n` belongs to the line's end, so that a file with other line ends does not differ in every line; that it does
//! is noted once.
use std::{borrow::Cow, ops::Range, sync::Arc};

use imara_diff::{Algorithm, Diff, InternedInput, TokenSource};
use serde::Serialize;

/// A text with its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    text: Arc<str>,
    /// Byte range of each line without its end.
    spans: Vec<Range<u32>>,
    crlf: u32,
    final_newline: bool,
}

impl Lines {
    /// Splits a text at `\n`. Beyond 4 GiB the rest is cut off.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text: Arc<str> = text.into();
        let bytes = text.as_bytes();
        let mut spans = Vec::new();
        let (mut start, mut crlf) = (0, 0);
        let limit = bytes.len().min(u32::MAX as usize);
        for end in memchr::memchr_iter(b'\n', bytes.get(..limit).unwrap_or_default()) {
            let cut = usize::from(end > start && bytes.get(end - 1) == Some(&b'\r'));
            crlf += cut as u32;
            spans.push(start as u32..(end - cut) as u32);
            start = end + 1;
        }
        if start < limit {
            spans.push(start as u32..limit as u32);
        }
        let final_newline = text.ends_with('\n') || text.is_empty();
        Self { text, spans, crlf, final_newline }
    }
    /// Number of lines.
    pub fn len(&self) -> usize {
        self.spans.len()
    }
    /// True for an empty text.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
    /// Where a line begins in the whole text.
    pub fn start(&self, index: usize) -> usize {
        self.spans.get(index).map_or(self.text.len(), |s| s.start as usize)
    }
    /// One line without its end; empty beyond the last.
    pub fn line(&self, index: usize) -> &str {
        self.spans.get(index).and_then(|s| self.text.get(s.start as usize..s.end as usize)).unwrap_or_default()
    }
    /// All lines in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|i| self.line(i))
    }
    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What a row of the comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    Same,
    /// The line is there on both sides, with other words.
    Changed,
    Added,
    Removed,
}

/// One row: a line of either side or of both. Word ranges are bytes of that side's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub kind: RowKind,
    pub old: Option<u32>,
    pub new: Option<u32>,
    pub old_words: Vec<Range<u32>>,
    pub new_words: Vec<Range<u32>>,
}

/// A comparison of two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextDiff {
    pub old: Lines,
    pub new: Lines,
    pub rows: Vec<Row>,
    /// Lines that are only in the new text, changed ones included.
    pub added: u32,
    /// Lines that are only in the old text, changed ones included.
    pub removed: u32,
    /// What no line shows: other line ends, a final newline come or gone.
    pub notes: Vec<&'static str>,
}

/// A stretch of rows to show: changed rows with some same rows around them, or a fold of same rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stretch {
    Show(Range<usize>),
    Fold(Range<usize>),
}

/// Tokens of a text for `imara_diff`.
pub(super) struct Slice<'a, 'b>(pub &'b [&'a str]);

impl<'a, 'b> TokenSource for Slice<'a, 'b> {
    type Token = &'a str;
    type Tokenizer = std::iter::Copied<std::slice::Iter<'b, &'a str>>;
    fn tokenize(&self) -> Self::Tokenizer {
        self.0.iter().copied()
    }
    fn estimate_tokens(&self) -> u32 {
        self.0.len() as u32
    }
}

impl TextDiff {
    /// Compares two texts.
    pub fn new(old: impl Into<Arc<str>>, new: impl Into<Arc<str>>) -> Self {
        Self::masked(old, new, |_| Vec::new())
    }
    /// Compares two texts in which parts of lines count for nothing: `noise` gives their byte ranges, in order. Lines
    /// that differ in nothing else are the same.
    pub fn masked(old: impl Into<Arc<str>>, new: impl Into<Arc<str>>, noise: impl Fn(&str) -> Vec<Range<u32>>) -> Self {
        let (old, new) = (Lines::new(old), Lines::new(new));
        let (noise_old, noise_new): (Vec<_>, Vec<_>) =
            (old.iter().map(&noise).collect(), new.iter().map(&noise).collect());
        let (keys_old, keys_new) = (keys(&old, &noise_old), keys(&new, &noise_new));
        let before: Vec<&str> = keys_old.iter().map(|k| &**k).collect();
        let after: Vec<&str> = keys_new.iter().map(|k| &**k).collect();
        let input = InternedInput::new(Slice(&before), Slice(&after));
        let mut diff = Diff::compute(Algorithm::Histogram, &input);
        diff.postprocess_lines(&input);
        let mut out = Builder { before: &before, after: &after, rows: Vec::with_capacity(after.len()) };
        let (mut at_old, mut at_new, mut added, mut removed) = (0, 0, 0, 0);
        for hunk in diff.hunks() {
            out.same(at_old, at_new, hunk.before.start - at_old);
            removed += hunk.before.len() as u32;
            added += hunk.after.len() as u32;
            (at_old, at_new) = (hunk.before.end, hunk.after.end);
            out.hunk(hunk.before, hunk.after);
        }
        out.same(at_old, at_new, before.len() as u32 - at_old);
        let mut rows = out.rows;
        // Words of lines that hold noise are those of the lines themselves, without it.
        for row in rows.iter_mut().filter(|r| r.kind == RowKind::Changed) {
            let (Some(i), Some(j)) = (row.old, row.new) else { continue };
            let (Some(x), Some(y)) = (noise_old.get(i as usize), noise_new.get(j as usize)) else { continue };
            if !x.is_empty() || !y.is_empty() {
                let (mut a, mut b) = words(old.line(i as usize), new.line(j as usize));
                a.retain(|w| !inside(w, x));
                b.retain(|w| !inside(w, y));
                (row.old_words, row.new_words) = (a, b);
            }
        }
        let notes = notes(&old, &new);
        Self { old, new, rows, added, removed, notes }
    }
    /// True when nothing differs, line ends included.
    pub fn is_same(&self) -> bool {
        self.added == 0 && self.removed == 0 && self.notes.is_empty()
    }
    /// Changed rows with `context` same rows around them, and folds between.
    pub fn stretches(&self, context: usize) -> Vec<Stretch> {
        stretches(self.rows.len(), |i| self.is_same_row(i), context)
    }
    /// The rows of the change that a row belongs to; none where nothing differs.
    pub fn change_at(&self, row: usize) -> Option<Range<usize>> {
        let differs = |i: &usize| self.rows.get(*i).is_some_and(|r| r.kind != RowKind::Same);
        if !differs(&row) {
            return None;
        }
        let from = (0..=row).rev().take_while(differs).last()?;
        let until = (row..self.rows.len()).take_while(differs).last()?;
        Some(from..until + 1)
    }
    /// The lines of both sides that stand in these rows, empty ones at their place.
    pub fn lines_of(&self, rows: &Range<usize>) -> (Range<usize>, Range<usize>) {
        let count = |rows: Range<usize>, side: fn(&Row) -> Option<u32>| {
            self.rows.get(rows).unwrap_or_default().iter().filter(|r| side(r).is_some()).count()
        };
        let of = |side: fn(&Row) -> Option<u32>| {
            let from = count(0..rows.start, side);
            from..from + count(rows.clone(), side)
        };
        (of(|r| r.old), of(|r| r.new))
    }
    fn is_same_row(&self, index: usize) -> bool {
        self.rows.get(index).is_some_and(|r| r.kind == RowKind::Same)
    }
}

/// `new` with some of its lines as `old` has them; every other byte stays. Line ends are those of `new`.
pub fn put_back(old: &[u8], new: &[u8], (from, into): (&Range<usize>, &Range<usize>)) -> Vec<u8> {
    let lines =
        |text: &'_ [u8]| -> Vec<Vec<u8>> { text.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect() };
    let (before, now) = (lines(old), lines(new));
    let end: &[u8] = match now.first().or(before.first()) {
        Some(line) if line.ends_with(b"\r\n") => b"\r\n",
        _ => b"\n",
    };
    let body = |line: &[u8]| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line).to_vec()
    };
    let (head, rest) = now.split_at(into.start.min(now.len()));
    let tail = rest.get(into.len().min(rest.len())..).unwrap_or_default();
    let mut out: Vec<u8> = head.concat();
    if !out.is_empty() && !out.ends_with(b"\n") && !from.is_empty() {
        out.extend_from_slice(end);
    }
    for line in before.get(from.clone()).unwrap_or_default() {
        out.extend(body(line));
        out.extend_from_slice(end);
    }
    // What is the end of both ends as the old one did.
    if tail.is_empty() && from.end == before.len() && !old.ends_with(b"\n") && out.ends_with(end) {
        out.truncate(out.len() - end.len());
    }
    out.extend(tail.concat());
    out
}

/// Rows that differ with `context` same rows around them, and folds between. Fewer than three rows are never folded.
pub fn stretches(len: usize, is_same: impl Fn(usize) -> bool, context: usize) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = Vec::new();
    let show = |all: &mut Vec<Stretch>, range: Range<usize>| match all.last_mut() {
        Some(Stretch::Show(last)) if last.end == range.start => last.end = range.end,
        _ if range.is_empty() => {}
        _ => all.push(Stretch::Show(range)),
    };
    let mut start = 0;
    while start < len {
        let same = is_same(start);
        let end = (start..len).find(|i| is_same(*i) != same).unwrap_or(len);
        let head = if start == 0 || !same { start } else { start + context };
        let tail = if end == len { end } else { end.saturating_sub(context) };
        if same && tail >= head + 3 {
            show(&mut all, start..head);
            all.push(Stretch::Fold(head..tail));
            show(&mut all, tail..end);
        } else {
            show(&mut all, start..end);
        }
        start = end;
    }
    all
}

/// Lines as they are compared: noise is one letter no text holds.
fn keys<'a>(lines: &'a Lines, noise: &[Vec<Range<u32>>]) -> Vec<Cow<'a, str>> {
    let key = |(line, noise): (&'a str, &Vec<Range<u32>>)| {
        if noise.is_empty() {
            return Cow::Borrowed(line);
        }
        let mut out = String::with_capacity(line.len());
        let mut at = 0;
        for range in noise {
            out.push_str(line.get(at..range.start as usize).unwrap_or_default());
            out.push('\0');
            at = range.end as usize;
        }
        out.push_str(line.get(at..).unwrap_or_default());
        Cow::Owned(out)
    };
    lines.iter().zip(noise).map(key).collect()
}

fn inside(word: &Range<u32>, noise: &[Range<u32>]) -> bool {
    noise.iter().any(|n| n.start <= word.start && word.end <= n.end)
}

fn notes(old: &Lines, new: &Lines) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if !old.is_empty() && !new.is_empty() {
        match (old.crlf > 0, new.crlf > 0) {
            (false, true) => notes.push("line ends became CR LF"),
            (true, false) => notes.push("line ends became LF"),
            _ => {}
        }
        match (old.final_newline, new.final_newline) {
            (false, true) => notes.push("final newline added"),
            (true, false) => notes.push("final newline removed"),
            _ => {}
        }
    }
    notes
}

struct Builder<'a> {
    before: &'a [&'a str],
    after: &'a [&'a str],
    rows: Vec<Row>,
}

/// Above this number of pairs lines are paired in order only.
const MAX_PAIRS: usize = 4_096;
/// Least likeness of two lines that are shown as one changed line.
const LIKE: f32 = 0.4;
/// Longest line that is compared by words.
const MAX_LINE: usize = 4_000;

impl Builder<'_> {
    fn same(&mut self, old: u32, new: u32, count: u32) {
        self.rows.extend((0..count).map(|i| Row {
            kind: RowKind::Same,
            old: Some(old + i),
            new: Some(new + i),
            old_words: Vec::new(),
            new_words: Vec::new(),
        }));
    }
    fn one(&mut self, old: Option<u32>, new: Option<u32>) {
        let kind = if old.is_some() { RowKind::Removed } else { RowKind::Added };
        self.rows.push(Row { kind, old, new, old_words: Vec::new(), new_words: Vec::new() });
    }
    fn hunk(&mut self, old: Range<u32>, new: Range<u32>) {
        let (mut i, mut j) = (old.start, new.start);
        let (before, after) = (self.before, self.after);
        let a = before.get(old.start as usize..old.end as usize).unwrap_or_default();
        let b = after.get(new.start as usize..new.end as usize).unwrap_or_default();
        for (x, y) in pair_lines(a, b) {
            let (x, y) = (old.start + x as u32, new.start + y as u32);
            (i..x).for_each(|l| self.one(Some(l), None));
            (j..y).for_each(|l| self.one(None, Some(l)));
            let (old_line, new_line) = (before.get(x as usize), after.get(y as usize));
            let (old_words, new_words) =
                words(old_line.copied().unwrap_or_default(), new_line.copied().unwrap_or_default());
            self.rows.push(Row { kind: RowKind::Changed, old: Some(x), new: Some(y), old_words, new_words });
            (i, j) = (x + 1, y + 1);
        }
        (i..old.end).for_each(|l| self.one(Some(l), None));
        (j..new.end).for_each(|l| self.one(None, Some(l)));
    }
}

/// Pairs of lines that are alike, in order on both sides: the heaviest such set for small hunks.
fn pair_lines(a: &[&str], b: &[&str]) -> Vec<(usize, usize)> {
    if a.is_empty() || b.is_empty() {
        return Vec::new();
    }
    let bags_a: Vec<_> = a.iter().map(|l| bag(l)).collect();
    let bags_b: Vec<_> = b.iter().map(|l| bag(l)).collect();
    let score = |i: usize, j: usize| match (bags_a.get(i), bags_b.get(j)) {
        (Some(x), Some(y)) => Some(likeness(x, y)).filter(|s| *s >= LIKE),
        _ => None,
    };
    if a.len() * b.len() > MAX_PAIRS {
        return (0..a.len().min(b.len())).filter(|i| score(*i, *i).is_some()).map(|i| (i, i)).collect();
    }
    let width = b.len() + 1;
    let mut best = vec![0f32; (a.len() + 1) * width];
    let get = |best: &[f32], i: usize, j: usize| best.get(i * width + j).copied().unwrap_or_default();
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let skip = get(&best, i + 1, j).max(get(&best, i, j + 1));
            let take = score(i, j).map_or(0.0, |s| s + get(&best, i + 1, j + 1));
            if let Some(slot) = best.get_mut(i * width + j) {
                *slot = skip.max(take);
            }
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        let here = get(&best, i, j);
        if here <= 0.0 {
            break;
        }
        let take = score(i, j).map_or(0.0, |s| s + get(&best, i + 1, j + 1));
        if take > 0.0 && take >= here {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if get(&best, i + 1, j) >= get(&best, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// Sorted words of a line with their lengths as weights; blanks do not count.
fn bag(line: &str) -> Vec<&str> {
    let mut bag: Vec<&str> = tokens(line).map(|r| line.get(r).unwrap_or_default()).filter(|t| !blank(t)).collect();
    bag.truncate(400);
    bag.sort_unstable();
    bag
}

fn blank(token: &str) -> bool {
    token.chars().all(char::is_whitespace)
}

/// Words count by their length, up to 8; punctuation hardly counts.
fn weight(token: &str) -> f32 {
    if token.starts_with(|c: char| c.is_alphanumeric() || c == '_') { token.len().min(8) as f32 } else { 0.5 }
}

/// Dice's share of common weight, 0 to 1.
fn likeness(a: &[&str], b: &[&str]) -> f32 {
    let total: f32 = a.iter().chain(b).map(|t| weight(t)).sum();
    let (mut i, mut j, mut common) = (0, 0, 0.0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                common += 2.0 * weight(x);
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    if total > 0.0 { common / total } else { 1.0 }
}

/// Byte ranges of words, runs of blanks, and single other characters.
pub fn tokens(line: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut chars = line.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = chars.next()?;
        let class = class_of(first);
        let mut end = start + first.len_utf8();
        if class != Class::Other {
            while let Some((at, c)) = chars.next_if(|(_, c)| class_of(*c) == class) {
                end = at + c.len_utf8();
            }
        }
        Some(start..end)
    })
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Class {
    Word,
    Blank,
    Other,
}

fn class_of(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => Class::Word,
            ' ' | '\t'..='\r' => Class::Blank,
            _ => Class::Other,
        };
    }
    if c.is_alphanumeric() || c == '_' {
        Class::Word
    } else if c.is_whitespace() {
        Class::Blank
    } else {
        Class::Other
    }
}

/// The byte ranges in which two lines differ, by words, and by characters where one word became another.
pub fn words(old: &str, new: &str) -> (Vec<Range<u32>>, Vec<Range<u32>>) {
    if old.len().max(new.len()) > MAX_LINE {
        let (o, n) = middle(old, new);
        return (to_list(o), to_list(n));
    }
    let (old_at, new_at): (Vec<_>, Vec<_>) = (tokens(old).collect(), tokens(new).collect());
    let slices = |line, at: &[Range<usize>]| -> Vec<&str> {
        let line: &str = line;
        at.iter().map(|r| line.get(r.clone()).unwrap_or_default()).collect()
    };
    let (a, b) = (slices(old, &old_at), slices(new, &new_at));
    let input = InternedInput::new(Slice(&a), Slice(&b));
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_no_heuristic(&input);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for hunk in diff.hunks() {
        let o = span(&old_at, &hunk.before, old.len());
        let n = span(&new_at, &hunk.after, new.len());
        let one_word = hunk.before.len() == 1 && hunk.after.len() == 1;
        let (o, n) = if one_word { inside_word(old, o, new, n) } else { (o, n) };
        push(&mut left, o, old);
        push(&mut right, n, new);
    }
    (left, right)
}

/// Narrows two words to the characters that differ, if enough of them stays the same.
fn inside_word(old: &str, o: Range<usize>, new: &str, n: Range<usize>) -> (Range<usize>, Range<usize>) {
    let (x, y) = (old.get(o.clone()).unwrap_or_default(), new.get(n.clone()).unwrap_or_default());
    let numeric = |s: &str| s.starts_with(|c: char| c.is_ascii_digit());
    let (a, b) = middle(x, y);
    let kept = x.len() - a.len();
    // Short words read better whole: `me[di]an` says less than `[median]`.
    let longest = x.len().max(y.len());
    if numeric(x) || numeric(y) || longest < 8 || kept * 3 < longest * 2 {
        return (o, n);
    }
    (o.start + a.start..o.start + a.end, n.start + b.start..n.start + b.end)
}

/// What lies between the common beginning and the common end, on character boundaries.
fn middle(old: &str, new: &str) -> (Range<usize>, Range<usize>) {
    let head: usize = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (x, y) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail: usize = x.chars().rev().zip(y.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    (head..old.len() - tail, head..new.len() - tail)
}

fn span(at: &[Range<usize>], tokens: &Range<u32>, len: usize) -> Range<usize> {
    let start = at.get(tokens.start as usize).map_or(len, |r| r.start);
    let end = if tokens.is_empty() { start } else { at.get(tokens.end as usize - 1).map_or(len, |r| r.end) };
    start..end
}

/// Adds a range; joins it to the last one across blanks.
fn push(list: &mut Vec<Range<u32>>, range: Range<usize>, line: &str) {
    if range.is_empty() {
        return;
    }
    if let Some(last) = list.last_mut() {
        let gap = line.get(last.end as usize..range.start).unwrap_or("x");
        if blank(gap) {
            last.end = range.end as u32;
            return;
        }
    }
    list.push(range.start as u32..range.end as u32);
}

fn to_list(range: Range<usize>) -> Vec<Range<u32>> {
    if range.is_empty() { Vec::new() } else { vec![range.start as u32..range.end as u32] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marked(line: &str, words: &[Range<u32>]) -> Vec<String> {
        words.iter().map(|r| line[r.start as usize..r.end as usize].to_owned()).collect()
    }

    /// Takes the first change back until none is left.
    fn all_back(old: &str, new: &str) -> (String, usize) {
        let (mut now, mut steps) = (new.to_owned(), 0);
        loop {
            let diff = TextDiff::new(old, now.as_str());
            let Some(row) = diff.rows.iter().position(|r| r.kind != RowKind::Same) else { return (now, steps) };
            let rows = diff.change_at(row).unwrap();
            let (from, into) = diff.lines_of(&rows);
            let next = put_back(old.as_bytes(), now.as_bytes(), (&from, &into));
            now = String::from_utf8(next).unwrap();
            steps += 1;
            assert!(steps < 100, "{old:?} {new:?} {now:?}");
        }
    }

    #[test]
    fn one_change_is_taken_back_and_the_rest_stays() {
        let (old, new) = ("a\nb\nc\nd\ne\n", "a\nB\nc\nd\nnew\ne\n");
        let diff = TextDiff::new(old, new);
        let rows = diff.change_at(1).unwrap();
        let (from, into) = diff.lines_of(&rows);
        assert_eq!(put_back(old.as_bytes(), new.as_bytes(), (&from, &into)), b"a\nb\nc\nd\nnew\ne\n");
        assert_eq!(diff.change_at(0), None);
        assert_eq!(all_back(old, new), (old.to_owned(), 2));
        // Line ends of the file as it is now; the end of the file as it was.
        let (from, into) = (1..2, 1..2);
        assert_eq!(put_back(b"a\nb\nc\n", b"a\r\nB\r\nc\r\n", (&from, &into)), b"a\r\nb\r\nc\r\n");
        for (old, new) in [("a\nb", "a\nb\nc\n"), ("a", ""), ("", "a"), ("a\nb\n", "x"), ("x", "a\nb\n")] {
            assert_eq!(all_back(old, new).0, old, "{old:?} {new:?}");
        }
    }

    proptest! {
        #[test]
        fn taking_back_every_change_gives_the_old_text(
            old in prop::collection::vec("[abc]{0,2}", 0..12), new in prop::collection::vec("[abc]{0,2}", 0..12)
        ) {
            let text = |lines: &[String]| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
            let (old, new) = (text(&old), text(&new));
            prop_assert_eq!(all_back(&old, &new).0, old);
        }
    }

    #[test]
    fn a_changed_line_is_paired_with_its_new_self_and_not_with_the_added_ones() {
        let old = "clean = day.with_columns(\n    dep_delay=pl.col(\"dep_delay_raw\")\n)\n";
        let new = "def to_minutes(raw, unit):\n    return raw\n\nclean = day.with_columns(\n    \
                   dep_delay=to_minutes(pl.col(\"dep_delay_raw\"), pl.col(\"unit\"))\n)\n";
        let diff = TextDiff::new(old, new);
        assert_eq!((diff.added, diff.removed), (4, 1));
        let changed = diff.rows.iter().find(|r| r.kind == RowKind::Changed).unwrap();
        assert_eq!((changed.old, changed.new), (Some(1), Some(4)));
        let words = marked(diff.new.line(4), &changed.new_words);
        assert_eq!(words, ["to_minutes(", ", pl.col(\"unit\"))"]);
        assert!(changed.old_words.is_empty());
    }

    #[test]
    fn one_word_that_becomes_another_is_marked_by_characters() {
        let (old, new) = words("x = dep_delay + 100", "x = arr_delay + 250");
        assert_eq!(marked("x = dep_delay + 100", &old), ["dep", "100"]);
        assert_eq!(marked("x = arr_delay + 250", &new), ["arr", "250"]);
    }

    #[test]
    fn lines_end_at_newline_only_and_other_ends_are_noted_once() {
        let text = "a\u{2028}b\u{c}c\u{85}d\n";
        assert_eq!(Lines::new(text).len(), 1);
        let diff = TextDiff::new("a\nb\n", "a\r\nb\r\n");
        assert_eq!((diff.added, diff.removed), (0, 0));
        assert_eq!(diff.notes, ["line ends became CR LF"]);
        assert_eq!(TextDiff::new("a\nb", "a\nb\n").notes, ["final newline added"]);
        assert!(TextDiff::new("", "").is_same());
    }

    #[test]
    fn folds_keep_context_and_do_not_hide_two_rows() {
        let old: String = (0..30).map(|n| format!("line {n}\n")).collect();
        let new = old.replace("line 10\n", "line ten\n").replace("line 18\n", "line eighteen\n");
        let diff = TextDiff::new(old, new);
        let stretches = diff.stretches(3);
        let show: Vec<_> = stretches.iter().filter(|s| matches!(s, Stretch::Show(_))).collect();
        assert_eq!(show.len(), 1, "seven rows between two changes need no fold of one: {stretches:?}");
        assert_eq!(stretches.first(), Some(&Stretch::Fold(0..7)));
    }

    #[test]
    fn very_long_lines_are_cut_to_the_middle() {
        let old = format!("{}x{}", "a".repeat(50_000), "b".repeat(50_000));
        let (o, _) = words(&old, &old.replace('x', "yy"));
        assert_eq!(o, [50_000..50_001]);
    }

    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec("[ab ]{0,4}(\u{e9}|x|\u{2028})?", 0..12).prop_map(|l| l.join("\n"))
    }

    proptest! {
        #[test]
        fn rows_tell_both_texts_and_counts_are_symmetric(old in text(), new in text()) {
            let diff = TextDiff::new(old.as_str(), new.as_str());
            let side = |pick: fn(&Row) -> Option<u32>| -> Vec<u32> { diff.rows.iter().filter_map(pick).collect() };
            prop_assert_eq!(side(|r| r.old), (0..diff.old.len() as u32).collect::<Vec<_>>());
            prop_assert_eq!(side(|r| r.new), (0..diff.new.len() as u32).collect::<Vec<_>>());
            for row in &diff.rows {
                let (o, n) = (row.old.map(|i| diff.old.line(i as usize)), row.new.map(|i| diff.new.line(i as usize)));
                if row.kind == RowKind::Same { prop_assert_eq!(o, n); }
                if let (RowKind::Changed, Some(o), Some(n)) = (row.kind, o, n) {
                    let rest = |line: &str, words: &[Range<u32>]| {
                        let mut line = line.to_owned();
                        for w in words.iter().rev() { line.replace_range(w.start as usize..w.end as usize, ""); }
                        line.split_whitespace().collect::<String>()
                    };
                    prop_assert_eq!(rest(o, &row.old_words), rest(n, &row.new_words));
                }
            }
            let back = TextDiff::new(new.as_str(), old.as_str());
            prop_assert_eq!(diff.added as i64 - diff.removed as i64, back.removed as i64 - back.added as i64);
            prop_assert!(TextDiff::new(old.as_str(), old.as_str()).is_same());
            let covered: usize = diff.stretches(1).iter().map(|s| match s { Stretch::Show(r) | Stretch::Fold(r) => r.len() }).sum();
            prop_assert_eq!(covered, diff.rows.len());
        }
    }
}

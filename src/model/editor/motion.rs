//! Where a cursor goes: letters, words, lines, rows as they are wrapped.
use std::ops::Range;

use super::{Buffer, Selection, column};

/// A step of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    Left,
    Right,
    WordLeft,
    WordRight,
    /// The first sign of the line, then its beginning.
    LineStart,
    LineEnd,
    Start,
    End,
    Up(usize),
    Down(usize),
    /// The bracket that belongs to the one at the cursor.
    Bracket,
}

/// What letters of one kind make up a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Break,
    Word,
    Sign,
}

fn class(c: char) -> Class {
    match c {
        '\n' | '\r' => Class::Break,
        c if c.is_whitespace() => Class::Space,
        // A mark that joins to a letter is part of its word.
        c if c.is_alphanumeric() || c == '_' || ('\u{300}'..='\u{36f}').contains(&c) => Class::Word,
        _ => Class::Sign,
    }
}

/// True for a letter of a name.
pub fn is_word(c: char) -> bool {
    class(c) == Class::Word
}

/// The end of the word behind, over a line's end to the next line's first word.
pub fn word_right(buffer: &Buffer, at: usize) -> usize {
    let mut to = at.min(buffer.len());
    let skips = |to: &mut usize, of: &[Class]| {
        while buffer.char(*to).is_some_and(|c| of.contains(&class(c))) {
            *to += 1;
        }
    };
    skips(&mut to, &[Class::Space]);
    if buffer.char(to).is_some_and(|c| class(c) == Class::Break) {
        to = buffer.right(to);
        skips(&mut to, &[Class::Space]);
    }
    if let Some(kind) = buffer.char(to).map(class).filter(|k| matches!(k, Class::Word | Class::Sign)) {
        skips(&mut to, &[kind]);
    }
    buffer.snap(to).max(buffer.right(at).min(to))
}

/// The beginning of the word before.
pub fn word_left(buffer: &Buffer, at: usize) -> usize {
    let mut to = at.min(buffer.len());
    let skips = |to: &mut usize, of: &[Class]| {
        while buffer.char_before(*to).is_some_and(|c| of.contains(&class(c))) {
            *to -= 1;
        }
    };
    skips(&mut to, &[Class::Space]);
    if to == at.min(buffer.len()) && buffer.char_before(to).is_some_and(|c| class(c) == Class::Break) {
        to = buffer.left(to);
        skips(&mut to, &[Class::Space]);
    }
    if let Some(kind) = buffer.char_before(to).map(class).filter(|k| matches!(k, Class::Word | Class::Sign)) {
        skips(&mut to, &[kind]);
    }
    buffer.snap(to)
}

/// The word at a place, or what else of one kind stands there: what a double click selects.
pub fn word_at(buffer: &Buffer, at: usize) -> Range<usize> {
    let (before, behind) = (buffer.char_before(at).map(class), buffer.char(at).map(class));
    let kind = match (before, behind) {
        (_, Some(Class::Word)) => Class::Word,
        (Some(Class::Word), _) => Class::Word,
        (_, Some(k)) if k != Class::Break => k,
        (Some(k), _) if k != Class::Break => k,
        _ => return at..at,
    };
    let (mut start, mut end) = (at, at);
    while buffer.char_before(start).is_some_and(|c| class(c) == kind) {
        start -= 1;
    }
    while buffer.char(end).is_some_and(|c| class(c) == kind) {
        end += 1;
    }
    buffer.snap(start)..if buffer.snap(end) == end { end } else { buffer.right(buffer.snap(end)) }
}

/// A line with its break.
pub fn line_at(buffer: &Buffer, at: usize) -> Range<usize> {
    let line = buffer.line_of(at);
    buffer.line_start(line)..buffer.line_next(line)
}

/// First sign of a line that is no space.
pub fn first_sign(buffer: &Buffer, line: usize) -> usize {
    let (start, end) = (buffer.line_start(line), buffer.line_end(line));
    start + buffer.chars_from(start).take(end - start).take_while(|c| matches!(c, ' ' | '\t')).count()
}

fn line_start(buffer: &Buffer, at: usize) -> usize {
    let line = buffer.line_of(at);
    let first = first_sign(buffer, line);
    if at == first { buffer.line_start(line) } else { first }
}

/// Goes a step. Vertical steps count lines; [`vertical`] counts rows.
pub fn go(buffer: &Buffer, s: &Selection, motion: Motion, extend: bool) -> Selection {
    let to = match motion {
        // An arrow without Shift leaves a selection at its edge.
        Motion::Left if !extend && !s.is_empty() => s.start(),
        Motion::Right if !extend && !s.is_empty() => s.end(),
        Motion::Left => buffer.left(s.head),
        Motion::Right => buffer.right(s.head),
        Motion::WordLeft => word_left(buffer, s.head),
        Motion::WordRight => word_right(buffer, s.head),
        Motion::LineStart => line_start(buffer, s.head),
        Motion::LineEnd => buffer.line_end(buffer.line_of(s.head)),
        Motion::Start => 0,
        Motion::End => buffer.len(),
        Motion::Bracket => super::bracket::partner_near(buffer, s.head).unwrap_or(s.head),
        Motion::Up(n) => return vertical(buffer, s, -(n as i64), extend, &|_| Vec::new()),
        Motion::Down(n) => return vertical(buffer, s, n as i64, extend, &|_| Vec::new()),
    };
    s.to(to, extend)
}

/// Goes up or down by rows; `rows` says behind which characters of a line it is wrapped.
pub fn vertical(
    buffer: &Buffer,
    s: &Selection,
    by: i64,
    extend: bool,
    rows: &dyn Fn(usize) -> Vec<usize>,
) -> Selection {
    let mut line = buffer.line_of(s.head);
    let mut breaks = rows(line);
    let inside = s.head - buffer.line_start(line);
    let mut row = breaks.iter().filter(|b| **b <= inside).count();
    let part = |line: usize, breaks: &[usize], row: usize| {
        let start = buffer.line_start(line);
        let from = if row == 0 { start } else { start + breaks.get(row - 1).copied().unwrap_or(0) };
        // The end of a row that is wrapped is the beginning of the next one: the cursor stays before it.
        let to = breaks.get(row).map_or(buffer.line_end(line), |b| (start + b).saturating_sub(1).max(from));
        from..to
    };
    let here = part(line, &breaks, row);
    let goal = s.goal.unwrap_or_else(|| {
        buffer.chars_from(here.start).take(s.head.saturating_sub(here.start)).fold(0, |n, c| n + column::width(c, n))
    });
    let mut left = by.unsigned_abs();
    while left > 0 {
        left -= 1;
        if by < 0 {
            if row > 0 {
                row -= 1;
            } else if line > 0 {
                line -= 1;
                breaks = rows(line);
                row = breaks.len();
            } else {
                return Selection { goal: Some(goal), ..s.to(0, extend) };
            }
        } else if row < breaks.len() {
            row += 1;
        } else if line + 1 < buffer.lines() {
            line += 1;
            breaks = rows(line);
            row = 0;
        } else {
            return Selection { goal: Some(goal), ..s.to(buffer.len(), extend) };
        }
    }
    let to = column::within(buffer, part(line, &breaks, row), goal);
    Selection { goal: Some(goal), ..s.to(to, extend) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(text: &str, step: impl Fn(&Buffer, usize) -> usize, from: usize) -> Vec<usize> {
        let b = Buffer::from(text);
        let mut all = vec![from];
        loop {
            let next = step(&b, *all.last().unwrap());
            if next == *all.last().unwrap() {
                return all;
            }
            all.push(next);
        }
    }

    #[test]
    fn words_are_names_or_signs() {
        let text = "df.x_1 += 2\n  \u{e9}t\u{e9}()";
        assert_eq!(walk(text, word_right, 0), [0, 2, 3, 6, 9, 11, 17, 19]);
        assert_eq!(walk(text, word_left, 19), [19, 17, 14, 12, 10, 7, 3, 2, 0]);
        let b = Buffer::from("a  bcd.");
        assert_eq!([0, 1, 2, 4, 6, 7].map(|p| word_at(&b, p)), [0..1, 0..1, 1..3, 3..6, 3..6, 6..7]);
        assert_eq!(word_at(&Buffer::from("\n"), 0), 0..0);
    }

    #[test]
    fn home_goes_to_the_first_sign_and_then_to_the_margin() {
        let b = Buffer::from("    ab");
        let at = |s: usize| go(&b, &Selection::at(s), Motion::LineStart, false).head;
        assert_eq!([at(6), at(4), at(0), at(2)], [4, 0, 4, 4]);
        let held = go(&b, &Selection::span(1, 5), Motion::Left, false);
        assert_eq!(held, Selection::at(1));
        assert_eq!(go(&b, &Selection::span(1, 5), Motion::Right, true), Selection::span(1, 6));
    }

    #[test]
    fn a_column_is_remembered_over_short_lines() {
        let b = Buffer::from("abcdef\nx\n\u{65e5}\u{672c}\u{8a9e}\nend");
        let mut s = Selection::at(5);
        let mut seen = Vec::new();
        for _ in 0..4 {
            s = go(&b, &s, Motion::Down(1), false);
            seen.push(s.head);
        }
        assert_eq!(seen, [8, 11, 16, 16], "column 5 is in the middle of the third letter, then past the end");
        assert_eq!(go(&b, &s, Motion::Up(3), false).head, 5);
        assert_eq!(go(&b, &Selection::at(3), Motion::Up(1), true), Selection { anchor: 3, head: 0, goal: Some(3) });
    }

    #[test]
    fn wrapped_lines_are_walked_row_by_row() {
        let b = Buffer::from("abcdefghij\nxy");
        let rows = |line: usize| if line == 0 { vec![4, 8] } else { Vec::new() };
        let down = |s: usize| vertical(&b, &Selection::at(s), 1, false, &rows).head;
        assert_eq!([down(1), down(3), down(5), down(9), down(12)], [5, 7, 9, 12, 13]);
        let up = |s: usize| vertical(&b, &Selection::at(s), -1, false, &rows).head;
        assert_eq!([up(12), up(9), up(5), up(2)], [9, 5, 1, 0]);
    }
}

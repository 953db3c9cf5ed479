//! Columns as they are seen: a tab goes to the next stop, wide letters take two, marks that join take none.
use unicode_width::UnicodeWidthChar;

use super::Buffer;

/// A tab goes to the next multiple of this.
pub const TAB: usize = 4;
/// Characters of a line that are counted; what lies beyond is not shown either.
const MOST: usize = 20_000;

/// How far a character that begins in a column moves.
pub fn width(c: char, column: usize) -> usize {
    match c {
        '\t' => TAB - column % TAB,
        c if c.is_ascii() => 1,
        c => c.width().unwrap_or(0),
    }
}

/// The column of a place.
pub fn of(buffer: &Buffer, at: usize) -> usize {
    let start = buffer.line_start(buffer.line_of(at));
    buffer.chars_from(start).take((at - start).min(MOST)).fold(0, |column, c| column + width(c, column))
}

/// The place in a line whose column is nearest; its end when the line is shorter.
pub fn at(buffer: &Buffer, line: usize, column: usize) -> usize {
    within(buffer, buffer.line_start(line)..buffer.line_end(line), column)
}

/// The same in a part of a line, whose first column is 0.
pub fn within(buffer: &Buffer, part: std::ops::Range<usize>, column: usize) -> usize {
    let mut now = 0;
    for (i, c) in buffer.chars_from(part.start).take(part.len().min(MOST)).enumerate() {
        let next = now + width(c, now);
        if next > column {
            // Nearer to the edge behind it.
            let back = column - now > next - column;
            return buffer.snap(part.start + i + usize::from(back));
        }
        now = next;
    }
    part.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_what_is_seen() {
        let b = Buffer::from("a\tb\u{65e5}e\u{301}x");
        assert_eq!((0..=b.len()).map(|i| of(&b, i)).collect::<Vec<_>>(), [0, 1, 4, 5, 7, 8, 8, 9]);
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 50].map(|c| at(&b, 0, c)), [0, 1, 1, 2, 2, 3, 3, 4, 6, 7, 7]);
    }
}

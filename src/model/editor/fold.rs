//! Parts of a text that can be folded away: lines that stand deeper than the one above them.
use std::ops::Range;

use super::{Buffer, column};

/// How deep a line stands; none for one without any sign.
fn depth(buffer: &Buffer, line: usize) -> Option<usize> {
    let (text, _) = buffer.line_cut(line, 400);
    let mut depth = 0;
    for c in text.chars() {
        match c {
            ' ' | '\t' => depth += column::width(c, depth),
            c if c.is_whitespace() => {}
            _ => return Some(depth),
        }
    }
    None
}

/// True for a line that has deeper ones below it.
pub fn can(buffer: &Buffer, line: usize) -> bool {
    let Some(own) = depth(buffer, line) else { return false };
    (line + 1..buffer.lines()).find_map(|l| depth(buffer, l)).is_some_and(|below| below > own)
}

/// The lines a line folds away; empty lines behind them stay.
pub fn below(buffer: &Buffer, line: usize) -> Option<Range<usize>> {
    let own = depth(buffer, line)?;
    let mut last = line;
    for l in line + 1..buffer.lines() {
        match depth(buffer, l) {
            Some(deep) if deep > own => last = l,
            Some(_) => break,
            None => {}
        }
    }
    (last > line).then_some(line + 1..last + 1)
}

/// The line whose part a line stands in: itself, when there is something below it.
pub fn head(buffer: &Buffer, line: usize) -> Option<usize> {
    if can(buffer, line) { Some(line) } else { around(buffer, line) }
}

/// The line whose part a line stands in, other than itself.
pub fn around(buffer: &Buffer, line: usize) -> Option<usize> {
    let own = (0..=line).rev().find_map(|l| depth(buffer, l))?;
    (0..line).rev().find(|l| depth(buffer, *l).is_some_and(|deep| deep < own))
}

/// What the outermost lines fold away, from top to bottom.
pub fn outer(buffer: &Buffer) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < buffer.lines() {
            match below(buffer, at) {
                Some(lines) => {
                    at = lines.end;
                    return Some(lines);
                }
                None => at += 1,
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeper_lines_belong_to_the_line_above() {
        let b = Buffer::from("a:\n  b\n\n    c\n\nd\n\te\nf");
        assert_eq!(below(&b, 0), Some(1..4));
        assert_eq!((below(&b, 1), below(&b, 2), below(&b, 3)), (Some(2..4), None, None));
        assert_eq!((below(&b, 5), below(&b, 7), below(&b, 99)), (Some(6..7), None, None));
        assert_eq!(outer(&b).collect::<Vec<_>>(), [1..4, 6..7]);
        assert_eq!((head(&b, 3), head(&b, 1), head(&b, 0), head(&b, 7)), (Some(1), Some(1), Some(0), None));
        assert!(can(&b, 0) && !can(&b, 3) && !can(&b, 2));
    }
}

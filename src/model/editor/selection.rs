//! Cursors and what they select.
use std::ops::Range;

use super::{Buffer, Transaction, column};

/// A cursor: where it began to select, where it is, and the column it wants to come back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selection {
    pub anchor: usize,
    pub head: usize,
    pub goal: Option<usize>,
}

impl Selection {
    /// A cursor that selects nothing.
    pub fn at(at: usize) -> Self {
        Self { anchor: at, head: at, goal: None }
    }
    /// From `anchor` to `head`.
    pub fn span(anchor: usize, head: usize) -> Self {
        Self { anchor, head, goal: None }
    }
    /// Where it begins.
    pub fn start(&self) -> usize {
        self.anchor.min(self.head)
    }
    /// Where it ends.
    pub fn end(&self) -> usize {
        self.anchor.max(self.head)
    }
    /// Both.
    pub fn range(&self) -> Range<usize> {
        self.start()..self.end()
    }
    /// True when nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.anchor == self.head
    }
    /// The head elsewhere; the anchor stays when it extends.
    pub fn to(self, head: usize, extend: bool) -> Self {
        Self { anchor: if extend { self.anchor } else { head }, head, goal: None }
    }
}

/// All cursors of an editor, from top to bottom, none of which overlap. There is always one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selections {
    all: Vec<Selection>,
    primary: usize,
}

impl Default for Selections {
    fn default() -> Self {
        Self::one(Selection::default())
    }
}

impl Selections {
    /// One alone.
    pub fn one(selection: Selection) -> Self {
        Self { all: vec![selection], primary: 0 }
    }
    /// A single cursor.
    pub fn at(at: usize) -> Self {
        Self::one(Selection::at(at))
    }
    /// Several, one of which is the one that is kept in sight; those that overlap become one.
    pub fn new(all: Vec<Selection>, primary: usize) -> Self {
        let Some(first) = all.get(primary).or(all.first()).copied() else { return Self::default() };
        let mut sorted: Vec<(Selection, bool)> = all.into_iter().enumerate().map(|(i, s)| (s, i == primary)).collect();
        sorted.sort_by_key(|(s, _)| (s.start(), s.end()));
        let mut out: Vec<Selection> = Vec::with_capacity(sorted.len());
        let mut chosen = 0;
        for (s, is_primary) in sorted {
            let touches = |last: &Selection| {
                s.start() < last.end() || (s.start() == last.end() && (s.is_empty() || last.is_empty()))
            };
            match out.last_mut() {
                Some(last) if touches(last) => {
                    let (start, end) = (last.start(), last.end().max(s.end()));
                    let forward = if is_primary { s.head >= s.anchor } else { last.head >= last.anchor };
                    let goal = if is_primary { s.goal } else { last.goal };
                    *last = if forward { Selection::span(start, end) } else { Selection::span(end, start) };
                    last.goal = goal;
                }
                _ => out.push(s),
            }
            if is_primary {
                chosen = out.len() - 1;
            }
        }
        if out.is_empty() {
            out.push(first);
        }
        Self { all: out, primary: chosen }
    }
    /// The one that is kept in sight.
    pub fn primary(&self) -> Selection {
        self.all.get(self.primary).copied().unwrap_or_default()
    }
    /// Which one that is.
    pub fn primary_index(&self) -> usize {
        self.primary
    }
    /// From top to bottom.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Selection> + ExactSizeIterator {
        self.all.iter()
    }
    /// How many.
    pub fn count(&self) -> usize {
        self.all.len()
    }
    /// True when there is more than one.
    pub fn are_many(&self) -> bool {
        self.all.len() > 1
    }
    /// True when none selects anything.
    pub fn are_empty(&self) -> bool {
        self.all.iter().all(Selection::is_empty)
    }
    /// Each one changed.
    pub fn map(&self, change: impl FnMut(&Selection) -> Selection) -> Self {
        Self::new(self.all.iter().map(change).collect(), self.primary)
    }
    /// With one more, which becomes the primary one.
    pub fn with(&self, selection: Selection) -> Self {
        let mut all = self.all.clone();
        all.push(selection);
        Self::new(all, self.all.len())
    }
    /// Without the one that holds a place, if others are left.
    pub fn without(&self, at: usize) -> Option<Self> {
        let found = self.all.iter().position(|s| s.start() <= at && at <= s.end())?;
        if !self.are_many() {
            return None;
        }
        let mut all = self.all.clone();
        all.remove(found);
        let primary = if found < self.primary { self.primary - 1 } else { self.primary.min(all.len() - 1) };
        Some(Self::new(all, primary))
    }
    /// Where they are after a change that others made: what is selected stays selected.
    pub fn moved(&self, by: &Transaction) -> Self {
        self.map(|s| {
            if s.is_empty() {
                return Selection { goal: s.goal, ..Selection::at(by.map(s.head, true)) };
            }
            let (start, end) = (by.map(s.start(), true), by.map(s.end(), false));
            let end = end.max(start);
            if s.head >= s.anchor { Selection::span(start, end) } else { Selection::span(end, start) }
        })
    }
    /// Within the text and at the edges of letters.
    pub fn fitted(&self, buffer: &Buffer) -> Self {
        self.map(|s| Selection { anchor: buffer.snap(s.anchor), head: buffer.snap(s.head), goal: s.goal })
    }
    /// Columns `from` to `to` of every line between two: a rectangle as it is seen.
    pub fn rectangle(buffer: &Buffer, anchor: (usize, usize), head: (usize, usize)) -> Self {
        let lines: Vec<usize> = (anchor.0.min(head.0)..=anchor.0.max(head.0).min(buffer.lines() - 1)).collect();
        let primary = if head.0 >= anchor.0 { lines.len().saturating_sub(1) } else { 0 };
        let wide = anchor.1 != head.1;
        let mut all = Vec::with_capacity(lines.len());
        let mut chosen = 0;
        for (i, line) in lines.iter().enumerate() {
            let from = column::at(buffer, *line, anchor.1);
            let to = column::at(buffer, *line, head.1);
            // A line too short for the rectangle has no part in it.
            if wide
                && from == to
                && column::of(buffer, buffer.line_end(*line)) <= anchor.1.min(head.1)
                && lines.len() > 1
            {
                continue;
            }
            if i <= primary {
                chosen = all.len();
            }
            all.push(Selection::span(from, to));
        }
        if all.is_empty() {
            return Self::at(column::at(buffer, head.0, head.1));
        }
        Self::new(all, chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_overlap_become_one() {
        let s = |a, h| Selection::span(a, h);
        let all = Selections::new(vec![s(5, 8), s(2, 4), s(7, 10), s(4, 4), s(12, 12), s(12, 12)], 2);
        assert_eq!(all.iter().map(Selection::range).collect::<Vec<_>>(), [2..4, 5..10, 12..12]);
        assert_eq!(all.primary().range(), 5..10);
        let next = Selections::new(vec![s(2, 4), s(4, 6)], 0);
        assert_eq!(next.count(), 2, "neighbours stay apart");
        assert_eq!(Selections::new(Vec::new(), 3), Selections::default());
    }

    #[test]
    fn one_is_taken_away_but_never_the_last() {
        let all = Selections::at(1).with(Selection::at(5)).with(Selection::at(9));
        assert_eq!(all.primary().head, 9);
        let two = all.without(5).unwrap();
        assert_eq!((two.count(), two.primary().head), (2, 9));
        assert!(all.without(3).is_none() && Selections::at(1).without(1).is_none());
    }

    #[test]
    fn a_rectangle_counts_columns_as_they_are_seen() {
        let b = Buffer::from("abcdef\nab\n\tx\n\u{65e5}\u{672c}c");
        let r = Selections::rectangle(&b, (0, 2), (3, 4));
        let texts: Vec<_> = r.iter().map(|s| b.slice(s.range()).into_owned()).collect();
        assert_eq!(texts, ["cd", "\t", "\u{672c}"], "the short line has no part, a tab is as wide as it looks");
        assert_eq!(r.primary().head, b.line_start(3) + 2);
        let up = Selections::rectangle(&b, (3, 0), (0, 0));
        assert_eq!((up.count(), up.primary().head), (4, 0), "a rectangle without width is a cursor a line");
    }

    #[test]
    fn a_change_made_elsewhere_moves_them_along() {
        let all = Selections::one(Selection::span(8, 4));
        let t = Transaction::one(0..2, "xyz");
        assert_eq!(all.moved(&t).primary(), Selection::span(9, 5));
        assert_eq!(all.moved(&Transaction::one(0..20, "")).primary(), Selection::at(0));
    }
}

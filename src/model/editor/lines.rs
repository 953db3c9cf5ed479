//! Changes of whole lines: deeper and shallower, comments, moving, doubling, deleting, joining.
use std::ops::Range;

use super::{Buffer, Change, Editor, Selection, Selections, Transaction, column::TAB, motion};

/// How a text is indented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indent {
    Spaces(usize),
    Tabs,
}

impl Indent {
    /// As most of the first lines are.
    pub fn of(buffer: &Buffer) -> Self {
        let (mut tabs, mut spaces) = (0, [0; 5]);
        let mut last = 0;
        for n in 0..buffer.lines().min(400) {
            let (line, _) = buffer.line_cut(n, 200);
            if line.trim().is_empty() {
                continue;
            }
            if line.starts_with('\t') {
                tabs += 1;
            }
            let depth = line.bytes().take_while(|b| *b == b' ').count();
            let step = depth.abs_diff(last);
            if (2..=4).contains(&step) {
                spaces[step] += 1;
            }
            last = depth;
        }
        let (step, count) =
            [4, 2, 3].map(|s| (s, spaces[s])).into_iter().max_by_key(|(s, n)| (*n, *s == 4)).unwrap_or((4, 0));
        match (tabs, count) {
            (t, c) if t > c => Self::Tabs,
            (_, 0) => Self::Spaces(4),
            _ => Self::Spaces(step),
        }
    }
    /// One level.
    pub fn unit(self) -> String {
        match self {
            Self::Tabs => "\t".into(),
            Self::Spaces(n) => " ".repeat(n),
        }
    }
    fn width(self) -> usize {
        match self {
            Self::Tabs => TAB,
            Self::Spaces(n) => n,
        }
    }
}

/// Lines that selections touch, in blocks; a selection that ends at the margin of a line does not touch it.
pub(super) fn blocks(buffer: &Buffer, selections: &Selections) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for s in selections.iter() {
        let first = buffer.line_of(s.start());
        let mut last = buffer.line_of(s.end());
        if last > first && s.end() == buffer.line_start(last) {
            last -= 1;
        }
        match out.last_mut() {
            Some(block) if first <= block.end => block.end = block.end.max(last + 1),
            _ => out.push(first..last + 1),
        }
    }
    out
}

impl Editor {
    fn touched(&self) -> impl Iterator<Item = usize> + use<> {
        blocks(&self.buffer, &self.selections).into_iter().flatten()
    }
    fn kept(&self, t: &Transaction) -> Selections {
        self.selections.map(|s| Selection::span(t.map(s.anchor, true), t.map(s.head, true)))
    }

    /// One level deeper; without a selection a step to the next stop at the cursor.
    pub(super) fn indent(&mut self) -> Option<(Transaction, Selections)> {
        let (buffer, unit) = (&self.buffer, self.indent.unit());
        if self.selections.are_empty() {
            let width = self.indent.width();
            let stop = |s: &Selection| match self.indent {
                Indent::Tabs => "\t".to_owned(),
                Indent::Spaces(_) => " ".repeat(width - super::column::of(buffer, s.head) % width),
            };
            let t =
                Transaction::new(self.selections.iter().map(|s| Change { range: s.range(), text: stop(s) }).collect());
            let after = self.kept(&t);
            return Some((t, after));
        }
        let filled = self.touched().filter(|l| buffer.line_start(*l) < buffer.line_end(*l));
        let change = |l: usize| Change { range: buffer.line_start(l)..buffer.line_start(l), text: unit.clone() };
        let t = Transaction::new(filled.map(change).collect());
        let after = self.kept(&t);
        Some((t, after))
    }

    /// One level back.
    pub(super) fn outdent(&mut self) -> Option<(Transaction, Selections)> {
        let (buffer, width) = (&self.buffer, self.indent.width());
        let cut = |l: usize| {
            let start = buffer.line_start(l);
            let mut chars = buffer.chars_from(start);
            let n = match chars.next() {
                Some('\t') => 1,
                Some(' ') => 1 + chars.take(width - 1).take_while(|c| *c == ' ').count(),
                _ => 0,
            };
            Change { range: start..start + n, text: String::new() }
        };
        let t = Transaction::new(self.touched().map(cut).collect());
        let after = self.kept(&t);
        Some((t, after))
    }

    /// Comments lines out, or in when all of them are comments.
    pub(super) fn comment(&mut self) -> Option<(Transaction, Selections)> {
        let sign = self.language.comment;
        if sign.is_empty() {
            return if self.language.block.is_some() { self.block_comment() } else { None };
        }
        let buffer = &self.buffer;
        let filled: Vec<(usize, usize)> = self
            .touched()
            .map(|l| (l, motion::first_sign(buffer, l)))
            .filter(|(l, first)| *first < buffer.line_end(*l))
            .collect();
        let starts = |at: usize| buffer.slice(at..at + sign.len()) == sign;
        let all = !filled.is_empty() && filled.iter().all(|(_, first)| starts(*first));
        let depth = filled.iter().map(|(l, first)| first - buffer.line_start(*l)).min().unwrap_or(0);
        let change = |(l, first): &(usize, usize)| {
            if all {
                let end = first + sign.len();
                let space = usize::from(buffer.char(end) == Some(' '));
                Change { range: *first..end + space, text: String::new() }
            } else {
                let at = buffer.line_start(*l) + depth;
                Change { range: at..at, text: format!("{sign} ") }
            }
        };
        let t = Transaction::new(filled.iter().map(change).collect());
        let after = self.kept(&t);
        Some((t, after))
    }

    /// Puts marks of a comment around what is selected, or the line, or takes them away.
    pub(super) fn block_comment(&mut self) -> Option<(Transaction, Selections)> {
        let (open, close) = self.language.block?;
        let buffer = &self.buffer;
        let (olen, clen) = (open.chars().count(), close.chars().count());
        let mut changes = Vec::new();
        for s in self.selections.iter() {
            let range = if s.is_empty() {
                let line = buffer.line_of(s.head);
                motion::first_sign(buffer, line)..buffer.line_end(line)
            } else {
                s.range()
            };
            let text = buffer.slice(range.clone());
            let inner = text.trim();
            let outer = buffer.slice(range.start.saturating_sub(olen)..range.start) == open
                && buffer.slice(range.end..range.end + clen) == close;
            if outer {
                changes.push(Change { range: range.start - olen..range.start, text: String::new() });
                changes.push(Change { range: range.end..range.end + clen, text: String::new() });
            } else if inner.len() >= open.len() + close.len() && inner.starts_with(open) && inner.ends_with(close) {
                let lead = text.chars().take_while(|c| c.is_whitespace()).count();
                let trail = text.chars().rev().take_while(|c| c.is_whitespace()).count();
                let (a, b) = (range.start + lead, range.end - trail);
                let pad = |at: usize, c: Option<char>| usize::from(c == Some(' ') && at > 0);
                let from = a + olen + pad(1, buffer.char(a + olen)).min((b - clen).saturating_sub(a + olen));
                let to = b - clen - pad(1, buffer.char_before(b - clen)).min((b - clen).saturating_sub(from));
                changes.push(Change { range: a..from, text: String::new() });
                changes.push(Change { range: to..b, text: String::new() });
            } else {
                changes.push(Change { range: range.start..range.start, text: format!("{open} ") });
                changes.push(Change { range: range.end..range.end, text: format!(" {close}") });
            }
        }
        let t = Transaction::new(changes);
        let after = self.selections.map(|s| {
            if s.is_empty() {
                return Selection::at(t.map(s.head, false));
            }
            let (a, b) = (t.map(s.start(), true), t.map(s.end(), false));
            if s.head >= s.anchor { Selection::span(a, b) } else { Selection::span(b, a) }
        });
        Some((t, after))
    }

    /// Takes lines out; cursors keep their column.
    pub(super) fn delete_lines(&mut self) -> Option<(Transaction, Selections)> {
        let buffer = &self.buffer;
        let mut changes = Vec::new();
        for block in blocks(buffer, &self.selections) {
            let (start, end) = (buffer.line_start(block.start), buffer.line_next(block.end - 1));
            // The last line takes the break before it along.
            let start =
                if block.end >= buffer.lines() && block.start > 0 { buffer.line_end(block.start - 1) } else { start };
            changes.push(Change { range: start..end, text: String::new() });
        }
        let columns: Vec<usize> = self.selections.iter().map(|s| super::column::of(buffer, s.head)).collect();
        let t = Transaction::new(changes);
        let mut new = self.buffer.clone();
        t.apply(&mut new);
        let after = self.selections.iter().zip(columns).map(|(s, column)| {
            let line = new.line_of(t.map(s.head, true));
            Selection::at(super::column::at(&new, line, column))
        });
        let after = Selections::new(after.collect(), self.selections.primary_index());
        Some((t, after))
    }

    /// Moves lines past the line above or below.
    pub(super) fn move_lines(&mut self, up: bool) -> Option<(Transaction, Selections)> {
        let buffer = &self.buffer;
        let blocks = blocks(buffer, &self.selections);
        if blocks.first().is_some_and(|b| up && b.start == 0)
            || blocks.last().is_some_and(|b| !up && b.end >= buffer.lines())
        {
            return None;
        }
        let mut changes = Vec::new();
        // By how many characters what lies in a block moves.
        let mut moves: Vec<(Range<usize>, i64)> = Vec::new();
        for b in &blocks {
            let (first, last) = if up { (b.start - 1, b.end - 1) } else { (b.start, b.end) };
            let (start, end) = (buffer.line_start(first), buffer.line_end(last));
            let middle = if up { first } else { last - 1 };
            let (cut, next) = (buffer.line_end(middle), buffer.line_next(middle));
            let text = format!("{}{}{}", buffer.slice(next..end), buffer.slice(cut..next), buffer.slice(start..cut));
            changes.push(Change { range: start..end, text });
            let (from, to) = (buffer.line_start(b.start), buffer.line_end(b.end - 1));
            let by = if up { -((next - start) as i64) } else { (end - cut) as i64 };
            moves.push((from..to + 1, by));
        }
        let t = Transaction::new(changes);
        let moved = |at: usize| {
            let by =
                moves.iter().find(|(r, _)| r.contains(&at)).or_else(|| moves.iter().rev().find(|(r, _)| r.end <= at));
            (at as i64 + by.map_or(0, |(_, by)| *by)).max(0) as usize
        };
        let len = buffer.len();
        let after = self.selections.map(|s| Selection::span(moved(s.anchor).min(len), moved(s.head).min(len)));
        Some((t, after))
    }

    /// Doubles lines; the cursors go with the copy below, or stay above it.
    pub(super) fn double_lines(&mut self, up: bool) -> Option<(Transaction, Selections)> {
        let buffer = &self.buffer;
        let mut changes = Vec::new();
        for b in blocks(buffer, &self.selections) {
            let (start, end) = (buffer.line_start(b.start), buffer.line_end(b.end - 1));
            let text = buffer.slice(start..end);
            if up {
                changes.push(Change { range: end..end, text: format!("\n{text}") });
            } else {
                changes.push(Change { range: start..start, text: format!("{text}\n") });
            }
        }
        let t = Transaction::new(changes);
        let after = self.selections.map(|s| Selection::span(t.map(s.anchor, !up), t.map(s.head, !up)));
        Some((t, after))
    }

    /// Joins lines with the one below, one space between.
    pub(super) fn join_lines(&mut self) -> Option<(Transaction, Selections)> {
        let buffer = &self.buffer;
        let mut changes = Vec::new();
        for b in blocks(buffer, &self.selections) {
            let last = if b.len() > 1 { b.end - 1 } else { b.end };
            for line in b.start..last.min(buffer.lines() - 1) {
                let end = buffer.line_end(line);
                let trail = buffer.line(line).chars().rev().take_while(|c| matches!(c, ' ' | '\t')).count();
                let to = motion::first_sign(buffer, line + 1);
                let empty = to == buffer.line_end(line + 1) || end - trail == buffer.line_start(line);
                changes.push(Change { range: end - trail..to, text: if empty { String::new() } else { " ".into() } });
            }
        }
        let t = Transaction::new(changes);
        let after = self.selections.map(|s| Selection::span(t.map(s.anchor, false), t.map(s.head, false)));
        Some((t, after))
    }
}

//! Typing and deleting, at every cursor at once.
use std::ops::Range;

use super::{
    Buffer, Change, Editor, Indent, Kind, Motion, Selection, Selections, Transaction,
    language::{closer, opener},
    motion,
};

type Changed = (Transaction, Selections, Kind);

/// What takes the place of a selection: where, what, and where in it the cursor stands afterwards.
struct Piece {
    range: Range<usize>,
    text: String,
    anchor: usize,
    head: usize,
}

impl Piece {
    fn new(range: Range<usize>, text: impl Into<String>) -> Self {
        let text = text.into();
        let at = text.chars().count();
        Self { range, text, anchor: at, head: at }
    }
}

/// Joins pieces, one for each cursor, from top to bottom.
fn joined(pieces: Vec<Piece>, primary: usize) -> (Transaction, Selections) {
    let (mut come, mut gone, mut end) = (0, 0, 0);
    let mut all = Vec::with_capacity(pieces.len());
    let mut changes = Vec::with_capacity(pieces.len());
    for p in pieces {
        let from = p.range.start.max(end);
        let to = p.range.end.max(from);
        end = to;
        let at = from + come - gone;
        all.push(Selection::span(at + p.anchor, at + p.head));
        come += p.text.chars().count();
        gone += to - from;
        changes.push(Change { range: from..to, text: p.text });
    }
    (Transaction::new(changes), Selections::new(all, primary))
}

impl Editor {
    fn each(&self, piece: impl FnMut(&Selection) -> Piece) -> (Transaction, Selections) {
        joined(self.selections.iter().map(piece).collect(), self.selections.primary_index())
    }

    pub(super) fn put(&mut self, text: &str) -> Changed {
        let (t, after) = self.each(|s| Piece::new(s.range(), text));
        (t, after, Kind::Other)
    }

    /// Line breaks of another system become ours, except where the text has such itself.
    pub(super) fn pasted(&mut self, text: &str) -> Changed {
        let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() };
        let whole = text.strip_suffix('\n').unwrap_or(&text);
        let parts: Vec<&str> = whole.split('\n').collect();
        let spread = self.selections.are_many() && parts.len() == self.selections.count();
        let mut n = 0;
        let (t, after) = self.each(|s| {
            n += 1;
            let text = if spread { parts.get(n - 1).copied().unwrap_or_default() } else { &text };
            Piece::new(s.range(), text)
        });
        (t, after, Kind::Other)
    }

    pub(super) fn typed(&mut self, text: &str) -> Changed {
        let mut chars = text.chars();
        let (Some(c), None) = (chars.next(), chars.next()) else {
            let (t, after) = self.each(|s| Piece::new(s.range(), text));
            return (t, after, Kind::Type);
        };
        let kind = match c {
            c if c.is_whitespace() => Kind::Space,
            _ => Kind::Type,
        };
        if self
            .selections
            .iter()
            .all(|s| s.is_empty() && self.closers.contains(&s.head) && self.buffer.char(s.head) == Some(c))
        {
            let heads: Vec<usize> = self.selections.iter().map(|s| s.head).collect();
            self.closers.retain(|p| !heads.contains(p));
            let after = self.selections.map(|s| Selection::at(s.head + 1));
            return (Transaction::default(), after, kind);
        }
        // What was just put in brackets is still selected: the closing one that is typed then is the one that is there.
        let closes = |s: &Selection| self.closers.contains(&s.end()) && self.buffer.char(s.end()) == Some(c);
        if opener(c).is_some() && self.selections.iter().all(|s| !s.is_empty() && closes(s)) {
            let ends: Vec<usize> = self.selections.iter().map(Selection::end).collect();
            self.closers.retain(|p| !ends.contains(p));
            let after = self.selections.map(|s| Selection::at(s.end() + 1));
            return (Transaction::default(), after, kind);
        }
        let pair = self.pair_of(c);
        if let Some(close) = pair
            && self.selections.iter().any(|s| !s.is_empty())
        {
            let buffer = &self.buffer;
            let (t, after) = self.each(|s| {
                let inner = buffer.slice(s.range());
                let len = s.end() - s.start();
                let ahead = s.head >= s.anchor;
                let (anchor, head) = if ahead { (1, 1 + len) } else { (1 + len, 1) };
                Piece { range: s.range(), text: format!("{c}{inner}{close}"), anchor, head }
            });
            self.pending = after.iter().map(Selection::end).collect();
            return (t, after, Kind::Other);
        }
        if let Some(close) = pair
            && self.selections.iter().all(|s| self.pairs_here(c, close, s.head))
        {
            let (t, after) = self.each(|s| Piece { range: s.range(), text: format!("{c}{close}"), anchor: 1, head: 1 });
            // Noted once the change has been made.
            self.pending = after.iter().map(|s| s.head).collect();
            return (t, after, kind);
        }
        let dedent = opener(c).is_some() && self.selections.are_empty();
        let buffer = &self.buffer;
        let (t, after) = self.each(|s| {
            // A closing bracket alone on its line stands as deep as the line it was opened in.
            if dedent && let Some(range) = margin_for(buffer, s.head, c) {
                let depth = range.1;
                return Piece::new(range.0, format!("{depth}{c}"));
            }
            Piece::new(s.range(), c.to_string())
        });
        (t, after, kind)
    }

    /// What closes this sign in the language at hand.
    fn pair_of(&self, c: char) -> Option<char> {
        if self.language.quotes.contains(&c) { Some(c) } else { closer(c).filter(|_| self.language.brackets) }
    }

    /// True when the closing sign should come by itself.
    fn pairs_here(&self, c: char, close: char, at: usize) -> bool {
        let next = self.buffer.char(at);
        let free = next.is_none_or(|n| n.is_whitespace() || ")]},;:".contains(n) || (n == close && c != close));
        if c != close {
            return free;
        }
        let before = self.buffer.char_before(at);
        let word: String = {
            let start = motion::word_left(&self.buffer, at).max(at.saturating_sub(3));
            self.buffer.slice(start..at).to_lowercase()
        };
        let prefix = self.language.grammar == Some("Python")
            && matches!(word.as_str(), "f" | "r" | "b" | "u" | "rb" | "br" | "fr" | "rf");
        free && before != Some(c) && (prefix || !before.is_some_and(motion::is_word))
    }

    /// A line break that keeps the indentation, deeper where the line opens something.
    pub(super) fn new_line(&mut self) -> Changed {
        let (buffer, unit, language) = (&self.buffer, self.indent.unit(), self.language);
        let (t, after) = self.each(|s| {
            let line = buffer.line_of(s.start());
            let start = buffer.line_start(line);
            let brk = break_of(buffer, line);
            let first = motion::first_sign(buffer, line).min(s.start());
            let mut space = buffer.slice(start..first).into_owned();
            let before = buffer.slice(first..s.start());
            let code =
                before.split(language.comment).next().filter(|_| !language.comment.is_empty()).unwrap_or(&before);
            let open = code.trim_end().chars().next_back().filter(|c| language.deeper.contains(c));
            let closed = buffer.char(s.end());
            if open.is_some() && open.and_then(closer) == closed && closed.is_some() {
                let head = brk.len() + space.chars().count() + unit.chars().count();
                return Piece { range: s.range(), text: format!("{brk}{space}{unit}{brk}{space}"), anchor: head, head };
            }
            if open.is_some() {
                space.push_str(&unit);
            } else if language
                .leaves
                .iter()
                .any(|w| code.strip_prefix(w).is_some_and(|rest| !rest.starts_with(motion::is_word)))
                && s.is_empty()
                && s.head == buffer.line_end(line)
            {
                space = space.strip_suffix(unit.as_str()).unwrap_or(&space).to_owned();
            }
            // Spaces left behind on a line of nothing else would be nobody's intention.
            let blank = before.is_empty() && s.is_empty() && s.head == buffer.line_end(line);
            let range = if blank { start..s.end() } else { s.range() };
            Piece::new(range, format!("{brk}{space}"))
        });
        (t, after, Kind::Other)
    }

    pub(super) fn delete(&mut self, motion: Motion) -> Changed {
        let (buffer, indent, closers) = (&self.buffer, self.indent, &self.closers);
        let held = !self.selections.are_empty();
        let (t, after) = self.each(|s| {
            if !s.is_empty() {
                return Piece::new(s.range(), "");
            }
            let to = match motion {
                Motion::Left => back(buffer, indent, s.head),
                // Deleting a line's indentation goes to its margin, not to the sign it stands before.
                Motion::LineStart => buffer.line_start(buffer.line_of(s.head)),
                Motion::LineEnd if s.head == buffer.line_end(buffer.line_of(s.head)) => buffer.right(s.head),
                other => motion::go(buffer, s, other, false).head,
            };
            let mut range = s.head.min(to)..s.head.max(to);
            let pair = buffer
                .char_before(s.head)
                .is_some_and(|c| closer(c).unwrap_or(c) == buffer.char(s.head).unwrap_or(' '));
            if motion == Motion::Left && closers.contains(&s.head) && pair {
                range.end = s.head + 1;
            }
            Piece::new(range, "")
        });
        let kind = match motion {
            _ if held => Kind::Other,
            Motion::Left => Kind::Delete,
            Motion::Right => Kind::DeleteForward,
            _ => Kind::Other,
        };
        (t, after, kind)
    }

    pub(super) fn delete_around(&mut self, before: usize, behind: usize) -> Changed {
        let len = self.buffer.len();
        let mut changes = Vec::new();
        for s in self.selections.iter() {
            changes.push(Change { range: s.start().saturating_sub(before)..s.start(), text: String::new() });
            changes.push(Change { range: s.end()..(s.end() + behind).min(len), text: String::new() });
        }
        let t = Transaction::new(changes);
        let after = self.selections.moved(&t);
        (t, after, Kind::Other)
    }
}

/// The break a line has, or the one before it: where a text has `\r\n` in places, its neighbours get it too.
fn break_of(buffer: &Buffer, line: usize) -> &'static str {
    let own = |l: usize| buffer.slice(buffer.line_end(l)..buffer.line_next(l)) == "\r\n";
    let last = line + 1 >= buffer.lines();
    if own(if last { line.saturating_sub(1) } else { line }) { "\r\n" } else { "\n" }
}

/// Where Backspace deletes to: within the indentation to the stop before.
fn back(buffer: &Buffer, indent: Indent, at: usize) -> usize {
    let line = buffer.line_of(at);
    let start = buffer.line_start(line);
    if let Indent::Spaces(width) = indent
        && at > start
        && buffer.slice(start..at).chars().all(|c| c == ' ')
    {
        return at - ((at - start - 1) % width + 1);
    }
    buffer.left(at)
}

/// The margin before a closing bracket that is the first sign of its line, and how deep it should be.
fn margin_for(buffer: &Buffer, at: usize, close: char) -> Option<(Range<usize>, String)> {
    let line = buffer.line_of(at);
    let start = buffer.line_start(line);
    if at == start || !buffer.slice(start..at).chars().all(|c| matches!(c, ' ' | '\t')) {
        return None;
    }
    let open = opener(close)?;
    let (mut depth, mut place) = (1, at);
    let from = at.saturating_sub(10_000);
    for c in buffer.slice(from..at).chars().rev() {
        place -= 1;
        if c == close {
            depth += 1;
        } else if c == open {
            depth -= 1;
            if depth == 0 {
                let line = buffer.line_of(place);
                let margin = buffer.slice(buffer.line_start(line)..motion::first_sign(buffer, line)).into_owned();
                // Only back: what somebody has moved further out stays there.
                return (margin.chars().count() < at - start).then_some((start..at, margin));
            }
        }
    }
    None
}

//! Searching the files of a workspace: what is asked, where something stands, and how its line is shown.
//!
//! A notebook is searched cell by cell, in sources and, when asked, in what its outputs show; never in its JSON.
pub mod outputs;

use std::{ops::Range, sync::Arc};

use super::{
    editor::{
        find::{Finder, Query},
        for_editor,
    },
    notebook::{Cell, CellKey},
    output::Widgets,
};

/// Places found at most in one search of the window.
pub const MOST: usize = 10_000;
/// Characters shown before a find and of the whole line.
const BEFORE: usize = 100;
const LINE: usize = 220;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    pub query: Query,
    /// Only files that fit one of these patterns, with commas between them.
    pub include: String,
    /// No files or folders that fit one of these.
    pub exclude: String,
    /// Also in what the outputs of notebooks show.
    pub outputs: bool,
}

/// Patterns of a field: `src, *.py`.
pub fn patterns(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|p| !p.is_empty())
}

/// The text something stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// The one text of a file.
    Text,
    /// The source of a cell.
    Source(CellKey),
    /// An output of a cell, as they are drawn.
    Output(CellKey, usize),
}

/// Something found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub place: Place,
    /// Number of the cell, from 1; 0 in other files.
    pub cell: usize,
    /// Line of that text, from 0.
    pub line: usize,
    /// Characters of that text; of the line alone in an output.
    pub range: Range<usize>,
    /// The line as it is shown, cut around the find.
    pub words: String,
    /// Bytes of `words`.
    pub mark: Range<usize>,
}

impl Hit {
    /// `3`, or `cell 2:3`: where it stands, as people count.
    pub fn at(&self) -> String {
        match self.place {
            Place::Text => format!("{}", self.line + 1),
            Place::Source(_) => format!("cell {}:{}", self.cell, self.line + 1),
            Place::Output(_, output) => format!("cell {} output {}:{}", self.cell, output + 1, self.line + 1),
        }
    }
    /// True where something can be replaced.
    pub fn is_source(&self) -> bool {
        !matches!(self.place, Place::Output(..))
    }
    /// What takes the place of the find, as far as its line tells.
    pub fn preview(&self, finder: &Finder, by: &str) -> String {
        finder.becomes(&self.words, self.mark.clone(), by).unwrap_or_else(|| by.to_owned())
    }
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHits {
    /// Relative to the root, with `/`.
    pub path: String,
    pub hits: Vec<Hit>,
    /// Version on disk; none for a text that an editor holds.
    pub hash: Option<u64>,
    /// It has cells.
    pub cells: bool,
    /// It is not UTF-8: what is shown is not what is written, so nothing can be replaced.
    pub foreign: bool,
    /// There is more in it.
    pub more: bool,
}

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Files that were searched.
    pub files: usize,
    /// Files with finds, and the finds.
    pub with: usize,
    pub hits: usize,
    /// It ended at the limit.
    pub full: bool,
    /// Files too large to be searched.
    pub large: Vec<String>,
    /// Files that could not be read, with why.
    pub unread: Vec<(String, String)>,
}

/// A line with a find, cut so that the find is seen; the bytes of the find in it.
pub fn shown(line: &str, find: Range<usize>) -> (String, Range<usize>) {
    let lead = line.len() - line.trim_start().len();
    let lead = lead.min(find.start);
    let before = line.get(lead..find.start).unwrap_or_default();
    let skip = before.chars().count().saturating_sub(BEFORE);
    // A word or two are not worth the dots.
    let skip = if skip < 12 { 0 } else { skip };
    let mut words = if skip > 0 { String::from("\u{2026}") } else { String::new() };
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    words.extend(before.chars().skip(skip).map(plain));
    let start = words.len();
    let end = find.end.min(line.len());
    words.extend(line.get(find.start..end).unwrap_or_default().chars().take(LINE).map(plain));
    let mark = start..words.len();
    let left = LINE.saturating_sub(words.chars().count());
    let mut rest = line.get(end..).unwrap_or_default().trim_end().chars();
    words.extend(rest.by_ref().take(left).map(plain));
    if rest.next().is_some() {
        words.push('\u{2026}');
    }
    (words, mark)
}

/// Searches one text; true when there is more than `most` in all.
pub fn in_text(finder: &Finder, text: &str, (place, cell): (Place, usize), most: usize, out: &mut Vec<Hit>) -> bool {
    // Where the walk is: byte, characters and lines before it, where its line begins.
    let (mut byte, mut chars, mut line, mut start) = (0, 0, 0, 0);
    let mut more = false;
    finder.each(text, |m| {
        if out.len() >= most {
            more = true;
            return false;
        }
        let gap = text.get(byte..m.start).unwrap_or_default();
        chars += gap.chars().count();
        line += memchr::memchr_iter(b'\n', gap.as_bytes()).count();
        if let Some(last) = memchr::memrchr(b'\n', gap.as_bytes()) {
            start = byte + last + 1;
        }
        byte = m.start;
        let end = memchr::memchr(b'\n', &text.as_bytes()[m.start..]).map_or(text.len(), |n| m.start + n);
        let whole = text.get(start..end.max(start)).unwrap_or_default();
        let (words, mark) = shown(whole, m.start - start..m.end.min(end) - start);
        let from = if matches!(place, Place::Output(..)) {
            text.get(start..m.start).map_or(0, |t| t.chars().count())
        } else {
            chars
        };
        let len = text.get(m).map_or(0, |t| t.chars().count());
        out.push(Hit { place, cell, line, range: from..from + len, words, mark });
        true
    });
    more
}

/// Searches cells: their sources and, given what is known of widgets, what their outputs show. `None` once `go_on` says
/// no; else whether there is more than `most`.
pub fn in_cells(
    finder: &Finder,
    cells: &[Arc<Cell>],
    outputs: Option<&Widgets>,
    most: usize,
    out: &mut Vec<Hit>,
    go_on: &dyn Fn() -> bool,
) -> Option<bool> {
    let mut more = false;
    for (i, cell) in cells.iter().enumerate() {
        if !go_on() {
            return None;
        }
        let (text, _) = for_editor(&cell.source);
        more |= in_text(finder, &text, (Place::Source(cell.key), i + 1), most, out);
        for shown in outputs.map(|w| outputs::of(cell, w)).unwrap_or_default() {
            more |= in_text(finder, &shown.text, (Place::Output(cell.key, shown.output), i + 1), most, out);
        }
        if more {
            break;
        }
    }
    Some(more)
}

#[cfg(test)]
mod tests;

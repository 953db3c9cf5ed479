//! Text as a terminal would show it: a grid of lines that carriage returns, backspaces and cursor moves rewrite.
//!
//! Fed in pieces while a cell runs; bounded, so that an endless loop of prints costs a fixed amount of memory.

use std::sync::atomic::{AtomicU64, Ordering};

use unicode_width::UnicodeWidthChar;

/// Lines kept for the screen.
pub const MAX_LINES: usize = 50_000;
/// Bytes kept for the screen.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Lines at the beginning that are kept when the middle is dropped.
const HEAD: usize = 1_000;
/// Characters of one line that are kept.
const MAX_COLUMNS: usize = 1_000_000;
/// No terminal is wider, so the cursor never moves further right on its own.
const MAX_MOVE: usize = 2_000;
/// A line of more characters is not written over: what comes next stands on a new line.
const MAX_REWRITTEN: usize = 2_000;
/// Marks over one letter that take no room; any more of them stand beside each other.
const MAX_MARKS: u8 = 4;
/// Bytes that are taken in at once, so that memory stays bounded on the way.
const SLICE: usize = 64 * 1024;
/// Longest escape sequence that is waited for.
const MAX_ESCAPE: usize = 8_192;
/// Links that are kept, and how many of the last ones are looked at for the same address.
const MAX_LINKS: usize = 10_000;
const RECENT_LINKS: usize = 64;

static NEXT_VERSION: AtomicU64 = AtomicU64::new(1);

/// Names a state of a text, unique in the process; all are equal, so that texts compare by what they show.
#[derive(Debug, Clone, Copy, Default)]
struct Version(u64);

impl PartialEq for Version {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Version {}

/// A colour of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Ink {
    /// The theme's own.
    #[default]
    Default,
    /// One of the 16 terminal colours; the theme says how it looks.
    Palette(u8),
    Rgb(u8, u8, u8),
}

/// How a run of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Style {
    pub fg: Ink,
    pub bg: Ink,
    pub bold: bool,
    pub faint: bool,
    pub italic: bool,
    pub underline: bool,
    pub strike: bool,
    pub inverse: bool,
    /// Words of a program in a text of people.
    pub code: bool,
    /// 1 to 6 in a heading.
    pub heading: u8,
    /// Number of the link in [`Text::link`] plus one; 0: none.
    pub link: u16,
}

/// Where a style ends, in bytes of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub end: u32,
    pub style: Style,
}

/// Counts the columns that characters take from left to right.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns {
    /// The next free one.
    pub at: usize,
    marks: u8,
}

impl Columns {
    /// Puts a character; the columns it takes.
    pub fn put(&mut self, c: char) -> usize {
        let wide = match c {
            '\t' => 8 - self.at % 8,
            c => c.width().unwrap_or(0),
        };
        self.marks = if wide == 0 { self.marks.saturating_add(1) } else { 0 };
        let wide = if self.marks > MAX_MARKS { 1 } else { wide };
        self.at += wide;
        wide
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    pub text: String,
    /// Cover the whole text in order; empty: all in the default style.
    pub spans: Vec<Span>,
    chars: usize,
    wide: usize,
    marks: u8,
}

impl Line {
    /// Columns it takes.
    pub fn columns(&self) -> usize {
        self.wide
    }

    /// Where rows of so many columns begin, in bytes of the text.
    pub fn rows(&self, columns: usize) -> Vec<u32> {
        let mut starts = vec![0];
        let mut place = Columns::default();
        for (byte, c) in self.text.char_indices() {
            let row = place.at / columns.max(1);
            while starts.len() <= row {
                starts.push(byte as u32);
            }
            place.put(c);
        }
        starts
    }

    /// A part of the line as runs of one style.
    pub fn part(&self, from: usize, to: usize) -> impl Iterator<Item = (&str, Style)> {
        let first = self.spans.partition_point(|s| s.end as usize <= from);
        let plain = self.spans.is_empty().then(|| (self.text.get(from..to).unwrap_or_default(), Style::default()));
        let mut at = from;
        let styled = self.spans.get(first..).unwrap_or_default().iter().map_while(move |span| {
            let end = (span.end as usize).min(to);
            let run = self.text.get(at..end).filter(|r| !r.is_empty())?;
            at = end;
            Some((run, span.style))
        });
        plain.into_iter().filter(|(run, _)| !run.is_empty()).chain(styled)
    }

    /// The runs of one style, in order.
    pub fn runs(&self) -> impl Iterator<Item = (&str, Style)> {
        let whole = (self.spans.is_empty() && !self.text.is_empty()).then(|| (self.text.as_str(), Style::default()));
        let mut from = 0usize;
        let parts = self.spans.iter().filter_map(move |span| {
            let end = span.end as usize;
            let part = self.text.get(from..end)?;
            from = end;
            Some((part, span.style))
        });
        whole.into_iter().chain(parts)
    }

    fn push(&mut self, text: &str, style: Style) {
        let plain = style == Style::default();
        if self.spans.is_empty() && !plain && !self.text.is_empty() {
            self.spans.push(Span { end: self.text.len() as u32, style: Style::default() });
        }
        self.text.push_str(text);
        let mut place = Columns { at: self.wide, marks: self.marks };
        for c in text.chars() {
            place.put(c);
            self.chars += 1;
        }
        (self.wide, self.marks) = (place.at, place.marks);
        let end = self.text.len() as u32;
        match self.spans.last_mut() {
            Some(last) if last.style == style => last.end = end,
            None if plain => {}
            _ => self.spans.push(Span { end, style }),
        }
    }

    fn cells(&self) -> Vec<(char, Style)> {
        self.runs().flat_map(|(text, style)| text.chars().map(move |c| (c, style))).collect()
    }

    fn from_cells(cells: &[(char, Style)]) -> Self {
        let mut line = Self::default();
        let mut buffer = [0u8; 4];
        for (c, style) in cells {
            line.push(c.encode_utf8(&mut buffer), *style);
        }
        line
    }
}

/// What is left when the terminal's work is done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// True for stderr.
    pub stderr: bool,
    stream: bool,
    version: Version,
    lines: Vec<Line>,
    links: Vec<String>,
    /// Lines dropped after the first thousand.
    dropped: u64,
    /// Characters dropped at the end of overlong lines.
    cut: u64,
    bytes: usize,
    row: usize,
    column: usize,
    style: Style,
    /// An escape sequence whose end has not come yet.
    pending: String,
    /// The line that is being written over, by characters; nothing between two calls.
    rewritten: Option<(usize, Vec<(char, Style)>)>,
    /// Everything is kept, however much there is.
    whole: bool,
    /// Sentences of people rather than what a terminal shows.
    prose: bool,
}

impl Text {
    /// Text of stdout or stderr, empty at first.
    pub fn stream(stderr: bool) -> Self {
        Self { stderr, stream: true, ..Self::default() }
    }
    /// True when it came on stdout or stderr rather than as a result.
    pub fn is_stream(&self) -> bool {
        self.stream
    }
    /// The same with nothing left out, for copying and for files: as large as its sources.
    pub fn whole() -> Self {
        Self { whole: true, ..Self::default() }
    }
    /// True for sentences of people, which need no columns.
    pub fn is_prose(&self) -> bool {
        self.prose
    }
    pub(super) fn set_prose(&mut self, on: bool) {
        self.prose = on;
    }
    /// Addresses by the numbers of styles, from 1.
    pub fn links(&self) -> &[String] {
        &self.links
    }
    /// The text `source` leaves on a terminal.
    pub fn parse(source: &str) -> Self {
        let mut text = Self::default();
        text.feed(source);
        text
    }
    /// The lines; the empty one after a final line feed is left out.
    pub fn lines(&self) -> &[Line] {
        match self.lines.split_last() {
            Some((last, rest)) if last.text.is_empty() => rest,
            _ => &self.lines,
        }
    }
    /// Number of lines that were written, dropped ones included.
    pub fn total_lines(&self) -> u64 {
        self.lines().len() as u64 + self.dropped
    }
    /// Lines that were dropped, and the index in [`Text::lines`] where they were.
    pub fn gap(&self) -> Option<(u64, usize)> {
        (self.dropped > 0).then_some((self.dropped, HEAD))
    }
    /// Characters cut off at the end of overlong lines.
    pub fn cut(&self) -> u64 {
        self.cut
    }
    /// Address of link `number` as a [`Style`] names it.
    pub fn link(&self, number: u16) -> Option<&str> {
        self.links.get(usize::from(number).checked_sub(1)?).map(String::as_str)
    }
    /// Changes with the text and is never used twice in a process: a key for caches. A clone has its original's.
    pub fn version(&self) -> u64 {
        self.version.0
    }
    /// True when nothing is to be seen.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|l| l.text.is_empty())
    }
    /// The text without styles, for copying and searching.
    pub fn plain(&self) -> String {
        let mut out = String::with_capacity(self.bytes + self.lines.len());
        for (i, line) in self.lines().iter().enumerate() {
            if i > 0 {
                out.push('\n');
            }
            if self.gap().is_some_and(|(_, at)| at == i) {
                out.push_str(&format!("[{} lines left out]\n", self.dropped));
            }
            out.push_str(&line.text);
        }
        out
    }

    /// The same with the end of the last line, if it has one.
    pub fn everything(&self) -> String {
        let mut all = self.plain();
        if self.lines.len() > 1 && self.lines().len() < self.lines.len() {
            all.push('\n');
        }
        all
    }

    /// Writes more. Pieces may be cut anywhere between characters.
    pub fn feed(&mut self, piece: &str) {
        self.touch();
        let mut rest = piece;
        while !rest.is_empty() {
            let end = rest.floor_char_boundary(SLICE);
            let (slice, after) = rest.split_at(if end == 0 { rest.len() } else { end });
            self.take(slice);
            self.put_back();
            self.bound();
            rest = after;
        }
    }

    fn take(&mut self, slice: &str) {
        let joined;
        let mut rest = if self.pending.is_empty() {
            slice
        } else {
            joined = std::mem::take(&mut self.pending) + slice;
            joined.as_str()
        };
        while !rest.is_empty() {
            let end = rest.bytes().position(|b| b < 0x20 || b == 0x7f).unwrap_or(rest.len());
            let (run, tail) = rest.split_at(end);
            if !run.is_empty() {
                self.print(run);
            }
            let Some(control) = tail.bytes().next() else { break };
            if control == 0x1b {
                match self.escape(tail) {
                    Some(used) => rest = tail.get(used..).unwrap_or_default(),
                    None => {
                        tail.clone_into(&mut self.pending);
                        break;
                    }
                }
                continue;
            }
            self.control(control);
            rest = tail.get(1..).unwrap_or_default();
        }
    }

    /// Writes a run in a style of the caller's, as HTML does.
    pub(super) fn styled(&mut self, run: &str, style: Style) {
        self.touch();
        let before = std::mem::replace(&mut self.style, style);
        self.print(run);
        self.style = before;
    }
    /// Begins a new line.
    pub(super) fn newline(&mut self) {
        self.control(b'\n');
    }
    /// Number for a link, to put into a style.
    pub(super) fn add_link(&mut self, address: &str) -> u16 {
        let recent = self.links.len().saturating_sub(RECENT_LINKS);
        if let Some(at) = self.links.iter().skip(recent).position(|l| l == address) {
            return (recent + at) as u16 + 1;
        }
        if self.links.len() >= MAX_LINKS {
            return 0;
        }
        self.links.push(address.to_owned());
        self.links.len() as u16
    }

    fn touch(&mut self) {
        self.version = Version(NEXT_VERSION.fetch_add(1, Ordering::Relaxed));
    }

    fn line(&mut self) -> &mut Line {
        if self.lines.len() <= self.row {
            self.lines.resize_with(self.row + 1, Line::default);
        }
        let row = self.row;
        // The line exists: it was just made if it did not.
        &mut self.lines[row]
    }

    fn print(&mut self, run: &str) {
        let (column, style) = (self.column, self.style);
        let count = run.chars().count();
        let most = if self.whole { usize::MAX } else { MAX_COLUMNS };
        if self.rewritten.as_ref().is_some_and(|(row, _)| *row != self.row) {
            self.put_back();
        }
        self.line();
        if self.rewritten.is_none() && self.lines.get(self.row).is_some_and(|l| l.chars > MAX_REWRITTEN.max(column)) {
            self.row = self.lines.len();
            self.column = 0;
            return self.print(run);
        }
        // The cursor was moved beyond the end of the line.
        let beyond = column.saturating_sub(self.line().chars);
        if self.rewritten.is_none() && beyond > 2 * MAX_MOVE {
            self.column = self.line().chars;
            return self.print(run);
        }
        if self.rewritten.is_none() && beyond > 0 {
            self.line().push(&" ".repeat(beyond), Style::default());
            self.bytes += beyond;
        }
        if self.rewritten.is_none() && self.lines.get(self.row).is_some_and(|l| l.chars == column) {
            let line = self.line();
            let room = most.saturating_sub(line.chars);
            if count > room {
                let kept: String = run.chars().take(room).collect();
                line.push(&kept, style);
                self.cut += (count - room) as u64;
                self.column += room;
                self.bytes += kept.len();
                return;
            }
            line.push(run, style);
            self.bytes += run.len();
            self.column += count;
            return;
        }
        // Something stands here already: write over it.
        let cells = self.cells();
        if cells.len() < column {
            cells.resize(column, (' ', Style::default()));
        }
        for (i, c) in run.chars().enumerate() {
            match cells.get_mut(column + i) {
                Some(cell) => *cell = (c, style),
                None => cells.push((c, style)),
            }
        }
        let long = cells.len() > MAX_REWRITTEN;
        self.column += count;
        if long {
            self.put_back();
        }
    }

    /// The line of the cursor by characters, to be written over.
    fn cells(&mut self) -> &mut Vec<(char, Style)> {
        if self.rewritten.as_ref().is_some_and(|(row, _)| *row != self.row) {
            self.put_back();
        }
        let row = self.row;
        let cells = if self.rewritten.is_none() { self.line().cells() } else { Vec::new() };
        &mut self.rewritten.get_or_insert((row, cells)).1
    }

    /// Ends the writing over.
    fn put_back(&mut self) {
        let Some((row, cells)) = self.rewritten.take() else { return };
        let Some(line) = self.lines.get_mut(row) else { return };
        let before = line.text.len();
        *line = Line::from_cells(&cells);
        self.bytes = (self.bytes + line.text.len()).saturating_sub(before);
    }

    fn control(&mut self, control: u8) {
        match control {
            b'\n' => {
                self.row += 1;
                self.column = 0;
                self.line();
            }
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.print("\t"),
            _ => {}
        }
    }

    /// Carries out the escape sequence at the start of `text`; its length, or none when its end is missing.
    fn escape(&mut self, text: &str) -> Option<usize> {
        let bytes = text.as_bytes();
        match bytes.get(1) {
            None => None,
            Some(b'[') => {
                let end = bytes.iter().take(MAX_ESCAPE).skip(2).position(|b| (0x40..=0x7e).contains(b)).map(|i| i + 2);
                match end {
                    Some(end) => {
                        let parameters = text.get(2..end).unwrap_or_default();
                        self.csi(parameters, bytes.get(end).copied().unwrap_or_default());
                        Some(end + 1)
                    }
                    None if bytes.len() > MAX_ESCAPE => Some(2),
                    None => None,
                }
            }
            // Commands to the system, and pictures of other terminals: all but links are passed over.
            Some(kind @ (b']' | b'P' | b'_' | b'^' | b'X')) => {
                let reach = bytes.get(2..bytes.len().min(MAX_ESCAPE)).unwrap_or_default();
                // Another sequence ends this one, too; `ESC \` is made to do it.
                let end = memchr::memchr2(7, 0x1b, reach).map(|i| i + 2);
                match end {
                    Some(end) if bytes.get(end) == Some(&0x1b) && bytes.get(end + 1).is_none() => None,
                    Some(end) => {
                        if *kind == b']' {
                            self.osc(text.get(2..end).unwrap_or_default());
                        }
                        Some(match (bytes.get(end), bytes.get(end + 1)) {
                            (Some(0x1b), Some(b'\\')) => end + 2,
                            (Some(0x1b), _) => end,
                            _ => end + 1,
                        })
                    }
                    None if bytes.len() > MAX_ESCAPE => Some(2),
                    None => None,
                }
            }
            // Character sets and the like take one more byte.
            Some(b'(' | b')' | b'#') => {
                (bytes.len() > 2).then(|| 2 + text[2..].chars().next().map_or(0, char::len_utf8))
            }
            Some(_) => Some(1 + text[1..].chars().next().map_or(0, char::len_utf8)),
        }
    }

    fn osc(&mut self, text: &str) {
        let Some(link) = text.strip_prefix("8;") else { return };
        let address = link.split_once(';').map_or("", |(_, address)| address);
        let safe = address.starts_with("https://") || address.starts_with("http://");
        self.style.link = if safe { self.add_link(address) } else { 0 };
    }

    fn csi(&mut self, parameters: &str, action: u8) {
        let first = parameters.split(';').next().unwrap_or_default().parse::<usize>().ok();
        let n = first.unwrap_or(1).clamp(1, MAX_MOVE);
        match action {
            b'm' => sgr(&mut self.style, parameters),
            b'A' => self.row = self.row.saturating_sub(n).max(self.floor()),
            b'B' => self.row = (self.row + n).min(self.lines.len().saturating_sub(1)),
            b'C' if self.column < MAX_MOVE => self.column += n,
            b'D' => self.column = self.column.saturating_sub(n),
            b'G' => self.column = n - 1,
            b'K' => self.erase_line(first.unwrap_or(0)),
            b'J' => match first.unwrap_or(0) {
                0 => {
                    self.erase_line(0);
                    self.put_back();
                    let gone = self.lines.drain((self.row + 1).min(self.lines.len())..);
                    let bytes: usize = gone.map(|l| l.text.len()).sum();
                    self.bytes = self.bytes.saturating_sub(bytes);
                }
                2 | 3 => {
                    self.rewritten = None;
                    self.lines.clear();
                    (self.row, self.column, self.bytes, self.dropped) = (0, 0, 0, 0);
                }
                _ => {}
            },
            // Absolute moves, scroll regions and the alternate screen mean nothing in a cell.
            _ => {}
        }
    }

    /// Rows above this one were dropped or lie before the gap.
    fn floor(&self) -> usize {
        if self.dropped > 0 { HEAD } else { 0 }
    }

    fn erase_line(&mut self, mode: usize) {
        let column = self.column;
        // A long line is only cut, which costs nothing however often it is asked for.
        let long = self.rewritten.is_none() && self.line().chars > MAX_REWRITTEN;
        if long && (mode == 1 || column >= self.line().chars) {
            return;
        }
        let cells = self.cells();
        match mode {
            0 => cells.truncate(column),
            1 => cells.iter_mut().take(column + 1).for_each(|c| *c = (' ', Style::default())),
            _ => cells.clear(),
        }
    }

    /// Drops lines after the first thousand when there are too many.
    fn bound(&mut self) {
        if self.whole {
            return;
        }
        let slack = MAX_LINES / 10;
        let many = self.lines.len() > MAX_LINES + slack;
        let heavy = self.bytes > MAX_BYTES + MAX_BYTES / 10 && self.lines.len() > HEAD + 100;
        if !many && !heavy {
            return;
        }
        let last = self.lines.len().saturating_sub(100);
        let mut end = if many { HEAD + (self.lines.len() - MAX_LINES) } else { HEAD };
        let dropped_bytes = |lines: &[Line]| lines.iter().map(|l| l.text.len()).sum::<usize>();
        let mut freed = dropped_bytes(self.lines.get(HEAD..end).unwrap_or_default());
        while self.bytes.saturating_sub(freed) > MAX_BYTES && end < last {
            freed += self.lines.get(end).map_or(0, |l| l.text.len());
            end += 1;
        }
        let end = end.min(last.max(HEAD));
        self.lines.drain(HEAD..end);
        self.dropped += (end - HEAD) as u64;
        self.bytes = self.bytes.saturating_sub(freed);
        self.row = self.row.saturating_sub(end - HEAD);
    }
}

/// Select graphic rendition.
fn sgr(style: &mut Style, parameters: &str) {
    let link = style.link;
    let mut parts = parameters.split(';');
    while let Some(part) = parts.next() {
        if part.contains(':') {
            colon_form(style, part);
            continue;
        }
        match part.parse::<u16>().unwrap_or(0) {
            0 => *style = Style { link, ..Style::default() },
            1 => style.bold = true,
            2 => style.faint = true,
            3 => style.italic = true,
            4 | 21 => style.underline = true,
            7 => style.inverse = true,
            9 => style.strike = true,
            22 => (style.bold, style.faint) = (false, false),
            23 => style.italic = false,
            24 => style.underline = false,
            27 => style.inverse = false,
            29 => style.strike = false,
            n @ 30..=37 => style.fg = Ink::Palette((n - 30) as u8),
            39 => style.fg = Ink::Default,
            n @ 40..=47 => style.bg = Ink::Palette((n - 40) as u8),
            49 => style.bg = Ink::Default,
            n @ 90..=97 => style.fg = Ink::Palette((n - 82) as u8),
            n @ 100..=107 => style.bg = Ink::Palette((n - 92) as u8),
            n @ (38 | 48) => {
                let mut number = || parts.next().and_then(|p| p.parse::<u8>().ok());
                let ink = match number() {
                    Some(5) => number().map(indexed),
                    Some(2) => match (number(), number(), number()) {
                        (Some(r), Some(g), Some(b)) => Some(Ink::Rgb(r, g, b)),
                        _ => None,
                    },
                    _ => None,
                };
                set(style, n, ink);
            }
            _ => {}
        }
    }
}

fn set(style: &mut Style, which: u16, ink: Option<Ink>) {
    let Some(ink) = ink else { return };
    if which == 38 { style.fg = ink } else { style.bg = ink }
}

/// `38:5:n`, `38:2::r:g:b` and `38:2:r:g:b`; `4:3` is some underline.
fn colon_form(style: &mut Style, part: &str) {
    let numbers: Vec<Option<u16>> = part.split(':').map(|p| p.parse().ok()).collect();
    let at = |i: usize| numbers.get(i).copied().flatten();
    let byte = |i: usize| at(i).and_then(|n| u8::try_from(n).ok());
    match (at(0), at(1)) {
        (Some(4), kind) => style.underline = kind != Some(0),
        (Some(which @ (38 | 48)), Some(5)) => set(style, which, byte(2).map(indexed)),
        (Some(which @ (38 | 48)), Some(2)) => {
            let from = if numbers.len() >= 6 { 3 } else { 2 };
            if let (Some(r), Some(g), Some(b)) = (byte(from), byte(from + 1), byte(from + 2)) {
                set(style, which, Some(Ink::Rgb(r, g, b)));
            }
        }
        _ => {}
    }
}

/// The 256-colour palette: 16 of the theme, a cube of 6, 24 greys.
fn indexed(n: u8) -> Ink {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |i: u8| STEPS.get(usize::from(i % 6)).copied().unwrap_or(0);
    match n {
        0..=15 => Ink::Palette(n),
        16..=231 => {
            let n = n - 16;
            Ink::Rgb(step(n / 36), step(n / 6), step(n))
        }
        _ => {
            let grey = 8 + (n - 232) * 10;
            Ink::Rgb(grey, grey, grey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(source: &str) -> String {
        Text::parse(source).plain()
    }

    #[test]
    fn carriage_returns_and_backspaces_write_over() {
        assert_eq!(plain("step 1\rstep 2\rstep 10\n"), "step 10");
        assert_eq!(plain("long line\rab\n"), "abng line");
        assert_eq!(plain("12\x083"), "13");
        assert_eq!(plain("a\r\nb\n"), "a\nb");
        assert_eq!(plain("a\tb"), "a\tb", "what is copied is what was printed");
    }

    #[test]
    fn cursor_moves_rewrite_earlier_lines() {
        assert_eq!(plain("one\ntwo\n\x1b[2A\x1b[2Kuno\n"), "uno\ntwo");
        assert_eq!(plain("abcdef\x1b[3D\x1b[K"), "abc");
        assert_eq!(plain("a\nb\nc\x1b[2A\x1b[J"), "a");
    }

    #[test]
    fn colours_of_all_forms_are_read() {
        let text =
            Text::parse("\x1b[1;31mred\x1b[0m \x1b[38;5;196ma\x1b[38;2;1;2;3mb\x1b[38:2::4:5:6mc\x1b[48;5;255md\x1b[m");
        let runs: Vec<_> = text.lines()[0].runs().collect();
        assert_eq!(runs[0], ("red", Style { fg: Ink::Palette(1), bold: true, ..Style::default() }));
        assert_eq!(runs[1], (" ", Style::default()));
        assert_eq!(runs[2].1.fg, Ink::Rgb(255, 0, 0));
        assert_eq!(runs[3].1.fg, Ink::Rgb(1, 2, 3));
        assert_eq!(runs[4].1.fg, Ink::Rgb(4, 5, 6));
        assert_eq!(runs[5].1.bg, Ink::Rgb(238, 238, 238));
    }

    #[test]
    fn links_are_kept_and_other_titles_swallowed() {
        let text = Text::parse("\x1b]0;title\x07\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ after");
        assert_eq!(text.plain(), "link after");
        let (_, style) = text.lines()[0].runs().next().unwrap();
        assert_eq!(text.link(style.link), Some("https://example.org"));
        assert_eq!(text.link(0), None);
    }

    #[test]
    fn the_middle_of_too_many_lines_is_left_out_and_counted() {
        let mut text = Text::stream(false);
        for n in 0..120_000 {
            text.feed(&format!("line {n}\n"));
        }
        assert!(text.lines().len() <= MAX_LINES + MAX_LINES / 10);
        assert_eq!(text.total_lines(), 120_000);
        assert_eq!(text.lines()[999].text, "line 999");
        assert_eq!(text.lines().last().unwrap().text, "line 119999");
        assert!(text.plain().contains("lines left out"));
    }

    #[test]
    fn heavy_lines_are_bounded_by_bytes() {
        let mut text = Text::stream(false);
        let line = "x".repeat(10_000) + "\n";
        for _ in 0..5_000 {
            text.feed(&line);
        }
        let kept: usize = text.lines().iter().map(|l| l.text.len()).sum();
        assert!(kept <= 3 * MAX_BYTES, "{kept}");
        assert_eq!(text.total_lines(), 5_000);
        let mut one = Text::stream(false);
        one.feed(&"y".repeat(MAX_COLUMNS + 5));
        assert_eq!(one.cut(), 5);
    }

    #[test]
    fn columns_are_counted_as_they_are_seen() {
        let columns = |source: &str| Text::parse(source).lines()[0].columns();
        assert_eq!(columns("a\tb"), 9);
        assert_eq!(columns("漢字"), 4);
        assert_eq!(columns("e\u{301}x"), 2);
        // A tower of marks is spread out, so that no row holds more than a row's worth of them.
        assert_eq!(columns(&format!("e{}", "\u{301}".repeat(1_000))), 1 + 1_000 - usize::from(MAX_MARKS));
        let text = Text::parse("abcdefghij\u{1b}[31mklm\u{1b}[0mno");
        let line = &text.lines()[0];
        assert_eq!(line.rows(4), [0, 4, 8, 12]);
        let runs: Vec<&str> = line.part(8, 14).map(|(run, _)| run).collect();
        assert_eq!(runs, ["ij", "klm", "n"]);
        assert_eq!(Text::parse("abcdef").lines()[0].part(2, 4).collect::<Vec<_>>(), [("cd", Style::default())]);
    }

    #[test]
    fn hostile_sequences_cost_little_and_run_nothing() {
        let begun = std::time::Instant::now();
        let long = "x".repeat(100_000);
        let storms = [
            format!("{long}{}", "\u{8}y".repeat(30_000)),
            format!("{long}\r{}", "ab\r".repeat(20_000)),
            format!("{long}\n{long}{}", "\u{1b}[Aq\u{1b}[Bw".repeat(2_000)),
            format!("{}\r{}", "z".repeat(1_900), "\u{1b}[1K\u{1b}[5Cz".repeat(2_000)),
            "\u{1b}]".repeat(100_000),
            "\u{1b}]8;;".repeat(50_000),
            format!("\u{1b}[{}", "9;".repeat(200_000)),
            "\u{1b}[".repeat(200_000),
            "\u{1b}P1;2q#0".repeat(50_000),
            "\u{1b}[999999999B\u{1b}[999999999C!\u{1b}[999999999A\u{1b}[J".repeat(2_000),
            "\u{301}".repeat(200_000),
            "\u{202e}\u{2066}abc".repeat(50_000),
            "\n".repeat(500_000),
            (0..20_000).map(|n| format!("\u{1b}]8;;https://e.org/{n}\u{7}a")).collect(),
        ];
        for storm in &storms {
            let text = Text::parse(storm);
            assert!(text.lines().len() <= MAX_LINES + MAX_LINES / 10 + 1);
            assert!(text.rewritten.is_none());
        }
        // Unoptimised, and beside other tests.
        assert!(begun.elapsed() < std::time::Duration::from_secs(100), "{:?}", begun.elapsed());
        let text =
            Text::parse("\u{1b}]8;;javascript:alert(1)\u{7}click\u{1b}]8;;\u{7}\u{1b}]8;;file:///etc/passwd\u{7}x");
        assert_eq!((text.plain().as_str(), text.link(1)), ("clickx", None), "only the web is linked");
        assert_eq!(plain("\u{1b}_Gf=32;AAAA\u{1b}\\a\u{1b}Pq#0\u{1b}\\b"), "ab", "pictures of terminals are no text");
    }

    #[test]
    fn a_long_line_is_not_written_over_but_goes_on_below() {
        let long = "x".repeat(MAX_REWRITTEN + 1);
        assert_eq!(plain(&format!("{long}\rshort")), format!("{long}\nshort"));
        assert_eq!(plain(&format!("{}\rab", "x".repeat(5))), "abxxx");
    }

    #[test]
    fn the_whole_text_is_to_be_had() {
        let source: String = (0..80_000).map(|n| format!("line {n}\twith a tab\r\n")).collect();
        let mut whole = Text::whole();
        whole.feed(&source);
        assert_eq!(whole.everything(), source.replace("\r\n", "\n"));
        assert!(Text::parse(&source).gap().is_some());
        let mut one = Text::whole();
        one.feed(&"y".repeat(MAX_COLUMNS + 5));
        assert_eq!((one.cut(), one.plain().len()), (0, MAX_COLUMNS + 5));
    }

    proptest! {
        #[test]
        fn pieces_give_the_same_as_the_whole(source in "(\\x1b\\[[0-9;]{0,4}[mKACDGJ]|\\x1b\\]8;;https://e\\x07|[a-cé\\r\\n\\x08\\t]){0,40}", cut in 0usize..60) {
            let whole = Text::parse(&source);
            let at = source.char_indices().map(|(i, _)| i).nth(cut).unwrap_or(source.len());
            let mut parts = Text::default();
            parts.feed(&source[..at]);
            parts.feed(&source[at..]);
            prop_assert_eq!(whole.plain(), parts.plain());
            for line in whole.lines() {
                let joined: String = line.runs().map(|(t, _)| t).collect();
                prop_assert_eq!(&joined, &line.text);
            }
        }

        #[test]
        fn no_input_breaks_it(source in any::<String>(), raw in "[\\x00-\\x7f]{0,60}") {
            let mut text = Text::parse(&source);
            text.feed(&raw);
            text.feed("\x1b[9999999999999A\x1b[99999999C!");
            let _ = text.plain();
        }
    }
}

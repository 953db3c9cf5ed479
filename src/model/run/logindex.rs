//! Where the lines of a log begin and which of them are loud: found by reading it once, continued while it grows. A log
//! of any length can then be read by ranges, and shown with memory that does not depend on its length.
use memchr::{memchr, memchr_iter};

use super::{Level, LogLine};

/// Lines between two marks; also the piece in which lines are read.
pub const PAGE: u64 = 256;
/// Errors and warnings whose places are remembered; all are counted.
const MOST_LOUD: usize = 200_000;
/// Strokes of the overview.
const MOST_STROKES: usize = 2_048;
/// Longest line that is shown whole.
const LONGEST: usize = 16 * 1024;

/// What is known of a log without its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogIndex {
    /// Where the last whole line ends.
    pub bytes: u64,
    /// Whole lines.
    pub lines: u64,
    pub errors: u64,
    pub warnings: u64,
    /// The first error the task itself wrote, else the first at all.
    first_own: Option<u64>,
    first: Option<u64>,
    pub first_warning: Option<u64>,
    /// Byte of every [`PAGE`]th line.
    marks: Vec<u64>,
    /// Place and level of errors and warnings, in order.
    loud: Vec<(u32, Level)>,
    /// Lengths of lines, one of `stride`, for the overview.
    strokes: Vec<u8>,
    stride: u64,
}

impl LogIndex {
    /// Takes whole lines that follow those taken before.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.stride = self.stride.max(1);
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            self.line(&bytes[start..end], self.bytes + start as u64);
            start = end + 1;
        }
        self.bytes += start as u64;
    }

    fn line(&mut self, line: &[u8], at: u64) {
        let number = self.lines;
        if number.is_multiple_of(PAGE) {
            self.marks.push(at);
        }
        if number.is_multiple_of(self.stride) {
            self.strokes.push(u8::try_from(text_of(line).len() / 4).unwrap_or(u8::MAX));
            if self.strokes.len() > MOST_STROKES {
                let mut i = 0;
                self.strokes.retain(|_| {
                    i += 1;
                    i % 2 == 1
                });
                self.stride *= 2;
            }
        }
        let (level, own) = level_of(line);
        if level >= Level::Warn {
            if level == Level::Error {
                self.errors += 1;
                self.first = self.first.or(Some(number));
                if own {
                    self.first_own = self.first_own.or(Some(number));
                }
            } else {
                self.warnings += 1;
                self.first_warning = self.first_warning.or(Some(number));
            }
            if self.loud.len() < MOST_LOUD
                && let Ok(n) = u32::try_from(number)
            {
                self.loud.push((n, level));
            }
        }
        self.lines += 1;
    }

    /// The line of the first error: the first one of the task's own, else the first at all.
    pub fn first_error(&self) -> Option<u64> {
        self.first_own.or(self.first)
    }
    /// Bytes of a page of [`PAGE`] lines, with the number of whole lines in it.
    pub fn page(&self, page: u64) -> Option<(u64, u64, u64)> {
        let at = usize::try_from(page).ok()?;
        let from = *self.marks.get(at)?;
        let to = self.marks.get(at + 1).copied().unwrap_or(self.bytes);
        Some((from, to, PAGE.min(self.lines - page * PAGE)))
    }
    /// Places of the lines at least this loud, as far as they are remembered.
    pub fn at_least(&self, level: Level) -> Vec<u64> {
        self.loud.iter().filter(|(_, l)| *l >= level).map(|(n, _)| u64::from(*n)).collect()
    }
    /// Errors and warnings with their places.
    pub fn loud(&self) -> &[(u32, Level)] {
        &self.loud
    }
    /// True when not every error and warning is remembered.
    pub fn is_cut(&self) -> bool {
        (self.loud.len() as u64) < self.errors + self.warnings
    }
    /// Length of lines over the whole log: what one stroke stands for, and the strokes.
    pub fn strokes(&self) -> (u64, &[u8]) {
        (self.stride.max(1), &self.strokes)
    }
}

/// Cuts `time \t level \t source \t text`.
fn fields(line: &[u8]) -> Option<[&[u8]; 4]> {
    let mut out = [line; 4];
    let mut rest = line;
    for slot in out.iter_mut().take(3) {
        let at = memchr(b'\t', rest)?;
        *slot = &rest[..at];
        rest = &rest[at + 1..];
    }
    out[3] = rest;
    Some(out)
}

fn level_of(line: &[u8]) -> (Level, bool) {
    let found = fields(line)
        .and_then(|[_, level, source, _]| Some((Level::parse(std::str::from_utf8(level).ok()?)?, source != b"runner")));
    found.unwrap_or_else(|| (Level::guess(&String::from_utf8_lossy(&line[..line.len().min(512)])), true))
}

/// The text of a line, without its time, level and source.
fn text_of(line: &[u8]) -> &[u8] {
    let known = |f: &[&[u8]; 4]| std::str::from_utf8(f[1]).ok().and_then(Level::parse).is_some();
    fields(line).filter(known).map_or(line, |f| f[3])
}

/// Lines of a piece of a log; what is longer than anybody reads is cut.
pub fn parse_lines(bytes: &[u8]) -> Vec<LogLine> {
    let mut out = Vec::new();
    let mut start = 0;
    for end in memchr_iter(b'\n', bytes) {
        let line = &bytes[start..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let cut = line.len() > LONGEST;
        let mut parsed = LogLine::parse(&String::from_utf8_lossy(&line[..line.len().min(LONGEST)]));
        if cut {
            parsed.text.push_str(&format!("\u{2026} ({} more bytes)", line.len() - LONGEST));
        }
        out.push(parsed);
        start = end + 1;
    }
    out
}

/// Finds text in logs, without regard to the case of its letters.
#[derive(Debug)]
pub struct Finder {
    lower: String,
    first: [u8; 2],
}

impl Finder {
    /// A finder of `text`; `None` when there is nothing to find.
    pub fn new(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        let b = *lower.as_bytes().first()?;
        let upper = if b.is_ascii() { b.to_ascii_uppercase() } else { b };
        Some(Self { first: [b, upper], lower })
    }
    /// True when the text is in it.
    pub fn is_in(&self, hay: &[u8]) -> bool {
        if !self.lower.is_ascii() {
            return String::from_utf8_lossy(hay).to_lowercase().contains(&self.lower);
        }
        let n = self.lower.len();
        let fits = |at: usize| hay.get(at..at + n).is_some_and(|w| w.eq_ignore_ascii_case(self.lower.as_bytes()));
        memchr::memchr2_iter(self.first[0], self.first[1], hay).any(fits)
    }
    /// Numbers of the whole lines of a piece that contain it; `first` is the number of the piece's first line. Gives how
    /// many lines there were.
    pub fn lines(&self, bytes: &[u8], first: u64, mut each: impl FnMut(u64)) -> u64 {
        let (mut start, mut number) = (0, first);
        for end in memchr_iter(b'\n', bytes) {
            if self.is_in(text_of(&bytes[start..end])) {
                each(number);
            }
            number += 1;
            start = end + 1;
        }
        number - first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: u64) -> String {
        let line = |n: u64| match n {
            700 => "2026-11-17T06:10:26.044Z\tERROR\trunner\tno tries left\n".to_owned(),
            900 => "2026-11-17T06:10:26.044Z\tERROR\tstdout\tValueError: bad G7 unit\n".to_owned(),
            n if n % 100 == 50 => format!("2026-11-17T06:10:26.044Z\tWARN\tstdout\tlate {n}\n"),
            n => format!("2026-11-17T06:10:26.044Z\tINFO\tstdout\trow {n} of g7\n"),
        };
        (0..lines).map(line).collect()
    }

    #[test]
    fn an_index_made_in_pieces_is_the_index_made_at_once() {
        let text = text(5_000);
        let mut whole = LogIndex::default();
        whole.feed(text.as_bytes());
        let mut pieces = LogIndex::default();
        for line in text.split_inclusive('\n') {
            pieces.feed(line.as_bytes());
        }
        assert_eq!(whole, pieces);
        assert_eq!((whole.lines, whole.bytes, whole.errors, whole.warnings), (5_000, text.len() as u64, 2, 50));
        assert_eq!(whole.first_error(), Some(900), "the task's own comes before the runner's");
        assert_eq!(whole.at_least(Level::Error), [700, 900]);
        assert_eq!(whole.at_least(Level::Warn).len(), 52);
        let (from, to, n) = whole.page(3).unwrap();
        assert_eq!(n, PAGE);
        let lines = parse_lines(&text.as_bytes()[from as usize..to as usize]);
        assert_eq!((lines.len() as u64, lines[0].text.as_str()), (PAGE, "row 768 of g7"));
        assert_eq!(whole.page(19).map(|p| p.2), Some(5_000 - 19 * PAGE));
        assert!(whole.page(20).is_none() && whole.strokes().1.len() <= MOST_STROKES);
    }

    #[test]
    fn text_is_found_in_any_case_but_not_in_what_stands_before_it() {
        let text = text(1_000);
        let mut hits = Vec::new();
        let n = Finder::new("G7 UNIT").unwrap().lines(text.as_bytes(), 0, |l| hits.push(l));
        assert_eq!((n, hits), (1_000, vec![900]));
        let mut none = 0;
        Finder::new("stdout").unwrap().lines(text.as_bytes(), 0, |_| none += 1);
        assert_eq!(none, 0);
        assert!(Finder::new("").is_none());
        assert!(Finder::new("\u{dc}BER").unwrap().is_in("dr\u{fc}ber".as_bytes()));
    }

    #[test]
    fn foreign_and_endless_lines_are_shown_as_far_as_one_reads() {
        let lines = parse_lines(format!("plain\r\n{}\nhalf", "x".repeat(LONGEST + 9)).as_bytes());
        assert_eq!((lines.len(), lines[0].text.as_str()), (2, "plain"));
        assert!(lines[1].text.ends_with("(9 more bytes)"));
    }
}

//! Numbers in text: before, after, and by how much.
use std::ops::Range;

use serde::Serialize;

use crate::{
    base::text::{shorten, thousands},
    model::textdiff::{RowKind, TextDiff},
};

/// Most numbers of one output that are listed.
const MAX_METRICS: usize = 200;
/// Longest line that is searched for numbers.
const MAX_LINE: usize = 2_000;

/// How a number changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delta {
    pub old: f64,
    pub new: f64,
    /// Digits after the point, as the longer one is written.
    digits: u8,
}

impl Delta {
    /// Of two cells or words; none when either is no number.
    pub fn of(old: &str, new: &str) -> Option<Self> {
        let digits = decimals(old).max(decimals(new)).min(12) as u8;
        Some(Self { old: parse(old)?, new: parse(new)?, digits })
    }
    /// The difference.
    pub fn absolute(&self) -> f64 {
        self.new - self.old
    }
    /// The difference as a share of the old number; none from zero.
    pub fn share(&self) -> Option<f64> {
        let share = self.absolute() / self.old.abs();
        share.is_finite().then_some(share)
    }
    /// `+0.007`, `−1,741`.
    pub fn words(&self) -> String {
        let by = self.absolute();
        let sign = if by < 0.0 { '\u{2212}' } else { '+' };
        let size = by.abs();
        if !size.is_finite() || (size > 0.0 && !(1e-9..1e15).contains(&size)) {
            return format!("{sign}{size:.2e}");
        }
        let text = format!("{size:.*}", usize::from(self.digits));
        let (whole, part) = text.split_once('.').map_or((text.as_str(), String::new()), |(w, p)| (w, format!(".{p}")));
        let whole = whole.parse::<u64>().map_or_else(|_| whole.to_owned(), thousands);
        format!("{sign}{whole}{part}")
    }
    /// `+0.8 %`; empty from zero.
    pub fn percent(&self) -> String {
        let Some(share) = self.share() else { return String::new() };
        let size = share.abs() * 100.0;
        let sign = if share < 0.0 { '\u{2212}' } else { '+' };
        match size {
            s if s >= 1000.0 => format!("{sign}{} %", thousands(s.min(1e15).round() as u64)),
            s if s >= 100.0 => format!("{sign}{s:.0} %"),
            s if s >= 0.1 => format!("{sign}{s:.1} %"),
            s => format!("{sign}{s:.2} %"),
        }
    }
}

fn decimals(text: &str) -> usize {
    let tail = text.trim().trim_end_matches('%').trim_end().split_once('.').map_or("", |(_, t)| t);
    tail.bytes().take_while(u8::is_ascii_digit).count()
}

/// A number as tools write it: `18,732`, `−3.5e-4`, `12 %`. Not a number, infinity and words are none.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim().trim_end_matches('%').trim_end();
    let first = text.chars().next()?;
    if !(first.is_ascii_digit() || matches!(first, '-' | '+' | '.' | '\u{2212}')) {
        return None;
    }
    if let Ok(value) = text.parse::<f64>() {
        return value.is_finite().then_some(value);
    }
    let plain: String =
        text.chars().filter(|c| *c != ',' && *c != '_').map(|c| if c == '\u{2212}' { '-' } else { c }).collect();
    plain.parse::<f64>().ok().filter(|v| v.is_finite())
}

/// Two cells are equal: as they are written or, for decimal numbers, within a relative tolerance. Whole numbers may
/// well be names of something and are never taken for each other.
pub(super) fn within(old: &str, new: &str, tolerance: f64) -> bool {
    let decimal = |t: &str| t.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'));
    if tolerance <= 0.0 || !(decimal(old) || decimal(new)) {
        return false;
    }
    match (parse(old), parse(new)) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance * a.abs().max(b.abs()),
        _ => false,
    }
}

/// A number of a text before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// The words beside it.
    pub label: String,
    pub old: String,
    pub new: String,
    pub delta: Delta,
}

impl Metric {
    /// `accuracy 0.914 → 0.921 (+0.8 %)`.
    pub fn words(&self) -> String {
        let percent = self.delta.percent();
        let by = if percent.is_empty() { self.delta.words() } else { percent };
        let space = if self.label.is_empty() { "" } else { " " };
        format!("{}{space}{} \u{2192} {} ({by})", self.label, self.old, self.new)
    }
}

/// Numbers of a line that stand for themselves: not those inside words, dates, times or versions.
fn numbers(line: &str) -> Vec<Range<usize>> {
    let bytes = line.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(b' ');
    let digit = |i: usize| at(i).is_ascii_digit();
    let before = |i: usize| if i == 0 { b' ' } else { at(i - 1) };
    let mut found = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let inside = before(i).is_ascii_alphanumeric() || matches!(before(i), b'_' | b'.') || before(i) >= 0x80;
        if !digit(i) || (inside && !line.get(..i).is_some_and(|t| t.ends_with('\u{2212}'))) {
            i += 1;
            continue;
        }
        let mut start = i;
        while digit(i)
            || (matches!(at(i), b',' | b'_') && digit(i + 1) && digit(i + 2) && digit(i + 3) && !digit(i + 4))
        {
            i += 1;
        }
        if at(i) == b'.' && digit(i + 1) {
            i += 1;
            while digit(i) {
                i += 1;
            }
        }
        let sign = usize::from(matches!(at(i + 1), b'+' | b'-'));
        if matches!(at(i), b'e' | b'E') && digit(i + 1 + sign) {
            i += 1 + sign;
            while digit(i) {
                i += 1;
            }
        }
        let joint = |c: u8| matches!(c, b'-' | b':' | b'/');
        // `2024-01-31`, `08:00`, `3/20`, `1.2.3`.
        let glued = (joint(before(start)) && start > 1 && digit(start - 2))
            || ((joint(at(i)) || at(i) == b'.') && digit(i + 1))
            || (at(i) == b'.' && digit(i + 1));
        if glued {
            while digit(i) || ((joint(at(i)) || at(i) == b'.') && digit(i + 1)) {
                i += 1;
            }
            continue;
        }
        if matches!(before(start), b'-' | b'+')
            && (start < 2 || !(at(start - 2).is_ascii_alphanumeric() || at(start - 2) == b')'))
        {
            start -= 1;
        } else if line.get(..start).is_some_and(|t| t.ends_with('\u{2212}')) {
            start -= '\u{2212}'.len_utf8();
        }
        found.push(start..i);
    }
    found
}

/// The words that say what a number is: those before it, else those behind it.
fn label(before: &str, after: &str) -> String {
    let trim = |t: &str| {
        let t = t.rsplit([',', ';', '|', '{', '(', '[']).next().unwrap_or(t);
        let edge = |c: char| {
            c.is_whitespace() || matches!(c, ':' | '=' | '\'' | '"' | '(' | ')' | '[' | ']' | '}' | '~' | '$' | '%')
        };
        let words: Vec<&str> = t.trim_matches(edge).split_whitespace().collect();
        words.get(words.len().saturating_sub(5)..).unwrap_or_default().join(" ")
    };
    let label = trim(before);
    if label.chars().any(char::is_alphabetic) {
        return shorten(&label, 48);
    }
    let unit = after.split([',', ';', '|', '}', ')', ']', ':']).next().unwrap_or_default();
    shorten(trim(unit).as_str(), 24)
}

/// Numbers of two lines that are else the same.
fn line_metrics(old: &str, new: &str, out: &mut Vec<Metric>) -> bool {
    if old.len() > MAX_LINE || new.len() > MAX_LINE {
        return false;
    }
    let (a, b) = (numbers(old), numbers(new));
    if a.is_empty() || a.len() != b.len() {
        return false;
    }
    let between = |line: &'_ str, ranges: &[Range<usize>], n: usize| -> String {
        let start = n.checked_sub(1).and_then(|n| ranges.get(n)).map_or(0, |r| r.end);
        let end = ranges.get(n).map_or(line.len(), |r| r.start);
        line.get(start..end).unwrap_or_default().to_owned()
    };
    let squeezed = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if (0..=a.len()).any(|n| squeezed(between(old, &a, n)) != squeezed(between(new, &b, n))) {
        return false;
    }
    for (n, (x, y)) in a.iter().zip(&b).enumerate() {
        let (Some(x), Some(y)) = (old.get(x.clone()), new.get(y.clone())) else { continue };
        if x != y
            && out.len() < MAX_METRICS
            && let Some(delta) = Delta::of(x, y)
        {
            let label = label(&between(new, &b, n), &between(new, &b, n + 1));
            out.push(Metric { label, old: x.to_owned(), new: y.to_owned(), delta });
        }
    }
    true
}

/// Numbers before and after, from lines that are the same but for them.
pub(super) fn metrics(text: &TextDiff) -> Vec<Metric> {
    let mut out = Vec::new();
    for run in text.rows.chunk_by(|a, b| (a.kind == RowKind::Same) == (b.kind == RowKind::Same)) {
        if run.first().is_none_or(|r| r.kind == RowKind::Same) || out.len() >= MAX_METRICS {
            continue;
        }
        let old: Vec<u32> = run.iter().filter_map(|r| r.old).collect();
        let new: Vec<u32> = run.iter().filter_map(|r| r.new).collect();
        // A line that is nothing but a number has no partner among the rows.
        let pairs: Vec<(u32, u32)> = if old.len() == new.len() {
            old.into_iter().zip(new).collect()
        } else {
            run.iter().filter_map(|r| r.old.zip(r.new)).collect()
        };
        for (i, j) in pairs {
            line_metrics(text.old.line(i as usize), text.new.line(j as usize), &mut out);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(old: &str, new: &str) -> Vec<String> {
        metrics(&TextDiff::new(old.to_owned(), new.to_owned())).iter().map(Metric::words).collect()
    }

    #[test]
    fn numbers_are_told_before_and_after() {
        assert_eq!(words("accuracy 0.914\n", "accuracy 0.921\n"), ["accuracy 0.914 \u{2192} 0.921 (+0.8 %)"]);
        assert_eq!(words("0.914", "0.921"), ["0.914 \u{2192} 0.921 (+0.8 %)"]);
        assert_eq!(
            words("epoch 1: loss 0.52, accuracy: 0.914", "epoch 1: loss 0.48, accuracy: 0.921"),
            ["loss 0.52 \u{2192} 0.48 (\u{2212}7.7 %)", "accuracy 0.914 \u{2192} 0.921 (+0.8 %)"]
        );
        assert_eq!(
            words("{'rows': 18732, 'bad': 0}", "{'rows': 18733, 'bad': 5}"),
            ["rows 18732 \u{2192} 18733 (+0.01 %)", "bad 0 \u{2192} 5 (+5)"]
        );
        assert_eq!(words("18,732 rows", "9,366 rows"), ["rows 18,732 \u{2192} 9,366 (\u{2212}50.0 %)"]);
        assert_eq!(words("mean   -3.5", "mean -12.25"), ["mean -3.5 \u{2192} -12.25 (\u{2212}250 %)"]);
    }

    #[test]
    fn other_texts_dates_and_versions_are_no_metrics() {
        for (a, b) in [
            ("day 2024-01-31", "day 2024-02-29"),
            ("polars 1.2.3", "polars 1.2.4"),
            ("at 08:00", "at 09:30"),
            ("model_v2 ready", "model_v3 ready"),
            ("loss 0.5 falling", "loss 0.7 rising"),
            ("step 3/20", "step 4/20"),
        ] {
            assert!(words(a, b).is_empty(), "{a}: {:?}", words(a, b));
        }
    }

    #[test]
    fn deltas_keep_the_digits_and_say_where_there_is_no_share() {
        let delta = |a, b| Delta::of(a, b).map(|d| (d.words(), d.percent()));
        assert_eq!(delta("1,815", "74"), Some(("\u{2212}1,741".into(), "\u{2212}95.9 %".into())));
        assert_eq!(delta("134.2", "11.8"), Some(("\u{2212}122.4".into(), "\u{2212}91.2 %".into())));
        assert_eq!(delta("0", "3"), Some(("+3".into(), String::new())));
        assert_eq!(delta("1e-12", "3e-12").map(|d| d.0), Some("+2.00e-12".into()));
        assert_eq!((delta("NaN", "3"), delta("abc", "3"), delta("", "3")), (None, None, None));
        assert!(within("0.30000000000000004", "0.3", 1e-9) && !within("0.301", "0.3", 1e-9));
        assert!(!within("1234567890123", "1234567890124", 1e-9), "whole numbers are never taken for each other");
    }
}

//! A difference between two files that can be applied and taken back, byte for byte.
//!
//! A patch tells how to put each file together from pieces of the other: stretches that are copied, and text that only
//! this file has. Notebooks are cut at their cells first, so that a cell that moved is a copy and not its text twice.
use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    diff::{Document, NotebookDiff},
    textdiff::Slice,
};
use crate::base::{Error, Result};

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Piece {
    /// Bytes of the other file, from and to.
    Copy(usize, usize),
    /// What only this file has.
    Text(String),
}

/// One of the two files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    pub bytes: usize,
    /// Of the whole file, 32 hexadecimal digits.
    pub xxh3: String,
    /// How it is put together from the other one.
    pub pieces: Vec<Piece>,
}

/// Both directions of the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    pub base: Side,
    pub other: Side,
}

fn name(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

impl Patch {
    /// The patch between two files; `None` when one of them is no text. `diff` is the comparison of
    /// the same files as notebooks: it says which cell comes from which.
    pub fn new(base: &[u8], other: &[u8], diff: Option<&NotebookDiff>) -> Option<Self> {
        let (a, b) = (std::str::from_utf8(base).ok()?, std::str::from_utf8(other).ok()?);
        let (cuts_a, cuts_b, partner) = diff
            .and_then(|diff| segments(a, b, diff))
            .unwrap_or_else(|| (vec![0..a.len()], vec![0..b.len()], vec![Some(0)]));
        let mut back: Vec<Option<usize>> = vec![None; cuts_a.len()];
        for (j, i) in partner.iter().enumerate() {
            if let Some(slot) = i.and_then(|i| back.get_mut(i)) {
                *slot = Some(j);
            }
        }
        let side = |bytes: &[u8], pieces| Side { bytes: bytes.len(), xxh3: name(bytes), pieces };
        Some(Self {
            base: side(base, pieces(b, &cuts_b, a, &cuts_a, &back)),
            other: side(other, pieces(a, &cuts_a, b, &cuts_b, &partner)),
        })
    }
    /// Makes the other file from the base.
    ///
    /// # Errors
    /// When `base` is not the file the patch was made from.
    pub fn apply(&self, base: &[u8]) -> Result<Vec<u8>> {
        put_together(base, &self.base, &self.other)
    }
    /// Makes the base from the other file.
    ///
    /// # Errors
    /// When `other` is not the file the patch was made from.
    pub fn take_back(&self, other: &[u8]) -> Result<Vec<u8>> {
        put_together(other, &self.other, &self.base)
    }
}

fn put_together(from: &[u8], known: &Side, want: &Side) -> Result<Vec<u8>> {
    if from.len() != known.bytes || name(from) != known.xxh3 {
        return Err(Error::user("The file is not the one this patch was made from")
            .because_of(format!(
                "It has {} bytes, the patch is for one of {}, or other content",
                from.len(),
                known.bytes
            ))
            .hint("andon merge brings a change into a file that has changed since"));
    }
    let torn = || Error::config("The patch is damaged").because_of("What it makes is not what it was made from");
    let mut out = Vec::new();
    for piece in &want.pieces {
        match piece {
            Piece::Copy(start, end) => out.extend_from_slice(from.get(*start..*end).ok_or_else(torn)?),
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
        if out.len() > want.bytes {
            return Err(torn());
        }
    }
    if out.len() == want.bytes && name(&out) == want.xxh3 { Ok(out) } else { Err(torn()) }
}

type Cuts = Vec<Range<usize>>;

/// Both notebooks cut into parts, and for each part of `b` the part of `a` it comes from; `None` for what cannot be cut.
fn segments(a: &str, b: &str, diff: &NotebookDiff) -> Option<(Cuts, Cuts, Vec<Option<usize>>)> {
    let cuts = |text: &str, doc: &Document| {
        let whole = doc.parts.last().is_some_and(|c| c.end == text.len());
        whole.then(|| doc.parts.clone())
    };
    let (cuts_a, cuts_b) = (cuts(a, &diff.old)?, cuts(b, &diff.new)?);
    let mut to_old = vec![None; diff.new.cells.len()];
    for row in &diff.cells {
        if let (Some(i), Some(slot)) = (row.old, row.new.and_then(|j| to_old.get_mut(j))) {
            *slot = Some(i);
        }
    }
    // Parts are: head, gap, cell, gap, cell, ..., gap, tail.
    let (last_a, last_b) = (cuts_a.len() - 1, cuts_b.len() - 1);
    let partner = (0..cuts_b.len())
        .map(|part| match part {
            0 => Some(0),
            p if p == last_b => Some(last_a),
            p if p == last_b - 1 => Some(last_a - 1),
            p if p % 2 == 0 => to_old.get(p / 2 - 1).copied().flatten().map(|i| i * 2 + 2),
            p => Some(p.min(last_a.saturating_sub(2) | 1)).filter(|p| *p < last_a),
        })
        .collect();
    Some((cuts_a, cuts_b, partner))
}

/// `text` from pieces of `from`.
fn pieces(from: &str, from_cuts: &Cuts, text: &str, cuts: &Cuts, partner: &[Option<usize>]) -> Vec<Piece> {
    let mut out = Pieces(Vec::new());
    for (cut, partner) in cuts.iter().zip(partner) {
        let new = text.get(cut.clone()).unwrap_or_default();
        let place = partner.and_then(|p| from_cuts.get(p)).cloned().unwrap_or(0..0);
        let old = from.get(place.clone()).unwrap_or_default();
        out.delta(old, place.start, new);
    }
    out.0
}

/// Bytes of the lines that both texts begin with, and of those that both end with.
fn common_lines(old: &str, new: &str) -> (usize, usize) {
    let (a, b) = (old.as_bytes(), new.as_bytes());
    let ahead = same_bytes(a.len().min(b.len()), |from, to| a.get(from..to) == b.get(from..to));
    let head = memchr::memrchr(b'\n', a.get(..ahead).unwrap_or_default()).map_or(0, |at| at + 1);
    let back = |all: &[u8], from: usize, to: usize| all.len() - to..all.len() - from;
    let left = a.len().min(b.len()) - head;
    let behind = same_bytes(left, |from, to| a.get(back(a, from, to)) == b.get(back(b, from, to)));
    // From the first line that begins in what is the same.
    let tail = a.get(a.len() - behind..).and_then(|same| memchr::memchr(b'\n', same)).map_or(0, |at| behind - at - 1);
    (head, tail)
}

/// How many of `most` bytes are the same, when `same` compares stretches of them; large ones first.
fn same_bytes(most: usize, same: impl Fn(usize, usize) -> bool) -> usize {
    let (mut at, mut step) = (0, 4_096);
    while step > 0 {
        if at + step <= most && same(at, at + step) {
            at += step;
        } else {
            step /= 4;
        }
    }
    at
}

struct Pieces(Vec<Piece>);

impl Pieces {
    fn copy(&mut self, start: usize, end: usize) {
        match self.0.last_mut() {
            _ if start == end => {}
            Some(Piece::Copy(_, last)) if *last == start => *last = end,
            _ => self.0.push(Piece::Copy(start, end)),
        }
    }
    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }
    /// `new` from lines of `old`, which begins at `base`, and inside the lines between from their beginning and end.
    fn delta(&mut self, old: &str, base: usize, new: &str) {
        if old == new {
            return self.copy(base, base + old.len());
        }
        // Most of a changed cell stands as it was: only the lines between are compared.
        let (head, tail) = common_lines(old, new);
        self.copy(base, base + head);
        let cut = |text: &'_ str| head..text.len() - tail;
        let (a, b) = (old.get(cut(old)).unwrap_or_default(), new.get(cut(new)).unwrap_or_default());
        // One line in the place of one, such as a rewritten id, has nothing to align.
        let is_line = |text: &str| !text.trim_end_matches('\n').contains('\n');
        if is_line(a) && is_line(b) {
            self.inside(a, base + head, b);
        } else {
            self.lines(a, base + head, b);
        }
        self.copy(base + old.len() - tail, base + old.len());
    }
    fn lines(&mut self, old: &str, base: usize, new: &str) {
        let (a, b): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
        let starts = |lines: &[&str]| -> Vec<usize> {
            let mut at = 0;
            let mut all: Vec<usize> = lines
                .iter()
                .map(|l| {
                    at += l.len();
                    at - l.len()
                })
                .collect();
            all.push(at);
            all
        };
        let (at_a, at_b) = (starts(&a), starts(&b));
        let place = |all: &[usize], line: u32| all.get(line as usize).copied().unwrap_or_default();
        let input = InternedInput::new(Slice(&a), Slice(&b));
        let diff = Diff::compute(Algorithm::Histogram, &input);
        let mut line = 0;
        for hunk in diff.hunks() {
            self.copy(base + place(&at_a, line), base + place(&at_a, hunk.before.start));
            let gone = place(&at_a, hunk.before.start)..place(&at_a, hunk.before.end);
            let come = place(&at_b, hunk.after.start)..place(&at_b, hunk.after.end);
            self.inside(
                old.get(gone.clone()).unwrap_or_default(),
                base + gone.start,
                new.get(come).unwrap_or_default(),
            );
            line = hunk.before.end;
        }
        self.copy(base + place(&at_a, line), base + old.len());
    }
    fn inside(&mut self, old: &str, base: usize, new: &str) {
        let head: usize = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        let (x, y) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
        let tail: usize =
            x.chars().rev().zip(y.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        self.copy(base, base + head);
        self.text(y.get(..y.len() - tail).unwrap_or_default());
        self.copy(base + old.len() - tail, base + old.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::diff::tests::{Rng, cell, line, notebook};

    fn check(a: &[u8], b: &[u8]) -> Patch {
        let read = |bytes: &[u8]| Document::parse("", bytes).ok().map(std::sync::Arc::new);
        let diff = read(a).zip(read(b)).map(|(a, b)| NotebookDiff::new(a, b));
        let patch = Patch::new(a, b, diff.as_ref()).unwrap();
        let written = serde_json::to_string(&patch).unwrap();
        let patch: Patch = serde_json::from_str(&written).unwrap();
        assert!(patch.apply(a).unwrap() == b);
        assert!(patch.take_back(b).unwrap() == a);
        patch
    }

    #[test]
    fn a_moved_cell_is_a_copy() {
        let mut rng = Rng(3);
        let old: Vec<_> = (0..40).map(|n| cell(&mut rng, n)).collect();
        let mut new = old.clone();
        let gone = new.remove(3);
        new.insert(30, gone);
        new[10].source = format!("{}  # edited", new[10].source);
        let patch = check(&notebook(&old), &notebook(&new));
        let told: usize = patch.other.pieces.iter().map(|p| if let Piece::Text(t) = p { t.len() } else { 0 }).sum();
        assert!(told < 60, "{told} bytes told: {:?}", patch.other.pieces);
    }

    #[test]
    fn only_the_file_it_was_made_from_is_patched() {
        let patch = check(b"a\nb\nc\n", b"a\nB\nc\n");
        assert!(patch.apply(b"a\nB\nc\n").is_err());
        assert!(Patch::new(&[0xff], b"a", None).is_none());
        let mut torn = patch.clone();
        torn.other.pieces = vec![Piece::Copy(5, 900)];
        assert!(torn.apply(b"a\nb\nc\n").is_err());
        torn.other.pieces = vec![Piece::Text("x".repeat(6))];
        assert!(torn.apply(b"a\nb\nc\n").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn any_two_notebooks(seed in 0u64..1_000_000, n in 0usize..12, m in 0usize..12) {
            let mut rng = Rng(seed);
            let old: Vec<_> = (0..n).map(|n| cell(&mut rng, n)).collect();
            let mut new: Vec<_> = old.iter().filter(|_| rng.chance(80)).cloned().collect();
            for c in &mut new {
                if rng.chance(30) {
                    c.source.push_str(&line(&mut rng));
                }
            }
            for k in 0..m {
                let at = rng.below(new.len() + 1);
                new.insert(at, cell(&mut rng, 100 + k));
            }
            check(&notebook(&old), &notebook(&new));
        }
        #[test]
        fn any_two_texts(a in "[ab\n\u{e4}]{0,40}", b in "[ab\n\u{e4}]{0,40}") {
            check(a.as_bytes(), b.as_bytes());
        }
    }
}

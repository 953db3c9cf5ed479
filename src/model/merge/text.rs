//! Three texts: by lines as diff3 does, and each stretch that both sides changed again by words.
use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

use crate::model::textdiff::{Slice, tokens};

/// A stretch of the merged text, by lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    Merged(Vec<String>),
    /// Both sides changed it, each in its way.
    Conflict {
        base: Vec<String>,
        local: Vec<String>,
        remote: Vec<String>,
    },
}

/// A merged text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merge3 {
    pub chunks: Vec<Chunk>,
}

impl Merge3 {
    /// True when both sides' changes went together.
    pub fn is_clean(&self) -> bool {
        self.chunks.iter().all(|c| matches!(c, Chunk::Merged(_)))
    }
    /// The same with the sides changed over.
    #[must_use]
    pub fn swapped(mut self) -> Self {
        for chunk in &mut self.chunks {
            if let Chunk::Conflict { local, remote, .. } = chunk {
                std::mem::swap(local, remote);
            }
        }
        self
    }
    /// The whole text; conflicts stand between the marks that git uses, on lines of their own.
    pub fn text(&self, local_name: &str, remote_name: &str) -> String {
        let mut all: Vec<String> = Vec::new();
        for chunk in &self.chunks {
            match chunk {
                Chunk::Merged(lines) => all.extend(lines.iter().cloned()),
                Chunk::Conflict { local, remote, .. } => {
                    all.push(format!("<<<<<<< {local_name}"));
                    all.extend(local.iter().cloned());
                    all.push("=======".to_owned());
                    all.extend(remote.iter().cloned());
                    all.push(format!(">>>>>>> {remote_name}"));
                }
            }
        }
        all.join("\n")
    }
}

/// Merges two changed versions of a text.
pub fn merge(base: &str, local: &str, remote: &str) -> Merge3 {
    let split = |text: &'_ str| -> Vec<String> { text.split('\n').map(str::to_owned).collect() };
    let (b, l, r) = (split(base), split(local), split(remote));
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut push = |chunk: Chunk| match (chunks.last_mut(), chunk) {
        (Some(Chunk::Merged(last)), Chunk::Merged(lines)) => last.extend(lines),
        (_, chunk) => chunks.push(chunk),
    };
    for stretch in stretches(&b, &l, &r) {
        let [x, y, z] = [slice(&b, &stretch.base), slice(&l, &stretch.local), slice(&r, &stretch.remote)];
        let kept = if !stretch.by_local || y == z {
            z
        } else if !stretch.by_remote {
            y
        } else {
            push(conflict(x, y, z));
            continue;
        };
        push(Chunk::Merged(kept.to_vec()));
    }
    Merge3 { chunks }
}

/// A stretch that both changed: by words, and a conflict where that fails too.
fn conflict(base: &[String], local: &[String], remote: &[String]) -> Chunk {
    let none = base.is_empty() || local.is_empty() || remote.is_empty();
    let words = (!none).then(|| by_words(&base.join("\n"), &local.join("\n"), &remote.join("\n"))).flatten();
    match words {
        Some(text) => Chunk::Merged(vec![text]),
        None => Chunk::Conflict { base: base.to_vec(), local: local.to_vec(), remote: remote.to_vec() },
    }
}

/// The merged text when no two changes touch each other.
fn by_words(base: &str, local: &str, remote: &str) -> Option<String> {
    let split =
        |text: &'_ str| -> Vec<String> { tokens(text).map(|r| text.get(r).unwrap_or_default().to_owned()).collect() };
    let (b, l, r) = (split(base), split(local), split(remote));
    let mut out = String::with_capacity(local.len().max(remote.len()));
    for stretch in stretches(&b, &l, &r) {
        let [y, z] = [slice(&l, &stretch.local), slice(&r, &stretch.remote)];
        let kept = if !stretch.by_local || y == z {
            z
        } else if !stretch.by_remote {
            y
        } else {
            return None;
        };
        kept.iter().for_each(|t| out.push_str(t));
    }
    Some(out)
}

fn slice<'a>(all: &'a [String], range: &Range<usize>) -> &'a [String] {
    all.get(range.clone()).unwrap_or_default()
}

/// A part of the base with what stands in its place on either side.
struct Stretch {
    base: Range<usize>,
    local: Range<usize>,
    remote: Range<usize>,
    by_local: bool,
    by_remote: bool,
}

/// The whole base in stretches: unchanged ones, and those in which changes overlap or touch.
fn stretches(base: &[String], local: &[String], remote: &[String]) -> Vec<Stretch> {
    let (mine, theirs) = (hunks(base, local), hunks(base, remote));
    let mut all: Vec<(Range<usize>, bool)> =
        mine.iter().map(|h| (h.0.clone(), true)).chain(theirs.iter().map(|h| (h.0.clone(), false))).collect();
    all.sort_by_key(|(r, local)| (r.start, r.end, !local));
    let mut groups: Vec<(Range<usize>, bool, bool)> = Vec::new();
    for (range, local) in all {
        match groups.last_mut() {
            Some((last, by_local, by_remote)) if range.start <= last.end => {
                last.end = last.end.max(range.end);
                *by_local |= local;
                *by_remote |= !local;
            }
            _ => groups.push((range, local, !local)),
        }
    }
    let mut out = Vec::with_capacity(groups.len() * 2 + 1);
    let (mut at, mut shift_local, mut shift_remote) = (0, 0, 0);
    let moved =
        |range: &Range<usize>, by: isize| range.start.saturating_add_signed(by)..range.end.saturating_add_signed(by);
    let same = |out: &mut Vec<Stretch>, range: Range<usize>, l: isize, r: isize| {
        if !range.is_empty() {
            let (local, remote) = (moved(&range, l), moved(&range, r));
            out.push(Stretch { base: range, local, remote, by_local: false, by_remote: false });
        }
    };
    for (range, by_local, by_remote) in groups {
        same(&mut out, at..range.start, shift_local, shift_remote);
        let grow = |hunks: &[Hunk]| -> isize {
            let inside = hunks.iter().filter(|h| h.0.start >= range.start && h.0.end <= range.end);
            inside.map(|h| h.1.len() as isize - h.0.len() as isize).sum()
        };
        let (l, r) = (if by_local { grow(&mine) } else { 0 }, if by_remote { grow(&theirs) } else { 0 });
        let reach = |shift: isize, grown: isize| {
            range.start.saturating_add_signed(shift)..range.end.saturating_add_signed(shift + grown)
        };
        let (local, remote) = (reach(shift_local, l), reach(shift_remote, r));
        (shift_local, shift_remote) = (shift_local + l, shift_remote + r);
        at = range.end;
        out.push(Stretch { base: range, local, remote, by_local, by_remote });
    }
    same(&mut out, at..base.len(), shift_local, shift_remote);
    out
}

type Hunk = (Range<usize>, Range<usize>);

fn hunks(old: &[String], new: &[String]) -> Vec<Hunk> {
    let (a, b): (Vec<&str>, Vec<&str>) =
        (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    let input = InternedInput::new(Slice(&a), Slice(&b));
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_no_heuristic(&input);
    let wide = |r: &Range<u32>| r.start as usize..r.end as usize;
    diff.hunks().map(|h| (wide(&h.before), wide(&h.after))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(base: &str, local: &str, remote: &str) -> Option<String> {
        let merged = merge(base, local, remote);
        let swapped = merge(base, remote, local);
        assert_eq!(merged.is_clean(), swapped.is_clean(), "the same both ways");
        merged.is_clean().then(|| {
            assert_eq!(merged.text("l", "r"), swapped.text("l", "r"));
            merged.text("l", "r")
        })
    }

    #[test]
    fn changes_apart_go_together() {
        assert_eq!(clean("a\nb\nc", "A\nb\nc", "a\nb\nC").as_deref(), Some("A\nb\nC"));
        assert_eq!(clean("a\nb\nc", "a\nb\nc\nd", "z\na\nb\nc").as_deref(), Some("z\na\nb\nc\nd"));
        assert_eq!(clean("a\nb\nc", "a\nc", "a\nb\nc\n").as_deref(), Some("a\nc\n"));
        assert_eq!(clean("", "x", "").as_deref(), Some("x"));
        assert_eq!(clean("x", "", "x").as_deref(), Some(""));
        assert_eq!(clean("a\nb", "a\nb\n", "a\nb\n").as_deref(), Some("a\nb\n"));
    }

    #[test]
    fn neighbouring_lines_and_words_of_one_line_go_together() {
        assert_eq!(
            clean("one two\nthree four", "ONE two\nthree four", "one two\nthree FOUR").as_deref(),
            Some("ONE two\nthree FOUR")
        );
        let merged = clean("mean(df, axis=0)", "median(df, axis=0)", "mean(df, axis=1)");
        assert_eq!(merged.as_deref(), Some("median(df, axis=1)"));
    }

    #[test]
    fn what_both_changed_is_a_conflict() {
        assert_eq!(clean("x = 1", "x = 2", "x = 3"), None);
        assert_eq!(clean("a", "a\nb", "a\nc"), None, "additions in one place");
        assert_eq!(clean("a\nb\nc", "a\nc", "a\nB\nc"), None, "taken out here, changed there");
        let merged = merge("k\nx = 1\nl", "k\nx = 2\nl", "k\nx = 3\nl");
        assert_eq!(merged.text("local", "remote"), "k\n<<<<<<< local\nx = 2\n=======\nx = 3\n>>>>>>> remote\nl");
        let merged = merge("k\nx = 1\nl", "k\nl", "k\nx = 3\nl");
        assert_eq!(merged.text("local", "remote"), "k\n<<<<<<< local\n=======\nx = 3\n>>>>>>> remote\nl");
    }

    #[test]
    fn laws_hold_for_any_texts() {
        let mut seed = 7u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        let mut text = |lines: u64| -> String {
            (0..next(lines)).map(|_| ["a", "b", "c d", "", "e f g"][next(5) as usize]).collect::<Vec<_>>().join("\n")
        };
        for _ in 0..2_000 {
            let (b, x, y) = (text(7), text(7), text(7));
            let one = |m: Merge3| {
                assert!(m.is_clean());
                m.text("", "")
            };
            assert_eq!(one(merge(&b, &x, &b)), x);
            assert_eq!(one(merge(&b, &b, &x)), x);
            assert_eq!(one(merge(&b, &x, &x)), x);
            assert_eq!(merge(&b, &x, &y).is_clean(), merge(&b, &y, &x).is_clean());
        }
    }
}

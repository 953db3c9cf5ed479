//! A text file in conflict: one entry for each stretch of lines that both sides changed.
use std::sync::Arc;

use super::{
    Answer, Chunk, Entry, Merge3, Part,
    marked::{self, Piece},
    merge_text,
};

/// The place of a text that is written as one.
const WHOLE: &str = "The file";

/// A text file merged by lines, with what is to be decided.
#[derive(Debug, Clone, Default)]
pub struct TextPlan {
    chunks: Vec<Chunk>,
    pub entries: Vec<Entry>,
}

impl TextPlan {
    /// Merges three versions of a text.
    pub fn new(base: &str, local: &str, remote: &str) -> Self {
        let Merge3 { chunks } = merge_text(base, local, remote);
        Self::of(chunks, local)
    }

    /// The plan of a text as it lies on disk, with the marks of git that are left in it: what stands between them is to
    /// decide, the rest is as a person has it. `whole` is the plan of the three versions, which knows what the base had.
    pub fn of_marked(now: &str, whole: &Self, versions: [&str; 3]) -> Self {
        let Some(pieces) = marked::pieces(now) else { return Self::by_hand(versions) };
        let known = |l: &[String], r: &[String]| {
            whole.chunks.iter().find_map(|c| match c {
                Chunk::Conflict { base, local, remote } if local == l && remote == r => Some(base.clone()),
                _ => None,
            })
        };
        let (mut chunks, mut unknown) = (Vec::new(), Vec::new());
        for piece in pieces {
            chunks.push(match piece {
                Piece::Lines(lines) => Chunk::Merged(lines),
                Piece::Open { local, base, remote } => {
                    let base = base.or_else(|| known(&local, &remote));
                    if base.is_none() {
                        unknown.push(chunks.len());
                    }
                    Chunk::Conflict { base: base.unwrap_or_default(), local, remote }
                }
            });
        }
        let mut plan = Self::of(chunks, now);
        for entry in &mut plan.entries {
            "still between marks in the file".clone_into(&mut entry.how);
            if unknown.contains(&entry.at) {
                entry.base_unknown = true;
                entry.texts = [None, entry.texts[1].take(), entry.texts[2].take()];
            }
        }
        plan
    }

    /// One text to be written by hand: marks that do not belong together say nothing of where a stretch begins.
    fn by_hand(versions: [&str; 3]) -> Self {
        let lines = |t: &str| t.split('\n').map(str::to_owned).collect();
        let [base, local, remote] = versions.map(lines);
        let chunk = Chunk::Conflict { base, local, remote };
        let entry = Entry {
            parts: vec![Part::Source],
            how: "marks of a conflict are left that do not belong together".to_owned(),
            place: WHOLE.to_owned(),
            texts: versions.map(|t| Some(t.into())),
            chunks: vec![chunk.clone()],
            ..Entry::default()
        };
        Self { chunks: vec![chunk], entries: vec![entry] }
    }

    /// The whole text is to be written by hand.
    pub fn is_by_hand(&self) -> bool {
        matches!(self.chunks.as_slice(), [Chunk::Conflict { .. }]) && self.entries.iter().all(|e| e.place == WHOLE)
    }

    /// True when the text on disk, in which marks of git are left, is not what git wrote there: somebody began to
    /// decide it. Texts that hold such marks of their own tell nothing.
    pub fn touched(&self, now: &str, versions: [&str; 3]) -> bool {
        if !marked::has_marks(now) || versions.iter().any(|v| marked::has_marks(v)) {
            return false;
        }
        marked::pieces(now).is_none_or(|pieces| !marked::is_as_git_left_it(&pieces, &self.chunks, versions))
    }

    fn of(chunks: Vec<Chunk>, local: &str) -> Self {
        let mut entries = Vec::new();
        // The lines of our side before each stretch, so far as they are told apart.
        let mine: Vec<&str> = local.split('\n').collect();
        let mut at = 0;
        for (n, chunk) in chunks.iter().enumerate() {
            match chunk {
                Chunk::Merged(lines) => at += lines.len(),
                Chunk::Conflict { base, local, remote } => {
                    // Lines that their side put in or took out before it are not ours.
                    let found = find(&mine, local, at.saturating_sub(200)).unwrap_or(at);
                    let text = |lines: &[String]| -> Option<Arc<str>> { Some(lines.join("\n").into()) };
                    let last = found + local.len().max(1);
                    let place = if last == found + 1 {
                        format!("Line {last}")
                    } else {
                        format!("Lines {} to {last}", found + 1)
                    };
                    let shown = local.iter().chain(remote).find(|l| !l.trim().is_empty());
                    entries.push(Entry {
                        at: n,
                        first_line: found,
                        parts: vec![Part::Source],
                        how: "both sides changed these lines".to_owned(),
                        place,
                        title: shown.map(|l| l.trim().to_owned()).unwrap_or_default(),
                        texts: [text(base), text(local), text(remote)],
                        chunks: vec![chunk.clone()],
                        ..Entry::default()
                    });
                    at = found + local.len();
                }
            }
        }
        Self { chunks, entries }
    }

    /// The text with each stretch as its answer has it; `None` while one is open.
    pub fn decide<'a>(&self, answer: impl Fn(usize) -> Option<&'a Answer>) -> Option<String> {
        let mut lines: Vec<String> = Vec::new();
        for (n, chunk) in self.chunks.iter().enumerate() {
            match chunk {
                Chunk::Merged(all) => lines.extend(all.iter().cloned()),
                Chunk::Conflict { .. } => {
                    let entry = self.entries.iter().find(|e| e.at == n)?;
                    let answer = answer(n).filter(|a| a.missing(entry).is_empty())?;
                    lines.extend(answer.lines(entry));
                }
            }
        }
        Some(lines.join("\n"))
    }
}

/// Where `part` stands in `all`, from `from` on.
fn find(all: &[&str], part: &[String], from: usize) -> Option<usize> {
    if part.is_empty() {
        return None;
    }
    let rest = all.get(from..)?;
    rest.windows(part.len()).position(|w| w.iter().zip(part).all(|(a, b)| a == b)).map(|n| n + from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::merge::{Pick, Take};

    #[test]
    fn a_text_is_decided_stretch_by_stretch_and_the_rest_keeps_its_bytes() {
        let base = "one\r\ntwo\r\nthree\nfour\nfive\n\u{feff}end";
        let local = base.replace("two", "TWO").replace("five", "5");
        let remote = base.replace("two", "2").replace("five", "V").replace("one", "ONE");
        let plan = TextPlan::new(base, &local, &remote);
        assert_eq!(plan.entries.len(), 2);
        assert_eq!((plan.entries[1].place.as_str(), plan.entries[1].first_line), ("Line 5", 4));
        assert_eq!(plan.decide(|_| None), None);
        let mut answers: Vec<Answer> = plan.entries.iter().map(Answer::new).collect();
        answers[0].pick(&plan.entries[0], Pick::Local);
        answers[1].pick(&plan.entries[1], Pick::Remote);
        let at = |n: usize| plan.entries.iter().position(|e| e.at == n).map(|i| &answers[i]);
        let text = plan.decide(at).unwrap();
        assert!(text.contains("TWO") && text.contains('V') && text.contains("four") && !text.contains("<<<"), "{text}");
        assert!(text.ends_with("\n\u{feff}end"));
    }

    #[test]
    fn taking_lines_out_is_not_leaving_an_empty_one() {
        let plan = TextPlan::new("a\nb\nc", "a\nc", "a\nB\nc");
        let entry = &plan.entries[0];
        let mut answer = Answer::new(entry);
        answer.pick(entry, Pick::Local);
        assert_eq!(plan.decide(|_| Some(&answer)).unwrap(), "a\nc");
        answer.write(String::new());
        assert_eq!(plan.decide(|_| Some(&answer)).unwrap(), "a\nc");
        answer.take_whole(entry, Take::Remote);
        assert_eq!(plan.decide(|_| Some(&answer)).unwrap(), "a\nB\nc");
    }
}

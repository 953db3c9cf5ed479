//! What a person has decided so far about one entry of a merge: stretch by stretch, by hand, or one version whole.
use serde::{Deserialize, Serialize};

use super::{Chunk, Entry, Keys, Part, Results, Take, decide::Choice};

/// Lines that set an undecided stretch off. Words of our own, so that marks that belong to a text stay text.
const OURS: &str = "<<<<<<< ours";
const MIDDLE: &str = "=======";
const THEIRS: &str = ">>>>>>> theirs";

/// What stands for a stretch that both sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    Base,
    Local,
    Remote,
    /// Our lines, then theirs.
    Both,
}

impl From<Take> for Pick {
    fn from(take: Take) -> Self {
        match take {
            Take::Base => Self::Base,
            Take::Local => Self::Local,
            Take::Remote => Self::Remote,
        }
    }
}

/// The decisions about one entry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// For each stretch that both sides changed.
    pub picks: Vec<Option<Pick>>,
    /// The text as a person wrote it.
    pub typed: Option<String>,
    /// Taken whole, whatever the other side did elsewhere.
    pub whole: Option<Take>,
    pub outputs: Option<Results>,
    /// Whose values of metadata stand where both sides changed them.
    pub metadata: Keys,
    /// The version that stands where one side took the whole thing out, or changed its kind.
    pub cell: Option<Take>,
    /// Whose place, of a cell that both moved.
    pub place: Option<Take>,
    /// A person has said that this is it.
    pub used: bool,
}

impl Answer {
    /// Nothing decided yet.
    pub fn new(entry: &Entry) -> Self {
        Self { picks: vec![None; stretches(&entry.chunks).count()], ..Self::default() }
    }

    /// The text as it stands, undecided stretches between marks.
    pub fn text(&self, entry: &Entry) -> String {
        if let Some(typed) = &self.typed {
            return typed.clone();
        }
        if let Some(take) = self.whole.or(self.cell.filter(|_| entry.is_lone())) {
            return entry.text(take).unwrap_or_default().to_owned();
        }
        self.lines(entry).join("\n")
    }

    /// The lines as they stand: of a stretch of a file no line is not the same as an empty one.
    pub fn lines(&self, entry: &Entry) -> Vec<String> {
        if let Some(typed) = &self.typed {
            let lines = typed.split('\n').map(str::to_owned);
            return if typed.is_empty() { Vec::new() } else { lines.collect() };
        }
        let mut all = Vec::new();
        let mut picks = self.picks.iter();
        for chunk in &entry.chunks {
            match chunk {
                Chunk::Merged(lines) => all.extend(lines.iter().cloned()),
                Chunk::Conflict { base, local, remote } => {
                    match picks.next().copied().flatten().or(self.whole.map(Pick::from)) {
                        None => {
                            all.push(OURS.to_owned());
                            all.extend(local.iter().cloned());
                            all.push(MIDDLE.to_owned());
                            all.extend(remote.iter().cloned());
                            all.push(THEIRS.to_owned());
                        }
                        Some(Pick::Base) => all.extend(base.iter().cloned()),
                        Some(Pick::Local) => all.extend(local.iter().cloned()),
                        Some(Pick::Remote) => all.extend(remote.iter().cloned()),
                        Some(Pick::Both) => all.extend(local.iter().chain(remote).cloned()),
                    }
                }
            }
        }
        all
    }

    /// Takes a version: of the first stretch that is still open, of all of them once none is; and of everything else
    /// that waits for a side.
    pub fn pick(&mut self, entry: &Entry, pick: Pick) {
        self.used = false;
        let take = match pick {
            Pick::Base => Some(Take::Base),
            Pick::Local => Some(Take::Local),
            Pick::Remote => Some(Take::Remote),
            Pick::Both => None,
        };
        if let Some(take) = take {
            if entry.parts.contains(&Part::Outputs) {
                self.outputs = Some(Results::Of(take));
            }
            if entry.parts.contains(&Part::Metadata) || entry.parts.contains(&Part::Notebook) {
                self.metadata = Keys::all(take);
            }
            if entry.parts.contains(&Part::Cell) {
                self.cell = Some(take);
                if entry.is_lone() {
                    self.typed = None;
                }
            }
        }
        self.pick_text(entry, pick, take);
    }

    fn pick_text(&mut self, entry: &Entry, pick: Pick, take: Option<Take>) {
        if stretches(&entry.chunks).next().is_none() {
            // Nothing to decide in the text: a side is meant whole, where the text is what differs.
            if entry.parts.is_empty() && take.is_some_and(|t| entry.text(t).is_some()) {
                (self.whole, self.typed) = (take, None);
            }
            return;
        }
        if pick == Pick::Base && entry.base_unknown {
            return;
        }
        if let Some(typed) = self.typed.take_if(|t| is_open(t)) {
            self.typed = Some(in_text(&typed, &entry.chunks, pick));
            return;
        }
        (self.typed, self.whole) = (None, None);
        match self.picks.iter_mut().find(|p| p.is_none()) {
            Some(open) => *open = Some(pick),
            None => self.picks.iter_mut().for_each(|p| *p = Some(pick)),
        }
    }

    /// Takes one version of everything, whatever the other side did elsewhere.
    pub fn take_whole(&mut self, entry: &Entry, take: Take) {
        *self = Self { place: self.place, ..Self::new(entry) };
        self.pick(entry, take.into());
        self.picks.iter_mut().for_each(|p| *p = None);
        if entry.text(take).is_some() {
            self.whole = Some(take);
        }
    }

    /// A person changed the text.
    pub fn write(&mut self, text: String) {
        self.typed = Some(text);
        self.used = false;
    }

    /// What is still to be decided.
    pub fn missing(&self, entry: &Entry) -> Vec<Part> {
        let mut all = Vec::new();
        for part in &entry.parts {
            let open = match part {
                Part::Source => self.is_text_open(),
                Part::Outputs => self.outputs.is_none(),
                Part::Metadata | Part::Notebook => self.keys_open(entry) > 0,
                Part::Cell => self.cell.is_none(),
            };
            if open {
                all.push(*part);
            }
        }
        // Marks can be typed, too.
        if !entry.parts.contains(&Part::Source) && self.typed.as_deref().is_some_and(is_open) {
            all.push(Part::Source);
        }
        all
    }

    /// Members of metadata of which it is not said whose value stands.
    pub fn keys_open(&self, entry: &Entry) -> usize {
        entry.keys.iter().filter(|k| self.metadata.of(&k.path).is_none()).count()
    }

    /// One version's value of a member of metadata.
    pub fn choose_key(&mut self, path: &str, take: Take) {
        self.used = false;
        self.metadata.choose(path, take);
    }

    /// A stretch is left undecided. Asked for every entry in every frame, so the text itself is looked at only where a
    /// person wrote it.
    fn is_text_open(&self) -> bool {
        match &self.typed {
            Some(typed) => is_open(typed),
            None => self.whole.is_none() && self.picks.iter().any(Option::is_none),
        }
    }

    /// True when it needs no decision or has one.
    pub fn is_settled(&self, entry: &Entry) -> bool {
        (entry.parts.is_empty() || self.used) && self.missing(entry).is_empty()
    }

    /// As the merge takes it.
    pub fn choice(&self, entry: &Entry) -> Choice {
        let stretches = entry.parts.contains(&Part::Source);
        let source = (stretches || self.typed.is_some() || self.whole.is_some()).then(|| self.text(entry));
        let gone = entry.is_lone() && self.cell.is_some_and(|t| entry.text(t).is_none());
        Choice {
            source: source.filter(|_| !gone),
            outputs: self.outputs.clone(),
            metadata: self.metadata.clone(),
            cell: self.cell,
            place: self.place,
        }
    }
}

fn stretches(chunks: &[Chunk]) -> impl Iterator<Item = &Chunk> {
    chunks.iter().filter(|c| matches!(c, Chunk::Conflict { .. }))
}

/// True when a text holds a stretch nobody decided.
pub fn is_open(text: &str) -> bool {
    text.lines().any(|l| l == OURS || l == THEIRS)
}

/// The text with the marks of git or of an earlier merge in the words used here.
pub fn in_our_words(text: &str) -> String {
    let line = |l: &str| -> String {
        match l {
            l if l.starts_with("<<<<<<< ") => OURS.to_owned(),
            l if l.starts_with(">>>>>>> ") => THEIRS.to_owned(),
            l => l.to_owned(),
        }
    };
    super::marked::narrowed(text).split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// The names that the first marks of a text give its two sides.
pub fn names_in(text: &str) -> Option<(String, String)> {
    let text = super::marked::narrowed(text);
    let name = |mark: &str| text.lines().find_map(|l| l.strip_prefix(mark)).map(str::to_owned);
    Some((name("<<<<<<< ")?, name(">>>>>>> ")?))
}

/// The text with its first open stretch decided.
fn in_text(text: &str, chunks: &[Chunk], pick: Pick) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let place = |mark: &str, from: usize| {
        let is = |l: &&str| l.trim_end_matches('\r') == mark;
        lines.get(from..).and_then(|rest| rest.iter().position(is)).map(|n| n + from)
    };
    let (Some(start), Some(end)) = (place(OURS, 0), place(THEIRS, 0)) else { return text.to_owned() };
    let middle = place(MIDDLE, start).filter(|m| *m < end);
    let (Some(middle), true) = (middle, start < end) else { return text.to_owned() };
    let part = |from: usize, to: usize| lines.get(from..to).unwrap_or_default();
    let (local, remote) = (part(start + 1, middle), part(middle + 1, end));
    let base: Option<Vec<&str>> = stretches(chunks).find_map(|c| match c {
        Chunk::Conflict { base, local: l, remote: r } if *l == local && *r == remote => {
            Some(base.iter().map(String::as_str).collect())
        }
        _ => None,
    });
    let chosen: Vec<&str> = match pick {
        Pick::Local => local.to_vec(),
        Pick::Remote => remote.to_vec(),
        Pick::Both => [local, remote].concat(),
        Pick::Base => match base {
            Some(lines) => lines,
            // The stretch was changed by hand: which lines of the base it stands for is not known.
            None => return text.to_owned(),
        },
    };
    [part(0, start), &chosen, part(end + 1, lines.len())].concat().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::merge::merge_text;

    fn entry(base: &str, local: &str, remote: &str) -> Entry {
        let merged = merge_text(base, local, remote);
        let parts = if merged.is_clean() { Vec::new() } else { vec![Part::Source] };
        let texts = [base, local, remote].map(|t| Some(t.into()));
        Entry { parts, texts, chunks: merged.chunks, ..Entry::default() }
    }

    const BASE: &str = "a = 1\nkeep\nb = 1\nend";
    const OUR: &str = "a = 2\nkeep\nb = 2\nend";
    const THEIR: &str = "a = 3\nkeep\nb = 3\nend, theirs";

    #[test]
    fn stretches_are_decided_one_after_the_other_and_then_all_anew() {
        let entry = entry(BASE, OUR, THEIR);
        let mut answer = Answer::new(&entry);
        assert_eq!(answer.missing(&entry), [Part::Source]);
        answer.pick(&entry, Pick::Local);
        assert!(answer.text(&entry).starts_with("a = 2\nkeep\n<<<<<<< ours\nb = 2\nend\n=======\nb = 3"));
        answer.pick(&entry, Pick::Both);
        assert_eq!(answer.text(&entry), "a = 2\nkeep\nb = 2\nend\nb = 3\nend, theirs");
        assert!(answer.missing(&entry).is_empty() && !answer.is_settled(&entry));
        answer.used = true;
        assert!(answer.is_settled(&entry));
        answer.pick(&entry, Pick::Remote);
        assert!(!answer.is_settled(&entry), "another choice is to be confirmed again");
        assert_eq!(answer.text(&entry), THEIR);
    }

    #[test]
    fn a_side_is_taken_in_conflicts_only_or_whole() {
        let entry = entry("a\nx\nb", "a\nx1\nb\nours", "theirs\na\nx2\nb");
        let mut answer = Answer::new(&entry);
        answer.pick(&entry, Pick::Local);
        assert_eq!(answer.text(&entry), "theirs\na\nx1\nb\nours");
        answer.take_whole(&entry, Take::Local);
        assert_eq!(answer.text(&entry), "a\nx1\nb\nours");
        assert_eq!(answer.choice(&entry).source.as_deref(), Some("a\nx1\nb\nours"));
    }

    #[test]
    fn what_was_typed_stays_when_the_rest_is_picked() {
        let entry = entry(BASE, OUR, THEIR);
        let mut answer = Answer::new(&entry);
        answer.write(answer.text(&entry).replace("keep", "kept by hand"));
        for pick in [Pick::Base, Pick::Remote] {
            answer.pick(&entry, pick);
        }
        assert_eq!(answer.text(&entry), "a = 1\nkept by hand\nb = 3\nend, theirs");
        answer.write("<<<<<<< ours\nq\n=======\nr\n>>>>>>> theirs".into());
        answer.pick(&entry, Pick::Base);
        assert_eq!(answer.missing(&entry), [Part::Source], "nobody knows the base of a stretch written by hand");
        answer.pick(&entry, Pick::Both);
        assert_eq!(answer.text(&entry), "q\nr");
    }

    #[test]
    fn marks_of_others_are_text() {
        assert!(!is_open("<<<<<<< HEAD\nx\n=======\n>>>>>>> main"));
        let mut answer = Answer::new(&entry("a", "b", "c"));
        answer.write("<<<<<<< HEAD".into());
        assert!(answer.missing(&entry("a", "b", "c")).is_empty());
    }
}

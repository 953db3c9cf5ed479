//! Decisions as they are kept until the file is written: they outlive the page, the program and a crash.
//!
//! They belong to the versions they were made about, and inside of these each to what it decided: the texts of the cell
//! in all versions. So they can be offered again where another merge meets the very same conflict, and are never put on
//! anything else.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answer, Chunk, Entry};
use crate::base::fsx::hash;

/// What is kept of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    format: u32,
    /// Below the workspace.
    pub path: String,
    /// Names the versions, in hexadecimal digits.
    versions: String,
    /// When the last decision was made.
    pub at: Timestamp,
    /// The file was written by them: they are of interest only where the same versions meet once more.
    #[serde(default)]
    pub done: bool,
    decisions: Vec<Decision>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Decision {
    /// The place of the entry.
    at: usize,
    /// `Cell 12`, for a person.
    place: String,
    title: String,
    /// Names what is decided.
    about: String,
    answer: Answer,
    /// The text as it stands, for a person who looks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Kept {
    /// What was decided about a file whose versions are named by `mark`; none while nothing is.
    pub fn new(
        (path, mark): (&str, u64),
        entries: &[Entry],
        (answers, untouched): (&BTreeMap<usize, Answer>, &BTreeMap<usize, Answer>),
        at: Timestamp,
    ) -> Option<Self> {
        let mut decisions = Vec::new();
        for entry in entries {
            let Some(answer) = answers.get(&entry.at).filter(|a| untouched.get(&entry.at) != Some(*a)) else {
                continue;
            };
            decisions.push(Decision {
                at: entry.at,
                place: entry.place.clone(),
                title: entry.title.clone(),
                about: about(entry),
                text: answer.typed.clone(),
                answer: answer.clone(),
            });
        }
        let versions = format!("{mark:016x}");
        (!decisions.is_empty()).then(|| Self { format: 1, path: path.to_owned(), versions, at, done: false, decisions })
    }

    /// Names the versions.
    pub fn mark(&self) -> Option<u64> {
        u64::from_str_radix(&self.versions, 16).ok().filter(|_| self.format == 1)
    }

    /// Number of decisions.
    pub fn len(&self) -> usize {
        self.decisions.len()
    }

    /// True without a decision.
    pub fn is_empty(&self) -> bool {
        self.decisions.is_empty()
    }

    /// Those about what stands in these entries, by the place they have there.
    pub fn fitting(&self, entries: &[Entry]) -> BTreeMap<usize, Answer> {
        let mut all = BTreeMap::new();
        for decision in &self.decisions {
            let fits = |e: &&Entry| decision.about == about(e) && !all.contains_key(&e.at);
            // Of cells that are the same in all versions the one at the same place is meant.
            let found = entries.iter().find(|e| e.at == decision.at && fits(e)).or_else(|| entries.iter().find(fits));
            if let Some(entry) = found {
                all.insert(entry.at, decision.answer.clone());
            }
        }
        all
    }

    /// All of it in words, for what fits nowhere any more.
    pub fn text(&self) -> String {
        let one = |d: &Decision| {
            let head = format!("# {}, {}: {}\n", self.path, d.place, d.title);
            match &d.answer.typed {
                Some(text) => format!("{head}{text}\n"),
                None => head,
            }
        };
        self.decisions.iter().map(one).collect::<Vec<_>>().join("\n")
    }
}

/// Names what an entry asks: the same texts and the same members of metadata ask the same again.
fn about(entry: &Entry) -> String {
    let mut bytes = Vec::new();
    let mut put = |text: Option<&str>| {
        let text = text.map(str::as_bytes);
        bytes.extend(text.map_or(u64::MAX, |t| t.len() as u64).to_le_bytes());
        bytes.extend(text.unwrap_or_default());
    };
    entry.texts.iter().for_each(|t| put(t.as_deref()));
    for key in &entry.keys {
        put(Some(&key.path));
        key.values.iter().for_each(|v| put(v.as_deref()));
    }
    let stretches = entry.chunks.iter().filter(|c| matches!(c, Chunk::Conflict { .. })).count();
    put(Some(&format!("{:?} {stretches} {:?}", entry.parts, entry.kind)));
    format!("{:016x}", hash(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::merge::{Part, Pick, Results, Take, TextPlan};

    #[test]
    fn decisions_come_back_on_what_they_are_about_and_on_nothing_else() {
        let plan = TextPlan::new("a\nkeep\nb\nkeep\nc", "A\nkeep\nB\nkeep\nC", "1\nkeep\n2\nkeep\n3");
        let fresh: BTreeMap<usize, Answer> = plan.entries.iter().map(|e| (e.at, Answer::new(e))).collect();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(Kept::new(("t.txt", 7), &plan.entries, (&fresh, &fresh), now), None);
        let mut answers = fresh.clone();
        let [first, second, third] = plan.entries.as_slice() else { panic!("three") };
        answers.get_mut(&first.at).unwrap().pick(first, Pick::Both);
        answers.get_mut(&second.at).unwrap().write("by hand \u{1f980}\u{2028}\r".into());
        let kept = Kept::new(("t.txt", 7), &plan.entries, (&answers, &fresh), now).unwrap();
        let text = serde_json::to_string(&kept).unwrap();
        let kept: Kept = serde_json::from_str(&text).unwrap();
        assert_eq!((kept.mark(), kept.len()), (Some(7), 2));
        let back = kept.fitting(&plan.entries);
        assert_eq!(back.get(&first.at), answers.get(&first.at));
        assert_eq!(back.get(&second.at), answers.get(&second.at));
        assert_eq!(back.get(&third.at), None);
        assert!(kept.text().contains("by hand \u{1f980}"));
        // Another merge that meets one of the two again.
        let other = TextPlan::new("new\nb\nkeep\nc", "new\nB\nkeep\nC", "new\n2\nkeep\n4");
        let back = kept.fitting(&other.entries);
        assert_eq!(back.len(), 1);
        assert_eq!(back.get(&other.entries[0].at), answers.get(&second.at));
    }

    #[test]
    fn every_kind_of_decision_is_kept_whole() {
        let entry = Entry { at: usize::MAX, parts: vec![Part::Outputs, Part::Metadata], ..Entry::default() };
        let mut answer = Answer { whole: Some(Take::Base), place: Some(Take::Remote), used: true, ..Answer::default() };
        answer.metadata.choose("a.\"b.c\"", Take::Local);
        answer.outputs = Some(Results::Ran { outputs: b"[\"\\ud800\"]".to_vec(), count: Some(3), source: "x".into() });
        let answers = [(entry.at, answer.clone())].into();
        let entries = [entry];
        let kept = Kept::new(("n.ipynb", 1), &entries, (&answers, &BTreeMap::new()), Timestamp::UNIX_EPOCH).unwrap();
        let kept: Kept = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
        assert_eq!(kept.fitting(&entries), answers);
    }
}

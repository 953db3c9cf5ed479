//! The merged notebook as a person decided it.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Merger, Part, Plan, Take,
    cell::{self, MergedCell},
    marked, merge, minor_of,
    order::Item,
};
use crate::{
    base::{Error, Result},
    model::{
        diff::{
            Document,
            align::{align, pairs},
        },
        notebook::Notebook,
        settle,
    },
};

/// Which outputs a cell gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Results {
    Of(Take),
    None,
    /// Those of a run of the merged notebook: the field as it is written.
    Ran {
        #[serde(with = "as_text")]
        outputs: Vec<u8>,
        count: Option<i64>,
        /// The source that was run.
        source: String,
    },
}

/// Whose values stand where both sides changed members of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// By the path of the member.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    each: BTreeMap<String, Take>,
    /// Of all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rest: Option<Take>,
}

impl Keys {
    /// One version's of all members.
    pub fn all(take: Take) -> Self {
        Self { each: BTreeMap::new(), rest: Some(take) }
    }
    /// One version's of this member.
    pub fn choose(&mut self, path: &str, take: Take) {
        self.each.insert(path.to_owned(), take);
    }
    /// Whose value of this member stands; none while that is undecided.
    pub fn of(&self, path: &str) -> Option<Take> {
        self.each.get(path).copied().or(self.rest)
    }
    /// Nothing is decided.
    pub fn is_empty(&self) -> bool {
        self.each.is_empty() && self.rest.is_none()
    }
}

/// What a person decided about one cell; what is not said is merged by itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// The whole source.
    pub source: Option<String>,
    pub outputs: Option<Results>,
    pub metadata: Keys,
    /// The version that stands where one side took the cell out, or both changed its type or a field Andon does not know.
    pub cell: Option<Take>,
    /// Whose place, of a cell that both moved.
    pub place: Option<Take>,
}

/// JSON as it is written, kept as a text.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&String::from_utf8_lossy(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        String::deserialize(from).map(String::into_bytes)
    }
}

impl Choice {
    /// True when nothing inside the cell was decided.
    fn is_of_place_alone(&self) -> bool {
        self.source.is_none() && self.outputs.is_none() && self.metadata.is_empty() && self.cell.is_none()
    }
}

/// How much of the notebook is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    /// Up to this cell among those of the plan.
    Until(usize),
    /// This cell and no other.
    Only(usize),
}

/// All decisions about a notebook.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    /// By the place of the cell among those of the merged notebook.
    pub cells: BTreeMap<usize, Choice>,
    /// Whose metadata stand where both sides changed those of the notebook.
    pub notebook: Keys,
}

impl Plan {
    /// The notebook as decided.
    ///
    /// # Errors
    /// When something is left undecided; the error names the cells.
    pub fn decide(&self, choices: &Choices) -> Result<Vec<u8>> {
        self.put_together(choices, Extent::All)
    }

    /// The decided notebook up to the cell that is `until` among those of the plan, and the place of that cell in it.
    ///
    /// # Errors
    /// When something before it is left undecided, or the cell itself is left out.
    pub fn decide_until(&self, choices: &Choices, until: usize) -> Result<(Vec<u8>, usize)> {
        let bytes = self.put_together(choices, Extent::Until(until))?;
        let last = Notebook::parse(bytes.as_slice())?.cells().len().checked_sub(1);
        Ok((bytes, last.ok_or_else(|| Error::user("The cell is left out of the merged notebook"))?))
    }

    /// A notebook that holds nothing but the decided cell `only`.
    ///
    /// # Errors
    /// When its source is left undecided, or the cell is left out.
    pub fn decide_only(&self, choices: &Choices, only: usize) -> Result<Vec<u8>> {
        self.put_together(choices, Extent::Only(only))
    }

    fn put_together(&self, choices: &Choices, extent: Extent) -> Result<Vec<u8>> {
        let merger = self.merger();
        let whole = extent == Extent::All;
        if *choices == Choices::default() && whole {
            let [b, l, r] = self.versions.each_ref().map(|v| v.book.to_bytes());
            let merged = merge(&b, &l, &r, super::plan::NAMES)?;
            if merged.conflicts.is_empty() {
                return Ok(merged.bytes);
            }
        }
        let stands = |path: &str| choices.notebook.of(path).map(|t| cell::stand(t, self.flip));
        let (envelope, open) = merger.envelope(&stands)?;
        let mut undecided = Vec::new();
        if !open.is_empty() && whole {
            undecided.push("the notebook's metadata".to_owned());
        }
        let (mut items, mut cells) = (Vec::new(), Vec::new());
        let mut sequence = self.sequence(choices);
        if let Extent::Only(only) = extent {
            sequence.retain(|at| *at == only);
        }
        let last = match extent {
            Extent::All => None,
            Extent::Until(at) | Extent::Only(at) => Some(at),
        };
        for at in sequence {
            let Some(item) = self.order.items.get(at).copied() else { continue };
            let choice = choices.cells.get(&at).filter(|c| !c.is_of_place_alone());
            if let Some(MergedCell { raw, conflicts, stale }) = merger.merged(item, choice)? {
                // What runs is sources: whose outputs and metadata stand makes no difference to it.
                let counts = |part: &Part| whole || matches!(part, Part::Source | Part::Cell);
                if conflicts.iter().any(counts) {
                    undecided.push(format!("cell {}", at + 1));
                }
                let own: Vec<(&str, String)> =
                    stale.filter(|_| !self.open).map(|s| ("stale", format!("\"{s:016x}\""))).into_iter().collect();
                cells.push(marked(&raw, &own));
                items.push(item);
            } else if last == Some(at) {
                return Err(Error::user("The cell is left out of the merged notebook"));
            }
            if last == Some(at) {
                break;
            }
        }
        if !undecided.is_empty() {
            return Err(Error::user(format!("Not everything is decided: {}", undecided.join(", ")))
                .hint("Choose a side or write the result of each"));
        }
        merger.ids(&items, &mut cells, minor_of(&envelope));
        let bytes = merger.joined(&envelope, &items, &cells);
        // An older conflict may have left its notes in both versions.
        let bytes = settle::unnoted(&bytes)?.unwrap_or(bytes);
        Notebook::parse(bytes.as_slice()).map_err(|e| Error::bug("The decisions made no notebook").because(&e))?;
        Ok(bytes)
    }

    pub(super) fn merger(&self) -> Merger<'_> {
        let [b, l, r] = &self.versions;
        let mut merger = if self.flip { Merger::new(b, r, l) } else { Merger::new(b, l, r) };
        merger.names = super::plan::NAMES;
        merger.flip = self.flip;
        merger
    }

    /// Places of the cells in the order that was decided: a cell that both sides moved goes behind the one that stands
    /// before it on the chosen side.
    fn sequence(&self, choices: &Choices) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.order.items.len()).collect();
        for (at, choice) in &choices.cells {
            let Some(take) = choice.place else { continue };
            let place = |item: &Item| match cell::stand(take, self.flip) {
                0 => item.base,
                1 => item.local,
                _ => item.remote,
            };
            let Some(mine) = self.order.items.get(*at).and_then(place) else { continue };
            let before = (0..mine)
                .rev()
                .find_map(|n| all.iter().position(|i| self.order.items.get(*i).and_then(place) == Some(n) && i != at));
            all.retain(|i| i != at);
            let slot = before.map_or(0, |b| {
                // The positions behind the cell itself have moved up by one.
                let shift = usize::from(b >= all.len() || all.get(b).is_none());
                (b + 1).saturating_sub(shift).min(all.len())
            });
            all.insert(slot, *at);
        }
        all
    }
}

/// Everything taken from one side where both changed it.
///
/// # Errors
/// When one of the three is no notebook of format 4.
pub fn decide_all(base: &[u8], local: &[u8], remote: &[u8], take: Take) -> Result<Vec<u8>> {
    let plan = Plan::new(base, local, remote)?;
    let mut choices = Choices { notebook: Keys::all(take), ..Choices::default() };
    for entry in plan.entries.iter().filter(|e| !e.parts.is_empty()) {
        let mut answer = super::Answer::new(entry);
        let open = entry.chunks.len().max(1);
        (0..open).for_each(|_| {
            if !answer.missing(entry).is_empty() {
                answer.pick(entry, take.into());
            }
        });
        choices.cells.insert(entry.at, answer.choice(entry));
    }
    plan.decide(&choices)
}

/// `decided` with what a person changed in the file since the merge left it: `left` is the file as the merge wrote it,
/// `now` as it is on disk. Where both say something, the decision stands.
///
/// # Errors
/// When one of the three is no notebook of format 4.
pub fn carry(left: &[u8], now: &[u8], decided: &[u8]) -> Result<Vec<u8>> {
    if left == now { Ok(decided.to_vec()) } else { decide_all(left, now, decided, Take::Remote) }
}

/// The sources, by place among the merged cells, that a person wrote since the merge left the file as `left`; marks in
/// the words used here.
///
/// # Errors
/// When one of the two is no notebook of format 4.
pub fn written_since(left: &[u8], now: &[u8]) -> Result<BTreeMap<usize, String>> {
    let (old, new) = (Document::parse("left", left.to_vec())?, Document::parse("now", now.to_vec())?);
    let matching = align(&old, &new);
    let mut all = BTreeMap::new();
    for (i, j) in pairs(&matching) {
        if let (Some(a), Some(b)) = (old.cells.get(i), new.cells.get(j))
            && a.source != b.source
        {
            all.insert(i, super::answer::in_our_words(&b.source));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;

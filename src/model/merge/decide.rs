//! The merged notebook as a person decided it.
use std::collections::BTreeMap;

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
#[derive(Debug, Clone, PartialEq)]
pub enum Results {
    Of(Take),
    None,
    /// Those of a run of the merged notebook: the field as it is written.
    Ran {
        outputs: Vec<u8>,
        count: Option<i64>,
        /// The source that was run.
        source: String,
    },
}

/// What a person decided about one cell; what is not said is merged by itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// The whole source.
    pub source: Option<String>,
    pub outputs: Option<Results>,
    pub metadata: Option<Take>,
    /// The version that stands where one side took the cell out, or both changed its type or a field Andon does not know.
    pub cell: Option<Take>,
    /// Whose place, of a cell that both moved.
    pub place: Option<Take>,
}

impl Choice {
    /// True when nothing inside the cell was decided.
    fn is_of_place_alone(&self) -> bool {
        self.source.is_none() && self.outputs.is_none() && self.metadata.is_none() && self.cell.is_none()
    }
}

/// All decisions about a notebook.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choices {
    /// By the place of the cell among those of the merged notebook.
    pub cells: BTreeMap<usize, Choice>,
    /// Whose metadata stand where both sides changed those of the notebook.
    pub notebook: Option<Take>,
}

impl Plan {
    /// The notebook as decided.
    ///
    /// # Errors
    /// When something is left undecided; the error names the cells.
    pub fn decide(&self, choices: &Choices) -> Result<Vec<u8>> {
        self.put_together(choices, None)
    }

    /// The decided notebook up to the cell that is `until` among those of the plan, and the place of that cell in it.
    ///
    /// # Errors
    /// When something before it is left undecided, or the cell itself is left out.
    pub fn decide_until(&self, choices: &Choices, until: usize) -> Result<(Vec<u8>, usize)> {
        let bytes = self.put_together(choices, Some(until))?;
        let last = Notebook::parse(bytes.as_slice())?.cells().len().checked_sub(1);
        Ok((bytes, last.ok_or_else(|| Error::user("The cell is left out of the merged notebook"))?))
    }

    fn put_together(&self, choices: &Choices, until: Option<usize>) -> Result<Vec<u8>> {
        let merger = self.merger();
        if *choices == Choices::default() && until.is_none() {
            let [b, l, r] = self.versions.each_ref().map(|v| v.book.to_bytes());
            let merged = merge(&b, &l, &r, super::plan::NAMES)?;
            if merged.conflicts.is_empty() {
                return Ok(merged.bytes);
            }
        }
        let stands = choices.notebook.map(|t| cell::stand(t, self.flip));
        let (envelope, open) = merger.envelope(stands)?;
        let mut undecided = Vec::new();
        if !open.is_empty() && stands.is_none() && until.is_none() {
            undecided.push("the notebook's metadata".to_owned());
        }
        let (mut items, mut cells) = (Vec::new(), Vec::new());
        for at in self.sequence(choices) {
            let Some(item) = self.order.items.get(at).copied() else { continue };
            let choice = choices.cells.get(&at).filter(|c| !c.is_of_place_alone());
            if let Some(MergedCell { raw, conflicts, stale }) = merger.merged(item, choice)? {
                // What runs is sources: whose outputs and metadata stand makes no difference to it.
                let counts = |part: &Part| until.is_none() || matches!(part, Part::Source | Part::Cell);
                if conflicts.iter().any(counts) {
                    undecided.push(format!("cell {}", at + 1));
                }
                let own: Vec<(&str, String)> =
                    stale.map(|source| ("stale", format!("\"{source:016x}\""))).into_iter().collect();
                cells.push(marked(&raw, &own));
                items.push(item);
            } else if until == Some(at) {
                return Err(Error::user("The cell is left out of the merged notebook"));
            }
            if until == Some(at) {
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
    let mut choices = Choices { notebook: Some(take), ..Choices::default() };
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

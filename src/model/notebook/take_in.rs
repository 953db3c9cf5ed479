//! Taking in another version of the same notebook as one change that can be undone: cells that are the same keep their
//! identity, and only what differs is touched, so that undo takes back nothing that a run has put in meanwhile.
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::{
    super::json::Bytes,
    Cell, CellKey, CellKind, Field, Notebook,
    edit::{Slot, Step, Transaction},
};
use crate::base::{Error, Result, text::count};

/// Fields that can be replaced on their own, so that the others keep what comes into them later.
const FIELDS: [Field; 6] =
    [Field::Source, Field::Metadata, Field::Attachments, Field::Outputs, Field::ExecutionCount, Field::Id];

/// What came in with another version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenIn {
    pub inserted: Vec<CellKey>,
    pub removed: usize,
    /// Cells whose text, type or metadata are others.
    pub edited: Vec<CellKey>,
    /// Cells of which only results are others.
    pub outputs: usize,
    pub moved: usize,
    /// What stands around the cells is another.
    pub around: bool,
}

impl TakenIn {
    /// Nothing was different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
    /// Number of cells it concerns.
    pub fn cells(&self) -> usize {
        self.inserted.len() + self.removed + self.edited.len() + self.outputs + self.moved
    }
    /// `2 cells edited, 1 inserted`.
    pub fn words(&self) -> String {
        let parts = [
            (self.edited.len(), "edited"),
            (self.inserted.len(), "inserted"),
            (self.removed, "removed"),
            (self.moved, "moved"),
            (self.outputs, "with other outputs"),
        ];
        let mut words: Vec<String> = Vec::new();
        for (n, deed) in parts.into_iter().filter(|p| p.0 > 0) {
            let cells = if words.is_empty() { count(n as u64, "cell") } else { n.to_string() };
            words.push(format!("{cells} {deed}"));
        }
        if self.around {
            words.push("the notebook's metadata".to_owned());
        }
        words.join(", ")
    }
}

impl Notebook {
    /// What [`Self::take_in`] would do.
    pub fn differences(&self, new: &Self) -> TakenIn {
        self.clone().compared(new).map(|(_, taken)| taken).unwrap_or_default()
    }

    /// Makes this notebook what `new` is, as one step of the history.
    ///
    /// # Errors
    /// When either cannot be changed, or one is a text and the other is not.
    pub fn take_in(&mut self, new: &Self, label: &'static str) -> Result<TakenIn> {
        if !self.fits(new) {
            return Err(Error::bug("Another kind of notebook was to be taken in"));
        }
        let (steps, taken) = self.compared(new)?;
        let focus = taken.edited.first().or(taken.inserted.first()).copied();
        self.end_typing();
        self.commit(Transaction { label, steps, focus }, None)?;
        Ok(taken)
    }

    /// True when the other can be taken in: both can be changed and are files of one kind.
    pub fn fits(&self, new: &Self) -> bool {
        self.read_only().is_none() && new.read_only().is_none() && self.script.is_some() == new.script.is_some()
    }

    fn compared(&mut self, new: &Self) -> Result<(Vec<Step>, TakenIn)> {
        let same = same_cells(self, new);
        let mut taken = TakenIn::default();
        let (mut slots, mut keys, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        for (cell, old) in new.cells.iter().zip(&same) {
            let Some(old) = old.and_then(|i| self.cells.get(i)).cloned() else {
                let key = self.fresh_key();
                let mut come = (**cell).clone();
                come.key = key;
                slots.push(Slot::Come(Arc::new(come)));
                keys.push(key);
                taken.inserted.push(key);
                continue;
            };
            slots.push(Slot::Stay(old.key));
            keys.push(old.key);
            let changed = self.cell_steps(&old, cell)?;
            let results = |s: &Step| matches!(s, Step::Field { field: Field::Outputs | Field::ExecutionCount, .. });
            if changed.iter().any(|s| !results(s)) && !is_relaid(&old, cell) {
                taken.edited.push(old.key);
            } else if !changed.is_empty() && !old.outputs().eq(cell.outputs()) {
                taken.outputs += 1;
            }
            steps.extend(changed);
        }
        let kept: HashSet<usize> = same.iter().flatten().copied().collect();
        taken.removed = self.cells.len() - kept.len();
        taken.moved = kept.len() - longest_rise(same.iter().flatten().copied());
        let as_before = self.cells.iter().map(|c| c.key).eq(keys.iter().copied());
        if !as_before || self.gaps != new.gaps {
            steps.insert(0, Step::Order { cells: slots, gaps: new.gaps.clone() });
        }
        let (head, tail) = (new.envelope.head.clone(), new.envelope.tail.clone());
        if head != self.envelope.head || tail != self.envelope.tail {
            taken.around = self.envelope.metadata != new.envelope.metadata;
            steps.push(Step::Envelope { head, tail });
        }
        let script = new.script.as_ref().map(|s| Arc::new(s.placed(&keys)));
        if script != self.script || self.ascii != new.ascii || self.notes != new.notes {
            steps.push(Step::Look { script, ascii: new.ascii, notes: new.notes.clone() });
        }
        Ok((steps, taken))
    }

    /// Steps that make a cell what another version of it is.
    fn cell_steps(&self, old: &Cell, new: &Cell) -> Result<Vec<Step>> {
        let key = old.key;
        let field = |field, value: Option<Bytes>| Step::Field { key, field, value };
        if self.script.is_some() {
            // A text holds neither outputs nor counts: those that are shown stay.
            let mut steps = Vec::new();
            if old.kind != new.kind {
                return Ok(vec![Step::Raw { key, raw: new.raw().clone() }]);
            }
            if old.source != new.source {
                steps.push(field(Field::Source, new.field(Field::Source)));
            }
            if old.metadata() != new.metadata() {
                steps.push(field(Field::Metadata, new.field(Field::Metadata)));
            }
            return Ok(steps);
        }
        if old.raw() == new.raw() {
            return Ok(Vec::new());
        }
        let (mut draft, mut steps) = (old.clone(), Vec::new());
        for one in FIELDS {
            let value = new.field(one);
            if draft.field(one) != value {
                draft = draft.with_field(one, value.as_deref(), self.ascii)?;
                steps.push(field(one, value));
            }
        }
        // A field that goes would come back in another place.
        let goes = |s: &Step| matches!(s, Step::Field { value: None, .. });
        let exact = draft.raw() == new.raw() && !steps.iter().any(goes);
        Ok(if exact { steps } else { vec![Step::Raw { key, raw: new.raw().clone() }] })
    }
}

/// The cell was only written in another layout, or has other results.
fn is_relaid(old: &Cell, new: &Cell) -> bool {
    old.kind == new.kind
        && old.source == new.source
        && old.id == new.id
        && old.metadata() == new.metadata()
        && old.field(Field::Attachments) == new.field(Field::Attachments)
}

/// For each cell of the new version the place of the same one here: by id, by its text, and what was edited between two
/// that are the same by its place.
fn same_cells(old: &Notebook, new: &Notebook) -> Vec<Option<usize>> {
    let once = |cells: &[Arc<Cell>]| -> HashMap<Arc<str>, Option<usize>> {
        let mut all = HashMap::new();
        for (i, cell) in cells.iter().enumerate() {
            if let Some(id) = &cell.id {
                all.entry(id.clone()).and_modify(|e| *e = None).or_insert(Some(i));
            }
        }
        all
    };
    let (mine, theirs) = (once(&old.cells), once(&new.cells));
    let mut same: Vec<Option<usize>> = vec![None; new.cells.len()];
    let mut free = vec![true; old.cells.len()];
    let mut pair = |same: &mut Vec<Option<usize>>, n: usize, o: usize| {
        if let (Some(slot), Some(unused)) = (same.get_mut(n), free.get_mut(o))
            && slot.is_none()
            && *unused
        {
            (*slot, *unused) = (Some(o), false);
        }
    };
    for (id, n) in &theirs {
        if let (Some(n), Some(Some(o))) = (n, mine.get(id)) {
            pair(&mut same, *n, *o);
        }
    }
    let taken: HashSet<usize> = same.iter().flatten().copied().collect();
    let mut texts: HashMap<(CellKind, &str), VecDeque<usize>> = HashMap::new();
    for (o, cell) in old.cells.iter().enumerate().filter(|(o, _)| !taken.contains(o)) {
        texts.entry((cell.kind, &cell.source)).or_default().push_back(o);
    }
    for (n, cell) in new.cells.iter().enumerate() {
        if same.get(n).is_some_and(Option::is_none)
            && let Some(o) = texts.get_mut(&(cell.kind, &*cell.source)).and_then(VecDeque::pop_front)
        {
            pair(&mut same, n, o);
        }
    }
    let mut n = 0;
    while n < same.len() {
        let end = (n..same.len()).find(|i| same.get(*i).is_some_and(Option::is_some)).unwrap_or(same.len());
        let from = n.checked_sub(1).and_then(|i| same.get(i).copied().flatten()).map_or(0, |o| o + 1);
        let to = same.get(end).copied().flatten().unwrap_or(old.cells.len());
        if end > n && to >= from && to - from == end - n {
            for i in 0..end - n {
                let kinds = (old.cells.get(from + i).map(|c| c.kind), new.cells.get(n + i).map(|c| c.kind));
                if kinds.0 == kinds.1 {
                    pair(&mut same, n + i, from + i);
                }
            }
        }
        n = end + 1;
    }
    same
}

/// Length of the longest rising sequence: what did not move.
fn longest_rise(places: impl Iterator<Item = usize>) -> usize {
    let mut ends: Vec<usize> = Vec::new();
    for place in places {
        let at = ends.partition_point(|e| *e < place);
        match ends.get_mut(at) {
            Some(end) => *end = place,
            None => ends.push(place),
        }
    }
    ends.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{notebook::OutputJson, script::Script};

    type Made<'a> = (&'a str, &'a str, &'a str);

    fn book(cells: &[Made<'_>]) -> Notebook {
        let cells: Vec<_> = cells
            .iter()
            .map(|(id, source, out)| {
                let outputs = if out.is_empty() {
                    serde_json::json!([])
                } else {
                    serde_json::json!([{"output_type": "stream", "name": "stdout", "text": [out]}])
                };
                let mut cell = serde_json::json!({"cell_type": "code", "metadata": {}, "source": source.split_inclusive('\n').collect::<Vec<_>>(),
                                   "outputs": outputs, "execution_count": null});
                if !id.is_empty() {
                    cell["id"] = (*id).into();
                }
                cell
            })
            .collect();
        let all = serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
        Notebook::parse(format!("{}\n", serde_json::to_string_pretty(&all).unwrap()).into_bytes()).unwrap()
    }

    fn text(n: &Notebook) -> String {
        String::from_utf8(n.to_bytes()).unwrap()
    }

    #[test]
    fn another_version_comes_in_byte_for_byte_and_goes_out_again() {
        let versions: [&[Made<'_>]; 7] = [
            &[("a", "x = 1", ""), ("b", "y = 2\nz", "two"), ("c", "print(x)", "")],
            &[("a", "x = 1", "one"), ("b", "y = 3\nz", "two"), ("c", "print(x)", "")],
            &[("c", "print(x)", ""), ("a", "x = 1", ""), ("d", "new", ""), ("b", "y = 2\nz", "two")],
            &[],
            &[("b", "y = 2\nz", "")],
            &[("", "x = 1", ""), ("", "edited", "two"), ("", "print(x)", "")],
            &[("a", "q", ""), ("a", "r", ""), ("z", "", "")],
        ];
        for from in versions {
            for to in versions {
                let (mut now, new) = (book(from), book(to));
                let before = text(&now);
                let taken = now.take_in(&new, "Merge").unwrap();
                assert_eq!(text(&now), text(&new), "{from:?} {to:?}");
                assert_eq!(taken.is_empty(), from == to, "{from:?} {to:?} {taken:?}");
                if from != to {
                    now.undo().unwrap().unwrap();
                    assert_eq!(text(&now), before);
                    now.redo().unwrap().unwrap();
                    assert_eq!(text(&now), text(&new));
                }
            }
        }
    }

    #[test]
    fn cells_keep_their_identity_and_undo_takes_back_no_later_result() {
        let mut now = book(&[("a", "x = 1", ""), ("b", "y = 2", ""), ("c", "z", "")]);
        let keys: Vec<_> = now.cells().iter().map(|c| c.key).collect();
        let new = book(&[("c", "z", ""), ("n", "fresh", ""), ("a", "x = 10", "")]);
        let taken = now.take_in(&new, "Merge").unwrap();
        assert_eq!((taken.edited.as_slice(), taken.removed, taken.inserted.len(), taken.moved), (&keys[..1], 1, 1, 1));
        assert_eq!(taken.words(), "1 cell edited, 1 inserted, 1 removed, 1 moved");
        assert_eq!(now.cells()[2].key, keys[0]);
        let out: OutputJson = r#"{"output_type":"stream","name":"stdout","text":["late"]}"#.into();
        now.set_outputs(keys[0], std::slice::from_ref(&out), Some(4)).unwrap();
        now.set_outputs(keys[2], &[out], Some(5)).unwrap();
        now.undo().unwrap();
        assert_eq!(now.cells().iter().map(|c| c.key).collect::<Vec<_>>(), keys);
        assert_eq!(&*now.cells()[0].source, "x = 1");
        assert!(now.cells()[0].has_outputs() && now.cells()[2].has_outputs(), "results stay");
    }

    #[test]
    fn cells_without_ids_are_found_by_text_and_place() {
        let mut now = book(&[("", "a", ""), ("", "b", ""), ("", "c", "")]);
        let keys: Vec<_> = now.cells().iter().map(|c| c.key).collect();
        let taken =
            now.take_in(&book(&[("", "a", ""), ("", "B!", ""), ("", "c", ""), ("", "d", "")]), "Merge").unwrap();
        assert_eq!((taken.edited.as_slice(), taken.inserted.len()), (&keys[1..2], 1));
    }

    #[test]
    fn a_script_keeps_its_bytes_and_the_outputs_that_are_shown() {
        let script = |text: &str| Script::read("a.py", text).unwrap().notebook().unwrap();
        let old = "# head\n# %%\nx = 1\n\n\n# %% [markdown]\n# Text\n\n# %%\nprint( x )\n";
        let new = "# head\n# %% [markdown]\n# Text\n\n# %%  odd marker\nfresh\n# %%\nx = 1\n\n\n# %%\nprint( x )\n";
        let mut now = script(old);
        let printing = now.cells()[3].key;
        let out: OutputJson = r#"{"output_type":"stream","name":"stdout","text":["1"]}"#.into();
        now.set_outputs(printing, &[out], Some(1)).unwrap();
        now.take_in(&script(new), "Merge").unwrap();
        assert_eq!(text(&now), new);
        assert!(now.cell(printing).unwrap().has_outputs());
        now.undo().unwrap();
        assert_eq!(text(&now), old);
        assert!(now.cell(printing).unwrap().has_outputs());
        now.redo().unwrap();
        assert_eq!(text(&now), new);
    }
}

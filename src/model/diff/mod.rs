//! The meaning of a change: notebooks by cells, outputs as what they are, anything else by lines.
//!
//! [`document`] reads both sides into cells with fingerprints, [`align`] says which cell is which (with [`fuzzy`]
//! for edited ones), [`moves`] which of them moved, [`output`] compares results with the help of [`table`], [`image`],
//! [`chart`] and [`number`]. What tools write at every run (execution counts, timing, widget state, and what [`noise`]
//! lists) is counted and hidden, never lost.
pub(in crate::model) mod align;
mod chart;
mod content;
mod document;
mod file;
mod fuzzy;
mod image;
pub(in crate::model) mod moves;
mod noise;
mod number;
mod order;
mod output;
mod table;
mod tabletext;

use std::sync::Arc;

use serde::Serialize;

pub use chart::{ChartDiff, ChartPart};
pub use document::{CellType, CellView, Document, OutputView};
pub(in crate::model) use document::{Form, VOLATILE_CELL, VOLATILE_NOTEBOOK, canonical};
pub use file::{FileDiff, FileShape, Kept, Picture, compare_files, compare_files_by, is_notebook};
pub use image::{Fit, Heat, ImageDiff, ImageView, Region, SHOWN_SIDE, SSIM_PIXELS};
pub use noise::{Noise, Rules};
pub use number::{Delta, Metric};
pub(in crate::model) use order::linked;
pub use output::{OutputChange, OutputDetail, OutputDiff};
pub use table::{TableData, TableDiff, TableRow};

use super::textdiff::TextDiff;
use crate::{base::text, model::json::Bytes};

/// What happened to a cell, in the order of what a reviewer must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CellChange {
    Same,
    /// Only what a run writes by itself: count, timing, addresses.
    Rerun,
    Changed,
    Added,
    Removed,
}

/// A metadata key that differs, values as JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyChange {
    pub key: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

impl KeyChange {
    /// Both values as a person reads them: what Andon itself noted in words, all else as it is written.
    pub fn shown(&self) -> [Option<String>; 2] {
        [&self.old, &self.new]
            .map(|v| v.as_deref().map(|v| super::settle::words(&self.key, v).unwrap_or_else(|| v.to_owned())))
    }
}

/// Where the text of an added cell came from, or where that of a removed one went: cell positions on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Split off from this old cell.
    SplitFrom(usize),
    /// Joined into this new cell.
    JoinedInto(usize),
}

/// One row of the comparison: a cell of either side or of both.
#[derive(Debug, Clone)]
pub struct CellDiff {
    /// Position on the old side, from 0.
    pub old: Option<usize>,
    pub new: Option<usize>,
    pub change: CellChange,
    /// It stands elsewhere among the other cells.
    pub moved: bool,
    /// Moved cells that kept together have the same number.
    pub block: Option<u32>,
    /// Types before and after, when they differ.
    pub retyped: Option<(CellType, CellType)>,
    /// When the sources differ.
    pub source: Option<Arc<TextDiff>>,
    /// Pairs of outputs in order, when any of them differs beyond noise; all of them for a cell that came or went.
    pub outputs: Vec<OutputDiff>,
    pub metadata: Vec<KeyChange>,
    /// Names of attachments that came, went or changed.
    pub attachments: Vec<String>,
    pub link: Option<Link>,
    /// Something that only a run writes differs.
    pub noise: bool,
    /// What of it was found in outputs.
    pub hidden: Noise,
}

impl CellDiff {
    /// True when a reviewer should look at it.
    pub fn is_shown(&self) -> bool {
        self.moved || !matches!(self.change, CellChange::Same | CellChange::Rerun)
    }
    /// Source, type, metadata or attachments differ.
    fn edited(&self) -> bool {
        self.source.is_some() || self.retyped.is_some() || !self.metadata.is_empty() || !self.attachments.is_empty()
    }
}

/// How many cells of each sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    pub added: usize,
    pub removed: usize,
    /// Matched cells whose source, type or metadata differ.
    pub changed: usize,
    /// Matched cells whose outputs alone differ.
    pub outputs: usize,
    pub moved: usize,
    /// Cells that were only run again: hidden.
    pub rerun: usize,
    pub same: usize,
    pub lines_added: u64,
    pub lines_removed: u64,
}

impl Summary {
    /// True when nothing is left to look at.
    pub fn is_quiet(&self) -> bool {
        self.added + self.removed + self.changed + self.outputs + self.moved == 0
    }
    /// `2 changed, 1 added, 1 moved`; empty when nothing is left to look at.
    pub fn words(&self) -> String {
        let parts = [
            (self.changed, "changed"),
            (self.added, "added"),
            (self.removed, "removed"),
            (self.moved, "moved"),
            (self.outputs, "with new outputs"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|p| p.0 > 0).map(|(n, w)| format!("{} {w}", text::thousands(*n as u64))).collect();
        parts.join(", ")
    }
}

/// The comparison of two notebooks.
#[derive(Debug, Clone)]
pub struct NotebookDiff {
    pub old: Arc<Document>,
    pub new: Arc<Document>,
    /// In reading order: new order, removed cells after their old neighbour.
    pub cells: Vec<CellDiff>,
    pub summary: Summary,
    /// Notebook metadata a person cares for.
    pub metadata: Vec<KeyChange>,
    /// What concerns the whole file, in words.
    pub notes: Vec<String>,
}

impl NotebookDiff {
    /// Compares two notebooks.
    pub fn new(old: Arc<Document>, new: Arc<Document>) -> Self {
        Self::by(old, new, &Rules::default())
    }
    /// Compares two notebooks by the rules of a workspace.
    pub fn by(old: Arc<Document>, new: Arc<Document>, rules: &Rules) -> Self {
        let judge = output::Judge::new(rules);
        let matching = align::align(&old, &new);
        let mut cells = order::rows(&old, &new, &matching);
        for row in &mut cells {
            fill(row, &old, &new, &judge);
        }
        order::links(&mut cells, &old, &new);
        let metadata = key_changes(&old.metadata, &new.metadata);
        let summary = summarise(&cells, &old, &new);
        let notes = notes(&old, &new, &matching, &cells);
        Self { old, new, cells, summary, metadata, notes }
    }
    /// What differs in outputs and counts for nothing: hidden, not lost.
    pub fn hidden(&self) -> Noise {
        let mut all = Noise::default();
        self.cells.iter().for_each(|c| all.join(&c.hidden));
        all
    }
    /// The same comparison with outputs taken as noise.
    pub fn without_outputs(&self) -> Self {
        let mut all = self.clone();
        for row in all.cells.iter_mut().filter(|r| !r.outputs.is_empty()) {
            row.outputs.clear();
            row.noise = true;
            if row.change == CellChange::Changed && !row.edited() {
                row.change = CellChange::Rerun;
            }
        }
        all.summary = summarise(&all.cells, &all.old, &all.new);
        all
    }
    /// True when a reader sees no difference at all, noise aside.
    pub fn is_quiet(&self) -> bool {
        self.summary.is_quiet() && self.metadata.is_empty()
    }
    /// The old cell of a row.
    pub fn old_cell(&self, row: &CellDiff) -> Option<&CellView> {
        self.old.cells.get(row.old?)
    }
    /// The new cell of a row.
    pub fn new_cell(&self, row: &CellDiff) -> Option<&CellView> {
        self.new.cells.get(row.new?)
    }
    /// The cell of a row on the side that has it, the new one first.
    pub fn cell(&self, row: &CellDiff) -> Option<&CellView> {
        self.new_cell(row).or_else(|| self.old_cell(row))
    }
}

/// Compares the outputs of two executions of one cell; empty when they show the same, but for the noise that comes with
/// them.
pub fn compare_outputs(old: &[OutputView], new: &[OutputView], rules: &Rules) -> (Vec<OutputDiff>, Noise) {
    output::compare(old, new, &output::Judge::new(rules))
}

/// True when two runs' outputs differ in nothing but what is masked: addresses, times.
pub(in crate::model) fn outputs_differ_in_noise_only(a: &[OutputView], b: &[OutputView]) -> bool {
    output::compare(a, b, &output::Judge::new(&Rules::default())).0.is_empty()
}

/// Compares the two cells of a matched row field by field.
fn fill(row: &mut CellDiff, old: &Document, new: &Document, judge: &output::Judge<'_>) {
    let (a, b) = match (row.old.and_then(|i| old.cells.get(i)), row.new.and_then(|j| new.cells.get(j))) {
        (Some(a), Some(b)) => (a, b),
        // What a cell shows comes and goes with it.
        (a, b) => {
            let outputs = |c: Option<&CellView>| c.map(|c| c.outputs.clone()).unwrap_or_default();
            row.outputs = output::compare(&outputs(a), &outputs(b), judge).0;
            return;
        }
    };
    if a.source != b.source {
        row.source = Some(Arc::new(TextDiff::new(a.source.clone(), b.source.clone())));
    }
    if a.kind != b.kind {
        row.retyped = Some((a.kind, b.kind));
    }
    row.metadata = key_changes(&a.metadata, &b.metadata);
    row.attachments = attachments(a, b);
    let (outputs, hidden) = output::compare(&a.outputs, &b.outputs, judge);
    row.outputs = outputs;
    // Outputs that differ in nothing a reader sees are a re-run as well.
    let masked = !hidden.is_empty() || (row.outputs.is_empty() && a.outputs_hash != b.outputs_hash);
    row.hidden = hidden;
    row.noise = masked || a.count != b.count || a.volatile != b.volatile;
    row.change = if row.edited() || !row.outputs.is_empty() {
        CellChange::Changed
    } else if row.noise {
        CellChange::Rerun
    } else {
        CellChange::Same
    };
}

fn key_changes(old: &[(String, Bytes)], new: &[(String, Bytes)]) -> Vec<KeyChange> {
    let mut keys: Vec<&String> = old.iter().chain(new).map(|(k, _)| k).collect();
    keys.sort();
    keys.dedup();
    let find = |list: &[(String, Bytes)], key: &str| list.iter().rfind(|(k, _)| k == key).map(|(_, v)| v.clone());
    keys.into_iter()
        .filter_map(|key| {
            let (a, b) = (find(old, key), find(new, key));
            let same = match (&a, &b) {
                (Some(a), Some(b)) => output::same_json(a, b),
                _ => false,
            };
            let text = |v: Option<Bytes>| v.map(|v| v.text().to_owned());
            (!same).then(|| KeyChange { key: key.clone(), old: text(a), new: text(b) })
        })
        .collect()
}

/// Attachments that differ; the same content under another name is one rename.
fn attachments(a: &CellView, b: &CellView) -> Vec<String> {
    let gone: Vec<_> = a.attachments.iter().filter(|x| !b.attachments.contains(x)).collect();
    let come: Vec<_> = b.attachments.iter().filter(|x| !a.attachments.contains(x)).collect();
    let mut words = Vec::new();
    for (name, content) in &gone {
        words.push(match come.iter().find(|(n, c)| n == name || c == content) {
            Some((other, _)) if other == name => format!("{name} changed"),
            Some((other, _)) => format!("{name} renamed to {other}"),
            None => format!("{name} removed"),
        });
    }
    let told = |name: &String, content: &u64| gone.iter().any(|(n, c)| n == name || c == content);
    words.extend(come.iter().filter(|(n, c)| !told(n, c)).map(|(n, _)| format!("{n} added")));
    words
}

fn summarise(cells: &[CellDiff], old: &Document, new: &Document) -> Summary {
    let mut s = Summary::default();
    let lines = |cell: Option<&CellView>| cell.map_or(0, |c| c.source.split('\n').count() as u64);
    for row in cells {
        s.moved += usize::from(row.moved);
        match row.change {
            CellChange::Added => {
                s.added += 1;
                s.lines_added += lines(row.new.and_then(|j| new.cells.get(j)));
            }
            CellChange::Removed => {
                s.removed += 1;
                s.lines_removed += lines(row.old.and_then(|i| old.cells.get(i)));
            }
            CellChange::Changed if row.edited() => s.changed += 1,
            CellChange::Changed => s.outputs += 1,
            CellChange::Rerun if !row.moved => s.rerun += 1,
            CellChange::Same if !row.moved => s.same += 1,
            _ => {}
        }
        if let Some(source) = &row.source {
            s.lines_added += u64::from(source.added);
            s.lines_removed += u64::from(source.removed);
        }
    }
    s
}

fn notes(old: &Document, new: &Document, matching: &align::Matching, cells: &[CellDiff]) -> Vec<String> {
    let mut notes = Vec::new();
    if !old.cells.is_empty() && !new.cells.is_empty() && old.format != new.format {
        let (a, b) = (old.format, new.format);
        notes.push(format!("format changed from {}.{} to {}.{}", a.0, a.1, b.0, b.1));
    }
    if new.format.0 > 4 || (new.format.0 == 4 && new.format.1 > super::notebook::KNOWN_MINOR) {
        notes.push(format!(
            "format {}.{} is newer than Andon knows: unknown parts are not compared",
            new.format.0, new.format.1
        ));
    }
    let (mut other, mut both) = (0, 0);
    for (i, j) in align::pairs(matching) {
        if let (Some(x), Some(y)) =
            (old.cells.get(i).and_then(|c| c.id.as_ref()), new.cells.get(j).and_then(|c| c.id.as_ref()))
        {
            both += 1;
            other += usize::from(x != y);
        }
    }
    if other > 0 && other * 2 > both {
        notes.push(format!("cell ids rewritten ({other} of {both}), hidden"));
    } else if other > 0 {
        notes.push(format!("{} with another id, hidden", text::count(other as u64, "cell")));
    }
    if old.volatile != new.volatile && !cells.is_empty() && !old.cells.is_empty() {
        notes.push("metadata written by tools differs, hidden".to_owned());
    }
    notes
}

#[cfg(test)]
pub(in crate::model) mod tests;

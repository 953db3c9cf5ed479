//! Where each cell and each line of a notebook comes from, followed through moves, splits and merges.
use std::sync::Arc;

use serde::Serialize;

use super::{
    diff::{CellChange, CellDiff, Document, Link, NotebookDiff},
    textdiff::{RowKind, TextDiff},
};

/// A version of the notebook: the file after a commit that changed it.
#[derive(Debug, Clone)]
pub struct Version {
    pub doc: Arc<Document>,
    /// Versions it was made from, by their position; more than one after a merge.
    pub parents: Vec<usize>,
}

/// What a commit did to a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    Created,
    /// Split off another cell, whose past it shares.
    Split,
    Edited,
    Moved,
    /// Its outputs alone changed.
    Outputs,
}

impl Deed {
    /// The word a person reads.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Split => "split off",
            Self::Edited => "edited",
            Self::Moved => "moved",
            Self::Outputs => "new outputs",
        }
    }
}

/// The past of one cell.
#[derive(Debug, Clone, Default)]
pub struct Story {
    /// For each line of its source the version that wrote it.
    pub lines: Vec<usize>,
    /// What happened to it and in which version, oldest first.
    pub deeds: Vec<(usize, Deed)>,
}

/// The stories of all cells of the last version. `versions` are in an order in which parents stand before children.
pub fn stories(versions: &[Version]) -> Vec<Story> {
    let mut all: Vec<Vec<Story>> = Vec::with_capacity(versions.len());
    for (at, version) in versions.iter().enumerate() {
        let parents: Vec<usize> = version.parents.iter().copied().filter(|p| *p < at).collect();
        let mut told: Option<Vec<Story>> = None;
        for parent in parents {
            let (Some(old), Some(known)) = (versions.get(parent), all.get(parent)) else { continue };
            let from = inherit(at, &old.doc, known, &version.doc);
            told = Some(match told {
                None => from,
                Some(mut first) => {
                    for (mine, other) in first.iter_mut().zip(from) {
                        prefer(mine, other, at);
                    }
                    first
                }
            });
        }
        all.push(
            told.unwrap_or_else(|| version.doc.cells.iter().map(|c| born(at, &c.source, Deed::Created)).collect()),
        );
    }
    all.pop().unwrap_or_default()
}

fn born(at: usize, source: &str, deed: Deed) -> Story {
    Story { lines: vec![at; source.split('\n').count()], deeds: vec![(at, deed)] }
}

/// The stories of `new` as told by one parent.
fn inherit(at: usize, old: &Arc<Document>, known: &[Story], new: &Arc<Document>) -> Vec<Story> {
    let diff = NotebookDiff::new(old.clone(), new.clone());
    let mut all: Vec<Story> = new.cells.iter().map(|c| born(at, &c.source, Deed::Created)).collect();
    for row in &diff.cells {
        let Some(slot) = row.new.and_then(|j| all.get_mut(j)) else { continue };
        let from = match (row.old, row.link) {
            (Some(i), _) | (None, Some(Link::SplitFrom(i))) => i,
            _ => continue,
        };
        if let (Some(before), Some(old_cell), Some(new_cell)) =
            (known.get(from), old.cells.get(from), diff.new_cell(row))
        {
            slot.lines = carried(at, before, &old_cell.source, &new_cell.source);
            slot.deeds.clone_from(&before.deeds);
            slot.deeds.extend(deeds(row).into_iter().map(|d| (at, d)));
        }
    }
    all
}

fn deeds(row: &CellDiff) -> Vec<Deed> {
    let mut all = Vec::new();
    if row.old.is_none() {
        all.push(Deed::Split);
    }
    if row.moved {
        all.push(Deed::Moved);
    }
    let edited = row.source.is_some() || row.retyped.is_some() || !row.metadata.is_empty();
    if edited || !row.attachments.is_empty() {
        all.push(Deed::Edited);
    } else if row.change == CellChange::Changed {
        all.push(Deed::Outputs);
    }
    all
}

/// The lines of `new`: those that are in `old` too keep their version.
fn carried(at: usize, before: &Story, old: &str, new: &str) -> Vec<usize> {
    if old == new {
        return before.lines.clone();
    }
    let mut lines = vec![at; new.split('\n').count()];
    for row in TextDiff::new(old, new).rows.iter().filter(|r| r.kind == RowKind::Same) {
        let from = row.old.and_then(|i| before.lines.get(i as usize));
        if let (Some(slot), Some(from)) = (row.new.and_then(|j| lines.get_mut(j as usize)), from) {
            *slot = *from;
        }
    }
    lines
}

/// After a merge: a cell that one parent already had as it is has that parent's story, and so has each line.
fn prefer(mine: &mut Story, other: Story, at: usize) {
    let changed = |s: &Story| s.deeds.iter().any(|(v, d)| *v == at && *d != Deed::Moved);
    if changed(mine) && !changed(&other) {
        *mine = other;
        return;
    }
    for (line, from) in mine.lines.iter_mut().zip(&other.lines) {
        if *line == at {
            *line = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn doc(cells: &[&str]) -> Arc<Document> {
        let cells: Vec<_> =
            cells.iter().map(|s| json!({"cell_type": "code", "metadata": {}, "outputs": [], "source": s})).collect();
        let all = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4});
        Arc::new(Document::parse("a.ipynb", serde_json::to_vec(&all).unwrap()).unwrap())
    }

    fn chain(all: &[&[&str]]) -> Vec<Story> {
        let parents = |n: usize| if n == 0 { Vec::new() } else { vec![n - 1] };
        let versions: Vec<Version> =
            all.iter().enumerate().map(|(n, cells)| Version { doc: doc(cells), parents: parents(n) }).collect();
        stories(&versions)
    }

    const LOAD: &str = "frame = pl.read_csv('stations.csv')\nframe = frame.drop_nulls()\nframe.describe()";

    #[test]
    fn lines_keep_their_version_through_edits_and_moves() {
        let edited = LOAD.replace("drop_nulls", "fill_nulls");
        let all = chain(&[
            &["import polars as pl", LOAD],
            &["import polars as pl", &edited],
            &[&edited, "import polars as pl", "frame.write_parquet('out.parquet')"],
        ]);
        assert_eq!(all[0].lines, [0, 1, 0]);
        assert_eq!(all[1].lines, [0]);
        assert_eq!(all[2].deeds, [(2, Deed::Created)]);
        let moved: Vec<_> = all.iter().flat_map(|s| &s.deeds).filter(|d| d.1 == Deed::Moved).collect();
        assert_eq!(moved.len(), 1);
        assert!(all[0].deeds.contains(&(1, Deed::Edited)));
    }

    #[test]
    fn a_cell_that_was_split_off_keeps_the_past_of_its_lines() {
        let whole = "a = load_stations()\nb = clean(a)\nc = summarise(b)\nd = plot_everything(c)";
        let all =
            chain(&[&[whole], &["a = load_stations()\nb = clean(a)", "c = summarise(b)\nd = plot_everything(c)"]]);
        assert_eq!((all[0].lines.clone(), all[1].lines.clone()), (vec![0, 0], vec![0, 0]));
        assert!(all.iter().any(|s| s.deeds.contains(&(1, Deed::Split))));
    }

    #[test]
    fn a_merge_takes_nothing_from_those_who_did_the_work() {
        let (mine, theirs) = (LOAD.replace("drop_nulls", "fill_nulls"), "import polars as pl\nimport numpy as np");
        let versions = [
            Version { doc: doc(&["import polars as pl", LOAD]), parents: vec![] },
            Version { doc: doc(&["import polars as pl", &mine]), parents: vec![0] },
            Version { doc: doc(&[theirs, LOAD]), parents: vec![0] },
            Version { doc: doc(&[theirs, &mine]), parents: vec![1, 2] },
        ];
        let all = stories(&versions);
        assert_eq!((all[0].lines.clone(), all[1].lines.clone()), (vec![0, 2], vec![0, 1, 0]));
        assert!(all.iter().flat_map(|s| &s.deeds).all(|d| d.0 != 3), "{all:?}");
    }
}

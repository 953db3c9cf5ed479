//! From a matching to rows in reading order, moves and their blocks, and the links of split and joined cells.
use std::collections::HashSet;

use super::{
    CellChange, CellDiff, Link,
    align::{Matching, pairs},
    document::{CellView, Document},
    moves::{self, Pair},
};

/// Rows in new order; removed cells stand where they stood among cells that stayed.
pub(super) fn rows(old: &Document, new: &Document, m: &Matching) -> Vec<CellDiff> {
    let weighed: Vec<Pair> = pairs(m)
        .map(|(i, j)| {
            let (a, b) = (old.cells.get(i), new.cells.get(j));
            let len = |c: Option<&CellView>| c.map_or(0, |c| c.source.len());
            let mark = a.map_or(0, |c| c.source_hash) ^ b.map_or(0, |c| c.source_hash).rotate_left(32);
            let mark = mark ^ mark.rotate_left(32);
            Pair { old: i as u32, new: j as u32, weight: moves::weight(len(a), len(b), mark) }
        })
        .collect();
    let stays = moves::staying(&weighed);
    let skeleton: Vec<(usize, usize)> =
        weighed.iter().zip(&stays).filter(|(_, s)| **s).map(|(p, _)| (p.old as usize, p.new as usize)).collect();
    let mut rows = Vec::with_capacity(new.cells.len());
    let (mut i, mut j) = (0, 0);
    let ends = skeleton.iter().copied().map(Some).chain([None]);
    for stop in ends {
        let (end_old, end_new) = stop.unwrap_or((old.cells.len(), new.cells.len()));
        rows.extend((i..end_old).filter(|i| m.is_free_old(*i)).map(|i| row(Some(i), None, false)));
        rows.extend((j..end_new).map(|j| {
            let from = m.to_old.get(j).copied().flatten().map(|i| i as usize);
            row(from, Some(j), from.is_some())
        }));
        if stop.is_some() {
            rows.push(row(Some(end_old), Some(end_new), false));
        }
        (i, j) = (end_old + 1, end_new + 1);
    }
    blocks(&mut rows);
    rows
}

fn row(old: Option<usize>, new: Option<usize>, moved: bool) -> CellDiff {
    let change = match (old, new) {
        (None, _) => CellChange::Added,
        (_, None) => CellChange::Removed,
        _ => CellChange::Same,
    };
    CellDiff {
        old,
        new,
        change,
        moved,
        block: None,
        retyped: None,
        source: None,
        outputs: Vec::new(),
        metadata: Vec::new(),
        attachments: Vec::new(),
        link: None,
        noise: false,
        hidden: super::Noise::default(),
    }
}

/// Numbers moved cells; neighbours that kept their order on both sides share a number.
fn blocks(rows: &mut [CellDiff]) {
    let (mut number, mut last): (u32, Option<(usize, usize)>) = (0, None);
    for row in rows.iter_mut() {
        let (Some(i), Some(j), true) = (row.old, row.new, row.moved) else { continue };
        if last != i.checked_sub(1).zip(j.checked_sub(1)) || last.is_none() {
            number += 1;
        }
        row.block = Some(number);
        last = Some((i, j));
    }
}

/// Finds added cells that were split off a neighbour, and removed ones that were joined into one.
pub(super) fn links(rows: &mut [CellDiff], old: &Document, new: &Document) {
    let mut to_new = vec![None; old.cells.len()];
    let mut to_old = vec![None; new.cells.len()];
    for row in rows.iter() {
        if let (Some(i), Some(j)) = (row.old, row.new) {
            if let Some(slot) = to_new.get_mut(i) {
                *slot = Some(j);
            }
            if let Some(slot) = to_old.get_mut(j) {
                *slot = Some(i);
            }
        }
    }
    for row in rows.iter_mut() {
        row.link = match (row.old, row.new) {
            (None, Some(j)) => came_from(j, &new.cells, &to_old, &old.cells).map(Link::SplitFrom),
            (Some(i), None) => came_from(i, &old.cells, &to_new, &new.cells).map(Link::JoinedInto),
            _ => None,
        };
    }
}

/// Cells of one side that were split off a cell of the other or joined into one: where they stand, and the link.
pub(in crate::model) fn linked(
    old: &Document,
    new: &Document,
    m: &Matching,
) -> Vec<(Option<usize>, Option<usize>, Link)> {
    let mut rows = rows(old, new, m);
    links(&mut rows, old, new);
    rows.into_iter().filter_map(|r| Some((r.old, r.new, r.link?))).collect()
}

/// The partner, on the other side, of a neighbour of `at` that holds 60 % of its lines which the neighbour lacks.
fn came_from(at: usize, here: &[CellView], across: &[Option<usize>], there: &[CellView]) -> Option<usize> {
    let lines: Vec<&str> = words_of(here.get(at)?).collect();
    if lines.is_empty() {
        return None;
    }
    [at.checked_sub(1), Some(at + 1)].into_iter().flatten().find_map(|n| {
        let neighbour = here.get(n)?;
        let partner = across.get(n).copied().flatten()?;
        let before: HashSet<&str> = words_of(there.get(partner)?).collect();
        let kept: HashSet<&str> = words_of(neighbour).collect();
        let moved = lines.iter().filter(|l| before.contains(**l) && !kept.contains(**l)).count();
        (moved * 10 >= lines.len() * 6).then_some(partner)
    })
}

fn words_of(cell: &CellView) -> impl Iterator<Item = &str> {
    cell.source.split('\n').map(str::trim).filter(|l| !l.is_empty())
}

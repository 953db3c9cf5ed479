//! Where every card lies. Made anew only when the board, the filter, the width or a live state has changed, so that ten
//! thousand cards cost nothing in a frame in which nothing happened.
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{PageCx, States, is_ageing, worst};
use crate::{
    app::board::{
        filter::Filter,
        live::{self, Standing, Tone},
    },
    base::ids::CardId,
    model::board::{Card, Grouping},
};

/// Left and right margin of the columns.
pub const MARGIN: f32 = 12.0;
/// Between two columns and between two cards.
pub const GAP: f32 = 8.0;
/// Height of a lane's head.
pub const LANE_HEAD: f32 = 28.0;
/// Narrowest column.
const NARROW: f32 = 184.0;

/// A card's place in its cell.
#[derive(Debug, Clone)]
pub struct Slot {
    pub id: CardId,
    /// Below the cell's top.
    pub top: f32,
    pub height: f32,
}

/// A lane's part of the page.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    /// `None`: cards without a lane.
    pub id: Option<String>,
    pub name: String,
    /// What stands behind the name: `7 cards`.
    pub note: String,
    pub over: bool,
    /// Top of its head.
    pub top: f32,
    /// Height of its head; 0 on a board without lanes.
    pub head: f32,
    pub folded: bool,
    /// Height of its cells.
    pub height: f32,
    /// One a column.
    pub cells: Vec<Vec<Slot>>,
}

/// The whole layout, in points from its own top left corner.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    key: u64,
    pub column_width: f32,
    pub columns: Vec<String>,
    pub lanes: Vec<Lane>,
    pub width: f32,
    pub height: f32,
    /// Cards that the filter lets through.
    pub shown: usize,
}

impl Plan {
    /// Left edge of a column.
    pub fn left(&self, column: usize) -> f32 {
        MARGIN + column as f32 * (self.column_width + GAP)
    }
    /// The column at an x.
    pub fn column_at(&self, x: f32) -> Option<usize> {
        let at = ((x - MARGIN + GAP * 0.5) / (self.column_width + GAP)).floor();
        let last = self.columns.len().checked_sub(1)?;
        Some((at.max(0.0) as usize).min(last))
    }
    /// The lane at a y; above the first the first, below the last the last.
    pub fn lane_at(&self, y: f32) -> Option<usize> {
        let last = self.lanes.len().checked_sub(1)?;
        Some(self.lanes.iter().position(|l| y < l.top + l.head + l.height).unwrap_or(last))
    }
    /// Column, lane and index of a card.
    pub fn find(&self, card: &CardId) -> Option<(usize, usize, usize)> {
        for (l, lane) in self.lanes.iter().enumerate().filter(|(_, l)| !l.folded) {
            for (c, cell) in lane.cells.iter().enumerate() {
                if let Some(i) = cell.iter().position(|s| s.id == *card) {
                    return Some((c, l, i));
                }
            }
        }
        None
    }
}

/// What changes the layout.
fn key(cx: &PageCx<'_>, states: &States, width: f32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (cx.state.board.revision, cx.state.workspace.generation, width.to_bits()).hash(&mut hasher);
    // Ageing sets in with time: once in ten minutes is soon enough.
    (cx.now.as_second() / 600).hash(&mut hasher);
    let sum: u64 = states
        .iter()
        .map(|(link, live)| {
            let mut h = DefaultHasher::new();
            (link, live.tone, live.run.is_some()).hash(&mut h);
            h.finish()
        })
        .fold(0, u64::wrapping_add);
    sum.hash(&mut hasher);
    hasher.finish().max(1)
}

/// Rows of a title: an estimate, so that no text is laid out for cards that are not drawn.
pub fn title_rows(title: &str, width: f32) -> usize {
    let per_row = ((width - 20.0) / 6.5).max(8.0) as usize;
    if title.chars().count() > per_row { 2 } else { 1 }
}

/// Height of a card of this width.
fn height(cx: &PageCx<'_>, card: &Card, states: &States, width: f32) -> f32 {
    let mut h = 8.0 + 20.0 + 2.0 + 18.0 * title_rows(&card.title, width) as f32 + 6.0 + 16.0 + 8.0;
    let live = worst(states, card);
    if card.blocked.is_some() {
        h += 28.0;
    }
    if is_ageing(cx, card) && card.blocked.is_none() {
        h += 18.0;
    }
    let is_red = live::standing(&cx.state.board, card, live) == Standing::Red;
    if let Some(live) = live.filter(|l| is_red && l.tone == Tone::Failed) {
        h += 26.0 + if live.error.is_some() { 18.0 } else { 0.0 };
    }
    if !card.also_set.is_empty() || card.over_reason.is_some() {
        h += 18.0;
    }
    h
}

/// The layout for this width; `old` itself when nothing has changed.
pub fn make(cx: &PageCx<'_>, states: &States, width: f32, old: &std::sync::Arc<Plan>) -> std::sync::Arc<Plan> {
    let key = key(cx, states, width);
    if old.key == key {
        return old.clone();
    }
    let board = &cx.state.board.board;
    let n = board.columns.len().max(1) as f32;
    let column_width = ((width - 2.0 * MARGIN - GAP * (n - 1.0)) / n).max(NARROW).floor();
    let mut plan = Plan {
        key,
        column_width,
        columns: board.columns.iter().map(|c| c.id.clone()).collect(),
        width: 2.0 * MARGIN + n * column_width + GAP * (n - 1.0),
        ..Plan::default()
    };
    let filter = Filter::parse(&cx.state.board.filter);
    let passes = |card: &Card| filter.is_empty() || filter.fits(cx.state, card, cx.now);
    let lanes = board.groups();
    let has_lanes = lanes.iter().any(|(id, _)| id.is_some());
    let at: HashMap<Option<&str>, usize> = lanes.iter().enumerate().map(|(i, (l, _))| (l.as_deref(), i)).collect();
    let mut cells: Vec<Vec<Vec<Slot>>> = vec![vec![Vec::new(); board.columns.len()]; lanes.len()];
    for (c, column) in board.columns.iter().enumerate() {
        for card in board.cards_in(&column.id).filter(|card| passes(card)) {
            let group = board.group_of(card);
            let Some(lane) = at.get(&group.as_deref()).copied() else { continue };
            let cell = &mut cells[lane][c];
            let top = cell.last().map_or(GAP, |s| s.top + s.height + GAP);
            cell.push(Slot { id: card.id.clone(), top, height: height(cx, card, states, column_width) });
            plan.shown += 1;
        }
    }
    let mut y = 0.0;
    for (group, cells) in lanes.into_iter().zip(cells) {
        let lane = lane(cx, group, cells, (y, has_lanes));
        y += lane.head + lane.height;
        plan.lanes.push(lane);
    }
    plan.height = y;
    std::sync::Arc::new(plan)
}

fn lane(
    cx: &PageCx<'_>,
    (id, name): (Option<String>, String),
    cells: Vec<Vec<Slot>>,
    (top, has_lanes): (f32, bool),
) -> Lane {
    let board = &cx.state.board.board;
    let own = board.grouping == Grouping::Lane;
    let known = id.as_deref().filter(|_| own).and_then(|l| board.lane(l));
    let folded = has_lanes && cx.state.board.folded.contains(id.as_deref().unwrap_or(""));
    let tallest = cells.iter().filter_map(|c| c.last()).map(|s| s.top + s.height).fold(0.0, f32::max);
    let count = cells.iter().map(Vec::len).sum::<usize>();
    let mut note = crate::base::text::count(count as u64, "card");
    let open = known.map_or(0, |l| board.lane_wip(&l.id));
    let limit = known.and_then(|l| l.wip);
    if let Some(limit) = limit {
        note = format!("{note}, limit {limit}");
    }
    let height = match (folded, has_lanes) {
        (true, _) => 0.0,
        (false, false) => (tallest + 64.0).max(200.0),
        (false, true) => (tallest + GAP).max(44.0),
    };
    Lane {
        name,
        note,
        over: limit.is_some_and(|l| open > l as usize),
        id,
        top,
        head: if has_lanes { LANE_HEAD } else { 0.0 },
        folded,
        height,
        cells,
    }
}

//! The ledger as the events of the flow measures: every figure can be traced to its operations.
use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Board, ColumnKind,
    edit::{self, Actions, Step},
    words,
};
use crate::{
    base::ids::WriterId,
    model::{
        flow::{self, Event, EventKind},
        ledger::{Action, Op, Projection, id_of, kind},
    },
};

/// Card events from operations in ledger order.
pub fn events<'a>(ops: impl IntoIterator<Item = &'a Op>) -> Vec<Event> {
    /// What is known of a card on the way.
    #[derive(Default)]
    struct Seen {
        placed: bool,
        deleted: bool,
        blocked: bool,
    }
    let mut cards: BTreeMap<&str, Seen> = BTreeMap::new();
    let mut out = Vec::new();
    for op in ops.into_iter().filter(|o| kind(&o.subject) == "card") {
        let card = id_of(&op.subject);
        let seen = cards.entry(card).or_default();
        let mut push = |kind: EventKind| {
            let id = format!("{}{}", op.id, kind.name());
            out.push(Event { id, ms: op.hlc.ms, seq: i64::from(op.hlc.count), card: card.to_owned(), kind });
        };
        match &op.action {
            Action::Delete { .. } if !seen.deleted => {
                seen.deleted = true;
                push(EventKind::Delete);
            }
            Action::Restore { .. } if seen.deleted => {
                seen.deleted = false;
                push(EventKind::Restore);
            }
            Action::Set { field, item: None, value, .. } => {
                if seen.deleted {
                    seen.deleted = false;
                    push(EventKind::Restore);
                }
                match field.as_str() {
                    "place" => {
                        let Some(to) = value.get("column").and_then(Value::as_str).map(str::to_owned) else { continue };
                        if seen.placed {
                            push(EventKind::Move { from: None, to });
                        } else {
                            seen.placed = true;
                            push(EventKind::Create { to });
                        }
                    }
                    "blocked" if !value.is_null() && !seen.blocked => {
                        seen.blocked = true;
                        push(EventKind::Block);
                    }
                    "blocked" if value.is_null() && seen.blocked => {
                        seen.blocked = false;
                        push(EventKind::Unblock);
                    }
                    "estimate" => push(EventKind::Points(value.as_f64().unwrap_or(0.0))),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    out
}

/// What one clone did last, each step with what takes it back, oldest first. Operations of one stamp's millisecond were
/// one step. Nothing of the steps is kept beside the ledger, so that they outlive the program and a sync.
pub fn steps(ops: &[Op], writer: &WriterId, most: usize) -> Vec<Step> {
    // Where the last `most` steps begin.
    let mine = |op: &&Op| op.writer == *writer && matches!(kind(&op.subject), "card" | "column" | "lane" | "board");
    let mut stamps: Vec<i64> = ops.iter().filter(mine).map(|o| o.hlc.ms).collect();
    stamps.dedup();
    let Some(first) = stamps.len().checked_sub(most.min(stamps.len())).and_then(|at| stamps.get(at)).copied() else {
        return Vec::new();
    };
    let mut all = Projection::default();
    let mut out: Vec<(i64, Vec<(&Op, Actions)>)> = Vec::new();
    for op in ops {
        if op.hlc.ms >= first && mine(&op) {
            let inverse = edit::inverse(&all, &vec![(op.subject.clone(), op.action.clone())]);
            match out.last_mut().filter(|(ms, _)| *ms == op.hlc.ms) {
                Some((_, group)) => group.push((op, inverse)),
                None => out.push((op.hlc.ms, vec![(op, inverse)])),
            }
        }
        all.apply(op);
    }
    let board = Board::read(&all);
    let step = |group: Vec<(&Op, Actions)>| {
        let born: Vec<&str> =
            group.iter().filter(|(o, _)| o.action == Action::Create).map(|(o, _)| o.subject.as_str()).collect();
        let first_of = |op: &Op| op.action == Action::Create || !born.contains(&op.subject.as_str());
        let mut title = None;
        let mut more = 0;
        for (op, _) in group.iter().filter(|(o, _)| first_of(o)) {
            if let Some(words) = words::describe(&board, &all, op) {
                more += usize::from(title.is_some());
                title = title.or(Some(words));
            }
        }
        let title = title?;
        let inverse = group.iter().rev().filter(|(o, _)| first_of(o)).flat_map(|(_, i)| i.clone()).collect();
        Some(Step { title: if more > 0 { format!("{title}, and {more} more") } else { title }, inverse })
    };
    out.into_iter().filter_map(|(_, group)| step(group)).collect()
}

/// The board's columns and rules for the flow measures over the days `from` to `to`.
pub fn config(
    board: &Board,
    tz: jiff::tz::TimeZone,
    now: jiff::Timestamp,
    from: jiff::civil::Date,
    to: jiff::civil::Date,
) -> flow::Config {
    flow::Config {
        tz,
        now,
        columns: board
            .columns
            .iter()
            .map(|c| flow::Column {
                id: c.id.clone(),
                active: c.kind == ColumnKind::Active,
                done: c.kind == ColumnKind::Done,
                wip: c.wip,
            })
            .collect(),
        start_column: board.start.clone(),
        reset_on_backflow: false,
        sle_percent: board.sle_percent,
        sle_days: None,
        forecast_days: 14,
        forecast_items: 0,
        from,
        to,
        sprint: None,
    }
}

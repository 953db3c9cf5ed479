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

/// What is known of a card on the way through the operations.
#[derive(Default)]
struct Seen {
    /// Where it stood, from when: the place of that event, its stamp, the column. What was taken back is not among them.
    stays: Vec<(usize, (i64, i64), String)>,
    deleted: bool,
    blocked: bool,
}

impl Seen {
    /// It stands in a column since `since`: moves after that were taken back and count for nothing. Gives what it moved
    /// from, if it was elsewhere, and when.
    fn go_back(&mut self, out: &mut [Option<Event>], since: i64, to: &str) -> Option<(i64, i64)> {
        while let Some((at, (ms, _), _)) = self.stays.last()
            && self.stays.len() > 1
            && *ms > since
        {
            if let Some(slot) = out.get_mut(*at) {
                *slot = None;
            }
            self.stays.pop();
        }
        let (_, (ms, seq), column) = self.stays.last()?;
        (column != to).then_some(if since > *ms { (since, 0) } else { (*ms, seq + 1) })
    }
}

/// Card events from operations in ledger order.
pub fn events<'a>(ops: impl IntoIterator<Item = &'a Op>) -> Vec<Event> {
    let mut cards: BTreeMap<&str, Seen> = BTreeMap::new();
    let mut out: Vec<Option<Event>> = Vec::new();
    for op in ops.into_iter().filter(|o| kind(&o.subject) == "card") {
        let card = id_of(&op.subject);
        let seen = cards.entry(card).or_default();
        let stamp = (op.hlc.ms, i64::from(op.hlc.count));
        let event = |kind: EventKind, (ms, seq): (i64, i64)| {
            let id = format!("{}{}", op.id, kind.name());
            Some(Event { id, ms, seq, card: card.to_owned(), kind })
        };
        match &op.action {
            Action::Delete { .. } if !seen.deleted => {
                seen.deleted = true;
                out.push(event(EventKind::Delete, stamp));
            }
            Action::Restore { .. } if seen.deleted => {
                seen.deleted = false;
                out.push(event(EventKind::Restore, stamp));
            }
            Action::Set { field, item: None, value, .. } => {
                if seen.deleted {
                    seen.deleted = false;
                    out.push(event(EventKind::Restore, stamp));
                }
                match field.as_str() {
                    "place" => {
                        let Some(to) = value.get("column").and_then(Value::as_str).map(str::to_owned) else { continue };
                        let since = value.get("since").and_then(Value::as_i64).filter(|ms| *ms < op.hlc.ms);
                        let (kind, stamp) = match since {
                            _ if seen.stays.is_empty() => (EventKind::Create { to: to.clone() }, stamp),
                            None => (EventKind::Move { from: None, to: to.clone() }, stamp),
                            Some(since) => match seen.go_back(&mut out, since, &to) {
                                Some(stamp) => (EventKind::Move { from: None, to: to.clone() }, stamp),
                                None => continue,
                            },
                        };
                        seen.stays.push((out.len(), stamp, to));
                        out.push(event(kind, stamp));
                    }
                    "blocked" if !value.is_null() && !seen.blocked => {
                        seen.blocked = true;
                        out.push(event(EventKind::Block, stamp));
                    }
                    "blocked" if value.is_null() && seen.blocked => {
                        seen.blocked = false;
                        out.push(event(EventKind::Unblock, stamp));
                    }
                    "estimate" => out.push(event(EventKind::Points(value.as_f64().unwrap_or(0.0)), stamp)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    out.into_iter().flatten().collect()
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

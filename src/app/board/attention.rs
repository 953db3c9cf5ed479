//! What on the board needs somebody: rows for Home.
use jiff::Timestamp;

use super::{Command, live};
use crate::{
    app::{AppState, Command as AnyCommand},
    base::{ids::CardId, text::count},
};

/// Why a row is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// What the card is bound to failed.
    Failed,
    Blocked,
    /// Older than 85 % of finished work ever got.
    Ageing,
    /// A column or lane holds more than its limit.
    OverLimit,
    /// A value was set by two people at the same time.
    AlsoSet,
}

/// One thing that needs somebody, with its evidence and its next action.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Stays the same as long as the trouble does.
    pub key: String,
    pub trouble: Trouble,
    /// `AND-142 Parse carrier delays is blocked`.
    pub title: String,
    /// `waits for the rerun of #412`.
    pub evidence: String,
    pub card: Option<CardId>,
    pub who: Option<String>,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// Words of the button.
    pub verb: String,
    pub command: AnyCommand,
}

/// Everything on the board that needs somebody, worst first, then oldest.
pub fn attention(state: &AppState) -> Vec<Attention> {
    let board = &state.board;
    let mut out = Vec::new();
    let p85 = board.figures.expectation_ms();
    let now_ms = board.figures.at.map(Timestamp::as_millisecond);
    for card in board.board.cards.values().filter(|c| !is_done(state, &c.column)) {
        let open = || Command::Open(Some(card.id.clone())).into();
        let row = |trouble: Trouble, title: String, evidence: String, since: Option<Timestamp>| Attention {
            key: format!("card:{}:{trouble:?}", card.id),
            trouble,
            title,
            evidence,
            card: Some(card.id.clone()),
            who: card.assignee.clone(),
            since,
            verb: format!("Open {}", card.label),
            command: open(),
        };
        let name = format!("{} {}", card.label, card.title);
        if let Some(reason) = &card.blocked {
            let since = board.all.doc(&crate::model::board::edit::subject(&card.id));
            let since = since.and_then(|d| d.register("blocked", None)?.winner().map(|e| e.hlc.instant()));
            out.push(row(Trouble::Blocked, format!("{name} is blocked"), reason.clone(), since));
        }
        if let Some(live) = live::of_card(state, card).filter(|l| l.tone == live::Tone::Failed) {
            let mut failed = row(Trouble::Failed, format!("{name} is red"), live.text.clone(), live.at);
            if live.can_rerun {
                failed.verb = format!("Rerun for {}", card.label);
                failed.command = Command::Rerun(card.id.clone()).into();
            }
            out.push(failed);
        }
        let start = board.figures.card(&card.id).and_then(|f| f.start_ms.filter(|_| f.age_ms.is_some()));
        if let (Some(p85), Some(start), Some(now)) = (p85, start, now_ms)
            && now - start > p85
        {
            let days = |ms: i64| format!("{:.1} d", ms as f64 / 86_400_000.0);
            let evidence = format!("{} old; 85 % are done in {}", days(now - start), days(p85));
            out.push(row(
                Trouble::Ageing,
                format!("{name} is ageing"),
                evidence,
                Timestamp::from_millisecond(start).ok(),
            ));
        }
        if let Some(other) = card.also_set.first() {
            let evidence = format!("{} was also set to {:?} by {}", other.field, other.value, other.by);
            out.push(row(Trouble::AlsoSet, format!("{name} was set twice"), evidence, None));
        }
    }
    for (name, n, limit) in board.board.breaches() {
        out.push(Attention {
            key: format!("limit:{name}"),
            trouble: Trouble::OverLimit,
            title: format!("{name} is over its limit"),
            evidence: format!("{} of {limit}", count(n as u64, "card")),
            card: None,
            who: None,
            since: None,
            verb: "Open the board".to_owned(),
            command: crate::app::shell::Command::Go(crate::app::shell::Page::Board).into(),
        });
    }
    out.sort_by(|a, b| (a.trouble, a.since, &a.key).cmp(&(b.trouble, b.since, &b.key)));
    out
}

fn is_done(state: &AppState, column: &str) -> bool {
    state.board.board.column(column).is_some_and(|c| c.kind == crate::model::board::ColumnKind::Done)
}

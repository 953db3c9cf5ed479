//! The filter of the board: words and tokens, all of which must fit.
use super::{State, live};
use crate::{
    app::AppState,
    model::board::{Card, ColumnKind, LinkKind},
};

/// Words after `is:` with what they mean.
pub const STATES: [(&str, &str); 7] = [
    ("red", "What it is bound to failed"),
    ("blocked", "Blocked"),
    ("ageing", "Older than most finished work got"),
    ("overdue", "Past its due date"),
    ("incident", "Incidents"),
    ("open", "Not finished"),
    ("done", "Finished"),
];

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Word(String),
    Person(String),
    Label(String),
    Lane(String),
    Column(String),
    Bound(String),
    Is(String),
}

/// A filter as read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Each with true where it must not fit.
    parts: Vec<(bool, Part)>,
    /// What `is:` was followed by that says nothing.
    pub unknown: Vec<String>,
}

/// Cuts at spaces outside quotes; the quotes go away.
fn tokens(text: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => out.push(String::new()),
            c => out.last_mut().into_iter().for_each(|t| t.extend(c.to_lowercase())),
        }
    }
    out.retain(|t| !t.is_empty());
    out
}

impl Filter {
    /// Reads `gust @mara #quality lane:weather in:review pipeline:nightly is:blocked -is:red "two words"`.
    pub fn parse(text: &str) -> Self {
        let mut out = Self::default();
        for token in tokens(text) {
            let (not, token) = match token.strip_prefix('-') {
                Some(rest) if !rest.is_empty() => (true, rest),
                _ => (false, token.as_str()),
            };
            let owned = str::to_owned;
            let part = match (token.chars().next(), token.split_once(':')) {
                (Some('@'), _) => Part::Person(owned(&token[1..])),
                (Some('#'), _) => Part::Label(owned(&token[1..])),
                (_, Some(("lane", name))) => Part::Lane(owned(name)),
                (_, Some(("in", name))) => Part::Column(owned(name)),
                (_, Some(("pipeline", name))) => Part::Bound(owned(name)),
                (_, Some(("is", word))) => {
                    let known = STATES.iter().any(|(k, _)| *k == word);
                    if !known && !STATES.iter().any(|(k, _)| k.starts_with(word)) {
                        out.unknown.push(owned(word));
                    }
                    // Half a word is one that is still being typed.
                    if !known {
                        continue;
                    }
                    Part::Is(owned(word))
                }
                _ => Part::Word(owned(token)),
            };
            out.parts.push((not, part));
        }
        out
    }
    /// True when everything passes.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
    /// True when every condition fits the card.
    pub fn fits(&self, state: &AppState, card: &Card, now: jiff::Timestamp) -> bool {
        self.parts.iter().all(|(not, part)| part.fits(state, card, now) != *not)
    }
}

fn has(text: &str, word: &str) -> bool {
    text.to_lowercase().contains(word)
}

impl Part {
    fn fits(&self, state: &AppState, card: &Card, now: jiff::Timestamp) -> bool {
        let State { board, figures, .. } = &state.board;
        let lane = || card.lane.as_deref().and_then(|l| board.lane(l));
        let column = board.column(&card.column);
        match self {
            // `@` alone: whoever; `@nobody`: no one.
            Self::Person(name) if name == "nobody" || name == "none" => card.assignee.is_none(),
            Self::Person(name) => card.assignee.as_deref().is_some_and(|a| has(a, name)),
            Self::Label(name) => card.labels.iter().any(|l| has(l, name)),
            Self::Lane(name) => lane().is_some_and(|l| has(&l.name, name)),
            Self::Column(name) => column.is_some_and(|c| has(&c.name, name) || c.id == *name),
            Self::Bound(name) => card.links.iter().any(|l| l.kind == LinkKind::Pipeline && has(&l.target, name)),
            Self::Word(word) => {
                has(&card.label, word)
                    || has(&card.title, word)
                    || card.labels.iter().any(|l| has(l, word))
                    || card.assignee.as_deref().is_some_and(|a| has(a, word))
                    || card.blocked.as_deref().is_some_and(|b| has(b, word))
                    || card.links.iter().any(|l| has(&l.target, word))
                    || lane().is_some_and(|l| has(&l.name, word))
                    || has(&card.body, word)
            }
            Self::Is(word) => {
                let done = column.is_some_and(|c| c.kind == ColumnKind::Done);
                match word.as_str() {
                    "blocked" => card.blocked.is_some(),
                    "incident" => card.is_incident(),
                    "done" => done,
                    "open" => !done,
                    "overdue" => !done && card.due.is_some_and(|d| d < today(now)),
                    "red" => {
                        let live = live::of_card(state, card);
                        live::standing(&state.board, card, live.as_ref()) == live::Standing::Red
                    }
                    _ => {
                        let start = figures.card(&card.id).and_then(|f| f.start_ms).filter(|_| !done);
                        let age = start.map(|s| now.as_millisecond() - s);
                        board.is_wip(&card.column)
                            && age.zip(figures.expectation_ms()).is_some_and(|(age, most)| age > most)
                    }
                }
            }
        }
    }
}

/// The local date.
pub fn today(now: jiff::Timestamp) -> jiff::civil::Date {
    now.to_zoned(crate::base::time::local_zone()).date()
}

/// The text with a token put in, or taken out when it was there.
pub fn toggled(text: &str, token: &str) -> String {
    let wanted = if token.contains(' ') { quoted(token) } else { token.to_owned() };
    let text = text.trim();
    if let Some(at) = text.find(&wanted) {
        let rest = format!("{}{}", &text[..at], &text[at + wanted.len()..]);
        return rest.split("  ").map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned();
    }
    format!("{text} {wanted}").trim().to_owned()
}

/// `lane:"two words"`.
fn quoted(token: &str) -> String {
    let mark = token.find([':', '@', '#']).map_or(0, |i| i + 1);
    format!("{}\"{}\"", &token[..mark], &token[mark..])
}

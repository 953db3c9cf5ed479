//! The board: columns with limits, lanes, cards, and what a person can do with them.
//!
//! A [`Board`] is read from a ledger's [`Projection`]; an [`Edit`](edit::Edit) becomes ledger actions
//! ([`edit::actions`]); [`order`] has the keys that keep cards in order; [`words`] says in words what an operation did;
//! [`history`] turns operations into the events that the flow measures are computed from.
pub mod edit;
pub mod history;
mod layout;
pub mod order;
pub mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use jiff::{Timestamp, civil::Date};
use serde_json::Value;

pub use layout::{Fact, Grouping};

use super::ledger::{Doc, Projection, id_of, kind};
use crate::base::{Error, ids::CardId};

/// What a column means for the flow of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColumnKind {
    /// Work waits here.
    #[default]
    Queue,
    /// Somebody works here.
    Active,
    /// Finished.
    Done,
}

impl ColumnKind {
    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Active => "active",
            Self::Done => "done",
        }
    }
    /// As a person reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queue => "waiting",
            Self::Active => "active",
            Self::Done => "done",
        }
    }
    fn parse(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "done" => Self::Done,
            _ => Self::Queue,
        }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Column {
    pub id: String,
    pub name: String,
    pub kind: ColumnKind,
    /// Most cards it should hold.
    pub wip: Option<u32>,
    /// True: a move over the limit is refused. False: it is allowed and its reason is asked.
    pub hard: bool,
    /// What must be true of a card before it comes here.
    pub policy: String,
    pub key: String,
}

/// A lane across all columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lane {
    pub id: String,
    pub name: String,
    pub wip: Option<u32>,
    pub key: String,
}

/// What a card can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    Pipeline,
    Notebook,
    Check,
    Run,
    Commit,
}

impl LinkKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pipeline, Self::Notebook, Self::Check, Self::Run, Self::Commit];
    /// As stored and as typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Notebook => "notebook",
            Self::Check => "check",
            Self::Run => "run",
            Self::Commit => "commit",
        }
    }
}

/// A link from a card: `pipeline:nightly_flights`, `notebook:notebooks/clean.ipynb`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    pub kind: LinkKind,
    pub target: String,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.target)
    }
}

impl FromStr for Link {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let kinds = LinkKind::ALL.map(LinkKind::name);
        let hint = || format!("Write it as KIND:TARGET with KIND one of {}", kinds.join(", "));
        let no_link = || Error::user(format!("{text:?} is not a link")).hint(hint());
        let (kind, target) = text.split_once(':').ok_or_else(no_link)?;
        let (kind, target) = (kind.trim().to_lowercase(), target.trim());
        let kind = LinkKind::ALL.into_iter().find(|k| k.name() == kind).ok_or_else(no_link)?;
        if target.is_empty() {
            return Err(no_link());
        }
        Ok(Self { kind, target: target.to_owned() })
    }
}

/// One line of a checklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub id: String,
    pub text: String,
    pub done: bool,
    key: String,
}

/// A comment on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: String,
    pub by: String,
    pub at: Timestamp,
    pub text: String,
}

/// A value somebody else set at the same time.
#[derive(Debug, Clone, PartialEq)]
pub struct AlsoSet {
    pub field: String,
    pub item: Option<String>,
    /// The other value in words.
    pub value: String,
    pub by: String,
}

/// A card.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    pub id: CardId,
    pub number: u32,
    /// `AND-146`; of two clones that took one number at the same time the later gets `AND-146b`.
    pub label: String,
    pub title: String,
    /// Markdown.
    pub body: String,
    pub column: String,
    /// Place within the column.
    pub key: String,
    pub lane: Option<String>,
    pub labels: Vec<String>,
    pub assignee: Option<String>,
    /// Why it cannot go on.
    pub blocked: Option<String>,
    pub checklist: Vec<Check>,
    pub links: Vec<Link>,
    pub estimate: Option<f64>,
    pub due: Option<Date>,
    pub comments: Vec<Comment>,
    pub created: Timestamp,
    pub created_by: String,
    /// When it came into its column.
    pub entered: Timestamp,
    /// Last change of any kind.
    pub changed: Timestamp,
    /// Why it was moved over a limit.
    pub over_reason: Option<String>,
    pub also_set: Vec<AlsoSet>,
    /// Who had deleted it before a later edit brought it back.
    pub revived_from: Option<String>,
}

impl Card {
    /// Up to two letters for the round mark: `MO` of `Mara Okafor`.
    pub fn initials(&self) -> Option<String> {
        initials(self.assignee.as_deref()?)
    }
    /// True for a card that stands for an incident: it has the label `Incident`.
    pub fn is_incident(&self) -> bool {
        self.labels.iter().any(|l| l.eq_ignore_ascii_case("incident"))
    }
    /// Done and all lines of the checklist.
    pub fn checks(&self) -> (usize, usize) {
        (self.checklist.iter().filter(|c| c.done).count(), self.checklist.len())
    }
}

/// Up to two letters of a name.
pub fn initials(name: &str) -> Option<String> {
    let mut words = name.split_whitespace().filter_map(|w| w.chars().next());
    let first = words.next()?;
    let letters = std::iter::once(first).chain(words.next_back());
    Some(letters.flat_map(char::to_uppercase).collect())
}

/// What a move does to a column's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wip {
    /// Nothing to say: no limit, or the card is there already.
    Free { after: usize },
    /// Within the limit.
    Within { after: usize, limit: u32 },
    /// Over the limit; `hard` refuses it.
    Over { after: usize, limit: u32, hard: bool },
}

/// The whole board as read from a ledger.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Board {
    /// Before the numbers: `AND`.
    pub prefix: String,
    /// Work counts as started from this column on.
    pub start: String,
    /// Percentile of the service level expectation.
    pub sle_percent: u32,
    /// What lanes are made of.
    pub grouping: Grouping,
    /// What cards do not show.
    pub hidden: BTreeSet<Fact>,
    pub columns: Vec<Column>,
    pub lanes: Vec<Lane>,
    pub cards: BTreeMap<CardId, Card>,
    order: BTreeMap<String, Vec<CardId>>,
    numbers: BTreeMap<u32, Vec<(Timestamp, CardId)>>,
}

impl Board {
    /// Reads the board.
    pub fn read(all: &Projection) -> Self {
        let mut board = Self::default();
        board.read_settings(all);
        for doc in all.of_kind("card").filter(|d| !d.is_deleted()) {
            if let Some(card) = read_card(doc, &board) {
                board.numbers.entry(card.number).or_default().push((card.created, card.id.clone()));
                board.cards.insert(card.id.clone(), card);
            }
        }
        board.numbers.values_mut().for_each(|all| all.sort());
        board.sort_columns();
        let numbers: Vec<u32> = board.numbers.keys().copied().collect();
        for number in numbers {
            board.label(number);
        }
        board
    }

    /// Reads one subject again after an operation on it.
    pub fn refresh(&mut self, all: &Projection, subject: &str) {
        if kind(subject) != "card" {
            *self = Self::read(all);
            return;
        }
        let id = CardId(id_of(subject).to_owned());
        if let Some(old) = self.cards.remove(&id) {
            if let Some(column) = self.order.get_mut(&old.column) {
                column.retain(|c| *c != id);
            }
            if let Some(same) = self.numbers.get_mut(&old.number) {
                same.retain(|(_, c)| *c != id);
            }
            self.label(old.number);
            // Nothing empty stays behind: read piece by piece or whole, a board is the same.
            if self.numbers.get(&old.number).is_some_and(Vec::is_empty) {
                self.numbers.remove(&old.number);
            }
            if self.order.get(&old.column).is_some_and(Vec::is_empty) {
                self.order.remove(&old.column);
            }
        }
        let doc = all.doc(subject).filter(|d| !d.is_deleted());
        let Some(card) = doc.and_then(|d| read_card(d, self)) else { return };
        let same = self.numbers.entry(card.number).or_default();
        same.push((card.created, id.clone()));
        same.sort();
        let number = card.number;
        let place = (card.key.clone(), id.clone());
        let column = self.order.entry(card.column.clone()).or_default();
        let cards = &self.cards;
        let at = column.partition_point(|c| cards.get(c).is_some_and(|o| (&o.key, c) < (&place.0, &place.1)));
        column.insert(at, id.clone());
        self.cards.insert(id, card);
        self.label(number);
    }

    fn read_settings(&mut self, all: &Projection) {
        let main = all.doc("board/main");
        let text = |field: &str| main.map_or("", |d| d.text(field));
        self.prefix = if text("prefix").is_empty() { "AND".to_owned() } else { text("prefix").to_owned() };
        self.sle_percent = main.and_then(|d| d.get("sle_percent").as_u64()).map_or(85, |p| p.clamp(1, 99) as u32);
        self.grouping = Grouping::parse(text("lanes_by"));
        self.hidden = layout::hidden(main);
        self.columns = all.of_kind("column").filter(|d| !d.is_deleted()).map(read_column).collect();
        self.columns.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        self.lanes = all.of_kind("lane").filter(|d| !d.is_deleted()).map(read_lane).collect();
        self.lanes.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        let first_active = self.columns.iter().find(|c| c.kind == ColumnKind::Active);
        let named = self.columns.iter().find(|c| c.id == text("start"));
        self.start = named.or(first_active).map_or(String::new(), |c| c.id.clone());
    }

    fn sort_columns(&mut self) {
        self.order.clear();
        for card in self.cards.values() {
            self.order.entry(card.column.clone()).or_default().push(card.id.clone());
        }
        let cards = &self.cards;
        let key = |id: &CardId| cards.get(id).map_or("", |c| c.key.as_str());
        self.order.values_mut().for_each(|ids| ids.sort_by(|a, b| (key(a), a).cmp(&(key(b), b))));
    }

    fn label(&mut self, number: u32) {
        for (n, (_, id)) in self.numbers.get(&number).into_iter().flatten().enumerate() {
            if let Some(card) = self.cards.get_mut(id) {
                card.label = format!("{}-{number}", self.prefix);
                if n > 0 {
                    card.label.push(char::from(b'a' + u8::try_from(n.min(25)).unwrap_or(25)));
                }
            }
        }
    }

    /// True when there is nothing to show yet.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
    /// A column by id.
    pub fn column(&self, id: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.id == id)
    }
    /// A lane by id.
    pub fn lane(&self, id: &str) -> Option<&Lane> {
        self.lanes.iter().find(|l| l.id == id)
    }
    /// A card by id.
    pub fn card(&self, id: &CardId) -> Option<&Card> {
        self.cards.get(id)
    }
    /// The cards of a column in order.
    pub fn in_column(&self, column: &str) -> &[CardId] {
        self.order.get(column).map_or(&[], Vec::as_slice)
    }
    /// The cards of a column in order, as cards.
    pub fn cards_in<'a>(&'a self, column: &str) -> impl Iterator<Item = &'a Card> {
        self.in_column(column).iter().filter_map(|id| self.cards.get(id))
    }
    /// True when cards in this column count as started and not finished.
    pub fn is_wip(&self, column: &str) -> bool {
        let at = self.columns.iter().position(|c| c.id == column);
        let start = self.columns.iter().position(|c| c.id == self.start);
        match (at, start) {
            (Some(at), Some(start)) => at >= start && self.columns[at].kind != ColumnKind::Done,
            _ => false,
        }
    }
    /// The number the next card gets.
    pub fn next_number(&self) -> u32 {
        self.numbers.last_key_value().map_or(1, |(n, _)| n.saturating_add(1))
    }
    /// Every label in use.
    pub fn labels(&self) -> BTreeSet<&str> {
        self.cards.values().flat_map(|c| c.labels.iter().map(String::as_str)).collect()
    }
    /// Everybody a card is assigned to.
    pub fn people(&self) -> BTreeSet<&str> {
        self.cards.values().filter_map(|c| c.assignee.as_deref()).collect()
    }
    /// What moving these cards into a column does to its limit.
    pub fn wip_after(&self, cards: &[CardId], column: &str) -> Wip {
        let there = self.in_column(column);
        let coming = cards.iter().filter(|c| !there.contains(c)).count();
        let after = there.len() + coming;
        match self.column(column) {
            Some(Column { wip: Some(limit), hard, .. }) if coming > 0 => {
                if after > *limit as usize {
                    Wip::Over { after, limit: *limit, hard: *hard }
                } else {
                    Wip::Within { after, limit: *limit }
                }
            }
            _ => Wip::Free { after },
        }
    }
    /// Columns and lanes that hold more than they should: name, count, limit. Found after every merge, undone by nobody.
    pub fn breaches(&self) -> Vec<(String, usize, u32)> {
        let columns = self.columns.iter().filter_map(|c| {
            let n = self.in_column(&c.id).len();
            c.wip.filter(|limit| n > *limit as usize).map(|limit| (c.name.clone(), n, limit))
        });
        let lanes = self.lanes.iter().filter_map(|l| {
            let n = self.lane_wip(&l.id);
            l.wip.filter(|limit| n > *limit as usize).map(|limit| (l.name.clone(), n, limit))
        });
        columns.chain(lanes).collect()
    }
    /// Unfinished cards of a lane.
    pub fn lane_wip(&self, lane: &str) -> usize {
        let open = |c: &&Card| self.column(&c.column).is_none_or(|c| c.kind != ColumnKind::Done);
        self.cards.values().filter(|c| c.lane.as_deref() == Some(lane)).filter(open).count()
    }
    /// Finds a card by its label (`AND-146`, `146`) or by its id or the beginning of it.
    pub fn find(&self, text: &str) -> Result<&Card, Error> {
        let wanted = text.trim();
        let by_label = self.cards.values().find(|c| c.label.eq_ignore_ascii_case(wanted));
        let tail = |c: &&Card| c.label.rsplit_once('-').is_some_and(|(_, n)| n.eq_ignore_ascii_case(wanted));
        if let Some(card) = by_label.or_else(|| self.cards.values().find(tail)) {
            return Ok(card);
        }
        let mut by_id = self.cards.values().filter(|c| wanted.len() >= 4 && c.id.0.starts_with(wanted));
        match (by_id.next(), by_id.next()) {
            (Some(card), None) => Ok(card),
            _ => {
                let error = Error::user(format!("No card {wanted:?} on the board"));
                let near = crate::base::text::nearest(wanted, self.cards.values().map(|c| c.label.as_str()));
                Err(error.hint(match near {
                    Some(near) => format!("Did you mean {near}?"),
                    None => "List them with: andon board list".to_owned(),
                }))
            }
        }
    }
    /// Finds a column by id or name; an error names the nearest.
    pub fn find_column(&self, text: &str) -> Result<&Column, Error> {
        let hit = |c: &&Column| c.id == text || c.name.eq_ignore_ascii_case(text);
        self.columns.iter().find(hit).ok_or_else(|| {
            unknown("column", text, self.columns.iter().map(|c| c.name.as_str()), "andon board list --json")
        })
    }
    /// Finds a lane by id or name; an error names the nearest.
    pub fn find_lane(&self, text: &str) -> Result<&Lane, Error> {
        let hit = |l: &&Lane| l.id == text || l.name.eq_ignore_ascii_case(text);
        self.lanes
            .iter()
            .find(hit)
            .ok_or_else(|| unknown("lane", text, self.lanes.iter().map(|l| l.name.as_str()), "andon board list --json"))
    }
}

fn unknown<'a>(what: &str, text: &str, names: impl Iterator<Item = &'a str> + Clone, list: &str) -> Error {
    let error = Error::user(format!("No {what} {text:?} on the board"));
    match crate::base::text::nearest(text, names.clone()) {
        Some(near) => error.hint(format!("Did you mean {near:?}?")),
        None => {
            let all: Vec<_> = names.map(|n| format!("{n:?}")).collect();
            error.hint(if all.is_empty() {
                format!("There is none yet: {list}")
            } else {
                format!("There is {}", all.join(", "))
            })
        }
    }
}

fn read_column(doc: &Doc) -> Column {
    let id = id_of(&doc.subject).to_owned();
    let name = doc.text("name");
    Column {
        name: if name.is_empty() { id.clone() } else { name.to_owned() },
        id,
        kind: ColumnKind::parse(doc.text("kind")),
        wip: doc.get("wip").as_u64().and_then(|n| u32::try_from(n).ok()),
        hard: doc.get("hard").as_bool().unwrap_or(false),
        policy: doc.text("policy").to_owned(),
        key: doc.text("key").to_owned(),
    }
}

fn read_lane(doc: &Doc) -> Lane {
    let id = id_of(&doc.subject).to_owned();
    let name = doc.text("name");
    Lane {
        name: if name.is_empty() { id.clone() } else { name.to_owned() },
        id,
        wip: doc.get("wip").as_u64().and_then(|n| u32::try_from(n).ok()),
        key: doc.text("key").to_owned(),
    }
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned)
}

fn read_card(doc: &Doc, board: &Board) -> Option<Card> {
    let place = doc.get("place");
    let part = |name: &str| place.get(name).and_then(Value::as_str).unwrap_or("");
    // A card whose column is gone is shown in the first, never nowhere.
    let column = board.column(part("column")).or(board.columns.first())?.id.clone();
    let lane = text_of(doc.get("lane")).filter(|l| board.lane(l).is_some());
    let mut checklist: Vec<Check> = doc
        .items("checklist")
        .map(|(id, r)| Check {
            id: id.to_owned(),
            text: r.value().get("text").and_then(Value::as_str).unwrap_or("").to_owned(),
            done: r.value().get("done").and_then(Value::as_bool).unwrap_or(false),
            key: r.value().get("key").and_then(Value::as_str).unwrap_or("").to_owned(),
        })
        .collect();
    checklist.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
    let mut comments: Vec<Comment> = doc
        .items("comments")
        .filter_map(|(id, r)| {
            let text = r.value().as_str().or_else(|| r.value().get("text")?.as_str())?.to_owned();
            let entry = r.winner()?;
            Some(Comment { id: id.to_owned(), by: entry.by.clone(), at: entry.hlc.instant(), text })
        })
        .collect();
    comments.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let (created, created_by) = doc.created.clone().unwrap_or_default();
    let entered = doc.register("place", None).and_then(|r| r.winner()).map_or(created, |e| e.hlc);
    let entered_ms = place.get("since").and_then(Value::as_i64);
    Some(Card {
        id: CardId(id_of(&doc.subject).to_owned()),
        number: doc.get("number").as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        label: String::new(),
        title: doc.text("title").to_owned(),
        body: doc.text("body").to_owned(),
        column,
        key: part("key").to_owned(),
        lane,
        labels: doc.items("labels").map(|(name, _)| name.to_owned()).collect(),
        assignee: text_of(doc.get("assignee")),
        blocked: text_of(doc.get("blocked")),
        checklist,
        links: doc.items("links").filter_map(|(id, _)| id.parse().ok()).collect(),
        estimate: doc.get("estimate").as_f64(),
        due: text_of(doc.get("due")).and_then(|d| d.parse().ok()),
        comments,
        created: created.instant(),
        created_by,
        entered: entered_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_else(|| entered.instant()),
        changed: doc.last.instant(),
        over_reason: text_of(&place.get("reason").cloned().unwrap_or_default()),
        also_set: also_set(doc, board),
        revived_from: doc.revived_from().map(str::to_owned),
    })
}

fn also_set(doc: &Doc, board: &Board) -> Vec<AlsoSet> {
    let mut out = Vec::new();
    for ((field, item), register) in doc.slots() {
        for other in register.losers() {
            // Two people who put a card at different heights of one column do not disagree.
            if field == "place" && other.value.get("column") == register.value().get("column") {
                continue;
            }
            out.push(AlsoSet {
                field: field.clone(),
                item: item.clone(),
                value: words::value(board, field, &other.value),
                by: other.by.clone(),
            });
        }
    }
    out
}

#[cfg(test)]
mod test;

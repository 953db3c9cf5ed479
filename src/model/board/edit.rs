//! What a person can do on the board, as ledger actions; and how to take it back.
use serde_json::{Value, json};

use super::{Board, Column, ColumnKind, Fact, Grouping, Link, Wip, layout::layout, order};
use crate::{
    base::{Error, Result, ids, ids::CardId},
    model::ledger::{Action, Doc, Projection},
};

/// Where in a column a card goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    Top,
    End,
    /// In front of this card.
    Before(CardId),
}

/// A new card.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCard {
    pub id: CardId,
    pub title: String,
    pub column: String,
    pub lane: Option<String>,
    pub labels: Vec<String>,
    pub assignee: Option<String>,
    pub body: String,
    pub links: Vec<Link>,
    pub spot: Spot,
    /// Why a limit is exceeded.
    pub reason: Option<String>,
}

impl NewCard {
    /// A card with nothing but a title.
    pub fn new(title: impl Into<String>, column: impl Into<String>) -> Self {
        Self {
            id: CardId(ids::random(16)),
            title: title.into(),
            column: column.into(),
            lane: None,
            labels: Vec::new(),
            assignee: None,
            body: String::new(),
            links: Vec::new(),
            spot: Spot::End,
            reason: None,
        }
    }
}

/// A move of one or more cards.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    pub cards: Vec<CardId>,
    pub column: String,
    /// The lane they come into; outer `None` leaves it as it is.
    pub lane: Option<Option<String>>,
    pub spot: Spot,
    /// Why a limit is exceeded.
    pub reason: Option<String>,
}

/// One thing a person does.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Makes the usual columns on an empty board.
    Defaults,
    Add(NewCard),
    Move(Move),
    Title(CardId, String),
    Body(CardId, String),
    Lane(CardId, Option<String>),
    Label(CardId, String, bool),
    Assign(CardId, Option<String>),
    /// A reason blocks, none unblocks.
    Block(CardId, Option<String>),
    Estimate(CardId, Option<f64>),
    Due(CardId, Option<jiff::civil::Date>),
    Link(CardId, Link, bool),
    AddCheck(CardId, String),
    /// Ticks or unticks a line.
    Tick(CardId, String, bool),
    CheckText(CardId, String, String),
    RemoveCheck(CardId, String),
    Comment(CardId, String),
    Delete(CardId),
    Restore(CardId),
    /// Dismisses the values others set at the same time, or takes one of them.
    Settle {
        card: CardId,
        field: String,
        item: Option<String>,
    },
    AddColumn {
        name: String,
        kind: ColumnKind,
    },
    RenameColumn(String, String),
    Limit {
        column: String,
        wip: Option<u32>,
        hard: bool,
    },
    ColumnKind(String, ColumnKind),
    /// What must be true of a card before it comes into the column.
    Policy(String, String),
    /// Puts a column to this place among the others.
    PlaceColumn {
        column: String,
        to: usize,
    },
    RemoveColumn(String),
    AddLane(String),
    RenameLane(String, String),
    LaneLimit(String, Option<u32>),
    /// Puts a lane to this place among the others.
    PlaceLane {
        lane: String,
        to: usize,
    },
    RemoveLane(String),
    /// What lanes are made of.
    Group(Grouping),
    /// Whether cards show it.
    ShowFact(Fact, bool),
    /// Work counts as started from this column on.
    Start(String),
    /// Several at once, done and undone as one. Of one field of one card only one may be set.
    Many {
        title: String,
        edits: Vec<Edit>,
    },
}

impl Edit {
    /// The move in it, if there is one.
    pub fn as_move(&self) -> Option<&Move> {
        match self {
            Self::Move(m) => Some(m),
            Self::Many { edits, .. } => edits.iter().find_map(Self::as_move),
            _ => None,
        }
    }
    /// Says why the move in it goes over a limit.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        match &mut self {
            Self::Move(m) => m.reason = Some(reason.to_owned()),
            Self::Many { edits, .. } => {
                *edits = std::mem::take(edits).into_iter().map(|e| e.with_reason(reason)).collect();
            }
            _ => {}
        }
        self
    }
}

/// Actions on subjects, in order.
pub type Actions = Vec<(String, Action)>;

/// What was done, in words, with what takes it back.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// `AND-146 moved to Done`.
    pub title: String,
    pub inverse: Actions,
}

/// The ledger subject of a card.
pub fn subject(card: &CardId) -> String {
    format!("card/{card}")
}

/// The actions that carry out `edit`, and in words what they did. An error says why it cannot be done.
pub fn actions(board: &Board, all: &Projection, edit: &Edit) -> Result<(Actions, String)> {
    match edit {
        Edit::Defaults => Ok((defaults(), "Columns created".to_owned())),
        Edit::Add(new) => add(board, all, new),
        Edit::Move(m) => moved(board, all, m),
        Edit::Settle { card, field, item } => {
            let doc = doc(all, card)?;
            let action = doc.settle(field, item.as_deref()).map(|a| (subject(card), a));
            Ok((action.into_iter().collect(), format!("Settled {field} of {}", label(board, card))))
        }
        Edit::Delete(card) => {
            let seen = doc(all, card)?.last;
            Ok((vec![(subject(card), Action::Delete { seen })], format!("{} deleted", label(board, card))))
        }
        Edit::Restore(card) => {
            let seen = doc(all, card)?.last;
            Ok((vec![(subject(card), Action::Restore { seen })], format!("{} restored", label(board, card))))
        }
        Edit::Many { title, edits } => {
            let mut out = Actions::new();
            for edit in edits {
                out.extend(actions(board, all, edit)?.0);
            }
            Ok((out, title.clone()))
        }
        Edit::AddColumn { .. }
        | Edit::RenameColumn(..)
        | Edit::ColumnKind(..)
        | Edit::Policy(..)
        | Edit::PlaceColumn { .. }
        | Edit::Limit { .. }
        | Edit::RemoveColumn(_)
        | Edit::AddLane(_)
        | Edit::RenameLane(..)
        | Edit::LaneLimit(..)
        | Edit::PlaceLane { .. }
        | Edit::RemoveLane(_)
        | Edit::Group(_)
        | Edit::ShowFact(..)
        | Edit::Start(_) => layout(board, all, edit),
        _ => field(board, all, edit),
    }
}

fn label(board: &Board, card: &CardId) -> String {
    board.card(card).map_or_else(|| "card".to_owned(), |c| c.label.clone())
}

fn doc<'a>(all: &'a Projection, card: &CardId) -> Result<&'a Doc> {
    all.doc(&subject(card)).ok_or_else(|| Error::user("This card is not on the board any more"))
}

fn opt(text: Option<&str>) -> Value {
    text.map(str::trim).filter(|t| !t.is_empty()).map_or(Value::Null, |t| json!(t))
}

fn field(board: &Board, all: &Projection, edit: &Edit) -> Result<(Actions, String)> {
    let one = |card: &CardId, field: &str, item: Option<&str>, value: Value, did: &str| {
        let doc = doc(all, card)?;
        let old = doc.register(field, item).map_or(&Value::Null, |r| r.value());
        let same = *old == value;
        let actions = if same { Vec::new() } else { vec![(subject(card), doc.set(field, item, value))] };
        Ok((actions, format!("{} {did}", label(board, card))))
    };
    match edit {
        Edit::Title(card, text) => {
            let text = text.trim();
            if text.is_empty() {
                return Err(Error::user("A card needs a title").hint("Write one, or delete the card"));
            }
            one(card, "title", None, json!(text), "renamed")
        }
        Edit::Body(card, text) => {
            one(card, "body", None, if text.is_empty() { Value::Null } else { json!(text) }, "text changed")
        }
        Edit::Lane(card, lane) => {
            let name = lane.as_deref().and_then(|l| board.lane(l)).map_or("no lane", |l| &l.name);
            one(card, "lane", None, opt(lane.as_deref()), &format!("moved to {name}"))
        }
        Edit::Label(card, name, on) => {
            let name = name.trim();
            if name.is_empty() {
                return Err(Error::user("A label needs a name"));
            }
            let did = if *on { format!("labelled {name}") } else { format!("no longer {name}") };
            one(card, "labels", Some(name), if *on { json!(true) } else { Value::Null }, &did)
        }
        Edit::Assign(card, person) => {
            let did = person.as_ref().map_or("unassigned".to_owned(), |p| format!("assigned to {p}"));
            one(card, "assignee", None, opt(person.as_deref()), &did)
        }
        Edit::Block(card, Some(reason)) => {
            if reason.trim().is_empty() {
                return Err(Error::user("A blocked card needs a reason").hint("Say what it waits for"));
            }
            one(card, "blocked", None, json!(reason.trim()), "blocked")
        }
        Edit::Block(card, None) => one(card, "blocked", None, Value::Null, "unblocked"),
        Edit::Estimate(card, n) => {
            if n.is_some_and(|n| !n.is_finite() || n < 0.0) {
                return Err(Error::user("An estimate is a number from 0 up"));
            }
            one(card, "estimate", None, n.map_or(Value::Null, |n| json!(n)), "estimated")
        }
        Edit::Due(card, day) => {
            let did = day.map_or("has no due date".to_owned(), |d| format!("due {d}"));
            one(card, "due", None, day.map_or(Value::Null, |d| json!(d.to_string())), &did)
        }
        Edit::Link(card, link, on) => {
            let value = if *on { json!(true) } else { Value::Null };
            let did = if *on { format!("linked to {}", link.target) } else { format!("unlinked from {}", link.target) };
            one(card, "links", Some(&link.to_string()), value, &did)
        }
        Edit::AddCheck(card, text) => {
            if text.trim().is_empty() {
                return Err(Error::user("A checklist line needs a text"));
            }
            let last = board.card(card).and_then(|c| c.checklist.last()).map(|c| c.key.clone());
            let key = order::between(last.as_deref(), None).unwrap_or_default();
            let value = json!({ "text": text.trim(), "done": false, "key": key });
            one(card, "checklist", Some(&ids::random(8)), value, "checklist changed")
        }
        Edit::Tick(card, id, done) => check(all, card, id, |v| v["done"] = json!(done), one),
        Edit::CheckText(card, id, text) => check(all, card, id, |v| v["text"] = json!(text.trim()), one),
        Edit::RemoveCheck(card, id) => one(card, "checklist", Some(id), Value::Null, "checklist changed"),
        Edit::Comment(card, text) => {
            if text.trim().is_empty() {
                return Err(Error::user("A comment needs a text"));
            }
            one(card, "comments", Some(&ids::random(12)), json!({ "text": text.trim() }), "commented")
        }
        _ => Err(Error::bug("Not an edit of a field")),
    }
}

fn check(
    all: &Projection,
    card: &CardId,
    id: &str,
    change: impl FnOnce(&mut Value),
    one: impl FnOnce(&CardId, &str, Option<&str>, Value, &str) -> Result<(Actions, String)>,
) -> Result<(Actions, String)> {
    let register = doc(all, card)?.register("checklist", Some(id));
    let mut value = register.map_or(Value::Null, |r| r.value().clone());
    if !value.is_object() {
        return Err(Error::user("This checklist line is gone"));
    }
    change(&mut value);
    one(card, "checklist", Some(id), value, "checklist changed")
}

/// A new subject with its first values.
pub(super) fn create(subject: &str, fields: &[(&str, Option<&str>, Value)]) -> Actions {
    let empty = Doc::default();
    let sets = fields
        .iter()
        .filter(|(_, _, v)| !v.is_null())
        .map(|(field, item, value)| (subject.to_owned(), empty.set(field, *item, value.clone())));
    std::iter::once((subject.to_owned(), Action::Create)).chain(sets).collect()
}

fn defaults() -> Actions {
    let columns = [
        ("ready", "Ready", ColumnKind::Queue, None),
        ("next", "Next", ColumnKind::Queue, Some(3)),
        ("in-progress", "In progress", ColumnKind::Active, Some(4)),
        ("review", "Review", ColumnKind::Active, Some(3)),
        ("done", "Done", ColumnKind::Done, None),
    ];
    let keys = order::spaced(columns.len());
    let mut out = create("board/main", &[("prefix", None, json!("AND")), ("start", None, json!("next"))]);
    for ((id, name, kind, wip), key) in columns.into_iter().zip(keys) {
        let wip = wip.map_or(Value::Null, |n: u32| json!(n));
        let fields = [
            ("name", None, json!(name)),
            ("kind", None, json!(kind.name())),
            ("wip", None, wip),
            ("key", None, json!(key)),
        ];
        out.extend(create(&format!("column/{id}"), &fields));
    }
    out
}

fn add(board: &Board, all: &Projection, new: &NewCard) -> Result<(Actions, String)> {
    let title = new.title.trim();
    if title.is_empty() {
        return Err(Error::user("A card needs a title"));
    }
    let column = known_column(board, &new.column)?;
    allow(board, std::slice::from_ref(&new.id), column)?;
    let (mut out, keys) = keys(board, all, &[], &new.column, &new.spot, 1)?;
    let key = keys.into_iter().next().unwrap_or_default();
    let number = board.next_number();
    let s = subject(&new.id);
    let mut fields = vec![
        ("number", None, json!(number)),
        ("title", None, json!(title)),
        ("place", None, place(&new.column, &key, None, new.reason.as_deref())),
        ("lane", None, opt(new.lane.as_deref())),
        ("assignee", None, opt(new.assignee.as_deref())),
        ("body", None, opt(Some(&new.body))),
    ];
    let links: Vec<String> = new.links.iter().map(Link::to_string).collect();
    fields.extend(new.labels.iter().map(|l| ("labels", Some(l.as_str()), json!(true))));
    fields.extend(links.iter().map(|l| ("links", Some(l.as_str()), json!(true))));
    out.extend(create(&s, &fields));
    Ok((out, format!("{}-{number} added to {}", board.prefix, column.name)))
}

pub(super) fn known_column<'a>(board: &'a Board, id: &str) -> Result<&'a Column> {
    board.column(id).ok_or_else(|| Error::user("This column is not on the board any more"))
}

fn place(column: &str, key: &str, since_ms: Option<i64>, reason: Option<&str>) -> Value {
    let mut value = json!({ "column": column, "key": key });
    if let Some(ms) = since_ms {
        value["since"] = json!(ms);
    }
    if let Some(reason) = reason.map(str::trim).filter(|r| !r.is_empty()) {
        value["reason"] = json!(reason);
    }
    value
}

/// Refuses what a hard limit forbids.
fn allow(board: &Board, cards: &[CardId], column: &Column) -> Result<()> {
    match board.wip_after(cards, &column.id) {
        Wip::Over { after, limit, hard: true } => {
            Err(Error::user(format!("{} is full: it would hold {after} of {limit}", column.name))
                .hint("Move a card out of it first; its limit is a hard one"))
        }
        _ => Ok(()),
    }
}

fn moved(board: &Board, all: &Projection, m: &Move) -> Result<(Actions, String)> {
    let column = known_column(board, &m.column)?;
    let cards: Vec<&CardId> = m.cards.iter().filter(|c| board.card(c).is_some()).collect();
    let Some(first) = cards.first() else { return Err(Error::user("This card is not on the board any more")) };
    allow(board, &m.cards, column)?;
    let (mut out, keys) = keys(board, all, &m.cards, &m.column, &m.spot, cards.len())?;
    let respaced = !out.is_empty();
    for (card, key) in cards.iter().zip(keys) {
        let (doc, old) = (doc(all, card)?, board.card(card));
        let stays = old.is_some_and(|c| c.column == m.column);
        let since = old.filter(|_| stays).map(|c| c.entered.as_millisecond());
        let over = matches!(board.wip_after(&m.cards, &m.column), Wip::Over { .. });
        let kept = old.filter(|_| stays).and_then(|c| c.over_reason.as_deref());
        let reason = if over { m.reason.as_deref() } else { kept };
        if !stays || respaced || !is_there(board, card, m) {
            out.push((subject(card), doc.set("place", None, place(&m.column, &key, since, reason))));
        }
        if let Some(lane) = &m.lane
            && old.is_some_and(|c| c.lane != *lane)
        {
            out.push((subject(card), doc.set("lane", None, opt(lane.as_deref()))));
        }
    }
    let title = match cards.as_slice() {
        [_] => format!("{} moved to {}", label(board, first), column.name),
        all => format!("{} cards moved to {}", all.len(), column.name),
    };
    Ok((out, title))
}

/// True when the card already stands where it is to go.
fn is_there(board: &Board, card: &CardId, m: &Move) -> bool {
    let there = board.in_column(&m.column);
    let Some(at) = there.iter().position(|c| c == card) else { return false };
    m.cards.len() == 1
        && match &m.spot {
            Spot::Top => at == 0,
            Spot::End => at + 1 == there.len(),
            Spot::Before(next) => next == card || there.get(at + 1) == Some(next),
        }
}

/// Keys for `count` cards at a spot; when the gap is used up, also the moves that space the column anew.
fn keys(
    board: &Board,
    all: &Projection,
    moving: &[CardId],
    column: &str,
    spot: &Spot,
    count: usize,
) -> Result<(Actions, Vec<String>)> {
    let rest: Vec<&CardId> = board.in_column(column).iter().filter(|c| !moving.contains(c)).collect();
    let at = match spot {
        Spot::Top => 0,
        Spot::End => rest.len(),
        Spot::Before(next) => match rest.iter().position(|c| *c == next) {
            Some(at) => at,
            // Dropped in front of itself: stay at the same height.
            None => {
                let order = board.in_column(column);
                let own = order.iter().position(|c| c == next).unwrap_or(order.len());
                order[..own].iter().filter(|c| !moving.contains(c)).count()
            }
        },
    };
    let key = |i: usize| rest.get(i).and_then(|c| board.card(c)).map(|c| c.key.as_str());
    let (before, after) = (at.checked_sub(1).and_then(key), key(at));
    if let Some(keys) = order::run(before, after, count)
        && keys.iter().all(|k| k.len() <= order::MAX_LEN)
    {
        return Ok((Vec::new(), keys));
    }
    let mut fresh = order::spaced(rest.len() + count);
    let ours: Vec<String> = fresh.drain(at..at + count).collect();
    let mut out = Vec::new();
    for (card, key) in rest.iter().zip(fresh) {
        let old = board.card(card);
        let since = old.map(|c| c.entered.as_millisecond());
        let reason = old.and_then(|c| c.over_reason.as_deref());
        out.push((subject(card), doc(all, card)?.set("place", None, place(column, &key, since, reason))));
    }
    Ok((out, ours))
}

/// What takes `actions` back, given the state before them. The latest comes first.
pub fn inverse(all: &Projection, actions: &Actions) -> Actions {
    let empty = Doc::default();
    let created: Vec<&str> = actions.iter().filter(|(_, a)| *a == Action::Create).map(|(s, _)| s.as_str()).collect();
    actions
        .iter()
        .rev()
        // A new subject is taken back whole, so that taking that back brings its values along.
        .filter(|(s, a)| *a == Action::Create || !created.contains(&s.as_str()))
        .filter_map(|(s, a)| {
            let doc = all.doc(s).unwrap_or(&empty);
            Some((s.clone(), in_its_time(doc, doc.inverse(a)?)))
        })
        .collect()
}

/// A card that goes back to where it was has been there since it came there, not since it went back.
fn in_its_time(doc: &Doc, mut action: Action) -> Action {
    if let Action::Set { field, item: None, value, .. } = &mut action
        && field == "place"
        && value.is_object()
        && value.get("since").is_none()
        && let Some(came) = doc.register("place", None).and_then(|r| r.winner())
    {
        value["since"] = json!(came.hlc.ms);
    }
    action
}

/// The same actions made now.
pub fn rebase(all: &Projection, actions: &Actions) -> Actions {
    let empty = Doc::default();
    actions.iter().map(|(s, a)| (s.clone(), all.doc(s).unwrap_or(&empty).rebase(a.clone()))).collect()
}

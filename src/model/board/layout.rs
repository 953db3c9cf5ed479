//! The shape of the board: columns, lanes, what cards show; as edits of the ledger like everything else.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Board, Card, ColumnKind, LinkKind,
    edit::{Actions, Edit, create, known_column},
    order,
};
use crate::{
    base::{Error, Result, ids, text::count},
    model::ledger::{Action, Doc, Projection},
};

/// What the lanes across the columns are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Grouping {
    /// The lanes that were named for the board.
    #[default]
    Lane,
    Assignee,
    Pipeline,
    Label,
    /// One lane for everything.
    None,
}

impl Grouping {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 5] = [Self::Lane, Self::Assignee, Self::Pipeline, Self::Label, Self::None];
    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lane => "lane",
            Self::Assignee => "assignee",
            Self::Pipeline => "pipeline",
            Self::Label => "label",
            Self::None => "none",
        }
    }
    /// As a person reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lane => "named",
            Self::Assignee => "person",
            Self::Pipeline => "pipeline",
            Self::Label => "label",
            Self::None => "none",
        }
    }
    pub(super) fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|g| g.name() == name).unwrap_or_default()
    }
}

/// Something a card can show besides its label and title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    Labels,
    Person,
    Bound,
    Age,
    Checklist,
    Due,
    Estimate,
    Comments,
}

impl Fact {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 8] = [
        Self::Labels,
        Self::Person,
        Self::Bound,
        Self::Age,
        Self::Checklist,
        Self::Due,
        Self::Estimate,
        Self::Comments,
    ];
    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Person => "person",
            Self::Bound => "bound",
            Self::Age => "age",
            Self::Checklist => "checklist",
            Self::Due => "due",
            Self::Estimate => "estimate",
            Self::Comments => "comments",
        }
    }
    /// As a person reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Labels => "Labels",
            Self::Person => "Initials of the person",
            Self::Bound => "What it is bound to",
            Self::Age => "Age",
            Self::Checklist => "Checklist, done of all",
            Self::Due => "Due date",
            Self::Estimate => "Estimate",
            Self::Comments => "Number of comments",
        }
    }
}

/// What cards do not show, as stored.
pub(super) fn hidden(main: Option<&Doc>) -> BTreeSet<Fact> {
    let off = |f: &Fact| {
        main.and_then(|d| d.register("card_fields", Some(f.name()))).is_some_and(|r| *r.value() == json!(false))
    };
    Fact::ALL.into_iter().filter(off).collect()
}

impl Board {
    /// The lane a card stands in under the board's grouping; `None` for the lane of those that have none.
    pub fn group_of(&self, card: &Card) -> Option<String> {
        match self.grouping {
            Grouping::Lane => card.lane.clone(),
            Grouping::Assignee => card.assignee.clone(),
            Grouping::Label => card.labels.first().cloned(),
            Grouping::Pipeline => {
                let link = card.links.iter().find(|l| l.kind == LinkKind::Pipeline)?;
                let file = link.target.rsplit('/').next().unwrap_or(&link.target);
                Some(file.strip_suffix(".toml").unwrap_or(file).to_owned())
            }
            Grouping::None => None,
        }
    }
    /// Every lane of the board's grouping with its name, in order; last the one for cards without, where there are any.
    pub fn groups(&self) -> Vec<(Option<String>, String)> {
        let mut out: Vec<(Option<String>, String)> = match self.grouping {
            Grouping::Lane => self.lanes.iter().map(|l| (Some(l.id.clone()), l.name.clone())).collect(),
            _ => {
                let all: BTreeSet<String> = self.cards.values().filter_map(|c| self.group_of(c)).collect();
                all.into_iter().map(|name| (Some(name.clone()), name)).collect()
            }
        };
        if out.is_empty() || self.cards.values().any(|c| self.group_of(c).is_none()) {
            let name = match self.grouping {
                Grouping::Assignee => "Nobody",
                Grouping::Pipeline => "No pipeline",
                Grouping::Label => "No label",
                Grouping::Lane | Grouping::None => "No lane",
            };
            out.push((None, name.to_owned()));
        }
        out
    }
    /// True when lanes are drawn.
    pub fn has_lanes(&self) -> bool {
        self.groups().iter().any(|(id, _)| id.is_some())
    }
    /// What putting cards into a lane of the board's grouping sets on them, besides the move. A pipeline is not bound by
    /// a drop: it stays what it is.
    pub fn regroup(&self, cards: &[ids::CardId], group: Option<&str>) -> Vec<Edit> {
        let mut out = Vec::new();
        for card in cards.iter().filter_map(|c| self.card(c)) {
            let (id, old) = (|| card.id.clone(), self.group_of(card));
            if old.as_deref() == group {
                continue;
            }
            match self.grouping {
                Grouping::Assignee => out.push(Edit::Assign(id(), group.map(str::to_owned))),
                Grouping::Label => {
                    out.extend(old.map(|l| Edit::Label(id(), l, false)));
                    out.extend(group.map(|l| Edit::Label(id(), l.to_owned(), true)));
                }
                Grouping::Lane | Grouping::Pipeline | Grouping::None => {}
            }
        }
        out
    }
}

fn named(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() { Err(Error::user("A name is needed")) } else { Ok(name.to_owned()) }
}

/// The actions of an edit of the layout.
pub(super) fn layout(board: &Board, all: &Projection, edit: &Edit) -> Result<(Actions, String)> {
    match edit {
        Edit::AddLane(_)
        | Edit::RenameLane(..)
        | Edit::LaneLimit(..)
        | Edit::PlaceLane { .. }
        | Edit::RemoveLane(_) => lanes(board, all, edit),
        Edit::Group(_) | Edit::ShowFact(..) | Edit::Start(_) => main(board, all, edit),
        _ => columns(board, all, edit),
    }
}

fn set(all: &Projection, subject: String, field: &str, value: Value) -> Result<(String, Action)> {
    let action = all.doc(&subject).map(|d| d.set(field, None, value));
    action.map(|a| (subject, a)).ok_or_else(|| Error::user("This part of the board is gone"))
}

fn limit(n: Option<u32>) -> Value {
    n.map_or(Value::Null, |n| json!(n))
}

/// Keys that put the item at `from` to `to` among the others; all of them anew where their keys leave no room.
fn placed(keys: &[&str], from: usize, to: usize) -> Vec<(usize, String)> {
    let rest: Vec<usize> = (0..keys.len()).filter(|i| *i != from).collect();
    let to = to.min(rest.len());
    let key = |i: usize| rest.get(i).and_then(|i| keys.get(*i)).copied();
    let (before, after) = (to.checked_sub(1).and_then(key), key(to));
    let has_room = before.zip(after).is_none_or(|(b, a)| b < a);
    if has_room && let Some(key) = order::between(before, after) {
        return vec![(from, key)];
    }
    let mut order = rest;
    order.insert(to, from);
    order.into_iter().zip(order::spaced(keys.len())).collect()
}

fn columns(board: &Board, all: &Projection, edit: &Edit) -> Result<(Actions, String)> {
    let subject = |id: &str| format!("column/{id}");
    match edit {
        Edit::AddColumn { name, kind } => {
            let name = named(name)?;
            if board.columns.iter().any(|c| c.name.eq_ignore_ascii_case(&name)) {
                return Err(Error::user(format!("There is a column {name} already")).hint("Give it another name"));
            }
            // In front of the columns where work is finished, unless it is one of these.
            let done = board.columns.iter().position(|c| c.kind == ColumnKind::Done);
            let at = done.filter(|_| *kind != ColumnKind::Done).unwrap_or(board.columns.len());
            let key_at = |i: usize| board.columns.get(i).map(|c| c.key.as_str());
            let key = order::between(at.checked_sub(1).and_then(key_at), key_at(at)).unwrap_or_default();
            let id = fresh_id(&name, |id| all.doc(&subject(id)).is_some());
            let fields = [("name", None, json!(name)), ("kind", None, json!(kind.name())), ("key", None, json!(key))];
            Ok((create(&subject(&id), &fields), format!("Column {name} added")))
        }
        Edit::RenameColumn(id, name) => {
            let name = named(name)?;
            if board.columns.iter().any(|c| c.id != *id && c.name.eq_ignore_ascii_case(&name)) {
                return Err(Error::user(format!("There is a column {name} already")).hint("Give it another name"));
            }
            Ok((vec![set(all, subject(id), "name", json!(name))?], format!("Column renamed to {name}")))
        }
        Edit::ColumnKind(id, kind) => {
            let column = known_column(board, id)?;
            let last = column.kind == ColumnKind::Done && *kind != ColumnKind::Done;
            if last && board.columns.iter().filter(|c| c.kind == ColumnKind::Done).count() == 1 {
                return Err(Error::user("The board needs a column where work is finished")
                    .hint("Say of another column that it is done first"));
            }
            let words = format!("{} is {} now", column.name, kind.word());
            Ok((vec![set(all, subject(id), "kind", json!(kind.name()))?], words))
        }
        Edit::Policy(id, text) => {
            let name = known_column(board, id)?.name.clone();
            let text = text.trim();
            let value = if text.is_empty() { Value::Null } else { json!(text) };
            Ok((vec![set(all, subject(id), "policy", value)?], format!("Policy of {name} changed")))
        }
        Edit::Limit { column, wip, hard } => {
            let name = known_column(board, column)?.name.clone();
            let hard = if *hard { json!(true) } else { Value::Null };
            let s = || subject(column);
            let out = vec![set(all, s(), "wip", limit(*wip))?, set(all, s(), "hard", hard)?];
            Ok((out, format!("Limit of {name} changed")))
        }
        Edit::PlaceColumn { column, to } => {
            let name = known_column(board, column)?.name.clone();
            let from = board.columns.iter().position(|c| c.id == *column).unwrap_or(0);
            let keys: Vec<&str> = board.columns.iter().map(|c| c.key.as_str()).collect();
            let mut out = Vec::new();
            for (i, key) in placed(&keys, from, *to) {
                out.push(set(all, subject(&board.columns[i].id), "key", json!(key))?);
            }
            Ok((out, format!("Column {name} moved")))
        }
        Edit::RemoveColumn(id) => {
            let column = known_column(board, id)?;
            let n = board.in_column(id).len();
            if n > 0 {
                let what = format!("{} still holds {}", column.name, count(n as u64, "card"));
                return Err(Error::user(what).hint("Move them to another column first"));
            }
            if board.columns.len() == 1 {
                return Err(Error::user("A board needs a column"));
            }
            let s = subject(id);
            let seen = all.doc(&s).map(|d| d.last).unwrap_or_default();
            Ok((vec![(s, Action::Delete { seen })], format!("Column {} removed", column.name)))
        }
        _ => Err(Error::bug("Not an edit of the columns")),
    }
}

fn lanes(board: &Board, all: &Projection, edit: &Edit) -> Result<(Actions, String)> {
    let subject = |id: &str| format!("lane/{id}");
    let known = |id: &str| {
        board.lane(id).map(|l| l.name.clone()).ok_or_else(|| Error::user("This lane is not on the board any more"))
    };
    match edit {
        Edit::AddLane(name) => {
            let name = named(name)?;
            let key = order::between(board.lanes.last().map(|l| l.key.as_str()), None).unwrap_or_default();
            let id = fresh_id(&name, |id| all.doc(&subject(id)).is_some());
            let fields = [("name", None, json!(name)), ("key", None, json!(key))];
            Ok((create(&subject(&id), &fields), format!("Lane {name} added")))
        }
        Edit::RenameLane(id, name) => {
            let name = named(name)?;
            Ok((vec![set(all, subject(id), "name", json!(name))?], format!("Lane renamed to {name}")))
        }
        Edit::LaneLimit(id, n) => {
            let name = known(id)?;
            Ok((vec![set(all, subject(id), "wip", limit(*n))?], format!("Limit of {name} changed")))
        }
        Edit::PlaceLane { lane, to } => {
            let name = known(lane)?;
            let from = board.lanes.iter().position(|l| l.id == *lane).unwrap_or(0);
            let keys: Vec<&str> = board.lanes.iter().map(|l| l.key.as_str()).collect();
            let mut out = Vec::new();
            for (i, key) in placed(&keys, from, *to) {
                out.push(set(all, subject(&board.lanes[i].id), "key", json!(key))?);
            }
            Ok((out, format!("Lane {name} moved")))
        }
        Edit::RemoveLane(id) => {
            let name = known(id)?;
            let s = subject(id);
            let seen = all.doc(&s).map(|d| d.last).unwrap_or_default();
            Ok((vec![(s, Action::Delete { seen })], format!("Lane {name} removed")))
        }
        _ => Err(Error::bug("Not an edit of the lanes")),
    }
}

fn main(board: &Board, all: &Projection, edit: &Edit) -> Result<(Actions, String)> {
    let subject = "board/main".to_owned();
    let empty = Doc::default();
    let doc = all.doc(&subject).unwrap_or(&empty);
    let (action, words) = match edit {
        Edit::Group(by) => (doc.set("lanes_by", None, json!(by.name())), format!("Lanes by {}", by.word())),
        Edit::Start(column) => {
            let name = &known_column(board, column)?.name;
            (doc.set("start", None, json!(column)), format!("Work counts as started from {name} on"))
        }
        Edit::ShowFact(fact, on) => {
            let value = if *on { Value::Null } else { json!(false) };
            let verb = if *on { "show" } else { "no longer show" };
            let words = format!("Cards {verb}: {}", fact.word().to_lowercase());
            (doc.set("card_fields", Some(fact.name()), value), words)
        }
        _ => return Err(Error::bug("Not an edit of the board")),
    };
    Ok((vec![(subject, action)], words))
}

/// A readable id from a name, with random letters when it is taken.
fn fresh_id(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let id: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(24).collect();
    let id = id.trim_matches('-');
    if id.is_empty() || taken(id) {
        format!("{id}-{}", ids::random(4)).trim_start_matches('-').to_owned()
    } else {
        id.to_owned()
    }
}

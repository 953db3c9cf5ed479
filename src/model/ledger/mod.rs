//! The ledger: append-only operations, from which the board and the review threads are computed.
//!
//! An [`Op`] changes one thing of one subject (`card/<id>`, `column/<id>`, `review/<id>`): it creates, deletes or restores
//! it, or sets one field or one item of a collection (a label, a checklist line, a comment). Operations are only ever
//! added, so merging two ledgers is the union of their lines ([`merge`], [`merge_text`]) and cannot conflict.
//!
//! [`project`] computes the present from operations in any order: a `set` names the operations whose value it replaces
//! (`prev`), so what was written later with knowledge of the earlier always wins, however wrong the clocks were. Of values
//! set without knowledge of each other the one with the later [`Hlc`] wins; the others are kept as [`Register::losers`]
//! ("also set to ...") until somebody dismisses them.
pub mod file;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    str::FromStr,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{
    Error,
    ids::{self, WriterId},
};

/// How far ahead of the own clock a stamp may be before it is flagged and no longer followed.
pub const MAX_AHEAD_MS: i64 = 10 * 60 * 1000;

/// A hybrid logical stamp: wall time and a counter within it. Written `2026-11-17T14:08:21.123Z/0003`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hlc {
    /// Milliseconds since 1970, UTC.
    pub ms: i64,
    /// Orders stamps of one millisecond.
    pub count: u32,
}

impl Hlc {
    /// The first stamp of an instant.
    pub fn at(instant: Timestamp) -> Self {
        Self { ms: instant.as_millisecond(), count: 0 }
    }
    /// The wall time.
    pub fn instant(self) -> Timestamp {
        Timestamp::from_millisecond(self.ms).unwrap_or_default()
    }
    /// The stamp right after this one.
    #[must_use]
    pub fn next(self) -> Self {
        match self.count.checked_add(1) {
            Some(count) => Self { ms: self.ms, count },
            None => Self { ms: self.ms + 1, count: 0 },
        }
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}/{:04}", self.instant(), self.count)
    }
}

impl FromStr for Hlc {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::config(format!("{text:?} is not a stamp such as 2026-11-17T14:08:21.123Z/0003"));
        let (time, count) = text.rsplit_once('/').ok_or_else(wrong)?;
        let instant: Timestamp = time.parse().map_err(|e| wrong().because(&e))?;
        let count = count.parse().map_err(|e| wrong().because(&e))?;
        Ok(Self { ms: instant.as_millisecond(), count })
    }
}

impl Serialize for Hlc {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hlc {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What an operation does to its subject.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The subject comes to be.
    Create,
    /// Tombstone. `seen`: the latest stamp its author knew of this subject.
    Delete { seen: Hlc },
    /// Takes a tombstone back.
    Restore { seen: Hlc },
    /// Sets a field, or one `item` of a collection. `null` clears it. `prev`: the operations whose values this replaces;
    /// `seen`: the stamp of the value its author saw, written only where a wrong clock had put it ahead.
    Set { field: String, item: Option<String>, value: Value, prev: Vec<String>, seen: Hlc },
    /// A verb of a later version: kept, not understood.
    Other(String),
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Line", into = "Line")]
pub struct Op {
    /// Random, 16 letters.
    pub id: String,
    pub hlc: Hlc,
    /// The clone that wrote it.
    pub writer: WriterId,
    /// The person, as a name.
    pub by: String,
    /// `card/<id>`, `column/<id>`, `lane/<id>`, `board/main`, `review/<id>`.
    pub subject: String,
    pub action: Action,
}

/// An operation as it is written: one flat JSON object.
#[derive(Clone, Serialize, Deserialize)]
struct Line {
    id: String,
    hlc: Hlc,
    writer: WriterId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    by: String,
    subject: String,
    op: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item: Option<String>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    value: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prev: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<Hlc>,
}

impl From<Line> for Op {
    fn from(l: Line) -> Self {
        let seen = l.seen.unwrap_or_default();
        let action = match (l.op.as_str(), l.field) {
            ("create", _) => Action::Create,
            ("delete", _) => Action::Delete { seen },
            ("restore", _) => Action::Restore { seen },
            ("set", Some(field)) => Action::Set { field, item: l.item, value: l.value, prev: l.prev, seen },
            _ => Action::Other(l.op),
        };
        Self { id: l.id, hlc: l.hlc, writer: l.writer, by: l.by, subject: l.subject, action }
    }
}

impl From<Op> for Line {
    fn from(o: Op) -> Self {
        let mut line = Self {
            id: o.id,
            hlc: o.hlc,
            writer: o.writer,
            by: o.by,
            subject: o.subject,
            op: String::new(),
            field: None,
            item: None,
            value: Value::Null,
            prev: Vec::new(),
            seen: None,
        };
        match o.action {
            Action::Create => line.op.push_str("create"),
            Action::Delete { seen } => (line.op, line.seen) = ("delete".to_owned(), Some(seen)),
            Action::Restore { seen } => (line.op, line.seen) = ("restore".to_owned(), Some(seen)),
            Action::Set { field, item, value, prev, seen } => {
                line.op.push_str("set");
                (line.field, line.item, line.value, line.prev) = (Some(field), item, value, prev);
                line.seen = (seen != Hlc::default()).then_some(seen);
            }
            Action::Other(op) => line.op = op,
        }
        line
    }
}

impl Op {
    /// The operation as one JSON line, without the line end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
    /// Reads one line.
    pub fn parse(line: &str) -> Result<Self, Error> {
        serde_json::from_str(line).map_err(|e| Error::config("A line of the ledger cannot be read").because(&e))
    }
    /// The order in which operations are shown and written.
    pub fn order(&self) -> (Hlc, &str, &str) {
        (self.hlc, &self.writer.0, &self.id)
    }
    /// The month folder its line belongs to: `2026-11`.
    pub fn month(&self) -> String {
        self.hlc.instant().strftime("%Y-%m").to_string()
    }
}

/// The kind of a subject: `card` of `card/x1`.
pub fn kind(subject: &str) -> &str {
    subject.split_once('/').map_or(subject, |(kind, _)| kind)
}

/// The id of a subject: `x1` of `card/x1`.
pub fn id_of(subject: &str) -> &str {
    subject.split_once('/').map_or("", |(_, id)| id)
}

/// Stamps the operations of one writer with times that never go back.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamper {
    pub writer: WriterId,
    pub by: String,
    pub last: Hlc,
}

impl Stamper {
    /// A stamper that has seen nothing yet.
    pub fn new(writer: WriterId, by: impl Into<String>) -> Self {
        Self { writer, by: by.into(), last: Hlc::default() }
    }
    /// Takes note of a stamp from elsewhere. One far in the future is followed by ten minutes at most, so that one wrong
    /// clock cannot drag the others along.
    pub fn observe(&mut self, stamp: Hlc, now: Timestamp) {
        let limit = Hlc { ms: now.as_millisecond() + MAX_AHEAD_MS, count: 0 };
        self.last = self.last.max(stamp.min(limit));
    }
    /// Begins a step, all that one deed changes: the time to stamp its operations with. No two steps share a millisecond,
    /// however fast they follow each other or however far the clock lags behind what was seen, so that a step can be told
    /// from the next one when the ledger is read again.
    pub fn begin(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millisecond(now.as_millisecond().max(self.last.ms + 1)).unwrap_or(now)
    }
    /// The next stamp.
    pub fn tick(&mut self, now: Timestamp) -> Hlc {
        let wall = Hlc::at(now);
        self.last = if wall > self.last { wall } else { self.last.next() };
        self.last
    }
    /// A whole operation.
    pub fn op(&mut self, now: Timestamp, subject: impl Into<String>, action: Action) -> Op {
        let hlc = self.tick(now);
        let action = match action {
            Action::Set { field, item, value, prev, seen } if seen < hlc => {
                Action::Set { field, item, value, prev, seen: Hlc::default() }
            }
            other => other,
        };
        Op {
            id: ids::random(16),
            hlc,
            writer: self.writer.clone(),
            by: self.by.clone(),
            subject: subject.into(),
            action,
        }
    }
}

/// The stamp by which an operation is ordered: what was done with knowledge of a stamp counts as after it, also on a slow
/// clock.
fn effective(hlc: Hlc, seen: Hlc) -> Hlc {
    if seen >= hlc { seen.next() } else { hlc }
}

/// A value that was set, with who and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub value: Value,
    /// The stamp by which it is ordered.
    pub hlc: Hlc,
    pub writer: WriterId,
    pub by: String,
    pub op: String,
    /// It names nothing that it replaces.
    is_first: bool,
}

/// One field or item: the values nobody has replaced yet, best first.
#[derive(Debug, Clone, Default)]
pub struct Register {
    tips: Vec<Entry>,
    replaced: HashSet<String>,
    own: BTreeMap<WriterId, (Hlc, String)>,
}

impl Register {
    /// The present value; `Null` when cleared.
    pub fn value(&self) -> &Value {
        self.tips.first().map_or(&Value::Null, |e| &e.value)
    }
    /// Who set it and when.
    pub fn winner(&self) -> Option<&Entry> {
        self.tips.first()
    }
    /// Different values set without knowledge of the present one: shown as "also set to".
    pub fn losers(&self) -> impl Iterator<Item = &Entry> {
        let winner = self.value();
        self.tips.iter().skip(1).filter(move |e| e.value != *winner)
    }
    /// Ids of all values nobody has replaced: what a `set` that settles the question names as `prev`.
    pub fn tips(&self) -> Vec<String> {
        self.tips.iter().map(|e| e.op.clone()).collect()
    }
    fn set(&mut self, entry: Entry, prev: &[String]) {
        for old in prev {
            self.tips.retain(|t| t.op != *old);
            self.replaced.insert(old.clone());
        }
        // A writer knows its own earlier values, also where a foreign program left `prev` out.
        let order = |e: &Entry| (e.hlc, e.op.clone());
        let own = self.own.entry(entry.writer.clone()).or_default();
        let (latest, is_latest) = (own.clone(), *own <= order(&entry));
        if is_latest {
            *own = order(&entry);
            self.tips.retain(|t| t.writer != entry.writer || !t.is_first || order(t) >= order(&entry));
        }
        let outdated = entry.is_first && !is_latest && latest != order(&entry);
        if self.replaced.contains(&entry.op) || outdated {
            return;
        }
        self.tips.push(entry);
        self.tips.sort_by(|a, b| (b.hlc, &b.writer, &b.op).cmp(&(a.hlc, &a.writer, &a.op)));
    }
}

/// Field name and, in a collection, the item.
pub type Slot = (String, Option<String>);

/// A subject as the operations leave it.
#[derive(Debug, Clone, Default)]
pub struct Doc {
    pub subject: String,
    /// First `create`: stamp and person.
    pub created: Option<(Hlc, String)>,
    /// Latest stamp of any operation on it.
    pub last: Hlc,
    slots: BTreeMap<Slot, Register>,
    deleted: Option<(Hlc, String)>,
    restored: Hlc,
    edited: Hlc,
}

impl Doc {
    /// True while a tombstone is in force.
    pub fn is_deleted(&self) -> bool {
        self.deleted.as_ref().is_some_and(|(at, _)| self.restored < *at && self.edited < *at)
    }
    /// Who deleted it, when an edit that came later brought it back against that person's will.
    pub fn revived_from(&self) -> Option<&str> {
        let (at, by) = self.deleted.as_ref()?;
        (self.restored < *at && self.edited > *at).then_some(by.as_str())
    }
    /// The register of a field.
    pub fn register(&self, field: &str, item: Option<&str>) -> Option<&Register> {
        self.slots.get(&(field.to_owned(), item.map(str::to_owned)))
    }
    /// A field's value, `Null` when it was never set.
    pub fn get(&self, field: &str) -> &Value {
        self.register(field, None).map_or(&Value::Null, Register::value)
    }
    /// A text field, empty when it was never set.
    pub fn text(&self, field: &str) -> &str {
        self.get(field).as_str().unwrap_or("")
    }
    /// The items of a collection that are there, by item id.
    pub fn items<'a>(&'a self, field: &'a str) -> impl Iterator<Item = (&'a str, &'a Register)> {
        self.slots
            .range((field.to_owned(), None)..)
            .take_while(move |((f, _), _)| f == field)
            .filter_map(|((_, item), r)| Some((item.as_deref()?, r)))
            .filter(|(_, r)| !r.value().is_null())
    }
    /// Every slot with its register, cleared ones too.
    pub fn slots(&self) -> impl Iterator<Item = (&Slot, &Register)> {
        self.slots.iter()
    }
    /// A `set` of this slot that replaces the present value.
    pub fn set(&self, field: &str, item: Option<&str>, value: Value) -> Action {
        let winner = self.register(field, item).and_then(Register::winner);
        let prev = winner.map(|e| e.op.clone()).into_iter().collect();
        let seen = winner.map_or(Hlc::default(), |e| e.hlc);
        Action::Set { field: field.to_owned(), item: item.map(str::to_owned), value, prev, seen }
    }
    /// A `set` of the present value that dismisses all others.
    pub fn settle(&self, field: &str, item: Option<&str>) -> Option<Action> {
        let register = self.register(field, item)?;
        let value = register.value().clone();
        let seen = register.winner()?.hlc;
        let item = item.map(str::to_owned);
        Some(Action::Set { field: field.to_owned(), item, value, prev: register.tips(), seen })
    }
    /// The action that takes `action` back, given the state before it.
    pub fn inverse(&self, action: &Action) -> Option<Action> {
        match action {
            Action::Create | Action::Restore { .. } => Some(Action::Delete { seen: self.last }),
            Action::Delete { .. } => Some(Action::Restore { seen: self.last }),
            Action::Set { field, item, .. } => {
                let old = self.register(field, item.as_deref()).map_or(Value::Null, |r| r.value().clone());
                let (field, item) = (field.clone(), item.clone());
                Some(Action::Set { field, item, value: old, prev: Vec::new(), seen: Hlc::default() })
            }
            Action::Other(_) => None,
        }
    }
    /// The same action made now: it replaces what is there now. For an inverse kept since an earlier state.
    #[must_use]
    pub fn rebase(&self, action: Action) -> Action {
        match action {
            Action::Set { field, item, value, .. } => self.set(&field, item.as_deref(), value),
            Action::Delete { .. } => Action::Delete { seen: self.last },
            Action::Restore { .. } => Action::Restore { seen: self.last },
            other => other,
        }
    }
    fn apply(&mut self, op: &Op) {
        self.last = self.last.max(op.hlc);
        match &op.action {
            Action::Create => {
                if self.created.as_ref().is_none_or(|(at, by)| (op.hlc, &op.by) < (*at, by)) {
                    self.created = Some((op.hlc, op.by.clone()));
                }
            }
            Action::Delete { seen } => {
                let at = effective(op.hlc, *seen);
                if self.deleted.as_ref().is_none_or(|(old, by)| (at, &op.by) > (*old, by)) {
                    self.deleted = Some((at, op.by.clone()));
                }
            }
            Action::Restore { seen } => self.restored = self.restored.max(effective(op.hlc, *seen)),
            Action::Set { field, item, value, prev, seen } => {
                self.edited = self.edited.max(op.hlc);
                let entry = Entry {
                    value: value.clone(),
                    hlc: effective(op.hlc, *seen),
                    is_first: prev.is_empty(),
                    writer: op.writer.clone(),
                    by: op.by.clone(),
                    op: op.id.clone(),
                };
                self.slots.entry((field.clone(), item.clone())).or_default().set(entry, prev);
            }
            Action::Other(_) => {}
        }
    }
}

/// All subjects as the operations leave them, whatever order they came in.
#[derive(Debug, Clone, Default)]
pub struct Projection {
    docs: BTreeMap<String, Doc>,
    known: HashSet<String>,
    /// Verbs of a later version, with how often they were met.
    pub unknown: BTreeMap<String, usize>,
    /// Writers whose clock was ahead, with the latest stamp seen from each.
    latest: BTreeMap<WriterId, Hlc>,
}

impl Projection {
    /// Folds one operation in; false when it was known already.
    pub fn apply(&mut self, op: &Op) -> bool {
        if !self.known.insert(op.id.clone()) {
            return false;
        }
        if let Action::Other(verb) = &op.action {
            *self.unknown.entry(verb.clone()).or_default() += 1;
            return true;
        }
        let latest = self.latest.entry(op.writer.clone()).or_default();
        *latest = op.hlc.max(*latest);
        let doc = self.docs.entry(op.subject.clone()).or_default();
        if doc.subject.is_empty() {
            doc.subject.clone_from(&op.subject);
        }
        doc.apply(op);
        true
    }
    /// A subject.
    pub fn doc(&self, subject: &str) -> Option<&Doc> {
        self.docs.get(subject)
    }
    /// All subjects of a kind (`card`), tombstones too, by id.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Doc> {
        let from = format!("{kind}/");
        self.docs.range(from.clone()..).take_while(move |(s, _)| s.starts_with(&from)).map(|(_, d)| d)
    }
    /// All subjects.
    pub fn docs(&self) -> impl Iterator<Item = &Doc> {
        self.docs.values()
    }
    /// True when this operation has been folded in.
    pub fn knows(&self, op: &str) -> bool {
        self.known.contains(op)
    }
    /// The latest stamp of all.
    pub fn latest(&self) -> Hlc {
        self.latest.values().copied().max().unwrap_or_default()
    }
    /// Writers whose clock is more than ten minutes ahead of `now`, with the milliseconds.
    pub fn ahead(&self, now: Timestamp) -> Vec<(WriterId, i64)> {
        let now = now.as_millisecond();
        let far = |h: &Hlc| h.ms - now > MAX_AHEAD_MS;
        self.latest.iter().filter(|(_, h)| far(h)).map(|(w, h)| (w.clone(), h.ms - now)).collect()
    }
}

/// Computes the present from operations in any order.
pub fn project<'a>(ops: impl IntoIterator<Item = &'a Op>) -> Projection {
    let mut all = Projection::default();
    for op in ops {
        all.apply(op);
    }
    all
}

/// The union of two sets of operations, in order, each once.
pub fn merge(ours: Vec<Op>, theirs: Vec<Op>) -> Vec<Op> {
    let mut seen = HashSet::new();
    let mut all: Vec<Op> = ours.into_iter().chain(theirs).filter(|op| seen.insert(op.id.clone())).collect();
    all.sort_by(|a, b| a.order().cmp(&b.order()));
    all
}

/// A line that is no operation: kept where it is and reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// `log/2026-11/abc.jsonl`.
    pub file: String,
    /// From 1.
    pub line: usize,
    pub text: String,
    pub why: String,
}

/// Reads a log file; lines that cannot be read are reported, not dropped.
pub fn parse_log(file: &str, text: &str) -> (Vec<Op>, Vec<Damage>) {
    let (mut ops, mut damage) = (Vec::new(), Vec::new());
    for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        match Op::parse(line) {
            Ok(op) => ops.push(op),
            Err(e) => damage.push(Damage {
                file: file.to_owned(),
                line: n + 1,
                text: line.to_owned(),
                why: e.causes.first().cloned().unwrap_or(e.what),
            }),
        }
    }
    (ops, damage)
}

/// The union of two versions of a log file: every operation once in order, byte for byte as written, then the lines that
/// cannot be read, each once. The result does not depend on which side is ours.
pub fn merge_text(ours: &str, theirs: &str) -> String {
    let mut ops: HashMap<String, (Hlc, &str)> = HashMap::new();
    let mut damaged: BTreeSet<&str> = BTreeSet::new();
    for line in ours.lines().chain(theirs.lines()).filter(|l| !l.trim().is_empty()) {
        match Op::parse(line) {
            Ok(op) => {
                let slot = ops.entry(op.id).or_insert((op.hlc, line));
                slot.1 = slot.1.min(line);
            }
            Err(_) => {
                damaged.insert(line);
            }
        }
    }
    let mut lines: Vec<_> = ops.into_iter().map(|(id, (hlc, line))| (hlc, id, line)).collect();
    lines.sort();
    let mut out = String::with_capacity(ours.len().max(theirs.len()) + 64);
    for line in lines.iter().map(|(_, _, l)| *l).chain(damaged) {
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
#[path = "test.rs"]
mod tests;

//! Where threads, drafts and approvals stand in one comparison.
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;

use super::approve;
use crate::{
    app::review::Shown,
    model::{
        diff::FileShape,
        review::{About, Approval, At, Draft, Fit, Seat, Seats, Standing, Thread},
    },
};

/// Something somebody approved that has changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lapse {
    /// Row of the comparison, when what it became is there.
    pub row: Option<usize>,
    /// `cell 14  to_minutes`.
    pub words: String,
}

/// Somebody who takes part in the review of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    /// How much of what differs is approved, out of [`Placing::wanted`].
    pub approved: usize,
    pub lapsed: Vec<Lapse>,
    /// The last approval.
    pub at: Option<Timestamp>,
}

/// Where everything stands.
#[derive(Debug, Clone, Default)]
pub struct Placing {
    pub path: String,
    /// Revision of the comparison.
    pub shown: u64,
    seats: HashMap<String, Option<Seat>>,
    /// Threads and drafts of a row, in order.
    rows: BTreeMap<usize, Vec<(At, String)>>,
    /// About the file as a whole.
    pub whole: Vec<String>,
    /// What they are about is on neither side.
    pub orphans: Vec<String>,
    /// Who approved a row, and when.
    approved: HashMap<usize, Vec<(String, Timestamp)>>,
    pub people: Vec<Person>,
    /// Rows there are to approve: the changed cells of a notebook; row 0 stands for any other file.
    pub wanted: Vec<usize>,
}

impl Placing {
    /// Threads and drafts of a row.
    pub fn on_row(&self, row: usize) -> &[(At, String)] {
        self.rows.get(&row).map_or(&[], Vec::as_slice)
    }
    /// Rows on which something is said.
    pub fn rows(&self) -> impl Iterator<Item = (usize, &[(At, String)])> {
        self.rows.iter().map(|(row, all)| (*row, all.as_slice()))
    }
    /// How well the place of a thread still is what it was.
    pub fn fit(&self, id: &str) -> Option<Fit> {
        self.seats.get(id).copied().flatten().map(|s| s.fit)
    }
    /// The place of a thread or draft.
    pub fn seat(&self, id: &str) -> Option<Seat> {
        self.seats.get(id).copied().flatten()
    }
    /// True when it was looked for, found or not.
    pub fn knows(&self, id: &str) -> bool {
        self.seats.contains_key(id)
    }
    /// Everything in the order in which it is shown.
    pub fn order(&self) -> impl Iterator<Item = &String> {
        self.whole.iter().chain(self.rows.values().flatten().map(|(_, id)| id)).chain(&self.orphans)
    }
    /// Who approved a row.
    pub fn approvers(&self, row: usize) -> &[(String, Timestamp)] {
        self.approved.get(&row).map_or(&[], Vec::as_slice)
    }
    /// True when this person approved the row.
    pub fn is_approved_by(&self, row: usize, name: &str) -> bool {
        self.approvers(row).iter().any(|(n, _)| n == name)
    }
    /// True when this person approved all that differs.
    pub fn is_done_by(&self, name: &str) -> bool {
        !self.wanted.is_empty() && self.wanted.iter().all(|row| self.is_approved_by(*row, name))
    }
    fn add(&mut self, id: &str, seat: Option<Seat>, of_file: bool) {
        self.seats.insert(id.to_owned(), seat);
        match seat {
            None => self.orphans.push(id.to_owned()),
            Some(seat) if seat.at == At::Whole && of_file => self.whole.push(id.to_owned()),
            Some(seat) => self.rows.entry(seat.row).or_default().push((seat.at, id.to_owned())),
        }
    }
    /// A draft that was begun at a known place.
    pub fn put(&mut self, id: &str, seat: Seat, whole: bool) {
        self.take(id);
        self.seats.insert(id.to_owned(), Some(seat));
        if whole {
            self.whole.push(id.to_owned());
        } else {
            let list = self.rows.entry(seat.row).or_default();
            list.push((seat.at, id.to_owned()));
            list.sort_by_key(|(at, _)| *at);
        }
    }
    /// What was sent or discarded is gone; a thread takes the place of its draft.
    pub fn take(&mut self, id: &str) {
        self.seats.remove(id);
        self.whole.retain(|w| w != id);
        self.orphans.retain(|w| w != id);
        for list in self.rows.values_mut() {
            list.retain(|(_, w)| w != id);
        }
        self.rows.retain(|_, list| !list.is_empty());
    }
    /// A thread stands where its draft stood.
    pub fn rename(&mut self, from: &str, to: &str) {
        if let Some(seat) = self.seats.remove(from) {
            self.seats.insert(to.to_owned(), seat);
        }
        let names = self.rows.values_mut().flatten().map(|(_, id)| id);
        for id in names.chain(&mut self.whole).chain(&mut self.orphans).filter(|id| *id == from) {
            to.clone_into(id);
        }
    }
}

/// Finds the places.
pub fn find(shown: &Shown, threads: &[Arc<Thread>], approvals: &[Approval], drafts: &[Draft]) -> Placing {
    let seats = Seats::new(&shown.diff);
    let mut out = Placing { path: shown.path.clone(), shown: shown.revision, ..Placing::default() };
    let is_book = matches!(shown.diff.shape, FileShape::Notebook(_));
    for t in threads {
        let seat = seats.find(&t.cell, t.line, t.output);
        out.add(&t.id, seat, t.cell.is_text() || !is_book);
    }
    for d in drafts {
        match &d.about {
            About::New(s) => out.add(&d.id, seats.find(&s.cell, s.line, s.output), s.cell.is_text() || !is_book),
            // Shown in its thread, as long as that is there.
            About::Reply(thread) if !threads.iter().any(|t| t.id == *thread) => out.add(&d.id, None, false),
            About::Reply(_) => {
                out.seats.insert(d.id.clone(), None);
            }
        }
    }
    // By place, then in the order they were said.
    out.rows.values_mut().for_each(|list| list.sort_by_key(|(at, _)| *at));
    people(&mut out, shown, &seats, threads, approvals);
    out
}

fn people(out: &mut Placing, shown: &Shown, seats: &Seats<'_>, threads: &[Arc<Thread>], approvals: &[Approval]) {
    out.wanted = approve::rows(&shown.diff);
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    let person = |name: &str| Person { name: name.to_owned(), approved: 0, lapsed: Vec::new(), at: None };
    for name in threads.iter().flat_map(|t| &t.comments).map(|c| &c.by) {
        people.entry(name.clone()).or_insert_with(|| person(name));
    }
    let mut lapsed: Vec<(&str, Lapse)> = Vec::new();
    for approval in approvals.iter().filter(|a| a.path == shown.path) {
        let row = match (approve::standing(&shown.diff, approval), &shown.diff.shape) {
            (Standing::Cell(at), _) => seats.row_of_new(at),
            (Standing::Removed(at), _) => at.and_then(|at| seats.row_of_old(at)),
            (Standing::File, _) => Some(0),
            (Standing::Lapsed(now), FileShape::Notebook(book)) => {
                // Of cells that do not differ here somebody approved another change, long ago.
                let was = approval.cell.find(&book.old, None).cell();
                let row = now.and_then(|at| seats.row_of_new(at)).or_else(|| was.and_then(|at| seats.row_of_old(at)));
                if let Some(row) = row.filter(|r| out.wanted.contains(r)) {
                    lapsed.push((&approval.by, Lapse { row: Some(row), words: approve::words(&shown.diff, row) }));
                    people.entry(approval.by.clone()).or_insert_with(|| person(&approval.by));
                }
                None
            }
            (Standing::Lapsed(_), _) => {
                lapsed.push((&approval.by, Lapse { row: Some(0), words: "the file".to_owned() }));
                people.entry(approval.by.clone()).or_insert_with(|| person(&approval.by));
                None
            }
        };
        let Some(row) = row.filter(|r| out.wanted.contains(r)) else { continue };
        let list = out.approved.entry(row).or_default();
        if !list.iter().any(|(name, _)| *name == approval.by) {
            list.push((approval.by.clone(), approval.at));
        }
        let p = people.entry(approval.by.clone()).or_insert_with(|| person(&approval.by));
        p.at = p.at.max(Some(approval.at));
    }
    for (name, lapse) in lapsed {
        let again = lapse.row.is_some_and(|row| out.is_approved_by(row, name));
        if let Some(p) = people.get_mut(name).filter(|p| !again && !p.lapsed.contains(&lapse)) {
            p.lapsed.push(lapse);
        }
    }
    for p in people.values_mut() {
        p.approved = out.wanted.iter().filter(|row| out.is_approved_by(**row, &p.name)).count();
        p.lapsed.sort_by_key(|l| l.row);
    }
    out.people = people.into_values().collect();
}

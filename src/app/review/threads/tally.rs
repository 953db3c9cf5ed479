//! How far the whole review is: what of all files there is to approve, who has, and what has changed since.
use std::sync::Arc;

use super::place::{self, Placing};
use crate::{
    app::review::Shown,
    model::{
        diff::{FileDiff, FileShape},
        review::Approval,
    },
};

/// What there is to approve in a file, and by whom it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Changed cells; 1 for any other file.
    pub wanted: usize,
    /// Name, how much is approved, how much has changed since it was.
    people: Vec<(String, usize, usize)>,
}

/// The same of all files together, for one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Whole {
    pub wanted: usize,
    pub approved: usize,
    pub lapsed: usize,
    /// Files in which there is something to approve.
    pub files: usize,
}

impl Whole {
    /// Nothing is left to approve.
    pub fn is_done(&self) -> bool {
        self.wanted > 0 && self.approved == self.wanted
    }
    /// `3 of 14 approved, 1 lapsed`.
    pub fn words(&self) -> String {
        let lapsed = if self.lapsed > 0 { format!(", {} lapsed", self.lapsed) } else { String::new() };
        format!("{} of {} approved{lapsed}", self.approved, self.wanted)
    }
}

impl Tally {
    /// Counts a comparison.
    pub fn of(path: &str, diff: FileDiff, approvals: &[Approval]) -> Self {
        let shown = Shown { path: path.to_owned(), diff: Arc::new(diff), revision: 0, at: jiff::Timestamp::UNIX_EPOCH };
        Self::placed(&place::find(&shown, &[], approvals, &[]), &shown.diff)
    }

    /// What was found out about a comparison already.
    pub fn placed(placing: &Placing, diff: &FileDiff) -> Self {
        // Of what is compared by its size alone nothing would tell when it changes.
        if !matches!(diff.shape, FileShape::Notebook(_) | FileShape::Text(_) | FileShape::Image { .. }) {
            return Self::default();
        }
        let people = placing.people.iter().map(|p| (p.name.clone(), p.approved, p.lapsed.len())).collect();
        Self { wanted: placing.wanted.len(), people }
    }

    fn of_person(&self, name: &str) -> (usize, usize) {
        self.people.iter().find(|p| p.0 == name).map_or((0, 0), |p| (p.1, p.2))
    }
}

/// All of it for one person.
pub(super) fn whole<'a>(all: impl Iterator<Item = &'a Tally>, me: Option<&str>) -> Whole {
    let mut out = Whole::default();
    for tally in all {
        let (approved, lapsed) = me.map_or((0, 0), |me| tally.of_person(me));
        out.wanted += tally.wanted;
        out.approved += approved;
        out.lapsed += lapsed;
        out.files += usize::from(tally.wanted > 0);
    }
    out
}

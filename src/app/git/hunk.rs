//! One change of a text file: lines as the comparison shows them, made as the older side has them.
use std::ops::Range;

use crate::{
    app::review::State,
    model::{diff::FileShape, textdiff},
};

/// The lines of one change on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    pub old: Range<usize>,
    pub new: Range<usize>,
}

impl Hunk {
    /// The change that stands in a row of the comparison of a text.
    pub fn at(review: &State, row: usize) -> Option<Self> {
        let FileShape::Text(diff) = &review.shown.as_ref()?.diff.shape else { return None };
        let (old, new) = diff.lines_of(&diff.change_at(row)?);
        Some(Self { old, new })
    }

    /// The newer text without this change.
    pub fn taken_back(&self, old: &[u8], new: &[u8]) -> Vec<u8> {
        textdiff::put_back(old, new, (&self.old, &self.new))
    }
}

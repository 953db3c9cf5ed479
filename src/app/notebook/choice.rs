//! What commands are about: which cells to run or to merge, and where to go.
use crate::model::notebook::CellKey;

/// Where to go after running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    Stay,
    Advance,
    InsertBelow,
}

/// Which cells to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The selected ones.
    Selected(After),
    One(CellKey),
    All,
    Above,
    /// The selected one and all below.
    Below,
    /// What is out of date.
    Stale,
}

/// A step through the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Up,
    Down,
    First,
    Last,
}

/// Which cells to merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    Selected,
    Above,
    Below,
}

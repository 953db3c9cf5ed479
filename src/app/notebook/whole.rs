//! What a cell prints beyond what a notebook bears: kept whole in a file, from where it can be opened and searched.
use std::path::Path;

use super::{DocId, Event, State, notice};
use crate::{
    app::{Effect, Out},
    base::Result,
    engine::kernel::Spool,
    model::{
        kernel::{ExecEvent, ExecId},
        notebook::CellKey,
    },
};

/// Which run something is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOf {
    /// One of this window: its cell, and its number.
    Cell(CellKey, u64),
    /// One that an earlier window, or another, has asked for.
    Exec(ExecId),
}

/// Looks at what a run reports on its way to the window, and keeps what it prints.
pub struct Keeper {
    spool: Spool,
    doc: DocId,
    run: RunOf,
}

impl Keeper {
    /// For a run in a notebook of the workspace at `root`.
    pub fn new(root: &Path, notebook: &str, doc: DocId, run: RunOf) -> Self {
        Self { spool: Spool::new(root, notebook), doc, run }
    }

    /// Before the event itself is told. Called on the kernel's thread, which waits for the disk, so that the window need
    /// not.
    pub fn see(&self, event: &ExecEvent, out: &Out) {
        if let ExecEvent::Stream { text, .. } = event
            && let Some(kept) = self.spool.take(text)
        {
            out.send(Event::Whole { doc: self.doc, run: self.run, kept });
        }
    }
}

/// A file was begun for a run, or could not be.
pub(super) fn event(state: &mut State, id: DocId, run: RunOf, kept: Result<String>) -> Vec<Effect> {
    let Some(doc) = state.by_id(id) else { return Vec::new() };
    match kept {
        Ok(file) => {
            if let Some(run) = doc.run_of(run) {
                run.live.keep_in(file);
            }
            Vec::new()
        }
        Err(error) => vec![notice(&error.hint("The notebook keeps the beginning and the end of what is printed"))],
    }
}

impl super::Doc {
    /// The files with all that cells have printed beyond what the notebook keeps, relative to the workspace: read them
    /// with [`crate::engine::kernel::each_line`].
    pub fn whole_texts(&self) -> impl Iterator<Item = (CellKey, &str)> {
        self.runs.iter().filter_map(|(key, run)| Some((*key, run.live.whole()?)))
    }
}

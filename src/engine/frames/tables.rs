//! The tables a window has open; they outlive the jobs that read them.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Source, View};
use crate::base::{Error, Result};

/// Opened tables and their present views, by the number the window gave them.
#[derive(Debug, Default)]
pub struct Tables(Mutex<HashMap<u64, Entry>>);

#[derive(Debug)]
struct Entry {
    source: Source,
    view: Option<(u64, Arc<View>)>,
}

impl Tables {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Keeps a table; one of the same number is closed.
    pub fn put(&self, id: u64, source: Source) {
        self.lock().insert(id, Entry { source, view: None });
    }
    /// An open table.
    pub fn source(&self, id: u64) -> Result<Source> {
        let source = self.lock().get(&id).map(|e| e.source.clone());
        source.ok_or_else(|| Error::user("The table was closed").hint("Open the file again"))
    }
    /// Keeps a view under its revision; the one before is dropped.
    pub fn set_view(&self, id: u64, revision: u64, view: View) {
        if let Some(entry) = self.lock().get_mut(&id) {
            entry.view = Some((revision, Arc::new(view)));
        }
    }
    /// The view of a revision, if it still is the present one.
    pub fn view(&self, id: u64, revision: u64) -> Option<Arc<View>> {
        self.lock().get(&id)?.view.as_ref().filter(|(r, _)| *r == revision).map(|(_, v)| v.clone())
    }
    /// Closes one.
    pub fn close(&self, id: u64) {
        self.lock().remove(&id);
    }
    /// Closes all but those a condition keeps.
    pub fn retain(&self, keep: impl Fn(u64) -> bool) {
        self.lock().retain(|id, _| keep(*id));
    }
}

//! Pictures of a comparison, made ready for the screen away from the window's thread.
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{State, Task};
use crate::{
    app::{Effect, Job},
    model::diff::{FileDiff, FileShape, ImageView, OutputDetail, Picture},
};

/// Memory for pictures made ready for the screen.
const PICTURE_BYTES: usize = 256 * 1024 * 1024;

/// How two pictures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    #[default]
    SideBySide,
    /// The new one is uncovered from the left.
    Swipe,
    /// The new one shines through.
    Onion,
    /// One after the other.
    Blink,
    /// Where pixels changed.
    Heat,
}

impl Look {
    /// All, with the words on their buttons.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::SideBySide, "Side by side"),
        (Self::Swipe, "Swipe"),
        (Self::Onion, "Onion skin"),
        (Self::Blink, "Blink"),
        (Self::Heat, "Heat map"),
    ];

    /// The one after it, around.
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|l| l.0 == self).map_or(0, |n| n + 1);
        Self::ALL.get(at).map_or(Self::SideBySide, |l| l.0)
    }
}

/// Names two pictures by their contents.
pub type PairKey = (Option<u64>, Option<u64>);

/// Pictures made ready for the screen, by content: what was looked at last is kept, within limits.
#[derive(Debug, Default)]
pub struct Views {
    ready: HashMap<PairKey, Arc<ImageView>>,
    /// From the oldest.
    order: VecDeque<PairKey>,
    bytes: usize,
    waiting: BTreeSet<PairKey>,
}

impl Views {
    /// The pictures, once they are ready.
    pub fn get(&self, key: PairKey) -> Option<&Arc<ImageView>> {
        self.ready.get(&key)
    }
    /// True when nobody has asked for them.
    pub fn is_wanted(&self, key: PairKey) -> bool {
        !self.ready.contains_key(&key) && !self.waiting.contains(&key)
    }
    pub(super) fn add(&mut self, key: PairKey, view: Arc<ImageView>) {
        self.waiting.remove(&key);
        self.bytes += view.bytes();
        if let Some(old) = self.ready.insert(key, view) {
            self.bytes -= old.bytes();
            self.order.retain(|k| *k != key);
        }
        self.order.push_back(key);
        while self.bytes > PICTURE_BYTES && self.order.len() > 1 {
            let gone = self.order.pop_front().and_then(|k| self.ready.remove(&k));
            self.bytes -= gone.map_or(0, |v| v.bytes());
        }
    }
}

type Pair<'a> = (Option<&'a Picture>, Option<&'a Picture>);
type ArcPair<'a> = (Option<&'a Arc<Picture>>, Option<&'a Arc<Picture>>);

/// Pictures that are shown beside each other.
fn picture_pairs(diff: &FileDiff) -> Box<dyn Iterator<Item = ArcPair<'_>> + '_> {
    match &diff.shape {
        FileShape::Image { old, new } => Box::new(std::iter::once((old.as_ref(), new.as_ref()))),
        FileShape::Notebook(book) => {
            Box::new(book.cells.iter().flat_map(|c| &c.outputs).filter_map(|o| match &o.detail {
                OutputDetail::Image { old, new } => Some((old.as_ref(), new.as_ref())),
                _ => None,
            }))
        }
        _ => Box::new(std::iter::empty()),
    }
}

pub(super) fn key_of((old, new): Pair<'_>) -> PairKey {
    (old.map(|p| p.hash), new.map(|p| p.hash))
}

pub(super) fn view(review: &mut State, key: PairKey) -> Vec<Effect> {
    if !review.views.is_wanted(key) {
        return Vec::new();
    }
    let Some(shown) = &review.shown else { return Vec::new() };
    let found = picture_pairs(&shown.diff).find(|(a, b)| key_of((a.map(|p| &**p), b.map(|p| &**p))) == key);
    let Some((old, new)) = found.map(|(a, b)| (a.cloned(), b.cloned())) else { return Vec::new() };
    review.views.waiting.insert(key);
    let name = format!("review.view.{:x}.{:x}", key.0.unwrap_or(0), key.1.unwrap_or(0));
    vec![Job::cpu(name, Task::View { old, new }).titled("Comparing pictures").start()]
}

//! Which cells the merged notebook has, and in what order.
//!
//! Order is merged on the identity of cells, content later cell by cell. Cells that neither side moved are the skeleton,
//! the same on both sides; every other cell stands in a gap of the skeleton and is read from the side that placed it.
use std::collections::{HashMap, HashSet};

use imara_diff::{Algorithm, Diff, InternedInput, TokenSource};

use crate::model::diff::{
    Document,
    align::{Matching, pairs},
    moves::{Pair, staying, weight},
};

/// A cell of the merged notebook: its positions in the three versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Item {
    pub base: Option<usize>,
    pub local: Option<usize>,
    pub remote: Option<usize>,
}

/// What became of the order.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub items: Vec<Item>,
    /// Cells of the base that a side deleted although the other had only run it again.
    pub reruns_deleted: Vec<usize>,
    /// Cells of the base that both sides moved, to different places.
    pub moved_twice: Vec<usize>,
    /// For each cell of the base whether the local and the remote side moved it.
    pub moved: [Vec<bool>; 2],
}

/// One changed version: its cells and which of the base they are.
pub(super) struct Side<'a> {
    pub doc: &'a Document,
    pub matching: &'a Matching,
}

impl Side<'_> {
    fn at(&self, base: usize) -> Option<usize> {
        self.matching.to_new.get(base).copied().flatten().map(|j| j as usize)
    }
    fn base_of(&self, at: usize) -> Option<usize> {
        self.matching.to_old.get(at).copied().flatten().map(|i| i as usize)
    }
    /// For each cell of the base whether it stays among the others. Weighed by the base alone, so that both sides
    /// break ties alike.
    fn staying(&self, base: &Document) -> Vec<bool> {
        let all: Vec<Pair> = pairs(self.matching)
            .map(|(i, j)| {
                let cell = base.cells.get(i);
                let len = cell.map_or(0, |c| c.source.len());
                Pair { old: i as u32, new: j as u32, weight: weight(len, len, cell.map_or(0, |c| c.source_hash)) }
            })
            .collect();
        let mut stays = vec![false; base.cells.len()];
        for (pair, stay) in all.iter().zip(staying(&all)) {
            if let Some(slot) = stays.get_mut(pair.old as usize) {
                *slot = stay;
            }
        }
        stays
    }
    /// A person's work on the cell: anything but results and what tools write.
    fn edited(&self, base: &Document, at: usize) -> bool {
        match (base.cells.get(at), self.at(at).and_then(|j| self.doc.cells.get(j))) {
            (Some(a), Some(b)) => a.kind != b.kind || a.source != b.source || a.metadata_hash != b.metadata_hash,
            _ => false,
        }
    }
    fn rerun(&self, base: &Document, at: usize) -> bool {
        match (base.cells.get(at), self.at(at).and_then(|j| self.doc.cells.get(j))) {
            (Some(a), Some(b)) => a.outputs_hash != b.outputs_hash,
            _ => false,
        }
    }
}

/// Where a cell of the base belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Gone,
    Skeleton,
    Local,
    Remote,
    /// Both moved it into the same gap.
    Both,
}

struct Merger<'a> {
    base: &'a Document,
    sides: [Side<'a>; 2],
    places: Vec<Place>,
    /// Inserts of one side that go with a block the other side moved: after this cell of the base.
    follow: HashMap<usize, Vec<Item>>,
    followers: [HashSet<usize>; 2],
    out: Order,
}

/// Merges the order. The answer is the same with the sides swapped, but for the order of `local` and `remote` in items,
/// when the caller gives the sides in an order that does not depend on who is who.
pub(super) fn merge(base: &Document, local: Side<'_>, remote: Side<'_>) -> Order {
    let mut all = Merger {
        base,
        sides: [local, remote],
        places: Vec::new(),
        follow: HashMap::new(),
        followers: Default::default(),
        out: Order::default(),
    };
    all.place();
    all.attach(0);
    all.attach(1);
    all.emit();
    all.out
}

impl Merger<'_> {
    fn place(&mut self) {
        let stays = [0, 1].map(|s| self.sides.get(s).map(|s| s.staying(self.base)).unwrap_or_default());
        let [local, remote] = &self.sides;
        let count = self.base.cells.len();
        let kept = |s: usize, i: usize| stays.get(s).and_then(|s| s.get(i)).copied().unwrap_or_default();
        let skeleton: Vec<bool> =
            (0..count).map(|i| local.at(i).is_some() && remote.at(i).is_some() && kept(0, i) && kept(1, i)).collect();
        let gaps = [gap_numbers(local, &skeleton), gap_numbers(remote, &skeleton)];
        let gap = |s: usize, at: usize| gaps.get(s).and_then(|g| g.get(at)).copied().unwrap_or_default();
        for i in 0..count {
            let place = match (local.at(i), remote.at(i)) {
                (None, None) => Place::Gone,
                (Some(_), None) if local.edited(self.base, i) => Place::Local,
                (None, Some(_)) if remote.edited(self.base, i) => Place::Remote,
                (Some(_), None) | (None, Some(_)) => {
                    if local.rerun(self.base, i) || remote.rerun(self.base, i) {
                        self.out.reruns_deleted.push(i);
                    }
                    Place::Gone
                }
                (Some(_), Some(_)) if skeleton.get(i) == Some(&true) => Place::Skeleton,
                (Some(l), Some(r)) => match (kept(0, i), kept(1, i)) {
                    (false, true) => Place::Local,
                    (true, false) => Place::Remote,
                    _ => match gap(0, l).cmp(&gap(1, r)) {
                        std::cmp::Ordering::Equal => Place::Both,
                        order => {
                            self.out.moved_twice.push(i);
                            if order.is_lt() { Place::Local } else { Place::Remote }
                        }
                    },
                },
            };
            self.places.push(place);
        }
        let moved = |s: usize, at: &dyn Fn(usize) -> Option<usize>| {
            (0..count).map(|i| at(i).is_some() && !kept(s, i)).collect()
        };
        self.out.moved = [moved(0, &|i| local.at(i)), moved(1, &|i| remote.at(i))];
    }

    fn place_of(&self, base: usize) -> Place {
        self.places.get(base).copied().unwrap_or(Place::Gone)
    }

    fn item(&self, base: usize) -> Item {
        let [local, remote] = &self.sides;
        Item { base: Some(base), local: local.at(base), remote: remote.at(base) }
    }

    fn inserted(side: usize, at: usize) -> Item {
        if side == 0 {
            Item { local: Some(at), ..Item::default() }
        } else {
            Item { remote: Some(at), ..Item::default() }
        }
    }

    /// Finds inserts of `side` between two cells that the other side moved as neighbours: they go with them.
    fn attach(&mut self, side: usize) {
        let (Some(mine), Some(other)) = (self.sides.get(side), self.sides.get(1 - side)) else { return };
        let by_other = if side == 0 { Place::Remote } else { Place::Local };
        let count = mine.doc.cells.len();
        let mut found: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut at = 0;
        while at < count {
            let end = (at..count).find(|j| mine.base_of(*j).is_some()).unwrap_or(count);
            if end > at
                && let (Some(before), Some(after)) =
                    (at.checked_sub(1).and_then(|b| mine.base_of(b)), mine.base_of(end))
                && self.place_of(before) == by_other
                && self.place_of(after) == by_other
                && other.at(before).map(|x| x + 1) == other.at(after)
            {
                found.push((before, (at..end).collect()));
            }
            at = end + 1;
        }
        for (before, run) in found {
            let items = run.iter().map(|j| Self::inserted(side, *j));
            self.follow.entry(before).or_default().extend(items);
            if let Some(all) = self.followers.get_mut(side) {
                all.extend(run);
            }
        }
    }

    /// What a side has in each gap, in its order; one gap more than there are skeleton cells.
    fn gaps(&self, side: usize) -> Vec<Vec<Item>> {
        let Some(mine) = self.sides.get(side) else { return Vec::new() };
        let own = if side == 0 { Place::Local } else { Place::Remote };
        let mut all = vec![Vec::new()];
        for at in 0..mine.doc.cells.len() {
            let item = match mine.base_of(at) {
                Some(base) => match self.place_of(base) {
                    Place::Skeleton => {
                        all.push(Vec::new());
                        continue;
                    }
                    Place::Both => self.item(base),
                    place if place == own => self.item(base),
                    _ => continue,
                },
                None if self.followers.get(side).is_some_and(|f| f.contains(&at)) => continue,
                None => Self::inserted(side, at),
            };
            if let Some(last) = all.last_mut() {
                last.push(item);
            }
        }
        all
    }

    fn emit(&mut self) {
        let (local, remote) = (self.gaps(0), self.gaps(1));
        let skeleton = (0..self.base.cells.len()).filter(|i| self.place_of(*i) == Place::Skeleton).collect::<Vec<_>>();
        for (at, (l, r)) in local.into_iter().zip(remote).enumerate() {
            for item in self.gap(&l, &r) {
                self.put(item);
            }
            if let Some(base) = skeleton.get(at) {
                self.put(self.item(*base));
            }
        }
    }

    fn put(&mut self, item: Item) {
        self.out.items.push(item);
        if let Some(more) = item.base.and_then(|b| self.follow.remove(&b)) {
            self.out.items.extend(more);
        }
    }

    /// Merges the two lists of one gap: what both have in common keeps its place, the rest stands between, one side's
    /// run after the other's, whole, the one whose first cell has the smaller hash first.
    fn gap(&self, local: &[Item], remote: &[Item]) -> Vec<Item> {
        if local.is_empty() || remote.is_empty() {
            return [local, remote].concat();
        }
        let tokens = |items: &[Item]| -> Vec<u64> { items.iter().map(|i| self.token(*i)).collect() };
        let (a, b) = (tokens(local), tokens(remote));
        let input = InternedInput::new(Tokens(&a), Tokens(&b));
        let diff = Diff::compute(Algorithm::Myers, &input);
        let mut common = Vec::new();
        let (mut i, mut j) = (0, 0);
        for hunk in diff.hunks() {
            let (x, y) = (hunk.before.start as usize, hunk.after.start as usize);
            common.extend((i..x).zip(j..y));
            (i, j) = (hunk.before.end as usize, hunk.after.end as usize);
        }
        common.extend((i..local.len()).zip(j..remote.len()));
        let mut weave = Weave { local, remote, a, b, used: HashSet::new(), out: Vec::new() };
        // Common cells first: they must not be taken by a twin that stands earlier.
        weave.used.extend(common.iter().map(|(_, j)| *j));
        let (mut i, mut j) = (0, 0);
        for (x, y) in common.into_iter().chain([(local.len(), remote.len())]) {
            weave.runs(i..x, j..y);
            if let (Some(l), Some(r)) = (local.get(x), remote.get(y)) {
                weave.out.push(both(*l, *r));
            }
            (i, j) = (x + 1, y + 1);
        }
        weave.out
    }

    /// Equal for the same cell and for inserts of equal content.
    fn token(&self, item: Item) -> u64 {
        let [local, remote] = &self.sides;
        match item.base {
            Some(base) => base as u64,
            None => {
                let cell = item
                    .local
                    .and_then(|j| local.doc.cells.get(j))
                    .or_else(|| item.remote.and_then(|j| remote.doc.cells.get(j)));
                cell.map_or(0, |c| c.source_hash ^ (c.kind as u64).rotate_left(60)) | 1 << 63
            }
        }
    }
}

/// The same cell seen from both sides.
fn both(local: Item, remote: Item) -> Item {
    Item { base: local.base, local: local.local, remote: remote.remote }
}

struct Weave<'a> {
    local: &'a [Item],
    remote: &'a [Item],
    a: Vec<u64>,
    b: Vec<u64>,
    /// Remote positions already told.
    used: HashSet<usize>,
    out: Vec<Item>,
}

impl Weave<'_> {
    fn runs(&mut self, local: std::ops::Range<usize>, remote: std::ops::Range<usize>) {
        let first = |tokens: &[u64], at: usize| tokens.get(at).map(|t| crate::base::fsx::hash(&t.to_le_bytes()));
        let local_first = remote.is_empty() || first(&self.a, local.start) <= first(&self.b, remote.start);
        if local_first {
            self.take_local(local);
            self.take_remote(remote);
        } else {
            // A cell that both have in other orders is told where local has it.
            self.take_remote(remote.clone());
            self.take_local(local);
        }
    }
    fn take_local(&mut self, range: std::ops::Range<usize>) {
        for at in range {
            let (Some(item), Some(token)) = (self.local.get(at), self.a.get(at)) else { continue };
            if item.base.is_some() && self.out.iter().any(|o| o.base == item.base) {
                continue;
            }
            let twin = (0..self.remote.len()).find(|j| self.b.get(*j) == Some(token) && !self.used.contains(j));
            let twin = twin.and_then(|j| Some((j, self.remote.get(j)?)));
            match twin {
                Some((j, other)) => {
                    self.used.insert(j);
                    self.out.push(both(*item, *other));
                }
                None if item.local.is_some() && item.base.is_none() && self.told(*item) => {}
                None => self.out.push(*item),
            }
        }
    }
    fn take_remote(&mut self, range: std::ops::Range<usize>) {
        for at in range {
            let Some(item) = self.remote.get(at) else { continue };
            if !self.used.insert(at) || item.base.is_some() && self.out.iter().any(|o| o.base == item.base) {
                continue;
            }
            let twin = (0..self.local.len()).find(|i| {
                self.a.get(*i) == self.b.get(at)
                    && self.local.get(*i).is_some_and(|l| l.base.is_none() && !self.told(*l))
            });
            match twin.and_then(|i| self.local.get(i)) {
                Some(other) => self.out.push(both(*other, *item)),
                None => self.out.push(*item),
            }
        }
    }
    /// The insert was told already, as the twin of the other side's.
    fn told(&self, item: Item) -> bool {
        self.out.iter().any(|o| o.local == item.local && item.local.is_some())
    }
}

struct Tokens<'a>(&'a [u64]);

impl<'a> TokenSource for Tokens<'a> {
    type Token = u64;
    type Tokenizer = std::iter::Copied<std::slice::Iter<'a, u64>>;
    fn tokenize(&self) -> Self::Tokenizer {
        self.0.iter().copied()
    }
    fn estimate_tokens(&self) -> u32 {
        self.0.len() as u32
    }
}

/// For each position of a side the number of skeleton cells before it.
fn gap_numbers(side: &Side<'_>, skeleton: &[bool]) -> Vec<usize> {
    let mut seen = 0;
    (0..side.doc.cells.len())
        .map(|at| {
            let here = seen;
            let is_skeleton = side.base_of(at).is_some_and(|b| skeleton.get(b) == Some(&true));
            seen += usize::from(is_skeleton);
            here
        })
        .collect()
}

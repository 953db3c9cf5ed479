//! Which cell of one side is which of the other, in stages from certain to likely.
//!
//! Each stage works on what is still unmatched. All are linear but the last two, whose work is bounded by caps.

use super::{
    document::{CellView, Document},
    fuzzy,
};
use crate::base::hashed::Hashed;

/// Twin groups larger than this are paired in order only.
const MAX_GROUP: usize = 64;

/// The matching while it grows, positions of the other side.
#[derive(Debug, Clone)]
pub(in crate::model) struct Matching {
    pub to_new: Vec<Option<u32>>,
    pub to_old: Vec<Option<u32>>,
    /// Ids tell the same cells in both notebooks.
    pub ids_kept: bool,
}

impl Matching {
    pub fn pair(&mut self, old: usize, new: usize) {
        if let (Some(a), Some(b)) = (self.to_new.get_mut(old), self.to_old.get_mut(new))
            && a.is_none()
            && b.is_none()
        {
            *a = Some(new as u32);
            *b = Some(old as u32);
        }
    }
    pub fn is_free_old(&self, old: usize) -> bool {
        self.to_new.get(old).is_some_and(Option::is_none)
    }
    pub fn is_free_new(&self, new: usize) -> bool {
        self.to_old.get(new).is_some_and(Option::is_none)
    }
    pub fn free_old(&self) -> Vec<usize> {
        (0..self.to_new.len()).filter(|i| self.is_free_old(*i)).collect()
    }
    pub fn free_new(&self) -> Vec<usize> {
        (0..self.to_old.len()).filter(|i| self.is_free_new(*i)).collect()
    }
    /// How many neighbours of a pair face each other: matched to one another, or both ends of their notebooks.
    pub fn facing(&self, old: usize, new: usize) -> u8 {
        let before = match (old.checked_sub(1), new.checked_sub(1)) {
            (None, None) => true,
            (Some(a), Some(b)) => self.to_new.get(a) == Some(&Some(b as u32)),
            _ => false,
        };
        let after = match (self.to_new.get(old + 1), self.to_old.get(new + 1)) {
            (None, None) => true,
            (Some(a), Some(_)) => *a == Some(new as u32 + 1),
            _ => false,
        };
        u8::from(before) + u8::from(after)
    }
}

/// Aligns two notebooks. Greedy choices could depend on which one is called old, so that is settled by content: turned
/// around, the comparison says the same.
pub(in crate::model) fn align(old: &Document, new: &Document) -> Matching {
    let name = |d: &Document| -> Vec<u64> { d.cells.iter().flat_map(|c| [c.source_hash, c.outputs_hash]).collect() };
    if name(old) <= name(new) {
        return align_in_order(old, new);
    }
    let Matching { to_new, to_old, ids_kept } = align_in_order(new, old);
    Matching { to_new: to_old, to_old: to_new, ids_kept }
}

fn align_in_order(old: &Document, new: &Document) -> Matching {
    let (a, b) = (&old.cells, &new.cells);
    let mut m = Matching { to_new: vec![None; a.len()], to_old: vec![None; b.len()], ids_kept: false };
    let solid = |c: &CellView| !c.is_tiny();
    unique(&mut m, a, b, |c| {
        solid(c).then(|| {
            mix(&[c.kind as u64, c.source_hash, c.outputs_hash, c.count.unwrap_or(-1) as u64, c.metadata_hash])
        })
    });
    unique(&mut m, a, b, |c| solid(c).then(|| mix(&[c.kind as u64, c.source_hash, c.outputs_hash])));
    m.ids_kept = ids_kept(&m, a, b);
    unique(&mut m, a, b, |c| {
        let id = c.id.as_ref()?;
        Some(mix(&[c.kind as u64, c.source_hash, crate::base::fsx::hash(id.as_bytes())]))
    });
    unique(&mut m, a, b, |c| solid(c).then(|| mix(&[c.kind as u64, c.source_hash])));
    neighbours(&mut m, a, b);
    twins(&mut m, a, b);
    unique(&mut m, a, b, |c| solid(c).then_some(c.source_hash));
    let mut common = fuzzy::Common::default();
    for _ in 0..2 {
        fuzzy::pass(&mut m, a, b, &mut common);
        neighbours(&mut m, a, b);
    }
    m
}

fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0, |sum: u64, p| {
        let mixed = (sum ^ p).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    })
}

/// Pairs cells whose key occurs once on either side.
fn unique(m: &mut Matching, a: &[CellView], b: &[CellView], key: impl Fn(&CellView) -> Option<u64>) {
    // First place of the key on a side, or that there are more.
    #[derive(Default, Clone, Copy)]
    struct Places {
        old: Option<usize>,
        new: Option<usize>,
        many: bool,
    }
    let mut places: Hashed<Places> = Hashed::default();
    for i in m.free_old() {
        if let Some(k) = a.get(i).and_then(&key) {
            let p = places.entry(k).or_default();
            p.many |= p.old.replace(i).is_some();
        }
    }
    for j in m.free_new() {
        if let Some(p) = b.get(j).and_then(&key).and_then(|k| places.get_mut(&k)) {
            p.many |= p.new.replace(j).is_some();
        }
    }
    for p in places.into_values() {
        if let (Some(i), Some(j), false) = (p.old, p.new, p.many) {
            m.pair(i, j);
        }
    }
}

/// Nine of ten certain pairs have equal ids.
fn ids_kept(m: &Matching, a: &[CellView], b: &[CellView]) -> bool {
    let (mut equal, mut all) = (0, 0);
    for (i, j) in pairs(m) {
        if let (Some(x), Some(y)) = (a.get(i).and_then(|c| c.id.as_ref()), b.get(j).and_then(|c| c.id.as_ref())) {
            all += 1;
            equal += usize::from(x == y);
        }
    }
    all > 0 && equal * 10 >= all * 9
}

/// Matched pairs in old order.
pub(in crate::model) fn pairs(m: &Matching) -> impl Iterator<Item = (usize, usize)> + '_ {
    m.to_new.iter().enumerate().filter_map(|(i, j)| j.map(|j| (i, j as usize)))
}

/// Pairs equal sources beside a matched pair, forwards then backwards; the ends count as matched.
fn neighbours(m: &mut Matching, a: &[CellView], b: &[CellView]) {
    let equal = |i: usize, j: usize| match (a.get(i), b.get(j)) {
        (Some(x), Some(y)) => x.kind == y.kind && x.source_hash == y.source_hash && x.source == y.source,
        _ => false,
    };
    for i in 0..a.len() {
        let j = match i.checked_sub(1) {
            None => Some(0),
            Some(p) => m.to_new.get(p).copied().flatten().map(|j| j as usize + 1),
        };
        if let Some(j) = j.filter(|j| m.is_free_old(i) && m.is_free_new(*j) && equal(i, *j)) {
            m.pair(i, j);
        }
    }
    for i in (0..a.len()).rev() {
        let j = if i + 1 == a.len() {
            b.len().checked_sub(1)
        } else {
            m.to_new.get(i + 1).copied().flatten().and_then(|j| (j as usize).checked_sub(1))
        };
        if let Some(j) = j.filter(|j| m.is_free_old(i) && m.is_free_new(*j) && equal(i, *j)) {
            m.pair(i, j);
        }
    }
}

/// Pairs what is left of equal sources: first those with the same outputs and count, then in order.
fn twins(m: &mut Matching, a: &[CellView], b: &[CellView]) {
    let mut groups: Hashed<(Vec<usize>, Vec<usize>)> = Hashed::default();
    let key = |c: &CellView| (!c.is_tiny()).then(|| mix(&[c.kind as u64, c.source_hash]));
    for i in m.free_old() {
        if let Some(k) = a.get(i).and_then(key) {
            groups.entry(k).or_default().0.push(i);
        }
    }
    for j in m.free_new() {
        if let Some(group) = b.get(j).and_then(key).and_then(|k| groups.get_mut(&k)) {
            group.1.push(j);
        }
    }
    for (olds, news) in groups.into_values() {
        if olds.len().max(news.len()) <= MAX_GROUP {
            for &i in &olds {
                let same = |j: &&usize| match (a.get(i), b.get(**j)) {
                    (Some(x), Some(y)) => x.outputs_hash == y.outputs_hash && x.count == y.count,
                    _ => false,
                };
                if let Some(&j) = news.iter().filter(|j| m.is_free_new(**j)).find(same) {
                    m.pair(i, j);
                }
            }
        }
        let left: Vec<usize> = news.iter().copied().filter(|j| m.is_free_new(*j)).collect();
        let olds: Vec<usize> = olds.into_iter().filter(|i| m.is_free_old(*i)).collect();
        for (i, j) in olds.into_iter().zip(left) {
            m.pair(i, j);
        }
    }
}

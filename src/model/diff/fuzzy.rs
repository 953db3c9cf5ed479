//! Pairs edited cells by what their texts share, weighed by how rare it is.
use std::collections::HashMap;

use super::{align::Matching, document::CellView};
use crate::{
    base::{fsx::hash, hashed::Hashed},
    model::textdiff::tokens,
};

/// A feature in more cells than this says nothing.
const MAX_DF: usize = 24;
/// Rare features of a cell that are looked up.
const LOOKED_UP: usize = 64;
/// Candidates kept for a cell.
const KEPT: usize = 8;
/// Longest list of features of one cell.
const MAX_FEATURES: usize = 4_000;
/// Matched cells that help to tell rare features from common ones.
const SAMPLE: usize = 250;

/// Sorted features of one cell, each with what it says.
struct Bag {
    features: Vec<(u64, f32)>,
    weight: f32,
}

struct Candidate {
    old: usize,
    new: usize,
    similarity: f32,
    order: f32,
}

/// One round: finds candidates, orders them, takes them greedily.
pub(super) fn pass(m: &mut Matching, a: &[CellView], b: &[CellView], common: &mut Common) {
    let (olds, news) = (m.free_old(), m.free_new());
    if olds.is_empty() || news.is_empty() {
        return;
    }
    let mut bags_a: HashMap<usize, Bag> = bags(a, &olds);
    let mut bags_b: HashMap<usize, Bag> = bags(b, &news);
    let rarity = Rarity::of(common.of(m, a), &bags_a, &bags_b, a.len() + b.len());
    for bag in bags_a.values_mut().chain(bags_b.values_mut()) {
        bag.features.iter_mut().for_each(|(f, weight)| *weight = rarity.weight(*f));
        bag.weight = bag.features.iter().map(|f| f.1).sum();
    }
    let mut index: Hashed<Vec<usize>> = Hashed::default();
    for &j in &news {
        for f in bags_b.get(&j).iter().flat_map(|bag| &bag.features) {
            index.entry(f.0).or_default().push(j);
        }
    }
    let lookup = Lookup::new(b, &news);
    let mut all = Vec::new();
    for &i in &olds {
        let (Some(cell), Some(bag)) = (a.get(i), bags_a.get(&i)) else { continue };
        let mut found = by_features(bag, &index);
        found.extend(lookup.of(m, cell, i));
        found.sort_unstable();
        found.dedup();
        for j in found.into_iter().filter(|j| m.is_free_new(*j)) {
            let (Some(other), Some(bag_b)) = (b.get(j), bags_b.get(&j)) else { continue };
            let similarity = likeness(bag, bag_b);
            let mut order = similarity;
            order += if same_outputs(cell, other) { 0.3 } else { 0.0 };
            order += if same_id(cell, other) { 0.3 } else { 0.0 };
            order += if cell.count.is_some() && cell.count == other.count { 0.1 } else { 0.0 };
            order += if m.facing(i, j) == 2 { 0.15 } else { 0.0 };
            all.push(Candidate { old: i, new: j, similarity, order });
        }
    }
    all.sort_by(|x, y| y.order.total_cmp(&x.order).then(x.old.cmp(&y.old)).then(x.new.cmp(&y.new)));
    for c in all {
        if !m.is_free_old(c.old) || !m.is_free_new(c.new) {
            continue;
        }
        if let (Some(x), Some(y)) = (a.get(c.old), b.get(c.new))
            && accept(m, &c, x, y)
        {
            m.pair(c.old, c.new);
        }
    }
}

fn same_outputs(x: &CellView, y: &CellView) -> bool {
    x.outputs_hash != 0 && x.outputs_hash == y.outputs_hash
}

fn same_id(x: &CellView, y: &CellView) -> bool {
    x.id.is_some() && x.id == y.id
}

/// The more the surroundings say, the less the text must.
fn accept(m: &Matching, c: &Candidate, x: &CellView, y: &CellView) -> bool {
    let facing = m.facing(c.old, c.new);
    let id = same_id(x, y);
    if m.ids_kept && id && facing > 0 {
        return true;
    }
    // Two cells without words say nothing about each other but by where they stand.
    if x.is_tiny() && y.is_tiny() {
        return id || facing == 2;
    }
    let mut floor: f32 = match facing {
        0 => 0.50,
        1 => 0.30,
        _ => 0.15,
    };
    if m.ids_kept && !id && x.id.is_some() && y.id.is_some() {
        floor = 0.75;
    } else {
        if same_outputs(x, y) {
            floor -= 0.2;
        }
        if id {
            floor = floor.min(0.15);
        }
    }
    if x.kind != y.kind {
        floor = floor.max(0.6);
    }
    c.similarity >= floor
}

fn bags(cells: &[CellView], wanted: &[usize]) -> HashMap<usize, Bag> {
    let bag = |c: &CellView| Bag { features: features(&c.source).into_iter().map(|f| (f, 0.0)).collect(), weight: 0.0 };
    wanted.iter().filter_map(|i| Some((*i, bag(cells.get(*i)?)))).collect()
}

/// Trimmed lines, words, pairs and triples of tokens, hashed, sorted, each once.
fn features(source: &str) -> Vec<u64> {
    let mut all = Vec::new();
    for line in source.split('\n') {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        all.push(hash(line.as_bytes()));
        let words: Vec<u64> = tokens(line)
            .filter_map(|r| line.get(r))
            .filter(|t| !t.starts_with(char::is_whitespace))
            .map(|t| hash(t.as_bytes()).rotate_left(1))
            .collect();
        all.extend(words.iter().copied());
        all.extend(words.windows(2).map(|w| fold(w, 3)));
        all.extend(words.windows(3).map(|w| fold(w, 5)));
        if all.len() > MAX_FEATURES {
            all.truncate(MAX_FEATURES);
            break;
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn fold(words: &[u64], turn: u32) -> u64 {
    words.iter().fold(0, |sum: u64, w| sum.rotate_left(turn).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ w)
}

/// Features of matched cells, which tell rare ones from common ones. Read once for all rounds.
#[derive(Default)]
pub(super) struct Common(Option<Sampled>);

struct Sampled {
    features: Vec<u64>,
    /// How many cells each sampled one stands for.
    cells: u32,
}

impl Common {
    fn of(&mut self, m: &Matching, a: &[CellView]) -> &Sampled {
        self.0.get_or_insert_with(|| {
            let matched: Vec<&CellView> =
                a.iter().enumerate().filter(|(i, _)| !m.is_free_old(*i)).map(|(_, c)| c).collect();
            let step = matched.len().div_ceil(SAMPLE).max(1);
            let features = matched.iter().step_by(step).flat_map(|c| features(&c.source)).collect();
            Sampled { features, cells: step as u32 }
        })
    }
}

/// In how many cells each feature is.
struct Rarity {
    counts: Hashed<u32>,
    cells: f32,
}

impl Rarity {
    fn of(common: &Sampled, x: &HashMap<usize, Bag>, y: &HashMap<usize, Bag>, total: usize) -> Self {
        let mut counts: Hashed<u32> = Hashed::default();
        for f in x.values().chain(y.values()).flat_map(|bag| &bag.features) {
            *counts.entry(f.0).or_default() += 1;
        }
        for f in &common.features {
            if let Some(n) = counts.get_mut(f) {
                *n += 2 * common.cells;
            }
        }
        Self { counts, cells: total as f32 }
    }
    fn count(&self, feature: u64) -> f32 {
        self.counts.get(&feature).map_or(1.0, |n| *n as f32)
    }
    fn weight(&self, feature: u64) -> f32 {
        (1.0 + self.cells / self.count(feature)).ln()
    }
}

/// Half Dice, half containment tempered by the ratio of sizes.
fn likeness(x: &Bag, y: &Bag) -> f32 {
    let (mut i, mut j, mut common) = (0, 0, 0.0);
    while let (Some((a, weight)), Some((b, _))) = (x.features.get(i), y.features.get(j)) {
        match a.cmp(b) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                common += weight;
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    let (small, large) = (x.weight.min(y.weight), x.weight.max(y.weight));
    if small <= 0.0 {
        return if large <= 0.0 { 1.0 } else { 0.0 };
    }
    common / (small + large) + 0.5 * common / small * (small / large).sqrt()
}

/// The best candidates by shared rare features.
fn by_features(bag: &Bag, index: &Hashed<Vec<usize>>) -> Vec<usize> {
    let known = bag.features.iter().filter_map(|f| Some((f, index.get(&f.0).filter(|p| p.len() <= MAX_DF)?)));
    let mut rare: Vec<(&(u64, f32), &Vec<usize>)> = known.collect();
    rare.sort_by(|x, y| y.0.1.total_cmp(&x.0.1).then(x.0.0.cmp(&y.0.0)));
    let mut scores: HashMap<usize, f32> = HashMap::new();
    for ((_, weight), places) in rare.into_iter().take(LOOKED_UP) {
        for j in places {
            *scores.entry(*j).or_default() += weight;
        }
    }
    let mut best: Vec<(usize, f32)> = scores.into_iter().collect();
    best.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.cmp(&y.0)));
    best.into_iter().take(KEPT).map(|(j, _)| j).collect()
}

/// Candidates that the text need not suggest: equal outputs, equal id, facing position.
struct Lookup<'a> {
    outputs: Hashed<Vec<usize>>,
    ids: HashMap<&'a str, usize>,
}

impl<'a> Lookup<'a> {
    fn new(b: &'a [CellView], news: &[usize]) -> Self {
        let (mut outputs, mut ids) = (Hashed::<Vec<usize>>::default(), HashMap::new());
        for &j in news {
            let Some(cell) = b.get(j) else { continue };
            if cell.outputs_hash != 0 {
                outputs.entry(cell.outputs_hash).or_default().push(j);
            }
            if let Some(id) = &cell.id {
                ids.insert(id.as_str(), j);
            }
        }
        Self { outputs, ids }
    }
    fn of(&self, m: &Matching, cell: &CellView, i: usize) -> Vec<usize> {
        let mut found: Vec<usize> =
            self.outputs.get(&cell.outputs_hash).into_iter().flatten().take(KEPT).copied().collect();
        found.extend(cell.id.as_deref().and_then(|id| self.ids.get(id)));
        match i.checked_sub(1) {
            None => found.push(0),
            Some(p) => found.extend(m.to_new.get(p).copied().flatten().map(|j| j as usize + 1)),
        }
        match m.to_new.get(i + 1) {
            None => found.extend(m.to_old.len().checked_sub(1)),
            Some(next) => found.extend(next.and_then(|j| (j as usize).checked_sub(1))),
        }
        found
    }
}

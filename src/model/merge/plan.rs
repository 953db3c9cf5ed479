//! What a person sees of a merge before anything is written: the cells that both sides touched, and what is to decide.
use std::sync::Arc;

use super::{
    Choice, Chunk, Names, Part, Take, Version3,
    cell::Version,
    merge_text,
    object::{self, keys},
    order::{Item, Order},
    split,
};
use crate::{
    base::{Result, fsx::hash, text::shorten},
    model::{
        diff::{CellType, CellView, VOLATILE_CELL, VOLATILE_NOTEBOOK},
        json::{Bytes, Json, Value},
        notebook::Cell,
    },
};

/// The words in marks.
pub(super) const NAMES: Names<'static> = Names { local: "ours", remote: "theirs" };

/// One thing of a merge: a cell that both sides touched, a stretch of lines of a text file, or a file as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// Its place among the cells of the merged notebook, or among the stretches of a text.
    pub at: usize,
    /// Where it stands in the base, in ours and in theirs; for cells.
    pub places: [Option<usize>; 3],
    /// What could not be merged; nothing for what merged by itself.
    pub parts: Vec<Part>,
    /// How it merged, or why not, in words.
    pub how: String,
    /// `Cell 12`, `Cell 9 \u{2192} 15`, `Lines 4 to 6`.
    pub place: String,
    /// Its first line that says something.
    pub title: String,
    /// The text in the base, in ours and in theirs; none where it does not exist.
    pub texts: [Option<Arc<str>>; 3],
    /// The merged text with the stretches that both sides changed.
    pub chunks: Vec<Chunk>,
    /// The number of lines before it, for a stretch of a file.
    pub first_line: usize,
    /// Both sides moved it, to different places; it can stand where either has it.
    pub moved_twice: bool,
    /// The outputs that stand were made by an older source.
    pub stale: bool,
    pub kind: Option<CellType>,
    /// Members of its metadata that both sides changed, each in its way.
    pub keys: Vec<KeyConflict>,
    /// A stretch of a file changed by hand: which lines of the base it stands for is not known.
    pub base_unknown: bool,
}

impl Entry {
    /// The text in one version.
    pub fn text(&self, take: Take) -> Option<&str> {
        self.texts.get(take as usize).and_then(|t| t.as_deref())
    }
    /// One of the sides has it no more.
    pub fn is_lone(&self) -> bool {
        self.texts.get(1).is_some_and(Option::is_none) || self.texts.get(2).is_some_and(Option::is_none)
    }
    /// Something is to be decided here.
    pub fn is_conflict(&self) -> bool {
        !self.parts.is_empty()
    }
}

/// A member of an object that both sides changed: its values as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyConflict {
    /// Names it among all members: `metadata.kernelspec.name`.
    pub path: String,
    /// The same for a person: `kernelspec.name`.
    pub key: String,
    /// In the base, in ours, in theirs.
    pub values: [Option<String>; 3],
}

/// A merge of three notebooks, before it is decided.
pub struct Plan {
    /// Base, local, remote.
    pub(super) versions: [Version3; 3],
    pub(super) flip: bool,
    pub(super) order: Order,
    /// Cells touched on both sides, in the order of the merged notebook.
    pub entries: Vec<Entry>,
    /// What both changed around the cells.
    pub notebook: Vec<KeyConflict>,
    /// What a person should know, in words.
    pub notes: Vec<String>,
    /// The document is open and knows by itself which outputs are old: that is not noted in its cells.
    pub open: bool,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("entries", &self.entries).finish_non_exhaustive()
    }
}

impl Plan {
    /// Merges three versions of a notebook.
    ///
    /// # Errors
    /// When one of the three is no notebook of format 4.
    pub fn new(base: &[u8], local: &[u8], remote: &[u8]) -> Result<Self> {
        let (b, l, r) =
            (Version3::read("base", base)?, Version3::read("local", local)?, Version3::read("remote", remote)?);
        let flip = (hash(local), local) > (hash(remote), remote);
        let ready = split::carried(if flip { [b, r, l] } else { [b, l, r] });
        let (order, carried) = (ready.order(), ready.count);
        let [b, first, second] = ready.versions;
        let mut plan = Self {
            versions: if flip { [b, second, first] } else { [b, first, second] },
            flip,
            open: false,
            order,
            entries: Vec::new(),
            notebook: Vec::new(),
            notes: Vec::new(),
        };
        let mut merger = plan.merger();
        merger.say(&plan.order, carried);
        let notes = merger.out.notes;
        plan.notes = notes;
        plan.notebook = plan.around();
        plan.entries = plan.list()?;
        Ok(plan)
    }

    /// Language of the code cells.
    pub fn language(&self) -> &str {
        let [_, l, _] = &self.versions;
        &l.doc.language
    }
    /// Number of cells that the merge puts together.
    pub fn cells(&self) -> usize {
        self.order.items.len()
    }
    /// Where the cell stands in the file of a version.
    pub fn place(&self, entry: &Entry, take: Take) -> Option<usize> {
        let at = entry.places.get(take as usize).copied().flatten()?;
        Some(self.versions.get(take as usize)?.place(at))
    }
    /// A cell in one version.
    pub fn view(&self, entry: &Entry, take: Take) -> Option<&CellView> {
        let at = entry.places.get(take as usize).copied().flatten()?;
        self.versions.get(take as usize)?.doc.cells.get(at)
    }
    /// Outputs of a cell in one version, as they are written.
    pub fn outputs(&self, entry: &Entry, take: Take) -> Vec<Bytes> {
        let at = entry.places.get(take as usize).copied().flatten();
        let cell = at.and_then(|at| self.versions.get(take as usize)?.book.cells().get(at));
        cell.map(|c| c.outputs().collect()).unwrap_or_default()
    }
    /// The outputs a cell would get, and whether an older source made them; nothing of a cell that is left out.
    pub fn outcome(&self, entry: &Entry, choice: &Choice) -> Option<(Vec<Bytes>, bool)> {
        let item = self.order.items.get(entry.at).copied()?;
        let merged = self.merger().merged(item, Some(choice)).ok().flatten()?;
        let cell = Cell::read(merged.raw).ok()?;
        Some((cell.outputs().collect(), merged.stale.is_some()))
    }
    /// Members of a cell's metadata that both sides changed.
    fn metadata(&self, places: [Option<usize>; 3]) -> Vec<KeyConflict> {
        let raw = [0, 1, 2].map(|v| {
            let at = places.get(v).copied().flatten()?;
            let cell = self.versions.get(v)?.book.cells().get(at)?;
            Json::parse(cell.metadata()).ok()
        });
        let [b, l, r] = raw.each_ref().map(|j| j.as_ref().map(Json::root));
        let (Some(l), Some(r)) = (l, r) else { return Vec::new() };
        conflicting(b, l, r, &VOLATILE_CELL)
    }
    /// Cells that stand before this one in the merged notebook and are in conflict.
    pub fn open_before(&self, entry: &Entry) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |e| e.at < entry.at && e.is_conflict())
    }

    fn around(&self) -> Vec<KeyConflict> {
        let [b, l, r] = self.versions.each_ref().map(|v| {
            let (head, _, tail) = v.book.pieces();
            Json::parse([&head[..], &tail[..]].concat()).ok()
        });
        let (Some(l), Some(r)) = (&l, &r) else { return Vec::new() };
        let mut out = conflicting(b.as_ref().map(Json::root), l.root(), r.root(), &VOLATILE_NOTEBOOK);
        // The higher format can hold what the lower one holds.
        out.retain(|c| c.path != super::MINOR);
        for conflict in &mut out {
            if let Some(key) = conflict.key.strip_prefix("metadata.") {
                conflict.key = key.to_owned();
            }
        }
        out
    }

    /// Places in base, ours and theirs.
    fn places(&self, item: Item) -> [Option<usize>; 3] {
        if self.flip { [item.base, item.remote, item.local] } else { [item.base, item.local, item.remote] }
    }

    fn versions_of(&self, places: [Option<usize>; 3]) -> [Option<Version<'_>>; 3] {
        let [b, l, r] = &self.versions;
        let [x, y, z] = places;
        [x.and_then(|i| b.version(i)), y.and_then(|i| l.version(i)), z.and_then(|i| r.version(i))]
    }

    fn list(&self) -> Result<Vec<Entry>> {
        let merger = self.merger();
        let mut all = Vec::new();
        let items = &self.order.items;
        for (at, item) in items.iter().enumerate() {
            let places = self.places(*item);
            let beside = at.checked_sub(1).and_then(|i| items.get(i)).into_iter().chain(items.get(at + 1));
            let beside: Vec<_> = beside.map(|i| self.places(*i)).collect();
            let Some(how) = self.touched(*item, places, &beside) else { continue };
            let Some(merged) = merger.merged(*item, None)? else { continue };
            let [b, l, r] = self.versions_of(places);
            let source = |v: Option<Version<'_>>| v.map(|v| v.view.source.clone());
            let texts = [source(b), source(l), source(r)];
            let chunks = self.chunks(&merged.raw, &merged.conflicts, &texts)?;
            let one = l.or(r).or(b);
            let keys = if merged.conflicts.contains(&Part::Metadata) { self.metadata(places) } else { Vec::new() };
            all.push(Entry {
                at,
                places,
                keys,
                base_unknown: false,
                how: if merged.conflicts.is_empty() { how } else { why(&merged.conflicts, &texts) },
                parts: merged.conflicts,
                place: self.place_words(at, *item),
                title: one.map(|v| shorten(v.view.title(), 80)).unwrap_or_default(),
                texts,
                chunks,
                first_line: 0,
                moved_twice: item.base.is_some_and(|b| self.order.moved_twice.contains(&b)),
                stale: merged.stale.is_some(),
                kind: one.map(|v| v.view.kind),
            });
        }
        Ok(all)
    }

    /// `Cell 12`; `Cell 9 \u{2192} 15` where a side moved it.
    fn place_words(&self, at: usize, item: Item) -> String {
        let moved = |b: &usize| self.order.moved.iter().any(|m| m.get(*b) == Some(&true));
        match item.base.filter(moved) {
            Some(b) if b != at => format!("Cell {} \u{2192} {}", b + 1, at + 1),
            _ => format!("Cell {}", at + 1),
        }
    }

    /// The merged text with its conflicts.
    fn chunks(&self, raw: &Bytes, conflicts: &[Part], texts: &[Option<Arc<str>>; 3]) -> Result<Vec<Chunk>> {
        if let ([b, Some(l), Some(r)], true) = (texts, conflicts.contains(&Part::Source)) {
            let merged = merge_text(b.as_deref().unwrap_or_default(), l, r);
            if !merged.is_clean() {
                return Ok(merged.chunks);
            }
            // Half characters that cannot be merged by what is shown of them.
            let lines = |t: &str| t.split('\n').map(str::to_owned).collect();
            let base = b.as_deref().map(lines).unwrap_or_default();
            return Ok(vec![Chunk::Conflict { base, local: lines(l), remote: lines(r) }]);
        }
        let source = Cell::read(raw.clone())?.source;
        Ok(vec![Chunk::Merged(source.split('\n').map(str::to_owned).collect())])
    }

    /// How both sides touched it, in words; none where only one did.
    fn touched(&self, item: Item, places: [Option<usize>; 3], beside: &[[Option<usize>; 3]]) -> Option<String> {
        let [b, l, r] = self.versions_of(places);
        match (b, l, r) {
            (Some(b), Some(l), Some(r)) => {
                let moved = |n: usize| {
                    let flags = self.order.moved.get(n).zip(item.base).and_then(|(m, b)| m.get(b)).copied();
                    flags.unwrap_or_default()
                };
                let (mine, other) = if self.flip { (1, 0) } else { (0, 1) };
                let ours = deeds(b, l, moved(mine));
                let theirs = deeds(b, r, moved(other));
                match (ours, theirs) {
                    (None, _) | (_, None) => None,
                    (Some(a), Some(b)) if a == b && a == "run again" => Some("run again on both sides".to_owned()),
                    (Some(a), Some(b)) if a == b => Some(format!("{a} on both sides")),
                    (Some(a), Some(b)) => Some(format!("{a} here, {b} there")),
                }
            }
            (None, Some(_), Some(_)) => Some("inserted on both sides".to_owned()),
            (Some(_), Some(_), None) => Some("edited here, deleted there".to_owned()),
            (Some(_), None, Some(_)) => Some("deleted here, edited there".to_owned()),
            (None, Some(_), None) => {
                let other = beside.iter().any(|p| matches!(p, [None, None, Some(_)]));
                other.then(|| "inserted here, beside one of theirs".to_owned())
            }
            (None, None, Some(_)) => {
                let other = beside.iter().any(|p| matches!(p, [None, Some(_), None]));
                other.then(|| "inserted there, beside one of ours".to_owned())
            }
            _ => None,
        }
    }
}

/// What a side did to a cell of the base.
fn deeds(base: Version<'_>, side: Version<'_>, moved: bool) -> Option<&'static str> {
    let (b, s) = (base.view, side.view);
    let edited = b.kind != s.kind || b.source != s.source || b.metadata_hash != s.metadata_hash;
    match (moved, edited, b.outputs_hash != s.outputs_hash) {
        (true, true, _) => Some("moved and edited"),
        (true, false, _) => Some("moved"),
        (false, true, _) => Some("edited"),
        (false, false, true) => Some("run again"),
        (false, false, false) => None,
    }
}

/// Why it could not be merged.
fn why(parts: &[Part], texts: &[Option<Arc<str>>; 3]) -> String {
    let [_, l, r] = texts;
    let words: Vec<&str> = parts
        .iter()
        .map(|part| match part {
            Part::Source => "both changed the same lines",
            Part::Outputs => "run on both sides with different outputs",
            Part::Metadata => "both changed its metadata",
            Part::Cell if l.is_none() => "deleted here, edited there",
            Part::Cell if r.is_none() => "edited here, deleted there",
            Part::Cell => "both changed its type or another field",
            Part::Notebook => "both changed the notebook's metadata",
        })
        .collect();
    words.join("; ")
}

/// Members that both sides changed, each in its way.
fn conflicting(base: Option<Value<'_>>, local: Value<'_>, remote: Value<'_>, volatile: &[&str]) -> Vec<KeyConflict> {
    let told = object::merge(base, local, remote, volatile, &object::undecided).conflicts;
    let mut out = Vec::new();
    if !told.is_empty() {
        listed("", (base, local, remote), &told, &mut out);
    }
    out
}

fn listed(
    above: &str,
    (base, local, remote): (Option<Value<'_>>, Value<'_>, Value<'_>),
    told: &[String],
    out: &mut Vec<KeyConflict>,
) {
    for key in keys([Some(local), Some(remote), base]) {
        let values = [base.and_then(|b| b.get(&key)), local.get(&key), remote.get(&key)];
        let [b, l, r] = values;
        let path = object::path(above, &key);
        if told.contains(&path) {
            let text = |v: Option<Value<'_>>| v.map(|v| v.raw_text().to_owned());
            out.push(KeyConflict { key: path.clone(), path, values: values.map(text) });
        } else if let (Some(l), Some(r)) = (l.filter(Value::is_object), r.filter(Value::is_object)) {
            listed(&path, (b.filter(Value::is_object), l, r), told, out);
        }
    }
}

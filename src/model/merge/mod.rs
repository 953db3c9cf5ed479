//! Three-way merge of notebooks: order and content apart, then put together by splicing.
//!
//! [`order`] merges which cells there are and where they stand, [`cell`] what each holds, with [`text`] for sources and
//! [`object`] for metadata; [`split`] makes a split or join of one side in the others first. The result is a valid notebook in every case: a conflicting source holds git's marks, and
//! the notebook's metadata keep all three versions ([`keep`]), so that one side's file can be had back byte for byte.
//! Nothing here depends on which side is which: the same two versions merge to the same notebook either way around.
mod answer;
mod cell;
mod decide;
mod hunks;
mod keep;
mod kept;
mod marked;
mod object;
mod order;
mod plan;
mod split;
mod text;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

pub use answer::{Answer, Pick, in_our_words, is_open, names_in};
pub use cell::{Names, Part};
pub use decide::{Choice, Choices, Keys, Results, carry, decide_all, written_since};
pub use hunks::TextPlan;
pub use kept::Kept;
pub use marked::{is_marked, without_names};
pub use plan::{Entry, KeyConflict, Plan};
pub use text::{Chunk, Merge3, merge as merge_text};

use self::{
    cell::{MergedCell, Telling, Version},
    object::with_member,
    order::{Item, Order},
    split::Carried,
};
use super::{
    diff::{Document, VOLATILE_NOTEBOOK},
    json::{Bytes, Json, splice},
    notebook::{Cell, Notebook},
    settle,
};
use crate::base::{Error, Result, fsx::hash, text::count};

/// The key of Andon's own metadata, in cells and in the notebook.
const OWN: &str = "andon";
/// The member of the minor format.
const MINOR: &str = "nbformat_minor";

/// Something both sides changed, each in its way. Positions are those of the three files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    pub base: Option<usize>,
    pub local: Option<usize>,
    pub remote: Option<usize>,
    pub part: Part,
    /// Where it stands in the merged notebook.
    pub merged: Option<usize>,
}

/// A merged notebook.
#[derive(Debug, Clone)]
pub struct Merged {
    pub bytes: Vec<u8>,
    pub conflicts: Vec<Conflict>,
    /// Merged cells whose outputs came from another source than they show now.
    pub stale: Vec<usize>,
    /// What a person should know, in words.
    pub notes: Vec<String>,
}

impl Merged {
    fn whole(bytes: Bytes) -> Self {
        Self { bytes: bytes.into_vec(), conflicts: Vec::new(), stale: Vec::new(), notes: Vec::new() }
    }
}

/// One side of a notebook with conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    Base,
    Local,
    Remote,
}

/// A version being merged.
struct Version3 {
    json: Json,
    doc: Document,
    book: Notebook,
    /// Where each cell stands in the file, when the cells are not those of the file.
    places: Option<Vec<usize>>,
}

impl Version3 {
    fn read(name: &str, bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        let of = |e: Error| e.because_of(format!("the {name} version"));
        let json = Json::parse(bytes.clone()).map_err(|e| of(e.about("The notebook", &bytes)))?;
        let book = Notebook::read(&json).map_err(of)?;
        if let Some(why) = book.read_only() {
            return Err(Error::user(format!("The {name} version is a notebook of an old format"))
                .because_of(why)
                .hint("Convert it to format 4 first"));
        }
        Ok(Self { doc: Document::read(name, &json)?, book, json, places: None })
    }
    /// Where the cell stands in the file.
    fn place(&self, at: usize) -> usize {
        self.places.as_ref().and_then(|p| p.get(at)).copied().unwrap_or(at)
    }
    fn version(&self, at: usize) -> Option<Version<'_>> {
        Some(Version { raw: self.book.cells().get(at)?, view: self.doc.cells.get(at)? })
    }
    /// The cell before this one has this raw neighbour relation: the bytes between the two.
    fn gap(&self, before: Option<usize>, after: Option<usize>) -> Option<Bytes> {
        let at = match (before, after) {
            (None, Some(0)) => 0,
            (Some(a), Some(b)) if a + 1 == b => b,
            (Some(a), None) if a + 1 == self.book.cells().len() => a + 1,
            _ => return None,
        };
        self.book.pieces().1.get(at).cloned()
    }
}

/// Merges two changed versions of a notebook.
///
/// # Errors
/// When one of the three is no notebook of format 4.
pub fn merge(
    base: impl Into<Bytes>,
    local: impl Into<Bytes>,
    remote: impl Into<Bytes>,
    names: Names<'_>,
) -> Result<Merged> {
    merged((base.into(), local.into(), remote.into()), names, true)
}

/// The same for a document that is open, which knows by itself which outputs are old: that is not noted in its cells.
///
/// # Errors
/// When one of the three is no notebook of format 4.
pub fn merge_open(
    base: impl Into<Bytes>,
    local: impl Into<Bytes>,
    remote: impl Into<Bytes>,
    names: Names<'_>,
) -> Result<Merged> {
    merged((base.into(), local.into(), remote.into()), names, false)
}

fn merged((base, local, remote): (Bytes, Bytes, Bytes), names: Names<'_>, notes_stale: bool) -> Result<Merged> {
    let read = |name: &str, bytes: &Bytes| Version3::read(name, bytes.clone());
    if local == remote || base == remote {
        read("local", &local)?;
        return Ok(Merged::whole(local));
    }
    if base == local {
        read("remote", &remote)?;
        return Ok(Merged::whole(remote));
    }
    let (b, l, r) = (read("base", &base)?, read("local", &local)?, read("remote", &remote)?);
    // Which side comes first is a matter of content alone.
    let flip = (hash(&local), &local[..]) > (hash(&remote), &remote[..]);
    let files = [&b, &l, &r].map(|v| v.json.clone());
    let ready = split::carried(if flip { [b, r, l] } else { [b, l, r] });
    let [b, first, second] = &ready.versions;
    let mut merger = Merger::new(b, first, second);
    merger.names = names;
    merger.flip = flip;
    merger.notes_stale = notes_stale;
    let mut merged = merger.run(&ready)?;
    for (name, side) in
        if flip { [("local", second), ("remote", first)] } else { [("local", first), ("remote", second)] }
    {
        if side.doc.cells.iter().any(|c| settle::has_marks(&c.source)) {
            merged.notes.push(format!("The {name} version still holds marks of an older conflict"));
        }
    }
    if !merged.conflicts.is_empty() {
        keep_versions(&mut merged, files.each_ref())?;
    }
    // Whatever happened: nothing is written that cannot be opened.
    let bytes = Bytes::from(std::mem::take(&mut merged.bytes));
    Notebook::parse(&bytes).map_err(|e| Error::bug("The merge made no notebook").because(&e))?;
    merged.bytes = bytes.into_vec();
    Ok(merged)
}

/// The version that a notebook with conflicts came from, byte for byte.
///
/// # Errors
/// When the notebook keeps no versions, or a long text of that version is not in it any more.
pub fn take(merged: &[u8], which: Take) -> Result<Vec<u8>> {
    let json = Json::parse(merged).map_err(|e| e.about("The notebook", merged))?;
    let own = json.root().get("metadata").and_then(|m| m.get(OWN)).and_then(|m| m.get("merge"));
    let packed = own.and_then(|m| m.get("versions")).and_then(|v| v.joined().map(|s| s.into_owned()));
    let Some(packed) = packed else {
        return Err(Error::user("The notebook has no conflict to resolve")
            .because_of("Its metadata keep no other versions of it"));
    };
    keep::unpack(&packed, which as usize, &json)
}

fn keep_versions(merged: &mut Merged, versions: [&Json; 3]) -> Result<()> {
    let bytes = Bytes::from(std::mem::take(&mut merged.bytes));
    let json = Json::parse(bytes.clone()).map_err(|e| e.about("The merged notebook", &bytes))?;
    let packed = keep::pack(versions, &json)?;
    let value = format!("{{\"format\": 1, \"versions\": \"{packed}\"}}");
    let metadata = json.root().get("metadata").map_or_else(|| Bytes::from(&b"{}"[..]), |m| Bytes::from(m.raw()));
    let metadata = with_own(&metadata, "merge", value.as_bytes());
    let change = object::set(&json, "metadata", Some(&metadata));
    // Nobody else holds the bytes any more: no copy.
    drop(json);
    merged.bytes = change.map_or_else(Vec::new, |change| splice::apply(bytes.into_vec(), change));
    Ok(())
}

/// Metadata with a member of Andon's own set.
fn with_own(metadata: &Bytes, key: &str, value: &[u8]) -> Bytes {
    let own = Json::parse(metadata.clone()).ok();
    let own = own.as_ref().and_then(|j| j.root().get(OWN)).filter(|o| o.is_object());
    let own = own.map_or_else(|| Bytes::from(&b"{}"[..]), |o| Bytes::from(o.raw()));
    with_member(metadata, OWN, Some(&with_member(&own, key, Some(value))))
}

struct Merger<'a> {
    base: &'a Version3,
    first: &'a Version3,
    second: &'a Version3,
    names: Names<'a>,
    /// The first side is the remote one.
    flip: bool,
    /// Outputs of an older source are noted in their cell.
    notes_stale: bool,
    out: Merged,
}

impl<'a> Merger<'a> {
    fn new(base: &'a Version3, first: &'a Version3, second: &'a Version3) -> Self {
        let names = Names { local: "local", remote: "remote" };
        let out = Merged::whole(Bytes::from(Vec::new()));
        Self { base, first, second, names, flip: false, notes_stale: true, out }
    }

    fn run(mut self, ready: &Carried) -> Result<Merged> {
        let order = ready.order();
        self.say(&order, ready.count);
        let (envelope, open) = self.envelope(&object::undecided)?;
        if !open.is_empty() {
            self.conflict(Item::default(), None, Part::Notebook);
        }
        let minor = minor_of(&envelope);
        let mut cells = Vec::with_capacity(order.items.len());
        for (at, item) in order.items.iter().enumerate() {
            cells.push(self.cell(at, *item)?);
        }
        self.ids(&order.items, &mut cells, minor);
        self.out.bytes = self.joined(&envelope, &order.items, &cells);
        Ok(self.out)
    }

    fn say(&mut self, order: &Order, carried: usize) {
        let cells = |n: usize| count(n as u64, "cell");
        if carried > 0 {
            let n = cells(carried);
            self.out
                .notes
                .push(format!("{n} split or joined by one side and edited by the other; the edits went along"));
        }
        if !order.reruns_deleted.is_empty() {
            let n = cells(order.reruns_deleted.len());
            self.out.notes.push(format!("{n} deleted that the other side had only run again"));
        }
        if !order.moved_twice.is_empty() {
            let n = cells(order.moved_twice.len());
            self.out.notes.push(format!("{n} moved by both sides to different places; the earlier place stands"));
        }
    }

    /// Records a conflict in the words of the caller.
    fn conflict(&mut self, item: Item, merged: Option<usize>, part: Part) {
        let [base, local, remote] = self.places(item);
        self.out.conflicts.push(Conflict { base, local, remote, part, merged });
    }

    /// Where the cell stands in the base, the local and the remote file.
    fn places(&self, item: Item) -> [Option<usize>; 3] {
        let base = item.base.map(|i| self.base.place(i));
        let (first, second) = (item.local.map(|i| self.first.place(i)), item.remote.map(|i| self.second.place(i)));
        if self.flip { [base, second, first] } else { [base, first, second] }
    }

    /// Everything around the cells, with an empty list of them, and the members that both sides changed; of these
    /// the version is taken that `stand` says; the others are told.
    fn envelope(&self, stand: object::Stand<'_>) -> Result<(Bytes, Vec<String>)> {
        let whole = |v: &Version3| {
            let (head, _, tail) = v.book.pieces();
            Json::parse([&head[..], &tail[..]].concat())
                .map_err(|e| Error::bug("A notebook without its cells is unreadable").because(&e))
        };
        let (b, l, r) = (whole(self.base)?, whole(self.first)?, whole(self.second)?);
        if l.bytes() == r.bytes() || b.bytes() == r.bytes() {
            return Ok((l.bytes().clone(), Vec::new()));
        }
        if b.bytes() == l.bytes() {
            return Ok((r.bytes().clone(), Vec::new()));
        }
        // The higher format can hold what the lower one holds: nobody is asked.
        let stand = |path: &str| if path == MINOR { None } else { stand(path) };
        let merged = object::merge(Some(b.root()), l.root(), r.root(), &VOLATILE_NOTEBOOK, &stand);
        let mut conflicts = merged.conflicts;
        let mut raw = bytes_around(l.bytes(), &merged.raw, &l);
        if let Some(at) = conflicts.iter().position(|c| c == MINOR) {
            conflicts.remove(at);
            let minor = |j: &Json| j.root().get(MINOR).and_then(|v| v.as_i64()).unwrap_or(0);
            let higher = minor(&l).max(minor(&r)).to_string();
            raw = bytes_around(&raw, &with_member(&merged.raw, MINOR, Some(higher.as_bytes())), &l);
        }
        Ok((raw, conflicts))
    }

    /// The cell of an item; none where a person chose the version that has none.
    fn merged(&self, item: Item, choice: Option<&Choice>) -> Result<Option<MergedCell>> {
        let [b, l, r] = [
            item.base.and_then(|i| self.base.version(i)),
            item.local.and_then(|i| self.first.version(i)),
            item.remote.and_then(|i| self.second.version(i)),
        ];
        let telling = Telling { names: self.names, flip: self.flip, choice };
        match (l, r) {
            (Some(l), Some(r)) => cell::merge(b, l, r, telling).map(Some),
            (Some(one), None) | (None, Some(one)) => {
                // It is in the base and not on the other side: that one took it out.
                let undecided = b.is_some() && choice.is_none_or(|c| c.cell.is_none());
                let conflicts = if undecided { vec![Part::Cell] } else { Vec::new() };
                let Some(choice) = choice else {
                    return Ok(Some(MergedCell { raw: one.raw.raw().clone(), conflicts, stale: None }));
                };
                let stands = match choice.cell.filter(|_| b.is_some()) {
                    Some(take) => [b, l, r].get(cell::stand(take, self.flip)).copied().flatten(),
                    None => Some(one),
                };
                let Some(stands) = stands else { return Ok(None) };
                let merged = cell::merge(Some(stands), stands, stands, telling)?;
                Ok(Some(MergedCell { conflicts, ..merged }))
            }
            (None, None) => Err(Error::bug("A merged cell comes from nowhere")),
        }
    }

    /// The merged cell at a place, with its marks.
    fn cell(&mut self, at: usize, item: Item) -> Result<Bytes> {
        let Some(merged) = self.merged(item, None)? else { return Err(Error::bug("A merged cell is not there")) };
        let mut own: Vec<(&str, String)> = Vec::new();
        if let Some(source) = merged.stale {
            // What is still to be decided is not to be run yet.
            if !merged.conflicts.contains(&Part::Source) {
                self.out.stale.push(at);
            }
            if self.notes_stale {
                own.push(("stale", format!("\"{source:016x}\"")));
            }
        }
        if !merged.conflicts.is_empty() {
            let parts = serde_json::to_string(&merged.conflicts).unwrap_or_default();
            let [base, local, remote] = self.places(item);
            let place = |p: Option<usize>| p.map_or_else(|| "null".to_owned(), |n| n.to_string());
            own.push((
                "conflict",
                format!(
                    "{{\"parts\": {parts}, \"base\": {}, \"local\": {}, \"remote\": {}}}",
                    place(base),
                    place(local),
                    place(remote)
                ),
            ));
        }
        for part in merged.conflicts {
            self.conflict(item, Some(at), part);
        }
        Ok(marked(&merged.raw, &own))
    }

    /// Ids that the merge itself made double become new ones, and cells without one get one where the format asks for
    /// it: made from the cell's content, so that the same merge gives the same ids.
    fn ids(&self, items: &[Item], cells: &mut [Bytes], minor: i64) {
        // A cell taken as it is has been read before.
        let id_of = |raw: &Bytes, item: &Item| {
            let sides =
                [item.local.and_then(|i| self.first.version(i)), item.remote.and_then(|i| self.second.version(i))];
            match sides.into_iter().flatten().find(|v| v.view.raw == *raw) {
                Some(known) => known.view.id.clone(),
                None => Cell::read(raw.clone()).ok().and_then(|c| c.id.map(|i| i.to_string())),
            }
        };
        let mut seen: HashSet<String> = HashSet::new();
        let in_one_side = |id: &str| {
            [self.first, self.second]
                .iter()
                .any(|v| v.doc.cells.iter().filter(|c| c.id.as_deref() == Some(id)).count() > 1)
        };
        for (raw, item) in cells.iter_mut().zip(items) {
            let id = id_of(raw, item);
            let double = id.as_ref().is_some_and(|id| !seen.insert(id.clone()) && !in_one_side(id));
            let lower = |v: &Version3| v.book.minor() < 5;
            let from_lower =
                (item.local.is_some() && lower(self.first)) || (item.remote.is_some() && lower(self.second));
            if minor >= 5 && (double || (id.is_none() && from_lower)) {
                let mut n = hash(raw);
                let fresh = loop {
                    let id = format!("{:08x}", n >> 32);
                    if seen.insert(id.clone()) {
                        break id;
                    }
                    n = hash(&n.to_le_bytes());
                };
                *raw = with_member(raw, "id", Some(format!("\"{fresh}\"").as_bytes()));
            } else if minor < 5 && id.is_some() && [self.first, self.second].iter().any(|v| v.book.minor() >= 5) {
                *raw = with_member(raw, "id", None);
            }
        }
    }

    /// The file: the envelope with the cells, and between two cells what stood between them where they were neighbours.
    fn joined(&self, envelope: &Bytes, items: &[Item], cells: &[Bytes]) -> Vec<u8> {
        let place = Json::parse(envelope.clone()).ok().and_then(|j| j.root().get("cells").map(|c| c.span()));
        let cut = place.map_or(envelope.len(), |p| p.start + 1);
        let mut out = Vec::with_capacity(envelope.len() + cells.iter().map(|c| c.len() + 8).sum::<usize>());
        out.extend_from_slice(envelope.get(..cut).unwrap_or_default());
        let sides = [self.first, self.second, self.base];
        let between = sides.iter().find_map(|v| v.book.pieces().1.get(1).filter(|_| v.book.cells().len() > 1).cloned());
        let between = between.unwrap_or_else(|| Bytes::from(&b",\n  "[..]));
        let edge = |last: bool| {
            let gaps = sides.iter().filter(|v| !v.book.cells().is_empty()).map(|v| v.book.pieces().1);
            gaps.map(|g| if last { g.last() } else { g.first() }).next().flatten().cloned()
        };
        let of =
            |item: Option<&Item>| [item.and_then(|i| i.local), item.and_then(|i| i.remote), item.and_then(|i| i.base)];
        for at in 0..=cells.len() {
            let (before, after) = (at.checked_sub(1).and_then(|i| items.get(i)), items.get(at));
            if cells.is_empty() {
                break;
            }
            let (x, y) = (of(before), of(after));
            let known = (0..3).find_map(|s| {
                let (a, b) = (x.get(s).copied().flatten(), y.get(s).copied().flatten());
                let fits = a.is_some() == before.is_some() && b.is_some() == after.is_some();
                fits.then(|| sides.get(s)?.gap(a, b)).flatten()
            });
            let gap = known.or_else(|| match (before, after) {
                (Some(_), Some(_)) => Some(between.clone()),
                _ => edge(after.is_none()),
            });
            out.extend_from_slice(&gap.unwrap_or_else(|| between.clone()));
            out.extend_from_slice(cells.get(at).map_or(&[][..], |c| &c[..]));
        }
        out.extend_from_slice(envelope.get(cut..).unwrap_or_default());
        out
    }
}

/// The minor format of a notebook.
fn minor_of(envelope: &Bytes) -> i64 {
    let json = Json::parse(envelope.clone()).ok();
    json.and_then(|j| j.root().get("nbformat_minor").and_then(|v| v.as_i64())).unwrap_or(0)
}

/// What stands before and after the top object (a byte order mark, a final newline) around a new object.
fn bytes_around(file: &Bytes, object: &Bytes, json: &Json) -> Bytes {
    let span = json.root().span();
    let (before, after) =
        (file.get(..span.start).unwrap_or_default(), json.bytes().get(span.end..).unwrap_or_default());
    Bytes::from([before, &object[..], after].concat())
}

/// The cell with marks in its metadata.
fn marked(raw: &Bytes, own: &[(&str, String)]) -> Bytes {
    if own.is_empty() {
        return raw.clone();
    }
    let Ok(json) = Json::parse(raw.clone()) else { return raw.clone() };
    let metadata = json.root().get("metadata").filter(|m| m.is_object());
    let mut metadata = metadata.map_or_else(|| Bytes::from(&b"{}"[..]), |m| Bytes::from(m.raw()));
    for (key, value) in own {
        metadata = with_own(&metadata, key, value.as_bytes());
    }
    with_member(raw, "metadata", Some(&metadata))
}

#[cfg(test)]
mod tests;

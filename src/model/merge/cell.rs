//! One cell of the merged notebook: field by field, spliced into the local cell.
use std::ops::Range;

use crate::{
    base::{Result, fsx::hash},
    model::{
        diff::{CellView, Form, VOLATILE_CELL},
        json::{Bytes, Json, Value, encode_str, splice},
        notebook::Cell,
    },
};

use super::{
    Take,
    decide::{Choice, Results},
    object::{self, meaning, with_member},
    text,
};

/// What could not be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Source,
    Outputs,
    Metadata,
    /// Its type, an unknown field, or that one side took it out and the other changed it.
    Cell,
    /// What stands around the cells.
    Notebook,
}

/// A cell in one version.
#[derive(Clone, Copy)]
pub(super) struct Version<'a> {
    pub raw: &'a Cell,
    pub view: &'a CellView,
}

/// A merged cell.
#[derive(Debug, Clone)]
pub(super) struct MergedCell {
    pub raw: Bytes,
    pub conflicts: Vec<Part>,
    /// Its outputs came from another source: the hash of that source.
    pub stale: Option<u64>,
}

/// Names for the marks in a conflicting source.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    pub local: &'a str,
    pub remote: &'a str,
}

/// How conflicts are told: in whose names, and whether the first side is the remote one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling<'a> {
    pub names: Names<'a>,
    pub flip: bool,
    /// What a person decided about this cell.
    pub choice: Option<&'a Choice>,
}

/// Merges two versions of a cell; `base` is missing for a cell that both put in.
pub(super) fn merge(
    base: Option<Version<'_>>,
    local: Version<'_>,
    remote: Version<'_>,
    telling: Telling<'_>,
) -> Result<MergedCell> {
    let whole = |raw: &Bytes| MergedCell { raw: raw.clone(), conflicts: Vec::new(), stale: None };
    let (l, r) = (local.raw.raw(), remote.raw.raw());
    let b = base.map(|b| b.raw.raw());
    if telling.choice.is_none() {
        if l == r || b == Some(r) {
            return Ok(whole(l));
        }
        if b == Some(l) {
            return Ok(whole(r));
        }
        if let Some(raw) = base.and_then(|base| but_for_ids(base, local, remote)) {
            return Ok(whole(&raw));
        }
    }
    let mut work = Work { base, local, remote, telling, out: whole(l), kept: From::Local };
    work.fields()?;
    Ok(work.out)
}

/// The merged cell where both sides gave it another id and at most one changed anything else: the base's id stands.
/// Programs that write all ids anew make every cell such a one.
fn but_for_ids(base: Version<'_>, local: Version<'_>, remote: Version<'_>) -> Option<Bytes> {
    let id = base.view.id.as_ref()?;
    if base.view.id == local.view.id || base.view.id == remote.view.id || local.view.kind != remote.view.kind {
        return None;
    }
    let read = |v: Version<'_>| {
        let json = Json::parse(v.raw.raw().clone()).ok()?;
        let span = json.root().get("id")?.span();
        Some((json, span))
    };
    let around = |(json, span): &(Json, Range<usize>)| {
        let bytes = json.bytes();
        (bytes.slice(0..span.start), bytes.slice(span.end..bytes.len()))
    };
    let (b, l, r) = (read(base)?, read(local)?, read(remote)?);
    let same = |a, b| around(a) == around(b);
    match (same(&b, &l), same(&b, &r)) {
        (true, true) => Some(base.raw.raw().clone()),
        (true, false) => Some(with_id(&r.0, id)),
        (false, true) => Some(with_id(&l.0, id)),
        (false, false) => None,
    }
}

fn with_id(json: &Json, id: &str) -> Bytes {
    let mut quoted = Vec::new();
    encode_str(id, true, &mut quoted);
    object::set(json, "id", Some(&quoted))
        .map_or_else(|| json.bytes().clone(), |change| splice::apply(json.bytes().to_vec(), change).into())
}

struct Work<'a> {
    base: Option<Version<'a>>,
    local: Version<'a>,
    remote: Version<'a>,
    telling: Telling<'a>,
    out: MergedCell,
    /// Whose outputs stand.
    kept: From,
}

/// Which version a field is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Same,
    Local,
    Remote,
    /// Both changed it, each in its way.
    Neither,
}

fn pick<T: PartialEq>(base: Option<&T>, local: &T, remote: &T) -> From {
    match (base == Some(local), base == Some(remote)) {
        _ if local == remote => From::Same,
        (_, true) => From::Local,
        (true, _) => From::Remote,
        _ => From::Neither,
    }
}

/// Which of base, first and second side a person means by base, local and remote.
pub(super) fn stand(take: Take, flip: bool) -> usize {
    match (take, flip) {
        (Take::Base, _) => 0,
        (Take::Local, false) | (Take::Remote, true) => 1,
        (Take::Local, true) | (Take::Remote, false) => 2,
    }
}

/// Fields with rules of their own.
const KNOWN: [&str; 7] = ["cell_type", "source", "outputs", "execution_count", "metadata", "attachments", "id"];

impl<'a> Work<'a> {
    /// The version a person means.
    fn version(&self, take: Take) -> Option<Version<'a>> {
        match stand(take, self.telling.flip) {
            0 => self.base,
            1 => Some(self.local),
            _ => Some(self.remote),
        }
    }
    /// Whose stands in a conflict of the whole cell.
    fn cell_choice(&self) -> Option<Take> {
        self.telling.choice.and_then(|c| c.cell)
    }
    fn set(&mut self, key: &str, value: Option<&[u8]>) {
        self.out.raw = with_member(&self.out.raw, key, value);
    }
    fn conflict(&mut self, part: Part) {
        if !self.out.conflicts.contains(&part) {
            self.out.conflicts.push(part);
        }
    }

    fn fields(&mut self) -> Result<()> {
        let parse = |v: Version<'_>| Json::parse(v.raw.raw().clone()).ok();
        let (b, l, r) = (self.base.and_then(parse), parse(self.local), parse(self.remote));
        let (Some(l), Some(r)) = (l, r) else { return Ok(()) };
        let b = b.as_ref().map(Json::root);
        let (l, r) = (l.root(), r.root());
        self.unknown(b, l, r);
        self.kind(r);
        let newer = self.source(b, l, r)?;
        self.results(newer, r);
        self.chosen_results()?;
        self.metadata(b, l, r);
        self.attachments(b, l, r);
        self.id(r);
        self.shape();
        Ok(())
    }

    /// Fields of later formats.
    fn unknown(&mut self, b: Option<Value<'_>>, l: Value<'_>, r: Value<'_>) {
        for key in object::keys([Some(l), Some(r), b]).iter().filter(|k| !KNOWN.contains(&k.as_str())) {
            let [x, y, z] = [b.and_then(|b| b.get(key)), l.get(key), r.get(key)].map(|v| meaning(v, Form::Tree));
            match if b.is_none() && y.is_none() { From::Remote } else { pick(Some(&x), &y, &z) } {
                From::Same | From::Local => {}
                From::Remote => self.set(key, r.get(key).map(|v| v.raw())),
                From::Neither => match self.cell_choice() {
                    Some(take) => {
                        let chosen = [b.and_then(|b| b.get(key)), l.get(key), r.get(key)];
                        let value = chosen.get(stand(take, self.telling.flip)).copied().flatten();
                        self.set(key, value.map(|v| v.raw()));
                    }
                    None => self.conflict(Part::Cell),
                },
            }
        }
    }

    fn kind(&mut self, r: Value<'_>) {
        let kind = self.base.map(|b| b.view.kind);
        match pick(kind.as_ref(), &self.local.view.kind, &self.remote.view.kind) {
            From::Same | From::Local => {}
            From::Remote => self.set("cell_type", r.get("cell_type").map(|v| v.raw())),
            From::Neither => match self.cell_choice().and_then(|t| self.version(t)) {
                Some(version) => {
                    let raw = Json::parse(version.raw.raw().clone()).ok();
                    let kind = raw.as_ref().and_then(|j| j.root().get("cell_type")).map(|v| v.raw().to_vec());
                    self.set("cell_type", kind.as_deref());
                }
                None => self.conflict(Part::Cell),
            },
        }
    }

    /// Merges the source; tells whose it is.
    fn source(&mut self, b: Option<Value<'_>>, l: Value<'_>, r: Value<'_>) -> Result<From> {
        let text = |v: Option<Value<'_>>| meaning(v.and_then(|v| v.get("source")), Form::Text).unwrap_or_default();
        let (x, y, z) = (b.map(|b| text(Some(b))), text(Some(l)), text(Some(r)));
        if let Some(text) = self.telling.choice.and_then(|c| c.source.as_deref()) {
            return self.chosen_source(text, r);
        }
        let from = pick(x.as_ref(), &y, &z);
        match from {
            From::Same | From::Local => {}
            From::Remote => self.write_source(&self.remote.view.source.clone(), r)?,
            From::Neither => {
                let base = self.base.map_or("", |b| &b.view.source);
                let merged = text::merge(base, &self.local.view.source, &self.remote.view.source);
                // Half characters are shown as a mark: merging what is shown would write the mark.
                let shown = [&x.unwrap_or_default(), &y, &z].iter().all(|t| std::str::from_utf8(t).is_ok());
                if !shown {
                    self.conflict(Part::Source);
                } else {
                    if !merged.is_clean() {
                        self.conflict(Part::Source);
                    }
                    let merged = if self.telling.flip { merged.swapped() } else { merged };
                    let Names { local, remote } = self.telling.names;
                    self.write_source(&merged.text(local, remote), r)?;
                }
            }
        }
        Ok(from)
    }

    /// Writes what a person decided; tells whose it is, if it is one side's.
    fn chosen_source(&mut self, text: &str, r: Value<'_>) -> Result<From> {
        let (local, remote) = (text == &*self.local.view.source, text == &*self.remote.view.source);
        if !local {
            self.write_source(text, r)?;
        }
        Ok(match (local, remote) {
            (true, true) => From::Same,
            (true, false) => From::Local,
            (false, true) => From::Remote,
            (false, false) => From::Neither,
        })
    }

    fn write_source(&mut self, text: &str, remote: Value<'_>) -> Result<()> {
        // Taken whole the remote's bytes keep their escapes.
        if text == &*self.remote.view.source
            && let Some(source) = remote.get("source")
            && (self.same_look() || text.contains('\u{fffd}'))
        {
            self.set("source", Some(source.raw()));
            return Ok(());
        }
        let cell = Cell::read(self.out.raw.clone())?;
        let ascii = self.out.raw.is_ascii() && self.remote.raw.raw().is_ascii();
        let bytes = cell.source_bytes(text, ascii);
        self.set("source", Some(&bytes));
        Ok(())
    }

    /// Both versions of the cell are laid out alike, so that bytes of one fit into the other.
    fn same_look(&self) -> bool {
        let lead = |v: Version<'_>| {
            let raw = v.raw.raw();
            let end = raw.iter().position(|c| *c == b'"').unwrap_or_default();
            raw.slice(0..end).to_vec()
        };
        lead(self.local) == lead(self.remote)
    }

    /// Outputs and their count are one thing and never mixed from two runs.
    fn results(&mut self, source: From, r: Value<'_>) {
        let base = self.base.map(|b| b.view);
        let (l, v) = (self.local.view, self.remote.view);
        let take = |work: &mut Self| {
            for key in ["outputs", "execution_count"] {
                if r.get(key).is_some() || Json::parse(work.out.raw.clone()).is_ok_and(|j| j.root().get(key).is_some())
                {
                    work.set(key, r.get(key).map(|x| x.raw()));
                }
            }
        };
        let from = pick(base.map(|b| b.outputs_hash).as_ref(), &l.outputs_hash, &v.outputs_hash);
        let whose = match from {
            From::Same => {
                // The same results: the count goes with who ran it.
                if base.map(|b| b.count) == Some(l.count) && v.count != l.count {
                    self.set("execution_count", r.get("execution_count").map(|x| x.raw()));
                }
                return;
            }
            From::Local => From::Local,
            From::Remote => {
                take(self);
                self.kept = From::Remote;
                From::Remote
            }
            From::Neither => match source {
                // One changed the source and ran it, the other only ran it again.
                From::Remote => {
                    take(self);
                    self.kept = From::Remote;
                    From::Remote
                }
                From::Local => From::Local,
                // Whatever is kept is old: the merged source has not run.
                From::Neither => From::Local,
                From::Same => {
                    if self.telling.choice.is_none_or(|c| c.outputs.is_none()) && !self.same_but_noise() {
                        self.conflict(Part::Outputs);
                    }
                    From::Local
                }
            },
        };
        let kept = if whose == From::Remote { v } else { l };
        let merged = match source {
            From::Same | From::Local => l.source_hash,
            From::Remote => v.source_hash,
            From::Neither => hash(b"a source that never ran"),
        };
        if merged != kept.source_hash && !kept.outputs.is_empty() {
            self.out.stale = Some(kept.source_hash);
        }
    }

    /// The outputs a person chose, and whether those that stand are older than the text a person decided.
    fn chosen_results(&mut self) -> Result<()> {
        let Some(choice) = self.telling.choice else { return Ok(()) };
        let Some(shown) = choice.outputs.as_ref() else {
            if choice.source.is_some() {
                let kept = if self.kept == From::Remote { self.remote } else { self.local };
                self.age(kept)?;
            }
            return Ok(());
        };
        match shown {
            Results::Of(take) => {
                let Some(version) = self.version(*take) else { return Ok(()) };
                let json = Json::parse(version.raw.raw().clone()).ok();
                for key in ["outputs", "execution_count"] {
                    let value = json.as_ref().and_then(|j| j.root().get(key)).map(|v| v.raw().to_vec());
                    let empty = if key == "outputs" { &b"[]"[..] } else { b"null" };
                    self.set(key, Some(value.as_deref().unwrap_or(empty)));
                }
                self.age(version)?;
            }
            Results::None => {
                self.set("outputs", Some(b"[]"));
                self.set("execution_count", Some(b"null"));
                self.out.stale = None;
            }
            Results::Ran { outputs, count, source } => {
                self.set("outputs", Some(outputs));
                let count = count.map_or_else(|| "null".to_owned(), |n| n.to_string());
                self.set("execution_count", Some(count.as_bytes()));
                // Written in again after the run.
                let old = *source != *Cell::read(self.out.raw.clone())?.source;
                self.out.stale = old.then(|| hash(source.as_bytes()));
            }
        }
        Ok(())
    }

    /// Marks outputs that no version made from the source the cell has now.
    fn age(&mut self, kept: Version<'_>) -> Result<()> {
        let now = hash(Cell::read(self.out.raw.clone())?.source.as_bytes());
        let all = [self.base, Some(self.local), Some(self.remote)];
        let fresh = all
            .into_iter()
            .flatten()
            .any(|v| v.view.outputs_hash == kept.view.outputs_hash && v.view.source_hash == now);
        self.out.stale = (!fresh && !kept.view.outputs.is_empty()).then_some(kept.view.source_hash);
        Ok(())
    }

    /// The two runs differ only in what is masked: times, addresses.
    fn same_but_noise(&self) -> bool {
        crate::model::diff::outputs_differ_in_noise_only(&self.local.view.outputs, &self.remote.view.outputs)
    }

    fn metadata(&mut self, b: Option<Value<'_>>, l: Value<'_>, r: Value<'_>) {
        let Some(remote) = r.get("metadata").filter(Value::is_object) else { return };
        let Some(local) = l.get("metadata").filter(Value::is_object) else {
            self.set("metadata", Some(remote.raw()));
            return;
        };
        let base = b.and_then(|b| b.get("metadata")).filter(Value::is_object);
        let chosen = |path: &str| {
            let take = self.telling.choice.and_then(|c| c.metadata.of(path));
            take.map(|t| stand(t, self.telling.flip))
        };
        let merged = object::merge(base, local, remote, &VOLATILE_CELL, &chosen);
        if merged.raw[..] != *local.raw() {
            self.set("metadata", Some(&merged.raw));
        }
        if !merged.conflicts.is_empty() {
            self.conflict(Part::Metadata);
        }
    }

    fn attachments(&mut self, b: Option<Value<'_>>, l: Value<'_>, r: Value<'_>) {
        let of = |v: Value<'_>| v.get("attachments").filter(|a| a.is_object()).map(|a| a.raw().to_vec());
        let or_empty = |raw: Option<Vec<u8>>| raw.unwrap_or_else(|| b"{}".to_vec());
        let (base, local, remote) = (b.and_then(of), of(l), of(r));
        if local == remote {
            return;
        }
        let docs = [or_empty(base), or_empty(local.clone()), or_empty(remote)].map(|raw| Json::parse(raw).ok());
        let [Some(base), Some(mine), Some(other)] = &docs else { return };
        let chosen = self.cell_choice().map(|t| stand(t, self.telling.flip));
        let merged = object::merge(Some(base.root()), mine.root(), other.root(), &[], &|_| chosen);
        if !merged.conflicts.is_empty() {
            self.conflict(Part::Cell);
        }
        if local.as_deref().unwrap_or(b"{}") != &merged.raw[..] {
            let empty = Json::parse(merged.raw.clone()).is_ok_and(|j| j.root().members().next().is_none());
            self.set("attachments", (!empty).then_some(&merged.raw[..]));
        }
    }

    /// Ids never conflict. Where both gave it another one, the base's is kept.
    fn id(&mut self, r: Value<'_>) {
        let base = self.base.map(|b| b.view.id.clone());
        match pick(base.as_ref(), &self.local.view.id, &self.remote.view.id) {
            From::Same | From::Local => {}
            From::Remote => self.set("id", r.get("id").map(|v| v.raw())),
            From::Neither => {
                if let Some(id) = base.flatten() {
                    let mut quoted = Vec::new();
                    encode_str(&id, true, &mut quoted);
                    self.set("id", Some(&quoted));
                }
            }
        }
    }

    /// Only code has results, and code must have them.
    fn shape(&mut self) {
        let Ok(json) = Json::parse(self.out.raw.clone()) else { return };
        let has = |key: &str| json.root().get(key).is_some();
        if json.root().get("cell_type").and_then(|v| v.as_str()).as_deref() == Some("code") {
            for (key, value) in [("execution_count", &b"null"[..]), ("outputs", b"[]")] {
                if !has(key) {
                    self.set(key, Some(value));
                }
            }
            if has("attachments") {
                self.set("attachments", None);
            }
        } else {
            let kinds = [self.local.view.kind, self.remote.view.kind];
            if kinds.iter().any(|k| kinds.iter().any(|o| o != k)) {
                self.set("outputs", None);
                self.set("execution_count", None);
                self.out.stale = None;
            }
        }
    }
}

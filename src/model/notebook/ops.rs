//! What a person can do to a notebook. Each is one transaction; all but the results of a run can be undone.
use std::sync::Arc;

use super::{
    super::{
        json::{Bytes, Json, format_value, graft},
        output::Fresh,
    },
    Cell, CellKey, CellKind, Field, Notebook, OutputJson,
    edit::{Step, Transaction, Typing},
    layout::{Template, new_gaps},
};
use crate::{
    base::{Error, Result},
    model::{editor::Done, settle},
};

/// A cell on the clipboard.
#[derive(Debug, Clone)]
pub struct Clip(Arc<Cell>);

impl Clip {
    /// The cell as it was written where it came from.
    pub fn raw(&self) -> &Bytes {
        self.0.raw()
    }
    /// Its text.
    pub fn source(&self) -> &str {
        &self.0.source
    }
}

impl Notebook {
    fn gone() -> Error {
        Error::user("The cell is not there any more")
    }
    fn place(&self, key: CellKey) -> Result<usize> {
        self.index_of(key).ok_or_else(Self::gone)
    }
    fn get(&self, key: CellKey) -> Result<Arc<Cell>> {
        self.cell(key).cloned().ok_or_else(Self::gone)
    }

    /// The look for a new cell at `at`: of the cell above, of the one below, else of nbformat.
    pub(super) fn look_at(&self, at: usize) -> Template {
        let near = at.checked_sub(1).and_then(|i| self.cells.get(i)).or_else(|| self.cells.get(at));
        let Some(near) = near else { return self.look_of_empty() };
        let mut look = Template::of(near, self.ascii);
        // The neighbour may be Markdown or have no text: the order of a code cell and the form of a text are better.
        if let Some(code) = self.cells.iter().find(|c| c.kind == CellKind::Code) {
            look.order = Template::of(code, self.ascii).order;
        }
        if near.source.is_empty()
            && let Some(full) = self.cells.iter().find(|c| !c.source.is_empty())
        {
            look.lists = Template::of(full, self.ascii).lists;
        }
        look
    }

    /// Without cells the envelope shows how deep a level is.
    fn look_of_empty(&self) -> Template {
        let mut look = Template::standard(self.ascii);
        let head = self.envelope.head.text();
        let lead =
            head.split_once('{').and_then(|(_, rest)| rest.split_once('"')).map(|(ws, _)| ws).unwrap_or_default();
        if !lead.contains('\n') {
            look.style.indent = None;
            (look.lead, look.sep, look.close) = (String::new(), ", ".into(), String::new());
            look.style.comma = ", ".into();
            return look;
        }
        let unit = lead.rsplit('\n').next().filter(|u| !u.is_empty()).unwrap_or(" ").to_owned();
        look.style.eol = if lead.contains("\r\n") { "\r\n" } else { "\n" };
        look.style.base = unit.repeat(3);
        look.lead = format!("{}{}", look.style.eol, unit.repeat(3));
        look.sep = format!(",{}", look.lead);
        look.close = format!("{}{}", look.style.eol, unit.repeat(2));
        look.style.indent = Some(unit);
        look
    }

    pub(super) fn splice(&self, at: usize, remove: usize, cells: Vec<Arc<Cell>>) -> Step {
        let look = self.look_at(at);
        let between = if look.close.is_empty() { look.style.comma.clone() } else { format!(",{}", look.close) };
        let shut = look.close.strip_suffix(look.style.indent.as_deref().unwrap_or_default()).unwrap_or_default();
        let gaps = new_gaps(&self.gaps, at, remove, cells.len(), [&look.close, &between, shut]);
        Step::Cells { at, remove, cells, gaps }
    }

    /// Puts a new cell at `at`.
    pub fn insert(&mut self, at: usize, kind: CellKind, source: &str) -> Result<CellKey> {
        let at = at.min(self.cells.len());
        let raw = self.look_at(at).cell(kind, source, self.fresh_id().as_deref());
        let key = self.fresh_key();
        let cell = Arc::new(Cell::from_raw(key, Bytes::from(raw))?);
        let steps = vec![self.splice(at, 0, vec![cell])];
        self.commit(Transaction { label: "Insert cell", steps, focus: Some(key) }, None)?;
        Ok(key)
    }

    /// Takes cells for the clipboard.
    pub fn copy(&self, keys: &[CellKey]) -> Vec<Clip> {
        self.cells.iter().filter(|c| keys.contains(&c.key)).map(|c| Clip(c.clone())).collect()
    }

    /// Puts copied cells in at `at`, with ids of their own.
    pub fn paste(&mut self, at: usize, clips: &[Clip]) -> Result<Vec<CellKey>> {
        let at = at.min(self.cells.len());
        let look = self.look_at(at);
        let mut cells = Vec::with_capacity(clips.len());
        for Clip(cell) in clips {
            let key = self.fresh_key();
            let id = self.fresh_id().map(|id| format!("\"{id}\""));
            let own = Template::of(cell, self.ascii);
            let raw = if own.lead == look.lead && own.close == look.close {
                cell.raw().clone()
            } else {
                relaid(cell, &look)?
            };
            let cell = Cell::from_raw(key, raw)?;
            cells.push(Arc::new(cell.with_field(Field::Id, id.as_deref().map(str::as_bytes), self.ascii)?));
        }
        let keys: Vec<_> = cells.iter().map(|c| c.key).collect();
        let steps = vec![self.splice(at, 0, cells)];
        self.commit(Transaction { label: "Paste cells", steps, focus: keys.last().copied() }, None)?;
        Ok(keys)
    }

    /// Deletes cells.
    pub fn delete(&mut self, keys: &[CellKey]) -> Result<()> {
        let mut places: Vec<_> = keys.iter().filter_map(|k| self.index_of(*k)).collect();
        places.sort_unstable();
        places.dedup();
        let focus = places.first().and_then(|i| self.cells.get(*i)).map(|c| c.key);
        let label = if places.len() == 1 { "Delete cell" } else { "Delete cells" };
        let steps = self.removal(&places);
        self.commit(Transaction { label, steps, focus }, None)
    }

    /// Steps that take out the cells at these sorted places, last run first so that places stay true.
    fn removal(&self, places: &[usize]) -> Vec<Step> {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for &i in places {
            match runs.last_mut() {
                Some((from, count)) if *from + *count == i => *count += 1,
                _ => runs.push((i, 1)),
            }
        }
        // Each step's gaps must fit the notebook as the steps before it leave it.
        let mut draft = Self { history: super::edit::History::default(), ..self.clone() };
        let mut steps = Vec::new();
        for (from, count) in runs.into_iter().rev() {
            let step = draft.splice(from, count, Vec::new());
            if let Step::Cells { gaps, .. } = &step {
                draft.cells.drain(from..from + count);
                draft.gaps.splice(from..=from + count, gaps.clone());
            }
            steps.push(step);
        }
        steps
    }

    /// Moves neighbouring cells so that the first of them ends at place `to`, counted without them.
    pub fn move_cells(&mut self, keys: &[CellKey], to: usize) -> Result<()> {
        let mut places: Vec<_> = keys.iter().filter_map(|k| self.index_of(*k)).collect();
        places.sort_unstable();
        places.dedup();
        let (Some(&from), Some(&last)) = (places.first(), places.last()) else { return Ok(()) };
        let count = places.len();
        if last + 1 - from != count {
            return Err(Error::user("Only neighbouring cells can be moved together"));
        }
        let to = to.min(self.cells.len() - count);
        if to == from {
            return Ok(());
        }
        let focus = keys.first().copied();
        let label = if count == 1 { "Move cell" } else { "Move cells" };
        self.commit(Transaction { label, steps: vec![Step::Move { from, count, to }], focus }, None)
    }

    /// Makes cells code, Markdown or raw. Outputs of former code cells go; undo brings them back.
    pub fn set_kind(&mut self, keys: &[CellKey], kind: CellKind) -> Result<()> {
        let mut steps = Vec::new();
        for &key in keys {
            let cell = self.get(key)?;
            if cell.kind != kind {
                steps.push(Step::Raw { key, raw: self.with_kind(&cell, kind, None)? });
            }
        }
        self.commit(Transaction { label: "Change cell type", steps, focus: keys.first().copied() }, None)
    }

    /// The bytes of `cell` as another kind, and with another source where one is given.
    fn with_kind(&self, cell: &Cell, kind: CellKind, source: Option<Vec<u8>>) -> Result<Bytes> {
        let json = Json::parse(cell.raw().clone()).map_err(|e| Error::bug("A cell became unreadable").because(&e))?;
        let look = Template::of(cell, self.ascii);
        let mut members: Vec<(String, Vec<u8>)> = Vec::new();
        for member in json.root().members() {
            let key = member.key.as_str().unwrap_or_default().into_owned();
            let value = match key.as_str() {
                "cell_type" => format!("\"{}\"", kind.word()).into_bytes(),
                "outputs" | "execution_count" if kind != CellKind::Code => continue,
                "attachments" if kind == CellKind::Code => continue,
                "source" => source.clone().unwrap_or_else(|| member.value.raw().to_vec()),
                _ => member.value.raw().to_vec(),
            };
            members.push((key, value));
        }
        for (key, value) in [("execution_count", "null"), ("outputs", "[]")] {
            if kind == CellKind::Code && !members.iter().any(|(k, _)| k == key) {
                members.push((key.into(), value.into()));
            }
        }
        Ok(Bytes::from(look.object(members.iter().map(|(k, v)| (k.as_str(), v.clone())).collect())))
    }

    /// Steps that give a cell a new text, and an id where the format asks for one and the cell has none.
    pub(super) fn source_steps(&self, cell: &Cell, text: &str) -> Vec<Step> {
        let key = cell.key;
        let mut steps = Vec::new();
        if cell.id.is_none()
            && let Some(id) = self.fresh_id()
        {
            let value = Some(Bytes::from(format!("\"{id}\"").into_bytes()));
            steps.push(Step::Field { key, field: Field::Id, value });
        }
        // Editors work with \n; a cell written with \r\n gets it back.
        let text =
            if only_crlf(&cell.source) && !text.contains('\r') { text.replace('\n', "\r\n") } else { text.to_owned() };
        let value = Some(Bytes::from(cell.source_bytes(&text, self.ascii)));
        steps.push(Step::Field { key, field: Field::Source, value });
        steps
    }

    /// Replaces a cell's text by what an editor has done: what belongs together becomes one step of the history, and
    /// undo brings its cursors back.
    pub fn edit_source(&mut self, key: CellKey, text: &str, done: Done) -> Result<()> {
        let cell = self.get(key)?;
        if *cell.source == *text {
            return Ok(());
        }
        let steps = self.source_steps(&cell, text);
        self.commit(Transaction { label: "Edit", steps, focus: Some(key) }, Some(Typing { key, done }))
    }

    /// Replaces the texts of several cells as one step.
    pub fn set_sources(&mut self, texts: &[(CellKey, String)]) -> Result<()> {
        let mut steps = Vec::new();
        for (key, text) in texts {
            let cell = self.get(*key)?;
            if *cell.source != **text {
                steps.extend(self.source_steps(&cell, text));
            }
        }
        let label = if texts.len() == 1 { "Edit" } else { "Replace in cells" };
        self.commit(Transaction { label, steps, focus: texts.first().map(|(k, _)| *k) }, None)
    }

    /// Replaces a cell's text as one step.
    pub fn set_source(&mut self, key: CellKey, text: &str) -> Result<()> {
        let cell = self.get(key)?;
        if *cell.source == *text {
            return Ok(());
        }
        let steps = self.source_steps(&cell, text);
        self.commit(Transaction { label: "Edit", steps, focus: Some(key) }, None)
    }

    fn clearing_steps(&self, cell: &Cell) -> Vec<Step> {
        let key = cell.key;
        let field = |field, value: &[u8]| Step::Field { key, field, value: Some(Bytes::from(value)) };
        let mut steps = vec![field(Field::ExecutionCount, b"null"), field(Field::Outputs, b"[]")];
        if let Some(metadata) = settle::rerun(&cell.metadata()) {
            steps.push(Step::Field { key, field: Field::Metadata, value: Some(Bytes::from(metadata)) });
        }
        steps
    }

    /// Puts the results of a run into a code cell. Not a step of the history: undoing an edit must not take a result
    /// away that came after it.
    pub fn set_outputs(&mut self, key: CellKey, outputs: &[OutputJson], count: Option<i64>) -> Result<()> {
        let outputs: Vec<Fresh> = outputs.iter().map(|o| Fresh::Json(o.0.clone())).collect();
        let made = self.receiver(key)?.take(&outputs, count)?;
        self.receive(made).map(drop)
    }

    /// Takes the outputs of code cells away; can be undone.
    pub fn clear_outputs(&mut self, keys: &[CellKey]) -> Result<()> {
        let mut steps = Vec::new();
        for &key in keys {
            let cell = self.get(key)?;
            if cell.kind == CellKind::Code && (cell.has_outputs() || cell.execution_count.is_some()) {
                steps.extend(self.clearing_steps(&cell));
            }
        }
        self.commit(Transaction { label: "Clear outputs", steps, focus: keys.first().copied() }, None)
    }

    /// Replaces a cell's metadata, given as a JSON object; what is not changed keeps its bytes.
    pub fn set_cell_metadata(&mut self, key: CellKey, json: &str) -> Result<()> {
        let cell = self.get(key)?;
        let value = grafted(&cell.metadata(), json, &Template::of(&cell, self.ascii).style, 0)?;
        if value == cell.metadata()[..] && cell.field(Field::Metadata).is_some() {
            return Ok(());
        }
        let value = Some(Bytes::from(value));
        let steps = vec![Step::Field { key, field: Field::Metadata, value }];
        self.commit(Transaction { label: "Change cell metadata", steps, focus: Some(key) }, None)
    }

    /// Replaces the notebook's metadata, given as a JSON object; what is not changed keeps its bytes.
    pub fn set_metadata(&mut self, json: &str) -> Result<()> {
        let mut style = self.look_at(0).style;
        let unit = style.indent.clone().unwrap_or_default();
        style.base = String::new();
        style.indent = style.indent.map(|_| unit);
        let value = grafted(&self.envelope.metadata, json, &style, 1)?;
        if value == self.envelope.metadata[..] {
            return Ok(());
        }
        self.replace_metadata(&value, "Change notebook metadata")
    }

    /// Notes which kernel the notebook is for, as Jupyter does; the rest of the metadata keeps its bytes.
    pub fn set_kernelspec(&mut self, name: &str, display_name: &str, language: &str) -> Result<()> {
        let spec = serde_json::json!({ "display_name": display_name, "language": language, "name": name }).to_string();
        let old = self.envelope.metadata.clone();
        let json = Json::parse(old.clone()).map_err(|e| Error::bug("The metadata became unreadable").because(&e))?;
        let mut style = self.look_at(0).style;
        style.base = String::new();
        let spec = formatted_object(&spec, &style, 2)?;
        let mut new = Vec::with_capacity(old.len() + spec.len());
        if let Some(value) = json.root().get("kernelspec") {
            let span = value.span();
            new.extend_from_slice(old.get(..span.start).unwrap_or_default());
            new.extend_from_slice(&spec);
            new.extend_from_slice(old.get(span.end..).unwrap_or_default());
        } else {
            let empty = json.root().members().next().is_none();
            new.push(b'{');
            new.extend(style.newline(2).bytes());
            new.extend_from_slice(b"\"kernelspec\": ");
            new.extend_from_slice(&spec);
            new.extend(if empty { style.newline(1) } else { ",".into() }.bytes());
            new.extend_from_slice(old.get(1..).map(|o| if empty { &b"}"[..] } else { o }).unwrap_or_default());
        }
        if new == old[..] { Ok(()) } else { self.replace_metadata(&new, "Choose kernel") }
    }

    fn replace_metadata(&mut self, value: &[u8], label: &'static str) -> Result<()> {
        let Some((in_head, place)) = self.envelope.metadata_place() else {
            return Err(Error::config("The notebook has no metadata object"));
        };
        let old = if in_head { &self.envelope.head } else { &self.envelope.tail };
        let mut new = old.get(..place.start).unwrap_or_default().to_vec();
        new.extend_from_slice(value);
        new.extend_from_slice(old.get(place.end..).unwrap_or_default());
        let (head, tail) = if in_head {
            (Bytes::from(new), self.envelope.tail.clone())
        } else {
            (self.envelope.head.clone(), Bytes::from(new))
        };
        let steps = vec![Step::Envelope { head, tail }];
        self.commit(Transaction { label, steps, focus: None }, None)
    }

    /// Splits a cell at a byte of its text: the first part keeps the id, the second one the outputs. A line break at
    /// the cut goes. Returns the second part.
    pub fn split(&mut self, key: CellKey, at: usize) -> Result<CellKey> {
        let cell = self.get(key)?;
        let place = self.place(key)?;
        let (Some(above), Some(below)) = (cell.source.get(..at), cell.source.get(at..)) else {
            return Err(Error::bug("A cell was to be split inside a letter"));
        };
        let above = above.strip_suffix('\n').unwrap_or(above);
        let below = below.strip_prefix('\n').unwrap_or(below);
        let second = self.fresh_key();
        let id = self.fresh_id().map(|id| format!("\"{id}\""));
        let rest = Cell::from_raw(second, cell.raw().clone())?;
        let rest = rest.with_field(Field::Source, Some(&cell.source_bytes(below, self.ascii)), self.ascii)?;
        let rest = rest.with_field(Field::Id, id.as_deref().map(str::as_bytes), self.ascii)?;
        let first = cell.with_field(Field::Source, Some(&cell.source_bytes(above, self.ascii)), self.ascii)?;
        let first = if cell.kind == CellKind::Code {
            let first = first.with_field(Field::Outputs, Some(b"[]"), self.ascii)?;
            first.with_field(Field::ExecutionCount, Some(b"null"), self.ascii)?
        } else {
            first
        };
        let steps = vec![self.splice(place, 1, vec![Arc::new(first), Arc::new(rest)])];
        self.commit(Transaction { label: "Split cell", steps, focus: Some(key) }, None)?;
        Ok(second)
    }

    /// Joins neighbouring cells into the first of them, parted by an empty line. Attachments of all stay.
    pub fn merge(&mut self, keys: &[CellKey]) -> Result<CellKey> {
        let mut places: Vec<_> = keys.iter().filter_map(|k| self.index_of(*k)).collect();
        places.sort_unstable();
        places.dedup();
        let cells: Vec<_> = places.iter().filter_map(|i| self.cells.get(*i).cloned()).collect();
        let (Some(first), Some(&from)) = (cells.first(), places.first()) else { return Err(Self::gone()) };
        if cells.len() < 2 || places.last().is_none_or(|last| last + 1 - from != cells.len()) {
            return Err(Error::user("Select two or more neighbouring cells to merge"));
        }
        let text = cells.iter().map(|c| &*c.source).collect::<Vec<_>>().join("\n\n");
        let mut merged = first.with_field(Field::Source, Some(&first.source_bytes(&text, self.ascii)), self.ascii)?;
        if first.kind == CellKind::Code {
            merged = merged.with_field(Field::Outputs, Some(b"[]"), self.ascii)?;
            merged = merged.with_field(Field::ExecutionCount, Some(b"null"), self.ascii)?;
        } else if let Some(all) = joined_attachments(&cells) {
            merged = merged.with_field(Field::Attachments, Some(&all), self.ascii)?;
        }
        let steps = vec![self.splice(from, cells.len(), vec![Arc::new(merged)])];
        let key = first.key;
        self.commit(Transaction { label: "Merge cells", steps, focus: Some(key) }, None)?;
        Ok(key)
    }
}

/// The attachments of all cells as one object; `None` when at most the first has any.
fn joined_attachments(cells: &[Arc<Cell>]) -> Option<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut later = false;
    for (i, cell) in cells.iter().enumerate() {
        let Ok(json) = Json::parse(cell.raw().clone()) else { continue };
        for member in json.root().get("attachments").into_iter().flat_map(|a| a.members()) {
            later |= i > 0;
            all.push([member.key.raw(), b": ", member.value.raw()].concat());
        }
    }
    later.then(|| [b"{", all.join(&b", "[..]).as_slice(), b"}"].concat())
}

fn formatted_object(json: &str, style: &super::super::json::Style, level: usize) -> Result<Vec<u8>> {
    let parsed = Json::parse(json.as_bytes()).map_err(|e| e.about("The metadata", json.as_bytes()))?;
    if !parsed.root().is_object() {
        return Err(Error::user("Metadata must be an object in braces"));
    }
    let mut out = Vec::new();
    format_value(parsed.root(), style, level, &mut out);
    Ok(out)
}

/// An object as a person wrote it, in the bytes of the one before.
fn grafted(old: &Bytes, json: &str, style: &super::super::json::Style, level: usize) -> Result<Vec<u8>> {
    let new = Json::parse(json.as_bytes()).map_err(|e| e.about("The metadata", json.as_bytes()))?;
    if !new.root().is_object() {
        return Err(Error::user("Metadata must be an object in braces"));
    }
    let old = Json::parse(old.clone()).map_err(|e| Error::bug("The metadata became unreadable").because(&e))?;
    let mut out = Vec::new();
    graft(old.root(), new.root(), style, level, &mut out);
    Ok(out)
}

/// A cell's bytes laid out anew in another notebook's look.
pub(super) fn relaid(cell: &Cell, look: &Template) -> Result<Bytes> {
    let json = Json::parse(cell.raw().clone()).map_err(|e| Error::bug("A cell became unreadable").because(&e))?;
    let members = json.root().members().collect::<Vec<_>>();
    let keys: Vec<_> = members.iter().map(|m| m.key.as_str().unwrap_or_default()).collect();
    let values = members.iter().map(|m| {
        let mut out = Vec::new();
        format_value(m.value, &look.style, 0, &mut out);
        out
    });
    Ok(Bytes::from(look.object(keys.iter().map(|k| &**k).zip(values).collect())))
}

/// True when every line break of the text is `\r\n`.
fn only_crlf(text: &str) -> bool {
    let pairs = text.matches("\r\n").count();
    pairs > 0 && pairs == memchr::memchr_iter(b'\n', text.as_bytes()).count()
}

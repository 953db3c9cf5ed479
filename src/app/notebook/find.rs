//! Finding and replacing in a file, a cell or all cells of a notebook.
use std::ops::Range;

use super::{Body, Command, Doc, DocId, Event, Mode, Task, edit, notice};
use crate::{
    app::{AppState, Cx, Effect, Job, Out},
    base::{Error, Result, text::count},
    model::{
        editor::{Act, Buffer, Selection, Selections, find::Query},
        notebook::CellKey,
    },
};

/// A file's one text, where cells have their keys.
pub const FILE: CellKey = CellKey(u64::MAX);
/// Longer texts are searched by a job.
const AT_ONCE: usize = 400_000;

/// What is looked for, and where it was found.
#[derive(Debug, Clone, Default)]
pub struct Find {
    pub query: Query,
    /// What replaces it.
    pub by: String,
    pub replacing: bool,
    /// In all cells rather than in the selected one.
    pub all: bool,
    /// In the order of the document.
    pub finds: Vec<(CellKey, Range<usize>)>,
    pub current: Option<usize>,
    pub error: Option<Error>,
    /// Counts requests to bring the current find into view.
    pub reveal: u64,
    /// Counts requests to write into the field.
    pub focus: u64,
    asked: u64,
    /// The revision the finds belong to.
    revision: u64,
    /// The cell they belong to, when it is one.
    of: Option<CellKey>,
    /// Somebody waits for the first find.
    first: bool,
}

impl Find {
    /// Finds within one cell (or file): places, and which of them is the current one.
    pub fn within(&self, key: CellKey) -> (Vec<Range<usize>>, Option<usize>) {
        let first = self.finds.iter().position(|(k, _)| *k == key);
        let Some(first) = first else { return (Vec::new(), None) };
        let all: Vec<_> =
            self.finds.iter().skip(first).take_while(|(k, _)| *k == key).map(|(_, r)| r.clone()).collect();
        let current = self.current.and_then(|c| c.checked_sub(first)).filter(|c| *c < all.len());
        (all, current)
    }
    /// `3 of 12`, as the bar says it.
    pub fn words(&self) -> String {
        match (self.query.text.is_empty(), self.finds.len(), self.current) {
            (true, ..) => String::new(),
            (_, 0, _) => "Not found".into(),
            (_, n, Some(at)) if n >= crate::model::editor::find::MOST => format!("{} of more than {n}", at + 1),
            (_, n, Some(at)) => format!("{} of {n}", at + 1),
            (_, n, None) => count(n as u64, "find"),
        }
    }
}

/// Texts that are searched.
fn texts(doc: &Doc, find: &Find) -> Vec<(CellKey, Buffer)> {
    match &doc.body {
        Body::Text(text) => vec![(FILE, text.document.editor.buffer().clone())],
        Body::Notebook(nb) => {
            let wanted = |k: CellKey| find.all || k == doc.selected;
            let text = |source: &str| Buffer::from(&*super::session::for_editor(source).0);
            nb.cells().iter().filter(|c| wanted(c.key)).map(|c| (c.key, text(&c.source))).collect()
        }
        _ => Vec::new(),
    }
}

/// Handles what the bar asks.
pub(super) fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    match command {
        Command::Find { replacing } => open(doc, replacing),
        Command::CloseFind => {
            doc.find = None;
            Vec::new()
        }
        Command::LookFor { query, by, all } => {
            let Some(find) = &mut doc.find else { return Vec::new() };
            find.by = by;
            if find.query == query && find.all == all {
                return Vec::new();
            }
            (find.query, find.all, find.first) = (query, all, true);
            search(doc)
        }
        Command::FindNext(next) => {
            if doc.find.is_none() {
                return open(doc, false);
            }
            step(doc, next);
            Vec::new()
        }
        Command::ReplaceOne => replaced(doc, false, cx),
        Command::ReplaceAll => replaced(doc, true, cx),
        _ => Vec::new(),
    }
}

/// Opens the bar; what is selected on one line is looked for.
fn open(doc: &mut Doc, replacing: bool) -> Vec<Effect> {
    let selected = doc.editor().map(|e| e.selected()).filter(|t| !t.is_empty() && !t.contains('\n') && t.len() < 200);
    let notebook = doc.notebook().is_some();
    let find = doc.find.get_or_insert_with(|| Find { all: notebook, ..Find::default() });
    find.replacing |= replacing;
    find.focus += 1;
    if let Some(text) = selected {
        find.query.text = if find.query.regex { regex::escape(&text) } else { text };
    }
    find.first = true;
    search(doc)
}

/// Looks again when the text or the cell in front is another one.
pub(super) fn follow(doc: &mut Doc) -> Vec<Effect> {
    let (revision, selected) = (doc.revision(), doc.selected);
    let Some(find) = &doc.find else { return Vec::new() };
    let same = find.revision == revision && (find.all || find.of == Some(selected));
    if same { Vec::new() } else { search(doc) }
}

fn search(doc: &mut Doc) -> Vec<Effect> {
    let (revision, of) = (doc.revision(), doc.selected);
    let Some(mut find) = doc.find.take() else { return Vec::new() };
    (find.revision, find.of) = (revision, Some(of));
    find.asked += 1;
    find.error = None;
    let mut effects = Vec::new();
    match find.query.compile() {
        Err(e) => {
            find.error = Some(e);
            find.finds.clear();
            find.current = None;
        }
        Ok(None) => {
            find.finds.clear();
            find.current = None;
        }
        Ok(Some(_)) => {
            let texts = texts(doc, &find);
            if texts.iter().map(|(_, t)| t.bytes()).sum::<usize>() > AT_ONCE {
                let task = Task::Find { doc: doc.id, number: find.asked, texts, query: find.query.clone() };
                effects.push(Job::cpu(format!("notebook.find:{}", doc.id), task).start());
            } else {
                let found = run(&texts, &find.query);
                doc.find = Some(find);
                arrived(doc, found.unwrap_or_default());
                return effects;
            }
        }
    }
    doc.find = Some(find);
    effects
}

/// Searches texts.
pub(super) fn run(texts: &[(CellKey, Buffer)], query: &Query) -> Result<Vec<(CellKey, Range<usize>)>> {
    let Some(finder) = query.compile()? else { return Ok(Vec::new()) };
    let most = crate::model::editor::find::MOST;
    let all = texts.iter().flat_map(|(key, text)| finder.find(&text.to_string()).into_iter().map(|r| (*key, r)));
    Ok(all.take(most).collect())
}

/// Carries a search out as a job.
pub(super) fn task(doc: DocId, number: u64, texts: &[(CellKey, Buffer)], query: &Query, out: &Out) -> Result<()> {
    out.send(Event::Found { doc, number, finds: run(texts, query)? });
    Ok(())
}

/// Finds of a job have come.
pub(super) fn event(doc: &mut Doc, number: u64, finds: Vec<(CellKey, Range<usize>)>) {
    if doc.find.as_ref().is_some_and(|f| f.asked == number) {
        arrived(doc, finds);
    }
}

fn arrived(doc: &mut Doc, finds: Vec<(CellKey, Range<usize>)>) {
    let here = place(doc);
    let order = order(doc);
    let Some(find) = &mut doc.find else { return };
    let old = find.current.and_then(|c| find.finds.get(c).cloned());
    find.finds = finds;
    // The same find again, or the first one behind the cursor.
    let same = old.and_then(|o| find.finds.iter().position(|f| *f == o));
    let from = here.map(|(key, at)| (order(key), at)).unwrap_or_default();
    let next = find.finds.iter().position(|(k, r)| (order(*k), r.start) >= from);
    let first = std::mem::take(&mut find.first);
    find.current =
        same.filter(|_| !first).or(if first { next.or((!find.finds.is_empty()).then_some(0)) } else { None });
    if first && find.current.is_some() {
        find.reveal += 1;
        show(doc, false);
    }
}

fn order(doc: &Doc) -> impl Fn(CellKey) -> usize + use<> {
    let places: std::collections::HashMap<CellKey, usize> =
        doc.cells().iter().enumerate().map(|(i, c)| (c.key, i)).collect();
    move |key| places.get(&key).copied().unwrap_or(0)
}

/// Where the cursor stands: the beginning of what it selects.
fn place(doc: &Doc) -> Option<(CellKey, usize)> {
    match &doc.body {
        Body::Text(t) => Some((FILE, t.document.editor.selections().primary().start())),
        Body::Notebook(_) => {
            let at =
                doc.session.as_ref().filter(|s| s.key == doc.selected).map(|s| s.editor.selections().primary().start());
            Some((doc.selected, at.unwrap_or(0)))
        }
        _ => None,
    }
}

fn step(doc: &mut Doc, next: bool) {
    let here = place(doc);
    let order = order(doc);
    let Some(find) = &mut doc.find else { return };
    let n = find.finds.len();
    if n == 0 {
        find.current = None;
        return;
    }
    let from = here.map(|(key, at)| (order(key), at)).unwrap_or_default();
    let at = |i: usize| find.finds.get(i).map(|(k, r)| (order(*k), r.start)).unwrap_or_default();
    find.current = Some(match find.current {
        Some(c) if next => (c + 1) % n,
        Some(c) => (c + n - 1) % n,
        None if next => (0..n).find(|i| at(*i) >= from).unwrap_or(0),
        None => (0..n).rev().find(|i| at(*i) < from).unwrap_or(n - 1),
    });
    find.reveal += 1;
    show(doc, true);
}

/// Selects the current find where a text is being edited, and brings its cell into view.
fn show(doc: &mut Doc, select: bool) {
    let Some((key, range)) = doc.find.as_ref().and_then(|f| f.finds.get(f.current?).cloned()) else { return };
    let cursors = Selections::one(Selection::span(range.start, range.end));
    if let Body::Text(text) = &mut doc.body {
        text.document.editor.select(cursors);
        doc.cursor = text.document.editor.place();
        return;
    }
    let editing = doc.mode == Mode::Edit;
    if !select && !editing && doc.selected == key {
        return;
    }
    if doc.selected != key {
        doc.select(key);
    }
    doc.reveal += 1;
    if editing {
        doc.begin(Some(cursors));
    } else {
        doc.carets.insert(key, cursors);
    }
}

/// Replaces the current find, or all of them, as one step.
fn replaced(doc: &mut Doc, all: bool, cx: &Cx) -> Vec<Effect> {
    let Some(find) = doc.find.clone() else { return Vec::new() };
    let Ok(Some(finder)) = find.query.compile() else { return Vec::new() };
    if !all && find.current.is_none() {
        step(doc, true);
        return Vec::new();
    }
    let chosen: Vec<_> =
        find.finds.iter().enumerate().filter(|(i, _)| all || Some(*i) == find.current).map(|(_, f)| f).collect();
    let before = doc.revision();
    let mut effects = Vec::new();
    let mut sources = Vec::new();
    for (key, text) in texts(doc, &find) {
        let ranges: Vec<_> = chosen.iter().filter(|(k, _)| *k == key).map(|(_, r)| r.clone()).collect();
        let changes = finder.replace(&text, &ranges, &find.by);
        if changes.is_empty() {
            continue;
        }
        if key == FILE {
            if let Body::Text(t) = &mut doc.body {
                t.act(&[Act::Replace(changes)], cx.now().as_millisecond());
            }
        } else if let Some(cell) = doc.notebook().and_then(|n| n.cell(key)) {
            let mut session = super::session::Session::new(cell, super::session::language_of(doc, cell), None);
            session.editor.act(&Act::Replace(changes), 0);
            sources.push((key, session.text()));
        }
    }
    if let Some(nb) = doc.notebook_mut()
        && let Err(e) = nb.set_sources(&sources)
    {
        effects.push(notice(&e));
    }
    if doc.revision() != before {
        edit::changed(doc, &mut effects);
        effects.extend(follow(doc));
        if let Some(find) = &mut doc.find
            && !all
        {
            // What came into its place is the next one, unless that is the same again.
            let at = chosen.first().map(|(k, r)| (*k, r.start));
            let order = order_of(&find.finds, at);
            find.current = order;
            find.reveal += 1;
            show(doc, true);
        }
    }
    effects
}

/// The first find behind a place, or the first of all.
fn order_of(finds: &[(CellKey, Range<usize>)], at: Option<(CellKey, usize)>) -> Option<usize> {
    let (key, start) = at?;
    let behind = finds.iter().position(|(k, r)| *k == key && r.start > start);
    let after = || finds.iter().rposition(|(k, _)| *k == key).map(|i| (i + 1) % finds.len());
    behind.or_else(after).or((!finds.is_empty()).then_some(0))
}

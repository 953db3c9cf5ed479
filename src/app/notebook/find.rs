//! Finding and replacing in a file, a cell or all cells of a notebook; finding in what outputs show.
use std::{ops::Range, sync::Arc, time::Duration};

use super::{Body, Command, Doc, Event, Mode, Task, edit, notice};
use crate::{
    app::{AppState, Cx, Effect, Job, Out},
    base::{Error, Result, job::JobCtx, text::count},
    model::{
        editor::{
            Act, Buffer, Selection, Selections,
            find::{Finder, MOST, Query},
        },
        notebook::{Cell, CellKey},
        output::{Drawn, Widgets},
        search::{self, Hit, Place, outputs::Shown},
    },
};

/// A file's one text, where cells have their keys.
pub const FILE: CellKey = CellKey(u64::MAX);
/// Longer texts are searched by a job.
const AT_ONCE: usize = 400_000;

/// Something found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub key: CellKey,
    /// Characters of the source, or of the line of an output.
    pub range: Range<usize>,
    pub output: Option<InOutput>,
}

/// Where in the outputs of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InOutput {
    /// Which one, as they are drawn.
    pub output: usize,
    /// The line of its whole text, from 0.
    pub number: usize,
    /// The line as it is drawn; none for one that the window leaves out, with its words.
    pub line: Option<usize>,
    pub words: Option<Arc<str>>,
    /// Tabs before it in its line: the column of a table.
    pub tab: usize,
}

impl Found {
    fn place(&self) -> (usize, usize, usize) {
        self.output.as_ref().map_or((0, 0, self.range.start), |o| (o.output + 1, o.number, self.range.start))
    }
}

/// What is looked for, and where it was found.
#[derive(Debug, Clone, Default)]
pub struct Find {
    pub query: Query,
    /// What replaces it.
    pub by: String,
    pub replacing: bool,
    /// In all cells rather than in the selected one.
    pub all: bool,
    /// Also in what outputs show.
    pub outputs: bool,
    /// In the order of the document.
    pub finds: Vec<Found>,
    pub current: Option<usize>,
    pub error: Option<Error>,
    /// Counts requests to bring the current find into view.
    pub reveal: u64,
    /// Counts requests to write into the field.
    pub focus: u64,
    /// Outputs are being searched.
    pub looking: bool,
    asked: u64,
    /// The revision the finds belong to.
    revision: u64,
    /// The cell they belong to, when it is one.
    of: Option<CellKey>,
    /// Somebody waits for the first find.
    first: bool,
    /// A place in an output somebody waits for: cell, output, line, character.
    wanted: Option<(CellKey, usize, usize, usize)>,
    sources: Vec<Found>,
    shown: Vec<Found>,
    /// What the finds in outputs belong to.
    shown_of: Option<(Query, u64)>,
    shown_asked: u64,
    /// What the running cell had shown when outputs were searched.
    live: Option<(CellKey, u64, u64)>,
}

impl Find {
    /// Finds within one cell's source (or a file): places, and which of them is the current one.
    pub fn within(&self, key: CellKey) -> (Vec<Range<usize>>, Option<usize>) {
        let here = |f: &&Found| f.key == key && f.output.is_none();
        let first = self.finds.iter().position(|f| here(&f));
        let Some(first) = first else { return (Vec::new(), None) };
        let all: Vec<_> = self.finds.iter().skip(first).take_while(here).map(|f| f.range.clone()).collect();
        let current = self.current.and_then(|c| c.checked_sub(first)).filter(|c| *c < all.len());
        (all, current)
    }
    /// The current find, when it is in an output of this cell, and which of those on its line it is.
    pub fn in_output(&self, key: CellKey) -> Option<(&InOutput, usize)> {
        let at = self.current?;
        let found = self.finds.get(at).filter(|f| f.key == key)?;
        let output = found.output.as_ref()?;
        let same = |f: &&Found| {
            f.key == key && f.output.as_ref().is_some_and(|o| (o.output, o.number) == (output.output, output.number))
        };
        let nth = self.finds.get(..at)?.iter().rev().take_while(same).count();
        Some((output, nth))
    }
    /// The line of the current find, where the window does not draw it.
    pub fn unseen(&self) -> Option<(usize, &str)> {
        let output = self.finds.get(self.current?)?.output.as_ref()?;
        Some((output.number + 1, output.words.as_deref()?))
    }
    /// `3 of 12`, as the bar says it.
    pub fn words(&self) -> String {
        match (self.query.text.is_empty(), self.finds.len(), self.current) {
            (true, ..) => String::new(),
            (_, 0, _) if self.looking => "Searching\u{2026}".into(),
            (_, 0, _) => "Not found".into(),
            (_, n, Some(at)) if n >= MOST => format!("{} of more than {n}", at + 1),
            (_, n, Some(at)) => format!("{} of {n}", at + 1),
            (_, n, None) => count(n as u64, "find"),
        }
    }
    fn clear(&mut self) {
        self.finds.clear();
        self.sources.clear();
        self.shown.clear();
        self.shown_of = None;
        self.looking = false;
        self.current = None;
    }
}

/// Cells that are searched.
fn wanted<'a>(doc: &'a Doc, find: &'a Find) -> impl Iterator<Item = &'a Arc<Cell>> {
    doc.cells().iter().filter(|c| find.all || c.key == doc.selected)
}

/// Texts that are searched.
fn texts(doc: &Doc, find: &Find) -> Vec<(CellKey, Buffer)> {
    match &doc.body {
        Body::Text(text) => vec![(FILE, text.document.editor.buffer().clone())],
        Body::Notebook(_) => {
            let text = |source: &str| Buffer::from(&*super::session::for_editor(source).0);
            wanted(doc, find).map(|c| (c.key, text(&c.source))).collect()
        }
        _ => Vec::new(),
    }
}

/// Tells whether outputs are still those that were searched, without reading them.
fn signature(doc: &Doc, find: &Find) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut all = DefaultHasher::new();
    for cell in wanted(doc, find).filter(|c| c.has_outputs()) {
        (cell.key, cell.execution_count).hash(&mut all);
        cell.outputs().for_each(|o| o.len().hash(&mut all));
    }
    running(doc, find).hash(&mut all);
    all.finish()
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
        Command::LookFor { query, by, all, outputs } => {
            let Some(find) = &mut doc.find else { return Vec::new() };
            find.by = by;
            if find.query == query && find.all == all && find.outputs == outputs {
                return Vec::new();
            }
            (find.query, find.all, find.outputs, find.first) = (query, all, outputs, true);
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

/// What is selected on one line of a text.
fn selected(doc: &Doc) -> Option<String> {
    doc.editor().map(|e| e.selected()).filter(|t| !t.is_empty() && !t.contains('\n') && t.len() < 200)
}

/// What is selected on one line of the text in front, for other searches.
pub fn selected_line(state: &AppState) -> Option<String> {
    state.notebook.doc().filter(|_| state.shell.page == crate::app::shell::Page::Notebook).and_then(selected)
}

/// A document was changed from elsewhere: by replacing in all files.
pub fn changed(doc: &mut Doc, effects: &mut Vec<Effect>) {
    edit::changed(doc, effects);
    effects.extend(follow(doc));
}

/// Goes to a place that was found in all files, and selects it there. One in an output is marked by the bar.
pub fn go_to(doc: &mut Doc, query: &Query, hit: &Hit) -> Vec<Effect> {
    let cursors = Selections::one(Selection::span(hit.range.start, hit.range.end));
    doc.grab += 1;
    match hit.place {
        Place::Output(key, output) => {
            let find = doc.find.get_or_insert_with(Find::default);
            (find.query, find.all, find.outputs) = (query.clone(), true, true);
            find.wanted = Some((key, output, hit.line, hit.range.start));
            find.shown_of = None;
            return search(doc);
        }
        Place::Text => {
            if let Body::Text(text) = &mut doc.body {
                text.document.editor.select(cursors);
                doc.cursor = text.document.editor.place();
            }
        }
        Place::Source(key) => {
            if doc.notebook().is_some_and(|n| n.cell(key).is_some()) {
                doc.select(key);
                doc.begin(Some(cursors));
            }
        }
    }
    doc.reveal += 1;
    Vec::new()
}

/// Opens the bar; what is selected on one line is looked for.
fn open(doc: &mut Doc, replacing: bool) -> Vec<Effect> {
    let selected = selected(doc);
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
    if !same {
        return search(doc);
    }
    // What a cell puts out is looked through again and again, one search after the other.
    if !find.outputs || find.looking || find.live == running(doc, find) || find.query.text.is_empty() {
        return Vec::new();
    }
    let Some(mut find) = doc.find.take() else { return Vec::new() };
    let effect = search_outputs(doc, &mut find);
    doc.find = Some(find);
    effect.into_iter().collect()
}

/// The cell that runs and shows something, its run, and how much of it has come.
fn running(doc: &Doc, find: &Find) -> Option<(CellKey, u64, u64)> {
    let now = doc.running.as_ref().filter(|r| find.all || r.key == doc.selected)?;
    let run = doc.runs.get(&now.key).filter(|r| r.number == now.number && r.ms.is_none())?;
    (!run.live.views().is_empty()).then(|| (now.key, now.number, run.live.revision()))
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
            find.clear();
        }
        Ok(None) => find.clear(),
        Ok(Some(_)) => {
            effects.extend(search_outputs(doc, &mut find));
            let texts = texts(doc, &find);
            if texts.iter().map(|(_, t)| t.bytes()).sum::<usize>() > AT_ONCE {
                let task = Task::Find { doc: doc.id, number: find.asked, texts, query: find.query.clone() };
                effects.push(Job::cpu(format!("notebook.find:{}", doc.id), task).start());
            } else {
                find.sources = run(&texts, &find.query).unwrap_or_default();
                doc.find = Some(find);
                arrived(doc);
                return effects;
            }
        }
    }
    doc.find = Some(find);
    effects
}

/// Outputs are always searched by a job, and not again while they are the same.
fn search_outputs(doc: &Doc, find: &mut Find) -> Option<Effect> {
    if !find.outputs || doc.notebook().is_none() {
        find.shown.clear();
        find.shown_of = None;
        find.looking = false;
        return None;
    }
    find.live = running(doc, find);
    let now = (find.query.clone(), signature(doc, find));
    if find.shown_of.as_ref() == Some(&now) {
        return None;
    }
    if find.shown_of.as_ref().is_none_or(|old| old.0 != now.0) {
        find.shown.clear();
    }
    find.shown_of = Some(now);
    find.shown_asked += 1;
    find.looking = true;
    // A cell that runs shows what it has put out so far in place of what is stored.
    let live = find.live.map(|(key, ..)| key);
    let cells = wanted(doc, find).filter(|c| c.has_outputs() && Some(c.key) != live).cloned().collect();
    let live = live.and_then(|key| Some((key, doc.runs.get(&key)?.live.searched())));
    let task = Task::FindShown { doc: doc.id, number: find.shown_asked, cells, live, query: find.query.clone() };
    Some(Job::cpu(format!("notebook.find.outputs:{}", doc.id), task).start())
}

/// Searches texts.
pub(super) fn run(texts: &[(CellKey, Buffer)], query: &Query) -> Result<Vec<Found>> {
    let Some(finder) = query.compile()? else { return Ok(Vec::new()) };
    let found = |(key, text): &(CellKey, Buffer)| {
        let key = *key;
        finder.find(&text.to_string()).into_iter().map(move |range| Found { key, range, output: None })
    };
    Ok(texts.iter().flat_map(found).take(MOST).collect())
}

/// The outputs of a running cell.
pub type Live = (CellKey, Vec<Drawn>);

/// Searches what the outputs of cells show, and those of one that runs.
fn run_shown(cells: &[Arc<Cell>], live: Option<&Live>, query: &Query, cx: &JobCtx) -> Result<Vec<Found>> {
    let Some(finder) = query.compile()? else { return Ok(Vec::new()) };
    let (widgets, mut out) = (Widgets::default(), Vec::new());
    for cell in cells {
        for shown in search::outputs::of(cell, &widgets) {
            cx.check()?;
            in_shown(&finder, cell.key, &shown, &mut out);
        }
    }
    if let Some((key, outputs)) = live {
        for shown in search::outputs::live(outputs) {
            cx.check()?;
            in_shown(&finder, *key, &shown, &mut out);
        }
    }
    Ok(out)
}

fn in_shown(finder: &Finder, key: CellKey, shown: &Shown, out: &mut Vec<Found>) {
    let mut hits = Vec::new();
    let lines: Vec<&str> = if shown.text.contains('\t') { shown.text.split('\n').collect() } else { Vec::new() };
    let tab = |hit: &Hit| {
        let line = lines.get(hit.line).copied().unwrap_or_default();
        line.chars().take(hit.range.start).filter(|c| *c == '\t').count()
    };
    let place = (Place::Output(key, shown.output), 0);
    search::in_text(finder, &shown.text, place, MOST - out.len(), &mut hits);
    out.extend(hits.into_iter().map(|hit| {
        let (line, hidden) = match shown.left_out {
            Some((from, count)) if (from..from + count).contains(&hit.line) => (None, true),
            Some((from, count)) if hit.line >= from => (Some(hit.line - count), false),
            _ => (Some(hit.line), false),
        };
        let words = hidden.then(|| Arc::from(hit.words.as_str()));
        let output = InOutput { output: shown.output, number: hit.line, line, words, tab: tab(&hit) };
        Found { key, range: hit.range, output: Some(output) }
    }));
}

/// Carries a search out as a job.
pub(super) fn task(task: Task, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Find { doc, number, texts, query } => {
            out.send(Event::Found { doc, number, finds: run(&texts, &query)?, shown: false });
        }
        Task::FindShown { doc, number, cells, live, query } => {
            // Whoever is still typing wants another one, and a cell that prints is not searched all the time.
            for _ in 0..if live.is_some() { 4 } else { 1 } {
                std::thread::sleep(Duration::from_millis(120));
                cx.check()?;
            }
            let finds = run_shown(&cells, live.as_ref(), &query, cx)?;
            out.send(Event::Found { doc, number, finds, shown: true });
        }
        _ => {}
    }
    Ok(())
}

/// Finds of a job have come.
pub(super) fn event(doc: &mut Doc, number: u64, finds: Vec<Found>, shown: bool) -> Vec<Effect> {
    let Some(find) = &mut doc.find else { return Vec::new() };
    if number != if shown { find.shown_asked } else { find.asked } {
        return Vec::new();
    }
    if shown {
        find.looking = false;
        find.shown = finds;
    } else {
        find.sources = finds;
    }
    arrived(doc);
    follow(doc)
}

fn arrived(doc: &mut Doc) {
    let here = place(doc);
    let order = order(doc);
    let Some(find) = &mut doc.find else { return };
    let old = find.current.and_then(|c| find.finds.get(c).cloned());
    let mut finds = find.sources.clone();
    if !find.shown.is_empty() {
        finds.extend(find.shown.iter().cloned());
        finds.sort_by_cached_key(|f| (order(f.key), f.place()));
        finds.truncate(MOST);
    }
    find.finds = finds;
    let is = |f: &Found, w: (CellKey, usize, usize, usize)| {
        f.key == w.0 && f.output.as_ref().is_some_and(|o| (o.output, o.number, f.range.start) == (w.1, w.2, w.3))
    };
    if let Some(at) = find.wanted.and_then(|w| find.finds.iter().position(|f| is(f, w))) {
        (find.wanted, find.first, find.current) = (None, false, Some(at));
        find.reveal += 1;
        show(doc, true);
        return;
    }
    // The same find again, or the first one behind the cursor.
    let same = old.and_then(|o| find.finds.iter().position(|f| *f == o));
    let from = here.map(|(key, at)| (order(key), (0, 0, at))).unwrap_or_default();
    let next = find.finds.iter().position(|f| (order(f.key), f.place()) >= from);
    // Outputs may still have the first one.
    let first = find.first && !(find.finds.is_empty() && find.looking) && find.wanted.is_none();
    find.first &= !first;
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
    let from = here.map(|(key, at)| (order(key), (0, 0, at))).unwrap_or_default();
    let at = |i: usize| find.finds.get(i).map(|f| (order(f.key), f.place())).unwrap_or_default();
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
    let Some(found) = doc.find.as_ref().and_then(|f| f.finds.get(f.current?).cloned()) else { return };
    let Found { key, range, output } = found;
    if output.is_some() {
        if doc.mode == Mode::Edit {
            doc.mode = Mode::Command;
            doc.end();
        }
        // Selected, the cell is drawn; its output is scrolled to from there.
        doc.select(key);
        return;
    }
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
    let wanted = |(i, f): &(usize, &Found)| f.output.is_none() && (all || Some(*i) == find.current);
    let chosen: Vec<_> = find.finds.iter().enumerate().filter(wanted).map(|(_, f)| f).collect();
    if chosen.is_empty() {
        step(doc, true);
        return Vec::new();
    }
    let before = doc.revision();
    let mut effects = Vec::new();
    let mut sources = Vec::new();
    for (key, text) in texts(doc, &find) {
        let ranges: Vec<_> = chosen.iter().filter(|f| f.key == key).map(|f| f.range.clone()).collect();
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
            let at = chosen.first().map(|f| (f.key, f.range.start));
            let order = order_of(&find.finds, at);
            find.current = order;
            find.reveal += 1;
            show(doc, true);
        }
    }
    effects
}

/// The first find behind a place, or the first of all.
fn order_of(finds: &[Found], at: Option<(CellKey, usize)>) -> Option<usize> {
    let (key, start) = at?;
    let behind = finds.iter().position(|f| f.key == key && (f.output.is_some() || f.range.start > start));
    let after = || finds.iter().rposition(|f| f.key == key).map(|i| (i + 1) % finds.len());
    behind.or_else(after).or((!finds.is_empty()).then_some(0))
}

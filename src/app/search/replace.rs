//! Replacing what was found: at once in open documents, by a job in other files; and taking it back.
use std::ops::Range;

use super::{Command, Row, State, Task, confirm, look};
use crate::{
    app::{
        AppState, Cx, Effect, Job, Policy,
        notebook::{self, Body, Doc, DocId},
        notify::Notice,
    },
    base::{Error, Result, text::count},
    engine::search as engine,
    model::{
        editor::{Act, find::Finder},
        search::{FileHits, Hit, Place},
    },
};

/// An open document that was changed, as the change left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Changed {
    doc: DocId,
    revision: u64,
}

/// What was done at once of a replacement whose job still runs.
#[derive(Debug, Clone, Default)]
pub struct Part {
    number: u64,
    docs: Vec<Changed>,
    places: usize,
    refused: Vec<String>,
}

/// What was taken back in open documents, and what was not.
#[derive(Debug, Clone, Default)]
pub struct Back {
    docs: usize,
    kept: Vec<String>,
}

/// A replacement that can be taken back.
#[derive(Debug, Clone)]
pub struct Last {
    pub number: u64,
    pub places: usize,
    pub files: usize,
    docs: Vec<Changed>,
    kept: Option<engine::Kept>,
}

impl Last {
    /// `12 places in 3 files`.
    pub fn words(&self) -> String {
        format!("{} in {}", count(self.places as u64, "place"), count(self.files as u64, "file"))
    }
}

/// Places in the texts of a file.
type Picks = Vec<(Place, Range<usize>)>;

/// Places of a file that can be replaced: those of a row, or all.
fn picks(file: &FileHits, hit: Option<usize>) -> Picks {
    let wanted = |(i, h): &(usize, &Hit)| h.is_source() && hit.is_none_or(|hit| hit == *i);
    file.hits.iter().enumerate().filter(wanted).map(|(_, h)| (h.place, h.range.clone())).collect()
}

/// Replaces a find, or all of a file.
pub(super) fn row(state: &mut AppState, row: Row, cx: &Cx) -> Vec<Effect> {
    let Some(file) = state.search.file(row).cloned() else { return Vec::new() };
    let picks = picks(&file, row.hit);
    if picks.is_empty() {
        let error =
            Error::user("What an output shows is not replaced").hint("Replace it in the source, and run the cell");
        return vec![Effect::Notice(Notice::error(&error))];
    }
    replace(state, vec![(file, picks)], cx)
}

/// Asks before everything that is listed is replaced.
pub(super) fn ask(state: &mut AppState) -> Vec<Effect> {
    let search = &state.search;
    let all: Vec<usize> = search.files.iter().map(|f| picks(f, None).len()).filter(|n| *n > 0).collect();
    let places: usize = all.iter().sum();
    if places == 0 {
        return Vec::new();
    }
    let title = format!("Replace {} in {}?", count(places as u64, "place"), count(all.len() as u64, "file"));
    let mut body = format!("\u{201c}{}\u{201d} becomes ", search.ask.query.text);
    body += &if search.by.is_empty() { "nothing".to_owned() } else { format!("\u{201c}{}\u{201d}", search.by) };
    body +=
        ". Files that are open are changed there and not saved; the others are written. All of it can be taken back.";
    if search.tally.as_ref().is_none_or(|t| t.full) {
        body += " There are more places than are listed: only those that are listed are replaced.";
    }
    state.shell.dialog = Some(confirm(title, body, "Replace all", Command::ReplaceAllNow));
    Vec::new()
}

/// Replaces everything that is listed.
pub(super) fn all(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    state.shell.dialog = None;
    let all = state.search.files.iter().map(|f| (f.clone(), picks(f, None))).filter(|(_, p)| !p.is_empty()).collect();
    replace(state, all, cx)
}

fn replace(state: &mut AppState, files: Vec<(FileHits, Picks)>, cx: &Cx) -> Vec<Effect> {
    if state.search.writing.is_some() {
        let error = Error::user("The replacement before is still being made").hint("Wait until it has ended");
        return vec![Effect::Notice(Notice::error(&error))];
    }
    let Ok(Some(finder)) = state.search.ask.query.compile() else { return Vec::new() };
    let by = state.search.by.clone();
    state.search.asked += 1;
    let mut part = Part { number: state.search.asked, ..Part::default() };
    let mut effects = Vec::new();
    let mut edits = Vec::new();
    for (file, picks) in files {
        let ready = |d: &&mut Doc| d.path == file.path && matches!(d.body, Body::Notebook(_) | Body::Text(_));
        match state.notebook.docs.iter_mut().find(ready) {
            Some(doc) => match in_doc(doc, &finder, &by, &picks, cx, &mut effects) {
                Ok(0) => part.refused.push(format!("{} was changed since it was searched", file.path)),
                Ok(places) => {
                    part.places += places;
                    part.docs.push(Changed { doc: doc.id, revision: doc.revision() });
                }
                Err(e) => part.refused.push(format!("{}: {e}", file.path)),
            },
            None => match file.hash {
                Some(hash) => edits.push(engine::Edit { path: file.path, hash, picks }),
                // It was open when it was searched, with edits that are gone with it.
                None => part.refused.push(format!("{} was closed since it was searched", file.path)),
            },
        }
    }
    if edits.is_empty() {
        effects.extend(ended(state, part, engine::Replaced::default()));
        return effects;
    }
    let task = Task::Replace { number: part.number, ask: state.search.ask.clone(), by, edits };
    state.search.writing = Some(part);
    effects.push(Job::io("search.replace", task).titled("Replacing in files").policy(Policy::Queue).start());
    effects
}

/// Replaces in an open document as one step of its history.
fn in_doc(
    doc: &mut Doc,
    finder: &Finder,
    by: &str,
    picks: &[(Place, Range<usize>)],
    cx: &Cx,
    effects: &mut Vec<Effect>,
) -> Result<usize> {
    let places = match &mut doc.body {
        Body::Text(text) => {
            let ranges: Vec<_> =
                picks.iter().filter(|(place, _)| *place == Place::Text).map(|(_, range)| range.clone()).collect();
            let changes = finder.replace(text.document.editor.buffer(), &ranges, by);
            let places = changes.len();
            text.document.history.pause();
            text.act(&[Act::Replace(changes)], cx.now().as_millisecond());
            places
        }
        Body::Notebook(nb) => {
            nb.end_typing();
            let (sources, places) = engine::sources(nb, finder, picks, by);
            nb.set_sources(&sources)?;
            places
        }
        _ => 0,
    };
    if places > 0 {
        notebook::find::changed(doc, effects);
    }
    Ok(places)
}

/// The job has written what it could.
pub(super) fn replaced(
    state: &mut AppState,
    number: u64,
    result: Result<engine::Replaced, Error>,
    _: &Cx,
) -> Vec<Effect> {
    let Some(part) = state.search.writing.take_if(|p| p.number == number) else { return Vec::new() };
    match result {
        Ok(done) => ended(state, part, done),
        Err(e) => {
            let mut effects = ended(state, part, engine::Replaced::default());
            effects.push(Effect::Notice(Notice::error(&e)));
            effects
        }
    }
}

fn ended(state: &mut AppState, part: Part, done: engine::Replaced) -> Vec<Effect> {
    let mut effects = Vec::new();
    let last = Last {
        number: part.number,
        places: part.places + done.places,
        files: part.docs.len() + done.files.len(),
        docs: part.docs,
        kept: done.kept,
    };
    let mut refused = part.refused;
    refused.extend(done.refused.iter().map(|(_, e)| e.what.clone()));
    if last.places > 0 {
        let title = format!("Replaced {}", last.words());
        let notice =
            Notice::success(title).body(not_done(&refused)).action("Take back", Command::TakeBack(last.number));
        effects.push(Effect::Notice(notice));
        state.search.last = Some(last);
    } else {
        let error = Error::user("Nothing was replaced").because_of(not_done(&refused));
        effects.push(Effect::Notice(Notice::error(&error)));
    }
    effects.extend(look(state, std::time::Duration::ZERO, true));
    effects
}

fn not_done(refused: &[String]) -> String {
    match refused {
        [] => String::new(),
        [one] => format!("Left as it is: {one}"),
        [one, rest @ ..] => format!("Left as they are: {one}, and {} more", count(rest.len() as u64, "file")),
    }
}

/// Takes the last replacement back: in documents nobody has changed since, and in files that are as it left them.
pub(super) fn take_back(state: &mut AppState, number: u64, _: &Cx) -> Vec<Effect> {
    let Some(last) = state.search.last.take_if(|l| l.number == number) else {
        let error = Error::user("This replacement was taken back already, or another one has been made since");
        return vec![Effect::Notice(Notice::error(&error))];
    };
    let mut effects = Vec::new();
    let mut kept = Vec::new();
    for change in &last.docs {
        let Some(doc) = state.notebook.by_id(change.doc) else {
            kept.push("a document that was closed since".to_owned());
            continue;
        };
        if doc.revision() != change.revision {
            kept.push(format!("{} was edited since; undo it there", doc.title()));
            continue;
        }
        let undone = match &mut doc.body {
            Body::Text(text) => Ok(text.document.undo()),
            Body::Notebook(nb) => nb.undo().map(|done| done.is_some()),
            _ => Ok(false),
        };
        match undone {
            Ok(_) => notebook::find::changed(doc, &mut effects),
            Err(e) => kept.push(e.what),
        }
    }
    let files = last.docs.len() - kept.len();
    if let Some(of) = last.kept.clone() {
        let job = Job::io("search.replace", Task::TakeBack(of)).titled("Taking the replacement back");
        effects.push(job.policy(Policy::Queue).start());
        // Told together with the files.
        state.search.taking = Some(Back { docs: files, kept });
    } else {
        effects.push(Effect::Notice(told(files, &kept)));
        effects.extend(look(state, std::time::Duration::ZERO, true));
    }
    effects
}

fn told(files: usize, refused: &[String]) -> Notice {
    let title = if files == 0 {
        "Nothing was taken back".to_owned()
    } else {
        format!("Taken back in {}", count(files as u64, "file"))
    };
    let notice = if refused.is_empty() { Notice::success(title) } else { Notice::info(title) };
    notice.body(not_done(refused))
}

/// Files are as they were.
pub(super) fn taken_back(state: &mut AppState, result: Result<engine::Replaced, Error>) -> Vec<Effect> {
    let Back { docs, kept: mut refused } = state.search.taking.take().unwrap_or_default();
    let mut effects = Vec::new();
    match result {
        Ok(done) => {
            refused.extend(done.refused.iter().map(|(_, e)| e.to_string()));
            effects.push(Effect::Notice(told(docs + done.files.len(), &refused)));
        }
        Err(e) => {
            if docs > 0 || !refused.is_empty() {
                effects.push(Effect::Notice(told(docs, &refused)));
            }
            effects.push(Effect::Notice(Notice::error(&e)));
        }
    }
    effects.extend(look(state, std::time::Duration::ZERO, true));
    effects
}

impl State {
    /// A replacement is being written.
    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }
}

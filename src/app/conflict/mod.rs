//! Conflicts of a merge, decided by a person: file by file, cell by cell, with the result in view before it is written.
//!
//! Nothing is written until a file is finished. What was decided is kept by the versions it was decided about, in the
//! state and on disk (`keep`), so that it outlives a look elsewhere and the program; where the versions are others, it is
//! offered and never put on them by itself. `finish` writes files and ends merges, `run` runs what is decided.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
};

use jiff::Timestamp;

use super::{AppState, Cx, Effect, Job, action::Action, notebook::DocId, shell::Page};
use crate::{
    base::{Error, Result, text::count},
    model::{
        diff::is_notebook,
        git::{CommitInfo, Discarded, Underway},
        json::Bytes,
        merge::{Answer, Entry, Kept, Keys, Pick, Results, Take},
        output::Output,
        unmerged::Situation,
    },
};

mod finish;
mod keep;
mod run;
mod sheet;
mod task;
#[cfg(test)]
mod test;

pub use keep::now as keep_now;
pub use run::Running;
pub use sheet::{AROUND, Kind, Sheet, Versions, has_open};
pub use task::run;

/// Steps that can be undone.
const UNDO: usize = 500;
/// Typing within this time is one step.
const TYPING_MS: i64 = 1_000;

/// What is known of conflicts and what was decided.
#[derive(Debug, Default)]
pub struct State {
    /// The page shows conflicts instead of a comparison.
    pub in_front: bool,
    pub situation: Situation,
    /// Notebooks in which a merge outside git left its notes.
    pub noted: Vec<String>,
    /// The repository has been looked at.
    pub loaded: bool,
    pub error: Option<Error>,
    /// The file in front.
    pub path: Option<String>,
    pub sheet: Option<Arc<Sheet>>,
    pub file_error: Option<Error>,
    /// The entry in front, among those of the sheet.
    pub focus: usize,
    /// Answers by the versions they are about, then by entry.
    answers: HashMap<u64, BTreeMap<usize, Answer>>,
    undo: Vec<Step>,
    redo: Vec<Step>,
    /// The file is being written.
    pub finishing: bool,
    /// The merge is being taken back or brought to its end.
    pub ending: bool,
    /// Files decided since the page was opened.
    pub done: Vec<String>,
    /// Who changed what, by entry; of the file in front.
    pub why: BTreeMap<usize, Why>,
    why_of: Option<(String, u64)>,
    pub runs: BTreeMap<usize, Ran>,
    /// The run under way.
    pub running: Option<Running>,
    /// Files of which decisions wait to be kept on disk.
    unkept: Vec<Arc<Sheet>>,
    keep_waits: bool,
    /// How many decisions about the file in front were taken up from the disk, and when the last of them was made.
    pub taken_up: Option<(usize, Timestamp)>,
    /// Decisions about other versions of the file in front.
    pub earlier: Vec<Kept>,
    /// Files that are decided anew from their versions, whatever somebody wrote in them since.
    anew: BTreeSet<String>,
    /// A file with unsaved edits that another program wrote as well.
    open: Option<Arc<OpenMerge>>,
}

/// An open document with unsaved edits, and what another program wrote in its file: what is decided goes into the
/// document, not onto the disk.
#[derive(Debug, Clone)]
pub struct OpenMerge {
    pub path: String,
    pub doc: DocId,
    /// Version on disk.
    pub hash: u64,
    pub base: Option<Bytes>,
    pub mine: Bytes,
    pub theirs: Bytes,
}

/// A decision as it was before.
#[derive(Debug, Clone)]
struct Step {
    mark: u64,
    at: usize,
    before: Answer,
    typing: Option<Timestamp>,
}

/// The last commit of each side that touched an entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Why {
    pub ours: Option<CommitInfo>,
    pub theirs: Option<CommitInfo>,
    /// The commits are those of the whole file.
    pub of_file: bool,
}

/// What a run of the merged notebook up to a cell showed.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The text that was run.
    pub text: String,
    pub outputs: Arc<Vec<Output>>,
    /// The field as it is written.
    pub raw: Vec<u8>,
    pub count: Option<i64>,
    pub ms: u64,
    /// Why it did not run to its end.
    pub error: Option<Error>,
    /// What has run is of the cell itself, not of one before it.
    pub reached: bool,
    /// Without the cells above it.
    pub alone: bool,
}

impl Ran {
    /// Its outputs as a cell gets them.
    fn results(&self) -> Results {
        Results::Ran { outputs: self.raw.clone(), count: self.count, source: self.text.clone() }
    }
}

impl State {
    /// Files that wait for a decision: of git, then those noted in notebooks.
    pub fn files(&self) -> Vec<(&str, &'static str)> {
        let unmerged = self.situation.files.iter().map(|f| (f.path.as_str(), f.words()));
        let noted = self.noted.iter().map(|p| (p.as_str(), "merged with conflicts"));
        let open = self.open.iter().map(|o| (o.path.as_str(), "changed here and on disk"));
        open.chain(unmerged).chain(noted).collect()
    }
    /// The file in front is an open document that was changed on disk.
    pub fn is_of_open(&self) -> bool {
        self.open_in_front().is_some()
    }
    fn open_in_front(&self) -> Option<&Arc<OpenMerge>> {
        self.open.as_ref().filter(|o| self.path.as_deref() == Some(o.path.as_str()))
    }
    /// A document is in no conflict with its file any more.
    pub fn forget(&mut self, doc: DocId) {
        if let Some(open) = self.open.take_if(|o| o.doc == doc)
            && self.path.as_deref() == Some(open.path.as_str())
        {
            (self.path, self.sheet, self.file_error) = (None, None, None);
        }
    }
    /// Number of files that wait for a decision.
    pub fn count(&self) -> usize {
        self.situation.files.len() + self.noted.len()
    }
    /// True when a decision waits, or a merge for its end.
    pub fn needs_somebody(&self) -> bool {
        self.count() > 0 || self.situation.waits_for_end()
    }
    /// True when the file has conflicts.
    pub fn has(&self, path: &str) -> bool {
        self.situation.files.iter().any(|f| f.path == path) || self.noted.iter().any(|p| p == path)
    }
    /// Entries of the file in front.
    pub fn entries(&self) -> &[Entry] {
        self.sheet.as_ref().map_or(&[], |s| &s.entries)
    }
    /// The entry in front.
    pub fn entry(&self) -> Option<&Entry> {
        self.entries().get(self.focus)
    }
    /// What was decided about an entry.
    pub fn answer(&self, entry: &Entry) -> Option<&Answer> {
        self.answers.get(&self.sheet.as_ref()?.mark)?.get(&entry.at)
    }
    fn answer_at(&mut self, index: usize) -> Option<&mut Answer> {
        let sheet = self.sheet.clone()?;
        self.answers.get_mut(&sheet.mark)?.get_mut(&sheet.entries.get(index)?.at)
    }
    /// What was decided about the file in front.
    pub fn answers(&self) -> BTreeMap<usize, Answer> {
        let mark = self.sheet.as_ref().map(|s| s.mark);
        mark.and_then(|m| self.answers.get(&m)).cloned().unwrap_or_default()
    }
    /// The entry needs no decision, or has one.
    pub fn is_settled(&self, entry: &Entry) -> bool {
        self.answer(entry).is_some_and(|a| a.is_settled(entry))
    }
    /// Entries of the file in front that wait for a decision.
    pub fn open(&self) -> Vec<usize> {
        let all = self.entries().iter().enumerate();
        all.filter(|(_, e)| !self.is_settled(e)).map(|(i, _)| i).collect()
    }
    /// Why the file cannot be finished yet, if so.
    pub fn not_yet(&self) -> Option<String> {
        if self.finishing {
            return Some("The file is being written".into());
        }
        let open = self.open();
        if open.is_empty() {
            return None;
        }
        let names: Vec<&str> = open.iter().filter_map(|i| self.entries().get(*i)).map(|e| e.place.as_str()).collect();
        let shown = names.iter().take(4).copied().collect::<Vec<_>>().join(", ");
        let more = if names.len() > 4 { format!(" and {} more", names.len() - 4) } else { String::new() };
        Some(format!("Still to decide: {shown}{more}"))
    }
    /// A step can be undone.
    pub fn can_undo(&self) -> bool {
        self.undo.last().is_some_and(|s| Some(s.mark) == self.sheet.as_ref().map(|s| s.mark))
    }
    /// The file after or before the one in front, around; none where it is the only one.
    fn next_file(&self, forward: bool) -> Option<String> {
        let files = self.files();
        let at = files.iter().position(|f| Some(f.0) == self.path.as_deref())?;
        let next = if forward { at + 1 } else { at + files.len() - 1 } % files.len();
        (next != at).then(|| files.get(next).map(|f| f.0.to_owned())).flatten()
    }
    fn next_open(&self, forward: bool) -> Option<usize> {
        let open = self.open();
        if forward {
            open.iter().find(|i| **i > self.focus).or(open.first()).copied()
        } else {
            open.iter().rev().find(|i| **i < self.focus).or(open.last()).copied()
        }
    }
}

/// What a person can ask of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Goes to the page; with a path, that file in front.
    Open(Option<String>),
    /// Back to the comparison.
    Close,
    /// Looks at the repository again.
    Refresh,
    Select(String),
    Focus(usize),
    /// The next, the previous conflict that is not decided.
    Next,
    Previous,
    /// The next, the previous entry of the list.
    Step(bool),
    /// Takes a version in what is still open of the entry in front.
    Pick(Pick),
    /// Takes a version whole.
    Whole(Take),
    /// Whose outputs a cell gets.
    Outputs(Results),
    /// Those of the run.
    RanOutputs,
    /// Whose values of metadata stand, where both sides changed them.
    Metadata(Take),
    /// Whose value of one member, by its path.
    Key(String, Take),
    /// Whose cell stands, of one that a side took out.
    Cell(Take),
    Place(Take),
    /// The result as written by hand.
    Write(String),
    Undo,
    Redo,
    /// The result in front is right; goes on to the next conflict.
    Use,
    /// Writes the file in front as decided.
    Finish,
    /// The file in front is right as it lies on disk.
    AsItStands,
    /// Asks whether to take the merge back.
    AskAbort,
    Abort,
    /// Brings the merge to its end: the commit dialog, or git goes on by itself.
    Conclude,
    GoOn,
    /// Runs the cell in front as merged, with all cells above it or alone.
    Run {
        alone: bool,
    },
    CancelRun,
    /// Decides the file in front from its versions anew, or from the text as it lies on disk.
    Anew(bool),
    /// Puts what was decided on disk.
    Keep,
    /// Takes up what fits of decisions about other versions, which this number names.
    UseEarlier(u64),
    ForgetEarlier(u64),
    /// Takes forgotten ones back.
    KeepEarlier(Box<Kept>),
    CopyEarlier(u64),
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Looked(Box<Result<(Situation, Vec<String>)>>),
    Loaded {
        path: String,
        result: Box<Result<Arc<Sheet>>>,
        kept: Vec<Kept>,
    },
    /// `decided`: by what was decided here; `old`: what somebody had written in the file, kept.
    Finished {
        path: String,
        error: Option<Error>,
        decided: bool,
        old: Option<Discarded>,
    },
    Ended {
        what: String,
        error: Option<Error>,
    },
    Message(Option<String>),
    /// What an open document becomes.
    Made {
        open: Arc<OpenMerge>,
        result: Box<Result<Vec<u8>>>,
    },
    Why {
        path: String,
        mark: u64,
        why: BTreeMap<usize, Why>,
    },
    Running {
        of: (u64, usize),
        step: Option<String>,
        outputs: Option<Arc<Vec<Output>>>,
    },
    Ran {
        mark: u64,
        at: usize,
        result: Box<Result<Ran>>,
    },
}

/// What runs off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    /// Looks at the repository, and into these notebooks for what a merge noted.
    Look {
        notebooks: Vec<String>,
    },
    Load {
        path: String,
        anew: bool,
    },
    /// Versions of an open document.
    Edited(Arc<OpenMerge>),
    Make {
        open: Arc<OpenMerge>,
        sheet: Arc<Sheet>,
        answers: BTreeMap<usize, Answer>,
    },
    /// Puts decisions on disk, and takes away those about these paths and versions.
    Keep {
        root: PathBuf,
        kept: Vec<Kept>,
        gone: Vec<(String, u64)>,
    },
    Finish {
        sheet: Arc<Sheet>,
        answers: BTreeMap<usize, Answer>,
    },
    Stage {
        sheet: Arc<Sheet>,
    },
    Abort,
    GoOn,
    Message,
    Why {
        sheet: Arc<Sheet>,
        situation: Box<Situation>,
    },
    Run {
        sheet: Arc<Sheet>,
        answers: BTreeMap<usize, Answer>,
        at: usize,
        alone: bool,
    },
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    let conflict = &mut state.conflict;
    match command {
        Command::Open(path) => return open(state, path),
        Command::Close => {
            conflict.in_front = false;
            if conflict.is_of_open() {
                state.shell.page = Page::Notebook;
                return keep::soon(&mut state.conflict);
            }
        }
        Command::Refresh => return look(state),
        Command::Select(path) => return select(state, path),
        Command::Focus(at) => conflict.focus = at.min(conflict.entries().len().saturating_sub(1)),
        Command::Next | Command::Previous => {
            let forward = command == Command::Next;
            let inside =
                conflict.next_open(forward).filter(|i| if forward { *i > conflict.focus } else { *i < conflict.focus });
            match (inside, conflict.next_file(forward)) {
                (Some(at), _) => conflict.focus = at,
                (None, Some(path)) => return select(state, path),
                (None, None) => conflict.focus = conflict.next_open(forward).unwrap_or(conflict.focus),
            }
        }
        Command::Step(forward) => {
            let last = conflict.entries().len().saturating_sub(1);
            conflict.focus = if forward { (conflict.focus + 1).min(last) } else { conflict.focus.saturating_sub(1) };
        }
        Command::Pick(pick) => change(conflict, None, |entry, answer| answer.pick(entry, pick)),
        Command::Whole(take) => change(conflict, None, |entry, answer| answer.take_whole(entry, take)),
        Command::Outputs(results) => change(conflict, None, |_, answer| answer.outputs = Some(results)),
        Command::Metadata(take) => change(conflict, None, |_, answer| answer.metadata = Keys::all(take)),
        Command::Key(path, take) => change(conflict, None, |_, answer| answer.choose_key(&path, take)),
        Command::Cell(take) => change(conflict, None, |entry, answer| {
            answer.cell = Some(take);
            if entry.is_lone() {
                answer.typed = None;
            }
        }),
        Command::Place(take) => change(conflict, None, |_, answer| answer.place = Some(take)),
        Command::Write(text) => change(conflict, Some(cx.now()), |_, answer| answer.write(text)),
        Command::Undo => undo(conflict, false),
        Command::Redo => undo(conflict, true),
        Command::Use => use_result(conflict),
        Command::Anew(anew) => return begin_anew(state, anew),
        Command::Keep => return keep::now(state, cx),
        Command::Run { .. } | Command::CancelRun | Command::RanOutputs => return run::command(state, command),
        Command::UseEarlier(_) | Command::ForgetEarlier(_) | Command::KeepEarlier(_) | Command::CopyEarlier(_) => {
            return keep::command(state, command);
        }
        Command::Finish
        | Command::AsItStands
        | Command::AskAbort
        | Command::Abort
        | Command::Conclude
        | Command::GoOn => return finish::command(state, command, cx),
    }
    keep::soon(&mut state.conflict)
}

/// From its versions, or from the text on disk; what was decided either way stays.
fn begin_anew(state: &mut AppState, anew: bool) -> Vec<Effect> {
    let conflict = &mut state.conflict;
    let Some(path) = conflict.path.clone() else { return Vec::new() };
    if anew {
        conflict.anew.insert(path)
    } else {
        conflict.anew.remove(&path)
    };
    load(state)
}

fn open(state: &mut AppState, path: Option<String>) -> Vec<Effect> {
    state.shell.page = Page::Review;
    state.shell.palette = None;
    state.conflict.in_front = true;
    state.conflict.done.clear();
    let mut effects = look(state);
    if let Some(path) = path {
        effects.extend(select(state, path));
    } else if state.conflict.path.is_some() {
        effects.extend(load(state));
    }
    effects
}

/// Decides what an open document and its file on disk both changed.
pub fn open_edited(state: &mut AppState, open: OpenMerge) -> Vec<Effect> {
    let path = open.path.clone();
    state.conflict.open = Some(Arc::new(open));
    state.conflict.sheet = None;
    self::open(state, Some(path))
}

/// Notebooks in which a merge may have left notes: those that differ from the last commit, or all without one.
fn suspects(state: &AppState) -> Vec<String> {
    let status = &state.git.status;
    let mut all: Vec<String> = if status.in_repository() {
        let changed = status.files.iter().filter(|f| !f.conflicted && is_notebook(&f.path));
        changed.map(|f| f.path.clone()).collect()
    } else {
        let notebooks = state.workspace.files(crate::model::workspace::FileKind::Notebook);
        notebooks.map(|e| e.path.clone()).take(500).collect()
    };
    let in_front = state.notebook.doc().map(|d| d.path.clone());
    all.extend(in_front.into_iter().chain(state.conflict.path.clone()).filter(|p| is_notebook(p)));
    all.sort();
    all.dedup();
    all
}

fn look(state: &AppState) -> Vec<Effect> {
    if state.workspace.root.is_none() {
        return Vec::new();
    }
    vec![Job::io("conflict.look", Task::Look { notebooks: suspects(state) }).start()]
}

fn select(state: &mut AppState, path: String) -> Vec<Effect> {
    let conflict = &mut state.conflict;
    if conflict.path.as_deref() != Some(path.as_str()) {
        conflict.path = Some(path);
        conflict.sheet = None;
        conflict.file_error = None;
        conflict.taken_up = None;
        conflict.earlier.clear();
        conflict.focus = 0;
        conflict.runs.clear();
        conflict.why.clear();
    }
    load(state)
}

fn load(state: &AppState) -> Vec<Effect> {
    let Some(path) = state.conflict.path.clone() else { return Vec::new() };
    let title = format!("Merging {path}");
    if let Some(open) = state.conflict.open_in_front() {
        return vec![Job::cpu("conflict.load", Task::Edited(open.clone())).titled(title).start()];
    }
    let anew = state.conflict.anew.contains(&path);
    vec![Job::cpu("conflict.load", Task::Load { path, anew }).titled(title).start()]
}

/// Changes the answer of the entry in front, so that it can be undone.
fn change(conflict: &mut State, typing: Option<Timestamp>, with: impl FnOnce(&Entry, &mut Answer)) {
    change_at(conflict, conflict.focus, typing, with);
}

fn change_at(conflict: &mut State, index: usize, typing: Option<Timestamp>, with: impl FnOnce(&Entry, &mut Answer)) {
    let Some(sheet) = conflict.sheet.clone() else { return };
    let Some(entry) = sheet.entries.get(index) else { return };
    let Some(answer) = conflict.answers.get_mut(&sheet.mark).and_then(|a| a.get_mut(&entry.at)) else { return };
    let before = answer.clone();
    with(entry, answer);
    if *answer == before {
        return;
    }
    // What has been confirmed is to be confirmed again once it is another thing.
    answer.used &= *answer == Answer { used: answer.used, ..before.clone() };
    let last = conflict.undo.last_mut().filter(|s| s.mark == sheet.mark && s.at == entry.at);
    let same = match (typing, last) {
        (Some(now), Some(last)) => match last.typing.as_mut() {
            Some(at) if now.as_millisecond() - at.as_millisecond() < TYPING_MS => {
                *at = now;
                true
            }
            _ => false,
        },
        _ => false,
    };
    if !same {
        conflict.undo.push(Step { mark: sheet.mark, at: entry.at, before, typing });
        let extra = conflict.undo.len().saturating_sub(UNDO);
        conflict.undo.drain(..extra);
    }
    conflict.redo.clear();
    keep::changed(conflict, &sheet);
}

/// Brings the last decision back, and the entry it was about to the front.
fn undo(conflict: &mut State, again: bool) {
    let Some(sheet) = conflict.sheet.clone() else { return };
    let from = if again { &mut conflict.redo } else { &mut conflict.undo };
    let Some(step) = from.pop_if(|s| s.mark == sheet.mark) else { return };
    let Some(answer) = conflict.answers.get_mut(&step.mark).and_then(|a| a.get_mut(&step.at)) else { return };
    let before = std::mem::replace(answer, step.before);
    let other = Step { before, typing: None, ..step };
    if let Some(at) = sheet.entries.iter().position(|e| e.at == other.at) {
        conflict.focus = at;
    }
    if again {
        conflict.undo.push(other);
    } else {
        conflict.redo.push(other);
    }
    keep::changed(conflict, &sheet);
}

fn use_result(conflict: &mut State) {
    let Some(entry) = conflict.entry() else { return };
    let settled = conflict.answer(entry).is_some_and(|a| a.missing(entry).is_empty());
    if settled && entry.is_conflict() {
        change(conflict, None, |_, answer| answer.used = true);
    }
    if settled {
        conflict.focus = conflict.next_open(true).unwrap_or(conflict.focus);
    }
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Looked(result) => looked(state, *result),
        Event::Loaded { path, result, kept } => loaded(state, path, *result, kept),
        Event::Finished { .. } | Event::Ended { .. } | Event::Message(_) | Event::Made { .. } => {
            finish::event(state, event, cx)
        }
        Event::Running { .. } | Event::Ran { .. } => run::event(state, event),
        Event::Why { path, mark, why } => {
            if state.conflict.why_of == Some((path, mark)) {
                state.conflict.why = why;
            }
            Vec::new()
        }
    }
}

fn looked(state: &mut AppState, result: Result<(Situation, Vec<String>)>) -> Vec<Effect> {
    let conflict = &mut state.conflict;
    conflict.loaded = true;
    match result {
        Ok((situation, noted)) => {
            let new = situation != conflict.situation;
            conflict.situation = situation;
            conflict.noted = noted;
            conflict.error = None;
            if !conflict.in_front {
                return Vec::new();
            }
            let listed = conflict.is_of_open() || conflict.path.as_deref().is_some_and(|p| conflict.has(p));
            if !listed {
                let first = conflict.files().first().map(|f| f.0.to_owned());
                conflict.path = None;
                conflict.sheet = None;
                conflict.file_error = None;
                if let Some(first) = first {
                    return select(state, first);
                }
            } else if new || conflict.sheet.is_none() {
                return load(state);
            }
            Vec::new()
        }
        Err(e) if e.is_cancelled() => Vec::new(),
        Err(e) => {
            conflict.error = Some(e);
            Vec::new()
        }
    }
}

fn loaded(state: &mut AppState, path: String, result: Result<Arc<Sheet>>, kept: Vec<Kept>) -> Vec<Effect> {
    let conflict = &mut state.conflict;
    if conflict.path.as_deref() != Some(path.as_str()) {
        return Vec::new();
    }
    match result {
        Ok(sheet) => {
            conflict.file_error = None;
            let fresh = conflict.sheet.as_ref().is_none_or(|s| s.mark != sheet.mark);
            keep::found(conflict, &sheet, kept);
            conflict.sheet = Some(sheet.clone());
            if fresh {
                conflict.runs.clear();
                conflict.why.clear();
                let first = conflict.open().first().copied();
                conflict.focus = first.unwrap_or(0);
            }
            conflict.focus = conflict.focus.min(sheet.entries.len().saturating_sub(1));
            if conflict.is_of_open() {
                // Neither side is a commit.
                return Vec::new();
            }
            let of = (path, sheet.mark);
            if conflict.why_of.as_ref() == Some(&of) && !conflict.why.is_empty() {
                return Vec::new();
            }
            conflict.why_of = Some(of);
            let situation = Box::new(conflict.situation.clone());
            // The past of a long notebook takes a while: not where files are written.
            vec![Job::cpu("conflict.why", Task::Why { sheet, situation }).start()]
        }
        Err(e) if e.is_cancelled() => Vec::new(),
        Err(e) => {
            conflict.sheet = None;
            conflict.file_error = Some(e);
            Vec::new()
        }
    }
}

/// The state of files or branches changed: looks whether anything is in conflict.
pub fn status_changed(state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    let known = state.conflict.needs_somebody() || state.conflict.in_front;
    let status = &state.git.status;
    let suspect = status.files.iter().any(|f| f.conflicted || is_notebook(&f.path));
    let news = status.underway != Underway::Nothing || suspect;
    if known || news { look(state) } else { Vec::new() }
}

/// A workspace was opened: what is in conflict is found once its state is read.
pub fn opened(_state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    Vec::new()
}

/// Files below the root changed on disk (workspace-relative, `/`); none named means all.
pub fn files_changed(state: &mut AppState, paths: &[String], _cx: &Cx) -> Vec<Effect> {
    let in_front = state.conflict.path.as_ref().is_some_and(|p| paths.is_empty() || paths.contains(p));
    let noted = paths.iter().any(|p| state.conflict.noted.contains(p) || is_notebook(p));
    let mut effects = if noted || in_front { look(state) } else { Vec::new() };
    if state.conflict.in_front && in_front && !state.conflict.finishing {
        effects.extend(load(state));
    }
    effects
}

/// What the palette offers from here.
pub fn actions(state: &AppState) -> Vec<Action> {
    if state.workspace.root.is_none() {
        return Vec::new();
    }
    let conflict = &state.conflict;
    let files = conflict.count();
    let detail = if files > 0 { count(files as u64, "file") } else { String::new() };
    let mut all = vec![
        Action::new("Review", "Resolve conflicts", Command::Open(None))
            .icon("git-merge")
            .detail(detail)
            .only_if(conflict.needs_somebody() || conflict.in_front, "Nothing is in conflict"),
    ];
    if conflict.situation.can_abort() {
        let word = conflict.situation.underway.word();
        all.push(Action::new("Review", format!("Abort the {word}\u{2026}"), Command::AskAbort).icon("undo-2"));
        let end = if conflict.situation.underway == Underway::Merge {
            "Commit the merge\u{2026}".to_owned()
        } else {
            format!("Go on with the {word}")
        };
        let reason = "Some files are still in conflict";
        all.push(
            Action::new("Review", end, Command::Conclude)
                .icon("git-merge")
                .only_if(conflict.situation.waits_for_end(), reason),
        );
    }
    if conflict.in_front && conflict.sheet.is_some() {
        let not_yet = conflict.not_yet();
        all.push(
            Action::new("Review", "Finish the merge of this file", Command::Finish)
                .icon("check")
                .only_if(not_yet.is_none(), not_yet.as_deref().unwrap_or_default()),
        );
        all.push(Action::new("Review", "Back to the comparison", Command::Close).icon("git-compare"));
    }
    all
}

/// Sends a person here, for pages that show a file in conflict.
pub fn resolve(path: &str) -> Command {
    Command::Open(Some(path.to_owned()))
}

//! Comments, suggestions and approvals of the review page.
//!
//! Threads and approvals are in the ledger that the board keeps; what is shown is read from there again whenever it
//! changes (`ledger_changed`). Where each thread stands in the comparison is found out by a job (`place`). A comment
//! being written is a draft of the state, kept on disk shortly after each letter, and belongs to its place by the same
//! anchors: whatever happens to the comparison, it is still there.
mod approve;
mod draft;
mod place;
mod tally;
#[cfg(test)]
mod test;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use approve::{Wanted, obstacle};
pub use place::{Lapse, Person, Placing, find as placing};
pub use tally::{Tally, Whole};
pub use work::run;

use super::State;
use crate::{
    app::{AppState, Cx, Effect, Job, Policy, action::Action, board, dispatch, notify::Notice, shell::Page},
    base::{Error, Result},
    engine::review::Applied,
    model::{
        git::{ChangedFile, Rev},
        review::{self, Actions, Approval, At, Draft, Thread},
    },
};

/// What is said about the files under review.
#[derive(Debug, Default)]
pub struct Talk {
    /// Threads of all files, by path, place and age.
    pub threads: Vec<Arc<Thread>>,
    pub approvals: Arc<Vec<Approval>>,
    /// Comments being written, by id.
    pub drafts: BTreeMap<String, Draft>,
    /// Why a draft could not be sent.
    pub errors: BTreeMap<String, Error>,
    /// Where everything stands in the comparison in front.
    pub placing: Arc<Placing>,
    /// What there is to approve in every listed file, and by whom it is.
    pub tally: BTreeMap<String, Tally>,
    /// Resolved threads that are shown whole.
    pub unfolded: BTreeSet<String>,
    /// The thread in front.
    pub front: Option<String>,
    /// The draft that was opened last, to be given the focus; counts up, so that asking twice gives it twice.
    pub asked: Option<(String, u64)>,
    /// The suggestion that was put into a file last, by its thread.
    pub applied: Option<(String, Box<Applied>)>,
    /// Counts changes of what is shown, letters of drafts aside.
    pub revision: u64,
    /// Drafts that are not on disk as they are.
    unkept: BTreeSet<String>,
    keep_waits: bool,
}

/// A place a person points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Here {
    /// Row of the comparison.
    pub row: usize,
    pub at: At,
}

/// How a review is written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Markdown,
    Html,
    Json,
}

impl Format {
    /// All of them with the words people know them by.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Markdown, "Markdown"), (Self::Html, "a web page"), (Self::Json, "JSON for a pull request")];

    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Json => "json",
        }
    }
}

/// What takes something back, with its words.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub title: String,
    pub inverse: Actions,
}

/// What a person can ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Begins a comment here, or on the change in front.
    Comment(Option<Here>),
    /// Begins a suggestion here, or on the change in front.
    Suggest(Option<Here>),
    /// Begins an answer; with `suggest` one that proposes a source.
    Reply {
        thread: String,
        suggest: bool,
    },
    /// The text of a draft after typing.
    Type {
        draft: String,
        text: String,
    },
    /// The proposed source after typing; `None` proposes none any more.
    Propose {
        draft: String,
        source: Option<String>,
    },
    /// Lets a comment that is being written be about another line or output of its cell.
    Aim {
        draft: String,
        at: At,
    },
    Discard(String),
    Restore(Box<Draft>),
    /// Sends a draft.
    Post(String),
    Resolve {
        thread: String,
        on: bool,
    },
    /// Shows a resolved thread whole, or folds it again.
    Unfold(String),
    /// Puts the suggestion of a comment into the file.
    Apply {
        thread: String,
        comment: String,
    },
    /// Takes it out again.
    TakeBack {
        thread: String,
        applied: Box<Applied>,
    },
    /// Approves a row, the change in front, or takes that back.
    Approve(Option<usize>),
    /// Approves all that differs in the file in front, or takes that back.
    ApproveFile,
    /// Approves all that differs in all files.
    ApproveAll,
    /// Takes that back.
    WithdrawAll,
    Undo(Box<Step>),
    /// Goes to the next open thread (`true`) or the one before, also in other files.
    Walk(bool),
    /// Goes to a thread or draft.
    Show(String),
    /// Keeps drafts on disk.
    Keep,
    /// Asks where and writes the review there.
    Export(Format),
    /// Writes it to this file of the workspace.
    ExportTo {
        format: Format,
        path: String,
    },
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Placed(Arc<Placing>),
    Drafts {
        found: Vec<Draft>,
        problems: Vec<Error>,
    },
    KeepFailed {
        ids: Vec<String>,
        error: Error,
    },
    Applied {
        thread: String,
        result: Box<Result<Applied>>,
    },
    TakenBack {
        thread: String,
        path: String,
    },
    /// What of all files can be approved, as they are now.
    Wanted {
        list: Vec<Wanted>,
        skipped: Vec<String>,
        /// Approvals of it are to be taken back.
        back: bool,
    },
    Exported(String),
    /// No file dialog can be shown.
    NoDialog(Format),
}

/// What runs off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Place {
        shown: super::Shown,
        threads: Vec<Arc<Thread>>,
        approvals: Arc<Vec<Approval>>,
        drafts: Vec<Draft>,
    },
    Drafts,
    Keep {
        drafts: Vec<Draft>,
        gone: Vec<String>,
    },
    Apply {
        thread: Arc<Thread>,
        source: String,
    },
    TakeBack {
        thread: String,
        applied: Box<Applied>,
    },
    Gather {
        from: Rev,
        compare: Rev,
        files: Vec<ChangedFile>,
        back: bool,
    },
    Export {
        format: Format,
        to: Option<String>,
        compare: Rev,
        threads: Vec<Arc<Thread>>,
        approvals: Arc<Vec<Approval>>,
    },
}

impl Talk {
    /// A thread by id.
    pub fn thread(&self, id: &str) -> Option<&Arc<Thread>> {
        self.threads.iter().find(|t| t.id == id)
    }
    /// Threads of a file.
    pub fn of_file<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Arc<Thread>> {
        let first = self.threads.partition_point(|t| t.path.as_str() < path);
        self.threads.iter().skip(first).take_while(move |t| t.path == path)
    }
    /// How many threads of a file are open.
    pub fn open_in(&self, path: &str) -> usize {
        self.of_file(path).filter(|t| !t.resolved).count()
    }
    /// How many threads are open.
    pub fn open(&self) -> usize {
        self.threads.iter().filter(|t| !t.resolved).count()
    }
    /// What of all files is approved by a person.
    pub fn whole(&self, me: Option<&str>) -> Whole {
        tally::whole(self.tally.values(), me)
    }
    /// The draft that answers a thread.
    pub fn answer(&self, thread: &str) -> Option<&Draft> {
        self.drafts.values().find(|d| d.answers() == Some(thread))
    }
    /// How many unsent comments a file has.
    pub fn drafts_in(&self, path: &str) -> usize {
        self.drafts.values().filter(|d| d.path == path && !d.is_blank()).count()
    }
    /// Files with open threads or unsent comments that are not among those listed: path, threads, drafts.
    pub fn elsewhere(&self, listed: &[ChangedFile]) -> Vec<(String, usize, usize)> {
        let mut all: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for thread in self.threads.iter().filter(|t| !t.resolved) {
            all.entry(&thread.path).or_default().0 += 1;
        }
        for draft in self.drafts.values().filter(|d| !d.is_blank()) {
            all.entry(&draft.path).or_default().1 += 1;
        }
        // The list is sorted.
        all.retain(|path, _| listed.binary_search_by(|f| f.path.as_str().cmp(path)).is_err());
        all.into_iter().map(|(path, (threads, drafts))| (path.to_owned(), threads, drafts)).collect()
    }
    fn changed(&mut self) {
        self.revision += 1;
    }
}

fn told(error: &Error) -> Vec<Effect> {
    vec![Effect::Notice(Notice::error(error))]
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Comment(here) => draft::begin(state, here, false),
        Command::Suggest(here) => draft::begin(state, here, true),
        Command::Reply { thread, suggest } => draft::reply(&mut state.review, &thread, suggest),
        Command::Type { draft, text } => draft::typed(&mut state.review.talk, &draft, |d| d.text = text),
        Command::Propose { draft, source } => draft::propose(&mut state.review, &draft, source),
        Command::Aim { draft, at } => draft::aim(&mut state.review, &draft, at),
        Command::Discard(id) => draft::discard(state, &id),
        Command::Restore(draft) => draft::restore(&mut state.review, *draft),
        Command::Post(id) => draft::post(state, &id, cx),
        Command::Resolve { thread, on } => resolve(state, &thread, on, cx),
        Command::Unfold(id) => {
            let talk = &mut state.review.talk;
            if !talk.unfolded.remove(&id) {
                talk.unfolded.insert(id);
            }
            talk.changed();
            Vec::new()
        }
        Command::Apply { thread, comment } => apply(state, &thread, &comment),
        Command::TakeBack { thread, applied } => {
            if let Some(refused) = unsaved(state, &applied.path) {
                return refused;
            }
            vec![Job::io("review.apply", super::Task::Talk(Task::TakeBack { thread, applied })).start()]
        }
        Command::Approve(row) => approve::row(state, row, cx),
        Command::ApproveFile => approve::file(state, cx),
        Command::ApproveAll => approve::all(state, false),
        Command::WithdrawAll => approve::all(state, true),
        Command::Undo(step) => {
            let actions = crate::model::board::edit::rebase(&state.board.all, &step.inverse);
            record(state, actions, cx).map_or_else(
                |e| told(&e),
                |(_, mut effects)| {
                    effects.push(Effect::Notice(Notice::info(format!("Undone: {}", step.title))));
                    effects
                },
            )
        }
        Command::Walk(forward) => walk(state, forward),
        Command::Show(id) => show(state, &id),
        Command::Keep => draft::keep(&mut state.review.talk),
        Command::Export(format) => export(state, format, None),
        Command::ExportTo { format, path } => {
            state.shell.dialog = None;
            export(state, format, Some(path))
        }
    }
}

/// Puts actions into the ledger and shows what comes of them; gives what takes them back.
fn record(state: &mut AppState, actions: Actions, cx: &Cx) -> Result<(Actions, Vec<Effect>)> {
    let (inverse, mut effects) = board::record(state, actions, cx)?;
    effects.extend(ledger_changed(state));
    Ok((inverse, effects))
}

/// The same for what is told with an Undo.
fn record_step(state: &mut AppState, actions: Actions, title: String, cx: &Cx) -> Vec<Effect> {
    match record(state, actions, cx) {
        Ok((inverse, mut effects)) => {
            let step = Step { title: title.clone(), inverse };
            let undo = super::Command::Talk(Command::Undo(Box::new(step)));
            effects.push(Effect::Notice(Notice::info(title).action("Undo", undo)));
            effects
        }
        Err(e) => told(&e),
    }
}

/// The name things are said under; an error tells what to do where git knows none.
fn person(state: &AppState) -> Result<String> {
    if let Some(name) = state.board.person() {
        return Ok(name.to_owned());
    }
    Err(match (&state.board.error, state.board.loaded) {
        (Some(error), _) => error.clone(),
        (None, false) => Error::user("The ledger is still being read").hint("Try again in a moment"),
        (None, true) => review::no_name(),
    })
}

/// After a refusal for want of a name the ledger is read again, so that a name given meanwhile is found.
fn look_again(state: &AppState) -> Option<Effect> {
    let nameless = state.board.loaded && state.board.person().is_none();
    nameless.then(|| Effect::After(std::time::Duration::ZERO, Box::new(board::Command::Reload.into())))
}

/// Reads threads and approvals from the ledger again.
pub fn ledger_changed(state: &mut AppState) -> Vec<Effect> {
    let talk = &mut state.review.talk;
    let threads: Vec<Arc<Thread>> = review::threads(&state.board.all, None).into_iter().map(Arc::new).collect();
    let approvals = review::approvals(&state.board.all, None);
    if threads == talk.threads && approvals == *talk.approvals {
        return Vec::new();
    }
    talk.threads = threads;
    let before = std::mem::replace(&mut talk.approvals, Arc::new(approvals));
    talk.changed();
    let mut effects = place(&state.review);
    effects.extend(recount(&state.review, &before));
    effects
}

/// Counts the files anew of which approvals came or went. The one in front is counted by its places.
fn recount(review: &State, before: &[Approval]) -> Vec<Effect> {
    let now = &review.talk.approvals;
    let gone = before.iter().filter(|a| !now.contains(a));
    let paths: BTreeSet<&str> =
        now.iter().filter(|a| !before.contains(a)).chain(gone).map(|a| a.path.as_str()).collect();
    let front = review.shown.as_ref().map(|s| s.path.as_str());
    let listed = |f: &&ChangedFile| paths.contains(f.path.as_str()) && front != Some(f.path.as_str());
    let files = review.files.files.iter().filter(listed).take(super::COUNTED).cloned().collect();
    super::count(review, "review.counts.approved", files, Policy::Queue)
}

/// Finds out where everything stands in the comparison in front.
pub(super) fn place(review: &State) -> Vec<Effect> {
    let Some(shown) = review.shown.clone() else { return Vec::new() };
    let talk = &review.talk;
    let threads = talk.of_file(&shown.path).cloned().collect();
    let drafts = talk.drafts.values().filter(|d| d.path == shown.path).cloned().collect();
    let task = Task::Place { shown, threads, approvals: talk.approvals.clone(), drafts };
    vec![Job::cpu("review.place", super::Task::Talk(task)).start()]
}

/// A workspace was opened: the drafts of the last time come back.
pub fn opened() -> Effect {
    Job::io("review.drafts.read", super::Task::Talk(Task::Drafts)).start()
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Placed(placing) => {
            let review = &mut state.review;
            if review.shown.as_ref().is_some_and(|s| s.path == placing.path && s.revision == placing.shown) {
                let tally = review.shown.as_ref().map(|s| Tally::placed(&placing, &s.diff));
                review.talk.tally.extend(tally.map(|t| (placing.path.clone(), t)));
                review.talk.placing = placing;
                // What was begun while the job ran is found by another one.
                let talk = &mut review.talk;
                let here = |d: &&Draft| d.path == talk.placing.path;
                let missed = talk.drafts.values().filter(here).any(|d| !talk.placing.knows(&d.id));
                talk.changed();
                if missed {
                    return place(review);
                }
            }
            Vec::new()
        }
        Event::Drafts { found, problems } => {
            let talk = &mut state.review.talk;
            for draft in found {
                talk.drafts.entry(draft.id.clone()).or_insert(draft);
            }
            talk.changed();
            let mut effects: Vec<Effect> = problems.iter().map(|e| Effect::Notice(Notice::error(e))).collect();
            effects.extend(place(&state.review));
            effects
        }
        Event::KeepFailed { ids, error } => {
            state.review.talk.unkept.extend(ids);
            told(&error)
        }
        Event::Applied { thread, result } => match *result {
            Ok(applied) => applied_event(state, &thread, applied, cx),
            Err(e) => told(&e),
        },
        Event::TakenBack { thread, path } => {
            state.review.talk.applied = None;
            state.notices.withdraw(|c| {
                let is_it = |c: &super::Command| matches!(c, super::Command::Talk(Command::TakeBack { .. }));
                matches!(c, crate::app::Command::Review(c) if is_it(c))
            });
            let mut effects = dispatch::files_changed(state, std::slice::from_ref(&path), cx);
            effects.extend(set_resolved(state, &thread, false, cx).unwrap_or_default());
            effects.push(Effect::Notice(Notice::info(format!("The suggestion is out of {path} again"))));
            effects
        }
        Event::Wanted { list, back: true, .. } => approve::withdrawn(state, &list, cx),
        Event::Wanted { list, skipped, .. } => approve::gathered(state, &list, &skipped, cx),
        Event::Exported(path) => vec![Effect::Notice(Notice::success(format!("The review was written to {path}")))],
        Event::NoDialog(format) => {
            let path = format!("exports/review.{}", format.ending());
            let command = super::Command::Talk(Command::ExportTo { format, path: path.clone() });
            state.shell.dialog = Some(crate::app::shell::Dialog::Confirm {
                title: "No file dialog can be shown here".to_owned(),
                body: format!("The review can be written to {path} in the workspace folder."),
                verb: "Write the file".to_owned(),
                destructive: false,
                command: Box::new(command.into()),
            });
            Vec::new()
        }
    }
}

fn resolve(state: &mut AppState, id: &str, on: bool, cx: &Cx) -> Vec<Effect> {
    if let Err(e) = person(state) {
        return told(&e).into_iter().chain(look_again(state)).collect();
    }
    match set_resolved(state, id, on, cx) {
        Ok(effects) => effects,
        Err(e) => told(&e),
    }
}

fn set_resolved(state: &mut AppState, id: &str, on: bool, cx: &Cx) -> Result<Vec<Effect>> {
    let Some(thread) = state.review.talk.thread(id).cloned() else { return Ok(Vec::new()) };
    if thread.resolved == on {
        return Ok(Vec::new());
    }
    let actions = review::resolve(&state.board.all, &thread, on)?;
    state.review.talk.unfolded.remove(id);
    Ok(record(state, actions, cx)?.1)
}

/// Refuses to write to a file that has unsaved edits in the editor.
fn unsaved(state: &AppState, path: &str) -> Option<Vec<Effect>> {
    let open = state.notebook.docs.iter().any(|d| d.path == path && d.is_dirty());
    open.then(|| {
        told(
            &Error::user(format!("{path} has unsaved changes in the editor"))
                .hint("Save or undo them first, so that neither they nor the suggestion are lost"),
        )
    })
}

fn apply(state: &AppState, id: &str, comment: &str) -> Vec<Effect> {
    let Some(thread) = state.review.talk.thread(id).cloned() else { return Vec::new() };
    let said = thread.comments.iter().find(|c| c.id == comment);
    let Some(source) = said.and_then(|c| c.suggestion.clone()) else { return Vec::new() };
    if let Some(refused) = unsaved(state, &thread.path) {
        return refused;
    }
    let task = Task::Apply { thread, source };
    vec![Job::io("review.apply", super::Task::Talk(task)).policy(crate::app::Policy::Reject).start()]
}

fn applied_event(state: &mut AppState, id: &str, applied: Applied, cx: &Cx) -> Vec<Effect> {
    let mut effects = dispatch::files_changed(state, std::slice::from_ref(&applied.path), cx);
    effects.extend(set_resolved(state, id, true, cx).unwrap_or_default());
    let words = format!("{} has the suggested source in {}", capital(&applied.place), applied.path);
    let applied = Box::new(applied);
    state.review.talk.applied = Some((id.to_owned(), applied.clone()));
    state.review.talk.changed();
    let undo = Command::TakeBack { thread: id.to_owned(), applied };
    effects.push(Effect::Notice(Notice::success(words).action("Undo", super::Command::Talk(undo))));
    effects
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Open threads of the file in front as they stand, those without a place last.
fn in_order(review: &State) -> Vec<String> {
    let talk = &review.talk;
    let is_open = |id: &&String| talk.thread(id).is_some_and(|t| !t.resolved);
    talk.placing.order().filter(is_open).cloned().collect()
}

fn walk(state: &mut AppState, forward: bool) -> Vec<Effect> {
    let review = &mut state.review;
    let here = in_order(review);
    let at = review.talk.front.as_ref().and_then(|f| here.iter().position(|id| id == f));
    let next = match (at, forward) {
        (Some(at), true) => here.get(at + 1),
        (Some(at), false) => at.checked_sub(1).and_then(|n| here.get(n)),
        (None, true) => here.first(),
        (None, false) => here.last(),
    };
    if let Some(next) = next.cloned() {
        return show(state, &next);
    }
    // The next file that has any, around.
    let talk = &review.talk;
    let mut paths: Vec<&str> = review.files.files.iter().map(|f| f.path.as_str()).collect();
    let others = talk.threads.iter().map(|t| t.path.as_str());
    for path in others {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths.retain(|p| talk.open_in(p) > 0 || Some(*p) == review.path.as_deref());
    let at = paths.iter().position(|p| Some(*p) == review.path.as_deref()).unwrap_or(0);
    let count = paths.len().max(1);
    let next = paths.get((if forward { at + 1 } else { at + count - 1 }) % count);
    let Some(path) = next.map(|p| (*p).to_owned()) else {
        return vec![Effect::Notice(Notice::info("No thread is open"))];
    };
    let of_file: Vec<String> = talk.of_file(&path).filter(|t| !t.resolved).map(|t| t.id.clone()).collect();
    let first = if Some(path.as_str()) == review.path.as_deref() {
        if forward { here.first().cloned() } else { here.last().cloned() }
    } else if forward {
        of_file.first().cloned()
    } else {
        of_file.last().cloned()
    };
    match first {
        Some(id) => show(state, &id),
        None => vec![Effect::Notice(Notice::info("No thread is open"))],
    }
}

fn show(state: &mut AppState, id: &str) -> Vec<Effect> {
    let talk = &state.review.talk;
    let thread = talk.thread(id).map(|t| (t.path.clone(), t.id.clone()));
    let draft = talk.drafts.get(id).map(|d| {
        let front = d.answers().unwrap_or(&d.id).to_owned();
        (d.path.clone(), front)
    });
    let Some((path, front)) = thread.or(draft) else { return Vec::new() };
    state.review.talk.front = Some(front);
    state.review.talk.changed();
    if state.review.path.as_deref() == Some(path.as_str()) {
        return Vec::new();
    }
    super::select(state, path)
}

fn export(state: &AppState, format: Format, to: Option<String>) -> Vec<Effect> {
    let review = &state.review;
    if review.talk.threads.is_empty() && review.talk.approvals.is_empty() {
        return told(&Error::user("Nothing has been said or approved yet").hint("Comment on a change with C"));
    }
    let (threads, approvals) = (review.talk.threads.clone(), review.talk.approvals.clone());
    let task = Task::Export { format, to, compare: review.compare.clone(), threads, approvals };
    vec![Job::long("review.export", super::Task::Talk(task)).titled("Writing the review to a file").start()]
}

/// What the palette offers.
pub fn actions(state: &AppState, all: &mut Vec<Action>) {
    let review = &state.review;
    let talk = &review.talk;
    let row = |title: String, command: Command| Action::new("Review", title, super::Command::Talk(command));
    if state.shell.page == Page::Review && review.shown.is_some() {
        let more = [
            ("Comment on the change", "message-square", "C", Command::Comment(None)),
            ("Suggest a change", "square-pen", "S", Command::Suggest(None)),
            ("Approve the change, or take that back", "circle-check", "A", Command::Approve(None)),
            ("Approve the file, or take that back", "check", "Shift+A", Command::ApproveFile),
            ("Approve the whole review", "check-check", "", Command::ApproveAll),
            ("Take your approval of the whole review back", "undo-2", "", Command::WithdrawAll),
        ];
        all.extend(more.map(|(title, icon, key, command)| row(title.to_owned(), command).icon(icon).key(key)));
    }
    if let Some((thread, applied)) = &talk.applied {
        let command = Command::TakeBack { thread: thread.clone(), applied: applied.clone() };
        all.push(
            row("Take the last applied suggestion out again".to_owned(), command).icon("undo-2").detail(&applied.path),
        );
    }
    let nothing = "no thread is open";
    for (title, forward, key) in [("Next open thread", true, "]"), ("Previous open thread", false, "[")] {
        let command = row(title.to_owned(), Command::Walk(forward)).icon("message-square").key(key);
        if state.shell.page == Page::Review {
            all.push(command.only_if(talk.open() > 0, nothing));
        }
    }
    if !talk.threads.is_empty() || !talk.approvals.is_empty() {
        for (format, words) in Format::ALL {
            all.push(
                row(format!("Write the review to a file as {words}\u{2026}"), Command::Export(format)).icon("share-2"),
            );
        }
    }
}

//! What differs between two sides of the repository, file by file and cell by cell.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;

use super::{AppState, Cx, Effect, Job, Policy, settings, shell::Page};
use crate::{
    base::{Error, Result},
    model::{
        diff::{FileDiff, FileShape, ImageView, Picture, Summary, is_notebook},
        git::{ChangedFile, ChangedFiles, CommitInfo, FileVersion, Rev},
    },
};

pub mod matrix;
mod offers;
pub mod past;
mod task;
#[cfg(test)]
mod test;
pub mod threads;
mod view;

pub use offers::actions;
pub use task::{mark, run};
pub use threads::{Talk, ledger_changed};
use view::view;
pub use view::{Look, PairKey, Views};

/// Listed files whose lines are counted.
const COUNTED: usize = 500;

/// How a comparison is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    SideBySide,
    Unified,
}

/// What the list says about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub added: u64,
    pub removed: u64,
    /// Only what a run writes by itself differs.
    pub quiet: bool,
    /// Names this very change, for the viewed mark.
    pub mark: u64,
}

/// The comparison on screen.
#[derive(Debug, Clone)]
pub struct Shown {
    pub path: String,
    pub diff: Arc<FileDiff>,
    /// Counts up with every new comparison.
    pub revision: u64,
    /// When it was made.
    pub at: Timestamp,
}

/// What the review page shows.
#[derive(Debug)]
pub struct State {
    pub base: Rev,
    pub compare: Rev,
    /// The commit that is compared instead of `base`, since both sides went on from it.
    pub parted: Option<String>,
    /// Compare with where the sides parted rather than with the base itself, as `git diff A...B` does.
    pub since_parted: bool,
    /// Both sides went on since they parted, so that the choice makes a difference.
    pub both: bool,
    pub files: ChangedFiles,
    pub commits: Vec<CommitInfo>,
    pub counts: HashMap<String, Counts>,
    /// The list has been read for these sides.
    pub loaded: bool,
    pub error: Option<Error>,
    /// The file in front.
    pub path: Option<String>,
    pub shown: Option<Shown>,
    pub file_error: Option<Error>,
    pub mode: Mode,
    pub views: Views,
    /// The change in front, among [`State::changes`].
    pub focus: usize,
    /// Rows of the comparison that are unfolded though nothing differs, or folded though viewed.
    pub unfolded: BTreeSet<usize>,
    /// Viewed files: the mark of the change that was viewed.
    pub viewed: BTreeMap<String, u64>,
    /// Viewed rows of the file in front.
    pub viewed_rows: BTreeSet<usize>,
    /// History of the file in front.
    pub history: Vec<FileVersion>,
    pub history_of: Option<String>,
    /// Threads, drafts and approvals.
    pub talk: Talk,
    /// History of a cell, and who wrote each line.
    pub told: past::Told,
    /// Stored runs of the notebook beside each other.
    pub runs: matrix::Runs,
    /// Sides that were chosen before, newest first.
    pub recent: Vec<Rev>,
    /// What was last looked for among all commits, and found.
    pub found: Option<(String, Vec<CommitInfo>)>,
    revision: u64,
    /// What was compared last: path, old side, new side.
    target: Option<(String, Rev, Rev)>,
    /// Counts up with every comparison that is asked for.
    turn: u64,
    /// The newest of those that have come.
    came: u64,
    /// The sides that were listed last.
    listing: Option<(Rev, Rev, bool)>,
    /// The page has been asked for at least once, so the list is kept up to date.
    wanted: bool,
    /// The sides were chosen by a person or by another page.
    asked: bool,
    /// The file in front was not chosen for these sides.
    loose: bool,
    /// The list of files comes after the comparison of the one in front, from the same job.
    early: bool,
    /// Nothing was changed on disk, so that what was committed last is shown instead.
    pub suggested: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            base: Rev::head(),
            compare: Rev::WorkingTree,
            parted: None,
            since_parted: true,
            both: false,
            files: ChangedFiles::default(),
            commits: Vec::new(),
            counts: HashMap::new(),
            loaded: false,
            error: None,
            path: None,
            shown: None,
            file_error: None,
            mode: Mode::default(),
            views: Views::default(),
            focus: 0,
            unfolded: BTreeSet::new(),
            viewed: BTreeMap::new(),
            viewed_rows: BTreeSet::new(),
            history: Vec::new(),
            history_of: None,
            talk: Talk::default(),
            told: past::Told::default(),
            runs: matrix::Runs::default(),
            recent: Vec::new(),
            found: None,
            revision: 0,
            target: None,
            turn: 0,
            came: 0,
            listing: None,
            wanted: false,
            asked: false,
            loose: false,
            early: false,
            suggested: false,
        }
    }
}

impl State {
    /// Rows of the notebook comparison that a reviewer steps through.
    pub fn changes(&self) -> Vec<usize> {
        match self.shown.as_ref().map(|s| &s.diff.shape) {
            Some(FileShape::Notebook(diff)) => {
                diff.cells.iter().enumerate().filter(|(_, c)| c.is_shown()).map(|(i, _)| i).collect()
            }
            Some(FileShape::Text(diff)) => text_changes(diff),
            _ => Vec::new(),
        }
    }
    /// The row in front.
    pub fn focused_row(&self) -> Option<usize> {
        self.changes().get(self.focus).copied()
    }
    /// True when the file was viewed as it is now.
    pub fn is_viewed(&self, path: &str) -> bool {
        match (self.viewed.get(path), self.counts.get(path)) {
            (Some(mark), Some(counts)) => *mark == counts.mark,
            _ => false,
        }
    }
    /// Cells of the notebook in front by what happened to them; none for other files.
    pub fn summary(&self) -> Option<&Summary> {
        match self.shown.as_ref().map(|s| &s.diff.shape) {
            Some(FileShape::Notebook(diff)) => Some(&diff.summary),
            _ => None,
        }
    }
    /// The comparison on screen is an older one: the file has changed since, and is being compared again.
    pub fn is_behind(&self) -> bool {
        self.shown.is_some() && self.came < self.turn
    }
    /// Nobody has looked yet.
    pub fn is_unvisited(&self) -> bool {
        !self.wanted
    }
    /// How many of the listed files were viewed.
    pub fn viewed_count(&self) -> usize {
        self.files.files.iter().filter(|f| self.is_viewed(&f.path)).count()
    }
    /// The listed file in front.
    pub fn file(&self) -> Option<&ChangedFile> {
        let path = self.path.as_deref()?;
        self.files.files.iter().find(|f| f.path == path)
    }
}

/// First rows of the stretches that differ.
fn text_changes(diff: &crate::model::textdiff::TextDiff) -> Vec<usize> {
    use crate::model::textdiff::RowKind;
    let mut all = Vec::new();
    let mut inside = false;
    for (i, row) in diff.rows.iter().enumerate() {
        let differs = row.kind != RowKind::Same;
        if differs && !inside {
            all.push(i);
        }
        inside = differs;
    }
    all
}

/// What a person can ask of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Goes to the page and compares these sides; with a path, that file in front.
    Show {
        base: Rev,
        compare: Rev,
        path: Option<String>,
    },
    SetBase(Rev),
    SetCompare(Rev),
    /// Exchanges the sides.
    Swap,
    /// Only what the compared side did since both parted, or all that differs.
    SinceParted(bool),
    /// Makes the cell of this row, or the one in front, as the base has it; with undo.
    Discard(Option<usize>),
    /// Looks for commits by words of their subject, by author or by hash.
    FindCommits(String),
    /// Brings a file to the front.
    Select(String),
    SetMode(Mode),
    /// How pictures are shown from now on; remembered.
    SetLook(Look),
    /// Makes two pictures of the file in front ready to be shown.
    View(PairKey),
    /// The next change; from the last one of a file the first of the next file.
    Next,
    Previous,
    Focus(usize),
    /// Folds or unfolds a row.
    ToggleRow(usize),
    /// Marks the change in front, or this row, as viewed or not.
    ToggleViewed(Option<usize>),
    /// Marks the whole file as viewed or not.
    ToggleFileViewed(String),
    /// Looks again.
    Refresh,
    /// The page is being shown: loads what is missing.
    Visit,
    /// Comments, suggestions and approvals.
    Talk(threads::Command),
    /// Shows or hides who wrote each line.
    ToggleBlame,
    /// Shows the history of the cell of a row; `None` closes it.
    TellCell(Option<usize>),
    /// Compares a version of that history with the one before.
    CompareVersion(Box<past::When>),
    /// Shows the runs of the notebook in front, cell by cell, or the comparison again.
    ShowRuns(bool),
    /// Compares a run of those (column) with the one before, a cell (row) in front.
    CompareRuns {
        run: usize,
        row: usize,
    },
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Files {
        base: Rev,
        compare: Rev,
        result: Box<Result<Listed>>,
    },
    Counts {
        path: String,
        counts: Counts,
        tally: threads::Tally,
        base: Rev,
        compare: Rev,
    },
    Diff {
        path: String,
        base: Rev,
        compare: Rev,
        /// Which of those that were asked for.
        turn: u64,
        result: Box<Result<Fresh>>,
    },
    History {
        path: String,
        versions: Vec<FileVersion>,
    },
    Viewed {
        key: PairKey,
        view: Arc<ImageView>,
    },
    /// Commits that fit what was typed.
    Found(String, Vec<CommitInfo>),
    /// Sides worth a look while nothing on disk differs.
    Suggested(Option<(Rev, Rev)>),
    Talk(threads::Event),
    Past {
        path: String,
        rev: Rev,
        result: Box<Result<past::Past>>,
    },
    Runs {
        path: String,
        result: Box<Result<matrix::Grid>>,
    },
}

/// What differs between two sides.
#[derive(Debug, Clone)]
pub struct Listed {
    pub files: ChangedFiles,
    pub commits: Vec<CommitInfo>,
    pub parted: Option<String>,
    /// Both sides went on since they parted.
    pub both: bool,
}

/// A comparison just made.
#[derive(Debug, Clone)]
pub struct Fresh {
    pub diff: Arc<FileDiff>,
    pub counts: Counts,
}

/// What runs off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Files {
        base: Rev,
        compare: Rev,
        parted: bool,
    },
    Counts {
        base: Rev,
        compare: Rev,
        from: Rev,
        files: Vec<ChangedFile>,
        approvals: Arc<Vec<crate::model::review::Approval>>,
    },
    /// Compares a file; then, if asked, lists all that differ.
    Diff {
        base: Rev,
        compare: Rev,
        from: Rev,
        file: ChangedFile,
        list: Option<bool>,
        turn: u64,
    },
    History {
        path: String,
        rev: Rev,
    },
    View {
        old: Option<Arc<Picture>>,
        new: Option<Arc<Picture>>,
    },
    Suggest,
    Talk(threads::Task),
    Past {
        path: String,
        rev: Rev,
    },
    Runs {
        path: String,
    },
    Find(String),
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    let review = &mut state.review;
    match command {
        Command::Show { base, compare, path } => {
            state.shell.page = Page::Review;
            state.conflict.in_front = false;
            state.shell.palette = None;
            return show(state, base, compare, path);
        }
        Command::SetBase(base) => {
            let compare = review.compare.clone();
            return show(state, base, compare, None);
        }
        Command::SetCompare(compare) => {
            let base = review.base.clone();
            return show(state, base, compare, None);
        }
        Command::Swap => {
            let (base, compare) = (review.compare.clone(), review.base.clone());
            return show(state, base, compare, None);
        }
        Command::Discard(row) => {
            return super::git::work::command(state, super::git::work::Command::DiscardChange(row), cx);
        }
        Command::FindCommits(query) => {
            return vec![Job::io("review.find", Task::Find(query)).start()];
        }
        Command::SinceParted(on) => {
            review.since_parted = on;
            review.asked = true;
            review.counts.clear();
            review.talk.tally.clear();
            return load(state);
        }
        Command::Select(path) => return select(state, path),
        Command::SetMode(mode) => review.mode = mode,
        Command::SetLook(look) => return settings::command(state, settings::Command::SetPictures(look), cx),
        Command::View(key) => return view(review, key),
        Command::Next | Command::Previous => {
            // What is pressed next is about the change, no longer about a thread.
            review.talk.front = None;
            return step(state, command == Command::Next);
        }
        Command::Focus(index) => {
            review.talk.front = None;
            review.focus = index;
        }
        Command::ToggleRow(row) => {
            if !review.unfolded.remove(&row) {
                review.unfolded.insert(row);
            }
            // A thread in front keeps its cell open only until somebody folds it.
            review.talk.front = None;
        }
        Command::ToggleViewed(row) => return toggle_viewed(state, row, cx),
        Command::ToggleFileViewed(path) => toggle_file(review, &path),
        Command::Refresh => return load(state),
        Command::Talk(command) => return threads::command(state, command, cx),
        Command::ToggleBlame => return past::toggle_blame(review),
        Command::TellCell(row) => return past::tell(review, row),
        Command::CompareVersion(version) => return past::compare(state, &version),
        Command::ShowRuns(on) => return matrix::toggle(review, on),
        Command::CompareRuns { run, row } => return matrix::compare(state, run, row),
        Command::Visit => {
            if !review.wanted && state.workspace.root.is_some() {
                return load(state);
            }
        }
    }
    Vec::new()
}

fn show(state: &mut AppState, base: Rev, compare: Rev, path: Option<String>) -> Vec<Effect> {
    let review = &mut state.review;
    review.asked = true;
    review.suggested = false;
    for side in [&compare, &base] {
        // The working tree and HEAD stand in every list.
        if !side.is_live() && *side != Rev::head() && *side != Rev::Empty {
            review.recent.retain(|r| r != side);
            review.recent.insert(0, side.clone());
        }
    }
    review.recent.truncate(8);
    set_sides(state, base, compare, path)
}

fn set_sides(state: &mut AppState, base: Rev, compare: Rev, path: Option<String>) -> Vec<Effect> {
    let review = &mut state.review;
    if review.base != base || review.compare != compare {
        review.files = ChangedFiles::default();
        review.commits.clear();
        review.counts.clear();
        review.talk.tally.clear();
        review.parted = None;
        review.both = false;
        review.shown = None;
        review.loaded = false;
        // The file in front stays there if it differs between the new sides as well.
        review.loose = path.is_none();
    }
    (review.base, review.compare) = (base, compare);
    let Some(path) = path else { return load(state) };
    review.path = Some(path);
    reset_file(review);
    // A file that is asked for does not wait for the list, unless the list says where both sides parted.
    review.early = !matches!((&review.base, &review.compare), (Rev::At(_), Rev::At(_)));
    if !review.early {
        return load(state);
    }
    (review.wanted, review.error) = (true, None);
    load_file(state)
}

fn load(state: &mut AppState) -> Vec<Effect> {
    let review = &mut state.review;
    (review.wanted, review.early, review.error) = (true, false, None);
    let (base, compare, parted) = (review.base.clone(), review.compare.clone(), review.since_parted);
    let policy = again(&mut review.listing, (base.clone(), compare.clone(), parted));
    let task = Task::Files { base, compare, parted };
    vec![Job::io("review.files", task).policy(policy).titled("Comparing files").start()]
}

fn reset_file(review: &mut State) {
    review.shown = None;
    review.file_error = None;
    review.focus = 0;
    review.unfolded.clear();
    review.viewed_rows.clear();
}

fn select(state: &mut AppState, path: String) -> Vec<Effect> {
    let review = &mut state.review;
    let mut effects = Vec::new();
    if review.path.as_deref() != Some(path.as_str()) {
        // Left before it was compared, it is counted like the others.
        let left = review.file().filter(|f| !review.counts.contains_key(&f.path)).cloned();
        effects = count(review, "review.counts.left", left.into_iter().collect(), Policy::Replace);
        review.path = Some(path);
        reset_file(review);
        effects.extend(matrix::follow(review));
    }
    effects.extend(load_file(state));
    effects
}

/// The side that is read as the old one.
fn from(review: &State) -> Rev {
    review.parted.clone().map_or_else(|| review.base.clone(), Rev::At)
}

/// What is asked for once more waits for the one that runs, so that a file that changes all the time is compared all
/// the same; anything else takes its place.
fn again<T: PartialEq>(last: &mut Option<T>, now: T) -> Policy {
    if last.replace(now).as_ref() == last.as_ref() { Policy::Latest } else { Policy::Replace }
}

fn load_file(state: &mut AppState) -> Vec<Effect> {
    let review = &mut state.review;
    let Some(path) = review.path.clone() else { return Vec::new() };
    let file = review.file().cloned().unwrap_or(ChangedFile {
        path: path.clone(),
        old_path: None,
        change: crate::model::git::Change::Modified,
        untracked: false,
    });
    let (base, compare, from) = (review.base.clone(), review.compare.clone(), from(review));
    let list = review.early.then_some(review.since_parted);
    let policy = again(&mut review.target, (path.clone(), from.clone(), compare.clone()));
    review.turn += 1;
    let task = Task::Diff { base, compare: compare.clone(), from, file, list, turn: review.turn };
    let mut effects = vec![Job::cpu("review.diff", task).policy(policy).titled(format!("Comparing {path}")).start()];
    if review.history_of.as_deref() != Some(path.as_str()) {
        review.history.clear();
        review.history_of = Some(path.clone());
        effects.push(Job::io("review.history", Task::History { path, rev: compare }).start());
    }
    effects
}

fn step(state: &mut AppState, forward: bool) -> Vec<Effect> {
    let review = &mut state.review;
    let last = review.changes().len().saturating_sub(1);
    if forward && review.focus < last {
        review.focus += 1;
    } else if !forward && review.focus > 0 {
        review.focus -= 1;
    } else if let Some(path) = neighbour(review, forward) {
        let effects = select(state, path);
        if !forward {
            // The last change of the file before; clamped once its comparison is there.
            state.review.focus = usize::MAX;
        }
        return effects;
    }
    Vec::new()
}

fn neighbour(review: &State, forward: bool) -> Option<String> {
    let files = &review.files.files;
    let at = files.iter().position(|f| Some(f.path.as_str()) == review.path.as_deref())?;
    let next = if forward { at.checked_add(1) } else { at.checked_sub(1) };
    files.get(next?).map(|f| f.path.clone())
}

fn toggle_file(review: &mut State, path: &str) {
    if review.is_viewed(path) {
        review.viewed.remove(path);
        review.viewed_rows.clear();
    } else if let Some(counts) = review.counts.get(path) {
        review.viewed.insert(path.to_owned(), counts.mark);
        if review.path.as_deref() == Some(path) {
            review.viewed_rows = review.changes().into_iter().collect();
        }
    }
}

/// A change that is marked goes out of the way and the next one comes; the last one marks the file.
fn toggle_viewed(state: &mut AppState, row: Option<usize>, _cx: &Cx) -> Vec<Effect> {
    let review = &mut state.review;
    let Some(path) = review.path.clone() else { return Vec::new() };
    let changes = review.changes();
    let cells = matches!(review.shown.as_ref().map(|s| &s.diff.shape), Some(FileShape::Notebook(_)));
    let Some(row) = row.or_else(|| review.focused_row()).filter(|_| cells) else {
        toggle_file(review, &path);
        return Vec::new();
    };
    if review.viewed_rows.remove(&row) {
        review.viewed.remove(&path);
        return Vec::new();
    }
    review.viewed_rows.insert(row);
    if changes.iter().all(|c| review.viewed_rows.contains(c)) {
        if let Some(counts) = review.counts.get(&path) {
            review.viewed.insert(path, counts.mark);
        }
    } else if let Some(next) = changes.iter().position(|c| *c > row && !review.viewed_rows.contains(c)) {
        review.focus = next;
    }
    Vec::new()
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Files { base, compare, result } => {
            if base != state.review.base || compare != state.review.compare {
                return Vec::new();
            }
            match *result {
                Ok(listed) if listed.files.files.is_empty() && !state.review.asked && !state.review.suggested => {
                    state.review.files = listed.files;
                    vec![Job::io("review.suggest", Task::Suggest).start()]
                }
                Ok(listed) => {
                    state.review.loaded = true;
                    listed_event(state, listed)
                }
                Err(e) if e.is_cancelled() => Vec::new(),
                Err(e) => {
                    state.review.loaded = true;
                    state.review.error = Some(e);
                    Vec::new()
                }
            }
        }
        Event::Suggested(sides) => suggested(state, sides),
        Event::Found(query, commits) => {
            state.review.found = Some((query, commits));
            Vec::new()
        }
        Event::Counts { path, counts, tally, base, compare } => {
            if base == state.review.base && compare == state.review.compare {
                state.review.talk.tally.insert(path.clone(), tally);
                state.review.counts.insert(path, counts);
            }
            Vec::new()
        }
        Event::Diff { path, base, compare, turn, result } => {
            let review = &mut state.review;
            review.came = review.came.max(turn);
            if review.path.as_deref() != Some(path.as_str()) || base != review.base || compare != review.compare {
                return Vec::new();
            }
            match *result {
                Ok(fresh) => {
                    diff_event(review, path, fresh, cx.now());
                    let mut effects = threads::place(review);
                    effects.extend(past::compared(review));
                    return effects;
                }
                Err(e) if e.is_cancelled() => {}
                Err(e) => review.file_error = Some(e),
            }
            Vec::new()
        }
        Event::Talk(event) => threads::event(state, event, cx),
        Event::Runs { path, result } => {
            matrix::arrived(&mut state.review, &path, *result);
            Vec::new()
        }
        Event::Past { path, rev, result } => {
            past::arrived(&mut state.review, path, rev, *result);
            Vec::new()
        }
        Event::Viewed { key, view } => {
            state.review.views.add(key, view);
            Vec::new()
        }
        Event::History { path, versions } => {
            if state.review.history_of.as_deref() == Some(path.as_str()) {
                state.review.history = versions;
            }
            Vec::new()
        }
    }
}

/// Shows the suggested sides, unless somebody has chosen by now.
fn suggested(state: &mut AppState, sides: Option<(Rev, Rev)>) -> Vec<Effect> {
    let review = &mut state.review;
    if review.asked || review.suggested {
        return Vec::new();
    }
    match sides {
        Some((base, compare)) => {
            review.suggested = true;
            set_sides(state, base, compare, None)
        }
        None => {
            review.loaded = true;
            Vec::new()
        }
    }
}

fn listed_event(state: &mut AppState, listed: Listed) -> Vec<Effect> {
    let review = &mut state.review;
    review.files = listed.files;
    review.commits = listed.commits;
    review.parted = listed.parted;
    review.both = listed.both;
    let State { files, talk, .. } = review;
    talk.tally.retain(|path, _| files.files.iter().any(|f| f.path == *path));
    let gone = review.path.as_ref().is_some_and(|p| !review.files.files.iter().any(|f| f.path == *p));
    if std::mem::take(&mut review.loose) && gone {
        review.path = None;
    }
    if review.path.is_none() || (gone && review.shown.is_none()) {
        // Notebooks are what a reviewer came for.
        let first = review.files.files.iter().find(|f| is_notebook(&f.path)).or(review.files.files.first());
        if let Some(first) = first.filter(|_| review.path.is_none()) {
            review.path = Some(first.path.clone());
            reset_file(review);
        }
    }
    // The file in front is counted when it is compared.
    let front = review.path.as_deref();
    let files: Vec<_> =
        review.files.files.iter().take(COUNTED).filter(|f| Some(f.path.as_str()) != front).cloned().collect();
    let mut effects = count(review, "review.counts", files, Policy::Replace);
    let under_way = std::mem::take(&mut review.early) && review.file().is_none_or(|f| f.old_path.is_none());
    if !under_way {
        effects.extend(load_file(state));
    }
    effects
}

fn count(review: &State, job: &str, files: Vec<ChangedFile>, policy: Policy) -> Vec<Effect> {
    if files.is_empty() {
        return Vec::new();
    }
    let (base, compare, from) = (review.base.clone(), review.compare.clone(), from(review));
    let task = Task::Counts { base, compare, from, files, approvals: review.talk.approvals.clone() };
    vec![Job::cpu(job, task).policy(policy).start()]
}

fn diff_event(review: &mut State, path: String, fresh: Fresh, at: Timestamp) {
    review.counts.insert(path.clone(), fresh.counts);
    review.file_error = None;
    // The same comparison again keeps what is folded and where one is.
    let same = review.shown.as_ref().is_some_and(|s| s.path == path)
        && review.viewed.get(&path).is_none_or(|m| *m == fresh.counts.mark);
    if !same {
        review.unfolded.clear();
        review.viewed_rows.clear();
    }
    review.revision += 1;
    review.shown = Some(Shown { path, diff: fresh.diff, revision: review.revision, at });
    let changes = review.changes();
    review.focus = review.focus.min(changes.len().saturating_sub(1));
    if let Some(path) = review.path.clone().filter(|p| review.is_viewed(p) && review.viewed_rows.is_empty()) {
        tracing::debug!("{path} was viewed as it is");
        review.viewed_rows = changes.into_iter().collect();
    }
}

/// Files, branches or the last commit changed: looks again if the page is in use.
pub fn status_changed(state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    // Work on disk comes before what was only suggested, but not under the eyes of a reader.
    if state.review.suggested && !state.git.status.files.is_empty() && state.shell.page != Page::Review {
        state.review.suggested = false;
        return set_sides(state, Rev::head(), Rev::WorkingTree, None);
    }
    if state.review.wanted { load(state) } else { Vec::new() }
}

/// A workspace was opened: loads what the page needs.
pub fn opened(state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    let mut effects = vec![threads::opened()];
    if state.shell.page == Page::Review {
        effects.extend(load(state));
    }
    effects
}

/// Files below the root changed on disk (workspace-relative, `/`).
pub fn files_changed(state: &mut AppState, paths: &[String], _cx: &Cx) -> Vec<Effect> {
    let review = &state.review;
    let in_front = review.compare.is_live() || review.base.is_live();
    if review.wanted && in_front && review.path.as_ref().is_some_and(|p| paths.contains(p)) {
        return load_file(state);
    }
    if review.wanted && paths.is_empty() { load(state) } else { Vec::new() }
}

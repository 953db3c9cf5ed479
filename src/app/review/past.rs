//! Where the cells of the notebook in front come from: the history of one of them, and who wrote each line.
use std::sync::Arc;

use jiff::Timestamp;

use super::State;
use crate::{
    app::{AppState, Effect, Job, action::Action, notify::Notice, shell::Page},
    base::{Error, Result, job::JobCtx},
    engine::sides::Sides,
    model::{
        blame::{Deed, Story, Version, stories},
        diff::{Document, FileShape, NotebookDiff},
        git::{CommitInfo, Rev},
        review::CellAnchor,
    },
};

/// Versions that are looked back at.
const VERSIONS: usize = 1_000;

/// A version of the notebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// None for what is not committed.
    pub commit: Option<CommitInfo>,
    /// What the file was called.
    pub path: String,
}

impl When {
    /// Who wrote it.
    pub fn author(&self) -> &str {
        self.commit.as_ref().map_or("not committed", |c| c.author.name.as_str())
    }
    /// When it was committed.
    pub fn at(&self) -> Option<Timestamp> {
        self.commit.as_ref().map(|c| c.at)
    }
}

/// The past of all cells of a notebook.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Oldest first.
    pub versions: Vec<When>,
    /// One a cell, in the order of the new side.
    pub stories: Vec<Story>,
}

impl Past {
    /// The version a line of a cell comes from.
    pub fn of_line(&self, cell: usize, line: usize) -> Option<(usize, &When)> {
        let version = *self.stories.get(cell)?.lines.get(line)?;
        Some((version, self.versions.get(version)?))
    }
    /// What happened to a cell, newest first.
    pub fn deeds(&self, cell: usize) -> impl Iterator<Item = (&When, Deed)> {
        let all = self.stories.get(cell).map_or(&[][..], |s| &s.deeds);
        all.iter().rev().filter_map(|(v, deed)| Some((self.versions.get(*v)?, *deed)))
    }
}

/// What the page shows of the past.
#[derive(Debug, Default)]
pub struct Told {
    /// Who wrote each line stands beside it.
    pub blame: bool,
    /// The cell of the new side whose history is shown, with its title.
    pub cell: Option<(usize, String)>,
    /// The past of this file and side.
    pub of: Option<(String, Rev)>,
    pub past: Option<Arc<Past>>,
    pub error: Option<Error>,
    /// Counts how often a cell was brought to the front from elsewhere.
    pub led: u64,
    /// The comparison the past was read for.
    revision: u64,
    /// A cell to bring to the front once the comparison of its file is there.
    seek: Option<(String, CellAnchor)>,
}

/// Reads the past of a file on a side.
pub fn read(sides: &Sides, path: &str, rev: &Rev, cx: &JobCtx) -> Result<Past> {
    let repo = sides.repo()?;
    if rev.run().is_some() {
        return Err(Error::user("What a run kept has no history of its own")
            .hint("Compare a commit or the working tree to see who wrote a cell"));
    }
    let spec = match rev {
        Rev::At(spec) => spec.as_str(),
        _ => "HEAD",
    };
    let all = repo.notebook_versions(spec, path, VERSIONS, cx)?;
    let mut whens: Vec<When> =
        all.iter().map(|v| When { commit: Some(v.file.commit.clone()), path: v.file.path.clone() }).collect();
    let last = all.last().map(|v| (Rev::At(v.file.commit.id.clone()), v.file.path.clone()));
    let mut versions: Vec<Version> = all.into_iter().map(|v| v.version).collect();
    // A side that is no commit may hold what was never committed.
    if !matches!(rev, Rev::At(_))
        && let Some(bytes) = sides.read(rev, path)?
    {
        let before = last.map(|(rev, path)| repo.read(&rev, &path)).transpose()?.flatten();
        if before.as_ref() != Some(&bytes) {
            let parents = versions.len().checked_sub(1).into_iter().collect();
            versions.push(Version { doc: Arc::new(Document::parse(path, bytes)?), parents });
            whens.push(When { commit: None, path: path.to_owned() });
        }
    }
    cx.check()?;
    Ok(Past { stories: stories(&versions), versions: whens })
}

/// Asks for the past if it is shown and not that of the comparison in front.
pub(super) fn want(review: &mut State) -> Vec<Effect> {
    let told = &mut review.told;
    if !told.blame && told.cell.is_none() {
        return Vec::new();
    }
    let Some(shown) = review.shown.as_ref().filter(|s| matches!(s.diff.shape, FileShape::Notebook(_))) else {
        return Vec::new();
    };
    let of = (shown.path.clone(), review.compare.clone());
    if told.of.as_ref() == Some(&of) && told.revision == shown.revision {
        return Vec::new();
    }
    if told.of.as_ref() != Some(&of) {
        told.past = None;
    }
    told.error = None;
    told.revision = shown.revision;
    let task = super::Task::Past { path: of.0.clone(), rev: of.1.clone() };
    told.of = Some(of);
    vec![Job::cpu("review.past", task).titled("Reading the history of cells").start()]
}

/// Shows or hides who wrote each line.
pub(super) fn toggle_blame(review: &mut State) -> Vec<Effect> {
    let is_book = matches!(review.shown.as_ref().map(|s| &s.diff.shape), Some(FileShape::Notebook(_)));
    if !is_book && !review.told.blame {
        let error = Error::user("Who wrote each line is known for the cells of notebooks").hint("Choose a notebook");
        return vec![Effect::Notice(Notice::error(&error))];
    }
    review.told.blame = !review.told.blame;
    want(review)
}

/// Shows the history of the cell of a row; of none it is closed.
pub(super) fn tell(review: &mut State, row: Option<usize>) -> Vec<Effect> {
    let Some(row) = row else {
        review.told.cell = None;
        return Vec::new();
    };
    let Some(FileShape::Notebook(book)) = review.shown.as_ref().map(|s| &s.diff.shape) else { return Vec::new() };
    let Some(cell) = book.cells.get(row).and_then(|c| c.new) else {
        let error = Error::user("This cell was removed, so it has no history on this side")
            .hint("Exchange the sides to see where it comes from");
        return vec![Effect::Notice(Notice::error(&error))];
    };
    let title = book.new.cells.get(cell).map_or(String::new(), |c| c.title().to_owned());
    review.told.cell = Some((cell, title));
    want(review)
}

/// The past arrived.
pub(super) fn arrived(review: &mut State, path: String, rev: Rev, result: Result<Past>) {
    let told = &mut review.told;
    if told.of.as_ref() != Some(&(path, rev)) {
        return;
    }
    match result {
        Ok(past) => told.past = Some(Arc::new(past)),
        Err(e) if e.is_cancelled() => told.of = None,
        Err(e) => told.error = Some(e),
    }
}

/// Compares a version with the one before it, with the cell whose history is shown in front.
pub(super) fn compare(state: &mut AppState, version: &When) -> Vec<Effect> {
    let review = &mut state.review;
    let (base, side) = match &version.commit {
        Some(c) => (c.parents.first().map_or(Rev::Empty, |p| Rev::At(p.clone())), Rev::At(c.id.clone())),
        None => (Rev::head(), Rev::WorkingTree),
    };
    if let (Some((cell, _)), Some(FileShape::Notebook(book))) =
        (&review.told.cell, review.shown.as_ref().map(|s| &s.diff.shape))
    {
        review.told.seek = CellAnchor::of(&book.new, *cell).map(|anchor| (version.path.clone(), anchor));
    }
    super::show(state, base, side, Some(version.path.clone()))
}

impl Told {
    /// Remembers to bring a cell to the front once the comparison of its file is there.
    pub(super) fn seek(&mut self, path: &str, cell: Option<CellAnchor>) {
        self.seek = cell.map(|cell| (path.to_owned(), cell));
    }
}

/// A comparison is there: the cell that was asked for comes to the front, and the history follows its cell.
pub(super) fn compared(review: &mut State) -> Vec<Effect> {
    let Some(shown) = review.shown.clone() else { return Vec::new() };
    let FileShape::Notebook(book) = &shown.diff.shape else {
        review.told.cell = None;
        return Vec::new();
    };
    match review.told.seek.take() {
        Some((path, anchor)) if path == shown.path => found(review, book, &anchor),
        other => review.told.seek = other,
    }
    // Of another file, or of a cell that is elsewhere now, nothing is told under a wrong name.
    if let Some((cell, title)) = &review.told.cell
        && book.new.cells.get(*cell).is_none_or(|c| c.title() != title)
    {
        let moved = book.new.cells.iter().position(|c| c.title() == title);
        review.told.cell = moved.map(|at| (at, title.clone()));
    }
    want(review)
}

fn found(review: &mut State, book: &NotebookDiff, anchor: &CellAnchor) {
    let row = match anchor.find(&book.new, None).cell() {
        Some(at) => book.cells.iter().position(|c| c.new == Some(at)),
        None => anchor.find(&book.old, None).cell().and_then(|at| book.cells.iter().position(|c| c.old == Some(at))),
    };
    let Some(row) = row else { return };
    let title = book.cells.get(row).and_then(|c| book.new_cell(c).map(|v| (c.new, v.title().to_owned())));
    if let (Some(_), Some((Some(cell), title))) = (&review.told.cell, title) {
        review.told.cell = Some((cell, title));
    }
    let changes = review.changes();
    let near = changes.iter().position(|c| *c == row).or_else(|| changes.iter().position(|c| *c > row));
    review.focus = near.unwrap_or(0);
    review.told.led += 1;
}

/// What the palette offers.
pub(super) fn actions(state: &AppState, all: &mut Vec<Action>) {
    let review = &state.review;
    let is_book = matches!(review.shown.as_ref().map(|s| &s.diff.shape), Some(FileShape::Notebook(_)));
    if state.shell.page != Page::Review || !is_book {
        return;
    }
    let title = if review.told.blame { "Hide who wrote each line" } else { "Show who wrote each line" };
    all.push(Action::new("Review", title, super::Command::ToggleBlame).icon("user").key("B"));
    let row = review.focused_row();
    let history = Action::new("Review", "Show the history of the cell", super::Command::TellCell(row));
    all.push(history.icon("history").key("H").only_if(row.is_some(), "no change is in front"));
}

//! The stored runs of one notebook beside each other, cell by cell.
use std::sync::Arc;

use jiff::Timestamp;

use super::State;
use crate::{
    app::{AppState, Effect, Env, Job, action::Action, notify::Notice, shell::Page},
    base::{Error, Result, fsx, ids::RunId, job::JobCtx},
    engine::{sides::executed, store::RunQuery, workspace::diff_rules},
    model::{
        diff::{Document, Rules, is_notebook},
        git::Rev,
        matrix::{self, Matrix},
        review::CellAnchor,
        run::{Run, RunState},
    },
};

/// Runs that are put beside each other.
pub const RUNS: usize = 40;
/// Runs that are looked through for them.
const LOOKED: usize = 2_000;
/// Together they take no more than this.
const BYTES: u64 = 400_000_000;

/// A stored run of the notebook.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub run: RunId,
    /// `nightly_flights #412`.
    pub name: String,
    pub number: u64,
    pub at: Timestamp,
    pub state: RunState,
    /// Workspace path of the executed copy.
    pub copy: String,
}

/// Cells by runs, oldest run first.
#[derive(Debug, Clone)]
pub struct Grid {
    pub path: String,
    pub columns: Vec<Column>,
    pub matrix: Matrix,
    docs: Vec<Arc<Document>>,
    /// Older runs that are stored and not shown.
    pub older: usize,
}

/// What the page shows of runs.
#[derive(Debug, Default)]
pub struct Runs {
    /// The runs are shown instead of the comparison.
    pub open: bool,
    pub path: Option<String>,
    pub grid: Option<Arc<Grid>>,
    pub error: Option<Error>,
    pub loading: bool,
}

/// The executed copies of a notebook, newest first.
fn copies(runs: &[Run], path: &str) -> Vec<Column> {
    let column = |run: &Run| {
        Some(Column {
            run: run.id.clone(),
            name: format!("{} #{}", run.pipeline, run.number),
            number: run.number,
            at: run.started_at.unwrap_or(run.queued_at),
            state: run.state,
            copy: executed(run).remove(path)?,
        })
    };
    runs.iter().filter_map(column).collect()
}

/// Reads the stored runs of a notebook and compares each with the one before.
pub fn read(env: &Env, path: &str, cx: &JobCtx) -> Result<Grid> {
    let root = env.root()?;
    let store = env.runs.store(&root)?;
    let all = copies(&store.runs(&RunQuery { limit: Some(LOOKED), ..RunQuery::default() })?, path);
    let (mut columns, mut docs, mut bytes) = (Vec::new(), Vec::new(), 0);
    let found = all.len();
    for column in all {
        cx.check()?;
        if columns.len() >= RUNS || bytes > BYTES {
            break;
        }
        // Somebody may have cleaned up; what is there is shown.
        let Ok(text) = fsx::inside(&root, &column.copy).and_then(|full| fsx::read(&full)) else { continue };
        bytes += text.len() as u64;
        let Ok(doc) = Document::parse(&column.copy, text) else { continue };
        docs.push(Arc::new(doc));
        columns.push(column);
    }
    let older = found - columns.len();
    columns.reverse();
    docs.reverse();
    let rules = diff_rules(&root).unwrap_or_default();
    cx.check()?;
    Ok(Grid { older, ..Grid::new(path, columns, docs, &rules) })
}

impl Grid {
    /// Compares what the runs of a notebook kept, oldest first.
    pub fn new(path: &str, columns: Vec<Column>, docs: Vec<Arc<Document>>, rules: &Rules) -> Self {
        Self { path: path.to_owned(), columns, matrix: matrix::build(&docs, rules), docs, older: 0 }
    }
}

/// Shows the runs of the notebook in front, or the comparison again.
pub(super) fn toggle(review: &mut State, on: bool) -> Vec<Effect> {
    review.runs.open = on;
    if !on {
        return Vec::new();
    }
    let Some(path) = review.path.clone().filter(|p| is_notebook(p)) else {
        review.runs.open = false;
        let error = Error::user("Only notebooks have cells to compare by runs").hint("Choose a notebook at the left");
        return vec![Effect::Notice(Notice::error(&error))];
    };
    load(review, path)
}

fn load(review: &mut State, path: String) -> Vec<Effect> {
    let runs = &mut review.runs;
    if runs.path.as_ref() != Some(&path) {
        runs.grid = None;
    }
    runs.error = None;
    runs.loading = true;
    runs.path = Some(path.clone());
    vec![Job::cpu("review.runs", super::Task::Runs { path }).titled("Comparing runs").start()]
}

/// Another file came to the front, or a run ended: what is shown is read again.
pub(super) fn follow(review: &mut State) -> Vec<Effect> {
    if !review.runs.open {
        return Vec::new();
    }
    match review.path.clone().filter(|p| is_notebook(p)) {
        Some(path) => load(review, path),
        None => {
            review.runs.open = false;
            Vec::new()
        }
    }
}

/// The runs arrived.
pub(super) fn arrived(review: &mut State, path: &str, result: Result<Grid>) {
    let runs = &mut review.runs;
    if runs.path.as_deref() != Some(path) {
        return;
    }
    runs.loading = false;
    match result {
        Ok(grid) => runs.grid = Some(Arc::new(grid)),
        Err(e) if e.is_cancelled() => {}
        Err(e) => runs.error = Some(e),
    }
}

/// Compares a run with the one before it, with one cell in front.
pub(super) fn compare(state: &mut AppState, run: usize, row: usize) -> Vec<Effect> {
    let review = &mut state.review;
    let Some(grid) = review.runs.grid.clone() else { return Vec::new() };
    let Some(column) = grid.columns.get(run) else { return Vec::new() };
    let before = run.checked_sub(1).and_then(|n| grid.columns.get(n));
    let side = |c: &Column| Rev::of_run(&c.run.0);
    let anchor = |run: usize| {
        let at = grid.matrix.rows.get(row)?.at.get(run).copied().flatten()?;
        CellAnchor::of(grid.docs.get(run)?, at)
    };
    // A cell that is gone is looked for where it was.
    let cell = anchor(run).or_else(|| anchor(run.checked_sub(1)?));
    review.told.seek(&grid.path, cell);
    review.runs.open = false;
    let base = before.map_or(Rev::Empty, side);
    super::show(state, base, side(column), Some(grid.path.clone()))
}

/// What the palette offers.
pub(super) fn actions(state: &AppState, all: &mut Vec<Action>) {
    let review = &state.review;
    if state.shell.page == Page::Review && review.path.as_deref().is_some_and(is_notebook) {
        let title =
            if review.runs.open { "Back to the comparison" } else { "Compare the cells of this notebook by runs" };
        let command = super::Command::ShowRuns(!review.runs.open);
        all.push(Action::new("Review", title, command).icon("layout-grid").key("M"));
    }
}

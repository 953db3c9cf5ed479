//! The rows of a suite, and what is read from them for people.
use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use jiff::Timestamp;
use polars::prelude::*;

use crate::{
    base::{Error, Result, error::Context, fsx, job::JobCtx},
    engine::{frames, sql},
    model::quality::Suite,
};

/// The rows of a suite, filtered, not read yet.
pub(super) struct Rows {
    frame: LazyFrame,
    pub schema: SchemaRef,
    /// A column that turned out not to hold what was guessed.
    misfit: Mutex<Option<String>>,
}

/// Another table, for look-ups.
pub(super) struct Other {
    pub frame: LazyFrame,
    pub schema: SchemaRef,
}

impl Rows {
    /// Opens the file, glob or folder and applies the filter.
    pub(super) fn open(root: &Path, suite: &Suite, as_text: &[String], cx: &JobCtx) -> Result<Self> {
        let Other { frame, schema } = scan_with(root, &suite.data, as_text, cx)?;
        let misfit = Mutex::default();
        let Some(filter) = &suite.filter else { return Ok(Self { frame, schema, misfit }) };
        let unreadable = |e: &PolarsError| {
            frames::explain(&format!("The condition where = {filter:?} of {} cannot be applied", suite.path), e)
        };
        let condition = polars::sql::sql_expr(filter).map_err(|e| unreadable(&e))?;
        let mut filtered = frame.filter(condition);
        filtered.collect_schema().map_err(|e| unreadable(&e))?;
        Ok(Self { frame: filtered, schema, misfit })
    }
    /// A lazy view of the rows.
    pub(super) fn frame(&self) -> LazyFrame {
        self.frame.clone()
    }
    /// The number of rows as an expression: a sum over a column, since a bare count of several files held in memory
    /// breaks the engine off (polars 0.55: no sum of UInt128).
    pub(super) fn rows(&self) -> Expr {
        let Some(name) = self.schema.iter_names().next() else { return len() };
        let ones = |e: Expr| e.cast(DataType::UInt64).sum();
        ones(col(name.clone()).is_null()) + ones(col(name.clone()).is_not_null())
    }
    /// Reads; a cancelled job comes back at once.
    pub(super) fn collect(&self, lf: LazyFrame, cx: &JobCtx) -> Result<DataFrame> {
        frames::collect(lf, cx).map_err(|e| {
            if let frames::Fail::Engine(error) = &e
                && let Some(column) = frames::misfit_column(error)
            {
                *self.misfit.lock().unwrap_or_else(PoisonError::into_inner) = Some(column);
            }
            e.into_error("The check cannot be evaluated")
        })
    }
    /// The column whose values did not fit the type guessed from the head of the file.
    pub(super) fn misfit(&self) -> Option<String> {
        self.misfit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Opens a table below the workspace by its workspace path; a glob or a folder is one table.
pub(super) fn scan(root: &Path, path: &str, cx: &JobCtx) -> Result<Other> {
    scan_with(root, path, &[], cx)
}

fn scan_with(root: &Path, path: &str, as_text: &[String], cx: &JobCtx) -> Result<Other> {
    cx.check()?;
    let full = fsx::inside(root, path)?;
    let mut overrides = frames::Overrides::default();
    if !as_text.is_empty() {
        overrides.extend(frames::expand(&full)?.into_iter().map(|file| (file, as_text.to_vec())));
    }
    let mut frame = frames::scan(&full, &overrides).map_err(|e| in_words(root, path, e))?.lf;
    let schema = frame.collect_schema().map_err(|e| frames::explain(&format!("Could not read {path}"), &e))?;
    Ok(Other { frame, schema })
}

/// A missing file named as the check file names it, with files that may have been meant.
fn in_words(root: &Path, path: &str, error: Error) -> Error {
    if path.contains(['*', '?']) || root.join(path).exists() {
        return error;
    }
    let near = frames::nearest_files(root, path);
    let error = Error::user(format!("There is no file {path}"));
    match near.first() {
        Some(near) => error.hint(format!("Did you mean {near}?")),
        None => error.hint("The task that writes it may not have run yet"),
    }
}

/// When a file was last written; the newest of several.
pub(super) fn modified(root: &Path, path: &str) -> Result<Timestamp> {
    let files = frames::expand(&fsx::inside(root, path)?)?;
    let mut newest = SystemTime::UNIX_EPOCH;
    for file in files {
        let time =
            fs::metadata(&file).and_then(|m| m.modified()).io(|| format!("Could not read {}", file.display()))?;
        newest = newest.max(time);
    }
    Timestamp::try_from(newest).io(|| format!("{path} has no usable time of its last change"))
}

/// How many rows a query returns, and the first of them in words.
pub(super) fn query(root: &Path, text: &str, examples: usize, cx: &JobCtx) -> Result<(u64, Vec<String>)> {
    let frame = sql::Session::new(root).query(text, cx)?;
    let names: Vec<String> = frame.columns().iter().map(|c| c.name.clone()).collect();
    let rows = frame.page(0, examples)?.rows;
    let words = |row: &Vec<crate::model::table::Cell>| {
        let pairs: Vec<String> = names.iter().zip(row).take(8).map(|(n, c)| format!("{n}={}", c.plain())).collect();
        pairs.join(", ")
    };
    Ok((frame.rows(), rows.iter().map(words).collect()))
}

/// Distinct rows of a small frame in words, in their order.
pub(super) fn examples(frame: &DataFrame, most: usize) -> Vec<String> {
    let columns = frames::columns_of(frame.schema());
    let page = frames::page_of(frame, &columns, 0, frame.height() as u64);
    let mut out: Vec<String> = Vec::new();
    for row in &page.rows {
        let words = row.iter().map(|c| c.plain()).collect::<Vec<_>>().join(", ");
        if !out.contains(&words) {
            out.push(words);
        }
        if out.len() == most {
            break;
        }
    }
    out
}

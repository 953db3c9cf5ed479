//! A table the data page browses: pages at any row, sorting and filtering through an index, never the whole table
//! in memory.
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock, TryLockError},
    time::Duration,
};

use polars::prelude::*;

use super::{
    Collected, Fail, Overrides, Scan, cells, chart, exec,
    rowstore::RowStore,
    scan::{self, misfit_column},
    spec,
};
use crate::{
    base::{Result, job::JobCtx},
    engine::sql::Frame,
    model::table::{
        Column, Page, ViewSpec,
        chart::{Chart, ChartSpec},
        finding::Leader,
    },
};

/// Tables with at most this many cells are taken into memory when they are first sorted or filtered.
const MEMORY_CELLS: u64 = if cfg!(test) { 300_000 } else { 8_000_000 };
const ROW: &str = "__andon_row";

/// An opened table. Clones share it.
#[derive(Clone)]
pub struct Source {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    state: RwLock<State>,
    /// Built by the first sort of a large table; the lock keeps two jobs from building it twice.
    store: Mutex<Option<Arc<RowStore>>>,
}

struct State {
    scan: Scan,
    schema: SchemaRef,
    columns: Arc<[Column]>,
    overrides: Overrides,
    /// A Parquet copy of a format that cannot be read from the middle; deleted with the source.
    copy: Option<Arc<tempfile::TempPath>>,
}

impl State {
    fn of(mut scan: Scan, overrides: Overrides) -> Result<Self, Fail> {
        let schema = scan.lf.collect_schema()?;
        let columns = cells::columns_of(&schema);
        Ok(Self { scan, schema, columns, overrides, copy: None })
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let scan = scan::scan(path, &Overrides::new())?;
        Self::of(path.to_path_buf(), scan)
    }

    /// A query's result as a table to browse.
    pub fn of_frame(frame: &Frame) -> Result<Self> {
        let scan = Scan {
            lf: frame.lazy(),
            files: Vec::new(),
            notes: frame.notes().to_vec(),
            frame: frame.in_memory().cloned(),
            rows: Some(frame.rows()),
            slow_seek: false,
        };
        Self::of(PathBuf::new(), scan)
    }

    fn of(path: PathBuf, scan: Scan) -> Result<Self> {
        let what = format!("Could not read {}", path.display());
        let state = State::of(scan, Overrides::new()).map_err(|e| e.into_error(&what))?;
        Ok(Self { inner: Arc::new(Inner { path, state: RwLock::new(state), store: Mutex::new(None) }) })
    }

    fn state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.inner.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was opened; empty for a result.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }
    /// Columns in file order. They can change once when a guessed type turns out wrong further down a large CSV.
    pub fn columns(&self) -> Arc<[Column]> {
        self.state(|s| s.columns.clone())
    }
    /// The exact number of rows if it is known: at once for Parquet and for small files, after [`Source::count`] or
    /// [`Source::prepare`] for the others.
    pub fn rows(&self) -> Option<u64> {
        self.state(|s| s.scan.rows)
    }
    /// What was unusual about the file, for showing.
    pub fn notes(&self) -> Vec<String> {
        self.state(|s| s.scan.notes.clone())
    }
    /// True when pages deep in the table are slow until [`Source::prepare`] has run.
    pub fn needs_prepare(&self) -> bool {
        self.state(|s| s.scan.slow_seek && s.scan.frame.is_none())
    }
    pub(crate) fn lazy(&self) -> LazyFrame {
        self.state(|s| s.scan.lf.clone())
    }
    pub(crate) fn schema(&self) -> SchemaRef {
        self.state(|s| s.schema.clone())
    }
    fn memory(&self) -> Option<DataFrame> {
        self.state(|s| s.scan.frame.clone())
    }
    fn what(&self) -> String {
        format!("Could not read {}", self.inner.path.display())
    }

    /// Runs a query over the table; when a value does not fit the guessed type of its column, that column becomes
    /// text and the query runs again.
    fn retrying<T>(&self, run: impl Fn(LazyFrame) -> Result<T, Fail>) -> Result<T> {
        loop {
            let error = match run(self.lazy()) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Fail::Engine(engine) = &error else { return Err(error.into_error(&self.what())) };
            let Some(column) = misfit_column(engine) else { return Err(error.into_error(&self.what())) };
            if !self.read_as_text(column)? {
                return Err(error.into_error(&self.what()));
            }
        }
    }

    fn read_as_text(&self, column: String) -> Result<bool> {
        let mut state = self.inner.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut overrides = state.overrides.clone();
        for file in &state.scan.files {
            let known = overrides.entry(file.clone()).or_default();
            if known.contains(&column) {
                return Ok(false);
            }
            known.push(column.clone());
        }
        let scan = scan::scan(&self.inner.path, &overrides)?;
        *state = State::of(scan, overrides).map_err(|e| e.into_error("Could not read the file again"))?;
        Ok(true)
    }

    /// The exact number of rows, counted if need be.
    pub fn count(&self, cx: &JobCtx) -> Result<u64> {
        if let Some(rows) = self.rows() {
            return Ok(rows);
        }
        let counted = self.retrying(|lf| exec::collect(lf.select([len()]), cx))?;
        let rows = counted.columns().first().and_then(|c| c.get(0).ok()).and_then(|v| v.extract::<u64>()).unwrap_or(0);
        self.inner.state.write().unwrap_or_else(PoisonError::into_inner).scan.rows = Some(rows);
        Ok(rows)
    }

    /// Makes every page fast: a format that can only be read from the start is copied to a temporary Parquet file.
    pub fn prepare(&self, cx: &JobCtx) -> Result<()> {
        if !self.needs_prepare() {
            return Ok(());
        }
        cx.progress(None, "Reading the whole file once");
        let collected = self.retrying(|lf| exec::collect_bounded(lf, cx))?;
        let mut state = self.inner.state.write().unwrap_or_else(PoisonError::into_inner);
        match collected {
            Collected::Memory(frame) => {
                state.scan.rows = Some(frame.height() as u64);
                state.scan.lf = frame.clone().lazy();
                state.scan.frame = Some(frame);
            }
            Collected::Spilled { file, rows } => {
                let copy = scan::scan(&file, &Overrides::new())?;
                state.scan.lf = copy.lf;
                state.scan.rows = Some(rows);
                state.scan.slow_seek = false;
                state.copy = Some(Arc::new(file));
            }
        }
        Ok(())
    }

    /// Rows `first` to `first + count` in file order. `total_rows` is what is known to be there when the format
    /// does not say.
    pub fn page(&self, first: u64, count: usize, cx: &JobCtx) -> Result<Page> {
        let slice = match self.memory() {
            Some(frame) => frame.slice(first as i64, count),
            None => self.retrying(|lf| exec::collect(lf.slice(first as i64, count as IdxSize), cx))?,
        };
        let seen = first + slice.height() as u64;
        let total = match self.rows() {
            Some(rows) => rows,
            None if slice.height() < count => seen,
            None => seen + 1,
        };
        Ok(cells::page_of(&slice, &self.columns(), first, total))
    }

    /// The table filtered and sorted; missing values last.
    pub fn view(&self, spec: &ViewSpec, cx: &JobCtx) -> Result<View> {
        let view = |kind, rows| View { source: self.clone(), kind, rows };
        if spec.is_plain() {
            return Ok(view(Rows::All, self.count(cx)?));
        }
        let rows = self.count(cx)?;
        if self.memory().is_none() && rows.saturating_mul(self.columns().len() as u64) <= MEMORY_CELLS {
            let frame = self.retrying(|lf| exec::collect(lf, cx))?;
            self.inner.state.write().unwrap_or_else(PoisonError::into_inner).scan.frame = Some(frame);
        }
        let schema = self.schema();
        let condition = spec::predicate(spec, &schema)?;
        let (keys, options) = spec::order(&spec.sort, &schema)?;
        if let Some(frame) = self.memory() {
            let mut lf = frame.lazy();
            if let Some(condition) = condition {
                lf = lf.filter(condition);
            }
            if !keys.is_empty() {
                lf = lf.sort_by_exprs(keys, options);
            }
            let frame = exec::collect(lf, cx).map_err(|e| e.into_error(&self.what()))?;
            let rows = frame.height() as u64;
            return Ok(view(Rows::Frame(frame), rows));
        }
        let index = self.index(condition, keys, options, cx)?;
        let rows = index.len() as u64;
        Ok(view(Rows::Index { rows: index, sorted: !spec.sort.is_empty() }, rows))
    }

    /// Row numbers in the order of the view: only the columns it names are read.
    fn index(
        &self,
        condition: Option<Expr>,
        keys: Vec<Expr>,
        options: SortMultipleOptions,
        cx: &JobCtx,
    ) -> Result<Arc<[u32]>> {
        cx.progress(None, if keys.is_empty() { "Filtering" } else { "Sorting" });
        let frame = self.retrying(|lf| {
            let mut lf = lf.with_row_index(ROW, None);
            if let Some(condition) = condition.clone() {
                lf = lf.filter(condition);
            }
            if !keys.is_empty() {
                lf = lf.sort_by_exprs(keys.clone(), options.clone());
            }
            exec::collect(lf.select([col(ROW)]), cx)
        })?;
        let rows = frame.column(ROW).and_then(|c| c.u32().map(|ca| ca.into_no_null_iter().collect::<Arc<[u32]>>()));
        rows.map_err(|e| exec::explain(&self.what(), &e))
    }

    fn store(&self, cx: &JobCtx) -> Result<Arc<RowStore>> {
        // Another job may be building it; waiting must end when this one is cancelled.
        let mut slot = loop {
            cx.check()?;
            match self.inner.store.try_lock() {
                Ok(slot) => break slot,
                Err(TryLockError::Poisoned(slot)) => break slot.into_inner(),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        if let Some(store) = &*slot {
            return Ok(store.clone());
        }
        let rows = self.count(cx)?;
        let store = Arc::new(RowStore::build(self.lazy(), self.columns().len(), rows, cx)?);
        *slot = Some(store.clone());
        Ok(store)
    }

    fn has_store(&self) -> bool {
        self.inner.store.try_lock().is_ok_and(|s| s.is_some())
    }
}

enum Rows {
    All,
    Frame(DataFrame),
    Index { rows: Arc<[u32]>, sorted: bool },
}

/// A filtered and sorted table.
pub struct View {
    source: Source,
    kind: Rows,
    rows: u64,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl View {
    /// Rows that are left.
    pub fn rows(&self) -> u64 {
        self.rows
    }
    /// The table below.
    pub fn source(&self) -> &Source {
        &self.source
    }
    /// The table for profiles: only the rows that are left, in any order.
    pub(crate) fn lazy(&self) -> LazyFrame {
        match &self.kind {
            Rows::All => self.source.lazy(),
            Rows::Frame(frame) => frame.clone().lazy(),
            Rows::Index { rows, .. } => {
                let mut wanted: Vec<u32> = rows.to_vec();
                wanted.sort_unstable();
                let wanted = Series::new(PlSmallStr::from_static(ROW), wanted);
                let rows = DataFrame::new(wanted.len(), vec![wanted.into()]).unwrap_or_default().lazy();
                let all = self.source.lazy().with_row_index(ROW, None);
                let args = JoinArgs::new(JoinType::Semi);
                all.join(rows, [col(ROW)], [col(ROW)], args).drop(by_name([ROW], true, false))
            }
        }
    }

    /// True when pages are slow until [`View::prepare`] has run.
    pub fn needs_prepare(&self) -> bool {
        matches!(self.kind, Rows::Index { .. }) && !self.source.has_store()
    }
    /// Makes every page of this and later views of the table quick: a temporary copy by rows, with progress.
    pub fn prepare(&self, cx: &JobCtx) -> Result<()> {
        if self.needs_prepare() { self.source.store(cx).map(|_| ()) } else { Ok(()) }
    }
    /// The first rows, without waiting for [`View::prepare`]: one pass over the table.
    pub fn first_page(&self, count: usize, cx: &JobCtx) -> Result<Page> {
        let Rows::Index { rows, sorted: true } = &self.kind else { return self.page(0, count, cx) };
        if self.source.has_store() {
            return self.page(0, count, cx);
        }
        let wanted = &rows[..count.min(rows.len())];
        let rows = self.gather_far(wanted, cx)?;
        Ok(Page { columns: self.source.columns(), first_row: 0, rows, total_rows: self.rows })
    }

    /// Rows anywhere in the file: one pass that keeps them, then their order.
    fn gather_far(&self, wanted: &[u32], cx: &JobCtx) -> Result<Vec<Vec<crate::model::table::Cell>>> {
        let order = |frame: &DataFrame| -> PolarsResult<DataFrame> {
            let found: Vec<u32> = frame.column(ROW)?.u32()?.into_no_null_iter().collect();
            let at = |row: &u32| found.binary_search(row).ok().map(|i| i as IdxSize);
            let picks: IdxCa = wanted.iter().map(at).collect();
            frame.drop(ROW)?.take(&picks)
        };
        let mut sorted = wanted.to_vec();
        sorted.sort_unstable();
        let keep = Series::new(PlSmallStr::from_static(ROW), sorted);
        let what = || self.source.what();
        let keep = DataFrame::new(keep.len(), vec![keep.into()]).map_err(|e| exec::explain(&what(), &e))?.lazy();
        let found = self.source.retrying(|lf| {
            let args = JoinArgs::new(JoinType::Semi);
            let all = lf.with_row_index(ROW, None).join(keep.clone(), [col(ROW)], [col(ROW)], args);
            exec::collect(all.sort([ROW], SortMultipleOptions::default()), cx)
        })?;
        let rows = order(&found).map_err(|e| exec::explain(&what(), &e))?;
        Ok(cells::page_of(&rows, &self.source.columns(), 0, 0).rows)
    }

    /// A page of the view. The first page of a sorted large table makes a temporary copy by rows and reports
    /// progress; after that any page is quick.
    pub fn page(&self, first: u64, count: usize, cx: &JobCtx) -> Result<Page> {
        let columns = self.source.columns();
        match &self.kind {
            Rows::All => self.source.page(first, count, cx),
            Rows::Frame(frame) => {
                let slice = frame.slice(i64::try_from(first).unwrap_or(i64::MAX), count);
                Ok(cells::page_of(&slice, &columns, first, self.rows))
            }
            Rows::Index { rows, sorted } => {
                let from = usize::try_from(first).unwrap_or(usize::MAX).min(rows.len());
                let wanted = &rows[from..(from + count).min(rows.len())];
                let near = !sorted && wanted.first().zip(wanted.last()).is_some_and(|(a, b)| b - a < 100_000);
                let rows = if near && !self.source.has_store() {
                    self.gather_near(wanted, cx)?
                } else {
                    self.source.store(cx)?.rows(wanted)?
                };
                Ok(Page { columns, first_row: first, rows, total_rows: self.rows })
            }
        }
    }

    /// Rows that lie close together in the file: one slice, then pick.
    fn gather_near(&self, wanted: &[u32], cx: &JobCtx) -> Result<Vec<Vec<crate::model::table::Cell>>> {
        let (Some(low), Some(high)) = (wanted.first(), wanted.last()) else { return Ok(Vec::new()) };
        let (low, span) = (*low, high - low + 1);
        let slice = self.source.retrying(|lf| exec::collect(lf.slice(i64::from(low), span), cx))?;
        let picks: IdxCa = wanted.iter().map(|r| Some(r - low)).collect();
        let rows = slice.take(&picks).map_err(|e| exec::explain(&self.source.what(), &e))?;
        Ok(cells::page_of(&rows, &self.source.columns(), 0, 0).rows)
    }

    /// Points of a chart over the rows that are left.
    pub fn chart(&self, spec: &ChartSpec, cx: &JobCtx) -> Result<Chart> {
        chart::chart(&self.lazy(), &self.source.columns(), spec, cx)
    }
    /// The most frequent value of each of these columns, with how many of the rows left have it.
    pub fn leaders(&self, columns: &[String], cx: &JobCtx) -> Result<Vec<Leader>> {
        let found = chart::leaders(&self.lazy(), columns, cx)?;
        Ok(found.into_iter().map(|(column, value, rows)| Leader { column, value, rows }).collect())
    }

    /// Writes the whole view to a file, by the ending of its name.
    pub fn write(&self, path: &Path, cx: &JobCtx) -> Result<u64> {
        let frame = match &self.kind {
            Rows::Frame(frame) => frame.clone(),
            Rows::All => self.source.retrying(|lf| exec::collect(lf, cx))?,
            Rows::Index { rows, .. } => {
                let all = self.source.retrying(|lf| exec::collect(lf, cx))?;
                let picks: IdxCa = rows.iter().map(|r| Some(*r)).collect();
                all.take(&picks).map_err(|e| exec::explain("Could not export the rows", &e))?
            }
        };
        cx.check()?;
        super::write_frame(&frame, path)?;
        Ok(frame.height() as u64)
    }
}

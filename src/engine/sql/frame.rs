//! The result of a query.
use std::{path::Path, sync::Arc};

use polars::prelude::{DataFrame, IdxSize, IntoLazy, LazyFrame};

use crate::{
    base::Result,
    engine::frames::{self, Collected, Overrides},
    model::table::{Column, Page},
};

/// A result; clones share it. Small ones are in memory, large ones in a temporary file that goes with the last clone.
#[derive(Clone)]
pub struct Frame {
    inner: Arc<Inner>,
}

struct Inner {
    table: Table,
    columns: Arc<[Column]>,
    rows: u64,
    notes: Vec<String>,
    elapsed_ms: u64,
}

enum Table {
    Memory(DataFrame),
    File { lf: LazyFrame, file: tempfile::TempPath },
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame").field("rows", &self.inner.rows).field("columns", &self.inner.columns.len()).finish()
    }
}

impl Frame {
    pub(crate) fn of(frame: DataFrame) -> Self {
        Self::in_memory_with(frame, Vec::new(), 0)
    }

    fn in_memory_with(frame: DataFrame, notes: Vec<String>, elapsed_ms: u64) -> Self {
        let columns = frames::columns_of(frame.schema());
        let rows = frame.height() as u64;
        Self { inner: Arc::new(Inner { table: Table::Memory(frame), columns, rows, notes, elapsed_ms }) }
    }

    pub(super) fn collected(collected: Collected, notes: Vec<String>, elapsed_ms: u64) -> Result<Self> {
        match collected {
            Collected::Memory(frame) => Ok(Self::in_memory_with(frame, notes, elapsed_ms)),
            Collected::Spilled { file, rows } => {
                let mut scan = frames::scan(&file, &Overrides::new())?;
                let schema =
                    scan.lf.collect_schema().map_err(|e| frames::explain("Could not read the result back", &e))?;
                let columns = frames::columns_of(&schema);
                let table = Table::File { lf: scan.lf, file };
                Ok(Self { inner: Arc::new(Inner { table, columns, rows, notes, elapsed_ms }) })
            }
        }
    }

    /// A result of text columns, for tests of what takes frames and for answers such as DESCRIBE.
    pub fn of_text(names: &[&str], rows: &[Vec<String>]) -> Result<Self> {
        use polars::prelude::{Column as C, NamedFrom, Series};
        let column = |(i, name): (usize, &&str)| {
            let values: Vec<Option<&str>> = rows.iter().map(|r| r.get(i).map(String::as_str)).collect();
            C::from(Series::new((*name).into(), values))
        };
        let columns = names.iter().enumerate().map(column).collect();
        let frame =
            DataFrame::new(rows.len(), columns).map_err(|e| frames::explain("Could not build the table", &e))?;
        Ok(Self::of(frame))
    }

    /// The table in a file of any format, which goes with the last clone.
    pub fn read(file: tempfile::TempPath) -> Result<Self> {
        let mut scan = frames::scan(&file, &Overrides::new())?;
        let what = "Could not read a data frame";
        let schema = scan.lf.collect_schema().map_err(|e| frames::explain(what, &e))?;
        let columns = frames::columns_of(&schema);
        let rows = match scan.rows {
            Some(rows) => rows,
            None => {
                let counted = frames::stream(scan.lf.clone().select([polars::prelude::len()]));
                let counted = counted.map_err(|e| e.into_error(what))?;
                let value = counted.columns().first().and_then(|c| c.get(0).ok()).and_then(|v| v.extract::<u64>());
                value.unwrap_or(0)
            }
        };
        let table = Table::File { lf: scan.lf, file };
        Ok(Self { inner: Arc::new(Inner { table, columns, rows, notes: scan.notes, elapsed_ms: 0 }) })
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.inner.rows
    }
    /// Columns in order.
    pub fn columns(&self) -> Arc<[Column]> {
        self.inner.columns.clone()
    }
    /// What was unusual about the files read, for showing below the result.
    pub fn notes(&self) -> &[String] {
        &self.inner.notes
    }
    /// How long the query took.
    pub fn elapsed_ms(&self) -> u64 {
        self.inner.elapsed_ms
    }
    /// Rows `first` to `first + count`, fewer at the end.
    pub fn page(&self, first: u64, count: usize) -> Result<Page> {
        let slice = match &self.inner.table {
            Table::Memory(frame) => frame.slice(i64::try_from(first).unwrap_or(i64::MAX), count),
            Table::File { lf, .. } => {
                let lf = lf.clone().slice(i64::try_from(first).unwrap_or(i64::MAX), count as IdxSize);
                frames::stream(lf).map_err(|e| e.into_error("Could not read the result back"))?
            }
        };
        Ok(frames::page_of(&slice, &self.inner.columns, first, self.inner.rows))
    }
    /// Writes all rows; the ending of the name says the format (csv, tsv, parquet, json, ndjson, arrow). The file is
    /// replaced in one step.
    pub fn write(&self, path: &Path) -> Result<()> {
        match &self.inner.table {
            Table::Memory(frame) => frames::write_frame(frame, path),
            Table::File { lf, .. } => {
                let all = frames::stream(lf.clone()).map_err(|e| e.into_error("Could not read the result back"))?;
                frames::write_frame(&all, path)
            }
        }
    }
    /// At most `limit` rows as JSON objects, keys in column order.
    pub fn to_json_rows(&self, limit: usize) -> Result<Vec<serde_json::Value>> {
        Ok(self.page(0, limit)?.to_json_rows())
    }
    /// Where it lies, when it does not fit into memory or was read from a file.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.inner.table {
            Table::Memory(_) => None,
            Table::File { file, .. } => Some(file),
        }
    }
    pub(crate) fn lazy(&self) -> LazyFrame {
        match &self.inner.table {
            Table::Memory(frame) => frame.clone().lazy(),
            Table::File { lf, .. } => lf.clone(),
        }
    }
    pub(crate) fn in_memory(&self) -> Option<&DataFrame> {
        match &self.inner.table {
            Table::Memory(frame) => Some(frame),
            Table::File { .. } => None,
        }
    }
}

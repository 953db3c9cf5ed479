//! Tables on disk and in memory: opening any format, pages of rows, sorting and filtering without holding the table.
//!
//! Polars is named only in this folder, in `engine::sql`, `engine::profile` and `engine::quality`.
mod cells;
mod chart;
mod csv;
mod exec;
mod files;
mod rowstore;
mod scan;
mod source;
mod spec;
mod tables;
mod write;

use std::path::Path;

pub(crate) use cells::{cell, columns_of, kind_of, page_of};
pub(crate) use exec::{Collected, Fail, collect, collect_bounded, detach, explain, for_each_batch, stream};
pub(crate) use files::expand;
pub use files::{FORMATS, is_data_file, list_data_files, nearest_files};
pub(crate) use scan::{Overrides, Scan, misfit_column, scan};
pub use source::{Source, View};
pub use tables::Tables;
pub(crate) use write::write_frame;

use crate::base::Result;

/// Opens a data file, glob or folder: CSV, TSV, Parquet, JSON, NDJSON, Arrow/IPC/Feather, by content first and by
/// name second. A Parquet file of any size is open once its footer is read; small files are read into memory; a
/// large CSV stays on disk and is read as pages are asked for. Problems that were worked around are in
/// [`Source::notes`].
pub fn open(path: &Path) -> Result<Source> {
    Source::open(path)
}

#[cfg(test)]
mod tests;

//! SQL over files and earlier results, on the embedded engine.
//!
//! ```text
//! SELECT carrier, AVG(dep_delay) FROM 'data/flights/*.parquet' GROUP BY ALL ORDER BY 2 DESC
//! ```
//! A path in quotes after FROM or JOIN is a table: CSV, TSV, Parquet, JSON, NDJSON, Arrow, a glob or a folder,
//! relative to the workspace. Names are earlier results kept with [`Session::keep`]. `$name` is a parameter.
mod errors;
mod frame;
mod rewrite;
mod session;

use std::{path::Path, sync::Arc};

use super::frames;
use crate::{base::Result, model::table::Column};

pub use frame::Frame;
pub use session::{Params, Session, Wanted};

/// True for a text of a single statement.
pub fn is_one(sql: &str) -> bool {
    rewrite::statements(sql).len() == 1
}

/// The columns of a file, found as a query over it would; nothing but its head is read.
pub fn columns_of(root: &Path, path: &str) -> Result<Arc<[Column]>> {
    let mut scan = frames::scan(&root.join(path), &frames::Overrides::new())?;
    let schema = scan.lf.collect_schema().map_err(|e| frames::explain(&format!("Could not read {path}"), &e))?;
    Ok(frames::columns_of(&schema))
}

#[cfg(test)]
mod tests;

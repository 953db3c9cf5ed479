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

pub use frame::Frame;
pub use session::{Params, Session};

#[cfg(test)]
mod tests;

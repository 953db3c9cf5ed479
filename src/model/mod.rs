//! Pure data and rules: no files, no threads, no window, no engine.
pub mod board;
pub mod diff;
pub mod flow;
pub mod git;
pub mod json;
pub mod kernel;
pub mod ledger;
pub mod notebook;
pub mod output;
pub mod pipeline;
pub mod quality;
pub mod run;
pub mod series;
pub mod spc;
pub mod table;
pub mod textdiff;
pub mod workspace;

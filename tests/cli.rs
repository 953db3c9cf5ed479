//! Tests of the layers and of the command line: quick, no display, no Python.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]
#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/board.rs"]
mod board;
#[path = "cli/check.rs"]
mod check;
#[path = "cli/contract.rs"]
mod contract;
#[path = "cli/diff.rs"]
mod diff;
#[path = "cli/driver.rs"]
mod driver;
#[path = "cli/export.rs"]
mod export;
#[path = "cli/fuzz.rs"]
mod fuzz;
#[path = "cli/git.rs"]
mod git;
#[path = "cli/history.rs"]
mod history;
#[path = "cli/install.rs"]
mod install;
#[path = "cli/layering.rs"]
mod layering;
#[path = "cli/marked.rs"]
mod marked;
#[path = "cli/merge.rs"]
mod merge;
#[path = "cli/notebooks.rs"]
mod notebooks;
#[path = "cli/query.rs"]
mod query;
#[path = "cli/review.rs"]
mod review;
#[path = "cli/runs.rs"]
mod runs;
#[path = "cli/sample.rs"]
mod sample;
#[path = "cli/search.rs"]
mod search;
#[path = "cli/show.rs"]
mod show;
#[path = "cli/story.rs"]
mod story;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/torn.rs"]
mod torn;

//! Tests of the pages, drawn without a display and found by role and label.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]
#![cfg(feature = "gui")]
#[cfg(unix)]
#[path = "ui/askpass.rs"]
mod askpass;
#[path = "ui/board.rs"]
mod board;
#[path = "ui/conflict.rs"]
mod conflict;
#[path = "ui/connections.rs"]
mod connections;
#[path = "ui/data.rs"]
mod data;
#[path = "ui/editor.rs"]
mod editor;
#[path = "ui/faults.rs"]
mod faults;
#[path = "ui/files.rs"]
mod files;
#[path = "ui/git.rs"]
mod git;
#[path = "ui/kernels.rs"]
mod kernels;
#[path = "ui/keys.rs"]
mod keys;
#[path = "ui/live.rs"]
mod live;
#[path = "ui/notebook.rs"]
mod notebook;
#[path = "ui/output.rs"]
mod output;
#[path = "ui/pages.rs"]
mod pages;
#[path = "ui/past.rs"]
mod past;
#[path = "ui/quality.rs"]
mod quality;
#[path = "ui/review.rs"]
mod review;
#[path = "ui/runs.rs"]
mod runs;
#[path = "ui/search.rs"]
mod search;
#[path = "ui/shell.rs"]
mod shell;
#[path = "ui/support.rs"]
mod support;
#[path = "ui/threads.rs"]
mod threads;

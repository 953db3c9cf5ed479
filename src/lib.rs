//! Andon: a native workbench for data teams over one git repository.
//!
//! Floors, from the ground up: [`base`] knows nothing of the domain, [`model`] holds pure data and rules,
//! [`engine`] has the effects, [`app`] is the program without pixels, `ui` draws it and [`cli`] speaks it.
//! ARCHITECTURE.md says which floor may use which; `tests/cli.rs` enforces it.
pub mod app;
pub mod base;
pub mod cli;
pub mod engine;
pub mod model;
#[cfg(feature = "gui")]
pub mod ui;

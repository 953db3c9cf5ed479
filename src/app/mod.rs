//! The program without pixels.
//!
//! Input becomes a [`Command`]; [`dispatch::dispatch`] is the only writer of [`AppState`] and answers with
//! [`Effect`]s; [`jobs::Jobs`] carries them out off the window's thread and sends [`Event`]s back, which
//! [`dispatch::apply`] folds into the state. Every feature is a module with the same seven names:
//! `State`, `Command`, `Event`, `Task`, `command()`, `event()`, `run()`.
pub mod action;
pub mod board;
pub mod conflict;
pub mod connections;
pub mod data;
pub mod dispatch;
pub mod effect;
pub mod env;
pub mod event;
pub mod git;
pub mod home;
pub mod host;
pub mod jobs;
pub mod keymap;
pub mod notebook;
pub mod notify;
pub mod quality;
pub mod review;
pub mod runs;
pub mod search;
pub mod settings;
pub mod shell;
pub mod state;
pub mod workspace;

pub use dispatch::Command;
pub use effect::{Effect, Job, Lane, Policy, Task};
pub use env::{Env, Out};
pub use event::Event;
pub use state::{AppState, Cx};

//! The home feature without pixels.
use std::sync::Arc;

use super::{AppState, Cx, Effect, Env, Out, action::Action};
use crate::base::{Result, job::JobCtx};

/// What the home page shows.
#[derive(Debug, Default)]
pub struct State {}

/// What a person can ask of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {}

/// What runs off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {}

/// Handles a command; no I/O.
pub fn command(_state: &mut AppState, command: Command, _cx: &Cx) -> Vec<Effect> {
    match command {}
}

/// Folds an event into the state; no I/O.
pub fn event(_state: &mut AppState, event: Event, _cx: &Cx) -> Vec<Effect> {
    match event {}
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, _env: &Arc<Env>, _cx: &JobCtx, _out: &Out) -> Result<()> {
    match task {}
}

/// A workspace was opened: loads what the page needs.
pub fn opened(_state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    Vec::new()
}

/// Files below the root changed on disk (workspace-relative, `/`).
pub fn files_changed(_state: &mut AppState, _paths: &[String], _cx: &Cx) -> Vec<Effect> {
    Vec::new()
}

/// What the palette offers from here.
pub fn actions(_state: &AppState) -> Vec<Action> {
    Vec::new()
}

/// Red rows.
pub fn red_count(_state: &AppState) -> usize {
    0
}

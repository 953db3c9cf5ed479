//! The window: reads [`crate::app::AppState`], sends commands. egui lives here only.
//!
//! A page is `ui::<feature>::page_ui(ui, cx, view)`: `cx` is what it may read and where commands go, `view` its own
//! state that nobody else needs (scroll, drafts, a drag under way).
pub mod board;
pub mod conflict;
pub mod data;
pub mod editor;
pub mod git;
pub mod home;
pub mod keys;
pub mod notebook;
pub mod quality;
pub mod review;
pub mod run;
pub mod runs;
pub mod search;
pub mod settings;
pub mod shell;
pub mod spoken;
pub mod theme;
pub mod turns;
pub mod widgets;

use jiff::Timestamp;

use crate::app::{AppState, Command};
use theme::Theme;

/// What a page gets to draw itself.
#[derive(Debug)]
pub struct PageCx<'a> {
    pub state: &'a AppState,
    pub theme: &'a Theme,
    /// Commands, carried out after the frame.
    pub send: &'a mut Vec<Command>,
    pub now: Timestamp,
}

impl PageCx<'_> {
    /// Sends a command.
    pub fn send(&mut self, command: impl Into<Command>) {
        self.send.push(command.into());
    }
}

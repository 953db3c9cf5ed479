//! The review page.
use egui::Ui;

use super::PageCx;

/// What only the page itself needs to remember.
#[derive(Debug, Default)]
pub struct View {}

/// Draws the page.
pub fn page_ui(_ui: &mut Ui, _cx: &mut PageCx<'_>, _view: &mut View) {}

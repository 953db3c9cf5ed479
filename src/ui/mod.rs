//! The window: reads [`crate::app::AppState`], sends commands. egui lives here only.
use std::path::PathBuf;

use crate::base::Result;

/// Opens the window.
pub fn run(_path: Option<PathBuf>) -> Result<()> {
    Ok(())
}

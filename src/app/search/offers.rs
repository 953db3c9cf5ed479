//! What the palette offers.
use super::Command;
use crate::app::{AppState, action::Action};

/// Searching, replacing, and what can be done with what was found.
pub fn actions(state: &AppState) -> Vec<Action> {
    if state.workspace.root.is_none() {
        return Vec::new();
    }
    let search = &state.search;
    let row = |title: &str, command: Command| Action::new("Search", title, command).icon("search");
    let some = !search.files.is_empty();
    let mut all = vec![
        row("Search in all files", Command::Open { replacing: false }).key("Ctrl+Shift+F"),
        row("Replace in all files", Command::Open { replacing: true }).icon("replace"),
    ];
    if search.open {
        all.extend([
            row("Next search result", Command::Next(true)).key("F4").only_if(some, "Nothing was found"),
            row("Previous search result", Command::Next(false)).key("Shift+F4").only_if(some, "Nothing was found"),
            row("Search again", Command::Again).icon("refresh-cw"),
            row("Clear the search", Command::Clear).icon("eraser"),
        ]);
    }
    if let Some(last) = &search.last {
        let title = format!("Take back the replacement of {}", last.words());
        all.push(row(&title, Command::TakeBack(last.number)).icon("undo-2"));
    }
    all
}

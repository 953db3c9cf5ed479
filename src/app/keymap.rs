//! The keys of the whole window and of each page, for the list that `?` shows.
use super::shell::Page;

/// A key with what it does, for the list of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRow {
    pub context: &'static str,
    pub key: &'static str,
    pub does: &'static str,
}

/// Keys that work everywhere.
pub const GLOBAL: &[KeyRow] = &[
    KeyRow { context: "Everywhere", key: "Ctrl+Shift+P", does: "Run a command" },
    KeyRow { context: "Everywhere", key: "Ctrl+P", does: "Go to anything" },
    KeyRow { context: "Everywhere", key: "Ctrl+1 .. Ctrl+8", does: "Go to a page" },
    KeyRow { context: "Everywhere", key: "Ctrl+O", does: "Open a folder" },
    KeyRow { context: "Everywhere", key: "Ctrl+S", does: "Save" },
    KeyRow { context: "Everywhere", key: "Ctrl+B", does: "Show or hide the navigator" },
    KeyRow { context: "Everywhere", key: "Ctrl+J", does: "Show or hide the inspector" },
    KeyRow { context: "Everywhere", key: "F5", does: "Refresh" },
    KeyRow { context: "Everywhere", key: "Esc", does: "One level back" },
    KeyRow { context: "Everywhere", key: "?", does: "Show the keys of this page" },
];

/// Keys of a page, then those that work everywhere.
pub fn of_page(page: Page) -> Vec<KeyRow> {
    let notebook;
    let own: &[KeyRow] = match page {
        Page::Home => HOME,
        Page::Notebook => {
            notebook = super::notebook::keys::all();
            &notebook
        }
        Page::Board => BOARD,
        Page::Runs => RUNS,
        Page::Review => REVIEW,
        _ => &[],
    };
    own.iter().chain(GLOBAL).copied().collect()
}

const BOARD: &[KeyRow] = &[
    KeyRow { context: "Board", key: "Arrows  H J K L", does: "Walk the cards" },
    KeyRow { context: "Board", key: "Enter", does: "Open the card" },
    KeyRow { context: "Board", key: "Space", does: "Lift the card; arrows carry it, Space puts it down, Esc back" },
    KeyRow { context: "Board", key: "M, letter", does: "Move the card to the column of the letter" },
    KeyRow { context: "Board", key: "X  Shift+Arrows  Ctrl+A", does: "Choose several cards" },
    KeyRow { context: "Board", key: "C", does: "New card" },
    KeyRow { context: "Board", key: "/", does: "Filter" },
    KeyRow { context: "Board", key: "R", does: "Rerun what the card is bound to" },
    KeyRow { context: "Board", key: "Delete", does: "Delete the card, or all chosen" },
    KeyRow { context: "Board", key: "U  Shift+U", does: "Undo, redo" },
];

const RUNS: &[KeyRow] = &[
    KeyRow { context: "Runs", key: "Arrows", does: "Walk the grid of tasks and runs" },
    KeyRow { context: "Runs", key: "Enter  L", does: "Open the log" },
    KeyRow { context: "Runs", key: "R", does: "Rerun what failed" },
    KeyRow { context: "Runs", key: "G", does: "Grid or Gantt" },
    KeyRow { context: "Log", key: "E", does: "First error" },
    KeyRow { context: "Log", key: "F", does: "Follow the end" },
    KeyRow { context: "Log", key: "/", does: "Search" },
    KeyRow { context: "Log", key: "N  Shift+N", does: "Next hit, hit before" },
    KeyRow { context: "Log", key: "[  ]", does: "Try before, next try" },
    KeyRow { context: "Log", key: "Esc", does: "Back to the grid" },
];

const HOME: &[KeyRow] = &[
    KeyRow { context: "Home", key: "J  K", does: "Next, previous row" },
    KeyRow { context: "Home", key: "Enter", does: "Do what the row offers" },
    KeyRow { context: "Home", key: "S", does: "Snooze the row until tomorrow" },
];

const REVIEW: &[KeyRow] = &[
    KeyRow { context: "Review", key: "N  P", does: "Next, previous change; then the next file" },
    KeyRow { context: "Review", key: "Enter", does: "Fold or unfold the change" },
    KeyRow { context: "Review", key: "V", does: "Mark the change as viewed" },
    KeyRow { context: "Review", key: "Shift+V", does: "Mark the whole file as viewed" },
    KeyRow { context: "Review", key: "U", does: "Side by side or unified" },
    KeyRow { context: "Review", key: "Left  Right", does: "Scroll long lines" },
];

/// All keys of all pages.
pub fn all() -> Vec<KeyRow> {
    let pages = Page::ALL.into_iter().flat_map(|page| of_page(page).into_iter().filter(|r| r.context != "Everywhere"));
    GLOBAL.iter().copied().chain(pages).collect()
}

//! The keys of the whole window and of each page: one table that the pages obey and that `?` shows, so that the help
//! cannot say what is not so.
use super::{notebook, shell::Page};

/// Keys with what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRow {
    pub context: &'static str,
    /// One or more chords, two spaces between them: `J  Down`, `Ctrl+Shift+P`. A pair pressed one after the other has
    /// one space: `D D`. `1 .. 6` stands for all between.
    pub key: &'static str,
    pub does: &'static str,
}

/// A key with what is held down meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chord {
    pub ctrl: bool,
    pub shift: bool,
    pub alt: bool,
    /// As it stands on the keyboard: `J`, `Up`, `/`.
    pub key: String,
}

impl Chord {
    fn parse(text: &str) -> Self {
        // The last plus may be the key itself.
        let at = text.get(..text.len().saturating_sub(1)).and_then(|t| t.rfind('+'));
        let (held, key) = at.map_or(("", text), |at| (text.get(..at).unwrap_or(""), text.get(at + 1..).unwrap_or("")));
        let held: Vec<&str> = held.split('+').collect();
        let has = |name: &str| held.contains(&name);
        Self { ctrl: has("Ctrl"), shift: has("Shift"), alt: has("Alt"), key: key.to_owned() }
    }
}

impl KeyRow {
    /// Each way to ask for it: mostly one chord, for a pair two, one after the other.
    pub fn ways(&self) -> Vec<Vec<Chord>> {
        if let Some((from, to)) = self.key.split_once(" .. ") {
            let digit = |t: &str| t.bytes().next_back().unwrap_or(b'1');
            let stem = from.get(..from.len().saturating_sub(1)).unwrap_or_default();
            let all = digit(from)..=digit(to);
            return all.map(|d| vec![Chord::parse(&format!("{stem}{}", char::from(d)))]).collect();
        }
        self.key.split("  ").map(|way| way.split(' ').map(Chord::parse).collect()).collect()
    }
}

macro_rules! keys {
    ($(#[$doc:meta])* $module:ident $context:literal { $($name:ident: $key:literal => $does:literal;)* }) => {
        $(#[$doc])*
        pub mod $module {
            use super::KeyRow;
            $(#[doc = $does] pub const $name: KeyRow = KeyRow { context: $context, key: $key, does: $does };)*
            /// All of them, as they are shown.
            pub const ALL: &[KeyRow] = &[$($name),*];
        }
    };
}

keys! {
    /// Keys that work everywhere.
    global "Everywhere" {
        COMMANDS: "Ctrl+Shift+P" => "Run a command";
        GO_TO: "Ctrl+P" => "Go to anything";
        PAGES: "Ctrl+1 .. Ctrl+8" => "Go to a page";
        REGION: "F6  Shift+F6" => "Next, previous part of the window";
        OPEN: "Ctrl+O" => "Open a folder";
        NAVIGATOR: "Ctrl+B" => "Show or hide the navigator";
        INSPECTOR: "Ctrl+J" => "Show or hide the inspector";
        BRANCHES: "Ctrl+Shift+B" => "Branches, stashes and remotes";
        PULL: "Ctrl+Shift+L" => "Pull";
        PUSH: "Ctrl+Shift+K" => "Push";
        STASH: "Ctrl+Shift+H" => "Stash changes";
        SEARCH: "Ctrl+Shift+F" => "Search in all files";
        RESULT: "F4  Shift+F4" => "Next, previous result of that search";
        REFRESH: "F5" => "Look for changes on disk";
        BACK: "Esc" => "Close what floats";
        HELP: "?" => "Show the keys of this page";
    }
}

keys! {
    /// The andon board.
    home "Home" {
        MOVE: "J  K  Down  Up" => "Next, previous row";
        ACT: "Enter" => "Do what the row offers";
        RERUN: "R" => "Rerun what the row is about";
        SNOOZE: "S" => "Snooze the row until tomorrow";
    }
}

keys! {
    /// The data page outside its table.
    data "Data" {
        FILTER: "F" => "Add a filter";
        RUN: "Ctrl+Enter" => "Run the query while it is being written";
        STEP_MOVE: "Alt+Up  Alt+Down" => "Move the step that has the focus";
        STEP_TOGGLE: "Space" => "Switch the step off or on";
        STEP_DELETE: "Delete" => "Take the step out";
    }
}

keys! {
    /// A table that has the focus.
    grid "Table" {
        WALK: "Up  Down  Left  Right" => "Walk the cells";
        EDGE: "Ctrl+Up  Ctrl+Down  Ctrl+Left  Ctrl+Right" => "To the edge";
        PAGE: "PageUp  PageDown" => "A page up, down";
        ROW_ENDS: "Home  End" => "First, last column";
        CORNERS: "Ctrl+Home  Ctrl+End" => "First, last cell";
        SELECT: "Shift+Up  Shift+Down  Shift+Left  Shift+Right" => "Select";
        WHOLE_ROWS: "Shift+Space" => "Select whole rows";
        ALL_CELLS: "Ctrl+A" => "Select everything";
        COPY: "Ctrl+C" => "Copy the selection";
    }
}

keys! {
    /// Text that is being written: a cell, a file, a query.
    editor "Editing text" {
        WALK: "Left  Right  Up  Down" => "Go by letters and rows";
        WORDS: "Ctrl+Left  Ctrl+Right" => "Go by words";
        EDGES: "Home  End  Ctrl+Home  Ctrl+End" => "To the edges of the line, of the text";
        PAGES: "PageUp  PageDown" => "A page up, down";
        EXTEND: "Shift+Left  Shift+Right  Shift+Up  Shift+Down  Ctrl+Shift+Left  Ctrl+Shift+Right" => "Select";
        EXTEND_FAR: "Shift+Home  Shift+End  Ctrl+Shift+Home  Ctrl+Shift+End  Shift+PageUp  Shift+PageDown" => "Select far";
        ALL_TEXT: "Ctrl+A" => "Select all of the text";
        LINE: "Ctrl+L" => "Select the line";
        NEXT: "Ctrl+Shift+D" => "Select the word, then where it stands next";
        EVERY: "Alt+F3" => "Select the word wherever it stands";
        CURSORS: "Ctrl+Alt+Up  Ctrl+Alt+Down" => "Another cursor above, below (also Alt with a click, or dragged)";
        BRACKET: "Ctrl+Shift+\\" => "To the bracket that belongs to this one";
        DELETE: "Backspace  Delete" => "Delete a letter, or what is selected";
        DELETE_WORD: "Ctrl+Backspace  Ctrl+Delete" => "Delete a word";
        DELETE_LINE: "Ctrl+D  Ctrl+Shift+K" => "Delete the line";
        MOVE: "Alt+Up  Alt+Down  Ctrl+Shift+Up  Ctrl+Shift+Down" => "Move the lines";
        DOUBLE: "Shift+Alt+Up  Shift+Alt+Down" => "Double the lines";
        JOIN: "Ctrl+Shift+J" => "Join with the line below";
        COMMENT: "Ctrl+/" => "Comment lines out or in";
        BLOCK: "Alt+A" => "Comment around what is selected";
        TAB: "Tab  Shift+Tab" => "Indent or outdent; at a name of a cell complete or explain it";
        DEPTH: "Ctrl+[  Ctrl+]" => "Outdent, indent the lines";
        COMPLETE: "Ctrl+Space" => "Complete the name";
        UNDO: "Ctrl+Z" => "Undo";
        REDO: "Ctrl+Shift+Z  Ctrl+Y" => "Redo";
        FIND: "Ctrl+F" => "Find";
        REPLACE: "Ctrl+H" => "Find and replace";
        FIND_NEXT: "F3  Shift+F3" => "Next find, find before";
        GO_TO_LINE: "Ctrl+G" => "Go to a line by its number";
        DEFINITION: "F12" => "Go to where the name is defined";
        HISTORY: "Ctrl+R" => "List what was run before, and put it in";
        FOLD: "Ctrl+Shift+[  Ctrl+Shift+]" => "Fold the part away, unfold it";
        FOLD_ALL: "Ctrl+Alt+[  Ctrl+Alt+]" => "Fold everything away, unfold it";
        WRAP: "Alt+Z" => "Wrap long lines of a file, or scroll";
    }
}

keys! {
    /// The board.
    board "Board" {
        LEFT: "Left  H" => "Card at the left";
        RIGHT: "Right  L" => "Card at the right";
        UP: "Up  K" => "Card above";
        DOWN: "Down  J" => "Card below";
        OPEN: "Enter" => "Open the card";
        LIFT: "Space" => "Lift the card, and put it down";
        MOVE: "M" => "Move the card to a column by its letter";
        NEW: "C" => "New card";
        FILTER: "/" => "Filter cards";
        RERUN: "R" => "Rerun what is bound to the card";
        SELECT: "X" => "Choose several cards";
        EXTEND: "Shift+Left  Shift+Right  Shift+Up  Shift+Down" => "Choose the next card too";
        SELECT_ALL: "Ctrl+A" => "Choose all cards";
        DELETE: "Delete" => "Delete the card, or all chosen";
        UNDO: "U  Ctrl+Z" => "Undo";
        REDO: "Shift+U  Ctrl+Shift+Z" => "Redo";
        CLOSE: "Esc" => "Choose none; close the card";
    }
}

keys! {
    /// The grid of tasks and runs.
    runs "Runs" {
        WALK: "Left  Right  Up  Down" => "Walk the grid of tasks and runs";
        LOG: "Enter  L" => "Open the log";
        RERUN: "R" => "Rerun what failed";
        GANTT: "G" => "Grid or Gantt";
        BACK: "Esc" => "Back to the grid";
    }
}

keys! {
    /// The log of a task.
    log "Log" {
        ERROR: "E" => "First error";
        FOLLOW: "F" => "Follow the end, or not";
        SEARCH: "/  Ctrl+F" => "Search";
        HIT: "N  Shift+N" => "Next hit, hit before";
        TRY: "[  ]" => "Try before, next try";
        SCROLL: "Up  Down  PageUp  PageDown  Home  End" => "Scroll";
        SHIFT: "Right  Left" => "Scroll long lines";
        BACK: "Esc" => "Back to the grid";
    }
}

keys! {
    /// Comparing two sides.
    review "Review" {
        CHANGE: "N  P" => "Next, previous change; then the next file";
        FOLD: "Enter" => "Fold or unfold the change";
        VIEWED: "V" => "Mark the change as viewed";
        FILE_VIEWED: "Shift+V" => "Mark the whole file as viewed";
        LAYOUT: "U" => "Side by side or unified";
        WRAP: "W" => "Wrap long lines, or cut them";
        SHIFT: "Right  Left" => "Scroll what is cut at the right";
        PICTURES: "I" => "Next way to compare pictures";
        COMMENT: "C" => "Comment on the change";
        SUGGEST: "S" => "Suggest a change; in a thread as an answer";
        THREAD: "]  [" => "Next, previous open thread; also in other files";
        REPLY: "R" => "Reply in the thread in front";
        RESOLVE: "Shift+R" => "Resolve the thread in front, or open it again";
        APPROVE: "A" => "Approve the change, or take that back";
        APPROVE_FILE: "Shift+A" => "Approve all that differs in the file";
        HISTORY: "H" => "Show the history of the cell, or close it";
        BLAME: "B" => "Show who wrote each line, or hide it";
        BACK: "Esc" => "Close the history of the cell; back from the runs";
        DISCARD: "Delete" => "Discard the change of the cell or the lines, with undo";
        COMMIT: "Shift+C" => "Commit what is not committed";
        RUNS: "M" => "Cells by runs of the notebook, or the comparison";
    }
}

keys! {
    /// Deciding the conflicts of a merge.
    conflict "Conflicts" {
        TAKE: "1  2  3  4" => "Take ours, the base, theirs, both";
        WHOLE: "Alt+1  Alt+2  Alt+3" => "Take the whole of ours, the base, theirs";
        USE: "Enter" => "Use the result, and go on to the next conflict";
        CHANGE: "N  P" => "Next, previous conflict";
        WALK: "Down  Up  J  K" => "Next, previous row of the list";
        EDIT: "E" => "Write in the result; Esc leaves it";
        RUN: "Ctrl+Enter  Ctrl+Shift+Enter" => "Run this cell with all cells above it as merged; alone";
        UNDO: "Ctrl+Z" => "Undo the last decision";
        REDO: "Ctrl+Shift+Z  Ctrl+Y" => "Redo it";
        FINISH: "Ctrl+S" => "Finish the merge of the file";
        BACK: "Esc" => "Back to the comparison";
    }
}

/// Keys of a page alone.
fn own(page: Page) -> Vec<KeyRow> {
    match page {
        Page::Home => home::ALL.to_vec(),
        Page::Notebook => [notebook::keys::all(), editor::ALL.to_vec()].concat(),
        Page::Data => [data::ALL, grid::ALL, editor::ALL].concat(),
        Page::Board => board::ALL.to_vec(),
        Page::Runs => [runs::ALL, log::ALL].concat(),
        // Failing rows are a table, and so is nothing else there.
        Page::Quality => grid::ALL.to_vec(),
        Page::Review => [review::ALL, conflict::ALL].concat(),
        Page::Settings => Vec::new(),
    }
}

/// Keys of a page, then those that work everywhere.
pub fn of_page(page: Page) -> Vec<KeyRow> {
    own(page).into_iter().chain(global::ALL.iter().copied()).collect()
}

/// All keys of all pages, each once.
pub fn all() -> Vec<KeyRow> {
    let mut rows = global::ALL.to_vec();
    for row in Page::ALL.into_iter().flat_map(own) {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let chord = |ctrl, shift, alt, key: &str| Chord { ctrl, shift, alt, key: key.into() };
        assert_eq!(global::COMMANDS.ways(), [[chord(true, true, false, "P")]]);
        assert_eq!(home::MOVE.ways().len(), 4);
        assert_eq!(global::PAGES.ways().len(), 8);
        assert_eq!(global::PAGES.ways()[7], [chord(true, false, false, "8")]);
        assert_eq!(Chord::parse("Ctrl+Shift+-"), chord(true, true, false, "-"));
        let pair = KeyRow { context: "", key: "D D", does: "" };
        assert_eq!(pair.ways(), [[chord(false, false, false, "D"), chord(false, false, false, "D")]]);
    }

    #[test]
    fn no_key_of_a_context_has_two_meanings() {
        let rows = all();
        for (n, row) in rows.iter().enumerate() {
            for other in rows.iter().skip(n + 1).filter(|o| o.context == row.context) {
                let twice = row.ways().into_iter().find(|way| other.ways().contains(way));
                assert_eq!(twice, None, "{} and {} of {}", row.does, other.does, row.context);
            }
        }
    }
}

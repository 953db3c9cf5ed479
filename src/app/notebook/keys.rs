//! The keys of the notebook page, as JupyterLab has them.
use crate::app::keymap::KeyRow;

macro_rules! rows {
    ($context:literal: $($key:literal => $does:literal),* $(,)?) => {
        &[$(KeyRow { context: $context, key: $key, does: $does }),*]
    };
}

/// While letters are commands.
pub const COMMAND: &[KeyRow] = rows!("Cell commands":
    "Enter" => "Edit the cell",
    "J  K" => "Next, previous cell (also Down, Up)",
    "Shift+J  Shift+K" => "Extend the selection",
    "Shift+Home  Shift+End" => "Select to the top, to the bottom",
    "Ctrl+A" => "Select all cells",
    "Left  Right" => "Fold or unfold a heading, go from heading to heading",
    "Ctrl+Shift+Left  Ctrl+Shift+Right" => "Fold, unfold all headings",
    "A  B" => "Insert a cell above, below",
    "Shift+A  Shift+B" => "Insert a heading above, below this part",
    "X  C  V" => "Cut, copy, paste cells",
    "D D" => "Delete the cells",
    "Z  Shift+Z" => "Undo, redo",
    "Y  M  R" => "Make it code, Markdown, raw",
    "1 .. 6" => "Make it a heading",
    "Shift+M" => "Merge the selected cells",
    "Ctrl+Backspace" => "Merge with the cell above",
    "Ctrl+Shift+M" => "Merge with the cell below",
    "Ctrl+Shift+Up  Ctrl+Shift+Down" => "Move the cells",
    "Shift+L" => "Line numbers",
    "I I" => "Interrupt",
    "0 0" => "Restart the session",
);

/// While letters are text.
pub const EDIT: &[KeyRow] = rows!("Editing a cell":
    "Esc" => "Back to cell commands (also Ctrl+M)",
    "Ctrl+Shift+-" => "Split the cell at the cursor",
);

/// In both.
pub const BOTH: &[KeyRow] = rows!("Notebook":
    "Shift+Enter" => "Run and go on",
    "Ctrl+Enter" => "Run and stay",
    "Alt+Enter" => "Run and insert a cell below",
    "Ctrl+S  Ctrl+Shift+S" => "Save, save as",
    "Ctrl+W" => "Close the tab",
    "Ctrl+PageUp  Ctrl+PageDown" => "Previous, next tab",
);

/// All of them.
pub fn all() -> Vec<KeyRow> {
    [BOTH, COMMAND, EDIT].concat()
}

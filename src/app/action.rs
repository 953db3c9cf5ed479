//! What can be done now: rows of the command palette, menus and the list of keys.
use super::Command;

/// One thing a person can do in the present state.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Group in the palette: `Runs`, `Notebook`, `Go to`.
    pub group: &'static str,
    /// Verb first, sentence case: `Rerun failed tasks of nightly`.
    pub title: String,
    /// What it acts on, greyed beside the title.
    pub detail: String,
    /// Icon name, as in `ui::theme::icons`.
    pub icon: &'static str,
    /// Its key as shown: `Ctrl+S`; empty when it has none.
    pub key: &'static str,
    /// Why it cannot be done now; such rows come last and do nothing.
    pub unavailable: Option<String>,
    pub command: Command,
}

impl Action {
    /// An action that can be done.
    pub fn new(group: &'static str, title: impl Into<String>, command: impl Into<Command>) -> Self {
        Self {
            group,
            title: title.into(),
            detail: String::new(),
            icon: "chevron-right",
            key: "",
            unavailable: None,
            command: command.into(),
        }
    }
    /// Greyed words beside the title.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
    /// Icon name.
    #[must_use]
    pub fn icon(mut self, icon: &'static str) -> Self {
        self.icon = icon;
        self
    }
    /// Key as shown.
    #[must_use]
    pub fn key(mut self, key: &'static str) -> Self {
        self.key = key;
        self
    }
    /// Greys it out with a reason unless `ok`.
    #[must_use]
    pub fn only_if(mut self, ok: bool, reason: &str) -> Self {
        if !ok {
            self.unavailable = Some(reason.to_owned());
        }
        self
    }
}

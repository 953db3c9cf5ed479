//! The frame around the pages: which page, what is hidden, palette, dialogs.
use jiff::Timestamp;

use super::{
    AppState, Command as AnyCommand, Cx, Effect, action::Action, board, data, git, home, notebook, quality, review,
    runs, settings, workspace,
};

/// The pages, in the order of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    #[default]
    Home,
    Notebook,
    Data,
    Board,
    Runs,
    Quality,
    Review,
    Settings,
}

impl Page {
    /// All of them, Ctrl+1 to Ctrl+8.
    pub const ALL: [Self; 8] =
        [Self::Home, Self::Notebook, Self::Data, Self::Board, Self::Runs, Self::Quality, Self::Review, Self::Settings];
    /// The name a person reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Notebook => "Notebook",
            Self::Data => "Data",
            Self::Board => "Board",
            Self::Runs => "Runs",
            Self::Quality => "Quality & metrics",
            Self::Review => "Review",
            Self::Settings => "Settings",
        }
    }
    /// The name on the command line.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "home" => Self::Home,
            "notebook" => Self::Notebook,
            "data" => Self::Data,
            "board" => Self::Board,
            "runs" => Self::Runs,
            "quality" => Self::Quality,
            "review" => Self::Review,
            "settings" => Self::Settings,
            _ => return None,
        })
    }
    /// Icon on the rail.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Home => "house",
            Self::Notebook => "notebook-text",
            Self::Data => "table-2",
            Self::Board => "kanban",
            Self::Runs => "list-tree",
            Self::Quality => "activity",
            Self::Review => "git-pull-request",
            Self::Settings => "settings",
        }
    }
}

/// How the palette searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaletteMode {
    /// Files, pages, cards, runs and commands.
    GoTo,
    /// Commands only.
    Commands,
}

/// A question over the page.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialog {
    /// Trust this workspace, then do this.
    Trust { then: Option<Box<AnyCommand>> },
    /// Type the path of a folder.
    OpenFolder { typed: String },
    /// The keys of this page.
    Keys,
    /// The commit being written.
    Commit,
    /// Yes or no, with the verb in the button.
    Confirm { title: String, body: String, verb: String, destructive: bool, command: Box<AnyCommand> },
}

/// State of the shell.
#[derive(Debug, Default)]
pub struct State {
    pub page: Page,
    pub palette: Option<PaletteMode>,
    pub dialog: Option<Dialog>,
    pub hide_navigator: bool,
    pub hide_inspector: bool,
    pub show_notices: bool,
    pub show_jobs: bool,
    /// True while the window has the focus; a failure elsewhere gives a desktop notification otherwise.
    pub focused: bool,
    pub started: Option<Timestamp>,
}

/// Commands of the shell.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Go(Page),
    OpenPalette(PaletteMode),
    ClosePalette,
    ShowDialog(Dialog),
    CloseDialog,
    ToggleNavigator,
    ToggleInspector,
    ToggleNotices,
    ToggleJobs,
    CancelJob(String),
    DismissNotice(usize),
    ExpireNotices,
    /// Time has passed; nothing else.
    Tick,
    Focused(bool),
    Copy(String),
    OpenUrl(String),
    /// Esc when nothing nearer took it.
    Back,
    Quit,
}

/// Handles a command.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    let shell = &mut state.shell;
    match command {
        Command::Go(page) => {
            shell.page = page;
            shell.palette = None;
        }
        Command::OpenPalette(mode) => shell.palette = Some(mode),
        Command::ClosePalette => shell.palette = None,
        Command::ShowDialog(dialog) => {
            shell.palette = None;
            shell.dialog = Some(dialog);
        }
        Command::CloseDialog => shell.dialog = None,
        Command::ToggleNavigator => shell.hide_navigator = !shell.hide_navigator,
        Command::ToggleInspector => shell.hide_inspector = !shell.hide_inspector,
        Command::ToggleNotices => shell.show_notices = !shell.show_notices,
        Command::ToggleJobs => shell.show_jobs = !shell.show_jobs,
        Command::CancelJob(key) => {
            for job in state.jobs.iter_mut().filter(|j| j.key == key) {
                job.cancelling = true;
            }
            return vec![Effect::Cancel(key)];
        }
        Command::DismissNotice(index) => state.notices.dismiss(index),
        Command::ExpireNotices => {
            state.notices.expire(cx.now());
        }
        Command::Tick => {}
        Command::Focused(focused) => shell.focused = focused,
        Command::Copy(text) => return vec![Effect::Copy(text)],
        Command::OpenUrl(url) => return vec![Effect::Open(url)],
        Command::Back => back(shell),
        Command::Quit => return vec![Effect::Quit],
    }
    Vec::new()
}

/// Closes the nearest thing that floats.
fn back(shell: &mut State) {
    if shell.palette.take().is_some() || shell.dialog.take().is_some() {
        return;
    }
    shell.show_notices = false;
    shell.show_jobs = false;
}

/// The shipped samples.
pub fn samples() -> &'static [crate::engine::sample::Sample] {
    static ALL: std::sync::LazyLock<Vec<crate::engine::sample::Sample>> =
        std::sync::LazyLock::new(crate::engine::sample::list);
    &ALL
}

/// The branch checked out, for the bars.
pub fn branch(state: &AppState) -> Option<String> {
    state.git.branch()
}

/// Kernels found: name and what starts them.
pub fn kernels(_state: &AppState) -> Vec<(String, String)> {
    Vec::new()
}

/// How many rows of Home are red.
pub fn red_count(state: &AppState) -> usize {
    home::red_count(state)
}

/// What the page has to say in the status bar.
pub fn status_facts(state: &AppState) -> Vec<String> {
    match state.shell.page {
        Page::Notebook => notebook::status_facts(state),
        _ => Vec::new(),
    }
}

/// Everything the palette can offer now.
pub fn actions(state: &AppState) -> Vec<Action> {
    let mut all = Vec::new();
    for page in Page::ALL {
        all.push(Action::new("Go to", page.title(), Command::Go(page)).icon(page.icon()).detail("page"));
    }
    all.push(Action::new("View", "Show or hide the navigator", Command::ToggleNavigator).key("Ctrl+B"));
    all.push(Action::new("View", "Show or hide the inspector", Command::ToggleInspector).key("Ctrl+J"));
    all.push(Action::new("View", "Show the keys of this page", Command::ShowDialog(Dialog::Keys)).key("?"));
    all.push(Action::new("Window", "Quit", Command::Quit));
    all.extend(workspace::actions(state));
    all.extend(git::actions(state));
    all.extend(home::actions(state));
    all.extend(notebook::actions(state));
    all.extend(data::actions(state));
    all.extend(board::actions(state));
    all.extend(runs::actions(state));
    all.extend(quality::actions(state));
    all.extend(review::actions(state));
    all.extend(settings::actions(state));
    all
}

//! The frame around the pages: which page, what is hidden, palette, dialogs.
use jiff::Timestamp;

use super::{
    AppState, Command as AnyCommand, Cx, Effect, action::Action, board, conflict, data, git, home, notebook, quality,
    review, runs, search, settings, workspace,
};
use crate::{
    base::{text, time},
    model::{git::Underway, run::RunState},
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
    /// Kernels, environments, Jupyter Servers.
    Kernel(notebook::kernels::Ask),
    /// Branches, stashes, remotes.
    Git(Box<git::work::Ask>),
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
        Command::CloseDialog => {
            let dialog = shell.dialog.take();
            notebook::kernels::closed(state, dialog.as_ref());
            return git::work::closed(dialog.as_ref());
        }
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
        Command::Back => return back(state),
        Command::Quit => return vec![Effect::Quit],
    }
    Vec::new()
}

/// Closes the nearest thing that floats.
fn back(state: &mut AppState) -> Vec<Effect> {
    let shell = &mut state.shell;
    if shell.palette.take().is_some() {
        return Vec::new();
    }
    if let Some(dialog) = shell.dialog.take() {
        notebook::kernels::closed(state, Some(&dialog));
        return git::work::closed(Some(&dialog));
    }
    shell.show_notices = false;
    shell.show_jobs = false;
    Vec::new()
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

/// How many rows of Home are red.
pub fn red_count(state: &AppState) -> usize {
    home::red_count(state)
}

/// How a fact of the status bar is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Branch,
    Running,
    Success,
    Failed,
    Warning,
}

/// A fact of the status bar, and what a click on it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    pub tone: Tone,
    pub text: String,
    pub tip: String,
    pub command: Option<AnyCommand>,
}

impl Fact {
    fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into(), tip: String::new(), command: None }
    }
    fn does(mut self, tip: &str, command: impl Into<AnyCommand>) -> Self {
        tip.clone_into(&mut self.tip);
        self.command = Some(command.into());
        self
    }
}

/// Facts at the left of the status bar: branch and changes, trust, kernel, what the page says.
pub fn status_left(state: &AppState) -> Vec<Fact> {
    let mut facts = Vec::new();
    let status = &state.git.status;
    match state.git.branch() {
        Some(branch) => {
            let ahead = match status.ahead_behind {
                Some((0, 0)) | None => String::new(),
                Some((a, 0)) => format!(", {a} ahead"),
                Some((0, b)) => format!(", {b} behind"),
                Some((a, b)) => format!(", {a} ahead, {b} behind"),
            };
            let branches = git::work::Command::Ask(git::work::Ask::Branches);
            facts.push(Fact::new(Tone::Branch, branch + &ahead).does("Branches (Ctrl+Shift+B)", branches));
            if status.underway != Underway::Nothing {
                let words = format!("{} underway", status.underway.word());
                let words = words[..1].to_uppercase() + &words[1..];
                facts
                    .push(Fact::new(Tone::Warning, words).does("What is to be decided", conflict::Command::Open(None)));
            }
            let changed = status.count();
            if changed > 0 {
                let words = text::count(changed, "change");
                facts.push(Fact::new(Tone::Plain, words).does("Commit\u{2026}", git::Command::OpenCommit(Vec::new())));
            }
        }
        None if state.git.loaded && !state.workspace.is_repo => {
            facts.push(Fact::new(Tone::Plain, "Not a git repository").does("Make it one", git::Command::Init));
        }
        None => {}
    }
    if state.workspace.root.is_some() && !state.workspace.trusted {
        let ask = workspace::Command::AskTrust(None);
        facts.push(Fact::new(Tone::Warning, "Not trusted: nothing runs").does("Trust this folder\u{2026}", ask));
    }
    if state.shell.page == Page::Notebook {
        facts.extend(notebook::status_facts(state).into_iter().map(|f| Fact::new(Tone::Plain, f)));
    } else if let Some(kernel) = notebook::kernel_fact(state) {
        facts.push(Fact::new(Tone::Plain, kernel).does("The notebook it runs for", Command::Go(Page::Notebook)));
    }
    facts
}

/// Facts at the right of the status bar: what runs now, and how the last run ended.
pub fn status_right(state: &AppState, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    // Newest first within a pipeline, so what still runs is at the front.
    let runs = || state.runs.runs.values().flat_map(|all| all.iter().take(8));
    let running: Vec<_> = runs().filter(|r| !r.state.is_final()).collect();
    match running.as_slice() {
        [] => {}
        [run] => facts
            .push(Fact::new(Tone::Running, run.title()).does("It is running", runs::Command::OpenRun(run.id.clone()))),
        many => {
            let words = format!("{} running", text::count(many.len() as u64, "run"));
            facts.push(Fact::new(Tone::Running, words).does("Runs", Command::Go(Page::Runs)));
        }
    }
    let jobs = state.jobs.iter().filter(|j| now.as_millisecond() - j.since.as_millisecond() > LASTING_MS).count();
    if jobs > 0 {
        let words = text::count(jobs as u64, "job");
        facts.push(Fact::new(Tone::Running, words).does("What is being done, with cancel", Command::ToggleJobs));
    }
    if let Some((run, at)) = runs().filter_map(|r| Some((r, r.ended_at?))).max_by_key(|(_, at)| *at) {
        let tone = match run.state {
            s if s.is_bad() => Tone::Failed,
            RunState::Success => Tone::Success,
            _ => Tone::Plain,
        };
        let words = format!("{} {}, {}", run.title(), run.state.word().to_lowercase(), time::when(at, now));
        facts.push(Fact::new(tone, words).does("The last run", runs::Command::OpenRun(run.id.clone())));
    }
    facts
}

/// Work that ends sooner is not worth a flicker.
pub const LASTING_MS: i64 = 700;

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
    all.extend(conflict::actions(state));
    all.extend(search::actions(state));
    all.extend(settings::actions(state));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::git::{Change, FileState, Head};

    #[test]
    fn the_status_bar_tells_branch_changes_and_trust() {
        let mut state = AppState::default();
        assert!(status_left(&state).is_empty() && status_right(&state, Timestamp::UNIX_EPOCH).is_empty());
        state.workspace.root = Some("/w".into());
        state.workspace.is_repo = true;
        state.git.loaded = true;
        state.git.status.head = Head::Branch { branch: "main".into(), commit: "0".repeat(40) };
        state.git.status.ahead_behind = Some((2, 0));
        state.git.status.files.push(FileState {
            path: "a".into(),
            old_path: None,
            staged: None,
            changed: Some(Change::Modified),
            untracked: false,
            conflicted: false,
        });
        let words = |state: &AppState| status_left(state).into_iter().map(|f| f.text).collect::<Vec<_>>();
        assert_eq!(words(&state), ["main, 2 ahead", "1 change", "Not trusted: nothing runs"]);
        state.workspace.trusted = true;
        assert_eq!(words(&state).len(), 2);
        let job = super::super::state::JobRow {
            id: 1,
            key: "k".into(),
            title: "Reading".into(),
            share: None,
            note: String::new(),
            since: Timestamp::UNIX_EPOCH,
            cancelling: false,
        };
        state.jobs.push(job);
        assert!(status_right(&state, Timestamp::UNIX_EPOCH).is_empty(), "it may end at once");
        let later = Timestamp::from_second(2).unwrap();
        assert_eq!(status_right(&state, later)[0].text, "1 job");
    }
}

//! The opened folder: its files, trust, and what was open before.
mod keep;

pub(in crate::app) use keep::run as keep;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    AppState, Command as AnyCommand, Cx, Effect, Env, Job, Out, Policy,
    action::Action,
    conflict, data, dispatch, notebook,
    notify::Notice,
    quality, runs,
    shell::{self, Dialog, Page},
};
use crate::{
    base::{Error, Result, job::JobCtx},
    engine::{sample, workspace as engine},
    model::workspace::{Config, Entry, FileKind, Recent},
};

/// What is known of the opened folder.
#[derive(Debug, Default)]
pub struct State {
    pub root: Option<PathBuf>,
    pub name: String,
    pub config: Config,
    pub entries: Arc<Vec<Entry>>,
    /// The tree was cut at its limit.
    pub cut: bool,
    pub is_repo: bool,
    pub trusted: bool,
    /// Counts opened workspaces; events of older ones are dropped.
    pub generation: u64,
    /// A folder being opened.
    pub opening: Option<String>,
    /// Why the last one could not be opened.
    pub error: Option<Error>,
    /// andon.toml could not be read.
    pub config_error: Option<Error>,
    /// Folders shown with their contents.
    pub expanded: BTreeSet<String>,
    pub recents: Vec<Recent>,
    /// The file to show once the folder is open.
    pub then_open: Option<String>,
    /// The last vanished root was said once.
    pub gone: bool,
}

impl State {
    /// The files of a kind, in tree order.
    pub fn files(&self, kind: FileKind) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |e| e.kind == kind)
    }
    /// Rows of the tree that are not inside a folded folder.
    pub fn visible(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| {
            let mut parent = e.parent();
            while !parent.is_empty() {
                if !self.expanded.contains(parent) {
                    return false;
                }
                parent = parent.rsplit_once('/').map_or("", |(p, _)| p);
            }
            true
        })
    }
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens a folder, or the folder around a file and then the file.
    Open(PathBuf),
    /// Opens a shipped sample by its name.
    OpenSample(String),
    /// Shows the system's folder dialog; where there is none the path can be typed.
    PickFolder,
    /// Closes the folder and shows the start page.
    Close,
    /// Asks whether to trust the folder, then does this.
    AskTrust(Option<Box<AnyCommand>>),
    /// The person trusts it.
    Trust { then: Option<Box<AnyCommand>> },
    /// Looks again.
    Refresh,
    /// Folds or unfolds a folder of the tree.
    ToggleFolder(String),
    /// Opens a file by what it is; relative to the root.
    OpenFile(String),
    /// Goes where a link in a text of a person leads: to the web, or to a file of the workspace.
    Follow(String),
    /// Takes a workspace off the list of recent ones.
    Forget(String),
    /// Writes bytes of an output, in base64, to a file, or opens them with the system's program.
    KeepFile { name: String, base64: Arc<str>, open: bool },
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    /// A folder, and a file below it to show.
    Opened(Arc<engine::Opened>, Option<String>),
    Failed {
        path: String,
        error: Error,
    },
    Scanned {
        entries: Arc<Vec<Entry>>,
        cut: bool,
    },
    /// andon.toml as it is now.
    Configured(Box<Result<Config>>),
    Vanished,
    Changed(Vec<String>),
    Recents(Vec<Recent>),
    Picked(PathBuf),
    /// No folder dialog could be shown, or it was closed.
    NotPicked {
        available: bool,
    },
    /// Bytes of an output are a file now.
    Kept {
        path: PathBuf,
        open: bool,
    },
}

/// Work off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Open(PathBuf),
    OpenSample(String),
    Pick,
    Scan,
    /// Reads andon.toml anew.
    Config,
    Trust,
    LoadRecents,
    Forget(String),
    KeepFile {
        name: String,
        base64: Arc<str>,
        open: bool,
    },
    /// Starts noticing changes on disk.
    Watch,
    /// Notes how much was red, for the list of recent ones.
    Red {
        root: PathBuf,
        red: u32,
    },
}

/// Some(effects): the folder is not trusted, the question is being asked and `then` follows a yes.
pub fn require_trust(state: &mut AppState, then: impl Into<AnyCommand>) -> Option<Vec<Effect>> {
    if state.workspace.trusted {
        return None;
    }
    state.shell.dialog = Some(Dialog::Trust { then: Some(Box::new(then.into())) });
    Some(Vec::new())
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Open(path) => {
            state.workspace.opening = Some(path.display().to_string());
            state.workspace.error = None;
            state.shell.dialog = None;
            vec![Job::io("workspace.open", Task::Open(path)).titled("Opening the folder").start()]
        }
        Command::OpenSample(name) => {
            state.workspace.opening = Some(name.clone());
            state.workspace.error = None;
            vec![Job::io("workspace.open", Task::OpenSample(name)).titled("Preparing the sample").start()]
        }
        Command::KeepFile { name, base64, open } => {
            vec![Job::long("workspace.keep", Task::KeepFile { name, base64, open }).start()]
        }
        Command::PickFolder => vec![Job::long("workspace.pick", Task::Pick).start()],
        Command::Close => close(state, cx),
        Command::AskTrust(then) => {
            state.shell.dialog = Some(Dialog::Trust { then });
            Vec::new()
        }
        Command::Trust { then } => {
            state.workspace.trusted = true;
            state.shell.dialog = None;
            let mut effects = vec![Job::io("workspace.trust", Task::Trust).policy(Policy::Queue).start()];
            effects.extend(super::notebook::trusted(state));
            effects.push(super::connections::keep(state));
            if let Some(then) = then {
                effects.extend(dispatch::dispatch(state, *then, cx));
            }
            effects
        }
        Command::Refresh => {
            let mut effects = vec![scan()];
            effects.extend(dispatch::files_changed(state, &[], cx));
            effects
        }
        Command::ToggleFolder(path) => {
            let set = &mut state.workspace.expanded;
            if !set.remove(&path) {
                set.insert(path);
            }
            Vec::new()
        }
        Command::OpenFile(path) => open_file(state, &path, cx),
        Command::Follow(address) => follow(state, &address, cx),
        Command::Forget(path) => {
            state.workspace.recents.retain(|r| r.path != path);
            vec![Job::io("workspace.forget", Task::Forget(path)).policy(Policy::Queue).start()]
        }
    }
}

fn scan() -> Effect {
    Job::io("workspace.scan", Task::Scan).start()
}

fn close(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    let mut effects = conflict::keep_now(state, cx);
    let workspace = std::mem::take(&mut state.workspace);
    let (shell, settings) = (std::mem::take(&mut state.shell), std::mem::take(&mut state.settings));
    *state = AppState { shell, settings, ..AppState::default() };
    state.workspace.generation = workspace.generation + 1;
    state.workspace.recents = workspace.recents;
    state.shell.page = Page::Home;
    effects.push(load_recents());
    effects
}

fn load_recents() -> Effect {
    Job::io("workspace.recents", Task::LoadRecents).start()
}

/// Reads andon.toml anew.
pub fn read_config() -> Effect {
    Job::io("workspace.config", Task::Config).policy(Policy::Latest).start()
}

/// Shows a file where it belongs.
pub fn open_file(state: &mut AppState, path: &str, cx: &Cx) -> Vec<Effect> {
    match FileKind::of(path) {
        FileKind::Folder => command(state, Command::ToggleFolder(path.to_owned()), cx),
        FileKind::Data => {
            state.shell.page = Page::Data;
            data::open_path(state, path, cx)
        }
        FileKind::Pipeline => runs::open_path(state, path, cx),
        FileKind::Check => quality::open_path(state, path, cx),
        _ => {
            state.shell.page = Page::Notebook;
            notebook::open_path(state, path, cx)
        }
    }
}

/// A link that somebody wrote: only the web, mail and files of this workspace are gone to.
fn follow(state: &mut AppState, address: &str, cx: &Cx) -> Vec<Effect> {
    if ["https://", "http://", "mailto:"].iter().any(|s| address.starts_with(s)) {
        return vec![Effect::Open(address.to_owned())];
    }
    let path = address.split(['#', '?']).next().unwrap_or_default().trim_start_matches("./").replace("%20", " ");
    if state.workspace.entries.iter().any(|e| e.path == path) {
        return open_file(state, &path, cx);
    }
    vec![Effect::Notice(Notice::error(&Error::user(format!("{address} is not in this workspace"))))]
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Opened(opened, document) => return opened_event(state, &opened, document, cx),
        Event::Failed { path, error } => {
            state.workspace.opening = None;
            state.workspace.error = Some(error.clone());
            tracing::warn!("could not open {path}: {error}");
            if state.workspace.root.is_some() {
                return vec![Effect::Notice(Notice::error(&error))];
            }
            return vec![load_recents()];
        }
        Event::Scanned { entries, cut } => {
            state.workspace.entries = entries;
            state.workspace.cut = cut;
            state.workspace.gone = false;
        }
        Event::Configured(read) => match *read {
            Ok(config) => {
                let new = config.warnings.iter().filter(|w| !state.workspace.config.warnings.contains(w));
                let effects = new.map(|w| Effect::Notice(Notice::info(w.clone()))).collect::<Vec<_>>();
                let connections = config.connections != state.workspace.config.connections;
                (state.workspace.config, state.workspace.config_error) = (config, None);
                let keep = connections.then(|| super::connections::keep(state));
                return effects.into_iter().chain(keep).collect();
            }
            Err(error) => {
                let known = state.workspace.config_error.as_ref() == Some(&error);
                state.workspace.config_error = Some(error.clone());
                // What was read before still counts.
                return if known { Vec::new() } else { vec![Effect::Notice(Notice::error(&error))] };
            }
        },
        Event::Vanished => {
            if !std::mem::replace(&mut state.workspace.gone, true) {
                let error = Error::io(format!("The folder {} is gone", state.workspace.name))
                    .hint("What you have not saved is still here; save it somewhere else");
                return vec![Effect::Notice(Notice::error(&error))];
            }
        }
        Event::Changed(paths) => {
            let mut effects = Vec::new();
            if paths.iter().any(|p| !p.starts_with(".git/") && !p.starts_with(".andon/")) {
                effects.push(scan());
            }
            if paths.iter().any(|p| p == "andon.toml") {
                effects.push(read_config());
            }
            effects.extend(dispatch::files_changed(state, &paths, cx));
            return effects;
        }
        Event::Recents(recents) => state.workspace.recents = recents,
        Event::Picked(path) => return command(state, Command::Open(path), cx),
        Event::Kept { path, open: true } => return vec![Effect::Open(path.display().to_string())],
        Event::Kept { path, open: false } => {
            return vec![Effect::Notice(Notice::success(format!("Saved as {}", path.display())))];
        }
        Event::NotPicked { available } => {
            if !available {
                state.shell.dialog = Some(Dialog::OpenFolder { typed: String::new() });
            }
        }
    }
    Vec::new()
}

fn opened_event(state: &mut AppState, opened: &engine::Opened, document: Option<String>, cx: &Cx) -> Vec<Effect> {
    let kept = conflict::keep_now(state, cx);
    // A new folder starts from nothing but what belongs to the person.
    let generation = state.workspace.generation + 1;
    let recents = std::mem::take(&mut state.workspace.recents);
    let then_open = state.workspace.then_open.take().or(document);
    let (mut shell, settings) = (std::mem::take(&mut state.shell), std::mem::take(&mut state.settings));
    let same_page = state.workspace.root.is_none() && shell.page != Page::Home;
    shell.palette = None;
    shell.dialog = None;
    if !same_page {
        shell.page = opened.config.default_page.as_deref().and_then(Page::parse).unwrap_or_default();
    }
    let folder = opened.root.file_name().map_or_else(|| "/".to_owned(), |n| n.to_string_lossy().into_owned());
    *state = AppState {
        shell,
        settings,
        workspace: State {
            root: Some(opened.root.clone()),
            name: opened.config.name.clone().unwrap_or(folder),
            config: opened.config.clone(),
            entries: Arc::new(opened.entries.clone()),
            cut: opened.cut,
            is_repo: opened.is_repo,
            trusted: opened.trusted,
            config_error: opened.config_error.clone(),
            generation,
            recents,
            expanded: opened
                .entries
                .iter()
                .filter(|e| e.kind == FileKind::Folder && e.depth == 0)
                .map(|e| e.path.clone())
                .collect(),
            ..State::default()
        },
        ..AppState::default()
    };
    let mut effects = vec![Job::io("workspace.watch", Task::Watch).start(), load_recents()];
    effects.extend(kept);
    if let Some(error) = &opened.config_error {
        effects.push(Effect::Notice(Notice::error(error)));
    }
    effects.extend(opened.config.warnings.iter().map(|w| Effect::Notice(Notice::info(w.clone()))));
    effects.extend(dispatch::opened(state, cx));
    if let Some(path) = then_open {
        effects.extend(open_file(state, &path, cx));
    }
    effects
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Open(path) => open(&path, env, cx, out),
        Task::OpenSample(name) => match sample::open(&env.dirs, &name, cx) {
            // The sample came with the program, so it is trusted from the start.
            Ok(root) => open(&root, env, cx, out),
            Err(error) => out.send(Event::Failed { path: name, error }),
        },
        Task::Pick => pick(out),
        Task::Scan => {
            let root = env.root()?;
            if root.is_dir() {
                let (entries, cut) = engine::scan(&root, cx)?;
                out.send(Event::Scanned { entries: Arc::new(entries), cut });
            } else {
                out.send(Event::Vanished);
            }
        }
        Task::Config => out.send(Event::Configured(Box::new(engine::read_config(&env.root()?)))),
        Task::Trust => engine::remember(&env.dirs, &env.root()?, |r| r.trusted = true)?,
        Task::LoadRecents => out.send(Event::Recents(engine::recents(&env.dirs))),
        Task::Red { root, red } => engine::note_red(&env.dirs, &root, red)?,
        Task::KeepFile { name, base64, open } => keep::run(&name, &base64, open, env, out)?,
        Task::Forget(path) => engine::forget(&env.dirs, &path)?,
        Task::Watch => {
            let news = out.clone();
            let watch = engine::watch(&env.root()?, move |paths| news.send(Event::Changed(paths)));
            env.set_watch(Some(watch?));
        }
    }
    Ok(())
}

fn open(path: &Path, env: &Arc<Env>, cx: &JobCtx, out: &Out) {
    let (folder, document) = engine::folder_of(path);
    match engine::open(&folder, &env.dirs, cx) {
        Ok(opened) => {
            let now = env.clock.now().as_second();
            let name = opened.config.name.clone();
            let trusted = opened.trusted;
            let noted = engine::remember(&env.dirs, &opened.root, |r| {
                r.opened = now;
                r.trusted |= trusted;
                if let Some(name) = name {
                    r.name = name;
                }
            });
            if let Err(e) = noted {
                tracing::warn!("{e}");
            }
            env.set_root(Some(opened.root.clone()));
            out.send(Event::Opened(Arc::new(opened), document));
        }
        Err(error) => out.send(Event::Failed { path: path.display().to_string(), error }),
    }
}

#[cfg(feature = "gui")]
fn pick(out: &Out) {
    // Without a portal rfd answers None at once; a dialog that a person closes has been open longer than that.
    let since = std::time::Instant::now();
    match rfd::FileDialog::new().set_title("Open a folder").pick_folder() {
        Some(path) => out.send(Event::Picked(path)),
        None => out.send(Event::NotPicked { available: since.elapsed().as_millis() > 700 }),
    }
}

#[cfg(not(feature = "gui"))]
fn pick(out: &Out) {
    out.send(Event::NotPicked { available: false });
}

/// What the palette offers: open, trust, every file.
pub fn actions(state: &AppState) -> Vec<Action> {
    let mut all = vec![
        Action::new("Workspace", "Open a folder\u{2026}", Command::PickFolder).icon("folder-open").key("Ctrl+O"),
        Action::new(
            "Workspace",
            "Open a folder by its path\u{2026}",
            shell::Command::ShowDialog(Dialog::OpenFolder { typed: String::new() }),
        )
        .icon("folder-open"),
    ];
    for s in sample::list() {
        all.push(
            Action::new("Workspace", format!("Open the sample {}", s.title), Command::OpenSample(s.name.clone()))
                .icon("package"),
        );
    }
    if state.workspace.root.is_none() {
        return all;
    }
    let open = !state.workspace.trusted;
    all.push(Action::new("Workspace", "Close the folder", Command::Close).icon("x"));
    all.push(Action::new("Workspace", "Look for changes on disk", Command::Refresh).icon("refresh-cw").key("F5"));
    all.push(
        Action::new("Workspace", "Trust this folder\u{2026}", Command::AskTrust(None))
            .icon("shield-check")
            .only_if(open, "It is trusted"),
    );
    let files = state.workspace.entries.iter().filter(|e| e.kind != FileKind::Folder && e.kind != FileKind::Other);
    all.extend(
        files.map(|e| Action::new("Files", e.path.clone(), Command::OpenFile(e.path.clone())).icon(e.kind.icon())),
    );
    all
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::time::FixedClock;

    fn opened(trusted: bool) -> Event {
        let entry = |path: &str, kind, depth| Entry { path: path.into(), kind, size: 1, modified: 0, depth };
        Event::Opened(
            Arc::new(engine::Opened {
                root: "/w/demo".into(),
                config: Config::default(),
                config_error: None,
                entries: vec![
                    entry("data", FileKind::Folder, 0),
                    entry("data/sub", FileKind::Folder, 1),
                    entry("data/sub/a.csv", FileKind::Data, 2),
                ],
                cut: false,
                is_repo: true,
                trusted,
            }),
            None,
        )
    }

    #[test]
    fn opening_a_folder_replaces_everything_but_the_persons_own() {
        let clock = FixedClock(jiff::Timestamp::UNIX_EPOCH);
        let cx = Cx { clock: &clock };
        let mut state = AppState::default();
        state.shell.hide_inspector = true;
        state.workspace.recents.push(Recent { path: "/x".into(), name: "x".into(), trusted: false, opened: 0, red: 0 });
        event(&mut state, opened(false), &cx);
        assert_eq!((state.workspace.name.as_str(), state.workspace.generation), ("demo", 1));
        assert!(state.shell.hide_inspector);
        assert_eq!(state.workspace.recents.len(), 1);
        let rows: Vec<_> = state.workspace.visible().map(|e| e.path.as_str()).collect();
        assert_eq!(rows, ["data", "data/sub"], "folders of the top level are unfolded, deeper ones are not");
    }

    #[test]
    fn an_untrusted_folder_asks_first_and_then_does_what_was_asked() {
        let clock = FixedClock(jiff::Timestamp::UNIX_EPOCH);
        let cx = Cx { clock: &clock };
        let mut state = AppState::default();
        event(&mut state, opened(false), &cx);
        assert!(require_trust(&mut state, shell::Command::Go(Page::Runs)).is_some());
        let Some(Dialog::Trust { then }) = state.shell.dialog.clone() else { panic!("no question") };
        command(&mut state, Command::Trust { then }, &cx);
        assert_eq!(state.shell.page, Page::Runs);
        assert!(require_trust(&mut state, shell::Command::Go(Page::Runs)).is_none());
    }

    #[test]
    fn edits_outlive_the_folder_they_were_made_in() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("work").canonicalize().unwrap_or_else(|_| dir.path().join("work"));
        fs::create_dir(&root).unwrap();
        let mut first = crate::model::notebook::Notebook::new_empty();
        first.insert(0, crate::model::notebook::CellKind::Code, "1").unwrap();
        fs::write(root.join("n.ipynb"), first.to_bytes()).unwrap();
        let dirs = crate::engine::dirs::Dirs::below(&dir.path().join("home"));
        dirs.create().unwrap();
        let clock = Arc::new(crate::base::time::SystemClock);
        let mut host = crate::app::host::Host::new(dirs, clock, Arc::new(crate::app::env::NoWaker)).unwrap();
        let settle = |host: &mut crate::app::host::Host| assert!(host.settle(std::time::Duration::from_secs(20)));
        host.send(Command::Open(root.clone()));
        settle(&mut host);
        host.send(Command::OpenFile("n.ipynb".to_owned()));
        settle(&mut host);
        host.send(notebook::Command::Insert { kind: crate::model::notebook::CellKind::Code, above: false });
        assert!(host.state.notebook.doc().unwrap().is_dirty());
        // Somebody renames the folder meanwhile.
        fs::rename(&root, dir.path().join("elsewhere")).unwrap();
        host.send(Command::Refresh);
        settle(&mut host);
        assert!(host.state.workspace.gone);
        let said = host.state.notices.shown.iter().filter(|n| n.title.contains("is gone")).count();
        assert_eq!(said, 1, "{:?}", host.state.notices.shown);
        host.send(notebook::Command::Save);
        settle(&mut host);
        let doc = host.state.notebook.doc().unwrap();
        assert!(doc.is_dirty() && doc.save_error.is_some(), "{:?}", doc.save_error);
        assert!(!root.exists(), "no empty folder takes the place of the one that was renamed");
        let id = doc.id;
        // It comes back: what lies there is not written over before the person says so.
        fs::rename(dir.path().join("elsewhere"), &root).unwrap();
        host.send(notebook::Command::Save);
        settle(&mut host);
        assert!(host.state.notebook.doc().unwrap().is_dirty());
        host.send(notebook::Command::SaveOver(id));
        settle(&mut host);
        assert!(!host.state.notebook.doc().unwrap().is_dirty(), "{:?}", host.state.notebook.doc().unwrap().save_error);
        assert_eq!(fs::read_to_string(root.join("n.ipynb")).unwrap().matches("cell_type").count(), 2);
    }
}

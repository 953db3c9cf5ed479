//! The person's settings: theme, motion, what is asked before a run. Kept in settings.toml of the config folder.
use std::{collections::BTreeMap, fs, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{AppState, Cx, Effect, Env, Job, Out, Policy, action::Action, notify::Notice, review::Look, shell::Page};
use crate::{
    base::{Error, Result, fsx, job::JobCtx},
    model::kernel::Discovery,
};

/// What can be set. Unknown keys of the file are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `system`, `dark`, `light` or the name of a theme of one's own.
    pub theme: String,
    /// Nothing moves or fades.
    pub reduced_motion: bool,
    /// Notifications of the desktop when a run fails while the window is elsewhere.
    pub desktop_notices: bool,
    /// Lines longer than their side of a comparison go on below instead of being cut.
    pub wrap_lines: bool,
    /// How two pictures are compared on the review page.
    pub review_pictures: Look,
    /// For how many minutes a kernel that does nothing is kept when its window is closed.
    pub keep_kernels: u64,
    #[serde(flatten)]
    pub other: toml::Table,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: "dark".to_owned(),
            reduced_motion: false,
            desktop_notices: true,
            wrap_lines: true,
            review_pictures: Look::default(),
            keep_kernels: 10,
            other: toml::Table::new(),
        }
    }
}

/// Part of the settings page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Section {
    #[default]
    Connections,
    Workspace,
    Git,
    Kernels,
    Appearance,
    Keys,
    Store,
    About,
}

/// Settings and what the page shows.
#[derive(Debug, Default)]
pub struct State {
    pub values: Settings,
    pub section: Section,
    /// Themes of the person's own: name and TOML.
    pub themes: BTreeMap<String, String>,
    /// Files that could not be read.
    pub problems: Vec<Error>,
    pub facts: Option<Arc<Facts>>,
    /// What can run notebook cells; none until somebody looked.
    pub kernels: Option<Arc<Discovery>>,
    /// Kernels are being looked for.
    pub looking: bool,
    /// Why they could not be looked for.
    pub kernels_error: Option<Error>,
}

impl State {
    /// The theme to use now.
    pub fn theme_name(&self, system_is_light: bool) -> String {
        match self.values.theme.as_str() {
            "system" => if system_is_light { "light" } else { "dark" }.to_owned(),
            name => name.to_owned(),
        }
    }
    /// The TOML of a theme of the person's own.
    pub fn theme_source(&self, name: &str) -> Option<&str> {
        self.themes.get(name).map(String::as_str)
    }
}

/// What was measured of the workspace and the machine for the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Size of `.andon/`, bytes, and of its store.
    pub andon_bytes: u64,
    pub store_bytes: u64,
    pub data_dir: String,
    pub config_file: String,
    /// `Some(sentence)`: no secret can be kept, and why.
    pub keyring_problem: Option<String>,
    pub keyring_ok: bool,
    /// Name and mail commits are made under.
    pub author: Option<String>,
    pub remote: Option<String>,
}

/// What a person can ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Load,
    Show(Section),
    SetTheme(String),
    SetReducedMotion(bool),
    SetDesktopNotices(bool),
    SetWrapLines(bool),
    SetPictures(Look),
    SetKeepKernels(u64),
    /// Looks at the store, the keyring and git again.
    Measure,
    /// Looks for kernels again, asking every interpreter anew.
    LookForKernels,
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Loaded { values: Settings, themes: BTreeMap<String, String>, problems: Vec<Error> },
    Measured(Arc<Facts>),
    Kernels(Box<Result<Discovery>>),
}

/// Work off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Load,
    Save(Settings),
    Measure,
    Kernels { refresh: bool },
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    let values = &mut state.settings.values;
    match command {
        Command::Load => return vec![Job::io("settings.load", Task::Load).start()],
        Command::Show(section) => {
            state.settings.section = section;
            let mut effects = vec![Job::io("settings.measure", Task::Measure).start()];
            if section == Section::Kernels && state.settings.kernels.is_none() {
                effects.extend(look(state, false));
            }
            if section == Section::Connections {
                let look = super::notebook::kernels::Command::LookAtServers;
                effects.extend(super::notebook::kernels::command(state, look, cx));
            }
            return effects;
        }
        Command::LookForKernels => return look(state, true),
        Command::Measure => return vec![Job::io("settings.measure", Task::Measure).start()],
        Command::SetTheme(theme) => values.theme = theme,
        Command::SetReducedMotion(on) => values.reduced_motion = on,
        Command::SetDesktopNotices(on) => values.desktop_notices = on,
        Command::SetWrapLines(on) => values.wrap_lines = on,
        Command::SetPictures(look) => values.review_pictures = look,
        Command::SetKeepKernels(minutes) => values.keep_kernels = minutes,
    }
    vec![save(state)]
}

/// Writes the settings as they are now.
pub fn save(state: &AppState) -> Effect {
    Job::io("settings.save", Task::Save(state.settings.values.clone())).policy(Policy::Queue).start()
}

fn keep_kernels(env: &Env, values: &Settings) {
    env.kernels.keep_for(std::time::Duration::from_secs(values.keep_kernels.saturating_mul(60)));
}

fn look(state: &mut AppState, refresh: bool) -> Vec<Effect> {
    state.settings.looking = true;
    state.settings.kernels_error = None;
    let task = Task::Kernels { refresh };
    vec![Job::io("settings.kernels", task).titled("Looking for kernels").start()]
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, _cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Loaded { values, themes, problems } => {
            state.settings.values = values;
            state.settings.themes = themes;
            let notices = problems.iter().map(|e| Effect::Notice(Notice::error(e))).collect();
            state.settings.problems = problems;
            notices
        }
        Event::Measured(facts) => {
            state.settings.facts = Some(facts);
            Vec::new()
        }
        Event::Kernels(result) => {
            state.settings.looking = false;
            match *result {
                Ok(found) => state.settings.kernels = Some(Arc::new(found)),
                Err(e) if e.is_cancelled() => {}
                Err(e) => state.settings.kernels_error = Some(e),
            }
            Vec::new()
        }
    }
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let file = env.dirs.config.join("settings.toml");
    match task {
        Task::Load => {
            let mut problems = Vec::new();
            let mut values = Settings::default();
            if file.exists() {
                let read = fsx::read_text(&file).and_then(|text| {
                    toml::from_str(&text).map_err(|e| {
                        Error::config(format!("{} cannot be read; the defaults are used", file.display()))
                            .because(&e)
                            .hint(
                                "The file is left alone; when a setting is changed it is kept as settings.damaged.toml",
                            )
                    })
                });
                match read {
                    Ok(found) => values = found,
                    Err(e) => problems.push(e),
                }
            }
            let themes = own_themes(&env.dirs.config.join("themes"), &mut problems);
            keep_kernels(env, &values);
            out.send(Event::Loaded { values, themes, problems });
        }
        Task::Save(values) => {
            keep_kernels(env, &values);
            env.dirs.create()?;
            let text = toml::to_string(&values).map_err(|e| Error::bug("Could not write the settings").because(&e))?;
            // What a person wrote there and Andon could not read is theirs to mend.
            let damaged = |old: String| toml::from_str::<Settings>(&old).is_err();
            if fs::read(&file).is_ok_and(|old| String::from_utf8(old).map_or(true, damaged)) {
                fsx::set_aside(&file)?;
            }
            fsx::write_atomic(&file, text.as_bytes())?;
        }
        Task::Measure => out.send(Event::Measured(Arc::new(measure(env)))),
        Task::Kernels { refresh } => {
            let root = env.root().ok();
            out.send(Event::Kernels(Box::new(env.kernels.discover(root.as_deref(), refresh, cx))));
        }
    }
    Ok(())
}

fn own_themes(dir: &std::path::Path, problems: &mut Vec<Error>) -> BTreeMap<String, String> {
    let Ok(list) = fs::read_dir(dir) else { return BTreeMap::new() };
    let mut all = BTreeMap::new();
    for path in list.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")) {
        match fsx::read_text(&path) {
            Ok(text) => {
                let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                all.insert(name, text);
            }
            Err(e) => problems.push(e),
        }
    }
    all
}

fn measure(env: &Env) -> Facts {
    let mut facts = Facts {
        data_dir: env.dirs.data.display().to_string(),
        config_file: env.dirs.config.join("settings.toml").display().to_string(),
        ..Facts::default()
    };
    match crate::engine::secrets::probe() {
        Ok(()) => facts.keyring_ok = true,
        Err(e) => facts.keyring_problem = Some(e.what),
    }
    if let Ok(root) = env.root() {
        facts.andon_bytes = size_below(&root.join(".andon"), 0);
        facts.store_bytes = fs::metadata(root.join(".andon/andon.db")).map_or(0, |m| m.len());
        if let Ok(Some(repo)) = crate::engine::git::Repo::discover(&root) {
            facts.author = repo.signature();
            facts.remote = repo.origin();
        }
    }
    facts
}

fn size_below(dir: &std::path::Path, depth: usize) -> u64 {
    let Ok(list) = fs::read_dir(dir) else { return 0 };
    let size = |e: fs::DirEntry| match e.metadata() {
        Ok(m) if m.is_dir() && depth < 8 => size_below(&e.path(), depth + 1),
        Ok(m) => m.len(),
        Err(_) => 0,
    };
    list.flatten().map(size).sum()
}

/// A workspace was opened: it may bring kernels of its own.
pub fn opened(state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    state.settings.kernels = None;
    state.settings.looking = false;
    let shown = state.shell.page == Page::Settings && state.settings.section == Section::Kernels;
    if shown { look(state, false) } else { Vec::new() }
}

/// Files changed on disk.
pub fn files_changed(_state: &mut AppState, _paths: &[String], _cx: &Cx) -> Vec<Effect> {
    Vec::new()
}

/// What the palette offers.
pub fn actions(state: &AppState) -> Vec<Action> {
    let current = state.settings.values.theme.as_str();
    let mut names = vec!["dark", "light", "system"];
    names.extend(state.settings.themes.keys().map(String::as_str));
    names
        .into_iter()
        .map(|name| {
            Action::new("View", format!("Use the {name} theme"), Command::SetTheme(name.to_owned()))
                .icon("palette")
                .only_if(name != current, "It is in use")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        app::{Task as AnyTask, env::NoWaker, host::Host},
        base::time::{FixedClock, SystemClock},
        engine::dirs::Dirs,
    };

    #[test]
    fn kernels_are_looked_for_when_their_section_is_opened_and_again_when_asked() {
        let clock = FixedClock(jiff::Timestamp::UNIX_EPOCH);
        let cx = Cx { clock: &clock };
        let mut state = AppState::default();
        let asked = |effects: &[Effect]| {
            effects.iter().find_map(|e| match e {
                Effect::Start(job) => match &job.task {
                    AnyTask::Settings(Task::Kernels { refresh }) => Some(*refresh),
                    _ => None,
                },
                _ => None,
            })
        };
        assert_eq!(asked(&command(&mut state, Command::Show(Section::Git), &cx)), None);
        let effects = command(&mut state, Command::Show(Section::Kernels), &cx);
        assert_eq!(asked(&effects), Some(false));
        assert!(state.settings.looking);
        event(&mut state, Event::Kernels(Box::new(Ok(Discovery::default()))), &cx);
        assert!(!state.settings.looking && state.settings.kernels.is_some());
        assert_eq!(asked(&command(&mut state, Command::Show(Section::Kernels), &cx)), None, "they are known");
        assert_eq!(asked(&command(&mut state, Command::LookForKernels, &cx)), Some(true));
        event(&mut state, Event::Kernels(Box::new(Err(Error::io("no")))), &cx);
        assert!(state.settings.kernels_error.is_some() && state.settings.kernels.is_some(), "what was known stays");
    }

    #[test]
    fn settings_that_cannot_be_read_are_told_and_kept_when_new_ones_are_written() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(home.path());
        dirs.create().unwrap();
        let file = dirs.config.join("settings.toml");
        fs::write(&file, "theme = \"light\"\nreduced_motion = perhaps\n").unwrap();
        let mut host = Host::new(dirs.clone(), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
        host.send(Command::Load);
        assert!(host.settle(Duration::from_secs(20)));
        let problem = &host.state.settings.problems[0];
        assert!(problem.what.contains("settings.toml cannot be read"), "{problem}");
        assert!(problem.to_string().contains("line 2"), "{problem}");
        assert!(host.state.notices.shown.iter().any(|n| n.title == problem.what));
        assert!(fs::read_to_string(&file).unwrap().contains("perhaps"), "reading changes nothing");
        host.send(Command::SetTheme("dark".to_owned()));
        assert!(host.settle(Duration::from_secs(20)));
        assert!(fs::read_to_string(dirs.config.join("settings.damaged.toml")).unwrap().contains("perhaps"));
        assert!(toml::from_str::<Settings>(&fs::read_to_string(&file).unwrap()).is_ok());
    }
}

//! The connected systems without pixels: how each is, its test, and the form that adds or changes one.
//!
//! [`Live`] looks at each of them as often as [`pace`] says, which the host tells it after everything that happens. Runs
//! that change reach the feature `runs`; what is here is about the connections themselves. Those of andon.toml count only
//! in a trusted folder: an address that a stranger wrote is asked nothing and told nothing.
mod form;
mod live;
mod work;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{AppState, Cx, Effect, Job, Policy, notify::Notice, settings::Section, shell::Page, workspace};
use crate::{
    base::{Error, Result},
    model::connect::{Capabilities, Connection, Environment, Health, Probe, RemotePipeline, System},
};

pub use form::{Form, Part, SignIn, Typed};
pub use live::{Live, Pace};
pub use work::run;

/// How often a connection's answers are remembered for the line of the last hour.
pub const TIMES: usize = 60;

/// What is known of a connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct News {
    pub health: Health,
    pub pipelines: Vec<RemotePipeline>,
    /// What it can do, and why not what it cannot.
    pub can: Capabilities,
    /// How long the last answers took, milliseconds, oldest first; none where there was no answer.
    pub times: Vec<Option<u64>>,
    /// There is a secret for it, in the keyring or in a variable.
    pub secret: bool,
}

/// A test of a connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    pub at: Timestamp,
    pub millis: u64,
    pub result: Result<Probe>,
}

/// What the page shows.
#[derive(Debug, Default)]
pub struct State {
    pub news: BTreeMap<String, News>,
    pub tests: BTreeMap<String, Tested>,
    /// Connections that are being tested.
    pub testing: Vec<String>,
    pub selected: Option<String>,
    /// The connection being added or changed.
    pub form: Option<Form>,
    /// A connection to be removed when the person says so.
    pub removing: Option<String>,
}

/// What a person can ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Goes to the page and shows a connection.
    Open(Option<String>),
    Select(String),
    /// Begins a new connection.
    Add,
    Set(Part),
    /// Writes what the form says, and tries it.
    Save,
    /// Leaves the form as it was.
    Discard,
    /// Looks at what answers at the address of the form.
    Detect,
    Test(String),
    TestAll,
    /// Asks the connection for news at once.
    Look(String),
    AskRemove(Option<String>),
    Remove(String),
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    /// A look at a connection, where it changed what is known.
    Looked {
        name: String,
        health: Box<Health>,
        pipelines: Option<Vec<RemotePipeline>>,
        can: Capabilities,
        secret: bool,
    },
    Tested {
        name: String,
        tested: Tested,
    },
    Detected {
        url: String,
        result: Result<System>,
    },
    Saved {
        to: Box<Connection>,
        was: Option<String>,
        notice: Option<Error>,
    },
    NotSaved(Error),
    Removed(String),
}

/// Work off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    /// Looks at these from now on, and at no others.
    Keep(Vec<Connection>),
    Test(Connection),
    Detect {
        url: String,
        ca_file: Option<String>,
        proxy: Option<String>,
    },
    Save {
        form: Box<Form>,
        to: Box<Connection>,
    },
    Look(String),
    Remove(Connection),
}

/// The connections that can be used: those of a trusted folder, then the person's own.
pub fn all(state: &AppState) -> Vec<Connection> {
    let mut all = if state.workspace.trusted { state.workspace.config.connections.clone() } else { Vec::new() };
    let own = state.settings.values.other.get("connections").and_then(toml::Value::as_table);
    for connection in own.map(|t| Connection::all(t, false).0).unwrap_or_default() {
        if all.iter().all(|c| c.name != connection.name) {
            all.push(connection);
        }
    }
    all
}

/// The connection of this name.
pub fn find(state: &AppState, name: &str) -> Option<Connection> {
    all(state).into_iter().find(|c| c.name == name)
}

/// How many connections andon.toml names that do not count because the folder is not trusted.
pub fn untrusted(state: &AppState) -> usize {
    if state.workspace.trusted { 0 } else { state.workspace.config.connections.len() }
}

/// The label of a connection; none for Andon's own runner.
pub fn environment(state: &AppState, name: &str) -> Environment {
    let config = state.workspace.config.connections.iter().find(|c| c.name == name);
    config.map_or_else(|| find(state, name).map_or(Environment::None, |c| c.environment), |c| c.environment)
}

/// How often connections are looked at, judged by what is in front.
pub fn pace(state: &AppState) -> Pace {
    let page = state.shell.page;
    let settings = page == Page::Settings && state.settings.section == Section::Connections;
    Pace { focused: state.shell.focused, near: page == Page::Runs || settings, watched: settings }
}

/// Looks at the connections that count now: after the folder was trusted, or andon.toml or the settings changed.
pub fn keep(state: &AppState) -> Effect {
    Job::io("connections.keep", Task::Keep(all(state))).policy(Policy::Latest).start()
}

/// A workspace was opened.
pub fn opened(state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    state.connections = State::default();
    vec![keep(state)]
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, _cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Open(name) => {
            state.shell.page = Page::Settings;
            state.shell.palette = None;
            state.settings.section = Section::Connections;
            if let Some(name) = name {
                select(state, &name);
            }
        }
        Command::Select(name) => select(state, &name),
        Command::Add => {
            if let Err(question) = trust(state, Command::Add) {
                return question;
            }
            state.connections.selected = None;
            state.connections.form = Some(Form::default());
        }
        Command::Set(part) => {
            if let Some(form) = &mut state.connections.form {
                form.set(part);
            }
        }
        Command::Discard => {
            let known = state.connections.form.take().and_then(|f| f.was);
            if let Some(known) = known {
                select(state, &known);
            }
        }
        Command::Detect => {
            let Some(form) = &mut state.connections.form else { return Vec::new() };
            if form.url.trim().is_empty() || form.detecting {
                return Vec::new();
            }
            form.detecting = true;
            let task = Task::Detect { url: form.url.clone(), ca_file: form.ca_file(), proxy: form.proxy() };
            return vec![Job::io("connections.detect", task).start()];
        }
        Command::Save => return save(state),
        Command::Test(name) => return test(state, &name),
        Command::TestAll => {
            let names: Vec<String> = all(state).into_iter().map(|c| c.name).collect();
            return names.iter().flat_map(|n| test(state, n)).collect();
        }
        Command::Look(name) => return vec![Job::io(format!("connections.look:{name}"), Task::Look(name)).start()],
        Command::AskRemove(name) => state.connections.removing = name,
        Command::Remove(name) => {
            state.connections.removing = None;
            let Some(to) = find(state, &name) else { return Vec::new() };
            let mut effects = Vec::new();
            if !to.shared {
                effects.extend(write_own(state, &name, None));
            }
            let job = Job::io(format!("connections.change:{name}"), Task::Remove(to)).policy(Policy::Queue);
            effects.push(job.start());
            return effects;
        }
    }
    Vec::new()
}

fn trust(state: &mut AppState, then: Command) -> Result<(), Vec<Effect>> {
    workspace::require_trust(state, then).map_or(Ok(()), Err)
}

fn select(state: &mut AppState, name: &str) {
    let form = find(state, name).map(|to| Form::of(&to));
    if let Some(form) = form {
        state.connections.selected = Some(name.to_owned());
        state.connections.form = Some(form);
    }
}

fn save(state: &mut AppState) -> Vec<Effect> {
    let names: Vec<String> = all(state).into_iter().map(|c| c.name).collect();
    let Some(form) = &mut state.connections.form else { return Vec::new() };
    let Some(to) = form.connection(&names) else { return Vec::new() };
    form.saving = true;
    let form = form.clone();
    let mut effects = Vec::new();
    if !to.shared {
        if let Some(was) = form.was.as_ref().filter(|w| **w != to.name) {
            write_own(state, was, None);
        }
        effects.extend(write_own(state, &to.name, Some(&to)));
    }
    if !state.connections.testing.contains(&to.name) {
        state.connections.testing.push(to.name.clone());
    }
    let title = format!("Testing {}", to.name);
    let task = Task::Save { form: Box::new(form), to: Box::new(to) };
    effects.push(Job::long("connections.save", task).titled(title).policy(Policy::Queue).start());
    effects
}

/// Puts a connection into the person's own settings, or takes it out.
fn write_own(state: &mut AppState, name: &str, to: Option<&Connection>) -> Vec<Effect> {
    let other = &mut state.settings.values.other;
    let own = other.entry("connections").or_insert_with(|| toml::Table::new().into());
    if let Some(table) = own.as_table_mut() {
        match to {
            Some(to) => drop(table.insert(name.to_owned(), to.to_table().into())),
            None => drop(table.remove(name)),
        }
    }
    vec![super::settings::save(state), keep(state)]
}

fn test(state: &mut AppState, name: &str) -> Vec<Effect> {
    let Some(to) = find(state, name) else { return Vec::new() };
    if !state.connections.testing.contains(&to.name) {
        state.connections.testing.push(to.name.clone());
    }
    let title = format!("Testing {name}");
    vec![Job::long(format!("connections.test:{name}"), Task::Test(to)).titled(title).start()]
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, _cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Looked { name, health, pipelines, can, secret } => {
            let listed = pipelines.is_some();
            let news = state.connections.news.entry(name.clone()).or_default();
            news.times.push(health.failing.is_none().then_some(health.millis).flatten());
            let extra = news.times.len().saturating_sub(TIMES);
            news.times.drain(..extra);
            (news.health, news.can, news.secret) = (*health, can, secret);
            let mut changed = false;
            if let Some(all) = pipelines {
                changed = news.pipelines != all;
                news.pipelines = all;
            }
            if listed && changed {
                super::runs::pipelines_changed(state);
            }
        }
        Event::Tested { name, tested } => {
            state.connections.testing.retain(|n| *n != name);
            state.connections.tests.insert(name, tested);
        }
        Event::Detected { url, result } => {
            if let Some(form) = &mut state.connections.form {
                form.detected(&url, result);
            }
        }
        Event::Saved { to, was, notice } => {
            let name = to.name.clone();
            let mut effects: Vec<Effect> = notice.iter().map(|e| Effect::Notice(Notice::error(e))).collect();
            if let Some(was) = was.filter(|w| *w != name) {
                state.connections.news.remove(&was);
                state.connections.tests.remove(&was);
            }
            // The form is of what is written now; andon.toml is read anew by itself, which brings the connection.
            state.connections.form = Some(Form::of(&to));
            state.connections.selected = Some(name.clone());
            let place = if to.shared { "andon.toml" } else { "your settings" };
            effects.push(workspace::read_config());
            effects.push(Effect::Notice(Notice::success(format!("{name} is saved in {place}"))));
            return effects;
        }
        Event::NotSaved(error) => {
            if let Some(form) = &mut state.connections.form {
                form.saving = false;
                let name = form.name.trim().to_owned();
                state.connections.testing.retain(|n| *n != name);
            }
            return vec![Effect::Notice(Notice::error(&error))];
        }
        Event::Removed(name) => {
            state.connections.news.remove(&name);
            state.connections.tests.remove(&name);
            if state.connections.selected.as_ref() == Some(&name) {
                (state.connections.selected, state.connections.form) = (None, None);
            }
            return vec![workspace::read_config()];
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::FixedClock;

    const CX: Cx<'static> = Cx { clock: &FixedClock(Timestamp::UNIX_EPOCH) };

    fn added(shared: bool) -> (AppState, Vec<Effect>) {
        let mut state = AppState::default();
        state.workspace.trusted = true;
        command(&mut state, Command::Add, &CX);
        for part in [
            Part::Url("http://127.0.0.1:8080".into()),
            Part::System(System::Airflow),
            Part::Name("lab".into()),
            Part::Environment(Environment::Test),
            Part::Shared(shared),
        ] {
            command(&mut state, Command::Set(part), &CX);
        }
        let effects = command(&mut state, Command::Save, &CX);
        (state, effects)
    }

    fn keys(effects: &[Effect]) -> Vec<String> {
        effects.iter().filter_map(|e| if let Effect::Start(j) = e { Some(j.key.clone()) } else { None }).collect()
    }

    #[test]
    fn a_connection_of_ones_own_is_kept_in_the_settings_and_taken_out_of_them() {
        let (mut state, effects) = added(false);
        assert_eq!(keys(&effects), ["settings.save", "connections.keep", "connections.save"]);
        let kept = find(&state, "lab").unwrap();
        assert_eq!((kept.shared, kept.environment), (false, Environment::Test));
        assert_eq!(kept.url, "http://127.0.0.1:8080/");
        event(&mut state, Event::Saved { to: Box::new(kept), was: None, notice: None }, &CX);
        let form = state.connections.form.as_ref().unwrap();
        assert_eq!((form.was.as_deref(), form.saving, form.shared), (Some("lab"), false, false));
        let effects = command(&mut state, Command::Remove("lab".into()), &CX);
        assert_eq!(keys(&effects), ["settings.save", "connections.keep", "connections.change:lab"]);
        assert!(find(&state, "lab").is_none());
    }

    #[test]
    fn one_for_everybody_is_written_by_the_job_alone_and_tested() {
        let (state, effects) = added(true);
        assert_eq!(keys(&effects), ["connections.save"]);
        assert!(state.settings.values.other.is_empty());
        assert_eq!(state.connections.testing, ["lab"]);
    }
}

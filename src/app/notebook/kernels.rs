//! Which kernel a notebook runs on: the picker, environments that are made or completed, Jupyter Servers.
//!
//! A choice is kept beside the workspace and never changes the notebook's own file; what the file says is shown as what
//! it is and can be rewritten on request.
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use jiff::Timestamp;

use super::{Doc, DocId, KernelWish, RunEnd, Scope, edit, kept, notice, run};
use crate::{
    app::{
        AppState, Cx, Effect, Env, Job, Out, Policy,
        notify::Notice,
        settings,
        shell::{self, Dialog},
        workspace,
    },
    base::{Error, Result, job::JobCtx},
    engine::{
        kernel::{choices, create_environment, install_kernel, requirement_files},
        secrets::{Secret as Token, SecretStore as _},
        workspace::set_server,
    },
    model::{
        jupyter::{Address, Choice, Choices, KIND, Listing, Server},
        kernel::{Discovery, ExecId, Interpreter, KernelSpec, NewEnvironment},
    },
};

/// Key of the job that makes an environment.
pub const ENVIRONMENT: &str = "notebook.environment";

/// Lines of a tool that are kept.
const KEPT_LINES: usize = 200;

/// A question about kernels over the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The list of all that can run cells.
    Pick,
    /// A new environment, from this Python if it is named.
    Environment { base: Option<PathBuf> },
    /// What is being made, or why it failed.
    Making,
    /// A Jupyter Server: a new one, or a new token for one (name and address).
    Server { known: Option<Server> },
}

/// An environment being made or completed.
#[derive(Debug, Clone, PartialEq)]
pub struct Making {
    pub title: String,
    /// What the tools printed, the last lines of it.
    pub lines: Vec<String>,
    pub since: Timestamp,
    /// Why it failed; none while it runs.
    pub error: Option<Error>,
    /// What was asked for, to begin again from.
    again: Command,
    /// The notebook that is to use it.
    doc: Option<DocId>,
}

impl Making {
    /// The last line that says something.
    pub fn last(&self) -> &str {
        self.lines.last().map_or("Starting", String::as_str)
    }
    /// True while it runs.
    pub fn runs(&self) -> bool {
        self.error.is_none()
    }
}

/// What a server said last.
#[derive(Debug, Clone, Default)]
pub struct ServerNews {
    pub looking: bool,
    pub result: Option<Result<Arc<Listing>>>,
}

impl ServerNews {
    /// What it has, if it answered when it was asked last.
    pub fn listing(&self) -> Option<&Listing> {
        self.result.as_ref()?.as_ref().ok().map(|l| &**l)
    }
}

/// What is known of kernels besides those of this machine.
#[derive(Debug, Default)]
pub struct State {
    pub choices: Choices,
    /// By address.
    pub servers: BTreeMap<String, ServerNews>,
    /// When each has answered last, by address, also in earlier windows.
    pub seen: BTreeMap<String, Timestamp>,
    /// The address that is being tried in the form, and what came of it.
    pub test: Option<(String, ServerNews)>,
    /// Files of the workspace that name packages.
    pub offers: Vec<String>,
    /// Kernels are being looked for.
    pub looking: bool,
    /// Why they could not be looked for.
    pub problem: Option<Error>,
}

/// A token on its way to the keyring; it is never printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(****)")
    }
}

/// What a person can ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens the picker and looks around.
    Pick,
    /// Asks all Pythons and servers again.
    LookAgain,
    /// The notebook in front runs on this one.
    Choose(Box<KernelSpec>),
    /// Every notebook of the workspace without a choice of its own runs on what this one runs on.
    ForWorkspace,
    /// The notebook in front, and the workspace, go back to what the files say.
    Forget {
        workspace: bool,
    },
    /// Writes the kernel in use into the notebook's own file.
    WriteIntoFile,
    Ask(Ask),
    /// Makes an environment in the workspace.
    Make {
        folder: String,
        base: Option<PathBuf>,
        packages: Vec<String>,
        requirements: Vec<String>,
    },
    /// Installs ipykernel where it is missing.
    Install(Box<Interpreter>),
    /// The last one again.
    Again,
    Cancel,
    /// Asks a server what it has.
    LookAt(String),
    /// Tries an address and a token, as they are typed.
    Test {
        address: String,
        token: Secret,
    },
    /// The form was changed: what a test said of it counts no more.
    Changed,
    /// Keeps a server that was tried.
    Add {
        name: String,
        address: String,
        token: Secret,
        shared: bool,
    },
    /// Asks before a server is forgotten.
    AskRemove(Server),
    Remove(Server),
    /// Asks all servers what they have.
    LookAtServers,
    /// Ends a kernel of a server.
    Stop {
        url: String,
        kernel: String,
    },
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Chosen(Choices),
    Found {
        result: Box<Result<Discovery>>,
        offers: Vec<String>,
    },
    Line(String),
    Made(Result<Box<KernelSpec>>),
    Seen(BTreeMap<String, Timestamp>),
    Listed {
        url: String,
        result: Result<Arc<Listing>>,
    },
    Tested {
        url: String,
        result: Result<Arc<Listing>>,
    },
    /// Why the keyring did not take the token, if it did not.
    Added {
        server: Server,
        kept: Option<Error>,
    },
    Stopped {
        url: String,
    },
}

/// Work off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Load,
    /// When servers have answered.
    Seen,
    Keep {
        path: Option<String>,
        choice: Option<Choice>,
    },
    Find {
        refresh: bool,
    },
    Make {
        folder: String,
        base: Option<PathBuf>,
        packages: Vec<String>,
        requirements: Vec<String>,
    },
    Install(Box<Interpreter>),
    List {
        url: String,
    },
    Test {
        url: String,
        token: Secret,
    },
    Add {
        server: Server,
        token: Secret,
    },
    Remove(Server),
    Stop {
        url: String,
        kernel: String,
    },
    /// Ends or leaves the kernel that another one takes the place of.
    Switch {
        doc: DocId,
        /// Runs whose outputs the document has.
        done: Vec<ExecId>,
    },
    /// Connects to a running kernel at once.
    Connect {
        doc: DocId,
        wish: KernelWish,
    },
}

/// The Jupyter Servers that can be used here: those of the workspace once it is trusted, then the person's own.
pub fn servers(state: &AppState) -> Vec<Server> {
    let mut all = if state.workspace.trusted { state.workspace.config.servers.clone() } else { Vec::new() };
    let own = state.settings.values.other.get("connections").and_then(toml::Value::as_table);
    all.extend(own.map(|t| Server::all(t, false).0).unwrap_or_default());
    all
}

/// Names of the servers in andon.toml that count only once the folder is trusted.
pub fn servers_waiting(state: &AppState) -> Vec<&str> {
    let all = state.workspace.config.servers.iter().filter(|_| !state.workspace.trusted);
    all.map(|s| s.name.as_str()).collect()
}

/// What counts for a notebook, with whether it is its own choice.
pub fn choice_of<'a>(state: &'a AppState, doc: &Doc) -> Option<(&'a Choice, bool)> {
    let choices = &state.notebook.picker.choices;
    let language = doc.notebook().map(|n| n.language());
    let own = choices.notebooks.contains_key(&doc.path);
    choices.of(&doc.path, language.as_deref()).map(|c| (c, own))
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Pick => pick(state),
        Command::LookAgain => look(state, true),
        Command::Choose(spec) => choose(state, *spec),
        Command::ForWorkspace => {
            let choice = state.notebook.doc().and_then(|d| d.kernel.spec.as_ref()).map(Choice::of);
            state.notebook.picker.choices.workspace.clone_from(&choice);
            vec![keep(None, choice)]
        }
        Command::Forget { workspace } => forget(state, workspace),
        Command::WriteIntoFile => write_into_file(state),
        Command::Ask(ask) => {
            let effects =
                if let Ask::Environment { .. } | Ask::Server { .. } = &ask { look(state, false) } else { Vec::new() };
            state.notebook.picker.test = None;
            state.shell.dialog = Some(Dialog::Kernel(ask));
            effects
        }
        Command::Make { .. } | Command::Install(_) => make(state, command, cx),
        Command::Again => match state.notebook.making.as_ref().map(|m| m.again.clone()) {
            Some(again) => make(state, again, cx),
            None => Vec::new(),
        },
        Command::Cancel => {
            state.notebook.making = None;
            if matches!(state.shell.dialog, Some(Dialog::Kernel(Ask::Making))) {
                state.shell.dialog = None;
            }
            vec![Effect::Cancel(ENVIRONMENT.to_owned())]
        }
        Command::LookAt(url) => vec![list(state, url)],
        Command::Test { address, token } => test(state, &address, token),
        Command::Changed => {
            state.notebook.picker.test = None;
            vec![Effect::Cancel("kernels.test".into())]
        }
        Command::Add { name, address, token, shared } => add(state, name, &address, token, shared),
        Command::AskRemove(server) => ask_remove(state, server),
        Command::Remove(server) => remove(state, server),
        Command::LookAtServers => {
            let mut effects = vec![job("kernels.seen", Task::Seen).start()];
            effects.extend(servers(state).into_iter().map(|s| list(state, s.url)));
            effects
        }
        Command::Stop { url, kernel } => {
            let task = Task::Stop { url: url.clone(), kernel };
            vec![job(format!("kernels.stop:{url}"), task).policy(Policy::Queue).titled("Stopping a kernel").start()]
        }
    }
}

fn job(key: impl Into<String>, task: Task) -> Job {
    Job::long(key, super::Task::Kernels(Box::new(task)))
}

fn keep(path: Option<String>, choice: Option<Choice>) -> Effect {
    job("kernels.keep", Task::Keep { path, choice }).policy(Policy::Queue).start()
}

/// What was chosen before is read when a workspace opens.
pub fn opened(state: &mut AppState) -> Vec<Effect> {
    state.notebook.picker = State::default();
    vec![job("kernels.load", Task::Load).start()]
}

fn pick(state: &mut AppState) -> Vec<Effect> {
    if state.notebook.doc().and_then(Doc::notebook).is_none() {
        return Vec::new();
    }
    state.shell.palette = None;
    state.shell.dialog = Some(Dialog::Kernel(Ask::Pick));
    look(state, false)
}

fn look(state: &mut AppState, refresh: bool) -> Vec<Effect> {
    let mut effects = vec![find(state, refresh)];
    effects.extend(servers(state).into_iter().map(|s| list(state, s.url)));
    effects
}

/// Looks for kernels of this machine.
pub fn find(state: &mut AppState, refresh: bool) -> Effect {
    state.notebook.picker.looking = true;
    job("notebook.kernels", Task::Find { refresh }).titled("Looking for kernels").start()
}

fn list(state: &mut AppState, url: String) -> Effect {
    state.notebook.picker.servers.entry(url.clone()).or_default().looking = true;
    job(format!("kernels.list:{url}"), Task::List { url }).start()
}

/// Uses a kernel for the notebook in front. Its file stays as it is.
fn choose(state: &mut AppState, spec: KernelSpec) -> Vec<Effect> {
    let attach = spec.remote.as_ref().is_some_and(|r| r.kernel.is_some());
    if attach
        && let Some(effects) =
            workspace::require_trust(state, super::Command::Kernels(Command::Choose(Box::new(spec.clone()))))
    {
        return effects;
    }
    state.shell.dialog = None;
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    let (id, path) = (doc.id, doc.path.clone());
    let choice = Choice::of(&spec);
    let mut effects = use_kernel(doc, spec);
    state.notebook.picker.choices.notebooks.insert(path.clone(), choice.clone());
    effects.push(keep(Some(path), Some(choice)));
    if attach && let Some(doc) = state.notebook.by_id(id) {
        let task = Task::Connect { doc: id, wish: run::wish(doc) };
        effects.push(job(run::job_key(id), task).policy(Policy::Queue).titled("Connecting to the kernel").start());
    }
    effects
}

/// The next cell runs on it; what ran on another before is of an earlier session.
fn use_kernel(doc: &mut Doc, spec: KernelSpec) -> Vec<Effect> {
    let id = doc.id;
    let other = doc.kernel.spec.as_ref().is_some_and(|s| s.id != spec.id) && doc.kernel.state.is_some();
    doc.kernel.chosen = Some(spec.id.clone());
    doc.kernel.missing = None;
    // A cell that never ran for lack of a kernel: its message has done its work.
    doc.runs.retain(|_, r| !matches!(r.end, RunEnd::NoKernel(_)));
    let mut effects = Vec::new();
    if other {
        run::new_session(doc);
        doc.kernel.state = None;
        effects.push(Effect::Cancel(run::job_key(id)));
        let done = kept::over(doc);
        effects.push(job(format!("notebook.end:{id}"), Task::Switch { doc: id, done }).start());
    }
    doc.kernel.spec = Some(spec);
    doc.settle();
    effects
}

fn forget(state: &mut AppState, workspace: bool) -> Vec<Effect> {
    let mut effects = Vec::new();
    if workspace {
        state.notebook.picker.choices.workspace = None;
        effects.push(keep(None, None));
    }
    let Some(doc) = state.notebook.doc_mut() else { return effects };
    let path = doc.path.clone();
    doc.kernel.chosen = None;
    if doc.kernel.state.is_none() {
        doc.kernel.spec = None;
    }
    state.notebook.picker.choices.notebooks.remove(&path);
    effects.push(keep(Some(path), None));
    effects
}

fn write_into_file(state: &mut AppState) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    let Some(spec) = doc.kernel.spec.clone() else { return Vec::new() };
    let mut effects = Vec::new();
    if let Some(nb) = doc.notebook_mut() {
        let before = nb.revision();
        effects.extend(nb.set_kernelspec(&spec.name, &spec.display_name, &spec.language).err().iter().map(notice));
        if nb.revision() != before {
            edit::changed(doc, &mut effects);
        }
    }
    effects
}

fn make(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    if let Some(effects) = workspace::require_trust(state, super::Command::Kernels(command.clone())) {
        return effects;
    }
    if state.notebook.making.as_ref().is_some_and(Making::runs) {
        state.shell.dialog = Some(Dialog::Kernel(Ask::Making));
        return Vec::new();
    }
    let (title, task) = match &command {
        Command::Make { folder, base, packages, requirements } => {
            let (folder, base) = (folder.clone(), base.clone());
            let task = Task::Make {
                folder: folder.clone(),
                base,
                packages: packages.clone(),
                requirements: requirements.clone(),
            };
            (format!("Creating the environment {folder}"), task)
        }
        Command::Install(python) => {
            (format!("Installing ipykernel into {}", python.prefix.display()), Task::Install(python.clone()))
        }
        _ => return Vec::new(),
    };
    let doc = state.notebook.active;
    let since = cx.now();
    state.notebook.making =
        Some(Making { title: title.clone(), lines: Vec::new(), since, error: None, again: command, doc });
    state.shell.dialog = Some(Dialog::Kernel(Ask::Making));
    vec![job(ENVIRONMENT, task).titled(title).start()]
}

fn test(state: &mut AppState, address: &str, token: Secret) -> Vec<Effect> {
    let (url, token) = match Address::parse(address) {
        Ok(address) => {
            let token = if token.0.trim().is_empty() { Secret(address.token.unwrap_or_default()) } else { token };
            (address.url, token)
        }
        Err(error) => {
            let news = ServerNews { looking: false, result: Some(Err(error)) };
            state.notebook.picker.test = Some((address.trim().to_owned(), news));
            return Vec::new();
        }
    };
    state.notebook.picker.test = Some((url.clone(), ServerNews { looking: true, result: None }));
    vec![job("kernels.test", Task::Test { url, token }).start()]
}

fn add(state: &mut AppState, name: String, address: &str, token: Secret, shared: bool) -> Vec<Effect> {
    let Ok(address) = Address::parse(address) else { return Vec::new() };
    let token = if token.0.trim().is_empty() { Secret(address.token.unwrap_or_default()) } else { token };
    let server = Server { name, url: address.url, shared };
    let mut effects = Vec::new();
    if !shared {
        let mut entry = toml::Table::new();
        entry.insert("kind".into(), KIND.into());
        entry.insert("url".into(), server.url.clone().into());
        let all = state.settings.values.other.entry("connections").or_insert_with(|| toml::Table::new().into());
        if let Some(all) = all.as_table_mut() {
            all.insert(server.name.clone(), entry.into());
        }
        effects.push(settings::save(state));
    } else if !state.workspace.config.servers.iter().any(|s| s.name == server.name) {
        state.workspace.config.servers.push(server.clone());
    }
    effects.push(job("kernels.add", Task::Add { server, token }).policy(Policy::Queue).start());
    effects
}

fn ask_remove(state: &mut AppState, server: Server) -> Vec<Effect> {
    let whose = if server.shared {
        "It is taken out of andon.toml, for everybody who works in this folder"
    } else {
        "It is taken out of your settings"
    };
    let body = format!("{whose}, and its token out of the keyring. Kernels that run there go on.");
    let title = format!("Forget the Jupyter server {}?", server.name);
    state.shell.dialog =
        Some(super::ask(&title, body, "Forget it", true, super::Command::Kernels(Command::Remove(server))));
    Vec::new()
}

fn remove(state: &mut AppState, server: Server) -> Vec<Effect> {
    let mut effects = Vec::new();
    state.notebook.picker.servers.remove(&server.url);
    if server.shared {
        state.workspace.config.servers.retain(|s| s.name != server.name);
    } else {
        if let Some(all) = state.settings.values.other.get_mut("connections").and_then(toml::Value::as_table_mut) {
            all.remove(&server.name);
        }
        effects.push(settings::save(state));
    }
    effects.push(job("kernels.add", Task::Remove(server)).policy(Policy::Queue).start());
    let picking = state.shell.page == shell::Page::Notebook && state.notebook.doc().and_then(Doc::notebook).is_some();
    state.shell.dialog = picking.then_some(Dialog::Kernel(Ask::Pick));
    effects
}

/// Folds an event in; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    let picker = &mut state.notebook.picker;
    match event {
        Event::Chosen(choices) => picker.choices = choices,
        Event::Seen(seen) => {
            for (url, at) in seen {
                let last = picker.seen.entry(url).or_insert(at);
                *last = at.max(*last);
            }
        }
        Event::Found { result, offers } => {
            (picker.looking, picker.offers, picker.problem) = (false, offers, None);
            match *result {
                Ok(found) => state.notebook.kernels = Some(Arc::new(found)),
                Err(e) if e.is_cancelled() => {}
                Err(e) => picker.problem = Some(e),
            }
        }
        Event::Line(line) => {
            if let Some(making) = &mut state.notebook.making
                && !line.trim().is_empty()
            {
                making.lines.push(line);
                let over = making.lines.len().saturating_sub(KEPT_LINES);
                making.lines.drain(..over);
            }
        }
        Event::Made(result) => return made(state, result, cx),
        Event::Listed { url, result } => {
            if result.as_ref().err().is_some_and(Error::is_cancelled) {
                return Vec::new();
            }
            // What was known stays while a server cannot be reached; its row says so.
            if result.is_ok() {
                picker.seen.insert(url.clone(), cx.now());
            }
            picker.servers.insert(url, ServerNews { looking: false, result: Some(result) });
        }
        Event::Tested { url, result } => {
            if let Some((of, news)) = &mut picker.test
                && *of == url
                && !result.as_ref().err().is_some_and(Error::is_cancelled)
            {
                *news = ServerNews { looking: false, result: Some(result) };
            }
        }
        Event::Added { server, kept } => {
            picker.test = None;
            let mut effects = vec![list(state, server.url)];
            let shown = matches!(state.shell.dialog, Some(Dialog::Kernel(Ask::Server { .. })));
            if shown {
                let picking = state.shell.page == shell::Page::Notebook && state.notebook.doc().is_some();
                state.shell.dialog = picking.then_some(Dialog::Kernel(Ask::Pick));
            }
            if let Some(error) = kept {
                let title = "The token is kept only until Andon closes".to_owned();
                effects.push(Effect::Notice(Notice::info(title).body(error.to_string())));
            }
            return effects;
        }
        Event::Stopped { url } => return vec![list(state, url)],
    }
    Vec::new()
}

/// The environment is there: the notebook it was made for uses it, and so do those that lacked a kernel.
fn made(state: &mut AppState, result: Result<Box<KernelSpec>>, cx: &Cx) -> Vec<Effect> {
    let Some(making) = state.notebook.making.take() else { return Vec::new() };
    let asked = matches!(state.shell.dialog, Some(Dialog::Kernel(Ask::Making)));
    match result {
        Ok(spec) => {
            if asked {
                state.shell.dialog = None;
            }
            let choice = Choice::of(&spec);
            let mut effects = Vec::new();
            for doc in &mut state.notebook.docs {
                let wanted = making.doc == Some(doc.id) || doc.kernel.missing.is_some();
                if wanted && doc.notebook().is_some_and(|n| n.language() == spec.language) {
                    effects.extend(use_kernel(doc, (*spec).clone()));
                    state.notebook.picker.choices.notebooks.insert(doc.path.clone(), choice.clone());
                    effects.push(keep(Some(doc.path.clone()), Some(choice.clone())));
                }
            }
            let title = format!("{} is ready", spec.display_name);
            let again = super::Command::Run(Scope::Selected(super::After::Stay));
            effects.push(Effect::Notice(Notice::success(title).action("Run the cell", again)));
            effects.push(find(state, false));
            effects
        }
        Err(e) if e.is_cancelled() => {
            if asked {
                state.shell.dialog = None;
            }
            Vec::new()
        }
        Err(error) => {
            let effect = (!asked).then(|| notice(&error));
            state.notebook.making = Some(Making { error: Some(error), since: cx.now(), ..making });
            effect.into_iter().collect()
        }
    }
}

/// Carries out a task; blocking allowed.
pub fn carry_out(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let news = out.clone();
    let send = move |event: Event| news.send(super::Event::Kernels(Box::new(event)));
    let line = |text: &str| send(Event::Line(text.to_owned()));
    match task {
        Task::Load => send(Event::Chosen(choices::load(&env.root()?)?)),
        Task::Seen => send(Event::Seen(choices::servers_seen(&env.dirs.cache))),
        Task::Keep { path, choice } => {
            choices::change(&env.root()?, |all| match (path, choice) {
                (Some(path), Some(choice)) => _ = all.notebooks.insert(path, choice),
                (Some(path), None) => _ = all.notebooks.remove(&path),
                (None, choice) => all.workspace = choice,
            })?;
        }
        Task::Find { refresh } => {
            let root = env.root()?;
            let result = Box::new(env.kernels.discover(Some(&root), refresh, cx));
            send(Event::Found { result, offers: requirement_files(&root) });
        }
        Task::Make { folder, base, packages, requirements } => {
            let request = NewEnvironment { folder, base, packages, requirements, ..NewEnvironment::usual(env.root()?) };
            let result = create_environment(&env.kernels, &request, cx, &line);
            send(Event::Made(result.map(Box::new)));
        }
        Task::Install(python) => {
            let result = install_kernel(&env.kernels, &env.root()?, &python, cx, &line);
            send(Event::Made(result.map(Box::new)));
        }
        Task::List { url } => {
            let result = env.kernels.listing_of(&url, cx).map(Arc::new);
            if result.is_ok() {
                choices::saw_server(&env.dirs.cache, &url, env.clock.now());
            }
            send(Event::Listed { url, result });
        }
        Task::Test { url, token } => {
            let token = if token.0.trim().is_empty() {
                env.kernels.secrets().get(&Server::secret_of(&url))?
            } else {
                Some(Token(token.0))
            };
            let result = env.kernels.listing(&url, token.as_ref(), cx).map(Arc::new);
            send(Event::Tested { url, result });
        }
        Task::Add { server, token } => {
            if server.shared {
                set_server(&env.root()?, &server.name, Some(&server.url))?;
            }
            let token = Token(token.0.trim().to_owned());
            let name = Server::secret_of(&server.url);
            let kept = if token.0.is_empty() { None } else { env.kernels.secrets().set(&name, &token).err() };
            send(Event::Added { server, kept });
        }
        Task::Remove(server) => {
            if server.shared {
                set_server(&env.root()?, &server.name, None)?;
            }
            env.kernels.secrets().delete(&Server::secret_of(&server.url))?;
        }
        Task::Stop { url, kernel } => {
            env.kernels.stop_on_server(&url, &kernel, cx)?;
            send(Event::Stopped { url });
        }
        Task::Switch { doc, done } => {
            super::task::settle(env, doc, &done);
            env.notebooks.switch(doc);
        }
        Task::Connect { doc, wish } => super::task::connect(env, cx, out, doc, &wish)?,
    }
    Ok(())
}

/// The kernel a notebook is to run on: what was chosen for it or for the workspace, else what its file asks for. What
/// was chosen and is gone is an error: running on something else would be no surprise a person wants.
pub fn resolve(env: &Env, cx: &JobCtx, root: &std::path::Path, wish: &KernelWish) -> Result<KernelSpec> {
    let choices = choices::load(root).unwrap_or_default();
    let kept = choices.of(&wish.notebook, Some(&wish.language)).cloned();
    let chosen = match &wish.chosen {
        Some(id) if kept.as_ref().is_none_or(|k| k.id != *id) => {
            Some(Choice { id: id.clone(), name: String::new(), language: wish.language.clone() })
        }
        _ => kept,
    };
    if let Some(choice) = chosen {
        if let Some(mut spec) = choice.remote() {
            if let Some(remote) = &mut spec.remote {
                remote.label.clone_from(&wish.notebook);
            }
            return Ok(spec);
        }
        let found = env.kernels.discover(Some(root), false, cx)?;
        if let Some(spec) = found.kernels.iter().find(|k| k.id == choice.id) {
            return Ok(spec.clone());
        }
        let name = if choice.name.is_empty() { choice.id.clone() } else { choice.name };
        return Err(Error::user(format!("The kernel {name}, which was chosen for this notebook, is gone"))
            .because_of(choice.id)
            .hint("Choose another one"));
    }
    env.kernels.choose(Some(root), wish.name.as_deref(), wish.display.as_deref(), Some(&wish.language), cx)
}

/// Rows of the palette.
pub fn actions(state: &AppState) -> Vec<crate::app::action::Action> {
    let row = |title: &str, command: Command, icon: &'static str| {
        crate::app::action::Action::new("Notebook", title, super::Command::Kernels(command)).icon(icon)
    };
    let notebook = state.notebook.doc().and_then(Doc::notebook).is_some();
    let mut all = Vec::new();
    if notebook {
        all.push(row("Choose a kernel\u{2026}", Command::Pick, "cpu"));
    }
    all.push(row("Create a Python environment\u{2026}", Command::Ask(Ask::Environment { base: None }), "package"));
    all.push(row("Connect to a Jupyter server\u{2026}", Command::Ask(Ask::Server { known: None }), "server"));
    all
}

/// Closing the question about what is being made leaves it to the banner.
pub fn closed(state: &mut AppState, dialog: Option<&shell::Dialog>) {
    if matches!(dialog, Some(Dialog::Kernel(Ask::Making)))
        && state.notebook.making.as_ref().is_some_and(|m| m.error.is_some())
    {
        state.notebook.making = None;
    }
}

//! Systems that run pipelines elsewhere: what a connection to one is, what it can do, and what it says, in words of ours.
//!
//! Nothing here asks anybody: `engine/connect` sends requests and gives the answers to [`airflow`] and its like, which
//! turn them into [`Seen`] runs. What was seen is put beside what is known by [`absorb()`], so that the same answer twice
//! changes nothing and a rerun becomes a new round of the same run.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::run::{Run, Scope, TaskRun};
use crate::base::{Error, Result, ids::RunId, text};

mod absorb;
pub mod airflow;
pub mod dagster;
pub mod fault;
pub mod mlflow;
pub mod normal;
pub mod prefect;
pub mod schema;

pub use absorb::absorb;

/// A kind of system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    Airflow,
    Mlflow,
    Prefect,
    Dagster,
}

impl System {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Airflow, Self::Prefect, Self::Dagster, Self::Mlflow];
    /// The name in files and arguments.
    pub fn name(self) -> &'static str {
        match self {
            Self::Airflow => "airflow",
            Self::Mlflow => "mlflow",
            Self::Prefect => "prefect",
            Self::Dagster => "dagster",
        }
    }
    /// The name a person reads.
    pub fn word(self) -> &'static str {
        match self {
            Self::Airflow => "Airflow",
            Self::Mlflow => "MLflow",
            Self::Prefect => "Prefect",
            Self::Dagster => "Dagster",
        }
    }
    /// Whether an id names one run of the whole system, and not one of a pipeline.
    fn ids_are_unique(self) -> bool {
        self != Self::Airflow
    }
    /// Reads [`Self::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.name() == name)
    }
}

/// What depends on a system, as people say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    #[default]
    None,
    Dev,
    Test,
    Prod,
}

impl Environment {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Dev => "dev",
            Self::Test => "test",
            Self::Prod => "prod",
        }
    }
    /// Reads [`Self::name`] and the long forms.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "none" => Some(Self::None),
            "dev" | "development" => Some(Self::Dev),
            "test" | "staging" => Some(Self::Test),
            "prod" | "production" => Some(Self::Prod),
            _ => None,
        }
    }
}

/// A system somebody has connected, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub name: String,
    pub system: System,
    /// Scheme, host and base path, one slash at the end; no secret.
    pub url: String,
    pub environment: Environment,
    /// Reruns and cancels are refused here.
    pub read_only: bool,
    /// File with the certificate of an authority of one's own, as written.
    pub ca_file: Option<String>,
    /// Address of a proxy.
    pub proxy: Option<String>,
    /// It stands in andon.toml, so that everybody who works in the folder has it.
    pub shared: bool,
}

impl Connection {
    /// A connection with nothing but a name and an address.
    pub fn new(name: &str, system: System, url: &str) -> Result<Self> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            system,
            url: address(url, system)?,
            environment: Environment::None,
            read_only: false,
            ca_file: None,
            proxy: None,
            shared: true,
        })
    }

    /// Reads the table `connections`; tables of other kinds are passed over. The second part says what is wrong.
    pub fn all(connections: &toml::Table, shared: bool) -> (Vec<Self>, Vec<String>) {
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for (name, value) in connections {
            let Some(kind) = value.get("kind").and_then(toml::Value::as_str) else {
                problems.push(format!("connections.{name}: kind is missing; it is one of {}", known()));
                continue;
            };
            if kind == super::jupyter::KIND {
                continue;
            }
            match System::parse(kind) {
                Some(system) => match Self::read(name, system, value) {
                    Ok(connection) => found.push(Self { shared, ..connection }),
                    Err(e) => problems.push(format!("connections.{name}: {e}")),
                },
                None => problems.push(format!("connections.{name}: no system is called {kind}; known are {}", known())),
            }
        }
        (found, problems)
    }

    fn read(name: &str, system: System, value: &toml::Value) -> Result<Self> {
        let word = |key: &str| value.get(key).and_then(toml::Value::as_str);
        let url = word("url").ok_or_else(|| Error::config("it needs a url"))?;
        let environment = word("environment").unwrap_or_default();
        let environment = Environment::parse(environment)
            .ok_or_else(|| Error::config(format!("environment is dev, test or prod, and not {environment}")))?;
        Ok(Self {
            environment,
            read_only: value.get("read_only").and_then(toml::Value::as_bool).unwrap_or(false),
            ca_file: word("ca_file").map(str::to_owned),
            proxy: word("proxy").map(str::to_owned),
            ..Self::new(name, system, url)?
        })
    }

    /// As it stands in a file: what is as usual is left out.
    pub fn to_table(&self) -> toml::Table {
        let mut table = toml::Table::new();
        let words = [
            ("kind", Some(self.system.name())),
            ("url", Some(self.url.as_str())),
            ("environment", Some(self.environment.name()).filter(|e| !e.is_empty())),
            ("ca_file", self.ca_file.as_deref()),
            ("proxy", self.proxy.as_deref()),
        ];
        for (key, value) in words {
            if let Some(value) = value {
                table.insert(key.to_owned(), value.into());
            }
        }
        if self.read_only {
            table.insert("read_only".to_owned(), true.into());
        }
        table
    }

    /// Name its secret is kept under in the keyring. It holds the whole address: another system of the same name, in another
    /// folder, never gets the secret.
    pub fn secret_key(&self) -> String {
        format!("connection {} {}", self.name, self.url)
    }

    /// Andon's id of a run of this connection: the same whoever computes it and when.
    pub fn run_id(&self, pipeline: &str, remote: &str) -> RunId {
        // A run stays the same run when its pipeline gets another name.
        let pipeline = if self.system.ids_are_unique() { "" } else { pipeline };
        let text = format!("{}\0{}\0{pipeline}\0{remote}", self.system.name(), self.url);
        let hash = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        RunId((0..12).map(|i| char::from(LETTERS[(hash >> (5 * i)) as usize & 31])).collect())
    }
}

/// What kinds of connection there are, for messages.
pub fn known() -> String {
    let names: Vec<&str> = System::ALL.iter().map(|s| s.name()).chain([super::jupyter::KIND]).collect();
    names.join(", ")
}

/// Names are used in variables, keys and tables.
pub fn check_name(name: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(good) && name != super::run::LOCAL {
        return Ok(());
    }
    Err(Error::user(format!("{:?} cannot name a connection", text::shorten(name, 70)))
        .hint("Use letters, digits, - _ and . alone; local is Andon's own runner"))
}

/// Takes what a browser shows and what documents name: with or without a scheme, a page or the path of the interface.
/// A name and password in it are refused: they would stand in a file.
pub fn address(text: &str, system: System) -> Result<String> {
    let bad = |why: &str| {
        Error::user(format!("{} is no address of {}", text::shorten(text.trim(), 60), system.word()))
            .because_of(why)
            .hint("It looks like http://127.0.0.1:8080 or https://airflow.example.org/team")
    };
    let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(bad(&format!("{scheme} is neither http nor https")));
    }
    let rest = rest.split(['#', '?']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.contains('@') {
        return Err(bad("it holds a user name or password")
            .hint("Give them apart: they go into the keyring, or into ANDON_SECRET_<NAME>"));
    }
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(bad("there is no host in it"));
    }
    if let Some(port) = host.rsplit_once(':').map(|(_, p)| p).filter(|p| !p.ends_with(']'))
        && port.parse::<u16>().is_err()
    {
        return Err(bad(&format!("{port} is no port")));
    }
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    if system == System::Prefect
        && let Some(cloud) = prefect::cloud(&host.to_ascii_lowercase(), &parts)
    {
        return Ok(cloud);
    }
    let pages = match system {
        System::Airflow => ["api", "home", "dags", "auth", "login", "dagruns", "assets"].as_slice(),
        System::Mlflow => ["api", "ajax-api", "experiments", "models", "version"].as_slice(),
        System::Prefect => prefect::PAGES,
        System::Dagster => dagster::PAGES,
    };
    let kept: Vec<&str> = parts.into_iter().take_while(|p| !pages.contains(p)).collect();
    let path: String = kept.iter().map(|p| format!("{p}/")).collect();
    Ok(format!("{scheme}://{}/{path}", host.to_ascii_lowercase()))
}

/// How a connection was when it was last asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    /// Changes after this are still to be asked for; the system's own clock.
    pub cursor: Option<Timestamp>,
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// Since when it does not, and what it says.
    pub failing: Option<(Timestamp, Error)>,
    pub version: Option<String>,
    /// How long the last answer took, milliseconds.
    pub millis: Option<u64>,
}

/// Something a connection may be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Read,
    Logs,
    Metrics,
    Trigger,
    RerunFailed,
    RerunTask,
    RerunFrom,
    RerunAll,
    Cancel,
}

/// What a connection can do, and why not what it cannot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    missing: BTreeMap<Act, String>,
}

impl Capabilities {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }
    /// Without this, and why.
    #[must_use]
    pub fn without(mut self, act: Act, why: impl Into<String>) -> Self {
        self.missing.entry(act).or_insert_with(|| why.into());
        self
    }
    /// Without anything that changes something.
    #[must_use]
    pub fn reading(mut self, why: &str) -> Self {
        for act in [Act::Trigger, Act::RerunFailed, Act::RerunTask, Act::RerunFrom, Act::RerunAll, Act::Cancel] {
            self = self.without(act, why);
        }
        self
    }
    /// Why it cannot be done; `None` when it can.
    pub fn refusal(&self, act: Act) -> Option<&str> {
        self.missing.get(&act).map(String::as_str)
    }
    /// `Read, rerun, logs, metrics`.
    pub fn words(&self) -> String {
        let groups: [(&str, &[Act]); 6] = [
            ("read", &[Act::Read]),
            ("trigger", &[Act::Trigger]),
            ("rerun", &[Act::RerunFailed, Act::RerunTask, Act::RerunFrom, Act::RerunAll]),
            ("cancel", &[Act::Cancel]),
            ("logs", &[Act::Logs]),
            ("metrics", &[Act::Metrics]),
        ];
        let can: Vec<&str> = groups
            .iter()
            .filter(|(_, acts)| acts.iter().any(|a| self.refusal(*a).is_none()))
            .map(|(word, _)| *word)
            .collect();
        let all = can.join(", ");
        let mut letters = all.chars();
        letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
    }
}

/// Answer to a test of a connection, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    pub system: System,
    pub version: String,
    pub steps: Vec<Step>,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `Reachable`, `Signed in`, `May rerun`.
    pub name: String,
    pub ok: bool,
    /// What was seen, or what is missing.
    pub note: String,
}

impl Step {
    /// From what a trial gave: what was seen, or what is missing and what to do.
    pub fn tried(name: &str, result: Result<String>) -> Self {
        let ok = result.is_ok();
        let note = result.unwrap_or_else(|e| e.hint.as_ref().map_or_else(|| e.to_string(), |h| format!("{e}. {h}")));
        Self { name: name.to_owned(), ok, note }
    }
}

/// A pipeline as its system describes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemotePipeline {
    /// What the system calls it.
    pub name: String,
    pub description: Option<String>,
    /// It takes launches and lets them wait.
    pub paused: bool,
    pub tags: Vec<String>,
    /// When it runs, in the system's words.
    pub schedule: Option<String>,
    pub next_run: Option<Timestamp>,
    /// Its file cannot be read by the system.
    pub broken: bool,
}

/// A run as its system shows it now.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// `number` and `round` are not the system's to say: [`absorb()`] gives them.
    pub run: Run,
    /// `None` when they were not asked for.
    pub tasks: Option<Vec<TaskRun>>,
    /// When the system last changed it.
    pub updated: Option<Timestamp>,
    /// The system has no state for what was cancelled and says that it failed.
    pub cancelled_is_failed: bool,
}

/// What a rerun would do, as the system says or, where it says nothing, as the graph says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// Ids of the tasks that run again, in the order of the run.
    pub tasks: Vec<String>,
    /// How many task instances that are.
    pub instances: usize,
    /// Tasks whose results stay.
    pub stay: Vec<String>,
    /// The system itself was asked.
    pub asked: bool,
    /// What to know before saying yes.
    pub notes: Vec<String>,
}

impl Preview {
    /// From ids of instances, possibly several of one task, that run again.
    pub fn of(run: &Run, instances: &[String], asked: bool) -> Self {
        let again = |id: &str| instances.iter().any(|i| i == id);
        let tasks: Vec<String> = run.tasks.iter().map(|t| t.id.clone()).filter(|t| again(t)).collect();
        let stay = run.tasks.iter().map(|t| t.id.clone()).filter(|t| !again(t)).collect();
        // What is new in the pipeline since is in no run yet.
        let new = instances.iter().filter(|i| run.task(i).is_none()).cloned();
        let tasks: Vec<String> = tasks.into_iter().chain(new).collect();
        Self { instances: instances.len(), tasks, stay, asked, notes: Vec::new() }
    }
}

/// Confirmation is asked above so many task instances.
pub const MANY: usize = 20;

/// Something that is sent once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    Rerun { run: Box<Run>, scope: Scope, note: Option<String> },
    Trigger { pipeline: String, params: serde_json::Map<String, Value>, note: Option<String> },
    Cancel { run: Box<Run> },
}

/// The key of a wish to rerun: what the run was when the person saw it is in it, so that the same wish about the same state
/// is one request, whoever sends it.
pub fn rerun_key(run: &Run, scope: &Scope) -> String {
    let tries: usize = run.tasks.iter().map(|t| t.attempts.len()).sum();
    let ended = run.ended_at.map_or(0, Timestamp::as_millisecond);
    format!("rerun:{}:{}:{tries}:{ended}:{}", run.id, run.round, scope.key())
}

/// The key of a wish to cancel.
pub fn cancel_key(run: &Run) -> String {
    format!("cancel:{}:{}", run.id, run.round)
}

/// The word for `act` of a scope.
pub fn act_of(scope: &Scope) -> Act {
    match scope {
        Scope::Failed => Act::RerunFailed,
        Scope::From(_) => Act::RerunFrom,
        Scope::Only(_) => Act::RerunTask,
        Scope::All => Act::RerunAll,
    }
}

/// The task and, of a mapped one, which of its instances: `quality.measure[3]`.
pub fn instance(id: &str) -> (&str, Option<i64>) {
    let split = id.strip_suffix(']').and_then(|i| i.rsplit_once('['));
    match split.and_then(|(task, n)| Some((task, n.parse().ok()?))) {
        Some((task, n)) => (task, Some(n)),
        None => (id, None),
    }
}

#[cfg(test)]
mod tests;

//! Kernels as the window sees them: what can be started, how a session is, what a running cell reports.
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a kernel wants to be interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InterruptMode {
    /// SIGINT to its process group.
    #[default]
    Signal,
    /// `interrupt_request` on the control channel.
    Message,
}

/// Where a kernel was found; the order is the order in which they are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An environment inside the workspace.
    Workspace,
    /// The environment that is active in the shell Andon was started from.
    Active,
    /// The person's own kernelspecs and environments.
    User,
    /// The machine's kernelspecs.
    System,
    /// An interpreter on PATH.
    Path,
    /// A Jupyter Server.
    Server,
}

/// What made an environment; the word stands beside it in lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvKind {
    Venv,
    /// A virtual environment made by uv: it has no pip of its own.
    Uv,
    /// conda, mamba, micromamba or pixi.
    Conda,
    Pyenv,
    /// A Python that is in no environment.
    #[default]
    System,
}

impl EnvKind {
    /// What a person reads.
    pub fn word(self) -> &'static str {
        match self {
            Self::Venv => "venv",
            Self::Uv => "uv",
            Self::Conda => "conda",
            Self::Pyenv => "pyenv",
            Self::System => "system",
        }
    }
}

/// Where on a Jupyter Server a kernel is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Address of the server.
    pub server: String,
    /// Id of a running kernel to be attached to; none: one is started.
    pub kernel: Option<String>,
    /// When that one runs no more, another is started in its place.
    pub or_start: bool,
    /// What the server is to call a kernel that is started: the notebook's path.
    pub label: String,
}

/// A kernel that can be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSpec {
    /// Stable on this machine: path of the interpreter, or of the folder of the kernelspec.
    pub id: String,
    /// Name as notebooks store it: `python3`.
    pub name: String,
    /// What a person reads: `Python 3.12 (.venv)`.
    pub display_name: String,
    /// `python`, `R`, `julia`.
    pub language: String,
    /// Command line with `{connection_file}` in it; the first word is the chosen interpreter.
    pub argv: Vec<String>,
    /// Variables added to the kernel's environment.
    pub env: BTreeMap<String, String>,
    pub interrupt: InterruptMode,
    pub origin: Origin,
    /// Version of the language where it is known without a start.
    pub version: Option<String>,
    /// Interpreter of a Python kernel.
    pub python: Option<PathBuf>,
    /// Folder of kernel.json, for `{resource_dir}`.
    pub resource_dir: Option<PathBuf>,
    /// Where it is when it is not on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Remote>,
}

/// A Python found on this machine, with or without ipykernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    pub path: PathBuf,
    /// `3.12.4`.
    pub version: String,
    /// Folder of the environment (`sys.prefix`).
    pub prefix: PathBuf,
    /// True for a virtual environment.
    pub is_venv: bool,
    /// What made it.
    #[serde(default)]
    pub kind: EnvKind,
    /// Version of ipykernel when it can be imported.
    pub ipykernel: Option<String>,
    pub origin: Origin,
}

impl Interpreter {
    /// True when packages may be installed into it: it is an environment. What other programs and projects share, the
    /// system's Python or a version of pyenv's, is left as it is.
    pub fn takes_packages(&self) -> bool {
        self.is_venv || self.kind == EnvKind::Conda
    }
    /// True when today's ipykernel runs on it.
    pub fn is_recent(&self) -> bool {
        let numbers: Vec<u32> = self.version.split('.').map(|p| p.parse().unwrap_or(0)).collect();
        numbers >= vec![3, 9]
    }
}

/// Everything found on this machine for one workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Discovery {
    /// Best first.
    pub kernels: Vec<KernelSpec>,
    /// Pythons, best first: what an environment can be made from.
    pub interpreters: Vec<Interpreter>,
    /// kernel.json files that cannot be used and interpreters that did not answer, with the reason.
    pub problems: Vec<String>,
}

impl Discovery {
    /// The kernel a notebook asks for: by name and display name, else by name, else the best one of its language.
    pub fn for_notebook(
        &self,
        name: Option<&str>,
        display: Option<&str>,
        language: Option<&str>,
    ) -> Option<&KernelSpec> {
        let language = language.unwrap_or("python");
        let own = self.kernels.iter().find(|k| k.origin == Origin::Workspace && k.language == language);
        let named = |k: &&KernelSpec| name.is_some_and(|n| n == k.name);
        let both = self.kernels.iter().find(|k| named(k) && display.is_some_and(|d| d == k.display_name));
        // "python3" names whichever Python is there, so the workspace's own environment comes before a namesake.
        let exact = both.filter(|k| k.origin <= Origin::Active || own.is_none());
        exact
            .or(own.filter(|_| name.is_none_or(|n| n == "python3" || n == "python")))
            .or_else(|| self.kernels.iter().find(named))
            .or_else(|| self.kernels.iter().find(|k| k.language == language))
    }
}

/// What to make an environment with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEnvironment {
    /// The workspace.
    pub root: PathBuf,
    /// Folder of the environment, relative to the workspace.
    pub folder: String,
    /// The Python to make it from; none: the newest one found.
    pub base: Option<PathBuf>,
    /// Packages besides ipykernel, as pip takes them.
    pub packages: Vec<String>,
    /// Files that name packages, relative to the workspace: requirements files, or a pyproject.toml.
    pub requirements: Vec<String>,
    /// What installs; none: uv where it is, else venv and pip.
    pub installer: Option<Installer>,
}

/// What makes environments and installs into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Installer {
    Uv,
    Pip,
}

impl NewEnvironment {
    /// `.andon/venv` with ipykernel alone.
    pub fn usual(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            folder: ".andon/venv".into(),
            base: None,
            packages: Vec::new(),
            requirements: Vec::new(),
            installer: None,
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code, when it ended by itself.
    pub code: Option<i32>,
    /// Signal that ended it.
    pub signal: Option<i32>,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(9)) => f.write_str("signal 9 (killed, often for lack of memory)"),
            (None, Some(11)) => f.write_str("signal 11 (crash in native code)"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("no exit code"),
        }
    }
}

/// How a session is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum SessionState {
    /// The process starts and is being connected.
    #[default]
    Starting,
    Idle,
    Busy,
    /// An interrupt was sent and not answered yet; after 5 s offer to stop the kernel hard.
    Interrupting {
        since: Timestamp,
        /// The kernel has answered: it has the interrupt, though its code may go on.
        heard: bool,
    },
    Restarting,
    /// The connection to its server is lost and is being made again; the kernel itself may go on.
    Away {
        since: Timestamp,
        why: String,
    },
    /// The process ended by itself. `stderr` holds its last lines.
    Dead {
        exit: Exit,
        stderr: String,
    },
    /// It could not be started again.
    Failed {
        error: crate::base::Error,
    },
    /// It was shut down on request.
    Closed,
}

impl SessionState {
    /// One word for the status bar.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Interrupting { .. } => "interrupting",
            Self::Restarting => "restarting",
            Self::Away { .. } => "reconnecting",
            Self::Dead { .. } => "died",
            Self::Failed { .. } => "could not start",
            Self::Closed => "stopped",
        }
    }
    /// True while cells can be given to it.
    pub fn is_alive(&self) -> bool {
        !matches!(self, Self::Dead { .. } | Self::Failed { .. } | Self::Closed)
    }
}

/// What a kernel says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KernelInfo {
    /// `ipython`.
    pub implementation: String,
    /// `python`.
    pub language: String,
    /// `3.12.4`.
    pub language_version: String,
    /// The whole `language_info` object, as notebooks store it.
    pub language_info: Map<String, Value>,
}

/// What a name of the kernel stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    /// `DataFrame`, `int`, `function`.
    pub kind: String,
    /// Shape or length, ready to show; empty where it has none.
    pub size: String,
    /// The value, its first items or its columns; empty where only its own code could show it.
    pub preview: String,
    /// Memory it takes, where it is known without asking its own code.
    pub bytes: Option<u64>,
    /// It can be opened as a table.
    pub frame: bool,
}

/// News of a session as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SessionEvent {
    State(SessionState),
    /// The kernel answered for the first time after a start or restart.
    Info(KernelInfo),
    /// Something a person should know though nothing has ended: messages that were refused, an order that was.
    Trouble(crate::base::Error),
    /// Whether this window runs the kernel's cells from now on, and what was to run next.
    Drives(bool, Plan),
}

/// How one execution ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    Ok {
        execution_count: Option<u64>,
    },
    /// The code raised. The traceback came before, as [`ExecEvent::Error`], with most kernels.
    Error {
        execution_count: Option<u64>,
        ename: String,
        evalue: String,
    },
    /// Never ran: an earlier cell failed, the session was restarted, or it was withdrawn.
    Aborted {
        why: String,
    },
    /// The kernel died while it ran.
    Died {
        exit: Exit,
        stderr: String,
    },
    /// Its end was missed: the connection to the server was away then.
    Missed {
        why: String,
    },
}

impl Outcome {
    /// True when the code ran to its end.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok { .. })
    }
}

/// A MIME bundle: data and metadata by MIME type, in the kernel's order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Bundle {
    pub data: Map<String, Value>,
    pub metadata: Map<String, Value>,
}

/// What a running cell reports, in order. [`ExecEvent::Done`] is the last but for what threads print later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ExecEvent {
    /// The code went to the kernel.
    Started {
        at: Timestamp,
    },
    /// Text on stdout or stderr; bursts are joined, 30 pieces a second at most.
    Stream {
        stderr: bool,
        text: String,
    },
    /// `display_data`.
    Display {
        bundle: Bundle,
        display_id: Option<String>,
    },
    /// `execute_result`.
    Result {
        bundle: Bundle,
        execution_count: Option<u64>,
        display_id: Option<String>,
    },
    /// Replaces every output with this id, in all cells.
    UpdateDisplay {
        display_id: String,
        bundle: Bundle,
    },
    /// Forget the outputs: now, or when the next one comes.
    Clear {
        wait: bool,
    },
    Error {
        ename: String,
        evalue: String,
        traceback: Vec<String>,
    },
    /// The code asks for a line of text; answer with `Session::answer`.
    Input {
        prompt: String,
        password: bool,
    },
    /// Something about a widget.
    Comm(Box<Comm>),
    Done {
        at: Timestamp,
        outcome: Outcome,
    },
    /// A large output in the place of the event it came with, made on its way to the window; never sent elsewhere.
    #[serde(skip)]
    Made(Made),
}

/// An output as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// In nbformat's JSON.
    pub value: Arc<Value>,
    pub display_id: Option<String>,
    /// It replaces every output with its id.
    pub update: bool,
}

/// Bytes of a stream that are folded in at once: between two such pieces a window can draw.
const PIECE: usize = 32 * 1024;

impl ExecEvent {
    /// The same in pieces, when it is a text that takes long to take in.
    pub fn pieces(self) -> impl Iterator<Item = Self> {
        let (mut rest, mut from) = (Some(self), 0);
        std::iter::from_fn(move || match rest.as_ref()? {
            Self::Stream { stderr, text } if text.len() > PIECE => {
                let to = text.floor_char_boundary(from + PIECE);
                let piece = Self::Stream { stderr: *stderr, text: text.get(from..to)?.to_owned() };
                from = to;
                if from == text.len() {
                    rest = None;
                }
                Some(piece)
            }
            _ => rest.take(),
        })
    }
}

/// What a message about a widget does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommKind {
    Open,
    Message,
    Close,
}

/// A message about a widget, `comm_open`, `comm_msg` or `comm_close`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comm {
    pub kind: CommKind,
    pub id: String,
    /// What kind of thing it is about; only with `Open`.
    pub target: String,
    pub data: Map<String, Value>,
    /// Bytes whose places `data.buffer_paths` names.
    pub buffers: Vec<Vec<u8>>,
}

impl Comm {
    /// The members of the widget's state that it sets.
    pub fn state(&self) -> Map<String, Value> {
        self.data.get("state").and_then(Value::as_object).cloned().unwrap_or_default()
    }
    /// A change that a person made.
    pub fn update(id: &str, state: Map<String, Value>) -> Self {
        let data = serde_json::json!({ "method": "update", "state": state, "buffer_paths": [] });
        Self::message(id, data)
    }
    /// A message of the widget's own, such as the click of a button.
    pub fn custom(id: &str, content: Value) -> Self {
        Self::message(id, serde_json::json!({ "method": "custom", "content": content }))
    }
    fn message(id: &str, data: Value) -> Self {
        let data = if let Value::Object(data) = data { data } else { Map::new() };
        Self { kind: CommKind::Message, id: id.to_owned(), target: String::new(), data, buffers: Vec::new() }
    }
}

/// Number of an execution, unique among all windows of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecId(pub u64);

/// Which cell an execution belongs to, in words that the next window understands, too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CellTag {
    /// The cell's own id, where the notebook's format has them.
    pub id: Option<String>,
    /// Its place, for the others.
    pub index: usize,
}

/// A cell that waits to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub tag: CellTag,
    /// The code; none where only a window can run it (SQL, or code that needs a result of SQL).
    pub code: Option<String>,
    /// What comes behind it runs even when it fails.
    pub may_fail: bool,
}

/// What is to run next, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Counts up with every change, so that an older one that comes late is known as such.
    pub version: u64,
    pub cells: Vec<Planned>,
}

/// What a window says of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Label {
    pub tag: CellTag,
    /// What comes after it runs even when it fails.
    pub may_fail: bool,
    /// What is to come after it.
    pub then: Plan,
}

/// An execution that this window did not ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Past {
    pub id: ExecId,
    pub tag: CellTag,
    pub code: String,
    /// Which start of the kernel's process it ran in.
    pub life: u32,
    pub at: Timestamp,
    pub done: Option<(Timestamp, Outcome)>,
    /// Its outputs are in the file and do not come again.
    pub settled: bool,
}

/// How code is to be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecOptions {
    /// Somebody can answer `input()`.
    pub allow_stdin: bool,
    /// Leaves no trace in the history and no execution count.
    pub silent: bool,
    /// A failure withdraws what waits behind it.
    pub stop_on_error: bool,
}

impl Default for ExecOptions {
    fn default() -> Self {
        Self { allow_stdin: false, silent: false, stop_on_error: true }
    }
}

/// What can follow the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Completions {
    pub matches: Vec<String>,
    /// Kind of each match (`function`, `module`), empty where unknown.
    pub kinds: Vec<String>,
    /// Characters (not bytes) of the code that a match replaces.
    pub start: usize,
    pub end: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, display: &str, origin: Origin) -> KernelSpec {
        KernelSpec {
            id: display.into(),
            name: name.into(),
            display_name: display.into(),
            language: if name == "ir" { "R".into() } else { "python".into() },
            argv: vec![],
            env: BTreeMap::new(),
            interrupt: InterruptMode::Signal,
            origin,
            version: None,
            python: None,
            resource_dir: None,
            remote: None,
        }
    }

    #[test]
    fn long_streams_come_in_pieces_without_losing_a_letter() {
        let text = "aé漢\n".repeat(20_000);
        let whole = ExecEvent::Stream { stderr: true, text: text.clone() };
        let pieces: Vec<ExecEvent> = whole.pieces().collect();
        let mut joined = String::new();
        for piece in &pieces {
            let ExecEvent::Stream { stderr: true, text } = piece else { panic!("{piece:?}") };
            assert!(text.len() <= PIECE && !text.is_empty());
            joined.push_str(text);
        }
        assert_eq!(joined, text);
        let clear = ExecEvent::Clear { wait: true };
        assert_eq!(clear.clone().pieces().collect::<Vec<_>>(), [clear]);
        assert_eq!(ExecEvent::Stream { stderr: false, text: "x".into() }.pieces().count(), 1);
    }

    #[test]
    fn the_workspaces_own_environment_comes_before_a_namesake() {
        let d = Discovery {
            kernels: vec![
                spec("python3", "Python 3.12 (.venv)", Origin::Workspace),
                spec("python3", "Python 3 (ipykernel)", Origin::System),
                spec("ir", "R", Origin::User),
            ],
            ..Discovery::default()
        };
        let pick = |n, d2, l| d.for_notebook(n, d2, l).map(|k| k.display_name.as_str());
        assert_eq!(pick(Some("python3"), Some("Python 3 (ipykernel)"), Some("python")), Some("Python 3.12 (.venv)"));
        assert_eq!(pick(Some("ir"), None, Some("R")), Some("R"));
        assert_eq!(pick(None, None, None), Some("Python 3.12 (.venv)"));
        assert_eq!(pick(Some("gone"), None, Some("R")), Some("R"), "the language decides when the name is unknown");
    }

    #[test]
    fn an_exit_is_told_in_words() {
        assert_eq!(Exit { code: Some(7), signal: None }.to_string(), "exit code 7");
        assert!(Exit { code: None, signal: Some(9) }.to_string().contains("memory"));
    }
}

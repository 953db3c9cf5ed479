//! `andon run`: a pipeline or a notebook, to its end.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};

use super::out::{self, Common, document, finish, line, say};
use crate::{
    base::{Error, Result, fsx, job::JobCtx, text, time},
    engine::{
        exec, notebook,
        runner::{self, Begin, Execution, Launch, RunEvent, Sink},
        store::{MetricQuery, Store},
    },
    model::{
        params,
        run::{Attempt, Level, Params, Run, RunKind, RunState, TaskRun, Trigger},
    },
};

/// Arguments of `andon run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 success, 1 a task or cell failed, 2 or more could not run, 130 cancelled.\n\
    A notebook's parameters go into a cell tagged injected-parameters behind the one tagged parameters, as with papermill.\n\
    Cells tagged raises-exception may fail, cells tagged skip-execution are not run.\n\
    Naming a pipeline or a notebook here is consent to run it.")]
pub struct Args {
    /// Pipeline file (.toml), its name, or a notebook (.ipynb)
    pub target: String,
    /// Value of a parameter; may be given several times. For a notebook True, None, numbers and lists are read as such
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// The same, taken as text whatever it looks like (notebooks)
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub raw: Vec<String>,
    /// Values of parameters from a file of JSON or plain YAML (notebooks)
    #[arg(short = 'f', long, alias = "parameters_file", value_name = "FILE")]
    pub parameters_file: Vec<PathBuf>,
    /// Write the executed copy of the notebook here too; it is kept up to date while the notebook runs
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Kernel instead of the one the notebook names
    #[arg(long, value_name = "NAME")]
    pub kernel: Option<String>,
    /// Go on after cells that fail
    #[arg(long)]
    pub allow_errors: bool,
    /// Most seconds a cell may take
    #[arg(long, value_name = "S")]
    pub timeout: Option<f64>,
    /// Folder the notebook runs in; the workspace when left out
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<PathBuf>,
    /// Why, kept with the run
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Key of this request: a second one with the same key starts nothing
    #[arg(long, value_name = "KEY")]
    pub request: Option<String>,
    /// Print the tasks' output lines on stderr
    #[arg(short, long)]
    pub verbose: bool,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let (root, source) = target(&args.common, &args.target)?;
    let notebook = source.ends_with(".ipynb");
    let cx = out::context(false);
    let mut launch = Launch { note: args.note.clone(), ..Launch::new(&source, Trigger::Cli) };
    if notebook {
        launch.values = values(args)?;
        launch.options = options(args)?;
        // A notebook that cannot be read, or has no kernel here, cannot run: that is said, and no run begins.
        notebook::load(&root.join(&source), false)?;
        exec::check(&root, Path::new(&source), &launch.options, &cx)?;
    } else {
        only_notebooks(args)?;
        launch.params = args.param.iter().map(|p| pair(p)).collect::<Result<Vec<_>>>()?;
    }
    let store = open(&root)?;
    if let Some(key) = &args.request {
        launch.key = format!("run:{source}:{key}");
    }
    let run = match runner::begin(&store, &launch, &cx)? {
        Begin::Started(execution) => follow(*execution, &cx, args.verbose)?,
        Begin::Already(run) => {
            say(&format!("This request has started {} ({}) before", run.title(), run.id));
            *run
        }
    };
    report(&store, &run, args.common.json, json!({}))?;
    Ok(exit_code(&run))
}

/// The values of a notebook's parameters: those of files first, then those of the command line.
fn values(args: &Args) -> Result<Params> {
    let mut all = Params::new();
    for file in &args.parameters_file {
        all.extend(params::read_file(&file.display().to_string(), &fsx::read_text(file)?)?);
    }
    for (given, plain) in [(&args.param, false), (&args.raw, true)] {
        for text in given {
            let (name, value) = params::pair(text, plain)?;
            all.insert(name, value);
        }
    }
    Ok(all)
}

fn options(args: &Args) -> Result<exec::Options> {
    let folder = args.cwd.as_deref().map(absolute).transpose()?;
    if let Some(folder) = folder.as_ref().filter(|f| !f.is_dir()) {
        return Err(Error::user(format!("No folder {}", folder.display())));
    }
    Ok(exec::Options {
        kernel: args.kernel.clone(),
        allow_errors: args.allow_errors,
        cell_timeout: args.timeout.map(seconds).transpose()?,
        folder,
        copies: args.output.as_deref().map(absolute).transpose()?.into_iter().collect(),
        ..exec::Options::default()
    })
}

/// A time limit of the command line; none for 0 and what is negative, as with nbclient.
pub(super) fn seconds(given: f64) -> Result<Duration> {
    let limit = if given <= 0.0 { Ok(Duration::MAX) } else { Duration::try_from_secs_f64(given) };
    limit.map_err(|e| Error::user(format!("--timeout {given} is no number of seconds")).because(&e))
}

fn only_notebooks(args: &Args) -> Result<()> {
    let given = [
        (args.output.is_some(), "--output"),
        (!args.raw.is_empty(), "--raw"),
        (!args.parameters_file.is_empty(), "--parameters-file"),
        (args.kernel.is_some(), "--kernel"),
        (args.allow_errors, "--allow-errors"),
        (args.timeout.is_some(), "--timeout"),
        (args.cwd.is_some(), "--cwd"),
    ];
    match given.iter().find(|g| g.0) {
        Some((_, name)) => Err(Error::user(format!("{name} is for notebooks"))
            .hint("A pipeline names outputs, time limits and parameters of its tasks in its file")),
        None => Ok(()),
    }
}

/// Opens the store, saying so when a damaged one was set aside, and settles runs whose process is gone.
pub(super) fn open(root: &Path) -> Result<Store> {
    let store = Store::open(root)?;
    if let Some(error) = store.set_aside() {
        say(&format!("andon: {error}"));
        say(&format!("  {}", error.hint.as_deref().unwrap_or_default()));
    }
    for run in runner::recover(&store, jiff::Timestamp::now())? {
        say(&format!("{} ({}) was interrupted: the program that ran it is gone", run.title(), run.id));
    }
    Ok(store)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| Error::user(format!("{} is no path", path.display())).because(&e))
}

fn pair(text: &str) -> Result<(String, String)> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(Error::user(format!("{text:?} gives no value")).hint("Write -p NAME=VALUE"));
    };
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// The workspace and the workspace path of what is to run: a path from here, a path from the workspace, or the name of
/// a pipeline.
fn target(common: &Common, text: &str) -> Result<(PathBuf, String)> {
    let here = Path::new(text);
    if here.is_file() {
        let full = here.canonicalize().map_err(|e| Error::io(format!("Could not read {text}")).because(&e))?;
        let root = match (&common.workspace, full.parent()) {
            (None, Some(folder)) => out::workspace_above(folder)
                .map_or_else(|| common.root(), |root| Ok(root.canonicalize().unwrap_or(root)))?,
            _ => common.root()?,
        };
        if full.starts_with(&root) {
            let source = fsx::relative(&root, &full);
            return Ok((root, source));
        }
        if common.workspace.is_none() {
            // A file of no workspace: its own folder is one, that of pipelines/ the folder above.
            let folder = full.parent().map(Path::to_path_buf).unwrap_or_default();
            let root = if folder.ends_with("pipelines") {
                folder.parent().map_or(folder.clone(), Path::to_path_buf)
            } else {
                folder
            };
            return Ok((root.clone(), fsx::relative(&root, &full)));
        }
        return Err(Error::user(format!("{text} lies outside of the workspace {}", root.display())));
    }
    let root = common.root()?;
    if root.join(text).is_file() {
        return Ok((root, fsx::relative(Path::new(""), Path::new(text))));
    }
    let all = runner::pipelines(&root);
    let named = all.iter().find(|(path, read)| {
        path.strip_prefix("pipelines/").is_some_and(|p| p == text || p.strip_suffix(".toml") == Some(text))
            || read.as_ref().is_ok_and(|p| p.name == text)
    });
    match named {
        Some((path, _)) => Ok((root, path.clone())),
        None => {
            // The message of the loader names the nearest file.
            runner::load(&root, text)?;
            Ok((root, text.to_owned()))
        }
    }
}

/// Carries out a run, telling what happens on stderr.
pub(super) fn follow(execution: Execution, cx: &JobCtx, verbose: bool) -> Result<Run> {
    let before: std::sync::Mutex<Vec<(String, crate::model::run::TaskState)>> = std::sync::Mutex::default();
    say(&format!("{} ({})", execution.run().title(), execution.run().id));
    let sink: Sink = Arc::new(move |event| match event {
        RunEvent::Changed(run) => {
            let Ok(mut before) = before.lock() else { return };
            for task in &run.tasks {
                let old = before.iter().find(|(id, _)| *id == task.id).map(|(_, s)| *s);
                if old.is_some_and(|old| old != task.state) {
                    say(&format!("  {}", task_line(task)));
                }
            }
            *before = run.tasks.iter().map(|t| (t.id.clone(), t.state)).collect();
        }
        RunEvent::Log { task, line, .. } if verbose || line.level == Level::Error && line.source != "runner" => {
            say(&format!("    {task}: {}", line.text));
        }
        RunEvent::Log { .. } | RunEvent::Metrics(_) => {}
    });
    execution.execute(cx, &sink)
}

fn task_line(task: &TaskRun) -> String {
    let last = task.last();
    let mut text = format!("{:<16} {}", task.state.word(), task.id);
    if let Some(attempt) = last.filter(|a| a.ended_at.is_some()) {
        let lasted = attempt.duration_ms(jiff::Timestamp::UNIX_EPOCH).unwrap_or(0);
        text.push_str(&format!(", try {}, {}", attempt.number, time::duration_ms(lasted)));
    }
    if let (Some(error), true) = (&task.error, task.state.is_final() || task.retry_at.is_some()) {
        text.push_str(&format!(": {}", text::shorten(error, 200)));
    }
    text
}

/// Prints how a run ended: the document, or words and the path of the executed notebook.
pub(super) fn report(store: &Store, run: &Run, json: bool, more: Value) -> Result<()> {
    let lasted = run.duration_ms(jiff::Timestamp::now()).map(time::duration_ms);
    let lasted = lasted.map(|l| format!(" after {l}")).unwrap_or_default();
    say(&format!("{} ({}): {}{lasted}", run.title(), run.id, run.state.word().to_lowercase()));
    if let Some(error) = &run.error {
        say(&format!("  {error}"));
    }
    if json {
        document("andon.run/1", body(store, run, more)?);
    } else if run.kind == RunKind::Notebook
        && let Some(path) = run.tasks.iter().find_map(|t| t.last()?.artifact.as_deref())
    {
        line(&store.kept(path).display().to_string());
    }
    Ok(())
}

/// The run as `andon.run/1` shows it.
pub(super) fn body(store: &Store, run: &Run, more: Value) -> Result<Value> {
    let mut value = serde_json::to_value(run).map_err(|e| Error::bug("The run has no document").because(&e))?;
    let metrics = store.metrics(&MetricQuery { run: Some(run.id.clone()), ..MetricQuery::default() })?;
    if let Value::Object(map) = &mut value {
        map.insert("duration_ms".to_owned(), json!(run.duration_ms(jiff::Timestamp::now())));
        map.insert("metrics".to_owned(), json!(metrics));
        if let Value::Object(more) = more {
            map.extend(more);
        }
    }
    Ok(value)
}

/// 0 success, 1 a task failed, 130 cancelled, 2 when it did not come to an end.
pub(super) fn exit_code(run: &Run) -> i32 {
    match run.state {
        RunState::Success => 0,
        RunState::Failed
            if run.kind == RunKind::Notebook && run.tasks.iter().any(|t| t.last().is_some_and(could_not)) =>
        {
            runner::COULD_NOT_RUN
        }
        RunState::Failed => 1,
        RunState::Cancelled => 130,
        RunState::Interrupted | RunState::Queued | RunState::Running => 2,
    }
}

/// A notebook whose kernel could not be started; commands have exit codes of their own.
fn could_not(attempt: &Attempt) -> bool {
    attempt.exit_code == Some(runner::COULD_NOT_RUN) && attempt.artifact.is_some()
}

//! How every subcommand answers: one JSON document on stdout, or words for people.
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::CommandFactory;
use serde_json::{Value, json};

use crate::base::{
    Error, Result,
    job::{Cancel, JobCtx, Progress},
    time::SystemClock,
};

/// Options most subcommands share.
#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    /// Workspace folder; the nearest one above the present folder when left out
    #[arg(long, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

impl Common {
    /// The workspace's folder: the option, else the nearest folder upwards with an andon.toml or .git, else here.
    pub fn root(&self) -> Result<PathBuf> {
        if let Some(dir) = &self.workspace {
            return dir.canonicalize().map_err(|e| Error::user(format!("No folder {}", dir.display())).because(&e));
        }
        let here = std::env::current_dir().map_err(|e| Error::io("The present folder is gone").because(&e))?;
        Ok(workspace_above(&here).unwrap_or(here))
    }
}

/// The nearest folder at or above `start` that is a workspace.
pub fn workspace_above(start: &Path) -> Option<PathBuf> {
    start.ancestors().find(|d| d.join("andon.toml").is_file() || d.join(".git").exists()).map(Path::to_path_buf)
}

/// Prints a line on stdout; a closed pipe ends the program quietly.
pub fn line(text: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Prints words for people on stderr.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints the document of a command, with its `schema` first: `andon.run/1`.
pub fn document(schema: &str, mut body: Value) {
    let mut all = serde_json::Map::new();
    all.insert("schema".to_owned(), json!(schema));
    if let Some(map) = body.as_object_mut() {
        all.append(map);
    }
    line(&serde_json::to_string_pretty(&Value::Object(all)).unwrap_or_default());
}

/// Ends a command: its exit code on success, else the error in words and, with `json`, as a document.
pub fn finish(json: bool, result: Result<i32>) -> i32 {
    match result {
        Ok(code) => code,
        Err(error) => {
            if json {
                document("andon.error/1", json!({ "error": &error }));
            }
            say(&format!("andon: {error}"));
            if let Some(hint) = &error.hint {
                say(&format!("  {hint}"));
            }
            error.exit_code()
        }
    }
}

/// A context that prints progress notes on stderr when `verbose` and stops at Ctrl-C.
pub fn context(verbose: bool) -> JobCtx {
    let cancel = Cancel::default();
    let flag = cancel.clone();
    let listen = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime
            && runtime.block_on(tokio::signal::ctrl_c()).is_ok()
        {
            flag.cancel();
        }
    };
    // Without the thread Ctrl-C ends the process at once, which is what it does anyway.
    let _ = std::thread::Builder::new().name("andon-signals".to_owned()).spawn(listen);
    let sink = move |p: Progress| {
        if verbose && !p.note.is_empty() {
            say(&p.note);
        }
    };
    JobCtx::new(cancel, Arc::new(SystemClock), Arc::new(sink))
}

/// `andon man`: the manual page in roff.
pub fn manual() -> i32 {
    let page = clap_mangen::Man::new(super::Cli::command());
    i32::from(page.render(&mut io::stdout().lock()).is_err())
}

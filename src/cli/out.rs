//! How every subcommand answers: one JSON document on stdout, or words for people.
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::CommandFactory;
use serde_json::{Value, json};

use crate::base::{
    Error, Result, fsx,
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

/// The path of a file that is to be read, unless something else stands there.
pub fn file(name: &str) -> Result<&Path> {
    let path = Path::new(name);
    fsx::no_file(path, name).map_or(Ok(path), Err)
}

/// Prints a line on stdout; a closed pipe ends the program quietly.
pub fn line(text: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Prints a whole text at once; a closed pipe, as from a pager that was left, ends the program quietly.
pub fn page(text: &str) {
    let mut out = io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints words for people on stderr.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints the document of a command, with its `schema` first: `andon.run/1`.
pub fn document(schema: &str, body: Value) {
    line(&document_text(schema, body));
}

/// The document of a command, to be written somewhere.
pub fn document_text(schema: &str, mut body: Value) -> String {
    let mut all = serde_json::Map::new();
    all.insert("schema".to_owned(), json!(schema));
    if let Some(map) = body.as_object_mut() {
        all.append(map);
    }
    serde_json::to_string_pretty(&Value::Object(all)).unwrap_or_default()
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
                hint.lines().for_each(|line| say(&format!("  {line}")));
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
    let mut command = super::Cli::command();
    command.build();
    let mut page = Vec::new();
    // Writing into memory cannot fail.
    let _ = clap_mangen::Man::new(command.clone()).render(&mut page);
    let mut text = String::from_utf8_lossy(&page).into_owned();
    describe(&mut text, "andon", &command);
    line(text.trim_end());
    0
}

/// One section for each subcommand, with all that its `--help` says.
fn describe(page: &mut String, above: &str, command: &clap::Command) {
    for sub in command.get_subcommands().filter(|s| !s.is_hide_set() && s.get_name() != "help") {
        let name = format!("{above} {}", sub.get_name());
        let help = sub.clone().term_width(100).render_long_help().to_string();
        page.push_str(&format!(".SH {}\n.nf\n", name.to_uppercase()));
        for line in help.lines() {
            let line = line.replace('\\', "\\e").replace('-', "\\-");
            let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            page.push_str(&format!("{guard}{line}\n"));
        }
        page.push_str(".fi\n");
        describe(page, &name, sub);
    }
}

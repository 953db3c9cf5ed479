//! `andon git`: the entries by which git calls Andon, put in, taken out and looked at; and what git then calls.
mod driver;
mod tools;
mod words;

use std::{ffi::OsString, path::PathBuf};

use serde_json::json;

use super::out::{document, finish, line, say};
use crate::{
    base::{Error, Result},
    engine::{
        dirs::{self, Dirs},
        git::{
            entries::{Done, Entries, Scope, Wish},
            put_question,
        },
    },
    model::entries::Parts,
};

/// Arguments of `andon git`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What enable writes, and what git then calls:
  git diff                 andon git diff-driver   by cells; re-runs are counted and hidden
  git log -p, show, blame  andon git textconv      as text without what a run changes by itself
  git merge, rebase, ...   andon git merge-driver  a conflict leaves a notebook that opens
  git difftool -t andon    andon git difftool      two files by cells; in the window with
                           git difftool -x 'andon git difftool --window'
  git mergetool -t andon   andon git mergetool     asks which version stands, or opens the window (--window at once)
Where Andon is not installed, each does what git does without it.

For a patch to be applied: git format-patch, or git diff --no-ext-diff --no-textconv.

Exit codes towards git: diff-driver and textconv 0. merge-driver 0 merged, 1 conflicts, 129 or \
more nothing was merged and git stops. A version that is no readable notebook is merged as text, \
as git does without Andon.

Words git gives:
  diff-driver PATH OLD-FILE OLD-HEX OLD-MODE NEW-FILE NEW-HEX NEW-MODE [NEW-PATH RENAME]
  textconv FILE
  merge-driver BASE LOCAL REMOTE [MARKER-SIZE PATH BASE-NAME LOCAL-NAME REMOTE-NAME]
  difftool [--window] LOCAL REMOTE [MERGED]
  mergetool [--window] BASE LOCAL REMOTE MERGED")]
pub struct Args {
    #[command(subcommand)]
    pub command: Sub,
}

/// The subcommands.
#[derive(Debug, clap::Subcommand)]
pub enum Sub {
    /// Let git show and merge notebooks by cells
    Enable(EnableArgs),
    /// Take out what enable wrote, and nothing else
    Disable(DisableArgs),
    /// Say what is active, where, and what stands in the way
    Status(StatusArgs),
    /// Called by git diff: PATH OLD-FILE OLD-HEX OLD-MODE NEW-FILE NEW-HEX NEW-MODE [NEW-PATH RENAME]
    #[command(hide = true, disable_help_flag = true)]
    DiffDriver(Raw),
    /// Called by git log -p, show and blame: a notebook as text
    #[command(hide = true, disable_help_flag = true)]
    Textconv(FileArg),
    /// Called by git merge: BASE LOCAL REMOTE [MARKER-SIZE PATH BASE-NAME LOCAL-NAME REMOTE-NAME]; LOCAL is replaced
    #[command(hide = true, disable_help_flag = true)]
    MergeDriver(Raw),
    /// Called by git difftool with LOCAL, REMOTE and perhaps MERGED
    #[command(hide = true, disable_help_flag = true)]
    Difftool(Raw),
    /// Called by git mergetool: BASE LOCAL REMOTE MERGED
    #[command(hide = true, disable_help_flag = true)]
    Mergetool(Raw),
    /// Called by git and ssh for a name or a password, on behalf of the window that started them
    #[command(hide = true, disable_help_flag = true)]
    Askpass(AskpassArgs),
}

/// Where the window listens, and what to ask.
#[derive(Debug, clap::Args)]
pub struct AskpassArgs {
    pub socket: PathBuf,
    #[arg(allow_hyphen_values = true)]
    pub question: Option<String>,
}

/// Words as git gives them.
#[derive(Debug, clap::Args)]
pub struct Raw {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub words: Vec<OsString>,
}

/// One file.
#[derive(Debug, clap::Args)]
pub struct FileArg {
    #[arg(value_name = "FILE", allow_hyphen_values = true)]
    pub file: PathBuf,
}

/// Where.
#[derive(Debug, clap::Args)]
pub struct Where {
    /// For all your repositories
    #[arg(long, conflicts_with = "local")]
    pub global: bool,
    /// For this repository only, in files that are never committed (the default)
    #[arg(long)]
    pub local: bool,
    /// Write the attributes line to the repository's own .gitattributes, to be committed
    #[arg(long, conflicts_with = "global")]
    pub gitattributes: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `andon git enable`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Lines and values that others wrote stay; a value under Andon's own names that Andon did not write \
is replaced only with --force. Calling it again changes nothing. git finds Andon by its name on \
the search path; where that would be another program or none, the full path is written.")]
pub struct EnableArgs {
    #[command(flatten)]
    pub place: Where,
    /// Only show differences by cells
    #[arg(long, conflicts_with = "merge_only")]
    pub diff_only: bool,
    /// Only merge by cells
    #[arg(long)]
    pub merge_only: bool,
    /// Write this program's path rather than the name andon
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// Replace values that Andon did not write
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `andon git disable`.
#[derive(Debug, clap::Args)]
pub struct DisableArgs {
    #[command(flatten)]
    pub place: Where,
}

/// Arguments of `andon git status`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code: 0 notebooks are shown and merged by Andon, 1 not all of them or not both, 2 trouble."
)]
pub struct StatusArgs {
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    match &args.command {
        Sub::Enable(args) => finish(args.place.json, enable(args)),
        Sub::Disable(args) => finish(args.place.json, disable(args)),
        Sub::Status(args) => finish(args.json, status(args)),
        Sub::DiffDriver(raw) => driver::diff(&raw.words),
        Sub::Textconv(arg) => driver::textconv(&arg.file),
        Sub::MergeDriver(raw) => driver::merge(&raw.words),
        Sub::Difftool(raw) => finish(false, tools::difftool(&raw.words)),
        Sub::Mergetool(raw) => finish(false, tools::mergetool(&raw.words)),
        Sub::Askpass(args) => finish(false, askpass(args)),
    }
}

/// Prints the answer a person gave in the window; 1 when there is none, which git takes for a no.
fn askpass(args: &AskpassArgs) -> Result<i32> {
    match put_question(&args.socket, args.question.as_deref().unwrap_or_default())? {
        Some(answer) => {
            line(&answer.0);
            Ok(0)
        }
        None => Ok(1),
    }
}

fn ask() -> Result<Entries> {
    let here = std::env::current_dir().map_err(|e| Error::io("The present folder is gone").because(&e))?;
    Entries::new(&here, &Dirs::config_home())
}

impl Where {
    fn scope(&self) -> Scope {
        if self.global { Scope::Global } else { Scope::Local }
    }
}

fn enable(args: &EnableArgs) -> Result<i32> {
    let parts = match (args.diff_only, args.merge_only) {
        (true, _) => Parts { diff: true, merge: false, tools: false },
        (_, true) => Parts { diff: false, merge: true, tools: false },
        _ => Parts::ALL,
    };
    let program = program(args.program.as_deref())?;
    let wish =
        Wish { scope: args.place.scope(), parts, program, committed: args.place.gitattributes, force: args.force };
    let entries = ask()?;
    let done = entries.enable(&wish)?;
    let status = entries.status()?;
    let warnings = words::warnings(&status);
    if args.place.json {
        document("andon.git-enable/1", json!({ "done": done, "warnings": warnings }));
        return Ok(0);
    }
    if done.is_nothing() {
        say("Nothing to do: the entries are there already");
    } else {
        told("Enabled", &done);
        let option = if args.place.global {
            " --global"
        } else if args.place.gitattributes {
            " --gitattributes"
        } else {
            ""
        };
        say(&format!("Take it back with: andon git disable{option}"));
    }
    warnings.iter().for_each(|w| say(&format!("warning: {w}")));
    Ok(0)
}

fn disable(args: &DisableArgs) -> Result<i32> {
    let entries = ask()?;
    let done = entries.disable(args.place.scope(), args.place.gitattributes)?;
    if args.place.json {
        document("andon.git-disable/1", json!({ "done": done }));
        return Ok(0);
    }
    if done.is_nothing() {
        say("Nothing to do: no entry of Andon's is there");
    } else {
        told("Disabled", &done);
    }
    for left in &done.left {
        say(&format!("left as it is, since Andon did not write it: {left}"));
    }
    if !args.place.gitattributes
        && let Some(line) = entries.status()?.committed.iter().find(|l| l.ours)
    {
        say(&format!("{} still names Andon; take it out with --gitattributes", line.file.display()));
    }
    Ok(0)
}

fn told(what: &str, done: &Done) {
    if let (false, Some(file)) = (done.keys.is_empty(), &done.config_file) {
        say(&format!("{what} in {}: {}", file.display(), done.keys.join(", ")));
    } else if !done.keys.is_empty() {
        say(&format!("{what}: {}", done.keys.join(", ")));
    }
    if done.attributes_changed {
        say(&format!("{what} in {}", done.attributes_file.display()));
    }
}

fn status(args: &StatusArgs) -> Result<i32> {
    let status = ask()?.status()?;
    let warnings = words::warnings(&status);
    let code = i32::from(!(status.diff_active && status.merge_active));
    if args.json {
        document("andon.git-status/1", json!({ "status": status, "warnings": warnings }));
        return Ok(code);
    }
    words::status(&status).iter().for_each(|l| line(l));
    warnings.iter().for_each(|w| line(&format!("warning: {w}")));
    Ok(code)
}

/// The path to write; none when the name `andon` leads to this very program.
fn program(asked: Option<&std::path::Path>) -> Result<Option<String>> {
    let text = |path: PathBuf| {
        let shown = path.display().to_string();
        let plain = path.into_os_string().into_string().ok().filter(|p| !p.contains(['\n', '\r', '\0']));
        plain.ok_or_else(|| {
            Error::user(format!("The path {shown} cannot stand in git's config"))
                .hint("Put andon on the search path, or give another path with --program")
        })
    };
    if let Some(asked) = asked {
        let full =
            asked.canonicalize().map_err(|e| Error::user(format!("No program {}", asked.display())).because(&e))?;
        if !dirs::is_program(&full) {
            return Err(Error::user(format!("{} is no program", full.display())));
        }
        return text(std::path::absolute(asked).unwrap_or(full)).map(Some);
    }
    let me = std::env::current_exe().map_err(|e| Error::io("Could not find this program's own file").because(&e))?;
    let me = me.canonicalize().unwrap_or(me);
    let named = dirs::Dirs::on_path("andon").and_then(|p| p.canonicalize().ok());
    if named.as_ref() == Some(&me) { Ok(None) } else { text(me).map(Some) }
}

//! `andon kerneld`: the process that holds kernels when the window is gone.
use std::path::PathBuf;

use serde_json::{Value, json};

use super::out::{self, Common, finish, line, say};
use crate::{
    base::{Error, Result, text, time},
    engine::kernel,
};

/// Arguments of `andon kerneld`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The window starts it with the first kernel of a workspace, one for each person and workspace. It \
                        holds the kernels and keeps what they print, so that a closed, crashed or killed window loses \
                        nothing: opened again, the notebook shows all of it and goes on. It ends by itself when nothing \
                        has run and no window has been there for the time set in the settings. `andon run` needs none.\n\n\
                        With --json --status prints one document, andon.kerneld/1: an entry of \"owners\" for each \
                        process, with its \"kernels\". Exit code 0: there is one; 1: there is none."
)]
pub struct Args {
    /// Say which kernels are held, and what they do
    #[arg(long, conflicts_with_all = ["stop", "serve"])]
    pub status: bool,
    /// End the kernels and the process that holds them; running cells are stopped
    #[arg(long, conflicts_with = "serve")]
    pub stop: bool,
    /// Of all workspaces, not only this one
    #[arg(long, conflicts_with = "serve")]
    pub all: bool,
    /// Hold the kernels of a workspace; what the window starts
    #[arg(long, value_name = "DIR", hide = true)]
    pub serve: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

#[cfg(not(unix))]
fn execute(_: &Args) -> Result<i32> {
    Err(Error::user("Kernels end with the window on this system"))
}

#[cfg(unix)]
fn execute(args: &Args) -> Result<i32> {
    if let Some(root) = &args.serve {
        return kernel::serve(root, std::sync::Arc::new(time::SystemClock)).map(|()| 0);
    }
    let root = if args.all { None } else { Some(args.common.root()?) };
    if args.stop {
        let ended = kernel::ask_stop(root.as_deref())?;
        let body: Vec<Value> = ended.iter().map(|n| json!({ "workspace": n.root, "pid": n.pid })).collect();
        if args.common.json {
            out::document("andon.kerneld/1", json!({ "stopped": body }));
        }
        if ended.is_empty() {
            say("No kernels are held");
        }
        ended.iter().for_each(|n| say(&format!("Ended the kernels of {} (process {})", n.root.display(), n.pid)));
        return Ok(i32::from(ended.is_empty()));
    }
    if !args.status {
        return Err(Error::user("Say what to do: --status or --stop").hint("The window starts and ends it by itself"));
    }
    let owners = kernel::ask_status(root.as_deref())?;
    let none = owners.is_empty();
    if args.common.json {
        out::document("andon.kerneld/1", json!({ "owners": owners }));
    } else if none {
        say("No kernels are held");
    } else {
        owners.iter().for_each(tell);
    }
    Ok(i32::from(none))
}

fn tell(owner: &Value) {
    let word = |value: &Value, key: &str| match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
    line(&format!(
        "{}: process {}, Andon {}, {} attached",
        word(owner, "workspace"),
        word(owner, "pid"),
        word(owner, "version"),
        text::count(number(owner, "windows"), "window"),
    ));
    for kernel in owner.get("kernels").and_then(Value::as_array).into_iter().flatten() {
        let mut row = format!("  {}: {}, {}", word(kernel, "notebook"), word(kernel, "kernel"), word(kernel, "state"));
        if let Some(index) = kernel.pointer("/running/cell/index").and_then(Value::as_u64) {
            let since: Option<jiff::Timestamp> =
                kernel.pointer("/running/since").and_then(Value::as_str).and_then(|t| t.parse().ok());
            let lasts = since.map(|s| jiff::Timestamp::now().duration_since(s).as_millis().unsigned_abs() as u64);
            let lasts = lasts.map(|ms| format!(" for {}", time::duration_ms(ms))).unwrap_or_default();
            row.push_str(&format!(", cell {} runs{lasts}", index + 1));
        }
        match number(kernel, "waiting") {
            0 => {}
            n => row.push_str(&format!(", {} waiting", text::count(n, "cell"))),
        }
        if let Some(memory) = kernel.get("memory_bytes").and_then(Value::as_u64) {
            row.push_str(&format!(", {}", text::bytes(memory)));
        }
        line(&row);
    }
}

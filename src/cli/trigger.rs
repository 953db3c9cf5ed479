//! `andon trigger`: a new run of a pipeline, here or in another system.
use serde_json::{Map, Value};

use super::{
    connect::open as connect_to,
    out::{Common, finish, say},
    remote::{How, asked, context, trigger},
    run as local_run,
};
use crate::{
    base::{Error, Result},
    engine::{connect::config, dirs::Dirs, runner, store::Store},
    model::{params, run::LOCAL},
};

/// Arguments of `andon trigger`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --connection it is the system that has a pipeline of this name; pipelines of this folder come first.\n\
A launch is sent once: when the answer is lost, it is looked for before anything is sent again.")]
pub struct Args {
    #[arg(value_name = "PIPELINE")]
    pub pipeline: String,
    /// Which system; local is Andon itself
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Value of a parameter; may be given several times. What reads as JSON is taken as that
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// Why, kept with the run
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Key of this request: a second one with the same key starts nothing
    #[arg(long, value_name = "KEY")]
    pub request: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask, not even in production
    #[arg(short, long)]
    pub yes: bool,
    /// Follow it to its end; the exit code is that of andon run
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let root = args.common.root()?;
    let store = local_run::open(&root)?;
    let Some(connection) = place(args, &root, &store)? else { return Ok(local(args)) };
    asked(args.common.json, elsewhere(args, &store, &connection))
}

fn elsewhere(args: &Args, store: &Store, connection: &str) -> Result<i32> {
    let connector = connect_to(&args.common, connection)?;
    let params = values(&args.param)?;
    let how =
        How { dry_run: args.dry_run, yes: args.yes, wait: args.wait, json: args.common.json, note: args.note.clone() };
    trigger(connector.as_ref(), store, &args.pipeline, params, args.request.as_deref(), &how, &context())
}

/// The connection that has the pipeline; none for Andon itself.
fn place(args: &Args, root: &std::path::Path, store: &Store) -> Result<Option<String>> {
    if let Some(name) = &args.connection {
        return Ok(Some(name.clone()).filter(|n| n != LOCAL));
    }
    let here = runner::pipelines(root);
    let named = |(path, read): &(String, Result<crate::model::pipeline::Pipeline>)| {
        *path == args.pipeline || read.as_ref().is_ok_and(|p| p.name == args.pipeline)
    };
    if here.iter().any(named) || root.join(&args.pipeline).is_file() {
        return Ok(None);
    }
    let (all, _) = config::load(root, &Dirs::from_env());
    let mut has = Vec::new();
    for to in &all {
        if store.remote_pipelines(&to.name)?.iter().any(|p| p.name == args.pipeline) {
            has.push(to.name.clone());
        }
    }
    match has.as_slice() {
        [one] => Ok(Some(one.clone())),
        [] if all.len() == 1 => Ok(all.first().map(|c| c.name.clone())),
        [] => Err(Error::user(format!("No pipeline {} is known", args.pipeline))
            .hint("Name its system with --connection, or look with andon runs --refresh")),
        many => Err(Error::user(format!("Several systems have a pipeline {}", args.pipeline))
            .hint(format!("Name one with --connection: {}", many.join(", ")))),
    }
}

fn local(args: &Args) -> i32 {
    if args.dry_run {
        say(&format!("{} would run here", args.pipeline));
        return 0;
    }
    local_run::run(&local_run::Args {
        target: args.pipeline.clone(),
        param: args.param.clone(),
        raw: Vec::new(),
        parameters_file: Vec::new(),
        output: None,
        kernel: None,
        allow_errors: false,
        timeout: None,
        cwd: None,
        note: args.note.clone(),
        request: args.request.clone(),
        verbose: false,
        common: args.common.clone(),
    })
}

/// Values as typed: what reads as JSON is that, everything else is text.
pub(super) fn values(given: &[String]) -> Result<Map<String, Value>> {
    let mut all = Map::new();
    for text in given {
        // Other systems name parts of their configuration with dots: whoever takes them knows what they may be called.
        let (name, value) = match text.split_once('=').filter(|(name, _)| name.contains('.')) {
            Some((name, value)) => (name.trim().to_owned(), Value::from(value)),
            None => params::pair(text, true)?,
        };
        let value = match value {
            Value::String(s) => serde_json::from_str(&s).unwrap_or(Value::String(s)),
            other => other,
        };
        all.insert(name, value);
    }
    Ok(all)
}

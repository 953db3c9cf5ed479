//! `andon rerun`: once, however often it is asked for.
use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    out::{Common, document, finish, say},
    remote::{self, How, Target},
    run::{body, exit_code, follow, open, report},
};
use crate::{
    base::{Error, Result, job::JobCtx, text},
    engine::{
        runner::{self, Begin},
        store::Store,
    },
    model::run::{Run, RunState, Scope},
};

/// Arguments of `andon rerun`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a scope it reruns what failed and what follows it. Successful tasks outside the scope are kept; \
    tries are numbered on. Without --wait the rerun goes on in the background and the command ends with 0 once it has \
    started. A run of another system is rerun there, after a preview of what would run. The same rerun asked for several times starts once."
)]
#[allow(clippy::struct_excessive_bools)]
pub struct Args {
    /// Id of the run or the beginning of one, PIPELINE#NUMBER, a pipeline for its newest run, or latest
    #[arg(value_name = "RUN")]
    pub run: String,
    /// What did not succeed and what follows it
    #[arg(long, conflicts_with_all = ["from", "task", "all", "new"])]
    pub failed: bool,
    /// This task and what follows it
    #[arg(long, value_name = "TASK", conflicts_with_all = ["task", "all", "new"])]
    pub from: Option<String>,
    /// This task alone
    #[arg(long, value_name = "TASK", conflicts_with_all = ["all", "new"])]
    pub task: Option<String>,
    /// Every task
    #[arg(long, conflicts_with = "new")]
    pub all: bool,
    /// A new run of its own, with the parameters of this one and those given with -p
    #[arg(long)]
    pub new: bool,
    /// Value of a parameter of the new run
    #[arg(short, long = "param", value_name = "NAME=VALUE", requires = "new")]
    pub param: Vec<String>,
    /// Only say what would run again
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask, not even in production or for many tasks
    #[arg(short, long)]
    pub yes: bool,
    /// Follow it to its end; the exit code is that of andon run
    #[arg(long)]
    pub wait: bool,
    /// Why, kept with the run
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Print the tasks' output lines on stderr
    #[arg(short, long)]
    pub verbose: bool,
    /// Round of the run this request has seen; it starts nothing when there is a newer one
    #[arg(long, hide = true, value_name = "N")]
    pub seen: Option<u32>,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let root = args.common.root()?;
    let store = open(&root)?;
    let mut seen = store.find(&args.run)?;
    let scope = match (&args.from, &args.task, args.all) {
        (Some(task), ..) => Scope::From(task.clone()),
        (None, Some(task), _) => Scope::Only(task.clone()),
        (None, None, true) => Scope::All,
        (None, None, false) => Scope::Failed,
    };
    let cx = remote::context();
    if let Some(target) = Target::of(&args.common, &store, &seen, &cx)? {
        return remote::asked(args.common.json, elsewhere(&target, &store, &scope, args, &cx));
    }
    if args.new {
        return anew(&seen, args);
    }
    if let Some(round) = args.seen {
        seen.round = round;
    }
    if !seen.state.is_final() {
        return already(&store, &seen, &scope, args);
    }
    let plan = seen.rerun_plan(&scope)?;
    let said = match &scope {
        Scope::Failed if !args.failed => "no scope given, so what failed",
        Scope::Failed => "what failed",
        Scope::From(_) => "from one task on",
        Scope::Only(_) => "one task",
        Scope::All => "everything",
    };
    say(&format!(
        "Rerunning {} ({said}) of {}: {}",
        text::count(plan.len() as u64, "task"),
        seen.title(),
        plan.join(", ")
    ));
    if args.dry_run {
        if args.common.json {
            let facts = json!({ "scope": scope.key(), "rerun": plan, "started": false, "dry_run": true });
            document("andon.run/1", body(&store, &seen, facts)?);
        }
        return Ok(0);
    }
    if !args.wait {
        return background(&root, &store, &seen, &scope, &plan, args);
    }
    match runner::begin_rerun(&store, &seen, &scope, args.note.clone(), &cx)? {
        Begin::Started(execution) => {
            let run = follow(*execution, &cx, args.verbose)?;
            report(&store, &run, args.common.json, facts(&scope, &plan, true))?;
            Ok(exit_code(&run))
        }
        Begin::Already(run) => already(&store, &run, &scope, args),
    }
}

/// The same of a run of another system.
fn elsewhere(target: &Target, store: &Store, scope: &Scope, args: &Args, cx: &JobCtx) -> Result<i32> {
    let how =
        How { dry_run: args.dry_run, yes: args.yes, wait: args.wait, json: args.common.json, note: args.note.clone() };
    if !args.new {
        return remote::rerun(target, store, scope, &how, cx);
    }
    let mut params = target.run.params.clone();
    params.extend(super::trigger::values(&args.param)?);
    remote::trigger(target.connector.as_ref(), store, &target.run.pipeline, params, None, &how, cx)
}

/// A new run of a pipeline or notebook of this folder, with the parameters of `seen`.
fn anew(seen: &Run, args: &Args) -> Result<i32> {
    let given = super::trigger::values(&args.param)?;
    let mut params = seen.params.clone();
    params.extend(given);
    let params: Vec<String> = params.iter().map(|(k, v)| format!("{k}={}", crate::model::pipeline::show(v))).collect();
    if args.dry_run {
        say(&format!("A new run of {} would start with {}", seen.pipeline, params.join(", ")));
        return Ok(0);
    }
    Ok(super::run::run(&super::run::Args {
        target: seen.source.clone(),
        param: params,
        raw: Vec::new(),
        parameters_file: Vec::new(),
        output: None,
        kernel: None,
        allow_errors: false,
        timeout: None,
        cwd: None,
        note: args.note.clone(),
        request: None,
        verbose: args.verbose,
        common: args.common.clone(),
    }))
}

fn facts(scope: &Scope, plan: &[String], started: bool) -> Value {
    json!({ "scope": scope.key(), "rerun": plan, "started": started })
}

/// Another request was first: nothing is started; with --wait its end is waited for.
fn already(store: &Store, run: &Run, scope: &Scope, args: &Args) -> Result<i32> {
    say(&format!("{} ({}) is being rerun already; nothing was started", run.title(), run.id));
    let mut run = run.clone();
    if args.wait {
        while !run.state.is_final() {
            std::thread::sleep(Duration::from_millis(200));
            runner::recover(store, jiff::Timestamp::now())?;
            run = store.run(&run.id)?.ok_or_else(|| Error::user("The run is gone from the history"))?;
        }
        report(store, &run, args.common.json, facts(scope, &[], false))?;
        return Ok(exit_code(&run));
    }
    if args.common.json {
        document("andon.run/1", body(store, &run, facts(scope, &[], false))?);
    }
    Ok(0)
}

/// Starts this program again, apart from this terminal, and waits until it owns the run.
fn background(root: &Path, store: &Store, seen: &Run, scope: &Scope, plan: &[String], args: &Args) -> Result<i32> {
    let mut command = worker(root, seen, scope, args)?;
    let mut child =
        command.spawn().map_err(|e| Error::io("Could not start the rerun in the background").because(&e))?;
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let run = store.run(&seen.id)?.ok_or_else(|| Error::user("The run is gone from the history"))?;
        let gone = child.try_wait().map_err(|e| Error::io("Could not watch the rerun").because(&e))?;
        if run.round > seen.round && run.state != RunState::Queued {
            if args.common.json {
                document("andon.run/1", body(store, &run, facts(scope, plan, true))?);
            }
            say(&format!("Started; andon runs {} shows how it goes", run.id));
            return Ok(0);
        }
        if let Some(status) = gone
            && run.round == seen.round
        {
            return Err(Error::remote("The rerun did not start")
                .because_of(format!("its process ended with {status}"))
                .hint("Try again with --wait to see why"));
        }
        if Instant::now() > end {
            return Err(Error::remote("The rerun did not start within 30 s").hint("Try again with --wait to see why"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn worker(root: &Path, seen: &Run, scope: &Scope, args: &Args) -> Result<Command> {
    let program = std::env::current_exe().map_err(|e| Error::io("This program's own file is gone").because(&e))?;
    let mut command = Command::new(program);
    command.arg("rerun").arg(&seen.id.0).arg("--wait").arg("--workspace").arg(root);
    command.arg("--seen").arg(seen.round.to_string());
    match scope {
        Scope::Failed => command.arg("--failed"),
        Scope::From(task) => command.arg("--from").arg(task),
        Scope::Only(task) => command.arg("--task").arg(task),
        Scope::All => command.arg("--all"),
    };
    if let Some(note) = &args.note {
        command.arg("--note").arg(note);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // A signal to the terminal's group must not reach it.
        command.process_group(0);
    }
    Ok(command)
}

//! `andon check`
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::out::{Common, context, document, finish, line, say, workspace_above};
use crate::{
    base::{Error, Result, fsx, text},
    engine::{quality, store::Store},
    model::quality::{Status, Suite, SuiteResult},
};

/// What a script has to know.
const LONG_HELP: &str = "\
Exit code:
  0    all passed; warnings may be among them, unless --strict is given
  1    a check failed, with --strict also a warning; others may not have been evaluated
  2    no check failed, but a check or a suite could not be evaluated: a file is missing, a suite has a mistake, there is
       no suite at all. What was not evaluated has not passed.
  130  stopped with Ctrl-C

In a script, a hook or CI:
  andon check all --strict                     fails on the first thing wrong, words on stdout
  andon check all --json > checks.json         one document, also when a check fails
  andon check checks/hours.toml -p day=2010-03-15 --no-record

With --json the document is andon.check/1: passed (true with exit code 0), suites (each with suite, path, data, params,
at, data_time, rows, duration_ms and checks: id, kind, columns, severity, status, unit, observed, low, high,
element_count, missing_count, unexpected_count, share, examples, rows_sql, message) and errors (path, error) for suites
that could not be read. A status is passed, info, warning, failed or error. rows_sql gives the failing rows: andon sql
\"$rows_sql\". An answer that is no evaluation at all is andon.error/1.

Results are kept in the workspace's history and plotted on the page Quality & metrics, unless --no-record is given.";

/// Arguments of `andon check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code: 0 all passed (warnings may be among them), 1 a check failed, 2 no check failed but a check \
                  or a suite could not be evaluated.\nResults are kept in the workspace's history. More: andon check \
                  --help",
    after_long_help = LONG_HELP
)]
pub struct Args {
    /// Check file, its name in checks/, or `all`
    #[arg(value_name = "FILE.toml|all")]
    pub target: String,
    /// Value of a parameter of the suite
    #[arg(short = 'p', long = "param", value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// Exit 1 on warnings too
    #[arg(long)]
    pub strict: bool,
    /// Evaluate only, keep nothing
    #[arg(long)]
    pub no_record: bool,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

/// A suite that was asked for, or why it cannot be read.
type Wanted = (String, Result<Suite>);

fn execute(args: &Args) -> Result<i32> {
    let params = parse_params(&args.params)?;
    let (root, wanted) = wanted(args)?;
    let cx = context(false);
    let mut results = Vec::new();
    let mut errors = Vec::new();
    for (path, suite) in wanted {
        match suite.and_then(|s| quality::evaluate(&root, &s, &params, &cx)) {
            Ok(result) => {
                if !args.common.json {
                    print(&result);
                }
                results.push(result);
            }
            Err(e) if e.is_cancelled() => return Err(e),
            Err(e) => {
                say(&format!("andon: {e}"));
                if let Some(hint) = &e.hint {
                    say(&format!("  {hint}"));
                }
                errors.push((path, e));
            }
        }
    }
    if !args.no_record {
        record(&root, &results);
    }
    let worst = results.iter().map(SuiteResult::status).max().unwrap_or(Status::Passed);
    let failed = results.iter().any(|r| r.count(Status::Failed) > 0 || (args.strict && r.count(Status::Warning) > 0));
    let code = match (failed, worst == Status::Error || !errors.is_empty()) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 0,
    };
    if args.common.json {
        let errors: Vec<_> = errors.iter().map(|(path, e)| json!({ "path": path, "error": e })).collect();
        document("andon.check/1", json!({ "passed": code == 0, "suites": results, "errors": errors }));
    }
    Ok(code)
}

fn parse_params(given: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(Error::user(format!("The parameter {text} has no value")).hint("Write -p date=2026-11-16")),
    };
    given.iter().map(pair).collect()
}

fn wanted(args: &Args) -> Result<(PathBuf, Vec<Wanted>)> {
    if args.target == "all" {
        let root = args.common.root()?;
        let all = quality::list(&root);
        if all.is_empty() {
            return Err(Error::user(format!("There is no check file in {}", root.join("checks").display()))
                .hint("A suite is one TOML file in checks/; see the README"));
        }
        return Ok((root, all));
    }
    // A file that is named stands for its own workspace, wherever the command is given.
    let named = Path::new(&args.target);
    let mut root = args.common.root()?;
    if let Ok(full) = named.canonicalize()
        && full.is_file()
    {
        if args.common.workspace.is_none()
            && let Some(above) = full.parent().and_then(workspace_above)
        {
            root = above;
        }
        let root = root.canonicalize().unwrap_or(root);
        if full.starts_with(&root) {
            let path = fsx::relative(&root, &full);
            return Ok((root.clone(), vec![(path.clone(), quality::load(&root, &path))]));
        }
        // A suite kept elsewhere, evaluated over this workspace.
        let path = full.display().to_string();
        return Ok((root, vec![(path.clone(), fsx::read_text(&full).and_then(|t| Suite::parse(&path, &t)))]));
    }
    let mut all = quality::list(&root);
    let matches = |(path, suite): &Wanted| {
        let name = path.trim_start_matches("checks/");
        *path == args.target
            || name == args.target
            || name.trim_end_matches(".toml") == args.target
            || suite.as_ref().is_ok_and(|s| s.name == args.target)
    };
    if let Some(found) = all.iter().position(matches) {
        return Ok((root, vec![all.swap_remove(found)]));
    }
    let path = root.join(&args.target);
    if path.is_file() {
        return Ok((root.clone(), vec![(args.target.clone(), quality::load(&root, &args.target))]));
    }
    let names: Vec<String> = all.iter().map(|(path, _)| path.clone()).collect();
    let error = Error::user(format!("There is no check file {}", args.target));
    let near = text::nearest(&format!("checks/{}", args.target), names.iter().map(String::as_str));
    let near = near.or_else(|| text::nearest(&args.target, names.iter().map(String::as_str)));
    Err(match (near, names.is_empty()) {
        (Some(near), _) => error.hint(format!("Did you mean {near}?")),
        (None, false) => error.hint(format!("There are {}", names.join(", "))),
        (None, true) => error.hint(format!("{} has no folder checks/ with suites", root.display())),
    })
}

/// Keeps the results; a history that cannot be written spoils no verdict, but it is said.
fn record(root: &Path, results: &[SuiteResult]) {
    let records: Vec<_> = results.iter().flat_map(|r| r.records(None, None)).collect();
    if records.is_empty() {
        return;
    }
    if let Err(e) = Store::open(root).and_then(|store| store.add_check_results(&records)) {
        say(&format!("andon: the results could not be kept: {e}"));
    }
}

fn print(result: &SuiteResult) {
    line(&format!("{}: {}", result.suite, result.summary()));
    let first = result.checks.first().filter(|c| c.status == Status::Error);
    if let Some(first) = first
        && result.checks.iter().all(|c| c.message == first.message)
    {
        return line(&format!("  error    {}", first.message));
    }
    let width = result.checks.iter().map(|c| c.id.chars().count()).max().unwrap_or(0).min(40);
    let mut checks: Vec<_> = result.checks.iter().collect();
    checks.sort_by_key(|c| std::cmp::Reverse(c.status));
    for check in checks {
        line(&format!(
            "  {:8} {:width$}  {:>10}  {}",
            check.status.word(),
            check.id,
            check.last_value(),
            check.message
        ));
        if check.status != Status::Passed && !check.examples.is_empty() {
            let shown: Vec<&str> = check.examples.iter().take(5).map(String::as_str).collect();
            let shown = text::shorten(&shown.join(" | "), 160);
            line(&format!("  {:8} {:width$}  {:>10}  such as {shown}", "", "", ""));
        }
        if check.status != Status::Passed
            && let Some(sql) = &check.rows_sql
        {
            line(&format!(
                "  {:8} {:width$}  {:>10}  all of them: andon sql \"{}\"",
                "",
                "",
                "",
                sql.replace('"', "\\\"")
            ));
        }
    }
}

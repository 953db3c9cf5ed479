//! `andon test`: notebooks executed, their outputs compared with those stored.
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{
    out::{self, Common, document, finish, line, say, workspace_above},
    run::seconds,
};
use crate::{
    base::{Error, Result, fsx, text, time::duration_ms},
    engine::{
        nbtest::{self, Item, Options},
        workspace::diff_rules,
    },
    model::{
        diff::Rules,
        nbtest::{CellResult, Masks, NotebookResult, Policy, Verdict, junit},
        textdiff::RowKind,
    },
};

const LONG_HELP: &str = "\
Exit codes: 0 all pass, 1 some cells fail or put out something else, 2 or more could not be run.

Every cell of code is executed on the notebook's kernel (queries on the embedded engine) and what it puts out is
compared with what is stored: texts by lines, tables by rows, pictures by pixels, charts by traces. What every run
writes anew (times, addresses, progress bars, and what [diff] of andon.toml adds) counts for nothing, nor do tracebacks,
numbers of executions and the order of stdout and stderr. The files are not changed.

Marks of a cell, as a tag or, with underscores, as a comment (# NBVAL_SKIP):
  nbval-ignore-output     run it, compare nothing
  nbval-check-output      compare it under --lax too
  nbval-skip, skip-execution              do not run it
  nbval-raises-exception, raises-exception  it may raise; its outputs are compared as any

A cell without a number was never run: its outputs are not compared.";

/// Arguments of `andon test`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = LONG_HELP, after_help = "Exit codes: 0 all pass, 1 some differ or fail, 2 or more could not be run. More: andon test --help")]
pub struct Args {
    /// Notebooks, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write the results as JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Compare only cells marked nbval-check-output
    #[arg(long)]
    pub lax: bool,
    /// Patterns replaced on both sides before they are compared, as nbval's --nbval-sanitize-with
    #[arg(long, value_name = "FILE", alias = "nbval-sanitize-with")]
    pub sanitize_with: Vec<PathBuf>,
    /// Let nothing count for nothing: no masks, no tolerance
    #[arg(long)]
    pub exact: bool,
    /// Relative difference of two decimal numbers that is none [default: 1e-9]
    #[arg(long, value_name = "X")]
    pub tolerance: Option<f64>,
    /// Share of the pixels by which a picture may differ [default: 0]
    #[arg(long, value_name = "SHARE")]
    pub pixels: Option<f64>,
    /// Most seconds a cell may take
    #[arg(long, value_name = "S")]
    pub timeout: Option<f64>,
    /// Kernel instead of the one a notebook names
    #[arg(long, value_name = "NAME")]
    pub kernel: Option<String>,
    /// Run each notebook in its own folder, as Jupyter does, instead of the workspace
    #[arg(long)]
    pub in_folder: bool,
    /// Notebooks at a time [default: as many as there are processors]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let files = nbtest::notebooks(&args.paths)?;
    let items = files.iter().map(|f| item(&args.common, f)).collect::<Result<Vec<Item>>>()?;
    let share = |value: Option<f64>, name: &str| match value {
        Some(v) if !(0.0..1.0).contains(&v) => {
            Err(Error::user(format!("{name} {v} is no share")).hint("It is at least 0 and below 1"))
        }
        other => Ok(other),
    };
    let (tolerance, pixels) = (share(args.tolerance, "--tolerance")?, share(args.pixels, "--pixels")?);
    let mut masks = Masks::default();
    for file in &args.sanitize_with {
        masks.add(&file.display().to_string(), &fsx::read_text(file)?)?;
    }
    let mut rules = match items.first() {
        _ if args.exact => Rules::exact(),
        Some(first) => diff_rules(&first.root)?,
        None => Rules::default(),
    };
    rules.tolerance = tolerance.unwrap_or(rules.tolerance);
    let options = Options {
        policy: Policy { lax: args.lax, rules, masks, pixels: pixels.unwrap_or(0.0) },
        kernel: args.kernel.clone(),
        cell_timeout: args.timeout.map(seconds).transpose()?,
        in_folder: args.in_folder,
        jobs: args.jobs.unwrap_or(0),
    };
    let cx = out::context(false);
    let told = |_: usize, tested: &nbtest::Tested| {
        if !args.common.json {
            say(&short(&tested.result));
        }
    };
    let all = nbtest::test_all(&items, &options, &cx, &told)?;
    if let Some(path) = &args.junit {
        fsx::write_atomic(path, junit(&all).as_bytes())?;
    }
    let (passed, broken) =
        (all.iter().filter(|n| n.passed()).count(), all.iter().filter(|n| n.error.is_some()).count());
    let code = match (all.len() - passed - broken, broken) {
        (0, 0) => 0,
        (0, _) => 2,
        _ => 1,
    };
    if args.common.json {
        document("andon.test/1", json!({ "passed": code == 0, "notebooks": all }));
    } else {
        all.iter().filter(|n| !n.passed()).for_each(print);
        let bad = all.len() - passed;
        let notebooks = text::count(all.len() as u64, "notebook");
        line(&if bad == 0 { format!("{notebooks} passed") } else { format!("{notebooks}, {bad} did not pass") });
    }
    Ok(code)
}

/// The notebook with its workspace: the one that was named, else the nearest above it, else here, else its folder.
fn item(common: &Common, file: &Path) -> Result<Item> {
    let full = file.canonicalize().map_err(|e| Error::io(format!("Could not open {}", file.display())).because(&e))?;
    let folder = full.parent().map(Path::to_path_buf).unwrap_or_default();
    let root = match &common.workspace {
        Some(_) => common.root()?,
        // As `andon run` has it: the present folder is the workspace of what lies below it.
        None => match (workspace_above(&folder), common.root()?.canonicalize()) {
            (Some(root), _) => root,
            (None, Ok(here)) if full.starts_with(&here) => here,
            (None, _) => folder,
        },
    };
    Ok(Item { root, name: file.to_string_lossy().into_owned(), file: full })
}

fn short(result: &NotebookResult) -> String {
    let mark = match (result.passed(), &result.error) {
        (true, _) => "passed",
        (_, Some(_)) => "could not be run",
        _ => "FAILED",
    };
    format!("{}: {mark}, {} ({})", result.path, result.words(), duration_ms(result.ms))
}

fn print(result: &NotebookResult) {
    line(&format!("\n{}", result.path));
    if let Some(error) = &result.error {
        line(&format!("  {error}"));
        error.hint.iter().for_each(|h| line(&format!("  {h}")));
    }
    for cell in result.cells.iter().filter(|c| c.verdict.is_bad()) {
        print_cell(cell);
    }
}

fn print_cell(cell: &CellResult) {
    let word = cell.verdict.word();
    line(&format!("  Cell {} {word}: {}", cell.cell + 1, cell.title));
    if cell.differences.is_empty() {
        line(&format!("    {}", cell.reason));
    }
    for difference in &cell.differences {
        line(&format!("    Output {}, {}", difference.output, difference.words));
        for l in &difference.lines {
            let mark = match l.kind {
                RowKind::Same => ' ',
                RowKind::Removed => '-',
                RowKind::Added => '+',
                RowKind::Changed => '~',
            };
            line(&format!("      {mark} {}", l.text.replace(['\u{1b}', '\u{9b}'], "\u{fffd}")));
        }
    }
    if cell.verdict == Verdict::Failed && !cell.traceback.is_empty() {
        let text = crate::model::output::text::Text::parse(&cell.traceback).plain();
        let lines: Vec<&str> = text.lines().collect();
        for l in lines.iter().skip(lines.len().saturating_sub(12)) {
            line(&format!("      {l}"));
        }
    }
}

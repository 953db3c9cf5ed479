//! `andon outputs`: what the window shows of a notebook's outputs.
use serde_json::json;

use super::out::{document, file, finish, page};
use crate::{
    base::{Result, fsx, text::count},
    model::{
        notebook::Notebook,
        output::describe::{self, Shown},
    },
};

/// Arguments of `andon outputs`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For each output its kind, size and text as the notebook page draws them, and what is not drawn and why. \
Nothing is run and nothing is fetched.")]
pub struct Args {
    /// The notebook
    pub notebook: String,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let path = file(&args.notebook)?;
    let bytes = fsx::read(path)?;
    let book = Notebook::parse(&bytes).map_err(|e| e.because_of(args.notebook.clone()))?;
    let all = describe::notebook(&book);
    if args.json {
        document("andon.outputs/1", json!({ "notebook": args.notebook, "outputs": all }));
    } else {
        page(&all.iter().map(words).collect::<String>());
    }
    Ok(0)
}

/// `[3] table, 10 rows, 4 columns`, and below it the text.
fn words(shown: &Shown) -> String {
    let mut head = format!("[{}.{}] {}", shown.cell + 1, shown.output + 1, shown.kind);
    for (n, unit) in [(shown.rows, "row"), (shown.columns, "column"), (shown.series, "series")] {
        if let Some(n) = n {
            head += &format!(", {}", if unit == "series" { format!("{n} series") } else { count(n, unit) });
        }
    }
    for text in [&shown.title, &shown.note].into_iter().flatten() {
        head += &format!(": {text}");
    }
    let body: String = shown.text.lines().map(|l| format!("    {l}\n")).collect();
    format!("{head}\n{body}")
}

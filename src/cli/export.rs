//! `andon export`: a notebook as another kind of file.
use std::path::PathBuf;

use serde_json::json;

use super::out::{context, document, file, finish, line};
use crate::{
    base::{Error, Result, fsx},
    engine::{
        export,
        notebook::{self, Content},
    },
    model::export::Form,
};

/// Arguments of `andon export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A page (.html) is one file without scripts; nothing in it is fetched. Markdown (.md) holds the outputs, scripts \
(.py, .R, .jl) and Quarto documents (.qmd) do not. PDF is made by weasyprint, Chromium, wkhtmltopdf or Prince. \
Scripts with # %% cells and Markdown notebooks can be read, too.")]
pub struct Args {
    /// The notebook: .ipynb, a script with # %% cells, a Markdown notebook
    pub notebook: String,
    /// Kind of file, when the name of the output does not say it: html, md, py, R, jl, qmd, ipynb, pdf
    #[arg(long, value_name = "KIND")]
    pub to: Option<String>,
    /// Where it goes; without it beside the notebook, and `-` to stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
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
    let Content::Notebook(book) = notebook::load(path, false)?.content else {
        return Err(Error::user(format!("{} is no notebook", args.notebook))
            .because_of("It has no cells: neither # %% lines nor a head that says so"));
    };
    let by_name = args.output.as_ref().and_then(|o| Form::of(&o.to_string_lossy()));
    let form = match &args.to {
        Some(kind) => Form::of(&format!("a.{}", kind.trim_start_matches('.'))).ok_or_else(|| {
            Error::user(format!("A notebook cannot be made into {kind}"))
                .hint("Say html, md, py, R, jl, qmd, ipynb or pdf")
        })?,
        None => by_name.ok_or_else(|| {
            Error::user("What to make is not said").hint("Add --to html, or -o with a name that ends so")
        })?,
    };
    let stem = path.file_stem().map_or_else(|| "notebook".to_owned(), |s| s.to_string_lossy().into_owned());
    let bytes = export::export(&book, form, &stem, &context(false))?;
    let out = match &args.output {
        Some(out) if out.as_os_str() == "-" => {
            use std::io::Write;
            let wrote = std::io::stdout().write_all(&bytes);
            return wrote.map(|()| 0).map_err(|e| Error::io("Could not write to stdout").because(&e));
        }
        Some(out) => out.clone(),
        None => path.with_extension(form.ending(&book.language())),
    };
    if out.exists() && !args.force {
        return Err(Error::user(format!("{} is there already", out.display())).hint("Add --force to write over it"));
    }
    fsx::write_atomic(&out, &bytes)?;
    if args.json {
        document("andon.export/1", json!({ "notebook": args.notebook, "output": out, "bytes": bytes.len() }));
    } else {
        line(&out.display().to_string());
    }
    Ok(0)
}

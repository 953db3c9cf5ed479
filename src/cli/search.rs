//! `andon search`: text in the files of a workspace, notebooks by cells.
use std::{io::IsTerminal, path::PathBuf};

use serde_json::json;

use super::{
    diff::Colour,
    out::{Common, context, document, finish, line, say},
};
use crate::{
    base::{Error, Result, text::count},
    engine::search as engine,
    model::{
        editor::find::Query,
        search::{Ask, FileHits, Hit, Place, Tally},
    },
};

/// Arguments of `andon search`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  andon search dep_delay                         in all files of the present folder
  andon search --regex 'read_(csv|parquet)' notebooks src
  andon search 'ValueError' --outputs            also in what the outputs of notebooks show
  andon search todo --glob '*.py' --exclude tests
A notebook is searched by cells and never in its JSON: path:cell 3:line: text. What git ignores, \
tools' own folders, binary and overlong files are left out. The exit code is 0 when something was \
found, 1 when nothing was, 2 when it could not be searched.")]
pub struct Args {
    /// What to look for
    pub pattern: String,
    /// Files and folders; the present folder when left out
    pub paths: Vec<PathBuf>,
    /// The pattern is a regular expression
    #[arg(long, short = 'e')]
    pub regex: bool,
    /// Match capitals
    #[arg(long, short = 's')]
    pub case: bool,
    /// Whole words alone
    #[arg(long, short = 'w')]
    pub word: bool,
    /// Also what the outputs of notebooks show
    #[arg(long, short = 'o')]
    pub outputs: bool,
    /// Only files that fit, such as *.py or src
    #[arg(long, short = 'g', value_name = "PATTERNS")]
    pub glob: Vec<String>,
    /// No files or folders that fit
    #[arg(long, value_name = "PATTERNS")]
    pub exclude: Vec<String>,
    /// Only the paths of files with a find
    #[arg(long, short = 'l')]
    pub files: bool,
    /// Use colour
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    if args.pattern.is_empty() {
        return Err(Error::user("There is nothing to look for").hint("Give a pattern that is not empty"));
    }
    let root = match &args.common.workspace {
        Some(_) => args.common.root()?,
        None => PathBuf::from("."),
    };
    let query = Query { text: args.pattern.clone(), regex: args.regex, case: args.case, word: args.word };
    let ask = Ask { query, include: args.glob.join(","), exclude: args.exclude.join(","), outputs: args.outputs };
    let paths = args.paths.iter().map(|p| if p.is_absolute() { p.clone() } else { root.join(p) }).collect();
    // Scripts are read by lines here, as other tools name them.
    let search = engine::Search { root, paths, ask, open: Vec::new(), scripts: false, most: usize::MAX };
    let cx = context(false);
    if args.common.json {
        return as_json(&search, &cx);
    }
    let colour = args.color.is_on(std::io::stdout().is_terminal());
    let tally = engine::search(&search, &cx, &|file| {
        if args.files {
            line(&file.path);
        } else {
            file.hits.iter().for_each(|hit| line(&words(&file, hit, colour)));
        }
    })?;
    told(&tally);
    Ok(i32::from(tally.hits == 0))
}

/// `path:cell 3:line: text`.
fn words(file: &FileHits, hit: &Hit, colour: bool) -> String {
    let at = match hit.place {
        Place::Text => format!("{}", hit.line + 1),
        Place::Source(_) => format!("cell {}:{}", hit.cell, hit.line + 1),
        Place::Output(_, output) => format!("cell {} output {}:{}", hit.cell, output + 1, hit.line + 1),
    };
    if !colour {
        return format!("{}:{at}: {}", file.path, hit.words);
    }
    let part = |range: std::ops::Range<usize>| hit.words.get(range).unwrap_or_default();
    let (before, mark, behind) = (part(0..hit.mark.start), part(hit.mark.clone()), part(hit.mark.end..hit.words.len()));
    format!("\u{1b}[35m{}\u{1b}[0m:\u{1b}[32m{at}\u{1b}[0m: {before}\u{1b}[1;31m{mark}\u{1b}[0m{behind}", file.path)
}

/// What was left out, on stderr.
fn told(tally: &Tally) {
    for file in &tally.large {
        say(&format!("andon: {file} is too large to be searched"));
    }
    for (path, why) in &tally.unread {
        say(&format!("andon: {path} could not be read: {why}"));
    }
}

fn as_json(search: &engine::Search, cx: &crate::base::job::JobCtx) -> Result<i32> {
    let all = std::sync::Mutex::new(Vec::new());
    let found = |file: FileHits| {
        if let Ok(mut all) = all.lock() {
            all.extend(file.hits.iter().map(|hit| as_value(&file, hit)));
        }
    };
    let tally = engine::search(search, cx, &found)?;
    let hits = all.into_inner().unwrap_or_default();
    let unread: Vec<_> = tally.unread.iter().map(|(path, why)| json!({ "path": path, "why": why })).collect();
    document(
        "andon.search/1",
        json!({
            "pattern": search.ask.query.text,
            "summary": format!("{} in {}", count(tally.hits as u64, "result"), count(tally.with as u64, "file")),
            "searched": tally.files, "files": tally.with, "count": tally.hits,
            "hits": hits, "too_large": tally.large, "unread": unread,
        }),
    );
    Ok(i32::from(tally.hits == 0))
}

fn as_value(file: &FileHits, hit: &Hit) -> serde_json::Value {
    let mut value = json!({ "path": file.path });
    if hit.cell > 0 {
        value["cell"] = json!(hit.cell);
    }
    if let Place::Output(_, output) = hit.place {
        value["output"] = json!(output + 1);
    }
    value["line"] = json!(hit.line + 1);
    value["text"] = json!(hit.words);
    value["match"] = json!(hit.words.get(hit.mark.clone()).unwrap_or_default());
    value
}

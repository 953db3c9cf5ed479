//! `andon show`: a notebook as text, from a file, a revision or standard input.
use std::{
    io::{IsTerminal, Read},
    ops::RangeInclusive,
    path::Path,
};

use serde_json::{Value, json};

use super::{
    diff::Colour,
    out::{Common, document, file, finish, page, workspace_above},
    torn,
};
use crate::{
    base::{Error, Result, error::Context},
    engine::git::Repo,
    model::{
        diff::Document,
        show::{self, Line, Look, Tone},
    },
};

/// Arguments of `andon show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  andon show analysis.ipynb                      the file on disk
  andon show HEAD~2:notebooks/analysis.ipynb     as it was; a path from the top of the repository
  andon show :analysis.ipynb                     as it is staged
  andon show :2:analysis.ipynb                   in the middle of a merge: ours; :3 theirs, :1 the base
  andon show - < analysis.ipynb                  from standard input
  andon show --color always analysis.ipynb | less -R
A notebook that git merged by lines, so that its marks tear it, is shown as its versions merge by cells.
Without a choice, sources, outputs and attachments are shown. Small letters show only what they \
name (-s -o), capital letters leave it out (-O).")]
pub struct Args {
    /// The notebook, REV:PATH, or - for standard input
    #[arg(value_name = "NOTEBOOK|REV:PATH", required = true)]
    pub what: Vec<String>,
    /// Show sources
    #[arg(long, short = 's', overrides_with = "ignore_sources")]
    pub sources: bool,
    /// Show outputs
    #[arg(long, short = 'o', overrides_with = "ignore_outputs")]
    pub outputs: bool,
    /// Show the names of attachments
    #[arg(long, short = 'a', overrides_with = "ignore_attachments")]
    pub attachments: bool,
    /// Show metadata that a person set
    #[arg(long, short = 'm', overrides_with = "ignore_metadata")]
    pub metadata: bool,
    /// Show cell ids
    #[arg(long, short = 'i', overrides_with = "ignore_id")]
    pub id: bool,
    /// Show execution counts
    #[arg(long, short = 'd', overrides_with = "ignore_details")]
    pub details: bool,
    /// Show all of that
    #[arg(long)]
    pub all: bool,
    /// Leave out sources
    #[arg(long, short = 'S')]
    pub ignore_sources: bool,
    /// Leave out outputs
    #[arg(long, short = 'O')]
    pub ignore_outputs: bool,
    /// Leave out attachments
    #[arg(long, short = 'A')]
    pub ignore_attachments: bool,
    /// Leave out metadata
    #[arg(long, short = 'M')]
    pub ignore_metadata: bool,
    /// Leave out cell ids
    #[arg(long, short = 'I')]
    pub ignore_id: bool,
    /// Leave out execution counts
    #[arg(long, short = 'D')]
    pub ignore_details: bool,
    /// Only these cells: 3,5-7,10-
    #[arg(long, value_name = "CELLS", value_parser = cells)]
    pub cells: Option<Ranges>,
    /// As git compares it: without what a run or a neighbour changes
    #[arg(long)]
    pub stable: bool,
    /// Use colour
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
    #[command(flatten)]
    pub common: Common,
}

/// Cells by number.
#[derive(Debug, Clone)]
pub struct Ranges(Vec<RangeInclusive<usize>>);

fn cells(text: &str) -> std::result::Result<Ranges, String> {
    let wrong = |part: &str| format!("{part:?} is neither a cell's number nor a range such as 3-7");
    let number = |t: &str, part: &str| t.trim().parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(|| wrong(part));
    let range = |part: &str| match part.split_once('-') {
        None => number(part, part).map(|n| n..=n),
        Some((a, b)) => {
            let from = if a.trim().is_empty() { 1 } else { number(a, part)? };
            let to = if b.trim().is_empty() { usize::MAX } else { number(b, part)? };
            if from > to { Err(wrong(part)) } else { Ok(from..=to) }
        }
    };
    text.split(',').map(|p| range(p.trim())).collect::<std::result::Result<_, _>>().map(Ranges)
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let look = look(args);
    let mut all = Vec::new();
    for what in &args.what {
        let doc = Document::parse(name(what), read(args, what)?).map_err(|e| torn::way_out(e, Path::new(what)))?;
        all.push((what, doc));
    }
    if args.common.json {
        let all: Vec<Value> = all.iter().map(|(what, doc)| notebook(what, doc, &look)).collect();
        document("andon.show/1", json!({ "notebooks": all }));
        return Ok(0);
    }
    let colour = args.color.is_on(std::io::stdout().is_terminal());
    let mut text = String::new();
    for (n, (what, doc)) in all.iter().enumerate() {
        if n > 0 {
            text.push('\n');
        }
        text.push_str(&paint(&show::lines(name(what), doc, &look), colour));
    }
    page(&text);
    Ok(0)
}

fn look(args: &Args) -> Look {
    let plain = if args.stable { Look::stable() } else { Look::person() };
    let chosen = args.sources || args.outputs || args.attachments || args.metadata || args.id || args.details;
    let pick = |yes: bool, no: bool, usual: bool| args.all || !no && (yes || usual && !chosen);
    Look {
        sources: pick(args.sources, args.ignore_sources, plain.sources),
        outputs: pick(args.outputs, args.ignore_outputs, plain.outputs),
        attachments: pick(args.attachments, args.ignore_attachments, plain.attachments),
        metadata: pick(args.metadata, args.ignore_metadata, plain.metadata),
        ids: pick(args.id, args.ignore_id, false),
        counts: pick(args.details, args.ignore_details, false),
        cells: args.cells.as_ref().map(|c| c.0.clone()).unwrap_or_default(),
        stable: args.stable,
    }
}

fn name(what: &str) -> &str {
    if what == "-" { "standard input" } else { what }
}

fn read(args: &Args, what: &str) -> Result<Vec<u8>> {
    if what == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).io(|| "Could not read standard input".to_owned())?;
        return Ok(bytes);
    }
    let path = file(what)?;
    if path.is_file() {
        return torn::read(path, what);
    }
    let here = std::env::current_dir().map_err(|e| Error::io("The present folder is gone").because(&e))?;
    if what.contains(':') {
        let from = if args.common.workspace.is_some() { args.common.root()? } else { here };
        return Repo::open(&from)?.read_spec(what);
    }
    let error = Error::user(format!("There is no file {what}"));
    Err(if workspace_above(&here).is_some() {
        error.hint(format!("A version of the past is named by its revision: andon show HEAD:./{what}"))
    } else {
        error
    })
}

/// The lines with their colours, ready to be printed.
pub(super) fn paint(lines: &[Line], colour: bool) -> String {
    let mut out = String::new();
    for line in lines {
        let code = match line.tone {
            Tone::Title => "1",
            Tone::Head => "1;36",
            Tone::Name => "36",
            Tone::Error => "31",
            Tone::Output => "2",
            Tone::Source => "",
        };
        if colour && !code.is_empty() && !line.text.is_empty() {
            out.push_str(&format!("\u{1b}[{code}m{}\u{1b}[0m\n", line.text));
        } else {
            out.push_str(&line.text);
            out.push('\n');
        }
    }
    out
}

fn notebook(what: &str, doc: &Document, look: &Look) -> Value {
    let metadata = |members: &[(String, crate::model::json::Bytes)]| -> Value {
        members.iter().map(|(k, v)| (k.clone(), serde_json::from_slice(v).unwrap_or(Value::Null))).collect()
    };
    let cells = doc.cells.iter().enumerate().filter(|(i, _)| look.has(*i)).map(|(i, cell)| {
        let mut body = json!({ "cell": i + 1, "type": show::kind_word(cell.kind) });
        let mut put = |key: &str, value: Value| body[key] = value;
        if look.ids {
            put("id", json!(cell.id));
        }
        if look.counts {
            put("execution_count", json!(cell.count));
        }
        if look.metadata {
            put("metadata", metadata(&cell.metadata));
        }
        if look.sources {
            put("source", json!(&*cell.source));
        }
        if look.attachments {
            put("attachments", json!(cell.attachments.iter().map(|a| &a.0).collect::<Vec<_>>()));
        }
        if look.outputs {
            let outputs = show::outputs(cell, look.stable).into_iter();
            put("outputs", outputs.map(|o| json!({ "title": o.title, "text": o.text })).collect());
        }
        body
    });
    let cells: Vec<Value> = cells.collect();
    let mut body = json!({
        "path": what,
        "format": format!("{}.{}", doc.format.0, doc.format.1),
        "language": doc.language,
        "cells": cells,
    });
    if look.metadata {
        body["metadata"] = metadata(&doc.metadata);
    }
    body
}

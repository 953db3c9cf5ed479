//! `andon blame` and `andon log`: who wrote each cell and line of a notebook, and what happened to a cell.
use std::{path::Path, sync::Arc};

use serde_json::{Value, json};

use super::out::{Common, context, document, finish, line, workspace_above};
use crate::{
    base::{Error, Result, fsx, job::JobCtx, text::shorten, time},
    engine::git::{NotebookVersion, Repo},
    model::{
        blame::{Story, Version, stories},
        diff::{CellView, Document, NotebookDiff},
        git::{Rev, short},
    },
};

/// From where one looks back, and how far.
#[derive(Debug, clap::Args)]
pub struct Seen {
    /// As of this revision instead of the file on disk
    #[arg(long, value_name = "REV")]
    pub rev: Option<String>,
    /// Look no further back than this many versions
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub limit: usize,
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `andon blame`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Cells and lines are followed through moves, splits, merges and renames of the file; a cell whose id was rewritten is
still the same cell. Cells are counted from 0.
Exit code: 0 told, 2 trouble.")]
pub struct Blame {
    /// The notebook
    pub path: String,
    #[command(flatten)]
    pub seen: Seen,
}

/// Arguments of `andon log`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --cell every version of the notebook with what changed in it; with --cell only what happened to that cell.
Exit code: 0 told, 2 trouble.")]
pub struct Log {
    /// The notebook
    pub path: String,
    /// The cell's id, or its position counted from 0
    #[arg(long, value_name = "ID|INDEX")]
    pub cell: Option<String>,
    #[command(flatten)]
    pub seen: Seen,
}

/// Runs `blame` and gives the exit code.
pub fn blame(args: &Blame) -> i32 {
    finish(args.seen.common.json, tell_blame(args, &context(false)))
}

/// Runs `log` and gives the exit code.
pub fn log(args: &Log) -> i32 {
    finish(args.seen.common.json, tell_log(args, &context(false)))
}

/// The notebook's versions, oldest first; the last one may be the file on disk.
struct Past {
    versions: Vec<NotebookVersion>,
    now: Option<Version>,
}

impl Past {
    fn read(path: &str, seen: &Seen, cx: &JobCtx) -> Result<Self> {
        let Seen { rev, limit, common } = seen;
        let here = std::env::current_dir().map_err(|e| Error::io("The present folder is gone").because(&e))?;
        let full = here.join(path);
        let root = match &common.workspace {
            Some(_) => common.root()?,
            None => full.parent().and_then(workspace_above).unwrap_or(here),
        };
        let repo = Repo::open(&root)?;
        let below = below(repo.root(), &full, path)?;
        let versions = repo.notebook_versions(rev.as_deref().unwrap_or("HEAD"), &below, *limit, cx)?;
        let bytes = if rev.is_some() { None } else { repo.read(&Rev::WorkingTree, &below)? };
        let now = match bytes {
            None if versions.is_empty() => {
                return Err(Error::user(format!("There is no notebook {path}, neither here nor in the history")));
            }
            None => None,
            Some(bytes) => {
                let same = versions
                    .last()
                    .is_some_and(|v| matches!(repo.read(&Rev::head(), &v.file.path), Ok(Some(old)) if old == bytes));
                let doc = Document::parse(path, bytes)?;
                (!same).then(|| Version {
                    doc: Arc::new(doc),
                    parents: versions.len().checked_sub(1).into_iter().collect(),
                })
            }
        };
        Ok(Self { versions, now })
    }
    fn all(&self) -> Vec<Version> {
        self.versions.iter().map(|v| v.version.clone()).chain(self.now.clone()).collect()
    }
    fn last(&self) -> Option<&Arc<Document>> {
        self.now.as_ref().or(self.versions.last().map(|v| &v.version)).map(|v| &v.doc)
    }
    /// A version in words: commit, person, day; the file on disk has none of them.
    fn words(&self, version: usize) -> [String; 3] {
        self.versions.get(version).map_or_else(
            || ["-------".into(), "not committed".into(), String::new()],
            |v| {
                let c = &v.file.commit;
                [c.short().to_owned(), c.author.name.clone(), c.at.to_zoned(time::local_zone()).date().to_string()]
            },
        )
    }
    fn json(&self, version: usize) -> Value {
        self.versions.get(version).map_or(Value::Null, |v| {
            let c = &v.file.commit;
            json!({ "commit": c.id, "author": c.author.name, "at": c.at, "summary": c.summary, "path": v.file.path })
        })
    }
}

fn below(root: &Path, full: &Path, given: &str) -> Result<String> {
    let real = full.canonicalize().unwrap_or_else(|_| full.to_path_buf());
    if real.starts_with(root) {
        return Ok(fsx::relative(root, &real));
    }
    if Path::new(given).is_absolute() {
        return Err(Error::user(format!("{given} is not in the workspace {}", root.display())));
    }
    // A file that is only in the history, named from the workspace's folder.
    fsx::inside(root, given)?;
    Ok(given.trim_start_matches("./").to_owned())
}

fn tell_blame(args: &Blame, cx: &JobCtx) -> Result<i32> {
    let past = Past::read(&args.path, &args.seen, cx)?;
    let told = stories(&past.all());
    let cells = past.last().map(|d| d.cells.clone()).unwrap_or_default();
    if args.seen.common.json {
        let cells: Vec<Value> =
            cells.iter().zip(&told).enumerate().map(|(n, (c, s))| cell_json(&past, n, c, s)).collect();
        document("andon.blame/1", json!({ "path": args.path, "cells": cells }));
        return Ok(0);
    }
    for (n, (cell, story)) in cells.iter().zip(&told).enumerate() {
        line(&format!("cell {n} \u{b7} {} \u{b7} {}", cell.kind.word(), touched(&past, story)));
        for (text, version) in cell.source.split('\n').zip(&story.lines) {
            let [commit, who, day] = past.words(*version);
            line(&format!("{commit} {:<16} {day:<10} | {}", shorten(&who, 16), clean(text)));
        }
        line("");
    }
    Ok(0)
}

fn cell_json(past: &Past, index: usize, cell: &CellView, story: &Story) -> Value {
    let lines: Vec<Value> = story.lines.iter().map(|v| past.json(*v)).collect();
    let deeds: Vec<Value> = story.deeds.iter().map(|(v, d)| json!({ "what": d, "version": past.json(*v) })).collect();
    json!({ "index": index, "id": cell.id, "title": cell.title(), "lines": lines, "history": deeds })
}

/// `edited by Mara Okafor, 2026-11-17`.
fn touched(past: &Past, story: &Story) -> String {
    let Some((version, deed)) = story.deeds.last() else { return String::new() };
    let [_, who, day] = past.words(*version);
    if day.is_empty() { format!("{}, {who}", deed.word()) } else { format!("{} by {who}, {day}", deed.word()) }
}

fn tell_log(args: &Log, cx: &JobCtx) -> Result<i32> {
    let past = Past::read(&args.path, &args.seen, cx)?;
    let Some(wanted) = &args.cell else { return whole(args, &past) };
    let cells = past.last().map(|d| d.cells.clone()).unwrap_or_default();
    let at = cells
        .iter()
        .position(|c| c.id.as_deref() == Some(wanted))
        .or_else(|| wanted.parse().ok().filter(|n| *n < cells.len()))
        .ok_or_else(|| {
            Error::user(format!("There is no cell {wanted}"))
                .because_of(format!("The notebook has {} cells, counted from 0", cells.len()))
        })?;
    let told = stories(&past.all());
    let (Some(cell), Some(story)) = (cells.get(at), told.get(at)) else {
        return Err(Error::bug("A cell has no story"));
    };
    if args.seen.common.json {
        document("andon.log/1", json!({ "path": args.path, "cell": cell_json(&past, at, cell, story) }));
        return Ok(0);
    }
    for (version, deed) in story.deeds.iter().rev() {
        let [commit, who, day] = past.words(*version);
        let summary = past.versions.get(*version).map_or("", |v| v.file.commit.summary.as_str());
        line(&format!("{commit} {day:<10} {:<16} {:<11} {}", shorten(&who, 16), deed.word(), clean(summary)));
    }
    Ok(0)
}

/// Every version with what changed against the one before.
fn whole(args: &Log, past: &Past) -> Result<i32> {
    let all = past.all();
    let mut rows = Vec::new();
    for (n, version) in all.iter().enumerate().rev() {
        let old = version.parents.first().and_then(|p| all.get(*p));
        let old = old.map_or_else(|| Arc::new(Document::empty()), |v| v.doc.clone());
        let diff = NotebookDiff::new(old, version.doc.clone());
        let words = if diff.summary.is_quiet() { "nothing but a new run".to_owned() } else { diff.summary.words() };
        if args.seen.common.json {
            rows.push(json!({ "version": past.json(n), "summary": diff.summary, "words": words }));
            continue;
        }
        let [commit, who, day] = past.words(n);
        let summary = past.versions.get(n).map_or("", |v| v.file.commit.summary.as_str());
        line(&format!("{} {day:<10} {:<16} {}", short(&commit), shorten(&who, 16), clean(summary)));
        line(&format!("        {words}"));
    }
    if args.seen.common.json {
        document("andon.log/1", json!({ "path": args.path, "versions": rows }));
    }
    Ok(0)
}

/// Nothing of a file or a message commands the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

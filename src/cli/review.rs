//! `andon review`: comment threads and approvals on the cells of notebooks, kept in git beside the board.
use std::{collections::HashMap, io::Read as _, path::PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::out::{Common, document, finish, line, say};
use crate::{
    base::{Error, Result, fsx, job::JobCtx, text::shorten, time},
    engine::ledger::{Ledger, Loaded, Synced},
    model::{
        diff::{Document, is_notebook},
        ledger::Op,
        review::{
            self, Actions, CellAnchor, Content, Place, Said, Spot, Thread,
            export::{self, SCHEMA},
        },
    },
};

/// Arguments of `andon review`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Threads are operations on the branch andon/board: `andon review sync` fetches and pushes them with the board. They stay
with their cell through edits, moves, rebases and rewritten ids; when the cell is gone they are listed as such. In files
that are no notebooks they stay with their line. Cells are counted from 0, lines from 1.
Exit code: 0 done, 1 status: threads are open or cells not approved, 2 trouble.")]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Sub>,
    /// Workspace folder; the nearest one above the present folder when left out
    #[arg(long, value_name = "DIR", global = true)]
    pub workspace: Option<PathBuf>,
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    pub json: bool,
}

/// Where a comment belongs.
#[derive(Debug, clap::Args)]
pub struct Where {
    /// The notebook or other file, from the workspace's folder
    pub path: String,
    /// The cell's id, or its position counted from 0; for notebooks
    #[arg(long, value_name = "ID|INDEX")]
    pub cell: Option<String>,
    /// A line of the cell, or of a file that is no notebook, counted from 1
    #[arg(long, value_name = "N")]
    pub line: Option<usize>,
    /// An output of the cell, counted from 0
    #[arg(long, value_name = "N")]
    pub output: Option<usize>,
}

/// What can be done.
#[derive(Debug, clap::Subcommand)]
pub enum Sub {
    /// List threads with where they are now
    List {
        /// Of this notebook only
        path: Option<String>,
        /// Open ones only
        #[arg(long)]
        open: bool,
    },
    /// Begin a thread on a cell, a line or an output
    Comment {
        #[command(flatten)]
        spot: Where,
        /// The comment; `-` reads it from stdin
        text: String,
    },
    /// Propose another source for a cell
    Suggest {
        #[command(flatten)]
        spot: Where,
        /// The proposed source; `-` reads it from stdin
        source: String,
        /// Why
        #[arg(long, short, default_value = "", value_name = "TEXT")]
        message: String,
    },
    /// Answer in a thread
    Reply { id: String, text: String },
    /// Close a thread
    Resolve { id: String },
    /// Open a thread again
    Reopen { id: String },
    /// Put a thread's last suggestion into the notebook
    Apply { id: String },
    /// Approve a cell, or all cells
    Approve {
        path: String,
        /// The cell's id or position; all cells when left out
        #[arg(long, value_name = "ID|INDEX")]
        cell: Option<String>,
    },
    /// Take your approval of a cell back
    Withdraw {
        path: String,
        #[arg(long, value_name = "ID|INDEX")]
        cell: String,
    },
    /// Say which cells are approved and what is open
    Status { path: String },
    /// Write threads for a pull request
    Export {
        path: Option<String>,
        #[arg(long, value_enum, default_value_t = Format::Markdown)]
        format: Format,
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Fetch and push threads with the board
    Sync,
}

impl Sub {
    /// It is kept under the name of who did it.
    fn is_signed(&self) -> bool {
        !matches!(self, Self::List { .. } | Self::Status { .. } | Self::Export { .. } | Self::Sync)
    }
}

/// How threads are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[value(alias = "md")]
    Markdown,
    Html,
    Json,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.json, execute(args))
}

struct Desk {
    root: PathBuf,
    ledger: Ledger,
    loaded: Loaded,
    json: bool,
}

impl Desk {
    fn open(common: &Common) -> Result<Self> {
        let root = common.root()?;
        let ledger = Ledger::open(&root)?;
        let loaded = ledger.load()?;
        Ok(Self { root, ledger, loaded, json: common.json })
    }
    fn act(&mut self, actions: Actions, did: &str, thread: Option<&str>) -> Result<i32> {
        let mut stamper = self.ledger.stamper(&self.loaded, Timestamp::now())?;
        let now = stamper.begin(Timestamp::now());
        let ops: Vec<Op> = actions.into_iter().map(|(s, a)| stamper.op(now, s, a)).collect();
        self.ledger.append(&ops)?;
        for op in &ops {
            self.loaded.projection.apply(op);
        }
        if let Err(e) = self.ledger.flush() {
            say(&format!("andon: saved, but not committed yet: {e}"));
        }
        if self.json {
            let thread = thread.and_then(|id| review::find(&self.loaded.projection, id).ok());
            document(SCHEMA, json!({ "did": did, "thread": thread }));
        } else {
            say(did);
        }
        Ok(0)
    }
    fn thread(&self, id: &str) -> Result<Thread> {
        review::find(&self.loaded.projection, id)
    }
    fn said(&self, text: String, suggestion: Option<String>) -> Said {
        Said { by: self.ledger.person().to_owned(), at: Timestamp::now(), text, suggestion }
    }
    fn notebook(&self, path: &str) -> Result<Document> {
        Document::parse(path, fsx::read(&fsx::inside(&self.root, path)?)?)
    }
    fn content(&self, path: &str) -> Result<Content> {
        Ok(Content::read(path, fsx::read(&fsx::inside(&self.root, path)?)?))
    }
    /// The commit that is checked out.
    fn commit(&self) -> Option<String> {
        let repo = crate::engine::git::Repo::open(&self.root).ok()?;
        repo.head().ok()?.commit().map(str::to_owned)
    }
    fn line_of_file(&self, at: &Where) -> Result<Spot> {
        let Content::Text(lines) = self.content(&at.path)? else {
            return Err(Error::user("Which cell?").hint("Name it with --cell, by its id or its position from 0"));
        };
        if at.cell.is_some() || at.output.is_some() {
            return Err(Error::user(format!("{} is no notebook: it has lines, not cells", at.path)));
        }
        if let Some(n) = at.line.filter(|n| *n == 0 || *n > lines.len()) {
            let has = format!("It has {}", lines.len());
            return Err(Error::user(format!("{} has no line {n}", at.path)).because_of(has));
        }
        let line = at.line.map(|n| n - 1);
        let cell = CellAnchor::of_text(&lines, line);
        Ok(Spot { path: at.path.clone(), cell, line, output: None, commit: self.commit() })
    }
    fn spot(&self, at: &Where) -> Result<Spot> {
        let Some(wanted) = at.cell.as_deref().filter(|_| is_notebook(&at.path)) else { return self.line_of_file(at) };
        let doc = self.notebook(&at.path)?;
        let index = cell_at(&doc, wanted)?;
        let cell = doc.cells.get(index);
        let lines = cell.map_or(0, |c| c.source.split('\n').count());
        if let Some(n) = at.line.filter(|n| *n == 0 || *n > lines) {
            return Err(Error::user(format!("Cell {index} has no line {n}")).because_of(format!("It has {lines}")));
        }
        let outputs = cell.map_or(0, |c| c.outputs.len());
        if let Some(n) = at.output.filter(|n| *n >= outputs) {
            return Err(Error::user(format!("Cell {index} has no output {n}")).because_of(format!("It has {outputs}")));
        }
        Ok(Spot {
            path: at.path.clone(),
            cell: CellAnchor::of(&doc, index).unwrap_or_default(),
            line: at.line.map(|n| n - 1),
            output: at.output,
            commit: self.commit(),
        })
    }
}

fn cell_at(doc: &Document, wanted: &str) -> Result<usize> {
    let by_id = doc.cells.iter().position(|c| c.id.as_deref() == Some(wanted));
    by_id.or_else(|| wanted.parse().ok().filter(|n| *n < doc.cells.len())).ok_or_else(|| {
        Error::user(format!("There is no cell {wanted}"))
            .because_of(format!("The notebook has {} cells, counted from 0", doc.cells.len()))
    })
}

fn text_or_stdin(text: &str) -> Result<String> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut all = String::new();
    std::io::stdin().read_to_string(&mut all).map_err(|e| Error::io("Could not read from stdin").because(&e))?;
    Ok(all.trim_end_matches('\n').to_owned())
}

fn execute(args: &Args) -> Result<i32> {
    let common = Common { workspace: args.workspace.clone(), json: args.json };
    let mut desk = Desk::open(&common)?;
    if args.command.as_ref().is_some_and(Sub::is_signed) && !desk.ledger.knows_person() {
        return Err(review::no_name());
    }
    match &args.command {
        None => list(&desk, None, true),
        Some(Sub::List { path, open }) => list(&desk, path.as_deref(), *open),
        Some(Sub::Comment { spot, text }) => {
            let said = desk.said(text_or_stdin(text)?, None);
            begin(&mut desk, spot, &said)
        }
        Some(Sub::Suggest { spot, source, message }) => {
            let said = desk.said(message.clone(), Some(text_or_stdin(source)?));
            begin(&mut desk, spot, &said)
        }
        Some(Sub::Reply { id, text }) => {
            let (thread, said) = (desk.thread(id)?, desk.said(text_or_stdin(text)?, None));
            let actions = review::reply(&desk.loaded.projection, &thread, &said)?;
            desk.act(actions, &format!("Answered in {}", thread.id), Some(&thread.id))
        }
        Some(Sub::Resolve { id }) => settle(&mut desk, id, true),
        Some(Sub::Reopen { id }) => settle(&mut desk, id, false),
        Some(Sub::Apply { id }) => apply(&mut desk, id),
        Some(Sub::Approve { path, cell }) => approve(&mut desk, path, cell.as_deref()),
        Some(Sub::Withdraw { path, cell }) => {
            let doc = desk.notebook(path)?;
            let (index, by) = (cell_at(&doc, cell)?, desk.ledger.person().to_owned());
            let actions = review::withdraw(&desk.loaded.projection, path, &doc, index, &by);
            if actions.is_empty() {
                return Err(Error::user(format!("You have not approved cell {index} as it is now")));
            }
            desk.act(actions, &format!("Approval of cell {index} taken back"), None)
        }
        Some(Sub::Status { path }) => status(&desk, path),
        Some(Sub::Export { path, format, output }) => write(&desk, path.as_deref(), *format, output.as_ref()),
        Some(Sub::Sync) => sync(&desk),
    }
}

fn begin(desk: &mut Desk, at: &Where, said: &Said) -> Result<i32> {
    let (id, actions) = review::open(&desk.spot(at)?, said)?;
    let place = match (&at.cell, at.line) {
        (Some(cell), _) => format!(" cell {cell}"),
        (None, Some(line)) => format!(" line {line}"),
        (None, None) => String::new(),
    };
    desk.act(actions, &format!("Thread {id} on {}{place}", at.path), Some(&id))
}

fn settle(desk: &mut Desk, id: &str, resolved: bool) -> Result<i32> {
    let thread = desk.thread(id)?;
    let actions = review::resolve(&desk.loaded.projection, &thread, resolved)?;
    let did = if resolved { "resolved" } else { "open again" };
    desk.act(actions, &format!("Thread {} is {did}", thread.id), Some(&thread.id))
}

/// Puts the last suggestion into the file; only the source of that cell changes.
fn apply(desk: &mut Desk, id: &str) -> Result<i32> {
    let thread = desk.thread(id)?;
    let source = thread.comments.iter().rev().find_map(|c| c.suggestion.clone());
    let source = source.ok_or_else(|| Error::user(format!("Thread {} suggests nothing", thread.id)))?;
    let applied = crate::engine::review::apply(&desk.root, &thread, &source)?;
    let actions = review::resolve(&desk.loaded.projection, &thread, true)?;
    let did = format!("{} of {} has the suggested source", capital(&applied.place), thread.path);
    desk.act(actions, &did, Some(&thread.id))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn approve(desk: &mut Desk, path: &str, cell: Option<&str>) -> Result<i32> {
    let by = desk.ledger.person().to_owned();
    if let (Content::Text(lines), None) = (desk.content(path)?, cell) {
        let actions = review::approve_file(path, &review::content_of_text(lines.text()), &by);
        return desk.act(actions, &format!("{path} approved by {by}"), None);
    }
    let doc = desk.notebook(path)?;
    let given = review::approvals(&desk.loaded.projection, Some(path));
    let mine: Vec<usize> = given.iter().filter(|a| a.by == by).filter_map(|a| a.holds(&doc)).collect();
    let wanted = match cell {
        Some(cell) => vec![cell_at(&doc, cell)?],
        None => (0..doc.cells.len()).collect(),
    };
    let fresh: Vec<usize> = wanted.into_iter().filter(|n| !mine.contains(n)).collect();
    let mut actions = Vec::new();
    for index in &fresh {
        actions.extend(review::approve(path, &doc, *index, &by)?);
    }
    let n = crate::base::text::count(fresh.len() as u64, "cell");
    desk.act(actions, &format!("{n} of {path} approved by {by}"), None)
}

type Docs = HashMap<String, Option<Content>>;

/// The files that threads speak of, each read once.
fn docs<'a>(desk: &Desk, paths: impl Iterator<Item = &'a str>) -> Docs {
    let mut all = Docs::new();
    for path in paths {
        if !all.contains_key(path) {
            all.insert(path.to_owned(), desk.content(path).ok());
        }
    }
    all
}

fn placed<'a>(threads: &'a [Thread], docs: &Docs) -> Vec<export::Placed<'a>> {
    let content = |t: &Thread| docs.get(&t.path).and_then(Option::as_ref);
    export::placed(threads, |t| content(t).map_or(Place::Orphan, |c| c.place(t)))
}

fn list(desk: &Desk, path: Option<&str>, open: bool) -> Result<i32> {
    let mut threads = review::threads(&desk.loaded.projection, path);
    threads.retain(|t| !open || !t.resolved);
    let docs = docs(desk, threads.iter().map(|t| t.path.as_str()));
    let placed = placed(&threads, &docs);
    if desk.json {
        let threads: Vec<Value> = placed.iter().map(|p| json!({ "thread": p.thread, "place": p.place })).collect();
        document(SCHEMA, json!({ "threads": threads }));
        return Ok(0);
    }
    for p in &placed {
        let t = p.thread;
        let state = if t.resolved { "resolved" } else { "open" };
        line(&format!("{}  {state:<8}  {}  {}", &t.id, t.path, export::place_words(t, p.place)));
        for c in &t.comments {
            let text = if c.text.is_empty() { "(suggestion)" } else { c.text.lines().next().unwrap_or_default() };
            let clean: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            line(&format!("  {} {}: {}", time::day_hhmm(c.at), c.by, shorten(&clean, 100)));
        }
    }
    if placed.is_empty() {
        say(if open { "No open thread" } else { "No thread" });
    }
    Ok(0)
}

fn status(desk: &Desk, path: &str) -> Result<i32> {
    let doc = desk.notebook(path)?;
    let all = &desk.loaded.projection;
    let open = review::threads(all, Some(path)).iter().filter(|t| !t.resolved).count();
    let mut by: Vec<Vec<String>> = vec![Vec::new(); doc.cells.len()];
    let mut lapsed = 0;
    for approval in review::approvals(all, Some(path)) {
        // That a cell was removed is seen between two versions, not in one.
        if approval.of_removal() {
            continue;
        }
        match approval.holds(&doc).and_then(|n| by.get_mut(n)) {
            Some(names) if !names.contains(&approval.by) => names.push(approval.by),
            Some(_) => {}
            None => lapsed += 1,
        }
    }
    let approved = by.iter().filter(|b| !b.is_empty()).count();
    let done = open == 0 && approved == by.len();
    if desk.json {
        let cells: Vec<Value> =
            doc.cells.iter().zip(&by).map(|(c, by)| json!({ "id": c.id, "approved_by": by })).collect();
        document(SCHEMA, json!({ "path": path, "open": open, "lapsed": lapsed, "cells": cells, "done": done }));
    } else {
        line(&format!("{approved} of {} cells approved, {open} threads open, {lapsed} approvals lapsed", by.len()));
        for (n, _) in by.iter().enumerate().filter(|(_, by)| by.is_empty()) {
            let title = doc.cells.get(n).map_or("", |c| c.title());
            line(&format!("  cell {n} is not approved: {}", shorten(title, 60)));
        }
    }
    Ok(i32::from(!done))
}

fn write(desk: &Desk, path: Option<&str>, format: Format, output: Option<&PathBuf>) -> Result<i32> {
    let threads = review::threads(&desk.loaded.projection, path);
    let approvals = review::approvals(&desk.loaded.projection, path);
    let docs = docs(desk, threads.iter().map(|t| t.path.as_str()));
    let placed = placed(&threads, &docs);
    let text = match format {
        Format::Markdown => export::markdown(&placed, &approvals),
        Format::Html => export::html(&placed, &approvals),
        Format::Json => export::json_text(&placed, &approvals),
    };
    match output {
        Some(file) => fsx::write_atomic(file, text.as_bytes())?,
        None => line(text.trim_end()),
    }
    Ok(0)
}

fn sync(desk: &Desk) -> Result<i32> {
    let report = desk.ledger.sync("origin", &JobCtx::detached())?;
    if report.outcome == Synced::NoRemote {
        return Err(Error::user("There is no remote called origin to sync with"));
    }
    let received = crate::base::text::count(report.received as u64, "change");
    if desk.json {
        document(SCHEMA, json!({ "received": report.received }));
    } else {
        say(&format!("In sync with origin; {received} received"));
    }
    Ok(0)
}

//! Review threads and approvals, kept in the ledger beside the board.
//!
//! A thread is the subject `review/<id>`, an approval `approval/<id>`. Both carry a [`CellAnchor`]: no server and no
//! commit is needed to know where they belong. [`export`] writes them for a pull request.
pub mod anchor;
pub mod export;
pub mod seat;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use anchor::{CellAnchor, Place};
pub use seat::{At, Fit, Seat, Seats};

use super::{
    diff::{CellView, Document},
    ledger::{Action, Doc, Projection, id_of},
    textdiff::Lines,
};
use crate::base::{Error, Result, fsx, ids};

/// Why nobody can speak or approve here: what is said is kept under a name, and git knows none.
pub fn no_name() -> Error {
    Error::user("git does not know your name, under which comments and approvals are kept")
        .because_of("user.name is not set")
        .hint(
            "Tell it once, then try again:\n  git config --global user.name \"Your Name\"\n  \
             git config --global user.email \"you@example.org\"",
        )
}

/// One thing somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    pub id: String,
    pub by: String,
    pub at: Timestamp,
    pub text: String,
    /// The source it proposes for the whole cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// Comments on one place of a notebook, or of any other file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Thread {
    pub id: String,
    /// The file, below the workspace.
    pub path: String,
    pub cell: CellAnchor,
    /// A line of the cell's source or of the file, from 0.
    pub line: Option<usize>,
    /// One of the cell's outputs, from 0.
    pub output: Option<usize>,
    /// What was looked at: a commit, or nothing for the file on disk.
    pub commit: Option<String>,
    pub resolved: bool,
    /// Oldest first.
    pub comments: Vec<Comment>,
}

/// Somebody has read a cell and agrees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approval {
    pub id: String,
    pub path: String,
    pub cell: CellAnchor,
    pub by: String,
    pub at: Timestamp,
    /// Of the cell's type, source and outputs: when they change, it lapses.
    pub content: String,
}

/// What names the content of a cell for approvals.
pub fn content_of(cell: &CellView) -> String {
    format!("{:016x}{:016x}", cell.source_hash ^ cell.kind as u64, cell.outputs_hash)
}

/// What marks the approval of a cell's removal, before the content that was removed.
const GONE: &str = "gone:";

/// What names the content of a file that is no notebook.
pub fn content_of_file(bytes: u64) -> String {
    format!("{bytes:016x}")
}

/// Whether an approval still says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Of this cell as it is.
    Cell(usize),
    /// That a cell was removed: where it was before, if that is known.
    Removed(Option<usize>),
    /// Of the file as it is.
    File,
    /// What was approved has changed since: the cell it is now, `None` when it is gone or was no cell.
    Lapsed(Option<usize>),
}

impl Approval {
    /// Where the approved cell is, if it still is what was approved.
    pub fn holds(&self, doc: &Document) -> Option<usize> {
        let at = self.cell.find(doc, None).cell()?;
        doc.cells.get(at).is_some_and(|c| content_of(c) == self.content).then_some(at)
    }
    /// How it stands between two versions of a notebook.
    pub fn standing(&self, old: &Document, new: &Document) -> Standing {
        if self.cell.is_text() {
            return Standing::Lapsed(None);
        }
        let now = self.cell.find(new, None).cell();
        if self.content.starts_with(GONE) {
            return match now {
                None => Standing::Removed(self.cell.find(old, None).cell()),
                Some(at) => Standing::Lapsed(Some(at)),
            };
        }
        match now {
            Some(at) if new.cells.get(at).is_some_and(|c| content_of(c) == self.content) => Standing::Cell(at),
            at => Standing::Lapsed(at),
        }
    }
    /// True for the approval that a cell was removed.
    pub fn of_removal(&self) -> bool {
        self.content.starts_with(GONE)
    }
}

/// A file as threads are placed in it.
#[derive(Debug, Clone)]
pub enum Content {
    Notebook(std::sync::Arc<Document>),
    Text(Lines),
}

impl Content {
    /// Reads a file as what its name says; a broken notebook is read as text.
    pub fn read(path: &str, bytes: Vec<u8>) -> Self {
        if super::diff::is_notebook(path)
            && let Ok(doc) = Document::parse(path, bytes.clone())
        {
            return Self::Notebook(std::sync::Arc::new(doc));
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Self::Text(Lines::new(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
    }
    /// Where a thread is in it.
    pub fn place(&self, thread: &Thread) -> Place {
        match self {
            Self::Notebook(doc) if !thread.cell.is_text() => thread.cell.find(doc, thread.line),
            Self::Text(lines) if thread.cell.is_text() => thread.cell.find_line(lines, thread.line),
            Self::Notebook(_) if thread.line.is_none() => Place::Here { cell: 0, line: None },
            _ => Place::Orphan,
        }
    }
}

/// What is done to the ledger: subjects and their changes.
pub type Actions = Vec<(String, Action)>;

/// Threads of all notebooks or of one, by path, place and age; deleted ones are left out.
pub fn threads(all: &Projection, path: Option<&str>) -> Vec<Thread> {
    let mut out: Vec<Thread> = all
        .of_kind("review")
        .filter(|d| !d.is_deleted())
        .filter_map(thread)
        .filter(|t| path.is_none_or(|p| t.path == p))
        .collect();
    let age = |t: &Thread| t.comments.first().map(|c| c.at);
    out.sort_by(|a, b| (&a.path, a.cell.index, age(a), &a.id).cmp(&(&b.path, b.cell.index, age(b), &b.id)));
    out
}

fn thread(doc: &Doc) -> Option<Thread> {
    let number = |field: &str| doc.get(field).as_u64().map(|n| n as usize);
    let mut comments: Vec<Comment> = doc
        .items("comments")
        .filter_map(|(id, register)| {
            let (value, entry) = (register.value(), register.winner()?);
            let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
            let at = value.get("at").and_then(Value::as_i64).and_then(|ms| Timestamp::from_millisecond(ms).ok());
            Some(Comment {
                id: id.to_owned(),
                by: text("by").unwrap_or_else(|| entry.by.clone()),
                at: at.unwrap_or_else(|| entry.hlc.instant()),
                text: text("text").unwrap_or_default(),
                suggestion: text("suggestion"),
            })
        })
        .collect();
    comments.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    Some(Thread {
        id: id_of(&doc.subject).to_owned(),
        path: doc.text("path").to_owned(),
        cell: serde_json::from_value(doc.get("cell").clone()).ok()?,
        line: number("line"),
        output: number("output"),
        commit: doc.get("commit").as_str().map(str::to_owned),
        resolved: doc.text("state") == "resolved",
        comments,
    })
}

/// Approvals that were not taken back.
pub fn approvals(all: &Projection, path: Option<&str>) -> Vec<Approval> {
    let mut out: Vec<Approval> = all
        .of_kind("approval")
        .filter(|d| !d.is_deleted())
        .filter_map(|d| {
            Some(Approval {
                id: id_of(&d.subject).to_owned(),
                path: d.text("path").to_owned(),
                cell: serde_json::from_value(d.get("cell").clone()).ok()?,
                by: d.text("by").to_owned(),
                at: d.created.as_ref()?.0.instant(),
                content: d.text("content").to_owned(),
            })
        })
        .filter(|a| path.is_none_or(|p| a.path == p))
        .collect();
    out.sort_by(|a, b| (&a.path, a.cell.index, a.at, &a.id).cmp(&(&b.path, b.cell.index, b.at, &b.id)));
    out
}

/// A place to speak of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spot {
    pub path: String,
    pub cell: CellAnchor,
    pub line: Option<usize>,
    pub output: Option<usize>,
    pub commit: Option<String>,
}

/// What an unsent comment is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// It begins a thread.
    New(Spot),
    /// It answers this thread.
    Reply(String),
}

/// A comment being written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub id: String,
    /// The file it is about.
    pub path: String,
    pub about: About,
    #[serde(default)]
    pub text: String,
    /// The proposed source, while one is being written.
    #[serde(default)]
    pub suggestion: Option<String>,
    /// The source the suggestion began with.
    #[serde(default)]
    pub base: String,
}

impl Draft {
    /// Nothing was written yet.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty() && self.suggestion.as_ref().is_none_or(|s| *s == self.base)
    }
    /// The thread it answers.
    pub fn answers(&self) -> Option<&str> {
        match &self.about {
            About::Reply(thread) => Some(thread),
            About::New(_) => None,
        }
    }
}

/// What somebody says.
#[derive(Debug, Clone)]
pub struct Said {
    pub by: String,
    pub at: Timestamp,
    pub text: String,
    pub suggestion: Option<String>,
}

impl Said {
    fn value(&self) -> Value {
        let mut value = json!({ "by": self.by, "at": self.at.as_millisecond(), "text": self.text });
        if let Some(source) = &self.suggestion {
            value["suggestion"] = json!(source);
        }
        value
    }
}

/// Opens a thread; gives its id.
pub fn open(spot: &Spot, said: &Said) -> Result<(String, Actions)> {
    if said.text.trim().is_empty() && said.suggestion.is_none() {
        return Err(Error::user("The comment is empty"));
    }
    let id = ids::random(16);
    let subject = format!("review/{id}");
    let empty = Doc::default();
    let mut actions = vec![(subject.clone(), Action::Create)];
    let fields = [
        ("path", json!(spot.path)),
        ("cell", json!(spot.cell)),
        ("line", json!(spot.line)),
        ("output", json!(spot.output)),
        ("commit", json!(spot.commit)),
        ("state", json!("open")),
    ];
    for (field, value) in fields.into_iter().filter(|(_, v)| !v.is_null()) {
        actions.push((subject.clone(), empty.set(field, None, value)));
    }
    actions.push((subject, empty.set("comments", Some(&ids::random(8)), said.value())));
    Ok((id, actions))
}

/// The subject of a thread, by its id or an unambiguous beginning of it.
pub fn find(all: &Projection, id: &str) -> Result<Thread> {
    let mut found = threads(all, None).into_iter().filter(|t| t.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(one), None) if !id.is_empty() => Ok(one),
        (Some(_), Some(_)) => Err(Error::user(format!("{id} is the beginning of more than one thread"))),
        _ => Err(Error::user(format!("There is no thread {id}")).hint("andon review list names them")),
    }
}

fn doc<'a>(all: &'a Projection, thread: &Thread) -> Result<&'a Doc> {
    all.doc(&format!("review/{}", thread.id)).ok_or_else(|| Error::bug("A thread has no subject"))
}

/// Answers in a thread; answering one that was resolved opens it again.
pub fn reply(all: &Projection, thread: &Thread, said: &Said) -> Result<Actions> {
    let doc = doc(all, thread)?;
    let mut actions = vec![(doc.subject.clone(), doc.set("comments", Some(&ids::random(8)), said.value()))];
    if thread.resolved {
        actions.push((doc.subject.clone(), doc.set("state", None, json!("open"))));
    }
    Ok(actions)
}

/// Resolves a thread or opens it again.
pub fn resolve(all: &Projection, thread: &Thread, resolved: bool) -> Result<Actions> {
    let doc = doc(all, thread)?;
    let state = if resolved { "resolved" } else { "open" };
    Ok(vec![(doc.subject.clone(), doc.set("state", None, json!(state)))])
}

/// Approves a cell as it is now.
pub fn approve(path: &str, doc: &Document, index: usize, by: &str) -> Result<Actions> {
    let (Some(cell), Some(view)) = (CellAnchor::of(doc, index), doc.cells.get(index)) else {
        return Err(Error::user(format!("There is no cell {index}")));
    };
    Ok(approved(path, &cell, &content_of(view), by))
}

/// Approves that a cell of the old side is gone.
pub fn approve_removal(path: &str, old: &Document, index: usize, by: &str) -> Result<Actions> {
    let (Some(cell), Some(view)) = (CellAnchor::of(old, index), old.cells.get(index)) else {
        return Err(Error::user(format!("There is no cell {index}")));
    };
    Ok(approved(path, &cell, &content_of_row(view, true), by))
}

/// Approves a file that is no notebook, as named by [`content_of_file`].
pub fn approve_file(path: &str, content: &str, by: &str) -> Actions {
    approved(path, &CellAnchor::of_text(&Lines::new(""), None), content, by)
}

/// What names a cell of a comparison for approvals; of one that was removed, its removal.
pub fn content_of_row(cell: &CellView, removed: bool) -> String {
    if removed { format!("{GONE}{}", content_of(cell)) } else { content_of(cell) }
}

/// The actions of an approval.
pub fn approved(path: &str, cell: &CellAnchor, content: &str, by: &str) -> Actions {
    let subject = format!("approval/{}", ids::random(16));
    let empty = Doc::default();
    let mut actions = vec![(subject.clone(), Action::Create)];
    let fields = [("path", json!(path)), ("cell", json!(cell)), ("by", json!(by)), ("content", json!(content))];
    for (field, value) in fields {
        actions.push((subject.clone(), empty.set(field, None, value)));
    }
    actions
}

/// Takes approvals back.
pub fn withdraw_all<'a>(all: &Projection, approvals: impl IntoIterator<Item = &'a Approval>) -> Actions {
    let docs = approvals.into_iter().filter_map(|a| all.doc(&format!("approval/{}", a.id)));
    docs.map(|d| (d.subject.clone(), Action::Delete { seen: d.last })).collect()
}

/// Names the content of a text for [`approve_file`].
pub fn content_of_text(text: &str) -> String {
    content_of_file(fsx::hash(text.as_bytes()))
}

/// Takes somebody's approvals of a cell back.
pub fn withdraw(all: &Projection, path: &str, notebook: &Document, index: usize, by: &str) -> Actions {
    let mut mine = approvals(all, Some(path));
    mine.retain(|a| a.by == by && a.holds(notebook) == Some(index));
    withdraw_all(all, &mine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ledger::Stamper;

    fn apply(all: &mut Projection, actions: Actions) {
        let mut stamper = Stamper::new("w".into(), "Mara Okafor");
        stamper.last = all.latest();
        for (subject, action) in actions {
            let op = stamper.op("2026-11-17T14:00:00Z".parse().unwrap(), subject, action);
            all.apply(&op);
        }
    }

    fn notebook(sources: &[&str]) -> Document {
        let cells: Vec<_> =
            sources.iter().map(|s| json!({"cell_type": "code", "metadata": {}, "outputs": [], "source": s})).collect();
        let all = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4});
        Document::parse("a.ipynb", serde_json::to_vec(&all).unwrap()).unwrap()
    }

    fn said(text: &str, minute: i64) -> Said {
        let at = Timestamp::from_second(1_794_900_000 + minute * 60).unwrap();
        Said { by: "Mara Okafor".into(), at, text: text.into(), suggestion: None }
    }

    #[test]
    fn a_thread_is_opened_answered_resolved_and_opened_again() {
        let nb = notebook(&["import polars as pl", "frame = pl.read_csv('a.csv')"]);
        let mut all = Projection::default();
        let spot = Spot { path: "a.ipynb".into(), cell: CellAnchor::of(&nb, 1).unwrap(), ..Spot::default() };
        let (id, actions) = open(&spot, &said("Why CSV?", 0)).unwrap();
        apply(&mut all, actions);
        let thread = find(&all, &id[..6]).unwrap();
        let actions = reply(&all, &thread, &said("It is what they send", 1)).unwrap();
        apply(&mut all, actions);
        let actions = resolve(&all, &thread, true).unwrap();
        apply(&mut all, actions);
        let thread = find(&all, &id).unwrap();
        assert!(thread.resolved);
        let texts: Vec<&str> = thread.comments.iter().map(|c| c.text.as_str()).collect();
        assert_eq!(texts, ["Why CSV?", "It is what they send"]);
        let actions = reply(&all, &thread, &said("Parquet since June", 2)).unwrap();
        apply(&mut all, actions);
        assert!(!find(&all, &id).unwrap().resolved, "an answer opens it");
        assert_eq!(threads(&all, Some("b.ipynb")), []);
        assert!(open(&spot, &said("  ", 3)).is_err() && find(&all, "zz").is_err());
    }

    #[test]
    fn an_approval_lapses_when_its_cell_changes_and_no_other() {
        let nb = notebook(&["import polars as pl", "frame = pl.read_csv('a.csv')", "frame.describe()"]);
        let mut all = Projection::default();
        apply(&mut all, approve("a.ipynb", &nb, 1, "Ines").unwrap());
        let approval = approvals(&all, None).remove(0);
        assert_eq!(approval.holds(&nb), Some(1));
        let moved = notebook(&["frame.describe()", "import os", "frame = pl.read_csv('a.csv')"]);
        assert_eq!(approval.holds(&moved), Some(2));
        let edited = notebook(&["import polars as pl", "frame = pl.read_csv('b.csv')", "frame.describe()"]);
        assert_eq!(approval.holds(&edited), None);
        let actions = withdraw(&all, "a.ipynb", &nb, 1, "Jonas");
        apply(&mut all, actions);
        assert_eq!(approvals(&all, None).len(), 1, "of somebody else");
        let actions = withdraw(&all, "a.ipynb", &nb, 1, "Ines");
        apply(&mut all, actions);
        assert_eq!(approvals(&all, None), []);
        assert!(approve("a.ipynb", &nb, 9, "Ines").is_err());
    }
}

//! Approvals: of a cell, of all that differs in a file, of a whole review.
use std::collections::HashMap;

use super::{Task, told};
use crate::{
    app::{AppState, Cx, Effect, Job, notify::Notice},
    base::{Error, Result, text::count},
    model::{
        diff::{CellView, FileDiff, FileShape, Kept},
        review::{self, Actions, Approval, CellAnchor, Standing},
    },
};

/// Something that can be approved, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub path: String,
    pub cell: CellAnchor,
    pub content: String,
}

/// Rows there are to approve; row 0 stands for a file that is no notebook.
pub fn rows(diff: &FileDiff) -> Vec<usize> {
    match &diff.shape {
        FileShape::Notebook(book) => {
            book.cells.iter().enumerate().filter(|(_, c)| c.is_shown()).map(|(n, _)| n).collect()
        }
        FileShape::Missing => Vec::new(),
        _ if diff.same_bytes => Vec::new(),
        _ => vec![0],
    }
}

/// Names the content of the new side of a file that is no notebook; none for what is only known by its size.
fn content(diff: &FileDiff) -> Option<String> {
    match &diff.shape {
        FileShape::Text(text) => Some(review::content_of_text(text.new.text())),
        FileShape::Image { new, .. } => Some(review::content_of_file(new.as_ref().map_or(0, |p| p.hash))),
        _ => None,
    }
}

/// Why a file that differs cannot be approved.
pub fn obstacle(diff: &FileDiff) -> Option<&'static str> {
    match &diff.shape {
        FileShape::Notebook(_) | FileShape::Missing => None,
        _ if diff.same_bytes || content(diff).is_some() => None,
        FileShape::Kept { new: Some(Kept::Elsewhere(_)), .. } => {
            Some("The content is not on this machine: get it with Git LFS (git lfs pull), then approve it")
        }
        _ => Some("It is compared by its size alone, so nothing would tell when it changes"),
    }
}

/// How an approval stands in a comparison.
pub fn standing(diff: &FileDiff, approval: &Approval) -> Standing {
    match &diff.shape {
        FileShape::Notebook(book) => approval.standing(&book.old, &book.new),
        _ if content(diff).as_ref() == Some(&approval.content) => Standing::File,
        _ => Standing::Lapsed(None),
    }
}

/// `cell 14  to_minutes`.
pub fn words(diff: &FileDiff, row: usize) -> String {
    let FileShape::Notebook(book) = &diff.shape else { return "the file".to_owned() };
    let Some(cell) = book.cells.get(row) else { return String::new() };
    let number = cell.new.or(cell.old).map_or(0, |n| n + 1);
    let old = if cell.new.is_none() { "old " } else { "" };
    let title = book.cell(cell).map(CellView::title).unwrap_or_default();
    format!("{old}cell {number}  {title}")
}

fn actions(path: &str, diff: &FileDiff, row: usize, by: &str) -> Result<Actions> {
    match &diff.shape {
        FileShape::Notebook(book) => match book.cells.get(row).map(|c| (c.new, c.old)) {
            Some((Some(new), _)) => review::approve(path, &book.new, new, by),
            Some((None, Some(old))) => review::approve_removal(path, &book.old, old, by),
            _ => Err(Error::user("There is nothing to approve here")),
        },
        _ => match content(diff) {
            Some(content) => Ok(review::approve_file(path, &content, by)),
            None => Err(Error::user(format!("{path} cannot be approved"))
                .because_of(obstacle(diff).unwrap_or("nothing is known of its content"))),
        },
    }
}

/// Approvals of one person that hold for these rows.
fn held(state: &AppState, rows: &[usize], me: &str) -> Vec<Approval> {
    let Some(shown) = &state.review.shown else { return Vec::new() };
    let seats = review::Seats::new(&shown.diff);
    let row_of = |a: &Approval| match standing(&shown.diff, a) {
        Standing::Cell(at) => seats.row_of_new(at),
        Standing::Removed(at) => at.and_then(|at| seats.row_of_old(at)),
        Standing::File => Some(0),
        Standing::Lapsed(_) => None,
    };
    let mine = state.review.talk.approvals.iter().filter(|a| a.path == shown.path && a.by == me);
    mine.filter(|a| row_of(a).is_some_and(|r| rows.contains(&r))).cloned().collect()
}

/// Approves a row, or takes that back.
pub fn row(state: &mut AppState, row: Option<usize>, cx: &Cx) -> Vec<Effect> {
    let Some(shown) = state.review.shown.clone() else { return Vec::new() };
    let in_front = match &shown.diff.shape {
        FileShape::Notebook(_) => row.or_else(|| state.review.focused_row()),
        _ => rows(&shown.diff).first().copied(),
    };
    let Some(row) = in_front else {
        return told(&Error::user("There is nothing to approve here").hint("Go to a change with N"));
    };
    set(state, &shown.path, &shown.diff, &[row], cx)
}

/// Approves all that differs in the file in front, or takes that back.
pub fn file(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    let Some(shown) = state.review.shown.clone() else { return Vec::new() };
    let wanted = rows(&shown.diff);
    if wanted.is_empty() {
        return told(&Error::user("Nothing differs in this file, so there is nothing to approve"));
    }
    set(state, &shown.path, &shown.diff, &wanted, cx)
}

fn set(state: &mut AppState, path: &str, diff: &FileDiff, wanted: &[usize], cx: &Cx) -> Vec<Effect> {
    let me = match super::person(state) {
        Ok(me) => me,
        Err(e) => return told(&e).into_iter().chain(super::look_again(state)).collect(),
    };
    let placing = state.review.talk.placing.clone();
    let fresh: Vec<usize> = wanted.iter().copied().filter(|r| !placing.is_approved_by(*r, &me)).collect();
    let is_book = matches!(diff.shape, FileShape::Notebook(_));
    let what = |n: usize| if is_book { format!("{} of {path}", count(n as u64, "cell")) } else { path.to_owned() };
    if fresh.is_empty() {
        let back = review::withdraw_all(&state.board.all, &held(state, wanted, &me));
        return super::record_step(state, back, format!("Approval of {} taken back", what(wanted.len())), cx);
    }
    let mut all = Actions::new();
    for row in &fresh {
        match actions(path, diff, *row, &me) {
            Ok(more) => all.extend(more),
            Err(e) => return told(&e),
        }
    }
    super::record_step(state, all, format!("{} approved", what(fresh.len())), cx)
}

/// Finds out what there is to approve in all files; `back`: to take that back.
pub fn all(state: &mut AppState, back: bool) -> Vec<Effect> {
    if let Err(e) = super::person(state) {
        return told(&e).into_iter().chain(super::look_again(state)).collect();
    }
    let review = &state.review;
    let (from, compare) = (crate::app::review::from(review), review.compare.clone());
    let files = review.files.files.clone();
    if files.is_empty() {
        return told(&Error::user("Nothing differs, so there is nothing to approve"));
    }
    let task = Task::Gather { from, compare, files, back };
    let title = if back { "Taking approvals back" } else { "Approving all files" };
    vec![Job::cpu("review.gather", crate::app::review::Task::Talk(task)).titled(title).start()]
}

/// What there is to approve in a file.
pub fn wanted(path: &str, diff: &FileDiff) -> Option<Vec<Wanted>> {
    let mut all = Vec::new();
    for row in rows(diff) {
        let (cell, content) = match &diff.shape {
            FileShape::Notebook(book) => {
                let row = book.cells.get(row)?;
                let (doc, at, gone) = match (row.new, row.old) {
                    (Some(new), _) => (&book.new, new, false),
                    (None, old) => (&book.old, old?, true),
                };
                (CellAnchor::of(doc, at)?, review::content_of_row(doc.cells.get(at)?, gone))
            }
            _ => (CellAnchor::of_text(&crate::model::textdiff::Lines::new(""), None), content(diff)?),
        };
        all.push(Wanted { path: path.to_owned(), cell, content });
    }
    Some(all)
}

/// Approves what was gathered and is not approved yet.
pub fn gathered(state: &mut AppState, list: &[Wanted], skipped: &[String], cx: &Cx) -> Vec<Effect> {
    let me = match super::person(state) {
        Ok(me) => me,
        Err(e) => return told(&e),
    };
    // Neighbours may have changed since; twins are counted.
    let approvals = state.review.talk.approvals.clone();
    let mut known: HashMap<(&str, &str, &str), usize> = HashMap::new();
    for a in approvals.iter().filter(|a| a.by == me) {
        *known.entry((&a.path, &a.content, &a.cell.source)).or_default() += 1;
    }
    let mut fresh = Vec::new();
    for w in list {
        match known.get_mut(&(w.path.as_str(), w.content.as_str(), w.cell.source.as_str())) {
            Some(left) if *left > 0 => *left -= 1,
            _ => fresh.push(w),
        }
    }
    let mut effects = Vec::new();
    if !skipped.is_empty() {
        let error = Error::user(format!("{} could not be approved", count(skipped.len() as u64, "file")));
        effects.extend(told(&error.because_of(skipped.join(", "))));
    }
    if fresh.is_empty() {
        effects.push(Effect::Notice(Notice::info("You have approved all of it already")));
        return effects;
    }
    let mut paths: Vec<&str> = fresh.iter().map(|w| w.path.as_str()).collect();
    paths.dedup();
    let title = format!("{} approved", count(paths.len() as u64, "file"));
    let all: Actions = fresh.iter().flat_map(|w| review::approved(&w.path, &w.cell, &w.content, &me)).collect();
    effects.extend(super::record_step(state, all, title, cx));
    effects
}

/// Takes back what one has approved of what was gathered.
pub fn withdrawn(state: &mut AppState, list: &[Wanted], cx: &Cx) -> Vec<Effect> {
    let me = match super::person(state) {
        Ok(me) => me,
        Err(e) => return told(&e),
    };
    let is_in = |a: &&Approval| {
        list.iter().any(|w| (&w.path, &w.content, &w.cell.source) == (&a.path, &a.content, &a.cell.source))
    };
    let mine: Vec<Approval> =
        state.review.talk.approvals.iter().filter(|a| a.by == me).filter(is_in).cloned().collect();
    if mine.is_empty() {
        return vec![Effect::Notice(Notice::info("You have approved nothing of this review"))];
    }
    let back = review::withdraw_all(&state.board.all, &mine);
    super::record_step(state, back, "Approval of the whole review taken back".to_owned(), cx)
}

//! Comments being written: begun, typed, kept, sent.
use std::{sync::Arc, time::Duration};

use super::{Command, Here, Talk, Task, told};
use crate::{
    app::{
        AppState, Cx, Effect, Job, Policy,
        notify::Notice,
        review::{Shown, State},
    },
    base::{Error, Result, ids},
    model::{
        diff::FileShape,
        git::Rev,
        review::{self, About, At, CellAnchor, Draft, Fit, Place, Said, Seat, Spot},
        textdiff::RowKind,
    },
};

/// How long after a letter drafts are put on disk.
const PAUSE: Duration = Duration::from_millis(400);

/// The place of the change in front.
fn in_front(review: &State) -> Option<Here> {
    let shown = review.shown.as_ref()?;
    match &shown.diff.shape {
        FileShape::Notebook(_) => review.focused_row().map(|row| Here { row, at: At::Whole }),
        FileShape::Text(text) => {
            let row = review.focused_row();
            let line = row.and_then(|r| text.rows.get(r)).map(|r| match (r.new, r.old) {
                (Some(line), _) => At::Line { old: false, line: line as usize },
                (None, old) => At::Line { old: true, line: old.unwrap_or_default() as usize },
            });
            Some(Here { row: row.unwrap_or(0), at: line.unwrap_or(At::Whole) })
        }
        FileShape::Missing => None,
        _ => Some(Here { row: 0, at: At::Whole }),
    }
}

/// The commit a comment was written for.
fn commit(state: &AppState) -> Option<String> {
    let Rev::At(name) = &state.review.compare else { return None };
    let known = state.git.refs.iter().find(|r| r.name == *name).map(|r| r.commit.clone());
    let is_id = name.len() == 40 && name.bytes().all(|b| b.is_ascii_hexdigit());
    known.or_else(|| is_id.then(|| name.clone()))
}

/// What a place is, in anchors; and its present source.
fn spot(shown: &Shown, here: Here, suggest: bool) -> Result<(Spot, String, bool)> {
    let nothing = || Error::user("There is nothing to comment on here").hint("Go to a change with N");
    let mut spot = Spot { path: shown.path.clone(), ..Spot::default() };
    match &shown.diff.shape {
        FileShape::Notebook(book) => {
            let row = book.cells.get(here.row).ok_or_else(nothing)?;
            let old = matches!(here.at, At::Line { old: true, .. }) && row.old.is_some();
            let (doc, at) = match (row.new, row.old) {
                (Some(new), _) if !old => (&book.new, new),
                (_, Some(at)) => (&book.old, at),
                _ => return Err(nothing()),
            };
            if suggest && row.new.is_none() {
                return Err(Error::user("This cell was removed, so there is no source to change")
                    .hint("Comment on it instead, with C"));
            }
            spot.cell = CellAnchor::of(doc, at).ok_or_else(nothing)?;
            match here.at {
                At::Line { line, .. } => spot.line = Some(line),
                At::Output(n) => spot.output = Some(n),
                At::Whole => {}
            }
            if suggest && old {
                // What is proposed is a new source of the cell as it is now.
                spot.cell = row.new.and_then(|at| CellAnchor::of(&book.new, at)).ok_or_else(nothing)?;
                spot.line = None;
            }
            let base = row.new.and_then(|at| book.new.cells.get(at)).map(|c| c.source.to_string());
            Ok((spot, base.unwrap_or_default(), false))
        }
        FileShape::Text(text) => {
            let (lines, line) = match here.at {
                At::Line { old, line } => (if old { &text.old } else { &text.new }, Some(line)),
                _ => (&text.new, None),
            };
            let removed = matches!(here.at, At::Line { old: true, .. })
                && text.rows.get(here.row).is_none_or(|r| r.kind == RowKind::Removed);
            if suggest && (line.is_none() || removed) {
                return Err(Error::user("There is no line here to change").hint("Point at a line that is there now"));
            }
            spot.cell = CellAnchor::of_text(lines, line);
            spot.line = line;
            Ok((spot, line.map_or(String::new(), |n| lines.line(n).to_owned()), line.is_none()))
        }
        FileShape::Missing => Err(nothing()),
        _ if suggest => Err(Error::user("Only text can be changed by a suggestion").hint("Comment on it, with C")),
        _ => {
            spot.cell = CellAnchor::of_text(&crate::model::textdiff::Lines::new(""), None);
            Ok((spot, String::new(), true))
        }
    }
}

fn same_place(a: &Spot, b: &Spot) -> bool {
    (&a.path, &a.cell, a.line, a.output) == (&b.path, &b.cell, b.line, b.output)
}

/// Begins a comment, or goes on with the one begun there.
pub fn begin(state: &mut AppState, here: Option<Here>, suggest: bool) -> Vec<Effect> {
    let Some(shown) = state.review.shown.clone() else { return Vec::new() };
    let Some(here) = here.or_else(|| in_front(&state.review)) else {
        return told(&Error::user("There is nothing to comment on here").hint("Choose a file that differs"));
    };
    let (mut spot, base, whole) = match spot(&shown, here, suggest) {
        Ok(found) => found,
        Err(e) => return told(&e),
    };
    spot.commit = commit(state);
    let review = &mut state.review;
    let talk = &mut review.talk;
    let known = talk.drafts.values_mut().find(|d| matches!(&d.about, About::New(s) if same_place(s, &spot)));
    if let Some(draft) = known {
        if suggest && draft.suggestion.is_none() {
            draft.suggestion = Some(base.clone());
            draft.base = base;
        }
        let id = draft.id.clone();
        ask(talk, id);
        return Vec::new();
    }
    // Where nothing was written nothing is lost by beginning elsewhere.
    let blank: Vec<String> = talk.drafts.values().filter(|d| d.is_blank()).map(|d| d.id.clone()).collect();
    let mut effects = Vec::new();
    for id in blank {
        effects.extend(forget(talk, &id));
    }
    let draft = Draft {
        id: ids::random(16),
        path: shown.path.clone(),
        about: About::New(spot),
        text: String::new(),
        suggestion: suggest.then(|| base.clone()),
        base,
    };
    let seat = Seat { row: here.row, at: here.at, fit: Fit::Same };
    Arc::make_mut(&mut talk.placing).put(&draft.id, seat, whole);
    let id = draft.id.clone();
    talk.drafts.insert(id.clone(), draft);
    ask(talk, id);
    // A folded cell opens for what is written on it.
    if let At::Line { .. } | At::Output(_) | At::Whole = here.at
        && let Some(at) = review.changes().iter().position(|c| *c == here.row)
    {
        review.focus = at;
    }
    effects
}

/// Gives a draft the focus.
fn ask(talk: &mut Talk, id: String) {
    let turn = talk.asked.as_ref().map_or(0, |a| a.1) + 1;
    let front = talk.drafts.get(&id).and_then(|d| d.answers().map(str::to_owned)).unwrap_or_else(|| id.clone());
    talk.front = Some(front);
    talk.asked = Some((id, turn));
    talk.changed();
}

/// Begins an answer, or goes on with the one begun.
pub fn reply(review: &mut State, thread: &str, suggest: bool) -> Vec<Effect> {
    let Some(found) = review.talk.thread(thread).cloned() else { return Vec::new() };
    let base = present(review, &found);
    let talk = &mut review.talk;
    let id = match talk.answer(thread).map(|d| d.id.clone()) {
        Some(id) => id,
        None => {
            let draft = Draft {
                id: ids::random(16),
                path: found.path.clone(),
                about: About::Reply(thread.to_owned()),
                text: String::new(),
                suggestion: None,
                base: String::new(),
            };
            let id = draft.id.clone();
            talk.drafts.insert(id.clone(), draft);
            id
        }
    };
    if let Some(draft) = talk.drafts.get_mut(&id).filter(|d| suggest && d.suggestion.is_none()) {
        let Some(base) = base else {
            ask(talk, id);
            return told(&Error::user("What this thread is about is not there any more, so it cannot be changed"));
        };
        draft.suggestion = Some(base.clone());
        draft.base = base;
    }
    ask(talk, id);
    Vec::new()
}

/// The present source of what a thread is about; for a cell that was not edited since.
fn present(review: &State, thread: &review::Thread) -> Option<String> {
    let shown = review.shown.as_ref().filter(|s| s.path == thread.path)?;
    match &shown.diff.shape {
        FileShape::Notebook(book) => match thread.cell.find(&book.new, None) {
            Place::Here { cell, .. } | Place::Edited { cell, .. } => {
                book.new.cells.get(cell).map(|c| c.source.to_string())
            }
            Place::Orphan => None,
        },
        FileShape::Text(text) => match thread.cell.find_line(&text.new, thread.line) {
            Place::Here { line: Some(n), .. } | Place::Edited { line: Some(n), .. } => {
                Some(text.new.line(n).to_owned())
            }
            _ => None,
        },
        _ => None,
    }
}

/// Changes a draft and sees to it that it is kept.
pub fn typed(talk: &mut Talk, id: &str, change: impl FnOnce(&mut Draft)) -> Vec<Effect> {
    let Some(draft) = talk.drafts.get_mut(id) else { return Vec::new() };
    change(draft);
    talk.errors.remove(id);
    talk.unkept.insert(id.to_owned());
    keep_soon(talk)
}

fn keep_soon(talk: &mut Talk) -> Vec<Effect> {
    if std::mem::replace(&mut talk.keep_waits, true) {
        return Vec::new();
    }
    vec![Effect::After(PAUSE, Box::new(crate::app::review::Command::Talk(Command::Keep).into()))]
}

/// Lets a comment be about another part of its cell or file.
pub fn aim(review: &mut State, id: &str, at: At) -> Vec<Effect> {
    let text = match review.shown.as_ref().map(|s| &s.diff.shape) {
        Some(FileShape::Text(text)) => Some(text.new.clone()),
        _ => None,
    };
    let talk = &mut review.talk;
    let Some(draft) = talk.drafts.get(id) else { return Vec::new() };
    let About::New(mut spot) = draft.about.clone() else { return Vec::new() };
    (spot.line, spot.output) = match at {
        At::Line { line, .. } => (Some(line), None),
        At::Output(n) => (None, Some(n)),
        At::Whole => (None, None),
    };
    if spot.cell.is_text() {
        let Some(lines) = text else { return Vec::new() };
        spot.cell = CellAnchor::of_text(&lines, spot.line);
    }
    talk.changed();
    let mut effects = typed(talk, id, |d| d.about = About::New(spot));
    effects.extend(super::place(review));
    effects
}

/// Sets or takes away the proposed source.
pub fn propose(review: &mut State, id: &str, source: Option<String>) -> Vec<Effect> {
    let Some(draft) = review.talk.drafts.get(id) else { return Vec::new() };
    let was = draft.suggestion.is_some();
    if was == source.is_some() {
        return typed(&mut review.talk, id, |d| d.suggestion = source);
    }
    review.talk.changed();
    typed(&mut review.talk, id, |d| d.suggestion = source)
}

/// Puts drafts on disk as they are, and takes away those that are gone.
pub fn keep(talk: &mut Talk) -> Vec<Effect> {
    talk.keep_waits = false;
    let ids = std::mem::take(&mut talk.unkept);
    if ids.is_empty() {
        return Vec::new();
    }
    let (mut drafts, mut gone) = (Vec::new(), Vec::new());
    for id in ids {
        match talk.drafts.get(&id).filter(|d| !d.is_blank()) {
            Some(draft) => drafts.push(draft.clone()),
            None => gone.push(id),
        }
    }
    let task = crate::app::review::Task::Talk(Task::Keep { drafts, gone });
    vec![Job::io("review.drafts", task).policy(Policy::Queue).start()]
}

/// Takes a draft out of the state and off the disk.
fn forget(talk: &mut Talk, id: &str) -> Vec<Effect> {
    talk.drafts.remove(id);
    talk.errors.remove(id);
    Arc::make_mut(&mut talk.placing).take(id);
    talk.changed();
    talk.unkept.insert(id.to_owned());
    keep_soon(talk)
}

/// Discards a draft; one that holds words can be had back.
pub fn discard(state: &mut AppState, id: &str) -> Vec<Effect> {
    let talk = &mut state.review.talk;
    let Some(draft) = talk.drafts.get(id).cloned() else { return Vec::new() };
    let mut effects = forget(talk, id);
    if !draft.is_blank() {
        let restore = crate::app::review::Command::Talk(Command::Restore(Box::new(draft)));
        effects.push(Effect::Notice(Notice::info("The comment was discarded").action("Undo", restore)));
    }
    effects
}

/// Brings a discarded draft back.
pub fn restore(review: &mut State, draft: Draft) -> Vec<Effect> {
    let id = draft.id.clone();
    let talk = &mut review.talk;
    talk.drafts.entry(id.clone()).or_insert(draft);
    ask(talk, id.clone());
    talk.unkept.insert(id);
    let mut effects = keep_soon(talk);
    effects.extend(super::place(review));
    effects
}

/// Sends a draft: from now on it is in the ledger.
pub fn post(state: &mut AppState, id: &str, cx: &Cx) -> Vec<Effect> {
    let Some(draft) = state.review.talk.drafts.get(id).cloned() else { return Vec::new() };
    match sent(state, &draft, cx) {
        Ok((thread, mut effects)) => {
            let talk = &mut state.review.talk;
            // It stands where it was written until its place is found anew.
            if let Some(thread) = &thread {
                Arc::make_mut(&mut talk.placing).rename(id, thread);
            }
            talk.front = thread.or_else(|| draft.answers().map(str::to_owned));
            effects.extend(forget(talk, id));
            effects.extend(super::place(&state.review));
            effects
        }
        Err(e) => {
            state.review.talk.errors.insert(id.to_owned(), e);
            state.review.talk.changed();
            super::look_again(state).into_iter().collect()
        }
    }
}

fn sent(state: &mut AppState, draft: &Draft, cx: &Cx) -> Result<(Option<String>, Vec<Effect>)> {
    let by = super::person(state)?;
    if draft.is_blank() {
        return Err(if draft.suggestion.is_some() {
            Error::user("The suggestion is the same as the source, and nothing is said")
        } else {
            Error::user("The comment is empty")
        });
    }
    let suggestion = draft.suggestion.clone().filter(|s| *s != draft.base);
    let said = Said { by, at: cx.now(), text: draft.text.trim().to_owned(), suggestion };
    match &draft.about {
        About::New(spot) => {
            let (id, actions) = review::open(spot, &said)?;
            Ok((Some(id), super::record(state, actions, cx)?.1))
        }
        About::Reply(thread) => {
            let found = state.review.talk.thread(thread).cloned();
            let found = found.ok_or_else(|| {
                Error::user("The thread this answers is gone").hint("Copy the text and begin a new comment")
            })?;
            let actions = review::reply(&state.board.all, &found, &said)?;
            Ok((None, super::record(state, actions, cx)?.1))
        }
    }
}

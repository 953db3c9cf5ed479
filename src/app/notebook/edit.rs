//! Selecting, moving and changing cells.
use std::time::Duration;

use super::{Body, Command, Doc, Merge, Mode, Step, notice, session::TextDoc};
use crate::{
    app::{AppState, Cx, Effect},
    base::Result,
    model::{
        editor::{Act, Selection, Selections, column},
        notebook::{CellKey, CellKind},
    },
};

/// Edits are kept in the journal this long after the first of them.
const JOURNAL_DELAY: Duration = Duration::from_millis(600);

/// Handles what changes the document in front.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::EditFile { doc, acts } => {
            return in_file(state, doc, |t, now| t.act(&acts, now), cx);
        }
        Command::UndoFile(doc) => return in_file(state, doc, |t, _| t.document.undo(), cx),
        Command::RedoFile(doc) => return in_file(state, doc, |t, _| t.document.redo(), cx),
        Command::CopyCells => {
            if let Some(clips) = state.notebook.doc().and_then(|d| Some(d.notebook()?.copy(&d.selection()))) {
                state.notebook.clipboard = clips;
            }
            return Vec::new();
        }
        Command::Cut => {
            if let Some(clips) = state.notebook.doc().and_then(|d| Some(d.notebook()?.copy(&d.selection()))) {
                state.notebook.clipboard = clips;
            }
            return self::command(state, Command::Delete, cx);
        }
        _ => {}
    }
    let clips = state.notebook.clipboard.clone();
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    if doc.notebook().is_none() {
        return Vec::new();
    }
    let before = doc.revision();
    let outcome = match command {
        Command::Paste => paste(doc, &clips),
        other => apply(doc, other, cx),
    };
    let mut effects: Vec<Effect> = outcome.err().iter().map(notice).collect();
    if doc.revision() != before {
        changed(doc, &mut effects);
    }
    effects.extend(super::find::follow(doc));
    effects
}

/// After a change of the document: selection, states, journal.
pub fn changed(doc: &mut Doc, effects: &mut Vec<Effect>) {
    doc.settle();
    doc.before_reload = None;
    super::raw::follow(doc);
    touch(doc, effects);
}

/// Sets the journal's timer unless it is set.
pub fn touch(doc: &mut Doc, effects: &mut Vec<Effect>) {
    if !doc.journal_due {
        doc.journal_due = true;
        effects.push(Effect::After(JOURNAL_DELAY, Box::new(Command::Journal(doc.id).into())));
    }
}

fn in_file(
    state: &mut AppState,
    id: super::DocId,
    change: impl FnOnce(&mut TextDoc, i64) -> bool,
    cx: &Cx,
) -> Vec<Effect> {
    let mut effects = Vec::new();
    if let Some(doc) = state.notebook.by_id(id)
        && let Body::Text(text) = &mut doc.body
    {
        let changed = change(text, cx.now().as_millisecond());
        doc.cursor = text.document.editor.place();
        if changed {
            touch(doc, &mut effects);
            effects.extend(super::find::follow(doc));
        }
    }
    effects
}

/// Sources longer than this are not read for names at each letter.
const LONG: usize = 8 * 1024;

/// Carries acts out on the text of a cell; each that changes it is noted with the cursors around it.
fn edit_cell(doc: &mut Doc, key: CellKey, acts: &[Act], cx: &Cx) -> Result<()> {
    doc.assist.hint = None;
    let Some(cell) = doc.notebook().and_then(|n| n.cell(key)).cloned() else { return Ok(()) };
    let language = super::session::language_of(doc, &cell);
    let mut session = match doc.session.take() {
        Some(session) if session.key == key => session,
        other => {
            // A cell that nobody edits: its editor is put away again.
            doc.session = other;
            super::session::Session::new(&cell, language, doc.carets.get(&key).cloned())
        }
    };
    session.follow(&cell, language);
    let now = cx.now().as_millisecond();
    let mut result = Ok(());
    for act in acts {
        let Some(done) = session.editor.act(act, now) else { continue };
        let text = session.text();
        if let Some(nb) = doc.notebook_mut() {
            result = nb.edit_source(key, &text, done);
            if let Some(cell) = nb.cell(key) {
                session.went_into(cell);
            }
        }
        if result.is_err() {
            break;
        }
    }
    if result.is_err() {
        // What could not be done is not shown either.
        let cell = doc.notebook().and_then(|n| n.cell(key)).cloned().unwrap_or(cell);
        session = super::session::Session::new(&cell, language, None);
    }
    let long = doc.notebook().and_then(|n| n.cell(key)).is_some_and(|c| c.source.len() > LONG);
    doc.typing = long.then_some(key);
    if doc.mode == Mode::Edit && doc.selected == key {
        doc.cursor = session.editor.place();
        doc.session = Some(session);
    } else {
        doc.carets.insert(key, session.editor.selections().clone());
    }
    result
}

/// Goes on editing in the cell above or below, in the same column.
fn beyond(doc: &mut Doc, up: bool) {
    let to = doc.next_visible(doc.index(), if up { Step::Up } else { Step::Down });
    let Some(key) = doc.cells().get(to).map(|c| c.key).filter(|k| *k != doc.selected) else { return };
    let column = doc.session.as_ref().map_or(0, |s| {
        let head = s.editor.selections().primary();
        head.goal.unwrap_or_else(|| column::of(s.editor.buffer(), head.head))
    });
    doc.select(key);
    doc.begin(None);
    if let Some(session) = &mut doc.session {
        let buffer = session.editor.buffer();
        let line = if up { buffer.lines() - 1 } else { 0 };
        let at = column::at(buffer, line, column);
        session.editor.select(Selections::one(Selection { goal: Some(column), ..Selection::at(at) }));
        doc.cursor = session.editor.place();
    }
}

fn apply(doc: &mut Doc, command: Command, cx: &Cx) -> Result<()> {
    match command {
        Command::Select(key) => {
            doc.select(key);
            doc.mode = Mode::Command;
        }
        Command::SelectTo(key) => doc.selected = key,
        Command::Go { step, extend } => go(doc, step, extend),
        Command::SelectAll => {
            if let (Some(first), Some(last)) = (doc.cells().first().map(|c| c.key), doc.cells().last().map(|c| c.key)) {
                (doc.anchor, doc.selected) = (first, last);
            }
        }
        Command::EnterEdit => {
            let key = doc.selected;
            doc.anchor = key;
            doc.begin(None);
            doc.reveal += 1;
        }
        Command::Beyond(up) => beyond(doc, up),
        Command::LeaveEdit => {
            doc.mode = Mode::Command;
            doc.end();
            doc.assist.close();
            if let Some(nb) = doc.notebook_mut() {
                nb.end_typing();
            }
            if doc.typing.take().is_some() {
                doc.settle();
            }
        }
        Command::ToggleLineNumbers => doc.line_numbers = !doc.line_numbers,
        Command::Fold { key, fold } => doc.fold(key, fold),
        Command::FoldAll(fold) => doc.fold_all(fold),
        Command::LeftRight(left) => doc.left_right(left),
        Command::InsertHeading { above } => insert_heading(doc, above)?,
        Command::EditCell { key, acts } => edit_cell(doc, key, &acts, cx)?,
        Command::Move { up } => move_by_one(doc, up)?,
        Command::MoveTo { key, to } => {
            if let Some(nb) = doc.notebook_mut() {
                nb.move_cells(&[key], to)?;
            }
            doc.select(key);
        }
        Command::Insert { above, kind } => insert(doc, above, kind)?,
        Command::Delete => delete(doc)?,
        Command::SetKind(_) | Command::Heading(_) => kinds(doc, &command)?,
        Command::Merge(which) => merge(doc, which)?,
        Command::Split { key, at } => {
            if let Some(nb) = doc.notebook_mut() {
                let second = nb.split(key, at)?;
                doc.runs.remove(&key);
                doc.select(second);
            }
        }
        Command::ClearOutputs => {
            let keys = doc.selection();
            clear(doc, &keys)?;
        }
        Command::ClearAllOutputs => {
            let keys: Vec<_> = doc.cells().iter().map(|c| c.key).collect();
            clear(doc, &keys)?;
        }
        Command::Undo | Command::Redo | Command::UndoTyping | Command::RedoTyping => history(doc, &command)?,
        Command::Upgrade => {
            if let Some(new) = doc.notebook().and_then(crate::model::notebook::Notebook::upgraded) {
                doc.body = Body::Notebook(Box::new(new));
            }
        }
        _ => {}
    }
    Ok(())
}

fn go(doc: &mut Doc, step: Step, extend: bool) {
    let to = doc.next_visible(doc.index(), step);
    let Some(key) = doc.cells().get(to).map(|c| c.key) else { return };
    if extend {
        doc.selected = key;
        doc.reveal += 1;
    } else {
        doc.select(key);
    }
}

fn insert(doc: &mut Doc, above: bool, kind: CellKind) -> Result<()> {
    let at = if doc.cells().is_empty() { 0 } else { doc.index() + usize::from(!above) };
    if let Some(nb) = doc.notebook_mut() {
        let key = nb.insert(at, kind, "")?;
        doc.select(key);
    }
    Ok(())
}

/// Above the heading of the part the cell stands in, or below the part, of the same level.
fn insert_heading(doc: &mut Doc, above: bool) -> Result<()> {
    let (at, level) = match doc.heading_above(doc.index()) {
        Some((at, _, level)) => (if above { at } else { doc.part_end(at, level) }, level),
        None if above => (0, 1),
        None => (doc.cells().len().min(doc.index() + 1), 1),
    };
    let Some(nb) = doc.notebook_mut() else { return Ok(()) };
    let key = nb.insert(at, CellKind::Markdown, &format!("{} ", "#".repeat(level)))?;
    doc.select(key);
    doc.begin(Some(Selections::at(level + 1)));
    Ok(())
}

fn paste(doc: &mut Doc, clips: &[crate::model::notebook::Clip]) -> Result<()> {
    if clips.is_empty() {
        return Ok(());
    }
    let at = if doc.cells().is_empty() { 0 } else { doc.selection_end() + 1 };
    if let Some(nb) = doc.notebook_mut()
        && let Some(last) = nb.paste(at, clips)?.last().copied()
    {
        doc.select(last);
    }
    Ok(())
}

fn delete(doc: &mut Doc) -> Result<()> {
    let keys = doc.selection();
    let at = doc.cells().iter().position(|c| keys.contains(&c.key)).unwrap_or(0);
    doc.queue.retain(|k| !keys.contains(k));
    let Some(nb) = doc.notebook_mut() else { return Ok(()) };
    nb.delete(&keys)?;
    doc.mode = Mode::Command;
    doc.select_index(at);
    Ok(())
}

fn move_by_one(doc: &mut Doc, up: bool) -> Result<()> {
    let keys = doc.selection();
    let Some(first) = doc.cells().iter().position(|c| keys.contains(&c.key)) else { return Ok(()) };
    let to = if up {
        doc.next_visible(first, Step::Up)
    } else {
        // Past the next cell with all that is folded away below it; the place is counted without the moved ones.
        let Some(next) = doc.cells().get(first + keys.len()).map(|c| c.key) else { return Ok(()) };
        first + doc.with_hidden(vec![next]).len()
    };
    if let Some(nb) = doc.notebook_mut() {
        nb.move_cells(&keys, to)?;
    }
    doc.reveal += 1;
    Ok(())
}

fn kinds(doc: &mut Doc, command: &Command) -> Result<()> {
    let keys = doc.selection();
    let Some(nb) = doc.notebook_mut() else { return Ok(()) };
    match command {
        Command::SetKind(kind) => nb.set_kind(&keys, *kind)?,
        Command::Heading(level) => {
            for key in &keys {
                let Some(cell) = nb.cell(*key).cloned() else { continue };
                let text = cell.source.trim_start_matches('#').trim_start();
                let text = format!("{} {text}", "#".repeat((*level).clamp(1, 6)));
                nb.set_kind(&[*key], CellKind::Markdown)?;
                nb.set_source(*key, &text)?;
            }
        }
        _ => {}
    }
    for key in keys {
        doc.runs.remove(&key);
        doc.queue.retain(|k| *k != key);
        if !doc.unrendered.contains(&key) && doc.mode == Mode::Command {
            doc.unrendered.push(key);
        }
    }
    Ok(())
}

fn merge(doc: &mut Doc, which: Merge) -> Result<()> {
    let at = doc.index();
    let keys = match which {
        Merge::Selected => {
            let keys = doc.selection();
            if keys.len() > 1 { keys } else { doc.around(at, at + 1) }
        }
        Merge::Above => doc.around(at.saturating_sub(1), at),
        Merge::Below => doc.around(at, at + 1),
    };
    let Some(nb) = doc.notebook_mut() else { return Ok(()) };
    let merged = nb.merge(&keys)?;
    for key in keys {
        doc.runs.remove(&key);
        doc.queue.retain(|k| *k != key);
    }
    doc.select(merged);
    Ok(())
}

fn clear(doc: &mut Doc, keys: &[CellKey]) -> Result<()> {
    let busy = doc.running.as_ref().map(|r| r.key);
    let keys: Vec<_> = keys.iter().copied().filter(|k| Some(*k) != busy).collect();
    if let Some(nb) = doc.notebook_mut() {
        nb.clear_outputs(&keys)?;
    }
    for key in &keys {
        doc.runs.remove(key);
    }
    Ok(())
}

fn history(doc: &mut Doc, command: &Command) -> Result<()> {
    let (selected, editing) = (doc.selected, doc.mode == Mode::Edit);
    let Some(nb) = doc.notebook_mut() else { return Ok(()) };
    nb.end_typing();
    let done = match command {
        Command::Undo => nb.undo()?,
        Command::UndoTyping => nb.undo_in_cell(selected)?,
        Command::RedoTyping => nb.redo_in_cell(selected)?,
        _ => nb.redo()?,
    };
    let Some(done) = done else { return Ok(()) };
    let focus = done.focus.filter(|k| nb.cell(*k).is_some());
    if let Some(key) = focus
        && (key != selected || !editing)
    {
        doc.select(key);
    }
    // The cursors come back to where they were.
    doc.follow();
    if let (Some(key), Some(cursors)) = (focus, done.cursors) {
        match &mut doc.session {
            Some(session) if session.key == key => {
                session.editor.select(cursors);
                doc.cursor = session.editor.place();
            }
            _ => {
                doc.carets.insert(key, cursors);
            }
        }
    }
    Ok(())
}

impl Doc {
    fn selection_end(&self) -> usize {
        let keys = self.selection();
        self.cells().iter().rposition(|c| keys.contains(&c.key)).unwrap_or(0)
    }
    fn around(&self, from: usize, to: usize) -> Vec<CellKey> {
        self.cells().iter().skip(from).take(to + 1 - from).map(|c| c.key).collect()
    }
}

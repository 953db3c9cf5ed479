//! Selecting, moving and changing cells.
use std::time::Duration;

use super::{Body, Command, Doc, Merge, Mode, Step, notice};
use crate::{
    app::{AppState, Cx, Effect},
    base::Result,
    model::notebook::{CellKey, CellKind},
};

/// Edits are kept in the journal this long after the first of them.
const JOURNAL_DELAY: Duration = Duration::from_millis(600);

/// Handles what changes the document in front.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::TypeFile { doc, text } => return type_file(state, doc, text),
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
    effects
}

/// After a change of the document: selection, states, journal.
pub fn changed(doc: &mut Doc, effects: &mut Vec<Effect>) {
    doc.settle();
    doc.before_reload = None;
    touch(doc, effects);
}

/// Sets the journal's timer unless it is set.
pub fn touch(doc: &mut Doc, effects: &mut Vec<Effect>) {
    if !doc.journal_due {
        doc.journal_due = true;
        effects.push(Effect::After(JOURNAL_DELAY, Box::new(Command::Journal(doc.id).into())));
    }
}

fn type_file(state: &mut AppState, id: super::DocId, new: String) -> Vec<Effect> {
    let mut effects = Vec::new();
    if let Some(doc) = state.notebook.by_id(id)
        && let Body::Text(text) = &mut doc.body
        && text.text != new
    {
        text.text = new;
        text.revision += 1;
        touch(doc, &mut effects);
    }
    effects
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
            doc.mode = Mode::Edit;
            doc.reveal += 1;
        }
        Command::LeaveEdit => {
            doc.mode = Mode::Command;
            doc.assist.close();
            if let Some(nb) = doc.notebook_mut() {
                nb.end_typing();
            }
        }
        Command::Cursor { line, column } => doc.cursor = (line, column),
        Command::ToggleLineNumbers => doc.line_numbers = !doc.line_numbers,
        Command::Fold { key, fold } => doc.fold(key, fold),
        Command::FoldAll(fold) => doc.fold_all(fold),
        Command::LeftRight(left) => doc.left_right(left),
        Command::InsertHeading { above } => insert_heading(doc, above)?,
        Command::Type { key, text } => {
            doc.assist.hint = None;
            let now = cx.now().as_millisecond();
            if let Some(nb) = doc.notebook_mut() {
                nb.edit_source(key, &text, now)?;
            }
        }
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
        Command::Undo | Command::Redo | Command::UndoTyping => history(doc, &command)?,
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
    doc.mode = Mode::Edit;
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
        _ => nb.redo()?,
    };
    let focus = done.and_then(|d| d.focus).filter(|k| nb.cell(*k).is_some());
    if let Some(key) = focus
        && (key != selected || !editing)
    {
        doc.select(key);
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

//! Decisions kept on disk until the file is written, and taken up again.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Command, Sheet, State, Task, change_at};
use crate::{
    app::{AppState, Cx, Effect, Job, Policy, notify::Notice},
    base::text::count,
    model::merge::Kept,
};

/// How long after a decision it is kept; typing goes on meanwhile.
const SOON: Duration = Duration::from_millis(300);

/// Something was decided about this file.
pub(super) fn changed(conflict: &mut State, sheet: &Arc<Sheet>) {
    if !conflict.unkept.iter().any(|s| s.mark == sheet.mark && s.path == sheet.path) {
        conflict.unkept.push(sheet.clone());
    }
}

/// What has to be kept is, in a moment.
pub(super) fn soon(conflict: &mut State) -> Vec<Effect> {
    if conflict.unkept.is_empty() || std::mem::replace(&mut conflict.keep_waits, true) {
        return Vec::new();
    }
    vec![Effect::After(SOON, Box::new(Command::Keep.into()))]
}

/// Keeps what was decided as it is now.
pub fn now(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    let conflict = &mut state.conflict;
    conflict.keep_waits = false;
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for sheet in std::mem::take(&mut conflict.unkept) {
        match conflict.kept_of(&sheet, cx) {
            Some(all) => kept.push(all),
            None => gone.push((sheet.path.clone(), sheet.mark)),
        }
    }
    job(state, kept, gone)
}

/// Keeps what a file was written by, in case the merge is taken back and comes once more.
pub(super) fn done(state: &mut AppState, sheet: &Sheet, cx: &Cx) -> Vec<Effect> {
    state.conflict.unkept.retain(|s| s.mark != sheet.mark);
    let mut kept = state.conflict.kept_of(sheet, cx);
    kept.iter_mut().for_each(|k| k.done = true);
    job(state, kept.into_iter().collect(), Vec::new())
}

fn job(state: &AppState, kept: Vec<Kept>, gone: Vec<(String, u64)>) -> Vec<Effect> {
    let Some(root) = state.workspace.root.clone().filter(|_| !kept.is_empty() || !gone.is_empty()) else {
        return Vec::new();
    };
    vec![Job::io("conflict.keep", Task::Keep { root, kept, gone }).policy(Policy::Queue).start()]
}

impl State {
    fn kept_of(&self, sheet: &Sheet, cx: &Cx) -> Option<Kept> {
        let answers = self.answers.get(&sheet.mark)?;
        Kept::new((&sheet.path, sheet.mark), &sheet.entries, (answers, &sheet.answers()), cx.now())
    }

    /// Entries of the file in front that a kept file says something about, of those nobody has decided yet.
    pub fn fitting(&self, kept: &Kept) -> Vec<usize> {
        let Some(sheet) = &self.sheet else { return Vec::new() };
        let (fitting, untouched) = (kept.fitting(&sheet.entries), sheet.answers());
        let open = |at: &usize| self.answers.get(&sheet.mark).is_none_or(|a| a.get(at) == untouched.get(at));
        fitting.into_keys().filter(open).collect()
    }
}

/// A file was read along with what is kept of it: decisions about these very versions are taken up, others are told.
pub(super) fn found(conflict: &mut State, sheet: &Sheet, kept: Vec<Kept>) {
    if !conflict.answers.contains_key(&sheet.mark) {
        conflict.taken_up = None;
        let mut answers = sheet.answers();
        if let Some(same) = kept.iter().find(|k| k.mark() == Some(sheet.mark)) {
            let fitting = same.fitting(&sheet.entries);
            conflict.taken_up = (!fitting.is_empty()).then_some((fitting.len(), same.at));
            answers.extend(fitting);
        }
        conflict.answers.insert(sheet.mark, answers);
    }
    conflict.earlier = kept;
    conflict.earlier.retain(|k| !k.done && !k.mark().is_some_and(|m| sheet.is_mark_of(m)));
}

pub(super) fn command(state: &mut AppState, command: Command) -> Vec<Effect> {
    let conflict = &mut state.conflict;
    let at = |mark: u64| move |k: &Kept| k.mark() == Some(mark);
    match command {
        Command::UseEarlier(mark) => {
            let Some(kept) = conflict.earlier.iter().find(|k| at(mark)(k)).cloned() else { return Vec::new() };
            let fitting: BTreeMap<_, _> = kept.fitting(conflict.entries());
            let open = conflict.fitting(&kept);
            let mut first = None;
            for (entry, mut answer) in fitting.into_iter().filter(|(e, _)| open.contains(e)) {
                let Some(index) = conflict.entries().iter().position(|e| e.at == entry) else { continue };
                // They were right for other versions: a person looks at each once more.
                answer.used = false;
                first = first.or(Some(index));
                change_at(conflict, index, None, |_, old| *old = answer);
            }
            conflict.focus = first.unwrap_or(conflict.focus);
            soon(conflict)
        }
        Command::ForgetEarlier(mark) => {
            let Some(index) = conflict.earlier.iter().position(at(mark)) else { return Vec::new() };
            let kept = conflict.earlier.remove(index);
            let words = format!("Forgot {} about {}", count(kept.len() as u64, "earlier decision"), kept.path);
            let back = Command::KeepEarlier(Box::new(kept.clone()));
            let mut effects = vec![Effect::Notice(Notice::info(words).action("Undo", back))];
            effects.extend(job(state, Vec::new(), vec![(kept.path, mark)]));
            effects
        }
        Command::KeepEarlier(kept) => {
            if conflict.path.as_ref() == Some(&kept.path) {
                conflict.earlier.insert(0, (*kept).clone());
            }
            job(state, vec![*kept], Vec::new())
        }
        Command::CopyEarlier(mark) => {
            let found = conflict.earlier.iter().find(|k| at(mark)(k));
            found.map(|k| vec![Effect::Copy(k.text())]).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

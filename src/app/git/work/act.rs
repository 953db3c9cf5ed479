//! Carrying out a version action, and the questions that git or ssh put meanwhile.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{CellChange, Done, Event, Question, Secret, Task, Work, put_aside};
use crate::{
    app::{Env, Out, git::Event as GitEvent, review},
    base::{Error, Result, fsx, job::JobCtx},
    engine::{
        git::{Asks, Repo, clone},
        sides::Sides,
    },
    model::{
        git::{Discarded, Head, Rev, Target},
        notebook::Notebook,
    },
};

/// Questions that wait for a person.
#[derive(Debug, Default)]
pub struct Questions(Mutex<Open>);

/// The last number given, and who waits for an answer under which number.
type Open = (u64, HashMap<u64, Sender<Option<Secret>>>);

impl Questions {
    fn open(&self) -> (u64, Receiver<Option<Secret>>) {
        let (tx, rx) = bounded(1);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.0 += 1;
        let id = table.0;
        table.1.insert(id, tx);
        (id, rx)
    }
    fn answer(&self, id: u64, answer: Option<Secret>) {
        let tx = self.0.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&id);
        if let Some(tx) = tx {
            let _ = tx.send(answer);
        }
    }
    /// Asks and waits: the answer, none when there will be none or the job is cancelled.
    fn ask(&self, prompt: &str, out: &Out, cx: &JobCtx) -> Option<Secret> {
        let (id, rx) = self.open();
        let low = prompt.to_lowercase();
        let secret = ["password", "passphrase", "pin", "token"].iter().any(|w| low.contains(w));
        out.send(GitEvent::Work(Event::Asked(Question { id, prompt: prompt.trim().to_owned(), secret })));
        loop {
            if let Ok(answer) = rx.recv_timeout(Duration::from_millis(50)) {
                return answer;
            }
            if cx.cancel.is_cancelled() {
                self.answer(id, None);
                return None;
            }
        }
    }
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Answer { id, answer } => env.questions.answer(id, answer),
        Task::Do(work) => {
            let result = act(&work, env, cx, out);
            out.send(GitEvent::Work(Event::Did { work, result: Box::new(result) }));
        }
    }
    Ok(())
}

/// Who answers what git and ssh ask: the person in front of the window.
pub fn asks(env: &Arc<Env>, out: &Out) -> Option<Asks> {
    let program = env.program()?;
    let (env, out) = (env.clone(), out.clone());
    Some(Asks { program, ask: Box::new(move |prompt, cx| env.questions.ask(prompt, &out, cx)) })
}

fn act(work: &Work, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<Done> {
    let asks = asks(env, out);
    let asks = asks.as_ref();
    if let Work::Clone { url, folder } = work {
        return clone(url, folder, asks, cx).map(Done::Cloned);
    }
    // Its merges take notebooks by cells, whether or not git was told to.
    let repo = Repo::open(&env.root()?)?.merging_by(env.program());
    let now = env.clock.now();
    match work {
        Work::PlanSwitch(to) => repo.switch_plan(to, cx).map(Done::SwitchPlan),
        Work::PlanDelete(name) => repo.delete_plan(name, cx).map(Done::DeletePlan),
        Work::PlanMerge(from) => repo.merge_plan(from, cx).map(Done::MergePlan),
        Work::Create { name, from, switch } => {
            let back = here(&repo)?.filter(|_| *switch);
            repo.create_branch(name, from, *switch, cx)?;
            Ok(Done::Created { back })
        }
        Work::Rename { from, to } => repo.rename_branch(from, to, cx).map(|()| Done::Plain),
        Work::Delete(plan) => repo.delete_branch(plan, cx).map(|()| Done::Plain),
        Work::Restore(plan) => repo.restore_branch(plan, cx).map(|()| Done::Plain),
        Work::Switch { to, stash, take } => switch(&repo, to, *stash, take.as_deref(), cx),
        Work::Unmake { name, back } => {
            if let Some(back) = back {
                repo.switch(back, cx)?;
            }
            let plan = repo.delete_plan(name, cx)?;
            if plan.only_here_count > 0 {
                return Err(
                    Error::user(format!("{name} has commits by now")).hint("Delete it from the list of branches")
                );
            }
            repo.delete_branch(&plan, cx).map(|()| Done::Plain)
        }
        Work::Merge { from, commit } => repo.merge(from, *commit, cx).map(|(m, moved)| Done::Merged(m, moved)),
        Work::MoveBack(moved) => repo.move_back(moved, cx).map(|()| Done::Plain),
        Work::Stash { message, untracked } => repo.stash(message, *untracked, cx).map(Done::Stashed),
        Work::Apply(stash) => repo.unstash(&stash.id, true, cx).map(Done::Taken),
        Work::Pop(stash) => repo.unstash(&stash.id, false, cx).map(Done::Taken),
        Work::Drop(stash) => repo.drop_stash(&stash.id, cx).map(|()| Done::Plain),
        Work::Store(stash) => repo.store_stash(stash, cx).map(|()| Done::Plain),
        Work::Discard(paths) => repo.discard(paths, now, cx).map(Done::Kept),
        Work::DiscardCell(change) => discard_cell(&repo, change, now).map(Done::Kept),
        Work::UndoDiscard(kept) => repo.undo_discard(&kept.id).map(|_| Done::Plain),
        Work::Fetch => repo.fetch(asks, cx).map(Done::Fetched),
        Work::Pull => repo.pull(asks, cx).map(Done::Pulled),
        Work::Push => repo.push(asks, cx).map(Done::Pushed),
        Work::AddRemote { url } => repo.add_remote("origin", url, cx).map(|()| Done::Plain),
        Work::Clone { .. } => Ok(Done::Plain),
    }
}

fn discard_cell(repo: &Repo, change: &CellChange, at: jiff::Timestamp) -> Result<Discarded> {
    let sides = Sides::open(repo.root())?;
    let (old, new) = (sides.read(&change.base, &change.before)?, sides.read(&Rev::WorkingTree, &change.path)?);
    let (Some(old), Some(new)) = (&old, &new) else {
        return Err(Error::user(format!("{} is not on both sides", change.path))
            .hint("Discard the changes of the whole file instead"));
    };
    if review::mark(Some(old), Some(new)) != change.mark {
        return Err(Error::user(format!("{} was changed since it was compared", change.path)).hint("Look at it again"));
    }
    if let Some(hunk) = &change.hunk {
        return repo.discard_into(&change.path, &hunk.taken_back(old, new), fsx::hash(new), at);
    }
    let (base, mut now) = (Notebook::parse(old.clone())?, Notebook::parse(new.clone())?);
    now.revert_cell(&base, &change.pairs, change.cell)?;
    repo.discard_into(&change.path, &now.to_bytes(), fsx::hash(new), at)
}

/// Where one is, to come back to.
fn here(repo: &Repo) -> Result<Option<Target>> {
    Ok(match repo.head()? {
        Head::Branch { branch, .. } => Some(Target::Branch(branch)),
        Head::Detached { commit } => Some(Target::Detached(commit)),
        _ => None,
    })
}

fn switch(repo: &Repo, to: &Target, stash: Option<bool>, take: Option<&str>, cx: &JobCtx) -> Result<Done> {
    let made = match stash {
        Some(untracked) => repo.stash(&put_aside(&repo.head()?.label()), untracked, cx)?,
        None => None,
    };
    match repo.switch(to, cx) {
        Ok(back) => {
            let taken = take.map(|id| repo.unstash(id, false, cx)).transpose()?;
            Ok(Done::Switched { back, stash: made, taken })
        }
        Err(e) => {
            if let Some(made) = made {
                // As it was before: nothing stays put aside for a switch that did not happen.
                repo.unstash(&made.id, false, cx)?;
            }
            Err(e)
        }
    }
}

/// What the lists show, read along with the branches.
pub(in crate::app::git) fn lists(repo: &Repo, cx: &JobCtx) -> Result<Event> {
    Ok(Event::Lists { stashes: repo.stashes(cx)?, remotes: repo.remotes()?, discards: repo.discards() })
}

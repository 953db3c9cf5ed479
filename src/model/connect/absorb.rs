//! Puts a run as its system shows it now beside the run as it was last seen.
use super::Seen;
use crate::model::run::{Run, RunState, TaskRun};

/// The run to keep: what the system says, and what only Andon knows of it. A run that was over and goes again, or has
/// tries it did not have when it was over, is in a new round. The same answer twice gives the same run.
pub fn absorb(known: Option<&Run>, seen: Seen) -> Run {
    let Seen { mut run, tasks, cancelled_is_failed, .. } = seen;
    let Some(known) = known else {
        // A system that counts rounds by itself has told them.
        run.round = run.round.max(1);
        run.tasks = tasks.unwrap_or_default();
        return run;
    };
    run.number = known.number;
    run.id = known.id.clone();
    // A pipeline that was renamed or taken away has had its name then.
    run.pipeline.clone_from(&known.pipeline);
    run.source.clone_from(&known.source);
    // A start on this machine stays one: systems know of no difference between people.
    run.trigger = known.trigger;
    run.note = run.note.or_else(|| known.note.clone());
    run.record = known.record.clone();
    let again = known.state.is_final() && (!run.state.is_final() || has_more(known, tasks.as_deref()));
    // A system that counts rounds by itself knows better, as far as it has begun the newest one.
    run.round = match run.round {
        0 | 1 => known.round.max(1) + u32::from(again),
        told => told.max(known.round + u32::from(again && !run.state.is_final())),
    };
    let asked = known.cancelling || (known.state == RunState::Cancelled && known.ended_at == run.ended_at);
    if cancelled_is_failed && asked && run.state == RunState::Failed {
        (run.state, run.error) = (RunState::Cancelled, None);
    }
    run.cancelling = run.cancelling || (known.cancelling && !run.state.is_final());
    run.tasks = match tasks {
        Some(tasks) => tasks.into_iter().map(|t| with_rounds(t, known, run.round)).collect(),
        None => known.tasks.clone(),
    };
    run
}

fn has_more(known: &Run, tasks: Option<&[TaskRun]>) -> bool {
    let newest = |t: &TaskRun| t.attempts.iter().map(|a| a.number).max().unwrap_or(0);
    tasks.unwrap_or_default().iter().any(|t| known.task(&t.id).is_some_and(|k| newest(k) > 0 && newest(t) > newest(k)))
}

/// Keeps what is known of old attempts; those that are new belong to this round.
fn with_rounds(mut task: TaskRun, known: &Run, round: u32) -> TaskRun {
    let before = known.task(&task.id);
    for attempt in &mut task.attempts {
        let old = before.and_then(|b| b.attempts.iter().find(|a| a.number == attempt.number));
        attempt.round = old.map_or(round, |a| a.round);
        let Some(old) = old else { continue };
        attempt.started_at = attempt.started_at.or(old.started_at);
        if old.state.is_final() && old.state == attempt.state {
            attempt.ended_at = attempt.ended_at.or(old.ended_at);
        }
        attempt.error = attempt.error.take().or_else(|| old.error.clone());
        attempt.log.clone_from(&old.log);
        (attempt.log_lines, attempt.first_error) = (old.log_lines, old.first_error);
    }
    // A server that forgets old tries does not make them undone.
    if let Some(before) = before {
        let gone = before.attempts.iter().filter(|a| task.attempts.iter().all(|n| n.number != a.number));
        let gone: Vec<_> = gone.cloned().collect();
        task.attempts.extend(gone);
        task.attempts.sort_by_key(|a| a.number);
    }
    task
}

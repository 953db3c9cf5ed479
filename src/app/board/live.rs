//! The live state of what a card is bound to: its pipeline's latest run, its notebook's, its suite's result.
use jiff::Timestamp;

use super::Command;
use crate::{
    app::{AppState, Cx, Effect, dispatch, notify::Notice, quality, runs, shell},
    base::{
        Error,
        ids::{CardId, RunId},
        text::count,
    },
    model::{
        board::{Card, ColumnKind, Link, LinkKind},
        git::Rev,
        quality::Status,
        run::{Run, RunState},
    },
};

/// How it stands, what needs attention most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tone {
    Failed,
    Running,
    Warning,
    Queued,
    Cancelled,
    Success,
    Unknown,
}

/// The state of one link, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    pub tone: Tone,
    /// `nightly_flights #412`, `nightly_flights #413, 1 of 3 tasks`, `suite drift, 8 of 8`.
    pub text: String,
    /// Why it failed, in one line.
    pub error: Option<String>,
    pub at: Option<Timestamp>,
    pub run: Option<RunId>,
    pub link: Link,
    pub can_rerun: bool,
}

impl Live {
    /// The least of several is the one a card shows: what needs most attention, and of a suite and a run that need the
    /// same the run, since its rerun evaluates the suite too.
    pub fn urgency(&self) -> (Tone, bool) {
        (self.tone, self.link.kind == LinkKind::Check)
    }
}

/// The state of what a card is bound to: of several links the one that is most urgent. `None` when it is bound to nothing that has ever
/// run.
pub fn of_card(state: &AppState, card: &Card) -> Option<Live> {
    card.links.iter().filter_map(|link| of_link(state, link)).min_by_key(Live::urgency)
}

/// What a live state means for the card that is bound to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing to be told by colour.
    Plain,
    /// What it is bound to failed, or it stands for an incident that is not over.
    Red,
    /// It was finished, and what it is bound to failed later: the card stays done, the failure is news of its own.
    FailedSince,
}

/// How a card stands. Finished work does not silently become failed work: a failure after the finish leaves the card
/// done and is told by a small mark; Home has the failure itself. Work that was called finished while what it is bound
/// to was red stays red.
pub fn standing(state: &super::State, card: &Card, live: Option<&Live>) -> Standing {
    let failed = live.is_some_and(|l| l.tone == Tone::Failed);
    let mended = live.is_some_and(|l| l.tone == Tone::Success);
    let done = state.board.column(&card.column).is_some_and(|c| c.kind == ColumnKind::Done);
    if !done {
        return if failed || (card.is_incident() && !mended) { Standing::Red } else { Standing::Plain };
    }
    if !failed {
        return Standing::Plain;
    }
    // Moved on between columns of finished work it was finished when it came into the first of them.
    let finish = state.figures.card(&card.id).and_then(|f| f.finish_ms).unwrap_or(i64::MAX);
    let finish = finish.min(card.entered.as_millisecond());
    match live.and_then(|l| l.at) {
        Some(at) if at.as_millisecond() <= finish => Standing::Red,
        _ => Standing::FailedSince,
    }
}

/// The state of one link.
pub fn of_link(state: &AppState, link: &Link) -> Option<Live> {
    match link.kind {
        LinkKind::Pipeline | LinkKind::Notebook => latest(state, link).map(|run| of_run(run, link)),
        LinkKind::Run => runs::find(state, &RunId(link.target.clone())).map(|run| of_run(run, link)),
        LinkKind::Check => of_suite(state, link),
        LinkKind::Commit => None,
    }
}

/// The newest run of a pipeline or notebook, by name or path.
fn latest<'a>(state: &'a AppState, link: &Link) -> Option<&'a Run> {
    runs::latest(state, &link.target).or_else(|| runs::latest(state, name_of(&link.target)))
}

fn of_run(run: &Run, link: &Link) -> Live {
    let tone = match run.state {
        RunState::Queued => Tone::Queued,
        RunState::Running => Tone::Running,
        RunState::Success => Tone::Success,
        RunState::Failed => Tone::Failed,
        RunState::Cancelled => Tone::Cancelled,
        RunState::Interrupted => Tone::Failed,
    };
    let name = format!("{} #{}", name_of(&run.pipeline), run.number);
    let done = run.tasks.iter().filter(|t| t.state.is_final()).count();
    let text = match tone {
        Tone::Running if run.round > 1 => format!("Rerun #{}, {done} of {} tasks", run.number, run.tasks.len()),
        Tone::Running => format!("{name}, {done} of {} tasks", run.tasks.len()),
        _ if run.state == RunState::Interrupted => format!("{name} interrupted"),
        _ => name,
    };
    let first = run.first_bad();
    let error = match (first, first.and_then(|t| t.error.as_ref()).or(run.error.as_ref())) {
        (Some(task), Some(error)) => Some(format!("{}: {error}", task.id)),
        (None, Some(error)) => Some(error.clone()),
        (Some(task), None) => Some(format!("{} failed", task.id)),
        (None, None) => None,
    };
    Live {
        tone,
        text,
        error: error.filter(|_| tone == Tone::Failed),
        at: run.ended_at.or(run.started_at),
        run: Some(run.id.clone()),
        link: link.clone(),
        can_rerun: run.state.is_final() && run.connection == crate::model::run::LOCAL,
    }
}

/// The file of a suite given by its path or its name.
fn suite_path(state: &AppState, target: &str) -> Option<String> {
    let paths = state.quality.suite_paths();
    let by_path = paths.iter().find(|p| *p == target);
    let by_name = || paths.iter().find(|p| state.quality.suite_name(p) == target || name_of(p) == name_of(target));
    by_path.or_else(by_name).cloned()
}

fn of_suite(state: &AppState, link: &Link) -> Option<Live> {
    let path = suite_path(state, &link.target)?;
    let q = &state.quality;
    let name = q.suite_name(&path).to_owned();
    let live =
        |tone, text: String, error, at| Live { tone, text, error, at, run: None, link: link.clone(), can_rerun: true };
    if q.running.contains(&path) {
        return Some(Live { can_rerun: false, ..live(Tone::Running, format!("suite {name}"), None, None) });
    }
    if let Some(error) = q.failed.get(&path) {
        return Some(live(Tone::Failed, format!("suite {name}"), Some(error.what.clone()), None));
    }
    let statuses = q.history.newest_statuses(&path);
    let newest = q.history.newest(&path)?;
    let good = statuses.iter().filter(|s| **s == Status::Passed).count();
    let text = format!("suite {name}, {good} of {}", statuses.len());
    let bad = |s: &&Status| matches!(s, Status::Failed | Status::Error);
    let failed = statuses.iter().filter(bad).count();
    let tone = match (failed, good == statuses.len()) {
        (0, true) => Tone::Success,
        (0, false) if statuses.contains(&Status::Warning) => Tone::Warning,
        (0, false) => Tone::Success,
        _ => Tone::Failed,
    };
    let error = (failed > 0).then(|| format!("{} failed", count(failed as u64, "check")));
    Some(Live { run: newest.run.clone(), ..live(tone, text, error, Some(newest.at)) })
}

/// The name of a pipeline or suite as a link gives it: `pipelines/nightly.toml` and `nightly` are the same.
pub fn name_of(target: &str) -> &str {
    let file = target.rsplit('/').next().unwrap_or(target);
    file.strip_suffix(".toml").unwrap_or(file)
}

/// Runs again what the card is bound to: what failed of a failed run, else the whole of it.
pub fn rerun(state: &mut AppState, card: &CardId, cx: &Cx) -> Vec<Effect> {
    let Some(found) = state.board.card(card) else {
        return told(&Error::user("This card is not on the board any more"));
    };
    let able = |l: &&Link| l.kind != LinkKind::Commit;
    let live = of_card(state, found);
    let link = live.as_ref().map(|l| l.link.clone()).or_else(|| found.links.iter().find(able).cloned());
    let Some(link) = link else {
        let what = format!("{} is not bound to anything that can run", found.label);
        return told(&Error::user(what).hint("Bind it to a pipeline, notebook or check in its details"));
    };
    if let Some(live) = live.as_ref().filter(|l| matches!(l.tone, Tone::Running | Tone::Queued)) {
        let what = format!("{} is running already", live.text);
        return vec![Effect::Notice(Notice::info(what))];
    }
    let command: crate::app::Command = match link.kind {
        LinkKind::Check => match suite_path(state, &link.target) {
            Some(path) => {
                quality::Command::RunChecks { paths: vec![path], params: std::collections::BTreeMap::new() }.into()
            }
            None => return told(&unknown(&link)),
        },
        _ => {
            let known = match link.kind {
                LinkKind::Run => runs::find(state, &RunId(link.target.clone())).map(|r| (**r).clone()),
                _ => latest(state, &link).cloned(),
            };
            match known {
                Some(run) if run.state != RunState::Success => runs::Command::RerunFailed(run.id.clone()).into(),
                Some(run) => runs::Command::Run(run.source.clone()).into(),
                None => runs::Command::Run(link.target.clone()).into(),
            }
        }
    };
    dispatch::dispatch(state, command, cx)
}

fn unknown(link: &Link) -> Error {
    Error::user(format!("No {} {:?} in this workspace", link.kind.name(), link.target))
        .hint("Change the link in the card's details")
}

fn told(error: &Error) -> Vec<Effect> {
    vec![Effect::Notice(Notice::error(error))]
}

/// Shows what a link points to.
pub fn follow(state: &mut AppState, link: &Link, cx: &Cx) -> Vec<Effect> {
    let command: crate::app::Command = match link.kind {
        LinkKind::Run => runs::Command::OpenRun(RunId(link.target.clone())).into(),
        LinkKind::Pipeline => {
            match state.runs.entry(&link.target).or_else(|| state.runs.entry(name_of(&link.target))) {
                Some(entry) => runs::Command::OpenPipeline(entry.name.clone()).into(),
                None => return told(&unknown(link)),
            }
        }
        LinkKind::Check => match suite_path(state, &link.target) {
            Some(path) => {
                state.shell.page = shell::Page::Quality;
                quality::Command::SelectSuite(path).into()
            }
            None => return told(&unknown(link)),
        },
        LinkKind::Notebook => return crate::app::workspace::open_file(state, &link.target, cx),
        LinkKind::Commit => crate::app::review::Command::Show {
            base: Rev::At(format!("{}~1", link.target)),
            compare: Rev::At(link.target.clone()),
            path: None,
        }
        .into(),
    };
    dispatch::dispatch(state, command, cx)
}

/// The command that shows where a live state comes from.
pub fn open_command(live: &Live) -> Command {
    let run = live.run.as_ref().filter(|_| live.link.kind != LinkKind::Check);
    Command::Follow(run.map_or_else(|| live.link.clone(), |run| Link { kind: LinkKind::Run, target: run.0.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_failed_run_and_its_failed_suite_the_card_shows_and_reruns_the_run() {
        let live = |kind, tone, run: Option<&str>| Live {
            tone,
            text: String::new(),
            error: None,
            at: None,
            run: run.map(|r| RunId(r.to_owned())),
            link: Link { kind, target: "airport_list".to_owned() },
            can_rerun: true,
        };
        let suite = live(LinkKind::Check, Tone::Failed, Some("kj94003c"));
        let run = live(LinkKind::Pipeline, Tone::Failed, Some("kj94003c"));
        let well = live(LinkKind::Pipeline, Tone::Success, Some("kj94003c"));
        assert_eq!([&suite, &run].into_iter().min_by_key(|l| l.urgency()), Some(&run));
        assert_eq!([&well, &suite].into_iter().min_by_key(|l| l.urgency()), Some(&suite));
    }
}

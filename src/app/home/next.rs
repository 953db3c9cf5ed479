//! Next on the line: what runs and waits now, then what a schedule names. Nothing starts by a schedule yet, and the page
//! says so.
use jiff::Timestamp;

use super::Next;
use crate::{
    app::{AppState, runs},
    base::{text, time},
    model::run::{Run, RunState, TaskState},
};

/// What comes next, in the order of the page.
pub fn next(state: &AppState, now: Timestamp) -> Vec<Next> {
    let mut going: Vec<(&Run, Option<u64>)> = Vec::new();
    let mut planned = Vec::new();
    for entry in &state.runs.entries {
        let history = runs::history(state, &entry.name);
        let usual = usual_ms(history);
        let open = history.iter().filter(|r| !r.state.is_final());
        let before = going.len();
        going.extend(open.map(|r| (&**r, usual)));
        let schedule = entry.pipeline.as_ref().and_then(|p| p.schedule.clone());
        if let Some(when) = schedule.filter(|_| entry.exists && going.len() == before) {
            planned.push(Next {
                when,
                state: None,
                title: entry.name.clone(),
                words: usual.map(|ms| format!("usually {}", time::duration_ms(ms))).unwrap_or_default(),
                place: "local".to_owned(),
                open: runs::Command::OpenPipeline(entry.name.clone()).into(),
            });
        }
    }
    going.sort_by_key(|(r, _)| (r.state == RunState::Queued, r.queued_at));
    let row = |(run, usual): (&Run, Option<u64>)| Next {
        when: run.state.word().to_lowercase(),
        state: Some(run.state),
        title: run.title(),
        words: progress(run, usual, now),
        place: run.connection.clone(),
        open: runs::Command::OpenRun(run.id.clone()).into(),
    };
    let mut all: Vec<Next> = going.into_iter().map(row).collect();
    planned.sort_by(|a, b| a.title.cmp(&b.title));
    all.extend(planned);
    all
}

/// Half of the runs that succeeded took no longer.
fn usual_ms(history: &[std::sync::Arc<Run>]) -> Option<u64> {
    let good = history.iter().filter(|r| r.state == RunState::Success && r.round == 1);
    let mut all: Vec<u64> = good.filter_map(|r| r.duration_ms(r.ended_at?)).take(30).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}

fn usually(ms: Option<u64>) -> String {
    ms.map(|ms| format!(", usually {}", time::duration_ms(ms))).unwrap_or_default()
}

fn progress(run: &Run, usual: Option<u64>, now: Timestamp) -> String {
    if run.state == RunState::Queued {
        return format!("{} to run{}", text::count(run.tasks.len() as u64, "task"), usually(usual));
    }
    let done = run.tasks.iter().filter(|t| t.state.is_final()).count();
    let retrying = run.tasks.iter().find(|t| t.state == TaskState::Retrying);
    let waits = retrying.map(|t| format!(", {} waits to be tried again", t.id)).unwrap_or_default();
    let since =
        run.duration_ms(now).map(|ms| format!(", for {}", time::duration_ms(ms / 1000 * 1000))).unwrap_or_default();
    format!("{done} of {} done{waits}{since}{}", text::count(run.tasks.len() as u64, "task"), usually(usual))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::pipeline::Pipeline;

    fn entry(name: &str, schedule: Option<&str>) -> runs::Entry {
        let line = schedule.map(|s| format!("schedule = \"{s}\"\n")).unwrap_or_default();
        let toml = format!("name = \"{name}\"\n{line}[[task]]\nid = \"a\"\nkind = \"command\"\nrun = \"true\"\n");
        let source = format!("pipelines/{name}.toml");
        let pipeline = Pipeline::parse(&source, &toml).unwrap();
        runs::Entry {
            name: name.into(),
            connection: "local".into(),
            remote: None,
            source,
            pipeline: Some(Arc::new(pipeline)),
            error: None,
            exists: true,
        }
    }

    #[test]
    fn what_a_schedule_names_is_planned_and_what_has_none_is_not() {
        let mut state = AppState::default();
        state.runs.entries = vec![entry("weekly", Some("weekly Mon 07:00")), entry("by_hand", None)];
        let all = next(&state, Timestamp::UNIX_EPOCH);
        let rows: Vec<_> = all.iter().map(|n| (n.when.as_str(), n.title.as_str(), n.words.as_str())).collect();
        assert!(all[0].state.is_none());
        assert_eq!(rows, [("weekly Mon 07:00", "weekly", "")]);
    }
}

//! Collects Home from the features' state: rows, pipeline lights, news, totals.
use std::cmp::Reverse;

use jiff::Timestamp;

use super::{Filter, Level, Light, News, NewsKind, Picture, Row, Total};
use crate::{
    app::{AppState, Command as AnyCommand, Cx, board, quality, runs, shell},
    base::{text, time},
    model::{
        quality::Status,
        run::{Run, RunState, Scope, TaskState},
    },
};

/// News shown at most.
const NEWS: usize = 40;

/// Makes everything on Home anew from what is in memory.
pub fn refresh(state: &mut AppState, cx: &Cx) {
    let now = cx.now();
    let mut rows = run_rows(state, now);
    rows.extend(quality::attention(state));
    rows.extend(board::attention(state).into_iter().map(board_row));
    rows.sort_by_key(|r| (r.level, Reverse(r.at)));
    let all = rows.len();
    let home = &state.home;
    if !home.show_snoozed {
        rows.retain(|r| home.memory.snoozed.get(&r.key).is_none_or(|until| *until <= now));
    }
    let snoozed = all - rows.len();
    // The focus stays on its row, wherever that has moved.
    let key = home.visible().nth(home.focused).map(|r| r.key.clone());
    let (lights, news, totals) = (lights(state, now), news(state), totals(state, now));
    let home = &mut state.home;
    home.snoozed = snoozed;
    home.rows = rows;
    home.lights = lights;
    home.news = news;
    home.totals = totals;
    let at = key.and_then(|k| home.visible().position(|r| r.key == k));
    let last = home.visible().count().saturating_sub(1);
    home.focused = at.unwrap_or(home.focused.min(last));
}

/// The newest finished run of each pipeline, where it did not succeed.
fn run_rows(state: &AppState, now: Timestamp) -> Vec<Row> {
    let mut rows = Vec::new();
    for entry in &state.runs.entries {
        let history = runs::history(state, &entry.name);
        if let Some(error) = &entry.error {
            rows.push(broken_file(&entry.source, error));
        }
        let Some(run) = history.first() else { continue };
        if run.state.is_bad() {
            let durations: Vec<f64> = history.iter().take(14).rev().map(|r| seconds(r, now)).collect();
            rows.push(failed_run(run, durations));
        }
    }
    rows
}

fn seconds(run: &Run, now: Timestamp) -> f64 {
    run.duration_ms(now).unwrap_or(0) as f64 / 1000.0
}

fn failed_run(run: &Run, durations: Vec<f64>) -> Row {
    let failed = run.tasks.iter().find(|t| t.state == TaskState::Failed);
    let title = match (run.state, failed) {
        (RunState::Interrupted, _) => format!("{} was interrupted", run.title()),
        (_, Some(task)) => format!("{} failed in {}", run.title(), task.id),
        _ => format!("{} failed", run.title()),
    };
    let error = failed.and_then(|t| t.error.clone()).or_else(|| run.error.clone());
    let plan = run.rerun_plan(&Scope::Failed).map(|p| p.len()).unwrap_or(0);
    let rerun = (plan > 0).then(|| AnyCommand::from(runs::Command::RerunFailed(run.id.clone())));
    let open = AnyCommand::from(runs::Command::OpenRun(run.id.clone()));
    let action = match &rerun {
        Some(command) => (format!("Rerun {}", text::count(plan as u64, "task")), command.clone()),
        None => ("Open run".to_owned(), open),
    };
    Row {
        key: format!("run:{}:{}", run.id, run.round),
        level: Level::Red,
        filter: Filter::Runs,
        title,
        evidence: error.unwrap_or_else(|| "No error was written; the log may say more".to_owned()),
        picture: Picture::Bars(durations),
        at: run.ended_at.or(run.started_at),
        place: run.connection.clone(),
        action,
        rerun,
    }
}

fn broken_file(source: &str, error: &crate::base::Error) -> Row {
    Row {
        key: format!("file:{source}"),
        level: Level::Amber,
        filter: Filter::Runs,
        title: format!("{source} cannot be read"),
        evidence: error.to_string(),
        picture: Picture::None,
        at: None,
        place: "pipelines".to_owned(),
        action: ("Open pipeline".to_owned(), runs::Command::OpenPipeline(source.to_owned()).into()),
        rerun: None,
    }
}

fn board_row(trouble: board::Attention) -> Row {
    let level = match trouble.trouble {
        board::Trouble::Failed | board::Trouble::Blocked => Level::Red,
        _ => Level::Amber,
    };
    Row {
        key: trouble.key,
        level,
        filter: Filter::Flow,
        title: trouble.title,
        evidence: trouble.evidence,
        picture: trouble.who.clone().map_or(Picture::None, Picture::Word),
        at: trouble.since,
        place: "board".to_owned(),
        action: (trouble.verb, trouble.command),
        rerun: None,
    }
}

fn lights(state: &AppState, now: Timestamp) -> Vec<Light> {
    let light = |entry: &runs::Entry| {
        let recent = runs::recent(state, &entry.name);
        let last = recent.first();
        let note = match last {
            Some(run) if !run.state.is_final() => {
                format!("{} \u{b7} {}", run.connection, run.state.word().to_lowercase())
            }
            Some(run) => {
                let at = run.ended_at.or(run.started_at).unwrap_or(run.queued_at);
                format!("{} \u{b7} {}", run.connection, time::when(at, now))
            }
            None => "never run".to_owned(),
        };
        Light {
            name: entry.name.clone(),
            state: last.map(|r| r.state),
            note,
            bars: recent.iter().rev().map(|r| (seconds(r, now), r.state)).collect(),
            open: runs::Command::OpenPipeline(entry.name.clone()).into(),
        }
    };
    let mut all: Vec<Light> =
        state.runs.entries.iter().filter(|e| e.pipeline.is_some() || e.error.is_some()).map(light).collect();
    all.sort_by_key(|l| (!l.state.is_some_and(RunState::is_bad), l.name.clone()));
    all
}

fn news(state: &AppState) -> Vec<News> {
    let Some(seen) = state.home.memory.seen else { return Vec::new() };
    let ended = |r: &&std::sync::Arc<Run>| r.state.is_final() && r.ended_at.is_some_and(|at| at > seen);
    let runs = state.runs.runs.values().flatten().filter(ended).map(|r| News {
        at: r.ended_at.unwrap_or(r.queued_at),
        text: format!("{} {}", r.title(), r.state.word().to_lowercase()),
        what: if r.state == RunState::Success { NewsKind::RunPassed } else { NewsKind::RunFailed },
        open: runs::Command::OpenRun(r.id.clone()).into(),
    });
    let commits = state.git.recent.iter().filter(|c| c.at > seen).map(|c| News {
        at: c.at,
        text: format!("{}: {}", c.author.name, c.summary),
        what: NewsKind::Commit,
        open: shell::Command::Go(shell::Page::Review).into(),
    });
    let mut all: Vec<News> = runs.chain(commits).collect();
    all.sort_by_key(|n| Reverse(n.at));
    all.truncate(NEWS);
    all
}

fn totals(state: &AppState, now: Timestamp) -> Vec<Total> {
    if state.workspace.root.is_none() {
        return Vec::new();
    }
    [runs_total(state, now), checks_total(state), cards_total(state)].into_iter().flatten().collect()
}

fn runs_total(state: &AppState, now: Timestamp) -> Option<Total> {
    let mut ended: Vec<&Run> =
        state.runs.runs.values().flatten().map(|r| &**r).filter(|r| r.state.is_final()).collect();
    if ended.is_empty() {
        return None;
    }
    ended.sort_by_key(|r| r.ended_at);
    let day = |r: &&Run| r.ended_at.is_some_and(|at| now.as_second() - at.as_second() < 86_400);
    let today: Vec<&Run> = ended.iter().copied().filter(|r| day(r)).collect();
    let (title, counted) = if today.is_empty() { ("Runs kept", &ended) } else { ("Runs, last 24 h", &today) };
    let passed = counted.iter().filter(|r| r.state == RunState::Success).count();
    let bars = ended.iter().rev().take(24).rev().map(|r| seconds(r, now)).collect();
    Some(Total {
        title: title.to_owned(),
        value: text::thousands(passed as u64),
        note: format!("of {} passed", text::thousands(counted.len() as u64)),
        picture: Picture::Bars(bars),
    })
}

fn checks_total(state: &AppState) -> Option<Total> {
    let history = &state.quality.history;
    let statuses: Vec<Status> = history.suites().flat_map(|path| history.newest_statuses(path)).collect();
    if statuses.is_empty() {
        return None;
    }
    let passing = statuses.iter().filter(|s| matches!(s, Status::Passed | Status::Info)).count();
    Some(Total {
        title: "Checks passing".to_owned(),
        value: text::thousands(passing as u64),
        note: format!("of {}", text::thousands(statuses.len() as u64)),
        picture: Picture::None,
    })
}

fn cards_total(state: &AppState) -> Option<Total> {
    let figures = &state.board.figures;
    figures.at?;
    let days = |ms: i64| format!("{:.1} d", ms as f64 / 86_400_000.0);
    let (value, note) = match figures.p85_ms {
        Some(p85) => (days(p85), format!("85 % of cards are done in; {} open", figures.open)),
        None => (figures.open.to_string(), "open cards".to_owned()),
    };
    Some(Total { title: "Cycle time".to_owned(), value, note, picture: Picture::Line(figures.p85_weekly_days.clone()) })
}

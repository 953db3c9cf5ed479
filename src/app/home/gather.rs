//! Collects Home from the features' state: rows, pipeline lights, news, totals.
use std::cmp::Reverse;

use jiff::Timestamp;

use super::{Filter, Level, Light, News, NewsKind, Picture, Row, Total};
use crate::{
    app::{AppState, Command as AnyCommand, Cx, Effect, Job, board, conflict, quality, review, runs, shell, workspace},
    base::{text, time},
    model::{
        git::Rev,
        quality::Status,
        run::{Run, RunState, Scope, TaskState},
    },
};

/// Mended rows kept at most.
const MENDED: usize = 20;
/// News shown at most.
const NEWS: usize = 40;
/// Of what was seen already.
const EARLIER: usize = 12;

/// Makes everything on Home anew from what is in memory; notes how much is red for the list of recent workspaces.
pub fn refresh(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    let now = cx.now();
    let mut rows = run_rows(state, now);
    rows.extend(quality::attention(state));
    rows.extend(board::attention(state).into_iter().map(board_row));
    rows.extend(conflict_row(state));
    note_mended(state, &rows, now);
    rows.extend(done_runs(state));
    rows.extend(state.home.mended.iter().cloned());
    rows.sort_by_key(|r| (r.level, Reverse(r.at)));
    let all = rows.len();
    let home = &state.home;
    if !home.show_snoozed {
        rows.retain(|r| home.memory.snoozed.get(&r.key).is_none_or(|until| *until <= now));
    }
    let snoozed = all - rows.len();
    // The focus stays on its row, wherever that has moved.
    let key = home.visible().nth(home.focused).filter(|_| home.walked).map(|r| r.key.clone());
    let (lights, (news, earlier), totals) = (lights(state, now), news(state), totals(state, now));
    let next = super::next::next(state, now);
    let home = &mut state.home;
    home.snoozed = snoozed;
    home.rows = rows;
    home.lights = lights;
    home.next = next;
    home.news = news;
    home.earlier = earlier;
    home.totals = totals;
    let at = key.and_then(|k| home.visible().position(|r| r.key == k));
    let last = home.visible().count().saturating_sub(1);
    home.focused = at.unwrap_or(if home.walked { home.focused.min(last) } else { 0 });
    let red = super::red_count(state) as u32;
    match state.workspace.root.clone() {
        Some(root) if state.home.red_noted != Some(red) => {
            state.home.red_noted = Some(red);
            vec![Job::io("workspace.red", workspace::Task::Red { root, red }).start()]
        }
        _ => Vec::new(),
    }
}

/// Rows that no longer need anybody stay, dimmed, until what happened is marked as seen. Runs have a history of their
/// own to tell it from.
fn note_mended(state: &mut AppState, rows: &[Row], now: Timestamp) {
    let open = |key: &str| rows.iter().any(|r| r.key == key);
    let home = &mut state.home;
    home.mended.retain(|done| !open(done.key.trim_start_matches("done:")));
    for row in home.rows.iter().filter(|r| r.level != Level::Done && !r.key.starts_with("run:")) {
        let key = format!("done:{}", row.key);
        if open(&row.key) || home.mended.iter().any(|done| done.key == key) {
            continue;
        }
        let action = match row.filter {
            Filter::Flow => ("Open the board".to_owned(), shell::Command::Go(shell::Page::Board).into()),
            Filter::Runs => ("Open the runs".to_owned(), shell::Command::Go(shell::Page::Runs).into()),
            _ => row.action.clone(),
        };
        let evidence = format!("Needs nobody since {}", time::when(now, now));
        home.mended.push(Row { key, level: Level::Done, evidence, at: Some(now), action, rerun: None, ..row.clone() });
    }
    let extra = home.mended.len().saturating_sub(MENDED);
    home.mended.drain(..extra);
}

/// Pipelines whose newest run succeeded since the last visit, after a failed round or a run that failed.
fn done_runs(state: &AppState) -> Vec<Row> {
    let Some(seen) = state.home.memory.seen else { return Vec::new() };
    let mut rows = Vec::new();
    for entry in &state.runs.entries {
        let history = runs::history(state, &entry.name);
        let Some(run) = history.first().filter(|r| r.state == RunState::Success) else { continue };
        let Some(at) = run.ended_at.filter(|at| *at > seen) else { continue };
        let before = history.get(1).filter(|r| r.state.is_bad());
        let evidence = match before {
            _ if run.round > 1 => format!("Mended by a rerun, round {}", run.round),
            Some(before) => format!("{} had {}", before.title(), before.state.word().to_lowercase()),
            None => continue,
        };
        let durations: Vec<f64> = history.iter().take(14).rev().map(|r| seconds(r, at)).collect();
        rows.push(Row {
            key: format!("done:{}:{}", run.id, run.round),
            level: Level::Done,
            filter: Filter::Runs,
            title: format!("{} succeeded", run.title()),
            evidence,
            picture: Picture::Bars(durations),
            at: Some(at),
            place: run.connection.clone(),
            action: ("Open run".to_owned(), runs::Command::OpenRun(run.id.clone()).into()),
            rerun: None,
        });
    }
    rows
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

/// Files that a merge left to be decided: nobody else can go on before.
fn conflict_row(state: &AppState) -> Option<Row> {
    let conflict = &state.conflict;
    if !conflict.needs_somebody() {
        return None;
    }
    let files = conflict.files();
    let names: Vec<&str> = files.iter().map(|f| f.0).take(3).collect();
    let more = if files.len() > 3 { format!(" and {} more", files.len() - 3) } else { String::new() };
    let waits = files.is_empty();
    let title = if waits {
        format!("{}: everything is decided", conflict.situation.title())
    } else if conflict.situation.files.is_empty() {
        format!("{} merged with conflicts", text::count(files.len() as u64, "notebook"))
    } else {
        format!("{}: {} in conflict", conflict.situation.title(), text::count(files.len() as u64, "file"))
    };
    let evidence = if waits { "It waits for its end".to_owned() } else { names.join(", ") + &more };
    let verb = if waits { "Bring it to its end" } else { "Resolve conflicts" };
    Some(Row {
        key: "conflict".to_owned(),
        level: Level::Amber,
        filter: Filter::Flow,
        title,
        evidence,
        picture: Picture::None,
        at: None,
        place: state.git.branch().unwrap_or_default(),
        action: (verb.to_owned(), conflict::Command::Open(None).into()),
        rerun: None,
    })
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

/// What happened since the last visit, and the newest of what happened before it.
fn news(state: &AppState) -> (Vec<News>, Vec<News>) {
    let seen = state.home.memory.seen;
    let is_new = |at: Timestamp| seen.is_some_and(|seen| at > seen);
    let runs = state.runs.runs.values().flat_map(|all| news_of(all, is_new));
    let commits = state.git.recent.iter().map(|c| News {
        at: c.at,
        text: format!("{}: {}", c.author.name, c.summary),
        what: NewsKind::Commit,
        open: review::Command::Show {
            base: c.parents.first().map_or(Rev::Empty, |p| Rev::At(p.clone())),
            compare: Rev::At(c.id.clone()),
            path: None,
        }
        .into(),
    });
    let mut all: Vec<News> = runs.chain(commits).collect();
    all.sort_by_key(|n| Reverse(n.at));
    let (mut fresh, mut earlier): (Vec<News>, Vec<News>) = all.into_iter().partition(|n| is_new(n.at));
    fresh.truncate(NEWS);
    earlier.truncate(EARLIER);
    (fresh, earlier)
}

/// Failed runs of a pipeline one by one, those that passed counted together: before the last visit and since.
fn news_of(all: &[std::sync::Arc<Run>], is_new: impl Fn(Timestamp) -> bool) -> Vec<News> {
    let ended = || all.iter().filter(|r| r.state.is_final()).filter_map(|r| Some((r, r.ended_at?)));
    let failed = ended().filter(|(r, _)| r.state != RunState::Success).take(NEWS).map(|(r, at)| News {
        at,
        text: format!("{} {}", r.title(), r.state.word().to_lowercase()),
        what: NewsKind::RunFailed,
        open: runs::Command::OpenRun(r.id.clone()).into(),
    });
    let mut news: Vec<News> = failed.collect();
    for new in [true, false] {
        let mut passed = ended().filter(|(r, at)| r.state == RunState::Success && is_new(*at) == new);
        let Some((newest, at)) = passed.next() else { continue };
        let text = match passed.count() {
            0 => format!("{} passed", newest.title()),
            more => format!("{}: {} passed", newest.pipeline, text::count(more as u64 + 1, "run")),
        };
        news.push(News { at, text, what: NewsKind::RunPassed, open: runs::Command::OpenRun(newest.id.clone()).into() });
    }
    news
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
        picture: Picture::Line(history.passing.clone()),
    })
}

fn cards_total(state: &AppState) -> Option<Total> {
    let figures = &state.board.figures;
    figures.at?;
    let days = |ms: i64| format!("{:.1} d", ms as f64 / 86_400_000.0);
    let (value, note) = match figures.p85_ms {
        Some(p85) => (days(p85), format!("for 85 % of cards, {} open", figures.open)),
        None => (figures.open.to_string(), "open cards".to_owned()),
    };
    Some(Total { title: "Cycle time".to_owned(), value, note, picture: Picture::Line(figures.p85_weekly_days.clone()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::FixedClock;

    fn row(key: &str, level: Level) -> Row {
        Row {
            key: key.into(),
            level,
            filter: Filter::Flow,
            title: key.into(),
            evidence: String::new(),
            picture: Picture::None,
            at: None,
            place: "board".into(),
            action: ("Rerun".into(), shell::Command::Tick.into()),
            rerun: None,
        }
    }

    #[test]
    fn what_went_away_stays_dimmed_until_it_was_seen_and_comes_back_when_it_is_red_again() {
        let clock = FixedClock(Timestamp::from_second(1_795_000_000).unwrap());
        let cx = Cx { clock: &clock };
        let mut state = AppState::default();
        state.home.rows = vec![row("card:1:Failed", Level::Red), row("run:x:1", Level::Red)];
        refresh(&mut state, &cx);
        let rows: Vec<_> = state.home.rows.iter().map(|r| (r.key.as_str(), r.level)).collect();
        assert_eq!(rows, [("done:card:1:Failed", Level::Done)], "runs tell their own story");
        assert_eq!(state.home.rows[0].action.0, "Open the board");
        refresh(&mut state, &cx);
        assert_eq!(state.home.rows.len(), 1, "it is noted once");
        note_mended(&mut state, &[row("card:1:Failed", Level::Red)], cx.now());
        assert!(state.home.mended.is_empty(), "red again");
        state.home.mended = vec![row("done:a", Level::Done)];
        super::super::command(&mut state, super::super::Command::MarkSeen, &cx);
        assert!(state.home.mended.is_empty());
    }

    #[test]
    fn the_red_count_is_written_when_it_changes_and_not_more_often() {
        let clock = FixedClock(Timestamp::from_second(1_795_000_000).unwrap());
        let cx = Cx { clock: &clock };
        let mut state = AppState::default();
        assert!(refresh(&mut state, &cx).is_empty(), "no folder is open");
        state.workspace.root = Some("/w/demo".into());
        let effects = refresh(&mut state, &cx);
        assert!(matches!(&effects[..], [Effect::Start(job)] if job.key == "workspace.red"));
        assert!(refresh(&mut state, &cx).is_empty());
    }
}

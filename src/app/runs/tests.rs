use super::*;
use crate::{
    app::{Command as AnyCommand, dispatch::dispatch, shell::Page},
    base::time::FixedClock,
    model::run::{TaskState, Trigger, tests as sample},
};

const NOW: FixedClock = FixedClock(Timestamp::UNIX_EPOCH);

fn at(secs: i64) -> FixedClock {
    FixedClock(Timestamp::from_second(1_763_000_000 + secs).unwrap())
}

fn pipeline(name: &str) -> Entry {
    let text = format!(
        "name = '{name}'\n[params]\nday = 2026-11-16\nlimit = 10\n[[task]]\nid = 'extract'\nkind = 'command'\nrun = 'true'\n"
    );
    let source = format!("pipelines/{name}.toml");
    let p = Pipeline::parse(&source, &text).unwrap();
    Entry { name: name.to_owned(), source, pipeline: Some(Arc::new(p)), error: None, exists: true }
}

fn failed(id: &str, number: u64) -> Run {
    let mut run = sample::run([TaskState::Success, TaskState::Failed, TaskState::UpstreamFailed, TaskState::Success]);
    run.id = RunId::from(id);
    run.number = number;
    run.queued_at = Timestamp::from_second(1_763_000_000 + i64::try_from(number).unwrap()).unwrap();
    run.trigger = Trigger::Cli;
    run
}

fn state() -> AppState {
    let mut state = AppState::default();
    state.workspace.trusted = true;
    state.shell.focused = true;
    let entries = vec![pipeline("nightly"), pipeline("weekly")];
    let runs = vec![failed("bbbb", 2), failed("aaaa", 1)];
    event(&mut state, Event::Loaded { entries, runs, notice: None }, &Cx { clock: &NOW });
    state
}

fn send(state: &mut AppState, c: Command, clock: &FixedClock) -> Vec<Effect> {
    dispatch(state, AnyCommand::Runs(c), &Cx { clock })
}

fn jobs(effects: &[Effect]) -> Vec<&str> {
    effects.iter().filter_map(|e| if let Effect::Start(job) = e { Some(job.key.as_str()) } else { None }).collect()
}

#[test]
fn the_page_opens_on_what_failed_last() {
    let state = state();
    assert_eq!((state.runs.pipeline.as_deref(), &state.runs.run), (Some("nightly"), &Some(RunId::from("bbbb"))));
    assert_eq!(state.runs.task.as_deref(), Some("clean"), "the task that failed first is selected");
    assert_eq!(latest(&state, "nightly").map(|r| r.number), Some(2));
    assert_eq!(recent(&state, "pipelines/nightly.toml").len(), 2, "by the path of the file too");
    assert!(latest(&state, "weekly").is_none());
}

#[test]
fn two_clicks_start_one_rerun() {
    let mut state = state();
    let first = send(&mut state, Command::RerunFailed("bbbb".into()), &at(0));
    assert_eq!(jobs(&first), ["run:bbbb"]);
    assert!(jobs(&send(&mut state, Command::RerunFailed("bbbb".into()), &at(0))).is_empty());
    // Once it runs, the run itself refuses.
    let mut run = failed("bbbb", 2);
    run.state = RunState::Running;
    run.round = 2;
    event(&mut state, Event::Changed(Arc::new(run)), &Cx { clock: &NOW });
    let effects = send(&mut state, Command::RerunFailed("bbbb".into()), &at(100));
    assert!(jobs(&effects).is_empty() && matches!(effects[0], Effect::Notice(_)));
}

#[test]
fn nothing_runs_before_trust_is_given() {
    let mut state = state();
    state.workspace.trusted = false;
    for c in [Command::RerunFailed("bbbb".into()), Command::Run("nightly".into()), Command::AskRun("nightly".into())] {
        assert!(jobs(&send(&mut state, c, &NOW)).is_empty());
        assert!(state.shell.dialog.take().is_some());
    }
    assert!(state.runs.dialog.is_none());
}

#[test]
fn a_wrong_parameter_keeps_the_dialog_and_a_right_one_runs() {
    let mut state = state();
    send(&mut state, Command::AskRun("nightly".into()), &NOW);
    send(&mut state, Command::SetField { name: "day".into(), text: "2026-13-40".into() }, &NOW);
    let Some(Dialog::Run(d)) = &state.runs.dialog else { panic!("no dialog") };
    assert!(d.fields[0].error.as_ref().unwrap().contains("date"));
    assert!(send(&mut state, Command::Confirm, &NOW).is_empty() && state.runs.dialog.is_some());
    send(&mut state, Command::SetField { name: "day".into(), text: "2026-11-15".into() }, &NOW);
    let effects = send(&mut state, Command::Confirm, &NOW);
    assert_eq!(jobs(&effects), ["run:pipelines/nightly.toml"]);
    assert!(state.runs.dialog.is_none());
}

#[test]
fn arrows_walk_the_grid_and_stop_at_its_edges() {
    let mut state = state();
    send(&mut state, Command::Step { runs: 1, tasks: 0 }, &NOW);
    assert_eq!(state.runs.run, Some("bbbb".into()), "the newest is the last column");
    let effects = send(&mut state, Command::Step { runs: -1, tasks: 0 }, &NOW);
    assert_eq!((state.runs.run.clone(), jobs(&effects)), (Some("aaaa".into()), vec!["runs.detail"]));
    send(&mut state, Command::Step { runs: 0, tasks: 1 }, &NOW);
    assert_eq!(state.runs.task.as_deref(), Some("report"));
    send(&mut state, Command::Step { runs: 0, tasks: 9 }, &NOW);
    assert_eq!(state.runs.task.as_deref(), Some("publish"));
}

#[test]
fn a_failure_elsewhere_gives_a_notice_and_one_under_the_eyes_does_not() {
    let mut running = failed("cccc", 3);
    running.state = RunState::Running;
    let mut ended = failed("cccc", 3);
    ended.ended_at = Some(at(5).0);
    let play = |state: &mut AppState| {
        event(state, Event::Changed(Arc::new(running.clone())), &Cx { clock: &at(1) });
        event(state, Event::Changed(Arc::new(ended.clone())), &Cx { clock: &at(6) })
    };
    let notices = |e: &[Effect]| e.iter().filter(|e| matches!(e, Effect::Notice(_))).count();
    let desktop = |e: &[Effect]| e.iter().filter(|e| matches!(e, Effect::Desktop { .. })).count();
    let mut there = state();
    let effects = play(&mut there);
    assert_eq!((notices(&effects), desktop(&effects)), (1, 0), "another page");
    let mut away = state();
    away.shell.focused = false;
    let effects = play(&mut away);
    assert_eq!((notices(&effects), desktop(&effects)), (1, 1));
    let mut here = state();
    here.shell.page = Page::Runs;
    event(&mut here, Event::Changed(Arc::new(running.clone())), &Cx { clock: &at(1) });
    send(&mut here, Command::SelectRun("cccc".into()), &NOW);
    let effects = event(&mut here, Event::Changed(Arc::new(ended.clone())), &Cx { clock: &at(6) });
    assert_eq!((notices(&effects), desktop(&effects)), (0, 0));
    // What was read from the store before is no news.
    let again = event(&mut here, Event::Changed(Arc::new(ended.clone())), &Cx { clock: &at(6) });
    assert!(again.is_empty());
    let stale = event(&mut here, Event::Changed(Arc::new(running.clone())), &Cx { clock: &at(7) });
    assert!(stale.is_empty() && latest(&here, "nightly").unwrap().state == RunState::Failed, "old news change nothing");
}

#[test]
fn a_log_is_added_to_once_and_searched() {
    use crate::{
        engine::store::LogChunk,
        model::run::{Level, LogLine},
    };
    let mut state = state();
    let mut run = failed("bbbb", 2);
    run.tasks[1].attempts = vec![sample::attempt(1, 1, TaskState::Failed, 1, 2)];
    event(&mut state, Event::Changed(Arc::new(run)), &Cx { clock: &NOW });
    let effects = send(&mut state, Command::OpenLog { task: "clean".into(), attempt: None }, &NOW);
    assert_eq!((jobs(&effects), state.runs.tab), (vec!["runs.log"], Tab::Log));
    let line = |level, t: &str| LogLine { at: None, level, source: "stdout".into(), text: t.into() };
    let chunk = LogChunk {
        lines: vec![line(Level::Info, "loading G7"), line(Level::Error, "ValueError: g7 unit")],
        next: 40,
        skipped_bytes: 0,
    };
    let news = Event::Log { run: "bbbb".into(), task: "clean".into(), attempt: 1, from: 0, chunk };
    event(&mut state, news.clone(), &Cx { clock: &NOW });
    event(&mut state, news, &Cx { clock: &NOW });
    assert_eq!((state.runs.log.lines.len(), state.runs.log.errors), (2, 1));
    send(&mut state, Command::Search("g7".into()), &NOW);
    assert_eq!(state.runs.log.hits, [0, 1]);
    send(&mut state, Command::Hit(-1), &NOW);
    assert_eq!(state.runs.log.hit, 1, "around the end");
    send(&mut state, Command::Follow(true), &NOW);
    send(&mut state, Command::FirstError, &NOW);
    assert_eq!(state.runs.log.goto.map(|g| g.0), Some(1));
    assert!(!state.runs.log.follow, "led away from the end");
    send(&mut state, Command::OnlyFrom(Level::Error), &NOW);
    assert_eq!(state.runs.log.shown(), Some(vec![1]));
}

#[test]
fn cancelling_an_own_run_ends_its_job_and_marks_it() {
    let mut state = state();
    let mut run = failed("dddd", 4);
    run.state = RunState::Running;
    let began = Event::Began { key: "k".into(), run: Arc::new(run), already: false };
    event(&mut state, began, &Cx { clock: &NOW });
    assert_eq!(state.runs.run, Some("dddd".into()), "what was just started is shown");
    let effects = send(&mut state, Command::Cancel("dddd".into()), &NOW);
    assert_eq!(jobs(&effects), ["runs.cancel:dddd"]);
    assert!(effects.iter().any(|e| matches!(e, Effect::Cancel(k) if k == "run:dddd")));
    assert!(find(&state, &"dddd".into()).unwrap().cancelling);
}

use super::*;
use crate::{
    app::{Command as AnyCommand, connections, dispatch::dispatch, shell::Page},
    base::time::FixedClock,
    model::{
        connect::{Act, Capabilities, Connection, Environment, System},
        pipeline::{Param, ParamKind},
        run::{TaskState, Trigger, tests as sample},
    },
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
    let connection = LOCAL.to_owned();
    Entry {
        name: name.to_owned(),
        connection,
        remote: None,
        source,
        pipeline: Some(Arc::new(p)),
        error: None,
        exists: true,
    }
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

/// A log of lines of which the last is an error.
fn log_text(lines: u64) -> String {
    use crate::model::run::Level;
    let line = |n: u64| {
        if n + 1 == lines {
            LogLine::new(NOW.0, Level::Error, "stderr", "ValueError: g7 unit")
        } else {
            LogLine::new(NOW.0, Level::Info, "stdout", format!("row {n} of G7"))
        }
    };
    (0..lines).map(|n| line(n).to_text() + "\n").collect()
}

#[test]
fn a_log_is_read_by_pages_and_searched() {
    use crate::model::run::{Level, logindex::parse_lines};
    let mut state = state();
    let mut run = failed("bbbb", 2);
    run.tasks[1].attempts = vec![sample::attempt(1, 1, TaskState::Failed, 1, 2)];
    event(&mut state, Event::Changed(Arc::new(run)), &Cx { clock: &NOW });
    let effects = send(&mut state, Command::OpenLog { task: "clean".into(), attempt: None }, &NOW);
    assert_eq!((jobs(&effects), state.runs.tab), (vec!["runs.log"], Tab::Log));
    let id = state.runs.log.id().unwrap();
    // The first error is asked for before it is found.
    send(&mut state, Command::FirstError, &NOW);
    assert_eq!(state.runs.log.goto, None);
    let text = log_text(100_000);
    let mut index = LogIndex::default();
    let mut tell = |state: &mut AppState, to: usize, complete| {
        let done = usize::try_from(index.bytes).unwrap();
        index.feed(&text.as_bytes()[done..to]);
        let news = Event::LogIndex { id: id.clone(), index: Arc::new(index.clone()), complete };
        event(state, news, &Cx { clock: &NOW })
    };
    tell(&mut state, 9_000, false);
    assert!(state.runs.log.rows() > 100);
    tell(&mut state, text.len(), true);
    assert_eq!((state.runs.log.rows(), state.runs.log.index.errors), (100_000, 1));
    assert_eq!(state.runs.log.goto.map(|g| g.0), Some(99_999));
    assert!(!state.runs.log.follow, "led away from the end");
    // What is in sight is asked for once, and memory does not grow with what was seen.
    for from in (0..100_000).step_by(300) {
        let pages = state.runs.log.missing(from, from + 50);
        let effects = send(&mut state, Command::NeedLog(pages), &NOW);
        let Some(Effect::Start(job)) = effects.first() else { continue };
        assert!(state.runs.log.missing(from, from + 50).is_empty(), "asked for already");
        let crate::app::Task::Runs(Task::LogPages { id, pages }) = &job.task else { panic!("{job:?}") };
        let read = |(p, a, b): &(u64, u64, u64)| (*p, parse_lines(&text.as_bytes()[*a as usize..*b as usize]));
        let news = Event::LogPages { id: id.clone(), pages: pages.iter().map(read).collect() };
        event(&mut state, news, &Cx { clock: &NOW });
        assert_eq!(state.runs.log.line(from).unwrap().text, format!("row {from} of G7"));
    }
    assert!(state.runs.log.in_memory() < 20_000);
    let effects = send(&mut state, Command::Search("g7".into()), &NOW);
    assert_eq!(jobs(&effects), ["runs.log.search"]);
    let found = |from, hits: &[u64], next, done| Event::LogHits {
        id: id.clone(),
        search: "g7".into(),
        from,
        hits: hits.to_vec(),
        total: hits.len() as u64,
        next,
        done,
    };
    event(&mut state, found(0, &[0, 1], (40, 2), false), &Cx { clock: &NOW });
    event(&mut state, found(0, &[0, 1], (40, 2), false), &Cx { clock: &NOW });
    event(&mut state, found(40, &[99_999], (text.len() as u64, 100_000), true), &Cx { clock: &NOW });
    assert_eq!((state.runs.log.hits.as_slice(), state.runs.log.hits_total), (&[0, 1, 99_999][..], 3));
    send(&mut state, Command::Hit(-1), &NOW);
    assert_eq!(state.runs.log.hit, 2, "around the end");
    send(&mut state, Command::OnlyFrom(Level::Error), &NOW);
    assert_eq!(state.runs.log.shown, Some(vec![99_999]));
    send(&mut state, Command::GoLine(5), &NOW);
    assert_eq!(state.runs.log.shown, None, "a line that is not shown brings all lines back");
}

/// Milliseconds until the log of a hundred megabytes shows its first lines, and until all of it is known.
#[test]
fn a_log_of_any_length_opens_at_once_and_is_found_in() {
    use crate::{
        app::{env::NoWaker, host::Host},
        base::time::SystemClock,
        engine::{dirs::Dirs, store::log_path},
    };
    use std::{fs, time::Duration};
    let megabytes: u64 = std::env::var("ANDON_LOG_MB").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let (dir, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut host = Host::new(Dirs::below(home.path()), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    host.send(workspace::Command::Open(dir.path().to_path_buf()));
    assert!(host.settle(Duration::from_secs(20)));
    let mut run = failed("bbbb", 2);
    run.tasks[1].attempts = vec![sample::attempt(1, 1, TaskState::Failed, 1, 2)];
    let clock = SystemClock;
    event(&mut host.state, Event::Changed(Arc::new(run)), &Cx { clock: &clock });
    let path = dir.path().join(log_path(&"bbbb".into(), "clean", 1));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let lines = megabytes * 1024 * 1024 / 54;
    fs::write(&path, log_text(lines)).unwrap();
    let begun = std::time::Instant::now();
    host.send(Command::SelectRun("bbbb".into()));
    host.send(Command::OpenLog { task: "clean".into(), attempt: None });
    let until = |host: &mut Host, what: &str, ok: &dyn Fn(&LogView) -> bool| {
        while !ok(&host.state.runs.log) {
            assert!(begun.elapsed() < Duration::from_mins(2), "{what}");
            host.settle(Duration::from_millis(5));
        }
        begun.elapsed()
    };
    let first = until(&mut host, "first lines", &|l| l.rows() > 100);
    host.send(Command::NeedLog(vec![0]));
    let seen = until(&mut host, "the first page", &|l| l.line(0).is_some());
    let all = until(&mut host, "the end", &|l| l.complete);
    assert_eq!(host.state.runs.log.rows(), lines);
    host.send(Command::Search("VALUEERROR".into()));
    let found = until(&mut host, "the hit", &|l| l.hits == [lines - 1]);
    eprintln!("log of {megabytes} MB: first {first:?}, page {seen:?}, all {all:?}, found {found:?}");
    assert!(host.state.runs.log.in_memory() < 20_000);
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

/// A connected Airflow that has a pipeline of the same name as one of the folder.
fn connected(environment: Environment) -> AppState {
    let mut state = state();
    let to = Connection { environment, ..Connection::new("air", System::Airflow, "http://h:1").unwrap() };
    let mut run = failed("cccc", 7);
    (run.connection, run.pipeline, run.remote_id) = ("air".to_owned(), "nightly".to_owned(), Some("r7".to_owned()));
    state.workspace.config.connections = vec![to];
    let pipelines = vec![RemotePipeline { name: "nightly".into(), ..RemotePipeline::default() }];
    let looked = connections::Event::Looked {
        name: "air".into(),
        health: Box::default(),
        pipelines: Some(pipelines),
        can: Capabilities::all(),
        secret: true,
    };
    connections::event(&mut state, looked, &Cx { clock: &NOW });
    event(&mut state, Event::Runs(vec![run]), &Cx { clock: &NOW });
    state
}

fn sent(effects: &[Effect]) -> Option<(String, Ask, bool)> {
    effects.iter().find_map(|e| match e {
        Effect::Start(job) => match &job.task {
            crate::app::Task::Runs(Task::Send { connection, ask, sure, .. }) => {
                Some((connection.clone(), (**ask).clone(), *sure))
            }
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn pipelines_of_one_name_in_two_systems_are_two() {
    let state = connected(Environment::None);
    assert_eq!(latest(&state, "nightly").map(|r| r.id.0.as_str()), Some("bbbb"));
    assert_eq!(latest(&state, "nightly@air").map(|r| r.id.0.as_str()), Some("cccc"));
    let entry = state.runs.entry("nightly@air").unwrap();
    assert_eq!((entry.title(), entry.is_local()), ("nightly", false));
    assert_eq!(state.runs.entries.len(), 3);
}

#[test]
fn a_rerun_goes_where_the_run_ran_and_a_second_click_nowhere() {
    let mut state = connected(Environment::None);
    let effects = send(&mut state, Command::RerunFailed(RunId::from("cccc")), &at(0));
    let (connection, ask, sure) = sent(&effects).unwrap();
    assert_eq!((connection.as_str(), sure), ("air", false), "the preview decides whether it is asked about");
    assert!(matches!(ask, Ask::Rerun { scope: Scope::Failed, .. }), "{ask:?}");
    assert!(send(&mut state, Command::RerunFailed(RunId::from("cccc")), &at(0)).is_empty());
    let local = send(&mut state, Command::RerunFailed(RunId::from("bbbb")), &at(5));
    assert!(sent(&local).is_none() && !local.is_empty(), "that of the folder runs here");
}

#[test]
fn the_dialog_asks_the_system_and_sends_only_what_was_seen() {
    let mut state = connected(Environment::Prod);
    let run = RunId::from("cccc");
    let effects = send(&mut state, Command::AskRerun { run: run.clone(), scope: Scope::Failed }, &at(0));
    assert_eq!(jobs(&effects), ["runs.preview"]);
    assert!(sent(&send(&mut state, Command::Confirm, &at(0))).is_none(), "nothing was seen yet");
    let preview =
        Preview { tasks: vec!["clean".into()], instances: 30, stay: Vec::new(), asked: true, notes: Vec::new() };
    let previewed = |scope| Event::Previewed { run: run.clone(), scope, result: Box::new(Ok(preview.clone())) };
    event(&mut state, previewed(Scope::All), &Cx { clock: &NOW });
    assert!(sent(&send(&mut state, Command::Confirm, &at(1))).is_none(), "an answer about something else");
    event(&mut state, previewed(Scope::Failed), &Cx { clock: &NOW });
    let (_, _, sure) = sent(&send(&mut state, Command::Confirm, &at(2))).unwrap();
    assert!(sure);
    // What the system says is a lot comes back as a question.
    let unsure = Event::Unsure { key: "k".into(), run, scope: Scope::Failed, preview: Box::new(preview) };
    assert!(event(&mut state, unsure, &Cx { clock: &NOW }).is_empty(), "it is not asked twice");
    assert!(
        matches!(&state.runs.dialog, Some(Dialog::Rerun(d)) if matches!(&d.preview, Some(Ok(p)) if p.instances == 30))
    );
}

#[test]
fn a_connection_that_may_only_read_refuses_and_says_why() {
    let mut state = connected(Environment::None);
    state.connections.news.get_mut("air").unwrap().can = Capabilities::all().reading("it is set to read only");
    let effects = send(&mut state, Command::RerunFailed(RunId::from("cccc")), &at(0));
    assert!(sent(&effects).is_none());
    assert!(matches!(&effects[..], [Effect::Notice(n)] if n.title.contains("read only")), "{effects:?}");
    state.workspace.trusted = false;
    assert!(refusal(&state, "air", Act::Cancel).unwrap().contains("not trusted"));
    assert_eq!(refusal(&state, LOCAL, Act::Cancel), None);
}

#[test]
fn a_launch_elsewhere_is_sent_at_once_or_asked_about_in_production() {
    let mut state = connected(Environment::None);
    let effects = send(&mut state, Command::Run("nightly@air".into()), &at(0));
    assert!(matches!(sent(&effects), Some((_, Ask::Trigger { pipeline, .. }, true)) if pipeline == "nightly"));
    let mut state = connected(Environment::Prod);
    let effects = send(&mut state, Command::Run("nightly@air".into()), &at(0));
    assert_eq!(jobs(&effects), ["runs.params"]);
    let param = Param { name: "n".into(), kind: ParamKind::Int, default: 5.into(), choices: Vec::new(), help: None };
    let fields = vec![Field { text: "5".into(), param, error: None }];
    let asked = Event::Asked { connection: "air".into(), pipeline: "nightly".into(), result: Box::new(Ok(fields)) };
    event(&mut state, asked, &Cx { clock: &NOW });
    send(&mut state, Command::SetField { name: "n".into(), text: "25".into() }, &at(1));
    match sent(&send(&mut state, Command::Confirm, &at(2))) {
        Some((_, Ask::Trigger { params, .. }, _)) => assert_eq!(params.get("n"), Some(&25.into())),
        other => panic!("{other:?}"),
    }
}

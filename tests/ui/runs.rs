//! The runs page: what stands on it and what keys and clicks send.
use std::sync::Arc;

use andon::{
    app::{
        AppState, Command as AnyCommand, Cx,
        runs::{self, Command, Detail, Dialog, Entry, Event, MetricRow, Tab},
        shell::Page,
    },
    base::time::FixedClock,
    model::{
        pipeline::Pipeline,
        run::{
            Level, LogLine, Run,
            logindex::{LogIndex, parse_lines},
        },
    },
};
use egui::Key;
use egui_kittest::{Harness, kittest::Queryable};

use crate::support::{Stage, morning, stage, stage_with};

const FILE: &str = "name = 'nightly'\nschedule = 'daily 05:40'\n[params]\nday = 2026-11-16\nstrict = true\n\
    [[task]]\nid = 'extract'\nkind = 'command'\nrun = 'true'\n\
    [[task]]\nid = 'clean'\nkind = 'command'\nrun = 'true'\nafter = ['extract']\n\
    [[task]]\nid = 'report'\nkind = 'command'\nrun = 'true'\nafter = ['clean']\n";

fn attempt(number: u32, state: &str, from: &str, to: &str) -> serde_json::Value {
    serde_json::json!({
        "number": number, "round": 1, "state": state, "queued_at": from, "started_at": from, "ended_at": to,
        "exit_code": 1, "error": null, "log": ".andon/runs/x/clean.1.log", "log_lines": 3, "first_error": 2,
        "artifact": null, "kernel": null, "commit": null,
    })
}

fn run(id: &str, number: u64, ok: bool) -> Run {
    let (state, clean, report) =
        if ok { ("success", "success", "success") } else { ("failed", "failed", "upstream_failed") };
    let day = format!("2026-11-{:02}", number + 10);
    let at = |clock: &str| format!("{day}T{clock}Z");
    let task = |name: &str, after: &[&str], state: &str, attempts: Vec<serde_json::Value>| {
        serde_json::json!({
            "id": name, "kind": "command", "state": state, "after": after, "retry_at": null, "max_attempts": 1,
            "error": if state == "failed" { Some("ValueError: bad unit") } else { None }, "attempts": attempts,
        })
    };
    let tasks = vec![
        task("extract", &[], "success", vec![attempt(1, "success", &at("05:40:00"), &at("05:42:00"))]),
        task("clean", &["extract"], clean, vec![attempt(1, clean, &at("05:42:00"), &at("05:50:00"))]),
        task(
            "report",
            &["clean"],
            report,
            if ok { vec![attempt(1, "success", &at("05:50:00"), &at("05:51:00"))] } else { vec![] },
        ),
    ];
    let value = serde_json::json!({
        "id": id, "number": number, "connection": "local", "remote_id": null, "pipeline": "nightly",
        "source": "pipelines/nightly.toml", "kind": "pipeline", "trigger": "cli", "state": state, "round": 1,
        "queued_at": at("05:40:00"), "started_at": at("05:40:00"), "ended_at": at("05:51:00"), "data_time": day,
        "params": { "day": day, "strict": true }, "record": {}, "note": null, "tasks": tasks,
        "error": if ok { None } else { Some("clean: ValueError: bad unit") },
    });
    serde_json::from_value(value).unwrap()
}

fn state() -> AppState {
    let mut state = AppState::default();
    state.workspace.root = Some("/workspace".into());
    state.workspace.name = "test".into();
    state.workspace.trusted = true;
    state.shell.page = Page::Runs;
    state.shell.focused = true;
    let pipeline = Pipeline::parse("pipelines/nightly.toml", FILE).unwrap();
    let entry = Entry {
        connection: "local".to_owned(),
        remote: None,
        name: "nightly".into(),
        source: "pipelines/nightly.toml".into(),
        pipeline: Some(Arc::new(pipeline)),
        error: None,
        exists: true,
    };
    let broken = Entry {
        connection: "local".to_owned(),
        remote: None,
        name: "broken".into(),
        source: "pipelines/broken.toml".into(),
        pipeline: None,
        error: Some(
            andon::base::Error::config("pipelines/broken.toml, line 3: unknown key `retires`")
                .hint("Did you mean `retries`?"),
        ),
        exists: true,
    };
    let runs = vec![run("bbbbbbbb", 2, false), run("aaaaaaaa", 1, true)];
    apply(&mut state, Event::Loaded { entries: vec![broken, entry], runs, notice: None });
    let (last, this) = (run("aaaaaaaa", 1, true), run("bbbbbbbb", 2, false));
    let row = MetricRow {
        task: "clean".into(),
        name: "rows".into(),
        unit: Some("rows".into()),
        before: Some(18_904.0),
        now: Some(18_732.0),
        series: vec![Some(18_904.0), Some(18_732.0)],
    };
    apply(
        &mut state,
        Event::Detail(Box::new(Detail {
            run: this.id.clone(),
            round: 1,
            state: this.state,
            changes: andon::model::run::what_changed(&last, &this),
            last_success: Some(Arc::new(last)),
            commits: Vec::new(),
            metrics: vec![row],
            code: FILE.into(),
        })),
    );
    state
}

fn apply(state: &mut AppState, event: Event) {
    let clock = FixedClock(morning());
    runs::event(state, event, &Cx { clock: &clock });
}

fn sent(harness: &Harness<'_, Stage>) -> Vec<Command> {
    let of_runs = |c: &AnyCommand| if let AnyCommand::Runs(c) = c { Some(c.clone()) } else { None };
    harness.state().sent.iter().filter_map(of_runs).collect()
}

#[test]
fn the_failed_run_stands_open_with_its_error_and_one_filled_button() {
    for theme in [andon::ui::theme::Theme::dark(), andon::ui::theme::Theme::light()] {
        let mut h = stage_with(state(), theme, egui::vec2(1440.0, 900.0));
        h.get_by_label("ValueError: bad unit");
        h.get_by_label("What changed since the last success");
        h.get_by_label("Parameter day");
        h.get_by_label("18,904");
        h.get_by_label("Run #1, Success");
        h.get_by_label("clean over time, failed");
        h.get_by_label("Rerun failed: 2 tasks").click();
        h.run_steps(2);
        assert_eq!(sent(&h), [Command::RerunFailed("bbbbbbbb".into())]);
        // The job was started once and a second click starts nothing.
        h.get_by_label("Rerun failed: 2 tasks").click();
        h.run_steps(2);
        let starts = |e: &&andon::app::Effect| matches!(e, andon::app::Effect::Start(j) if j.key == "run:bbbbbbbb");
        assert_eq!(h.state().effects.iter().filter(starts).count(), 1);
    }
}

#[test]
fn arrows_walk_and_enter_opens_the_log() {
    let mut h = stage(state());
    h.key_press(Key::ArrowLeft);
    h.run_steps(2);
    assert_eq!(h.state().state.runs.run, Some("aaaaaaaa".into()));
    h.key_press(Key::ArrowDown);
    h.run_steps(2);
    assert_eq!(h.state().state.runs.task.as_deref(), Some("report"));
    h.key_press(Key::L);
    h.run_steps(2);
    assert_eq!(h.state().state.runs.tab, Tab::Log);
    h.get_by_label("Log of report");
    h.key_press(Key::Escape);
    h.run_steps(2);
    assert_eq!(h.state().state.runs.tab, Tab::Grid);
}

#[test]
fn the_log_leads_to_the_first_error_and_finds_text() {
    let mut s = state();
    let clock = FixedClock(morning());
    runs::command(&mut s, Command::OpenLog { task: "clean".into(), attempt: None }, &Cx { clock: &clock });
    let line = |level, n: u32| LogLine {
        at: Some(morning()),
        level,
        source: "stdout".into(),
        text: if level == Level::Error { "ValueError: bad unit".into() } else { format!("row {n} of G7") },
    };
    let mut lines: Vec<LogLine> = (0..500).map(|n| line(Level::Info, n)).collect();
    lines[400] = line(Level::Error, 400);
    let text: String = lines.iter().map(|l| l.to_text() + "\n").collect();
    let mut index = LogIndex::default();
    index.feed(text.as_bytes());
    let id = s.runs.log.id().unwrap();
    let page = |n: u64| {
        let (from, to, _) = index.page(n).unwrap();
        (n, parse_lines(&text.as_bytes()[from as usize..to as usize]))
    };
    let pages = vec![page(0), page(1)];
    let index = std::sync::Arc::new(index.clone());
    apply(&mut s, Event::LogIndex { id: id.clone(), index, complete: true });
    apply(&mut s, Event::LogPages { id: id.clone(), pages });
    let mut h = stage(s);
    h.get_by_label("row 3 of G7");
    assert!(h.query_by_label("row 300 of G7").is_none(), "only what is in sight is laid out");
    h.key_press(Key::E);
    h.run_steps(3);
    h.get_by_label("ValueError: bad unit");
    h.get_by_label("row 399 of G7");
    h.get_by_role_and_label(egui::accesskit::Role::TextInput, "Search in the log").focus();
    h.run_steps(1);
    h.get_by_role_and_label(egui::accesskit::Role::TextInput, "Search in the log").type_text("row 77 ");
    h.run_steps(3);
    assert_eq!(h.state().state.runs.log.search, "row 77 ");
    let search = "row 77 ".to_owned();
    let hits = vec![77];
    let found = Event::LogHits { id, search, from: 0, hits, total: 1, next: (9_000, 500), done: true };
    apply(&mut h.state_mut().state, found);
    h.run_steps(3);
    h.get_by_label("row 77 of G7");
    h.get_by_label("1 of 1");
}

#[test]
fn parameters_are_asked_by_their_type_and_a_wrong_one_is_marked() {
    let mut h = stage(state());
    h.get_by_label("Run the pipeline").click();
    h.run_steps(3);
    h.get_by_role_and_label(egui::accesskit::Role::Switch, "true").click();
    h.run_steps(2);
    let Some(Dialog::Run(d)) = &h.state().state.runs.dialog else { panic!("no dialog") };
    assert_eq!(
        (d.fields[0].text.as_str(), d.fields[1].text.as_str()),
        ("2026-11-12", "false"),
        "values of the run one looks at"
    );
    h.get_by_role_and_label(egui::accesskit::Role::TextInput, "day").focus();
    h.run_steps(2);
    h.get_by_role_and_label(egui::accesskit::Role::TextInput, "day").type_text("x");
    h.run_steps(3);
    h.get_by_label_contains("day must be a date");
    h.key_press(Key::Escape);
    h.run_steps(3);
    assert!(h.state().state.runs.dialog.is_none());
}

#[test]
fn the_rerun_dialog_shows_what_stays_and_what_runs() {
    let mut h = stage(state());
    h.get_by_label("Choose what to rerun").click();
    h.run_steps(3);
    h.get_by_label("failed, runs as try 2");
    h.get_by_label("success, stays");
    h.get_by_role_and_label(egui::accesskit::Role::ListItem, "Whole run again").click();
    h.run_steps(3);
    h.get_by_label("Rerun 3 tasks in local").click();
    h.run_steps(2);
    assert_eq!(sent(&h).last(), Some(&Command::Confirm));
    let all =
        |e: &andon::app::Effect| matches!(e, andon::app::Effect::Start(j) if j.title.contains("Rerunning 3 tasks"));
    assert!(h.state().effects.iter().any(all));
}

#[test]
fn a_file_with_an_error_says_so_in_its_place() {
    let mut h = stage(state());
    h.get_by_label("broken, never ran").click();
    h.run_steps(3);
    h.get_by_label("pipelines/broken.toml, line 3: unknown key `retires`");
    h.get_by_label("Did you mean `retries`?");
}

#[test]
fn a_narrow_window_puts_the_gantt_behind_the_switch() {
    let mut h = stage_with(state(), andon::ui::theme::Theme::dark(), egui::vec2(1024.0, 700.0));
    assert!(h.query_by_label("Tasks over time").is_none());
    h.get_by_label("Gantt").click();
    h.run_steps(3);
    h.get_by_label("Tasks over time");
}

#[test]
fn durations_and_the_calendar_stand_beside_the_grid() {
    for size in [egui::vec2(1440.0, 900.0), egui::vec2(1024.0, 700.0)] {
        let mut h = stage_with(state(), andon::ui::theme::Theme::dark(), size);
        h.get_by_role_and_label(egui::accesskit::Role::RadioButton, "Durations").click();
        h.run_steps(3);
        h.get_by_label_contains("Whole run: median");
        h.get_by_label_contains("extract: median").click();
        h.run_steps(3);
        h.get_by_label("Durations of extract");
        h.get_by_label_contains("Control limits need 8 successes");
        h.get_by_role_and_label(egui::accesskit::Role::RadioButton, "Calendar").click();
        h.run_steps(3);
        h.get_by_label("11 November, 1 run").click();
        h.run_steps(3);
        assert_eq!(h.state().state.runs.run, Some("aaaaaaaa".into()));
        h.get_by_label("12 November, 1 run, 1 failed");
    }
}

#[test]
fn what_changed_leads_to_the_review() {
    use andon::{app::review, model::git::Rev};
    let commit = |id: &str, day: u32| andon::model::run::Commit {
        id: format!("{id}{}", "0".repeat(33)),
        summary: format!("Change {id}"),
        author: "Mara Okafor".into(),
        at: format!("2026-11-{day}T05:00:00Z").parse().unwrap(),
    };
    let (mut last, mut this) = (run("aaaaaaaa", 1, true), run("bbbbbbbb", 2, false));
    last.record.commit = Some(commit("1111111", 11));
    this.record.commit = Some(commit("2222222", 12));
    let mut s = state();
    apply(&mut s, Event::Changed(Arc::new(Run { round: 2, ..this.clone() })));
    apply(
        &mut s,
        Event::Detail(Box::new(Detail {
            run: this.id.clone(),
            round: 2,
            state: this.state,
            changes: andon::model::run::what_changed(&last, &this),
            last_success: Some(Arc::new(last.clone())),
            commits: vec![commit("2222222", 12), commit("1212121", 11)],
            metrics: Vec::new(),
            code: FILE.into(),
        })),
    );
    let mut h = stage(s);
    h.get_by_label("View diff: Commit ").click();
    h.run_steps(2);
    let at = |c: &Option<andon::model::run::Commit>| Rev::At(c.as_ref().unwrap().id.clone());
    let wanted = review::Command::Show { base: at(&last.record.commit), compare: at(&this.record.commit), path: None };
    assert!(h.state().sent.contains(&AnyCommand::Review(wanted)), "{:?}", h.state().sent);
}

#[test]
fn a_long_line_of_a_log_can_be_read_to_its_end() {
    let mut s = state();
    let clock = FixedClock(morning());
    runs::command(&mut s, Command::OpenLog { task: "clean".into(), attempt: None }, &Cx { clock: &clock });
    let words = "a long line ".repeat(60);
    let line = LogLine { at: Some(morning()), level: Level::Info, source: "stdout".into(), text: words.clone() };
    let text = line.to_text() + "\n";
    let mut index = LogIndex::default();
    index.feed(text.as_bytes());
    let id = s.runs.log.id().unwrap();
    let pages = vec![(0, parse_lines(text.as_bytes()))];
    apply(&mut s, Event::LogIndex { id: id.clone(), index: std::sync::Arc::new(index), complete: true });
    apply(&mut s, Event::LogPages { id, pages });
    let mut h = stage(s);
    h.run_steps(2);
    let left = |h: &Harness<'_, Stage>| h.get_by_label(words.as_str()).rect().left();
    let before = left(&h);
    h.key_press(Key::ArrowRight);
    h.run_steps(2);
    assert!(left(&h) < before, "the arrow scrolls it");
    let bar = h.get_by_label("Scroll what is cut at the right").rect();
    h.hover_at(bar.right_center() - egui::vec2(2.0, 0.0));
    h.event(egui::Event::PointerButton {
        pos: bar.right_center() - egui::vec2(2.0, 0.0),
        button: egui::PointerButton::Primary,
        pressed: true,
        modifiers: egui::Modifiers::NONE,
    });
    h.event(egui::Event::PointerButton {
        pos: bar.right_center() - egui::vec2(2.0, 0.0),
        button: egui::PointerButton::Primary,
        pressed: false,
        modifiers: egui::Modifiers::NONE,
    });
    h.run_steps(3);
    assert!(left(&h) < before - 500.0, "and the bar to its end");
}

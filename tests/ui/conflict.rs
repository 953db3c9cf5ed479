//! Deciding the conflicts of a merge, drawn without a display.
use std::sync::Arc;

use andon::{
    app::{
        AppState, Command as AnyCommand, Cx, Effect,
        conflict::{self, Command, Event, Sheet, Versions},
        shell::Page,
    },
    base::time::FixedClock,
    model::{
        git::{Head, Underway},
        merge::{Answer, Kept, Pick, Take, TextPlan},
        output,
        unmerged::{SideName, Situation, Unmerged},
    },
    ui::theme::Theme,
};
use egui::{Key, Modifiers};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};

use crate::support::{Stage, morning, stage, stage_with};

fn notebook(sources: &[String]) -> Vec<u8> {
    let cells: Vec<_> = sources
        .iter()
        .enumerate()
        .map(|(n, s)| {
            serde_json::json!({"cell_type": "code", "id": format!("c{n}"), "source": s, "metadata": {}, "outputs": [], "execution_count": null})
        })
        .collect();
    serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).to_string().into_bytes()
}

/// Three versions of a notebook whose cells from `from` on were changed by both sides.
fn versions(cells: usize, from: usize) -> Versions {
    let side = |n: u64| -> Option<Vec<u8>> {
        let text = |i: usize| {
            let limit = if i >= from { n } else { 0 };
            format!("frame_{i} = load_stations({i})\nlimit_{i} = {limit}\nframe_{i}.filter(limit_{i}).describe()")
        };
        Some(notebook(&(0..cells).map(text).collect::<Vec<_>>()))
    };
    Versions {
        base: side(1),
        ours: side(2),
        theirs: side(3),
        now: None,
        special: false,
        unmerged: true,
        ..Versions::default()
    }
}

fn state(path: &str, versions: Versions) -> AppState {
    state_with(path, versions, Vec::new())
}

fn state_with(path: &str, versions: Versions, kept: Vec<Kept>) -> AppState {
    let mut state = AppState::default();
    state.workspace.root = Some("/w".into());
    state.workspace.is_repo = true;
    state.workspace.trusted = true;
    state.git.loaded = true;
    state.git.status.head = Head::Branch { branch: "fix/units".into(), commit: "0".repeat(40) };
    state.shell.page = Page::Review;
    let clock = FixedClock(morning());
    let cx = Cx { clock: &clock };
    let name = |label: &str| SideName { label: label.into(), commit: None };
    let situation = Situation {
        underway: Underway::Merge,
        ours: name("fix/units"),
        theirs: name("main"),
        base: None,
        files: vec![Unmerged { path: path.into(), has: [true; 3] }],
        elsewhere: 0,
    };
    conflict::command(&mut state, Command::Open(Some(path.into())), &cx);
    conflict::event(&mut state, Event::Looked(Box::new(Ok((situation, Vec::new())))), &cx);
    let sheet = Ok(Arc::new(Sheet::new(path, versions)));
    conflict::event(&mut state, Event::Loaded { path: path.into(), result: Box::new(sheet), kept }, &cx);
    state
}

fn press(harness: &mut Harness<'_, Stage>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(3);
}

fn answer(harness: &Harness<'_, Stage>) -> (Answer, String) {
    let conflict = &harness.state().state.conflict;
    let entry = conflict.entry().unwrap();
    let answer = conflict.answer(entry).unwrap().clone();
    let text = answer.text(entry);
    (answer, text)
}

#[test]
fn a_conflict_is_decided_by_keys_alone_and_finish_waits_for_the_last() {
    for (theme, size) in [(Theme::dark(), (1440.0, 900.0)), (Theme::light(), (1024.0, 700.0))] {
        let mut harness = stage_with(state("n.ipynb", versions(4, 2)), theme, egui::vec2(size.0, size.1));
        harness.get_by_label("Merge main into fix/units");
        harness.get_by_label("Ours version");
        harness.get_by_label("Theirs version");
        let finish = |h: &Harness<'_, Stage>| !h.get_by_label("Finish merge").accesskit_node().is_disabled();
        assert!(!finish(&harness));
        press(&mut harness, Modifiers::NONE, Key::Num1);
        assert!(answer(&harness).1.contains("limit_2 = 2"));
        press(&mut harness, Modifiers::NONE, Key::Enter);
        assert_eq!(harness.state().state.conflict.focus, 1, "on to the next conflict");
        assert!(!finish(&harness));
        press(&mut harness, Modifiers::COMMAND, Key::S);
        assert!(!harness.state().state.conflict.finishing, "nothing is written before the last is decided");
        press(&mut harness, Modifiers::NONE, Key::Num4);
        assert!(answer(&harness).1.contains("limit_3 = 2\nlimit_3 = 3"));
        press(&mut harness, Modifiers::COMMAND, Key::Z);
        assert!(answer(&harness).1.contains("<<<<<<< ours"));
        press(&mut harness, Modifiers::NONE, Key::Num3);
        press(&mut harness, Modifiers::NONE, Key::Enter);
        assert!(finish(&harness));
        press(&mut harness, Modifiers::COMMAND, Key::S);
        let jobs = |e: &Effect| matches!(e, Effect::Start(job) if job.key == "conflict.finish");
        assert!(harness.state().effects.iter().any(jobs));
    }
}

#[test]
fn the_result_is_written_in_and_the_page_keeps_its_keys_out_of_it() {
    let mut harness = stage(state("n.ipynb", versions(3, 2)));
    press(&mut harness, Modifiers::NONE, Key::Num1);
    press(&mut harness, Modifiers::NONE, Key::E);
    harness.run_steps(3);
    harness.event(egui::Event::Text("12".into()));
    harness.run_steps(3);
    let (decided, text) = answer(&harness);
    assert!(text.contains("12") && decided.typed.is_some(), "{text}");
    press(&mut harness, Modifiers::NONE, Key::Num3);
    assert!(answer(&harness).1.contains("limit_2 = 2"), "a digit typed in the text takes no side");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.state().state.conflict.in_front, "Escape left the text only");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(!harness.state().state.conflict.in_front);
    // The comparison says that something waits, and leads back.
    harness.get_by_label_contains("1 file is in conflict");
    harness.get_by_label("Resolve conflicts").click();
    harness.run_steps(3);
    assert!(harness.state().state.conflict.in_front);
    assert!(answer(&harness).1.contains("12"), "what was written is still there");
}

#[test]
fn a_side_is_taken_by_a_click_and_buttons_do_as_they_say() {
    let mut harness = stage(state("n.ipynb", versions(4, 2)));
    harness.get_by_label("Take theirs").click();
    harness.run_steps(3);
    assert!(answer(&harness).1.contains("limit_2 = 3"));
    harness.get_by_label("Use result").click();
    harness.run_steps(3);
    harness.get_by_label("Take both").click();
    harness.run_steps(3);
    assert!(answer(&harness).1.contains("limit_3 = 2\nlimit_3 = 3"));
    harness.get_by_label("Abort the merge").click();
    harness.run_steps(3);
    harness.get_by_label_contains("is lost");
    let sent = |h: &Harness<'_, Stage>| h.state().sent.contains(&AnyCommand::Conflict(Command::Abort));
    assert!(!sent(&harness), "it asks first");
}

/// A text that both sides changed in two places.
fn two_places() -> Versions {
    let text = |a: &str, b: &str| Some(format!("one\n{a}\nthree\nfour\n{b}\n").into_bytes());
    Versions {
        base: text("two", "five"),
        ours: text("TWO", "5"),
        theirs: text("2", "V"),
        unmerged: true,
        ..Versions::default()
    }
}

#[test]
fn a_text_file_is_decided_by_its_lines() {
    let versions = two_places();
    let mut harness = stage(state("limits.toml", versions));
    harness.get_by_label_contains("Lines changed on both sides");
    harness.get_by_label("Line 5, both sides changed these lines, decide");
    press(&mut harness, Modifiers::NONE, Key::Num2);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().state.conflict.focus, 1);
    assert!(harness.query_by_label_contains("on a fresh kernel").is_none());
}

#[test]
fn nothing_to_decide_says_what_stands_here_and_a_thousand_cells_draw_what_is_seen() {
    let mut empty = AppState::default();
    empty.workspace.root = Some("/w".into());
    empty.git.loaded = true;
    empty.git.status.head = Head::Branch { branch: "main".into(), commit: "0".repeat(40) };
    empty.shell.page = Page::Review;
    empty.conflict.in_front = true;
    empty.conflict.loaded = true;
    let mut harness = stage(empty);
    harness.get_by_label_contains("Nothing to decide");
    harness.get_by_label("Back to the comparison").click();
    harness.run_steps(3);
    assert!(!harness.state().state.conflict.in_front);

    let mut harness = stage(state("n.ipynb", versions(1_000, 0)));
    assert_eq!(harness.state().state.conflict.entries().len(), 1_000);
    let rows = |h: &Harness<'_, Stage>| h.query_all_by_label_contains("both changed the same lines").count();
    assert!((5..60).contains(&rows(&harness)), "{} rows", rows(&harness));
    for _ in 0..3 {
        press(&mut harness, Modifiers::NONE, Key::P);
    }
    assert_eq!(harness.state().state.conflict.focus, 997);
    harness.get_by_label("Cell 998, both changed the same lines, decide");
}

#[test]
fn each_value_of_metadata_is_chosen_by_mouse_and_by_keys() {
    let side = |n: u64, kernel: &str| {
        let cell = serde_json::json!({"cell_type": "code", "id": "a", "source": "x = 1", "outputs": [], "execution_count": null,
            "metadata": {"deck": {"status": n, "step": n}, "same": 1}});
        let all = serde_json::json!({"cells": [cell], "metadata": {"kernelspec": {"name": kernel}}, "nbformat": 4, "nbformat_minor": 5});
        Some(all.to_string().into_bytes())
    };
    let versions = Versions {
        base: side(1, "py"),
        ours: side(2, "julia"),
        theirs: side(3, "r"),
        now: None,
        special: false,
        unmerged: true,
        ..Versions::default()
    };
    for (theme, size) in [(Theme::dark(), (1440.0, 900.0)), (Theme::light(), (1024.0, 700.0))] {
        let mut harness = stage_with(state("n.ipynb", versions.clone()), theme, egui::vec2(size.0, size.1));
        harness.get_by_label("deck.status, ours: 2").click();
        harness.run_steps(3);
        let metadata = answer(&harness).0.metadata;
        assert_eq!((metadata.of("deck.status"), metadata.of("deck.step")), (Some(Take::Local), None));
        harness.get_by_label_contains("1 of 2 to choose");
        let enabled = |h: &Harness<'_, Stage>| !h.get_by_label("Use result").accesskit_node().is_disabled();
        assert!(!enabled(&harness));
        harness.get_by_label("deck.step, theirs: 3").focus();
        harness.run_steps(2);
        press(&mut harness, Modifiers::NONE, Key::Space);
        let metadata = answer(&harness).0.metadata;
        assert_eq!((metadata.of("deck.status"), metadata.of("deck.step")), (Some(Take::Local), Some(Take::Remote)));
        assert!(enabled(&harness));
        harness.get_by_label("All theirs").click();
        harness.run_steps(3);
        assert_eq!(answer(&harness).0.metadata.of("deck.status"), Some(Take::Remote));
        harness.get_by_label("Use result").click();
        harness.run_steps(3);
        // What stands around the cells, by its own value.
        assert_eq!(harness.state().state.conflict.entry().unwrap().place, "Notebook");
        harness.get_by_label("kernelspec.name, base: \"py\"").click();
        harness.run_steps(3);
        assert_eq!(answer(&harness).0.metadata.of("metadata.kernelspec.name"), Some(Take::Base));
    }
}

#[test]
fn a_text_somebody_began_to_decide_says_so_and_offers_both_ways() {
    let text = |a: &str, b: &str| format!("one\n{a}\nthree\nfour\n{b}\n");
    let now = "one\nby hand\nthree\nfour\n<<<<<<< HEAD\n5\n=======\nV\n>>>>>>> main\n";
    let versions = Versions {
        base: Some(text("two", "five").into_bytes()),
        ours: Some(text("TWO", "5").into_bytes()),
        theirs: Some(text("2", "V").into_bytes()),
        now: Some(now.as_bytes().to_vec()),
        special: false,
        unmerged: true,
        ..Versions::default()
    };
    for (theme, size) in [(Theme::dark(), (1440.0, 900.0)), (Theme::light(), (1024.0, 700.0))] {
        let mut harness = stage_with(state("t.txt", versions.clone()), theme, egui::vec2(size.0, size.1));
        harness.get_by_label_contains("1 place is still between marks");
        assert_eq!(harness.state().state.conflict.entries().len(), 1);
        harness.get_by_label("The two versions anew").click();
        harness.run_steps(3);
        assert!(harness.state().sent.contains(&AnyCommand::Conflict(Command::Anew(true))));
    }
}

#[test]
fn decisions_of_an_earlier_time_are_named_used_and_forgotten() {
    let versions = two_places();
    let plan = TextPlan::new("two", "TWO", "2");
    let mut decided = Answer::new(&plan.entries[0]);
    decided.pick(&plan.entries[0], Pick::Both);
    let answers = [(plan.entries[0].at, decided)].into();
    let kept = Kept::new(("t.txt", 7), &plan.entries, (&answers, &Default::default()), morning()).unwrap();
    for (theme, size) in [(Theme::dark(), (1440.0, 900.0)), (Theme::light(), (1024.0, 700.0))] {
        let state = state_with("t.txt", versions.clone(), vec![kept.clone()]);
        let mut harness = stage_with(state, theme, egui::vec2(size.0, size.1));
        harness.get_by_label_contains("about other versions of this file, and not used");
        assert!(answer(&harness).1.contains("<<<<<<< ours"));
        harness.get_by_label("Use the one that fits").click();
        harness.run_steps(3);
        assert_eq!(answer(&harness).1, "TWO\n2");
        assert!(!answer(&harness).0.used, "a person looks at it once more");
        assert!(harness.query_by_label("Use the one that fits").is_none());
        harness.get_by_label("Forget them").click();
        harness.run_steps(3);
        assert!(harness.query_by_label_contains("about other versions of this file").is_none());
    }
}

#[test]
fn a_run_shows_what_it_does_and_puts_out_and_can_be_stopped() {
    let mut state = state("n.ipynb", versions(4, 2));
    let mark = state.conflict.sheet.as_ref().unwrap().mark;
    let at = state.conflict.entry().unwrap().at;
    let outputs = output::view([r#"{"output_type": "stream", "name": "stdout", "text": ["row 41\\n"]}"#]);
    state.conflict.running = Some(conflict::Running {
        of: (mark, at),
        alone: false,
        step: "Running this cell, after all above it".into(),
        outputs: Some(Arc::new(outputs)),
        stopping: false,
    });
    for (theme, size) in [(Theme::dark(), (1440.0, 900.0)), (Theme::light(), (1024.0, 700.0))] {
        let mut other = AppState::default();
        std::mem::swap(&mut other, &mut state);
        let mut harness = stage_with(other, theme, egui::vec2(size.0, size.1));
        harness.get_by_label_contains("Running this cell, after all above it");
        harness.get_by_label_contains("row 41");
        press(&mut harness, Modifiers::NONE, Key::N);
        assert!(harness.query_by_label("Stop").is_none(), "another cell does not run");
        press(&mut harness, Modifiers::NONE, Key::P);
        harness.get_by_label("Stop").click();
        harness.run_steps(3);
        assert!(harness.state().sent.contains(&AnyCommand::Conflict(Command::CancelRun)));
        assert!(harness.get_by_label("Stop").accesskit_node().is_disabled());
        std::mem::swap(&mut harness.state_mut().state, &mut state);
        state.conflict.running.as_mut().unwrap().stopping = false;
    }
}

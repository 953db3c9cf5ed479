//! Comments, suggestions and approvals on the review page, in the whole window without a display.
use std::{fmt::Write as _, sync::Arc, time::Instant};

use andon::{
    app::{
        AppState, Cx, Effect, Task, board,
        review::{self, Listed, threads},
        shell::Page,
    },
    base::time::FixedClock,
    model::{
        board::Board,
        diff::compare_files,
        git::{Change, ChangedFile, ChangedFiles, Head, Rev},
        ledger::{Projection, Stamper},
        review::At,
    },
    ui::theme::Theme,
};
use egui::{Key, Modifiers};
use egui_kittest::{Harness, kittest::Queryable};

use crate::support::{self, Stage, stage, stage_with};

pub fn notebook(sources: &[String]) -> Vec<u8> {
    let cells: Vec<_> = sources
        .iter()
        .map(|s| serde_json::json!({"cell_type": "code", "source": s, "metadata": {}, "outputs": [], "execution_count": 1}))
        .collect();
    serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).to_string().into_bytes()
}

/// The review page on one file; the ledger is read and empty, git knows Ines Duarte.
pub fn reviewing(path: &str, old: Vec<u8>, new: Vec<u8>) -> AppState {
    let clock = FixedClock(support::morning());
    let cx = Cx { clock: &clock };
    let mut state = AppState::default();
    state.workspace.root = Some("/w".into());
    state.workspace.name = "flights-weather".into();
    state.shell.page = Page::Review;
    state.git.loaded = true;
    state.git.status.head = Head::Branch { branch: "main".into(), commit: "0".repeat(40) };
    let snapshot = board::Snapshot {
        projection: Projection::default(),
        board: Board::default(),
        log: Vec::new(),
        damage: Vec::new(),
        pending: 0,
        figures: Arc::default(),
        unsent: Some(board::Unsent::default()),
        stamper: Stamper::new("me".into(), "Ines Duarte"),
        steps: Vec::new(),
        flushes: 0,
    };
    board::event(&mut state, board::Event::Loaded(Arc::new(snapshot)), &cx);
    let file = ChangedFile { path: path.into(), old_path: None, change: Change::Modified, untracked: false };
    let listed =
        Listed { files: ChangedFiles { files: vec![file], more: 0 }, commits: Vec::new(), parted: None, both: false };
    review::command(&mut state, review::Command::Visit, &cx);
    let (base, compare) = (Rev::head(), Rev::WorkingTree);
    let event = review::Event::Files { base: base.clone(), compare: compare.clone(), result: Box::new(Ok(listed)) };
    review::event(&mut state, event, &cx);
    let diff = Arc::new(compare_files(path, Some(old.into()), Some(new.into())));
    let counts = review::Counts { added: 1, removed: 1, quiet: false, mark: 7 };
    let result = Box::new(Ok(review::Fresh { diff, counts }));
    let effects =
        review::event(&mut state, review::Event::Diff { path: path.into(), base, compare, turn: 1, result }, &cx);
    carry_out(&mut state, effects);
    state
}

/// Carries out the jobs that only look at what is in memory.
fn carry_out(state: &mut AppState, effects: Vec<Effect>) {
    let clock = FixedClock(support::morning());
    for effect in effects {
        let Effect::Start(job) = effect else { continue };
        if let Task::Review(review::Task::Talk(threads::Task::Place { shown, threads, approvals, drafts })) = job.task {
            let placing = threads::placing(&shown, &threads, &approvals, &drafts);
            let event = review::Event::Talk(threads::Event::Placed(Arc::new(placing)));
            review::event(state, event, &Cx { clock: &clock });
        }
    }
}

fn settle(h: &mut Harness<'_, Stage>) {
    h.run_steps(3);
    let effects = std::mem::take(&mut h.state_mut().effects);
    carry_out(&mut h.state_mut().state, effects);
    h.run_steps(3);
}

fn press(h: &mut Harness<'_, Stage>, key: Key) {
    h.key_press(key);
    settle(h);
}

fn type_text(h: &mut Harness<'_, Stage>, text: &str) {
    for letter in text.chars() {
        h.event(egui::Event::Text(letter.to_string()));
        h.run_steps(2);
    }
}

pub fn cells(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("step_{n} = run({n})\nprint(step_{n})")).collect()
}

fn two_changes() -> AppState {
    let (old, mut new) = (cells(4), cells(4));
    new[1].push_str("\nmore = 1");
    new[3].push_str("\nlast = 1");
    reviewing("a.ipynb", notebook(&old), notebook(&new))
}

#[test]
fn a_comment_is_written_and_resolved_by_keys_alone() {
    let mut h = stage(two_changes());
    press(&mut h, Key::C);
    assert!(h.get_by_label("Comment").is_focused(), "the field has the focus");
    type_text(&mut h, "What does n do?");
    // Letters go into the field and mean nothing else meanwhile.
    assert_eq!(h.state().state.review.talk.drafts.values().next().unwrap().text, "What does n do?");
    h.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    settle(&mut h);
    let talk = &h.state().state.review.talk;
    assert_eq!((talk.threads.len(), talk.drafts.len()), (1, 0));
    assert!(h.get_all_by_label("Ines Duarte").count() >= 1);
    h.get_by_label("Resolve");
    h.get_by_label("Reply to Ines Duarte");
    h.get_by_label("Review, 1 open thread");
    h.get_by_label("1 comment to push");
    press(&mut h, Key::R);
    type_text(&mut h, "It counts");
    h.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    settle(&mut h);
    assert_eq!(h.state().state.review.talk.threads[0].comments.len(), 2);
    press(&mut h, Key::Escape);
    h.key_press_modifiers(Modifiers::SHIFT, Key::R);
    settle(&mut h);
    assert!(h.state().state.review.talk.threads[0].resolved);
    h.get_by_label("Show the resolved thread, 2 comments").click();
    settle(&mut h);
    h.get_by_label("Fold the resolved thread");
    h.get_by_label("Reopen").click();
    settle(&mut h);
    assert!(!h.state().state.review.talk.threads[0].resolved);
}

#[test]
fn a_suggestion_shows_what_it_would_change_and_can_be_applied() {
    let mut h = stage(two_changes());
    press(&mut h, Key::S);
    let field = h.get_by_label("Suggested source");
    assert!(field.is_focused());
    h.key_press_modifiers(Modifiers::COMMAND, Key::A);
    h.run_steps(2);
    type_text(&mut h, "x = 1");
    h.get_by_label("Send: Suggest").click();
    settle(&mut h);
    let thread = h.state().state.review.talk.threads[0].clone();
    assert_eq!(thread.comments[0].suggestion.as_deref(), Some("x = 1"));
    h.get_by_label("The suggested change, line by line");
    h.get_by_label("Apply the suggested change").click();
    h.run_steps(3);
    let asked = h.state().effects.iter().any(|e| {
        matches!(e, Effect::Start(job) if matches!(&job.task, Task::Review(review::Task::Talk(threads::Task::Apply { source, .. })) if source == "x = 1"))
    });
    assert!(asked);
}

#[test]
fn the_line_below_the_pointer_can_be_commented_on_in_both_layouts() {
    for unified in [false, true] {
        let mut h = stage(two_changes());
        if unified {
            press(&mut h, Key::U);
        }
        h.hover_at(egui::pos2(1200.0, 195.0));
        h.run_steps(3);
        let label = (1..=3).map(|n| format!("Comment on line {n}")).find(|l| h.query_by_label(l).is_some());
        let label = label.expect("a sign in the gutter");
        h.get_by_label(&label).click();
        settle(&mut h);
        let talk = &h.state().state.review.talk;
        let id = talk.drafts.keys().next().unwrap();
        assert!(matches!(talk.placing.seat(id).unwrap().at, At::Line { old: false, .. }));
        h.get_by_label(&format!("{} of cell 2", label.replace("Comment on ", "on ")));
        h.get_by_label("Discard this comment").click();
        settle(&mut h);
        assert!(h.state().state.review.talk.drafts.is_empty());
    }
}

#[test]
fn cells_and_files_are_approved_and_the_head_says_so() {
    let mut h = stage(two_changes());
    press(&mut h, Key::A);
    h.get_by_label("Take your approval of this cell back (A)");
    h.get_by_label("Ines Duarte: 1 of 2 cells");
    h.get_by_label("Approve the other 1 cell").click();
    settle(&mut h);
    h.get_by_label("Ines Duarte: approved");
    h.key_press_modifiers(Modifiers::SHIFT, Key::A);
    settle(&mut h);
    assert!(h.state().state.review.talk.approvals.is_empty());
}

#[test]
fn a_text_file_is_spoken_of_at_the_change_in_front_and_narrow_windows_have_all_controls() {
    let state = reviewing("q.sql", b"SELECT a\nFROM t\n".to_vec(), b"SELECT b\nFROM t\n".to_vec());
    let mut h = stage_with(state, Theme::light(), egui::vec2(1024.0, 700.0));
    h.get_by_label("Comment on the change in front").click();
    settle(&mut h);
    h.get_by_label("on line 1");
    type_text(&mut h, "why");
    press(&mut h, Key::Escape);
    press(&mut h, Key::N);
    assert_eq!(h.state().state.review.talk.drafts.len(), 1, "leaving the field keeps what was written");
    h.get_by_label("q.sql, 1 comment not sent");
    h.get_by_label("Approve this file");
}

/// Rows are laid out once, not at every frame: frames of 5,000 cells with many threads cost about what one costs without.
#[test]
fn many_threads_in_a_big_comparison_cost_nothing_while_scrolling() {
    let frames = |talk: usize| {
        let (old, mut new) = (cells(5_000), cells(5_000));
        for cell in new.iter_mut().step_by(2) {
            write!(cell, "\nmore = {}", cell.len()).unwrap();
        }
        let mut h = stage(reviewing("a.ipynb", notebook(&old), notebook(&new)));
        let clock = FixedClock(support::morning());
        for n in 0..talk {
            let row = h.state().state.review.changes()[n * 2];
            let here = threads::Here { row, at: At::Whole };
            let state = &mut h.state_mut().state;
            let mut say = |c| review::command(state, review::Command::Talk(c), &Cx { clock: &clock });
            say(threads::Command::Comment(Some(here)));
            let draft = h.state().state.review.talk.asked.clone().unwrap().0;
            let state = &mut h.state_mut().state;
            let mut say = |c| review::command(state, review::Command::Talk(c), &Cx { clock: &clock });
            say(threads::Command::Type { draft: draft.clone(), text: "Is **this** so?".into() });
            say(threads::Command::Post(draft));
        }
        h.hover_at(egui::pos2(900.0, 500.0));
        h.run_steps(4);
        let mut times = Vec::new();
        for _ in 0..60 {
            h.event(egui::Event::MouseWheel {
                unit: egui::MouseWheelUnit::Point,
                delta: egui::vec2(0.0, -240.0),
                phase: egui::TouchPhase::Move,
                source: egui::MouseWheelSource::Unknown,
                modifiers: Modifiers::NONE,
            });
            let from = Instant::now();
            h.run_steps(1);
            times.push(from.elapsed());
        }
        times.sort();
        times[times.len() / 2]
    };
    let (without, with) = (frames(0), frames(300));
    println!("median frame: {without:?} without, {with:?} with 300 threads");
    assert!(with < without * 4, "{with:?} against {without:?}");
}

#[test]
fn the_whole_review_is_counted_and_approved_at_one_place() {
    let mut h = stage(two_changes());
    settle(&mut h);
    h.get_by_label("0 of 2 approved");
    h.get_by_label("Approve all").click();
    settle(&mut h);
    let all = |back: bool, h: &Harness<'_, Stage>| {
        let command = if back { threads::Command::WithdrawAll } else { threads::Command::ApproveAll };
        h.state().sent.contains(&review::Command::Talk(command).into())
    };
    assert!(all(false, &h) && !all(true, &h));
    // The arrow beside Approve says the same, by keys as well.
    h.get_by_label("Approve more").focus();
    h.run_steps(2);
    press(&mut h, Key::Enter);
    assert!(h.get_all_by_label("Approve 2 changed cells").count() > 1, "the button and the entry");
    h.get_by_label("0 of 2 approved, in 1 file");
    h.get_all_by_label("Approve the whole review").next().unwrap().click();
    settle(&mut h);
    assert!(h.query_by_label("Approve the whole review").is_none(), "the menu closes");
    h.key_press_modifiers(Modifiers::SHIFT, Key::A);
    settle(&mut h);
    h.get_by_label("2 of 2 approved");
    h.get_by_label("Take back").click();
    settle(&mut h);
    assert!(all(true, &h));
}

#[test]
fn the_changes_of_a_text_are_discarded_one_by_one() {
    let lines = |edit: &str| -> String {
        (0..20).map(|n| if n == 3 { format!("{edit}\n") } else { format!("line {n}\n") }).collect()
    };
    let (old, new) = (lines("a = 1"), lines("a = 2") + "more\n");
    let mut h = stage(reviewing("q.sql", old.into_bytes(), new.into_bytes()));
    settle(&mut h);
    h.get_by_label("Discard the change at line 4 (Delete)").click();
    settle(&mut h);
    assert!(h.state().sent.contains(&review::Command::Discard(Some(3)).into()));
    h.get_by_label("Discard the change at line 21 (Delete)");
    assert_eq!(h.query_all_by_label_contains("Discard the change at").count(), 2);
    press(&mut h, Key::U);
    assert_eq!(h.query_all_by_label_contains("Discard the change at").count(), 2, "below each other too");
}

#[test]
fn a_comparison_that_has_become_old_says_its_age_once_that_lasts() {
    let mut h = stage(two_changes());
    settle(&mut h);
    let clock = FixedClock(support::morning());
    let state = &mut h.state_mut().state;
    let again = review::files_changed(state, &["a.ipynb".to_owned()], &Cx { clock: &clock });
    assert!(!again.is_empty() && state.review.is_behind());
    assert!(h.query_by_label_contains("has changed since").is_none(), "nothing flickers");
    h.run_steps(12);
    h.get_by_label_contains("a.ipynb has changed since: this comparison is 1 s old, and is being made again");
    h.get_by_label_contains("Cell 2");
}

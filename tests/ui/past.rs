//! The history of a cell and the cells of a notebook by its runs, in the whole window without a display.
use std::sync::Arc;

use andon::{
    app::{
        AppState, Command, Cx,
        review::{
            self, Event,
            matrix::{Column, Grid},
            past::{Past, When},
        },
    },
    base::{ids::RunId, time::FixedClock},
    model::{
        blame::{Version, stories},
        diff::{Document, Rules},
        git::{Author, CommitInfo, Rev},
        run::RunState,
    },
};
use egui::{Key, accesskit::Role};
use egui_kittest::{
    Harness,
    kittest::{NodeT as _, Queryable},
};

use crate::{
    support::{self, Stage, stage},
    threads::{cells, notebook, reviewing},
};

fn send(state: &mut AppState, event: Event) {
    review::event(state, event, &Cx { clock: &FixedClock(support::morning()) });
}

fn sent(h: &Harness<'_, Stage>, command: &review::Command) -> bool {
    h.state().sent.contains(&Command::from(command.clone()))
}

fn press(h: &mut Harness<'_, Stage>, key: Key) {
    h.key_press(key);
    h.run_steps(3);
}

fn document(sources: &[String]) -> Arc<Document> {
    Arc::new(Document::parse("a.ipynb", notebook(sources)).unwrap())
}

fn commit(n: usize, who: &str, what: &str) -> When {
    let author = Author { name: who.into(), email: "x@example.org".into() };
    let id = n.to_string().repeat(40);
    let parents = if n > 1 { vec![(n - 1).to_string().repeat(40)] } else { Vec::new() };
    let commit = CommitInfo { id, parents, author, at: support::morning(), summary: what.into(), body: String::new() };
    When { commit: Some(commit), path: "a.ipynb".into() }
}

/// Two commits and an edit that is not committed: the second cell was edited in the second commit and on disk.
fn with_past() -> (AppState, Past) {
    let first = cells(4);
    let (mut second, mut now) = (first.clone(), first.clone());
    second[1].push_str("\nmore = 1");
    now[1] = format!("# of the day\n{}", second[1]);
    let version = |(n, sources): (usize, &Vec<String>)| Version {
        doc: document(sources),
        parents: n.checked_sub(1).into_iter().collect(),
    };
    let versions: Vec<Version> = [&first, &second, &now].into_iter().enumerate().map(version).collect();
    let whens = vec![
        commit(1, "Mara Okafor", "Count the steps"),
        commit(2, "Jonas Weber", "Print one more"),
        When { commit: None, path: "a.ipynb".into() },
    ];
    let state = reviewing("a.ipynb", notebook(&second), notebook(&now));
    (state, Past { stories: stories(&versions), versions: whens })
}

#[test]
fn the_history_of_a_cell_is_opened_walked_and_closed_by_keys() {
    let (state, past) = with_past();
    let mut h = stage(state);
    press(&mut h, Key::H);
    h.get_by_label("History of cell 2");
    h.get_by_label("Reading the history");
    let event = Event::Past { path: "a.ipynb".into(), rev: Rev::WorkingTree, result: Box::new(Ok(past)) };
    send(&mut h.state_mut().state, event);
    h.run_steps(3);
    assert!(h.query_by_label("Reading the history").is_none());
    // Newest first; what each version did, by whom.
    let rows: Vec<String> =
        ["Not committed yet, not committed", "Print one more, Jonas Weber", "Count the steps, Mara Okafor"]
            .iter()
            .map(|words| h.get_by(|n| n.label().is_some_and(|l| l.ends_with(*words))))
            .map(|n| format!("{} {:.0}", n.accesskit_node().label().unwrap(), n.rect().top()))
            .collect();
    let tops: Vec<f32> = rows.iter().map(|r| r.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(tops.windows(2).all(|w| w[0] < w[1]), "{rows:?}");
    let deeds: Vec<&str> = rows.iter().map(|r| r.split(':').next().unwrap()).collect();
    assert_eq!(deeds, ["Edited", "Edited", "Created"], "{rows:?}");
    // By keys: to a row, on to the next, and into that version.
    h.get_by(|n| n.label().is_some_and(|l| l.ends_with("Not committed yet, not committed"))).focus();
    h.run_steps(2);
    press(&mut h, Key::Tab);
    press(&mut h, Key::Enter);
    let opened = h.state().sent.iter().any(|c| match c {
        Command::Review(review::Command::CompareVersion(when)) => {
            when.commit.as_ref().is_some_and(|c| c.summary == "Print one more")
        }
        _ => false,
    });
    assert!(opened, "{:?}", h.state().sent);
    let review = &h.state().state.review;
    assert_eq!((&review.base, &review.compare), (&Rev::At("1".repeat(40)), &Rev::At("2".repeat(40))));
    assert!(review.told.cell.is_some(), "the history stays open beside that version");
    press(&mut h, Key::Escape);
    press(&mut h, Key::Escape);
    assert!(h.state().state.review.told.cell.is_none());
    assert!(h.query_by_label_contains("History of cell").is_none());
}

#[test]
fn a_history_that_cannot_be_read_says_why_and_closes() {
    let (state, _) = with_past();
    let mut h = stage(state);
    h.get_all_by_label("History of this cell (H)").next().unwrap().click();
    h.run_steps(3);
    let error = andon::base::Error::user("No revision is called main").hint("Give a branch");
    let event = Event::Past { path: "a.ipynb".into(), rev: Rev::WorkingTree, result: Box::new(Err(error)) };
    send(&mut h.state_mut().state, event);
    h.run_steps(3);
    h.get_by_label_contains("No revision is called main");
    h.get_by_label("Close the history of the cell").click();
    h.run_steps(3);
    assert!(sent(&h, &review::Command::TellCell(None)));
    assert!(h.query_by_label_contains("No revision is called main").is_none());
}

/// Five runs; in the fourth the source of the third cell changed and with it the output of the fourth.
fn with_runs() -> AppState {
    let output = |source: &str, text: &str| {
        serde_json::json!({"cell_type": "code", "source": source, "metadata": {}, "execution_count": 1,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": text}]})
    };
    let book = |sources: &[String], last: &str| {
        let mut cells: Vec<_> = sources.iter().map(|s| output(s, "ok\n")).collect();
        *cells.last_mut().unwrap() = output(sources.last().unwrap(), last);
        let all = serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4});
        Arc::new(Document::parse("a.ipynb", all.to_string().into_bytes()).unwrap())
    };
    let (plain, mut other) = (cells(4), cells(4));
    other[2].push_str("\nlimit = 3");
    let docs = vec![
        book(&plain, "17 nights\n"),
        book(&plain, "17 nights\n"),
        book(&plain, "17 nights\n"),
        book(&other, "11 nights\n"),
        book(&other, "11 nights\n"),
    ];
    let columns = (1..=5u64).map(|n| Column {
        run: RunId::from(format!("r{n}").as_str()),
        name: format!("nightly #{n}"),
        number: n,
        at: support::morning(),
        state: RunState::Success,
        copy: format!(".andon/runs/r{n}/a.ipynb"),
    });
    let mut state = reviewing("a.ipynb", notebook(&plain), notebook(&other));
    let clock = FixedClock(support::morning());
    review::command(&mut state, review::Command::ShowRuns(true), &Cx { clock: &clock });
    let grid = Grid::new("a.ipynb", columns.collect(), docs, &Rules::default());
    send(&mut state, Event::Runs { path: "a.ipynb".into(), result: Box::new(Ok(grid)) });
    state
}

#[test]
fn the_first_cell_that_differs_is_named_and_leads_to_the_comparison() {
    let mut h = stage(with_runs());
    h.get_by_label("First difference in nightly #4: cell 3, source changed");
    h.get_by_label("Cell 3 in nightly #4: source changed");
    h.get_by_label("Cell 4 in nightly #4: output changed");
    h.get_by_label("Cell 4 in nightly #5: same as the run before");
    h.get_by_role_and_label(Role::Button, "Compare").click();
    h.run_steps(3);
    assert!(sent(&h, &review::Command::CompareRuns { run: 3, row: 2 }));
    let review = &h.state().state.review;
    assert_eq!(review.compare.run(), Some("r4"));
    assert_eq!(review.base.run(), Some("r3"));
    assert!(!review.runs.open);
}

#[test]
fn the_runs_are_opened_walked_and_left_by_keys() {
    let mut h = stage(with_runs());
    press(&mut h, Key::M);
    assert!(!h.state().state.review.runs.open && h.query_by_label_contains("First difference").is_none());
    press(&mut h, Key::M);
    h.get_by_label("First difference in nightly #4: cell 3, source changed");
    h.get_by_label("Cell 3 in nightly #4: source changed").focus();
    h.run_steps(2);
    for (key, expected) in [
        (Key::ArrowLeft, "Cell 3 in nightly #3: same as the run before"),
        (Key::ArrowRight, "Cell 3 in nightly #4: source changed"),
        (Key::ArrowDown, "Cell 4 in nightly #4: output changed"),
        (Key::ArrowUp, "Cell 3 in nightly #4: source changed"),
        (Key::ArrowUp, "Cell 2 in nightly #4: same as the run before"),
    ] {
        press(&mut h, key);
        let front = h.get_by(|n| n.is_focused()).accesskit_node().label();
        assert_eq!(front.as_deref(), Some(expected), "after {key:?}");
    }
    press(&mut h, Key::Enter);
    assert!(sent(&h, &review::Command::CompareRuns { run: 3, row: 1 }), "{:?}", h.state().sent);
    let mut h = stage(with_runs());
    press(&mut h, Key::Escape);
    assert!(!h.state().state.review.runs.open, "Esc leads back to the comparison");
}

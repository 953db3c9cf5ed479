//! Searching the workspace, finding in outputs, folding, lines, menus and history, drawn without a display.
use andon::{
    app::{
        AppState, Command as AnyCommand, Cx, Effect, Task as AnyTask, dispatch,
        notebook::{
            self, Command, Event, Mode, Task,
            find::{Found, InOutput},
        },
        search,
    },
    base::time::FixedClock,
    engine::notebook::Content,
    model::{
        editor::Selections,
        notebook::Notebook,
        search::{FileHits, Hit, Place, Tally},
    },
};
use egui::{Key, Modifiers, accesskit::Role};
use egui_kittest::{Harness, kittest::Queryable};

use crate::support::{Stage, morning, stage};

const FILE: &str = r#"{
 "cells": [
  {"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": [{"output_type": "stream", "name": "stdout", "text": ["one\n", "needle\n"]}], "source": ["def f(x):\n", "    return x\n", "f(1)"]},
  {"cell_type": "code", "metadata": {}, "execution_count": null, "outputs": [], "source": ["y = f(2)"]}
 ],
 "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
 "nbformat": 4,
 "nbformat_minor": 4
}
"#;

fn apply(state: &mut AppState, event: impl Into<andon::app::Event>) {
    let clock = FixedClock(morning());
    dispatch::apply(state, event.into(), &Cx { clock: &clock });
}

fn open(path: &str, content: Content) -> Harness<'static, Stage> {
    let clock = FixedClock(morning());
    let mut state = AppState::default();
    state.workspace.root = Some("/w/demo".into());
    state.workspace.trusted = true;
    dispatch::dispatch(&mut state, Command::Open(path.into()).into(), &Cx { clock: &clock });
    let doc = state.notebook.active.unwrap();
    apply(&mut state, Event::Loaded { doc, content: Box::new(content), hash: 1 });
    let mut h = stage(state);
    h.run_steps(3);
    h
}

fn cells() -> Harness<'static, Stage> {
    open("a.ipynb", Content::Notebook(Box::new(Notebook::parse(FILE.as_bytes()).unwrap())))
}

fn doc<'a>(h: &'a Harness<'_, Stage>) -> &'a notebook::Doc {
    h.state().state.notebook.doc().unwrap()
}

fn press(h: &mut Harness<'_, Stage>, modifiers: Modifiers, key: Key) {
    let modifiers = Modifiers { ctrl: modifiers.command, ..modifiers };
    h.key_press_modifiers(modifiers, key);
    h.run_steps(3);
}

fn types(h: &mut Harness<'_, Stage>, text: &str) {
    h.event(egui::Event::Text(text.into()));
    h.run_steps(3);
}

fn send(h: &mut Harness<'_, Stage>, command: impl Into<AnyCommand>) {
    let clock = FixedClock(morning());
    let effects = dispatch::dispatch(&mut h.state_mut().state, command.into(), &Cx { clock: &clock });
    h.state_mut().effects.extend(effects);
    h.run_steps(3);
}

fn edit(h: &mut Harness<'_, Stage>, cell: usize) {
    let key = doc(h).cells()[cell].key;
    send(h, Command::Select(key));
    send(h, Command::EnterEdit);
}

/// What a job would have found.
fn answer(h: &mut Harness<'_, Stage>) {
    let asked = h.state().effects.iter().rev().find_map(|e| match e {
        Effect::Start(job) => match &job.task {
            AnyTask::Search(search::Task::Search { asked, .. }) => Some(*asked),
            _ => None,
        },
        _ => None,
    });
    let asked = asked.expect("a search was started");
    let hit = |line: usize, words: &str| Hit {
        place: Place::Text,
        cell: 0,
        line,
        range: 0..6,
        words: words.into(),
        mark: 0..6,
    };
    let file = |path: &str, hits: Vec<Hit>| FileHits {
        path: path.into(),
        hits,
        hash: Some(1),
        cells: false,
        foreign: false,
        more: false,
    };
    let files =
        vec![file("src/a.py", vec![hit(0, "needle = 1"), hit(4, "needle + 2")]), file("b.txt", vec![hit(2, "needle")])];
    apply(&mut h.state_mut().state, search::Event::Found { asked, files });
    let tally = Tally { files: 9, with: 2, hits: 3, large: vec!["big.csv (90 MB)".into()], ..Tally::default() };
    apply(&mut h.state_mut().state, search::Event::Done { asked, result: Ok(tally) });
    h.run_steps(3);
}

#[test]
fn the_panel_lists_finds_and_arrows_walk_them() {
    let mut h = cells();
    press(&mut h, Modifiers::COMMAND | Modifiers::SHIFT, Key::F);
    assert!(h.get_by_role_and_label(Role::TextInput, "Search").is_focused());
    types(&mut h, "needle");
    answer(&mut h);
    h.get_by_label("3 results in 2 files");
    h.get_by_label_contains("Too large to be searched: big.csv");
    press(&mut h, Modifiers::NONE, Key::ArrowDown);
    press(&mut h, Modifiers::NONE, Key::ArrowDown);
    assert_eq!(h.state().state.search.chosen, Some(search::Row { file: 0, hit: Some(0) }));
    press(&mut h, Modifiers::NONE, Key::Enter);
    let opened = |h: &Harness<'_, Stage>, path: &str| h.state().state.notebook.docs.iter().any(|d| d.path == path);
    assert!(opened(&h, "src/a.py"));
    h.get_by_label("b.txt 3: needle").click();
    h.run_steps(3);
    assert!(opened(&h, "b.txt"));
    press(&mut h, Modifiers::NONE, Key::ArrowLeft);
    press(&mut h, Modifiers::NONE, Key::ArrowLeft);
    assert!(h.query_by_label("b.txt 3: needle").is_none(), "folded away");
    press(&mut h, Modifiers::NONE, Key::F4);
    assert_eq!(h.state().state.search.chosen, Some(search::Row { file: 1, hit: Some(0) }));
    h.get_by_role_and_label(Role::Button, "Show the field that replaces").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::TextInput, "Replace by").focus();
    h.run_steps(2);
    types(&mut h, "pin");
    h.get_by_role_and_label(Role::Button, "Replace everything that is listed").click();
    h.run_steps(3);
    h.get_by_label("Replace 3 places in 2 files?");
    send(&mut h, andon::app::shell::Command::CloseDialog);
    h.get_by_role_and_label(Role::Button, "Back to the files").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Search in all files (Ctrl+Shift+F)");
}

#[test]
fn finds_in_outputs_are_counted_and_stepped_through() {
    let mut h = cells();
    press(&mut h, Modifiers::COMMAND, Key::F);
    h.run_steps(2);
    types(&mut h, "needle");
    h.get_by_label("Not found");
    h.get_by_role_and_label(Role::Button, "Also look in what outputs show").click();
    h.run_steps(3);
    h.get_by_label("Searching\u{2026}");
    let asked = h.state().effects.iter().rev().find_map(|e| match e {
        Effect::Start(job) => match &job.task {
            AnyTask::Notebook(Task::FindShown { number, cells, .. }) => Some((*number, cells.len())),
            _ => None,
        },
        _ => None,
    });
    let (number, with_outputs) = asked.unwrap();
    assert_eq!(with_outputs, 1);
    let (id, key) = (doc(&h).id, doc(&h).cells()[0].key);
    let find = |line: Option<usize>, number: usize| Found {
        key,
        range: 0..6,
        output: Some(InOutput {
            output: 0,
            number,
            line,
            words: line.is_none().then(|| "needle far away".into()),
            tab: 0,
        }),
    };
    let finds = vec![find(Some(1), 1), find(None, 700)];
    apply(&mut h.state_mut().state, Event::Found { doc: id, number, finds, shown: true });
    h.run_steps(3);
    h.get_by_label("1 of 2");
    press(&mut h, Modifiers::NONE, Key::F3);
    h.get_by_label("2 of 2");
    h.get_by_label("Line 701, which is left out below:");
    assert_eq!(doc(&h).mode, Mode::Command);
    h.get_by_role_and_label(Role::Button, "Also look in what outputs show").click();
    h.run_steps(3);
    h.get_by_label("Not found");
}

#[test]
fn a_line_is_gone_to_by_its_number() {
    let text: String = (1..=300).map(|n| format!("line {n}\n")).collect();
    let mut h = open("a.txt", Content::Text(text));
    press(&mut h, Modifiers::COMMAND, Key::G);
    assert!(h.get_by_role_and_label(Role::TextInput, "Line to go to").is_focused());
    types(&mut h, "250:3");
    press(&mut h, Modifiers::NONE, Key::Enter);
    assert_eq!(doc(&h).cursor, (250, 3));
    assert!(h.query_by_role_and_label(Role::TextInput, "Line to go to").is_none());
    assert!(h.get_by_role_and_label(Role::MultilineTextInput, "Text of a.txt").is_focused());
    press(&mut h, Modifiers::COMMAND, Key::G);
    press(&mut h, Modifiers::NONE, Key::Escape);
    assert_eq!(doc(&h).cursor, (250, 3));
    assert!(h.get_by_role_and_label(Role::MultilineTextInput, "Text of a.txt").is_focused());
}

#[test]
fn parts_are_folded_by_keys_and_arrows_go_past_them() {
    let mut h = open("a.py", Content::Text("def f(x):\n    a\n    b\nend\n".into()));
    press(&mut h, Modifiers::NONE, Key::ArrowDown);
    press(&mut h, Modifiers::COMMAND | Modifiers::SHIFT, Key::OpenBracket);
    assert_eq!(doc(&h).cursor, (1, 10), "the cursor goes to the line that stays");
    press(&mut h, Modifiers::NONE, Key::ArrowDown);
    assert_eq!(doc(&h).cursor.0, 4);
    press(&mut h, Modifiers::NONE, Key::ArrowUp);
    assert_eq!(doc(&h).cursor.0, 1);
    press(&mut h, Modifiers::COMMAND | Modifiers::SHIFT, Key::CloseBracket);
    press(&mut h, Modifiers::NONE, Key::ArrowDown);
    assert_eq!(doc(&h).cursor.0, 2);
    press(&mut h, Modifiers { command: true, alt: true, ..Modifiers::NONE }, Key::OpenBracket);
    types(&mut h, "x");
    let text = doc(&h).editor().unwrap().buffer().to_string();
    assert!(text.contains("    b"), "{text}");
}

#[test]
fn a_name_leads_to_the_cell_that_defines_it() {
    let mut h = cells();
    edit(&mut h, 1);
    let key = doc(&h).cells()[1].key;
    let act = andon::model::editor::Act::Select(Selections::at(4));
    send(&mut h, Command::EditCell { key, acts: vec![act] });
    press(&mut h, Modifiers::NONE, Key::F12);
    assert_eq!((doc(&h).index(), doc(&h).mode), (0, Mode::Edit));
    assert_eq!((doc(&h).editor().unwrap().selected().as_str(), doc(&h).cursor.0), ("f", 1));
    assert!(h.get_by_role_and_label(Role::MultilineTextInput, "Cell 1 source").is_focused());
}

#[test]
fn what_was_run_before_is_listed_and_put_in() {
    let mut h = cells();
    edit(&mut h, 1);
    press(&mut h, Modifiers::COMMAND, Key::R);
    assert!(h.get_by_role_and_label(Role::TextInput, "Filter what was run before").is_focused());
    h.get_by_label("Asking\u{2026}");
    press(&mut h, Modifiers::NONE, Key::Escape);
    assert!(doc(&h).past.is_none() && doc(&h).mode == Mode::Edit);
    assert!(h.get_by_role_and_label(Role::MultilineTextInput, "Cell 2 source").is_focused());
}

#[test]
fn enter_with_ctrl_runs_the_cell_and_presses_no_button() {
    let mut h = cells();
    let button = "Search in all files (Ctrl+Shift+F)";
    h.get_by_role_and_label(Role::Button, button).focus();
    h.run_steps(2);
    press(&mut h, Modifiers::COMMAND, Key::Enter);
    assert!(!h.state().state.search.open, "the button was not pressed");
    let ran = h.state().sent.iter().filter(|c| matches!(c, AnyCommand::Notebook(Command::Run(_)))).count();
    assert_eq!(ran, 1, "the cell ran");
    assert!(h.get_by_role_and_label(Role::Button, button).is_focused(), "it still has the keyboard");
    press(&mut h, Modifiers::NONE, Key::Enter);
    assert!(h.state().state.search.open);
}

#[test]
fn the_second_button_opens_a_menu() {
    let mut h = cells();
    edit(&mut h, 0);
    let at =
        h.get_by_role_and_label(Role::MultilineTextInput, "Cell 1 source").rect().left_top() + egui::vec2(40.0, 9.0);
    h.hover_at(at);
    h.event(egui::Event::PointerButton {
        pos: at,
        button: egui::PointerButton::Secondary,
        pressed: true,
        modifiers: Modifiers::NONE,
    });
    h.run_steps(2);
    h.event(egui::Event::PointerButton {
        pos: at,
        button: egui::PointerButton::Secondary,
        pressed: false,
        modifiers: Modifiers::NONE,
    });
    h.run_steps(3);
    for label in ["Cut", "Copy", "Paste", "Go to the definition", "Select all occurrences", "Fold everything"] {
        h.get_by_role_and_label(Role::ListItem, label);
    }
    h.get_by_role_and_label(Role::ListItem, "Select all").click();
    h.run_steps(3);
    assert_eq!(doc(&h).mode, Mode::Edit, "the menu belongs to the text");
    let selected = doc(&h).editor().unwrap().selected();
    assert_eq!(selected, "def f(x):\n    return x\nf(1)");
}

#[test]
fn escape_closes_a_menu_before_the_page_hears_it() {
    let mut h = cells();
    assert_eq!(doc(&h).mode, Mode::Command);
    let at =
        h.get_by_role_and_label(Role::MultilineTextInput, "Cell 2 source").rect().left_top() + egui::vec2(40.0, 9.0);
    h.hover_at(at);
    for pressed in [true, false] {
        let button = egui::PointerButton::Secondary;
        h.event(egui::Event::PointerButton { pos: at, button, pressed, modifiers: Modifiers::NONE });
        h.run_steps(3);
    }
    h.get_by_role_and_label(Role::ListItem, "Select all");
    press(&mut h, Modifiers::NONE, Key::Escape);
    assert!(h.query_by_role_and_label(Role::ListItem, "Select all").is_none());
}

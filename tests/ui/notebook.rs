//! The notebook page: keys, typing, states, conflicts, results.
use andon::{
    app::{
        AppState, Command as AnyCommand, Cx, Effect, Task as AnyTask, dispatch,
        notebook::{
            self, After, CellState, Command, Conflict, Event, Mode, Scope, SqlAnswer, Task, assist::Offer, kernels,
        },
        shell::{Dialog, Page},
    },
    base::{Error, time::FixedClock},
    engine::notebook::Content,
    model::{
        editor::Act,
        jupyter::{Listing, Running, Server, remote_spec},
        kernel::{Discovery, EnvKind, Interpreter, KernelSpec, Origin, Variable},
        notebook::{CellKind, Notebook},
        table::{Cell, Column, Kind, Page as Rows, complete::Suggestion},
    },
    ui::theme::Theme,
};
use egui::{Key, Modifiers, accesskit::Role};
use egui_kittest::{Harness, kittest::Queryable};

use crate::support::{Stage, morning, stage, stage_with};

const FILE: &str = r##"{
 "cells": [
  {"cell_type": "markdown", "id": "m1", "metadata": {}, "source": ["# Clean delays\n", "Everything after this cell expects minutes."]},
  {"cell_type": "code", "id": "c1", "metadata": {}, "execution_count": null, "outputs": [], "source": ["%%sql day <<\n", "SELECT 1 AS a"]},
  {"cell_type": "code", "id": "c2", "metadata": {"tags": ["parameters"]}, "execution_count": 7, "outputs": [{"output_type": "stream", "name": "stdout", "text": ["old words\n"]}], "source": ["x = 1\n", "print(x)"]},
  {"cell_type": "code", "id": "c3", "metadata": {}, "execution_count": null, "outputs": [{"output_type": "error", "ename": "ValueError", "evalue": "out of range", "traceback": ["a", "b"]}], "source": ["check(x)"]}
 ],
 "metadata": {},
 "nbformat": 4,
 "nbformat_minor": 5
}
"##;

fn apply(state: &mut AppState, event: Event) {
    let clock = FixedClock(morning());
    dispatch::apply(state, event.into(), &Cx { clock: &clock });
}

fn open_text(file: &str) -> AppState {
    let clock = FixedClock(morning());
    let mut state = AppState::default();
    state.workspace.root = Some("/w/demo".into());
    state.workspace.name = "demo".into();
    state.workspace.trusted = true;
    state.workspace.is_repo = true;
    dispatch::dispatch(&mut state, Command::Open("notebooks/a.ipynb".into()).into(), &Cx { clock: &clock });
    let doc = state.notebook.active.unwrap();
    let content = Box::new(Content::Notebook(Box::new(Notebook::parse(file.as_bytes()).unwrap())));
    apply(&mut state, Event::Loaded { doc, content, hash: 1 });
    assert_eq!(state.shell.page, Page::Notebook);
    state
}

pub fn open() -> AppState {
    open_text(FILE)
}

fn doc<'a>(h: &'a Harness<'_, Stage>) -> &'a notebook::Doc {
    h.state().state.notebook.doc().unwrap()
}

fn sent(h: &Harness<'_, Stage>, command: Command) -> bool {
    h.state().sent.contains(&AnyCommand::from(command))
}

fn sources(h: &Harness<'_, Stage>) -> Vec<String> {
    doc(h).cells().iter().map(|c| c.source.to_string()).collect()
}

fn press(h: &mut Harness<'_, Stage>, modifiers: Modifiers, key: Key) {
    h.key_press_modifiers(modifiers, key);
    h.run_steps(2);
}

#[test]
fn a_notebook_shows_text_source_outputs_and_honest_states() {
    let h = stage(open());
    h.get_by_label("Everything after this cell expects minutes.");
    h.get_by_role_and_label(Role::MultilineTextInput, "Cell 2 source");
    h.get_by_label("SQL \u{b7} embedded");
    assert_eq!(h.get_all_by_label("From an earlier session").count(), 2);
    assert!(h.query_all_by_label("ValueError: out of range").count() > 0);
    h.get_by_label("Cell 1 of 4");
    h.get_by_role_and_label(Role::ListItem, "Clean delays");
}

/// A press as a slow frame hands it over: together with others.
fn pressed(key: Key, modifiers: Modifiers) -> egui::Event {
    egui::Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers }
}

#[test]
fn keys_of_one_frame_act_one_after_the_other() {
    let mut h = stage(open());
    let both = [pressed(Key::J, Modifiers::NONE), egui::Event::Text("j".into()), pressed(Key::J, Modifiers::NONE)];
    h.input_mut().events.extend(both);
    h.input_mut().events.push(pressed(Key::Enter, Modifiers::CTRL | Modifiers::COMMAND));
    h.run_steps(4);
    assert_eq!(doc(&h).index(), 2, "two cells down, then run there");
    let order: Vec<_> = h.state().sent.iter().filter(|c| matches!(c, AnyCommand::Notebook(_))).cloned().collect();
    let down = AnyCommand::from(Command::Go { step: notebook::Step::Down, extend: false });
    let ran = AnyCommand::from(Command::Run(Scope::Selected(After::Stay)));
    assert_eq!(order, [down.clone(), down, ran]);
}

#[test]
fn what_is_typed_behind_enter_goes_into_the_cell_and_what_follows_escape_does_not() {
    let mut h = stage(open());
    press(&mut h, Modifiers::NONE, Key::J);
    let before = sources(&h)[1].clone();
    let typed = |key, text: &str| [pressed(key, Modifiers::NONE), egui::Event::Text(text.into())];
    let events = &mut h.input_mut().events;
    events.push(pressed(Key::Enter, Modifiers::NONE));
    events.extend(typed(Key::X, "x"));
    events.push(pressed(Key::Escape, Modifiers::NONE));
    events.extend(typed(Key::J, "j"));
    h.run_steps(8);
    assert_eq!(doc(&h).cells().len(), 4, "x cut nothing");
    let now = sources(&h)[1].clone();
    assert!(now.len() == before.len() + 1 && now.contains('x'), "{now}");
    assert_eq!((doc(&h).mode, doc(&h).index()), (Mode::Command, 2));
}

#[test]
fn command_mode_follows_jupyter() {
    let mut h = stage(open());
    press(&mut h, Modifiers::NONE, Key::J);
    press(&mut h, Modifiers::NONE, Key::ArrowDown);
    assert_eq!(doc(&h).index(), 2);
    press(&mut h, Modifiers::NONE, Key::B);
    assert_eq!((doc(&h).cells().len(), doc(&h).index()), (5, 3));
    press(&mut h, Modifiers::NONE, Key::M);
    assert_eq!(doc(&h).cell().unwrap().kind, CellKind::Markdown);
    press(&mut h, Modifiers::NONE, Key::D);
    assert_eq!(doc(&h).cells().len(), 5, "one D does nothing");
    press(&mut h, Modifiers::NONE, Key::D);
    assert_eq!(doc(&h).cells().len(), 4);
    press(&mut h, Modifiers::NONE, Key::Z);
    assert_eq!(doc(&h).cells().len(), 5);
    press(&mut h, Modifiers::SHIFT, Key::Z);
    assert_eq!(doc(&h).cells().len(), 4, "{:?}", h.state().sent);
    press(&mut h, Modifiers::NONE, Key::K);
    press(&mut h, Modifiers::SHIFT, Key::J);
    assert_eq!(doc(&h).selection().len(), 2);
    press(&mut h, Modifiers::NONE, Key::X);
    press(&mut h, Modifiers::NONE, Key::V);
    assert_eq!(doc(&h).cells().len(), 4);
    press(&mut h, Modifiers::NONE, Key::Num0);
    press(&mut h, Modifiers::NONE, Key::Num0);
    assert!(sent(&h, Command::Restart));
}

#[test]
fn enter_edits_typing_changes_the_cell_and_escape_leaves() {
    let mut h = stage(open());
    press(&mut h, Modifiers::NONE, Key::J);
    press(&mut h, Modifiers::NONE, Key::J);
    press(&mut h, Modifiers::NONE, Key::Enter);
    h.run_steps(2);
    assert_eq!(doc(&h).mode, Mode::Edit);
    press(&mut h, Modifiers::COMMAND, Key::End);
    h.get_by_role_and_label(Role::MultilineTextInput, "Cell 3 source").type_text("jx");
    h.run_steps(3);
    assert!(sources(&h)[2].contains("jx"), "letters are text: {:?}", sources(&h)[2]);
    assert!(doc(&h).is_dirty());
    press(&mut h, Modifiers::COMMAND, Key::Z);
    assert_eq!(sources(&h)[2], "x = 1\nprint(x)", "undo is the document's");
    press(&mut h, Modifiers::NONE, Key::Escape);
    assert_eq!(doc(&h).mode, Mode::Command);
    press(&mut h, Modifiers::NONE, Key::K);
    assert_eq!(doc(&h).index(), 1, "letters are commands again");
}

#[test]
fn enter_in_the_editor_indents_and_tab_stays_inside() {
    let mut h = stage(open());
    for _ in 0..3 {
        press(&mut h, Modifiers::NONE, Key::J);
    }
    press(&mut h, Modifiers::NONE, Key::Enter);
    h.run_steps(2);
    press(&mut h, Modifiers::COMMAND, Key::A);
    h.get_by_role_and_label(Role::MultilineTextInput, "Cell 4 source").type_text("if x:");
    h.run_steps(3);
    press(&mut h, Modifiers::NONE, Key::Enter);
    h.get_by_role_and_label(Role::MultilineTextInput, "Cell 4 source").type_text("y");
    h.run_steps(3);
    assert_eq!(sources(&h)[3], "if x:\n    y");
    h.get_by_role_and_label(Role::MultilineTextInput, "Cell 4 source").type_text(" ");
    h.run_steps(3);
    press(&mut h, Modifiers::NONE, Key::Tab);
    assert_eq!((doc(&h).mode, sources(&h)[3].contains("y   ")), (Mode::Edit, true));
    press(&mut h, Modifiers::COMMAND, Key::Slash);
    assert!(sources(&h)[3].contains("    # y"), "{:?}", sources(&h)[3]);
}

#[test]
fn shift_enter_runs_and_goes_on() {
    let mut h = stage(open());
    press(&mut h, Modifiers::NONE, Key::J);
    press(&mut h, Modifiers::SHIFT, Key::Enter);
    assert!(sent(&h, Command::Run(Scope::Selected(After::Advance))));
    assert_eq!((doc(&h).index(), doc(&h).running.is_some()), (2, true));
    assert!(h.get_all_by_label("Running").count() > 0);
    h.get_by_role_and_label(Role::Button, "Interrupt").click();
    h.run_steps(2);
    assert!(sent(&h, Command::Interrupt));
}

#[test]
fn what_is_typed_after_shift_enter_is_for_the_page_and_not_for_the_cell_that_was_run() {
    let mut h = stage(open());
    press(&mut h, Modifiers::NONE, Key::J);
    press(&mut h, Modifiers::NONE, Key::Enter);
    h.event(egui::Event::Text("a = 1\n".into()));
    h.run_steps(2);
    press(&mut h, Modifiers::SHIFT, Key::Enter);
    let before = sources(&h);
    h.event(egui::Event::Text("x".into()));
    h.run_steps(2);
    assert_eq!(sources(&h), before);
    // Enter edits the cell that is selected now.
    press(&mut h, Modifiers::NONE, Key::Enter);
    h.event(egui::Event::Text("y".into()));
    h.run_steps(2);
    assert_eq!(doc(&h).index(), 2);
    assert!(doc(&h).cells()[2].source.contains('y'), "{:?}", sources(&h));
    assert_eq!(sources(&h)[1], before[1]);
}

#[test]
fn a_sql_result_is_a_grid_and_a_variable() {
    let mut state = open();
    let clock = FixedClock(morning());
    let key = state.notebook.doc().unwrap().cells()[1].key;
    dispatch::dispatch(&mut state, Command::Run(Scope::One(key)).into(), &Cx { clock: &clock });
    let columns = std::sync::Arc::from([Column::new("carrier", "str", Kind::Text), Column::new("n", "i64", Kind::Int)]);
    let rows = vec![vec![Cell::Text("WN".into()), Cell::Int(18_732)]];
    let page = Rows { columns, first_row: 0, rows, total_rows: 1 }.into();
    let answer = SqlAnswer { page, name: Some("day".into()), outputs: vec![] };
    let doc = state.notebook.active.unwrap();
    apply(&mut state, Event::Sql { doc, key, number: 1, result: Ok(answer), ms: 31 });
    let mut h = stage(state);
    h.get_by_label_contains("Result of cell 2");
    h.get_by_label("1 row \u{d7} 2");
    h.get_by_label("1 \u{d7} 2");
    assert_eq!(self::doc(&h).state_of(key), CellState::Fresh);
    h.get_by_role_and_label(Role::Link, "Open in Data").click();
    h.run_steps(2);
    assert_eq!(h.state().state.shell.page, Page::Data);
}

#[test]
fn a_conflict_offers_both_ways() {
    let mut state = open();
    let clock = FixedClock(morning());
    let (key, id) = (state.notebook.doc().unwrap().cells()[2].key, state.notebook.active.unwrap());
    dispatch::dispatch(
        &mut state,
        Command::EditCell { key, acts: vec![Act::SetText("mine".into())] }.into(),
        &Cx { clock: &clock },
    );
    apply(&mut state, Event::Disk { doc: id, hash: Some(9) });
    let mut h = stage(state);
    h.get_by_label("Load theirs");
    h.get_by_role_and_label(Role::Button, "Keep mine").click();
    h.run_steps(2);
    assert!(sent(&h, Command::KeepMine(id)) && doc(&h).conflict.is_none());
    apply(&mut h.state_mut().state, Event::SaveFailed { doc: id, error: Error::io("The disk is full"), disk: Some(9) });
    h.run_steps(2);
    assert_eq!(doc(&h).conflict, None::<Conflict>);
    h.get_by_label("The disk is full");
    h.get_by_label("Save again, or save somewhere else. Your edits stay here until then");
    h.get_by_role_and_label(Role::Button, "Try again").click();
    h.run_steps(2);
    assert!(sent(&h, Command::Save));
}

#[test]
fn without_a_kernel_the_cell_offers_an_environment() {
    let mut state = open();
    let clock = FixedClock(morning());
    let (key, id) = (state.notebook.doc().unwrap().cells()[2].key, state.notebook.active.unwrap());
    dispatch::dispatch(&mut state, Command::Run(Scope::One(key)).into(), &Cx { clock: &clock });
    let error = Error::user("No kernel for python was found").because_of("/usr/bin/python3 has no ipykernel");
    apply(&mut state, Event::NoKernel { doc: id, key, number: 1, error });
    let mut h = stage(state);
    h.get_by_label("No kernel for python was found");
    h.get_by_role_and_label(Role::Button, "Kernel: No kernel");
    h.get_by_role_and_label(Role::Button, "Create an environment with ipykernel").click();
    h.run_steps(2);
    let ask = kernels::Ask::Environment { base: None };
    assert!(sent(&h, Command::Kernels(kernels::Command::Ask(ask))));
}

#[test]
fn a_broken_file_says_so_in_its_place() {
    let mut state = open();
    let clock = FixedClock(morning());
    dispatch::dispatch(&mut state, Command::Open("b.ipynb".into()).into(), &Cx { clock: &clock });
    let id = state.notebook.active.unwrap();
    let error = Error::config("b.ipynb is not valid JSON").because_of("Line 3, column 1: the file ends too early");
    apply(&mut state, Event::LoadFailed { doc: id, error });
    let mut h = stage(state);
    h.get_by_label("Line 3, column 1: the file ends too early");
    h.get_by_role_and_label(Role::Button, "Close the tab").click();
    h.run_steps(2);
    assert_eq!(doc(&h).path, "notebooks/a.ipynb");
}

#[test]
fn old_formats_are_shown_and_offered_for_conversion() {
    let old = r#"{"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": [
        {"cell_type": "heading", "level": 1, "metadata": {}, "source": ["Old"]}], "metadata": {}}]}"#;
    let mut h = stage(open_text(old));
    h.get_by_role_and_label(Role::Button, "Convert to format 4").click();
    h.run_steps(2);
    assert!(doc(&h).notebook().unwrap().read_only().is_none() && doc(&h).is_dirty());
}

#[test]
fn the_page_fits_small_windows_and_both_themes() {
    for (theme, size) in
        [(Theme::light(), (1440.0, 900.0)), (Theme::dark(), (1024.0, 700.0)), (Theme::light(), (800.0, 560.0))]
    {
        let h = stage_with(open(), theme, egui::vec2(size.0, size.1));
        h.get_by_role_and_label(Role::Button, "Run");
        h.get_by_role_and_label(Role::MultilineTextInput, "Cell 2 source");
    }
}

#[test]
fn a_thousand_cells_lay_out_only_what_is_seen() {
    let cell = |i: usize| {
        format!(
            r#"{{"cell_type": "code", "id": "c{i}", "metadata": {{}}, "execution_count": {i}, "outputs": [{{"output_type": "stream", "name": "stdout", "text": ["line {i}\n"]}}], "source": ["x = {i}\n", "print(x)"]}}"#
        )
    };
    let cells: Vec<_> = (1..=1_000).map(cell).collect();
    let file = format!(r#"{{"cells": [{}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}"#, cells.join(","));
    let mut h = stage(open_text(&file));
    assert!(h.query_by_label("Cell 1 source").is_some());
    assert!(h.query_by_label("Cell 400 source").is_none());
    press(&mut h, Modifiers::NONE, Key::End);
    h.run_steps(5);
    assert!(h.query_by_label("Cell 1000 source").is_some(), "the last cell came into view");
    assert!(h.query_by_label("Cell 1 source").is_none());
    press(&mut h, Modifiers::NONE, Key::Home);
    h.run_steps(5);
    assert!(h.query_by_label("Cell 1 source").is_some());
}

#[test]
fn a_heading_folds_by_key_and_arrow() {
    let mut h = stage(open());
    press(&mut h, Modifiers::NONE, Key::ArrowLeft);
    h.get_by_label("3 cells folded away");
    assert!(h.query_by_role_and_label(Role::MultilineTextInput, "Cell 2 source").is_none());
    h.get_by_role_and_label(Role::Button, "Unfold the part").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::MultilineTextInput, "Cell 2 source");
    press(&mut h, Modifiers::SHIFT, Key::B);
    assert_eq!(sources(&h)[4], "# ", "a heading after the part");
}

#[test]
fn tab_asks_for_names_and_enter_puts_one_in() {
    let mut h = stage(open());
    press(&mut h, Modifiers::NONE, Key::J);
    press(&mut h, Modifiers::NONE, Key::Enter);
    h.run_steps(2);
    press(&mut h, Modifiers::COMMAND, Key::End);
    h.get_by_role_and_label(Role::MultilineTextInput, "Cell 2 source").type_text(" FROM da");
    h.run_steps(3);
    press(&mut h, Modifiers::NONE, Key::Tab);
    let asked = h.state().effects.iter().find_map(|e| match e {
        Effect::Start(job) => match &job.task {
            AnyTask::Notebook(Task::CompleteSql { key, number, cursor, .. }) => Some((*key, *number, *cursor)),
            _ => None,
        },
        _ => None,
    });
    let (key, number, cursor) = asked.expect("Tab after a name asks");
    let words = ["day", "'data/a.csv'"].map(|w| Suggestion::new(w, "table")).into();
    let offer = Some(Offer { key, start: cursor - 2, end: cursor, cursor, words });
    let id = doc(&h).id;
    apply(&mut h.state_mut().state, Event::Offered { doc: id, number, offer });
    h.run_steps(2);
    h.get_by_role_and_label(Role::ListItem, "'data/a.csv'");
    press(&mut h, Modifiers::NONE, Key::ArrowDown);
    press(&mut h, Modifiers::NONE, Key::Enter);
    h.run_steps(2);
    assert!(sources(&h)[1].ends_with("SELECT 1 AS a FROM 'data/a.csv'"), "{:?}", sources(&h)[1]);
    assert_eq!(doc(&h).mode, Mode::Edit);
    h.get_by_role_and_label(Role::MultilineTextInput, "Cell 2 source").type_text(" x");
    h.run_steps(3);
    assert!(sources(&h)[1].ends_with("'data/a.csv' x"), "the cursor stands after it: {:?}", sources(&h)[1]);
}

#[test]
fn the_inspector_lists_the_names_of_the_kernel() {
    let mut state = open();
    let doc = state.notebook.active.unwrap();
    let variable = Variable {
        name: "day".into(),
        kind: "DataFrame".into(),
        size: "18,732 \u{d7} 5".into(),
        preview: "carrier, origin".into(),
        bytes: Some(1_100_000),
        frame: true,
    };
    let named = |name: &str, bytes| Variable {
        name: name.into(),
        kind: "int".into(),
        size: String::new(),
        preview: "3".into(),
        bytes: Some(bytes),
        frame: false,
    };
    let mut variables = vec![variable];
    variables.extend((0..12).map(|n| named(&format!("n{n:02}"), 30 + n)));
    apply(&mut state, Event::Variables { doc, variables, more: 3, memory: Some(212_000_000) });
    let mut h = stage(state);
    h.get_by_role_and_label(Role::ListItem, "day, DataFrame 18,732 \u{d7} 5");
    h.get_by_label("3 names are not listed");
    assert!(h.query_all_by_label_contains("Kernel ").next().is_some());
    for word in ["in order", "by name", "by type"] {
        h.get_by_role_and_label(Role::Link, word).click();
        h.run_steps(2);
    }
    let first = doc_of(&h).listed_variables().iter().map(|v| v.name.clone()).take(2).collect::<Vec<_>>();
    assert_eq!(first, ["day", "n11"], "the largest come first");
    let field = h.get_by_role_and_label(Role::TextInput, "Filter the variables");
    field.focus();
    h.run_steps(2);
    h.input_mut().events.push(egui::Event::Text("frame".into()));
    h.run_steps(3);
    assert_eq!(doc_of(&h).listed_variables().len(), 1);
    h.get_by_role_and_label(Role::ListItem, "day, DataFrame 18,732 \u{d7} 5").click();
    h.run_steps(2);
    assert!(sent(&h, Command::OpenVariable("day".into())));
}

fn doc_of<'a>(h: &'a Harness<'_, Stage>) -> &'a notebook::Doc {
    doc(h)
}

#[test]
fn a_narrow_window_has_the_inspector_in_a_drawer() {
    let mut h = stage_with(open(), Theme::light(), egui::vec2(1024.0, 700.0));
    assert!(h.query_by_label("Run queue").is_none());
    h.get_by_role_and_label(Role::Button, "Variables, queue and facts of the cell").click();
    h.run_steps(3);
    h.get_by_label("Run queue");
}

#[test]
fn save_as_takes_a_path() {
    let mut h = stage(open());
    press(&mut h, Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    h.run_steps(2);
    let field = h.get_by_label("Path of the file");
    assert_eq!(field.value().as_deref(), Some("notebooks/a.ipynb"));
    field.type_text("2");
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(2);
    let path = h.state().sent.iter().find_map(|c| match c {
        AnyCommand::Notebook(Command::SaveAs { path, .. }) => Some(path.clone()),
        _ => None,
    });
    assert!(path.is_some_and(|p| p.contains('2')));
}

#[test]
fn escape_gives_up_saving_elsewhere() {
    let mut h = stage(open());
    press(&mut h, Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    h.run_steps(2);
    h.get_by_label("Path of the file");
    press(&mut h, Modifiers::NONE, Key::Escape);
    h.run_steps(2);
    assert!(sent(&h, Command::AskPath(false)));
    assert!(h.query_by_label("Path of the file").is_none());
}

fn tested(state: &mut AppState) {
    use andon::{
        app::notebook::tested::{Command as Test, Event as Told},
        model::{
            nbtest::{CellResult, Difference, Line, NotebookResult, Verdict},
            textdiff::RowKind,
        },
    };
    let clock = FixedClock(morning());
    dispatch::dispatch(state, Command::Test(Test::This).into(), &Cx { clock: &clock });
    let line = |kind, text: &str| Line { kind, text: text.into() };
    let difference = Difference {
        output: 1,
        what: "stdout".into(),
        words: "stdout: lines that differ: 1 stored, 1 put out".into(),
        lines: vec![line(RowKind::Removed, "old words"), line(RowKind::Added, "new words")],
    };
    let cell = |cell, verdict, differences| CellResult {
        cell,
        id: None,
        title: "print(x)".into(),
        verdict,
        ms: 4,
        reason: "stdout: lines that differ".into(),
        differences,
        traceback: String::new(),
        hidden: String::new(),
    };
    let cells = vec![cell(1, Verdict::Passed, vec![]), cell(2, Verdict::Differs, vec![difference])];
    let result = NotebookResult { path: "notebooks/a.ipynb".into(), cells, ms: 1_200, kernel: None, error: None };
    let doc = state.notebook.active.unwrap();
    let sides = Some(andon::app::notebook::tested::Sides { stored: "/w/a".into(), executed: "/w/b".into() });
    let number = state.notebook.doc().unwrap().tests;
    apply(state, Event::Test(Told::Done { doc, number, result, sides }));
}

#[test]
fn a_test_shows_each_cell_that_differs_with_both_sides() {
    let mut state = open();
    tested(&mut state);
    let mut h = stage(state);
    h.get_by_label("1 differ, 1 passed, 1.2 s");
    assert_eq!(h.query_all_by_label("- old words").count(), 0, "the cell is not selected yet");
    h.get_by_role_and_label(Role::ListItem, "Cell 3 differs").click();
    h.run_steps(3);
    assert_eq!(doc(&h).index(), 2);
    h.get_by_label("- old words");
    h.get_by_label("+ new words");
    assert_eq!(h.get_all_by_label("Test: differs").count(), 1);
    h.get_by_role_and_label(Role::Link, "Compare stored and new outputs").click();
    h.run_steps(2);
    assert!(sent(&h, Command::Test(notebook::tested::Command::Compare)));
    assert_eq!(h.state().state.shell.page, Page::Review);
}

#[test]
fn the_form_of_parameters_has_a_field_for_each_with_its_type() {
    let mut h = stage(open());
    h.get_by_role_and_label(Role::Button, "Run with parameters\u{2026}").click();
    h.run_steps(4);
    h.get_by_label("Run notebooks/a.ipynb");
    h.get_by_label("integer");
    let field = h.get_by_role_and_label(Role::TextInput, "x");
    field.focus();
    h.run_steps(2);
    h.key_press(Key::End);
    h.input_mut().events.push(egui::Event::Text("z".into()));
    h.run_steps(3);
    h.get_by_label("x must be a whole number, not \"1z\"");
    h.get_by_role_and_label(Role::Button, "Cancel").click();
    h.run_steps(2);
    assert!(h.state().state.runs.dialog.is_none());
}

fn python(path: &str, kind: EnvKind, origin: Origin, ipykernel: Option<&str>) -> Interpreter {
    Interpreter {
        path: path.into(),
        version: "3.12.4".into(),
        prefix: path.trim_end_matches("/bin/python").into(),
        is_venv: kind == EnvKind::Venv,
        kind,
        ipykernel: ipykernel.map(str::to_owned),
        origin,
    }
}

fn local(path: &str, display: &str, origin: Origin) -> KernelSpec {
    KernelSpec {
        id: path.into(),
        origin,
        python: Some(path.into()),
        remote: None,
        ..remote_spec("", "python3", display, "python", None)
    }
}

/// The picker with one kernel, two Pythons without ipykernel and a server that runs one.
pub fn picking() -> AppState {
    let mut state = open();
    (state.workspace.root, state.workspace.trusted) = (Some("/w".into()), true);
    state.workspace.config.servers = vec![Server { name: "gpu".into(), url: "http://gpu/".into(), shared: true }];
    let found = Discovery {
        kernels: vec![local("/w/.venv/bin/python", "Python 3.12 (.venv)", Origin::Workspace)],
        interpreters: vec![
            python("/w/.venv/bin/python", EnvKind::Venv, Origin::Workspace, Some("7.4.0")),
            python("/w/bare/bin/python", EnvKind::Venv, Origin::Workspace, None),
            python("/usr/bin/python", EnvKind::System, Origin::System, None),
        ],
        problems: vec!["/opt/x: is no usable Python".into()],
    };
    state.notebook.kernels = Some(std::sync::Arc::new(found));
    let listing = Listing {
        url: "http://gpu/".into(),
        version: "2.21.1".into(),
        specs: vec![remote_spec("http://gpu/", "python3", "Python 3", "python", None)],
        running: vec![Running {
            id: "k1".into(),
            name: "python3".into(),
            title: Some("train.ipynb".into()),
            state: "busy".into(),
            last_activity: Some(morning()),
            connections: 1,
        }],
    };
    let news = kernels::ServerNews { looking: false, result: Some(Ok(std::sync::Arc::new(listing))) };
    state.notebook.picker.servers.insert("http://gpu/".into(), news);
    state.notebook.picker.offers = vec!["requirements.txt".into()];
    state
}

pub fn chose(h: &Harness<'_, Stage>, wanted: impl Fn(&kernels::Command) -> bool) -> bool {
    h.state().sent.iter().any(|c| matches!(c, AnyCommand::Notebook(Command::Kernels(k)) if wanted(k)))
}

#[test]
fn the_picker_offers_kernels_by_where_they_are_and_completes_pythons() {
    let mut h = stage(picking());
    h.get_by_role_and_label(Role::Button, "Kernel: No kernel yet").click();
    h.run_steps(3);
    for words in ["In this folder", "Python without ipykernel", "Jupyter server gpu", "Cannot be used"] {
        h.get_by_label(words);
    }
    h.get_by_label("The file names no kernel; its language is python");
    h.get_by_label_contains("busy, used");
    h.get_by_role_and_label(Role::Button, "Install ipykernel").click();
    h.run_steps(2);
    assert!(chose(&h, |c| matches!(c, kernels::Command::Install(p) if p.prefix.ends_with("bare"))));
    let mut h = stage(picking());
    h.get_by_role_and_label(Role::Button, "Kernel: No kernel yet").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Make an environment").click();
    h.run_steps(2);
    assert!(chose(&h, |c| matches!(c, kernels::Command::Ask(kernels::Ask::Environment { base: Some(_) }))));
}

#[test]
fn the_picker_is_worked_by_the_keyboard() {
    let mut h = stage(picking());
    h.get_by_role_and_label(Role::Button, "Kernel: No kernel yet").click();
    h.run_steps(3);
    h.get_by_label("Find a kernel or an environment").type_text("train");
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(2);
    assert!(chose(&h, |c| matches!(c, kernels::Command::Choose(s)
        if s.remote.as_ref().is_some_and(|r| r.kernel.as_deref() == Some("k1")))));
    assert!(h.state().state.shell.dialog.is_none(), "choosing closes it");
    assert!(
        h.state().state.notebook.doc().unwrap().notebook().unwrap().kernel_name().is_none(),
        "the file is as it was"
    );
}

#[test]
fn the_form_makes_an_environment_from_what_is_typed() {
    let mut state = picking();
    state.shell.dialog = Some(Dialog::Kernel(kernels::Ask::Environment { base: None }));
    let mut h = stage(state);
    h.run_steps(2);
    h.get_by_label("Packages besides ipykernel").focus();
    h.run_steps(1);
    h.get_by_label("Packages besides ipykernel").type_text("pandas 'polars>=1'");
    h.run_steps(2);
    h.get_by_role_and_label(Role::Button, "Create").click();
    h.run_steps(2);
    assert!(chose(&h, |c| matches!(c, kernels::Command::Make { folder, packages, requirements, .. }
        if folder == ".venv-2" && packages == &["pandas", "polars>=1"] && requirements == &["requirements.txt"])));
    h.run_steps(3);
    h.get_by_label("Creating the environment .venv-2");
    apply(&mut h.state_mut().state, Event::Kernels(Box::new(kernels::Event::Line("Collecting pandas".into()))));
    h.run_steps(2);
    assert!(h.query_all_by_label("Collecting pandas").count() >= 1);
    h.get_by_role_and_label(Role::Button, "Go on in the background").click();
    h.run_steps(3);
    h.get_by_label("Creating the environment .venv-2: Collecting pandas");
    h.get_by_role_and_label(Role::Button, "Cancel").click();
    h.run_steps(2);
    assert!(h.state().state.notebook.making.is_none());
}

#[test]
fn a_server_is_kept_only_after_it_has_answered() {
    let mut state = picking();
    state.shell.dialog = Some(Dialog::Kernel(kernels::Ask::Server { known: None }));
    let mut h = stage(state);
    h.run_steps(2);
    h.get_by_label("Address of the server").type_text("http://127.0.0.1:8888/lab");
    h.run_steps(2);
    h.get_by_label("Token of the server").focus();
    h.run_steps(1);
    h.get_by_label("Token of the server").type_text("hush");
    h.run_steps(2);
    assert!(h.query_by_role_and_label(Role::Button, "Keep").is_none());
    h.get_by_role_and_label(Role::Button, "Try it").click();
    h.run_steps(2);
    let url = "http://127.0.0.1:8888/";
    let refused = Error::remote("The Jupyter server does not take this token").hint("Copy the token anew");
    let tested = |result| Event::Kernels(Box::new(kernels::Event::Tested { url: url.into(), result }));
    apply(&mut h.state_mut().state, tested(Err(refused)));
    h.run_steps(2);
    h.get_by_label("The Jupyter server does not take this token");
    h.get_by_role_and_label(Role::Button, "Try it").click();
    h.run_steps(2);
    let listing = Listing { url: url.into(), version: "2.21.1".into(), ..Listing::default() };
    apply(&mut h.state_mut().state, tested(Ok(std::sync::Arc::new(listing))));
    h.run_steps(2);
    h.get_by_label_contains("Jupyter server 2.21.1");
    h.get_by_role_and_label(Role::Button, "Keep").click();
    h.run_steps(2);
    assert!(chose(&h, |c| matches!(c, kernels::Command::Add { name, token, shared: false, .. }
        if name == "local-8888" && token.0 == "hush")));
}

//! The editor of cells, files and queries, drawn without a display.
use andon::{
    app::{
        AppState, Command as AnyCommand, Cx, dispatch,
        notebook::{self, Command, Event, Mode},
    },
    base::time::FixedClock,
    engine::notebook::Content,
    model::{
        editor::{Act, Motion, Selection, Selections},
        notebook::Notebook,
    },
};
use egui::{
    Event as Input, ImeEvent, Key, Modifiers,
    accesskit::{Action, ActionData, ActionRequest, NodeId, Role, TreeId},
};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};

use crate::support::{Stage, morning, stage};

const FILE: &str = r#"{
 "cells": [
  {"cell_type": "code", "id": "c1", "metadata": {}, "execution_count": null, "outputs": [], "source": ["day = 1\n", "print(day)\n"]},
  {"cell_type": "code", "id": "c2", "metadata": {}, "execution_count": null, "outputs": [], "source": ["days = day + day"]}
 ],
 "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
 "nbformat": 4,
 "nbformat_minor": 5
}
"#;

fn open(path: &str, content: Content) -> Harness<'static, Stage> {
    let clock = FixedClock(morning());
    let mut state = AppState::default();
    state.workspace.root = Some("/w/demo".into());
    state.workspace.trusted = true;
    dispatch::dispatch(&mut state, Command::Open(path.into()).into(), &Cx { clock: &clock });
    let doc = state.notebook.active.unwrap();
    let loaded = Event::Loaded { doc, content: Box::new(content), hash: 1 };
    dispatch::apply(&mut state, loaded.into(), &Cx { clock: &clock });
    let mut h = stage(state);
    h.run_steps(3);
    h
}

fn cells() -> Harness<'static, Stage> {
    open("a.ipynb", Content::Notebook(Box::new(Notebook::parse(FILE.as_bytes()).unwrap())))
}

fn file(path: &str, text: &str) -> Harness<'static, Stage> {
    open(path, Content::Text(text.into()))
}

fn doc<'a>(h: &'a Harness<'_, Stage>) -> &'a notebook::Doc {
    h.state().state.notebook.doc().unwrap()
}

fn text(h: &Harness<'_, Stage>) -> String {
    doc(h).editor().unwrap().buffer().to_string()
}

fn sources(h: &Harness<'_, Stage>) -> Vec<String> {
    doc(h).cells().iter().map(|c| c.source.to_string()).collect()
}

fn press(h: &mut Harness<'_, Stage>, modifiers: Modifiers, key: Key) {
    let modifiers = Modifiers { ctrl: modifiers.command, ..modifiers };
    h.key_press_modifiers(modifiers, key);
    h.run_steps(2);
}

/// Rows of a field as assistive technology is told: node, text, bounds.
fn runs(node: &egui_kittest::kittest::AccessKitNode<'_>) -> Vec<(NodeId, String, egui::accesskit::Rect)> {
    let mut all = Vec::new();
    for child in node.children() {
        if child.role() == Role::TextRun {
            let bounds = child.bounding_box().unwrap();
            all.push((child.locate().0, child.data().value().unwrap_or_default().to_owned(), bounds));
        }
        all.extend(runs(&child));
    }
    all
}

fn types(h: &mut Harness<'_, Stage>, text: &str) {
    for c in text.chars() {
        if c == '\n' {
            h.key_press(Key::Enter);
        } else {
            h.event(Input::Text(c.to_string()));
        }
    }
    h.run_steps(2);
}

fn send(h: &mut Harness<'_, Stage>, command: Command) {
    let clock = FixedClock(morning());
    dispatch::dispatch(&mut h.state_mut().state, command.into(), &Cx { clock: &clock });
    h.run_steps(3);
}

fn act(h: &mut Harness<'_, Stage>, act: Act) {
    let id = doc(h).id;
    send(h, Command::EditFile { doc: id, acts: vec![act] });
}

#[test]
fn a_file_is_typed_in_and_undone_word_by_word() {
    let mut h = file("a.py", "x = 1\r\n");
    assert!(
        h.get_by_role_and_label(Role::MultilineTextInput, "Text of a.py").is_focused(),
        "a file that opens is written in"
    );
    press(&mut h, Modifiers::COMMAND, Key::End);
    types(&mut h, "if x:\ny = [2");
    assert_eq!(text(&h), "x = 1\nif x:\n    y = [2]", "brackets and indentation come by themselves");
    h.get_by_label("Ln 3, Col 11");
    let node = h.get_by_role_and_label(Role::MultilineTextInput, "Text of a.py");
    assert_eq!(node.value().as_deref(), Some("x = 1\nif x:\n    y = [2]"));
    let snapshot = doc(&h).snapshot().unwrap().to_bytes();
    assert_eq!(snapshot, b"x = 1\r\nif x:\r\n    y = [2]", "its line ends are kept, and no final one comes");
    while doc(&h).is_dirty() {
        press(&mut h, Modifiers::COMMAND, Key::Z);
    }
    assert_eq!(text(&h), "x = 1\n");
    press(&mut h, Modifiers::COMMAND, Key::Y);
    assert_ne!(text(&h), "x = 1\n");
}

#[test]
fn keys_select_and_the_clipboard_takes_it() {
    let mut h = file("a.txt", "one two\nthree");
    press(&mut h, Modifiers::COMMAND | Modifiers::SHIFT, Key::ArrowRight);
    let s = doc(&h).editor().unwrap().selections().primary();
    assert_eq!((s.start(), s.end()), (0, 3));
    h.event(Input::Copy);
    h.run_steps(1);
    press(&mut h, Modifiers::COMMAND, Key::End);
    h.event(Input::Paste("one".into()));
    h.run_steps(2);
    assert_eq!(text(&h), "one two\nthreeone");
    h.event(Input::Cut);
    h.run_steps(2);
    assert_eq!(text(&h), "one two", "without a selection the line is cut");
    h.event(Input::Paste("threeone\n".into()));
    h.run_steps(2);
    assert_eq!(text(&h), "threeone\none two", "and put in above the line");
}

#[test]
fn many_cursors_type_at_once() {
    let mut h = file("a.txt", "a\nb\nc");
    press(&mut h, Modifiers::COMMAND | Modifiers::ALT, Key::ArrowDown);
    press(&mut h, Modifiers::COMMAND | Modifiers::ALT, Key::ArrowDown);
    h.get_by_label("3 cursors");
    types(&mut h, "- ");
    assert_eq!(text(&h), "- a\n- b\n- c");
    press(&mut h, Modifiers::NONE, Key::Escape);
    assert_eq!(doc(&h).editor().unwrap().selections().count(), 1, "the first Escape leaves one cursor");
    press(&mut h, Modifiers::COMMAND, Key::Z);
    press(&mut h, Modifiers::COMMAND, Key::Z);
    assert_eq!((text(&h).as_str(), doc(&h).editor().unwrap().selections().count()), ("a\nb\nc", 3));
}

#[test]
fn an_input_method_composes_beside_the_text_and_commits_once() {
    let mut h = file("a.txt", "ab");
    act(&mut h, Act::Select(Selections::at(1)));
    let ime = |h: &mut Harness<'_, Stage>, event| {
        h.event(Input::Ime(event));
        h.run_steps(2);
    };
    ime(&mut h, ImeEvent::Preedit { text: "ni".into(), active_range_chars: None });
    assert_eq!(text(&h), "ab", "what is being composed is not in the text");
    ime(&mut h, ImeEvent::Commit("\u{e9}\u{e8}".into()));
    assert_eq!(text(&h), "a\u{e9}\u{e8}b");
    ime(&mut h, ImeEvent::Commit(String::new()));
    ime(&mut h, ImeEvent::DeleteSurrounding { before_chars: 1, after_chars: 1 });
    assert_eq!(text(&h), "a\u{e9}");
    press(&mut h, Modifiers::COMMAND, Key::Z);
    press(&mut h, Modifiers::COMMAND, Key::Z);
    assert_eq!(text(&h), "ab");
}

#[test]
fn assistive_technology_reads_and_writes_it() {
    let mut h = file("a.py", "alpha = 1\nbeta");
    let (node, runs) = {
        let field = h.get_by_role_and_label(Role::MultilineTextInput, "Text of a.py");
        let (id, _) = field.accesskit_node().locate();
        let runs = runs(&field.accesskit_node());
        assert_eq!(runs.iter().map(|r| r.1.as_str()).collect::<Vec<_>>(), ["alpha = 1\n", "beta"]);
        (id, runs.iter().map(|r| r.0).collect::<Vec<_>>())
    };
    let ask = |h: &mut Harness<'_, Stage>, action, data| {
        let request = ActionRequest { action, target_tree: TreeId::ROOT, target_node: node, data: Some(data) };
        h.event(Input::AccessKitActionRequest(request));
        h.run_steps(2);
    };
    let at = |run: usize, character_index| egui::accesskit::TextPosition { node: runs[run], character_index };
    let selection = egui::accesskit::TextSelection { anchor: at(0, 8), focus: at(1, 2) };
    ask(&mut h, Action::SetTextSelection, ActionData::SetTextSelection(selection));
    assert_eq!(doc(&h).editor().unwrap().selections().primary(), Selection::span(8, 12));
    ask(&mut h, Action::ReplaceSelectedText, ActionData::Value("2 ".into()));
    assert_eq!(text(&h), "alpha = 2 ta");
    ask(&mut h, Action::SetValue, ActionData::Value("new\ntext".into()));
    assert_eq!(text(&h), "new\ntext");
    let field = h.get_by_role_and_label(Role::MultilineTextInput, "Text of a.py");
    assert_eq!(field.value().as_deref(), Some("new\ntext"));
}

#[test]
fn the_pointer_sets_selects_words_and_lines() {
    let mut h = file("a.txt", "one two\nthree four\nfive");
    let rect = h.get_by_role_and_label(Role::MultilineTextInput, "Text of a.txt").rect();
    let second = {
        let field = h.get_by_role_and_label(Role::MultilineTextInput, "Text of a.txt");
        runs(&field.accesskit_node())[1].2
    };
    assert!(second.y0 as f32 >= rect.top() && second.y1 > second.y0);
    let pos = egui::pos2(second.x0 as f32 + 3.0, (second.y0 + 9.0) as f32);
    let button =
        |pressed, modifiers| Input::PointerButton { pos, button: egui::PointerButton::Primary, pressed, modifiers };
    let click = |h: &mut Harness<'_, Stage>, modifiers| {
        // In one frame: presses that count together come soon after each other.
        h.input_mut().events.extend([Input::PointerMoved(pos), button(true, modifiers), button(false, modifiers)]);
        h.run_steps(1);
    };
    let selected = |h: &Harness<'_, Stage>| doc(h).editor().unwrap().selected();
    click(&mut h, Modifiers::NONE);
    assert_eq!(doc(&h).cursor.0, 2);
    click(&mut h, Modifiers::NONE);
    assert_eq!(selected(&h), "three");
    click(&mut h, Modifiers::NONE);
    assert_eq!(selected(&h), "three four\n");
}

#[test]
fn finding_goes_from_one_to_the_next_and_replaces() {
    let mut h = file("a.txt", "Day, day and days\nday");
    press(&mut h, Modifiers::COMMAND, Key::F);
    h.run_steps(3);
    types(&mut h, "day");
    h.run_steps(3);
    h.get_by_label("1 of 4");
    press(&mut h, Modifiers::NONE, Key::F3);
    h.get_by_label("2 of 4");
    assert_eq!(doc(&h).editor().unwrap().selections().primary(), Selection::span(5, 8));
    h.get_by_role_and_label(Role::Button, "Whole words").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Match capitals").click();
    h.run_steps(3);
    assert_eq!(doc(&h).find.as_ref().unwrap().finds.len(), 2);
    h.get_by_role_and_label(Role::Button, "Replace").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::TextInput, "Find").focus();
    h.run_steps(2);
    press(&mut h, Modifiers::NONE, Key::Tab);
    types(&mut h, "night");
    h.get_by_role_and_label(Role::Button, "Replace all").click();
    h.run_steps(3);
    assert_eq!(text(&h), "Day, night and days\nnight");
    h.get_by_label("Not found");
    press(&mut h, Modifiers::NONE, Key::Escape);
    h.run_steps(3);
    assert!(doc(&h).find.is_none());
    assert!(
        h.get_by_role_and_label(Role::MultilineTextInput, "Text of a.txt").is_focused(),
        "the text has the keyboard again"
    );
    press(&mut h, Modifiers::COMMAND, Key::Z);
    assert_eq!(text(&h), "Day, day and days\nday", "all of it is one step");
}

#[test]
fn a_broken_expression_is_said_in_the_bar() {
    let mut h = file("a.txt", "a(b");
    send(&mut h, Command::Find { replacing: false });
    h.get_by_role_and_label(Role::Button, "Regular expression").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::TextInput, "Find").focus();
    h.run_steps(2);
    types(&mut h, "(");
    assert!(h.query_by_label_contains("This is not a regular expression").is_some());
}

#[test]
fn a_name_is_replaced_in_all_cells_as_one_step() {
    let mut h = cells();
    press(&mut h, Modifiers::COMMAND, Key::H);
    h.run_steps(3);
    types(&mut h, "day");
    h.run_steps(2);
    h.get_by_label("1 of 5");
    h.get_by_role_and_label(Role::Button, "Look in this cell alone").click();
    h.run_steps(3);
    assert_eq!(doc(&h).find.as_ref().unwrap().finds.len(), 2);
    h.get_by_role_and_label(Role::Button, "Look in this cell alone").click();
    h.get_by_role_and_label(Role::Button, "Whole words").click();
    h.run_steps(3);
    h.get_by_label("Replace by").focus();
    h.run_steps(2);
    types(&mut h, "x");
    h.get_by_role_and_label(Role::Button, "Replace all").click();
    h.run_steps(3);
    assert_eq!(sources(&h), ["x = 1\nprint(x)\n", "days = x + x"], "a final line break stays");
    send(&mut h, Command::CloseFind);
    send(&mut h, Command::Undo);
    assert_eq!(sources(&h), ["day = 1\nprint(day)\n", "days = day + day"]);
}

#[test]
fn undo_in_a_cell_brings_its_cursor_back_and_leaves_other_cells_alone() {
    let mut h = cells();
    press(&mut h, Modifiers::NONE, Key::Enter);
    h.run_steps(3);
    assert_eq!(doc(&h).mode, Mode::Edit);
    press(&mut h, Modifiers::COMMAND, Key::End);
    types(&mut h, "x");
    assert_eq!(sources(&h)[0], "day = 1\nprint(day)\nx");
    press(&mut h, Modifiers::COMMAND, Key::Home);
    press(&mut h, Modifiers::NONE, Key::Escape);
    press(&mut h, Modifiers::NONE, Key::J);
    press(&mut h, Modifiers::NONE, Key::Enter);
    h.run_steps(2);
    types(&mut h, "y");
    assert_eq!(sources(&h)[1], "ydays = day + day");
    press(&mut h, Modifiers::NONE, Key::ArrowUp);
    h.run_steps(3);
    assert_eq!((doc(&h).index(), doc(&h).mode), (0, Mode::Edit), "an arrow goes on in the cell above");
    press(&mut h, Modifiers::COMMAND, Key::Z);
    assert_eq!(sources(&h), ["day = 1\nprint(day)\n", "ydays = day + day"]);
    assert_eq!(doc(&h).editor().unwrap().selections().primary().head, 19);
    press(&mut h, Modifiers::COMMAND, Key::Y);
    assert_eq!(sources(&h)[0], "day = 1\nprint(day)\nx");
}

#[test]
fn a_long_line_is_cut_and_letters_of_all_kinds_are_drawn() {
    let long = format!("{}\n\u{1f468}\u{200d}\u{1f469} e\u{301}\tx\n\u{5d0}\u{5d1} a", "z".repeat(10_000));
    let mut h = file("a.txt", "");
    h.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    act(&mut h, Act::SetText(long.clone()));
    assert_eq!(h.get_by_role_and_label(Role::MultilineTextInput, "Text of a.txt").value().unwrap().len(), long.len());
    act(&mut h, Act::Select(Selections::at(10_001)));
    press(&mut h, Modifiers::NONE, Key::ArrowRight);
    press(&mut h, Modifiers::NONE, Key::Backspace);
    assert!(text(&h).contains("\n e\u{301}"), "a letter of several signs goes as a whole");
    act(&mut h, Act::Move { motion: Motion::End, extend: true });
    h.run_steps(2);
}

#[test]
fn lines_of_a_hundred_thousand_are_scrolled_to_at_once() {
    let text: String = (0..100_000).map(|n| format!("x{n} = {n}\n")).collect();
    let mut h = file("big.py", &text);
    press(&mut h, Modifiers::COMMAND, Key::End);
    h.get_by_label("Ln 100001, Col 1");
    types(&mut h, "y");
    let field = h.get_by_role_and_label(Role::MultilineTextInput, "Text of big.py");
    assert_eq!(runs(&field.accesskit_node()).last().unwrap().1, "y");
    assert!(h.state().sent.iter().any(|c| matches!(c, AnyCommand::Notebook(Command::EditFile { .. }))));
}

#[test]
fn a_click_into_another_cell_goes_on_writing_there() {
    let mut h = cells();
    let click = |h: &mut Harness<'_, Stage>, name: &str| {
        let pos = h.get_by_role_and_label(Role::MultilineTextInput, name).rect().left_center() + egui::vec2(60.0, 0.0);
        let button = |pressed| Input::PointerButton {
            pos,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        h.input_mut().events.extend([Input::PointerMoved(pos), button(true), button(false)]);
        h.run_steps(5);
    };
    for (name, at) in [("Cell 2 source", 1), ("Cell 1 source", 0), ("Cell 2 source", 1)] {
        click(&mut h, name);
        assert_eq!((doc(&h).mode, doc(&h).index()), (Mode::Edit, at), "{name}");
        types(&mut h, "q");
        assert!(sources(&h)[at].contains('q'), "{:?}", sources(&h));
    }
}

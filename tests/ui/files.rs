//! The notebook page and files: changes by others, metadata as JSON, attachments, dragging.
use andon::{
    app::{
        AppState, Command as AnyCommand, Cx, data, dispatch,
        notebook::{
            Command, Event,
            files::{self, At},
            outside::{self, Look},
            raw::{self, Of},
        },
        shell::Page,
    },
    base::{Error, time::FixedClock},
    engine::notebook::Content,
    model::{
        editor::Act,
        notebook::Notebook,
        workspace::{Entry, FileKind},
    },
    ui::theme::Theme,
};
use egui::{accesskit::Role, pos2, vec2};
use egui_kittest::{Harness, kittest::Queryable};

use crate::support::{Stage, morning, stage, stage_with};

const FILE: &str = r##"{
 "cells": [
  {"cell_type": "markdown", "id": "m1", "attachments": {"plot.png": {"image/png": "iVBORw0KGgo="}}, "metadata": {}, "source": ["# Delays\n", "![plot.png](attachment:plot.png)"]},
  {"cell_type": "code", "id": "c1", "metadata": {"tags": ["x"]}, "execution_count": null, "outputs": [], "source": ["x = 1"]},
  {"cell_type": "code", "id": "c2", "metadata": {}, "execution_count": null, "outputs": [], "source": ["y = 2"]}
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

fn send(state: &mut AppState, command: Command) {
    let clock = FixedClock(morning());
    dispatch::dispatch(state, command.into(), &Cx { clock: &clock });
}

fn open() -> AppState {
    let mut state = AppState::default();
    state.workspace.root = Some("/w/demo".into());
    state.workspace.name = "demo".into();
    state.workspace.trusted = true;
    let entry = |path: &str| Entry { path: path.into(), kind: FileKind::of(path), depth: 0, size: 10, modified: 0 };
    state.workspace.entries = std::sync::Arc::new(vec![entry("a.ipynb"), entry("flights.csv")]);
    send(&mut state, Command::Open("a.ipynb".into()));
    let doc = state.notebook.active.unwrap();
    let content = Box::new(Content::Notebook(Box::new(Notebook::parse(FILE.as_bytes()).unwrap())));
    apply(&mut state, Event::Loaded { doc, content, hash: 1 });
    state
}

fn sent(h: &Harness<'_, Stage>, command: Command) -> bool {
    h.state().sent.contains(&AnyCommand::from(command))
}

#[test]
fn a_change_by_others_says_what_happened_and_gives_every_way_on() {
    for size in [vec2(1440.0, 900.0), vec2(1024.0, 700.0)] {
        let mut state = open();
        let (id, key) = (state.notebook.active.unwrap(), state.notebook.doc().unwrap().cells()[1].key);
        send(&mut state, Command::EditCell { key, acts: vec![Act::SetText("mine".into())] });
        apply(&mut state, Event::Disk { doc: id, hash: Some(9) });
        let revision = state.notebook.doc().unwrap().revision();
        let error = Error::config("a.ipynb is not valid JSON").because_of("Line 2, column 3: a value was expected");
        let look = Box::new(Look { hash: 9, revision, found: Err(error) });
        apply(&mut state, Event::Outside(outside::Event::Looked { doc: id, look }));
        let mut h = stage_with(state, Theme::light(), size);
        let said = h.query_all_by_label_contains("What you see is your unsaved edits").count();
        assert_eq!(said, 1);
        h.get_by_role_and_label(Role::Button, "Look again").click();
        h.run_steps(2);
        assert!(sent(&h, Command::Outside(outside::Command::Again(id))));
        h.get_by_role_and_label(Role::Button, "Keep mine").click();
        h.run_steps(2);
        assert!(sent(&h, Command::KeepMine(id)));
    }
}

#[test]
fn metadata_are_written_in_place_and_refused_with_the_line() {
    let mut state = open();
    let key = state.notebook.doc().unwrap().cells()[1].key;
    send(&mut state, Command::Select(key));
    let mut h = stage(state);
    h.get_by_role_and_label(Role::Button, "Of the cell").click();
    h.run_steps(3);
    assert!(sent(&h, Command::Raw(raw::Command::Open(Of::Cell(key)))));
    h.get_by_role_and_label(Role::MultilineTextInput, "Metadata as JSON");
    let text = "{\n  \"tags\": [\"x\", ]\n}".to_owned();
    send(&mut h.state_mut().state, Command::Raw(raw::Command::Edit(vec![Act::SetText(text)])));
    h.run_steps(3);
    assert_eq!(h.query_all_by_label_contains("Line 2, column 17").count(), 1);
    h.get_by_role_and_label(Role::Button, "Apply").click();
    h.run_steps(2);
    assert!(!sent(&h, Command::Raw(raw::Command::Apply)), "not before it is JSON");
    let text = "{\n  \"tags\": [\"x\", \"y\"]\n}".to_owned();
    send(&mut h.state_mut().state, Command::Raw(raw::Command::Edit(vec![Act::SetText(text)])));
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Apply").click();
    h.run_steps(2);
    assert_eq!(h.state().state.notebook.doc().unwrap().cells()[1].tags(), ["x", "y"]);
}

#[test]
fn attachments_are_listed_renamed_and_removed() {
    let mut h = stage(open());
    let key = h.state().state.notebook.doc().unwrap().cells()[0].key;
    h.get_by_label("plot.png");
    h.get_by_label("PNG \u{b7} 8 B");
    h.get_by_role_and_label(Role::Button, "Rename plot.png").click();
    h.run_steps(3);
    assert!(sent(&h, Command::Files(files::Command::Naming(Some((key, "plot.png".into()))))));
    h.get_by_role_and_label(Role::TextInput, "Name of the attachment");
    h.get_by_role_and_label(Role::Button, "Keep the name").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Remove plot.png").click();
    h.run_steps(3);
    assert!(h.state().state.notebook.doc().unwrap().cells()[0].attachments().is_empty());
}

/// Drags with the first button, from one place to another.
fn drag(h: &mut Harness<'_, Stage>, from: egui::Pos2, to: egui::Pos2) {
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: egui::Modifiers::NONE,
    };
    h.input_mut().events.push(egui::Event::PointerMoved(from));
    h.run_steps(1);
    h.input_mut().events.push(button(from, true));
    h.run_steps(1);
    for n in 1..=4 {
        h.input_mut().events.push(egui::Event::PointerMoved(from + (to - from) * (n as f32 / 4.0)));
        h.run_steps(1);
    }
    h.input_mut().events.push(button(to, false));
    h.run_steps(2);
}

#[test]
fn a_file_of_the_navigator_is_dragged_between_two_cells() {
    let mut h = stage(open());
    let row = h.get_by_role_and_label(Role::ListItem, "flights.csv").rect().center();
    let cell = h.get_by_role_and_label(Role::MultilineTextInput, "Cell 3 source").rect();
    drag(&mut h, row, pos2(cell.center().x, cell.top() - 30.0));
    let dropped = h.state().sent.iter().find_map(|c| match c {
        AnyCommand::Notebook(Command::Files(files::Command::Drop { at, paths })) => Some((*at, paths.clone())),
        _ => None,
    });
    assert_eq!(dropped, Some((At::Cell(2), vec!["flights.csv".into()])));
    assert!(
        !h.state().sent.contains(&andon::app::workspace::Command::OpenFile("flights.csv".into()).into()),
        "a drag is no click"
    );
}

#[test]
fn a_result_of_the_data_page_is_dragged_between_two_cells() {
    let mut state = open();
    let clock = FixedClock(morning());
    data::command(&mut state, data::Command::OpenQuery("SELECT 1 AS one".into()), &Cx { clock: &clock });
    state.data.tabs[0].title = "late flights".into();
    state.shell.page = Page::Data;
    let mut h = stage(state);
    let row = h.get_by_role_and_label(Role::ListItem, "late flights").rect().center();
    let rail = h.get_by_role_and_label(Role::Tab, "Notebook").rect().center();
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: egui::Modifiers::NONE,
    };
    for event in [egui::Event::PointerMoved(row), button(row, true)] {
        h.input_mut().events.push(event);
        h.run_steps(1);
    }
    // Resting on the item of the notebook page opens it.
    for n in 1..=4 {
        h.input_mut().events.push(egui::Event::PointerMoved(row + (rail - row) * (n as f32 / 4.0)));
        h.run_steps(1);
    }
    h.run_steps(90);
    assert_eq!(h.state().state.shell.page, Page::Notebook);
    let cell = h.get_by_role_and_label(Role::MultilineTextInput, "Cell 3 source").rect();
    let to = pos2(cell.center().x, cell.top() - 30.0);
    for event in [egui::Event::PointerMoved(to), button(to, false)] {
        h.input_mut().events.push(event);
        h.run_steps(2);
    }
    let doc = h.state().state.notebook.doc().unwrap();
    assert_eq!(&*doc.cells()[2].source, "%%sql late_flights <<\nSELECT 1 AS one");
    assert_eq!(doc.index(), 2, "it is selected");
}

#[test]
fn a_click_on_the_line_above_the_text_selects_the_cell_and_one_row_is_lit_at_a_time() {
    let mut h = stage(open());
    let cell = h.get_by_role_and_label(Role::MultilineTextInput, "Cell 3 source").rect();
    let head = pos2(cell.center().x, cell.top() - 16.0);
    for pressed in [true, false] {
        h.input_mut().events.push(egui::Event::PointerMoved(head));
        h.input_mut().events.push(egui::Event::PointerButton {
            pos: head,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: egui::Modifiers::NONE,
        });
        h.run_steps(1);
    }
    h.run_steps(2);
    assert_eq!(h.state().state.notebook.doc().unwrap().index(), 2);
    // On the edge of two rows the pointer is over both.
    let upper = h.get_by_role_and_label(Role::ListItem, "a.ipynb").rect();
    let edge = pos2(upper.center().x, upper.bottom());
    h.input_mut().events.push(egui::Event::PointerMoved(edge));
    h.run_steps(2);
    let hover = h.state().theme.hover;
    let lit = h.output().shapes.iter().filter(|s| match &s.shape {
        egui::Shape::Rect(r) => r.fill == hover && r.rect.height() > 20.0 && r.rect.left() == upper.left(),
        _ => false,
    });
    assert!(lit.count() <= 1);
}

/// A file as the desktop hands it over.
#[derive(Debug)]
struct FromDesktop(std::path::PathBuf);

impl egui::DroppedFile for FromDesktop {
    fn path(&self) -> &std::path::Path {
        &self.0
    }
    fn bytes(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }
}

#[test]
fn a_file_of_the_desktop_lands_where_the_pointer_is_or_below_the_selected_cell() {
    let mut h = stage(open());
    let dropped = |h: &Harness<'_, Stage>| {
        h.state().sent.iter().rev().find_map(|c| match c {
            AnyCommand::Notebook(Command::Files(files::Command::Drop { at, paths })) => Some((*at, paths.clone())),
            _ => None,
        })
    };
    let let_go = |h: &mut Harness<'_, Stage>| {
        h.input_mut().dropped_files.push(std::sync::Arc::new(FromDesktop("/tmp/far.csv".into())));
        h.run_steps(2);
    };
    let_go(&mut h);
    assert_eq!(dropped(&h), Some((At::Selected, vec!["/tmp/far.csv".into()])), "most desktops tell no place");
    let cell = h.get_by_role_and_label(Role::MultilineTextInput, "Cell 2 source").rect();
    h.input_mut().events.push(egui::Event::PointerMoved(pos2(cell.center().x, cell.top() - 30.0)));
    h.run_steps(1);
    let_go(&mut h);
    assert_eq!(dropped(&h).unwrap().0, At::Cell(1));
    let tab = h.get_by_role_and_label(Role::Tab, "a.ipynb").rect().center();
    h.input_mut().events.push(egui::Event::PointerMoved(tab));
    h.run_steps(1);
    let_go(&mut h);
    assert_eq!(dropped(&h).unwrap().0, At::Tabs);
}

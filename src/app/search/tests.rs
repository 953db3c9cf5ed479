use std::{fs, path::Path, time::Duration};

use super::*;
use crate::{
    app::{env::NoWaker, host::Host, workspace},
    base::time::SystemClock,
    engine::dirs::Dirs,
    model::editor::find::Query,
};

const BOOK: &str = r##"{
 "cells": [
  {"cell_type": "markdown", "metadata": {}, "source": ["# Needles\n", "a needle_1"]},
  {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": ["needle_2 = 1\n", "print(needle_2)"],
   "outputs": [{"output_type": "stream", "name": "stdout", "text": ["out\n", "needle_3\n"]}]}
 ],
 "metadata": {}, "nbformat": 4, "nbformat_minor": 4
}"##;

struct Rig {
    dir: tempfile::TempDir,
    _home: tempfile::TempDir,
    host: Host,
}

impl Rig {
    fn new() -> Self {
        let (dir, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(dir.path().join("n.ipynb"), BOOK).unwrap();
        fs::write(dir.path().join("m.ipynb"), BOOK).unwrap();
        fs::write(dir.path().join("a.txt"), "one\nneedle_4 two\n").unwrap();
        fs::write(dir.path().join("b.txt"), "needle_5").unwrap();
        let mut host = Host::new(Dirs::below(home.path()), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
        host.send(workspace::Command::Open(dir.path().to_path_buf()));
        let mut rig = Self { dir, _home: home, host };
        rig.settle();
        assert!(rig.host.state.workspace.root.is_some());
        rig
    }
    fn settle(&mut self) {
        assert!(self.host.settle(Duration::from_mins(1)), "jobs end");
    }
    fn send(&mut self, command: impl Into<AnyCommand>) {
        self.host.send(command);
        self.settle();
    }
    fn look(&mut self, text: &str, regex: bool) {
        self.send(Command::Open { replacing: true });
        let query = Query { text: text.into(), regex, ..Query::default() };
        self.send(Command::Look(Ask { query, ..self.search().ask.clone() }));
    }
    fn search(&self) -> &State {
        &self.host.state.search
    }
    fn found(&self) -> Vec<(String, usize)> {
        self.search().files.iter().map(|f| (f.path.clone(), f.hits.len())).collect()
    }
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir.path().join(path)).unwrap()
    }
    fn doc(&self, path: &str) -> &notebook::Doc {
        self.host.state.notebook.docs.iter().find(|d| d.path == path).unwrap()
    }
    fn notice(&self) -> String {
        let shown = &self.host.state.notices.shown;
        shown.last().map(|n| format!("{}. {}", n.title, n.body)).unwrap_or_default()
    }
}

fn names(found: &[(String, usize)]) -> Vec<(&str, usize)> {
    found.iter().map(|(p, n)| (p.as_str(), *n)).collect()
}

#[test]
fn a_search_lists_files_in_order_and_enter_selects_the_place() {
    let mut rig = Rig::new();
    rig.look("needle_", false);
    assert_eq!(names(&rig.found()), [("a.txt", 1), ("b.txt", 1), ("m.ipynb", 3), ("n.ipynb", 3)]);
    assert_eq!(rig.search().words(), "8 results in 4 files");
    // Down to the file, its find, the next file.
    for _ in 0..2 {
        rig.send(Command::Step(true, 1));
    }
    assert_eq!(rig.search().chosen, Some(Row { file: 0, hit: Some(0) }));
    rig.send(Command::GoChosen);
    let Body::Text(text) = &rig.doc("a.txt").body else { panic!("a text") };
    assert_eq!(text.document.editor.selected(), "needle_");
    assert_eq!(rig.doc("a.txt").cursor.0, 2);
    rig.send(Command::Go(Row { file: 3, hit: Some(2) }));
    let doc = rig.doc("n.ipynb");
    let session = doc.session.as_ref().unwrap();
    assert_eq!((doc.index(), session.editor.selected().as_str(), session.editor.place().0), (1, "needle_", 2));
    rig.send(Command::Next(true));
    assert_eq!(rig.search().chosen, Some(Row { file: 0, hit: Some(0) }), "round to the first");
    rig.send(Command::LeftRight(true));
    rig.send(Command::LeftRight(true));
    assert_eq!((rig.search().folded.len(), rig.search().rows().len()), (1, 11));
    rig.send(Command::Drop(Row { file: 0, hit: None }));
    assert_eq!(rig.found()[0].0, "b.txt");
}

#[test]
fn what_is_in_the_window_counts_and_a_place_in_an_output_is_found_by_the_bar() {
    let mut rig = Rig::new();
    rig.send(notebook::Command::Open("a.txt".into()));
    let doc = rig.doc("a.txt").id;
    let act = crate::model::editor::Act::SetText("no more\n\nneedle_9".into());
    rig.send(notebook::Command::EditFile { doc, acts: vec![act] });
    rig.look("needle_", false);
    assert_eq!(rig.search().files[0].hits[0].words, "needle_9");
    rig.send(Command::Look(Ask { outputs: true, ..rig.search().ask.clone() }));
    assert_eq!(names(&rig.found()), [("a.txt", 1), ("b.txt", 1), ("m.ipynb", 4), ("n.ipynb", 4)]);
    rig.send(Command::Go(Row { file: 2, hit: Some(3) }));
    let doc = rig.doc("m.ipynb");
    let find = doc.find.as_ref().unwrap();
    let (output, nth) = find.in_output(doc.selected).unwrap();
    assert_eq!((doc.index(), output.output, output.line, nth), (1, 0, Some(1), 0));
}

#[test]
fn everything_is_replaced_with_groups_and_taken_back() {
    let mut rig = Rig::new();
    rig.send(notebook::Command::Open("n.ipynb".into()));
    rig.send(notebook::Command::Open("a.txt".into()));
    rig.look(r"needle_(\d)", true);
    rig.send(Command::By("n${1}x".into()));
    rig.send(Command::ReplaceAll);
    assert!(
        matches!(&rig.host.state.shell.dialog, Some(shell::Dialog::Confirm { title, .. }) if title == "Replace 8 places in 4 files?")
    );
    rig.send(Command::ReplaceAllNow);
    assert_eq!(rig.read("b.txt"), "n5x");
    assert_eq!(rig.read("m.ipynb"), BOOK.replace("needle_1", "n1x").replace("needle_2", "n2x"));
    assert_eq!(
        (rig.read("n.ipynb").as_str(), rig.read("a.txt").as_str()),
        (BOOK, "one\nneedle_4 two\n"),
        "open ones are not saved"
    );
    let cells: Vec<_> = rig.doc("n.ipynb").cells().iter().map(|c| c.source.to_string()).collect();
    assert_eq!(cells, ["# Needles\na n1x", "n2x = 1\nprint(n2x)"]);
    assert!(rig.doc("n.ipynb").is_dirty() && rig.doc("a.txt").is_dirty());
    assert!(rig.notice().starts_with("Replaced 8 places in 4 files"), "{}", rig.notice());
    assert!(rig.search().files.is_empty(), "the list follows: {:?}", rig.found());
    let number = rig.search().last.as_ref().unwrap().number;
    rig.send(Command::TakeBack(number));
    assert_eq!((rig.read("b.txt").as_str(), rig.read("m.ipynb").as_str()), ("needle_5", BOOK));
    assert!(!rig.doc("n.ipynb").is_dirty() && !rig.doc("a.txt").is_dirty());
    assert!(rig.notice().starts_with("Taken back in 4 files"), "open ones and others: {}", rig.notice());
    assert_eq!(rig.search().hits(), 8);
    rig.send(Command::TakeBack(number));
    assert!(rig.notice().contains("taken back already"), "{}", rig.notice());
}

#[test]
fn one_place_is_replaced_and_a_changed_file_is_refused_with_words() {
    let mut rig = Rig::new();
    rig.look("needle_", false);
    rig.send(Command::By("x".into()));
    rig.send(Command::Replace(Row { file: 3, hit: Some(1) }));
    assert_eq!(rig.read("n.ipynb"), BOOK.replacen("needle_2", "x2", 1));
    let hash = rig.search().files[1].hash;
    fs::write(rig.dir.path().join("b.txt"), "needle_5 by somebody").unwrap();
    // Whatever the watch has seen by now, this list is the old one.
    let file = rig.host.state.search.files.iter_mut().find(|f| f.path == "b.txt").unwrap();
    file.hash = hash;
    let at = rig.search().files.iter().position(|f| f.path == "b.txt").unwrap();
    rig.send(Command::Replace(Row { file: at, hit: None }));
    assert!(rig.notice().contains("b.txt was changed since it was searched"), "{}", rig.notice());
    assert_eq!(rig.read("b.txt"), "needle_5 by somebody");
}

#[test]
fn an_edit_after_the_replacement_is_not_taken_back_with_it() {
    let mut rig = Rig::new();
    rig.send(notebook::Command::Open("a.txt".into()));
    rig.look("needle_4", false);
    rig.send(Command::By("x".into()));
    rig.send(Command::Replace(Row { file: 0, hit: None }));
    let doc = rig.doc("a.txt").id;
    rig.send(notebook::Command::EditFile { doc, acts: vec![crate::model::editor::Act::Type("mine ".into())] });
    let number = rig.search().last.as_ref().unwrap().number;
    rig.send(Command::TakeBack(number));
    let Body::Text(text) = &rig.doc("a.txt").body else { panic!("a text") };
    assert!(text.text().contains("x two") && text.text().contains("mine"), "{}", text.text());
    assert!(rig.notice().contains("was edited since"), "{}", rig.notice());
}

#[test]
fn what_was_taken_back_is_counted_and_what_was_not_is_told_with_it() {
    let mut rig = Rig::new();
    rig.send(notebook::Command::Open("n.ipynb".into()));
    rig.send(notebook::Command::Open("a.txt".into()));
    rig.look("needle_", false);
    rig.send(Command::By("x".into()));
    rig.send(Command::ReplaceAllNow);
    let doc = rig.doc("a.txt").id;
    rig.send(notebook::Command::EditFile { doc, acts: vec![crate::model::editor::Act::Type("mine ".into())] });
    let number = rig.search().last.as_ref().unwrap().number;
    rig.send(Command::TakeBack(number));
    let told = rig.notice();
    assert!(told.starts_with("Taken back in 3 files") && told.contains("a.txt was edited since"), "{told}");
}

#[test]
fn a_bad_expression_is_said_in_the_panel_and_stops_nothing() {
    let mut rig = Rig::new();
    rig.look("(", true);
    assert!(rig.search().error.is_some() && !rig.search().running && rig.search().files.is_empty());
    rig.look("one", true);
    assert_eq!((rig.search().error.clone(), rig.found().len()), (None, 1));
    rig.send(Command::Clear);
    assert!(rig.search().files.is_empty() && rig.search().ask.query.text.is_empty() && rig.search().open);
    assert!(Path::new(rig.dir.path()).exists());
}

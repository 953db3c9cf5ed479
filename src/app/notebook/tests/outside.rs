//! Files that other programs write while they are open here: the real host on real files.
use std::{path::PathBuf, sync::Arc, time::Duration};

use super::*;
use crate::{
    app::{Command as AnyCommand, conflict, env::NoWaker, host::Host, notebook::outside, workspace},
    base::time::SystemClock,
    engine::dirs::Dirs,
    model::merge::Pick,
};

pub(super) struct Place {
    pub(super) dir: tempfile::TempDir,
    pub(super) root: PathBuf,
    pub(super) host: Host,
}

pub(super) fn host(dir: &std::path::Path, root: &std::path::Path) -> Host {
    let dirs = Dirs::below(&dir.join("home"));
    dirs.create().unwrap();
    let mut host = Host::new(dirs, Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    host.send(workspace::Command::Open(root.to_owned()));
    assert!(host.settle(Duration::from_secs(20)));
    host
}

pub(super) fn settle(host: &mut Host) {
    assert!(host.settle(Duration::from_secs(30)));
}

impl Place {
    pub(super) fn new(file: &str, text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("work");
        std::fs::create_dir(&root).unwrap();
        let root = root.canonicalize().unwrap();
        std::fs::write(root.join(file), text).unwrap();
        let host = host(dir.path(), &root);
        let mut place = Self { dir, root, host };
        place.send(Command::Open(file.into()));
        place
    }
    pub(super) fn send(&mut self, command: impl Into<AnyCommand>) {
        self.host.send(command);
        settle(&mut self.host);
    }
    pub(super) fn doc(&self) -> &Doc {
        self.host.state.notebook.doc().unwrap()
    }
    /// Another program writes the file, and the window hears of it.
    pub(super) fn write(&mut self, file: &str, text: &str) {
        std::fs::write(self.root.join(file), text).unwrap();
        self.heard(file);
    }
    pub(super) fn heard(&mut self, file: &str) {
        let clock = SystemClock;
        let effects = files_changed(&mut self.host.state, &[file.to_owned()], &Cx { clock: &clock });
        self.host.carry(effects);
        settle(&mut self.host);
    }
    pub(super) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.root.join(file)).unwrap()
    }
    pub(super) fn sources(&self) -> Vec<String> {
        self.doc().cells().iter().map(|c| c.source.to_string()).collect()
    }
    pub(super) fn edit(&mut self, cell: usize, text: &str) {
        let key = self.doc().cells()[cell].key;
        self.send(Command::EditCell { key, acts: vec![Act::SetText(text.into())] });
    }
    pub(super) fn found(&self) -> outside::Found {
        self.doc().outside.look.as_ref().unwrap().found.clone().unwrap()
    }
    pub(super) fn merge(&mut self) {
        let id = self.doc().id;
        self.send(Command::Outside(outside::Command::Merge(id)));
    }
    pub(super) fn kept(&self) -> Vec<String> {
        let dir = std::fs::read_dir(self.root.join(".andon/kept"));
        dir.into_iter().flatten().flatten().map(|e| std::fs::read_to_string(e.path()).unwrap()).collect()
    }
    pub(super) fn notices(&self) -> String {
        let all = self.host.state.notices.shown.iter().map(|n| format!("{} | {}", n.title, n.body));
        all.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn both_versions_of_a_notebook_go_together_as_one_step() {
    let mut place = Place::new("a.ipynb", FILE);
    let keys: Vec<_> = place.doc().cells().iter().map(|c| c.key).collect();
    place.edit(4, "print(x + 1)");
    let mine = place.doc().notebook().unwrap().to_bytes();
    let theirs = FILE.replace("x = 1", "x = 2").replace("## Check", "## Check all");
    place.write("a.ipynb", &theirs);
    assert!(matches!(place.doc().conflict, Some(Conflict::Changed(_))));
    assert_eq!(place.found().words(), "2 cells there, 1 cell here");
    place.merge();
    assert_eq!(place.sources()[2..], ["x = 2", "## Check all", "print(x + 1)"]);
    assert!(place.doc().is_dirty() && place.doc().conflict.is_none());
    assert_eq!(place.doc().cells().iter().map(|c| c.key).collect::<Vec<_>>(), keys, "cells stay who they are");
    assert!(place.notices().contains("Came in: 2 cells edited"), "{}", place.notices());
    place.send(Command::Undo);
    assert_eq!(place.doc().notebook().unwrap().to_bytes(), mine, "one step");
    place.send(Command::Redo);
    place.send(Command::Save);
    assert!(!place.doc().is_dirty());
    let saved = place.read("a.ipynb");
    assert!(saved.contains("x = 2") && saved.contains("print(x + 1)"), "{saved}");
    // Undoing the merge after all leads to no state that is on disk.
    place.send(Command::Undo);
    assert!(place.doc().is_dirty());
    assert!(place.kept().contains(&theirs), "the other version is kept");
}

#[test]
fn changes_that_come_again_are_merged_over_what_was_read_last() {
    let mut place = Place::new("a.ipynb", FILE);
    place.edit(4, "print(x, 1)");
    for n in 2..5 {
        let theirs = FILE.replace("x = 1", &format!("x = {n}"));
        place.write("a.ipynb", &theirs);
        assert_eq!(place.found().words(), "1 cell there, 1 cell here", "{n}");
        place.merge();
        assert_eq!(
            (place.sources()[2].clone(), place.sources()[4].clone()),
            (format!("x = {n}"), "print(x, 1)".into())
        );
    }
    // Two changes before anybody decides: the newer one counts. And it goes back to what was merged last.
    place.write("a.ipynb", &FILE.replace("x = 1", "x = 5"));
    place.write("a.ipynb", &FILE.replace("x = 1", "x = 6"));
    assert_eq!(place.found().words(), "1 cell there, 1 cell here");
    place.write("a.ipynb", &FILE.replace("x = 1", "x = 4"));
    assert!(place.doc().conflict.is_none());
    place.send(Command::Save);
    assert!(place.read("a.ipynb").contains("print(x, 1)"));
}

#[test]
fn what_both_changed_is_decided_on_its_page_and_comes_into_the_document() {
    let mut place = Place::new("a.ipynb", FILE);
    place.edit(2, "x = 10");
    place.edit(4, "print(x, 1)");
    let theirs = FILE.replace("x = 1", "x = 2").replace("## Check", "## Check all");
    place.write("a.ipynb", &theirs);
    assert_eq!(place.found().words(), "2 cells there, 2 cells here; 1 place was changed on both sides");
    place.merge();
    let page = &place.host.state.conflict;
    assert!(page.in_front && page.is_of_open());
    assert_eq!(place.host.state.shell.page, ShellPage::Review);
    assert_eq!(page.open().len(), 1);
    assert_eq!(place.read("a.ipynb"), theirs, "no marks are written to the disk");
    // Something is edited meanwhile.
    place.edit(1, "%%sql day <<\nSELECT 2 AS a");
    place.send(conflict::Command::Pick(Pick::Remote));
    place.send(conflict::Command::Use);
    place.send(conflict::Command::Finish);
    assert_eq!(place.host.state.shell.page, ShellPage::Notebook);
    assert_eq!(place.sources()[1..], ["%%sql day <<\nSELECT 2 AS a", "x = 2", "## Check all", "print(x, 1)"]);
    assert!(place.doc().conflict.is_none() && place.doc().is_dirty());
    assert!(!place.host.state.conflict.is_of_open() && place.host.state.conflict.files().is_empty());
    place.send(Command::Undo);
    assert_eq!(place.sources()[2], "x = 10", "one step takes the merge back");
    place.send(Command::Redo);
    place.send(Command::Save);
    assert!(place.read("a.ipynb").contains("x = 2") && !place.read("a.ipynb").contains("<<<<"));
}

#[test]
fn either_version_can_be_taken_and_the_other_is_kept() {
    let mut place = Place::new("a.ipynb", FILE);
    place.edit(2, "mine");
    let theirs = FILE.replace("x = 1", "theirs");
    place.write("a.ipynb", &theirs);
    let id = place.doc().id;
    place.send(Command::Save);
    assert_eq!(place.read("a.ipynb"), theirs, "nothing is written over before somebody decides");
    place.send(Command::Reload(id));
    assert_eq!(place.sources()[2], "theirs");
    assert!(!place.doc().is_dirty());
    assert!(place.kept().iter().any(|k| k.contains("mine")), "{:?}", place.kept());
    place.send(Command::UndoReload(id));
    assert_eq!(place.sources()[2], "mine");
    assert!(place.doc().is_dirty());
    place.send(Command::Reload(id));
    place.send(Command::Undo);
    assert_eq!(place.sources()[2], "mine", "loading it is a step like any other");

    let other = FILE.replace("x = 1", "theirs again");
    place.write("a.ipynb", &other);
    place.send(Command::KeepMine(id));
    assert!(place.doc().conflict.is_none() && place.doc().is_dirty());
    assert!(place.kept().contains(&other));
    place.send(Command::Save);
    assert!(place.read("a.ipynb").contains("mine"));
}

#[test]
fn keeping_mine_leaves_no_state_that_looks_saved() {
    let mut place = Place::new("a.ipynb", FILE);
    place.edit(2, "mine");
    place.write("a.ipynb", &FILE.replace("x = 1", "theirs"));
    let id = place.doc().id;
    place.send(Command::KeepMine(id));
    place.send(Command::Undo);
    assert_eq!(place.sources()[2], "x = 1");
    assert!(place.doc().is_dirty(), "the disk has another version");
}

#[test]
fn without_edits_the_file_is_read_again_and_everything_stays_in_its_place() {
    let mut place = Place::new("a.ipynb", FILE);
    let (heading, last) = (place.doc().cells()[3].key, place.doc().cells()[2].key);
    place.send(Command::Fold { key: heading, fold: true });
    place.send(Command::Select(last));
    place.send(Command::EnterEdit);
    place.send(Command::EditCell {
        key: last,
        acts: vec![Act::GoToLine(0), Act::Move { motion: crate::model::editor::Motion::Right, extend: false }],
    });
    assert!(!place.doc().is_dirty());
    let cursor = place.doc().cursor;
    place.write("a.ipynb", &FILE.replace("# Delays", "# More delays").replace("print(x)", "print(x, x)"));
    let doc = place.doc();
    assert!(!doc.is_dirty() && doc.conflict.is_none());
    assert_eq!((doc.cells()[0].source.lines().next(), doc.selected, doc.cursor), (Some("# More delays"), last, cursor));
    assert!(doc.folds.is_folded(heading) && doc.mode == Mode::Edit);
    assert!(doc.cells()[2].has_outputs());
    // Typing goes on, and undo goes back before what came.
    place.edit(2, "x = 12");
    place.send(Command::Undo);
    place.send(Command::Undo);
    assert_eq!(place.sources()[4], "print(x)");
    assert!(place.doc().is_dirty());
}

#[test]
fn a_deleted_file_lives_on_in_the_window_and_the_journal() {
    let mut place = Place::new("a.ipynb", FILE);
    std::fs::remove_file(place.root.join("a.ipynb")).unwrap();
    place.heard("a.ipynb");
    assert_eq!(place.doc().conflict, Some(Conflict::Gone));
    assert!(place.doc().is_dirty(), "the only copy");
    let id = place.doc().id;
    place.send(Command::Close(id));
    assert!(place.host.state.shell.dialog.is_some(), "it is asked for");
    place.send(crate::app::shell::Command::CloseDialog);
    place.send(Command::Journal(id));
    assert_eq!(crate::engine::notebook::draft_paths(&place.root), ["a.ipynb"]);
    place.send(Command::Save);
    assert_eq!(place.read("a.ipynb"), FILE);
    assert!(!place.doc().is_dirty() && crate::engine::notebook::draft_paths(&place.root).is_empty());
    // A file that comes back by itself is simply read.
    std::fs::remove_file(place.root.join("a.ipynb")).unwrap();
    place.heard("a.ipynb");
    place.write("a.ipynb", &FILE.replace("x = 1", "x = 3"));
    assert_eq!((place.sources()[2].as_str(), place.doc().is_dirty()), ("x = 3", false));
}

#[test]
fn a_file_that_becomes_unreadable_takes_nothing_away() {
    let mut place = Place::new("a.ipynb", FILE);
    place.write("a.ipynb", "{ \"cells\": [\n oh");
    let doc = place.doc();
    assert_eq!(place.sources()[2], "x = 1");
    let look = doc.outside.look.as_ref().unwrap();
    let error = look.found.as_ref().unwrap_err().to_string();
    assert!(error.contains("a.ipynb is not valid JSON") && error.contains("Line 2"), "{error}");
    place.edit(2, "x = 9");
    place.send(Command::Save);
    assert!(place.read("a.ipynb").contains("oh"), "nothing is written over unasked");
    place.merge();
    assert!(place.notices().contains("not valid JSON"), "{}", place.notices());
    // The other program finishes.
    place.write("a.ipynb", &FILE.replace("## Check", "## All"));
    assert_eq!(place.found().words(), "1 cell there, 1 cell here");
    place.write("a.ipynb", "half");
    let id = place.doc().id;
    place.send(Command::KeepMine(id));
    place.send(Command::Save);
    assert!(place.read("a.ipynb").contains("x = 9"));
    assert!(place.kept().contains(&"half".to_owned()));
    // A notebook that has become something else altogether.
    place.write("a.ipynb", "[1, 2]");
    assert!(place.doc().outside.look.as_ref().unwrap().found.is_err());
    place.write("a.ipynb", FILE);
    assert!(place.doc().conflict.is_none() && place.sources()[2] == "x = 1");
}

#[test]
fn texts_are_merged_by_lines() {
    let text = "one\r\ntwo\r\nthree\r\nfour\r\n";
    let mut place = Place::new("a.sql", text);
    let id = place.doc().id;
    place.send(Command::EditFile { doc: id, acts: vec![Act::GoToLine(3), Act::Type("4 ".into())] });
    let theirs = text.replace("one", "ONE");
    place.write("a.sql", &theirs);
    assert_eq!(place.found().words(), "1 line there, 1 line here");
    place.merge();
    place.send(Command::Save);
    assert_eq!(place.read("a.sql"), "ONE\r\ntwo\r\nthree\r\n4 four\r\n");
    place.send(Command::UndoFile(id));
    assert!(place.doc().is_dirty());
    place.send(Command::Save);
    assert_eq!(place.read("a.sql"), "one\r\ntwo\r\nthree\r\n4 four\r\n");
    // Without edits it is read again; the cursor stays where it is, and undo leads back.
    let cursor = place.doc().cursor;
    place.write("a.sql", "zero\r\none\r\ntwo\r\nthree\r\n4 four\r\n");
    assert_eq!((place.doc().cursor.0, place.doc().is_dirty()), (cursor.0 + 1, false));
    place.send(Command::UndoFile(id));
    assert!(place.doc().is_dirty());
    // Lines that both changed.
    place.send(Command::EditFile { doc: id, acts: vec![Act::SetText("mine\n".into())] });
    place.write("a.sql", "theirs\r\n");
    assert_eq!(place.found().clashes(), Some(1));
    place.merge();
    place.send(conflict::Command::Pick(Pick::Both));
    place.send(conflict::Command::Use);
    place.send(conflict::Command::Finish);
    place.send(Command::Save);
    assert_eq!(place.read("a.sql"), "mine\r\ntheirs\r\n");
}

#[test]
fn scripts_are_merged_and_keep_what_their_cells_show() {
    let script = "# %%\nx = 1\n\n# %% [markdown]\n# Text\n\n# %%\nprint(x)\n";
    let mut place = Place::new("a.py", script);
    let (id, key) = (place.doc().id, place.doc().cells()[2].key);
    let out: OutputJson = r#"{"output_type":"stream","name":"stdout","text":["1"]}"#.into();
    place.host.state.notebook.by_id(id).unwrap().notebook_mut().unwrap().set_outputs(key, &[out], Some(1)).unwrap();
    place.edit(0, "x = 2");
    place.write("a.py", &script.replace("# Text", "# More text").replace("# %%\nprint", "# %% show\nprint"));
    assert_eq!(place.found().clashes(), Some(0));
    place.merge();
    assert!(place.doc().cell_has_outputs(key));
    place.send(Command::Save);
    assert_eq!(place.read("a.py"), "# %%\nx = 2\n\n# %% [markdown]\n# More text\n\n# %% show\nprint(x)\n");
}

#[test]
fn edits_of_a_crashed_window_are_merged_with_what_came_since() {
    let mut place = Place::new("a.ipynb", FILE);
    place.edit(2, "mine");
    let id = place.doc().id;
    place.send(Command::Journal(id));
    // The window is gone without a word; the file changes; another window comes.
    let Place { dir, root, host: gone } = place;
    std::mem::forget(gone);
    std::fs::write(root.join("a.ipynb"), FILE.replace("## Check", "## All")).unwrap();
    let mut place = Place { host: host(dir.path(), &root), dir, root };
    place.send(Command::Open("a.ipynb".into()));
    let id = place.doc().id;
    assert!(place.doc().draft.is_some());
    place.send(Command::RestoreDraft(id));
    assert!(matches!(place.doc().conflict, Some(Conflict::Changed(_))));
    assert_eq!(place.found().words(), "1 cell there, 1 cell here");
    place.merge();
    assert_eq!((place.sources()[2].as_str(), place.sources()[3].as_str()), ("mine", "## All"));
    drop(place.dir);
}

#[test]
fn two_windows_on_one_file_never_write_over_each_other() {
    let mut first = Place::new("a.ipynb", FILE);
    let mut second = Place {
        host: host(first.dir.path(), &first.root),
        dir: tempfile::tempdir().unwrap(),
        root: first.root.clone(),
    };
    second.send(Command::Open("a.ipynb".into()));
    first.edit(2, "first");
    second.edit(4, "second");
    first.send(Command::Save);
    // The second has not heard of it yet.
    second.send(Command::Save);
    assert!(matches!(second.doc().conflict, Some(Conflict::Changed(_))));
    assert!(first.read("a.ipynb").contains("first") && !first.read("a.ipynb").contains("second"));
    assert_eq!(second.found().words(), "1 cell there, 1 cell here");
    second.merge();
    second.send(Command::Save);
    first.heard("a.ipynb");
    assert_eq!(first.sources(), second.sources());
    assert_eq!((first.sources()[2].as_str(), first.sources()[4].as_str()), ("first", "second"));
    assert!(!first.doc().is_dirty() && !second.doc().is_dirty());
    // The same change in both is no conflict: the second has nothing that is not on the disk.
    first.edit(2, "the same");
    second.edit(2, "the same");
    first.send(Command::Save);
    second.heard("a.ipynb");
    assert!(!second.doc().is_dirty() && second.doc().conflict.is_none());
}

#[test]
fn a_cell_that_runs_meanwhile_is_not_disturbed() {
    let mut place = Place::new("a.ipynb", FILE);
    place.host.state.workspace.trusted = true;
    let key = place.doc().cells()[1].key;
    place.host.send(Command::Run(Scope::One(key)));
    assert!(place.doc().running.is_some());
    // While it runs another program writes the notebook, with the cell in another place.
    let theirs = FILE.replace("## Check", "## All");
    std::fs::write(place.root.join("a.ipynb"), &theirs).unwrap();
    place.heard("a.ipynb");
    let doc = place.doc();
    assert_eq!(doc.state_of(key), CellState::Fresh);
    assert!(doc.cell_has_outputs(key));
    let came = *doc.cells()[3].source == *"## All";
    if !came {
        // The run was done first, so its result is an edit like any other.
        assert_eq!(place.found().words(), "1 cell there, 1 cell here");
        place.merge();
    }
    assert_eq!(place.sources()[3], "## All");
    assert!(place.doc().cell_has_outputs(key) && place.doc().state_of(key) == CellState::Fresh);
}

impl Doc {
    fn cell_has_outputs(&self, key: CellKey) -> bool {
        self.notebook().and_then(|n| n.cell(key)).is_some_and(|c| c.has_outputs())
    }
}

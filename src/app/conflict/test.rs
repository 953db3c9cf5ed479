use std::{path::Path, process::Command as Process, time::Duration};

use super::*;
use crate::{
    app::{Command as AnyCommand, env::NoWaker, host::Host, shell::Dialog},
    base::time::SystemClock,
    engine::{dirs::Dirs, git::Repo},
    model::{git::Rev, merge::Take, settle::is_noted},
};

/// A repository with two branches that do not go together.
struct Place {
    _dir: tempfile::TempDir,
    root: std::path::PathBuf,
    host: Host,
}

fn git(root: &Path, words: &[&str]) -> (bool, String) {
    let out = Process::new("git")
        .args(["-C", root.to_str().unwrap(), "-c", "user.name=Mara", "-c", "user.email=m@example.org"])
        .args(["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgsign=false"])
        .args(words)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
}

fn notebook(cells: &[(&str, &str)]) -> String {
    let cells: Vec<_> = cells
        .iter()
        .map(|(id, s)| {
            serde_json::json!({"cell_type": "code", "id": id, "source": s, "metadata": {}, "outputs": [], "execution_count": null})
        })
        .collect();
    let all = serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    serde_json::to_string_pretty(&all).unwrap() + "\n"
}

const LOAD: &str = "import polars as pl\nframe = pl.read_csv('a.csv')";
const LIMIT: &str = "def in_range(s, lo, hi):\n    return s.is_between(lo, hi).all()\n\nLIMITS = (-30, 1500)";
const SHOW: &str = "print(frame.describe())";

impl Place {
    fn new(begin: impl Fn(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("work");
        std::fs::create_dir(&root).unwrap();
        let root = root.canonicalize().unwrap();
        assert!(git(&root, &["init", "-q", "-b", "main"]).0);
        git(&root, &["config", "user.name", "Mara"]);
        git(&root, &["config", "user.email", "m@example.org"]);
        git(&root, &["config", "core.hooksPath", "/dev/null"]);
        git(&root, &["config", "commit.gpgsign", "false"]);
        let write = |n: &str, text: &str| {
            std::fs::write(root.join("n.ipynb"), notebook(&[("a", LOAD), ("b", text), ("c", n)])).unwrap();
        };
        let commit = |message: &str| {
            git(&root, &["add", "-A"]);
            assert!(git(&root, &["commit", "-qm", message]).0);
        };
        write(SHOW, LIMIT);
        std::fs::write(root.join("t.txt"), "one\ntwo\nthree\n").unwrap();
        std::fs::write(root.join("gone.txt"), "here\n").unwrap();
        commit("Begin");
        git(&root, &["checkout", "-qb", "units"]);
        write(SHOW, &LIMIT.replace("-30, 1500", "-30, 1440"));
        std::fs::write(root.join("t.txt"), "one\n2\nthree\n").unwrap();
        std::fs::write(root.join("gone.txt"), "here and there\n").unwrap();
        commit("A day has 1,440 minutes");
        git(&root, &["checkout", "-q", "main"]);
        write("print(frame.describe(), 1)", &LIMIT.replace("-30, 1500", "-60, 1400"));
        std::fs::write(root.join("t.txt"), "one\nTWO\nthree\n").unwrap();
        std::fs::remove_file(root.join("gone.txt")).unwrap();
        commit("Early departures up to an hour");
        begin(&root);
        let dirs = Dirs::below(&dir.path().join("home"));
        dirs.create().unwrap();
        let mut host = Host::new(dirs, Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
        host.send(workspace::Command::Open(root.clone()));
        assert!(host.settle(Duration::from_secs(20)));
        host.state.workspace.trusted = true;
        Self { _dir: dir, root, host }
    }

    fn send(&mut self, command: impl Into<AnyCommand>) {
        self.host.send(command);
        assert!(self.host.settle(Duration::from_secs(30)));
    }

    fn conflict(&self) -> &State {
        &self.host.state.conflict
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap()
    }

    fn notices(&self) -> Vec<String> {
        self.host.state.notices.shown.iter().map(|n| format!("{} {}", n.title, n.body)).collect()
    }
}

fn merging(root: &Path) {
    assert!(!git(root, &["merge", "units"]).0, "it conflicts");
}

#[test]
fn a_merge_is_decided_file_by_file_and_committed_with_both_parents() {
    let mut place = Place::new(merging);
    assert!(!place.conflict().in_front);
    assert_eq!(
        place.conflict().files(),
        [
            ("gone.txt", "deleted here, changed there"),
            ("n.ipynb", "changed on both sides"),
            ("t.txt", "changed on both sides")
        ]
    );
    place.send(Command::Open(Some("n.ipynb".into())));
    assert_eq!(place.conflict().situation.title(), "Merge units into main");
    // git's marks tear the notebook's JSON; its three versions are whole.
    assert!(serde_json::from_str::<serde_json::Value>(&place.read("n.ipynb")).is_err());
    let entries: Vec<_> = place.conflict().entries().iter().map(|e| (e.place.clone(), e.how.clone())).collect();
    assert_eq!(entries, [("Cell 2".to_owned(), "both changed the same lines".to_owned())]);
    let why = &place.conflict().why[&1];
    assert_eq!(why.ours.as_ref().unwrap().summary, "Early departures up to an hour");
    assert_eq!(why.theirs.as_ref().unwrap().summary, "A day has 1,440 minutes");
    // The comparison shows cells as well, not torn JSON.
    let show = crate::app::review::Command::Show {
        base: Rev::head(),
        compare: Rev::WorkingTree,
        path: Some("n.ipynb".into()),
    };
    place.send(show);
    let shown = place.host.state.review.shown.as_ref().unwrap().diff.clone();
    let crate::model::diff::FileShape::Notebook(diff) = &shown.shape else { panic!("shown as text") };
    assert_eq!(diff.new.cells.len(), 3);
    let words = diff.metadata[0].shown()[1].clone().unwrap();
    assert_eq!(words, "three versions, kept until the conflicts are decided");
    place.send(Command::Open(Some("n.ipynb".into())));
    let before = place.read("n.ipynb");
    place.send(Command::Finish);
    assert_eq!(place.read("n.ipynb"), before, "nothing is written before everything is decided");
    place.send(Command::Pick(Pick::Local));
    assert!(place.conflict().not_yet().unwrap().contains("Cell 2"), "a choice is confirmed by Use result");
    place.send(Command::Use);
    assert_eq!(place.conflict().not_yet(), None);
    assert_eq!(place.read("n.ipynb"), before);
    place.send(Command::Finish);
    let book = place.read("n.ipynb");
    assert_eq!(
        book,
        notebook(&[("a", LOAD), ("b", &LIMIT.replace("-30, 1500", "-60, 1400")), ("c", "print(frame.describe(), 1)")])
    );
    assert_eq!(place.conflict().path.as_deref(), Some("gone.txt"), "the next file comes");
    // A file that one side deleted is taken whole.
    assert!(place.conflict().sheet.as_ref().unwrap().why_whole.as_deref().unwrap().contains("deleted here"));
    place.send(Command::Pick(Pick::Local));
    place.send(Command::Use);
    place.send(Command::Finish);
    assert!(!place.root.join("gone.txt").exists());
    assert_eq!(place.conflict().path.as_deref(), Some("t.txt"));
    place.send(Command::Write("two and 2".into()));
    place.send(Command::Use);
    place.send(Command::Finish);
    assert_eq!(place.read("t.txt"), "one\ntwo and 2\nthree\n");
    assert!(place.conflict().situation.waits_for_end(), "{:?}", place.conflict().situation);
    place.send(Command::Conclude);
    assert_eq!(place.host.state.shell.dialog, Some(Dialog::Commit));
    assert_eq!(place.host.state.git.commit.message, "Merge branch 'units'");
    place.send(crate::app::git::Command::Commit);
    let head = Repo::open(&place.root).unwrap().log("HEAD", 1, &crate::base::job::JobCtx::detached()).unwrap();
    assert_eq!((head[0].parents.len(), head[0].summary.as_str()), (2, "Merge branch 'units'"), "{:?}", place.notices());
    assert!(!place.conflict().needs_somebody());
}

#[test]
fn a_merge_that_ends_as_ours_can_be_committed_though_nothing_differs() {
    let mut place = Place::new(merging);
    place.send(Command::Open(None));
    for _ in 0..3 {
        while !place.conflict().open().is_empty() {
            place.send(Command::Whole(Take::Local));
            place.send(Command::Use);
        }
        place.send(Command::Finish);
    }
    assert!(place.conflict().situation.waits_for_end());
    place.send(Command::Conclude);
    place.send(crate::app::git::Command::Commit);
    let (_, parents) = git(&place.root, &["log", "-1", "--format=%P"]);
    assert_eq!(parents.split_whitespace().count(), 2, "{:?}", place.notices());
}

#[test]
fn aborting_asks_first_and_brings_the_files_back() {
    let mut place = Place::new(merging);
    let ours = git(&place.root, &["show", "HEAD:n.ipynb"]).1;
    place.send(Command::Open(None));
    place.send(Command::AskAbort);
    let Some(Dialog::Confirm { body, command, .. }) = place.host.state.shell.dialog.clone() else {
        panic!("no question")
    };
    assert!(body.contains("is lost") && body.contains("Both sides stay in git"), "{body}");
    place.host.state.workspace.trusted = false;
    place.send((*command).clone());
    assert!(matches!(place.host.state.shell.dialog, Some(Dialog::Trust { .. })));
    place.host.state.workspace.trusted = true;
    place.send(*command);
    assert_eq!(place.read("n.ipynb"), ours);
    assert!(!place.conflict().needs_somebody(), "{:?}", place.notices());
}

#[test]
fn a_rebase_goes_on_once_everything_is_decided() {
    let mut place = Place::new(|root| {
        git(root, &["checkout", "-q", "units"]);
        assert!(!git(root, &["rebase", "main"]).0);
    });
    place.send(Command::Open(None));
    assert_eq!(place.conflict().situation.title(), "Rebase units onto main");
    for _ in 0..3 {
        while !place.conflict().open().is_empty() {
            place.send(Command::Pick(Pick::Remote));
            place.send(Command::Use);
        }
        place.send(Command::Finish);
    }
    place.send(Command::Conclude);
    assert!(!place.conflict().needs_somebody(), "{:?}", place.notices());
    assert!(git(&place.root, &["log", "-2", "--format=%s"]).1.starts_with("A day has 1,440 minutes\nEarly departures"));
    assert!(place.read("n.ipynb").contains("1440"));
}

#[test]
fn a_stash_that_conflicts_and_a_cherry_pick_are_found_too() {
    let place = Place::new(|root| {
        std::fs::write(root.join("t.txt"), "one\nstashed\nthree\n").unwrap();
        git(root, &["stash"]);
        std::fs::write(root.join("t.txt"), "one\ncommitted\nthree\n").unwrap();
        git(root, &["commit", "-qam", "Other"]);
        assert!(!git(root, &["stash", "pop"]).0);
    });
    assert_eq!(place.conflict().situation.title(), "Apply the stash on main");
    assert!(!place.conflict().situation.can_abort(), "git has no way back from here");
    let place = Place::new(|root| assert!(!git(root, &["cherry-pick", "units"]).0));
    assert!(place.conflict().situation.title().starts_with("Cherry-pick "), "{}", place.conflict().situation.title());
}

#[test]
fn decisions_survive_a_look_elsewhere_and_are_undone_step_by_step() {
    let mut place = Place::new(merging);
    place.send(Command::Open(Some("n.ipynb".into())));
    place.send(Command::Pick(Pick::Remote));
    place.send(Command::Write("by hand".into()));
    place.send(Command::Write("by hand, more".into()));
    place.send(Command::Select("t.txt".into()));
    place.send(Command::Close);
    place.send(Command::Open(Some("n.ipynb".into())));
    let text = |place: &Place| {
        let entry = place.conflict().entry().unwrap();
        place.conflict().answer(entry).unwrap().text(entry)
    };
    assert_eq!(text(&place), "by hand, more");
    place.send(Command::Undo);
    assert!(text(&place).ends_with("LIMITS = (-30, 1440)"), "typing is one step");
    place.send(Command::Undo);
    assert!(has_open(&text(&place)));
    place.send(Command::Redo);
    place.send(Command::Redo);
    assert_eq!(text(&place), "by hand, more");
    // The file as it lies on disk is not finished over what another program wrote.
    place.send(Command::Use);
    std::fs::write(place.root.join("n.ipynb"), "decided elsewhere").unwrap();
    place.send(Command::Finish);
    assert_eq!(place.read("n.ipynb"), "decided elsewhere");
    assert!(place.notices().iter().any(|n| n.contains("changed on disk while")), "{:?}", place.notices());
}

#[test]
fn a_notebook_that_a_merge_left_with_conflicts_is_decided_without_git() {
    let mut place = Place::new(|root| {
        let versions = [LIMIT.to_owned(), LIMIT.replace("1500", "1440"), LIMIT.replace("1500", "1400")];
        let [b, l, r] = versions.map(|v| notebook(&[("a", LOAD), ("b", &v), ("c", SHOW)]).into_bytes());
        let names = crate::model::merge::Names { local: "HEAD", remote: "units" };
        let merged = crate::model::merge::merge(&b, &l, &r, names).unwrap();
        // Somebody went on working in it.
        let text = String::from_utf8(merged.bytes).unwrap().replace("print(frame.describe())", "print('mine')");
        std::fs::write(root.join("n.ipynb"), text).unwrap();
    });
    assert_eq!(place.conflict().noted, ["n.ipynb"]);
    place.send(Command::Open(None));
    assert_eq!(place.conflict().entries().len(), 1);
    place.send(Command::Pick(Pick::Remote));
    place.send(Command::Use);
    place.send(Command::Finish);
    let book = place.read("n.ipynb");
    assert!(!is_noted(book.as_bytes()));
    assert_eq!(book, notebook(&[("a", LOAD), ("b", &LIMIT.replace("1500", "1400")), ("c", "print('mine')")]));
    assert!(!place.conflict().needs_somebody());
    let show = crate::app::review::Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path: None };
    place.send(Command::Close);
    place.send(show);
    assert!(!place.conflict().in_front);
}

#[test]
fn a_file_decided_elsewhere_is_taken_as_it_stands() {
    let mut place = Place::new(merging);
    std::fs::write(place.root.join("t.txt"), "one\nboth\nthree\n").unwrap();
    place.send(Command::Open(Some("t.txt".into())));
    assert!(place.conflict().sheet.as_ref().unwrap().decided_on_disk);
    place.send(Command::AsItStands);
    assert_eq!(place.read("t.txt"), "one\nboth\nthree\n");
    assert!(!place.conflict().has("t.txt"));
    place.send(Command::Open(Some("gone.txt".into())));
    let theirs = |place: &Place| place.conflict().sheet.as_ref().is_some_and(|s| s.decided_on_disk);
    assert!(!theirs(&place), "git left their version: nobody decided that");
    place.send(Command::Open(Some("n.ipynb".into())));
    place.send(Command::Next);
    assert_eq!(place.conflict().path.as_deref(), Some("gone.txt"), "after the last conflict of a file the next file");
}

use std::{path::Path, process::Command as Process, time::Duration};

use super::*;
use crate::{
    app::{Command as AnyCommand, env::NoWaker, host::Host, shell::Dialog, workspace},
    base::time::SystemClock,
    engine::{dirs::Dirs, git::Repo},
    model::{git::Rev, merge::Take, settle::is_noted},
};

/// A repository with two branches that do not go together.
struct Place {
    dir: tempfile::TempDir,
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
        Self { dir, root, host }
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

impl Place {
    /// Another program on the same folder; the one before ends as it does when its window is closed.
    fn again(&mut self) {
        assert!(self.host.wind_up(Duration::from_secs(20)));
        self.crashed();
    }
    /// The same without the other one having had the time to do anything.
    fn crashed(&mut self) {
        let dirs = Dirs::below(&self.dir.path().join("home"));
        self.host = Host::new(dirs, Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
        self.host.send(workspace::Command::Open(self.root.clone()));
        assert!(self.host.settle(Duration::from_secs(20)));
        self.host.state.workspace.trusted = true;
    }
    fn text(&self) -> String {
        let entry = self.conflict().entry().unwrap();
        self.conflict().answer(entry).unwrap().text(entry)
    }
    fn kept(&self) -> usize {
        std::fs::read_dir(self.root.join(".andon/merge-decisions")).map_or(0, Iterator::count)
    }
}

#[test]
fn decisions_outlive_the_program_and_a_crash() {
    let mut place = Place::new(merging);
    place.send(Command::Open(Some("n.ipynb".into())));
    place.send(Command::Pick(Pick::Remote));
    place.send(Command::Write("by hand".into()));
    place.send(Command::Use);
    place.send(Command::Select("t.txt".into()));
    place.send(Command::Pick(Pick::Both));
    place.again();
    place.send(Command::Open(Some("n.ipynb".into())));
    assert_eq!(place.text(), "by hand");
    assert_eq!(place.conflict().not_yet(), None, "it had been confirmed");
    assert_eq!(place.conflict().taken_up.unwrap().0, 1);
    assert!(place.conflict().earlier.is_empty());
    place.send(Command::Select("t.txt".into()));
    assert_eq!(place.text(), "TWO\n2");
    // What was undone is not taken up.
    place.send(Command::Select("n.ipynb".into()));
    place.send(Command::Write("more".into()));
    place.send(Command::Undo);
    assert_eq!(place.text(), "by hand");
    std::thread::sleep(Duration::from_millis(400));
    assert!(place.host.settle(Duration::from_secs(20)));
    place.crashed();
    place.send(Command::Open(Some("n.ipynb".into())));
    assert_eq!(place.text(), "by hand");
    place.send(Command::Finish);
    assert!(place.read("n.ipynb").contains("by hand"));
    // A merge that is taken back and made once more finds what was decided about the same versions, written or not.
    place.send(Command::Abort);
    assert!(!place.conflict().needs_somebody(), "{:?}", place.notices());
    merging(&place.root);
    place.send(Command::Open(Some("n.ipynb".into())));
    assert_eq!(place.text(), "by hand");
    place.send(Command::Select("t.txt".into()));
    assert_eq!(place.text(), "TWO\n2");
    assert_eq!(place.kept(), 2);
}

#[test]
fn decisions_about_other_versions_are_named_and_used_only_when_asked() {
    let mut place = Place::new(merging);
    place.send(Command::Open(Some("t.txt".into())));
    place.send(Command::Pick(Pick::Both));
    place.send(Command::Use);
    place.send(Command::Select("n.ipynb".into()));
    place.send(Command::Write("by hand".into()));
    place.send(Command::Abort);
    // Their side goes on, at another place of one file and at the very place of the other.
    git(&place.root, &["checkout", "-q", "units"]);
    std::fs::write(place.root.join("t.txt"), "one\n2\nthree\nand more\n").unwrap();
    let text = place.read("n.ipynb").replace("1440", "1441");
    std::fs::write(place.root.join("n.ipynb"), text).unwrap();
    git(&place.root, &["commit", "-qam", "On"]);
    git(&place.root, &["checkout", "-q", "main"]);
    merging(&place.root);
    place.send(Command::Open(Some("t.txt".into())));
    assert!(has_open(&place.text()), "nothing is put on other versions by itself");
    let [earlier] = place.conflict().earlier.as_slice() else { panic!("{:?}", place.conflict().earlier) };
    assert_eq!((earlier.len(), place.conflict().fitting(earlier).len()), (1, 1));
    let mark = earlier.mark().unwrap();
    place.send(Command::UseEarlier(mark));
    assert_eq!(place.text(), "TWO\n2");
    assert!(place.conflict().not_yet().is_some(), "each is confirmed once more");
    place.send(Command::Undo);
    assert!(has_open(&place.text()));
    place.send(Command::Select("n.ipynb".into()));
    let earlier = place.conflict().earlier[0].clone();
    assert_eq!(place.conflict().fitting(&earlier).len(), 0);
    assert!(earlier.text().contains("by hand"));
    let before = place.kept();
    place.send(Command::ForgetEarlier(earlier.mark().unwrap()));
    assert!(place.conflict().earlier.is_empty());
    assert_eq!(place.kept(), before - 1);
    place.send(Command::KeepEarlier(Box::new(earlier.clone())));
    assert_eq!(place.conflict().earlier, [earlier]);
    assert_eq!(place.kept(), before);
}

#[test]
fn a_text_begun_outside_goes_on_as_it_is_or_anew_and_nothing_typed_is_lost() {
    let begun = "one, by hand\n<<<<<<< HEAD\nTWO\n=======\n2\n>>>>>>> units\nthree\n";
    let mut place = Place::new(merging);
    place.send(Command::Open(Some("t.txt".into())));
    let sheet = place.conflict().sheet.clone().unwrap();
    assert!(!sheet.begun && !sheet.writes_over(), "as git left it");
    place.send(Command::Pick(Pick::Remote));
    std::fs::write(place.root.join("t.txt"), begun).unwrap();
    place.send(workspace::Command::Refresh);
    place.send(Command::Open(Some("t.txt".into())));
    let sheet = place.conflict().sheet.clone().unwrap();
    assert!(sheet.begun && sheet.of_file);
    assert!(place.conflict().earlier.is_empty(), "the other way of the same merge is no stranger");
    place.send(Command::Pick(Pick::Both));
    place.send(Command::Use);
    place.send(Command::Anew(true));
    assert!(!place.conflict().sheet.as_ref().unwrap().of_file);
    assert_eq!(place.text(), "2", "what was decided this way is still there");
    place.send(Command::Anew(false));
    assert_eq!(place.text(), "TWO\n2");
    place.send(Command::Finish);
    assert_eq!(place.read("t.txt"), "one, by hand\nTWO\n2\nthree\n");
    // Anew: what was in the file can be brought back.
    place.send(Command::Abort);
    merging(&place.root);
    std::fs::write(place.root.join("t.txt"), begun).unwrap();
    place.send(Command::Open(Some("t.txt".into())));
    place.send(Command::Anew(true));
    place.send(Command::Pick(Pick::Local));
    place.send(Command::Use);
    place.send(Command::Finish);
    assert_eq!(place.read("t.txt"), "one\nTWO\nthree\n");
    assert!(place.notices().iter().any(|n| n.contains("kept for 30 days")), "{:?}", place.notices());
    let back = place.host.state.git.work.discards[0].clone();
    place.send(crate::app::git::work::Work::UndoDiscard(back));
    assert_eq!(place.read("t.txt"), begun);
}

/// Two cells of SQL, of which the second is in conflict and needs the first.
fn sql(first: &str) -> Place {
    let mut place = Place::new(|_| {});
    let write = |place: &Place, limit: &str| {
        let cells = [("a", first), ("b", limit)];
        std::fs::write(place.root.join("q.ipynb"), notebook(&cells)).unwrap();
        git(&place.root, &["add", "-A"]);
        assert!(git(&place.root, &["commit", "-qm", "SQL"]).0);
    };
    write(&place, "%%sql\nSELECT a + 1 AS b FROM small");
    git(&place.root, &["checkout", "-qb", "more"]);
    write(&place, "%%sql\nSELECT a + 2 AS b FROM small");
    git(&place.root, &["checkout", "-q", "main"]);
    write(&place, "%%sql\nSELECT a + 3 AS b FROM small");
    assert!(!git(&place.root, &["merge", "more"]).0);
    place.send(Command::Open(Some("q.ipynb".into())));
    place
}

#[test]
fn a_cell_is_run_with_all_above_it_or_alone_and_trust_is_asked_first() {
    let mut place = sql("%%sql small <<\nSELECT 1 AS a");
    assert!(place.conflict().no_run(true).unwrap().contains("Decide its source first"));
    place.send(Command::Pick(Pick::Remote));
    place.host.state.workspace.trusted = false;
    place.send(Command::Run { alone: false });
    let Some(Dialog::Trust { then: Some(then) }) = place.host.state.shell.dialog.clone() else { panic!("no question") };
    assert!(place.conflict().runs.is_empty());
    place.host.state.workspace.trusted = true;
    place.host.state.shell.dialog = None;
    place.send(*then);
    let ran = place.conflict().runs[&1].clone();
    assert!(ran.reached && !ran.alone && ran.error.is_none(), "{ran:?}");
    let text = |ran: &Ran| ran.outputs.iter().map(crate::model::output::Output::to_text).collect::<String>();
    assert!(text(&ran).contains('3'), "{}", text(&ran));
    let entry = place.conflict().entry().unwrap().clone();
    assert!(matches!(place.conflict().answer(&entry).unwrap().outputs, Some(Results::Ran { .. })));
    place.send(Command::Use);
    place.send(Command::Run { alone: false });
    assert!(place.conflict().is_settled(&entry), "what was confirmed stays so when its run ends");
    // Alone it does not know what the cell above made.
    place.send(Command::Run { alone: true });
    let ran = place.conflict().runs[&1].clone();
    assert!(ran.reached && ran.alone, "{ran:?}");
    assert!(ran.error.as_ref().unwrap().to_string().contains("small"), "{ran:?}");
    place.send(Command::Write("%%sql\nSELECT 40 + 2 AS answer".into()));
    place.send(Command::Run { alone: true });
    let ran = place.conflict().runs[&1].clone();
    assert!(ran.error.is_none() && text(&ran).contains("42"), "{ran:?}");
    assert!(place.conflict().running.is_none());
}

#[test]
fn a_cell_above_that_fails_is_named_with_its_output() {
    let mut place = sql("%%sql small <<\nSELECT nothing FROM nowhere");
    place.send(Command::Pick(Pick::Remote));
    place.send(Command::Run { alone: false });
    let ran = place.conflict().runs[&1].clone();
    assert!(!ran.reached && ran.error.as_ref().unwrap().what.contains("Cell 1 above it failed"), "{ran:?}");
    assert!(!ran.outputs.is_empty());
    let entry = place.conflict().entry().unwrap().clone();
    assert!(place.conflict().answer(&entry).unwrap().outputs.is_none(), "it is no output of this cell");
    place.send(Command::Run { alone: true });
    assert!(place.conflict().runs[&1].error.as_ref().is_some_and(|e| e.to_string().contains("small")), "alone");
}

#[test]
fn a_torn_notebook_that_somebody_changed_is_kept_when_it_is_written_over() {
    let mut place = Place::new(merging);
    place.send(Command::Open(Some("n.ipynb".into())));
    let sheet = place.conflict().sheet.clone().unwrap();
    assert!(sheet.versions.as_git_left_it && !sheet.begun && !sheet.writes_over());
    let text = place.read("n.ipynb").replace("import polars", "import polars, math");
    std::fs::write(place.root.join("n.ipynb"), &text).unwrap();
    place.send(workspace::Command::Refresh);
    place.send(Command::Open(Some("n.ipynb".into())));
    assert!(place.conflict().sheet.as_ref().unwrap().begun);
    while !place.conflict().open().is_empty() {
        place.send(Command::Pick(Pick::Remote));
        place.send(Command::Use);
    }
    place.send(Command::Finish);
    assert!(!place.read("n.ipynb").contains("math"));
    let back = place.host.state.git.work.discards[0].clone();
    place.send(crate::app::git::work::Work::UndoDiscard(back));
    assert_eq!(place.read("n.ipynb"), text);
}

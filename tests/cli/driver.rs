//! Merges that Andon begins take notebooks by cells though nobody enabled its driver; with real git.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use andon::{
    base::job::JobCtx,
    engine::git::{Repo, Taken},
    model::git::{Merged, Underway},
};
use tempfile::TempDir;

use crate::support::notebook;

const LIMIT: &str = "limit = 3\nkeep = limit";

struct Desk {
    dir: TempDir,
}

impl Desk {
    /// `other` and `main` both changed the second cell and its neighbour in `a.ipynb`, and `b.txt`.
    fn new(ours: &str, theirs: &str) -> Self {
        let desk = Self { dir: TempDir::new().unwrap() };
        fs::create_dir(desk.root()).unwrap();
        desk.git(&["init", "-q", "-b", "main"]);
        for (key, value) in [
            ("user.name", "Mara"),
            ("user.email", "m@example.org"),
            ("core.hooksPath", "/dev/null"),
            ("commit.gpgsign", "false"),
        ] {
            desk.git(&["config", key, value]);
        }
        desk.save("a.ipynb", &book("load()", LIMIT), "Begin");
        desk.git(&["checkout", "-q", "-b", "other"]);
        desk.save("a.ipynb", &book("load('theirs')", theirs), "Theirs");
        desk.git(&["checkout", "-q", "main"]);
        desk.save("a.ipynb", &book("load()", ours), "Ours");
        desk
    }
    fn root(&self) -> PathBuf {
        self.dir.path().join("work")
    }
    fn git(&self, words: &[&str]) -> String {
        let said = Command::new("git").arg("-C").arg(self.root()).args(words).output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    }
    fn write(&self, path: &str, text: &str) {
        fs::write(self.root().join(path), text).unwrap();
    }
    fn save(&self, path: &str, text: &str, message: &str) {
        self.write(path, text);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", message]);
    }
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }
    fn repo(&self) -> Repo {
        Repo::open(&self.root()).unwrap().merging_by(Some(PathBuf::from(env!("CARGO_BIN_EXE_andon"))))
    }
    /// Somebody's own driver, which leaves a word of itself.
    fn own_driver(&self) {
        self.git(&["config", "merge.mine.driver", "echo mine > %A"]);
    }
}

fn book(first: &str, second: &str) -> String {
    notebook(&[("a", first), ("b", second), ("c", "print(limit)")])
}

fn cx() -> JobCtx {
    JobCtx::detached()
}

/// The contents of everything below `.git` that configures it.
fn configured(root: &Path) -> Vec<Option<String>> {
    ["config", "info/attributes", "../.gitattributes"]
        .iter()
        .map(|f| fs::read_to_string(root.join(".git").join(f)).ok())
        .collect()
}

#[test]
fn a_merge_from_the_window_goes_by_cells_and_configures_nothing() {
    let desk = Desk::new("limit = 4\nkeep = limit", "limit = 3\nkeep = limit + 1");
    let before = configured(&desk.root());
    let (merged, moved) = desk.repo().merge("other", false, &cx()).unwrap();
    assert_eq!(merged, Merged::Commit);
    assert!(moved.is_some());
    assert_eq!(desk.read("a.ipynb"), book("load('theirs')", "limit = 4\nkeep = limit + 1"));
    assert_eq!(configured(&desk.root()), before);
    assert!(desk.git(&["config", "--get-regexp", "andon|attributes"]).is_empty());
    // A program of another name is not known to be Andon: git merges as it does by itself.
    desk.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let repo = Repo::open(&desk.root()).unwrap().merging_by(Some("/bin/true".into()));
    assert!(matches!(repo.merge("other", false, &cx()).unwrap().0, Merged::Conflicts(_)));
}

#[test]
fn a_conflict_leaves_a_notebook_with_all_versions_and_so_do_stashes_and_later_commits() {
    let desk = Desk::new("limit = 4\nkeep = limit", "limit = 5\nkeep = limit");
    let repo = desk.repo();
    let (merged, _) = repo.merge("other", false, &cx()).unwrap();
    assert_eq!(merged, Merged::Conflicts(vec!["a.ipynb".into()]));
    let whole =
        |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["metadata"]["andon"]["merge"].clone();
    assert!(whole(&desk.read("a.ipynb")).is_object());
    repo.abort(&cx()).unwrap();
    // A stash.
    desk.write("a.ipynb", &book("load()", "limit = 6\nkeep = limit"));
    let stash = repo.stash("mine", false, &cx()).unwrap().unwrap();
    desk.save("a.ipynb", &book("load()", "limit = 7\nkeep = limit"), "Again");
    assert_eq!(repo.unstash(&stash.id, false, &cx()).unwrap(), Taken::Conflicts(vec!["a.ipynb".into()]));
    assert!(whole(&desk.read("a.ipynb")).is_object());
    desk.git(&["reset", "-q", "--hard"]);
    // A rebase that goes on from the window: its next commit has a conflict of its own.
    desk.git(&["checkout", "-q", "other"]);
    desk.save("a.ipynb", &book("load('theirs')", "limit = 8\nkeep = limit"), "Theirs again");
    desk.git(&["rebase", "-q", "main"]);
    assert_eq!(desk.repo().underway(), Underway::Rebase);
    desk.save_staged("a.ipynb", &book("load('theirs')", "limit = 7\nkeep = limit"));
    desk.repo().go_on(&cx()).unwrap();
    assert_eq!(desk.repo().underway(), Underway::Rebase);
    assert!(whole(&desk.read("a.ipynb")).is_object(), "{}", desk.read("a.ipynb"));
}

impl Desk {
    fn save_staged(&self, path: &str, text: &str) {
        self.write(path, text);
        self.git(&["add", "--", path]);
    }
}

#[test]
fn whoever_chose_another_driver_keeps_it() {
    let line = "*.ipynb merge=mine\n";
    let places: [&dyn Fn(&Desk); 4] = [
        &|desk| {
            fs::write(desk.dir.path().join("attributes"), line).unwrap();
            let file = desk.dir.path().join("attributes");
            desk.git(&["config", "core.attributesFile", file.to_str().unwrap()]);
        },
        &|desk| {
            desk.save(".gitattributes", line, "Attributes");
        },
        &|desk| {
            fs::create_dir_all(desk.root().join(".git/info")).unwrap();
            fs::write(desk.root().join(".git/info/attributes"), line).unwrap();
        },
        &|desk| {
            desk.git(&["config", "merge.default", "mine"]);
        },
    ];
    for (n, place) in places.iter().enumerate() {
        let desk = Desk::new("limit = 4\nkeep = limit", "limit = 3\nkeep = limit + 1");
        desk.own_driver();
        place(&desk);
        desk.repo().merge("other", false, &cx()).unwrap();
        assert_eq!(desk.read("a.ipynb"), "mine\n", "place {n}");
    }
    // One who wants none at all has none.
    let desk = Desk::new("limit = 4\nkeep = limit", "limit = 5\nkeep = limit");
    desk.save(".gitattributes", "*.ipynb -merge\n", "Attributes");
    let ours = desk.read("a.ipynb");
    assert!(matches!(desk.repo().merge("other", false, &cx()).unwrap().0, Merged::Conflicts(_)));
    assert_eq!(desk.read("a.ipynb"), ours);
}

#[test]
fn what_else_the_persons_attributes_say_stays_in_force() {
    let desk = Desk::new("limit = 4\nkeep = limit", "limit = 3\nkeep = limit + 1");
    let file = desk.dir.path().join("attributes");
    fs::write(&file, "*.log merge=union").unwrap();
    desk.git(&["config", "core.attributesFile", file.to_str().unwrap()]);
    desk.save("x.log", "ours\n", "Log");
    desk.git(&["checkout", "-q", "other"]);
    desk.save("x.log", "theirs\n", "Log");
    desk.git(&["checkout", "-q", "main"]);
    assert_eq!(desk.repo().merge("other", false, &cx()).unwrap().0, Merged::Commit);
    assert_eq!(desk.read("x.log"), "ours\ntheirs\n");
    assert_eq!(desk.read("a.ipynb"), book("load('theirs')", "limit = 4\nkeep = limit + 1"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "*.log merge=union");
}

#[test]
fn a_driver_of_andon_that_is_configured_already_is_the_one_that_is_called() {
    let desk = Desk::new("limit = 4\nkeep = limit", "limit = 3\nkeep = limit + 1");
    desk.git(&["config", "merge.andon.driver", "echo another version > %A"]);
    desk.repo().merge("other", false, &cx()).unwrap();
    assert_eq!(desk.read("a.ipynb"), "another version\n");
}

//! Notebooks that git merged by lines, in the middle of a merge: what the command line makes of them.
use std::{fs, process::Command};

use crate::support::{Home, notebook};

fn book(limit: &str) -> String {
    notebook(&[("a", "load()"), ("b", limit), ("c", "print(limit)")])
}

/// In the middle of a merge in which git tore `sub/n.ipynb`.
fn torn() -> Home {
    let home = Home::new();
    home.git(&["init", "-q"]);
    let commit = |limit: &str| {
        home.write("sub/n.ipynb", &book(limit));
        home.git(&["add", "."]);
        home.git(&["commit", "-qm", limit]);
    };
    commit("limit = 3");
    home.git(&["checkout", "-qb", "other"]);
    commit("limit = 5");
    home.git(&["checkout", "-q", "main"]);
    commit("limit = 4");
    let merge = Command::new("git")
        .args(["-c", "user.name=M", "-c", "user.email=m@example.org", "merge", "-q", "other"])
        .current_dir(home.workspace())
        .output()
        .unwrap();
    assert!(!merge.status.success());
    assert!(serde_json::from_str::<serde_json::Value>(&read(&home)).is_err(), "git's marks tear the JSON");
    home
}

fn read(home: &Home) -> String {
    fs::read_to_string(home.workspace().join("sub/n.ipynb")).unwrap()
}

#[test]
fn diff_compares_by_cells_and_says_so() {
    let home = torn();
    let before = read(&home);
    let shown = home.andon(&["diff", "sub/n.ipynb"]).code(1);
    assert!(shown.err.contains("git's marks tear sub/n.ipynb"), "{}", shown.err);
    assert!(shown.out.contains("cell 2") && shown.out.contains("limit = 5"), "{}", shown.out);
    assert!(!shown.out.contains("\"source\""), "{}", shown.out);
    let document = home.andon(&["diff", "sub/n.ipynb", "--json"]).code(1).json("andon.diff/1");
    assert_eq!(document["cells"].as_array().unwrap().len(), 3, "{document:#}");
    let all = home.andon(&["diff"]).code(1);
    assert!(all.err.contains("git's marks tear sub/n.ipynb") && !all.out.contains("\"source\""), "{}", all.out);
    // The versions of the index by git's own words.
    let sides = home.andon(&["diff", ":2", ":3", "sub/n.ipynb"]).code(1).out;
    assert!(sides.contains("-limit = 4") && sides.contains("+limit = 5"), "{sides}");
    let base = home.andon(&["diff", "--git", ":1..:2", "sub/n.ipynb"]).code(1).out;
    assert!(base.contains("-limit = 3") && base.contains("+limit = 4"), "{base}");
    assert_eq!(read(&home), before, "nothing is written");
    // The whole merge, once it is over, is compared as ever; a version that is not there is said.
    home.git(&["reset", "-q", "--hard"]);
    let e = home.andon(&["diff", ":2", ":3", "sub/n.ipynb"]).code(2).err;
    assert!(e.contains("sub/n.ipynb"), "{e}");
}

#[test]
fn show_prints_the_cells_and_the_versions() {
    let home = torn();
    let shown = home.andon(&["show", "sub/n.ipynb"]).code(0);
    assert!(shown.err.contains("git's marks tear sub/n.ipynb"), "{}", shown.err);
    assert!(shown.out.contains("<<<<<<< ours\nlimit = 4\n=======\nlimit = 5\n>>>>>>> theirs"), "{}", shown.out);
    assert!(home.andon(&["show", ":2:sub/n.ipynb"]).code(0).out.contains("limit = 4"));
    assert!(home.andon(&["show", ":3:sub/n.ipynb"]).code(0).out.contains("limit = 5"));
    // No merge knows the versions of a torn file that was committed.
    let text = read(&home);
    home.git(&["reset", "-q", "--hard"]);
    home.write("sub/n.ipynb", &text);
    let told = home.andon(&["show", "sub/n.ipynb"]).code(2).err;
    assert!(told.contains("git's marks of a merge tear") && told.contains("No merge is under way"), "{told}");
    let told = home.andon(&["diff", "sub/n.ipynb"]).code(2).err;
    assert!(told.contains("no merge is under way"), "{told}");
}

#[test]
fn merge_puts_it_together_by_cells_or_gives_one_side_back() {
    let home = torn();
    let before = read(&home);
    let asked = home.andon(&["merge", "sub/n.ipynb"]).code(2).err;
    assert!(asked.contains("andon merge sub/n.ipynb -o sub/n.ipynb"), "{asked}");
    let refused = home.andon(&["merge", "--done", "sub/n.ipynb"]).code(2).err;
    assert!(refused.contains("git's marks of a merge tear"), "{refused}");
    let refused = home.andon(&["merge", "sub/n.ipynb", "sub/n.ipynb", "sub/n.ipynb", "-o", "x.ipynb"]).code(2).err;
    assert!(refused.contains("git's marks of a merge tear"), "{refused}");
    assert_eq!(read(&home), before);
    let merged = home.andon(&["merge", "sub/n.ipynb", "-o", "out.ipynb", "--json"]).code(1).json("andon.merge/1");
    assert_eq!(merged["conflicts"][0]["part"], "source");
    assert_eq!(read(&home), before, "the file itself is left alone");
    let told = home.andon(&["merge", "sub/n.ipynb", "-o", "sub/n.ipynb"]).code(1).err;
    assert!(told.contains("n.ipynb.orig"), "{told}");
    assert!(read(&home).contains("<<<<<<< ours"));
    serde_json::from_str::<serde_json::Value>(&read(&home)).unwrap();
    assert_eq!(fs::read_to_string(home.workspace().join("sub/n.ipynb.orig")).unwrap(), before);
    home.andon(&["merge", "--take", "remote", "sub/n.ipynb"]).code(0);
    assert_eq!(read(&home), book("limit = 5"));
    // Straight from the torn file, too.
    home.write("sub/n.ipynb", &before);
    home.andon(&["merge", "--take", "local", "sub/n.ipynb", "-o", "mine.ipynb"]).code(0);
    assert_eq!(fs::read_to_string(home.workspace().join("mine.ipynb")).unwrap(), book("limit = 4"));
    home.andon(&["merge", "--take", "base", "sub/n.ipynb"]).code(0);
    assert_eq!(read(&home), book("limit = 3"));
    let calm = home.andon(&["merge", "mine.ipynb", "-o", "y.ipynb"]).code(2).err;
    assert!(calm.contains("is not in conflict"), "{calm}");
}

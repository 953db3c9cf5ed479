//! `andon review` between two clones of one repository.
use crate::support::{Home, git, notebook};

const LOAD: &str = "frame = pl.read_csv('stations.csv')\nframe = frame.drop_nulls()";

fn home() -> Home {
    let home = Home::new();
    home.git(&["init", "-q"]);
    home.git(&["config", "user.name", "Mara Okafor"]);
    home.git(&["config", "user.email", "mara@example.org"]);
    home.write("a.ipynb", &notebook(&[("one", "import polars as pl"), ("two", LOAD)]));
    home.git(&["add", "-A"]);
    home.git(&["commit", "-qm", "Begin"]);
    home
}

#[test]
fn a_thread_stays_with_its_line_and_is_never_dropped() {
    let home = home();
    let told =
        home.andon(&["review", "comment", "a.ipynb", "--cell", "two", "--line", "2", "Why drop?", "--json"]).code(0);
    let id = told.json("andon.review/1")["thread"]["id"].as_str().unwrap().to_owned();
    // Moved, edited above, ids rewritten.
    home.write("a.ipynb", &notebook(&[("x", &format!("# load\n{LOAD}")), ("y", "import polars as pl")]));
    let list = home.andon(&["review", "list", "a.ipynb"]).code(0).out;
    assert!(list.contains("cell 0, line 3 (edited since)") && list.contains("Mara Okafor: Why drop?"), "{list}");
    home.andon(&["review", "reply", &id[..6], "They are gaps"]).code(0);
    home.andon(&["review", "resolve", &id]).code(0);
    assert!(home.andon(&["review"]).code(0).err.contains("No open thread"));
    std::fs::remove_file(home.workspace().join("a.ipynb")).unwrap();
    let list = home.andon(&["review", "list"]).code(0).out;
    assert!(list.contains("a cell that is gone") && list.contains("They are gaps"), "{list}");
    let page = home.andon(&["review", "export", "--format", "html"]).code(0).out;
    assert!(page.contains("They are gaps") && !page.contains("<script"), "{page}");
    for wrong in [&["review", "reply", "zzz", "x"][..], &["review", "comment", "a.ipynb", "--cell", "0", "x"]] {
        home.andon(wrong).code(2);
    }
}

#[test]
fn a_suggestion_is_put_in_and_an_approval_lapses_with_its_cell() {
    let home = home();
    let path = home.workspace().join("a.ipynb");
    let before = std::fs::read_to_string(&path).unwrap();
    let better = "frame = pl.scan_csv('stations.csv').drop_nulls().collect()";
    home.andon(&["review", "approve", "a.ipynb"]).code(0);
    let done = home.andon(&["review", "status", "a.ipynb"]).code(0).out;
    assert!(done.starts_with("2 of 2 cells approved, 0 threads open, 0 approvals lapsed"), "{done}");
    let told = home.andon(&["review", "suggest", "a.ipynb", "--cell", "1", better, "-m", "Lazy", "--json"]).code(0);
    let id = told.json("andon.review/1")["thread"]["id"].as_str().unwrap().to_owned();
    home.andon(&["review", "apply", &id]).code(0);
    let quoted = serde_json::to_string(LOAD).unwrap();
    let after = std::fs::read_to_string(&path).unwrap();
    assert_eq!(after, before.replace(&quoted, &serde_json::to_string(better).unwrap()), "nothing else changed");
    let now = home.andon(&["review", "status", "a.ipynb"]).code(1).out;
    assert!(now.starts_with("1 of 2 cells approved, 0 threads open, 1 approvals lapsed"), "{now}");
    let again = home.andon(&["review", "apply", &id]).code(2);
    assert!(again.err.contains("not as it was"), "{}", again.err);
    home.andon(&["review", "withdraw", "a.ipynb", "--cell", "0"]).code(0);
    home.andon(&["review", "withdraw", "a.ipynb", "--cell", "0"]).code(2);
}

#[test]
fn threads_travel_with_the_repository() {
    let (mara, jonas) = (home(), Home::new());
    let far = mara.workspace().join("../far.git");
    git(&mara.workspace(), &["init", "-q", "--bare", far.to_str().unwrap()]);
    mara.git(&["remote", "add", "origin", far.to_str().unwrap()]);
    mara.git(&["push", "-q", "origin", "HEAD:main"]);
    mara.andon(&["review", "comment", "a.ipynb", "--cell", "one", "Which version?"]).code(0);
    mara.andon(&["review", "sync"]).code(0);
    std::fs::remove_dir(jonas.workspace()).unwrap();
    git(&mara.workspace(), &["clone", "-q", "-b", "main", far.to_str().unwrap(), jonas.workspace().to_str().unwrap()]);
    jonas.git(&["config", "user.name", "Jonas Lindqvist"]);
    jonas.git(&["config", "user.email", "jonas@example.org"]);
    jonas.andon(&["review", "sync"]).code(0);
    let list = jonas.andon(&["review", "--json"]).code(0).json("andon.review/1");
    let thread = &list["threads"][0]["thread"];
    assert_eq!(thread["comments"][0]["text"], "Which version?");
    jonas.andon(&["review", "reply", thread["id"].as_str().unwrap(), "1.35"]).code(0);
    jonas.andon(&["review", "sync"]).code(0);
    mara.andon(&["review", "sync"]).code(0);
    let list = mara.andon(&["review"]).code(0).out;
    assert!(list.contains("Jonas Lindqvist: 1.35"), "{list}");
}

#[test]
fn lines_of_a_text_file_are_spoken_of_changed_and_approved() {
    let home = home();
    let path = home.workspace().join("q.sql");
    home.write("q.sql", "SELECT a\nFROM t\nWHERE x = 1\n");
    let told = home.andon(&["review", "suggest", "q.sql", "--line", "3", "WHERE x > 1", "--json"]).code(0);
    let id = told.json("andon.review/1")["thread"]["id"].as_str().unwrap().to_owned();
    home.andon(&["review", "approve", "q.sql"]).code(0);
    home.write("q.sql", "-- first\nSELECT a\nFROM t\nWHERE x = 1\n");
    let list = home.andon(&["review", "list", "q.sql"]).code(0).out;
    assert!(list.contains("q.sql  line 4"), "{list}");
    home.andon(&["review", "apply", &id]).code(0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "-- first\nSELECT a\nFROM t\nWHERE x > 1\n");
    let text = home.andon(&["review", "export"]).code(0).out;
    assert!(text.contains("q.sql by Mara Okafor") && text.contains("WHERE x > 1"), "{text}");
    for wrong in [&["--line", "9"][..], &["--cell", "0"], &["--line", "1", "--output", "0"]] {
        home.andon(&[&["review", "comment", "q.sql", "x"], wrong].concat()).code(2);
    }
    assert!(home.andon(&["review", "comment", "a.ipynb", "x"]).code(2).err.contains("Which cell?"));
}

#[test]
fn without_a_name_nothing_is_signed_and_the_way_to_give_one_is_told() {
    let home = Home::new();
    home.git(&["init", "-q"]);
    let path = home.write("a.ipynb", &notebook(&[("one", "import polars as pl")]));
    let before = std::fs::read_to_string(&path).unwrap();
    for refused in [
        &["review", "comment", "a.ipynb", "--cell", "0", "Why?"][..],
        &["review", "suggest", "a.ipynb", "--cell", "0", "import pandas"],
        &["review", "approve", "a.ipynb"],
        &["review", "withdraw", "a.ipynb", "--cell", "0"],
        &["review", "resolve", "abc"],
        &["review", "reply", "abc", "Yes"],
        &["review", "apply", "abc"],
    ] {
        let told = home.andon(refused).code(2).err;
        assert!(told.starts_with("andon: git does not know your name"), "{refused:?}: {told}");
        for line in ["\n    git config --global user.name \"Your Name\"", "\n    git config --global user.email \"you@"]
        {
            assert!(told.contains(line), "{refused:?}: {told}");
        }
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    assert_eq!(home.git(&["for-each-ref"]), "", "nothing was written");
    // Reading needs no name.
    assert!(home.andon(&["review"]).code(0).err.contains("No open thread"));
    home.andon(&["review", "status", "a.ipynb"]).code(1);
    home.git(&["config", "user.name", "Mara Okafor"]);
    home.andon(&["review", "approve", "a.ipynb"]).code(0);
    let list = home.andon(&["review", "status", "a.ipynb", "--json"]).code(0);
    assert_eq!(list.json("andon.review/1")["cells"][0]["approved_by"][0], "Mara Okafor");
}

//! Bad input on the command line: each is named, with the reason and what to do, and nothing is lost or overwritten.
use std::{fs, os::unix::fs::symlink};

use serde_json::Value;

use super::support::Home;

const OK_NOTEBOOK: &str = "{\"cells\":[{\"cell_type\":\"code\",\"execution_count\":null,\"id\":\"a\",\"metadata\":{},\
                           \"outputs\":[],\"source\":[\"%%sql\\n\",\"SELECT 1 AS one\"]}],\"metadata\":{},\
                           \"nbformat\":4,\"nbformat_minor\":5}\n";

fn repository(home: &Home) {
    home.git(&["init", "--quiet"]);
    home.git(&["commit", "--quiet", "--allow-empty", "--message", "Begin"]);
}

#[test]
fn a_notebook_that_cannot_be_read_begins_no_run_and_stays_as_it_is() {
    let home = Home::new();
    let future = "{\"cells\": [], \"metadata\": {}, \"nbformat\": 5, \"nbformat_minor\": 99}\n";
    for (name, text, words) in [
        ("broken.ipynb", "{\n \"cells\": [\n", "broken.ipynb is not valid JSON: Line 3, column 1"),
        ("future.ipynb", future, "format 5, which is newer than this Andon"),
        ("list.ipynb", "[1, 2]\n", "list.ipynb"),
    ] {
        let path = home.write(name, text);
        let plain = home.andon(&["run", name]);
        assert_eq!(plain.code, 2, "{}", plain.err);
        assert!(plain.err.contains(words), "{}", plain.err);
        let json: Value = serde_json::from_str(&home.andon(&["run", name, "--json"]).out).unwrap();
        assert_eq!((&json["schema"], &json["error"]["kind"]), (&"andon.error/1".into(), &"config".into()));
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    }
    let runs: Value = serde_json::from_str(&home.andon(&["runs", "--json"]).out).unwrap();
    assert_eq!(runs["runs"], Value::Array(Vec::new()), "a run that could not begin is no run");
}

#[test]
fn a_minor_version_of_the_future_runs_and_keeps_what_is_not_known() {
    let home = Home::new();
    let text = OK_NOTEBOOK
        .replace("\"nbformat_minor\":5", "\"nbformat_minor\":99")
        .replace("\"metadata\":{},\"nbformat\"", "\"metadata\":{},\"hologram\":{\"of\":[\"tomorrow\"]},\"nbformat\"");
    let path = home.write("n.ipynb", &text);
    let answer = home.andon(&["run", "n.ipynb"]).code(0);
    let copy = fs::read_to_string(answer.out.trim()).unwrap();
    assert!(copy.contains("\"hologram\":{\"of\":[\"tomorrow\"]}") && copy.contains("99"), "{copy}");
    assert_eq!(fs::read_to_string(path).unwrap(), text);
}

#[test]
fn a_pipeline_in_a_circle_and_one_with_a_mistyped_key_are_refused_with_the_place() {
    let home = Home::new();
    let task = |id: &str, more: &str| format!("[[task]]\nid = \"{id}\"\nkind = \"command\"\nrun = \"true\"\n{more}\n");
    let circle = format!("name = \"c\"\n{}{}", task("a", "after = [\"b\"]"), task("b", "after = [\"a\"]"));
    home.write("pipelines/circle.toml", &circle);
    home.write("pipelines/typo.toml", &format!("name = \"t\"\n{}", task("a", "retrys = 2")));
    let answer = home.andon(&["run", "pipelines/circle.toml"]).code(2);
    assert!(answer.err.contains("a \u{2192} b \u{2192} a"), "{}", answer.err);
    let answer = home.andon(&["run", "typo"]).code(2);
    assert!(answer.err.contains("unknown key `retrys`") && answer.err.contains("`retries`"), "{}", answer.err);
}

#[test]
fn a_folder_or_a_link_in_a_circle_in_place_of_a_file_is_named_and_never_a_pass() {
    let home = Home::new();
    home.write("n.ipynb", OK_NOTEBOOK);
    home.write("data/a.csv", "x\n1\n");
    for place in ["checks/folder.toml", "pipelines/folder.toml", "folder.ipynb", "data/folder.csv"] {
        fs::create_dir_all(home.workspace().join(place)).unwrap();
    }
    for place in ["checks/circle.toml", "pipelines/circle.toml", "circle.ipynb", "data/circle.csv"] {
        let path = home.workspace().join(place);
        symlink(path.file_name().unwrap(), &path).unwrap();
    }
    // A link to the folder above must not send a search around in circles.
    symlink("..", home.workspace().join("data/up")).unwrap();
    for name in ["folder.ipynb", "pipelines/folder.toml"] {
        let answer = home.andon(&["run", name]).code(2);
        assert!(answer.err.contains(&format!("{name} is a folder")), "{}", answer.err);
    }
    for name in ["circle.ipynb", "pipelines/circle.toml"] {
        let answer = home.andon(&["run", name]).code(2);
        assert!(answer.err.contains("symbolic links"), "{}", answer.err);
    }
    let answer = home.andon(&["check", "all"]).code(2);
    assert!(answer.err.contains("checks/folder.toml is a folder"), "{}", answer.err);
    assert!(answer.err.contains("checks/circle.toml") && answer.err.contains("symbolic links"), "{}", answer.err);
    let answer = home.andon(&["profile", "data/circle.csv"]).code(2);
    assert!(answer.err.contains("data/circle.csv"), "{}", answer.err);
    let answer = home.andon(&["sql", "SELECT * FROM 'data/folder.csv'"]).code(2);
    assert!(answer.err.contains("holds no data files"), "{}", answer.err);
    home.andon(&["sql", "SELECT * FROM 'data/a.csv'"]).code(0);
}

#[test]
fn a_damaged_history_is_kept_aside_and_a_new_one_begun() {
    let home = Home::new();
    home.write("n.ipynb", OK_NOTEBOOK);
    home.andon(&["run", "n.ipynb"]).code(0);
    let db = home.workspace().join(".andon/andon.db");
    let garbage = vec![0x5a; 20_000];
    // A log that was not folded in yet would heal the file.
    for log in ["andon.db-wal", "andon.db-shm"] {
        let _ = fs::remove_file(home.workspace().join(".andon").join(log));
    }
    fs::write(&db, &garbage).unwrap();
    let answer = home.andon(&["runs"]).code(0);
    assert!(answer.err.contains("was damaged") && answer.err.contains("It was kept as"), "{}", answer.err);
    let kept = fs::read_dir(home.workspace().join(".andon")).unwrap().flatten();
    let kept: Vec<_> = kept.filter(|e| e.file_name().to_string_lossy().starts_with("andon.damaged-")).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read(kept[0].path()).unwrap(), garbage);
    home.andon(&["run", "n.ipynb"]).code(0);
}

#[test]
fn a_damaged_board_branch_is_told_with_what_mends_it_and_never_written_over() {
    let home = Home::new();
    repository(&home);
    home.andon(&["board", "add", "Precious"]).code(0);
    let whole = home.git(&["rev-parse", "andon/board"]);
    let branch = home.workspace().join(".git/refs/heads/andon/board");
    for damage in ["garbage\n", "1234567890123456789012345678901234567890\n"] {
        fs::write(&branch, damage).unwrap();
        for args in [&["board", "list"][..], &["board", "add", "Second"]] {
            let answer = home.andon(args).code(2);
            assert!(answer.err.contains("andon/board, which holds the board, is damaged"), "{}", answer.err);
            assert!(answer.err.contains("git branch -f andon/board"), "{}", answer.err);
        }
        assert_eq!(fs::read_to_string(&branch).unwrap(), damage);
    }
    fs::write(&branch, &whole).unwrap();
    assert!(home.andon(&["board", "list"]).code(0).out.contains("Precious"));
}

#[test]
fn lines_of_the_board_log_that_nobody_understands_are_kept() {
    let home = Home::new();
    repository(&home);
    home.andon(&["board", "add", "Precious"]).code(0);
    home.git(&["worktree", "add", "--quiet", "../branch", "andon/board"]);
    let tree = home.workspace().join("../branch");
    let log = fs::read_dir(tree.join("log")).unwrap().next().unwrap().unwrap().path();
    let log = fs::read_dir(log).unwrap().next().unwrap().unwrap().path();
    let damaged = format!("{}{{\"half a line\n", fs::read_to_string(&log).unwrap());
    fs::write(&log, &damaged).unwrap();
    home.git(&["-C", "../branch", "commit", "--quiet", "--all", "--message", "Damage"]);
    home.git(&["worktree", "remove", "--force", "../branch"]);
    assert!(home.andon(&["board", "list"]).code(0).out.contains("Precious"));
    home.andon(&["board", "add", "Second"]).code(0);
    let files = home.git(&["ls-tree", "-r", "--name-only", "andon/board"]);
    let logs = files.lines().filter(|f| f.starts_with("log/"));
    let all: String = logs.map(|f| home.git(&["show", &format!("andon/board:{f}")])).collect();
    assert!(all.contains("half a line") && all.contains("Second"), "{all}");
}

#[test]
fn without_a_repository_the_board_works_and_what_needs_one_says_so() {
    let home = Home::new();
    home.write("n.ipynb", OK_NOTEBOOK);
    home.andon(&["board", "add", "In a plain folder"]).code(0);
    assert!(home.andon(&["board", "list"]).code(0).out.contains("In a plain folder"));
    let answer = home.andon(&["diff", "n.ipynb"]).code(2);
    assert!(answer.err.contains("not in a git repository") && answer.err.contains("git init"), "{}", answer.err);
    home.andon(&["run", "n.ipynb"]).code(0);
}

#[test]
fn a_disk_that_is_full_ends_a_run_with_words_and_leaves_the_old_copy() {
    let home = Home::new();
    let cell = "%%sql\\nSELECT * FROM 'a.csv'";
    let text = OK_NOTEBOOK.replace("%%sql\\n\",\"SELECT 1 AS one", cell);
    home.write("n.ipynb", &text);
    let rows: String = (0..2000).map(|i| format!("row number {i} of many\n")).collect();
    home.write("a.csv", &format!("words\n{rows}"));
    let old = home.write("out.ipynb", "precious");
    // No file may grow beyond one block: as a full disk, every write behind that fails.
    let answer = home.limited(1, &["run", "n.ipynb", "-o", "out.ipynb"]);
    assert_ne!(answer.code, 0, "{}", answer.err);
    assert!(answer.code > 0, "it ended by itself: {}", answer.err);
    assert!(answer.err.contains("andon: "), "{}", answer.err);
    assert_eq!(fs::read_to_string(old).unwrap(), "precious");
    assert_eq!(fs::read_to_string(home.workspace().join("n.ipynb")).unwrap(), text);
}

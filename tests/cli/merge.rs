//! `andon merge`, `patch` and `cat`, as scripts and other programs call them.
use serde_json::json;

use crate::support::{self, Home};

fn notebook(sources: &[&str]) -> String {
    let ids: Vec<String> = (0..sources.len()).map(|n| format!("cell{n}")).collect();
    let cells: Vec<(&str, &str)> = ids.iter().map(String::as_str).zip(sources.iter().copied()).collect();
    support::notebook(&cells)
}

const CELLS: [&str; 4] =
    ["import polars as pl", "frame = pl.read_csv('a.csv')", "frame.mean()", "frame.write_parquet('b.parquet')"];

fn home() -> Home {
    let home = Home::new();
    home.write("base.ipynb", &notebook(&CELLS));
    let [a, b, c, d] = CELLS;
    home.write("local.ipynb", &notebook(&[a, d, b, c]));
    home.write("remote.ipynb", &notebook(&[a, b, "frame.median()", d]));
    home.write("other.ipynb", &notebook(&[a, b, "frame.sum()", d]));
    home
}

fn read(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.workspace().join(name)).unwrap()
}

#[test]
fn a_clean_merge_is_zero_and_a_conflict_one_side_of_which_comes_back() {
    let home = home();
    let clean =
        home.andon(&["merge", "base.ipynb", "local.ipynb", "remote.ipynb", "-o", "out.ipynb", "--json"]).code(0);
    assert_eq!(clean.json("andon.merge/1")["conflicts"], json!([]));
    let merged = read(&home, "out.ipynb");
    assert!(merged.contains("frame.median()") && !merged.contains("frame.mean()"), "{merged}");
    let clash = ["merge", "base.ipynb", "remote.ipynb", "other.ipynb", "-o", "out.ipynb"];
    let told = home.andon(&clash).code(1);
    assert!(told.err.contains("CONFLICT cell 3: its source was changed by both"), "{}", told.err);
    let document = home.andon(&[&clash[..], &["--json"]].concat()).code(1).json("andon.merge/1");
    assert_eq!(document["conflicts"], json!([{"base": 2, "local": 2, "remote": 2, "part": "source", "merged": 2}]));
    assert!(read(&home, "out.ipynb").contains("<<<<<<< local"));
    home.andon(&["merge", "--take", "remote", "out.ipynb", "-o", "theirs.ipynb"]).code(0);
    assert_eq!(read(&home, "theirs.ipynb"), read(&home, "other.ipynb"));
    home.andon(&["merge", "--take", "local", "out.ipynb"]).code(0);
    assert_eq!(read(&home, "out.ipynb"), read(&home, "remote.ipynb"));
    let none = home.andon(&["merge", "--take", "local", "out.ipynb"]).code(2);
    assert!(none.err.contains("no conflict to resolve"), "{}", none.err);
    home.andon(&[&clash[..], &["--take", "local"]].concat()).code(0);
    assert_eq!(read(&home, "out.ipynb"), read(&home, "remote.ipynb"));
}

#[test]
fn trouble_leaves_the_output_alone() {
    let home = home();
    home.write("out.ipynb", "precious");
    home.write("torn.ipynb", "{\"cells\": [");
    let three = read(&home, "base.ipynb").replace("\"nbformat\": 4", "\"nbformat\": 3");
    home.write("three.ipynb", &three);
    for other in ["torn.ipynb", "three.ipynb", "nothing.ipynb"] {
        let answer = home.andon(&["merge", "base.ipynb", "local.ipynb", other, "-o", "out.ipynb", "--json"]).code(2);
        assert!(!answer.json("andon.error/1")["error"]["what"].as_str().unwrap().is_empty());
        assert_eq!(read(&home, "out.ipynb"), "precious", "{other}");
    }
    home.andon(&["merge", "base.ipynb", "local.ipynb"]).code(2);
    home.andon(&["merge", "base.ipynb", "local.ipynb", "remote.ipynb"]).code(2);
}

#[test]
fn a_difference_is_applied_and_taken_back_byte_for_byte() {
    let home = home();
    let diff = home.andon(&["diff", "local.ipynb", "remote.ipynb", "--json", "-o", "change.json"]).code(1);
    assert!(diff.out.is_empty());
    home.andon(&["patch", "local.ipynb", "change.json", "-o", "there.ipynb"]).code(0);
    assert_eq!(read(&home, "there.ipynb"), read(&home, "remote.ipynb"));
    home.andon(&["patch", "--invert", "remote.ipynb", "change.json", "-o", "back.ipynb"]).code(0);
    assert_eq!(read(&home, "back.ipynb"), read(&home, "local.ipynb"));
    let wrong = home.andon(&["patch", "base.ipynb", "change.json", "-o", "there.ipynb"]).code(2);
    assert!(wrong.err.contains("not the one this patch was made from"), "{}", wrong.err);
    home.andon(&["patch", "base.ipynb", "base.ipynb", "-o", "there.ipynb"]).code(2);
    assert_eq!(read(&home, "there.ipynb"), read(&home, "remote.ipynb"));
}

#[test]
fn the_cells_of_a_difference_are_named_for_scripts() {
    let home = home();
    let [a, b, c, d] = CELLS;
    home.write("new.ipynb", &notebook(&[d, a, &format!("{b}\nframe.head()"), "extra = frame.describe()"]));
    let document = home.andon(&["diff", "base.ipynb", "new.ipynb", "--json"]).code(1).json("andon.diff/1");
    let cells: Vec<_> =
        document["cells"].as_array().unwrap().iter().map(|x| (&x["base"], &x["other"], &x["change"])).collect();
    let want = [
        (json!(3), json!(0), json!("moved")),
        (json!(0), json!(1), json!("same")),
        (json!(1), json!(2), json!("edited")),
        (json!(2), json!(null), json!("deleted")),
        (json!(null), json!(3), json!("inserted")),
    ];
    assert_eq!(cells.len(), want.len(), "{c}: {document:#}");
    for (base, other, change) in &want {
        assert!(cells.contains(&(base, other, change)), "{base} {other} {change} in {cells:?}");
    }
    // Counts and ids are noise: only --strict minds.
    let again = read(&home, "base.ipynb").replace("\"execution_count\": null", "\"execution_count\": 5");
    home.write("again.ipynb", &again.replace("cell1", "another"));
    let quiet = home.andon(&["diff", "base.ipynb", "again.ipynb", "--json"]).code(0).json("andon.diff/1");
    assert_eq!(quiet["cells"][1]["noise"], json!(["id", "execution_count"]));
    home.andon(&["diff", "--strict", "base.ipynb", "again.ipynb"]).code(1);
}

#[test]
fn revisions_can_be_named_apart_from_files() {
    let home = home();
    home.git(&["init", "-q"]);
    home.git(&["add", "."]);
    home.git(&["commit", "-qm", "Begin"]);
    home.write("base.ipynb", &notebook(&["one = 1"]));
    home.git(&["commit", "-qam", "One"]);
    home.andon(&["diff", "--git", "HEAD", "base.ipynb"]).code(0);
    home.andon(&["diff", "--git", "HEAD~1..HEAD", "base.ipynb"]).code(1);
    home.andon(&["diff", "--git", "HEAD~1", "base.ipynb"]).code(1);
    home.andon(&["diff", "--git", "HEAD~1"]).code(2);
}

#[test]
fn cat_writes_what_it_read_but_for_one_source() {
    let home = home();
    let odd = read(&home, "base.ipynb").replace('\n', "\r\n").replace("\"metadata\": {}", "\"metadata\": {\"x\": 1E5}");
    home.write("odd.ipynb", &odd);
    assert_eq!(home.andon(&["cat", "odd.ipynb"]).code(0).out, odd);
    let changed = home.andon(&["cat", "odd.ipynb", "--set-source", "0=import os"]).code(0).out;
    assert_eq!(changed, odd.replace("import polars as pl", "import os"));
    home.andon(&["cat", "odd.ipynb", "--set-source", "9=x"]).code(2);
    home.andon(&["cat", "odd.ipynb", "--set-source", "x"]).code(2);
}

#[cfg(feature = "gui")]
#[test]
fn only_a_file_in_conflict_opens_a_window_to_be_decided() {
    let home = home();
    for words in [&["merge", "--window", "base.ipynb"][..], &["open", "--conflicts", "base.ipynb"]] {
        let told = home.andon(words).code(2);
        assert!(told.err.contains("base.ipynb is not in conflict"), "{}", told.err);
    }
    assert!(home.andon(&["merge", "--window"]).code(2).err.contains("--window wants one file"));
}

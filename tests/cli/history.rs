//! `andon blame` and `andon log` on a real history.
use serde_json::json;

use crate::support::{Home, git, notebook};

const LOAD: &str = "frame = pl.read_csv('stations.csv')\nframe = frame.drop_nulls()\nframe.describe()";

fn home() -> Home {
    let home = Home::new();
    home.git(&["init", "-q"]);
    let commit = |words: &str, who: &str| {
        home.git(&["add", "-A"]);
        let author = format!("{who} <{who}@example.org>");
        git(&home.workspace(), &["commit", "-qm", words, "--author", &author]);
    };
    home.write("a.ipynb", &notebook(&[("one", "import polars as pl"), ("two", LOAD)]));
    commit("Begin", "Mara");
    home.write("a.ipynb", &notebook(&[("one", "import polars as pl"), ("two", &LOAD.replace("drop", "fill"))]));
    commit("Fill nulls", "Jonas");
    // Renamed, ids rewritten, and the cells change places.
    home.git(&["mv", "a.ipynb", "b.ipynb"]);
    home.write("b.ipynb", &notebook(&[("x", &LOAD.replace("drop", "fill")), ("y", "import polars as pl")]));
    commit("Tidy", "Ines");
    home
}

#[test]
fn lines_are_told_by_who_wrote_them() {
    let home = home();
    let document = home.andon(&["blame", "b.ipynb", "--json"]).code(0).json("andon.blame/1");
    let who: Vec<_> = document["cells"][0]["lines"].as_array().unwrap().iter().map(|l| &l["author"]).collect();
    assert_eq!(who, [&json!("Mara"), &json!("Jonas"), &json!("Mara")]);
    assert_eq!(document["cells"][1]["lines"][0]["summary"], "Begin");
    let old = home.andon(&["blame", "a.ipynb", "--rev", "HEAD~1"]).code(0).out;
    assert!(old.contains("Jonas") && !old.contains("not committed"), "{old}");
    home.write("b.ipynb", &notebook(&[("x", "new = 1"), ("y", "import polars as pl")]));
    let now = home.andon(&["blame", "b.ipynb"]).code(0).out;
    assert!(now.contains("not committed") && now.contains("| new = 1"), "{now}");
}

#[test]
fn a_cell_is_followed_through_edits_moves_and_renames() {
    let home = home();
    let told = home.andon(&["log", "b.ipynb", "--cell", "x"]).code(0).out;
    let words: Vec<&str> = told.lines().map(|l| l.split_whitespace().nth(3).unwrap()).collect();
    assert_eq!(words.last(), Some(&"created"), "{told}");
    assert!(words.contains(&"edited"), "{told}");
    assert!(told.contains("Fill nulls") && told.contains("Begin"), "{told}");
    let by_place = home.andon(&["log", "b.ipynb", "--cell", "0"]).code(0).out;
    assert_eq!(told, by_place);
    let all = home.andon(&["log", "b.ipynb", "--json"]).code(0).json("andon.log/1");
    assert_eq!(all["versions"].as_array().unwrap().len(), 3);
    assert_eq!(all["versions"][1]["words"], "1 changed");
    let gone = home.andon(&["log", "b.ipynb", "--cell", "9"]).code(2);
    assert!(gone.err.contains("There is no cell 9"), "{}", gone.err);
    home.andon(&["blame", "nothing.ipynb"]).code(2);
}

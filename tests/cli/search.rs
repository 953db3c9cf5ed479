//! `andon search`: files by lines, notebooks by cells.
use crate::support::Home;

const NOTEBOOK: &str = r##"{"cells": [
 {"cell_type": "markdown", "metadata": {"delay": 1}, "source": ["# Delays\n", "the delay of a day"]},
 {"cell_type": "code", "execution_count": 4, "metadata": {}, "source": ["delay = 3\n", "print(delay)"],
  "outputs": [{"name": "stdout", "output_type": "stream", "text": ["a\n", "\u001b[1mdelay\u001b[0m 3\n"]}]}
], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}"##;

fn workspace() -> Home {
    let home = Home::new();
    home.git(&["init", "-q"]);
    home.write(".gitignore", "out/\n");
    home.write("out/x.txt", "delay");
    home.write("src/a.py", "def delay(x):\n    return x\n");
    home.write("src/b.sql", "SELECT Delay FROM t");
    home.write("n/a.ipynb", NOTEBOOK);
    home
}

#[test]
fn finds_are_told_by_line_and_by_cell() {
    let home = workspace();
    let out = |args: &[&str]| home.andon(&[&["search"], args].concat()).code(0).out;
    assert_eq!(
        out(&["delay", "--case"]),
        "n/a.ipynb:cell 1:2: the delay of a day\nn/a.ipynb:cell 2:1: delay = 3\nn/a.ipynb:cell 2:2: print(delay)\n\
         src/a.py:1: def delay(x):\n"
    );
    assert!(out(&["delay", "src"]).ends_with("src/b.sql:1: SELECT Delay FROM t\n"), "capitals do not count");
    assert_eq!(out(&["delay 3", "--outputs"]), "n/a.ipynb:cell 2 output 1:2: delay 3\n");
    assert_eq!(out(&["--regex", r"^def \w+", "--glob", "*.py"]), "src/a.py:1: def delay(x):\n");
    assert_eq!(out(&["delay", "-l", "--exclude", "src"]), "n/a.ipynb\n");
    assert_eq!(out(&["delay", "out/x.txt"]), "out/x.txt:1: delay\n", "a file that is named is searched");
    assert!(out(&["delay", "--color", "always", "src/a.py"]).contains("\u{1b}[1;31mdelay\u{1b}[0m"));
    assert!(!out(&["delay", "--word", "--case"]).contains("Delays"));
}

#[test]
fn nothing_found_ends_with_one_and_a_bad_question_with_two() {
    let home = workspace();
    let none = home.andon(&["search", "no such words"]).code(1);
    assert!(none.out.is_empty() && none.err.is_empty(), "{}", none.err);
    let bad = home.andon(&["search", "--regex", "("]).code(2);
    assert!(bad.err.contains("not a regular expression") && bad.err.contains("unclosed group"), "{}", bad.err);
    assert!(home.andon(&["search", "x", "nowhere"]).code(2).err.contains("There is no ./nowhere"));
    assert!(home.andon(&["search", ""]).code(2).err.contains("nothing to look for"));
    home.write("broken.ipynb", "{\"cells\": [ delay");
    let torn = home.andon(&["search", "delay", "-l"]).code(0);
    assert!(torn.err.contains("broken.ipynb could not be read"), "{}", torn.err);
}

#[test]
fn a_document_names_cells_and_outputs() {
    let home = workspace();
    let all = home.andon(&["search", "--json", "--outputs", "--case", "delay"]).code(0).json("andon.search/1");
    assert_eq!((all["count"].as_u64(), all["files"].as_u64()), (Some(5), Some(2)));
    let hit = &all["hits"][3];
    assert_eq!(
        hit.to_string(),
        r#"{"path":"n/a.ipynb","cell":2,"output":1,"line":2,"text":"delay 3","match":"delay"}"#
    );
    let none = home.andon(&["search", "--json", "nowhere to be found"]).code(1).json("andon.search/1");
    assert_eq!(none["hits"].as_array().map(Vec::len), Some(0));
}

//! `andon show`: a notebook as text, from a file, a revision or standard input.
use std::{
    io::Write,
    process::{Command, Stdio},
};

use crate::support::Home;

const NOTEBOOK: &str = r##"{"cells": [
 {"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["# Delays"]},
 {"cell_type": "code", "execution_count": 4, "id": "c", "metadata": {"tags": ["parameters"]},
  "outputs": [{"name": "stdout", "output_type": "stream", "text": ["3\n"]}], "source": ["limit = 3\n", "print(limit)"]}
], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"##;

fn repository() -> Home {
    let home = Home::new();
    home.git(&["init", "-q"]);
    home.write("notebooks/a.ipynb", NOTEBOOK);
    home.git(&["add", "."]);
    home.git(&["commit", "-qm", "Begin"]);
    home.write("notebooks/a.ipynb", &NOTEBOOK.replace("limit = 3", "limit = 4"));
    home
}

#[test]
fn a_file_and_its_past_are_shown() {
    let home = repository();
    let now = home.andon(&["show", "notebooks/a.ipynb"]).code(0).out;
    let expected = "notebooks/a.ipynb \u{b7} 2 cells \u{b7} python \u{b7} nbformat 4.5\n\n=== cell 1 \u{b7} Markdown ===\n\
                    # Delays\n\n=== cell 2 \u{b7} code ===\nlimit = 4\nprint(limit)\n> stdout\n| 3\n";
    assert_eq!(now, expected);
    assert!(home.andon(&["show", "HEAD:notebooks/a.ipynb"]).code(0).out.contains("limit = 3"));
    assert!(home.andon(&["show", ":notebooks/a.ipynb"]).code(0).out.contains("limit = 3"));
    let below = home.andon_in(&home.workspace().join("notebooks"), &["show", "HEAD:./a.ipynb"]).code(0).out;
    assert!(below.contains("limit = 3"));
}

#[test]
fn options_choose_what_is_shown() {
    let home = repository();
    let show = |more: &[&str]| home.andon(&[&["show", "notebooks/a.ipynb"], more].concat()).code(0).out;
    assert!(!show(&["-O"]).contains("> stdout") && show(&["-O"]).contains("limit = 4"));
    assert!(!show(&["-o"]).contains("limit = 4") && show(&["-o"]).contains("> stdout"));
    assert!(show(&["--all"]).contains("cell 2 \u{b7} code \u{b7} [4] \u{b7} id c ===\n@ tags: [\"parameters\"]"));
    assert!(!show(&["--cells", "2"]).contains("Delays"));
    assert!(show(&["--stable"]).starts_with("=== Markdown ===\n"));
    assert!(show(&["--color", "always"]).contains("\u{1b}[1;36m"));
    let json = home.andon(&["show", "--json", "notebooks/a.ipynb"]).code(0).json("andon.show/1");
    assert_eq!(json["notebooks"][0]["cells"][1]["source"], "limit = 4\nprint(limit)");
    let wrong = home.andon(&["show", "--cells", "0-", "notebooks/a.ipynb"]).code(2);
    assert!(wrong.err.contains("neither a cell's number nor a range"), "{}", wrong.err);
}

#[test]
fn what_cannot_be_shown_is_named_with_the_next_step() {
    let home = repository();
    let wrong = |what: &str| home.andon(&["show", what]).code(2).err;
    assert!(wrong("HEAD:a.ipynb").contains("Did you mean HEAD:notebooks/a.ipynb?"));
    assert!(wrong("v1:notebooks/a.ipynb").contains("No revision is called v1"));
    assert!(wrong("HEAD:notebooks").contains("is a folder"));
    assert!(wrong("none.ipynb").contains("andon show HEAD:./none.ipynb"));
    assert!(wrong("notebooks").contains("is a folder"));
    home.write("broken.ipynb", "{\n \"cells\": [\n");
    assert!(wrong("broken.ipynb").contains("broken.ipynb is not valid JSON: Line 3, column 1"));
    home.write("list.ipynb", "[1]");
    assert!(wrong("list.ipynb").contains("list.ipynb is not a notebook"));
    let json = home.andon(&["show", "--json", "none.ipynb"]).code(2).json("andon.error/1");
    assert!(json["error"]["what"].as_str().unwrap().contains("none.ipynb"));
}

#[test]
fn standard_input_is_read_and_a_closed_pipe_is_no_error() {
    let home = repository();
    let mut child = Command::new(env!("CARGO_BIN_EXE_andon"))
        .args(["show", "-", "-O"])
        .current_dir(home.workspace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(NOTEBOOK.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("standard input"));
}

#[test]
fn outputs_are_told_as_the_window_shows_them() {
    let home = crate::support::Home::new();
    let fixture = |name: &str| format!("{}/tests/fixtures/outputs/{name}.ipynb", env!("CARGO_MANIFEST_DIR"));
    let told = home.andon(&["outputs", &fixture("pd_truncated_rows"), "--json"]).code(0).out;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["schema"], "andon.outputs/1");
    let table = &told["outputs"][0];
    assert_eq!((&table["kind"], &table["rows"], &table["columns"]), (&"table".into(), &1000.into(), &2.into()));
    assert!(table["text"].as_str().unwrap().contains("998001"));
    let words = home.andon(&["outputs", &fixture("youtube")]).code(0).out;
    assert!(words.starts_with("[2.1] refused: HTML with a frame, which is not run"), "{words}");
    let wrong = home.andon(&["outputs", "nowhere.ipynb"]).code(2);
    assert!(wrong.err.contains("nowhere.ipynb"), "{}", wrong.err);
}

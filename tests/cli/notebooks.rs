//! `andon run` and `andon test` on notebooks of queries, which need no Python: the contract others script against.
use serde_json::{Value, json};

use crate::support::Home;

fn notebook(cells: &[(&str, &[&str])]) -> String {
    let cell = |(source, tags): &(&str, &[&str])| json!({ "cell_type": "code", "metadata": { "tags": tags }, "execution_count": null, "outputs": [], "source": source });
    let cells: Vec<Value> = cells.iter().map(cell).collect();
    json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4 }).to_string()
}

fn home() -> Home {
    let home = Home::new();
    home.write("a.csv", "x,y\n1,a\n2,b\n3,c\n");
    home
}

const ROWS: (&str, &[&str]) = ("%%sql\nSELECT * FROM 'a.csv' WHERE x >= $low ORDER BY x", &[]);

#[test]
fn parameters_are_typed_injected_and_noted_as_papermill_does() {
    let home = home();
    home.write("n.ipynb", &notebook(&[("low = 2  # least x", &["parameters"]), ROWS]));
    home.write("p.yaml", "low: 1\ncity: DAL\n");
    home.andon(&["run", "n.ipynb", "-f", "p.yaml", "-p", "low=3", "-r", "code=007", "-o", "out/copy.ipynb"]).code(0);
    let text = std::fs::read_to_string(home.workspace().join("out/copy.ipynb")).unwrap();
    let copy: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(copy["cells"][1]["metadata"]["tags"], json!(["injected-parameters"]));
    let source = match &copy["cells"][1]["source"] {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        text => text.as_str().unwrap_or_default().to_owned(),
    };
    assert_eq!(source, "# Parameters\nlow = 3\ncity = \"DAL\"\ncode = \"007\"");
    let noted = &copy["metadata"]["papermill"];
    assert_eq!(noted["parameters"], json!({ "low": 3, "city": "DAL", "code": "007" }));
    assert_eq!((&noted["default_parameters"], &noted["exception"]), (&json!({ "low": 2 }), &json!(false)));
    assert!(noted["output_path"].as_str().unwrap().ends_with("out/copy.ipynb"));
    assert_eq!(copy["cells"][2]["metadata"]["papermill"]["status"], "completed");
    let shown = copy["cells"][2]["outputs"][0]["data"]["text/plain"].to_string();
    assert!(shown.contains("shape: (1, 2)"), "{shown}");
}

#[test]
fn exit_codes_tell_a_failed_cell_from_what_could_not_run() {
    let home = home();
    home.write("bad.ipynb", &notebook(&[("%%sql\nSELECT nosuch FROM 'a.csv'", &[]), ("%%sql\nSELECT 1 AS one", &[])]));
    let answer = home.andon(&["run", "bad.ipynb", "-o", "copy.ipynb"]).code(1);
    assert!(answer.err.contains("nosuch"), "{}", answer.err);
    let copy = std::fs::read_to_string(home.workspace().join("copy.ipynb")).unwrap();
    assert!(copy.contains("SqlError") && !copy.contains("shape: (1, 1)"), "{copy}");
    home.andon(&["run", "bad.ipynb", "--allow-errors", "-o", "all.ipynb"]).code(0);
    let copy = std::fs::read_to_string(home.workspace().join("all.ipynb")).unwrap();
    assert!(copy.contains("SqlError") && copy.contains("shape: (1, 1)"), "{copy}");
    home.write("skip.ipynb", &notebook(&[("%%sql\nSELECT nosuch", &["skip-execution"]), ("%%sql\nSELECT 1", &[])]));
    home.andon(&["run", "skip.ipynb"]).code(0);
    home.write("cobol.ipynb", &notebook(&[("DISPLAY 'x'", &[])]).replace(
        "\"metadata\":{},\"nbformat\"",
        "\"metadata\":{\"kernelspec\":{\"name\":\"cobol\",\"display_name\":\"Cobol\",\"language\":\"cobol\"}},\"nbformat\"",
    ));
    let answer = home.andon(&["run", "cobol.ipynb", "--json"]);
    assert!(answer.code >= 2, "{} {}", answer.code, answer.err);
    assert!(answer.err.contains("No kernel for cobol"), "{}", answer.err);
    let answer = home.andon(&["run", "cobol.ipynb", "--kernel", "nosuch"]);
    assert!(answer.code >= 2 && answer.err.contains("There is no kernel nosuch"), "{}", answer.err);
    home.write("torn.ipynb", "{\"cells\": [");
    assert!(home.andon(&["run", "torn.ipynb"]).code >= 2);
    let answer = home.andon(&["run", "skip.ipynb", "-p", "x"]);
    assert!(answer.code >= 2 && answer.err.contains("gives no value"), "{}", answer.err);
    home.write("pipelines/p.toml", "name = \"p\"\n[[task]]\nid = \"t\"\nkind = \"command\"\nrun = \"true\"\n");
    let answer = home.andon(&["run", "p", "--allow-errors"]);
    assert!(answer.code >= 2 && answer.err.contains("--allow-errors is for notebooks"), "{}", answer.err);
}

#[test]
fn tests_pass_differ_and_are_written_for_ci() {
    let home = home();
    home.write("nb/n.ipynb", &notebook(&[("low = 2", &["parameters"]), ROWS]));
    home.andon(&["run", "nb/n.ipynb", "-o", "nb/n.ipynb"]).code(0);
    let answer = home.andon(&["test", "nb"]).code(0);
    assert!(answer.out.contains("1 notebook passed"), "{}", answer.out);
    home.write("a.csv", "x,y\n1,a\n2,b\n3,d\n");
    let answer = home.andon(&["test", "nb", "--junit", "j.xml"]).code(1);
    assert!(answer.out.contains("Cell 2 differs") && answer.out.contains("table: 1 of"), "{}", answer.out);
    assert!(answer.out.lines().any(|l| l.trim_start().starts_with('-') && l.contains('c')), "{}", answer.out);
    let xml = std::fs::read_to_string(home.workspace().join("j.xml")).unwrap();
    assert!(xml.contains("failures=\"1\"") && xml.contains("type=\"outputs differ\""), "{xml}");
    home.andon(&["test", "nb", "--lax"]).code(0);
    let answer = home.andon(&["test", "nb/n.ipynb", "--json"]).code(1);
    let all: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((&all["schema"], &all["passed"]), (&json!("andon.test/1"), &json!(false)));
    assert_eq!(all["notebooks"][0]["cells"][1]["verdict"], "differs");
    home.write("nb/torn.ipynb", "{");
    home.andon(&["test", "nb"]).code(1);
    assert!(home.andon(&["test", "nb/torn.ipynb"]).code == 2);
    assert!(home.andon(&["test", "gone.ipynb"]).code >= 2);
    assert!(home.andon(&["test", "nb/n.ipynb", "--tolerance", "2"]).code >= 2);
}

//! `andon export`: a notebook as another kind of file.
use serde_json::json;

use crate::support::Home;

fn home() -> Home {
    let home = Home::new();
    let book = json!({
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": "# Delays"},
            {"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": "limit = 3\nprint(limit)"}
        ],
        "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 4
    });
    home.write("a.ipynb", &book.to_string());
    home
}

#[test]
fn a_notebook_becomes_a_page_and_a_script_that_is_a_notebook_again() {
    let home = home();
    home.andon(&["export", "a.ipynb", "--to", "html"]).code(0);
    let page = std::fs::read_to_string(home.workspace().join("a.html")).unwrap();
    assert!(page.contains("<h1>Delays</h1>") && page.contains("limit = 3") && !page.contains("<script"), "{page}");
    let told = home.andon(&["export", "a.ipynb", "-o", "b.py", "--json"]).code(0).json("andon.export/1");
    assert_eq!(told["output"], "b.py");
    let script = std::fs::read_to_string(home.workspace().join("b.py")).unwrap();
    assert_eq!(script, "# %% [markdown]\n# # Delays\n\n# %%\nlimit = 3\nprint(limit)\n");
    let again = home.andon(&["export", "b.py", "--to", "ipynb", "-o", "-"]).code(0).out;
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["cells"][1]["source"], json!(["limit = 3\n", "print(limit)"]));
}

#[test]
fn nothing_is_written_over_and_wrong_wishes_get_words() {
    let home = home();
    home.write("a.md", "mine");
    assert!(home.andon(&["export", "a.ipynb", "--to", "md"]).code(2).err.contains("a.md is there already"));
    assert_eq!(std::fs::read_to_string(home.workspace().join("a.md")).unwrap(), "mine");
    home.andon(&["export", "a.ipynb", "--to", "md", "--force"]).code(0);
    assert!(std::fs::read_to_string(home.workspace().join("a.md")).unwrap().contains("```python\nlimit = 3"));
    assert!(home.andon(&["export", "a.ipynb"]).code(2).err.contains("What to make is not said"));
    assert!(home.andon(&["export", "a.ipynb", "--to", "docx"]).code(2).err.contains("docx"));
    home.write("plain.py", "print(1)\n");
    assert!(home.andon(&["export", "plain.py", "--to", "html"]).code(2).err.contains("is no notebook"));
}

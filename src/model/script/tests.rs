use proptest::prelude::*;

use super::*;
use crate::model::notebook::CellKey;

const PERCENT: &str = "#!/usr/bin/env python3\n# ---\n# jupyter:\n#   kernelspec:\n#     name: python3\n# ---\n\n# %% [markdown]\n# # Delays\n#\n# By *carrier*.\n\n# %% load tags=[\"parameters\"]\n# %matplotlib inline\nlimit = 3  # minutes\n# !ls\n\n\ndef f(x):\n    return x\n\n# 100 %% is no marker\n#%%\nprint(f(limit))\n\n# %% language=\"bash\" magic_args=\"--out x\"\n# ls -l\n#\n# echo a\n\n# %% [markdown]\n\"\"\"\nBetween quotes.\n\"\"\"\n\n# %%\n# %%time\nx = 1";

const MARKDOWN: &str = "---\njupyter:\n  kernelspec:\n    language: python\n---\n\n# Title\n\nText with a list:\n\n- one\n\n\nA second cell.\n\n```python tags=[\"hide\"]\nx = 1\n\ny = 2\n```\n\n```text\nno cell\n```\n\n<!-- #region -->\nHolds a fence:\n\n```python\nno_cell = 1\n```\n<!-- #endregion -->\n\n~~~python\nz = 3\n~~~\n";

const MYST: &str = "---\njupytext:\n  text_representation:\n    format_name: myst\nkernelspec:\n  name: python3\n---\n\n# Title\n\n+++\n\nSecond.\n\n```{code-cell} ipython3\n:tags: [hide-input, slow]\n\nx = 1\n```\n\n```{note}\nStays text.\n```\n";

const QUARTO: &str = "---\ntitle: \"Delays\"\nformat: html\n---\n\nIntro.\n\n```{python}\n#| label: fig\nplot()\n```\n\n```python\nonly_shown()\n```\n";

fn read(path: &str, text: &str) -> (Script, Notebook) {
    let script = Script::read(path, text).unwrap();
    (script.clone(), script.notebook().unwrap())
}

fn cells(book: &Notebook) -> Vec<(CellKind, String)> {
    book.cells().iter().map(|c| (c.kind, c.source.to_string())).collect()
}

#[test]
fn a_script_becomes_cells_and_is_itself_again() {
    let (script, book) = read("a.py", PERCENT);
    assert_eq!(script.form(), Form::Percent);
    use CellKind::{Code, Markdown};
    let want = [
        (Markdown, "# Delays\n\nBy *carrier*."),
        (Code, "%matplotlib inline\nlimit = 3  # minutes\n!ls\n\n\ndef f(x):\n    return x\n\n# 100 %% is no marker"),
        (Code, "print(f(limit))"),
        (Code, "%%bash --out x\nls -l\n\necho a"),
        (Markdown, "Between quotes."),
        (Code, "%%time\nx = 1"),
    ];
    let got = cells(&book);
    for (got, want) in got.iter().zip(want) {
        assert_eq!((got.0, got.1.as_str()), want);
    }
    assert_eq!(got.len(), want.len());
    assert_eq!(book.cells()[1].tags(), ["parameters"]);
    assert_eq!(String::from_utf8(book.to_bytes()).unwrap(), PERCENT);
}

#[test]
fn an_edit_changes_the_lines_of_its_cell_alone() {
    let (_, mut book) = read("a.py", PERCENT);
    book.set_source(CellKey(1), "%matplotlib inline\nlimit = 4").unwrap();
    let text = String::from_utf8(book.to_bytes()).unwrap();
    let at = PERCENT.find("# %% load").unwrap();
    let end = PERCENT.find("#%%\nprint").unwrap();
    let want = format!(
        "{}# %% load tags=[\"parameters\"]\n# %matplotlib inline\nlimit = 4\n{}",
        &PERCENT[..at],
        &PERCENT[end..]
    );
    assert_eq!(text, want);
    book.undo().unwrap();
    assert_eq!(String::from_utf8(book.to_bytes()).unwrap(), PERCENT);
    // A cell behind the last one, whose line has no end.
    book.insert(6, CellKind::Markdown, "End").unwrap();
    assert_eq!(String::from_utf8(book.to_bytes()).unwrap(), format!("{PERCENT}\n\n# %% [markdown]\n# End\n"));
    book.undo().unwrap();
    book.set_source(CellKey(4), "Other\nwords").unwrap();
    let text = String::from_utf8(book.to_bytes()).unwrap();
    assert_eq!(text, PERCENT.replace("Between quotes.", "Other\nwords"));
    book.set_kind(&[CellKey(2)], CellKind::Markdown).unwrap();
    let text = String::from_utf8(book.to_bytes()).unwrap();
    assert!(text.contains("\n# %% [markdown]\n# print(f(limit))\n\n# %%"), "{text}");
}

#[test]
fn code_in_front_of_the_first_marker_is_a_cell_and_gets_one_when_it_moves() {
    let text = "import a\n\n# %%\nb = 1\n";
    let (_, mut book) = read("a.py", text);
    assert_eq!(cells(&book).len(), 2);
    assert_eq!(book.to_bytes(), text.as_bytes());
    book.move_cells(&[CellKey(0)], 2).unwrap();
    assert_eq!(String::from_utf8(book.to_bytes()).unwrap(), "# %%\nb = 1\n\n# %%\nimport a\n");
}

#[test]
fn markdown_becomes_cells_and_is_itself_again() {
    for (path, text, form, want) in [
        (
            "a.md",
            MARKDOWN,
            Form::Markdown,
            vec![
                "# Title\n\nText with a list:\n\n- one",
                "A second cell.",
                "x = 1\n\ny = 2",
                "```text\nno cell\n```",
                "Holds a fence:\n\n```python\nno_cell = 1\n```",
                "z = 3",
            ],
        ),
        ("a.md", MYST, Form::Myst, vec!["# Title", "Second.", "x = 1", "```{note}\nStays text.\n```"]),
        ("a.qmd", QUARTO, Form::Quarto, vec!["Intro.", "#| label: fig\nplot()", "```python\nonly_shown()\n```"]),
    ] {
        let (script, mut book) = read(path, text);
        assert_eq!(script.form(), form);
        let got: Vec<String> = cells(&book).into_iter().map(|c| c.1).collect();
        assert_eq!(got, want);
        assert_eq!(String::from_utf8(book.to_bytes()).unwrap(), text);
        let code = book.cells().iter().find(|c| c.kind == CellKind::Code).unwrap().clone();
        book.set_source(code.key, "changed = 1").unwrap();
        let edited = String::from_utf8(book.to_bytes()).unwrap();
        assert_eq!(edited, text.replace(&*code.source, "changed = 1"), "only the code");
        assert_eq!(read(path, &edited).1.cells().len(), want.len());
    }
    assert_eq!(read("a.md", MARKDOWN).1.cells()[2].tags(), ["hide"]);
    assert_eq!(read("a.md", MYST).1.cells()[2].tags(), ["hide-input", "slow"]);
}

#[test]
fn what_is_no_notebook_is_left_alone() {
    for (path, text) in [
        ("a.py", "print(1)\n# %%time\n"),
        ("a.py", ""),
        ("a.md", "# Title\n\n```python\nx\n```\n"),
        ("a.md", "---\ntitle: x\n---\n\ntext\n"),
        ("a.rs", "# %%\n"),
        ("a.txt", "# %%\n"),
    ] {
        assert_eq!(Script::read(path, text), None, "{text}");
    }
}

#[test]
fn line_ends_stay() {
    let text = PERCENT.replace('\n', "\r\n");
    let (_, mut book) = read("a.py", &text);
    assert_eq!(book.to_bytes(), text.as_bytes());
    book.set_source(CellKey(2), "a\nb").unwrap();
    let want = PERCENT.replace("print(f(limit))", "a\nb").replace('\n', "\r\n");
    assert_eq!(String::from_utf8(book.to_bytes()).unwrap(), want);
    // Both kinds of ends: kept as well, the carriage return as part of its line.
    let mixed = "# %%\r\na\n# %%\nb\r\n";
    if let Some(script) = Script::read("a.py", mixed) {
        assert_eq!(script.notebook().unwrap().to_bytes(), mixed.as_bytes());
    }
}

fn any_cells() -> impl Strategy<Value = Vec<(CellKind, String)>> {
    let code = prop_oneof![
        "[a-z]{1,4} = [0-9]{1,3}",
        "def f\\(\\):\n    return 1\n\n\nx = f\\(\\)",
        "%time x",
        "!ls -l",
        "%%bash\nls\n\necho",
        "%%time\ny",
        ""
    ];
    let text = prop_oneof!["# [A-Z][a-z]{1,6}", "A\n\n- list\n- of", "```python\nx\n```", "a\n\n\nb", "\\$x\\$ | y"];
    let cell = prop_oneof![code.prop_map(|s| (CellKind::Code, s)), text.prop_map(|s| (CellKind::Markdown, s)),];
    prop::collection::vec(cell, 0..7)
}

fn made(all: &[(CellKind, String)]) -> Notebook {
    let mut book = Notebook::new_empty();
    for (n, (kind, source)) in all.iter().enumerate() {
        book.insert(n, *kind, source).unwrap();
    }
    book
}

fn lines(all: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(all), 0..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn cells_written_are_the_cells_read(all in any_cells()) {
        for path in ["a.py", "a.md"] {
            let all: Vec<_> = all.iter().filter(|(k, s)| path == "a.py" || *k == CellKind::Code || !s.is_empty()).cloned().collect();
            let book = made(&all);
            let text = Script::for_path(path, "python").unwrap().write(book.cells());
            let got = Script::read(path, &text).map(|s| cells(&s.notebook().unwrap())).unwrap_or_default();
            prop_assert_eq!(&got, &all, "{}\n{}", path, text);
        }
    }
    #[test]
    fn any_script_is_itself_again(lines in lines(&["# %%", "# %% [markdown]", "# %% t a=1", "#%% [raw] x=\"", "# text", "#", "", "x = 1", "# %time", "\"\"\"", "  ", "# ---"]), end in any::<bool>()) {
        let text = lines.join("\n") + if end { "\n" } else { "" };
        if let Some(script) = Script::read("a.py", &text) {
            prop_assert_eq!(String::from_utf8(script.notebook().unwrap().to_bytes()).unwrap(), text);
        }
    }
    #[test]
    fn any_markdown_is_itself_again(lines in lines(&["# T", "", "", "text", "```python", "```", "~~~", "````", "+++", "<!-- #region -->", "<!-- #endregion -->", "```{code-cell}", ":tags: [a]"]), myst in any::<bool>()) {
        let head = if myst { MYST.split("# Title").next().unwrap() } else { "---\njupytext:\n---\n" };
        let text = format!("{head}{}", lines.join("\n"));
        let script = Script::read("a.md", &text);
        prop_assert!(script.is_some(), "{:?}", text);
        prop_assert_eq!(String::from_utf8(script.unwrap().notebook().unwrap().to_bytes()).unwrap(), text);
    }
}

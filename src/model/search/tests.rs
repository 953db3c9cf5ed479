use super::*;
use crate::model::notebook::Notebook;

fn finder(text: &str, regex: bool) -> Finder {
    Query { text: text.into(), regex, ..Query::default() }.compile().unwrap().unwrap()
}

fn texts(text: &str, what: &str) -> Vec<Hit> {
    let mut out = Vec::new();
    in_text(&finder(what, false), text, (Place::Text, 0), 100, &mut out);
    out
}

#[test]
fn a_find_has_its_line_and_its_characters() {
    let hits = texts("\u{e9}\u{e9} day\n\n  a day, another day\nx", "day");
    let found: Vec<_> = hits.iter().map(|h| (h.line, h.range.clone(), &h.words[h.mark.clone()])).collect();
    assert_eq!(found, [(0, 3..6, "day"), (2, 12..15, "day"), (2, 25..28, "day")]);
    assert_eq!(hits[1].words, "a day, another day", "without what it is indented by");
    assert_eq!(hits[2].at(), "3");
}

#[test]
fn long_lines_are_cut_around_the_find() {
    let line = format!("{}needle{}", "ab ".repeat(100), "\u{e9}".repeat(500));
    let hits = texts(&line, "needle");
    let hit = &hits[0];
    assert!(hit.words.starts_with('\u{2026}') && hit.words.ends_with('\u{2026}'), "{}", hit.words);
    assert_eq!(&hit.words[hit.mark.clone()], "needle");
    assert!(hit.words.chars().count() <= LINE + 2);
    let (words, mark) = shown("\ta\tlong-word", 1..2);
    assert_eq!((words.as_str(), mark), ("a long-word", 0..1));
}

#[test]
fn finds_end_at_the_limit_and_say_so() {
    let mut out = Vec::new();
    assert!(in_text(&finder("a", false), "a a a", (Place::Text, 0), 2, &mut out));
    assert_eq!(out.len(), 2);
    assert!(!in_text(&finder("a", false), "", (Place::Text, 0), 2, &mut out));
}

const BOOK: &str = r##"{"cells": [
 {"cell_type": "markdown", "metadata": {}, "source": ["# Plan\n", "a \"needle\" here"]},
 {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "x = 1\nneedle = 2", "outputs": [
  {"output_type": "stream", "name": "stdout", "text": ["one\n", "\u001b[31mnee\u001b[0mdle\n"]},
  {"output_type": "stream", "name": "stdout", "text": ["50%\r100% needle"]},
  {"output_type": "error", "ename": "ValueError", "evalue": "needle gone", "traceback": ["line a", "needle b"]},
  {"output_type": "display_data", "metadata": {}, "data": {"text/markdown": "the **need**le"}}
 ]}], "metadata": {"needle": 1}, "nbformat": 4, "nbformat_minor": 5}"##;

#[test]
fn a_notebook_is_searched_by_cells_and_never_in_its_json() {
    let nb = Notebook::parse(BOOK.as_bytes()).unwrap();
    let mut out = Vec::new();
    let f = finder("needle", false);
    in_cells(&f, nb.cells(), None, 100, &mut out, &|| true).unwrap();
    assert_eq!(out.iter().map(Hit::at).collect::<Vec<_>>(), ["cell 1:2", "cell 2:2"]);
    assert_eq!(out[0].words, "a \"needle\" here");
    out.clear();
    in_cells(&f, nb.cells(), Some(&Widgets::default()), 100, &mut out, &|| true).unwrap();
    let at: Vec<_> = out.iter().map(Hit::at).collect();
    // The streams are one text as they are drawn, without colours and with what the carriage return wrote over.
    let expected = [
        "cell 1:2",
        "cell 2:2",
        "cell 2 output 1:2",
        "cell 2 output 1:3",
        "cell 2 output 2:1",
        "cell 2 output 2:3",
        "cell 2 output 3:1",
    ];
    assert_eq!(at, expected);
    assert_eq!((out[3].range.clone(), out[3].words.as_str()), (5..11, "100% needle"), "characters of its line");
    assert!(in_cells(&f, nb.cells(), None, 100, &mut out, &|| false).is_none(), "stopped");
}

#[test]
fn lines_the_window_leaves_out_of_a_stream_are_found() {
    let lines: Vec<String> = (0..60_000).map(|n| format!("line {n}\\n")).collect();
    let book = format!(
        r#"{{"cells":[{{"cell_type":"code","metadata":{{}},"execution_count":1,"source":"","outputs":[{{"output_type":"stream","name":"stdout","text":"{}"}}]}}],"metadata":{{}},"nbformat":4,"nbformat_minor":5}}"#,
        lines.concat()
    );
    let nb = Notebook::parse(book.as_bytes()).unwrap();
    let texts = outputs::of(&nb.cells()[0], &Widgets::default());
    assert_eq!(texts.len(), 1);
    let (from, count) = texts[0].left_out.unwrap();
    assert!(from == 1_000 && count >= 10_000, "{from} {count}");
    let mut out = Vec::new();
    in_cells(&finder(r"line 1500$", true), nb.cells(), Some(&Widgets::default()), 9, &mut out, &|| true).unwrap();
    assert_eq!(out[0].line, 1500);
}

#[test]
fn what_replaces_a_find_is_shown_with_its_groups() {
    let f = finder(r"(\w+)_(\w+)", true);
    let mut out = Vec::new();
    in_text(&f, "  put day_one there", (Place::Text, 0), 9, &mut out);
    assert_eq!(out[0].preview(&f, "$2-$1"), "one-day");
    assert_eq!(patterns(" a/b , *.py,,").collect::<Vec<_>>(), ["a/b", "*.py"]);
}

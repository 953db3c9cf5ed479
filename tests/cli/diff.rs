//! `andon diff` on real repositories.
use crate::support::Home;

fn notebook(cells: &[(&str, &str, u32)]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|(source, output, count)| {
            let source = serde_json::to_string(source).unwrap();
            let output = serde_json::to_string(output).unwrap();
            format!(
                r#"{{"cell_type":"code","execution_count":{count},"metadata":{{}},"outputs":[{{"name":"stdout","output_type":"stream","text":[{output}]}}],"source":[{source}]}}"#
            )
        })
        .collect();
    format!(r#"{{"cells":[{}],"metadata":{{}},"nbformat":4,"nbformat_minor":4}}"#, cells.join(","))
}

fn repository() -> Home {
    let home = Home::new();
    home.git(&["init", "-q"]);
    home.write(
        "notebooks/a.ipynb",
        &notebook(&[("import polars as pl\n", "ready\n", 1), ("delay = day.mean()\nprint(delay)\n", "134.2\n", 2)]),
    );
    home.write("notes.txt", "one\ntwo\n");
    home.git(&["add", "."]);
    home.git(&["commit", "-qm", "Begin"]);
    home
}

#[test]
fn nothing_changed_is_zero_and_silent_on_stdout() {
    let answer = repository().andon(&["diff"]).code(0);
    assert_eq!((answer.out.as_str(), answer.err.trim()), ("", "Nothing differs"));
}

#[test]
fn a_changed_cell_is_shown_by_lines_and_outputs() {
    let home = repository();
    let next = [("import polars as pl\n", "ready\n", 7), ("delay = day.median()\nprint(delay)\n", "11.8\n", 8)];
    home.write("notebooks/a.ipynb", &notebook(&next));
    let answer = home.andon(&["diff", "notebooks/a.ipynb"]).code(1);
    let expected = "\
--- notebooks/a.ipynb  HEAD
+++ notebooks/a.ipynb  working tree
  1 changed; 1 cell only re-run: hidden
@@ cell 2 \u{b7} code \u{b7} source and outputs changed \u{b7} delay = day.median()
-delay = day.mean()
+delay = day.median()
 print(delay)
   output changed: stream:stdout
  134.2 \u{2192} 11.8 (\u{2212}91.2 %)
-134.2
+11.8

";
    assert_eq!(answer.out, expected);
    let colour = home.andon(&["diff", "--color", "always", "notebooks/a.ipynb"]).code(1);
    assert!(colour.out.contains("\u{1b}[7mmedian\u{1b}[27m"), "{:?}", colour.out);
    let document = home.andon(&["diff", "--json"]).code(1).json("andon.diff/1");
    assert_eq!(document["files"][0]["notebook"]["summary"]["rerun"], 1);
    assert_eq!(document["files"][0]["notebook"]["cells"][1]["source"]["lines"][0]["new"], "delay = day.median()");
    let sources = home.andon(&["diff", "--no-outputs", "notebooks/a.ipynb"]).code(1);
    assert!(!sources.out.contains("11.8"));
}

#[test]
fn cells_that_were_only_run_again_count_as_the_same() {
    let home = repository();
    let again = [("import polars as pl\n", "ready\n", 7), ("delay = day.mean()\nprint(delay)\n", "134.2\n", 8)];
    home.write("notebooks/a.ipynb", &notebook(&again));
    let document = home.andon(&["diff", "--json"]).code(0).json("andon.diff/1");
    assert_eq!((&document["same"], &document["files"][0]["identical"]), (&true.into(), &false.into()));
}

#[test]
fn revisions_and_two_files_can_be_compared() {
    let home = repository();
    home.write("notes.txt", "one\n2\n");
    home.git(&["commit", "-qam", "Two"]);
    home.git(&["tag", "v2"]);
    home.write("notes.txt", "one\n3\n");
    let lines = |args: &[&str]| -> Vec<String> {
        let out = home.andon(args).code(1).out;
        out.lines().filter(|l| l.starts_with(['+', '-']) && l.len() < 6).map(str::to_owned).collect()
    };
    assert_eq!(lines(&["diff", "notes.txt"]), ["-2", "+3"]);
    assert_eq!(lines(&["diff", "HEAD~1", "notes.txt"]), ["-two", "+3"]);
    assert_eq!(lines(&["diff", "HEAD~1", "v2", "notes.txt"]), ["-two", "+2"]);
    home.write("other.txt", "one\n4\n");
    assert_eq!(lines(&["diff", "notes.txt", "other.txt"]), ["-3", "+4"]);
    home.andon(&["diff", "v2", "HEAD", "notes.txt"]).code(0);
}

#[test]
fn trouble_is_two_with_words_and_a_document() {
    let home = repository();
    let wrong = home.andon(&["diff", "v1", "notes.txt", "--json"]).code(2);
    assert!(wrong.json("andon.error/1")["error"]["what"].as_str().unwrap().contains("v1"));
    let gone = home.andon(&["diff", "nothing.txt"]).code(2);
    assert!(gone.err.contains("There is no nothing.txt"), "{}", gone.err);
    let plain = Home::new().andon(&["diff"]).code(2);
    assert!(plain.err.contains("not in a git repository"), "{}", plain.err);
    home.write("notebooks/a.ipynb", "{\"cells\": [");
    let broken = home.andon(&["diff", "notebooks/a.ipynb"]).code(2);
    assert!(broken.out.contains("Shown as text"), "{}", broken.out);
    assert!(broken.err.contains("Shown as text"), "{}", broken.err);
}

#[test]
fn text_cannot_command_the_terminal() {
    let home = repository();
    home.write("notes.txt", "one\n\u{1b}]0;title\u{7}two\n");
    let answer = home.andon(&["diff", "notes.txt"]).code(1);
    assert!(!answer.out.contains('\u{1b}'), "{:?}", answer.out);
}

fn with_output(output: &serde_json::Value) -> String {
    let cell = serde_json::json!({"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [output], "source": ["show()"]});
    serde_json::json!({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).to_string()
}

fn printed(text: &str) -> String {
    with_output(&serde_json::json!({"output_type": "stream", "name": "stdout", "text": text}))
}

fn shown(mime: &str, value: &serde_json::Value) -> String {
    with_output(
        &serde_json::json!({"output_type": "display_data", "metadata": {}, "data": {mime: value, "text/plain": "x"}}),
    )
}

#[test]
fn what_differs_in_every_run_is_hidden_and_counted() {
    let home = Home::new();
    let (a, b) = ("2026-11-20 08:00:01 start\nfit took 3.2 s\n", "2026-11-21 09:30:00 start\nfit took 4.9 s\n");
    home.write("a.ipynb", &printed(a));
    home.write("b.ipynb", &printed(b));
    let answer = home.andon(&["diff", "a.ipynb", "b.ipynb"]).code(0);
    assert!(answer.out.contains("1 cell only re-run: hidden; hidden in outputs: 1 duration, 1 time"), "{}", answer.out);
    home.write("andon.toml", "[diff]\noff = ['duration']\n");
    let answer = home.andon(&["diff", "a.ipynb", "b.ipynb"]).code(1);
    assert!(answer.out.contains("fit took 3.2 \u{2192} 4.9 (+53.1 %)"), "{}", answer.out);
    home.write("andon.toml", "[diff]\noff = ['durations']\n");
    let answer = home.andon(&["diff", "a.ipynb", "b.ipynb"]).code(0);
    assert!(answer.err.contains("Did you mean duration?"), "{}", answer.err);
}

#[test]
fn tables_charts_and_pictures_are_told_in_figures() {
    let home = Home::new();
    let table = |mean: &str, city: &str| {
        let html = format!(
            "<table><thead><tr><th></th><th>{city}</th><th>delay</th></tr></thead><tbody><tr><th>mean</th><td>Oslo</td><td>{mean}</td></tr><tr><th>max</th><td>Rome</td><td>9</td></tr></tbody></table>"
        );
        shown("text/html", &html.into())
    };
    home.write("a.ipynb", &table("134.2", "city"));
    home.write("b.ipynb", &table("11.8", "town"));
    let answer = home.andon(&["diff", "a.ipynb", "b.ipynb"]).code(1);
    for line in ["1 of 2 rows, 1 column renamed", "city \u{2192} town", "delay \u{2212}122.4 (\u{2212}91.2 %)"] {
        assert!(answer.out.contains(line), "{line}: {}", answer.out);
    }
    let document = home.andon(&["diff", "--json", "a.ipynb", "b.ipynb"]).code(1).json("andon.diff/1");
    let told = &document["notebook"]["cells"][0]["outputs"][0]["detail"]["table"];
    assert_eq!((&told["cells"], &told["columns"][1]["was"]), (&1.into(), &"city".into()));

    let chart = |y: &[i32]| {
        shown(
            "application/vnd.plotly.v1+json",
            &serde_json::json!({"data": [{"type": "bar", "name": "delay", "y": y}], "layout": {}}),
        )
    };
    home.write("a.ipynb", &chart(&[1, 2, 3]));
    home.write("b.ipynb", &chart(&[1, 5, 3]));
    let answer = home.andon(&["diff", "a.ipynb", "b.ipynb"]).code(1);
    assert!(answer.out.contains("~ Trace delay (bar)\n    y: 1 of 3 points changed"), "{}", answer.out);

    let png = |mark: bool| {
        let picture = image::RgbaImage::from_fn(40, 30, |x, y| {
            image::Rgba([if mark && x < 20 && y < 3 { 0 } else { 250 }, 9, 9, 255])
        });
        let mut bytes = Vec::new();
        picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
        bytes
    };
    std::fs::write(home.workspace().join("a.png"), png(false)).unwrap();
    std::fs::write(home.workspace().join("b.png"), png(true)).unwrap();
    let answer = home.andon(&["diff", "a.png", "b.png"]).code(1);
    assert!(answer.out.contains("5.0 % of pixels changed, SSIM 0."), "{}", answer.out);
    let document = home.andon(&["diff", "--json", "a.png", "b.png"]).code(1).json("andon.diff/1");
    assert_eq!(document["image"]["compared"]["changed"], 60);
}

//! The view of outputs against notebooks that real tools made; `tests/fixtures/outputs` says what each must show.
use super::*;

fn outputs(name: &str) -> Vec<Output> {
    let path = format!("{}/tests/fixtures/outputs/{name}.ipynb", env!("CARGO_MANIFEST_DIR"));
    let notebook: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cells = notebook["cells"].as_array().unwrap();
    let raw: Vec<String> =
        cells.iter().filter_map(|c| c["outputs"].as_array()).flatten().map(Value::to_string).collect();
    view(raw.iter().map(String::as_str))
}

/// What is wrong with what is shown of a notebook, if anything.
fn flaws(entry: &Value) -> Vec<String> {
    let name = entry["file"].as_str().unwrap();
    let path = format!("{}/tests/fixtures/outputs/{name}", env!("CARGO_MANIFEST_DIR"));
    let book = crate::model::notebook::Notebook::parse(std::fs::read(path).unwrap().as_slice()).unwrap();
    let shown = describe::notebook(&book);
    let facts = &entry["facts"];
    let mut flaws = Vec::new();
    let kind = entry["kind"].as_str().unwrap();
    let wanted = match kind {
        "graph" => &["text", "html", "refused", "fallback"][..],
        // What is outside of what is drawn says so.
        "plot" if facts["fallback"].is_string() => &["plot", "refused", "fallback"],
        "html" => &["html", "html-tree", "table"],
        other => &[other][..],
    };
    if !shown.iter().any(|s| wanted.contains(&s.kind)) {
        flaws.push(format!("is no {kind} but {:?}", shown.iter().map(|s| s.kind).collect::<Vec<_>>()));
    }
    if facts["fallback"].is_string() && shown.iter().all(|s| s.note.is_none()) && kind != "graph" {
        flaws.push("does not say what is missing".to_owned());
    }
    let fold = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = fold(&shown.iter().map(|s| s.text.as_str()).collect::<Vec<_>>().join("\n"));
    let strings = |key: &str| -> Vec<String> {
        facts[key].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    for wanted in ["text", "column_names", "index_names", "headings", "list_items"].iter().flat_map(|k| strings(k)) {
        if !text.contains(&fold(&wanted)) {
            flaws.push(format!("{wanted:?} is not in {text:.300}"));
        }
    }
    for hidden in ["must_not_show", "initially_hidden"].iter().flat_map(|k| strings(k)) {
        if text.contains(&hidden) {
            flaws.push(format!("{hidden:?} must not show"));
        }
    }
    if let Some(last) = facts["final_text"].as_str()
        && !text.ends_with(last)
    {
        flaws.push(format!("must end in {last:?}: {text:.300}"));
    }
    let numbers = |key: &str, of: &dyn Fn(&describe::Shown) -> Option<u64>| {
        let wanted = facts[key].as_u64()?;
        let found: Vec<_> = shown.iter().filter_map(of).collect();
        (!found.contains(&wanted)).then(|| format!("{key} is {found:?}, not {wanted}"))
    };
    if kind != "markdown" && kind != "plot" {
        flaws.extend(numbers("rows", &|s| s.rows));
        flaws.extend(numbers("columns", &|s| s.columns));
    }
    flaws.extend(numbers("series", &|s| s.series));
    for key in [
        "index_levels",
        "header_levels",
        "width",
        "height",
        "display_width",
        "display_height",
        "frames",
        "images",
        "cell_backgrounds",
        "bars",
    ] {
        flaws.extend(numbers(key, &|s| s.more.get(key)?.as_f64().map(|n| n as u64)));
    }
    for key in ["ename", "evalue", "format", "media", "widget", "button_style"] {
        let found: Vec<_> = shown.iter().filter_map(|s| s.more.get(key)?.as_str()).collect();
        if let Some(wanted) = facts[key].as_str()
            && !found.contains(&wanted)
        {
            flaws.push(format!("{key} is {found:?}, not {wanted:?}"));
        }
    }
    for tip in strings("tooltips") {
        let tips = shown.iter().filter_map(|s| s.more.get("tooltips")?.as_array()).flatten();
        if !tips.filter_map(Value::as_str).any(|t| t == tip) {
            flaws.push(format!("the tooltip {tip} is not shown"));
        }
    }
    for link in strings("links").into_iter().chain(facts["offer_link"].as_str().map(str::to_owned)) {
        let links = shown.iter().filter_map(|s| s.more.get("links")?.as_array()).flatten();
        if kind != "markdown" && !links.filter_map(Value::as_str).any(|l| l.contains(&link)) {
            flaws.push(format!("the link {link} is not offered"));
        }
    }
    flaws
}

#[test]
fn every_notebook_of_the_corpus_shows_what_it_must() {
    let path = format!("{}/tests/fixtures/outputs/manifest.json", env!("CARGO_MANIFEST_DIR"));
    let manifest: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let entries = manifest["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 147);
    let mut wrong = Vec::new();
    for entry in entries {
        let name = entry["id"].as_str().unwrap();
        let flaws = flaws(entry);
        if !flaws.is_empty() {
            wrong.push(format!("{name}: {}", flaws.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} of 147:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn colours_of_the_terminal_reach_the_view() {
    let shown = outputs("ansi_256");
    let [Output::Text(text)] = shown.as_slice() else { panic!() };
    let colour = |wanted: &str| {
        text.lines()
            .iter()
            .flat_map(|l| l.runs().map(|(t, s)| (t.trim().to_owned(), s.fg)).collect::<Vec<_>>())
            .find(|(t, _)| t == wanted)
            .map(|(_, fg)| fg)
    };
    assert_eq!(colour("196"), Some(Ink::Rgb(255, 0, 0)));
    assert_eq!(colour("46"), Some(Ink::Rgb(0, 255, 0)));
}

#[test]
fn what_is_not_drawn_is_named() {
    let note = |raw: Value| match Output::from_value(&raw) {
        Output::Note(note) => note,
        other => panic!("{other:?}"),
    };
    let bundle = |data: Value| serde_json::json!({ "output_type": "display_data", "data": data, "metadata": {} });
    let n = note(bundle(serde_json::json!({ "application/vnd.vega.v5+json": { "marks": [] } })));
    assert_eq!(n.what, "Vega chart, which needs a browser");
    let n = note(bundle(serde_json::json!({ "application/javascript": "alert(1)", "text/plain": "<JS>" })));
    assert!(n.what.contains("not run") && n.fallback.is_some());
    let n = note(bundle(serde_json::json!({ "application/vnd.x+json": {} })));
    assert!(n.what.contains("application/vnd.x+json"));
    assert!(note(serde_json::json!({ "output_type": "odd" })).what.contains("unknown type"));
    assert!(matches!(Output::from_json("{"), Output::Note(_)));
}

#[test]
fn the_richest_type_that_can_be_drawn_is_taken() {
    let of = |data: Value| Output::from_bundle(data.as_object().unwrap(), &Map::new());
    let html = "<table><tr><th>h</th></tr><tr><td>1</td></tr></table>";
    assert!(matches!(
        of(serde_json::json!({ "text/plain": "p", "text/html": html, "text/markdown": "m" })),
        Output::Table(_)
    ));
    assert!(matches!(of(serde_json::json!({ "text/plain": "p", "text/html": "<p>x</p>" })), Output::Page(_)));
    assert!(matches!(of(serde_json::json!({ "text/plain": "p", "text/html": "" })), Output::Text(_)));
    assert!(matches!(of(serde_json::json!({ "text/plain": "p", "application/json": [1] })), Output::Json(_)));
    let from_list = of(serde_json::json!({ "text/plain": ["a\n", "b"] }));
    assert_eq!(from_list.to_text(), "a\nb");
}

#[test]
fn what_strict_readers_refuse_is_shown() {
    let raw = r#"{"output_type":"display_data","metadata":{},"data":{"application/json":{"a":NaN,"b":-Infinity,"c":1e999,"d":1}}}"#;
    let Output::Json(value) = Output::from_json(raw) else { panic!() };
    assert_eq!(*value, serde_json::json!({ "a": null, "b": null, "c": null, "d": 1 }));
    let deep = |n: usize| {
        format!(
            r#"{{"output_type":"display_data","metadata":{{}},"data":{{"application/json":{}1{},"text/plain":"p"}}}}"#,
            "[".repeat(n),
            "]".repeat(n)
        )
    };
    assert!(matches!(Output::from_json(&deep(1_000)), Output::Json(_)));
    let Output::Note(note) = Output::from_json(&deep(100_000)) else { panic!() };
    assert!(note.what.contains("no valid JSON"), "{}", note.what);
    let chart = r#"{"output_type":"display_data","metadata":{},"data":{"application/vnd.plotly.v1+json":{"data":[{"y":[1,NaN,3]}]}}}"#;
    assert!(matches!(Output::from_json(chart), Output::Chart(_)));
}

#[test]
fn the_whole_text_of_an_output_is_put_together() {
    let stream = |name: &str, text: &str| stream_json(name == "stderr", text);
    let plain = r#"{"output_type":"execute_result","data":{"text/plain":["a\n","b"]},"metadata":{}}"#.to_owned();
    let all = [stream("stdout", "1\t2\r\n"), stream("stdout", "x\ry\n"), stream("stderr", "e"), plain, "{".to_owned()];
    let raw: Vec<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(whole_text(&raw, 0).as_deref(), Some("1\t2\ny\n"));
    assert_eq!(whole_text(&raw, 2).as_deref(), Some("e"));
    assert_eq!(whole_text(&raw, 3).as_deref(), Some("a\nb"));
    assert_eq!((whole_text(&raw, 4), whole_text(&raw, 9)), (None, None));
}

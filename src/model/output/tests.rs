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

#[test]
fn every_oracle_shows_what_it_must() {
    let path = format!("{}/tests/fixtures/outputs/manifest.json", env!("CARGO_MANIFEST_DIR"));
    let manifest: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut failures = Vec::new();
    for entry in manifest["notebooks"].as_array().unwrap() {
        let name = entry["file"].as_str().unwrap().trim_end_matches(".ipynb");
        let shown: Vec<Output> = outputs(name);
        let text = shown.iter().map(Output::to_text).collect::<Vec<_>>().join("\n");
        let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let strings = |key: &str| -> Vec<String> {
            let list = entry["facts"][key].as_array().cloned().unwrap_or_default();
            list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
        };
        for wanted in strings("text") {
            let table_note = shown.iter().any(|o| {
                matches!(o, Output::Table(t)
                if t.note.as_deref() == Some(&wanted) || t.page.columns.iter().any(|c| c.dtype == wanted))
            });
            if !folded.contains(&wanted) && !table_note {
                failures.push(format!("{name}: {wanted:?} is not in {folded:.300}"));
            }
        }
        for unwanted in strings("must_not_show") {
            if folded.contains(&unwanted) {
                failures.push(format!("{name}: {unwanted:?} must not show"));
            }
        }
        if let Some(last) = entry["facts"]["final_text"].as_str()
            && !folded.ends_with(last)
        {
            failures.push(format!("{name}: must end in {last:?}: {folded:.300}"));
        }
        if let Some(rows) = entry["facts"]["shown_rows"].as_u64().or(entry["facts"]["rows"].as_u64()) {
            // Elided rows stand as one row of dots.
            let extra = u64::from(entry["facts"]["ellipsis_row"].as_bool().unwrap_or(false));
            let found = shown.iter().find_map(|o| match o {
                Output::Table(t) => Some((t.page.rows.len() as u64, (t.page.columns.len() - t.index_columns) as u64)),
                _ => None,
            });
            let columns = entry["facts"]["columns"].as_u64();
            match found {
                Some((r, c)) if (r == rows + extra || r == rows) && columns.is_none_or(|w| w == c) => {}
                other => failures.push(format!("{name}: {rows} rows and {columns:?} columns, found {other:?}")),
            }
        }
        let kind = entry["kind"].as_str().unwrap();
        let right = match kind {
            "table" => shown.iter().any(|o| matches!(o, Output::Table(_) | Output::Page(_))),
            "image" => shown.iter().any(|o| matches!(o, Output::Image(i) if i.decode().is_ok())),
            "error" => shown.iter().any(|o| matches!(o, Output::Error(_))),
            "json" => shown.iter().any(|o| matches!(o, Output::Json(_))),
            "markdown" => shown.iter().any(|o| matches!(o, Output::Markdown(_))),
            "refused" => shown.iter().all(|o| matches!(o, Output::Note(_))),
            _ => !shown.is_empty(),
        };
        if !right {
            failures.push(format!("{name}: is no {kind}: {shown:.200?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
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
    let n = note(bundle(serde_json::json!({ "application/vnd.plotly.v1+json": { "data": [{ "type": "bar" }] } })));
    assert_eq!(n.what, "Plotly figure (bar), not drawn");
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

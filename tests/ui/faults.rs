//! Outputs that nobody means well with, and very many of them: the window goes on drawing, and says what it leaves out.
use std::time::{Duration, Instant};

use andon::model::{
    kernel::{Bundle, ExecEvent},
    output::{Collector, Output, html, view},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use egui_kittest::{Harness, kittest::Queryable};
use serde_json::{Value, json};

use super::output::{Stage, plotly, settle, stage};
use andon::ui::widgets::output::Act;

/// A frame, unoptimised and beside other tests.
const FRAME: Duration = Duration::from_millis(400);

fn steady(harness: &mut Harness<'static, Stage>, what: &str) {
    let start = Instant::now();
    harness.run_steps(5);
    let frame = start.elapsed() / 5;
    assert!(frame < FRAME, "{what}: {frame:?} a frame");
}

fn bundle(data: Value) -> Output {
    Output::from_bundle(data.as_object().unwrap(), &serde_json::Map::new())
}

#[test]
fn ten_thousand_outputs_in_a_cell_cost_what_is_seen_of_them() {
    let raw: Vec<String> = (0..10_000)
        .map(|n| {
            json!({ "output_type": "display_data", "metadata": {}, "data": { "text/plain": format!("output {n}") } })
                .to_string()
        })
        .collect();
    let mut harness = stage(view(raw.iter().map(String::as_str)));
    steady(&mut harness, "10,000 outputs");
    harness.get_by_label("output 0");
    assert!(harness.query_by_label("output 500").is_none(), "what is far below is not laid out");
    harness.event(egui::Event::PointerMoved(egui::pos2(300.0, 300.0)));
    for _ in 0..12 {
        harness.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, -90_000.0),
            modifiers: egui::Modifiers::NONE,
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
        });
        harness.run_steps(4);
    }
    harness.get_by_label("output 9999");
    assert!(harness.query_by_label("output 0").is_none());
    steady(&mut harness, "10,000 outputs at their end");
}

/// A PNG whose head tells these sides and which holds nothing.
fn hollow_png(width: u32, height: u32) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let mut crc = u32::MAX;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            }
        }
        !crc
    };
    let chunk = |kind: &[u8], data: &[u8]| {
        let body = [kind, data].concat();
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat()
    };
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[1, 0, 0, 0, 0]].concat();
    let mut png = vec![0x89, b'P', b'N', b'G', 13, 10, 26, 10];
    png.extend(chunk(b"IHDR", &head));
    png.extend(chunk(b"IDAT", &[0x78, 0x9c, 3, 0, 0, 0, 0, 1]));
    png.extend(chunk(b"IEND", &[]));
    png
}

#[test]
fn pictures_that_would_fill_the_memory_are_refused_and_can_be_saved() {
    let bomb = STANDARD.encode(hollow_png(60_000, 60_000));
    let mut large = hollow_png(30, 20);
    large.resize(70_000_000, 0);
    let large = STANDARD.encode(large);
    for (data, words) in [(bomb, "60000 \u{d7} 60000 pixels"), (large, "too large to be drawn (70.0 MB)")] {
        let mut harness = stage(vec![bundle(json!({ "image/png": data }))]);
        settle(&mut harness);
        steady(&mut harness, words);
        harness.get_by_label_contains(words);
        harness.get_by_label("Save\u{2026}").click();
        harness.run_steps(2);
        assert!(matches!(&harness.state().acts[0], Act::File { open: false, .. }));
    }
}

#[test]
fn broken_base64_gives_way_to_the_words_beside_it() {
    for data in ["AAA", "!!!!", "iVBORw0KGgo", "\u{202e}", ""] {
        let harness = stage(vec![bundle(json!({ "image/png": data, "text/plain": "a figure" }))]);
        harness.get_by_label("a figure");
        harness.get_by_label_contains("picture in this output is broken");
    }
}

#[test]
fn a_large_output_of_a_running_cell_is_read_beside_the_window() {
    let x: Vec<u8> = (0..400_000).flat_map(|n| f64::from(n).to_le_bytes()).collect();
    let figure = json!({ "data": [{ "type": "scatter", "mode": "lines",
        "y": { "dtype": "f8", "bdata": STANDARD.encode(x) }, "name": "large" }], "layout": { "title": "Large" } });
    let data = json!({ "application/vnd.plotly.v1+json": figure, "text/plain": "Figure" });
    let bundle = Bundle { data: data.as_object().cloned().unwrap(), metadata: serde_json::Map::new() };
    let mut c = Collector::new();
    c.apply(&ExecEvent::Display { bundle, display_id: None });
    assert!(matches!(&c.views()[0], Output::Later(l) if l.ready().is_none()), "nothing is read where it is taken in");
    let mut harness = stage(c.views().to_vec());
    let begun = Instant::now();
    while harness.query_by_label_contains("Chart Large").is_none() {
        assert!(begun.elapsed() < Duration::from_mins(2), "it never came");
        harness.run_steps(1);
        std::thread::sleep(Duration::from_millis(20));
    }
    steady(&mut harness, "a chart that came later");
}

#[test]
fn a_million_points_are_drawn_and_found_without_a_long_frame() {
    let n = 1_000_000;
    let column = |f: &dyn Fn(f64) -> f64| {
        let bytes: Vec<u8> = (0..n).flat_map(|i| f(f64::from(i)).to_le_bytes()).collect();
        json!({ "dtype": "f8", "bdata": STANDARD.encode(bytes) })
    };
    let trace =
        json!({ "type": "scattergl", "mode": "markers", "x": column(&|i| i), "y": column(&|i| (i * 0.618).fract()) });
    let mut harness = stage(plotly(json!({ "data": [trace] })));
    let begun = Instant::now();
    harness.get_by_label_contains("Drawing");
    while harness.query_by_label_contains("Drawing").is_some() {
        assert!(begun.elapsed() < Duration::from_mins(3), "it was never drawn");
        steady(&mut harness, "while the points are drawn");
        std::thread::sleep(Duration::from_millis(50));
    }
    for x in [200.0, 300.0, 400.0] {
        harness.hover_at(egui::pos2(x, 150.0));
        steady(&mut harness, "with the pointer over a million points");
    }
}

#[test]
fn numbers_beyond_all_bounds_draw_something_or_say_why() {
    let odd = [
        json!(null),
        json!("NaN"),
        json!("Infinity"),
        json!(1e308),
        json!(-1e308),
        json!(5e-324),
        json!("x"),
        json!(true),
    ];
    let mixed = |n: usize| (0..40).map(|i| odd[(i * n + i / 3) % odd.len()].clone()).collect::<Vec<_>>();
    let mut figures = Vec::new();
    for kind in [
        "scatter",
        "bar",
        "histogram",
        "box",
        "violin",
        "heatmap",
        "contour",
        "pie",
        "candlestick",
        "histogram2d",
        "funnel",
        "treemap",
        "indicator",
    ] {
        for n in [1, 3, 5] {
            figures.push(json!({ "data": [{ "type": kind, "x": mixed(n), "y": mixed(n + 1), "z": [mixed(n), mixed(n + 2)], "values": mixed(n),
                "labels": mixed(n + 1), "open": mixed(n), "high": mixed(n + 1), "low": mixed(n + 2), "close": mixed(n), "value": 1e308,
                "marker": { "size": mixed(n), "color": mixed(n) }, "nbinsx": 2_000_000_000u64, "xbins": { "size": 1e-300 },
                "contours": { "start": -1e308, "end": 1e308, "size": 1e-300 } }],
                "layout": { "xaxis": { "dtick": 1e-300, "type": if n == 3 { "log" } else { "linear" }, "range": [1e308, -1e308] },
                    "yaxis": { "tickvals": mixed(n), "dtick": 1e-12, "nticks": 1_000_000_000u64 }, "width": 1e9, "height": -5 } }));
        }
    }
    let mut outputs: Vec<Output> = figures.into_iter().flat_map(plotly).collect();
    for mark in ["point", "bar", "line", "area", "arc", "boxplot", "tick", "rect"] {
        let values: Vec<Value> = mixed(3).into_iter().zip(mixed(2)).map(|(a, b)| json!({ "a": a, "b": b })).collect();
        let spec = json!({ "mark": mark, "data": { "values": values }, "encoding": {
            "x": { "field": "a", "type": "quantitative", "bin": { "step": 1e-300 }, "scale": { "domain": [1e308, -1e308] } },
            "y": { "field": "b", "type": "quantitative", "scale": { "type": "log" }, "axis": { "values": values.len(), "tickCount": 1e18 } },
            "size": { "field": "a", "type": "quantitative" }, "theta": { "field": "b", "type": "quantitative" } } });
        outputs.push(bundle(json!({ "application/vnd.vegalite.v5+json": spec })));
    }
    for output in outputs {
        let what = output.to_text().chars().take(80).collect::<String>();
        let mut harness = stage(vec![output]);
        steady(&mut harness, &what);
        harness.hover_at(egui::pos2(300.0, 150.0));
        steady(&mut harness, &what);
    }
}

#[test]
fn hostile_texts_pages_and_trees_are_drawn_at_frame_rate() {
    let text = |source: &str| {
        let mut all = andon::model::output::Text::stream(false);
        all.feed(source);
        Output::Text(all)
    };
    let page = |source: &str| Output::Page(html::parse(source).blocks);
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let outputs = [
        ("10 MB without an end of line", text(&"x".repeat(10_000_000))),
        ("marks over letters", text(&"Z\u{301}\u{302}\u{303}\u{304}".repeat(50_000))),
        ("letters from right to left", text(&"\u{202e}abc\u{2066}\u{5d0}\u{5d1}\n".repeat(5_000))),
        ("backspaces", text(&format!("{}{}", "x".repeat(1_000), "\u{8}y\u{8}".repeat(100_000)))),
        ("wide letters", text(&"漢字".repeat(200_000))),
        (
            "a tree",
            bundle(json!({ "application/json": { "deep": deep, "wide": (0..200_000).collect::<Vec<_>>(),
            "long": "x".repeat(1_000_000) } })),
        ),
        ("20,000 small tables", page(&"<table><tr><td>1</td></tr></table><p>x</p>".repeat(20_000))),
        (
            "a million cells",
            page(&format!("<table>{}</table>", ("<tr>".to_owned() + &"<td>1</td>".repeat(50)).repeat(20_000))),
        ),
        ("a thousand columns", page(&format!("<table><tr>{}</table>", "<th>name of a column</th>".repeat(3_000)))),
        ("a name of a megabyte", page(&format!("<table><tr><th>{}</th></tr><tr><td>1</table>", "n".repeat(1_000_000)))),
        ("200,000 paragraphs", bundle(json!({ "text/markdown": "some words\n\n".repeat(70_000) }))),
        ("one paragraph of a megabyte", bundle(json!({ "text/markdown": "word ".repeat(200_000) }))),
        (
            "a table of text",
            bundle(json!({ "text/markdown": format!("|a|b|\n|---|---|\n{}", "|1|2|\n".repeat(20_000)) })),
        ),
        ("a list", bundle(json!({ "text/markdown": "- entry\n".repeat(50_000) }))),
        ("long formulas", bundle(json!({ "text/latex": format!("${}$", "\\frac{a}{b}+".repeat(1_200)) }))),
        ("an error of a megabyte", Output::error("E", &"v".repeat(1_000_000), &"line\n".repeat(100_000))),
    ];
    for (what, output) in outputs {
        let mut harness = stage(vec![output]);
        steady(&mut harness, what);
    }
}

#[test]
fn the_whole_of_a_long_text_is_asked_for_where_it_is() {
    let mut c = Collector::new();
    let text: String = (0..80_000).map(|n| format!("line {n}\n")).collect();
    c.apply(&ExecEvent::Stream { stderr: false, text });
    let mut harness = stage(c.views().to_vec());
    assert!(harness.query_by_label("Open as a text").is_none(), "only where there is a notebook to ask");
    harness.state_mut().view.set_at_home();
    harness.run_steps(2);
    harness.get_by_label_contains("lines in the middle are left out here");
    harness.get_by_label("Open as a text").click();
    harness.run_steps(2);
    assert_eq!(harness.state().acts, [Act::OpenText(0)]);
}

#[test]
fn the_columns_of_a_frame_are_profiled_sorted_and_filtered() {
    let rows: String =
        (0..40).map(|n| format!("<tr><td>{}</td><td>{}</td></tr>", n * 7 % 40, ["red", "blue"][n % 2])).collect();
    let html = format!(
        "<table class='dataframe'><thead><tr><th>n</th><th>colour</th></tr></thead><tbody>{rows}</tbody></table>"
    );
    let mut harness = stage(vec![bundle(json!({ "text/html": html }))]);
    harness.get_by_label("Profile").click();
    harness.run_steps(3);
    harness.get_by_label("Hide profile");
    harness.get_by_label("Filter").click();
    harness.run_steps(3);
    harness.get_by_label("Filter rows").click();
    harness.run_steps(2);
    harness.get_by_label("Filter rows").type_text("blue");
    harness.run_steps(3);
    harness.get_by_label("20 found");
    harness.get_by_label("All rows").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("20 found").is_none());
}

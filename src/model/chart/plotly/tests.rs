use serde_json::{Value, json};

use super::*;
use crate::model::chart::{self, figure::Mark};

fn fixture(name: &str) -> Value {
    let path = format!("tests/fixtures/outputs/{name}.ipynb");
    let root = std::env::var("CARGO_MANIFEST_DIR_REAL").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let text = std::fs::read_to_string(std::path::Path::new(&root).join(path)).unwrap();
    let notebook: Value = serde_json::from_str(&text).unwrap();
    notebook["cells"][1]["outputs"].clone()
}

fn figure(name: &str) -> Figure {
    let outputs = fixture(name);
    let mut found = outputs.as_array().unwrap().iter().filter_map(|o| {
        let data = o["data"].as_object()?;
        chart::from_bundle(data).or_else(|| {
            let html: String = data.get("text/html")?.as_array()?.iter().filter_map(Value::as_str).collect();
            chart::from_html(&html)
        })
    });
    found.next().unwrap()
}

#[test]
fn every_figure_of_the_corpus_is_what_its_manifest_says() {
    let root = std::env::var("CARGO_MANIFEST_DIR_REAL").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let text =
        std::fs::read_to_string(std::path::Path::new(&root).join("tests/fixtures/outputs/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let mut seen = 0;
    for entry in manifest["entries"].as_array().unwrap().iter().filter(|e| e["topic"] == "plotly") {
        let id = entry["id"].as_str().unwrap();
        let f = figure(id);
        let d = chart::describe(&f);
        let facts = entry["facts"].as_object().unwrap();
        let types: Vec<&str> = d["traces"].as_array().unwrap().iter().filter_map(|t| t["type"].as_str()).collect();
        assert_eq!(json!(types), facts["traces"], "{id}");
        assert_eq!(d["series"], facts["series"], "{id}");
        let visible = d["text"].to_string();
        for (fact, want) in facts {
            let near = |got: &Value, want: &Value| (got.as_f64().unwrap() - want.as_f64().unwrap()).abs() < 0.05;
            match fact.as_str() {
                "title" => assert_eq!(d["title"], *want, "{id}"),
                "x_axis" => assert_eq!(d["scales"]["x"], *want, "{id}"),
                "x_scale" => assert_eq!(d["scales"]["x"], *want, "{id}"),
                "points" => {
                    let sum: u64 = d["traces"].as_array().unwrap().iter().filter_map(|t| t["points"].as_u64()).sum();
                    assert_eq!(json!(sum), *want, "{id}");
                }
                "axis_titles" => {
                    assert_eq!(json!([d["axis_titles"]["x"], d["axis_titles"]["y"]]), *want, "{id}");
                }
                "y_range" | "x_range" => {
                    let got = &d["axes"][&fact[..1]];
                    assert!(near(&got[0], &want[0]) && near(&got[1], &want[1]), "{id}: {got}");
                }
                "y_max" => assert!(near(&d["axes"]["y"][1], want), "{id}: {}", d["axes"]["y"]),
                "legend" => assert_eq!(d["legend"], *want, "{id}"),
                "categories" => {
                    let at = if d["categories"].get("x").is_some() { "x" } else { "y" };
                    assert_eq!(d["categories"][at], *want, "{id}");
                }
                "total" => assert_eq!(d["traces"][0]["points"], *want, "{id}"),
                "cells" => assert_eq!(d["traces"][0]["cells"], *want, "{id}"),
                "z_range" => assert_eq!(
                    json!([
                        d["traces"][0]["z_range"][0].as_f64().unwrap() as i64,
                        d["traces"][0]["z_range"][1].as_f64().unwrap() as i64
                    ]),
                    *want,
                    "{id}"
                ),
                "missing" => assert_eq!(d["traces"][0]["missing"], *want, "{id}"),
                "subplots" => assert_eq!(d["panels"], *want, "{id}"),
                "background" => assert_eq!(d["background"], *want, "{id}"),
                "barmode" | "frames" | "rows" | "columns" => assert_eq!(d[fact], *want, "{id}"),
                "colour_bar" => assert_eq!(d["colour_bar"], *want, "{id}"),
                "candles" => assert_eq!(d["traces"][0]["points"], *want, "{id}"),
                "text" | "titles" => {
                    want.as_array()
                        .unwrap()
                        .iter()
                        .for_each(|t| assert!(visible.contains(t.as_str().unwrap()), "{id}: {visible}"));
                }
                _ => {}
            }
        }
        if entry["facts"].get("fallback").is_some() && f.notes.is_empty() {
            assert!(f.is_drawn(), "{id} is neither drawn nor named");
        }
        assert!(chart::label(&f).len() > 10);
        assert_eq!(chart::table(&f).page.rows.len() + 1, chart::tsv(&f).lines().count(), "{id}");
        seen += 1;
    }
    assert_eq!(seen, 29);
}

#[test]
fn a_histogram_counts_into_the_bins_of_plotly() {
    let f = figure("plotly_histogram");
    let Mark::Rects { rects, .. } = &f.panels[0].series[0].marks[0] else { panic!() };
    assert_eq!(rects.to_vec(), [[-0.5, 0.0, 0.5, 10.0], [0.5, 0.0, 1.5, 20.0], [1.5, 0.0, 2.5, 5.0]]);
}

#[test]
fn boxes_have_the_quartiles_of_plotly() {
    let f = figure("plotly_box");
    let lines = f.panels[0].series[0].data.lines(1);
    assert_eq!(
        lines,
        ["g: b", "upper whisker: 20", "upper quartile: 13", "median: 5", "lower quartile: 3", "lower whisker: 2"]
    );
}

#[test]
fn stacked_areas_stand_on_each_other() {
    let f = figure("plotly_area");
    let Mark::Area { low, high, .. } = &f.panels[0].series[1].marks[0] else { panic!() };
    assert_eq!((low.as_slice(), high.as_slice()), (&[1.0, 2.0, 1.0][..], &[4.0, 3.0, 3.0][..]));
}

#[test]
fn grouped_bars_stand_side_by_side_and_stacked_ones_on_top() {
    let f = figure("plotly_bar_grouped");
    let rects = |s: usize| match &f.panels[0].series[s].marks[0] {
        Mark::Rects { rects, .. } => rects.to_vec(),
        _ => panic!(),
    };
    assert!((rects(0)[0][2] - rects(1)[0][0]).abs() < 1e-9);
    assert_eq!((rects(0)[1][3], rects(1)[1][3]), (3.0, 4.0));
    let stacked = read(
        &json!({"data": [{"type": "bar", "x": ["a"], "y": [2]}, {"type": "bar", "x": ["a"], "y": [3]}], "layout": {"barmode": "stack"}}),
    );
    let Mark::Rects { rects, .. } = &stacked.panels[0].series[1].marks[0] else { panic!() };
    assert_eq!((rects[0][1], rects[0][3]), (2.0, 5.0));
}

#[test]
fn lines_step_and_gap() {
    let f = figure("plotly_gaps_dash");
    let Mark::Line { points, pen, .. } = &f.panels[0].series[0].marks[0] else { panic!() };
    assert_eq!((pen.width, pen.dash), (3.0, crate::model::chart::Dash::Dash));
    assert_eq!(pen.ink, Ink::Own([255, 0, 0, 255]));
    assert!(points.iter().any(|p| p[1].is_nan()) && points.contains(&[4.0, 3.0]));
}

#[test]
fn a_timeline_is_bars_over_time() {
    let f = figure("plotly_timeline");
    let d = chart::describe(&f);
    assert_eq!(d["axes"]["x"], json!(["2026-01-01", "2026-01-08"]));
}

#[test]
fn second_axes_lie_over_the_first() {
    let f = read(&json!({"data": [{"y": [1, 2]}, {"y": [10, 20], "yaxis": "y2"}],
        "layout": {"yaxis": {"title": "a"}, "yaxis2": {"title": {"text": "b"}, "overlaying": "y", "side": "right"}}}));
    assert_eq!(f.panels.iter().map(|p| p.over).collect::<Vec<_>>(), [false, true]);
    assert_eq!(f.axes[f.panels[1].y].side, Side::Right);
}

#[test]
fn hostile_figures_are_read_without_harm() {
    for value in [
        json!(null),
        json!([]),
        json!({"data": 3, "layout": []}),
        json!({"data": [null, 1, "x", {}, {"type": []}, {"type": "scatter", "x": {}, "y": [[1]]}]}),
        json!({"data": [{"type": "heatmap", "z": [[], [1]]}, {"type": "heatmap", "z": [1, 2]}, {"type": "contour", "z": [[1]]}]}),
        json!({"data": [{"type": "histogram", "x": [1e300, -1e300, 0], "xbins": {"size": 1e-300}}]}),
        json!({"data": [{"type": "histogram2d", "x": [1e300, 0], "y": [0, 1e300], "xbins": {"size": 1e-300}}]}),
        json!({"data": [{"type": "sunburst", "labels": ["a", "b"], "parents": ["b", "a"], "values": [1, 2]}]}),
        json!({"data": [{"type": "treemap", "labels": ["a", "b"], "parents": ["", "a"], "values": [-1, 0]}]}),
        json!({"data": [{"type": "pie", "values": [0, 0]}, {"type": "pie", "values": [-1]}, {"type": "indicator"}]}),
        json!({"data": [{"y": [1, 2], "xaxis": "x99999999"}, {"y": [1], "yaxis": "é"}], "layout": {"xaxis": {"range": [1, 1]}, "yaxis": {"range": ["a", null], "type": "log"}}}),
        json!({"data": [{"y": [0, -1], "x": [1e308, -1e308]}], "layout": {"yaxis": {"type": "log"}, "xaxis": {"matches": "x"}}}),
        json!({"data": [{"type": "box", "y": []}, {"type": "violin", "y": [1]}, {"type": "violin", "y": [2, 2, 2]}, {"type": "candlestick"}]}),
        json!({"data": [{"type": "bar", "x": ["a", null], "y": [null, "q"], "base": ["2026-01-01"], "text": {"a": 1}}]}),
        json!({"data": [{"x": [1, 2], "y": [1, 2], "hovertemplate": "%{x:.2f%{y}}<br>%{", "texttemplate": "%{"}]}),
        json!({"data": [{"type": "waterfall", "y": [1], "measure": [3]}, {"type": "funnel", "x": [1, 2]}]}),
    ] {
        let f = read(&value);
        chart::describe(&f);
        chart::label(&f);
        chart::table(&f);
    }
    let many: Vec<Value> = (0..5000).map(|i| json!({"y": [i], "xaxis": format!("x{i}")})).collect();
    let f = read(&json!({ "data": many }));
    assert!(f.panels.len() <= MOST_PANELS && !f.notes.is_empty());
}

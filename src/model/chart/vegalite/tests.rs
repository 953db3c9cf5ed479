use serde_json::{Value, json};

use super::*;
use crate::model::chart::{
    self,
    figure::{Mark, Scale},
};

fn root() -> std::path::PathBuf {
    std::env::var("CARGO_MANIFEST_DIR_REAL").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned()).into()
}

fn figure(name: &str) -> Option<Figure> {
    let text = std::fs::read_to_string(root().join(format!("tests/fixtures/outputs/{name}.ipynb"))).unwrap();
    let notebook: Value = serde_json::from_str(&text).unwrap();
    let data = notebook["cells"][1]["outputs"][0]["data"].as_object().unwrap();
    chart::from_bundle(data).or_else(|| {
        let html: String = data.get("text/html")?.as_array()?.iter().filter_map(Value::as_str).collect();
        chart::from_html(&html)
    })
}

fn of(spec: Value) -> Figure {
    read(&spec, &|_| None)
}

fn rects(f: &Figure) -> Vec<[f64; 4]> {
    let all = f
        .series()
        .flat_map(|s| &s.marks)
        .filter_map(|m| if let Mark::Rects { rects, .. } = m { Some(rects.to_vec()) } else { None });
    all.flatten().collect()
}

#[test]
fn every_chart_of_the_corpus_is_what_its_manifest_says() {
    let text = std::fs::read_to_string(root().join("tests/fixtures/outputs/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let mut seen = 0;
    for entry in
        manifest["entries"].as_array().unwrap().iter().filter(|e| e["topic"] == "vega-lite" && e["kind"] == "plot")
    {
        let id = entry["id"].as_str().unwrap();
        let f = figure(id).unwrap_or_else(|| panic!("{id} is not found"));
        let d = chart::describe(&f);
        for (fact, want) in entry["facts"].as_object().unwrap() {
            match fact.as_str() {
                "mark" | "title" | "legend" | "layers" | "marks" => assert_eq!(d[fact], *want, "{id}"),
                "points" => {
                    let sum: u64 = d["traces"].as_array().unwrap().iter().filter_map(|t| t["points"].as_u64()).sum();
                    assert_eq!(json!(sum), *want, "{id}");
                }
                "x_axis" => assert_eq!(d["scales"]["x"], *want, "{id}"),
                "views" => assert_eq!(d["panels"], *want, "{id}"),
                "cells" => assert_eq!(rects(&f).len() as u64, want.as_u64().unwrap(), "{id}"),
                "bars" => assert_eq!(json!(rects(&f).iter().map(|r| r[3] as u64).collect::<Vec<_>>()), *want, "{id}"),
                "stacked" => assert!(f.series().count() > 1, "{id}"),
                _ => {}
            }
        }
        if entry["facts"].get("fallback").is_some() {
            assert!(!f.notes.is_empty(), "{id}");
        } else {
            assert!(f.notes.is_empty() && f.is_drawn(), "{id}: {:?}", f.notes);
        }
        assert!(chart::label(&f).len() > 10);
        chart::table(&f);
        seen += 1;
    }
    assert_eq!(seen, 15);
    assert!(figure("vega_raw").is_none());
}

#[test]
fn transforms_reach_the_marks() {
    let f = figure("altair_transform").unwrap();
    let Mark::Points { at, .. } = &f.panels[0].series[0].marks[0] else { panic!() };
    assert_eq!(at.iter().map(|p| p[0]).collect::<Vec<_>>(), [2.0, 6.0, 8.0]);
}

#[test]
fn a_box_is_that_of_vega() {
    let f = figure("altair_boxplot").unwrap();
    let lines = f.panels[0].series[0].data.lines(0);
    assert_eq!(
        lines,
        [
            "k: a",
            "upper whisker: 4.75",
            "upper quartile: 4.75",
            "median: 2.5",
            "lower quartile: 1.75",
            "lower whisker: 1"
        ]
    );
}

#[test]
fn a_band_is_the_mean_and_its_error() {
    let f = figure("altair_errorband").unwrap();
    let Mark::Area { low, high, .. } = &f.panels[0].series[0].marks[0] else { panic!() };
    assert_eq!((low[0], high[0], low[1], high[1]), (1.0, 2.0, 2.0, 4.0));
}

#[test]
fn data_elsewhere_is_named_and_data_beside_is_read() {
    let f = figure("altair_url_data").unwrap();
    assert!(f.notes[0].contains("https://example.org/cars.json"), "{:?}", f.notes);
    let spec =
        json!({"data": {"url": "t.csv"}, "mark": "point", "encoding": {"x": {"field": "a", "type": "quantitative"}}});
    let f = read(&spec, &|name| (name == "t.csv").then(|| "a\n1\n2\n".to_owned()));
    assert_eq!((f.series().next().unwrap().count, f.notes.len()), (2, 0));
    assert_eq!(read(&spec, &|_| None).wants, ["t.csv"]);
}

#[test]
fn bars_stack_with_the_first_of_the_legend_on_top() {
    let values = json!([{"x": "p", "k": "a", "y": 2}, {"x": "p", "k": "b", "y": 3}]);
    let spec = |stack: Value| {
        json!({"data": {"values": values}, "mark": "bar", "encoding": {
        "x": {"field": "x", "type": "nominal"}, "y": {"field": "y", "type": "quantitative", "stack": stack}, "color": {"field": "k", "type": "nominal"}}})
    };
    let f = of(spec(json!("zero")));
    assert_eq!(rects(&f).iter().map(|r| (r[1], r[3])).collect::<Vec<_>>(), [(3.0, 5.0), (0.0, 3.0)]);
    let f = of(spec(json!("normalize")));
    assert_eq!(rects(&f)[0][3], 1.0);
    let mut beside = spec(Value::Null);
    beside["encoding"]["xOffset"] = json!({"field": "k", "type": "nominal"});
    let r = rects(&of(beside));
    assert!((r[0][2] - r[1][0]).abs() < 1e-9 && r[0][1] == 0.0 && r[1][1] == 0.0);
}

#[test]
fn names_are_sorted_as_asked() {
    let names = |sort: Value| {
        let f = of(
            json!({"data": {"values": [{"k": "b", "v": 1}, {"k": "a", "v": 3}, {"k": "c", "v": 2}]}, "mark": "bar",
            "encoding": {"x": {"field": "k", "type": "nominal", "sort": sort}, "y": {"field": "v", "type": "quantitative"}}}),
        );
        match &f.axes[0].scale {
            Scale::Names(names) => names.join(""),
            _ => panic!(),
        }
    };
    assert_eq!(names(json!("ascending")), "abc");
    assert_eq!(names(json!("-y")), "acb");
    assert_eq!(names(Value::Null), "bac");
    assert_eq!(names(json!(["c", "a"])), "cab");
    assert_eq!(names(json!({"field": "v", "op": "sum", "order": "ascending"})), "bca");
}

#[test]
fn units_of_time_are_grouped_and_named() {
    let values: Vec<Value> = (1..=12).map(|m| json!({"t": format!("2026-{m:02}-15"), "v": m})).collect();
    let f = of(json!({"data": {"values": values}, "mark": "bar", "encoding": {
        "x": {"timeUnit": "quarter", "field": "t", "type": "ordinal"}, "y": {"aggregate": "sum", "field": "v", "type": "quantitative"}}}));
    assert_eq!(rects(&f).iter().map(|r| r[3]).collect::<Vec<_>>(), [6.0, 15.0, 24.0, 33.0]);
    assert_eq!(chart::describe(&f)["categories"]["x"], json!(["Q1", "Q2", "Q3", "Q4"]));
    assert_eq!(f.axes[1].title, "Sum of v");
}

#[test]
fn ranges_begin_at_zero_and_end_in_round_numbers() {
    let f = figure("altair_line").unwrap();
    assert_eq!(f.axes[1].range, [0.0, 5.0]);
    let f = of(json!({"data": {"values": [{"a": 3, "b": 7.3}, {"a": 90, "b": 9.1}]}, "mark": "point", "encoding": {
        "x": {"field": "a", "type": "quantitative", "scale": {"type": "log"}}, "y": {"field": "b", "type": "quantitative", "scale": {"zero": false}}}}));
    assert_eq!(f.axes[0].range, [1.0, 100.0]);
    assert!((f.axes[1].range[0] - 7.2).abs() < 1e-9 && (f.axes[1].range[1] - 9.2).abs() < 1e-9);
}

#[test]
fn facets_share_their_axes_and_name_their_panels() {
    let f = figure("altair_facet").unwrap();
    assert_eq!(f.panels.iter().map(|p| p.title.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(f.axes[f.panels[0].y].range, f.axes[f.panels[1].y].range);
    assert_eq!(f.axes[f.panels[1].y].link, f.axes[f.panels[0].y].link);
}

#[test]
fn hostile_charts_are_read_without_harm() {
    let deep = (0..100).fold(json!({"mark": "bar"}), |inner, _| json!({"hconcat": [inner]}));
    for spec in [
        json!(null),
        json!([]),
        json!({"mark": {}}),
        json!({"mark": 3, "encoding": 5, "data": 7}),
        deep,
        json!({"layer": [{"layer": [{"mark": "point"}]}, 1, null]}),
        json!({"data": {"values": [1, "a", null, {"x": {"y": 1}}]}, "mark": "bar", "encoding": {"x": {"field": "x.y.z"}, "y": {"aggregate": "nonsense", "field": "data"}}}),
        json!({"data": {"sequence": {"start": 0, "stop": 1e300, "step": 1e-300}}, "mark": "line", "encoding": {"x": {"field": "data", "type": "quantitative"}}}),
        json!({"data": {"values": [{"a": 1e308}, {"a": -1e308}]}, "mark": "bar", "encoding": {"x": {"bin": {"maxbins": 1e9, "step": 1e-300}, "field": "a", "type": "quantitative"}, "y": {"aggregate": "count"}}}),
        json!({"data": {"values": [{"a": 1}]}, "transform": [{"filter": "((("}, {"calculate": "alert(1)", "as": "b"}, {"nonsense": 1}, {"window": [{"op": "x"}]}, {"fold": []}], "mark": "point"}),
        json!({"data": {"values": [{"a": 1}]}, "mark": "arc", "encoding": {"theta": {"field": "b"}, "color": {"field": "a"}}}),
        json!({"data": {"values": []}, "mark": "boxplot", "encoding": {"x": {"field": "a", "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}}}),
        json!({"data": {"values": []}, "mark": "errorband", "encoding": {"x": {"field": "a", "type": "quantitative"}, "y": {"field": "b", "type": "quantitative"}}}),
        json!({"data": {"values": [{"t": "2026-01-01", "y": 1}]}, "mark": "area", "encoding": {"x": {"field": "t", "timeUnit": "yearmonthdatehoursminutes", "type": "temporal"}, "y": {"field": "y", "type": "quantitative", "scale": {"type": "log"}}}}),
        json!({"repeat": {"row": [], "column": []}, "spec": {"mark": "point"}}),
        json!({"facet": {"field": "q"}, "spec": {"mark": "point"}, "data": {"values": [{}]}}),
        json!({"data": {"values": [{"a": 1, "é": 2}]}, "mark": "text", "encoding": {"text": {"field": "é"}, "x": {"value": 3}, "y": {"datum": {"year": 99999999}}}}),
    ] {
        let f = of(spec);
        chart::describe(&f);
        chart::label(&f);
        chart::table(&f);
    }
}

#[test]
fn many_rows_are_read_in_time() {
    let values: Vec<Value> = (0..50_000).map(|i| json!({"x": i % 1000, "y": i * 7 % 991, "k": i % 5})).collect();
    let start = std::time::Instant::now();
    let f = of(json!({"data": {"values": values}, "mark": "point", "encoding": {
        "x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}, "color": {"field": "k", "type": "nominal"}}}));
    assert_eq!(f.series().map(|s| s.count).sum::<usize>(), 50_000);
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
}

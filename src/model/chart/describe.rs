//! A figure in words: what a program, a screen reader and the clipboard get of it.
use serde_json::{Map, Value, json};

use super::{
    color,
    figure::{Axis, Figure, Frame, Mark, Scale, Series, Values},
};
use crate::{
    base::text::{count, shorten},
    model::{
        output::Table,
        table::{Cell, Column, Kind, Page},
    },
};

/// Rows of the table beyond this are counted only.
const MOST_ROWS: usize = 100_000;

/// What the window shows of a figure: kind, series, title, axes, all visible text and what is not drawn.
pub fn describe(figure: &Figure) -> Value {
    let mut out = Map::new();
    out.insert("kind".into(), "plot".into());
    let real: Vec<&Series> = figure.series().filter(|s| s.kind != "annotation").collect();
    out.insert("series".into(), real.len().into());
    let traces: Vec<Value> = real.iter().map(|s| trace(figure, s)).collect();
    out.insert("traces".into(), traces.into());
    if !figure.title.is_empty() {
        out.insert("title".into(), figure.title.as_str().into());
    }
    let (mut axes, mut view, mut kinds, mut titles, mut names) =
        (Map::new(), Map::new(), Map::new(), Map::new(), Map::new());
    for axis in figure.axes.iter().filter(|a| !a.key.is_empty()) {
        let key = &axis.key;
        axes.insert(key.clone(), ends(axis, axis.extent));
        view.insert(key.clone(), ends(axis, axis.range));
        kinds.insert(key.clone(), axis.scale.word().into());
        if !axis.title.is_empty() {
            titles.insert(key.clone(), axis.title.as_str().into());
        }
        if let Scale::Names(all) = &axis.scale {
            names.insert(key.clone(), all.iter().take(1000).cloned().collect::<Vec<_>>().into());
        }
    }
    for (name, map) in
        [("axes", axes), ("view", view), ("scales", kinds), ("axis_titles", titles), ("categories", names)]
    {
        if !map.is_empty() {
            out.insert(name.into(), map.into());
        }
    }
    let panels = figure.panels.iter().filter(|p| !p.over).count();
    out.insert("panels".into(), panels.into());
    if !figure.legend.is_empty() {
        out.insert("legend".into(), figure.legend.iter().map(|e| e.label.as_str()).collect::<Vec<_>>().into());
    }
    if let Some(scale) = figure.scales.first() {
        out.insert("colour_range".into(), json!(scale.domain));
        out.insert("colour_bar".into(), figure.scales.iter().any(|s| s.bar).into());
    }
    if let Some(paper) = figure.paper {
        out.insert("background".into(), color::hex(paper).into());
    }
    for (name, value) in &figure.facts {
        out.insert((*name).into(), value.clone());
    }
    out.insert("text".into(), texts(figure).into());
    if let Some(note) = note(figure) {
        out.insert("note".into(), note.into());
    }
    Value::Object(out)
}

fn trace(figure: &Figure, series: &Series) -> Value {
    let mut out = Map::new();
    out.insert("type".into(), series.kind.as_str().into());
    if !series.name.is_empty() {
        out.insert("name".into(), series.name.as_str().into());
    }
    out.insert("points".into(), series.count.into());
    if series.missing > 0 {
        out.insert("missing".into(), series.missing.into());
    }
    for mark in &series.marks {
        match mark {
            Mark::Rects { rects, .. } => {
                out.insert("bars".into(), rects.iter().filter(|r| !r[0].is_nan()).count().into());
            }
            Mark::Grid { z, scale, .. } if series.kind.starts_with("heatmap") || series.kind == "rect" => {
                out.insert("cells".into(), z.len().into());
                if let Some(scale) = figure.scales.get(*scale) {
                    out.insert("z_range".into(), json!(scale.domain));
                }
            }
            Mark::Wedges(all) => {
                out.insert("sectors".into(), all.len().into());
            }
            _ => {}
        }
    }
    out.insert("drawn".into(), (!series.marks.is_empty() || series.kind == "table").into());
    Value::Object(out)
}

/// Both ends of a range, as the axis counts.
fn ends(axis: &Axis, range: [f64; 2]) -> Value {
    if range[0] > range[1] || range.iter().any(|v| !v.is_finite()) {
        return Value::Null;
    }
    match &axis.scale {
        Scale::Time => json!(range.map(|v| axis.show(v))),
        Scale::Names(names) => json!([names.first(), names.last()]),
        _ => json!(range),
    }
}

/// What is not drawn, in one text.
fn note(figure: &Figure) -> Option<String> {
    if figure.notes.is_empty() {
        return None;
    }
    let notes: Vec<String> = figure.notes.iter().map(|n| inside(n)).collect();
    Some(format!("Not drawn: {}.", notes.join("; ")))
}

/// A note as it stands inside a sentence.
pub fn inside(note: &str) -> String {
    let mut letters = note.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Every word that is on the figure.
fn texts(figure: &Figure) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut add = |text: &str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && out.len() < 5000 && !out.contains(&text) {
            out.push(text);
        }
    };
    add(&figure.title);
    add(&figure.subtitle);
    for axis in figure.axes.iter().filter(|a| !a.key.is_empty()) {
        add(&axis.title);
        if axis.labels {
            axis.ticks(axis.range, 6).iter().for_each(|(_, words)| add(words));
        }
    }
    add(&figure.legend_title);
    figure.legend.iter().for_each(|e| add(&e.label));
    figure.scales.iter().filter(|s| s.bar).for_each(|s| add(&s.title));
    figure.texts.iter().for_each(|l| add(&l.text));
    for panel in &figure.panels {
        add(&panel.title);
        for series in &panel.series {
            for mark in &series.marks {
                match mark {
                    Mark::Texts(labels) => labels.iter().for_each(|l| add(&l.text)),
                    Mark::Rects { labels, .. } | Mark::Grid { labels, .. } => labels.iter().for_each(|l| add(l)),
                    Mark::Wedges(all) => all.iter().for_each(|w| add(&w.label)),
                    _ => {}
                }
            }
            if panel.frame == Frame::Table {
                for (name, values) in &series.data.columns {
                    add(name);
                    (0..series.data.rows().min(200)).for_each(|row| add(&values.show(row)));
                }
            }
        }
    }
    figure.notes.iter().for_each(|n| add(n));
    out
}

/// One sentence for a screen reader.
pub fn label(figure: &Figure) -> String {
    let kinds = figure.series().filter(|s| s.kind != "annotation").fold(Vec::<&str>::new(), |mut all, s| {
        if !all.contains(&s.kind.as_str()) {
            all.push(&s.kind);
        }
        all
    });
    let n = figure.series().filter(|s| s.kind != "annotation").count();
    let mut out = if figure.title.is_empty() { "Chart".to_owned() } else { format!("Chart {}", figure.title) };
    out.push_str(&format!(
        ": {} of {}",
        if n == 1 { "one series".to_owned() } else { format!("{n} series") },
        kinds.join(", ")
    ));
    for axis in figure.axes.iter().filter(|a| !a.key.is_empty() && a.extent[0] <= a.extent[1]).take(4) {
        let name = if axis.title.is_empty() { axis.key.as_str() } else { axis.title.as_str() };
        out.push_str(&format!("; {name} from {} to {}", axis.show(axis.extent[0]), axis.show(axis.extent[1])));
    }
    let missing: usize = figure.series().map(|s| s.missing).sum();
    if missing > 0 {
        out.push_str(&format!("; {}", count(missing as u64, "missing value")));
    }
    if let Some(note) = note(figure) {
        out.push_str(&format!(". {note}"));
    }
    shorten(&out, 600)
}

/// The data of all series below each other; a column says the series when there are several.
fn rows(figure: &Figure) -> (Vec<String>, Vec<Vec<String>>, Vec<bool>, usize) {
    let all: Vec<&Series> = figure.series().filter(|s| !s.data.columns.is_empty()).collect();
    let several = all.len() > 1;
    let mut names: Vec<String> = Vec::new();
    let mut numeric: Vec<bool> = Vec::new();
    if several {
        names.push("series".into());
        numeric.push(false);
    }
    let heading = |name: &str| if name.is_empty() { "label".to_owned() } else { name.to_owned() };
    for series in &all {
        for (name, values) in &series.data.columns {
            let (name, number) = (heading(name), matches!(values, Values::Numbers(_)));
            match names.iter().position(|n| *n == name) {
                Some(at) => numeric[at] &= number,
                None => {
                    names.push(name);
                    numeric.push(number);
                }
            }
        }
    }
    let mut out = Vec::new();
    let mut total = 0;
    for series in &all {
        let n = series.data.rows();
        total += n;
        for row in 0..n.min(MOST_ROWS.saturating_sub(out.len())) {
            let mut cells = vec![String::new(); names.len()];
            if several {
                cells[0] = if series.name.is_empty() { series.kind.clone() } else { series.name.clone() };
            }
            for (name, values) in &series.data.columns {
                if let Some(at) = names.iter().position(|n| *n == heading(name)) {
                    cells[at] = values.plain(row);
                }
            }
            out.push(cells);
        }
    }
    (names, out, numeric, total)
}

/// The data as text with tabs.
pub fn tsv(figure: &Figure) -> String {
    let clean = |text: &String| text.replace(['\t', '\n', '\r'], " ");
    let (names, rows, ..) = rows(figure);
    let mut lines = vec![names.iter().map(clean).collect::<Vec<_>>().join("\t")];
    lines.extend(rows.iter().map(|r| r.iter().map(clean).collect::<Vec<_>>().join("\t")));
    lines.join("\n")
}

/// The data as a table.
pub fn table(figure: &Figure) -> Table {
    let (names, rows, numeric, total) = rows(figure);
    let columns = names.iter().zip(&numeric).map(|(name, number)| {
        let (dtype, kind) = if *number { ("f64", Kind::Float) } else { ("str", Kind::Text) };
        Column::new(name.as_str(), dtype, kind)
    });
    let cell = |(text, number): (String, &bool)| match (text.is_empty(), number) {
        (true, _) => Cell::Null,
        (_, true) => text.parse().map_or(Cell::Text(text), |v: f64| {
            if v.fract() == 0.0 && v.abs() < 1e15 { Cell::Int(v as i64) } else { Cell::Float(v) }
        }),
        (_, false) => Cell::Text(text),
    };
    let dropped = total - rows.len();
    let page_rows: Vec<Vec<Cell>> = rows.into_iter().map(|r| r.into_iter().zip(&numeric).map(cell).collect()).collect();
    Table {
        page: Page {
            columns: columns.collect(),
            total_rows: page_rows.len() as u64,
            rows: page_rows,
            ..Page::default()
        },
        index_columns: 0,
        head: vec![names],
        caption: None,
        note: None,
        dropped_rows: dropped,
        dropped_columns: 0,
        looks: std::collections::HashMap::new(),
        spanned: false,
    }
}

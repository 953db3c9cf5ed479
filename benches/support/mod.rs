//! What the benchmarks measure on: a notebook of any length, a table of any size, made here and always the same.
#![allow(dead_code, clippy::unwrap_used, reason = "each benchmark uses its part and ends at the first surprise")]
pub mod versions;
#[cfg(feature = "gui")]
pub mod window;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// A notebook of `cells` cells as people write them: prose, code of a few lines to fifty, text, tables and small images.
/// `round` changes one cell in twenty, adds and removes a few, so that two rounds differ as two working days do.
pub fn notebook(cells: usize, round: usize) -> Vec<u8> {
    let mut list = Vec::with_capacity(cells);
    for i in 0..cells {
        if round > 0 && i % 97 == 13 {
            continue;
        }
        let touched = round > 0 && i % 20 == 7;
        list.push(if i % 4 == 0 { prose(i, touched) } else { code(i, touched) });
        if round > 0 && i % 89 == 40 {
            list.push(code(cells + i, false));
        }
    }
    let all = json!({
        "cells": list,
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    });
    serde_json::to_vec_pretty(&all).unwrap()
}

fn lines(text: &str) -> Value {
    json!(text.split_inclusive('\n').collect::<Vec<_>>())
}

fn prose(i: usize, touched: bool) -> Value {
    let verdict = if touched { "turned out wrong" } else { "holds" };
    let text = format!(
        "## Step {i}\n\nThe assumption of step {} {verdict}:\n\n- *mean* over **{i}** days\n- `limit = {}`",
        i / 2,
        i % 13
    );
    json!({"cell_type": "markdown", "id": format!("md-{i}"), "metadata": {}, "source": lines(&text)})
}

fn code(i: usize, touched: bool) -> Value {
    let length = [3, 8, 5, 21, 4, 50][i % 6];
    let mut text = format!("frame_{i} = load(\"data/part-{i}.parquet\")\n");
    for line in 0..length {
        let factor = if touched && line == length / 2 { 2 } else { 1 };
        text.push_str(&format!(
            "frame_{i}[\"c{line}\"] = frame_{i}[\"a{line}\"] * {factor} + {}  # column {line}\n",
            i * line
        ));
    }
    let output = match i % 5 {
        0 => json!([{"output_type": "stream", "name": "stdout", "text": lines(&format!("{i} rows read\n").repeat(6))}]),
        1 => json!([{"output_type": "execute_result", "execution_count": i, "metadata": {},
            "data": {"text/plain": lines(&format!("   a  b\n0  {i}  1\n1  2  3")), "text/html": lines(&table(i))}}]),
        2 => json!([{"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBORw0KGgo".repeat(400)}}]),
        _ => json!([]),
    };
    json!({"cell_type": "code", "execution_count": i, "id": format!("code-{i}"), "metadata": {}, "outputs": output, "source": lines(&text)})
}

fn table(i: usize) -> String {
    let row = |r: usize| format!("<tr><th>{r}</th><td>{}</td><td>{}</td></tr>\n", r * i, r + i);
    let rows: String = (0..20).map(row).collect();
    format!(
        "<table border=\"1\" class=\"dataframe\"><thead><tr><th></th><th>a</th><th>b</th></tr></thead><tbody>\n{rows}</tbody></table>"
    )
}

/// A Parquet file of `rows` rows and 20 columns below the cache folder, made once. Rows come from SQL over the engine
/// itself, a million at a time, so that the file has row groups as real ones have.
pub fn parquet(rows: usize) -> PathBuf {
    use polars::prelude::*;
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = dir.join(format!("bench-{rows}x20.parquet"));
    if path.is_file() {
        return path;
    }
    let part = path.with_extension("part");
    let names = ["AA", "B6", "DL", "UA", "WN", "AS", "F9", "NK"];
    let chunk = |first: usize, n: usize| -> DataFrame {
        let index: Vec<i64> = (first..first + n).map(|i| i as i64).collect();
        let mut columns: Vec<Column> = vec![Column::new("id".into(), index.clone())];
        for c in 0..8u64 {
            let mix = |i: &i64| (*i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(c as u32 * 7) % (1000 << c);
            columns
                .push(Column::new(format!("int_{c}").into(), index.iter().map(|i| mix(i) as i64).collect::<Vec<_>>()));
        }
        for c in 0..8i32 {
            let wave = |i: &i64| (*i as f64 * 0.001 * f64::from(c + 1)).sin() * 100.0;
            columns.push(Column::new(format!("float_{c}").into(), index.iter().map(wave).collect::<Vec<_>>()));
        }
        let text: Vec<&str> = index.iter().map(|i| names[(i % 8) as usize]).collect();
        columns.push(Column::new("carrier".into(), text));
        let codes: Vec<String> = index.iter().map(|i| format!("N{}", i % 5000)).collect();
        columns.push(Column::new("tail".into(), codes));
        let late: Vec<Option<bool>> = index.iter().map(|i| (i % 17 != 0).then_some(i % 3 == 0)).collect();
        columns.push(Column::new("late".into(), late));
        DataFrame::new(n, columns).unwrap()
    };
    let file = fs::File::create(&part).unwrap();
    let first = chunk(0, rows.min(1_000_000));
    let mut writer = ParquetWriter::new(file).batched(first.schema()).unwrap();
    writer.write_batch(&first).unwrap();
    let mut done = first.height();
    while done < rows {
        let next = chunk(done, (rows - done).min(1_000_000));
        writer.write_batch(&next).unwrap();
        done += next.height();
    }
    writer.finish().unwrap();
    fs::rename(&part, &path).unwrap();
    path
}

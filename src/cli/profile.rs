//! `andon profile`
use std::path::PathBuf;

use serde_json::json;

use super::out::{self, Common, finish};
use crate::{
    base::{Result, text},
    engine::{frames, profile::Profiler},
    model::table::{Cell, Column, ColumnProfile, Kind, Page, Shape, show_float},
};

/// Arguments of `andon profile`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Data file, glob or folder; relative to the present folder, else to the workspace
    pub file: PathBuf,
    /// Only a sample of at most 18,000 rows
    #[arg(long)]
    pub sample: bool,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let cx = out::context(false);
    let path = if args.file.exists() { args.file.clone() } else { args.common.root()?.join(&args.file) };
    let source = frames::open(&path)?;
    let mut all = Vec::new();
    if args.sample {
        all = Profiler::of_source(&source).sample(&cx)?;
    } else {
        source.prepare(&cx)?;
        source.count(&cx)?;
        Profiler::of_source(&source).all(&cx, |p| all.push(p))?;
    }
    for note in source.notes() {
        out::say(&note);
    }
    let rows = source.rows();
    if args.common.json {
        let columns: Vec<_> = all.iter().map(ColumnProfile::to_json).collect();
        out::document(
            "andon.profile/1",
            json!({ "file": args.file, "rows": rows, "columns": columns, "notes": source.notes() }),
        );
        return Ok(0);
    }
    super::sql::print_table(&table(&all));
    let rows = rows.map_or_else(|| "rows not counted".to_owned(), |n| text::count(n, "row"));
    out::say(&format!("{rows}, {}", text::count(all.len() as u64, "column")));
    Ok(0)
}

/// One row a column.
fn table(all: &[ColumnProfile]) -> Page {
    let names = ["column", "type", "nulls", "distinct", "min", "median", "mean", "p95", "max", "shape"];
    let right = |n: &str| matches!(n, "nulls" | "distinct" | "min" | "median" | "mean" | "p95" | "max");
    let columns =
        names.iter().map(|n| Column::new(*n, "str", if right(n) { Kind::Float } else { Kind::Text })).collect();
    let row = |p: &ColumnProfile| {
        let number = |v: Option<f64>| match v {
            Some(v) if p.column.kind.is_number() => show_float(v),
            _ => String::new(),
        };
        let cell = |c: &Cell| if c.is_null() { String::new() } else { text::shorten(&c.show(p.column.grouped()), 24) };
        let about = if p.distinct_approx { "~" } else { "" };
        let distinct = p.distinct.map(|d| format!("{about}{}", text::thousands(d))).unwrap_or_default();
        let nulls = format!("{} ({:.1} %)", text::thousands(p.nulls), p.null_share() * 100.0);
        [
            p.column.name.clone(),
            p.column.dtype.clone(),
            nulls,
            distinct,
            cell(&p.min),
            number(p.median),
            number(p.mean),
            number(p.p95),
            cell(&p.max),
            shape(p),
        ]
        .into_iter()
        .map(Cell::Text)
        .collect()
    };
    Page { columns, first_row: 0, rows: all.iter().map(row).collect(), total_rows: all.len() as u64 }
}

/// A histogram as blocks, or the most frequent values.
fn shape(p: &ColumnProfile) -> String {
    const BLOCKS: [char; 8] =
        ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
    match &p.shape {
        Shape::None => String::new(),
        Shape::Histogram(_) => p
            .bars()
            .into_iter()
            .map(|h| if h == 0.0 { ' ' } else { BLOCKS[((h * 8.0).ceil() as usize).clamp(1, 8) - 1] })
            .collect(),
        Shape::Top(top) => {
            let parts = top.iter().take(3).map(|t| format!("{} ({})", t.value.show(false), text::thousands(t.count)));
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}

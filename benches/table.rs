//! Ten million rows of twenty columns: open, first rows, last rows, first look at every column, a query.
#![allow(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]
mod support;

use std::hint::black_box;

use andon::{
    base::job::JobCtx,
    engine::{frames, profile::Profiler, sql::Session},
};
use criterion::{Criterion, criterion_group, criterion_main};

fn tables(c: &mut Criterion) {
    let rows = std::env::var("ANDON_BENCH_ROWS").ok().and_then(|r| r.parse().ok()).unwrap_or(10_000_000);
    let path = support::parquet(rows);
    let cx = JobCtx::detached();
    let label = format!("{} M rows", rows as f64 / 1e6);

    c.bench_function(&format!("table: open {label} and read the first 100"), |b| {
        b.iter(|| frames::open(black_box(&path)).unwrap().page(0, 100, &cx).unwrap());
    });
    let source = frames::open(&path).unwrap();
    c.bench_function(&format!("table: last 100 of {label}"), |b| {
        b.iter(|| source.page(rows as u64 - 100, 100, &cx).unwrap());
    });
    c.bench_function(&format!("profile: first look at {label}"), |b| {
        b.iter(|| Profiler::of_source(&source).sample(&cx).unwrap());
    });
    c.bench_function(&format!("profile: one column of {label}, exact"), |b| {
        b.iter(|| Profiler::of_source(&source).column("int_3", &cx).unwrap());
    });
    let session = Session::new(path.parent().unwrap());
    let name = path.file_name().unwrap().to_string_lossy();
    let sql =
        format!("SELECT carrier, COUNT(*) AS n, AVG(float_0) AS mean FROM '{name}' GROUP BY carrier ORDER BY n DESC");
    c.bench_function(&format!("sql: group {label} by a text"), |b| b.iter(|| session.query(&sql, &cx).unwrap()));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).without_plots();
    targets = tables
}
criterion_main!(benches);

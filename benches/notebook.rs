//! Opening, saving and comparing notebooks of a thousand cells.
#![allow(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]
mod support;

use std::{fs, hint::black_box};

use andon::{
    engine::notebook,
    model::{diff, json::Bytes, notebook::Notebook},
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

fn notebooks(c: &mut Criterion) {
    let bytes = support::notebook(1000, 0);
    let changed = support::notebook(1000, 1);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("thousand.ipynb");
    fs::write(&path, &bytes).unwrap();

    c.bench_function("notebook: open a file of 1,000 cells", |b| {
        b.iter(|| notebook::load(black_box(&path), false).unwrap());
    });
    c.bench_function("notebook: parse 1,000 cells", |b| {
        b.iter_batched(|| bytes.clone(), |bytes| Notebook::parse(bytes).unwrap(), BatchSize::LargeInput);
    });
    let mut open = Notebook::parse(bytes.clone()).unwrap();
    c.bench_function("notebook: change one cell and give the bytes", |b| {
        let key = open.cells()[501].key;
        let mut n = 0;
        b.iter(|| {
            n += 1;
            open.set_source(key, &format!("x = {n}")).unwrap();
            black_box(open.to_bytes())
        });
    });
    c.bench_function("diff: two versions of 1,000 cells", |b| {
        b.iter_batched(
            || (bytes.clone(), changed.clone()),
            |(old, new)| diff::compare_files("thousand.ipynb", Some(Bytes::from(old)), Some(Bytes::from(new))),
            BatchSize::LargeInput,
        );
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).without_plots();
    targets = notebooks
}
criterion_main!(benches);

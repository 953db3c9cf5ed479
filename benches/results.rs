//! Results compared: tables of 10,000 rows and 20 columns, and pictures.
#![allow(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]
use std::hint::black_box;

use andon::model::{
    diff::{ImageDiff, TableData, TableDiff},
    output::Pixels,
};
use criterion::{Criterion, criterion_group, criterion_main};

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

const ROWS: usize = 10_000;
const COLUMNS: usize = 20;

fn value(rng: &mut Rng, row: usize, column: usize, keyed: bool) -> String {
    match column % 5 {
        0 if keyed && column == 0 => format!("id{row}"),
        0 => rng.below(1000).to_string(),
        1 => format!("{:.3}", rng.below(1_000_000) as f64 / 100.0),
        2 => ["a", "b", "c", "d"][rng.below(4)].to_owned(),
        3 => rng.below(50).to_string(),
        _ => format!("w{}", rng.below(5000)),
    }
}

/// Two tables: cells edited, rows deleted and moved.
fn tables(keyed: bool, edits: usize) -> (TableData, TableData) {
    let mut rng = Rng(1);
    let columns: Vec<String> = (0..COLUMNS).map(|c| format!("c{c}")).collect();
    let rows: Vec<Vec<String>> =
        (0..ROWS).map(|r| (0..COLUMNS).map(|c| value(&mut rng, r, c, keyed)).collect()).collect();
    let mut new = rows.clone();
    for n in 0..edits {
        let (row, column) = (if edits == ROWS { n } else { rng.below(ROWS) }, 1 + rng.below(COLUMNS - 1));
        new[row][column].push('7');
    }
    for n in 0..100 {
        let row = new.remove(rng.below(new.len()));
        if n % 2 == 0 {
            new.insert(rng.below(new.len()), row);
        }
    }
    let table = |rows| TableData { columns: columns.clone(), rows, ..TableData::default() };
    (table(rows), table(new))
}

fn results(c: &mut Criterion) {
    for (name, keyed, edits) in
        [("with a key", true, 500), ("without a key", false, 500), ("without a key, every row edited", false, ROWS)]
    {
        let (old, new) = tables(keyed, edits);
        c.bench_function(&format!("diff: tables of 10,000 x 20 {name}"), |b| {
            b.iter(|| TableDiff::new(black_box(&old), black_box(&new)));
        });
    }
    for side in [640, 4000] {
        let mut rng = Rng(2);
        let rgba: Vec<u8> = (0..side * side).flat_map(|_| [rng.below(256) as u8, 90, 90, 255]).collect();
        let old = Pixels { width: side, height: side, rgba };
        let mut new = old.clone();
        new.rgba.iter_mut().step_by(400).for_each(|v| *v = !*v);
        c.bench_function(&format!("diff: pictures of {side} x {side}"), |b| {
            b.iter(|| ImageDiff::new(black_box(&old), black_box(&new), 0));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).without_plots();
    targets = results
}
criterion_main!(benches);

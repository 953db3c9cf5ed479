use super::*;
use crate::model::diff::tests::Rng;

fn table(columns: &[&str], rows: &[&[&str]]) -> TableData {
    let text = |v: &[&str]| v.iter().map(|s| (*s).to_owned()).collect();
    TableData { columns: text(columns), rows: rows.iter().map(|r| text(r)).collect(), ..TableData::default() }
}

#[test]
fn rows_are_paired_by_their_first_cell_and_changed_cells_are_marked() {
    let old = table(&["", "delay"], &[&["rows", "18,732"], &["mean", "134.2"], &["max", "2,358"]]);
    let new = table(&["", "delay"], &[&["rows", "18,732"], &["mean", "11.8"], &["p95", "74"], &["max", "1,438"]]);
    let diff = TableDiff::new(&old, &new);
    let kinds: Vec<_> = diff.rows.iter().map(|r| r.kind).collect();
    assert_eq!(kinds, [RowKind::Same, RowKind::Changed, RowKind::Added, RowKind::Changed]);
    assert_eq!(diff.rows[1].changed, [false, true]);
    assert_eq!(diff.words(), "3 of 4 rows");
}

#[test]
fn an_added_column_does_not_change_every_row() {
    let diff = TableDiff::new(&table(&["a"], &[&["1"], &["2"]]), &table(&["a", "b"], &[&["1", "x"], &["2", "y"]]));
    assert!(diff.rows.iter().all(|r| r.kind == RowKind::Same));
    assert_eq!(diff.words(), "0 of 2 rows, 1 column added");
}

/// Two tables and what was done to the first.
struct Truth {
    old: TableData,
    new: TableData,
    /// Old and new place of each row, and the new names of its changed columns.
    rows: Vec<(Option<usize>, Option<usize>, Vec<String>)>,
    moved: usize,
    renamed: Vec<(String, String)>,
    added: Vec<String>,
    removed: Vec<String>,
}

fn value(rng: &mut Rng, column: usize, id: usize, keyed: bool) -> String {
    const CITIES: [&str; 6] = ["Oslo", "Rome", "Bern", "Kyiv", "Lima", "Cairo"];
    match column % 6 {
        0 if keyed => format!("R{id:04}"),
        0 => rng.below(1_000_000).to_string(),
        1 => CITIES[rng.below(6)].to_owned(),
        2 => format!("{:.2}", rng.below(1_000_000) as f64 / 100.0),
        3 => rng.below(50).to_string(),
        4 => if rng.below(2) == 0 { "True" } else { "False" }.to_owned(),
        _ => format!("w{:x}", rng.next() & 0xffff),
    }
}

/// Tables as an analyst leaves them: cells edited, rows inserted, deleted and moved, columns added, removed, renamed;
/// with and without a key, with and without a counted index.
fn generated(seed: u64) -> Truth {
    let mut rng = Rng(seed);
    let keyed = seed.is_multiple_of(2);
    let (count, width) = (20 + rng.below(150), 7 + rng.below(6));
    let names: Vec<String> = (0..width).map(|c| format!("col {c}")).collect();
    let rows: Vec<Vec<String>> =
        (0..count).map(|r| (0..width).map(|c| value(&mut rng, c, r, keyed)).collect()).collect();
    // Rows of the new side: where they come from.
    let mut from: Vec<Option<usize>> = (0..count).map(Some).collect();
    for _ in 0..rng.below(5) {
        from.remove(rng.below(from.len()));
    }
    let kept = from.clone();
    let moved = rng.below(3);
    for _ in 0..moved {
        let row = from.remove(rng.below(from.len()));
        from.insert(rng.below(from.len() + 1), row);
    }
    for _ in 0..rng.below(5) {
        from.insert(rng.below(from.len() + 1), None);
    }
    let fresh = |rng: &mut Rng, n: usize| (0..width).map(|c| value(rng, c, count + n, keyed)).collect();
    let mut new_rows: Vec<Vec<String>> =
        from.iter().enumerate().map(|(n, f)| f.map_or_else(|| fresh(&mut rng, n), |i| rows[i].clone())).collect();
    let mut changed: Vec<Vec<String>> = vec![Vec::new(); from.len()];
    for _ in 0..rng.below(12) {
        let (r, c) = (rng.below(from.len()), if keyed { 1 + rng.below(width - 1) } else { rng.below(width) });
        if from[r].is_some() && changed[r].len() < 2 && !changed[r].contains(&names[c]) {
            let end = if new_rows[r][c].parse::<f64>().is_ok() { "7" } else { "!" };
            new_rows[r][c].push_str(end);
            changed[r].push(names[c].clone());
        }
    }
    let mut new_names = names.clone();
    let (mut renamed, mut added, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    let c = 1 + rng.below(width - 1);
    match seed % 4 {
        1 => {
            new_names[c].push_str(" new");
            renamed.push((names[c].clone(), new_names[c].clone()));
            changed.iter_mut().flatten().filter(|n| **n == names[c]).for_each(|n| n.push_str(" new"));
        }
        2 => {
            removed.push(new_names.remove(c));
            new_rows.iter_mut().for_each(|r| drop(r.remove(c)));
            changed.iter_mut().for_each(|l| l.retain(|n| *n != removed[0]));
        }
        3 => {
            new_names.insert(c, "extra".to_owned());
            new_rows.iter_mut().for_each(|r| r.insert(c, format!("x{:x}", rng.next() & 0xff_ffff)));
            added.push("extra".to_owned());
        }
        _ => {}
    }
    let mut truth: Vec<_> = from.iter().enumerate().map(|(n, f)| (*f, Some(n), changed[n].clone())).collect();
    truth.extend((0..count).filter(|i| !kept.contains(&Some(*i))).map(|i| (Some(i), None, Vec::new())));
    let counted = seed.is_multiple_of(3);
    let data = |mut columns: Vec<String>, mut rows: Vec<Vec<String>>| {
        if counted {
            columns.insert(0, String::new());
            rows.iter_mut().enumerate().for_each(|(n, row)| row.insert(0, n.to_string()));
        }
        TableData { columns, rows, index: usize::from(counted), ..TableData::default() }.with_numbers()
    };
    Truth { old: data(names, rows), new: data(new_names, new_rows), rows: truth, moved, renamed, added, removed }
}

type Told = (Option<Vec<String>>, Option<Vec<String>>, Vec<String>);

/// Rows as the truth has them, told by their cells: all of them are different.
fn expected(truth: &Truth, diff: &TableDiff) -> Vec<Told> {
    let spread = |table: &TableData, row: usize| -> Vec<String> {
        let cell = |(name, was): (&(String, RowKind), &Option<String>)| {
            let at = table.columns.iter().position(|n| *n == name.0 || Some(n) == was.as_ref());
            at.map(|at| table.rows[row][at].clone()).unwrap_or_default()
        };
        diff.columns.iter().zip(&diff.renamed).map(cell).collect()
    };
    let told = |(i, j, names): &(Option<usize>, Option<usize>, Vec<String>)| {
        let mut names = names.clone();
        names.sort();
        (i.map(|i| spread(&truth.old, i)), j.map(|j| spread(&truth.new, j)), names)
    };
    let mut all: Vec<Told> = truth.rows.iter().map(told).collect();
    all.sort();
    all
}

fn found(diff: &TableDiff) -> Vec<Told> {
    let told = |r: &TableRow| {
        let names = r.changed.iter().zip(&diff.columns).filter(|(on, _)| **on).map(|(_, c)| c.0.clone());
        let mut names: Vec<String> = names.collect();
        names.sort();
        (r.old.clone(), r.new.clone(), names)
    };
    let mut all: Vec<Told> = diff.rows.iter().map(told).collect();
    all.sort();
    all
}

#[test]
fn every_changed_cell_is_found_and_no_other_in_fifty_generated_tables() {
    let (mut cells, mut rows) = (0, 0);
    for seed in 0..50 {
        let truth = generated(seed);
        let diff = TableDiff::new(&truth.old, &truth.new);
        let of = |kind| diff.columns.iter().filter(|c| c.1 == kind).map(|c| c.0.clone()).collect::<Vec<_>>();
        let (added, removed) = (truth.added.clone(), truth.removed.clone());
        assert_eq!((of(RowKind::Added), of(RowKind::Removed)), (added, removed), "seed {seed}");
        let renamed = diff.columns.iter().zip(&diff.renamed).filter_map(|(c, was)| Some((was.clone()?, c.0.clone())));
        assert_eq!(renamed.collect::<Vec<_>>(), truth.renamed, "seed {seed}");
        let (expected, found) = (expected(&truth, &diff), found(&diff));
        for (e, f) in expected.iter().zip(&found) {
            assert_eq!(e, f, "seed {seed}");
        }
        assert_eq!(expected.len(), found.len(), "seed {seed}");
        assert!(diff.moved <= truth.moved, "seed {seed}: {} moved", diff.moved);
        cells += diff.cells;
        rows += diff.rows.len();
    }
    println!("50 tables, {rows} rows, {cells} changed cells: all found, no other");
    assert!(cells > 150);
}

#[test]
fn a_moved_row_is_no_change_of_its_cells() {
    let old = table(&["id", "x"], &[&["a", "1"], &["b", "2"], &["c", "3"], &["d", "4"]]);
    let new = table(&["id", "x"], &[&["d", "4"], &["a", "1"], &["b", "2"], &["c", "5"]]);
    let diff = TableDiff::new(&old, &new);
    assert_eq!((diff.changed, diff.moved, diff.key.clone()), (1, 1, vec![0]));
    assert_eq!(diff.words(), "1 of 4 rows, 1 moved");
    assert!(diff.rows[0].moved && diff.rows[0].kind == RowKind::Same);
    let delta = diff.rows[3].delta(1).unwrap();
    assert_eq!((delta.words(), delta.percent()), ("+2".into(), "+66.7 %".into()));
}

#[test]
fn numbers_within_the_tolerance_are_the_same_and_counted() {
    let old = table(&["id", "x"], &[&["a", "0.30000000000000004"], &["b", "2.0"]]);
    let new = table(&["id", "x"], &[&["a", "0.3"], &["b", "2.0"]]);
    let diff = TableDiff::new(&old, &new);
    assert_eq!((diff.is_same(), diff.within), (true, 1));
    assert_eq!(TableDiff::within(&old, &new, 0.0).cells, 1);
}

#[test]
fn types_and_the_size_of_the_whole_are_told() {
    let mut old = table(&["a"], &[&["1"], &["2"]]);
    let mut new = old.clone();
    (old.types, new.types) = (vec!["i64".into()], vec!["f64".into()]);
    (old.note, new.note) = (Some("1,000 rows".into()), Some("1,200 rows".into()));
    let diff = TableDiff::new(&old, &new);
    assert_eq!(diff.notes, ["a: i64 became f64", "1,000 rows became 1,200 rows"]);
    assert!(!diff.is_same());
}

/// Rows that agree in many columns of few values, all of them changed, must not cost the square of their number.
#[test]
fn large_tables_of_few_values_are_compared_in_bounded_time() {
    let mut rng = Rng(7);
    let mut rows =
        |n: usize| -> Vec<Vec<String>> { (0..n).map(|_| (0..6).map(|_| rng.below(3).to_string()).collect()).collect() };
    let columns: Vec<String> = (0..6).map(|c| format!("c{c}")).collect();
    let old = TableData { columns: columns.clone(), rows: rows(4_000), ..TableData::default() };
    let new = TableData { columns, rows: rows(4_000), ..TableData::default() };
    let start = std::time::Instant::now();
    let diff = TableDiff::new(&old, &new);
    assert_eq!(diff.rows.len(), 4_000 + diff.removed);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

use std::{fs, path::PathBuf};

use polars::prelude::*;

use super::*;
use crate::{
    base::job::JobCtx,
    model::table::{Cell, Filter, Kind, Op, Sort, ViewSpec},
};

fn cx() -> JobCtx {
    JobCtx::detached()
}

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn text(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
    /// `n` rows: id, a float with every 10th value missing, a word.
    fn numbers(&self, name: &str, n: i64) -> PathBuf {
        let path = self.path(name);
        let value = |i: i64| (i % 10 != 3).then_some((i * 7919 % n) as f64);
        let frame = df!(
            "id" => (0..n).collect::<Vec<_>>(),
            "v" => (0..n).map(value).collect::<Vec<_>>(),
            "word" => (0..n).map(|i| format!("w{}", i % 7)).collect::<Vec<_>>(),
        );
        write_frame(&frame.unwrap(), &path).unwrap();
        path
    }
}

#[test]
fn every_format_comes_back_as_it_was_written() {
    let dir = Dir::new();
    for ending in ["parquet", "csv", "tsv", "json", "ndjson", "arrow"] {
        let source = open(&dir.numbers(&format!("a.{ending}"), 100)).unwrap();
        let page = source.page(98, 10, &cx()).unwrap();
        assert_eq!(page.rows.len(), 2, "{ending}");
        assert_eq!(page.rows[1], [Cell::Int(99), Cell::Float(81.0), Cell::Text("w1".into())], "{ending}");
        assert_eq!(source.count(&cx()).unwrap(), 100, "{ending}");
        let kinds: Vec<_> = source.columns().iter().map(|c| c.kind).collect();
        assert_eq!(kinds, [Kind::Int, Kind::Float, Kind::Text], "{ending}");
    }
}

#[test]
fn parquet_knows_its_rows_without_being_read() {
    let dir = Dir::new();
    let source = open(&dir.numbers("a.parquet", 5000)).unwrap();
    assert_eq!(source.rows(), Some(5000));
    assert_eq!(source.page(4999, 200, &cx()).unwrap().rows[0][0], Cell::Int(4999));
    assert_eq!(source.page(9999, 200, &cx()).unwrap().rows.len(), 0);
}

fn spec(filters: Vec<Filter>, sort: &[(&str, bool)]) -> ViewSpec {
    let sort = sort.iter().map(|(c, d)| Sort { column: (*c).into(), descending: *d }).collect();
    ViewSpec { filters, sort }
}

#[test]
fn a_view_sorts_with_missing_values_last_both_ways() {
    let dir = Dir::new();
    let source = open(&dir.numbers("a.parquet", 1000)).unwrap();
    for descending in [false, true] {
        let view = source.view(&spec(vec![], &[("v", descending)]), &cx()).unwrap();
        let page = view.page(0, 1000, &cx()).unwrap();
        assert_eq!(page.rows[0][1], Cell::Float(if descending { 999.0 } else { 0.0 }));
        assert!(page.rows[900..].iter().all(|r| r[1].is_null()), "nulls last, descending {descending}");
        assert_eq!(page.rows[900][0], Cell::Int(3), "equal rows keep the order of the file");
    }
}

#[test]
fn a_large_view_through_the_index_equals_one_in_memory() {
    let dir = Dir::new();
    let path = dir.numbers("a.parquet", 200_000);
    let source = open(&path).unwrap();
    let filter = Filter::new("word", Kind::Text, Op::Eq, &["w2"]);
    let view = source.view(&spec(vec![filter.clone()], &[]), &cx()).unwrap();
    assert_eq!(view.rows(), 28_572);
    assert_eq!(view.page(1000, 3, &cx()).unwrap().rows[0][0], Cell::Int(7002));
    let view = source.view(&spec(vec![filter], &[("v", true), ("id", false)]), &cx()).unwrap();
    assert!(view.needs_prepare());
    let first = view.first_page(50, &cx()).unwrap();
    assert!(view.needs_prepare(), "the first page waits for nothing");
    view.prepare(&cx()).unwrap();
    assert_eq!(first, view.page(0, 50, &cx()).unwrap());
    let page = view.page(20_000, 5, &cx()).unwrap();
    assert_eq!((page.total_rows, page.first_row), (28_572, 20_000));
    let values: Vec<f64> = page.rows.iter().filter_map(|r| r[1].number()).collect();
    assert!(values.is_sorted_by(|a, b| a >= b) && values.len() == 5, "{values:?}");
    assert_eq!(view.page(28_571, 5, &cx()).unwrap().rows[0][1], Cell::Null);
    assert_eq!(view.page(0, 2, &cx()).unwrap().rows[0][2], Cell::Text("w2".into()));
}

#[test]
fn filters_are_typed_and_a_wrong_value_is_explained() {
    let dir = Dir::new();
    let text = "day,at,n,ok,name\n2026-11-16,2026-11-16 05:40:00,1,true,a.b\n2026-11-17,2026-11-17 06:00:00,20,false,acb\n,,,,\n";
    let source = open(&dir.text("a.csv", text)).unwrap();
    let rows = |column: &str, op, values: &[&str]| {
        let kind = source.columns().iter().find(|c| c.name == column).unwrap().kind;
        source.view(&spec(vec![Filter::new(column, kind, op, values)], &[]), &cx()).map(|v| v.rows())
    };
    assert_eq!(rows("day", Op::Ge, &["2026-11-17"]).unwrap(), 1);
    assert_eq!(rows("at", Op::Lt, &["2026-11-17"]).unwrap(), 1);
    assert_eq!(rows("n", Op::Between, &["1", "20"]).unwrap(), 2);
    assert_eq!(rows("n", Op::Gt, &["1.5"]).unwrap(), 1);
    assert_eq!(rows("ok", Op::Eq, &["false"]).unwrap(), 1);
    assert_eq!(rows("name", Op::Contains, &["."]).unwrap(), 1, "no pattern, a text");
    assert_eq!(rows("name", Op::NotNull, &[]).unwrap(), 2);
    let e = rows("n", Op::Gt, &["many"]).unwrap_err();
    assert!(e.what.contains("does not fit the column n (i64)"), "{e}");
    let e = source.view(&spec(vec![], &[("nam", false)]), &cx()).unwrap_err();
    assert_eq!(e.hint.as_deref(), Some("Did you mean name?"));
}

#[test]
fn what_is_no_table_is_said_in_words() {
    let dir = Dir::new();
    let error = |name: &str, bytes: &[u8]| open(&dir.text(name, bytes)).unwrap_err().to_string();
    assert!(error("a.csv", b"").contains("is empty"));
    assert!(error("b.csv", b"\x89PNG\r\n\x1a\n\0\0").contains("a PNG image"));
    assert!(error("c.csv", b"ab\0\x01\x02").contains("a binary file"));
    assert!(error("d.parquet", b"PAR1 cut off").contains("Could not read"));
    assert!(error("e.parquet", b"hello").contains("not a Parquet file"));
    assert!(error("f.json", b"42").contains("not a table"));
    assert!(error("g.json", b"[{\"a\": 1}, {").contains("Could not read"));
    assert!(error("h.feather", b"hello").contains("not an Arrow file"));
    assert!(open(&dir.path("nope.csv")).unwrap_err().what.contains("There is no file"));
}

#[test]
fn a_file_with_a_false_ending_is_read_as_what_it_is() {
    let dir = Dir::new();
    let path = dir.numbers("a.parquet", 10);
    let renamed = dir.path("a.csv");
    fs::rename(path, &renamed).unwrap();
    let source = open(&renamed).unwrap();
    assert_eq!(source.rows(), Some(10));
    assert!(source.notes()[0].contains("is Parquet"));
}

#[test]
fn a_folder_is_one_table_even_when_columns_differ() {
    let dir = Dir::new();
    dir.text("d/1.csv", "a,b\n1,x\n");
    dir.text("d/2.csv", "a,c\n2.5,y\n");
    let source = open(&dir.path("d")).unwrap();
    let page = source.page(0, 10, &cx()).unwrap();
    assert_eq!(page.rows[0], [Cell::Float(1.0), Cell::Text("x".into()), Cell::Null]);
    assert_eq!(page.rows[1], [Cell::Float(2.5), Cell::Null, Cell::Text("y".into())]);
    assert!(source.notes()[0].contains("lack some columns"), "{:?}", source.notes());
}

/// Above the size the tolerant reader takes: the type guess fails far down and must not abort.
#[test]
fn a_wrong_guess_in_a_large_file_turns_the_column_into_text() {
    let dir = Dir::new();
    let mut text = String::from("id,code\n");
    for i in 0..1_600_000 {
        text.push_str(&format!("{i},123456789\n"));
    }
    text.push_str("1600000,oops\n");
    let source = open(&dir.text("a.csv", text)).unwrap();
    assert!(source.needs_prepare());
    assert_eq!(source.page(0, 3, &cx()).unwrap().rows[2][1], Cell::Int(123_456_789));
    source.prepare(&cx()).unwrap();
    assert_eq!(source.rows(), Some(1_600_001));
    assert_eq!(source.columns()[1].kind, Kind::Text);
    assert!(source.notes().iter().any(|n| n.contains("code is text")), "{:?}", source.notes());
    assert_eq!(source.page(1_600_000, 3, &cx()).unwrap().rows[0][1], Cell::Text("oops".into()));
}

#[test]
fn large_results_go_to_a_file_and_cancel_is_heard() {
    let dir = Dir::new();
    let path = dir.numbers("a.parquet", 50_000);
    let lf = scan(&path, &Overrides::new()).unwrap().lf;
    let Collected::Spilled { file, rows } = exec::collect_limited(lf.clone(), &cx(), 1000).unwrap() else {
        panic!("kept in memory")
    };
    assert_eq!(rows, 50_000);
    assert_eq!(open(&file).unwrap().page(49_999, 5, &cx()).unwrap().rows[0][0], Cell::Int(49_999));
    let cancelled = cx();
    cancelled.cancel.cancel();
    assert!(matches!(collect_bounded(lf, &cancelled), Err(Fail::Cancelled)));
}

#[test]
fn a_view_is_exported_whole_and_in_order() {
    let dir = Dir::new();
    let source = open(&dir.numbers("a.parquet", 100)).unwrap();
    let view =
        source.view(&spec(vec![Filter::new("v", Kind::Float, Op::NotNull, &[])], &[("v", true)]), &cx()).unwrap();
    let out = dir.path("out/b.csv");
    assert_eq!(view.write(&out, &cx()).unwrap(), 90);
    let text = fs::read_to_string(&out).unwrap();
    assert!(text.starts_with("id,v,word\n"), "{text}");
    assert_eq!(text.lines().count(), 91);
    let e = view.write(&dir.path("b.xlsx"), &cx()).unwrap_err();
    assert!(e.hint.unwrap().contains(".parquet"));
}

#[test]
fn charts_are_as_small_as_a_screen_and_count_every_row() {
    use crate::model::table::chart::{ChartSpec, Figure, Mark};
    let dir = Dir::new();
    let source = open(&dir.numbers("a.parquet", 20_000)).unwrap();
    let view = source.view(&spec(vec![], &[]), &cx()).unwrap();
    let columns = source.columns();
    let draw = |spec: &ChartSpec| view.chart(spec, &cx()).unwrap();
    let histogram = draw(&ChartSpec::of(&columns, "v", None).unwrap());
    assert_eq!(histogram.rows, 18_000, "values that are missing have no place");
    assert_eq!(histogram.points.iter().map(|p| p.y).sum::<f64>(), 18_000.0);
    let bars = draw(&ChartSpec::of(&columns, "word", None).unwrap());
    assert_eq!((bars.labels.len(), bars.points.iter().map(|p| p.y).sum::<f64>()), (7, 20_000.0));
    let mean = ChartSpec { figure: Figure::Max, ..ChartSpec::of(&columns, "word", Some("id")).unwrap() };
    assert_eq!(draw(&mean).points[0].y, 19_999.0);
    let line = draw(&ChartSpec { mark: Mark::Line, ..ChartSpec::of(&columns, "id", Some("v")).unwrap() });
    assert!(line.points.len() <= 800 && line.note.contains("stretches"), "{} {}", line.points.len(), line.note);
    assert!(
        line.points.windows(2).all(|w| w[0].x < w[1].x) && line.points.iter().all(|p| p.low <= p.y && p.y <= p.high)
    );
    let points = draw(&ChartSpec::of(&columns, "id", Some("v")).unwrap());
    assert!(points.points.len() <= 5_000 && points.note.starts_with("Every 4th"), "{}", points.note);
    let wrong = ChartSpec { mark: Mark::Line, ..ChartSpec::of(&columns, "word", Some("v")).unwrap() };
    assert!(view.chart(&wrong, &cx()).unwrap_err().hint.is_some());
    let leaders = view.leaders(&["word".into()], &cx()).unwrap();
    assert_eq!((leaders[0].column.as_str(), leaders[0].rows), ("word", 2_858));
}

/// Files that are no tables: one sentence each, with what to do.
#[test]
fn what_is_no_table_is_said_so() {
    let dir = Dir::new();
    let say = |path: &Path| {
        let e = open(path).and_then(|s| s.page(0, 5, &cx()).map(|_| ())).unwrap_err();
        let text = format!("{e}");
        assert!(!text.contains("panick") && text.len() < 300, "{text}");
        text.replace(&format!("{}/", dir.0.path().display()), "")
    };
    let binary: Vec<u8> = (0..4096_u32).map(|i| (i * 7919 % 251) as u8).collect();
    assert!(say(&dir.text("a.csv", &binary)).contains("a.csv is not a table"), "a binary");
    assert!(say(&dir.text("empty.csv", "")).contains("empty.csv is empty"), "an empty file");
    let whole = fs::read(dir.numbers("b.parquet", 1000)).unwrap();
    let cut = dir.text("cut.parquet", &whole[..whole.len() / 2]);
    assert!(say(&cut).contains("cut.parquet"), "a truncated Parquet");
    fs::create_dir_all(dir.path("folder")).unwrap();
    assert!(say(&dir.path("folder")).contains("folder"), "a folder without tables");
    assert!(say(&dir.path("gone.csv")).contains("no file"), "nothing");
    // Rows of different lengths are all kept, and said.
    let source = open(&dir.text("ragged.csv", "a,b\n1,2\n3\n4,5,6\n")).unwrap();
    assert_eq!(source.count(&cx()).unwrap(), 3);
    assert!(!source.notes().is_empty());
}

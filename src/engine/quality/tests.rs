use std::{collections::BTreeMap, fs, path::Path};

use jiff::Timestamp;
use polars::prelude::*;

use super::*;
use crate::{
    base::{job::Cancel, time::FixedClock},
    model::quality::{CheckResult, Status},
};

const FLIGHTS: &str = "\
flight,carrier,origin,delay,day,seats
1,UA,EWR,5,2026-11-16,150
2,UA,EWR,-10,2026-11-16,150
3,G7,JFK,1284,2026-11-16,
4,B6,JFK,,2026-11-17,100
4,B6,LGA,30,2026-11-17,100
5,XX,ZZZ,2000,2026-11-17,90
";

fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("data")).unwrap();
    fs::write(dir.path().join("data/flights.csv"), FLIGHTS).unwrap();
    fs::write(dir.path().join("data/airports.csv"), "iata,name\nEWR,Newark\nJFK,Kennedy\nLGA,La Guardia\n").unwrap();
    dir
}

fn cx() -> JobCtx {
    let clock = FixedClock("2026-11-18T06:00:00Z".parse::<Timestamp>().unwrap());
    JobCtx::new(Cancel::default(), std::sync::Arc::new(clock), std::sync::Arc::new(|_| {}))
}

fn run(root: &Path, toml: &str) -> SuiteResult {
    let suite = Suite::parse("checks/t.toml", toml).unwrap();
    evaluate(root, &suite, &BTreeMap::new(), &cx()).unwrap()
}

/// The result of one check over `data`.
fn one(root: &Path, data: &str, check: &str) -> CheckResult {
    run(root, &format!("data = \"{data}\"\n[[check]]\nid = \"a\"\n{check}")).checks.remove(0)
}

fn flights(check: &str) -> CheckResult {
    let dir = workspace();
    let result = one(dir.path(), "data/flights.csv", check);
    same_rows(dir.path(), &result);
    result
}

/// The query for failing rows returns as many rows as were counted.
fn same_rows(root: &Path, result: &CheckResult) {
    let Some(sql) = &result.rows_sql else { return };
    let frame = crate::engine::sql::Session::new(root).query(sql, &cx());
    let frame = frame.unwrap_or_else(|e| panic!("{sql}: {e}"));
    if result.kind != "freshness" {
        assert_eq!(frame.rows(), result.unexpected_count, "{sql}");
    }
}

#[test]
fn values_out_of_range_are_counted_over_what_is_there() {
    let r = flights("kind = \"in_range\"\ncolumn = \"delay\"\nmin = -60\nmax = 1000\nmostly = 0.5");
    assert_eq!((r.status, r.element_count, r.missing_count, r.unexpected_count), (Status::Passed, 6, 1, 2));
    assert_eq!((r.share, r.low, r.examples.clone()), (Some(0.6), Some(0.5), vec!["1284".into(), "2000".into()]));
    let r = flights("kind = \"in_range\"\ncolumn = \"delay\"\nmin = -60\nmax = 1000");
    assert_eq!(r.status, Status::Failed);
    assert_eq!(r.message, "delay is not between -60 and 1000 in 2 of 5 values (40 %)");
    let r = flights("kind = \"in_range\"\ncolumn = \"delay\"\nmin = -10\nstrict_min = true\nseverity = \"warning\"");
    assert_eq!((r.status, r.unexpected_count), (Status::Warning, 1));
    let r = flights("kind = \"in_range\"\ncolumn = \"day\"\nmin = 2026-11-17");
    assert_eq!((r.unexpected_count, r.examples.as_slice()), (3, ["2026-11-16".to_owned()].as_slice()));
    let r = flights("kind = \"in_range\"\ncolumn = \"carrier\"\nmax = \"M\"");
    assert_eq!(r.unexpected_count, 3);
}

#[test]
fn every_copy_of_a_value_that_is_not_unique_is_marked() {
    let r = flights("kind = \"unique\"\ncolumn = \"flight\"");
    assert_eq!((r.status, r.unexpected_count, r.last_value().as_str()), (Status::Failed, 2, "2 dup"));
    assert_eq!((r.share, r.examples.as_slice()), (Some(4.0 / 6.0), ["4".to_owned()].as_slice()));
    assert_eq!(flights("kind = \"unique\"\ncolumns = [\"flight\", \"origin\"]").status, Status::Passed);
    let r = flights("kind = \"unique\"\ncolumns = [\"carrier\", \"day\"]");
    assert_eq!(r.unexpected_count, 4);
}

#[test]
fn missing_values_sets_patterns_and_keys() {
    let r = flights("kind = \"not_null\"\ncolumn = \"delay\"");
    assert_eq!((r.unexpected_count, r.element_count, r.share), (1, 6, Some(5.0 / 6.0)));
    let r = flights("kind = \"in_set\"\ncolumn = \"carrier\"\nvalues = [\"UA\", \"B6\", \"G7\"]");
    assert_eq!((r.unexpected_count, r.examples.as_slice()), (1, ["XX".to_owned()].as_slice()));
    let r = flights("kind = \"in_set\"\ncolumn = \"seats\"\nvalues = [150, 100]");
    assert_eq!((r.unexpected_count, r.missing_count), (1, 1));
    let r = flights("kind = \"in_set\"\ncolumn = \"day\"\nvalues = [2026-11-16]");
    assert_eq!(r.unexpected_count, 3);
    let r = flights("kind = \"regex\"\ncolumn = \"carrier\"\npattern = \"[0-9]\"");
    assert_eq!(r.unexpected_count, 3, "a search, not a full match: {}", r.message);
    let r = flights("kind = \"regex\"\ncolumn = \"delay\"\npattern = \"^-?[0-9]+$\"");
    assert_eq!(r.status, Status::Passed, "numbers are matched as text");
    let r = flights(
        "kind = \"foreign_key\"\ncolumn = \"origin\"\nreferences = \"data/airports.csv\"\nreferences_column = \"iata\"",
    );
    assert_eq!((r.unexpected_count, r.examples.as_slice()), (1, ["ZZZ".to_owned()].as_slice()));
    assert_eq!(r.message, "origin is not in iata of data/airports.csv in 1 of 6 values (16.7 %)");
}

#[test]
fn rows_figures_columns_and_age() {
    let r = flights("kind = \"row_count\"\nmin = 10");
    assert_eq!((r.status, r.observed, r.low), (Status::Failed, Some(6.0), Some(10.0)));
    assert_eq!(r.message, "there are 6 rows, should be at least 10");
    let r = flights("kind = \"mean\"\ncolumn = \"delay\"\nmax = 100");
    assert_eq!(r.observed, Some(661.8));
    assert_eq!(r.message, "mean of delay is 661.8, should be at most 100");
    assert_eq!(flights("kind = \"sum\"\ncolumn = \"delay\"\nmin = 0").observed, Some(3309.0));
    assert_eq!(flights("kind = \"median\"\ncolumn = \"delay\"\nmin = 0").observed, Some(30.0));
    assert_eq!(flights("kind = \"min\"\ncolumn = \"delay\"\nmin = 0").observed, Some(-10.0));
    assert_eq!(flights("kind = \"max\"\ncolumn = \"delay\"\nmin = 0").observed, Some(2000.0));
    assert_eq!(flights("kind = \"distinct_count\"\ncolumn = \"carrier\"\nmin = 4\nmax = 4").status, Status::Passed);
    let r = flights("kind = \"freshness\"\ncolumn = \"day\"\nmax_age = \"5h\"");
    assert_eq!((r.observed, r.status, r.high), (Some(6.0), Status::Failed, Some(5.0)));
    assert_eq!(r.message, "the newest day is 6 h old, at most 5 h is allowed");
    let r = flights("kind = \"freshness\"\ncolumn = \"day\"\nmax_age = \"24h\"\nas_of = 2026-11-17");
    assert_eq!((r.observed, r.status), (Some(0.0), Status::Passed));
    assert_eq!(flights("kind = \"freshness\"\nmax_age = \"1h\"").status, Status::Passed, "the file itself is new");
    let r = flights(
        "kind = \"schema\"\ntypes = { flight = \"int\", carrier = \"text\", delay = \"text\", tail = \"text\" }\nallow_extra = true",
    );
    assert_eq!(r.examples, ["delay holds int, not text", "tail is missing"]);
    let r = flights("kind = \"schema\"\ncolumns = [\"flight\", \"carrier\", \"origin\", \"delay\", \"day\"]");
    assert_eq!(r.examples, ["seats is not expected"]);
    let r = flights("kind = \"schema\"\ncolumns = [\"carrier\", \"flight\"]\nallow_extra = true\nordered = true");
    assert_eq!(r.message, "flight stands where carrier is expected");
}

#[test]
fn a_query_of_ones_own_returns_the_failing_rows() {
    let r = flights("kind = \"sql\"\nquery = \"SELECT * FROM ${data} WHERE delay > 100 AND seats IS NOT NULL;\"");
    assert_eq!((r.status, r.unexpected_count, r.observed), (Status::Failed, 1, Some(1.0)));
    assert!(r.examples[0].starts_with("flight=5, carrier=XX"), "{:?}", r.examples);
    let r = flights("kind = \"sql\"\nquery = \"SELECT nothing FROM ${data}\"");
    assert_eq!(r.status, Status::Error);
}

#[test]
fn a_condition_narrows_every_check_and_its_failing_rows() {
    let dir = workspace();
    let result = run(
        dir.path(),
        r#"data = "data/flights.csv"
where = "carrier = 'B6'"
[[check]]
id = "rows"
kind = "row_count"
min = 2
max = 2
[[check]]
id = "key"
kind = "unique"
column = "flight"
[[check]]
id = "range"
kind = "in_range"
column = "delay"
max = 10
[[check]]
id = "own"
kind = "sql"
query = "SELECT * FROM ${data} WHERE delay > 10"
[[check]]
id = "fk"
kind = "foreign_key"
column = "origin"
references = "data/flights.csv"
references_column = "carrier"
"#,
    );
    let counts: Vec<_> = result.checks.iter().map(|c| (c.status, c.unexpected_count)).collect();
    use Status::{Failed, Passed};
    assert_eq!(counts, [(Passed, 0), (Failed, 2), (Failed, 1), (Failed, 1), (Failed, 2)], "{:#?}", result.checks);
    assert_eq!((result.rows, result.summary().as_str()), (2, "5 checks on 2 rows: 4 failed, 1 passed"));
    result.checks.iter().for_each(|c| same_rows(dir.path(), c));
}

#[test]
fn what_cannot_be_evaluated_is_an_error_of_that_check_alone() {
    let dir = workspace();
    let result = run(
        dir.path(),
        r#"data = "data/flights.csv"
[[check]]
id = "typo"
kind = "not_null"
column = "dealy"
[[check]]
id = "text_as_number"
kind = "in_range"
column = "carrier"
min = 3
[[check]]
id = "fine"
kind = "not_null"
column = "flight"
[[check]]
id = "no_reference"
kind = "foreign_key"
column = "origin"
references = "data/airprots.csv"
[[check]]
id = "other_type"
kind = "foreign_key"
column = "flight"
references = "data/airports.csv"
references_column = "iata"
[[check]]
id = "mean_of_text"
kind = "mean"
column = "carrier"
min = 0
"#,
    );
    let words: Vec<_> = result.checks.iter().map(|c| (c.status, c.message.as_str())).collect();
    assert_eq!(words[0], (Status::Error, "There is no column dealy (Did you mean delay?)"));
    assert_eq!(words[1], (Status::Error, "The column carrier holds text, not numbers"));
    assert_eq!(words[2].0, Status::Passed);
    assert!(
        words[3].1.contains("There is no file data/airprots.csv") && words[3].1.contains("airports.csv"),
        "{words:?}"
    );
    assert_eq!(
        words[4].1,
        "flight holds int, but iata of data/airports.csv holds text (Both columns must hold the same type of value)"
    );
    assert_eq!(words[5].1, "The column carrier holds text, not numbers");
    assert!(!result.passed());
}

#[test]
fn a_missing_or_broken_file_is_never_a_pass() {
    let dir = workspace();
    let check = "kind = \"not_null\"\ncolumn = \"x\"";
    let r = one(dir.path(), "data/fligths.csv", check);
    assert_eq!(r.status, Status::Error);
    assert!(
        r.message.contains("There is no file data/fligths.csv") && r.message.contains("data/flights.csv"),
        "{}",
        r.message
    );
    assert_eq!(
        one(dir.path(), "../outside.csv", check).message,
        "../outside.csv leads out of the workspace (Use a path below the workspace folder)"
    );
    for (name, bytes) in [
        ("binary.csv", &b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"[..]),
        ("empty.csv", b""),
        ("broken.parquet", b"PAR1 this is not parquet PAR1"),
        ("text.parquet", b"a,b\n1,2\n"),
        ("cut.json", b"[{\"x\": 1}, {\"x\""),
    ] {
        fs::write(dir.path().join("data").join(name), bytes).unwrap();
        let r = one(dir.path(), &format!("data/{name}"), check);
        assert_eq!(r.status, Status::Error, "{name}: {}", r.message);
        assert!(r.message.contains(name), "{}", r.message);
    }
    let r = run(
        dir.path(),
        &format!("data = \"data/flights.csv\"\nwhere = \"no_such = 1\"\n[[check]]\nid = \"a\"\n{check}"),
    );
    assert_eq!(r.status(), Status::Error);
    assert!(r.checks[0].message.contains("no_such"), "{}", r.checks[0].message);
}

#[test]
fn an_empty_table_passes_what_looks_at_values_and_fails_what_needs_one() {
    let dir = workspace();
    fs::write(dir.path().join("data/none.csv"), "x,d\n").unwrap();
    let status = |check: &str| one(dir.path(), "data/none.csv", check).status;
    assert_eq!(status("kind = \"not_null\"\ncolumn = \"x\""), Status::Passed);
    assert_eq!(status("kind = \"unique\"\ncolumn = \"x\""), Status::Passed);
    assert_eq!(status("kind = \"in_set\"\ncolumn = \"x\"\nvalues = [\"a\"]"), Status::Passed);
    assert_eq!(status("kind = \"row_count\"\nmin = 1"), Status::Failed);
    assert_eq!(status("kind = \"freshness\"\ncolumn = \"d\"\nmax_age = \"1h\""), Status::Failed);
}

fn parquet(dir: &Path, name: &str, mut frame: DataFrame) {
    let file = fs::File::create(dir.join("data").join(name)).unwrap();
    ParquetWriter::new(file).finish(&mut frame).unwrap();
}

#[test]
fn odd_numbers_are_judged_as_what_they_are() {
    let dir = workspace();
    let frame = df!(
        "f" => [Some(0.0), Some(-0.0), Some(f64::NAN), None, Some(f64::INFINITY), Some(1.5)],
        "big" => [i64::MAX, i64::MAX - 1, i64::MIN, 0, 1, 2],
        "nothing" => [None::<i32>; 6],
        "odd name \"x\" 'y'" => ["a", "", "it's", "ünïcode", "日本", "a"],
    );
    parquet(dir.path(), "odd.parquet", frame.unwrap());
    let check = |text: &str| {
        let r = one(dir.path(), "data/odd.parquet", text);
        same_rows(dir.path(), &r);
        r
    };
    let r = check("kind = \"not_null\"\ncolumn = \"f\"");
    assert_eq!(r.unexpected_count, 2, "not-a-number is missing");
    let r = check("kind = \"unique\"\ncolumn = \"f\"");
    assert_eq!((r.unexpected_count, r.missing_count), (2, 2), "0.0 and -0.0 are the same");
    let r = check("kind = \"in_range\"\ncolumn = \"f\"\nmin = 0\nmax = 10");
    assert_eq!((r.unexpected_count, r.examples.as_slice()), (1, ["inf".to_owned()].as_slice()));
    let r = check("kind = \"mean\"\ncolumn = \"f\"\nmin = 0");
    assert_eq!((r.status, r.observed), (Status::Failed, None), "{}", r.message);
    assert_eq!(check("kind = \"max\"\ncolumn = \"f\"\nmin = 0").observed, Some(f64::INFINITY));
    let r = check("kind = \"in_range\"\ncolumn = \"big\"\nmax = 9223372036854775806");
    assert_eq!(r.unexpected_count, 1, "compared as whole numbers");
    assert_eq!(check("kind = \"in_range\"\ncolumn = \"nothing\"\nmin = 0").status, Status::Passed);
    assert_eq!(check("kind = \"mean\"\ncolumn = \"nothing\"\nmin = 0").status, Status::Failed);
    let r = check("kind = \"in_set\"\ncolumn = \"odd name \\\"x\\\" 'y'\"\nvalues = [\"a\", \"it's\"]");
    assert_eq!(r.unexpected_count, 3, "{}", r.message);
    let r = check("kind = \"regex\"\ncolumn = \"odd name \\\"x\\\" 'y'\"\npattern = \"^[a-z']+$\"");
    assert_eq!(r.unexpected_count, 3, "{:?}", r.examples);
}

#[test]
fn many_rows_are_counted_exactly_and_a_cancelled_check_comes_back() {
    let dir = workspace();
    let n = 300_000_i32;
    let frame = df!(
        "id" => (0..n).map(|i| if i % 1000 == 999 { i - 1 } else { i }).collect::<Vec<_>>(),
        "v" => (0..n).map(f64::from).collect::<Vec<_>>(),
    );
    parquet(dir.path(), "many.parquet", frame.unwrap());
    let r = one(dir.path(), "data/many.parquet", "kind = \"unique\"\ncolumn = \"id\"");
    assert_eq!(r.unexpected_count, 600);
    assert_eq!(r.message, "id occurs more than once in 600 of 300,000 values (0.2 %)");
    let cancelled = cx();
    cancelled.cancel.cancel();
    let suite =
        Suite::parse("t", "data = \"data/many.parquet\"\n[[check]]\nid = \"a\"\nkind = \"unique\"\ncolumn = \"id\"");
    assert!(evaluate(dir.path(), &suite.unwrap(), &BTreeMap::new(), &cancelled).unwrap_err().is_cancelled());
}

#[test]
fn globs_are_one_table_and_check_files_are_listed_with_their_mistakes() {
    let dir = workspace();
    fs::write(dir.path().join("data/flights2.csv"), FLIGHTS).unwrap();
    assert_eq!(one(dir.path(), "data/flights*.csv", "kind = \"row_count\"\nmin = 12").status, Status::Passed);
    fs::create_dir_all(dir.path().join("checks")).unwrap();
    fs::write(dir.path().join("checks/b.toml"), "data = 7").unwrap();
    fs::write(dir.path().join("checks/a.toml"), "data = \"x\"\n[[check]]\nid = \"a\"\nkind = \"row_count\"\nmin = 1")
        .unwrap();
    fs::write(dir.path().join("checks/notes.md"), "x").unwrap();
    let all = list(dir.path());
    assert_eq!((all.len(), all[0].0.as_str(), all[0].1.is_ok(), all[1].1.is_err()), (2, "checks/a.toml", true, true));
    assert!(list(Path::new("/nowhere")).is_empty());
}

#[test]
fn a_check_is_added_without_touching_the_rest() {
    use crate::model::quality::draft::{Asks, Draft, head};
    let dir = workspace();
    let block = |id: &str| {
        let asks = Asks::InRange { min: "-60".into(), max: "1440".into() };
        Draft { id: id.into(), column: "delay".into(), asks, severity: Default::default() }.block()
    };
    let new = add_check(dir.path(), "checks/flights.toml", &head("flights", "data/flights.csv"), &block("a")).unwrap();
    assert_eq!((new.name.as_str(), new.checks.len()), ("flights", 1));
    let path = dir.path().join("checks/flights.toml");
    let before = fs::read_to_string(&path).unwrap();
    add_check(dir.path(), "checks/flights.toml", "", &block("b")).unwrap();
    let after = fs::read_to_string(&path).unwrap();
    assert!(after.starts_with(&before) && after.len() > before.len());
    // An id that is taken, or a file that cannot take tables at its end, stays as it was.
    let error = add_check(dir.path(), "checks/flights.toml", "", &block("b")).unwrap_err();
    assert!(error.hint.unwrap().contains("was not added"), "{}", error.what);
    assert_eq!(fs::read_to_string(&path).unwrap(), after);
    let results =
        evaluate(dir.path(), &load(dir.path(), "checks/flights.toml").unwrap(), &BTreeMap::new(), &cx()).unwrap();
    assert_eq!(results.checks[0].unexpected_count, 1, "2000 is out of range");
}

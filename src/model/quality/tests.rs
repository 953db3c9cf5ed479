use std::collections::BTreeMap;

use super::*;

fn parse(text: &str) -> Result<Suite> {
    Suite::parse("checks/delays.toml", text)
}

/// A suite with one check of these keys.
fn one(check: &str) -> Result<Check> {
    let suite = parse(&format!("data = \"d.csv\"\n[[check]]\nid = \"a\"\n{check}"))?;
    Ok(suite.checks[0].clone())
}

#[test]
fn a_whole_suite_is_read() {
    let suite = parse(
        r#"# what must hold before the marts are built
name = "delays"
data = "data/flights_${date}.parquet"
where = "cancelled = false"

[params]
date = 2026-11-16

[[check]]
id = "dep_delay_in_range"
kind = "in_range"
column = "dep_delay"
min = -60
max = 1440
mostly = 0.985

[[check]]
id = "key"
kind = "unique"
columns = ["carrier", "flight", "day"]
severity = "warning"

[[check]]
id = "origin_in_airports"
kind = "foreign_key"
column = "origin"
references = "data/airports.csv"
references_column = "iata"
"#,
    )
    .unwrap();
    assert_eq!((suite.name.as_str(), suite.checks.len(), suite.checks[1].line), ("delays", 3, 17));
    assert_eq!(suite.checks[0].sentence(), "dep_delay is between -60 and 1440, in at least 98.5 % of the values");
    assert_eq!(suite.checks[1].severity, Severity::Warning);
    assert_eq!(
        suite.checks[2].kind,
        Kind::ForeignKey { data: "data/airports.csv".into(), columns: vec!["iata".into()] }
    );
    let resolved = suite.resolve(&BTreeMap::from([("date".to_owned(), "2026-11-17".to_owned())])).unwrap();
    assert_eq!(resolved.suite.data, "data/flights_2026-11-17.parquet");
    assert_eq!(resolved.suite.data_time.as_deref(), Some("2026-11-17"));
    assert_eq!(resolved.params.len(), 1);
}

#[test]
fn a_mistyped_key_is_named_with_its_line_and_the_nearest_one() {
    let e = one("kind = \"in_range\"\ncolumn = \"x\"\nmin = 0\nmosty = 0.9").unwrap_err();
    assert_eq!(e.what, "checks/delays.toml:7: unknown key mosty of a check of kind in_range");
    assert_eq!(e.hint.as_deref(), Some("Did you mean mostly?"));
    let e = parse("data = \"d.csv\"\nchecks = []").unwrap_err();
    assert_eq!(
        (e.what.as_str(), e.hint.as_deref()),
        ("checks/delays.toml:2: unknown key checks", Some("Did you mean check?"))
    );
    let e = one("kind = \"notnull\"\ncolumn = \"x\"").unwrap_err();
    assert!(
        e.what.contains(":2: unknown kind notnull") && e.hint.as_deref() == Some("Did you mean not_null?"),
        "{e:?}"
    );
    let e = one("kind = \"unique\"\ncolumn = \"x\"\nmin = 3").unwrap_err();
    assert!(e.what.contains("unknown key min of a check of kind unique"), "{e}");
}

#[test]
fn every_mistake_has_words() {
    let cases = [
        ("kind = \"in_range\"\ncolumn = \"x\"", "needs min, max or both"),
        ("kind = \"in_range\"\nmin = 1", "needs the key column"),
        ("kind = \"in_range\"\ncolumns = [\"x\", \"y\"]\nmin = 1", "takes one column, a has 2"),
        ("kind = \"in_range\"\ncolumn = \"x\"\nmin = 3\nmax = 1", "min 3 above max 1"),
        ("kind = \"in_range\"\ncolumn = \"x\"\nmin = nan", "not a number"),
        ("kind = \"in_range\"\ncolumn = \"x\"\nmin = true", "must be a number"),
        ("kind = \"row_count\"\nmin = \"many\"", "min of the check a must be a number"),
        ("kind = \"row_count\"\nmin = 1\ncolumn = \"x\"", "takes no column"),
        ("kind = \"row_count\"\nmin = 1\nmostly = 0.5", "mostly has no meaning for the kind row_count"),
        ("kind = \"not_null\"\ncolumn = \"x\"\nmostly = 98", "mostly is a share from 0 to 1, not 98"),
        ("kind = \"not_null\"\ncolumn = 7", "column must be a name or a list of names, not a TOML integer"),
        ("kind = \"in_set\"\ncolumn = \"x\"\nvalues = []", "needs a list of values"),
        ("kind = \"regex\"\ncolumn = \"x\"\npattern = \"(\"", "the pattern ( cannot be read"),
        ("kind = \"freshness\"\nmax_age = \"soon\"", "the age \"soon\" cannot be read"),
        ("kind = \"schema\"", "needs the key column"),
        ("kind = \"schema\"\ntypes = { a = \"itn\" }", "unknown type itn of the column a"),
        (
            "kind = \"foreign_key\"\ncolumns = [\"x\", \"y\"]\nreferences = \"r.csv\"\nreferences_column = \"k\"",
            "compares 2 columns with 1",
        ),
        ("kind = \"sql\"", "needs the key query"),
        ("kind = \"unique\"\ncolumn = \"x\"\nseverity = \"fatal\"", "unknown severity fatal"),
    ];
    for (check, words) in cases {
        let e = one(check).unwrap_err();
        assert!(e.to_string().contains(words), "{check:?} gave {e}");
        assert!(e.what.starts_with("checks/delays.toml:"), "{e}");
    }
    assert!(parse("").unwrap_err().what.contains("does not say which file it checks"));
    assert!(parse("data = \"x.csv\"").unwrap_err().what.contains("has no check"));
    assert!(parse("data = ").unwrap_err().what.contains("checks/delays.toml:1 is not valid TOML"));
    let twice = "data = \"x\"\n[[check]]\nid = \"a\"\nkind = \"sql\"\nquery = \"SELECT 1\"\n";
    let e = parse(&format!("{twice}{}", &twice[11..])).unwrap_err();
    assert!(e.what.contains("the id a is taken by the check in line 2"), "{e}");
}

#[test]
fn a_parameter_without_a_value_is_an_error_and_a_bound_may_be_one() {
    let suite = parse(
        "data = \"d.csv\"\n[[check]]\nid = \"a\"\nkind = \"row_count\"\nmin = \"${least}\"\n[[check]]\nid = \"b\"\nkind = \"sql\"\nquery = \"SELECT * FROM ${data}\"",
    )
    .unwrap();
    assert_eq!(suite.missing_params(), ["least"]);
    let e = suite.resolve(&BTreeMap::new()).unwrap_err();
    assert!(e.what.contains("needs a value for the parameter least"), "{e}");
    let resolved = suite.resolve(&BTreeMap::from([("least".to_owned(), "12".to_owned())])).unwrap();
    let Kind::RowCount(bounds) = &resolved.suite.checks[0].kind else { panic!() };
    assert_eq!(bounds.min, Some(Scalar::Int(12)));
    let Kind::Sql { query } = &resolved.suite.checks[1].kind else { panic!() };
    assert_eq!(query, "SELECT * FROM ${data}");
}

#[test]
fn shares_never_round_up_to_all_or_down_to_none() {
    let all: Vec<_> = [1.0, 0.985, 0.9999, 0.999_999, 0.999_999_99, 0.000_004, 1e-9, 0.0].map(percent).into();
    assert_eq!(all, ["100 %", "98.5 %", "99.99 %", ">99.999 %", ">99.999 %", "<0.001 %", "<0.001 %", "0 %"]);
}

#[test]
fn values_read_well() {
    assert_eq!(Unit::Hours.show(27.0), "27 h");
    assert_eq!(Unit::Hours.show(0.5), "30 min");
    assert_eq!(Unit::Rows.show(18_732.0), "18,732");
    assert_eq!(Unit::Value.show(-1234.5), "\u{2212}1,234.5");
    assert_eq!(Unit::Value.show(0.000_01), "1.00e-5");
    assert_eq!(Unit::Value.show(-0.0001), "\u{2212}1.00e-4");
}

#[test]
fn a_result_survives_the_store_and_an_unknown_state_is_no_pass() {
    let result = SuiteResult {
        evaluation: "e1".into(),
        suite: "delays".into(),
        path: "checks/delays.toml".into(),
        data: "data/d.csv".into(),
        params: BTreeMap::new(),
        at: "2026-11-17T06:10:00Z".parse().unwrap(),
        data_time: Some("2026-11-16".into()),
        rows: 100,
        duration_ms: 3,
        checks: vec![CheckResult {
            id: "range".into(),
            kind: "in_range".into(),
            columns: vec!["delay".into()],
            severity: Severity::Warning,
            status: Status::Warning,
            unit: Unit::Share,
            observed: Some(0.93),
            low: Some(0.985),
            high: None,
            element_count: 100,
            missing_count: 4,
            unexpected_count: 7,
            share: Some(0.93),
            examples: vec!["1284".into()],
            rows_sql: Some("SELECT 1".into()),
            message: "bad".into(),
            error: None,
        }],
    };
    let mut record = result.records(None, Some("check")).remove(0);
    assert_eq!((record.state.as_str(), record.evaluation.as_str()), ("warn", "e1"));
    let point = CheckPoint::of(&record);
    assert_eq!((point.full_name().as_str(), point.low, point.sample_size()), ("delays.range", Some(0.985), 96));
    assert_eq!((point.unit, point.status, point.last_value().as_str()), (Unit::Share, Status::Warning, "93 %"));
    assert_eq!(point.data_time.unwrap().to_string(), "2026-11-16T00:00:00Z");
    record.state = "odd".into();
    record.detail = serde_json::Value::Null;
    let point = CheckPoint::of(&record);
    assert_eq!((point.status, point.suite.as_str()), (Status::Error, "delays"));
}

use std::{fs, path::Path};

use super::*;
use crate::{
    base::job::JobCtx,
    model::table::{Cell, Filter, Kind, Op, ViewSpec},
};

fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("data")).unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join("data").join(name), text).unwrap();
    write("flights.csv", "day,carrier,dep_delay\n2026-11-16,G7,15\n2026-11-16,AA,\n2026-11-17,G7,30\n");
    write("carriers.json", r#"[{"carrier": "G7", "name": "GoJet"}, {"carrier": "AA", "name": "American"}]"#);
    write("log.ndjson", "{\"n\": 1, \"tags\": [\"a\", \"b\"]}\n{\"n\": 2, \"tags\": []}\n");
    dir
}

fn query(root: &Path, sql: &str) -> crate::base::Result<Vec<Vec<Cell>>> {
    Session::new(root).query(sql, &JobCtx::detached()).map(|f| f.page(0, 100).unwrap().rows)
}

#[test]
fn files_join_files() {
    let dir = workspace();
    let rows = query(
        dir.path(),
        "SELECT c.name, COUNT(*) AS n, AVG(flights.dep_delay) AS d FROM 'data/flights.csv' \
         JOIN 'data/carriers.json' c ON flights.carrier = c.carrier GROUP BY c.name ORDER BY n DESC",
    );
    let rows = rows.unwrap();
    assert_eq!(rows[0], [Cell::Text("GoJet".into()), Cell::Int(2), Cell::Float(22.5)]);
    assert_eq!(rows[1][2], Cell::Null);
    let rows = query(dir.path(), "FROM 'data/log.ndjson'").unwrap();
    assert_eq!(rows[0], [Cell::Int(1), Cell::Text("[\"a\", \"b\"]".into())]);
    let rows = query(dir.path(), "SELECT day FROM 'data/*.csv' WHERE day > CAST('2026-11-16' AS DATE)").unwrap();
    assert_eq!(rows, [[Cell::Text("2026-11-17".into())]]);
}

#[test]
fn results_are_kept_by_name() {
    let dir = workspace();
    let session = Session::new(dir.path());
    let cx = JobCtx::detached();
    let day = session.query("SELECT * FROM 'data/flights.csv' WHERE carrier = 'G7'", &cx).unwrap();
    session.keep("day", day);
    let frame =
        session.query("SELECT SUM(dep_delay) AS s FROM day; SELECT MAX(dep_delay) AS m FROM day;", &cx).unwrap();
    assert_eq!(frame.page(0, 1).unwrap().rows, [[Cell::Int(30)]]);
    session.query("CREATE TABLE late AS SELECT * FROM day WHERE dep_delay > 20", &cx).unwrap();
    assert_eq!(session.get("late").unwrap().rows(), 1);
    let described = session.query("DESCRIBE day", &cx).unwrap();
    assert_eq!(described.page(0, 9).unwrap().rows[2], [Cell::Text("dep_delay".into()), Cell::Text("i64".into())]);
    assert_eq!(session.query("DESCRIBE 'data/flights.csv'", &cx).unwrap().rows(), 3);
}

#[test]
fn a_changed_file_is_read_again() {
    let dir = workspace();
    let session = Session::new(dir.path());
    let count = || session.query("SELECT * FROM 'data/flights.csv'", &JobCtx::detached()).unwrap().rows();
    assert_eq!(count(), 3);
    fs::write(dir.path().join("data/flights.csv"), "day\n2026-11-18\n").unwrap();
    assert_eq!(count(), 1);
}

#[test]
fn parameters_and_empty_results() {
    let dir = workspace();
    let session = Session::new(dir.path());
    let params = Params::from([("file".to_owned(), "flights".into()), ("least".to_owned(), 99.into())]);
    let sql = "SELECT * FROM 'data/$file.csv' WHERE dep_delay >= $least";
    let frame = session.query_with(sql, &params, &JobCtx::detached()).unwrap();
    assert_eq!((frame.rows(), frame.columns().len()), (0, 3));
    let rows = session.query_with(
        "SELECT COUNT(*) AS n FROM 'data/flights.csv' WHERE carrier IN $c",
        &Params::from([("c".to_owned(), serde_json::json!(["AA", "ZZ"]))]),
        &JobCtx::detached(),
    );
    assert_eq!(rows.unwrap().page(0, 1).unwrap().rows, [[Cell::Int(1)]]);
}

#[test]
fn errors_say_what_is_wrong_and_what_was_meant() {
    let dir = workspace();
    let error = |sql: &str| query(dir.path(), sql).unwrap_err();
    let e = error("SELECT dep_dely FROM 'data/flights.csv'");
    assert_eq!((e.what.as_str(), e.hint.as_deref()), ("There is no column dep_dely", Some("Did you mean dep_delay?")));
    let e = error("SELECT x FROM 'data/flihts.csv'");
    assert_eq!(e.hint.as_deref(), Some("Did you mean data/flights.csv?"));
    let e = error("SELECT carrier\nFROM 'data/flights.csv'\nWHERE carrier = = 'G7'");
    assert!(e.what.contains("line 3, column 17"), "{e:?}");
    let e = error("SELECT * FROM flights");
    assert_eq!(e.hint.as_deref(), Some("A file is named in quotes: FROM 'data/flights.csv'"), "{e:?}");
    assert!(error("DROP TABLE x").what.contains("never changes"));
    assert!(error("  -- nothing\n").what.contains("empty"));
    assert!(error("SELECT nofunc(day) FROM 'data/flights.csv'").to_string().contains("nofunc"));
    let e = error("SELECT $day FROM 'data/flights.csv'");
    assert!(e.what.contains("$day"));
}

#[test]
fn the_query_of_a_view_gives_the_rows_of_the_view() {
    let dir = workspace();
    let cx = JobCtx::detached();
    let filters = [
        (vec![Filter::new("carrier", Kind::Text, Op::Contains, &["G"])], 2),
        (vec![Filter::new("day", Kind::Date, Op::Ge, &["2026-11-17"])], 1),
        (vec![Filter::new("dep_delay", Kind::Int, Op::NotBetween, &["0", "20"])], 1),
        (vec![Filter::new("dep_delay", Kind::Int, Op::IsNull, &[])], 1),
        (
            vec![
                Filter::new("carrier", Kind::Text, Op::Ne, &["AA"]),
                Filter::new("dep_delay", Kind::Int, Op::Le, &["15"]),
            ],
            1,
        ),
    ];
    let source = crate::engine::frames::open(&dir.path().join("data/flights.csv")).unwrap();
    for (filters, rows) in filters {
        let sort = vec![crate::model::table::Sort { column: "dep_delay".into(), descending: true }];
        let spec = ViewSpec { filters, sort };
        let sql = spec.to_sql("'data/flights.csv'");
        let by_sql = query(dir.path(), &sql).unwrap();
        let by_view = source.view(&spec, &cx).unwrap().page(0, 100, &cx).unwrap().rows;
        assert_eq!((by_sql.len(), &by_sql), (rows, &by_view), "{sql}");
    }
}

#[test]
fn what_analysts_write_works() {
    let dir = workspace();
    for sql in [
        "SELECT carrier, ROW_NUMBER() OVER (PARTITION BY carrier ORDER BY day) AS r FROM 'data/flights.csv' QUALIFY r = 1",
        "WITH a AS (SELECT * FROM 'data/flights.csv') SELECT * FROM a UNION ALL SELECT * FROM a",
        "SELECT DATE_PART('year', day) AS y, MEDIAN(dep_delay) FROM 'data/flights.csv' GROUP BY ALL",
        "SELECT QUANTILE(dep_delay, 0.95) AS p95, STDDEV(dep_delay) AS s FROM 'data/flights.csv'",
        "SELECT CASE WHEN dep_delay > 20 THEN 'late' ELSE 'ok' END AS k, COUNT(*) FROM 'data/flights.csv' GROUP BY k",
        "SELECT DISTINCT carrier FROM 'data/flights.csv' WHERE carrier LIKE 'G%' OR carrier ILIKE 'a_'",
        "SELECT * EXCLUDE (day) FROM 'data/flights.csv' LIMIT 1 OFFSET 1",
        "SELECT a.day FROM 'data/flights.csv' a, 'data/carriers.json' b WHERE a.carrier = b.carrier",
        "SELECT STRFTIME(day, '%Y-%m') AS m FROM 'data/flights.csv'",
        "SELECT COUNT(DISTINCT carrier) FROM 'data/flights.csv'",
    ] {
        let result = query(dir.path(), sql);
        assert!(result.as_ref().is_ok_and(|r| !r.is_empty()), "{sql}: {result:?}");
    }
}

/// Several small files are read into memory: counting them, and joins of odd kinds, once made the engine break off.
#[test]
fn counts_over_several_files_and_odd_joins_have_answers() {
    let dir = workspace();
    for day in 1..=4 {
        let rows: String = (0..day).map(|n| format!("{n},{}\n", n * 2)).collect();
        fs::write(dir.path().join(format!("data/part-{day}.csv")), format!("a,b\n{rows}")).unwrap();
    }
    fs::write(dir.path().join("data/left.csv"), "x,y\n1,a\n2,b\n3,c\n").unwrap();
    fs::write(dir.path().join("data/right.csv"), "lo,hi\n1,2\n2,9\n").unwrap();
    let number = |sql: &str| match query(dir.path(), sql) {
        Ok(rows) => rows[0][0].number().unwrap_or(f64::NAN),
        Err(e) => panic!("{sql}: {e}"),
    };
    for (sql, wanted) in [
        ("SELECT COUNT(*) AS n FROM 'data/part-*.csv'", 10.0),
        ("SELECT COUNT(a) AS n FROM 'data/part-*.csv'", 10.0),
        ("SELECT COUNT(DISTINCT a) AS n FROM 'data/part-*.csv'", 4.0),
        ("SELECT COUNT(*) AS n FROM 'data/part-*.csv' WHERE b > 2", 3.0),
        ("SELECT COUNT(*) AS n FROM (SELECT * FROM 'data/part-1.csv' UNION ALL SELECT * FROM 'data/part-3.csv')", 4.0),
        ("SELECT SUM(n) AS n FROM (SELECT COUNT(*) AS n FROM 'data/part-*.csv')", 10.0),
        ("SELECT COUNT(*) AS n FROM 'data/left.csv' l CROSS JOIN 'data/right.csv' r WHERE l.x >= r.lo", 5.0),
        (
            "SELECT COUNT(*) AS n FROM 'data/left.csv' l CROSS JOIN 'data/right.csv' r WHERE l.x >= r.lo AND l.x < r.hi",
            3.0,
        ),
        ("SELECT COUNT(*) AS n FROM 'data/left.csv' l JOIN 'data/right.csv' r ON l.x >= r.lo AND l.x <= r.hi", 4.0),
        ("SELECT COUNT(*) AS n FROM 'data/left.csv' l CROSS JOIN 'data/right.csv' r", 6.0),
        ("SELECT COUNT(*) AS n FROM 'data/left.csv' l, 'data/right.csv' r WHERE l.x < r.hi", 4.0),
        ("SELECT SUM(l.x) AS n FROM 'data/left.csv' l CROSS JOIN 'data/right.csv' r WHERE l.x <> r.lo", 9.0),
    ] {
        assert_eq!(number(sql), wanted, "{sql}");
    }
}

/// What the engine cannot do is said in words, never in its own structures.
#[test]
fn what_is_not_possible_is_said_in_words() {
    let dir = workspace();
    let sql = "SELECT * FROM 'data/flights.csv' a JOIN 'data/flights.csv' b ON a.dep_delay BETWEEN b.dep_delay AND 9";
    let error = query(dir.path(), sql).unwrap_err();
    assert_eq!(error.what, "The condition of the JOIN is of a kind the engine cannot carry out");
    assert!(error.hint.unwrap().contains(">="));
    let everything = format!("{} {}", error.what, error.causes.join(" "));
    assert!(!everything.contains("Span(") && !everything.contains("panick"), "{everything}");
}

#[test]
fn a_plan_names_files_and_lent_frames_as_a_person_knows_them() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.csv"), "x,y\n1,a\n2,b\n").unwrap();
    let session = Session::new(dir.path());
    let file = tempfile::Builder::new().suffix(".arrow").tempfile().unwrap().into_temp_path();
    session.query("SELECT x, x * 2 AS z FROM 'a.csv'", &JobCtx::detached()).unwrap().write(&file).unwrap();
    session.lend(vec![("lent".to_owned(), Frame::read(file).unwrap())]);
    let sql = "SELECT a.y, lent.z FROM 'a.csv' a JOIN lent ON a.x = lent.x WHERE a.x > :low";
    assert_eq!(session.wanted(sql), Wanted { tables: vec!["lent".into()], params: vec!["low".into()] });
    let params = Params::from([("low".to_owned(), 1.into())]);
    let done = session.query_with(sql, &params, &JobCtx::detached()).unwrap();
    assert_eq!(done.rows(), 1);
    let plan = session.query_with(&format!("EXPLAIN {sql}"), &params, &JobCtx::detached()).unwrap();
    let page = plan.page(0, 100).unwrap();
    let text = page.rows.iter().map(|r| r[0].show(false).into_owned()).collect::<Vec<_>>().join("\n");
    assert!(text.contains("SCAN [lent]") && text.contains("> 1"), "{text}");
    assert!(!text.contains("/tmp/") && !text.contains("__andon"), "{text}");
}

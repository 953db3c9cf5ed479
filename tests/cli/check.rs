//! `andon check`: exit codes, the document, mistakes in the file.
use crate::support::Home;

#[test]
fn a_suite_that_fails_ends_with_one_and_names_the_rows() {
    let home = Home::with_sample("airport-weather");
    let answer = home.andon(&["check", "checks/airport_places.toml", "--json"]).code(1);
    let document = answer.json("andon.check/1");
    assert_eq!(document["passed"], false);
    let checks = document["suites"][0]["checks"].as_array().unwrap();
    let islands = checks.iter().find(|c| c["id"] == "pacific_islands_lie_east").unwrap();
    assert_eq!((&islands["status"], &islands["unexpected_count"]), (&"failed".into(), &5.into()));
    // The query it offers gives exactly those rows.
    let rows = home.andon(&["sql", islands["rows_sql"].as_str().unwrap(), "--json"]).code(0).json("andon.sql/1");
    assert_eq!(rows["total_rows"], 5);
    assert!(rows["rows"].as_array().unwrap().iter().any(|r| r["iata"] == "GUM"));
}

#[test]
fn a_suite_that_passes_ends_with_zero() {
    let home = Home::with_sample("airport-weather");
    home.andon(&["check", "checks/airport_list.toml"]).code(0);
}

#[test]
fn a_mistake_in_the_file_is_named_with_its_line_and_the_nearest_key() {
    let home = Home::new();
    home.write("data/a.csv", "x\n1\n");
    home.write(
        "checks/a.toml",
        "data = \"data/a.csv\"\n\n[[check]]\nid = \"x\"\nkind = \"in_range\"\ncolum = \"x\"\nmin = 0\n",
    );
    let answer = home.andon(&["check", "checks/a.toml", "--json"]).code(2);
    let text = answer.json("andon.check/1").to_string();
    assert!(text.contains("checks/a.toml:6") && text.contains("colum"), "{text}");
    assert!(answer.err.contains("column"), "{}", answer.err);
}

#[test]
fn a_file_that_is_not_there_is_an_error_not_a_pass() {
    let home = Home::new();
    home.write("checks/a.toml", "data = \"data/gone.csv\"\n[[check]]\nid = \"rows\"\nkind = \"row_count\"\nmin = 1\n");
    let answer = home.andon(&["check", "all"]);
    assert!(answer.code >= 1, "{} {}", answer.out, answer.err);
    assert!(format!("{}{}", answer.out, answer.err).contains("data/gone.csv"));
}

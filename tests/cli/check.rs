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

#[test]
fn what_failed_outweighs_what_could_not_be_evaluated_and_the_document_tells_both() {
    let home = Home::new();
    home.write("data/a.csv", "x\n1\n2\n");
    let suite = |data: &str, min: u32, more: &str| {
        format!("data = \"{data}\"\n[[check]]\nid = \"rows\"\nkind = \"row_count\"\nmin = {min}\n{more}")
    };
    home.write("checks/good.toml", &suite("data/a.csv", 2, ""));
    home.andon(&["check", "all"]).code(0);
    home.write("checks/warns.toml", &suite("data/a.csv", 9, "severity = \"warning\"\n"));
    home.andon(&["check", "all"]).code(0);
    home.andon(&["check", "all", "--strict"]).code(1);
    home.write("checks/gone.toml", &suite("data/gone.csv", 1, ""));
    home.andon(&["check", "all"]).code(2);
    home.write("checks/typo.toml", "data = \"data/a.csv\"\n[[chekc]]\n");
    home.write("checks/bad.toml", &suite("data/a.csv", 9, ""));
    let answer = home.andon(&["check", "all", "--json", "--no-record"]).code(1);
    let document = answer.json("andon.check/1");
    assert_eq!(document["passed"], false);
    let statuses: Vec<_> = document["suites"].as_array().unwrap().iter().map(|s| &s["checks"][0]["status"]).collect();
    assert_eq!(statuses, ["failed", "error", "passed", "warning"]);
    assert_eq!(document["errors"][0]["path"], "checks/typo.toml");
    assert!(document["errors"][0]["error"]["hint"].as_str().unwrap().contains("check"), "{document}");
    let none = Home::new();
    none.andon(&["check", "all", "--json"]).code(2).json("andon.error/1");
}

//! `andon sql` and `andon profile`.
use crate::support::Home;

#[test]
fn a_query_over_a_file_answers_as_json_csv_and_text() {
    let home = Home::new();
    home.write("data/a.csv", "city,n\nOslo,2\n\"Ber, gen\",3\nOslo,5\n");
    let sql = "SELECT city, SUM(n) AS total FROM 'data/a.csv' GROUP BY city ORDER BY total DESC";
    let json = home.andon(&["sql", sql, "--json"]).code(0).json("andon.sql/1");
    assert_eq!(json["rows"], serde_json::json!([{"city": "Oslo", "total": 7}, {"city": "Ber, gen", "total": 3}]));
    let csv = home.andon(&["sql", sql, "--csv"]).code(0);
    assert_eq!(csv.out, "city,total\nOslo,7\n\"Ber, gen\",3\n");
    assert!(home.andon(&["sql", sql]).code(0).out.contains("Ber, gen"));
}

#[test]
fn a_missing_file_and_a_wrong_column_are_named() {
    let home = Home::new();
    home.write("data/flights.csv", "delay\n1\n");
    let answer = home.andon(&["sql", "SELECT * FROM 'data/flihgts.csv'", "--json"]).code(2);
    assert!(answer.json("andon.error/1")["error"].to_string().contains("data/flihgts.csv"));
    assert!(answer.err.contains("data/flights.csv"), "the nearest file is offered: {}", answer.err);
    let answer = home.andon(&["sql", "SELECT delya FROM 'data/flights.csv'"]).code(2);
    assert!(answer.err.contains("delya"), "{}", answer.err);
}

#[test]
fn a_binary_named_csv_gets_a_clear_message() {
    let home = Home::new();
    let path = home.write("data/picture.csv", "");
    std::fs::write(path, [0x89, b'P', b'N', b'G', 0, 1, 2, 3, 0xff, 0xfe, 0, 0, 0, 13]).unwrap();
    let answer = home.andon(&["sql", "SELECT * FROM 'data/picture.csv'", "--json"]);
    assert_eq!(answer.code, 2, "{}", answer.out);
    assert!(answer.err.contains("picture.csv"), "{}", answer.err);
}

#[test]
fn a_profile_names_every_column_with_its_nulls() {
    let home = Home::new();
    home.write("data/a.csv", "n,t\n1,x\n,y\n3,x\n");
    let json = home.andon(&["profile", "data/a.csv", "--json"]).code(0).json("andon.profile/1");
    assert_eq!(json["rows"], 3);
    assert_eq!((&json["columns"][0]["name"], &json["columns"][0]["nulls"]), (&"n".into(), &1.into()));
    assert_eq!(json["columns"][1]["distinct"], 2);
    home.andon(&["profile", "data/none.csv"]).code(2);
}

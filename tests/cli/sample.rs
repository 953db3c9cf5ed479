//! `andon sample`: listing, copying, generating.
use std::path::Path;

use crate::support::{Home, git};

#[test]
fn samples_are_listed_with_their_source() {
    let list = Home::new().andon(&["sample", "list", "--json"]).code(0).json("andon.samples/1");
    let names: Vec<&str> = list["samples"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["airport-weather", "solar"], "the default comes first");
    for sample in list["samples"].as_array().unwrap() {
        assert!(!sample["source"].as_str().unwrap().is_empty());
        assert!(sample["bytes"].as_u64().unwrap() < 5_000_000);
    }
}

#[test]
fn a_copied_sample_is_a_clean_repository_with_several_authors() {
    let home = Home::new();
    let copy = home.andon(&["sample", "copy", "airport-weather", "--json"]).code(0).json("andon.sample/1");
    let root = Path::new(copy["path"].as_str().unwrap());
    assert_eq!(git(root, &["status", "--porcelain"]), "");
    let authors: std::collections::BTreeSet<String> =
        git(root, &["log", "--format=%an"]).lines().map(str::to_owned).collect();
    assert!(authors.len() >= 3, "{authors:?}");
    let again = home.andon(&["sample", "copy", "airport-weather"]).code(0);
    assert_eq!(again.out.trim(), root.to_str().unwrap());
}

#[test]
fn a_fleet_of_any_size_is_generated() {
    let home = Home::new();
    let made = home.andon(&["sample", "solar", "--devices", "12", "--days", "2", "--out", "m", "--json"]).code(0);
    let made = made.json("andon.sample-solar/1");
    assert_eq!(made["messages"].as_u64().unwrap(), 10 * made["distinct"].as_u64().unwrap());
    assert!(home.workspace().join("m/day-0002.parquet").is_file());
    home.andon(&["sample", "solar", "--devices", "0", "--out", "m"]).code(2);
}

#[test]
fn the_history_names_commits_that_every_copy_has() {
    for name in ["airport-weather", "solar"] {
        let home = Home::with_sample(name);
        let runs = home.andon(&["runs", "--limit", "500", "--json"]).code(0).json("andon.runs/1");
        let runs = runs["runs"].as_array().unwrap().clone();
        assert!(runs.len() >= 8, "{name}: {} runs", runs.len());
        let newest = runs[0]["id"].as_str().unwrap();
        let run = home.andon(&["runs", newest, "--json"]).code(0).out;
        let head = home.git(&["rev-parse", "HEAD"]);
        assert!(run.contains(head.trim()), "{name}: run workspaces/make_history.sh again after a change of the sample");
        assert!(runs.iter().all(|r| r["state"] == "success" || r["state"] == "failed"));
    }
}

//! The loop the program is for, without a window: edit, run, commit, diff, a pipeline, a failure, one rerun, green.
use std::fs;

use crate::support::Home;

#[test]
fn the_loop_from_edit_to_green_holds_on_the_sample() {
    let home = Home::with_sample("airport-weather");
    home.git(&["config", "user.name", "Mara Okafor"]);
    home.git(&["config", "user.email", "mara@example.org"]);

    // Edit a notebook, run it with no Python, commit, see the difference by cells.
    let path = home.workspace().join("notebooks/cold_nights.ipynb");
    let before = fs::read_to_string(&path).unwrap();
    fs::write(&path, before.replace("coldest_c < 5.0", "coldest_c < 4.5")).unwrap();
    let run = home.andon(&["run", "notebooks/cold_nights.ipynb", "--json"]).code(0).json("andon.run/1");
    assert_eq!(run["state"], "success");
    let diff = home.andon(&["diff", "notebooks/cold_nights.ipynb", "--json"]);
    assert!(diff.out.contains("4.5"), "{}", diff.out);
    home.git(&["commit", "-qam", "Try four and a half degrees"]);

    // A pipeline fails on its first run: the list is delivered only when asked for.
    let inbox = home.workspace().join("data/inbox");
    let _ = fs::remove_dir_all(inbox);
    let failed = home.andon(&["run", "airport_list", "--json"]).code(1).json("andon.run/1");
    assert_eq!(failed["state"], "failed");
    let id = failed["id"].as_str().unwrap();
    // One rerun of what failed makes it green; the run stays the same run.
    let green = home.andon(&["rerun", id, "--failed", "--wait", "--json"]).code(0).json("andon.run/1");
    assert_eq!((&green["state"], &green["id"]), (&"success".into(), &failed["id"]));
    let runs =
        home.andon(&["runs", "--pipeline", "airport_list", "--limit", "1", "--json"]).code(0).json("andon.runs/1");
    assert_eq!((&runs["runs"][0]["id"], &runs["runs"][0]["round"]), (&failed["id"], &2.into()));
    // A second request for the same rerun starts nothing: there is nothing left that failed.
    assert_ne!(home.andon(&["rerun", id, "--failed", "--wait"]).code, 1);
}

#[test]
fn a_day_of_twenty_three_hours_stops_the_line() {
    let home = Home::with_sample("airport-weather");
    let run = home.andon(&["run", "station_hours", "-p", "day=2010-03-14", "--json"]).code(1).json("andon.run/1");
    assert!(run["error"].as_str().unwrap().contains("46 rows"), "{run:#}");
    assert_eq!(run["data_time"], "2010-03-14");
    home.andon(&["run", "station_hours", "-p", "day=2010-03-15"]).code(0);
}

#[test]
fn the_solar_fleet_is_cleaned_summed_up_and_searched() {
    let home = Home::with_sample("solar");
    let run = home.andon(&["run", "fleet", "-p", "devices=400", "-p", "days=5", "--json"]).code(0).json("andon.run/1");
    let metric = |name: &str| {
        let all = run["metrics"].as_array().unwrap();
        all.iter().find(|m| m["name"] == name).and_then(|m| m["value"].as_f64()).unwrap_or(-1.0)
    };
    assert_eq!(metric("copies a message"), 10.0);
    assert!(metric("falling devices") >= 1.0 && metric("silent devices") >= 1.0, "{run:#}");
    home.andon(&["check", "checks/raw_messages.toml"]).code(1);
    home.andon(&["check", "checks/messages.toml"]).code(0);
}

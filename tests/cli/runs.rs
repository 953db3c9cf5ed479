//! Runs with real processes: reruns once, interrupted by a kill, two at a time, the documents others read.
use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::Home;

const MEND: &str = r#"
name = "mend"
[params]
day = "2026-11-16"

[[task]]
id = "first"
kind = "command"
run = '''echo x >> count; echo '{"andon.metric": {"name": "rows", "value": 12}}' '''

[[task]]
id = "bad"
kind = "command"
run = "echo x >> tries; sleep 0.3; test -e mended || { echo 'ValueError: bad unit' >&2; exit 3; }"
after = ["first"]

[[task]]
id = "last"
kind = "command"
run = "true"
after = ["bad"]
"#;

fn spawn(home: &Home, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_andon"))
        .args(args)
        .current_dir(home.workspace())
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "{what} did not happen within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn states(run: &Value) -> Vec<&str> {
    run["tasks"].as_array().unwrap().iter().map(|t| t["state"].as_str().unwrap()).collect()
}

#[test]
fn a_failed_run_is_rerun_from_what_failed() {
    let home = Home::new();
    home.write("andon.toml", "name = \"test\"\n");
    home.write("pipelines/mend.toml", MEND);
    let answer = home.andon(&["run", "pipelines/mend.toml", "-p", "day=2026-11-15", "--json"]).code(1);
    let run: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((run["schema"].as_str(), run["state"].as_str()), (Some("andon.run/1"), Some("failed")));
    assert_eq!(states(&run), ["success", "failed", "upstream_failed"]);
    assert_eq!(run["params"]["day"], "2026-11-15");
    assert_eq!(run["tasks"][1]["attempts"][0]["exit_code"], 3);
    assert_eq!(run["tasks"][1]["error"], "Exit code 3: ValueError: bad unit");
    assert_eq!(run["metrics"][0]["name"], "rows");
    assert!(answer.err.contains("ValueError: bad unit"), "{}", answer.err);

    home.write("mended", "");
    let answer = home.andon(&["rerun", run["id"].as_str().unwrap(), "--wait", "--json"]).code(0);
    assert!(
        answer.err.contains("Rerunning 2 tasks (no scope given, so what failed) of mend #1: bad, last"),
        "{}",
        answer.err
    );
    let again: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(
        (&again["id"], again["state"].as_str(), again["started"].as_bool()),
        (&run["id"], Some("success"), Some(true))
    );
    assert_eq!(again["tasks"][1]["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(std::fs::read_to_string(home.workspace().join("count")).unwrap(), "x\n");

    let nothing = home.andon(&["rerun", "mend", "--failed"]).code(2);
    assert!(nothing.err.contains("Nothing failed in mend #1"), "{}", nothing.err);
    let listed: Value = serde_json::from_str(&home.andon(&["runs", "--json"]).code(0).out).unwrap();
    assert_eq!((listed["schema"].as_str(), listed["runs"][0]["round"].as_i64()), (Some("andon.runs/1"), Some(2)));
    let log = home.andon(&["runs", "mend#1", "--log", "bad", "--attempt", "1"]).code(0).out;
    assert!(log.contains("ValueError: bad unit"), "{log}");
    let one = home.andon(&["runs", "latest"]).code(0).out;
    assert!(one.contains("mend #1") && one.contains("2 tries"), "{one}");
}

#[test]
fn what_cannot_run_ends_with_two_and_says_why() {
    let home = Home::new();
    home.write("andon.toml", "name = \"test\"\n");
    home.write("pipelines/mend.toml", MEND);
    home.write(
        "pipelines/typo.toml",
        "name = 'typo'\n[[task]]\nid = 't'\nkind = 'command'\nrun = 'true'\nretires = 1\n",
    );
    let answer = home.andon(&["run", "typo", "--json"]).code(2);
    let document: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(document["schema"], "andon.error/1");
    assert!(answer.err.contains("pipelines/typo.toml, line 6: unknown key `retires`"), "{}", answer.err);
    assert!(answer.err.contains("Did you mean `retries`?"), "{}", answer.err);
    let answer = home.andon(&["run", "pipelines/mned.toml"]).code(2);
    assert!(answer.err.contains("Did you mean pipelines/mend.toml?"), "{}", answer.err);
    let answer = home.andon(&["run", "mend", "-p", "dya=1"]).code(2);
    assert!(answer.err.contains("Did you mean day?"), "{}", answer.err);
    let answer = home.andon(&["rerun", "nosuchrun"]).code(2);
    assert!(answer.err.contains("No run nosuchrun"), "{}", answer.err);
    assert_eq!(home.andon(&["runs"]).code(0).out, "");
}

#[test]
#[cfg(unix)]
fn a_killed_run_is_interrupted_and_its_processes_are_ended() {
    let home = Home::new();
    home.write("andon.toml", "name = \"test\"\n");
    home.write(
        "pipelines/long.toml",
        "name = 'long'\n[[task]]\nid = 't'\nkind = 'command'\nrun = 'echo $$ > pid; test -e quick || sleep 300'\n\
         [[task]]\nid = 'u'\nkind = 'command'\nrun = 'true'\nafter = ['t']\n",
    );
    let mut child = spawn(&home, &["run", "long"]);
    let pid = home.workspace().join("pid");
    until("the start", || std::fs::read_to_string(&pid).is_ok_and(|t| t.ends_with('\n')));
    let listed: Value = serde_json::from_str(&home.andon(&["runs", "--json"]).code(0).out).unwrap();
    assert_eq!(listed["runs"][0]["state"], "running", "a living owner keeps its run");
    child.kill().unwrap();
    child.wait().unwrap();
    let answer = home.andon(&["runs", "--json"]).code(0);
    let listed: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(listed["runs"][0]["state"], "interrupted");
    assert_eq!(states(&listed["runs"][0]), ["interrupted", "interrupted"]);
    assert!(answer.err.contains("was interrupted"), "{}", answer.err);
    let task = std::fs::read_to_string(&pid).unwrap();
    let stat = std::path::PathBuf::from(format!("/proc/{}/stat", task.trim()));
    until("the end of the orphan", || {
        !stat.exists() || std::fs::read_to_string(&stat).is_ok_and(|s| s.contains(") Z "))
    });
    home.write("quick", "");
    let again = home.andon(&["rerun", "long", "--wait", "--json"]).code(0);
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((again["state"].as_str(), again["round"].as_i64()), (Some("success"), Some(2)));
}

#[test]
fn two_processes_run_the_same_pipeline_side_by_side() {
    let home = Home::new();
    home.write("andon.toml", "name = \"test\"\n");
    home.write("mended", "");
    home.write("pipelines/mend.toml", MEND);
    let children: Vec<Child> = (0..2).map(|_| spawn(&home, &["run", "mend", "--json"])).collect();
    let mut numbers: Vec<u64> = children
        .into_iter()
        .map(|c| {
            let out = c.wait_with_output().unwrap();
            let run: Value = serde_json::from_slice(&out.stdout).unwrap();
            assert_eq!(run["state"], "success", "{}", String::from_utf8_lossy(&out.stderr));
            run["number"].as_u64().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn twenty_reruns_at_once_are_one() {
    let home = Home::new();
    home.write("andon.toml", "name = \"test\"\n");
    home.write("pipelines/mend.toml", &MEND.replace("sleep 0.3", "sleep 5"));
    let run: Value = serde_json::from_str(&home.andon(&["run", "mend", "--json"]).code(1).out).unwrap();
    home.write("mended", "");
    let id = run["id"].as_str().unwrap();
    let children: Vec<Child> = (0..20).map(|_| spawn(&home, &["rerun", id, "--json"])).collect();
    let mut started = 0;
    for child in children {
        let out = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{err}");
        let answer: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(answer["round"], 2, "{err}");
        started += i32::from(answer["started"] == true);
    }
    assert!(started >= 1);
    until("the end", || {
        let run: Value = serde_json::from_str(&home.andon(&["runs", id, "--json"]).code(0).out).unwrap();
        run["state"] == "success" && run["round"] == 2 && run["tasks"][1]["attempts"].as_array().unwrap().len() == 2
    });
    assert_eq!(std::fs::read_to_string(home.workspace().join("tries")).unwrap(), "x\nx\n", "one run and one rerun");
}

#[test]
fn history_is_carried_to_another_workspace_once() {
    let home = Home::new();
    home.write("andon.toml", "name = \"test\"\n");
    home.write("pipelines/mend.toml", MEND);
    home.andon(&["run", "mend"]).code(1);
    home.andon(&["runs", "--export", "history.ndjson"]).code(0);
    let other = Home::new();
    std::fs::copy(home.workspace().join("history.ndjson"), other.workspace().join("history.ndjson")).unwrap();
    let answer = other.andon(&["runs", "--import", "history.ndjson"]).code(0);
    assert!(answer.err.contains("Added 1 run, 1 metric"), "{}", answer.err);
    let answer = other.andon(&["runs", "--import", "history.ndjson"]).code(0);
    assert!(answer.err.contains("Added 0 runs"), "{}", answer.err);
    assert!(other.andon(&["runs", "mend", "--log", "bad"]).code(0).out.contains("ValueError"));
}

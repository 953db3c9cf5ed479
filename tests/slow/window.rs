//! The real window under Xvfb, driven by keys as a person would: edit a notebook, run, save, commit, see the difference,
//! run a pipeline, look at a failure, rerun it, and it is green. What happened is read from files, git and the store.
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::has;

/// A display of its own with the program on it; both end with the test.
struct Desk {
    home: TempDir,
    display: String,
    xvfb: Child,
    window: Option<Child>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        for child in self.window.iter_mut().chain([&mut self.xvfb]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Desk {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        // The server takes a free display and writes its number to this file.
        let number = home.path().join("display");
        let mut xvfb = Command::new("sh")
            .arg("-c")
            .arg("exec Xvfb -displayfd 3 -screen 0 1440x900x24 -nolisten tcp 3>\"$0\" >/dev/null 2>&1")
            .arg(&number)
            .spawn()
            .unwrap();
        let display = wait_for("Xvfb to start", || {
            assert!(xvfb.try_wait().unwrap().is_none(), "Xvfb ended at once");
            fs::read_to_string(&number).ok().filter(|n| n.ends_with('\n')).map(|n| format!(":{}", n.trim()))
        });
        Self { home, display, xvfb, window: None }
    }
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("DISPLAY", &self.display)
            .env_remove("WAYLAND_DISPLAY")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("ANDON_HOME", self.home.path())
            .env("HOME", self.home.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }
    /// Opens the window on the sample workspace and waits until it can be used.
    fn open(&mut self) {
        let log = self.home.path().join("window.log");
        let child = self
            .command(env!("CARGO_BIN_EXE_andon"))
            .env("ANDON_LOG", "andon=info")
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        self.window = Some(child);
        wait_for("the first frame", || {
            fs::read_to_string(&log).ok().filter(|l| l.contains("first interactive frame")).map(|_| ())
        });
        let found = wait_for("the window", || {
            let found = self.xdotool(&["search", "--onlyvisible", "--name", "Andon"]);
            found.lines().next().map(str::to_owned)
        });
        self.xdotool(&["windowfocus", "--sync", &found]);
        sleep(Duration::from_secs(1));
    }
    fn xdotool(&self, args: &[&str]) -> String {
        let output = self.command("xdotool").args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
    /// Presses keys one after the other, at the pace of a person.
    fn keys(&self, keys: &[&str]) {
        for key in keys {
            self.xdotool(&["key", key]);
            sleep(Duration::from_millis(500));
        }
    }
    fn type_text(&self, text: &str) {
        self.xdotool(&["type", "--delay", "25", text]);
        sleep(Duration::from_millis(700));
    }
    /// Chooses the first row of the palette for what is typed.
    fn palette(&self, key: &str, words: &str) {
        self.keys(&["Escape", key]);
        self.type_text(words);
        self.keys(&["Return"]);
        sleep(Duration::from_secs(1));
    }
    fn root(&self) -> PathBuf {
        self.home.path().join("data/samples/airport-weather")
    }
    fn andon(&self, args: &[&str]) -> Value {
        let output = self
            .command(env!("CARGO_BIN_EXE_andon"))
            .args(args)
            .arg("--json")
            .current_dir(self.root())
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
    }
    fn newest_run(&self, pipeline: &str) -> Value {
        self.andon(&["runs", "--pipeline", pipeline, "--limit", "1"])["runs"][0].clone()
    }
    fn git(&self, args: &[&str]) -> String {
        let output = self.command("git").args(args).current_dir(self.root()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited a minute for {what}");
        sleep(Duration::from_millis(200));
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_person_goes_from_an_edit_to_a_green_line_by_keys() {
    if !has("Xvfb") || !has("xdotool") || !has("git") {
        return;
    }
    let mut desk = Desk::new();
    desk.open();
    desk.git(&["config", "user.name", "Mara Okafor"]);
    desk.git(&["config", "user.email", "mara@example.org"]);
    let notebook = desk.root().join("notebooks/cold_nights.ipynb");
    let before = read(&notebook);

    // Open the notebook, run the cell that loads, change the next one, run and save it.
    desk.palette("ctrl+p", "cold_nights");
    desk.keys(&["Escape", "j", "shift+Return"]);
    sleep(Duration::from_secs(2));
    desk.keys(&["Return", "ctrl+End"]);
    desk.type_text(" OFFSET 2");
    desk.keys(&["shift+Return"]);
    sleep(Duration::from_secs(2));
    desk.keys(&["ctrl+s"]);
    let after = wait_for("the notebook to be saved", || Some(read(&notebook)).filter(|now| *now != before));
    assert!(after.contains("LIMIT 8 OFFSET 2"), "the edit is in the file");
    assert!(!after.contains("\"output_type\": \"error\""), "the cells ran");

    // The difference is one of cells, and it is committed.
    let diff = desk.andon(&["diff", "notebooks/cold_nights.ipynb"]).to_string();
    assert!(diff.contains("OFFSET 2"), "{diff}");
    desk.palette("ctrl+shift+p", "Commit");
    desk.type_text("Look past the two coldest hours");
    desk.keys(&["ctrl+Return"]);
    wait_for("the commit", || {
        desk.git(&["log", "-1", "--format=%s"]).contains("Look past the two coldest").then_some(())
    });
    assert_eq!(desk.git(&["status", "--porcelain"]), "");
    desk.keys(&["ctrl+7"]);

    // A pipeline runs and its metrics are recorded.
    let number = desk.newest_run("station_hours")["number"].as_u64().unwrap();
    desk.palette("ctrl+shift+p", "Run station_hours");
    let run = wait_for("station_hours to succeed", || {
        let run = desk.newest_run("station_hours");
        (run["number"].as_u64() == Some(number + 1) && run["state"] == "success").then_some(run)
    });
    let whole = desk.andon(&["runs", run["id"].as_str().unwrap()]).to_string();
    assert!(whole.contains("coldest hour, Seattle"), "{whole}");

    // The airport list is red; one key reruns what failed, and it is green.
    let red = desk.newest_run("airport_list");
    assert_eq!(red["state"], "failed");
    desk.palette("ctrl+p", "airport_list");
    desk.keys(&["Escape", "ctrl+5", "r"]);
    let green = wait_for("the rerun to succeed", || {
        Some(desk.newest_run("airport_list")).filter(|run| run["state"] == "success")
    });
    assert_eq!(green["id"], red["id"], "the same run");
    assert_eq!(green["round"].as_u64().unwrap(), red["round"].as_u64().unwrap() + 1, "rerun once");

    // Nothing was left running and the window is still there.
    desk.keys(&["ctrl+1", "ctrl+4", "ctrl+6"]);
    assert!(desk.window.as_mut().unwrap().try_wait().unwrap().is_none(), "the window is open");
}

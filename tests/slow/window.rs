//! The real window under Xvfb, driven by keys and the pointer as a person would: edit a notebook, run, save, see the
//! difference, commit, run a pipeline and watch its plot, see a failure turn a card and a plot red, rerun with one click,
//! and both are green.
//!
//! What happened is read from files, git and the store; what is shown from two places that cannot agree by chance: what
//! the window tells a screen reader (`andon open --describe`), which says where things are, and the pixels of the
//! display at that place (Xvfb's frame buffer).
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
        if std::thread::panicking() {
            eprintln!(
                "The window's log:\n{}",
                fs::read_to_string(self.home.path().join("window.log")).unwrap_or_default()
            );
            for control in self.said() {
                eprintln!("{} {:?} {:?}", control.role, control.name, control.rect);
            }
        }
    }
}

/// Something the window says it shows.
#[derive(Debug, Clone, PartialEq)]
struct Control {
    role: String,
    name: String,
    rect: Rect,
    selected: bool,
    focused: bool,
}

/// Left, top, width, height.
type Rect = [f64; 4];

/// The display as it is now.
struct Picture {
    bytes: Vec<u8>,
    first: usize,
    stride: usize,
    size: [usize; 2],
}

impl Picture {
    /// How many pixels of a rectangle have a colour, give or take what blending rounds.
    fn count(&self, rect: Rect, [r, g, b]: [u8; 3]) -> usize {
        let near = |a: u8, b: u8| a.abs_diff(b) <= 2;
        self.pixels(rect).filter(|p| near(p[0], r) && near(p[1], g) && near(p[2], b)).count()
    }
    fn pixels(&self, [x, y, width, height]: Rect) -> impl Iterator<Item = [u8; 3]> + '_ {
        let end = |from: f64, length: f64, most: usize| ((from + length) as usize).min(most);
        let (right, bottom) = (end(x, width, self.size[0]), end(y, height, self.size[1]));
        (y as usize..bottom).flat_map(move |y| (x as usize..right).map(move |x| (x, y))).map(|(x, y)| {
            let at = self.first + y * self.stride + x * 4;
            [self.bytes[at + 2], self.bytes[at + 1], self.bytes[at]]
        })
    }
}

/// A colour of the dark theme, as its file has it.
fn colour(token: &str) -> [u8; 3] {
    let line = include_str!("../../themes/dark.toml").lines().find_map(|l| l.strip_prefix(&format!("{token} = \"#")));
    let hex = line.unwrap().trim_end_matches('"');
    [0, 2, 4].map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
}

impl Desk {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        // The server takes a free display and writes its number to this file; its picture lies in the folder.
        let number = home.path().join("display");
        let mut xvfb = Command::new("sh")
            .arg("-c")
            .arg("exec Xvfb -displayfd 3 -fbdir \"$1\" -screen 0 1440x900x24 -nolisten tcp 3>\"$0\" >/dev/null 2>&1")
            .arg(&number)
            .arg(home.path())
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
            .arg("open")
            .arg("--describe")
            .arg(self.home.path().join("window.json"))
            .env("ANDON_LOG", "andon=info")
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        self.window = Some(child);
        self.see("the workspace", |c| c.name == "Workspace airport-weather");
        self.see("the page", |c| c.role == "Tab" && c.name == "Home" && c.selected);
        let found = wait_for("the window", || {
            let found = self.xdotool(&["search", "--onlyvisible", "--name", "Andon"]);
            found.lines().next().map(str::to_owned)
        });
        self.xdotool(&["windowfocus", "--sync", &found]);
    }
    fn xdotool(&self, args: &[&str]) -> String {
        let output = self.command("xdotool").args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
    /// What the window says it shows now.
    fn said(&self) -> Vec<Control> {
        let text = fs::read_to_string(self.home.path().join("window.json")).unwrap_or_default();
        let all: Value = serde_json::from_str(&text).unwrap_or_default();
        let control = |c: &Value| Control {
            role: c["role"].as_str().unwrap().to_owned(),
            name: [&c["name"], &c["value"]].map(|v| v.as_str().unwrap_or_default()).join(""),
            rect: [0, 1, 2, 3].map(|i| c["rect"][i].as_f64().unwrap()),
            selected: c["selected"] == true,
            focused: c["focused"] == true,
        };
        all["controls"].as_array().map(|a| a.iter().map(control).collect()).unwrap_or_default()
    }
    /// Waits until the window shows it.
    #[track_caller]
    fn see(&self, what: &str, is: impl Fn(&Control) -> bool) -> Control {
        wait_for(what, || self.said().into_iter().find(&is))
    }
    /// Waits until the window shows a control with these words in its name.
    #[track_caller]
    fn see_words(&self, words: &str) -> Control {
        self.see(words, |c| c.name.contains(words))
    }
    /// Waits until the display shows at least (or, with 0, none) so many pixels of a colour within a rectangle.
    #[track_caller]
    fn see_colour(&self, what: &str, rect: Rect, token: &str, least: usize) {
        let wanted = colour(token);
        let looked = wait_for_or(what, || {
            let count = self.picture().count(rect, wanted);
            if least == 0 { count == 0 } else { count >= least }.then_some(())
        });
        assert!(looked.is_some(), "{what}: {} pixels of {token} at {rect:?}", self.picture().count(rect, wanted));
    }
    fn picture(&self) -> Picture {
        let bytes = fs::read(self.home.path().join("Xvfb_screen0")).unwrap();
        let word = |at: usize| u32::from_be_bytes(bytes[at * 4..at * 4 + 4].try_into().unwrap()) as usize;
        // The header of an X window dump: its size, the picture's size, bytes a line, and colours of 12 bytes after it.
        let (first, size, stride) = (word(0) + word(19) * 12, [word(4), word(5)], word(12));
        Picture { bytes, first, stride, size }
    }
    fn click(&self, control: &Control) {
        let [x, y, width, height] = control.rect;
        let (x, y) = (format!("{:.0}", x + width / 2.0), format!("{:.0}", y + height / 2.0));
        self.xdotool(&["mousemove", "--sync", &x, &y]);
        // The window sees where the pointer is before it is pressed, as with a hand.
        sleep(Duration::from_millis(150));
        self.xdotool(&["mousedown", "1"]);
        sleep(Duration::from_millis(80));
        self.xdotool(&["mouseup", "1"]);
    }
    /// Presses keys one after the other, at the pace of a quick person.
    fn keys(&self, keys: &[&str]) {
        for key in keys {
            self.xdotool(&["key", key]);
            sleep(Duration::from_millis(120));
        }
    }
    fn type_text(&self, text: &str) {
        self.xdotool(&["type", "--delay", "15", text]);
    }
    /// Goes to a page by its key and waits until it is there.
    #[track_caller]
    fn page(&self, key: &str, name: &str) {
        self.keys(&[key]);
        self.see(name, |c| c.role == "Tab" && c.name == name && c.selected);
    }
    /// Waits until a cell has run in this session and its result is not out of date.
    #[track_caller]
    fn cell_is_fresh(&self, number: u32) {
        let what = format!("cell {number} to be fresh");
        wait_for(&what, || {
            let all = self.said();
            let [_, top, _, height] = all.iter().find(|c| c.name == format!("Select cell {number}"))?.rect;
            let fresh = |c: &Control| c.name == "Fresh" && (top..top + height).contains(&c.rect[1]);
            all.iter().any(fresh).then_some(())
        });
    }
    /// Chooses the first row of the palette after typing `words`; it must be the one that `row` names.
    #[track_caller]
    fn palette(&self, key: &str, words: &str, row: &str) {
        self.keys(&["Escape", key]);
        self.see("the palette", |c| c.role == "TextInput" && c.name.starts_with("Search"));
        self.type_text(words);
        self.see(row, |c| c.role == "ListItem" && c.selected && c.rect[1] < 200.0 && c.name.contains(row));
        self.keys(&["Return"]);
        wait_for("the palette to close", || {
            self.said().iter().all(|c| !(c.role == "TextInput" && c.name.starts_with("Search"))).then_some(())
        });
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
    /// Waits until the newest run of a pipeline has a state, and gives it.
    #[track_caller]
    fn run_is(&self, pipeline: &str, state: &str, is: impl Fn(&Value) -> bool) -> Value {
        let what = format!("a run of {pipeline} to be {state}");
        wait_for(&what, || Some(self.newest_run(pipeline)).filter(|run| run["state"] == state && is(run)))
    }
    fn git(&self, args: &[&str]) -> String {
        let output = self.command("git").args(args).current_dir(self.root()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
    /// The card of the board with this label.
    #[track_caller]
    fn card(&self, label: &str) -> Control {
        self.see(label, |c| c.role == "ListItem" && c.name.starts_with(&format!("{label} ")))
    }
    /// Waits until a card is red: it offers a rerun, and its frame and its mark are painted so.
    #[track_caller]
    fn card_is_red(&self, label: &str) -> Control {
        let rerun = self.see(label, |c| c.name == format!("Rerun for {label}"));
        self.see_colour("a red card", self.card(label).rect, "fail", 300);
        self.see_colour("no green on a red card", self.card(label).rect, "ok", 0);
        rerun
    }
    /// Waits until a card is green and nothing on it is red or offers a rerun.
    #[track_caller]
    fn card_is_green(&self, label: &str) {
        wait_for("the card to be green", || {
            self.said().iter().all(|c| c.name != format!("Rerun for {label}")).then_some(())
        });
        self.see_colour("a green mark on the card", self.card(label).rect, "ok", 20);
        self.see_colour("no red on a green card", self.card(label).rect, "fail", 0);
    }
    /// The chart in front, once it says these words.
    #[track_caller]
    fn chart(&self, title: &str, words: &str) -> Control {
        self.see(words, |c| c.role == "Image" && c.name.starts_with(&format!("{title}:")) && c.name.contains(words))
    }
}

fn wait_for_or<T>(_what: &str, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + Duration::from_mins(1);
    while Instant::now() < until {
        if let Some(found) = look() {
            return Some(found);
        }
        sleep(Duration::from_millis(50));
    }
    None
}

#[track_caller]
fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    let found = wait_for_or(what, look);
    assert!(found.is_some(), "waited a minute for {what}");
    found.unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// Opens the notebook, runs the cell that loads, changes the next one, runs and saves it.
fn edit_run_and_save(desk: &Desk) {
    let notebook = desk.root().join("notebooks/cold_nights.ipynb");
    let before = read(&notebook);
    desk.palette("ctrl+p", "cold_nights", "cold_nights.ipynb");
    desk.see("the notebook", |c| c.role == "Tab" && c.name.contains("cold_nights") && c.selected);
    let cell_in_front = |n: u32| {
        desk.see("the cell to be in front", |c| c.name == format!("Select cell {n}") && c.selected);
    };
    desk.keys(&["Escape"]);
    cell_in_front(1);
    desk.keys(&["j"]);
    cell_in_front(2);
    desk.keys(&["shift+Return"]);
    desk.cell_is_fresh(2);
    cell_in_front(3);
    desk.keys(&["Return"]);
    desk.see("the cell to be edited", |c| c.name.starts_with("Cell 3 source") && c.focused);
    desk.keys(&["ctrl+End"]);
    desk.type_text(" OFFSET 2");
    desk.see_words("LIMIT 8 OFFSET 2");
    desk.keys(&["shift+Return"]);
    desk.cell_is_fresh(3);
    desk.keys(&["ctrl+s"]);
    let after = wait_for("the notebook to be saved", || Some(read(&notebook)).filter(|now| *now != before));
    assert!(after.contains("LIMIT 8 OFFSET 2"), "the edit is in the file");
    assert!(!after.contains("\"output_type\": \"error\""), "the cells ran");
}

/// The difference is one of cells, on the page and on the command line; then it is committed.
fn see_the_difference_and_commit(desk: &Desk) {
    desk.page("ctrl+7", "Review");
    let file = desk.see("the changed notebook", |c| c.name.contains("cold_nights.ipynb"));
    desk.click(&file);
    let cell = desk.see("the changed cell", |c| c.role == "Button" && c.name.contains("changed") && c.rect[2] > 300.0);
    // Removed and added words stand side by side on their tints.
    let body = [cell.rect[0], cell.rect[1], cell.rect[2], cell.rect[3] + 200.0];
    desk.see_colour("the words that were added", body, "addw", 100);
    let diff = desk.andon(&["diff", "notebooks/cold_nights.ipynb"]).to_string();
    assert!(diff.contains("OFFSET 2"), "{diff}");
    desk.palette("ctrl+shift+p", "Commit", "Commit");
    desk.see("the message", |c| c.role == "MultilineTextInput" || c.role == "TextInput");
    desk.type_text("Look past the two coldest hours");
    desk.see_words("Look past the two coldest hours");
    desk.keys(&["ctrl+Return"]);
    wait_for("the commit", || {
        desk.git(&["log", "-1", "--format=%s"]).contains("Look past the two coldest").then_some(())
    });
    assert_eq!(desk.git(&["status", "--porcelain"]), "");
}

/// A pipeline runs; its plot gains a point while nobody touches the window.
fn watch_a_plot_grow(desk: &Desk) {
    let title = "station_hours.report_metrics.coldest hour, Seattle";
    let number = desk.newest_run("station_hours")["number"].as_u64().unwrap();
    desk.palette("ctrl+shift+p", "Plot station_hours.report_metrics.coldest hour, Seattle", title);
    let before = desk.chart(title, "29 points");
    let run_time = desk.see("the axis", |c| c.name == "By run time");
    desk.click(&run_time);
    let all = desk.see("the range", |c| c.name == "All");
    desk.click(&all);
    desk.see("the range to be chosen", |c| c.name == "All" && c.selected);
    sleep(Duration::from_millis(300));
    let picture: Vec<_> = desk.picture().pixels(before.rect).collect();
    desk.palette("ctrl+shift+p", "Run station_hours", "Run station_hours");
    if !desk.said().iter().any(|c| c.role == "Tab" && c.name == "Quality & metrics" && c.selected) {
        desk.page("ctrl+6", "Quality & metrics");
    }
    let grown = desk.chart(title, "30 points");
    assert!(desk.picture().count(grown.rect, colour("s1")) > 50, "the line is drawn");
    wait_for("the plot to change", || {
        (desk.picture().pixels(before.rect).collect::<Vec<_>>() != picture).then_some(())
    });
    let run = desk.run_is("station_hours", "success", |run| run["number"].as_u64() == Some(number + 1));
    let whole = desk.andon(&["runs", run["id"].as_str().unwrap()]).to_string();
    assert!(whole.contains("coldest hour, Seattle"), "{whole}");
}

/// A delivery that was cut off turns the card and the plot red; the list is mended and one click makes both green.
fn from_red_to_green(desk: &Desk) {
    let (title, label) = ("airport_list.enough_airports", "AND-16");
    // The sample's last run failed, because the list had not been delivered: the card is red, and one click mends it.
    let red = desk.newest_run("airport_list");
    assert_eq!(red["state"], "failed");
    desk.page("ctrl+4", "Board");
    let rerun = desk.card_is_red(label);
    desk.click(&rerun);
    let green = desk.run_is("airport_list", "success", |_| true);
    assert_eq!(green["id"], red["id"], "the same run");
    assert_eq!(green["round"].as_u64().unwrap(), red["round"].as_u64().unwrap() + 1, "rerun once");
    desk.card_is_green(label);

    // The next delivery is cut off after a hundred lines.
    let upstream = read(&desk.root().join("upstream/airports.csv"));
    let cut: String = upstream.split_inclusive('\n').take(101).collect();
    fs::create_dir_all(desk.root().join("data/inbox")).unwrap();
    fs::write(desk.root().join("data/inbox/airports.csv"), cut).unwrap();
    desk.palette("ctrl+shift+p", "Run airport_list", "Run airport_list");
    let failed = desk.run_is("airport_list", "failed", |run| run["number"] != red["number"]);
    desk.page("ctrl+4", "Board");
    desk.card_is_red(label);
    desk.palette("ctrl+shift+p", "Plot airport_list.enough_airports", title);
    let chart = desk.chart(title, "Under the limit");
    desk.see_colour("a red point", chart.rect, "fail", 30);
    desk.see_words("Under the limit of 3,000");

    // Somebody mends the list; the card's button reruns what failed and nothing else.
    fs::write(desk.root().join("data/raw/airports.csv"), upstream).unwrap();
    desk.page("ctrl+4", "Board");
    let rerun = desk.card_is_red(label);
    desk.click(&rerun);
    let mended = desk.run_is("airport_list", "success", |_| true);
    assert_eq!(mended["id"], failed["id"], "the same run");
    assert_eq!(mended["round"], 2, "rerun once");
    let fetch = mended["tasks"].as_array().unwrap().iter().find(|t| t["id"] == "fetch").unwrap().clone();
    assert_eq!(fetch["attempts"], 1, "what had succeeded was not run again");
    desk.card_is_green(label);
    desk.page("ctrl+6", "Quality & metrics");
    let chart = desk.chart(title, "last 3,376");
    assert!(!chart.name.contains("Under the limit"), "{}", chart.name);
    let verdict = desk.see("a green verdict", |c| c.role == "Image" && c.name == "Success" && c.rect[0] < 120.0);
    desk.see_colour("a green mark beside the verdict", verdict.rect, "ok", 20);
}

#[test]
fn a_person_goes_from_an_edit_to_a_green_line() {
    if !has("Xvfb") || !has("xdotool") || !has("git") {
        return;
    }
    let mut desk = Desk::new();
    desk.open();
    desk.git(&["config", "user.name", "Mara Okafor"]);
    desk.git(&["config", "user.email", "mara@example.org"]);
    edit_run_and_save(&desk);
    see_the_difference_and_commit(&desk);
    watch_a_plot_grow(&desk);
    from_red_to_green(&desk);

    // Nothing was left running and the window is still there.
    for (key, name) in [("ctrl+1", "Home"), ("ctrl+4", "Board"), ("ctrl+5", "Runs")] {
        desk.page(key, name);
    }
    assert!(desk.window.as_mut().unwrap().try_wait().unwrap().is_none(), "the window is open");
}

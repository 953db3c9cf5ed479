//! Kernels: cells against jupyter_client and nbclient, what a cell prints in great amounts, and starting and stopping.
//!
//!     cargo bench --bench kernel                    # cells, prints, flood and 20 cycles
//!     cargo bench --bench kernel -- cycles 1000     # one of them
//!
//! ANDON_BENCH_PYTHON names a Python with ipykernel, and with nbclient for the comparison.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark ends at the first surprise")]
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use andon::{
    base::{job::JobCtx, time::SystemClock},
    engine::kernel::{ExecEvent, ExecOptions, InterruptMode, Kept, KernelSpec, Kernels, News, Origin, Session, Sink},
    model::output::Collector,
};

const CELLS: usize = 200;

fn python() -> PathBuf {
    let named = ["ANDON_BENCH_PYTHON", "ANDON_TEST_PYTHON"].iter().find_map(std::env::var_os);
    named.map(PathBuf::from).unwrap_or_else(|| panic!("ANDON_BENCH_PYTHON must name a Python with ipykernel"))
}

fn spec() -> KernelSpec {
    let path = python().to_string_lossy().into_owned();
    KernelSpec {
        id: path.clone(),
        name: "python3".into(),
        display_name: "Python".into(),
        language: "python".into(),
        argv: [path.as_str(), "-m", "ipykernel_launcher", "-f", "{connection_file}"].map(str::to_owned).into(),
        env: BTreeMap::new(),
        interrupt: InterruptMode::Signal,
        origin: Origin::User,
        version: None,
        python: Some(python()),
        resource_dir: None,
        remote: None,
    }
}

/// A line of `/proc/PID/status` in MB.
fn memory(pid: u32, key: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(key)).unwrap_or("0");
    line.split_whitespace().find_map(|w| w.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

struct Desk {
    dir: tempfile::TempDir,
    kernels: Kernels,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kernels = Kernels::new(&dir.path().join("cache"), Arc::new(SystemClock));
        kernels.outlive(env!("CARGO_BIN_EXE_andon").into());
        Self { dir, kernels }
    }
    fn start(&self, kept: bool) -> Session {
        let root = self.dir.path();
        let session = if kept {
            let at = Kept { root: root.to_path_buf(), notebook: "n.ipynb".into() };
            let news = News { notify: Box::new(|_| {}), adopt: Box::new(|_, _| None) };
            self.kernels.start_kept(&at, &spec(), root, news).unwrap()
        } else {
            self.kernels.start(&spec(), root, |_| {}).unwrap()
        };
        session.wait_ready(&JobCtx::detached()).unwrap();
        session
    }
    fn owner(&self) -> u32 {
        let status = andon::engine::kernel::ask_status(Some(self.dir.path())).unwrap();
        status[0]["pid"].as_u64().unwrap() as u32
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = andon::engine::kernel::ask_stop(Some(self.dir.path()));
    }
}

fn run(session: &Session, code: &str, sink: Sink) {
    let outcome = session.run(code, ExecOptions::default(), &JobCtx::detached(), sink).unwrap();
    assert!(outcome.is_ok(), "{outcome:?}");
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

/// 200 trivial cells with start and stop, and the time of one cell.
fn trivial(kept: bool) -> (Duration, Duration) {
    let desk = Desk::new();
    if kept {
        // The owner is there before the second notebook of a workspace is opened; its start is measured apart.
        desk.start(true).shutdown();
    }
    let begin = Instant::now();
    let session = desk.start(kept);
    let mut each = Vec::new();
    for n in 0..CELLS {
        let at = Instant::now();
        run(&session, &format!("a = {n}"), Arc::new(|_| {}));
        each.push(at.elapsed());
    }
    session.shutdown();
    (begin.elapsed(), median(each))
}

const NBCLIENT: &str = r#"
import statistics, time, nbformat
from nbclient import NotebookClient
from jupyter_client.manager import start_new_kernel
cells = [nbformat.v4.new_code_cell(f"a = {n}") for n in range(200)]
nb = nbformat.v4.new_notebook(cells=cells)
at = time.perf_counter()
NotebookClient(nb, kernel_name="python3").execute()
whole = time.perf_counter() - at
manager, client = start_new_kernel()
each = []
for n in range(200):
    at = time.perf_counter()
    client.execute_interactive(f"a = {n}", silent=False)
    each.append(time.perf_counter() - at)
client.stop_channels()
manager.shutdown_kernel(now=True)
print(whole, statistics.median(each))
"#;

fn nbclient() -> Option<(f64, f64)> {
    let output = Command::new(python()).args(["-c", NBCLIENT]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

fn cells() {
    println!("{CELLS} trivial cells with start and stop, and the median of one cell; three rounds in turn");
    for _ in 0..3 {
        let say = |who: &str, (whole, one): (f64, f64)| {
            println!("  {who:<28} {whole:6.2} s   {:6.2} ms a cell", one * 1000.0);
        };
        let seconds = |(whole, one): (Duration, Duration)| (whole.as_secs_f64(), one.as_secs_f64());
        match nbclient() {
            Some(figures) => say("nbclient, jupyter_client", figures),
            None => println!("  nbclient is not in this Python"),
        }
        say("andon run's driver", seconds(trivial(false)));
        say("the window's, through owner", seconds(trivial(true)));
    }
    let desk = Desk::new();
    let at = Instant::now();
    let session = desk.start(true);
    run(&session, "1", Arc::new(|_| {}));
    println!("  cold start of owner and kernel to the first executed cell: {:.2} s", at.elapsed().as_secs_f64());
}

/// Runs a cell through the owner and shows it as the window does; bytes that came and text as it is stored.
fn printed(desk: &Desk, code: &str) -> (u64, u64, f64) {
    let session = desk.start(true);
    let shown = Arc::new(Mutex::new((Collector::new(), 0u64, 0u64)));
    let sink: Sink = {
        let shown = shown.clone();
        Arc::new(move |event| {
            let mut shown = shown.lock().unwrap();
            if let ExecEvent::Stream { text, .. } = &event {
                shown.1 += text.len() as u64;
                shown.2 += 1;
            }
            shown.0.apply(&event);
        })
    };
    let before = memory(std::process::id(), "VmRSS:");
    let at = Instant::now();
    run(&session, code, sink);
    let seconds = at.elapsed().as_secs_f64();
    let own = Arc::new(Mutex::new(String::new()));
    let text = own.clone();
    let sink: Sink = Arc::new(move |event| {
        if let ExecEvent::Stream { text: piece, .. } = event {
            text.lock().unwrap().push_str(&piece);
        }
    });
    run(&session, "print(round(took, 2))", sink);
    let owner = desk.owner();
    println!("  {seconds:.2} s in the window, {} s in the kernel's own code", own.lock().unwrap().trim());
    println!(
        "  window: {before:.0} MB before, {:.0} MB after, {:.0} MB at most; owner: {:.0} MB now, {:.0} MB at most",
        memory(std::process::id(), "VmRSS:"),
        memory(std::process::id(), "VmHWM:"),
        memory(owner, "VmRSS:"),
        memory(owner, "VmHWM:"),
    );
    session.shutdown();
    let shown = shown.lock().unwrap();
    (shown.1, shown.2, seconds)
}

fn prints() {
    let desk = Desk::new();
    println!("100 MB printed by one cell, in lines of 100 bytes");
    let code = "import time\nbegin = time.perf_counter()\nline = 'x' * 99\nfor n in range(1_000_000):\n    print(line)\n\
                took = time.perf_counter() - begin";
    let (bytes, events, _) = printed(&desk, code);
    println!("  {bytes} of 100000000 bytes in {events} pieces");
    assert_eq!(bytes, 100_000_000, "something was lost");
}

fn flood() {
    let desk = Desk::new();
    println!("20,000 flushed prints");
    let code = "import time\nbegin = time.perf_counter()\nfor n in range(20_000):\n    print(n, flush=True)\n\
                took = time.perf_counter() - begin";
    let (bytes, events, seconds) = printed(&desk, code);
    println!("  {bytes} of 108890 bytes in {events} pieces, {:.0} messages/s", 20_000.0 / seconds);
    assert_eq!(bytes, 108_890, "something was lost");
}

fn cycles(count: usize) {
    println!("{count} kernels started, given a cell, stopped; five at a time");
    let desk = Desk::new();
    let begin = Instant::now();
    let stops: Mutex<Vec<Duration>> = Mutex::default();
    let left: Mutex<Vec<i32>> = Mutex::default();
    std::thread::scope(|scope| {
        for lane in 0..5 {
            let (desk, stops, left) = (&desk, &stops, &left);
            let work = move || {
                for _ in (lane..count).step_by(5) {
                    let session = desk.start(false);
                    run(&session, "1", Arc::new(|_| {}));
                    let pid = session.pid().unwrap();
                    let at = Instant::now();
                    session.shutdown();
                    stops.lock().unwrap().push(at.elapsed());
                    if Path::new(&format!("/proc/{pid}")).exists() {
                        left.lock().unwrap().push(pid);
                    }
                }
            };
            std::thread::Builder::new().spawn_scoped(scope, work).unwrap();
        }
    });
    let stops = stops.into_inner().unwrap();
    let longest = stops.iter().max().copied().unwrap_or_default();
    println!("  {:.0} s; a stop took {:.2?}, {longest:.2?} at most", begin.elapsed().as_secs_f64(), median(stops));
    let left = left.into_inner().unwrap();
    assert!(left.is_empty(), "processes that are left: {left:?}");
    assert!(longest < Duration::from_secs(4), "a stop took {longest:?}");
    println!("  no process is left");
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    match words.first().map(String::as_str) {
        Some("cells") => cells(),
        Some("prints") => prints(),
        Some("flood") => flood(),
        Some("cycles") => cycles(words.get(1).and_then(|n| n.parse().ok()).unwrap_or(1000)),
        _ => {
            cells();
            prints();
            flood();
            cycles(20);
        }
    }
}

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
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use andon::{
    base::{job::JobCtx, time::SystemClock},
    engine::kernel::{
        ExecEvent, ExecOptions, InterruptMode, Kept, KernelSpec, Kernels, Label, News, Origin, Past, Session, Sink,
        Spool,
    },
    model::{
        notebook::{CellKind, Notebook},
        output::{Collector, made_ready},
    },
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

/// Has the kernel write down how long it was at work on each request: everything else is the way there and back.
const WATCH: &str = "import time as _time
_kernel, _took = get_ipython().kernel, []
_inner = _kernel.shell_handlers['execute_request']
async def _timed(stream, ident, parent):
    begin = _time.perf_counter()
    try:
        return await _inner(stream, ident, parent)
    finally:
        _took.append(_time.perf_counter() - begin)
_kernel.shell_handlers['execute_request'] = _timed";

/// Milliseconds all threads of a process have computed.
fn computed(pid: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let spent = |task: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<f64>().ok()
    };
    tasks.filter_map(spent).sum::<f64>() / 1e6
}

/// What a cell costs beyond the kernel's own work on it: our part, two sockets, and the kernel's reading and signing; and
/// milliseconds this process and the owner compute for it.
fn overhead(kept: bool) -> (Duration, Duration, f64, f64) {
    let desk = Desk::new();
    let session = desk.start(kept);
    run(&session, WATCH, Arc::new(|_| {}));
    let owner = if kept { desk.owner() } else { 0 };
    let before = (computed(std::process::id()), computed(owner));
    let mut whole = Vec::new();
    for n in 0..CELLS {
        let at = Instant::now();
        run(&session, &format!("a = {n}"), Arc::new(|_| {}));
        whole.push(at.elapsed());
    }
    let cpu = |now: f64, before: f64| (now - before) / CELLS as f64;
    let (window, owner) = (cpu(computed(std::process::id()), before.0), cpu(computed(owner), before.1));
    let text = Arc::new(Mutex::new(String::new()));
    let own = text.clone();
    let sink: Sink = Arc::new(move |event| {
        if let ExecEvent::Stream { text: piece, .. } = event {
            own.lock().unwrap().push_str(&piece);
        }
    });
    run(&session, "print(' '.join(map(repr, _took)))", sink);
    session.shutdown();
    let took: Vec<f64> = text.lock().unwrap().split_whitespace().map(|n| n.parse().unwrap()).collect();
    // The first is the cell that began to watch, or it is missing where it was not seen.
    let took = &took[took.len() - CELLS..];
    let rest = whole.iter().zip(took).map(|(whole, own)| whole.saturating_sub(Duration::from_secs_f64(*own))).collect();
    (median(took.iter().map(|t| Duration::from_secs_f64(*t)).collect()), median(rest), window, owner)
}

fn overheads() {
    for (who, kept) in [("andon run's driver", false), ("the window's, through owner", true)].repeat(2) {
        let (kernel, rest, window, owner) = overhead(kept);
        let ms = |d: Duration| d.as_secs_f64() * 1000.0;
        println!("  {who:<28} {:.2} ms in the kernel's handler, {:.2} ms all else, a cell", ms(kernel), ms(rest));
        println!("  {:<28} {window:.2} ms of CPU in this process, {owner:.2} in the owner, a cell", "");
    }
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
    overheads();
    let desk = Desk::new();
    let at = Instant::now();
    let session = desk.start(true);
    run(&session, "1", Arc::new(|_| {}));
    println!("  cold start of owner and kernel to the first executed cell: {:.2} s", at.elapsed().as_secs_f64());
}

/// What a window has of a cell: what it shows, the file with all of it, and how often something came.
#[derive(Default)]
struct Shown {
    live: Collector,
    file: Option<PathBuf>,
    short: String,
    pieces: u64,
}

/// How long the next window waits until all that is not in the file yet has been told to it; bytes of text it got.
fn reopened(desk: &Desk) -> (Duration, u64) {
    let kernels = Kernels::new(&desk.dir.path().join("cache"), Arc::new(SystemClock));
    kernels.outlive(env!("CARGO_BIN_EXE_andon").into());
    let bytes = Arc::new(AtomicU64::new(0));
    let (done, ended) = crossbeam_channel::bounded(64);
    let news = |_: bool| {
        let (bytes, done) = (bytes.clone(), done.clone());
        let adopt = move |_: &Past, _: bool| {
            let (bytes, done) = (bytes.clone(), done.clone());
            let sink: Sink = Arc::new(move |event| match event {
                ExecEvent::Stream { text, .. } => drop(bytes.fetch_add(text.len() as u64, Ordering::SeqCst)),
                ExecEvent::Done { .. } => drop(done.send(())),
                _ => {}
            });
            Some(sink)
        };
        News { notify: Box::new(|_| {}), adopt: Box::new(adopt) }
    };
    let at = Instant::now();
    let kept = Kept { root: desk.dir.path().to_path_buf(), notebook: "n.ipynb".into() };
    let found = kernels.reattach(&kept, &news).unwrap();
    assert_eq!(found.len(), 1);
    ended.recv_timeout(Duration::from_mins(1)).unwrap();
    (at.elapsed(), bytes.load(Ordering::SeqCst))
}

/// Runs a cell through the owner, shows it as the window does and puts it into a notebook. Gives all text that came.
fn printed(desk: &Desk, code: &str) -> (Vec<u8>, u64, f64) {
    let session = desk.start(true);
    let shown = Arc::new(Mutex::new(Shown::default()));
    let sink: Sink = {
        let (shown, root) = (shown.clone(), desk.dir.path().to_path_buf());
        let spool = Spool::new(&root, "n.ipynb");
        Arc::new(move |event| {
            let mut shown = shown.lock().unwrap();
            if let ExecEvent::Stream { text, .. } = &event {
                shown.pieces += 1;
                if let Some(kept) = spool.take(text) {
                    let file = kept.unwrap();
                    shown.file = Some(root.join(&file));
                    shown.live.keep_in(file);
                    shown.short = String::new();
                } else if shown.file.is_none() {
                    shown.short.push_str(text);
                }
            }
            shown.live.take(made_ready(event));
        })
    };
    let mut book = Notebook::new_empty();
    let key = book.insert(0, CellKind::Code, code).unwrap();
    // The most from here on.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = memory(std::process::id(), "VmRSS:");
    let at = Instant::now();
    let (done, ended) = crossbeam_channel::bounded(1);
    let told: Sink = Arc::new(move |event| {
        let over = matches!(event, ExecEvent::Done { .. });
        sink(event);
        if over {
            let _ = done.try_send(());
        }
    });
    // As a cell of the notebook, so that it is kept for the next window.
    session.submit(code, ExecOptions::default(), Some(Label::default()), told).unwrap();
    ended.recv_timeout(Duration::from_mins(5)).unwrap();
    let seconds = at.elapsed().as_secs_f64();
    let while_running = memory(std::process::id(), "VmHWM:");
    let as_it_ended = memory(std::process::id(), "VmRSS:");
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    {
        let mut shown = shown.lock().unwrap();
        let outputs = shown.live.fresh();
        let made = book.receiver(key).unwrap().take(&outputs, Some(1)).unwrap();
        drop(outputs);
        assert!(book.receive(made).unwrap());
        let stored: Vec<_> = book.cell(key).unwrap().outputs().collect();
        shown.live.stored(stored.into_iter());
    }
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
    let (now, most) = (memory(std::process::id(), "VmRSS:"), memory(std::process::id(), "VmHWM:"));
    println!(
        "  window: {before:.0} MB before, at most {while_running:.0} MB while it ran, {as_it_ended:.0} MB at its end, {most:.0} MB \
         at most while it was stored, {now:.0} MB after; owner: {:.0} MB now, {:.0} MB at most",
        memory(owner, "VmRSS:"),
        memory(owner, "VmHWM:"),
    );
    println!("  the notebook has {:.1} MB of it", book.to_bytes().len() as f64 / 1e6);
    let (took, bytes) = reopened(desk);
    println!("  the next window is told {:.1} MB again in {:.2} s", bytes as f64 / 1e6, took.as_secs_f64());
    let growth = while_running.max(most) - before;
    println!(
        "  the window grew by {growth:.0} MB at most; 64 MB are asked: {}",
        if growth < 64.0 { "kept" } else { "NOT KEPT" }
    );
    session.shutdown();
    let mut shown = shown.lock().unwrap();
    let short = std::mem::take(&mut shown.short).into_bytes();
    let all = shown.file.as_ref().map_or(short, |file| std::fs::read(file).unwrap());
    (all, shown.pieces, seconds)
}

fn prints() {
    let desk = Desk::new();
    println!("100 MB printed by one cell, in lines of 100 bytes");
    let code = "import time\nbegin = time.perf_counter()\nline = 'x' * 92\nfor n in range(1_000_000):\n    \
                print(f'{n:06} {line}')\ntook = time.perf_counter() - begin";
    let (text, events, _) = printed(&desk, code);
    println!("  {} of 100000000 bytes in {events} pieces", text.len());
    let line = "x".repeat(92);
    let mut right = 0;
    for (n, found) in text.split_inclusive(|b| *b == b'\n').enumerate() {
        assert!(found == format!("{n:06} {line}\n").as_bytes(), "line {n} is not what was printed");
        right += 1;
    }
    assert_eq!((right, text.len()), (1_000_000, 100_000_000), "something was lost");
    println!("  every line is what was printed, in its place");
}

fn flood() {
    let desk = Desk::new();
    println!("20,000 flushed prints");
    let code = "import time\nbegin = time.perf_counter()\nfor n in range(20_000):\n    print(n, flush=True)\n\
                took = time.perf_counter() - begin";
    let (text, events, seconds) = printed(&desk, code);
    println!("  {} of 108890 bytes in {events} pieces, {:.0} messages/s", text.len(), 20_000.0 / seconds);
    let wanted: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    assert!(text == wanted.as_bytes(), "something was lost");
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
    println!(
        "  no process is left; 4 s for a stop are asked: {}",
        if longest.as_secs() < 4 { "kept" } else { "NOT KEPT" }
    );
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    match words.first().map(String::as_str) {
        Some("cells") => cells(),
        Some("overhead") => overheads(),
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

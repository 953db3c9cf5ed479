//! Kernels that outlive their window: real windows without pixels, in processes of their own that can be killed.
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use andon::{
    app::{
        env::NoWaker,
        host::Host,
        notebook::{self, After, CellState, Scope},
        workspace,
    },
    base::{job::JobCtx, time::SystemClock},
    engine::{
        dirs::Dirs,
        kernel::{ExecOptions, Kept, Kernels, News, Outcome, Past, Session, SessionState},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kernel::{Log, alive, run, spec, test_python, until};

const ANDON: &str = env!("CARGO_BIN_EXE_andon");
const LONG: Duration = Duration::from_secs(30);

/// A workspace whose owner ends with the test.
pub struct Desk {
    dir: TempDir,
}

impl Desk {
    /// With a notebook of these cells and an environment of its own.
    pub fn new(cells: &[&str]) -> Self {
        let desk = Self { dir: tempfile::Builder::new().prefix("kept").tempdir().unwrap() };
        let cell = |(n, source): (usize, &&str)| {
            json!({ "cell_type": "code", "id": format!("cell-{n}"), "metadata": {}, "source": source, "outputs": [],
                    "execution_count": null })
        };
        let cells: Vec<Value> = cells.iter().enumerate().map(cell).collect();
        let metadata = json!({ "kernelspec": { "name": "python3", "display_name": "Python", "language": "python" } });
        let notebook = json!({ "cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5 });
        fs::create_dir(desk.root()).unwrap();
        fs::write(desk.root().join("n.ipynb"), notebook.to_string()).unwrap();
        let python = test_python();
        let prefix = python.parent().unwrap().parent().unwrap();
        std::os::unix::fs::symlink(prefix, desk.root().join(".venv")).unwrap();
        desk
    }
    fn root(&self) -> PathBuf {
        self.dir.path().join("work")
    }
    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }
    fn andon(&self, args: &[&str]) -> (i32, Value) {
        let mut command = Command::new(ANDON);
        command.args(args).args(["--json", "--workspace"]).arg(self.root()).env("ANDON_HOME", self.home());
        let output = command.output().unwrap();
        (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }
    /// What the owner says of itself; null when there is none.
    fn owner(&self) -> Value {
        let (code, status) = self.andon(&["kerneld", "--status"]);
        assert_eq!(status["schema"], "andon.kerneld/1");
        assert_eq!(code, i32::from(status["owners"].as_array().unwrap().is_empty()));
        status["owners"][0].clone()
    }
    pub fn kernels(&self) -> Kernels {
        let kernels = Kernels::new(&self.home().join("cache"), Arc::new(SystemClock));
        kernels.outlive(ANDON.into());
        kernels
    }
    fn kept(&self, notebook: &str) -> Kept {
        Kept { root: self.root(), notebook: notebook.to_owned() }
    }
    pub fn start(&self, kernels: &Kernels, notebook: &str, seen: &Seen) -> Session {
        let session = kernels.start_kept(&self.kept(notebook), &spec(), &self.root(), seen.news()).unwrap();
        session.wait_ready(&JobCtx::detached()).unwrap();
        session
    }
    /// A window in this process.
    fn window(&self) -> Host {
        let mut host = Host::new(Dirs::below(&self.home()), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
        host.env.kernels.outlive(ANDON.into());
        host.send(workspace::Command::Open(self.root()));
        assert!(host.settle(LONG));
        host.send(workspace::Command::Trust { then: None });
        assert!(host.settle(LONG));
        host.send(notebook::Command::Open("n.ipynb".into()));
        assert!(host.settle(LONG));
        assert!(host.state.notebook.doc().unwrap().notebook().is_some());
        host
    }
    /// A window in a process of its own, which runs all cells; back when the first has printed.
    fn window_process(&self) -> Child {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["kerneld::a_window_of_its_own", "--exact", "--ignored", "--nocapture"])
            .env("ANDON_TEST_DESK", self.dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let printing = lines.by_ref().any(|l| l.unwrap().contains("PRINTING"));
        assert!(printing, "the window ended before the cell printed");
        child
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.andon(&["kerneld", "--stop"]);
    }
}

/// Runs that were found.
#[derive(Clone, Default)]
pub struct Seen(Arc<std::sync::Mutex<Vec<(Past, bool, Log)>>>);

impl Seen {
    fn news(&self) -> News {
        let seen = self.0.clone();
        let adopt = move |past: &Past, present: bool| {
            let log = Log::default();
            let sink = log.sink();
            seen.lock().unwrap().push((past.clone(), present, log));
            Some(sink)
        };
        News { notify: Box::new(|_| {}), adopt: Box::new(adopt) }
    }
    fn log(&self, n: usize) -> Log {
        self.0.lock().unwrap()[n].2.clone()
    }
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn drain(host: &mut Host, what: &str, mut ok: impl FnMut(&Host) -> bool) {
    let start = Instant::now();
    loop {
        host.drain(Duration::from_millis(20));
        if ok(host) {
            return;
        }
        assert!(start.elapsed() < LONG, "waited in vain for {what}: {:?}", host.state.notebook.doc());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn text_of(host: &Host, cell: usize) -> String {
    let doc = host.state.notebook.doc().unwrap();
    let cell = &doc.cells()[cell];
    if let Some(run) = doc.runs.get(&cell.key).filter(|r| r.ms.is_none()) {
        return run.live.views().iter().map(andon::model::output::Output::to_text).collect();
    }
    let outputs: Vec<Value> = cell.outputs().map(|o| serde_json::from_slice(&o).unwrap()).collect();
    let text = |o: &Value| match &o["text"] {
        Value::Array(lines) => lines.iter().map(|l| l.as_str().unwrap()).collect::<String>(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    outputs.iter().map(text).collect()
}

fn lines(from: usize, to: usize) -> String {
    (from..to).map(|n| format!("line {n}\n")).collect()
}

/// Not a test: the window that [`Desk::window_process`] starts and kills.
#[test]
#[ignore = "started by other tests"]
fn a_window_of_its_own() {
    let Some(dir) = std::env::var_os("ANDON_TEST_DESK").map(PathBuf::from) else { return };
    let mut host = Host::new(Dirs::below(&dir.join("home")), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    host.env.kernels.outlive(ANDON.into());
    host.send(workspace::Command::Open(dir.join("work")));
    assert!(host.settle(LONG));
    host.send(workspace::Command::Trust { then: None });
    assert!(host.settle(LONG));
    host.send(notebook::Command::Open("n.ipynb".into()));
    assert!(host.settle(LONG));
    host.send(notebook::Command::Run(Scope::All));
    drain(&mut host, "the first lines", |h| text_of(h, 0).contains("line 3"));
    println!("PRINTING");
    loop {
        host.drain(Duration::from_millis(20));
        std::thread::sleep(Duration::from_millis(5));
    }
}

const PRINTS: &str =
    "import time\nfor n in range(60):\n    print('line', n, flush=True)\n    time.sleep(0.05)\nkept = 42";

#[test]
fn a_window_killed_while_a_cell_prints_loses_nothing() {
    let desk = Desk::new(&[PRINTS, "print('second', kept)", "%%sql\nSELECT 1 AS a", "print('fourth')"]);
    let mut first = desk.window_process();
    first.kill().unwrap();
    first.wait().unwrap();
    let owner = desk.owner();
    assert_eq!((owner["windows"].as_u64(), &owner["kernels"][0]["running"]["cell"]["id"]), (Some(0), &json!("cell-0")));
    // The second window comes while the first cell still prints.
    let mut host = desk.window();
    drain(&mut host, "what it printed", |h| text_of(h, 0).starts_with(&lines(0, 3)));
    assert!(host.state.notebook.doc().unwrap().running.is_some(), "it still prints");
    drain(&mut host, "the notice", |h| !h.state.notices.shown.is_empty());
    let told: Vec<String> = host.state.notices.shown.iter().map(|n| n.title.clone()).collect();
    assert!(told.iter().any(|t| t.contains("Cell 1 of n.ipynb still runs, since")), "{told:?}");
    drain(&mut host, "everything", |h| {
        let doc = h.state.notebook.doc().unwrap();
        doc.running.is_none() && doc.queue.is_empty() && text_of(h, 3) == "fourth\n"
    });
    assert_eq!(text_of(&host, 0), lines(0, 60), "every line, in order, once");
    assert_eq!(text_of(&host, 1), "second 42\n");
    let doc = host.state.notebook.doc().unwrap();
    assert!(doc.cells()[2].has_outputs(), "the query that waited ran in this window");
    for cell in [0, 1, 3] {
        assert_eq!(doc.state_of(doc.cells()[cell].key), CellState::Fresh, "cell {cell}");
    }
    // It goes on with the same kernel, and saving lets go of what was kept.
    host.send(notebook::Command::Save);
    assert!(host.settle(LONG));
    let saved = fs::read_to_string(desk.root().join("n.ipynb")).unwrap();
    assert!(saved.contains("line 59") && saved.contains("second 42"));
    assert!(host.wind_up(LONG));
    host.ending().finish();
    drop(host);
    let mut again = desk.window();
    drain(&mut again, "the kernel", |h| h.state.notebook.doc().unwrap().kernel.state == Some(SessionState::Idle));
    let doc = again.state.notebook.doc().unwrap();
    assert_eq!(doc.state_of(doc.cells()[1].key), CellState::Fresh, "it ran in the kernel that is still there");
    assert!(!doc.is_dirty(), "nothing comes twice");
    let key = doc.cells()[1].key;
    again.send(notebook::Command::Run(Scope::One(key)));
    drain(&mut again, "the rerun", |h| h.state.notebook.doc().unwrap().running.is_none());
    assert_eq!(text_of(&again, 1), "second 42\n", "its variables are there");
}

#[test]
fn what_waits_goes_on_without_a_window_up_to_what_needs_one() {
    let desk = Desk::new(&[PRINTS, "print('second', kept)", "%%sql\nSELECT 1 AS a", "print('fourth')"]);
    let mut first = desk.window_process();
    first.kill().unwrap();
    first.wait().unwrap();
    until(LONG, "both cells to be done", || {
        let kernel = &desk.owner()["kernels"][0];
        kernel["running"].is_null() && kernel["waiting"] == 2
    });
    let mut host = desk.window();
    drain(&mut host, "the outputs", |h| text_of(h, 3) == "fourth\n");
    assert_eq!(text_of(&host, 0), lines(0, 60));
    assert_eq!(text_of(&host, 1), "second 42\n");
}

#[test]
fn a_closed_window_leaves_the_running_cell_and_a_person_can_interrupt_it_later() {
    let desk =
        Desk::new(&["import time\nfor n in range(10_000):\n    print('line', n, flush=True)\n    time.sleep(0.05)"]);
    let mut host = desk.window();
    host.send(notebook::Command::Run(Scope::Selected(After::Stay)));
    drain(&mut host, "the first lines", |h| text_of(h, 0).contains("line 3"));
    assert!(host.wind_up(LONG));
    let ending = host.ending();
    drop(host);
    ending.finish();
    drop(ending);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(desk.owner()["kernels"][0]["state"], "busy", "closing the window interrupts nothing");
    let mut again = desk.window();
    drain(&mut again, "later lines", |h| text_of(h, 0).contains("line 15"));
    again.send(notebook::Command::Interrupt);
    drain(&mut again, "the end", |h| h.state.notebook.doc().unwrap().running.is_none());
    let doc = again.state.notebook.doc().unwrap();
    assert!(doc.cells()[0].outputs().any(|o| String::from_utf8_lossy(&o).contains("KeyboardInterrupt")));
    let shown = text_of(&again, 0);
    assert_eq!(shown, lines(0, shown.lines().count()), "in order and whole");
    // A tab that is closed while nothing runs leaves the kernel for a while; an order ends it.
    let (id, pid) = (doc.id, desk.owner()["kernels"][0]["pid"].as_i64().unwrap() as i32);
    again.send(notebook::Command::ShutdownKernel);
    assert!(again.settle(LONG), "{id}");
    until(LONG, "the kernel to end", || !alive(pid));
}

#[test]
fn a_killed_owner_takes_its_kernels_along_and_the_window_says_so() {
    let desk = Desk::new(&["1"]);
    let (kernels, seen) = (desk.kernels(), Seen::default());
    let session = desk.start(&kernels, "n.ipynb", &seen);
    let owner = desk.owner();
    let (owner_pid, pid) = (owner["pid"].as_i64().unwrap() as i32, session.pid().unwrap());
    let parent = run(&session, "import os; print(os.environ['JPY_PARENT_PID'])").1.text(false);
    assert_eq!(parent.trim(), owner_pid.to_string(), "its parent is the owner");
    let log = Log::default();
    let code = "print('before', flush=True)\nimport time\ntime.sleep(60)";
    let label = Some(andon::engine::kernel::Label::default());
    session.submit(code, ExecOptions::default(), label, log.sink()).unwrap();
    until(LONG, "the cell to run", || log.text(false) == "before\n");
    assert!(Command::new("kill").args(["-9", &owner_pid.to_string()]).status().unwrap().success());
    until(Duration::from_secs(2), "the news", || log.outcome().is_some());
    assert!(matches!(log.outcome(), Some(Outcome::Died { stderr, .. }) if stderr.contains("andon kerneld")));
    until(Duration::from_secs(1), "the state", || matches!(session.state(), SessionState::Dead { .. }));
    assert!(session.restart().is_err() || !session.state().is_alive(), "nothing hangs");
    until(Duration::from_secs(10), "the kernel to end by itself", || !alive(pid));
    assert_eq!(desk.owner(), Value::Null);
    // The next owner tells the next window what was printed before, and a new kernel starts.
    kernels.shutdown_all();
    let (kernels, seen) = (desk.kernels(), Seen::default());
    let found = kernels.reattach(&desk.kept("n.ipynb"), &|_| seen.news()).unwrap();
    assert_eq!(found.len(), 1);
    until(LONG, "the old output", || seen.log(0).outcome().is_some());
    assert_eq!(seen.log(0).text(false), "before\n");
    found[0].session.settled(vec![seen.0.lock().unwrap()[0].0.id]);
    found[0].session.leave();
    let session = desk.start(&kernels, "n.ipynb", &Seen::default());
    assert_eq!(run(&session, "print('again')").1.text(false), "again\n");
    until(LONG, "the old log to be removed", || fs::read_dir(desk.root().join(".andon/kernels")).unwrap().count() == 1);
}

#[test]
fn two_windows_on_one_kernel_both_see_and_one_drives() {
    let desk = Desk::new(&["1"]);
    let (a, b) = (desk.kernels(), desk.kernels());
    let (seen_a, seen_b) = (Seen::default(), Seen::default());
    let first = desk.start(&a, "n.ipynb", &seen_a);
    let second = desk.start(&b, "n.ipynb", &seen_b);
    assert_eq!(first.pid(), second.pid());
    let log = Log::default();
    let label = Some(andon::engine::kernel::Label::default());
    first.submit("print('seen by both')", ExecOptions::default(), label.clone(), log.sink()).unwrap();
    until(LONG, "both", || log.outcome().is_some() && seen_b.len() == 1 && seen_b.log(0).outcome().is_some());
    assert_eq!(seen_b.log(0).text(false), "seen by both\n");
    assert_eq!(seen_a.len(), 0, "its own runs are no news to it");
    let (outcome, _) = run(&second, "1");
    assert!(matches!(&outcome, Outcome::Aborted { why } if why.contains("Another window")), "{outcome:?}");
    first.leave();
    until(LONG, "the second to drive", || desk.owner()["windows"] == 1);
    assert!(run(&second, "1").0.is_ok());
}

#[test]
fn windows_that_start_at_once_get_one_owner_and_it_ends_when_nobody_needs_it() {
    let desk = Desk::new(&["1"]);
    let all: Vec<Kernels> = (0..4).map(|_| desk.kernels()).collect();
    let pids: Vec<i32> = std::thread::scope(|scope| {
        let start = |(n, kernels)| {
            let desk = &desk;
            let start = move || desk.start(kernels, &format!("{}.ipynb", n % 2), &Seen::default()).pid().unwrap();
            std::thread::Builder::new().spawn_scoped(scope, start).unwrap()
        };
        let threads: Vec<_> = all.iter().enumerate().map(start).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!((pids[0], pids[1]), (pids[2], pids[3]), "one kernel for a notebook");
    let owner = desk.owner();
    assert_eq!(owner["kernels"].as_array().unwrap().len(), 2);
    let owner_pid = owner["pid"].as_i64().unwrap() as i32;
    for kernels in &all {
        kernels.keep_for(Duration::from_secs(1));
        kernels.shutdown_all();
    }
    // The time is what the last window that came said.
    let last = desk.kernels();
    last.keep_for(Duration::from_secs(1));
    let session = desk.start(&last, "0.ipynb", &Seen::default());
    let log = Log::default();
    session.execute("import time; time.sleep(4)", ExecOptions::default(), log.sink()).unwrap();
    until(LONG, "the cell to run", || session.state() == SessionState::Busy);
    last.shutdown_all();
    std::thread::sleep(Duration::from_millis(2500));
    assert!(alive(pids[0]), "a kernel that runs a cell is not ended");
    assert!(!alive(pids[1]), "one that does nothing is");
    until(LONG, "the other kernel to end", || !alive(pids[0]));
    // Reaped by the process that started it, which may be this one.
    until(LONG, "the owner to end", || desk.owner() == Value::Null);
    until(LONG, "its process to end", || {
        let stat = fs::read_to_string(format!("/proc/{owner_pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
    assert_eq!(fs::read_dir(desk.root().join(".andon/kernels")).unwrap().count(), 0, "nothing is left to tell");
    let folder = PathBuf::from(owner["socket"].as_str().unwrap());
    until(LONG, "its folder to go", || !folder.parent().unwrap().exists());
}

fn frame(message: &Value) -> Vec<u8> {
    let mut body = b"m".to_vec();
    body.extend(message.to_string().into_bytes());
    let sum = xxhash_rust::xxh3::xxh3_64(&body) as u32;
    [&(body.len() as u32).to_le_bytes()[..], &sum.to_le_bytes(), &body].concat()
}

fn ask(socket: &Path, message: &[u8]) -> Value {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(message).unwrap();
    let mut head = [0; 8];
    if stream.read_exact(&mut head).is_err() {
        return Value::Null;
    }
    let mut body = vec![0; u32::from_le_bytes(head[..4].try_into().unwrap()) as usize];
    stream.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body[1..]).unwrap()
}

#[test]
fn a_window_of_another_version_gets_a_clear_sentence_and_can_stop_the_owner() {
    let desk = Desk::new(&["1"]);
    let kernels = desk.kernels();
    let session = desk.start(&kernels, "n.ipynb", &Seen::default());
    let owner = desk.owner();
    let socket = PathBuf::from(owner["socket"].as_str().unwrap());
    let mode = |p: &Path| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(p).unwrap().permissions()) & 0o777;
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    let hello =
        |op: &str| frame(&json!({ "protocol": 99, "version": "9.9.9", "op": op, "attach": { "new": "fields" } }));
    let refused = ask(&socket, &hello("attach"));
    assert!(refused["error"]["what"].as_str().unwrap().contains("This window is Andon 9.9.9"), "{refused}");
    assert!(refused["error"]["hint"].as_str().unwrap().contains("andon kerneld --stop"));
    assert_eq!(ask(&socket, &hello("status"))["status"]["kernels"][0]["notebook"], "n.ipynb");
    // Nonsense ends its own connection only.
    assert_eq!(ask(&socket, b"GET / HTTP/1.1\r\n\r\n"), Value::Null);
    let mut torn = hello("attach");
    torn[20] ^= 1;
    assert_eq!(ask(&socket, &torn), Value::Null);
    assert!(run(&session, "1").0.is_ok());
    let pid = session.pid().unwrap();
    assert!(ask(&socket, &hello("stop"))["error"].is_null());
    assert!(!alive(pid), "all have ended when the answer comes");
    until(LONG, "the session to know", || session.state() == SessionState::Closed);
    until(LONG, "the owner to end", || desk.owner() == Value::Null);
    until(LONG, "nothing to be left to stop", || {
        let (code, stopped) = desk.andon(&["kerneld", "--stop"]);
        code == 1 && stopped["stopped"] == json!([])
    });
}

#[test]
fn a_kernel_that_dies_while_the_notebook_is_saved_costs_neither() {
    let desk = Desk::new(&["print('x' * 3_000_000)", "import os, time\ntime.sleep(0.3)\nos._exit(9)"]);
    let mut host = desk.window();
    host.send(notebook::Command::Run(Scope::All));
    drain(&mut host, "the second cell", |h| {
        let doc = h.state.notebook.doc().unwrap();
        doc.running.as_ref().is_some_and(|r| r.key == doc.cells()[1].key)
    });
    let saved = |h: &Host| h.state.notebook.doc().is_some_and(|d| !d.saving);
    while host.state.notebook.doc().unwrap().running.is_some() {
        host.send(notebook::Command::Save);
        host.drain(Duration::from_millis(5));
    }
    host.send(notebook::Command::Save);
    drain(&mut host, "the save", |h| saved(h) && !h.state.notebook.doc().unwrap().is_dirty());
    let file: Value = serde_json::from_slice(&fs::read(desk.root().join("n.ipynb")).unwrap()).unwrap();
    assert_eq!(file["cells"][0]["outputs"][0]["text"][0].as_str().unwrap().len(), 3_000_001);
    assert!(file["cells"][1]["outputs"][0].to_string().contains("exit code 9"), "{}", file["cells"][1]["outputs"]);
    let first = host.state.notebook.doc().unwrap().cells()[0].key;
    host.send(notebook::Command::Run(Scope::One(first)));
    drain(&mut host, "a new kernel", |h| h.state.notebook.doc().unwrap().running.is_none());
    assert_eq!(host.state.notebook.doc().unwrap().state_of(first), CellState::Fresh);
}

#[test]
fn what_a_cell_prints_is_whole_in_a_file_and_bounded_in_the_notebook() {
    let desk = Desk::new(&["for n in range(200_000):\n    print(f'{n:06}', 'x' * 92)"]);
    let mut host = desk.window();
    host.send(notebook::Command::Run(Scope::All));
    drain(&mut host, "the end", |h| {
        let doc = h.state.notebook.doc().unwrap();
        doc.running.is_none() && doc.cells()[0].has_outputs()
    });
    host.send(notebook::Command::Save);
    drain(&mut host, "the save", |h| h.state.notebook.doc().is_some_and(|d| !d.saving && !d.is_dirty()));
    let saved = fs::metadata(desk.root().join("n.ipynb")).unwrap().len();
    assert!(saved < 10_000_000, "{saved}");
    let text = text_of(&host, 0);
    let (before, after) = text.split_once('[').unwrap();
    let (note, after) = after.split_once("]\n").unwrap();
    let line = |n: usize| format!("{n:06} {}\n", "x".repeat(92));
    assert!(before.starts_with(&line(0)) && after.ends_with(&line(199_999)), "the beginning and the end");
    let file = note.split_once("the whole text is in ").unwrap().1;
    let whole = fs::read_to_string(desk.root().join(file)).unwrap();
    assert!(whole == (0..200_000).map(line).collect::<String>(), "every line, in order");
    let mut found = Vec::new();
    andon::engine::kernel::each_line(&desk.root().join(file), |n, line| {
        if line.contains("123456") {
            found.push(n);
        }
        true
    })
    .unwrap();
    assert_eq!(found, [123_456], "what the notebook leaves out is found");
    let ignored = Command::new("git").args(["init", "-q"]).current_dir(desk.root()).status().unwrap().success();
    let listed = Command::new("git").args(["status", "--porcelain"]).current_dir(desk.root()).output().unwrap();
    assert!(ignored && !String::from_utf8_lossy(&listed.stdout).contains(".andon"));
}

#[test]
fn queries_and_cells_of_python_share_the_kernels_own_numbers() {
    let desk = Desk::new(&["'one'", "%%sql\nSELECT 2 AS a", "'three'", "print(_3, Out[1], len(In))"]);
    let mut host = desk.window();
    host.send(notebook::Command::Run(Scope::All));
    drain(&mut host, "the end", |h| {
        let doc = h.state.notebook.doc().unwrap();
        doc.running.is_none() && doc.queue.is_empty() && text_of(h, 3).contains("one")
    });
    let doc = host.state.notebook.doc().unwrap();
    let counts: Vec<_> = doc.cells().iter().map(|c| c.execution_count).collect();
    assert_eq!(counts, [Some(1), Some(2), Some(3), Some(4)]);
    assert!(text_of(&host, 3).starts_with("three one"), "{}", text_of(&host, 3));
}

#[test]
fn widgets_listen_again_in_the_window_that_comes_after() {
    let code = "import ipywidgets as w\ns = w.IntSlider(value=3, max=9, description='wide')\ns";
    let desk = Desk::new(&[code, "print('value', s.value)"]);
    let mut host = desk.window();
    host.send(notebook::Command::Run(Scope::All));
    drain(&mut host, "the end", |h| text_of(h, 1) == "value 3\n");
    host.send(notebook::Command::Save);
    assert!(host.settle(LONG) && host.wind_up(LONG));
    host.ending().finish();
    drop(host);
    let mut again = desk.window();
    drain(&mut again, "the widgets", |h| !h.state.notebook.doc().unwrap().widgets.is_empty());
    let doc = again.state.notebook.doc().unwrap();
    let (first, second) = (doc.cells()[0].key, doc.cells()[1].key);
    let outputs: Vec<String> = doc.cells()[0].outputs().map(|o| String::from_utf8_lossy(&o).into_owned()).collect();
    let shown = andon::model::output::view_with(outputs.iter().map(String::as_str), &doc.widgets);
    let Some(andon::model::output::Output::Widget(slider)) = shown.first() else { panic!("{shown:?}") };
    assert!(slider.to_text().contains("wide"), "{slider:?}");
    let change = json!({ "value": 7 }).as_object().cloned().unwrap();
    let id = slider.id.clone();
    again.send(notebook::Command::Widget(notebook::widgets::Command::Change { key: first, id, change }));
    assert!(again.settle(LONG));
    again.send(notebook::Command::Run(Scope::One(second)));
    drain(&mut again, "the value", |h| text_of(h, 1) == "value 7\n");
}

#[test]
fn a_second_window_sees_takes_over_and_gets_what_waits() {
    let desk = Desk::new(&[PRINTS, "print('then')", "print('last', kept)"]);
    let mut first = desk.window();
    first.send(notebook::Command::Run(Scope::All));
    drain(&mut first, "the first lines", |h| text_of(h, 0).contains("line 3"));
    let mut second = desk.window();
    drain(&mut second, "what is printed there", |h| text_of(h, 0).contains("line 5"));
    let doc = |h: &Host| h.state.notebook.doc().unwrap().id;
    assert!(second.state.notebook.doc().unwrap().kept_kernel.elsewhere);
    assert!(!first.state.notebook.doc().unwrap().kept_kernel.elsewhere);
    // Running there asks for the kernel first.
    let key = second.state.notebook.doc().unwrap().cells()[1].key;
    second.send(notebook::Command::Run(Scope::One(key)));
    assert!(second.state.notebook.doc().unwrap().queue.is_empty());
    assert!(second.state.notices.shown.iter().any(|n| n.title.contains("Another window runs") && n.action.is_some()));
    let id = doc(&second);
    second.send(notebook::Command::TakeOver(id));
    drain(&mut second, "the kernel", |h| !h.state.notebook.doc().unwrap().kept_kernel.elsewhere);
    drain(&mut first, "the other to know", |h| h.state.notebook.doc().unwrap().kept_kernel.elsewhere);
    assert!(first.state.notebook.doc().unwrap().queue.is_empty());
    drain(&mut second, "what waited", |h| text_of(h, 2) == "last 42\n");
    assert_eq!((text_of(&second, 0), text_of(&second, 1)), (lines(0, 60), "then\n".to_owned()));
    drain(&mut first, "the same in the first", |h| text_of(h, 2) == "last 42\n");
    // The second saves; the first, which shows the same outputs, has nothing to lose.
    second.send(notebook::Command::Save);
    assert!(second.settle(LONG));
    assert!(!second.state.notebook.doc().unwrap().is_dirty());
    // And back, by closing the second.
    let id = doc(&second);
    second.send(notebook::Command::CloseAnyway(id));
    drain(&mut second, "it to leave", |h| h.is_idle());
    drain(&mut first, "the kernel to come back", |h| !h.state.notebook.doc().unwrap().kept_kernel.elsewhere);
    let key = first.state.notebook.doc().unwrap().cells()[1].key;
    first.send(notebook::Command::Run(Scope::One(key)));
    drain(&mut first, "a cell of its own", |h| h.state.notebook.doc().unwrap().state_of(key) == CellState::Fresh);
}

#[test]
fn a_notebook_saved_under_another_name_finds_its_kernel_by_that() {
    let desk = Desk::new(&["kept = 43"]);
    let mut host = desk.window();
    host.send(notebook::Command::Run(Scope::All));
    drain(&mut host, "the cell", |h| h.state.notebook.doc().unwrap().running.is_none());
    let id = host.state.notebook.doc().unwrap().id;
    host.send(notebook::Command::SaveAs { doc: id, path: "m.ipynb".into() });
    assert!(host.settle(LONG));
    until(LONG, "the owner to know", || desk.owner()["kernels"][0]["notebook"] == "m.ipynb");
    assert!(host.wind_up(LONG));
    host.ending().finish();
    drop(host);
    let mut again = desk.window();
    assert!(again.state.notebook.doc().unwrap().kernel.state.is_none(), "the old name has none");
    again.send(notebook::Command::Open("m.ipynb".into()));
    drain(&mut again, "the kernel", |h| {
        h.state.notebook.doc().unwrap().kernel.state.as_ref().is_some_and(SessionState::is_alive)
    });
    let nb = again.state.notebook.doc().unwrap();
    assert!(!nb.kept_kernel.elsewhere);
    let key = nb.cells()[0].key;
    again.send(notebook::Command::EditCell {
        key,
        acts: vec![andon::model::editor::Act::SetText("print(kept)".into())],
    });
    again.send(notebook::Command::Run(Scope::One(key)));
    drain(&mut again, "its variables", |h| text_of(h, 0) == "43\n");
}

//! Kernels, against a real ipykernel.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use andon::{
    base::{
        job::{Cancel, JobCtx},
        time::SystemClock,
    },
    engine::kernel::{
        ExecEvent, ExecOptions, InterruptMode, KernelSpec, Kernels, Origin, Outcome, Session, SessionState, Sink,
    },
    model::output::{Output, Widgets},
};

/// Python with ipykernel, as .ci/test provides it.
#[track_caller]
pub fn test_python() -> PathBuf {
    let path = std::env::var_os("ANDON_TEST_PYTHON").map(PathBuf::from);
    let Some(path) = path.filter(|p| p.is_file()) else {
        panic!("ANDON_TEST_PYTHON must name a Python with ipykernel: run .ci/test, which makes one");
    };
    path
}

#[track_caller]
pub fn spec() -> KernelSpec {
    let python = test_python();
    let path = python.to_string_lossy().into_owned();
    KernelSpec {
        id: path.clone(),
        name: "python3".into(),
        display_name: "Python (test)".into(),
        language: "python".into(),
        argv: [path.as_str(), "-m", "ipykernel_launcher", "-f", "{connection_file}"].map(str::to_owned).into(),
        env: BTreeMap::new(),
        interrupt: InterruptMode::Signal,
        origin: Origin::Workspace,
        version: None,
        python: Some(python),
        resource_dir: None,
        remote: None,
    }
}

pub struct Bench {
    kernels: Kernels,
    pub session: Session,
    dir: tempfile::TempDir,
}

#[track_caller]
pub fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(&dir.path().join("cache"), Arc::new(SystemClock));
    let session = kernels.start_and_wait(&spec(), dir.path(), &JobCtx::detached()).unwrap();
    Bench { kernels, session, dir }
}

/// What a cell reported.
#[derive(Clone, Default)]
pub struct Log(pub Arc<Mutex<Vec<ExecEvent>>>);

impl Log {
    pub fn sink(&self) -> Sink {
        let log = self.0.clone();
        Arc::new(move |event| log.lock().unwrap().push(event))
    }
    pub fn text(&self, wanted: bool) -> String {
        let events = self.0.lock().unwrap();
        events
            .iter()
            .filter_map(|e| match e {
                ExecEvent::Stream { stderr, text } if *stderr == wanted => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
    pub fn has(&self, wanted: impl Fn(&ExecEvent) -> bool) -> bool {
        self.0.lock().unwrap().iter().any(wanted)
    }
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.lock().unwrap().iter().find_map(|e| match e {
            ExecEvent::Done { outcome, .. } => Some(outcome.clone()),
            _ => None,
        })
    }
}

#[track_caller]
pub fn until(patience: Duration, what: &str, mut ok: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ok() {
        assert!(start.elapsed() < patience, "waited {patience:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn run(session: &Session, code: &str) -> (Outcome, Log) {
    let log = Log::default();
    let outcome = session.run(code, ExecOptions::default(), &JobCtx::detached(), log.sink()).unwrap();
    (outcome, log)
}

pub fn alive(pid: i32) -> bool {
    // A zombie would still have its folder: only its absence proves that it was reaped.
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_cell_reports_text_result_and_count() {
    let b = bench();
    assert_eq!(b.session.info().unwrap().language, "python");
    let (outcome, log) = run(&b.session, "import sys\nprint('out')\nprint('err', file=sys.stderr)\n1 + 1");
    assert_eq!(outcome, Outcome::Ok { execution_count: Some(1) });
    assert_eq!(log.text(false), "out\n");
    assert_eq!(log.text(true), "err\n");
    assert!(log.has(|e| matches!(e, ExecEvent::Result { bundle, execution_count: Some(1), .. }
        if bundle.data["text/plain"] == "2")));
    let (outcome, log) = run(&b.session, "1/0");
    assert!(matches!(outcome, Outcome::Error { ref ename, .. } if ename == "ZeroDivisionError"), "{outcome:?}");
    assert!(log.has(|e| matches!(e, ExecEvent::Error { traceback, .. } if !traceback.is_empty())));
    until(Duration::from_secs(5), "the session to rest", || b.session.state() == SessionState::Idle);
    let cwd = run(&b.session, "import os; print(os.getcwd())").1.text(false);
    assert_eq!(Path::new(cwd.trim()), std::fs::canonicalize(b.dir.path()).unwrap());
}

#[test]
fn displays_are_updated_and_cleared() {
    let b = bench();
    let code = "from IPython.display import display, clear_output\n\
                h = display('v1', display_id='a')\nh.update('v2')\nclear_output(wait=True)";
    let (outcome, log) = run(&b.session, code);
    assert!(outcome.is_ok());
    assert!(log.has(|e| matches!(e, ExecEvent::Display { display_id: Some(id), .. } if id == "a")));
    assert!(log.has(|e| matches!(e, ExecEvent::UpdateDisplay { display_id, bundle }
        if display_id == "a" && bundle.data["text/plain"] == "'v2'")));
    assert!(log.has(|e| matches!(e, ExecEvent::Clear { wait: true })));
}

#[test]
fn nothing_that_was_printed_is_lost() {
    let b = bench();
    let (outcome, log) = run(&b.session, "for i in range(5000):\n    print(i, flush=True)");
    assert!(outcome.is_ok());
    let wanted: String = (0..5000).map(|i| format!("{i}\n")).collect();
    assert!(log.text(false) == wanted, "every line, in order");
    let events = log.0.lock().unwrap().len();
    assert!(events < 1000, "bursts are joined: {events} events for 5,000 prints");
    let (_, log) = run(&b.session, "print('x' * 5_000_000)");
    assert_eq!(log.text(false).len(), 5_000_001);
}

#[test]
fn an_interrupt_ends_the_cell_and_withdraws_what_waits() {
    let b = bench();
    let (first, second) = (Log::default(), Log::default());
    let options = ExecOptions::default();
    b.session.execute("import time\nprint('in')\ntime.sleep(60)", options, first.sink()).unwrap();
    b.session.execute("print('never')", options, second.sink()).unwrap();
    until(Duration::from_secs(10), "the cell to run", || first.text(false) == "in\n");
    let at = Instant::now();
    b.session.interrupt();
    until(Duration::from_secs(5), "the interrupt", || first.outcome().is_some() && second.outcome().is_some());
    assert!(at.elapsed() < Duration::from_secs(2), "{:?}", at.elapsed());
    assert!(matches!(first.outcome(), Some(Outcome::Error { ename, .. }) if ename == "KeyboardInterrupt"));
    assert!(matches!(second.outcome(), Some(Outcome::Aborted { .. })));
    assert!(run(&b.session, "1").0.is_ok(), "the kernel lives on");
}

#[test]
fn a_cancelled_job_interrupts_its_cell() {
    let b = bench();
    let cancel = Cancel::default();
    let cx = JobCtx::new(cancel.clone(), Arc::new(SystemClock), Arc::new(|_| {}));
    let stopper = std::thread::Builder::new()
        .spawn(move || {
            std::thread::sleep(Duration::from_millis(400));
            cancel.cancel();
        })
        .unwrap();
    let e = b.session.run("import time; time.sleep(60)", ExecOptions::default(), &cx, Arc::new(|_| {})).unwrap_err();
    assert!(e.is_cancelled());
    stopper.join().unwrap();
    assert!(run(&b.session, "1").0.is_ok());
}

#[test]
fn a_crash_is_seen_at_once_with_code_and_last_words() {
    let b = bench();
    let pid = b.session.pid().unwrap();
    let (running, waiting) = (Log::default(), Log::default());
    let code = "import os, sys, time\nprint('before', flush=True)\ntime.sleep(0.2)\n\
                os.write(2, b'last words\\n')\nprint(time.time(), flush=True)\ntime.sleep(0.3)\nos._exit(7)";
    b.session.execute(code, ExecOptions::default(), running.sink()).unwrap();
    b.session.execute("print('never')", ExecOptions::default(), waiting.sink()).unwrap();
    until(Duration::from_secs(10), "the end", || running.outcome().is_some() && waiting.outcome().is_some());
    let Some(Outcome::Died { exit, stderr }) = running.outcome() else { panic!("{:?}", running.outcome()) };
    assert_eq!(exit.code, Some(7));
    let said = format!("{stderr}{}", running.text(true));
    assert!(said.contains("last words"), "{said}");
    assert!(running.text(false).starts_with("before\n"));
    assert!(matches!(waiting.outcome(), Some(Outcome::Aborted { .. })));
    until(Duration::from_secs(1), "the state", || matches!(b.session.state(), SessionState::Dead { .. }));
    until(Duration::from_secs(1), "the reaping", || !alive(pid));
    let (outcome, _) = run(&b.session, "1");
    assert!(matches!(outcome, Outcome::Aborted { ref why } if why.contains("restart")), "{outcome:?}");
    b.session.restart().unwrap();
    assert_eq!(run(&b.session, "print('again')").1.text(false), "again\n");
}

#[test]
fn death_by_signal_is_noticed() {
    let b = bench();
    let pid = b.session.pid().unwrap();
    let log = Log::default();
    b.session.execute("print('in')\nimport time\ntime.sleep(60)", ExecOptions::default(), log.sink()).unwrap();
    until(Duration::from_secs(10), "the cell to run", || log.text(false) == "in\n");
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    until(Duration::from_secs(5), "the notice", || log.outcome().is_some());
    assert!(matches!(log.outcome(), Some(Outcome::Died { exit, .. }) if exit.signal == Some(9)));
}

#[test]
fn last_words_are_heard_even_when_a_child_of_the_kernel_holds_its_pipes() {
    let b = bench();
    let code = "import ctypes, subprocess\nsubprocess.Popen(['sleep', '60'])\nctypes.string_at(0)";
    let (outcome, _) = run(&b.session, code);
    let Outcome::Died { exit, stderr } = outcome else { panic!("{outcome:?}") };
    assert_eq!(exit.signal, Some(11));
    assert!(stderr.starts_with("Fatal Python error: Segmentation fault"), "{stderr}");
    assert!(stderr.contains("string_at") && !stderr.contains("/IPython/core/"), "{stderr}");
}

#[test]
fn a_restart_forgets_names_and_gives_every_cell_an_end() {
    let b = bench();
    run(&b.session, "kept = 1");
    let log = Log::default();
    b.session.execute("print('in')\nimport time\ntime.sleep(60)", ExecOptions::default(), log.sink()).unwrap();
    until(Duration::from_secs(10), "the cell to run", || log.text(false) == "in\n");
    let old = b.session.pid().unwrap();
    b.session.restart().unwrap();
    until(Duration::from_secs(8), "the end of the old cell", || log.outcome().is_some());
    assert!(matches!(log.outcome(), Some(Outcome::Aborted { why }) if why.contains("restarted")));
    let (outcome, _) = run(&b.session, "kept");
    assert!(matches!(outcome, Outcome::Error { ref ename, .. } if ename == "NameError"), "{outcome:?}");
    assert!(!alive(old));
}

#[test]
fn a_stop_takes_less_than_four_seconds_even_when_the_kernel_resists() {
    let b = bench();
    let pid = b.session.pid().unwrap();
    let code = "import signal, subprocess, time\nfor s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)\n\
                child = subprocess.Popen(['sleep', '600'])\nprint(child.pid, flush=True)\n\
                while True: time.sleep(1)";
    let log = Log::default();
    b.session.execute(code, ExecOptions::default(), log.sink()).unwrap();
    until(Duration::from_secs(10), "the cell to run", || log.text(false).ends_with('\n'));
    let child: i32 = log.text(false).trim().parse().unwrap();
    let at = Instant::now();
    b.kernels.shutdown_all();
    assert!(at.elapsed() < Duration::from_secs(4), "{:?}", at.elapsed());
    assert_eq!(b.session.state(), SessionState::Closed);
    assert!(!alive(pid), "the kernel was reaped");
    until(Duration::from_secs(2), "its child to end", || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
    assert!(b.session.execute("1", ExecOptions::default(), Arc::new(|_| {})).is_err());
}

#[test]
fn input_is_asked_for_and_answered() {
    let b = bench();
    let log = Log::default();
    let options = ExecOptions { allow_stdin: true, ..ExecOptions::default() };
    b.session.execute("name = input('Who? ')\nprint('hello', name)", options, log.sink()).unwrap();
    until(Duration::from_secs(10), "the question", || log.has(|e| matches!(e, ExecEvent::Input { .. })));
    assert!(log.has(|e| matches!(e, ExecEvent::Input { prompt, password: false } if prompt == "Who? ")));
    b.session.answer("Mara");
    until(Duration::from_secs(10), "the end", || log.outcome().is_some());
    assert_eq!(log.text(false), "hello Mara\n");
    let (outcome, _) = run(&b.session, "input('nobody is there')");
    assert!(matches!(outcome, Outcome::Error { ref ename, .. } if ename == "StdinNotImplementedError"), "{outcome:?}");
}

#[test]
fn names_are_completed_and_explained() {
    let b = bench();
    run(&b.session, "import math\nexotic_name = 3");
    let found = b.session.complete("exotic_na", 9, Duration::from_secs(10)).unwrap();
    assert_eq!((found.matches[0].as_str(), found.start, found.end), ("exotic_name", 0, 9));
    let help = b.session.inspect("math.sqrt", 9, Duration::from_secs(10)).unwrap();
    assert!(help.data["text/plain"].as_str().unwrap().contains("square root"));
    let before = b.session.history(5, Duration::from_secs(10)).unwrap();
    assert_eq!(before.last().map(String::as_str), Some("import math\nexotic_name = 3"));
}

#[test]
fn a_python_without_ipykernel_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(&dir.path().join("cache"), Arc::new(SystemClock));
    let mut bare = spec();
    bare.argv[2] = "no_such_kernel".into();
    let e = kernels.start_and_wait(&bare, dir.path(), &JobCtx::detached()).unwrap_err();
    assert!(e.to_string().contains("No module named"), "{e}");
    assert!(e.hint.unwrap().contains("environment"));
    bare.argv[0] = "/no/such/python".into();
    let e = kernels.start_and_wait(&bare, dir.path(), &JobCtx::detached()).unwrap_err();
    assert!(e.what.contains("/no/such/python"), "{e}");
}

#[test]
fn the_test_environment_is_discovered_in_a_workspace() {
    let python = test_python();
    let prefix = python.parent().unwrap().parent().unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(prefix, dir.path().join(".venv")).unwrap();
    let kernels = Kernels::new(&dir.path().join("cache"), Arc::new(SystemClock));
    let found = kernels.discover(Some(dir.path()), false, &JobCtx::detached()).unwrap();
    let first = &found.kernels[0];
    assert_eq!(first.origin, Origin::Workspace, "{found:#?}");
    assert_eq!(first.python.as_deref(), Some(dir.path().join(".venv/bin/python").as_path()));
    let at = Instant::now();
    let again = kernels.discover(Some(dir.path()), false, &JobCtx::detached()).unwrap();
    assert_eq!(again.kernels, found.kernels);
    assert!(at.elapsed() < Duration::from_millis(100), "answers are cached: {:?}", at.elapsed());
    let chosen = kernels.choose(Some(dir.path()), Some("python3"), None, Some("python"), &JobCtx::detached()).unwrap();
    assert_eq!(chosen.id, first.id);
    let session = kernels.start_and_wait(&chosen, dir.path(), &JobCtx::detached()).unwrap();
    let (outcome, log) = run(&session, "import sys; print(sys.prefix)");
    assert!(outcome.is_ok());
    assert!(!log.text(false).is_empty());
}

#[test]
fn names_are_read_without_a_trace() {
    let b = bench();
    let code = "import os, json\nday = {'a': 1, 'b': [1, 2]}\nname = 'x' * 200\n_hidden = 1\n\
                class Odd:\n    def __repr__(self): raise SystemExit\n    def __len__(self): raise SystemExit\n\
                odd = Odd()\ndef f(x): return x\n41 + 1";
    run(&b.session, code);
    let (all, more) = andon::engine::exec::variables(&b.session).unwrap();
    assert_eq!(more, 0);
    let told: Vec<_> = all.iter().map(|v| (v.name.as_str(), v.kind.as_str(), v.size.as_str())).collect();
    assert_eq!(
        told,
        [
            ("day", "dict", "2 items"),
            ("name", "str", "200"),
            ("Odd", "class", ""),
            ("odd", "Odd", ""),
            ("f", "function", "")
        ]
    );
    assert!(all[1].preview.len() < 90 && all[0].bytes.is_some() && all[3].bytes.is_none());
    let (outcome, log) = run(&b.session, "print(sorted(n for n in dir() if not n.startswith('_')), _)");
    assert!(matches!(outcome, Outcome::Ok { execution_count: Some(2) }), "{outcome:?}: no execution was counted");
    assert!(!log.text(false).contains("ns") && log.text(false).contains("42"), "{}", log.text(false));
}

#[test]
fn what_stands_in_place_of_stdout_gets_nothing_of_the_variables() {
    let b = bench();
    let code = "import io, sys\nsys.stdout = io.StringIO()\n\
                class Meta(type):\n    def __getattribute__(cls, name): raise SystemExit\n\
                class Sly(metaclass=Meta):\n    @property\n    def __class__(self): raise SystemExit\n\
                sly = Sly()\nbig = 10 ** 1000";
    run(&b.session, code);
    let (all, _) = andon::engine::exec::variables(&b.session).unwrap();
    let names: Vec<&str> = all.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["Meta", "Sly", "sly", "big"]);
    assert_eq!((all[2].kind.as_str(), all[3].preview.as_str()), ("Sly", "3322 bits"));
    let (_, log) = run(&b.session, "_ = sys.stderr.write('%d' % len(sys.stdout.getvalue()))");
    assert_eq!(log.text(true).trim(), "0");
}

#[test]
fn a_data_frame_is_copied_as_far_as_it_is_to_be_shown() {
    let b = bench();
    let code =
        "import pandas as pd\nd = pd.DataFrame({'n': range(1000), 'c': pd.Categorical(['a', 'b'] * 500)})\ns = d['n']";
    run(&b.session, code);
    let cx = JobCtx::detached();
    let copied = andon::engine::exec::copy_frame(&b.session, "d", 100, &cx).unwrap();
    assert_eq!((copied.frame.rows(), copied.rows), (100, 1000));
    let page = copied.frame.page(98, 5).unwrap();
    assert_eq!(page.rows.len(), 2);
    assert_eq!(andon::engine::exec::copy_frame(&b.session, "s", 10, &cx).unwrap().rows, 1000);
    let error = andon::engine::exec::copy_frame(&b.session, "pd", 10, &cx).unwrap_err();
    assert!(error.causes[0].contains("module"), "{error}");
    assert!(andon::engine::exec::copy_frame(&b.session, "nosuch", 10, &cx).is_err());
    until(Duration::from_secs(5), "the session to rest", || b.session.state() == SessionState::Idle);
    let frames = andon::engine::exec::frames(&b.session, &["d".to_owned()]);
    let told: Vec<(&str, usize)> = frames.iter().map(|(n, c)| (n.as_str(), c.len())).collect();
    assert_eq!(told, [("d", 2), ("s", 0)]);
}

#[test]
fn when_the_program_ends_no_kernel_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let dirs = andon::engine::dirs::Dirs::below(dir.path());
    let waker = Arc::new(andon::app::env::NoWaker);
    let host = andon::app::host::Host::new(dirs, Arc::new(SystemClock), waker).unwrap();
    let session = host.env.kernels.start_and_wait(&spec(), dir.path(), &JobCtx::detached()).unwrap();
    let pid = session.pid().unwrap();
    let log = Log::default();
    let code =
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('in', flush=True)\ntime.sleep(600)";
    session.execute(code, ExecOptions::default(), log.sink()).unwrap();
    until(Duration::from_secs(10), "the cell to run", || log.text(false) == "in\n");
    // A job that still holds a handle keeps nothing alive.
    let ending = host.ending();
    drop(host);
    let at = Instant::now();
    ending.finish();
    assert!(at.elapsed() < Duration::from_secs(4), "{:?}", at.elapsed());
    assert!(!alive(pid), "the kernel has ended");
    let at = Instant::now();
    ending.finish();
    assert!(at.elapsed() < Duration::from_millis(100), "nothing is waited for when nothing runs");
}

/// Takes what a kernel says about its widgets.
pub fn widgets(log: &Log) -> Widgets {
    let mut all = Widgets::default();
    for event in log.0.lock().unwrap().iter() {
        match event {
            ExecEvent::Comm(comm) => all.apply(comm),
            other => drop(all.divert(other)),
        }
    }
    all
}

/// The id of the widget that a cell displays.
pub fn displayed(log: &Log) -> String {
    let events = log.0.lock().unwrap();
    let id = events.iter().rev().find_map(|e| match e {
        ExecEvent::Display { bundle, .. } | ExecEvent::Result { bundle, .. } => {
            bundle.data.get("application/vnd.jupyter.widget-view+json")?.get("model_id")?.as_str().map(str::to_owned)
        }
        _ => None,
    });
    id.expect("a widget is displayed")
}

pub fn shown(log: &Log) -> String {
    let id = displayed(log);
    let data = serde_json::json!({ "application/vnd.jupyter.widget-view+json": { "model_id": id } });
    let Output::Widget(widget) = Output::from_bundle(data.as_object().unwrap(), &serde_json::Map::new()) else {
        panic!()
    };
    widget.now(&widgets(log)).to_text()
}

#[test]
fn a_progress_bar_of_tqdm_is_followed_to_its_end() {
    let b = bench();
    let log = Log::default();
    let code = "from tqdm.notebook import tqdm\nfor _ in tqdm(range(7), desc='files'): pass";
    let outcome = b.session.run(code, ExecOptions::default(), &JobCtx::detached(), log.sink()).unwrap();
    assert!(outcome.is_ok(), "{outcome:?}");
    let text = shown(&log);
    assert!(text.contains("files") && text.contains("7 / 7") && text.contains("7/7"), "{text}");
    b.session.shutdown();
}

//! Kernels that do wrong: a fake one that breaks the protocol, and real ones that hang, fork, flood and will not end.
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use andon::{
    base::{job::JobCtx, time::SystemClock},
    engine::kernel::{
        ExecEvent, ExecOptions, InterruptMode, KernelSpec, Kernels, Origin, Outcome, Session, SessionEvent,
        SessionState,
    },
};

use crate::kernel::{Log, alive, bench, run, spec, test_python, until};

fn fake(mode: &str) -> KernelSpec {
    let python = test_python();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/fake_kernel.py");
    let argv = [&*python.to_string_lossy(), &*script.to_string_lossy(), "{connection_file}", mode];
    KernelSpec {
        id: "fake".into(),
        name: "fake".into(),
        display_name: "Fake".into(),
        language: "fake".into(),
        argv: argv.iter().filter(|a| !a.is_empty()).map(|a| (*a).to_owned()).collect(),
        env: BTreeMap::new(),
        interrupt: InterruptMode::Message,
        origin: Origin::User,
        version: None,
        python: Some(python),
        resource_dir: None,
        remote: None,
    }
}

struct Faulty {
    _kernels: Kernels,
    session: Session,
    troubles: Arc<Mutex<Vec<String>>>,
    _dir: tempfile::TempDir,
}

fn faulty() -> Faulty {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(&dir.path().join("cache"), Arc::new(SystemClock));
    let troubles: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = troubles.clone();
    let session = kernels
        .start(&fake(""), dir.path(), move |event| {
            if let SessionEvent::Trouble(error) = event {
                heard.lock().unwrap().push(error.to_string());
            }
        })
        .unwrap();
    session.wait_ready(&JobCtx::detached()).unwrap();
    Faulty { _kernels: kernels, session, troubles, _dir: dir }
}

#[test]
fn malformed_messages_between_good_ones_cost_nothing_but_themselves() {
    let f = faulty();
    let (outcome, log) = run(&f.session, "malformed");
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(log.text(false), "one\ntwo\nthree\n");
    let troubles = f.troubles.lock().unwrap().join("\n");
    assert!(troubles.contains("could not be taken"), "{troubles}");
    let (outcome, log) = run(&f.session, "unknown");
    assert!(outcome.is_ok());
    assert_eq!(log.text(false), "known\n");
    assert_eq!(run(&f.session, "hello").1.text(false), "hello\n");
}

#[test]
fn messages_with_a_wrong_signature_are_refused_and_that_is_shown() {
    let f = faulty();
    let (outcome, log) = run(&f.session, "wrong-signature");
    assert!(outcome.is_ok());
    assert_eq!(log.text(false), "mine\nmine again\n", "nothing forged is shown");
    let told = || f.troubles.lock().unwrap().join("\n");
    assert!(told().contains("signature is wrong"), "{}", told());
    until(Duration::from_secs(10), "the sum of the rest", || told().contains("19 messages"));
    assert_eq!(f.troubles.lock().unwrap().len(), 2, "twenty forged messages are two notices");
}

#[test]
fn a_kernel_with_another_key_does_not_start_and_the_reason_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(dir.path(), Arc::new(SystemClock)).with_patience(Duration::from_secs(4));
    let e = kernels.start_and_wait(&fake("wrong-key"), dir.path(), &JobCtx::detached()).unwrap_err();
    assert!(e.to_string().contains("signature is wrong"), "{e}");
}

#[test]
fn a_kernel_that_never_binds_is_given_up_and_ended() {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(dir.path(), Arc::new(SystemClock)).with_patience(Duration::from_secs(2));
    let session = kernels.start(&fake("never-binds"), dir.path(), |_| {}).unwrap();
    let waiting = Log::default();
    session.execute("hello", ExecOptions::default(), waiting.sink()).unwrap();
    until(Duration::from_secs(1), "the process", || session.pid().is_some());
    let pid = session.pid().unwrap();
    let e = session.wait_ready(&JobCtx::detached()).unwrap_err();
    assert!(e.to_string().contains("no answer within 2 s"), "{e}");
    assert!(e.hint.is_some());
    until(Duration::from_secs(2), "the cell that waited", || waiting.outcome().is_some());
    assert!(matches!(waiting.outcome(), Some(Outcome::Aborted { .. })));
    until(Duration::from_secs(2), "the process to end", || !alive(pid));
    let e = kernels.start_and_wait(&fake("dies"), dir.path(), &JobCtx::detached()).unwrap_err();
    assert!(e.to_string().contains("exit code 3") && e.to_string().contains("does not like you"), "{e}");
}

#[test]
fn a_kernel_that_leaves_out_reply_or_idle_does_not_hold_up_the_next_cell() {
    let f = faulty();
    for code in ["no-idle", "no-reply"] {
        let (outcome, log) = run(&f.session, code);
        assert!(outcome.is_ok(), "{outcome:?}");
        assert_eq!(log.text(false), format!("{code}\n"));
    }
    assert_eq!(run(&f.session, "hello").1.text(false), "hello\n");
}

#[test]
fn a_flood_of_messages_is_taken_whole() {
    let f = faulty();
    let (outcome, log) = run(&f.session, "flood 30000");
    assert!(outcome.is_ok());
    let wanted: String = (0..30_000).map(|n| format!("{n}\n")).collect();
    assert!(log.text(false) == wanted, "{} of {} bytes", log.text(false).len(), wanted.len());
}

#[test]
fn a_kernel_that_hangs_can_be_stopped_hard() {
    let f = faulty();
    let log = Log::default();
    let pid = f.session.pid().unwrap();
    f.session.execute("hang", ExecOptions::default(), log.sink()).unwrap();
    until(Duration::from_secs(5), "the cell to run", || f.session.state() == SessionState::Busy);
    f.session.interrupt();
    std::thread::sleep(Duration::from_millis(500));
    assert!(matches!(f.session.state(), SessionState::Interrupting { heard: false, .. }), "{:?}", f.session.state());
    let at = Instant::now();
    f.session.kill();
    until(Duration::from_secs(5), "its end", || log.outcome().is_some());
    assert!(at.elapsed() < Duration::from_secs(1), "{:?}", at.elapsed());
    assert!(matches!(log.outcome(), Some(Outcome::Died { exit, .. }) if exit.signal == Some(9)));
    assert!(!alive(pid));
}

#[test]
fn the_stages_of_an_interrupt_are_told() {
    let b = bench();
    let log = Log::default();
    let code = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('in', flush=True)\n\
                while True: time.sleep(0.1)";
    b.session.execute(code, ExecOptions::default(), log.sink()).unwrap();
    until(Duration::from_secs(10), "the cell to run", || log.text(false) == "in\n");
    b.session.interrupt();
    let heard = || matches!(b.session.state(), SessionState::Interrupting { heard: true, .. });
    until(Duration::from_secs(3), "the kernel to have heard it", heard);
    std::thread::sleep(Duration::from_millis(300));
    assert!(heard() && log.outcome().is_none(), "the code goes on");
    let SessionState::Interrupting { since, .. } = b.session.state() else { panic!() };
    b.session.interrupt();
    std::thread::sleep(Duration::from_millis(200));
    assert!(
        matches!(b.session.state(), SessionState::Interrupting { since: s, .. } if s == since),
        "time counts from the first"
    );
    b.session.kill();
    until(Duration::from_secs(3), "the end", || log.outcome().is_some());
}

fn signal(pid: i32, name: &str) {
    assert!(std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn a_stopped_process_is_not_waited_for() {
    let b = bench();
    let pid = b.session.pid().unwrap();
    signal(pid, "-STOP");
    let log = Log::default();
    b.session.execute("1", ExecOptions::default(), log.sink()).unwrap();
    until(Duration::from_secs(2), "the session to be busy", || b.session.state() == SessionState::Busy);
    b.session.interrupt();
    std::thread::sleep(Duration::from_millis(300));
    assert!(matches!(b.session.state(), SessionState::Interrupting { heard: false, .. }));
    signal(pid, "-CONT");
    until(Duration::from_secs(10), "the cell to end once it goes on", || log.outcome().is_some());
    signal(pid, "-STOP");
    let at = Instant::now();
    b.session.shutdown();
    assert!(at.elapsed() < Duration::from_secs(4), "{:?}", at.elapsed());
    assert!(!alive(pid));
}

#[test]
fn a_fork_of_the_kernel_disturbs_nothing_and_ends_with_it() {
    let b = bench();
    let code = "import os, sys, time\npid = os.fork()\nif pid == 0:\n    time.sleep(600)\n    os._exit(0)\nprint(pid)";
    let (outcome, log) = run(&b.session, code);
    assert!(outcome.is_ok(), "{outcome:?}");
    let child: i32 = log.text(false).trim().parse().unwrap();
    assert!(alive(child));
    assert_eq!(run(&b.session, "print('on')").1.text(false), "on\n");
    let at = Instant::now();
    b.session.shutdown();
    assert!(at.elapsed() < Duration::from_secs(4), "{:?}", at.elapsed());
    until(Duration::from_secs(2), "the fork to end", || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
}

#[test]
fn a_death_is_known_within_a_fifth_of_a_second() {
    let b = bench();
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let log = Log::default();
        let (tx, rx) = std::sync::mpsc::sync_channel(1);
        let forward = log.sink();
        let sink = Arc::new(move |event: ExecEvent| {
            let (at, done) = (std::time::SystemTime::now(), matches!(event, ExecEvent::Done { .. }));
            forward(event);
            if done {
                let _ = tx.send(at);
            }
        });
        let code = "import os, sys, time\nos.write(2, b'the last words\\n')\nprint(repr(time.time()), flush=True)\n\
                    time.sleep(0.2)\nos._exit(7)";
        b.session.execute(code, ExecOptions::default(), sink).unwrap();
        let at = rx.recv_timeout(Duration::from_secs(20)).unwrap();
        let Some(Outcome::Died { exit, stderr }) = log.outcome() else { panic!("{:?}", log.outcome()) };
        assert_eq!(exit.code, Some(7));
        assert!(format!("{stderr}{}", log.text(true)).contains("the last words"), "{stderr}");
        let printed: f64 = log.text(false).trim().parse().unwrap();
        let died = std::time::UNIX_EPOCH + Duration::from_secs_f64(printed + 0.2);
        best = best.min(at.duration_since(died).unwrap_or_default());
        b.session.restart().unwrap();
        assert!(run(&b.session, "1").0.is_ok());
    }
    assert!(best < Duration::from_millis(200), "{best:?}");
}

#[test]
fn fifty_kernels_leave_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(dir.path(), Arc::new(SystemClock));
    let one = |n: usize| {
        let session = kernels.start_and_wait(&spec(), dir.path(), &JobCtx::detached()).unwrap();
        let (outcome, log) =
            run(&session, "import os, subprocess\nc = subprocess.Popen(['sleep', '300'])\nprint(c.pid)");
        assert!(outcome.is_ok(), "{outcome:?}");
        let (pid, child) = (session.pid().unwrap(), log.text(false).trim().parse::<i32>().unwrap());
        let at = Instant::now();
        if n.is_multiple_of(3) {
            session.kill();
        } else {
            session.shutdown();
        }
        until(Duration::from_secs(4), "the kernel to end", || !alive(pid));
        assert!(at.elapsed() < Duration::from_secs(4));
        until(Duration::from_secs(4), "what it started to end", || {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
        session.shutdown();
    };
    std::thread::scope(|scope| {
        for lane in 0..5 {
            let one = &one;
            let run = move || (0..10).for_each(|n| one(lane * 10 + n));
            std::thread::Builder::new().spawn_scoped(scope, run).unwrap();
        }
    });
}

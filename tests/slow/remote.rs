//! Kernels of a Jupyter Server, against a real jupyter-server.
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use andon::{
    base::{Error, job::JobCtx, time::SystemClock},
    engine::{
        kernel::{ExecEvent, ExecOptions, KernelSpec, Kernels, Outcome, Session, SessionState},
        secrets::Secret,
    },
    model::jupyter::{GAP_MIME, Listing, Server, remote_spec},
};

use super::kernel::{Log, run, test_python, until};

pub struct Jupyter {
    child: Child,
    port: u16,
    token: String,
    dir: tempfile::TempDir,
}

impl Drop for Jupyter {
    fn drop(&mut self) {
        // It ends its kernels itself when it is asked to end.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(10) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name("test-net".into()).spawn(work).unwrap();
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[track_caller]
pub fn jupyter(options: &[&str]) -> Jupyter {
    let dir = tempfile::tempdir().unwrap();
    let (port, token) = (free_port(), uuid::Uuid::new_v4().simple().to_string());
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let folder = |name: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    let child = Command::new(test_python())
        .args(["-m", "jupyter_server", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"])
        .arg(format!("--ServerApp.port={port}"))
        .args(["--ServerApp.port_retries=0"])
        .arg(format!("--ServerApp.root_dir={}", folder("root").display()))
        .args(options)
        .current_dir(dir.path())
        .env("JUPYTER_TOKEN", &token)
        .env("JUPYTER_CONFIG_DIR", folder("config"))
        .env("JUPYTER_DATA_DIR", folder("data"))
        .env("JUPYTER_RUNTIME_DIR", folder("runtime"))
        .env("IPYTHONDIR", folder("ipython"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let server = Jupyter { child, port, token, dir };
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let said = || std::fs::read_to_string(server.dir.path().join("log")).unwrap_or_default();
        assert!(begin.elapsed() < Duration::from_mins(1), "jupyter-server did not start: {}", said());
        thread::sleep(Duration::from_millis(50));
    }
    server
}

impl Jupyter {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

pub struct Bench {
    pub kernels: Kernels,
    dir: tempfile::TempDir,
}

pub fn bench(server: &Jupyter, urls: &[&str]) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(&dir.path().join("cache"), Arc::new(SystemClock));
    for url in urls {
        kernels.secrets().remember(&Server::secret_of(url), &Secret(server.token.clone()));
    }
    Bench { kernels, dir }
}

impl Bench {
    #[track_caller]
    pub fn start(&self, spec: &KernelSpec) -> Session {
        self.kernels.start_and_wait(spec, self.dir.path(), &JobCtx::detached()).unwrap()
    }
    #[track_caller]
    fn listing(&self, url: &str) -> Listing {
        self.kernels.listing_of(url, &JobCtx::detached()).unwrap()
    }
}

pub fn python(url: &str) -> KernelSpec {
    remote_spec(url, "python3", "Python 3", "python", None)
}

fn begin(session: &Session, code: &str) -> Log {
    let log = Log::default();
    let options = ExecOptions { allow_stdin: true, ..ExecOptions::default() };
    session.execute(code, options, log.sink()).unwrap();
    until(Duration::from_secs(20), "the cell to start", || log.has(|e| matches!(e, ExecEvent::Started { .. })));
    log
}

fn gaps(log: &Log) -> usize {
    let count = std::cell::Cell::new(0);
    log.has(|e| {
        if matches!(e, ExecEvent::Display { bundle, .. } if bundle.data.contains_key(GAP_MIME)) {
            count.set(count.get() + 1);
        }
        false
    });
    count.get()
}

/// A connection between us and the server that can be cut.
struct Proxy {
    port: u16,
    open: Arc<AtomicBool>,
    all: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, all) = (Arc::new(AtomicBool::new(true)), Arc::new(Mutex::new(Vec::new())));
        let (o, a) = (open.clone(), all.clone());
        spawn(move || {
            for near in listener.incoming().flatten() {
                if !o.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                a.lock().unwrap().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                    spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { port, open, all }
    }
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
    fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
        for stream in self.all.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
    fn mend(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

/// Everything a notebook does, over one of the protocols.
#[track_caller]
fn does_all(options: &[&str]) {
    let server = jupyter(options);
    let url = server.url();
    let b = bench(&server, &[&url]);
    let listing = b.listing(&url);
    assert_eq!(listing.version, "2.21.1");
    assert!(listing.running.is_empty());
    let names: Vec<&str> = listing.specs.iter().map(|s| s.name.as_str()).collect();
    assert!(names.contains(&"python3") && names.contains(&"bash"), "{names:?}");
    let session = b.start(&python(&url));
    assert_eq!(session.info().unwrap().language, "python");
    let (outcome, log) = run(&session, "import sys\nprint('out')\nprint('err', file=sys.stderr)\n1 + 1");
    assert_eq!(outcome, Outcome::Ok { execution_count: Some(1) });
    assert_eq!((log.text(false).as_str(), log.text(true).as_str()), ("out\n", "err\n"));
    assert!(log.has(|e| matches!(e, ExecEvent::Result { bundle, .. } if bundle.data["text/plain"] == "2")));
    let (outcome, log) = run(&session, "1/0");
    assert!(matches!(outcome, Outcome::Error { ref ename, .. } if ename == "ZeroDivisionError"), "{outcome:?}");
    assert!(log.has(|e| matches!(e, ExecEvent::Error { .. })));
    // Buffers make the old protocol binary.
    let (outcome, log) = run(
        &session,
        "h = display('v1', display_id='a')\nh.update('v2')\nfrom comm import create_comm\n\
        c = create_comm('t', data={}, buffers=[b'12345'])",
    );
    assert!(outcome.is_ok(), "{outcome:?} {}", log.text(true));
    assert!(log.has(|e| matches!(e, ExecEvent::UpdateDisplay { display_id, .. } if display_id == "a")));

    let asking = begin(&session, "print('hello ' + input('Who? '))");
    until(Duration::from_secs(10), "the question", || {
        asking.has(|e| matches!(e, ExecEvent::Input { prompt, password: false } if prompt == "Who? "))
    });
    session.answer("caf\u{e9}");
    until(Duration::from_secs(10), "the end", || asking.outcome().is_some());
    assert_eq!(asking.text(false), "hello caf\u{e9}\n");

    let offer = session.complete("import jso", 10, Duration::from_secs(20)).unwrap();
    assert!(offer.matches.iter().any(|m| m == "json"), "{offer:?}");
    assert!(session.inspect("len", 3, Duration::from_secs(10)).is_some());

    let sleeping = begin(&session, "import time\ntime.sleep(60)");
    let waiting = Log::default();
    session.execute("print('never')", ExecOptions::default(), waiting.sink()).unwrap();
    thread::sleep(Duration::from_millis(300));
    session.interrupt();
    until(Duration::from_secs(10), "the interrupt", || sleeping.outcome().is_some());
    assert!(matches!(sleeping.outcome(), Some(Outcome::Error { ename, .. }) if ename == "KeyboardInterrupt"));
    assert!(matches!(waiting.outcome(), Some(Outcome::Aborted { .. })));

    run(&session, "x = 1");
    session.restart().unwrap();
    let (outcome, _) = run(&session, "x");
    assert!(matches!(outcome, Outcome::Error { ref ename, .. } if ename == "NameError"), "{outcome:?}");
    assert_eq!(b.listing(&url).running.len(), 1, "a restart is no second kernel");
    session.shutdown();
    assert_eq!(session.state(), SessionState::Closed);
    assert!(b.listing(&url).running.is_empty());
    let log = std::fs::read_to_string(server.dir.path().join("log")).unwrap();
    assert!(!log.contains(&server.token), "the token was in an address");
}

#[test]
fn a_session_does_all_over_the_binary_protocol() {
    does_all(&[]);
}

#[test]
fn a_session_does_all_over_the_json_protocol() {
    does_all(&["--ZMQChannelsWebsocketConnection.kernel_ws_protocol="]);
}

#[test]
fn a_kernel_runs_on_when_it_is_let_go_of_and_is_found_again() {
    let server = jupyter(&[]);
    let url = server.url();
    let b = bench(&server, &[&url]);
    let mut spec = python(&url);
    spec.remote.as_mut().unwrap().label = "notebooks/train.ipynb".into();
    let first = b.start(&spec);
    run(&first, "x = 42");
    first.leave();
    assert_eq!(first.state(), SessionState::Closed);
    let listing = b.listing(&url);
    assert_eq!(listing.running.len(), 1);
    assert_eq!(listing.running[0].title.as_deref(), Some("train.ipynb"));
    let attached = listing.attach(&listing.running[0]);
    let again = b.start(&attached);
    assert_eq!(run(&again, "print(x)").1.text(false), "42\n");
    // Another front end's cell shows as busy here, too.
    let other = b.start(&attached);
    let theirs = begin(&other, "import time; time.sleep(1.5)");
    until(Duration::from_secs(5), "busy", || again.state() == SessionState::Busy);
    until(Duration::from_secs(10), "idle", || theirs.outcome().is_some() && again.state() == SessionState::Idle);
    b.kernels.stop_on_server(&url, &listing.running[0].id, &JobCtx::detached()).unwrap();
    until(Duration::from_secs(30), "the end to be seen", || matches!(again.state(), SessionState::Dead { .. }));
    let gone = b.kernels.start_and_wait(&attached, b.dir.path(), &JobCtx::detached()).unwrap_err();
    assert!(gone.what.contains("does not run on the server any more") && gone.hint.is_some(), "{gone}");
    let mut or_start = attached.clone();
    or_start.remote.as_mut().unwrap().or_start = true;
    let new = b.start(&or_start);
    assert!(matches!(run(&new, "x").0, Outcome::Error { .. }), "a new kernel knows nothing");
    new.shutdown();
    b.kernels.shutdown_all();
}

#[test]
fn a_connection_that_breaks_comes_back_and_nothing_is_lost() {
    let server = jupyter(&[]);
    let proxy = Proxy::to(server.port);
    let b = bench(&server, &[&proxy.url()]);
    let session = b.start(&python(&proxy.url()));
    let log = begin(&session, "import time\nfor n in range(40):\n    print(n, flush=True)\n    time.sleep(0.1)");
    until(Duration::from_secs(10), "some lines", || log.text(false).lines().count() > 5);
    proxy.cut();
    until(Duration::from_secs(5), "the break to be seen", || matches!(session.state(), SessionState::Away { .. }));
    let waiting = Log::default();
    session.execute("print('after')", ExecOptions::default(), waiting.sink()).unwrap();
    thread::sleep(Duration::from_secs(1));
    proxy.mend();
    until(Duration::from_secs(30), "the end", || log.outcome().is_some());
    assert!(matches!(log.outcome(), Some(Outcome::Ok { .. })), "{:?}", log.outcome());
    let lines: Vec<String> = log.text(false).lines().map(str::to_owned).collect();
    let whole: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    // What was on its way when the line was cut may be lost, and then a mark says so.
    assert!(lines == whole || gaps(&log) == 1, "{lines:?}");
    assert!(lines.len() > 30 && lines.windows(2).all(|w| w[0].parse::<u32>().unwrap() < w[1].parse().unwrap()));
    until(Duration::from_secs(10), "the waiting cell", || waiting.outcome().is_some());
    assert_eq!(waiting.text(false), "after\n");
    // At rest it comes back by itself, too.
    proxy.cut();
    until(Duration::from_secs(5), "the second break", || matches!(session.state(), SessionState::Away { .. }));
    proxy.mend();
    until(Duration::from_secs(20), "to be back", || session.state() == SessionState::Idle);
    session.shutdown();
}

#[test]
fn a_cell_that_ended_while_we_were_away_is_ended_honestly() {
    let server = jupyter(&[]);
    let proxy = Proxy::to(server.port);
    let b = bench(&server, &[&proxy.url(), &server.url()]);
    let session = b.start(&python(&proxy.url()));
    let log = begin(&session, "import time\nprint('begin', flush=True)\ntime.sleep(2)\nprint('end')\nx = 5");
    until(Duration::from_secs(10), "the first line", || log.text(false).contains("begin"));
    proxy.cut();
    until(Duration::from_secs(5), "the break to be seen", || matches!(session.state(), SessionState::Away { .. }));
    // A second front end takes what the server keeps for the first.
    let listing = b.listing(&server.url());
    let other = b.start(&listing.attach(&listing.running[0]));
    assert_eq!(run(&other, "print(x)").1.text(false), "5\n", "it waits for the first cell");
    proxy.mend();
    until(Duration::from_secs(30), "the end", || log.outcome().is_some());
    assert!(matches!(log.outcome(), Some(Outcome::Missed { .. })), "{:?}", log.outcome());
    assert!(gaps(&log) >= 1 && !log.text(false).contains("end"));
    assert_eq!(run(&session, "print(x)").1.text(false), "5\n", "nothing ran twice");
    session.shutdown();
}

#[test]
fn output_over_the_servers_limit_is_marked_and_the_run_ends() {
    let server = jupyter(&[]);
    let url = server.url();
    let b = bench(&server, &[&url]);
    let session = b.start(&python(&url));
    let (outcome, log) = run(&session, "print('x' * 5_000_000)\nprint('last')");
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(gaps(&log), 1);
    assert!(log.has(|e| matches!(e, ExecEvent::Display { bundle, .. }
        if bundle.data["text/plain"].as_str().is_some_and(|t| t.starts_with("[The server dropped output here: ")
            && t.contains(" message") && t.contains("Its limit of 1,000,000 bytes per second")))));
    session.shutdown();
}

#[test]
fn a_kernel_that_dies_on_the_server_is_told() {
    let server = jupyter(&[]);
    let url = server.url();
    let b = bench(&server, &[&url]);
    let session = b.start(&python(&url));
    let log = begin(&session, "import os, time\ntime.sleep(0.5)\nos._exit(3)");
    until(Duration::from_secs(20), "the death", || log.outcome().is_some());
    assert!(matches!(log.outcome(), Some(Outcome::Died { stderr, .. }) if stderr.contains("started it again")));
    let (outcome, _) = run(&session, "1");
    assert!(outcome.is_ok(), "{outcome:?}");
    session.shutdown();
}

#[test]
fn a_server_that_is_gone_does_not_hold_up_the_end() {
    let server = jupyter(&[]);
    let b = bench(&server, &[&server.url()]);
    let session = b.start(&python(&server.url()));
    drop(server);
    until(Duration::from_secs(10), "the break to be seen", || {
        matches!(session.state(), SessionState::Away { .. } | SessionState::Dead { .. })
    });
    let log = Log::default();
    let _ = session.execute("1", ExecOptions::default(), log.sink());
    let begin = Instant::now();
    session.shutdown();
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert!(log.outcome().is_some());
}

/// Answers every request with the same bytes.
fn answers(status: &str, kind: &str, extra: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{extra}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0u8; 4096];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(text.as_bytes());
        }
    });
    format!("http://127.0.0.1:{port}/")
}

#[test]
fn whatever_is_wrong_with_a_server_gets_a_sentence_and_a_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(dir.path(), Arc::new(SystemClock));
    let ask = |url: &str, token: Option<&str>| -> Error {
        let token = token.map(|t| Secret(t.to_owned()));
        let error = kernels.listing(url, token.as_ref(), &JobCtx::detached()).unwrap_err();
        assert!(error.hint.is_some(), "{error}");
        if let Some(token) = &token {
            assert!(!format!("{error:?}").contains(&token.0), "{error:?}");
        }
        error
    };
    let server = jupyter(&[]);
    assert!(ask(&server.url(), Some("not-the-token")).what.contains("does not take this token"));
    assert!(ask(&server.url(), None).what.contains("asks for a token"));
    let e = ask(&format!("{}no/such/base/", server.url()), Some(&server.token));
    assert!(e.what.contains("There is no Jupyter server") || e.what.contains("web page"), "{e}");
    let plain = answers("200 OK", "application/json", "", "{}").replace("http://", "https://");
    assert!(ask(&plain, None).what.contains("does not speak https"), "{}", ask(&plain, None));
    let e = ask(&format!("http://127.0.0.1:{}/", free_port()), None);
    assert!(e.what.contains("No server answers") && e.hint.as_deref().unwrap().contains("port"), "{e:?}");
    let e = ask("http://no-such-host.invalid/", None);
    assert!(e.hint.as_deref().unwrap().contains("name of the host"), "{e:?}");
    assert!(ask(&answers("200 OK", "text/html", "", "<html>Sign in</html>"), None).what.contains("web page"));
    let hub = answers("302 Found", "text/html", "Location: /hub/login?next=x\r\n", "");
    let e = ask(&hub, Some("secret-token"));
    assert!(e.hint.as_deref().unwrap().contains("JupyterHub"), "{e:?}");
    let moved = answers("301 Moved Permanently", "text/html", "Location: https://elsewhere/\r\n", "");
    assert!(ask(&moved, None).what.contains("leads to another address"));
    let old = answers("200 OK", "application/json", "", "{\"version\": \"4.2.0\"}");
    assert!(ask(&old, None).what.contains("too old"));
    assert!(ask(&answers("404 Not Found", "application/json", "", "{}"), None).what.contains("no Jupyter server"));
    assert!(ask(&answers("200 OK", "application/json", "", "[1, 2"), None).what.contains("no Jupyter server"));
    assert!(kernels.listing(&server.url(), Some(&Secret("a\nb".into())), &JobCtx::detached()).is_err());
}

#[test]
fn https_is_spoken_where_the_certificate_is_trusted() {
    if !super::support::has("openssl") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (key, cert) = (dir.path().join("key.pem"), dir.path().join("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let options =
        [format!("--ServerApp.certfile={}", cert.display()), format!("--ServerApp.keyfile={}", key.display())];
    let server = jupyter(&options.each_ref().map(String::as_str));
    let url = server.url().replace("http://", "https://");
    let list = |trusted: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
        let name = format!("ANDON_SECRET_JUPYTER_HTTPS_127_0_0_1_{}", server.port);
        command.args(["kernels", "--server", &url, "--json"]).current_dir(dir.path());
        command.env("ANDON_HOME", dir.path().join("home")).env(name, &server.token);
        if let Some(file) = trusted {
            command.env("SSL_CERT_FILE", file);
        }
        let output = command.output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let refused = list(None);
    assert!(refused["error"]["what"].as_str().unwrap().contains("certificate"), "{refused}");
    assert!(refused["error"]["hint"].as_str().unwrap().contains("SSL_CERT_FILE"), "{refused}");
    let answer = list(Some(&cert));
    assert_eq!(answer["schema"], "andon.kernels.server/1", "{answer}");
    assert_eq!(answer["version"], "2.21.1");
}

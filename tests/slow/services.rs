//! Real servers out of tests/services: started for a test, ended with it.
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// A server that runs until it is dropped.
pub struct Service {
    name: &'static str,
    dir: tempfile::TempDir,
    /// What its start printed: addresses, names and passwords.
    pub facts: Value,
}

/// A port nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn script(name: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services").join(name).join(file)
}

impl Service {
    /// Starts `tests/services/NAME`. One that cannot be had fails the test with its name and the last lines of its log,
    /// unless `ANDON_TESTS_WITHOUT=NAME` says that it cannot be had here.
    #[track_caller]
    pub fn start(name: &'static str) -> Option<Self> {
        if std::env::var("ANDON_TESTS_WITHOUT").is_ok_and(|v| v.split(',').any(|t| t == name)) {
            eprintln!("LEFT OUT: this test needs {name}");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let started = Command::new(script(name, "start.sh"))
            .arg(free_port().to_string())
            .arg(dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&started.stdout);
        assert!(
            started.status.success(),
            "{name} did not start:\n{}\nset ANDON_TESTS_WITHOUT={name} where it cannot be had",
            String::from_utf8_lossy(&started.stderr)
        );
        let facts = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("facts in the last line");
        Some(Self { name, dir, facts })
    }
    /// A text of the facts.
    #[track_caller]
    pub fn fact(&self, key: &str) -> &str {
        self.facts[key].as_str().unwrap_or_else(|| panic!("{key} in {}", self.facts))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let stopped = Command::new(script(self.name, "stop.sh")).arg(self.dir.path()).stdin(Stdio::null()).output();
        if let Ok(Output { status, stderr, .. }) = stopped
            && !status.success()
        {
            eprintln!("{}", String::from_utf8_lossy(&stderr));
        }
    }
}

/// A folder that a command works in, and the secrets it is given.
pub struct Desk {
    dir: tempfile::TempDir,
    secrets: Vec<(String, String)>,
}

/// What a command answered.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Desk {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("work")).unwrap();
        Self { dir, secrets: Vec::new() }
    }
    /// Gives the secret of a connection.
    pub fn secret(&mut self, name: &str, secret: &str) {
        let variable = format!("ANDON_SECRET_{}", name.to_uppercase().replace('-', "_"));
        self.secrets.retain(|(n, _)| *n != variable);
        self.secrets.push((variable, secret.to_owned()));
    }
    /// Runs `andon`.
    #[track_caller]
    pub fn andon(&self, args: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_andon"))
            .args(args)
            .current_dir(self.dir.path().join("work"))
            .env("ANDON_HOME", self.dir.path().join("home"))
            .env("HOME", self.dir.path())
            .env("TZ", "UTC")
            .envs(self.secrets.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
    /// Runs `andon ... --json`, which has to end with this code, and gives the document.
    #[track_caller]
    pub fn json(&self, code: i32, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let said = self.andon(&args).code(code);
        serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}", said.out))
    }
}

impl Said {
    /// It ended with this code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

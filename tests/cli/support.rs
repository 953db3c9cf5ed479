//! A person's home in a temporary folder, and the real binary run inside it.
#![allow(dead_code, reason = "each test binary uses its part")]
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

/// A home folder and a workspace that vanish with the test.
pub struct Home {
    dir: TempDir,
}

/// What a command answered.
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    /// An empty home with an empty workspace.
    pub fn new() -> Self {
        let home = Self { dir: TempDir::new().unwrap() };
        std::fs::create_dir_all(home.workspace()).unwrap();
        home
    }
    /// The workspace's folder.
    pub fn workspace(&self) -> PathBuf {
        self.dir.path().join("workspace")
    }
    /// A home whose workspace is a copy of the sample `name`, with its history and its board.
    pub fn with_sample(name: &str) -> Self {
        let home = Self::new();
        let copy = home.andon(&["sample", "copy", name]).code(0);
        std::fs::remove_dir(home.workspace()).unwrap();
        std::fs::rename(copy.out.trim(), home.workspace()).unwrap();
        home
    }
    /// Writes a file of the workspace, folders included.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let target = self.workspace().join(path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(&target, text).unwrap();
        target
    }
    /// Runs `andon` in the workspace.
    pub fn andon(&self, args: &[&str]) -> Answer {
        self.andon_in(&self.workspace(), args)
    }
    /// Runs `andon` in another folder.
    pub fn andon_in(&self, dir: &Path, args: &[&str]) -> Answer {
        let output = Command::new(env!("CARGO_BIN_EXE_andon"))
            .args(args)
            .current_dir(dir)
            .env("ANDON_HOME", self.dir.path().join("home"))
            .env("HOME", self.dir.path())
            .env("TZ", "UTC")
            .env_remove("ANDON_LOG")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        Answer::of(output)
    }
    /// Runs `andon` in the workspace where no file may grow beyond so many blocks of 512 bytes, as on a full disk.
    pub fn limited(&self, blocks: u32, args: &[&str]) -> Answer {
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""))
            .arg(env!("CARGO_BIN_EXE_andon"))
            .args(args)
            .current_dir(self.workspace())
            .env("ANDON_HOME", self.dir.path().join("home"))
            .env("HOME", self.dir.path())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        Answer::of(output)
    }
    /// Runs `git` in the workspace and gives what it printed.
    pub fn git(&self, args: &[&str]) -> String {
        git(&self.workspace(), args)
    }
}

/// A notebook of code cells, each an id and a source.
pub fn notebook(cells: &[(&str, &str)]) -> String {
    let cells: Vec<_> = cells
        .iter()
        .map(|(id, source)| {
            serde_json::json!({"cell_type": "code", "execution_count": null, "id": id, "metadata": {}, "outputs": [],
                               "source": source})
        })
        .collect();
    let all = serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    format!("{}\n", serde_json::to_string_pretty(&all).unwrap())
}

/// Runs `git` in `dir` as a person with a name and gives what it printed.
pub fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Mara Okafor", "-c", "user.email=mara@example.org", "-c", "init.defaultBranch=main"])
        .args(args)
        .current_dir(dir)
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Answer {
    /// What a finished process answered.
    pub fn of(Output { status, stdout, stderr }: Output) -> Self {
        Self {
            code: status.code().unwrap_or(-1),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }
    /// Asserts the exit code, showing both streams when it is another.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
    /// The one document on stdout, of this schema.
    #[track_caller]
    pub fn json(&self, schema: &str) -> Value {
        let document: Value = serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("{e}\nstdout:\n{}\nstderr:\n{}", self.out, self.err));
        assert_eq!(document["schema"], schema, "{document:#}");
        document
    }
}

//! Makes a Python environment with ipykernel inside a workspace.
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::{Kernels, NewEnvironment};
use crate::{
    base::{Error, Result, error::Context, fsx, job::JobCtx},
    model::kernel::{Interpreter, KernelSpec},
};

/// Makes the environment and returns its kernel. `line` hears what venv and pip print; `cx` can stop it, and then
/// nothing half-made stays behind.
pub fn create_environment(
    kernels: &Kernels,
    request: &NewEnvironment,
    cx: &JobCtx,
    line: &(dyn Fn(&str) + Sync),
) -> Result<KernelSpec> {
    let target = fsx::inside(&request.root, &request.folder)?;
    let base = match &request.base {
        Some(base) => base.clone(),
        None => newest(&kernels.discover(Some(&request.root), false, cx)?.interpreters)?,
    };
    if let Some(private) = request.folder.strip_prefix(".andon/") {
        keep_out_of_git(&request.root.join(".andon"), private)?;
    }
    let existed = target.join("pyvenv.cfg").is_file();
    if target.exists() && !existed && fs::read_dir(&target).is_ok_and(|mut d| d.next().is_some()) {
        return Err(Error::user(format!("{} exists and is no Python environment", request.folder))
            .hint("Choose another folder, or move it away"));
    }
    let made = make(&base, &target, request, existed, cx, line);
    if made.is_err() && !existed {
        // Half an environment would be taken for a whole one.
        let _ = fs::remove_dir_all(&target);
    }
    made?;
    let found = kernels.discover(Some(&request.root), false, cx)?;
    let prefix = fs::canonicalize(&target).unwrap_or(target);
    let inside = |k: &&KernelSpec| {
        let python = k.python.as_deref().and_then(Path::parent).and_then(|p| fs::canonicalize(p).ok());
        python.is_some_and(|p| p.starts_with(&prefix))
    };
    found.kernels.iter().find(inside).cloned().ok_or_else(|| {
        Error::remote(format!("The environment {} was made, but ipykernel does not answer in it", request.folder))
    })
}

fn make(
    base: &Path,
    target: &Path,
    request: &NewEnvironment,
    existed: bool,
    cx: &JobCtx,
    line: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    if !existed {
        cx.progress(Some(0.05), format!("Making {}", request.folder));
        run(Command::new(base).args(["-m", "venv"]).arg(target), cx, line).map_err(|failure| {
            let error = failure.error(format!("Could not make the environment {}", request.folder));
            if failure.text.contains("ensurepip") || failure.text.contains("python3-venv") {
                error.hint("On Debian and Ubuntu: sudo apt install python3-venv, then try again")
            } else {
                error
            }
        })?;
    }
    cx.progress(Some(0.2), "Installing ipykernel");
    let python = target.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
        "ipykernel",
    ]);
    pip.args(&request.packages);
    run(&mut pip, cx, line).map_err(|failure| {
        let error = failure.error("Could not install ipykernel".to_owned());
        let network = [
            "NewConnectionError",
            "Name or service not known",
            "Temporary failure in name resolution",
            "Network is unreachable",
            "ProxyError",
            "timed out",
            "No matching distribution found",
        ];
        if network.iter().any(|n| failure.text.contains(n)) {
            error.hint("pip could not reach a package index: check the network or pip's settings, then try again")
        } else if failure.text.contains("No space left") {
            error.hint("Free some space and try again")
        } else {
            error
        }
    })
}

fn newest(pythons: &[Interpreter]) -> Result<PathBuf> {
    let number = |i: &&Interpreter| i.version.split('.').map(|p| p.parse().unwrap_or(0)).collect::<Vec<u32>>();
    let usable = pythons.iter().filter(|i| !i.is_venv && number(i) >= vec![3, 9]);
    usable.max_by_key(number).map(|i| i.path.clone()).ok_or_else(|| {
        Error::user("No Python 3.9 or newer was found on this machine")
            .hint("Install Python (on Debian and Ubuntu: sudo apt install python3 python3-venv), then try again")
    })
}

/// `.andon/` ignores itself, so that the person's own .gitignore is never touched.
fn keep_out_of_git(dir: &Path, _inside: &str) -> Result<()> {
    fs::create_dir_all(dir).io(|| format!("Could not make the folder {}", dir.display()))?;
    let ignore = dir.join(".gitignore");
    if ignore.exists() { Ok(()) } else { fsx::write_atomic(&ignore, b"*\n") }
}

struct Failure {
    cancelled: bool,
    cause: String,
    text: String,
}

impl Failure {
    fn error(&self, what: String) -> Error {
        if self.cancelled {
            return Error::cancelled();
        }
        let said = self.text.lines().rev().find(|l| l.trim_start().to_lowercase().starts_with("error"));
        let last = said.or_else(|| self.text.lines().rev().find(|l| !l.trim().is_empty()));
        let error = Error::remote(what).because_of(self.cause.clone());
        match last {
            Some(line) => error.because_of(line.trim().to_owned()),
            None => error,
        }
    }
}

/// Runs a command in a group of its own, hands its lines on, and ends the whole group when cancelled.
fn run(command: &mut Command, cx: &JobCtx, line: &(dyn Fn(&str) + Sync)) -> Result<(), Failure> {
    let fail = |cause: String, text: String| Failure { cancelled: false, cause, text };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut child = command.spawn().map_err(|e| fail(e.to_string(), String::new()))?;
    let (tx, rx) = bounded::<String>(256);
    let pipes: [Option<Box<dyn std::io::Read + Send>>; 2] =
        [child.stdout.take().map(|p| Box::new(p) as _), child.stderr.take().map(|p| Box::new(p) as _)];
    for pipe in pipes.into_iter().flatten() {
        let tx = tx.clone();
        let reader = std::thread::Builder::new().name("andon-pip".into()).spawn(move || {
            for text in BufReader::new(pipe).lines().map_while(Result::ok) {
                if tx.send(text).is_err() {
                    return;
                }
            }
        });
        reader.map_err(|e| fail(e.to_string(), String::new()))?;
    }
    drop(tx);
    let mut kept = String::new();
    loop {
        if cx.cancel.is_cancelled() {
            end_group(&mut child);
            return Err(Failure { cancelled: true, cause: String::new(), text: kept });
        }
        match rx.recv_timeout(Duration::from_millis(50)) {
            Ok(text) => {
                line(&text);
                cx.progress(Some(0.5), crate::base::text::shorten(text.trim(), 120));
                kept.push_str(&text);
                kept.push('\n');
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(fail(status.to_string(), kept)),
        Err(e) => Err(fail(e.to_string(), kept)),
    }
}

fn end_group(child: &mut std::process::Child) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_python_that_is_no_environment_is_the_base() {
        let python = |path: &str, version: &str, is_venv| Interpreter {
            path: path.into(),
            version: version.into(),
            prefix: path.into(),
            is_venv,
            ipykernel: None,
            origin: super::super::Origin::Path,
        };
        let all = [python("/a", "3.9.9", false), python("/b", "3.12.1", false), python("/c", "3.13.0", true)];
        assert_eq!(newest(&all).unwrap(), Path::new("/b"));
        let e = newest(&[python("/old", "3.6.1", false)]).unwrap_err();
        assert!(e.hint.unwrap().contains("apt install"));
    }

    #[test]
    fn a_folder_that_is_no_environment_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("mine")).unwrap();
        fs::write(dir.path().join("mine/work.txt"), "x").unwrap();
        let clock = std::sync::Arc::new(crate::base::time::SystemClock);
        let kernels = Kernels::new(&dir.path().join("cache"), clock);
        let request = NewEnvironment {
            folder: "mine".into(),
            base: Some("/usr/bin/false".into()),
            ..NewEnvironment::usual(dir.path())
        };
        let e = create_environment(&kernels, &request, &JobCtx::detached(), &|_| {}).unwrap_err();
        assert!(e.what.contains("no Python environment"), "{e}");
        assert!(dir.path().join("mine/work.txt").is_file());
    }

    #[test]
    fn a_base_that_fails_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let clock = std::sync::Arc::new(crate::base::time::SystemClock);
        let kernels = Kernels::new(&dir.path().join("cache"), clock);
        let request = NewEnvironment { base: Some("/bin/false".into()), ..NewEnvironment::usual(dir.path()) };
        let e = create_environment(&kernels, &request, &JobCtx::detached(), &|_| {}).unwrap_err();
        assert!(e.what.contains("Could not make the environment"), "{e}");
        assert!(!dir.path().join(".andon/venv").exists());
        assert!(dir.path().join(".andon/.gitignore").is_file());
    }
}

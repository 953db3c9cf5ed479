//! The kernel's process: spawned in a group of its own, its stderr kept, always ended and always reaped.
use std::{
    collections::VecDeque,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    base::{Error, Result},
    model::kernel::{Exit, KernelSpec},
};

/// Bytes of stderr that are kept for the message about a crash.
const KEPT_STDERR: usize = 16 * 1024;

/// Time for the last words of a process that has ended to come out of its pipes; at rest they take a millisecond.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The last bytes a process wrote to stderr and stdout.
#[derive(Debug, Clone, Default)]
pub(super) struct Ring(Arc<Mutex<VecDeque<u8>>>);

impl Ring {
    fn push(&self, bytes: &[u8]) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.extend(bytes);
        let over = ring.len().saturating_sub(KEPT_STDERR);
        ring.drain(..over);
    }
    /// The text, without the cut line at its head.
    pub fn text(&self) -> String {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = ring.len() >= KEPT_STDERR;
        let bytes: Vec<u8> = ring.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if full { text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or(text) } else { text }
    }
}

/// A running kernel process.
pub(super) struct Process {
    child: Child,
    pid: Option<i32>,
    pub stderr: Ring,
    /// The tasks that empty its pipes; each ends when the last holder of the other end is gone.
    drains: Vec<JoinHandle<()>>,
}

impl Process {
    /// Spawns `spec` with `{connection_file}` and `{resource_dir}` filled in.
    pub fn spawn(spec: &KernelSpec, cwd: &Path, connection: &Path) -> Result<Self> {
        let fill = |arg: &String| {
            let resources = spec.resource_dir.as_deref().unwrap_or(Path::new("")).to_string_lossy().into_owned();
            arg.replace("{connection_file}", &connection.to_string_lossy()).replace("{resource_dir}", &resources)
        };
        let mut args = spec.argv.iter().map(fill);
        let program = args.next().ok_or_else(|| {
            Error::config(format!("The kernel {} has an empty command line", spec.display_name))
                .hint("Mend argv in its kernel.json")
        })?;
        let mut command = Command::new(&program);
        command
            .args(args)
            .current_dir(cwd)
            .envs(environment(spec))
            // The kernel ends by itself two seconds after we are gone, even after a SIGKILL.
            .env("JPY_PARENT_PID", std::process::id().to_string())
            .env("PYDEVD_DISABLE_FILE_VALIDATION", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|e| {
            let error = Error::remote(format!("Could not start {program}")).because(&e);
            if cwd.is_dir() {
                error.hint("Choose another kernel, or make a new environment")
            } else {
                error.hint(format!("The folder {} does not exist", cwd.display()))
            }
        })?;
        let stderr = Ring::default();
        // A full pipe would block the kernel, so both are always drained.
        let mut drains = Vec::new();
        if let Some(pipe) = child.stderr.take() {
            drains.push(tokio::spawn(drain(pipe, stderr.clone())));
        }
        if let Some(pipe) = child.stdout.take() {
            drains.push(tokio::spawn(drain(pipe, stderr.clone())));
        }
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self { child, pid, stderr, drains })
    }

    /// Process id while it runs.
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }

    /// Waits for the end and reaps it. Safe to drop half-way.
    pub async fn wait(&mut self) -> Exit {
        let status = self.child.wait().await;
        self.hear_out().await;
        match status {
            Ok(status) => {
                #[cfg(unix)]
                let signal = std::os::unix::process::ExitStatusExt::signal(&status);
                #[cfg(not(unix))]
                let signal = None;
                Exit { code: status.code(), signal }
            }
            Err(_) => Exit { code: None, signal: None },
        }
    }

    /// Waits until all it wrote is read. What it started and left behind would hold the pipes open, so that ends first.
    async fn hear_out(&mut self) {
        if timeout(LAST_WORDS, all_ended(&mut self.drains)).await.is_err() {
            signal_group(self.pid, Signal::Kill);
            let _ = timeout(LAST_WORDS * 10, all_ended(&mut self.drains)).await;
        }
    }

    /// Waits at most `patience`.
    pub async fn wait_for(&mut self, patience: Duration) -> Option<Exit> {
        timeout(patience, self.wait()).await.ok()
    }

    /// SIGTERM to the group, after a second SIGKILL, then reaps. Done within 1.5 s.
    pub async fn stop(&mut self) -> Exit {
        signal_group(self.pid, Signal::Term);
        if let Some(exit) = self.wait_for(Duration::from_secs(1)).await {
            // What the kernel itself started and left behind.
            signal_group(self.pid, Signal::Kill);
            return exit;
        }
        self.kill().await
    }

    /// SIGKILL to the group, then reaps.
    pub async fn kill(&mut self) -> Exit {
        signal_group(self.pid, Signal::Kill);
        let _ = self.child.start_kill();
        self.wait().await
    }

    /// SIGINT to the group.
    pub fn interrupt(&self) {
        signal_group(self.pid, Signal::Int);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // kill_on_drop reaches the leader only.
        if matches!(self.child.try_wait(), Ok(None)) {
            signal_group(self.pid, Signal::Kill);
        }
    }
}

/// Variables of the spec, and those an activated environment has, so that `!pip` means the right one.
fn environment(spec: &KernelSpec) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    if let Some(bin) = spec.python.as_deref().and_then(Path::parent) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(bin.to_path_buf()).chain(std::env::split_paths(&path));
        if let Ok(joined) = std::env::join_paths(dirs) {
            all.push(("PATH".into(), joined.to_string_lossy().into_owned()));
        }
        if let Some(prefix) = bin.parent().filter(|p| p.join("pyvenv.cfg").is_file()) {
            all.push(("VIRTUAL_ENV".into(), prefix.to_string_lossy().into_owned()));
        }
    }
    // `${NAME}` in a kernelspec's variables means the variable of our own environment.
    all.extend(spec.env.iter().map(|(k, v)| (k.clone(), expand(v))));
    all
}

fn expand(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(&std::env::var(name).unwrap_or_default());
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Safe to drop half-way: a task that has ended is not waited for again.
async fn all_ended(tasks: &mut Vec<JoinHandle<()>>) {
    while let Some(last) = tasks.last_mut() {
        let _ = last.await;
        tasks.pop();
    }
}

async fn drain(mut pipe: impl AsyncRead + Unpin, ring: Ring) {
    let mut buffer = [0u8; 4096];
    while let Ok(n) = pipe.read(&mut buffer).await {
        if n == 0 {
            return;
        }
        ring.push(buffer.get(..n).unwrap_or_default());
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Int,
    Term,
    Kill,
}

#[cfg(unix)]
fn signal_group(pid: Option<i32>, signal: Signal) {
    use rustix::process as p;
    let Some(pid) = pid.and_then(p::Pid::from_raw) else { return };
    let signal = match signal {
        Signal::Int => p::Signal::INT,
        Signal::Term => p::Signal::TERM,
        Signal::Kill => p::Signal::KILL,
    };
    // An error means that the group is gone already.
    let _ = p::kill_process_group(pid, signal);
}

#[cfg(not(unix))]
fn signal_group(_: Option<i32>, _: Signal) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_last_whole_lines() {
        let ring = Ring::default();
        for n in 0..5000 {
            ring.push(format!("line {n}\n").as_bytes());
        }
        let text = ring.text();
        assert!(text.ends_with("line 4999\n") && text.starts_with("line "));
        assert!(text.len() <= KEPT_STDERR);
    }
}

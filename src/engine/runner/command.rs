//! A task that is a process: its own group, its output line by line, ended as a whole.
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    super::process::{group, signal},
    log::TaskLog,
};
use crate::{
    base::{Error, Result, job::JobCtx},
    engine::store::process_started,
    model::run::Level,
};

/// Between the request to end and the end by force.
const GRACE: Duration = Duration::from_secs(3);
/// How long output may stay open after the process has ended.
const LINGER: Duration = Duration::from_secs(1);
/// A longer line is cut into several.
const LONGEST_LINE: u64 = 64 * 1024;

/// How a process ended.
pub(super) struct Exit {
    pub code: Option<i32>,
    pub error: Option<Error>,
}

/// Runs a command line through the shell until it ends or is cancelled. `started` is told the process number.
pub(super) fn run(mut command: Command, cx: &JobCtx, log: &TaskLog, started: impl FnOnce(i64, i64)) -> Result<Exit> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    group(&mut command);
    let mut child = command.spawn().map_err(|e| Error::io("Could not start the command").because(&e))?;
    let pid = i64::from(child.id());
    started(pid, process_started(pid).unwrap_or(0));
    let readers = [
        child.stdout.take().map(|out| read(Box::new(out), "stdout", log)),
        child.stderr.take().map(|err| read(Box::new(err), "stderr", log)),
    ];
    let readers: Vec<thread::JoinHandle<()>> = readers.into_iter().flatten().flatten().collect();
    let status = wait(&mut child, cx);
    // What still runs in the group belongs to the task and ends with it; its output is waited for a moment.
    if !until(LINGER, || readers.iter().all(thread::JoinHandle::is_finished)) {
        log.line(Level::Warn, "runner", "processes were left running; they are ended now");
        signal(pid, true);
        until(LINGER, || readers.iter().all(thread::JoinHandle::is_finished));
    }
    let status = status?;
    cx.check()?;
    let error = (!status.success()).then(|| {
        let error = Error::remote(ended(status));
        match log.last_error() {
            Some(line) => error.because_of(line),
            None => error,
        }
    });
    Ok(Exit { code: status.code(), error })
}

fn read(from: Box<dyn Read + Send>, source: &'static str, log: &TaskLog) -> Option<thread::JoinHandle<()>> {
    let log = log.clone();
    let go = move || {
        let mut from = BufReader::with_capacity(1 << 16, from);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut from).take(LONGEST_LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let text = String::from_utf8_lossy(&line);
                    log.output(source, text.trim_end_matches('\n'));
                }
            }
        }
    };
    thread::Builder::new().name(format!("task-{source}")).spawn(go).ok()
}

fn wait(child: &mut Child, cx: &JobCtx) -> Result<ExitStatus> {
    let pid = i64::from(child.id());
    let mut pause = Duration::from_millis(1);
    let mut told: Option<Instant> = None;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(e) => return Err(Error::io("Could not wait for the command").because(&e)),
        }
        match told {
            None if cx.cancel.is_cancelled() => {
                signal(pid, false);
                told = Some(Instant::now());
                pause = Duration::from_millis(1);
            }
            Some(at) if at.elapsed() >= GRACE => {
                signal(pid, true);
                // Without groups only the process itself can be ended.
                let _ = child.kill();
            }
            _ => {}
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn until(patience: Duration, done: impl Fn() -> bool) -> bool {
    let end = Instant::now() + patience;
    while !done() {
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

#[cfg(unix)]
fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("Exit code {code}"),
        (None, Some(signal)) => format!("Ended by signal {signal}"),
        (None, None) => "Ended without an exit code".to_owned(),
    }
}

#[cfg(not(unix))]
fn ended(status: ExitStatus) -> String {
    format!("Exit code {}", status.code().unwrap_or(-1))
}

/// The shell with a command line.
#[cfg(unix)]
pub(super) fn shell(line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(line);
    command
}

#[cfg(not(unix))]
pub(super) fn shell(line: &str) -> Command {
    let mut command = Command::new("cmd");
    command.arg("/C").arg(line);
    command
}

/// Ends the process group of a run whose owner died, if it still is the same one.
pub(super) fn end_leftover(pid: i64, started: i64) {
    // The leader may have ended and left children behind; a number taken by another process since has other members.
    let leader_lives = process_started(pid);
    if leader_lives.is_none_or(|s| s == started) && pid > 1 {
        signal(pid, false);
        if until(Duration::from_millis(500), || !group_lives(pid)) {
            return;
        }
        signal(pid, true);
    }
}

#[cfg(target_os = "linux")]
fn group_lives(pid: i64) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    entries.flatten().any(|e| {
        let Ok(stat) = fs::read_to_string(e.path().join("stat")) else { return false };
        let Some((_, rest)) = stat.rsplit_once(") ") else { return false };
        let mut fields = rest.split(' ');
        fields.next() != Some("Z") && fields.nth(1).and_then(|g| g.parse().ok()) == Some(pid)
    })
}

#[cfg(not(target_os = "linux"))]
fn group_lives(pid: i64) -> bool {
    process_started(pid).is_some()
}

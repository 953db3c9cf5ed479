//! The `git` command, for what libgit2 does not do as git does it: hooks, filters, signatures, and the network with the
//! person's own keys, helpers and proxies.
use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    super::process::{group, signal},
    askpass::{Asks, Door},
};
use crate::base::{Error, Result, job::JobCtx};

/// What a calling git or hook has set for itself; ours works on the folder it is given.
const OF_ANOTHER: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_EXTERNAL_DIFF",
];

/// How long git may clean up after it was asked to end.
const GRACE: Duration = Duration::from_secs(3);

/// How a call ended and what it printed.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Answer {
    pub ok: bool,
    pub out: String,
    /// Without the lines that only told how far it was.
    pub err: String,
}

impl Answer {
    /// The last lines of all it said, for an error's cause.
    pub fn last_words(&self) -> String {
        let said = format!("{}\n{}", self.out.trim(), self.err.trim());
        let lines: Vec<&str> = said.trim().lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }
}

/// A call of git to be made.
pub(in crate::engine) struct Call<'a> {
    dir: &'a Path,
    words: &'a [&'a str],
    input: &'a [u8],
    because: &'a str,
    asks: Option<&'a Asks>,
}

impl<'a> Call<'a> {
    /// git with these words, in a folder. `because` says what needs git, for a machine without it.
    pub fn new(dir: &'a Path, words: &'a [&'a str], because: &'a str) -> Self {
        Self { dir, words, input: b"", because, asks: None }
    }

    /// What it reads on its stdin.
    pub fn input(mut self, input: &'a [u8]) -> Self {
        self.input = input;
        self
    }

    /// Who answers when it asks for a name or a password.
    pub fn asks(mut self, asks: Option<&'a Asks>) -> Self {
        self.asks = asks;
        self
    }

    /// Makes the call. Killed when the job is cancelled; what it tells of its progress goes to the job.
    pub fn run(self, cx: &JobCtx) -> Result<Answer> {
        let io = |e: &std::io::Error| Error::io("Could not start the git command").because(e);
        cx.check()?;
        let mut command = Command::new("git");
        command.arg("-C").arg(self.dir).args(self.words);
        OF_ANOTHER.iter().for_each(|name| {
            command.env_remove(name);
        });
        // No prompt: a question on a terminal that nobody looks at would wait for ever.
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_EDITOR", "true").env("LC_ALL", "C");
        // ssh asks in a window of its own, or not at all.
        command.env("SSH_ASKPASS_REQUIRE", "force");
        let door = self.asks.map(Door::open).transpose()?;
        if let Some(door) = &door {
            door.announce(&mut command);
        }
        let mut stdin = tempfile::tempfile().map_err(|e| io(&e))?;
        stdin.write_all(self.input).and_then(|()| stdin.rewind()).map_err(|e| io(&e))?;
        // Files, not pipes: whatever it prints, it never waits for a reader.
        let file = || tempfile::tempfile().map_err(|e| io(&e));
        let (mut out, mut err) = (file()?, file()?);
        let copy = |file: &File| file.try_clone().map(Stdio::from).map_err(|e| io(&e));
        command.stdin(stdin).stdout(copy(&out)?).stderr(copy(&err)?);
        group(&mut command);
        let mut child = command.spawn().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound if self.dir.is_dir() => not_installed(self.because),
            std::io::ErrorKind::NotFound => Error::io(format!("The folder {} is gone", self.dir.display())),
            _ => io(&e),
        })?;
        let mut told = Told::default();
        let mut pause = Duration::from_millis(2);
        let mut refused = false;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|e| io(&e))? {
                break status;
            }
            if let (Some(door), Some(asks)) = (&door, self.asks) {
                refused |= door.serve(asks, cx) == Some(false);
            }
            if cx.cancel.is_cancelled() {
                end(&mut child);
                return Err(Error::cancelled());
            }
            told.report(&mut err, cx);
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        if refused && !status.success() {
            return Err(Error::cancelled());
        }
        let err = String::from_utf8_lossy(&all(&mut err).map_err(|e| io(&e))?).into_owned();
        let out = String::from_utf8_lossy(&all(&mut out).map_err(|e| io(&e))?).trim().to_owned();
        Ok(Answer { ok: status.success(), out, err: without_progress(&err) })
    }
}

/// Runs git in `dir`, with `input` on its stdin and nobody to answer its questions. Killed when the job is cancelled.
/// `because` says what needs git, for a machine without it.
pub(in crate::engine) fn run(dir: &Path, words: &[&str], input: &[u8], because: &str, cx: &JobCtx) -> Result<Answer> {
    Call::new(dir, words, because).input(input).run(cx)
}

fn not_installed(because: &str) -> Error {
    Error::io("The git command is not installed").because_of(because).hint("Install git, then try again")
}

fn all(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Asks git and all it started to end, so that it takes its lock files away; makes them after a while.
fn end(child: &mut Child) {
    let pid = i64::from(child.id());
    signal(pid, false);
    let until = Instant::now() + GRACE;
    while Instant::now() < until {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(pid, true);
    let _ = child.kill();
    let _ = child.wait();
}

/// How much of git's own words has been read.
#[derive(Default)]
struct Told {
    read: u64,
    rest: String,
    last: String,
}

impl Told {
    /// Hands the newest line about the progress on.
    fn report(&mut self, err: &mut File, cx: &JobCtx) {
        let Ok(end) = err.metadata().map(|m| m.len()) else { return };
        if end <= self.read {
            return;
        }
        let mut bytes = vec![0; usize::try_from(end - self.read).unwrap_or(0).min(1 << 20)];
        let Ok(count) = read_at(err, &mut bytes, self.read) else { return };
        self.read += count as u64;
        self.rest.push_str(&String::from_utf8_lossy(bytes.get(..count).unwrap_or_default()));
        let cut = self.rest.rfind(['\r', '\n']).map_or(0, |at| at + 1);
        let done: String = self.rest.drain(..cut).collect();
        let newest = done.split(['\r', '\n']).rev().find_map(progress_of);
        if let Some((share, note)) = newest
            && note != self.last
        {
            cx.progress(share, note.as_str());
            self.last = note;
        }
    }
}

/// Reads without moving the place that the writer shares with us.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, at)
}

/// `Receiving objects:  45% (450/1000), 1.20 MiB | 3.00 MiB/s` as a share and words; none for any other line.
pub(super) fn progress_of(line: &str) -> Option<(Option<f32>, String)> {
    let line = line.trim().trim_start_matches("remote: ").trim();
    let (title, rest) = line.split_once(": ")?;
    let rest = rest.trim_start();
    let known = title.chars().all(|c| c.is_ascii_alphabetic() || c == ' ' || c == '-');
    if !known || title.is_empty() {
        return None;
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = rest.get(..digits).filter(|d| !d.is_empty())?;
    let after = rest.get(digits..)?;
    if let Some(after) = after.strip_prefix('%') {
        let share = number.parse::<f32>().ok()? / 100.0;
        let detail = after.trim_start().trim_start_matches('(').replacen(')', "", 1).replacen('/', " of ", 1);
        let detail = detail.trim_end_matches(", done.").trim();
        return Some((Some(share), format!("{title}: {detail}")));
    }
    let counted = after.is_empty() || after.starts_with(", done");
    counted.then(|| (None, format!("{title}: {number}")))
}

/// git's words for a person: of a line written over itself the last state, and no progress.
fn without_progress(text: &str) -> String {
    let lines = text.lines().map(|l| l.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or(l));
    let kept: Vec<&str> = lines.filter(|l| progress_of(l).is_none()).map(str::trim_end).collect();
    kept.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_gits_own_words() {
        let read = |line| progress_of(line);
        assert_eq!(
            read("Receiving objects:  45% (450/1000), 1.20 MiB | 3.00 MiB/s"),
            Some((Some(0.45), "Receiving objects: 450 of 1000, 1.20 MiB | 3.00 MiB/s".into()))
        );
        assert_eq!(
            read("remote: Counting objects: 100% (5/5), done."),
            Some((Some(1.0), "Counting objects: 5 of 5".into()))
        );
        assert_eq!(read("Enumerating objects: 12, done."), Some((None, "Enumerating objects: 12".into())));
        for line in
            ["error: 3 files", "fatal: 45% is no number", "To ../origin.git", "hint: 1 thing to do", "remote: Resolved"]
        {
            let wrong = read(line).filter(|_| !line.starts_with("fatal"));
            assert_eq!(wrong, None, "{line}");
        }
        assert_eq!(without_progress("a: 10% (1/9)\rCounting: 20% (2/9)\nerror: no\n"), "error: no");
    }
}

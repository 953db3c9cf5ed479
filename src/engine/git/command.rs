//! The `git` command, for what libgit2 does not do as git does it: hooks, filters, signatures, and the network with the
//! person's own keys, helpers and proxies.
use std::{
    io::{Read as _, Seek as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::base::{Error, Result, job::JobCtx};

/// How a call ended and what it printed.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Answer {
    pub ok: bool,
    pub out: String,
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

/// Runs git in `dir`, with `input` on its stdin and nobody to answer its questions. Killed when the job is cancelled.
/// `because` says what needs git, for a machine without it.
pub(in crate::engine) fn run(dir: &Path, words: &[&str], input: &[u8], because: &str, cx: &JobCtx) -> Result<Answer> {
    let io = |e: &std::io::Error| Error::io("Could not start the git command").because(e);
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(words);
    // No prompt: a question on a terminal that nobody looks at would wait for ever.
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_EDITOR", "true").env("LC_ALL", "C");
    // ssh asks in a window of its own, or not at all.
    command.env("SSH_ASKPASS_REQUIRE", "force");
    let mut stdin = tempfile::tempfile().map_err(|e| io(&e))?;
    stdin.write_all(input).and_then(|()| stdin.rewind()).map_err(|e| io(&e))?;
    // Files, not pipes: whatever it prints, it never waits for a reader.
    let file = || tempfile::tempfile().map_err(|e| io(&e));
    let (mut out, mut err) = (file()?, file()?);
    let copy = |file: &std::fs::File| file.try_clone().map(Stdio::from).map_err(|e| io(&e));
    command.stdin(stdin).stdout(copy(&out)?).stderr(copy(&err)?);
    let mut child = command.spawn().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::io("The git command is not installed").because_of(because).hint("Install git, then try again")
        }
        _ => io(&e),
    })?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| io(&e))? {
            break status;
        }
        if cx.cancel.is_cancelled() {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Error::cancelled());
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let read = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(|e| io(&e))?;
        Ok::<_, Error>(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    Ok(Answer { ok: status.success(), out: read(&mut out)?, err: read(&mut err)? })
}

//! Names and passwords that git or ssh ask for, answered in the window. Helpers, agents and keyrings come first: git
//! asks only for what none of them knows.
use std::{io, path::PathBuf, process::Command};

use crate::{
    base::{Error, Result, job::JobCtx},
    engine::secrets::Secret,
};

/// Asks a person; none when they would rather not.
type Ask = dyn Fn(&str, &JobCtx) -> Option<Secret> + Send + Sync;

/// Who answers git's questions.
pub struct Asks {
    /// This program, which git starts to put a question.
    pub program: PathBuf,
    /// Puts the question to a person and waits.
    pub ask: Box<Ask>,
}

impl std::fmt::Debug for Asks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asks").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Where the question of a running git arrives.
pub(super) struct Door {
    #[cfg(unix)]
    inner: unix::Door,
}

impl Door {
    /// Opens one that only this person can reach.
    pub fn open(asks: &Asks) -> Result<Self> {
        #[cfg(unix)]
        return unix::Door::open(&asks.program)
            .map(|inner| Self { inner })
            .map_err(|e| Error::io("Could not get ready for git's questions").because(&e));
        #[cfg(not(unix))]
        {
            let _ = asks;
            Ok(Self {})
        }
    }

    /// Tells git and ssh where to ask.
    pub fn announce(&self, command: &mut Command) {
        #[cfg(unix)]
        self.inner.announce(command);
        #[cfg(not(unix))]
        let _ = command;
    }

    /// Answers a question that waits. None: there was none; false: the person would not answer.
    pub fn serve(&self, asks: &Asks, cx: &JobCtx) -> Option<bool> {
        #[cfg(unix)]
        return self.inner.serve(asks, cx);
        #[cfg(not(unix))]
        {
            let _ = (asks, cx);
            None
        }
    }
}

/// Puts a question through the door at `socket`, from the program that git started.
#[cfg(unix)]
pub fn put(socket: &std::path::Path, question: &str) -> Result<Option<Secret>> {
    unix::put(socket, question).map_err(unreachable)
}

/// Puts a question through the door at `socket`, from the program that git started.
#[cfg(not(unix))]
pub fn put(_: &std::path::Path, _: &str) -> Result<Option<Secret>> {
    Err(unreachable(io::ErrorKind::Unsupported.into()))
}

#[allow(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unreachable(e: io::Error) -> Error {
    Error::io("Could not reach the window that started git").because(&e)
}

#[cfg(unix)]
mod unix {
    use std::{
        fs,
        io::{self, Read as _, Write as _},
        net::Shutdown,
        os::unix::{
            fs::PermissionsExt as _,
            net::{UnixListener, UnixStream},
        },
        path::{Path, PathBuf},
        process::Command,
        time::Duration,
    };

    use super::{Asks, Secret};
    use crate::base::job::JobCtx;

    pub struct Door {
        /// Removed with the door; readable by this person alone.
        _dir: tempfile::TempDir,
        script: PathBuf,
        listener: UnixListener,
    }

    impl Door {
        pub fn open(program: &Path) -> io::Result<Self> {
            let dir = tempfile::Builder::new().prefix("andon-ask").tempdir()?;
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700))?;
            let socket = dir.path().join("door");
            let listener = UnixListener::bind(&socket)?;
            listener.set_nonblocking(true)?;
            // git and ssh start one program with one word, so the rest stands in a script.
            let script = dir.path().join("ask");
            let line = format!("#!/bin/sh\nexec {} git askpass {} \"$1\"\n", quoted(program), quoted(&socket));
            fs::write(&script, line)?;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o700))?;
            Ok(Self { _dir: dir, script, listener })
        }

        pub fn announce(&self, command: &mut Command) {
            command.env("GIT_ASKPASS", &self.script).env("SSH_ASKPASS", &self.script);
        }

        pub fn serve(&self, asks: &Asks, cx: &JobCtx) -> Option<bool> {
            let (mut stream, _) = self.listener.accept().ok()?;
            let question = read(&mut stream).ok()?;
            let answer = (asks.ask)(&question, cx);
            let known = answer.is_some();
            // `+` stands before an answer, which may be empty.
            let bytes = answer.map(|a| format!("+{}", a.0)).unwrap_or_default();
            let _ = stream.write_all(bytes.as_bytes());
            Some(known)
        }
    }

    fn read(stream: &mut UnixStream) -> io::Result<String> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut bytes = Vec::new();
        stream.take(16_384).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub fn put(socket: &Path, question: &str) -> io::Result<Option<Secret>> {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(question.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.strip_prefix('+').map(|a| Secret(a.to_owned())))
    }

    fn quoted(path: &Path) -> String {
        format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
    }
}

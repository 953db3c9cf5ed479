//! The one error type: what happened, to what, why, and what to do next.
use std::fmt;

use serde::{Deserialize, Serialize};

/// Who can mend it; decides the exit code and the colour of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request itself cannot be carried out (wrong argument, no such run).
    User,
    /// A file of the workspace says something that cannot be meant.
    Config,
    /// The disk or another local resource refused.
    Io,
    /// A kernel, server or remote did not do its part.
    Remote,
    /// The person stopped it.
    Cancelled,
    /// Andon itself is wrong.
    Bug,
}

/// An error a person can act on. `what` is a whole sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    pub kind: Kind,
    pub what: String,
    /// Reasons, nearest first.
    pub causes: Vec<String>,
    /// The next action, as a sentence without a full stop.
    pub hint: Option<String>,
}

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A new error of `kind`.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), causes: Vec::new(), hint: None }
    }
    /// The request cannot be carried out.
    pub fn user(what: impl Into<String>) -> Self {
        Self::new(Kind::User, what)
    }
    /// A workspace file is wrong.
    pub fn config(what: impl Into<String>) -> Self {
        Self::new(Kind::Config, what)
    }
    /// A local resource refused.
    pub fn io(what: impl Into<String>) -> Self {
        Self::new(Kind::Io, what)
    }
    /// A kernel or server did not do its part.
    pub fn remote(what: impl Into<String>) -> Self {
        Self::new(Kind::Remote, what)
    }
    /// A state that must not be reached.
    pub fn bug(what: impl Into<String>) -> Self {
        Self::new(Kind::Bug, what)
    }
    /// The person stopped it.
    pub fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "Cancelled")
    }
    /// Adds a reason and the chain below it.
    #[must_use]
    pub fn because(mut self, cause: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(cause);
        while let Some(cause) = next {
            let text = cause.to_string();
            if self.causes.last() != Some(&text) {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }
    /// Adds a reason given as text.
    #[must_use]
    pub fn because_of(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }
    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    /// True when a person cancelled, so that callers show nothing red.
    pub fn is_cancelled(&self) -> bool {
        self.kind == Kind::Cancelled
    }
    /// Exit code of the command line: 2 could not run, 3 our own fault, 130 cancelled.
    pub fn exit_code(&self) -> i32 {
        match self.kind {
            Kind::Bug => 3,
            Kind::Cancelled => 130,
            _ => 2,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Gives a foreign error a sentence about what was being done.
pub trait Context<T> {
    /// Wraps as [`Kind::Io`].
    fn io(self, what: impl FnOnce() -> String) -> Result<T>;
    /// Wraps as [`Kind::Config`].
    fn config(self, what: impl FnOnce() -> String) -> Result<T>;
    /// Wraps as [`Kind::Remote`].
    fn remote(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: std::error::Error + 'static> Context<T> for std::result::Result<T, E> {
    fn io(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::io(what()).because(&e))
    }
    fn config(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::config(what()).because(&e))
    }
    fn remote(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::remote(what()).because(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_the_deed_and_then_each_reason_once() {
        let io = std::io::Error::new(std::io::ErrorKind::NotFound, "gone");
        let e = Error::io("Could not read a.csv").because(&io).because_of("gone for good");
        assert_eq!(e.to_string(), "Could not read a.csv: gone: gone for good");
        assert_eq!(e.exit_code(), 2);
    }
}

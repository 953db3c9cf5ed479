//! Notices: short messages in the window; repeats collapse with a count.
use jiff::Timestamp;

use super::Command;
use crate::base::Error;

/// Colour and icon of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Info,
    Success,
    Warning,
    Failure,
}

/// A message with at most one action.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub tone: Tone,
    pub title: String,
    pub body: String,
    /// Label and command of its button.
    pub action: Option<(String, Box<Command>)>,
    pub count: u32,
    pub at: Option<Timestamp>,
}

impl Notice {
    /// A notice of this tone with one line.
    pub fn new(tone: Tone, title: impl Into<String>) -> Self {
        Self { tone, title: title.into(), body: String::new(), action: None, count: 1, at: None }
    }
    /// Something went right.
    pub fn success(title: impl Into<String>) -> Self {
        Self::new(Tone::Success, title)
    }
    /// Something to know.
    pub fn info(title: impl Into<String>) -> Self {
        Self::new(Tone::Info, title)
    }
    /// An error with its reasons and hint.
    pub fn error(error: &Error) -> Self {
        let mut body = error.causes.join(": ");
        if let Some(hint) = &error.hint {
            if !body.is_empty() {
                body.push_str(". ");
            }
            body.push_str(hint);
        }
        Self { body, ..Self::new(Tone::Failure, error.what.clone()) }
    }
    /// Adds a second line.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }
    /// Adds a button.
    #[must_use]
    pub fn action(mut self, label: impl Into<String>, command: impl Into<Command>) -> Self {
        self.action = Some((label.into(), Box::new(command.into())));
        self
    }
}

/// The notices on screen and the last hundred before them.
#[derive(Debug, Default)]
pub struct Notices {
    pub shown: Vec<Notice>,
    pub history: Vec<Notice>,
}

impl Notices {
    /// Shows one; a repeat of a shown one only counts up.
    pub fn push(&mut self, mut notice: Notice, now: Timestamp) {
        notice.at = Some(now);
        if let Some(old) = self.shown.iter_mut().find(|n| n.title == notice.title && n.body == notice.body) {
            old.count += 1;
            old.at = Some(now);
            return;
        }
        self.shown.push(notice);
        if self.shown.len() > 4 {
            let old = self.shown.remove(0);
            self.archive(old);
        }
    }
    /// Takes the notice at `index` off the screen.
    pub fn dismiss(&mut self, index: usize) {
        if index < self.shown.len() {
            let old = self.shown.remove(index);
            self.archive(old);
        }
    }
    /// Takes off what has been read: anything but a failure leaves after 6 s. True when something left.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let (gone, stay): (Vec<_>, Vec<_>) = std::mem::take(&mut self.shown).into_iter().partition(|n| {
            n.tone != Tone::Failure && n.at.is_some_and(|at| now.as_millisecond() - at.as_millisecond() >= 6_000)
        });
        self.shown = stay;
        let any = !gone.is_empty();
        for notice in gone {
            self.archive(notice);
        }
        any
    }
    /// Takes off what offers a command that no longer means what its words say.
    pub fn withdraw(&mut self, stale: impl Fn(&Command) -> bool) {
        let offers = |n: &Notice| n.action.as_ref().is_some_and(|(_, c)| stale(c));
        let (gone, stay): (Vec<_>, Vec<_>) = std::mem::take(&mut self.shown).into_iter().partition(offers);
        self.shown = stay;
        for notice in gone {
            self.archive(Notice { action: None, ..notice });
        }
    }
    fn archive(&mut self, notice: Notice) {
        self.history.push(notice);
        if self.history.len() > 100 {
            self.history.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_count_up_and_failures_stay() {
        let t = |s| Timestamp::from_second(s).unwrap();
        let mut notices = Notices::default();
        notices.push(Notice::error(&Error::io("Could not push")), t(0));
        notices.push(Notice::error(&Error::io("Could not push")), t(1));
        notices.push(Notice::success("Saved"), t(1));
        assert_eq!((notices.shown.len(), notices.shown[0].count), (2, 2));
        assert!(notices.expire(t(10)));
        assert_eq!(notices.shown.len(), 1);
        assert_eq!(notices.history.len(), 1);
    }
}

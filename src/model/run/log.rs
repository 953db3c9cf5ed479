//! Lines of a task's log: time, level, source, text, separated by tabs in the file.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// As written in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
    /// Reads [`Level::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "DEBUG" => Self::Debug,
            "INFO" => Self::Info,
            "WARN" => Self::Warn,
            "ERROR" => Self::Error,
            _ => return None,
        })
    }
    /// What a line of a program's own output seems to be, by the words people put in front.
    pub fn guess(text: &str) -> Self {
        let head: String = text.chars().take(96).collect();
        let trimmed = head.trim_start();
        if trimmed.starts_with("Traceback (most recent call last)") || is_python_error(trimmed) {
            return Self::Error;
        }
        // A level word counts only where a logger would put it: among the first few, in capitals or before a colon.
        for word in head.split(|c: char| !c.is_alphanumeric() && c != ':').take(10) {
            match word.trim_end_matches(':') {
                "ERROR" | "CRITICAL" | "FATAL" | "SEVERE" => return Self::Error,
                "WARN" | "WARNING" => return Self::Warn,
                "DEBUG" | "TRACE" => return Self::Debug,
                "INFO" => return Self::Info,
                _ => {}
            }
        }
        let lower = trimmed.to_lowercase();
        if lower.starts_with("error:") || lower.starts_with("error[") || lower.starts_with("fatal:") {
            Self::Error
        } else if lower.starts_with("warning:") || lower.contains("warning: ") && lower.contains(".py:") {
            Self::Warn
        } else {
            Self::Info
        }
    }
}

/// `ValueError: ...`, `polars.exceptions.ColumnNotFoundError: ...`.
fn is_python_error(text: &str) -> bool {
    let Some((name, _)) = text.split_once(':') else { return false };
    let last = name.rsplit('.').next().unwrap_or(name);
    name.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '_')
        && last.chars().next().is_some_and(char::is_uppercase)
        && (last.ends_with("Error") || last.ends_with("Exception") || last == "KeyboardInterrupt")
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `None` for a line that some other program wrote into the file.
    pub at: Option<Timestamp>,
    pub level: Level,
    /// `runner`, `stdout`, `stderr`, `sql`, `checks`, `notebook`.
    pub source: String,
    pub text: String,
}

impl LogLine {
    /// A line with its time.
    pub fn new(at: Timestamp, level: Level, source: &str, text: impl Into<String>) -> Self {
        Self { at: Some(at), level, source: source.to_owned(), text: text.into() }
    }
    /// The line as it stands in the file, without its end.
    pub fn to_text(&self) -> String {
        let text = self.text.replace(['\n', '\r'], " ");
        let at = self.at.map(|t| t.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()).unwrap_or_default();
        format!("{at}\t{}\t{}\t{text}", self.level.name(), self.source)
    }
    /// Reads a line of a file; anything that is not [`LogLine::to_text`] becomes text without a time.
    pub fn parse(line: &str) -> Self {
        let mut parts = line.splitn(4, '\t');
        if let (Some(at), Some(level), Some(source), Some(text)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
            && let Some(level) = Level::parse(level)
        {
            return Self { at: at.parse().ok(), level, source: source.to_owned(), text: text.to_owned() };
        }
        Self { at: None, level: Level::guess(line), source: String::new(), text: line.to_owned() }
    }
}

/// Text without terminal escapes, and of a line rewritten with carriage returns only what was left standing.
pub fn strip_ansi(text: &str) -> String {
    let text = text.trim_end_matches('\r');
    let text = text.rsplit('\r').next().unwrap_or(text);
    if !text.contains(['\u{1b}', '\u{8}', '\u{7}']) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                // Control sequences end with a letter or one of @[\]^_`{|}~.
                Some('[') => while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {},
                // Titles and links end with BEL or ESC \.
                Some(']') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' || c == '\u{1b}' && chars.next_if_eq(&'\\').is_some() {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\u{8}' | '\u{7}' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives_the_file() {
        let at: Timestamp = "2026-11-17T06:10:26.044Z".parse().unwrap();
        let line = LogLine::new(at, Level::Error, "checks", "fail\tdep_delay");
        assert_eq!(line.to_text(), "2026-11-17T06:10:26.044Z\tERROR\tchecks\tfail\tdep_delay");
        assert_eq!(LogLine::parse(&line.to_text()), line);
        assert_eq!(LogLine::parse("plain text").text, "plain text");
    }

    #[test]
    fn levels_are_guessed_from_what_loggers_write() {
        let all: Vec<_> = [
            "2026-11-17 06:10:26,044 ERROR root: no",
            "WARNING:root:late",
            "ValueError: bad unit",
            "polars.exceptions.ColumnNotFoundError: x",
            "error: could not compile",
            "no error at all: fine",
            "loaded 12 rows",
        ]
        .map(Level::guess)
        .into();
        use Level::*;
        assert_eq!(all, [Error, Warn, Error, Error, Error, Info, Info]);
    }

    #[test]
    fn terminal_escapes_and_rewritten_lines_leave_plain_text() {
        assert_eq!(strip_ansi("\u{1b}[31mred\u{1b}[0m end"), "red end");
        assert_eq!(strip_ansi("10 %\r50 %\r100 %\r"), "100 %");
        assert_eq!(strip_ansi("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{7}"), "link");
    }
}

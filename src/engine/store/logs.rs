//! Logs: one file an attempt, written line by line, read in pieces while it grows.
use std::{
    fs,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{Store, run_folder};
use crate::{
    base::{Result, error::Context, ids::RunId},
    model::run::{Level, LogLine},
};

/// A piece of a log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogChunk {
    pub lines: Vec<LogLine>,
    /// Byte offset to read on from.
    pub next: u64,
    /// Bytes before the first line that were left out, when reading began near the end of a long log.
    pub skipped_bytes: u64,
}

/// Writes the log of one attempt.
#[derive(Debug)]
pub struct LogWriter {
    file: BufWriter<fs::File>,
    /// Workspace path.
    pub path: String,
    pub lines: u64,
    /// Number, from 1, of the first line at level error.
    pub first_error: Option<u64>,
}

impl LogWriter {
    /// Begins a log. An existing file of the same name is continued, never cut.
    pub fn create(root: &Path, run: &RunId, task: &str, attempt: u32) -> Result<Self> {
        let path = log_path(run, task, attempt);
        let full = root.join(&path);
        if let Some(dir) = full.parent() {
            fs::create_dir_all(dir).io(|| format!("Could not make {}", dir.display()))?;
        }
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&full)
            .io(|| format!("Could not write the log {path}"))?;
        Ok(Self { file: BufWriter::new(file), path, lines: 0, first_error: None })
    }
    /// Begins a log beside the one that is there, which [`LogWriter::put_in_place`] replaces: a reader sees the old one or
    /// the new one.
    pub fn beside(root: &Path, run: &RunId, task: &str, attempt: u32) -> Result<Self> {
        let path = log_path(run, task, attempt);
        let full = root.join(format!("{path}.new"));
        if let Some(dir) = full.parent() {
            fs::create_dir_all(dir).io(|| format!("Could not make {}", dir.display()))?;
        }
        let file = fs::File::create(&full).io(|| format!("Could not write the log {path}"))?;
        Ok(Self { file: BufWriter::new(file), path: full.display().to_string(), lines: 0, first_error: None })
    }
    /// Ends a log begun with [`LogWriter::beside`].
    pub fn put_in_place(mut self) -> Result<()> {
        self.flush()?;
        let old = PathBuf::from(&self.path).with_extension("");
        fs::rename(&self.path, &old).io(|| format!("Could not write the log {}", old.display()))
    }
    /// Writes a line. It reaches the file with [`LogWriter::flush`] or when the buffer is full.
    pub fn write(&mut self, line: &LogLine) -> Result<()> {
        self.lines += 1;
        if line.level == Level::Error && self.first_error.is_none() {
            self.first_error = Some(self.lines);
        }
        writeln!(self.file, "{}", line.to_text()).io(|| format!("Could not write the log {}", self.path))
    }
    /// Hands what was written to the system, so that it outlives this process.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().io(|| format!("Could not write the log {}", self.path))
    }
}

/// Workspace path of an attempt's log. Other systems name tasks as they like: what could lead to another folder is escaped.
pub fn log_path(run: &RunId, task: &str, attempt: u32) -> String {
    let safe = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '[' | ']' | '.' | ' ');
    let escape = |c: char| if safe(c) { c.to_string() } else { format!("%{:02X}", u32::from(c)) };
    let name: String = task.chars().map(escape).collect();
    // The name of a file has its limit.
    let long = name.len() > 180;
    let name = if long { format!("{:016x}", xxhash_rust::xxh3::xxh3_64(task.as_bytes())) } else { name };
    let dot = if name.starts_with('.') { "%" } else { "" };
    format!("{}/{dot}{name}.{attempt}.log", run_folder(run))
}

impl Store {
    /// Full path of a log or another file a run keeps.
    pub fn kept(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// Reads whole lines of an attempt's log from byte `from`, at most `max_bytes`; from 0 on a longer log, its last
    /// `max_bytes`. A log that does not exist yet is empty.
    pub fn read_log(&self, run: &RunId, task: &str, attempt: u32, from: u64, max_bytes: u64) -> Result<LogChunk> {
        self.log_piece(run, task, attempt, from, max_bytes, true)
    }

    /// As [`Store::read_log`], but from 0 its first `max_bytes`.
    pub fn read_log_from_start(
        &self,
        run: &RunId,
        task: &str,
        attempt: u32,
        from: u64,
        max_bytes: u64,
    ) -> Result<LogChunk> {
        self.log_piece(run, task, attempt, from, max_bytes, false)
    }

    /// Bytes `from..to` of an attempt's log, as far as they are there; `None` when there is no log.
    pub fn log_bytes(&self, run: &RunId, task: &str, attempt: u32, from: u64, to: u64) -> Result<Option<Vec<u8>>> {
        let path = self.kept(&log_path(run, task, attempt));
        let what = || format!("Could not read {}", path.display());
        let mut file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(crate::base::Error::io(what()).because(&e)),
        };
        file.seek(SeekFrom::Start(from)).io(what)?;
        let mut bytes = Vec::new();
        file.take(to.saturating_sub(from)).read_to_end(&mut bytes).io(what)?;
        Ok(Some(bytes))
    }

    /// The whole lines of a log from byte `from` on, at most `max_bytes` of them, more only where one line is longer.
    /// Empty where none has ended yet.
    pub fn log_lines(&self, run: &RunId, task: &str, attempt: u32, from: u64, max_bytes: u64) -> Result<Vec<u8>> {
        let mut bytes = self.log_bytes(run, task, attempt, from, from + max_bytes)?.unwrap_or_default();
        let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        if end == 0 && bytes.len() as u64 == max_bytes && max_bytes < 1 << 30 {
            return self.log_lines(run, task, attempt, from, max_bytes * 4);
        }
        bytes.truncate(end);
        Ok(bytes)
    }

    fn log_piece(
        &self,
        run: &RunId,
        task: &str,
        attempt: u32,
        from: u64,
        max_bytes: u64,
        tail: bool,
    ) -> Result<LogChunk> {
        let path = self.kept(&log_path(run, task, attempt));
        let what = || format!("Could not read {}", path.display());
        let mut file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(LogChunk::default()),
            Err(e) => return Err(crate::base::Error::io(what()).because(&e)),
        };
        let size = file.metadata().io(what)?.len();
        let start = if tail && from == 0 && size > max_bytes { size - max_bytes } else { from.min(size) };
        file.seek(SeekFrom::Start(start)).io(what)?;
        let mut bytes = Vec::new();
        file.take(max_bytes).read_to_end(&mut bytes).io(what)?;
        // A cut first line is left out, a last line without its end is read next time.
        let first = if start > from { bytes.iter().position(|b| *b == b'\n').map_or(0, |i| i + 1) } else { 0 };
        let end = bytes.iter().rposition(|b| *b == b'\n').map_or(first, |i| i + 1);
        let text = String::from_utf8_lossy(bytes.get(first..end).unwrap_or_default()).into_owned();
        Ok(LogChunk {
            lines: text.lines().map(LogLine::parse).collect(),
            next: start + end as u64,
            skipped_bytes: if start > from { start + first as u64 } else { 0 },
        })
    }
}

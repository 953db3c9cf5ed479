//! Operations on their way to the log: one file in .andon/, shared by all processes, guarded by a file lock.
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{
    base::{
        Error, Result,
        error::Context,
        fsx,
        ids::{self, WriterId},
    },
    model::ledger::{Damage, Op, parse_log},
};

/// The journal of a workspace.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    dir: PathBuf,
}

/// Held while the journal is written.
#[derive(Debug)]
pub(super) struct Locked(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Journal {
    pub(super) fn new(root: &Path) -> Self {
        Self { dir: root.join(".andon") }
    }
    fn path(&self) -> PathBuf {
        self.dir.join("ledger-journal.jsonl")
    }
    /// The folder of a ledger without git.
    pub(super) fn folder(&self) -> PathBuf {
        self.dir.join("ledger")
    }
    /// Makes .andon with its own .gitignore, so that the user's is never edited.
    fn create_dir(&self) -> Result<()> {
        // A workspace that was renamed or deleted must not come back as an empty folder.
        if let Some(root) = self.dir.parent().filter(|root| !root.is_dir()) {
            return Err(Error::io(format!("The folder {} is gone", root.display()))
                .hint("Bring it back, or open it where it is now"));
        }
        fs::create_dir_all(&self.dir).io(|| format!("Could not make the folder {}", self.dir.display()))?;
        let ignore = self.dir.join(".gitignore");
        if !ignore.exists() {
            fsx::write_atomic(&ignore, b"*\n")?;
        }
        Ok(())
    }
    /// This clone's writer id, made on first use.
    pub(super) fn writer(&self) -> Result<WriterId> {
        let path = self.dir.join("writer");
        let known = |path: &Path| {
            let text = fs::read_to_string(path).ok()?;
            let id = text.trim();
            (id.len() >= 6 && id.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| WriterId(id.to_owned()))
        };
        if let Some(id) = known(&path) {
            return Ok(id);
        }
        let _locked = self.lock()?;
        if let Some(id) = known(&path) {
            return Ok(id);
        }
        let id = ids::random(12);
        fsx::write_atomic(&path, format!("{id}\n").as_bytes())?;
        Ok(WriterId(id))
    }
    /// Waits for other processes and keeps them out until dropped.
    pub(super) fn lock(&self) -> Result<Locked> {
        self.create_dir()?;
        let path = self.dir.join("ledger.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.io(|| format!("Could not open {}", path.display()))?;
        file.lock().io(|| format!("Could not lock {}", path.display()))?;
        Ok(Locked(file))
    }
    pub(super) fn append(&self, ops: &[Op]) -> Result<()> {
        let _locked = self.lock()?;
        self.append_locked(ops)
    }
    /// As `append`, for who holds the lock already.
    pub(super) fn append_locked(&self, ops: &[Op]) -> Result<()> {
        let lines: String = ops.iter().map(|op| op.to_line() + "\n").collect();
        self.append_text(&lines)
    }
    /// Adds whole lines as they are.
    pub(super) fn append_text(&self, lines: &str) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let path = self.path();
        let what = || format!("Could not write {}", path.display());
        let hint = |e: Error| e.hint("Free some space or make the folder writable; the board shows what was saved");
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&path).io(what).map_err(hint)?;
        let whole = file.metadata().io(what)?.len();
        let write = |file: &mut File| -> std::io::Result<()> {
            // A line torn by a crash ends here, and stays as a damaged line.
            if whole > 0 {
                let mut last = [0u8; 1];
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                }
            }
            file.write_all(lines.as_bytes())?;
            file.sync_data()
        };
        write(&mut file).map_err(|e| {
            // Half a batch must not stay: the caller is told that nothing was saved.
            let _ = file.set_len(whole);
            hint(Error::io(what()).because(&e))
        })
    }
    /// The journal's text.
    pub(super) fn lines(&self) -> Result<String> {
        match fs::read(self.path()) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(e) => Err(Error::io(format!("Could not read {}", self.path().display())).because(&e)),
        }
    }
    /// The operations in it.
    pub(super) fn read(&self) -> Result<(Vec<Op>, Vec<Damage>)> {
        Ok(parse_log(".andon/ledger-journal.jsonl", &self.lines()?))
    }
    /// Empties it, for who holds the lock and has put everything into the log.
    pub(super) fn clear(&self) -> Result<()> {
        let path = self.path();
        let file = OpenOptions::new().write(true).open(&path).io(|| format!("Could not open {}", path.display()))?;
        file.set_len(0).io(|| format!("Could not empty {}", path.display()))?;
        file.sync_data().io(|| format!("Could not empty {}", path.display()))
    }
    /// A small note kept beside the journal: the commit up to which hand edits were looked for.
    pub(super) fn checked(&self) -> Option<String> {
        let text = fs::read_to_string(self.dir.join("ledger-checked")).ok()?;
        Some(text.trim().to_owned())
    }
    /// Remembers the commit up to which hand edits were looked for.
    pub(super) fn set_checked(&self, commit: &str) -> Result<()> {
        self.create_dir()?;
        fsx::write_atomic(&self.dir.join("ledger-checked"), commit.as_bytes())
    }
}

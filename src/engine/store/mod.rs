//! The history of runs: SQLite in `.andon/andon.db`, shared by the window and the command line.
//!
//! Any number of processes may have it open (write-ahead log, busy timeout). A run has one owner at a time: the process
//! that executes it holds a [`Lease`] and writes with its token; a run whose owner is gone becomes `interrupted`
//! ([`Store::interrupt_abandoned`]). Log text lies in `.andon/runs/<run>/<task>.<attempt>.log`, everything else in the
//! database. History moves between machines as NDJSON ([`Store::export`], [`Store::import`]).
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::base::{Error, Result, error::Context, ids::RunId};

mod begin;
mod lease;
mod logs;
mod ndjson;
mod read;
mod records;
mod remote;
mod schema;
mod write;

pub use begin::{Begun, Rerun};
pub use lease::{Lease, process_started};
pub use logs::{LogChunk, LogWriter, log_path};
pub use ndjson::Imported;
pub use read::RunQuery;
pub use records::{CheckQuery, MetricQuery, Series};
pub use remote::{Intent, IntentState};
pub use write::Abandoned;

/// Heartbeats come this often.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// An owner on another machine that was silent for this long is taken for dead.
pub const LEASE_SECS: i64 = 60;

/// The open store. Clones share one connection.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    db: Mutex<Connection>,
    set_aside: Option<Error>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("root", &self.inner.root).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the workspace's store and makes it where there is none: `.andon/` with a `.gitignore` of its own.
    /// A damaged database is renamed, never deleted, and a new one begun; [`Store::set_aside`] then says so.
    pub fn open(root: &Path) -> Result<Self> {
        let dir = folder(root)?;
        let _lock = lock(&dir)?;
        let path = dir.join("andon.db");
        let (db, set_aside) = match connect(&path) {
            Ok(db) => (db, None),
            Err(e) if is_damaged(&e) && path.exists() => {
                let kept = set_aside(&path)?;
                let db = connect(&path).io(|| format!("Could not make {}", path.display()))?;
                let error = Error::io(format!("The history of runs in {} was damaged", path.display()))
                    .because(&e)
                    .hint(format!(
                        "It was kept as {} and a new history begun; logs in .andon/runs are whole",
                        kept.display()
                    ));
                (db, Some(error))
            }
            Err(e) => return Err(Error::io(format!("Could not open {}", path.display())).because(&e)),
        };
        let mut db = db;
        schema::migrate(&mut db, &path)?;
        let inner = Inner { root: root.to_path_buf(), db: Mutex::new(db), set_aside };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The workspace's folder.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// What to tell when a damaged database was set aside by this opening.
    pub fn set_aside(&self) -> Option<&Error> {
        self.inner.set_aside.as_ref()
    }

    /// A number that changes when any other connection, of this or another process, has written.
    pub fn data_version(&self) -> Result<i64> {
        self.db().query_row("PRAGMA data_version", [], |r| r.get(0)).map_err(failed("read the history of runs"))
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        self.inner.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` in one transaction that holds the writer's lock from its start.
    fn write<T>(&self, what: &'static str, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut db = self.db();
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(what))?;
        let value = work(&tx).map_err(failed(what))?;
        tx.commit().map_err(failed(what))?;
        Ok(value)
    }
}

/// `.andon`, made with its `.gitignore` where missing.
pub fn folder(root: &Path) -> Result<PathBuf> {
    if !root.is_dir() {
        return Err(Error::user(format!("No folder {}", root.display())));
    }
    let dir = root.join(".andon");
    fs::create_dir_all(&dir).io(|| format!("Could not make {}", dir.display()))?;
    let ignore = dir.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").io(|| format!("Could not write {}", ignore.display()))?;
    }
    Ok(dir)
}

/// Folder of a run's logs and executed notebooks, below the workspace.
pub fn run_folder(run: &RunId) -> String {
    format!(".andon/runs/{run}")
}

/// Keeps other processes out while the database is opened, set aside or migrated.
#[cfg(unix)]
fn lock(dir: &Path) -> Result<fs::File> {
    let path = dir.join("andon.lock");
    let file = fs::File::create(&path).io(|| format!("Could not make {}", path.display()))?;
    // A file system without locks still serves one process at a time.
    let _ = rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive);
    Ok(file)
}

#[cfg(not(unix))]
fn lock(dir: &Path) -> Result<fs::File> {
    let path = dir.join("andon.lock");
    let file = fs::File::create(&path).io(|| format!("Could not make {}", path.display()))?;
    let _ = file.lock();
    Ok(file)
}

/// Below this size the whole database is checked when it is opened; it costs a few milliseconds.
const CHECKED_BYTES: u64 = 8_000_000;

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(15))?;
    // On file systems without shared memory the answer is another mode, which works too.
    db.query_row("PRAGMA journal_mode = WAL", [], |r| r.get::<_, String>(0))?;
    db.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")?;
    if fs::metadata(path).is_ok_and(|m| m.len() < CHECKED_BYTES) {
        let answer: String = db.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
        if answer != "ok" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(rusqlite::Error::SqliteFailure(code, Some(answer)));
        }
    }
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

fn is_damaged(e: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(e.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// Renames the database and its side files; gives the new name.
fn set_aside(path: &Path) -> Result<PathBuf> {
    let stamp = Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let kept = path.with_file_name(format!("andon.damaged-{stamp}.db"));
    fs::rename(path, &kept).io(|| format!("Could not set {} aside", path.display()))?;
    for side in ["-wal", "-shm"] {
        let name = |p: &Path| PathBuf::from(format!("{}{side}", p.display()));
        if name(path).exists() {
            fs::rename(name(path), name(&kept)).io(|| format!("Could not set {} aside", name(path).display()))?;
        }
    }
    Ok(kept)
}

/// Turns a database error into words.
fn failed(what: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |e| {
        use rusqlite::ErrorCode::{DatabaseBusy, DiskFull, ReadOnly};
        let error = Error::io(format!("Could not {what}")).because(&e);
        match e.sqlite_error_code() {
            Some(DatabaseBusy) => error.hint("Another program holds .andon/andon.db; try again"),
            Some(DiskFull) => error.hint("Free some space and try again"),
            Some(ReadOnly) => error.hint("Make .andon and the files in it writable"),
            _ if is_damaged(&e) => {
                error.hint("Open the workspace again: a damaged history is set aside and a new one begun")
            }
            _ => error,
        }
    }
}

/// Milliseconds, as the database keeps instants.
fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// From the database's milliseconds.
fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

/// The instant, to the millisecond, so that what is kept equals what was given.
pub fn rounded(t: Timestamp) -> Timestamp {
    at(ms(t))
}

#[cfg(test)]
mod tests;

//! Tables, and how an older database becomes the present one.
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::failed;
use crate::base::{Error, Result};

/// One script a version; the database's `user_version` counts those already applied.
const STEPS: &[&str] = &[
    r"
CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  connection TEXT NOT NULL,
  remote_id TEXT,
  pipeline TEXT NOT NULL,
  source TEXT NOT NULL,
  kind TEXT NOT NULL,
  started_by TEXT NOT NULL,
  state TEXT NOT NULL,
  round INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  data_time TEXT,
  params TEXT NOT NULL,
  record TEXT NOT NULL,
  note TEXT,
  error TEXT,
  cancelling INTEGER NOT NULL DEFAULT 0,
  owner TEXT,
  owner_pid INTEGER,
  owner_started INTEGER,
  owner_host TEXT,
  heartbeat INTEGER
) STRICT;
CREATE UNIQUE INDEX runs_number ON runs (connection, pipeline, number);
CREATE INDEX runs_queued ON runs (queued_at);
CREATE INDEX runs_state ON runs (state);
CREATE TABLE tasks (
  run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  position INTEGER NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  after TEXT NOT NULL,
  error TEXT,
  retry_at INTEGER,
  max_attempts INTEGER NOT NULL,
  PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE attempts (
  run TEXT NOT NULL,
  task TEXT NOT NULL,
  number INTEGER NOT NULL,
  round INTEGER NOT NULL,
  state TEXT NOT NULL,
  queued_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  exit_code INTEGER,
  error TEXT,
  artifact TEXT,
  inputs TEXT NOT NULL,
  outputs TEXT NOT NULL,
  kernel TEXT,
  commit_id TEXT,
  pid INTEGER,
  pid_started INTEGER,
  PRIMARY KEY (run, task, number),
  FOREIGN KEY (run, task) REFERENCES tasks (run, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE logs (
  run TEXT NOT NULL,
  task TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  path TEXT NOT NULL,
  lines INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  first_error INTEGER,
  PRIMARY KEY (run, task, attempt)
) STRICT, WITHOUT ROWID;
CREATE TABLE metrics (
  run TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  task TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  name TEXT NOT NULL,
  value REAL NOT NULL,
  unit TEXT,
  at INTEGER NOT NULL,
  data_time TEXT NOT NULL,
  PRIMARY KEY (run, task, attempt, name, data_time, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX metrics_series ON metrics (pipeline, name, at);
CREATE TABLE check_results (
  evaluation TEXT NOT NULL,
  suite TEXT NOT NULL,
  name TEXT NOT NULL,
  dataset TEXT NOT NULL,
  run TEXT,
  task TEXT,
  state TEXT NOT NULL,
  severity TEXT NOT NULL,
  value REAL,
  failed_rows INTEGER,
  total_rows INTEGER,
  message TEXT NOT NULL,
  at INTEGER NOT NULL,
  data_time TEXT,
  detail TEXT NOT NULL,
  PRIMARY KEY (evaluation, suite, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX check_results_series ON check_results (suite, name, at);
CREATE TABLE requests (
  key TEXT PRIMARY KEY,
  run TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE file_hashes (
  path TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;
",
    // What other systems told and what was sent to them.
    r"
CREATE TABLE connections (
  name TEXT PRIMARY KEY,
  cursor INTEGER,
  answered_at INTEGER,
  failing_since INTEGER,
  error TEXT,
  version TEXT,
  millis INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE remote_pipelines (
  connection TEXT NOT NULL,
  name TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (connection, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE sent (
  key TEXT PRIMARY KEY,
  connection TEXT NOT NULL,
  run TEXT,
  before TEXT NOT NULL,
  state TEXT NOT NULL,
  at INTEGER NOT NULL,
  result TEXT
) STRICT, WITHOUT ROWID;
",
];

/// Brings the database to the present version; one of a newer Andon is left alone.
pub(super) fn migrate(db: &mut Connection, path: &Path) -> Result<()> {
    let version = |db: &Connection| db.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0));
    let bad = failed("bring the history of runs to this version");
    let found = version(db).map_err(&bad)?;
    let wanted = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > wanted {
        return Err(Error::user(format!("{} was written by a newer Andon", path.display()))
            .because_of(format!("it has version {found}, this program knows {wanted}"))
            .hint("Use the newer program, or move the file away to begin a new history"));
    }
    if found == wanted {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&bad)?;
    // Another process may have done it while this one waited for the lock.
    let found = usize::try_from(version(&tx).map_err(&bad)?).unwrap_or(0);
    for step in STEPS.iter().skip(found) {
        tx.execute_batch(step).map_err(&bad)?;
    }
    tx.pragma_update(None, "user_version", wanted).map_err(&bad)?;
    tx.commit().map_err(&bad)
}

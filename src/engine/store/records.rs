//! Metrics, check results and hashes of files.
use std::{fs, path::Path, time::UNIX_EPOCH};

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params_from_iter, types::Value as Sql};

use super::{
    Store, at, failed, ms,
    read::{json, number, small, unsigned},
    write::text,
};
use crate::{
    base::{Result, ids::RunId},
    model::run::{CheckRecord, Metric, MetricPoint},
};

/// Which metrics to read; `Default` is all, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricQuery {
    pub pipeline: Option<String>,
    pub task: Option<String>,
    pub name: Option<String>,
    pub run: Option<RunId>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Also those of attempts that were followed by another one.
    pub all_attempts: bool,
    /// The newest so many.
    pub limit: Option<usize>,
}

/// Which check results to read; `Default` is all, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CheckQuery {
    pub suite: Option<String>,
    pub check: Option<String>,
    pub run: Option<RunId>,
    pub since: Option<Timestamp>,
    /// Only the newest evaluation of each suite.
    pub newest: bool,
    /// The newest so many.
    pub limit: Option<usize>,
}

/// The numbers of one name that one task reports, run by run.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub connection: String,
    pub pipeline: String,
    pub task: String,
    pub name: String,
    pub unit: Option<String>,
    pub points: u64,
    pub last_at: Timestamp,
    pub last: f64,
}

impl Series {
    /// `local/nightly/quality_check/rows`.
    pub fn path(&self) -> String {
        format!("{}/{}/{}/{}", self.connection, self.pipeline, self.task, self.name)
    }
}

#[derive(Default)]
struct Filter {
    tests: Vec<&'static str>,
    values: Vec<Sql>,
}

impl Filter {
    fn text(&mut self, test: &'static str, value: Option<&String>) {
        if let Some(value) = value {
            self.tests.push(test);
            self.values.push(value.clone().into());
        }
    }
    fn time(&mut self, test: &'static str, value: Option<Timestamp>) {
        if let Some(value) = value {
            self.tests.push(test);
            self.values.push(ms(value).into());
        }
    }
    fn sql(&self) -> String {
        if self.tests.is_empty() { "1".to_owned() } else { self.tests.join(" AND ") }
    }
}

impl Store {
    /// Adds metrics; one that is already there is left as it is.
    pub fn add_metrics(&self, points: &[MetricPoint]) -> Result<()> {
        self.write("record metrics", |db| {
            let mut insert = db.prepare_cached(
                "INSERT OR IGNORE INTO metrics (run, pipeline, task, attempt, name, value, unit, at, data_time) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            for p in points {
                let m = &p.metric;
                insert.execute((
                    &p.run.0,
                    &p.pipeline,
                    &p.task,
                    p.attempt,
                    &m.name,
                    m.value,
                    &m.unit,
                    ms(m.at),
                    m.data_time.as_deref().unwrap_or_default(),
                ))?;
            }
            Ok(())
        })
    }

    /// Metrics in the order of their time.
    pub fn metrics(&self, query: &MetricQuery) -> Result<Vec<MetricPoint>> {
        let mut f = Filter::default();
        f.text("pipeline = ?", query.pipeline.as_ref());
        f.text("task = ?", query.task.as_ref());
        f.text("name = ?", query.name.as_ref());
        f.text("run = ?", query.run.as_ref().map(|r| &r.0));
        f.time("at >= ?", query.since);
        f.time("at <= ?", query.until);
        if !query.all_attempts {
            f.tests.push(
                "attempt = (SELECT max(attempt) FROM metrics o WHERE o.run = metrics.run AND o.task = metrics.task)",
            );
        }
        let limit = query.limit.map_or_else(String::new, |n| format!(" LIMIT {n}"));
        let sql = format!("SELECT * FROM metrics WHERE {} ORDER BY at DESC, run, task, name{limit}", f.sql());
        let mut all: Vec<MetricPoint> = self.rows(&sql, f.values, metric, "read metrics")?;
        all.reverse();
        Ok(all)
    }

    /// Names of metrics with the pipeline that reports them, sorted.
    pub fn metric_names(&self) -> Result<Vec<(String, String)>> {
        let sql = "SELECT DISTINCT pipeline, name FROM metrics ORDER BY 1, 2";
        self.rows(sql, Vec::new(), |r| Ok((r.get(0)?, r.get(1)?)), "read metrics")
    }

    /// All series, by name.
    pub fn series(&self) -> Result<Vec<Series>> {
        let sql = "SELECT coalesce(r.connection, 'local') AS connection, m.pipeline, m.task, m.name, m.unit, \
                   count(*) AS points, max(m.at) AS last_at, m.value AS last FROM metrics m LEFT JOIN runs r ON r.id = m.run \
                   GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4";
        let read = |row: &Row<'_>| {
            Ok(Series {
                connection: row.get("connection")?,
                pipeline: row.get("pipeline")?,
                task: row.get("task")?,
                name: row.get("name")?,
                unit: row.get("unit")?,
                points: super::read::unsigned(row.get("points")?),
                last_at: at(row.get("last_at")?),
                // With max() alone in the list, SQLite takes bare columns from the row that has it.
                last: row.get("last")?,
            })
        };
        self.rows(sql, Vec::new(), read, "read metrics")
    }

    /// The points of a series, oldest first, one a run: those of its newest attempt.
    pub fn points(&self, series: &Series, since: Option<Timestamp>) -> Result<Vec<MetricPoint>> {
        let sql = "SELECT m.* FROM metrics m LEFT JOIN runs r ON r.id = m.run \
                   WHERE coalesce(r.connection, 'local') = ? AND m.pipeline = ? AND m.task = ? AND m.name = ? AND m.at >= ? \
                   AND m.attempt = (SELECT max(attempt) FROM metrics o WHERE o.run = m.run AND o.task = m.task) \
                   ORDER BY m.at, m.run";
        let from = since.map_or(i64::MIN, ms);
        let values = vec![
            series.connection.clone().into(),
            series.pipeline.clone().into(),
            series.task.clone().into(),
            series.name.clone().into(),
            from.into(),
        ];
        self.rows(sql, values, metric, "read metrics")
    }

    /// Keeps what is known of an attempt's log.
    pub fn set_log(&self, run: &RunId, task: &str, attempt: u32, lines: u64, first_error: Option<u64>) -> Result<()> {
        self.write("record a log", |db| {
            db.prepare_cached(
                "INSERT INTO logs (run, task, attempt, path, lines, bytes, first_error) VALUES (?, ?, ?, ?, ?, 0, ?) \
                 ON CONFLICT (run, task, attempt) DO UPDATE SET lines = excluded.lines, first_error = excluded.first_error",
            )?
            .execute((
                &run.0,
                task,
                attempt,
                super::log_path(run, task, attempt),
                number(lines),
                first_error.map(number),
            ))
        })?;
        Ok(())
    }

    /// Adds check results; one with the same evaluation, suite and check is left as it is.
    pub fn add_check_results(&self, results: &[CheckRecord]) -> Result<()> {
        self.write("record check results", |db| {
            let mut insert = db.prepare_cached(
                "INSERT OR IGNORE INTO check_results (evaluation, suite, name, dataset, run, task, state, severity, value, \
                 failed_rows, total_rows, message, at, data_time, detail) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            for c in results {
                insert.execute(rusqlite::params![
                    c.evaluation,
                    c.suite,
                    c.check,
                    c.dataset,
                    c.run.as_ref().map(|r| &r.0),
                    c.task,
                    c.state,
                    c.severity,
                    c.value,
                    c.failed_rows.map(number),
                    c.total_rows.map(number),
                    c.message,
                    ms(c.at),
                    c.data_time,
                    text(&c.detail),
                ])?;
            }
            Ok(())
        })
    }

    /// Check results in the order of their time.
    pub fn check_results(&self, query: &CheckQuery) -> Result<Vec<CheckRecord>> {
        let mut f = Filter::default();
        f.text("suite = ?", query.suite.as_ref());
        f.text("name = ?", query.check.as_ref());
        f.text("run = ?", query.run.as_ref().map(|r| &r.0));
        f.time("at >= ?", query.since);
        if query.newest {
            f.tests.push(
                "evaluation = (SELECT o.evaluation FROM check_results o WHERE o.suite = check_results.suite \
                 ORDER BY o.at DESC, o.evaluation DESC LIMIT 1)",
            );
        }
        let limit = query.limit.map_or_else(String::new, |n| format!(" LIMIT {n}"));
        let sql = format!("SELECT * FROM check_results WHERE {} ORDER BY at DESC, suite, name DESC{limit}", f.sql());
        let mut all: Vec<CheckRecord> = self.rows(&sql, f.values, check, "read check results")?;
        all.reverse();
        Ok(all)
    }

    fn rows<T>(
        &self,
        sql: &str,
        values: Vec<Sql>,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
        what: &'static str,
    ) -> Result<Vec<T>> {
        let db = self.db();
        let go = || db.prepare_cached(sql)?.query_map(params_from_iter(values), read)?.collect::<rusqlite::Result<_>>();
        go().map_err(failed(what))
    }

    /// Content hash of a workspace file, from memory while its size and time of change are the same; `None` when it
    /// cannot be read.
    pub fn file_hash(&self, relative: &str) -> Option<String> {
        let path = self.root().join(relative);
        let meta = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let changed = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let changed = i64::try_from(changed.as_nanos()).ok()?;
        let known = self
            .db()
            .prepare_cached("SELECT hash FROM file_hashes WHERE path = ? AND bytes = ? AND changed = ?")
            .and_then(|mut s| s.query_row((relative, number(meta.len()), changed), |r| r.get(0)).optional());
        if let Ok(Some(hash)) = known {
            return Some(hash);
        }
        let hash = hash_file(&path)?;
        // A file changed within the clock's own step could change again unseen, so it is not remembered.
        let young = meta.modified().ok()?.elapsed().is_ok_and(|age| age.as_millis() < 100);
        if !young {
            let _ = self.write("remember a hash", |db| {
                db.execute(
                    "INSERT OR REPLACE INTO file_hashes (path, bytes, changed, hash) VALUES (?, ?, ?, ?)",
                    (relative, number(meta.len()), changed, &hash),
                )
            });
        }
        Some(hash)
    }
}

/// xxh3 of a file's content, 16 hexadecimal digits.
fn hash_file(path: &Path) -> Option<String> {
    let mut file = fs::File::open(path).ok()?;
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    let mut buffer = vec![0u8; 1 << 18];
    loop {
        let n = std::io::Read::read(&mut file, &mut buffer).ok()?;
        if n == 0 {
            return Some(format!("{:016x}", hasher.digest()));
        }
        hasher.update(buffer.get(..n)?);
    }
}

fn metric(row: &Row<'_>) -> rusqlite::Result<MetricPoint> {
    Ok(MetricPoint {
        run: RunId(row.get("run")?),
        pipeline: row.get("pipeline")?,
        task: row.get("task")?,
        attempt: small(row.get("attempt")?),
        metric: Metric {
            name: row.get("name")?,
            value: row.get("value")?,
            unit: row.get("unit")?,
            at: at(row.get("at")?),
            data_time: Some(row.get::<_, String>("data_time")?).filter(|t| !t.is_empty()),
        },
    })
}

fn check(row: &Row<'_>) -> rusqlite::Result<CheckRecord> {
    Ok(CheckRecord {
        run: row.get::<_, Option<String>>("run")?.map(RunId),
        task: row.get("task")?,
        evaluation: row.get("evaluation")?,
        suite: row.get("suite")?,
        check: row.get("name")?,
        dataset: row.get("dataset")?,
        state: row.get("state")?,
        severity: row.get("severity")?,
        value: row.get("value")?,
        failed_rows: row.get::<_, Option<i64>>("failed_rows")?.map(unsigned),
        total_rows: row.get::<_, Option<i64>>("total_rows")?.map(unsigned),
        message: row.get("message")?,
        at: at(row.get("at")?),
        data_time: row.get("data_time")?,
        detail: json(row, "detail")?,
    })
}

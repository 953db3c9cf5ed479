//! Evaluates suites of checks over files.
//!
//! The checks of single values and the figures of columns are read in one pass over the rows; uniqueness and foreign
//! keys group and join in passes of their own. Counts are exact. When the one pass fails because of one check, every
//! check is evaluated alone, so that only the one at fault is an error.
mod ask;
mod notes;
mod open;
mod rows;
#[cfg(test)]
mod tests;
mod words;

use std::{collections::BTreeMap, fs, path::Path};

pub use notes::{notes, put_note};

use jiff::{Timestamp, civil};
use polars::prelude::*;

use self::{
    ask::{Ask, Figures},
    open::Rows,
};
use crate::{
    base::{Error, Result, fsx, ids, job::JobCtx, text},
    model::{
        quality::{Bounds, Check, CheckResult, Kind, Scalar, Status, Suite, SuiteResult, draft, quote_text},
        series::instant,
    },
};

/// Failing values shown of a check.
const EXAMPLES: usize = 20;
/// Failing rows looked through for distinct examples.
const EXAMPLE_ROWS: u32 = 1_000;

/// Reads a check file by its workspace path.
pub fn load(root: &Path, path: &str) -> Result<Suite> {
    let file = fsx::inside(root, path)?;
    if let Some(error) = fsx::no_file(&file, path) {
        return Err(error);
    }
    Suite::parse(path, &fsx::read_text(&file)?)
}

/// Adds a check to the end of a file, every byte of which stays; `head` begins a file that is not there yet. What comes
/// out is read before it is written, so that a file that can be read stays one.
pub fn add_check(root: &Path, path: &str, head: &str, block: &str) -> Result<Suite> {
    let file = fsx::inside(root, path)?;
    let (old, expected) = match fs::read(&file) {
        Ok(bytes) => {
            let hash = fsx::hash(&bytes);
            let text = String::from_utf8(bytes).map_err(|_| Error::config(format!("{path} is not UTF-8 text")))?;
            (text, Some(hash))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => (head.to_owned(), None),
        Err(e) => return Err(Error::io(format!("Could not read {path}")).because(&e)),
    };
    let new = draft::append(&old, block);
    let suite = Suite::parse(path, &new).map_err(|e| {
        e.hint(format!("The check was not added and {path} is as it was; mend it there or choose another file"))
    })?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .map_err(|e| Error::io(format!("Could not make the folder of {path}")).because(&e))?;
    }
    fsx::write_guarded(&file, new.as_bytes(), expected)?;
    Ok(suite)
}

/// Every check file of a workspace by path, each with its suite or what is wrong with it: a link that leads nowhere or a
/// folder of that name is named, since a suite left out in silence would look as if it had passed.
pub fn list(root: &Path) -> Vec<(String, Result<Suite>)> {
    let Ok(entries) = fs::read_dir(root.join("checks")) else { return Vec::new() };
    let mut paths: Vec<String> = entries
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|x| x == "toml"))
        .map(|e| format!("checks/{}", e.file_name().to_string_lossy()))
        .collect();
    paths.sort();
    paths.into_iter().map(|p| (p.clone(), load(root, &p))).collect()
}

/// Evaluates every check of a suite. An error means that nothing could be evaluated (a parameter is missing, the run
/// was cancelled); a check that cannot be evaluated is a result of its own with [`Status::Error`].
pub fn evaluate(root: &Path, suite: &Suite, params: &BTreeMap<String, String>, cx: &JobCtx) -> Result<SuiteResult> {
    let resolved = suite.resolve(params)?;
    let suite = &resolved.suite;
    let (at, started) = (cx.clock.now(), std::time::Instant::now());
    cx.progress(None, format!("Checking {}", suite.data));
    let (checks, rows) = match all_checks(root, suite, at, cx) {
        Ok(all) => all,
        Err(e) if e.is_cancelled() => return Err(e),
        Err(e) => (suite.checks.iter().map(|c| failed_to_run(c, e.clone())).collect(), 0),
    };
    Ok(SuiteResult {
        evaluation: ids::random(12),
        suite: suite.name.clone(),
        path: suite.path.clone(),
        data: suite.data.clone(),
        params: resolved.params.clone(),
        at,
        data_time: suite.data_time.clone(),
        rows,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        checks,
    })
}

/// Evaluates the checks; an error is one of the rows themselves. A value far down a large text file that does not fit
/// the type guessed for its column makes that column text, and everything is asked again.
fn all_checks(root: &Path, suite: &Suite, at: Timestamp, cx: &JobCtx) -> Result<(Vec<CheckResult>, u64)> {
    let mut as_text = Vec::new();
    loop {
        let source = Rows::open(root, suite, &as_text, cx)?;
        let results = Run { root, suite, source: &source, at, cx }.all();
        match source.misfit() {
            Some(column) if !as_text.contains(&column) => as_text.push(column),
            _ => return results,
        }
    }
}

/// A result that says why there is none.
fn failed_to_run(check: &Check, error: Error) -> CheckResult {
    let hint = error.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
    CheckResult { message: format!("{error}{hint}"), error: Some(error), ..blank(check) }
}

/// The parts of a result that do not depend on the data.
fn blank(check: &Check) -> CheckResult {
    CheckResult {
        id: check.id.clone(),
        kind: check.kind_word().to_owned(),
        columns: check.columns.clone(),
        severity: check.severity,
        status: Status::Error,
        unit: words::unit(&check.kind),
        observed: None,
        low: None,
        high: None,
        element_count: 0,
        missing_count: 0,
        unexpected_count: 0,
        share: None,
        examples: Vec::new(),
        rows_sql: None,
        message: String::new(),
        error: None,
    }
}

/// One evaluation.
struct Run<'a> {
    root: &'a Path,
    suite: &'a Suite,
    source: &'a Rows,
    at: Timestamp,
    cx: &'a JobCtx,
}

impl Run<'_> {
    fn all(&self) -> Result<(Vec<CheckResult>, u64)> {
        let asks: Vec<Result<Ask>> = self.suite.checks.iter().map(|c| ask::ask(c, &self.source.schema)).collect();
        let (rows, figures) = self.one_pass(&asks)?;
        let total = self.suite.checks.len();
        let mut results = Vec::with_capacity(total);
        for (n, ((check, ask), figures)) in self.suite.checks.iter().zip(&asks).zip(figures).enumerate() {
            self.cx.check()?;
            self.cx.progress(Some(n as f32 / total as f32), format!("{} ({} of {total})", check.id, n + 1));
            let result = match ask {
                Ok(ask) => figures.and_then(|f| self.finish(check, ask, f, rows)),
                Err(e) => Err(e.clone()),
            };
            results.push(match result {
                Ok(result) => result,
                Err(e) if e.is_cancelled() => return Err(e),
                Err(e) => failed_to_run(check, e),
            });
        }
        Ok((results, rows))
    }

    /// Reads every figure that fits into one pass. On failure each check is asked alone.
    fn one_pass(&self, asks: &[Result<Ask>]) -> Result<(u64, Vec<Result<Figures>>)> {
        let mut exprs = vec![self.source.rows().alias("rows")];
        exprs.extend(
            asks.iter().enumerate().filter_map(|(i, a)| Some((i, a.as_ref().ok()?))).flat_map(|(i, a)| a.exprs(i)),
        );
        match self.source.collect(self.source.frame().select(exprs), self.cx) {
            Ok(frame) => {
                let rows = ask::count(&frame, "rows");
                let read =
                    |(i, a): (usize, &Result<Ask>)| Ok(a.as_ref().map(|a| a.read(i, &frame)).unwrap_or_default());
                Ok((rows, asks.iter().enumerate().map(read).collect()))
            }
            Err(e) if e.is_cancelled() || self.source.misfit().is_some() => Err(e),
            Err(_) => {
                let frame =
                    self.source.collect(self.source.frame().select([self.source.rows().alias("rows")]), self.cx)?;
                let mut figures = Vec::with_capacity(asks.len());
                for (i, ask) in asks.iter().enumerate() {
                    let exprs = ask.as_ref().map(|a| a.exprs(i)).unwrap_or_default();
                    figures.push(match (exprs.is_empty(), ask) {
                        (false, Ok(ask)) => {
                            let frame = self.source.collect(self.source.frame().select(exprs), self.cx);
                            frame.map(|f| ask.read(i, &f))
                        }
                        _ => Ok(Figures::default()),
                    });
                }
                Ok((ask::count(&frame, "rows"), figures))
            }
        }
    }

    fn finish(&self, check: &Check, ask: &Ask, figures: Figures, rows: u64) -> Result<CheckResult> {
        let mut result = CheckResult { element_count: rows, ..blank(check) };
        match (&check.kind, ask) {
            (_, Ask::Values { bad, base, .. }) => {
                result.missing_count = figures.missing;
                result.unexpected_count = figures.unexpected;
                let sample = if check.kind == Kind::NotNull { rows } else { rows - figures.missing };
                self.share(check, &mut result, sample);
                if result.unexpected_count > 0 && check.kind != Kind::NotNull {
                    let lf = self.source.frame().filter(bad.clone()).select([base.clone()]).limit(EXAMPLE_ROWS);
                    result.examples = open::examples(&self.source.collect(lf, self.cx)?, EXAMPLES);
                }
            }
            (Kind::Unique, _) => self.unique(check, &mut result)?,
            (Kind::ForeignKey { data, columns }, _) => self.foreign_key(check, data, columns, &mut result)?,
            (Kind::RowCount(bounds), _) => {
                result.observed = Some(rows as f64);
                words::judge_bounds(check, bounds, &mut result);
            }
            (Kind::Stat { bounds, .. }, _) => {
                result.missing_count = figures.missing;
                result.observed = figures.value;
                words::judge_bounds(check, bounds, &mut result);
            }
            (Kind::Freshness { max_age_secs, as_of }, _) => {
                let newest = match check.columns.first() {
                    Some(column) => self.newest(column, figures.newest)?,
                    None => Some(open::modified(self.root, &self.suite.data)?),
                };
                words::judge_age(check, newest, self.as_of(as_of.as_deref())?, *max_age_secs, &mut result);
            }
            (Kind::Schema { columns, allow_extra, ordered }, _) => {
                let problems = ask::schema_problems(&self.source.schema, columns, *allow_extra, *ordered);
                words::judge_schema(check, columns.len(), problems, &mut result);
            }
            (Kind::Sql { query }, _) => self.sql(check, query, &mut result)?,
            _ => return Err(Error::bug(format!("The check {} has no way to be evaluated", check.id))),
        }
        result.rows_sql = match result.status {
            Status::Passed => None,
            _ => rows::failing(self.suite, check, &self.source.schema, result.unexpected_count),
        };
        Ok(result)
    }

    /// Judges a share by `mostly`.
    fn share(&self, check: &Check, result: &mut CheckResult, sample: u64) {
        let good = sample.saturating_sub(result.unexpected_count);
        // Nothing to look at is nothing at fault, as in Great Expectations.
        let share = if sample == 0 { 1.0 } else { good as f64 / sample as f64 };
        result.share = Some(share);
        result.observed = Some(share);
        result.low = Some(check.mostly);
        result.status = Status::of(share >= check.mostly, check.severity);
        result.message = words::share(check, result, sample);
    }

    fn unique(&self, check: &Check, result: &mut CheckResult) -> Result<()> {
        let keys = ask::keys(&check.columns, &self.source.schema)?;
        let any = ask::any_there(&check.columns, &self.source.schema);
        let groups = self.source.frame().filter(any).group_by(keys).agg([len().alias("__copies")]);
        let counts = [
            col("__copies").sum().alias("there"),
            col("__copies").filter(col("__copies").gt(lit(1))).sum().alias("copies"),
        ];
        let frame = self.source.collect(groups.clone().select(counts), self.cx)?;
        let there = ask::count(&frame, "there");
        result.missing_count = result.element_count.saturating_sub(there);
        result.unexpected_count = ask::count(&frame, "copies");
        self.share(check, result, there);
        if result.unexpected_count > 0 {
            let columns: Vec<Expr> = check.columns.iter().map(|c| col(c.as_str())).collect();
            let twins = groups.filter(col("__copies").gt(lit(1)));
            let worst = twins.sort(["__copies"], SortMultipleOptions::default().with_order_descending(true));
            result.examples = open::examples(&self.source.collect(worst.select(columns).limit(20), self.cx)?, EXAMPLES);
        }
        Ok(())
    }

    fn foreign_key(&self, check: &Check, data: &str, theirs: &[String], result: &mut CheckResult) -> Result<()> {
        let other = open::scan(self.root, data, self.cx)
            .map_err(|e| e.because_of(format!("{} looks its values up there", check.id)))?;
        let (ours, theirs) = ask::join_keys(&self.source.schema, &check.columns, data, &other.schema, theirs)?;
        let there = ask::all_there(&check.columns, &self.source.schema);
        let mine = self.source.frame().filter(there).select(ours);
        let names: Vec<Expr> = (0..theirs.len()).map(|i| col(format!("__k{i}"))).collect();
        let known = other.frame.clone().select(theirs).unique(None, UniqueKeepStrategy::Any);
        let lost = mine.clone().join(known, names.clone(), names, JoinArgs::new(JoinType::Anti));
        let frame = self.source.collect(mine.select([len().alias("there")]), self.cx)?;
        let there = ask::count(&frame, "there");
        let frame = self.source.collect(lost.clone().select([len().alias("lost")]), self.cx)?;
        result.missing_count = result.element_count.saturating_sub(there);
        result.unexpected_count = ask::count(&frame, "lost");
        self.share(check, result, there);
        if result.unexpected_count > 0 {
            let frame = self.source.collect(lost.limit(EXAMPLE_ROWS), self.cx)?;
            result.examples = open::examples(&frame, EXAMPLES);
        }
        Ok(())
    }

    fn sql(&self, check: &Check, query: &str, result: &mut CheckResult) -> Result<()> {
        let query = rows::custom(self.suite, query);
        let (count, examples) = open::query(self.root, &query, EXAMPLES, self.cx)?;
        result.unexpected_count = count;
        result.observed = Some(count as f64);
        result.high = Some(0.0);
        result.examples = examples;
        result.status = Status::of(count == 0, check.severity);
        result.message = match count {
            0 => "its query returns no row".to_owned(),
            n => format!("its query returns {}", text::count(n, "row")),
        };
        Ok(())
    }

    /// The newest instant of a column. A column of dates counts as complete at the end of its day.
    fn newest(&self, column: &str, newest: Option<String>) -> Result<Option<Timestamp>> {
        let Some(newest) = newest else { return Ok(None) };
        let date_only = newest.trim().parse::<civil::Date>().is_ok() && !newest.contains(['T', ':']);
        let at = instant(&newest).ok_or_else(|| {
            Error::user(format!("The newest {column} is {}, which is no date or time", quote_text(&newest)))
                .hint("Check the freshness of a date or time column")
        })?;
        Ok(Some(if date_only { end_of_day(at) } else { at }))
    }

    fn as_of(&self, words: Option<&str>) -> Result<Timestamp> {
        let Some(words) = words else { return Ok(self.at) };
        let at = instant(words).ok_or_else(|| Error::config(format!("as_of is {words}, which is no date or time")))?;
        Ok(if words.trim().len() <= 10 { end_of_day(at) } else { at })
    }
}

fn end_of_day(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() + 86_400).unwrap_or(at)
}

/// Bounds that are numbers.
fn numbers(bounds: &Bounds) -> (Option<f64>, Option<f64>) {
    let number = |b: &Option<Scalar>| b.as_ref().and_then(Scalar::number);
    (number(&bounds.min), number(&bounds.max))
}

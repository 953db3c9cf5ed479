//! A session: a workspace folder, kept results, and what was learnt about its files.
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use polars::{prelude::LazyFrame, sql::SQLContext};

use super::{
    Frame, errors,
    rewrite::{self, Plan, Statement},
};
use crate::{
    base::{Error, Result, job::JobCtx, text},
    engine::frames::{self, Fail, Overrides, Scan},
    model::table::lex,
};

/// Values of `$name` parameters.
pub type Params = BTreeMap<String, serde_json::Value>;

/// What a query wants from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub tables: Vec<String>,
    pub params: Vec<String>,
}

impl Wanted {
    /// True when it stands for itself.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.params.is_empty()
    }
}

/// Runs queries over one workspace. Shared by reference: all methods take `&self`.
pub struct Session {
    root: PathBuf,
    kept: Mutex<BTreeMap<String, Frame>>,
    /// Data frames of a kernel, for the next query.
    lent: Mutex<BTreeMap<String, Frame>>,
    overrides: Mutex<Overrides>,
    /// Small files that were read whole, by path, while they do not change.
    cache: Mutex<HashMap<PathBuf, (SystemTime, u64, Scan)>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("root", &self.root).finish_non_exhaustive()
    }
}

const CACHED_FILES: usize = 16;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a query needs: the text for the engine and its tables.
struct Ready {
    plan: Plan,
    tables: Vec<(String, LazyFrame)>,
    notes: Vec<String>,
    columns: Vec<String>,
}

impl Session {
    /// A session over the folder paths are relative to.
    pub fn new(root: &Path) -> Self {
        let (kept, lent, overrides, cache) = Default::default();
        Self { root: root.to_path_buf(), kept, lent, overrides, cache }
    }
    /// Keeps a result under a name later queries can use; an earlier one of that name is forgotten.
    pub fn keep(&self, name: impl Into<String>, frame: Frame) {
        locked(&self.kept).insert(name.into(), frame);
    }
    /// Forgets a kept result.
    pub fn forget(&self, name: &str) {
        locked(&self.kept).remove(name);
    }
    /// Kept results by name.
    pub fn kept(&self) -> Vec<(String, Frame)> {
        locked(&self.kept).iter().map(|(n, f)| (n.clone(), f.clone())).collect()
    }
    /// Tables for the queries that follow, in place of those lent before. A kept result of the same name comes first.
    pub fn lend(&self, frames: Vec<(String, Frame)>) {
        *locked(&self.lent) = frames.into_iter().collect();
    }
    /// Names a query wants from outside: tables that are no files, results or parts of it, and parameters.
    pub fn wanted(&self, sql: &str) -> Wanted {
        let mut wanted = Wanted::default();
        let kept = locked(&self.kept);
        let spans = lex::significant(sql);
        let text = |i: usize| spans.get(i).map(|s| &sql[s.at.clone()]).unwrap_or_default();
        let own = |name: &str| {
            let is = |i: usize| lex::unquote_name(text(i)).eq_ignore_ascii_case(name);
            (0..spans.len()).any(|i| is(i) && text(i + 1).eq_ignore_ascii_case("AS") && text(i + 2) == "(")
        };
        let all = rewrite::named(sql);
        wanted.tables = all.into_iter().filter(|n| !kept.contains_key(n) && !own(n)).collect();
        wanted.params = lex::params(sql);
        for list in [&mut wanted.tables, &mut wanted.params] {
            let mut seen = std::collections::BTreeSet::new();
            list.retain(|n| seen.insert(n.clone()));
        }
        wanted
    }

    /// One kept result.
    pub fn get(&self, name: &str) -> Option<Frame> {
        locked(&self.kept).get(name).cloned()
    }

    /// Runs a query. Several statements may be parted by `;`: the last one's result is given.
    pub fn query(&self, sql: &str, cx: &JobCtx) -> Result<Frame> {
        self.query_with(sql, &Params::new(), cx)
    }

    /// Runs a query with values for its `$name` parameters.
    pub fn query_with(&self, sql: &str, params: &Params, cx: &JobCtx) -> Result<Frame> {
        let mut last = None;
        for statement in rewrite::statements(sql) {
            cx.check()?;
            last = Some(self.run(sql, &statement, params, cx)?);
        }
        last.ok_or_else(|| Error::user("The query is empty").hint("Write a SELECT over a file or a result"))
    }

    fn run(&self, whole: &str, part: &std::ops::Range<usize>, params: &Params, cx: &JobCtx) -> Result<Frame> {
        let started = Instant::now();
        let statement = rewrite::classify(&whole[part.clone()]);
        if let Statement::Refused(word) = &statement {
            return Err(Error::user(format!(
                "{word} is not possible here: SQL in Andon reads files and never changes them"
            ))
            .hint("Use SELECT, and CREATE TABLE name AS SELECT to keep a result under a name"));
        }
        let plan = rewrite::plan(whole, part, &statement, params)?;
        let mut failures = 0;
        let frame = loop {
            let ready = self.ready(plan.clone())?;
            let (columns, notes) = (ready.columns.clone(), ready.notes.clone());
            let result = match statement {
                Statement::Describe => describe(ready),
                Statement::Explain => explain(ready, &self.names()),
                _ => execute(ready, cx),
            };
            let error = match result {
                Ok(collected) => {
                    let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                    break Frame::collected(collected, notes, elapsed)?;
                }
                Err(error) => error,
            };
            failures += 1;
            if failures > 64 || !self.learn(&plan, &error) {
                return Err(self.explain(whole, &plan, &columns, error));
            }
        };
        if let Statement::CreateTable { name } = statement {
            self.keep(name, frame.clone());
        }
        Ok(frame)
    }

    /// What a plan calls files, and how a person knows them.
    fn names(&self) -> Vec<(String, String)> {
        let frames = self.kept().into_iter().chain(locked(&self.lent).clone());
        let mut all: Vec<(String, String)> =
            frames.filter_map(|(name, frame)| Some((frame.file()?.display().to_string(), name))).collect();
        all.push((format!("{}/", self.root.display()), String::new()));
        all
    }

    fn ready(&self, plan: Plan) -> Result<Ready> {
        let mut ready = Ready { plan, tables: Vec::new(), notes: Vec::new(), columns: Vec::new() };
        for table in ready.plan.tables.clone() {
            let mut scan = self.open(&table.path)?;
            let what = || format!("Could not read {}", table.path);
            let schema = scan.lf.collect_schema().map_err(|e| frames::explain(&what(), &e))?;
            ready.columns.extend(schema.iter_names().map(|n| n.to_string()));
            ready.notes.extend(scan.notes.iter().map(|n| format!("{}: {n}", table.path)));
            ready.tables.push((table.name, scan.lf));
        }
        let kept = self.kept();
        let lent: Vec<(String, Frame)> = locked(&self.lent).iter().map(|(n, f)| (n.clone(), f.clone())).collect();
        let lent = lent.into_iter().filter(|(n, _)| kept.iter().all(|(k, _)| k != n)).collect::<Vec<_>>();
        for (name, frame) in kept.into_iter().chain(lent) {
            if ready.plan.words.iter().any(|w| w.eq_ignore_ascii_case(&name)) {
                ready.columns.extend(frame.columns().iter().map(|c| c.name.clone()));
            }
            ready.tables.push((name, frame.lazy()));
        }
        Ok(ready)
    }

    fn open(&self, path: &str) -> Result<Scan> {
        let full = if Path::new(path).is_absolute() { PathBuf::from(path) } else { self.root.join(path) };
        let overrides = locked(&self.overrides).clone();
        let stamp = full.metadata().ok().filter(std::fs::Metadata::is_file);
        let stamp = stamp.and_then(|m| Some((m.modified().ok()?, m.len())));
        if let Some((modified, bytes)) = stamp
            && let Some((m, b, scan)) = locked(&self.cache).get(&full)
            && (*m, *b) == (modified, bytes)
        {
            return Ok(scan.clone());
        }
        let scan = frames::scan(&full, &overrides).map_err(|e| self.missing(path, e))?;
        if let Some((modified, bytes)) = stamp.filter(|_| scan.frame.is_some()) {
            let mut cache = locked(&self.cache);
            if cache.len() >= CACHED_FILES {
                cache.clear();
            }
            cache.insert(full, (modified, bytes, scan.clone()));
        }
        Ok(scan)
    }

    fn missing(&self, path: &str, error: Error) -> Error {
        if error.hint.is_some() || !error.what.contains("There is no file") {
            return error;
        }
        let near = frames::nearest_files(&self.root, path);
        let error = Error::user(format!("There is no file {path}"));
        match near.as_slice() {
            [] => error.hint("Paths are relative to the workspace folder"),
            near => error.hint(format!("Did you mean {}?", near.join(" or "))),
        }
    }

    /// Notes that a column must be read as text; false when that is no news.
    fn learn(&self, plan: &Plan, error: &Fail) -> bool {
        let Fail::Engine(engine) = error else { return false };
        let Some(column) = frames::misfit_column(engine) else { return false };
        let mut news = false;
        for table in &plan.tables {
            let Ok(scan) = self.open(&table.path) else { continue };
            let mut overrides = locked(&self.overrides);
            for file in scan.files.iter().filter(|_| scan.frame.is_none()) {
                let known = overrides.entry(file.clone()).or_default();
                if !known.contains(&column) {
                    known.push(column.clone());
                    news = true;
                }
            }
        }
        news
    }

    fn explain(&self, whole: &str, plan: &Plan, columns: &[String], error: Fail) -> Error {
        let names: Vec<String> = self.kept().into_iter().map(|(n, _)| n).collect();
        let known = errors::Known { columns, names: &names, root: &self.root };
        match error {
            Fail::Engine(e) => errors::explain(whole, plan, &e, &known),
            other => other.into_error("The query failed"),
        }
    }
}

fn execute(ready: Ready, cx: &JobCtx) -> Result<frames::Collected, Fail> {
    let Ready { plan, tables, .. } = ready;
    let lf = frames::detach(cx, move || {
        let mut context = SQLContext::new();
        for (name, lf) in tables {
            context.register(&name, lf);
        }
        Ok(context.execute(&plan.sql)?)
    })?;
    frames::collect_bounded(lf, cx)
}

/// EXPLAIN: the plan as the engine has optimised it, a row a line.
fn explain(ready: Ready, names: &[(String, String)]) -> Result<frames::Collected, Fail> {
    let Ready { plan, tables, .. } = ready;
    let files = plan.tables.clone();
    let mut context = SQLContext::new();
    for (name, lf) in tables {
        context.register(&name, lf);
    }
    let text = context.execute(&plan.sql)?.explain(true)?;
    let readable = files.iter().fold(text, |text, file| text.replace(&file.name, &file.path));
    let readable = names.iter().fold(readable, |text, (path, name)| text.replace(path, name));
    let rows: Vec<Vec<String>> = readable.lines().map(|l| vec![l.to_owned()]).collect();
    let frame = Frame::of_text(&["plan"], &rows)?;
    Ok(frames::Collected::Memory(frame.in_memory().cloned().unwrap_or_default()))
}

/// DESCRIBE: one row a column.
fn describe(ready: Ready) -> Result<frames::Collected, Fail> {
    let name = ready.plan.sql.trim().trim_matches('"').to_owned();
    let Some((_, mut lf)) = ready.tables.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(&name)) else {
        let error = Error::user(format!("There is no table {}", text::shorten(&name, 60)));
        return Err(Fail::Other(error.hint("DESCRIBE takes a file in quotes or the name of a result")));
    };
    let schema = lf.collect_schema()?;
    let rows: Vec<Vec<String>> =
        frames::columns_of(&schema).iter().map(|c| vec![c.name.clone(), c.dtype.clone()]).collect();
    let frame = Frame::of_text(&["column", "type"], &rows)?;
    Ok(frames::Collected::Memory(frame.in_memory().cloned().unwrap_or_default()))
}

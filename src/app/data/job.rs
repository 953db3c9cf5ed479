//! The work of the data page, off the window's thread.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use super::{Event, OpenedTable, Origin, PAGE_ROWS, TabId, Task};
use crate::{
    app::{Env, Out},
    base::{Error, Result, fsx, ids, job::JobCtx, text},
    engine::{
        frames::{self, Source, View},
        profile::Profiler,
        sql::Session,
    },
    model::table::{Step, ViewSpec},
};

/// Rows copied to the clipboard at most.
const COPY_ROWS: u64 = 100_000;

pub(super) fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Open { tab, origin } => report(open(tab, &origin, env, cx), |r| match r {
            Ok(table) => out.send(Event::Opened { tab, table }),
            Err(error) => out.send(Event::OpenFailed { tab, error }),
        }),
        Task::Prepare { tab } => {
            let source = env.tables.source(tab)?;
            source.prepare(cx)?;
            source.count(cx)?;
            out.send(Event::Prepared { tab, table: describe(&source, Instant::now(), cx)? });
        }
        Task::View { tab, revision, steps } => report(view(tab, revision, &steps, env, cx), |r| match r {
            Ok(viewed) => out.send(viewed),
            Err(error) => out.send(Event::ViewFailed { tab, revision, error }),
        }),
        Task::PrepareView { tab, revision } => {
            if let Some(view) = env.tables.view(tab, revision) {
                view.prepare(cx)?;
            }
        }
        Task::Query { tab, sql } => report(query(tab, &sql, env, cx), |r| match r {
            Ok(table) => out.send(Event::Queried { tab, sql, table }),
            Err(error) => out.send(Event::QueryFailed { tab, error }),
        }),
        Task::Pages { tab, revision, pages } => report(load(tab, revision, &pages, env, cx, out), |r| {
            if let Err(error) = r {
                out.send(Event::PagesFailed { tab, revision, error });
            }
        }),
        Task::Profile { tab } => profile(tab, env, cx, out)?,
        Task::FocusProfile { tab, revision, column } => {
            if let Some(view) = env.tables.view(tab, revision) {
                let profile = Profiler::of_view(&view).column(&column, cx)?;
                out.send(Event::FocusProfile { tab, revision, profile });
            }
        }
        Task::Copy { tab, revision, rows, columns } => {
            let count = rows.end - rows.start;
            if count > COPY_ROWS {
                return Err(Error::user(format!("{} are too many for the clipboard", text::count(count, "row")))
                    .hint(format!("Select at most {}, or export them to a file", text::thousands(COPY_ROWS))));
            }
            let page = page(tab, revision, rows.start, count as usize, env, cx)?;
            let range = columns.start..columns.end.min(page.columns.len());
            let mut lines =
                vec![page.columns[range.clone()].iter().map(|c| c.name.clone()).collect::<Vec<_>>().join("\t")];
            let line = |row: &Vec<crate::model::table::Cell>| {
                let fields = row[range.clone()].iter().map(|c| c.plain().replace(['\t', '\n', '\r'], " "));
                fields.collect::<Vec<_>>().join("\t")
            };
            lines.extend(page.rows.iter().map(line));
            out.send(Event::Copied { text: lines.join("\n"), rows: page.rows.len() as u64 });
        }
        Task::Export { tab, revision, path } => {
            let target = target(&env.root()?, &path);
            let source = env.tables.source(tab)?;
            let rows = match env.tables.view(tab, revision) {
                Some(view) => view.write(&target, cx)?,
                None => source.view(&ViewSpec::default(), cx)?.write(&target, cx)?,
            };
            out.send(Event::Exported { path, rows });
        }
        Task::ToNotebook { title, sql } => {
            let path = notebook(&env.root()?, &title, &sql)?;
            out.send(Event::NotebookWritten { path });
        }
        Task::Chart { .. } | Task::Compare { .. } | Task::AddCheck { .. } => super::extra::run(task, env, cx, out)?,
        Task::Close { tab } => env.tables.close(tab),
        Task::CloseOthers { generation } => env.tables.retain(|id| id >> 24 == generation),
    }
    Ok(())
}

/// Gives the answer to the page unless the person cancelled.
fn report<T>(result: Result<T>, send: impl FnOnce(Result<T>)) {
    if !result.as_ref().is_err_and(Error::is_cancelled) {
        send(result);
    }
}

fn target(root: &Path, path: &str) -> PathBuf {
    if Path::new(path).is_absolute() { PathBuf::from(path) } else { root.join(path) }
}

fn open(tab: TabId, origin: &Origin, env: &Arc<Env>, cx: &JobCtx) -> Result<OpenedTable> {
    let begin = Instant::now();
    let source = match origin {
        Origin::File(path) => frames::open(&target(&env.root()?, path)).map_err(|e| shorten(e, env))?,
        Origin::Query(sql) => Source::of_frame(&Session::new(&env.root()?).query(sql, cx)?)?,
        Origin::Cell { doc, key, .. } => {
            let frame = env.notebooks.frame(*doc, *key).ok_or_else(|| {
                Error::user("The result of this cell is no longer there").hint("Run the cell again, then open it")
            })?;
            Source::of_frame(&frame)?
        }
    };
    let table = describe(&source, begin, cx)?;
    env.tables.put(tab, source);
    Ok(table)
}

/// Paths below the workspace as they are shown elsewhere.
fn shorten(mut error: Error, env: &Arc<Env>) -> Error {
    if let Ok(root) = env.root() {
        error.what = error.what.replace(&format!("{}/", root.display()), "");
    }
    error
}

fn describe(source: &Source, begin: Instant, cx: &JobCtx) -> Result<OpenedTable> {
    let page = source.page(0, PAGE_ROWS as usize, cx)?;
    Ok(OpenedTable {
        columns: source.columns(),
        rows: source.rows(),
        notes: source.notes(),
        page: Arc::new(page),
        elapsed_ms: millis(begin),
        needs_prepare: source.needs_prepare(),
    })
}

fn millis(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn query(tab: TabId, sql: &str, env: &Arc<Env>, cx: &JobCtx) -> Result<OpenedTable> {
    let begin = Instant::now();
    let frame = Session::new(&env.root()?).query(sql, cx)?;
    let source = Source::of_frame(&frame)?;
    let table = describe(&source, begin, cx)?;
    cx.check()?;
    env.tables.put(tab, source);
    Ok(table)
}

fn view(tab: TabId, revision: u64, steps: &[Step], env: &Arc<Env>, cx: &JobCtx) -> Result<Event> {
    let begin = Instant::now();
    let source = env.tables.source(tab)?;
    let view = source.view(&ViewSpec::of(steps), cx)?;
    let page = Arc::new(view.first_page(PAGE_ROWS as usize, cx)?);
    let rows = view.rows();
    let needs_prepare = view.needs_prepare();
    let elapsed_ms = millis(begin);
    let step_rows = step_rows(&source, steps, rows, cx);
    env.tables.set_view(tab, revision, view);
    Ok(Event::Viewed { tab, revision, rows, step_rows, page, elapsed_ms, needs_prepare })
}

/// Rows after each step: only filters change them, and only counts of small tables are cheap enough to have.
fn step_rows(source: &Source, steps: &[Step], last: u64, cx: &JobCtx) -> Vec<Option<u64>> {
    let small = source.rows().is_some_and(|r| r.saturating_mul(source.columns().len() as u64) < 4_000_000);
    let filters = steps.iter().rposition(|s| s.is_on() && matches!(s, Step::Filter { .. }));
    let mut known: BTreeMap<usize, Option<u64>> = BTreeMap::new();
    let mut so_far = source.rows();
    for (i, step) in steps.iter().enumerate() {
        if step.is_on() && matches!(step, Step::Filter { .. }) {
            so_far = if Some(i) == filters {
                Some(last)
            } else if small {
                let only: Vec<Step> =
                    steps[..=i].iter().filter(|s| matches!(s, Step::Filter { .. })).cloned().collect();
                source.view(&ViewSpec::of(&only), cx).ok().map(|v| v.rows())
            } else {
                None
            };
        }
        known.insert(i, so_far);
    }
    known.into_values().collect()
}

fn page(
    tab: TabId,
    revision: u64,
    first: u64,
    count: usize,
    env: &Arc<Env>,
    cx: &JobCtx,
) -> Result<crate::model::table::Page> {
    match env.tables.view(tab, revision) {
        Some(view) => View::page(&view, first, count, cx),
        None => env.tables.source(tab)?.page(first, count, cx),
    }
}

fn load(tab: TabId, revision: u64, pages: &[u64], env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    for number in pages {
        cx.check()?;
        let page = page(tab, revision, number * PAGE_ROWS, PAGE_ROWS as usize, env, cx)?;
        out.send(Event::Page { tab, revision, page: Arc::new(page) });
    }
    Ok(())
}

fn profile(tab: TabId, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let source = env.tables.source(tab)?;
    let profiler = Profiler::of_source(&source);
    let profiles = profiler.sample(cx)?;
    let exact = profiles.iter().all(|p| p.sampled.is_none());
    out.send(Event::Profiles { tab, profiles });
    // A file that can only be read from the start is profiled once it has been read.
    if exact || source.needs_prepare() {
        return Ok(());
    }
    profiler.all(cx, |profile| out.send(Event::Profile { tab, profile }))
}

/// A title as part of the name of a file.
fn stem(title: &str) -> String {
    let stem = title.rsplit_once('.').map_or(title, |(s, _)| s);
    stem.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' }).collect()
}

/// A query as the source of a cell; its result is called as the table is.
pub(in crate::app) fn as_cell(title: &str, sql: &str) -> String {
    let name = stem(title).replace('-', "_");
    let name = if crate::model::table::is_name(&name) { name } else { format!("t_{name}") };
    format!("%%sql {name} <<\n{sql}")
}

/// Writes a notebook with one SQL cell beside the others; an existing one is never touched.
fn notebook(root: &Path, title: &str, sql: &str) -> Result<String> {
    let stem = stem(title);
    let folder = if root.join("notebooks").is_dir() { "notebooks/" } else { "" };
    let name = |n: usize| match n {
        0 => format!("{folder}explore-{stem}.ipynb"),
        n => format!("{folder}explore-{stem}-{}.ipynb", n + 1),
    };
    let path = (0..1000).map(name).find(|p| !root.join(p).exists());
    let path = path.ok_or_else(|| Error::user("There are too many notebooks of this name"))?;
    let lines = |text: &str| -> Vec<String> { text.split_inclusive('\n').map(str::to_owned).collect() };
    let cell = |kind: &str, source: &str| {
        let mut cell = serde_json::json!({
            "cell_type": kind, "id": ids::random(8), "metadata": {}, "source": lines(source),
        });
        if kind == "code" {
            cell["execution_count"] = serde_json::Value::Null;
            cell["outputs"] = serde_json::json!([]);
        }
        cell
    };
    let document = serde_json::json!({
        "cells": [
            cell("markdown", &format!("# {title}")),
            cell("code", &as_cell(title, sql)),
        ],
        "metadata": {
            "kernelspec": { "display_name": "Python 3", "language": "python", "name": "python3" },
            "language_info": { "name": "python" },
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    });
    let mut text = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, format);
    serde::Serialize::serialize(&document, &mut writer)
        .map_err(|e| Error::bug("Could not write the notebook").because(&e))?;
    text.push(b'\n');
    fsx::write_guarded(&root.join(&path), &text, None)?;
    Ok(path)
}

//! Jobs: reading history, carrying out runs, working out what changed.
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use crossbeam_channel::RecvTimeoutError;

use super::{Detail, Entry, Event, KEPT, LogId, MetricRow, Task, live::PIECE};
use crate::{
    app::{Env, Out},
    base::{Error, Result, fsx, job::JobCtx},
    engine::{
        runner::{self, Begin, Execution, RunEvent, Sink},
        store::{MetricQuery, RunQuery, Store},
    },
    model::run::{
        LOCAL, MetricPoint, Run, RunState,
        logindex::{Finder, parse_lines},
        what_changed,
    },
};

/// Events of a run reach the window at most so often; what is in between is only seen in the store.
const EVERY: Duration = Duration::from_millis(33);

/// Most of a log that goes on the clipboard.
const MOST_COPIED: u64 = 4 << 20;

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let root = env.root()?;
    match task {
        Task::Load => {
            match load(env, &root, cx, out) {
                Ok(event) => out.send(event),
                Err(e) if e.is_cancelled() => return Err(e),
                Err(e) => out.send(Event::Failed(e)),
            }
            Ok(())
        }
        Task::Pipelines => {
            out.send(Event::Loaded { entries: entries(&root), runs: Vec::new(), notice: None });
            Ok(())
        }
        Task::Begin { key, launch } => {
            // A store of its own: the watch sees what other connections write.
            let begun = Store::open(&root).and_then(|s| runner::begin(&s, &launch, cx));
            carry_out(begun, &key, cx, out)
        }
        Task::Rerun { key, seen, scope, note } => {
            let begun = Store::open(&root).and_then(|s| runner::begin_rerun(&s, &seen, &scope, note, cx));
            carry_out(begun, &key, cx, out)
        }
        Task::Preview { .. } | Task::Params { .. } | Task::Send { .. } => super::remote::run(task, env, cx, out),
        Task::Cancel(id) => env.runs.store(&root)?.request_cancel(&id).map(|_| ()),
        Task::Detail(run) => {
            let store = env.runs.store(&root)?;
            let run = super::remote::whole(run, env, &store, cx, out);
            out.send(Event::Detail(Box::new(detail(&store, &root, &run, cx)?)));
            Ok(())
        }
        Task::Log { id, live } => {
            let store = env.runs.store(&root)?;
            env.runs.end_tail();
            let fetch = super::remote::fetcher(&id, &store, env, cx)?;
            env.runs.tail(store, out.clone(), id, live, fetch);
            Ok(())
        }
        Task::LogPages { id, pages } => {
            let store = env.runs.store(&root)?;
            let mut read = Vec::new();
            for (page, from, to) in pages {
                cx.check()?;
                let bytes = store.log_bytes(&id.run, &id.task, id.attempt, from, to)?.unwrap_or_default();
                read.push((page, parse_lines(&bytes)));
            }
            out.send(Event::LogPages { id, pages: read });
            Ok(())
        }
        Task::LogSearch { id, search, from } => find_in_log(&env.runs.store(&root)?, id, &search, from, cx, out),
        Task::LogText(id) => {
            let store = env.runs.store(&root)?;
            let chunk = store.read_log(&id.run, &id.task, id.attempt, 0, MOST_COPIED)?;
            let text = chunk.lines.iter().map(|l| l.to_text() + "\n").collect();
            out.send(Event::LogText { text, cut: chunk.skipped_bytes > 0 });
            Ok(())
        }
    }
}

/// Searches a log from a byte and line to its end, telling of hits as they are found.
fn find_in_log(
    store: &Store,
    id: LogId,
    search: &str,
    (mut byte, mut line): (u64, u64),
    cx: &JobCtx,
    out: &Out,
) -> Result<()> {
    let Some(finder) = Finder::new(search) else { return Ok(()) };
    let mut room = super::log::MOST_HITS;
    loop {
        cx.check()?;
        let bytes = store.log_lines(&id.run, &id.task, id.attempt, byte, PIECE)?;
        let (mut hits, mut total) = (Vec::new(), 0);
        let lines = finder.lines(&bytes, line, |n| {
            total += 1;
            if room > 0 {
                room -= 1;
                hits.push(n);
            }
        });
        let next = (byte + bytes.len() as u64, line + lines);
        let done = bytes.is_empty();
        out.send(Event::LogHits { id: id.clone(), search: search.to_owned(), from: byte, hits, total, next, done });
        if done {
            return Ok(());
        }
        (byte, line) = next;
    }
}

fn load(env: &Arc<Env>, root: &Path, cx: &JobCtx, out: &Out) -> Result<Event> {
    let store = env.runs.store(root)?;
    runner::recover(&store, cx.clock.now())?;
    let runs = store.runs(&RunQuery { per_pipeline: Some(KEPT), ..RunQuery::default() })?;
    cx.check()?;
    let notice = store.set_aside().cloned();
    env.runs.watch(store, out.clone());
    Ok(Event::Loaded { entries: entries(root), runs, notice })
}

fn entries(root: &Path) -> Vec<Entry> {
    runner::pipelines(root)
        .into_iter()
        .map(|(source, read)| {
            let stem = source.trim_start_matches("pipelines/").trim_end_matches(".toml").to_owned();
            let connection = LOCAL.to_owned();
            match read {
                Ok(p) => Entry {
                    name: p.name.clone(),
                    connection,
                    remote: None,
                    source,
                    pipeline: Some(Arc::new(p)),
                    error: None,
                    exists: true,
                },
                Err(e) => {
                    Entry { name: stem, connection, remote: None, source, pipeline: None, error: Some(e), exists: true }
                }
            }
        })
        .collect()
}

/// Executes what was begun; its events are gathered and passed on at a pace the window can draw.
fn carry_out(begun: Result<Begin>, key: &str, cx: &JobCtx, out: &Out) -> Result<()> {
    let execution: Execution = match begun {
        Ok(Begin::Started(execution)) => *execution,
        Ok(Begin::Already(run)) => {
            out.send(Event::Began { key: key.to_owned(), run: Arc::new(*run), already: true });
            return Ok(());
        }
        Err(error) => {
            out.send(Event::NotBegun { key: key.to_owned(), error });
            return Ok(());
        }
    };
    out.send(Event::Began { key: key.to_owned(), run: Arc::new(execution.run().clone()), already: false });
    let (tx, rx) = crossbeam_channel::bounded::<Arc<Run>>(64);
    let sink: Sink = Arc::new(move |event| {
        if let RunEvent::Changed(run) = event {
            // A full channel means the reader is about to take a newer one anyway.
            let _ = tx.try_send(run);
        }
    });
    std::thread::scope(|scope| {
        let work = std::thread::Builder::new().name("run".to_owned()).spawn_scoped(scope, move || {
            let sink = sink;
            execution.execute(cx, &sink)
        });
        let work = work.map_err(|e| Error::io("Could not start a thread for the run").because(&e))?;
        let mut newest: Option<Arc<Run>> = None;
        loop {
            match rx.recv_timeout(EVERY) {
                Ok(run) => {
                    cx.progress(Some(run.share_done()), note(&run));
                    newest = Some(run);
                    std::thread::sleep(EVERY);
                    newest = rx.try_iter().last().or(newest);
                    newest.take().into_iter().for_each(|r| out.send(Event::Changed(r)));
                }
                // A task that would not stop was left behind and still holds its end of the channel.
                Err(RecvTimeoutError::Timeout) if !work.is_finished() => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        newest.into_iter().for_each(|r| out.send(Event::Changed(r)));
        let run = work.join().map_err(|_| Error::bug("The run broke off inside Andon"))??;
        out.send(Event::Changed(Arc::new(run)));
        Ok(())
    })
}

fn note(run: &Run) -> String {
    let running: Vec<&str> =
        run.tasks.iter().filter(|t| t.state == crate::model::run::TaskState::Running).map(|t| t.id.as_str()).collect();
    running.join(", ")
}

fn detail(store: &Store, root: &Path, run: &Run, cx: &JobCtx) -> Result<Detail> {
    let last = store.last_success(run)?;
    let changes = last.as_ref().map(|l| what_changed(l, run)).unwrap_or_default();
    cx.check()?;
    let ends = |r: &Run| r.record.commit.as_ref().map(|c| c.id.clone());
    let commits = match (last.as_ref().and_then(ends), ends(run)) {
        // History that was rewritten since has no answer; the table then shows the two commits alone.
        (Some(from), Some(to)) if from != to => runner::commits_between(root, &from, &to, 5, cx).unwrap_or_default(),
        _ => Vec::new(),
    };
    let code = fsx::inside(root, &run.source)
        .ok()
        .filter(|_| run.connection == LOCAL && run.source.ends_with(".toml"))
        .and_then(|p| fsx::read_text(&p).ok())
        .unwrap_or_default();
    Ok(Detail {
        run: run.id.clone(),
        round: run.round,
        state: run.state,
        metrics: metrics(store, run, last.as_ref())?,
        last_success: last.map(Arc::new),
        changes,
        commits,
        code,
    })
}

/// Metrics of a run beside those of the last success, each with its last thirty values; the duration comes last.
fn metrics(store: &Store, run: &Run, last: Option<&Run>) -> Result<Vec<MetricRow>> {
    let (pipeline, connection) = (Some(run.pipeline.clone()), Some(run.connection.clone()));
    let query = RunQuery { pipeline, connection, limit: Some(KEPT), ..RunQuery::default() };
    let mut runs = store.runs(&query)?;
    runs.retain(|r| (r.queued_at, r.number) <= (run.queued_at, run.number));
    runs.truncate(30);
    runs.reverse();
    let since = runs.first().map(|r| r.queued_at);
    let points =
        store.metrics(&MetricQuery { pipeline: Some(run.pipeline.clone()), since, ..MetricQuery::default() })?;
    let mut by_name: BTreeMap<(String, String), Vec<&MetricPoint>> = BTreeMap::new();
    for point in &points {
        by_name.entry((point.task.clone(), point.metric.name.clone())).or_default().push(point);
    }
    let value = |points: &[&MetricPoint], id: &crate::base::ids::RunId| {
        points.iter().rev().find(|p| p.run == *id).map(|p| p.metric.value)
    };
    let mut rows: Vec<MetricRow> = by_name
        .into_iter()
        .map(|((task, name), points)| MetricRow {
            before: last.and_then(|l| value(&points, &l.id)),
            now: value(&points, &run.id),
            series: runs.iter().map(|r| value(&points, &r.id)).collect(),
            unit: points.last().and_then(|p| p.metric.unit.clone()),
            task,
            name,
        })
        .filter(|r| r.before.is_some() || r.now.is_some())
        .collect();
    rows.truncate(12);
    let lasted = |r: &Run| r.duration_ms(jiff::Timestamp::now()).map(|ms| ms as f64 / 1000.0);
    rows.push(MetricRow {
        task: String::new(),
        name: "duration".to_owned(),
        unit: Some("s".to_owned()),
        before: last.and_then(lasted),
        now: if run.state == RunState::Queued { None } else { lasted(run) },
        series: runs.iter().map(lasted).collect(),
    });
    Ok(rows)
}

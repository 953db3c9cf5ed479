//! What a Python kernel is asked beside its cells: what its names stand for, and the data frames and values a query names.
//!
//! The reader runs silently in a namespace of its own, so it leaves no name, no history and no execution count behind.
//! It never calls what a person wrote: only values of known types are measured or shown, all others by their type. Its
//! answer comes as a display, so that a cell which put another file in place of stdout gets nothing in it.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crossbeam_channel::bounded;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    base::{Error, Result, error::Context, job::JobCtx},
    engine::{
        kernel::{ExecEvent, ExecOptions, Session},
        sql::{Frame, Wanted},
    },
    model::kernel::{SessionState, Variable},
};

const READER: &str = include_str!("reader.py");
const ANSWER: &str = "application/vnd.andon.answer";
const MARK: &str = "andon-answer:";

/// The variables are not waited for longer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Nor are the columns for a list at the cursor.
const SHORT: Duration = Duration::from_millis(1_500);
/// Copying frames may take its time; a person can interrupt it.
const LONG: Duration = Duration::from_mins(10);
/// After this the kernel is interrupted: whatever it hangs in is no cell of a person.
const GRACE: Duration = Duration::from_secs(2);

/// What the kernel lends to a query.
#[derive(Debug, Default)]
pub struct Lent {
    pub frames: Vec<(String, Frame)>,
    pub values: BTreeMap<String, Value>,
    /// Names that are there and cannot be lent, with why.
    pub refused: Vec<(String, String)>,
    pub notes: Vec<String>,
}

/// A frame that was copied out of a kernel.
#[derive(Debug)]
pub struct Copied {
    pub frame: Frame,
    /// Rows the kernel has of it.
    pub rows: u64,
    pub note: Option<String>,
}

/// True for kernels that can be asked.
pub fn can_ask(session: &Session) -> bool {
    session.spec().language == "python" && session.state().is_alive()
}

/// What the names of an idle Python kernel stand for; none for other languages, or when it does not answer in time.
pub fn variables(session: &Session) -> Option<(Vec<Variable>, u64)> {
    #[derive(Deserialize)]
    struct Rows {
        rows: Vec<(String, String, String, String, Option<u64>, bool)>,
        more: u64,
    }
    let secs = PATIENCE.as_secs_f64() / 2.0;
    let answer: Rows = ask(session, &format!("variables(ns, {secs})"), PATIENCE, None).ok()??;
    let variable = |(name, kind, size, preview, bytes, frame)| Variable { name, kind, size, preview, bytes, frame };
    Some((answer.rows.into_iter().map(variable).collect(), answer.more))
}

/// All widgets of an idle Python kernel, as notebooks keep them: for a window that was not there when they were made.
pub fn widgets(session: &Session) -> Option<Value> {
    if session.state() != SessionState::Idle {
        return None;
    }
    ask(session, "widgets()", PATIENCE, None).ok().flatten().filter(Value::is_object)
}

/// A frame of a kernel: its name and its columns, each with its type.
pub type Described = (String, Vec<(String, String)>);

/// The data frames of an idle kernel; those in `wanted` with their columns.
pub fn frames(session: &Session, wanted: &[String]) -> Vec<Described> {
    if session.state() != SessionState::Idle {
        return Vec::new();
    }
    let code = format!("columns(ns, {})", literal(&json!(wanted)));
    ask(session, &code, SHORT, None).ok().flatten().unwrap_or_default()
}

/// Copies what a query names out of the kernel: only that, and all of it.
pub fn lend(session: &Session, wanted: &Wanted, cx: &JobCtx) -> Result<Lent> {
    if wanted.is_empty() || !can_ask(session) {
        return Ok(Lent::default());
    }
    let dir = folder()?;
    let answer = copy(session, &wanted.tables, &wanted.params, &dir, None, cx)?;
    let mut lent = Lent { values: answer.values, refused: answer.refused, ..Lent::default() };
    for (name, file, _, note) in answer.frames {
        if !note.is_empty() {
            lent.notes.push(format!("{name}: {note}"));
        }
        lent.frames.push((name, read(&dir, &file)?));
    }
    Ok(lent)
}

/// Copies a frame out of the kernel, at most `limit` rows of it.
pub fn copy_frame(session: &Session, name: &str, limit: u64, cx: &JobCtx) -> Result<Copied> {
    let gone = || Error::user(format!("{name} is not in the kernel any more")).hint("Run the cell that makes it");
    if !can_ask(session) {
        return Err(gone());
    }
    let dir = folder()?;
    let mut answer = copy(session, &[name.to_owned()], &[], &dir, Some(limit), cx)?;
    if let Some((_, why)) = answer.refused.pop() {
        return Err(Error::user(format!("{name} cannot be shown as a table")).because_of(why));
    }
    let Some((_, file, rows, note)) = answer.frames.pop() else { return Err(gone()) };
    Ok(Copied { frame: read(&dir, &file)?, rows, note: Some(note).filter(|n| !n.is_empty()) })
}

#[derive(Deserialize)]
struct Answer {
    frames: Vec<(String, String, u64, String)>,
    values: BTreeMap<String, Value>,
    refused: Vec<(String, String)>,
}

fn copy(
    session: &Session,
    tables: &[String],
    params: &[String],
    dir: &tempfile::TempDir,
    limit: Option<u64>,
    cx: &JobCtx,
) -> Result<Answer> {
    let limit = limit.map_or("None".to_owned(), |n| n.to_string());
    let (tables, params) = (literal(&json!(tables)), literal(&json!(params)));
    let folder = literal(&json!(dir.path().to_string_lossy()));
    let code = format!("lend(ns, {tables}, {params}, {folder}, {limit})");
    ask(session, &code, LONG, Some(cx))?.ok_or_else(|| {
        Error::remote("The kernel did not hand its data frames over").hint("Interrupt it or restart it, then try again")
    })
}

/// A folder only this person can look into.
fn folder() -> Result<tempfile::TempDir> {
    let dir = tempfile::Builder::new().prefix("andon-frames-").tempdir();
    dir.io(|| "Could not make a folder for data frames".to_owned())
}

/// The frame in a file, which vanishes with it.
fn read(dir: &tempfile::TempDir, file: &str) -> Result<Frame> {
    let ending =
        std::path::Path::new(file).extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    let kept = tempfile::Builder::new().prefix("andon-frame-").suffix(&ending).tempfile();
    let kept = kept.io(|| "Could not make a file for a data frame".to_owned())?.into_temp_path();
    let inside = dir.path().join(std::path::Path::new(file).file_name().unwrap_or_default());
    std::fs::rename(&inside, &kept)
        .or_else(|_| std::fs::copy(&inside, &kept).map(|_| ()))
        .io(|| "Could not take a data frame over".to_owned())?;
    Frame::read(kept)
}

/// JSON of texts and lists of texts is Python.
fn literal(value: &Value) -> String {
    value.to_string()
}

/// One line, so that it has no line numbers of its own and leaves no name.
fn code(call: &str) -> String {
    let source = Value::from(format!("{READER}\nanswer({call})"));
    format!("__import__('builtins').exec({source}, {{'__name__': 'andon', 'ns': __import__('builtins').globals()}})")
}

/// Evaluates a call of the reader silently. None: there was no answer, or none in time; an error: cancelled, or the kernel
/// is gone.
fn ask<T: DeserializeOwned>(
    session: &Session,
    call: &str,
    patience: Duration,
    cx: Option<&JobCtx>,
) -> Result<Option<T>> {
    if !can_ask(session) {
        return Ok(None);
    }
    let text = Arc::new(Mutex::new((String::new(), None::<String>)));
    let (done, ended) = bounded(1);
    let into = text.clone();
    let sink = Arc::new(move |event: ExecEvent| {
        let mut into = into.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            ExecEvent::Display { bundle, .. } => {
                into.1 = bundle.data.get(ANSWER).and_then(Value::as_str).map(str::to_owned).or(into.1.take());
            }
            ExecEvent::Stream { stderr: false, text } => into.0.push_str(&text),
            ExecEvent::Done { .. } => {
                let _ = done.try_send(());
            }
            _ => {}
        }
    });
    let options = ExecOptions { silent: true, ..ExecOptions::default() };
    let id = session.execute(&code(call), options, sink)?;
    let (begun, mut stopped) = (Instant::now(), None::<Instant>);
    loop {
        if ended.recv_timeout(Duration::from_millis(40)).is_ok() {
            break;
        }
        let cancelled = cx.is_some_and(|cx| cx.cancel.is_cancelled());
        match stopped {
            None if cancelled || begun.elapsed() > patience => {
                stopped = Some(Instant::now());
                session.withdraw(Some(id));
                session.interrupt();
            }
            Some(at) if at.elapsed() > GRACE => break,
            _ => {}
        }
        if !session.state().is_alive() {
            break;
        }
    }
    if let Some(cx) = cx {
        cx.check()?;
    }
    let text = text.lock().unwrap_or_else(PoisonError::into_inner);
    let printed = || text.0.lines().find_map(|l| l.strip_prefix(MARK));
    Ok(text.1.as_deref().or_else(printed).and_then(|t| serde_json::from_str(t).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_is_asked_is_one_line() {
        let code = code("variables(ns, 1.5)");
        assert!(!code.contains('\n') && code.contains("variables(ns, 1.5)"));
        assert_eq!(literal(&json!(["a", "it's \"x\""])), r#"["a","it's \"x\""]"#);
    }
}

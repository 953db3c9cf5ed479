//! The whole of a printed text, which the page shows in part: on the clipboard, or as a text of its own.
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::DocId;
use crate::{
    app::{AppState, Cx, Effect, Env, Job, Out, workspace},
    base::{Error, Result},
    engine::notebook::{TEXT_LIMIT, keep_text},
    model::{
        json::Bytes,
        notebook::CellKey,
        output::{Fresh, whole_text},
    },
};

/// Requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Puts the whole text of an output on the clipboard.
    Copy { doc: DocId, key: CellKey, at: usize },
    /// Opens it as a text.
    Open { doc: DocId, key: CellKey, at: usize },
}

/// A text to make.
#[derive(Debug, Clone)]
pub struct Task {
    outputs: Vec<Fresh>,
    at: usize,
    /// Where it is kept, from the root; none for the clipboard.
    path: Option<String>,
}

/// A text has been made.
#[derive(Debug, Clone)]
pub enum Event {
    Copied(String),
    Kept(String),
    /// Too large for the editor: for another program, in base64.
    Large {
        name: String,
        base64: Arc<str>,
    },
}

pub(super) fn command(state: &mut AppState, command: &Command) -> Vec<Effect> {
    let (Command::Copy { doc, key, at } | Command::Open { doc, key, at }) = *command;
    let Some(doc) = state.notebook.by_id(doc) else { return Vec::new() };
    let stem = doc.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".ipynb").to_owned();
    let index = doc.notebook().and_then(|n| n.index_of(key)).unwrap_or(0) + 1;
    let running = doc.runs.get(&key).filter(|r| r.ms.is_none());
    let outputs: Vec<Fresh> = match running {
        Some(run) => run.live.fresh(),
        None => {
            let cell = doc.notebook().and_then(|n| n.cell(key));
            cell.into_iter().flat_map(|c| c.outputs()).map(Fresh::Json).collect()
        }
    };
    let open = matches!(command, Command::Open { .. });
    let path = open.then(|| format!(".andon/outputs/{stem}-cell-{index}.txt"));
    let job = format!("notebook.text:{}:{}", doc.id, key.0);
    vec![Job::cpu(job, super::Task::FullText(Task { outputs, at, path })).start()]
}

pub(super) fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Copied(text) => vec![Effect::Copy(text)],
        Event::Kept(path) => {
            // A text of before is read again.
            let open = state.notebook.docs.iter().find(|d| d.path == path && !d.is_dirty()).map(|d| d.id);
            let mut effects = super::open_path(state, &path, cx);
            effects.extend(open.map(|id| super::save::load(&mut state.notebook, id)).into_iter().flatten());
            effects
        }
        Event::Large { name, base64 } => {
            workspace::command(state, workspace::Command::KeepFile { name, base64, open: true }, cx)
        }
    }
}

pub(super) fn run(task: &Task, env: &Arc<Env>, out: &Out) -> Result<()> {
    // A result that is read is no copy.
    let written: Vec<Bytes> = task.outputs.iter().skip(task.at).map(Fresh::to_bytes).collect();
    let raw: Vec<&str> = written.iter().map(Bytes::text).collect();
    let Some(text) = whole_text(&raw, 0) else {
        return Err(Error::user("The output is not there any more"));
    };
    let event = match &task.path {
        None => Event::Copied(text),
        Some(path) if text.len() as u64 > TEXT_LIMIT => {
            let name = path.rsplit('/').next().unwrap_or("output.txt").to_owned();
            Event::Large { name, base64: STANDARD.encode(text).into() }
        }
        Some(path) => {
            keep_text(&env.root()?, path, &text)?;
            Event::Kept(path.clone())
        }
    };
    out.send(super::Event::FullText(event));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        app::{env::NoWaker, host::Host, notebook, workspace},
        base::time::FixedClock,
        engine::dirs::Dirs,
    };

    #[test]
    fn the_whole_of_a_long_stream_is_copied_and_opened() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("ws");
        std::fs::create_dir_all(&root).unwrap();
        let pieces: Vec<_> = (0..60)
            .map(|n| {
                let text: String = (0..1_000).map(|m| format!("line\t{}\r\n", n * 1_000 + m)).collect();
                serde_json::json!({ "output_type": "stream", "name": "stdout", "text": text })
            })
            .collect();
        let cell = serde_json::json!({ "cell_type": "code", "id": "a", "metadata": {}, "source": "go()",
            "execution_count": 1, "outputs": pieces });
        let book = serde_json::json!({ "cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5 });
        std::fs::write(root.join("n.ipynb"), book.to_string()).unwrap();
        let dirs = Dirs::below(&dir.path().join("home"));
        dirs.create().unwrap();
        let clock = Arc::new(FixedClock(jiff::Timestamp::UNIX_EPOCH));
        let mut host = Host::new(dirs, clock, Arc::new(NoWaker)).unwrap();
        let settle = |host: &mut Host| {
            for _ in 0..3 {
                assert!(host.settle(Duration::from_mins(1)), "jobs still run");
                host.drain(Duration::from_secs(5));
            }
        };
        host.send(workspace::Command::Open(root));
        settle(&mut host);
        host.send(workspace::Command::OpenFile("n.ipynb".to_owned()));
        settle(&mut host);
        let doc = host.state.notebook.doc().unwrap();
        let (id, key) = (doc.id, doc.cells()[0].key);
        host.send(notebook::Command::FullText(Command::Open { doc: id, key, at: 0 }));
        settle(&mut host);
        let doc = host.state.notebook.doc().unwrap();
        assert_eq!(doc.path, ".andon/outputs/n-cell-1.txt");
        let notebook::doc::Body::Text(text) = &doc.body else { panic!("no text") };
        let text = String::from_utf8(text.to_bytes()).unwrap();
        assert!(text.starts_with("line\t0\nline\t1\n") && text.ends_with("line\t59999\n"), "{}", &text[..40]);
        assert_eq!(text.lines().count(), 60_000);
    }
}

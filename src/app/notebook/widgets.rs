//! Widgets of a kernel: what it says about them, and what a person does with them.
use std::sync::Arc;

use serde_json::{Map, Value};

use super::DocId;
use crate::{
    app::{AppState, Effect, Env, Job, Out, Policy},
    base::Result,
    model::{
        kernel::{Comm, ExecEvent},
        notebook::CellKey,
    },
};

/// What a person did with a widget in the outputs of a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Members of its state have a new value.
    Change { key: CellKey, id: String, change: Map<String, Value> },
    /// Something that is no value: a click.
    Event { key: CellKey, id: String, content: Value },
}

/// Messages for the kernel; what comes of them belongs to the cell.
#[derive(Debug, Clone)]
pub struct Task {
    doc: DocId,
    key: CellKey,
    number: u64,
    comms: Vec<Comm>,
}

pub(super) fn command(state: &mut AppState, command: Command) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    let (key, comms) = match command {
        Command::Change { key, id, change } => {
            let told = doc.widgets.change(&id, &change);
            (key, told.into_iter().map(|(id, change)| Comm::update(&id, change)).collect())
        }
        Command::Event { key, id, content } => (key, vec![Comm::custom(&id, content)]),
    };
    let number = doc.runs.get(&key).map_or(0, |r| r.number);
    let task = Task { doc: doc.id, key, number, comms };
    let job = Job::io(format!("notebook.widget:{}", doc.id), super::Task::Widget(task));
    vec![job.policy(Policy::Queue).start()]
}

pub(super) fn run(task: Task, env: &Arc<Env>, out: &Out) -> Result<()> {
    let session = env.notebooks.session(task.doc);
    let Some(session) = session.filter(|s| s.state().is_alive()) else { return Ok(()) };
    let (doc, key, number) = (task.doc, task.key, task.number);
    for comm in task.comms {
        let news = out.clone();
        let sink = Arc::new(move |event: ExecEvent| news.send(super::Event::Exec { doc, key, number, event }));
        session.comm(comm, sink)?;
    }
    Ok(())
}

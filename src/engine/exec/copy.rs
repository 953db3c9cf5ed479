//! The executed copy: written while the run goes on, so that a run that is killed leaves what it has done, with
//! papermill's notes in the metadata.
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    base::{Result, error::Context, fsx},
    model::{
        notebook::{CellKey, Notebook},
        run::Params,
    },
};

/// Copies are written at most this often, and no more than a twentieth of the time goes into it.
const PAUSE: Duration = Duration::from_millis(500);

/// Keeps copies up to date.
pub(super) struct Copies {
    paths: Vec<PathBuf>,
    fresh: bool,
    next: Instant,
}

impl Copies {
    /// Makes the folders; a path that cannot be written is told before anything runs.
    pub fn new(paths: &[PathBuf]) -> Result<Self> {
        for path in paths {
            if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
                std::fs::create_dir_all(dir).io(|| format!("Could not make {}", dir.display()))?;
            }
        }
        Ok(Self { paths: paths.to_vec(), fresh: true, next: Instant::now() })
    }
    /// Something has changed.
    pub fn touch(&mut self) {
        self.fresh = true;
    }
    /// Writes what has changed, when it is time.
    pub fn keep(&mut self, notebook: &Notebook) -> Result<()> {
        if !self.fresh || self.paths.is_empty() || Instant::now() < self.next {
            return Ok(());
        }
        let begun = Instant::now();
        self.write(notebook)?;
        self.next = Instant::now() + PAUSE.max(begun.elapsed() * 20);
        Ok(())
    }
    /// Writes now.
    pub fn write(&mut self, notebook: &Notebook) -> Result<()> {
        if self.paths.is_empty() {
            return Ok(());
        }
        let bytes = notebook.to_bytes();
        for path in &self.paths {
            fsx::write_atomic(path, &bytes)?;
        }
        self.fresh = false;
        Ok(())
    }
}

fn object(json: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(json).unwrap_or_default()
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_millisecond() - from.as_millisecond()) as f64 / 1_000.0
}

/// Notes with a cell when it ran and how it ended.
pub(super) fn note_cell(
    notebook: &mut Notebook,
    key: CellKey,
    (start, end): (Timestamp, Timestamp),
    failed: bool,
) -> Result<()> {
    let Some(cell) = notebook.cell(key) else { return Ok(()) };
    let mut metadata = object(&cell.metadata());
    let status = if failed { "failed" } else { "completed" };
    metadata.insert(
        "papermill".to_owned(),
        json!({
            "duration": seconds(start, end), "end_time": end.to_string(), "exception": failed,
            "start_time": start.to_string(), "status": status,
        }),
    );
    notebook.set_cell_metadata(key, &Value::Object(metadata).to_string())
}

/// What papermill notes with a notebook.
pub(super) struct Noted<'a> {
    pub input: &'a str,
    pub output: Option<String>,
    pub parameters: &'a Params,
    pub defaults: &'a Params,
    pub start: Timestamp,
    /// When it ended, and whether a cell failed; none while it runs.
    pub end: Option<(Timestamp, bool)>,
}

/// Notes with the notebook what was executed.
pub(super) fn note_notebook(notebook: &mut Notebook, noted: &Noted<'_>) -> Result<()> {
    let mut metadata = object(notebook.metadata());
    let end = noted.end.map(|(at, _)| at);
    let mut all = Map::new();
    all.insert("default_parameters".into(), Value::Object(noted.defaults.clone()));
    all.insert("duration".into(), json!(end.map(|end| seconds(noted.start, end))));
    all.insert("end_time".into(), json!(end.map(|e| e.to_string())));
    all.insert("environment_variables".into(), json!({}));
    all.insert("exception".into(), json!(noted.end.map(|(_, failed)| failed)));
    all.insert("input_path".into(), json!(noted.input));
    all.insert("output_path".into(), json!(noted.output));
    all.insert("parameters".into(), Value::Object(noted.parameters.clone()));
    all.insert("start_time".into(), json!(noted.start.to_string()));
    all.insert("version".into(), json!(format!("andon {}", env!("CARGO_PKG_VERSION"))));
    metadata.insert("papermill".to_owned(), Value::Object(all));
    notebook.set_metadata(&Value::Object(metadata).to_string())
}

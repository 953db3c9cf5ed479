//! The runs of one notebook beside each other: what each cell did in each run, so that the first one that differs is seen
//! at once.
use std::{collections::HashMap, sync::Arc};

use super::diff::{CellChange, CellType, CellView, Document, NotebookDiff, Rules};

/// What a cell did in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellState {
    /// The notebook of this run does not have it.
    Absent,
    /// Nothing to compare with: the first run that has it.
    First,
    /// As in the run before, but for what every run writes anew.
    Same,
    Source,
    Outputs,
    Failed,
    /// Code that was not run.
    NotRun,
}

impl CellState {
    /// The words a person reads.
    pub fn words(self) -> &'static str {
        match self {
            Self::Absent => "not in this run",
            Self::First => "first run with it",
            Self::Same => "same as the run before",
            Self::Source => "source changed",
            Self::Outputs => "output changed",
            Self::Failed => "failed",
            Self::NotRun => "not run",
        }
    }
    /// True when somebody who asks what differs should look here.
    pub fn differs(self) -> bool {
        matches!(self, Self::Source | Self::Outputs | Self::Failed)
    }
}

/// A cell in all runs, followed through edits and moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub title: String,
    pub kind: CellType,
    /// One a run, oldest first.
    pub states: Vec<CellState>,
    /// Where it stands in each run.
    pub at: Vec<Option<usize>>,
}

/// Cells by runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    /// In the order of the newest run; cells it does not have stand where they stood.
    pub rows: Vec<Row>,
    /// For each run the first row that differs from the run before.
    pub first: Vec<Option<usize>>,
}

fn failed(cell: &CellView) -> bool {
    cell.outputs.iter().any(|o| o.class == "error")
}

fn not_run(cell: &CellView) -> bool {
    cell.kind == CellType::Code && cell.count.is_none() && cell.outputs.is_empty() && !cell.source.trim().is_empty()
}

/// What a cell did, given the row of its comparison with the run before.
fn state(cell: &CellView, change: Option<(CellChange, bool)>) -> CellState {
    if failed(cell) {
        return CellState::Failed;
    }
    if not_run(cell) {
        return CellState::NotRun;
    }
    match change {
        None => CellState::First,
        Some((CellChange::Added, _)) => CellState::Source,
        Some((CellChange::Changed, true)) => CellState::Source,
        Some((CellChange::Changed, false)) => CellState::Outputs,
        Some(_) => CellState::Same,
    }
}

/// Puts runs beside each other, oldest first, each compared with the one before by the rules of the workspace.
pub fn build(runs: &[Arc<Document>], rules: &Rules) -> Matrix {
    let Some(newest) = runs.last() else { return Matrix::default() };
    let diffs: Vec<NotebookDiff> = runs
        .windows(2)
        .filter_map(|pair| Some(NotebookDiff::by(pair.first()?.clone(), pair.get(1)?.clone(), rules)))
        .collect();
    // From the newest run backwards each cell is found again in the one before, or begins a row of its own.
    let row = |cell: &CellView| Row {
        title: cell.title().to_owned(),
        kind: cell.kind,
        states: vec![CellState::Absent; runs.len()],
        at: vec![None; runs.len()],
    };
    let mut rows: Vec<Row> = newest.cells.iter().map(row).collect();
    let last = runs.len() - 1;
    let mut ids: Vec<usize> = (0..rows.len()).collect();
    // Rows by where they stand; an id is a position in `rows`.
    let mut order: Vec<usize> = ids.clone();
    for (n, id) in ids.iter().enumerate() {
        if let Some(slot) = rows.get_mut(*id).and_then(|r| r.at.get_mut(last)) {
            *slot = Some(n);
        }
    }
    for (k, diff) in diffs.iter().enumerate().rev() {
        let mut older: HashMap<usize, usize> = HashMap::new();
        for pair in &diff.cells {
            if let (Some(old), Some(id)) = (pair.old, pair.new.and_then(|new| ids.get(new))) {
                older.insert(old, *id);
            }
        }
        let Some(doc) = runs.get(k) else { continue };
        let mut next = Vec::with_capacity(doc.cells.len());
        for (n, cell) in doc.cells.iter().enumerate() {
            let id = older.get(&n).copied().unwrap_or_else(|| {
                let id = rows.len();
                rows.push(row(cell));
                let after = n.checked_sub(1).and_then(|m| next.get(m)).copied();
                let spot = after.and_then(|a: usize| order.iter().position(|o| *o == a)).map_or(0, |at| at + 1);
                order.insert(spot, id);
                id
            });
            next.push(id);
            if let Some(slot) = rows.get_mut(id).and_then(|r| r.at.get_mut(k)) {
                *slot = Some(n);
            }
        }
        ids = next;
    }
    fill(&mut rows, runs, &diffs);
    let mut by_id: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
    let rows: Vec<Row> = order.into_iter().filter_map(|id| by_id.get_mut(id)?.take()).collect();
    let first =
        (0..runs.len()).map(|run| rows.iter().position(|r| r.states.get(run).is_some_and(|s| s.differs()))).collect();
    Matrix { rows, first }
}

fn fill(rows: &mut [Row], runs: &[Arc<Document>], diffs: &[NotebookDiff]) {
    for (run, doc) in runs.iter().enumerate() {
        let mut changes: HashMap<usize, (CellChange, bool)> = HashMap::new();
        let before = run.checked_sub(1).and_then(|n| diffs.get(n));
        for pair in before.iter().flat_map(|d| &d.cells) {
            let source = pair.source.is_some() || pair.retyped.is_some();
            if let Some(new) = pair.new {
                changes.insert(new, (pair.change, source));
            }
        }
        for row in rows.iter_mut() {
            let Some(at) = row.at.get(run).copied().flatten() else { continue };
            let Some(cell) = doc.cells.get(at) else { continue };
            let told = state(cell, changes.get(&at).copied());
            if let Some(slot) = row.states.get_mut(run) {
                *slot = told;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn code(source: &str, count: Option<i64>, out: &str) -> Value {
        let outputs = match out {
            "" => json!([]),
            "error" => json!([{"output_type": "error", "ename": "E", "evalue": "no", "traceback": ["E: no"]}]),
            text => json!([{"output_type": "stream", "name": "stdout", "text": text}]),
        };
        json!({"cell_type": "code", "metadata": {}, "source": source, "execution_count": count, "outputs": outputs})
    }

    fn run(cells: &[Value]) -> Arc<Document> {
        let all = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4});
        Arc::new(Document::parse("a.ipynb", serde_json::to_vec(&all).unwrap()).unwrap())
    }

    #[test]
    fn the_first_cell_that_differs_is_found_in_every_run() {
        let load = |n| code("frame = load('stations.csv')\nframe.describe()", Some(1), n);
        let clean = |limit: u8, count, out| {
            code(&format!("kept = clean(frame, limit={limit})\nprint(kept.height)"), count, out)
        };
        let plot = |count, out| code("figure = plot(kept)\nfigure.show('nights')", count, out);
        let runs = [
            run(&[load("18732 rows"), clean(5, Some(2), "18000"), plot(Some(3), "ok")]),
            run(&[load("18732 rows"), clean(5, Some(2), "18000"), plot(Some(7), "ok")]),
            run(&[load("18732 rows"), clean(5, Some(2), "17448"), plot(Some(3), "ok")]),
            run(&[load("18732 rows"), clean(4, Some(2), "error"), plot(None, "")]),
            run(&[
                load("18732 rows"),
                code("import os\nos.environ['X']", Some(2), ""),
                clean(4, Some(3), "17000"),
                plot(Some(4), "ok"),
            ]),
        ];
        let matrix = build(&runs, &Rules::default());
        let states: Vec<Vec<CellState>> = matrix.rows.iter().map(|r| r.states.clone()).collect();
        use CellState::*;
        assert_eq!(states[0], [First, Same, Same, Same, Same]);
        assert_eq!(states[1], [Absent, Absent, Absent, Absent, Source], "the new cell has its place");
        assert_eq!(states[2], [First, Same, Outputs, Failed, Outputs]);
        assert_eq!(states[3], [First, Same, Same, NotRun, Outputs]);
        assert_eq!(matrix.first, [None, None, Some(2), Some(2), Some(1)]);
        assert_eq!(matrix.rows[2].at, [Some(1), Some(1), Some(1), Some(1), Some(2)]);
    }

    #[test]
    fn cells_of_older_runs_stand_where_they_stood() {
        let cell = |n: u8| code(&format!("step_{n} = run_step({n})\nprint(step_{n})"), Some(1), "x");
        let matrix = build(&[run(&[cell(1), cell(2), cell(3)]), run(&[cell(1), cell(3)])], &Rules::default());
        let titles: Vec<&str> = matrix.rows.iter().map(|r| r.title.as_str()).collect();
        assert_eq!(titles, ["step_1 = run_step(1)", "step_2 = run_step(2)", "step_3 = run_step(3)"]);
        assert_eq!(matrix.rows[1].states, [CellState::First, CellState::Absent]);
        assert_eq!(build(&[], &Rules::default()), Matrix::default());
    }
}

//! Notebooks as tests: each cell of code is executed, and what it puts out is compared with what is stored.
//!
//! The conventions are nbval's (tags `nbval-*`, comments `# NBVAL_*`, files of patterns) and nbclient's
//! (`raises-exception`, `skip-execution`). Outputs are compared by [`super::diff`]: tables by rows, pictures by pixels,
//! texts by lines, with what a run writes anew masked. Other than nbval, a picture counts, and a table is not a text.
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    diff::{Document, ImageDiff, Noise, OutputChange, OutputDetail, OutputDiff, Rules, TableDiff, compare_outputs},
    notebook::{Cell, CellKind},
    table::sql_cell,
    textdiff::{RowKind, Stretch, TextDiff, stretches},
};
use crate::base::{Error, Result, text};

mod junit;
mod marks;
mod masks;

pub use junit::junit;
pub use marks::Marks;
pub use masks::Masks;

/// Lines of a difference that are told.
const LINES: usize = 60;
/// Rows of a table that are told.
const ROWS: usize = 12;

/// How strictly.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Only cells marked `nbval-check-output` are compared.
    pub lax: bool,
    /// What counts for nothing, and the tolerance of numbers.
    pub rules: Rules,
    /// What a person masks besides.
    pub masks: Masks,
    /// Share of pixels by which a picture may differ.
    pub pixels: f64,
}

/// What became of a cell when it was executed.
#[derive(Debug, Clone, PartialEq)]
pub enum Ran {
    Ok,
    Failed {
        what: String,
        traceback: String,
        /// The kernel died, the time was over: nothing excuses that.
        fatal: bool,
    },
    Skipped,
    /// The run was over before it.
    NotRun,
}

/// The judgement on a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It ran, and put out what is stored.
    Passed,
    /// It ran; what it put out is not compared.
    Ran,
    /// It put out something else.
    Differs,
    /// It raised, took too long, or took the kernel with it.
    Failed,
    Skipped,
    NotRun,
}

impl Verdict {
    /// The word a person reads.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Ran => "ran",
            Self::Differs => "differs",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::NotRun => "not run",
        }
    }
    /// True when somebody has to look.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Differs | Self::Failed | Self::NotRun)
    }
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `removed`: it is stored; `added`: it was put out; `same`: both.
    pub kind: RowKind,
    pub text: String,
}

/// An output that is not what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Position among the outputs of the side that has it, from 1.
    pub output: usize,
    /// `stdout`, `table`, `picture`, or its type.
    pub what: String,
    pub words: String,
    pub lines: Vec<Line>,
}

/// What came of one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CellResult {
    /// Position in the notebook, from 0.
    pub cell: usize,
    pub id: Option<Arc<str>>,
    pub title: String,
    pub verdict: Verdict,
    pub ms: u64,
    /// Why, in a sentence.
    pub reason: String,
    pub differences: Vec<Difference>,
    pub traceback: String,
    /// What differs and counts for nothing: `2 times, 1 memory address`.
    pub hidden: String,
}

/// What came of a notebook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotebookResult {
    /// Path as it was given.
    pub path: String,
    pub cells: Vec<CellResult>,
    pub ms: u64,
    /// The kernel that ran it.
    pub kernel: Option<String>,
    /// Why it could not be tested at all.
    pub error: Option<Error>,
}

impl NotebookResult {
    /// One that could not be tested.
    pub fn failed(path: &str, error: Error) -> Self {
        Self { path: path.to_owned(), cells: Vec::new(), ms: 0, kernel: None, error: Some(error) }
    }
    /// Cells with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cells.iter().filter(|c| c.verdict == verdict).count()
    }
    /// Nothing failed and nothing differs.
    pub fn passed(&self) -> bool {
        self.error.is_none() && self.cells.iter().all(|c| !c.verdict.is_bad())
    }
    /// `12 passed, 1 differs`.
    pub fn words(&self) -> String {
        if let Some(error) = &self.error {
            return error.what.clone();
        }
        let all = [
            (Verdict::Failed, "failed"),
            (Verdict::Differs, "differ"),
            (Verdict::Passed, "passed"),
            (Verdict::Ran, "ran"),
            (Verdict::Skipped, "skipped"),
            (Verdict::NotRun, "not run"),
        ];
        let parts = all.iter().filter_map(|(verdict, word)| {
            let n = self.count(*verdict);
            (n > 0).then(|| format!("{} {word}", text::thousands(n as u64)))
        });
        let words = parts.collect::<Vec<_>>().join(", ");
        if words.is_empty() { "no cells of code".to_owned() } else { words }
    }
}

/// Judges the cells that were to be executed: position, what became of it, milliseconds. `executed` are the cells of the
/// copy, which stand where those of the file stand.
pub fn judge(
    stored: &[Arc<Cell>],
    executed: &[Arc<Cell>],
    ran: &[(usize, Ran, u64)],
    policy: &Policy,
) -> Result<Vec<CellResult>> {
    let pairs: Vec<(&Cell, &Cell)> = ran
        .iter()
        .map(|(at, ..)| match (stored.get(*at), executed.get(*at)) {
            (Some(a), Some(b)) => Ok((&**a, &**b)),
            _ => Err(Error::bug("The executed copy has other cells than the notebook")),
        })
        .collect::<Result<_>>()?;
    // Of what is the same byte for byte nothing is read.
    let same: Vec<bool> =
        pairs.iter().map(|(a, b)| a.outputs().len() == b.outputs().len() && a.outputs().eq(b.outputs())).collect();
    let (old, new) = (
        document(pairs.iter().map(|p| p.0).zip(&same), &policy.masks)?,
        document(pairs.iter().map(|p| p.1).zip(&same), &policy.masks)?,
    );
    let mut all = Vec::with_capacity(ran.len());
    for (n, ((at, ran, ms), (cell, _))) in ran.iter().zip(&pairs).enumerate() {
        let marks = Marks::of(&cell.source, &cell.tags());
        let mut result = CellResult {
            cell: *at,
            id: cell.id.clone(),
            title: title(cell),
            verdict: Verdict::Ran,
            ms: *ms,
            reason: String::new(),
            differences: Vec::new(),
            traceback: String::new(),
            hidden: String::new(),
        };
        if settle(&mut result, ran, &marks) {
            let outputs = |d: &Document| d.cells.get(n).map(|c| c.outputs.clone()).unwrap_or_default();
            let (old, new) = (outputs(&old), outputs(&new));
            let same = same.get(n).copied().unwrap_or(false);
            compare(&mut result, (cell, same), &marks, policy, (&old, &new));
        }
        all.push(result);
    }
    Ok(all)
}

/// Takes what execution alone decides; true when outputs are left to be compared.
fn settle(result: &mut CellResult, ran: &Ran, marks: &Marks) -> bool {
    match ran {
        Ran::Ok => true,
        Ran::Skipped => {
            result.verdict = Verdict::Skipped;
            "A tag or comment says so".clone_into(&mut result.reason);
            false
        }
        Ran::NotRun => {
            result.verdict = Verdict::NotRun;
            "The run was over before this cell".clone_into(&mut result.reason);
            false
        }
        Ran::Failed { fatal: false, .. } if marks.raises => true,
        Ran::Failed { what, traceback, .. } => {
            result.verdict = Verdict::Failed;
            result.reason.clone_from(what);
            result.traceback.clone_from(traceback);
            false
        }
    }
}

fn compare(
    result: &mut CellResult,
    (cell, same): (&Cell, bool),
    marks: &Marks,
    policy: &Policy,
    (old, new): (&[super::diff::OutputView], &[super::diff::OutputView]),
) {
    if !marks.check.unwrap_or(!policy.lax) {
        "Its outputs are not compared".clone_into(&mut result.reason);
        return;
    }
    // What was stored without a number was never run, except for queries, which have none everywhere.
    let none = if same { !cell.has_outputs() } else { old.is_empty() };
    if cell.execution_count.is_none() && (none || sql_cell(&cell.source).is_none()) {
        if none {
            "No outputs are stored: the cell has no number".clone_into(&mut result.reason);
        } else {
            result.verdict = Verdict::Failed;
            "The stored outputs belong to no run: the cell has no number".clone_into(&mut result.reason);
        }
        return;
    }
    if same {
        result.verdict = Verdict::Passed;
        return;
    }
    let (rows, noise) = compare_outputs(old, new, &policy.rules);
    let mut hidden = noise;
    let unordered = sql_cell(&cell.source).is_some_and(|q| !has_order(&q.sql));
    result.differences = rows.iter().filter_map(|row| difference(row, (policy, unordered), &mut hidden)).collect();
    result.hidden = hidden.words();
    result.verdict = if result.differences.is_empty() { Verdict::Passed } else { Verdict::Differs };
    if let [first, rest @ ..] = result.differences.as_slice() {
        result.reason.clone_from(&first.words);
        if !rest.is_empty() {
            result.reason.push_str(&format!(", and {} more", text::count(rest.len() as u64, "output")));
        }
    }
}

fn title(cell: &Cell) -> String {
    let said = |l: &&str| !l.is_empty() && !l.starts_with('#') && !l.starts_with("%%") && !l.starts_with("--");
    let line = cell.source.lines().map(str::trim).find(said);
    text::shorten(line.or_else(|| cell.source.lines().next()).unwrap_or_default().trim(), 80)
}

/// A notebook of nothing but the outputs that are compared, brought into one form: streams of a name joined and put
/// first, since their order among each other is that of chance; without tracebacks, counts and model ids.
fn document<'a>(cells: impl Iterator<Item = (&'a Cell, &'a bool)>, masks: &Masks) -> Result<Document> {
    let cells: Vec<Value> = cells
        .map(|(cell, same)| {
            let wanted = cell.outputs().filter(|_| !same);
            let mut outputs: Vec<Value> =
                wanted.filter_map(|o| serde_json::from_slice(&o).ok()).filter_map(plain).collect();
            for output in &mut outputs {
                masks.apply(output);
            }
            outputs.sort_by_key(|o| match o.get("name").and_then(Value::as_str) {
                Some("stdout") => 0,
                Some(_) => 1,
                None => 2,
            });
            json!({ "cell_type": "code", "source": "", "metadata": {}, "execution_count": null, "outputs": outputs })
        })
        .collect();
    let all = json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4 });
    Document::parse("outputs", all.to_string().into_bytes())
}

fn plain(output: Value) -> Option<Value> {
    let kind = output.get("output_type")?.as_str()?.to_owned();
    let field = |name: &str| output.get(name).cloned().unwrap_or(Value::Null);
    Some(match kind.as_str() {
        "stream" => json!({ "output_type": "stream", "name": field("name"), "text": field("text") }),
        "error" => {
            json!({ "output_type": "error", "ename": field("ename"), "evalue": field("evalue"), "traceback": [] })
        }
        "display_data" | "execute_result" => {
            let mut data = output.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
            // Names a model of this very session.
            data.remove("application/vnd.jupyter.widget-view+json");
            // A formula's picture is made from its LaTeX, otherwise by each version of each library.
            if data.contains_key("text/latex") {
                data.retain(|mime, _| !mime.starts_with("image/"));
            }
            json!({ "output_type": "display_data", "data": data, "metadata": {} })
        }
        _ => output,
    })
}

/// What is told of a pair that differs; none when it is within what the policy allows.
fn difference(row: &OutputDiff, (policy, unordered): (&Policy, bool), hidden: &mut Noise) -> Option<Difference> {
    let output = row.old.or(row.new).unwrap_or(0) + 1;
    let (mut what, lone) = (what(&row.class), (row.change, &row.detail));
    let (words, lines) = match lone {
        (OutputChange::Same, _) | (_, OutputDetail::Same) => return None,
        (change @ (OutputChange::Added | OutputChange::Removed), detail) => {
            if matches!(detail, OutputDetail::Table(_)) {
                "table".clone_into(&mut what);
            }
            let words = match change {
                OutputChange::Added => format!("An output that is not stored: {what}"),
                _ => format!("A stored output did not come: {what}"),
            };
            (words, lines_of(detail))
        }
        (_, OutputDetail::Text(diff)) => {
            if within(diff.old.text(), diff.new.text(), policy.rules.tolerance) {
                hidden.within(1);
                return None;
            }
            let metrics: Vec<String> = row.metrics.iter().take(3).map(|m| m.words()).collect();
            let count = format!("{} stored, {} put out", diff.removed, diff.added);
            let told = if metrics.is_empty() { format!("lines that differ: {count}") } else { metrics.join(", ") };
            (format!("{what}: {told}"), lines_of(&row.detail))
        }
        (_, OutputDetail::Table(table)) if unordered && only_moved(table) => {
            hidden.moved(table.moved as u64);
            return None;
        }
        (_, OutputDetail::Table(table)) => {
            "table".clone_into(&mut what);
            (format!("table: {}", table_words(table)), lines_of(&row.detail))
        }
        (_, OutputDetail::Chart(chart)) => {
            "chart".clone_into(&mut what);
            let line = |p: &super::diff::ChartPart| Line {
                kind: match p.change {
                    OutputChange::Added => RowKind::Added,
                    OutputChange::Removed => RowKind::Removed,
                    _ => RowKind::Changed,
                },
                text: std::iter::once(p.name.clone()).chain(p.facts.iter().cloned()).collect::<Vec<_>>().join("; "),
            };
            (format!("chart: {}", chart.words()), chart.parts.iter().take(LINES).map(line).collect())
        }
        (_, OutputDetail::Image { old: Some(old), new: Some(new) }) => {
            "picture".clone_into(&mut what);
            match ImageDiff::of(old, new) {
                Ok(diff) if diff.old == diff.new && diff.share() <= policy.pixels && policy.pixels > 0.0 => {
                    return None;
                }
                Ok(diff) => (format!("picture: {}", diff.words()), Vec::new()),
                Err(error) => (format!("picture: {error}"), Vec::new()),
            }
        }
        (_, OutputDetail::Image { .. }) => (format!("{what}: only on one side"), Vec::new()),
    };
    Some(Difference { output, what, words, lines })
}

/// A query without ORDER BY gives its rows in any order.
fn has_order(sql: &str) -> bool {
    let tokens = super::table::lex::significant(sql);
    let is = |i: usize, word: &str| {
        tokens.get(i).and_then(|t| sql.get(t.at.clone())).is_some_and(|t| t.eq_ignore_ascii_case(word))
    };
    (0..tokens.len()).any(|i| is(i, "order") && is(i + 1, "by"))
}

/// The same rows and columns, in another order.
fn only_moved(table: &TableDiff) -> bool {
    let columns = table.columns.iter().all(|c| c.1 == RowKind::Same);
    columns && table.notes.is_empty() && table.changed + table.added + table.removed == 0
}

fn table_words(table: &TableDiff) -> String {
    if only_moved(table) {
        return format!("{} moved", text::count(table.moved as u64, "row"));
    }
    let mut words = format!("{} differ", table.words());
    if !table.notes.is_empty() {
        words.push_str(&format!(" ({})", table.notes.join(", ")));
    }
    words
}

/// How a class of outputs is called.
fn what(class: &str) -> String {
    match class {
        "error" => "error".to_owned(),
        class if class.starts_with("image/") => "picture".to_owned(),
        class => class.strip_prefix("stream:").unwrap_or(class).to_owned(),
    }
}

fn lines_of(detail: &OutputDetail) -> Vec<Line> {
    match detail {
        OutputDetail::Text(diff) => text_lines(diff),
        OutputDetail::Table(table) => table_lines(table),
        _ => Vec::new(),
    }
}

fn text_lines(diff: &TextDiff) -> Vec<Line> {
    let mut all = Vec::new();
    let shown = |line: &str| text::shorten(line, 400);
    for part in stretches(diff.rows.len(), |i| diff.rows.get(i).is_some_and(|r| r.kind == RowKind::Same), 2) {
        match part {
            Stretch::Fold(range) => {
                let text = format!("{} the same", text::count(range.len() as u64, "line"));
                all.push(Line { kind: RowKind::Same, text: format!("\u{2026} {text}") });
            }
            Stretch::Show(range) => {
                for row in diff.rows.get(range).unwrap_or_default() {
                    let old = row.old.map(|i| shown(diff.old.line(i as usize)));
                    let new = row.new.map(|i| shown(diff.new.line(i as usize)));
                    if row.kind == RowKind::Same {
                        all.extend(new.map(|text| Line { kind: RowKind::Same, text }));
                        continue;
                    }
                    all.extend(old.map(|text| Line { kind: RowKind::Removed, text }));
                    all.extend(new.map(|text| Line { kind: RowKind::Added, text }));
                }
            }
        }
    }
    if all.len() > LINES {
        let more = all.len() - LINES;
        all.truncate(LINES);
        all.push(Line { kind: RowKind::Same, text: format!("\u{2026} and {}", text::count(more as u64, "line")) });
    }
    all.extend(diff.notes.iter().map(|n| Line { kind: RowKind::Changed, text: (*n).to_owned() }));
    all
}

fn table_lines(table: &TableDiff) -> Vec<Line> {
    let names: Vec<&str> = table.columns.iter().map(|c| c.0.as_str()).collect();
    let mut all = vec![Line { kind: RowKind::Same, text: names.join(" | ") }];
    let changed = || table.rows.iter().filter(|r| !r.is_same());
    for row in changed().take(ROWS) {
        let line = |kind, cells: &Vec<String>| Line { kind, text: text::shorten(&cells.join(" | "), 400) };
        all.extend(row.old.as_ref().map(|cells| line(RowKind::Removed, cells)));
        all.extend(row.new.as_ref().map(|cells| line(RowKind::Added, cells)));
    }
    let more = changed().count().saturating_sub(ROWS);
    if more > 0 {
        all.push(Line { kind: RowKind::Same, text: format!("\u{2026} and {}", text::count(more as u64, "row")) });
    }
    all
}

/// Two texts that differ in nothing but decimal numbers, and in those by no more than the tolerance.
fn within(a: &str, b: &str, tolerance: f64) -> bool {
    let (mut x, mut y) = (numbers(a), numbers(b));
    tolerance > 0.0
        && loop {
            match (x.next(), y.next()) {
                (None, None) => break true,
                (Some((s, m)), Some((t, n))) if s == t => match (m, n) {
                    (m, n) if m == n => {}
                    (Some(m), Some(n)) if near(m, n, tolerance) => {}
                    _ => break false,
                },
                _ => break false,
            }
        }
}

/// Decimal numbers alone: a count or an id is right or wrong.
fn near(a: &str, b: &str, tolerance: f64) -> bool {
    let decimal = |t: &str| t.contains(['.', 'e', 'E']);
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) if decimal(a) || decimal(b) => (x - y).abs() <= tolerance * x.abs().max(y.abs()),
        _ => false,
    }
}

/// A text in parts: what stands before each number, and the number.
fn numbers(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let start = text.find(|c: char| c.is_ascii_digit())?;
        let tail = text.get(start..)?;
        let mut end = tail.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(tail.len());
        let exponent = tail.get(end..).unwrap_or_default();
        if let Some(after) = exponent.strip_prefix(['e', 'E']) {
            let sign = usize::from(after.starts_with(['-', '+']));
            let digits = after.get(sign..).unwrap_or_default();
            let len = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            end += if len > 0 { 1 + sign + len } else { 0 };
        }
        let number = tail.get(..end)?.trim_end_matches('.');
        rest = tail.get(number.len()..);
        Some((text.get(..start)?, Some(number)))
    })
    .chain(std::iter::once_with(move || (after_numbers(text), None)))
}

fn after_numbers(text: &str) -> &str {
    text.rfind(|c: char| c.is_ascii_digit()).and_then(|i| text.get(i + 1..)).unwrap_or(text)
}

/// True for a cell that a test executes.
pub fn is_tested(cell: &Cell) -> bool {
    cell.kind == CellKind::Code && !cell.source.trim().is_empty()
}

#[cfg(test)]
mod tests;

//! The comparison for people: like a unified diff, cell by cell.
use std::{cell::RefCell, ops::Range};

use super::Compared;
use crate::{
    base::text::{count, shorten, visible},
    model::{
        diff::{
            CellChange, CellDiff, CellView, FileShape, ImageDiff, Kept, Link, NotebookDiff, OutputChange, OutputDetail,
            OutputDiff, Picture, TableDiff,
        },
        textdiff::{Row, RowKind, Stretch, TextDiff},
    },
};

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const CYAN: &str = "\u{1b}[36m";
const BOLD: &str = "\u{1b}[1m";
const REVERSE: &str = "\u{1b}[7m";
const UNREVERSE: &str = "\u{1b}[27m";
const RESET: &str = "\u{1b}[0m";

struct Pen {
    colour: bool,
    context: usize,
    lines: RefCell<Vec<String>>,
}

/// The lines that tell of one file.
pub(super) fn file(file: &Compared, context: usize, colour: bool) -> Vec<String> {
    let pen = Pen { colour, context, lines: RefCell::default() };
    if file.diff.same_bytes {
        return Vec::new();
    }
    pen.put(BOLD, &format!("--- {}  {}", file.path, file.old));
    pen.put(BOLD, &format!("+++ {}  {}", file.path, file.new));
    if let Some(note) = &file.diff.note {
        pen.put("", &format!("  {note}"));
    }
    match &file.diff.shape {
        FileShape::Notebook(diff) => pen.notebook(diff),
        FileShape::Text(diff) => pen.text(diff, true),
        FileShape::Image { old, new } => pen.image(old.as_deref(), new.as_deref()),
        FileShape::Binary { old, new, .. } => {
            let size = |s: &Option<u64>| s.map_or("none".to_owned(), |s| format!("{s} bytes"));
            pen.put("", &format!("  binary: {} became {}", size(old), size(new)));
        }
        FileShape::Kept { old, new } => {
            let words = |s: &Option<Kept>| s.as_ref().map_or("none".to_owned(), Kept::words);
            pen.put("", &format!("  kept by Git LFS: {} became {}", words(old), words(new)));
        }
        FileShape::Missing => {}
    }
    pen.line("");
    pen.lines.into_inner()
}

impl Pen {
    fn line(&self, text: &str) {
        self.lines.borrow_mut().push(text.to_owned());
    }
    fn put(&self, colour: &str, text: &str) {
        let text = visible(text);
        if self.colour && !colour.is_empty() { self.line(&format!("{colour}{text}{RESET}")) } else { self.line(&text) }
    }

    fn notebook(&self, diff: &NotebookDiff) {
        let mut words = diff.summary.words();
        if words.is_empty() {
            "no cell changed".clone_into(&mut words);
        }
        if diff.summary.rerun > 0 {
            words.push_str(&format!("; {} only re-run: hidden", count(diff.summary.rerun as u64, "cell")));
        }
        let hidden = diff.hidden();
        if !hidden.is_empty() {
            words.push_str(&format!("; hidden in outputs: {}", hidden.words()));
        }
        self.put("", &format!("  {words}"));
        diff.notes.iter().for_each(|n| self.put("", &format!("  {n}")));
        for key in &diff.metadata {
            self.put(CYAN, &format!("@@ notebook metadata: {}", key.key));
            let [old, new] = key.shown();
            self.key(old.as_deref(), new.as_deref());
        }
        diff.cells.iter().filter(|c| c.is_shown()).for_each(|c| self.cell(diff, c));
    }

    fn key(&self, old: Option<&str>, new: Option<&str>) {
        old.iter().flat_map(|v| v.lines()).for_each(|l| self.put(RED, &format!("-{l}")));
        new.iter().flat_map(|v| v.lines()).for_each(|l| self.put(GREEN, &format!("+{l}")));
    }

    fn cell(&self, diff: &NotebookDiff, row: &CellDiff) {
        self.put(CYAN, &format!("@@ {}", heading(diff, row)));
        for key in &row.metadata {
            self.put("", &format!("  metadata {}", key.key));
            let [old, new] = key.shown();
            self.key(old.as_deref(), new.as_deref());
        }
        row.attachments.iter().for_each(|a| self.put("", &format!("  attachment {a}")));
        match (row.change, &row.source) {
            (CellChange::Added, _) => self.whole('+', GREEN, diff.new_cell(row)),
            (CellChange::Removed, _) => self.whole('-', RED, diff.old_cell(row)),
            (_, Some(source)) => self.text(source, false),
            _ => {}
        }
        row.outputs.iter().filter(|o| o.change != OutputChange::Same).for_each(|o| self.output(o));
    }

    fn whole(&self, sign: char, colour: &str, cell: Option<&CellView>) {
        let Some(cell) = cell else { return };
        cell.source.split('\n').for_each(|l| self.put(colour, &format!("{sign}{l}")));
    }

    fn output(&self, output: &OutputDiff) {
        let word = match output.change {
            OutputChange::Added => "output added",
            OutputChange::Removed => "output removed",
            _ => "output changed",
        };
        self.put(CYAN, &format!("   {word}: {}", output.class));
        output.metrics.iter().for_each(|m| self.put("", &format!("  {}", m.words())));
        match &output.detail {
            OutputDetail::Same => {}
            OutputDetail::Chart(chart) => {
                for part in &chart.parts {
                    let (sign, colour) = match part.change {
                        OutputChange::Added => ('+', GREEN),
                        OutputChange::Removed => ('-', RED),
                        _ => ('~', ""),
                    };
                    self.put(colour, &format!("{sign} {}", part.name));
                    part.facts.iter().for_each(|f| self.put("", &format!("    {f}")));
                }
            }
            OutputDetail::Text(diff) => self.text(diff, false),
            OutputDetail::Table(diff) => self.table(diff),
            OutputDetail::Image { old, new } => self.image(old.as_deref(), new.as_deref()),
        }
    }

    fn image(&self, old: Option<&Picture>, new: Option<&Picture>) {
        old.iter().for_each(|p| self.put(RED, &format!("- {}", p.words())));
        new.iter().for_each(|p| self.put(GREEN, &format!("+ {}", p.words())));
        if let (Some(old), Some(new)) = (old, new) {
            match ImageDiff::of(old, new) {
                Ok(diff) => self.put("", &format!("  {}", diff.words())),
                Err(e) => self.put("", &format!("  not compared: {e}")),
            }
        }
    }

    fn table(&self, diff: &TableDiff) {
        self.put("", &format!("  {}", diff.words()));
        diff.notes.iter().for_each(|n| self.put("", &format!("  {n}")));
        let name = |(c, was): (&(String, RowKind), &Option<String>)| match (was, c.1) {
            (Some(was), _) => format!("{was} \u{2192} {}", c.0),
            (_, RowKind::Added) => format!("+{}", c.0),
            (_, RowKind::Removed) => format!("-{}", c.0),
            _ => c.0.clone(),
        };
        let names: Vec<_> = diff.columns.iter().zip(&diff.renamed).map(name).collect();
        self.put("", &format!("  {}", names.join(" | ")));
        for row in diff.rows.iter().filter(|r| !r.is_same()).take(200) {
            if let (RowKind::Same, Some(cells)) = (row.kind, &row.new) {
                self.put("", &format!("~ moved: {}", cells.join(" | ")));
                continue;
            }
            row.old.iter().for_each(|r| self.put(RED, &format!("- {}", r.join(" | "))));
            row.new.iter().for_each(|r| self.put(GREEN, &format!("+ {}", r.join(" | "))));
            let by = |(n, c): (usize, &(String, RowKind))| {
                let delta = row.delta(n)?;
                let percent = delta.percent();
                let percent = if percent.is_empty() { percent } else { format!(" ({percent})") };
                Some(format!("{} {}{percent}", c.0, delta.words()))
            };
            let deltas: Vec<_> = diff.columns.iter().enumerate().filter_map(by).collect();
            if !deltas.is_empty() {
                self.put("", &format!("    {}", deltas.join(", ")));
            }
        }
    }

    fn text(&self, diff: &TextDiff, places: bool) {
        for stretch in diff.stretches(self.context) {
            let Stretch::Show(range) = stretch else { continue };
            let rows = diff.rows.get(range).unwrap_or_default();
            if places {
                self.put(CYAN, &place(rows));
            }
            // As in any unified diff, what went stands before what came, stretch by stretch.
            for group in rows.chunk_by(|a, b| (a.kind == RowKind::Same) == (b.kind == RowKind::Same)) {
                if group.iter().all(|r| r.kind == RowKind::Same) {
                    let text = |r: &Row| r.new.map(|n| diff.new.line(n as usize)).unwrap_or_default().to_owned();
                    group.iter().for_each(|r| self.put("", &format!(" {}", text(r))));
                    continue;
                }
                for row in group {
                    row.old.iter().for_each(|n| self.words('-', RED, diff.old.line(*n as usize), &row.old_words));
                }
                for row in group {
                    row.new.iter().for_each(|n| self.words('+', GREEN, diff.new.line(*n as usize), &row.new_words));
                }
            }
        }
        diff.notes.iter().for_each(|n| self.put("", &format!("\\ {n}")));
    }

    fn words(&self, sign: char, colour: &str, text: &str, words: &[Range<u32>]) {
        if !self.colour || words.is_empty() {
            return self.put(colour, &format!("{sign}{text}"));
        }
        let mut out = format!("{colour}{sign}");
        let mut at = 0;
        for word in words {
            let (start, end) = (word.start as usize, word.end as usize);
            out.push_str(&visible(text.get(at..start).unwrap_or_default()));
            out.push_str(&format!("{REVERSE}{}{UNREVERSE}", visible(text.get(start..end).unwrap_or_default())));
            at = end;
        }
        out.push_str(&visible(text.get(at..).unwrap_or_default()));
        self.line(&format!("{out}{RESET}"));
    }
}

/// `cell 15 · code · moved from 9 · source changed · "Check the range"`.
pub(super) fn heading(diff: &NotebookDiff, row: &CellDiff) -> String {
    let mut parts = Vec::new();
    let number = row.new.or(row.old).map_or(0, |n| n + 1);
    let side = if row.new.is_none() { "old cell" } else { "cell" };
    parts.push(format!("{side} {number}"));
    if let Some(cell) = diff.cell(row) {
        parts.push(cell.kind.word().to_owned());
    }
    match row.change {
        CellChange::Added => parts.push("added".to_owned()),
        CellChange::Removed => parts.push("removed".to_owned()),
        _ => {}
    }
    if let (true, Some(old)) = (row.moved, row.old) {
        parts.push(format!("moved from {}", old + 1));
    }
    if let Some((a, b)) = row.retyped {
        parts.push(format!("{} became {}", a.word(), b.word()));
    }
    let outputs = row.change == CellChange::Changed && !row.outputs.is_empty();
    match (row.source.is_some(), !outputs) {
        (true, true) => parts.push("source changed".to_owned()),
        (true, false) => parts.push("source and outputs changed".to_owned()),
        (false, false) => parts.push("outputs changed".to_owned()),
        _ => {}
    }
    match row.link {
        Some(Link::SplitFrom(n)) => parts.push(format!("split off old cell {}", n + 1)),
        Some(Link::JoinedInto(n)) => parts.push(format!("joined into cell {}", n + 1)),
        None => {}
    }
    let title = diff.cell(row).map(CellView::title).unwrap_or_default();
    if !title.is_empty() {
        parts.push(shorten(title, 48));
    }
    parts.join(" \u{b7} ")
}

fn place(rows: &[Row]) -> String {
    let side = |pick: fn(&Row) -> Option<u32>| {
        let lines: Vec<u32> = rows.iter().filter_map(pick).collect();
        format!("{},{}", lines.first().map_or(0, |l| l + 1), lines.len())
    };
    format!("@@ -{} +{} @@", side(|r| r.old), side(|r| r.new))
}

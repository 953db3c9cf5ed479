//! The comparison as a document for scripts: schema `andon.diff/1`.
use std::collections::HashMap;

use serde_json::{Value, json};

use super::Compared;
use crate::model::{
    diff::{
        CellChange, CellDiff, CellView, FileShape, ImageDiff, Kept, Link, NotebookDiff, OutputDetail, OutputDiff,
        Picture, TableDiff,
    },
    patch::Patch,
    textdiff::{RowKind, Stretch, TextDiff},
};

/// One file. Cells, lines and outputs are numbered from 1, as people count.
pub(super) fn file(file: &Compared) -> Value {
    let mut body = json!({
        "path": file.path,
        "old": file.old,
        "new": file.new,
        "same": file.diff.is_quiet(),
        "identical": file.diff.same_bytes,
        "note": file.diff.note,
    });
    let more = match &file.diff.shape {
        FileShape::Notebook(diff) => json!({ "kind": "notebook", "notebook": notebook(diff) }),
        FileShape::Text(diff) => json!({ "kind": "text", "text": text(diff) }),
        FileShape::Image { old, new } => {
            json!({ "kind": "image", "image": image(old.as_deref(), new.as_deref()) })
        }
        FileShape::Binary { old, new, .. } => json!({ "kind": "binary", "bytes": { "old": old, "new": new } }),
        FileShape::Kept { old, new } => {
            let size = |s: &Option<Kept>| s.as_ref().map(Kept::size);
            json!({ "kind": "kept", "bytes": { "old": size(old), "new": size(new) } })
        }
        FileShape::Missing => json!({ "kind": "missing" }),
    };
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

/// The document of a single file with its cells for scripts, here counted from 0.
pub(super) fn one(file: &Compared, same: bool) -> Value {
    let mut body = self::file(file);
    if let Value::Object(body) = &mut body {
        body.insert("same".to_owned(), json!(same));
        if let FileShape::Notebook(diff) = &file.diff.shape {
            body.insert("cells".to_owned(), Value::Array(cells(diff)));
        }
    }
    body
}

/// What `andon patch` needs, as JSON text on one line: it can be as large as what changed, and nobody reads it.
pub(super) fn apply(file: &Compared) -> Option<String> {
    let (old, new) = file.bytes.as_ref()?;
    let notebook = match &file.diff.shape {
        FileShape::Notebook(diff) => Some(&**diff),
        _ => None,
    };
    serde_json::to_string(&Patch::new(old, new, notebook)).ok()
}

/// Every cell of either side once: in new order, those taken out where they stood.
fn cells(diff: &NotebookDiff) -> Vec<Value> {
    let (mut split, mut joined): (HashMap<usize, Vec<usize>>, HashMap<usize, Vec<usize>>) = Default::default();
    for row in &diff.cells {
        match (row.link, row.old, row.new) {
            (Some(Link::SplitFrom(old)), _, Some(new)) => split.entry(old).or_default().push(new),
            (Some(Link::JoinedInto(new)), Some(old), _) => joined.entry(new).or_default().push(old),
            _ => {}
        }
    }
    let of = |links: &HashMap<usize, Vec<usize>>, at: usize| links.get(&at).cloned().unwrap_or_default();
    let rows = diff.cells.iter().filter(|r| r.link.is_none());
    rows.map(|row| {
        let more = row.old.zip(row.new).map(|(i, j)| (of(&split, i), of(&joined, j))).unwrap_or_default();
        let places = |own: Option<usize>, more: &[usize]| {
            let mut all: Vec<usize> = own.into_iter().chain(more.iter().copied()).collect();
            all.sort_unstable();
            if more.is_empty() { json!(own) } else { json!(all) }
        };
        let edited =
            row.source.is_some() || row.retyped.is_some() || !row.metadata.is_empty() || !row.attachments.is_empty();
        let change = match (row.change, row.moved) {
            (CellChange::Added, _) => "inserted",
            (CellChange::Removed, _) => "deleted",
            _ if !more.0.is_empty() => "split",
            _ if !more.1.is_empty() => "joined",
            (_, true) if edited => "moved+edited",
            (_, true) => "moved",
            _ if edited => "edited",
            _ if !row.outputs.is_empty() => "outputs",
            _ => "same",
        };
        json!({
            "base": places(row.old, &more.1),
            "other": places(row.new, &more.0),
            "change": change,
            "source": row.source.is_some(),
            "outputs": row.change == CellChange::Changed && !row.outputs.is_empty(),
            "metadata": row.metadata.iter().map(|k| k.key.as_str()).collect::<Vec<_>>(),
            "type": row.retyped.is_some(),
            "attachments": row.attachments,
            "noise": noise(diff, row),
        })
    })
    .collect()
}

/// What differs and counts for nothing.
fn noise(diff: &NotebookDiff, row: &CellDiff) -> Vec<&'static str> {
    let (Some(a), Some(b)) = (diff.old_cell(row), diff.new_cell(row)) else { return Vec::new() };
    let all = [
        (a.id != b.id, "id"),
        (a.count != b.count, "execution_count"),
        (a.volatile != b.volatile, "metadata"),
        (a.outputs_hash != b.outputs_hash && row.outputs.is_empty(), "outputs"),
    ];
    all.into_iter().filter_map(|(differs, word)| differs.then_some(word)).collect()
}

fn notebook(diff: &NotebookDiff) -> Value {
    let cells: Vec<Value> =
        diff.cells.iter().filter(|c| c.change != CellChange::Same || c.moved).map(|c| cell(diff, c)).collect();
    json!({ "summary": diff.summary, "notes": diff.notes, "hidden": diff.hidden(), "metadata": diff.metadata, "cells": cells })
}

fn cell(diff: &NotebookDiff, row: &CellDiff) -> Value {
    let whole = match row.change {
        CellChange::Added => diff.new_cell(row),
        CellChange::Removed => diff.old_cell(row),
        _ => None,
    };
    json!({
        "old": row.old.map(|n| n + 1),
        "new": row.new.map(|n| n + 1),
        "id": diff.cell(row).and_then(|c| c.id.as_deref()),
        "type": diff.cell(row).map(|c| c.kind),
        "title": diff.cell(row).map(CellView::title),
        "change": row.change,
        "moved": row.moved,
        "block": row.block,
        "type_before": row.retyped.map(|r| r.0),
        "source": row.source.as_deref().map(text),
        "text": whole.map(|c| &*c.source),
        "outputs": row.outputs.iter().map(output).collect::<Vec<_>>(),
        "metadata": row.metadata,
        "attachments": row.attachments,
        "split_from": row.link.and_then(|l| if let Link::SplitFrom(n) = l { Some(n + 1) } else { None }),
        "joined_into": row.link.and_then(|l| if let Link::JoinedInto(n) = l { Some(n + 1) } else { None }),
    })
}

fn text(diff: &TextDiff) -> Value {
    let mut lines = Vec::new();
    for stretch in diff.stretches(0) {
        let Stretch::Show(range) = stretch else { continue };
        for row in diff.rows.get(range).unwrap_or_default().iter().filter(|r| r.kind != RowKind::Same) {
            let old = row.old.map(|n| diff.old.line(n as usize));
            let new = row.new.map(|n| diff.new.line(n as usize));
            lines.push(json!({
                "kind": row.kind,
                "old_line": row.old.map(|n| n + 1),
                "new_line": row.new.map(|n| n + 1),
                "old": old,
                "new": new,
                "old_words": row.old_words.iter().map(|r| [r.start, r.end]).collect::<Vec<_>>(),
                "new_words": row.new_words.iter().map(|r| [r.start, r.end]).collect::<Vec<_>>(),
            }));
        }
    }
    json!({ "added": diff.added, "removed": diff.removed, "notes": diff.notes, "lines": lines })
}

fn output(output: &OutputDiff) -> Value {
    let detail = match &output.detail {
        OutputDetail::Same => Value::Null,
        OutputDetail::Text(diff) => json!({ "text": text(diff) }),
        OutputDetail::Table(diff) => json!({ "table": table(diff) }),
        OutputDetail::Chart(chart) => json!({ "chart": &**chart }),
        OutputDetail::Image { old, new } => {
            json!({ "image": image(old.as_deref(), new.as_deref()) })
        }
    };
    json!({
        "old": output.old.map(|n| n + 1),
        "new": output.new.map(|n| n + 1),
        "change": output.change,
        "class": output.class,
        "detail": detail,
        "numbers": output.metrics,
        "noise": output.noise,
    })
}

fn table(diff: &TableDiff) -> Value {
    let rows: Vec<Value> = diff
        .rows
        .iter()
        .filter(|r| !r.is_same())
        .map(|r| {
            let deltas: Vec<Value> = (0..r.changed.len())
                .filter_map(|c| Some((c, r.delta(c)?)))
                .map(|(c, d)| json!({ "column": c, "absolute": d.absolute(), "share": d.share() }))
                .collect();
            json!({
                "kind": r.kind, "old": r.old, "new": r.new, "changed": r.changed, "moved": r.moved, "deltas": deltas,
            })
        })
        .collect();
    let pairs = diff.columns.iter().zip(&diff.renamed);
    let columns: Vec<Value> = pairs.map(|((n, k), was)| json!({ "name": n, "kind": k, "was": was })).collect();
    json!({
        "columns": columns, "rows": rows, "changed": diff.changed, "added": diff.added, "removed": diff.removed,
        "total": diff.rows.len(), "moved": diff.moved, "cells": diff.cells, "within_tolerance": diff.within,
        "key": diff.key, "notes": diff.notes,
    })
}

/// Both pictures and what the comparison of their pixels says; `compared` is null when a side cannot be decoded.
fn image(old: Option<&Picture>, new: Option<&Picture>) -> Value {
    let diff = old.zip(new).and_then(|(a, b)| ImageDiff::of(a, b).ok());
    let compared = diff.map(|d| {
        json!({
            "words": d.words(), "share": d.share(), "changed": d.changed, "pixels": d.total, "tolerance": d.tolerance,
            "ssim": d.ssim, "fit": d.fit, "same_picture": d.is_same_picture(), "regions": d.regions,
        })
    });
    json!({ "old": picture(old), "new": picture(new), "compared": compared })
}

fn picture(picture: Option<&Picture>) -> Value {
    picture.map_or(
        Value::Null,
        |p| json!({ "mime": p.mime, "bytes": p.bytes.len(), "xxh3": format!("{:016x}", p.hash), "size": p.size }),
    )
}

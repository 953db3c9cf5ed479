use serde_json::{Value, json};

use super::*;
use crate::model::diff::tests::{Cell as Gen, Ids, Rng, cell as made, line, notebook as written};

pub(super) const NAMES: Names<'_> = Names { local: "local", remote: "remote" };

pub(super) fn code(id: &str, source: &str) -> Value {
    json!({"cell_type": "code", "execution_count": null, "id": id, "metadata": {}, "outputs": [], "source": source})
}

pub(super) fn ran(id: &str, source: &str, count: u64, printed: &str) -> Value {
    let outputs = json!([{"name": "stdout", "output_type": "stream", "text": [printed]}]);
    json!({"cell_type": "code", "execution_count": count, "id": id, "metadata": {}, "outputs": outputs,
           "source": source})
}

pub(super) fn book(cells: &[Value]) -> Vec<u8> {
    let all = json!({"cells": cells, "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4,
                     "nbformat_minor": 5});
    serde_json::to_string_pretty(&all).unwrap().into_bytes()
}

pub(super) fn sources(bytes: &[u8]) -> Vec<String> {
    Notebook::parse(bytes).unwrap().cells().iter().map(|c| c.source.to_string()).collect()
}

/// Merges both ways around, and holds the laws that need no truth.
fn merged(base: &[u8], local: &[u8], remote: &[u8]) -> Merged {
    let one = merge(base, local, remote, NAMES).unwrap();
    let other = merge(base, remote, local, Names { local: "remote", remote: "local" }).unwrap();
    if one.conflicts.is_empty() {
        assert_eq!(one.bytes, other.bytes, "the same either way around");
    }
    assert_eq!(one.conflicts.len(), other.conflicts.len());
    for (version, take_it) in [(base, Take::Base), (local, Take::Local), (remote, Take::Remote)] {
        if one.conflicts.is_empty() {
            assert!(take(&one.bytes, take_it).is_err());
        } else {
            assert!(take(&one.bytes, take_it).unwrap() == version, "{take_it:?} comes back byte for byte");
        }
    }
    for (a, b, want) in [(base, local, local), (local, local, local), (base, base, base)] {
        assert!(merge(a, b, want, NAMES).unwrap().bytes == want);
    }
    assert!(merge(base, local, base, NAMES).unwrap().bytes == local);
    assert!(merge(base, base, remote, NAMES).unwrap().bytes == remote);
    one
}

type Told = (Option<usize>, Option<usize>, Option<usize>, Part);

pub(super) fn parts(merged: &Merged) -> Vec<Told> {
    merged.conflicts.iter().map(|c| (c.base, c.local, c.remote, c.part)).collect()
}

const A: &str = "import polars as pl\nframe = pl.read_csv('a.csv')";
const B: &str = "frame.group_by('station').mean()";
const C: &str = "frame.write_parquet('out.parquet')";
const D: &str = "print(frame.describe())\nframe.head(20)";

#[test]
fn moved_here_and_edited_there_go_together() {
    let base = book(&[code("a", A), code("b", B), code("c", C), code("d", D)]);
    let local = book(&[code("c", C), code("a", A), code("b", B), code("d", D)]);
    let remote = book(&[code("a", A), code("b", B), code("c", "frame.write_parquet('new.parquet')"), code("d", D)]);
    let m = merged(&base, &local, &remote);
    assert!(m.conflicts.is_empty(), "{:?}", m.conflicts);
    assert_eq!(sources(&m.bytes), ["frame.write_parquet('new.parquet')", A, B, D]);
}

#[test]
fn two_inserts_in_one_gap_both_stay() {
    let base = book(&[code("a", A), code("b", B)]);
    let local = book(&[code("a", A), code("x", "x = one_side()"), code("y", "y = more(x)"), code("b", B)]);
    let remote = book(&[code("a", A), code("z", "z = the_other()"), code("b", B)]);
    let m = merged(&base, &local, &remote);
    assert!(m.conflicts.is_empty());
    let got = sources(&m.bytes);
    assert!(
        got == [A, "x = one_side()", "y = more(x)", "z = the_other()", B]
            || got == [A, "z = the_other()", "x = one_side()", "y = more(x)", B],
        "{got:?}"
    );
    // The same cell put in by both is one cell.
    let both = book(&[code("a", A), code("q", "x = one_side()"), code("b", B)]);
    let m = merged(&base, &local, &both);
    assert_eq!(sources(&m.bytes), [A, "x = one_side()", "y = more(x)", B]);
    assert!(m.conflicts.is_empty());
}

#[test]
fn an_insert_goes_with_the_block_that_the_other_side_moved() {
    let base = book(&[code("a", A), code("b", B), code("c", C), code("d", D)]);
    let local = book(&[code("a", A), code("b", B), code("x", "x = between()"), code("c", C), code("d", D)]);
    let remote = book(&[code("a", A), code("d", D), code("b", B), code("c", C)]);
    let m = merged(&base, &local, &remote);
    let got = sources(&m.bytes);
    let at = |s: &str| got.iter().position(|g| g == s).unwrap();
    assert!(at("x = between()") == at(B) + 1 && at(C) == at(B) + 2, "{got:?}");
}

#[test]
fn an_edit_and_a_new_run_give_the_edit_with_its_output_marked_old() {
    let base = book(&[ran("a", A, 1, "1\n"), ran("b", B, 2, "2\n")]);
    let local = book(&[ran("a", "import polars\nframe = 3", 1, "1\n"), ran("b", B, 2, "2\n")]);
    let remote = book(&[ran("a", A, 7, "fresh\n"), ran("b", B, 8, "2\n")]);
    let m = merged(&base, &local, &remote);
    assert!(m.conflicts.is_empty());
    assert_eq!(sources(&m.bytes)[0], "import polars\nframe = 3");
    assert_eq!(m.stale, [0]);
    let doc: Value = serde_json::from_slice(&m.bytes).unwrap();
    assert_eq!(doc["cells"][0]["outputs"][0]["text"][0], "fresh\n");
    assert!(doc["cells"][0]["metadata"]["andon"]["stale"].is_string());
    assert_eq!(doc["cells"][1]["execution_count"], 8);
    assert_eq!(doc["cells"][1]["metadata"], json!({}));
    // Both ran it, one after an edit: that run counts, and is not old.
    let local = book(&[ran("a", "import polars\nframe = 3", 5, "three\n"), ran("b", B, 2, "2\n")]);
    let m = merged(&base, &local, &remote);
    let doc: Value = serde_json::from_slice(&m.bytes).unwrap();
    assert_eq!((&doc["cells"][0]["outputs"][0]["text"][0], m.stale.len()), (&json!("three\n"), 0));
}

#[test]
fn what_cannot_be_merged_is_a_conflict_in_a_valid_notebook() {
    let base = book(&[code("a", A), ran("b", B, 1, "x\n"), code("c", C), code("d", D)]);
    let local = book(&[code("a", "frame = 1"), ran("b", B, 2, "y\n"), code("d", D)]);
    let remote = book(&[code("a", "frame = 2"), ran("b", B, 3, "z\n"), code("c", "frame.sink('c')"), code("d", D)]);
    let m = merged(&base, &local, &remote);
    assert_eq!(
        parts(&m),
        [
            (Some(0), Some(0), Some(0), Part::Source),
            (Some(1), Some(1), Some(1), Part::Outputs),
            (Some(2), None, Some(2), Part::Cell)
        ]
    );
    let got = sources(&m.bytes);
    assert_eq!(got[0], "<<<<<<< local\nframe = 1\n=======\nframe = 2\n>>>>>>> remote");
    assert_eq!(&got[1..], [B, "frame.sink('c')", D]);
    let doc: Value = serde_json::from_slice(&m.bytes).unwrap();
    assert_eq!(doc["cells"][0]["metadata"]["andon"]["conflict"]["parts"], json!(["source"]));
    // Another program wrote it anew: nothing is lost.
    let anew = serde_json::to_vec(&doc).unwrap();
    assert!(take(&anew, Take::Remote).unwrap() == remote);
}

#[test]
fn marks_that_nobody_decided_are_told_when_merged_again() {
    let base = book(&[code("a", A), code("b", B)]);
    let open = book(&[code("a", "<<<<<<< local\nx = 1\n=======\nx = 2\n>>>>>>> remote"), code("b", B)]);
    let other = book(&[code("a", A), code("b", "frame.sum()")]);
    assert_eq!(merged(&base, &open, &other).notes, ["The local version still holds marks of an older conflict"]);
}

#[test]
fn deleted_here_and_untouched_or_only_run_there_is_deleted() {
    let base = book(&[code("a", A), ran("b", B, 1, "x\n"), code("c", C)]);
    let local = book(&[code("c", C)]);
    let remote = book(&[code("a", A), ran("b", B, 9, "again\n"), code("c", C)]);
    let m = merged(&base, &local, &remote);
    assert!(m.conflicts.is_empty());
    assert_eq!(sources(&m.bytes), [C]);
    assert_eq!(m.notes, ["1 cell deleted that the other side had only run again"]);
}

#[test]
fn metadata_merge_by_key_and_ids_never_conflict() {
    let with = |id: &str, metadata: Value| {
        let mut cell = code(id, A);
        cell["metadata"] = metadata;
        cell
    };
    let base = book(&[with("a", json!({"tags": ["x"], "k": 1}))]);
    let local = book(&[with("b", json!({"tags": ["x", "y"], "k": 2, "scrolled": true}))]);
    let remote = book(&[with("c", json!({"tags": ["z"], "k": 1, "scrolled": false}))]);
    let m = merged(&base, &local, &remote);
    assert!(m.conflicts.is_empty(), "{:?}", m.conflicts);
    let doc: Value = serde_json::from_slice(&m.bytes).unwrap();
    let cell = &doc["cells"][0];
    assert_eq!((&cell["id"], &cell["metadata"]["k"]), (&json!("a"), &json!(2)));
    let mut tags: Vec<_> = cell["metadata"]["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["y", "z"]);
    let remote = book(&[with("a", json!({"tags": ["x"], "k": 3}))]);
    assert_eq!(parts(&merged(&base, &local, &remote)), [(Some(0), Some(0), Some(0), Part::Metadata)]);
}

#[test]
fn what_stands_around_the_cells_merges_too() {
    let with = |kernel: &str, minor: u64, extra: Value| {
        let all = json!({"cells": [code("a", A)], "metadata": {"kernelspec": {"name": kernel}, "x": extra},
                         "nbformat": 4, "nbformat_minor": minor});
        format!("\u{feff}{}", serde_json::to_string_pretty(&all).unwrap()).into_bytes()
    };
    let (base, local, remote) = (with("py", 5, json!(1)), with("r", 5, json!(1)), with("py", 5, json!(2)));
    let m = merged(&base, &local, &remote);
    assert!(m.conflicts.is_empty());
    assert_eq!(m.bytes, with("r", 5, json!(2)));
    let m = merged(&base, &local, &with("julia", 5, json!(1)));
    assert_eq!(parts(&m), [(None, None, None, Part::Notebook)]);
    assert!(merge(&b"{}"[..], &base, &local, NAMES).is_err());
    assert!(
        merge(&base, &b"not json"[..], &base, NAMES).is_err(),
        "a broken side is said, also when the other is unchanged"
    );
}

/// What a side did to the notebook.
pub(super) struct Deeds {
    pub(super) cells: Vec<Gen>,
    /// Cell, line, and whether a line was put at the end.
    edits: Vec<(usize, usize, bool)>,
    deleted: Vec<usize>,
}

pub(super) fn deeds(base: &[Gen], rng: &mut Rng, ids: Ids, side: usize) -> Deeds {
    let mut all = Deeds { cells: base.to_vec(), edits: Vec::new(), deleted: Vec::new() };
    for c in all.cells.iter_mut().filter(|c| !c.source.is_empty()) {
        if rng.chance(12) {
            let mut lines: Vec<String> = c.source.lines().map(str::to_owned).collect();
            let at = rng.below(lines.len());
            lines[at] = format!("{}  # {} by {side}", lines[at], line(rng));
            let more = rng.chance(30);
            if more {
                lines.push(format!("{} # by {side}", line(rng)));
            }
            c.source = lines.join("\n");
            all.edits.push((c.name, at, more));
        } else if rng.chance(15) {
            c.count += 1_000;
        }
    }
    for _ in 0..base.len() / 25 {
        let gone = all.cells.remove(rng.below(all.cells.len()));
        all.deleted.push(gone.name);
    }
    for n in 0..base.len() / 25 {
        let mut fresh = made(rng, 10_000 * (side + 1) + n);
        fresh.source = format!("inserted_{side}_{n} = 1\n{}", fresh.source);
        fresh.id = fresh.id.filter(|_| ids != Ids::None);
        let at = rng.below(all.cells.len() + 1);
        all.cells.insert(at, fresh);
    }
    for _ in 0..base.len() / 25 {
        let cell = all.cells.remove(rng.below(all.cells.len()));
        let at = rng.below(all.cells.len() + 1);
        all.cells.insert(at, cell);
    }
    if ids == Ids::Rewritten {
        all.cells.iter_mut().for_each(|c| c.id = Some(format!("new-{:x}", rng.next())));
    }
    all
}

#[test]
fn generated_triples_merge_as_their_truth_says() {
    let (mut wrong, mut all) = (0, 0);
    for seed in 0..12 {
        for ids in [Ids::Kept, Ids::None, Ids::Rewritten] {
            let mut rng = Rng(seed * 77 + 5);
            let mut base: Vec<Gen> = (0..60).map(|n| made(&mut rng, n)).collect();
            if ids == Ids::None {
                base.iter_mut().for_each(|c| c.id = None);
            }
            let sides = [deeds(&base, &mut rng, ids, 1), deeds(&base, &mut rng, ids, 2)];
            let m = merged(&written(&base), &written(&sides[0].cells), &written(&sides[1].cells));
            let truth = expected(&base, &sides);
            let mut told: Vec<usize> = m.conflicts.iter().filter_map(|c| c.base).collect();
            told.sort_unstable();
            told.dedup();
            let mut texts: Vec<String> = sources(&m.bytes);
            texts.retain(|t| !t.contains("<<<<<<<") && !t.is_empty());
            texts.sort();
            let mut want = truth.sources;
            want.retain(|t| !t.is_empty());
            want.sort();
            let clash: Vec<usize> = told.iter().copied().filter(|n| truth.clean_conflict.contains(n)).collect();
            texts.retain(|t| want.contains(t) || clash.is_empty());
            all += 1;
            if told != truth.conflicts || (clash.is_empty() && texts != want) {
                wrong += 1;
                eprintln!("seed {seed} {ids:?}: told {told:?}, true {:?}", truth.conflicts);
                for t in texts.iter().filter(|t| !want.contains(t)) {
                    eprintln!("  not expected: {t:?}");
                }
                for t in want.iter().filter(|t| !texts.contains(t)) {
                    eprintln!("  missing: {t:?}");
                }
            }
        }
    }
    assert!(wrong * 50 <= all, "{wrong} of {all} triples differ from the truth");
}

#[test]
fn torn_and_twisted_notebooks_never_panic_and_never_make_a_broken_one() {
    let mut rng = Rng(99);
    let base: Vec<Gen> = (0..8).map(|n| made(&mut rng, n)).collect();
    let sides = [deeds(&base, &mut rng, Ids::Kept, 1), deeds(&base, &mut rng, Ids::Kept, 2)];
    let whole = [written(&base), written(&sides[0].cells), written(&sides[1].cells)];
    let mut merged = 0;
    for _ in 0..600 {
        let mut three = whole.clone();
        for bytes in &mut three {
            for _ in 0..rng.below(3) {
                let at = rng.below(bytes.len());
                match rng.below(4) {
                    0 => bytes[at] = b"\"\\{}[],:0n \xff"[rng.below(12)],
                    1 => drop(bytes.remove(at)),
                    2 => bytes.truncate(at.max(1)),
                    _ => {
                        let part = bytes[at..(at + rng.below(80)).min(bytes.len())].to_vec();
                        bytes.splice(at..at, part);
                    }
                }
            }
        }
        if let Ok(m) = merge(&three[0], &three[1], &three[2], NAMES) {
            merged += 1;
            Notebook::parse(m.bytes.as_slice()).unwrap();
            if !m.conflicts.is_empty() {
                assert!(take(&m.bytes, Take::Local).unwrap() == three[1]);
            }
        }
    }
    assert!(merged > 50, "{merged} of 600 could be merged");
}

struct Expected {
    /// Cells of the base that are true conflicts.
    conflicts: Vec<usize>,
    /// Texts of all cells but those with marks.
    sources: Vec<String>,
    /// Conflicts whose cell keeps one side's text.
    clean_conflict: Vec<usize>,
}

fn expected(base: &[Gen], sides: &[Deeds; 2]) -> Expected {
    let mut out = Expected { conflicts: Vec::new(), sources: Vec::new(), clean_conflict: Vec::new() };
    let text = |side: &Deeds, name: usize| side.cells.iter().find(|c| c.name == name).map(|c| c.source.clone());
    for cell in base {
        let edits = sides.each_ref().map(|s| s.edits.iter().find(|e| e.0 == cell.name).copied());
        let gone = sides.each_ref().map(|s| s.deleted.contains(&cell.name));
        match (gone, edits) {
            ([true, true], _) => {}
            ([true, false], [_, Some(_)]) | ([false, true], [Some(_), _]) => {
                out.conflicts.push(cell.name);
                out.sources.push(text(&sides[usize::from(gone[0])], cell.name).unwrap());
            }
            ([true, false] | [false, true], _) => {}
            (_, [Some(a), Some(b)]) => {
                let last = cell.source.lines().count() - 1;
                let ends = |e: (usize, usize, bool)| e.2 || e.1 == last;
                let clash = a.1 == b.1 || (a.2 && ends(b)) || (b.2 && ends(a));
                if clash {
                    out.conflicts.push(cell.name);
                } else {
                    let both: Vec<String> = sides.iter().filter_map(|s| text(s, cell.name)).collect();
                    let (x, y): (Vec<_>, Vec<_>) = (both[0].lines().collect(), both[1].lines().collect());
                    let old: Vec<_> = cell.source.lines().collect();
                    let longest = if x.len() > y.len() { &x } else { &y };
                    let lines = (0..longest.len()).map(|i| match (old.get(i), x.get(i), y.get(i)) {
                        (Some(o), Some(a), _) if a != o => *a,
                        (_, _, Some(b)) if old.get(i).is_some() => *b,
                        _ => longest[i],
                    });
                    out.sources.push(lines.collect::<Vec<_>>().join("\n"));
                }
            }
            (_, [Some(_), None]) => out.sources.push(text(&sides[0], cell.name).unwrap()),
            (_, [None, Some(_)]) => out.sources.push(text(&sides[1], cell.name).unwrap()),
            (_, [None, None]) => out.sources.push(cell.source.clone()),
        }
    }
    for side in sides {
        out.sources.extend(side.cells.iter().filter(|c| c.name >= 10_000).map(|c| c.source.clone()));
    }
    out
}

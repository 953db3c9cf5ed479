use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// A small generator of its own, so that a seed always gives the same notebook.
pub(in crate::model) struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

#[derive(Clone, Debug)]
pub(in crate::model) struct Cell {
    /// Who it is, for the truth.
    pub name: usize,
    pub kind: &'static str,
    pub source: String,
    pub outputs: String,
    pub count: u64,
    pub id: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::model) enum Ids {
    Kept,
    None,
    Rewritten,
}

const WORDS: [&str; 40] = [
    "frame", "delay", "carrier", "origin", "mean", "plot", "group", "filter", "join", "window", "station", "weather",
    "hour", "minute", "airport", "route", "model", "train", "score", "split", "tail", "head", "count", "median",
    "rolling", "merge", "clean", "parse", "unit", "value", "index", "column", "table", "report", "check", "range",
    "limit", "trend", "spike", "sensor",
];

pub(in crate::model) fn line(rng: &mut Rng) -> String {
    let mut w = || WORDS[rng.below(WORDS.len())];
    let (a, b, c, d) = (w(), w(), w(), w());
    match rng.below(5) {
        0 => format!("{a}_{b} = {c}.{d}({}, axis=1)", rng.below(1000)),
        1 => format!("{a} = {b}[{c}_{d} > {}]", rng.below(1000)),
        2 => format!("for {a} in {b}_{c}.{d}():"),
        3 => format!("    {a}.append({b} * {} + {c})", rng.below(100)),
        _ => format!("print(\"{a} {b}\", {c}_{d}{})", rng.below(100)),
    }
}

pub(in crate::model) fn cell(rng: &mut Rng, name: usize) -> Cell {
    let kind = if rng.chance(25) { "markdown" } else { "code" };
    let lines = 1 + rng.below(8);
    let source =
        if rng.chance(4) { String::new() } else { (0..lines).map(|_| line(rng)).collect::<Vec<_>>().join("\n") };
    let outputs = if kind == "code" && rng.chance(60) {
        format!(r#"[{{"output_type":"stream","name":"stdout","text":["{} {}\n"]}}]"#, line(rng).replace('"', "'"), name)
    } else {
        "[]".to_owned()
    };
    Cell { name, kind, source, outputs, count: name as u64 + 1, id: Some(format!("id-{:x}", rng.next())) }
}

pub(in crate::model) fn notebook(cells: &[Cell]) -> Vec<u8> {
    let mut out = String::from("{\"cells\":[");
    for (n, c) in cells.iter().enumerate() {
        let comma = if n > 0 { "," } else { "" };
        let id = c.id.as_ref().map(|i| format!(",\"id\":\"{i}\"")).unwrap_or_default();
        let code = if c.kind == "code" {
            format!(",\"outputs\":{},\"execution_count\":{}", c.outputs, c.count)
        } else {
            String::new()
        };
        let source = serde_json::to_string(&c.source).unwrap();
        write!(out, "{comma}{{\"cell_type\":\"{}\"{id},\"metadata\":{{}},\"source\":{source}{code}}}", c.kind).unwrap();
    }
    out.push_str("],\"metadata\":{},\"nbformat\":4,\"nbformat_minor\":5}");
    out.into_bytes()
}

fn parse(cells: &[Cell]) -> Arc<Document> {
    Arc::new(Document::parse("a.ipynb", notebook(cells)).unwrap())
}

fn diff(a: &[Cell], b: &[Cell]) -> NotebookDiff {
    NotebookDiff::new(parse(a), parse(b))
}

/// Known edits: an old notebook, a new one, and how many cells were truly moved.
struct Truth {
    old: Vec<Cell>,
    new: Vec<Cell>,
    inserted: usize,
    deleted: usize,
}

fn edited(seed: u64, cells: usize, ids: Ids) -> Truth {
    let mut rng = Rng(seed);
    let mut old: Vec<Cell> = (0..cells).map(|n| cell(&mut rng, n)).collect();
    if ids == Ids::None {
        old.iter_mut().for_each(|c| c.id = None);
    }
    let mut new = old.clone();
    for c in new.iter_mut().filter(|c| !c.source.is_empty()) {
        if rng.chance(7) {
            let mut lines: Vec<String> = c.source.lines().map(str::to_owned).collect();
            let at = rng.below(lines.len());
            lines[at] = format!("{}  # {}", lines[at], line(&mut rng));
            if rng.chance(50) {
                lines.push(line(&mut rng));
            }
            c.source = lines.join("\n");
            c.count += 500;
        } else if rng.chance(20) {
            c.count += 1000;
        }
    }
    let (mut deleted, mut inserted) = (0, 0);
    for _ in 0..cells / 50 {
        new.remove(rng.below(new.len()));
        deleted += 1;
    }
    for n in 0..cells / 50 {
        let at = rng.below(new.len());
        let mut fresh = cell(&mut rng, 10_000 + n);
        fresh.id = if ids == Ids::None { None } else { fresh.id };
        new.insert(at, fresh);
        inserted += 1;
    }
    for _ in 0..cells / 50 {
        let moved = new.remove(rng.below(new.len()));
        let at = rng.below(new.len());
        new.insert(at, moved);
    }
    if ids == Ids::Rewritten {
        new.iter_mut().for_each(|c| c.id = Some(format!("new-{:x}", rng.next())));
    }
    Truth { old, new, inserted, deleted }
}

#[test]
fn generated_edits_are_found_in_all_id_modes() {
    for ids in [Ids::Kept, Ids::None, Ids::Rewritten] {
        let (mut right, mut all, mut false_changes) = (0, 0, 0);
        let (mut added, mut removed, mut inserted, mut deleted) = (0, 0, 0, 0);
        for seed in 0..12 {
            let t = edited(seed, 100, ids);
            let d = diff(&t.old, &t.new);
            added += d.summary.added;
            removed += d.summary.removed;
            inserted += t.inserted;
            deleted += t.deleted;
            for row in &d.cells {
                let (a, b) = (row.old.map(|i| &t.old[i]), row.new.map(|j| &t.new[j]));
                let known = b.is_some_and(|b| b.name < 10_000);
                // Empty cells are all alike: which is which nobody can tell.
                if b.or(a).is_some_and(|c| c.source.is_empty()) {
                    continue;
                }
                all += usize::from(known);
                right += usize::from(known && a.map(|a| a.name) == b.map(|b| b.name));
                if let (Some(a), Some(b)) = (a, b)
                    && a.name == b.name
                    && (a.source == b.source) != row.source.is_none()
                {
                    false_changes += 1;
                }
            }
        }
        assert!(right * 1000 >= all * 990, "{ids:?}: {right} of {all} aligned right");
        assert_eq!(false_changes, 0, "{ids:?}");
        assert!(added.abs_diff(inserted) <= 2, "{ids:?}: {added} added, {inserted} inserted");
        assert!(removed.abs_diff(deleted) <= 2, "{ids:?}: {removed} removed, {deleted} deleted");
    }
}

#[test]
fn a_notebook_equals_itself_and_turning_the_diff_turns_the_counts() {
    for seed in 0..6 {
        let t = edited(seed, 80, Ids::Rewritten);
        let same = diff(&t.old, &t.old);
        assert!(same.is_quiet() && same.summary.same == 80 && same.notes.is_empty());
        let (there, back) = (diff(&t.old, &t.new).summary, diff(&t.new, &t.old).summary);
        assert_eq!((there.added, there.removed, there.changed), (back.removed, back.added, back.changed));
        assert_eq!((there.moved, there.rerun, there.same), (back.moved, back.rerun, back.same), "seed {seed}");
    }
}

#[test]
fn a_greedy_choice_does_not_depend_on_which_side_is_old() {
    let mut rng = Rng(157_079);
    let pool: Vec<Cell> = (0..20).map(|n| cell(&mut rng, n)).collect();
    let mut pick = |n: usize| -> Vec<Cell> { (0..n).map(|_| pool[rng.below(20)].clone()).collect() };
    let (a, b) = (pick(7), pick(3));
    let (there, back) = (diff(&a, &b).summary, diff(&b, &a).summary);
    assert_eq!((there.added, there.removed), (back.removed, back.added));
}

#[test]
fn only_rerun_cells_are_counted_and_hidden() {
    let mut rng = Rng(1);
    let old: Vec<Cell> = (0..50).map(|n| cell(&mut rng, n)).collect();
    let mut new = old.clone();
    new.iter_mut().filter(|c| c.kind == "code").for_each(|c| c.count += 7);
    let d = diff(&old, &new);
    let code = new.iter().filter(|c| c.kind == "code").count();
    assert_eq!((d.summary.rerun, d.summary.same), (code, 50 - code));
    assert!(d.is_quiet());
}

#[test]
fn rewritten_ids_are_one_note_and_no_change() {
    let mut rng = Rng(2);
    let old: Vec<Cell> = (0..40).map(|n| cell(&mut rng, n)).collect();
    let mut new = old.clone();
    for c in &mut new {
        c.id = Some(format!("{:x}", rng.next()));
    }
    let d = diff(&old, &new);
    assert!(d.is_quiet());
    assert_eq!(d.notes, ["cell ids rewritten (40 of 40), hidden"]);
}

#[test]
fn permuted_ids_do_not_lead_astray() {
    let mut rng = Rng(3);
    let old: Vec<Cell> = (0..40).map(|n| cell(&mut rng, n)).collect();
    let mut new = old.clone();
    let ids: Vec<_> = old.iter().map(|c| c.id.clone()).collect();
    for (n, c) in new.iter_mut().enumerate() {
        c.id = ids[(n + 1) % 40].clone();
    }
    new[9].source.push_str("\nextra_line = 1");
    let d = diff(&old, &new);
    assert_eq!((d.summary.changed, d.summary.added, d.summary.removed, d.summary.moved), (1, 0, 0, 0));
}

#[test]
fn a_block_that_moves_is_one_block_and_says_from_where() {
    let mut rng = Rng(4);
    let old: Vec<Cell> =
        (0..30).map(|n| Cell { source: format!("{}\nx{n}", line(&mut rng)), ..cell(&mut rng, n) }).collect();
    let mut new = old.clone();
    let block: Vec<Cell> = new.drain(5..8).collect();
    new.splice(20..20, block);
    let d = diff(&old, &new);
    assert_eq!((d.summary.moved, d.summary.added, d.summary.removed), (3, 0, 0));
    let moved: Vec<_> = d.cells.iter().filter(|r| r.moved).map(|r| (r.old, r.new, r.block)).collect();
    assert_eq!(moved, [(Some(5), Some(20), Some(1)), (Some(6), Some(21), Some(1)), (Some(7), Some(22), Some(1))]);
}

#[test]
fn a_cell_that_moved_and_was_edited_and_run_is_one_row() {
    let mut rng = Rng(5);
    let old: Vec<Cell> = (0..30)
        .map(|n| Cell { source: (0..5).map(|_| line(&mut rng)).collect::<Vec<_>>().join("\n"), ..cell(&mut rng, n) })
        .collect();
    let mut new = old.clone();
    let mut c = new.remove(4);
    c.source = c.source.replacen('\n', "\nextra = 1\n", 1);
    c.count = 99;
    new.insert(22, c);
    new.iter_mut().for_each(|c| c.id = None);
    let d = diff(&old, &new);
    assert_eq!((d.summary.moved, d.summary.changed, d.summary.added, d.summary.removed), (1, 1, 0, 0));
}

#[test]
fn splits_and_joins_are_named() {
    let mut rng = Rng(6);
    let mut old: Vec<Cell> = (0..10).map(|n| cell(&mut rng, n)).collect();
    old[4].source = (0..8).map(|n| format!("step_{n} = run(task_{n})")).collect::<Vec<_>>().join("\n");
    old[4].kind = "code";
    let mut new = old.clone();
    let (head, tail) = old[4].source.split_at(old[4].source.find("step_5").unwrap());
    new[4].source = head.trim_end().to_owned();
    new.insert(5, Cell { source: tail.to_owned(), id: Some("split".into()), outputs: "[]".into(), ..old[4].clone() });
    let d = diff(&old, &new);
    let added = d.cells.iter().find(|r| r.change == CellChange::Added).unwrap();
    assert_eq!(added.link, Some(Link::SplitFrom(4)));
    let back = diff(&new, &old);
    let removed = back.cells.iter().find(|r| r.change == CellChange::Removed).unwrap();
    assert_eq!(removed.link, Some(Link::JoinedInto(4)));
}

#[test]
fn notebooks_with_nothing_in_common_share_no_cell() {
    let cells = |seed: u64, word: &str| -> Vec<Cell> {
        let mut rng = Rng(seed);
        (0..20)
            .map(|n| Cell {
                source: (0..6).map(|k| format!("{word}{}{k}", rng.below(90_000))).collect::<Vec<_>>().join("\n"),
                outputs: "[]".into(),
                id: None,
                ..cell(&mut rng, n)
            })
            .collect()
    };
    let d = diff(&cells(1, "alpha"), &cells(2, "omega"));
    assert!(d.summary.changed <= 2, "the ends face each other, nothing else: {:?}", d.summary);
    assert!(d.summary.added >= 18);
}

#[test]
fn many_equal_cells_are_cheap() {
    let one = Cell { name: 0, kind: "code", source: "print('again')".into(), outputs: "[]".into(), count: 1, id: None };
    let old = vec![one.clone(); 4_000];
    let mut new = old.clone();
    new.insert(2_000, Cell { source: "something_new = 1".into(), ..one });
    let start = std::time::Instant::now();
    let d = diff(&old, &new);
    assert_eq!((d.summary.added, d.summary.removed, d.summary.same), (1, 0, 4_000));
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

fn with_outputs(outputs: &str) -> Vec<Cell> {
    vec![Cell { name: 0, kind: "code", source: "show()".into(), outputs: outputs.into(), count: 1, id: None }]
}

fn outputs_of(a: &str, b: &str) -> NotebookDiff {
    diff(&with_outputs(a), &with_outputs(b))
}

#[test]
fn outputs_that_say_the_same_are_the_same() {
    let same = [
        (
            r#"[{"output_type":"stream","name":"stdout","text":["a\n","b\n"]}]"#,
            r#"[{"name":"stdout","output_type":"stream","text":"a\n"},{"output_type":"stream","name":"stdout","text":["b\n"]}]"#,
        ),
        (
            r#"[{"output_type":"display_data","metadata":{},"data":{"image/png":"AAAA\nBBBB\n","text/plain":["<F>"]}}]"#,
            r#"[{"output_type":"display_data","data":{"text/plain":"<F>","image/png":"AAAABBBB"},"metadata":{}}]"#,
        ),
        (
            r#"[{"output_type":"execute_result","execution_count":3,"metadata":{},"data":{"text/plain":"1"}}]"#,
            r#"[{"output_type":"execute_result","execution_count":9,"metadata":{},"data":{"text/plain":["1"]}}]"#,
        ),
        (
            r#"[{"output_type":"display_data","metadata":{},"data":{"application/json":{"a":1.0,"b":[1,2]}}}]"#,
            r#"[{"output_type":"display_data","metadata":{},"data":{"application/json":{"b":[1,2],"a":1}}}]"#,
        ),
    ];
    for (a, b) in same {
        assert!(outputs_of(a, b).is_quiet(), "{a} {b}");
    }
    let d = outputs_of(
        r#"[{"output_type":"stream","name":"stdout","text":"<A object at 0x7f0011223344>\n"}]"#,
        r#"[{"output_type":"stream","name":"stdout","text":"<A object at 0x7f9955667788>\n"}]"#,
    );
    assert_eq!((d.is_quiet(), d.summary.rerun), (true, 1));
}

#[test]
fn outputs_are_compared_as_what_they_are() {
    let d = outputs_of(
        r#"[{"output_type":"stream","name":"stdout","text":"a\nb\n"},{"output_type":"display_data","metadata":{},"data":{"image/png":"iVBORw0KGgo=","text/plain":"x"}}]"#,
        r#"[{"output_type":"stream","name":"stdout","text":"a\nc\n"},{"output_type":"display_data","metadata":{},"data":{"image/png":"iVBORw0KGgoA","text/plain":"x"}}]"#,
    );
    assert_eq!(d.summary.outputs, 1);
    let outputs = &d.cells[0].outputs;
    assert!(matches!(&outputs[0].detail, OutputDetail::Text(t) if (t.added, t.removed) == (1, 1)));
    assert!(matches!(&outputs[1].detail, OutputDetail::Image { old: Some(_), new: Some(_) }));
    let table = |mean: &str| {
        format!(
            r#"[{{"output_type":"execute_result","execution_count":1,"metadata":{{}},"data":{{"text/plain":"t","text/html":"<table><tr><th></th><th>v</th></tr><tr><th>mean</th><td>{mean}</td></tr><tr><th>max</th><td>9</td></tr></table>"}}}}]"#
        )
    };
    let d = outputs_of(&table("1"), &table("2"));
    assert!(matches!(&d.cells[0].outputs[0].detail, OutputDetail::Table(t) if t.words() == "1 of 2 rows"));
    let d = outputs_of(
        r#"[{"output_type":"display_data","metadata":{},"data":{"application/json":{"a":NaN,"b":1}}}]"#,
        r#"[{"output_type":"display_data","metadata":{},"data":{"application/json":{"a":NaN,"b":2}}}]"#,
    );
    assert!(matches!(&d.cells[0].outputs[0].detail, OutputDetail::Text(t) if (t.added, t.removed) == (1, 1)));
    let d = outputs_of(
        "[]",
        r#"[{"output_type":"error","ename":"E","evalue":"bad","traceback":["\u001b[31mE\u001b[0m"]}]"#,
    );
    assert_eq!(d.cells[0].outputs[0].change, OutputChange::Added);
    assert!(matches!(&d.cells[0].outputs[0].detail, OutputDetail::Text(t) if t.new.line(1) == "E"));
}

#[test]
fn metadata_a_person_sets_is_shown_and_what_tools_write_is_hidden() {
    let file = |meta: &str, book: &str| {
        format!(
            r#"{{"cells":[{{"cell_type":"code","metadata":{meta},"source":["x"],"outputs":[],"execution_count":1}}],"metadata":{book},"nbformat":4,"nbformat_minor":4}}"#
        )
    };
    let d = |a: String, b: String| {
        let parse = |t: String| Arc::new(Document::parse("a.ipynb", t.into_bytes()).unwrap());
        NotebookDiff::new(parse(a), parse(b))
    };
    let kernel = r#"{"kernelspec":{"name":"python3"},"widgets":{"a":1}}"#;
    let quiet = d(file(r#"{"execution":{"t":1},"tags":["a"]}"#, kernel), file(r#"{"tags":["a"]}"#, kernel));
    assert_eq!((quiet.is_quiet(), quiet.summary.rerun), (true, 1));
    let loud =
        d(file(r#"{"tags":["a"]}"#, kernel), file(r#"{"tags":["parameters"]}"#, r#"{"kernelspec":{"name":"ir"}}"#));
    assert_eq!(loud.cells[0].metadata[0].key, "tags");
    assert_eq!((loud.metadata.len(), loud.metadata[0].key.as_str()), (1, "kernelspec"));
}

#[test]
fn what_is_no_notebook_is_shown_as_text_with_the_reason() {
    let bytes = |t: &str| Some(Bytes::from(t.as_bytes()));
    let broken = compare_files("a.ipynb", bytes("{\"cells\": [}"), bytes("{}"));
    assert!(matches!(broken.shape, FileShape::Text(_)));
    assert!(broken.note.unwrap().starts_with("Shown as text: "));
    assert!(matches!(compare_files("a.txt", bytes("a\n"), None).shape, FileShape::Text(t) if t.removed == 1));
    assert!(matches!(compare_files("a.bin", bytes("a\0"), bytes("b")).shape, FileShape::Binary { .. }));
    assert!(matches!(compare_files("a.png", None, bytes("x")).shape, FileShape::Image { old: None, .. }));
    let new = compare_files("a.ipynb", None, Some(notebook(&edited(1, 5, Ids::Kept).old).into()));
    assert!(matches!(new.shape, FileShape::Notebook(n) if n.summary.added == 5));
    assert!(matches!(compare_files("a.ipynb", None, bytes("")).shape, FileShape::Notebook(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_two_notebooks_are_told_whole(seed in 0u64..1_000_000, n in 0usize..14, m in 0usize..14) {
        let mut rng = Rng(seed);
        let pool: Vec<Cell> = (0..20).map(|n| cell(&mut rng, n)).collect();
        let pick = |rng: &mut Rng, n: usize| -> Vec<Cell> { (0..n).map(|_| pool[rng.below(20)].clone()).collect() };
        let (a, b) = (pick(&mut rng, n), pick(&mut rng, m));
        let d = diff(&a, &b);
        let mut olds: Vec<_> = d.cells.iter().filter_map(|r| r.old).collect();
        let news: Vec<_> = d.cells.iter().filter_map(|r| r.new).collect();
        prop_assert_eq!(&news, &(0..m).collect::<Vec<_>>(), "new cells in order, each once");
        olds.sort_unstable();
        prop_assert_eq!(&olds, &(0..n).collect::<Vec<_>>(), "old cells each once");
        let back = diff(&b, &a);
        prop_assert_eq!(d.summary.added, back.summary.removed);
        prop_assert_eq!(d.summary.removed, back.summary.added);
        for row in &d.cells {
            if let (Some(x), Some(y)) = (row.old, row.new) {
                prop_assert_eq!(row.source.is_none(), a[x].source == b[y].source);
            }
        }
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..2_000) {
        let mut mutant = notebook(&edited(cut as u64, 6, Ids::Kept).old);
        let at = cut % mutant.len();
        mutant.splice(at..at, bytes.iter().copied());
        compare_files("a.ipynb", Some(bytes.into()), Some(mutant.into()));
    }
}

#[test]
fn a_cell_that_came_or_went_brings_and_takes_its_outputs() {
    let cell = |source: &str, text: &str| {
        let outputs = serde_json::json!([{ "output_type": "stream", "name": "stdout", "text": text }]);
        serde_json::json!({ "cell_type": "code", "source": source, "metadata": {}, "outputs": outputs, "execution_count": 1 })
    };
    let book = |cells: Vec<serde_json::Value>| {
        let all = serde_json::json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4 });
        Arc::new(Document::parse("a.ipynb", all.to_string().into_bytes()).unwrap())
    };
    let kept = cell("mean_delay = delays.mean()", "12\n");
    let old = book(vec![kept.clone(), cell("show_everything_there_is(delays)", "gone\n")]);
    let new = book(vec![kept, cell("plot_by_carrier(origin, hour)", "fresh\n")]);
    let diff = NotebookDiff::new(old, new);
    let told: Vec<_> = diff.cells.iter().map(|c| (c.change, c.outputs.first().map(|o| o.change))).collect();
    assert!(told.contains(&(CellChange::Added, Some(OutputChange::Added))), "{told:?}");
    assert!(told.contains(&(CellChange::Removed, Some(OutputChange::Removed))), "{told:?}");
    assert_eq!((diff.summary.outputs, diff.summary.added, diff.summary.removed), (0, 1, 1));
}

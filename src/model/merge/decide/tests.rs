use serde_json::{Value, json};

use super::{
    super::{
        Answer, Entry, Pick,
        tests::{book, code, deeds, ran, sources},
    },
    *,
};
use crate::model::diff::tests::{Ids, Rng, cell as made, notebook as written};

fn decided(plan: &Plan, pick: impl Fn(&Entry) -> Pick, notebook: Option<Take>) -> Vec<u8> {
    let notebook = notebook.map(Keys::all).unwrap_or_default();
    let mut choices = Choices { notebook, ..Choices::default() };
    for entry in plan.entries.iter().filter(|e| e.is_conflict()) {
        let mut answer = Answer::new(entry);
        for _ in 0..100 {
            if answer.missing(entry).is_empty() {
                break;
            }
            answer.pick(entry, pick(entry));
        }
        choices.cells.insert(entry.at, answer.choice(entry));
    }
    plan.decide(&choices).unwrap()
}

/// No marks, no notes, valid JSON and a valid notebook.
fn whole(bytes: &[u8]) -> Value {
    assert!(!settle::is_noted(bytes));
    assert!(settle::open_cells(bytes).unwrap().is_empty());
    Notebook::parse(bytes).unwrap();
    serde_json::from_slice(bytes).unwrap()
}

const A: &str = "import polars as pl\nlimit = 3\nframe = pl.read_csv('a.csv')";
const B: &str = "frame.group_by('station').mean()";
const C: &str = "frame.write_parquet('out.parquet')";
const D: &str = "print(frame.describe())\nframe.head(20)";

#[test]
fn each_kind_of_conflict_is_decided_by_a_side() {
    let base = book(&[code("a", A), ran("b", B, 1, "x\n"), code("c", C), code("d", D)]);
    let ours = book(&[code("a", &A.replace('3', "4")), ran("b", B, 2, "y\n"), code("d", D)]);
    let theirs =
        book(&[code("a", &A.replace('3', "5")), ran("b", B, 3, "z\n"), code("c", "frame.sink('c')"), code("d", D)]);
    let plan = Plan::new(&base, &ours, &theirs).unwrap();
    let how: Vec<_> = plan.entries.iter().map(|e| (e.place.as_str(), e.how.as_str())).collect();
    assert_eq!(
        how,
        [
            ("Cell 1", "both changed the same lines"),
            ("Cell 2", "run on both sides with different outputs"),
            ("Cell 3", "deleted here, edited there"),
        ]
    );
    let e = plan.decide(&Choices::default()).unwrap_err();
    assert!(e.what.contains("cell 1, cell 2, cell 3"), "{e}");
    let local = decided(&plan, |_| Pick::Local, None);
    assert_eq!(local, ours, "nothing but conflicts: ours byte for byte");
    assert_eq!(decided(&plan, |_| Pick::Remote, None), theirs);
    let old = decided(&plan, |_| Pick::Base, None);
    assert_eq!(sources(&old), [A, B, C, D]);
    let both = whole(&decided(&plan, |e| if e.at == 0 { Pick::Both } else { Pick::Remote }, None));
    assert_eq!(both["cells"][0]["source"], "import polars as pl\nlimit = 4\nlimit = 5\nframe = pl.read_csv('a.csv')");
    assert_eq!(both["cells"][1]["execution_count"], 3);
}

#[test]
fn a_text_written_by_hand_marks_the_output_as_old_and_a_run_makes_it_fresh() {
    let base = book(&[ran("a", "x = 1", 1, "1\n"), code("b", B)]);
    let ours = book(&[ran("a", "x = 2", 2, "2\n"), code("b", B)]);
    let theirs = book(&[ran("a", "x = 3", 3, "3\n"), code("b", B)]);
    let plan = Plan::new(&base, &ours, &theirs).unwrap();
    let entry = &plan.entries[0];
    let mut answer = Answer::new(entry);
    answer.write("x = 2 + 3".into());
    let made = |answer: &Answer| {
        let cells = [(0, answer.choice(entry))].into();
        whole(&plan.decide(&Choices { cells, notebook: Keys::default() }).unwrap())
    };
    let by_hand = made(&answer);
    assert_eq!(by_hand["cells"][0]["source"], "x = 2 + 3");
    assert!(by_hand["cells"][0]["metadata"]["andon"]["stale"].is_string(), "{by_hand}");
    answer.outputs = Some(Results::None);
    assert_eq!(made(&answer)["cells"][0]["outputs"], json!([]));
    let outputs = br#"[{"name": "stdout", "output_type": "stream", "text": ["5\n"]}]"#.to_vec();
    answer.outputs = Some(Results::Ran { outputs, count: Some(9), source: "x = 2 + 3".into() });
    let fresh = made(&answer);
    assert_eq!(
        (&fresh["cells"][0]["outputs"][0]["text"][0], &fresh["cells"][0]["execution_count"]),
        (&json!("5\n"), &json!(9))
    );
    assert!(fresh["cells"][0]["metadata"]["andon"].is_null());
    answer.write("x = 2 + 4".into());
    assert!(made(&answer)["cells"][0]["metadata"]["andon"]["stale"].is_string(), "written in again after the run");
    // One side's text with that side's output is not old.
    let mut answer = Answer::new(entry);
    answer.pick(entry, Pick::Remote);
    let theirs = made(&answer);
    assert_eq!(theirs["cells"][0]["outputs"][0]["text"][0], "3\n");
    assert!(theirs["cells"][0]["metadata"]["andon"].is_null());
}

#[test]
fn what_merged_by_itself_can_be_written_anew() {
    let base = book(&[code("a", A), code("b", B)]);
    let ours = book(&[code("a", &A.replace("import polars", "import polars_lts")), code("b", B)]);
    let theirs = book(&[code("a", &A.replace("a.csv", "b.csv")), code("b", B)]);
    let plan = Plan::new(&base, &ours, &theirs).unwrap();
    assert_eq!(plan.entries[0].how, "edited on both sides");
    let clean = plan.decide(&Choices::default()).unwrap();
    assert_eq!(clean, merge(&base, &ours, &theirs, super::super::plan::NAMES).unwrap().bytes);
    let mut answer = Answer::new(&plan.entries[0]);
    assert!(answer.is_settled(&plan.entries[0]));
    answer.write("pass".into());
    let cells = [(0, answer.choice(&plan.entries[0]))].into();
    assert_eq!(sources(&plan.decide(&Choices { cells, notebook: Keys::default() }).unwrap()), ["pass", B]);
}

#[test]
fn metadata_and_what_stands_around_the_cells_follow_the_side() {
    let with = |n: u64, kernel: &str| {
        let mut cell = code("a", A);
        cell["metadata"] = json!({"deep": {"n": n, "same": true}, "tags": ["x"]});
        let all =
            json!({"cells": [cell], "metadata": {"kernelspec": {"name": kernel}}, "nbformat": 4, "nbformat_minor": 5});
        serde_json::to_vec_pretty(&all).unwrap()
    };
    let (base, ours, theirs) = (with(1, "py"), with(2, "julia"), with(3, "r"));
    let plan = Plan::new(&base, &ours, &theirs).unwrap();
    assert_eq!(plan.notebook.len(), 1);
    assert_eq!(plan.notebook[0].key, "kernelspec.name");
    assert_eq!(plan.notebook[0].values, [Some("\"py\"".into()), Some("\"julia\"".into()), Some("\"r\"".into())]);
    let keys = plan.entries[0].keys.clone();
    assert_eq!((keys.len(), keys[0].key.as_str()), (1, "deep.n"));
    assert_eq!(decided(&plan, |_| Pick::Local, Some(Take::Local)), ours);
    assert_eq!(decided(&plan, |_| Pick::Remote, Some(Take::Remote)), theirs);
    assert_eq!(decided(&plan, |_| Pick::Base, Some(Take::Base)), base);
    // Each member is decided by itself, and what is left open is still asked.
    let other = |n: u64, tag: &str, kernel: &str| {
        let mut cell = code("a", A);
        cell["metadata"] = json!({"a.b": n, "a": {"b": n, "c": tag}, "tags": ["x"]});
        let kernel = json!({"kernelspec": {"name": kernel, "display_name": tag}});
        serde_json::to_vec_pretty(&json!({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
            .unwrap()
    };
    let (base, ours, theirs) = (other(1, "one", "py"), other(2, "two", "julia"), other(3, "three", "r"));
    let split = Plan::new(&base, &ours, &theirs).unwrap();
    let paths: Vec<_> = split.entries[0].keys.iter().map(|k| k.path.as_str()).collect();
    assert_eq!(paths, ["\"a.b\"", "a.b", "a.c"]);
    let around: Vec<_> = split.notebook.iter().map(|k| (k.path.as_str(), k.key.as_str())).collect();
    let names = [
        ("metadata.kernelspec.display_name", "kernelspec.display_name"),
        ("metadata.kernelspec.name", "kernelspec.name"),
    ];
    assert!(names.iter().all(|n| around.contains(n)) && around.len() == 2, "{around:?}");
    let mut answer = Answer::new(&split.entries[0]);
    answer.choose_key("\"a.b\"", Take::Local);
    answer.choose_key("a.b", Take::Remote);
    assert_eq!((answer.keys_open(&split.entries[0]), answer.missing(&split.entries[0]).len()), (1, 1));
    let mut notebook = Keys::default();
    notebook.choose("metadata.kernelspec.name", Take::Remote);
    let mut choices = Choices { cells: [(0, answer.choice(&split.entries[0]))].into(), notebook };
    let e = split.decide(&choices).unwrap_err();
    assert!(e.what.contains("the notebook's metadata, cell 1"), "{e}");
    answer.choose_key("a.c", Take::Base);
    choices.cells = [(0, answer.choice(&split.entries[0]))].into();
    choices.notebook.choose("metadata.kernelspec.display_name", Take::Local);
    let made = whole(&split.decide(&choices).unwrap());
    assert_eq!(made["cells"][0]["metadata"], json!({"a.b": 2, "a": {"b": 3, "c": "one"}, "tags": ["x"]}));
    assert_eq!(made["metadata"]["kernelspec"], json!({"name": "r", "display_name": "two"}));
    let cells = [(0, Choice { metadata: Keys::all(Take::Local), ..Choice::default() })].into();
    let e = plan.decide(&Choices { cells, notebook: Keys::default() }).unwrap_err();
    assert!(e.what.contains("the notebook's metadata"), "{e}");
}

#[test]
fn a_cell_that_both_moved_stands_where_one_of_them_has_it() {
    let all = [A, B, C, D, "five = 5 * len(frame)", "six = 6 * len(frame)"];
    let cells = |order: &[usize]| -> Vec<u8> {
        book(&order.iter().map(|i| code(&format!("c{i}"), all[*i])).collect::<Vec<_>>())
    };
    let plan =
        Plan::new(&cells(&[0, 1, 2, 3, 4, 5]), &cells(&[1, 2, 0, 3, 4, 5]), &cells(&[1, 2, 3, 4, 5, 0])).unwrap();
    let entry = plan.entries.iter().find(|e| e.moved_twice).expect("both moved it");
    for (take, want) in
        [(Take::Local, [1, 2, 0, 3, 4, 5]), (Take::Remote, [1, 2, 3, 4, 5, 0]), (Take::Base, [0, 1, 2, 3, 4, 5])]
    {
        let cells = [(entry.at, Choice { place: Some(take), ..Choice::default() })].into();
        let got = sources(&plan.decide(&Choices { cells, notebook: Keys::default() }).unwrap());
        assert_eq!(got, want.map(|i| all[i]), "{take:?}");
    }
}

#[test]
fn a_notebook_runs_up_to_a_cell() {
    let base = book(&[code("a", "a = 1"), code("b", "b = a"), code("c", C), code("d", D)]);
    let ours = book(&[code("a", "a = 1"), code("b", "b = a + 1"), code("c", "c = 1"), code("d", D)]);
    let theirs = book(&[code("a", "a = 1"), code("b", "b = a + 2"), code("c", "c = 2"), code("d", D)]);
    let plan = Plan::new(&base, &ours, &theirs).unwrap();
    let mut answer = Answer::new(&plan.entries[0]);
    answer.pick(&plan.entries[0], Pick::Remote);
    let cells: BTreeMap<usize, Choice> = [(1, answer.choice(&plan.entries[0]))].into();
    let choices = Choices { cells, notebook: Keys::default() };
    let (bytes, at) = plan.decide_until(&choices, 1).unwrap();
    assert_eq!((sources(&bytes), at), (vec!["a = 1".to_owned(), "b = a + 2".to_owned()], 1));
    assert!(plan.decide_until(&choices, 3).unwrap_err().what.contains("cell 3"));
    // Whose outputs stand makes no difference to a run.
    let of = |n: u64, printed: &str| book(&[ran("a", "a = 1", n, printed), code("b", "b = a")]);
    let plan = Plan::new(&of(1, "x\n"), &of(2, "y\n"), &of(3, "z\n")).unwrap();
    assert_eq!(plan.entries[0].parts, [super::super::Part::Outputs]);
    assert!(plan.decide_until(&Choices::default(), 1).is_ok() && plan.decide(&Choices::default()).is_err());
}

#[test]
fn edits_made_in_the_file_since_the_merge_are_carried_over() {
    let base = book(&[code("a", "x = 1"), code("b", B), code("c", C)]);
    let ours = book(&[code("a", "x = 2"), code("b", B), code("c", C)]);
    let theirs = book(&[code("a", "x = 3"), code("b", B), code("c", C)]);
    let left = merge(&base, &ours, &theirs, super::super::plan::NAMES).unwrap().bytes;
    let plan = Plan::new(&base, &ours, &theirs).unwrap();
    let made = decided(&plan, |_| Pick::Remote, None);
    assert_eq!(carry(&left, &left, &made).unwrap(), made);
    let mut now: Value = serde_json::from_slice(&left).unwrap();
    now["cells"][2]["source"] = json!("frame.write_csv('by hand')");
    now["cells"].as_array_mut().unwrap().push(code("n", "new = cell_of_mine()"));
    let now = serde_json::to_vec_pretty(&now).unwrap();
    let out = carry(&left, &now, &made).unwrap();
    whole(&out);
    assert_eq!(sources(&out), ["x = 3", B, "frame.write_csv('by hand')", "new = cell_of_mine()"]);
}

/// A choice by chance, and what it must come to.
#[test]
fn generated_merges_decided_either_way_hold_that_sides_text_and_no_marks() {
    let mut conflicts = 0;
    for seed in 0..5 {
        for ids in [Ids::Kept, Ids::None, Ids::Rewritten] {
            let mut rng = Rng(seed * 131 + 9);
            let mut base: Vec<_> = (0..40).map(|n| made(&mut rng, n)).collect();
            if ids == Ids::None {
                base.iter_mut().for_each(|c| c.id = None);
            }
            let sides = [deeds(&base, &mut rng, ids, 1), deeds(&base, &mut rng, ids, 2)];
            let three = [written(&base), written(&sides[0].cells), written(&sides[1].cells)];
            let plan = Plan::new(&three[0], &three[1], &three[2]).unwrap();
            let mut told: Vec<_> = merge(&three[0], &three[1], &three[2], super::super::plan::NAMES).unwrap().conflicts;
            told.retain(|c| c.part != super::super::Part::Notebook);
            told.dedup_by_key(|c| c.merged);
            assert_eq!(
                told.len(),
                plan.entries.iter().filter(|e| e.is_conflict()).count(),
                "the merge and the plan agree"
            );
            conflicts += told.len();
            for (take, pick) in [(Take::Local, Pick::Local), (Take::Remote, Pick::Remote), (Take::Base, Pick::Base)] {
                let bytes = decided(&plan, |_| pick, Some(take));
                whole(&bytes);
                assert_eq!(bytes, decide_all(&three[0], &three[1], &three[2], take).unwrap());
                let got = sources(&bytes);
                for entry in plan.entries.iter().filter(|e| e.parts == [super::super::Part::Cell]) {
                    let text = entry.text(take);
                    assert!(text.is_none_or(|t| got.iter().any(|g| g == t)), "seed {seed} {ids:?}");
                }
                // Taken whole in every conflict, the cell is that side's.
                let mut choices = Choices { notebook: Keys::all(take), ..Choices::default() };
                for entry in plan.entries.iter().filter(|e| e.is_conflict()) {
                    let mut answer = Answer::new(entry);
                    answer.take_whole(entry, take);
                    assert!(answer.missing(entry).is_empty(), "{entry:?}");
                    choices.cells.insert(entry.at, answer.choice(entry));
                }
                let bytes = plan.decide(&choices).unwrap();
                whole(&bytes);
                let got = sources(&bytes);
                for text in plan.entries.iter().filter(|e| e.is_conflict()).filter_map(|e| e.text(take)) {
                    assert!(got.iter().any(|g| g == text), "seed {seed} {ids:?} {take:?}: {text:?} is not there");
                }
            }
        }
    }
    assert!(conflicts > 8, "{conflicts} conflicts in all");
}

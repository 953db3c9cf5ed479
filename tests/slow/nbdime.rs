//! The notebooks that nbdime 4.0.4 is tested with, taken from its wheel: `.ci/test` fetches it.
use std::{collections::BTreeMap, fs, path::PathBuf};

use andon::model::{
    diff::{Document, FileShape, compare_files},
    json::Bytes,
    merge::{Names, Part, Take, merge, take},
    notebook::Notebook,
    patch::Patch,
};

/// All its notebooks by name; nothing when a person said that they cannot be had.
fn notebooks() -> BTreeMap<String, Vec<u8>> {
    let Some(folder) = std::env::var_os("ANDON_TEST_NBDIME").map(PathBuf::from) else {
        let waived = std::env::var("ANDON_TESTS_WITHOUT").is_ok_and(|v| v.split(',').any(|t| t == "nbdime"));
        assert!(waived, "nbdime's notebooks are missing: run .ci/test, or set ANDON_TESTS_WITHOUT=nbdime");
        eprintln!("LEFT OUT: this test needs nbdime's notebooks");
        return BTreeMap::new();
    };
    let files = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let books = files.filter(|p| p.extension().is_some_and(|e| e == "ipynb"));
    let all: BTreeMap<_, _> =
        books.map(|p| (p.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&p).unwrap())).collect();
    assert!(all.len() >= 49, "only {} notebooks", all.len());
    all
}

#[test]
fn nbdimes_notebooks_are_read_and_compared_without_loss() {
    let all = notebooks();
    for (name, bytes) in &all {
        let book = Notebook::parse(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(book.to_bytes() == *bytes, "{name} comes back with other bytes");
    }
    for (a, old) in &all {
        for (b, new) in &all {
            let diff = compare_files("a.ipynb", Some(old.into()), Some(new.into()));
            let FileShape::Notebook(book) = &diff.shape else { panic!("{a} and {b} were compared as text") };
            assert!(a != b || (diff.is_quiet() && diff.same_bytes), "{a} differs from itself");
            let patch = Patch::new(old, new, Some(book)).unwrap();
            assert!(patch.apply(old).unwrap() == *new && patch.take_back(new).unwrap() == *old, "{a} to {b}");
        }
    }
}

#[test]
fn nbdimes_triples_merge_as_its_own_tests_ask_for() {
    let all = notebooks();
    if all.is_empty() {
        return;
    }
    let three = |names: [&str; 3]| {
        let [b, l, r] = names.map(|n| Bytes::from(&all[n]));
        let merged = merge(&b, &l, &r, Names { local: "local", remote: "remote" }).unwrap();
        let back = merge(&b, &r, &l, Names { local: "local", remote: "remote" }).unwrap();
        assert_eq!(merged.conflicts.len(), back.conflicts.len(), "{names:?} turned around");
        if !merged.conflicts.is_empty() {
            assert!(
                take(&merged.bytes, Take::Local).unwrap() == *l && take(&merged.bytes, Take::Remote).unwrap() == *r
            );
        }
        merged
    };
    let parts = |names: [&str; 3]| -> Vec<(Option<usize>, Part)> {
        three(names).conflicts.iter().map(|c| (c.merged, c.part)).collect()
    };
    let numbered = |name: &str| {
        let [a, b, c] = [1, 2, 3].map(|n| format!("{name}--{n}"));
        parts([&a, &b, &c])
    };
    assert_eq!(numbered("inline-conflict"), [(Some(0), Part::Source)]);
    assert_eq!(numbered("source-conflict"), [(Some(0), Part::Source)]);
    assert_eq!(numbered("output-conflict"), [(Some(1), Part::Source), (Some(2), Part::Outputs)]);
    let sources: Vec<_> = numbered("mixed-conflicts").into_iter().filter(|c| c.1 == Part::Source).collect();
    assert_eq!(sources, [(Some(0), Part::Source), (Some(1), Part::Source), (Some(3), Part::Source)]);
    assert_eq!(parts(["cellids--base", "cellids--local", "cellids--remote"]), []);
    assert_eq!(parts(["multi_cell_nb", "multi_cell_nb--local", "multi_cell_nb--remote"]), []);
    let merged = three(["multilevel-test-base", "multilevel-test-local", "multilevel-test-remote"]);
    assert_eq!(merged.conflicts, []);
    let sources = |bytes: &[u8]| -> Vec<String> {
        Document::parse("n", bytes).unwrap().cells.iter().map(|c| c.source.to_string()).collect()
    };
    assert_eq!(sources(&merged.bytes), sources(&all["multilevel-test-merged"]));
}

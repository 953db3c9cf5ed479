//! What must hold for any bytes: shared by the fuzz targets beside this file and by the bounded run in the tests.
use andon::model::{
    diff::{FileShape, compare_files},
    json::Bytes,
    merge::{Names, Take, merge, take},
    notebook::Notebook,
    patch::Patch,
    settle,
};

const NAMES: Names<'static> = Names { local: "local", remote: "remote" };

/// Reading never panics, and what was read is written back byte for byte.
pub fn read(bytes: &[u8]) {
    if let Ok(book) = Notebook::parse(bytes) {
        assert!(book.to_bytes() == bytes, "a notebook came back with other bytes");
    }
    let _ = settle::open_cells(bytes);
    let _ = settle::settled(bytes);
    let _ = take(bytes, Take::Local);
}

/// A comparison of any two files can be applied and taken back; of a file with itself it is empty.
pub fn diff(a: &[u8], b: &[u8]) {
    let (a, b) = (Bytes::from(a), Bytes::from(b));
    let diff = compare_files("a.ipynb", Some(a.clone()), Some(b.clone()));
    let notebook = match &diff.shape {
        FileShape::Notebook(diff) => Some(&**diff),
        _ => None,
    };
    if let Some(patch) = Patch::new(&a, &b, notebook) {
        assert!(patch.apply(&a).is_ok_and(|made| *made == *b), "the patch makes another file");
        assert!(patch.take_back(&b).is_ok_and(|made| *made == *a), "the patch taken back makes another file");
    }
    assert!(compare_files("a.ipynb", Some(a.clone()), Some(a)).is_quiet(), "a file differs from itself");
}

/// A merge of any three files ends in an error or in a notebook, from which both sides come back; turned around it has
/// as many conflicts. Tells whether it was a notebook.
pub fn merge_three(base: &[u8], local: &[u8], remote: &[u8]) -> bool {
    let Ok(merged) = merge(base, local, remote, NAMES) else { return false };
    assert!(Notebook::parse(merged.bytes.as_slice()).is_ok(), "the merge made no notebook");
    let back = merge(base, remote, local, NAMES);
    assert!(back.is_ok_and(|b| b.conflicts.len() == merged.conflicts.len()), "turned around it merges otherwise");
    if !merged.conflicts.is_empty() {
        assert!(take(&merged.bytes, Take::Local).is_ok_and(|b| b == local), "the local side is lost");
        assert!(take(&merged.bytes, Take::Remote).is_ok_and(|b| b == remote), "the remote side is lost");
    }
    true
}

/// Cuts one input in `N` at its bytes 0xff, which no notebook holds.
pub fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut all = data.splitn(N, |b| *b == 0xff);
    std::array::from_fn(|_| all.next().unwrap_or_default())
}

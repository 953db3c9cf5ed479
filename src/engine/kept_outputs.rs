//! Outputs of notebooks that are texts: kept beside the files in `.andon/outputs/`, found again by the text of their cell.
use std::{collections::HashMap, fs, io, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use super::workspace;
use crate::{
    base::{Error, Result, error::Context, fsx},
    model::notebook::{Cell, CellKind, Notebook, OutputJson},
};

/// Outputs of one file beyond this are not kept: the largest go first.
const MOST: usize = 64 * 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The file, relative to the root.
    path: String,
    cells: Vec<KeptCell>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptCell {
    /// Names the text of the cell, and which of equal texts it is.
    source: u64,
    nth: usize,
    count: Option<i64>,
    /// Each as it is written in a notebook.
    outputs: Vec<String>,
}

fn file(root: &Path, path: &str) -> std::path::PathBuf {
    root.join(".andon/outputs").join(format!("{:016x}.json", fsx::hash(path.as_bytes())))
}

/// Code cells with the hash of their text and their number among equal ones.
fn named(cells: &[Arc<Cell>]) -> impl Iterator<Item = (u64, usize, &Arc<Cell>)> {
    let mut seen: HashMap<u64, usize> = HashMap::new();
    cells.iter().filter(|c| c.kind == CellKind::Code).map(move |cell| {
        let source = fsx::hash(cell.source.trim_end().as_bytes());
        let nth = seen.entry(source).and_modify(|n| *n += 1).or_insert(0);
        (source, *nth, cell)
    })
}

/// Keeps what the cells of a text show, in place of what was kept before.
///
/// # Errors
/// When it cannot be written.
pub fn keep(root: &Path, path: &str, cells: &[Arc<Cell>]) -> Result<()> {
    let mut all: Vec<KeptCell> = named(cells)
        .filter(|(_, _, cell)| cell.has_outputs() || cell.execution_count.is_some())
        .map(|(source, nth, cell)| KeptCell {
            source,
            nth,
            count: cell.execution_count,
            outputs: cell.outputs().map(|o| o.text().to_owned()).collect(),
        })
        .collect();
    let size = |c: &KeptCell| c.outputs.iter().map(String::len).sum::<usize>();
    let mut total: usize = all.iter().map(size).sum();
    while total > MOST {
        let Some(largest) = all.iter_mut().max_by_key(|c| size(c)) else { break };
        total -= size(largest);
        largest.outputs.clear();
    }
    let target = file(root, path);
    if all.is_empty() {
        return match fs::remove_file(target) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("Could not clear the outputs that were kept").because(&e))
            }
            _ => Ok(()),
        };
    }
    let kept = Kept { path: path.to_owned(), cells: all };
    let bytes = serde_json::to_vec(&kept).map_err(|e| Error::bug("Outputs could not be kept").because(&e))?;
    if fs::read(&target).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::create_dir_all(workspace::dot_andon(root)?.join("outputs"))
        .io(|| "Could not make the folder of kept outputs".to_owned())?;
    fsx::write_atomic(&target, &bytes)
}

/// Shows again what cells of these texts showed; what cannot be read is left out.
pub fn bring_back(root: &Path, path: &str, book: &mut Notebook) {
    if book.script().is_none() {
        return;
    }
    let Some(kept) = fs::read(file(root, path)).ok().and_then(|b| serde_json::from_slice::<Kept>(&b).ok()) else {
        return;
    };
    if kept.path != path {
        return;
    }
    let known: HashMap<(u64, usize), KeptCell> = kept.cells.into_iter().map(|c| ((c.source, c.nth), c)).collect();
    let found: Vec<_> = named(book.cells()).map(|(source, nth, cell)| (cell.key, (source, nth))).collect();
    for (key, name) in found {
        if let Some(cell) = known.get(&name) {
            let outputs: Vec<OutputJson> = cell.outputs.iter().map(|o| o.as_str().into()).collect();
            // A damaged one is shown as nothing.
            let _ = book.set_outputs(key, &outputs, cell.count);
        }
    }
    book.mark_saved(book.revision());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::script::Script;

    #[test]
    fn outputs_come_back_by_the_text_of_their_cell() {
        let dir = tempfile::tempdir().unwrap();
        let script = |text: &str| Script::read("a.py", text).unwrap().notebook().unwrap();
        let mut book = script("# %%\nx = 1\n\n# %%\nprint(x)\n\n# %%\nprint(x)\n\n# %%\ny\n");
        let out = |t: &str| {
            OutputJson::from(format!(r#"{{"output_type":"stream","name":"stdout","text":["{t}"]}}"#).as_str())
        };
        let keys: Vec<_> = book.cells().iter().map(|c| c.key).collect();
        book.set_outputs(keys[1], &[out("first")], Some(2)).unwrap();
        book.set_outputs(keys[2], &[out("second")], Some(3)).unwrap();
        book.set_outputs(keys[3], &[out("y")], Some(4)).unwrap();
        keep(dir.path(), "a.py", book.cells()).unwrap();
        let text = "# %%\nprint(x)\n\n# %%\nx = 1\n\n# %%\nprint(x)\n\n# %%\ny + 1\n";
        let mut again = script(text);
        bring_back(dir.path(), "a.py", &mut again);
        let shown: Vec<_> = again
            .cells()
            .iter()
            .map(|c| (c.execution_count, c.outputs().next().map(|o| o.text().to_owned())))
            .collect();
        assert!(shown[0].1.as_ref().is_some_and(|o| o.contains("first")) && shown[0].0 == Some(2), "{shown:?}");
        assert!(shown[2].1.as_ref().is_some_and(|o| o.contains("second")));
        assert_eq!((&shown[1], &shown[3]), (&(None, None), &(None, None)), "an edited cell has shown nothing");
        assert!(!again.is_dirty() && again.to_bytes() == text.as_bytes());
        let mut other = script(text);
        bring_back(dir.path(), "b.py", &mut other);
        assert!(other.cells().iter().all(|c| !c.has_outputs()));
        keep(dir.path(), "a.py", script(text).cells()).unwrap();
        assert!(!file(dir.path(), "a.py").exists());
        fs::write(file(dir.path(), "a.py"), "torn").unwrap();
        bring_back(dir.path(), "a.py", &mut other);
    }
}

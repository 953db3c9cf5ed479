//! Gives SQL results to a Python kernel: as files in a private folder, read by whichever library the kernel has.
use std::collections::HashSet;

use crate::{
    base::{Result, error::Context},
    engine::sql::Frame,
};

/// Reads a result with the library the kernel works with already: polars, pandas or pyarrow; else with what it has, and at
/// last as a list of dictionaries. Defines one name and leaves no other.
const LOADER: &str = r#"
def _andon_load(stem):
    import sys
    def with_polars():
        import polars
        # From its bytes, so that the frame needs no file. Since polars 2 there is no memory_map to switch off.
        with open(stem + ".arrow", "rb") as file:
            return polars.read_ipc(file.read())
    def with_pyarrow():
        import pyarrow.ipc
        with pyarrow.OSFile(stem + ".arrow") as file:
            return pyarrow.ipc.open_file(file).read_all()
    def with_pandas():
        import pandas
        try:
            return with_pyarrow().to_pandas()
        except ImportError:
            return pandas.read_csv(stem + ".csv")
    ways = {"polars": with_polars, "pandas": with_pandas, "pyarrow": with_pyarrow}
    # What the person has imported, then what is loaded: pyarrow loads pandas by itself.
    named = {getattr(v, "__name__", "").split(".")[0] for v in list(globals().values()) if type(v) is type(sys)}
    for name in sorted(ways, key=lambda name: (name not in named, name not in sys.modules)):
        try:
            return ways[name]()
        except ImportError:
            pass
    import csv
    with open(stem + ".csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
"#;

/// What a kernel has been given already. One for each kernel process.
#[derive(Debug)]
pub struct Bridge {
    dir: tempfile::TempDir,
    given: HashSet<String>,
}

impl Bridge {
    /// Nothing given yet.
    pub fn new() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("andon-results-").tempdir();
        Ok(Self { dir: dir.io(|| "Could not make a folder for results".to_owned())?, given: HashSet::new() })
    }

    /// The result of this name has changed: the next cell that names it gets it again.
    pub fn forget(&mut self, name: &str) {
        self.given.remove(name);
    }

    /// Code that defines `name` in the kernel, when `source` names it and the kernel does not have it yet. Run it
    /// silently before the cell.
    pub fn code_for(&mut self, name: &str, frame: &Frame, source: &str) -> Result<Option<String>> {
        if self.given.contains(name) || !names(source, name) {
            return Ok(None);
        }
        let stem = self.dir.path().join(name);
        frame.write(&stem.with_extension("arrow"))?;
        frame.write(&stem.with_extension("csv"))?;
        self.given.insert(name.to_owned());
        let path = serde_json::Value::from(stem.to_string_lossy().into_owned());
        Ok(Some(format!("{LOADER}\n{name} = _andon_load({path})\ndel _andon_load\n")))
    }
}

/// True when `name` stands in `source` as a word of its own.
fn names(source: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    source.match_indices(name).any(|(at, _)| {
        let before = source.get(..at).and_then(|s| s.chars().next_back());
        let after = source.get(at + name.len()..).and_then(|s| s.chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_given_once_and_only_to_who_names_it() {
        let frame = Frame::of_text(&["a"], &[vec!["x".into()]]).unwrap();
        let mut bridge = Bridge::new().unwrap();
        assert_eq!(bridge.code_for("day", &frame, "today = days + day_1").unwrap(), None);
        let code = bridge.code_for("day", &frame, "print(day.head())").unwrap().unwrap();
        assert!(code.contains("day = _andon_load(") && code.contains("del _andon_load"));
        assert!(bridge.dir.path().join("day.arrow").is_file() && bridge.dir.path().join("day.csv").is_file());
        assert_eq!(bridge.code_for("day", &frame, "day").unwrap(), None);
        bridge.forget("day");
        assert!(bridge.code_for("day", &frame, "day").unwrap().is_some());
    }
}

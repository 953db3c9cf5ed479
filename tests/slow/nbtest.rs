//! Notebooks as tests on a real kernel: nbval's own notebooks with the verdicts nbval 0.11.0 gives them, and what ends a
//! test early.
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use andon::{
    base::job::JobCtx,
    engine::nbtest::{Item, Options, test_all},
    model::{
        nbtest::{NotebookResult, Policy, Verdict},
        notebook::{CellKind, Notebook},
    },
};

use super::kernel::test_python;

fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let prefix = test_python().parent().unwrap().parent().unwrap().to_path_buf();
    std::os::unix::fs::symlink(prefix, dir.path().join(".venv")).unwrap();
    dir
}

fn write(dir: &Path, cells: &[(&str, &str)]) -> PathBuf {
    let mut notebook = Notebook::new_empty();
    for (at, (source, tag)) in cells.iter().enumerate() {
        let key = notebook.insert(at, CellKind::Code, source).unwrap();
        let tags: Vec<&str> = Some(*tag).filter(|t| !t.is_empty()).into_iter().collect();
        notebook.set_cell_metadata(key, &serde_json::json!({ "tags": tags }).to_string()).unwrap();
        // As if it had been run and had shown nothing.
        notebook.set_outputs(key, &[], Some(1)).unwrap();
    }
    let file = dir.join("n.ipynb");
    fs::write(&file, notebook.to_bytes()).unwrap();
    file
}

fn test(dir: &Path, files: &[PathBuf], options: &Options) -> Vec<NotebookResult> {
    let name = |f: &PathBuf| f.file_name().unwrap().to_string_lossy().into_owned();
    let items: Vec<Item> =
        files.iter().map(|f| Item { root: dir.to_path_buf(), file: f.clone(), name: name(f) }).collect();
    test_all(&items, options, &JobCtx::detached(), &|_, _| {}).unwrap()
}

/// Cells of code, from 0, that nbval 0.11.0 says fail, on this kernel, by `pytest --nbval`. Notebooks that need SymPy are
/// left out.
const NBVAL: &[(&str, &[usize])] = &[
    ("exceptions", &[]),
    ("minimal_example", &[]),
    ("sample_notebook", &[8, 9]),
    ("test-exceptions-fail-storedmismatch", &[0]),
    ("test-stream-fail-missingoutput", &[1]),
    ("test-stream-pass-missing-unexecuted-output", &[]),
    ("test_coalesce", &[]),
];

#[test]
fn notebooks_of_nbval_get_the_verdicts_nbval_gives() {
    let dir = workspace();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nbval");
    let copy = |(name, _): &(&str, &[usize])| {
        let file = dir.path().join(format!("{name}.ipynb"));
        fs::copy(fixtures.join(format!("{name}.ipynb")), &file).unwrap();
        file
    };
    let files: Vec<PathBuf> = NBVAL.iter().map(copy).collect();
    for (result, (name, bad)) in test(dir.path(), &files, &Options::default()).iter().zip(NBVAL) {
        let found: Vec<usize> =
            result.cells.iter().enumerate().filter(|(_, c)| c.verdict.is_bad()).map(|(i, _)| i).collect();
        assert_eq!(found, *bad, "{name}: {result:#?}");
    }
    let lax = Options { policy: Policy { lax: true, ..Policy::default() }, ..Options::default() };
    let all = test(dir.path(), &files, &lax);
    assert!(all[3].passed() && all[4].passed(), "nothing is compared: {all:#?}");
    assert_eq!(all[2].count(Verdict::Passed), 2, "marked cells are compared: {:#?}", all[2]);
}

#[test]
fn a_cell_that_hangs_or_dies_ends_the_test_and_is_told() {
    let dir = workspace();
    let cells = [("x = 1", ""), ("import time\ntime.sleep(60)", "raises-exception"), ("print(x)", "")];
    let file = write(dir.path(), &cells);
    let options = Options { cell_timeout: Some(Duration::from_millis(700)), ..Options::default() };
    let result = test(dir.path(), std::slice::from_ref(&file), &options).remove(0);
    let verdicts: Vec<Verdict> = result.cells.iter().map(|c| c.verdict).collect();
    assert_eq!(verdicts, [Verdict::Passed, Verdict::Failed, Verdict::NotRun], "{result:#?}");
    assert!(result.cells[1].reason.contains("did not end within 0.7 s"), "{}", result.cells[1].reason);
    let file = write(dir.path(), &[("import os\nos._exit(3)", "raises-exception"), ("1", "")]);
    let result = test(dir.path(), &[file], &Options::default()).remove(0);
    assert_eq!(result.count(Verdict::Failed), 1, "{result:#?}");
    assert!(result.cells[0].reason.contains("exit code 3"), "{}", result.cells[0].reason);
}

#[test]
fn a_failure_does_not_hide_the_cells_after_it() {
    let dir = workspace();
    let cells = [
        ("raise ValueError('no')", ""),
        ("y = 2", ""),
        ("# NBVAL_SKIP\nraise SystemError", ""),
        ("%%sql\nSELECT 1 AS one", "nbval-ignore-output"),
        ("# NBVAL_RAISES_EXCEPTION\n# NBVAL_IGNORE_OUTPUT\n1/0", ""),
    ];
    let file = write(dir.path(), &cells);
    let result = test(dir.path(), &[file], &Options::default()).remove(0);
    let verdicts: Vec<Verdict> = result.cells.iter().map(|c| c.verdict).collect();
    use Verdict::{Failed, Passed, Ran, Skipped};
    assert_eq!(verdicts, [Failed, Passed, Skipped, Ran, Ran], "{result:#?}");
    assert_eq!(result.cells[0].reason, "ValueError: no");
    assert!(result.cells[0].traceback.contains("Traceback"));
}

#[test]
fn a_run_that_is_killed_leaves_what_it_has_done() {
    let dir = workspace();
    write(dir.path(), &[("print('early words')", ""), ("import time\ntime.sleep(60)", "")]);
    let home = tempfile::tempdir().unwrap();
    let copy = dir.path().join("out.ipynb");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_andon"))
        .args(["run", "n.ipynb", "-o", "out.ipynb"])
        .current_dir(dir.path())
        .env("ANDON_HOME", home.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let done = || fs::read_to_string(&copy).is_ok_and(|t| t.contains("early words\\n"));
    let begun = std::time::Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(40), "the copy was not written while the notebook ran");
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(done());
    Notebook::parse(fs::read(&copy).unwrap()).unwrap();
}

//! Executes notebooks as tests: [`crate::model::nbtest`] judges, [`super::exec`] runs. The notebook itself is not changed.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::exec::{self, CellEnd, End, Executed};
use crate::{
    base::{Error, Result, error::Context, fsx, job::JobCtx},
    model::{
        nbtest::{Marks, NotebookResult, Policy, Ran, is_tested, judge},
        run::Params,
    },
};

/// How to test.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub policy: Policy,
    /// Kernel instead of the one a notebook names.
    pub kernel: Option<String>,
    pub cell_timeout: Option<Duration>,
    /// Each notebook runs in its own folder, as with Jupyter and nbval, instead of the workspace.
    pub in_folder: bool,
    /// Notebooks at a time; 0: as many as there are processors.
    pub jobs: usize,
}

/// A notebook to test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub root: PathBuf,
    /// Where it lies.
    pub file: PathBuf,
    /// How it is called in the result.
    pub name: String,
}

/// The notebooks among these files and below these folders, each once; checkpoints and hidden folders are left out.
pub fn notebooks(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    for path in paths {
        let meta = fs::metadata(path).io(|| format!("Could not open {}", path.display()))?;
        if meta.is_dir() {
            let before = all.len();
            walk(path, 0, &mut |file| {
                if seen.insert(file.clone()) {
                    all.push(file);
                }
            })?;
            if all.len() == before {
                return Err(Error::user(format!("There is no notebook below {}", path.display())));
            }
        } else if path.extension().is_none_or(|e| !e.eq_ignore_ascii_case("ipynb")) {
            return Err(Error::user(format!("{} is no notebook", path.display())).hint("A notebook ends with .ipynb"));
        } else if seen.insert(path.clone()) {
            all.push(path.clone());
        }
    }
    Ok(all)
}

fn walk(dir: &Path, depth: usize, found: &mut impl FnMut(PathBuf)) -> Result<()> {
    if depth > 32 {
        return Ok(());
    }
    let entries = fs::read_dir(dir).io(|| format!("Could not look into {}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        // A link to a folder may lead in circles.
        let meta = fs::symlink_metadata(&path).ok();
        if hidden || path.ends_with("node_modules") {
            continue;
        }
        if meta.is_some_and(|m| m.is_dir()) {
            walk(&path, depth + 1, found)?;
        } else if path.is_file() && path.extension().is_some_and(|e| e == "ipynb") {
            found(path);
        }
    }
    Ok(())
}

/// A notebook that was tested, with its executed copy.
#[derive(Debug)]
pub struct Tested {
    pub result: NotebookResult,
    pub executed: Option<Vec<u8>>,
}

/// Tests one notebook. `bytes` are those of the file, or of the window.
pub fn test(item: &Item, bytes: Vec<u8>, options: &Options, cx: &JobCtx, sink: exec::Sink<'_>) -> Tested {
    let begun = Instant::now();
    match attempt(item, bytes, options, cx, sink) {
        Ok(mut tested) => {
            tested.result.ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            tested
        }
        Err(error) => Tested { result: NotebookResult::failed(&item.name, error), executed: None },
    }
}

fn attempt(item: &Item, bytes: Vec<u8>, options: &Options, cx: &JobCtx, sink: exec::Sink<'_>) -> Result<Tested> {
    let notebook = exec::read(&item.name, bytes)?;
    let stored = notebook.cells().to_vec();
    let skip = |(at, c): (usize, &std::sync::Arc<crate::model::notebook::Cell>)| {
        (is_tested(c) && Marks::of(&c.source, &c.tags()).skip).then_some(at)
    };
    let run = exec::Options {
        kernel: options.kernel.clone(),
        allow_errors: true,
        cell_timeout: options.cell_timeout,
        folder: item.file.parent().filter(|_| options.in_folder).map(Path::to_path_buf),
        skip: stored.iter().enumerate().filter_map(skip).collect(),
        ..exec::Options::default()
    };
    let params = Params::new();
    let request = exec::Request { root: &item.root, name: &item.name, notebook, params: &params, options: &run };
    let done = exec::execute(request, cx, (sink, &|_, _| {}))?;
    match &done.end {
        End::Cancelled => return Err(Error::cancelled()),
        End::Failed(failure) if failure.ename == exec::NO_KERNEL => return Err(failure.error.clone()),
        _ => {}
    }
    let executed = exec::read(&item.name, done.bytes.clone())?;
    let ran: Vec<(usize, Ran, u64)> = outcomes(&done);
    let cells = judge(&stored, executed.cells(), &ran, &options.policy)?;
    let result = NotebookResult { path: item.name.clone(), cells, ms: 0, kernel: done.kernel, error: None };
    Ok(Tested { result, executed: Some(done.bytes) })
}

fn outcomes(done: &Executed) -> Vec<(usize, Ran, u64)> {
    let ran = |end: &CellEnd| match end {
        CellEnd::Ok => Ran::Ok,
        CellEnd::Skipped => Ran::Skipped,
        CellEnd::NotRun => Ran::NotRun,
        CellEnd::Failed(f) => Ran::Failed {
            what: f.error.to_string(),
            traceback: f.traceback.clone(),
            fatal: f.ename == exec::DIED || f.ename == exec::TIMEOUT,
        },
    };
    done.cells.iter().map(|c| (c.cell, ran(&c.end), c.ms)).collect()
}

/// Tests many, some at a time; results stand in the order of `items`. `each` hears of every one as it ends.
pub fn test_all(
    items: &[Item],
    options: &Options,
    cx: &JobCtx,
    each: &(dyn Fn(usize, &Tested) + Sync),
) -> Result<Vec<NotebookResult>> {
    let cores = thread::available_parallelism().map_or(1, |n| n.get());
    let jobs = if options.jobs == 0 { cores } else { options.jobs }.min(items.len()).max(1);
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<NotebookResult>>> = Mutex::new(items.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((n, item)) =
                    Some(next.fetch_add(1, Ordering::SeqCst)).and_then(|n| Some((n, items.get(n)?)))
                {
                    if cx.cancel.is_cancelled() {
                        return;
                    }
                    let tested = match fsx::read(&item.file) {
                        Ok(bytes) => test(item, bytes, options, cx, &|_| {}),
                        Err(error) => Tested { result: NotebookResult::failed(&item.name, error), executed: None },
                    };
                    each(n, &tested);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.get_mut(n).into_iter().for_each(|slot| *slot = Some(tested.result.clone()));
                }
            });
        }
    });
    cx.check()?;
    Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        nbtest::Verdict,
        notebook::{CellKind, Notebook},
    };

    fn notebook(dir: &Path, name: &str, query: &str, tags: &str) -> PathBuf {
        let mut notebook = Notebook::new_empty();
        let key = notebook.insert(0, CellKind::Code, query).unwrap();
        notebook.set_cell_metadata(key, &format!("{{\"tags\": [{tags}]}}")).unwrap();
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, notebook.to_bytes()).unwrap();
        path
    }

    fn executed(dir: &Path, path: &Path) {
        let done = exec::execute_notebook(dir, path, &Params::new(), &JobCtx::detached(), &|_| {}).unwrap();
        fs::write(path, done.bytes).unwrap();
    }

    #[test]
    fn queries_are_tested_without_python_and_side_by_side() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        let data = root.join("a.csv");
        fs::write(&data, "x,y\n1,a\n2,b\n").unwrap();
        for n in 0..5 {
            executed(&root, &notebook(&root, &format!("nb/{n}.ipynb"), "%%sql\nSELECT * FROM 'a.csv' ORDER BY x", ""));
        }
        notebook(&root, "nb/.ipynb_checkpoints/0.ipynb", "%%sql\nSELECT 1", "");
        notebook(&root, "nb/skip.ipynb", "%%sql\nSELECT nosuch", "\"skip-execution\"");
        notebook(&root, "nb/wrong.ipynb", "%%sql\nSELECT nosuch FROM 'a.csv'", "");
        let files = notebooks(&[root.join("nb"), root.join("nb/0.ipynb")]).unwrap();
        assert_eq!(files.len(), 7);
        let item = |file: &PathBuf| Item { root: root.clone(), file: file.clone(), name: fsx::relative(&root, file) };
        let items: Vec<Item> = files.iter().map(item).collect();
        let told = AtomicUsize::new(0);
        let each = |_: usize, _: &Tested| {
            told.fetch_add(1, Ordering::SeqCst);
        };
        let run = || test_all(&items, &Options::default(), &JobCtx::detached(), &each).unwrap();
        let all = run();
        assert_eq!((all.len(), told.load(Ordering::SeqCst)), (7, 7));
        let passed: Vec<bool> = all.iter().map(NotebookResult::passed).collect();
        assert_eq!(passed, [true, true, true, true, true, true, false]);
        assert_eq!(all[5].cells[0].verdict, Verdict::Skipped);
        assert!(all[6].cells[0].reason.contains("nosuch"), "{:?}", all[6]);
        fs::write(&data, "x,y\n1,a\n2,c\n").unwrap();
        let all = run();
        assert_eq!(all[0].cells[0].verdict, Verdict::Differs);
        let lines = &all[0].cells[0].differences[0].lines;
        assert!(lines.iter().any(|l| l.text.contains('b')) && lines.iter().any(|l| l.text.contains('c')), "{lines:?}");
    }

    #[test]
    fn what_is_no_notebook_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.txt"), "x").unwrap();
        fs::write(dir.path().join("torn.ipynb"), "{\"cells\": [").unwrap();
        assert!(notebooks(&[dir.path().join("gone.ipynb")]).is_err());
        assert!(notebooks(&[dir.path().join("a.txt")]).unwrap_err().what.contains("no notebook"));
        let torn = dir.path().join("torn.ipynb");
        let item = Item { root: dir.path().into(), file: torn.clone(), name: "torn.ipynb".into() };
        let tested = test(&item, fs::read(torn).unwrap(), &Options::default(), &JobCtx::detached(), &|_| {});
        assert!(tested.result.error.unwrap().what.contains("torn.ipynb"));
        fs::create_dir(dir.path().join("empty")).unwrap();
        assert!(notebooks(&[dir.path().join("empty")]).unwrap_err().what.contains("no notebook below"));
    }
}

//! Notebooks executed without a window, with SQL and Python side by side.
use std::{path::Path, sync::Mutex};

use andon::{
    base::job::JobCtx,
    engine::exec::{End, Executed, Progress, execute_notebook, execute_watched},
    model::notebook::{CellKind, Notebook},
};
use serde_json::{Value, json};

use super::kernel::test_python;

fn workspace(cells: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let prefix = test_python().parent().unwrap().parent().unwrap().to_path_buf();
    std::os::unix::fs::symlink(prefix, dir.path().join(".venv")).unwrap();
    std::fs::write(dir.path().join("a.csv"), "city,delay\nDAL,12\nORD,-4\nEWR,40\n").unwrap();
    let mut notebook = Notebook::new_empty();
    for (at, (source, tag)) in cells.iter().enumerate() {
        let key = notebook.insert(at, CellKind::Code, source).unwrap();
        if !tag.is_empty() {
            notebook.set_cell_metadata(key, &json!({ "tags": [tag] }).to_string()).unwrap();
        }
    }
    std::fs::write(dir.path().join("n.ipynb"), notebook.to_bytes()).unwrap();
    dir
}

fn run(dir: &Path, params: Value) -> (Executed, Vec<Progress>) {
    let news = Mutex::new(Vec::new());
    let params = params.as_object().cloned().unwrap();
    let sink = |p| news.lock().unwrap().push(p);
    let done = execute_notebook(dir, Path::new("n.ipynb"), &params, &JobCtx::detached(), &sink).unwrap();
    (done, news.into_inner().unwrap())
}

#[test]
fn sql_results_and_parameters_reach_python_and_metrics_come_back() {
    let dir = workspace(&[
        ("limit = 10", "parameters"),
        ("%%sql late <<\nSELECT * FROM 'a.csv' WHERE delay > $limit", ""),
        (
            "import json\nrows = len(late)\nprint(limit, rows)\nprint(json.dumps({'andon.metric': {'name': 'late', 'value': rows, 'unit': 'rows'}}))",
            "",
        ),
    ]);
    let (done, news) = run(dir.path(), json!({ "limit": 20 }));
    assert_eq!(done.end, End::Success, "{done:?}");
    assert!(done.kernel.is_some());
    let printed: String = news
        .iter()
        .filter_map(|p| match p {
            Progress::Printed { text, stderr: false, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(printed.starts_with("20 1\n"), "{printed}");
    assert_eq!((done.metrics[0].name.as_str(), done.metrics[0].value), ("late", 1.0));
    let notebook: Value = serde_json::from_slice(&done.bytes).unwrap();
    assert_eq!(notebook["cells"][1]["metadata"]["tags"][0], "injected-parameters");
    assert_eq!(notebook["cells"][3]["outputs"][0]["text"][0], "20 1\n");
}

#[test]
fn an_exception_ends_the_run_with_its_traceback() {
    let dir = workspace(&[("print('first')", ""), ("raise ValueError('bad 3')", ""), ("print('never')", "")]);
    let (done, _) = run(dir.path(), json!({}));
    let End::Failed(failure) = &done.end else { panic!("{done:?}") };
    assert_eq!((failure.cell, failure.ename.as_str()), (1, "ValueError"));
    assert_eq!(failure.error.what, "ValueError: bad 3");
    assert!(failure.traceback.contains("Traceback"), "{}", failure.traceback);
    assert_eq!(done.cells_run, 1);
    let notebook: Value = serde_json::from_slice(&done.bytes).unwrap();
    assert_eq!(notebook["cells"][1]["outputs"][0]["ename"], "ValueError");
    assert_eq!(notebook["cells"][2]["outputs"], json!([]));
}

#[test]
fn a_kernel_that_dies_is_told_with_exit_code_and_last_words() {
    let dir = workspace(&[("import os\nos._exit(3)", "")]);
    let (done, _) = run(dir.path(), json!({}));
    let End::Failed(failure) = &done.end else { panic!("{done:?}") };
    assert_eq!(failure.ename, "KernelDied");
    assert!(failure.error.what.contains("exit code 3"), "{}", failure.error);
    let notebook: Value = serde_json::from_slice(&done.bytes).unwrap();
    let outputs = notebook["cells"][0]["outputs"].to_string();
    assert!(outputs.contains("exit code 3"), "{outputs}");
    // The fault handler of Python writes straight to the pipe; what goes through ipykernel's own thread can be lost.
    let dir = workspace(&[("import ctypes\nctypes.string_at(0)", "")]);
    let (done, _) = run(dir.path(), json!({}));
    let notebook: Value = serde_json::from_slice(&done.bytes).unwrap();
    let outputs = notebook["cells"][0]["outputs"].to_string();
    assert!(outputs.contains("Segmentation fault") && outputs.contains("ctypes"), "{outputs}");
}

#[test]
fn a_metric_printed_by_a_notebook_task_is_recorded_once() {
    use andon::{
        engine::{
            runner::{Begin, Launch, begin},
            store::{MetricQuery, Store},
        },
        model::run::{RunState, Trigger},
    };
    let dir = workspace(&[(
        "import time\nprint('{\"andon.metric\": {\"name\": \"rows\", \"value\": 12}}')\ntime.sleep(0.3)",
        "",
    )]);
    let store = Store::open(dir.path()).unwrap();
    let launch = Launch::new("n.ipynb", Trigger::Cli);
    let Begin::Started(execution) = begin(&store, &launch, &JobCtx::detached()).unwrap() else { panic!("not begun") };
    let quiet: andon::engine::runner::Sink = std::sync::Arc::new(|_| {});
    let run = execution.execute(&JobCtx::detached(), &quiet).unwrap();
    assert_eq!(run.state, RunState::Success, "{run:?}");
    let all = store.metrics(&MetricQuery::default()).unwrap();
    assert_eq!(all.iter().map(|m| (m.metric.name.as_str(), m.metric.value)).collect::<Vec<_>>(), [("rows", 12.0)]);
}

#[test]
fn outputs_are_told_while_a_cell_runs_and_a_cancelled_run_leaves_no_kernel() {
    let dir = workspace(&[
        ("import os, time\nopen('pid', 'w').write(str(os.getpid()))", ""),
        ("for n in range(3):\n    print('row', n, flush=True)\n    time.sleep(0.4)", ""),
        ("while True:\n    print('on', flush=True)\n    time.sleep(0.2)", ""),
    ]);
    let cx = JobCtx::detached();
    let told = Mutex::new(Vec::<(usize, String)>::new());
    let watch = |index: usize, outputs: &[andon::model::output::Output]| {
        let text = outputs.iter().map(andon::model::output::Output::to_text).collect::<String>();
        if index == 2 {
            cx.cancel.cancel();
        }
        told.lock().unwrap().push((index, text));
    };
    let path = Path::new("n.ipynb");
    let params = serde_json::Map::new();
    let done = execute_watched(dir.path(), path, &params, &cx, (&|_| {}, &watch)).unwrap();
    assert_eq!(done.end, End::Cancelled);
    let told = told.into_inner().unwrap();
    let rows = |n: usize| told.iter().any(|(cell, text)| *cell == 1 && text.matches("row").count() == n);
    assert!(rows(1) && rows(2), "{told:?}");
    let pid = std::fs::read_to_string(dir.path().join("pid")).unwrap();
    let alive = || Path::new("/proc").join(pid.trim()).exists();
    for _ in 0..100 {
        if !alive() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(!alive(), "the kernel {pid} still runs");
}

/// Cells of code as they would stand in the window, one after the other.
fn outputs(done: &Executed, cell: usize) -> String {
    let notebook: Value = serde_json::from_slice(&done.bytes).unwrap();
    notebook["cells"][cell]["outputs"].to_string()
}

#[test]
fn queries_read_data_frames_and_values_of_the_kernel_and_give_frames_back() {
    let dir = workspace(&[
        ("low = 1", "parameters"),
        (
            "import pandas as pd, datetime\nlow = 5\ncity = \"O'Hare\"\nday = datetime.date(2026, 11, 16)\n\
             frame = pd.DataFrame({'city': ['DAL', \"O'Hare\", None], 'delay': [12.5, 40.0, None], \
             'at': pd.to_datetime(['2026-11-16', '2026-11-17', None]), 'mixed': [1, 'a', None]})\n\
             other = pd.DataFrame({'n': [1, 2]}, index=pd.Index(['x', 'y'], name='key'))\nplain = [1, 2]",
            "",
        ),
        ("%%sql late <<\nSELECT city, delay, at FROM frame WHERE delay > :low AND city = '{{city}}'", ""),
        ("print(type(late).__name__, len(late), late['delay'].iloc[0], late['at'].dtype.kind)", ""),
        (
            "%%sql\nSELECT frame.city, other.n FROM frame, other WHERE other.key = 'x' AND DATE '2026-11-16' = CAST({{day}} AS DATE)",
            "",
        ),
        ("%%sql\nSELECT * FROM plain", "raises-exception"),
        ("%%sql\nSELECT $frame AS x", "raises-exception"),
        (
            "print(_ if '_' in dir() else None, len(Out), [n for n in dir() if 'andon' in n])\nimport os\nos.getpid() > 0",
            "",
        ),
    ]);
    let (done, _) = run(dir.path(), json!({}));
    assert_eq!(done.end, End::Success, "{done:?}");
    assert!(outputs(&done, 2).contains("shape: (1, 3)"), "{}", outputs(&done, 2));
    assert!(outputs(&done, 3).contains("DataFrame 1 40.0 M"), "{}", outputs(&done, 3));
    assert!(outputs(&done, 4).contains("shape: (3, 2)"), "{}", outputs(&done, 4));
    assert!(outputs(&done, 5).contains("it is a list in the kernel"), "{}", outputs(&done, 5));
    assert!(outputs(&done, 6).contains("it is a DataFrame in the kernel"), "{}", outputs(&done, 6));
    assert!(outputs(&done, 7).contains(" 0 []"), "no name and no result is left: {}", outputs(&done, 7));
}

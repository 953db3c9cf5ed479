use super::*;
use crate::base::job::Cancel;
use serde_json::{Value, json};
use std::sync::Mutex;

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(cells: &[(&str, &[&str])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        std::fs::write(dir.path().join("data/a.csv"), "city,delay\nDAL,12\nORD,-4\nEWR,40\n").unwrap();
        let mut notebook = Notebook::new_empty();
        for (at, (source, tags)) in cells.iter().enumerate() {
            let kind = if source.starts_with("# ") { CellKind::Markdown } else { CellKind::Code };
            let key = notebook.insert(at, kind, source).unwrap();
            if !tags.is_empty() {
                notebook.set_cell_metadata(key, &json!({ "tags": tags }).to_string()).unwrap();
            }
        }
        std::fs::write(dir.path().join("n.ipynb"), notebook.to_bytes()).unwrap();
        Self { dir }
    }
    fn run(&self, params: Value) -> (Executed, Vec<Progress>) {
        let news = Mutex::new(Vec::new());
        let params = params.as_object().cloned().unwrap();
        let sink = |p| news.lock().unwrap().push(p);
        let executed =
            execute_notebook(self.dir.path(), Path::new("n.ipynb"), &params, &JobCtx::detached(), &sink).unwrap();
        (executed, news.into_inner().unwrap())
    }
}

fn cell(executed: &Executed, index: usize) -> Value {
    let notebook: Value = serde_json::from_slice(&executed.bytes).unwrap();
    notebook["cells"][index].clone()
}

#[test]
fn sql_and_plain_parameters_need_no_python() {
    let b = Bench::new(&[
        ("# Delays", &[]),
        ("limit = 10", &["parameters"]),
        ("%%sql late <<\nSELECT * FROM 'data/a.csv' WHERE delay > $limit ORDER BY delay", &[]),
        ("%%sql\nSELECT count(*) AS rows, max(delay) AS worst FROM late", &["metrics"]),
    ]);
    let before = std::fs::read(b.dir.path().join("n.ipynb")).unwrap();
    let (done, news) = b.run(json!({}));
    assert_eq!(done.end, End::Success, "{done:?}");
    assert_eq!(done.kernel, None);
    let metrics: Vec<_> = done.metrics.iter().map(|m| (m.name.as_str(), m.value)).collect();
    assert_eq!(metrics, [("rows", 2.0), ("worst", 40.0)]);
    assert!(news.iter().any(|p| matches!(p, Progress::Cell { index: 2, total: 4, .. })));
    assert_eq!(before, std::fs::read(b.dir.path().join("n.ipynb")).unwrap(), "the source stays untouched");
    let shown = crate::model::output::Output::from_json(&cell(&done, 2)["outputs"][0].to_string());
    let crate::model::output::Output::Table(table) = shown else { panic!("{shown:?}") };
    assert_eq!(table.page.columns[0].name, "city");
    assert_eq!(table.page.columns[1].dtype, "i64");
    assert_eq!(table.note.as_deref(), Some("shape: (2, 2)"));
    let (done, _) = b.run(json!({ "limit": 20 }));
    assert_eq!(done.metrics[0].value, 1.0);
    assert_eq!(cell(&done, 2)["source"], json!(["# Parameters\n", "limit = 20"]));
}

#[test]
fn the_first_failure_ends_the_run_and_is_written_down() {
    let b = Bench::new(&[("%%sql\nSELECT nosuch FROM 'data/a.csv'", &[]), ("%%sql\nSELECT 1 AS one", &[])]);
    let (done, _) = b.run(json!({}));
    let End::Failed(failure) = &done.end else { panic!("{done:?}") };
    assert_eq!((failure.cell, failure.ename.as_str()), (0, "SqlError"));
    assert!(failure.error.to_string().contains("nosuch"), "{}", failure.error);
    assert_eq!(cell(&done, 0)["outputs"][0]["ename"], "SqlError");
    assert_eq!(cell(&done, 1)["outputs"], json!([]), "what did not run has no old output");
}

#[test]
fn a_cell_that_may_fail_does_not_end_the_run() {
    let b = Bench::new(&[("%%sql\nSELECT nosuch", &["raises-exception"]), ("%%sql\nSELECT 1 AS one", &[])]);
    let (done, _) = b.run(json!({}));
    assert_eq!(done.end, End::Success);
}

#[test]
fn a_cancelled_run_keeps_what_was_done() {
    let b = Bench::new(&[("%%sql\nSELECT 1 AS one", &[])]);
    let cancel = Cancel::default();
    cancel.cancel();
    let cx = JobCtx::new(cancel, Arc::new(crate::base::time::SystemClock), Arc::new(|_| {}));
    let done = execute_notebook(b.dir.path(), Path::new("n.ipynb"), &Params::new(), &cx, &|_| {}).unwrap();
    assert_eq!((done.end, done.cells_run), (End::Cancelled, 0));
}

#[test]
fn metrics_come_by_column_or_by_row() {
    use crate::model::table::{Column, Kind};
    let page = |columns: Vec<Column>, rows: Vec<Vec<Cell>>| Page {
        columns: columns.into(),
        first_row: 0,
        total_rows: rows.len() as u64,
        rows,
    };
    let at = Timestamp::UNIX_EPOCH;
    let wide = page(
        vec![Column::new("n", "i64", Kind::Int), Column::new("city", "str", Kind::Text)],
        vec![vec![Cell::Int(3), Cell::Text("DAL".into())]],
    );
    let names: Vec<_> = metrics_of(&wide, at).into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["n"]);
    let columns = ["name", "value", "unit", "data_time"].map(|n| Column::new(n, "str", Kind::Text)).to_vec();
    let text = |t: &str| Cell::Text(t.into());
    let long = page(
        columns,
        vec![
            vec![text("p95"), Cell::Float(1.5), text("min"), text("2026-11-16")],
            vec![text("x"), Cell::Null, Cell::Null, Cell::Null],
        ],
    );
    let found = metrics_of(&long, at);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].unit.as_deref(), found[0].data_time.as_deref()), (Some("min"), Some("2026-11-16")));
}

#[test]
fn printed_text_is_cut_into_lines_and_metrics_are_seen() {
    let mut lines = Lines::default();
    assert_eq!(lines.feed(false, "a\nhalf"), "a\n");
    assert_eq!(lines.feed(false, " line\n10%\r20%\r100%\n{\"andon.metric\": {\"x\": 1}}"), "half line\n100%\n");
    assert_eq!(lines.rest().len(), 1);
    let metrics: Vec<_> =
        lines.out_lines().filter_map(|l| parse_metrics(l, Timestamp::UNIX_EPOCH, None)).flatten().collect();
    assert_eq!(metrics[0].name, "x");
}

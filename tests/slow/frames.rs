//! Data frames of a kernel in queries, and results of queries as data frames: pandas, polars and pyarrow, by Arrow both ways.
use std::path::Path;

use andon::{
    base::{job::JobCtx, time::SystemClock},
    engine::{
        exec::{Bridge, copy_frame, lend, query_lent, variables},
        kernel::{ExecOptions, Kernels, Session},
        sql,
    },
};

use crate::kernel::{Log, run, spec};

/// A kernel and the embedded engine beside it.
struct Desk {
    dir: tempfile::TempDir,
    kernels: Kernels,
    kernel: Session,
    sql: sql::Session,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kernels = Kernels::new(&dir.path().join("cache"), std::sync::Arc::new(SystemClock));
        let kernel = kernels.start_and_wait(&spec(), dir.path(), &JobCtx::detached()).unwrap();
        let sql = sql::Session::new(dir.path());
        Self { dir, kernels, kernel, sql }
    }

    #[track_caller]
    fn python(&self, code: &str) -> String {
        let (outcome, log) = run(&self.kernel, code);
        assert!(outcome.is_ok(), "{outcome:?}");
        log.text(false)
    }

    /// A query on what the kernel has; its result goes to the kernel under `name`.
    #[track_caller]
    fn query(&self, name: &str, query: &str) -> Vec<String> {
        let cx = JobCtx::detached();
        let lent = lend(&self.kernel, &self.sql.wanted(query), &cx).unwrap();
        assert!(lent.refused.is_empty() && lent.notes.is_empty(), "{lent:?}");
        let frame = query_lent(&self.sql, query, &sql::Params::default(), lent, &cx).unwrap();
        let page = frame.page(0, 100).unwrap();
        let mut bridge = Bridge::new().unwrap();
        let code = bridge.code_for(name, &frame, name).unwrap().unwrap();
        let silent = ExecOptions { silent: true, ..ExecOptions::default() };
        let log = Log::default();
        let outcome = self.kernel.run(&code, silent, &cx, log.sink()).unwrap();
        assert!(outcome.is_ok(), "{outcome:?}");
        page.rows.iter().map(|r| r.iter().map(|c| c.show(false).into_owned()).collect::<Vec<_>>().join(",")).collect()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.kernels.shutdown_all();
        assert!(Path::new(self.dir.path()).exists());
    }
}

/// Every type of these goes there and back, with a missing value in each column.
const ROWS: &str = "dict(whole=[1, None, 3], part=[1.5, 2.5, None], word=['a', None, '\\u00e9'], yes=[True, None, False], \
    at=[datetime.datetime(2026, 11, 16, 1, 2, 3), None, datetime.datetime(2026, 11, 17)], \
    day=[datetime.date(2026, 11, 16), None, datetime.date(2026, 11, 17)])";

const QUERY: &str = "SELECT whole, part, word, yes, at, day FROM t ORDER BY word NULLS FIRST";

fn rows_are_right(rows: &[String]) {
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert_eq!(rows[0], "null,2.5,null,null,null,null");
    assert!(rows[1].starts_with("1,1.5,a,true,2026-11-16 01:02:03"), "{rows:?}");
    assert!(rows[2].contains("\u{e9},false,2026-11-17") && rows[2].ends_with("2026-11-17"), "{rows:?}");
}

#[test]
fn frames_of_polars_go_both_ways() {
    let desk = Desk::new();
    desk.python(&format!("import polars, datetime\nt = polars.DataFrame({ROWS})\nlazy = t.lazy()\ns = t['whole']"));
    rows_are_right(&desk.query("back", QUERY));
    let told = desk.python(
        "print(type(back).__module__.split('.')[0], back.shape, back.schema == t.schema, \
         back.equals(t.sort('word', nulls_last=False)))",
    );
    assert_eq!(told, "polars (3, 6) True True\n");
    assert_eq!(desk.query("n", "SELECT COUNT(*) AS n, SUM(whole) AS s FROM lazy"), ["3,4"], "a lazy one is collected");
    assert_eq!(desk.query("m", "SELECT MAX(whole) AS m FROM s"), ["3"], "a series is a frame of one column");
    let (all, more) = variables(&desk.kernel).unwrap();
    let frame = all.iter().find(|v| v.name == "t").unwrap();
    assert!(frame.frame && frame.size == "3 \u{d7} 6" && frame.bytes.is_some_and(|b| b > 0) && more == 0, "{frame:?}");
    let copied = copy_frame(&desk.kernel, "t", 2, &JobCtx::detached()).unwrap();
    assert_eq!((copied.frame.rows(), copied.rows), (2, 3), "as many rows as were asked for, and how many there are");
}

#[test]
fn frames_of_pandas_go_both_ways() {
    let desk = Desk::new();
    desk.python(&format!(
        "import pandas, datetime\nt = pandas.DataFrame({ROWS})\nt['whole'] = t['whole'].astype('Int64')\n\
         t['at'] = pandas.to_datetime(t['at'])\nt['yes'] = t['yes'].astype('boolean')\n\
         many = pandas.DataFrame({{'c': pandas.Categorical(['x', 'y', 'x'])}}, index=pandas.MultiIndex.from_tuples(\
         [(1, 'a'), (1, 'b'), (2, 'a')], names=['i', 'j']))"
    ));
    rows_are_right(&desk.query("back", QUERY));
    let told = desk.python(
        "print(type(back).__module__.split('.')[0], back.shape, back['at'].dtype.kind, list(back.columns) == list(t.columns), \
         back['part'].isna().sum(), sorted(back['word'].dropna()))",
    );
    assert_eq!(told, "pandas (3, 6) M True 1 ['a', '\u{e9}']\n");
    let rows = desk.query("n", "SELECT i, j, c FROM many WHERE c = 'x' ORDER BY i");
    assert_eq!(rows, ["1,a,x", "2,a,x"], "levels of the index are columns");
}

#[test]
fn tables_of_pyarrow_go_both_ways() {
    let desk = Desk::new();
    desk.python(&format!("import pyarrow, datetime\nt = pyarrow.table({ROWS})\nb = t.to_batches()[0]"));
    rows_are_right(&desk.query("back", QUERY));
    let told = desk.python(
        "import pyarrow.compute\nprint(type(back).__module__.split('.')[0], back.shape, back.column_names == t.column_names, \
         [str(f.type) for f in back.schema])",
    );
    assert!(told.starts_with("pyarrow (3, 6) True ['int64', 'double', "), "{told}");
    assert!(told.contains("'bool', 'timestamp[us]', 'date32[day]']"), "{told}");
    assert_eq!(desk.query("n", "SELECT COUNT(*) AS n FROM b"), ["3"], "a batch is a table");
}

#[test]
fn a_large_frame_goes_both_ways_as_arrow_and_not_as_text() {
    let desk = Desk::new();
    desk.python("import polars\nt = polars.DataFrame({'n': range(1_000_000)}).with_columns(x=polars.col('n') * 0.5)");
    assert_eq!(desk.query("back", "SELECT n, x FROM t WHERE n >= 10 ORDER BY n LIMIT 900000")[0], "10,5.0");
    assert_eq!(desk.python("print(back.shape, back['x'].sum() == t['x'][10:900010].sum())"), "(900000, 2) True\n");
}

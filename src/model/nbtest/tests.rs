use super::*;
use crate::model::notebook::Notebook;

fn stream(text: &str) -> Value {
    json!({ "output_type": "stream", "name": "stdout", "text": text })
}

fn result(data: Value) -> Value {
    json!({ "output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 3 })
}

fn cells(outputs: &[Value]) -> Vec<Arc<Cell>> {
    cells_of("x", &[], Some(1), outputs)
}

fn cells_of(source: &str, tags: &[&str], count: Option<i64>, outputs: &[Value]) -> Vec<Arc<Cell>> {
    let cell = json!({ "cell_type": "code", "source": source, "metadata": { "tags": tags },
                       "execution_count": count, "outputs": outputs });
    let all = json!({ "cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4 });
    Notebook::parse(all.to_string().into_bytes()).unwrap().cells().to_vec()
}

fn one(stored: &[Arc<Cell>], executed: &[Arc<Cell>], ran: Ran, policy: &Policy) -> CellResult {
    judge(stored, executed, &[(0, ran, 5)], policy).unwrap().remove(0)
}

fn by_default(stored: &[Value], executed: &[Value]) -> CellResult {
    one(&cells(stored), &cells(executed), Ran::Ok, &Policy::default())
}

fn failed(fatal: bool) -> Ran {
    Ran::Failed { what: "ValueError: no".into(), traceback: "trace".into(), fatal }
}

#[test]
fn large_outputs_that_are_the_same_are_not_read() {
    let lines: Vec<String> = (0..300_000).map(|n| format!("line {n} of very many that are the same\n")).collect();
    let output = json!({ "output_type": "stream", "name": "stdout", "text": lines });
    let (a, b) = (cells(std::slice::from_ref(&output)), cells(&[output]));
    let begun = std::time::Instant::now();
    assert_eq!(one(&a, &b, Ran::Ok, &Policy::default()).verdict, Verdict::Passed);
    assert!(begun.elapsed().as_millis() < 1_500, "{:?}", begun.elapsed());
}

#[test]
fn equal_outputs_pass_and_others_are_told_line_by_line() {
    assert_eq!(by_default(&[stream("a\n")], &[stream("a\n")]).verdict, Verdict::Passed);
    let differs = by_default(&[stream("a\nb\n")], &[stream("a\nc\n")]);
    assert_eq!((differs.verdict, differs.differences[0].what.as_str()), (Verdict::Differs, "stdout"));
    let lines: Vec<_> = differs.differences[0].lines.iter().map(|l| (l.kind, l.text.as_str())).collect();
    assert_eq!(lines, [(RowKind::Same, "a"), (RowKind::Removed, "b"), (RowKind::Added, "c")]);
    let came = by_default(&[], &[stream("new\n")]);
    assert!(came.reason.contains("not stored: stdout"), "{}", came.reason);
    let gone = by_default(&[stream("old\n")], &[]);
    assert!(gone.reason.contains("did not come: stdout"), "{}", gone.reason);
    let other = by_default(&[result(json!({ "text/plain": "1" }))], &[stream("1")]);
    assert_eq!((other.verdict, other.differences.len()), (Verdict::Differs, 2));
}

#[test]
fn pieces_and_order_of_streams_and_counts_and_tracebacks_say_nothing() {
    let err = |t: &str| json!({ "output_type": "stream", "name": "stderr", "text": [t] });
    let stored = [stream("a\n"), err("warn\n"), stream("b\n")];
    assert_eq!(by_default(&stored, &[err("warn\n"), stream("a\nb\n")]).verdict, Verdict::Passed);
    let error =
        |line: &str, value: &str| json!({ "output_type": "error", "ename": "E", "evalue": value, "traceback": [line] });
    assert_eq!(by_default(&[error("x", "v")], &[error("y", "v")]).verdict, Verdict::Passed);
    assert_eq!(by_default(&[error("x", "v")], &[error("x", "w")]).verdict, Verdict::Differs);
    let shown = json!({ "output_type": "display_data", "data": { "text/plain": "1" }, "metadata": { "x": 1 } });
    assert_eq!(by_default(&[result(json!({ "text/plain": "1" }))], &[shown]).verdict, Verdict::Passed);
}

#[test]
fn numbers_count_within_the_tolerance_and_whole_ones_exactly() {
    let with = |tolerance: f64| {
        let mut policy = Policy::default();
        policy.rules.tolerance = tolerance;
        policy
    };
    let text = |t: &str| cells(&[result(json!({ "text/plain": t }))]);
    let verdict = |a: &str, b: &str, tolerance| one(&text(a), &text(b), Ran::Ok, &with(tolerance)).verdict;
    assert_eq!(verdict("mean 0.1234567", "mean 0.1234568", 1e-9), Verdict::Differs);
    assert_eq!(verdict("mean 0.1234567", "mean 0.1234568", 1e-6), Verdict::Passed);
    assert_eq!(verdict("rows 100", "rows 101", 0.5), Verdict::Differs);
    assert_eq!(verdict("x 1.5e-3 y", "x 1.6e-3 y", 0.1), Verdict::Passed);
    assert_eq!(verdict("x 1.5 y", "x 1.6 z", 0.1), Verdict::Differs);
    assert_eq!(verdict("v1.2.3", "v1.2.4", 0.9), Verdict::Differs, "a version is no number");
    let hidden = one(&text("mean 0.1"), &text("mean 0.1000001"), Ran::Ok, &with(1e-3)).hidden;
    assert!(hidden.contains("within the tolerance"), "{hidden}");
}

#[test]
fn what_a_run_writes_anew_is_masked_unless_all_counts() {
    let (a, b) = (cells(&[stream("<A at 0x7f00aa11bb22>\n")]), cells(&[stream("<A at 0x7f99aa11bb00>\n")]));
    let masked = one(&a, &b, Ran::Ok, &Policy::default());
    assert_eq!((masked.verdict, masked.hidden.as_str()), (Verdict::Passed, "1 memory address"));
    let exact = Policy { rules: Rules::exact(), ..Policy::default() };
    assert_eq!(one(&a, &b, Ran::Ok, &exact).verdict, Verdict::Differs);
    let mut policy = Policy { rules: Rules::exact(), ..Policy::default() };
    policy.masks.add("m", "regex: 0x[0-9a-f]+\nreplace: ADDRESS").unwrap();
    assert_eq!(one(&a, &b, Ran::Ok, &policy).verdict, Verdict::Passed);
}

#[test]
fn marks_decide_what_is_compared_and_what_may_fail() {
    let policy = Policy::default();
    let lax = Policy { lax: true, ..Policy::default() };
    let tagged = |source: &str, tags: &[&str]| {
        (cells_of(source, tags, Some(1), &[stream("a")]), cells_of(source, tags, Some(1), &[stream("b")]))
    };
    let verdict = |(a, b): &(Vec<Arc<Cell>>, Vec<Arc<Cell>>), ran, policy: &Policy| one(a, b, ran, policy).verdict;
    assert_eq!(verdict(&tagged("x", &[]), Ran::Ok, &lax), Verdict::Ran);
    assert_eq!(verdict(&tagged("x", &["nbval-check-output"]), Ran::Ok, &lax), Verdict::Differs);
    assert_eq!(verdict(&tagged("# NBVAL_IGNORE_OUTPUT", &[]), Ran::Ok, &policy), Verdict::Ran);
    assert_eq!(verdict(&tagged("x", &["nbval-ignore-output"]), failed(false), &policy), Verdict::Failed);
    let raises = tagged("x", &["raises-exception"]);
    assert_eq!(verdict(&raises, failed(false), &lax), Verdict::Ran);
    assert_eq!(verdict(&raises, failed(false), &policy), Verdict::Differs, "its outputs count as any");
    assert_eq!(verdict(&raises, failed(true), &lax), Verdict::Failed, "nothing excuses a dead kernel");
    assert_eq!(verdict(&raises, Ran::Skipped, &policy), Verdict::Skipped);
    assert_eq!(verdict(&raises, Ran::NotRun, &policy), Verdict::NotRun);
}

#[test]
fn what_was_never_run_is_not_compared() {
    let policy = Policy::default();
    let never = cells_of("x", &[], None, &[]);
    assert_eq!(one(&never, &cells(&[stream("a")]), Ran::Ok, &policy).verdict, Verdict::Ran);
    let odd = cells_of("x", &[], None, &[stream("a")]);
    let result = one(&odd, &cells(&[stream("a")]), Ran::Ok, &policy);
    assert_eq!(result.verdict, Verdict::Failed);
    assert!(result.reason.contains("no number"), "{}", result.reason);
    let sql = cells_of("%%sql\nSELECT 1", &[], None, &[stream("a")]);
    assert_eq!(one(&sql, &cells(&[stream("b")]), Ran::Ok, &policy).verdict, Verdict::Differs);
}

#[test]
fn tables_are_compared_by_rows() {
    let html = |n: &str| {
        result(json!({ "text/plain": format!("   a  b\n0  1  {n}\n1  2  4"),
            "text/html": format!("<table class=\"dataframe\"><thead><tr><th></th><th>a</th><th>b</th></tr></thead><tbody>\
                <tr><th>0</th><td>1</td><td>{n}</td></tr><tr><th>1</th><td>2</td><td>4</td></tr></tbody></table>") }))
    };
    let differs = by_default(&[html("3.5")], &[html("3.9")]);
    assert_eq!((differs.verdict, differs.differences[0].what.as_str()), (Verdict::Differs, "table"));
    let texts: Vec<_> = differs.differences[0].lines.iter().map(|l| l.text.as_str()).collect();
    assert!(texts.iter().any(|t| t.contains("3.5")) && texts.iter().any(|t| t.contains("3.9")), "{texts:?}");
    assert!(!texts.iter().any(|t| t.contains("| 4")), "rows that are the same are left out: {texts:?}");
    assert_eq!(by_default(&[html("3.5")], &[html("3.50000000001")]).verdict, Verdict::Passed);
}

#[test]
fn a_query_without_an_order_may_give_its_rows_in_any() {
    let table = |rows: [&str; 3]| {
        let cells: String = rows.iter().map(|r| format!("<tr><td>{r}</td><td>x{r}</td></tr>")).collect();
        result(json!({ "text/plain": "shape: (3, 2)",
            "text/html": format!("<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>{cells}</tbody></table>") }))
    };
    let of = |query: &str, rows| cells_of(query, &[], Some(1), &[table(rows)]);
    let test = |query: &str, rows| one(&of(query, ["1", "2", "3"]), &of(query, rows), Ran::Ok, &Policy::default());
    let free = test("%%sql\nSELECT a, b FROM t", ["1", "3", "2"]);
    assert_eq!((free.verdict, free.hidden.as_str()), (Verdict::Passed, "1 moved row"));
    assert_eq!(test("%%sql\nSELECT a, b FROM t", ["1", "3", "4"]).verdict, Verdict::Differs);
    let ordered = test("%%sql\nSELECT a, b FROM t ORDER BY a", ["1", "3", "2"]);
    assert_eq!((ordered.verdict, ordered.reason.as_str()), (Verdict::Differs, "table: 1 row moved"));
}

#[test]
fn a_formula_is_compared_by_its_latex() {
    let formula = |png: &str, latex: &str| result(json!({ "text/latex": latex, "text/plain": "x", "image/png": png }));
    assert_eq!(by_default(&[formula("aaaa", "$x$")], &[formula("bbbb", "$x$")]).verdict, Verdict::Passed);
    let differs = by_default(&[formula("aaaa", "$x$")], &[formula("aaaa", "$y$")]);
    assert_eq!((differs.verdict, differs.differences[0].what.as_str()), (Verdict::Differs, "text/latex"));
}

#[test]
fn a_notebook_tells_how_many_of_each_and_writes_junit() {
    let stored = cells_of("print(a)", &[], Some(1), &[stream("a <\n")]);
    let executed = cells_of("print(a)", &[], Some(1), &[stream("a &\n")]);
    let mut results = judge(&stored, &executed, &[(0, Ran::Ok, 1_234)], &Policy::default()).unwrap();
    let mut raised = one(&stored, &executed, failed(false), &Policy::default());
    raised.traceback = "\u{1b}[31mTraceback\u{1b}[0m".into();
    results.push(raised);
    results.push(one(&stored, &executed, Ran::Skipped, &Policy::default()));
    let all = NotebookResult { path: "dir/a.ipynb".into(), cells: results, ms: 2_000, kernel: None, error: None };
    assert_eq!((all.words().as_str(), all.passed()), ("1 failed, 1 differ, 1 skipped", false));
    let broken = NotebookResult::failed("b.ipynb", Error::user("no \"kernel\"").hint("make one"));
    let xml = junit(&[all, broken]);
    for part in [
        "<testsuites name=\"andon test\" tests=\"4\" failures=\"1\" errors=\"2\" skipped=\"1\" time=\"2.000\">",
        "<testsuite name=\"dir/a.ipynb\" tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"1\"",
        "classname=\"dir.a\" name=\"Cell 1: print(a)\" file=\"dir/a.ipynb\" time=\"1.234\"",
        "type=\"outputs differ\">output 1, stdout",
        "- a &lt;&#10;+ a &amp;",
        "<error message=\"ValueError: no\" type=\"ValueError\">Traceback</error>",
        "<error message=\"no &quot;kernel&quot;\" type=\"could not be tested\">make one</error>",
        "<skipped message=\"A tag or comment says so\"/>",
    ] {
        assert!(xml.contains(part), "{part}\n{xml}");
    }
}

proptest::proptest! {
    #[test]
    fn numbers_are_told_from_words_without_panic(a in "[a-c0-9.eE+ -]{0,40}", b in "\\PC{0,40}") {
        proptest::prop_assert!(within(&a, &a, 1e-9));
        proptest::prop_assert!(within(&b, &b, 1e-9));
        let _ = within(&a, &b, 0.5);
    }
}

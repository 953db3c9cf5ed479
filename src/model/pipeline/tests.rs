use super::*;

const GOOD: &str = r#"
name = "nightly"
schedule = "daily 05:40"

[params]
day = 2026-11-16
carrier = { default = "all", choices = ["all", "AA"], help = "One carrier only" }
limit = 10
strict = true
from = "${yesterday}"

[[task]]
id = "report"
kind = "command"
run = "python report.py ${day} ${HOME}"
after = ["clean"]
retries = 2
backoff_secs = 0.5
[task.params]
top = 3

[[task]]
id = "clean"
kind = "sql"
run = "SELECT * FROM 'data/${day}.csv'"
output = "data/clean.parquet"
timeout_secs = 60
"#;

#[test]
fn a_good_file_is_read_whole() {
    let p = Pipeline::parse("pipelines/nightly.toml", GOOD).unwrap();
    assert_eq!((p.name.as_str(), p.schedule.as_deref()), ("nightly", Some("daily 05:40")));
    let kinds: Vec<_> = p.params.iter().map(|p| p.kind).collect();
    use ParamKind::*;
    assert_eq!(kinds, [Date, Text, Int, Bool, Date]);
    assert_eq!(p.order(), [1, 0]);
    assert_eq!(p.tasks[0].params["top"], 3);
    let given = [("day".to_owned(), "2026-11-15".to_owned()), ("limit".to_owned(), "20".to_owned())];
    let v = p.resolve(&given, "2026-11-21", "2026-11-20").unwrap();
    assert_eq!(
        serde_json::to_string(&v).unwrap(),
        r#"{"day":"2026-11-15","carrier":"all","limit":20,"strict":true,"from":"2026-11-20"}"#
    );
    assert_eq!(p.data_time(&v).as_deref(), Some("2026-11-15"));
}

fn fails(text: &str) -> (String, String) {
    let e = Pipeline::parse("p.toml", text).unwrap_err();
    (e.what, e.hint.unwrap_or_default())
}

#[test]
fn wrong_files_name_the_line_and_the_nearest_key() {
    let (what, hint) = fails("name = 'a'\n[[task]]\nid = 'x'\nkind = 'sql'\nrun = 'SELECT 1'\nretires = 2\n");
    assert_eq!(
        (what.as_str(), hint.as_str()),
        ("p.toml, line 6: unknown key `retires` in task `x`", "Did you mean `retries`?")
    );
    let (what, hint) = fails("name = 'a'\n[[task]]\nid = 'x'\nkind = 'sqk'\nrun = 'SELECT 1'\n");
    assert_eq!((what.as_str(), hint.as_str()), ("p.toml, line 4: unknown kind \"sqk\"", "Did you mean \"sql\"?"));
    let (what, _) =
        fails("name = 'a'\n[[task]]\nid = 'x'\nkind = 'sql'\nrun = 'S'\n[[task]]\nid = 'x'\nkind = 'sql'\nrun = 'S'\n");
    assert_eq!(what, "p.toml, line 7: the id `x` is taken by the task on line 3");
    let (what, hint) = fails(
        "name = 'a'\n[[task]]\nid = 'load'\nkind = 'sql'\nrun = 'S'\n[[task]]\nid = 'y'\nkind = 'sql'\nrun = 'S'\nafter = ['laod']\n",
    );
    assert_eq!(
        (what.as_str(), hint.as_str()),
        ("p.toml, line 7: task `y` waits for `laod`, which is no task", "Did you mean \"load\"?")
    );
    let (what, _) = fails("name = 'a'\nx = = 1\n");
    assert!(what.starts_with("p.toml, line 2: "), "{what}");
    let (what, hint) =
        fails("name = 'a'\n[params]\nday = 1\n[[task]]\nid = 'x'\nkind = 'sql'\nrun = 'SELECT ${dya}'\n");
    assert_eq!(
        (what.as_str(), hint.as_str()),
        ("p.toml, line 5: task `x`: ${dya} is no parameter", "Did you mean ${day}?")
    );
    let (what, _) = fails("name = 'a'\n[[task]]\nid = '../x'\nkind = 'sql'\nrun = 'S'\n");
    assert!(what.contains("no id for a task"), "{what}");
    assert!(fails("").0.contains("`name` is missing"));
}

#[test]
fn a_cycle_is_named_in_the_order_of_running() {
    let text = "name = 'a'\n[[task]]\nid = 'a'\nkind = 'sql'\nrun = 'S'\nafter = ['c']\n[[task]]\nid = 'b'\nkind = 'sql'\nrun = 'S'\nafter = ['a']\n[[task]]\nid = 'c'\nkind = 'sql'\nrun = 'S'\nafter = ['b']\n";
    assert_eq!(fails(text).0, "p.toml, line 3: the tasks wait for each other: a \u{2192} b \u{2192} c \u{2192} a");
    let (what, _) = fails("name = 'a'\n[[task]]\nid = 'a'\nkind = 'sql'\nrun = 'S'\nafter = ['a']\n");
    assert!(what.ends_with("a \u{2192} a"), "{what}");
}

#[test]
fn all_errors_are_told_at_once() {
    let e = Pipeline::parse("p.toml", "nmae = 'a'\n[[task]]\nid = 'x'\nkind = 'sql'\nrun = 'S'\nretries = 'two'\n")
        .unwrap_err();
    assert_eq!(e.causes.len(), 2, "{e}");
}

#[test]
fn given_values_are_read_by_their_type() {
    let p = Pipeline::parse("p.toml", GOOD).unwrap();
    let resolve = |k: &str, v: &str| p.resolve(&[(k.to_owned(), v.to_owned())], "", "");
    assert_eq!(resolve("limit", "many").unwrap_err().what, "limit must be a whole number, not \"many\"");
    assert_eq!(
        resolve("day", "2026-13-40").unwrap_err().what,
        "day must be a date such as 2026-11-16, not \"2026-13-40\""
    );
    assert_eq!(resolve("carrier", "ZZ").unwrap_err().what, "carrier must be one of all, AA, not \"ZZ\"");
    assert_eq!(resolve("carier", "AA").unwrap_err().hint.unwrap(), "Did you mean carrier?");
    assert_eq!(resolve("strict", "no").unwrap()["strict"], false);
}

#[test]
fn values_cannot_break_out_of_their_place() {
    let value = |name: &str| (name == "day").then(|| "a'; rm -rf \"x".to_owned());
    let go = |text: &str, mode| expand(text, mode, value, ["day"]).unwrap();
    assert_eq!(go("SELECT '${day}'", Mode::Sql), "SELECT 'a''; rm -rf \"x'");
    assert_eq!(go("run ${day} ${HOME}", Mode::Command), "run \"${ANDON_PARAM_day}\" ${HOME}");
    assert_eq!(go("run \"d=${day}\"", Mode::Command), "run \"d=${ANDON_PARAM_day}\"");
    assert_eq!(go("run 'd=${day}'", Mode::Command), "run 'd='\"${ANDON_PARAM_day}\"''");
    assert_eq!(go("x $${day} ${day:-y}", Mode::Command), "x ${day} ${day:-y}");
    assert!(expand("${dya}", Mode::Plain, value, ["day"]).is_err());
    assert_eq!(go("no end ${day", Mode::Plain), "no end ${day");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(name|\\[\\[task\\]\\]|id|after|=|'a'|\\$\\{|\\}|\\n|\\[|\\]|[a-z]{0,3}|\\PC){0,40}") {
        let _ = Pipeline::parse("p.toml", &text);
        let _ = expand(&text, Mode::Command, |_| None, []);
    }
}

use proptest::prelude::*;

use super::*;
use crate::model::editor::{Act as Edit, Editor, Language};

const SMALL: &str = r##"{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "aaaa1111",
   "metadata": {},
   "source": [
    "# Title\n",
    "text \u00e9 \ud83d end"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 3,
   "id": "bbbb2222",
   "metadata": {"tags": ["parameters"], "x": NaN},
   "outputs": [
    {
     "name": "stdout",
     "output_type": "stream",
     "text": [
      "1\n"
     ]
    }
   ],
   "source": [
    "a = 1\n",
    "b = 2\n",
    "print(a)"
   ]
  },
  {
   "cell_type": "raw",
   "id": "cccc3333",
   "metadata": {},
   "source": []
  }
 ],
 "metadata": {
  "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
  "big": 123456789012345678901234567890
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
"##;

fn small() -> Notebook {
    Notebook::parse(SMALL.as_bytes()).unwrap()
}

fn text(nb: &Notebook) -> String {
    String::from_utf8(nb.to_bytes()).unwrap()
}

fn keys(nb: &Notebook) -> Vec<CellKey> {
    nb.cells().iter().map(|c| c.key).collect()
}

/// Lines that are only in the one and only in the other.
fn changed_lines<'a>(a: &'a str, b: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let (a, b): (Vec<_>, Vec<_>) = (a.lines().collect(), b.lines().collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let rest = a.len().min(b.len()) - head;
    let tail = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(x, y)| x == y).count();
    (a[head..a.len() - tail].to_vec(), b[head..b.len() - tail].to_vec())
}

#[test]
fn parses_what_matters() {
    let nb = small();
    let [md, code, raw] = nb.cells() else { panic!() };
    assert_eq!(&*md.source, "# Title\ntext é \u{fffd} end");
    assert_eq!((code.kind, code.execution_count, code.id.as_deref()), (CellKind::Code, Some(3), Some("bbbb2222")));
    assert_eq!(code.tags(), ["parameters"]);
    assert_eq!(code.outputs().len(), 1);
    assert!(code.outputs().next().unwrap().text().contains("stdout"));
    assert_eq!((raw.kind, &*raw.source), (CellKind::Raw, ""));
    assert_eq!(nb.kernel_name().as_deref(), Some("python3"));
    assert_eq!(nb.language(), "python");
    assert_eq!(text(&nb), SMALL);
    assert!(nb.notes()[0].contains("NaN"), "{:?}", nb.notes());
    assert!(!nb.is_dirty());
}

#[test]
fn an_edit_changes_only_the_lines_of_that_cell() {
    let mut nb = small();
    let code = keys(&nb)[1];
    nb.set_source(code, "a = 1\nb = 20\nprint(a)").unwrap();
    let after = text(&nb);
    let (gone, come) = changed_lines(SMALL, &after);
    assert_eq!((gone, come), (vec!["    \"b = 2\\n\","], vec!["    \"b = 20\\n\","]));
    nb.set_source(code, "a = 1\nb = 20\nprint(a)\nc").unwrap();
    let more = text(&nb);
    assert_eq!(changed_lines(&after, &more).1, ["    \"print(a)\\n\",", "    \"c\""]);
    let title = keys(&nb)[0];
    nb.set_source(title, "# Title\ntext é \u{fffd} END").unwrap();
    assert!(text(&nb).contains(r#""text \u00e9 \ud83d END""#), "escapes before the change stay");
    while nb.undo().unwrap().is_some() {}
    assert_eq!(text(&nb), SMALL);
    assert!(!nb.is_dirty());
}

#[test]
fn a_source_written_as_one_string_stays_one() {
    let file = "{\"cells\": [{\"cell_type\": \"code\", \"source\": \"a\\tb\\u0041\\nc\", \"metadata\": {}, \"outputs\": [], \"execution_count\": null}], \"nbformat\": 4, \"nbformat_minor\": 2, \"metadata\": {}}";
    let mut nb = Notebook::parse(file.as_bytes()).unwrap();
    let key = keys(&nb)[0];
    nb.set_source(key, "a\tbA\nX\nc").unwrap();
    assert!(text(&nb).contains(r#""source": "a\tb\u0041\nX\nc""#), "{}", text(&nb));
    nb.insert(1, CellKind::Markdown, "hi\nyou").unwrap();
    let out = text(&nb);
    assert!(out.contains(r#"}, {"cell_type": "markdown", "source": "hi\nyou", "metadata": {}}]"#), "{out}");
    assert!(!out.contains("\"id\""), "ids do not exist before 4.5");
}

#[test]
fn new_cells_take_the_look_of_their_neighbours() {
    for (unit, eol) in [(" ", "\n"), ("  ", "\n"), ("    ", "\r\n"), ("\t", "\n")] {
        let file = SMALL
            .lines()
            .map(|l| {
                let body = l.trim_start_matches(' ');
                unit.repeat(l.len() - body.len()) + body + eol
            })
            .collect::<String>();
        let mut nb = Notebook::parse(file.as_bytes()).unwrap();
        let key = nb.insert(2, CellKind::Code, "x\ny").unwrap();
        let id = nb.cell(key).unwrap().id.clone().unwrap();
        let out = text(&nb);
        let want = format!(
            "  {{\n   \"cell_type\": \"code\",\n   \"execution_count\": null,\n   \"id\": \"{id}\",\n   \"metadata\": {{}},\n   \"outputs\": [],\n   \"source\": [\n    \"x\\n\",\n    \"y\"\n   ]\n  }},"
        );
        let want: Vec<_> = want
            .lines()
            .map(|l| {
                let body = l.trim_start_matches(' ');
                unit.repeat(l.len() - body.len()) + body
            })
            .collect();
        let (gone, come) = changed_lines(&file, &out);
        assert_eq!(gone.len(), 0, "{gone:?}");
        // The common lines may be cut one line earlier or later; as sets they are the same.
        let (mut come, mut want): (Vec<_>, Vec<_>) = (come.iter().map(|l| l.trim_end().to_owned()).collect(), want);
        come.sort();
        want.sort();
        assert_eq!(come, want);
        assert_eq!(out.contains("\r\n"), eol == "\r\n");
        assert_eq!(out.lines().count(), out.matches(eol).count());
    }
}

#[test]
fn an_empty_notebook_gets_its_first_cell_as_nbformat_writes_it() {
    let mut nb = Notebook::new_empty();
    let key = nb.insert(0, CellKind::Code, "").unwrap();
    let id = nb.cell(key).unwrap().id.clone().unwrap();
    let want = format!(
        "{{\n \"cells\": [\n  {{\n   \"cell_type\": \"code\",\n   \"execution_count\": null,\n   \"id\": \"{id}\",\n   \"metadata\": {{}},\n   \"outputs\": [],\n   \"source\": []\n  }}\n ],\n \"metadata\": {{}},\n \"nbformat\": 4,\n \"nbformat_minor\": 5\n}}\n"
    );
    assert_eq!(text(&nb), want);
    nb.delete(&[key]).unwrap();
    assert_eq!(text(&nb), text(&Notebook::new_empty()));
}

#[test]
fn outputs_are_written_as_nbformat_writes_them_and_survive_undo() {
    let mut nb = small();
    let code = keys(&nb)[1];
    nb.set_source(code, "print(1)").unwrap();
    let out = r#"{"output_type": "execute_result", "execution_count": 4, "metadata": {}, "data": {"text/plain": "a\nb", "image/png": "AA\n", "application/json": {"k": "x\ny"}}}"#;
    nb.set_outputs(code, &[out.into()], Some(4)).unwrap();
    let want = "   \"outputs\": [\n    {\n     \"data\": {\n      \"application/json\": {\n       \"k\": \"x\\ny\"\n      },\n      \"image/png\": \"AA\\n\",\n      \"text/plain\": [\n       \"a\\n\",\n       \"b\"\n      ]\n     },\n     \"execution_count\": 4,\n     \"metadata\": {},\n     \"output_type\": \"execute_result\"\n    }\n   ],";
    assert!(text(&nb).contains(want), "{}", text(&nb));
    nb.undo().unwrap();
    let cell = nb.cell(code).unwrap();
    assert_eq!((&*cell.source, cell.execution_count), ("a = 1\nb = 2\nprint(a)", Some(4)), "the result stays");
    assert!(nb.is_dirty(), "it is not what is on disk");
    nb.clear_outputs(&[code]).unwrap();
    assert!(!nb.cell(code).unwrap().has_outputs());
    nb.undo().unwrap();
    assert!(nb.cell(code).unwrap().has_outputs());
}

#[test]
fn changing_the_type_keeps_the_rest_and_undo_brings_outputs_back() {
    let mut nb = small();
    let all = keys(&nb);
    nb.set_kind(&[all[1]], CellKind::Markdown).unwrap();
    let out = text(&nb);
    assert!(!out.contains("stdout") && out.contains("\"x\": NaN"));
    Json::parse(out.as_bytes()).unwrap();
    nb.set_kind(&[all[1]], CellKind::Code).unwrap();
    assert!(text(&nb).contains("   \"execution_count\": null,\n   \"id\": \"bbbb2222\","));
    nb.undo().unwrap();
    nb.undo().unwrap();
    assert_eq!(text(&nb), SMALL);
}

#[test]
fn split_and_merge() {
    let mut nb = small();
    let code = keys(&nb)[1];
    let second = nb.split(code, "a = 1\nb = 2\n".len()).unwrap();
    assert_eq!(&*nb.cell(code).unwrap().source, "a = 1\nb = 2");
    let below = nb.cell(second).unwrap();
    assert_eq!((&*below.source, below.outputs().len()), ("print(a)", 1));
    assert_ne!(below.id, nb.cell(code).unwrap().id);
    nb.merge(&[code, second]).unwrap();
    assert_eq!(&*nb.cell(code).unwrap().source, "a = 1\nb = 2\n\nprint(a)");
    assert_eq!(nb.cells().len(), 3);
    assert!(nb.merge(&[code]).is_err());
    nb.undo().unwrap();
    nb.undo().unwrap();
    assert_eq!(text(&nb), SMALL);
}

/// A text replaced as an editor does it.
fn retyped(nb: &mut Notebook, key: CellKey, text: &str) -> Result<()> {
    let source = nb.cell(key).map(|c| c.source.clone()).unwrap_or_default();
    let done = Editor::new(&source, Language::of(None)).act(&Edit::SetText(text.into()), 0);
    done.map_or(Ok(()), |d| nb.edit_source(key, text, d))
}

#[test]
fn typing_joins_but_words_apart_in_time_do_not() {
    let mut nb = small();
    let code = keys(&nb)[2];
    let mut editor = Editor::new("", Language::of(None));
    for (i, t) in ["x", "xy", "xyz"].iter().enumerate() {
        let done = editor.act(&Edit::Type(t[i..].into()), i as i64 * 100).unwrap();
        nb.edit_source(code, t, done).unwrap();
    }
    let done = editor.act(&Edit::Type("w".into()), 5_000).unwrap();
    nb.edit_source(code, "xyzw", done).unwrap();
    let undone = nb.undo().unwrap().unwrap();
    assert_eq!(&*nb.cell(code).unwrap().source, "xyz");
    assert_eq!(undone.cursors.map(|c| c.primary().head), Some(3), "and its cursor");
    let undone = nb.undo().unwrap().unwrap();
    assert_eq!((text(&nb), undone.cursors.map(|c| c.primary().head)), (SMALL.to_owned(), Some(0)));
    nb.redo().unwrap();
    let done = nb.redo_in_cell(code).unwrap().unwrap();
    assert_eq!(&*nb.cell(code).unwrap().source, "xyzw");
    assert_eq!(done.cursors.map(|c| c.primary().head), Some(4));
    assert!(nb.redo_in_cell(code).unwrap().is_none());
}

#[test]
fn undo_in_a_cell_leaves_other_cells_alone() {
    let mut nb = small();
    let all = keys(&nb);
    nb.set_source(all[0], "# One").unwrap();
    nb.set_source(all[1], "two").unwrap();
    assert!(nb.undo_in_cell(all[0]).unwrap().is_some());
    assert_eq!(&*nb.cell(all[1]).unwrap().source, "two");
    assert!(nb.cell(all[0]).unwrap().source.starts_with("# Title"));
    assert!(nb.undo_in_cell(all[0]).unwrap().is_none());
    nb.set_kind(&[all[1]], CellKind::Raw).unwrap();
    assert!(nb.undo_in_cell(all[1]).unwrap().is_none(), "a change of type is not typing");
}

#[test]
fn saved_states_are_known_by_name() {
    let mut nb = small();
    let code = keys(&nb)[1];
    nb.set_source(code, "1").unwrap();
    nb.mark_saved(nb.revision());
    nb.set_source(code, "2").unwrap();
    assert!(nb.is_dirty());
    nb.undo().unwrap();
    assert!(!nb.is_dirty());
    nb.undo().unwrap();
    assert!(nb.is_dirty(), "the file on disk has the first edit");
}

#[test]
fn crlf_sources_keep_their_line_ends() {
    let file = SMALL.replace("a = 1\\n", "a = 1\\r\\n").replace("b = 2\\n", "b = 2\\r\\n");
    let mut nb = Notebook::parse(file.as_bytes()).unwrap();
    let code = keys(&nb)[1];
    nb.set_source(code, "a = 1\nb = 3\nprint(a)").unwrap();
    let out = text(&nb);
    assert_eq!(changed_lines(&file, &out).1, ["    \"b = 3\\r\\n\","]);
}

#[test]
fn metadata_changes_touch_nothing_else() {
    let mut nb = small();
    nb.set_metadata(r#"{"kernelspec": {"name": "x"}}"#).unwrap();
    let out = text(&nb);
    assert!(out.contains(" \"metadata\": {\n  \"kernelspec\": {\"name\": \"x\"}\n },\n \"nbformat\": 4"), "{out}");
    nb.set_cell_metadata(keys(&nb)[0], r#"{"tags": ["a"]}"#).unwrap();
    assert_eq!(nb.cells()[0].tags(), ["a"]);
    assert!(nb.set_metadata("[1]").is_err());
    nb.undo().unwrap();
    nb.undo().unwrap();
    assert_eq!(text(&nb), SMALL);
}

#[test]
fn a_run_makes_the_note_of_an_older_source_untrue() {
    let mut nb = small();
    let code = keys(&nb)[1];
    let metadata = |nb: &Notebook| String::from_utf8(nb.cell(code).unwrap().metadata().to_vec()).unwrap();
    nb.set_cell_metadata(code, r#"{"andon": {"stale": "0f"}, "tags": ["a"]}"#).unwrap();
    nb.set_outputs(code, &[], Some(1)).unwrap();
    assert!(!metadata(&nb).contains("andon") && metadata(&nb).contains("tags"), "{}", metadata(&nb));
    nb.set_cell_metadata(code, r#"{"andon": {"conflict": 1, "stale": "0f"}}"#).unwrap();
    nb.clear_outputs(&[code]).unwrap();
    assert!(metadata(&nb).contains("conflict") && !metadata(&nb).contains("stale"), "{}", metadata(&nb));
}

#[test]
fn choosing_a_kernel_keeps_the_other_metadata() {
    let mut nb = small();
    nb.set_kernelspec("ir", "R", "R").unwrap();
    let out = text(&nb);
    assert!(out.contains("  \"kernelspec\": {\n   \"display_name\": \"R\",\n   \"language\": \"R\",\n   \"name\": \"ir\"\n  },\n  \"big\": 1234"), "{out}");
    let mut empty = Notebook::new_empty();
    empty.set_kernelspec("ir", "R", "R").unwrap();
    assert!(
        text(&empty).contains(" \"metadata\": {\n  \"kernelspec\": {\n   \"display_name\": \"R\","),
        "{}",
        text(&empty)
    );
    assert!(text(&empty).contains("   \"name\": \"ir\"\n  }\n },\n \"nbformat\""), "{}", text(&empty));
    let mut other =
        Notebook::parse(&br#"{"cells": [], "metadata": {"x": 1}, "nbformat": 4, "nbformat_minor": 4}"#[..]).unwrap();
    other.set_kernelspec("a", "b", "c").unwrap();
    assert_eq!(other.kernel_name().as_deref(), Some("a"));
    assert_eq!(other.metadata_text(&["kernelspec", "language"]).as_deref(), Some("c"));
}

#[test]
fn bad_files_get_clear_messages() {
    let message = |text: &str| Notebook::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(message("{\"cells\": [").contains("not valid JSON"));
    assert!(message("[1]").contains("not a notebook"));
    assert!(message("{}").contains("neither"));
    assert!(message(r#"{"nbformat": 5, "cells": []}"#).contains("newer"));
    assert!(message(r#"{"nbformat": 4, "cells": {}}"#).contains("list"));
    assert!(message(r#"{"nbformat": 4, "cells": [1]}"#).contains("Cell 1"));
    assert!(message(r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": 3}]}"#).contains("source"));
    let later = SMALL.replace("\"nbformat_minor\": 5", "\"nbformat_minor\": 99");
    let nb = Notebook::parse(later.as_bytes()).unwrap();
    assert!(nb.notes().iter().any(|n| n.contains("4.99")));
    assert_eq!(text(&nb), later);
}

#[test]
fn format_three_is_shown_and_not_touched() {
    let old = r#"{"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": [
      {"cell_type": "heading", "level": 2, "metadata": {}, "source": ["Hello"]},
      {"cell_type": "code", "collapsed": false, "input": ["1+1"], "language": "python", "metadata": {}, "prompt_number": 7,
       "outputs": [{"output_type": "pyout", "prompt_number": 7, "text": ["2"], "png": "AA=="},
                   {"output_type": "stream", "stream": "stderr", "text": "x"},
                   {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": ["t"]}]}], "metadata": {}}]}"#;
    let mut nb = Notebook::parse(old.as_bytes()).unwrap();
    assert_eq!(&*nb.cells()[0].source, "## Hello");
    assert_eq!((&*nb.cells()[1].source, nb.cells()[1].execution_count), ("1+1", Some(7)));
    let outputs: Vec<_> = nb.cells()[1].outputs().map(|o| o.text().to_owned()).collect();
    assert!(outputs[0].contains("execute_result") && outputs[0].contains("image/png"));
    assert!(outputs[2].contains("\"error\""));
    let key = keys(&nb)[0];
    assert!(nb.set_source(key, "x").unwrap_err().to_string().contains("format 3"));
    assert_eq!(text(&nb), old);
    let mut new = nb.upgraded().unwrap();
    assert!(new.is_dirty() && new.read_only().is_none());
    new.set_source(key, "x").unwrap();
    assert!(Notebook::parse(new.to_bytes()).is_ok());
}

#[derive(Debug, Clone)]
enum Act {
    Insert(usize, u8, String),
    Delete(usize, usize),
    Move(usize, usize, usize),
    Edit(usize, String),
    Kind(usize, u8),
    Outputs(usize),
    Clear(usize),
    Split(usize, usize),
    Merge(usize),
    Paste(usize, usize),
    Meta(usize),
    Undo,
    Redo,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let n = 0..8usize;
    let words = "[ab\n\"é\u{2028}]{0,12}";
    prop::collection::vec(
        prop_oneof![
            (n.clone(), 0..3u8, words).prop_map(|(a, b, c)| Act::Insert(a, b, c)),
            (n.clone(), 1..3usize).prop_map(|(a, b)| Act::Delete(a, b)),
            (n.clone(), 1..3usize, n.clone()).prop_map(|(a, b, c)| Act::Move(a, b, c)),
            (n.clone(), words).prop_map(|(a, b)| Act::Edit(a, b)),
            (n.clone(), 0..3u8).prop_map(|(a, b)| Act::Kind(a, b)),
            n.clone().prop_map(Act::Clear),
            (n.clone(), 0..9usize).prop_map(|(a, b)| Act::Split(a, b)),
            n.clone().prop_map(Act::Merge),
            (n.clone(), n.clone()).prop_map(|(a, b)| Act::Paste(a, b)),
            n.clone().prop_map(Act::Meta),
            n.clone().prop_map(Act::Outputs),
            Just(Act::Undo),
            Just(Act::Redo),
        ],
        0..25,
    )
}

fn kind(n: u8) -> CellKind {
    [CellKind::Code, CellKind::Markdown, CellKind::Raw][n as usize % 3]
}

fn act(nb: &mut Notebook, act: &Act, outputs: bool) {
    let all = keys(nb);
    let pick = |i: usize| all.get(i % all.len().max(1)).copied();
    let run = |from: usize, n: usize| all.iter().skip(from % all.len().max(1)).take(n).copied().collect::<Vec<_>>();
    let _ = match act {
        Act::Insert(at, k, s) => nb.insert(*at, kind(*k), s).map(|_| ()),
        Act::Delete(from, n) => nb.delete(&[run(*from, 1), run(from + 2, *n)].concat()),
        Act::Move(from, n, to) => nb.move_cells(&run(*from, *n), *to),
        Act::Edit(i, s) => pick(*i).map_or(Ok(()), |k| retyped(nb, k, s)),
        Act::Kind(i, k) => pick(*i).map_or(Ok(()), |c| nb.set_kind(&[c], kind(*k))),
        Act::Clear(i) => pick(*i).map_or(Ok(()), |c| nb.clear_outputs(&[c])),
        Act::Split(i, at) => pick(*i).map_or(Ok(()), |c| nb.split(c, *at).map(|_| ())),
        Act::Merge(i) => nb.merge(&run(*i, 2)).map(|_| ()),
        Act::Paste(from, to) => {
            let clips = nb.copy(&run(*from, 2));
            nb.paste(*to, &clips).map(|_| ())
        }
        Act::Meta(i) => pick(*i).map_or(Ok(()), |c| nb.set_cell_metadata(c, "{\"a\": [1]}")),
        Act::Outputs(i) if outputs => pick(*i).map_or(Ok(()), |c| {
            nb.set_outputs(c, &[r#"{"output_type":"stream","name":"stdout","text":"x\n"}"#.into()], Some(1))
        }),
        Act::Outputs(_) => Ok(()),
        Act::Undo => nb.undo().map(|_| ()),
        Act::Redo => nb.redo().map(|_| ()),
    };
}

fn variants() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(SMALL.to_owned()),
        Just(SMALL.replace('\n', "\r\n")),
        Just(SMALL.replace("\"nbformat_minor\": 5", "\"nbformat_minor\": 2")),
        Just(SMALL.replace('\n', "").replace("  ", "")),
        Just(SMALL.trim_end().replace("   \"id\": \"bbbb2222\",\n", "")),
        Just(format!("\u{feff}{}", SMALL.replace("  ", "\t"))),
        Just("{\"nbformat\":4,\"cells\":[ ],\"metadata\":{}}".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn reading_and_writing_changes_nothing(file in variants()) {
        prop_assert_eq!(text(&Notebook::parse(file.as_bytes()).unwrap()), file);
    }

    #[test]
    fn edits_then_undo_all_give_the_original(file in variants(), todo in acts()) {
        let mut nb = Notebook::parse(file.as_bytes()).unwrap();
        for a in &todo {
            act(&mut nb, a, false);
            let now = text(&nb);
            let again = Notebook::parse(now.as_bytes()).unwrap();
            let sources = |n: &Notebook| n.cells().iter().map(|c| (c.kind, c.source.clone())).collect::<Vec<_>>();
            prop_assert_eq!(sources(&again), sources(&nb), "what is written is what is shown");
        }
        let last = text(&nb);
        let mut steps = 0;
        while nb.undo().unwrap().is_some() { steps += 1; }
        prop_assert_eq!(&text(&nb), &file);
        prop_assert!(!nb.is_dirty());
        for _ in 0..steps { nb.redo().unwrap(); }
        if !todo.iter().any(|a| matches!(a, Act::Undo)) { prop_assert_eq!(text(&nb), last); }
    }

    #[test]
    fn results_arriving_in_between_never_break_undo(file in variants(), todo in acts()) {
        let mut nb = Notebook::parse(file.as_bytes()).unwrap();
        for a in &todo { act(&mut nb, a, true); }
        let undone = |nb: &mut Notebook| -> bool { nb.undo().map(|d| d.is_some()).unwrap_or(true) };
        for _ in 0..100 { if !undone(&mut nb) { break; } }
        prop_assert!(Notebook::parse(nb.to_bytes()).is_ok());
    }

    #[test]
    fn broken_files_never_panic(at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = SMALL.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(mut nb) = Notebook::parse(&bytes[..]) {
            prop_assert_eq!(nb.to_bytes(), bytes);
            let all = keys(&nb);
            let _ = nb.delete(&all);
        }
    }
}

#[test]
fn a_thousand_cells_are_quick() {
    let cell = |i: usize| {
        format!(
            "  {{\n   \"cell_type\": \"code\",\n   \"execution_count\": {i},\n   \"id\": \"c{i:07}\",\n   \"metadata\": {{}},\n   \"outputs\": [\n    {{\n     \"data\": {{\n      \"image/png\": \"{}\"\n     }},\n     \"metadata\": {{}},\n     \"output_type\": \"display_data\"\n    }}\n   ],\n   \"source\": [\n    \"x = {i}\\n\",\n    \"plot(x)\"\n   ]\n  }}",
            "iVBORw0KGgo".repeat(1_200)
        )
    };
    let cells: Vec<_> = (0..1_000).map(cell).collect();
    let file = format!(
        "{{\n \"cells\": [\n{}\n ],\n \"metadata\": {{}},\n \"nbformat\": 4,\n \"nbformat_minor\": 5\n}}\n",
        cells.join(",\n")
    );
    let start = std::time::Instant::now();
    let nb = Notebook::parse(file.as_bytes()).unwrap();
    let took = start.elapsed();
    println!("{} bytes parsed in {took:?}", file.len());
    assert_eq!(nb.cells().len(), 1_000);
    assert!(took.as_millis() < 2_000, "unoptimised: {took:?}");
    assert_eq!(nb.to_bytes(), file.as_bytes());
}

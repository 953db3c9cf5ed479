use std::sync::Mutex;

use super::*;
use crate::model::search::MOST;

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(dir)
    }
    fn ask(&self, text: &str) -> Search {
        let ask = Ask { query: Query { text: text.into(), ..Query::default() }, ..Ask::default() };
        let root = self.0.path().to_path_buf();
        Search { root, paths: Vec::new(), ask, open: Vec::new(), scripts: true, most: MOST }
    }
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.path().join(path)).unwrap()
    }
}

fn run(of: &Search) -> (Vec<FileHits>, Tally) {
    let all = Mutex::new(Vec::new());
    let tally = search(of, &JobCtx::detached(), &|file| all.lock().unwrap().push(file)).unwrap();
    (all.into_inner().unwrap(), tally)
}

fn paths(of: &Search) -> Vec<String> {
    run(of).0.into_iter().map(|f| f.path).collect()
}

const BOOK: &str = "{\r\n  \"cells\": [\r\n    {\"cell_type\": \"code\", \"metadata\": {\"needle\": 1},\r\n     \"source\": [\"needle_1 = 1\\n\", \"\\u006eeedle_2\"],\r\n     \"execution_count\": null, \"outputs\": [{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"needle out\"}]}\r\n  ],\r\n  \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 4}";

#[test]
fn what_git_ignores_and_what_is_no_text_is_left_out() {
    let tree = Tree::new(&[
        ("src/a.py", "needle"),
        ("src/deep/b.py", "x\nneedle needle"),
        (".gitignore", "out/\n*.log\n!keep.log\n"),
        ("out/c.py", "needle"),
        ("d.log", "needle"),
        ("keep.log", "needle"),
        ("sub/.gitignore", "e.txt"),
        ("sub/e.txt", "needle"),
        (".github/ci.yml", "needle"),
        (".andon/journal/x", "needle"),
        ("node_modules/x.js", "needle"),
        ("bin.dat", "needle\0"),
        ("Z.txt", "NEEDLE"),
    ]);
    std::os::unix::fs::symlink("Z.txt", tree.0.path().join("link.txt")).unwrap();
    let (files, tally) = run(&tree.ask("needle"));
    let found: Vec<_> = files.iter().map(|f| (f.path.as_str(), f.hits.len())).collect();
    assert_eq!(found, [(".github/ci.yml", 1), ("src/deep/b.py", 2), ("src/a.py", 1), ("keep.log", 1), ("Z.txt", 1)]);
    assert_eq!((tally.with, tally.hits, tally.full), (5, 6, false));
    let mut named = tree.ask("needle");
    named.paths = vec![tree.0.path().join("out/c.py"), tree.0.path().join("src")];
    assert_eq!(paths(&named), ["out/c.py", "src/deep/b.py", "src/a.py"], "what is named is searched");
}

#[test]
fn patterns_take_and_leave_out() {
    let tree = Tree::new(&[
        ("src/a.py", "x1"),
        ("src/b.sql", "x1"),
        ("lib/a.py", "x1"),
        ("a.txt", "x1"),
        ("data/src/q.py", "x1"),
    ]);
    let with = |include: &str, exclude: &str| {
        let mut ask = tree.ask("x1");
        (ask.ask.include, ask.ask.exclude) = (include.into(), exclude.into());
        paths(&ask)
    };
    assert_eq!(with("*.py", ""), ["data/src/q.py", "lib/a.py", "src/a.py"]);
    assert_eq!(with("/src", ""), ["src/a.py", "src/b.sql"]);
    assert_eq!(with("src, a.txt", "*.sql"), ["data/src/q.py", "src/a.py", "a.txt"]);
    assert_eq!(with("", "src, lib"), ["a.txt"]);
    assert_eq!(with("data/**/*.py", ""), ["data/src/q.py"]);
    let mut bad = tree.ask("x");
    bad.ask.include = "{a".into();
    let error = search(&bad, &JobCtx::detached(), &|_| {}).unwrap_err();
    assert!(error.what.contains("{a") && error.hint.is_some(), "{error}");
}

#[test]
fn notebooks_are_searched_by_cells_and_what_an_editor_holds_counts() {
    let tree = Tree::new(&[
        ("n.ipynb", BOOK),
        ("broken.ipynb", "{\"cells\": [ needle"),
        ("s.py", "# %% [markdown]\n# a needle\n# %%\nneedle = 1\n"),
        ("open.txt", "needle on disk"),
    ]);
    let mut ask = tree.ask("needle");
    let held = Held::Text(Buffer::from("nothing\nneedle here"));
    ask.open = vec![Open { path: "open.txt".into(), held }];
    let (files, tally) = run(&ask);
    let at: Vec<_> = files.iter().map(|f| (f.path.as_str(), f.hits.iter().map(Hit::at).collect::<Vec<_>>())).collect();
    let cells = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        at,
        [
            ("n.ipynb", cells(&["cell 1:1", "cell 1:2"])),
            ("open.txt", cells(&["2"])),
            ("s.py", cells(&["cell 1:1", "cell 2:1"])),
        ]
    );
    assert_eq!((files[0].hash.is_some(), files[1].hash), (true, None));
    assert!(tally.unread[0].0 == "broken.ipynb" && tally.unread[0].1.contains("JSON"), "{:?}", tally.unread);
    ask.ask.outputs = true;
    assert_eq!(run(&ask).0[0].hits.last().unwrap().at(), "cell 1 output 1:1");
    ask.scripts = false;
    assert_eq!(run(&ask).0[2].hits[0].at(), "2", "a script by its lines");
}

#[test]
fn a_search_ends_at_its_limit_and_can_be_stopped() {
    let files: Vec<(String, String)> = (0..40).map(|n| (format!("f{n:02}.txt"), "a ".repeat(10))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let tree = Tree::new(&files);
    let mut ask = tree.ask("a");
    ask.most = 25;
    let (found, tally) = run(&ask);
    assert_eq!(found.iter().map(|f| f.hits.len()).collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!((found[2].path.as_str(), found[2].more, tally.full), ("f02.txt", true, true));
    let cx = JobCtx::detached();
    let stop = |_: FileHits| cx.cancel.cancel();
    assert!(search(&tree.ask("a"), &cx, &stop).unwrap_err().is_cancelled());
}

fn edits(files: &[FileHits]) -> Vec<Edit> {
    let picks = |f: &FileHits| f.hits.iter().map(|h| (h.place, h.range.clone())).collect();
    files.iter().map(|f| Edit { path: f.path.clone(), hash: f.hash.unwrap(), picks: picks(f) }).collect()
}

#[test]
fn replacing_is_lossless_and_can_be_taken_back() {
    let script = "# %% [markdown]\n# a needle_9\n# %%\nneedle_3 = 1\n";
    let tree = Tree::new(&[("n.ipynb", BOOK), ("t.txt", "\u{e9} needle_7\r\nx\r\n"), ("s.py", script)]);
    let mut ask = tree.ask(r"needle_(\d)");
    ask.ask.query.regex = true;
    let (files, _) = run(&ask);
    let finder = ask.ask.query.compile().unwrap().unwrap();
    let cx = JobCtx::detached();
    let done = replace(tree.0.path(), &finder, "n${1}n", &edits(&files), &cx).unwrap();
    assert_eq!((done.places, done.files.len(), done.refused.len()), (5, 3, 0));
    // Only what was found is another, byte for byte.
    let new = BOOK.replace("needle_1", "n1n").replace("\\u006eeedle_2", "\\u006e2n");
    let got = tree.read("n.ipynb");
    assert!(got == new || got == new.replace("\\u006e2n", "n2n"), "{got}");
    assert_eq!(tree.read("t.txt"), "\u{e9} n7n\r\nx\r\n");
    assert_eq!(tree.read("s.py"), script.replace("needle_9", "n9n").replace("needle_3", "n3n"));
    fs::write(tree.0.path().join("t.txt"), "mine").unwrap();
    let kept = done.kept.unwrap();
    let back = take_back(tree.0.path(), &kept).unwrap();
    assert_eq!((back.files.len(), back.refused[0].0.as_str()), (2, "t.txt"));
    assert!(back.refused[0].1.what.contains("changed since"));
    assert_eq!(
        (tree.read("n.ipynb"), tree.read("s.py"), tree.read("t.txt")),
        (BOOK.into(), script.into(), "mine".into())
    );
}

#[test]
fn a_file_changed_since_is_refused_with_words_and_others_are_replaced() {
    let tree = Tree::new(&[("a.txt", "needle"), ("b.txt", "needle")]);
    fs::write(tree.0.path().join("c.txt"), b"needle \xff").unwrap();
    let ask = tree.ask("needle");
    let (files, _) = run(&ask);
    assert!(files[2].foreign);
    fs::write(tree.0.path().join("a.txt"), "needle and more").unwrap();
    let finder = ask.ask.query.compile().unwrap().unwrap();
    let done = replace(tree.0.path(), &finder, "$1", &edits(&files), &JobCtx::detached()).unwrap();
    let why: Vec<_> = done.refused.iter().map(|(path, e)| format!("{path}: {e}")).collect();
    assert!(why[0].contains("a.txt was changed since it was searched") && why[1].contains("not UTF-8"), "{why:?}");
    assert_eq!((tree.read("a.txt").as_str(), tree.read("b.txt").as_str()), ("needle and more", "$1"));
    assert!(take_back(tree.0.path(), &Kept("../x".into())).is_err());
}

#[test]
fn files_stand_behind_folders_in_any_depth() {
    let mut all = ["b.txt", "a/z.txt", "a/b/c.txt", "A.txt", "a.txt"];
    all.sort_by_cached_key(|path| walk::key(path));
    assert_eq!(all, ["a/b/c.txt", "a/z.txt", "A.txt", "a.txt", "b.txt"]);
}

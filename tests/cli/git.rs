//! `andon git`: the entries that git calls, with real git in a home of its own.
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::Answer;

/// A home, a folder of programs with a link to Andon, and a repository whose name has a blank and a quote.
struct Desk {
    dir: TempDir,
    /// Programs to be found; without Andon it is as if it had never been installed.
    installed: bool,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: TempDir::new().unwrap(), installed: true };
        for folder in ["home", "bin", "it's a repo"] {
            fs::create_dir(desk.dir.path().join(folder)).unwrap();
        }
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_andon"), desk.dir.path().join("bin/andon")).unwrap();
        for (key, value) in
            [("user.name", "Mara Okafor"), ("user.email", "mara@example.org"), ("init.defaultBranch", "main")]
        {
            desk.git(&["config", "--global", key, value]).code(0);
        }
        desk.git(&["init", "-q"]).code(0);
        desk
    }
    /// With the entries for this repository, and a first commit.
    fn enabled() -> Self {
        let desk = Self::new();
        desk.andon(&["git", "enable"]).code(0);
        desk.write("a.ipynb", &notebook(&BASE));
        desk.commit("Begin");
        desk
    }
    fn repo(&self) -> PathBuf {
        self.dir.path().join("it's a repo")
    }
    fn home(&self, path: &str) -> PathBuf {
        self.dir.path().join("home").join(path)
    }
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.repo().join(path)).unwrap()
    }
    fn write(&self, path: &str, text: &str) {
        fs::write(self.repo().join(path), text).unwrap();
    }
    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]).code(0);
        self.git(&["commit", "-q", "--message", message]).code(0);
    }
    /// `other` has `theirs` and `main`, which is checked out, has `ours`.
    fn two_sides(&self, ours: &str, theirs: &str) {
        self.git(&["checkout", "-q", "-b", "other"]).code(0);
        self.write("a.ipynb", theirs);
        self.commit("Theirs");
        self.git(&["checkout", "-q", "main"]).code(0);
        self.write("a.ipynb", ours);
        self.commit("Ours");
    }
    fn command(&self, program: &str, args: &[&str]) -> Command {
        let bin = self.dir.path().join("bin");
        let path = std::env::var_os("PATH").unwrap();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).filter(|d| !d.join("andon").exists()).collect();
        if self.installed {
            folders.insert(0, bin);
        }
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.repo())
            .env("PATH", std::env::join_paths(folders).unwrap())
            .env("HOME", self.home(""))
            .env("ANDON_HOME", self.home("andon"))
            .env("GIT_CONFIG_GLOBAL", self.home(".gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_EDITOR", "true")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("GIT_DIR")
            .env_remove("GIT_PAGER_IN_USE")
            .env_remove("ANDON_LOG")
            .stdin(Stdio::null());
        command
    }
    fn git(&self, args: &[&str]) -> Answer {
        Answer::of(self.command("git", args).output().unwrap())
    }
    fn andon(&self, args: &[&str]) -> Answer {
        Answer::of(self.command(env!("CARGO_BIN_EXE_andon"), args).output().unwrap())
    }
    fn status(&self) -> Value {
        let answer = self.andon(&["git", "status", "--json"]);
        assert!(answer.code < 2, "{}", answer.err);
        answer.json("andon.git-status/1")
    }
}

/// Source, output and execution count of each cell.
type Cells<'a> = [(&'a str, &'a str, u32)];

const BASE: [(&str, &str, u32); 3] =
    [("import polars as pl", "ready\n", 1), ("limit = 3\nkeep = limit", "3\n", 2), ("print(limit)", "3\n", 3)];

fn notebook(cells: &Cells<'_>) -> String {
    let cells: Vec<Value> = cells
        .iter()
        .enumerate()
        .map(|(n, (source, output, count))| {
            let lines: Vec<&str> = source.split_inclusive('\n').collect();
            json!({
                "cell_type": "code", "execution_count": count, "id": format!("cell-{n}"), "metadata": {},
                "outputs": [{"name": "stdout", "output_type": "stream", "text": [output]}], "source": lines,
            })
        })
        .collect();
    let all = json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 });
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b" ");
    serde::Serialize::serialize(&all, &mut serde_json::Serializer::with_formatter(&mut out, format)).unwrap();
    String::from_utf8(out).unwrap() + "\n"
}

/// `BASE` with some cells replaced.
fn with<'a>(changes: &[(usize, (&'a str, &'a str, u32))]) -> String {
    let mut cells: Vec<(&str, &str, u32)> = BASE.to_vec();
    changes.iter().for_each(|(n, cell)| cells[*n] = *cell);
    notebook(&cells)
}

fn sources(text: &str) -> Vec<String> {
    let all: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let join = |c: &Value| c["source"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    all["cells"].as_array().unwrap().iter().map(join).collect()
}

fn litter(repo: &Path) -> Vec<String> {
    let names = fs::read_dir(repo).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|n| n.starts_with(".merge_file") || n.starts_with(".andon-")).collect()
}

#[test]
fn diff_log_show_and_blame_read_by_cells() {
    let desk = Desk::enabled();
    desk.write("a.ipynb", &with(&[(1, ("limit = 4\nkeep = limit", "4\n", 7))]));
    let diff = desk.git(&["diff"]).code(0).out;
    assert!(diff.contains("@@ cell 2 \u{b7} code \u{b7} source and outputs changed"), "{diff}");
    assert!(diff.contains("-limit = 3\n+limit = 4\n") && !diff.contains("\"source\""), "{diff}");
    assert!(diff.starts_with("--- a.ipynb  ") && diff.contains("+++ a.ipynb  working tree"), "{diff}");
    desk.commit("Four");
    for args in [&["log", "-p", "-1"][..], &["show"], &["diff", "--no-ext-diff", "HEAD~1"]] {
        let text = desk.git(args).code(0).out;
        assert!(text.contains("\n-limit = 3\n+limit = 4\n") && text.contains("\n-| 3\n+| 4\n"), "{args:?}: {text}");
        assert!(!text.contains("execution_count") && !text.contains("\"source\""), "{args:?}: {text}");
    }
    let blame = desk.git(&["blame", "-s", "a.ipynb"]).code(0).out;
    let line = blame.lines().find(|l| l.ends_with("limit = 4")).unwrap();
    assert!(!line.starts_with('^'), "the second commit: {blame}");
    assert!(blame.lines().any(|l| l.starts_with('^') && l.ends_with("import polars as pl")), "{blame}");
    let patch = desk.git(&["format-patch", "--stdout", "-1"]).code(0).out;
    assert!(patch.contains("\"limit = 4\\n\""), "a patch stays one that can be applied: {patch}");
}

#[test]
fn a_rerun_shows_no_line_in_the_log_and_is_counted_in_the_diff() {
    let desk = Desk::enabled();
    let again: Vec<_> = BASE.iter().map(|(s, o, n)| (*s, *o, n + 10)).collect();
    desk.write("a.ipynb", &notebook(&again));
    let diff = desk.git(&["diff"]).code(0).out;
    assert!(diff.contains("3 cells only re-run: hidden") && !diff.contains("@@"), "{diff}");
    desk.commit("Again");
    let log = desk.git(&["log", "-p", "-1"]).code(0).out;
    assert!(!log.contains("@@"), "{log}");
}

#[test]
fn files_that_came_went_moved_or_broke_are_shown_and_git_goes_on() {
    let desk = Desk::enabled();
    desk.write("b.ipynb", &notebook(&BASE[..1]));
    desk.write("gone.ipynb", &notebook(&BASE[1..]));
    desk.write("z.txt", "one\n");
    desk.commit("More");
    fs::remove_file(desk.repo().join("gone.ipynb")).unwrap();
    desk.write("a.ipynb", "{\"cells\": [\n");
    desk.write("b.ipynb", "");
    desk.write("z.txt", "two\n");
    desk.write("new \"one\".ipynb", &notebook(&BASE[2..]));
    desk.write("-h.ipynb", &notebook(&BASE[..1]));
    desk.git(&["add", "--intent-to-add", "new \"one\".ipynb", "./-h.ipynb"]).code(0);
    let diff = desk.git(&["diff", "--no-renames"]).code(0);
    assert!(diff.out.contains("Shown as text: a.ipynb is not valid JSON"), "{}", diff.out);
    assert!(diff.out.contains("+++ gone.ipynb  nothing") && diff.out.contains("-print(limit)"), "{}", diff.out);
    assert!(diff.out.contains("--- new \"one\".ipynb  nothing"), "{}", diff.out);
    assert!(diff.out.contains("+++ -h.ipynb  working tree"), "{}", diff.out);
    assert!(diff.out.contains("-one\n+two\n"), "the files behind it are shown: {}", diff.out);
    desk.git(&["reset", "-q", "--hard"]).code(0);
    desk.git(&["mv", "a.ipynb", "sub.ipynb"]).code(0);
    let diff = desk.git(&["diff", "--cached", "-M"]).code(0).out;
    assert!(diff.contains("rename from a.ipynb\nrename to sub.ipynb"), "{diff}");
    desk.git(&["reset", "-q", "--hard"]).code(0);
    desk.write("-h.ipynb", &notebook(&BASE[..1]));
    desk.commit("A name like an option");
    assert!(desk.git(&["log", "-p", "-1"]).code(0).out.contains("+import polars as pl"));
    fs::create_dir(desk.repo().join("deep")).unwrap();
    desk.write("a.ipynb", &with(&[(2, ("print(5)", "5\n", 3))]));
    assert!(desk.git(&["-C", "deep", "diff"]).code(0).out.contains("@@ cell 3"));
}

#[test]
fn a_broken_version_in_the_log_says_where() {
    let desk = Desk::enabled();
    desk.write("a.ipynb", &with(&[]).replace("\"nbformat\": 4,", "\"nbformat\": 4,,"));
    desk.commit("Broken");
    let log = desk.git(&["log", "-p", "-1"]).code(0).out;
    assert!(log.contains("\n+=== not a readable notebook: line ") && log.contains("\n+ \"nbformat\": 4,,\n"), "{log}");
    desk.write("a.ipynb", "version https://git-lfs.github.com/spec/v1\n");
    desk.commit("Pointer");
    let log = desk.git(&["log", "-p", "-1"]).code(0).out;
    assert!(log.contains("\n+version https") && !log.contains("+==="), "{log}");
}

#[test]
fn colour_follows_git() {
    let desk = Desk::enabled();
    desk.write("a.ipynb", &with(&[(1, ("limit = 4\nkeep = limit", "4\n", 2))]));
    assert!(!desk.git(&["diff"]).code(0).out.contains('\u{1b}'));
    let coloured = desk.git(&["-c", "color.diff=always", "diff"]).code(0).out;
    assert!(coloured.contains("\u{1b}[31m"), "{coloured:?}");
    let paged = Answer::of(desk.command("git", &["diff"]).env("GIT_PAGER_IN_USE", "true").output().unwrap());
    assert!(paged.out.contains("\u{1b}[31m"), "{:?}", paged.out);
    desk.git(&["config", "color.ui", "never"]).code(0);
    let plain = Answer::of(desk.command("git", &["diff"]).env("GIT_PAGER_IN_USE", "true").output().unwrap());
    assert!(!plain.out.contains('\u{1b}'));
}

#[test]
fn a_merge_by_cells_is_clean_where_lines_would_conflict() {
    let desk = Desk::enabled();
    // Both ran everything again, one edited the second cell and the other the third.
    let ours = notebook(&[BASE[0], ("limit = 4\nkeep = limit", "4\n", 12), ("print(limit)", "3\n", 13)]);
    let theirs = notebook(&[BASE[0], ("limit = 3\nkeep = limit", "3\n", 22), ("print(limit + 1)", "4\n", 23)]);
    desk.two_sides(&ours, &theirs);
    let merge = desk.git(&["merge", "other"]).code(0);
    assert_eq!(sources(&desk.read("a.ipynb")), ["import polars as pl", "limit = 4\nkeep = limit", "print(limit + 1)"]);
    assert_eq!(desk.git(&["status", "--porcelain"]).out, "", "{}", merge.err);
    assert!(litter(&desk.repo()).is_empty());
}

#[test]
fn a_conflict_leaves_a_notebook_from_which_either_side_comes_back() {
    let desk = Desk::enabled();
    let ours = with(&[(1, ("limit = 4\nkeep = limit", "4\n", 2))]);
    let theirs = with(&[(1, ("limit = 5\nkeep = limit", "5\n", 2)), (2, ("print(limit, 1)", "3\n", 3))]);
    desk.two_sides(&ours, &theirs);
    let merge = desk.git(&["merge", "other"]).code(1);
    assert!(merge.out.contains("CONFLICT (content): Merge conflict in a.ipynb"), "{}", merge.out);
    assert!(merge.err.contains("a.ipynb: CONFLICT cell 2: its source was changed by both"), "{}", merge.err);
    let merged = desk.read("a.ipynb");
    assert_eq!(
        sources(&merged),
        [
            "import polars as pl",
            "<<<<<<< HEAD\nlimit = 4\n=======\nlimit = 5\n>>>>>>> other\nkeep = limit",
            "print(limit, 1)"
        ]
    );
    assert_eq!(desk.git(&["status", "--porcelain"]).out, "UU a.ipynb\n");
    let shown = desk.git(&["diff"]).code(0).out;
    assert!(shown.contains("++<<<<<<< HEAD\n") && shown.contains("++@ conflict: source\n"), "{shown}");
    for (side, whole) in [("remote", &theirs), ("local", &ours)] {
        desk.write("a.ipynb", &merged);
        desk.andon(&["merge", "--take", side, "a.ipynb"]).code(0);
        assert_eq!(&desk.read("a.ipynb"), whole);
    }
    desk.git(&["add", "a.ipynb"]).code(0);
    desk.git(&["commit", "-q", "--no-edit"]).code(0);
}

#[test]
fn rebase_cherry_pick_and_stash_merge_by_cells_too() {
    let ours = notebook(&[BASE[0], ("limit = 4\nkeep = limit", "4\n", 12), ("print(limit)", "3\n", 13)]);
    let theirs = notebook(&[BASE[0], ("limit = 3\nkeep = limit", "3\n", 22), ("print(limit + 1)", "4\n", 23)]);
    let both = ["import polars as pl", "limit = 4\nkeep = limit", "print(limit + 1)"];
    let desk = Desk::enabled();
    desk.two_sides(&ours, &theirs);
    desk.git(&["checkout", "-q", "-b", "rebased", "other"]).code(0);
    desk.git(&["rebase", "-q", "main"]).code(0);
    assert_eq!(sources(&desk.read("a.ipynb")), both);
    desk.git(&["checkout", "-q", "-b", "picked", "main"]).code(0);
    desk.git(&["cherry-pick", "other"]).code(0);
    assert_eq!(sources(&desk.read("a.ipynb")), both);
    desk.git(&["revert", "--no-edit", "HEAD~1"]).code(0);
    assert_eq!(sources(&desk.read("a.ipynb"))[1..], ["limit = 3\nkeep = limit", "print(limit + 1)"]);
    desk.git(&["checkout", "-q", "-b", "stashed", "main~1"]).code(0);
    desk.write("a.ipynb", &theirs);
    desk.git(&["stash", "-q"]).code(0);
    desk.git(&["checkout", "-q", "main"]).code(0);
    desk.git(&["stash", "pop"]).code(0);
    assert_eq!(sources(&desk.read("a.ipynb")), both);
}

#[test]
fn a_conflict_in_a_rebase_stops_it_and_can_be_continued() {
    let desk = Desk::enabled();
    desk.two_sides(&with(&[(1, ("limit = 4", "4\n", 2))]), &with(&[(1, ("limit = 5", "5\n", 2))]));
    desk.git(&["checkout", "-q", "other"]).code(0);
    let rebase = desk.git(&["rebase", "main"]).code(1);
    assert!(rebase.err.contains("a.ipynb: CONFLICT cell 2"), "{}", rebase.err);
    assert!(sources(&desk.read("a.ipynb"))[1].contains("<<<<<<< HEAD\nlimit = 4\n=======\nlimit = 5\n>>>>>>> "));
    desk.andon(&["merge", "--take", "remote", "a.ipynb"]).code(0);
    desk.git(&["add", "a.ipynb"]).code(0);
    desk.git(&["rebase", "--continue"]).code(0);
    assert_eq!(sources(&desk.read("a.ipynb"))[1], "limit = 5");
}

#[test]
fn several_common_ancestors_leave_no_marks_that_nobody_wrote() {
    let desk = Desk::enabled();
    desk.two_sides(&with(&[(1, ("limit = 4", "4\n", 2))]), &with(&[(1, ("limit = 5", "5\n", 2))]));
    for (branch, from, with_branch, side) in [("x", "main", "other", "local"), ("y", "other", "main", "remote")] {
        desk.git(&["checkout", "-q", "-b", branch, from]).code(0);
        desk.git(&["merge", with_branch]).code(1);
        desk.andon(&["merge", "--take", side, "a.ipynb"]).code(0);
        desk.git(&["add", "a.ipynb"]).code(0);
        desk.git(&["commit", "-q", "--no-edit"]).code(0);
    }
    let merge = desk.git(&["merge", "x"]).code(0);
    assert_eq!(sources(&desk.read("a.ipynb"))[1], "limit = 4", "{}", merge.err);
    assert!(!desk.read("a.ipynb").contains("<<<<"));
}

#[test]
fn a_file_that_both_sides_made_is_merged_or_a_conflict() {
    let desk = Desk::enabled();
    desk.git(&["checkout", "-q", "-b", "other"]).code(0);
    desk.write("new.ipynb", &notebook(&BASE[..2]));
    desk.commit("Theirs");
    desk.git(&["checkout", "-q", "main"]).code(0);
    desk.write("new.ipynb", &notebook(&BASE[1..]));
    desk.commit("Ours");
    let merge = desk.git(&["merge", "other"]);
    let all = sources(&desk.read("new.ipynb"));
    for (source, ..) in BASE {
        assert!(all.iter().any(|s| s == source), "{source} in {all:?}: {}", merge.err);
    }
}

#[test]
fn a_broken_side_is_merged_as_text_and_said() {
    let broken = with(&[(2, ("print(limit)", "3\n", 9))]).replace("\"nbformat\": 4,", "\"nbformat\": 4,,");
    let edited = with(&[(0, ("import polars", "ready\n", 1))]);
    let fights = with(&[(2, ("print(limit)", "3\n", 8))]);
    for (ours, theirs, which) in [(&broken, &edited, "local"), (&edited, &broken, "remote")] {
        let desk = Desk::enabled();
        desk.two_sides(ours, theirs);
        let merge = desk.git(&["merge", "other"]).code(0);
        let words = format!("a.ipynb: The {which} version is not valid JSON");
        assert!(merge.err.contains(&words) && merge.err.contains("merged by lines instead"), "{}", merge.err);
        let text = desk.read("a.ipynb");
        assert!(text.contains("\"import polars\"") && text.contains("4,,"), "{text}");
    }
    let desk = Desk::enabled();
    desk.two_sides(&broken, &fights);
    let merge = desk.git(&["merge", "other"]).code(1);
    assert!(merge.err.contains("with conflict marks"), "{}", merge.err);
    let text = desk.read("a.ipynb");
    assert!(text.contains("<<<<<<< HEAD\n") && text.contains(">>>>>>> other\n"), "{text}");
    // A broken common version, both sides mended.
    let desk = Desk::new();
    desk.andon(&["git", "enable"]).code(0);
    desk.write("a.ipynb", &broken);
    desk.commit("Broken");
    desk.two_sides(&with(&[]), &edited);
    let merge = desk.git(&["merge", "other"]);
    assert!(merge.err.contains("The base version is not valid JSON"), "{}", merge.err);
}

#[test]
fn a_driver_that_cannot_work_stops_git_and_leaves_the_file_whole() {
    let desk = Desk::enabled();
    let ours = with(&[(1, ("limit = 4", "4\n", 2))]);
    desk.two_sides(&ours, &with(&[(2, ("print(5)", "5\n", 3))]));
    // Killed, crashed, out of memory, an older Andon without the command, one that is no program at all.
    for program in ["kill -9 $$", "exit 101", "exit 2", "kill -ABRT $$", "exit 255", "printf x > \"$4\"; kill -9 $$"] {
        let fake = desk.dir.path().join("fake andon's");
        fs::write(&fake, format!("#!/bin/sh\n{program}\n")).unwrap();
        Command::new("chmod").arg("+x").arg(&fake).status().unwrap();
        desk.andon(&["git", "enable", "--program", fake.to_str().unwrap()]).code(0);
        let merge = desk.git(&["merge", "other"]).code(2);
        assert!(merge.err.contains("failed to execute internal merge"), "{program}: {}", merge.err);
        assert_eq!(desk.git(&["status", "--porcelain"]).out, "", "{program}");
        assert_eq!(desk.read("a.ipynb"), ours, "{program}");
    }
    desk.andon(&["git", "enable"]).code(0);
    desk.git(&["merge", "other"]).code(0);
    assert_eq!(sources(&desk.read("a.ipynb"))[1..], ["limit = 4", "print(5)"]);
}

#[test]
fn a_driver_called_by_hand_keeps_to_its_exit_codes() {
    let desk = Desk::enabled();
    let ours = with(&[(1, ("limit = 4", "4\n", 2))]);
    for (name, text) in
        [("o", with(&[])), ("a", ours.clone()), ("b", with(&[(1, ("limit = 5", "5\n", 2))])), ("c", with(&[]))]
    {
        desk.write(name, &text);
    }
    let call = |words: &[&str]| desk.andon(&[&["git", "merge-driver"], words].concat());
    assert_eq!(call(&["o", "a", "missing", "7", "a.ipynb"]).code(129).out, "");
    assert!(call(&["o", "a"]).code(129).err.contains("three files"));
    assert_eq!(desk.read("a"), ours);
    call(&["o", "a", "c", "7", "a.ipynb"]).code(0);
    assert_eq!(desk.read("a"), ours, "nothing came from the other side");
    call(&["o", "a", "b", "7", "a.ipynb", "%S", "%X", "%Y"]).code(1);
    assert!(sources(&desk.read("a"))[1].contains("<<<<<<< local"));
    fs::write(desk.repo().join("bin"), b"a\0b").unwrap();
    let before = desk.read("b");
    assert!(call(&["o", "b", "bin", "7", "a.ipynb"]).code(1).err.contains("git checkout --theirs"));
    assert_eq!(desk.read("b"), before);
    assert_eq!(desk.andon(&["git", "textconv", "missing"]).code, 1);
    fs::write(desk.repo().join("plain"), "no notebook\n").unwrap();
    assert_eq!(desk.andon(&["git", "textconv", "plain"]).code(0).out, "no notebook\n");
    let gone = ["git", "diff-driver", "p.ipynb", "missing", "1", "100644", "o", "2", "100644"];
    assert!(desk.andon(&gone).code(0).err.contains("shown as lines"));
}

#[test]
fn without_andon_git_does_what_it_does_by_itself() {
    let mut desk = Desk::enabled();
    let ours = with(&[(0, ("import polars", "ready\n", 1))]);
    desk.two_sides(&ours, &with(&[(2, ("print(5)", "5\n", 3))]));
    desk.installed = false;
    desk.write("a.ipynb", &with(&[(1, ("limit = 9", "9\n", 2))]));
    let diff = desk.git(&["diff"]).code(0);
    assert!(diff.out.contains("+    \"limit = 9\"") && diff.err.is_empty(), "{}{}", diff.out, diff.err);
    let log = desk.git(&["log", "-p", "-1"]).code(0);
    assert!(log.out.contains("+    \"import polars\"") && log.err.is_empty(), "{}{}", log.out, log.err);
    desk.git(&["checkout", "-q", "a.ipynb"]).code(0);
    let merge = desk.git(&["merge", "other"]).code(0);
    assert!(merge.err.is_empty(), "{}", merge.err);
    assert_eq!(sources(&desk.read("a.ipynb")), ["import polars", BASE[1].0, "print(5)"]);
    desk.git(&["reset", "-q", "--hard", "HEAD~1"]).code(0);
    desk.write("a.ipynb", &with(&[(2, ("print(6)", "6\n", 3))]));
    desk.commit("Six");
    desk.git(&["merge", "other"]).code(1);
    let text = desk.read("a.ipynb");
    assert!(text.contains("<<<<<<< HEAD\n") && text.contains(">>>>>>> other\n"), "as git marks it: {text}");
    let status = desk.status();
    assert!(status["warnings"].to_string().contains("not on the search path"), "{status:#}");
}

#[test]
fn a_program_in_a_folder_with_blanks_quotes_and_percents_is_found_and_missed() {
    let desk = Desk::enabled();
    let folder = desk.dir.path().join("it's 100% \"mine\" $HOME");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("andon");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_andon"), &program).unwrap();
    desk.andon(&["git", "enable", "--program", program.to_str().unwrap()]).code(0);
    desk.two_sides(
        &notebook(&[BASE[0], ("limit = 4\nkeep = limit", "4\n", 12), ("print(limit)", "3\n", 13)]),
        &notebook(&[BASE[0], ("limit = 3\nkeep = limit", "3\n", 22), ("print(limit + 1)", "4\n", 23)]),
    );
    // Another one of that name must not be taken while this one is there.
    let decoy = desk.dir.path().join("bin/andon");
    fs::remove_file(&decoy).unwrap();
    fs::write(&decoy, "#!/bin/sh\nexit 2\n").unwrap();
    Command::new("chmod").arg("+x").arg(&decoy).status().unwrap();
    desk.git(&["merge", "other"]).code(0);
    assert!(desk.git(&["diff", "HEAD~1"]).code(0).out.contains("@@ cell 3"));
    fs::remove_file(&decoy).unwrap();
    fs::remove_file(&program).unwrap();
    let warnings = desk.status()["warnings"].to_string();
    assert!(warnings.contains("is gone: git works without Andon"), "{warnings}");
    assert!(desk.git(&["log", "-p", "-1", "--first-parent", "-m"]).code(0).out.contains("\"print(limit + 1)\""));
}

#[test]
fn enabling_twice_changes_nothing_and_disabling_gives_back_every_byte() {
    let desk = Desk::new();
    let (config, attributes) = (desk.repo().join(".git/config"), desk.repo().join(".git/info/attributes"));
    fs::create_dir_all(attributes.parent().unwrap()).unwrap();
    let mine = "# mine\n*.csv diff=csv\n*.ipynb filter=nbstripout\n*.ipynb diff=ipynb";
    fs::write(&attributes, mine).unwrap();
    let mut text = fs::read_to_string(&config).unwrap();
    text.push_str("# a comment\n[diff \"csv\"]\n\ttextconv = cat # mine\n[merge]\n\tconflictStyle = diff3\n");
    fs::write(&config, &text).unwrap();
    desk.andon(&["git", "enable"]).code(0);
    let once = (fs::read(&config).unwrap(), fs::read(&attributes).unwrap());
    let again = desk.andon(&["git", "enable"]).code(0);
    assert!(again.err.contains("Nothing to do"), "{}", again.err);
    assert_eq!((fs::read(&config).unwrap(), fs::read(&attributes).unwrap()), once);
    let attribute = desk.git(&["check-attr", "diff", "merge", "filter", "--", "x/a.ipynb"]).code(0).out;
    assert_eq!(attribute, "x/a.ipynb: diff: andon\nx/a.ipynb: merge: andon\nx/a.ipynb: filter: nbstripout\n");
    // Less than before takes the rest away again.
    desk.andon(&["git", "enable", "--merge-only"]).code(0);
    let attribute = desk.git(&["check-attr", "diff", "merge", "--", "a.ipynb"]).code(0).out;
    assert_eq!(attribute, "a.ipynb: diff: ipynb\na.ipynb: merge: andon\n");
    assert_eq!(desk.git(&["config", "--get", "diff.andon.command"]).code, 1);
    desk.andon(&["git", "disable"]).code(0);
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
    assert_eq!(fs::read_to_string(&attributes).unwrap(), mine);
    assert!(desk.andon(&["git", "disable"]).code(0).err.contains("Nothing to do"));
    fs::remove_file(&attributes).unwrap();
    desk.andon(&["git", "enable"]).code(0);
    desk.andon(&["git", "disable"]).code(0);
    assert!(!attributes.exists());
}

#[test]
fn global_entries_go_where_git_looks_and_need_no_repository() {
    let desk = Desk::new();
    let config = desk.home(".gitconfig");
    let before = fs::read_to_string(&config).unwrap();
    let outside = |args: &[&str]| {
        Answer::of(desk.command(env!("CARGO_BIN_EXE_andon"), args).current_dir(desk.home("")).output().unwrap())
    };
    assert!(outside(&["git", "enable"]).code(2).err.contains("--global"));
    outside(&["git", "enable", "--global"]).code(0);
    let attributes = desk.home(".config/git/attributes");
    assert!(fs::read_to_string(&attributes).unwrap().contains("*.ipynb diff=andon merge=andon\n"));
    let status = outside(&["git", "status"]).code(0).out;
    assert!(status.contains("notebooks: shown by cells, merged by cells"), "{status}");
    desk.write("a.ipynb", &notebook(&BASE));
    desk.commit("Begin");
    desk.write("a.ipynb", &with(&[(2, ("print(5)", "5\n", 3))]));
    assert!(desk.git(&["diff"]).code(0).out.contains("@@ cell 3"));
    outside(&["git", "disable", "--global"]).code(0);
    assert_eq!(fs::read_to_string(&config).unwrap(), before);
    assert!(!attributes.exists());
    // A file of the person's own choice.
    desk.git(&["config", "--global", "core.attributesFile", "~/my attributes"]).code(0);
    fs::write(desk.home("my attributes"), "*.md diff=markdown\n").unwrap();
    outside(&["git", "enable", "--global"]).code(0);
    assert!(fs::read_to_string(desk.home("my attributes")).unwrap().contains("merge=andon"));
    outside(&["git", "disable", "--global"]).code(0);
    assert_eq!(fs::read_to_string(desk.home("my attributes")).unwrap(), "*.md diff=markdown\n");
}

#[test]
fn the_committed_attributes_are_touched_only_when_asked() {
    let desk = Desk::new();
    desk.write(".gitattributes", "*.csv text\n");
    desk.andon(&["git", "enable"]).code(0);
    desk.andon(&["git", "disable"]).code(0);
    assert_eq!(desk.read(".gitattributes"), "*.csv text\n");
    fs::create_dir(desk.repo().join("deep")).unwrap();
    let deep = Answer::of(
        desk.command(env!("CARGO_BIN_EXE_andon"), &["git", "enable", "--gitattributes"])
            .current_dir(desk.repo().join("deep"))
            .output()
            .unwrap(),
    );
    deep.code(0);
    assert!(desk.read(".gitattributes").starts_with("*.csv text\n# Notebooks by cells"));
    assert!(!desk.repo().join(".git/info/attributes").exists());
    let told = desk.andon(&["git", "disable"]).code(0);
    assert!(told.err.contains(".gitattributes still names Andon"), "{}", told.err);
    desk.andon(&["git", "disable", "--gitattributes"]).code(0);
    assert_eq!(desk.read(".gitattributes"), "*.csv text\n");
}

#[test]
fn what_cannot_be_written_changes_nothing_else() {
    let desk = Desk::new();
    let (config, attributes) = (desk.repo().join(".git/config"), desk.repo().join(".git/info/attributes"));
    let before = fs::read(&config).unwrap();
    fs::write(desk.repo().join(".git/config.lock"), "").unwrap();
    let locked = desk.andon(&["git", "enable"]).code(2);
    assert!(locked.err.contains("git could not set diff.andon.command"), "{}", locked.err);
    assert!(!attributes.exists());
    fs::remove_file(desk.repo().join(".git/config.lock")).unwrap();
    fs::create_dir_all(&attributes).unwrap();
    let json = desk.andon(&["git", "enable", "--json"]).code(2).json("andon.error/1");
    assert!(json["error"]["what"].as_str().unwrap().contains("attributes"), "{json:#}");
    fs::remove_dir(&attributes).unwrap();
    fs::write(&attributes, b"*.txt \xff\n").unwrap();
    assert!(desk.andon(&["git", "enable"]).code(2).err.contains("is not UTF-8 text"));
    assert_eq!(fs::read(&config).unwrap(), before);
    assert_eq!(fs::read(&attributes).unwrap(), b"*.txt \xff\n");
}

#[test]
fn linked_work_trees_and_bare_repositories_are_enabled_too() {
    let desk = Desk::enabled();
    desk.git(&["worktree", "add", "-q", "../linked"]).code(0);
    desk.git(&["clone", "-q", "--bare", ".", "../bare.git"]).code(0);
    let at = |folder: &str, args: &[&str]| {
        let dir = desk.dir.path().join(folder);
        Answer::of(desk.command(env!("CARGO_BIN_EXE_andon"), args).current_dir(dir).output().unwrap())
    };
    at("linked", &["git", "status"]).code(0);
    assert!(at("linked", &["git", "enable"]).code(0).err.contains("Nothing to do"));
    at("bare.git", &["git", "status"]).code(1);
    at("bare.git", &["git", "enable"]).code(0);
    at("bare.git", &["git", "status"]).code(0);
    assert!(at("bare.git", &["git", "enable", "--gitattributes"]).code(2).err.contains("no files to work on"));
}

#[test]
fn status_tells_of_other_tools_and_of_what_is_missing() {
    let desk = Desk::new();
    desk.write("a.ipynb", &notebook(&BASE));
    desk.write(".gitattributes", "*.ipynb diff=jupyternotebook merge=jupyternotebook\n*.ipynb filter=nbstripout\n");
    desk.commit("Begin");
    desk.andon(&["git", "status"]).code(1);
    desk.andon(&["git", "enable", "--global"]).code(0);
    let answer = desk.andon(&["git", "status"]).code(1);
    assert!(answer.out.contains("1 notebook has diff=jupyternotebook (nbdime)"), "{}", answer.out);
    assert!(answer.out.contains(".gitattributes line 1"), "{}", answer.out);
    assert!(answer.out.contains("nbstripout takes outputs out of 1 notebook"), "{}", answer.out);
    assert!(answer.out.contains("1 notebook here: shown as git does by itself"), "{}", answer.out);
    // Entries of this repository count more than what is committed.
    desk.andon(&["git", "enable"]).code(0);
    let status = desk.status();
    assert_eq!((&status["status"]["diff_active"], &status["status"]["merge_active"]), (&true.into(), &true.into()));
    desk.andon(&["git", "status"]).code(0);
    desk.git(&["config", "merge.andon.driver", "mine %A"]).code(0);
    let refused = desk.andon(&["git", "enable"]).code(2);
    assert!(refused.err.contains("merge.andon.driver is set to something that Andon did not write"), "{}", refused.err);
    let left = desk.andon(&["git", "disable"]).code(0);
    assert!(left.err.contains("left as it is, since Andon did not write it: merge.andon.driver"), "{}", left.err);
    assert_eq!(desk.git(&["config", "--get", "merge.andon.driver"]).out, "mine %A\n");
    desk.andon(&["git", "enable", "--force"]).code(0);
}

#[test]
fn difftool_shows_and_mergetool_asks() {
    let desk = Desk::enabled();
    let (ours, theirs) = (with(&[(1, ("limit = 4", "4\n", 2))]), with(&[(1, ("limit = 5", "5\n", 2))]));
    desk.two_sides(&ours, &theirs);
    let shown = desk.git(&["difftool", "-y", "-t", "andon", "HEAD~1"]).code(0);
    assert!(shown.out.contains("@@ cell 2") && shown.out.contains("+limit = 4"), "{}", shown.out);
    let tool = |answer: &str| {
        let pipe = format!("printf '{answer}\\n' | git mergetool -y -t andon");
        Answer::of(desk.command("sh", &["-c", &pipe]).output().unwrap())
    };
    desk.git(&["config", "mergetool.keepBackup", "false"]).code(0);
    desk.git(&["merge", "other"]).code(1);
    let merged = desk.read("a.ipynb");
    let left = tool("q");
    assert_eq!(left.code, 1, "{}", left.err);
    assert_eq!(desk.read("a.ipynb"), merged);
    let taken = tool("remote").code(0);
    assert!(taken.err.contains("CONFLICT cell 2"), "{}", taken.err);
    assert_eq!(desk.read("a.ipynb"), theirs);
    assert_eq!(desk.git(&["status", "--porcelain"]).out, "M  a.ipynb\n");
    // Decided by hand: refused while marks are left, then without a trace of the merge.
    desk.git(&["reset", "-q", "--hard"]).code(0);
    desk.git(&["merge", "other"]).code(1);
    let undecided = tool("m\\nq");
    assert_eq!(undecided.code, 1);
    assert!(undecided.err.contains("Cell 2 still holds conflict marks"), "{}", undecided.err);
    let marks = "    \"<<<<<<< HEAD\\n\",\n    \"limit = 4\\n\",\n    \"=======\\n\",\n    \"limit = 5\\n\",\n    \">>>>>>> other\"\n";
    let marked = desk.read("a.ipynb");
    assert!(marked.contains(marks), "{marked}");
    desk.write("a.ipynb", &marked.replace(marks, "    \"limit = 45\"\n"));
    tool("m").code(0);
    let text = desk.read("a.ipynb");
    assert!(!text.contains("\"versions\"") && !text.contains("\"conflict\""), "{text}");
    assert_eq!(sources(&text)[1], "limit = 45");
    assert_eq!(desk.git(&["status", "--porcelain"]).out, "M  a.ipynb\n");
}

#[test]
fn a_file_with_marks_from_elsewhere_is_merged_anew_by_the_tool_and_a_decided_one_is_not() {
    let desk = Desk::enabled();
    let ours = notebook(&[BASE[0], ("limit = 4\nkeep = limit", "4\n", 12), ("print(limit)", "3\n", 13)]);
    let theirs = notebook(&[BASE[0], ("limit = 3\nkeep = limit", "3\n", 22), ("print(limit + 1)", "4\n", 23)]);
    desk.two_sides(&ours, &theirs);
    desk.git(&["config", "mergetool.keepBackup", "false"]).code(0);
    // Merged while Andon was missing: lines, and no notebook.
    let text = |answer: &str| {
        desk.git(&["reset", "-q", "--hard"]).code(0);
        desk.git(&["-c", "merge.andon.driver=git merge-file %A %O %B", "merge", "other"]).code(1);
        if !answer.is_empty() {
            desk.write("a.ipynb", &with(&[(0, ("precious = 1", "", 1))]));
        }
        let pipe = format!("printf '{answer}\\n' | git mergetool -y -t andon");
        Answer::of(desk.command("sh", &["-c", &pipe]).output().unwrap()).code(0);
        sources(&desk.read("a.ipynb"))
    };
    let both = ["import polars as pl", "limit = 4\nkeep = limit", "print(limit + 1)"];
    assert_eq!(text(""), both);
    assert_eq!(text("merged")[0], "precious = 1");
    assert_eq!(text("cells"), both);
}

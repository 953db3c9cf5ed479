use std::fs;

use super::*;
use crate::{
    base::job::JobCtx,
    model::git::{Change, FileState, Status},
};

/// A repository in a temporary folder with an author of its own.
struct Sandbox {
    dir: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let mut config = repo.git.config().unwrap().open_level(git2::ConfigLevel::Local).unwrap();
        for (key, value) in [("user.name", "Mara Okafor"), ("user.email", "mara@example.org")] {
            config.set_str(key, value).unwrap();
        }
        config.set_str("core.hooksPath", dir.path().join(".git/hooks").to_str().unwrap()).unwrap();
        config.set_bool("commit.gpgsign", false).unwrap();
        Self { dir }
    }
    fn repo(&self) -> Repo {
        Repo::open(self.dir.path()).unwrap()
    }
    fn set(&self, key: &str, value: &str) {
        let repo = self.repo();
        let mut config = repo.git.config().unwrap().open_level(git2::ConfigLevel::Local).unwrap();
        config.set_str(key, value).unwrap();
    }
    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fn remove(&self, path: &str) {
        fs::remove_file(self.dir.path().join(path)).unwrap();
    }
    fn commit(&self, message: &str, paths: &[&str]) -> Result<crate::model::git::CommitInfo> {
        let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        self.repo().commit(message, &paths, &cx())
    }
    fn status(&self) -> Status {
        self.repo().status(&cx()).unwrap()
    }
    fn hook(&self, name: &str, script: &str) {
        super::testing::hook(self.dir.path(), name, script);
    }
}

fn cx() -> JobCtx {
    JobCtx::detached()
}

fn names(files: &[FileState]) -> Vec<String> {
    files.iter().map(|f| format!("{} {}", f.path, f.word())).collect()
}

#[test]
fn a_folder_without_a_repository_is_said_in_words_and_can_become_one() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Repo::discover(dir.path()).unwrap().is_none());
    let e = Repo::open(dir.path()).unwrap_err();
    assert!(e.what.contains("not in a git repository"), "{e}");
    assert!(e.hint.unwrap().contains("git init"));
    Repo::init(dir.path()).unwrap();
    assert!(Repo::init(dir.path()).is_err(), "a second init changes nothing");
    let status = Repo::open(dir.path()).unwrap().status(&cx()).unwrap();
    assert!(matches!(status.head, Head::Unborn { .. }));
    assert!(Repo::discover(&dir.path().join("gone")).unwrap_err().what.contains("cannot be read"));
}

#[test]
fn status_tells_staged_changed_new_and_leaves_out_ignored_and_andons_own() {
    let s = Sandbox::new();
    s.write("a.txt", "one\n");
    s.write("b.txt", "one\n");
    s.write("gone.txt", "a file with words of its own\n");
    s.write(".gitignore", "*.log\n");
    s.commit("Begin", &["a.txt", "b.txt", "gone.txt", ".gitignore"]).unwrap();
    s.write("a.txt", "two\n");
    s.write("b.txt", "two\n");
    s.remove("gone.txt");
    s.write("deep/new.txt", "new\n");
    s.write("x.log", "noise");
    s.write(".andon/andon.db", "own");
    s.repo().stage(&["b.txt".into()], &cx()).unwrap();
    s.write("b.txt", "three\n");
    let status = s.status();
    assert_eq!(names(&status.files), ["a.txt changed", "b.txt changed", "deep/new.txt new", "gone.txt deleted"]);
    let b = status.file("b.txt").unwrap();
    assert_eq!((b.staged, b.changed), (Some(Change::Modified), Some(Change::Modified)));
    s.repo().unstage(&["b.txt".into()]).unwrap();
    assert_eq!(s.status().file("b.txt").unwrap().staged, None);
    assert_eq!(fs::read_to_string(s.dir.path().join("b.txt")).unwrap(), "three\n");
    assert!(status.commit_runs.is_empty());
    assert_eq!(status.author.unwrap().name, "Mara Okafor");
}

#[test]
fn a_commit_takes_the_chosen_files_and_leaves_other_staged_ones_alone() {
    let s = Sandbox::new();
    for name in ["a.txt", "b.txt", "c.txt"] {
        s.write(name, "one\n");
    }
    let first = s.commit("  First\n\nWhy\n", &["a.txt", "b.txt", "c.txt"]).unwrap();
    assert_eq!((first.summary.as_str(), first.body.as_str(), first.parents.len()), ("First", "Why", 0));
    s.write("a.txt", "two\n");
    s.write("b.txt", "two\n");
    s.remove("c.txt");
    s.repo().stage(&["b.txt".into()], &cx()).unwrap();
    let second = s.commit("Second", &["a.txt", "c.txt"]).unwrap();
    assert_eq!(second.parents, [first.id]);
    let status = s.status();
    assert_eq!(names(&status.files), ["b.txt changed"]);
    assert_eq!(status.files[0].staged, Some(Change::Modified), "b stays staged");
    let repo = s.repo();
    assert_eq!(repo.read(&Rev::head(), "a.txt").unwrap().unwrap(), b"two\n");
    assert_eq!(repo.read(&Rev::head(), "b.txt").unwrap().unwrap(), b"one\n");
    assert!(repo.read(&Rev::head(), "c.txt").unwrap().is_none());
    assert!(s.commit("Again", &["a.txt"]).unwrap_err().what.contains("nothing to commit"));
    assert!(s.commit(" \n", &["b.txt"]).unwrap_err().what.contains("message"));
    assert!(s.commit("None", &[]).is_err());
    assert!(s.commit("Out", &["../x"]).is_err());
}

#[test]
fn a_missing_name_is_an_error_with_the_command_that_mends_it() {
    let s = Sandbox::new();
    s.set("user.name", "");
    s.write("a.txt", "one\n");
    let e = s.commit("First", &["a.txt"]).unwrap_err();
    assert!(e.what.contains("your name"), "{e}");
    assert!(e.hint.unwrap().contains("git config --global user.name"));
    assert!(s.status().author.is_none());
}

#[test]
fn hooks_run_and_may_refuse_and_a_refused_new_file_is_not_left_staged() {
    let s = Sandbox::new();
    s.write("a.txt", "one\n");
    s.write("other.txt", "one\n");
    s.commit("First", &["a.txt", "other.txt"]).unwrap();
    s.hook(
        "pre-commit",
        "echo run >> hook.log; if git diff --cached | grep -q secret; then echo 'no secrets' >&2; exit 1; fi",
    );
    assert_eq!(s.status().commit_runs, ["pre-commit hook"]);
    s.write("new.txt", "a secret\n");
    let e = s.commit("Second", &["new.txt"]).unwrap_err();
    assert!(e.what.contains("refused") && e.causes[0].contains("no secrets"), "{e:?}");
    assert!(s.status().file("new.txt").unwrap().untracked);
    s.write("new.txt", "harmless\n");
    s.write("other.txt", "two\n");
    s.repo().stage(&["other.txt".into()], &cx()).unwrap();
    let c = s.commit("# 2: second", &["new.txt"]).unwrap();
    assert_eq!(c.summary, "# 2: second", "a line with # is no comment here");
    assert_eq!(fs::read_to_string(s.dir.path().join("hook.log")).unwrap().lines().count(), 2);
    assert_eq!(s.status().file("other.txt").unwrap().staged, Some(Change::Modified));
    s.remove("a.txt");
    s.commit("Delete", &["a.txt"]).unwrap();
    assert!(s.repo().read(&Rev::head(), "a.txt").unwrap().is_none());
}

#[test]
fn filters_run_on_commit_so_that_the_repository_gets_what_git_would_store() {
    let s = Sandbox::new();
    s.write(".gitattributes", "*.up filter=up\n");
    s.commit("First", &[".gitattributes"]).unwrap();
    s.write("x.up", "shout\n");
    assert!(s.status().commit_runs.is_empty(), "a filter without a program is none");
    s.set("filter.up.clean", "tr a-z A-Z");
    assert_eq!(s.status().commit_runs, ["up filter"]);
    s.commit("Second", &["x.up"]).unwrap();
    assert_eq!(s.repo().read(&Rev::head(), "x.up").unwrap().unwrap(), b"SHOUT\n");
}

#[test]
fn a_filter_that_must_run_and_lfs_are_left_to_git_even_when_they_are_not_set_up() {
    let s = Sandbox::new();
    s.write(".gitattributes", "*.must filter=must\n");
    s.commit("First", &[".gitattributes"]).unwrap();
    s.set("filter.must.required", "true");
    s.write("x.must", "x\n");
    assert_eq!(s.status().commit_runs, ["must filter"]);
    assert!(s.commit("Second", &["x.must"]).is_err(), "git does not take it unfiltered, and neither do we");
    s.set("hook.lint.command", "true");
    assert_eq!(s.status().commit_runs, ["hooks of git's settings", "must filter"]);
}

#[test]
fn history_follows_a_file_through_its_rename_and_skips_other_commits() {
    let s = Sandbox::new();
    let text: String = (0..40).map(|n| format!("line {n}\n")).collect();
    s.write("old.txt", &text);
    s.commit("Add", &["old.txt"]).unwrap();
    s.write("other.txt", "x\n");
    s.commit("Other", &["other.txt"]).unwrap();
    s.write("old.txt", &text.replace("line 3\n", "line three\n"));
    s.commit("Change", &["old.txt"]).unwrap();
    s.remove("old.txt");
    s.write("dir/new.txt", &text.replace("line 3\n", "line three\n").replace("line 5\n", "line five\n"));
    let rename = s.repo().changed_files(&Rev::head(), &Rev::WorkingTree, &cx()).unwrap().files;
    assert_eq!((rename.len(), rename[0].change, rename[0].before()), (1, Change::Renamed, "old.txt"));
    s.commit("Rename", &["old.txt", "dir/new.txt"]).unwrap();
    let history = s.repo().file_history("HEAD", "dir/new.txt", 100, &cx()).unwrap();
    let story: Vec<_> = history.iter().map(|v| (v.commit.summary.as_str(), v.path.as_str(), v.change)).collect();
    assert_eq!(
        story,
        [
            ("Rename", "dir/new.txt", Change::Renamed),
            ("Change", "old.txt", Change::Modified),
            ("Add", "old.txt", Change::Added)
        ]
    );
    assert_eq!(s.repo().log("HEAD", 2, &cx()).unwrap().len(), 2);
    assert_eq!(s.repo().commits_between("HEAD~2", "HEAD", 10, &cx()).unwrap().len(), 2);
}

#[test]
fn revisions_are_read_by_any_name_and_a_slip_is_answered_with_the_nearest() {
    let s = Sandbox::new();
    s.write("a.txt", "one\n");
    let first = s.commit("One", &["a.txt"]).unwrap();
    s.write("a.txt", "two\n");
    s.commit("Two", &["a.txt"]).unwrap();
    s.write("a.txt", "three\n");
    let repo = s.repo();
    let commit = repo.git.revparse_single("HEAD~1").unwrap();
    repo.git.tag_lightweight("v1.0", &commit, false).unwrap();
    repo.git.branch("feature/x", commit.as_commit().unwrap(), false).unwrap();
    repo.git.branch("andon/board", commit.as_commit().unwrap(), false).unwrap();
    for spec in [first.id.as_str(), first.short(), "v1.0", "feature/x", "HEAD~1"] {
        let bytes = repo.read(&Rev::At(spec.to_owned()), "a.txt").unwrap().unwrap();
        assert_eq!(bytes, b"one\n", "{spec}");
    }
    assert_eq!(repo.read(&Rev::WorkingTree, "a.txt").unwrap().unwrap(), b"three\n");
    assert!(repo.read(&Rev::WorkingTree, "none.txt").unwrap().is_none());
    assert!(repo.read(&Rev::WorkingTree, "../a.txt").is_err());
    let e = repo.read(&Rev::At("feature/y".into()), "a.txt").unwrap_err();
    assert_eq!(e.hint.as_deref(), Some("Did you mean feature/x?"));
    let names: Vec<_> = repo.refs().unwrap().into_iter().map(|r| (r.name, r.current)).collect();
    assert_eq!(names.len(), 3, "andon/board is no place to work on: {names:?}");
    assert!(names[0].1 && !names[1].1);
    repo.git.set_head_detached(commit.id()).unwrap();
    assert!(matches!(repo.head().unwrap(), Head::Detached { .. }));
    assert!(repo.head().unwrap().label().starts_with("detached at "));
}

#[test]
fn changed_files_work_in_both_directions_and_before_the_first_commit() {
    let s = Sandbox::new();
    s.write("a.txt", "one\n");
    let letters = |base: Rev, compare: Rev| -> Vec<String> {
        let files = s.repo().changed_files(&base, &compare, &cx()).unwrap().files;
        files.iter().map(|f| format!("{}{}", f.change.letter(), f.path)).collect()
    };
    assert_eq!(letters(Rev::head(), Rev::WorkingTree), ["Aa.txt"]);
    assert_eq!(s.repo().log("HEAD", 9, &cx()).unwrap(), []);
    s.commit("One", &["a.txt"]).unwrap();
    s.write("a.txt", "two\n");
    s.write("b.txt", "new\n");
    assert_eq!(letters(Rev::head(), Rev::WorkingTree), ["Ma.txt", "Ab.txt"]);
    assert_eq!(letters(Rev::WorkingTree, Rev::head()), ["Ma.txt", "Db.txt"]);
    assert_eq!(letters(Rev::Empty, Rev::head()), ["Aa.txt"]);
    assert!(letters(Rev::WorkingTree, Rev::WorkingTree).is_empty());
}

#[test]
fn a_workspace_inside_a_repository_sees_and_commits_only_its_own_files() {
    let s = Sandbox::new();
    s.write("outside.txt", "one\n");
    s.write("team/a.txt", "one\n");
    s.write("team2/b.txt", "one\n");
    let inner = Repo::open(&s.dir.path().join("team")).unwrap();
    let status = inner.status(&cx()).unwrap();
    assert_eq!(names(&status.files), ["a.txt new"]);
    inner.commit("Team", &["a.txt".into()], &cx()).unwrap();
    assert_eq!(inner.read(&Rev::head(), "a.txt").unwrap().unwrap(), b"one\n");
    assert!(inner.changed_files(&Rev::head(), &Rev::WorkingTree, &cx()).unwrap().files.is_empty());
    assert_eq!(inner.file_history("HEAD", "a.txt", 9, &cx()).unwrap().len(), 1);
    assert_eq!(names(&s.status().files), ["outside.txt new", "team2/b.txt new"]);
}

#[test]
fn conflicts_are_seen_and_a_merge_is_committed_once_they_are_decided() {
    let s = Sandbox::new();
    s.write("a.txt", "base\n");
    s.commit("Base", &["a.txt"]).unwrap();
    let repo = s.repo();
    let base = repo.git.head().unwrap().peel_to_commit().unwrap();
    repo.git.branch("theirs", &base, false).unwrap();
    s.write("a.txt", "ours\n");
    s.commit("Ours", &["a.txt"]).unwrap();
    let blob = repo.git.blob(b"theirs\n").unwrap();
    let mut builder = repo.git.treebuilder(Some(&base.tree().unwrap())).unwrap();
    builder.insert("a.txt", blob, 0o100_644).unwrap();
    let tree = repo.git.find_tree(builder.write().unwrap()).unwrap();
    let who = repo.git.signature().unwrap();
    repo.git.commit(Some("refs/heads/theirs"), &who, &who, "Theirs", &tree, &[&base]).unwrap();
    let other = repo.git.find_reference("refs/heads/theirs").unwrap();
    let other = repo.git.reference_to_annotated_commit(&other).unwrap();
    repo.git.merge(&[&other], None, None).unwrap();
    let status = s.status();
    assert!(status.file("a.txt").unwrap().conflicted);
    assert_eq!(status.underway, Underway::Merge);
    assert!(s.commit("Merge", &["a.txt"]).unwrap_err().what.contains("conflict marks"));
    s.write("a.txt", "both\n");
    let merged = s.commit("Merge", &["a.txt"]).unwrap();
    assert_eq!(merged.parents.len(), 2);
    assert_eq!(s.status().underway, Underway::Nothing);
    assert_eq!(s.repo().merge_base("HEAD", "theirs").unwrap(), s.repo().resolve("theirs").unwrap());
}

#[test]
fn a_bare_repository_is_read_and_refuses_what_needs_files() {
    let dir = tempfile::tempdir().unwrap();
    git2::Repository::init_bare(dir.path()).unwrap();
    let repo = Repo::open(dir.path()).unwrap();
    assert!(repo.status(&cx()).unwrap().bare);
    assert!(repo.stage(&["a".into()], &cx()).unwrap_err().what.contains("bare"));
    assert!(repo.commit("x", &["a".into()], &cx()).is_err());
}

#[test]
fn names_with_odd_letters_and_many_files_work() {
    let s = Sandbox::new();
    let odd = ["ünï cödé.txt", "with space.txt", "star*.txt", "[b].txt", "-dash.txt", "quote\".txt"];
    for name in odd {
        s.write(name, "x\n");
    }
    s.hook("pre-commit", "exit 0");
    s.commit("Odd", &odd).unwrap();
    assert!(s.status().files.is_empty());
    for n in 0..MAX_FILES + 7 {
        fs::write(s.dir.path().join(format!("f{n:05}")), "").unwrap();
    }
    let status = s.status();
    assert_eq!((status.files.len(), status.more), (MAX_FILES, 7));
    assert_eq!(status.count(), (MAX_FILES + 7) as u64);
}

#[test]
fn a_file_kept_by_lfs_is_read_from_the_local_store_or_said_to_be_missing() {
    let s = Sandbox::new();
    let oid = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    s.write("big.bin", &format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 3\n"));
    s.commit("Big", &["big.bin"]).unwrap();
    let e = s.repo().read(&Rev::head(), "big.bin").unwrap_err();
    assert!(e.hint.unwrap().contains("git lfs fetch"));
    s.write(&format!(".git/lfs/objects/01/23/{oid}"), "abc");
    assert_eq!(s.repo().read(&Rev::head(), "big.bin").unwrap().unwrap(), b"abc");
}

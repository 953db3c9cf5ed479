//! Version actions through the real host, between two clones of a bare repository on disk.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command as Program,
    sync::Arc,
    time::{Duration, Instant},
};

use super::work::{Ask, Command, Work, unsaved};
use crate::{
    app::{
        conflict,
        env::NoWaker,
        host::Host,
        shell::{self, Dialog, Page},
        workspace,
    },
    base::time::SystemClock,
    engine::{dirs::Dirs, git::Repo},
    model::git::{Rev, Target, Underway},
};

struct World {
    dir: tempfile::TempDir,
}

fn git(dir: &Path, words: &[&str]) -> String {
    let out = Program::new("git").arg("-C").arg(dir).args(words).output().unwrap();
    assert!(out.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

fn set_up(root: &Path) {
    for (key, value) in [
        ("user.name", "Mara Okafor"),
        ("user.email", "mara@example.org"),
        ("commit.gpgsign", "false"),
        ("core.hooksPath", ".git/hooks"),
    ] {
        git(root, &["config", key, value]);
    }
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "--quiet", "--bare", "-b", "main", "origin.git"]);
        let world = Self { dir };
        let seed = world.clone("seed");
        world.write(&seed, "a.txt", "one\n");
        git(&seed, &["add", "."]);
        git(&seed, &["commit", "--quiet", "-m", "First"]);
        git(&seed, &["push", "--quiet", "origin", "main"]);
        world
    }
    fn clone(&self, name: &str) -> PathBuf {
        git(self.dir.path(), &["clone", "--quiet", "origin.git", name]);
        let root = self.dir.path().join(name).canonicalize().unwrap();
        set_up(&root);
        root
    }
    fn write(&self, root: &Path, path: &str, text: &str) {
        fs::write(root.join(path), text).unwrap();
    }
    fn commit(&self, root: &Path, path: &str, text: &str, message: &str) {
        self.write(root, path, text);
        git(root, &["add", path]);
        git(root, &["commit", "--quiet", "-m", message]);
    }
    /// The window on a clone, trusted.
    fn host(&self, root: &Path) -> Host {
        let mut host = self.untrusted(root);
        host.send(workspace::Command::Trust { then: None });
        settle(&mut host);
        host
    }
    fn untrusted(&self, root: &Path) -> Host {
        let home = self.dir.path().join("home");
        let mut host = Host::new(Dirs::below(&home), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
        host.send(workspace::Command::Open(root.to_path_buf()));
        settle(&mut host);
        host
    }
}

#[track_caller]
fn settle(host: &mut Host) {
    assert!(host.settle(Duration::from_mins(1)), "{:?}", host.state.jobs);
}

#[track_caller]
fn act(host: &mut Host, command: impl Into<crate::app::Command>) {
    host.send(command);
    settle(host);
}

/// The newest notice.
#[track_caller]
fn said(host: &Host) -> String {
    let notices = &host.state.notices;
    let last = notices.shown.last().or(notices.history.last());
    last.map(|n| format!("{} | {}", n.title, n.body)).unwrap_or_default()
}

fn ask(host: &Host) -> Option<&Ask> {
    match &host.state.shell.dialog {
        Some(Dialog::Git(ask)) => Some(ask),
        _ => None,
    }
}

fn branch(host: &Host) -> String {
    host.state.git.branch().unwrap_or_default()
}

fn to(name: &str) -> Work {
    Work::PlanSwitch(Target::Branch(name.into()))
}

#[test]
fn nothing_that_starts_git_runs_before_the_folder_is_trusted() {
    let world = World::new();
    let root = world.clone("a");
    world.commit(&root, "a.txt", "two\n", "Second");
    let mut host = world.untrusted(&root);
    let stash = Work::Stash { message: String::new(), untracked: true };
    for work in [Work::Push, Work::Pull, Work::Fetch, stash, Work::Discard(vec!["a.txt".into()])] {
        act(&mut host, work.clone());
        let Some(Dialog::Trust { then: Some(then) }) = &host.state.shell.dialog else { panic!("{work:?} ran") };
        assert_eq!(**then, work.into());
    }
    act(&mut host, Work::Push);
    let Some(Dialog::Trust { then }) = host.state.shell.dialog.clone() else { panic!("no question") };
    act(&mut host, workspace::Command::Trust { then });
    assert!(said(&host).contains("Pushed 1 commit to origin/main"), "{}", said(&host));
}

#[test]
fn a_branch_is_made_renamed_deleted_and_each_step_taken_back() {
    let world = World::new();
    let root = world.clone("a");
    let mut host = world.host(&root);
    act(&mut host, Command::Ask(Ask::Create { from: String::new(), name: "fix".into() }));
    act(&mut host, Work::Create { name: "fix".into(), from: String::new(), switch: true });
    assert_eq!((branch(&host).as_str(), ask(&host)), ("fix", None));
    act(&mut host, Command::Undo);
    assert_eq!((branch(&host).as_str(), host.state.git.refs.iter().any(|r| r.name == "fix")), ("main", false));
    act(&mut host, Work::Create { name: "fix".into(), from: String::new(), switch: true });
    act(&mut host, Work::Rename { from: "fix".into(), to: "fix/units".into() });
    assert_eq!(branch(&host), "fix/units");
    act(&mut host, Command::Undo);
    assert_eq!(branch(&host), "fix");
    world.commit(&root, "a.txt", "two\n", "Only here");
    act(&mut host, to("main"));
    assert_eq!(branch(&host), "main");
    act(&mut host, Work::PlanDelete("fix".into()));
    let Some(Ask::Delete(plan)) = ask(&host).cloned() else { panic!("no question: {}", said(&host)) };
    assert_eq!(plan.only_here, ["Only here"]);
    act(&mut host, Work::Delete(plan));
    assert!(!host.state.git.refs.iter().any(|r| r.name == "fix"));
    act(&mut host, Command::Undo);
    assert!(host.state.git.refs.iter().any(|r| r.name == "fix" && r.summary == "Only here"));
    // A dialog shows why it failed; without one a notice does.
    act(&mut host, Command::Ask(Ask::Create { from: String::new(), name: String::new() }));
    act(&mut host, Work::Create { name: "fix".into(), from: String::new(), switch: true });
    assert!(host.state.git.work.error.as_ref().unwrap().what.contains("already is"));
    assert!(ask(&host).is_some());
    act(&mut host, shell::Command::CloseDialog);
    act(&mut host, Work::PlanDelete("main".into()));
    assert!(said(&host).contains("main is the current branch"), "{}", said(&host));
}

#[test]
fn switching_with_changes_asks_stashes_and_brings_them_back() {
    let world = World::new();
    let root = world.clone("a");
    git(&root, &["branch", "other"]);
    git(&root, &["switch", "--quiet", "other"]);
    world.commit(&root, "a.txt", "other\n", "Other");
    git(&root, &["switch", "--quiet", "main"]);
    world.write(&root, "a.txt", "mine\n");
    let mut host = world.host(&root);
    act(&mut host, to("other"));
    let Some(Ask::Switch(plan)) = ask(&host).cloned() else { panic!("no question: {}", said(&host)) };
    assert!(!plan.can_carry() && plan.blocked == ["a.txt"]);
    // The plan follows the files while it is being read.
    world.write(&root, "b.txt", "new\n");
    git(&root, &["add", "b.txt"]);
    act(&mut host, super::Command::Refresh);
    let Some(Ask::Switch(plan)) = ask(&host).cloned() else { panic!("gone") };
    assert_eq!(plan.dirty, ["a.txt", "b.txt"]);
    act(&mut host, Work::Switch { to: plan.to, stash: Some(false), take: None });
    assert_eq!((branch(&host).as_str(), host.state.git.work.stashes.len()), ("other", 1), "{}", said(&host));
    assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "other\n");
    act(&mut host, Command::Undo);
    assert_eq!((branch(&host).as_str(), host.state.git.work.stashes.len()), ("main", 0), "{}", said(&host));
    assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "mine\n");
    assert_eq!(git(&root, &["status", "--porcelain"]), "M a.txt\nA  b.txt");
    // Later, by hand: coming back offers what was put aside.
    act(&mut host, Work::Switch { to: Target::Branch("other".into()), stash: Some(false), take: None });
    act(&mut host, to("main"));
    let offer = host.state.notices.shown.iter().find_map(|n| n.action.clone()).unwrap();
    assert_eq!(offer.0, "Take them out");
    act(&mut host, *offer.1);
    assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "mine\n");
}

#[test]
fn unsaved_edits_stay_in_the_editor_when_the_branch_changes() {
    let world = World::new();
    let root = world.clone("a");
    git(&root, &["switch", "--quiet", "-c", "other"]);
    world.commit(&root, "a.txt", "other\n", "Other");
    git(&root, &["switch", "--quiet", "main"]);
    let mut host = world.host(&root);
    act(&mut host, workspace::Command::OpenFile("a.txt".into()));
    let doc = host.state.notebook.doc().unwrap().id;
    host.send(crate::app::notebook::Command::TypeFile { doc, text: "precious\n".into() });
    act(&mut host, to("other"));
    let Some(Ask::Switch(plan)) = ask(&host).cloned() else { panic!("no question") };
    assert_eq!((unsaved(&host.state), plan.differ), (vec!["a.txt".to_owned()], vec!["a.txt".to_owned()]));
    act(&mut host, Work::Switch { to: plan.to, stash: None, take: None });
    let doc = host.state.notebook.doc().unwrap();
    assert!(doc.is_dirty() && doc.conflict.is_some(), "the edits are there and saving asks first");
    assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "other\n");
}

#[test]
fn a_merge_with_conflicts_leads_to_them_and_can_be_aborted() {
    let world = World::new();
    let root = world.clone("a");
    git(&root, &["switch", "--quiet", "-c", "fix"]);
    world.commit(&root, "a.txt", "theirs\n", "Theirs");
    git(&root, &["switch", "--quiet", "main"]);
    let mut host = world.host(&root);
    act(&mut host, Work::PlanMerge("fix".into()));
    let Some(Ask::Merge(plan)) = ask(&host).cloned() else { panic!("no question") };
    assert!(plan.fast_forward);
    act(&mut host, Work::Merge { from: "fix".into(), commit: false });
    assert!(said(&host).contains("main moved forward to fix"), "{}", said(&host));
    act(&mut host, Work::PlanMerge("fix".into()));
    assert!(said(&host).contains("already has all"), "{}", said(&host));
    git(&root, &["reset", "--quiet", "--hard", "HEAD~1"]);
    world.commit(&root, "a.txt", "ours\n", "Ours");
    act(&mut host, Work::Merge { from: "fix".into(), commit: false });
    assert_eq!(host.state.git.status.underway, Underway::Merge);
    assert_eq!((host.state.shell.page, host.state.conflict.path.as_deref()), (Page::Review, Some("a.txt")));
    assert!(host.state.conflict.in_front);
    assert!(said(&host).contains("conflicts"), "{}", said(&host));
    let facts: Vec<String> = shell::status_left(&host.state).into_iter().map(|f| f.text).collect();
    assert!(facts.iter().any(|f| f == "Merge underway"), "{facts:?}");
    act(&mut host, to("fix"));
    assert!(said(&host).contains("A merge is underway here"), "{}", said(&host));
    act(&mut host, conflict::Command::Abort);
    assert_eq!(host.state.git.status.underway, Underway::Nothing);
    assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "ours\n");
}

#[test]
fn stashes_are_listed_shown_dropped_and_brought_back() {
    let world = World::new();
    let root = world.clone("a");
    world.write(&root, "a.txt", "mine\n");
    world.write(&root, "new.txt", "new\n");
    let mut host = world.host(&root);
    act(&mut host, Work::Stash { message: "half done".into(), untracked: true });
    let stash = host.state.git.work.stashes[0].clone();
    assert_eq!((stash.message.as_str(), stash.files), ("half done", 2));
    assert!(!root.join("new.txt").exists());
    act(&mut host, Command::Undo);
    assert!(root.join("new.txt").exists() && host.state.git.work.stashes.is_empty());
    act(&mut host, Work::Stash { message: "half done".into(), untracked: true });
    let stash = host.state.git.work.stashes[0].clone();
    act(&mut host, Command::ShowStash(Box::new(stash.clone())));
    let shown: Vec<&str> = host.state.review.files.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!((host.state.shell.page, shown), (Page::Review, vec!["a.txt", "new.txt"]));
    act(&mut host, Work::Drop(stash.clone()));
    assert!(host.state.git.work.stashes.is_empty());
    act(&mut host, Command::Undo);
    assert_eq!(host.state.git.work.stashes[0].id, stash.id);
    act(&mut host, Work::Apply(stash.clone()));
    assert!(root.join("new.txt").exists() && host.state.git.work.stashes.len() == 1);
}

#[test]
fn discarded_changes_come_back_from_the_notice_and_from_the_palette() {
    let world = World::new();
    let root = world.clone("a");
    world.write(&root, "a.txt", "mine\n");
    world.write(&root, "new.bin", "\u{0}new");
    let mut host = world.host(&root);
    act(&mut host, Work::Discard(vec!["a.txt".into(), "new.bin".into()]));
    assert!(host.state.git.status.files.is_empty() && !root.join("new.bin").exists(), "{}", said(&host));
    let offers = crate::app::git::actions(&host.state);
    assert!(offers.iter().any(|a| a.title == "Undo: Bring the discarded changes back"));
    let again =
        offers.into_iter().find(|a| a.title.starts_with("Bring back the discarded changes of 2 files")).unwrap();
    act(&mut host, again.command);
    assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "mine\n");
    assert_eq!(fs::read(root.join("new.bin")).unwrap(), b"\0new");
    assert!(host.state.git.work.discards.is_empty());
}

#[test]
fn push_and_pull_between_two_clones_and_a_refused_push_leads_to_the_pull() {
    let world = World::new();
    let (a, b) = (world.clone("a"), world.clone("b"));
    let mut host = world.host(&a);
    world.commit(&b, "b.txt", "from b\n", "From b");
    git(&b, &["push", "--quiet"]);
    act(&mut host, Work::Fetch);
    assert!(said(&host).contains("1 changed branch") && said(&host).contains("1 commit ahead"), "{}", said(&host));
    assert_eq!(host.state.git.status.ahead_behind, Some((0, 1)));
    act(&mut host, Work::Pull);
    assert!(a.join("b.txt").exists() && said(&host).contains("Pulled 1 commit"), "{}", said(&host));
    act(&mut host, Command::Undo);
    assert!(!a.join("b.txt").exists(), "{}", said(&host));
    world.commit(&a, "a.txt", "from a\n", "From a");
    act(&mut host, Work::Push);
    let refused = host.state.notices.shown.iter().rfind(|n| n.title.contains("commits that you do not have")).unwrap();
    assert_eq!(refused.action.as_ref().unwrap().0, "Pull");
    act(&mut host, Work::Pull);
    let Some(Ask::Diverged { upstream, ahead: 1, behind: 1 }) = ask(&host).cloned() else { panic!("{}", said(&host)) };
    act(&mut host, Work::Merge { from: upstream, commit: false });
    act(&mut host, Work::Push);
    assert!(said(&host).contains("Pushed 2 commits to origin/main"), "{}", said(&host));
    assert_eq!(host.state.git.status.ahead_behind, Some((0, 0)));
    act(&mut host, Work::Create { name: "fix".into(), from: String::new(), switch: true });
    act(&mut host, Work::Push);
    assert_eq!(host.state.git.status.upstream.as_deref(), Some("origin/fix"), "{}", said(&host));
    git(&a, &["remote", "remove", "origin"]);
    act(&mut host, super::Command::Refresh);
    act(&mut host, Work::Push);
    assert_eq!(host.state.notices.shown.last().unwrap().action.as_ref().unwrap().0, "Add a remote\u{2026}");
    let url = world.dir.path().join("origin.git").display().to_string();
    act(&mut host, Work::AddRemote { url });
    assert_eq!(host.state.git.work.remotes, ["origin"]);
}

#[test]
fn a_clone_opens_untrusted_and_a_failed_one_keeps_what_was_typed() {
    let world = World::new();
    let home = world.dir.path().join("home");
    let mut host = Host::new(Dirs::below(&home), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    let folder = world.dir.path().join("fresh");
    act(&mut host, Command::Ask(Ask::Clone));
    let gone = world.dir.path().join("nowhere.git").display().to_string();
    act(&mut host, Work::Clone { url: gone.clone(), folder: folder.clone() });
    assert!(host.state.git.work.error.as_ref().unwrap().what.contains("Could not clone") && ask(&host).is_some());
    assert_eq!(host.state.git.work.clone.as_ref().unwrap().0, gone);
    let url = world.dir.path().join("origin.git").display().to_string();
    act(&mut host, Work::Clone { url, folder: folder.clone() });
    assert_eq!(host.state.workspace.root, Some(folder.canonicalize().unwrap()), "{:?}", host.state.git.work.error);
    assert!(!host.state.workspace.trusted);
    assert_eq!((branch(&host).as_str(), ask(&host)), ("main", None));
}

/// While one action runs a second is not started, and cancelling the first one ends it.
#[test]
fn one_action_at_a_time_and_it_can_be_stopped() {
    let world = World::new();
    let root = world.clone("a");
    let script = world.dir.path().join("slow");
    fs::write(&script, "#!/bin/sh\nexec sleep 60\n").unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    git(&root, &["config", "core.sshCommand", &script.display().to_string()]);
    git(&root, &["remote", "set-url", "origin", "git@example.org:x.git"]);
    let mut host = world.host(&root);
    host.send(Work::Fetch);
    host.send(Work::Push);
    assert!(said(&host).contains("git is at work: fetching"), "{}", said(&host));
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(200));
    host.send(shell::Command::CancelJob("git.work".into()));
    settle(&mut host);
    assert!(start.elapsed() < Duration::from_secs(20) && host.state.git.work.busy.is_none());
    assert!(said(&host).contains("Cancelled"), "{}", said(&host));
}

#[test]
fn stash_sides_name_the_commit_below_and_the_stash() {
    let world = World::new();
    let root = world.clone("a");
    world.write(&root, "a.txt", "mine\n");
    let mut host = world.host(&root);
    act(&mut host, Work::Stash { message: String::new(), untracked: false });
    let stash = host.state.git.work.stashes[0].clone();
    let (base, compare) = Repo::stash_sides(&stash);
    assert_eq!(base, Rev::At(stash.base.clone()));
    assert_ne!(base, compare);
}

#[test]
fn the_change_of_one_cell_is_discarded_and_comes_back() {
    let world = World::new();
    let root = world.clone("a");
    let cell = |source: &str| serde_json::json!({"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": 1});
    let book = |sources: [&str; 3]| {
        let cells: Vec<_> = sources.iter().map(|s| cell(s)).collect();
        serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).to_string()
    };
    let first = ["import polars as pl", "delay = day.mean()\nprint(delay)", "total = 1 + 2 + 3"];
    world.commit(&root, "n.ipynb", &book(first), "Notebook");
    let both = book([first[0], "delay = day.median()\nprint(delay)", "total = 1 + 2 + 4"]);
    world.write(&root, "n.ipynb", &both);
    let mut host = world.host(&root);
    let show = crate::app::review::Command::Show {
        base: Rev::head(),
        compare: Rev::WorkingTree,
        path: Some("n.ipynb".into()),
    };
    act(&mut host, show);
    assert_eq!(host.state.review.changes(), [1, 2]);
    act(&mut host, crate::app::review::Command::Discard(Some(1)));
    let now = fs::read_to_string(root.join("n.ipynb")).unwrap();
    assert_eq!(now, book([first[0], first[1], "total = 1 + 2 + 4"]), "{}", said(&host));
    assert_eq!(host.state.review.changes(), [2], "the page follows");
    act(&mut host, Command::Undo);
    assert_eq!(fs::read_to_string(root.join("n.ipynb")).unwrap(), both);
    // Somebody saves meanwhile: what was looked at is not what lies there.
    world.write(&root, "n.ipynb", &format!("{both}\n"));
    host.send(crate::app::review::Command::Discard(Some(1)));
    settle(&mut host);
    assert!(said(&host).contains("changed since"), "{}", said(&host));
}

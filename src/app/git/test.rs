//! Version actions through the real host, between two clones of a bare repository on disk.
use std::{
    fs,
    path::{Path, PathBuf},
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
    engine::{
        dirs::Dirs,
        git::{
            Repo,
            testing::{World, git, script},
        },
    },
    model::git::{Rev, Target, Underway},
};

/// A window on clones of a bare repository.
struct Desk(World);

impl Desk {
    fn new() -> Self {
        let desk = Self(World::new());
        desk.clone("seed");
        desk
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }
    fn clone(&self, name: &str) -> PathBuf {
        self.0.clone(name).root().to_path_buf()
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
        let mut host = self.window();
        host.send(workspace::Command::Open(root.to_path_buf()));
        settle(&mut host);
        host
    }
    /// The window with nothing open.
    fn window(&self) -> Host {
        Host::new(Dirs::below(&self.path("home")), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap()
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
    let world = Desk::new();
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
    let world = Desk::new();
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
    let world = Desk::new();
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
    let world = Desk::new();
    let root = world.clone("a");
    git(&root, &["switch", "--quiet", "-c", "other"]);
    world.commit(&root, "a.txt", "other\n", "Other");
    git(&root, &["switch", "--quiet", "main"]);
    let mut host = world.host(&root);
    act(&mut host, workspace::Command::OpenFile("a.txt".into()));
    let doc = host.state.notebook.doc().unwrap().id;
    host.send(crate::app::notebook::Command::EditFile {
        doc,
        acts: vec![crate::model::editor::Act::SetText("precious\n".into())],
    });
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
    let world = Desk::new();
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
    let world = Desk::new();
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
    let world = Desk::new();
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
    let world = Desk::new();
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
    // A failure offers to try again, and its notice goes once that is done.
    let gone = world.path("away.git");
    fs::rename(world.path("origin.git"), &gone).unwrap();
    act(&mut host, Work::Fetch);
    let failed =
        |host: &Host| host.state.notices.shown.iter().rfind(|n| n.title.starts_with("Could not fetch")).cloned();
    let again = failed(&host).unwrap().action.unwrap();
    assert_eq!(again.0, "Try again");
    fs::rename(&gone, world.path("origin.git")).unwrap();
    act(&mut host, *again.1);
    assert!(failed(&host).is_none() && host.state.git.work.error.is_none(), "{}", said(&host));
    git(&a, &["remote", "remove", "origin"]);
    act(&mut host, super::Command::Refresh);
    act(&mut host, Work::Push);
    assert_eq!(host.state.notices.shown.last().unwrap().action.as_ref().unwrap().0, "Add a remote\u{2026}");
    let url = world.path("origin.git").display().to_string();
    act(&mut host, Work::AddRemote { url });
    assert_eq!(host.state.git.work.remotes, ["origin"]);
}

#[test]
fn a_clone_opens_untrusted_and_a_failed_one_keeps_what_was_typed() {
    let world = Desk::new();
    let mut host = world.window();
    let folder = world.path("fresh");
    act(&mut host, Command::Ask(Ask::Clone));
    let gone = world.path("nowhere.git").display().to_string();
    act(&mut host, Work::Clone { url: gone.clone(), folder: folder.clone() });
    assert!(host.state.git.work.error.as_ref().unwrap().what.contains("Could not clone") && ask(&host).is_some());
    assert_eq!(host.state.git.work.clone.as_ref().unwrap().0, gone);
    let url = world.path("origin.git").display().to_string();
    act(&mut host, Work::Clone { url, folder: folder.clone() });
    assert_eq!(host.state.workspace.root, Some(folder.canonicalize().unwrap()), "{:?}", host.state.git.work.error);
    assert!(!host.state.workspace.trusted);
    assert_eq!((branch(&host).as_str(), ask(&host)), ("main", None));
}

/// While one action runs a second is not started, and cancelling the first one ends it.
#[test]
fn one_action_at_a_time_and_it_can_be_stopped() {
    let world = Desk::new();
    let root = world.clone("a");
    let slow = world.path("slow");
    script(&slow, "exec sleep 60");
    git(&root, &["config", "core.sshCommand", &slow.display().to_string()]);
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
    let world = Desk::new();
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
    let world = Desk::new();
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

fn book(sources: &[&str]) -> String {
    let cell = |source: &&str| serde_json::json!({"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": 1});
    let cells: Vec<_> = sources.iter().map(cell).collect();
    let all = serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4});
    format!("{}\n", serde_json::to_string_pretty(&all).unwrap())
}

#[test]
fn the_change_of_some_lines_is_discarded_and_comes_back() {
    let world = Desk::new();
    let root = world.clone("a");
    let lines: Vec<String> = (0..30).map(|n| format!("line {n}\n")).collect();
    world.commit(&root, "q.sql", &lines.concat(), "Query");
    let mut edited = lines.clone();
    edited[3] = "LINE 3\n".into();
    edited.insert(20, "fresh\n".into());
    world.write(&root, "q.sql", &edited.concat());
    let mut host = world.host(&root);
    let path = Some("q.sql".to_owned());
    act(&mut host, crate::app::review::Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path });
    assert_eq!(host.state.review.changes(), [3, 21]);
    host.send(crate::app::review::Command::Next);
    let offers = crate::app::git::actions(&host.state);
    assert!(offers.iter().any(|a| a.title == "Discard the change of these lines"));
    act(&mut host, crate::app::review::Command::Discard(None));
    edited.remove(20);
    assert_eq!(fs::read_to_string(root.join("q.sql")).unwrap(), edited.concat(), "{}", said(&host));
    assert_eq!(host.state.review.changes(), [3], "the page follows");
    act(&mut host, crate::app::review::Command::Discard(Some(3)));
    assert_eq!(fs::read_to_string(root.join("q.sql")).unwrap(), lines.concat());
    act(&mut host, Command::Undo);
    assert_eq!(fs::read_to_string(root.join("q.sql")).unwrap(), edited.concat());
    // What is not on both sides is discarded whole.
    world.write(&root, "new.sql", "SELECT 1\n");
    act(&mut host, super::Command::Refresh);
    act(&mut host, crate::app::review::Command::Select("new.sql".into()));
    act(&mut host, crate::app::review::Command::Discard(Some(0)));
    assert!(root.join("new.sql").exists());
}

#[test]
fn on_the_notebook_page_one_cell_goes_back_to_the_last_commit() {
    use crate::app::notebook::Command as Edit;
    let world = Desk::new();
    let root = world.clone("a");
    let first = ["import polars as pl", "delay = day.mean()\nprint(delay)", "total = 1 + 2 + 3"];
    world.commit(&root, "n.ipynb", &book(&first), "Notebook");
    let mut host = world.host(&root);
    act(&mut host, workspace::Command::OpenFile("n.ipynb".into()));
    let select = |host: &mut Host, at: usize| {
        let key = host.state.notebook.doc().unwrap().cells()[at].key;
        act(host, Edit::Select(key));
    };
    let write = |host: &mut Host, text: &str| {
        let key = host.state.notebook.doc().unwrap().selected;
        act(host, Edit::EditCell { key, acts: vec![crate::model::editor::Act::SetText(text.into())] });
    };
    let bytes = |host: &Host| {
        let doc = host.state.notebook.doc().unwrap();
        String::from_utf8(doc.snapshot().unwrap().to_bytes()).unwrap()
    };
    select(&mut host, 1);
    act(&mut host, Edit::RevertCell);
    assert!(said(&host).contains("Cell 2 is as the last commit has it"), "{}", said(&host));
    assert!(!host.state.notebook.doc().unwrap().is_dirty());
    // Two cells differ, one of them on disk, one in the editor alone.
    select(&mut host, 2);
    write(&mut host, "total = 1 + 2 + 4");
    act(&mut host, Edit::Save);
    select(&mut host, 1);
    write(&mut host, "delay = day.median()");
    let edited = bytes(&host);
    act(&mut host, Edit::RevertCell);
    assert!(said(&host).contains("Discarded the change of cell 2 of n.ipynb"), "{}", said(&host));
    assert_eq!(bytes(&host), book(&[first[0], first[1], "total = 1 + 2 + 4"]), "the other cells keep their bytes");
    assert_eq!(host.state.notebook.doc().unwrap().index(), 1, "and it stays selected");
    let undo = host.state.notices.shown.iter().rev().find_map(|n| n.action.clone()).unwrap();
    act(&mut host, *undo.1);
    assert_eq!(bytes(&host), edited);
    act(&mut host, Edit::Redo);
    assert_eq!(bytes(&host), book(&[first[0], first[1], "total = 1 + 2 + 4"]));
    // A moved and edited cell goes back in one step, a new one goes away.
    select(&mut host, 2);
    act(&mut host, Edit::Move { up: true });
    act(&mut host, Edit::Move { up: true });
    let moved = bytes(&host);
    act(&mut host, Edit::RevertCell);
    assert_eq!(bytes(&host), book(&first), "{}", said(&host));
    act(&mut host, Edit::Undo);
    assert_eq!(bytes(&host), moved);
    act(&mut host, Edit::Redo);
    act(&mut host, Edit::Insert { above: false, kind: crate::model::notebook::CellKind::Code });
    write(&mut host, "limits = [4, 5]\nassert limits");
    act(&mut host, Edit::RevertCell);
    assert!(said(&host).contains("Took out cell 4"), "{}", said(&host));
    assert_eq!(bytes(&host), book(&first));
    // The whole file: what is not saved must be saved first, so that all of it can come back.
    select(&mut host, 0);
    select(&mut host, 0);
    write(&mut host, "import duckdb");
    act(&mut host, Edit::RevertFile);
    assert!(said(&host).contains("not saved"), "{}", said(&host));
    act(&mut host, Edit::Save);
    act(&mut host, Edit::RevertFile);
    assert_eq!(fs::read_to_string(root.join("n.ipynb")).unwrap(), book(&first), "{}", said(&host));
    assert_eq!(bytes(&host), book(&first), "the editor follows");
    act(&mut host, Command::Undo);
    assert_eq!(bytes(&host), book(&["import duckdb", first[1], first[2]]));
    // What no commit has cannot go back.
    world.write(&root, "new.ipynb", &book(&["x = 1"]));
    act(&mut host, workspace::Command::OpenFile("new.ipynb".into()));
    act(&mut host, Edit::RevertCell);
    assert!(said(&host).contains("new.ipynb is not in the last commit"), "{}", said(&host));
}

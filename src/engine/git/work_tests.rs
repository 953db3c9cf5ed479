//! Branches, merges, stashes, discards and remotes on real repositories.
use std::{
    fs,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{
    testing::{World, git, hook, save, script, set_up},
    *,
};
use crate::{
    base::{
        Kind,
        job::{Cancel, JobCtx},
        time::SystemClock,
    },
    model::git::{Merged, Pulled, Target},
};

fn cx() -> JobCtx {
    JobCtx::detached()
}

fn text(repo: &Repo, path: &str) -> String {
    fs::read_to_string(repo.root().join(path)).unwrap()
}

fn branch(repo: &Repo) -> String {
    repo.head().unwrap().label()
}

fn to(name: &str) -> Target {
    Target::Branch(name.to_owned())
}

#[test]
fn branches_are_made_switched_renamed_deleted_and_brought_back() {
    let world = World::new();
    let repo = world.clone("a");
    repo.create_branch("fix/units", "", true, &cx()).unwrap();
    assert_eq!(branch(&repo), "fix/units");
    let lost = save(&repo, "a.txt", "two\n", "Mend the units");
    repo.create_branch("later", "main", false, &cx()).unwrap();
    let e = repo.create_branch("later", "", false, &cx()).unwrap_err();
    assert!(e.what.contains("already is a branch"), "{e}");
    for bad in ["a b", "-x", "a..b", "HEAD", "andon/mine", ""] {
        assert!(repo.create_branch(bad, "", false, &cx()).is_err(), "{bad}");
    }
    assert!(repo.create_branch("x", "nowhere", false, &cx()).is_err());
    let e = repo.delete_plan("fix/units", &cx()).unwrap_err();
    assert!(e.what.contains("current branch"), "{e}");
    assert_eq!(repo.switch(&to("main"), &cx()).unwrap(), to("fix/units"));
    assert_eq!(text(&repo, "a.txt"), "one\n");
    repo.rename_branch("later", "much-later", &cx()).unwrap();
    assert!(repo.delete_plan("much-later", &cx()).unwrap().only_here.is_empty(), "merged: nothing is lost");
    let plan = repo.delete_plan("fix/units", &cx()).unwrap();
    assert_eq!((plan.only_here.as_slice(), plan.only_here_count), (["Mend the units".to_owned()].as_slice(), 1));
    repo.delete_branch(&plan, &cx()).unwrap();
    assert!(repo.resolve("fix/units").is_err());
    repo.restore_branch(&plan, &cx()).unwrap();
    assert_eq!(repo.resolve("fix/units").unwrap(), Some(lost));
    // Somebody went on with it after the question.
    git(repo.root(), &["branch", "-f", "fix/units", "main"]);
    assert!(repo.delete_branch(&plan, &cx()).unwrap_err().what.contains("has moved"));
}

#[test]
fn a_deleted_branch_comes_back_with_what_it_followed() {
    let world = World::new();
    let repo = world.clone("a");
    repo.create_branch("fix", "", true, &cx()).unwrap();
    save(&repo, "a.txt", "two\n", "Fix");
    let pushed = repo.push(None, &cx()).unwrap();
    assert_eq!((pushed.to.as_str(), pushed.first), ("origin/fix", true));
    repo.switch(&to("main"), &cx()).unwrap();
    let plan = repo.delete_plan("fix", &cx()).unwrap();
    assert!(plan.only_here.is_empty(), "the remote has it: {plan:?}");
    repo.delete_branch(&plan, &cx()).unwrap();
    repo.restore_branch(&plan, &cx()).unwrap();
    let refs = repo.refs().unwrap();
    let fix = refs.iter().find(|r| r.name == "fix").unwrap();
    assert_eq!((fix.upstream.as_deref(), fix.ahead_behind), (Some("origin/fix"), Some((0, 0))));
    assert_eq!(fix.author, "Mara Okafor");
}

#[test]
fn switching_says_first_what_stands_in_the_way_and_loses_nothing() {
    let world = World::new();
    let repo = world.clone("a");
    save(&repo, "b.txt", "one\n", "Second");
    repo.create_branch("other", "", true, &cx()).unwrap();
    save(&repo, "a.txt", "other\n", "Other");
    save(&repo, "new.txt", "other\n", "New");
    repo.switch(&to("main"), &cx()).unwrap();
    assert!(repo.switch_plan(&to("other"), &cx()).unwrap().is_plain());
    fs::write(repo.root().join("b.txt"), "mine\n").unwrap();
    fs::write(repo.root().join("scratch.txt"), "mine\n").unwrap();
    let plan = repo.switch_plan(&to("other"), &cx()).unwrap();
    assert_eq!(
        (plan.dirty.as_slice(), plan.can_carry(), plan.is_plain()),
        (["b.txt".to_owned()].as_slice(), true, false)
    );
    assert_eq!(plan.differ, ["a.txt", "new.txt"]);
    fs::write(repo.root().join("a.txt"), "mine\n").unwrap();
    fs::write(repo.root().join("new.txt"), "mine\n").unwrap();
    let plan = repo.switch_plan(&to("other"), &cx()).unwrap();
    assert_eq!(
        (plan.blocked.as_slice(), plan.covered.as_slice()),
        (["a.txt".to_owned()].as_slice(), ["new.txt".to_owned()].as_slice())
    );
    let e = repo.switch(&to("other"), &cx()).unwrap_err();
    assert!(e.causes[0].contains("a.txt") && e.hint.unwrap().contains("stash"), "{:?}", e.causes);
    assert_eq!((text(&repo, "a.txt").as_str(), branch(&repo).as_str()), ("mine\n", "main"));
    // Stashed, switched, and back again.
    let stash = repo.stash("on the way", true, &cx()).unwrap().unwrap();
    assert_eq!(
        (stash.message.as_str(), stash.branch.as_deref(), stash.untracked, stash.files),
        ("on the way", Some("main"), true, 4)
    );
    repo.switch(&to("other"), &cx()).unwrap();
    assert_eq!(text(&repo, "new.txt"), "other\n");
    repo.switch(&to("main"), &cx()).unwrap();
    assert_eq!(repo.unstash(&stash.id, false, &cx()).unwrap(), Taken::Clean);
    assert_eq!(
        (text(&repo, "a.txt"), text(&repo, "new.txt"), text(&repo, "scratch.txt")),
        ("mine\n".into(), "mine\n".into(), "mine\n".into())
    );
    assert!(repo.stashes(&cx()).unwrap().is_empty());
}

#[test]
fn commits_that_no_branch_holds_are_counted_before_one_leaves_them() {
    let world = World::new();
    let repo = world.clone("a");
    let first = repo.resolve("HEAD").unwrap().unwrap();
    git(repo.root(), &["tag", "v1"]);
    repo.switch(&Target::Detached("v1".into()), &cx()).unwrap();
    assert!(matches!(repo.head().unwrap(), Head::Detached { .. }));
    assert_eq!(repo.switch_plan(&to("main"), &cx()).unwrap().orphans, 0);
    let lost = save(&repo, "a.txt", "two\n", "On no branch");
    assert_eq!(repo.switch_plan(&to("main"), &cx()).unwrap().orphans, 1);
    for error in [repo.push(None, &cx()).unwrap_err(), repo.pull(None, &cx()).unwrap_err()] {
        assert!(error.causes[0].contains("detached"), "{error}");
    }
    assert!(repo.merge("main", true, &cx()).unwrap_err().causes[0].contains("detached"));
    assert_eq!(repo.switch(&to("main"), &cx()).unwrap(), Target::Detached(lost.clone()));
    repo.switch(&Target::Detached(lost.clone()), &cx()).unwrap();
    assert_eq!(repo.resolve("HEAD").unwrap(), Some(lost));
    assert_ne!(repo.resolve("main").unwrap(), None);
    assert_eq!(repo.resolve("v1").unwrap(), Some(first));
}

#[test]
fn a_remote_branch_becomes_one_here_that_follows_it() {
    let world = World::new();
    let (a, b) = (world.clone("a"), world.clone("b"));
    a.create_branch("fix", "", true, &cx()).unwrap();
    save(&a, "a.txt", "two\n", "Fix");
    a.push(None, &cx()).unwrap();
    let fetched = b.fetch(None, &cx()).unwrap();
    assert_eq!(
        (fetched.news.as_slice(), fetched.remotes.as_slice()),
        (["origin/fix".to_owned()].as_slice(), ["origin".to_owned()].as_slice())
    );
    b.switch(&Target::Remote("origin/fix".into()), &cx()).unwrap();
    assert_eq!((branch(&b), text(&b, "a.txt")), ("fix".into(), "two\n".into()));
    b.switch(&to("main"), &cx()).unwrap();
    b.switch(&Target::Remote("origin/fix".into()), &cx()).unwrap();
    assert_eq!(branch(&b), "fix", "the one that is here already");
}

#[test]
fn a_merge_moves_forward_or_makes_a_commit_and_can_be_taken_back() {
    let world = World::new();
    let repo = world.clone("a");
    repo.create_branch("fix", "", true, &cx()).unwrap();
    save(&repo, "a.txt", "two\n", "Fix");
    repo.switch(&to("main"), &cx()).unwrap();
    let plan = repo.merge_plan("fix", &cx()).unwrap();
    assert_eq!((plan.commits, plan.files, plan.fast_forward, plan.into.as_str()), (1, 1, true, "main"));
    let (merged, moved) = repo.merge("fix", false, &cx()).unwrap();
    assert_eq!(merged, Merged::FastForward);
    repo.move_back(&moved.unwrap(), &cx()).unwrap();
    assert_eq!(text(&repo, "a.txt"), "one\n");
    let (merged, moved) = repo.merge("fix", true, &cx()).unwrap();
    assert_eq!(merged, Merged::Commit);
    assert_eq!(repo.log("HEAD", 1, &cx()).unwrap()[0].parents.len(), 2);
    assert_eq!(repo.merge("fix", false, &cx()).unwrap(), (Merged::UpToDate, None));
    save(&repo, "b.txt", "x\n", "Later");
    assert!(repo.move_back(&moved.unwrap(), &cx()).unwrap_err().causes[0].contains("moved on"));
    git(repo.root(), &["checkout", "--quiet", "--orphan", "alone"]);
    git(repo.root(), &["commit", "--quiet", "-m", "Alone"]);
    assert!(repo.merge_plan("main", &cx()).unwrap_err().what.contains("nothing in common"));
}

#[test]
fn a_conflict_stops_the_merge_and_aborting_brings_the_files_back() {
    let world = World::new();
    let repo = world.clone("a");
    repo.create_branch("fix", "", true, &cx()).unwrap();
    save(&repo, "a.txt", "theirs\n", "Theirs");
    repo.switch(&to("main"), &cx()).unwrap();
    save(&repo, "a.txt", "ours\n", "Ours");
    let (merged, moved) = repo.merge("fix", false, &cx()).unwrap();
    assert_eq!((merged, moved), (Merged::Conflicts(vec!["a.txt".into()]), None));
    assert_eq!(repo.underway(), Underway::Merge);
    for e in [
        repo.switch(&to("fix"), &cx()).unwrap_err(),
        repo.merge("fix", false, &cx()).unwrap_err(),
        repo.stash("x", false, &cx()).unwrap_err(),
        repo.pull(None, &cx()).unwrap_err(),
    ] {
        assert!(e.causes[0].contains("merge is underway") && e.hint.is_some(), "{e}");
    }
    assert!(repo.discard(&["a.txt".into()], jiff::Timestamp::now(), &cx()).unwrap_err().what.contains("conflicts"));
    repo.abort(&cx()).unwrap();
    assert_eq!((text(&repo, "a.txt").as_str(), repo.underway()), ("ours\n", Underway::Nothing));
    assert!(repo.abort(&cx()).is_err());
}

#[test]
fn in_the_middle_of_a_rebase_the_way_out_is_named() {
    let world = World::new();
    let repo = world.clone("a");
    repo.create_branch("fix", "", true, &cx()).unwrap();
    save(&repo, "a.txt", "theirs\n", "Theirs");
    repo.switch(&to("main"), &cx()).unwrap();
    save(&repo, "a.txt", "ours\n", "Ours");
    let _ = Command::new("git").arg("-C").arg(repo.root()).args(["rebase", "--quiet", "fix"]).output().unwrap();
    assert_eq!(repo.underway(), Underway::Rebase);
    let e = repo.switch_plan(&to("fix"), &cx()).unwrap_err();
    assert!(e.causes[0].contains("rebase") && e.hint.unwrap().contains("git rebase --abort"));
}

#[test]
fn a_dropped_stash_comes_back_and_a_conflicting_one_is_kept() {
    let world = World::new();
    let repo = world.clone("a");
    assert_eq!(repo.stash("nothing", true, &cx()).unwrap(), None);
    fs::write(repo.root().join("a.txt"), "mine\n").unwrap();
    let stash = repo.stash("", false, &cx()).unwrap().unwrap();
    assert!(stash.message.contains("First"), "{}", stash.message);
    repo.drop_stash(&stash.id, &cx()).unwrap();
    assert!(repo.stashes(&cx()).unwrap().is_empty());
    assert!(repo.drop_stash(&stash.id, &cx()).is_err());
    repo.store_stash(&stash, &cx()).unwrap();
    repo.store_stash(&stash, &cx()).unwrap();
    let back = repo.stashes(&cx()).unwrap();
    assert_eq!(
        (back.len(), &back[0].id, &back[0].message, &back[0].branch),
        (1, &stash.id, &stash.message, &stash.branch)
    );
    save(&repo, "a.txt", "moved on\n", "On");
    assert_eq!(repo.unstash(&stash.id, false, &cx()).unwrap(), Taken::Conflicts(vec!["a.txt".into()]));
    assert_eq!(repo.stashes(&cx()).unwrap().len(), 1, "kept until it is decided");
}

#[test]
fn what_was_discarded_comes_back_byte_for_byte() {
    let world = World::new();
    let repo = world.clone("a");
    let root = repo.root().to_path_buf();
    save(&repo, "gone.txt", "x\n", "More");
    save(&repo, "staged.txt", "x\n", "More still");
    fs::write(root.join("a.txt"), b"\xff\xfe odd \r\n bytes").unwrap();
    fs::remove_file(root.join("gone.txt")).unwrap();
    fs::write(root.join("staged.txt"), "in the index\n").unwrap();
    repo.stage(&["staged.txt".into()], &cx()).unwrap();
    fs::write(root.join("staged.txt"), "on disk\n").unwrap();
    fs::create_dir_all(root.join("deep/er")).unwrap();
    fs::write(root.join("deep/er/new file.bin"), [0, 159, 146, 150]).unwrap();
    fs::set_permissions(root.join("deep/er/new file.bin"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    std::os::unix::fs::symlink("a.txt", root.join("link")).unwrap();
    fs::write(root.join("added.txt"), "added\n").unwrap();
    repo.stage(&["added.txt".into()], &cx()).unwrap();
    let before = git(&root, &["status", "--porcelain", "-uall"]);
    let paths: Vec<String> = repo.status(&cx()).unwrap().files.into_iter().map(|f| f.path).collect();
    assert_eq!(paths.len(), 6, "{paths:?}");
    let kept = repo.discard(&paths, jiff::Timestamp::now(), &cx()).unwrap();
    assert!(repo.status(&cx()).unwrap().files.is_empty());
    assert_eq!(text(&repo, "a.txt"), "one\n");
    assert!(!root.join("link").exists() && !root.join("added.txt").exists());
    assert_eq!(repo.discards(), std::slice::from_ref(&kept));
    // Somebody writes into one of them: that is not written over.
    fs::write(root.join("added.txt"), "new work\n").unwrap();
    assert!(repo.undo_discard(&kept.id).unwrap_err().what.contains("changed since"));
    fs::remove_file(root.join("added.txt")).unwrap();
    repo.undo_discard(&kept.id).unwrap();
    assert_eq!(fs::read(root.join("a.txt")).unwrap(), b"\xff\xfe odd \r\n bytes");
    assert_eq!(fs::read(root.join("deep/er/new file.bin")).unwrap(), [0, 159, 146, 150]);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(root.join("deep/er/new file.bin")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(fs::read_link(root.join("link")).unwrap(), PathBuf::from("a.txt"));
    assert_eq!(git(&root, &["status", "--porcelain", "-uall"]), before);
    assert_eq!(git(&root, &["show", ":staged.txt"]), "in the index");
    assert!(repo.undo_discard(&kept.id).is_err(), "only once");
    assert!(repo.discards().is_empty());
}

#[test]
fn a_failed_discard_puts_everything_back() {
    let world = World::new();
    let repo = world.clone("a");
    fs::write(repo.root().join("a.txt"), "mine\n").unwrap();
    fs::write(repo.root().join(".git/index.lock"), "").unwrap();
    let e = repo.discard(&["a.txt".into()], jiff::Timestamp::now(), &cx()).unwrap_err();
    assert!(e.to_string().contains("index") || e.causes.iter().any(|c| c.contains("Another git program")), "{e}");
    fs::remove_file(repo.root().join(".git/index.lock")).unwrap();
    assert_eq!(text(&repo, "a.txt"), "mine\n");
}

#[test]
fn push_pull_and_a_refused_push_between_two_clones() {
    let world = World::new();
    let (a, b) = (world.clone("a"), world.clone("b"));
    save(&a, "a.txt", "from a\n", "From a");
    let pushed = a.push(None, &cx()).unwrap();
    assert_eq!((pushed.to.as_str(), pushed.commits, pushed.first), ("origin/main", 1, false));
    assert_eq!(a.push(None, &cx()).unwrap().commits, 0);
    save(&b, "b.txt", "from b\n", "From b");
    let e = b.push(None, &cx()).unwrap_err();
    assert!(e.what.contains("commits that you do not have") && e.hint.as_ref().unwrap().contains("Pull"), "{e:?}");
    let Pulled::Diverged { upstream, ahead, behind } = b.pull(None, &cx()).unwrap() else { panic!("not diverged") };
    assert_eq!((upstream.as_str(), ahead, behind), ("origin/main", 1, 1));
    assert_eq!(text(&b, "a.txt"), "one\n", "nothing is merged before the person says so");
    assert_eq!(b.merge(&upstream, false, &cx()).unwrap().0, Merged::Commit);
    assert_eq!(b.push(None, &cx()).unwrap().commits, 2);
    let Pulled::Forward { commits, moved, .. } = a.pull(None, &cx()).unwrap() else { panic!("not forward") };
    assert_eq!((commits, text(&a, "b.txt")), (2, "from b\n".into()));
    a.move_back(&moved, &cx()).unwrap();
    assert!(!a.root().join("b.txt").exists());
    a.pull(None, &cx()).unwrap();
    assert!(matches!(a.pull(None, &cx()).unwrap(), Pulled::Same { .. }));
    // A change that is not committed stands in the way.
    save(&b, "a.txt", "again from b\n", "Again");
    b.push(None, &cx()).unwrap();
    fs::write(a.root().join("a.txt"), "mine\n").unwrap();
    let e = a.pull(None, &cx()).unwrap_err();
    assert!(e.causes[0].contains("a.txt"), "{e}");
    assert_eq!(text(&a, "a.txt"), "mine\n");
}

#[test]
fn hooks_of_server_and_repository_are_heard_and_run() {
    let world = World::new();
    let repo = world.clone("a");
    hook(repo.root(), "post-checkout", "echo checkout >> .git/ran");
    hook(repo.root(), "post-merge", "echo merge >> .git/ran");
    hook(
        repo.root(),
        "pre-push",
        "echo push >> .git/ran; test ! -e .git/no || { echo 'not on a Friday' >&2; exit 1; }",
    );
    repo.create_branch("fix", "", true, &cx()).unwrap();
    save(&repo, "a.txt", "two\n", "Fix");
    repo.switch(&to("main"), &cx()).unwrap();
    repo.merge("fix", false, &cx()).unwrap();
    repo.push(None, &cx()).unwrap();
    let ran = fs::read_to_string(repo.root().join(".git/ran")).unwrap();
    assert_eq!(ran.lines().collect::<Vec<_>>(), ["checkout", "checkout", "merge", "push"]);
    save(&repo, "a.txt", "three\n", "More");
    fs::write(repo.root().join(".git/no"), "").unwrap();
    let e = repo.push(None, &cx()).unwrap_err();
    assert!(e.causes.iter().any(|c| c.contains("Friday")) && e.hint.unwrap().contains("hook"), "{:?}", e.causes);
    fs::remove_file(repo.root().join(".git/no")).unwrap();
    let server = world.path("origin.git").join("hooks/pre-receive");
    script(&server, "echo 'main is protected' >&2\nexit 1");
    let e = repo.push(None, &cx()).unwrap_err();
    assert!(e.what.contains("server refused") && e.causes.iter().any(|c| c.contains("main is protected")), "{e:?}");
    hook(repo.root(), "commit-msg", "exit 1");
    repo.create_branch("side", "HEAD~1", true, &cx()).unwrap();
    hook(repo.root(), "commit-msg", "exit 0");
    save(&repo, "c.txt", "c\n", "Side");
    hook(repo.root(), "commit-msg", "echo 'no merges today' >&2; exit 1");
    let e = repo.merge("main", false, &cx()).unwrap_err();
    assert!(e.causes.iter().any(|c| c.contains("no merges today")), "{e:?}");
    assert_eq!(repo.underway(), Underway::Nothing, "nothing half-done is left");
}

#[test]
fn filters_run_where_files_are_written_out() {
    let world = World::new();
    let repo = world.clone("a");
    git(repo.root(), &["config", "filter.up.clean", "tr a-z A-Z"]);
    git(repo.root(), &["config", "filter.up.smudge", "tr A-Z a-z"]);
    save(&repo, ".gitattributes", "*.up filter=up\n", "Rules");
    save(&repo, "x.up", "loud\n", "Loud");
    assert_eq!(git(repo.root(), &["cat-file", "-p", "HEAD:x.up"]), "LOUD");
    repo.create_branch("other", "HEAD~1", true, &cx()).unwrap();
    repo.switch(&to("main"), &cx()).unwrap();
    assert_eq!(text(&repo, "x.up"), "loud\n");
    fs::write(repo.root().join("x.up"), "changed\n").unwrap();
    let kept = repo.discard(&["x.up".into()], jiff::Timestamp::now(), &cx()).unwrap();
    assert_eq!(text(&repo, "x.up"), "loud\n");
    repo.undo_discard(&kept.id).unwrap();
    assert_eq!(text(&repo, "x.up"), "changed\n");
}

#[test]
fn an_empty_repository_has_branches_but_nothing_to_push_or_stash() {
    let dir = tempfile::tempdir().unwrap();
    let repo = Repo::init(dir.path()).unwrap();
    set_up(dir.path());
    repo.create_branch("start", "", true, &cx()).unwrap();
    assert_eq!(branch(&repo), "start");
    assert!(repo.push(None, &cx()).unwrap_err().causes[0].contains("no commit"));
    fs::write(dir.path().join("a.txt"), "x").unwrap();
    assert!(repo.stash("x", true, &cx()).unwrap_err().causes[0].contains("no commit"));
    repo.stage(&["a.txt".into()], &cx()).unwrap();
    let kept = repo.discard(&["a.txt".into()], jiff::Timestamp::now(), &cx()).unwrap();
    assert!(!dir.path().join("a.txt").exists());
    repo.undo_discard(&kept.id).unwrap();
    assert_eq!(git(dir.path(), &["status", "--porcelain"]), "A  a.txt");
    assert!(repo.fetch(None, &cx()).unwrap_err().what.contains("no remote"));
}

#[test]
fn a_bare_repository_and_a_missing_remote_are_said_in_words() {
    let world = World::new();
    let repo = world.clone("a");
    let bare = Repo::open(&world.path("origin.git")).unwrap();
    for e in [
        bare.switch(&to("main"), &cx()).unwrap_err(),
        bare.merge("main", false, &cx()).unwrap_err(),
        bare.stash("", true, &cx()).unwrap_err(),
        bare.discard(&["a.txt".into()], jiff::Timestamp::now(), &cx()).unwrap_err(),
    ] {
        assert!(e.what.contains("bare"), "{e}");
    }
    git(repo.root(), &["remote", "set-url", "origin", &world.path("nowhere.git").to_string_lossy()]);
    for e in [repo.fetch(None, &cx()).unwrap_err(), repo.push(None, &cx()).unwrap_err()] {
        assert_eq!(e.kind, Kind::Remote);
        assert!(e.causes[0].contains("gone") && e.hint.as_ref().unwrap().contains("git remote"), "{e:?}");
    }
    git(repo.root(), &["remote", "set-url", "origin", "http://127.0.0.1:9/x.git"]);
    let e = repo.fetch(None, &cx()).unwrap_err();
    assert!(e.causes[0].contains("cannot be reached"), "{e:?}");
}

#[test]
fn a_locked_index_and_a_missing_name_are_said_in_words() {
    let world = World::new();
    let repo = world.clone("a");
    repo.create_branch("fix", "", false, &cx()).unwrap();
    save(&repo, "a.txt", "two\n", "Second");
    let lock = repo.root().join(".git/index.lock");
    fs::write(&lock, "").unwrap();
    let e = repo.switch(&to("fix"), &cx()).unwrap_err();
    assert!(e.causes[0].contains("Another git program") && e.hint.unwrap().contains("lock"), "{:?}", e.causes);
    fs::remove_file(lock).unwrap();
    repo.switch(&to("fix"), &cx()).unwrap();
    save(&repo, "b.txt", "x\n", "Aside");
    git(repo.root(), &["config", "user.name", ""]);
    let repo = Repo::open(repo.root()).unwrap();
    let e = repo.merge("main", false, &cx()).unwrap_err();
    assert!(e.what.contains("your name"), "{e}");
    fs::write(repo.root().join("b.txt"), "y\n").unwrap();
    assert!(repo.stash("x", false, &cx()).unwrap_err().what.contains("your name"));
}

#[test]
fn a_folder_that_cannot_be_written_is_said_in_words() {
    let world = World::new();
    let repo = world.clone("a");
    repo.create_branch("fix", "", false, &cx()).unwrap();
    save(&repo, "a.txt", "two\n", "Second");
    let git_dir = repo.root().join(".git");
    let set = |mode| fs::set_permissions(&git_dir, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    set(0o555);
    let superuser = fs::write(git_dir.join("probe"), "").is_ok();
    if superuser {
        // Whom no permission stops; where the kernel keeps its own files nobody makes any.
        set(0o755);
        fs::rename(git_dir.join("index"), git_dir.join("index.kept")).unwrap();
        std::os::unix::fs::symlink("/sys/kernel/index", git_dir.join("index")).unwrap();
    }
    let result = repo.switch(&to("fix"), &cx());
    let staged = repo.stash("x", false, &cx());
    set(0o755);
    if superuser {
        fs::remove_file(git_dir.join("index")).unwrap();
        fs::rename(git_dir.join("index.kept"), git_dir.join("index")).unwrap();
    }
    let e = result.unwrap_err();
    assert!(e.causes[0].contains("cannot be written") && e.hint.as_ref().unwrap().contains("writable"), "{e:?}");
    assert!(staged.is_err());
    assert_eq!((branch(&repo).as_str(), text(&repo, "a.txt").as_str()), ("main", "two\n"), "nothing was changed");
    repo.switch(&to("fix"), &cx()).unwrap();
}

#[test]
fn a_submodule_is_left_alone() {
    let world = World::new();
    let (repo, inner) = (world.clone("a"), world.clone("lib"));
    let url = inner.root().to_string_lossy().into_owned();
    git(repo.root(), &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "lib"]);
    git(repo.root(), &["commit", "--quiet", "-m", "With a library"]);
    repo.create_branch("fix", "", true, &cx()).unwrap();
    fs::write(repo.root().join("lib/a.txt"), "changed inside\n").unwrap();
    assert!(repo.switch_plan(&to("main"), &cx()).unwrap().is_plain());
    repo.switch(&to("main"), &cx()).unwrap();
    assert_eq!(fs::read_to_string(repo.root().join("lib/a.txt")).unwrap(), "changed inside\n");
    repo.fetch(None, &cx()).unwrap();
}

#[test]
fn a_clone_tells_its_progress_and_leaves_nothing_behind_when_it_fails() {
    let world = World::new();
    let repo = world.clone("a");
    for n in 0..40 {
        fs::write(repo.root().join(format!("f{n}.txt")), format!("{n}\n").repeat(2_000)).unwrap();
    }
    let all: Vec<String> = (0..40).map(|n| format!("f{n}.txt")).collect();
    repo.commit("Many", &all, &cx()).unwrap();
    repo.push(None, &cx()).unwrap();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = seen.clone();
    let note = Arc::new(move |p: crate::base::job::Progress| sink.lock().unwrap().push(p.note));
    let told = JobCtx::new(Cancel::default(), Arc::new(SystemClock), note);
    let url = format!("file://{}", world.path("origin.git").display());
    let place = world.dir.path().join("sub/b");
    assert_eq!(clone(&url, &place, None, &told).unwrap(), place);
    assert!(place.join("f39.txt").exists());
    let seen = seen.lock().unwrap().clone();
    assert!(seen.iter().any(|n| n.contains(" of ")), "{seen:?}");
    assert!(clone(&url, &place, None, &cx()).unwrap_err().what.contains("already exists"));
    let gone = world.dir.path().join("gone");
    let e = clone(&format!("{url}x"), &gone, None, &cx()).unwrap_err();
    assert!(e.causes[0].contains("gone") && !gone.exists(), "{e:?}");
    for bad in ["", " -x", "ext::sh -c touch% /x"] {
        assert!(clone(bad, &gone, None, &cx()).is_err(), "{bad}");
    }
    assert_eq!(clone_name("git@example.org:team/project.git"), "project");
    assert_eq!(clone_name("https://example.org/team/project/"), "project");
}

/// A remote that never answers: cancelling ends git and all it has started.
#[test]
fn cancelling_ends_git_at_once() {
    let world = World::new();
    let repo = world.clone("a");
    let slow = world.dir.path().join("slow");
    script(&slow, "exec sleep 60");
    git(repo.root(), &["config", "core.sshCommand", &slow.to_string_lossy()]);
    git(repo.root(), &["remote", "set-url", "origin", "git@example.org:x.git"]);
    let cancel = Cancel::default();
    let job = JobCtx::new(cancel.clone(), Arc::new(SystemClock), Arc::new(|_| {}));
    let timer = std::thread::Builder::new().name("timer".into()).spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.cancel();
    });
    let start = Instant::now();
    assert!(repo.fetch(None, &job).unwrap_err().is_cancelled());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    timer.unwrap().join().unwrap();
}

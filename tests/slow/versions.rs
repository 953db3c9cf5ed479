//! Versions with the real programs: Git LFS, signatures by ssh keys, hooks that refuse, and a machine without git.
use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use andon::{
    app::{
        env::NoWaker,
        git::{
            self,
            work::{Ask as Question, Command as Ask, Secret, Work},
        },
        host::Host,
        review,
        shell::Dialog,
        workspace,
    },
    base::{Kind, job::JobCtx, time::SystemClock},
    engine::{dirs::Dirs, git::Repo},
    model::{
        diff::{FileShape, Kept},
        git::{Merged, Rev, Target},
        lfs::Pointer,
    },
};

use crate::support::has;

fn cx() -> JobCtx {
    JobCtx::detached()
}

/// git in a folder, with nothing of the person's own settings.
fn program(dir: &Path, words: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(dir).args(words).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git
}

#[track_caller]
fn told(out: &Output) -> String {
    let all = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{all}");
    all.trim().to_owned()
}

#[track_caller]
fn git(dir: &Path, words: &[&str]) -> String {
    told(&program(dir, words).output().unwrap())
}

fn set_up(root: &Path) {
    for (key, value) in [
        ("user.name", "Mara Okafor"),
        ("user.email", "mara@example.org"),
        ("commit.gpgsign", "false"),
        ("core.hooksPath", ".git/hooks"),
        ("core.autocrlf", "false"),
    ] {
        git(root, &["config", key, value]);
    }
}

/// A repository with a bare one beside it as its remote.
fn world() -> (tempfile::TempDir, Repo) {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "--quiet", "--bare", "-b", "main", "origin.git"]);
    let repo = clone(dir.path(), "a", &[]);
    (dir, repo)
}

fn clone(dir: &Path, name: &str, env: &[(&str, &str)]) -> Repo {
    let words = ["clone", "--quiet", "origin.git", name];
    told(&program(dir, &words).envs(env.iter().copied()).output().unwrap());
    let root = dir.join(name).canonicalize().unwrap();
    set_up(&root);
    Repo::open(&root).unwrap()
}

fn save(repo: &Repo, path: &str, text: &str, message: &str) {
    fs::write(repo.root().join(path), text).unwrap();
    repo.commit(message, &[path.to_owned()], &cx()).unwrap();
}

fn window(home: &Path, root: &Path) -> Host {
    let mut host = Host::new(Dirs::below(home), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    host.env.set_program(env!("CARGO_BIN_EXE_andon").into());
    for command in [workspace::Command::Open(root.to_path_buf()), workspace::Command::Trust { then: None }] {
        host.send(command);
        assert!(host.settle(Duration::from_mins(1)));
    }
    host
}

/// Without waiting for the end of what it starts.
fn act_now(host: &mut Host, command: impl Into<andon::app::Command>) {
    host.send(command);
    host.drain(Duration::from_millis(20));
}

#[track_caller]
fn act(host: &mut Host, command: impl Into<andon::app::Command>) {
    host.send(command);
    assert!(host.settle(Duration::from_mins(1)), "{:?}", host.state.jobs);
}

fn said(host: &Host) -> String {
    let notices = &host.state.notices;
    let last = notices.shown.last().or(notices.history.last());
    last.map(|n| format!("{} | {}", n.title, n.body)).unwrap_or_default()
}

/// A table that Git LFS keeps: what is committed, what comes back, and what is shown where the content is not there.
#[test]
fn files_of_git_lfs_go_through_it_and_are_shown_as_what_they_are() {
    if !has("git-lfs") {
        return;
    }
    let (dir, repo) = world();
    let root = repo.root().to_path_buf();
    git(&root, &["lfs", "install", "--local"]);
    save(&repo, ".gitattributes", "*.csv filter=lfs diff=lfs merge=lfs -text\n", "Keep tables elsewhere");
    let table = |n: usize| (0..5_000).map(|row| format!("{row},{}\n", row * n)).collect::<String>();
    fs::write(root.join("big.csv"), table(1)).unwrap();
    assert!(repo.status(&cx()).unwrap().commit_runs.contains(&"lfs filter".to_owned()));
    repo.commit("A table", &["big.csv".into()], &cx()).unwrap();
    let stored = git(&root, &["cat-file", "-p", "HEAD:big.csv"]);
    let pointer = Pointer::read(format!("{stored}\n").as_bytes()).unwrap();
    assert_eq!(pointer.size, table(1).len() as u64, "git has the pointer alone");
    assert_eq!(repo.read(&Rev::head(), "big.csv").unwrap().unwrap(), table(1).as_bytes());
    assert!(repo.status(&cx()).unwrap().files.is_empty());
    save(&repo, "big.csv", &table(2), "Another table");
    // Branches, discards and pushes bring the content along.
    repo.create_branch("before", "HEAD~1", true, &cx()).unwrap();
    assert_eq!(fs::read_to_string(root.join("big.csv")).unwrap(), table(1));
    repo.switch(&Target::Branch("main".into()), &cx()).unwrap();
    fs::write(root.join("big.csv"), "oops\n").unwrap();
    let kept = repo.discard(&["big.csv".into()], jiff::Timestamp::now(), &cx()).unwrap();
    assert_eq!(fs::read_to_string(root.join("big.csv")).unwrap(), table(2));
    repo.undo_discard(&kept.id).unwrap();
    assert_eq!(fs::read_to_string(root.join("big.csv")).unwrap(), "oops\n");
    repo.discard(&["big.csv".into()], jiff::Timestamp::now(), &cx()).unwrap();
    repo.push(None, &cx()).unwrap();
    assert!(dir.path().join("origin.git/lfs/objects").is_dir(), "the hook of git-lfs has pushed the contents");
    // The review page compares the contents.
    let mut host = window(&dir.path().join("home"), &root);
    let sides = |path: &str| review::Command::Show {
        base: Rev::At("HEAD~1".into()),
        compare: Rev::head(),
        path: Some(path.into()),
    };
    act(&mut host, sides("big.csv"));
    let shape = |host: &Host| host.state.review.shown.as_ref().unwrap().diff.shape.clone();
    assert!(matches!(shape(&host), FileShape::Text(_)), "{:?}", host.state.review.file_error);
    // A clone that has left the contents where they are.
    let bare = clone(dir.path(), "b", &[("GIT_LFS_SKIP_SMUDGE", "1")]);
    git(bare.root(), &["lfs", "install", "--local", "--skip-smudge"]);
    let e = bare.read(&Rev::head(), "big.csv").unwrap_err();
    assert!(e.causes[0].contains(" kB, sha256 ") && e.hint.as_ref().unwrap().contains("git lfs fetch"), "{e:?}");
    assert!(bare.status(&cx()).unwrap().files.is_empty(), "a pointer in a file's place is no change");
    let mut host = window(&dir.path().join("home"), bare.root());
    act(&mut host, sides("big.csv"));
    assert!(host.state.review.file_error.is_none(), "{:?}", host.state.review.file_error);
    let FileShape::Kept { old: Some(old), new: Some(new) } = shape(&host) else { panic!("{:?}", shape(&host)) };
    assert_eq!((old.size(), new.size()), (table(1).len() as u64, table(2).len() as u64));
    assert!(old.words().ends_with("not on this machine"), "{}", old.words());
    git(bare.root(), &["lfs", "fetch", "origin", "main"]);
    act(&mut host, review::Command::Refresh);
    let FileShape::Kept { old: Some(Kept::Elsewhere(_)), new: Some(Kept::Here(_)) } = shape(&host) else {
        panic!("{:?}", shape(&host))
    };
    git(bare.root(), &["lfs", "fetch", "--all", "origin"]);
    act(&mut host, review::Command::Refresh);
    assert!(matches!(shape(&host), FileShape::Text(_)));
}

/// Where it was never set up, a large file is not committed whole, and the words say what is missing.
#[test]
fn without_git_lfs_set_up_nothing_is_committed_whole() {
    let (_dir, repo) = world();
    save(&repo, ".gitattributes", "*.csv filter=lfs diff=lfs merge=lfs -text\n", "Keep tables elsewhere");
    for (key, value) in [("process", "/nowhere/git-lfs filter-process"), ("required", "true")] {
        git(repo.root(), &["config", &format!("filter.lfs.{key}"), value]);
    }
    fs::write(repo.root().join("big.csv"), "1,2\n").unwrap();
    let e = repo.commit("A table", &["big.csv".into()], &cx()).unwrap_err();
    assert!(e.causes[0].contains("A program that this repository needs is not installed"), "{e:?}");
    assert!(e.hint.as_ref().unwrap().contains("git-lfs"), "{e:?}");
    assert!(repo.status(&cx()).unwrap().file("big.csv").unwrap().untracked, "nothing is left staged");
}

fn key(dir: &Path, name: &str, passphrase: &str) -> PathBuf {
    let path = dir.join(name);
    let words = ["-q", "-t", "ed25519", "-C", "mara@example.org", "-N", passphrase, "-f"];
    told(&Command::new("ssh-keygen").args(words).arg(&path).output().unwrap());
    path
}

/// Commits, merges and what the window commits are signed, and git itself finds the signatures good.
#[test]
fn commits_are_signed_with_an_ssh_key() {
    if !has("ssh-keygen") {
        return;
    }
    let (dir, repo) = world();
    let root = repo.root().to_path_buf();
    let signer = key(dir.path(), "signer", "");
    let public = fs::read_to_string(signer.with_extension("pub")).unwrap();
    let allowed = dir.path().join("allowed");
    fs::write(&allowed, format!("mara@example.org {public}")).unwrap();
    for (key, value) in [
        ("gpg.format", "ssh"),
        ("user.signingKey", signer.to_str().unwrap()),
        ("gpg.ssh.allowedSignersFile", allowed.to_str().unwrap()),
        ("commit.gpgsign", "true"),
    ] {
        git(&root, &["config", key, value]);
    }
    let good = |rev: &str| {
        let said = git(&root, &["verify-commit", rev]);
        assert!(said.contains("Good \"git\" signature for mara@example.org"), "{rev}: {said}");
    };
    fs::write(root.join("a.txt"), "one\n").unwrap();
    let mut host = window(&dir.path().join("home"), &root);
    assert_eq!(host.state.git.status.commit_runs, ["signing"]);
    act(&mut host, git::Command::OpenCommit(Vec::new()));
    act(&mut host, git::Command::Message("First".into()));
    act(&mut host, git::Command::Commit);
    assert!(host.state.git.commit.error.is_none(), "{:?}", host.state.git.commit.error);
    good("HEAD");
    act(&mut host, Work::Create { name: "fix".into(), from: String::new(), switch: true });
    save(&repo, "b.txt", "b\n", "On the side");
    repo.switch(&Target::Branch("main".into()), &cx()).unwrap();
    save(&repo, "c.txt", "c\n", "On main");
    let (merged, _) = repo.merge("fix", true, &cx()).unwrap();
    assert!(matches!(merged, Merged::Commit), "{merged:?}");
    good("HEAD");
    // A key behind a passphrase is asked for in the window; one that nobody can use is named.
    let locked = key(dir.path(), "locked", "open sesame");
    let lines = [&signer, &locked].map(|k| fs::read_to_string(k.with_extension("pub")).unwrap());
    fs::write(&allowed, lines.map(|l| format!("mara@example.org {l}")).concat()).unwrap();
    let begin = |host: &mut Host, key: &Path| {
        git(&root, &["config", "user.signingKey", key.to_str().unwrap()]);
        fs::write(root.join("a.txt"), format!("{}\n", jiff::Timestamp::now())).unwrap();
        act(host, git::Command::Refresh);
        act(host, git::Command::OpenCommit(vec!["a.txt".into()]));
        act(host, git::Command::Message("Third".into()));
        host.send(git::Command::Commit);
    };
    let before = git(&root, &["rev-parse", "HEAD"]);
    for (key, answer) in [(&locked, None), (&locked, Some("wrong")), (&dir.path().join("nowhere"), None)] {
        begin(&mut host, key);
        if *key == locked {
            let id = question(&mut host, "passphrase");
            act(&mut host, Ask::Answer { id, answer: answer.map(|a: &str| Secret(a.to_owned())) });
        }
        assert!(host.settle(Duration::from_mins(1)));
        let commit = &host.state.git.commit;
        assert_eq!(commit.message, "Third", "what was typed is still there");
        assert_eq!(git(&root, &["rev-parse", "HEAD"]), before);
        let cancelled = *key == locked && answer.is_none();
        assert_eq!(commit.error.is_none(), cancelled, "{:?}", commit.error);
        if let Some(error) = &commit.error {
            assert_eq!(error.causes[0], "The commit could not be signed", "{error:?}");
            assert!(error.hint.as_ref().unwrap().contains("user.signingKey"), "{error:?}");
        }
    }
    begin(&mut host, &locked);
    let id = question(&mut host, "passphrase");
    act(&mut host, Ask::Answer { id, answer: Some(Secret("open sesame".into())) });
    assert!(host.settle(Duration::from_mins(1)));
    assert!(host.state.git.commit.error.is_none(), "{:?}", host.state.git.commit.error);
    assert_ne!(git(&root, &["rev-parse", "HEAD"]), before);
    good("HEAD");
}

/// Waits for what git or ssh asks in the window.
#[track_caller]
fn question(host: &mut Host, words: &str) -> u64 {
    for _ in 0..600 {
        host.drain(Duration::from_millis(20));
        if let Some(Dialog::Git(ask)) = &host.state.shell.dialog
            && let Question::Question(q) = &**ask
        {
            assert!(q.prompt.contains(words), "{q:?}");
            assert_eq!(q.secret, !words.starts_with("Username"), "{q:?}");
            return q.id;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("nothing was asked: {:?} {}", host.state.git.commit.error, said(host))
}

/// A hook that says no is heard in the window where the commit is written, and in the notice of a push.
#[test]
fn a_hook_that_refuses_is_heard_where_the_commit_is_written() {
    let (dir, repo) = world();
    let root = repo.root().to_path_buf();
    save(&repo, "a.txt", "one\n", "First");
    let hook = |name: &str, text: &str| {
        let path = root.join(".git/hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    hook("commit-msg", "grep -q TEAM- \"$1\" || { echo 'Name the ticket: TEAM-123' >&2; exit 1; }");
    hook("pre-push", "echo 'The tests are red' >&2; exit 1");
    fs::write(root.join("a.txt"), "two\n").unwrap();
    let mut host = window(&dir.path().join("home"), &root);
    assert_eq!(host.state.git.status.commit_runs, ["commit-msg hook"]);
    act(&mut host, git::Command::OpenCommit(Vec::new()));
    act(&mut host, git::Command::Message("Second".into()));
    act(&mut host, git::Command::Commit);
    let error = host.state.git.commit.error.clone().unwrap();
    assert!(error.causes[0].contains("Name the ticket: TEAM-123"), "{error:?}");
    act(&mut host, git::Command::Message("TEAM-7: second".into()));
    act(&mut host, git::Command::Commit);
    assert!(host.state.git.commit.error.is_none() && said(&host).contains("TEAM-7"), "{}", said(&host));
    act(&mut host, Work::Push);
    assert!(said(&host).contains("The tests are red"), "{}", said(&host));
    assert_eq!(git(&dir.path().join("origin.git"), &["for-each-ref"]), "", "nothing was pushed");
}

/// A server that is ended with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A remote over HTTP behind a name and a password: both are asked for in the window, a wrong one is said in words, and a
/// question that is closed ends the action.
#[test]
fn a_remote_over_http_asks_for_a_name_and_a_password() {
    if !has("python3") {
        return;
    }
    let (dir, repo) = world();
    git(&dir.path().join("origin.git"), &["config", "http.receivepack", "true"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/git_http.py");
    let mut serve = Command::new("python3");
    serve.arg(script).arg(dir.path()).args(["mara", "open sesame"]).stdout(Stdio::piped());
    let mut server = Server(serve.spawn().unwrap());
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let port: u16 = lines.next().unwrap().unwrap().parse().unwrap();
    // What it says later is read by nobody, and must not stop it.
    std::thread::Builder::new().name("served".into()).spawn(move || lines.for_each(drop)).unwrap();
    let root = repo.root().to_path_buf();
    let url = format!("http://127.0.0.1:{port}/origin.git");
    for words in [&["remote", "set-url", "origin", &url][..], &["config", "credential.helper", ""]] {
        git(&root, words);
    }
    git(&root, &["config", "http.proxy", ""]);
    save(&repo, "a.txt", "one\n", "First");
    let mut host = window(&dir.path().join("home"), &root);
    let ask = |host: &mut Host, work: Work, password: Option<&str>| {
        host.send(work);
        let id = question(host, "Username for");
        act_now(host, Ask::Answer { id, answer: Some(Secret("mara".into())) });
        let id = question(host, "Password for 'http://mara@127.0.0.1");
        act(host, Ask::Answer { id, answer: password.map(|p| Secret(p.to_owned())) });
        assert!(host.state.shell.dialog.is_none() && host.state.git.work.busy.is_none());
    };
    ask(&mut host, Work::Push, None);
    assert!(said(&host).contains("Cancelled"), "{}", said(&host));
    ask(&mut host, Work::Push, Some("wrong"));
    let error = host.state.git.work.error.clone().unwrap();
    assert_eq!(error.causes[0], "The remote did not accept the name and password", "{error:?}");
    assert_eq!(git(&dir.path().join("origin.git"), &["for-each-ref"]), "");
    ask(&mut host, Work::Push, Some("open sesame"));
    assert!(said(&host).contains("follows origin/main now") || said(&host).contains("Pushed"), "{}", said(&host));
    ask(&mut host, Work::Fetch, Some("open sesame"));
    assert!(said(&host).contains("nothing new"), "{}", said(&host));
    let other = clone(dir.path(), "b", &[]);
    save(&other, "b.txt", "b\n", "From b");
    git(other.root(), &["push", "--quiet"]);
    ask(&mut host, Work::Pull, Some("open sesame"));
    assert!(root.join("b.txt").exists(), "{}", said(&host));
    let kept = fs::read_to_string(root.join(".git/config")).unwrap();
    assert!(!kept.contains("sesame"), "the password is kept nowhere");
}

const PLACE: &str = "ANDON_TEST_PLACE";

/// Where git is not installed, looking works as ever, and what needs git says so. This test starts itself once more
/// with an empty PATH.
#[test]
fn without_git_looking_works_and_the_rest_says_what_is_missing() {
    if let Some(place) = std::env::var_os(PLACE) {
        return in_a_place_without_git(Path::new(&place));
    }
    let (dir, repo) = world();
    let root = repo.root().to_path_buf();
    save(&repo, "a.txt", "one\n", "First");
    let book = r#"{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}"#;
    save(&repo, "n.ipynb", book, "A notebook");
    git(&root, &["branch", "other"]);
    fs::write(root.join("a.txt"), "two\n").unwrap();
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["versions::without_git_looking_works_and_the_rest_says_what_is_missing", "--exact", "--nocapture"])
        .env("PATH", dir.path())
        .env(PLACE, dir.path())
        .output()
        .unwrap();
    let words = told(&again);
    assert!(words.contains("1 passed"), "{words}");
    // The same on the command line.
    let andon = |words: &[&str]| {
        let mut run = Command::new(env!("CARGO_BIN_EXE_andon"));
        run.args(words).current_dir(&root).env("PATH", dir.path()).env("ANDON_HOME", dir.path().join("home"));
        let out = run.output().unwrap();
        let all = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        (out.status.code().unwrap(), all)
    };
    let (code, said) = andon(&["diff", "--git", "HEAD", "a.txt"]);
    assert!(code == 1 && said.contains("two"), "{code} {said}");
    let (code, said) = andon(&["show", "HEAD:n.ipynb"]);
    assert_eq!(code, 0, "{said}");
    for words in [&["git", "enable"][..], &["review", "sync"]] {
        let (code, said) = andon(words);
        assert!(code == 2 && said.contains("The git command is not installed"), "{words:?}: {code} {said}");
        assert!(said.contains("Install git, then try again"), "{words:?}: {said}");
    }
}

fn in_a_place_without_git(dir: &Path) {
    let root = dir.join("a").canonicalize().unwrap();
    let mut host = window(&dir.join("home"), &root);
    // Status, branches, comparison and history come from libgit2.
    assert_eq!(host.state.git.status.files.len(), 1);
    assert!(host.state.git.refs.iter().any(|r| r.name == "other"));
    act(&mut host, review::Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path: Some("a.txt".into()) });
    let review = &host.state.review;
    assert!(review.shown.is_some() && review.error.is_none() && review.history.len() == 1, "{:?}", review.error);
    // So does a commit that git would accompany with nothing.
    act(&mut host, git::Command::OpenCommit(Vec::new()));
    act(&mut host, git::Command::Message("Second".into()));
    act(&mut host, git::Command::Commit);
    assert!(host.state.git.commit.error.is_none(), "{:?}", host.state.git.commit.error);
    let works = [
        Work::Fetch,
        Work::Pull,
        Work::Push,
        Work::Switch { to: Target::Branch("other".into()), stash: None, take: None },
        Work::Create { name: "fix".into(), from: String::new(), switch: true },
    ];
    for work in works {
        act(&mut host, work.clone());
        let error = host.state.git.work.error.clone().unwrap_or_else(|| panic!("{work:?} worked: {}", said(&host)));
        let all = format!("{error} {}", error.hint.clone().unwrap_or_default());
        assert!(all.contains("The git command is not installed"), "{work:?}: {all}");
        assert!(all.contains("Install git") && error.kind == Kind::Io, "{work:?}: {error:?}");
        assert!(host.state.git.work.busy.is_none());
        let told = host.state.notices.shown.iter().chain(&host.state.notices.history);
        assert!(told.into_iter().any(|n| n.title.contains("git command is not installed")), "{work:?}");
    }
    assert_eq!(host.state.git.branch().as_deref(), Some("main"));
    // A hook cannot run, so the commit is not made without it.
    let hook = root.join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(root.join("a.txt"), "three\n").unwrap();
    act(&mut host, git::Command::Refresh);
    act(&mut host, git::Command::OpenCommit(Vec::new()));
    act(&mut host, git::Command::Message("Third".into()));
    act(&mut host, git::Command::Commit);
    let error = host.state.git.commit.error.clone().unwrap();
    assert!(error.what.contains("The git command is not installed"), "{error:?}");
    assert!(error.causes[0].contains("hooks"), "{error:?}");
    act(&mut host, Ask::Undo);
}

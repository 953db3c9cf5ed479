use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use git2::{Repository, RepositoryInitOptions};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    base::job::JobCtx,
    model::{
        board::{Board, edit, edit::Edit},
        ledger::Action,
    },
};

fn now() -> Timestamp {
    Timestamp::now()
}

fn init(dir: &Path, name: &str) -> Repository {
    let repo = Repository::init_opts(dir, RepositoryInitOptions::new().initial_head("main")).unwrap();
    identity(&repo, name);
    repo
}

fn identity(repo: &Repository, name: &str) {
    let mut config = repo.config().unwrap();
    config.set_str("user.name", name).unwrap();
    config.set_str("user.email", "x@example.org").unwrap();
}

/// Does an edit as the window does.
fn act(ledger: &Ledger, edit: &Edit) {
    let loaded = ledger.load().unwrap();
    let board = Board::read(&loaded.projection);
    let (actions, _) = edit::actions(&board, &loaded.projection, edit).unwrap();
    let mut stamper = ledger.stamper(&loaded, now()).unwrap();
    let ops: Vec<Op> = actions.into_iter().map(|(s, a)| stamper.op(now(), s, a)).collect();
    ledger.append(&ops).unwrap();
}

fn add(ledger: &Ledger, title: &str, column: &str) {
    act(ledger, &Edit::Add(edit::NewCard::new(title, column)));
}

fn board(ledger: &Ledger) -> Board {
    Board::read(&ledger.load().unwrap().projection)
}

fn titles(ledger: &Ledger) -> Vec<String> {
    let mut all: Vec<_> = board(ledger).cards.values().map(|c| c.title.clone()).collect();
    all.sort();
    all
}

/// Every file of the branch with its text.
fn files(repo: &Repository) -> Vec<(String, String)> {
    let id = branch::head(repo, "refs/heads/andon/board").unwrap().unwrap();
    let tree = branch::tree(&branch::commit(repo, id).unwrap()).unwrap();
    let mut all: Vec<_> =
        branch::blobs(&tree, "").unwrap().into_iter().map(|(p, id)| (p, branch::text(repo, id).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn edits_go_to_a_branch_and_the_working_tree_stays_clean() {
    let dir = tempfile::tempdir().unwrap();
    let repo = init(dir.path(), "Mara Okafor");
    let ledger = Ledger::open(dir.path()).unwrap();
    assert!(!dir.path().join(".andon").exists(), "looking writes nothing");
    act(&ledger, &Edit::Defaults);
    add(&ledger, "Route medians", "review");
    assert_eq!(ledger.pending().unwrap(), ledger.load().unwrap().ops.len());
    let commit = ledger.flush().unwrap().unwrap();
    assert_eq!((ledger.pending().unwrap(), ledger.flush().unwrap()), (0, None));
    let loaded = ledger.load().unwrap();
    assert_eq!(loaded.head, Some(commit.clone()));
    assert!(loaded.damage.is_empty());
    let all = files(&repo);
    let names: Vec<&str> = all.iter().map(|(p, _)| p.split('/').next().unwrap()).collect();
    assert_eq!(names, [".gitattributes", "board.toml", "cards", "log"]);
    let card = &all[2].1;
    assert!(card.contains("title = \"Route medians\"") && card.contains("by Mara Okafor"), "{card}");
    let commit = repo.find_commit(git2::Oid::from_str(&commit).unwrap()).unwrap();
    assert!(commit.message().unwrap().starts_with("Add the board, and 6 more"), "{:?}", commit.message());
    assert_eq!(commit.author().name().unwrap(), "Mara Okafor");
    let seen = |s: git2::Statuses<'_>| s.iter().filter(|e| !e.status().is_ignored()).count();
    assert_eq!(repo.statuses(None).map(seen).unwrap(), 0, ".andon hides itself");
    add(&ledger, "Second", "review");
    ledger.flush().unwrap();
    let tip = repo.find_reference("refs/heads/andon/board").unwrap().peel_to_commit().unwrap();
    assert_eq!((tip.parent_count(), tip.message().unwrap()), (1, "Add AND-2 \u{201c}Second\u{201d}"));
}

#[test]
fn a_folder_keeps_its_ledger_and_brings_it_along_when_it_becomes_a_repository() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    assert!(matches!(ledger.home(), Home::Folder(_)));
    act(&ledger, &Edit::Defaults);
    add(&ledger, "One", "ready");
    ledger.flush().unwrap();
    assert_eq!(titles(&ledger), ["One"]);
    assert!(dir.path().join(".andon/ledger/board.toml").exists());
    let before = ledger.load().unwrap().ops;
    let repo = init(dir.path(), "Mara");
    let ledger = Ledger::open(dir.path()).unwrap();
    assert_eq!(ledger.load().unwrap().ops, before);
    ledger.flush().unwrap();
    assert!(files(&repo).iter().any(|(p, t)| p.starts_with("cards/") && t.contains("One")));
    assert!(dir.path().join(".andon/ledger.moved/log").exists() && !dir.path().join(".andon/ledger").exists());
    assert_eq!(ledger.load().unwrap().ops, before);
}

#[test]
fn a_workspace_inside_a_bigger_repository_has_its_own_board() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), "Mara");
    let inner = dir.path().join("teams").join("sky line");
    fs::create_dir_all(&inner).unwrap();
    let Home::Branch { branch, .. } = Ledger::open(&inner).unwrap().home().clone() else { panic!() };
    assert_eq!(branch, "andon/board-teams-sky-line");
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), "Mara");
    let ledger = Ledger::open(dir.path()).unwrap();
    act(&ledger, &Edit::Defaults);
    ledger.flush().unwrap();
    thread::scope(|scope| {
        for t in 0..4 {
            let root: PathBuf = dir.path().to_path_buf();
            thread::Builder::new()
                .spawn_scoped(scope, move || {
                    // Each opens the workspace anew, as another process would.
                    let ledger = Ledger::open(&root).unwrap();
                    for n in 0..6 {
                        add(&ledger, &format!("{t}-{n}"), "ready");
                        if n % 2 == 0 {
                            ledger.flush().unwrap();
                        }
                    }
                })
                .unwrap();
        }
    });
    ledger.flush().unwrap();
    assert_eq!(titles(&ledger).len(), 24);
    assert_eq!(ledger.pending().unwrap(), 0);
}

#[test]
fn somebody_who_moves_the_branch_meanwhile_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let repo = init(dir.path(), "Mara");
    let ledger = Ledger::open(dir.path()).unwrap();
    act(&ledger, &Edit::Defaults);
    ledger.flush().unwrap();
    let id = branch::head(&repo, "refs/heads/andon/board").unwrap().unwrap();
    let other = git2::Oid::from_str("1111111111111111111111111111111111111111").unwrap();
    assert!(!branch::swap(&repo, "refs/heads/andon/board", Some(other), id, "test").unwrap());
    assert!(!branch::swap(&repo, "refs/heads/andon/board", None, id, "test").unwrap());
}

#[test]
fn a_torn_line_is_reported_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let repo = init(dir.path(), "Mara");
    let ledger = Ledger::open(dir.path()).unwrap();
    act(&ledger, &Edit::Defaults);
    let path = dir.path().join(".andon/ledger-journal.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"id\":\"torn");
    fs::write(&path, &text).unwrap();
    add(&ledger, "After the crash", "ready");
    let loaded = ledger.load().unwrap();
    assert_eq!(loaded.damage.len(), 1);
    ledger.flush().unwrap();
    assert_eq!(titles(&ledger), ["After the crash"]);
    assert_eq!(ledger.load().unwrap().damage.len(), 1);
    assert!(files(&repo).iter().any(|(p, t)| p == "log/damaged.jsonl" && t.contains("torn")));
}

/// Commits a change of one file on the board's branch, as a person with plain git would.
fn by_hand(repo: &Repository, change: impl Fn(&str, &str) -> Option<String>) {
    let name = "refs/heads/andon/board";
    let id = branch::head(repo, name).unwrap().unwrap();
    let parent = repo.find_commit(id).unwrap();
    let mut update = git2::build::TreeUpdateBuilder::new();
    for (path, text) in files(repo) {
        if let Some(new) = change(&path, &text) {
            update.upsert(path.as_str(), repo.blob(new.as_bytes()).unwrap(), git2::FileMode::Blob);
        }
    }
    let tree = repo.find_tree(update.create_updated(repo, &parent.tree().unwrap()).unwrap()).unwrap();
    let sign = git2::Signature::now("Jonas Weber", "j@example.org").unwrap();
    repo.commit(Some(name), &sign, &sign, "by hand", &tree, &[&parent]).unwrap();
}

#[test]
fn a_card_edited_by_hand_is_taken_over_as_its_authors_edit() {
    let dir = tempfile::tempdir().unwrap();
    let repo = init(dir.path(), "Mara");
    let ledger = Ledger::open(dir.path()).unwrap();
    act(&ledger, &Edit::Defaults);
    add(&ledger, "Old", "ready");
    ledger.flush().unwrap();
    by_hand(&repo, |path, text| path.starts_with("cards/").then(|| text.replace("Old", "New")));
    by_hand(&repo, |path, text| (path == "board.toml").then(|| text.replace("wip = 4", "wip = 7")));
    let loaded = ledger.load().unwrap();
    let board = Board::read(&loaded.projection);
    assert_eq!(board.cards.values().next().unwrap().title, "New");
    assert_eq!(board.column("in-progress").unwrap().wip, Some(7));
    assert!(loaded.ops.iter().any(|o| o.by == "Jonas Weber"));
    assert_eq!(loaded.pending, 2);
    ledger.flush().unwrap();
    assert!(files(&repo).iter().any(|(p, t)| p.starts_with("log/") && p.ends_with("hand.jsonl") && t.contains("New")));
    assert_eq!(ledger.load().unwrap().pending, 0, "taken over once");
}

/// A bare remote and clones of it.
fn clones(dir: &Path, names: &[&str]) -> Vec<(Repository, Ledger)> {
    let far = dir.join("far.git");
    Repository::init_opts(&far, RepositoryInitOptions::new().bare(true).initial_head("main")).unwrap();
    names
        .iter()
        .map(|name| {
            let root = dir.join(name);
            let repo = init(&root, name);
            repo.remote("origin", far.to_str().unwrap()).unwrap();
            let ledger = Ledger::open(&root).unwrap();
            (repo, ledger)
        })
        .collect()
}

fn sync(ledger: &Ledger) -> SyncReport {
    ledger.sync("origin", &JobCtx::detached()).unwrap()
}

#[test]
fn two_clones_end_up_with_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    let all = clones(dir.path(), &["mara", "jonas"]);
    let [(repo_a, a), (repo_b, b)] = &all[..] else { panic!() };
    assert_eq!(sync(a).outcome, Synced::NoRemote, "nothing to send yet");
    act(a, &Edit::Defaults);
    add(a, "shared", "ready");
    assert_eq!(sync(a).outcome, Synced::Sent);
    assert_eq!(sync(b).outcome, Synced::Received);
    let card = board(a).cards.keys().next().unwrap().clone();
    act(a, &Edit::Title(card.clone(), "by mara".into()));
    act(b, &Edit::Title(card.clone(), "by jonas".into()));
    add(a, "only mara", "ready");
    add(b, "only jonas", "ready");
    by_hand(repo_b, |path, text| (path == "board.toml").then(|| text.replace("wip = 4", "wip = 9")));
    assert_eq!(sync(a).outcome, Synced::Sent);
    assert_eq!(sync(b).outcome, Synced::Merged);
    assert_eq!(sync(a).outcome, Synced::Received);
    assert_eq!(files(repo_a), files(repo_b));
    let board = board(a);
    assert_eq!(board.column("in-progress").unwrap().wip, Some(9));
    assert_eq!(board.cards.len(), 3);
    let card = board.card(&card).unwrap();
    assert_eq!((card.title.as_str(), card.also_set[0].value.as_str()), ("by jonas", "by mara"));
    for ledger in [a, b] {
        assert_eq!(sync(ledger).outcome, Synced::Same, "a second sync finds nothing to do");
    }
}

#[test]
fn a_branch_that_is_checked_out_is_not_moved_and_the_edits_wait() {
    let dir = tempfile::tempdir().unwrap();
    let repo = init(dir.path(), "Mara");
    repo.set_head("refs/heads/andon/board").unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    act(&ledger, &Edit::Defaults);
    assert!(ledger.flush().unwrap_err().what.contains("checked out"));
    assert!(!board(&ledger).is_empty());
    repo.set_head("refs/heads/main").unwrap();
    assert!(ledger.flush().unwrap().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn clones_that_edit_at_the_same_time_merge_without_loss(
        rounds in prop::collection::vec((0..2usize, 0..8u8, 0..4usize, any::<bool>()), 4..24)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let all = clones(dir.path(), &["mara", "jonas"]);
        act(&all[0].1, &Edit::Defaults);
        for n in 0..4 { add(&all[0].1, &format!("card {n}"), "ready"); }
        for (_, ledger) in &all { sync(ledger); }
        let cards: Vec<_> = board(&all[0].1).cards.keys().cloned().collect();
        let mut written = 0;
        for (n, (who, what, which, then_sync)) in rounds.iter().enumerate() {
            let ledger = &all[*who].1;
            let loaded = ledger.load().unwrap();
            let subject = edit::subject(&cards[*which]);
            let doc = loaded.projection.doc(&subject).unwrap();
            let action = match what {
                0 | 1 => doc.set("title", None, json!(format!("t{n}"))),
                2 | 3 => doc.set("place", None, json!({"column": "done", "key": format!("a{n}k")})),
                4 => doc.set("labels", Some("x"), json!(n % 2 == 0)),
                5 => doc.set("comments", Some(&format!("c{n}")), json!({"text": "hello"})),
                6 => doc.set("body", None, json!(format!("line\n{n}"))),
                _ => Action::Delete { seen: doc.last },
            };
            let mut stamper = ledger.stamper(&loaded, now()).unwrap();
            ledger.append(&[stamper.op(now(), subject, action)]).unwrap();
            written += 1;
            if *then_sync { sync(ledger); }
        }
        for _ in 0..2 { for (_, ledger) in &all { sync(ledger); } }
        prop_assert_eq!(files(&all[0].0), files(&all[1].0));
        let (a, b) = (all[0].1.load().unwrap(), all[1].1.load().unwrap());
        prop_assert_eq!(&a.ops, &b.ops);
        let later = a.ops.iter().filter(|o| o.id.len() == 16).count();
        prop_assert!(later >= written, "{later} of {written}");
        prop_assert!(a.damage.is_empty());
    }
}

//! The ledger on its branch: trees and commits made without a checkout.
use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
    thread,
    time::Duration,
};

use git2::{
    Commit, ErrorCode, FileMode, ObjectType, Oid, Repository, RepositoryOpenFlags, Signature, Tree, TreeWalkMode,
    TreeWalkResult, build::TreeUpdateBuilder,
};
use rand::Rng;

use super::{BRANCH, Home, Stored, files, journal::Journal};
use crate::{
    base::{Error, Result, error::Context},
    model::{
        board::words,
        ledger::{self, Hlc, Op, Projection, file, parse_log, project},
    },
};

/// How often a flush is made again when somebody else was faster.
const TRIES: usize = 12;

/// Clones without Andon's own merge join log files line by line.
const ATTRIBUTES: &str = "log/** merge=union\n";

/// Where the ledger of a workspace is.
pub(super) fn home(root: &Path) -> Result<Home> {
    let none: [&Path; 0] = [];
    let repo = match Repository::open_ext(root, RepositoryOpenFlags::empty(), none) {
        Ok(repo) => repo,
        Err(e) if e.code() == ErrorCode::NotFound => return Ok(Home::Folder(root.join(".andon").join("ledger"))),
        Err(e) => return Err(Error::io(format!("Could not open the repository of {}", root.display())).because(&e)),
    };
    let canonical = |p: &Path| p.canonicalize().unwrap_or_else(|_| p.to_path_buf());
    let below =
        repo.workdir().map(canonical).and_then(|top| canonical(root).strip_prefix(top).map(Path::to_path_buf).ok());
    let below = below.unwrap_or_default();
    // A workspace inside a bigger repository has a board of its own.
    let slug: String = below.to_string_lossy().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let branch = if slug.is_empty() { BRANCH.to_owned() } else { format!("{BRANCH}-{slug}") };
    Ok(Home::Branch { git_dir: repo.path().to_path_buf(), branch })
}

/// The person's name in git's configuration.
pub(super) fn person(root: &Path) -> String {
    let config = Repository::discover(root).and_then(|r| r.config()).or_else(|_| git2::Config::open_default());
    let name = config.and_then(|mut c| c.snapshot()).and_then(|c| c.get_string("user.name"));
    name.ok().filter(|n| !n.trim().is_empty()).unwrap_or_else(|| super::NOBODY.to_owned())
}

pub(super) fn open(git_dir: &Path) -> Result<Repository> {
    Repository::open(git_dir).io(|| format!("Could not open the repository {}", git_dir.display()))
}

pub(super) fn reference(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// The branch's commit, if there is one.
pub(super) fn head(repo: &Repository, name: &str) -> Result<Option<Oid>> {
    match repo.find_reference(name) {
        Ok(r) => match r.peel_to_commit() {
            Ok(commit) => Ok(Some(commit.id())),
            Err(e) => Err(damaged(name).because(&e)),
        },
        Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
        Err(e) => Err(damaged(name).because(&e)),
    }
}

/// Nothing is written over a branch that cannot be read: it may be all there is of the board.
fn damaged(name: &str) -> Error {
    let branch = name.trim_start_matches("refs/heads/");
    Error::io(format!("The branch {branch}, which holds the board, is damaged")).hint(format!(
        "Look for a whole version with: git reflog {branch}, or fetch it from the remote; then: git branch -f {branch} COMMIT"
    ))
}

pub(super) fn commit(repo: &Repository, id: Oid) -> Result<Commit<'_>> {
    repo.find_commit(id).io(|| format!("Could not read the commit {id}"))
}

pub(super) fn tree<'r>(commit: &Commit<'r>) -> Result<Tree<'r>> {
    commit.tree().io(|| format!("Could not read the tree of {}", commit.id()))
}

/// Every file of a tree below `prefix` with its blob.
pub(super) fn blobs(tree: &Tree<'_>, prefix: &str) -> Result<Vec<(String, Oid)>> {
    let mut out = Vec::new();
    tree.walk(TreeWalkMode::PreOrder, |dir, entry| {
        let path = format!("{dir}{}", entry.name().unwrap_or_default());
        if entry.kind() == Some(ObjectType::Blob) {
            if path.starts_with(prefix) {
                out.push((path, entry.id()));
            }
        } else if !(path.starts_with(prefix) || prefix.starts_with(&path)) {
            return TreeWalkResult::Skip;
        }
        TreeWalkResult::Ok
    })
    .io(|| "Could not read the board's branch".to_owned())?;
    Ok(out)
}

pub(super) fn text(repo: &Repository, id: Oid) -> Result<String> {
    let blob = repo.find_blob(id).io(|| format!("Could not read the object {id}"))?;
    Ok(String::from_utf8_lossy(blob.content()).into_owned())
}

fn text_at(repo: &Repository, tree: Option<&Tree<'_>>, path: &str) -> Result<Option<String>> {
    let Some(tree) = tree else { return Ok(None) };
    match tree.get_path(Path::new(path)) {
        Ok(entry) => Ok(Some(text(repo, entry.id())?)),
        Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
        Err(e) => Err(Error::io(format!("Could not read {path} of the board's branch")).because(&e)),
    }
}

/// All operations of a tree.
pub(super) fn ops(repo: &Repository, tree: &Tree<'_>) -> Result<Stored> {
    let mut stored = Stored::default();
    for (path, id) in blobs(tree, "log/")? {
        let (ops, damage) = parse_log(&path, &text(repo, id)?);
        stored.ops.extend(ops);
        stored.damage.extend(damage);
    }
    Ok(stored)
}

pub(super) fn load(git_dir: &Path, branch: &str) -> Result<Stored> {
    let repo = open(git_dir)?;
    let Some(id) = head(&repo, &reference(branch))? else { return Ok(Stored::default()) };
    let tree = tree(&commit(&repo, id)?)?;
    let mut stored = ops(&repo, &tree)?;
    stored.head = Some(id.to_string());
    Ok(stored)
}

/// Whether `remote` is at our commit, and the ids of the operations it was known to have; `None` without such a remote.
/// With `idle` nobody asks for the ids.
pub(super) fn known_to(
    git_dir: &Path,
    branch: &str,
    remote: &str,
    ours: Option<&str>,
    idle: bool,
) -> Result<Option<(bool, HashSet<String>)>> {
    let repo = open(git_dir)?;
    if repo.find_remote(remote).is_err() {
        return Ok(None);
    }
    let Some(id) = head(&repo, &format!("refs/remotes/{remote}/{branch}"))? else {
        return Ok(Some((false, HashSet::new())));
    };
    let same = ours == Some(id.to_string().as_str());
    if idle {
        return Ok(Some((same, HashSet::new())));
    }
    let stored = ops(&repo, &tree(&commit(&repo, id)?)?)?;
    Ok(Some((same, stored.ops.into_iter().map(|o| o.id).collect())))
}

/// The operations of a tree that concern some subjects, or the board's layout, which names things. Other lines are not
/// even parsed, so that a small edit stays quick on a long log.
fn ops_about(repo: &Repository, tree: &Tree<'_>, subjects: &BTreeSet<String>) -> Result<Vec<Op>> {
    let wanted: Vec<String> = subjects.iter().map(|s| format!("{}", serde_json::Value::from(s.as_str()))).collect();
    let mut finders: Vec<_> = wanted.iter().map(|w| memchr::memmem::Finder::new(w.as_bytes())).collect();
    for layout in [&b"\"column/"[..], b"\"lane/", b"\"board/"] {
        finders.push(memchr::memmem::Finder::new(layout));
    }
    let mut out = Vec::new();
    for (_, id) in blobs(tree, "log/")? {
        let text = text(repo, id)?;
        let hit = text.lines().filter(|l| finders.iter().any(|f| f.find(l.as_bytes()).is_some()));
        out.extend(hit.filter_map(|l| Op::parse(l).ok()));
    }
    Ok(out)
}

/// A tree with log lines added and the readable files of what they touch made again.
pub(super) fn grow<'r>(
    repo: &'r Repository,
    base: Option<&Tree<'r>>,
    lines: &str,
    also: &BTreeSet<String>,
) -> Result<(Tree<'r>, Projection, Vec<Op>)> {
    let (logs, added) = files::by_file(lines);
    let failed = || "Could not write the board's branch".to_owned();
    let empty = repo.treebuilder(None).and_then(|b| b.write()).and_then(|id| repo.find_tree(id)).io(failed)?;
    let base = base.unwrap_or(&empty);
    let mut update = TreeUpdateBuilder::new();
    for (path, added) in &logs {
        let old = text_at(repo, Some(base), path)?.unwrap_or_default();
        let blob = repo.blob(ledger::merge_text(&old, added).as_bytes()).io(failed)?;
        update.upsert(path.as_str(), blob, FileMode::Blob);
    }
    if text_at(repo, Some(base), ".gitattributes")?.is_none() {
        let blob = repo.blob(ATTRIBUTES.as_bytes()).io(failed)?;
        update.upsert(".gitattributes", blob, FileMode::Blob);
    }
    let grown = update.create_updated(repo, base).and_then(|id| repo.find_tree(id)).io(failed)?;
    let subjects: BTreeSet<String> = added.iter().map(|o| o.subject.clone()).chain(also.iter().cloned()).collect();
    let all = project(&ops_about(repo, &grown, &subjects)?);
    let paths: BTreeSet<String> = subjects.iter().map(|s| file::path(s)).collect();
    let mut update = TreeUpdateBuilder::new();
    for path in &paths {
        if let Some(text) = file::render(&all, path) {
            let blob = repo.blob(text.as_bytes()).io(failed)?;
            update.upsert(path.as_str(), blob, FileMode::Blob);
        }
    }
    let tree = update.create_updated(repo, &grown).and_then(|id| repo.find_tree(id)).io(failed)?;
    Ok((tree, all, added))
}

pub(super) fn signature(repo: &Repository) -> Result<Signature<'static>> {
    repo.signature().or_else(|_| Signature::now("Andon", "andon@localhost")).io(|| "Could not sign a commit".to_owned())
}

/// Moves the branch from `old` to `new`; false when it no longer stood at `old`.
pub(super) fn swap(repo: &Repository, name: &str, old: Option<Oid>, new: Oid, why: &str) -> Result<bool> {
    let moved = match old {
        Some(old) => repo.reference_matching(name, new, true, old, why),
        None => repo.reference(name, new, false, why),
    };
    match moved {
        Ok(_) => Ok(true),
        Err(e)
            if matches!(
                e.code(),
                ErrorCode::Modified | ErrorCode::Exists | ErrorCode::Locked | ErrorCode::NotFound
            ) =>
        {
            Ok(false)
        }
        Err(e) => Err(Error::io(format!("Could not move {name}"))
            .because(&e)
            .hint("A branch named andon would be in the way; the edits wait in .andon")),
    }
}

/// Refuses to move a branch under somebody's feet.
pub(super) fn not_checked_out(repo: &Repository, name: &str) -> Result<()> {
    let here = repo.find_reference("HEAD").ok().and_then(|h| h.symbolic_target().ok().flatten().map(str::to_owned));
    if here.as_deref() == Some(name) && !repo.is_bare() {
        return Err(Error::user("The board's own branch is checked out here, so it cannot be written")
            .hint("Switch to another branch; the edits wait in .andon"));
    }
    Ok(())
}

/// A short pause that grows, so that two writers do not meet again at once.
pub(super) fn pause(attempt: usize) {
    let most = 8u64 << attempt.min(6);
    thread::sleep(Duration::from_millis(rand::rng().random_range(1..=most)));
}

pub(super) fn flush(git_dir: &Path, branch: &str, lines: &str, journal: &Journal) -> Result<String> {
    let repo = open(git_dir)?;
    let name = reference(branch);
    not_checked_out(&repo, &name)?;
    let failed = || "Could not write the board's branch".to_owned();
    for attempt in 0..TRIES {
        let old = head(&repo, &name)?;
        let parent = old.map(|id| commit(&repo, id)).transpose()?;
        let base = parent.as_ref().map(tree).transpose()?;
        let (tree, all, ops) = grow(&repo, base.as_ref(), lines, &BTreeSet::new())?;
        if base.as_ref().is_some_and(|b| b.id() == tree.id()) {
            return Ok(old.map(|id| id.to_string()).unwrap_or_default());
        }
        let message = words::message(&all, &ops.iter().collect::<Vec<_>>());
        let sign = signature(&repo)?;
        let parents: Vec<&Commit<'_>> = parent.iter().collect();
        let new = repo.commit(None, &sign, &sign, &message, &tree, &parents).io(failed)?;
        if swap(&repo, &name, old, new, "board")? {
            note_checked(journal, old, new)?;
            return Ok(new.to_string());
        }
        pause(attempt);
    }
    Err(Error::io("The board's branch was busy").hint("The edits wait in .andon and go in with the next ones"))
}

/// Our own commit needs no look for hand edits, provided the one below had been looked at.
pub(super) fn note_checked(journal: &Journal, old: Option<Oid>, new: Oid) -> Result<()> {
    if journal.checked() == old.map(|id| id.to_string()) || old.is_none() {
        journal.set_checked(&new.to_string())?;
    }
    Ok(())
}

/// Takes over edits that people made by hand in commits of their own.
pub(super) fn adopt_edits(git_dir: &Path, branch: &str, journal: &Journal) -> Result<()> {
    let repo = open(git_dir)?;
    let Some(id) = head(&repo, &reference(branch))? else { return Ok(()) };
    let checked = journal.checked();
    if checked.as_deref() == Some(&id.to_string()) {
        return Ok(());
    }
    let from = checked.and_then(|c| Oid::from_str(&c).ok()).filter(|c| repo.find_commit(*c).is_ok());
    let ops = hand_edits(&repo, from, id)?;
    if !ops.is_empty() {
        journal.append(&ops)?;
    }
    journal.set_checked(&id.to_string())
}

/// What people changed by hand in the readable files between two commits, as operations.
pub(super) fn hand_edits(repo: &Repository, from: Option<Oid>, to: Oid) -> Result<Vec<Op>> {
    let target = commit(repo, to)?;
    let new = tree(&target)?;
    let old = from.map(|id| commit(repo, id).and_then(|c| tree(&c))).transpose()?;
    let diff = repo.diff_tree_to_tree(old.as_ref(), Some(&new), None).io(|| "Could not compare boards".to_owned())?;
    let changed: Vec<String> = diff
        .deltas()
        .filter_map(|d| d.new_file().path().or_else(|| d.old_file().path()).map(|p| p.to_string_lossy().into_owned()))
        .filter(|p| p == "board.toml" || file::subject(p).is_some())
        .collect();
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let all = project(&ops(repo, &new)?.ops);
    let author = target.author();
    let by = author.name().unwrap_or("Somebody").to_owned();
    let at = Hlc { ms: author.when().seconds() * 1000, count: 0 };
    let mut out = Vec::new();
    for path in changed {
        let written = text_at(repo, Some(&new), &path)?;
        let shown = file::render(&all, &path);
        if written == shown {
            continue;
        }
        let found = match &written {
            // What is no TOML stays in git's history; the log goes on without it.
            Some(text) => file::edits(&all, &path, text).unwrap_or_default(),
            None => file::subject(&path)
                .and_then(|s| all.doc(&s).filter(|d| !d.is_deleted()))
                .map(|d| vec![(d.subject.clone(), ledger::Action::Delete { seen: d.last })])
                .unwrap_or_default(),
        };
        out.extend(files::stamped(&all, &format!("{to} {path}"), &by, at, found));
    }
    Ok(out)
}

//! What the review page has done away from the window's thread.
use std::{path::Path, sync::Arc};

use super::{Counts, Event, Fresh, Listed, Task, threads::Tally, view::key_of};
use crate::{
    app::{Env, Out},
    base::{Result, job::JobCtx},
    engine::{sides::Sides, workspace::diff_rules},
    model::{
        diff::{FileDiff, ImageView, Rules, compare_files_by},
        git::{ChangedFile, RefKind, Rev},
        json::Bytes,
    },
};

/// Largest file whose lines are counted for the list.
const COUNTED_BYTES: usize = 20_000_000;
/// Commits listed between the two sides.
const COMMITS: usize = 200;
/// Commits found for what is typed into a picker.
const FOUND: usize = 40;

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let root = env.root()?;
    match task {
        Task::Files { base, compare, parted } => listed(&root, base, compare, parted, cx, out),
        Task::Counts { base, compare, from, files, approvals } => {
            let repo = Sides::open(&root)?;
            let rules = diff_rules(&root).unwrap_or_default();
            for file in files {
                cx.check()?;
                // A file that cannot be read says so when it is opened.
                let Ok((old, new)) = sides(&repo, &from, &compare, &file) else { continue };
                let size = old.as_ref().map_or(0, |b| b.len()).max(new.as_ref().map_or(0, |b| b.len()));
                if size > COUNTED_BYTES {
                    continue;
                }
                let mark = mark(old.as_deref(), new.as_deref());
                let diff = compare_files_by(&file.path, old, new, &rules);
                let counts = counts(&diff, mark);
                let tally = Tally::of(&file.path, diff, &approvals);
                let (base, compare) = (base.clone(), compare.clone());
                out.send(Event::Counts { path: file.path, counts, tally, base, compare });
            }
        }
        Task::Diff { base, compare, from, file, list, turn } => {
            let result = both(&root, &from, &compare, &file).and_then(|(old, new)| {
                cx.check()?;
                let (rules, wrong) = match diff_rules(&root) {
                    Ok(rules) => (rules, None),
                    Err(e) => (Rules::default(), Some(e)),
                };
                let mut made = compare_files_by(&file.path, old.clone(), new.clone(), &rules);
                if let Some(e) = wrong {
                    made.note.get_or_insert_with(|| format!("{e}; compared by the rules Andon comes with"));
                }
                Ok(fresh(made, mark(old.as_deref(), new.as_deref())))
            });
            let (first, second) = (base.clone(), compare.clone());
            out.send(Event::Diff { path: file.path, base, compare, turn, result: Box::new(result) });
            if let Some(parted) = list {
                listed(&root, first, second, parted, cx, out);
            }
        }
        Task::History { path, rev } => {
            let sides = Sides::open(&root)?;
            // A file outside a repository has no history; that is no failure.
            let repo = if matches!(rev, Rev::File(_)) { None } else { sides.repo().ok() };
            let versions = match repo {
                Some(repo) => repo.file_history(&sides.history_of(&rev), &path, 100, cx)?,
                None => Vec::new(),
            };
            out.send(Event::History { path, versions });
        }
        Task::View { old, new } => {
            let key = key_of((old.as_deref(), new.as_deref()));
            let view = Arc::new(ImageView::new(old.as_deref(), new.as_deref()));
            out.send(Event::Viewed { key, view });
        }
        Task::Runs { path } => {
            let result = Box::new(super::matrix::read(env, &path, cx));
            out.send(Event::Runs { path, result });
        }
        Task::Past { path, rev } => {
            let result = Sides::open(&root).and_then(|sides| super::past::read(&sides, &path, &rev, cx));
            out.send(Event::Past { path, rev, result: Box::new(result) });
        }
        Task::Talk(task) => return super::threads::run(task, env, cx, out),
        Task::Find(query) => {
            let found = match Sides::open(&root)?.repo() {
                Ok(repo) => repo.find_commits(&query, FOUND, cx)?,
                Err(_) => Vec::new(),
            };
            out.send(Event::Found(query, found));
        }
        Task::Suggest => out.send(Event::Suggested(Sides::open(&root).and_then(|sides| suggest(&sides, cx))?)),
    }
    Ok(())
}

/// What a reviewer most likely came for: the newest branch with commits of its own, else the last commit that
/// changed something of the workspace, against the one before it.
pub(super) fn suggest(sides: &Sides, cx: &JobCtx) -> Result<Option<(Rev, Rev)>> {
    let repo = sides.repo()?;
    let mut branches = repo.refs()?;
    branches.retain(|r| r.kind == RefKind::Branch && !r.current && !r.name.starts_with("andon/"));
    branches.sort_by_key(|r| std::cmp::Reverse(r.at));
    for branch in branches.into_iter().take(20) {
        let (base, compare) = (Rev::head(), Rev::At(branch.name.clone()));
        let own = !repo.commits_between("HEAD", &branch.name, 1, cx)?.is_empty();
        if own && !list(sides, &base, &compare, true, cx)?.files.files.is_empty() {
            return Ok(Some((base, compare)));
        }
    }
    for commit in repo.log("HEAD", 20, cx)? {
        let base = commit.parents.first().map_or(Rev::Empty, |p| Rev::At(p.clone()));
        let compare = Rev::At(commit.id.clone());
        if !repo.changed_files(&base, &compare, cx)?.files.is_empty() {
            return Ok(Some((base, compare)));
        }
    }
    Ok(None)
}

/// `parted`: where both sides went on, what changed since the commit they have in common.
pub(super) fn list(from: &Sides, base: &Rev, compare: &Rev, parted: bool, cx: &JobCtx) -> Result<Listed> {
    let mut meet = None;
    let mut commits = Vec::new();
    if let (Rev::At(a), Rev::At(b)) = (base, compare) {
        let repo = from.repo()?;
        // Only where both went on since: else one of them is the common commit itself.
        let common = repo.merge_base(a, b)?;
        if common.is_some() && common != repo.resolve(a)? && common != repo.resolve(b)? {
            meet = common;
        }
        commits = repo.commits_between(a, b, COMMITS, cx)?;
    }
    let both = meet.is_some();
    let parted = meet.filter(|_| parted);
    let old = parted.clone().map_or_else(|| base.clone(), Rev::At);
    let files = from.changed(&old, compare, cx)?;
    Ok(Listed { files, commits, parted, both })
}

fn listed(root: &Path, base: Rev, compare: Rev, parted: bool, cx: &JobCtx, out: &Out) {
    let result = Sides::open(root).and_then(|from| list(&from, &base, &compare, parted, cx));
    out.send(Event::Files { base, compare, result: Box::new(result) });
}

type Side = Option<Bytes>;

pub(super) fn sides(repo: &Sides, from: &Rev, compare: &Rev, file: &ChangedFile) -> Result<(Side, Side)> {
    Ok((side(repo, from, file.before())?, side(repo, compare, &file.path)?))
}

fn side(repo: &Sides, rev: &Rev, path: &str) -> Result<Side> {
    let bytes = repo.read_to_show(rev, path)?;
    // A notebook that git's marks tear is shown as its versions merge: cells instead of lines of JSON.
    let whole = |b: &[u8]| repo.repo().ok().filter(|_| *rev == Rev::WorkingTree)?.untorn(path, b);
    Ok(bytes.map(|b| whole(&b).map_or_else(|| Bytes::from(b), Bytes::from)))
}

/// Both sides at once: a person waits for this one, and inflating a large object takes as long as reading the file.
fn both(root: &Path, from: &Rev, compare: &Rev, file: &ChangedFile) -> Result<(Side, Side)> {
    let read = |rev: &Rev, path: &str| Sides::open(root).and_then(|repo| side(&repo, rev, path));
    std::thread::scope(|scope| {
        let old = std::thread::Builder::new().spawn_scoped(scope, || read(from, file.before()));
        let new = read(compare, &file.path);
        let old = match old.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(old)) => old,
            // No thread to be had, or it broke off.
            _ => read(from, file.before()),
        };
        Ok((old?, new?))
    })
}

/// Names a change by the contents of both sides.
pub fn mark(old: Option<&[u8]>, new: Option<&[u8]>) -> u64 {
    let hash = |side: Option<&[u8]>| side.map_or(1, crate::base::fsx::hash);
    hash(old).rotate_left(17) ^ hash(new)
}

pub(super) fn counts(diff: &FileDiff, mark: u64) -> Counts {
    let (added, removed) = diff.lines().unwrap_or_default();
    Counts { added, removed, quiet: diff.is_quiet(), mark }
}

pub(super) fn fresh(diff: FileDiff, mark: u64) -> Fresh {
    let counts = counts(&diff, mark);
    Fresh { diff: Arc::new(diff), counts }
}

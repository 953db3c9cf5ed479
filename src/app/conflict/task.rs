//! What the conflict page has done away from the window's thread.
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::Instant,
};

use super::{
    Event, Kind, Ran, Sheet, Task, Why,
    sheet::{Made, Versions, noted},
};
use crate::{
    app::{Env, Out},
    base::{Error, Result, error::Context as _, fsx, job::JobCtx},
    engine::{
        decisions,
        exec::{End, Progress, execute_watched},
        git::{Repo, Stages, is_as_git_left_it},
    },
    model::{
        blame::{Deed, Version, stories},
        diff::{CellView, is_notebook},
        git::{CommitInfo, Discarded},
        merge::{Answer, Entry, Take, is_marked},
        notebook::Notebook,
        output::{self, Output},
        run::Params,
        settle::is_noted,
        unmerged::Situation,
    },
};

/// Versions of a file that are looked at to tell who changed what.
const PAST: usize = 60;
/// Largest file that is compared with what git can have left.
const MOST_COMPARED: usize = 20_000_000;
/// Commits of a side that are known as its own.
const OWN: usize = 1_000;

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let root = env.root()?;
    match task {
        Task::Look { notebooks } => {
            decisions::forget_old(&root, env.clock.now());
            out.send(Event::Looked(Box::new(look(&root, &notebooks, cx))));
        }
        Task::Load { path, anew } => {
            let result = load(&root, &path, anew).map(Arc::new);
            let (kept, problems) = decisions::read(&root, &path);
            out.send(Event::Loaded { path, result: Box::new(result), kept });
            if let Some(problem) = problems.into_iter().next() {
                return Err(problem);
            }
        }
        Task::Edited(open) => {
            let bytes = |b: &crate::model::json::Bytes| Some(b.to_vec());
            let versions = Versions {
                base: open.base.as_ref().and_then(bytes),
                ours: bytes(&open.mine),
                theirs: bytes(&open.theirs),
                open: true,
                ..Versions::default()
            };
            let sheet = Sheet::new(&open.path, versions);
            let (kept, _) = decisions::read(&root, &open.path);
            out.send(Event::Loaded { path: open.path.clone(), result: Box::new(Ok(Arc::new(sheet))), kept });
        }
        Task::Make { open, sheet, answers } => {
            let result = sheet.made(&answers).and_then(|made| match made {
                Made::Bytes(bytes) => Ok(bytes),
                Made::Deleted | Made::AsItStands => Err(Error::user("An open file is not deleted by a merge")),
            });
            out.send(Event::Made { open, result: Box::new(result) });
        }
        Task::Keep { root, kept, gone } => {
            for kept in &kept {
                decisions::keep(&root, kept)?;
            }
            for (path, mark) in gone {
                decisions::forget(&root, &path, mark)?;
            }
        }
        Task::Finish { sheet, answers } => {
            let done = finish(&root, &sheet, sheet.made(&answers), &answers, cx);
            let (old, error) = done.map_or_else(|e| (None, Some(e)), |old| (old, None));
            out.send(Event::Finished { path: sheet.path.clone(), error, decided: true, old });
        }
        Task::Stage { sheet } => {
            let error = finish(&root, &sheet, Ok(Made::AsItStands), &BTreeMap::new(), cx).err();
            out.send(Event::Finished { path: sheet.path.clone(), error, decided: false, old: None });
        }
        Task::Abort => {
            let word = Repo::open(&root)?.underway().word();
            let error = Repo::open(&root).and_then(|repo| repo.abort(cx)).err();
            out.send(Event::Ended { what: format!("The {word} was taken back"), error });
        }
        Task::GoOn => {
            let word = Repo::open(&root)?.underway().word();
            let error = Repo::open(&root).and_then(|repo| repo.merging_by(env.program()).go_on(cx)).err();
            let after = Repo::open(&root)?.underway().word();
            let what = if after == word { format!("The {word} goes on") } else { format!("The {word} is done") };
            out.send(Event::Ended { what, error });
        }
        Task::Message => out.send(Event::Message(Repo::open(&root)?.proposed_message())),
        Task::Why { sheet, situation } => {
            let why = why(&root, &sheet, &situation, cx)?;
            out.send(Event::Why { path: sheet.path.clone(), mark: sheet.mark, why });
        }
        Task::Run { sheet, answers, at, alone } => {
            let result = run_until(&root, (&sheet, &answers), (at, alone), cx, out);
            out.send(Event::Ran { mark: sheet.mark, at, result: Box::new(result) });
        }
    }
    Ok(())
}

fn look(root: &Path, notebooks: &[String], cx: &JobCtx) -> Result<(Situation, Vec<String>)> {
    let situation = Repo::discover(root)?.map(|repo| repo.situation()).transpose()?.unwrap_or_default();
    let mut found = Vec::new();
    for path in notebooks.iter().filter(|p| situation.files.iter().all(|f| f.path != **p)) {
        cx.check()?;
        // What cannot be read is told where it is opened.
        let Ok(bytes) = fsx::inside(root, path).and_then(|file| fsx::read(&file)) else { continue };
        let maybe = memchr::memmem::find(&bytes, b"\"versions\"").is_some();
        if maybe && is_noted(&bytes) && noted(&bytes).is_ok() {
            found.push(path.clone());
        }
    }
    Ok((situation, found))
}

/// The file on disk; none where there is none.
fn on_disk(root: &Path, path: &str) -> Result<Option<Vec<u8>>> {
    let file = fsx::inside(root, path)?;
    match fs::symlink_metadata(&file) {
        Ok(meta) if meta.is_file() => fsx::read(&file).map(Some),
        Ok(_) => Ok(None),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(format!("Could not read {}", file.display())).because(&e)),
    }
}

fn load(root: &Path, path: &str, anew: bool) -> Result<Sheet> {
    let now = on_disk(root, path)?;
    let stages = Repo::discover(root)?.map(|repo| repo.stages(path)).transpose()?.flatten();
    // What a merge noted is exactly what it merged; the index may hold another base.
    let kept = now.as_deref().filter(|n| is_notebook(path) && is_noted(n)).map(noted);
    let versions = match (stages, kept) {
        (stages, Some(Ok(kept))) => Versions { unmerged: stages.is_some(), ..kept },
        (Some(stages), _) => Versions {
            as_git_left_it: now.as_deref().is_some_and(|now| is_as_left(now, &stages)),
            base: stages.base,
            ours: stages.ours,
            theirs: stages.theirs,
            now,
            special: stages.special,
            unmerged: true,
            open: false,
        },
        (None, Some(Err(e))) => return Err(e),
        (None, None) => {
            return Err(Error::user(format!("{path} has no conflict"))
                .because_of("git does not list it as unmerged, and no merge noted anything in it"));
        }
    };
    Ok(if anew { Sheet::anew(path, versions) } else { Sheet::new(path, versions) })
}

/// Marks stand in the file, and it is what git wrote.
fn is_as_left(now: &[u8], stages: &Stages) -> bool {
    let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap_or_default()).ok();
    let marked = is_marked(now) && now.len() <= MOST_COMPARED;
    let all = (marked && !stages.special).then(|| (text(&stages.base), text(&stages.ours), text(&stages.theirs)));
    let (Some((Some(base), Some(ours), Some(theirs))), Ok(now)) = (all, std::str::from_utf8(now)) else { return false };
    is_as_git_left_it(now, [&base, &ours, &theirs])
}

fn finish(
    root: &Path,
    sheet: &Sheet,
    made: Result<Made>,
    answers: &BTreeMap<usize, Answer>,
    cx: &JobCtx,
) -> Result<Option<Discarded>> {
    let made = made?;
    let path = &sheet.path;
    let file = fsx::inside(root, path)?;
    let now = on_disk(root, path)?;
    if now != sheet.versions.now {
        return Err(Error::user(format!("{path} changed on disk while it was being decided"))
            .because_of("Another program, or another page, wrote it")
            .hint("Look at it again, then finish"));
    }
    if sheet.versions.special {
        let take = answers.values().next().and_then(|a| a.cell);
        let ours = match take {
            Some(Take::Local) => true,
            Some(Take::Remote) => false,
            _ => return Err(Error::user("Of a link or a submodule only ours or theirs can be taken here")),
        };
        return Repo::open(root)?.take_side(path, ours, cx).map(|()| None);
    }
    let typed = |e: &Entry| answers.get(&e.at).is_some_and(|a| sheet.written_else(e, a).is_some());
    let over = made != Made::AsItStands && (sheet.writes_over() || sheet.entries.iter().any(typed));
    let over = over.then(|| now.clone()).flatten();
    match made {
        Made::Bytes(bytes) if now.as_deref() != Some(&bytes[..]) => {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).io(|| format!("Could not make the folder of {path}"))?;
            }
            fsx::write_guarded(&file, &bytes, now.as_deref().map(fsx::hash)).map(drop)?;
        }
        Made::Deleted if now.is_some() => fs::remove_file(&file).io(|| format!("Could not delete {path}"))?,
        Made::Bytes(_) | Made::Deleted | Made::AsItStands => {}
    }
    if !sheet.versions.unmerged {
        return Ok(None);
    }
    let repo = Repo::open(root)?;
    repo.stage(std::slice::from_ref(path), cx)?;
    over.map(|old| repo.keep_old(path, &old, cx.clock.now())).transpose()
}

/// Runs the merged notebook up to a cell, or the cell alone, on a kernel of its own, away from that of an open notebook.
/// What it puts out is told while it comes.
fn run_until(
    root: &Path,
    (sheet, answers): (&Sheet, &BTreeMap<usize, Answer>),
    (at, alone): (usize, bool),
    cx: &JobCtx,
    out: &Out,
) -> Result<Ran> {
    let entry = sheet.entries.iter().find(|e| e.at == at);
    let text = entry.zip(answers.get(&at)).map(|(e, a)| a.text(e)).unwrap_or_default();
    let (bytes, place) = sheet.until(answers, at, alone)?;
    let what = || "Could not prepare the merged notebook to be run".to_owned();
    let mut file = tempfile::Builder::new().suffix(".ipynb").tempfile().io(what)?;
    file.write_all(&bytes).io(what)?;
    let started = Instant::now();
    let of = (sheet.mark, at);
    let news = |progress: Progress| {
        let step = match progress {
            Progress::Cell { .. } if alone => "Running this cell alone".to_owned(),
            Progress::Cell { index, .. } if index == place => "Running this cell, after all above it".to_owned(),
            Progress::Cell { index, .. } => format!("Running cell {} of {place} above it", index + 1),
            Progress::Note(note) => note,
            _ => return,
        };
        out.send(Event::Running { of, step: Some(step), outputs: None });
    };
    let watch = |index: usize, outputs: &[Output]| {
        if index == place {
            out.send(Event::Running { of, step: None, outputs: Some(Arc::new(outputs.to_vec())) });
        }
    };
    let executed = execute_watched(root, file.path(), &Params::default(), cx, (&news, &watch))?;
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (error, shown) = match executed.end {
        End::Success => (None, place),
        End::Cancelled => return Err(Error::cancelled()),
        End::Failed(failure) => {
            let what = match failure.cell {
                cell if cell >= place => "The cell failed".to_owned(),
                cell => format!("Cell {} above it failed", cell + 1),
            };
            let mut error = Error::user(what).because_of(failure.error.to_string());
            if failure.cell < place {
                error = error.hint("Its output is shown below. This cell can be run alone");
            }
            (Some(error), failure.cell.min(place))
        }
    };
    let book = Notebook::parse(executed.bytes)?;
    let cell = book.cells().get(shown).ok_or_else(|| Error::bug("The cell that ran is not there"))?;
    let json = crate::model::json::Json::parse(cell.raw().clone()).ok();
    let raw = json.as_ref().and_then(|j| j.root().get("outputs")).map_or_else(|| b"[]".to_vec(), |v| v.raw().to_vec());
    let outputs: Vec<_> = cell.outputs().collect();
    let outputs = Arc::new(output::view(outputs.iter().map(|o| o.text())));
    Ok(Ran { text, outputs, raw, count: cell.execution_count, ms, error, reached: shown == place, alone })
}

/// The last commit of each side that touched each entry.
fn why(root: &Path, sheet: &Sheet, situation: &Situation, cx: &JobCtx) -> Result<BTreeMap<usize, Why>> {
    let mut all: BTreeMap<usize, Why> = BTreeMap::new();
    let Some(repo) = Repo::discover(root)? else { return Ok(all) };
    let sides =
        [(&situation.ours.commit, &situation.theirs.commit, 1), (&situation.theirs.commit, &situation.ours.commit, 2)];
    for (mine, other, side) in sides {
        let (Some(mine), Some(other)) = (mine, other) else { continue };
        let own = repo.commits_between(&other.id, &mine.id, OWN, cx)?;
        let own: HashMap<&str, &CommitInfo> = own.iter().map(|c| (c.id.as_str(), c)).collect();
        for (at, commit) in touched(&repo, sheet, (&mine.id, side), &own, cx)? {
            let slot = all.entry(at).or_default();
            slot.of_file = !matches!(sheet.kind, Kind::Notebook(_));
            if side == 1 { slot.ours = Some(commit) } else { slot.theirs = Some(commit) }
        }
    }
    Ok(all)
}

fn touched(
    repo: &Repo,
    sheet: &Sheet,
    (rev, side): (&str, usize),
    own: &HashMap<&str, &CommitInfo>,
    cx: &JobCtx,
) -> Result<Vec<(usize, CommitInfo)>> {
    if !matches!(sheet.kind, Kind::Notebook(_)) {
        let last = repo.file_history(rev, &sheet.path, PAST, cx)?;
        let last = last.into_iter().find(|v| own.contains_key(v.commit.id.as_str()));
        return Ok(last.map(|v| sheet.entries.iter().map(|e| (e.at, v.commit.clone())).collect()).unwrap_or_default());
    }
    let versions = repo.notebook_versions(rev, &sheet.path, PAST, cx)?;
    let docs: Vec<Version> = versions.iter().map(|v| v.version.clone()).collect();
    let told = stories(&docs);
    let commit = |v: usize| versions.get(v).map(|v| &v.file.commit).filter(|c| own.contains_key(c.id.as_str()));
    let last = |entry: &Entry| -> Option<CommitInfo> {
        let Kind::Notebook(plan) = &sheet.kind else { return None };
        let take = if side == 1 { Take::Local } else { Take::Remote };
        let Some(place) = plan.place(entry, take) else {
            return gone(sheet, entry, &docs).and_then(commit).cloned();
        };
        let deeds = &told.get(place)?.deeds;
        // What a person wrote says more than where it was moved and what it put out.
        let written = |d: &Deed| matches!(d, Deed::Edited | Deed::Created | Deed::Split);
        let of = |fits: &dyn Fn(&Deed) -> bool| deeds.iter().rev().filter(|d| fits(&d.1)).find_map(|d| commit(d.0));
        of(&written).or_else(|| of(&|_| true)).cloned()
    };
    Ok(sheet.entries.iter().filter_map(|e| Some((e.at, last(e)?))).collect())
}

/// The newest version that took out a cell of the base.
fn gone(sheet: &Sheet, entry: &Entry, versions: &[Version]) -> Option<usize> {
    let Kind::Notebook(plan) = &sheet.kind else { return None };
    let cell = plan.view(entry, Take::Base)?;
    let has = |v: &Version| {
        let same = |c: &CellView| (c.id.is_some() && c.id == cell.id) || c.source_hash == cell.source_hash;
        v.doc.cells.iter().any(same)
    };
    let all = versions.iter().enumerate().rev();
    let mut out = all.filter(|(_, v)| !has(v) && v.parents.iter().any(|p| versions.get(*p).is_some_and(has)));
    out.next().map(|(n, _)| n)
}

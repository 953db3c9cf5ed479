//! Sample workspaces: shipped inside the program, copied to the person's data folder when first opened.
//!
//! A sample is a folder of `workspaces/`. Its files become the copy's files; its `.sample/` folder says how the copy
//! gets its past: `sample.toml` (title, summary, commits), `history.ndjson` (runs and metrics), `board.toml` (the board).
mod board;
pub mod solar;

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Deserialize;

use super::{dirs::Dirs, ledger::Ledger, store::Store};
use crate::base::{Error, Result, error::Context, fsx, job::JobCtx, text};

include!(concat!(env!("OUT_DIR"), "/samples.rs"));

/// The sample that opens when no folder is named.
pub const DEFAULT: &str = "airport-weather";

/// A sample workspace as the start screen lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Folder name and argument of [`open`].
    pub name: String,
    pub title: String,
    /// One or two sentences.
    pub summary: String,
    /// Where the data comes from and its licence.
    pub source: String,
    pub bytes: u64,
}

/// `.sample/sample.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    title: String,
    summary: String,
    source: String,
    #[serde(default)]
    commit: Vec<CommitRecipe>,
}

/// One commit of the copy's history, oldest first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitRecipe {
    author: String,
    email: String,
    at: Timestamp,
    message: String,
    /// Files of the sample this commit adds or brings up to date; a trailing `/` takes a folder. The last commit takes what is left.
    #[serde(default)]
    files: Vec<String>,
    /// Folder below `.sample/` whose files are committed in their place: another version of them.
    #[serde(default)]
    version: Option<String>,
    /// Commits the files of `version` on a branch of this name instead, which starts where `main` is then.
    #[serde(default)]
    branch: Option<String>,
}

type Files = &'static [(&'static str, &'static [u8])];

/// The shipped samples, the default first.
pub fn list() -> Vec<Sample> {
    let mut all: Vec<Sample> = SHIPPED.iter().filter_map(|(name, files)| describe(name, files).ok()).collect();
    all.sort_by_key(|s| (s.name != DEFAULT, s.name.clone()));
    all
}

/// The copy of sample `name` in the data folder, made when it is not there yet.
///
/// The copy is built beside its place and moved there in one step, so that a copy that was broken off is never
/// taken for a whole one. An existing copy is the person's own and is opened as it is.
pub fn open(dirs: &Dirs, name: &str, cx: &JobCtx) -> Result<PathBuf> {
    copy(dirs, name, true, cx)
}

/// As [`open`], but without the runs and the board when `history` is false: what the script that makes the history needs.
pub fn copy(dirs: &Dirs, name: &str, history: bool, cx: &JobCtx) -> Result<PathBuf> {
    let Some((_, files)) = SHIPPED.iter().find(|(n, _)| *n == name) else {
        let names: Vec<&str> = SHIPPED.iter().map(|(n, _)| *n).collect();
        return Err(
            Error::user(format!("There is no sample {name}")).hint(format!("The samples are {}", names.join(", ")))
        );
    };
    let samples = dirs.data.join("samples");
    let place = samples.join(name);
    if place.is_dir() {
        return Ok(place);
    }
    fs::create_dir_all(&samples).io(|| format!("Could not make the folder {}", samples.display()))?;
    let building = tempfile::Builder::new()
        .prefix(&format!(".{name}-"))
        .tempdir_in(&samples)
        .io(|| format!("Could not make a folder in {}", samples.display()))?;
    cx.progress(None, format!("Copying the sample {name}"));
    build(building.path(), name, files, history, cx)?;
    match fs::rename(building.path(), &place) {
        Ok(()) => {
            // The folder has moved: there is nothing left to remove.
            let _ = building.keep();
            Ok(place)
        }
        // Another window was quicker; its copy is as good.
        Err(_) if place.is_dir() => Ok(place),
        Err(e) => Err(Error::io(format!("Could not put the sample at {}", place.display())).because(&e)),
    }
}

/// True when `root` is the copy of a shipped sample that Andon made below its own data folder: its contents are known,
/// so it needs no question of trust. A folder of the same name elsewhere is not, nor is a link that was put in its place.
pub fn is_copy(dirs: &Dirs, root: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (samples, root) = (real(&dirs.data.join("samples")), real(root));
    SHIPPED.iter().any(|(name, _)| root == samples.join(name))
}

fn describe(name: &str, files: Files) -> Result<Sample> {
    let recipe = recipe(name, files)?;
    let bytes = visible(files).map(|(_, b)| b.len() as u64).sum();
    Ok(Sample { name: name.to_owned(), title: recipe.title, summary: recipe.summary, source: recipe.source, bytes })
}

fn recipe(name: &str, files: Files) -> Result<Recipe> {
    let bytes = hidden(files, "sample.toml")
        .ok_or_else(|| Error::bug(format!("The sample {name} has no .sample/sample.toml")))?;
    let text = std::str::from_utf8(bytes).config(|| format!("The recipe of the sample {name} is not UTF-8 text"))?;
    toml::from_str(text).config(|| format!("The recipe of the sample {name} cannot be read"))
}

/// The files a person sees in the copy.
fn visible(files: Files) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    files.iter().copied().filter(|(path, _)| !path.starts_with(".sample/"))
}

/// A file of the recipe.
fn hidden(files: Files, path: &str) -> Option<&'static [u8]> {
    files.iter().find(|(p, _)| p.strip_prefix(".sample/") == Some(path)).map(|(_, b)| *b)
}

fn build(root: &Path, name: &str, files: Files, history: bool, cx: &JobCtx) -> Result<()> {
    let recipe = recipe(name, files)?;
    let init = || {
        git2::Repository::init_opts(
            root,
            git2::RepositoryInitOptions::new().initial_head("main").external_template(false),
        )
    };
    let repo = init().io(|| "Could not make the sample a git repository".to_owned())?;
    let last = recipe.commit.iter().rposition(|c| c.branch.is_none());
    for (i, commit) in recipe.commit.iter().enumerate() {
        cx.check()?;
        let version: Vec<(&str, &[u8])> = commit.version.iter().flat_map(|v| version(files, v)).collect();
        if let Some(branch) = &commit.branch {
            record_aside(&repo, commit, branch, &version)?;
            continue;
        }
        let taken = |path: &str| commit.files.iter().any(|f| f == path || (f.ends_with('/') && path.starts_with(f)));
        for (path, bytes) in visible(files).filter(|(p, _)| Some(i) == last || taken(p)).chain(version) {
            put(root, path, bytes)?;
        }
        record(&repo, commit)?;
    }
    if history {
        past(root, files, cx)?;
    }
    cx.progress(None, format!("Copied {}", text::count(visible(files).count() as u64, "file")));
    Ok(())
}

/// Gives the copy its runs and its board.
fn past(root: &Path, files: Files, cx: &JobCtx) -> Result<()> {
    if let Some(history) = hidden(files, "history.ndjson") {
        cx.progress(None, "Reading the history of runs");
        Store::open(root)?.import(&mut &history[..])?;
    }
    if let Some(story) = hidden(files, "board.toml") {
        cx.progress(None, "Setting up the board");
        // Makes .andon/ with its .gitignore, which the ledger's journal needs.
        super::store::folder(root)?;
        board::seed(&Ledger::open(root)?, story, cx.clock.now())?;
    }
    Ok(())
}

/// The files of a folder of the recipe, by their place in the copy.
fn version(files: Files, name: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    files.iter().filter_map(move |(path, bytes)| {
        let inside = path.strip_prefix(".sample/")?.strip_prefix(name)?.strip_prefix('/')?;
        Some((inside, *bytes))
    })
}

fn put(root: &Path, path: &str, bytes: &[u8]) -> Result<()> {
    let target = fsx::inside(root, path)?;
    if let Some(dir) = target.parent() {
        fs::create_dir_all(dir).io(|| format!("Could not make the folder {}", dir.display()))?;
    }
    fs::write(&target, bytes).io(|| format!("Could not write {}", target.display()))
}

/// Commits all that lies in the folder.
fn record(repo: &git2::Repository, commit: &CommitRecipe) -> Result<()> {
    let inner = || -> std::result::Result<(), git2::Error> {
        let mut index = repo.index()?;
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None)?;
        index.write()?;
        let tree = repo.find_tree(index.write_tree()?)?;
        let parent = repo.head().ok().map(|h| h.peel_to_commit()).transpose()?;
        write_commit(repo, "HEAD", commit, &tree, parent.as_ref())
    };
    inner().io(|| format!("Could not commit “{}” in the sample", commit.message))
}

/// Commits `version` on top of a branch, without a checkout.
fn record_aside(repo: &git2::Repository, commit: &CommitRecipe, branch: &str, version: &[(&str, &[u8])]) -> Result<()> {
    let inner = || -> std::result::Result<(), git2::Error> {
        let reference = format!("refs/heads/{branch}");
        let parent = match repo.find_reference(&reference) {
            Ok(there) => there.peel_to_commit()?,
            Err(_) => repo.head()?.peel_to_commit()?,
        };
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, bytes) in version {
            update.upsert(*path, repo.blob(bytes)?, git2::FileMode::Blob);
        }
        let tree = repo.find_tree(update.create_updated(repo, &parent.tree()?)?)?;
        write_commit(repo, &reference, commit, &tree, Some(&parent))
    };
    inner().io(|| format!("Could not commit “{}” in the sample", commit.message))
}

/// By its author at its time, so that every copy has the same commits and the history of runs can name them.
fn write_commit(
    repo: &git2::Repository,
    reference: &str,
    commit: &CommitRecipe,
    tree: &git2::Tree<'_>,
    parent: Option<&git2::Commit<'_>>,
) -> std::result::Result<(), git2::Error> {
    let who = git2::Signature::new(&commit.author, &commit.email, &git2::Time::new(commit.at.as_second(), 0))?;
    let parents: Vec<&git2::Commit<'_>> = parent.into_iter().collect();
    repo.commit(Some(reference), &who, &who, &commit.message, tree, &parents).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_copied_once_with_its_history_and_then_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(home.path());
        for sample in list() {
            let root = open(&dirs, &sample.name, &JobCtx::detached()).unwrap();
            let repo = git2::Repository::open(&root).unwrap();
            let statuses = repo.statuses(None).unwrap();
            let dirty: Vec<_> = statuses.iter().filter(|s| !s.status().is_ignored()).collect();
            assert!(dirty.is_empty(), "{}: a fresh copy is clean", sample.name);
            assert!(root.join("andon.toml").is_file());
            assert!(!root.join(".sample").exists());
            fs::write(root.join("mine.txt"), "mine").unwrap();
            assert_eq!(open(&dirs, &sample.name, &JobCtx::detached()).unwrap(), root);
            assert_eq!(fs::read(root.join("mine.txt")).unwrap(), b"mine", "the person's file stays");
            assert!(is_copy(&dirs, &root));
        }
        let left = fs::read_dir(dirs.data.join("samples")).unwrap().count();
        assert_eq!(left, list().len(), "no half-made copies stay");
    }

    #[test]
    fn only_the_folder_andon_made_is_a_copy() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(home.path());
        let elsewhere = home.path().join("elsewhere/samples").join(DEFAULT);
        fs::create_dir_all(&elsewhere).unwrap();
        assert!(!is_copy(&dirs, &elsewhere), "the name alone says nothing");
        let samples = dirs.data.join("samples");
        fs::create_dir_all(samples.join("mine")).unwrap();
        assert!(!is_copy(&dirs, &samples.join("mine")) && !is_copy(&dirs, &samples));
        std::os::unix::fs::symlink(&elsewhere, samples.join(DEFAULT)).unwrap();
        assert!(!is_copy(&dirs, &samples.join(DEFAULT)), "a link leads elsewhere");
    }

    #[test]
    fn an_unknown_sample_is_refused_with_the_names() {
        let home = tempfile::tempdir().unwrap();
        let e = open(&Dirs::below(home.path()), "moon", &JobCtx::detached()).unwrap_err();
        assert!(e.hint.unwrap().contains(DEFAULT));
    }
}

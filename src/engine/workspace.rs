//! Opening folders: the file tree, `.andon/`, what is trusted, what was open before, changes on disk.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, UNIX_EPOCH},
};

use notify::{RecursiveMode, Watcher as _};
use serde::{Deserialize, Serialize};

use super::{dirs::Dirs, sample};
use crate::{
    base::{Error, Result, error::Context, fsx, job::JobCtx},
    model::{
        diff::Rules,
        jupyter::{self, Server},
        workspace::{Config, Entry, FileKind, Recent},
    },
};

/// Folders that are never listed: tools' own, and what can be made again.
pub(super) const HIDDEN: &[&str] = &[
    ".git",
    ".andon",
    "node_modules",
    "target",
    ".venv",
    "venv",
    "__pycache__",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".ruff_cache",
];
/// At most this many rows in the tree; the rest is reached by typing a path.
const MAX_ENTRIES: usize = 20_000;
const MAX_DEPTH: usize = 12;

/// A folder as it was found.
#[derive(Debug, Clone)]
pub struct Opened {
    pub root: PathBuf,
    pub config: Config,
    /// andon.toml could not be read; the workspace opens all the same.
    pub config_error: Option<Error>,
    pub entries: Vec<Entry>,
    /// Entries were cut at the limit.
    pub cut: bool,
    pub is_repo: bool,
    pub trusted: bool,
}

/// Reads a folder.
pub fn open(path: &Path, dirs: &Dirs, cx: &JobCtx) -> Result<Opened> {
    let path = &tilde(path);
    let root = path.canonicalize().map_err(|e| {
        Error::user(format!("Could not open {}", path.display()))
            .because(&e)
            .hint("Check the path, or choose another folder")
    })?;
    if !root.is_dir() {
        return Err(Error::user(format!("{} is not a folder", root.display())));
    }
    fs::read_dir(&root).io(|| format!("Could not read the folder {}", root.display()))?;
    let (config, config_error) = match read_config(&root) {
        Ok(config) => (config, None),
        Err(e) => (Config::default(), Some(e)),
    };
    let (entries, cut) = scan(&root, cx)?;
    let is_repo = git2::Repository::discover(&root).is_ok();
    let key = root.to_string_lossy().into_owned();
    let trusted =
        sample::is_copy(dirs, &root) || Book::load(dirs).workspaces.iter().any(|r| r.path == key && r.trusted);
    Ok(Opened { root, config, config_error, entries, cut, is_repo, trusted })
}

/// The folder to open for a path: itself, or for a file the nearest workspace above it and the file below that.
pub fn folder_of(path: &Path) -> (PathBuf, Option<String>) {
    let path = tilde(path);
    let Ok(full) = path.canonicalize() else { return (path, None) };
    if full.is_dir() {
        return (full, None);
    }
    let is_workspace = |d: &&Path| d.join("andon.toml").is_file() || d.join(".git").exists();
    let Some(parent) = full.parent() else { return (full, None) };
    let root = parent.ancestors().find(is_workspace).unwrap_or(parent).to_path_buf();
    let document = fsx::relative(&root, &full);
    (root, Some(document))
}

/// A leading `~` is the home folder, as in a shell.
fn tilde(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_path_buf(),
    }
}

/// andon.toml of a folder; the default where there is none.
pub fn read_config(root: &Path) -> Result<Config> {
    let path = root.join("andon.toml");
    if fs::symlink_metadata(&path).is_err() {
        return Ok(Config::default());
    }
    Config::parse(&fsx::read_text(&path)?)
}

/// The Jupyter Servers a person can use in a folder: those of its andon.toml, then those of the person's settings.
pub fn servers(root: &Path, dirs: &Dirs) -> Vec<Server> {
    let mut all = read_config(root).map(|c| c.servers).unwrap_or_default();
    let text = fsx::read_text(&dirs.config.join("settings.toml")).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    let own = table.get("connections").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    all.extend(Server::all(&own, false).0);
    all
}

/// Writes a Jupyter Server into andon.toml, or takes it out (`url` is none); everything else in it stays as it is.
pub fn set_server(root: &Path, name: &str, url: Option<&str>) -> Result<()> {
    let path = root.join("andon.toml");
    let text = if path.exists() { fsx::read_text(&path)? } else { String::new() };
    let mut doc: toml_edit::DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| {
        Error::config("andon.toml is not TOML, so nothing is written into it").because(&e).hint("Mend it first")
    })?;
    let connections = doc.entry("connections").or_insert_with(|| {
        let mut table = toml_edit::Table::new();
        table.set_implicit(true);
        toml_edit::Item::Table(table)
    });
    let Some(table) = connections.as_table_like_mut() else {
        return Err(Error::config("connections in andon.toml is no table").hint("Write [connections.NAME] tables"));
    };
    match url {
        Some(url) => {
            let mut entry = toml_edit::Table::new();
            entry.insert("kind", toml_edit::value(jupyter::KIND));
            entry.insert("url", toml_edit::value(url));
            table.insert(name, toml_edit::Item::Table(entry));
        }
        None => {
            table.remove(name);
        }
    }
    fsx::write_atomic(&path, doc.to_string().as_bytes())
}

/// What counts for nothing when results are compared, as the table `[diff]` of andon.toml says.
pub fn diff_rules(root: &Path) -> Result<Rules> {
    let path = root.join("andon.toml");
    if fs::symlink_metadata(&path).is_err() {
        return Ok(Rules::default());
    }
    Rules::parse(&fsx::read_text(&path)?)
}

/// The files below `root`, folders first, and whether the list was cut.
pub fn scan(root: &Path, cx: &JobCtx) -> Result<(Vec<Entry>, bool)> {
    let mut out = Vec::new();
    let cut = walk(root, root, 0, &mut out, cx)?;
    Ok((out, cut))
}

fn walk(root: &Path, dir: &Path, depth: usize, out: &mut Vec<Entry>, cx: &JobCtx) -> Result<bool> {
    cx.check()?;
    let Ok(list) = fs::read_dir(dir) else { return Ok(false) };
    let mut found: Vec<(bool, String, PathBuf, Option<fs::Metadata>)> = list
        .flatten()
        .map(|e| {
            let is_dir = e.file_type().is_ok_and(|t| t.is_dir());
            (!is_dir, e.file_name().to_string_lossy().into_owned(), e.path(), e.metadata().ok())
        })
        .filter(|(file, name, ..)| *file || !HIDDEN.contains(&name.as_str()))
        .collect();
    found.sort_by_key(|a| (a.0, a.1.to_lowercase()));
    for (is_file, name, path, meta) in found {
        if out.len() >= MAX_ENTRIES {
            return Ok(true);
        }
        // Editors' and our own half-written files would flicker in the tree.
        if is_file && name.starts_with(".andon-") {
            continue;
        }
        let relative = fsx::relative(root, &path);
        let modified = meta.as_ref().and_then(|m| m.modified().ok()).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        out.push(Entry {
            kind: if is_file { FileKind::of(&relative) } else { FileKind::Folder },
            path: relative,
            size: if is_file { meta.as_ref().map_or(0, fs::Metadata::len) } else { 0 },
            modified: modified.map_or(0, |d| d.as_secs() as i64),
            depth,
        });
        if !is_file && depth < MAX_DEPTH && walk(root, &path, depth + 1, out, cx)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes `.andon/` with a .gitignore of its own that holds `*`; the user's .gitignore is never edited.
pub fn dot_andon(root: &Path) -> Result<PathBuf> {
    let dir = root.join(".andon");
    // A folder that was deleted or renamed must not come back as an empty one.
    if !root.is_dir() {
        return Err(Error::io(format!("The folder {} is gone", root.display()))
            .hint("Bring it back, or open it where it is now"));
    }
    fs::create_dir_all(&dir).map_err(|e| {
        Error::io(format!("Could not make {}", dir.display()))
            .because(&e)
            .hint("Andon keeps its history there; make the folder writable")
    })?;
    let ignore = dir.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").io(|| format!("Could not write {}", ignore.display()))?;
    }
    Ok(dir)
}

/// The list of known workspaces, in the person's data folder.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Book {
    #[serde(default)]
    workspaces: Vec<Recent>,
}

impl Book {
    fn path(dirs: &Dirs) -> PathBuf {
        dirs.data.join("workspaces.toml")
    }
    fn load(dirs: &Dirs) -> Self {
        fs::read_to_string(Self::path(dirs)).ok().and_then(|t| toml::from_str(&t).ok()).unwrap_or_default()
    }
    fn save(&self, dirs: &Dirs) -> Result<()> {
        dirs.create()?;
        let path = Self::path(dirs);
        let damaged = |text: String| toml::from_str::<Self>(&text).is_err();
        if fs::read(&path).is_ok_and(|old| String::from_utf8(old).map_or(true, damaged)) {
            fsx::set_aside(&path)?;
        }
        let text =
            toml::to_string(self).map_err(|e| Error::bug("Could not write the list of workspaces").because(&e))?;
        fsx::write_atomic(&path, text.as_bytes())
    }
}

/// Workspaces opened before, newest first.
pub fn recents(dirs: &Dirs) -> Vec<Recent> {
    let mut all = Book::load(dirs).workspaces;
    all.sort_by_key(|r| std::cmp::Reverse(r.opened));
    all
}

/// Notes that a workspace was opened or what changed about it.
pub fn remember(dirs: &Dirs, root: &Path, change: impl FnOnce(&mut Recent)) -> Result<()> {
    let mut book = Book::load(dirs);
    let key = root.to_string_lossy().into_owned();
    let at = book.workspaces.iter().position(|r| r.path == key).unwrap_or_else(|| {
        let name = root.file_name().map_or_else(|| key.clone(), |n| n.to_string_lossy().into_owned());
        book.workspaces.push(Recent { path: key.clone(), name, trusted: false, opened: 0, red: 0 });
        book.workspaces.len() - 1
    });
    change(&mut book.workspaces[at]);
    book.workspaces.sort_by_key(|r| std::cmp::Reverse(r.opened));
    book.workspaces.truncate(50);
    book.save(dirs)
}

/// Notes how much was red in a known workspace; one that was taken off the list stays off it.
pub fn note_red(dirs: &Dirs, root: &Path, red: u32) -> Result<()> {
    let mut book = Book::load(dirs);
    let key = root.to_string_lossy();
    match book.workspaces.iter_mut().find(|r| r.path == key && r.red != red) {
        Some(recent) => {
            recent.red = red;
            book.save(dirs)
        }
        None => Ok(()),
    }
}

/// Takes a workspace off the list; the folder is left alone.
pub fn forget(dirs: &Dirs, path: &str) -> Result<()> {
    let mut book = Book::load(dirs);
    book.workspaces.retain(|r| r.path != path);
    book.save(dirs)
}

/// Watches a folder until dropped.
pub struct Watch {
    _watcher: notify::RecommendedWatcher,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// Calls `changed` with workspace-relative paths, at most once in 200 ms. Of `.git` only HEAD, the index and branches
/// count, of `.andon` only the store, so that a run's log lines do not wake the window.
pub fn watch(root: &Path, changed: impl Fn(Vec<String>) + Send + 'static) -> Result<Watch> {
    let pending: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let (tx, rx) = crossbeam_channel::bounded::<()>(1);
    let collect = pending.clone();
    let base = root.to_path_buf();
    let handler = move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if event.kind.is_access() {
            return;
        }
        let Ok(mut set) = collect.lock() else { return };
        let before = set.len();
        set.extend(event.paths.iter().map(|p| fsx::relative(&base, p)).filter(|p| matters(p)));
        if set.len() > before {
            let _ = tx.try_send(());
        }
    };
    let mut watcher = notify::recommended_watcher(handler).map_err(|e| not_watched(root, &e))?;
    watcher.watch(root, RecursiveMode::Recursive).map_err(|e| not_watched(root, &e))?;
    let gather = move || {
        // Ends when the watcher, and with it the sender, is dropped.
        while rx.recv().is_ok() {
            thread::sleep(Duration::from_millis(200));
            let paths = pending.lock().map(|mut s| std::mem::take(&mut *s)).unwrap_or_default();
            if !paths.is_empty() {
                changed(paths.into_iter().collect());
            }
        }
    };
    thread::Builder::new().name("andon-watch".to_owned()).spawn(gather).map_err(|e| not_watched(root, &e))?;
    Ok(Watch { _watcher: watcher })
}

fn not_watched(root: &Path, cause: &(dyn std::error::Error + 'static)) -> Error {
    Error::io(format!("Changes in {} are not noticed by themselves", root.display()))
        .because(cause)
        .hint("Press F5 to look again")
}

fn matters(path: &str) -> bool {
    if let Some(rest) = path.strip_prefix(".git/") {
        return rest == "HEAD" || rest == "index" || rest == "packed-refs" || rest.starts_with("refs/");
    }
    if let Some(rest) = path.strip_prefix(".andon/") {
        return rest.starts_with("andon.db") && !rest.ends_with("-shm");
    }
    !path.split('/').any(|part| HIDDEN.contains(&part) || part.starts_with(".andon-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_written_into_the_config_without_touching_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("andon.toml");
        fs::write(&path, "# ours\nname = 'a'  # short\n").unwrap();
        set_server(dir.path(), "gpu", Some("https://gpu.lab/")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# ours\nname = 'a'  # short\n"), "{text}");
        let config = Config::parse(&text).unwrap();
        assert_eq!((config.servers.len(), config.servers[0].name.as_str()), (1, "gpu"));
        assert!(config.warnings.is_empty());
        set_server(dir.path(), "gpu", None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# ours\nname = 'a'  # short\n");
    }

    #[test]
    fn a_folder_opens_with_its_files_and_without_the_tools_own() {
        let dir = tempfile::tempdir().unwrap();
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(home.path());
        for sub in ["data", ".git/objects", "node_modules/x", "notebooks"] {
            fs::create_dir_all(dir.path().join(sub)).unwrap();
        }
        fs::write(dir.path().join("data/a.csv"), "x\n1\n").unwrap();
        fs::write(dir.path().join("notebooks/n.ipynb"), "{}").unwrap();
        fs::write(dir.path().join("andon.toml"), "name = [").unwrap();
        let opened = open(dir.path(), &dirs, &JobCtx::detached()).unwrap();
        let paths: Vec<_> = opened.entries.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["data", "data/a.csv", "notebooks", "notebooks/n.ipynb", "andon.toml"]);
        assert!(opened.config_error.is_some(), "a broken andon.toml is said, not fatal");
        assert!(!opened.trusted);
        remember(&dirs, &opened.root, |r| r.trusted = true).unwrap();
        assert!(open(dir.path(), &dirs, &JobCtx::detached()).unwrap().trusted);
        assert!(open(&dir.path().join("gone"), &dirs, &JobCtx::detached()).unwrap_err().hint.is_some());
    }

    #[test]
    fn a_copied_sample_is_trusted_however_it_is_opened_and_its_namesake_is_not() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(home.path());
        let cx = JobCtx::detached();
        let copy = sample::copy(&dirs, sample::DEFAULT, false, &cx).unwrap();
        assert!(open(&copy, &dirs, &cx).unwrap().trusted);
        let namesake = home.path().join(sample::DEFAULT);
        fs::create_dir_all(&namesake).unwrap();
        assert!(!open(&namesake, &dirs, &cx).unwrap().trusted);
    }

    #[test]
    fn the_red_count_of_a_known_workspace_is_kept_for_the_start_page() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(home.path());
        let root = Path::new("/w/flights");
        note_red(&dirs, root, 3).unwrap();
        assert!(recents(&dirs).is_empty(), "noting makes nothing known");
        remember(&dirs, root, |r| r.trusted = true).unwrap();
        note_red(&dirs, root, 3).unwrap();
        assert_eq!(recents(&dirs)[0].red, 3);
    }

    #[test]
    fn links_in_a_circle_end_and_a_config_behind_one_is_named() {
        let (dir, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        link("..", "data/up");
        link("circle", "circle");
        link("andon.toml", "andon.toml");
        let opened = open(dir.path(), &Dirs::below(home.path()), &JobCtx::detached()).unwrap();
        assert_eq!(opened.entries.len(), 4, "{:?}", opened.entries);
        assert!(opened.config_error.unwrap().to_string().contains("symbolic links"));
    }

    #[test]
    fn a_damaged_list_of_workspaces_is_kept_aside_and_nothing_is_trusted_by_it() {
        let (dir, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let dirs = Dirs::below(home.path());
        remember(&dirs, dir.path(), |r| r.trusted = true).unwrap();
        let list = dirs.data.join("workspaces.toml");
        let damaged = format!("{}[[half", fs::read_to_string(&list).unwrap());
        fs::write(&list, &damaged).unwrap();
        assert!(!open(dir.path(), &dirs, &JobCtx::detached()).unwrap().trusted);
        remember(&dirs, dir.path(), |r| r.opened = 7).unwrap();
        assert_eq!(fs::read_to_string(dirs.data.join("workspaces.damaged.toml")).unwrap(), damaged);
        assert_eq!(recents(&dirs)[0].opened, 7);
    }

    #[test]
    fn a_file_opens_the_workspace_around_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("data")).unwrap();
        fs::write(root.join("andon.toml"), "").unwrap();
        fs::write(root.join("data/a.csv"), "x").unwrap();
        assert_eq!(folder_of(&root.join("data/a.csv")), (root.clone(), Some("data/a.csv".to_owned())));
        assert_eq!(folder_of(&root.join("data")), (root.join("data"), None));
    }

    #[test]
    fn dot_andon_ignores_itself() {
        let dir = tempfile::tempdir().unwrap();
        dot_andon(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(".andon/.gitignore")).unwrap(), "*\n");
        assert!(!dir.path().join(".gitignore").exists());
    }

    #[test]
    fn changes_are_reported_once_and_noise_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join(".andon/runs")).unwrap();
        let (tx, rx) = crossbeam_channel::bounded(16);
        let _watch = watch(&root, move |paths| drop(tx.send(paths))).unwrap();
        fs::write(root.join(".andon/runs/x.log"), "noise").unwrap();
        fs::write(root.join("a.csv"), "x").unwrap();
        let paths = rx.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(paths, ["a.csv"]);
    }
}

//! The entries by which git calls Andon: written into git's config and attributes, taken out again, looked at.
//!
//! Config goes through the `git config` command, which knows where the files are, locks them and keeps what others
//! wrote. Attributes files have no such command; [`attributes`] edits their text.
use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Seek, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Serialize;

use crate::{
    base::{Error, Result, error::Context, fsx},
    model::entries::{self, Entry, KEYS, Parts, attributes},
};

/// Notebooks whose attributes are looked at.
const MAX_NOTEBOOKS: usize = 10_000;

/// Where entries stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Of the person, for every repository.
    Global,
    /// Of this clone, never committed.
    Local,
}

impl Scope {
    fn option(self) -> &'static str {
        match self {
            Self::Global => "--global",
            Self::Local => "--local",
        }
    }
}

/// What is to be written.
#[derive(Debug, Clone)]
pub struct Wish {
    pub scope: Scope,
    pub parts: Parts,
    /// Full path of Andon where it is not found by its name.
    pub program: Option<String>,
    /// The repository's own `.gitattributes` rather than the file that is never committed.
    pub committed: bool,
    /// Replace values that somebody else wrote.
    pub force: bool,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Config keys that were set or taken out.
    pub keys: Vec<String>,
    pub config_file: Option<PathBuf>,
    pub attributes_file: PathBuf,
    pub attributes_changed: bool,
    /// Keys and lines of the same names that somebody else wrote; they stay.
    pub left: Vec<String>,
}

impl Done {
    /// True when everything was as it should be already.
    pub fn is_nothing(&self) -> bool {
        self.keys.is_empty() && !self.attributes_changed
    }
}

/// A key of ours as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyState {
    pub key: String,
    pub value: String,
    /// Written by Andon.
    pub ours: bool,
    /// As this version writes it.
    pub current: bool,
}

/// A line of an attributes file about notebooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineState {
    pub file: PathBuf,
    pub line: usize,
    pub text: String,
    pub ours: bool,
}

/// One scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeState {
    pub scope: Scope,
    pub config_file: Option<PathBuf>,
    pub keys: Vec<KeyState>,
    pub lines: Vec<LineState>,
}

/// How many notebooks have an attribute's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    pub attribute: String,
    pub value: String,
    pub notebooks: usize,
    /// One of them.
    pub example: String,
}

/// All there is to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// `2.47.3`.
    pub git: String,
    pub scopes: Vec<ScopeState>,
    /// Lines of the repository's own `.gitattributes`.
    pub committed: Vec<LineState>,
    /// Tracked notebooks; none outside a repository.
    pub notebooks: Option<usize>,
    /// What `diff`, `merge` and `filter` are for them, or for a new notebook when there is none.
    pub shares: Vec<Share>,
    /// The commands git would call, from whatever scope.
    pub diff_command: Option<String>,
    pub textconv: Option<String>,
    pub merge_driver: Option<String>,
    pub diff_active: bool,
    pub merge_active: bool,
}

/// git, asked from a folder.
#[derive(Debug)]
pub struct Entries {
    dir: PathBuf,
    /// Folder of the person's settings, where git looks for `git/attributes` by itself.
    config_home: PathBuf,
    version: String,
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Entries {
    /// Asks git from `dir`; an error when there is no git.
    pub fn new(dir: &Path, config_home: &Path) -> Result<Self> {
        let mut all = Self { dir: dir.to_path_buf(), config_home: config_home.to_path_buf(), version: String::new() };
        let said = all.ask(&["version"], None)?;
        said.out.trim().trim_start_matches("git version ").clone_into(&mut all.version);
        Ok(all)
    }

    fn ask(&self, args: &[&str], input: Option<&[u8]>) -> Result<Said> {
        self.ask_in(&self.dir, args, input)
    }

    fn ask_in(&self, dir: &Path, args: &[&str], input: Option<&[u8]>) -> Result<Said> {
        let mut command = Command::new("git");
        command.arg("-C").arg(dir).args(args);
        command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
        let io = |e: std::io::Error| Error::io("Could not start the git command").because(&e);
        match input {
            Some(bytes) => {
                let mut file = tempfile::tempfile().map_err(io)?;
                file.write_all(bytes).and_then(|()| file.rewind()).map_err(io)?;
                command.stdin(file);
            }
            None => {
                command.stdin(Stdio::null());
            }
        }
        let output = command.output().map_err(|e| match e.kind() {
            ErrorKind::NotFound => Error::user("The git command is not installed").hint("Install git, then try again"),
            _ => io(e),
        })?;
        Ok(Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// True in a repository.
    pub fn in_repository(&self) -> Result<bool> {
        Ok(self.ask(&["rev-parse", "--git-dir"], None)?.code == 0)
    }

    fn need_repository(&self) -> Result<()> {
        if self.in_repository()? {
            return Ok(());
        }
        Err(Error::user(format!("{} is not in a git repository", self.dir.display()))
            .hint("Go into one, or use --global to write the entries for all your repositories"))
    }

    /// All values under Andon's names.
    fn values(&self, scope: Option<Scope>) -> Result<Vec<(&'static str, String)>> {
        let mut words = vec!["config"];
        words.extend(scope.map(Scope::option));
        words.extend(["-z", "--get-regexp", "^(diff|merge|difftool|mergetool)\\.andon\\."]);
        let said = self.ask(&words, None)?;
        if said.code > 1 {
            return Err(refused("Could not read git's config", &said));
        }
        let one = |pair: &str| {
            let (key, value) = pair.split_once('\n').unwrap_or((pair, ""));
            // git tells section and name in small letters.
            let key = KEYS.iter().find(|k| k.eq_ignore_ascii_case(key))?;
            Some((*key, value.to_owned()))
        };
        Ok(said.out.split_terminator('\0').filter_map(one).collect())
    }

    fn set(&self, scope: Scope, entry: &Entry) -> Result<()> {
        let said = self.ask(&["config", scope.option(), "--replace-all", entry.key, &entry.value], None)?;
        if said.code == 0 { Ok(()) } else { Err(refused(&format!("git could not set {}", entry.key), &said)) }
    }

    fn unset(&self, scope: Scope, key: &str) -> Result<()> {
        let said = self.ask(&["config", scope.option(), "--unset-all", key], None)?;
        if said.code == 0 { Ok(()) } else { Err(refused(&format!("git could not take out {key}"), &said)) }
    }

    /// The config file of a scope, when it has entries.
    fn config_file(&self, scope: Scope) -> Result<Option<PathBuf>> {
        let said = self.ask(&["config", scope.option(), "--show-origin", "-z", "--list"], None)?;
        let origin = said.out.split('\0').next().and_then(|o| o.strip_prefix("file:"));
        Ok(origin.map(|o| self.dir.join(o)))
    }

    /// The attributes file of a scope that is never committed.
    fn attributes_file(&self, scope: Scope) -> Result<PathBuf> {
        if scope == Scope::Local {
            let said = self.ask(&["rev-parse", "--git-path", "info/attributes"], None)?;
            if said.code != 0 {
                return Err(refused("Could not find the repository's attributes file", &said));
            }
            return Ok(self.dir.join(said.out.trim_end_matches('\n')));
        }
        // Asked from the root, so that no repository's own setting answers for the person's.
        let root = Path::new("/");
        let said = self.ask_in(root, &["var", "GIT_ATTR_GLOBAL"], None)?;
        let found = said.out.trim_end_matches('\n');
        if said.code == 0 && !found.is_empty() {
            return Ok(PathBuf::from(found));
        }
        // git before 2.41.
        let said = self.ask_in(root, &["config", "--type=path", "--get", "core.attributesFile"], None)?;
        let found = said.out.trim_end_matches('\n');
        Ok(if said.code == 0 && !found.is_empty() {
            PathBuf::from(found)
        } else {
            self.config_home.join("git/attributes")
        })
    }

    /// The repository's own attributes file.
    fn committed_file(&self) -> Result<PathBuf> {
        let said = self.ask(&["rev-parse", "--show-toplevel"], None)?;
        if said.code != 0 {
            return Err(refused("The repository has no files to work on", &said));
        }
        Ok(Path::new(said.out.trim_end_matches('\n')).join(".gitattributes"))
    }

    /// Writes the entries; what is there already stays as it is, byte for byte.
    pub fn enable(&self, wish: &Wish) -> Result<Done> {
        if wish.scope == Scope::Local || wish.committed {
            self.need_repository()?;
        }
        let wanted = entries::entries(wish.parts, wish.program.as_deref());
        let mut done = Done::default();
        let mut todo = Vec::new();
        let values = self.values(Some(wish.scope))?;
        for key in KEYS {
            let found = of(&values, key);
            let foreign = found.iter().any(|v| !entries::is_ours(key, v));
            match wanted.iter().find(|e| e.key == key) {
                Some(entry) if found.len() == 1 && found.first() == Some(&entry.value) => {}
                Some(_) if foreign && !wish.force => {
                    return Err(Error::user(format!("{key} is set to something that Andon did not write"))
                        .because_of(found.join("\n"))
                        .hint("Keep it, or replace it with: andon git enable --force"));
                }
                Some(entry) => todo.push((key, Some(entry.clone()))),
                None if foreign => done.left.push(key.to_owned()),
                None if !found.is_empty() => todo.push((key, None)),
                None => {}
            }
        }
        // Read before anything is written, so that a file that cannot be edited changes nothing.
        done.attributes_file = if wish.committed { self.committed_file()? } else { self.attributes_file(wish.scope)? };
        let old = read_attributes(&done.attributes_file)?;
        for (key, entry) in todo {
            match entry {
                Some(entry) => self.set(wish.scope, &entry)?,
                None => self.unset(wish.scope, key)?,
            }
            done.keys.push(key.to_owned());
        }
        done.config_file = self.config_file(wish.scope)?;
        let text = old.as_deref().unwrap_or_default();
        let new = if wish.parts.diff || wish.parts.merge {
            attributes::with(text, wish.parts)
        } else {
            attributes::without(text)
        };
        done.attributes_changed = write_attributes(&done.attributes_file, old.as_deref(), &new)?;
        Ok(done)
    }

    /// Takes out what [`Entries::enable`] wrote and nothing else.
    pub fn disable(&self, scope: Scope, committed: bool) -> Result<Done> {
        if scope == Scope::Local || committed {
            self.need_repository()?;
        }
        let mut done = Done { attributes_file: self.attributes_file(scope)?, ..Done::default() };
        let mut files = vec![done.attributes_file.clone()];
        if committed {
            files.push(self.committed_file()?);
        }
        for file in files {
            let Some(old) = read_attributes(&file)? else { continue };
            if write_attributes(&file, Some(&old), &attributes::without(&old))? {
                done.attributes_changed = true;
                done.attributes_file.clone_from(&file);
            }
            let left = attributes::claims(&attributes::without(&old)).into_iter().filter(names_andon);
            done.left.extend(left.map(|c| format!("{}: {}", file.display(), c.text)));
        }
        done.config_file = self.config_file(scope)?;
        let values = self.values(Some(scope))?;
        for key in KEYS {
            let found = of(&values, key);
            if found.is_empty() {
                continue;
            }
            if found.iter().all(|v| entries::is_ours(key, v)) {
                self.unset(scope, key)?;
                done.keys.push(key.to_owned());
            } else {
                done.left.push(key.to_owned());
            }
        }
        Ok(done)
    }

    /// What is active, and where.
    pub fn status(&self) -> Result<Status> {
        let inside = self.in_repository()?;
        let mut scopes = vec![self.scope_state(Scope::Global)?];
        let mut committed = Vec::new();
        if inside {
            scopes.push(self.scope_state(Scope::Local)?);
            if let Ok(file) = self.committed_file() {
                committed = line_states(&file)?;
            }
        }
        let effective = self.values(None)?;
        // The last one counts.
        let get = |key: &str| of(&effective, key).pop();
        let (diff_command, textconv) = (get("diff.andon.command"), get("diff.andon.textconv"));
        let merge_driver = get("merge.andon.driver");
        let (notebooks, shares) = if inside { self.shares()? } else { (None, Vec::new()) };
        let outside = |parts: fn(&(String, String)) -> bool| {
            scopes.first().is_some_and(|s| {
                s.lines.iter().any(|l| attributes::claims(&l.text).iter().any(|c| c.sets.iter().any(parts)))
            })
        };
        let attribute = |name: &str| {
            let of: Vec<_> = shares.iter().filter(|s| s.attribute == name).collect();
            !of.is_empty() && of.iter().all(|s| s.value == "andon")
        };
        let diff_attribute = if inside { attribute("diff") } else { outside(|s| *s == pair("diff")) };
        let merge_attribute = if inside { attribute("merge") } else { outside(|s| *s == pair("merge")) };
        Ok(Status {
            git: self.version.clone(),
            scopes,
            committed,
            notebooks,
            shares,
            diff_active: diff_attribute && (diff_command.is_some() || textconv.is_some()),
            merge_active: merge_attribute && merge_driver.is_some(),
            diff_command,
            textconv,
            merge_driver,
        })
    }

    fn scope_state(&self, scope: Scope) -> Result<ScopeState> {
        let state = |(key, value): (&'static str, String)| {
            let fresh = entries::entries(Parts::ALL, entries::program_of(&value).as_deref());
            KeyState {
                key: key.to_owned(),
                ours: entries::is_ours(key, &value),
                current: fresh.iter().any(|e| e.key == key && e.value == value),
                value,
            }
        };
        let keys = self.values(Some(scope))?.into_iter().map(state).collect();
        let lines = line_states(&self.attributes_file(scope)?)?;
        Ok(ScopeState { scope, config_file: self.config_file(scope)?, keys, lines })
    }

    /// What git says about the tracked notebooks.
    fn shares(&self) -> Result<(Option<usize>, Vec<Share>)> {
        let said = self.ask(&["ls-files", "-z", "--full-name", "--", ":/*.ipynb"], None)?;
        let mut paths: Vec<&str> = said.out.split_terminator('\0').take(MAX_NOTEBOOKS).collect();
        paths.sort_unstable();
        paths.dedup();
        let tracked = paths.len();
        if paths.is_empty() {
            paths.push("notebook.ipynb");
        }
        let top = self.ask(&["rev-parse", "--show-toplevel"], None)?;
        let top = if top.code == 0 { PathBuf::from(top.out.trim_end_matches('\n')) } else { self.dir.clone() };
        let input: Vec<u8> = paths.iter().flat_map(|p| [p.as_bytes(), b"\0"].concat()).collect();
        let said = self.ask_in(&top, &["check-attr", "-z", "--stdin", "diff", "merge", "filter"], Some(&input))?;
        if said.code != 0 {
            return Err(refused("git could not say which attributes the notebooks have", &said));
        }
        let fields: Vec<&str> = said.out.split_terminator('\0').collect();
        let mut all: BTreeMap<(&str, &str), (usize, &str)> = BTreeMap::new();
        for row in fields.chunks_exact(3) {
            let [path, attribute, value] = row else { continue };
            if *attribute != "filter" || !matches!(*value, "unspecified" | "unset") {
                all.entry((attribute, value)).or_insert((0, path)).0 += 1;
            }
        }
        let shares = all.into_iter().map(|((attribute, value), (notebooks, example))| Share {
            attribute: attribute.to_owned(),
            value: value.to_owned(),
            notebooks: notebooks.min(tracked),
            example: example.to_owned(),
        });
        Ok((Some(tracked), shares.collect()))
    }
}

fn of(values: &[(&'static str, String)], key: &str) -> Vec<String> {
    values.iter().filter(|(k, _)| *k == key).map(|(_, v)| v.clone()).collect()
}

fn pair(attribute: &str) -> (String, String) {
    (attribute.to_owned(), "andon".to_owned())
}

fn names_andon(claim: &attributes::Claim) -> bool {
    claim.sets.iter().any(|s| *s == pair("diff") || *s == pair("merge"))
}

fn refused(what: &str, said: &Said) -> Error {
    let error = Error::io(what);
    let error = if said.err.is_empty() { error } else { error.because_of(said.err.clone()) };
    if said.err.contains("could not lock") {
        return error.hint("Another git program is at work, or the folder cannot be written; try again");
    }
    error
}

fn line_states(file: &Path) -> Result<Vec<LineState>> {
    let text = read_attributes(file)?.unwrap_or_default();
    let state = |c: attributes::Claim| LineState { file: file.to_path_buf(), line: c.line, text: c.text, ours: c.ours };
    Ok(attributes::claims(&text).into_iter().map(state).collect())
}

fn read_attributes(file: &Path) -> Result<Option<String>> {
    match fs::read(file) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).config(|| format!("{} is not UTF-8 text", file.display())),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(Error::io(format!("Could not read {}", file.display())).because(&e)),
    }
}

/// Writes what differs; a file that would be empty is not left behind.
fn write_attributes(file: &Path, old: Option<&str>, new: &str) -> Result<bool> {
    if old.unwrap_or_default() == new {
        return Ok(false);
    }
    let what = || format!("Could not change {}", file.display());
    if new.is_empty() && !fs::symlink_metadata(file).io(what)?.is_symlink() {
        fs::remove_file(file).io(what)?;
        return Ok(true);
    }
    if let Some(dir) = file.parent() {
        fs::create_dir_all(dir).io(what)?;
    }
    fsx::write_guarded(file, new.as_bytes(), old.map(|t| fsx::hash(t.as_bytes())))?;
    Ok(true)
}

//! `andon diff`: two versions of a file, notebooks by cells.
mod json;
mod print;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    out::{Common, context, document_text, finish, say},
    torn,
};
use crate::{
    base::{
        Error, Result, fsx,
        job::{JobCtx, both},
    },
    engine::{git::Repo, workspace::diff_rules},
    model::{
        diff::{FileDiff, FileShape, Rules, compare_files_by, is_notebook},
        git::Rev,
        json::Bytes,
        settle::is_torn,
    },
};

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

impl Colour {
    /// Whether to colour what goes to a terminal, or does not.
    pub fn is_on(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && std::env::var_os("NO_COLOR").is_none(),
        }
    }
}

/// Arguments of `andon diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without revisions the last commit is compared with the files on disk; without a path, all files that differ.
  andon diff analysis.ipynb                 HEAD against the file on disk
  andon diff HEAD~2 analysis.ipynb          an older commit against the file on disk
  andon diff main fix/units analysis.ipynb  two branches
  andon diff old.ipynb new.ipynb            two files
  andon diff --git HEAD~2..HEAD a.ipynb     revisions that could also be names of files
  andon diff :2 :3 analysis.ipynb           in the middle of a merge: ours and theirs (:1 is the base)
  andon diff --window old.ipynb new.ipynb   in the window; returns when it is closed
A notebook that git merged by lines, so that its marks tear it, is compared as its versions in the index merge by cells,
as on the Review page: conflicts stand as marks in their cells.
What differs in every run and says nothing (times, addresses, progress bars and more) is hidden and counted; the table
[diff] of andon.toml adds to that list or takes from it.
Exit code: 0 the same (cells that were only run again do not count, unless --strict), 1 different, 2 trouble.")]
pub struct Args {
    /// One revision or two and the file, or two files
    #[arg(value_name = "A|B|PATH", num_args = 0..=3)]
    pub what: Vec<String>,
    /// Compare this revision, or two, of PATH
    #[arg(long, value_name = "REV[..REV]")]
    pub git: Option<String>,
    /// Write here instead of on stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What a run writes by itself counts too
    #[arg(long)]
    pub strict: bool,
    /// Lines around a change
    #[arg(long, short = 'U', default_value_t = 3, value_name = "N")]
    pub context: usize,
    /// Compare sources only
    #[arg(long)]
    pub no_outputs: bool,
    /// Show it in the window, and wait until that is closed
    #[cfg(feature = "gui")]
    #[arg(long, conflicts_with = "output")]
    pub window: bool,
    /// Use colour
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
    #[command(flatten)]
    pub common: Common,
}

/// One compared file with the names of its sides.
pub(super) struct Compared {
    pub path: String,
    pub old: String,
    pub new: String,
    pub diff: FileDiff,
    /// Both files, when a script may want to apply the difference.
    pub bytes: Option<(Bytes, Bytes)>,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args, &context(false)))
}

/// The comparison in the window; the exit code still says whether something differs.
#[cfg(feature = "gui")]
fn in_window(args: &Args, files: &[Compared], same: bool) -> Result<i32> {
    let here = std::env::current_dir().map_err(|e| Error::io("The present folder is gone").because(&e))?;
    let rev =
        |name: &str| if name == Rev::WorkingTree.to_string() { Rev::WorkingTree } else { Rev::At(name.to_owned()) };
    let code = i32::from(!same);
    let loose = |a: &str, b: &str| args.git.is_none() && here.join(a).is_file() && here.join(b).is_file();
    match (args.what.as_slice(), files) {
        ([a, b], _) if loose(a, b) => {
            let file = |p: &str| Rev::File(here.join(p).to_string_lossy().into_owned());
            super::open::compare(super::out::workspace_above(&here), (file(a), file(b)), None)?;
        }
        ([], _) => {
            let root = args.common.root()?;
            super::open::compare(Some(root), (Rev::head(), Rev::WorkingTree), None)?;
        }
        (_, [file]) => {
            let root = match &args.common.workspace {
                Some(_) => args.common.root()?,
                None => super::out::workspace_above(&here).unwrap_or(here),
            };
            super::open::compare(Some(root), (rev(&file.old), rev(&file.new)), Some(file.path.clone()))?;
        }
        _ => return Err(Error::user("The window compares one file, two files, or all that differ")),
    }
    Ok(code)
}

fn execute(args: &Args, cx: &JobCtx) -> Result<i32> {
    let mut files = compare(args, cx)?;
    if args.no_outputs {
        files.iter_mut().for_each(without_outputs);
    }
    let same = files.iter().all(|f| if args.strict { f.diff.same_bytes } else { f.diff.is_quiet() });
    #[cfg(feature = "gui")]
    if args.window {
        return in_window(args, &files, same);
    }
    let mut code = i32::from(!same);
    // A notebook that cannot be read is shown as text; that it is broken must not be missed.
    if let ([file], false) = (files.as_slice(), args.what.is_empty())
        && is_notebook(&file.path)
        && let (FileShape::Text(_), Some(note)) = (&file.diff.shape, &file.diff.note)
    {
        say(&format!("andon: {note}"));
        if file.bytes.as_ref().is_some_and(|(_, new)| is_torn(new)) {
            say("andon: git's marks of a merge tear it, and no merge is under way that knows its versions");
        }
        code = 2;
    }
    if args.common.json {
        write(args, &json_text(&files, same, args.what.is_empty()))?;
        return Ok(code);
    }
    let colour = args.color.is_on(args.output.is_none() && std::io::stdout().is_terminal());
    let mut text = Vec::new();
    for file in &files {
        text.extend(print::file(file, args.context, colour));
    }
    write(args, &text.join("\n"))?;
    if files.is_empty() {
        say("Nothing differs");
    }
    Ok(code)
}

/// The document: of one file, the file itself and what it takes to apply the difference; else a list.
fn json_text(files: &[Compared], same: bool, all: bool) -> String {
    let ([file], false) = (files, all) else {
        let list: Vec<_> = files.iter().map(json::file).collect();
        return document_text("andon.diff/1", json!({ "same": same, "files": list }));
    };
    let mut text = document_text("andon.diff/1", json::one(file, same));
    if let (Some(apply), Some(end)) = (json::apply(file), text.rfind("\n}")) {
        text.truncate(end);
        text.push_str(",\n  \"apply\": ");
        text.push_str(&apply);
        text.push_str("\n}");
    }
    text
}

fn write(args: &Args, text: &str) -> Result<()> {
    match &args.output {
        Some(out) => fsx::write_atomic(out, format!("{text}\n").as_bytes()),
        None if text.is_empty() => Ok(()),
        None => {
            super::out::line(text);
            Ok(())
        }
    }
}

fn compare(args: &Args, cx: &JobCtx) -> Result<Vec<Compared>> {
    let here = std::env::current_dir().map_err(|e| Error::io("The present folder is gone").because(&e))?;
    let revs: Vec<String> = args.git.iter().flat_map(|g| g.splitn(2, "..")).map(str::to_owned).collect();
    let [a, b, path] = match args.what.as_slice() {
        [path] if args.git.is_some() => [revs.first(), revs.get(1).filter(|r| !r.is_empty()), Some(path)],
        _ if args.git.is_some() => {
            return Err(Error::user("--git REV[..REV] wants one PATH").hint("andon diff --git HEAD~1 a.ipynb"));
        }
        [] => return all(args, cx),
        [path] => [None, None, Some(path)],
        [a, b] if here.join(a).is_file() && here.join(b).is_file() => return two_files(&here, a, b).map(|f| vec![f]),
        [a, path] => [Some(a), None, Some(path)],
        [a, b, path] => [Some(a), Some(b), Some(path)],
        _ => return Err(Error::user("At most two revisions and one path can be given")),
    };
    let path = path.cloned().unwrap_or_default();
    let full = here.join(&path);
    let root = match &args.common.workspace {
        Some(_) => args.common.root()?,
        None => nearest_folder(&full).and_then(|d| super::out::workspace_above(&d)).unwrap_or(here),
    };
    let repo = Repo::open(&root)?;
    if full.is_dir() {
        return Err(Error::user(format!("{path} is a folder")).hint("Give a file, or no path for all that differ"));
    }
    let below = below_root(repo.root(), &full, &path, args.common.workspace.is_some())?;
    let base = a.map_or_else(Rev::head, |a| Rev::At(a.clone()));
    let compare = b.map_or(Rev::WorkingTree, |b| Rev::At(b.clone()));
    one(&repo, &base, &compare, &below, &below).map(|f| vec![f])
}

fn nearest_folder(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).find(|d| d.is_dir()).and_then(|d| d.canonicalize().ok())
}

/// The path below the workspace; with `--workspace` a path that is not found here is meant from there.
fn below_root(root: &Path, full: &Path, given: &str, from_root: bool) -> Result<String> {
    if from_root && !full.exists() && !Path::new(given).is_absolute() {
        fsx::inside(root, given)?;
        return Ok(given.trim_start_matches("./").to_owned());
    }
    let folder = nearest_folder(full).unwrap_or_default();
    let rest = full.ancestors().skip(1).find(|d| d.is_dir()).and_then(|d| full.strip_prefix(d).ok());
    let full = folder.join(rest.unwrap_or(full));
    if !full.starts_with(root) {
        return Err(Error::user(format!("{given} is not in the workspace {}", root.display())));
    }
    Ok(fsx::relative(root, &full))
}

fn one(repo: &Repo, base: &Rev, compare: &Rev, before: &str, path: &str) -> Result<Compared> {
    let [old, new] = [side(repo, base, before)?, side(repo, compare, path)?].map(|side| side.map(Bytes::from));
    let kept = |side: &Option<Bytes>| side.clone().unwrap_or_else(|| Vec::new().into());
    let bytes = Some((kept(&old), kept(&new)));
    let diff = compare_files_by(path, old, new, &rules(repo.root()));
    if matches!(diff.shape, FileShape::Missing) {
        return Err(Error::user(format!("There is no {path}, neither at {base} nor in the {compare}"))
            .hint("Revisions come first, the path last: andon diff HEAD~1 PATH"));
    }
    Ok(Compared { path: path.to_owned(), old: base.to_string(), new: compare.to_string(), diff, bytes })
}

/// What a file holds on a side; `:1`, `:2` and `:3` are its versions in a conflict.
fn side(repo: &Repo, rev: &Rev, path: &str) -> Result<Option<Vec<u8>>> {
    match rev {
        Rev::At(stage) if matches!(stage.as_str(), ":0" | ":1" | ":2" | ":3") => {
            repo.read_spec(&format!("{stage}:./{path}")).map(Some)
        }
        Rev::WorkingTree => Ok(repo.read(rev, path)?.map(|bytes| match repo.untorn(path, &bytes) {
            Some(whole) => {
                torn::told(path);
                whole
            }
            None => bytes,
        })),
        rev => repo.read(rev, path),
    }
}

fn all(args: &Args, cx: &JobCtx) -> Result<Vec<Compared>> {
    let repo = Repo::open(&args.common.root()?)?;
    let (base, compare) = (Rev::head(), Rev::WorkingTree);
    let changed = repo.changed_files(&base, &compare, cx)?;
    let mut files = Vec::new();
    for file in &changed.files {
        cx.check()?;
        files.push(one(&repo, &base, &compare, file.before(), &file.path)?);
    }
    if changed.more > 0 {
        say(&format!("{} more files differ and are not shown", changed.more));
    }
    Ok(files)
}

/// What counts for nothing; a list that cannot be read is said and does not stand in the way.
fn rules(root: &Path) -> Rules {
    diff_rules(root).unwrap_or_else(|e| {
        let hint = e.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
        say(&format!("andon: {e}{hint}; compared by the rules Andon comes with"));
        Rules::default()
    })
}

fn two_files(here: &Path, a: &str, b: &str) -> Result<Compared> {
    let read = |path: &str| torn::read(&here.join(path), path);
    let (old, new) = both(|| read(a), || read(b));
    let (old, new) = (Bytes::from(old?), Bytes::from(new?));
    let bytes = Some((old.clone(), new.clone()));
    let rules = super::out::workspace_above(here).map_or_else(Rules::default, |root| rules(&root));
    let diff = compare_files_by(b, Some(old), Some(new), &rules);
    Ok(Compared { path: b.to_owned(), old: a.to_owned(), new: b.to_owned(), diff, bytes })
}

/// The comparison of two files in words, for those whom git hands files rather than revisions.
pub(super) fn told(path: &str, sides: [&str; 2], old: Option<Vec<u8>>, new: Option<Vec<u8>>, colour: bool) -> String {
    let diff = {
        let here = std::env::current_dir().ok().and_then(|d| super::out::workspace_above(&d));
        compare_files_by(
            path,
            old.map(Bytes::from),
            new.map(Bytes::from),
            &here.map_or_else(Rules::default, |root| rules(&root)),
        )
    };
    let [old, new] = sides.map(str::to_owned);
    let file = Compared { path: path.to_owned(), old, new, diff, bytes: None };
    print::file(&file, 3, colour).iter().map(|l| format!("{l}\n")).collect()
}

/// Forgets what differs in outputs alone.
fn without_outputs(file: &mut Compared) {
    if let FileShape::Notebook(diff) = &file.diff.shape {
        file.diff.shape = FileShape::Notebook(std::sync::Arc::new(diff.without_outputs()));
    }
}

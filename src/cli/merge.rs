//! `andon merge`: three versions of a notebook into one, and one side of a notebook with conflicts back.
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{
    out::{document, finish, say},
    torn,
};
use crate::{
    base::{Error, Result, fsx, text::count},
    model::{
        merge::{Conflict, Merged, Names, Part, Take, merge, take},
        settle::{is_torn, settled},
    },
};

/// A side of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    Local,
    Remote,
    Base,
}

/// Arguments of `andon merge`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A conflict leaves a notebook that opens everywhere: a source that both sides changed holds both between git's marks,
and the notebook keeps the whole versions, so that one side can be taken later.
  andon merge base.ipynb mine.ipynb theirs.ipynb -o merged.ipynb
  andon merge --take local merged.ipynb       mine again, byte for byte
  andon merge --done merged.ipynb             decided by hand: the kept versions go
  andon merge --window merged.ipynb           decided cell by cell in the window; 1 when it was closed before
A notebook that git merged by lines, so that its marks tear it, is put together from its versions in git's index:
  andon merge torn.ipynb -o torn.ipynb        by cells; what the file held before goes to torn.ipynb.orig
  andon merge --take remote torn.ipynb        theirs, byte for byte
git add it once it is decided.
Exit code: 0 merged, 1 merged with conflicts, 2 trouble, nothing written.")]
pub struct Args {
    /// The common version, the local one and the remote one; with --take the notebook with conflicts
    #[arg(value_name = "BASE LOCAL REMOTE", num_args = 0..=3)]
    pub files: Vec<PathBuf>,
    /// Where the merged notebook goes
    #[arg(long, short, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Resolve a notebook with conflicts as this side has it
    #[arg(long, value_enum, value_name = "SIDE")]
    pub take: Option<Side>,
    /// Take out what a merge noted in a notebook whose conflicts were decided by hand
    #[arg(long, conflicts_with = "take")]
    pub done: bool,
    /// Decide the conflicts of a file in the window, and wait for it
    #[cfg(feature = "gui")]
    #[arg(long, conflicts_with_all = ["take", "done", "output"])]
    pub window: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    #[cfg(feature = "gui")]
    if args.window {
        return match args.files.as_slice() {
            [file] => super::open::resolve(file),
            _ => Err(Error::user("--window wants one file").hint("andon merge --window FILE")),
        };
    }
    match (args.files.as_slice(), args.take, &args.output) {
        ([file], None, out) if args.done => settle(args, file, out.as_deref().unwrap_or(file)),
        _ if args.done => Err(Error::user("--done wants one notebook").hint("andon merge --done NOTEBOOK")),
        ([base, local, remote], side, Some(out)) => three(args, [base, local, remote], side, out),
        ([_, _, _], _, None) => Err(Error::user("Where the merged notebook goes is not said").hint("Add -o OUT.ipynb")),
        ([file], None, Some(out)) => again(args, file, out),
        ([file], None, None) if torn::stages(file).is_some() => {
            Err(Error::user("Where the merged notebook goes is not said").hint(format!(
                "andon merge {0} -o {0} puts it together by cells, andon merge --window {0} decides it",
                file.display()
            )))
        }
        ([file], Some(side), out) => resolve(args, file, side, out.as_deref().unwrap_or(file)),
        ([], Some(side), Some(out)) => resolve(args, out, side, out),
        _ => Err(Error::user("A merge wants three notebooks, --take wants one")
            .hint("andon merge BASE LOCAL REMOTE -o OUT, or andon merge --take local NOTEBOOK")),
    }
}

fn three(args: &Args, [base, local, remote]: [&Path; 3], side: Option<Side>, out: &Path) -> Result<i32> {
    let (b, l, r) = (fsx::read(base)?, fsx::read(local)?, fsx::read(remote)?);
    let merged = merge(b, l, r, Names { local: "local", remote: "remote" });
    let mut merged = merged.map_err(|e| [base, local, remote].iter().fold(e, |e, file| torn::way_out(e, file)))?;
    if let (Some(side), false) = (side, merged.conflicts.is_empty()) {
        merged.bytes = take(&merged.bytes, which(side))?;
        merged.conflicts.clear();
        merged.stale.clear();
    }
    fsx::write_atomic(out, &merged.bytes)?;
    told(args, &merged, out);
    Ok(i32::from(!merged.conflicts.is_empty()))
}

fn which(side: Side) -> Take {
    match side {
        Side::Local => Take::Local,
        Side::Remote => Take::Remote,
        Side::Base => Take::Base,
    }
}

/// A notebook in conflict, from its versions in git's index.
fn again(args: &Args, file: &Path, out: &Path) -> Result<i32> {
    let Some((repo, stages)) = torn::stages(file) else {
        return Err(Error::user(format!("{} is not in conflict", file.display()))
            .because_of("git lists no versions of it that did not go together")
            .hint("andon merge BASE LOCAL REMOTE -o OUT"));
    };
    let mut merged = repo.merged_stages(stages)?;
    if let (Some(side), false) = (args.take, merged.conflicts.is_empty()) {
        merged.bytes = take(&merged.bytes, which(side))?;
    }
    put(file, out, &merged.bytes)?;
    told(args, &merged, out);
    Ok(i32::from(!merged.conflicts.is_empty()))
}

/// Writes what was made of a torn file. What somebody may have typed between the marks stays beside it.
fn put(file: &Path, out: &Path, bytes: &[u8]) -> Result<()> {
    let same = file.canonicalize().ok().is_some_and(|f| out.canonicalize().is_ok_and(|o| o == f));
    let old = if same { Some(fsx::read(file)?).filter(|old| is_torn(old)) } else { None };
    if let Some(old) = old {
        let mut name = out.as_os_str().to_owned();
        name.push(".orig");
        fsx::write_atomic(Path::new(&name), &old)?;
        say(&format!("What the file held before is in {}", Path::new(&name).display()));
    }
    fsx::write_atomic(out, bytes)
}

fn resolve(args: &Args, file: &Path, side: Side, out: &Path) -> Result<i32> {
    let now = fsx::read(file)?;
    if is_torn(&now)
        && let Some((_, stages)) = torn::stages(file)
    {
        let version = match side {
            Side::Local => stages.ours,
            Side::Remote => stages.theirs,
            Side::Base => stages.base,
        };
        let word = format!("{side:?}").to_lowercase();
        let version = version.ok_or_else(|| {
            Error::user(format!("{} does not exist in the {word} version", file.display()))
                .hint("Take it out with git rm, or take another version")
        })?;
        put(file, out, &version)?;
    } else {
        let bytes = take(&now, which(side)).map_err(|e| torn::way_out(e, file))?;
        fsx::write_atomic(out, &bytes)?;
    }
    if args.json {
        document("andon.merge/1", json!({ "output": out, "conflicts": [], "stale": [], "notes": [] }));
    } else {
        say(&format!("{} is the {} version again", out.display(), format!("{side:?}").to_lowercase()));
    }
    Ok(0)
}

fn settle(args: &Args, file: &Path, out: &Path) -> Result<i32> {
    let settled = settled(&fsx::read(file)?).map_err(|e| torn::way_out(e, file))?;
    fsx::write_atomic(out, &settled)?;
    if args.json {
        document("andon.merge/1", json!({ "output": out, "conflicts": [], "stale": [], "notes": [] }));
    } else {
        say(&format!("{} is settled", out.display()));
    }
    Ok(0)
}

fn told(args: &Args, merged: &Merged, out: &Path) {
    if args.json {
        let body = json!({
            "output": out, "conflicts": merged.conflicts, "stale": merged.stale, "notes": merged.notes,
        });
        document("andon.merge/1", body);
        return;
    }
    merged.notes.iter().for_each(|n| say(n));
    if !merged.stale.is_empty() {
        let n = count(merged.stale.len() as u64, "cell");
        say(&format!("{n} with an output of an older source: run again"));
    }
    for conflict in &merged.conflicts {
        say(&conflict_words(conflict));
    }
    if !merged.conflicts.is_empty() {
        let n = count(merged.conflicts.len() as u64, "conflict");
        say(&format!("{n} in {}; --take local or --take remote gives one side back", out.display()));
    }
}

/// One conflict, cells counted from 1.
pub(super) fn conflict_words(conflict: &Conflict) -> String {
    let what = match (conflict.part, conflict.local, conflict.remote) {
        (Part::Cell, None, Some(_)) => "deleted locally, changed remotely",
        (Part::Cell, Some(_), None) => "changed locally, deleted remotely",
        (Part::Cell, ..) => "its type or another field was changed by both",
        (Part::Source, ..) => "its source was changed by both",
        (Part::Outputs, ..) => "run by both with different outputs",
        (Part::Metadata, ..) => "its metadata were changed by both",
        (Part::Notebook, ..) => {
            return "CONFLICT: the notebook's metadata were changed by both; the local ones stand".into();
        }
    };
    let place = conflict.merged.map_or_else(String::new, |n| format!(" cell {}", n + 1));
    format!("CONFLICT{place}: {what}")
}

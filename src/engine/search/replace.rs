//! Replacing in files that no editor holds: each in one step, only where it still is what was searched, and so that all
//! of it can be taken back.
use std::{
    fs,
    io::Write as _,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::is_notebook;
use crate::{
    base::{Error, Result, error::Context, fsx, job::JobCtx},
    engine::workspace,
    model::{
        editor::{Buffer, Transaction, find::Finder, for_editor},
        notebook::{CellKey, Notebook},
        script::Script,
        search::Place,
    },
};

/// Replacements kept; older ones cannot be taken back any more.
const KEPT: usize = 10;

/// Places of one file that are to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Relative to the root.
    pub path: String,
    /// The version that was searched.
    pub hash: u64,
    pub picks: Vec<(Place, Range<usize>)>,
}

/// The name of what was kept of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept(pub String);

/// What came of a replacement, or of taking one back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replaced {
    /// Files that were written.
    pub files: Vec<String>,
    /// Places that were replaced.
    pub places: usize,
    /// Files that were left as they are, with why.
    pub refused: Vec<(String, Error)>,
    /// To take it back with.
    pub kept: Option<Kept>,
}

/// One file of a replacement as it was.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    path: String,
    /// Its old bytes, in the same folder.
    file: String,
    /// What it became.
    after: u64,
}

const LIST: &str = "files.ndjson";

fn folder(root: &Path, kept: &Kept) -> Result<PathBuf> {
    fsx::inside(&root.join(".andon/replaced"), &kept.0)
}

/// Replaces; a file that cannot be is left as it is and named.
pub fn replace(root: &Path, finder: &Finder, by: &str, edits: &[Edit], cx: &JobCtx) -> Result<Replaced> {
    let mut done = Replaced::default();
    if edits.is_empty() {
        return Ok(done);
    }
    let base = workspace::dot_andon(root)?.join("replaced");
    prune(&base);
    let stamp = cx.clock.now().as_microsecond();
    let kept = Kept(format!("{stamp:020}-{}", crate::base::ids::random(6)));
    let dir = folder(root, &kept)?;
    fs::create_dir_all(&dir).io(|| "Could not make the folder that keeps replaced files".to_owned())?;
    let mut list = fs::File::create(dir.join(LIST)).io(|| "Could not make the list of replaced files".to_owned())?;
    for (n, edit) in edits.iter().enumerate() {
        // What is done stays done, and can be taken back.
        if cx.cancel.is_cancelled() {
            let rest = Error::cancelled().hint("Search again to replace the rest");
            done.refused.extend(edits.iter().skip(n).map(|e| (e.path.clone(), rest.clone())));
            break;
        }
        let what = format!("{} of {} files", n + 1, edits.len());
        cx.progress(Some(n as f32 / edits.len() as f32), what);
        match one(root, finder, by, edit, (&dir, n, &mut list)) {
            Ok(0) => {}
            Ok(places) => {
                done.files.push(edit.path.clone());
                done.places += places;
            }
            Err(e) => done.refused.push((edit.path.clone(), e)),
        }
    }
    if done.files.is_empty() {
        let _ = fs::remove_dir_all(&dir);
    } else {
        done.kept = Some(kept);
    }
    Ok(done)
}

fn one(
    root: &Path,
    finder: &Finder,
    by: &str,
    edit: &Edit,
    (dir, n, list): (&Path, usize, &mut fs::File),
) -> Result<usize> {
    let path = fsx::inside(root, &edit.path)?;
    let old = fsx::read(&path)?;
    if fsx::hash(&old) != edit.hash {
        return Err(Error::user(format!("{} was changed since it was searched", edit.path))
            .hint("Look at the new finds, then replace again"));
    }
    let (new, places) = changed(&edit.path, &old, finder, by, &edit.picks)?;
    if new == old {
        return Ok(0);
    }
    let file = format!("{n}.bytes");
    fsx::write_atomic(&dir.join(&file), &old)?;
    let entry = Entry { path: edit.path.clone(), file, after: fsx::hash(&new) };
    let mut line = serde_json::to_vec(&entry).map_err(|e| Error::bug("Could not note a file").because(&e))?;
    line.push(b'\n');
    // Noted before it is written: what is in the list can be taken back, what was not written is found to be the same.
    list.write_all(&line).and_then(|()| list.sync_data()).io(|| "Could not note a replaced file".to_owned())?;
    fsx::write_guarded(&path, &new, Some(edit.hash))?;
    Ok(places)
}

/// The bytes a file becomes, and how many places were replaced.
fn changed(
    path: &str,
    old: &[u8],
    finder: &Finder,
    by: &str,
    picks: &[(Place, Range<usize>)],
) -> Result<(Vec<u8>, usize)> {
    let text = std::str::from_utf8(old).map_err(|e| {
        Error::user(format!("{path} is not UTF-8 text, so nothing is replaced in it"))
            .because(&e)
            .hint("Save it as UTF-8 first")
    })?;
    let book = if is_notebook(path) {
        Some(Notebook::parse(old)?)
    } else if picks.iter().any(|(place, _)| *place != Place::Text) {
        let script = Script::read(path, text).ok_or_else(|| Error::bug(format!("{path} has no cells any more")))?;
        Some(script.notebook()?)
    } else {
        None
    };
    let Some(mut book) = book else {
        let ranges: Vec<_> = picks.iter().map(|(_, range)| range.clone()).collect();
        let (plain, crlf) = for_editor(text);
        let (new, places) = in_text(&plain, finder, &ranges, by);
        return Ok((if crlf { new.replace('\n', "\r\n") } else { new }.into_bytes(), places));
    };
    if let Some(why) = book.read_only() {
        return Err(Error::user(format!("{path} cannot be changed"))
            .because_of(why)
            .hint("Convert it to format 4 first"));
    }
    let (sources, places) = sources(&book, finder, picks, by);
    book.set_sources(&sources)?;
    Ok((book.to_bytes(), places))
}

/// A text with finds replaced, and how many.
pub fn in_text(text: &str, finder: &Finder, ranges: &[Range<usize>], by: &str) -> (String, usize) {
    let mut buffer = Buffer::from(text);
    let changes = finder.replace(&buffer, ranges, by);
    let places = changes.len();
    Transaction::new(changes).apply(&mut buffer);
    (buffer.to_string(), places)
}

/// The new sources of the cells with picks, as an editor would have them, and how many places are replaced.
pub fn sources(
    book: &Notebook,
    finder: &Finder,
    picks: &[(Place, Range<usize>)],
    by: &str,
) -> (Vec<(CellKey, String)>, usize) {
    let mut out = Vec::new();
    let mut all = 0;
    for cell in book.cells() {
        let here = |(place, range): &(Place, Range<usize>)| (*place == Place::Source(cell.key)).then(|| range.clone());
        let ranges: Vec<_> = picks.iter().filter_map(here).collect();
        if ranges.is_empty() {
            continue;
        }
        let (plain, crlf) = for_editor(&cell.source);
        let (new, places) = in_text(&plain, finder, &ranges, by);
        all += places;
        if places > 0 {
            out.push((cell.key, if crlf { new.replace('\n', "\r\n") } else { new }));
        }
    }
    (out, all)
}

/// Takes a replacement back in every file that still is as it left it.
pub fn take_back(root: &Path, kept: &Kept) -> Result<Replaced> {
    let dir = folder(root, kept)?;
    let list = fs::read_to_string(dir.join(LIST)).map_err(|e| {
        Error::user("This replacement cannot be taken back any more")
            .because(&e)
            .hint("The last ten are kept; git may have the files as they were")
    })?;
    let mut done = Replaced::default();
    for line in list.lines() {
        let Ok(entry) = serde_json::from_str::<Entry>(line) else { continue };
        match restore(root, &dir, &entry) {
            Ok(true) => done.files.push(entry.path),
            Ok(false) => {}
            Err(e) => done.refused.push((entry.path, e)),
        }
    }
    if done.refused.is_empty() {
        let _ = fs::remove_dir_all(&dir);
    }
    Ok(done)
}

fn restore(root: &Path, dir: &Path, entry: &Entry) -> Result<bool> {
    let path = fsx::inside(root, &entry.path)?;
    let old = fsx::read(&dir.join(&entry.file))?;
    let now = fsx::read(&path)?;
    if now == old {
        return Ok(false);
    }
    if fsx::hash(&now) != entry.after {
        return Err(Error::user(format!("{} was changed since, so it stays as it is", entry.path)).hint(format!(
            "What it was before lies in .andon/replaced/{}",
            dir.file_name().unwrap_or_default().display()
        )));
    }
    fsx::write_guarded(&path, &old, Some(entry.after))?;
    Ok(true)
}

/// Forgets all but the newest.
fn prune(base: &Path) {
    let Ok(list) = fs::read_dir(base) else { return };
    let mut all: Vec<PathBuf> = list.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    all.sort();
    for old in all.iter().rev().skip(KEPT - 1) {
        let _ = fs::remove_dir_all(old);
    }
}

//! Notebooks and text files on disk: read, saved under guard, and kept in a journal until they are.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::workspace;
use crate::{
    base::{Error, Result, error::Context, fsx, job::JobCtx},
    model::{
        json::Json,
        notebook::{Notebook, Snapshot},
        script::Script,
    },
};

/// Text files beyond this are not opened for editing.
pub const TEXT_LIMIT: u64 = 2_000_000;
/// Notebooks beyond this are refused: they would not fit beside everything else.
pub const NOTEBOOK_LIMIT: u64 = 1 << 30;

/// What a file turned out to be.
#[derive(Debug, Clone)]
pub enum Content {
    Notebook(Box<Notebook>),
    Text(String),
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub content: Content,
    /// Version on disk, for the guard when it is saved.
    pub hash: u64,
}

/// Reads a notebook or a text file. A script with cells is a notebook, unless it is wanted `as_text`.
pub fn load(path: &Path, as_text: bool) -> Result<Loaded> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let meta = fs::metadata(path).io(|| format!("Could not open {name}"))?;
    if meta.is_dir() {
        return Err(Error::user(format!("{name} is a folder")));
    }
    let notebook = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("ipynb"));
    let limit = if notebook { NOTEBOOK_LIMIT } else { TEXT_LIMIT };
    if meta.len() > limit {
        let size = crate::base::text::bytes(meta.len());
        return Err(Error::user(format!("{name} is too large to be edited here"))
            .because_of(format!("It has {size}; up to {} can be opened", crate::base::text::bytes(limit))));
    }
    let bytes = fsx::read(path)?;
    let hash = fsx::hash(&bytes);
    Ok(Loaded { content: read(&name, bytes, notebook, as_text)?, hash })
}

/// Reads a file with its bytes: version, bytes, what it is.
pub fn load_bytes(path: &Path, as_text: bool) -> Result<(u64, Vec<u8>, Content)> {
    let loaded = load(path, as_text)?;
    let bytes = fsx::read(path)?;
    let hash = fsx::hash(&bytes);
    if hash == loaded.hash {
        return Ok((hash, bytes, loaded.content));
    }
    // Written in between: what was read last counts.
    let content = content(&path.to_string_lossy(), bytes.clone(), as_text)?;
    Ok((hash, bytes, content))
}

/// What bytes are as a file of this name.
pub fn content(path: &str, bytes: Vec<u8>, as_text: bool) -> Result<Content> {
    let name = path.rsplit('/').next().unwrap_or(path);
    read(name, bytes, name.to_lowercase().ends_with(".ipynb"), as_text)
}

/// Versions that a person decided against are kept this long.
const KEPT_DAYS: i64 = 30;

/// Keeps a version of a file that is about to be in no file; gives where, relative to the root.
pub fn keep_version(root: &Path, path: &str, bytes: &[u8], at: Timestamp) -> Result<String> {
    let dir = workspace::dot_andon(root)?.join("kept");
    fs::create_dir_all(&dir).io(|| "Could not make the folder of kept versions".to_owned())?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, ending) = name.rsplit_once('.').map_or((name, String::new()), |(s, e)| (s, format!(".{e}")));
    let when = at.strftime("%Y-%m-%d-%H%M%S");
    let file = format!("{stem}-{when}-{:08x}{ending}", fsx::hash(bytes) as u32);
    fsx::write_atomic(&dir.join(&file), bytes)?;
    for old in fs::read_dir(&dir).into_iter().flatten().flatten() {
        let age = old.metadata().and_then(|m| m.modified()).ok().and_then(|m| m.elapsed().ok());
        if age.is_some_and(|a| a.as_secs() > KEPT_DAYS as u64 * 86_400) {
            let _ = fs::remove_file(old.path());
        }
    }
    Ok(format!(".andon/kept/{file}"))
}

/// Keeps a text that a cell put out, to be looked at as a file; `path` lies below `.andon/`.
pub fn keep_text(root: &Path, path: &str, text: &str) -> Result<()> {
    workspace::dot_andon(root)?;
    let file = fsx::inside(root, path)?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).io(|| "The text could not be kept".to_owned())?;
    }
    fsx::write_atomic(&file, text.as_bytes())
}

fn read(name: &str, bytes: Vec<u8>, notebook: bool, as_text: bool) -> Result<Content> {
    if !notebook {
        return match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => match Script::read(name, &text).filter(|_| !as_text) {
                Some(script) => Ok(Content::Notebook(Box::new(script.notebook()?))),
                None => Ok(Content::Text(text)),
            },
            _ => Err(Error::user(format!("{name} is not a text file")).hint("Open it with the program it belongs to")),
        };
    }
    if bytes.iter().all(|b| b.is_ascii_whitespace()) {
        // Jupyter treats an empty file as a new notebook; the file itself changes only when it is saved.
        return Ok(Content::Notebook(Box::new(Notebook::new_empty())));
    }
    match Notebook::parse(&bytes[..]) {
        Ok(notebook) => Ok(Content::Notebook(Box::new(notebook))),
        // Scanned again only to name the line: a broken file is rare and small.
        Err(e) => Err(Json::parse(&bytes[..]).err().map_or_else(
            || Error { what: format!("{name} cannot be shown: {}", e.what), ..e.clone() },
            |place| place.about(name, &bytes),
        )),
    }
}

/// Saves if the file still is the version `expected`; returns the hash of what was written.
pub fn save(path: &Path, snapshot: &Snapshot, expected: Option<u64>) -> Result<u64> {
    fsx::write_guarded(path, &snapshot.to_bytes(), expected)
}

/// Version of the file on disk; `None` when it is gone.
pub fn version(path: &Path) -> Result<Option<u64>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(fsx::hash(&bytes))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(format!("Could not read {}", path.display())).because(&e)),
    }
}

/// Unsaved edits kept in `.andon/journal/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The file, relative to the root.
    pub path: String,
    /// Version of the file the edits started from; `None` for a file that did not exist.
    pub base: Option<u64>,
    /// When the last edit was kept.
    pub at: Timestamp,
    /// Process that wrote it: edits of a window that is still open are not offered to another one.
    pub pid: u32,
}

fn journal_file(root: &Path, path: &str) -> PathBuf {
    root.join(".andon/journal").join(format!("{:016x}.draft", fsx::hash(path.as_bytes())))
}

fn base_file(root: &Path, path: &str, base: u64) -> PathBuf {
    root.join(".andon/journal").join(format!("{:016x}-{base:016x}.base", fsx::hash(path.as_bytes())))
}

/// Keeps what unsaved edits began from beside them, so that they can be merged with what others write; once.
pub fn keep_base(root: &Path, path: &str, base: u64, bytes: &Snapshot) -> Result<()> {
    let file = base_file(root, path, base);
    if file.exists() {
        return Ok(());
    }
    forget_bases(root, path);
    let bytes = bytes.to_bytes();
    if fsx::hash(&bytes) != base {
        return Ok(());
    }
    fs::create_dir_all(workspace::dot_andon(root)?.join("journal"))
        .io(|| "Could not make the recovery journal".to_owned())?;
    fsx::write_atomic(&file, &bytes)
}

/// What the unsaved edits of a draft began from.
pub fn read_base(root: &Path, draft: &Draft) -> Option<Snapshot> {
    let base = draft.base?;
    let bytes = fs::read(base_file(root, &draft.path, base)).ok()?;
    (fsx::hash(&bytes) == base).then(|| Snapshot::from(bytes))
}

fn forget_bases(root: &Path, path: &str) {
    let of = format!("{:016x}-", fsx::hash(path.as_bytes()));
    for entry in fs::read_dir(root.join(".andon/journal")).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|n| n.starts_with(&of) && n.ends_with(".base")) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Keeps the unsaved state of a file, in place of what was kept before.
pub fn keep_draft(root: &Path, path: &str, base: Option<u64>, at: Timestamp, bytes: &[u8]) -> Result<()> {
    let dir = workspace::dot_andon(root)?.join("journal");
    fs::create_dir_all(&dir).io(|| "Could not make the recovery journal".to_owned())?;
    let head = Draft { path: path.to_owned(), base, at, pid: std::process::id() };
    let mut all = serde_json::to_vec(&head).map_err(|e| Error::bug("The journal could not be written").because(&e))?;
    all.push(b'\n');
    all.extend_from_slice(bytes);
    fsx::write_atomic(&journal_file(root, path), &all)
}

/// Forgets the kept edits of a file: it was saved, or the person discarded them.
pub fn drop_draft(root: &Path, path: &str) -> Result<()> {
    forget_bases(root, path);
    match fs::remove_file(journal_file(root, path)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("Could not clear the recovery journal").because(&e))
        }
        _ => Ok(()),
    }
}

/// Edits kept by windows that are not open any more, newest first. Unreadable ones are left where they are.
pub fn drafts(root: &Path, cx: &JobCtx) -> Result<Vec<Draft>> {
    let Ok(dir) = fs::read_dir(root.join(".andon/journal")) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for entry in dir.flatten() {
        cx.check()?;
        let Ok(bytes) = fs::read(entry.path()) else { continue };
        let Some((draft, text)) = split(&bytes) else { continue };
        if draft.pid != std::process::id() && is_alive(draft.pid) {
            continue;
        }
        // Saved by another way in the meantime: nothing to offer.
        let same = fs::read(root.join(&draft.path)).is_ok_and(|now| now == text);
        if same { drop_draft(root, &draft.path)? } else { all.push(draft) }
    }
    all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.path.cmp(&b.path)));
    Ok(all)
}

/// Files with kept edits, those of open windows too.
pub fn draft_paths(root: &Path) -> Vec<String> {
    let Ok(dir) = fs::read_dir(root.join(".andon/journal")) else { return Vec::new() };
    let kept = dir.flatten().filter_map(|e| fs::read(e.path()).ok());
    let mut all: Vec<String> = kept.filter_map(|bytes| split(&bytes).map(|(draft, _)| draft.path)).collect();
    all.sort();
    all
}

/// The bytes a file would have, were its kept edits saved.
pub fn draft_bytes(root: &Path, path: &str) -> Option<Vec<u8>> {
    let bytes = fs::read(journal_file(root, path)).ok()?;
    split(&bytes).filter(|(draft, _)| draft.path == path).map(|(_, text)| text.to_vec())
}

/// The kept edits of a file.
pub fn read_draft(root: &Path, path: &str) -> Result<(Draft, Content)> {
    let gone = || Error::user(format!("The unsaved edits of {path} are not there any more"));
    let bytes = fs::read(journal_file(root, path)).map_err(|e| gone().because(&e))?;
    let (draft, text) = split(&bytes).ok_or_else(gone)?;
    let notebook = path.to_lowercase().ends_with(".ipynb");
    Ok((draft, read(path, text.to_vec(), notebook, false)?))
}

fn split(bytes: &[u8]) -> Option<(Draft, &[u8])> {
    let cut = memchr::memchr(b'\n', bytes)?;
    let draft = serde_json::from_slice(bytes.get(..cut)?).ok()?;
    Some((draft, bytes.get(cut + 1..)?))
}

#[cfg(unix)]
fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    // A process of another user answers with "not permitted", which also means that it lives.
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_alive(_: u32) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::notebook::CellKind;

    fn notebook(content: Content) -> Notebook {
        match content {
            Content::Notebook(n) => *n,
            Content::Text(t) => panic!("text: {t}"),
        }
    }

    #[test]
    fn saving_is_guarded_and_keeps_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ipynb");
        let file = "{\"nbformat\":4,\"nbformat_minor\":5,\"cells\":[],\"metadata\":{}}";
        fs::write(&path, file).unwrap();
        let loaded = load(&path, false).unwrap();
        let mut nb = notebook(loaded.content);
        assert_eq!(save(&path, &nb.snapshot(), Some(loaded.hash)).unwrap(), loaded.hash);
        nb.insert(0, CellKind::Code, "1").unwrap();
        fs::write(&path, file.replace('5', "4")).unwrap();
        assert!(save(&path, &nb.snapshot(), Some(loaded.hash)).unwrap_err().what.contains("changed on disk"));
        assert_eq!(fs::read_to_string(&path).unwrap(), file.replace('5', "4"));
    }

    #[test]
    fn bad_files_are_named_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            fs::write(dir.path().join(name), bytes).unwrap();
            load(&dir.path().join(name), false).unwrap_err()
        };
        let e = file("a.ipynb", b"{\n \"cells\": [\n");
        assert!(e.to_string().contains("a.ipynb is not valid JSON: Line 3, column 1"), "{e}");
        assert!(file("b.ipynb", b"{\"nbformat\": 7, \"cells\": []}").to_string().contains("newer"));
        let future = file("f.ipynb", b"{\"nbformat\": 5, \"nbformat_minor\": 99, \"cells\": []}").to_string();
        assert!(future.contains("f.ipynb") && future.contains("format 5, which is newer"), "{future}");
        assert!(file("c.ipynb", b"\xff\xfe").to_string().contains("not UTF-8"));
        assert!(file("d.txt", b"a\0b").to_string().contains("not a text file"));
        assert!(
            load(&dir.path().join("none.ipynb"), false).unwrap_err().to_string().contains("Could not open none.ipynb")
        );
        assert!(load(dir.path(), false).unwrap_err().to_string().contains("folder"));
        fs::write(dir.path().join("empty.ipynb"), b" \n").unwrap();
        assert!(load(&dir.path().join("empty.ipynb"), false).is_ok());
    }

    #[test]
    fn drafts_survive_and_are_offered_once() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let cx = JobCtx::detached();
        let mut nb = Notebook::new_empty();
        fs::write(root.join("n.ipynb"), nb.to_bytes()).unwrap();
        nb.insert(0, CellKind::Code, "precious").unwrap();
        keep_draft(root, "n.ipynb", Some(1), Timestamp::UNIX_EPOCH, &nb.to_bytes()).unwrap();
        assert_eq!(fs::read_to_string(root.join(".andon/.gitignore")).unwrap(), "*\n");
        let found = drafts(root, &cx).unwrap();
        assert_eq!((found.len(), found[0].path.as_str(), found[0].base), (1, "n.ipynb", Some(1)));
        let (_, content) = read_draft(root, "n.ipynb").unwrap();
        assert_eq!(&*notebook(content).cells()[0].source, "precious");
        fs::write(root.join("n.ipynb"), nb.to_bytes()).unwrap();
        assert!(drafts(root, &cx).unwrap().is_empty(), "saved in the meantime");
        assert!(read_draft(root, "n.ipynb").is_err());
        drop_draft(root, "n.ipynb").unwrap();
    }

    #[test]
    fn drafts_of_an_open_window_are_not_offered() {
        let dir = tempfile::tempdir().unwrap();
        keep_draft(dir.path(), "a.txt", None, Timestamp::UNIX_EPOCH, b"x").unwrap();
        let file = journal_file(dir.path(), "a.txt");
        let as_pid = |pid: u32| {
            let text = fs::read_to_string(&file).unwrap();
            let (head, body) = text.split_once('\n').unwrap();
            let mut draft: Draft = serde_json::from_str(head).unwrap();
            draft.pid = pid;
            fs::write(&file, format!("{}\n{body}", serde_json::to_string(&draft).unwrap())).unwrap();
            drafts(dir.path(), &JobCtx::detached()).unwrap().len()
        };
        assert_eq!(as_pid(1), 0, "process 1 always lives");
        assert_eq!(as_pid(4_000_000), 1);
    }
}

//! What a review does to files: unsent comments kept in .andon/, suggestions put into notebooks and taken out again.
use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    base::{Error, Result, error::Context, fsx},
    model::{
        diff::is_notebook,
        notebook::Notebook,
        review::{Content, Draft, Place, Thread, export::place_words},
        textdiff::Lines,
    },
};

/// A suggestion that was put into a file, with what takes it out again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub path: String,
    /// `cell 3`, `line 12`.
    pub place: String,
    /// The file before.
    pub before: Vec<u8>,
    /// Names the file after.
    pub after: u64,
}

/// Puts the suggested source into the file. Only the source of that cell, or that line, changes; it must still be what
/// the suggestion was made for.
pub fn apply(root: &Path, thread: &Thread, source: &str) -> Result<Applied> {
    let full = fsx::inside(root, &thread.path)?;
    let before = fsx::read(&full)?;
    let content = Content::read(&thread.path, before.clone());
    let place = content.place(thread);
    let Place::Here { cell, line } = place else {
        return Err(Error::user("The cell is not as it was when this was suggested")
            .because_of(place_words(thread, place))
            .hint("Change it by hand, or ask for another suggestion"));
    };
    let bytes = if thread.cell.is_text() {
        let Some(line) = line else {
            return Err(Error::user("This suggestion is about a whole file").hint("Change it by hand"));
        };
        with_line(&before, line, source)?
    } else if is_notebook(&thread.path) {
        let mut notebook = Notebook::parse(before.clone())?;
        let key = notebook.cells().get(cell).map(|c| c.key).ok_or_else(|| Error::bug("A cell has no place"))?;
        notebook.set_source(key, source)?;
        notebook.to_bytes()
    } else {
        return Err(Error::user(format!("{} is no notebook any more", thread.path)));
    };
    let after = fsx::write_guarded(&full, &bytes, Some(fsx::hash(&before)))?;
    Ok(Applied { path: thread.path.clone(), place: place_words(thread, place), before, after })
}

/// The bytes with one line replaced; its line end stays.
fn with_line(bytes: &[u8], line: usize, text: &str) -> Result<Vec<u8>> {
    let all = std::str::from_utf8(bytes)
        .map_err(|e| Error::user("The file is not UTF-8 text").because(&e).hint("Change it by hand"))?;
    let mark = all.len() - all.strip_prefix('\u{feff}').unwrap_or(all).len();
    let lines = Lines::new(all.get(mark..).unwrap_or_default());
    let start = mark + lines.start(line);
    let end = start + lines.line(line).len();
    // A suggestion of several lines ends them as the file does.
    let crlf = all.get(end..).is_some_and(|rest| rest.starts_with("\r\n"));
    let text = text.replace("\r\n", "\n");
    let text = if crlf { text.replace('\n', "\r\n") } else { text };
    let mut out = Vec::with_capacity(bytes.len() + text.len());
    out.extend_from_slice(bytes.get(..start).unwrap_or_default());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(bytes.get(end..).unwrap_or_default());
    Ok(out)
}

/// Takes a suggestion out again, unless the file was changed since.
pub fn take_back(root: &Path, applied: &Applied) -> Result<()> {
    let full = fsx::inside(root, &applied.path)?;
    if fsx::hash(&fsx::read(&full)?) != applied.after {
        return Err(Error::user(format!("{} was changed after the suggestion was applied", applied.path))
            .hint("Undo it in the editor, or take the file's last version from git"));
    }
    fsx::write_guarded(&full, &applied.before, Some(applied.after)).map(|_| ())
}

fn folder(root: &Path) -> PathBuf {
    root.join(".andon").join("review-drafts")
}

/// The file of a draft; ids are letters and digits, so that none leads elsewhere.
fn file(root: &Path, id: &str) -> Option<PathBuf> {
    let fine = !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric());
    fine.then(|| folder(root).join(format!("{id}.json")))
}

/// Comments that were written and not sent, by id. One that cannot be read stays where it is and is told.
pub fn drafts(root: &Path) -> (Vec<Draft>, Vec<Error>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    let Ok(list) = fs::read_dir(folder(root)) else { return (found, problems) };
    for path in list.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "json")) {
        let read = fsx::read_text(&path).and_then(|text| {
            serde_json::from_str::<Draft>(&text).map_err(|e| {
                Error::config(format!("The unsent comment {} cannot be read", path.display()))
                    .because(&e)
                    .hint("The file is left as it is; its text can be copied from there")
            })
        });
        match read {
            Ok(draft) if file(root, &draft.id).as_ref() == Some(&path) => found.push(draft),
            Ok(_) => {}
            Err(e) => problems.push(e),
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    (found, problems)
}

/// Keeps a draft for the next start.
pub fn keep_draft(root: &Path, draft: &Draft) -> Result<()> {
    let Some(path) = file(root, &draft.id) else { return Err(Error::bug("An unsent comment has no name")) };
    if !root.is_dir() {
        return Err(Error::io(format!("The folder {} is gone", root.display()))
            .hint("The comment is kept in the window; copy it before you close it"));
    }
    let home = root.join(".andon");
    fs::create_dir_all(folder(root)).io(|| "Could not keep an unsent comment".to_owned())?;
    let ignore = home.join(".gitignore");
    if !ignore.exists() {
        fsx::write_atomic(&ignore, b"*\n")?;
    }
    let text = serde_json::to_vec_pretty(draft).map_err(|e| Error::bug("Could not write a comment").because(&e))?;
    fsx::write_atomic(&path, &text)
}

/// Forgets a draft that was sent or discarded.
pub fn drop_draft(root: &Path, id: &str) -> Result<()> {
    let Some(path) = file(root, id) else { return Ok(()) };
    match fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format!("Could not remove {}", path.display())).because(&e))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::review::{About, CellAnchor, Spot};

    fn thread(path: &str, cell: CellAnchor, line: Option<usize>) -> Thread {
        Thread {
            id: "t".into(),
            path: path.into(),
            cell,
            line,
            output: None,
            commit: None,
            resolved: false,
            comments: Vec::new(),
        }
    }

    #[test]
    fn a_suggestion_goes_into_its_cell_alone_and_out_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ipynb");
        let text = "{\n \"cells\": [\n  {\"cell_type\": \"code\", \"metadata\": {}, \"outputs\": [],\n   \"source\": [\"x = 1\\n\", \"y = 2\"], \"execution_count\": 1.0}\n ],\n \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 4\n}\n";
        fs::write(&path, text).unwrap();
        let Content::Notebook(doc) = Content::read("a.ipynb", text.into()) else { panic!() };
        let about = thread("a.ipynb", CellAnchor::of(&doc, 0).unwrap(), Some(0));
        let applied = apply(dir.path(), &about, "x = 10\ny = 2").unwrap();
        let now = fs::read_to_string(&path).unwrap();
        assert_eq!(now, text.replace("x = 1", "x = 10"), "nothing else changed");
        let again = apply(dir.path(), &about, "x = 11").unwrap_err();
        assert!(again.what.contains("not as it was"), "{again}");
        take_back(dir.path(), &applied).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        let applied = apply(dir.path(), &about, "x = 3").unwrap();
        fs::write(&path, "{}").unwrap();
        assert!(take_back(dir.path(), &applied).is_err(), "somebody was faster");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
    }

    #[test]
    fn a_suggested_line_keeps_the_ends_of_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("q.sql");
        let text = "\u{feff}SELECT a\r\nFROM t\r\nWHERE x";
        fs::write(&path, text).unwrap();
        let lines = Lines::new(text.trim_start_matches('\u{feff}'));
        let about = thread("q.sql", CellAnchor::of_text(&lines, Some(1)), Some(1));
        apply(dir.path(), &about, "FROM t\nJOIN u").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "\u{feff}SELECT a\r\nFROM t\r\nJOIN u\r\nWHERE x");
        let last = thread("q.sql", CellAnchor::of_text(&lines, Some(2)), Some(2));
        apply(dir.path(), &last, "WHERE y").unwrap();
        assert!(fs::read_to_string(&path).unwrap().ends_with("\r\nWHERE y"));
        let whole = thread("q.sql", CellAnchor::of_text(&lines, None), None);
        assert!(apply(dir.path(), &whole, "x").is_err());
    }

    #[test]
    fn drafts_are_kept_one_file_each() {
        let dir = tempfile::tempdir().unwrap();
        let draft = |id: &str| Draft {
            id: id.into(),
            path: "a.ipynb".into(),
            about: About::New(Spot::default()),
            text: "What about 2400?".into(),
            suggestion: None,
            base: String::new(),
        };
        for id in ["b2", "a1"] {
            keep_draft(dir.path(), &draft(id)).unwrap();
        }
        assert!(keep_draft(dir.path(), &draft("../x")).is_err());
        fs::write(folder(dir.path()).join("broken.json"), "{").unwrap();
        let (found, problems) = drafts(dir.path());
        assert_eq!(found, [draft("a1"), draft("b2")]);
        assert_eq!(problems.len(), 1, "and it is still there");
        drop_draft(dir.path(), "a1").unwrap();
        drop_draft(dir.path(), "a1").unwrap();
        assert_eq!(drafts(dir.path()).0, [draft("b2")]);
    }
}

//! The notes on charts, in their file.
use std::{fs, path::Path};

use crate::{
    base::{Error, Result, error::Context, fsx},
    model::quality::note::{self, NOTES, Note},
};

/// The notes of a workspace; none when there is no file.
pub fn notes(root: &Path) -> Result<Vec<Note>> {
    let path = root.join(NOTES);
    if fs::symlink_metadata(&path).is_err() {
        return Ok(Vec::new());
    }
    note::read(&fsx::read_text(&path)?)
}

/// Adds a note, changes the one at its point, or takes it away when it is empty.
pub fn put_note(root: &Path, note: &Note) -> Result<()> {
    let path = root.join(NOTES);
    let old = match fs::read_to_string(&path) {
        Ok(old) => Some(old),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(Error::io(format!("Could not read {NOTES}")).because(&e)),
    };
    let text = note::put(old.as_deref().unwrap_or_default(), note)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).io(|| format!("Could not make the folder {}", folder.display()))?;
    }
    fsx::write_guarded(&path, text.as_bytes(), old.map(|o| fsx::hash(o.as_bytes()))).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_makes_the_file_and_a_broken_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let note = Note {
            on: "check:checks/d.toml:rows".into(),
            at: "2026-11-17T06:10:00Z".parse().unwrap(),
            text: "New feed".into(),
            new_limits: true,
        };
        assert!(notes(dir.path()).unwrap().is_empty());
        put_note(dir.path(), &note).unwrap();
        assert_eq!(notes(dir.path()).unwrap().as_slice(), std::slice::from_ref(&note));
        fs::write(dir.path().join(NOTES), "[[note").unwrap();
        assert!(notes(dir.path()).is_err() && put_note(dir.path(), &note).is_err());
        assert_eq!(fs::read_to_string(dir.path().join(NOTES)).unwrap(), "[[note");
    }
}

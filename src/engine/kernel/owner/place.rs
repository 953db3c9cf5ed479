//! Where the owner of a workspace's kernels is found: a private folder with a socket, a lock, a note and a log.
use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::{Error, Result, error::Context, fsx};

/// Longest path of a socket: `sockaddr_un` holds 108 bytes, on other systems 104.
const LONGEST: usize = 100;

/// The folder of one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    dir: PathBuf,
}

/// What an owner writes about itself, for those who cannot speak with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub protocol: u32,
    pub version: String,
    pub pid: i32,
    pub root: PathBuf,
    pub since: Timestamp,
}

impl Place {
    /// That of a workspace, made when it is not there.
    pub fn of(root: &Path) -> Result<Self> {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
        let name = format!("{:016x}", fsx::hash(root.as_os_str().as_encoded_bytes()));
        let dir = base()?.join(name);
        private(&dir)?;
        Ok(Self { dir })
    }
    /// Those of all workspaces of this person.
    pub fn all() -> Result<Vec<Self>> {
        let base = base()?;
        let mut dirs: Vec<PathBuf> = fs::read_dir(&base)
            .io(|| format!("Could not read {}", base.display()))?
            .filter_map(|e| e.ok().map(|e| e.path()))
            .filter(|p| p.is_dir())
            .collect();
        dirs.sort();
        Ok(dirs.into_iter().map(|dir| Self { dir }).collect())
    }
    pub fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }
    pub fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }
    pub fn log(&self) -> PathBuf {
        self.dir.join("log")
    }
    /// What its owner wrote about itself.
    pub fn note(&self) -> Option<Note> {
        serde_json::from_slice(&fs::read(self.dir.join("note.json")).ok()?).ok()
    }
    pub fn write_note(&self, note: &Note) -> Result<()> {
        let text = serde_json::to_vec_pretty(note).map_err(|e| Error::bug("The note of the owner").because(&e))?;
        fsx::write_atomic(&self.dir.join("note.json"), &text)
    }
    /// Takes away what would lead others to an owner that has ended.
    pub fn clear(&self) {
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_file(self.dir.join("note.json"));
    }
    /// The end of the owner's log, to say why it did not start.
    pub fn last_words(&self) -> String {
        let text = fs::read(self.log()).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
        lines.get(lines.len().saturating_sub(3)..).unwrap_or_default().join("\n")
    }
}

/// The person's folder for sockets: below the runtime folder, else in the system's temporary one.
fn base() -> Result<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|d| d.is_absolute() && d.is_dir());
    // `/<16 letters>/socket` comes below it.
    let short = |d: &PathBuf| d.as_os_str().len() + 24 < LONGEST;
    let uid = rustix::process::getuid().as_raw();
    let base = runtime.map(|d| d.join("andon")).filter(short).unwrap_or_else(|| format!("/tmp/andon-{uid}").into());
    private(&base)?;
    Ok(base)
}

/// Makes a folder that only this person can enter, and refuses one that somebody else could have made.
fn private(dir: &Path) -> Result<()> {
    let what = || format!("Could not make the private folder {}", dir.display());
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        other => other.io(what)?,
    }
    let meta = fs::symlink_metadata(dir).io(what)?;
    if !meta.is_dir() || meta.uid() != rustix::process::getuid().as_raw() {
        return Err(Error::io(format!("{} is not yours, so kernels are not kept there", dir.display()))
            .hint("Remove it, or set XDG_RUNTIME_DIR to a folder of your own"));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).io(what)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_others_or_a_link_is_refused_and_an_open_one_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        private(&open).unwrap();
        assert_eq!(fs::metadata(&open).unwrap().mode() & 0o777, 0o700);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&open, &link).unwrap();
        assert!(private(&link).unwrap_err().what.contains("not yours"));
        if rustix::process::getuid().is_root() {
            std::os::unix::fs::chown(&open, Some(12345), None).unwrap();
            assert!(private(&open).unwrap_err().what.contains("not yours"));
        }
    }

    #[test]
    fn workspaces_have_places_of_their_own_and_sockets_have_short_paths() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, b) = (Place::of(a.path()).unwrap(), Place::of(b.path()).unwrap());
        assert_ne!(a.socket(), b.socket());
        assert!(a.socket().as_os_str().len() < LONGEST);
        fs::remove_dir_all(a.dir).unwrap();
        fs::remove_dir_all(b.dir).unwrap();
    }
}

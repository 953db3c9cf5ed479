//! Files: atomic replacement, a guard against overwriting somebody else's change, paths.
use std::{
    fs,
    io::{self, Write},
    path::{Component, Path, PathBuf},
};

use super::{Error, Result, error::Context};

/// Content hash that names a version of a file: xxh3, 64 bits.
pub fn hash(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).io(|| format!("Could not read {}", path.display()))
}

/// Reads a whole UTF-8 file.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read(path)?;
    String::from_utf8(bytes).config(|| format!("{} is not UTF-8 text", path.display()))
}

/// Replaces `path` in one step: temporary file beside it, fsync, rename. A failure leaves the old file whole.
/// Permissions of an existing file are kept; a symbolic link is followed, so that the link stays.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let what = || format!("Could not save {}", path.display());
    replace(&target, bytes).map_err(|e| {
        let full = e.kind() == io::ErrorKind::StorageFull;
        let error = Error::io(what()).because(&e);
        if full { error.hint("Free some space and save again, or save somewhere else") } else { error }
    })
}

fn replace(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temp = tempfile::Builder::new().prefix(".andon-").suffix(".tmp").tempfile_in(dir)?;
    temp.write_all(bytes)?;
    temp.as_file().sync_all()?;
    match fs::metadata(target) {
        Ok(meta) => fs::set_permissions(temp.path(), meta.permissions())?,
        Err(_) => default_permissions(temp.path())?,
    }
    temp.persist(target).map_err(|e| e.error)?;
    // The rename itself must survive a power cut; a directory that cannot be synced is no reason to fail.
    if let Ok(d) = fs::File::open(dir) {
        let _ = d.sync_all();
    }
    Ok(())
}

#[cfg(unix)]
fn default_permissions(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn default_permissions(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Saves only if the file on disk still is the version `expected` (its [`hash`]; `None`: it must not exist yet).
/// Returns the hash of what was written.
pub fn write_guarded(path: &Path, bytes: &[u8], expected: Option<u64>) -> Result<u64> {
    let found = match fs::read(path) {
        Ok(old) => Some(hash(&old)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(Error::io(format!("Could not read {}", path.display())).because(&e)),
    };
    // A file that vanished is written again: the edits in memory are then the only copy.
    if found.is_some() && found != expected {
        return Err(Error::user(format!("{} was changed on disk by another program", path.display()))
            .hint("Compare the two versions, then save over it or reload"));
    }
    write_atomic(path, bytes)?;
    Ok(hash(bytes))
}

/// `path` below `root` with `/` between parts, for showing and for storing; unchanged when it lies elsewhere.
pub fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = path
        .components()
        .map(|c| if c == Component::RootDir { String::new() } else { c.as_os_str().to_string_lossy().into_owned() })
        .collect();
    parts.join("/")
}

/// Joins a path from a workspace file to the root and refuses one that leaves it.
pub fn inside(root: &Path, relative: &str) -> Result<PathBuf> {
    let escapes = Path::new(relative).components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir));
    if escapes {
        return Err(Error::config(format!("{relative} leads out of the workspace"))
            .hint("Use a path below the workspace folder"));
    }
    Ok(root.join(relative))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_changed_by_others_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        let first = write_guarded(&path, b"one", None).unwrap();
        fs::write(&path, b"theirs").unwrap();
        let e = write_guarded(&path, b"mine", Some(first)).unwrap_err();
        assert!(e.what.contains("changed on disk"), "{e}");
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert!(write_guarded(&path, b"mine", Some(hash(b"theirs"))).is_ok());
    }

    #[test]
    fn a_failed_save_leaves_the_old_file_and_no_litter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing").join("a.txt");
        assert!(write_atomic(&path, b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn paths_that_leave_the_workspace_are_refused() {
        let root = Path::new("/w");
        assert!(inside(root, "../x").is_err());
        assert!(inside(root, "/etc/passwd").is_err());
        assert_eq!(inside(root, "data/a.csv").unwrap(), Path::new("/w/data/a.csv"));
        assert_eq!(relative(root, Path::new("/w/data/a.csv")), "data/a.csv");
    }
}

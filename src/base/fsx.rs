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
        let error = Error::io(what()).because(&e);
        match hint(&e, &target) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

/// What helps against a file that could not be written.
fn hint(e: &io::Error, target: &Path) -> Option<&'static str> {
    use io::ErrorKind as K;
    match e.kind() {
        K::StorageFull | K::QuotaExceeded | K::FileTooLarge => {
            Some("Free some space and save again, or save somewhere else")
        }
        K::ReadOnlyFilesystem | K::PermissionDenied => Some("Make the folder writable, or save somewhere else"),
        _ if target.is_dir() => Some("A folder of this name is in its place; move it, or save under another name"),
        K::NotFound | K::NotADirectory => Some("Its folder is gone; bring it back, or save somewhere else"),
        _ => None,
    }
}

/// Puts a file that cannot be understood aside under a name that is free, so that writing a new one loses nothing.
/// Gives that name.
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    let (stem, end) = (path.file_stem().unwrap_or_default(), path.extension().unwrap_or_default());
    let name = |n: u32| {
        let number = if n == 1 { String::new() } else { format!("-{n}") };
        path.with_file_name(format!("{}.damaged{number}.{}", stem.to_string_lossy(), end.to_string_lossy()))
    };
    let free = (1..1000).map(name).find(|p| fs::symlink_metadata(p).is_err());
    let free = free.ok_or_else(|| Error::io(format!("Too many damaged copies lie beside {}", path.display())))?;
    fs::rename(path, &free).io(|| format!("Could not put {} aside", path.display()))?;
    Ok(free)
}

/// Why a path that is no readable file is none: a folder in its place, a link that leads nowhere or in a circle.
/// `None` when there is nothing at all.
pub fn no_file(path: &Path, name: &str) -> Option<Error> {
    fs::symlink_metadata(path).ok()?;
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Some(Error::user(format!("{name} is a folder, not a file"))),
        Ok(meta) if meta.is_file() => None,
        Ok(_) => Some(Error::user(format!("{name} is a pipe, socket or device, not a file"))),
        Err(e) => Some(
            Error::io(format!("Could not read {name}"))
                .because(&e)
                .hint("It is a link; look where it leads with: readlink -f"),
        ),
    }
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

    /// The test runs itself again in a shell that allows no file above eight kilobytes; `FULL` names the file.
    #[test]
    fn a_full_disk_leaves_the_old_file_whole_and_says_what_to_do() {
        const FULL: &str = "ANDON_TEST_FULL_DISK";
        if let Some(path) = std::env::var_os(FULL) {
            let e = write_atomic(Path::new(&path), &vec![b'x'; 1 << 20]).unwrap_err();
            assert!(e.what.starts_with("Could not save ") && e.hint.unwrap().contains("Free some space"));
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n.ipynb");
        fs::write(&path, b"precious").unwrap();
        let me = std::env::current_exe().unwrap();
        let status = std::process::Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact \"$1\" --nocapture"])
            .arg(me)
            .arg("base::fsx::tests::a_full_disk_leaves_the_old_file_whole_and_says_what_to_do")
            .env(FULL, &path)
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no litter");
    }

    #[test]
    fn what_stands_in_the_way_of_a_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("folder/x"), b"kept").unwrap();
        std::os::unix::fs::symlink("circle", at("circle")).unwrap();
        assert_eq!(no_file(&at("nothing"), "nothing"), None);
        assert!(no_file(&at("folder"), "a.toml").unwrap().what.contains("a.toml is a folder"));
        assert!(no_file(&at("circle"), "b.toml").unwrap().to_string().contains("symbolic links"));
        let e = write_atomic(&at("folder"), b"x").unwrap_err();
        assert!(e.hint.unwrap().contains("A folder of this name"));
        assert_eq!(fs::read(at("folder/x")).unwrap(), b"kept");
        assert!(write_atomic(&at("gone/x"), b"x").unwrap_err().hint.unwrap().contains("folder is gone"));
    }

    #[test]
    fn what_is_set_aside_never_replaces_what_was_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.toml");
        for text in ["one", "two"] {
            fs::write(&path, text).unwrap();
            set_aside(&path).unwrap();
        }
        assert_eq!(fs::read(dir.path().join("settings.damaged.toml")).unwrap(), b"one");
        assert_eq!(fs::read(dir.path().join("settings.damaged-2.toml")).unwrap(), b"two");
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

//! Where the owner of a workspace's kernels is found: a private folder with a socket, a lock, a note and a log.
use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

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
    /// That of a workspace. Its folder is made by those who put something there.
    pub fn of(root: &Path) -> Result<Self> {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
        let name = format!("{:016x}", fsx::hash(root.as_os_str().as_encoded_bytes()));
        Ok(Self { dir: base()?.join(name) })
    }
    /// Makes the folder, for this person alone.
    pub fn make(&self) -> Result<()> {
        private(&self.dir)
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
    /// A connection to the owner, if there is one. A socket of somebody else, or one behind which somebody else
    /// listens, is refused.
    pub async fn dial(&self) -> Result<Option<UnixStream>> {
        let socket = self.socket();
        if check(&self.dir)?.is_none() {
            return Ok(None);
        }
        let Ok(meta) = fs::symlink_metadata(&socket) else { return Ok(None) };
        let own = rustix::process::getuid().as_raw();
        let refused = || {
            Error::io(format!("{} is not yours, so it is not spoken with", socket.display()))
                .because_of("another person of this machine could read and run code through it")
                .hint("Remove it, or set XDG_RUNTIME_DIR to a folder of your own")
        };
        if meta.uid() != own || !meta.file_type().is_socket() {
            return Err(refused());
        }
        let Ok(stream) = UnixStream::connect(&socket).await else { return Ok(None) };
        let peer = stream.peer_cred().io(|| format!("Could not tell who listens at {}", socket.display()))?;
        if peer.uid() == own { Ok(Some(stream)) } else { Err(refused()) }
    }
    /// The lock that the one owner of this place holds; none while another process does. The folder is made again when
    /// an owner that ends takes it away meanwhile.
    pub fn take(&self) -> Result<Option<File>> {
        let what = || "Could not open the lock of the kernels' owner".to_owned();
        for _ in 0..100 {
            private(&self.dir)?;
            let lock = match File::create(self.lock()) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                other => other.io(what)?,
            };
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(e)) => return Err(Error::io(what()).because(&e)),
            }
            // The file may have been taken away between the two steps: then the lock is on nothing.
            let id = |m: fs::Metadata| (m.dev(), m.ino());
            let (held, there) = (lock.metadata().ok().map(id), fs::metadata(self.lock()).ok().map(id));
            if held.is_some() && held == there {
                return Ok(Some(lock));
            }
        }
        Err(Error::io(what()).because_of("it is made and removed all the time"))
    }
    /// Takes the folder away with all in it. For whoever holds the lock and has ended, or finds no owner.
    pub fn remove(&self, lock: File) {
        self.clear();
        let _ = fs::remove_file(self.log());
        // Last, so that the next owner begins in a new folder.
        let _ = fs::remove_file(self.lock());
        let _ = fs::remove_dir(&self.dir);
        drop(lock);
    }
    /// Removes the folders of owners that have ended without doing so themselves.
    pub fn sweep(&self) {
        let Ok(all) = Self::all() else { return };
        for place in all.into_iter().filter(|p| p != self && p.lock().exists()) {
            if let Ok(Some(lock)) = place.take() {
                place.remove(lock);
            }
        }
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
    for _ in 0..100 {
        match fs::DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.io(what)?,
        }
        // An owner that ends may take it away at any moment.
        let Some(meta) = check(dir)? else { continue };
        if meta.mode() & 0o077 != 0 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).io(what)?;
        }
        return Ok(());
    }
    Err(Error::io(what()).because_of("it is made and removed all the time"))
}

/// Refuses a folder that is not this person's own; none when there is none.
fn check(dir: &Path) -> Result<Option<fs::Metadata>> {
    let meta = match fs::symlink_metadata(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.io(|| format!("Could not look at {}", dir.display()))?,
    };
    if !meta.is_dir() || meta.uid() != rustix::process::getuid().as_raw() {
        return Err(Error::io(format!("{} is not yours, so kernels are not kept there", dir.display()))
            .hint("Remove it, or set XDG_RUNTIME_DIR to a folder of your own"));
    }
    Ok(Some(meta))
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

    fn dial(place: &Place) -> Result<Option<UnixStream>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(place.dial())
    }

    #[test]
    fn a_socket_of_somebody_else_is_not_spoken_with() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { dir: dir.path().join("p") };
        private(&place.dir).unwrap();
        assert!(dial(&place).unwrap().is_none(), "there is none");
        let listener = std::os::unix::net::UnixListener::bind(place.socket()).unwrap();
        assert!(dial(&place).unwrap().is_some());
        if rustix::process::getuid().is_root() {
            std::os::unix::fs::lchown(place.socket(), Some(65534), Some(65534)).unwrap();
            let error = dial(&place).unwrap_err();
            assert!(error.what.contains("is not yours") && error.hint.is_some(), "{error}");
            // The folder, too: nothing is made in it.
            std::os::unix::fs::chown(&place.dir, Some(65534), Some(65534)).unwrap();
            assert!(place.take().unwrap_err().what.contains("not yours"));
        }
        drop(listener);
        let link = Place { dir: dir.path().join("q") };
        private(&link.dir).unwrap();
        std::os::unix::fs::symlink(place.socket(), link.socket()).unwrap();
        assert!(dial(&link).unwrap_err().what.contains("is not yours"));
    }

    #[test]
    fn one_process_has_a_place_and_takes_the_folder_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { dir: dir.path().join("p") };
        let lock = place.take().unwrap().unwrap();
        assert!(place.take().unwrap().is_none(), "it is taken");
        fs::write(place.socket(), "").unwrap();
        fs::write(place.log(), "words").unwrap();
        place.remove(lock);
        assert!(!place.dir.exists());
        // Owners that come and go at once never have it together.
        let together = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let work = || {
                    for _ in 0..200 {
                        if let Some(lock) = place.take().unwrap() {
                            assert_eq!(together.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                            std::thread::yield_now();
                            together.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                            place.remove(lock);
                        }
                    }
                };
                std::thread::Builder::new().spawn_scoped(scope, work).unwrap();
            }
        });
        assert!(!place.dir.exists());
    }

    #[test]
    fn workspaces_have_places_of_their_own_and_sockets_have_short_paths() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, b) = (Place::of(a.path()).unwrap(), Place::of(b.path()).unwrap());
        assert_ne!(a.socket(), b.socket());
        assert!(a.socket().as_os_str().len() < LONGEST);
        assert!(!a.dir.exists(), "asking for a place makes none");
        a.make().unwrap();
        assert_eq!(fs::metadata(&a.dir).unwrap().mode() & 0o777, 0o700);
        fs::remove_dir(a.dir).unwrap();
    }
}

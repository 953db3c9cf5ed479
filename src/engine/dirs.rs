//! Where Andon keeps what belongs to the person rather than to a workspace.
use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::base::{Result, error::Context};

/// The person's folders, by the XDG base directory rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// Copied samples, the list of recent and trusted workspaces.
    pub data: PathBuf,
    /// settings.toml, themes/.
    pub config: PathBuf,
    /// What can be made again.
    pub cache: PathBuf,
}

impl Dirs {
    /// From the environment: `ANDON_HOME` puts all three below one folder (portable use, tests).
    pub fn from_env() -> Self {
        if let Some(home) = env::var_os("ANDON_HOME").map(PathBuf::from) {
            return Self::below(&home);
        }
        let home = env::home_dir().unwrap_or_else(|| PathBuf::from("."));
        let pick = |var: &str, rest: &str| {
            env::var_os(var)
                .map(PathBuf::from)
                .filter(|p| p.is_absolute())
                .unwrap_or_else(|| home.join(rest))
                .join("andon")
        };
        Self {
            data: pick("XDG_DATA_HOME", ".local/share"),
            config: pick("XDG_CONFIG_HOME", ".config"),
            cache: pick("XDG_CACHE_HOME", ".cache"),
        }
    }
    /// Where other programs keep the person's settings: `~/.config`, whatever ANDON_HOME says.
    pub fn config_home() -> PathBuf {
        let set = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
        set.unwrap_or_else(|| env::home_dir().unwrap_or_else(|| PathBuf::from(".")).join(".config"))
    }
    /// The first program called `name` on the search path.
    pub fn on_path(name: &str) -> Option<PathBuf> {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).map(|d| d.join(name)).find(|p| is_program(p))
    }
    /// This program's own file.
    pub fn program() -> Option<PathBuf> {
        env::current_exe().ok()
    }
    /// The person's home folder.
    pub fn home() -> Option<PathBuf> {
        env::home_dir()
    }
    /// All three below one folder.
    pub fn below(home: &Path) -> Self {
        Self { data: home.join("data"), config: home.join("config"), cache: home.join("cache") }
    }
    /// Makes the folders.
    pub fn create(&self) -> Result<()> {
        for dir in [&self.data, &self.config, &self.cache] {
            fs::create_dir_all(dir).io(|| format!("Could not make the folder {}", dir.display()))?;
        }
        Ok(())
    }
}

/// True for a file that may be run.
#[cfg(unix)]
pub fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// True for a file that may be run.
#[cfg(not(unix))]
pub fn is_program(path: &Path) -> bool {
    path.is_file()
}

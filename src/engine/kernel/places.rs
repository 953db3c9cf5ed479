//! Where Pythons are, and what an environment's own files say about it without running it.
//!
//! Environments of folders from elsewhere are read here, never started: looking must be safe.
use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
};

use super::discover::children;
use crate::model::kernel::{EnvKind, Interpreter, Origin};

/// Left in an environment while it is being made.
pub(super) const UNFINISHED: &str = "andon-unfinished";

/// Names of a workspace's own environments that are looked for first; any other folder with a pyvenv.cfg counts, too.
const USUAL: &[&str] = &[".venv", "venv", "env", ".env", ".andon/venv", ".conda", ".pixi/envs/default"];

/// A Python that may be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub python: PathBuf,
    /// Folder of the environment, when its files tell all there is to know.
    pub env: Option<PathBuf>,
    pub origin: Origin,
    pub kind: EnvKind,
}

/// Interpreters worth knowing, best first.
pub(super) fn candidates(root: Option<&Path>) -> Vec<Place> {
    let mut all = All::default();
    if let Some(root) = root {
        for name in USUAL {
            all.env(&root.join(name), Origin::Workspace, EnvKind::Venv);
        }
        for folder in children(root).into_iter().rev().chain(children(&root.join(".pixi/envs"))) {
            if is_environment(&folder) {
                all.env(&folder, Origin::Workspace, EnvKind::Venv);
            }
        }
    }
    for var in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        if let Some(prefix) = env::var_os(var) {
            all.env(Path::new(&prefix), Origin::Active, EnvKind::Venv);
        }
    }
    let home = env::home_dir().unwrap_or_default();
    conda(&mut all, &home);
    let named = |var: &str, usual: &str| env::var_os(var).map_or_else(|| home.join(usual), PathBuf::from);
    let mut shelves = vec![
        named("WORKON_HOME", ".virtualenvs"),
        home.join(".local/share/virtualenvs"),
        home.join(".cache/pypoetry/virtualenvs"),
        home.join("Library/Caches/pypoetry/virtualenvs"),
        home.join(".venvs"),
    ];
    shelves.extend(children(&home.join(".local/share/hatch/env/virtual")).iter().flat_map(|p| children(p)));
    for env in shelves.iter().flat_map(|s| children(s)) {
        all.env(&env, Origin::User, EnvKind::Venv);
    }
    let pyenv = named("PYENV_ROOT", ".pyenv");
    for version in children(&pyenv.join("versions")) {
        all.env(&version, Origin::User, EnvKind::Pyenv);
    }
    for version in children(&named("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python")) {
        all.python(python_in(&version), Origin::User, EnvKind::Uv);
    }
    let shims = pyenv.join("shims");
    for dir in env::split_paths(&env::var_os("PATH").unwrap_or_default()) {
        // Shims only start one of the versions found above, slowly.
        if dir == shims || dir.as_os_str().is_empty() || dir.is_relative() {
            continue;
        }
        on_path(&mut all, &dir, Origin::Path);
    }
    for dir in ["/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"] {
        on_path(&mut all, Path::new(dir), Origin::System);
    }
    all.places
}

#[derive(Default)]
struct All {
    places: Vec<Place>,
    seen: HashSet<PathBuf>,
}

impl All {
    /// An environment, or an installation that has no files to read and must be asked.
    fn env(&mut self, folder: &Path, origin: Origin, kind: EnvKind) {
        // Programs that pipx and uv installed for their own use are no places to work in.
        let own = |name: &str| folder.components().any(|c| c.as_os_str() == name);
        if own("pipx") || folder.ends_with("uv/tools") || !self.seen.insert(folder.to_path_buf()) {
            return;
        }
        let kind = match () {
            () if folder.join("pyvenv.cfg").is_file() => {
                if config(folder, "uv").is_some() {
                    EnvKind::Uv
                } else {
                    EnvKind::Venv
                }
            }
            () if folder.join("conda-meta").is_dir() => EnvKind::Conda,
            () if origin == Origin::Workspace => return,
            () => {
                self.python(python_in(folder), origin, kind);
                return;
            }
        };
        let python = python_in(folder);
        self.places.push(Place { python, env: Some(folder.to_path_buf()), origin, kind });
    }
    fn python(&mut self, python: PathBuf, origin: Origin, kind: EnvKind) {
        if python.is_file() && self.seen.insert(python.clone()) {
            self.places.push(Place { python, env: None, origin, kind });
        }
    }
}

fn on_path(all: &mut All, dir: &Path, origin: Origin) {
    // The Python of an activated environment is known from the environment itself.
    if let Some(env) = dir.parent().filter(|p| is_environment(p)) {
        all.env(env, origin, EnvKind::Venv);
        return;
    }
    let names = ["python3".to_owned(), "python".to_owned()];
    for name in names.into_iter().chain((9..=16).rev().map(|minor| format!("python3.{minor}"))) {
        all.python(dir.join(name), origin, EnvKind::System);
    }
}

/// conda, mamba and micromamba: their own list, their usual places, and what their variables name.
fn conda(all: &mut All, home: &Path) {
    let listed = fs::read_to_string(home.join(".conda/environments.txt")).unwrap_or_default();
    for line in listed.lines().map(str::trim).filter(|l| !l.is_empty()) {
        all.env(Path::new(line), Origin::User, EnvKind::Conda);
    }
    let mut bases: Vec<PathBuf> = ["miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".mamba"]
        .iter()
        .flat_map(|name| [home.join(name), Path::new("/opt").join(name)])
        .chain([PathBuf::from("/opt/conda")])
        .collect();
    bases.extend(env::var_os("MAMBA_ROOT_PREFIX").map(PathBuf::from));
    let exe = env::var_os("CONDA_EXE").map(PathBuf::from);
    bases.extend(exe.as_deref().and_then(Path::parent).and_then(Path::parent).map(Path::to_path_buf));
    let mut shelves: Vec<PathBuf> = bases.iter().map(|b| b.join("envs")).chain([home.join(".conda/envs")]).collect();
    for var in ["CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"] {
        shelves.extend(env::var_os(var).iter().flat_map(env::split_paths));
    }
    for env in shelves.iter().flat_map(|s| children(s)).chain(bases) {
        if env.join("conda-meta").is_dir() {
            all.env(&env, Origin::User, EnvKind::Conda);
        }
    }
}

pub(super) fn python_in(env: &Path) -> PathBuf {
    if cfg!(windows) {
        return env.join("Scripts").join("python.exe");
    }
    let plain = env.join("bin/python");
    // What uv and pyenv install may have the versioned name alone.
    if plain.is_file() { plain } else { [env.join("bin/python3")].into_iter().find(|p| p.is_file()).unwrap_or(plain) }
}

fn is_environment(folder: &Path) -> bool {
    folder.join("pyvenv.cfg").is_file() || folder.join("conda-meta").is_dir()
}

/// A value of pyvenv.cfg.
fn config(env: &Path, key: &str) -> Option<String> {
    let text = fs::read_to_string(env.join("pyvenv.cfg")).ok()?;
    text.lines().find_map(|l| {
        let (k, v) = l.split_once('=')?;
        (k.trim() == key).then(|| v.trim().to_owned())
    })
}

/// The folder of the base's Python, for an environment that sees the base's packages.
pub(super) fn shared_base(env: &Path) -> Option<PathBuf> {
    let shared = config(env, "include-system-site-packages")?.eq_ignore_ascii_case("true");
    config(env, "home").filter(|_| shared).map(PathBuf::from)
}

/// What the files of an environment say.
pub(super) fn read(env: &Path, place: &Place) -> Result<Interpreter, String> {
    if env.join(UNFINISHED).is_file() {
        return Err("is an environment that was not finished: create it again at the same place".into());
    }
    if !place.python.is_file() {
        let home = config(env, "home").map(|h| format!(" ({h})")).unwrap_or_default();
        return Err(match fs::symlink_metadata(&place.python) {
            Ok(_) => format!("the Python it was made from{home} is gone: create the environment again"),
            Err(_) => "the environment has no Python".into(),
        });
    }
    let lib = libraries(env);
    let version = config(env, "version").or_else(|| config(env, "version_info")).or_else(|| conda_version(env));
    let version = version.or_else(|| {
        let name = lib.first()?.parent()?.file_name()?.to_string_lossy().into_owned();
        name.strip_prefix("python").map(str::to_owned)
    });
    // `3.12.4.final.0`, as virtualenv writes it.
    let version: Vec<String> =
        version.unwrap_or_default().split('.').take_while(|p| p.parse::<u32>().is_ok()).map(str::to_owned).collect();
    Ok(Interpreter {
        path: place.python.clone(),
        version: version.into_iter().take(3).collect::<Vec<_>>().join("."),
        prefix: env.to_path_buf(),
        is_venv: place.kind != EnvKind::Conda,
        kind: place.kind,
        ipykernel: lib.iter().find_map(|l| installed(l, "ipykernel")),
        origin: place.origin,
    })
}

/// Its folders of packages.
fn libraries(env: &Path) -> Vec<PathBuf> {
    if cfg!(windows) {
        return vec![env.join("Lib/site-packages")];
    }
    let versions = ["lib", "lib64"].iter().flat_map(|lib| children(&env.join(lib)));
    versions.map(|v| v.join("site-packages")).filter(|p| p.is_dir()).collect()
}

/// Version of a package by the folder of its metadata.
fn installed(library: &Path, package: &str) -> Option<String> {
    let list = fs::read_dir(library).ok()?;
    let names = list.flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    names.into_iter().find_map(|name| {
        let (found, version) = name.strip_suffix(".dist-info")?.split_once('-')?;
        (found == package).then(|| version.to_owned())
    })
}

/// conda notes each package in a file named by it.
fn conda_version(env: &Path) -> Option<String> {
    let list = fs::read_dir(env.join("conda-meta")).ok()?;
    list.flatten().find_map(|e| {
        let name = e.file_name().to_string_lossy().into_owned();
        let (version, _) = name.strip_prefix("python-")?.split_once('-')?;
        version.contains('.').then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn venv(dir: &Path, name: &str, cfg: &str, packages: &[&str]) -> PathBuf {
        let env = dir.join(name);
        fs::create_dir_all(env.join("bin")).unwrap();
        fs::write(env.join("bin/python"), "").unwrap();
        fs::write(env.join("pyvenv.cfg"), cfg).unwrap();
        let lib = env.join("lib/python3.12/site-packages");
        fs::create_dir_all(&lib).unwrap();
        for package in packages {
            fs::create_dir_all(lib.join(format!("{package}.dist-info"))).unwrap();
        }
        env
    }

    fn workspace(dir: &Path) -> Vec<(String, Result<Interpreter, String>)> {
        let places = candidates(Some(dir)).into_iter().filter(|p| p.origin == Origin::Workspace);
        places
            .map(|p| {
                let env = p.env.clone().unwrap();
                (env.strip_prefix(dir).unwrap().to_string_lossy().into_owned(), read(&env, &p))
            })
            .collect()
    }

    #[test]
    fn environments_are_read_without_running_anything_of_them() {
        let dir = tempfile::tempdir().unwrap();
        venv(dir.path(), ".venv", "home = /usr/bin\nversion = 3.12.4\n", &["ipykernel-7.4.0", "pip-25.0"]);
        venv(dir.path(), "other", "version_info = 3.11.9.final.0\nuv = 0.9.1\n", &["ipykernel_launcher-1.0"]);
        fs::create_dir_all(dir.path().join("src/deep")).unwrap();
        let all = workspace(dir.path());
        assert_eq!(all.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), [".venv", "other"]);
        let (first, second) = (all[0].1.as_ref().unwrap(), all[1].1.as_ref().unwrap());
        assert_eq!((first.version.as_str(), first.ipykernel.as_deref()), ("3.12.4", Some("7.4.0")));
        assert_eq!((second.version.as_str(), second.ipykernel.as_deref(), second.kind), ("3.11.9", None, EnvKind::Uv));
    }

    #[test]
    fn a_conda_environment_tells_its_version_by_its_packages() {
        let dir = tempfile::tempdir().unwrap();
        let env = dir.path().join(".conda");
        fs::create_dir_all(env.join("conda-meta")).unwrap();
        fs::create_dir_all(env.join("bin")).unwrap();
        fs::create_dir_all(env.join("lib/python3.10/site-packages/ipykernel-6.29.5.dist-info")).unwrap();
        fs::write(env.join("bin/python"), "").unwrap();
        fs::write(env.join("conda-meta/python-dateutil-2.9.0-py_0.json"), "{}").unwrap();
        fs::write(env.join("conda-meta/python-3.10.14-h955ad1f_1.json"), "{}").unwrap();
        let all = workspace(dir.path());
        let found = all[0].1.as_ref().unwrap();
        assert_eq!((found.version.as_str(), found.kind, found.is_venv), ("3.10.14", EnvKind::Conda, false));
        assert_eq!(found.ipykernel.as_deref(), Some("6.29.5"));
    }

    #[cfg(unix)]
    #[test]
    fn broken_and_unfinished_environments_say_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let gone = venv(dir.path(), ".venv", "home = /opt/python3.8/bin\nversion = 3.8.1\n", &[]);
        fs::remove_file(gone.join("bin/python")).unwrap();
        std::os::unix::fs::symlink("/no/such/python", gone.join("bin/python")).unwrap();
        let half = venv(dir.path(), "venv", "version = 3.12.1\n", &[]);
        fs::write(half.join(UNFINISHED), "").unwrap();
        let all = workspace(dir.path());
        assert!(all[0].1.as_ref().unwrap_err().contains("/opt/python3.8/bin"), "{all:?}");
        assert!(all[1].1.as_ref().unwrap_err().contains("not finished"), "{all:?}");
    }

    #[test]
    fn an_environment_over_its_bases_packages_names_the_base() {
        let dir = tempfile::tempdir().unwrap();
        let shared = venv(dir.path(), "a", "home = /usr/bin\ninclude-system-site-packages = True\n", &[]);
        let own = venv(dir.path(), "b", "home = /usr/bin\ninclude-system-site-packages = false\n", &[]);
        assert_eq!(shared_base(&shared), Some(PathBuf::from("/usr/bin")));
        assert_eq!(shared_base(&own), None);
    }
}

//! Finds kernels: kernelspecs in Jupyter's folders, and Pythons that can import ipykernel. Needs no `jupyter` on PATH.
use std::{
    collections::{BTreeMap, HashSet},
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    base::{Result, fsx, job::JobCtx},
    model::kernel::{Discovery, Interpreter, InterruptMode, KernelSpec, Origin},
};

/// How long an interpreter may take to say who it is.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

const PROBE: &str = "import sys, json\n\
try:\n    from importlib.metadata import version\n    k = version('ipykernel')\n\
except Exception:\n    k = None\n\
print(json.dumps({'version': '.'.join(map(str, sys.version_info[:3])), 'executable': sys.executable, \
'prefix': sys.prefix, 'base': getattr(sys, 'base_prefix', sys.prefix), 'ipykernel': k}))";

/// What an interpreter said, kept while its file and its environment's packages are unchanged.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    stamp: u64,
    version: String,
    executable: PathBuf,
    prefix: PathBuf,
    base: PathBuf,
    ipykernel: Option<String>,
}

/// Finds everything; see [`super::Kernels::discover`].
pub(super) fn discover(root: Option<&Path>, cache: &Path, refresh: bool, cx: &JobCtx) -> Result<Discovery> {
    let mut known: BTreeMap<PathBuf, Known> =
        fs::read(cache).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
    let before = serde_json::to_string(&known).unwrap_or_default();
    let mut found = Discovery::default();
    let mut seen = HashSet::new();
    for (path, origin) in candidates(root) {
        cx.check()?;
        cx.progress(None, format!("Asking {}", path.display()));
        match ask(&path, &mut known, refresh) {
            Ok(k) => {
                // One environment has several names for its Python; the first one stands for all.
                if seen.insert(k.prefix.clone()) {
                    found.interpreters.push(Interpreter {
                        path: if k.prefix == k.base { k.executable } else { path },
                        version: k.version,
                        is_venv: k.prefix != k.base,
                        prefix: k.prefix,
                        ipykernel: k.ipykernel,
                        origin,
                    });
                }
            }
            Err(why) => found.problems.push(format!("{}: {why}", path.display())),
        }
    }
    let after = serde_json::to_string(&known).unwrap_or_default();
    if before != after
        && let Some(dir) = cache.parent()
        && fs::create_dir_all(dir).is_ok()
    {
        // A cache that cannot be written only costs time.
        let _ = fsx::write_atomic(cache, after.as_bytes());
    }
    let pythons = found.interpreters.iter().filter(|i| i.ipykernel.is_some());
    found.kernels = pythons.map(|i| python_kernel(i, root)).collect();
    for (dir, origin) in kernelspec_dirs(&found.interpreters) {
        specs_in(&dir, origin, &mut found);
    }
    found.kernels.sort_by_key(|k| k.origin);
    let mut ids = HashSet::new();
    found.kernels.retain(|k| ids.insert(k.id.clone()));
    Ok(found)
}

fn python_kernel(python: &Interpreter, root: Option<&Path>) -> KernelSpec {
    let path = python.path.to_string_lossy().into_owned();
    let short: Vec<&str> = python.version.split('.').take(2).collect();
    let place = match root.and_then(|r| python.prefix.strip_prefix(r).ok()) {
        Some(inside) => inside.to_string_lossy().into_owned(),
        None if python.is_venv => python.prefix.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        None => home_relative(&python.path),
    };
    KernelSpec {
        id: path.clone(),
        name: "python3".into(),
        display_name: format!("Python {} ({place})", short.join(".")),
        language: "python".into(),
        argv: [path.as_str(), "-m", "ipykernel_launcher", "-f", "{connection_file}"].map(str::to_owned).into(),
        env: BTreeMap::new(),
        interrupt: InterruptMode::Signal,
        origin: python.origin,
        version: Some(python.version.clone()),
        python: Some(python.path.clone()),
        resource_dir: None,
    }
}

fn home_relative(path: &Path) -> String {
    match env::home_dir().and_then(|h| path.strip_prefix(h).ok().map(Path::to_path_buf)) {
        Some(inside) => format!("~/{}", inside.display()),
        None => path.display().to_string(),
    }
}

/// Interpreters worth asking, best first.
fn candidates(root: Option<&Path>) -> Vec<(PathBuf, Origin)> {
    let mut all = Vec::new();
    let mut add = |path: PathBuf, origin| {
        if path.is_file() {
            all.push((path, origin));
        }
    };
    if let Some(root) = root {
        for name in [".venv", "venv", "env", ".env", ".andon/venv", ".conda", ".pixi/envs/default"] {
            add(python_in(&root.join(name)), Origin::Workspace);
        }
    }
    for var in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        if let Some(prefix) = env::var_os(var) {
            add(python_in(Path::new(&prefix)), Origin::Active);
        }
    }
    let home = env::home_dir().unwrap_or_default();
    let pyenv = env::var_os("PYENV_ROOT").map_or_else(|| home.join(".pyenv"), PathBuf::from);
    let mut envs = children(&pyenv.join("versions"));
    for conda in ["miniconda3", "anaconda3", "miniforge3", "mambaforge"] {
        let base = home.join(conda);
        envs.extend(children(&base.join("envs")));
        envs.push(base);
    }
    let listed = fs::read_to_string(home.join(".conda/environments.txt")).unwrap_or_default();
    envs.extend(listed.lines().filter(|l| !l.trim().is_empty()).map(PathBuf::from));
    envs.extend(children(&home.join(".virtualenvs")));
    for env in &envs {
        add(python_in(env), Origin::User);
    }
    let shims = pyenv.join("shims");
    for dir in env::split_paths(&env::var_os("PATH").unwrap_or_default()) {
        // Shims only start one of the versions found above, slowly.
        if dir == shims {
            continue;
        }
        for name in ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"] {
            add(dir.join(name), Origin::Path);
        }
    }
    all
}

fn python_in(env: &Path) -> PathBuf {
    if cfg!(windows) { env.join("Scripts").join("python.exe") } else { env.join("bin").join("python") }
}

/// Folders in a folder, in the order of their names, newest version first.
fn children(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    all.sort();
    all.reverse();
    all
}

/// Changes whenever the interpreter or what is installed beside it changes.
fn stamp(python: &Path) -> u64 {
    let mtime = |p: &Path| {
        let time = fs::metadata(p).and_then(|m| m.modified()).ok()?;
        time.duration_since(UNIX_EPOCH).ok().map(|d| d.as_nanos() as u64)
    };
    let mut sum = mtime(python).unwrap_or(0);
    if let Some(env) = python.parent().and_then(Path::parent) {
        for lib in children(&env.join("lib")) {
            for packages in ["site-packages", "dist-packages"] {
                sum = sum.rotate_left(7) ^ mtime(&lib.join(packages)).unwrap_or(0);
            }
        }
    }
    sum
}

fn ask(python: &Path, known: &mut BTreeMap<PathBuf, Known>, refresh: bool) -> Result<Known, String> {
    let stamp = stamp(python);
    if !refresh && let Some(k) = known.get(python).filter(|k| k.stamp == stamp) {
        return Ok(k.clone());
    }
    let answer = probe(python)?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let k = Known {
        stamp,
        version: text("version"),
        executable: text("executable").into(),
        prefix: text("prefix").into(),
        base: text("base").into(),
        ipykernel: answer.get("ipykernel").and_then(Value::as_str).map(str::to_owned),
    };
    known.insert(python.to_path_buf(), k.clone());
    Ok(k)
}

/// Runs the interpreter without its startup files and reads one line of JSON.
fn probe(python: &Path) -> Result<Value, String> {
    let mut child = Command::new(python)
        .args(["-c", PROBE])
        .env_remove("PYTHONSTARTUP")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < PROBE_PATIENCE => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err("did not answer".into());
            }
            Err(e) => return Err(e.to_string()),
        }
    };
    let mut text = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut text).map_err(|e| e.to_string())?;
    }
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|_| format!("is no usable Python ({status})"))
}

/// Jupyter's data folders, by its own rules: JUPYTER_PATH, the person's, the environments', the system's.
fn kernelspec_dirs(pythons: &[Interpreter]) -> Vec<(PathBuf, Origin)> {
    let mut all: Vec<(PathBuf, Origin)> = Vec::new();
    let mut add = |dir: PathBuf, origin| {
        let dir = dir.join("kernels");
        if dir.is_dir() && !all.iter().any(|(d, _)| *d == dir) {
            all.push((dir, origin));
        }
    };
    if let Some(list) = env::var_os("JUPYTER_PATH") {
        env::split_paths(&list).for_each(|dir| add(dir, Origin::User));
    }
    let home = env::home_dir().unwrap_or_default();
    if let Some(dir) = env::var_os("JUPYTER_DATA_DIR") {
        add(dir.into(), Origin::User);
    } else if cfg!(target_os = "macos") {
        add(home.join("Library/Jupyter"), Origin::User);
    } else {
        let data = env::var_os("XDG_DATA_HOME").map_or_else(|| home.join(".local/share"), PathBuf::from);
        add(data.join("jupyter"), Origin::User);
    }
    for python in pythons {
        add(python.prefix.join("share/jupyter"), python.origin);
    }
    add("/usr/local/share/jupyter".into(), Origin::System);
    add("/usr/share/jupyter".into(), Origin::System);
    all
}

#[derive(Deserialize)]
struct KernelJson {
    argv: Vec<String>,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    interrupt_mode: Option<String>,
}

fn specs_in(dir: &Path, origin: Origin, found: &mut Discovery) {
    for folder in children(dir).into_iter().rev() {
        let file = folder.join("kernel.json");
        let Ok(bytes) = fs::read(&file) else { continue };
        let json: KernelJson = match serde_json::from_slice(&bytes) {
            Ok(json) => json,
            Err(e) => {
                found.problems.push(format!("{}: {e}", file.display()));
                continue;
            }
        };
        let spec = spec(&folder, json, origin, &found.interpreters);
        match spec {
            Ok(spec) if found.kernels.iter().any(|k| same_python(k, &spec)) => {}
            Ok(spec) => found.kernels.push(spec),
            Err(why) => found.problems.push(format!("{}: {why}", file.display())),
        }
    }
}

/// True when a kernelspec only says again what is known of an interpreter.
fn same_python(a: &KernelSpec, b: &KernelSpec) -> bool {
    a.python.is_some() && a.python == b.python && b.env.is_empty()
}

fn spec(folder: &Path, json: KernelJson, origin: Origin, pythons: &[Interpreter]) -> Result<KernelSpec, String> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut argv = json.argv;
    let program = argv.first().cloned().ok_or("its command line is empty")?;
    let bare = Path::new(&program).components().count() == 1;
    let is_python = program.rsplit(['/', '\\']).next().is_some_and(|p| p.starts_with("python"));
    let mut python = None;
    if is_python && json.language == "python" {
        // A bare `python` means the environment the spec lies in, not whichever is first on PATH.
        let owner = pythons.iter().find(|p| folder.starts_with(&p.prefix));
        let resolved = match owner {
            Some(owner) if bare => owner.path.clone(),
            _ if bare => find_on_path(&program).ok_or_else(|| format!("{program} is not on PATH"))?,
            _ => PathBuf::from(&program),
        };
        if !resolved.is_file() {
            return Err(format!("{} does not exist", resolved.display()));
        }
        if let Some(first) = argv.first_mut() {
            *first = resolved.to_string_lossy().into_owned();
        }
        if argv.iter().any(|a| a.starts_with("ipykernel")) {
            let known = pythons.iter().find(|p| p.path == resolved || same_file(&p.path, &resolved));
            if known.is_some_and(|p| p.ipykernel.is_none()) {
                return Err(format!("{} has no ipykernel", resolved.display()));
            }
            python = Some(known.map_or(resolved, |p| p.path.clone()));
        }
    } else if bare && find_on_path(&program).is_none() {
        return Err(format!("{program} is not on PATH"));
    } else if !bare && !program.starts_with('{') && !Path::new(&program).is_file() {
        return Err(format!("{program} does not exist"));
    }
    let interrupt =
        if json.interrupt_mode.as_deref() == Some("message") { InterruptMode::Message } else { InterruptMode::Signal };
    Ok(KernelSpec {
        id: folder.to_string_lossy().into_owned(),
        display_name: if json.display_name.is_empty() { name.clone() } else { json.display_name },
        name,
        language: json.language,
        argv,
        env: json.env,
        interrupt,
        origin,
        version: None,
        python,
        resource_dir: Some(folder.to_path_buf()),
    })
}

fn same_file(a: &Path, b: &Path) -> bool {
    // The interpreter of a virtual environment is a link to the base one, so only the folders tell them apart.
    let dir = |p: &Path| p.parent().and_then(|d| fs::canonicalize(d).ok());
    dir(a).is_some() && dir(a) == dir(b)
}

fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|d| d.join(program)).find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_spec(dir: &Path, name: &str, json: &str) -> PathBuf {
        let folder = dir.join("kernels").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("kernel.json"), json).unwrap();
        folder
    }

    #[test]
    fn a_bare_python_means_the_environment_it_lies_in() {
        let dir = tempfile::tempdir().unwrap();
        let env = dir.path().join("venv");
        fs::create_dir_all(env.join("bin")).unwrap();
        fs::write(env.join("bin/python"), "").unwrap();
        let share = env.join("share/jupyter");
        let folder = write_spec(
            &share,
            "python3",
            r#"{"argv":["python","-m","other_kernel","-f","{connection_file}"],"display_name":"P","language":"python"}"#,
        );
        let python = Interpreter {
            path: env.join("bin/python"),
            version: "3.12.1".into(),
            prefix: env.clone(),
            is_venv: true,
            ipykernel: Some("7".into()),
            origin: Origin::User,
        };
        let json = serde_json::from_slice(&fs::read(folder.join("kernel.json")).unwrap()).unwrap();
        let spec = spec(&folder, json, Origin::User, &[python]).unwrap();
        assert_eq!(spec.argv[0], env.join("bin/python").to_string_lossy());
        assert_eq!(spec.name, "python3");
    }

    #[test]
    fn specs_that_cannot_work_are_told_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        write_spec(dir.path(), "broken", "{");
        write_spec(dir.path(), "gone", r#"{"argv":["/no/such/thing"],"language":"x"}"#);
        write_spec(
            dir.path(),
            "fine",
            r#"{"argv":["sh","-c","x {connection_file}"],"display_name":"Shell","language":"bash","interrupt_mode":"message"}"#,
        );
        let mut found = Discovery::default();
        specs_in(&dir.path().join("kernels"), Origin::User, &mut found);
        assert_eq!(found.kernels.len(), 1);
        assert_eq!(found.kernels[0].interrupt, InterruptMode::Message);
        assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
        assert!(found.problems[1].contains("/no/such/thing does not exist"));
    }
}

//! Finds kernels: kernelspecs in Jupyter's folders, and Pythons that can import ipykernel. Needs no `jupyter` on PATH.
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::places::{self, Place};
use crate::{
    base::{Result, fsx, job::JobCtx},
    model::kernel::{Discovery, EnvKind, Interpreter, InterruptMode, KernelSpec, Origin},
};

/// How long an interpreter may take to say who it is.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

const PROBE: &str = "import sys, json\n\
try:\n    from importlib.metadata import version\n    k = version('ipykernel')\n\
except Exception:\n    k = None\n\
print(json.dumps({'version': '.'.join(map(str, sys.version_info[:3])), 'executable': sys.executable, \
'prefix': sys.prefix, 'base': getattr(sys, 'base_prefix', sys.prefix), 'ipykernel': k}))";

/// Interpreters that are asked at the same time.
const ASKED_AT_ONCE: usize = 4;

/// What an interpreter said, kept while its file and its environment's packages are unchanged.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    stamp: u64,
    version: String,
    executable: PathBuf,
    prefix: PathBuf,
    base: PathBuf,
    ipykernel: Option<String>,
    /// Why it did not answer; asked again once its file changes or somebody looks anew.
    #[serde(default)]
    problem: Option<String>,
}

/// Finds everything; see [`super::Kernels::discover`].
pub(super) fn discover(root: Option<&Path>, cache: &Path, refresh: bool, cx: &JobCtx) -> Result<Discovery> {
    let mut known: BTreeMap<PathBuf, Known> =
        fs::read(cache).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
    let mut found = Discovery::default();
    let candidates = places::candidates(root);
    ask_all(&candidates, &mut known, cache, refresh, cx)?;
    let mut seen = HashSet::new();
    for place in &candidates {
        cx.check()?;
        match read_or_known(place, &known) {
            // One environment has several names for its Python; the first one stands for all.
            Ok(python) => {
                if seen.insert((python.prefix.clone(), python.version.clone())) {
                    found.interpreters.push(python);
                }
            }
            Err(why) => found.problems.push(format!("{}: {why}", place.python.display())),
        }
    }
    lend_packages(&candidates, &known, &mut found.interpreters);
    let pythons = found.interpreters.iter().filter(|i| i.ipykernel.is_some());
    found.kernels = pythons.map(|i| python_kernel(i, root)).collect();
    for (dir, origin) in kernelspec_dirs(&found.interpreters) {
        specs_in(&dir, origin, &mut found);
    }
    found.kernels.sort_by_key(|k| k.origin);
    let mut ids = HashSet::new();
    found.kernels.retain(|k| ids.insert(k.id.clone()));
    found.problems.dedup();
    Ok(found)
}

/// Environments are read from their files, which is quick and runs nothing of theirs; other Pythons were asked.
fn read_or_known(place: &Place, known: &BTreeMap<PathBuf, Known>) -> Result<Interpreter, String> {
    if let Some(env) = &place.env {
        return places::read(env, place);
    }
    let k = known.get(&place.python).ok_or("was not asked")?;
    if let Some(problem) = &k.problem {
        return Err(problem.clone());
    }
    let is_venv = k.prefix != k.base;
    Ok(Interpreter {
        path: if is_venv { place.python.clone() } else { k.executable.clone() },
        version: k.version.clone(),
        is_venv,
        kind: if is_venv { EnvKind::Venv } else { place.kind },
        prefix: k.prefix.clone(),
        ipykernel: k.ipykernel.clone(),
        origin: place.origin,
    })
}

/// Asks the Pythons that have to be run to be known: a few at once, and only those that changed since the last time.
fn ask_all(
    candidates: &[Place],
    known: &mut BTreeMap<PathBuf, Known>,
    cache: &Path,
    refresh: bool,
    cx: &JobCtx,
) -> Result<()> {
    let wanted: BTreeSet<PathBuf> = candidates.iter().filter(|p| p.env.is_none()).map(|p| p.python.clone()).collect();
    let mut open: Vec<(PathBuf, u64)> = wanted.iter().map(|p| (p.clone(), stamp(p))).collect();
    open.retain(|(path, stamp)| refresh || known.get(path).is_none_or(|k| k.stamp != *stamp));
    if open.is_empty() {
        return Ok(());
    }
    let total = open.len();
    let todo = Mutex::new(open);
    let answers = Mutex::new(Vec::new());
    let lock = || answers.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        for _ in 0..ASKED_AT_ONCE.min(total) {
            scope.spawn(|| {
                while !cx.cancel.is_cancelled() {
                    let next = todo.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    let Some((path, stamp)) = next else { return };
                    let share = lock().len() as f32 / total as f32;
                    cx.progress(Some(share), format!("Asking {}", path.display()));
                    let answer = ask(&path, stamp);
                    lock().push((path, answer));
                }
            });
        }
    });
    cx.check()?;
    known.extend(answers.into_inner().unwrap_or_else(PoisonError::into_inner));
    known.retain(|path, _| wanted.contains(path) || path.is_file());
    if let Some(dir) = cache.parent()
        && fs::create_dir_all(dir).is_ok()
        && let Ok(text) = serde_json::to_vec(&*known)
    {
        // A cache that cannot be written only costs time.
        let _ = fsx::write_atomic(cache, &text);
    }
    Ok(())
}

/// An environment that sees the packages of its base has the base's ipykernel, too.
fn lend_packages(candidates: &[Place], known: &BTreeMap<PathBuf, Known>, pythons: &mut [Interpreter]) {
    for python in pythons.iter_mut().filter(|p| p.ipykernel.is_none()) {
        let place = candidates.iter().find(|c| c.env.as_ref().is_some_and(|e| *e == python.prefix));
        let Some(base) = place.and_then(|p| p.env.as_deref()).and_then(places::shared_base) else { continue };
        let of_base = known.values().find(|k| k.executable.parent() == Some(base.as_path()) && k.prefix == k.base);
        python.ipykernel = of_base.and_then(|k| k.ipykernel.clone());
    }
}

fn python_kernel(python: &Interpreter, root: Option<&Path>) -> KernelSpec {
    let path = python.path.to_string_lossy().into_owned();
    let short: Vec<&str> = python.version.split('.').take(2).collect();
    let named = python.is_venv || python.kind == EnvKind::Conda;
    let place = match root.and_then(|r| python.prefix.strip_prefix(r).ok()) {
        Some(inside) => inside.to_string_lossy().into_owned(),
        None if named => environment_name(&python.prefix),
        None => home_relative(&python.path),
    };
    let mut env = BTreeMap::new();
    if python.kind == EnvKind::Conda {
        // What an activated environment of conda has, so that `!conda install` means it.
        env.insert("CONDA_PREFIX".to_owned(), python.prefix.to_string_lossy().into_owned());
        env.insert("CONDA_DEFAULT_ENV".to_owned(), environment_name(&python.prefix));
    }
    KernelSpec {
        id: path.clone(),
        name: "python3".into(),
        display_name: format!("Python {} ({place})", short.join(".")),
        language: "python".into(),
        argv: [path.as_str(), "-m", "ipykernel_launcher", "-f", "{connection_file}"].map(str::to_owned).into(),
        env,
        interrupt: InterruptMode::Signal,
        origin: python.origin,
        version: Some(python.version.clone()),
        python: Some(python.path.clone()),
        resource_dir: None,
        remote: None,
    }
}

/// `.venv` says nothing: the folder it lies in does, too.
fn environment_name(prefix: &Path) -> String {
    let name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let own = name(prefix);
    if ["venv", ".venv", "env", ".env"].contains(&own.as_str()) {
        let above = prefix.parent().map(name).filter(|n| !n.is_empty());
        return above.map_or(own.clone(), |above| format!("{above}/{own}"));
    }
    own
}

fn home_relative(path: &Path) -> String {
    match env::home_dir().and_then(|h| path.strip_prefix(h).ok().map(Path::to_path_buf)) {
        Some(inside) => format!("~/{}", inside.display()),
        None => path.display().to_string(),
    }
}

/// Folders in a folder, in the order of their names, newest version first.
pub(super) fn children(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    all.sort_by_cached_key(|p| numbers(&p.to_string_lossy()));
    all.reverse();
    all
}

/// 3.10 comes after 3.9: digits are compared as numbers.
fn numbers(text: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0u64)];
    for c in text.chars() {
        let Some((word, number)) = parts.last_mut() else { break };
        match c.to_digit(10) {
            Some(digit) => *number = number.saturating_mul(10).saturating_add(u64::from(digit)),
            None if *number > 0 => parts.push((c.to_string(), 0)),
            None => word.push(c),
        }
    }
    parts
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

fn ask(python: &Path, stamp: u64) -> Known {
    let answer = probe(python);
    let text = |key: &str| {
        answer.as_ref().ok().and_then(|a| a.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    Known {
        stamp,
        version: text("version"),
        executable: text("executable").into(),
        prefix: text("prefix").into(),
        base: text("base").into(),
        ipykernel: Some(text("ipykernel")).filter(|k| !k.is_empty()),
        problem: answer.as_ref().err().cloned(),
    }
}

/// Runs the interpreter without its startup files and reads one line of JSON.
fn probe(python: &Path) -> Result<Value, String> {
    let mut child = Command::new(python)
        .args(["-c", PROBE])
        .env_remove("PYTHONSTARTUP")
        // Not the folder Andon was started in: a `json.py` there would be run.
        .current_dir(python.parent().unwrap_or(Path::new("/")))
        .env("PYTHONSAFEPATH", "1")
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
                return Err(format!("did not answer within {} s", PROBE_PATIENCE.as_secs()));
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
    a.python.is_some() && a.python == b.python && b.env.is_empty() && b.argv.len() == a.argv.len()
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
        remote: None,
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
            kind: EnvKind::Venv,
            ipykernel: Some("7".into()),
            origin: Origin::User,
        };
        let json = serde_json::from_slice(&fs::read(folder.join("kernel.json")).unwrap()).unwrap();
        let spec = spec(&folder, json, Origin::User, &[python]).unwrap();
        assert_eq!(spec.argv[0], env.join("bin/python").to_string_lossy());
        assert_eq!(spec.name, "python3");
    }

    #[test]
    fn a_python_that_does_not_answer_is_asked_once_and_told_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let (bin, cache) = (dir.path().join("bin"), dir.path().join("cache.json"));
        fs::create_dir_all(&bin).unwrap();
        let python = bin.join("python3");
        fs::write(&python, "#!/bin/sh\necho asked >> \"$0.log\"\nexit 3\n").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let place = Place { python: python.clone(), env: None, origin: Origin::Path, kind: EnvKind::System };
        let mut known = BTreeMap::new();
        for _ in 0..3 {
            ask_all(std::slice::from_ref(&place), &mut known, &cache, false, &JobCtx::detached()).unwrap();
        }
        assert_eq!(fs::read_to_string(bin.join("python3.log")).unwrap().lines().count(), 1);
        assert!(read_or_known(&place, &known).unwrap_err().contains("no usable Python"));
        ask_all(&[place], &mut known, &cache, true, &JobCtx::detached()).unwrap();
        assert_eq!(fs::read_to_string(bin.join("python3.log")).unwrap().lines().count(), 2, "asked anew");
        assert!(cache.is_file());
    }

    #[test]
    fn names_say_which_environment_and_versions_count_as_numbers() {
        assert_eq!(environment_name(Path::new("/w/churn/.venv")), "churn/.venv");
        assert_eq!(environment_name(Path::new("/opt/conda/envs/ml")), "ml");
        let mut all = ["3.9.1", "3.10.2", "3.10.12"].map(numbers).to_vec();
        all.sort();
        assert_eq!(all, ["3.9.1", "3.10.2", "3.10.12"].map(numbers));
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

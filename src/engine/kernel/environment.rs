//! Makes Python environments with ipykernel, by uv where it is, else by venv and pip.
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::{
    Installer, Kernels, NewEnvironment,
    places::{UNFINISHED, python_in},
};
use crate::{
    base::{Error, Result, error::Context, fsx, job::JobCtx},
    engine::dirs::Dirs,
    model::kernel::{Discovery, EnvKind, Interpreter, KernelSpec},
};

/// Makes the environment and returns its kernel. `line` hears what the tools print; `cx` can stop it, and then nothing
/// half-made stays behind. An environment that is there already gets what it lacks.
pub fn create_environment(
    kernels: &Kernels,
    request: &NewEnvironment,
    cx: &JobCtx,
    line: &(dyn Fn(&str) + Sync),
) -> Result<KernelSpec> {
    let folder = request.folder.trim_end_matches('/');
    if folder.is_empty() || folder == "." {
        return Err(Error::user("The environment needs a folder of its own").hint("Name one, such as .venv"));
    }
    let target = fsx::inside(&request.root, folder)?;
    let packages = packages(request)?;
    let base = match &request.base {
        Some(base) => base.clone(),
        None => newest(&kernels.discover(Some(&request.root), false, cx)?.interpreters)?,
    };
    if let Some(private) = folder.strip_prefix(".andon/") {
        keep_out_of_git(&request.root.join(".andon"), private)?;
    }
    let mark = target.join(UNFINISHED);
    if mark.is_file() {
        // Begun by a program that was ended in the middle: nobody has worked in it.
        line(&format!("Removing {folder}, which was not finished"));
        fs::remove_dir_all(&target).io(|| format!("Could not remove {}", target.display()))?;
    }
    let existed = target.join("pyvenv.cfg").is_file() || target.join("conda-meta").is_dir();
    if target.exists() && !existed && fs::read_dir(&target).is_ok_and(|mut d| d.next().is_some()) {
        return Err(Error::user(format!("{folder} exists and is no Python environment"))
            .hint("Choose another folder, or move it away"));
    }
    let tool = Tool::choose(request.installer)?;
    let work = Work { request, folder, tool: &tool, cx, line };
    let made = work.make(&base, &target, existed, &packages);
    if made.is_err() && !existed {
        // Half an environment would be taken for a whole one.
        let _ = fs::remove_dir_all(&target);
    }
    made?;
    let found = kernels.discover(Some(&request.root), false, cx)?;
    kernel_below(&found, &target).ok_or_else(|| {
        Error::remote(format!("The environment {folder} was made, but ipykernel does not answer in it"))
            .hint("Look at it with `andon kernels`")
    })
}

/// Installs ipykernel into an environment that has none and returns its kernel.
pub fn install_kernel(
    kernels: &Kernels,
    root: &Path,
    python: &Interpreter,
    cx: &JobCtx,
    line: &(dyn Fn(&str) + Sync),
) -> Result<KernelSpec> {
    if !python.takes_packages() {
        return Err(Error::user(format!(
            "{} is shared by others, so nothing is installed into it",
            python.path.display()
        ))
        .hint("Make an environment from it instead"));
    }
    let tool = Tool::choose(None)?;
    cx.progress(Some(0.1), "Installing ipykernel");
    let mut command = tool.install(&python.path, cx)?;
    run(command.arg("ipykernel").current_dir(root), cx, line).map_err(|f| not_installed(&f, "ipykernel"))?;
    let found = kernels.discover(Some(root), true, cx)?;
    kernel_below(&found, &python.prefix).ok_or_else(|| {
        Error::remote(format!("ipykernel was installed into {}, but it is not found there", python.prefix.display()))
            .hint("Look again, or start Python there and try `import ipykernel`")
    })
}

/// The kernel whose interpreter lies in `folder`.
fn kernel_below(found: &Discovery, folder: &Path) -> Option<KernelSpec> {
    let prefix = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let inside = |k: &&KernelSpec| {
        let python = k.python.as_deref().and_then(Path::parent).and_then(|p| fs::canonicalize(p).ok());
        python.is_some_and(|p| p.starts_with(&prefix))
    };
    found.kernels.iter().find(inside).cloned()
}

/// Files in a folder that name packages, best first: what can be offered for a new environment.
pub fn requirement_files(root: &Path) -> Vec<String> {
    let names = ["requirements.txt", "requirements-dev.txt", "dev-requirements.txt", "requirements/base.txt"];
    let mut all: Vec<String> = names.iter().filter(|n| root.join(n).is_file()).map(|n| (*n).to_owned()).collect();
    if project_packages(&root.join("pyproject.toml")).is_ok_and(|p| !p.is_empty()) {
        all.push("pyproject.toml".to_owned());
    }
    all
}

/// What `[project]` of a pyproject.toml depends on.
fn project_packages(file: &Path) -> Result<Vec<String>> {
    let text = fsx::read_text(file)?;
    let table: toml::Table = text.parse().config(|| format!("{} is not TOML", file.display()))?;
    let list = table.get("project").and_then(|p| p.get("dependencies")).and_then(toml::Value::as_array);
    Ok(list.into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect())
}

/// The arguments that name what is to be installed besides ipykernel.
fn packages(request: &NewEnvironment) -> Result<Vec<String>> {
    let mut all: Vec<String> = request.packages.iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect();
    // `-e` or `--index-url` would be an option of pip, not a package.
    if let Some(option) = all.iter().find(|p| p.starts_with('-')) {
        return Err(Error::user(format!("{option} is no package")).hint(
            "Name packages as pip takes them, such as pandas or \"pandas>=2\"; put options into a requirements file",
        ));
    }
    for name in &request.requirements {
        let file = request.root.join(name);
        if !file.is_file() {
            return Err(
                Error::user(format!("There is no file {name}")).hint("Name a requirements file or a pyproject.toml")
            );
        }
        if file.file_name().is_some_and(|n| n == "pyproject.toml") {
            all.extend(project_packages(&file)?);
        } else {
            all.extend(["-r".to_owned(), file.to_string_lossy().into_owned()]);
        }
    }
    Ok(all)
}

/// What makes environments here.
#[derive(Debug)]
enum Tool {
    Uv(PathBuf),
    Pip,
}

impl Tool {
    fn choose(wanted: Option<Installer>) -> Result<Self> {
        match (wanted, Dirs::on_path("uv")) {
            (Some(Installer::Pip), _) | (None, None) => Ok(Self::Pip),
            (_, Some(uv)) => Ok(Self::Uv(uv)),
            (Some(Installer::Uv), None) => {
                Err(Error::user("uv is not installed").hint("Install it, or leave the option out: pip is used then"))
            }
        }
    }
    fn make(&self, base: &Path, target: &Path) -> Command {
        match self {
            Self::Uv(uv) => {
                let mut command = Command::new(uv);
                // Notebooks say %pip install: the environment gets a pip of its own.
                command.args(["venv", "--seed", "--no-project", "--allow-existing", "--python"]).arg(base).arg(target);
                command
            }
            Self::Pip => {
                let mut command = Command::new(base);
                command.args(["-m", "venv"]).arg(target);
                command
            }
        }
    }
    /// Everything but the packages.
    fn install(&self, python: &Path, cx: &JobCtx) -> Result<Command> {
        if let Self::Uv(uv) = self {
            let mut command = Command::new(uv);
            command.args(["pip", "install", "--python"]).arg(python);
            return Ok(command);
        }
        let pip = |args: &[&str]| {
            let mut command = Command::new(python);
            command.args(["-m", "pip"]).args(args);
            command
        };
        if run(&mut pip(&["--version"]), cx, &|_| {}).is_err() {
            cx.check()?;
            // Environments of uv have no pip.
            run(Command::new(python).args(["-m", "ensurepip", "--upgrade"]), cx, &|_| {}).map_err(|failure| {
                failure.error(format!("{} has no pip", python.display())).hint(
                    "Install pip there (on Debian and Ubuntu: sudo apt install python3-venv python3-pip), or install uv",
                )
            })?;
        }
        Ok(pip(&["install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]))
    }
}

struct Work<'a> {
    request: &'a NewEnvironment,
    folder: &'a str,
    tool: &'a Tool,
    cx: &'a JobCtx,
    line: &'a (dyn Fn(&str) + Sync),
}

impl Work<'_> {
    fn make(&self, base: &Path, target: &Path, existed: bool, packages: &[String]) -> Result<()> {
        let Self { cx, line, folder, .. } = self;
        let mark = target.join(UNFINISHED);
        if !existed {
            fs::create_dir_all(target).map_err(|e| {
                Error::io(format!("Could not make the folder {folder}")).because(&e).hint("Choose another place")
            })?;
            fs::write(&mark, "Andon was making this environment.\n").io(|| format!("Could not write in {folder}"))?;
            cx.progress(Some(0.05), format!("Making {folder} from {}", base.display()));
            line(&format!("Making {folder} from {}", base.display()));
            let mut command = self.tool.make(base, target);
            run(command.current_dir(&self.request.root), cx, line).map_err(|failure| self.not_made(&failure, base))?;
            // venv --clear and uv leave the mark alone or not: it must stand until all is installed.
            fs::write(&mark, "Andon was making this environment.\n").io(|| format!("Could not write in {folder}"))?;
        }
        let what = match packages.len() {
            0 => "ipykernel".to_owned(),
            n => format!("ipykernel and {n} more"),
        };
        cx.progress(Some(0.2), format!("Installing {what}"));
        line(&format!("Installing {what}"));
        let mut install = self.tool.install(&python_in(target), cx)?;
        install.arg("ipykernel").args(packages).current_dir(&self.request.root);
        run(&mut install, cx, line).map_err(|failure| not_installed(&failure, "the packages"))?;
        if mark.is_file() {
            fs::remove_file(&mark).io(|| format!("Could not finish {folder}"))?;
        }
        Ok(())
    }

    fn not_made(&self, failure: &Failure, base: &Path) -> Error {
        let error = failure.error(format!("Could not make the environment {}", self.folder));
        if error.is_cancelled() {
            return error;
        }
        let version = Command::new(base).arg("--version").output().ok();
        let version = version.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default();
        let minor = version.strip_prefix("Python ").map(|v| v.split('.').take(2).collect::<Vec<_>>().join("."));
        if failure.text.contains("ensurepip") || failure.text.contains("No module named venv") {
            let package = minor.map_or("python3-venv".to_owned(), |m| format!("python{m}-venv"));
            error.hint(format!(
                "This Python came without venv. On Debian and Ubuntu: sudo apt install {package}; or install uv; then try again"
            ))
        } else {
            with_network_hint(error, &failure.text)
        }
    }
}

fn not_installed(failure: &Failure, what: &str) -> Error {
    let text = &failure.text;
    let error = failure.error(format!("Could not install {what}"));
    if error.is_cancelled() {
        return error;
    }
    if text.contains("externally-managed-environment") {
        error.hint("This Python belongs to the system: make an environment from it instead")
    } else if text.contains("No space left") {
        error.hint("Free some space and try again")
    } else if ["Permission denied", "not writeable", "not writable"].iter().any(|n| text.contains(n)) {
        error.hint("The environment is not yours to write: make one of your own")
    } else if ["error: subprocess-exited-with-error", "Failed to build"].iter().any(|n| text.contains(n)) {
        error.hint("A package has no ready-made build for this Python: choose another Python or another version of it")
    } else {
        with_network_hint(error, text)
    }
}

/// Says so when the index was out of reach; "no matching distribution" is said without a network, too.
fn with_network_hint(error: Error, text: &str) -> Error {
    let network = [
        "NewConnectionError",
        "Name or service not known",
        "Temporary failure in name resolution",
        "Failed to establish a new connection",
        "failed to lookup address",
        "dns error",
        "error sending request",
        "Connection refused",
        "Network is unreachable",
        "ProxyError",
        "timed out",
    ];
    let missing = ["No matching distribution found", "not found in the package registry", "No solution found"];
    if network.iter().any(|n| text.contains(n)) {
        error.hint("The package index could not be reached: check the network or the settings of pip, then try again")
    } else if missing.iter().any(|n| text.contains(n)) {
        error.hint("Check the names and versions of the packages, and whether they exist for this Python")
    } else {
        error
    }
}

fn newest(pythons: &[Interpreter]) -> Result<PathBuf> {
    let number = |i: &&Interpreter| i.version.split('.').map(|p| p.parse().unwrap_or(0)).collect::<Vec<u32>>();
    let usable = pythons.iter().filter(|i| !i.is_venv && number(i) >= vec![3, 9]);
    // An environment of conda can be one, but its own tools are better at that.
    usable.max_by_key(|i| (i.kind != EnvKind::Conda, number(i))).map(|i| i.path.clone()).ok_or_else(|| {
        Error::user("No Python 3.9 or newer was found on this machine")
            .hint("Install Python (on Debian and Ubuntu: sudo apt install python3 python3-venv), then try again")
    })
}

/// `.andon/` ignores itself, so that the person's own .gitignore is never touched.
fn keep_out_of_git(dir: &Path, _inside: &str) -> Result<()> {
    fs::create_dir_all(dir).io(|| format!("Could not make the folder {}", dir.display()))?;
    let ignore = dir.join(".gitignore");
    if ignore.exists() { Ok(()) } else { fsx::write_atomic(&ignore, b"*\n") }
}

struct Failure {
    cancelled: bool,
    cause: String,
    text: String,
}

impl Failure {
    fn error(&self, what: String) -> Error {
        if self.cancelled {
            return Error::cancelled();
        }
        let said = self.text.lines().rev().find(|l| {
            let line = l.trim_start().trim_start_matches(['\u{d7}', ' ']).to_lowercase();
            line.starts_with("error") || line.starts_with("no solution")
        });
        let last = said.or_else(|| self.text.lines().rev().find(|l| !l.trim().is_empty()));
        let error = Error::remote(what).because_of(self.cause.clone());
        match last {
            Some(line) => error.because_of(line.trim().to_owned()),
            None => error,
        }
    }
}

/// Runs a command in a group of its own, hands its lines on, and ends the whole group when cancelled.
fn run(command: &mut Command, cx: &JobCtx, line: &(dyn Fn(&str) + Sync)) -> Result<(), Failure> {
    let fail = |cause: String, text: String| Failure { cancelled: false, cause, text };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut child = command.spawn().map_err(|e| fail(e.to_string(), String::new()))?;
    let (tx, rx) = bounded::<String>(256);
    let pipes: [Option<Box<dyn std::io::Read + Send>>; 2] =
        [child.stdout.take().map(|p| Box::new(p) as _), child.stderr.take().map(|p| Box::new(p) as _)];
    for pipe in pipes.into_iter().flatten() {
        let tx = tx.clone();
        let reader = std::thread::Builder::new().name("andon-pip".into()).spawn(move || {
            for text in BufReader::new(pipe).lines().map_while(Result::ok) {
                if tx.send(text).is_err() {
                    return;
                }
            }
        });
        reader.map_err(|e| fail(e.to_string(), String::new()))?;
    }
    drop(tx);
    let mut kept = String::new();
    loop {
        if cx.cancel.is_cancelled() {
            end_group(&mut child);
            return Err(Failure { cancelled: true, cause: String::new(), text: kept });
        }
        match rx.recv_timeout(Duration::from_millis(50)) {
            Ok(text) => {
                line(&text);
                cx.progress(Some(0.5), crate::base::text::shorten(text.trim(), 120));
                kept.push_str(&text);
                kept.push('\n');
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(fail(status.to_string(), kept)),
        Err(e) => Err(fail(e.to_string(), kept)),
    }
}

fn end_group(child: &mut std::process::Child) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_python_that_is_no_environment_is_the_base() {
        let python = |path: &str, version: &str, is_venv| Interpreter {
            path: path.into(),
            version: version.into(),
            prefix: path.into(),
            is_venv,
            kind: EnvKind::System,
            ipykernel: None,
            origin: super::super::Origin::Path,
        };
        let all = [python("/a", "3.9.9", false), python("/b", "3.12.1", false), python("/c", "3.13.0", true)];
        assert_eq!(newest(&all).unwrap(), Path::new("/b"));
        let e = newest(&[python("/old", "3.6.1", false)]).unwrap_err();
        assert!(e.hint.unwrap().contains("apt install"));
    }

    #[test]
    fn a_folder_that_is_no_environment_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("mine")).unwrap();
        fs::write(dir.path().join("mine/work.txt"), "x").unwrap();
        let clock = std::sync::Arc::new(crate::base::time::SystemClock);
        let kernels = Kernels::new(&dir.path().join("cache"), clock);
        let request = NewEnvironment {
            folder: "mine".into(),
            base: Some("/usr/bin/false".into()),
            installer: Some(Installer::Pip),
            ..NewEnvironment::usual(dir.path())
        };
        let e = create_environment(&kernels, &request, &JobCtx::detached(), &|_| {}).unwrap_err();
        assert!(e.what.contains("no Python environment"), "{e}");
        assert!(dir.path().join("mine/work.txt").is_file());
    }

    #[test]
    fn a_base_that_fails_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let clock = std::sync::Arc::new(crate::base::time::SystemClock);
        let kernels = Kernels::new(&dir.path().join("cache"), clock);
        let request = NewEnvironment {
            base: Some("/bin/false".into()),
            installer: Some(Installer::Pip),
            ..NewEnvironment::usual(dir.path())
        };
        let e = create_environment(&kernels, &request, &JobCtx::detached(), &|_| {}).unwrap_err();
        assert!(e.what.contains("Could not make the environment"), "{e}");
        assert!(!dir.path().join(".andon/venv").exists());
        assert!(dir.path().join(".andon/.gitignore").is_file());
    }

    fn kernels(dir: &Path) -> Kernels {
        Kernels::new(&dir.join("cache"), std::sync::Arc::new(crate::base::time::SystemClock))
    }

    #[cfg(unix)]
    fn script(dir: &Path, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[cfg(unix)]
    #[test]
    fn a_python_without_venv_says_what_to_install() {
        let dir = tempfile::tempdir().unwrap();
        let said = "echo 'The virtual environment was not created successfully because ensurepip is not available.'";
        let base = script(
            dir.path(),
            "py",
            &format!("[ \"$1\" = --version ] && echo Python 3.12.4 && exit 0\n{said}\nexit 1"),
        );
        let mut request = NewEnvironment { base: Some(base), ..NewEnvironment::usual(dir.path()) };
        request.installer = Some(Installer::Pip);
        let e = create_environment(&kernels(dir.path()), &request, &JobCtx::detached(), &|_| {}).unwrap_err();
        assert!(e.hint.as_deref().unwrap().contains("apt install python3.12-venv"), "{e:?}");
        assert!(!dir.path().join(".andon/venv").exists());
    }

    #[cfg(unix)]
    #[test]
    fn an_environment_left_half_made_is_begun_again_and_no_index_gives_clear_words() {
        let dir = tempfile::tempdir().unwrap();
        let half = dir.path().join(".venv");
        fs::create_dir_all(half.join("bin")).unwrap();
        fs::write(half.join(UNFINISHED), "").unwrap();
        fs::write(half.join("pyvenv.cfg"), "version = 3.12\n").unwrap();
        fs::write(half.join("litter"), "").unwrap();
        // Makes an environment whose pip cannot reach anything.
        let pip = "#!/bin/sh\n[ \"$3\" = --version ] && exit 0\necho 'ERROR: Temporary failure in name resolution' >&2\nexit 1";
        let make = format!(
            "mkdir -p \"$3/bin\"\ncat > \"$3/bin/python\" <<'X'\n{pip}\nX\nchmod +x \"$3/bin/python\"\ntouch \"$3/pyvenv.cfg\""
        );
        let base = script(dir.path(), "py", &make);
        let request = NewEnvironment {
            folder: ".venv".into(),
            base: Some(base),
            installer: Some(Installer::Pip),
            ..NewEnvironment::usual(dir.path())
        };
        let lines = std::sync::Mutex::new(Vec::new());
        let line = |l: &str| lines.lock().unwrap().push(l.to_owned());
        let e = create_environment(&kernels(dir.path()), &request, &JobCtx::detached(), &line).unwrap_err();
        assert!(e.hint.as_deref().unwrap().contains("could not be reached"), "{e:?}");
        assert!(lines.lock().unwrap().iter().any(|l| l.contains("not finished")), "{lines:?}");
        assert!(!half.exists(), "nothing half-made stays");
    }

    #[test]
    fn packages_come_from_the_form_from_files_and_from_the_project() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("requirements.txt"), "pandas\n").unwrap();
        fs::write(dir.path().join("pyproject.toml"), "[project]\ndependencies = ['polars>=1', 'httpx']\n").unwrap();
        assert_eq!(requirement_files(dir.path()), ["requirements.txt", "pyproject.toml"]);
        let mut request = NewEnvironment {
            packages: vec!["numpy".into(), " ".into()],
            requirements: requirement_files(dir.path()),
            ..NewEnvironment::usual(dir.path())
        };
        let all = packages(&request).unwrap();
        let file = dir.path().join("requirements.txt").to_string_lossy().into_owned();
        assert_eq!(all, ["numpy", "-r", &file, "polars>=1", "httpx"]);
        request.packages.push("--index-url=http://evil".into());
        assert!(packages(&request).unwrap_err().what.contains("is no package"));
        request.packages.clear();
        request.requirements = vec!["gone.txt".into()];
        assert!(packages(&request).unwrap_err().what.contains("gone.txt"));
    }
}

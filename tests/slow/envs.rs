//! Environments: found, made, and kernels of another language, with the real tools.
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use andon::{
    base::{job::JobCtx, time::SystemClock},
    engine::kernel::{ExecOptions, Kernels, Outcome},
};
use serde_json::Value;

use super::kernel::{Log, run, test_python, until};

/// `andon` with the package index that .ci/test downloaded, so that no test needs a network.
fn andon(dir: &Path) -> Command {
    let wheels = std::env::var_os("ANDON_TEST_WHEELS").map(PathBuf::from).filter(|w| w.is_dir());
    let wheels = wheels.expect("ANDON_TEST_WHEELS must name a folder with wheels: run .ci/test, which fills one");
    let mut command = Command::new(env!("CARGO_BIN_EXE_andon"));
    command
        .current_dir(dir)
        .env("ANDON_HOME", dir.join("home"))
        .envs([("PIP_NO_INDEX", "1"), ("UV_NO_INDEX", "1"), ("PIP_RETRIES", "0")])
        .envs([("PIP_FIND_LINKS", &wheels), ("UV_FIND_LINKS", &wheels)])
        .stdin(Stdio::null());
    command
}

/// The Python that the test environment was made from: the wheels are for it.
fn base() -> String {
    let said = Command::new(test_python()).args(["-c", "import sys; print(sys._base_executable)"]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

fn json(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_kernel_of_another_language_runs_and_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(&dir.path().join("cache"), Arc::new(SystemClock));
    // JUPYTER_PATH names the test environment's kernelspecs.
    let found = kernels.discover(None, false, &JobCtx::detached()).unwrap();
    let bash = found.for_notebook(Some("bash"), Some("Bash"), Some("bash")).expect("bash_kernel is installed");
    assert_eq!((bash.name.as_str(), bash.language.as_str()), ("bash", "bash"));
    let session = kernels.start_and_wait(bash, dir.path(), &JobCtx::detached()).unwrap();
    assert_eq!(session.info().unwrap().implementation, "bash_kernel");
    let (outcome, log) = run(&session, "x=7\necho \"hello $((x * 6))\"");
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(log.text(false).trim(), "hello 42");
    let (outcome, _) = run(&session, "false");
    assert!(matches!(outcome, Outcome::Error { .. }), "{outcome:?}");
    let log = Log::default();
    session.execute("sleep 30", ExecOptions::default(), log.sink()).unwrap();
    until(Duration::from_secs(5), "the cell to start", || log.has(|_| true));
    std::thread::sleep(Duration::from_millis(300));
    session.interrupt();
    until(Duration::from_secs(10), "the interrupt", || log.outcome().is_some());
    let completions = session.complete("ech", 3, Duration::from_secs(10)).unwrap();
    assert!(completions.matches.iter().any(|m| m == "echo"), "{completions:?}");
    kernels.shutdown_all();
}

#[test]
fn kernels_lists_every_kind_and_says_where_ipykernel_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("work");
    for (place, language) in [("one", "R"), ("two", "julia")] {
        let folder = dir.path().join(place).join("kernels").join(language);
        std::fs::create_dir_all(&folder).unwrap();
        let spec =
            format!(r#"{{"argv":["sh","{{connection_file}}"],"display_name":"{language}","language":"{language}"}}"#);
        std::fs::write(folder.join("kernel.json"), spec).unwrap();
    }
    std::fs::create_dir_all(&root).unwrap();
    let made = Command::new(base()).args(["-m", "venv", "--without-pip"]).arg(root.join(".venv")).status().unwrap();
    assert!(made.success());
    std::fs::write(root.join("andon.toml"), "[connections.gpu]\nkind = 'jupyter'\nurl = 'https://gpu.lab/'\n").unwrap();
    let both = std::env::join_paths([dir.path().join("one"), dir.path().join("two")]).unwrap();
    let mut list = andon(&root);
    list.args(["kernels", "--json"])
        .env("JUPYTER_PATH", both)
        .env("VIRTUAL_ENV", test_python().parent().unwrap().parent().unwrap());
    let answer = json(&mut list);
    assert_eq!(answer["schema"], "andon.kernels/1");
    let kernels = answer["kernels"].as_array().unwrap();
    let languages: Vec<&str> = kernels.iter().filter_map(|k| k["language"].as_str()).collect();
    assert!(languages.contains(&"R") && languages.contains(&"julia") && languages.contains(&"python"), "{languages:?}");
    let python = |prefix: PathBuf| {
        let all = answer["interpreters"].as_array().unwrap();
        all.iter().find(|i| i["prefix"] == prefix.to_string_lossy().as_ref()).cloned().unwrap()
    };
    let own = python(root.join(".venv"));
    assert_eq!(
        (&own["has_ipykernel"], &own["kind"], &own["origin"]),
        (&false.into(), &"venv".into(), &"workspace".into())
    );
    let active = python(test_python().parent().unwrap().parent().unwrap().to_path_buf());
    assert_eq!((&active["has_ipykernel"], &active["ipykernel"]), (&true.into(), &"7.4.0".into()));
    assert_eq!(answer["servers"][0]["name"], "gpu");
    let words = andon(&root).arg("kernels").output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("Without ipykernel") && words.contains("install ipykernel there"), "{words}");
    // The second look starts nothing, so it is quick.
    let begin = std::time::Instant::now();
    json(andon(&root).args(["kernels", "--json"]));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

#[track_caller]
fn made_by(installer: &str) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("requirements.txt"), "wheel\n").unwrap();
    let output = andon(dir.path())
        .args(["env", "create", "my env", "packaging", "-r", "requirements.txt", "--installer", installer])
        .args(["--python", &base()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Making my env from") && said.contains("Installing ipykernel and"), "{said}");
    let python = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    assert_eq!(python, dir.path().join("my env/bin/python"));
    let check = Command::new(&python).args(["-c", "import ipykernel, packaging, wheel, pip"]).status().unwrap();
    assert!(check.success());
    assert!(!dir.path().join("my env/andon-unfinished").exists());
    let kernels = Kernels::new(&dir.path().join("cache"), Arc::new(SystemClock));
    let found = kernels.discover(Some(dir.path()), false, &JobCtx::detached()).unwrap();
    let spec = found.for_notebook(None, None, None).unwrap();
    assert_eq!(spec.python.as_deref(), Some(python.as_path()));
    let session = kernels.start_and_wait(spec, dir.path(), &JobCtx::detached()).unwrap();
    let (outcome, log) = run(&session, "import sys; print(sys.prefix)");
    assert!(outcome.is_ok());
    assert_eq!(Path::new(log.text(false).trim()), dir.path().join("my env"));
    kernels.shutdown_all();
}

#[test]
fn an_environment_is_made_by_venv_and_pip_and_runs() {
    made_by("pip");
}

#[test]
fn an_environment_is_made_by_uv_and_runs() {
    made_by("uv");
}

#[test]
fn a_package_that_cannot_be_had_gives_clear_words_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = andon(dir.path())
        .args(["env", "create", ".venv", "andon-no-such-package", "--installer", "pip", "--json"])
        .args(["--python", &base()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["error"]["what"], "Could not install the packages");
    assert!(answer["error"]["hint"].as_str().unwrap().contains("names and versions"), "{answer}");
    assert!(!dir.path().join(".venv").exists());
}

#[test]
fn stopping_it_leaves_nothing_half_made() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = andon(dir.path())
        .args(["env", "create", ".venv", "--installer", "pip", "--python", &base()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mark = dir.path().join(".venv/andon-unfinished");
    until(Duration::from_secs(20), "the environment to be begun", || mark.is_file());
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!dir.path().join(".venv").exists());
}

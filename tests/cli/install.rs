//! `dist/install.sh` puts everything in place and takes it away again.
use std::{os::unix::fs::PermissionsExt, path::Path, process::Command};

#[test]
fn it_installs_what_it_removes_and_leaves_the_rest_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (tools, target, prefix) = (dir.path().join("tools"), dir.path().join("target"), dir.path().join("a prefix"));
    std::fs::create_dir_all(&tools).unwrap();
    // A cargo that has built already: the build itself is not what is tested here.
    let cargo = format!(
        "#!/bin/sh\ncase \"$1\" in\nbuild) mkdir -p '{t}/dist'; cp '{bin}' '{t}/dist/andon';;\n\
         metadata) printf '{{\"target_directory\":\"%s\"}}' '{t}';;\nesac\n",
        t = target.display(),
        bin = env!("CARGO_BIN_EXE_andon"),
    );
    std::fs::write(tools.join("cargo"), cargo).unwrap();
    std::fs::set_permissions(tools.join("cargo"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/install.sh");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let run = |args: &[&str]| {
        let out = Command::new("sh").arg(&script).args(args).arg(&prefix).env("PATH", &path).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let said = run(&[]);
    assert!(said.contains("Add") && said.contains("to your PATH"), "{said}");
    let files = ["bin/andon", "share/man/man1/andon.1", "share/icons/hicolor/scalable/apps/andon.svg"];
    for file in files.iter().chain(&["share/applications/andon.desktop"]) {
        assert!(prefix.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    let version = Command::new(prefix.join("bin/andon")).arg("--version").output().unwrap();
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("andon "));
    std::fs::write(prefix.join("bin/other"), "kept").unwrap();
    run(&["--remove"]);
    assert!(files.iter().all(|f| !prefix.join(f).exists()));
    assert!(prefix.join("bin/other").exists());
}

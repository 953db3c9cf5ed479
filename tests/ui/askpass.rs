//! A password that git asks for: from the program that git starts, through the window, and back.
use std::{fs, path::Path, process::Command as Program, time::Duration};

use andon::{
    app::{
        git::work::{Ask, Command, Secret, Work},
        shell::{self, Dialog},
        workspace,
    },
    ui::theme::Theme,
};

use crate::live::App;

fn git(dir: &Path, words: &[&str]) {
    let out = Program::new("git").arg("-C").arg(dir).args(words).output().unwrap();
    assert!(out.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A remote whose ssh wants a passphrase before it answers.
fn world() -> (tempfile::TempDir, App) {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "--quiet", "--bare", "-b", "main", "origin.git"]);
    git(dir.path(), &["init", "--quiet", "-b", "main", "a"]);
    let root = dir.path().join("a");
    let ssh = dir.path().join("ssh");
    // git hands over the host and then the command that is to run there.
    let script = "#!/bin/sh\nanswer=$(\"$SSH_ASKPASS\" \"Enter passphrase for key 'it''s':\") || exit 255\n\
                  test \"$answer\" = 'open sesame' || { echo 'Permission denied (publickey).' >&2; exit 255; }\n\
                  for last; do :; done\neval \"$last\"\n";
    fs::write(&ssh, script).unwrap();
    fs::set_permissions(&ssh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let url = format!("ssh://git@example.org{}", dir.path().join("origin.git").display());
    for words in [
        vec!["config", "user.name", "Mara"],
        vec!["config", "user.email", "mara@example.org"],
        vec!["config", "commit.gpgsign", "false"],
        vec!["config", "core.sshCommand", ssh.to_str().unwrap()],
        vec!["commit", "--quiet", "--allow-empty", "-m", "First"],
        vec!["remote", "add", "origin", &url],
    ] {
        git(&root, &words);
    }
    let mut app = App::with_program(Theme::dark(), env!("CARGO_BIN_EXE_andon").into());
    app.host.send(workspace::Command::Open(root));
    app.settle();
    app.host.send(workspace::Command::Trust { then: None });
    app.settle();
    (dir, app)
}

/// Waits for the question in the window.
fn question(app: &mut App) -> u64 {
    for _ in 0..600 {
        app.host.drain(Duration::from_millis(20));
        if let Some(Dialog::Git(ask)) = &app.host.state.shell.dialog
            && let Ask::Question(q) = &**ask
        {
            assert!(q.secret && q.prompt.contains("passphrase"), "{q:?}");
            return q.id;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("git did not ask: {:?}", app.host.state.notices);
}

fn said(app: &App) -> String {
    format!("{:?}", app.host.state.notices.shown)
}

#[test]
fn the_answer_given_in_the_window_reaches_ssh_and_a_wrong_one_is_said() {
    let (_dir, mut app) = world();
    app.host.send(Work::Push);
    let id = question(&mut app);
    app.host.send(Command::Answer { id, answer: Some(Secret("open sesame".into())) });
    app.settle();
    assert!(said(&app).contains("Pushed 1 commit to origin/main"), "{}", said(&app));
    assert!(app.host.state.shell.dialog.is_none());
    app.host.send(Work::Fetch);
    let id = question(&mut app);
    app.host.send(Command::Answer { id, answer: Some(Secret("mellon".into())) });
    app.settle();
    assert!(said(&app).contains("did not accept your key") && said(&app).contains("ssh-add"), "{}", said(&app));
    assert!(!said(&app).contains("mellon"));
    // Closing the question is a no, and no failure.
    app.host.send(Work::Fetch);
    question(&mut app);
    app.host.send(shell::Command::CloseDialog);
    app.settle();
    assert!(said(&app).contains("Cancelled"), "{}", said(&app));
}

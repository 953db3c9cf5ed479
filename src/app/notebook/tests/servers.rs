//! Jupyter servers of a person: the entry in the settings, the token in the keyring, both replaced and forgotten.
use std::{sync::Arc, time::Duration};

use super::super::kernels::{Command as Kernels, Secret, servers};
use crate::{
    app::{env::NoWaker, host::Host, notebook::Command, shell::Dialog},
    base::time::SystemClock,
    engine::{
        dirs::Dirs,
        secrets::{KeyringStore, SecretStore as _},
    },
    model::jupyter::Server,
};

const URL: &str = "http://127.0.0.1:1/";
const LONG: Duration = Duration::from_secs(30);

fn host(home: &std::path::Path) -> Host {
    let dirs = Dirs::below(home);
    dirs.create().unwrap();
    let mut host = Host::new(dirs, Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    host.send(crate::app::settings::Command::Load);
    assert!(host.settle(LONG));
    host
}

fn add(host: &mut Host, token: &str) {
    let (name, address, token) = ("near".to_owned(), URL.to_owned(), Secret(token.to_owned()));
    host.send(Command::Kernels(Kernels::Add { name, address, token, shared: false }));
    assert!(host.settle(LONG));
}

#[test]
fn a_server_is_kept_with_its_token_in_the_keyring_until_it_is_forgotten() {
    keyring_core::set_default_store(keyring_core::mock::Store::new().unwrap());
    let home = tempfile::tempdir().unwrap();
    let kept = || KeyringStore.get(&Server::secret_of(URL)).unwrap().map(|s| s.0);
    let settings = || std::fs::read_to_string(Dirs::below(home.path()).config.join("settings.toml")).unwrap();
    let mut window = host(home.path());
    add(&mut window, "first");
    add(&mut window, "second");
    assert_eq!(kept().as_deref(), Some("second"), "another token takes the place of the first");
    // An empty field is no token: the one that is there stays.
    add(&mut window, " ");
    assert_eq!(kept().as_deref(), Some("second"));
    assert!(settings().contains("127.0.0.1:1") && !settings().contains("second"), "{}", settings());
    // The next window has it, and says that it does not answer.
    let mut next = host(home.path());
    let all = servers(&next.state);
    assert_eq!(all.len(), 1);
    next.send(Command::Kernels(Kernels::LookAtServers));
    assert!(next.settle(LONG));
    let news = &next.state.notebook.picker.servers[URL];
    assert!(!news.looking && matches!(&news.result, Some(Err(e)) if e.hint.is_some()), "{news:?}");
    assert!(!next.state.notebook.picker.seen.contains_key(URL), "it has never answered");
    next.send(Command::Kernels(Kernels::AskRemove(all[0].clone())));
    assert!(matches!(&next.state.shell.dialog, Some(Dialog::Confirm { title, .. }) if title.contains("near")));
    next.send(Command::Kernels(Kernels::Remove(all[0].clone())));
    assert!(next.settle(LONG));
    assert!(servers(&next.state).is_empty() && next.state.shell.dialog.is_none());
    assert_eq!(kept(), None, "its token goes with it");
    assert!(!settings().contains("127.0.0.1:1"));
    keyring_core::unset_default_store();
}

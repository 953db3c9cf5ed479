//! Secrets live in the system's keyring only; a file, log or commit never sees one.
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::base::{Error, Result};

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(****)")
    }
}

/// Where secrets are kept.
pub trait SecretStore: Send + Sync {
    /// The secret of this name, if there is one.
    fn get(&self, name: &str) -> Result<Option<Secret>>;
    /// Keeps it.
    fn set(&self, name: &str, secret: &Secret) -> Result<()>;
    /// Forgets it.
    fn delete(&self, name: &str) -> Result<()>;
}

/// In memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<std::collections::BTreeMap<String, Secret>>);

impl SecretStore for MemoryStore {
    fn get(&self, name: &str) -> Result<Option<Secret>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }
    fn set(&self, name: &str, secret: &Secret) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), secret.clone());
        Ok(())
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(())
    }
}

/// The system's keyring: the Secret Service of the desktop.
#[derive(Debug, Default, Clone, Copy)]
pub struct KeyringStore;

/// Where a secret is looked for in turn: `ANDON_SECRET_<NAME>`, what was typed since the program began, the keyring.
#[derive(Debug, Default)]
pub struct Layered(MemoryStore);

impl Layered {
    /// Keeps it until the program ends, and no longer.
    pub fn remember(&self, name: &str, secret: &Secret) {
        // Memory refuses nothing.
        let _ = self.0.set(name, secret);
    }
    /// The secret in the variable of this name.
    pub fn given(name: &str) -> Option<Secret> {
        std::env::var(Self::variable(name)).ok().map(Secret)
    }
    /// Name of the variable that is looked at: letters and digits in capitals, everything else one underscore.
    pub fn variable(name: &str) -> String {
        let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
        format!("ANDON_SECRET_{}", words.join("_").to_ascii_uppercase())
    }
}

impl SecretStore for Layered {
    fn get(&self, name: &str) -> Result<Option<Secret>> {
        if let Some(secret) = Self::given(name) {
            return Ok(Some(secret));
        }
        if let Some(secret) = self.0.get(name)? {
            return Ok(Some(secret));
        }
        match KeyringStore.get(name) {
            // A machine without a keyring holds no secret; one that is locked does.
            Err(_) if probe().is_err() => Ok(None),
            other => other,
        }
    }
    /// In the keyring; where that refuses, until the program ends, and the error says so.
    fn set(&self, name: &str, secret: &Secret) -> Result<()> {
        KeyringStore.set(name, secret).inspect_err(|_| self.remember(name, secret))
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.0.delete(name)?;
        if probe().is_err() { Ok(()) } else { KeyringStore.delete(name) }
    }
}

/// Service name of all entries.
const SERVICE: &str = "andon";

impl SecretStore for KeyringStore {
    fn get(&self, name: &str) -> Result<Option<Secret>> {
        match entry(name)?.get_password() {
            Ok(secret) => Ok(Some(Secret(secret))),
            Err(keyring_core::Error::NoEntry) => Ok(None),
            Err(e) => Err(refused(&e)),
        }
    }
    fn set(&self, name: &str, secret: &Secret) -> Result<()> {
        entry(name)?.set_password(&secret.0).map_err(|e| refused(&e))
    }
    fn delete(&self, name: &str) -> Result<()> {
        match entry(name)?.delete_credential() {
            Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
            Err(e) => Err(refused(&e)),
        }
    }
}

/// Says whether secrets can be kept on this machine; asks the service anew each time, so that Retry works.
pub fn probe() -> Result<()> {
    entry("andon-probe").map(drop)
}

fn entry(name: &str) -> Result<keyring_core::Entry> {
    // A store that is there already is used; else the system's is looked for.
    if let Ok(entry) = keyring_core::Entry::new(SERVICE, name) {
        return Ok(entry);
    }
    match keyring::Entry::new(SERVICE, name) {
        Ok(entry) => Ok(entry.inner),
        // keyring remembers for ever that there was no service at the first call; a desktop may have started one since.
        Err(keyring_core::Error::NoDefaultStore) => {
            connect_again()?;
            keyring_core::Entry::new(SERVICE, name).map_err(|e| refused(&e))
        }
        Err(e) => Err(refused(&e)),
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn connect_again() -> Result<()> {
    let store = zbus_secret_service_keyring_store::Store::new().map_err(|e| none_here().because(&e))?;
    keyring_core::set_default_store(store);
    Ok(())
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn connect_again() -> Result<()> {
    Err(none_here())
}

fn none_here() -> Error {
    Error::io("This machine has no keyring service, so no secret can be kept")
        .hint("Start a secret service (GNOME Keyring, KWallet, KeePassXC) and try again, or set ANDON_SECRET_<NAME> in the environment")
}

fn refused(cause: &keyring_core::Error) -> Error {
    Error::io("The keyring refused").because(cause).hint("Unlock the keyring and try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret("hunter2".into())), "Secret(****)");
    }

    #[test]
    fn a_secret_of_an_address_has_a_variable_that_can_be_written() {
        let name = crate::model::jupyter::Server::secret_of("http://127.0.0.1:8888/");
        assert_eq!(Layered::variable(&name), "ANDON_SECRET_JUPYTER_HTTP_127_0_0_1_8888");
        let layered = Layered::default();
        layered.remember("test of memory", &Secret("x".into()));
        assert_eq!(layered.get("test of memory").unwrap(), Some(Secret("x".into())));
    }

    #[test]
    fn the_keyring_keeps_replaces_and_forgets() {
        keyring_core::set_default_store(keyring_core::mock::Store::new().unwrap());
        let (layered, name) = (Layered::default(), "test of the keyring");
        assert_eq!(layered.get(name).unwrap(), None);
        for value in ["first", "second"] {
            layered.set(name, &Secret(value.into())).unwrap();
            assert_eq!(Layered::default().get(name).unwrap(), Some(Secret(value.into())), "in the keyring, not here");
        }
        layered.delete(name).unwrap();
        layered.delete(name).unwrap();
        assert_eq!(Layered::default().get(name).unwrap(), None);
        keyring_core::unset_default_store();
    }

    #[test]
    fn the_memory_store_keeps_and_forgets() {
        let store = MemoryStore::default();
        store.set("a", &Secret("x".into())).unwrap();
        assert_eq!(store.get("a").unwrap(), Some(Secret("x".into())));
        store.delete("a").unwrap();
        assert_eq!(store.get("a").unwrap(), None);
    }

    #[test]
    fn a_machine_without_a_keyring_says_so_each_time() {
        // With or without a service the answer must be the same twice and, if an error, say what to do.
        let (first, second) = (probe(), probe());
        assert_eq!(first.is_ok(), second.is_ok());
        if let Err(e) = second {
            assert!(e.hint.is_some(), "{e}");
        }
    }
}

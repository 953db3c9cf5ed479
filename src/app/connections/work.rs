//! Jobs of the connections: looking, testing, writing.
use std::{path::Path, sync::Arc, time::Instant};

use super::{Event, Form, Task, Tested};
use crate::{
    app::{Env, Out},
    base::{Error, Result, job::JobCtx},
    engine::{
        connect::{self, config},
        secrets::{Layered, Secret, SecretStore as _},
    },
    model::connect::Connection,
};

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let root = env.root()?;
    match task {
        Task::Keep(all) => {
            let store = env.runs.store(&root)?;
            env.connections.keep(&all, &root, &store, &env.clock, out);
        }
        Task::Look(name) => env.connections.look(&name),
        Task::Test(to) => test(to, &root, env, cx, out)?,
        Task::Detect { url, ca_file, proxy } => {
            let result = connect::detect(&url, ca_file.as_deref(), proxy.as_deref(), &root, cx);
            out.send(Event::Detected { url, result });
        }
        Task::Save { form, to } => match save(&form, &to, env) {
            Ok(notice) => {
                out.send(Event::Saved { to: to.clone(), was: form.was.clone(), notice });
                test(*to, &root, env, cx, out)?;
            }
            Err(e) => out.send(Event::NotSaved(e)),
        },
        Task::Remove(to) => {
            if to.shared {
                config::remove(&root, &to.name)?;
            }
            env.runs.store(&root)?.forget_connection(&to.name)?;
            // On a machine without a keyring there is no secret to forget.
            let _ = env.connections.secrets().delete(&to.secret_key());
            out.send(Event::Removed(to.name));
        }
    }
    Ok(())
}

/// Tries it, right by right.
fn test(to: Connection, root: &Path, env: &Env, cx: &JobCtx, out: &Out) -> Result<()> {
    let begin = Instant::now();
    let result = connect::open(&to, root, env.connections.secrets()).and_then(|connector| connector.probe(cx));
    if result.as_ref().is_err_and(Error::is_cancelled) {
        return Err(Error::cancelled());
    }
    let millis = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    out.send(Event::Tested { name: to.name, tested: Tested { at: cx.clock.now(), millis, result } });
    Ok(())
}

/// Writes the connection and its secret; the answer says what of it has to be known.
fn save(form: &Form, to: &Connection, env: &Env) -> Result<Option<Error>> {
    let root = env.root()?;
    let secrets = env.connections.secrets();
    let kept = match form.new_secret() {
        None => moved(form, to, secrets),
        Some(None) => secrets.delete(&to.secret_key()),
        Some(Some(secret)) => secrets.set(&to.secret_key(), &Secret(secret)),
    };
    if to.shared {
        if let Some(was) = form.was.as_ref().filter(|w| **w != to.name) {
            config::remove(&root, was)?;
        }
        config::save(&root, to)?;
    }
    Ok(kept.err().map(|e| {
        let variable = Layered::variable(&to.name);
        Error { hint: None, ..e }.hint(format!(
            "The secret is kept until Andon closes. For longer, start a secret service (GNOME Keyring, KWallet, KeePassXC) \
             or set {variable}"
        ))
    }))
}

/// The secret of a connection that has another name now goes along; one at another address does not get it.
fn moved(form: &Form, to: &Connection, secrets: &Layered) -> Result<()> {
    let Some(was) = &form.was else { return Ok(()) };
    let old = Connection { name: was.clone(), ..to.clone() };
    if old.name == to.name {
        return Ok(());
    }
    if let Some(secret) = secrets.get(&old.secret_key())? {
        secrets.set(&to.secret_key(), &secret)?;
        secrets.delete(&old.secret_key())?;
    }
    Ok(())
}

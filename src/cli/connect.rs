//! `andon connect`: systems that run pipelines elsewhere.
use std::io::{IsTerminal, Read};

use serde_json::{Value, json};

use super::out::{self, Common, document, finish, line, say};
use crate::{
    base::{Error, Result, time},
    engine::{
        connect::{self, Connector, config},
        dirs::Dirs,
        secrets::{Layered, Secret, SecretStore as _},
        store::Store,
    },
    model::connect::{Connection, Environment, Probe, System},
};

/// Arguments of `andon connect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Secrets never stand in a file: they come from ANDON_SECRET_<NAME> (the name in capitals, everything else than letters \
and digits an underscore), or from the system's keyring, where `andon connect secret` puts them. A secret is a token, \
or user:password.")]
pub struct Args {
    #[command(subcommand)]
    pub sub: Sub,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Sub {
    /// Write a connection into andon.toml
    Add(Add),
    /// Try a connection, step by step
    Test(One),
    /// List connections and how they are
    List(List),
    /// Put a secret, read from stdin, into the keyring; an empty one takes it out
    Secret(One),
    /// Take a connection out of andon.toml, and its secret out of the keyring; its history stays
    Remove(One),
}

/// Arguments of `andon connect add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    pub name: String,
    /// Where it is, as a browser shows it
    pub url: String,
    /// What it is; found out when left out
    #[arg(long, value_name = "SYSTEM")]
    pub system: Option<String>,
    /// What depends on it: dev, test or prod. In prod every rerun is confirmed
    #[arg(long, value_name = "LABEL")]
    pub environment: Option<String>,
    /// Refuse reruns, launches and cancels
    #[arg(long)]
    pub read_only: bool,
    /// Certificate of an authority of your own (PEM)
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<String>,
    /// Proxy to go through; that of the environment when left out
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    #[command(flatten)]
    pub common: Common,
}

/// A connection by name.
#[derive(Debug, clap::Args)]
pub struct One {
    pub name: String,
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `andon connect list`.
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    match &args.sub {
        Sub::Add(args) => finish(args.common.json, add(args)),
        Sub::Test(args) => finish(args.common.json, test(args)),
        Sub::List(args) => finish(args.common.json, list(args)),
        Sub::Secret(args) => finish(args.common.json, secret(args)),
        Sub::Remove(args) => finish(args.common.json, remove(args)),
    }
}

/// The connector of the connection of this name.
pub(super) fn open(common: &Common, name: &str) -> Result<Box<dyn Connector>> {
    let root = common.root()?;
    let to = config::find(&root, &Dirs::from_env(), name)?;
    connect::open(&to, &root, &Layered::default())
}

fn add(args: &Add) -> Result<i32> {
    let root = args.common.root()?;
    let cx = out::context(false);
    let system = match &args.system {
        Some(name) => System::parse(name).ok_or_else(|| {
            let known: Vec<&str> = System::ALL.iter().map(|s| s.name()).collect();
            Error::user(format!("No system is called {name}")).hint(format!("Known are {}", known.join(", ")))
        })?,
        None => connect::detect(&args.url, args.ca_file.as_deref(), args.proxy.as_deref(), &root, &cx)?,
    };
    let mut to = Connection::new(&args.name, system, &args.url)?;
    if let Some(label) = &args.environment {
        to.environment = Environment::parse(label)
            .ok_or_else(|| Error::user(format!("No environment is called {label}")).hint("It is dev, test or prod"))?;
    }
    to.read_only = args.read_only;
    (to.ca_file, to.proxy) = (args.ca_file.clone(), args.proxy.clone());
    config::save(&root, &to)?;
    if args.common.json {
        document("andon.connection/1", json!({ "connection": to }));
    }
    say(&format!("{} is {} at {}; it stands in andon.toml", to.name, to.system.word(), to.url));
    let has = connect::secret_of(&to, &Layered::default()).is_ok_and(|s| s.is_some());
    if !has {
        let variable = Layered::variable(&to.name);
        say(&format!("  Where it asks who you are: andon connect secret {}, or set {variable}", to.name));
    }
    Ok(0)
}

fn test(args: &One) -> Result<i32> {
    let connector = open(&args.common, &args.name)?;
    let probe = connector.probe(&out::context(false))?;
    let good = probe.steps.iter().all(|s| s.ok);
    if args.common.json {
        let mut body = json!(probe);
        body["ok"] = json!(good);
        body["connection"] = json!(connector.to());
        document("andon.connection.test/1", body);
    } else {
        show(&probe);
    }
    Ok(i32::from(!good))
}

fn show(probe: &Probe) {
    let width = probe.steps.iter().map(|s| s.name.chars().count()).max().unwrap_or(0);
    for step in &probe.steps {
        let mark = if step.ok { "ok " } else { "no " };
        line(&format!("{mark} {:<width$}  {}", step.name, step.note));
    }
}

fn list(args: &List) -> Result<i32> {
    let root = args.common.root()?;
    let (all, problems) = config::load(&root, &Dirs::from_env());
    let store = Store::open(&root)?;
    let now = jiff::Timestamp::now();
    let mut rows: Vec<Value> = Vec::new();
    let width = all.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
    for to in &all {
        let health = store.health(&to.name)?;
        if args.common.json {
            let mut row = json!(to);
            row["version"] = json!(health.version);
            row["answered_at"] = json!(health.answered_at);
            row["failing_since"] = json!(health.failing.as_ref().map(|f| f.0));
            row["error"] = json!(health.failing.as_ref().map(|f| &f.1));
            row["pipelines"] = json!(store.remote_pipelines(&to.name)?.len());
            rows.push(row);
            continue;
        }
        let state = match (&health.failing, health.answered_at) {
            (Some((since, e)), _) => format!("no answer since {}: {e}", time::when(*since, now)),
            (None, Some(at)) => format!("answered {}", time::when(at, now)),
            (None, None) => "not asked yet".to_owned(),
        };
        let label = if to.environment == Environment::None { "" } else { to.environment.name() };
        let system = format!("{} {}", to.system.word(), health.version.as_deref().unwrap_or_default());
        line(format!("{:<width$}  {system:<14}  {label:<4}  {}  {state}", to.name, to.url).trim_end());
    }
    for problem in &problems {
        say(&format!("andon: {problem}"));
    }
    if args.common.json {
        document("andon.connections/1", json!({ "connections": rows, "problems": problems }));
    } else if all.is_empty() {
        say("No connections. Add one: andon connect add NAME URL");
    }
    Ok(0)
}

fn secret(args: &One) -> Result<i32> {
    let to = config::find(&args.common.root()?, &Dirs::from_env(), &args.name)?;
    let mut given = String::new();
    if std::io::stdin().is_terminal() {
        say(&format!("Paste the token of {}, or user:password, then Enter and Ctrl+D:", to.name));
    }
    let mut stdin = std::io::stdin().lock().take(1 << 16);
    stdin.read_to_string(&mut given).map_err(|e| Error::user("The secret could not be read").because(&e))?;
    let given = given.trim().to_owned();
    let secrets = Layered::default();
    if given.is_empty() {
        secrets.delete(&to.secret_key())?;
        say(&format!("The keyring holds no secret of {} now", to.name));
        return Ok(0);
    }
    secrets.set(&to.secret_key(), &Secret(given)).map_err(|e| {
        let variable = Layered::variable(&to.name);
        let error = Error { hint: None, ..e };
        error.hint(format!("Start a secret service (GNOME Keyring, KWallet, KeePassXC), or set {variable}"))
    })?;
    say(&format!("Kept in the keyring; andon connect test {} tries it", to.name));
    Ok(0)
}

fn remove(args: &One) -> Result<i32> {
    let root = args.common.root()?;
    let to = config::find(&root, &Dirs::from_env(), &args.name)?;
    if !to.shared {
        return Err(Error::user(format!("{} stands in your settings and not in andon.toml", to.name))
            .hint("Take it out on the page Settings"));
    }
    config::remove(&root, &to.name)?;
    Store::open(&root)?.forget_connection(&to.name)?;
    // On a machine without a keyring there is no secret to forget.
    let _ = Layered::default().delete(&to.secret_key());
    say(&format!("{} is taken out of andon.toml; the history of its runs stays", to.name));
    Ok(0)
}

//! `andon kernels`: what notebook cells can run on.
use std::path::PathBuf;

use serde_json::{Value, json};

use super::out::{self, Common, document, finish, page, say};
use crate::{
    base::{Error, Result, text::count, time},
    engine::{
        dirs::Dirs,
        kernel::{Discovery, Interpreter, KernelSpec, Kernels, Origin, choices},
        secrets::{Layered, Secret, SecretStore as _},
        workspace,
    },
    model::jupyter::{Address, Listing, Server},
};

/// Arguments of `andon kernels`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Environments (venv, uv, conda) are read from their files; nothing of them is run. Other Pythons are asked once and \
again when they change.\n\
The token of a server comes from the keyring, from the address, or from ANDON_SECRET_JUPYTER_<ADDRESS>, for example \
ANDON_SECRET_JUPYTER_HTTP_127_0_0_1_8888.")]
pub struct Args {
    /// Ask every Python again
    #[arg(long)]
    pub refresh: bool,
    /// List the kernels of a Jupyter server: its name in andon.toml or the settings, or its address
    #[arg(long, value_name = "NAME|URL")]
    pub server: Option<String>,
    #[command(flatten)]
    pub common: Common,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    finish(args.common.json, execute(args))
}

fn execute(args: &Args) -> Result<i32> {
    let root = args.common.root()?;
    let dirs = Dirs::from_env();
    let kernels = Kernels::new(&dirs.cache, std::sync::Arc::new(time::SystemClock));
    let cx = out::context(false);
    let servers = workspace::servers(&root, &dirs);
    if let Some(wanted) = &args.server {
        let (address, secrets) = (address(wanted, &servers)?, Layered::default());
        if let Some(token) = &address.token {
            secrets.remember(&Server::secret_of(&address.url), &Secret(token.clone()));
        }
        let token = secrets.get(&Server::secret_of(&address.url))?;
        let listing = kernels.listing(&address.url, token.as_ref(), &cx)?;
        if args.common.json {
            document("andon.kernels.server/1", json!(listing));
        } else {
            page(&of_server(&listing));
        }
        return Ok(0);
    }
    let found = kernels.discover(Some(&root), args.refresh, &cx)?;
    let chosen = choices::load(&root)?.workspace;
    let used = match &chosen {
        Some(choice) => Some(choice.id.clone()),
        None => found.for_notebook(None, None, None).map(|k| k.id.clone()),
    };
    if args.common.json {
        let pythons: Vec<Value> = found.interpreters.iter().map(python).collect();
        document(
            "andon.kernels/1",
            json!({
                "workspace": root,
                "default": used,
                "kernels": found.kernels,
                "interpreters": pythons,
                "servers": servers,
                "problems": found.problems,
            }),
        );
    } else {
        page(&words(&found, &servers, used.as_deref()));
        for problem in &found.problems {
            say(&format!("Cannot be used: {problem}"));
        }
    }
    Ok(0)
}

fn address(wanted: &str, servers: &[Server]) -> Result<Address> {
    if let Some(server) = servers.iter().find(|s| s.name == wanted) {
        return Address::parse(&server.url);
    }
    if wanted.contains("://") || wanted.contains(':') {
        return Address::parse(wanted);
    }
    let names: Vec<&str> = servers.iter().map(|s| s.name.as_str()).collect();
    let error = Error::user(format!("There is no Jupyter server named {wanted}"));
    Err(if names.is_empty() {
        error.hint("Give its address, such as http://127.0.0.1:8888/")
    } else {
        error.hint(format!("There are: {}; or give an address", names.join(", ")))
    })
}

fn python(python: &Interpreter) -> Value {
    let mut value = json!(python);
    if let Some(map) = value.as_object_mut() {
        map.insert("has_ipykernel".to_owned(), json!(python.ipykernel.is_some()));
    }
    value
}

fn heading(origin: Origin) -> &'static str {
    match origin {
        Origin::Workspace => "In this folder",
        Origin::Active => "Active environment",
        Origin::User => "Yours",
        Origin::System => "This machine's",
        Origin::Path => "On the PATH",
        Origin::Server => "On a server",
    }
}

/// The kernels by origin, then the Pythons without ipykernel.
fn words(found: &Discovery, servers: &[Server], used: Option<&str>) -> String {
    let mut text = String::new();
    let mut last = None;
    for kernel in &found.kernels {
        if last != Some(kernel.origin) {
            text += &format!("{}\n", heading(kernel.origin));
            last = Some(kernel.origin);
        }
        let mark = if used == Some(kernel.id.as_str()) { "*" } else { " " };
        let version = kernel.version.clone().unwrap_or_else(|| kernel.language.clone());
        text += &format!(" {mark} {:<34} {:<10} {}\n", kernel.display_name, version, place(kernel).display());
    }
    let bare: Vec<&Interpreter> = found.interpreters.iter().filter(|i| i.ipykernel.is_none()).collect();
    if !bare.is_empty() {
        text += "Without ipykernel\n";
    }
    for python in bare {
        let way = if python.takes_packages() { "install ipykernel there" } else { "make an environment from it" };
        text += &format!("   {:<34} {:<10} {}: {way}\n", python.kind.word(), python.version, python.path.display());
    }
    if !servers.is_empty() {
        text += "Jupyter servers\n";
    }
    for server in servers {
        text += &format!(
            "   {:<34} {:<10} {}\n",
            server.name,
            if server.shared { "andon.toml" } else { "yours" },
            server.url
        );
    }
    if found.kernels.is_empty() {
        text += "No kernel was found. `andon env create .venv` makes an environment with ipykernel\n";
    }
    text
}

fn place(kernel: &KernelSpec) -> PathBuf {
    let program = || kernel.argv.first().map(PathBuf::from).unwrap_or_default();
    kernel.python.clone().or_else(|| kernel.resource_dir.clone()).unwrap_or_else(program)
}

fn of_server(listing: &Listing) -> String {
    let mut text = format!("Jupyter server {} at {}\nCan be started\n", listing.version, listing.url);
    for spec in &listing.specs {
        text += &format!("   {:<34} {:<10} {}\n", spec.display_name, spec.language, spec.name);
    }
    if !listing.running.is_empty() {
        text += "Running\n";
    }
    for running in &listing.running {
        let title = running.title.as_deref().unwrap_or(&running.name);
        let seen = count(running.connections, "connection");
        text += &format!("   {title:<34} {:<10} {}, {seen}\n", running.state, running.id);
    }
    text
}

//! `andon env create`: a Python environment with ipykernel.
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::out::{self, document, finish, line, say};
use crate::{
    base::{Error, Result, time},
    engine::{
        dirs::Dirs,
        kernel::{self, Kernels, NewEnvironment},
    },
};

/// Arguments of `andon env`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with environments.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a Python environment with ipykernel, or add to one what it lacks
    Create(Create),
}

/// Arguments of `andon env create`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
uv makes it where it is installed, else venv and pip of the chosen Python. What the tools print goes to stderr; the \
last line on stdout is the environment's Python. A failure or Ctrl-C leaves nothing half-made behind.\n\
Exit codes: 0 made, 2 could not be made, 130 cancelled.")]
pub struct Create {
    /// Folder of the environment
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Packages to install besides ipykernel
    pub packages: Vec<String>,
    /// The Python to make it from: a path, a program, or a version such as 3.12; the newest one when left out
    #[arg(long, value_name = "PYTHON")]
    pub python: Option<String>,
    /// A file that names packages: a requirements file, or a pyproject.toml
    #[arg(short, long = "requirement", value_name = "FILE")]
    pub requirements: Vec<PathBuf>,
    /// What makes it; uv where it is installed when left out
    #[arg(long, value_enum)]
    pub installer: Option<Installer>,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// What makes environments.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Installer {
    Uv,
    Pip,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    let Command::Create(create) = &args.command;
    finish(create.json, execute(create))
}

fn execute(args: &Create) -> Result<i32> {
    let target = absolute(&args.folder)?;
    let (Some(root), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(Error::user(format!("{} is no folder for an environment", args.folder.display())));
    };
    if !root.is_dir() {
        return Err(Error::user(format!("There is no folder {}", root.display())).hint("Make it first"));
    }
    let kernels = Kernels::new(&Dirs::from_env().cache, std::sync::Arc::new(time::SystemClock));
    let cx = out::context(false);
    let requirements = args.requirements.iter().map(|f| beside(f)).collect::<Result<Vec<_>>>()?;
    let request = NewEnvironment {
        root: root.to_path_buf(),
        folder: name.to_string_lossy().into_owned(),
        base: args.python.as_deref().map(|p| base(&kernels, p, &cx)).transpose()?,
        packages: args.packages.clone(),
        requirements,
        installer: args.installer.map(|i| match i {
            Installer::Uv => kernel::Installer::Uv,
            Installer::Pip => kernel::Installer::Pip,
        }),
    };
    let made = kernel::create_environment(&kernels, &request, &cx, &say)?;
    let python = made.python.clone().unwrap_or_default();
    if args.json {
        document("andon.env/1", json!({ "folder": target, "python": python, "kernel": made }));
    } else {
        say(&format!("{} is ready", made.display_name));
        line(&python.display().to_string());
    }
    Ok(0)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let full =
        std::path::absolute(path).map_err(|e| Error::user(format!("{} is no path", path.display())).because(&e))?;
    // `..` is taken out where the folder above exists, so that its name is known.
    let clean: PathBuf = full.components().fold(PathBuf::new(), |mut all, part| {
        if part == std::path::Component::ParentDir {
            all.pop();
        } else {
            all.push(part);
        }
        all
    });
    Ok(clean)
}

/// A file as the request names it: a joined absolute path stays what it is.
fn beside(file: &Path) -> Result<String> {
    let full = absolute(file)?;
    if !full.is_file() {
        return Err(Error::user(format!("There is no file {}", file.display())));
    }
    Ok(full.to_string_lossy().into_owned())
}

/// A path, a version, or a program on the search path.
fn base(kernels: &Kernels, wanted: &str, cx: &crate::base::job::JobCtx) -> Result<PathBuf> {
    let path = Path::new(wanted);
    if path.components().count() > 1 || path.is_file() {
        let full = absolute(path)?;
        return if full.is_file() { Ok(full) } else { Err(Error::user(format!("There is no Python at {wanted}"))) };
    }
    let found = kernels.discover(None, false, cx)?;
    let fits = |version: &str| version == wanted || version.starts_with(&format!("{wanted}."));
    let named = found.interpreters.iter().filter(|i| !i.is_venv).find(|i| fits(&i.version));
    if let Some(python) = named {
        return Ok(python.path.clone());
    }
    Dirs::on_path(wanted).ok_or_else(|| {
        let mut versions: Vec<&str> = found.interpreters.iter().map(|i| i.version.as_str()).collect();
        versions.sort_unstable();
        versions.dedup();
        Error::user(format!("There is no Python {wanted} on this machine"))
            .hint(format!("There are: {}; or give a path", versions.join(", ")))
    })
}

//! The owner of a workspace's kernels: a process of its own (`andon kerneld`) that outlives the window.
//!
//! One runs for each person and workspace, started by the window with the first kernel. It drives the kernels as the
//! command line would, writes all they report into a log for each (`log`), and lets windows come and go: a window
//! attaches to the kernel of a notebook, is told what it has not seen, and then what comes. `place` is where it is
//! found, `frame` what is said, `held` a kernel in its hands, `server` the process, `client` the window's end.
mod client;
mod frame;
mod held;
mod log;
mod place;
mod server;

use std::path::Path;

pub use client::{ask_status, ask_stop};
pub(super) use client::{has_kept, reach as connect, reattach, start};
pub use server::serve;

use crate::base::{Result, error::Context, fsx};

/// What is said of a kernel whose owner is gone.
const GONE: &str = "The process that held the kernel (andon kerneld) ended, and the kernel with it.";

/// `.andon/` keeps itself out of git.
fn keep_out_of_git(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).io(|| format!("Could not make the folder {}", dir.display()))?;
    let ignore = dir.join(".gitignore");
    if ignore.exists() { Ok(()) } else { fsx::write_atomic(&ignore, b"*\n") }
}

//! Bytes of an output kept as a file: where a person says, or only to be opened by the system's program.
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Event;
use crate::{
    app::{Env, Out},
    base::{Error, Result, error::Context, fsx},
};

/// Writes the file and tells where it is.
pub(in crate::app) fn run(name: &str, base64: &str, open: bool, env: &Env, out: &Out) -> Result<()> {
    let compact: String = base64.split_whitespace().collect();
    let bytes = STANDARD.decode(compact).config(|| "The output's base64 text is broken".to_owned())?;
    if open {
        let path = env.dirs.cache.join("opened").join(format!("{:016x}", fsx::hash(&bytes))).join(name);
        put(&path, &bytes)?;
        out.send(Event::Kept { path, open });
        return Ok(());
    }
    match ask(name) {
        Answer::Chosen(path) => {
            fsx::write_atomic(&path, &bytes)?;
            out.send(Event::Kept { path, open });
        }
        Answer::Closed => {}
        Answer::NoDialog => {
            let path = free(&env.root()?, name)?;
            put(&path, &bytes)?;
            out.send(Event::Kept { path, open });
        }
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).io(|| format!("Could not make the folder {}", folder.display()))?;
    }
    fsx::write_atomic(path, bytes)
}

/// `output.wav`, else `output-2.wav` and so on: nothing is written over.
fn free(folder: &Path, name: &str) -> Result<PathBuf> {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let names = (1..1_000).map(|n| if n == 1 { name.to_owned() } else { format!("{stem}-{n}.{ending}") });
    let mut free = names.map(|n| folder.join(n)).filter(|p| !p.exists());
    free.next().ok_or_else(|| Error::user(format!("There are too many files named {stem} in the folder")))
}

#[cfg_attr(not(feature = "gui"), allow(dead_code, reason = "nothing can be chosen without a window"))]
enum Answer {
    Chosen(PathBuf),
    Closed,
    NoDialog,
}

#[cfg(feature = "gui")]
fn ask(name: &str) -> Answer {
    // Without a portal rfd answers None at once; a dialog that a person closes has been open longer than that.
    let since = std::time::Instant::now();
    match rfd::FileDialog::new().set_title("Save the output").set_file_name(name).save_file() {
        Some(path) => Answer::Chosen(path),
        None if since.elapsed().as_millis() > 700 => Answer::Closed,
        None => Answer::NoDialog,
    }
}

#[cfg(not(feature = "gui"))]
fn ask(_name: &str) -> Answer {
    Answer::NoDialog
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(free(dir.path(), "output.wav").unwrap(), dir.path().join("output.wav"));
        std::fs::write(dir.path().join("output.wav"), "x").unwrap();
        assert_eq!(free(dir.path(), "output.wav").unwrap(), dir.path().join("output-2.wav"));
    }
}

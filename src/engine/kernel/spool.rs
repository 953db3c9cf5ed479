//! What a cell prints beyond what belongs into memory and into a notebook: one file of text for a run, below
//! `.andon/outputs/`.
use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{
    base::{Error, Result, error::Context, ids},
    engine::workspace::dot_andon,
};

/// Where the files are, relative to the workspace.
const FOLDER: &str = ".andon/outputs";
/// A run that prints less than this has no file.
const BEFORE: usize = 4 << 20;
/// The oldest files go when all of them together are larger.
const MOST: u64 = 4 << 30;
/// A file is kept at least so long.
const YOUNG: Duration = Duration::from_hours(1);
/// Longest part of a line that is handed on at a time.
const LONGEST: usize = 1 << 20;

enum State {
    /// All of it so far.
    Short(String),
    Kept(File),
    /// The disk refused: the run goes on without a file.
    Refused,
}

/// Takes down what one run prints, on stdout and stderr in the order it came.
pub struct Spool {
    root: PathBuf,
    file: String,
    state: Mutex<State>,
}

impl Spool {
    /// For a run of a cell of `notebook`. Nothing is on disk until the run has printed much.
    pub fn new(root: &Path, notebook: &str) -> Self {
        let stem = notebook.rsplit('/').next().unwrap_or(notebook);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let stem: String = stem.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).take(60).collect();
        let file = format!("{FOLDER}/{stem}-{}.txt", ids::random(8));
        Self { root: root.to_path_buf(), file, state: Mutex::new(State::Short(String::new())) }
    }

    /// Takes text. The piece with which a file is begun gives its path, relative to the workspace, or why there is
    /// none; a file that cannot be written on is told in the same way.
    pub fn take(&self, text: &str) -> Option<Result<String>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Short(before) if before.len() + text.len() < BEFORE => {
                before.push_str(text);
                None
            }
            State::Short(before) => {
                let begun = self.begin(before, text);
                let (next, told) = match begun {
                    Ok(file) => (State::Kept(file), Ok(self.file.clone())),
                    Err(e) => (State::Refused, Err(e)),
                };
                *state = next;
                Some(told)
            }
            State::Kept(file) => match file.write_all(text.as_bytes()) {
                Ok(()) => None,
                Err(e) => {
                    *state = State::Refused;
                    Some(Err(Error::io(format!("Could not write on in {}", self.file)).because(&e)))
                }
            },
            State::Refused => None,
        }
    }

    fn begin(&self, before: &str, text: &str) -> Result<File> {
        let what = || format!("Could not keep the whole output in {}", self.file);
        dot_andon(&self.root)?;
        fs::create_dir_all(self.root.join(FOLDER)).io(what)?;
        make_room(&self.root.join(FOLDER), MOST, YOUNG);
        let mut file = OpenOptions::new().write(true).create_new(true).open(self.root.join(&self.file)).io(what)?;
        file.write_all(before.as_bytes()).and_then(|()| file.write_all(text.as_bytes())).io(what)?;
        Ok(file)
    }
}

/// Removes the oldest files until all together are no larger than `most`; none that is younger than `young`.
fn make_room(folder: &Path, most: u64, young: Duration) {
    let Ok(all) = fs::read_dir(folder) else { return };
    let about = |e: fs::DirEntry| {
        let meta = e.metadata().ok().filter(fs::Metadata::is_file)?;
        Some((meta.modified().ok()?, meta.len(), e.path()))
    };
    let mut files: Vec<(SystemTime, u64, PathBuf)> = all.filter_map(|e| about(e.ok()?)).collect();
    files.sort();
    let mut total: u64 = files.iter().map(|f| f.1).sum();
    for (at, len, path) in files {
        if total <= most || at.elapsed().is_ok_and(|age| age < young) {
            return;
        }
        if fs::remove_file(&path).is_ok() {
            total -= len;
        }
    }
}

/// Reads a text line by line without ever holding all of it: `each` gets the number of the line, from 0, and the line
/// without its end, and says whether to go on. Of a line longer than a megabyte it gets the parts, with one number.
pub fn each_line(path: &Path, mut each: impl FnMut(u64, &str) -> bool) -> Result<()> {
    let what = || format!("Could not read {}", path.display());
    let mut from = BufReader::with_capacity(256 << 10, File::open(path).io(what)?);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        if (&mut from).take(LONGEST as u64).read_until(b'\n', &mut line).io(what)? == 0 && line.is_empty() {
            return Ok(());
        }
        let ended = line.last() == Some(&b'\n');
        let end = line.len() - usize::from(ended);
        // A part may end within a letter, which then goes with the next one.
        let whole = match std::str::from_utf8(line.get(..end).unwrap_or_default()) {
            Err(e) if !ended && e.error_len().is_none() && e.valid_up_to() > 0 => e.valid_up_to(),
            _ => end,
        };
        let text = String::from_utf8_lossy(line.get(..whole).unwrap_or_default()).into_owned();
        if !each(number, &text) {
            return Ok(());
        }
        line.drain(..if ended { end + 1 } else { whole });
        number += u64::from(ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_has_no_file_and_what_is_long_is_whole_in_one() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path(), "a/My notes (2).ipynb");
        let piece = "x".repeat(99) + "\n";
        assert!(spool.take(&piece).is_none());
        assert!(!dir.path().join(".andon").exists());
        let mut told = Vec::new();
        for _ in 1..100_000 {
            told.extend(spool.take(&piece));
        }
        assert_eq!(told.len(), 1);
        let file = told.remove(0).unwrap();
        assert!(file.starts_with(".andon/outputs/Mynotes2-") && file.ends_with(".txt"), "{file}");
        let text = fs::read_to_string(dir.path().join(&file)).unwrap();
        assert!(text == piece.repeat(100_000));
        assert_eq!(fs::read_to_string(dir.path().join(".andon/.gitignore")).unwrap(), "*\n");
        let (mut lines, mut last) = (0, 0);
        each_line(&dir.path().join(&file), |n, line| {
            (lines, last) = (lines + 1, n);
            line.len() == 99
        })
        .unwrap();
        assert_eq!((lines, last), (100_000, 99_999));
    }

    #[test]
    fn a_folder_that_takes_nothing_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".andon"), "in the way").unwrap();
        let spool = Spool::new(dir.path(), "n.ipynb");
        let big = "y".repeat(BEFORE);
        assert!(spool.take(&big).unwrap().unwrap_err().what.contains("Could not make"));
        assert!(spool.take(&big).is_none());
    }

    #[test]
    fn room_is_made_by_age_and_long_lines_come_in_parts_cut_between_letters() {
        let dir = tempfile::tempdir().unwrap();
        for (n, name) in ["old", "middle", "new"].iter().enumerate() {
            let path = dir.path().join(name);
            fs::write(&path, "z".repeat(100)).unwrap();
            let at = SystemTime::now() - Duration::from_hours(30 - 10 * n as u64);
            File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        }
        make_room(dir.path(), 250, YOUNG);
        assert!(!dir.path().join("old").exists() && dir.path().join("middle").exists());
        make_room(dir.path(), 0, Duration::from_hours(15));
        assert!(!dir.path().join("middle").exists() && dir.path().join("new").exists());
        let path = dir.path().join("long");
        let long = "\u{e9}".repeat(LONGEST) + "!";
        fs::write(&path, format!("a\n{long}\nend")).unwrap();
        let mut all = vec![String::new(); 3];
        each_line(&path, |n, part| {
            all[n as usize].push_str(part);
            true
        })
        .unwrap();
        assert!(all[0] == "a" && all[1] == long && all[2] == "end");
    }
}

//! Decisions about conflicts, kept in `.andon/merge-decisions/`: one file for a path and the versions it met in.
use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, ToSpan};

use super::workspace::dot_andon;
use crate::{
    base::{Error, Result, error::Context, fsx},
    model::merge::Kept,
};

/// How long decisions about versions that never came back are kept.
const DAYS: i64 = 30;
/// Larger files hold no decisions.
const MOST: u64 = 200_000_000;

fn folder(root: &Path) -> PathBuf {
    root.join(".andon").join("merge-decisions")
}

/// The beginning of the names of a path's files.
fn stem(path: &str) -> String {
    format!("{:016x}-", fsx::hash(path.as_bytes()))
}

fn file(root: &Path, path: &str, mark: u64) -> PathBuf {
    folder(root).join(format!("{}{mark:016x}.json", stem(path)))
}

/// What was decided about a file, newest first. What cannot be read stays where it is and is told.
pub fn read(root: &Path, path: &str) -> (Vec<Kept>, Vec<Error>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    let Ok(list) = fs::read_dir(folder(root)) else { return (found, problems) };
    let stem = stem(path);
    for entry in list.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(&stem) || !name.ends_with(".json") || entry.metadata().is_ok_and(|m| m.len() > MOST) {
            continue;
        }
        let read = fsx::read_text(&entry.path()).and_then(|text| {
            serde_json::from_str::<Kept>(&text).map_err(|e| {
                Error::config(format!("What was decided about {path} before cannot be read"))
                    .because(&e)
                    .hint(format!("The file is left as it is: {}", entry.path().display()))
            })
        });
        match read {
            Ok(kept) if kept.path == path && kept.mark().is_some() => found.push(kept),
            Ok(_) => {}
            Err(e) => problems.push(e),
        }
    }
    found.sort_by_key(|k| std::cmp::Reverse(k.at));
    (found, problems)
}

/// Keeps decisions, in the place of those about the same versions.
pub fn keep(root: &Path, kept: &Kept) -> Result<()> {
    let mark = kept.mark().ok_or_else(|| Error::bug("Decisions have no versions"))?;
    let dir = dot_andon(root)?.join("merge-decisions");
    fs::create_dir_all(&dir).io(|| format!("Could not keep what was decided about {}", kept.path))?;
    let text = serde_json::to_vec_pretty(kept).map_err(|e| Error::bug("Could not write decisions").because(&e))?;
    fsx::write_atomic(&file(root, &kept.path, mark), &text)
}

/// Forgets what was decided about these versions.
pub fn forget(root: &Path, path: &str, mark: u64) -> Result<()> {
    match fs::remove_file(file(root, path, mark)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format!("Could not forget what was decided about {path}")).because(&e))
        }
        _ => Ok(()),
    }
}

/// Takes away what nobody came back to for a month.
pub fn forget_old(root: &Path, now: Timestamp) {
    let Ok(limit) = now.checked_sub((DAYS * 24).hours()) else { return };
    for entry in fs::read_dir(folder(root)).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| Timestamp::try_from(t).ok());
        let ours = entry.file_name().to_string_lossy().ends_with(".json");
        if ours && age.is_some_and(|at| at < limit) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::merge::{Answer, Pick, TextPlan};

    fn kept(path: &str, mark: u64, at: i64) -> Kept {
        let plan = TextPlan::new("a", "b", "c");
        let mut answer = Answer::new(&plan.entries[0]);
        answer.pick(&plan.entries[0], Pick::Remote);
        let answers = [(plan.entries[0].at, answer)].into();
        let at = Timestamp::from_second(at).unwrap();
        Kept::new((path, mark), &plan.entries, (&answers, &BTreeMap::new()), at).unwrap()
    }

    #[test]
    fn decisions_of_a_path_are_found_again_newest_first_and_broken_ones_told() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert!(read(root, "a.txt").0.is_empty());
        for (path, mark, at) in [("a.txt", 1, 10), ("a.txt", 2, 20), ("b/../a.txt", 3, 30)] {
            keep(root, &kept(path, mark, at)).unwrap();
        }
        keep(root, &kept("a.txt", 1, 15)).unwrap();
        let (found, problems) = read(root, "a.txt");
        assert_eq!(found.iter().map(Kept::mark).collect::<Vec<_>>(), [Some(2), Some(1)]);
        assert!(problems.is_empty());
        assert_eq!(fs::read_to_string(root.join(".andon/.gitignore")).unwrap(), "*\n");
        fs::write(file(root, "a.txt", 2), "{\"format\": 1").unwrap();
        let (found, problems) = read(root, "a.txt");
        assert_eq!((found.len(), problems.len()), (1, 1));
        assert!(problems[0].hint.as_ref().unwrap().contains("left as it is"));
        forget(root, "a.txt", 1).unwrap();
        forget(root, "a.txt", 1).unwrap();
        assert!(read(root, "a.txt").0.is_empty());
        assert!(file(root, "a.txt", 2).exists());
        forget_old(root, Timestamp::now());
        assert!(file(root, "a.txt", 2).exists());
        forget_old(root, Timestamp::now() + jiff::SignedDuration::from_hours(24 * 31));
        assert_eq!(fs::read_dir(folder(root)).unwrap().count(), 0);
    }
}

//! Which files are tables, and which one was meant.
use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::base::{Error, Result, fsx, text};

/// File endings that are opened as tables.
pub const FORMATS: [&str; 11] =
    ["csv", "tsv", "psv", "parquet", "pq", "json", "ndjson", "jsonl", "arrow", "ipc", "feather"];

/// True when the name says that the file is a table.
pub fn is_data_file(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    FORMATS.contains(&ending.as_str())
}

/// A data file below a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Relative to the root, `/` between parts.
    pub path: String,
    pub bytes: u64,
}

/// Data files below `root`, by path: hidden folders and what tools leave behind are passed over, JSON only below
/// `data` folders (settings are JSON too), at most `limit`.
pub fn list_data_files(root: &Path, limit: usize) -> Vec<DataFile> {
    let mut found = Vec::new();
    walk(root, root, limit, 0, &mut found);
    found.sort_by(|a: &DataFile, b| a.path.cmp(&b.path));
    found
}

fn walk(root: &Path, dir: &Path, limit: usize, depth: usize, found: &mut Vec<DataFile>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(|e| e.file_name());
    for entry in entries {
        if found.len() >= limit {
            return;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            let skip = name.starts_with('.') || ["node_modules", "target", "__pycache__", "venv"].contains(&&*name);
            if !skip && depth < 12 {
                walk(root, &entry.path(), limit, depth + 1, found);
            }
            continue;
        }
        let path = entry.path();
        let relative = fsx::relative(root, &path);
        let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        let in_data = relative.split('/').rev().skip(1).any(|part| part == "data");
        if !name.starts_with('.') && is_data_file(&path) && (!json || in_data) {
            let bytes = entry.metadata().map(|m| m.len()).unwrap_or(0);
            found.push(DataFile { path: relative, bytes });
        }
    }
}

/// The data files below `root` nearest in name to one that does not exist, best first.
pub fn nearest_files(root: &Path, wanted: &str) -> Vec<String> {
    let stem = |p: &str| p.rsplit('/').next().unwrap_or(p).to_lowercase();
    let target = stem(wanted);
    let mut scored: Vec<(usize, String)> = list_data_files(root, 2_000)
        .into_iter()
        .map(|f| (text::distance(&target, &stem(&f.path)), f.path))
        .filter(|(d, _)| *d <= target.chars().count() / 2 + 1)
        .collect();
    scored.sort();
    scored.truncate(3);
    scored.into_iter().map(|(_, path)| path).collect()
}

/// The files a path, glob or folder stands for, sorted. `*` and `?` match within a name, `**` any folders.
pub(crate) fn expand(path: &Path) -> Result<Vec<PathBuf>> {
    let text = path.to_string_lossy();
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    if path.is_dir() {
        return in_folder(path);
    }
    if !text.contains(['*', '?']) {
        return Err(Error::user(format!("There is no file {text}")));
    }
    let pattern: Vec<&str> = text.split('/').collect();
    let fixed = pattern.iter().position(|p| p.contains(['*', '?'])).unwrap_or(0);
    let base = pattern[..fixed].join("/");
    let base = if base.is_empty() && text.starts_with('/') { "/".to_owned() } else { base };
    let base = if base.is_empty() { PathBuf::from(".") } else { PathBuf::from(base) };
    let mut found = Vec::new();
    matching(&base, &pattern[fixed..], &mut found);
    found.sort();
    found.dedup();
    if found.is_empty() {
        return Err(Error::user(format!("No file matches {text}")));
    }
    Ok(found)
}

fn matching(dir: &Path, pattern: &[&str], found: &mut Vec<PathBuf>) {
    let Some((first, rest)) = pattern.split_first() else { return };
    if *first == "**" {
        matching(dir, rest, found);
    }
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        if *first == "**" {
            if path.is_dir() {
                matching(&path, pattern, found);
            }
        } else if wildcard(first, &name) {
            if rest.is_empty() && path.is_file() {
                found.push(path);
            } else if !rest.is_empty() && path.is_dir() {
                matching(&path, rest, found);
            }
        }
    }
}

fn wildcard(pattern: &str, name: &str) -> bool {
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut pi, mut ni, mut star) = (0, 0, None);
    while ni < n.len() {
        if pi < p.len() && p[pi] == '*' {
            star = Some((pi, ni));
            pi += 1;
        } else if pi < p.len() && (p[pi] == '?' || p[pi] == n[ni]) {
            pi += 1;
            ni += 1;
        } else if let Some((sp, sn)) = star {
            pi = sp + 1;
            ni = sn + 1;
            star = Some((sp, sn + 1));
        } else {
            return false;
        }
    }
    p[pi..].iter().all(|c| *c == '*')
}

fn in_folder(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        list_data_files(dir, 10_000).into_iter().map(|f| dir.join(f.path)).filter(|p| p.is_file()).collect();
    files.sort();
    let Some(first) = files.first() else {
        return Err(Error::user(format!("The folder {} holds no data files", dir.display()))
            .hint("Andon opens CSV, TSV, Parquet, JSON, NDJSON and Arrow files"));
    };
    let ending = |p: &Path| p.extension().map(|e| e.to_ascii_lowercase());
    let kind = ending(first);
    if files.iter().any(|f| ending(f) != kind) {
        return Err(Error::user(format!("The folder {} holds files of several formats", dir.display()))
            .hint("Name one format with a pattern such as 'folder/*.parquet'"));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_names_and_folders() {
        let dir = tempfile::tempdir().unwrap();
        for f in ["data/a/1.csv", "data/b/2.csv", "data/b/x.parquet", ".hidden/3.csv", "andon.json"] {
            let path = dir.path().join(f);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "a\n1\n").unwrap();
        }
        let names = |p: &str| -> Vec<String> {
            expand(&dir.path().join(p)).unwrap().iter().map(|f| fsx::relative(dir.path(), f)).collect()
        };
        assert_eq!(names("data/*/*.csv"), ["data/a/1.csv", "data/b/2.csv"]);
        assert_eq!(names("**/?.csv"), ["data/a/1.csv", "data/b/2.csv"]);
        assert_eq!(names("data/a"), ["data/a/1.csv"]);
        assert!(expand(&dir.path().join("data/b")).unwrap_err().what.contains("several formats"));
        assert!(expand(&dir.path().join("*.feather")).unwrap_err().what.contains("No file matches"));
        assert_eq!(nearest_files(dir.path(), "data/b/3.csv"), ["data/a/1.csv", "data/b/2.csv"]);
        let listed: Vec<_> = list_data_files(dir.path(), 100).into_iter().map(|f| f.path).collect();
        assert_eq!(listed, ["data/a/1.csv", "data/b/2.csv", "data/b/x.parquet"]);
    }
}

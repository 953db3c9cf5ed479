//! What it takes to reproduce a run: code, uncommitted changes, environment, files.
use std::{collections::BTreeMap, path::Path, process::Command};

use crate::{
    base::{Result, fsx, job::JobCtx},
    engine::{git::Repo, store::Store},
    model::{
        git::Head,
        pipeline::Pipeline,
        run::{Commit, Record},
    },
};

/// Files that fix the versions of what tasks use.
const LOCK_FILES: [&str; 10] = [
    "requirements.txt",
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "environment.yml",
    "conda-lock.yml",
    "renv.lock",
    "package-lock.json",
    "Manifest.toml",
];

/// Endings of files that are code: only these count when they are new and not yet known to git.
const CODE: [&str; 13] = ["py", "ipynb", "sql", "toml", "r", "R", "sh", "jl", "yml", "yaml", "json", "rs", "js"];

/// Takes the record. What cannot be found out is left empty; a run does not fail for it.
pub(super) fn take_record(store: &Store, pipeline: &Pipeline, cx: &JobCtx) -> Record {
    let root = store.root();
    let mut record = code(store, pipeline, cx).unwrap_or_default();
    record.source_hash = store.file_hash(&pipeline.file);
    record.environment.insert("andon".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    record.environment.insert("system".to_owned(), system);
    if pipeline.tasks.iter().any(|t| t.run.contains("python"))
        && let Some(version) = python(root)
    {
        record.environment.insert("python".to_owned(), version);
    }
    for file in LOCK_FILES {
        if let Some(hash) = store.file_hash(file) {
            record.environment.insert(file.to_owned(), hash);
        }
    }
    record
}

fn code(store: &Store, pipeline: &Pipeline, cx: &JobCtx) -> Result<Record> {
    let Some(repo) = Repo::discover(store.root())? else { return Ok(Record::default()) };
    let status = repo.status(cx)?;
    let mut record = Record::default();
    if let Head::Branch { branch, .. } = &status.head {
        record.branch = Some(branch.clone());
    }
    if status.head.commit().is_some() {
        record.commit = repo.log("HEAD", 1, cx)?.into_iter().next().map(|c| Commit {
            id: c.id,
            summary: c.summary,
            author: c.author.name,
            at: c.at,
        });
    }
    // What the pipeline itself writes is a result, not a change of the code.
    let written: Vec<&str> = pipeline
        .tasks
        .iter()
        .flat_map(|t| t.outputs.iter().chain(&t.output))
        .filter_map(|o| o.split("${").next())
        .filter(|o| !o.is_empty())
        .collect();
    let mut text = String::new();
    for file in &status.files {
        let ending = file.path.rsplit('.').next().unwrap_or_default();
        if written.iter().any(|w| file.path.starts_with(w)) || (file.untracked && !CODE.contains(&ending)) {
            continue;
        }
        cx.check()?;
        let hash = store.file_hash(&file.path).unwrap_or_else(|| "gone".to_owned());
        text.push_str(&format!("{} {hash}\n", file.path));
        if record.dirty_files.len() < 100 {
            record.dirty_files.push(file.path.clone());
        }
    }
    record.dirty = (!text.is_empty()).then(|| format!("{:016x}", fsx::hash(text.as_bytes())));
    Ok(record)
}

/// The version of the interpreter that commands find.
fn python(root: &Path) -> Option<String> {
    let out = Command::new("python3").arg("--version").current_dir(root).output().ok()?;
    let text = if out.stdout.is_empty() { out.stderr } else { out.stdout };
    let text = String::from_utf8_lossy(&text).into_owned();
    text.trim().strip_prefix("Python ").map(str::to_owned)
}

/// Commits of `to` that `from` lacks, newest first, at most `limit`; empty without a repository.
pub fn commits_between(root: &Path, from: &str, to: &str, limit: usize, cx: &JobCtx) -> Result<Vec<Commit>> {
    let Some(repo) = Repo::discover(root)? else { return Ok(Vec::new()) };
    let all = repo.commits_between(from, to, limit, cx)?;
    Ok(all.into_iter().map(|c| Commit { id: c.id, summary: c.summary, author: c.author.name, at: c.at }).collect())
}

/// Hashes of files by workspace path. A folder or a pattern stands for the files in it, at most a thousand.
pub(super) fn hashes<'a>(store: &Store, paths: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for path in paths {
        for file in files(store.root(), path) {
            if let Some(hash) = store.file_hash(&file) {
                all.insert(file, hash);
            }
        }
    }
    all
}

/// The files a path of a task means.
fn files(root: &Path, path: &str) -> Vec<String> {
    let path = path.trim_start_matches("./");
    if fsx::inside(root, path).is_err() {
        return Vec::new();
    }
    let full = root.join(path);
    if full.is_file() {
        return vec![path.to_owned()];
    }
    let (folder, pattern) =
        if full.is_dir() { (path.trim_end_matches('/'), "*") } else { path.rsplit_once('/').unwrap_or(("", path)) };
    if !full.is_dir() && !pattern.contains(['*', '?']) {
        return Vec::new();
    }
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .flatten()
        .filter(|e| e.path().is_file())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| fits(pattern, name) && !name.starts_with('.'))
        .map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") })
        .collect();
    found.sort();
    found.truncate(1000);
    found
}

/// `*` stands for any letters, `?` for one.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = pattern.get(1..).unwrap_or_default();
            name.char_indices()
                .map(|(i, _)| i)
                .chain([name.len()])
                .any(|i| fits(rest, name.get(i..).unwrap_or_default()))
        }
        Some(c) => {
            let mut letters = name.chars();
            letters.next().is_some_and(|n| c == '?' || c == n)
                && fits(pattern.get(c.len_utf8()..).unwrap_or_default(), letters.as_str())
        }
    }
}

/// Files named between quotes in a query.
pub(super) fn quoted(sql: &str) -> Vec<&str> {
    sql.split('\'').skip(1).step_by(2).filter(|t| t.contains(['.', '/', '*']) && !t.contains('\n')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_folders_stand_for_their_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        for name in ["a.csv", "b.csv", "c.txt"] {
            std::fs::write(dir.path().join("data").join(name), name).unwrap();
        }
        assert_eq!(files(dir.path(), "data/*.csv"), ["data/a.csv", "data/b.csv"]);
        assert_eq!(files(dir.path(), "data").len(), 3);
        assert_eq!(files(dir.path(), "./data/a.csv"), ["data/a.csv"]);
        assert!(files(dir.path(), "../etc/passwd").is_empty());
        assert_eq!(quoted("SELECT 'x' FROM 'data/a.csv' JOIN 'b/*.parquet'"), ["data/a.csv", "b/*.parquet"]);
        assert!(fits("a?c*", "abcdef") && !fits("a?c", "abcd"));
    }
}

//! Which files are searched.
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ignore::{
    WalkBuilder, WalkState,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::{Search, bad_pattern, lock};
use crate::{
    base::{Error, Result, fsx, job::JobCtx},
    engine::workspace::HIDDEN,
    model::search::{Tally, patterns},
};

/// Files in order, and what could not be looked into.
pub(super) struct Files {
    /// Where each lies, and what it is called.
    pub paths: Vec<(PathBuf, String)>,
    pub tally: Tally,
    include: Option<Gitignore>,
    exclude: Gitignore,
    below: Vec<String>,
}

impl Files {
    /// True for a file the patterns and the named folders take.
    pub fn takes(&self, path: &str) -> bool {
        let inside = |dir: &String| dir.is_empty() || path == dir || path.starts_with(&format!("{dir}/"));
        (self.below.is_empty() || self.below.iter().any(inside)) && fits(self.include.as_ref(), &self.exclude, path)
    }
}

/// What paths are sorted by: files of a folder come behind its folders, as in the list of files.
pub(super) fn key(path: &str) -> Vec<(bool, String, String)> {
    let mut parts = path.split('/').peekable();
    let mut key = Vec::new();
    while let Some(part) = parts.next() {
        key.push((parts.peek().is_none(), part.to_lowercase(), part.to_owned()));
    }
    key
}

fn fits(include: Option<&Gitignore>, exclude: &Gitignore, path: &str) -> bool {
    let is = |of: &Gitignore| !of.is_empty() && of.matched_path_or_any_parents(path, false).is_ignore();
    include.is_none_or(is) && !is(exclude)
}

/// Patterns as .gitignore has them: a name alone fits at any depth, a folder with all that is in it.
fn matcher(text: &str) -> Result<Gitignore> {
    let mut builder = GitignoreBuilder::new("");
    for pattern in patterns(text) {
        let plain = pattern.trim_start_matches("./");
        // An exclamation mark would take a pattern back; here it is part of a name.
        let line = if plain.starts_with(['!', '#']) { format!("\\{plain}") } else { plain.to_owned() };
        builder.add_line(None, &line).map_err(|e| bad_pattern(pattern, &e))?;
    }
    builder.build().map_err(|e| bad_pattern(text, &e))
}

/// Walks.
pub(super) fn files(search: &Search, cx: &JobCtx) -> Result<Files> {
    let include = patterns(&search.ask.include).next().map(|_| matcher(&search.ask.include)).transpose()?;
    let exclude = matcher(&search.ask.exclude)?;
    let mut files = Files { paths: Vec::new(), tally: Tally::default(), include, exclude, below: Vec::new() };
    let starts = if search.paths.is_empty() { vec![search.root.clone()] } else { search.paths.clone() };
    for start in &starts {
        let meta = std::fs::metadata(start)
            .map_err(|e| Error::user(format!("There is no {}", start.display())).because(&e))?;
        if !search.paths.is_empty() {
            files.below.push(name(&search.root, start));
        }
        if meta.is_file() {
            // Asked for by name: searched whatever git ignores.
            files.paths.push((start.clone(), name(&search.root, start)));
            continue;
        }
        below(start, search, cx, &mut files)?;
    }
    files.paths.sort_by_cached_key(|(_, name)| key(name));
    files.paths.dedup_by(|a, b| a.1 == b.1);
    Ok(files)
}

fn name(root: &Path, path: &Path) -> String {
    let name = fsx::relative(root, path);
    name.strip_prefix("./").map(str::to_owned).unwrap_or(if name == "." { String::new() } else { name })
}

fn below(start: &Path, search: &Search, cx: &JobCtx, files: &mut Files) -> Result<()> {
    let (root, exclude) = (search.root.clone(), files.exclude.clone());
    let skip = move |path: &Path, is_dir: bool| {
        let file_name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if is_dir && HIDDEN.contains(&file_name) || !is_dir && file_name.starts_with(".andon-") {
            return true;
        }
        if exclude.is_empty() {
            return false;
        }
        let name = name(&root, path);
        !name.is_empty() && exclude.matched_path_or_any_parents(&name, is_dir).is_ignore()
    };
    let walk = WalkBuilder::new(start)
        .hidden(false)
        .require_git(false)
        .follow_links(false)
        .filter_entry(move |e| e.depth() == 0 || !skip(e.path(), e.file_type().is_some_and(|t| t.is_dir())))
        .threads(super::threads())
        .build_parallel();
    let found = Mutex::new((Vec::new(), Vec::new()));
    let include = files.include.as_ref();
    walk.run(|| {
        let found = &found;
        Box::new(move |entry| {
            if cx.cancel.is_cancelled() {
                return WalkState::Quit;
            }
            match entry {
                Ok(entry) if entry.file_type().is_some_and(|t| t.is_file()) => {
                    let name = name(&search.root, entry.path());
                    // The folder's own patterns were looked at on the way.
                    if include.is_none_or(|of| of.matched_path_or_any_parents(&name, false).is_ignore()) {
                        lock(found).0.push((entry.into_path(), name));
                    }
                }
                Ok(_) => {}
                Err(e) => lock(found).1.push(e.to_string()),
            }
            WalkState::Continue
        })
    });
    cx.check()?;
    let (paths, mut failed) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    files.paths.extend(paths);
    failed.sort();
    for text in failed.iter().take(super::TOLD.saturating_sub(files.tally.unread.len())) {
        let (path, why) = text.rsplit_once(": ").unwrap_or(("", text));
        files.tally.unread.push((name(&search.root, Path::new(path)), why.to_owned()));
    }
    Ok(())
}

//! Which files are searched.
use std::{
    cmp::Ordering,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use ignore::{
    WalkBuilder,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::{Search, bad_pattern};
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

/// Files of a folder come behind its folders, as in the list of files.
pub(super) fn order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('/').peekable(), b.split('/').peekable());
    loop {
        let (Some(x), Some(y)) = (left.next(), right.next()) else { return a.len().cmp(&b.len()) };
        let files = (left.peek().is_none(), right.peek().is_none());
        if files.0 != files.1 {
            return files.0.cmp(&files.1);
        }
        let by_name = || x.to_lowercase().cmp(&y.to_lowercase()).then_with(|| x.cmp(y));
        match by_name() {
            Ordering::Equal => {}
            other => return other,
        }
    }
}

fn fits(include: Option<&Gitignore>, exclude: &Gitignore, path: &str) -> bool {
    let is = |of: &Gitignore| of.matched_path_or_any_parents(path, false).is_ignore();
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
    files.paths.sort_by(|a, b| order(&a.1, &b.1));
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
        let name = name(&root, path);
        !name.is_empty() && exclude.matched_path_or_any_parents(&name, is_dir).is_ignore()
    };
    let walk = WalkBuilder::new(start)
        .hidden(false)
        .require_git(false)
        .follow_links(false)
        .filter_entry(move |e| e.depth() == 0 || !skip(e.path(), e.file_type().is_some_and(|t| t.is_dir())))
        .build();
    for entry in walk {
        cx.check()?;
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|t| t.is_file()) => {
                let name = name(&search.root, entry.path());
                if fits(files.include.as_ref(), &files.exclude, &name) {
                    files.paths.push((entry.into_path(), name));
                }
            }
            Ok(_) => {}
            Err(e) if files.tally.unread.len() < super::TOLD => {
                let text = e.to_string();
                let (path, why) = text.rsplit_once(": ").unwrap_or(("", &text));
                files.tally.unread.push((name(&search.root, Path::new(path)), why.to_owned()));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

//! Which files are not as the last commit has them.
use std::path::{Path, PathBuf};

use git2::{Status as Flags, StatusOptions, StatusShow};

use super::{GitContext, MAX_FILES, Repo};
use crate::{
    base::{Result, job::JobCtx},
    model::git::{Author, Change, FileState, Head, Status},
};

/// Hooks that `git commit` starts.
const COMMIT_HOOKS: [&str; 6] =
    ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-index-change", "reference-transaction"];

impl Repo {
    /// The workspace's state. Ignored files and `.andon/` are left out.
    pub fn status(&self, cx: &JobCtx) -> Result<Status> {
        let mut status = Status { head: self.head()?, underway: self.underway(), ..Status::default() };
        status.author = self.author();
        (status.upstream, status.ahead_behind) = self.upstream(&status.head);
        if self.git.is_bare() {
            status.bare = true;
            return Ok(status);
        }
        cx.check()?;
        let mut options = StatusOptions::new();
        options
            .show(StatusShow::IndexAndWorkdir)
            .include_untracked(true)
            .recurse_untracked_dirs(true)
            .exclude_submodules(true)
            .renames_head_to_index(true)
            .include_ignored(false);
        if !self.prefix.is_empty() {
            options.disable_pathspec_match(true).pathspec(self.prefix.trim_end_matches('/'));
        }
        let entries = self.git.statuses(Some(&mut options)).git(|| "Could not read the state of the files".into())?;
        cx.check()?;
        let mut files: Vec<_> = entries.iter().filter_map(|e| self.file_state(&e)).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        status.more = files.len().saturating_sub(MAX_FILES) as u64;
        files.truncate(MAX_FILES);
        status.commit_runs = self.commit_runs(files.iter().map(|f| f.path.as_str()).take(500));
        status.files = files;
        Ok(status)
    }

    fn file_state(&self, entry: &git2::StatusEntry<'_>) -> Option<FileState> {
        let flags = entry.status();
        let delta = entry.head_to_index().or_else(|| entry.index_to_workdir());
        let path_of = |file: git2::DiffFile<'_>| file.path_bytes().map(|b| String::from_utf8_lossy(b).into_owned());
        let inner = delta
            .as_ref()
            .and_then(|d| path_of(d.new_file()))
            .unwrap_or_else(|| String::from_utf8_lossy(entry.path_bytes()).into_owned());
        let path = self.outer(&inner)?.to_owned();
        let old_path = if flags.is_index_renamed() {
            let old = entry.head_to_index().and_then(|d| path_of(d.old_file()));
            old.and_then(|o| self.outer(&o).map(str::to_owned))
        } else {
            None
        };
        Some(FileState {
            path,
            old_path,
            staged: staged(flags),
            changed: changed(flags),
            untracked: flags.is_wt_new(),
            conflicted: flags.is_conflicted(),
        })
    }

    fn author(&self) -> Option<Author> {
        let signature = self.git.author_from_env().ok()?;
        let name = signature.name().ok().filter(|n| !n.is_empty())?;
        let email = signature.email().ok().filter(|e| !e.is_empty())?;
        Some(Author { name: name.to_owned(), email: email.to_owned() })
    }

    fn upstream(&self, head: &Head) -> (Option<String>, Option<(u64, u64)>) {
        let Head::Branch { branch, .. } = head else { return (None, None) };
        let Ok(local) = self.git.find_branch(branch, git2::BranchType::Local) else { return (None, None) };
        let Ok(upstream) = local.upstream() else { return (None, None) };
        let name = upstream.name().ok().flatten().map(str::to_owned);
        let counts = local.get().target().zip(upstream.get().target()).and_then(|(a, b)| {
            self.git.graph_ahead_behind(a, b).ok().map(|(ahead, behind)| (ahead as u64, behind as u64))
        });
        (name, counts)
    }

    /// What `git commit` would start for these files besides itself. Only looked up, never started.
    pub(super) fn commit_runs<'a>(&self, paths: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut runs = Vec::new();
        let hooks = self.hooks_dir();
        runs.extend(COMMIT_HOOKS.iter().filter(|h| is_program(&hooks.join(h))).map(|h| format!("{h} hook")));
        let config = self.git.config().ok();
        if config.as_ref().and_then(|c| c.get_bool("commit.gpgsign").ok()).unwrap_or(false) {
            runs.push("signing".to_owned());
        }
        // Hooks may be named in git's settings, too.
        let set = config.as_ref().and_then(|c| c.entries(Some("^hook\\..*\\.command$")).ok());
        if set.is_some_and(|mut entries| matches!(entries.next(), Some(Ok(_)))) {
            runs.push("hooks of git's settings".to_owned());
        }
        let mut filters: Vec<String> = paths.filter_map(|p| self.filter_of(p)).collect();
        filters.sort();
        filters.dedup();
        runs.extend(filters.into_iter().map(|f| format!("{f} filter")));
        runs
    }

    /// The filter or encoding that .gitattributes sets for a path and that libgit2 does not carry out.
    fn filter_of(&self, path: &str) -> Option<String> {
        let inner = self.inner(path);
        let get = |name| {
            let value = self.git.get_attr(Path::new(&inner), name, git2::AttrCheckFlags::default()).ok().flatten();
            match git2::AttrValue::from_string(value) {
                git2::AttrValue::String(text) => Some(text.to_owned()),
                _ => None,
            }
        };
        if let Some(filter) = get("filter") {
            // A filter without a program is no filter, to git as well, unless it has to be one.
            let config = self.git.config().ok()?;
            let has = |k: &&str| config.get_string(&format!("filter.{filter}.{k}")).is_ok_and(|v| !v.is_empty());
            let must = config.get_bool(&format!("filter.{filter}.required")).unwrap_or(false);
            // Files that Git LFS keeps elsewhere must not be committed whole where it was not set up.
            return (["clean", "process"].iter().any(has) || must || filter == "lfs").then_some(filter);
        }
        get("working-tree-encoding").map(|e| format!("{e} encoding"))
    }

    fn hooks_dir(&self) -> PathBuf {
        let configured = self.git.config().ok().and_then(|c| c.get_path("core.hooksPath").ok());
        match configured {
            Some(dir) if dir.is_absolute() => dir,
            Some(dir) => self.git.workdir().unwrap_or(self.git.path()).join(dir),
            None => self.git.commondir().join("hooks"),
        }
    }
}

fn staged(flags: Flags) -> Option<Change> {
    if flags.is_index_renamed() {
        Some(Change::Renamed)
    } else if flags.is_index_new() {
        Some(Change::Added)
    } else if flags.is_index_modified() {
        Some(Change::Modified)
    } else if flags.is_index_deleted() {
        Some(Change::Deleted)
    } else if flags.is_index_typechange() {
        Some(Change::Retyped)
    } else {
        None
    }
}

fn changed(flags: Flags) -> Option<Change> {
    if flags.is_wt_renamed() {
        Some(Change::Renamed)
    } else if flags.is_wt_modified() {
        Some(Change::Modified)
    } else if flags.is_wt_deleted() {
        Some(Change::Deleted)
    } else if flags.is_wt_typechange() {
        Some(Change::Retyped)
    } else {
        None
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

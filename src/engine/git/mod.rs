//! The workspace's repository: status, stage, commit, history, branches, files at any revision.
//!
//! Reading goes through libgit2 and never starts a program, so that looking at a repository from elsewhere is
//! safe. A commit that git itself would accompany with hooks, filters or a signature goes through the `git`
//! command ([`commit`], [`command`]), so that nothing is skipped in silence.
mod askpass;
mod blob;
mod branch;
mod changes;
pub(in crate::engine) mod command;
mod commit;
mod discard;
mod driver;
pub mod entries;
mod history;
mod identity;
mod join;
mod refusal;
mod remote;
mod stash;
mod status;
mod unmerged;

use std::path::{Path, PathBuf};

pub use askpass::{Asks, put as put_question};
pub use history::NotebookVersion;
pub use remote::{clone, clone_name};
pub use stash::Taken;
pub use unmerged::{Stages, is_as_git_left_it};

use git2::{ErrorClass, ErrorCode, ObjectType, Repository};

use crate::{
    base::{Error, Result, text},
    model::git::{Head, Rev, Underway},
};

/// Longest list of files a page is given.
pub const MAX_FILES: usize = 5_000;

/// Branches below this prefix hold Andon's own ledger and are no place to work on.
pub const OWN_BRANCHES: &str = "andon/";

/// The repository around a workspace. Paths in and out are below the workspace, with `/`.
pub struct Repo {
    git: Repository,
    root: PathBuf,
    /// The workspace's place in the repository: empty, or ending in `/`.
    prefix: String,
    /// The program that merges notebooks, for merges that are begun here.
    driver: Option<PathBuf>,
}

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repo").field("root", &self.root).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Gives a libgit2 error words and, where the cause is known, the way out.
pub(super) fn wrap(what: impl Into<String>, e: &git2::Error) -> Error {
    let error = Error::io(what).because(e);
    match (e.class(), e.code()) {
        (_, ErrorCode::Owner) => error.hint(
            "The repository belongs to another user; allow it with: git config --global --add safe.directory FOLDER",
        ),
        (_, ErrorCode::Locked) => {
            error.hint("Another git program is at work here; try again, or delete the lock file if none is")
        }
        (ErrorClass::Repository, _) if e.message().contains("extension") => {
            error.hint("The repository uses a feature that Andon cannot read yet; the git command can")
        }
        _ => error,
    }
}

/// A side that lies elsewhere; `engine::sides` reads it.
pub(super) fn not_in_git(rev: &Rev) -> Error {
    Error::bug(format!("{rev} was looked for in the repository"))
}

/// [`wrap`] on results.
pub(super) trait GitContext<T> {
    /// Says what was being done.
    fn git(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> GitContext<T> for std::result::Result<T, git2::Error> {
    fn git(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| wrap(what(), &e))
    }
}

impl Repo {
    /// The repository at or above `root`; none is no error.
    pub fn discover(root: &Path) -> Result<Option<Self>> {
        static ONCE: std::sync::Once = std::sync::Once::new();
        // As git itself: what is read is not hashed once more. A notebook of 60 MB took a fifth of a second for it.
        ONCE.call_once(|| git2::opts::strict_hash_verification(false));
        let root = root.canonicalize().map_err(|e| {
            Error::io(format!("The folder {} cannot be read", root.display()))
                .because(&e)
                .hint("It may have been moved or unmounted")
        })?;
        let git = match Repository::discover(&root) {
            Ok(git) => git,
            Err(e) if e.code() == ErrorCode::NotFound => return Ok(None),
            Err(e) => return Err(wrap(format!("Could not open the repository of {}", root.display()), &e)),
        };
        let Some(work) = git.workdir() else {
            return Ok(Some(Self { git, root, prefix: String::new(), driver: None }));
        };
        let work = work.canonicalize().unwrap_or_else(|_| work.to_path_buf());
        // Inside .git itself, or below a folder with a .git file that points away: not a workspace of that repository.
        let Ok(below) = root.strip_prefix(&work) else { return Ok(None) };
        let mut prefix = crate::base::fsx::relative(Path::new(""), below);
        if !prefix.is_empty() {
            prefix.push('/');
        }
        Ok(Some(Self { git, root, prefix, driver: None }))
    }

    /// The repository at or above `root`; an error with the next step when there is none.
    pub fn open(root: &Path) -> Result<Self> {
        Self::discover(root)?.ok_or_else(|| {
            Error::user(format!("{} is not in a git repository", root.display()))
                .hint("Make it one with: git init, or with \"Make this folder a repository\" in the window")
        })
    }

    /// Makes `root` a repository with the branch `main`; what lies there is not touched.
    pub fn init(root: &Path) -> Result<Self> {
        if let Some(repo) = Self::discover(root)? {
            return Err(Error::user(format!("{} already is in a git repository", root.display()))
                .because_of(format!("its folder is {}", repo.git.path().display())));
        }
        let mut options = git2::RepositoryInitOptions::new();
        let configured = git2::Config::open_default().ok().and_then(|c| c.get_string("init.defaultBranch").ok());
        options.no_reinit(true).initial_head(configured.as_deref().unwrap_or("main"));
        Repository::init_opts(root, &options).git(|| format!("Could not make {} a git repository", root.display()))?;
        Self::open(root)
    }

    /// The workspace's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the repository's own files, for a watcher.
    pub fn git_dir(&self) -> &Path {
        self.git.path()
    }

    /// Where HEAD stands.
    pub fn head(&self) -> Result<Head> {
        match self.git.head() {
            Ok(head) => {
                let commit = head.peel_to_commit().git(|| "Could not read the last commit".into())?.id().to_string();
                if self.git.head_detached().unwrap_or(false) {
                    return Ok(Head::Detached { commit });
                }
                let branch = String::from_utf8_lossy(head.shorthand_bytes()).into_owned();
                Ok(Head::Branch { branch, commit })
            }
            Err(e) if e.code() == ErrorCode::UnbornBranch || e.code() == ErrorCode::NotFound => {
                let head = self.git.find_reference("HEAD").git(|| "Could not read HEAD".into())?;
                let name = head.symbolic_target().ok().flatten().unwrap_or("refs/heads/main").to_owned();
                let branch = name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned();
                Ok(Head::Unborn { branch })
            }
            Err(e) => Err(wrap("Could not read HEAD", &e)),
        }
    }

    /// What git has begun and not ended here.
    pub fn underway(&self) -> Underway {
        use git2::RepositoryState as S;
        match self.git.state() {
            S::Clean => Underway::Nothing,
            S::Merge => Underway::Merge,
            S::Revert | S::RevertSequence => Underway::Revert,
            S::CherryPick | S::CherryPickSequence => Underway::CherryPick,
            S::Bisect => Underway::Bisect,
            S::Rebase | S::RebaseInteractive | S::RebaseMerge | S::ApplyMailboxOrRebase => Underway::Rebase,
            S::ApplyMailbox => Underway::ApplyMailbox,
        }
    }

    /// The path in the repository of a path in the workspace.
    fn inner(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The path in the workspace of a path in the repository; none when it lies outside or is Andon's own.
    fn outer<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.prefix.as_str()).filter(|p| !p.starts_with(".andon/") && *p != ".andon")
    }

    /// The commit a revision names; none for `HEAD` before the first commit.
    fn commit_at(&self, spec: &str) -> Result<Option<git2::Commit<'_>>> {
        let found = self.git.revparse_single(spec).and_then(|o| o.peel(ObjectType::Commit));
        match found {
            Ok(object) => Ok(object.into_commit().ok()),
            Err(_) if spec == "HEAD" && matches!(self.head()?, Head::Unborn { .. }) => Ok(None),
            Err(e) => Err(self.no_revision(spec, &e)),
        }
    }

    /// The tree of one side; none for an empty side and for `HEAD` before the first commit.
    fn tree_at(&self, rev: &Rev) -> Result<Option<git2::Tree<'_>>> {
        match rev {
            Rev::Empty | Rev::WorkingTree | Rev::Index => Ok(None),
            Rev::Draft | Rev::Run(_) | Rev::File(_) => Err(not_in_git(rev)),
            Rev::At(spec) | Rev::Stash(spec) => {
                let Some(commit) = self.commit_at(spec)? else { return Ok(None) };
                commit.tree().map(Some).git(|| format!("Could not read the files of {spec}"))
            }
        }
    }

    fn no_revision(&self, spec: &str, e: &git2::Error) -> Error {
        let error = match e.code() {
            ErrorCode::NotFound | ErrorCode::InvalidSpec => Error::user(format!("No revision is called {spec}")),
            ErrorCode::Ambiguous => {
                return Error::user(format!("{spec} names more than one commit")).hint("Give more of its digits");
            }
            _ => return wrap(format!("Could not read the revision {spec}"), e),
        };
        let names: Vec<String> = self.refs().unwrap_or_default().into_iter().map(|r| r.name).collect();
        match text::nearest(spec, names.iter().map(String::as_str)) {
            Some(name) => error.hint(format!("Did you mean {name}?")),
            None => error.hint("Give a branch, a tag, the first digits of a commit, or HEAD~2"),
        }
    }

    /// The full name of the commit that `spec` names; none for `HEAD` before the first commit.
    pub fn resolve(&self, spec: &str) -> Result<Option<String>> {
        Ok(self.commit_at(spec)?.map(|c| c.id().to_string()))
    }
}

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
#[cfg(unix)]
mod work_tests;

//! The two sides of a comparison, wherever they lie: revisions, the index, stashes and the working tree in the
//! repository; unsaved edits in the journal; executed notebooks in the store; loose files anywhere.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::{git::Repo, notebook, store::Store};
use crate::{
    base::{Error, Result, fsx, ids::RunId, job::JobCtx},
    model::{
        git::{Change, ChangedFile, ChangedFiles, Rev},
        run::Run,
    },
};

/// Where sides are read from.
#[derive(Debug)]
pub struct Sides {
    root: PathBuf,
    repo: Option<Repo>,
    store: OnceLock<Store>,
}

/// Paths at which a side has contents of its own, and the side below it.
struct Layer {
    below: Rev,
    own: BTreeSet<String>,
    /// Nothing else is compared.
    only: bool,
}

impl Sides {
    /// Gets ready to read in a workspace, in a repository or not.
    pub fn open(root: &Path) -> Result<Self> {
        Ok(Self { root: root.to_path_buf(), repo: Repo::discover(root)?, store: OnceLock::new() })
    }

    /// The repository; an error with the next step when there is none.
    pub fn repo(&self) -> Result<&Repo> {
        self.repo.as_ref().ok_or_else(|| {
            Error::user(format!("{} is not in a git repository", self.root.display()))
                .hint("Make it one with: git init, or with \"Make this folder a repository\" in the window")
        })
    }

    fn store(&self) -> Result<&Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::open(&self.root)?;
        Ok(self.store.get_or_init(|| store))
    }

    /// The files that differ between two sides.
    pub fn changed(&self, base: &Rev, compare: &Rev, cx: &JobCtx) -> Result<ChangedFiles> {
        if base == compare {
            return Ok(ChangedFiles::default());
        }
        if let (Rev::File(old), Rev::File(new)) = (base, compare) {
            return self.two_files(old, new);
        }
        if let Some(Rev::File(path)) = [base, compare].into_iter().find(|r| matches!(r, Rev::File(_))) {
            return Err(Error::user(format!("{path} is a file of its own"))
                .because_of("A loose file is compared with another loose file")
                .hint("Choose files on both sides: andon diff --window A B"));
        }
        let (old, new) = (self.layer(base)?, self.layer(compare)?);
        let only = old.only || new.only;
        let mut list =
            if only { ChangedFiles::default() } else { self.repo()?.changed_files(&old.below, &new.below, cx)? };
        for path in old.own.union(&new.own) {
            cx.check()?;
            let before = self.read(base, path)?;
            let after = self.read(compare, path)?;
            list.files.retain(|f| f.path != *path);
            let change = match (&before, &after) {
                (None, None) => continue,
                (Some(a), Some(b)) if a == b => continue,
                (None, Some(_)) => Change::Added,
                (Some(_), None) => Change::Deleted,
                _ => Change::Modified,
            };
            list.files.push(ChangedFile { path: path.clone(), old_path: None, change, untracked: false });
        }
        list.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(list)
    }

    fn two_files(&self, old: &str, new: &str) -> Result<ChangedFiles> {
        let name =
            |p: &str| Path::new(p).file_name().map_or_else(|| p.to_owned(), |n| n.to_string_lossy().into_owned());
        let side = |p: &str| self.read(&Rev::File(p.to_owned()), "");
        let (a, b) = (side(old)?, side(new)?);
        let change = match (&a, &b) {
            (a, b) if a == b => return Ok(ChangedFiles::default()),
            (None, _) => Change::Added,
            (_, None) => Change::Deleted,
            _ => Change::Modified,
        };
        let path = if change == Change::Deleted { name(old) } else { name(new) };
        let old_path = (change == Change::Modified && name(old) != path).then(|| name(old));
        let change = if old_path.is_some() { Change::Renamed } else { change };
        Ok(ChangedFiles { files: vec![ChangedFile { path, old_path, change, untracked: false }], more: 0 })
    }

    fn layer(&self, rev: &Rev) -> Result<Layer> {
        let plain = |rev: &Rev| Layer { below: rev.clone(), own: BTreeSet::new(), only: false };
        Ok(match rev {
            Rev::Stash(id) => Layer { own: self.repo()?.new_files_of_stash(id)?.into_iter().collect(), ..plain(rev) },
            Rev::Draft => {
                let own = notebook::draft_paths(&self.root).into_iter().collect();
                Layer { below: Rev::WorkingTree, own, only: self.repo.is_none() }
            }
            Rev::Run(id) => {
                let own = self.executed(id)?.into_keys().collect();
                Layer { below: Rev::WorkingTree, own, only: true }
            }
            other => plain(other),
        })
    }

    /// What a file holds on a side; none when it does not exist there.
    pub fn read(&self, rev: &Rev, path: &str) -> Result<Option<Vec<u8>>> {
        match rev {
            // git's word for a side without the file.
            Rev::File(file) if file == "/dev/null" => Ok(None),
            Rev::File(file) => fsx::read(Path::new(file)).map(Some),
            Rev::Draft => match notebook::draft_bytes(&self.root, path) {
                Some(bytes) => Ok(Some(bytes)),
                None => self.read(&Rev::WorkingTree, path),
            },
            Rev::Run(id) => match self.executed(id)?.get(path) {
                Some(artifact) => fsx::read(&fsx::inside(&self.root, artifact)?)
                    .map(Some)
                    .map_err(|e| e.hint("The executed notebook was deleted; the run's record is still there")),
                None => Ok(None),
            },
            Rev::WorkingTree if self.repo.is_none() => {
                let file = fsx::inside(&self.root, path)?;
                if file.is_file() { fsx::read(&file).map(Some) } else { Ok(None) }
            }
            rev => self.repo()?.read(rev, path),
        }
    }

    /// What a file holds on a side, to be looked at: where Git LFS keeps the content and it is not on this machine, what
    /// git has in its place.
    pub fn read_to_show(&self, rev: &Rev, path: &str) -> Result<Option<Vec<u8>>> {
        match (rev, &self.repo) {
            (Rev::Draft | Rev::Run(_) | Rev::File(_), _) | (_, None) => self.read(rev, path),
            (rev, Some(repo)) => repo.read_to_show(rev, path),
        }
    }

    fn run(&self, id: &str) -> Result<Run> {
        self.store()?
            .run(&RunId::from(id))?
            .ok_or_else(|| Error::user(format!("There is no run {id} here any more")).hint("Choose another run"))
    }

    /// Executed notebooks of a run: path of the notebook to path of its executed copy.
    fn executed(&self, id: &str) -> Result<BTreeMap<String, String>> {
        Ok(executed(&self.run(id)?))
    }

    /// The revision whose history belongs to a side.
    pub fn history_of(&self, rev: &Rev) -> String {
        match rev {
            Rev::At(spec) => spec.clone(),
            Rev::Stash(id) => format!("{id}^1"),
            Rev::Run(id) => self.run(id).ok().and_then(|r| r.record.commit).map_or_else(|| "HEAD".to_owned(), |c| c.id),
            _ => "HEAD".to_owned(),
        }
    }
}

/// Executed notebooks of a run: path of the notebook to path of its executed copy. Of several tries the last counts.
pub fn executed(run: &Run) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for task in &run.tasks {
        let Some((attempt, artifact)) = task.attempts.iter().rev().find_map(|a| Some((a, a.artifact.clone()?))) else {
            continue;
        };
        let is_notebook = |p: &&String| p.to_lowercase().ends_with(".ipynb");
        let source = attempt.inputs.keys().find(is_notebook).cloned();
        let own = run.source.to_lowercase().ends_with(".ipynb").then(|| run.source.clone());
        if let Some(source) = source.or(own) {
            all.insert(source, artifact);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::store::run_folder;

    fn cx() -> JobCtx {
        JobCtx::detached()
    }

    fn repo() -> (tempfile::TempDir, Repo) {
        let dir = tempfile::tempdir().unwrap();
        Repo::init(dir.path()).unwrap();
        let config = dir.path().join(".git/config");
        let mut text = fs::read_to_string(&config).unwrap();
        text.push_str("[user]\n\tname = Mara\n\temail = m@example.org\n[core]\n\thooksPath = .git/hooks\n[commit]\n\tgpgsign = false\n");
        fs::write(&config, text).unwrap();
        let repo = Repo::open(dir.path()).unwrap();
        fs::write(dir.path().join("a.txt"), "one\n").unwrap();
        fs::write(dir.path().join("b.txt"), "one\n").unwrap();
        repo.commit("First", &["a.txt".into(), "b.txt".into()], &cx()).unwrap();
        (dir, repo)
    }

    fn list(dir: &Path, base: &Rev, compare: &Rev) -> Vec<String> {
        let sides = Sides::open(&dir.canonicalize().unwrap()).unwrap();
        let files = sides.changed(base, compare, &cx()).unwrap().files;
        let text = |rev: &Rev, path: &str| {
            let bytes = sides.read(rev, path).unwrap();
            bytes.map_or("none".to_owned(), |b| String::from_utf8_lossy(&b).trim().to_owned())
        };
        files
            .iter()
            .map(|f| format!("{}{} {} {}", f.change.letter(), f.path, text(base, f.before()), text(compare, &f.path)))
            .collect()
    }

    #[test]
    fn what_is_staged_stands_between_the_last_commit_and_the_disk() {
        let (dir, repo) = repo();
        fs::write(dir.path().join("a.txt"), "staged\n").unwrap();
        fs::write(dir.path().join("new.txt"), "new\n").unwrap();
        repo.stage(&["a.txt".into(), "new.txt".into()], &cx()).unwrap();
        fs::write(dir.path().join("a.txt"), "disk\n").unwrap();
        let (head, index, disk) = (Rev::head(), Rev::Index, Rev::WorkingTree);
        assert_eq!(list(dir.path(), &head, &index), ["Ma.txt one staged", "Anew.txt none new"]);
        assert_eq!(list(dir.path(), &index, &disk), ["Ma.txt staged disk"]);
        assert_eq!(list(dir.path(), &disk, &index), ["Ma.txt disk staged"]);
        assert_eq!(list(dir.path(), &index, &head), ["Ma.txt staged one", "Dnew.txt new none"]);
        assert!(list(dir.path(), &index, &index).is_empty());
    }

    #[test]
    fn a_stash_shows_changed_and_new_files_against_any_side() {
        let (dir, repo) = repo();
        fs::write(dir.path().join("a.txt"), "mine\n").unwrap();
        fs::write(dir.path().join("new.txt"), "new\n").unwrap();
        let stash = repo.stash("half done", true, &cx()).unwrap().unwrap();
        let (base, side) = Repo::stash_sides(&stash);
        assert_eq!(list(dir.path(), &base, &side), ["Ma.txt one mine", "Anew.txt none new"]);
        assert_eq!(list(dir.path(), &side, &Rev::WorkingTree), ["Ma.txt mine one", "Dnew.txt new none"]);
        fs::write(dir.path().join("new.txt"), "new\n").unwrap();
        assert_eq!(list(dir.path(), &Rev::WorkingTree, &side), ["Ma.txt one mine"], "the new file is the same");
    }

    #[test]
    fn unsaved_edits_are_a_side() {
        let (dir, _repo) = repo();
        let root = dir.path();
        fs::write(root.join("b.txt"), "saved\n").unwrap();
        notebook::keep_draft(root, "a.txt", None, jiff::Timestamp::UNIX_EPOCH, b"unsaved\n").unwrap();
        assert_eq!(list(root, &Rev::WorkingTree, &Rev::Draft), ["Ma.txt one unsaved"]);
        assert_eq!(list(root, &Rev::head(), &Rev::Draft), ["Ma.txt one unsaved", "Mb.txt one saved"]);
    }

    #[test]
    fn two_loose_files_need_no_repository() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("old.ipynb"), dir.path().join("new.ipynb"));
        fs::write(&a, "1").unwrap();
        fs::write(&b, "2").unwrap();
        let rev = |p: &Path| Rev::File(p.display().to_string());
        assert_eq!(list(dir.path(), &rev(&a), &rev(&b)), ["Rnew.ipynb 1 2"]);
        let sides = Sides::open(dir.path()).unwrap();
        let e = sides.changed(&rev(&a), &Rev::head(), &cx()).unwrap_err();
        assert!(e.causes[0].contains("another loose file"), "{e}");
        assert!(sides.changed(&Rev::head(), &Rev::WorkingTree, &cx()).unwrap_err().what.contains("not in a git"));
    }

    #[test]
    fn a_run_is_the_notebooks_it_executed() {
        let (dir, _repo) = repo();
        let folder = run_folder(&RunId::from("abcd1234"));
        let states = [crate::model::run::TaskState::Success; 4];
        let mut run = crate::model::run::tests::run(states);
        let mut attempt = crate::model::run::tests::attempt(1, 1, states[0], 0, 1);
        attempt.inputs.insert("a.ipynb".to_owned(), "1".to_owned());
        attempt.artifact = Some(format!("{folder}/a.ipynb"));
        run.tasks[0].attempts = vec![attempt];
        assert_eq!(executed(&run), BTreeMap::from([("a.ipynb".to_owned(), format!("{folder}/a.ipynb"))]));
        run.tasks[0].attempts[0].artifact = None;
        assert!(executed(&run).is_empty());
        let sides = Sides::open(dir.path()).unwrap();
        assert!(sides.read(&Rev::Run("nope".into()), "a.ipynb").unwrap_err().what.contains("no run nope"));
    }
}
